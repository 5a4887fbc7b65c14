//! A tree becomes a directory on disk.
//!
//! Whoever made the tree is not trusted. All of it is made below a new directory that nobody else has, and each
//! component on the way to an entry is opened without following links, so nothing is written, changed or linked outside.
//! That directory stands beside the destination, and takes its place by one rename at the end.

use super::{Entry, File, FileError, Metadata, Node, Tree, TreePath};
use crate::base::{Failure, Kind};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// Bytes copied at a time.
const COPY: usize = 1 << 17;

/// Why a tree could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder in which it should lie is not there.
    #[error("the folder of `{}` does not exist", destination.display())]
    NoFolder {
        /// Where the tree should go.
        destination: PathBuf,
    },
    /// Something is in its place.
    #[error("`{}` is {what}", destination.display())]
    Occupied {
        /// Where the tree should go.
        destination: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// The disk did not do as told.
    #[error("writing `{path}` below `{}`", destination.display())]
    Entry {
        /// Where the tree should go.
        destination: PathBuf,
        /// What was being written.
        path: TreePath,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The disk did not do as told with all of it.
    #[error("writing files to `{}`", destination.display())]
    Io {
        /// Where the tree should go.
        destination: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The content of a file could not be read.
    #[error("`{path}`: {source}")]
    Content {
        /// The file.
        path: TreePath,
        /// Why.
        source: FileError,
    },
    /// An entry lies in something that is no directory.
    #[error("`{path}` lies in `{above}`, which is no directory")]
    NoDirectory {
        /// The entry.
        path: TreePath,
        /// What is above it.
        above: TreePath,
    },
    /// A hard link leads nowhere.
    #[error("`{path}` is a hard link to `{original}`, which is not there")]
    NoOriginal {
        /// The link.
        path: TreePath,
        /// Where it leads.
        original: TreePath,
    },
    /// Whoever wanted it wants it no more.
    #[error("writing was stopped")]
    Stopped,
}

impl Failure for WriteError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoDirectory { .. } | Self::NoOriginal { .. } => {
                Some("the image is damaged: no engine can run it; have it built anew".into())
            }
            Self::Occupied { .. } => Some("name a directory that is new or empty".into()),
            Self::Entry { source, .. } | Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => Some("make room on that disk, or write to another one".into()),
                io::ErrorKind::ResourceBusy => {
                    Some("name a directory that is new: this one is in use".into())
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// What was written, and what could not be as the tree has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Number of entries, directories among them.
    pub entries: usize,
    /// Bytes of content.
    pub bytes: u64,
    /// Entries that belong to another user or group than in the tree. These have no setuid and setgid bits: they would
    /// mean somebody else.
    pub other_owner: usize,
    /// Devices that were left out.
    pub no_device: usize,
    /// Extended attributes that were left out.
    pub no_xattr: usize,
}

impl Written {
    /// What the user should know, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let Self { other_owner, no_device, no_xattr, .. } = self;
        let mut warnings = Vec::new();
        if *other_owner > 0 {
            warnings.push(format!(
                "{other_owner} of {} files and directories do not have the owners that the image gives them, and so \
                 no setuid and setgid bits: only root can give files to others",
                self.entries
            ));
        }
        if *no_device > 0 {
            warnings.push(format!("devices that were left out: {no_device}; only root can make them"));
        }
        if *no_xattr > 0 {
            warnings.push(format!(
                "extended attributes that were left out: {no_xattr}; the file system does not take them, or only root \
                 can set them"
            ));
        }
        warnings
    }
}

/// Whether a tree can be written to `destination`: nothing is there, or an empty directory.
pub fn check(destination: &Path) -> Result<(), WriteError> {
    folder(destination).map(|_| ())
}

/// Writes `tree` to `destination`, a directory that is new or empty. Gives up soon after `stop` becomes true; then, and
/// after any failure, it leaves nothing behind. Hard links may lead to any entry, whatever the order.
pub fn write(tree: &Tree, destination: &Path, stop: &AtomicBool) -> Result<Written, WriteError> {
    let failed = |source| WriteError::Io { destination: destination.to_owned(), source };
    let staging = staging(destination)?;
    let root = staging.path().join("root");
    fs_err::create_dir(&root).map_err(failed)?;
    let entries = tree.with_directories();
    let mut writer = Writer {
        root: super::Root::open(&root).map_err(failed)?,
        destination,
        stop,
        is_root: rustix::process::geteuid().is_root(),
        near: None,
        left_out: BTreeSet::new(),
        written: Written::default(),
    };
    let done = writer.all(&entries).and_then(|()| fs_err::rename(&root, destination).map_err(failed));
    if let Err(error) = done {
        writer.open_up(&entries);
        return Err(error);
    }
    Ok(writer.written)
}

/// The folder that `destination` lies in.
fn folder(destination: &Path) -> Result<&Path, WriteError> {
    let occupied = |what| WriteError::Occupied { destination: destination.to_owned(), what };
    if destination.file_name().is_none() {
        return Err(occupied("a directory that is in use"));
    }
    let folder = match destination.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(WriteError::NoFolder { destination: destination.to_owned() });
    }
    match fs_err::symlink_metadata(destination) {
        Ok(found) if !found.is_dir() => Err(occupied("there already, and is no directory")),
        Ok(_) if fs_err::read_dir(destination).is_ok_and(|mut entries| entries.next().is_none()) => {
            Ok(folder)
        }
        Ok(_) => Err(occupied("a directory that has something in it")),
        Err(_) => Ok(folder),
    }
}

