//! What a refused call answers: one type, written as AWS JSON, as STS's XML or as an OCI error, and the
//! exceptions of ECR with the messages that real ECR sends.
//!
//! Sources: the API model of ECR (which exception carries which members), the user guide's
//! [error pages](https://docs.aws.amazon.com/AmazonECR/latest/userguide/common-errors.html), and texts seen
//! from the service. Where no text of the service is known, the message follows the style of its neighbours.

use crate::base::{Failure, Kind};
use axum::http::StatusCode;
use serde_json::Value;
use std::fmt::Display;
use std::path::PathBuf;

/// Why the emulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can't be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process uses the state directory.
    #[error("{} is in use by another emulator; stop that one, or give this one another `--state` directory", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file of the state is not what the emulator writes.
    #[error("{} is not readable as the emulator's state: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting has a value that can't be.
    #[error("the setting {name} is {value:?}, which is not {expected}")]
    Setting {
        /// Which setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What may be given.
        expected: &'static str,
    },
    /// The file of accounts, roles and policies is not one.
    #[error("{} does not describe accounts: {reason}", path.display())]
    Iam {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The issuer's key can't be made or read.
    #[error("the key of the OIDC issuer cannot be made or read")]
    Key,
    /// Reading or writing the state failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Failure for StartError {
    fn kind(&self) -> Kind {
        Kind::Input
    }
}

/// A refused call.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    /// The exception's name.
    pub(super) code: String,
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// What people read.
    pub(super) message: String,
    /// Members that the model gives the exception besides its message.
    pub(super) members: Vec<(&'static str, Value)>,
}

impl ApiError {
    /// An exception with status 400, which is that of nearly all of them.
    pub(super) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::with_status(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn with_status(
        status: StatusCode,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { code: code.into(), status, message: message.into(), members: Vec::new() }
    }

    /// `InvalidParameterException`; `member` is the path of the member as ECR writes it.
    pub(super) fn invalid_parameter(member: &str, constraint: impl Display) -> Self {
        Self::new(
            "InvalidParameterException",
            format!("Invalid parameter at '{member}' failed to satisfy constraint: '{constraint}'"),
        )
    }

    /// The emulator itself failed, as a full disk makes it.
    pub(super) fn server(error: impl Display) -> Self {
        tracing::error!("{error}");
        Self::with_status(StatusCode::INTERNAL_SERVER_ERROR, "ServerException", error.to_string())
    }

    pub(super) fn serialization(message: impl Display) -> Self {
        Self::new("SerializationException", message.to_string())
    }

    pub(super) fn unknown_operation(name: &str) -> Self {
        Self::new("UnknownOperationException", format!("The operation {name} is not known here"))
    }

    pub(super) fn too_large(limit: usize) -> Self {
        Self::with_status(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLargeException",
            format!("The request body is larger than {limit} bytes"),
        )
    }

    pub(super) fn throttled() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }

    fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((member, value.into()));
        self
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::server(error)
    }
}

/// A repository as the messages name it: the repository's name, and the registry's account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) repository: &'a str,
    pub(super) account: &'a str,
}

