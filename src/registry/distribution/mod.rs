//! The OCI distribution API, `/v2/` (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>): any
//! registry, ECR's own `/v2/` among them.
//!
//! # What `oci-client` does here, and what it does not
//!
//! It logs in (challenge, token server, Basic), asks for blobs with `HEAD`, and reads the registry's error documents.
//! Not with it, for what version 0.18 does there:
//!
//! - *Uploads*: `push_blob_stream` wants the digest before the bytes, and `push_blob_stream_chunked` can't go on after
//!   a lost connection and takes 202 as the only good answer to a `PATCH`, where ECR says 201. Ours: [`upload`].
//! - *Storing manifests*: `push_manifest_raw` does not tell which digest the registry has calculated, and panics when
//!   a manifest is stored under its digest and the answer has no `Location`, as ECR's has none.
//! - *Reading manifests*: `pull_manifest_raw` does not tell the media type, which a manifest need not hold itself, and
//!   asks an open registry for `/v2/` before each.
//! - *Reading blobs*: `pull_blob_stream` neither goes on after a lost connection nor notices a dead one. Ours: [`blob`].
//! - *Mounts*: `mount_blob` shows a token for the one repository alone, and takes the answer that means «not possible» for
//!   a failure. Ours: [`blob`].
//! - *Identity tokens*: it knows no refresh tokens. Ours: [`identity`].
//!
//! It also drops `Retry-After`, so that a registry which is too busy for a `HEAD` is asked again after our own
//! back-off; and it does not tell the status of a token server, so that one which is out of order looks like one that
//! does not let us in.

mod access;
mod address;
mod blob;
mod failure;
mod identity;
mod upload;
mod wire;

pub use access::{Credentials, Purpose};

use crate::base::{Backoff, BlobDigest, ManifestDigest, MediaType, RepositoryName, Tag};
use crate::registry::download::download;
use crate::registry::{
    Download, ManifestId, OnProgress, Put, Registry, RegistryError, Source, StoredManifest, Uploaded,
};
use access::{Access, image};
use address::Address;
use blob::Blob;
use failure::{Said, judged};
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use upload::Upload;
use url::Url;
use wire::Wire;

/// Questions about blobs and manifests that are asked at a time.
const AT_A_TIME: usize = 8;
/// The longest wait until a manifest is stored.
const PATIENCE: Duration = Duration::from_mins(2);
/// Bytes that a manifest has at most: what registries take, and ECR among them.
const MANIFEST_AT_MOST: usize = 4 * 1024 * 1024;
/// The header with which a registry tells the digest of what it gave or got.
const DIGEST: &str = "docker-content-digest";

const HEAD_BLOB: &str = "HEAD blobs";
const GET_MANIFEST: &str = "GET manifests";
const PUT_MANIFEST: &str = "PUT manifests";

/// Where a registry is and how it is talked to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name, as it stands in front of a repository.
    pub host: String,
    /// Where it answers, if that does not follow from the name: an emulator.
    pub endpoint: Option<Url>,
    /// Whose credentials it is shown.
    pub credentials: Credentials,
    /// What they are to let one do.
    pub purpose: Purpose,
    /// How often something is tried.
    pub backoff: Backoff,
    /// How long the registry may say nothing when something is read from it, before it is asked again. That is done a
    /// few times only.
    pub patience: Duration,
    /// The client for uploads. It must set no limit on the time until an answer comes, as that includes the time to
    /// send a layer.
    pub http: reqwest::Client,
}

/// A registry behind `/v2/`. Clones share their logins.
#[derive(Clone)]
pub struct Distribution {
    wire: Arc<Wire>,
    /// A repository that is absent is an error before anything is sent; other registries make it on a push.
    is_ecr: bool,
    mounts: Arc<Mounts>,
}

/// Whether ECR gives a repository, the first, blobs of another one. That follows from settings of the account and of the
/// repositories, so the first blob tells it for all.
#[derive(Default)]
struct Mounts {
    known: Mutex<HashMap<(RepositoryName, RepositoryName), bool>>,
    /// Held while the first one is asked for.
    gate: tokio::sync::Mutex<()>,
}

impl Mounts {
    fn known(&self) -> MutexGuard<'_, HashMap<(RepositoryName, RepositoryName), bool>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution").field("host", &self.wire.host).finish_non_exhaustive()
    }
}

impl Distribution {
    /// Whether a registry can be at `host`, by its text alone.
    pub fn is_host(host: &str) -> bool {
        Address::of_host(host).is_some()
    }

    /// The registry that the settings describe; nothing is asked of it yet. Without an endpoint it is talked to over
    /// HTTPS, and on loopback over plain HTTP, as Docker does it. Fails if the host is none.
    pub fn new(settings: Settings) -> Result<Self, RegistryError> {
        let Settings { host, endpoint, credentials, purpose, backoff, patience, http } = settings;
        let address = match &endpoint {
            Some(endpoint) => Address::of_endpoint(endpoint),
            None => Address::of_host(&host).ok_or_else(|| RegistryError::BadHost { host: host.clone() })?,
        };
        let is_ecr = matches!(credentials, Credentials::Ecr(_));
        let is_public = matches!(&credentials, Credentials::Ecr(password) if password.is_public());
        let access = Access::new(address.clone(), http.clone(), credentials, purpose, patience);
        let who = access.who();
        let wire =
            Arc::new(Wire { host, address, access, http, backoff, patience, who, heads_blobs: !is_public });
        Ok(Self { wire, is_ecr, mounts: Arc::default() })
    }

