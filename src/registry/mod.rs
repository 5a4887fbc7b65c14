//! Registries: what is there, sending blobs and manifests, and getting them.
//!
//! [`Registry`] is what the later rooms see; [`ecr`] speaks ECR's own API (layer parts, `PutImage`), [`ecr_public`] that
//! of ECR Public, [`distribution`] the API of all registries (`/v2/`), and [`AnyRegistry`] is any of them. A blob's
//! bytes come from a [`Source`], which can make them as often as it is asked, so a broken upload starts anew
//! without a temporary copy. Nothing here decides what is built.

mod any;
mod bridge;
pub mod bundle;
pub mod distribution;
mod download;
pub mod ecr;
pub mod ecr_public;
pub mod error;
mod feed;
pub mod image;
pub mod read;
pub mod remote;
pub mod save;
mod share;
pub mod source;
mod web;

pub use any::AnyRegistry;
pub use bridge::wait;
pub use bundle::{Bundle, Member};
pub use distribution::Distribution;
pub use error::RegistryError;
pub use image::RemoteImage;
pub use read::{RemoteSource, fetch, fetch_document};
pub use remote::RemoteBlobs;
pub use save::save;
pub use share::share;
pub use source::{Cancelled, Made, Memory, Sink, Source, SourceError};
pub use web::{Web, WebError};

use crate::base::{BlobDigest, ManifestDigest, MediaType, RepositoryName, Tag};
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;

/// A manifest or index as a registry stores it: exact bytes and their type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// The bytes that are hashed.
    pub bytes: Vec<u8>,
    /// Their type.
    pub media_type: MediaType,
}

impl StoredManifest {
    /// The digest of the bytes.
    pub fn digest(&self) -> ManifestDigest {
        ManifestDigest::of(&self.bytes)
    }
}

/// What became of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uploaded {
    /// Digests and size of what the source gave.
    pub made: Made,
    /// Bytes that were sent; 0 if the registry had the blob already.
    pub sent: u64,
}

/// What became of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The manifest is new, or the tag was moved to it.
    Stored,
    /// It was all there already.
    Unchanged,
}

/// Which manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestId {
    /// Whatever the tag points at.
    Tag(Tag),
    /// This one.
    Digest(ManifestDigest),
}

impl std::fmt::Display for ManifestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "{tag}"),
            Self::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

/// How far an upload is; called often and from the middle of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes more are stored.
    Sent(u64),
    /// The upload broke and starts anew.
    Restarted,
}

/// Takes [`Progress`].
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// A stream of a blob's bytes.
pub type Download = Pin<Box<dyn futures::Stream<Item = Result<bytes::Bytes, RegistryError>> + Send>>;

/// One registry. Methods can be called in parallel.
pub trait Registry: Send + Sync {
    /// The registry's name, as it stands in front of a repository.
    fn host(&self) -> &str;

    /// Which of `digests` the repository has.
    fn available(
        &self,
        repository: &RepositoryName,
        digests: &[BlobDigest],
    ) -> impl Future<Output = Result<HashSet<BlobDigest>, RegistryError>> + Send;

    /// Sends what `source` makes, unless the repository has it.
    fn upload(
        &self,
        repository: &RepositoryName,
        source: Arc<dyn Source>,
        progress: OnProgress,
    ) -> impl Future<Output = Result<Uploaded, RegistryError>> + Send;

    /// The manifests that are there, in the order of `ids`.
    fn manifests(
        &self,
        repository: &RepositoryName,
        ids: &[ManifestId],
    ) -> impl Future<Output = Result<Vec<Option<StoredManifest>>, RegistryError>> + Send;

    /// The manifest, or none if there is none.
    fn manifest(
        &self,
        repository: &RepositoryName,
        id: &ManifestId,
    ) -> impl Future<Output = Result<Option<StoredManifest>, RegistryError>> + Send {
        async move { Ok(self.manifests(repository, std::slice::from_ref(id)).await?.pop().flatten()) }
    }

    /// The image that was pushed last, as far as one call can tell; none if there is none, or if listing is not
    /// allowed.
    fn newest(
        &self,
        repository: &RepositoryName,
    ) -> impl Future<Output = Result<Option<ManifestDigest>, RegistryError>> + Send;

    /// Stores a manifest whose blobs are all there, under `tag` or, without one, under its digest alone.
    fn put_manifest(
        &self,
        repository: &RepositoryName,
        manifest: &StoredManifest,
        tag: Option<&Tag>,
    ) -> impl Future<Output = Result<Put, RegistryError>> + Send;

    /// The bytes of a blob.
    fn download(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
    ) -> impl Future<Output = Result<Download, RegistryError>> + Send;

    /// Gives `repository` a blob that `from`, another repository of the same registry, has; no byte of it is sent. False
    /// if the registry does not do that, for whatever reason: then it has to be uploaded.
    fn mount(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
        from: &RepositoryName,
    ) -> impl Future<Output = Result<bool, RegistryError>> + Send;
}

/// What several share.
impl<R: Registry> Registry for Arc<R> {
    fn host(&self) -> &str {
        (**self).host()
    }

    async fn available(
        &self,
        repository: &RepositoryName,
        digests: &[BlobDigest],
    ) -> Result<HashSet<BlobDigest>, RegistryError> {
        (**self).available(repository, digests).await
    }

    async fn upload(
        &self,
        repository: &RepositoryName,
        source: Arc<dyn Source>,
        progress: OnProgress,
    ) -> Result<Uploaded, RegistryError> {
        (**self).upload(repository, source, progress).await
    }

    async fn manifests(
        &self,
        repository: &RepositoryName,
        ids: &[ManifestId],
    ) -> Result<Vec<Option<StoredManifest>>, RegistryError> {
        (**self).manifests(repository, ids).await
    }

    async fn newest(&self, repository: &RepositoryName) -> Result<Option<ManifestDigest>, RegistryError> {
        (**self).newest(repository).await
    }

    async fn put_manifest(
        &self,
        repository: &RepositoryName,
        manifest: &StoredManifest,
        tag: Option<&Tag>,
    ) -> Result<Put, RegistryError> {
        (**self).put_manifest(repository, manifest, tag).await
    }

    async fn download(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
    ) -> Result<Download, RegistryError> {
        (**self).download(repository, digest).await
    }

    async fn mount(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
        from: &RepositoryName,
    ) -> Result<bool, RegistryError> {
        (**self).mount(repository, digest, from).await
    }
}
