//! GitHub Actions: an endpoint that makes a token for each request
//! (<https://docs.github.com/en/actions/reference/security/oidc>).

use super::{Ci, TokenSource};
use crate::auth::error::AuthError;
use crate::base::secret::safe_url;
use crate::base::{Backoff, Env, Secret, env};
use serde::Deserialize;
use url::Url;

pub(super) const NAME: &str = "GitHub Actions";

pub(super) struct GitHubActions;

impl Ci for GitHubActions {
    fn token(&self, environment: &Env) -> Result<TokenSource, String> {
        let (url, bearer) = (env::ACTIONS_ID_TOKEN_REQUEST_URL, env::ACTIONS_ID_TOKEN_REQUEST_TOKEN);
        let missing = |name| format!("{NAME}: {name} is not set");
        let text = environment.get(url).ok_or_else(|| missing(url))?;
        let bearer = environment.get(bearer).ok_or_else(|| missing(bearer))?;
        let url = Url::parse(text).map_err(|error| format!("{NAME}: {url}: {error}"))?;
        Ok(TokenSource::GitHubActions { url, bearer: Secret::new(bearer) })
    }

    fn advice(&self, environment: &Env) -> Option<String> {
        environment.get(env::GITHUB_ACTIONS)?;
        Some(match fork(environment) {
            Some(fork) => format!(
                "this job runs for a pull request from {fork}, and GitHub gives such jobs no OIDC token, whatever \
                 `permissions: id-token: write` says. Build without `--push` there, and push after the merge; \
                 `pull_request_target` is no way out, as it would give the fork's code your role"
            ),
            None => "give the job these permissions; a workflow that is called needs them from its caller too, and \
                     pull requests from forks never get a token\n    permissions:\n      id-token: write\n      \
                     contents: read"
                .into(),
        })
    }
}

/// The fork whose pull request the job is for, if it is for one. The event's payload tells
/// (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request>).
fn fork(environment: &Env) -> Option<String> {
    #[derive(Deserialize)]
    struct Payload {
        pull_request: PullRequest,
    }
    #[derive(Deserialize)]
    struct PullRequest {
        head: Head,
    }
    #[derive(Deserialize)]
    struct Head {
        repo: Option<Repository>,
    }
    #[derive(Deserialize)]
    struct Repository {
        full_name: String,
    }
    environment.get("GITHUB_EVENT_NAME").filter(|name| name.starts_with("pull_request"))?;
    let payload = fs_err::read(environment.get("GITHUB_EVENT_PATH")?).ok()?;
    let payload: Payload = serde_json::from_slice(&payload).ok()?;
    match payload.pull_request.head.repo {
        None => Some("a fork that was deleted".into()),
        Some(Repository { full_name }) => {
            let own = environment.get("GITHUB_REPOSITORY")?;
            (!full_name.eq_ignore_ascii_case(own)).then(|| format!("the fork `{full_name}`"))
        }
    }
}

/// Asks for a token for `audience`.
pub(super) async fn request(
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
    let failed = |source: reqwest::Error| AuthError::TokenRequest {
        service: NAME,
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
            return Err(AuthError::TokenRefused { service: NAME, url: safe_url(url), status });
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
    fn a_fork_is_told_by_the_payload_of_the_event() {
        let folder = tempfile::tempdir().unwrap();
        let payload = |text: &str| {
            let path = folder.path().join("event.json");
            fs_err::write(&path, text).unwrap();
            let path = path.display().to_string();
            [
                ("GITHUB_EVENT_NAME", "pull_request"),
                ("GITHUB_EVENT_PATH", &path),
                ("GITHUB_REPOSITORY", "acme/shop"),
            ]
            .into_iter()
            .collect::<Env>()
        };
        let head = |repository: &str| format!(r#"{{"pull_request":{{"head":{{"repo":{repository}}}}}}}"#);
        let of = |text: &str| fork(&payload(text));
        assert_eq!(of(&head(r#"{"full_name":"evil/shop","fork":true}"#)).unwrap(), "the fork `evil/shop`");
        // Whoever works in a fork also makes pull requests within it.
        assert_eq!(of(&head(r#"{"full_name":"Acme/shop","fork":true}"#)), None);
        assert_eq!(of(&head("null")).unwrap(), "a fork that was deleted");
        for other in ["{}", "no JSON", r#"{"pull_request":null}"#] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(fork(&[("GITHUB_EVENT_NAME", "pull_request")].into_iter().collect()), None);
    }
}
