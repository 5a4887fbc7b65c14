//! The calls about a repository of a private registry.

use super::document::PolicyKind;
use super::place::{Contents, Made};
use super::plan::New;
use super::settings::{Described, DescribedSettings, Encryption, Mutability};
use crate::base::{RepositoryName, Timestamp};
use crate::registry::ecr::{Ecr, explain};
use crate::registry::{Registry as _, RegistryError};
use aws_sdk_ecr::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::create_repository::CreateRepositoryError;
use aws_sdk_ecr::operation::delete_lifecycle_policy::DeleteLifecyclePolicyError;
use aws_sdk_ecr::operation::delete_repository_policy::DeleteRepositoryPolicyError;
use aws_sdk_ecr::operation::describe_repositories::DescribeRepositoriesError;
use aws_sdk_ecr::operation::get_lifecycle_policy::GetLifecyclePolicyError;
use aws_sdk_ecr::operation::get_repository_policy::GetRepositoryPolicyError;
use aws_sdk_ecr::types::{
    DescribeImagesFilter, EncryptionConfiguration, EncryptionType, ImageScanningConfiguration,
    ImageStatusFilter, ImageTagMutability, ImageTagMutabilityExclusionFilter,
    ImageTagMutabilityExclusionFilterType, Repository, Tag,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::Unit;
use std::collections::BTreeMap;

/// Results of one page, at most.
const PAGE: i32 = 1000;

/// All repositories of the registry, in the order of their names.
pub async fn list(ecr: &Ecr) -> Result<Vec<Described>, RegistryError> {
    let mut pages = ecr
        .client()
        .describe_repositories()
        .set_registry_id(registry_id(ecr))
        .max_results(PAGE)
        .into_paginator()
        .items()
        .send();
    let mut all = Vec::new();
    while let Some(repository) = pages.next().await {
        let repository =
            repository.map_err(|error| explain("DescribeRepositories", ecr.host().to_owned(), &error))?;
        all.push(described(repository));
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

fn registry_id(ecr: &Ecr) -> Option<String> {
    ecr.registry_id().map(str::to_owned)
}

fn described(repository: Repository) -> Described {
    let filters = repository.image_tag_mutability_exclusion_filters.unwrap_or_default();
    let mutability = Mutability {
        setting: repository
            .image_tag_mutability
            .map_or_else(|| "MUTABLE".to_owned(), |setting| setting.as_str().to_owned()),
        exclusions: filters.into_iter().map(|filter| filter.filter).collect(),
    };
    let encryption = match repository.encryption_configuration {
        Some(encryption) => {
            Encryption { kind: encryption.encryption_type.as_str().to_owned(), key: encryption.kms_key }
        }
        None => Encryption { kind: "AES256".to_owned(), key: None },
    };
    let scan_on_push = repository.image_scanning_configuration.is_some_and(|scanning| scanning.scan_on_push);
    Described {
        arn: repository.repository_arn.unwrap_or_default(),
        registry_id: repository.registry_id.unwrap_or_default(),
        name: repository.repository_name.unwrap_or_default(),
        uri: repository.repository_uri.unwrap_or_default(),
        created_at: repository.created_at.and_then(|time| timestamp(&time)),
        settings: Some(DescribedSettings { mutability, scan_on_push, encryption }),
    }
}

pub(super) fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    // A number with a fraction came over the wire, whose last digits mean nothing.
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()?.round(Unit::Millisecond).ok()
}

/// What was answered, or nothing if `is_absent` says that it is not there.
fn found<T, E>(
    answer: Result<T, SdkError<E, HttpResponse>>,
    is_absent: impl Fn(&E) -> bool,
    explain: impl FnOnce(&SdkError<E, HttpResponse>) -> RegistryError,
) -> Result<Option<T>, RegistryError>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.as_service_error().is_some_and(is_absent) => Ok(None),
        Err(error) => Err(explain(&error)),
    }
}

pub(super) async fn describe(ecr: &Ecr, name: &RepositoryName) -> Result<Option<Described>, RegistryError> {
    let answer = ecr
        .client()
        .describe_repositories()
        .set_registry_id(registry_id(ecr))
        .repository_names(name.as_str())
        .send()
        .await;
    let explain = |error: &_| ecr.explain("DescribeRepositories", name, error);
    let answer = found(answer, DescribeRepositoriesError::is_repository_not_found_exception, explain)?;
    let Some(answer) = answer else { return Ok(None) };
    match answer.repositories.and_then(|all| all.into_iter().next()) {
        Some(repository) => Ok(Some(described(repository))),
        None => Err(RegistryError::Nonsense {
            operation: "DescribeRepositories",
            resource: format!("{}/{name}", ecr.host()),
            what: "no repository, and no error".to_owned(),
        }),
    }
}

