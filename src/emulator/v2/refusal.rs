//! Refused requests of `/v2/`, and how an exception of ECR's API reads there.

use super::super::app::App;
use super::super::error::ApiError;
use super::super::quirk::{
    ChildrenNotFound, DigestMismatch, LayersNotFound, ReferencedDelete, RetryAfter, UnknownUpload,
};
use super::response;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use serde_json::json;

/// The code of a failure, in the place of an exception's name.
pub(super) const REFERENCED: &str = "ImageReferencedByManifestList";

/// How an answer tells that nobody is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer,
}

/// A refused request.
#[derive(Debug)]
pub(in crate::emulator) struct Refusal {
    status: StatusCode,
    pub(in crate::emulator) code: &'static str,
    message: String,
    challenge: Option<Challenge>,
    /// The name of the exception that it comes from.
    exception: Option<String>,
}

impl Refusal {
    pub(in crate::emulator) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { status, code, message: message.into(), challenge: None, exception: None }
    }

    pub(in crate::emulator) fn throttled() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "Rate exceeded")
    }

    pub(super) fn unsupported() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "The operation is unsupported.")
    }

    pub(super) fn unauthorized(challenge: Challenge) -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Not Authorized");
        Self { challenge: Some(challenge), ..refusal }
    }

    /// Finds status and code for an exception, by the settings.
    pub(super) fn settle(mut self, app: &App) -> Self {
        let Some(exception) = &self.exception else { return self };
        let quirks = &app.quirks;
        let (status, code) = match exception.as_str() {
            "RepositoryNotFoundException" => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            "LayersNotFoundException" if app.strict_oci => (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN"),
            "LayersNotFoundException" => {
                let status = match quirks.layers_not_found {
                    LayersNotFound::NotFound => StatusCode::NOT_FOUND,
                    LayersNotFound::BadRequest => StatusCode::BAD_REQUEST,
                };
                (status, "BLOB_UPLOAD_UNKNOWN")
            }
            "ReferencedImagesNotFoundException" => {
                let status = match quirks.children_not_found {
                    ChildrenNotFound::NotFound => StatusCode::NOT_FOUND,
                    ChildrenNotFound::BadRequest => StatusCode::BAD_REQUEST,
                };
                (status, "MANIFEST_BLOB_UNKNOWN")
            }
            "ImageTagAlreadyExistsException" => (StatusCode::BAD_REQUEST, "TAG_INVALID"),
            "UploadNotFoundException" => {
                let status = match quirks.unknown_upload {
                    UnknownUpload::BadRequest if !app.strict_oci => StatusCode::BAD_REQUEST,
                    _ => StatusCode::NOT_FOUND,
                };
                (status, "BLOB_UPLOAD_UNKNOWN")
            }
            "InvalidLayerException" | "ImageDigestDoesNotMatchException" => {
                let code = match quirks.digest_mismatch {
                    DigestMismatch::BlobUploadInvalid if !app.strict_oci => "BLOB_UPLOAD_INVALID",
                    _ => "DIGEST_INVALID",
                };
                (StatusCode::BAD_REQUEST, code)
            }
            "InvalidLayerPartException" => (StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"),
            "LayerPartTooSmallException" | "EmptyUploadException" => {
                (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID")
            }
            "AccessDeniedException" => (StatusCode::FORBIDDEN, "DENIED"),
            REFERENCED => match quirks.referenced_delete {
                ReferencedDelete::Unsupported => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
                ReferencedDelete::Denied => (StatusCode::FORBIDDEN, "DENIED"),
            },
            "ServerException" => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
            "InvalidParameterException" if app.strict_oci => (StatusCode::BAD_REQUEST, self.strict_code()),
            _ => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
        };
        (self.status, self.code) = (status, code);
        self
    }

    /// OCI's code for a wrong parameter, which is named in the message.
    fn strict_code(&self) -> &'static str {
        match self.message.split('\'').nth(1) {
            Some("repositoryName") => "NAME_INVALID",
            Some("imageTag") => "TAG_INVALID",
            Some("imageDigest" | "layerDigest" | "layerDigests") => "DIGEST_INVALID",
            Some("ImageManifest" | "imageManifest") => "MANIFEST_INVALID",
            _ => "UNSUPPORTED",
        }
    }

    pub(in crate::emulator) fn answer(&self, app: &App) -> Response<Body> {
        let mut answer = response(self.status);
        if let Some(challenge) = self.challenge {
            let text = match challenge {
                Challenge::Basic => app.challenge(),
                Challenge::Bearer => app.public_challenge(),
            };
            answer = answer.header(WWW_AUTHENTICATE, text);
            if !app.strict_oci {
                return answer
                    .header(CONTENT_TYPE, "text/plain; charset=utf-8")
                    .body("Not Authorized\n".into())
                    .expect("invariant: the headers above are legal");
            }
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS && app.quirks.retry_after == RetryAfter::Sent {
            answer = answer.header(RETRY_AFTER, "1");
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
        ApiError::from(error).into()
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let refusal = Self::new(error.status, "UNKNOWN", error.message);
        Self { exception: Some(error.code), ..refusal }
    }
}
