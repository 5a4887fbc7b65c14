//! The read side of `/v2/`: the OCI distribution API with ECR's ways.
//!
//! Sources: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>, ECR's user guide
//! (`registry_auth.html`), and what was seen of ECR: Basic authentication only, a text for an unauthorised body,
//! tags in no order with opaque paging and as `text/plain`, and 405 UNSUPPORTED for whatever is a parameter error.

use super::app::App;
use super::ecr::{ImageId, Paging, resolve_for_pull, touch};
use super::error::{ApiError, Place};
use super::iam::{self, PasswordFlaw, RegistryToken};
use super::layer_url;
use super::store::{RegistryId, Repository};
use crate::base::{BlobDigest, ManifestDigest, RepositoryName, Tag};
use axum::body::Body;
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, LINK, LOCATION, WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;
use std::sync::Arc;

/// What a path of `/v2/` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Root,
    Manifest { repository: &'a str, reference: &'a str },
    Blob { repository: &'a str, digest: &'a str },
    Tags { repository: &'a str },
    Other,
}

impl<'a> Target<'a> {
    pub(super) fn of(path: &'a str) -> Self {
        let Some(rest) = path.strip_prefix("/v2/") else { return Self::Root };
        if rest.is_empty() {
            return Self::Root;
        }
        if let Some(repository) = rest.strip_suffix("/tags/list") {
            return Self::Tags { repository };
        }
        let Some((front, last)) = rest.rsplit_once('/') else { return Self::Other };
        match front.rsplit_once('/') {
            Some((repository, "manifests")) => Self::Manifest { repository, reference: last },
            Some((repository, "blobs")) => Self::Blob { repository, digest: last },
            _ => Self::Other,
        }
    }

    /// The path without what differs from request to request.
    pub(super) fn shape(self) -> &'static str {
        match self {
            Self::Root => "/v2/",
            Self::Manifest { .. } => "/v2/…/manifests/…",
            Self::Blob { .. } => "/v2/…/blobs/…",
            Self::Tags { .. } => "/v2/…/tags/list",
            Self::Other => "/v2/…",
        }
    }

    pub(super) fn repository(self) -> Option<&'a str> {
        match self {
            Self::Manifest { repository, .. } | Self::Blob { repository, .. } | Self::Tags { repository } => {
                Some(repository)
            }
            Self::Root | Self::Other => None,
        }
    }
}

/// A refused request.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    pub(super) code: &'static str,
    message: String,
    /// Nobody is logged in: the answer says how, in ECR's way.
    challenge: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), challenge: false }
    }

    pub(super) fn throttled() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "Rate exceeded")
    }

    fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
    }

    pub(super) fn answer(&self, app: &App) -> Response<Body> {
        let answer = response(self.status);
        if self.challenge {
            return answer
                .header(WWW_AUTHENTICATE, app.challenge())
                .header(CONTENT_TYPE, "text/plain; charset=utf-8")
                .body("Not Authorized\n".into())
                .expect("invariant: the headers above are legal");
        }
        let body = json!({ "errors": [{ "code": self.code, "message": self.message }] }).to_string();
        answer
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body.into())
            .expect("invariant: the headers above are legal")
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        tracing::error!("{error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", error.to_string())
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        match error.code.as_str() {
            "RepositoryNotFoundException" => Self::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", error.message),
            "AccessDeniedException" => Self::new(StatusCode::FORBIDDEN, "DENIED", error.message),
            _ if error.status.is_server_error() => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", error.message)
            }
            _ => Self::unsupported(error.message),
        }
    }
}

fn response(status: StatusCode) -> axum::http::response::Builder {
    Response::builder().status(status).header("docker-distribution-api-version", "registry/2.0")
}

type Answer = Result<Response<Body>, Refusal>;

