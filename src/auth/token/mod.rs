//! Where a CI job's OIDC token comes from, one file a CI.
//!
//! GitHub Actions and Buildkite make one for an audience each time they are asked; GitLab, Bitbucket and `CircleCI`
//! put one into a variable when the job starts; Jenkins and Kubernetes write one to a file.

mod bitbucket;
mod buildkite;
mod circleci;
mod github;
mod gitlab;

use crate::auth::claims::Claims;
use crate::auth::error::AuthError;
use crate::base::{Backoff, Env, Secret, env};
use serde::Serialize;
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
    /// Buildkite's agent, which is run: <https://buildkite.com/docs/agent/v3/cli-oidc>.
    Buildkite {
        /// The program `buildkite-agent`.
        agent: PathBuf,
    },
    /// A file, read anew each time, since whoever wrote it may renew it.
    File(PathBuf),
    /// A variable.
    Variable {
        /// The CI that sets it, if that is known.
        ci: Option<&'static str>,
        /// Its name.
        name: String,
        /// Its value, if it is set.
        value: Option<Secret>,
    },
}

/// When a source's tokens are made, which decides what helps if one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issued {
    /// When it is asked for, for the audience that is asked for.
    OnDemand,
    /// When the job started, for the audience that the CI's configuration names.
    AtTheStart,
    /// Whenever somebody writes the file.
    BySomebody,
}

/// A token without the token: where it came from, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenFacts {
    /// The source, for people.
    pub source: String,
    /// What it says.
    #[serde(flatten)]
    pub claims: Claims,
}

/// The explicit wishes about where the token is.
#[derive(Debug, Clone, Default)]
pub struct TokenSettings {
    /// `--web-identity-token-file`
    pub file: Option<PathBuf>,
    /// `--web-identity-token-env`
    pub variable: Option<String>,
}

