//! ECR's own API: layer parts and `PutImage`
//! (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/Welcome.html>).

mod failure;
mod layer;
mod part;
mod upload;

pub(super) use failure::code;
pub use failure::explain;

use crate::auth::Session;
use crate::base::{Backoff, BlobDigest, ManifestDigest, MediaType, RepositoryName, Tag};
use crate::registry::download::download;
use crate::registry::{
    Distribution, Download, ManifestId, OnProgress, Put, Registry, RegistryError, Source, StoredManifest,
    Uploaded,
};
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::put_image::PutImageError;
use aws_sdk_ecr::types::{Image, ImageFailureCode, ImageIdentifier, LayerAvailability};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use layer::Layer;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Memory that parts may take in all, in bytes of their requests.
const PART_MEMORY: u64 = 64 * 1024 * 1024;
/// The unit of the semaphore that counts that memory.
const MEMORY_UNIT: u64 = 1024;
/// ECR takes 10 `PutImage` a second for an account and region; half of that leaves room for others
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html>).
const PUT_IMAGE_PACE: Duration = Duration::from_millis(200);
/// Digests a call, by the API's model.
pub(super) const DIGESTS_A_CALL: usize = 100;
/// Images that are listed, the most for one call.
pub(super) const LISTED: i32 = 1000;
/// Images a call, by the API's model.
const IMAGES_A_CALL: usize = 100;
/// How long no byte of a layer may come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A private ECR registry.
#[derive(Debug, Clone)]
pub struct Ecr {
    client: aws_sdk_ecr::Client,
    http: reqwest::Client,
    backoff: Backoff,
    host: String,
    registry_id: Option<String>,
    memory: Arc<Semaphore>,
    /// When the next `PutImage` may go.
    next_put: Arc<Mutex<Option<Instant>>>,
    patience: Duration,
    mounts: Option<Arc<Mounts>>,
}

/// The same registry behind `/v2/`.
#[derive(Debug)]
struct Mounts {
    images: Distribution,
    /// It was tried, and that way is closed.
    given_up: AtomicBool,
}

impl Ecr {
    /// The registry of `account`, or of the session's own account, in `region`. `host` is its name for people.
    pub fn new(session: &Session, host: String, account: Option<String>, region: &str) -> Self {
        let permits = usize::try_from(PART_MEMORY / MEMORY_UNIT).expect("invariant: a small constant");
        Self {
            client: session.ecr(region),
            http: session.http().clone(),
            backoff: session.backoff(),
            host,
            registry_id: account,
            memory: Arc::new(Semaphore::new(permits)),
            next_put: Arc::default(),
            patience: PATIENCE,
            mounts: None,
        }
    }

    /// Lets blobs be mounted, for which `images` is asked: the same registry behind `/v2/`, and in no hurry to try
    /// again, as what can't be mounted is uploaded.
    #[must_use]
    pub fn mounting_with(self, images: Distribution) -> Self {
        Self { mounts: Some(Arc::new(Mounts { images, given_up: AtomicBool::new(false) })), ..self }
    }

    /// Waits no longer than this for bytes of a layer before it asks for the rest of them.
    #[must_use]
    pub fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Speaks to it, for calls that are not about layers and images.
    pub fn client(&self) -> &aws_sdk_ecr::Client {
        &self.client
    }

    /// Its account, if it is not the session's own.
    pub fn registry_id(&self) -> Option<&str> {
        self.registry_id.as_deref()
    }

    /// Room for a part of `size` bytes.
    async fn reserve(&self, size: u64) -> OwnedSemaphorePermit {
        // A part that is larger than all the memory goes alone.
        let bytes = (size.div_ceil(3) * 4).min(PART_MEMORY);
        let units = u32::try_from(bytes.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX);
        Arc::clone(&self.memory).acquire_many_owned(units).await.expect("invariant: it is never closed")
    }

