//! What a registry's answers mean when they are no success, by status and by the error codes of the specification
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>); never by the words of a
//! message.

use crate::base::RepositoryName;
use crate::base::failure::causes;
use crate::registry::RegistryError;
use oci_client::errors::{OciDistributionError, OciEnvelope};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use std::time::Duration;

/// The longest wait that a registry may ask for; more is not waited for within a CI job.
const LONGEST_WAIT: Duration = Duration::from_mins(2);
/// Characters of a registry's message that are shown.
const SHOWN: usize = 400;

/// Why a request did not succeed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may succeed later: no connection, a server's error, too many requests. With the wait that the registry
    /// asks for.
    Later { why: String, wait: Option<Duration> },
    /// Nothing came, for as long as one has patience.
    Silent { why: String },
    /// The registry answered that it won't.
    Refused(Said),
    /// It is no matter of the registry.
    For(RegistryError),
}

/// What a registry said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) status: StatusCode,
    /// The code of the specification, or one that follows from the status.
    pub(super) code: String,
    pub(super) message: String,
}

impl Said {
    fn new(status: StatusCode, body: &[u8]) -> Self {
        let first =
            serde_json::from_slice::<OciEnvelope>(body).ok().and_then(|mut all| all.errors.drain(..).next());
        let (code, message) = match first {
            Some(error) => (
                serde_json::to_value(&error.code).ok().and_then(|code| code.as_str().map(str::to_owned)),
                error.message,
            ),
            None => (None, String::from_utf8_lossy(body).into_owned()),
        };
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let message = match message.as_str() {
            "" => "the registry gave no reason".to_owned(),
            // A page for people is no reason that one could read here.
            html if html.starts_with('<') => "the registry gave no reason".to_owned(),
            text => text.chars().filter(|c| !c.is_control()).take(SHOWN).collect(),
        };
        Self { status, code: code.unwrap_or_else(|| Self::usual_code(status)), message }
    }