impl TokenSettings {
    /// The same; with `file`, if nothing is wished for.
    pub(super) fn or_file(&self, file: &str) -> Self {
        match self {
            Self { file: None, variable: None } => Self { file: Some(file.into()), variable: None },
            wished => wished.clone(),
        }
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingToken {
    /// What was tried, in its order, a numbered line each.
    pub tried: String,
    /// What to do, in the terms of the CI that runs this job.
    pub advice: String,
}

/// A CI that gives its jobs tokens.
trait Ci {
    /// Its token; or why there is none, for the list of what was tried.
    fn token(&self, environment: &Env) -> Result<TokenSource, String>;

    /// If this is a job of it: how to come by a token.
    fn advice(&self, environment: &Env) -> Option<String>;
}

/// All that are known, in the order in which they are asked.
const CIS: [&dyn Ci; 5] = [
    &github::GitHubActions,
    &gitlab::GitLab,
    &bitbucket::Bitbucket,
    &circleci::CircleCi,
    &buildkite::Buildkite,
];

impl TokenSource {
    /// Finds the place: what was asked for, else what the CI offers, else `AWS_WEB_IDENTITY_TOKEN_FILE`.
    pub fn find(settings: &TokenSettings, environment: &Env) -> Result<Self, MissingToken> {
        if let Some(path) = &settings.file {
            return Ok(Self::File(path.clone()));
        }
        if let Some(name) = &settings.variable {
            let value = environment.get(name).map(Secret::new);
            return Ok(Self::Variable { ci: None, name: name.clone(), value });
        }
        let mut tried = vec![
            "--web-identity-token-file: not given".to_owned(),
            "--web-identity-token-env: not given".into(),
        ];
        for ci in CIS {
            match ci.token(environment) {
                Ok(source) => return Ok(source),
                Err(why) => tried.push(why),
            }
        }
        if let Some(path) = environment.get(env::AWS_WEB_IDENTITY_TOKEN_FILE) {
            return Ok(Self::File(path.into()));
        }
        tried.push(format!("Jenkins, Kubernetes: {} is not set", env::AWS_WEB_IDENTITY_TOKEN_FILE));
        let advice = CIS.iter().find_map(|ci| ci.advice(environment));
        Err(MissingToken { tried: numbered(&tried), advice: advice.unwrap_or_else(|| ANYWHERE.into()) })
    }

    /// Gets a token for `audience`, if the source makes it [on demand](Issued::OnDemand); elsewhere the audience was
    /// chosen when it was issued. Fails if the source does not give one, or gives what is none.
    pub async fn fetch(
        &self,
        http: &reqwest::Client,
        audience: &str,
        backoff: Backoff,
    ) -> Result<Secret, AuthError> {
        let token = match self {
            Self::GitHubActions { url, bearer } => {
                github::request(http, url, bearer, audience, backoff).await?
            }
            Self::Buildkite { agent } => buildkite::request(agent, audience).await?,
            Self::File(path) => {
                let source = fs_err::tokio::read_to_string(path).await;
                Secret::new(
                    source.map_err(|source| AuthError::TokenFile { path: path.clone(), source })?.trim(),
                )
            }
            Self::Variable { name, value, .. } => match value {
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

    /// Gets a token as [`fetch`](Self::fetch) does, and tells of it without showing it.
    pub async fn describe(
        &self,
        http: &reqwest::Client,
        audience: &str,
        backoff: Backoff,
    ) -> Result<TokenFacts, AuthError> {
        let token = self.fetch(http, audience, backoff).await?;
        Ok(TokenFacts { source: self.to_string(), claims: Claims::of(token.expose()).unwrap_or_default() })
    }

    /// When its tokens are made.
    pub fn issued(&self) -> Issued {
        match self {
            Self::GitHubActions { .. } | Self::Buildkite { .. } => Issued::OnDemand,
            Self::Variable { .. } => Issued::AtTheStart,
            Self::File(_) => Issued::BySomebody,
        }
    }

    /// The variable `name`, which `ci` sets, if it is set.
    fn of_variable(ci: &'static str, name: &str, environment: &Env) -> Option<Self> {
        let value = Some(Secret::new(environment.get(name)?));
        Some(Self::Variable { ci: Some(ci), name: name.to_owned(), value })
    }
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GitHubActions { .. } => f.write_str(github::NAME),
            Self::Buildkite { .. } => f.write_str(buildkite::NAME),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
            Self::Variable { ci: Some(ci), name, .. } => write!(f, "{ci} (the variable `{name}`)"),
            Self::Variable { ci: None, name, .. } => write!(f, "the variable `{name}`"),
        }
    }
}

/// What to do where no CI is known.
const ANYWHERE: &str = "in GitHub Actions give the job `permissions: id-token: write`; in GitLab declare \
                        `id_tokens:`; in Bitbucket set `oidc: true`; elsewhere pass `--web-identity-token-file` or \
                        `--web-identity-token-env`";

/// `lines` with numbers, indented, for the lists of what was tried.
pub(crate) fn numbered(lines: &[String]) -> String {
    let numbered: Vec<_> =
        lines.iter().enumerate().map(|(index, line)| format!("  {}. {line}", index + 1)).collect();
    numbered.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<String, MissingToken> {
        let environment = variables.iter().copied().collect();
        TokenSource::find(&TokenSettings::default(), &environment).map(|source| source.to_string())
    }

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
        assert_eq!(found(file.or_file("/not this")), "the file `/other`");
        assert_eq!(found(TokenSettings::default().or_file("/this")), "the file `/this`");
    }

    #[test]
    fn each_ci_and_what_only_looks_like_one() {
        let token = ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
        for (variables, expected) in [
            (
                &[("BITBUCKET_STEP_OIDC_TOKEN", "a.b.c")][..],
                "Bitbucket Pipelines (the variable `BITBUCKET_STEP_OIDC_TOKEN`)",
            ),
            (&[("CIRCLE_OIDC_TOKEN", "a.b.c")], "CircleCI (the variable `CIRCLE_OIDC_TOKEN`)"),
            (
                &[("CIRCLE_OIDC_TOKEN", "a.b.c"), ("CIRCLE_OIDC_TOKEN_V2", "a.b.c")],
                "CircleCI (the variable `CIRCLE_OIDC_TOKEN_V2`)",
            ),
            (
                &[("GITLAB_CI", "true"), ("CONSIGN_ID_TOKEN", "a.b.c")],
                "GitLab CI (the variable `CONSIGN_ID_TOKEN`)",
            ),
            (&[("GITLAB_CI", "true"), ("AWS_ID_TOKEN", "a.b.c")], "GitLab CI (the variable `AWS_ID_TOKEN`)"),
            // Only GitLab lets its users name the variable.
            (&[("AWS_ID_TOKEN", "a.b.c"), token], "the file `/token`"),
            // The agent is nowhere on this PATH.
            (&[("BUILDKITE_AGENT_ACCESS_TOKEN", "t"), ("PATH", "/nowhere"), token], "the file `/token`"),
        ] {
            assert_eq!(found(variables).unwrap(), expected);
        }
        let both = [("GITLAB_CI", "true"), ("CONSIGN_ID_TOKEN", "a.b.c"), ("AWS_ID_TOKEN", "a.b.c")];
        let tried = found(&both).unwrap_err().tried;
        assert!(tried.contains("GitLab CI: CONSIGN_ID_TOKEN and AWS_ID_TOKEN are both set"), "{tried}");
    }

    #[test]
    fn nothing_found_lists_what_was_tried() {
        let missing = found(&[("ACTIONS_ID_TOKEN_REQUEST_URL", "https://ci.example")]).unwrap_err();
        insta::assert_snapshot!(missing.tried, @r"
          1. --web-identity-token-file: not given
          2. --web-identity-token-env: not given
          3. GitHub Actions: ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set
          4. GitLab CI: GITLAB_CI is not set
          5. Bitbucket Pipelines: BITBUCKET_STEP_OIDC_TOKEN is not set
          6. CircleCI: CIRCLE_OIDC_TOKEN_V2 and CIRCLE_OIDC_TOKEN are not set
          7. Buildkite: BUILDKITE_AGENT_ACCESS_TOKEN is not set
          8. Jenkins, Kubernetes: AWS_WEB_IDENTITY_TOKEN_FILE is not set
        ");
    }

    #[test]
    fn advice_speaks_of_the_ci_at_hand() {
        for (variables, expected) in [
            (&[("GITHUB_ACTIONS", "true")][..], "id-token: write"),
            (&[("GITLAB_CI", "true")], "id_tokens:"),
            (&[("BITBUCKET_BUILD_NUMBER", "1")], "oidc: true"),
            (&[("CIRCLECI", "true"), ("CIRCLE_PR_USERNAME", "evil")], "the fork of `evil`"),
            (&[("CIRCLECI", "true")], "context"),
            (&[("BUILDKITE", "true")], "mount-buildkite-agent"),
            (&[], "--web-identity-token-file"),
        ] {
            let advice = found(variables).unwrap_err().advice;
            assert!(advice.contains(expected), "{variables:?}: {advice}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let source = TokenSource::Variable { ci: None, name: "T".into(), value: Some(Secret::new("a.b.c")) };
        assert!(!format!("{source:?}").contains("a.b.c"));
    }
}