    /// Ours for the SDK's errors; a missing repository is the one that users meet most.
    pub fn explain<E>(
        &self,
        operation: &'static str,
        repository: &RepositoryName,
        error: &SdkError<E, HttpResponse>,
    ) -> RegistryError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        if failure::code(error) == Some("RepositoryNotFoundException") {
            return RegistryError::RepositoryNotFound {
                repository: repository.clone(),
                registry: self.host.clone(),
            };
        }
        failure::explain(operation, format!("{}/{repository}", self.host), error)
    }

    /// Waits until another `PutImage` may go.
    async fn pace(&self) {
        let mut next = self.next_put.lock().await;
        if let Some(at) = *next {
            tokio::time::sleep_until(at).await;
        }
        *next = Some(Instant::now() + PUT_IMAGE_PACE);
    }

    /// `PutImage` answered that something is there already: the same is success, anything else is not.
    async fn settle(
        &self,
        repository: &RepositoryName,
        manifest: &StoredManifest,
        tag: Option<&Tag>,
        error: &SdkError<PutImageError, HttpResponse>,
    ) -> Result<Put, RegistryError> {
        let pushed = manifest.digest();
        let Some(tag) = tag else { return Ok(Put::Unchanged) };
        let existing = self.digest_of(repository, tag).await?;
        match existing {
            Some(existing) if existing == pushed => Ok(Put::Unchanged),
            Some(existing) => Err(RegistryError::TagImmutable {
                repository: repository.clone(),
                tag: tag.clone(),
                existing,
                pushed,
            }),
            None => Err(self.explain("PutImage", repository, error)),
        }
    }

    /// What `tag` points at.
    async fn digest_of(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<ManifestDigest>, RegistryError> {
        let manifest = self.manifest(repository, &ManifestId::Tag(tag.clone())).await?;
        Ok(manifest.map(|manifest| manifest.digest()))
    }

    /// The manifest in an answer, which must have the digest that the answer gives it.
    fn stored(&self, repository: &RepositoryName, image: &Image) -> Result<StoredManifest, RegistryError> {
        let bytes = image.image_manifest().unwrap_or_default().as_bytes().to_vec();
        let media_type = image.image_manifest_media_type().map_or(MediaType::OCI_MANIFEST, MediaType::from);
        let manifest = StoredManifest { bytes, media_type };
        let claimed = image.image_id().and_then(ImageIdentifier::image_digest).unwrap_or_default();
        if claimed == manifest.digest().to_string() {
            return Ok(manifest);
        }
        Err(RegistryError::Corrupt {
            what: format!("a manifest of {}/{repository}", self.host),
            expected: claimed.to_owned(),
            found: manifest.digest().to_string(),
        })
    }

    fn nonsense(&self, operation: &'static str, repository: &RepositoryName, what: String) -> RegistryError {
        RegistryError::Nonsense { operation, resource: format!("{}/{repository}", self.host), what }
    }
}

/// Whether an answer's image is the one that was asked for.
fn is_about(image: &Image, id: &ManifestId) -> bool {
    let found = image.image_id();
    match id {
        ManifestId::Tag(tag) => found.and_then(ImageIdentifier::image_tag) == Some(tag.as_str()),
        ManifestId::Digest(digest) => {
            found.and_then(ImageIdentifier::image_digest) == Some(digest.to_string().as_str())
        }
    }
}

impl Registry for Ecr {
    fn host(&self) -> &str {
        &self.host
    }

    async fn available(
        &self,
        repository: &RepositoryName,
        digests: &[BlobDigest],
    ) -> Result<HashSet<BlobDigest>, RegistryError> {
        let mut available = HashSet::new();
        for digests in digests.chunks(DIGESTS_A_CALL) {
            let answer = self
                .client
                .batch_check_layer_availability()
                .set_registry_id(self.registry_id.clone())
                .repository_name(repository.as_str())
                .set_layer_digests(Some(digests.iter().map(ToString::to_string).collect()))
                .send()
                .await
                .map_err(|error| self.explain("BatchCheckLayerAvailability", repository, &error))?;
            // A layer that is not there comes as UNAVAILABLE or as a failure; both mean that it must be sent.
            for layer in answer.layers() {
                if layer.layer_availability() == Some(&LayerAvailability::Available)
                    && let Some(Ok(digest)) = layer.layer_digest().map(str::parse)
                {
                    available.insert(digest);
                }
            }
        }
        Ok(available)
    }

    async fn upload(
        &self,
        repository: &RepositoryName,
        source: Arc<dyn Source>,
        progress: OnProgress,
    ) -> Result<Uploaded, RegistryError> {
        self.upload_layer(repository, source, progress).await
    }

