//! The accounts that the emulator knows: their OIDC providers, roles, users and policies, built in or from the
//! file that the user gives.
//!
//! In the file, `${emulator:issuer}` stands for the emulator's own OIDC issuer as IAM names it (without `http://`)
//! and `${emulator:account}` for the account that the emulator was started with, because neither has to be known
//! when the file is written.

use super::super::error::StartError;
use super::super::sigv4;
use super::document::{Attached, Document};
use super::managed;
use crate::base::Secret;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The longest session that a role can be set to allow, in seconds.
const MAX_SESSION_SECONDS: i64 = 43_200;
/// How long sessions of a role may be, if nothing else is said.
const DEFAULT_SESSION_SECONDS: i64 = 3600;
/// The name of the built-in role.
const BUILT_IN: &str = "consign";
/// Issuers that everybody's jobs share. IAM refuses to trust them without a condition on whose job it is.
const SHARED_ISSUERS: [&str; 4] =
    ["token.actions.githubusercontent.com", "gitlab.com", "agent.buildkite.com", "app.terraform.io"];

/// Everybody who can call, and everything that is trusted.
#[derive(Debug)]
pub(in crate::emulator) struct Directory {
    providers: Vec<Provider>,
    roles: BTreeMap<String, Role>,
    users: Vec<User>,
    policies: BTreeMap<String, Document>,
    /// The ARN of the role that the emulator's variables name.
    pub(in crate::emulator) job_role: String,
    /// What the tokens of the job say in place of the built-in claims.
    pub(in crate::emulator) job_claims: Map<String, Value>,
}

/// An OIDC provider as an account has registered it.
#[derive(Debug)]
pub(in crate::emulator) struct Provider {
    account: String,
    /// The issuer's URL.
    url: String,
    pub(in crate::emulator) client_ids: Vec<String>,
}

impl Provider {
    /// The URL without its scheme: what condition keys start with.
    pub(in crate::emulator) fn name(&self) -> &str {
        without_scheme(&self.url)
    }

    pub(in crate::emulator) fn arn(&self) -> String {
        format!("arn:aws:iam::{}:oidc-provider/{}", self.account, self.name())
    }
}

/// A role.
#[derive(Debug)]
pub(in crate::emulator) struct Role {
    pub(in crate::emulator) account: String,
    pub(in crate::emulator) arn: String,
    pub(in crate::emulator) name: String,
    /// `AROA…`
    pub(in crate::emulator) id: String,
    pub(in crate::emulator) trust: Document,
    pub(in crate::emulator) max_session_seconds: i64,
    pub(in crate::emulator) tags: BTreeMap<String, String>,
    pub(super) policies: Vec<Document>,
}

/// A user with access keys.
#[derive(Debug)]
pub(super) struct User {
    pub(super) account: String,
    pub(super) arn: String,
    pub(super) name: String,
    /// `AIDA…`
    pub(super) id: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) policies: Vec<Document>,
    pub(super) keys: BTreeMap<String, Secret>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    #[serde(default)]
    accounts: BTreeMap<String, Account>,
    #[serde(default)]
    job: Job,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Account {
    #[serde(default)]
    oidc_providers: Vec<ProviderEntry>,
    #[serde(default)]
    policies: BTreeMap<String, Value>,
    #[serde(default)]
    roles: Vec<RoleEntry>,
    #[serde(default)]
    users: Vec<UserEntry>,
}

