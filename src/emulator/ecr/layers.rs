//! Layers: which are there, sending them in parts, and where to fetch them.

use super::super::app::App;
use super::super::error::ApiError;
use super::super::layer_url;
use super::super::log::PartRecord;
use super::super::quirk::{AbsentLayer, FreshLastByte};
use super::super::store::{
    AppendError, Contents, Finish, ImageStatus, Layer, Repository, Upload, decoded_length,
};
use super::{Call, validate};
use crate::base::{BlobDigest, Timestamp};
use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes that a part has at most, by the model.
pub(super) const MAX_PART_BLOB: usize = 20_971_520;
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchCheckInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    layer_digests: Option<Vec<String>>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct BatchCheckOutput {
    layers: Vec<LayerOutput>,
    failures: Vec<LayerFailure>,
}

#[derive(Debug, Serialize)]
struct LayerOutput {
    #[serde(rename = "layerDigest")]
    digest: String,
    #[serde(rename = "layerAvailability")]
    availability: &'static str,
    #[serde(rename = "layerSize", skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LayerFailure {
    layer_digest: String,
    failure_code: &'static str,
    failure_reason: &'static str,
}

pub(super) async fn batch_check_layer_availability(
    call: &Call,
    input: BatchCheckInput,
) -> Result<BatchCheckOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let digests = validate::required("layerDigests", input.layer_digests)?;
    validate::count("layerDigests", digests.len(), 1, 100)?;
    for digest in &digests {
        validate::count("layerDigests", digest.chars().count(), 0, 1000)?;
    }
    repository.commit().await?;
    let mut output = BatchCheckOutput::default();
    repository.read(|contents| {
        for layer_digest in digests {
            if !validate::is_digest(&layer_digest) {
                output.failures.push(LayerFailure {
                    layer_digest,
                    failure_code: "InvalidLayerDigest",
                    failure_reason: "Invalid request parameters: layer digest should satisfy the regex \
                                     '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
                });
                continue;
            }
            let layer = layer_digest.parse().ok().and_then(|digest: BlobDigest| contents.layers.get(&digest));
            match (layer, call.app.quirks.absent_layer) {
                (Some(layer), _) => output.layers.push(LayerOutput {
                    availability: if is_archived(contents, &layer_digest, call.now()) {
                        "ARCHIVED"
                    } else {
                        "AVAILABLE"
                    },
                    digest: layer_digest,
                    size: Some(layer.size),
                }),
                (None, AbsentLayer::Unavailable) => output.layers.push(LayerOutput {
                    digest: layer_digest,
                    availability: "UNAVAILABLE",
                    size: None,
                }),
                (None, AbsentLayer::Failure) => output.failures.push(LayerFailure {
                    layer_digest,
                    failure_code: "MissingLayerDigest",
                    failure_reason: "The layer digest does not exist in the repository",
                }),
            }
        }
    });
    Ok(output)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InitiateInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InitiateOutput {
    upload_id: String,
    part_size: u64,
}

pub(super) async fn initiate_layer_upload(
    call: &Call,
    input: InitiateInput,
) -> Result<InitiateOutput, ApiError> {
    let repository =
        call.repository_for_push(input.registry_id.as_deref(), input.repository_name.as_deref()).await?;
    let upload = repository.open_upload(call.now());
    Ok(InitiateOutput { upload_id: upload.id.clone(), part_size: call.app.part_size })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadPartInput<'a> {
    registry_id: Option<String>,
    repository_name: Option<String>,
    upload_id: Option<String>,
    part_first_byte: Option<u64>,
    part_last_byte: Option<u64>,
    /// Base64. Borrowed from the body unless the client escaped a character of it.
    #[serde(borrow)]
    layer_part_blob: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadPartOutput {
    registry_id: String,
    repository_name: String,
    upload_id: String,
    last_byte_received: u64,
}

pub(super) async fn upload_layer_part(
    call: &Call,
    input: UploadPartInput<'_>,
) -> Result<UploadPartOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let upload_id = validate::required("uploadId", input.upload_id)?;
    let first = validate::required("partFirstByte", input.part_first_byte)?;
    let last = validate::required("partLastByte", input.part_last_byte)?;
    let blob = validate::required("layerPartBlob", input.layer_part_blob)?;
    let part =
        PartRecord { upload_id: upload_id.clone(), first_byte: first, last_byte: last, bytes_stored: 0 };
    call.annotate(|note| note.part = Some(part));

    let not_base64 = || ApiError::serialization("layerPartBlob is not base64");
    let length = decoded_length(blob.as_bytes()).ok_or_else(not_base64)?;
    if length > MAX_PART_BLOB as u64 {
        let text = format!("Member must have length less than or equal to {MAX_PART_BLOB}");
        return Err(ApiError::invalid_parameter("layerPartBlob", text));
    }
    if last.checked_sub(first).and_then(|span| span.checked_add(1)) != Some(length) {
        let text = format!("The layer part has {length} bytes, which is not partFirstByte to partLastByte");
        return Err(ApiError::invalid_parameter("layerPartBlob", text));
    }
    let place = repository.place();
    let upload =
        call.app.upload(&repository, &upload_id)?.ok_or_else(|| place.upload_not_found(&upload_id))?;
    if call.app.faults.vanishes("UploadLayerPart", upload.next_part()) {
        repository.close_upload(&upload_id)?;
        return Err(place.upload_not_found(&upload_id));
    }

    let blob = match blob {
        Cow::Borrowed(text) => call.body.slice_ref(text.as_bytes()),
        Cow::Owned(text) => Bytes::from(text),
    };
    let limits = call.app.layer_limits(&repository);
    let appended = tokio::task::spawn_blocking(move || upload.append(first, &blob, length, limits))
        .await
        .map_err(ApiError::server)?;
    appended.map_err(|error| match error {
        AppendError::Closed => place.upload_not_found(&upload_id),
        AppendError::OutOfOrder { held } => {
            let zero = call.app.quirks.fresh_last_byte == FreshLastByte::Zero;
            place.part_out_of_order(&upload_id, first, held, zero)
        }
        AppendError::Limit(text) => ApiError::new("LimitExceededException", text),
        AppendError::Base64 => not_base64(),
        AppendError::Io(error) => error.into(),
    })?;
    call.annotate(|note| {
        if let Some(part) = &mut note.part {
            part.bytes_stored = length;
        }
    });
    Ok(UploadPartOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        upload_id,
        last_byte_received: last,
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CompleteInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    upload_id: Option<String>,
    layer_digests: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CompleteOutput {
    registry_id: String,
    repository_name: String,
    upload_id: String,
    layer_digest: String,
}

pub(super) async fn complete_layer_upload(
    call: &Call,
    input: CompleteInput,
) -> Result<CompleteOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let upload_id = validate::required("uploadId", input.upload_id)?;
    let digests = validate::required("layerDigests", input.layer_digests)?;
    validate::count("layerDigests", digests.len(), 1, 100)?;
    for digest in &digests {
        validate::digest("layerDigests", digest)?;
    }
    let place = repository.place();
    let upload =
        call.app.upload(&repository, &upload_id)?.ok_or_else(|| place.upload_not_found(&upload_id))?;
    if call.app.faults.vanishes("CompleteLayerUpload", upload.next_part()) {
        repository.close_upload(&upload_id)?;
        return Err(place.upload_not_found(&upload_id));
    }

    let (digest, new) = complete(&call.app, &repository, &upload, &digests).await?;
    if !new {
        return Err(place.layer_already_exists(&digest));
    }
    Ok(CompleteOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        upload_id,
        layer_digest: digest.to_string(),
    })
}

