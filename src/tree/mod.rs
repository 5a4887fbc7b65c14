//! A file tree with explicit metadata: what a layer will hold, before it is a tar.
//!
//! Entries are sorted by the bytes of their path, so every walk over a tree has one order, on every machine.
//! This room knows neither tar nor images. [`read`] turns a directory into a tree, [`text`] prints one, a line
//! an entry, for tests and for people.

pub mod file;
pub mod path;
pub mod read;
mod resolve;
pub mod text;

pub use file::{Content, File, FileError};
pub use path::TreePath;
pub use read::{ReadError, ReadRequest, Warning, read};

use std::collections::BTreeMap;
use std::collections::btree_map;

/// Owner, mode and time of an entry, as they will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Permissions and the setuid, setgid and sticky bits: 12 bits.
    pub mode: u32,
    /// Owning user.
    pub uid: u32,
    /// Owning group.
    pub gid: u32,
    /// Last change, in seconds since 1970.
    pub mtime: i64,
    /// Extended attributes by name; none for nearly every entry, so it takes no more than a pointer.
    pub xattrs: Option<Box<Xattrs>>,
}

/// Extended attributes: name → value, both bytes.
pub type Xattrs = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// What an entry is.
#[derive(Debug, Clone)]
pub enum Node {
    /// A directory.
    Directory,
    /// A regular file.
    File(File),
    /// A symbolic link and the text in it, which is never resolved.
    Symlink(Box<[u8]>),
    /// Another name for a [`Node::File`] of the same tree, which sorts before this one.
    HardLink(TreePath),
    /// A named pipe.
    Fifo,
}

/// One entry of a tree.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Owner, mode and time.
    pub metadata: Metadata,
    /// What it is.
    pub node: Node,
}

/// A sorted file tree. The root itself has no entry.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    entries: BTreeMap<TreePath, Entry>,
}

impl Tree {
    /// A tree with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `entry` at `path` and returns what was there.
    pub fn insert(&mut self, path: TreePath, entry: Entry) -> Option<Entry> {
        self.entries.insert(path, entry)
    }

    /// What is at `path`.
    pub fn get(&self, path: &TreePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The entries in the order of their paths' bytes.
    pub fn iter(&self) -> btree_map::Iter<'_, TreePath, Entry> {
        self.entries.iter()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of content of all files together; a hard link adds nothing.
    pub fn content_size(&self) -> u64 {
        self.entries
            .values()
            .map(|entry| if let Node::File(file) = &entry.node { file.size } else { 0 })
            .sum()
    }
}

impl<'a> IntoIterator for &'a Tree {
    type Item = (&'a TreePath, &'a Entry);
    type IntoIter = btree_map::Iter<'a, TreePath, Entry>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Tree {
    type Item = (TreePath, Entry);
    type IntoIter = btree_map::IntoIter<TreePath, Entry>;
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl FromIterator<(TreePath, Entry)> for Tree {
    fn from_iter<I: IntoIterator<Item = (TreePath, Entry)>>(entries: I) -> Self {
        Self { entries: entries.into_iter().collect() }
    }
}