    /// One manifest, if it is there.
    async fn get_manifest(
        &self,
        repository: &RepositoryName,
        id: &ManifestId,
    ) -> Result<Option<StoredManifest>, RegistryError> {
        let wire = &self.wire;
        let place = wire.place(repository);
        let url = wire.address.manifest(repository, &id.to_string());
        let accept = MediaType::MANIFESTS.map(|kind| kind.to_string()).join(", ");
        let read = wire.insist(GET_MANIFEST, repository, |grant| {
            let request = wire.shown(wire.http.get(url.clone()).header(ACCEPT, &accept), &url, &grant);
            let request = request.timeout(wire.patience);
            async move {
                let answer = judged(request.send().await).await?;
                let headers = answer.headers().clone();
                Ok((headers, blob::whole(answer, MANIFEST_AT_MOST).await?))
            }
        });
        let (headers, bytes) = match read.await? {
            Ok((headers, Some(bytes))) => (headers, bytes),
            Ok((_, None)) => return Err(place.nonsense(GET_MANIFEST, "it is too large for a manifest")),
            Err(said) if said.is_not_found() && !(self.is_ecr && said.code == "NAME_UNKNOWN") => {
                return Ok(None);
            }
            Err(said) => return Err(missing_or_refused(wire, repository, GET_MANIFEST, said)),
        };
        if !is_document(&bytes) {
            return Err(place.nonsense(GET_MANIFEST, "it is no manifest, but something else than JSON"));
        }
        let media_type = media_type(&headers, &bytes);
        let manifest = StoredManifest { bytes, media_type };
        let expected = match id {
            ManifestId::Digest(digest) => Some(*digest),
            ManifestId::Tag(_) => told_digest(&headers),
        };
        match expected.filter(|expected| *expected != manifest.digest()) {
            None => Ok(Some(manifest)),
            Some(expected) => Err(RegistryError::Corrupt {
                what: format!("the manifest {id} of {}", place.resource()),
                expected: expected.to_string(),
                found: manifest.digest().to_string(),
            }),
        }
    }

    /// The registry won't move a tag: the same image under it is success, another one is not.
    async fn settle(
        &self,
        repository: &RepositoryName,
        manifest: &StoredManifest,
        tag: Option<&Tag>,
        said: Said,
    ) -> Result<Put, RegistryError> {
        let pushed = manifest.digest();
        // TAG_INVALID is ECR's code for a tag that is immutable.
        if let Some(tag) = tag
            && matches!(said.code.as_str(), "TAG_INVALID" | "TAG_ALREADY_EXISTS" | "DENIED" | "HTTP 409")
            && let Some(existing) = self.get_manifest(repository, &ManifestId::Tag(tag.clone())).await?
        {
            let existing = existing.digest();
            if existing == pushed {
                return Ok(Put::Unchanged);
            }
            let (repository, tag) = (repository.clone(), tag.clone());
            return Err(RegistryError::TagImmutable { repository, tag, existing, pushed });
        }
        Err(missing_or_refused(&self.wire, repository, PUT_MANIFEST, said))
    }
}

/// Whether the repository has a blob.
async fn is_there(
    wire: &Wire,
    repository: &RepositoryName,
    digest: &BlobDigest,
) -> Result<bool, RegistryError> {
    if !wire.heads_blobs {
        return blob::is_there(wire, repository, digest).await;
    }
    let (image, digest) = (image(&wire.address, repository), digest.to_string());
    let found = wire
        .insist(HEAD_BLOB, repository, |grant| {
            let (image, digest) = (image.clone(), digest.clone());
            async move { Ok(grant.client.blob_exists(&image, &digest).await?) }
        })
        .await?;
    found.map_err(|said| wire.place(repository).refused(HEAD_BLOB, said))
}

/// The error for what a registry said for good; a repository that is missing is the one that users meet most.
fn missing_or_refused(
    wire: &Wire,
    repository: &RepositoryName,
    operation: &'static str,
    said: Said,
) -> RegistryError {
    if said.is_not_found() && said.code == "NAME_UNKNOWN" && wire.access.is_renewable() {
        return RegistryError::RepositoryNotFound {
            repository: repository.clone(),
            registry: wire.host.clone(),
        };
    }
    wire.place(repository).refused(operation, said)
}

