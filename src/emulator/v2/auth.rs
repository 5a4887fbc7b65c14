//! Who comes to `/v2/`, and whose repositories they come for.
//!
//! Private ECR knows Basic authentication only, with the user `AWS` and the token as password. ECR Public has
//! Bearer tokens, which everybody gets at `/token/`, and takes Basic too. Reading public repositories needs no
//! identity; writing needs a token of ECR Public, of the account that the registry belongs to or of one that the
//! policy of the repository lets in. Because a Docker client has one password for a host, the token of a private
//! registry may read public repositories as anybody may.

use super::super::app::App;
use super::super::ecr::public;
use super::super::iam::{self, PasswordFlaw, RegistryToken, Session};
use super::super::quirk::ExpiredToken;
use super::super::store::RegistryId;
use super::refusal::{Challenge, Refusal};
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

const ANONYMOUS: &str = "public-anonymous";
/// How long the token of nobody in particular holds.
const ANONYMOUS_SECONDS: i64 = 12 * 3600;
const PUBLIC_HOSTS: [&str; 2] = ["public.ecr.aws", "ecr-public.aws.com"];

/// Who comes.
#[derive(Debug, Clone)]
pub(super) enum Visitor {
    Anonymous,
    /// Somebody with a token.
    Known(Box<Session>),
}

/// What the `Authorization` header shows.
enum Shown {
    Nothing,
    /// A token of nobody in particular, or an empty name and password.
    Anonymous,
    Token(Box<RegistryToken>),
}

/// The repository that a path is about.
#[derive(Debug)]
pub(super) enum Spot<'a> {
    Private {
        name: &'a str,
    },
    Public {
        account: String,
        name: &'a str,
    },
    /// On ECR Public, but under an alias that nobody has.
    Nowhere {
        name: &'a str,
    },
}

impl<'a> Spot<'a> {
    pub(super) fn of(app: &App, parts: &Parts, repository: Option<&'a str>) -> Self {
        let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let public = PUBLIC_HOSTS.contains(&host.split(':').next().unwrap_or_default());
        let Some(path) = repository else {
            return if public { Self::Nowhere { name: "" } } else { Self::Private { name: "" } };
        };
        let found =
            path.split_once('/').and_then(|(alias, name)| Some((public::account_of(app, alias)?, name)));
        match found {
            Some((account, name)) => Self::Public { account, name },
            None if public => Self::Nowhere { name: path },
            None => Self::Private { name: path },
        }
    }

    pub(super) fn name(&self) -> &'a str {
        match self {
            Self::Private { name } | Self::Public { name, .. } | Self::Nowhere { name } => name,
        }
    }

    /// Lets the visitor in, to the registry that the repository is in. `path` is the one that is served: a path has
    /// more than one spelling.
    pub(super) fn admit(
        &self,
        app: &App,
        parts: &Parts,
        path: &str,
        reads: bool,
        revoke: bool,
    ) -> Result<(Visitor, RegistryId), Refusal> {
        match self {
            Self::Private { name } => match shown(app, parts, Challenge::Basic, revoke)? {
                // Without a repository it is only about being known.
                Shown::Token(token) if name.is_empty() || token.region != RegistryId::PUBLIC => {
                    let registry =
                        RegistryId { account: token.account.clone(), region: token.region.clone() };
                    let (actions, repository) = iam::registry_actions(parts, path);
                    let repository = repository.unwrap_or("*");
                    iam::ask_for(app, &token.session, iam::Service::Ecr, &registry, &actions, repository)?;
                    Ok((Visitor::Known(token.session.into()), registry))
                }
                _ => Err(Refusal::unauthorized(Challenge::Basic)),
            },
            Self::Public { account, name } => {
                let registry = RegistryId::public(account);
                match shown(app, parts, Challenge::Bearer, revoke)? {
                    Shown::Token(token) if token.region == RegistryId::PUBLIC => {
                        if !reads {
                            let (actions, _) = iam::registry_actions(parts, path);
                            let service = iam::Service::EcrPublic;
                            iam::ask_for(app, &token.session, service, &registry, &actions, name)?;
                        }
                        Ok((Visitor::Known(token.session.into()), registry))
                    }
                    Shown::Anonymous | Shown::Token(_) if reads => Ok((Visitor::Anonymous, registry)),
                    Shown::Token(_) => Err(denied("A token of ECR Public is needed to push here")),
                    Shown::Anonymous | Shown::Nothing => Err(Refusal::unauthorized(Challenge::Bearer)),
                }
            }
            Self::Nowhere { .. } => match shown(app, parts, Challenge::Bearer, revoke)? {
                Shown::Token(token) => {
                    let registry = RegistryId::public(&token.account);
                    Ok((Visitor::Known(token.session.into()), registry))
                }
                Shown::Anonymous => Ok((Visitor::Anonymous, RegistryId::public("000000000000"))),
                Shown::Nothing => Err(Refusal::unauthorized(Challenge::Bearer)),
            },
        }
    }
}

