//! Writing results: whole or not at all.
//!
//! A file of ours is written beside its place and renamed into it. The files that GitHub hands to a step belong
//! to the runner and hold what earlier commands wrote, so they are appended to; if that fails half-way, they are
//! cut back to what they were.

use crate::base::{Failure, Kind};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A result could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// Its folder does not exist.
    #[error("`{}` can't be written: the folder `{}` does not exist", file.display(), folder.display())]
    NoFolder {
        /// The file.
        file: PathBuf,
        /// Its folder.
        folder: PathBuf,
    },
    /// It is a folder itself.
    #[error("`{}` can't be written: it is a directory", file.display())]
    IsFolder {
        /// The file.
        file: PathBuf,
    },
    /// The system refused.
    #[error("writing `{}`", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Failure for OutputError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoFolder { folder, .. } => {
                Some(format!("create it first: `mkdir -p {}`", folder.display()))
            }
            _ => None,
        }
    }
}

/// A place for a result, which was found to be there before the work began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    path: PathBuf,
}

impl OutputFile {
    /// Checks that `path` can be written: hours of work must not end at a typing error.
    pub fn check(path: &Path) -> Result<Self, OutputError> {
        let folder = folder(path);
        if path.is_dir() {
            return Err(OutputError::IsFolder { file: path.into() });
        }
        if !folder.is_dir() {
            return Err(OutputError::NoFolder { file: path.into(), folder: folder.into() });
        }
        let refused = |error: rustix::io::Errno| OutputError::Io { file: path.into(), source: error.into() };
        rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).map_err(refused)?;
        Ok(Self { path: path.into() })
    }

    /// Puts `text` there, by rename.
    pub fn replace(&self, text: &str) -> Result<(), OutputError> {
        let failed = |source| OutputError::Io { file: self.path.clone(), source };
        let write = || {
            // The mode that any program's file would get: the umask is the user's word.
            let mut file = tempfile::Builder::new()
                .prefix(".consign-")
                .permissions(std::fs::Permissions::from_mode(0o666))
                .tempfile_in(folder(&self.path))?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|error| error.error)
        };
        write().map(drop).map_err(failed)
    }

    /// Appends `text`, all of it or nothing.
    pub fn append(&self, text: &str) -> Result<(), OutputError> {
        let failed = |source| OutputError::Io { file: self.path.clone(), source };
        let mut file =
            fs_err::OpenOptions::new().append(true).create(true).open(&self.path).map_err(failed)?;
        let before = file.metadata().map_err(failed)?.len();
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|source| {
            if let Err(error) = file.set_len(before) {
                tracing::debug!("cutting back after a failed write: {error}");
            }
            failed(source)
        })
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_appends() {
        let directory = tempfile::tempdir().unwrap();
        let file = OutputFile::check(&directory.path().join("out")).unwrap();
        file.append("a\n").unwrap();
        file.append("b\n").unwrap();
        assert_eq!(fs_err::read_to_string(directory.path().join("out")).unwrap(), "a\nb\n");
        file.replace("c").unwrap();
        assert_eq!(fs_err::read_to_string(directory.path().join("out")).unwrap(), "c");
        assert_eq!(fs_err::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_found_before_the_work() {
        let directory = tempfile::tempdir().unwrap();
        let error = OutputFile::check(&directory.path().join("no/out")).unwrap_err();
        assert!(error.to_string().contains("does not exist"));
        assert!(OutputFile::check(directory.path()).is_err());
    }
}