/// The type of a manifest: as the registry says, or as the manifest itself does where the registry says nothing of
/// use.
fn media_type(headers: &HeaderMap, bytes: &[u8]) -> MediaType {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        media_type: Option<String>,
        manifests: Option<serde::de::IgnoredAny>,
    }
    let told = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let told = MediaType::from(told.split(';').next().unwrap_or_default().trim());
    if MediaType::MANIFESTS.contains(&told) {
        return told;
    }
    match serde_json::from_slice(bytes) {
        Ok(Typed { media_type: Some(own), .. }) => own.into(),
        Ok(Typed { manifests: Some(_), .. }) => MediaType::OCI_INDEX,
        _ => MediaType::OCI_MANIFEST,
    }
}

/// Whether it is JSON, as all manifests are.
fn is_document(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// The digest in an answer, if there is one.
fn told_digest(headers: &HeaderMap) -> Option<ManifestDigest> {
    headers.get(DIGEST)?.to_str().ok()?.parse().ok()
}

impl Registry for Distribution {
    fn host(&self) -> &str {
        &self.wire.host
    }

    async fn available(
        &self,
        repository: &RepositoryName,
        digests: &[BlobDigest],
    ) -> Result<HashSet<BlobDigest>, RegistryError> {
        let questions = digests.iter().copied().map(|digest| async move {
            Ok::<_, RegistryError>((digest, is_there(&self.wire, repository, &digest).await?))
        });
        let answers: Vec<_> =
            futures::stream::iter(questions).buffer_unordered(AT_A_TIME).try_collect().await?;
        Ok(answers.into_iter().filter(|(_, there)| *there).map(|(digest, _)| digest).collect())
    }

    async fn upload(
        &self,
        repository: &RepositoryName,
        source: Arc<dyn Source>,
        progress: OnProgress,
    ) -> Result<Uploaded, RegistryError> {
        Upload { wire: &self.wire, repository, source, progress }.run().await
    }

    async fn manifests(
        &self,
        repository: &RepositoryName,
        ids: &[ManifestId],
    ) -> Result<Vec<Option<StoredManifest>>, RegistryError> {
        let reads = ids.iter().cloned().map(|id| async move { self.get_manifest(repository, &id).await });
        futures::stream::iter(reads).buffered(AT_A_TIME).try_collect().await
    }

    /// None: a list of tags says nothing of their age.
    async fn newest(&self, _: &RepositoryName) -> Result<Option<ManifestDigest>, RegistryError> {
        Ok(None)
    }

    async fn put_manifest(
        &self,
        repository: &RepositoryName,
        manifest: &StoredManifest,
        tag: Option<&Tag>,
    ) -> Result<Put, RegistryError> {
        let digest = manifest.digest();
        let reference = tag.map_or_else(|| digest.to_string(), ToString::to_string);
        let url = self.wire.address.manifest(repository, &reference);
        let put = |http: &reqwest::Client, url| {
            http.put(url).header(CONTENT_TYPE, manifest.media_type.as_str()).body(manifest.bytes.clone())
        };
        let answer = match self.wire.call(PUT_MANIFEST, repository, PATIENCE, &url, put).await? {
            Ok(answer) => answer,
            Err(said) => return self.settle(repository, manifest, tag, said).await,
        };
        match told_digest(answer.headers()).filter(|told| *told != digest) {
            None => Ok(Put::Stored),
            Some(told) => Err(RegistryError::Corrupt {
                what: format!("the manifest {reference} that {}/{repository} has stored", self.wire.host),
                expected: digest.to_string(),
                found: told.to_string(),
            }),
        }
    }

    async fn download(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
    ) -> Result<Download, RegistryError> {
        let (wire, repository) = (Arc::clone(&self.wire), repository.clone());
        download(Blob { wire, repository, digest: *digest }).await
    }

    async fn mount(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
        from: &RepositoryName,
    ) -> Result<bool, RegistryError> {
        if !self.is_ecr {
            return blob::mount(&self.wire, repository, digest, from).await;
        }
        let pair = (repository.clone(), from.clone());
        let known = |pair| self.mounts.known().get(pair).copied();
        let gate = if known(&pair).is_none() { Some(self.mounts.gate.lock().await) } else { None };
        if known(&pair) == Some(false) {
            return Ok(false);
        }
        let mounted = blob::mount(&self.wire, repository, digest, from).await?;
        self.mounts.known().entry(pair).or_insert(mounted);
        drop(gate);
        Ok(mounted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_manifests() {
        let of = |told: &str, bytes: &str| {
            let mut headers = HeaderMap::new();
            if !told.is_empty() {
                headers.insert(CONTENT_TYPE, told.parse().unwrap());
            }
            media_type(&headers, bytes.as_bytes())
        };
        let list = MediaType::DOCKER_LIST;
        assert_eq!(of(list.as_str(), "{}"), list);
        assert_eq!(of(&format!("{list}; charset=utf-8"), "{}"), list);
        assert_eq!(of("application/json", &format!(r#"{{"mediaType":"{list}"}}"#)), list);
        assert_eq!(of("", r#"{"manifests":[]}"#), MediaType::OCI_INDEX);
        assert_eq!(of("text/plain", r#"{"layers":[]}"#), MediaType::OCI_MANIFEST);
    }
}
