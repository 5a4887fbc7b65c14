//! Reading a directory into a tree.
//!
//! Nothing of the machine gets into the tree but names, contents, what may be executed, and capabilities: owner,
//! modes and times are given. So the same files make the same tree under another umask, user or clock.
//!
//! A directory is listed once and each entry costs one `fstatat`; contents are not touched. Directories are listed by
//! several threads, and what they found is sorted in the end, so their number changes nothing. Whether a file can be
//! opened shows when the layer is made, since asking for each file would cost as much as the stat. A
//! directory that can't be listed is an error at once.

mod error;

pub use error::{ReadError, Warning};

use super::path::TreePathError;
use super::resolve::{Resolved, resolve};
use super::{Content, Entry, File, Metadata, Node, Root, Stamp, Tree, TreePath, Xattrs};
use crate::spec::ignore::{Matched, Patterns};
use crate::spec::{Modes, Owner};
use rustix::fs::{AtFlags, Dev, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What to read, and what to make of it.
#[derive(Debug, Clone)]
pub struct ReadRequest<'a> {
    /// The directory that nothing is read from outside of.
    pub context: &'a Path,
    /// A directory or file below it; `.` is all of it. Where a component is a symbolic link, it is followed, but
    /// not out of the context. Links below are not followed.
    pub from: &'a Path,
    /// Where it goes. A directory's content goes into it. A file becomes it, or goes into it if it ends in `/`.
    pub to: &'a str,
    /// What is no part of the context, relative to it.
    pub ignore: &'a Patterns,
    /// What is read, relative to `from`; if there is no pattern, all is. A directory that does not match stands
    /// in the tree only if something in it does.
    pub include: &'a Patterns,
    /// What is left out, relative to `from`.
    pub exclude: &'a Patterns,
    /// Who owns all of it.
    pub owner: Owner,
    /// Its modes; none keeps those that it has on disk.
    pub modes: Option<Modes>,
    /// When all of it was last changed, in seconds since 1970.
    pub mtime: i64,
    /// Whether the directories above `to` get entries. They are always 0:0 and 0755, whatever `owner` and `modes`
    /// say: they belong to the image, and one of them may be `/usr`.
    pub parents: bool,
    /// Threads that list directories; 0 is taken as 1. They change nothing but the time it takes.
    pub threads: usize,
}

/// Reads what `request` says. Sockets and devices are left out, and `warn` is told. Two reads of the same files
/// give the same tree and the same warnings in the same order.
pub fn read(request: &ReadRequest<'_>, warn: &mut dyn FnMut(Warning)) -> Result<Tree, ReadError> {
    let root = Arc::new(open_context(request.context)?);
    let start = resolve(root.handle(), request.context, request.from)?;
    let target = target(request, &start)?;
    let walk = Walk { request, root, below: if start.path.is_empty() { 0 } else { start.path.len() + 1 } };
    let mut found = walk.start(&start, target.clone())?;
    found.warnings.sort_by(|a, b| a.path.cmp(&b.path));
    found.warnings.drain(..).for_each(warn);
    let seen_any = found.seen_any;
    let mut tree = Walk::finish(found);
    if tree.is_empty() || start.is_directory && tree.len() == usize::from(target.is_some()) {
        let path = start.shown(request.context);
        let empty = start.is_directory && !seen_any;
        return Err(if empty { ReadError::Empty { path } } else { ReadError::NothingLeft { path } });
    }
    if let Some(target) = target.filter(|_| request.parents) {
        insert_parents(&mut tree, &target, request.mtime);
    }
    Ok(tree)
}

fn open_context(path: &Path) -> Result<Root, ReadError> {
    Root::open(path).map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NOENT) => ReadError::ContextMissing { path: path.into() },
        Some(Errno::NOTDIR) => ReadError::ContextNotDirectory { path: path.into() },
        _ => ReadError::Io { path: path.into(), source: error },
    })
}