/// Answers a request. With `revoke`, the token that it shows expires at this moment.
pub(super) async fn serve(app: &App, parts: &Parts, revoke: bool) -> Answer {
    let token = authenticate(app, parts, revoke)?;
    let (actions, repository) = iam::registry_actions(parts, parts.uri.path());
    let registry = RegistryId { account: token.account.clone(), region: token.region.clone() };
    iam::ask_for(app, &token.session, iam::Service::Ecr, &registry, &actions, repository.unwrap_or("*"))?;
    let target = Target::of(parts.uri.path());
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(Refusal::unsupported("The operation is unsupported."));
    }
    let head = parts.method == Method::HEAD;
    match target {
        Target::Root => {
            let answer = response(StatusCode::OK).header(CONTENT_TYPE, "application/json; charset=utf-8");
            Ok(answer.body("{}".into()).expect("invariant: the headers above are legal"))
        }
        Target::Manifest { repository, reference } => {
            let repository = find(app, &token, repository)?;
            manifest(app, parts, &repository, reference, head).await
        }
        Target::Blob { repository, digest } => {
            let repository = find(app, &token, repository)?;
            blob(app, parts, &repository, digest, head).await
        }
        Target::Tags { repository } => {
            let repository = find(app, &token, repository)?;
            tags(app, parts, &repository)
        }
        Target::Other => {
            Err(Refusal::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "The repository is not known"))
        }
    }
}

fn authenticate(app: &App, parts: &Parts, revoke: bool) -> Result<RegistryToken, Refusal> {
    let challenge = || Refusal {
        status: StatusCode::UNAUTHORIZED,
        code: "UNAUTHORIZED",
        message: "Not Authorized".into(),
        challenge: true,
    };
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, encoded) = header.and_then(|text| text.split_once(' ')).ok_or_else(challenge)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(challenge());
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let password = decoded.as_deref().and_then(|text| text.strip_prefix("AWS:")).ok_or_else(challenge)?;
    app.gate.password(password, app.clock.now(), revoke).map_err(|flaw| match flaw {
        PasswordFlaw::Unknown => challenge(),
        PasswordFlaw::Expired => Refusal::new(
            app.quirks.expired_registry_token,
            "DENIED",
            "Your authorization token has expired. Reauthenticate and try again.",
        ),
    })
}

fn find(app: &App, token: &RegistryToken, name: &str) -> Result<Arc<Repository>, Refusal> {
    if name.parse::<RepositoryName>().is_err() {
        let error = ApiError::invalid_parameter("repositoryName", "must satisfy regular expression");
        return Err(error.into());
    }
    let registry = RegistryId { account: token.account.clone(), region: token.region.clone() };
    app.store
        .repository(&registry, name)
        .ok_or_else(|| Place { repository: name, account: &registry.account }.repository_not_found().into())
}

/// A manifest by tag, if its type is one that is accepted, or by digest, whatever its type.
async fn manifest(
    app: &App,
    parts: &Parts,
    repository: &Arc<Repository>,
    reference: &str,
    head: bool,
) -> Answer {
    let id = if reference.contains(':') {
        ImageId { image_digest: Some(reference.into()), image_tag: None }
    } else if reference.parse::<Tag>().is_ok() {
        ImageId { image_digest: None, image_tag: Some(reference.into()) }
    } else if head {
        // Seen from ECR for tags with a `+`.
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "TAG_INVALID", "The tag is not valid"));
    } else {
        return Err(ApiError::invalid_parameter("imageTag", "must satisfy regular expression").into());
    };
    let unknown = |message: String| Refusal::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", message);
    let found: Result<(ManifestDigest, String), Refusal> = repository.read(|contents| {
        let digest =
            resolve_for_pull(contents, &id, app.clock.now()).map_err(|(_, reason)| unknown(reason))?;
        let image = contents.images.get(&digest);
        let image = image.ok_or_else(|| unknown("Requested image not found".into()))?;
        Ok((digest, image.media_type.as_str().to_owned()))
    });
    let (digest, media_type) = found?;
    if id.image_tag.is_some() && !accepts(parts, &media_type) {
        return Err(unknown("Requested image not found".into()));
    }
    let path = app.store.blobs.path(&digest.into());
    let bytes = fs_err::tokio::read(path).await?;
    if !head {
        touch(repository, &digest, app.clock.now());
        repository.commit().await?;
    }
    Ok(response(StatusCode::OK)
        .header(CONTENT_TYPE, media_type)
        .header(CONTENT_LENGTH, bytes.len())
        .header("docker-content-digest", digest.to_string())
        .body(if head { Body::empty() } else { bytes.into() })
        .expect("invariant: only the four known media types are stored"))
}

