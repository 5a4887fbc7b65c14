//! COPY: entries of one tree put into a file system, and the layer that this makes.
//!
//! The rules are those of BuildKit 0.34 (its file operations and the copy of `tonistiigi/fsutil`):
//!
//! - Links in a source are followed inside the root of the source, the last component too; links below a directory
//!   that is copied are not. The same goes for the destination, in the file system of the stage.
//! - Of a directory its content is copied. A directory that is there keeps its metadata if it is the destination, and
//!   takes that of the source below it.
//! - Directories that are missing above a destination are 0755, or what `--chmod` says in digits, and belong to the
//!   owner of `--chown`.
//! - A file takes the place of a file or a link, never of a directory. A directory takes the place of nothing.
//!
//! The time of everything is the same one. A layer holds what was put, and the directories above it with the metadata
//! that they have.

mod select;

pub use select::nearest;

use super::chmod::changed;
use super::filesystem::{FileSystem, LinkLoop, new_directory};
use super::{Entry, Metadata, Node, Tree, TreePath};
use crate::spec::dockerfile::Mode;
use crate::spec::ignore::{Matched, PatternError, Patterns};
use crate::spec::{Owner, wildcard};
use select::{Source, name_of, select};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Where sources go, and as what.
#[derive(Debug, Clone)]
pub struct Placing<'a> {
    /// Absolute. A `/` or `/.` at the end says that it is a directory.
    pub destination: &'a [u8],
    /// Who owns it; none keeps the owners of the source.
    pub owner: Option<Owner>,
    /// Its permissions; none keeps those of the source.
    pub mode: Option<&'a Mode>,
    /// What is left out, relative to a directory that is copied.
    pub exclude: &'a Patterns,
    /// Whether the directories of a source are kept.
    pub parents: bool,
    /// Whether a source is a plain path, whatever signs are in it.
    pub literal: bool,
    /// Unpacks what is an archive; none copies archives like any other file.
    pub unpack: Option<Unpack<'a>>,
}

/// Gives what is in a file that is an archive, or none; else the reason why it can't be unpacked.
#[derive(Clone, Copy)]
pub struct Unpack<'a>(pub &'a dyn Fn(&super::File) -> Result<Option<Tree>, String>);

impl std::fmt::Debug for Unpack<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unpack")
    }
}

/// Why nothing can be copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// There is no such source.
    #[error("`{path}` does not exist")]
    Missing {
        /// As it was asked for, relative to the root.
        path: String,
    },
    /// The links of a path go round in a circle.
    #[error(transparent)]
    Loop(#[from] LinkLoop),
    /// A source has a wildcard that is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A directory is wanted where something else is.
    #[error("`/{path}` is {kind} there, and no directory can take its place")]
    NotDirectory {
        /// Where.
        path: String,
        /// `a file` and the like.
        kind: &'static str,
    },
    /// A file is wanted where a directory is.
    #[error("`/{path}` is a directory there, and no file can take its place")]
    IsDirectory {
        /// Where.
        path: String,
    },
    /// An archive is broken.
    #[error("unpacking `{path}`: {why}")]
    Archive {
        /// Which, relative to the root of its tree.
        path: String,
        /// Why.
        why: String,
    },
    /// A name that can't be in a tree.
    #[error("`{path}` is not a path in an image")]
    NoPath {
        /// The path.
        path: String,
    },
}

/// Changes of a file system that become one layer.
#[derive(Debug)]
pub struct Change<'f> {
    files: &'f mut FileSystem,
    mtime: i64,
    /// Never a path without those above it.
    touched: BTreeSet<TreePath>,
}

impl<'f> Change<'f> {
    /// None yet. `mtime` is when everything was last changed, in seconds since 1970.
    pub fn new(files: &'f mut FileSystem, mtime: i64) -> Self {
        Self { files, mtime, touched: BTreeSet::new() }
    }

    /// The layer.
    pub fn finish(self) -> Tree {
        let Self { files, mtime, touched } = self;
        let found = touched.into_iter().filter_map(|path| {
            let mut entry = match files.get(&path) {
                Some(entry) => entry.clone(),
                None if files.is_directory(Some(&path)) => new_directory(0o755, (0, 0), mtime),
                None => return None,
            };
            entry.metadata.mtime = mtime;
            Some((path, entry))
        });
        found.collect()
    }