fn staging(destination: &Path) -> Result<TempDir, WriteError> {
    let failed = |source| WriteError::Io { destination: destination.to_owned(), source };
    tempfile::Builder::new().prefix(".consign-").tempdir_in(folder(destination)?).map_err(failed)
}

struct Writer<'a> {
    root: super::Root,
    destination: &'a Path,
    stop: &'a AtomicBool,
    is_root: bool,
    /// The directory that was used last.
    near: Option<(TreePath, OwnedFd)>,
    /// Devices that could not be made.
    left_out: BTreeSet<TreePath>,
    written: Written,
}

type Entries<'t> = BTreeMap<TreePath, &'t Entry>;

impl Writer<'_> {
    fn all(&mut self, entries: &Entries<'_>) -> Result<(), WriteError> {
        for (path, entry) in entries {
            self.go_on()?;
            if let Some(above) = path.parent()
                && !matches!(entries.get(&above).map(|entry| &entry.node), Some(Node::Directory))
            {
                return Err(WriteError::NoDirectory { path: path.clone(), above });
            }
            self.make(path, entry)?;
            self.written.entries += 1;
        }
        for (path, entry) in entries {
            if let Node::HardLink(original) = &entry.node {
                self.go_on()?;
                let nowhere = || WriteError::NoOriginal { path: path.clone(), original: original.clone() };
                self.link(path, end_of_links(original, entries).ok_or_else(nowhere)?)?;
            }
        }
        // Those below first: a directory may be closed to its own owner, and what is made in it changes its time.
        for (path, entry) in entries.iter().rev() {
            if matches!(entry.node, Node::Directory) {
                let directory = self.open_directory(path).map_err(|errno| self.failed(path, errno))?;
                self.near = None;
                self.describe(path, directory.as_fd(), &entry.metadata)?;
            }
        }
        let mode = rustix::fs::fchmod(self.root.handle(), Mode::from_raw_mode(0o755));
        mode.map_err(|errno| self.failed_as_whole(errno))
    }

    fn go_on(&self) -> Result<(), WriteError> {
        if self.stop.load(Ordering::Relaxed) { Err(WriteError::Stopped) } else { Ok(()) }
    }

    fn make(&mut self, path: &TreePath, entry: &Entry) -> Result<(), WriteError> {
        if matches!(entry.node, Node::HardLink(_)) {
            return Ok(());
        }
        let above = self.above(path)?;
        let above = above.as_fd();
        let name = OsStr::from_bytes(path.name());
        let failed = |errno| failed(self.destination, path, errno);
        match &entry.node {
            Node::Directory => rustix::fs::mkdirat(above, name, Mode::RWXU).map_err(failed),
            Node::HardLink(_) => Ok(()),
            Node::File(file) => {
                let flags =
                    OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let handle =
                    rustix::fs::openat(above, name, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
                let handle = self.fill(path, file, handle)?;
                self.describe(path, handle.as_fd(), &entry.metadata)
            }
            Node::Symlink(text) => {
                rustix::fs::symlinkat(OsStr::from_bytes(text), above, name).map_err(failed)?;
                self.describe_name(path, above, &entry.metadata, true)
            }
            Node::Fifo => {
                rustix::fs::mknodat(above, name, FileType::Fifo, Mode::RUSR, 0).map_err(failed)?;
                self.describe_name(path, above, &entry.metadata, false)
            }
            Node::Device(device) => {
                let kind = if device.is_block { FileType::BlockDevice } else { FileType::CharacterDevice };
                let number = rustix::fs::makedev(device.major, device.minor);
                match rustix::fs::mknodat(above, name, kind, Mode::RUSR, number) {
                    Ok(()) => self.describe_name(path, above, &entry.metadata, false),
                    Err(Errno::PERM) => {
                        self.left_out.insert(path.clone());
                        self.written.no_device += 1;
                        Ok(())
                    }
                    Err(errno) => Err(failed(errno)),
                }
            }
        }
    }

    fn fill(&mut self, path: &TreePath, file: &File, handle: OwnedFd) -> Result<fs_err::File, WriteError> {
        use std::io::Write as _;
        let unread = |source| WriteError::Content { path: path.clone(), source };
        let named = self.destination.join(path.as_path());
        let mut out = fs_err::File::from_parts(handle.into(), named);
        let mut reader = file.open().map_err(unread)?;
        let mut buffer = vec![0; COPY.min(usize::try_from(file.size).unwrap_or(COPY))];
        while reader.left() > 0 {
            self.go_on()?;
            let count = reader.read(&mut buffer).map_err(unread)?;
            out.write_all(&buffer[..count]).map_err(|source| {
                let destination = self.destination.to_owned();
                WriteError::Entry { destination, path: path.clone(), source }
            })?;
            self.written.bytes += count as u64;
        }
        reader.finish().map_err(unread)?;
        Ok(out)
    }

    fn link(&mut self, path: &TreePath, original: &TreePath) -> Result<(), WriteError> {
        if self.left_out.contains(original) {
            self.written.no_device += 1;
            return Ok(());
        }
        let from = self.above(original)?;
        let above = self.above(path)?;
        let names = [original, path].map(|path| OsStr::from_bytes(path.name()));
        match rustix::fs::linkat(from, names[0], above, names[1], AtFlags::empty()) {
            Ok(()) => Ok(()),
            Err(errno) => Err(self.failed(path, errno)),
        }
    }

    /// Owner, attributes, mode and time of what is open. The owner comes first, since it takes setuid bits and
    /// capabilities away.
    fn describe(
        &mut self,
        path: &TreePath,
        handle: BorrowedFd<'_>,
        metadata: &Metadata,
    ) -> Result<(), WriteError> {
        let is_owned = self.owned(path, metadata, |uid, gid| rustix::fs::fchown(handle, uid, gid))?;
        for (name, value) in metadata.xattrs.iter().flat_map(|all| all.iter()) {
            if rustix::fs::fsetxattr(handle, &**name, value, XattrFlags::empty()).is_err() {
                self.written.no_xattr += 1;
            }
        }
        let failed = |errno| failed(self.destination, path, errno);
        rustix::fs::fchmod(handle, mode(metadata, is_owned)).map_err(failed)?;
        rustix::fs::futimens(handle, &times(metadata)).map_err(failed)
    }

    /// The same of what can't be opened: links, pipes and devices.
    fn describe_name(
        &mut self,
        path: &TreePath,
        above: BorrowedFd<'_>,
        metadata: &Metadata,
        is_link: bool,
    ) -> Result<(), WriteError> {
        let name = OsStr::from_bytes(path.name());
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let is_owned =
            self.owned(path, metadata, |uid, gid| rustix::fs::chownat(above, name, uid, gid, flags))?;
        self.written.no_xattr += metadata.xattrs.as_ref().map_or(0, |all| all.len());
        let failed = |errno| failed(self.destination, path, errno);
        if !is_link {
            // It is what was made here a moment ago, and nobody else can reach it.
            rustix::fs::chmodat(above, name, mode(metadata, is_owned), AtFlags::empty()).map_err(failed)?;
        }
        rustix::fs::utimensat(above, name, &times(metadata), flags).map_err(failed)
    }

    /// Gives an entry to its owner with `give`. Whether that is its owner now.
    fn owned(
        &mut self,
        path: &TreePath,
        metadata: &Metadata,
        give: impl Fn(Option<Uid>, Option<Gid>) -> rustix::io::Result<()>,
    ) -> Result<bool, WriteError> {
        let (uid, gid) = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
        if !self.is_root && (uid, gid) == (rustix::process::geteuid(), rustix::process::getegid()) {
            return Ok(true);
        }
        let given = if self.is_root { give(Some(uid), Some(gid)) } else { Err(Errno::PERM) };
        match given {
            Ok(()) => Ok(true),
            // Root of a container need not be root of all users.
            Err(Errno::PERM | Errno::INVAL) => {
                self.written.other_owner += 1;
                Ok(false)
            }
            Err(errno) => Err(self.failed(path, errno)),
        }
    }

    /// The directory that `path` lies in.
    fn above(&mut self, path: &TreePath) -> Result<OwnedFd, WriteError> {
        let opened = match path.parent() {
            None => rustix::io::fcntl_dupfd_cloexec(self.root.handle(), 0),
            Some(above) => self.open_directory(&above),
        };
        opened.map_err(|errno| self.failed(path, errno))
    }

    /// Opens the directory at `path`, no link being followed on the way.
    fn open_directory(&mut self, path: &TreePath) -> Result<OwnedFd, Errno> {
        let again = |handle: &OwnedFd| rustix::io::fcntl_dupfd_cloexec(handle, 0);
        if let Some((near, handle)) = &self.near
            && near == path
        {
            return again(handle);
        }
        let mut handle = again(self.root.handle())?;
        for name in path.as_bytes().split(|byte| *byte == b'/') {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            handle = rustix::fs::openat(&handle, OsStr::from_bytes(name), flags, Mode::empty())?;
        }
        self.near = Some((path.clone(), again(&handle)?));
        Ok(handle)
    }

    /// Lets the owner into all directories, so that they can be removed.
    fn open_up(&mut self, entries: &Entries<'_>) {
        self.near = None;
        for (path, entry) in entries {
            if matches!(entry.node, Node::Directory)
                && let Ok(above) = self.above(path)
            {
                // One that is not there, or is open already, needs nothing.
                let name = OsStr::from_bytes(path.name());
                rustix::fs::chmodat(above, name, Mode::RWXU, AtFlags::empty()).ok();
            }
        }
    }

    fn failed(&self, path: &TreePath, errno: Errno) -> WriteError {
        failed(self.destination, path, errno)
    }

    fn failed_as_whole(&self, errno: Errno) -> WriteError {
        WriteError::Io { destination: self.destination.to_owned(), source: errno.into() }
    }
}

