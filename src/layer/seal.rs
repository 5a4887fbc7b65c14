//! A layer on its way, for the one who takes it.

use super::delivery::Message;
use super::workers::Running;
use crate::base::{BlobDigest, DiffId, MediaType};
use crate::tree::FileError;
use bytes::Bytes;
use std::convert::Infallible;
use std::io;

/// A layer whose bytes have all been made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The digest of the tar.
    pub diff_id: DiffId,
    /// The digest of the blob.
    pub digest: BlobDigest,
    /// The type of the blob.
    pub media_type: MediaType,
    /// Bytes of the blob.
    pub size: u64,
    /// Bytes of the tar.
    pub uncompressed: u64,
}

/// Why a layer was not made. What the sink got until then is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SealError<E> {
    /// A file could not be read as it was when the tree was made.
    #[error(transparent)]
    File(#[from] FileError),
    /// The sink's own error.
    #[error(transparent)]
    Sink(E),
    /// The machine has no threads or no memory left.
    #[error("compressing a layer")]
    Machine(#[source] io::Error),
}

/// Why the workers gave a layer up.
#[derive(Debug)]
pub(super) enum Failed {
    File(FileError),
    Machine(io::Error),
}

impl<E> From<Failed> for SealError<E> {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::File(error) => Self::File(error),
            Failed::Machine(error) => Self::Machine(error),
        }
    }
}

/// A layer that is being made by [`Workers`](super::Workers).
#[derive(Debug)]
pub struct Sealing(pub(super) Running);

impl Sealing {
    /// Hands the blob to `sink` piece by piece, in order; a piece is never empty. If `sink` is slow, the layer waits
    /// for it, and others go on. An error of the sink ends the layer and comes back as it is.
    pub fn run<E>(self, mut sink: impl FnMut(Bytes) -> Result<(), E>) -> Result<Sealed, SealError<E>> {
        loop {
            match self.0.next() {
                Message::Chunk(bytes) => sink(bytes).map_err(SealError::Sink)?,
                Message::Done(sealed) => return Ok(sealed),
                Message::Failed(failed) => return Err(failed.into()),
            }
            self.0.taken();
        }
    }
}

/// A tar that is being hashed by [`Workers`](super::Workers).
#[derive(Debug)]
pub struct Hashing(pub(super) Running);

