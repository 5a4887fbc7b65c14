//! Files by their addresses, for ADD. They come from servers that are no registries, so what goes wrong is told in other
//! words; how it is tried again is the same.

use super::bridge::wait;
use crate::base::failure::causes;
use crate::base::{Backoff, BlobDigest, Failure, Hasher, Kind};
use crate::tree::{Content, File};
use futures::StreamExt as _;
use reqwest::{Client, StatusCode};
use std::io::{BufWriter, Write as _};
use std::sync::Arc;
use tokio::runtime::Handle;

/// A file that is larger is none that anybody wants in an image.
const MOST_BYTES: u64 = 64 << 30;

/// Gets files by HTTP.
#[derive(Debug, Clone)]
pub struct Web {
    http: Client,
    backoff: Backoff,
    runtime: Handle,
}

/// A file can't be had.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The server does not give it.
    #[error("`{url}`: the server answers {status}")]
    Refused {
        /// Without what stands for secrets.
        url: String,
        /// Its answer.
        status: StatusCode,
    },
    /// The server can't be reached, or breaks off, again and again.
    #[error("`{url}`: {why}")]
    Unreachable {
        /// Without what stands for secrets.
        url: String,
        /// Of the last attempt.
        why: String,
    },
    /// It is something else than was expected.
    #[error("`{url}` has the digest {found}, and {expected} is expected")]
    Other {
        /// Without what stands for secrets.
        url: String,
        /// By `--checksum`.
        expected: BlobDigest,
        /// What it has.
        found: BlobDigest,
    },
    /// It can't be kept while the image is built.
    #[error("keeping `{url}` in a temporary file: {source}")]
    Kept {
        /// Without what stands for secrets.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// The program is interrupted.
    #[error("the program is ending")]
    Ending,
}

impl Failure for WebError {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused { status, .. } if passes(*status) => Kind::Exhausted,
            Self::Refused { .. } | Self::Other { .. } => Kind::Input,
            Self::Unreachable { .. } => Kind::Exhausted,
            Self::Kept { .. } | Self::Ending => Kind::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { status, .. } if matches!(status.as_u16(), 401 | 403) => {
                Some("no credentials are sent: download it in a step of the job before, and COPY it".into())
            }
            Self::Refused { .. } => Some(
                "look at the address; what takes more than a plain request is fetched in a step of the job before".into(),
            ),
            Self::Unreachable { .. } => {
                Some("try again later, or fetch it in a step of the job before, and COPY it".into())
            }
            Self::Other { found, .. } => Some(format!(
                "if the file is right, write `--checksum={found}`; if not, somebody has changed it"
            )),
            Self::Kept { .. } => Some("TMPDIR names the folder of temporary files".into()),
            Self::Ending => None,
        }
    }
}

/// Why an attempt did not do.
enum Trouble {
    /// The next one may.
    Again(WebError),
    /// No other will.
    ForGood(WebError),
}

impl Web {
    /// To be made where the network is.
    pub fn new(http: Client, backoff: Backoff) -> Self {
        Self { http, backoff, runtime: Handle::current() }
    }

    /// The file at `url`, which must have the digest `expected` if there is one. Blocks.
    pub fn fetch(&self, url: &str, expected: Option<BlobDigest>) -> Result<File, WebError> {
        let (this, url) = (self.clone(), url.to_owned());
        wait(&self.runtime, async move { this.insist(&url, expected).await }).unwrap_or(Err(WebError::Ending))
    }

    async fn insist(&self, url: &str, expected: Option<BlobDigest>) -> Result<File, WebError> {
        let mut attempt = 1;
        loop {
            let error = match self.get(url, expected).await {
                Ok(file) => return Ok(file),
                Err(Trouble::ForGood(error)) => return Err(error),
                Err(Trouble::Again(error)) => error,
            };
            let Some(delay) = self.backoff.delay(attempt) else { return Err(error) };
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
    }

    async fn get(&self, url: &str, expected: Option<BlobDigest>) -> Result<File, Trouble> {
        let shown = || shown(url);
        let broken = |error: reqwest::Error| {
            let hopeless = error.is_builder() || error.is_redirect();
            let error = WebError::Unreachable { url: shown(), why: causes(&error.without_url()) };
            if hopeless { Trouble::ForGood(error) } else { Trouble::Again(error) }
        };
        let kept = |source| Trouble::ForGood(WebError::Kept { url: shown(), source });
        let answer = self.http.get(url).send().await.map_err(broken)?;
        let status = answer.status();
        if !status.is_success() {
            let error = WebError::Refused { url: shown(), status };
            return Err(if passes(status) { Trouble::Again(error) } else { Trouble::ForGood(error) });
        }
        let file = tempfile::tempfile().map_err(kept)?;
        let mut writer = BufWriter::new(&file);
        let (mut hasher, mut size) = (Hasher::new(), 0);
        let mut body = answer.bytes_stream();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(broken)?;
            hasher.update(&chunk);
            size += chunk.len() as u64;
            if size > MOST_BYTES {
                let why = format!("it has more than {} GiB", MOST_BYTES >> 30);
                return Err(Trouble::ForGood(WebError::Unreachable { url: shown(), why }));
            }
            writer.write_all(&chunk).map_err(kept)?;
        }
        writer.flush().map_err(kept)?;
        drop(writer);
        let digest = BlobDigest::from(hasher);
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(Trouble::ForGood(WebError::Other { url: shown(), expected, found: digest }));
        }
        Ok(File { size, content: Content::Spooled { file: Arc::new(file), offset: 0, digest } })
    }
}

/// Whether a server that answers this may give the file a little later.
fn passes(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 429)
}

/// The address without name, password and query, in which there may be secrets.
fn shown(url: &str) -> String {
    let Ok(mut url) = url::Url::parse(url) else { return "the address".into() };
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_addresses_are_not_shown() {
        assert_eq!(shown("https://me:secret@example.com/a?token=x#y"), "https://example.com/a");
        assert_eq!(shown("nonsense"), "the address");
    }
}
