//! The archive: putting an image into it, and fetching it back.

use super::super::error::ApiError;
use super::super::store::ImageStatus;
use super::{Call, ImageId, images, lifecycle, pushed, validate};
use serde::{Deserialize, Serialize};

/// Seconds that an image takes to come back. On AWS it is up to 20 minutes.
const ACTIVATION_SECONDS: i64 = 5;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_id: Option<ImageId>,
    target_storage_class: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    registry_id: String,
    repository_name: String,
    image_id: ImageId,
    image_status: &'static str,
}

pub(super) async fn update_image_storage_class(call: &Call, input: Input) -> Result<Output, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let target = validate::required("targetStorageClass", input.target_storage_class)?;
    let archive = validate::one_of("targetStorageClass", &target, &["STANDARD", "ARCHIVE"])? == "ARCHIVE";
    let (digest, image_id) = images::one(&repository, input.image_id)?;
    let now = call.now();
    let status = repository.change(|contents| {
        let refused = |text: &str| Err(ApiError::new("ImageStorageClassUpdateNotSupportedException", text));
        let listed = !contents.listed_by(&digest).is_empty();
        let Some(image) = contents.images.get_mut(&digest) else {
            return Err(repository.place().image_not_found(Some(&digest.to_string()), None));
        };
        match (image.life.status(now), archive) {
            (ImageStatus::Activating, true) => refused("The image is being restored"),
            (ImageStatus::Active, true) if listed => refused("The image is referenced by a manifest list"),
            (ImageStatus::Active, true) if image.subject.is_some() => {
                refused("The storage class of a reference artifact follows that of its subject image")
            }
            (ImageStatus::Archived, false) => {
                image.life.archived = false;
                image.life.activated_at = Some(now + jiff::SignedDuration::from_secs(ACTIVATION_SECONDS));
                Ok(ImageStatus::Activating)
            }
            (ImageStatus::Active, true) => {
                lifecycle::archive(contents, &digest, now);
                Ok(ImageStatus::Archived)
            }
            (status, _) => Ok(status),
        }
    })?;
    if status == ImageStatus::Activating {
        // What is restored is handled like what is pushed.
        pushed::pushed(&call.app, &repository, &digest, None);
    }
    repository.commit().await?;
    Ok(Output {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        image_id,
        image_status: status.name(),
    })
}
