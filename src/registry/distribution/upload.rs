//! Sending one blob (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs>).
//!
//! A small blob is made in memory first, so that its digest is known, and goes in two requests: `POST`, then `PUT`
//! with all of it. A larger one is sent while it is made: `POST`, one `PATCH` whose length nobody knows yet, and a
//! `PUT` with nothing but the digest.
//!
//! When that breaks off, the registry is asked with `GET` how much it holds, the source is made again, what is held
//! is skipped, and the rest goes in pieces, so that another break costs less. A registry that can't be asked, or
//! that has forgotten, gets the blob anew. ECR keeps nothing of a `PATCH` that broke off, and whether it answers
//! that `GET` is not known: for unsure lines its own API is the better way. What the `Range` in the answer to a
//! `PATCH` says is not looked at, since on ECR it was seen to be stale
//! (<https://github.com/aws/containers-roadmap/issues/2831>). No byte range is sent along: the registry appends,
//! and if it and we should not agree on where, the digest tells, and the blob is sent anew.

use super::access::Grant;
use super::address::{follow, with_digest};
use super::failure::{Said, Trouble, judged, no_answer};
use super::wire::Wire;
use crate::base::{BlobDigest, RepositoryName};
use crate::registry::feed::Feed;
use crate::registry::{Made, OnProgress, Progress, RegistryError, Source, Uploaded};
use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RANGE};
use reqwest::{Body, Response, StatusCode};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use url::Url;

/// Up to here a blob is held in memory until its digest is known.
const HELD_BACK: usize = 4 * 1024 * 1024;
/// Bytes of a `PATCH` where one for all does not work: more than the 5 MiB that ECR wants of all but the last, and
/// less than the 10 MiB that it may take at most.
const PIECE: u64 = 8 * 1024 * 1024;
/// An upload that got this much further since it broke has not failed twice in a row.
const ADVANCE: u64 = 1024 * 1024;
/// The longest wait for the answer to a small request.
const PATIENCE: Duration = Duration::from_mins(1);
/// The longest wait for a registry that puts a large blob together.
const LONG_PATIENCE: Duration = Duration::from_mins(15);
/// A line over which nothing leaves for so long is dead.
const STALL: Duration = Duration::from_mins(2);

const POST: &str = "POST blobs/uploads";
const PATCH: &str = "PATCH blobs/uploads";
const PUT: &str = "PUT blobs/uploads";

/// How a `PATCH` ended well.
enum Sent {
    /// All of the blob is there.
    All,
    /// More is to come.
    Part,
}

/// A blob on its way.
pub(super) struct Upload<'a> {
    pub(super) wire: &'a Wire,
    pub(super) repository: &'a RepositoryName,
    pub(super) source: Arc<dyn Source>,
    pub(super) progress: OnProgress,
}

/// What an upload that is sent piece by piece has come to.
struct State {
    location: Url,
    feed: Feed,
    /// Bytes that were given to the registry since the first one of the blob.
    position: u64,
    /// Bytes that progress was told of.
    told: u64,
    /// Bytes of a `PATCH`; none for all in one.
    piece: Option<u64>,
    /// Whether any of it was continued in the middle.
    resumed: bool,
}