    /// Makes the directory `path`, absolute, and those above it that are missing. Links are followed.
    pub fn make_directory(&mut self, path: &[u8], mode: u32, owner: Owner) -> Result<(), CopyError> {
        let path = self.files.resolve(path)?;
        self.make_directories(path.as_ref(), mode, owner)
    }

    /// Copies what `source` means in the tree `from`, and says how many sources that are: with a wildcard in it there
    /// may be any number of them.
    pub fn copy(&mut self, from: &Tree, source: &[u8], how: &Placing<'_>) -> Result<usize, CopyError> {
        let (source, include) = if how.parents { pivot(from, source)? } else { (source.to_vec(), None) };
        let sources = select(from, &source, how.literal)?;
        for source in &sources {
            self.place(from, source, include.as_ref(), how)?;
        }
        Ok(sources.len())
    }

    /// One source, which exists.
    fn place(
        &mut self,
        from: &Tree,
        source: &Source,
        include: Option<&Patterns>,
        how: &Placing<'_>,
    ) -> Result<(), CopyError> {
        let (mode, owner) = (directory_mode(how.mode), how.owner.unwrap_or_default());
        let written = how.destination;
        let end = if written.ends_with(b"/") || written.ends_with(b"/.") {
            written.len()
        } else {
            written.iter().rposition(|byte| *byte == b'/').unwrap_or(0)
        };
        self.make_directory(&written[..end], mode, owner)?;
        let mut target = self.files.resolve(written)?;
        let Some(entry) = source.entry.as_ref().filter(|entry| !matches!(entry.node, Node::Directory)) else {
            let above = match &target {
                Some(path) if self.files.exists(Some(path)) => path.parent(),
                _ => target.clone(),
            };
            self.make_directories(above.as_ref(), mode, owner)?;
            return self.copy_below(from, source.path.as_ref(), target.as_ref(), include, how);
        };
        if let Some(unpacked) = unpacked(from, source, entry, how)? {
            self.make_directories(target.as_ref(), mode, owner)?;
            let as_it_is = Placing { mode: None, exclude: &Patterns::default(), ..how.clone() };
            return self.copy_below(&unpacked, None, target.as_ref(), None, &as_it_is);
        }
        if self.files.is_directory(target.as_ref()) {
            target = Some(below(target.as_ref(), name_of(&source.name))?);
        }
        let Some(target) = target else { return Ok(()) };
        self.make_directories(target.parent().as_ref(), mode, owner)?;
        let (path, entry) = (source.path.clone(), entry.clone());
        let mut names = Names::default();
        self.put(from, path.as_ref(), target, entry, how, &mut names)
    }

    /// The content of the directory `source` into the directory `target`.
    fn copy_below(
        &mut self,
        from: &Tree,
        source: Option<&TreePath>,
        target: Option<&TreePath>,
        include: Option<&Patterns>,
        how: &Placing<'_>,
    ) -> Result<(), CopyError> {
        if let Some(target) = target {
            if !self.files.is_directory(Some(target)) {
                return Err(self.not_directory(target));
            }
            self.touch(target);
        }
        let entries = select::below(from, source);
        let skipped = source.map_or(0, |path| path.as_bytes().len() + 1);
        let mut names = Names::of(entries);
        let mut filter = Filter::new(include, how.exclude);
        for (path, entry) in entries {
            let relative = &path.as_bytes()[skipped..];
            if !filter.selects(relative, matches!(entry.node, Node::Directory)) {
                continue;
            }
            let place = below(target, relative)?;
            if include.is_some() || !how.exclude.is_empty() {
                self.make_like(from, source, target, relative, how)?;
            } else if let Some(above) = place.parent() {
                // A tree of others may leave out directories.
                self.make_directories(Some(&above), 0o755, how.owner.unwrap_or_default())?;
            }
            self.put(from, Some(path), place, entry.clone(), how, &mut names)?;
        }
        Ok(())
    }

