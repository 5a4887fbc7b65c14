//! The bytes of a source on their way into requests: read once from the front, begun anew where an upload broke.

use super::source::start;
use super::{Made, RegistryError, Source, SourceError};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// One run of a source. Dropping it stops the thread that makes the bytes.
pub(super) struct Feed {
    source: Arc<dyn Source>,
    /// Chunks that were taken from the thread and not yet given on.
    held: VecDeque<Bytes>,
    chunks: mpsc::Receiver<Bytes>,
    maker: Maker,
}

enum Maker {
    Running(JoinHandle<Result<Made, SourceError>>),
    Done(Made),
}

impl Feed {
    /// From the first byte on.
    pub(super) fn start(source: &Arc<dyn Source>) -> Self {
        let (chunks, maker) = start(Arc::clone(source));
        Self { source: Arc::clone(source), held: VecDeque::new(), chunks, maker: Maker::Running(maker) }
    }

    /// From byte number `offset` on (the first is 0); none if the source has fewer bytes.
    pub(super) async fn start_at(
        source: &Arc<dyn Source>,
        mut offset: u64,
    ) -> Result<Option<Self>, RegistryError> {
        let mut feed = Self::start(source);
        while offset > 0 {
            let Some(mut chunk) = feed.next().await else {
                feed.made().await?;
                return Ok(None);
            };
            let skipped = chunk.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
            offset -= skipped as u64;
            if skipped < chunk.len() {
                feed.give_back(chunk.split_off(skipped));
            }
        }
        Ok(Some(feed))
    }

    /// Takes up to `most` bytes, and a chunk more, into memory; whether that is all there is.
    pub(super) async fn hold(&mut self, most: usize) -> Result<bool, RegistryError> {
        let mut size = 0;
        while size <= most {
            let Some(chunk) = self.chunks.recv().await else {
                self.made().await?;
                return Ok(true);
            };
            size += chunk.len();
            self.held.push_back(chunk);
        }
        Ok(false)
    }

    /// What is held, in one piece.
    pub(super) fn take_held(&mut self) -> Bytes {
        let held = std::mem::take(&mut self.held);
        match held.len() {
            1 => held.into_iter().next().unwrap_or_default(),
            _ => held.into_iter().flatten().collect::<Vec<u8>>().into(),
        }
    }

    /// The next chunk; none at the end, and also if the source failed, which [`made`](Self::made) tells.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        match self.held.pop_front() {
            Some(chunk) => Some(chunk),
            None => self.chunks.recv().await,
        }
    }

    /// Puts a rest of a chunk back in front.
    pub(super) fn give_back(&mut self, rest: Bytes) {
        self.held.push_front(rest);
    }

    /// Whether another chunk comes.
    pub(super) async fn has_more(&mut self) -> bool {
        if self.held.is_empty() {
            self.held.extend(self.chunks.recv().await);
        }
        !self.held.is_empty()
    }

    /// What was made, once all chunks were taken.
    pub(super) async fn made(&mut self) -> Result<Made, RegistryError> {
        let maker = match &mut self.maker {
            Maker::Done(made) => return Ok(*made),
            Maker::Running(maker) => maker,
        };
        let made = match maker.await {
            Ok(Ok(made)) => made,
            Ok(Err(SourceError::Failed(error))) => return Err(RegistryError::Source(error)),
            Ok(Err(SourceError::Cancelled)) => unreachable!("invariant: the receiver is still here"),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        if let Some(expected) = self.source.digest()
            && expected != made.digest
        {
            return Err(RegistryError::Corrupt {
                what: self.source.name().to_owned(),
                expected: expected.to_string(),
                found: made.digest.to_string(),
            });
        }
        self.maker = Maker::Done(made);
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BlobDigest;
    use crate::registry::Sink;

    /// `0, 1, 2, …` in chunks of ten.
    #[derive(Debug)]
    struct Numbers(u8);

    impl Source for Numbers {
        fn name(&self) -> &'static str {
            "numbers"
        }

        fn digest(&self) -> Option<BlobDigest> {
            None
        }

        fn write_to(&self, sink: Sink<'_>) -> Result<Made, SourceError> {
            let all: Vec<u8> = (0..self.0).collect();
            for chunk in all.chunks(10) {
                sink(chunk.to_vec().into()).map_err(|_| SourceError::Cancelled)?;
            }
            Ok(Made { digest: BlobDigest::of(&all), size: all.len() as u64, diff_id: None })
        }
    }

    async fn rest(feed: &mut Feed) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(chunk) = feed.next().await {
            bytes.extend_from_slice(&chunk);
        }
        bytes
    }

    #[tokio::test]
    async fn goes_on_at_any_byte() {
        let source: Arc<dyn Source> = Arc::new(Numbers(100));
        for offset in [0_u8, 1, 9, 10, 11, 55, 99, 100] {
            let mut feed = Feed::start_at(&source, offset.into()).await.unwrap().unwrap();
            assert_eq!(rest(&mut feed).await, (offset..100).collect::<Vec<u8>>(), "{offset}");
            assert_eq!(feed.made().await.unwrap().size, 100);
        }
        assert!(Feed::start_at(&source, 101).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn holds_what_is_small_and_gives_it_again() {
        let source: Arc<dyn Source> = Arc::new(Numbers(35));
        let mut feed = Feed::start(&source);
        assert!(feed.hold(35).await.unwrap());
        assert_eq!(feed.take_held(), (0..35).collect::<Vec<u8>>());
        let mut feed = Feed::start(&source);
        assert!(!feed.hold(20).await.unwrap());
        assert!(feed.has_more().await);
        assert_eq!(rest(&mut feed).await, (0..35).collect::<Vec<u8>>());
        assert!(!feed.has_more().await);
    }
}
