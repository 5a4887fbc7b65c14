//! ECR's API: one table from the name of an operation to its handler, one file per subject.
//!
//! Source: the API model (`botocore/data/ecr/2015-09-21`). Inputs are read with every member optional, because a
//! missing one is answered by ECR as a parameter error and not as a syntax error.

mod archive;
mod authorization;
mod cache_rules;
mod deletion;
mod exclusions;
mod findings;
mod images;
mod layers;
mod lifecycle;
mod listing;
mod paging;
mod policy;
mod pushed;
mod put_image;
mod registry;
mod replication;
mod repositories;
mod scanning;
mod settings;
mod templates;
mod validate;

pub(super) use deletion::delete as remove_image;
pub(super) use exclusions::account_setting;
pub(super) use findings::check as check_findings;
pub(super) use images::{resolve_for_pull, touch};
pub(super) use layers::{complete as complete_layer, is_referenced as is_layer_referenced};
pub use lifecycle::Applied;
pub(super) use lifecycle::apply_all as apply_lifecycle;
pub(super) use paging::Paging;
pub(super) use pushed::pushed;
pub(super) use put_image::{Push, push_image};
pub(super) use replication::resume as resume_replication;
pub(super) use templates::{for_push as repository_for_push, would_make as push_makes_repository};
pub(super) use validate::{MAX_TAG, image_tag};

use super::app::App;
use super::error::{ApiError, Place};
use super::iam::{self, Caller};
use super::log::PartRecord;
use super::quirk::JsonCreateOnPush;
use super::store::{RegistryId, Repository};
use crate::base::Timestamp;
use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

macro_rules! operations {
    ($($name:literal => $handler:path,)+) => {
        /// Every operation that is answered.
        pub(in crate::emulator) const OPERATIONS: &[&str] = &[$($name),+];

        /// Does `operation`.
        pub(in crate::emulator) async fn dispatch(operation: &str, call: &Call) -> Result<Vec<u8>, ApiError> {
            match operation {
                $($name => encode(&$handler(call, decode(&call.body)?).await?),)+
                _ => Err(ApiError::unknown_operation(operation)),
            }
        }
    };
}

pub(super) mod public;

operations! {
    "BatchCheckLayerAvailability" => layers::batch_check_layer_availability,
    "BatchDeleteImage" => deletion::batch_delete_image,
    "BatchGetImage" => images::batch_get_image,
    "BatchGetRepositoryScanningConfiguration" => scanning::batch_get_repository_scanning_configuration,
    "CompleteLayerUpload" => layers::complete_layer_upload,
    "CreatePullThroughCacheRule" => cache_rules::create_pull_through_cache_rule,
    "CreateRepository" => repositories::create_repository,
    "CreateRepositoryCreationTemplate" => templates::create_repository_creation_template,
    "DeleteLifecyclePolicy" => lifecycle::delete_lifecycle_policy,
    "DeletePullThroughCacheRule" => cache_rules::delete_pull_through_cache_rule,
    "DeleteRegistryPolicy" => registry::delete_registry_policy,
    "DeleteRepository" => deletion::delete_repository,
    "DeleteRepositoryCreationTemplate" => templates::delete_repository_creation_template,
    "DeleteRepositoryPolicy" => settings::delete_repository_policy,
    "DeleteSigningConfiguration" => registry::delete_signing_configuration,
    "DeregisterPullTimeUpdateExclusion" => exclusions::deregister_pull_time_update_exclusion,
    "DescribeImageReplicationStatus" => replication::describe_image_replication_status,
    "DescribeImageScanFindings" => scanning::describe_image_scan_findings,
    "DescribeImageSigningStatus" => registry::describe_image_signing_status,
    "DescribeImages" => images::describe_images,
    "DescribePullThroughCacheRules" => cache_rules::describe_pull_through_cache_rules,
    "DescribeRegistry" => replication::describe_registry,
    "DescribeRepositories" => repositories::describe_repositories,
    "DescribeRepositoryCreationTemplates" => templates::describe_repository_creation_templates,
    "GetAccountSetting" => exclusions::get_account_setting,
    "GetAuthorizationToken" => authorization::get_authorization_token,
    "GetDownloadUrlForLayer" => layers::get_download_url_for_layer,
    "GetLifecyclePolicy" => lifecycle::get_lifecycle_policy,
    "GetLifecyclePolicyPreview" => lifecycle::get_lifecycle_policy_preview,
    "GetRegistryPolicy" => registry::get_registry_policy,
    "GetRegistryScanningConfiguration" => scanning::get_registry_scanning_configuration,
    "GetRepositoryPolicy" => settings::get_repository_policy,
    "GetSigningConfiguration" => registry::get_signing_configuration,
    "InitiateLayerUpload" => layers::initiate_layer_upload,
    "ListImageReferrers" => listing::list_image_referrers,
    "ListImages" => listing::list_images,
    "ListPullTimeUpdateExclusions" => exclusions::list_pull_time_update_exclusions,
    "ListTagsForResource" => repositories::list_tags_for_resource,
    "PutAccountSetting" => exclusions::put_account_setting,
    "PutImage" => put_image::put_image,
    "PutImageScanningConfiguration" => settings::put_image_scanning_configuration,
    "PutImageTagMutability" => settings::put_image_tag_mutability,
    "PutLifecyclePolicy" => lifecycle::put_lifecycle_policy,
    "PutRegistryPolicy" => registry::put_registry_policy,
    "PutRegistryScanningConfiguration" => scanning::put_registry_scanning_configuration,
    "PutReplicationConfiguration" => replication::put_replication_configuration,
    "PutSigningConfiguration" => registry::put_signing_configuration,
    "RegisterPullTimeUpdateExclusion" => exclusions::register_pull_time_update_exclusion,
    "SetRepositoryPolicy" => settings::set_repository_policy,
    "StartImageScan" => scanning::start_image_scan,
    "StartLifecyclePolicyPreview" => lifecycle::start_lifecycle_policy_preview,
    "TagResource" => settings::tag_resource,
    "UntagResource" => settings::untag_resource,
    "UpdateImageStorageClass" => archive::update_image_storage_class,
    "UpdatePullThroughCacheRule" => cache_rules::update_pull_through_cache_rule,
    "UpdateRepositoryCreationTemplate" => templates::update_repository_creation_template,
    "UploadLayerPart" => layers::upload_layer_part,
    "ValidatePullThroughCacheRule" => cache_rules::validate_pull_through_cache_rule,
}

fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(ApiError::serialization)
}

fn encode(output: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(output).map_err(ApiError::server)
}

/// How large the body of `operation` may be, in bytes: the model's limits and room for the rest of the JSON.
pub(super) fn body_limit(operation: &str) -> usize {
    const ROOM: usize = 64 * 1024;
    match operation {
        "UploadLayerPart" => layers::MAX_PART_BLOB.div_ceil(3) * 4 + ROOM,
        // Every character of a manifest may be an escape.
        "PutImage" => put_image::MAX_MANIFEST * 6 + ROOM,
        // With a logo, on ECR Public.
        "CreateRepository" | "PutRepositoryCatalogData" => 2 * 1024 * 1024,
        _ => 1024 * 1024,
    }
}

/// A call: who makes it, its body, and what it tells the log.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) app: Arc<App>,
    pub(super) caller: Caller,
    pub(super) body: Bytes,
    note: Mutex<Note>,
}

/// What a call is about, for the log.
#[derive(Debug, Clone, Default)]
pub(super) struct Note {
    pub(super) repository: Option<String>,
    pub(super) part: Option<PartRecord>,
}

impl Call {
    pub(super) fn new(app: Arc<App>, caller: Caller, body: Bytes) -> Self {
        Self { app, caller, body, note: Mutex::default() }
    }

    pub(super) fn note(&self) -> Note {
        self.note.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn annotate(&self, change: impl FnOnce(&mut Note)) {
        change(&mut self.note.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    /// The registry that the call is about: the caller's own, unless it names another.
    fn registry(&self, id: Option<&str>) -> Result<RegistryId, ApiError> {
        if self.caller.region == RegistryId::PUBLIC {
            return public::registry(self, id);
        }
        let account = match id {
            None => self.caller.session.account.clone(),
            Some(id) => validate::registry_id(id)?.to_owned(),
        };
        Ok(RegistryId { account, region: self.caller.region.clone() })
    }

    /// The repository that the call pushes to, which may be made for it.
    async fn repository_for_push(
        &self,
        registry: Option<&str>,
        name: Option<&str>,
    ) -> Result<Arc<Repository>, ApiError> {
        let id = self.registry(registry)?;
        let legal = validate::repository_name("repositoryName", name)?;
        let makes = self.app.quirks.json_create_on_push == JsonCreateOnPush::On;
        if makes && id.account == self.caller.session.account {
            if push_makes_repository(&self.app, &id, legal) {
                let session = &self.caller.session;
                iam::ask_for(&self.app, session, iam::Service::Ecr, &id, &["CreateRepository"], legal)?;
            }
            repository_for_push(&self.app, &id, legal).await?;
        }
        self.repository(registry, name)
    }

    /// Whether the registry may have one more repository, of this name.
    fn check_repositories(&self, registry: &RegistryId, name: &str) -> Result<(), ApiError> {
        let repositories = self.app.store.repositories(registry);
        let known = repositories.iter().any(|repository| repository.name() == name);
        if known || repositories.len() < self.app.quotas.repositories(registry) {
            return Ok(());
        }
        let text = "The registry has reached the maximum number of repositories";
        Err(ApiError::new("LimitExceededException", text))
    }

    /// The repository that the call is about.
    fn repository(&self, registry: Option<&str>, name: Option<&str>) -> Result<Arc<Repository>, ApiError> {
        let registry = self.registry(registry)?;
        let name = validate::repository_name("repositoryName", name)?;
        self.annotate(|note| note.repository = Some(name.to_owned()));
        self.app
            .store
            .repository(&registry, name)
            .ok_or_else(|| Place { repository: name, account: &registry.account }.repository_not_found())
    }
}

/// An input or output without members.
#[derive(Debug, Serialize, Deserialize)]
struct Nothing {}

/// A time stamp as AWS JSON has it: seconds since 1970, with milliseconds.
#[expect(clippy::cast_precision_loss, reason = "exact for the next 285,000 years")]
fn epoch(timestamp: Timestamp) -> f64 {
    timestamp.as_millisecond() as f64 / 1000.0
}

/// An image as inputs and outputs name it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageId {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) image_digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) image_tag: Option<String>,
}