fn failed(destination: &Path, path: &TreePath, errno: Errno) -> WriteError {
    WriteError::Entry { destination: destination.to_owned(), path: path.clone(), source: errno.into() }
}

/// What a chain of hard links leads to; none if that is nothing that can have two names.
fn end_of_links<'t>(original: &'t TreePath, entries: &'t Entries<'_>) -> Option<&'t TreePath> {
    let mut end = original;
    for _ in 0..=entries.len() {
        match entries.get(end).map(|entry| &entry.node) {
            Some(Node::HardLink(next)) => end = next,
            Some(Node::Directory) | None => return None,
            Some(_) => return Some(end),
        }
    }
    None
}

fn mode(metadata: &Metadata, is_owned: bool) -> Mode {
    Mode::from_raw_mode(if is_owned { metadata.mode } else { metadata.mode & 0o1777 })
}

fn times(metadata: &Metadata) -> Timestamps {
    let time = Timespec { tv_sec: metadata.mtime, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Device;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    fn path(text: &str) -> TreePath {
        TreePath::new(text.as_bytes()).unwrap()
    }

    fn entry(node: Node) -> Entry {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Entry { metadata: Metadata { mode: 0o640, uid, gid, mtime: 1_700_000_000, xattrs: None }, node }
    }

    fn file(text: &str) -> Entry {
        entry(Node::File(File::in_memory(text.as_bytes())))
    }

    fn link(to: &str) -> Entry {
        entry(Node::HardLink(path(to)))
    }

    fn symlink(to: &str) -> Entry {
        entry(Node::Symlink(to.as_bytes().into()))
    }

    fn tree(entries: Vec<(&str, Entry)>) -> Tree {
        entries.into_iter().map(|(name, entry)| (path(name), entry)).collect()
    }

    fn go() -> AtomicBool {
        AtomicBool::new(false)
    }

    #[test]
    fn all_kinds_are_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join("root").join(name);
        let mut closed = entry(Node::Directory);
        closed.metadata.mode = 0o500;
        let mut program = file("#!");
        program.metadata.mode = 0o4755;
        let all = tree(vec![
            ("bin", symlink("/usr/bin")),
            ("closed", closed),
            ("closed/x", file("in it")),
            ("early", link("late")),
            ("implied/deep/x", file("")),
            ("late", file("content")),
            ("other", link("early")),
            ("pipe", entry(Node::Fifo)),
            ("program", program),
            ("second", link("bin")),
        ]);
        fs_err::create_dir(at("")).unwrap();
        let written = write(&all, &at(""), &go()).unwrap();
        assert_eq!((written.entries, written.bytes), (12, 14));
        assert_eq!(written.warnings(), Vec::<String>::new());
        assert_eq!(fs_err::read_link(at("bin")).unwrap(), Path::new("/usr/bin"));
        assert_eq!(fs_err::read_link(at("second")).unwrap(), Path::new("/usr/bin"));
        assert_eq!(fs_err::read_to_string(at("closed/x")).unwrap(), "in it");
        let stat = |name: &str| fs_err::symlink_metadata(at(name)).unwrap();
        let mode = |name: &str| stat(name).permissions().mode() & 0o7777;
        assert_eq!((mode("closed"), mode("program"), mode("pipe")), (0o500, 0o4755, 0o640));
        assert_eq!((mode("implied"), mode("implied/deep"), mode("")), (0o755, 0o755, 0o755));
        assert_eq!(["early", "late", "other"].map(|name| (stat(name).ino(), stat(name).nlink())), {
            [(stat("late").ino(), 3); 3]
        });
        for name in ["bin", "closed", "closed/x", "pipe", "late"] {
            assert_eq!(stat(name).mtime(), 1_700_000_000, "{name}");
        }
        assert_eq!(stat("implied").mtime(), 0);
        let names: Vec<_> =
            fs_err::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["root"], "the staging directory stayed");
    }

    /// A tree that leads out: nothing outside changes, and nothing stays.
    #[test]
    fn nothing_is_written_through_links() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs_err::create_dir(&outside).unwrap();
        fs_err::write(outside.join("secret"), "s").unwrap();
        let to = outside.to_str().unwrap();
        let hard = outside.join("secret");
        let hard = hard.to_str().unwrap();
        for (what, hostile) in [
            ("a file through a link", tree(vec![("a", symlink(to)), ("a/secret", file("x"))])),
            ("a directory through a link", tree(vec![("a", symlink(to)), ("a/new/x", file("x"))])),
            ("a hard link from outside", tree(vec![("x", link(&hard[1..]))])),
            ("a hard link through a link", tree(vec![("a", symlink(to)), ("x", link("a/secret"))])),
            ("hard links in a circle", tree(vec![("x", link("y")), ("y", link("x"))])),
            ("a hard link to a directory", tree(vec![("a/b", file("x")), ("x", link("a"))])),
            ("a file below a file", tree(vec![("a", file("x")), ("a/b", file("x"))])),
        ] {
            let mut closed = entry(Node::Directory);
            closed.metadata.mode = 0;
            let mut hostile = hostile;
            hostile.insert(path("0"), closed);
            let error = write(&hostile, &folder.path().join("root"), &go()).unwrap_err();
            assert!(
                matches!(error, WriteError::NoDirectory { .. } | WriteError::NoOriginal { .. }),
                "{what}: {error}"
            );
            let left: Vec<_> =
                fs_err::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(left, ["outside"], "{what}");
            assert_eq!(fs_err::read_dir(&outside).unwrap().count(), 1, "{what}");
            assert_eq!(fs_err::read_to_string(outside.join("secret")).unwrap(), "s", "{what}");
        }
        // A link that leads out is an entry like any other; nobody follows it here.
        write(&tree(vec![("a", symlink(to))]), &folder.path().join("root"), &go()).unwrap();
        assert_eq!(fs_err::metadata(&outside).unwrap().mtime(), fs_err::metadata(&outside).unwrap().mtime());
    }

    #[test]
    fn places_that_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs_err::create_dir(at("full")).unwrap();
        fs_err::write(at("full/x"), "").unwrap();
        std::os::unix::fs::symlink("full", at("link")).unwrap();
        let says = |name: &str| write(&Tree::new(), &at(name), &go()).unwrap_err().to_string();
        assert!(says("full").ends_with("full` is a directory that has something in it"));
        assert!(says("full/x").ends_with("x` is there already, and is no directory"));
        assert!(says("link").ends_with("link` is there already, and is no directory"));
        assert!(says("no/where").ends_with("where` does not exist"));
        assert!(says("full/..").ends_with("is a directory that is in use"));
    }

    #[test]
    fn it_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let stopped = AtomicBool::new(true);
        let error = write(&tree(vec![("x", file("x"))]), &folder.path().join("root"), &stopped).unwrap_err();
        assert!(matches!(error, WriteError::Stopped), "{error}");
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// Who is not root gets everything but what only root can make, and is told.
    #[test]
    fn what_only_root_can_do() {
        let folder = tempfile::tempdir().unwrap();
        let mut theirs = file("x");
        theirs.metadata = Metadata { mode: 0o6755, uid: 12, gid: 34, ..theirs.metadata };
        let device = Device { is_block: false, major: 1, minor: 3 };
        let all = tree(vec![
            ("null", entry(Node::Device(device))),
            ("also-null", link("null")),
            ("theirs", theirs),
        ]);
        let written = write(&all, &folder.path().join("root"), &go()).unwrap();
        let stat = fs_err::metadata(folder.path().join("root/theirs")).unwrap();
        if written.other_owner == 0 {
            assert_eq!((stat.uid(), stat.gid(), stat.permissions().mode() & 0o7777), (12, 34, 0o6755));
        } else {
            assert_eq!(stat.permissions().mode() & 0o7777, 0o755);
            assert!(written.warnings()[0].starts_with("1 of 3 files and directories do not have the owners"));
        }
        assert_eq!(folder.path().join("root/null").exists(), written.no_device == 0);
    }
}
