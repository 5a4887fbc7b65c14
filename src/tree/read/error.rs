//! What a read tells, and why it fails.

use crate::tree::path::TreePathError;
use std::io;
use std::path::{Path, PathBuf};

/// Something that can't be in an image was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is a {kind}; it is left out, because an image can't hold one", path.display())]
pub struct Warning {
    /// The file.
    pub path: PathBuf,
    /// `socket`, `block device` and the like.
    pub kind: &'static str,
}

/// A directory could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no context.
    #[error("the directory `{}` does not exist", path.display())]
    ContextMissing {
        /// The context.
        path: PathBuf,
    },
    /// The context is no directory.
    #[error("`{}` is not a directory", path.display())]
    ContextNotDirectory {
        /// The context.
        path: PathBuf,
    },
    /// `from` does not exist.
    #[error("`{}` does not exist", path.display())]
    Missing {
        /// `from`, with the context in front.
        path: PathBuf,
    },
    /// `from` leads out of the context.
    #[error("`{}` leads out of `{}`: it is a link to `{}`", link.display(), context.display(), target.display())]
    Leaves {
        /// The link.
        link: PathBuf,
        /// What it says.
        target: PathBuf,
        /// The context.
        context: PathBuf,
    },
    /// `from` is absolute, or has `..` in it.
    #[error("`{}` is not a path below the context", path.display())]
    NotBelow {
        /// `from`.
        path: PathBuf,
    },
    /// `from` is a socket or a device.
    #[error("`{}` is a {kind}, and an image can't hold one", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// `socket`, `block device` and the like.
        kind: &'static str,
    },
    /// There is nothing at all.
    #[error("`{}` is empty", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// There is something, but the patterns leave it all out.
    #[error("nothing of `{}` is left: the ignore file, `include` and `exclude` together leave all of it out", path.display())]
    NothingLeft {
        /// The directory or file.
        path: PathBuf,
    },
    /// It went away, or became something else, between two looks.
    #[error("`{}` vanished or was replaced while the directory was listed", path.display())]
    Changed {
        /// The file or directory.
        path: PathBuf,
    },
    /// The system refused.
    #[error("reading `{}`", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `to` is not a path in an image.
    #[error("`{to}` is not a path in an image: {reason}")]
    Target {
        /// `to`.
        to: String,
        /// Why.
        reason: TreePathError,
    },
}

impl ReadError {
    /// What it is about; empty for a place in the image.
    pub fn path(&self) -> &Path {
        match self {
            Self::ContextMissing { path }
            | Self::ContextNotDirectory { path }
            | Self::Missing { path }
            | Self::Leaves { link: path, .. }
            | Self::NotBelow { path }
            | Self::Kind { path, .. }
            | Self::Empty { path }
            | Self::NothingLeft { path }
            | Self::Changed { path }
            | Self::Io { path, .. } => path,
            Self::Target { .. } => Path::new(""),
        }
    }
}
