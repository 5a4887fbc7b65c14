//! What every request shares: the settings, the state, and where the emulator is found.

use super::Quirks;
use super::body::Room;
use super::fault::Faults;
use super::iam::{Caller, Gate, Role};
use super::limits::{Quotas, Rates};
use super::log::Log;
use super::oidc::Issuer;
use super::quirk::{TokenLife, UploadLifetime};
use super::store::{Limits, RegistryId, Repository, Store, Upload};
use crate::base::Clock;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What the paths of the issuer start with.
pub(super) const OIDC_PATH: &str = "/oidc";

/// Everything that a request can need.
#[derive(Debug)]
pub(super) struct App {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) account: String,
    pub(super) registry_host: Option<String>,
    pub(super) audiences: Vec<String>,
    pub(super) credential_lifetime: Duration,
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
    pub(super) roles: Vec<Role>,
    pub(super) store: Store,
    pub(super) faults: Faults,
    pub(super) log: Log,
    pub(super) room: Room,
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
    pub(super) fn mounts_blobs(&self, _registry: &RegistryId) -> bool {
        self.blob_mounting
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

    /// `arn:aws:iam::ACCOUNT:role/NAME`
    pub(super) fn role_arn(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:role/{name}", self.account)
    }

    /// What `WWW-Authenticate` says on `/v2/`.
    pub(super) fn challenge(&self) -> String {
        format!("Basic realm=\"{}/\",service=\"ecr.amazonaws.com\"", self.proxy_endpoint())
    }
}
