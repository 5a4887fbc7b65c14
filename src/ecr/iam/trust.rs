//! Trust policies: which jobs may assume a role
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html>).
//!
//! Each names the audience and the subject of the tokens. Without a subject, every job of everybody who has the same
//! issuer would be let in; IAM refuses that for the issuers that it knows to be shared
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html>), and we for
//! all.

use super::arn::{Account, Partition};
use super::error::IamError;
use super::policy::{Document, Statement};
use super::provider::Provider;
use serde_json::{Map, Value, json};
use std::fmt;
use std::str::FromStr;
use url::Url;

/// The issuer of tokens as IAM names it in ARNs and condition keys: its URL without `https://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

impl Issuer {
    /// Of a token that there is, whose `iss` it is, without its scheme.
    pub fn of_token(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// What IAM has to know as an OIDC provider.
    pub fn url(&self) -> String {
        format!("https://{}", self.0)
    }
}

impl FromStr for Issuer {
    type Err = IamError;

    fn from_str(text: &str) -> Result<Self, IamError> {
        let wrong = |reason| IamError::Issuer { text: text.into(), reason };
        let url = Url::parse(text).map_err(|_| wrong("it is not a URL"))?;
        if url.scheme() != "https" || !url.has_host() {
            return Err(wrong("it does not begin with https://, and IAM takes no other"));
        }
        if url.port().is_some() {
            return Err(wrong("it has a port, and IAM takes none"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has more than a host and a path"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it has a user in it"));
        }
        // As it was typed and not as a URL library spells it: IAM compares texts.
        let name = text.trim_start_matches("https://").trim_end_matches('/');
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The subject of tokens, or a pattern of subjects, that names somebody in particular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// Checks `text` as a subject of `provider`'s tokens.
    pub fn new(text: &str, provider: Provider) -> Result<Self, IamError> {
        let wrong = |reason| Err(IamError::Subject { text: text.into(), reason });
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return wrong("it has a space in it");
        }
        if text.contains("${") {
            return wrong("IAM takes `${` for the start of a variable");
        }
        let ends_early = |rest: &str| !rest.contains(['*', '?']) && !rest.contains(':');
        if provider == Provider::GitHub && text.strip_prefix("repo:").is_some_and(ends_early) {
            return wrong(
                "no token has it: after the repository, GitHub says which branch, tag or environment it is",
            );
        }
        if provider.is_somebody(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IamError::Open { text: text.into(), provider })
        }
    }

    /// The subject of a token that there is, and no other.
    pub fn of_token(text: &str) -> Option<Self> {
        let plain = !text.is_empty() && !text.contains(['*', '?', '$']);
        plain.then(|| Self(text.to_owned()))
    }

    fn is_pattern(&self) -> bool {
        self.0.contains(['*', '?'])
    }
}

/// The audience that tokens for STS have.
pub fn usual_audience(partition: Partition) -> &'static str {
    if partition.is_china() { "sts.amazonaws.com.cn" } else { "sts.amazonaws.com" }
}

/// Which tokens let one assume a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Whose.
    pub issuer: Issuer,
    /// For whom.
    pub audience: String,
    /// About whom; at least one.
    pub subjects: Vec<Subject>,
}

impl Trust {
    /// Tokens of `provider` about `subjects`. What is not given is what the provider has for all of its customers, or
    /// what follows from the subjects: those of `CircleCI` hold the organization, which its issuer and audience are
    /// made of.
    pub fn new(
        provider: Provider,
        subjects: &[String],
        issuer: Option<&str>,
        audience: Option<&str>,
        partition: Partition,
    ) -> Result<Self, IamError> {
        let organization = subjects.first().and_then(|text| {
            let rest = text.strip_prefix("org/").filter(|_| provider == Provider::CircleCi)?;
            rest.split('/').next().filter(|id| !id.is_empty() && !id.contains(['*', '?']))
        });
        let subjects: Vec<Subject> =
            subjects.iter().map(|text| Subject::new(text, provider)).collect::<Result<_, _>>()?;
        let of_organization = || organization.map(|id| format!("https://oidc.circleci.com/org/{id}"));
        let known = || provider.shared_issuer().map(str::to_owned);
        let issuer = match issuer.map(str::to_owned).or_else(known).or_else(of_organization) {
            Some(text) => text.parse()?,
            None => {
                let (each, form) = provider.own_issuer();
                return Err(IamError::NoIssuer { provider, each, form });
            }
        };
        let audience = match (audience, provider, organization) {
            (Some(audience), _, _) => audience.to_owned(),
            (None, Provider::CircleCi, Some(id)) => id.to_owned(),
            (None, Provider::Bitbucket | Provider::CircleCi, _) => {
                return Err(IamError::NoAudience { provider });
            }
            (None, _, _) => usual_audience(partition).to_owned(),
        };
        Ok(Self { issuer, audience, subjects })
    }

