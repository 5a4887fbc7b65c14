//! Who calls: roles and their trust policies, the sessions that STS gives out, and registry tokens.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
//! and `reference_policies_iam-condition-keys.html` beside it (keys of OIDC federation).

use super::glob;
use super::seal::{self, Seal};
use super::sigv4::{Flaw, Presented};
use crate::base::Timestamp;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

const SESSION: &str = "session";
const REGISTRY_TOKEN: &str = "registry-token";
/// How long a registry token holds, as ECR's do.
const REGISTRY_TOKEN_SECONDS: i64 = 12 * 3600;
/// The longest session that a role can be set to allow.
const MAX_SESSION_SECONDS: i64 = 43_200;

/// A role that can be assumed with a web identity.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) name: String,
    /// `AROA…`
    pub(super) id: String,
    trust: TrustPolicy,
    pub(super) max_session_seconds: i64,
}

impl Role {
    /// The role `consign`: it trusts the jobs of the repository `consign/demo`, by tokens of `issuer` (without
    /// its scheme) for STS.
    pub(super) fn built_in(account: &str, issuer: &str) -> Self {
        let trust = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Federated": format!("arn:aws:iam::{account}:oidc-provider/{issuer}") },
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": { format!("{issuer}:aud"): "sts.amazonaws.com" },
                    "StringLike": { format!("{issuer}:sub"): "repo:consign/demo:*" },
                },
            }],
        });
        Self {
            name: "consign".into(),
            id: format!("AROA{}", seal::random_identifier(17)),
            trust: serde_json::from_value(trust).expect("invariant: the policy above is one"),
            max_session_seconds: MAX_SESSION_SECONDS,
        }
    }

    /// Whether the trust policy lets a web identity in.
    pub(super) fn trusts(&self, provider_arn: &str, keys: &BTreeMap<String, Vec<String>>) -> bool {
        let matching = |effect: &str| {
            self.trust.statements.iter().any(|statement| {
                statement.effect == effect
                    && statement.actions.all().iter().any(|action| {
                        glob::matches_like(&action.to_lowercase(), "sts:assumerolewithwebidentity")
                    })
                    && statement.principal.federated.all().iter().any(|arn| arn == provider_arn)
                    && statement.condition.holds(keys)
            })
        };
        matching("Allow") && !matching("Deny")
    }
}

#[derive(Debug, Deserialize)]
struct TrustPolicy {
    #[serde(rename = "Statement")]
    statements: Vec<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: String,
    principal: Principal,
    #[serde(rename = "Action")]
    actions: OneOrMany,
    #[serde(default)]
    condition: Condition,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Principal {
    federated: OneOrMany,
}

/// By operator, by key: the values of which one has to match. All operators and keys have to hold.
#[derive(Debug, Default, Deserialize)]
struct Condition(BTreeMap<Operator, BTreeMap<String, OneOrMany>>);

/// The operators that trust policies for OIDC are written with. Another one does not parse: a condition that is
/// not understood must not count as met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[expect(clippy::enum_variant_names, reason = "the names are IAM's")]
enum Operator {
    StringEquals,
    StringNotEquals,
    StringEqualsIgnoreCase,
    StringLike,
    StringNotLike,
}

impl Condition {
    fn holds(&self, keys: &BTreeMap<String, Vec<String>>) -> bool {
        self.0.iter().all(|(operator, conditions)| {
            conditions.iter().all(|(key, wanted)| {
                let found = keys.get(key).map_or(&[][..], Vec::as_slice);
                let any = |test: &dyn Fn(&str, &str) -> bool| {
                    found.iter().any(|value| wanted.all().iter().any(|want| test(want, value)))
                };
                match operator {
                    Operator::StringEquals => any(&|want, value| want == value),
                    Operator::StringNotEquals => !any(&|want, value| want == value),
                    Operator::StringEqualsIgnoreCase => any(&|want, value| want.eq_ignore_ascii_case(value)),
                    Operator::StringLike => any(&glob::matches_like),
                    Operator::StringNotLike => !any(&glob::matches_like),
                }
            })
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn all(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// A session of a role; the session token is this, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) access_key_id: String,
    pub(super) account: String,
    role: String,
    role_id: String,
    name: String,
    /// Seconds since 1970.
    pub(super) expires: i64,
}

/// What STS hands out for a session. The fields are secrets; only the answer of STS may contain them.
pub(super) struct Credentials {
    pub(super) secret_access_key: String,
    pub(super) session_token: String,
}

impl Session {
    pub(super) fn new(account: &str, role: &Role, name: &str, expires: i64) -> Self {
        Self {
            access_key_id: format!("ASIA{}", seal::random_identifier(16)),
            account: account.into(),
            role: role.name.clone(),
            role_id: role.id.clone(),
            name: name.into(),
            expires,
        }
    }

    pub(super) fn credentials(&self, seal: &Seal) -> Credentials {
        Credentials {
            secret_access_key: seal.secret_key(&self.access_key_id),
            session_token: seal.seal(SESSION, self),
        }
    }

    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{}", self.account, self.role, self.name)
    }

    /// `AROA…:SESSION`
    pub(super) fn user_id(&self) -> String {
        format!("{}:{}", self.role_id, self.name)
    }
}

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
}

/// Why a registry password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PasswordFlaw {
    Unknown,
    Expired,
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
        parts: &Parts,
        payload_hash: &str,
        services: &[&str],
        now: Timestamp,
        revoke: bool,
    ) -> Result<Caller, Flaw> {
        let presented = Presented::read(&parts.headers)?;
        let token = presented.token.as_deref().ok_or(Flaw::Unknown)?;
        let session: Session = self.seal.unseal(SESSION, token).ok_or(Flaw::Unknown)?;
        if session.access_key_id != presented.access_key_id {
            return Err(Flaw::Unknown);
        }
        presented.check_scope(services, &parts.headers, now)?;
        let secret = self.seal.secret_key(&session.access_key_id);
        presented.check_signature(&secret, &parts.method, &parts.uri, &parts.headers, payload_hash)?;
        let mut revoked = self.revoked();
        if revoke {
            revoked.insert(session.access_key_id.clone());
        }
        if session.expires <= now.as_second() || revoked.contains(&session.access_key_id) {
            return Err(Flaw::Expired);
        }
        Ok(Caller { session, region: presented.region })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<String>> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect()
    }

    #[test]
    fn the_built_in_role_trusts_its_repository_and_no_other() {
        let role = Role::built_in("123456789012", "127.0.0.1:1/oidc");
        let arn = "arn:aws:iam::123456789012:oidc-provider/127.0.0.1:1/oidc";
        let trusts = |aud, sub, arn| {
            role.trusts(arn, &keys(&[("127.0.0.1:1/oidc:aud", aud), ("127.0.0.1:1/oidc:sub", sub)]))
        };
        assert!(trusts("sts.amazonaws.com", "repo:consign/demo:ref:refs/heads/main", arn));
        assert!(!trusts("sts.amazonaws.com", "repo:evil/demo:ref:refs/heads/main", arn));
        assert!(!trusts("other", "repo:consign/demo:ref:refs/heads/main", arn));
        assert!(!trusts("sts.amazonaws.com", "repo:consign/demo:x", "arn:aws:iam::1:oidc-provider/x"));
    }

    #[test]
    fn an_operator_that_is_not_understood_is_no_policy() {
        let text = r#"{"StringEqual": {"a": "b"}}"#;
        assert!(serde_json::from_str::<Condition>(text).is_err());
    }
}
