//! Blobs as they are read from a registry: every one is checked against its descriptor before it ends.

use super::bridge::{Chunks, Ended, wait};
use super::{Cancelled, Download, Made, Registry, RegistryError, Sink, Source, SourceError};
use crate::base::{BlobDigest, Hasher, RepositoryName};
use crate::image::Descriptor;
use futures::{StreamExt as _, TryStreamExt as _};
use std::sync::Arc;
use tokio::runtime::Handle;

/// No document of an image is larger, in bytes. Registries draw the line at 4 MiB.
const DOCUMENT_AT_MOST: u64 = 16 * 1024 * 1024;

/// The bytes of the blob that `descriptor` describes. The stream ends well only if they were those.
pub async fn fetch<R: Registry>(
    registry: &R,
    repository: &RepositoryName,
    descriptor: &Descriptor,
) -> Result<Download, RegistryError> {
    let checked = Checked {
        stream: registry.download(repository, &descriptor.digest).await?,
        what: format!("the blob {} of {}/{repository}", descriptor.digest, registry.host()),
        digest: descriptor.digest,
        size: descriptor.size,
        read: 0,
        hasher: Hasher::new(),
    };
    Ok(Box::pin(futures::stream::try_unfold(checked, |mut checked| async move {
        match checked.stream.next().await {
            Some(chunk) => {
                let chunk = checked.count(chunk?)?;
                Ok(Some((chunk, checked)))
            }
            None => checked.end().map(|()| None),
        }
    })))
}

/// A small blob in memory: a config.
pub async fn fetch_document<R: Registry>(
    registry: &R,
    repository: &RepositoryName,
    descriptor: &Descriptor,
) -> Result<Vec<u8>, RegistryError> {
    if descriptor.size > DOCUMENT_AT_MOST {
        return Err(RegistryError::Nonsense {
            operation: "GET blobs",
            resource: format!("{}/{repository}", registry.host()),
            what: format!("the document {} claims to have {} bytes", descriptor.digest, descriptor.size),
        });
    }
    let stream = fetch(registry, repository, descriptor).await?;
    let add = |mut all: Vec<u8>, chunk: bytes::Bytes| async move {
        all.extend_from_slice(&chunk);
        Ok(all)
    };
    stream.try_fold(Vec::new(), add).await
}

/// A blob that is checked while it is read.
struct Checked {
    stream: Download,
    what: String,
    digest: BlobDigest,
    size: u64,
    read: u64,
    hasher: Hasher,
}

impl Checked {
    fn count(&mut self, chunk: bytes::Bytes) -> Result<bytes::Bytes, RegistryError> {
        self.read += chunk.len() as u64;
        self.hasher.update(&chunk);
        // The rest of one that is too long is not waited for.
        if self.read > self.size { Err(self.wrong_size()) } else { Ok(chunk) }
    }

    fn end(self) -> Result<(), RegistryError> {
        if self.read != self.size {
            return Err(self.wrong_size());
        }
        let found = BlobDigest::from(self.hasher);
        if found == self.digest {
            return Ok(());
        }
        let (what, expected, found) = (self.what, self.digest.to_string(), found.to_string());
        Err(RegistryError::Corrupt { what, expected, found })
    }

    fn wrong_size(&self) -> RegistryError {
        let (what, expected, found) = (self.what.clone(), self.size, self.read);
        RegistryError::WrongSize { what, expected, found }
    }
}

/// A blob of one registry as the source of an upload to another. Its bytes go through memory, a few chunks at a time, and
/// never to a disk.
pub struct RemoteSource<R> {
    /// Where it is.
    pub registry: Arc<R>,
    /// In which repository.
    pub repository: RepositoryName,
    /// Which blob.
    pub descriptor: Descriptor,
    /// For messages.
    pub name: String,
    /// What reads it.
    pub runtime: Handle,
}

impl<R> std::fmt::Debug for RemoteSource<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteSource").field("digest", &self.descriptor.digest).finish_non_exhaustive()
    }
}

impl<R: Registry + 'static> Source for RemoteSource<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> Option<BlobDigest> {
        Some(self.descriptor.digest)
    }

    fn write_to(&self, sink: Sink<'_>) -> Result<Made, SourceError> {
        let failed = |error: RegistryError| SourceError::Failed(Arc::new(error));
        let (registry, repository) = (Arc::clone(&self.registry), self.repository.clone());
        let descriptor = self.descriptor.clone();
        let opened = wait(&self.runtime, async move { fetch(&*registry, &repository, &descriptor).await });
        let stream = opened.ok_or(SourceError::Cancelled)?.map_err(failed)?;
        let mut chunks = Chunks::new(&self.runtime, stream);
        while let Some(chunk) = chunks.next().map_err(|Ended| SourceError::Cancelled)?.map_err(failed)? {
            sink(chunk).map_err(|Cancelled| SourceError::Cancelled)?;
        }
        let Descriptor { digest, size, .. } = self.descriptor;
        Ok(Made { digest, size, diff_id: None })
    }
}
