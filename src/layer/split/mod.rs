//! Which files share a layer: [`split()`].
//!
//! A layer is what a registry stores and what is sent, so one changed file re-sends the layer it is in. One layer
//! for all is the worst choice; and a choice that depends on anything but the tree (the image before, the time,
//! the machine) gives other digests to the same files. So this is a pure function of paths, kinds and sizes:
//!
//! 1. Each entry is a dependency or of the application ([`kind`]). The two never share a layer.
//! 2. A directory of at most a tenth of all stays whole. What lies in a heavier one is dealt out by hash
//!    ([`trie`]), and a bucket that is too heavy is cut in two by the next bit, so no boundary depends on what is
//!    elsewhere. A file of more than a tenth is a layer by itself ([`cut`]).
//! 3. Buckets that are too small for a layer join their neighbours; so do the lightest if there are more than
//!    [`MOST_LAYERS`].
//!
//! Contents are not read. `docs/layers.md` has the reasons and what was measured.

mod clues;
mod cut;
mod kind;
mod label;
mod survey;
#[cfg(test)]
mod tests;
mod trie;

use crate::tree::{Entry, Node, Tree, TreePath};
use survey::Survey;

/// The most layers of a tree. Engines stop at 127, base images bring some, and more than this are no faster.
pub const MOST_LAYERS: usize = 24;

/// One layer of a split tree.
#[derive(Debug)]
pub struct Part {
    /// What it is called: lower case, no spaces, another one for each part of a tree.
    pub name: String,
    /// Why these files are together, for people.
    pub reason: String,
    /// What is in it, and the directories above that, as they are in the whole tree.
    pub tree: Tree,
}

/// Splits `tree` into the layers that it is sent in, the lowest first: dependencies, then the application. What
/// has nothing to gain, the empty tree included, comes back as one part.
///
/// Every entry is in exactly one part, but for directories, which are in each part that has something below them.
/// A hard link is in the part of the file that it names.
pub fn split(tree: Tree) -> Vec<Part> {
    let (cut, labels) = {
        let survey = Survey::new(&tree);
        let kinds = kind::Kinds::new(&survey);
        let cut = cut::cut(&tree, &survey, &kinds);
        let path_of =
            |index| tree.iter().nth(index).map(|(path, _)| path.as_bytes().to_vec()).unwrap_or_default();
        let labels = label::labels(&cut, &survey, &kinds, path_of);
        (Assignment::new(&tree, &survey, &cut), labels)
    };
    if labels.len() <= 1 {
        let whole = || ("app".into(), "the application: there is nothing in it".into());
        let (name, reason) = labels.into_iter().next().unwrap_or_else(whole);
        return vec![Part { name, reason, tree }];
    }
    let trees = cut.divide(tree, labels.len());
    labels.into_iter().zip(trees).map(|((name, reason), tree)| Part { name, reason, tree }).collect()
}

/// The layers of each entry, a bit each.
struct Assignment(Vec<u32>);

impl Assignment {
    fn new(tree: &Tree, survey: &Survey<'_>, cut: &cut::Cut) -> Self {
        let homes = survey.homes.iter().zip(&cut.layer_of);
        let layers = tree.iter().zip(homes).map(|((_, entry), (home, layer))| match entry.node {
            Node::Directory => cut.layers_below[*home as usize],
            _ => cut::bit(*layer),
        });
        Self(layers.collect())
    }

    /// Moves the entries to their parts. Only directories in more than one part are copied.
    fn divide(self, tree: Tree, parts: usize) -> Vec<Tree> {
        let mut counts = vec![0; parts];
        for layers in &self.0 {
            for (part, count) in counts.iter_mut().enumerate() {
                *count += (*layers >> part & 1) as usize;
            }
        }
        let mut entries: Vec<Vec<(TreePath, Entry)>> = counts.into_iter().map(Vec::with_capacity).collect();
        for ((path, entry), layers) in tree.into_iter().zip(self.0) {
            let last = layers.checked_ilog2().unwrap_or(0) as usize;
            for part in (0..last).filter(|part| layers >> part & 1 == 1) {
                entries[part].push((path.clone(), entry.clone()));
            }
            entries[last].push((path, entry));
        }
        entries.into_iter().map(|entries| entries.into_iter().collect()).collect()
    }
}
