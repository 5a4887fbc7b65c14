//! An image that was found in a registry.

use super::read::fetch_document;
use super::{AnyRegistry, ManifestId, RegistryError, RemoteBlobs, StoredManifest};
use crate::base::{Reference, RepositoryName};
use crate::image::Descriptor;
use std::sync::Arc;
use tokio::runtime::Handle;

/// An image or index that a registry holds: its manifest is here, everything else can be read.
#[derive(Debug, Clone)]
pub struct RemoteImage {
    /// As the user wrote it.
    pub written: String,
    /// Where it was found, in full: with the registry's host, and that of the mirror if it came from there.
    pub name: Reference,
    /// The registry.
    pub registry: Arc<AnyRegistry>,
    /// Which image of its repository was asked for.
    pub id: ManifestId,
    /// Its manifest, or the index. If it was asked for by its digest, it has that digest.
    pub manifest: StoredManifest,
}

impl RemoteImage {
    /// The repository that it is in.
    pub fn repository(&self) -> &RepositoryName {
        &self.name.repository
    }

    /// Its blobs, for code that knows nothing of networks and runs on threads that may block. What is read is
    /// not checked; see [`Verified`](crate::image::Verified).
    pub fn blobs(&self, runtime: Handle) -> RemoteBlobs<AnyRegistry> {
        RemoteBlobs::new(Arc::clone(&self.registry), self.repository().clone(), runtime)
    }

    /// A small blob of it, checked: a config.
    pub async fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        fetch_document(&*self.registry, self.repository(), descriptor).await
    }
}
