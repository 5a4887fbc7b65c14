//! Why images that a registry holds can't be tagged or joined.

use crate::base::{Failure, Kind, ManifestDigest};
use crate::image::JoinError;
use crate::registry::RegistryError;

/// Tagging or joining images failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The registry, or the way to it, failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The images do not go together.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// Some of what was named is not there.
    #[error("{} not in the repository {repository}", are(names))]
    Missing {
        /// What was asked for.
        names: Vec<String>,
        /// With its registry.
        repository: String,
    },
    /// The tag points at another image than it should.
    #[error("{name} is {found}, and not {expected}")]
    NotExpected {
        /// What was asked for.
        name: String,
        /// What it is.
        found: ManifestDigest,
        /// What it should be.
        expected: ManifestDigest,
    },
    /// It can't be part of an index.
    #[error("{name} can't be part of an index: {why}")]
    NoImage {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A tag could not be set, and others had been.
    #[error("{error}\n  tags that were set before: {}", done.join(", "))]
    Partly {
        /// Those.
        done: Vec<String>,
        /// What went wrong.
        error: Box<RegistryError>,
    },
}

fn are(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

impl Failure for PublishError {
    fn kind(&self) -> Kind {
        match self {
            Self::Registry(error) => error.kind(),
            Self::Partly { error, .. } => error.kind(),
            Self::Join(error) => error.kind(),
            Self::Missing { .. } | Self::NoImage { .. } => Kind::Input,
            Self::NotExpected { .. } => Kind::Gate,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Registry(error) => return error.hint(),
            Self::Partly { error, .. } => {
                error.hint().unwrap_or_else(|| "the same command again sets the tags that are left".into())
            }
            Self::Join(error) => return error.hint(),
            Self::Missing { .. } => {
                "check the names, and that the jobs which push these images have ended; another region or account is \
                 another registry"
                    .into()
            }
            Self::NotExpected { .. } => {
                "the tag was moved since that digest was noted; to promote what was tested, name it by its digest: \
                 REPOSITORY@sha256:…"
                    .into()
            }
            Self::NoImage { .. } => {
                "name images alone: an index says for each on which platform it runs, by its config".into()
            }
        })
    }
}
