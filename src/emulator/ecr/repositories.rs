//! Repositories: making and describing them, and the tags that they carry as AWS resources.

use super::super::error::{ApiError, Place};
use super::super::store::{Contents, Encryption, ExclusionFilter, Mutability, Repository, ResourceTag};
use super::{Call, Paging, epoch, paging, validate};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRepositoryInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    tags: Option<Vec<ResourceTag>>,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
    image_scanning_configuration: Option<ScanningConfiguration>,
    encryption_configuration: Option<Encryption>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScanningConfiguration {
    #[serde(default)]
    pub(super) scan_on_push: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct CreateRepositoryOutput {
    repository: RepositoryOutput,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepositoryOutput {
    repository_arn: String,
    registry_id: String,
    repository_name: String,
    repository_uri: String,
    created_at: f64,
    image_tag_mutability: Mutability,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
    image_scanning_configuration: ScanningConfiguration,
    encryption_configuration: Encryption,
}

pub(super) fn describe(call: &Call, repository: &Repository) -> RepositoryOutput {
    let registry = repository.registry();
    repository.read(|contents| RepositoryOutput {
        repository_arn: arn(&registry.region, &registry.account, &contents.name),
        registry_id: registry.account.clone(),
        repository_name: contents.name.clone(),
        repository_uri: format!("{}/{}", call.app.registry_host(), contents.name),
        created_at: epoch(contents.created_at),
        image_tag_mutability: contents.mutability,
        image_tag_mutability_exclusion_filters: contents.exclusion_filters.clone(),
        image_scanning_configuration: ScanningConfiguration { scan_on_push: contents.scan_on_push },
        encryption_configuration: contents.encryption.clone(),
    })
}

pub(super) fn arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:ecr:{region}:{account}:repository/{name}")
}

pub(super) async fn create_repository(
    call: &Call,
    input: CreateRepositoryInput,
) -> Result<CreateRepositoryOutput, ApiError> {
    let registry = call.registry(input.registry_id.as_deref())?;
    let name = validate::repository_name("repositoryName", input.repository_name.as_deref())?;
    call.annotate(|note| note.repository = Some(name.to_owned()));
    let mut contents = Contents::new(name.to_owned(), call.now());
    contents.exclusion_filters = exclusion_filters(input.image_tag_mutability_exclusion_filters)?;
    if let Some(text) = &input.image_tag_mutability {
        contents.mutability = mutability(text)?;
    }
    check_exclusion(contents.mutability, &contents.exclusion_filters)?;
    contents.scan_on_push = input.image_scanning_configuration.is_some_and(|scanning| scanning.scan_on_push);
    if let Some(wanted) = input.encryption_configuration {
        contents.encryption = encryption(wanted, &registry.region, &registry.account)?;
    }
    contents.resource_tags = resource_tags(input.tags.unwrap_or_default())?;

    call.check_repositories(&registry, name)?;
    let (repository, new) = call.app.store.create(&registry, contents);
    repository.commit().await?;
    if new {
        Ok(CreateRepositoryOutput { repository: describe(call, &repository) })
    } else {
        Err(repository.place().repository_already_exists())
    }
}

pub(super) fn mutability(text: &str) -> Result<Mutability, ApiError> {
    serde_json::from_value(text.into()).map_err(|_| {
        ApiError::invalid_parameter(
            "imageTagMutability",
            "Member must satisfy enum value set: [IMMUTABLE, MUTABLE, MUTABLE_WITH_EXCLUSION, \
             IMMUTABLE_WITH_EXCLUSION]",
        )
    })
}

const FILTERS: &str = "imageTagMutabilityExclusionFilters";

pub(super) fn exclusion_filters(
    filters: Option<Vec<ExclusionFilter>>,
) -> Result<Vec<ExclusionFilter>, ApiError> {
    let Some(filters) = filters else { return Ok(Vec::new()) };
    validate::count(FILTERS, filters.len(), 1, 5)?;
    for filter in &filters {
        if filter.filter_type != "WILDCARD" {
            let text = "Member must satisfy enum value set: [WILDCARD]";
            return Err(ApiError::invalid_parameter(&format!("{FILTERS}.filterType"), text));
        }
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._*-".contains(&byte);
        if !(1..=128).contains(&filter.filter.len()) || !filter.filter.bytes().all(legal) {
            let text = "must satisfy regular expression '^[0-9a-zA-Z._*-]{1,128}'";
            return Err(ApiError::invalid_parameter(&format!("{FILTERS}.filter"), text));
        }
    }
    Ok(filters)
}

/// Filters come with the two settings that have exclusions, and with no other.
pub(super) fn check_exclusion(mutability: Mutability, filters: &[ExclusionFilter]) -> Result<(), ApiError> {
    let (value, wants) = match mutability {
        Mutability::Mutable => ("MUTABLE", false),
        Mutability::Immutable => ("IMMUTABLE", false),
        Mutability::ImmutableWithExclusion => ("IMMUTABLE_WITH_EXCLUSION", true),
        Mutability::MutableWithExclusion => ("MUTABLE_WITH_EXCLUSION", true),
    };
    let is = match (wants, filters.is_empty()) {
        (true, true) => "can't be null",
        (false, false) => "must be null",
        _ => return Ok(()),
    };
    Err(ApiError::invalid_parameter(
        FILTERS,
        format!("ImageTagMutabilityExclusionFilters {is} when imageTagMutability is set as {value}"),
    ))
}

/// Without a key, KMS encryption uses the account's own for ECR, which has an id like any other.
pub(super) fn encryption(
    mut wanted: Encryption,
    region: &str,
    account: &str,
) -> Result<Encryption, ApiError> {
    match wanted.encryption_type.as_str() {
        "AES256" if wanted.kms_key.is_some() => {
            let text = "KMS key must not be specified when encryption type is AES256";
            return Err(ApiError::invalid_parameter("encryptionConfiguration", text));
        }
        "AES256" => {}
        "KMS" | "KMS_DSSE" => {
            let key = wanted.kms_key.get_or_insert_with(|| {
                format!("arn:aws:kms:{region}:{account}:key/{}", uuid::Uuid::new_v4())
            });
            validate::count("encryptionConfiguration.kmsKey", key.len(), 1, 2048)?;
        }
        _ => {
            let text = "Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]";
            return Err(ApiError::invalid_parameter("encryptionConfiguration.encryptionType", text));
        }
    }
    Ok(wanted)
}

pub(super) fn resource_tags(tags: Vec<ResourceTag>) -> Result<Vec<ResourceTag>, ApiError> {
    let invalid = |text: String| Err(ApiError::new("InvalidTagParameterException", text));
    if tags.len() > 50 {
        return Err(ApiError::new("TooManyTagsException", "The resource can have at most 50 tags"));
    }
    for (index, tag) in tags.iter().enumerate() {
        if !(1..=128).contains(&tag.key.chars().count()) || tag.value.chars().count() > 256 {
            return invalid(format!("The tag with key '{}' is too long or has no key", tag.key));
        }
        if tag.key.to_lowercase().starts_with("aws:") {
            return invalid(format!("The tag key '{}' is reserved: it starts with aws:", tag.key));
        }
        if tags[..index].iter().any(|other| other.key == tag.key) {
            return invalid(format!("The tag key '{}' is given twice", tag.key));
        }
    }
    Ok(tags)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeRepositoriesInput {
    registry_id: Option<String>,
    repository_names: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeRepositoriesOutput {
    repositories: Vec<RepositoryOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn describe_repositories(
    call: &Call,
    input: DescribeRepositoriesInput,
) -> Result<DescribeRepositoriesOutput, ApiError> {
    let registry = call.registry(input.registry_id.as_deref())?;
    let token = input.next_token.as_deref();
    let (found, next_token) = if let Some(names) = &input.repository_names {
        paging::not_with_ids("repositoryNames", input.max_results, token)?;
        validate::count("repositoryNames", names.len(), 1, 100)?;
        if let [only] = names.as_slice() {
            call.annotate(|note| note.repository = Some(only.clone()));
        }
        let mut found = Vec::new();
        for name in names {
            validate::repository_name("repositoryNames", Some(name))?;
            let place = Place { repository: name, account: &registry.account };
            found.push(
                call.app.store.repository(&registry, name).ok_or_else(|| place.repository_not_found())?,
            );
        }
        (found, None)
    } else {
        let scope = format!("{}/{}", registry.account, registry.region);
        let all = call.app.store.repositories(&registry);
        Paging::new(&call.app.gate.seal, "DescribeRepositories", &scope).page(
            all,
            |repository| repository.name().to_owned(),
            input.max_results,
            token,
        )?
    };
    for repository in &found {
        repository.commit().await?;
    }
    let repositories = found.iter().map(|repository| describe(call, repository)).collect();
    Ok(DescribeRepositoriesOutput { repositories, next_token })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListTagsForResourceInput {
    resource_arn: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ListTagsForResourceOutput {
    tags: Vec<ResourceTag>,
}

pub(super) async fn list_tags_for_resource(
    call: &Call,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, ApiError> {
    let repository = resource(call, input.resource_arn)?;
    repository.commit().await?;
    Ok(ListTagsForResourceOutput { tags: repository.read(|contents| contents.resource_tags.clone()) })
}

/// The repository that an ARN names.
pub(super) fn resource(call: &Call, arn: Option<String>) -> Result<Arc<Repository>, ApiError> {
    let resource = validate::required("resourceArn", arn)?;
    let wrong = || ApiError::invalid_parameter("resourceArn", "Invalid ARN");
    let [_, _, "ecr", region, account, path] = resource.splitn(6, ':').collect::<Vec<_>>()[..] else {
        return Err(wrong());
    };
    let name = path.strip_prefix("repository/").filter(|_| region == call.caller.region).ok_or_else(wrong)?;
    call.repository(Some(account), Some(name))
}
