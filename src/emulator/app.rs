//! What every request shares: the settings, the state, and where the emulator is found.

use super::Quirks;
use super::body::Room;
use super::clock::VirtualClock;
use super::ecr;
use super::fault::Faults;
use super::iam::{Caller, Directory, Gate, Moment};
use super::limits::{Quotas, Rates};
use super::log::Log;
use super::oidc::{FILE_TOKEN_SECONDS, Issuer};
use super::quirk::{TokenLife, UploadLifetime};
use super::seal;
use super::store::{Limits, RegistryId, RegistrySettings, Repository, Store, Upload};
use super::tasks::Tasks;
use crate::base::Clock;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What the paths of the issuer start with.
pub(super) const OIDC_PATH: &str = "/oidc";

/// Everything that a request can need.
#[derive(Debug)]
pub(super) struct App {
    /// The time by which everything here happens: [`virtual_clock`](Self::virtual_clock).
    pub(super) clock: Arc<dyn Clock>,
    pub(super) virtual_clock: Arc<VirtualClock>,
    pub(super) account: String,
    pub(super) registry_host: Option<String>,
    pub(super) audiences: Vec<String>,
    pub(super) credential_lifetime: Duration,
    pub(super) replication_delay: Duration,
    pub(super) part_size: u64,
    pub(super) quotas: Quotas,
    /// None: nothing is throttled.
    pub(super) rates: Option<Rates>,
    pub(super) strict_oci: bool,
    pub(super) blob_mounting: bool,
    pub(super) quirks: Quirks,
    pub(super) address: SocketAddr,
    pub(super) gate: Gate,
    pub(super) issuer: Issuer,
    pub(super) iam: Directory,
    /// Where the job finds its token.
    pub(super) token_file: PathBuf,
    /// What its session is called. The AWS CLI keeps credentials on disk by role and session; with a name of its own,
    /// no emulator gets those of another.
    pub(super) session_name: String,
    pub(super) store: Store,
    pub(super) faults: Faults,
    pub(super) log: Log,
    pub(super) room: Room,
    /// The file that says what scans find.
    pub(super) findings: Option<PathBuf>,
    pub(super) tasks: Tasks,
}

/// Where the emulator is found by others on this machine.
pub(super) fn origin(address: SocketAddr) -> String {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}")
}

/// The URL of the issuer at `address`.
pub(super) fn issuer_url(address: SocketAddr) -> String {
    origin(address) + OIDC_PATH
}

impl App {
    /// `http://127.0.0.1:PORT`
    pub(super) fn origin(&self) -> String {
        origin(self.address)
    }

    /// `127.0.0.1:PORT`
    pub(super) fn own_host(&self) -> String {
        self.origin().trim_start_matches("http://").to_owned()
    }

    /// What image references start with.
    pub(super) fn registry_host(&self) -> String {
        self.registry_host.clone().unwrap_or_else(|| self.own_host())
    }

    /// The registry's URL. Only what looks like AWS claims to speak TLS.
    pub(super) fn proxy_endpoint(&self) -> String {
        match &self.registry_host {
            Some(host) => format!("https://{host}"),
            None => self.origin(),
        }
    }

    /// The two times that a signed request is checked by.
    pub(super) fn moment(&self) -> Moment {
        Moment { machine: self.virtual_clock.machine(), now: self.clock.now() }
    }

    /// Writes a fresh token into the job's file.
    pub(super) fn write_token(&self) -> std::io::Result<()> {
        let audience = self.audiences.first().map_or("sts.amazonaws.com", String::as_str);
        let token = self.issuer.mint(audience, None, self.clock.now(), FILE_TOKEN_SECONDS);
        seal::write_secret(&self.token_file, token.expose().as_bytes())
    }

    /// What `WWW-Authenticate` says on `/v2/` of ECR Public.
    pub(super) fn public_challenge(&self) -> String {
        let realm = match &self.registry_host {
            Some(_) => "https://public.ecr.aws".to_owned(),
            None => self.origin(),
        };
        format!("Bearer realm=\"{realm}/token/\",service=\"public.ecr.aws\",scope=\"aws\"")
    }

    /// The password of a new registry token for the caller, and when it expires (seconds since 1970).
    pub(super) fn registry_password(&self, caller: &Caller) -> (String, i64) {
        let with_session = self.quirks.token_life == TokenLife::Session;
        self.gate.registry_password(caller, self.clock.now(), with_session)
    }

    /// Whether a registry has switched on that blobs are mounted.
    pub(super) fn mounts_blobs(&self, registry: &RegistryId) -> bool {
        let set = |settings: &RegistrySettings| ecr::account_setting(settings, "BLOB_MOUNTING");
        self.blob_mounting
            || self.store.registry(registry).read(set).is_some_and(|setting| setting == "ENABLED")
    }

    /// The upload, if it is open. One that has run out is closed here.
    pub(super) fn upload(&self, repository: &Repository, id: &str) -> std::io::Result<Option<Arc<Upload>>> {
        let Some(upload) = repository.upload(id) else { return Ok(None) };
        let lifetime = match self.quirks.upload_lifetime {
            UploadLifetime::Day => jiff::SignedDuration::from_hours(24),
            UploadLifetime::Hour => jiff::SignedDuration::from_hours(1),
            UploadLifetime::Never => return Ok(Some(upload)),
        };
        if self.clock.now().duration_since(upload.opened) <= lifetime {
            return Ok(Some(upload));
        }
        repository.close_upload(id)?;
        Ok(None)
    }

    /// How large the layers of a repository may be, and their parts.
    pub(super) fn layer_limits(&self, repository: &Repository) -> Limits {
        self.quotas.layers(repository.registry(), self.part_size)
    }

    /// What `WWW-Authenticate` says on `/v2/`.
    pub(super) fn challenge(&self) -> String {
        format!("Basic realm=\"{}/\",service=\"ecr.amazonaws.com\"", self.proxy_endpoint())
    }
}
