//! The path that layers are downloaded from, in S3's place: URLs that are signed for an hour, and refuse any
//! other proof of identity, as S3 does.
//!
//! A client that follows a registry's redirect and forgets to take its `Authorization` header off fails here as
//! it fails on AWS. HTTP libraries take it off when the host changes (the port does not count for Go's), so the
//! URLs name the same machine by its other name: `localhost` for `127.0.0.1`, and the other way round.

use super::app::App;
use super::sts::escape;
use crate::base::{BlobDigest, Timestamp};
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, StatusCode, header};
use std::io::SeekFrom;
use std::ops::RangeInclusive;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

/// What the paths start with.
pub(super) const PREFIX: &str = "/layer/";
const PURPOSE: &str = "layer-url";
/// Seconds for which a URL holds.
const EXPIRES: i64 = 3600;
/// Bytes that are read from the disk at a time.
const BUFFER: usize = 256 * 1024;

/// The host of the URLs for a client that reached the emulator as `host`; none if it came by a name that is not
/// this machine's own, because then no second name is known.
pub(super) fn host_for(app: &App, host: &str) -> Option<String> {
    let port = app.address.port();
    match host.rsplit_once(':').map_or(host, |(name, _)| name) {
        "localhost" if app.address.is_ipv6() => Some(format!("[::1]:{port}")),
        "localhost" => Some(format!("127.0.0.1:{port}")),
        "127.0.0.1" | "[::1]" => Some(format!("localhost:{port}")),
        _ => None,
    }
}

/// A URL at `host` for the blob, from now on for an hour.
pub(super) fn make(app: &App, host: &str, digest: &BlobDigest) -> String {
    let date = app.clock.now().as_second();
    let signature = app.gate.seal.sign(PURPOSE, &signed_text(&digest.to_string(), date, EXPIRES));
    format!(
        "http://{host}{PREFIX}{digest}?X-Amz-Date={date}&X-Amz-Expires={EXPIRES}&X-Amz-Signature={signature}"
    )
}

fn signed_text(digest: &str, date: i64, expires: i64) -> String {
    format!("{digest} {date} {expires}")
}

/// Answers a request for one.
pub(super) async fn serve(app: &App, parts: &Parts) -> Result<Response<Body>, Refusal> {
    if parts.headers.contains_key(header::AUTHORIZATION) {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
             parameter or the Authorization header should be specified",
        ));
    }
    let digest = verify(app, parts, app.clock.now())?;
    send(app, &parts.headers, &digest).await
}

/// Sends the blob, or the range of it that `headers` ask for.
pub(super) async fn send(
    app: &App,
    headers: &HeaderMap,
    digest: &BlobDigest,
) -> Result<Response<Body>, Refusal> {
    let not_there = |_| Refusal::new(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.");
    let mut file = fs_err::tokio::File::open(app.store.blobs.path(digest)).await.map_err(not_there)?;
    let size = file.metadata().await.map_err(not_there)?.len();
    let answer = Response::builder()
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, format!("\"{}\"", digest.hex()));
    let (answer, range) = match wanted(headers, size) {
        Wanted::All => (answer, None),
        Wanted::Range(range) => {
            let content = format!("bytes {}-{}/{size}", range.start(), range.end());
            let answer = answer.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, content);
            (answer, Some(range))
        }
        Wanted::Nothing => {
            return Err(Refusal::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "InvalidRange",
                "The requested range is not satisfiable",
            ));
        }
    };
    let (start, length) = range.map_or((0, size), |range| (*range.start(), range.end() - range.start() + 1));
    file.seek(SeekFrom::Start(start)).await.map_err(not_there)?;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), BUFFER));
    Ok(answer
        .header(header::CONTENT_LENGTH, length)
        .body(body)
        .expect("invariant: the headers above are legal"))
}

fn verify(app: &App, parts: &Parts, now: Timestamp) -> Result<BlobDigest, Refusal> {
    let denied = |message| Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message);
    let query = parts.uri.query().unwrap_or_default();
    let find = |wanted: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let number = |name: &str| find(name).and_then(|value| value.parse::<i64>().ok());
    let text = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let (Some(date), Some(expires), Some(signature)) =
        (number("X-Amz-Date"), number("X-Amz-Expires"), find("X-Amz-Signature"))
    else {
        return Err(denied("Access Denied"));
    };
    if !app.gate.seal.holds(PURPOSE, &signed_text(text, date, expires), &signature) {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and \
             signing method.",
        ));
    }
    if now.as_second() > date.saturating_add(expires) {
        return Err(denied("Request has expired"));
    }
    text.parse().map_err(|_| denied("Access Denied"))
}

enum Wanted {
    All,
    Range(RangeInclusive<u64>),
    Nothing,
}

/// The one range that is asked for. As RFC 9110 has it, what is not understood counts as not said.
fn wanted(headers: &HeaderMap, size: u64) -> Wanted {
    let text = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) = text.and_then(|text| text.strip_prefix("bytes=")?.split_once('-')) else {
        return Wanted::All;
    };
    let end = size.saturating_sub(1);
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), _) if first >= size => Wanted::Nothing,
        (Ok(first), Ok(last)) if last < first => Wanted::All,
        (Ok(first), Ok(last)) => Wanted::Range(first..=last.min(end)),
        (Ok(first), Err(_)) if last.trim().is_empty() => Wanted::Range(first..=end),
        (Err(_), Ok(0)) if first.trim().is_empty() => Wanted::Nothing,
        (Err(_), Ok(count)) if first.trim().is_empty() && size > 0 => {
            Wanted::Range(size.saturating_sub(count)..=end)
        }
        _ => Wanted::All,
    }
}

/// A refused download, as S3 words it.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    message: &'static str,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message }
    }

    pub(super) fn xml(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>",
            self.code,
            escape(self.message)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_rfc_9110_has_them() {
        let range = |text: &str, size| {
            let headers = HeaderMap::from_iter([(header::RANGE, text.parse().unwrap())]);
            match wanted(&headers, size) {
                Wanted::All => "all".to_owned(),
                Wanted::Nothing => "nothing".to_owned(),
                Wanted::Range(range) => format!("{}-{}", range.start(), range.end()),
            }
        };
        assert_eq!(range("bytes=0-4", 10), "0-4");
        assert_eq!(range("bytes=5-", 10), "5-9");
        assert_eq!(range("bytes=-3", 10), "7-9");
        assert_eq!(range("bytes=-30", 10), "0-9");
        assert_eq!(range("bytes=5-100", 10), "5-9");
        assert_eq!(range("bytes=10-", 10), "nothing");
        assert_eq!(range("bytes=4-2", 10), "all");
        assert_eq!(range("lines=1-2", 10), "all");
        assert_eq!(range("bytes=0-0,2-2", 10), "all");
    }
}
