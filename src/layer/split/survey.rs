//! One walk over a tree: which directories there are, what lies in them, and what that says about them.

use super::clues::Clues;
use crate::tree::{Node, Tree};
use std::collections::HashMap;

/// What one entry weighs beside its content, and what the weight of that is a multiple of: a tar's record.
const RECORD: u64 = 512;

/// A directory of the tree, with or without an entry of its own.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    /// Empty for the root.
    pub(super) path: &'a [u8],
    /// The directory that it lies in; the root lies in itself.
    pub(super) parent: usize,
    /// Whether the tree has an entry for it.
    pub(super) has_entry: bool,
    /// Whether nothing is in it.
    pub(super) is_empty: bool,
    /// What is known of it by the names in it.
    pub(super) clues: Clues,
}

impl<'a> Directory<'a> {
    fn new(path: &'a [u8], parent: usize) -> Self {
        Self { path, parent, has_entry: false, is_empty: true, clues: Clues::default() }
    }

    /// The last component; empty for the root.
    pub(super) fn name(&self) -> &'a [u8] {
        name(self.path)
    }
}

/// What the walk found. Entries are numbered in the order of the tree; a directory's parent has a lower number
/// than the directory.
#[derive(Debug, Default)]
pub(super) struct Survey<'a> {
    pub(super) directories: Vec<Directory<'a>>,
    /// For each entry the directory in which it lies; for a directory's entry, the directory itself.
    pub(super) homes: Vec<u32>,
    /// For each entry what it weighs: its bytes in a tar. Directories weigh nothing here, and hard links are
    /// added to the file that they name.
    pub(super) weights: Vec<u64>,
    /// Hard links and the entry that they name, which is no link and stands before them.
    pub(super) links: Vec<(usize, usize)>,
    /// Programs in a `bin` directory, by the directory that holds `bin`.
    pub(super) programs: HashMap<usize, Vec<&'a [u8]>>,
    /// .NET applications, by their directory: `Shop` if it has a `Shop.runtimeconfig.json`.
    pub(super) assemblies: HashMap<usize, Vec<&'a [u8]>>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        let mut named = HashMap::new();
        for (_, entry) in tree {
            if let Node::HardLink(target) = &entry.node {
                named.insert(target.as_bytes(), None);
            }
        }
        let mut survey = Self { directories: vec![Directory::new(b"", 0)], ..Self::default() };
        survey.homes.reserve_exact(tree.len());
        survey.weights.reserve_exact(tree.len());
        let mut finder = Finder { last: 0, known: HashMap::new() };
        for (index, (path, entry)) in tree.iter().enumerate() {
            let path = path.as_bytes();
            let mut weight = RECORD;
            let home = match &entry.node {
                Node::Directory => {
                    weight = 0;
                    let directory = finder.find(&mut survey, path);
                    survey.directories[directory].has_entry = true;
                    directory
                }
                node => {
                    if let Node::File(file) = node {
                        weight = weight.saturating_add(file.size.saturating_add(RECORD - 1) & !(RECORD - 1));
                    }
                    let home = finder.find(&mut survey, above(path));
                    survey.note(home, name(path));
                    home
                }
            };
            survey.homes.push(u32::try_from(home).unwrap_or(u32::MAX));
            survey.weights.push(weight);
            if !named.is_empty() {
                survey.note_link(index, path, &entry.node, &mut named);
            }
        }
        survey
    }

    /// Takes in that `directory` has something by this name in it that is no directory.
    fn note(&mut self, directory: usize, name: &'a [u8]) {
        let Directory { parent, .. } = self.directories[directory];
        let found = &mut self.directories[directory];
        found.is_empty = false;
        found.clues.file(name);
        if found.name() == b"bin" {
            self.programs.entry(parent).or_default().push(name);
        }
        if let Some(assembly) = name.strip_suffix(b".runtimeconfig.json") {
            self.assemblies.entry(directory).or_default().push(assembly);
        }
    }

    /// Joins a hard link to what it names: they have to be in one layer.
    fn note_link(
        &mut self,
        index: usize,
        path: &'a [u8],
        node: &'a Node,
        named: &mut HashMap<&'a [u8], Option<usize>>,
    ) {
        let mut original = index;
        if let Node::HardLink(target) = node
            && let Some(Some(target)) = named.get(target.as_bytes())
        {
            original = *target;
            self.weights[original] = self.weights[original].saturating_add(RECORD);
            self.weights[index] = 0;
            self.links.push((index, original));
        }
        if !matches!(node, Node::Directory)
            && let Some(place) = named.get_mut(path)
        {
            *place = Some(original);
        }
    }
}

/// Finds the number of a directory by its path, quickly when it is near the one before.
struct Finder<'a> {
    last: usize,
    /// By path. In the order of bytes, `a-b` stands between `a` and `a/c`, so a directory may be left and entered
    /// again.
    known: HashMap<&'a [u8], usize>,
}

impl<'a> Finder<'a> {
    fn find(&mut self, survey: &mut Survey<'a>, path: &'a [u8]) -> usize {
        let directories = &mut survey.directories;
        let mut at = self.last;
        while !is_within(path, directories[at].path) {
            at = directories[at].parent;
        }
        while directories[at].path.len() < path.len() {
            // One component more than the directory that was reached.
            let start = if at == 0 { 0 } else { directories[at].path.len() + 1 };
            let end =
                path[start..].iter().position(|byte| *byte == b'/').map_or(path.len(), |end| start + end);
            let next = directories.len();
            let directory = *self.known.entry(&path[..end]).or_insert(next);
            if directory == next {
                directories.push(Directory::new(&path[..end], at));
                directories[at].is_empty = false;
                directories[at].clues.directory(&path[start..end]);
            }
            at = directory;
        }
        self.last = at;
        at
    }
}

/// Whether `path` is `directory` or lies below it.
fn is_within(path: &[u8], directory: &[u8]) -> bool {
    match path.strip_prefix(directory) {
        Some(rest) => directory.is_empty() || rest.is_empty() || rest[0] == b'/',
        None => false,
    }
}

/// The last component of a path.
pub(super) fn name(path: &[u8]) -> &[u8] {
    &path[path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1)..]
}

/// The path of the directory in which `path` lies; empty for the root.
fn above(path: &[u8]) -> &[u8] {
    &path[..path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)]
}
