//! Images as ECR Public describes them, their tags, and how they go.

use super::super::super::error::ApiError;
use super::super::super::store::{Image, Repository};
use super::super::images::named;
use super::super::remove_image;
use super::super::{Call, ImageId, Paging, epoch, paging, validate};
use crate::base::ManifestDigest;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    next_token: Option<String>,
    max_results: Option<i64>,
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_tags: Vec<String>,
    #[serde(flatten)]
    facts: Facts,
}

/// What both answers say about an image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    image_digest: String,
    image_size_in_bytes: u64,
    image_pushed_at: f64,
    image_manifest_media_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_media_type: Option<String>,
}

impl Facts {
    fn of(digest: &ManifestDigest, image: &Image) -> Self {
        Self {
            image_digest: digest.to_string(),
            image_size_in_bytes: image.size,
            image_pushed_at: epoch(image.pushed_at),
            image_manifest_media_type: image.media_type.as_str().to_owned(),
            artifact_media_type: image.artifact_type.clone(),
        }
    }
}

fn scope(repository: &Repository) -> String {
    format!("{:?}/{}", repository.registry(), repository.name())
}

pub(super) async fn describe_images(call: &Call, input: DescribeInput) -> Result<DescribeOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let token = input.next_token.as_deref();
    let (digests, next_token) = if let Some(ids) = &input.image_ids {
        paging::not_with_ids("imageIds", input.max_results, token)?;
        validate::count("imageIds", ids.len(), 1, 100)?;
        (named(&repository, ids)?, None)
    } else {
        let all = repository.read(|contents| contents.images.keys().copied().collect::<Vec<_>>());
        let paging = Paging::new(&call.app.gate.seal, "public DescribeImages", &scope(&repository));
        paging.page(all, ToString::to_string, input.max_results, token)?
    };
    repository.commit().await?;
    let image_details = repository.read(|contents| {
        let found = digests.iter().filter_map(|digest| Some((digest, contents.images.get(digest)?)));
        found
            .map(|(digest, image)| ImageDetail {
                registry_id: repository.registry().account.clone(),
                repository_name: repository.name().to_owned(),
                image_tags: contents.tags_of(digest),
                facts: Facts::of(digest, image),
            })
            .collect()
    });
    Ok(DescribeOutput { image_details, next_token })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagsInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagsOutput {
    image_tag_details: Vec<TagDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TagDetail {
    image_tag: String,
    /// When its image was pushed; the moment of the tag itself is not kept.
    created_at: f64,
    image_detail: Facts,
}

pub(super) async fn describe_image_tags(call: &Call, input: TagsInput) -> Result<TagsOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    repository.commit().await?;
    let all = repository.read(|contents| {
        let tagged = contents.tags.iter().filter_map(|(tag, digest)| {
            let image = contents.images.get(digest)?;
            Some(TagDetail {
                image_tag: tag.clone(),
                created_at: epoch(image.pushed_at),
                image_detail: Facts::of(digest, image),
            })
        });
        tagged.collect::<Vec<_>>()
    });
    let paging = Paging::new(&call.app.gate.seal, "DescribeImageTags", &scope(&repository));
    let (image_tag_details, next_token) =
        paging.page(all, |tag| tag.image_tag.clone(), input.max_results, input.next_token.as_deref())?;
    Ok(TagsOutput { image_tag_details, next_token })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteOutput {
    image_ids: Vec<ImageId>,
    failures: Vec<DeleteFailure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeleteFailure {
    image_id: ImageId,
    failure_code: &'static str,
    failure_reason: String,
}

pub(super) async fn batch_delete_image(call: &Call, input: DeleteInput) -> Result<DeleteOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let ids = validate::required("imageIds", input.image_ids)?;
    validate::count("imageIds", ids.len(), 1, 100)?;
    let mut output = DeleteOutput::default();
    let now = call.now();
    repository.change(|contents| {
        for image_id in ids {
            match remove_image(contents, &image_id, now) {
                Ok(removed) => output.image_ids.extend(removed),
                Err((failure_code, failure_reason)) => {
                    output.failures.push(DeleteFailure { image_id, failure_code, failure_reason });
                }
            }
        }
    });
    repository.commit().await?;
    Ok(output)
}
