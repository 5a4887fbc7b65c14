//! Images on ECR Public: by `/v2/`, but for what its own API tells better.

use super::{EcrPublic, PublicName};
use crate::base::{BlobDigest, ManifestDigest, RepositoryName, Tag};
use crate::registry::ecr::{DIGESTS_A_CALL, LISTED};
use crate::registry::{
    Distribution, Download, ManifestId, OnProgress, Put, Registry, RegistryError, Source, StoredManifest,
    Uploaded,
};
use aws_sdk_ecrpublic::types::LayerAvailability;
use std::collections::HashSet;
use std::sync::Arc;

/// The registry of an account on ECR Public, to push to. Repositories are named `ALIAS/NAME`, as in references.
#[derive(Debug, Clone)]
pub struct PublicImages {
    control: EcrPublic,
    images: Distribution,
}

impl PublicImages {
    /// `images` is the same registry behind `/v2/`.
    pub fn new(control: EcrPublic, images: Distribution) -> Self {
        Self { control, images }
    }

    /// For what is not about images.
    pub fn control(&self) -> &EcrPublic {
        &self.control
    }

    /// The same registry behind `/v2/`.
    pub fn images(&self) -> &Distribution {
        &self.images
    }

    fn name(&self, repository: &RepositoryName) -> Result<PublicName, RegistryError> {
        PublicName::of(self.control.host(), repository)
    }

    /// What `/v2/` refused, in the API's terms: for that `ALIAS/NAME` is the repository `NAME`.
    async fn refused(&self, repository: &RepositoryName, error: RegistryError) -> RegistryError {
        let Ok(name) = self.name(repository) else { return error };
        let error = match error {
            RegistryError::RepositoryNotFound { .. } => RegistryError::RepositoryNotFound {
                registry: format!("{}/{}", self.control.host(), name.alias),
                repository: name.repository.clone(),
            },
            error => error,
        };
        self.control.refused(&name, error).await
    }
}

impl Registry for PublicImages {
    fn host(&self) -> &str {
        self.control.host()
    }

    /// By the API, which answers for a hundred at a time; `/v2/` was seen to refuse `HEAD` of a blob here.
    async fn available(
        &self,
        repository: &RepositoryName,
        digests: &[BlobDigest],
    ) -> Result<HashSet<BlobDigest>, RegistryError> {
        let name = self.name(repository)?;
        let mut available = HashSet::new();
        for digests in digests.chunks(DIGESTS_A_CALL) {
            let answer = self
                .control
                .client
                .batch_check_layer_availability()
                .registry_id(&name.alias)
                .repository_name(name.repository.as_str())
                .set_layer_digests(Some(digests.iter().map(ToString::to_string).collect()))
                .send()
                .await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    let error = self.control.explain_named("BatchCheckLayerAvailability", &name, &error);
                    return Err(self.control.refused(&name, error).await);
                }
            };
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
        match self.images.upload(repository, source, progress).await {
            Err(error) => Err(self.refused(repository, error).await),
            uploaded => uploaded,
        }
    }

    async fn manifests(
        &self,
        repository: &RepositoryName,
        ids: &[ManifestId],
    ) -> Result<Vec<Option<StoredManifest>>, RegistryError> {
        match self.images.manifests(repository, ids).await {
            Err(error) => Err(self.refused(repository, error).await),
            found => found,
        }
    }

    async fn newest(&self, repository: &RepositoryName) -> Result<Option<ManifestDigest>, RegistryError> {
        let name = self.name(repository)?;
        let answer = self
            .control
            .client
            .describe_images()
            .repository_name(name.repository.as_str())
            .max_results(LISTED)
            .send()
            .await;
        let answer = match answer.map_err(|error| self.control.explain_named("DescribeImages", &name, &error))
        {
            Ok(answer) => answer,
            // The call takes no alias, so it is about the account's own registry, and tells nothing of another one's.
            Err(RegistryError::Denied { .. } | RegistryError::RepositoryNotFound { .. }) => return Ok(None),
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
        match self.images.put_manifest(repository, manifest, tag).await {
            Err(error) => Err(self.refused(repository, error).await),
            put => put,
        }
    }

    async fn download(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
    ) -> Result<Download, RegistryError> {
        self.images.download(repository, digest).await
    }

    async fn mount(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
        from: &RepositoryName,
    ) -> Result<bool, RegistryError> {
        self.images.mount(repository, digest, from).await
    }
}
