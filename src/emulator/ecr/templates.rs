//! Repository creation templates, and repositories that are made by them.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html>. A prefix is
//! matched with a `/` after it, the longest that matches is used, and `ROOT` matches what no other one does.

use super::super::app::App;
use super::super::error::ApiError;
use super::super::store::{
    Contents, Encryption, ExclusionFilter, Lifecycle, Mutability, RegistryId, Repository, ResourceTag,
    Template,
};
use super::policy::{self, Attached};
use super::{Call, Paging, epoch, lifecycle, paging, repositories, validate};
use crate::base::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

const BOUNDS: (usize, usize) = (1, 256);
const PURPOSES: [&str; 3] = ["REPLICATION", "PULL_THROUGH_CACHE", "CREATE_ON_PUSH"];
/// Templates of a registry, at most.
const MAX_TEMPLATES: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    prefix: Option<String>,
    description: Option<String>,
    encryption_configuration: Option<Encryption>,
    resource_tags: Option<Vec<ResourceTag>>,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
    repository_policy: Option<String>,
    lifecycle_policy: Option<String>,
    applied_for: Option<Vec<String>>,
    custom_role_arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    registry_id: String,
    repository_creation_template: TemplateOutput,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TemplateOutput {
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    encryption_configuration: Encryption,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_tags: Option<Vec<ResourceTag>>,
    image_tag_mutability: Mutability,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifecycle_policy: Option<String>,
    applied_for: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_role_arn: Option<String>,
    created_at: f64,
    updated_at: f64,
}

fn describe(prefix: String, template: Template) -> TemplateOutput {
    TemplateOutput {
        prefix,
        description: template.description,
        encryption_configuration: template.encryption,
        resource_tags: template.resource_tags,
        image_tag_mutability: template.mutability,
        image_tag_mutability_exclusion_filters: template.exclusion_filters,
        repository_policy: template.repository_policy,
        lifecycle_policy: template.lifecycle_policy,
        applied_for: template.applied_for,
        custom_role_arn: template.custom_role_arn,
        created_at: epoch(template.created_at),
        updated_at: epoch(template.updated_at),
    }
}

/// `template` with what `input` says of it.
fn fill(mut template: Template, input: Input, id: &RegistryId) -> Result<Template, ApiError> {
    validate::text("description", input.description.as_deref(), 256)?;
    validate::text("customRoleArn", input.custom_role_arn.as_deref(), 2048)?;
    if let Some(purposes) = input.applied_for {
        for purpose in &purposes {
            validate::one_of("appliedFor", purpose, &PURPOSES)?;
        }
        template.applied_for = purposes;
    }
    if let Some(wanted) = input.encryption_configuration {
        template.encryption = repositories::encryption(wanted, &id.region, &id.account)?;
    }
    if let Some(text) = input.image_tag_mutability {
        template.mutability = repositories::mutability(&text)?;
        template.exclusion_filters =
            repositories::exclusion_filters(input.image_tag_mutability_exclusion_filters)?;
    }
    repositories::check_exclusion(template.mutability, &template.exclusion_filters)?;
    if let Some(tags) = input.resource_tags {
        template.resource_tags = Some(
            repositories::resource_tags(tags)
                .map_err(|error| ApiError::invalid_parameter("resourceTags", error.message))?,
        );
    }
    // An empty text takes a policy away.
    match input.repository_policy {
        Some(text) if text.is_empty() => template.repository_policy = None,
        Some(text) => template.repository_policy = Some(policy::check(Some(text), Attached::Repository)?),
        None => {}
    }
    match input.lifecycle_policy {
        Some(text) if text.is_empty() => template.lifecycle_policy = None,
        Some(text) => {
            lifecycle::check(&text)?;
            template.lifecycle_policy = Some(text);
        }
        None => {}
    }
    template.description = input.description.or(template.description);
    template.custom_role_arn = input.custom_role_arn.or(template.custom_role_arn);
    let needs_role = template.encryption.encryption_type != "AES256"
        || template.resource_tags.as_ref().is_some_and(|tags| !tags.is_empty());
    if needs_role && template.custom_role_arn.is_none() {
        let text = "A customRoleArn is required for resource tags and for KMS encryption";
        return Err(ApiError::invalid_parameter("customRoleArn", text));
    }
    Ok(template)
}

