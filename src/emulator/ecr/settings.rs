//! Settings of a repository after it was made: its policy, its tags' mutability, scanning, its own tags.

use super::super::error::ApiError;
use super::super::store::{ExclusionFilter, Mutability, ResourceTag};
use super::policy::{self, Attached};
use super::repositories::{self, ScanningConfiguration};
use super::{Call, Nothing, validate};
use serde::{Deserialize, Serialize};

/// What most calls about a repository take.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepositoryInput {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SetPolicyInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    policy_text: Option<String>,
    force: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyOutput {
    registry_id: String,
    repository_name: String,
    policy_text: String,
}

pub(super) async fn set_repository_policy(
    call: &Call,
    input: SetPolicyInput,
) -> Result<PolicyOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let policy_text = policy::check(input.policy_text, Attached::Repository)?;
    if !input.force.unwrap_or(false) && policy::locks_out(&policy_text, &call.caller.session.account) {
        let text =
            "The policy would prevent you from setting another policy in the future; use force to set it";
        return Err(ApiError::invalid_parameter("PolicyText", text));
    }
    repository.change(|contents| contents.control.policy = Some(policy_text.clone()));
    repository.commit().await?;
    Ok(PolicyOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        policy_text,
    })
}

const NO_POLICY: (&str, &str) = ("RepositoryPolicyNotFoundException", "Repository policy");

pub(super) async fn get_repository_policy(
    call: &Call,
    input: RepositoryInput,
) -> Result<PolicyOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    repository.commit().await?;
    let found = repository.read(|contents| contents.control.policy.clone());
    Ok(PolicyOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        policy_text: found.ok_or_else(|| repository.place().none_set(NO_POLICY.0, NO_POLICY.1))?,
    })
}

pub(super) async fn delete_repository_policy(
    call: &Call,
    input: RepositoryInput,
) -> Result<PolicyOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let found = repository.change(|contents| contents.control.policy.take());
    repository.commit().await?;
    Ok(PolicyOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        policy_text: found.ok_or_else(|| repository.place().none_set(NO_POLICY.0, NO_POLICY.1))?,
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MutabilityInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MutabilityOutput {
    registry_id: String,
    repository_name: String,
    image_tag_mutability: Mutability,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
}

pub(super) async fn put_image_tag_mutability(
    call: &Call,
    input: MutabilityInput,
) -> Result<MutabilityOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let text = validate::required("imageTagMutability", input.image_tag_mutability)?;
    let mutability = repositories::mutability(&text)?;
    let filters = repositories::exclusion_filters(input.image_tag_mutability_exclusion_filters)?;
    repositories::check_exclusion(mutability, &filters)?;
    repository.change(|contents| {
        contents.mutability = mutability;
        contents.exclusion_filters.clone_from(&filters);
    });
    repository.commit().await?;
    Ok(MutabilityOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        image_tag_mutability: mutability,
        image_tag_mutability_exclusion_filters: filters,
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScanningInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_scanning_configuration: Option<ScanningConfiguration>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScanningOutput {
    registry_id: String,
    repository_name: String,
    image_scanning_configuration: ScanningConfiguration,
}

pub(super) async fn put_image_scanning_configuration(
    call: &Call,
    input: ScanningInput,
) -> Result<ScanningOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let wanted = validate::required("imageScanningConfiguration", input.image_scanning_configuration)?;
    repository.change(|contents| contents.scan_on_push = wanted.scan_on_push);
    repository.commit().await?;
    Ok(ScanningOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        image_scanning_configuration: wanted,
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagInput {
    resource_arn: Option<String>,
    tags: Option<Vec<ResourceTag>>,
}

pub(super) async fn tag_resource(call: &Call, input: TagInput) -> Result<Nothing, ApiError> {
    let repository = repositories::resource(call, input.resource_arn)?;
    let new = repositories::resource_tags(validate::required("tags", input.tags)?)?;
    repository.change(|contents| {
        let mut tags = contents.resource_tags.clone();
        tags.retain(|tag| new.iter().all(|other| other.key != tag.key));
        tags.extend(new);
        contents.resource_tags = repositories::resource_tags(tags)?;
        Ok::<(), ApiError>(())
    })?;
    repository.commit().await?;
    Ok(Nothing {})
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UntagInput {
    resource_arn: Option<String>,
    tag_keys: Option<Vec<String>>,
}

pub(super) async fn untag_resource(call: &Call, input: UntagInput) -> Result<Nothing, ApiError> {
    let repository = repositories::resource(call, input.resource_arn)?;
    let keys = validate::required("tagKeys", input.tag_keys)?;
    repository.change(|contents| contents.resource_tags.retain(|tag| !keys.contains(&tag.key)));
    repository.commit().await?;
    Ok(Nothing {})
}
