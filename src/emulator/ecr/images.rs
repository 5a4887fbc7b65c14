//! Images: getting their manifests and describing them.

use super::super::error::ApiError;
use super::super::store::{Contents, Image, ImageStatus, Repository};
use super::{Call, ImageId, Paging, epoch, exclusions, paging, scanning, validate};
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
pub(super) struct ImageFailure {
    pub(super) image_id: ImageId,
    pub(super) failure_code: &'static str,
    pub(super) failure_reason: String,
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

/// The image that `id` names, if it can be pulled: what is in the archive is as good as not there.
pub(in crate::emulator) fn resolve_for_pull(
    contents: &Contents,
    id: &ImageId,
    now: Timestamp,
) -> Result<ManifestDigest, Unresolved> {
    let digest = resolve(contents, id)?;
    let active = |image: &Image| image.life.status(now) == ImageStatus::Active;
    if contents.images.get(&digest).is_some_and(active) { Ok(digest) } else { Err(not_found()) }
}

/// The one image that a call is about. `id` has to name one that is there.
pub(super) fn one(
    repository: &Repository,
    id: Option<ImageId>,
) -> Result<(ManifestDigest, ImageId), ApiError> {
    let id = validate::required("imageId", id)?;
    let digest = named(repository, std::slice::from_ref(&id))?[0];
    Ok((digest, ImageId { image_digest: Some(digest.to_string()), image_tag: id.image_tag }))
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
    let records_pull = !exclusions::excluded(call, repository.registry());
    let mut output = BatchGetOutput::default();
    for id in ids {
        // No conversion: an image in a type that the caller does not take is not there for it.
        let found = repository.read(|contents| {
            let digest = resolve_for_pull(contents, &id, call.now())?;
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
        if records_pull {
            touch(&repository, &digest, call.now());
        }
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
pub(super) struct Filter {
    tag_status: Option<String>,
    image_status: Option<String>,
}

/// A filter that was understood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passes {
    tagged: Option<bool>,
    status: Option<ImageStatus>,
}

impl Passes {
    pub(super) fn test(self, tagged: bool, status: ImageStatus) -> bool {
        self.tagged.is_none_or(|wanted| wanted == tagged) && self.status.is_none_or(|wanted| wanted == status)
    }
}

/// Reads a `tagStatus`: whether images have to be tagged.
pub(super) fn tag_status(text: Option<&str>) -> Result<Option<bool>, ApiError> {
    Ok(match text {
        None => None,
        Some(text) => match validate::one_of("filter.tagStatus", text, &["TAGGED", "UNTAGGED", "ANY"])? {
            "TAGGED" => Some(true),
            "UNTAGGED" => Some(false),
            _ => None,
        },
    })
}

/// Reads an `imageStatus`, or the `artifactStatus` of referrers.
pub(super) fn image_status(
    member: &str,
    text: Option<&str>,
    usual: Option<ImageStatus>,
) -> Result<Option<ImageStatus>, ApiError> {
    let Some(text) = text else { return Ok(usual) };
    Ok(match validate::one_of(member, text, &["ACTIVE", "ARCHIVED", "ACTIVATING", "ANY"])? {
        "ACTIVE" => Some(ImageStatus::Active),
        "ARCHIVED" => Some(ImageStatus::Archived),
        "ACTIVATING" => Some(ImageStatus::Activating),
        _ => None,
    })
}

impl Filter {
    /// What passes; `usual` is the status that is asked for where none is named.
    pub(super) fn check(&self, usual: Option<ImageStatus>) -> Result<Passes, ApiError> {
        let status = image_status("filter.imageStatus", self.image_status.as_deref(), usual)?;
        Ok(Passes { tagged: tag_status(self.tag_status.as_deref())?, status })
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
    #[serde(skip_serializing_if = "Option::is_none")]
    last_archived_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_activated_at: Option<f64>,
    #[serde(flatten)]
    scan: scanning::Summary,
}

fn detail(
    repository: &Repository,
    digest: &ManifestDigest,
    image: &Image,
    tags: Vec<String>,
    now: Timestamp,
) -> ImageDetail {
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
        image_status: image.life.status(now).name(),
        last_archived_at: image.life.archived_at.map(epoch),
        last_activated_at: image.life.activated_at.filter(|at| *at <= now).map(epoch),
        scan: scanning::Summary::of(&image.life),
    }
}

pub(super) async fn describe_images(call: &Call, input: DescribeInput) -> Result<DescribeOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let token = input.next_token.as_deref();
    let now = call.now();
    // Whoever names an image wants to see it, in the archive or not.
    let usual = input.image_ids.is_none().then_some(ImageStatus::Active);
    let passes = input.filter.unwrap_or_default().check(usual)?;
    let (digests, next_token) = if let Some(ids) = &input.image_ids {
        paging::not_with_ids("imageIds", input.max_results, token)?;
        validate::count("imageIds", ids.len(), 1, 100)?;
        (named(&repository, ids)?, None)
    } else {
        let all = repository.read(|contents| {
            let tags = contents.tags_by_image();
            let passing = contents
                .images
                .iter()
                .filter(|(digest, image)| passes.test(tags.contains_key(digest), image.life.status(now)));
            passing.map(|(digest, _)| *digest).collect::<Vec<ManifestDigest>>()
        });
        let scope = format!("{:?}/{}", repository.registry(), repository.name());
        let paging = Paging::new(&call.app.gate.seal, "DescribeImages", &scope);
        paging.page(all, ToString::to_string, input.max_results, token)?
    };
    repository.commit().await?;
    let image_details = repository.read(|contents| {
        let mut tags = contents.tags_by_image();
        let found = digests.iter().filter_map(|digest| Some((digest, contents.images.get(digest)?)));
        found
            .map(|(digest, image)| (digest, image, tags.remove(digest).unwrap_or_default()))
            .filter(|(_, image, tags)| passes.test(!tags.is_empty(), image.life.status(now)))
            .map(|(digest, image, tags)| detail(&repository, digest, image, tags, now))
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
