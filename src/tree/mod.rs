//! A file tree with explicit metadata: what a layer will hold, before it is a tar.
//!
//! Entries are sorted by the bytes of their path, so every walk over a tree has one order, on every machine.
//! This room knows neither tar nor images. [`read`] turns a directory into a tree, [`text`] prints one, a line
//! an entry, for tests and for people.

mod chmod;
pub mod copy;
pub mod diff;
pub mod file;
pub mod filesystem;
pub mod fingerprint;
pub mod path;
pub mod read;
mod resolve;
pub mod text;
pub mod write;

pub use copy::{Change, CopyError, Placing, Unpack};
pub use file::{Content, File, FileError, FileReader, Root, Unnamed};
pub use filesystem::{FileSystem, LinkLoop};
pub use fingerprint::Fingerprint;
pub use path::TreePath;
pub use read::{ReadError, ReadRequest, Warning, read};

use std::collections::BTreeMap;
use std::slice;

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
    /// A device.
    Device(Device),
}

/// A device and its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Whether it is a block device; else it is a character device.
    pub is_block: bool,
    /// Of the driver.
    pub major: u32,
    /// Of the device.
    pub minor: u32,
}

/// One entry of a tree.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Owner, mode and time.
    pub metadata: Metadata,
    /// What it is.
    pub node: Node,
}

/// What a file system says of a file's state: enough to notice that the file was changed, without reading it. It is
/// what Git's index keeps for the same purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// When the content was changed, by its own word: nanoseconds since 1970.
    pub modified: i64,
    /// When content or metadata were changed, by the kernel's word: nanoseconds since 1970.
    pub changed: i64,
    /// The number of the inode.
    pub inode: u64,
}

impl Stamp {
    /// Taken from what `stat` says. Times that 64 bits can't hold (before 1678, after 2262) end at their limits.
    #[expect(
        clippy::cast_possible_wrap,
        reason = "nanoseconds are less than a billion, whatever their type is"
    )]
    pub(crate) fn of(stat: &rustix::fs::Stat) -> Self {
        let nanoseconds =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec as i64),
            changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec as i64),
            inode: stat.st_ino,
        }
    }
}

/// A sorted file tree. The root itself has no entry.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// In the order of the paths' bytes, each path once.
    entries: Vec<(TreePath, Entry)>,
}

impl Tree {
    /// A tree with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `entry` at `path` and returns what was there. Quick at the end; elsewhere all that follows moves.
    pub fn insert(&mut self, path: TreePath, entry: Entry) -> Option<Entry> {
        if self.entries.last().is_none_or(|(last, _)| *last < path) {
            self.entries.push((path, entry));
            return None;
        }
        match self.position(&path) {
            Ok(position) => Some(std::mem::replace(&mut self.entries[position].1, entry)),
            Err(position) => {
                self.entries.insert(position, (path, entry));
                None
            }
        }
    }

    /// What is at `path`.
    pub fn get(&self, path: &TreePath) -> Option<&Entry> {
        self.position(path).ok().map(|position| &self.entries[position].1)
    }

    pub(crate) fn get_mut(&mut self, path: &TreePath) -> Option<&mut Entry> {
        self.position(path).ok().map(|position| &mut self.entries[position].1)
    }

    /// The entry with that number, in the order of the paths' bytes, from 0.
    pub fn nth(&self, number: usize) -> Option<&(TreePath, Entry)> {
        self.entries.get(number)
    }

    /// The entries in the order of their paths' bytes.
    pub fn iter(&self) -> slice::Iter<'_, (TreePath, Entry)> {
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
            .iter()
            .map(|(_, entry)| if let Node::File(file) = &entry.node { file.size } else { 0 })
            .sum()
    }

    /// All entries, and the directories above them, of which a tree need not have entries: those are root's, with the
    /// mode 0755 and the time 0.
    pub(crate) fn with_directories(&self) -> BTreeMap<TreePath, &Entry> {
        static ABOVE: Entry = Entry {
            metadata: Metadata { mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: None },
            node: Node::Directory,
        };
        let mut all: BTreeMap<_, _> = self.iter().map(|(path, entry)| (path.clone(), entry)).collect();
        for (path, _) in self {
            let mut above = path.parent();
            while let Some(directory) = above.filter(|directory| !all.contains_key(directory)) {
                above = directory.parent();
                all.insert(directory, &ABOVE);
            }
        }
        all
    }

    fn position(&self, path: &TreePath) -> Result<usize, usize> {
        self.entries.binary_search_by(|(known, _)| known.cmp(path))
    }
}

impl FromIterator<(TreePath, Entry)> for Tree {
    /// In any order; of several entries at one path the last one counts.
    fn from_iter<I: IntoIterator<Item = (TreePath, Entry)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                std::mem::swap(later, first);
            }
            same
        });
        Self { entries }
    }
}

impl IntoIterator for Tree {
    type Item = (TreePath, Entry);
    type IntoIter = std::vec::IntoIter<(TreePath, Entry)>;
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a> IntoIterator for &'a Tree {
    type Item = &'a (TreePath, Entry);
    type IntoIter = slice::Iter<'a, (TreePath, Entry)>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
