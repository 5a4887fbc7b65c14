//! Blob uploads: opened, filled in one piece or in several, and closed with the digest; or not needed, because the
//! blob is mounted from another repository.
//!
//! Bytes go to the disk as they come. A `PATCH` or `PUT` counts once all of its body is there: one that breaks off
//! leaves the upload as it was.

use super::super::app::App;
use super::super::body::Incoming;
use super::super::ecr::{complete_layer, is_layer_referenced};
use super::super::error::ApiError;
use super::super::iam;
use super::super::log::PartRecord;
use super::super::quirk::{ChunkCeiling, ChunkMinLength, FreshLastByte, SinglePost, StaleRange};
use super::super::quirk::{UploadDelete, UploadStatus};
use super::super::store::{AppendError, Layer, Limits, Upload};
use super::auth::Visitor;
use super::refusal::Refusal;
use super::{Answer, Visit, base, empty, query, response};
use crate::base::BlobDigest;
use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE};
use axum::http::response::Builder;
use axum::http::{Response, StatusCode};
use std::sync::Arc;

/// Bytes that go to the disk at a time.
const PIECE: usize = 256 * 1024;

/// What `Content-Range` says: the first byte and the last.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let text = text.trim();
    let text = text.strip_prefix("bytes").map_or(text, str::trim_start);
    let text = text.strip_prefix('=').unwrap_or(text);
    let (first, last) = text.split('/').next()?.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

fn invalid(status: StatusCode, message: impl Into<String>) -> Refusal {
    Refusal::new(status, "BLOB_UPLOAD_INVALID", message)
}

