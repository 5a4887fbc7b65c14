//! The pipeline from a tree to a blob.
//!
//! ```text
//! read + tar ──▶ hash (DiffId) ──▶ N × compress ──▶ in order: hash (BlobDigest), sink
//!   thread          thread           threads              the caller's thread
//!     ▲───────────────────── empty slots ──────────────────────┘
//! ```
//!
//! A slot (one block, and room for it compressed) goes round by ownership; nothing is shared or copied. There is
//! a fixed number of slots, they are taken in the order of the stream, and no channel is ever full, so the
//! stages wait only for slots, and the block that all wait for always has one: there is no deadlock, and memory
//! does not depend on the input. When a stage ends, for whatever reason, its channels close, and its neighbours
//! end.

use super::block::{BLOCK_SIZE, Block, BlockWriter, Blocks, Stopped};
use super::encoding::{Compressor, Encoding};
use super::tar::{self, Interrupted};
use crate::base::{BlobDigest, DiffId, Hasher, MediaType};
use crate::tree::{FileError, Tree};
use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// How a layer is made. Only `encoding` has a say in its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How it is compressed.
    pub encoding: Encoding,
    /// Threads that compress; 0 is taken as 1. Reading and hashing have a thread each besides.
    pub threads: usize,
}

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

/// Makes the layer of `tree` and hands it to `sink` piece by piece, in order; a piece is never empty.
///
/// `progress` is told, from another thread, how many more bytes of tar have been read; together they are
/// [`tar::size`]. An error of the sink ends everything and comes back as it is; if a file has changed as well,
/// that comes back instead. Memory, whatever the input: at most
/// [`Options::threads`] × 4 MiB and 6 MiB more, and what the compressors take for themselves.
pub fn seal<E>(
    tree: &Tree,
    options: &Options,
    progress: &(dyn Fn(u64) + Sync),
    sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Sealed, SealError<E>> {
    let encoding = options.encoding;
    let workers = options.threads.clamp(1, blocks_at_most(tree));
    let stop = AtomicBool::new(false);
    let stop = &stop;
    thread::scope(|scope| {
        let machine = SealError::Machine;
        let (full, filled) = unbounded();
        let (free, freed) = unbounded();
        let pool = Pool::new((full, freed), 2 * workers + 3, encoding.bound(), progress);
        let reader = thread::Builder::new()
            .name("layer-read".into())
            .spawn_scoped(scope, move || {
                let result = read(tree, pool);
                if matches!(result, Err(Interrupted::File(_))) {
                    stop.store(true, Ordering::Relaxed);
                }
                result
            })
            .map_err(machine)?;

        let (to_compress, work) = unbounded();
        let hasher = thread::Builder::new()
            .name("layer-hash".into())
            .spawn_scoped(scope, move || hash(&filled, &to_compress))
            .map_err(machine)?;

        let (done, results) = unbounded();
        if encoding != Encoding::None {
            for _ in 0..workers {
                let Some(compressor) = encoding.compressor().map_err(machine)? else { continue };
                let (work, done) = (work.clone(), done.clone());
                thread::Builder::new()
                    .name("layer-compress".into())
                    .spawn_scoped(scope, move || compress(compressor, &work, done, stop))
                    .map_err(machine)?;
            }
        }
        drop(done);

        // Whatever comes of it: once these channels are closed, all threads end.
        let collected = if encoding == Encoding::None {
            drop(results);
            pass_on(work, &free, stop, sink).map(|()| None)
        } else {
            drop(work);
            collect(results, &free, stop, sink).map(Some)
        };
        drop(free);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let tar = hasher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if let Err(Interrupted::File(error)) = read {
            return Err(SealError::File(error));
        }
        let compressed = collected?;
        let Ok(uncompressed) = read else {
            return Err(SealError::Machine(io::Error::other("a thread ended early")));
        };
        let (digest, size) = match compressed {
            Some((hasher, size)) => (BlobDigest::from(hasher), size),
            None => (BlobDigest::from(tar.clone()), uncompressed),
        };
        Ok(Sealed { diff_id: tar.into(), digest, media_type: encoding.media_type(), size, uncompressed })
    })
}

/// The digest of the tar of `tree`, and how many bytes that has, without compressing it. `progress` as for
/// [`seal`].
pub fn diff_id(tree: &Tree, progress: &(dyn Fn(u64) + Sync)) -> Result<(DiffId, u64), FileError> {
    thread::scope(|scope| {
        let (full, filled) = unbounded();
        let (free, freed) = unbounded();
        let pool = Pool::new((full, freed), 4, 0, progress);
        let reader =
            thread::Builder::new().name("layer-read".into()).spawn_scoped(scope, move || read(tree, pool));
        let Ok(reader) = reader else { return hash_here(tree, progress) };
        let mut hasher = Hasher::new();
        for slot in filled {
            hasher.update(slot.block.bytes());
            // The reader is gone once it has read everything.
            free.send(slot).ok();
        }
        match reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
            Ok(size) => Ok((hasher.into(), size)),
            Err(Interrupted::File(error)) => Err(error),
            Err(Interrupted::Stopped) => unreachable!("invariant: its channels are open until it ends"),
        }
    })
}

