//! Regular files of a tree, and reading them so that a change in between is noticed.
//!
//! The size stands in a tar before the content does, so a file must be read exactly as long as it was when the
//! tree was made. A file that is not is an error that names it: an image of half a file helps nobody.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A regular file: how long it is, and where its bytes are.
#[derive(Debug, Clone)]
pub struct File {
    /// Length in bytes when the tree was made.
    pub size: u64,
    /// Where the bytes are.
    pub content: Content,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub enum Content {
    /// On disk, at `relative` below `root`. The root is shared by all files of one directory.
    Disk {
        /// A directory.
        root: Arc<Path>,
        /// Below it.
        relative: Box<[u8]>,
    },
    /// Here.
    Memory(Arc<[u8]>),
}

/// A file could not be read as it was when the tree was made.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Opening or reading it failed.
    #[error("reading `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is gone.
    #[error("`{}` vanished after the directory was listed", path.display())]
    Vanished {
        /// The file.
        path: PathBuf,
    },
    /// It is something else now.
    #[error("`{}` is no longer a regular file", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// Its length is another one.
    #[error("`{}` {} while it was read: it had {expected} bytes, now {found}",
        path.display(), if found < expected { "shrank" } else { "grew" })]
    Resized {
        /// The file.
        path: PathBuf,
        /// Length when the tree was made.
        expected: u64,
        /// Length now.
        found: u64,
    },
    /// Its length is the same, and yet it was written to.
    #[error("`{}` was written to while it was read", path.display())]
    Written {
        /// The file.
        path: PathBuf,
    },
}

impl FileError {
    /// The file that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::Vanished { path }
            | Self::Replaced { path }
            | Self::Resized { path, .. }
            | Self::Written { path } => path,
        }
    }
}

impl File {
    /// A file whose bytes are at hand.
    pub fn in_memory(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { size: bytes.len() as u64, content: Content::Memory(bytes) }
    }

    /// Opens it. What is read through the result is exactly `size` bytes, or an error.
    pub fn open(&self) -> Result<FileReader, FileError> {
        match &self.content {
            Content::Memory(bytes) => {
                Ok(FileReader { source: Source::Memory { bytes: Arc::clone(bytes), position: 0 } })
            }
            Content::Disk { root, relative } => open_disk(root.join(OsStr::from_bytes(relative)), self.size),
        }
    }
}

fn open_disk(path: PathBuf, size: u64) -> Result<FileReader, FileError> {
    // The entry was a regular file when the tree was made. If it is a link or a pipe by now, it must neither be
    // followed nor block.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("invariant: flags fit in a C int");
    #[expect(
        clippy::disallowed_types,
        reason = "fs-err puts the path into the text; FileError has it already"
    )]
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(&path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FileError::Vanished { path }),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(FileError::Replaced { path });
        }
        Err(source) => return Err(FileError::Io { path, source }),
    };
    let metadata = match file.metadata() {
        Ok(metadata) => metadata,
        Err(source) => return Err(FileError::Io { path, source }),
    };
    if !metadata.is_file() {
        return Err(FileError::Replaced { path });
    }
    if metadata.len() != size {
        return Err(FileError::Resized { path, expected: size, found: metadata.len() });
    }
    let changed = (metadata.mtime(), metadata.mtime_nsec());
    Ok(FileReader { source: Source::Disk { file, path, size, left: size, changed, checked: false } })
}

/// Reads one file of a tree.
#[derive(Debug)]
pub struct FileReader {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Memory {
        bytes: Arc<[u8]>,
        position: usize,
    },
    Disk {
        #[expect(clippy::disallowed_types, reason = "FileError names the path")]
        file: std::fs::File,
        path: PathBuf,
        size: u64,
        left: u64,
        /// Seconds and nanoseconds of the last change when it was opened.
        changed: (i64, i64),
        checked: bool,
    },
}