impl Visit<'_> {
    fn limits(&self) -> Limits {
        let limits = self.app.layer_limits(&self.repository);
        if self.app.strict_oci { Limits { min_part: 0, ..limits } } else { limits }
    }

    fn location(&self, tail: &str) -> String {
        format!("{}/v2/{}/blobs/{tail}", base(self.app, self.parts), self.path)
    }

    /// What every answer about an open upload says.
    fn about(&self, answer: Builder, upload: &Upload, held: u64) -> Builder {
        answer
            .header(LOCATION, self.location(&format!("uploads/{}", upload.id)))
            .header("docker-upload-uuid", &upload.id)
            .header(RANGE, format!("0-{}", held.saturating_sub(1)))
    }

    fn stored(&self, digest: &BlobDigest) -> Response<Body> {
        let answer = response(StatusCode::CREATED)
            .header(LOCATION, self.location(&digest.to_string()))
            .header("docker-content-digest", digest.to_string())
            .header(CONTENT_LENGTH, 0);
        empty(answer)
    }

    /// Opens an upload, unless the blob can be mounted.
    pub(super) async fn start_upload(&mut self, body: &mut Incoming) -> Answer {
        if let (Some(digest), Some(from)) = (query(self.parts, "mount"), query(self.parts, "from"))
            && let Some(digest) = self.mount(&digest, &from)
        {
            self.repository.commit().await?;
            return Ok(self.stored(&digest));
        }
        let upload = self.repository.open_upload(self.app.clock.now());
        let at_once = self.app.strict_oci || self.app.quirks.single_post == SinglePost::Stored;
        if let Some(digest) = query(self.parts, "digest").filter(|_| at_once) {
            let result = self.store(&upload, &digest, body).await;
            if result.is_err() {
                self.repository.close_upload(&upload.id)?;
            }
            return result;
        }
        let mut answer = self.about(response(StatusCode::ACCEPTED), &upload, 0).header(CONTENT_LENGTH, 0);
        if self.app.quirks.chunk_min_length == ChunkMinLength::Sent && !self.app.strict_oci {
            answer = answer.header("oci-chunk-min-length", self.limits().min_part);
        }
        Ok(empty(answer))
    }

    /// Gives the repository a blob of another one in the same registry: if the account has switched that on, both
    /// are encrypted with the same key, and an image there uses it. The sender has to be allowed to read
    /// it there; who is not gets an upload, as for every other reason.
    fn mount(&self, digest: &str, from: &str) -> Option<BlobDigest> {
        let registry = self.repository.registry();
        let name =
            self.path.strip_suffix(self.repository.name()).and_then(|alias| from.strip_prefix(alias))?;
        let digest: BlobDigest = digest.parse().ok()?;
        if !self.app.strict_oci && !self.app.mounts_blobs(registry) {
            return None;
        }
        if let Visitor::Known(session) = &self.visitor
            && !registry.is_public()
        {
            let reads = ["GetDownloadUrlForLayer"];
            iam::ask_for(self.app, session, iam::Service::Ecr, registry, &reads, name).ok()?;
        }
        let source = self.app.store.repository(registry, name)?;
        let (encryption, layer) = source.read(|contents| {
            let layer = contents.layers.get(&digest).cloned()?;
            is_layer_referenced(contents, &digest).then(|| (contents.encryption.clone(), layer))
        })?;
        self.repository.change(|contents| {
            if contents.encryption != encryption {
                return None;
            }
            contents.layers.insert(digest, layer);
            Some(digest)
        })
    }

    fn upload(&self, id: &str) -> Result<Arc<Upload>, Refusal> {
        let not_found = || self.repository.place().upload_not_found(id);
        let upload = self.app.upload(&self.repository, id)?.ok_or_else(not_found)?;
        if self.app.faults.vanishes(&self.operation, upload.next_part()) {
            self.repository.close_upload(id)?;
            return Err(not_found().into());
        }
        Ok(upload)
    }

    /// Stores a chunk.
    pub(super) async fn patch_upload(&mut self, id: &str, body: &mut Incoming) -> Answer {
        let upload = self.upload(id)?;
        let ceiling = match self.app.quirks.chunk_ceiling {
            ChunkCeiling::None => None,
            ChunkCeiling::TenMebibytes => Some(10_485_760),
            ChunkCeiling::TwentyMebibytes => Some(20_971_520),
        };
        let held = self.receive(&upload, ceiling.filter(|_| !self.app.strict_oci), body).await?;
        let (status, shown) = if self.app.strict_oci {
            (StatusCode::ACCEPTED, held)
        } else {
            let stale = self.app.quirks.stale_range == StaleRange::On;
            (StatusCode::CREATED, if stale { upload.first_part() } else { held })
        };
        Ok(empty(self.about(response(status), &upload, shown).header(CONTENT_LENGTH, 0)))
    }

    /// Stores what comes, as the last chunk or as all of it, and ends the upload.
    pub(super) async fn put_upload(&mut self, id: &str, body: &mut Incoming) -> Answer {
        let upload = self.upload(id)?;
        let digest = query(self.parts, "digest");
        let digest =
            digest.ok_or_else(|| ApiError::invalid_parameter("layerDigests", "Member must not be null"))?;
        self.store(&upload, &digest, body).await
    }

    async fn store(&mut self, upload: &Arc<Upload>, digest: &str, body: &mut Incoming) -> Answer {
        let parsed = digest.parse::<BlobDigest>().map_err(|_| {
            let text = "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'";
            ApiError::invalid_parameter("layerDigests", text)
        })?;
        if body.length() != Some(0) || self.parts.headers.contains_key(CONTENT_RANGE) {
            self.receive(upload, None, body).await?;
        }
        if self.app.strict_oci && upload.held() == 0 && parsed == BlobDigest::of(b"") {
            self.app.store.blobs.put(b"")?;
            self.repository.close_upload(&upload.id)?;
            self.repository.change(|contents| contents.layers.insert(parsed, Layer { size: 0 }));
            self.repository.commit().await?;
            return Ok(self.stored(&parsed));
        }
        // What has begun is finished, even if the client goes away: otherwise a blob could be in its place and the
        // repository not know it.
        let (app, repository) = (Arc::clone(self.app), Arc::clone(&self.repository));
        let (upload, digests) = (Arc::clone(upload), [digest.to_owned()]);
        let task = tokio::spawn(async move { complete_layer(&app, &repository, &upload, &digests).await });
        let (digest, _) = task.await.map_err(ApiError::server)??;
        Ok(self.stored(&digest))
    }

    /// Stores the body as the next part; how many bytes the upload has then.
    async fn receive(
        &mut self,
        upload: &Arc<Upload>,
        ceiling: Option<u64>,
        body: &mut Incoming,
    ) -> Result<u64, Refusal> {
        let range = match self.parts.headers.get(CONTENT_RANGE) {
            None => None,
            Some(value) => Some(value.to_str().ok().and_then(content_range).ok_or_else(|| {
                invalid(StatusCode::RANGE_NOT_SATISFIABLE, "The Content-Range is not understood")
            })?),
        };
        let first = range.map(|(first, _)| first);
        let refuse = |error| refused(self.app, self.repository.place(), &upload.id, first, error);
        let mut part = upload.begin(first, self.limits()).map_err(refuse)?;
        let start = upload.held();
        let mut piece = Vec::new();
        loop {
            let next = body.next().await;
            let more = next.is_some();
            if let Some(bytes) = next {
                let gone = |_| invalid(StatusCode::BAD_REQUEST, "The request body ended early");
                piece.extend_from_slice(&bytes.map_err(gone)?);
            }
            if ceiling.is_some_and(|ceiling| part.length() + piece.len() as u64 > ceiling) {
                return Err(invalid(StatusCode::PAYLOAD_TOO_LARGE, "The chunk is too large"));
            }
            if piece.len() >= PIECE || !more {
                let full = std::mem::take(&mut piece);
                let write = move || {
                    let written = part.write(&full);
                    (part, written)
                };
                let (back, written) = tokio::task::spawn_blocking(write).await.map_err(ApiError::server)?;
                written.map_err(refuse)?;
                part = back;
            }
            if !more {
                break;
            }
        }
        let length = part.length();
        if range.is_some_and(|(first, last)| last - first != length.wrapping_sub(1)) {
            let text = format!("The chunk has {length} bytes, which its Content-Range does not say");
            return Err(invalid(StatusCode::RANGE_NOT_SATISFIABLE, text));
        }
        let held = part.finish().map_err(refuse)?;
        if length > 0 {
            self.part = Some(PartRecord {
                upload_id: upload.id.clone(),
                first_byte: start,
                last_byte: held - 1,
                bytes_stored: length,
            });
        }
        Ok(held)
    }

    /// Tells how far an upload is.
    pub(super) fn upload_status(&self, id: &str) -> Answer {
        if self.app.quirks.upload_status == UploadStatus::Unsupported && !self.app.strict_oci {
            return Err(Refusal::unsupported());
        }
        let upload = self.upload(id)?;
        Ok(empty(self.about(response(StatusCode::NO_CONTENT), &upload, upload.held())))
    }

    /// Ends an upload without a blob.
    pub(super) fn delete_upload(&self, id: &str) -> Answer {
        if self.app.quirks.upload_delete == UploadDelete::Unsupported && !self.app.strict_oci {
            return Err(Refusal::unsupported());
        }
        let upload = self.upload(id)?;
        self.repository.close_upload(&upload.id)?;
        Ok(empty(response(StatusCode::NO_CONTENT)))
    }
}

fn refused(
    app: &App,
    place: super::super::error::Place<'_>,
    upload: &str,
    first: Option<u64>,
    error: AppendError,
) -> Refusal {
    let error = match error {
        AppendError::Closed => place.upload_not_found(upload),
        AppendError::OutOfOrder { held } => {
            let zero = app.quirks.fresh_last_byte == FreshLastByte::Zero;
            place.part_out_of_order(upload, first.unwrap_or(0), held, zero)
        }
        AppendError::Limit(text) => ApiError::new("LimitExceededException", text),
        AppendError::Base64 => ApiError::serialization("The body is not base64"),
        AppendError::Io(error) => error.into(),
    };
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_a_range() {
        assert_eq!(content_range("0-4"), Some((0, 4)));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, 9)));
        assert_eq!(content_range("bytes=5-9"), Some((5, 9)));
        for wrong in ["", "5", "9-5", "a-b", "-5", "0-18446744073709551616"] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }
}
