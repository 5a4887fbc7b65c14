//! Listing the ids of images, and what refers to an image.

use super::super::error::ApiError;
use super::super::store::ImageStatus;
use super::images::{Filter, image_status};
use super::{Call, ImageId, Paging, validate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListImagesInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
    filter: Option<Filter>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListImagesOutput {
    image_ids: Vec<ImageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// One id for each pair of an image and a tag; an image without one has an id of its own.
pub(super) async fn list_images(call: &Call, input: ListImagesInput) -> Result<ListImagesOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let passes = input.filter.unwrap_or_default().check(Some(ImageStatus::Active))?;
    let now = call.now();
    let all = repository.read(|contents| {
        let mut by_image = contents.tags_by_image();
        let mut ids = Vec::new();
        for (digest, image) in &contents.images {
            let tags = by_image.remove(digest).unwrap_or_default();
            if !passes.test(!tags.is_empty(), image.life.status(now)) {
                continue;
            }
            let id = |image_tag| ImageId { image_digest: Some(digest.to_string()), image_tag };
            if tags.is_empty() {
                ids.push(id(None));
            }
            ids.extend(tags.into_iter().map(|tag| id(Some(tag))));
        }
        ids
    });
    let scope = format!("{:?}/{}", repository.registry(), repository.name());
    let paging = Paging::new(&call.app.gate.seal, "ListImages", &scope);
    let key = |id: &ImageId| {
        let (digest, tag) = (id.image_digest.as_deref(), id.image_tag.as_deref());
        format!("{} {}", digest.unwrap_or_default(), tag.unwrap_or_default())
    };
    let (image_ids, next_token) = paging.page(all, key, input.max_results, input.next_token.as_deref())?;
    repository.commit().await?;
    Ok(ListImagesOutput { image_ids, next_token })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListReferrersInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    subject_id: Option<ImageId>,
    filter: Option<ReferrersFilter>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferrersFilter {
    artifact_types: Option<Vec<String>>,
    artifact_status: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListReferrersOutput {
    referrers: Vec<Referrer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrer {
    digest: String,
    media_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Map<String, Value>>,
    artifact_status: &'static str,
}

pub(super) async fn list_image_referrers(
    call: &Call,
    input: ListReferrersInput,
) -> Result<ListReferrersOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let subject = validate::required("subjectId", input.subject_id)?;
    let subject = validate::required("subjectId.imageDigest", subject.image_digest)?;
    let subject = validate::digest("subjectId.imageDigest", &subject)?.parse().ok();
    let filter = input.filter.unwrap_or_default();
    let types = filter.artifact_types.unwrap_or_default();
    validate::count("filter.artifactTypes", types.len(), 0, 5)?;
    let status =
        image_status("filter.artifactStatus", filter.artifact_status.as_deref(), Some(ImageStatus::Active))?;
    let now = call.now();
    let all = repository.read(|contents| {
        let about =
            contents.images.iter().filter(|(_, image)| image.subject.is_some() && image.subject == subject);
        about
            .filter(|(_, image)| status.is_none_or(|wanted| wanted == image.life.status(now)))
            .filter(|(_, image)| {
                types.is_empty() || image.artifact_type.as_ref().is_some_and(|it| types.contains(it))
            })
            .map(|(digest, image)| {
                let status = image.life.status(now).name();
                (*digest, image.media_type.as_str().to_owned(), image.artifact_type.clone(), status)
            })
            .collect::<Vec<_>>()
    });
    let scope = format!("{:?}/{} {subject:?}", repository.registry(), repository.name());
    let paging = Paging::new(&call.app.gate.seal, "ListImageReferrers", &scope);
    let token = input.next_token.as_deref();
    let (page, next_token) =
        paging.page_within(all, |(digest, ..)| digest.to_string(), input.max_results, token, (20, 50))?;
    let mut referrers = Vec::new();
    for (digest, media_type, artifact_type, artifact_status) in page {
        let bytes = fs_err::tokio::read(call.app.store.blobs.path(&digest.into())).await?;
        let manifest: Value = serde_json::from_slice(&bytes).map_err(ApiError::server)?;
        referrers.push(Referrer {
            digest: digest.to_string(),
            media_type,
            artifact_type,
            size: bytes.len() as u64,
            annotations: manifest["annotations"].as_object().filter(|map| !map.is_empty()).cloned(),
            artifact_status,
        });
    }
    repository.commit().await?;
    Ok(ListReferrersOutput { referrers, next_token })
}