/// The job that the emulator's tokens are for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Job {
    role: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
    #[serde(default)]
    claims: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProviderEntry {
    url: String,
    client_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RoleEntry {
    name: String,
    path: Option<String>,
    trust_policy: Value,
    #[serde(default)]
    policies: BTreeMap<String, Value>,
    #[serde(default)]
    managed_policies: Vec<String>,
    max_session_duration: Option<i64>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UserEntry {
    name: String,
    path: Option<String>,
    #[serde(default)]
    policies: BTreeMap<String, Value>,
    #[serde(default)]
    managed_policies: Vec<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    access_keys: Vec<AccessKey>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccessKey {
    id: String,
    secret: String,
}

/// What the emulator itself brings into a directory.
#[derive(Debug, Clone, Copy)]
pub(in crate::emulator) struct Own<'a> {
    pub(in crate::emulator) account: &'a str,
    /// The URL of the issuer.
    pub(in crate::emulator) issuer: &'a str,
    pub(in crate::emulator) audiences: &'a [String],
}

fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

impl Directory {
    /// What is built in, and what the file at `path` adds to it.
    pub(in crate::emulator) fn open(path: Option<&Path>, own: Own<'_>) -> Result<Self, StartError> {
        let mut directory = Self::built_in(own);
        if let Some(path) = path {
            let wrong = |reason: String| StartError::Iam { path: path.into(), reason };
            let text = fs_err::read_to_string(path)?
                .replace("${emulator:issuer}", without_scheme(own.issuer))
                .replace("${emulator:account}", own.account);
            let file: File = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
            directory.add(file, own).map_err(wrong)?;
        }
        Ok(directory)
    }

    /// The role `consign`: it trusts the jobs of the repository `consign/demo`, by tokens of the emulator's issuer
    /// for STS, and may do everything in ECR and ECR Public.
    fn built_in(own: Own<'_>) -> Self {
        let issuer = without_scheme(own.issuer);
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Federated": format!("arn:aws:iam::{}:oidc-provider/{issuer}", own.account) },
                "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
                "Condition": {
                    "StringEquals": { format!("{issuer}:aud"): own.audiences },
                    "StringLike": { format!("{issuer}:sub"): "repo:consign/demo:*" },
                },
            }],
        });
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": ["ecr:*", "ecr-public:*", "sts:GetServiceBearerToken", "sts:AssumeRole", "sts:TagSession"],
                "Resource": "*",
            }],
        });
        let parse = |value, attached| {
            Document::from_value(value, attached).expect("invariant: the policies above are policies")
        };
        let arn = format!("arn:aws:iam::{}:role/{BUILT_IN}", own.account);
        let role = Role {
            account: own.account.into(),
            id: identifier("AROA", &arn),
            arn: arn.clone(),
            name: BUILT_IN.into(),
            trust: parse(trust, Attached::Role),
            max_session_seconds: MAX_SESSION_SECONDS,
            tags: BTreeMap::new(),
            policies: vec![parse(policy, Attached::Identity)],
        };
        let provider = Provider {
            account: own.account.into(),
            url: own.issuer.into(),
            client_ids: own.audiences.to_vec(),
        };
        Self {
            providers: vec![provider],
            roles: BTreeMap::from([(arn.clone(), role)]),
            users: Vec::new(),
            policies: managed::all(),
            job_role: arn,
            job_claims: Map::new(),
        }
    }

    fn add(&mut self, file: File, own: Own<'_>) -> Result<(), String> {
        for (id, account) in &file.accounts {
            if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(format!("the account `{id}` is not 12 digits"));
            }
            for (name, policy) in &account.policies {
                let document = Document::from_value(policy.clone(), Attached::Identity)
                    .map_err(|reason| format!("the policy `{name}`: {reason}"))?;
                self.policies.insert(format!("arn:aws:iam::{id}:policy/{name}"), document);
            }
        }
        for (id, account) in file.accounts {
            for provider in account.oidc_providers {
                self.add_provider(&id, provider, own)?;
            }
            for role in account.roles {
                self.add_role(&id, role)?;
            }
            for user in account.users {
                self.add_user(&id, user)?;
            }
        }
        let Job { role, issuer, subject, claims } = file.job;
        if let Some(role) = role {
            if !self.roles.contains_key(&role) {
                return Err(format!("the job's role `{role}` is none of the roles"));
            }
            self.job_role = role;
        }
        self.job_claims = claims;
        for (claim, value) in [("iss", issuer), ("sub", subject)] {
            if let Some(value) = value {
                self.job_claims.insert(claim.into(), value.into());
            }
        }
        Ok(())
    }

    fn add_provider(&mut self, account: &str, entry: ProviderEntry, own: Own<'_>) -> Result<(), String> {
        let ProviderEntry { mut url, client_ids } = entry;
        if without_scheme(&url) == without_scheme(own.issuer) {
            // The emulator's own speaks no TLS; in the file it may be written either way.
            url = own.issuer.into();
        } else if !url.starts_with("https://") {
            return Err(format!("the OIDC provider `{url}` does not start with https://"));
        }
        if client_ids.is_empty() || client_ids.len() > 100 {
            return Err(format!(
                "the OIDC provider `{url}` has {} client ids, not 1 to 100",
                client_ids.len()
            ));
        }
        self.providers.retain(|provider| provider.account != account || provider.url != url);
        self.providers.push(Provider { account: account.into(), url, client_ids });
        Ok(())
    }

    fn add_role(&mut self, account: &str, entry: RoleEntry) -> Result<(), String> {
        let at = |reason: String| format!("the role `{}`: {reason}", entry.name);
        let arn = arn(account, "role", entry.path.as_deref(), &entry.name).map_err(at)?;
        let max_session_seconds = entry.max_session_duration.unwrap_or(DEFAULT_SESSION_SECONDS);
        if !(3600..=MAX_SESSION_SECONDS).contains(&max_session_seconds) {
            return Err(at(format!(
                "maxSessionDuration is {max_session_seconds}, not 3600 to 43200 seconds"
            )));
        }
        let trust = Document::from_value(entry.trust_policy.clone(), Attached::Role)
            .map_err(|reason| at(format!("its trust policy: {reason}")))?;
        for issuer in SHARED_ISSUERS {
            let provider = format!("arn:aws:iam::{account}:oidc-provider/{issuer}");
            if !trust.restricts(&provider, &format!("{issuer}:sub")) {
                return Err(at(format!(
                    "its trust policy lets everybody's jobs in: IAM wants a condition on {issuer}:sub"
                )));
            }
        }
        let policies = self.collect(&entry.policies, &entry.managed_policies).map_err(at)?;
        let role = Role {
            account: account.into(),
            id: identifier("AROA", &arn),
            arn: arn.clone(),
            name: entry.name,
            trust,
            max_session_seconds,
            tags: entry.tags,
            policies,
        };
        self.roles.insert(arn, role);
        Ok(())
    }

    fn add_user(&mut self, account: &str, entry: UserEntry) -> Result<(), String> {
        let at = |reason: String| format!("the user `{}`: {reason}", entry.name);
        let arn = arn(account, "user", entry.path.as_deref(), &entry.name).map_err(at)?;
        let policies = self.collect(&entry.policies, &entry.managed_policies).map_err(at)?;
        let mut keys = BTreeMap::new();
        for key in entry.access_keys {
            let legal = key.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !(16..=128).contains(&key.id.len()) || !legal {
                return Err(format!("the user `{}`: `{}` is no access key id", entry.name, key.id));
            }
            keys.insert(key.id, Secret::new(key.secret));
        }
        let id = identifier("AIDA", &arn);
        self.users.push(User {
            account: account.into(),
            arn,
            name: entry.name,
            id,
            tags: entry.tags,
            policies,
            keys,
        });
        Ok(())
    }

    /// The policies in the entry itself and those that it names.
    fn collect(&self, inline: &BTreeMap<String, Value>, managed: &[String]) -> Result<Vec<Document>, String> {
        let parse = |(name, policy): (&String, &Value)| {
            Document::from_value(policy.clone(), Attached::Identity)
                .map_err(|reason| format!("its policy `{name}`: {reason}"))
        };
        let find = |arn: &String| {
            self.policies.get(arn).cloned().ok_or_else(|| format!("its policy `{arn}` is not known"))
        };
        inline.iter().map(parse).chain(managed.iter().map(find)).collect()
    }

    /// The provider of `account` whose tokens say `issuer`.
    pub(in crate::emulator) fn provider(&self, account: &str, issuer: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.account == account && provider.url == issuer)
    }

    pub(in crate::emulator) fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.get(arn)
    }

    pub(in crate::emulator) fn policy(&self, arn: &str) -> Option<&Document> {
        self.policies.get(arn)
    }

    pub(super) fn user(&self, arn: &str) -> Option<&User> {
        self.users.iter().find(|user| user.arn == arn)
    }

    /// The user whose access key it is, and its secret.
    pub(super) fn user_of_key(&self, id: &str) -> Option<(&User, &Secret)> {
        self.users.iter().find_map(|user| Some((user, user.keys.get(id)?)))
    }
}