/// Where `from` itself goes; none is the root.
fn target(request: &ReadRequest<'_>, start: &Resolved) -> Result<Option<TreePath>, ReadError> {
    let fail = |reason| ReadError::Target { to: request.to.into(), reason };
    let mut to = request.to.as_bytes().to_vec();
    if !start.is_directory && to.ends_with(b"/") {
        to.extend_from_slice(&start.name);
    }
    match TreePath::new(&to) {
        Ok(path) => Ok(Some(path)),
        Err(TreePathError::Root) if start.is_directory => Ok(None),
        Err(reason) => Err(fail(reason)),
    }
}

fn insert_parents(tree: &mut Tree, target: &TreePath, mtime: i64) {
    let mut above = target.parent();
    while let Some(path) = above {
        above = path.parent();
        let metadata = Metadata { mode: 0o755, uid: 0, gid: 0, mtime, xattrs: None };
        tree.insert(path, Entry { metadata, node: Node::Directory });
    }
}

/// What the three lists of patterns say about a directory, for all in it.
struct Above {
    ignore: Matched,
    include: Matched,
    exclude: Matched,
}

/// A directory that is still to be listed.
struct Pending {
    /// Relative to the context; empty for the context itself.
    path: Vec<u8>,
    /// Its place in the tree; none is the root.
    target: Option<TreePath>,
    above: Above,
}

/// What a thread found.
#[derive(Default)]
struct Found {
    entries: Vec<(TreePath, Entry)>,
    /// Directories that no pattern selects, but something in them may be.
    unselected: Vec<(TreePath, Entry)>,
    /// Files that have more than one name: one of the names, and device and inode.
    linked: Vec<(TreePath, (Dev, u64))>,
    warnings: Vec<Warning>,
    seen_any: bool,
    /// The first by path, so that it is the same for every number of threads.
    error: Option<ReadError>,
}

impl Found {
    fn add(&mut self, mut other: Self) {
        self.entries.append(&mut other.entries);
        self.unselected.append(&mut other.unselected);
        self.linked.append(&mut other.linked);
        self.warnings.append(&mut other.warnings);
        self.seen_any |= other.seen_any;
        if let Some(error) = other.error {
            self.fail(error);
        }
    }

    fn fail(&mut self, error: ReadError) {
        if self.error.as_ref().is_none_or(|known| error.path() < known.path()) {
            self.error = Some(error);
        }
    }
}

/// The directories that are still to be listed, shared by the threads that do so.
#[derive(Default)]
struct Queue {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    directories: Vec<Pending>,
    /// Threads that are listing one, and may find more.
    busy: usize,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next directory; none once all are done.
    fn take(&self) -> Option<Pending> {
        let mut waiting = self.lock();
        loop {
            if let Some(directory) = waiting.directories.pop() {
                waiting.busy += 1;
                return Some(directory);
            }
            if waiting.busy == 0 {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, found: &mut Vec<Pending>) {
        let mut waiting = self.lock();
        waiting.busy -= 1;
        waiting.directories.append(found);
        if waiting.directories.len() > 1 || waiting.busy == 0 {
            self.changed.notify_all();
        }
    }
}

/// A directory is being listed. The others wait for what is found in it, even if that ends in a panic.
struct Listing<'a> {
    queue: &'a Queue,
    found: Vec<Pending>,
}

impl Drop for Listing<'_> {
    fn drop(&mut self) {
        self.queue.done(&mut self.found);
    }
}

struct Walk<'a> {
    request: &'a ReadRequest<'a>,
    root: Arc<Root>,
    /// So many bytes of a path relative to the context lead to `from`.
    below: usize,
}

