//! What differs between two trees, path by path.

use super::text::Escaped;
use super::{Content, Device, Entry, File, Metadata, Node, Tree, TreePath, Xattrs};
use crate::base::BlobDigest;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One path that is not the same in both trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub path: TreePath,
    /// How it changed.
    pub how: How,
}

/// How a path changed from the first tree to the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// Only the second has it.
    Added(Kind),
    /// Only the first has it.
    Removed(Kind),
    /// Both have it, with these differences.
    Changed(Vec<Difference>),
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file, and its size in bytes.
    File(u64),
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A name for a file that is not there.
    Nothing,
}

/// One thing that differs at a path. What one side does not have is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is.
    pub what: What,
    /// In the first tree.
    pub from: Option<String>,
    /// In the second.
    pub to: Option<String>,
}

/// What can differ at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// File, directory, link, …
    Type,
    /// Permissions, octal.
    Mode,
    /// Numbers of user and group.
    Owner,
    /// Bytes of a file.
    Size,
    /// The digest of a file's content.
    Content,
    /// The text of a symbolic link, or the first name of the same file.
    Link,
    /// The numbers of a device.
    Device,
    /// An extended attribute, its value in hexadecimal.
    Xattr,
    /// The time of the last change, in seconds since 1970.
    Time,
}

impl What {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Size => "size",
            Self::Content => "content",
            Self::Link => "link",
            Self::Device => "device",
            Self::Xattr => "xattr",
            Self::Time => "time",
        }
    }
}

impl Kind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File(_) => "file",
            Self::Symlink => "symbolic link",
            Self::Fifo => "pipe",
            Self::CharDevice => "character device",
            Self::BlockDevice => "block device",
            Self::Nothing => "hard link to nothing",
        }
    }

    fn of(entry: Option<&Entry>) -> Self {
        match entry.map(|entry| &entry.node) {
            Some(Node::Directory) => Self::Directory,
            Some(Node::File(file)) => Self::File(file.size),
            Some(Node::Symlink(_)) => Self::Symlink,
            Some(Node::Fifo) => Self::Fifo,
            Some(Node::Device(device)) if device.is_block => Self::BlockDevice,
            Some(Node::Device(_)) => Self::CharDevice,
            Some(Node::HardLink(_)) | None => Self::Nothing,
        }
    }
}

/// What is different in `b`, in the order of the paths' bytes. Time stamps count only if `times` says so.
///
/// Contents are compared by their digests, and those of one layer and path are the same without. Where neither tells,
/// contents count as different: to read them is up to the caller.
pub fn diff(a: &Tree, b: &Tree, times: bool) -> Vec<Change> {
    let (a, b) = (Side::new(a), Side::new(b));
    let paths: BTreeSet<&TreePath> = a.entries.keys().chain(b.entries.keys()).collect();
    let changes = paths.into_iter().filter_map(|path| {
        let how = match (a.entries.contains_key(path), b.entries.contains_key(path)) {
            (true, false) => How::Removed(Kind::of(a.original(path))),
            (false, _) => How::Added(Kind::of(b.original(path))),
            (true, true) => How::Changed(a.differences(&b, path, times)),
        };
        let is_same = matches!(&how, How::Changed(differences) if differences.is_empty());
        (!is_same).then(|| Change { path: path.clone(), how })
    });
    changes.collect()
}

struct Side<'t> {
    entries: BTreeMap<TreePath, &'t Entry>,
    /// For each file that has several names, by each of these the first.
    first_names: BTreeMap<&'t TreePath, &'t TreePath>,
}

impl<'t> Side<'t> {
    fn new(tree: &'t Tree) -> Self {
        let mut groups: BTreeMap<&TreePath, Vec<&TreePath>> = BTreeMap::new();
        for (path, entry) in tree {
            if let Node::HardLink(original) = &entry.node {
                groups.entry(original).or_default().push(path);
            }
        }
        let mut first_names = BTreeMap::new();
        for (original, names) in groups {
            let first = names.iter().copied().min().unwrap_or(original).min(original);
            first_names.extend(names.into_iter().chain([original]).map(|name| (name, first)));
        }
        Self { entries: tree.with_directories(), first_names }
    }

