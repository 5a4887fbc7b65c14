//! What every request shares: the settings, the state, and where the emulator is found.

use super::Quirks;
use super::body::Room;
use super::fault::Faults;
use super::iam::{Gate, Role};
use super::log::Log;
use super::oidc::Issuer;
use super::store::Store;
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
    pub(super) clock: Arc<dyn Clock>,
    pub(super) account: String,
    pub(super) registry_host: Option<String>,
    pub(super) audiences: Vec<String>,
    pub(super) credential_lifetime: Duration,
    pub(super) part_size: u64,
    pub(super) quirks: Quirks,
    pub(super) address: SocketAddr,
    pub(super) gate: Gate,
    pub(super) issuer: Issuer,
    pub(super) roles: Vec<Role>,
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

    /// `arn:aws:iam::ACCOUNT:role/NAME`
    pub(super) fn role_arn(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:role/{name}", self.account)
    }

    /// What `WWW-Authenticate` says on `/v2/`.
    pub(super) fn challenge(&self) -> String {
        format!("Basic realm=\"{}/\",service=\"ecr.amazonaws.com\"", self.proxy_endpoint())
    }
}