fn arn(account: &str, kind: &str, path: Option<&str>, name: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(1..=64).contains(&name.len()) || !name.chars().all(legal) {
        return Err(r"its name is not 1 to 64 of [\w+=,.@-]".into());
    }
    let path = path.unwrap_or("/");
    let inside = |c: char| ('\u{21}'..='\u{7e}').contains(&c);
    if !path.starts_with('/') || !path.ends_with('/') || path.len() > 512 || !path.chars().all(inside) {
        return Err(format!("its path `{path}` does not start and end with a `/`"));
    }
    Ok(format!("arn:aws:iam::{account}:{kind}{path}{name}"))
}

/// An id such as `AROA…`: the same for the same ARN, so that it holds across restarts.
fn identifier(prefix: &str, arn: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = sigv4::sha256_hex(arn.as_bytes());
    let characters = hash.as_bytes().chunks(2).take(17).map(|pair| {
        let sum: usize = pair.iter().map(|byte| usize::from(*byte)).sum();
        char::from(ALPHABET[sum % 32])
    });
    prefix.chars().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(file: &Value) -> Result<Directory, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("iam.json");
        fs_err::write(&path, file.to_string()).unwrap();
        let audiences = ["sts.amazonaws.com".to_owned()];
        let own = Own { account: "123456789012", issuer: "http://127.0.0.1:1/oidc", audiences: &audiences };
        Directory::open(Some(&path), own).map_err(|error| error.to_string())
    }

    fn with_role(role: &Value) -> Result<Directory, String> {
        open(&json!({ "accounts": { "123456789012": { "roles": [role] } } }))
    }

    fn trust() -> Value {
        let principal = json!({ "AWS": "123456789012" });
        json!({ "Statement": { "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" } })
    }

    #[test]
    fn accounts_roles_users_and_the_job() {
        let directory = open(&json!({
            "accounts": {
                "${emulator:account}": {
                    "oidcProviders": [
                        { "url": "https://${emulator:issuer}", "clientIds": ["x"] },
                        { "url": "https://token.actions.githubusercontent.com", "clientIds": ["sts.amazonaws.com"] },
                    ],
                    "roles": [{ "name": "deploy", "path": "/ci/", "trustPolicy": trust() }],
                },
                "210987654321": {
                    "policies": { "pull": { "Statement": { "Effect": "Allow", "Action": "ecr:Batch*", "Resource": "*" } } },
                    "users": [{
                        "name": "alice",
                        "managedPolicies": [
                            "arn:aws:iam::210987654321:policy/pull",
                            "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly",
                        ],
                        "accessKeys": [{ "id": "AKIAIOSFODNN7EXAMPLE", "secret": "s" }],
                    }],
                },
            },
            "job": { "role": "arn:aws:iam::123456789012:role/ci/deploy", "subject": "repo:acme/shop:x" },
        }))
        .unwrap();
        let own = directory.provider("123456789012", "http://127.0.0.1:1/oidc").unwrap();
        assert_eq!((own.client_ids.as_slice(), own.name()), (&["x".to_owned()][..], "127.0.0.1:1/oidc"));
        assert!(directory.provider("210987654321", "http://127.0.0.1:1/oidc").is_none());
        assert!(
            directory.role("arn:aws:iam::123456789012:role/consign").is_some(),
            "the built-in role stays"
        );
        let role = directory.role("arn:aws:iam::123456789012:role/ci/deploy").unwrap();
        assert_eq!(role.max_session_seconds, 3600);
        assert_eq!(role.id.len(), 21);
        assert_eq!(directory.job_role, role.arn);
        assert_eq!(directory.job_claims["sub"], "repo:acme/shop:x");
        let (user, _) = directory.user_of_key("AKIAIOSFODNN7EXAMPLE").unwrap();
        assert_eq!((user.arn.as_str(), user.policies.len()), ("arn:aws:iam::210987654321:user/alice", 2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let github = |condition: Value| {
            json!({ "Statement": {
                "Effect": "Allow",
                "Principal": {
                    "Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
                },
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": condition,
            } })
        };
        let sub = "token.actions.githubusercontent.com:sub";
        let table = [
            (json!({ "name": "a b", "trustPolicy": trust() }), "its name"),
            (json!({ "name": "a", "path": "ci", "trustPolicy": trust() }), "its path `ci`"),
            (json!({ "name": "a", "trustPolicy": {} }), "its trust policy: missing field"),
            (
                json!({ "name": "a", "trustPolicy": trust(), "maxSessionDuration": 60 }),
                "maxSessionDuration is 60",
            ),
            (json!({ "name": "a", "trustPolicy": trust(), "policies": { "p": {} } }), "its policy `p`"),
            (json!({ "name": "a", "trustPolicy": trust(), "managedPolicies": ["p"] }), "`p` is not known"),
            (json!({ "name": "a", "trust": trust() }), "unknown field `trust`"),
            (json!({ "name": "a", "trustPolicy": github(json!({})) }), "everybody's jobs"),
            (
                json!({ "name": "a", "trustPolicy": github(json!({ "StringLike": { sub: "*" } })) }),
                "everybody's jobs",
            ),
        ];
        for (role, expected) in table {
            let error = with_role(&role).unwrap_err();
            assert!(error.contains(expected) && error.contains("iam.json"), "{role}: {error}");
        }
        with_role(&json!({
            "name": "a", "trustPolicy": github(json!({ "StringLike": { sub: "repo:acme/*" } })),
        }))
        .unwrap();
        assert!(open(&json!({ "accounts": { "1": {} } })).unwrap_err().contains("12 digits"));
        assert!(open(&json!({ "job": { "role": "x" } })).unwrap_err().contains("none of the roles"));
    }
}