    /// What is at `path`, under whatever name it stands.
    fn original(&self, path: &TreePath) -> Option<&'t Entry> {
        let entry = *self.entries.get(path)?;
        match &entry.node {
            Node::HardLink(original) => self.entries.get(original).copied(),
            _ => Some(entry),
        }
    }

    /// The first name of the file at `path`, if that is another one.
    fn first_name(&self, path: &TreePath) -> Option<String> {
        let first = self.first_names.get(path).filter(|first| **first != path)?;
        Some(Escaped(first.as_bytes()).to_string())
    }

    fn differences(&self, other: &Self, path: &TreePath, times: bool) -> Vec<Difference> {
        let mut all = Differences::default();
        let (a, b) = (self.original(path), other.original(path));
        all.note(What::Type, &Kind::of(a).name(), &Kind::of(b).name());
        all.note_parts(What::Link, self.first_name(path), other.first_name(path));
        if let (Some(a), Some(b)) = (a, b) {
            all.note_nodes(&a.node, &b.node);
            all.note_metadata(&a.metadata, &b.metadata, times);
        }
        all.0
    }
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn note(&mut self, what: What, from: &dyn fmt::Display, to: &dyn fmt::Display) {
        self.note_parts(what, Some(from.to_string()), Some(to.to_string()));
    }

    fn note_parts(&mut self, what: What, from: Option<String>, to: Option<String>) {
        if from != to {
            self.0.push(Difference { what, from, to });
        }
    }

    fn note_nodes(&mut self, a: &Node, b: &Node) {
        match (a, b) {
            (Node::File(a), Node::File(b)) => {
                self.note(What::Size, &a.size, &b.size);
                if !same_content(a, b) {
                    let shown = |file| digest(file).map(|digest| digest.to_string());
                    self.0.push(Difference { what: What::Content, from: shown(a), to: shown(b) });
                }
            }
            (Node::Symlink(a), Node::Symlink(b)) => self.note(What::Link, &Escaped(a), &Escaped(b)),
            (Node::Device(a), Node::Device(b)) => {
                let numbers = |device: &Device| format!("{}:{}", device.major, device.minor);
                self.note(What::Device, &numbers(a), &numbers(b));
            }
            _ => {}
        }
    }

    fn note_metadata(&mut self, a: &Metadata, b: &Metadata, times: bool) {
        self.note(What::Mode, &format!("{:04o}", a.mode), &format!("{:04o}", b.mode));
        self.note(What::Owner, &format!("{}:{}", a.uid, a.gid), &format!("{}:{}", b.uid, b.gid));
        let none = Xattrs::new();
        let [had, has] = [a, b].map(|metadata| metadata.xattrs.as_deref().unwrap_or(&none));
        for name in had.keys().chain(has.keys()).collect::<BTreeSet<_>>() {
            let shown = |attributes: &Xattrs| {
                attributes.get(name).map(|value| format!("{}={}", Escaped(name), hex::encode(value)))
            };
            self.note_parts(What::Xattr, shown(had), shown(has));
        }
        if times {
            self.note(What::Time, &a.mtime, &b.mtime);
        }
    }
}

fn same_content(a: &File, b: &File) -> bool {
    let at_one_place = match (&a.content, &b.content) {
        (Content::Elsewhere { layer: a, path: at, .. }, Content::Elsewhere { layer: b, path: there, .. }) => {
            a == b && at == there
        }
        _ => false,
    };
    a.size == b.size && (at_one_place || digest(a).is_some_and(|known| Some(known) == digest(b)))
}