    fn usual_code(status: StatusCode) -> String {
        match status {
            StatusCode::UNAUTHORIZED => "UNAUTHORIZED".into(),
            StatusCode::FORBIDDEN => "DENIED".into(),
            StatusCode::NOT_FOUND => "NOT_FOUND".into(),
            status => format!("HTTP {}", status.as_u16()),
        }
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// Whether the credentials are what it is about.
    pub(super) fn is_about_credentials(&self) -> bool {
        matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    }
}

/// Whether a status says «later».
fn is_later(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// The seconds of `Retry-After`; a date there is rare and taken for nothing.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

fn of_status(status: StatusCode, wait: Option<Duration>, body: &[u8]) -> Trouble {
    let said = Said::new(status, body);
    if is_later(status) {
        let why = format!("{}: {} (HTTP status {})", said.code, said.message, status.as_u16());
        Trouble::Later { why, wait }
    } else {
        Trouble::Refused(said)
    }
}

/// The answer, if it is a success.
pub(super) async fn judged(answer: reqwest::Result<Response>) -> Result<Response, Trouble> {
    let answer = answer.map_err(no_answer)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let wait = asked_wait(answer.headers());
    // The status has said what counts; a body that breaks off takes nothing away from it.
    let body = answer.bytes().await.unwrap_or_default();
    Err(of_status(status, wait, &body))
}

/// No answer came. The address is not shown: that of an upload or of a redirect can hold a signature.
pub(super) fn no_answer(error: reqwest::Error) -> Trouble {
    let is_timeout = error.is_timeout();
    let why = causes(&error.without_url());
    if is_timeout { Trouble::Silent { why } } else { Trouble::Later { why, wait: None } }
}

impl From<OciDistributionError> for Trouble {
    fn from(error: OciDistributionError) -> Self {
        match error {
            OciDistributionError::RequestError(error) => match error.status() {
                Some(status) => of_status(status, None, b""),
                None => no_answer(error),
            },
            OciDistributionError::UnauthorizedError { .. } => of_status(StatusCode::UNAUTHORIZED, None, b""),
            // The server of tokens was asked, and its status is not told.
            OciDistributionError::AuthenticationFailure(body) => {
                of_status(StatusCode::UNAUTHORIZED, None, body.as_bytes())
            }
            OciDistributionError::ServerError { code, message, .. } => {
                let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                of_status(status, None, message.as_bytes())
            }
            // Its status is not told either, and follows from the code.
            OciDistributionError::RegistryError { envelope, .. } => {
                let body = serde_json::to_vec(&envelope).unwrap_or_default();
                let mut said = Said::new(StatusCode::BAD_REQUEST, &body);
                said.status = match said.code.as_str() {
                    "TOOMANYREQUESTS" => StatusCode::TOO_MANY_REQUESTS,
                    "DENIED" => StatusCode::FORBIDDEN,
                    "UNAUTHORIZED" => StatusCode::UNAUTHORIZED,
                    code if code.ends_with("_UNKNOWN") || code == "NOT_FOUND" => StatusCode::NOT_FOUND,
                    _ => said.status,
                };
                if is_later(said.status) {
                    Self::Later { why: format!("{}: {}", said.code, said.message), wait: None }
                } else {
                    Self::Refused(said)
                }
            }
            // What else there is has no address in its text.
            other => Self::Refused(Said {
                status: StatusCode::OK,
                code: "an answer that makes no sense".into(),
                message: other.to_string().chars().take(SHOWN).collect(),
            }),
        }
    }
}

/// Where something was asked for: registry and repository, as messages name them.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub(super) host: &'a str,
    pub(super) repository: &'a RepositoryName,
    /// Who asked, for messages.
    pub(super) who: &'a str,
}

impl Place<'_> {
    pub(super) fn resource(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// The registry answered, and that is the end of it.
    pub(super) fn refused(&self, operation: &'static str, said: Said) -> RegistryError {
        let Said { status, code, message } = said;
        let request = format!(" (HTTP status {})", status.as_u16());
        match status {
            StatusCode::UNAUTHORIZED => RegistryError::NotLoggedIn {
                host: self.host.to_owned(),
                repository: self.repository.clone(),
                who: self.who.to_owned(),
                said: format!("{code}: {message}{request}"),
            },
            StatusCode::FORBIDDEN => {
                RegistryError::Denied { operation, resource: self.resource(), code, message, request }
            }
            _ => RegistryError::Refused { operation, resource: self.resource(), code, message, request },
        }
    }

    /// No attempt got through.
    pub(super) fn exhausted(&self, operation: &'static str, why: String) -> RegistryError {
        RegistryError::Exhausted { operation, resource: self.resource(), why }
    }

    /// An answer was a success and yet can't be used.
    pub(super) fn nonsense(&self, operation: &'static str, what: impl Into<String>) -> RegistryError {
        RegistryError::Nonsense { operation, resource: self.resource(), what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Said {
        match of_status(StatusCode::from_u16(status).unwrap(), None, body.as_bytes()) {
            Trouble::Refused(said) => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn codes_come_from_the_body_or_from_the_status() {
        let said = refused(
            404,
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no such\n repository","detail":{}}]}"#,
        );
        assert_eq!((said.code.as_str(), said.message.as_str()), ("NAME_UNKNOWN", "no such repository"));
        let said = refused(400, r#"{"errors":[{"code":"OF_ITS_OWN"}]}"#);
        assert_eq!(
            (said.code.as_str(), said.message.as_str()),
            ("OF_ITS_OWN", "the registry gave no reason")
        );
        assert_eq!(refused(401, "Not Authorized\n").code, "UNAUTHORIZED");
        assert_eq!(refused(403, "").code, "DENIED");
        let page = refused(418, "<html>secret of nobody</html>");
        assert_eq!((page.code.as_str(), page.message.as_str()), ("HTTP 418", "the registry gave no reason"));
        assert_eq!(refused(400, &"x".repeat(10_000)).message.len(), SHOWN);
    }

    #[test]
    fn later_is_not_never() {
        for status in [408, 429, 500, 502, 503, 504] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(matches!(of_status(status, None, b""), Trouble::Later { .. }), "{status}");
        }
        for status in [400, 404, 405, 413, 416, 501] {
            refused(status, "");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(asked_wait(&headers), None);
        headers.insert(RETRY_AFTER, "7".parse().unwrap());
        assert_eq!(asked_wait(&headers), Some(Duration::from_secs(7)));
        headers.insert(RETRY_AFTER, "86400".parse().unwrap());
        assert_eq!(asked_wait(&headers), Some(LONGEST_WAIT));
        headers.insert(RETRY_AFTER, "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap());
        assert_eq!(asked_wait(&headers), None);
    }
}
