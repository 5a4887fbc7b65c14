//! Where the files of a directory go in the file system of the image that is built on.
//!
//! In most distributions `/lib` is a link to `usr/lib`. A layer with a directory `/lib` would take the link's place, and
//! no program would start any more. So what goes to one of the usual directories of a system goes where that leads; and
//! directories above it that are there keep their owner and mode. Other places, such as `/app`, are not looked at, and
//! then no layer of the base has to be read.

use crate::tree::filesystem::LinkLoop;
use crate::tree::{FileSystem, Node, Tree, TreePath};
use std::collections::HashMap;

/// The usual directories of a system; all that begin with `lib` are too.
const USUAL: [&str; 16] = [
    "bin", "boot", "dev", "etc", "home", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys",
    "tmp", "usr",
];

/// Whether something in `tree` goes to where a base may have links.
pub(super) fn is_usual(tree: &Tree) -> bool {
    tree.iter().any(|(path, _)| {
        let first = path.as_bytes().split(|byte| *byte == b'/').next().unwrap_or_default();
        first.starts_with(b"lib") || first == b"var" || USUAL.iter().any(|usual| usual.as_bytes() == first)
    })
}

/// `tree` as a layer on `files`. Its directories at and above `to`, absolute, are those that had to be made for it.
pub(super) fn onto(tree: &Tree, to: &str, files: &FileSystem, mtime: i64) -> Result<Tree, LinkLoop> {
    let to = to.trim_matches('/').as_bytes();
    let is_above = |path: &[u8]| to == path || to.starts_with(path) && to.get(path.len()) == Some(&b'/');
    let mut moved: HashMap<&TreePath, TreePath> = HashMap::new();
    let mut placed = Tree::new();
    for (path, entry) in tree {
        let wanted = match path.parent().and_then(|parent| moved.get(&parent).cloned()) {
            Some(parent) => parent.join(path.name()).unwrap_or_else(|_| path.clone()),
            None => path.clone(),
        };
        let mut entry = entry.clone();
        let mut place = wanted;
        if matches!(entry.node, Node::Directory)
            && let Some(real) = files.resolve(place.as_bytes())?
            && files.is_directory(Some(&real))
        {
            place = real;
            if is_above(path.as_bytes())
                && let Some(own) = files.get(&place)
            {
                entry = own.clone();
                entry.metadata.mtime = mtime;
            }
            // What a link leads to may lie in directories of which the tree knows nothing.
            let mut above = place.parent();
            while let Some(directory) = above {
                if placed.get(&directory).is_none()
                    && let Some(own) = files.get(&directory)
                {
                    let mut own = own.clone();
                    own.metadata.mtime = mtime;
                    placed.insert(directory.clone(), own);
                }
                above = directory.parent();
            }
        }
        moved.insert(path, place.clone());
        placed.insert(place, entry);
    }
    Ok(placed
        .into_iter()
        .map(|(path, mut entry)| {
            if let Node::HardLink(original) = &mut entry.node
                && let Some(place) = moved.get(&*original)
            {
                *original = place.clone();
            }
            (path, entry)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Entry, Metadata};

    fn path(text: &str) -> TreePath {
        TreePath::new(text.as_bytes()).unwrap()
    }

    fn entry(node: Node, uid: u32) -> Entry {
        Entry { metadata: Metadata { mode: 0o755, uid, gid: 0, mtime: 7, xattrs: None }, node }
    }

    fn tree(entries: &[(&str, Node)]) -> Tree {
        entries.iter().map(|(at, node)| (path(at), entry(node.clone(), 0))).collect()
    }

    /// `/lib` and `/bin` lead into `/usr`, and `/srv` belongs to somebody.
    fn base() -> FileSystem {
        let mut files = FileSystem::new();
        for (at, node, uid) in [
            ("bin", Node::Symlink(b"usr/bin".as_slice().into()), 0),
            ("lib", Node::Symlink(b"/usr/lib".as_slice().into()), 0),
            ("srv", Node::Directory, 5),
            ("usr", Node::Directory, 6),
            ("usr/bin", Node::Directory, 0),
            ("usr/lib", Node::Directory, 0),
        ] {
            files.put(path(at), entry(node, uid));
        }
        files
    }

    fn placed(tree: &Tree, to: &str) -> Vec<String> {
        let placed = onto(tree, to, &base(), 0).unwrap();
        placed
            .iter()
            .map(|(path, entry)| {
                format!("{} {}", String::from_utf8_lossy(path.as_bytes()), entry.metadata.uid)
            })
            .collect()
    }

    #[test]
    fn links_are_followed_and_what_is_there_stays() {
        let fifo = Node::Fifo;
        let lib = tree(&[("lib", Node::Directory), ("lib/a", Node::Directory), ("lib/a/x", fifo.clone())]);
        assert_eq!(placed(&lib, "/lib/a"), ["usr 6", "usr/lib 0", "usr/lib/a 0", "usr/lib/a/x 0"]);
        let srv = tree(&[("srv", Node::Directory), ("srv/x", fifo.clone())]);
        assert_eq!(placed(&srv, "/srv"), ["srv 5", "srv/x 0"]);
        // Below the destination, directories are the source's own.
        let all = tree(&[("bin", Node::Directory), ("bin/x", fifo.clone()), ("srv", Node::Directory)]);
        assert_eq!(placed(&all, "/"), ["srv 0", "usr 6", "usr/bin 0", "usr/bin/x 0"]);
        let linked = tree(&[
            ("lib", Node::Directory),
            ("lib/x", fifo.clone()),
            ("lib/y", Node::HardLink(path("lib/x"))),
        ]);
        let linked = onto(&linked, "/lib", &base(), 0).unwrap();
        let Node::HardLink(original) = &linked.get(&path("usr/lib/y")).unwrap().node else { unreachable!() };
        assert_eq!(*original, path("usr/lib/x"));
    }

    #[test]
    fn only_usual_places_are_looked_at() {
        for (at, usual) in [("app", false), ("lib64", true), ("usr", true), ("var", true), ("usrx", false)] {
            assert_eq!(is_usual(&tree(&[(at, Node::Directory)])), usual, "{at}");
        }
    }
}