fn denied(message: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "DENIED", message)
}

/// Reads the `Authorization` header. `Authorization: Bearer` takes what `/token/` gives and what
/// `GetAuthorizationToken` gives.
fn shown(app: &App, parts: &Parts, challenge: Challenge, revoke: bool) -> Result<Shown, Refusal> {
    let unknown = || Refusal::unauthorized(challenge);
    let Some(header) = parts.headers.get(AUTHORIZATION) else { return Ok(Shown::Nothing) };
    let (scheme, credentials) =
        header.to_str().ok().and_then(|text| text.trim().split_once(' ')).ok_or_else(unknown)?;
    let credentials = credentials.trim();
    let bearer = scheme.eq_ignore_ascii_case("bearer");
    if !(scheme.eq_ignore_ascii_case("basic") || bearer && challenge == Challenge::Bearer) {
        return Err(unknown());
    }
    let now = app.clock.now();
    if bearer && let Some(expires) = app.gate.seal.unseal::<i64>(ANONYMOUS, credentials) {
        return if expires > now.as_second() { Ok(Shown::Anonymous) } else { Err(unknown()) };
    }
    let decoded = BASE64_STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or_else(unknown)?;
    if decoded == ":" && challenge == Challenge::Bearer {
        return Ok(Shown::Anonymous);
    }
    let password = decoded.strip_prefix("AWS:").ok_or_else(unknown)?;
    app.gate.password(password, now, revoke).map(|token| Shown::Token(Box::new(token))).map_err(|flaw| {
        match flaw {
            PasswordFlaw::Unknown => unknown(),
            PasswordFlaw::Expired => {
                let status = match app.quirks.expired_token {
                    ExpiredToken::Forbidden => StatusCode::FORBIDDEN,
                    ExpiredToken::Unauthorized => StatusCode::UNAUTHORIZED,
                };
                let message = "Your authorization token has expired. Reauthenticate and try again.";
                Refusal::new(status, "DENIED", message)
            }
        }
    })
}

/// Answers `/token/`: a Bearer token for ECR Public, for whoever logs in and for whoever does not.
pub(in crate::emulator) fn token(app: &App, parts: &Parts, revoke: bool) -> Result<Response<Body>, Refusal> {
    let token = match shown(app, parts, Challenge::Bearer, revoke)? {
        // The password as it was shown, which `/v2/` takes as a Bearer token too.
        Shown::Token(token) if token.region == RegistryId::PUBLIC => {
            let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            header.and_then(|text| text.trim().split_once(' ')).map(|(_, text)| text.trim().to_owned())
        }
        _ => None,
    };
    let expires = app.clock.now().as_second() + ANONYMOUS_SECONDS;
    let token = token.unwrap_or_else(|| app.gate.seal.seal(ANONYMOUS, &expires));
    Ok(Response::builder()
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .body(json!({ "token": token }).to_string().into())
        .expect("invariant: the headers above are legal"))
}
