//! ECR's API: one table from the name of an operation to its handler, one file per subject.
//!
//! Source: the API model (`botocore/data/ecr/2015-09-21`). Inputs are read with every member optional, because a
//! missing one is answered by ECR as a parameter error and not as a syntax error.

mod authorization;
mod images;
mod layers;
mod paging;
mod put_image;
mod remove_image;
mod repositories;
mod validate;

pub(super) use images::{resolve, touch};
pub(super) use layers::{complete as complete_layer, is_referenced as is_layer_referenced};
pub(super) use paging::Paging;
pub(super) use put_image::{Push, push_image};
pub(super) use remove_image::remove_image;
pub(super) use validate::{MAX_TAG, image_tag};

use super::app::App;
use super::error::{ApiError, Place};
use super::iam::Caller;
use super::log::PartRecord;
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
    "BatchGetImage" => images::batch_get_image,
    "CompleteLayerUpload" => layers::complete_layer_upload,
    "CreateRepository" => repositories::create_repository,
    "DescribeImages" => images::describe_images,
    "DescribeRepositories" => repositories::describe_repositories,
    "GetAuthorizationToken" => authorization::get_authorization_token,
    "GetDownloadUrlForLayer" => layers::get_download_url_for_layer,
    "InitiateLayerUpload" => layers::initiate_layer_upload,
    "ListTagsForResource" => repositories::list_tags_for_resource,
    "PutImage" => put_image::put_image,
    "UploadLayerPart" => layers::upload_layer_part,
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
