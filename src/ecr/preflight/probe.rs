//! One call for each action, with which nothing is changed.
//!
//! AWS asks IAM before it looks at what a call is about, so an answer that tells what was not found tells that the call
//! was allowed. Parameters that break the API's model could be refused before IAM is asked, so all of them keep to it:
//!
//! | action | the call | the answer if it is allowed |
//! |---|---|---|
//! | `GetAuthorizationToken` | as a push does it | a password, which is dropped |
//! | `BatchCheckLayerAvailability`, `GetDownloadUrlForLayer` | of a digest that nothing has | that it is not there |
//! | `InitiateLayerUpload` | as a push does it | an upload, which ECR drops some day as nothing comes |
//! | `UploadLayerPart`, `CompleteLayerUpload` | of an upload that nobody began | `UploadNotFoundException` |
//! | `PutImage` | of layers that nothing has, and with a wrong digest, for one reason more | that it is wrong |
//! | `BatchGetImage`, `DescribeImages`, `DescribeRepositories` | as a push does it | what is there |
//! | `CreateRepository`, `PutLifecyclePolicy` | none: those would change something | |
//!
//! Each is made of <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html>.

use crate::base::{BlobDigest, Failure as _, Kind, MediaType, RepositoryName, Tag};
use crate::ecr::iam::Action;
use crate::image::{Descriptor, Manifest};
use crate::registry::ecr::{Ecr, explain};
use crate::registry::{Registry as _, RegistryError};
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::primitives::Blob;
use aws_sdk_ecr::types::{ImageIdentifier, Repository};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::collections::HashMap;
use std::error::Error;

/// The most images of one answer.
const LISTED: i32 = 1000;
/// The most images of one question.
const ASKED: usize = 100;

/// What a call has told about its action.
#[derive(Debug)]
pub(super) enum Answer {
    /// IAM allows it.
    Allowed,
    /// IAM allows it, and the repository is not there.
    Absent,
    /// IAM does not allow it, in these words.
    Denied(String),
    /// It tells nothing about the action, because of this.
    Other(RegistryError),
}

impl Answer {
    /// What stands in the way of every other call too: no credentials, no connection.
    pub(super) fn is_fatal(&self) -> bool {
        match self {
            Self::Other(error) => matches!(error.kind(), Kind::Denied | Kind::Exhausted),
            _ => false,
        }
    }
}

/// A repository that is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) ecr: &'a Ecr,
    pub(super) repository: &'a RepositoryName,
}

/// Images that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Images {
    pub(super) count: usize,
    /// Whether there are more than were counted.
    pub(super) more: bool,
}

/// A digest that nothing has.
pub(super) fn nobodys() -> BlobDigest {
    BlobDigest::of(uuid::Uuid::new_v4().as_bytes())
}

/// A manifest that is well-formed, of a config and a layer that nothing has.
pub(super) fn impossible_manifest() -> String {
    let config = Descriptor::new(MediaType::OCI_CONFIG, nobodys(), 2);
    let layer = Descriptor::new(MediaType::OCI_LAYER_GZIP, nobodys(), 2);
    serde_json::to_string(&Manifest::new(config, vec![layer])).expect("invariant: a manifest is JSON")
}

/// What an answer tells about `action` on `resource`. Besides a success, the codes of `found_nothing` tell that it is allowed.
pub(super) fn judge<T, E>(
    action: Action,
    resource: String,
    answer: Result<T, SdkError<E, HttpResponse>>,
    found_nothing: &[&str],
) -> (Answer, Option<T>)
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let error = match answer {
        Ok(found) => return (Answer::Allowed, Some(found)),
        Err(error) => error,
    };
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    let answer = match code {
        "RepositoryNotFoundException" => Answer::Absent,
        code if code.contains("AccessDenied") => {
            let words = error.as_service_error().and_then(ProvideErrorMetadata::message);
            Answer::Denied(words.unwrap_or("AWS gave no reason").to_owned())
        }
        code if found_nothing.contains(&code) => Answer::Allowed,
        _ => Answer::Other(explain(action.operation(), resource, &error)),
    };
    (answer, None)
}

