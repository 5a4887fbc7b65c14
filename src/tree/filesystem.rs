//! A file system that grows: layers are laid over it, and single entries are put into it.
//!
//! Other than a [`Tree`] it is cheap to change anywhere, and it knows what a kernel knows: where a path leads through
//! links, and that a file which is gone from one name is still there under its others.

use super::{Entry, Metadata, Node, Tree, TreePath};
use std::collections::{BTreeMap, BTreeSet};

/// As many links as BuildKit follows for one path.
const MOST_LINKS: usize = 255;

/// A path goes through more links than anybody means, so through a loop of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` leads through too many symbolic links: they go round in a circle")]
pub struct LinkLoop(pub String);

/// Entries by path. The root has none, and directories above others need none.
#[derive(Debug, Clone, Default)]
pub struct FileSystem {
    entries: BTreeMap<TreePath, Entry>,
    /// The other names of files that have some: the hard links that lead to each.
    names: BTreeMap<TreePath, BTreeSet<TreePath>>,
}

impl FileSystem {
    /// One with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is at `path`.
    pub fn get(&self, path: &TreePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Whether there is a directory at `path`; none is the root.
    pub fn is_directory(&self, path: Option<&TreePath>) -> bool {
        let Some(path) = path else { return true };
        match self.entries.get(path) {
            Some(entry) => matches!(entry.node, Node::Directory),
            None => self.has_any_below(path),
        }
    }

    /// Whether there is anything at `path`.
    pub fn exists(&self, path: Option<&TreePath>) -> bool {
        path.is_none_or(|path| self.entries.contains_key(path)) || self.is_directory(path)
    }

    /// Where an absolute path leads once all links in it are followed, the last component too. What does not exist is
    /// taken as it is written. None is the root.
    pub fn resolve(&self, path: &[u8]) -> Result<Option<TreePath>, LinkLoop> {
        follow(path, |path| link_of(self.get(path)))
    }

    /// Puts `entry` at `path`. A directory over a directory changes its metadata; anything else takes the place of
    /// what was there, and of all below it.
    pub fn put(&mut self, path: TreePath, entry: Entry) {
        if !matches!(entry.node, Node::Directory) {
            self.remove_below(&path);
        }
        self.forget(&path);
        if let Node::HardLink(original) = &entry.node {
            self.names.entry(original.clone()).or_default().insert(path.clone());
        }
        self.entries.insert(path, entry);
    }

    /// Another name for the file `original`, which is there already or is a name of one that is. Says whether that could
    /// be made. Of what is neither a file nor a directory it is a copy, which nobody can tell from another name.
    pub fn link(&mut self, path: TreePath, original: &TreePath) -> bool {
        let is_below =
            original.as_bytes().strip_prefix(path.as_bytes()).is_some_and(|rest| rest.starts_with(b"/"));
        if is_below || self.entries.get(original).is_none_or(|entry| matches!(entry.node, Node::Directory)) {
            return false;
        }
        // The file may have its first name below a directory that makes room.
        self.remove_below(&path);
        let mut original = original.clone();
        // A name leads to a file and never to another name.
        if let Some(Node::HardLink(file)) = self.entries.get(&original).map(|entry| &entry.node) {
            original = file.clone();
        }
        let Some(entry) = self.entries.get(&original).cloned() else { return false };
        let metadata = entry.metadata.clone();
        match &entry.node {
            _ if path == original => {}
            Node::File(_) if original < path => {
                self.put(path, Entry { metadata, node: Node::HardLink(original) });
            }
            // In the order of a tree the file comes first.
            Node::File(_) => {
                self.put(path.clone(), entry);
                let mut names = self.names.remove(&original).unwrap_or_default();
                self.lead(&names, &path);
                names.insert(original.clone());
                self.names.insert(path.clone(), names);
                self.entries.insert(original, Entry { metadata, node: Node::HardLink(path) });
            }
            _ => self.put(path, entry),
        }
        true
    }

    /// Takes away what is at `path`, and all below it.
    pub fn remove(&mut self, path: &TreePath) {
        self.remove_below(path);
        self.forget(path);
    }

    /// Takes away all that is in a directory; none is the root.
    pub fn clear(&mut self, directory: Option<&TreePath>) {
        match directory {
            Some(path) => self.remove_below(path),
            None => *self = Self::new(),
        }
    }

    /// Lays a layer over it, one that takes nothing away.
    pub fn lay(&mut self, layer: &Tree) {
        for (path, entry) in layer {
            self.put(path.clone(), entry.clone());
        }
    }

    /// All of it.
    pub fn to_tree(&self) -> Tree {
        self.entries.iter().map(|(path, entry)| (path.clone(), entry.clone())).collect()
    }

    fn has_any_below(&self, path: &TreePath) -> bool {
        let first = path.child(b"");
        let next = self.entries.range(first.clone()..).next();
        next.is_some_and(|(next, _)| next.as_bytes().starts_with(first.as_bytes()))
    }

    fn remove_below(&mut self, path: &TreePath) {
        let first = path.child(b"");
        let below = self.entries.range(first.clone()..).map(|(path, _)| path);
        let below = below.take_while(|path| path.as_bytes().starts_with(first.as_bytes()));
        let gone: Vec<TreePath> = below.cloned().collect();
        // From the last: further names of a file come after it, and so nothing is handed on that goes as well.
        for path in gone.iter().rev() {
            self.forget(path);
        }
    }

    /// Takes the entry at `path` out. If it is a file that has other names, the first of them becomes the file.
    fn forget(&mut self, path: &TreePath) {
        let Some(gone) = self.entries.remove(path) else { return };
        if let Node::HardLink(original) = &gone.node {
            if let Some(names) = self.names.get_mut(original) {
                names.remove(path);
                if names.is_empty() {
                    self.names.remove(original);
                }
            }
            return;
        }
        let Some(mut names) = self.names.remove(path) else { return };
        let Some(first) = names.pop_first() else { return };
        if let Some(entry) = self.entries.get_mut(&first) {
            entry.node = gone.node;
        }
        self.lead(&names, &first);
        if !names.is_empty() {
            self.names.insert(first, names);
        }
    }

    /// Makes each of `names` another name of `file`.
    fn lead(&mut self, names: &BTreeSet<TreePath>, file: &TreePath) {
        for name in names {
            if let Some(entry) = self.entries.get_mut(name) {
                entry.node = Node::HardLink(file.clone());
            }
        }
    }
}

impl From<&Tree> for FileSystem {
    fn from(tree: &Tree) -> Self {
        let mut names: BTreeMap<TreePath, BTreeSet<TreePath>> = BTreeMap::new();
        for (path, entry) in tree {
            if let Node::HardLink(original) = &entry.node {
                names.entry(original.clone()).or_default().insert(path.clone());
            }
        }
        let entries = tree.iter().map(|(path, entry)| (path.clone(), entry.clone())).collect();
        Self { entries, names }
    }
}

/// A directory as it is made where there was none.
pub(super) fn new_directory(mode: u32, (uid, gid): (u32, u32), mtime: i64) -> Entry {
    Entry { metadata: Metadata { mode, uid, gid, mtime, xattrs: None }, node: Node::Directory }
}

/// The text of an entry that is a symbolic link.
pub(super) fn link_of(entry: Option<&Entry>) -> Option<&[u8]> {
    match &entry?.node {
        Node::Symlink(text) => Some(text),
        _ => None,
    }
}

/// Follows the links of a path from the root: `link` gives the text of what is one. Nothing leads out of the root.
/// `..` in `path` itself is taken out before any link is followed, as BuildKit does.
pub(super) fn follow<'t>(
    path: &[u8],
    link: impl Fn(&TreePath) -> Option<&'t [u8]>,
) -> Result<Option<TreePath>, LinkLoop> {
    let mut left: Vec<Vec<u8>> = Vec::new();
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                left.pop();
            }
            name => left.push(name.to_vec()),
        }
    }
    left.reverse();
    let mut done: Option<TreePath> = None;
    let mut links = 0;
    while let Some(component) = left.pop() {
        if component == b".." {
            // Only links bring `..` in.
            done = done.and_then(|path| path.parent());
            continue;
        }
        let next = match &done {
            Some(directory) => directory.child(&component),
            None => match TreePath::new(&component) {
                Ok(path) => path,
                Err(_) => continue,
            },
        };
        let Some(text) = link(&next) else {
            done = Some(next);
            continue;
        };
        links += 1;
        if links > MOST_LINKS {
            return Err(LinkLoop(String::from_utf8_lossy(path).into_owned()));
        }
        if text.first() == Some(&b'/') {
            done = None;
        }
        let components = text.split(|byte| *byte == b'/').rev();
        left.extend(components.filter(|name| !matches!(*name, b"" | b".")).map(<[u8]>::to_vec));
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::File;

    fn path(text: &str) -> TreePath {
        TreePath::new(text.as_bytes()).unwrap()
    }

    fn entry(node: Node) -> Entry {
        Entry { metadata: Metadata { mode: 0o644, uid: 0, gid: 0, mtime: 0, xattrs: None }, node }
    }

    fn file(text: &str) -> Entry {
        entry(Node::File(File::in_memory(text.as_bytes())))
    }

    #[test]
    fn links_are_followed_inside_the_root() {
        let mut files = FileSystem::new();
        for (name, text) in [
            ("lib", "usr/lib"),
            ("usr/lib/x", "../../etc/./x"),
            ("out", "../../../etc"),
            ("abs", "/usr//lib/"),
            ("loop", "loop/a"),
        ] {
            files.put(path(name), entry(Node::Symlink(text.as_bytes().into())));
        }
        for (asked, found) in [
            ("/lib/a", "usr/lib/a"),
            ("/lib/x", "etc/x"),
            ("lib/../lib/y/../z", "usr/lib/z"),
            ("/out/passwd", "etc/passwd"),
            ("/abs/y", "usr/lib/y"),
            ("/new/../../a/", "a"),
        ] {
            assert_eq!(files.resolve(asked.as_bytes()).unwrap(), Some(path(found)), "{asked}");
        }
        assert_eq!(files.resolve(b"/lib/../../").unwrap(), None);
        assert_eq!(files.resolve(b"/loop").unwrap_err().0, "/loop");
    }

    #[test]
    fn names_of_files_of_lower_layers() {
        let mut files = FileSystem::new();
        files.put(path("m"), file("x"));
        assert!(files.link(path("z"), &path("m")));
        assert!(files.link(path("a"), &path("z")));
        assert!(!files.link(path("b"), &path("nothing")));
        let text = "0644 0:0 0 file 1 a\n0644 0:0 0 hard-link m => a\n0644 0:0 0 hard-link z => a\n";
        assert_eq!(files.to_tree().to_text(), text);
        files.remove(&path("a"));
        assert_eq!(files.to_tree().to_text(), "0644 0:0 0 file 1 m\n0644 0:0 0 hard-link z => m\n");
        files.put(path("d/e"), file("y"));
        files.clear(Some(&path("d")));
        assert_eq!(files.to_tree().len(), 2);
        files.clear(None);
        assert!(files.to_tree().is_empty());
    }

    #[test]
    fn names_that_can_t_be_or_are_copies() {
        let mut files = FileSystem::new();
        files.put(path("d/f"), file("x"));
        files.put(path("e"), entry(Node::Directory));
        files.put(path("s"), entry(Node::Symlink((*b"d/f").into())));
        for (name, original) in [("d", "d/f"), ("x", "e"), ("x", "d")] {
            assert!(!files.link(path(name), &path(original)), "{name} => {original}");
        }
        assert!(files.link(path("d/f"), &path("d/f")));
        assert!(files.link(path("t"), &path("s")));
        assert_eq!(
            files.to_tree().to_text(),
            "0644 0:0 0 file 1 d/f\n0644 0:0 0 directory e/\n0644 0:0 0 symlink s -> d/f\n0644 0:0 0 symlink t -> d/f\n"
        );
    }

    #[test]
    fn very_many_names_go_away_at_once() {
        let mut files = FileSystem::new();
        files.put(path("d/first"), file("x"));
        for number in 0..50_000 {
            assert!(files.link(path(&format!("d/name-{number}")), &path("d/first")));
        }
        files.link(path("e"), &path("d/first"));
        files.remove(&path("d"));
        assert_eq!(files.to_tree().to_text(), "0644 0:0 0 file 1 e\n");
    }

    #[test]
    fn what_is_replaced_is_gone_with_all_below() {
        let mut files = FileSystem::new();
        for name in ["a/b/c", "a/b/d", "a-b", "a/bc"] {
            files.put(path(name), file("x"));
        }
        assert!(files.is_directory(Some(&path("a/b"))) && !files.is_directory(Some(&path("a-b"))));
        files.put(path("a/b"), file("y"));
        let names: Vec<String> = files.to_tree().iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(names, ["a-b", "a/b", "a/bc"]);
    }

    #[test]
    fn a_file_stays_under_its_other_names() {
        let mut files = FileSystem::new();
        files.put(path("a"), file("first"));
        for name in ["b", "c"] {
            files.put(path(name), entry(Node::HardLink(path("a"))));
        }
        files.put(path("a"), file("another"));
        assert_eq!(
            files.to_tree().to_text(),
            "0644 0:0 0 file 7 a\n0644 0:0 0 file 5 b\n0644 0:0 0 hard-link c => b\n"
        );
        let mut copy = FileSystem::from(&files.to_tree());
        copy.put(path("b"), entry(Node::Fifo));
        assert_eq!(copy.to_tree().to_text(), "0644 0:0 0 file 7 a\n0644 0:0 0 fifo b\n0644 0:0 0 file 5 c\n");
    }
}