    /// Makes the directories above `relative` that a filter has left out, as they are in the source. Those that are
    /// there stay as they are.
    fn make_like(
        &mut self,
        from: &Tree,
        source: Option<&TreePath>,
        target: Option<&TreePath>,
        relative: &[u8],
        how: &Placing<'_>,
    ) -> Result<(), CopyError> {
        let slashes = relative.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for (end, _) in slashes {
            let place = below(target, &relative[..end])?;
            if self.files.is_directory(Some(&place)) {
                self.touch(&place);
                continue;
            }
            if self.files.exists(Some(&place)) {
                return Err(self.not_directory(&place));
            }
            let original = from.get(&below(source, &relative[..end])?);
            let entry = original.cloned().unwrap_or_else(|| new_directory(0o755, (0, 0), self.mtime));
            let entry = self.dressed(entry, how);
            self.touch(&place);
            self.files.put(place, entry);
        }
        Ok(())
    }

    /// Puts one entry in its place; the directory that it is in is there.
    fn put(
        &mut self,
        from: &Tree,
        path: Option<&TreePath>,
        target: TreePath,
        mut entry: Entry,
        how: &Placing<'_>,
        names: &mut Names,
    ) -> Result<(), CopyError> {
        let there = self.files.is_directory(Some(&target));
        if matches!(entry.node, Node::Directory) {
            if !there && self.files.exists(Some(&target)) {
                return Err(self.not_directory(&target));
            }
        } else if there {
            return Err(CopyError::IsDirectory { path: target.to_string() });
        }
        if let Some(path) = path {
            entry.node = names.place(from, path, entry.node, &target);
        }
        let entry = self.dressed(entry, how);
        self.touch(&target);
        self.files.put(target, entry);
        Ok(())
    }

    /// With owner, mode and time of a COPY.
    fn dressed(&self, mut entry: Entry, how: &Placing<'_>) -> Entry {
        let Metadata { mode, uid, gid, mtime, .. } = &mut entry.metadata;
        *mtime = self.mtime;
        if let Some(owner) = how.owner {
            (*uid, *gid) = (owner.uid, owner.gid);
        }
        match how.mode {
            // A link has no permissions.
            Some(change) if !matches!(entry.node, Node::Symlink(_)) => {
                *mode = changed(change, *mode, matches!(entry.node, Node::Directory));
            }
            _ => {}
        }
        entry
    }

    /// Makes a directory at `path`, in which no links are left, and those above it that are missing.
    fn make_directories(
        &mut self,
        path: Option<&TreePath>,
        mode: u32,
        owner: Owner,
    ) -> Result<(), CopyError> {
        let mut missing = Vec::new();
        let mut next = path.cloned();
        while let Some(path) = next {
            if self.files.is_directory(Some(&path)) {
                self.touch(&path);
                break;
            }
            if self.files.exists(Some(&path)) {
                return Err(self.not_directory(&path));
            }
            next = path.parent();
            missing.push(path);
        }
        for path in missing.into_iter().rev() {
            self.touch(&path);
            self.files.put(path, new_directory(mode, (owner.uid, owner.gid), self.mtime));
        }
        Ok(())
    }

    fn touch(&mut self, path: &TreePath) {
        let mut next = Some(path.clone());
        while let Some(path) = next {
            next = path.parent();
            if !self.touched.insert(path) {
                break;
            }
        }
    }

    fn not_directory(&self, path: &TreePath) -> CopyError {
        let kind = match self.files.get(path).map(|entry| &entry.node) {
            Some(Node::Symlink(_)) => "a symbolic link",
            Some(Node::Fifo) => "a named pipe",
            _ => "a file",
        };
        CopyError::NotDirectory { path: path.to_string(), kind }
    }
}

/// What is in a source that is an archive, if such are unpacked.
fn unpacked(
    from: &Tree,
    source: &Source,
    entry: &Entry,
    how: &Placing<'_>,
) -> Result<Option<Tree>, CopyError> {
    let Some(Unpack(unpack)) = how.unpack else { return Ok(None) };
    let node = match &entry.node {
        Node::HardLink(original) => from.get(original).map(|entry| &entry.node),
        node => Some(node),
    };
    let Some(Node::File(file)) = node else { return Ok(None) };
    unpack(file).map_err(|why| {
        let path = source.path.as_ref().map_or_else(String::new, ToString::to_string);
        CopyError::Archive { path, why }
    })
}

