//! Each stage from a directory to a layer by itself, in one process: `cargo bench --bench stages`.
//!
//! The directory is generated, the same each time: 4,000 files of 0.1 to 30 kB that compress about as code does.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark that can't go on should say where")]

use consign::layer::{Encoding, OnRead, Workers, split};
use consign::spec::{Modes, Owner, Patterns};
use consign::tree::{ReadRequest, Tree, read};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};

const FILES: u64 = 4_000;

static DIRECTORY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for number in 0..FILES {
        let place = folder.path().join(format!("node_modules/package-{}/lib", number / 20));
        fs_err::create_dir_all(&place).unwrap();
        let mut text = String::new();
        let size = 100 + next() % 30_000;
        while (text.len() as u64) < size {
            text.push_str(["const ", "return ", "function ", " => ", "(); ", "\n  "][(next() % 6) as usize]);
            write!(text, "name{} ", next() % 2_000).unwrap();
        }
        fs_err::write(place.join(format!("file-{number}.js")), text).unwrap();
    }
    folder
});

fn tree(threads: usize) -> Tree {
    let none = &Patterns::default();
    let request = ReadRequest {
        context: DIRECTORY.path(),
        from: Path::new("."),
        to: "/app",
        ignore: none,
        include: none,
        exclude: none,
        owner: Owner::default(),
        modes: Some(Modes::default()),
        mtime: 0,
        parents: true,
        threads,
    };
    read(&request, &mut |_| ()).unwrap()
}

fn nobody() -> OnRead {
    Arc::new(|_| ())
}

/// Listing the directories.
#[divan::bench(args = [1, 2])]
fn list(bencher: Bencher<'_, '_>, threads: usize) {
    LazyLock::force(&DIRECTORY);
    bencher.counter(ItemsCount::new(FILES)).bench(|| tree(threads));
}

/// Standing in for the files without reading them, for the layer cache.
#[divan::bench]
fn fingerprint(bencher: Bencher<'_, '_>) {
    let tree = tree(1);
    bencher.counter(ItemsCount::new(tree.len())).bench(|| tree.fingerprint());
}

/// Deciding which files share a layer.
#[divan::bench]
fn layers(bencher: Bencher<'_, '_>) {
    let tree = tree(1);
    bencher.counter(ItemsCount::new(tree.len())).with_inputs(|| tree.clone()).bench_values(split);
}

/// Reading the files, framing them as tar, hashing that.
#[divan::bench]
fn hash(bencher: Bencher<'_, '_>) {
    let (workers, tree) = (Workers::new(1).unwrap(), Arc::new(tree(1)));
    let bytes = BytesCount::new(tree.content_size());
    bencher.counter(bytes).bench(|| workers.diff_id(&tree, nobody()).wait().unwrap());
}

/// All of it, into nothing.
#[divan::bench(args = [("none", 1), ("gzip", 1), ("gzip", 2), ("zstd", 1), ("zstd", 2)])]
fn seal(bencher: Bencher<'_, '_>, (encoding, threads): (&str, usize)) {
    let (workers, tree) = (Workers::new(threads).unwrap(), Arc::new(tree(1)));
    let encoding: Encoding = encoding.parse().unwrap();
    let bytes = BytesCount::new(tree.content_size());
    bencher
        .counter(bytes)
        .bench(|| workers.seal(&tree, encoding, nobody()).run(|_| Ok::<_, ()>(())).unwrap().size);
}

fn main() {
    divan::main();
}
