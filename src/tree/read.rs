//! Reading a directory into a tree.
//!
//! Nothing of the machine gets into the tree but names, contents, what may be executed, and capabilities: owner,
//! modes and times are given. So the same files make the same tree under another umask, user or clock.
//!
//! A directory is listed once and each entry costs one `fstatat`; contents are not touched. Whether a file can be
//! opened shows when the layer is made, since asking for each file would cost as much as the stat. A
//! directory that can't be listed is an error at once.

mod error;

pub use error::{ReadError, Warning};

use super::path::TreePathError;
use super::resolve::{Resolved, resolve};
use super::{Content, Entry, File, Metadata, Node, Tree, TreePath, Xattrs};
use crate::spec::ignore::{Matched, Patterns};
use crate::spec::{Modes, Owner};
use rustix::fs::{AtFlags, CWD, FileType, OFlags, Stat};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Its modes.
    pub modes: Modes,
    /// When all of it was last changed, in seconds since 1970.
    pub mtime: i64,
    /// Whether the directories above `to` get entries. They are always 0:0 and 0755, whatever `owner` and `modes`
    /// say: they belong to the image, and one of them may be `/usr`.
    pub parents: bool,
}

/// Reads what `request` says. Sockets and devices are left out, and `warn` is told. Two reads of the same files
/// give the same tree and the same warnings in the same order.
pub fn read(request: &ReadRequest<'_>, warn: &mut dyn FnMut(Warning)) -> Result<Tree, ReadError> {
    let context = open_context(request.context)?;
    let start = resolve(&context, request.context, request.from)?;
    let target = target(request, &start)?;
    let mut reader = Reader {
        request,
        root: Arc::from(request.context),
        context: &context,
        warn,
        entries: Vec::new(),
        unselected: Vec::new(),
        linked: Vec::new(),
        seen_any: false,
    };
    reader.start(&start, target.clone())?;
    let mut tree = reader.finish();
    if tree.is_empty() || start.is_directory && tree.len() == usize::from(target.is_some()) {
        let path = start.shown(request.context);
        let empty = start.is_directory && !reader.seen_any;
        return Err(if empty { ReadError::Empty { path } } else { ReadError::NothingLeft { path } });
    }
    if let Some(target) = target.filter(|_| request.parents) {
        insert_parents(&mut tree, &target, request.mtime);
    }
    Ok(tree)
}

fn open_context(path: &Path) -> Result<OwnedFd, ReadError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, rustix::fs::Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => ReadError::ContextMissing { path: path.into() },
        Errno::NOTDIR => ReadError::ContextNotDirectory { path: path.into() },
        errno => ReadError::Io { path: path.into(), source: errno.into() },
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

struct Reader<'a> {
    request: &'a ReadRequest<'a>,
    root: Arc<Path>,
    context: &'a OwnedFd,
    warn: &'a mut dyn FnMut(Warning),
    entries: Vec<(TreePath, Entry)>,
    /// Directories that no pattern selects, but something in them may be.
    unselected: Vec<TreePath>,
    /// Files that have more than one name: device and inode, and one of the names.
    linked: Vec<(TreePath, (u64, u64))>,
    seen_any: bool,
}