/// Whether the request takes `media_type`; one that says nothing takes everything.
fn accepts(parts: &Parts, media_type: &str) -> bool {
    let mut ranges = parts
        .headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .filter(|range| !range.is_empty())
        .peekable();
    ranges.peek().is_none()
        || ranges
            .any(|range| matches!(range, "*/*" | "application/*" | "application/json") || range == media_type)
}

/// A blob: what is known of it, or where it is. It comes at once if there is nowhere else to send the client.
async fn blob(app: &App, parts: &Parts, repository: &Repository, text: &str, head: bool) -> Answer {
    let digest: Option<BlobDigest> = text.parse().ok();
    let found = repository.read(|contents| {
        let digest = digest?;
        Some((digest, contents.layers.get(&digest)?.size))
    });
    let Some((digest, size)) = found else {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry"));
    };
    let answer = if head {
        response(StatusCode::OK)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size)
            .header("docker-content-digest", digest.to_string())
    } else {
        let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(host) = layer_url::host_for(app, host) else {
            return layer_url::send(app, &parts.headers, &digest)
                .await
                .map_err(|refusal| Refusal::new(refusal.status, "BLOB_UNKNOWN", refusal.code));
        };
        response(StatusCode::TEMPORARY_REDIRECT).header(LOCATION, layer_url::make(app, &host, &digest))
    };
    Ok(answer.body(Body::empty()).expect("invariant: the headers above are legal"))
}

/// The tags of a repository, in no order that a client could rely on: by the hash of each.
fn tags(app: &App, parts: &Parts, repository: &Repository) -> Answer {
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let find = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let max = match find("n").map(str::parse::<usize>) {
        None => 100,
        Some(Ok(n @ 1..=1000)) => n,
        Some(Ok(1001..)) => {
            let text = "Member must have value less than or equal to 1000";
            return Err(ApiError::invalid_parameter("maxResults", text).into());
        }
        Some(_) => {
            let text = "Member must have value greater than or equal to 1";
            return Err(ApiError::invalid_parameter("maxResults", text).into());
        }
    };
    let scope = format!("{:?}/{}", repository.registry(), repository.name());
    let paging = Paging::new(&app.gate.seal, "tags", &scope);
    let after = find("last").map(|token| paging.after(token)).transpose()?;
    let mut tags: Vec<(String, String)> = repository.read(|contents| {
        let hashed = contents.tags.keys().map(|tag| (BlobDigest::of(tag.as_bytes()).hex(), tag.clone()));
        hashed.filter(|(hash, _)| after.as_ref().is_none_or(|after| hash > after)).collect()
    });
    tags.sort();
    let more = tags.len() > max;
    tags.truncate(max);
    let mut answer = response(StatusCode::OK).header(CONTENT_TYPE, "text/plain; charset=utf-8");
    if let Some((hash, _)) = tags.last().filter(|_| more) {
        let url = format!(
            "{}/v2/{}/tags/list?last={}&n={max}",
            app.origin(),
            repository.name(),
            paging.token(hash)
        );
        answer = answer.header(LINK, format!("<{url}>; rel=\"next\""));
    }
    let names: Vec<&str> = tags.iter().map(|(_, tag)| tag.as_str()).collect();
    let body = json!({ "name": repository.name(), "tags": names }).to_string();
    Ok(answer.body(body.into()).expect("invariant: the headers above are legal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(Target::of("/v2/"), Target::Root);
        assert_eq!(Target::of("/v2"), Target::Root);
        let manifest = Target::Manifest { repository: "shop/api", reference: "1.4" };
        assert_eq!(Target::of("/v2/shop/api/manifests/1.4"), manifest);
        let blob = Target::Blob { repository: "shop/manifests", digest: "sha256:1" };
        assert_eq!(Target::of("/v2/shop/manifests/blobs/sha256:1"), blob);
        assert_eq!(Target::of("/v2/shop/api/tags/list"), Target::Tags { repository: "shop/api" });
        assert_eq!(Target::of("/v2/_catalog"), Target::Other);
    }
}
