//! `/v2/`: the OCI distribution API with ECR's ways.
//!
//! Sources: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>, ECR's user guide
//! (`registry_auth.html`), and what was seen of ECR: Basic authentication only, a text for an unauthorised body,
//! tags in no order with opaque paging and as `text/plain`, 201 for a `PATCH`, no `Location` for a manifest, and
//! 405 UNSUPPORTED for whatever is a parameter error. `strict_oci` switches these off; what no source settles is a
//! [quirk](super::quirk).
//!
//! # Private and public repositories
//!
//! On AWS they have different hosts; here one port serves both. A path names a public repository,
//! `/v2/ALIAS/NAME/…`, if its first component is the alias of a registry on ECR Public, or if the `Host` is
//! `public.ecr.aws` or `ecr-public.aws.com` (with any port). Every other path names a private one. A private
//! repository whose name begins with an alias is therefore out of reach here; the alias is 8 characters of a hash,
//! so that nobody chooses it by accident.

mod auth;
mod manifests;
mod read;
mod refusal;
mod uploads;

pub(super) use auth::token;
pub(super) use refusal::Refusal;

use super::app::App;
use super::body::Incoming;
use super::ecr;
use super::error::{ApiError, Place};
use super::iam;
use super::limits::Payer;
use super::log::PartRecord;
use super::quirk::PublicHeadBlob;
use super::store::{RegistryId, Repository};
use crate::base::RepositoryName;
use auth::Visitor;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use refusal::Challenge;
use std::sync::Arc;

/// What a path of `/v2/` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Root,
    Catalog,
    Manifest { repository: &'a str, reference: &'a str },
    Blob { repository: &'a str, digest: &'a str },
    Uploads { repository: &'a str },
    Upload { repository: &'a str, id: &'a str },
    Tags { repository: &'a str },
    Referrers { repository: &'a str, digest: &'a str },
    Other,
}

impl<'a> Target<'a> {
    pub(super) fn of(path: &'a str) -> Self {
        let Some(rest) = path.strip_prefix("/v2/") else { return Self::Root };
        match rest {
            "" => return Self::Root,
            "_catalog" => return Self::Catalog,
            _ => {}
        }
        if let Some(repository) = rest.strip_suffix("/tags/list") {
            return Self::Tags { repository };
        }
        let uploads = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(repository) = uploads.strip_suffix("/blobs/uploads") {
            return Self::Uploads { repository };
        }
        let Some((front, last)) = rest.rsplit_once('/') else { return Self::Other };
        if let Some(repository) = front.strip_suffix("/blobs/uploads") {
            return Self::Upload { repository, id: last };
        }
        match front.rsplit_once('/') {
            Some((repository, "manifests")) => Self::Manifest { repository, reference: last },
            Some((repository, "blobs")) => Self::Blob { repository, digest: last },
            Some((repository, "referrers")) => Self::Referrers { repository, digest: last },
            _ => Self::Other,
        }
    }

    /// The path without what differs from request to request.
    pub(super) fn shape(self) -> &'static str {
        match self {
            Self::Root => "/v2/",
            Self::Catalog => "/v2/_catalog",
            Self::Manifest { .. } => "/v2/…/manifests/…",
            Self::Blob { .. } => "/v2/…/blobs/…",
            Self::Uploads { .. } => "/v2/…/blobs/uploads/",
            Self::Upload { .. } => "/v2/…/blobs/uploads/…",
            Self::Tags { .. } => "/v2/…/tags/list",
            Self::Referrers { .. } => "/v2/…/referrers/…",
            Self::Other => "/v2/…",
        }
    }

    pub(super) fn repository(self) -> Option<&'a str> {
        match self {
            Self::Manifest { repository, .. }
            | Self::Blob { repository, .. }
            | Self::Uploads { repository }
            | Self::Upload { repository, .. }
            | Self::Tags { repository }
            | Self::Referrers { repository, .. } => Some(repository),
            Self::Root | Self::Catalog | Self::Other => None,
        }
    }

    /// The operation of ECR's API that a request comes down to: for rates and permissions. None for those that
    /// have no counterpart.
    pub(super) fn operation(self, method: &Method) -> Option<&'static str> {
        let operation = match (self, method.as_str()) {
            (Self::Catalog, _) => "DescribeRepositories",
            (Self::Manifest { .. }, "GET" | "HEAD") => "BatchGetImage",
            (Self::Manifest { .. }, "PUT") => "PutImage",
            (Self::Manifest { .. }, "DELETE") => "BatchDeleteImage",
            (Self::Blob { .. }, "GET") => "GetDownloadUrlForLayer",
            (Self::Blob { .. }, "HEAD") => "BatchCheckLayerAvailability",
            (Self::Uploads { .. }, _) => "InitiateLayerUpload",
            (Self::Upload { .. }, "PUT") => "CompleteLayerUpload",
            (Self::Upload { .. }, _) => "UploadLayerPart",
            (Self::Tags { .. }, _) => "ListImages",
            (Self::Referrers { .. }, _) => "ListImageReferrers",
            _ => return None,
        };
        Some(operation)
    }
}

