//! The calls about a repository of ECR Public. Their names are those of private registries; what they take is not.

use super::document::PolicyKind;
use super::place::{Contents, Made};
use super::plan::New;
use super::private::timestamp;
use super::settings::{Catalog, Described, WantedCatalog};
use crate::base::failure::causes;
use crate::registry::RegistryError;
use crate::registry::ecr_public::{EcrPublic, PublicName};
use aws_sdk_ecrpublic::operation::create_repository::CreateRepositoryError;
use aws_sdk_ecrpublic::operation::delete_repository_policy::DeleteRepositoryPolicyError;
use aws_sdk_ecrpublic::operation::get_repository_catalog_data::GetRepositoryCatalogDataError;
use aws_sdk_ecrpublic::operation::get_repository_policy::GetRepositoryPolicyError;
use aws_sdk_ecrpublic::primitives::Blob;
use aws_sdk_ecrpublic::types::{Repository, RepositoryCatalogDataInput, Tag};
use std::collections::BTreeMap;

/// Results of one page, at most.
const PAGE: i32 = 1000;
/// Bytes of a logo (<https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_RepositoryCatalogDataInput.html>).
const MAX_LOGO: usize = 512_000;

/// All repositories of the registry, in the order of their names.
pub async fn list(ecr: &EcrPublic) -> Result<Vec<Described>, RegistryError> {
    let mut pages = ecr.client().describe_repositories().max_results(PAGE).into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(repository) = pages.next().await {
        let repository = repository.map_err(|error| ecr.explain_registry("DescribeRepositories", &error))?;
        all.push(described(repository));
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

fn described(repository: Repository) -> Described {
    Described {
        arn: repository.repository_arn.unwrap_or_default(),
        registry_id: repository.registry_id.unwrap_or_default(),
        name: repository.repository_name.unwrap_or_default(),
        uri: repository.repository_uri.unwrap_or_default(),
        created_at: repository.created_at.and_then(|time| timestamp(&time)),
        settings: None,
    }
}

pub(super) async fn describe(ecr: &EcrPublic, name: &PublicName) -> Result<Option<Described>, RegistryError> {
    let answer = ecr.client().describe_repositories().repository_names(name.repository.as_str()).send().await;
    match answer {
        Ok(answer) => Ok(answer.repositories.unwrap_or_default().into_iter().next().map(described)),
        Err(error) => match ecr.explain_named("DescribeRepositories", name, &error) {
            RegistryError::RepositoryNotFound { .. } => Ok(None),
            error => Err(error),
        },
    }
}

/// There are no lifecycle policies here.
pub(super) async fn policy(
    ecr: &EcrPublic,
    name: &PublicName,
    kind: PolicyKind,
) -> Result<Option<String>, RegistryError> {
    if kind == PolicyKind::Lifecycle {
        return Ok(None);
    }
    let request = ecr.client().get_repository_policy().repository_name(name.repository.as_str());
    match request.send().await {
        Ok(answer) => Ok(answer.policy_text),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(GetRepositoryPolicyError::is_repository_policy_not_found_exception) =>
        {
            Ok(None)
        }
        Err(error) => Err(ecr.explain_named("GetRepositoryPolicy", name, &error)),
    }
}

pub(super) async fn tags(
    ecr: &EcrPublic,
    name: &PublicName,
    arn: &str,
) -> Result<BTreeMap<String, String>, RegistryError> {
    let answer = ecr.client().list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.map_err(|error| ecr.explain_named("ListTagsForResource", name, &error))?;
    let tags = answer.tags.unwrap_or_default().into_iter();
    Ok(tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect())
}

/// What the gallery shows without the logo, and where the logo is.
pub(super) async fn catalog(
    ecr: &EcrPublic,
    name: &PublicName,
) -> Result<(Catalog, Option<String>), RegistryError> {
    let request = ecr.client().get_repository_catalog_data().repository_name(name.repository.as_str());
    let data = match request.send().await {
        Ok(answer) => answer.catalog_data,
        // Nobody has described it yet.
        Err(error)
            if error.as_service_error().is_some_and(
                GetRepositoryCatalogDataError::is_repository_catalog_data_not_found_exception,
            ) =>
        {
            None
        }
        Err(error) => return Err(ecr.explain_named("GetRepositoryCatalogData", name, &error)),
    };
    let Some(data) = data else { return Ok((Catalog::default(), None)) };
    let catalog = Catalog {
        description: data.description,
        about_text: data.about_text,
        usage_text: data.usage_text,
        operating_systems: data.operating_systems.unwrap_or_default(),
        architectures: data.architectures.unwrap_or_default(),
        logo: None,
    };
    Ok((catalog, data.logo_url))
}

/// The bytes of the logo at `url`.
pub(super) async fn logo(
    http: &reqwest::Client,
    name: &PublicName,
    url: &str,
) -> Result<Vec<u8>, RegistryError> {
    let failed = |why| {
        let resource = format!("the logo of {name}");
        RegistryError::Exhausted { operation: "GET logo", resource, why }
    };
    let read = async {
        let mut response = http.get(url).send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_LOGO {
                return Ok(None);
            }
        }
        Ok::<_, reqwest::Error>(Some(bytes))
    };
    let bytes = read.await.map_err(|error| failed(causes(&error.without_url())))?;
    bytes.ok_or_else(|| failed(format!("it has more than {MAX_LOGO} bytes")))
}

fn resource_tags(tags: &BTreeMap<String, String>) -> Option<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}