impl Upload<'_> {
    pub(super) async fn run(self) -> Result<Uploaded, RegistryError> {
        let mut feed = Feed::start(&self.source);
        if !feed.hold(HELD_BACK).await? {
            return self.streamed(feed).await;
        }
        let made = feed.made().await?;
        // A source whose digest was known beforehand is only here because the registry lacks it.
        if self.source.digest().is_none() && self.is_there(&made.digest).await? {
            return Ok(Uploaded { made, sent: 0 });
        }
        self.whole(feed.take_held(), made).await
    }

    async fn is_there(&self, digest: &BlobDigest) -> Result<bool, RegistryError> {
        super::is_there(self.wire, self.repository, digest).await
    }

    /// Sends a blob that is in memory.
    async fn whole(&self, bytes: Bytes, made: Made) -> Result<Uploaded, RegistryError> {
        let mut attempt = 1;
        loop {
            let location = self.open().await?;
            let url = with_digest(&location, &made.digest);
            let put = |http: &reqwest::Client, url| {
                http.put(url)
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_LENGTH, bytes.len())
                    .body(bytes.clone())
            };
            match self.wire.call(PUT, self.repository, LONG_PATIENCE, &url, put).await {
                Ok(Ok(_)) => {
                    (self.progress)(Progress::Sent(made.size));
                    return Ok(Uploaded { made, sent: made.size });
                }
                // An answer may have been lost: then the blob is there, or the upload holds what was sent first.
                Ok(Err(_)) if self.is_there(&made.digest).await? => {
                    return Ok(Uploaded { made, sent: made.size });
                }
                Ok(Err(said)) => {
                    self.cancel(&location).await;
                    if attempt == 2 {
                        return Err(self.wire.place(self.repository).refused(PUT, said));
                    }
                    attempt += 1;
                }
                Err(error) => {
                    self.cancel(&location).await;
                    return Err(error);
                }
            }
        }
    }

    /// Sends a blob while it is made.
    async fn streamed(&self, feed: Feed) -> Result<Uploaded, RegistryError> {
        let location = self.open().await?;
        let mut state = State { location, feed, position: 0, told: 0, piece: None, resumed: false };
        let result = self.deliver(&mut state).await;
        if result.is_err() {
            self.cancel(&state.location).await;
        }
        result
    }

    async fn deliver(&self, state: &mut State) -> Result<Uploaded, RegistryError> {
        let place = self.wire.place(self.repository);
        let (mut failed, mut farthest, mut renewed) = (0, 0, false);
        loop {
            let (why, wait, held) = match self.patch(state).await {
                Ok(Sent::Part) => {
                    renewed = false;
                    continue;
                }
                Ok(Sent::All) => {
                    let made = state.feed.made().await?;
                    match self.close(&state.location, &made.digest).await? {
                        Ok(()) => return Ok(Uploaded { made, sent: made.size }),
                        // Without a break in it nothing but the bytes themselves can be wrong.
                        Err(said) if !state.resumed && !said.is_not_found() => {
                            return Err(place.refused(PUT, said));
                        }
                        Err(said) => (format!("{}: {}", said.code, said.message), None, None),
                    }
                }
                Err(Trouble::For(error)) => return Err(error),
                Err(Trouble::Later { why, wait }) => (why, wait, self.held(&state.location).await?),
                Err(Trouble::Silent { why }) => (why, None, self.held(&state.location).await?),
                Err(Trouble::Refused(said)) => {
                    let gone = said.is_not_found() || said.status == StatusCode::RANGE_NOT_SATISFIABLE;
                    let large = said.status == StatusCode::PAYLOAD_TOO_LARGE && state.piece.is_none();
                    let why = format!("{}: {}", said.code, said.message);
                    if self.wire.may_renew(&said) && !renewed {
                        renewed = true;
                        self.renew().await?;
                        (why, None, self.held(&state.location).await?)
                    } else if gone || large {
                        (why, None, None)
                    } else {
                        return Err(place.refused(PATCH, said));
                    }
                }
            };
            let held = held.filter(|held| *held <= state.position);
            if let Some(held) = held.filter(|held| *held >= farthest + ADVANCE) {
                (farthest, failed) = (held, 0);
            }
            failed += 1;
            match self.wire.backoff.delay(failed) {
                Some(delay) => tokio::time::sleep(delay.max(wait.unwrap_or_default())).await,
                None => return Err(place.exhausted(PATCH, why)),
            }
            state.piece = Some(PIECE);
            match held {
                Some(held) if let Some(feed) = Feed::start_at(&self.source, held).await? => {
                    tracing::debug!("the upload of {} goes on at byte {held}: {why}", self.source.name());
                    state.resumed |= held > 0;
                    (state.feed, state.position) = (feed, held);
                }
                _ => {
                    tracing::debug!("the upload of {} starts anew: {why}", self.source.name());
                    (self.progress)(Progress::Restarted);
                    self.cancel(&state.location).await;
                    // `farthest` stays: only what was never reached before counts as an advance, so this ends.
                    *state = State {
                        location: self.open().await?,
                        feed: Feed::start(&self.source),
                        position: 0,
                        told: 0,
                        piece: Some(PIECE),
                        resumed: false,
                    };
                }
            }
        }
    }

    /// Opens an upload.
    async fn open(&self) -> Result<Url, RegistryError> {
        let url = self.wire.address.uploads(self.repository);
        let post = |http: &reqwest::Client, url| http.post(url).header(CONTENT_LENGTH, 0);
        let place = self.wire.place(self.repository);
        match self.wire.call(POST, self.repository, PATIENCE, &url, post).await? {
            Ok(answer) => {
                location(&answer).ok_or_else(|| place.nonsense(POST, "it has no usable `Location`"))
            }
            Err(said) => Err(super::missing_or_refused(self.wire, self.repository, POST, said)),
        }
    }

    /// Sends bytes until the blob or the piece is at its end.
    async fn patch(&self, state: &mut State) -> Result<Sent, Trouble> {
        let State { location: url, feed, position, told, piece, .. } = state;
        let grant = self.wire.access.grant(self.repository).await?;
        let (sender, receiver) = mpsc::channel::<Result<Bytes, io::Error>>(1);
        let body = futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        });
        let request = self
            .wire
            .http
            .patch(url.clone())
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(Body::wrap_stream(body));
        let answer = self.wire.shown(request, url, &grant).send();
        let pump = async move {
            // Dropped at the end of this block, which is the end of the body.
            let sender = sender;
            let mut room = piece.unwrap_or(u64::MAX);
            while let Some(mut chunk) = feed.next().await {
                if chunk.len() as u64 > room {
                    feed.give_back(chunk.split_off(usize::try_from(room).unwrap_or(usize::MAX)));
                }
                let length = chunk.len() as u64;
                match tokio::time::timeout(STALL, sender.send(Ok(chunk))).await {
                    Ok(Ok(())) => {}
                    // Nobody takes any more: the answer says why.
                    Ok(Err(_)) => return Ok(Sent::Part),
                    Err(_) => {
                        let why = format!("nothing was taken for {} s", STALL.as_secs());
                        return Err(Trouble::Later { why, wait: None });
                    }
                }
                room -= length;
                *position += length;
                if *position > *told {
                    (self.progress)(Progress::Sent(*position - *told));
                    *told = *position;
                }
                if room == 0 && feed.has_more().await {
                    return Ok(Sent::Part);
                }
            }
            // What could not be made to its end is not sent to its end either.
            feed.made().await.map_err(Trouble::For)?;
            Ok(Sent::All)
        };
        // The answer comes first only if the registry does not want the rest.
        tokio::pin!(answer, pump);
        let sent = tokio::select! {
            early = &mut answer => {
                let answer = judged(early).await?;
                let why = format!("HTTP status {} before all was sent", answer.status().as_u16());
                return Err(Trouble::Later { why, wait: None });
            }
            sent = &mut pump => sent?,
        };
        let answer = match tokio::time::timeout(LONG_PATIENCE, answer).await {
            Ok(answer) => judged(answer).await?,
            Err(_) => return Err(Trouble::Later { why: "no answer came".into(), wait: None }),
        };
        if let Some(next) = location(&answer) {
            *url = next;
        }
        Ok(sent)
    }

    /// Ends an upload; the inner error is the registry's refusal.
    async fn close(&self, location: &Url, digest: &BlobDigest) -> Result<Result<(), Said>, RegistryError> {
        let url = with_digest(location, digest);
        let put = |http: &reqwest::Client, url| http.put(url).header(CONTENT_LENGTH, 0);
        match self.wire.call(PUT, self.repository, LONG_PATIENCE, &url, put).await? {
            Ok(_) => Ok(Ok(())),
            // Either the upload is lost, or an earlier answer was and the blob is complete.
            Err(said) if said.is_not_found() && self.is_there(digest).await? => Ok(Ok(())),
            Err(said) => Ok(Err(said)),
        }
    }

    /// How many bytes the registry holds of an upload; none if it can't tell or knows none such.
    async fn held(&self, url: &Url) -> Result<Option<u64>, RegistryError> {
        const GET: &str = "GET blobs/uploads";
        let get = |http: &reqwest::Client, url| http.get(url);
        let Ok(answer) = self.wire.call(GET, self.repository, PATIENCE, url, get).await? else {
            return Ok(None);
        };
        Ok(answer.headers().get(RANGE).and_then(|value| held_by(value.to_str().ok()?)))
    }

    /// Logs in again.
    async fn renew(&self) -> Result<(), RegistryError> {
        let place = self.wire.place(self.repository);
        let renewed = async {
            let old = self.wire.access.grant(self.repository).await?;
            self.wire.access.renew(self.repository, &old).await
        };
        renewed.await.map_err(|trouble| match trouble {
            Trouble::For(error) => error,
            Trouble::Refused(said) => place.refused(PATCH, said),
            Trouble::Later { why, .. } | Trouble::Silent { why } => place.exhausted(PATCH, why),
        })
    }

    async fn cancel(&self, location: &Url) {
        let Ok(grant) = self.wire.access.grant(self.repository).await else { return };
        cancel(self.wire, location, &grant).await;
    }
}

