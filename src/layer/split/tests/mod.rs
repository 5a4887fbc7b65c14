//! Trees whose files have sizes and no bytes: [`split`] reads none.

mod groups;
mod stable;
mod whole;

use super::{Part, split};
use crate::layer::testing::{entry, path};
use crate::tree::{Content, Entry, File, Node, Tree, TreePath};
use std::collections::BTreeSet;
use std::sync::Arc;

const MIB: u64 = 1 << 20;

fn file(size: u64) -> Entry {
    entry(Node::File(File { size, content: Content::Memory(Arc::from([])) }))
}

/// Puts `new` and the directories above it.
fn put(tree: &mut Tree, at: &str, new: Entry) {
    let at = path(at);
    let mut above = at.parent();
    while let Some(directory) = above.filter(|directory| tree.get(directory).is_none()) {
        above = directory.parent();
        tree.insert(directory, entry(Node::Directory));
    }
    tree.insert(at, new);
}

fn tree<S: AsRef<str>>(files: impl IntoIterator<Item = (S, u64)>) -> Tree {
    let mut tree = Tree::new();
    for (path, size) in files {
        put(&mut tree, path.as_ref(), file(size));
    }
    tree
}

fn is_directory(entry: &Entry) -> bool {
    matches!(entry.node, Node::Directory)
}

/// What a tree weighs without the directories that have something in them: those are repeated where needed.
fn weight(tree: &Tree) -> u64 {
    let mut above: BTreeSet<TreePath> = BTreeSet::new();
    above.extend(tree.iter().filter_map(|(path, _)| path.parent()));
    tree.iter()
        .map(|(path, entry)| match &entry.node {
            Node::File(file) => 512 + file.size.next_multiple_of(512),
            Node::Directory if above.contains(path) => 0,
            _ => 512,
        })
        .sum()
}

/// Names of the parts.
fn names(parts: &[Part]) -> Vec<&str> {
    parts.iter().map(|part| &part.name[..]).collect()
}

/// The part in which something that is no directory lies.
fn part_of<'a>(parts: &'a [Part], at: &str) -> &'a str {
    let at = path(at);
    let found: Vec<_> = parts.iter().filter(|part| part.tree.get(&at).is_some()).collect();
    assert_eq!(found.len(), 1, "{at} in {:?}", names(parts));
    &found[0].name
}

/// Letters only, so that the first half of the key tells them apart.
fn name_of(mut number: u32) -> String {
    let mut name = String::new();
    for _ in 0..5 {
        name.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
        number /= 26;
    }
    name
}