/// A block on its way.
struct Slot {
    /// Its number in the stream, from 0.
    number: usize,
    block: Block,
    compressed: Block,
}

/// No layer has use for more threads than it has blocks. Headers are taken as short ones, which is as exact as
/// this needs to be.
fn blocks_at_most(tree: &Tree) -> usize {
    let bytes = tree.content_size() + tree.len() as u64 * 1024;
    usize::try_from(bytes / BLOCK_SIZE as u64).unwrap_or(usize::MAX - 1) + 1
}

/// Where the reader gets its slots from and leaves them.
struct Pool<'a> {
    full: Sender<Slot>,
    freed: Receiver<Slot>,
    /// Slots that may still be made; a small layer never needs all.
    left: usize,
    /// Room for a compressed block, in bytes.
    bound: usize,
    progress: &'a (dyn Fn(u64) + Sync),
    /// Number of the next block.
    number: usize,
    /// The other half of the slot whose block is being filled.
    compressed: Option<Block>,
}

impl<'a> Pool<'a> {
    fn new(
        (full, freed): (Sender<Slot>, Receiver<Slot>),
        slots: usize,
        bound: usize,
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> Self {
        Self { full, freed, left: slots, bound, progress, number: 0, compressed: None }
    }
}

impl Blocks for Pool<'_> {
    fn empty(&mut self) -> Result<Block, Stopped> {
        let slot = match self.freed.try_recv() {
            Err(TryRecvError::Empty) if self.left > 0 => {
                self.left -= 1;
                let (block, compressed) = (Block::new(BLOCK_SIZE), Block::new(self.bound));
                Slot { number: 0, block, compressed }
            }
            Err(TryRecvError::Empty) => self.freed.recv().map_err(|_| Stopped)?,
            Err(TryRecvError::Disconnected) => return Err(Stopped),
            Ok(slot) => slot,
        };
        self.compressed = Some(slot.compressed);
        Ok(slot.block)
    }

    fn full(&mut self, block: Block) -> Result<(), Stopped> {
        (self.progress)(block.bytes().len() as u64);
        let compressed = self.compressed.take().ok_or(Stopped)?;
        let slot = Slot { number: self.number, block, compressed };
        self.number += 1;
        self.full.send(slot).map_err(|_| Stopped)
    }
}

/// Reads all of `tree` into `blocks`; the result is the size of the tar.
fn read(tree: &Tree, blocks: impl Blocks) -> Result<u64, Interrupted> {
    let mut writer = BlockWriter::new(blocks);
    tar::write(tree, &mut writer)?;
    Ok(writer.finish()?)
}

/// Hashes every block on its way to `next`.
fn hash(filled: &Receiver<Slot>, next: &Sender<Slot>) -> Hasher {
    let mut hasher = Hasher::new();
    for slot in filled {
        hasher.update(slot.block.bytes());
        if next.send(slot).is_err() {
            break;
        }
    }
    hasher
}

/// For a machine that has no thread to spare.
fn hash_here(tree: &Tree, progress: &(dyn Fn(u64) + Sync)) -> Result<(DiffId, u64), FileError> {
    struct Here<'a>(&'a mut Hasher, Option<Block>, &'a (dyn Fn(u64) + Sync));
    impl Blocks for Here<'_> {
        fn empty(&mut self) -> Result<Block, Stopped> {
            Ok(self.1.take().unwrap_or_else(|| Block::new(BLOCK_SIZE)))
        }
        fn full(&mut self, block: Block) -> Result<(), Stopped> {
            self.0.update(block.bytes());
            (self.2)(block.bytes().len() as u64);
            self.1 = Some(block);
            Ok(())
        }
    }
    let mut hasher = Hasher::new();
    match read(tree, Here(&mut hasher, None, progress)) {
        Ok(size) => Ok((hasher.into(), size)),
        Err(Interrupted::File(error)) => Err(error),
        Err(Interrupted::Stopped) => unreachable!("invariant: `Here` never stops"),
    }
}

type Compressed = io::Result<Slot>;

/// Compresses blocks until there are none left, or somebody failed.
fn compress(mut compressor: Compressor, work: &Receiver<Slot>, done: Sender<Compressed>, stop: &AtomicBool) {
    let done = Announcing(done);
    for mut slot in work {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let result = compressor.compress(slot.block.bytes(), &mut slot.compressed);
        if done.0.send(result.map(|()| slot)).is_err() {
            break;
        }
    }
}

/// Tells the collector if its thread panics: the slot that is lost with it would be waited for for ever.
struct Announcing(Sender<Compressed>);

impl Drop for Announcing {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.send(Err(io::Error::other("a thread that compresses panicked"))).ok();
        }
    }
}