/// Tells the registry that an upload is of no use any more. It forgets it some day in any case, so this is tried
/// once, and what becomes of it does not matter.
pub(super) async fn cancel(wire: &Wire, location: &Url, grant: &Grant) {
    let request = wire.http.delete(location.clone()).timeout(Duration::from_secs(5));
    if let Err(error) = wire.shown(request, location, grant).send().await {
        tracing::debug!("an upload could not be cancelled: {:?}", no_answer(error));
    }
}

/// The `Location` of an answer.
pub(super) fn location(answer: &Response) -> Option<Url> {
    follow(answer.url(), answer.headers().get(LOCATION)?.to_str().ok()?)
}

/// The number of bytes that a `Range` of an upload tells: `0-99` are 100. `0-0` is what registries say of an upload
/// that holds nothing; one that holds a single byte is taken for that.
fn held_by(range: &str) -> Option<u64> {
    let range = range.trim();
    let (first, last) = range.strip_prefix("bytes=").unwrap_or(range).split_once('-')?;
    let last: u64 = last.parse().ok()?;
    (first == "0").then(|| if last == 0 { 0 } else { last.saturating_add(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_uploads() {
        assert_eq!(held_by("0-99"), Some(100));
        assert_eq!(held_by("bytes=0-99"), Some(100));
        assert_eq!(held_by("0-0"), Some(0));
        for wrong in ["", "0", "5-9", "0--1", "0-x", "0-18446744073709551616"] {
            assert_eq!(held_by(wrong), None, "{wrong}");
        }
    }
}