/// Makes a layer of an upload whose digest is one of `digests`; and whether it is new in the repository.
pub(in crate::emulator) async fn complete(
    app: &App,
    repository: &Arc<Repository>,
    upload: &Arc<Upload>,
    digests: &[String],
) -> Result<(BlobDigest, bool), ApiError> {
    let place = repository.place();
    let expected: Vec<BlobDigest> = digests.iter().filter_map(|digest| digest.parse().ok()).collect();
    let blobs = app.store.blobs.clone();
    let finished = {
        let upload = Arc::clone(upload);
        tokio::task::spawn_blocking(move || upload.finish(&expected, &blobs))
            .await
            .map_err(ApiError::server)??
    };
    let (digest, size) = match finished {
        Finish::Closed => return Err(place.upload_not_found(&upload.id)),
        Finish::Empty => return Err(place.empty_upload(&upload.id)),
        Finish::TooSmall => {
            return Err(ApiError::new(
                "LayerPartTooSmallException",
                "All layer parts except the last part should be at least 5MB",
            ));
        }
        Finish::Mismatch(computed) => {
            return Err(ApiError::new(
                "InvalidLayerException",
                format!(
                    "The layer digest '{}' does not match the computed digest '{computed}'",
                    digests.join(", ")
                ),
            ));
        }
        Finish::Done(digest, size) => (digest, size),
    };
    repository.close_upload(&upload.id)?;
    let new = repository.change(|contents| contents.layers.insert(digest, Layer { size }).is_none());
    repository.commit().await?;
    Ok((digest, new))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DownloadUrlInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    layer_digest: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DownloadUrlOutput {
    download_url: String,
    layer_digest: String,
}

pub(super) async fn get_download_url_for_layer(
    call: &Call,
    input: DownloadUrlInput,
) -> Result<DownloadUrlOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let layer_digest = validate::required("layerDigest", input.layer_digest)?;
    validate::digest("layerDigest", &layer_digest)?;
    let digest: Option<BlobDigest> = layer_digest.parse().ok();
    let digest = digest
        .filter(|digest| repository.read(|contents| contents.layers.contains_key(digest)))
        .ok_or_else(|| repository.place().layer_not_found(&layer_digest))?;
    let gone = |contents: &Contents| {
        !is_referenced(contents, &digest) || is_archived(contents, &layer_digest, call.now())
    };
    if repository.read(gone) {
        return Err(ApiError::new(
            "LayerInaccessibleException",
            "The specified layer is not available because it is not associated with an image. Unassociated image \
             layers may be cleaned up at any time.",
        ));
    }
    let own = call.app.own_host();
    let host = layer_url::host_for(&call.app, &own).unwrap_or(own);
    Ok(DownloadUrlOutput { download_url: layer_url::make(&call.app, &host, &digest), layer_digest })
}

/// Whether an image of the repository uses the blob.
pub(in crate::emulator) fn is_referenced(contents: &Contents, digest: &BlobDigest) -> bool {
    contents.images.values().any(|image| image.blobs.contains(digest))
}

/// Whether all images that use the blob are in the archive.
fn is_archived(contents: &Contents, digest: &str, now: Timestamp) -> bool {
    if contents.images.values().all(|image| image.life.status(now) == ImageStatus::Active) {
        return false;
    }
    let Ok(digest) = digest.parse::<BlobDigest>() else { return false };
    let mut using = contents.images.values().filter(|image| image.blobs.contains(&digest)).peekable();
    using.peek().is_some() && using.all(|image| image.life.status(now) == ImageStatus::Archived)
}
