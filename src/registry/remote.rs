//! The blobs of a repository as code reads them that knows nothing of networks.

use super::{ManifestId, Registry, RegistryError};
use crate::base::{BlobDigest, RepositoryName};
use crate::image::{BlobReader, Blobs};
use futures::TryStreamExt as _;
use std::io;
use tokio::runtime::Handle;
use tokio_util::io::{StreamReader, SyncIoBridge};

/// The manifests and blobs of one repository. Only to be read on threads that may block.
#[derive(Debug)]
pub struct RemoteBlobs<R> {
    registry: R,
    repository: RepositoryName,
    runtime: Handle,
}

impl<R: Registry> RemoteBlobs<R> {
    /// What `registry` has in `repository`, got on `runtime`.
    pub fn new(registry: R, repository: RepositoryName, runtime: Handle) -> Self {
        Self { registry, repository, runtime }
    }
}

impl<R: Registry> Blobs for RemoteBlobs<R> {
    fn open(&self, digest: &BlobDigest) -> io::Result<Option<BlobReader>> {
        let repository = &self.repository;
        self.runtime.block_on(async {
            // Manifests are not among a registry's blobs, and a digest does not tell which of the two it is of. Blobs
            // come first: there are more of them, and Docker's own registry answers with a server error when it is
            // asked for a manifest by the digest of a blob.
            match self.registry.download(repository, digest).await {
                Ok(stream) => {
                    let reader = StreamReader::new(stream.map_err(io::Error::other));
                    let bridge = SyncIoBridge::new_with_handle(reader, self.runtime.clone());
                    return Ok(Some(Box::new(bridge) as BlobReader));
                }
                // The codes of ECR's API, of the distribution API, and of registries that give none with a 404.
                Err(RegistryError::Refused { code, .. })
                    if ["LayersNotFoundException", "BLOB_UNKNOWN", "NOT_FOUND"].contains(&code.as_str()) => {}
                Err(error) => return Err(io::Error::other(error)),
            }
            let id = ManifestId::Digest((*digest).into());
            let manifest = self.registry.manifest(repository, &id).await.map_err(io::Error::other)?;
            Ok(manifest.map(|manifest| Box::new(io::Cursor::new(manifest.bytes)) as BlobReader))
        })
    }
}