/// Puts compressed blocks in order and hands them to the sink. The result is the hash of the blob, and its size.
fn collect<E>(
    results: Receiver<Compressed>,
    free: &Sender<Slot>,
    stop: &AtomicBool,
    mut sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(Hasher, u64), SealError<E>> {
    let (mut hasher, mut size) = (Hasher::new(), 0);
    let mut next = 0;
    // From number `next` on. Not longer than there are slots.
    let mut waiting: VecDeque<Option<Slot>> = VecDeque::new();
    for result in results {
        let slot = result.map_err(SealError::Machine)?;
        let position = slot.number - next;
        if position >= waiting.len() {
            waiting.resize_with(position + 1, || None);
        }
        waiting[position] = Some(slot);
        while let Some(slot) = waiting.front_mut().and_then(Option::take) {
            waiting.pop_front();
            next += 1;
            if stop.load(Ordering::Relaxed) {
                return Ok((hasher, size));
            }
            let bytes = slot.compressed.bytes();
            hasher.update(bytes);
            size += bytes.len() as u64;
            sink(bytes).map_err(SealError::Sink)?;
            // The reader is gone once it has read everything.
            free.send(slot).ok();
        }
    }
    Ok((hasher, size))
}

/// The same without compression: blocks come in order, and their hash is known already.
fn pass_on<E>(
    hashed: Receiver<Slot>,
    free: &Sender<Slot>,
    stop: &AtomicBool,
    mut sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), SealError<E>> {
    for slot in hashed {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        sink(slot.block.bytes()).map_err(SealError::Sink)?;
        free.send(slot).ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{entry, generated, one_of_each, path, sealed};
    use super::*;
    use crate::tree::{Content, File, Node};
    use proptest::prelude::*;
    use std::io::Read as _;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    const ALL: [Encoding; 3] = [Encoding::None, Encoding::GZIP, Encoding::ZSTD];

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
            assert_eq!(diff_id(&Tree::new(), &|_| ()).unwrap(), (DiffId::of(&[0; 1024]), 1024));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn the_number_of_threads_changes_nothing(seed: u64, files in 1_u64..40, most in 1_u64..900_000) {
            let tree = generated(seed, files, most);
            let (id, size) = diff_id(&tree, &|_| ()).unwrap();
            prop_assert_eq!(size, tar::size(&tree));
            prop_assert_eq!(hash_here(&tree, &|_| ()).unwrap(), (id, size));
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
        let tree = generated(7, 20, 500_000);
        let total = AtomicU64::new(0);
        let options = Options { encoding: Encoding::ZSTD, threads: 2 };
        let count = |bytes| {
            total.fetch_add(bytes, Ordering::Relaxed);
        };
        let sealed = seal::<()>(&tree, &options, &count, |_| Ok(())).unwrap();
        assert_eq!(total.into_inner(), sealed.uncompressed);
    }

    #[test]
    fn the_error_of_the_sink_comes_back() {
        let tree = generated(3, 60, 900_000);
        for encoding in ALL {
            for (threads, good) in [(1, 0), (1, 3), (2, 1), (8, 5)] {
                let mut left = good;
                let result = seal(&tree, &Options { encoding, threads }, &|_| (), |_| {
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
    fn a_file_that_changed_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let mut tree = generated(4, 40, 900_000);
        fs_err::write(directory.path().join("gone"), "12345").unwrap();
        let content = Content::Disk { root: Arc::from(directory.path()), relative: (*b"gone").into() };
        // In the middle: some blocks are out before it is noticed.
        tree.insert(path("d5/gone"), entry(Node::File(File { size: 4, content })));
        for threads in [1, 2, 8] {
            for encoding in ALL {
                let result = seal::<()>(&tree, &Options { encoding, threads }, &|_| (), |_| Ok(()));
                let Err(SealError::File(error)) = result else { panic!("{result:?}") };
                assert!(error.to_string().ends_with("gone` grew while it was read: it had 4 bytes, now 5"));
            }
            assert!(matches!(diff_id(&tree, &|_| ()), Err(FileError::Resized { .. })));
        }
    }

    #[test]
    fn a_size_that_is_not_that_of_the_content_is_an_error() {
        for (size, found) in [(4, 3), (2, 3)] {
            let mut tree = Tree::new();
            let content = Content::Memory(Arc::from(*b"123"));
            tree.insert(path("x"), entry(Node::File(File { size, content })));
            let error = diff_id(&tree, &|_| ()).unwrap_err();
            assert!(matches!(error, FileError::Resized { found: f, .. } if f == found), "{error}");
        }
    }

    #[test]
    fn a_panic_in_the_sink_or_in_progress_ends_all_threads() {
        let tree = generated(5, 40, 900_000);
        let options = Options { encoding: Encoding::GZIP, threads: 2 };
        let sink = std::panic::catch_unwind(|| seal::<()>(&tree, &options, &|_| (), |_| panic!("sink")));
        assert!(sink.is_err());
        let progress =
            std::panic::catch_unwind(|| seal::<()>(&tree, &options, &|_| panic!("progress"), |_| Ok(())));
        assert!(progress.is_err());
    }
}
