//! ECR Public's API: its 23 operations, over the same store. A public registry is that of an account in the region
//! [`RegistryId::PUBLIC`]; calls carry that in the place of the region they were signed for, which has to be
//! us-east-1. Layers and `PutImage` are those of private ECR; what is answered about repositories and images
//! differs.
//!
//! Source: the API model (`botocore/data/ecr-public/2020-10-30`) and
//! <https://docs.aws.amazon.com/AmazonECR/latest/public/what-is-ecr.html>.

mod catalog;
mod images;
mod registries;
mod repositories;

use super::super::app::App;
use super::super::error::ApiError;
use super::super::store::RegistryId;
use super::{Call, decode, deletion, encode, layers, put_image};
use crate::base::BlobDigest;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The one region that answers.
const REGION: &str = "us-east-1";

operations! {
    "BatchCheckLayerAvailability" => layers::batch_check_layer_availability,
    "BatchDeleteImage" => deletion::batch_delete_image,
    "CompleteLayerUpload" => layers::complete_layer_upload,
    "CreateRepository" => repositories::create_repository,
    "DeleteRepository" => repositories::delete_repository,
    "DeleteRepositoryPolicy" => repositories::delete_repository_policy,
    "DescribeImageTags" => images::describe_image_tags,
    "DescribeImages" => images::describe_images,
    "DescribeRegistries" => registries::describe_registries,
    "DescribeRepositories" => repositories::describe_repositories,
    "GetAuthorizationToken" => registries::get_authorization_token,
    "GetRegistryCatalogData" => catalog::get_registry_catalog_data,
    "GetRepositoryCatalogData" => catalog::get_repository_catalog_data,
    "GetRepositoryPolicy" => repositories::get_repository_policy,
    "InitiateLayerUpload" => layers::initiate_layer_upload,
    "ListTagsForResource" => repositories::list_tags_for_resource,
    "PutImage" => put_image::put_image,
    "PutRegistryCatalogData" => catalog::put_registry_catalog_data,
    "PutRepositoryCatalogData" => catalog::put_repository_catalog_data,
    "SetRepositoryPolicy" => repositories::set_repository_policy,
    "TagResource" => repositories::tag_resource,
    "UntagResource" => repositories::untag_resource,
    "UploadLayerPart" => layers::upload_layer_part,
}

/// Answers `operation` for a caller who signed for `region`.
pub(in crate::emulator) async fn serve(
    operation: &str,
    region: &str,
    call: &Call,
) -> Result<Vec<u8>, ApiError> {
    if region != REGION {
        let text = format!("{operation} command is only supported in {REGION}.");
        return Err(ApiError::new("UnsupportedCommandException", text));
    }
    dispatch(operation, call).await.map_err(|error| registry_not_found(operation, call, error))
}

/// The operations on layers and images tell a registry that is not there from a repository that is not.
fn registry_not_found(operation: &str, call: &Call, error: ApiError) -> ApiError {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        registry_id: Option<String>,
    }
    let tells = matches!(
        operation,
        "BatchCheckLayerAvailability"
            | "CompleteLayerUpload"
            | "InitiateLayerUpload"
            | "PutImage"
            | "UploadLayerPart"
    );
    if !tells || error.code != "RepositoryNotFoundException" {
        return error;
    }
    let id = decode::<Head>(&call.body).ok().and_then(|head| head.registry_id);
    match id {
        Some(id) if !is_known(&call.app, &call.caller.session.account, &id) => {
            ApiError::new("RegistryNotFoundException", format!("The registry with id '{id}' does not exist"))
        }
        _ => error,
    }
}

fn is_known(app: &App, caller: &str, id: &str) -> bool {
    id == caller || account_of(app, id).is_some() || accounts(app).contains(id)
}

/// Every account that has something on ECR Public, and the emulator's own.
fn accounts(app: &App) -> BTreeSet<String> {
    let own = app.account.clone();
    let others =
        app.store.every_repository().into_iter().filter(|repository| repository.registry().is_public());
    let others = others.map(|repository| repository.registry().account.clone());
    std::iter::once(own).chain(others).collect()
}

/// The alias that an account's registry has by default: a letter and 7 more characters, as AWS gives out.
pub(in crate::emulator) fn alias(account: &str) -> String {
    const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
    let hash = BlobDigest::of(format!("registry alias of {account}").as_bytes()).hex();
    let first = usize::from(u8::from_str_radix(&hash[..2], 16).unwrap_or_default()) % LETTERS.len();
    format!("{}{}", char::from(LETTERS[first]), &hash[2..9])
}

/// The account whose registry has this alias.
pub(in crate::emulator) fn account_of(app: &App, wanted: &str) -> Option<String> {
    // What can't be an alias is not looked for: this is asked for every request to `/v2/`.
    if wanted.len() != 8 {
        return None;
    }
    accounts(app).into_iter().find(|account| alias(account) == wanted)
}

/// The registry's URI, for references: `public.ecr.aws/ALIAS`, or the emulator's own host in that place.
pub(in crate::emulator) fn registry_uri(app: &App, account: &str) -> String {
    let host = match &app.registry_host {
        Some(_) => "public.ecr.aws".to_owned(),
        None => app.own_host(),
    };
    format!("{host}/{}", alias(account))
}

/// `arn:aws:ecr-public::ACCOUNT:repository/NAME`
fn arn(account: &str, name: &str) -> String {
    format!("arn:aws:ecr-public::{account}:repository/{name}")
}

/// The registry that a call names by its account or its alias.
pub(super) fn registry(call: &Call, id: Option<&str>) -> Result<RegistryId, ApiError> {
    let Some(id) = id else { return Ok(RegistryId::public(&call.caller.session.account)) };
    // Permissions were asked for in the registry that has the alias.
    if let Some(account) = account_of(&call.app, id) {
        return Ok(RegistryId::public(&account));
    }
    super::validate::count("registryId", id.chars().count(), 2, 50)?;
    Ok(RegistryId::public(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_look_like_those_of_aws() {
        let one = alias("123456789012");
        assert_eq!(one, alias("123456789012"));
        assert_ne!(one, alias("123456789013"));
        assert_eq!(one.len(), 8);
        assert!(one.starts_with(|c: char| c.is_ascii_lowercase()));
        assert!(one.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
    }

    #[test]
    fn all_operations_of_the_model() {
        assert_eq!(OPERATIONS.len(), 23);
    }
}
