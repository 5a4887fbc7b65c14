//! One registry of any kind, for callers that learn from a reference which kind it is.

use super::ecr::Ecr;
use super::ecr_public::PublicImages;
use super::{
    Distribution, Download, ManifestId, OnProgress, Put, Registry, RegistryError, Source, StoredManifest,
    Uploaded,
};
use crate::base::{BlobDigest, ManifestDigest, RepositoryName, Tag};
use std::collections::HashSet;
use std::sync::Arc;

/// A registry, and how it is talked to.
#[derive(Debug, Clone)]
pub enum AnyRegistry {
    /// ECR, with its own API.
    Ecr(Ecr),
    /// ECR, whose images go through `/v2/`. That can't create repositories, which remains with its own API.
    EcrDistribution {
        /// For repositories.
        control: Ecr,
        /// For images.
        images: Distribution,
    },
    /// ECR Public, to push to. To be read it is like any other registry.
    EcrPublic(PublicImages),
    /// Any other registry.
    Distribution(Distribution),
}

/// Does the same with whichever registry it is.
macro_rules! each {
    ($this:ident, $registry:ident => $does:expr) => {
        match $this {
            Self::Ecr($registry) => $does,
            Self::EcrPublic($registry) => $does,
            Self::EcrDistribution { images: $registry, .. } | Self::Distribution($registry) => $does,
        }
    };
}

impl Registry for AnyRegistry {
    fn host(&self) -> &str {
        each!(self, registry => registry.host())
    }

    async fn available(
        &self,
        repository: &RepositoryName,
        digests: &[BlobDigest],
    ) -> Result<HashSet<BlobDigest>, RegistryError> {
        each!(self, registry => registry.available(repository, digests).await)
    }

    async fn upload(
        &self,
        repository: &RepositoryName,
        source: Arc<dyn Source>,
        progress: OnProgress,
    ) -> Result<Uploaded, RegistryError> {
        each!(self, registry => registry.upload(repository, source, progress).await)
    }

    async fn manifests(
        &self,
        repository: &RepositoryName,
        ids: &[ManifestId],
    ) -> Result<Vec<Option<StoredManifest>>, RegistryError> {
        each!(self, registry => registry.manifests(repository, ids).await)
    }

    async fn newest(&self, repository: &RepositoryName) -> Result<Option<ManifestDigest>, RegistryError> {
        each!(self, registry => registry.newest(repository).await)
    }

    async fn put_manifest(
        &self,
        repository: &RepositoryName,
        manifest: &StoredManifest,
        tag: Option<&Tag>,
    ) -> Result<Put, RegistryError> {
        each!(self, registry => registry.put_manifest(repository, manifest, tag).await)
    }

    async fn download(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
    ) -> Result<Download, RegistryError> {
        each!(self, registry => registry.download(repository, digest).await)
    }

    async fn mount(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
        from: &RepositoryName,
    ) -> Result<bool, RegistryError> {
        each!(self, registry => registry.mount(repository, digest, from).await)
    }
}
