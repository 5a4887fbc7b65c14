//! Regular files of a tree, and reading them so that a change in between is noticed.
//!
//! The size stands in a tar before the content does, so a file must be read exactly as long as it was when the
//! tree was made. A file that is not is an error that names it: an image of half a file helps nobody.

use super::{Stamp, TreePath};
use crate::base::BlobDigest;
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
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
    /// On disk, at `relative` below `root`.
    Disk {
        /// Shared by all files of one directory.
        root: Arc<Root>,
        /// Below it.
        relative: Box<[u8]>,
        /// What the file system said of it when the tree was made.
        stamp: Stamp,
    },
    /// Here.
    Memory(Arc<[u8]>),
    /// In a temporary file, from `offset` on.
    Spooled {
        /// Shared by all that were read together. It is never written to again.
        file: Arc<Unnamed>,
        /// Bytes in front of it.
        offset: u64,
        /// Of the content.
        digest: BlobDigest,
    },
    /// In a layer that is not here. It can't be opened.
    Elsewhere {
        /// The blob that is the layer.
        layer: BlobDigest,
        /// Where the file is in it.
        path: TreePath,
        /// Of the content, if somebody asked for it.
        digest: Option<BlobDigest>,
    },
}

/// A temporary file that has no name any more.
#[expect(clippy::disallowed_types, reason = "there is no path that an error could name")]
pub type Unnamed = std::fs::File;

/// A directory that is held open, so that files below it are found by short paths, wherever it is moved to.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    handle: OwnedFd,
}

impl Root {
    /// Opens the directory `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        Ok(Self { path: path.to_owned(), handle })
    }

    /// As it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn handle(&self) -> &OwnedFd {
        &self.handle
    }
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
    #[error("`{}` was written to after the directory was listed", path.display())]
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
        let source = match &self.content {
            Content::Memory(bytes) => Source::Memory { bytes: Arc::clone(bytes), position: 0 },
            Content::Disk { root, relative, stamp } => Source::Disk(OnDisk::open(root, relative, *stamp)?),
            Content::Spooled { file, offset, .. } => {
                Source::Spooled { file: Arc::clone(file), position: *offset }
            }
            Content::Elsewhere { .. } => {
                let source = io::Error::other("the content was not fetched from its layer");
                return Err(FileError::Io { path: PathBuf::from("(in a base image)"), source });
            }
        };
        Ok(FileReader { size: self.size, left: self.size, source })
    }
}

/// Reads one file of a tree.
#[derive(Debug)]
pub struct FileReader {
    size: u64,
    left: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Memory { bytes: Arc<[u8]>, position: usize },
    Disk(OnDisk),
    Spooled { file: Arc<Unnamed>, position: u64 },
}

impl FileReader {
    /// Length in bytes, as the tree has it.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that have not been read yet.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Fills the front of `buffer` with as much as there is [left](Self::left), and says how many bytes that are.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FileError> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = match &mut self.source {
            Source::Memory { bytes, position } => {
                let count = most.min(bytes.len() - *position);
                buffer[..count].copy_from_slice(&bytes[*position..*position + count]);
                *position += count;
                count
            }
            Source::Disk(file) => file.read(&mut buffer[..most])?,
            Source::Spooled { file, position } => {
                let read = file.read_at(&mut buffer[..most], *position);
                let count = read.map_err(|source| FileError::Io { path: spooled(), source })?;
                *position += count as u64;
                count
            }
        };
        if count == 0 {
            return Err(self.ended_early());
        }
        self.left -= count as u64;
        Ok(count)
    }

    /// All of it, for those who read from files of any kind. What [`finish`](Self::finish) finds counts as an error of
    /// the last read.
    pub fn bytes(self) -> impl io::Read {
        Bytes(Some(self))
    }

    /// To be called once all is read: whether the file is still what it was when the tree was made. The one
    /// look at it comes last, and so tells of everything that happened since.
    pub fn finish(self) -> Result<(), FileError> {
        match &self.source {
            Source::Memory { bytes, .. } if bytes.len() as u64 != self.size => Err(self.ended_early()),
            Source::Memory { .. } | Source::Spooled { .. } => Ok(()),
            Source::Disk(file) => file.check(self.size),
        }
    }

    fn ended_early(&self) -> FileError {
        let resized = |path, found| FileError::Resized { path, expected: self.size, found };
        match &self.source {
            Source::Memory { bytes, .. } => resized(PathBuf::from("(in memory)"), bytes.len() as u64),
            Source::Spooled { .. } => resized(spooled(), self.size - self.left),
            // It may not be a file any more; if it is and has grown again, what was read is all there was.
            Source::Disk(file) => match file.check(self.size) {
                Err(error) => error,
                Ok(()) => resized(file.path(), self.size - self.left),
            },
        }
    }
}

/// How a temporary file is called in messages: it has no name.
fn spooled() -> PathBuf {
    PathBuf::from("(a temporary file)")
}

/// A file as [`io::Read`] has it.
struct Bytes(Option<FileReader>);