impl Walk<'_> {
    fn start(&self, start: &Resolved, target: Option<TreePath>) -> Result<Found, ReadError> {
        let mut found = Found::default();
        let request = self.request;
        // What is below `from` inherits from the directories above it, as if the walk had come through them.
        let (mut ignore, mut ignored) = (request.ignore.root(), false);
        for end in slashes_and_end(&start.path) {
            (ignored, ignore) = request.ignore.enter(&ignore, &start.path[..end]);
        }
        let above = Above { ignore, include: request.include.root(), exclude: request.exclude.root() };
        if !start.is_directory {
            // A file has no path relative to itself, so its name stands for it.
            let selected = request.include.is_empty() || request.include.excludes(&start.name);
            if !ignored && selected && !request.exclude.excludes(&start.name) {
                self.single(start, target, &mut found)?;
            }
            return Ok(found);
        }
        if let Some(target) = &target {
            let name: &[u8] = if start.path.is_empty() { b"." } else { &start.path };
            let name = CString::new(name).map_err(|_| self.changed(&start.path))?;
            let entry = self.directory(self.root.handle().as_fd(), &name, &start.path)?;
            found.entries.push((target.clone(), entry));
        }
        if ignored && !request.ignore.may_differ_below(&start.path, true) {
            found.seen_any = true;
            return Ok(found);
        }
        let queue = Queue::default();
        queue.lock().directories.push(Pending { path: start.path.clone(), target, above });
        thread::scope(|scope| {
            let others: Vec<_> = (1..request.threads)
                .map_while(|_| {
                    let work = || self.work(&queue);
                    // A machine without another thread is served by this one.
                    thread::Builder::new().name("tree-read".into()).spawn_scoped(scope, work).ok()
                })
                .collect();
            found.add(self.work(&queue));
            for other in others {
                found.add(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
        });
        match found.error.take() {
            Some(error) => Err(error),
            None => Ok(found),
        }
    }

    /// Lists directories until there are none left.
    fn work(&self, queue: &Queue) -> Found {
        let mut found = Found::default();
        while let Some(directory) = queue.take() {
            let mut listing = Listing { queue, found: Vec::new() };
            if let Err(error) = self.list(&directory, &mut listing.found, &mut found) {
                found.fail(error);
            }
        }
        found
    }

    /// `from` is not a directory.
    fn single(&self, file: &Resolved, target: Option<TreePath>, found: &mut Found) -> Result<(), ReadError> {
        let name = CString::new(file.path.clone()).map_err(|_| self.changed(&file.path))?;
        let context = self.root.handle().as_fd();
        let stat = self.stat(context, &name, &file.path)?;
        let shown = file.shown(self.request.context);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::Fifo => {}
            kind => return Err(ReadError::Kind { path: shown, kind: kind_name(kind) }),
        }
        if let Some(target) = target {
            self.add(context, &name, &file.path, target, &stat, found)?;
        }
        Ok(())
    }

    /// Lists one directory: its entries are added, its directories that are of interest go to `pending`.
    fn list(
        &self,
        directory: &Pending,
        pending: &mut Vec<Pending>,
        found: &mut Found,
    ) -> Result<(), ReadError> {
        let opened = self.open(&directory.path)?;
        let names = self.names(&directory.path, &opened)?;
        let handle = opened.as_fd();
        let request = self.request;
        for (name, mut kind) in names {
            found.seen_any = true;
            let bytes = name.to_bytes();
            let mut path = Vec::with_capacity(directory.path.len() + 1 + bytes.len());
            path.extend_from_slice(&directory.path);
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(bytes);

            let mut stat = None;
            if kind == FileType::Unknown {
                // Some file systems don't say in the listing.
                let asked = self.stat(handle, &name, &path)?;
                kind = FileType::from_raw_mode(asked.st_mode);
                stat = Some(asked);
            }
            let inside = &path[self.below..];
            let above = &directory.above;
            if kind != FileType::Directory {
                let selected = (request.include.is_empty() || request.include.decide(&above.include, inside))
                    && !request.exclude.decide(&above.exclude, inside)
                    && !request.ignore.decide(&above.ignore, &path);
                if !selected {
                    continue;
                }
                let stat = match stat {
                    Some(stat) => stat,
                    None => self.stat(handle, &name, &path)?,
                };
                let target = place(directory.target.as_ref(), bytes).map_err(|_| self.changed(&path))?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                    return Err(self.changed(&path));
                }
                self.add(handle, &name, &path, target, &stat, found)?;
                continue;
            }
            let (ignored, ignore) = request.ignore.enter(&above.ignore, &path);
            let (excluded, exclude) = request.exclude.enter(&above.exclude, inside);
            let (included, include) = request.include.enter(&above.include, inside);
            let included = included || request.include.is_empty();
            let of_interest = (!ignored || request.ignore.may_differ_below(&path, true))
                && (!excluded || request.exclude.may_differ_below(inside, true))
                && (included || request.include.may_differ_below(inside, false));
            if !of_interest {
                continue;
            }
            let target = place(directory.target.as_ref(), bytes).map_err(|_| self.changed(&path))?;
            let entry = self.directory(handle, &name, &path)?;
            if included && !excluded && !ignored {
                found.entries.push((target.clone(), entry));
            } else {
                found.unselected.push((target.clone(), entry));
            }
            pending.push(Pending { path, target: Some(target), above: Above { ignore, include, exclude } });
        }
        Ok(())
    }

    fn open(&self, path: &[u8]) -> Result<OwnedFd, ReadError> {
        // Opened from the context each time: that holds one descriptor however deep the tree is.
        let name: &[u8] = if path.is_empty() { b"." } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(self.root.handle(), name, flags, Mode::empty())
            .map_err(|errno| self.failed(path, errno))
    }

    /// The names in a directory and their kinds, sorted.
    fn names(&self, path: &[u8], opened: &OwnedFd) -> Result<Vec<(CString, FileType)>, ReadError> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(opened).map_err(|errno| self.failed(path, errno))? {
            let entry = entry.map_err(|errno| self.failed(path, errno))?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                names.push((name.to_owned(), entry.file_type()));
            }
        }
        names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(names)
    }

    fn stat(&self, directory: BorrowedFd<'_>, name: &CString, path: &[u8]) -> Result<Stat, ReadError> {
        rustix::fs::statat(directory, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| self.failed(path, errno))
    }

    /// Adds what is not a directory.
    fn add(
        &self,
        directory: BorrowedFd<'_>,
        name: &CString,
        path: &[u8],
        target: TreePath,
        stat: &Stat,
        found: &mut Found,
    ) -> Result<(), ReadError> {
        let own = stat.st_mode & 0o7777;
        let modes = self.request.modes;
        let executable = stat.st_mode & 0o100 != 0;
        let mut xattrs = None;
        let (mode, node) = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                xattrs = self.capability(path, stat)?;
                if stat.st_nlink > 1 {
                    found.linked.push((target.clone(), (stat.st_dev, stat.st_ino)));
                }
                let size = u64::try_from(stat.st_size).unwrap_or_default();
                let content = Content::Disk {
                    root: Arc::clone(&self.root),
                    relative: path.into(),
                    stamp: Stamp::of(stat),
                };
                let mode = modes.map_or(own, |it| if executable { it.executables } else { it.files });
                (mode, Node::File(File { size, content }))
            }
            FileType::Symlink => {
                let text = rustix::fs::readlinkat(directory, name.as_c_str(), Vec::new())
                    .map_err(|errno| self.failed(path, errno))?;
                // A link has no permissions; 0777 is what every system reports for one.
                (0o777, Node::Symlink(text.into_bytes().into()))
            }
            FileType::Fifo => (modes.map_or(own, |it| it.files), Node::Fifo),
            kind => {
                let path = self.shown(path);
                found.warnings.push(Warning { path, kind: kind_name(kind) });
                return Ok(());
            }
        };
        let metadata = Metadata { mode, xattrs, ..self.metadata() };
        found.entries.push((target, Entry { metadata, node }));
        Ok(())
    }

    /// The one extended attribute that decides how a program runs. All others (security labels, quarantine
    /// marks, what some editor noted) belong to this machine and would make its images differ from others'.
    fn capability(&self, path: &[u8], stat: &Stat) -> Result<Option<Box<Xattrs>>, ReadError> {
        const NAME: &str = "security.capability";
        // Capabilities take effect when the file is executed, and only a file that somebody may execute can be.
        // That saves a system call for nearly every file. Other systems than Linux have no capabilities.
        if stat.st_mode & 0o111 == 0 || cfg!(not(target_os = "linux")) {
            return Ok(None);
        }
        // The kernel's largest version of the structure has 24 bytes.
        let mut value = [0; 64];
        let full = self.shown(path);
        match rustix::fs::lgetxattr(&full, NAME, &mut value) {
            Ok(length) => {
                let value = value.get(..length).unwrap_or_default();
                Ok(Some(Box::new(Xattrs::from([(NAME.as_bytes().into(), value.into())]))))
            }
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
            Err(errno) => Err(self.failed(path, errno)),
        }
    }

    fn directory(&self, parent: BorrowedFd<'_>, name: &CString, path: &[u8]) -> Result<Entry, ReadError> {
        let mode = match self.request.modes {
            Some(modes) => modes.directories,
            None => self.stat(parent, name, path)?.st_mode & 0o7777,
        };
        Ok(Entry { metadata: Metadata { mode, ..self.metadata() }, node: Node::Directory })
    }

    fn metadata(&self) -> Metadata {
        let Owner { uid, gid } = self.request.owner;
        Metadata { mode: 0, uid, gid, mtime: self.request.mtime, xattrs: None }
    }

    /// The tree of all that was found.
    fn finish(mut found: Found) -> Tree {
        let mut entries = std::mem::take(&mut found.entries);
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        // A directory that was not selected stands for the sake of what was.
        let needed: Vec<_> =
            found.unselected.into_iter().filter(|(path, _)| has_any_below(&entries, path)).collect();
        entries.extend(needed);
        let mut tree: Tree = entries.into_iter().collect();
        found.linked.sort_unstable();
        let mut first: HashMap<(Dev, u64), TreePath> = HashMap::new();
        for (path, inode) in found.linked {
            let Some(original) = first.get(&inode) else {
                first.insert(inode, path);
                continue;
            };
            if let Some(entry) = tree.get_mut(&path) {
                entry.node = Node::HardLink(original.clone());
            }
        }
        tree
    }

    fn shown(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() {
            self.request.context.into()
        } else {
            self.root.path().join(OsStr::from_bytes(path))
        }
    }

    fn io(&self, path: &[u8], source: io::Error) -> ReadError {
        ReadError::Io { path: self.shown(path), source }
    }

    fn changed(&self, path: &[u8]) -> ReadError {
        ReadError::Changed { path: self.shown(path) }
    }

    /// What was just seen in a listing must still be there.
    fn failed(&self, path: &[u8], errno: Errno) -> ReadError {
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::INVAL => self.changed(path),
            errno => self.io(path, errno.into()),
        }
    }
}

/// Whether one of `entries`, which are sorted, lies below the directory `path`.
fn has_any_below(entries: &[(TreePath, Entry)], path: &TreePath) -> bool {
    let first = path.child(b"");
    let next = entries.partition_point(|(known, _)| *known < first);
    entries.get(next).is_some_and(|(next, _)| next.as_bytes().starts_with(first.as_bytes()))
}

fn place(directory: Option<&TreePath>, name: &[u8]) -> Result<TreePath, TreePathError> {
    match directory {
        Some(directory) => Ok(directory.child(name)),
        None => TreePath::new(name),
    }
}

fn slashes_and_end(path: &[u8]) -> impl Iterator<Item = usize> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(index, _)| index);
    slashes.chain((!path.is_empty()).then_some(path.len()))
}

fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::Socket => "socket",
        FileType::BlockDevice => "block device",
        FileType::CharacterDevice => "character device",
        FileType::Fifo => "named pipe",
        FileType::Symlink => "symbolic link",
        FileType::Directory => "directory",
        FileType::RegularFile => "file",
        FileType::Unknown => "file of an unknown kind",
    }
}

#[cfg(test)]
mod tests;
