//! Why a Dockerfile can't be carried out.

use crate::base::failure::{Failure, Kind, causes};
use crate::build::BuildError;
use crate::build::ground::GroundError;
use crate::spec::SpecError;
use std::sync::Arc;

/// Building from a Dockerfile failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DockerfileError {
    /// The file is wrong, or one of its steps can't be done.
    #[error("{0}")]
    Spec(SpecError),
    /// A step failed for a reason that lies outside of the file; it is told at its place in the file.
    #[error("{place}")]
    At {
        /// What failed, and where.
        place: SpecError,
        /// Which kind it is.
        kind: Kind,
    },
    /// The context or the layers.
    #[error("{0}")]
    Build(BuildError),
    /// The files of an image that is built on or copied from.
    #[error("{0}")]
    Image(GroundError),
    /// A context that is no context.
    #[error("the build context `{name}`: {reason}")]
    Context {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

impl DockerfileError {
    /// A failure of something outside, to be told at `place`, a function from message and hint.
    pub(super) fn at(
        failure: &Arc<dyn Failure>,
        place: impl FnOnce(String, Option<String>) -> SpecError,
    ) -> Self {
        let (message, why) = (failure.to_string(), causes(failure.as_ref()));
        let message = if why == message { message } else { format!("{message}: {why}") };
        Self::At { place: place(message, failure.hint()), kind: failure.kind() }
    }
}

impl From<SpecError> for DockerfileError {
    fn from(error: SpecError) -> Self {
        Self::Spec(error)
    }
}

impl From<BuildError> for DockerfileError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl Failure for DockerfileError {
    fn kind(&self) -> Kind {
        match self {
            Self::Spec(_) | Self::Context { .. } => Kind::Input,
            Self::At { kind, .. } => *kind,
            Self::Build(error) => error.kind(),
            Self::Image(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Spec(_) | Self::At { .. } => None,
            Self::Build(error) => error.hint(),
            Self::Image(error) => error.hint(),
            Self::Context { hint, .. } => hint.clone(),
        }
    }
}
