//! Who calls: the sessions that STS gives out, users, and what is known of them when policies are asked.

use super::super::seal::{self, Seal};
use super::context::Context;
use super::decide::Policies;
use super::directory::{Directory, Role, User};
use super::document::{Attached, Document, Principal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a sealed session token is for.
pub(super) const SESSION: &str = "session";

/// A session of a role, or a user who calls with an access key. The session token is this, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::emulator) struct Session {
    pub(in crate::emulator) access_key_id: String,
    pub(in crate::emulator) account: String,
    identity: Identity,
    /// Seconds since 1970.
    pub(in crate::emulator) expires: i64,
    /// That the session was made with, besides those of the role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::emulator) tags: BTreeMap<String, String>,
    /// The keys of those that go on to the next session of a chain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::emulator) transitive: Vec<String>,
    /// What the session was bounded with.
    #[serde(default, skip_serializing_if = "Bounds::is_none")]
    bounds: Bounds,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) source_identity: Option<String>,
    /// The ARN of the OIDC provider, if a web identity is where it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Identity {
    Role { arn: String, name: String, id: String, session: String },
    User { arn: String, name: String, id: String },
}

/// The policies that a session is made with: it may do what they and those of its role allow.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::emulator) struct Bounds {
    /// The text of one.
    pub(in crate::emulator) policy: Option<String>,
    /// The ARNs of others.
    pub(in crate::emulator) arns: Vec<String>,
}

impl Bounds {
    fn is_none(&self) -> bool {
        self.policy.is_none() && self.arns.is_empty()
    }
}

/// What STS hands out for a session. The fields are secrets; only the answer of STS may contain them.
pub(in crate::emulator) struct Credentials {
    pub(in crate::emulator) secret_access_key: String,
    pub(in crate::emulator) session_token: String,
}

/// The beginning of a session: all that the role itself does not say.
#[derive(Debug, Default)]
pub(in crate::emulator) struct Opening {
    pub(in crate::emulator) name: String,
    pub(in crate::emulator) expires: i64,
    pub(in crate::emulator) tags: BTreeMap<String, String>,
    pub(in crate::emulator) transitive: Vec<String>,
    pub(in crate::emulator) bounds: Bounds,
    pub(in crate::emulator) source_identity: Option<String>,
    pub(in crate::emulator) provider: Option<String>,
}

impl Session {
    pub(in crate::emulator) fn open(role: &Role, opening: Opening) -> Self {
        Self {
            access_key_id: format!("ASIA{}", seal::random_identifier(16)),
            account: role.account.clone(),
            identity: Identity::Role {
                arn: role.arn.clone(),
                name: role.name.clone(),
                id: role.id.clone(),
                session: opening.name,
            },
            expires: opening.expires,
            tags: opening.tags,
            transitive: opening.transitive,
            bounds: opening.bounds,
            source_identity: opening.source_identity,
            provider: opening.provider,
        }
    }

    /// A user who calls with the access key `key`, which does not expire.
    pub(super) fn of_user(user: &User, key: &str) -> Self {
        Self {
            access_key_id: key.into(),
            account: user.account.clone(),
            identity: Identity::User { arn: user.arn.clone(), name: user.name.clone(), id: user.id.clone() },
            expires: i64::MAX,
            tags: BTreeMap::new(),
            transitive: Vec::new(),
            bounds: Bounds::default(),
            source_identity: None,
            provider: None,
        }
    }

    pub(in crate::emulator) fn credentials(&self, seal: &Seal) -> Credentials {
        Credentials {
            secret_access_key: seal.secret_key(&self.access_key_id),
            session_token: seal.seal(SESSION, self),
        }
    }

    /// Whether it is a session of a role.
    pub(in crate::emulator) fn is_of_role(&self) -> bool {
        matches!(self.identity, Identity::Role { .. })
    }

    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`, or the user's.
    pub(in crate::emulator) fn arn(&self) -> String {
        match &self.identity {
            Identity::Role { name, session, .. } => {
                format!("arn:aws:sts::{}:assumed-role/{name}/{session}", self.account)
            }
            Identity::User { arn, .. } => arn.clone(),
        }
    }

    /// The user's, or the role's of which it is a session.
    fn identity_arn(&self) -> &str {
        match &self.identity {
            Identity::Role { arn, .. } | Identity::User { arn, .. } => arn,
        }
    }

    /// `AROA…:SESSION`, or the user's id.
    pub(in crate::emulator) fn user_id(&self) -> String {
        match &self.identity {
            Identity::Role { id, session, .. } => format!("{id}:{session}"),
            Identity::User { id, .. } => id.clone(),
        }
    }

    /// As policies see it; `arn` is its own.
    pub(super) fn principal<'a>(&'a self, arn: &'a str) -> Principal<'a> {
        Principal {
            account: Some(&self.account),
            arn: Some(self.identity_arn()),
            session: self.is_of_role().then_some(arn),
            federated: None,
        }
    }

    /// What conditions can ask about it.
    pub(super) fn describe(&self, directory: &Directory, context: &mut Context) {
        context.add("aws:PrincipalArn", self.identity_arn());
        context.add("aws:PrincipalAccount", &self.account);
        context.add("aws:PrincipalIsAWSService", "false");
        context.add("aws:userid", self.user_id());
        context.add_some("aws:SourceIdentity", self.source_identity.as_deref());
        context.add_some("aws:FederatedProvider", self.provider.as_deref());
        let mut tags = match &self.identity {
            Identity::Role { arn, .. } => {
                context.add("aws:PrincipalType", "AssumedRole");
                directory.role(arn).map(|role| role.tags.clone()).unwrap_or_default()
            }
            Identity::User { arn, name, .. } => {
                context.add("aws:PrincipalType", "User");
                context.add("aws:username", name);
                directory.user(arn).map(|user| user.tags.clone()).unwrap_or_default()
            }
        };
        // A tag of the session takes the place of the role's, whatever the case of its key.
        tags.retain(|key, _| !self.tags.keys().any(|own| own.eq_ignore_ascii_case(key)));
        tags.extend(self.tags.clone());
        context.add_tags("aws:PrincipalTag", tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    }

    /// The policy that its [`Bounds`] bring as a text.
    pub(super) fn inline_bound(&self) -> Option<Document> {
        let text = self.bounds.policy.as_deref()?;
        Document::parse(text, Attached::Identity).ok()
    }

    /// Its policies, with `inline` being its [`inline_bound`](Self::inline_bound). A role or user that is gone has
    /// none.
    pub(super) fn policies<'a>(
        &self,
        directory: &'a Directory,
        inline: Option<&'a Document>,
    ) -> Policies<'a> {
        let identity = match &self.identity {
            Identity::Role { arn, .. } => directory.role(arn).map(|role| &role.policies),
            Identity::User { arn, .. } => directory.user(arn).map(|user| &user.policies),
        };
        let session = (!self.bounds.is_none()).then(|| {
            let named = self.bounds.arns.iter().filter_map(|arn| directory.policy(arn));
            inline.into_iter().chain(named).collect()
        });
        Policies { identity: identity.into_iter().flatten().collect(), session, resource: Vec::new() }
    }
}