impl io::Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(reader) = &mut self.0 else { return Ok(0) };
        if reader.left() > 0 || buffer.is_empty() {
            return reader.read(buffer).map_err(io::Error::other);
        }
        match self.0.take().map(FileReader::finish) {
            Some(Err(error)) => Err(io::Error::other(error)),
            _ => Ok(0),
        }
    }
}

#[derive(Debug)]
struct OnDisk {
    handle: OwnedFd,
    root: Arc<Root>,
    relative: Box<[u8]>,
    stamp: Stamp,
}

impl OnDisk {
    fn open(root: &Arc<Root>, relative: &[u8], stamp: Stamp) -> Result<Self, FileError> {
        // The entry was a regular file when the tree was made. If it is a link or a pipe by now, it must neither
        // be followed nor block.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        match rustix::fs::openat(&root.handle, relative, flags, Mode::empty()) {
            Ok(handle) => Ok(Self { handle, root: Arc::clone(root), relative: relative.into(), stamp }),
            Err(errno) => {
                let path = root.path.join(OsStr::from_bytes(relative));
                Err(match errno {
                    Errno::NOENT | Errno::NOTDIR => FileError::Vanished { path },
                    Errno::LOOP | Errno::NXIO => FileError::Replaced { path },
                    errno => FileError::Io { path, source: errno.into() },
                })
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.root.path.join(OsStr::from_bytes(&self.relative))
    }

    fn failed(&self, errno: Errno) -> FileError {
        match errno {
            Errno::ISDIR | Errno::AGAIN => FileError::Replaced { path: self.path() },
            errno => FileError::Io { path: self.path(), source: errno.into() },
        }
    }

    fn read(&self, buffer: &mut [u8]) -> Result<usize, FileError> {
        loop {
            match rustix::io::read(&self.handle, &mut *buffer) {
                Err(Errno::INTR) => {}
                Err(errno) => return Err(self.failed(errno)),
                Ok(count) => return Ok(count),
            }
        }
    }

    fn check(&self, expected: u64) -> Result<(), FileError> {
        let stat: Stat = rustix::fs::fstat(&self.handle).map_err(|errno| self.failed(errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(FileError::Replaced { path: self.path() });
        }
        let found = u64::try_from(stat.st_size).unwrap_or_default();
        if found != expected {
            return Err(FileError::Resized { path: self.path(), expected, found });
        }
        if Stamp::of(&stat).modified != self.stamp.modified {
            return Err(FileError::Written { path: self.path() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_disk(directory: &Path, name: &str, bytes: &[u8]) -> File {
        fs_err::write(directory.join(name), bytes).unwrap();
        let root = Arc::new(Root::open(directory).unwrap());
        let stamp =
            Stamp::of(&rustix::fs::statat(root.handle(), name, rustix::fs::AtFlags::empty()).unwrap());
        let content = Content::Disk { root, relative: name.as_bytes().to_vec().into(), stamp };
        File { size: bytes.len() as u64, content }
    }

    fn read_all(file: &File) -> Result<Vec<u8>, FileError> {
        let mut reader = file.open()?;
        let (mut all, mut buffer) = (Vec::new(), [0; 7]);
        while reader.left() > 0 {
            let count = reader.read(&mut buffer)?;
            all.extend_from_slice(&buffer[..count]);
        }
        reader.finish()?;
        Ok(all)
    }

    #[test]
    fn reads_from_disk_and_memory() {
        let directory = tempfile::tempdir().unwrap();
        let text = b"some text of some length";
        assert_eq!(read_all(&on_disk(directory.path(), "x", text)).unwrap(), text);
        assert_eq!(read_all(&on_disk(directory.path(), "empty", b"")).unwrap(), b"");
        assert_eq!(read_all(&File::in_memory(*text)).unwrap(), text);
    }

    #[test]
    fn notices_what_happened_in_between() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let file = on_disk(directory.path(), "x", b"0123456789");
        let message = || read_all(&file).unwrap_err().to_string();

        fs_err::write(&path, b"01234").unwrap();
        assert!(message().ends_with("x` shrank while it was read: it had 10 bytes, now 5"));
        fs_err::write(&path, b"0123456789abc").unwrap();
        assert!(message().ends_with("x` grew while it was read: it had 10 bytes, now 13"));
        fs_err::remove_file(&path).unwrap();
        assert!(matches!(read_all(&file), Err(FileError::Vanished { .. })));
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(matches!(read_all(&file), Err(FileError::Replaced { .. })));
        fs_err::remove_file(&path).unwrap();
        fs_err::create_dir(&path).unwrap();
        assert!(matches!(read_all(&file), Err(FileError::Replaced { .. })));
        fs_err::remove_dir(&path).unwrap();
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(matches!(read_all(&file), Err(FileError::Replaced { .. })));
    }

    #[test]
    fn notices_that_the_same_number_of_bytes_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let file = on_disk(directory.path(), "x", b"0123456789");
        let another = std::time::UNIX_EPOCH + std::time::Duration::from_secs(5);
        let opened = fs_err::OpenOptions::new().write(true).open(directory.path().join("x")).unwrap();
        opened.file().set_modified(another).unwrap();
        assert!(matches!(read_all(&file), Err(FileError::Written { .. })));
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
