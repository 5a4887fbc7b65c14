//! Request bodies: read whole, hashed on the way, bounded in size each and in memory together.

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that one permit of the semaphore stands for.
const UNIT: usize = 1024 * 1024;
/// Bytes of bodies that are in memory at once.
const TOGETHER: usize = 128 * UNIT;

/// Lets as many bodies in as there is room for.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TOGETHER / UNIT)))
    }
}

/// A body that was read. It takes its room until it is dropped.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: Bytes,
    /// SHA-256, hexadecimal.
    pub(super) hash: String,
    _room: OwnedSemaphorePermit,
}

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// It is larger than allowed.
    TooLarge,
    /// The client went away.
    Gone,
}

/// A body that has not been read yet, and its length if the client said it.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    body: Body,
    length: Option<usize>,
}

impl Incoming {
    pub(super) fn new(body: Body, length: Option<usize>) -> Self {
        Self { body, length }
    }

    /// The length that the client said.
    pub(super) fn length(&self) -> Option<usize> {
        self.length
    }

    /// The next piece; none at the end.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, ReadError>> {
        loop {
            let Ok(frame) = self.body.frame().await? else { return Some(Err(ReadError::Gone)) };
            // What is no data are trailers, which nobody asked for.
            if let Ok(data) = frame.into_data() {
                return Some(Ok(data));
            }
        }
    }

    /// Reads all of it, as soon as there is room.
    pub(super) async fn read(&mut self, limit: usize, room: &Room) -> Result<Received, ReadError> {
        let expected = self.length.unwrap_or(limit);
        if expected > limit {
            return Err(ReadError::TooLarge);
        }
        let units = u32::try_from(expected.div_ceil(UNIT).clamp(1, TOGETHER / UNIT))
            .expect("invariant: the bound is small");
        let permit = Arc::clone(&room.0).acquire_many_owned(units).await.map_err(|_| ReadError::Gone)?;
        let mut bytes = Vec::with_capacity(self.length.unwrap_or(0));
        let mut context = Context::new(&SHA256);
        while let Some(frame) = self.body.frame().await {
            let Ok(data) = frame.map_err(|_| ReadError::Gone)?.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(ReadError::TooLarge);
            }
            context.update(&data);
            bytes.extend_from_slice(&data);
        }
        Ok(Received { bytes: bytes.into(), hash: hex::encode(context.finish()), _room: permit })
    }

    /// Reads until half of it has come, and keeps nothing.
    pub(super) async fn read_half(mut self) {
        let half = self.length.unwrap_or(0) / 2;
        let mut seen = 0;
        while seen < half {
            match self.body.frame().await {
                Some(Ok(frame)) => seen += frame.data_ref().map_or(0, Bytes::len),
                _ => return,
            }
        }
    }

    /// Reads to the end, and keeps nothing: a client that is still sending would not see the answer.
    pub(super) async fn drain(&mut self, limit: usize) {
        let mut seen = 0;
        while let Some(Ok(frame)) = self.body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > limit {
                return;
            }
        }
    }
}