fn not_found(prefix: &str, account: &str) -> ApiError {
    ApiError::new(
        "TemplateNotFoundException",
        format!(
            "The repository creation template with prefix '{prefix}' does not exist in the registry with id \
             '{account}'"
        ),
    )
}

pub(super) async fn create_repository_creation_template(
    call: &Call,
    input: Input,
) -> Result<Output, ApiError> {
    let id = call.registry(None)?;
    let prefix = validate::prefix("prefix", input.prefix.as_deref(), BOUNDS)?.to_owned();
    if input.applied_for.is_none() {
        return Err(ApiError::invalid_parameter("appliedFor", "Member must not be null"));
    }
    let now = call.now();
    let blank = Template {
        created_at: now,
        updated_at: now,
        applied_for: Vec::new(),
        mutability: Mutability::Mutable,
        exclusion_filters: Vec::new(),
        description: None,
        encryption: Encryption { encryption_type: "AES256".into(), kms_key: None },
        resource_tags: None,
        repository_policy: None,
        lifecycle_policy: None,
        custom_role_arn: None,
    };
    let template = fill(blank, input, &id)?;
    let registry = call.app.store.registry(&id);
    registry.change(|settings| {
        if settings.templates.contains_key(&prefix) {
            let text = format!(
                "The repository creation template with prefix '{prefix}' already exists in the registry with id '{}'",
                id.account
            );
            return Err(ApiError::new("TemplateAlreadyExistsException", text));
        }
        if settings.templates.len() >= MAX_TEMPLATES {
            let text = "The registry has reached the maximum number of repository creation templates";
            return Err(ApiError::new("LimitExceededException", text));
        }
        settings.templates.insert(prefix.clone(), template.clone());
        Ok(())
    })?;
    registry.commit().await?;
    Ok(Output { registry_id: id.account, repository_creation_template: describe(prefix, template) })
}

pub(super) async fn update_repository_creation_template(
    call: &Call,
    input: Input,
) -> Result<Output, ApiError> {
    let id = call.registry(None)?;
    let prefix = validate::prefix("prefix", input.prefix.as_deref(), BOUNDS)?.to_owned();
    let now = call.now();
    let registry = call.app.store.registry(&id);
    let template = registry.change(|settings| {
        let there = settings.templates.get_mut(&prefix).ok_or_else(|| not_found(&prefix, &id.account))?;
        *there = Template { updated_at: now, ..fill(there.clone(), input, &id)? };
        Ok::<Template, ApiError>(there.clone())
    })?;
    registry.commit().await?;
    Ok(Output { registry_id: id.account, repository_creation_template: describe(prefix, template) })
}

