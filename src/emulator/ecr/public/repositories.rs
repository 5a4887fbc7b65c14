//! Public repositories: made, described, deleted; their policies, and the tags that they carry as AWS resources.

use super::super::super::error::{ApiError, Place};
use super::super::super::store::{Contents, Repository, ResourceTag};
use super::super::repositories::resource_tags;
use super::super::{Call, Paging, epoch, paging, validate};
use super::catalog::{CatalogInput, CatalogOutput};
use super::{arn, registry_uri};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Characters of a repository's name; private ones may have 256.
const MAX_NAME: usize = 205;
/// Characters of a policy.
const MAX_POLICY: usize = 10_240;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryOutput {
    repository_arn: String,
    registry_id: String,
    repository_name: String,
    repository_uri: String,
    created_at: f64,
}

fn describe(call: &Call, repository: &Repository) -> RepositoryOutput {
    let account = &repository.registry().account;
    RepositoryOutput {
        repository_arn: arn(account, repository.name()),
        registry_id: account.clone(),
        repository_name: repository.name().to_owned(),
        repository_uri: format!("{}/{}", registry_uri(&call.app, account), repository.name()),
        created_at: epoch(repository.read(|contents| contents.created_at)),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateInput {
    repository_name: Option<String>,
    catalog_data: Option<CatalogInput>,
    tags: Option<Vec<ResourceTag>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateOutput {
    repository: RepositoryOutput,
    catalog_data: CatalogOutput,
}

pub(super) async fn create_repository(call: &Call, input: CreateInput) -> Result<CreateOutput, ApiError> {
    let registry = call.registry(None)?;
    let name = validate::repository_name("repositoryName", input.repository_name.as_deref())?;
    validate::count("repositoryName", name.chars().count(), 2, MAX_NAME)?;
    let mut contents = Contents::new(name.to_owned(), call.now());
    contents.resource_tags = resource_tags(input.tags.unwrap_or_default())?;
    contents.public.catalog = input.catalog_data.unwrap_or_default().check(&call.app)?;
    call.check_repositories(&registry, name)?;
    let (repository, new) = call.app.store.create(&registry, contents);
    repository.commit().await?;
    if !new {
        return Err(repository.place().repository_already_exists());
    }
    let catalog_data = repository.read(|contents| CatalogOutput::new(&call.app, &contents.public.catalog));
    Ok(CreateOutput { repository: describe(call, &repository), catalog_data })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    #[serde(default)]
    force: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct DeleteOutput {
    repository: RepositoryOutput,
}

pub(super) async fn delete_repository(call: &Call, input: DeleteInput) -> Result<DeleteOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let output = describe(call, &repository);
    let allowed = |contents: &Contents| input.force || contents.images.is_empty();
    if call.app.store.delete(&repository, allowed).await? {
        return Ok(DeleteOutput { repository: output });
    }
    let Place { repository: name, account } = repository.place();
    Err(ApiError::new(
        "RepositoryNotEmptyException",
        format!(
            "The repository with name '{name}' in registry with id '{account}' cannot be deleted because it still \
             contains images"
        ),
    ))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeInput {
    registry_id: Option<String>,
    repository_names: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeOutput {
    repositories: Vec<RepositoryOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn describe_repositories(
    call: &Call,
    input: DescribeInput,
) -> Result<DescribeOutput, ApiError> {
    let registry = call.registry(input.registry_id.as_deref())?;
    let token = input.next_token.as_deref();
    let (found, next_token) = if let Some(names) = &input.repository_names {
        paging::not_with_ids("repositoryNames", input.max_results, token)?;
        validate::count("repositoryNames", names.len(), 1, 100)?;
        let named = names.iter().map(|name| call.repository(input.registry_id.as_deref(), Some(name)));
        (named.collect::<Result<Vec<_>, _>>()?, None)
    } else {
        let all = call.app.store.repositories(&registry);
        let paging = Paging::new(&call.app.gate.seal, "public DescribeRepositories", &registry.account);
        paging.page(all, |repository| repository.name().to_owned(), input.max_results, token)?
    };
    for repository in &found {
        repository.commit().await?;
    }
    let repositories = found.iter().map(|repository| describe(call, repository)).collect();
    Ok(DescribeOutput { repositories, next_token })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SetPolicyInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    policy_text: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyOutput {
    registry_id: String,
    repository_name: String,
    policy_text: String,
}

/// What is answered about a repository's policy; without one, the exception for that.
fn policy(repository: &Repository, text: Option<String>) -> Result<PolicyOutput, ApiError> {
    let Place { repository: name, account } = repository.place();
    let policy_text = text.ok_or_else(|| {
        ApiError::new(
            "RepositoryPolicyNotFoundException",
            format!(
                "Repository policy does not exist for the repository with name '{name}' in the registry with id \
                 '{account}'"
            ),
        )
    })?;
    Ok(PolicyOutput { registry_id: account.to_owned(), repository_name: name.to_owned(), policy_text })
}

pub(super) async fn set_repository_policy(
    call: &Call,
    input: SetPolicyInput,
) -> Result<PolicyOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let text = validate::required("policyText", input.policy_text)?;
    validate::count("policyText", text.chars().count(), 0, MAX_POLICY)?;
    let document: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    if document.is_none_or(|document| document.get("Statement").is_none()) {
        return Err(ApiError::invalid_parameter("PolicyText", "Invalid repository policy provided"));
    }
    repository.change(|contents| contents.public.policy = Some(text.clone()));
    repository.commit().await?;
    policy(&repository, Some(text))
}

pub(super) async fn get_repository_policy(call: &Call, input: PolicyInput) -> Result<PolicyOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    repository.commit().await?;
    policy(&repository, repository.read(|contents| contents.public.policy.clone()))
}

pub(super) async fn delete_repository_policy(
    call: &Call,
    input: PolicyInput,
) -> Result<PolicyOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let text = repository.change(|contents| contents.public.policy.take());
    repository.commit().await?;
    policy(&repository, text)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListTagsInput {
    resource_arn: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ListTagsOutput {
    tags: Vec<ResourceTag>,
}

#[derive(Debug, Serialize)]
pub(super) struct NoOutput {}

/// The repository that an ARN names.
fn resource(call: &Call, resource_arn: Option<String>) -> Result<Arc<Repository>, ApiError> {
    let resource = validate::required("resourceArn", resource_arn)?;
    let wrong = || ApiError::invalid_parameter("resourceArn", "Invalid ARN");
    let [_, _, "ecr-public", "", account, path] = resource.splitn(6, ':').collect::<Vec<_>>()[..] else {
        return Err(wrong());
    };
    let name = path.strip_prefix("repository/").ok_or_else(wrong)?;
    call.repository(Some(account), Some(name))
}

pub(super) async fn list_tags_for_resource(
    call: &Call,
    input: ListTagsInput,
) -> Result<ListTagsOutput, ApiError> {
    let repository = resource(call, input.resource_arn)?;
    repository.commit().await?;
    Ok(ListTagsOutput { tags: repository.read(|contents| contents.resource_tags.clone()) })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagInput {
    resource_arn: Option<String>,
    tags: Option<Vec<ResourceTag>>,
}

pub(super) async fn tag_resource(call: &Call, input: TagInput) -> Result<NoOutput, ApiError> {
    let repository = resource(call, input.resource_arn)?;
    let new = resource_tags(validate::required("tags", input.tags)?)?;
    repository.change(|contents| {
        let kept = contents.resource_tags.iter().filter(|tag| new.iter().all(|other| other.key != tag.key));
        let all: Vec<ResourceTag> = kept.chain(&new).cloned().collect();
        contents.resource_tags = resource_tags(all)?;
        Ok::<_, ApiError>(())
    })?;
    repository.commit().await?;
    Ok(NoOutput {})
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UntagInput {
    resource_arn: Option<String>,
    tag_keys: Option<Vec<String>>,
}

pub(super) async fn untag_resource(call: &Call, input: UntagInput) -> Result<NoOutput, ApiError> {
    let repository = resource(call, input.resource_arn)?;
    let keys = validate::required("tagKeys", input.tag_keys)?;
    repository.change(|contents| contents.resource_tags.retain(|tag| !keys.contains(&tag.key)));
    repository.commit().await?;
    Ok(NoOutput {})
}