type Answer = Result<Response<Body>, Refusal>;

fn response(status: StatusCode) -> axum::http::response::Builder {
    Response::builder().status(status).header("docker-distribution-api-version", "registry/2.0")
}

/// An answer without a body; its headers are texts that were checked before.
fn empty(answer: axum::http::response::Builder) -> Response<Body> {
    answer.body(Body::empty()).expect("invariant: the headers are legal")
}

/// Where the client found this emulator, as the start of an absolute URL.
fn base(app: &App, parts: &Parts) -> String {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    match parts.headers.get(HOST).and_then(|value| value.to_str().ok()) {
        Some(host) if text("x-forwarded-proto") == Some("https") => format!("https://{host}"),
        Some(host) => format!("http://{host}"),
        None => app.origin(),
    }
}

/// A value of the request's query.
fn query(parts: &Parts, wanted: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// A request about one repository.
struct Visit<'a> {
    app: &'a Arc<App>,
    parts: &'a Parts,
    repository: Arc<Repository>,
    visitor: Visitor,
    /// The repository as the path names it, for URLs.
    path: &'a str,
    /// The request as faults name it.
    operation: String,
    /// What the log says about bytes that came.
    part: Option<PartRecord>,
}

/// Answers a request. With `revoke`, the token that it shows expires at this moment. What it said about a part goes
/// to `record`.
pub(super) async fn serve(
    app: &Arc<App>,
    parts: &Parts,
    body: &mut Incoming,
    revoke: bool,
    record: &mut Option<PartRecord>,
) -> Answer {
    answer(app, parts, body, revoke, record).await.map_err(|refusal| refusal.settle(app))
}

async fn answer(
    app: &Arc<App>,
    parts: &Parts,
    body: &mut Incoming,
    revoke: bool,
    record: &mut Option<PartRecord>,
) -> Answer {
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let target = Target::of(&path);
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let spot = auth::Spot::of(app, parts, target.repository());
    let (visitor, registry) = spot.admit(app, parts, &path, reads, revoke)?;
    if let (Some(rates), Some(operation)) = (&app.rates, target.operation(&parts.method)) {
        let payer = match &visitor {
            Visitor::Anonymous => Payer::Anonymous,
            Visitor::Known(_) => {
                Payer::Registry { account: registry.account.clone(), region: registry.region.clone() }
            }
        };
        if !rates.admit(payer, operation, app.clock.now()) {
            return Err(Refusal::throttled());
        }
    }
    match target {
        Target::Root if reads => {
            let answer = response(StatusCode::OK).header(CONTENT_TYPE, "application/json; charset=utf-8");
            return Ok(answer.body("{}".into()).expect("invariant: the headers above are legal"));
        }
        Target::Catalog if reads => return read::catalog(app, parts, &registry),
        Target::Root | Target::Catalog => return Err(Refusal::unsupported()),
        Target::Other => {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "The repository is not known"));
        }
        _ => {}
    }
    let path = target.repository().unwrap_or_default();
    // A template may say that a repository is made when something is pushed to it.
    let pushes = match target {
        Target::Uploads { .. } => parts.method == Method::POST,
        Target::Manifest { .. } => parts.method == Method::PUT,
        _ => false,
    };
    if pushes && !registry.is_public() && spot.name().parse::<RepositoryName>().is_ok() {
        if let Visitor::Known(session) = &visitor
            && ecr::push_makes_repository(app, &registry, spot.name())
        {
            let actions = ["CreateRepository"];
            iam::ask_for(app, session, iam::Service::Ecr, &registry, &actions, spot.name())?;
        }
        ecr::repository_for_push(app, &registry, spot.name()).await?;
    }
    let mut visit = Visit {
        app,
        parts,
        repository: find(app, &registry, spot.name())?,
        visitor,
        path,
        operation: format!("{} {}", parts.method, target.shape()),
        part: None,
    };
    let answer = visit.answer(target, body).await;
    *record = visit.part;
    answer
}