impl Reader<'_> {
    fn start(&mut self, start: &Resolved, target: Option<TreePath>) -> Result<(), ReadError> {
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
                self.single(start, target)?;
            }
            return Ok(());
        }
        if let Some(target) = &target {
            self.entries.push((target.clone(), self.directory()));
        }
        if ignored && !request.ignore.may_differ_below(&start.path, true) {
            self.seen_any = true;
            return Ok(());
        }
        let mut pending = vec![Pending { path: start.path.clone(), target, above }];
        let below = if start.path.is_empty() { 0 } else { start.path.len() + 1 };
        while let Some(directory) = pending.pop() {
            let first = pending.len();
            self.list(&directory, below, &mut pending)?;
            // The stack gives the last one first; warnings and errors shall come in order.
            pending[first..].reverse();
        }
        Ok(())
    }

    /// `from` is not a directory.
    fn single(&mut self, file: &Resolved, target: Option<TreePath>) -> Result<(), ReadError> {
        let name = CString::new(file.path.clone()).map_err(|_| self.changed(&file.path))?;
        let context = self.context.as_fd();
        let stat = self.stat(context, &name, &file.path)?;
        let shown = file.shown(self.request.context);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::Fifo => {}
            kind => return Err(ReadError::Kind { path: shown, kind: kind_name(kind) }),
        }
        if let Some(target) = target {
            self.add(context, &name, &file.path, target, &stat)?;
        }
        Ok(())
    }

    /// Lists one directory: its entries are added, its directories that are of interest go to `pending`. Paths
    /// are relative to `from` after their first `below` bytes.
    fn list(
        &mut self,
        directory: &Pending,
        below: usize,
        pending: &mut Vec<Pending>,
    ) -> Result<(), ReadError> {
        let opened = self.open(&directory.path)?;
        let names = self.names(&directory.path, &opened)?;
        let handle = opened.as_fd();
        let request = self.request;
        for (name, mut kind) in names {
            self.seen_any = true;
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
                let found = self.stat(handle, &name, &path)?;
                kind = FileType::from_raw_mode(found.st_mode);
                stat = Some(found);
            }
            let inside = &path[below..];
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
                self.add(handle, &name, &path, target, &stat)?;
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
            if included && !excluded && !ignored {
                self.entries.push((target.clone(), self.directory()));
            } else {
                self.unselected.push(target.clone());
            }
            pending.push(Pending { path, target: Some(target), above: Above { ignore, include, exclude } });
        }
        Ok(())
    }

    fn open(&self, path: &[u8]) -> Result<OwnedFd, ReadError> {
        // Opened from the context each time: that holds one descriptor however deep the tree is.
        let name: &[u8] = if path.is_empty() { b"." } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(self.context, name, flags, rustix::fs::Mode::empty())
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
        &mut self,
        directory: BorrowedFd<'_>,
        name: &CString,
        path: &[u8],
        target: TreePath,
        stat: &Stat,
    ) -> Result<(), ReadError> {
        let modes = &self.request.modes;
        let executable = stat.st_mode & 0o100 != 0;
        let mut xattrs = None;
        let (mode, node) = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                xattrs = self.capability(path, stat)?;
                if stat.st_nlink > 1 {
                    self.linked.push((target.clone(), (stat.st_dev, stat.st_ino)));
                }
                let size = u64::try_from(stat.st_size).unwrap_or_default();
                let content = Content::Disk { root: Arc::clone(&self.root), relative: path.into() };
                (if executable { modes.executables } else { modes.files }, Node::File(File { size, content }))
            }
            FileType::Symlink => {
                let text = rustix::fs::readlinkat(directory, name.as_c_str(), Vec::new())
                    .map_err(|errno| self.failed(path, errno))?;
                // A link has no permissions; 0777 is what every system reports for one.
                (0o777, Node::Symlink(text.into_bytes().into()))
            }
            FileType::Fifo => (modes.files, Node::Fifo),
            kind => {
                let path = self.shown(path);
                (self.warn)(Warning { path, kind: kind_name(kind) });
                return Ok(());
            }
        };
        let metadata = Metadata { mode, xattrs, ..self.metadata() };
        self.entries.push((target, Entry { metadata, node }));
        Ok(())
    }

    /// The one extended attribute that decides how a program runs. All others (security labels, quarantine
    /// marks, what some editor noted) belong to this machine and would make its images differ from others'.
    fn capability(&self, path: &[u8], stat: &Stat) -> Result<Option<Box<Xattrs>>, ReadError> {
        const NAME: &str = "security.capability";
        // Capabilities take effect when the file is executed, and only a file that somebody may execute can be.
        // That saves a system call for nearly every file.
        if stat.st_mode & 0o111 == 0 {
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

    fn directory(&self) -> Entry {
        Entry {
            metadata: Metadata { mode: self.request.modes.directories, ..self.metadata() },
            node: Node::Directory,
        }
    }

    fn metadata(&self) -> Metadata {
        let Owner { uid, gid } = self.request.owner;
        Metadata { mode: 0, uid, gid, mtime: self.request.mtime, xattrs: None }
    }

    /// The tree of all that was found.
    fn finish(&mut self) -> Tree {
        let mut entries: BTreeMap<TreePath, Entry> = std::mem::take(&mut self.entries).into_iter().collect();
        // A directory that was not selected stands for the sake of what was.
        let mut needed = Vec::new();
        for path in std::mem::take(&mut self.unselected) {
            let first = path.child(b"");
            let next = entries.range(&first..).next();
            if next.is_some_and(|(next, _)| next.as_bytes().starts_with(first.as_bytes())) {
                needed.push(path);
            }
        }
        for path in needed {
            entries.insert(path, self.directory());
        }
        let mut linked = std::mem::take(&mut self.linked);
        linked.sort_unstable();
        let mut first: HashMap<(u64, u64), TreePath> = HashMap::new();
        for (path, inode) in linked {
            let Some(original) = first.get(&inode) else {
                first.insert(inode, path);
                continue;
            };
            if let Some(entry) = entries.get_mut(&path) {
                entry.node = Node::HardLink(original.clone());
            }
        }
        Tree { entries }
    }

    fn shown(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() { self.request.context.into() } else { self.root.join(OsStr::from_bytes(path)) }
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