    /// The trust policy of a role in `account`.
    pub fn policy(&self, account: &Account, partition: Partition) -> Document {
        let Self { issuer, audience, subjects } = self;
        let texts = subjects.iter().map(|subject| Value::from(subject.0.as_str()));
        let texts = match subjects.as_slice() {
            [one] => Value::from(one.0.as_str()),
            _ => texts.collect(),
        };
        let mut exact = Map::new();
        exact.insert(format!("{issuer}:aud"), audience.as_str().into());
        let subject = format!("{issuer}:sub");
        let mut condition = Map::new();
        if subjects.iter().any(Subject::is_pattern) {
            condition.insert("StringEquals".into(), exact.into());
            condition.insert("StringLike".into(), json!({ subject: texts }));
        } else {
            exact.insert(subject, texts);
            condition.insert("StringEquals".into(), exact.into());
        }
        let provider = format!("arn:{partition}:iam::{account}:oidc-provider/{issuer}");
        let statement = Statement::allow("ConsignTrust", vec!["sts:AssumeRoleWithWebIdentity".into()]);
        Document::new(vec![Statement {
            principal: Some(json!({ "Federated": provider })),
            condition: Some(condition),
            ..statement
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(provider: Provider, subject: &str) -> Result<Trust, IamError> {
        Trust::new(provider, &[subject.into()], None, None, Partition::AWS)
    }

    #[test]
    fn a_subject_names_somebody() {
        let org = "org/8c0e0b2a/project/1f/user/*";
        for (provider, right, wrong) in [
            (
                Provider::GitHub,
                &[
                    "repo:acme/shop:pull_request",
                    "repo:acme/*",
                    "repo:acme@1/shop@2:*",
                    "repository_owner_id:7:*",
                ][..],
                &[
                    "*",
                    "",
                    "repo:*",
                    "repo:a*",
                    "repo:/x*",
                    "repo:?cme/shop:*",
                    "**:x",
                    "repository_owner_id:7*",
                ][..],
            ),
            (
                Provider::GitLab,
                &["project_path:acme/shop:ref_type:branch:ref:main", "project_path:acme/*"],
                &["*", "project_path:*", "project_path:acme*"],
            ),
            (
                Provider::Buildkite,
                &["organization:acme:pipeline:*"],
                &["organization:*", "organization:acme*", "*"],
            ),
            (Provider::CircleCi, &[org], &["org/*", "org/8c*", "*"]),
        ] {
            for text in right {
                assert!(trust(provider, text).is_ok(), "{text}");
            }
            for text in wrong {
                assert!(matches!(trust(provider, text), Err(IamError::Open { .. })), "{text}");
            }
        }
        for (provider, right, wrong) in [
            (Provider::Bitbucket, "{1-2}:*", "{*"),
            (Provider::Jenkins, "https://jenkins.example/job/shop/", "https://*"),
            (Provider::Jenkins, "shop-main", "*"),
        ] {
            assert!(Subject::new(right, provider).is_ok(), "{right}");
            assert!(Subject::new(wrong, provider).is_err(), "{wrong}");
        }
        for never in ["repo:acme/${aws:x}:*", "repo:acme/a b:*", "repo:acme/shop", "repo:acme"] {
            assert!(matches!(trust(Provider::GitHub, never), Err(IamError::Subject { .. })), "{never}");
        }
    }

    #[test]
    fn what_is_not_given_follows_or_is_asked_for() {
        let circle = trust(Provider::CircleCi, "org/8c0e0b2a/project/1f/user/*").unwrap();
        assert_eq!(circle.issuer.to_string(), "oidc.circleci.com/org/8c0e0b2a");
        assert_eq!(circle.audience, "8c0e0b2a");
        assert!(matches!(
            trust(Provider::Jenkins, "https://jenkins.example/job/x/"),
            Err(IamError::NoIssuer { .. })
        ));
        let bitbucket = |audience| {
            let issuer = "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc";
            Trust::new(Provider::Bitbucket, &["{1-2}:*".into()], Some(issuer), audience, Partition::AWS)
        };
        assert!(matches!(bitbucket(None), Err(IamError::NoAudience { .. })));
        assert!(bitbucket(Some("ari:cloud:bitbucket::workspace/1-2")).is_ok());
    }

    #[test]
    fn issuers() {
        let name = |text: &str| text.parse::<Issuer>().map(|issuer| issuer.to_string());
        assert_eq!(name("https://gitlab.example.com/").unwrap(), "gitlab.example.com");
        assert_eq!(name("https://ghes.example/_services/token").unwrap(), "ghes.example/_services/token");
        for wrong in [
            "gitlab.com",
            "http://gitlab.com",
            "https://gitlab.com:8443",
            "https://gitlab.com?x",
            "https://u@h/",
        ] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_are_compared_as_patterns_and_texts_as_texts() {
        let account = "123456789012".parse().unwrap();
        let json = |subjects: &[&str]| {
            let subjects: Vec<String> = subjects.iter().map(ToString::to_string).collect();
            let trust = Trust::new(Provider::GitHub, &subjects, None, None, Partition::AWS).unwrap();
            serde_json::to_value(trust.policy(&account, Partition::AWS)).unwrap()["Statement"][0]["Condition"]
                .clone()
        };
        let key = "token.actions.githubusercontent.com:sub";
        assert_eq!(json(&["repo:a/b:pull_request"])["StringEquals"][key], "repo:a/b:pull_request");
        assert_eq!(json(&["repo:a/b:*"])["StringLike"][key], "repo:a/b:*");
        let both = json(&["repo:a/b:pull_request", "repo:a/c:*"]);
        assert_eq!(both["StringLike"][key], serde_json::json!(["repo:a/b:pull_request", "repo:a/c:*"]));
        assert_eq!(both["StringEquals"]["token.actions.githubusercontent.com:aud"], "sts.amazonaws.com");
    }
}
