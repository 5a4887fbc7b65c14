//! IAM: who calls, and what they may do.
//!
//! | file | what is in it |
//! |---|---|
//! | `directory` | accounts with their OIDC providers, roles, users and policies, from the user's file |
//! | `session` | the sessions that STS gives out |
//! | `document`, `condition`, `pattern`, `context` | one policy, and what it says about a request |
//! | `decide` | all policies that have a say, put together |
//! | `demand` | which actions on which resources a call needs |
//! | `authorize` | asks for all of it, and words the refusal |
//! | here | checks signatures and registry passwords |

mod authorize;
mod condition;
mod context;
mod decide;
mod demand;
mod directory;
mod document;
mod managed;
mod pattern;
mod session;

pub(super) use authorize::{Assumption, ask, ask_for, registry_lets};
pub(super) use context::Context;
pub(super) use demand::{Service, of_registry as registry_actions};
pub(super) use directory::{Directory, Own, Provider};
pub(super) use document::{Attached, Document};
pub(super) use session::{Bounds, Opening, Session};

use super::seal::{self, Seal};
use super::sigv4::{Flaw, Presented};
use crate::base::Timestamp;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use session::SESSION;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

const REGISTRY_TOKEN: &str = "registry-token";
/// How long a registry token holds, as ECR's do.
const REGISTRY_TOKEN_SECONDS: i64 = 12 * 3600;

/// A caller whose signature was verified.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) session: Session,
    /// The region that the call was signed for.
    pub(super) region: String,
}

/// What the password of a registry token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RegistryToken {
    /// Tells it apart from others, in the list of those that a fault made invalid.
    id: String,
    pub(super) account: String,
    pub(super) region: String,
    /// Seconds since 1970.
    pub(super) expires: i64,
    /// Who asked for it; whoever shows it may do what they may.
    pub(super) session: Session,
}

/// Why a registry password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PasswordFlaw {
    Unknown,
    Expired,
}

/// The two times of a check: signatures are dated by the client's clock, which is the machine's; what expires does
/// so by the emulator's, which can be set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) machine: Timestamp,
    pub(super) now: Timestamp,
}

/// Checks who calls.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) seal: Seal,
    /// Access keys and registry tokens that a fault declared expired.
    revoked: Mutex<HashSet<String>>,
}

impl Gate {
    pub(super) fn new(seal: Seal) -> Self {
        Self { seal, revoked: Mutex::default() }
    }

    fn revoked(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Verifies a signed request. With `revoke`, the credentials that it was made with expire at this moment.
    pub(super) fn signed(
        &self,
        directory: &Directory,
        parts: &Parts,
        payload_hash: &str,
        services: &[&str],
        at: Moment,
        revoke: bool,
    ) -> Result<Caller, Flaw> {
        let presented = Presented::read(&parts.headers)?;
        let (session, secret) = self.owner(directory, &presented).ok_or(Flaw::Unknown)?;
        presented.check_scope(services, &parts.headers, at.machine)?;
        presented.check_signature(&secret, &parts.method, &parts.uri, &parts.headers, payload_hash)?;
        let mut revoked = self.revoked();
        if revoke {
            revoked.insert(session.access_key_id.clone());
        }
        if session.expires <= at.now.as_second() || revoked.contains(&session.access_key_id) {
            return Err(Flaw::Expired);
        }
        Ok(Caller { session, region: presented.region })
    }

    /// Whose access key was presented, and the secret that belongs to it.
    fn owner(&self, directory: &Directory, presented: &Presented) -> Option<(Session, String)> {
        let id = presented.access_key_id.as_str();
        let Some(token) = presented.token.as_deref() else {
            let (user, secret) = directory.user_of_key(id)?;
            return Some((Session::of_user(user, id), secret.expose().to_owned()));
        };
        let session: Session = self.seal.unseal(SESSION, token)?;
        (session.access_key_id == id).then(|| {
            let secret = self.seal.secret_key(id);
            (session, secret)
        })
    }

    /// The password of a new registry token, and when it expires (seconds since 1970): in 12 hours, or with the
    /// caller's session if `with_session` says so.
    pub(super) fn registry_password(
        &self,
        caller: &Caller,
        now: Timestamp,
        with_session: bool,
    ) -> (String, i64) {
        let mut expires = now.as_second() + REGISTRY_TOKEN_SECONDS;
        if with_session {
            expires = expires.min(caller.session.expires);
        }
        let token = RegistryToken {
            id: seal::random_identifier(20),
            account: caller.session.account.clone(),
            region: caller.region.clone(),
            expires,
            session: caller.session.clone(),
        };
        (self.seal.seal(REGISTRY_TOKEN, &token), expires)
    }

    /// Verifies a registry password. With `revoke`, it expires at this moment.
    pub(super) fn password(
        &self,
        password: &str,
        now: Timestamp,
        revoke: bool,
    ) -> Result<RegistryToken, PasswordFlaw> {
        let token: RegistryToken = self.seal.unseal(REGISTRY_TOKEN, password).ok_or(PasswordFlaw::Unknown)?;
        let mut revoked = self.revoked();
        if revoke {
            revoked.insert(token.id.clone());
        }
        if token.expires <= now.as_second() || revoked.contains(&token.id) {
            return Err(PasswordFlaw::Expired);
        }
        Ok(token)
    }
}