/// The digest of its content, as far as it is known without reading it from disk.
fn digest(file: &File) -> Option<BlobDigest> {
    match &file.content {
        Content::Memory(bytes) => Some(BlobDigest::of(bytes)),
        Content::Spooled { digest, .. } => Some(*digest),
        Content::Elsewhere { digest, .. } => *digest,
        Content::Disk { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text.as_bytes()).unwrap()
    }

    fn entry(node: Node) -> Entry {
        Entry { metadata: Metadata { mode: 0o644, uid: 0, gid: 0, mtime: 0, xattrs: None }, node }
    }

    fn file(text: &str) -> Entry {
        entry(Node::File(File::in_memory(text.as_bytes())))
    }

    fn tree(entries: Vec<(&str, Entry)>) -> Tree {
        entries.into_iter().map(|(name, entry)| (path(name), entry)).collect()
    }

    fn shown(a: &Tree, b: &Tree, times: bool) -> String {
        let line = |Change { path, how }: Change| match how {
            How::Added(kind) => format!("+ {path} {}\n", kind.name()),
            How::Removed(kind) => format!("- {path} {}\n", kind.name()),
            How::Changed(all) => {
                let all: Vec<_> = all
                    .iter()
                    .map(|Difference { what, from, to }| {
                        let text = |side: &Option<String>| {
                            let side = side.as_deref().unwrap_or("none");
                            side.get(..14).unwrap_or(side).to_owned()
                        };
                        format!("{} {} > {}", what.name(), text(from), text(to))
                    })
                    .collect();
                format!("~ {path} {}\n", all.join(", "))
            }
        };
        diff(a, b, times).into_iter().map(line).collect()
    }

    #[test]
    fn every_kind_of_difference() {
        let mut other_owner = file("same");
        other_owner.metadata = Metadata { mode: 0o4755, uid: 5, gid: 6, mtime: 7, xattrs: None };
        let mut capable = file("same");
        capable.metadata.xattrs = Some(Box::new([(b"user.a".as_slice().into(), [1, 255].into())].into()));
        let device = |minor| entry(Node::Device(Device { is_block: false, major: 1, minor }));
        let link = |text: &str| entry(Node::Symlink(text.as_bytes().into()));
        let a = tree(vec![
            ("content", file("one")),
            ("dev", device(3)),
            ("gone/x", file("x")),
            ("kind", file("x")),
            ("link", link("a")),
            ("owner", file("same")),
            ("same", file("same")),
            ("size", file("1")),
            ("xattr", file("same")),
        ]);
        let b = tree(vec![
            ("content", file("two")),
            ("dev", device(5)),
            ("kind", link("x")),
            ("link", link("b")),
            ("new", file("x")),
            ("owner", other_owner),
            ("same", file("same")),
            ("size", file("12")),
            ("xattr", capable),
        ]);
        insta::assert_snapshot!(shown(&a, &b, false), @r"
        ~ content content sha256:7692c3a > sha256:3fc4ccf
        ~ dev device 1:3 > 1:5
        - gone directory
        - gone/x file
        ~ kind type file > symbolic link
        ~ link link a > b
        + new file
        ~ owner mode 0644 > 4755, owner 0:0 > 5:6
        ~ size size 1 > 2, content sha256:6b86b27 > sha256:6b51d43
        ~ xattr xattr none > user.a=01ff
        ");
        assert!(shown(&a, &b, true).contains("~ owner mode 0644 > 4755, owner 0:0 > 5:6, time 0 > 7\n"));
        assert_eq!(shown(&a, &a, true), "");
    }

    /// A file with several names is the same whichever of them it is stored under.
    #[test]
    fn names_of_one_file() {
        let link = |to: &str| entry(Node::HardLink(path(to)));
        let a = tree(vec![("a", file("x")), ("b", link("a")), ("c", link("a"))]);
        let same = tree(vec![("a", link("c")), ("b", link("c")), ("c", file("x"))]);
        assert_eq!(shown(&a, &same, false), "");
        let apart = tree(vec![("a", file("x")), ("b", file("x")), ("c", link("b"))]);
        assert_eq!(shown(&a, &apart, false), "~ b link a > none\n~ c link a > b\n");
        let fewer = tree(vec![("b", file("y")), ("c", link("b"))]);
        assert_eq!(shown(&fewer, &fewer, false), "");
        assert!(shown(&a, &fewer, false).starts_with("- a file\n~ b link a > none, content"));
    }

    #[test]
    fn a_directory_that_has_no_entry_is_there() {
        let mut directory = entry(Node::Directory);
        directory.metadata.mode = 0o755;
        let (with, without) =
            (tree(vec![("d", directory), ("d/x", file("x"))]), tree(vec![("d/x", file("x"))]));
        assert_eq!(shown(&with, &without, true), "");
        assert_eq!(shown(&with, &Tree::new(), true), "- d directory\n- d/x file\n");
    }

    /// What is in a layer that both have is not read.
    #[test]
    fn contents_of_one_layer_are_the_same() {
        let at = |layer: &str, digest: Option<&str>| {
            let layer = BlobDigest::of(layer.as_bytes());
            let digest = digest.map(|text| BlobDigest::of(text.as_bytes()));
            let content = Content::Elsewhere { layer, path: path("x"), digest };
            tree(vec![("x", entry(Node::File(File { size: 1, content })))])
        };
        assert_eq!(shown(&at("1", None), &at("1", Some("x")), true), "");
        assert_eq!(shown(&at("1", Some("x")), &at("2", Some("x")), true), "");
        assert_eq!(shown(&at("1", None), &at("2", None), true), "~ x content none > none\n");
    }
}