fn catalog_input(catalog: &Catalog) -> RepositoryCatalogDataInput {
    let list = |names: &Vec<String>| (!names.is_empty()).then(|| names.clone());
    RepositoryCatalogDataInput::builder()
        .set_description(catalog.description.clone())
        .set_about_text(catalog.about_text.clone())
        .set_usage_text(catalog.usage_text.clone())
        .set_operating_systems(list(&catalog.operating_systems))
        .set_architectures(list(&catalog.architectures))
        .set_logo_image_blob(catalog.logo.clone().map(Blob::new))
        .build()
}

pub(super) async fn create(ecr: &EcrPublic, name: &PublicName, new: &New) -> Result<Made, RegistryError> {
    let catalog = |wanted: &WantedCatalog| catalog_input(&Catalog::default().changed(wanted));
    let request = ecr
        .client()
        .create_repository()
        .repository_name(name.repository.as_str())
        .set_tags(resource_tags(&new.tags))
        .set_catalog_data(new.catalog.as_ref().map(catalog));
    match request.send().await {
        Ok(answer) => match answer.repository {
            Some(repository) => Ok(Made::New(Box::new(described(repository)))),
            None => Ok(Made::Done),
        },
        Err(error) => match error.as_service_error() {
            Some(CreateRepositoryError::RepositoryAlreadyExistsException(_)) => Ok(Made::WasThere),
            _ => Err(ecr.explain_named("CreateRepository", name, &error)),
        },
    }
}

pub(super) async fn put_catalog(
    ecr: &EcrPublic,
    name: &PublicName,
    catalog: &Catalog,
) -> Result<(), RegistryError> {
    let request = ecr
        .client()
        .put_repository_catalog_data()
        .repository_name(name.repository.as_str())
        .catalog_data(catalog_input(catalog));
    let explain = |error| ecr.explain_named("PutRepositoryCatalogData", name, &error);
    request.send().await.map(drop).map_err(explain)
}

pub(super) async fn set_policy(
    ecr: &EcrPublic,
    name: &PublicName,
    kind: PolicyKind,
    text: &str,
    force: bool,
) -> Result<(), RegistryError> {
    if kind == PolicyKind::Lifecycle {
        return Err(RegistryError::NotInPublic { settings: vec![kind.setting()] });
    }
    let request = ecr
        .client()
        .set_repository_policy()
        .repository_name(name.repository.as_str())
        .policy_text(text)
        .set_force(force.then_some(true));
    let explain = |error| ecr.explain_named("SetRepositoryPolicy", name, &error);
    request.send().await.map(drop).map_err(explain)
}

/// One that is not there is one that was removed.
pub(super) async fn delete_policy(
    ecr: &EcrPublic,
    name: &PublicName,
    kind: PolicyKind,
) -> Result<(), RegistryError> {
    if kind == PolicyKind::Lifecycle {
        return Ok(());
    }
    let request = ecr.client().delete_repository_policy().repository_name(name.repository.as_str());
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(DeleteRepositoryPolicyError::is_repository_policy_not_found_exception) =>
        {
            Ok(())
        }
        Err(error) => Err(ecr.explain_named("DeleteRepositoryPolicy", name, &error)),
    }
}

pub(super) async fn tag(
    ecr: &EcrPublic,
    name: &PublicName,
    arn: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), RegistryError> {
    let request = ecr.client().tag_resource().resource_arn(arn).set_tags(resource_tags(tags));
    request.send().await.map(drop).map_err(|error| ecr.explain_named("TagResource", name, &error))
}

pub(super) async fn untag(
    ecr: &EcrPublic,
    name: &PublicName,
    arn: &str,
    keys: Vec<String>,
) -> Result<(), RegistryError> {
    let request = ecr.client().untag_resource().resource_arn(arn).set_tag_keys(Some(keys));
    request.send().await.map(drop).map_err(|error| ecr.explain_named("UntagResource", name, &error))
}

pub(super) async fn contents(ecr: &EcrPublic, name: &PublicName) -> Result<Contents, RegistryError> {
    let request = ecr.client().describe_images().repository_name(name.repository.as_str()).max_results(PAGE);
    let mut images = request.into_paginator().items().send();
    let mut contents = Contents::default();
    while let Some(image) = images.next().await {
        let image = image.map_err(|error| ecr.explain_named("DescribeImages", name, &error))?;
        contents.add(
            image.image_tags().len(),
            image.image_manifest_media_type(),
            image.image_size_in_bytes(),
            image.image_pushed_at(),
        );
    }
    Ok(contents)
}

pub(super) async fn delete(ecr: &EcrPublic, name: &PublicName, force: bool) -> Result<(), RegistryError> {
    let request = ecr.client().delete_repository().repository_name(name.repository.as_str());
    let request = request.set_force(force.then_some(true));
    request.send().await.map(drop).map_err(|error| ecr.explain_named("DeleteRepository", name, &error))
}
