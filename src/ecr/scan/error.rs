//! What can go wrong between an image and its findings.

use crate::base::{Failure, Kind, human};
use crate::registry::RegistryError;
use std::time::Duration;

/// There are no findings to speak of.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// A call failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The image is not there.
    #[error("`{image}` is not in the repository {repository}")]
    NotThere {
        /// As it was written.
        image: String,
        /// The repository with its registry.
        repository: String,
    },
    /// The image was there, and is no more.
    #[error("{image} was deleted while its scan was looked at")]
    Gone {
        /// `REPOSITORY@sha256:…`
        image: String,
    },
    /// What was named has no packages to look into.
    #[error("`{image}` can't be scanned: {why}")]
    Unscannable {
        /// As it was written, or `REPOSITORY@sha256:…`.
        image: String,
        /// What it is.
        why: String,
    },
    /// Amazon Inspector scans, and nobody else starts a scan.
    #[error("no scan of {image} can be started: the registry has enhanced scanning")]
    Enhanced {
        /// `REPOSITORY@sha256:…`
        image: String,
    },
    /// ECR does not start a scan, and it is not known why.
    #[error(transparent)]
    NotStarted(RegistryError),
    /// The image lies in the archive.
    #[error("no scan of {image} can be started: it is archived")]
    Archived {
        /// `REPOSITORY@sha256:…`
        image: String,
    },
    /// Nobody has ever scanned the image.
    #[error("there is no scan of {image}{}", waited.map(|it| format!(", after {}", human::duration(it))).unwrap_or_default())]
    Absent {
        /// `REPOSITORY@sha256:…`
        image: String,
        /// How long one was waited for.
        waited: Option<Duration>,
    },
    /// The scan takes too long.
    #[error("the scan of {image} has not ended after {}: {status}", human::duration(*waited))]
    TimedOut {
        /// `REPOSITORY@sha256:…`
        image: String,
        /// How far it is.
        status: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The scan has not ended.
    #[error("the scan of {image} has not ended: {status}")]
    Unfinished {
        /// `REPOSITORY@sha256:…`
        image: String,
        /// How far it is.
        status: String,
    },
    /// The scan has ended, and nobody knows what is in the image.
    #[error("the scan of {image} has no findings to show: {status}")]
    Unscanned {
        /// `REPOSITORY@sha256:…`
        image: String,
        /// How it ended.
        status: String,
    },
}

impl Failure for ScanError {
    fn kind(&self) -> Kind {
        match self {
            Self::Registry(error) | Self::NotStarted(error) => error.kind(),
            Self::NotThere { .. } => Kind::Input,
            Self::TimedOut { .. } => Kind::Exhausted,
            _ => Kind::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Registry(error) => return error.hint(),
            Self::NotThere { .. } => {
                "check the name, and that the job which pushes this image has ended; another region or account is another \
                 registry"
                    .into()
            }
            Self::Gone { .. } => "a lifecycle policy or another job may have deleted it: push it again".into(),
            Self::Unscannable { .. } => "name an image, or an index that lists images".into(),
            Self::Enhanced { .. } => {
                "Amazon Inspector scans by itself, as the registry's rules say: `consign scan wait` waits for what it finds".into()
            }
            Self::NotStarted(_) => {
                "with enhanced scanning no scan can be started, as Amazon Inspector scans by itself; the permission \
                 `ecr:GetRegistryScanningConfiguration` lets consign see whether it is that"
                    .into()
            }
            Self::Unfinished { .. } => "`consign scan wait` waits for its end".into(),
            Self::Archived { .. } => {
                "restore it first: `aws ecr update-image-storage-class --target-storage-class STANDARD`".into()
            }
            Self::Absent { .. } => {
                "`consign scan start` starts one; with enhanced scanning, a rule of the registry has to match the repository"
                    .into()
            }
            Self::TimedOut { .. } => "run the same command again, or give it more time with `--timeout`, or `--scan-timeout` where it is \
                 pushed"
                .into(),
            Self::Unscanned { .. } => {
                "ECR scans images with the package database of a distribution that it knows; `--allow-unscanned` accepts others"
                    .into()
            }
        })
    }
}
