//! The blobs of a repository as code reads them that knows nothing of networks.

use super::bridge::{ChunkReader, Chunks, wait};
use super::{ManifestId, Registry, RegistryError};
use crate::base::{BlobDigest, RepositoryName};
use crate::image::{BlobReader, Blobs};
use std::io;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The manifests and blobs of one repository. Only to be read on threads that may block. An error of a registry is inside
/// the [`io::Error`]; see [`RegistryError::inside`].
#[derive(Debug)]
pub struct RemoteBlobs<R> {
    registry: Arc<R>,
    repository: RepositoryName,
    runtime: Handle,
}

impl<R: Registry> RemoteBlobs<R> {
    /// What `registry` has in `repository`, got on `runtime`.
    pub fn new(registry: impl Into<Arc<R>>, repository: RepositoryName, runtime: Handle) -> Self {
        Self { registry: registry.into(), repository, runtime }
    }
}

impl<R: Registry + 'static> Blobs for RemoteBlobs<R> {
    fn open(&self, digest: &BlobDigest) -> io::Result<Option<BlobReader>> {
        let (registry, repository) = (Arc::clone(&self.registry), self.repository.clone());
        let (runtime, digest) = (self.runtime.clone(), *digest);
        let opened = wait(&self.runtime, async move {
            // Manifests are not among a registry's blobs, and a digest does not tell which of the two it is of. Blobs
            // come first: there are more of them, and Docker's own registry answers with a server error when it is
            // asked for a manifest by the digest of a blob.
            match registry.download(&repository, &digest).await {
                Ok(stream) => {
                    let reader = ChunkReader::from(Chunks::new(&runtime, stream));
                    return Ok(Some(Box::new(reader) as BlobReader));
                }
                // The codes of ECR's API, of the distribution API, and of registries that give none with a 404.
                Err(RegistryError::Refused { code, .. })
                    if ["LayersNotFoundException", "BLOB_UNKNOWN", "NOT_FOUND"].contains(&code.as_str()) => {}
                Err(error) => return Err(error),
            }
            let manifest = registry.manifest(&repository, &ManifestId::Digest(digest.into())).await?;
            Ok(manifest.map(|manifest| Box::new(io::Cursor::new(manifest.bytes)) as BlobReader))
        });
        match opened {
            Some(opened) => opened.map_err(io::Error::other),
            None => Err(io::Error::other("the program is ending")),
        }
    }
}
