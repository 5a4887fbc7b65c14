//! Where a blob's bytes come from.

use crate::base::{BlobDigest, DiffId, Failure};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Nobody wants the bytes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the upload was cancelled")]
pub struct Cancelled;

/// Takes bytes in order; waits if they come faster than they leave.
pub type Sink<'a> = &'a mut dyn FnMut(Bytes) -> Result<(), Cancelled>;

/// What a source turned out to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Of the bytes that went to the sink.
    pub digest: BlobDigest,
    /// How many those were.
    pub size: u64,
    /// Of the uncompressed tar, for a layer that was made here.
    pub diff_id: Option<DiffId>,
}

/// A source could not give its bytes.
#[derive(Debug)]
pub enum SourceError {
    /// The sink said so.
    Cancelled,
    /// A file changed, a disk failed.
    Failed(Arc<dyn Failure>),
}

/// Bytes of one blob, which are made when they are asked for, as often as they are asked for, and are the same
/// each time.
pub trait Source: Send + Sync + 'static {
    /// For messages.
    fn name(&self) -> &str;

    /// Its digest, if that is known before the bytes are made.
    fn digest(&self) -> Option<BlobDigest>;

    /// Makes the bytes. Runs on a thread that may block.
    fn write_to(&self, sink: Sink<'_>) -> Result<Made, SourceError>;
}

/// Bytes that are at hand.
#[derive(Debug, Clone)]
pub struct Memory {
    name: String,
    chunks: Vec<Bytes>,
    made: Made,
}

impl Memory {
    /// One piece, which is hashed here.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let made = Made { digest: BlobDigest::of(&bytes), size: bytes.len() as u64, diff_id: None };
        Self { name: name.into(), chunks: vec![bytes], made }
    }

    /// Makes what `source` makes, and keeps it.
    pub fn of(source: &dyn Source) -> Result<Self, SourceError> {
        let mut chunks = Vec::new();
        let made = source.write_to(&mut |bytes| {
            chunks.push(bytes);
            Ok(())
        })?;
        Ok(Self { name: source.name().to_owned(), chunks, made })
    }

    /// What it holds.
    pub fn made(&self) -> Made {
        self.made
    }
}

impl Source for Memory {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> Option<BlobDigest> {
        Some(self.made.digest)
    }

    fn write_to(&self, sink: Sink<'_>) -> Result<Made, SourceError> {
        for chunk in &self.chunks {
            sink(chunk.clone()).map_err(|Cancelled| SourceError::Cancelled)?;
        }
        Ok(self.made)
    }
}

/// How many chunks may wait between the thread that makes them and the task that sends them. A chunk is a
/// compressed block, some hundred kilobytes.
pub(super) const WAITING: usize = 4;

/// Starts making `source`'s bytes on a thread of its own. Dropping the receiver stops it.
pub(crate) fn start(
    source: Arc<dyn Source>,
) -> (mpsc::Receiver<Bytes>, JoinHandle<Result<Made, SourceError>>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let maker = tokio::task::spawn_blocking(move || {
        source.write_to(&mut |bytes| sender.blocking_send(bytes).map_err(|_| Cancelled))
    });
    (receiver, maker)
}
