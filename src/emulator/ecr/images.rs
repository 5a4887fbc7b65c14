//! Images: getting their manifests and describing them.

use super::super::error::ApiError;
use super::super::store::{Contents, Image, Repository};
use super::{Call, ImageId, Paging, epoch, paging, validate};
use crate::base::{ManifestDigest, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchGetInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    accepted_media_types: Option<Vec<String>>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct BatchGetOutput {
    images: Vec<ImageOutput>,
    failures: Vec<ImageFailure>,
}

/// An image with its manifest, as `BatchGetImage` and `PutImage` answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageOutput {
    pub(super) registry_id: String,
    pub(super) repository_name: String,
    pub(super) image_id: ImageId,
    pub(super) image_manifest: String,
    pub(super) image_manifest_media_type: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageFailure {
    image_id: ImageId,
    failure_code: &'static str,
    failure_reason: String,
}

/// Why an image id names no image: the code of a failure, and its reason.
pub(in crate::emulator) type Unresolved = (&'static str, String);

fn not_found() -> Unresolved {
    ("ImageNotFound", "Requested image not found".into())
}

/// The image that `id` names.
pub(in crate::emulator) fn resolve(contents: &Contents, id: &ImageId) -> Result<ManifestDigest, Unresolved> {
    if id.image_digest.as_deref().is_some_and(|digest| !validate::is_digest(digest)) {
        return Err((
            "InvalidImageDigest",
            "Invalid request parameters: image digest should satisfy the regex \
             '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"
                .into(),
        ));
    }
    if id
        .image_tag
        .as_deref()
        .is_some_and(|tag| validate::image_tag("imageTag", tag, validate::MAX_TAG).is_err())
    {
        return Err((
            "InvalidImageTag",
            "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'"
                .into(),
        ));
    }
    let stored = |digest: &str| {
        digest.parse().ok().filter(|digest: &ManifestDigest| contents.images.contains_key(digest))
    };
    match (&id.image_digest, &id.image_tag) {
        (None, None) => Err((
            "MissingDigestAndTag",
            "Invalid request parameters: both tag and digest cannot be null".into(),
        )),
        (Some(digest), None) => stored(digest).ok_or_else(not_found),
        (None, Some(tag)) => contents.tags.get(tag).copied().ok_or_else(not_found),
        (Some(digest), Some(tag)) => {
            let digest = stored(digest).ok_or_else(not_found)?;
            match contents.tags.get(tag) {
                Some(tagged) if *tagged == digest => Ok(digest),
                Some(_) => Err(("ImageTagDoesNotMatchDigest", format!("Tag '{tag}' is on another image"))),
                None => Err(not_found()),
            }
        }
    }
}

/// Notes that an image was pulled. ECR writes that down at most once in 24 hours.
pub(in crate::emulator) fn touch(repository: &Arc<Repository>, digest: &ManifestDigest, now: Timestamp) {
    let stale = |image: &Image| {
        image.last_pull.is_none_or(|last| now.duration_since(last) >= jiff::SignedDuration::from_hours(24))
    };
    if repository.read(|contents| contents.images.get(digest).is_some_and(stale)) {
        repository.change(|contents| {
            if let Some(image) = contents.images.get_mut(digest) {
                image.last_pull = Some(now);
            }
        });
    }
}

pub(super) async fn batch_get_image(call: &Call, input: BatchGetInput) -> Result<BatchGetOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let ids = validate::required("imageIds", input.image_ids)?;
    validate::count("imageIds", ids.len(), 1, 100)?;
    let accepted = input.accepted_media_types;
    if let Some(accepted) = &accepted {
        validate::count("acceptedMediaTypes", accepted.len(), 1, 100)?;
    }
    let mut output = BatchGetOutput::default();
    for id in ids {
        // No conversion: an image in a type that the caller does not take is not there for it.
        let found = repository.read(|contents| {
            let digest = resolve(contents, &id)?;
            let image = contents.images.get(&digest).ok_or_else(not_found)?;
            let takes = |accepted: &Vec<String>| accepted.iter().any(|one| one == image.media_type.as_str());
            if accepted.as_ref().is_none_or(takes) {
                Ok((digest, image.media_type.as_str().to_owned()))
            } else {
                Err(not_found())
            }
        });
        let (digest, media_type) = match found {
            Ok(found) => found,
            Err((failure_code, failure_reason)) => {
                output.failures.push(ImageFailure { image_id: id, failure_code, failure_reason });
                continue;
            }
        };
        touch(&repository, &digest, call.now());
        let path = call.app.store.blobs.path(&digest.into());
        output.images.push(ImageOutput {
            registry_id: repository.registry().account.clone(),
            repository_name: repository.name().to_owned(),
            image_id: ImageId { image_digest: Some(digest.to_string()), image_tag: id.image_tag },
            image_manifest: fs_err::tokio::read_to_string(path).await?,
            image_manifest_media_type: media_type,
        });
    }
    repository.commit().await?;
    Ok(output)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    next_token: Option<String>,
    max_results: Option<i64>,
    filter: Option<Filter>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    tag_status: Option<String>,
    image_status: Option<String>,
}

impl Filter {
    /// Whether an image with `tags` passes. Every image is active as long as nothing archives one.
    fn check(&self) -> Result<impl Fn(&[String]) -> bool + use<>, ApiError> {
        let tagged = match self.tag_status.as_deref() {
            None | Some("ANY") => None,
            Some("TAGGED") => Some(true),
            Some("UNTAGGED") => Some(false),
            Some(_) => {
                let text = "Member must satisfy enum value set: [TAGGED, UNTAGGED, ANY]";
                return Err(ApiError::invalid_parameter("filter.tagStatus", text));
            }
        };
        let active = match self.image_status.as_deref() {
            None | Some("ANY" | "ACTIVE") => true,
            Some("ARCHIVED" | "ACTIVATING") => false,
            Some(_) => {
                let text = "Member must satisfy enum value set: [ACTIVE, ARCHIVED, ACTIVATING, ANY]";
                return Err(ApiError::invalid_parameter("filter.imageStatus", text));
            }
        };
        Ok(move |tags: &[String]| active && tagged.is_none_or(|wanted| wanted != tags.is_empty()))
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeOutput {
    image_details: Vec<ImageDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageDetail {
    registry_id: String,
    repository_name: String,
    image_digest: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_tags: Vec<String>,
    image_size_in_bytes: u64,
    image_pushed_at: f64,
    image_manifest_media_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_recorded_pull_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_manifest_digest: Option<String>,
    image_status: &'static str,
}

fn detail(repository: &Repository, digest: &ManifestDigest, image: &Image, tags: Vec<String>) -> ImageDetail {
    ImageDetail {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        image_digest: digest.to_string(),
        image_tags: tags,
        image_size_in_bytes: image.size,
        image_pushed_at: epoch(image.pushed_at),
        image_manifest_media_type: image.media_type.as_str().to_owned(),
        artifact_media_type: image.artifact_type.clone(),
        last_recorded_pull_time: image.last_pull.map(epoch),
        subject_manifest_digest: image.subject.map(|subject| subject.to_string()),
        image_status: "ACTIVE",
    }
}

pub(super) async fn describe_images(call: &Call, input: DescribeInput) -> Result<DescribeOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let token = input.next_token.as_deref();
    let passes = input.filter.unwrap_or_default().check()?;
    let (digests, next_token) = if let Some(ids) = &input.image_ids {
        paging::not_with_ids("imageIds", input.max_results, token)?;
        validate::count("imageIds", ids.len(), 1, 100)?;
        (named(&repository, ids)?, None)
    } else {
        let all = repository.read(|contents| {
            let passing = contents.images.keys().filter(|digest| passes(&contents.tags_of(digest)));
            passing.copied().collect::<Vec<ManifestDigest>>()
        });
        let scope = format!("{:?}/{}", repository.registry(), repository.name());
        let paging = Paging::new(&call.app.gate.seal, "DescribeImages", &scope);
        paging.page(all, ToString::to_string, input.max_results, token)?
    };
    repository.commit().await?;
    let image_details = repository.read(|contents| {
        let found = digests.iter().filter_map(|digest| Some((digest, contents.images.get(digest)?)));
        found
            .map(|(digest, image)| detail(&repository, digest, image, contents.tags_of(digest)))
            .filter(|detail| passes(&detail.image_tags))
            .collect()
    });
    Ok(DescribeOutput { image_details, next_token })
}

/// The images that `ids` name, each once. One that is not there fails the whole call.
pub(super) fn named(repository: &Repository, ids: &[ImageId]) -> Result<Vec<ManifestDigest>, ApiError> {
    let mut digests = Vec::new();
    for id in ids {
        let digest =
            repository.read(|contents| resolve(contents, id)).map_err(|(code, reason)| match code {
                "ImageNotFound" | "ImageTagDoesNotMatchDigest" => {
                    repository.place().image_not_found(id.image_digest.as_deref(), id.image_tag.as_deref())
                }
                _ => ApiError::new("InvalidParameterException", reason),
            })?;
        if !digests.contains(&digest) {
            digests.push(digest);
        }
    }
    Ok(digests)
}