impl Place<'_> {
    pub(super) fn repository_not_found(self) -> ApiError {
        let Self { repository, account } = self;
        ApiError::new(
            "RepositoryNotFoundException",
            format!(
                "The repository with name '{repository}' does not exist in the registry with id '{account}'"
            ),
        )
    }

    pub(super) fn repository_already_exists(self) -> ApiError {
        let Self { repository, account } = self;
        ApiError::new(
            "RepositoryAlreadyExistsException",
            format!(
                "The repository with name '{repository}' already exists in the registry with id '{account}'"
            ),
        )
    }

    pub(super) fn repository_not_empty(self) -> ApiError {
        let Self { repository, account } = self;
        ApiError::new(
            "RepositoryNotEmptyException",
            format!(
                "The repository with name '{repository}' in registry with id '{account}' cannot be deleted because \
                 it still contains images"
            ),
        )
    }

    /// `what` does not exist for the repository.
    pub(super) fn none_set(self, code: &str, what: &str) -> ApiError {
        let Self { repository, account } = self;
        ApiError::new(
            code,
            format!(
                "{what} does not exist for the repository with name '{repository}' in the registry with id \
                 '{account}'"
            ),
        )
    }

    pub(super) fn image_not_found(self, digest: Option<&str>, tag: Option<&str>) -> ApiError {
        let Self { repository, account } = self;
        let (digest, tag) = (digest.unwrap_or("null"), tag.unwrap_or("null"));
        ApiError::new(
            "ImageNotFoundException",
            format!(
                "The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the \
                 repository with name '{repository}' in the registry with id '{account}'"
            ),
        )
    }

    pub(super) fn image_already_exists(self, digest: &impl Display, tag: Option<&str>) -> ApiError {
        let Self { repository, account } = self;
        let tag = tag.unwrap_or("null");
        ApiError::new(
            "ImageAlreadyExistsException",
            format!(
                "Image with digest '{digest}' and tag '{tag}' already exists in the repository with name \
                 '{repository}' in registry with id '{account}'"
            ),
        )
    }

    pub(super) fn tag_already_exists(self, tag: &str, only_the_tag: bool) -> ApiError {
        let what = if only_the_tag { "tag" } else { "repository" };
        ApiError::new(
            "ImageTagAlreadyExistsException",
            format!(
                "The image tag '{tag}' already exists in the '{}' repository and cannot be overwritten because \
                 the {what} is immutable.",
                self.repository
            ),
        )
    }

    pub(super) fn layers_not_found(self, digests: &[String]) -> ApiError {
        let Self { repository, account } = self;
        let digests = digests.join(", ");
        ApiError::new(
            "LayersNotFoundException",
            format!(
                "Layers with digests '[{digests}]' required for pushing image into repository with name \
                 '{repository}' in the registry with id '{account}' do not exist"
            ),
        )
    }

    pub(super) fn layer_not_found(self, digest: &str) -> ApiError {
        let Self { repository, account } = self;
        ApiError::new(
            "LayersNotFoundException",
            format!(
                "The layer with digest {digest} does not exist within the repository with name '{repository}' \
                 in the registry with id '{account}'"
            ),
        )
    }

    pub(super) fn images_not_found(self, digests: &[String]) -> ApiError {
        let Self { repository, account } = self;
        let digests = digests.join(", ");
        ApiError::new(
            "ReferencedImagesNotFoundException",
            format!(
                "Images with digests '[{digests}]' required for pushing image into repository with name \
                 '{repository}' in the registry with id '{account}' do not exist"
            ),
        )
    }

    pub(super) fn upload_not_found(self, upload: &str) -> ApiError {
        let Self { repository, account } = self;
        ApiError::new(
            "UploadNotFoundException",
            format!(
                "Upload with id '{upload}' does not exist in the repository with name '{repository}' in the \
                 registry with id '{account}'"
            ),
        )
    }

    pub(super) fn empty_upload(self, upload: &str) -> ApiError {
        let Self { repository, account } = self;
        ApiError::new(
            "EmptyUploadException",
            format!(
                "The upload with id '{upload}' in the repository with name '{repository}' in registry with id \
                 '{account}' cannot be completed because it does not have any parts"
            ),
        )
    }

    pub(super) fn layer_already_exists(self, digest: &impl Display) -> ApiError {
        let Self { repository, account } = self;
        ApiError::new(
            "LayerAlreadyExistsException",
            format!(
                "Layer with digest '{digest}' already exists in the repository with name '{repository}' in \
                 registry with id '{account}'"
            ),
        )
    }

    /// `held` counts the bytes that are stored; the exception tells where the last of them is. A fresh upload
    /// has no last byte; there the member is left out or 0 (the real value is not known).
    pub(super) fn part_out_of_order(self, upload: &str, first: u64, held: u64, zero: bool) -> ApiError {
        let error = ApiError::new(
            "InvalidLayerPartException",
            format!("First byte of the layer part is {first} instead of {held}"),
        )
        .with("registryId", self.account)
        .with("repositoryName", self.repository)
        .with("uploadId", upload);
        match held.checked_sub(1) {
            Some(last) => error.with("lastValidByteReceived", last),
            None if zero => error.with("lastValidByteReceived", 0),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_out_of_order_says_where_to_go_on() {
        let place = Place { repository: "shop/api", account: "123456789012" };
        let error = place.part_out_of_order("u", 0, 10, false);
        assert!(error.members.contains(&("lastValidByteReceived", 9.into())));
        assert_eq!(error.message, "First byte of the layer part is 0 instead of 10");
        let fresh = place.part_out_of_order("u", 5, 0, false);
        assert!(fresh.members.iter().all(|(member, _)| *member != "lastValidByteReceived"));
    }
}
