//! Results in order: blocks are finished in any order, and their hash and their taker want them in the stream's.

use super::encoding::Encoding;
use super::seal::{Failed, Sealed};
use crate::base::{BlobDigest, Hasher, MediaType};
use bytes::Bytes;
use crossbeam_channel::Sender;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the taker of a layer gets.
#[derive(Debug)]
pub(super) enum Message {
    /// The next bytes of the blob; never empty.
    Chunk(Bytes),
    /// That was all.
    Done(Sealed),
    /// There will be no more.
    Failed(Failed),
}

/// All of the tar has been read.
pub(super) struct Finished {
    /// Number of blocks that were or will be put.
    pub(super) blocks: usize,
    /// The hash of the tar.
    pub(super) tar: Hasher,
    /// Its size.
    pub(super) uncompressed: u64,
}

/// The back of a layer: what must happen in the order of the blob.
pub(super) struct Delivery {
    media_type: MediaType,
    ordered: Mutex<Ordered>,
}

struct Ordered {
    /// Of the blob; none if that is the tar itself.
    hasher: Option<Hasher>,
    size: u64,
    /// Number of the next block to go out.
    next: usize,
    /// Blocks from number `next` on, as far as they are there. Not longer than blocks are out.
    waiting: VecDeque<Option<Bytes>>,
    finished: Option<Finished>,
    /// The taker may be gone; then nobody wants to know.
    taker: Sender<Message>,
}

impl Delivery {
    pub(super) fn new(encoding: Option<Encoding>, taker: Sender<Message>) -> Self {
        let encoding = encoding.unwrap_or(Encoding::None);
        let hasher = (encoding != Encoding::None).then(Hasher::new);
        let ordered = Ordered { hasher, size: 0, next: 0, waiting: VecDeque::new(), finished: None, taker };
        Self { media_type: encoding.media_type(), ordered: Mutex::new(ordered) }
    }

    /// Takes block `number`, and hands over all that is complete by it.
    pub(super) fn put(&self, number: usize, bytes: Bytes) {
        let mut ordered = self.lock();
        let position = number - ordered.next;
        if position >= ordered.waiting.len() {
            ordered.waiting.resize(position + 1, None);
        }
        ordered.waiting[position] = Some(bytes);
        while let Some(bytes) = ordered.waiting.front_mut().and_then(Option::take) {
            ordered.waiting.pop_front();
            ordered.next += 1;
            ordered.size += bytes.len() as u64;
            if let Some(hasher) = &mut ordered.hasher {
                hasher.update(&bytes);
            }
            ordered.taker.send(Message::Chunk(bytes)).ok();
        }
        self.end(ordered);
    }

    /// Takes the end of the tar; blocks may still be on their way.
    pub(super) fn finish(&self, finished: Finished) {
        let mut ordered = self.lock();
        ordered.finished = Some(finished);
        self.end(ordered);
    }

    pub(super) fn fail(&self, failed: Failed) {
        self.lock().taker.send(Message::Failed(failed)).ok();
    }

    /// Tells the taker once everything is out.
    fn end(&self, mut ordered: MutexGuard<'_, Ordered>) {
        let next = ordered.next;
        let Some(Finished { tar, uncompressed, .. }) =
            ordered.finished.take_if(|finished| finished.blocks == next)
        else {
            return;
        };
        let (digest, size) = match ordered.hasher.take() {
            Some(hasher) => (hasher.into(), ordered.size),
            None => (BlobDigest::from(tar.clone()), uncompressed),
        };
        let media_type = self.media_type.clone();
        let sealed = Sealed { diff_id: tar.into(), digest, media_type, size, uncompressed };
        ordered.taker.send(Message::Done(sealed)).ok();
    }

    fn lock(&self) -> MutexGuard<'_, Ordered> {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
