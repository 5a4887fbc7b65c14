//! One part of a layer, encoded as the request that carries it.
//!
//! `UploadLayerPart` takes its bytes as base64 inside JSON. Left to the SDK, a part of 10 MiB would lie in
//! memory three times (bytes, base64, JSON). Here the base64 is written straight into the JSON as the bytes come
//! in, once; an interceptor then puts that body in the place of the SDK's, before it is signed. Signing, retries
//! and endpoints stay the SDK's.

use crate::base::RepositoryName;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::write::EncoderWriter;
use bytes::Bytes;
use std::io::Write as _;
use tokio::sync::OwnedSemaphorePermit;

/// Opens the JSON object; the base64 follows at once.
const OPENING: &[u8] = br#"{"layerPartBlob":""#;

/// An upload that the registry has begun.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) part_size: u64,
    pub(super) registry_id: Option<String>,
    pub(super) repository: RepositoryName,
}

/// A part while it is filled.
pub(super) struct PartWriter {
    encoder: EncoderWriter<'static, GeneralPurpose, Vec<u8>>,
    first: u64,
    length: u64,
    permit: Option<OwnedSemaphorePermit>,
}

/// A part that is ready to be sent.
pub(super) struct Part {
    pub(super) body: Bytes,
    /// Offset of its first byte in the layer.
    pub(super) first: u64,
    /// How many bytes of the layer it has, at least 1.
    pub(super) length: u64,
    /// Gives the memory back when the part is dropped.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Part {
    /// Offset of its last byte in the layer.
    pub(super) fn last(&self) -> u64 {
        self.first + self.length - 1
    }

    /// The same without its first `skip` bytes, for when the registry holds those already.
    pub(super) fn without_front(&self, skip: u64, upload: &Upload) -> Self {
        let encoded = self.body[OPENING.len()..].split(|byte| *byte == b'"').next().unwrap_or_default();
        let bytes = STANDARD.decode(encoded).expect("invariant: the base64 was written here");
        let skip_bytes = usize::try_from(skip).expect("invariant: a part fits in memory");
        let rest = &bytes[skip_bytes..];
        let mut body = OPENING.to_vec();
        body.extend_from_slice(STANDARD.encode(rest).as_bytes());
        finish(body, self.first + skip, self.length - skip, upload, None)
    }
}

impl PartWriter {
    /// An empty part that begins at `first`. `permit` stands for its memory.
    pub(super) fn new(first: u64, part_size: u64, permit: Option<OwnedSemaphorePermit>) -> Self {
        // Base64 takes four bytes for three; the rest of the object takes less than a kilobyte.
        let capacity = usize::try_from(part_size.div_ceil(3) * 4 + 1024).unwrap_or_default();
        let mut body = Vec::with_capacity(capacity);
        body.extend_from_slice(OPENING);
        Self { encoder: EncoderWriter::new(body, &STANDARD), first, length: 0, permit }
    }

    /// How many bytes of the layer are in it.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.encoder.write_all(bytes).expect("invariant: writing to memory does not fail");
        self.length += bytes.len() as u64;
    }

    /// Completes the request.
    pub(super) fn finish(mut self, upload: &Upload) -> Part {
        let body = self.encoder.finish().expect("invariant: writing to memory does not fail");
        finish(body, self.first, self.length, upload, self.permit)
    }
}

fn finish(
    mut body: Vec<u8>,
    first: u64,
    length: u64,
    upload: &Upload,
    permit: Option<OwnedSemaphorePermit>,
) -> Part {
    let mut rest = serde_json::json!({
        "partFirstByte": first,
        "partLastByte": first + length - 1,
        "repositoryName": upload.repository.as_str(),
        "uploadId": upload.id,
    });
    if let Some(id) = &upload.registry_id {
        rest["registryId"] = id.as_str().into();
    }
    body.extend_from_slice(b"\",");
    // The rest without its opening brace, since the object is open already.
    body.extend_from_slice(&rest.to_string().as_bytes()[1..]);
    Part { body: body.into(), first, length, _permit: permit }
}

/// Sends `body` in the place of what the SDK has written.
#[derive(Debug)]
pub(super) struct WithBody(pub(super) Bytes);

impl Intercept for WithBody {
    fn name(&self) -> &'static str {
        "WithBody"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.0.len().to_string());
        *request.body_mut() = SdkBody::from(self.0.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload() -> Upload {
        Upload {
            id: "00000000-0000-4000-8000-000000000000".into(),
            part_size: 100,
            registry_id: Some("123456789012".into()),
            repository: "shop/api".parse().unwrap(),
        }
    }

    fn part(first: u64, pieces: &[&[u8]]) -> Part {
        let mut part = PartWriter::new(first, 100, None);
        for piece in pieces {
            part.push(piece);
        }
        part.finish(&upload())
    }

    #[test]
    fn is_the_request_that_the_model_describes() {
        let part = part(10, &[b"a", b"bcde", b"", b"fg"]);
        let body: serde_json::Value = serde_json::from_slice(&part.body).unwrap();
        let expected = serde_json::json!({
            "registryId": "123456789012",
            "repositoryName": "shop/api",
            "uploadId": "00000000-0000-4000-8000-000000000000",
            "partFirstByte": 10,
            "partLastByte": 16,
            "layerPartBlob": STANDARD.encode("abcdefg"),
        });
        assert_eq!(body, expected);
        assert_eq!((part.first, part.last()), (10, 16));
    }

    #[test]
    fn loses_its_front() {
        let part = part(10, &[b"abcdefg"]).without_front(3, &upload());
        let body: serde_json::Value = serde_json::from_slice(&part.body).unwrap();
        assert_eq!(body["layerPartBlob"], STANDARD.encode("defg"));
        assert_eq!((part.first, part.last()), (13, 16));
    }
}
