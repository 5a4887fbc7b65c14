//! Trees for tests.

use super::{Encoding, OnRead, Sealed, Workers};
use crate::tree::{Entry, File, Metadata, Node, Tree, TreePath};
use std::convert::Infallible;
use std::sync::Arc;

/// Numbers that look random and are the same everywhere (Knuth's MMIX generator).
#[derive(Debug)]
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}

pub(crate) fn entry(node: Node) -> Entry {
    let mode = match node {
        Node::Directory => 0o755,
        Node::Symlink(_) => 0o777,
        _ => 0o644,
    };
    Entry { metadata: Metadata { mode, uid: 0, gid: 0, mtime: 0, xattrs: None }, node }
}

pub(crate) fn path(bytes: impl AsRef<[u8]>) -> TreePath {
    TreePath::new(bytes.as_ref()).unwrap()
}

/// One of everything that a tree can hold, odd names included.
pub(crate) fn one_of_each() -> Tree {
    let mut tree = Tree::new();
    let mut put = |name: &[u8], node| {
        tree.insert(path(name), entry(node));
    };
    let file = |text: &str| Node::File(File::in_memory(text.as_bytes()));
    put(b"app", Node::Directory);
    put(b"app/empty", Node::Directory);
    put(b"app/hello.txt", file("hello\n"));
    put(b"app/link", Node::HardLink(path("app/hello.txt")));
    put(b"app/nothing", file(""));
    put(b"app/pipe", Node::Fifo);
    put(b"app/sym", Node::Symlink((*b"../usr/lib/x\xff").into()));
    put(b"app/with space", file("a name with a space"));
    put(b"app/with\nnewline", file("a name with a newline"));
    put(b"app/not-utf8-\xff\xfe", file("a name that is no text"));
    put("app/füür.txt".as_bytes(), file("a name that is not ASCII"));
    // 100 bytes fit into the name field, 101 are split, what cannot be split is carried in front.
    put(&name(b"h", 100), file("100"));
    put(&name(b"long", 101), file("101"));
    put(format!("deep/{}/{}", "d".repeat(100), "f".repeat(60)).as_bytes(), file("split"));
    put(format!("deep/{}/{}", "é".repeat(60), "ü".repeat(70)).as_bytes(), file("long text"));
    put(&[&b"x"[..], &[0xff; 150]].concat(), file("long and no text"));
    put(&[&b"y\n"[..], &[b'y'; 200]].concat(), file("long and a newline"));
    put(&name(b"z", 4000), Node::Directory);
    put(b"symlong", Node::Symlink(name(b"target", 300).into()));
    put(b"symraw", Node::Symlink([0xfe; 200].into()));
    put(b"zz-hard", Node::HardLink(path(name(b"long", 101))));

    let mut odd = entry(file("owned"));
    odd.metadata = Metadata {
        mode: 0o6751,
        uid: 2_097_152,
        gid: 4_000_000_000,
        mtime: 1_700_000_000,
        xattrs: Some(Box::new(
            [
                // cap_net_bind_service=ep, revision 2: see capability.h; and values that trip bad parsers.
                ((*b"security.capability").into(), CAPABILITY.into()),
                ((*b"user.odd=%").into(), (*b"\n12 a=b\n\0").into()),
            ]
            .into(),
        )),
    };
    tree.insert(path("app/odd"), odd);
    let mut old = entry(file("before 1970"));
    old.metadata.mtime = -86_400;
    tree.insert(path("app/old"), old);
    tree
}

pub(crate) const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A name of `length` bytes whose components have at most 200.
fn name(front: &[u8], length: usize) -> Vec<u8> {
    let mut name = front.to_vec();
    while name.len() < length {
        name.push(if name.len() % 200 == 199 && name.len() + 1 < length { b'/' } else { b'n' });
    }
    name
}

/// A tree of `files` files with sizes up to `most`, decided by `seed` alone.
pub(crate) fn generated(seed: u64, files: u64, most: u64) -> Tree {
    let mut numbers = Numbers(seed);
    let mut tree = Tree::new();
    for index in 0..files {
        let directory = format!("d{}", numbers.below(files / 4 + 1));
        tree.insert(path(&directory), entry(Node::Directory));
        let length = usize::try_from(numbers.below(most + 1)).unwrap();
        // Between text and noise: runs of one byte.
        let mut content = Vec::new();
        while content.len() < length {
            let byte = u8::try_from(numbers.below(256)).unwrap();
            content.resize(content.len() + 1 + usize::try_from(numbers.below(9)).unwrap(), byte);
        }
        content.truncate(length);
        tree.insert(path(format!("{directory}/f{index}")), entry(Node::File(File::in_memory(content))));
    }
    tree
}

/// Nobody wants to know how far it is.
pub(crate) fn nobody() -> OnRead {
    Arc::new(|_| ())
}

/// The layer of a tree of which nothing can go wrong, in memory.
pub(crate) fn sealed(tree: &Tree, encoding: Encoding, threads: usize) -> (Sealed, Vec<u8>) {
    let mut blob = Vec::new();
    let workers = Workers::new(threads).unwrap();
    let sealed = workers.seal(&Arc::new(tree.clone()), encoding, nobody()).run::<Infallible>(|bytes| {
        blob.extend_from_slice(&bytes);
        Ok(())
    });
    (sealed.unwrap(), blob)
}