fn find(app: &App, registry: &RegistryId, name: &str) -> Result<Arc<Repository>, Refusal> {
    if name.parse::<RepositoryName>().is_err() {
        let error = ApiError::invalid_parameter("repositoryName", "must satisfy regular expression");
        return Err(error.into());
    }
    app.store
        .repository(registry, name)
        .ok_or_else(|| Place { repository: name, account: &registry.account }.repository_not_found().into())
}

impl Visit<'_> {
    /// Whether `HEAD` of a blob is refused: on ECR Public it was seen to be.
    fn refuses_head(&self) -> bool {
        let refuses = match self.app.quirks.public_head_blob {
            PublicHeadBlob::Anonymous => matches!(self.visitor, Visitor::Anonymous),
            PublicHeadBlob::Unauthorized => true,
            PublicHeadBlob::Found => false,
        };
        refuses && self.repository.registry().is_public() && !self.app.strict_oci
    }

    async fn answer(&mut self, target: Target<'_>, body: &mut Incoming) -> Answer {
        let head = self.parts.method == Method::HEAD;
        match (target, self.parts.method.as_str()) {
            (Target::Manifest { reference, .. }, "GET" | "HEAD") => {
                read::manifest(self.app, self.parts, &self.repository, reference, head).await
            }
            (Target::Manifest { reference, .. }, "PUT") => self.put_manifest(reference, body).await,
            (Target::Manifest { reference, .. }, "DELETE") => self.delete_manifest(reference).await,
            (Target::Blob { digest, .. }, "GET" | "HEAD") => {
                if head && self.refuses_head() {
                    return Err(Refusal::unauthorized(Challenge::Bearer));
                }
                read::blob(self.app, self.parts, &self.repository, digest, head).await
            }
            (Target::Blob { digest, .. }, "DELETE") => self.delete_blob(digest).await,
            (Target::Uploads { .. }, "POST") => self.start_upload(body).await,
            (Target::Upload { id, .. }, "PATCH") => self.patch_upload(id, body).await,
            (Target::Upload { id, .. }, "PUT") => self.put_upload(id, body).await,
            (Target::Upload { id, .. }, "GET" | "HEAD") => self.upload_status(id),
            (Target::Upload { id, .. }, "DELETE") => self.delete_upload(id),
            (Target::Tags { .. }, "GET" | "HEAD") => {
                read::tags(self.app, self.parts, &self.repository, self.path)
            }
            (Target::Referrers { digest, .. }, "GET" | "HEAD") => {
                read::referrers(self.app, self.parts, &self.repository, digest).await
            }
            _ => Err(Refusal::unsupported()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(Target::of("/v2/"), Target::Root);
        assert_eq!(Target::of("/v2"), Target::Root);
        assert_eq!(Target::of("/v2/_catalog"), Target::Catalog);
        let manifest = Target::Manifest { repository: "shop/api", reference: "1.4" };
        assert_eq!(Target::of("/v2/shop/api/manifests/1.4"), manifest);
        let blob = Target::Blob { repository: "shop/manifests", digest: "sha256:1" };
        assert_eq!(Target::of("/v2/shop/manifests/blobs/sha256:1"), blob);
        assert_eq!(Target::of("/v2/shop/api/tags/list"), Target::Tags { repository: "shop/api" });
        assert_eq!(Target::of("/v2/shop/blobs/uploads/"), Target::Uploads { repository: "shop" });
        assert_eq!(Target::of("/v2/shop/blobs/uploads"), Target::Uploads { repository: "shop" });
        let upload = Target::Upload { repository: "shop/blobs", id: "1-2" };
        assert_eq!(Target::of("/v2/shop/blobs/blobs/uploads/1-2"), upload);
        let referrers = Target::Referrers { repository: "a", digest: "sha256:1" };
        assert_eq!(Target::of("/v2/a/referrers/sha256:1"), referrers);
        for other in ["/v2/x", "/v2/manifests/1", "/v2/a/b/c", "/v2//"] {
            assert_eq!(Target::of(other), Target::Other, "{other}");
        }
    }
}