impl FileReader {
    /// Fills the front of `buffer` and returns how many bytes that are; 0 once all `size` bytes were read and
    /// the file was found unchanged.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FileError> {
        match &mut self.source {
            Source::Memory { bytes, position } => {
                let count = buffer.len().min(bytes.len() - *position);
                buffer[..count].copy_from_slice(&bytes[*position..*position + count]);
                *position += count;
                Ok(count)
            }
            Source::Disk { file, path, size, left, changed, checked } => {
                if *left == 0 {
                    if !*checked {
                        *checked = true;
                        check_unchanged(file, path, *size, *changed)?;
                    }
                    return Ok(0);
                }
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                let count = loop {
                    match file.read(&mut buffer[..most]) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(source) => return Err(FileError::Io { path: path.clone(), source }),
                        Ok(count) => break count,
                    }
                };
                if count == 0 && most > 0 {
                    let (expected, found) = (*size, *size - *left);
                    return Err(FileError::Resized { path: path.clone(), expected, found });
                }
                *left -= count as u64;
                Ok(count)
            }
        }
    }
}

#[expect(clippy::disallowed_types, reason = "FileError names the path")]
fn check_unchanged(
    file: &std::fs::File,
    path: &Path,
    size: u64,
    changed: (i64, i64),
) -> Result<(), FileError> {
    let metadata = file.metadata().map_err(|source| FileError::Io { path: path.to_owned(), source })?;
    if metadata.len() != size {
        return Err(FileError::Resized { path: path.to_owned(), expected: size, found: metadata.len() });
    }
    if (metadata.mtime(), metadata.mtime_nsec()) != changed {
        return Err(FileError::Written { path: path.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_disk(directory: &Path, name: &str, bytes: &[u8]) -> File {
        fs_err::write(directory.join(name), bytes).unwrap();
        let content = Content::Disk { root: Arc::from(directory), relative: name.as_bytes().to_vec().into() };
        File { size: bytes.len() as u64, content }
    }

    fn read_all(file: &File) -> Result<Vec<u8>, FileError> {
        let mut reader = file.open()?;
        let (mut all, mut buffer) = (Vec::new(), [0; 7]);
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(all),
                count => all.extend_from_slice(&buffer[..count]),
            }
        }
    }

    #[test]
    fn reads_from_disk_and_memory() {
        let directory = tempfile::tempdir().unwrap();
        let text = b"some text of some length";
        assert_eq!(read_all(&on_disk(directory.path(), "x", text)).unwrap(), text);
        assert_eq!(read_all(&File::in_memory(*text)).unwrap(), text);
    }

    #[test]
    fn notices_what_happened_in_between() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let file = on_disk(directory.path(), "x", b"0123456789");

        fs_err::write(&path, b"01234").unwrap();
        assert!(
            read_all(&file)
                .unwrap_err()
                .to_string()
                .ends_with("x` shrank while it was read: it had 10 bytes, now 5")
        );
        fs_err::write(&path, b"0123456789abc").unwrap();
        assert!(read_all(&file).unwrap_err().to_string().contains("grew"));
        fs_err::remove_file(&path).unwrap();
        assert!(matches!(read_all(&file), Err(FileError::Vanished { .. })));
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(matches!(read_all(&file), Err(FileError::Replaced { .. })));
    }

    #[test]
    fn notices_a_change_in_the_middle() {
        let directory = tempfile::tempdir().unwrap();
        let file = on_disk(directory.path(), "x", &[b'a'; 100]);
        let mut reader = file.open().unwrap();
        let mut buffer = [0; 50];
        assert_eq!(reader.read(&mut buffer).unwrap(), 50);
        let half = fs_err::OpenOptions::new().write(true).open(directory.path().join("x")).unwrap();
        half.set_len(60).unwrap();
        assert_eq!(reader.read(&mut buffer).unwrap(), 10);
        assert!(matches!(reader.read(&mut buffer), Err(FileError::Resized { found: 60, .. })));
    }
}
