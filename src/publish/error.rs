//! Why images that a registry holds can't be tagged or joined.

use super::Published;
use super::place::Place;
use crate::base::{Failure, Kind, ManifestDigest};
use crate::image::JoinError;
use crate::registry::{Registry, RegistryError};

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
    /// The image did not get everywhere.
    #[error("{}{}", failed(failures), were_done(done))]
    Some {
        /// Where not, and why.
        failures: Vec<(String, RegistryError)>,
        /// The images that were published: `REPOSITORY@sha256:…`.
        done: Vec<String>,
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

impl PublishError {
    /// What failed at `places`, of which one at least is not well, and what was `published` at the others.
    pub(super) fn at<R: Registry>(places: Vec<Place<'_, R>>, published: &[Published]) -> Self {
        let several = places.len() > 1;
        let failure = |place: Place<'_, R>| {
            let name = place.name();
            place.into_failure().map(|error| (name, error))
        };
        let mut failures: Vec<_> = places.into_iter().filter_map(failure).collect();
        match failures.pop() {
            Some((_, error)) if !several => Self::Registry(error),
            last => {
                failures.extend(last);
                Self::Some { failures, done: published.iter().map(Published::reference).collect() }
            }
        }
    }
}

fn failed(failures: &[(String, RegistryError)]) -> String {
    let lines: Vec<_> =
        failures.iter().map(|(place, error)| format!("pushing to {place}: {error}")).collect();
    lines.join("\n  ")
}

fn were_done(done: &[String]) -> String {
    if done.is_empty() { String::new() } else { format!("\n  pushed all the same: {}", done.join(", ")) }
}

fn are(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

impl Failure for PublishError {
    fn kind(&self) -> Kind {
        match self {
            Self::Registry(error) => error.kind(),
            Self::Some { failures, .. } => failures.first().map_or(Kind::Internal, |(_, error)| error.kind()),
            Self::Partly { error, .. } => error.kind(),
            Self::Join(error) => error.kind(),
            Self::Missing { .. } | Self::NoImage { .. } => Kind::Input,
            Self::NotExpected { .. } => Kind::Gate,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Registry(error) => return error.hint(),
            Self::Some { failures, .. } => return failures.iter().find_map(|(_, error)| error.hint()),
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