    async fn manifests(
        &self,
        repository: &RepositoryName,
        ids: &[ManifestId],
    ) -> Result<Vec<Option<StoredManifest>>, RegistryError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IMAGES_A_CALL) {
            let image_ids = ids.iter().map(|id| match id {
                ManifestId::Tag(tag) => ImageIdentifier::builder().image_tag(tag.as_str()).build(),
                ManifestId::Digest(digest) => {
                    ImageIdentifier::builder().image_digest(digest.to_string()).build()
                }
            });
            let answer = self
                .client
                .batch_get_image()
                .set_registry_id(self.registry_id.clone())
                .repository_name(repository.as_str())
                .set_image_ids(Some(image_ids.collect()))
                .set_accepted_media_types(Some(MediaType::MANIFESTS.map(|kind| kind.to_string()).to_vec()))
                .send()
                .await
                .map_err(|error| self.explain("BatchGetImage", repository, &error))?;
            for failure in answer.failures() {
                if failure.failure_code() != Some(&ImageFailureCode::ImageNotFound) {
                    return Err(RegistryError::Refused {
                        operation: "BatchGetImage",
                        resource: format!("{}/{repository}", self.host),
                        code: failure.failure_code().map(ToString::to_string).unwrap_or_default(),
                        message: failure.failure_reason().unwrap_or("ECR gave no reason").to_owned(),
                        request: String::new(),
                    });
                }
            }
            for id in ids {
                let image = answer.images().iter().find(|image| is_about(image, id));
                found.push(image.map(|image| self.stored(repository, image)).transpose()?);
            }
        }
        Ok(found)
    }

    async fn newest(&self, repository: &RepositoryName) -> Result<Option<ManifestDigest>, RegistryError> {
        // ECR lists in no order. One page of a thousand is cheap, and in a repository with more images any recent
        // one will do: a cache need not be the best one.
        let answer = self
            .client
            .describe_images()
            .set_registry_id(self.registry_id.clone())
            .repository_name(repository.as_str())
            .max_results(LISTED)
            .send()
            .await;
        let answer = match answer.map_err(|error| self.explain("DescribeImages", repository, &error)) {
            Ok(answer) => answer,
            Err(RegistryError::Denied { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let newest = answer
            .image_details()
            .iter()
            .max_by_key(|image| image.image_pushed_at().map(|time| (time.secs(), time.subsec_nanos())));
        Ok(newest.and_then(|image| image.image_digest()?.parse().ok()))
    }

    async fn put_manifest(
        &self,
        repository: &RepositoryName,
        manifest: &StoredManifest,
        tag: Option<&Tag>,
    ) -> Result<Put, RegistryError> {
        let text = String::from_utf8(manifest.bytes.clone()).map_err(|_| {
            self.nonsense("PutImage", repository, "the manifest to be sent is not UTF-8".into())
        })?;
        self.pace().await;
        let answer = self
            .client
            .put_image()
            .set_registry_id(self.registry_id.clone())
            .repository_name(repository.as_str())
            .image_manifest(text)
            .image_manifest_media_type(manifest.media_type.as_str())
            .image_digest(manifest.digest().to_string())
            .set_image_tag(tag.map(ToString::to_string))
            .send()
            .await;
        let Err(error) = answer else { return Ok(Put::Stored) };
        match error.as_service_error() {
            Some(
                PutImageError::ImageAlreadyExistsException(_)
                | PutImageError::ImageTagAlreadyExistsException(_),
            ) => self.settle(repository, manifest, tag, &error).await,
            _ => Err(self.explain("PutImage", repository, &error)),
        }
    }

    async fn download(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
    ) -> Result<Download, RegistryError> {
        download(Layer { ecr: self.clone(), repository: repository.clone(), digest: *digest }).await
    }

    /// ECR's own API has no such operation: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html>
    /// describes it for `/v2/` alone, for accounts that have switched it on, for repositories of one registry with the
    /// same encryption, and for blobs that an image uses.
    async fn mount(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
        from: &RepositoryName,
    ) -> Result<bool, RegistryError> {
        let Some(mounts) = self.mounts.as_ref().filter(|mounts| !mounts.given_up.load(Ordering::Relaxed))
        else {
            return Ok(false);
        };
        match mounts.images.mount(repository, digest, from).await {
            Ok(mounted) => Ok(mounted),
            // A network may let one through to the API alone, and a role may lack the permission for the password.
            Err(error) => {
                tracing::debug!("nothing can be mounted: {error}");
                mounts.given_up.store(true, Ordering::Relaxed);
                Ok(false)
            }
        }
    }
}
