//! The sources of a COPY: what of a tree is meant.

use super::CopyError;
use crate::base::suggest;
use crate::spec::Wildcard;
use crate::spec::ignore::PatternError;
use crate::spec::wildcard::is_wildcard;
use crate::tree::filesystem::{follow, link_of};
use crate::tree::{Entry, Node, Tree, TreePath};

/// One source, which exists.
#[derive(Debug)]
pub(super) struct Source {
    /// As it is named, relative to the root; its last component is the name that it gets in a directory.
    pub(super) name: Vec<u8>,
    /// Where that leads; none is the root.
    pub(super) path: Option<TreePath>,
    /// What is there; none is a directory that has no entry.
    pub(super) entry: Option<Entry>,
}

/// What `text` means in `tree`: one path, or all that a pattern matches, which may be none.
pub(super) fn select(tree: &Tree, text: &[u8], literal: bool) -> Result<Vec<Source>, CopyError> {
    let path = cleaned(text);
    let components: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let plain = components.iter().take_while(|component| literal || !is_wildcard(component)).count();
    if plain == components.len() {
        return Ok(vec![find(tree, path)?]);
    }
    let start = components[..plain].join(&b'/');
    let pattern = components[plain..].join(&b'/');
    let wildcard = Wildcard::new(&pattern).map_err(|reason| PatternError {
        line: 1,
        pattern: String::from_utf8_lossy(text).into_owned(),
        reason,
    })?;
    let start = find(tree, start)?.path;
    let skipped = start.as_ref().map_or(0, |path| path.as_bytes().len() + 1);
    let paths = below(tree, start.as_ref()).iter().map(|(path, _)| path);
    let mut found: Vec<&TreePath> =
        paths.filter(|path| wildcard.matches(&path.as_bytes()[skipped..])).collect();
    // In the order of a walk: a directory's entries stand behind it, before its neighbours.
    found.sort_by(|a, b| a.as_bytes().split(|b| *b == b'/').cmp(b.as_bytes().split(|b| *b == b'/')));
    found.into_iter().map(|path| find(tree, path.as_bytes().to_vec())).collect()
}

/// What is at `path`, relative to the root, once all links are followed.
fn find(tree: &Tree, path: Vec<u8>) -> Result<Source, CopyError> {
    let found = follow(&path, |path| link_of(tree.get(path)))?;
    let entry = found.as_ref().and_then(|path| tree.get(path)).cloned();
    if let Some(found) = &found
        && entry.is_none()
        && below(tree, Some(found)).is_empty()
    {
        return Err(CopyError::Missing { path: String::from_utf8_lossy(&path).into_owned() });
    }
    Ok(Source { name: path, path: found, entry })
}

/// The entries below a directory; none is the root.
pub(super) fn below<'t>(tree: &'t Tree, directory: Option<&TreePath>) -> &'t [(TreePath, Entry)] {
    let all = tree.iter().as_slice();
    let Some(directory) = directory else { return all };
    let first = directory.child(b"");
    let start = all.partition_point(|(path, _)| *path < first);
    let rest = &all[start..];
    let count = rest.partition_point(|(path, _)| path.as_bytes().starts_with(first.as_bytes()));
    &rest[..count]
}

/// The last component of a path.
pub(super) fn name_of(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Without `/` in front, `.`, `..` and doubled `/`; empty for the root.
pub(super) fn cleaned(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// The path in `tree` that somebody may have meant who wrote `path`, which is not there.
pub fn nearest(tree: &Tree, path: &str) -> Option<String> {
    let path = cleaned(path.as_bytes());
    let text = String::from_utf8_lossy(&path);
    let parts: Vec<&str> = text.split('/').collect();
    let mut directory: Option<TreePath> = None;
    for (index, part) in parts.iter().enumerate() {
        let next = match &directory {
            Some(directory) => directory.join(part.as_bytes()).ok()?,
            None => TreePath::new(part.as_bytes()).ok()?,
        };
        let is_directory = tree.get(&next).is_some_and(|entry| matches!(entry.node, Node::Directory));
        if is_directory && index + 1 < parts.len() {
            directory = Some(next);
            continue;
        }
        let skipped = directory.as_ref().map_or(0, |path| path.as_bytes().len() + 1);
        let names = below(tree, directory.as_ref()).iter().map(|(path, _)| &path.as_bytes()[skipped..]);
        let names =
            names.filter(|name| !name.contains(&b'/')).filter_map(|name| std::str::from_utf8(name).ok());
        let near = suggest::nearest(part, names)?;
        return Some(match &directory {
            Some(directory) => format!("{directory}/{near}"),
            None => near.to_owned(),
        });
    }
    None
}