impl Place<'_> {
    fn registry(&self) -> Option<String> {
        self.ecr.registry_id().map(str::to_owned)
    }

    /// What an answer tells about `action`.
    fn judge<T, E>(
        &self,
        action: Action,
        answer: Result<T, SdkError<E, HttpResponse>>,
        found_nothing: &[&str],
    ) -> (Answer, Option<T>)
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        judge(action, format!("{}/{}", self.ecr.host(), self.repository), answer, found_nothing)
    }

    /// Whether the repository is there, and how it is set up.
    pub(super) async fn describe(&self) -> (Answer, Option<Repository>) {
        let client = self.ecr.client();
        let call = client.describe_repositories().set_registry_id(self.registry());
        let answer = call.repository_names(self.repository.as_str()).send().await;
        let (answer, found) = self.judge(Action::DescribeRepositories, answer, &[]);
        (answer, found.and_then(|found| found.repositories.unwrap_or_default().pop()))
    }

    /// Which of the tags are there, and the digests that they point at.
    pub(super) async fn tagged(&self, tags: &[Tag]) -> (Answer, HashMap<String, String>) {
        let mut found = HashMap::new();
        // Without a tag it is only about the permission.
        let nobodys = [ImageIdentifier::builder().image_digest(nobodys().to_string()).build()];
        let ids: Vec<_> =
            tags.iter().map(|tag| ImageIdentifier::builder().image_tag(tag.as_str()).build()).collect();
        let all = if ids.is_empty() { nobodys.to_vec() } else { ids };
        for ids in all.chunks(ASKED) {
            let client = self.ecr.client();
            let answer = client
                .batch_get_image()
                .set_registry_id(self.registry())
                .repository_name(self.repository.as_str())
                .set_image_ids(Some(ids.to_vec()))
                .set_accepted_media_types(Some(MediaType::MANIFESTS.map(|kind| kind.to_string()).to_vec()))
                .send()
                .await;
            let (answer, images) = self.judge(Action::BatchGetImage, answer, &[]);
            let Some(images) = images else { return (answer, found) };
            for id in images.images.unwrap_or_default().into_iter().filter_map(|image| image.image_id) {
                found.extend(id.image_tag.zip(id.image_digest));
            }
        }
        (Answer::Allowed, found)
    }

    /// How many images there are, as far as one call tells.
    pub(super) async fn images(&self) -> (Answer, Option<Images>) {
        let client = self.ecr.client();
        let call = client.describe_images().set_registry_id(self.registry());
        let answer = call.repository_name(self.repository.as_str()).max_results(LISTED).send().await;
        let (answer, found) = self.judge(Action::DescribeImages, answer, &[]);
        let images = found
            .map(|found| Images { count: found.image_details().len(), more: found.next_token.is_some() });
        (answer, images)
    }

    /// Whether `action` is allowed; none if that can't be known without doing it. `DescribeRepositories`,
    /// `BatchGetImage` and `DescribeImages` have methods of their own, as they tell more.
    pub(super) async fn probe(&self, action: Action) -> Option<Answer> {
        let (client, registry) = (self.ecr.client(), self.registry());
        let repository = self.repository.as_str();
        let nobodys_upload = uuid::Uuid::new_v4().to_string();
        let answer = match action {
            Action::GetAuthorizationToken => {
                self.judge(action, client.get_authorization_token().send().await, &[]).0
            }
            Action::BatchCheckLayerAvailability => {
                let call = client.batch_check_layer_availability().set_registry_id(registry);
                let call = call.repository_name(repository).layer_digests(nobodys().to_string());
                self.judge(action, call.send().await, &[]).0
            }
            Action::GetDownloadUrlForLayer => {
                let call = client.get_download_url_for_layer().set_registry_id(registry);
                let call = call.repository_name(repository).layer_digest(nobodys().to_string());
                self.judge(
                    action,
                    call.send().await,
                    &["LayersNotFoundException", "LayerInaccessibleException"],
                )
                .0
            }
            Action::InitiateLayerUpload => {
                let call = client.initiate_layer_upload().set_registry_id(registry);
                self.judge(action, call.repository_name(repository).send().await, &[]).0
            }
            Action::UploadLayerPart => {
                let call = client.upload_layer_part().set_registry_id(registry).repository_name(repository);
                let call = call.upload_id(nobodys_upload).layer_part_blob(Blob::new([0]));
                let call = call.part_first_byte(0).part_last_byte(0);
                self.judge(action, call.send().await, &["UploadNotFoundException"]).0
            }
            Action::CompleteLayerUpload => {
                let call =
                    client.complete_layer_upload().set_registry_id(registry).repository_name(repository);
                let call = call.upload_id(nobodys_upload).layer_digests(nobodys().to_string());
                self.judge(action, call.send().await, &["UploadNotFoundException"]).0
            }
            Action::PutImage => {
                let call = client.put_image().set_registry_id(registry).repository_name(repository);
                let call = call.image_manifest(impossible_manifest());
                let call = call.image_manifest_media_type(MediaType::OCI_MANIFEST.as_str());
                let call = call.image_digest(nobodys().to_string());
                let wrong = [
                    "ImageDigestDoesNotMatchException",
                    "LayersNotFoundException",
                    "InvalidParameterException",
                ];
                self.judge(action, call.send().await, &wrong).0
            }
            Action::BatchGetImage => self.tagged(&[]).await.0,
            Action::DescribeImages => self.images().await.0,
            Action::DescribeRepositories => self.describe().await.0,
            Action::CreateRepository
            | Action::PutLifecyclePolicy
            // Not of ECR.
            | Action::GetServiceBearerToken
            | Action::DescribeRegistries => return None,
        };
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_what_is_asked_for() {
        assert_ne!(nobodys(), nobodys());
        let manifest: Manifest = serde_json::from_str(&impossible_manifest()).unwrap();
        assert_eq!((manifest.media_type, manifest.layers.len()), (Some(MediaType::OCI_MANIFEST), 1));
    }
}
