//! Manifests that arrive or go, by the same rules as with `PutImage` and `BatchDeleteImage`.

use super::super::body::{Incoming, ReadError};
use super::super::ecr::{ImageId, Push, push_image, remove_image};
use super::super::error::ApiError;
use super::super::quirk::BlobDelete;
use super::refusal::{REFERENCED, Refusal};
use super::{Answer, Visit, base, empty, response};
use crate::base::{BlobDigest, ManifestDigest};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use std::sync::Arc;

/// The image that a reference of a path names.
pub(super) fn image_id(reference: &str) -> ImageId {
    if reference.contains(':') {
        ImageId { image_digest: Some(reference.into()), image_tag: None }
    } else {
        ImageId { image_digest: None, image_tag: Some(reference.into()) }
    }
}

impl Visit<'_> {
    /// Stores a manifest. That it is there already, under this very tag, is a success here.
    pub(super) async fn put_manifest(&self, reference: &str, body: &mut Incoming) -> Answer {
        let limit = self.app.quotas.manifest_bytes;
        let received = body.read(limit, &self.app.room).await.map_err(|error| match error {
            ReadError::TooLarge => {
                let text = format!("Member must have length less than or equal to {limit}");
                ApiError::invalid_parameter("imageManifest", text)
            }
            ReadError::Gone => ApiError::serialization("The request body ended early"),
        })?;
        let digest = ManifestDigest::of(&received.bytes);
        let manifest = String::from_utf8(received.bytes.to_vec())
            .map_err(|_| ApiError::invalid_parameter("ImageManifest", "Invalid JSON syntax"))?;
        let content_type = self.parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type =
            content_type.and_then(|text| text.split(';').next()).map(|text| text.trim().to_owned());
        let id = image_id(reference);
        let push = Push { manifest, media_type, tag: id.image_tag, digest: id.image_digest };
        // A push that has begun is finished, even if the client goes away.
        let (app, repository) = (Arc::clone(self.app), Arc::clone(&self.repository));
        let task = tokio::spawn(async move { push_image(&app, &repository, &push).await });
        match task.await.map_err(ApiError::server)? {
            Err(error) if error.code == "ImageAlreadyExistsException" => {}
            result => {
                result?;
            }
        }
        let mut answer = response(StatusCode::CREATED)
            .header(CONTENT_LENGTH, 0)
            .header("docker-content-digest", digest.to_string());
        if self.app.strict_oci {
            let url = format!("{}/v2/{}/manifests/{digest}", base(self.app, self.parts), self.path);
            answer = answer.header(LOCATION, url);
        }
        let subject = self.repository.read(|contents| contents.images.get(&digest)?.subject);
        if let Some(subject) = subject {
            answer = answer.header("oci-subject", subject.to_string());
        }
        Ok(empty(answer))
    }

    /// Deletes an image by its digest, or takes a tag from one.
    pub(super) async fn delete_manifest(&self, reference: &str) -> Answer {
        let id = image_id(reference);
        let now = self.app.clock.now();
        let removed = self.repository.change(|contents| remove_image(contents, &id, now));
        let repository = Arc::clone(&self.repository);
        tokio::spawn(async move { repository.commit().await }).await.map_err(ApiError::server)??;
        match removed {
            Ok(_) => Ok(empty(response(StatusCode::ACCEPTED).header(CONTENT_LENGTH, 0))),
            Err(("ImageNotFound", reason)) => {
                Err(Refusal::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", reason))
            }
            Err((REFERENCED, reason)) => Err(ApiError::new(REFERENCED, reason).into()),
            Err((_, reason)) => {
                let member = if id.image_tag.is_some() { "imageTag" } else { "imageDigest" };
                Err(ApiError::invalid_parameter(member, reason).into())
            }
        }
    }

    /// Lets the repository forget a blob, where that is taken to be possible.
    pub(super) async fn delete_blob(&self, text: &str) -> Answer {
        if self.app.quirks.blob_delete == BlobDelete::Unsupported && !self.app.strict_oci {
            return Err(Refusal::unsupported());
        }
        let digest: Option<BlobDigest> = text.parse().ok();
        let removed =
            digest.and_then(|digest| self.repository.change(|contents| contents.layers.remove(&digest)));
        if removed.is_none() {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry"));
        }
        self.repository.commit().await?;
        Ok(empty(response(StatusCode::ACCEPTED).header(CONTENT_LENGTH, 0)))
    }
}
