//! The bytes of a blob on their way here: asked for again from where they broke off, so that none is given on twice, and
//! given up when nothing comes for too long.

use super::{Download, RegistryError};
use crate::base::Backoff;
use crate::base::failure::causes;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use reqwest::header::{CONTENT_RANGE, HeaderMap};
use reqwest::{Response, StatusCode};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

/// A download that got this much further since it broke has not failed twice in a row.
const ADVANCE: u64 = 1024 * 1024;
/// Bytes a second, on average over the time of one's patience, below which a line is dead.
const SLOWEST: u64 = 1024;
/// A silence costs so many attempts: waiting for the same again and again helps nobody.
pub(super) const SILENCE: u32 = 4;

/// Where the bytes of one blob come from.
pub(super) trait Origin: Send + Sync + 'static {
    /// Asks for the bytes from number `from` on, the first being 0; none if there are none so far behind. The answer is a
    /// success: of all of it, or of that part.
    fn open(&self, from: u64) -> impl Future<Output = Result<Option<Response>, RegistryError>> + Send;

    /// The error for bytes that don't come.
    fn failed(&self, why: String) -> RegistryError;

    /// How often it is asked again.
    fn backoff(&self) -> Backoff;

    /// How long nothing may come.
    fn patience(&self) -> Duration;
}

type Body = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// The bytes from the first one on.
pub(super) async fn download<O: Origin>(origin: O) -> Result<Download, RegistryError> {
    let Some(answer) = origin.open(0).await? else {
        return Err(origin.failed("it has no first byte".into()));
    };
    let reading = Reading {
        body: Box::pin(answer.bytes_stream()),
        skip: 0,
        position: 0,
        farthest: 0,
        failed: 0,
        waited: Duration::ZERO,
        came: 0,
        origin,
    };
    Ok(Box::pin(futures::stream::try_unfold(reading, |mut reading| async move {
        Ok(reading.next().await?.map(|chunk| (chunk, reading)))
    })))
}

/// A download under way.
struct Reading<O> {
    origin: O,
    body: Body,
    /// Bytes that come once more and were given on before.
    skip: u64,
    /// Bytes that were given on.
    position: u64,
    farthest: u64,
    failed: u32,
    /// Time spent waiting for the bytes that `came`; what the taker of them spends does not count.
    waited: Duration,
    came: u64,
}

impl<O: Origin> Reading<O> {
    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        let patience = self.origin.patience();
        loop {
            let began = Instant::now();
            let (why, cost) = match tokio::time::timeout(patience, self.body.next()).await {
                Ok(Some(Ok(chunk))) if self.is_alive(began.elapsed(), chunk.len(), patience) => {
                    match self.fresh(chunk) {
                        Some(chunk) => return Ok(Some(chunk)),
                        None => continue,
                    }
                }
                Ok(None) => return Ok(None),
                // A blob may lie behind an address that is signed, so no address is shown.
                Ok(Some(Err(error))) => (causes(&error.without_url()), 1),
                Ok(Some(Ok(_))) => {
                    (format!("less than {SLOWEST} bytes a second came for {} s", patience.as_secs()), SILENCE)
                }
                Err(_) => (format!("nothing came for {} s", patience.as_secs()), SILENCE),
            };
            if !self.resume(why, cost).await? {
                return Ok(None);
            }
        }
    }

    /// What of a chunk was not given on before.
    fn fresh(&mut self, mut chunk: Bytes) -> Option<Bytes> {
        let skipped = chunk.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.skip -= skipped as u64;
        let fresh = chunk.split_off(skipped);
        self.position += fresh.len() as u64;
        if self.position >= self.farthest + ADVANCE {
            (self.farthest, self.failed) = (self.position, 0);
        }
        (!fresh.is_empty()).then_some(fresh)
    }

    /// Whether bytes come fast enough.
    fn is_alive(&mut self, waited: Duration, bytes: usize, patience: Duration) -> bool {
        self.waited += waited;
        self.came += bytes as u64;
        if self.waited < patience {
            return true;
        }
        let least = SLOWEST.saturating_mul(self.waited.as_secs().max(1));
        let alive = self.came >= least;
        (self.waited, self.came) = (Duration::ZERO, 0);
        alive
    }

    /// Asks for the rest; whether there is any. Fails if that was done often enough.
    async fn resume(&mut self, why: String, cost: u32) -> Result<bool, RegistryError> {
        self.failed += cost;
        match self.origin.backoff().delay(self.failed) {
            Some(delay) => tokio::time::sleep(delay).await,
            None => return Err(self.origin.failed(format!("{why}, after {} bytes", self.position))),
        }
        tracing::debug!("a download goes on at byte {}: {why}", self.position);
        let Some(answer) = self.origin.open(self.position).await? else { return Ok(false) };
        self.skip = match first_byte(answer.status(), answer.headers()) {
            Some(first) if first <= self.position => self.position - first,
            _ => {
                return Err(self
                    .origin
                    .failed(format!("{why}; and the rest of it was not what was asked for")));
            }
        };
        (self.waited, self.came) = (Duration::ZERO, 0);
        self.body = Box::pin(answer.bytes_stream());
        Ok(true)
    }
}

/// The number of the first byte in an answer; none if it can't be told. Who does not know ranges sends everything.
fn first_byte(status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    if status != StatusCode::PARTIAL_CONTENT {
        return Some(0);
    }
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim();
    let (first, _) = range.strip_prefix("bytes")?.trim_start().split_once('-')?;
    first.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_answer_begins() {
        let first = |status: u16, range: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, range.parse().unwrap());
            first_byte(StatusCode::from_u16(status).unwrap(), &headers)
        };
        assert_eq!(first(206, "bytes 5-9/10"), Some(5));
        assert_eq!(first(206, "bytes 5-9/*"), Some(5));
        assert_eq!(first(200, "bytes 5-9/10"), Some(0));
        for wrong in ["", "5-9/10", "bytes */10", "bytes x-9/10"] {
            assert_eq!(first(206, wrong), None, "{wrong}");
        }
        assert_eq!(first_byte(StatusCode::PARTIAL_CONTENT, &HeaderMap::new()), None);
    }
}
