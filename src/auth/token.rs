//! Where a CI job's OIDC token comes from.
//!
//! GitHub Actions has an endpoint that mints one for an audience; GitLab and others put one into a variable;
//! Jenkins and Kubernetes write one to a file.

use crate::auth::error::AuthError;
use crate::base::secret::safe_url;
use crate::base::{Backoff, Env, Secret, env};
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;
use url::Url;

/// One place to get a token from. It is asked each time that credentials are needed, since tokens live for
/// minutes only.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// GitHub's endpoint:
    /// <https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token>.
    GitHubActions {
        /// `ACTIONS_ID_TOKEN_REQUEST_URL`
        url: Url,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`
        bearer: Secret,
    },
    /// A file, read anew each time, since whoever wrote it may renew it.
    File(PathBuf),
    /// A variable.
    Variable {
        /// Its name.
        name: String,
        /// Its value, if it is set.
        value: Option<Secret>,
    },
}

/// The explicit wishes about where the token is.
#[derive(Debug, Clone, Default)]
pub struct TokenSettings {
    /// `--web-identity-token-file`
    pub file: Option<PathBuf>,
    /// `--web-identity-token-env`
    pub variable: Option<String>,
}

impl TokenSource {
    /// Finds the place: what was asked for, else GitHub's endpoint, else `AWS_WEB_IDENTITY_TOKEN_FILE`. If there
    /// is none, the error lists what was tried, a line each.
    pub fn find(settings: &TokenSettings, environment: &Env) -> Result<Self, String> {
        if let Some(path) = &settings.file {
            return Ok(Self::File(path.clone()));
        }
        if let Some(name) = &settings.variable {
            let value = environment.get(name).map(Secret::new);
            return Ok(Self::Variable { name: name.clone(), value });
        }
        let mut tried = vec![
            "--web-identity-token-file: not given".to_owned(),
            "--web-identity-token-env: not given".into(),
        ];
        let request_url = environment.get(env::ACTIONS_ID_TOKEN_REQUEST_URL);
        let bearer = environment.get(env::ACTIONS_ID_TOKEN_REQUEST_TOKEN);
        match (request_url.map(Url::parse), bearer) {
            (Some(Ok(url)), Some(bearer)) => {
                return Ok(Self::GitHubActions { url, bearer: Secret::new(bearer) });
            }
            (Some(Err(error)), _) => tried.push(format!("{}: {error}", env::ACTIONS_ID_TOKEN_REQUEST_URL)),
            (url, _) => {
                let missing = if url.is_none() {
                    env::ACTIONS_ID_TOKEN_REQUEST_URL
                } else {
                    env::ACTIONS_ID_TOKEN_REQUEST_TOKEN
                };
                tried.push(format!("GitHub Actions: {missing} is not set"));
            }
        }
        match environment.get(env::AWS_WEB_IDENTITY_TOKEN_FILE) {
            Some(path) => Ok(Self::File(path.into())),
            None => {
                tried.push(format!("{}: not set", env::AWS_WEB_IDENTITY_TOKEN_FILE));
                Err(numbered(&tried))
            }
        }
    }

    /// Gets a token for `audience`. Only GitHub's endpoint can choose it; elsewhere it was chosen when the token
    /// was issued.
    pub async fn fetch(
        &self,
        http: &reqwest::Client,
        audience: &str,
        backoff: Backoff,
    ) -> Result<Secret, AuthError> {
        let token = match self {
            Self::GitHubActions { url, bearer } => ask_github(http, url, bearer, audience, backoff).await?,
            Self::File(path) => {
                let source = fs_err::tokio::read_to_string(path).await;
                Secret::new(
                    source.map_err(|source| AuthError::TokenFile { path: path.clone(), source })?.trim(),
                )
            }
            Self::Variable { name, value } => match value {
                Some(value) => Secret::new(value.expose().trim()),
                None => return Err(AuthError::TokenVariable { name: name.clone() }),
            },
        };
        if token.expose().split('.').count() == 3 {
            Ok(token)
        } else {
            Err(AuthError::NotAToken { origin: self.to_string() })
        }
    }
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GitHubActions { .. } => f.write_str("GitHub Actions"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
            Self::Variable { name, .. } => write!(f, "the variable `{name}`"),
        }
    }
}

/// `lines` with numbers, indented, for the lists of what was tried.
pub(crate) fn numbered(lines: &[String]) -> String {
    let numbered: Vec<_> =
        lines.iter().enumerate().map(|(index, line)| format!("  {}. {line}", index + 1)).collect();
    numbered.join("\n")
}

async fn ask_github(
    http: &reqwest::Client,
    url: &Url,
    bearer: &Secret,
    audience: &str,
    backoff: Backoff,
) -> Result<Secret, AuthError> {
    #[derive(Deserialize)]
    struct Answer {
        value: String,
    }
    const SERVICE: &str = "GitHub Actions";
    let failed = |source: reqwest::Error| AuthError::TokenRequest {
        service: SERVICE,
        url: safe_url(url),
        source: Box::new(source.without_url()),
    };
    for attempt in 1.. {
        let sent =
            http.get(url.clone()).query(&[("audience", audience)]).bearer_auth(bearer.expose()).send().await;
        let again = match &sent {
            Ok(answer) => answer.status().is_server_error() || answer.status() == 429,
            Err(error) => !error.is_builder(),
        };
        if again && let Some(delay) = backoff.delay(attempt) {
            tokio::time::sleep(delay).await;
            continue;
        }
        let answer = sent.map_err(failed)?;
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            return Err(AuthError::TokenRefused { service: SERVICE, url: safe_url(url), status });
        }
        let answer: Answer = answer.json().await.map_err(failed)?;
        return Ok(Secret::new(answer.value));
    }
    unreachable!("invariant: a back-off ends")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_comes_first() {
        let env: Env = [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://ci.example/token?v=1"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
            ("GITLAB_TOKEN", "a.b.c"),
        ]
        .into_iter()
        .collect();
        let found = |settings: TokenSettings| TokenSource::find(&settings, &env).unwrap().to_string();
        assert_eq!(found(TokenSettings::default()), "GitHub Actions");
        let variable = TokenSettings { variable: Some("GITLAB_TOKEN".into()), ..Default::default() };
        assert_eq!(found(variable), "the variable `GITLAB_TOKEN`");
        let file = TokenSettings { file: Some("/other".into()), ..Default::default() };
        assert_eq!(found(file), "the file `/other`");
    }

    #[test]
    fn nothing_found_lists_what_was_tried() {
        let env: Env = [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://ci.example")].into_iter().collect();
        assert_eq!(
            TokenSource::find(&TokenSettings::default(), &env).unwrap_err(),
            "  1. --web-identity-token-file: not given\n  2. --web-identity-token-env: not given\n  3. GitHub \
             Actions: ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set\n  4. AWS_WEB_IDENTITY_TOKEN_FILE: not set"
        );
    }

    #[test]
    fn debug_shows_no_token() {
        let source = TokenSource::Variable { name: "T".into(), value: Some(Secret::new("a.b.c")) };
        assert!(!format!("{source:?}").contains("a.b.c"));
    }
}