impl Hashing {
    /// Waits for the digest of the tar, and how many bytes that has.
    pub fn wait(self) -> Result<(DiffId, u64), SealError<Infallible>> {
        match self.0.next() {
            Message::Done(sealed) => Ok((sealed.diff_id, sealed.uncompressed)),
            Message::Failed(failed) => Err(failed.into()),
            Message::Chunk(_) => unreachable!("invariant: a tar that is only hashed has no blocks"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{entry, generated, nobody, one_of_each, path, sealed};
    use super::super::{Encoding, Workers, tar};
    use super::*;
    use crate::tree::{Content, File, Node, Root, Stamp, Tree};
    use proptest::prelude::*;
    use std::io::Read as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    const ALL: [Encoding; 3] = [Encoding::None, Encoding::GZIP, Encoding::ZSTD];

    fn diff_id(tree: &Tree) -> Result<(DiffId, u64), SealError<Infallible>> {
        Workers::new(2).unwrap().diff_id(&Arc::new(tree.clone()), nobody()).wait()
    }

    fn opened(encoding: Encoding, blob: &[u8]) -> Vec<u8> {
        let mut tar = Vec::new();
        match encoding {
            Encoding::None => tar.extend_from_slice(blob),
            Encoding::Gzip(_) => {
                flate2::read::MultiGzDecoder::new(blob).read_to_end(&mut tar).unwrap();
            }
            Encoding::Zstd(_) => tar = zstd::decode_all(blob).unwrap(),
        }
        tar
    }

    #[test]
    fn pinned_bytes() {
        // Broken by a change to the tar, to the block size or to a compression library. The first must not
        // happen by accident; for the others, count up `Encoding::REVISION`, and say so in the change log.
        let mut tree = one_of_each();
        // A few blocks of content, so that compressors have something to decide.
        for (path, entry) in &generated(1, 8, 900_000) {
            tree.insert(path.clone(), entry.clone());
        }
        let seen: Vec<String> = ALL
            .iter()
            .map(|encoding| {
                let (sealed, _) = sealed(&tree, *encoding, 2);
                format!("{} {} {}", encoding.id(), sealed.diff_id, sealed.digest)
            })
            .collect();
        let tar = "sha256:3baf3905ff46468db52258d80e663a137854aa3037460fb57675d5a1e6432ff2";
        let expected = [
            format!("none {tar} {tar}"),
            format!("gzip-5/1 {tar} sha256:1c2089afc1bf04cb1d6e5be36837647730b5468377d0dfd870643c23f42aefa2"),
            format!("zstd-3/1 {tar} sha256:02b40ea51c58e96457cd04170b9222d2083dab028874ab50ae91714c8f4a468c"),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_layer_of_nothing_is_the_end_of_a_tar() {
        for encoding in ALL {
            let (sealed, blob) = sealed(&Tree::new(), encoding, 1);
            assert_eq!(sealed.uncompressed, 1024);
            assert_eq!(opened(encoding, &blob), [0; 1024]);
            assert_eq!(diff_id(&Tree::new()).unwrap(), (DiffId::of(&[0; 1024]), 1024));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn the_number_of_threads_changes_nothing(seed: u64, files in 1_u64..40, most in 1_u64..900_000) {
            let tree = generated(seed, files, most);
            let (id, size) = diff_id(&tree).unwrap();
            prop_assert_eq!(size, tar::size(&tree));
            for encoding in ALL {
                let (one, blob) = sealed(&tree, encoding, 1);
                prop_assert_eq!(one.digest, BlobDigest::of(&blob));
                prop_assert_eq!(one.size, blob.len() as u64);
                prop_assert_eq!((one.diff_id, one.uncompressed), (id, size));
                prop_assert_eq!(DiffId::of(&opened(encoding, &blob)), id);
                for threads in [2, 8] {
                    prop_assert_eq!(&sealed(&tree, encoding, threads).0, &one);
                }
            }
        }
    }

    #[test]
    fn progress_adds_up() {
        let tree = Arc::new(generated(7, 20, 500_000));
        let total = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&total);
        let count = move |bytes| {
            counted.fetch_add(bytes, Ordering::Relaxed);
        };
        let workers = Workers::new(2).unwrap();
        let sealed = workers.seal(&tree, Encoding::ZSTD, Arc::new(count)).run(|_| Ok::<_, ()>(())).unwrap();
        assert_eq!(total.load(Ordering::Relaxed), sealed.uncompressed);
    }

    #[test]
    fn the_error_of_the_sink_comes_back() {
        let tree = Arc::new(generated(3, 60, 900_000));
        for encoding in ALL {
            for (threads, good) in [(1, 0), (1, 3), (2, 1), (8, 5)] {
                let mut left = good;
                let workers = Workers::new(threads).unwrap();
                let result = workers.seal(&tree, encoding, nobody()).run(|_| {
                    if left == 0 {
                        return Err("the upload failed");
                    }
                    left -= 1;
                    Ok(())
                });
                assert!(matches!(result, Err(SealError::Sink("the upload failed"))), "{encoding} {threads}");
            }
        }
    }

    #[test]
    fn layers_side_by_side_are_what_they_are_alone() {
        let trees: Vec<_> = (0..7).map(|seed| Arc::new(generated(seed, 9 * seed, 400_000))).collect();
        for threads in [1, 3] {
            let workers = Workers::new(threads).unwrap();
            for encoding in ALL {
                let running: Vec<_> =
                    trees.iter().map(|tree| workers.seal(tree, encoding, nobody())).collect();
                let hashing: Vec<_> = trees.iter().map(|tree| workers.diff_id(tree, nobody())).collect();
                // Taken from last to first: those in front must wait and not stand in the way.
                for ((tree, running), hashing) in trees.iter().zip(running).zip(hashing).rev() {
                    let (alone, blob) = sealed(tree, encoding, 1);
                    let mut bytes = Vec::new();
                    let together = running.run(|piece| {
                        bytes.extend_from_slice(&piece);
                        Ok::<_, ()>(())
                    });
                    assert_eq!((together.unwrap(), bytes), (alone.clone(), blob));
                    assert_eq!(hashing.wait().unwrap(), (alone.diff_id, alone.uncompressed));
                }
            }
        }
    }

    #[test]
    fn who_is_slow_does_not_fill_the_memory() {
        let read = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&read);
        let tree = Arc::new(generated(9, 64, 1 << 20));
        let workers = Workers::new(2).unwrap();
        let count: super::super::OnRead = Arc::new(move |bytes| {
            counted.fetch_add(bytes, Ordering::Relaxed);
        });
        let slow = workers.seal(&tree, Encoding::None, count);
        // Another layer gets done in the meantime, and by then the first one has long come to its limit.
        workers.diff_id(&tree, nobody()).wait().unwrap();
        assert!(read.load(Ordering::Relaxed) <= 6 << 20);
        slow.run(|_| Ok::<_, ()>(())).unwrap();
        assert_eq!(read.load(Ordering::Relaxed), tar::size(&tree));
    }

    #[test]
    fn a_file_that_changed_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let mut tree = generated(4, 40, 900_000);
        fs_err::write(directory.path().join("gone"), "12345").unwrap();
        let root = Arc::new(Root::open(directory.path()).unwrap());
        let content = Content::Disk { root, relative: (*b"gone").into(), stamp: Stamp::default() };
        // In the middle: some blocks are out before it is noticed.
        tree.insert(path("d5/gone"), entry(Node::File(File { size: 4, content })));
        let tree = Arc::new(tree);
        for threads in [1, 2, 8] {
            let workers = Workers::new(threads).unwrap();
            for encoding in ALL {
                let result = workers.seal(&tree, encoding, nobody()).run(|_| Ok::<_, ()>(()));
                let Err(SealError::File(error)) = result else { panic!("{result:?}") };
                assert!(error.to_string().ends_with("gone` grew while it was read: it had 4 bytes, now 5"));
            }
            let result = workers.diff_id(&tree, nobody()).wait();
            assert!(matches!(result, Err(SealError::File(FileError::Resized { .. }))));
            // The workers are as good as new.
            let other = Arc::new(generated(1, 3, 1000));
            assert!(workers.diff_id(&other, nobody()).wait().is_ok());
        }
    }

    #[test]
    fn a_size_that_is_not_that_of_the_content_is_an_error() {
        for (size, found) in [(4, 3), (2, 3)] {
            let mut tree = Tree::new();
            let content = Content::Memory(Arc::from(*b"123"));
            tree.insert(path("x"), entry(Node::File(File { size, content })));
            let error = diff_id(&tree).unwrap_err();
            assert!(
                matches!(error, SealError::File(FileError::Resized { found: f, .. }) if f == found),
                "{error}"
            );
        }
    }

    #[test]
    fn a_panic_ends_the_layer_and_nothing_else() {
        let tree = Arc::new(generated(5, 40, 900_000));
        let workers = Workers::new(2).unwrap();
        let layer = workers.seal(&tree, Encoding::GZIP, nobody());
        let sink =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| layer.run::<()>(|_| panic!("sink"))));
        assert!(sink.is_err());
        let progress = workers.seal(&tree, Encoding::GZIP, Arc::new(|_| panic!("progress")));
        assert!(matches!(progress.run(|_| Ok::<_, ()>(())), Err(SealError::Machine(_))));
        assert!(workers.diff_id(&tree, nobody()).wait().is_ok());
    }
}
