//! What a registry, or the way to it, can refuse.

use crate::auth::AuthError;
use crate::base::{Failure, Kind, ManifestDigest, RepositoryName, Tag};
use std::sync::Arc;

/// A call to a registry failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The repository is not there.
    #[error("the repository `{repository}` does not exist in the registry {registry}")]
    RepositoryNotFound {
        /// Its name.
        repository: RepositoryName,
        /// Where it was looked for.
        registry: String,
    },
    /// The tag belongs to another image and can't be moved.
    #[error(
        "the tag `{tag}` of `{repository}` is immutable and belongs to another image\n  in the registry: \
         {existing}\n  to be pushed:    {pushed}"
    )]
    TagImmutable {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
        /// The image that has it.
        existing: ManifestDigest,
        /// The image that was to get it.
        pushed: ManifestDigest,
    },
    /// IAM says no.
    #[error("{operation} on {resource} was denied: {code}: {message}{request}")]
    Denied {
        /// The operation of the API.
        operation: &'static str,
        /// On what.
        resource: String,
        /// AWS's error code.
        code: String,
        /// AWS's words.
        message: String,
        /// AWS's request id in brackets, if it gave one.
        request: String,
    },
    /// The registry says no.
    #[error("{operation} on {resource} was refused: {code}: {message}{request}")]
    Refused {
        /// The operation of the API.
        operation: &'static str,
        /// On what.
        resource: String,
        /// AWS's error code.
        code: String,
        /// AWS's words.
        message: String,
        /// AWS's request id in brackets, if it gave one.
        request: String,
    },
    /// No attempt got through.
    #[error("{operation} on {resource} did not get through: {why}")]
    Exhausted {
        /// The operation of the API.
        operation: &'static str,
        /// On what.
        resource: String,
        /// The last failure.
        why: String,
    },
    /// There are no credentials, or they could not be renewed.
    #[error(transparent)]
    Auth(#[from] Arc<AuthError>),
    /// The bytes could not be made.
    #[error(transparent)]
    Source(Arc<dyn Failure>),
    /// An upload was lost again and again.
    #[error("the registry lost the upload of {name} {times} times")]
    UploadLost {
        /// What was uploaded.
        name: String,
        /// How often.
        times: u32,
    },
    /// The registry answered with something that makes no sense.
    #[error("{operation} on {resource} was answered with something unexpected: {what}")]
    Nonsense {
        /// The operation of the API.
        operation: &'static str,
        /// On what.
        resource: String,
        /// What is wrong with the answer.
        what: String,
    },
    /// The host is no registry that this program can talk to.
    #[error("`{host}` is not an ECR registry")]
    NotEcr {
        /// The host.
        host: String,
    },
    /// What was read is not what its digest says.
    #[error("{what} has the digest {found} instead of {expected}")]
    Corrupt {
        /// A blob or manifest.
        what: String,
        /// By its name.
        expected: String,
        /// By its bytes.
        found: String,
    },
}

impl Failure for RegistryError {
    fn kind(&self) -> Kind {
        match self {
            Self::RepositoryNotFound { .. }
            | Self::TagImmutable { .. }
            | Self::Refused { .. }
            | Self::Nonsense { .. } => Kind::Refused,
            Self::Denied { .. } => Kind::Denied,
            Self::Exhausted { .. } | Self::UploadLost { .. } => Kind::Exhausted,
            Self::Auth(error) => error.kind(),
            Self::Source(error) => error.kind(),
            Self::NotEcr { .. } | Self::Corrupt { .. } => Kind::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::RepositoryNotFound { repository, .. } => format!(
                "create it by pushing with `--create-repository`, or with `aws ecr create-repository \
                 --repository-name {repository}`; if it exists, check the region and the account"
            ),
            Self::TagImmutable { .. } => {
                "push under a new tag, or delete the tag in the registry first".into()
            }
            Self::Denied { operation, code, .. } if code.contains("AccessDenied") => {
                format!("the role needs the permission `ecr:{operation}` on the repository")
            }
            Self::Denied { .. } => {
                "the registry does not take these credentials: check the role, the region and the clock".into()
            }
            Self::Exhausted { .. } => {
                "check the network, and `AWS_ENDPOINT_URL_ECR` if it is set; then run the same command again: \
                 what is stored is not sent twice"
                    .into()
            }
            Self::NotEcr { .. } => {
                "write ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME, or NAME alone for the registry of the account \
                 and region in use; CONSIGN_REGISTRY_ENDPOINT says where an emulator answers"
                    .into()
            }
            Self::Auth(error) => return error.hint(),
            Self::Source(error) => return error.hint(),
            _ => return None,
        })
    }
}