pub(super) async fn delete_repository_creation_template(
    call: &Call,
    input: Input,
) -> Result<Output, ApiError> {
    let id = call.registry(None)?;
    let prefix = validate::prefix("prefix", input.prefix.as_deref(), BOUNDS)?.to_owned();
    let registry = call.app.store.registry(&id);
    let template = registry.change(|settings| settings.templates.remove(&prefix));
    registry.commit().await?;
    let template = template.ok_or_else(|| not_found(&prefix, &id.account))?;
    Ok(Output { registry_id: id.account, repository_creation_template: describe(prefix, template) })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeInput {
    prefixes: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeOutput {
    registry_id: String,
    repository_creation_templates: Vec<TemplateOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn describe_repository_creation_templates(
    call: &Call,
    input: DescribeInput,
) -> Result<DescribeOutput, ApiError> {
    let id = call.registry(None)?;
    let registry = call.app.store.registry(&id);
    registry.commit().await?;
    let mut templates = registry.read(|settings| settings.templates.clone());
    let token = input.next_token.as_deref();
    if let Some(prefixes) = &input.prefixes {
        paging::not_with_ids("prefixes", input.max_results, token)?;
        for prefix in prefixes {
            validate::prefix("prefixes", Some(prefix), BOUNDS)?;
        }
        // One that is not there is left out: the operation has no exception for it.
        templates.retain(|prefix, _| prefixes.contains(prefix));
    }
    let scope = format!("{id:?}");
    let paging = Paging::new(&call.app.gate.seal, "DescribeRepositoryCreationTemplates", &scope);
    let all: Vec<(String, Template)> = templates.into_iter().collect();
    let (page, next_token) = paging.page(all, |(prefix, _)| prefix.clone(), input.max_results, token)?;
    let repository_creation_templates =
        page.into_iter().map(|(prefix, template)| describe(prefix, template)).collect();
    Ok(DescribeOutput { registry_id: id.account, repository_creation_templates, next_token })
}

/// The template for a repository of this name that is made for `purpose`.
fn find<'a>(templates: &'a BTreeMap<String, Template>, name: &str, purpose: &str) -> Option<&'a Template> {
    let fits = |prefix: &str| {
        prefix == "ROOT"
            || name.strip_prefix(prefix.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
    };
    let rank = |prefix: &str| if prefix == "ROOT" { 0 } else { prefix.len() };
    templates
        .iter()
        .filter(|(prefix, template)| fits(prefix) && template.applied_for.iter().any(|it| it == purpose))
        .max_by_key(|(prefix, _)| rank(prefix))
        .map(|(_, template)| template)
}

/// A repository as the registry's template for `purpose` makes it, if it has one for this name.
pub(super) fn contents_for(
    app: &App,
    registry: &RegistryId,
    name: &str,
    purpose: &str,
    now: Timestamp,
) -> Option<Contents> {
    let template =
        app.store.registry(registry).read(|settings| find(&settings.templates, name, purpose).cloned())?;
    let mut contents = Contents::new(name.to_owned(), now);
    contents.mutability = template.mutability;
    contents.exclusion_filters = template.exclusion_filters;
    contents.encryption = template.encryption;
    contents.resource_tags = template.resource_tags.unwrap_or_default();
    contents.control.policy = template.repository_policy;
    contents.control.lifecycle =
        template.lifecycle_policy.map(|text| Lifecycle { text, last_evaluated: None });
    Some(contents)
}

/// Whether a push to the repository would make it.
pub(in crate::emulator) fn would_make(app: &App, registry: &RegistryId, name: &str) -> bool {
    app.store.repository(registry, name).is_none()
        && contents_for(app, registry, name, "CREATE_ON_PUSH", app.clock.now()).is_some()
}

/// The repository that is pushed to. If there is none, and a template says so, it is made.
pub(in crate::emulator) async fn for_push(
    app: &App,
    registry: &RegistryId,
    name: &str,
) -> std::io::Result<Option<Arc<Repository>>> {
    if let Some(there) = app.store.repository(registry, name) {
        return Ok(Some(there));
    }
    let Some(contents) = contents_for(app, registry, name, "CREATE_ON_PUSH", app.clock.now()) else {
        return Ok(None);
    };
    let (repository, _) = app.store.create(registry, contents);
    repository.commit().await?;
    Ok(Some(repository))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins_and_root_comes_last() {
        let template = |text: &str, purpose: &str| Template {
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            applied_for: vec![purpose.into()],
            mutability: Mutability::Mutable,
            exclusion_filters: Vec::new(),
            description: Some(text.into()),
            encryption: Encryption { encryption_type: "AES256".into(), kms_key: None },
            resource_tags: None,
            repository_policy: None,
            lifecycle_policy: None,
            custom_role_arn: None,
        };
        let templates = ["ROOT", "shop", "shop/web/"]
            .map(|prefix| (prefix.to_owned(), template(prefix, "CREATE_ON_PUSH")))
            .into_iter()
            .collect();
        let found = |name| find(&templates, name, "CREATE_ON_PUSH").and_then(|it| it.description.as_deref());
        assert_eq!(found("shop/api"), Some("shop"));
        assert_eq!(found("shop/web/front"), Some("shop/web/"));
        assert_eq!(found("shopping"), Some("ROOT"));
        assert_eq!(found("shop"), Some("ROOT"));
        assert!(find(&templates, "shop/api", "REPLICATION").is_none());
    }
}
