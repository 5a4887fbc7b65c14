//! Making the repository that is pushed to.

use super::Ecr;
use crate::base::RepositoryName;
use crate::registry::RegistryError;
use aws_sdk_ecr::operation::create_repository::CreateRepositoryError;
use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
    ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType,
};

/// How a repository is to be made; what is not set is ECR's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRepository {
    /// `MUTABLE`, `IMMUTABLE`, `IMMUTABLE_WITH_EXCLUSION`, `MUTABLE_WITH_EXCLUSION`.
    pub tag_mutability: Option<String>,
    /// Wildcards that except tags from `tag_mutability`.
    pub tag_mutability_exclusions: Vec<String>,
    /// Whether each image is scanned when it arrives.
    pub scan_on_push: Option<bool>,
    /// `AES256`, `KMS` or `KMS_DSSE`, with the key.
    pub encryption: Option<(String, Option<String>)>,
    /// The text of a lifecycle policy.
    pub lifecycle: Option<String>,
}

impl NewRepository {
    /// The settings, by their names in `consign.yaml`, that no repository of ECR Public can have.
    pub fn private_only(&self) -> Vec<&'static str> {
        let Self { tag_mutability, tag_mutability_exclusions, scan_on_push, encryption, lifecycle } = self;
        // Tags can be moved there, and nothing is scanned: who asks for just that, has it.
        let fixes_tags = tag_mutability.as_deref().is_some_and(|setting| setting != "MUTABLE");
        let wanted = [
            ("tagMutability", fixes_tags || !tag_mutability_exclusions.is_empty()),
            ("scanOnPush", *scan_on_push == Some(true)),
            ("encryption", encryption.is_some()),
            ("lifecycle", lifecycle.is_some()),
        ];
        wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect()
    }
}

impl Ecr {
    /// Makes the repository if `DescribeRepositories` says that it is absent, and tells whether it did. Only then
    /// is the permission to create one needed.
    pub async fn ensure_repository(
        &self,
        repository: &RepositoryName,
        settings: &NewRepository,
    ) -> Result<bool, RegistryError> {
        let found = self
            .client
            .describe_repositories()
            .set_registry_id(self.registry_id.clone())
            .repository_names(repository.as_str())
            .send()
            .await;
        let error = match found {
            Ok(_) => return Ok(false),
            Err(error) => self.explain("DescribeRepositories", repository, &error),
        };
        if !matches!(error, RegistryError::RepositoryNotFound { .. }) {
            return Err(error);
        }
        self.create(repository, settings).await
    }

    async fn create(
        &self,
        repository: &RepositoryName,
        settings: &NewRepository,
    ) -> Result<bool, RegistryError> {
        let NewRepository { tag_mutability, tag_mutability_exclusions, scan_on_push, encryption, lifecycle } =
            settings;
        let invalid = |error: aws_sdk_ecr::error::BuildError| {
            self.nonsense("CreateRepository", repository, error.to_string())
        };
        let mut request = self
            .client
            .create_repository()
            .set_registry_id(self.registry_id.clone())
            .repository_name(repository.as_str());
        if let Some(mutability) = tag_mutability {
            request = request.image_tag_mutability(ImageTagMutability::from(mutability.as_str()));
        }
        for filter in tag_mutability_exclusions {
            let filter = ImageTagMutabilityExclusionFilter::builder()
                .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
                .filter(filter)
                .build()
                .map_err(invalid)?;
            request = request.image_tag_mutability_exclusion_filters(filter);
        }
        if let Some(scan) = scan_on_push {
            let scanning = ImageScanningConfiguration::builder().scan_on_push(*scan).build();
            request = request.image_scanning_configuration(scanning);
        }
        if let Some((kind, key)) = encryption {
            let encryption = EncryptionConfiguration::builder()
                .encryption_type(EncryptionType::from(kind.as_str()))
                .set_kms_key(key.clone())
                .build()
                .map_err(invalid)?;
            request = request.encryption_configuration(encryption);
        }
        if let Err(error) = request.send().await {
            // Someone else was faster, or an earlier answer of this very call was lost.
            return match error.as_service_error() {
                Some(CreateRepositoryError::RepositoryAlreadyExistsException(_)) => Ok(false),
                _ => Err(self.explain("CreateRepository", repository, &error)),
            };
        }
        if let Some(policy) = lifecycle {
            self.client
                .put_lifecycle_policy()
                .set_registry_id(self.registry_id.clone())
                .repository_name(repository.as_str())
                .lifecycle_policy_text(policy)
                .send()
                .await
                .map_err(|error| self.explain("PutLifecyclePolicy", repository, &error))?;
        }
        Ok(true)
    }
}
