//! Taking images and repositories away.

use super::super::error::ApiError;
use super::super::store::Contents;
use super::images::{ImageFailure, resolve};
use super::repositories::{self, RepositoryOutput};
use super::{Call, ImageId, validate};
use crate::base::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchDeleteInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchDeleteOutput {
    image_ids: Vec<ImageId>,
    failures: Vec<ImageFailure>,
}

pub(super) async fn batch_delete_image(
    call: &Call,
    input: BatchDeleteInput,
) -> Result<BatchDeleteOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let ids = validate::required("imageIds", input.image_ids)?;
    validate::count("imageIds", ids.len(), 1, 100)?;
    let mut output = BatchDeleteOutput::default();
    let now = call.now();
    repository.change(|contents| {
        for image_id in ids {
            match delete(contents, &image_id, now) {
                Ok(removed) => output.image_ids.extend(removed),
                Err((failure_code, failure_reason)) => {
                    output.failures.push(ImageFailure { image_id, failure_code, failure_reason });
                }
            }
        }
    });
    repository.commit().await?;
    Ok(output)
}

/// Deletes what `id` names: with a tag, that tag, and the image if it was its last one; without, the image. An
/// image that an index lists stays as long as the index does.
pub(in crate::emulator) fn delete(
    contents: &mut Contents,
    id: &ImageId,
    now: Timestamp,
) -> Result<Vec<ImageId>, (&'static str, String)> {
    let digest = resolve(contents, id)?;
    let name = |image_tag: Option<String>| ImageId { image_digest: Some(digest.to_string()), image_tag };
    if let Some(tag) = id.image_tag.as_ref().filter(|_| contents.tags_of(&digest).len() > 1) {
        contents.tags.remove(tag);
        return Ok(vec![name(Some(tag.clone()))]);
    }
    let indexes = contents.listed_by(&digest);
    if !indexes.is_empty() {
        let indexes: Vec<String> = indexes.iter().map(ToString::to_string).collect();
        let reason = format!("Requested image referenced by manifest list: [{}]", indexes.join(", "));
        return Err(("ImageReferencedByManifestList", reason));
    }
    let tags = contents.remove_image(&digest, now);
    if tags.is_empty() {
        return Ok(vec![name(None)]);
    }
    Ok(tags.into_iter().map(|tag| name(Some(tag))).collect())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteRepositoryInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    #[serde(default)]
    force: Option<bool>,
}

#[derive(Debug, Serialize)]
pub(super) struct DeleteRepositoryOutput {
    repository: RepositoryOutput,
}

pub(super) async fn delete_repository(
    call: &Call,
    input: DeleteRepositoryInput,
) -> Result<DeleteRepositoryOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let force = input.force.unwrap_or(false);
    let output = DeleteRepositoryOutput { repository: repositories::describe(call, &repository) };
    let deleted =
        call.app.store.delete(&repository, move |contents| force || contents.images.is_empty()).await?;
    if deleted {
        return Ok(output);
    }
    let gone = repository.is_deleted();
    let place = repository.place();
    Err(if gone { place.repository_not_found() } else { place.repository_not_empty() })
}
