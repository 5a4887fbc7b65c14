//! Why an image can't be built.

use crate::base::{Failure, Kind};
use crate::spec::ignore::PatternError;
use crate::tree::FileError;
use crate::tree::filesystem::LinkLoop;
use crate::tree::read::ReadError;
use std::io;
use std::path::PathBuf;

/// Building failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The context could not be read.
    #[error("{source}")]
    Read {
        /// What, and why.
        source: ReadError,
    },
    /// A file changed, vanished or could not be read.
    #[error("{source}")]
    File {
        /// What, and why.
        source: FileError,
    },
    /// The machine has no threads or no memory left.
    #[error("making the layer `{layer}`: {source}")]
    Machine {
        /// Which layer.
        layer: String,
        /// Why.
        source: io::Error,
    },
    /// The machine has no threads left.
    #[error("starting threads: {source}")]
    Threads {
        /// Why.
        source: io::Error,
    },
    /// A file beside the context could not be read.
    #[error("{source}")]
    Io {
        /// What, and why.
        source: io::Error,
    },
    /// An ignore file is wrong.
    #[error("`{}`: {source}", path.display())]
    Ignore {
        /// The file.
        path: PathBuf,
        /// Which line, and why.
        source: PatternError,
    },
    /// A pattern of a layer is wrong.
    #[error("`{field}` of the layer `{layer}`: {source}")]
    Pattern {
        /// Which layer.
        layer: String,
        /// `include` or `exclude`.
        field: &'static str,
        /// Which pattern, and why.
        source: PatternError,
    },
    /// A destination can't be found in the image that is built on.
    #[error("the files of `{image}`: {source}")]
    Links {
        /// As the user wrote it.
        image: String,
        /// Which path, and why.
        source: LinkLoop,
    },
    /// The `consign.yaml` lies outside of the context, so all its paths would leave it.
    #[error("`{}` lies outside of the context `{}`, and its paths are relative to it", file.display(), context.display())]
    FileOutside {
        /// The file.
        file: PathBuf,
        /// The context.
        context: PathBuf,
    },
}

impl Failure for BuildError {
    fn kind(&self) -> Kind {
        match self {
            Self::Machine { .. } | Self::Threads { .. } => Kind::Internal,
            _ => Kind::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Ignore { .. } | Self::Pattern { .. } => {
                "a sign that is meant as such needs a `\\` before it".into()
            }
            Self::Read { source: ReadError::NothingLeft { .. } } => {
                "check `.dockerignore`, and `include` and `exclude` of the layer".into()
            }
            Self::Read { source: ReadError::Empty { .. } } => {
                "build the application first, or name the folder that holds it".into()
            }
            Self::Read { source: ReadError::ContextNotDirectory { .. } } => {
                "the first argument of `consign build` is a directory; a Dockerfile or consign.yaml goes with `-f`"
                    .into()
            }
            Self::File { .. } => {
                "nothing may write to the directory while it is built; run the step again when it is at rest"
                    .into()
            }
            Self::FileOutside { .. } => {
                "pass a context that holds the file, for example the repository's root".into()
            }
            _ => return None,
        })
    }
}