pub(super) async fn policy(
    ecr: &Ecr,
    name: &RepositoryName,
    kind: PolicyKind,
) -> Result<Option<String>, RegistryError> {
    match kind {
        PolicyKind::Access => {
            let request = ecr.client().get_repository_policy().set_registry_id(registry_id(ecr));
            let answer = request.repository_name(name.as_str()).send().await;
            let explain = |error: &_| ecr.explain("GetRepositoryPolicy", name, error);
            let answer =
                found(answer, GetRepositoryPolicyError::is_repository_policy_not_found_exception, explain)?;
            Ok(answer.and_then(|answer| answer.policy_text))
        }
        PolicyKind::Lifecycle => {
            let request = ecr.client().get_lifecycle_policy().set_registry_id(registry_id(ecr));
            let answer = request.repository_name(name.as_str()).send().await;
            let explain = |error: &_| ecr.explain("GetLifecyclePolicy", name, error);
            let answer =
                found(answer, GetLifecyclePolicyError::is_lifecycle_policy_not_found_exception, explain)?;
            Ok(answer.and_then(|answer| answer.lifecycle_policy_text))
        }
    }
}

pub(super) async fn tags(
    ecr: &Ecr,
    name: &RepositoryName,
    arn: &str,
) -> Result<BTreeMap<String, String>, RegistryError> {
    let answer = ecr.client().list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.map_err(|error| ecr.explain("ListTagsForResource", name, &error))?;
    Ok(answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
}

fn resource_tags(tags: &BTreeMap<String, String>) -> Result<Option<Vec<Tag>>, BuildError> {
    if tags.is_empty() {
        return Ok(None);
    }
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map(Some)
}

fn filters(of: &Mutability) -> Result<Option<Vec<ImageTagMutabilityExclusionFilter>>, BuildError> {
    if of.exclusions.is_empty() {
        return Ok(None);
    }
    let filter = |filter: &String| {
        ImageTagMutabilityExclusionFilter::builder()
            .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
            .filter(filter)
            .build()
    };
    of.exclusions.iter().map(filter).collect::<Result<_, _>>().map(Some)
}

pub(super) async fn create(ecr: &Ecr, name: &RepositoryName, new: &New) -> Result<Made, RegistryError> {
    let New { mutability, scan_on_push, encryption, tags, catalog: _ } = new;
    let invalid = |error: BuildError| invalid("CreateRepository", ecr, name, &error);
    let mut request = ecr
        .client()
        .create_repository()
        .set_registry_id(registry_id(ecr))
        .repository_name(name.as_str())
        .set_tags(resource_tags(tags).map_err(invalid)?);
    if let Some(mutability) = mutability {
        request = request
            .image_tag_mutability(ImageTagMutability::from(mutability.setting.as_str()))
            .set_image_tag_mutability_exclusion_filters(filters(mutability).map_err(invalid)?);
    }
    if let Some(scan) = scan_on_push {
        let scanning = ImageScanningConfiguration::builder().scan_on_push(*scan).build();
        request = request.image_scanning_configuration(scanning);
    }
    if let Some(encryption) = encryption {
        let encryption = EncryptionConfiguration::builder()
            .encryption_type(EncryptionType::from(encryption.kind.as_str()))
            .set_kms_key(encryption.key.clone())
            .build()
            .map_err(invalid)?;
        request = request.encryption_configuration(encryption);
    }
    match request.send().await {
        Ok(answer) => match answer.repository {
            Some(repository) => Ok(Made::New(Box::new(described(repository)))),
            None => Ok(Made::Done),
        },
        Err(error) => match error.as_service_error() {
            Some(CreateRepositoryError::RepositoryAlreadyExistsException(_)) => Ok(Made::WasThere),
            _ => Err(ecr.explain("CreateRepository", name, &error)),
        },
    }
}

fn invalid(operation: &'static str, ecr: &Ecr, name: &RepositoryName, error: &BuildError) -> RegistryError {
    let what = error.to_string();
    RegistryError::Nonsense { operation, resource: format!("{}/{name}", ecr.host()), what }
}

pub(super) async fn put_mutability(
    ecr: &Ecr,
    name: &RepositoryName,
    to: &Mutability,
) -> Result<(), RegistryError> {
    const OPERATION: &str = "PutImageTagMutability";
    let request = ecr
        .client()
        .put_image_tag_mutability()
        .set_registry_id(registry_id(ecr))
        .repository_name(name.as_str())
        .image_tag_mutability(ImageTagMutability::from(to.setting.as_str()))
        .set_image_tag_mutability_exclusion_filters(
            filters(to).map_err(|error| invalid(OPERATION, ecr, name, &error))?,
        );
    request.send().await.map(drop).map_err(|error| ecr.explain(OPERATION, name, &error))
}

pub(super) async fn put_scanning(ecr: &Ecr, name: &RepositoryName, to: bool) -> Result<(), RegistryError> {
    let request = ecr
        .client()
        .put_image_scanning_configuration()
        .set_registry_id(registry_id(ecr))
        .repository_name(name.as_str())
        .image_scanning_configuration(ImageScanningConfiguration::builder().scan_on_push(to).build());
    let explain = |error| ecr.explain("PutImageScanningConfiguration", name, &error);
    request.send().await.map(drop).map_err(explain)
}

pub(super) async fn set_policy(
    ecr: &Ecr,
    name: &RepositoryName,
    kind: PolicyKind,
    text: &str,
    force: bool,
) -> Result<(), RegistryError> {
    match kind {
        PolicyKind::Access => {
            let request = ecr.client().set_repository_policy().set_registry_id(registry_id(ecr));
            let request = request.repository_name(name.as_str()).policy_text(text);
            let request = request.set_force(force.then_some(true));
            let explain = |error| ecr.explain("SetRepositoryPolicy", name, &error);
            request.send().await.map(drop).map_err(explain)
        }
        PolicyKind::Lifecycle => {
            let request = ecr.client().put_lifecycle_policy().set_registry_id(registry_id(ecr));
            let request = request.repository_name(name.as_str()).lifecycle_policy_text(text);
            let explain = |error| ecr.explain("PutLifecyclePolicy", name, &error);
            request.send().await.map(drop).map_err(explain)
        }
    }
}

/// One that is not there is one that was removed.
pub(super) async fn delete_policy(
    ecr: &Ecr,
    name: &RepositoryName,
    kind: PolicyKind,
) -> Result<(), RegistryError> {
    match kind {
        PolicyKind::Access => {
            let request = ecr.client().delete_repository_policy().set_registry_id(registry_id(ecr));
            let answer = request.repository_name(name.as_str()).send().await;
            let explain = |error: &_| ecr.explain("DeleteRepositoryPolicy", name, error);
            found(answer, DeleteRepositoryPolicyError::is_repository_policy_not_found_exception, explain)
                .map(drop)
        }
        PolicyKind::Lifecycle => {
            let request = ecr.client().delete_lifecycle_policy().set_registry_id(registry_id(ecr));
            let answer = request.repository_name(name.as_str()).send().await;
            let explain = |error: &_| ecr.explain("DeleteLifecyclePolicy", name, error);
            found(answer, DeleteLifecyclePolicyError::is_lifecycle_policy_not_found_exception, explain)
                .map(drop)
        }
    }
}

pub(super) async fn tag(
    ecr: &Ecr,
    name: &RepositoryName,
    arn: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), RegistryError> {
    const OPERATION: &str = "TagResource";
    let tags = resource_tags(tags).map_err(|error| invalid(OPERATION, ecr, name, &error))?;
    let request = ecr.client().tag_resource().resource_arn(arn).set_tags(tags);
    request.send().await.map(drop).map_err(|error| ecr.explain(OPERATION, name, &error))
}

pub(super) async fn untag(
    ecr: &Ecr,
    name: &RepositoryName,
    arn: &str,
    keys: Vec<String>,
) -> Result<(), RegistryError> {
    let request = ecr.client().untag_resource().resource_arn(arn).set_tag_keys(Some(keys));
    request.send().await.map(drop).map_err(|error| ecr.explain("UntagResource", name, &error))
}

pub(super) async fn contents(ecr: &Ecr, name: &RepositoryName) -> Result<Contents, RegistryError> {
    let mut images = ecr
        .client()
        .describe_images()
        .set_registry_id(registry_id(ecr))
        .repository_name(name.as_str())
        .filter(DescribeImagesFilter::builder().image_status(ImageStatusFilter::Any).build())
        .max_results(PAGE)
        .into_paginator()
        .items()
        .send();
    let mut contents = Contents::default();
    while let Some(image) = images.next().await {
        let image = image.map_err(|error| ecr.explain("DescribeImages", name, &error))?;
        contents.add(
            image.image_tags().len(),
            image.image_manifest_media_type(),
            image.image_size_in_bytes(),
            image.image_pushed_at(),
        );
    }
    Ok(contents)
}

impl Contents {
    /// Counts an image.
    pub(super) fn add(
        &mut self,
        tags: usize,
        media_type: Option<&str>,
        bytes: Option<i64>,
        pushed_at: Option<&aws_smithy_types::DateTime>,
    ) {
        self.images += 1;
        self.tags += tags;
        // The size of an index is that of an image in it, which is counted by itself.
        if !media_type.is_some_and(|kind| crate::base::MediaType::from(kind).is_index()) {
            self.bytes += bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
        }
        self.newest = self.newest.max(pushed_at.and_then(timestamp));
    }
}

pub(super) async fn delete(ecr: &Ecr, name: &RepositoryName, force: bool) -> Result<(), RegistryError> {
    let request = ecr.client().delete_repository().set_registry_id(registry_id(ecr));
    let request = request.repository_name(name.as_str()).set_force(force.then_some(true));
    request.send().await.map(drop).map_err(|error| ecr.explain("DeleteRepository", name, &error))
}