/// The mode of directories that are missing above a destination.
fn directory_mode(mode: Option<&Mode>) -> u32 {
    match mode {
        Some(Mode::Bits(bits)) => bits & 0o777,
        _ => 0o755,
    }
}

/// What `--parents` makes of a source: the directory that is copied from, and what is copied of it. A `/./` in the
/// source says where the directories begin that are kept.
fn pivot(from: &Tree, source: &[u8]) -> Result<(Vec<u8>, Option<Patterns>), CopyError> {
    let at = source.windows(3).position(|window| window == b"/./");
    let (root, kept) = match at {
        Some(at) => (&source[..at], &source[at + 3..]),
        None => (&b"/"[..], source),
    };
    let pattern = select::cleaned(kept);
    if !wildcard::is_wildcard(root) && !wildcard::is_wildcard(&pattern) {
        // It must exist, and `select` says if it does not.
        select(from, &[root, b"/", &pattern].concat(), true)?;
    }
    // All of a directory is all that there is in it.
    let pattern = if pattern.is_empty() { "**".into() } else { String::from_utf8_lossy(&pattern) };
    Ok((root.to_vec(), Some(Patterns::of_flags([pattern])?)))
}

fn below(directory: Option<&TreePath>, name: &[u8]) -> Result<TreePath, CopyError> {
    let path = match directory {
        Some(directory) => directory.join(name),
        None => TreePath::new(name),
    };
    path.map_err(|_| CopyError::NoPath { path: String::from_utf8_lossy(name).into_owned() })
}

/// The names under which files with several of them were put.
#[derive(Debug, Default)]
struct Names {
    /// Files of the source that have other names in what is copied.
    linked: HashSet<TreePath>,
    /// Where the first name of each was put.
    placed: HashMap<TreePath, TreePath>,
}

impl Names {
    fn of(entries: &[(TreePath, Entry)]) -> Self {
        let linked = entries.iter().filter_map(|(_, entry)| match &entry.node {
            Node::HardLink(original) => Some(original.clone()),
            _ => None,
        });
        Self { linked: linked.collect(), placed: HashMap::new() }
    }

    /// What stands at `target` for the node at `path`: a file again if its other names are not copied.
    fn place(&mut self, from: &Tree, path: &TreePath, node: Node, target: &TreePath) -> Node {
        let original = match &node {
            Node::HardLink(original) => original,
            Node::File(_) if self.linked.contains(path) => path,
            _ => return node,
        };
        if let Some(first) = self.placed.get(original) {
            return Node::HardLink(first.clone());
        }
        let file = from.get(original).map(|entry| entry.node.clone());
        self.placed.insert(original.clone(), target.clone());
        file.unwrap_or(node)
    }
}

/// What of a directory is copied.
struct Filter<'p> {
    include: Option<&'p Patterns>,
    exclude: &'p Patterns,
    /// What the patterns say of directories, for all in them.
    above: HashMap<Box<[u8]>, (Option<Matched>, Matched)>,
}

impl<'p> Filter<'p> {
    fn new(include: Option<&'p Patterns>, exclude: &'p Patterns) -> Self {
        Self { include, exclude, above: HashMap::new() }
    }

    /// Directories are asked about before what is in them.
    fn selects(&mut self, path: &[u8], is_directory: bool) -> bool {
        if self.include.is_none() && self.exclude.is_empty() {
            return true;
        }
        let parent = path.iter().rposition(|byte| *byte == b'/').and_then(|end| self.above.get(&path[..end]));
        let (include, exclude) = match parent {
            Some((include, exclude)) => (include.clone(), exclude.clone()),
            None => (self.include.map(Patterns::root), self.exclude.root()),
        };
        let (included, include) = match (self.include, include) {
            (Some(patterns), Some(above)) => {
                let (included, own) = patterns.enter(&above, path);
                (included, Some(own))
            }
            _ => (true, None),
        };
        let (excluded, exclude) = self.exclude.enter(&exclude, path);
        if is_directory {
            self.above.insert(path.into(), (include, exclude));
        }
        included && !excluded
    }
}

#[cfg(test)]
mod tests;
