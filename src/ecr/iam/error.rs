//! What is wrong with settings from which a document is to be made.

use super::provider::Provider;
use crate::base::{Failure, Kind};

/// A document can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IamError {
    /// No account has this id.
    #[error("`{text}` is not an account id")]
    Account {
        /// What was given.
        text: String,
    },
    /// No region is called this.
    #[error("`{text}` is not the name of a region")]
    Region {
        /// What was given.
        text: String,
    },
    /// No repository is called this.
    #[error("`{text}` is neither a repository nor a pattern of repositories: {reason}")]
    Repository {
        /// What was given.
        text: String,
        /// Why not.
        reason: String,
    },
    /// The pattern begins with a star.
    #[error("`{text}` means every repository of the account, or of nobody in particular")]
    EveryRepository {
        /// What was given.
        text: String,
    },
    /// What is to be let in is neither a role nor an account.
    #[error("`{text}` is not the ARN of a role, a user or an account")]
    Principal {
        /// What was given.
        text: String,
    },
    /// No issuer of tokens is found there.
    #[error("`{text}` can't be the issuer of OIDC tokens: {reason}")]
    Issuer {
        /// What was given.
        text: String,
        /// Why not.
        reason: &'static str,
    },
    /// The provider has an issuer for each of its customers.
    #[error("{provider} has an issuer of its own for each {each}, and none was given")]
    NoIssuer {
        /// Whose tokens.
        provider: Provider,
        /// For each of what.
        each: &'static str,
        /// What it looks like.
        form: &'static str,
    },
    /// The provider puts an audience into tokens that differs from customer to customer.
    #[error("the audience of {provider}'s tokens differs from workspace to workspace, and none was given")]
    NoAudience {
        /// Whose tokens.
        provider: Provider,
    },
    /// The subject would let in jobs of anybody.
    #[error("the subject `{text}` lets in jobs of people that it does not name")]
    Open {
        /// What was given.
        text: String,
        /// Whose tokens.
        provider: Provider,
    },
    /// A subject can't be this.
    #[error("`{text}` can't be a subject: {reason}")]
    Subject {
        /// What was given.
        text: String,
        /// Why not.
        reason: &'static str,
    },
}

impl Failure for IamError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Account { .. } => "it has 12 digits: 123456789012".into(),
            Self::Region { .. } => {
                "it looks like eu-west-1; what ends in a letter, such as us-east-1a, is a zone of a region".into()
            }
            Self::Repository { .. } => "write NAME, or a pattern such as `shop/*`".into(),
            Self::EveryRepository { .. } => {
                "name the repositories, each with a --repository, or what their names begin with: `shop/*`".into()
            }
            Self::Principal { .. } => "it looks like arn:aws:iam::123456789012:role/NAME".into(),
            Self::Issuer { .. } => "it is the `iss` of the tokens, such as https://gitlab.example.com".into(),
            Self::NoIssuer { form, .. } => format!("pass `--issuer {form}`"),
            Self::NoAudience { .. } => {
                "pass `--audience`; the page «OpenID Connect» of the repository's settings shows it, and it looks like \
                 ari:cloud:bitbucket::workspace/UUID"
                    .into()
            }
            Self::Open { provider, .. } => format!(
                "name at least {}, with no `*` or `?` in it; {provider} writes subjects like\n  {}",
                provider.owner(),
                provider.subjects().join("\n  ")
            ),
            Self::Subject { .. } => "write the `sub` of the token, in which `*` stands for any characters".into(),
        })
    }
}
