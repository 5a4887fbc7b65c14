//! Reading one blob, and giving one to another repository of the same registry.

use super::failure::{Said, Trouble, judged, no_answer};
use super::upload::{cancel, location};
use super::wire::Wire;
use crate::base::{Backoff, BlobDigest, RepositoryName};
use crate::registry::RegistryError;
use crate::registry::download::{Origin, SILENCE};
use reqwest::header::{CONTENT_LENGTH, RANGE};
use reqwest::{Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;

const GET_BLOB: &str = "GET blobs";
const MOUNT: &str = "POST blobs/uploads";

/// A blob that is read.
pub(super) struct Blob {
    pub(super) wire: Arc<Wire>,
    pub(super) repository: RepositoryName,
    pub(super) digest: BlobDigest,
}

impl Origin for Blob {
    async fn open(&self, from: u64) -> Result<Option<Response>, RegistryError> {
        let Self { wire, repository, digest } = self;
        let url = wire.address.blob(repository, digest);
        let answer = wire.insist(GET_BLOB, repository, |grant| {
            let mut request = wire.shown(wire.http.get(url.clone()), &url, &grant);
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            async move {
                // Until the answer begins; how long its bytes may take is watched by whoever takes them.
                match tokio::time::timeout(wire.patience, request.send()).await {
                    Ok(answer) => judged(answer).await,
                    Err(_) => {
                        let why = format!("no answer came for {} s", wire.patience.as_secs());
                        Err(Trouble::Silent { why })
                    }
                }
            }
        });
        match answer.await? {
            Ok(answer) => Ok(Some(answer)),
            Err(Said { status: StatusCode::RANGE_NOT_SATISFIABLE, .. }) if from > 0 => Ok(None),
            Err(said) => Err(wire.place(repository).refused(GET_BLOB, said)),
        }
    }

    fn failed(&self, why: String) -> RegistryError {
        let resource = format!("{}/{}@{}", self.wire.host, self.repository, self.digest);
        RegistryError::Exhausted { operation: GET_BLOB, resource, why }
    }

    fn backoff(&self) -> Backoff {
        self.wire.backoff
    }

    fn patience(&self) -> Duration {
        self.wire.patience
    }
}

/// Whether the repository has a blob, by its first byte.
pub(super) async fn is_there(
    wire: &Wire,
    repository: &RepositoryName,
    digest: &BlobDigest,
) -> Result<bool, RegistryError> {
    let url = wire.address.blob(repository, digest);
    let get = |http: &reqwest::Client, url| http.get(url).header(RANGE, "bytes=0-0");
    match wire.call(GET_BLOB, repository, wire.patience, &url, get).await? {
        Ok(_) => Ok(true),
        Err(said) if said.is_not_found() => Ok(false),
        // It is there, and has no first byte.
        Err(said) if said.status == StatusCode::RANGE_NOT_SATISFIABLE => Ok(true),
        Err(said) => Err(wire.place(repository).refused(GET_BLOB, said)),
    }
}

/// Asks the registry to give `repository` a blob that `from` has; whether it has done so. One that does not do that opens
/// an upload instead, which is cancelled: the upload that follows opens its own. A refusal is no error, as the upload
/// will tell the reason if there is one.
pub(super) async fn mount(
    wire: &Wire,
    repository: &RepositoryName,
    digest: &BlobDigest,
    from: &RepositoryName,
) -> Result<bool, RegistryError> {
    let url = wire.address.mount(repository, digest, from);
    let (mut failed, mut anew) = (0, false);
    loop {
        let (why, wait, cost) = match wire.access.grant_across(repository, from, anew).await {
            Ok(grant) => {
                let request = wire.http.post(url.clone()).header(CONTENT_LENGTH, 0).timeout(wire.patience);
                match judged(wire.shown(request, &url, &grant).send().await).await {
                    Ok(answer) if answer.status() == StatusCode::CREATED => return Ok(true),
                    Ok(answer) => {
                        if let Some(location) = location(&answer) {
                            cancel(wire, &location, &grant).await;
                        }
                        return Ok(false);
                    }
                    // The token may have run out.
                    Err(Trouble::Refused(said)) if !anew && wire.may_renew(&said) => {
                        anew = true;
                        continue;
                    }
                    Err(Trouble::Refused(_)) => return Ok(false),
                    Err(Trouble::For(error)) => return Err(error),
                    Err(Trouble::Later { why, wait }) => (why, wait, 1),
                    Err(Trouble::Silent { why }) => (why, None, SILENCE),
                }
            }
            Err(Trouble::Refused(_)) => return Ok(false),
            Err(Trouble::For(error)) => return Err(error),
            Err(Trouble::Later { why, wait }) => (why, wait, 1),
            Err(Trouble::Silent { why }) => (why, None, SILENCE),
        };
        failed += cost;
        match wire.backoff.delay(failed) {
            Some(delay) => tokio::time::sleep(delay.max(wait.unwrap_or_default())).await,
            None => return Err(wire.place(repository).exhausted(MOUNT, why)),
        }
    }
}

/// All bytes of a small answer.
pub(super) async fn whole(mut answer: Response, at_most: usize) -> Result<Option<Vec<u8>>, Trouble> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(no_answer)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > at_most {
            return Ok(None);
        }
    }
    Ok(Some(bytes))
}
