//! Manifests, indexes and the descriptors in them.
//!
//! Source: <https://github.com/opencontainers/image-spec/blob/main/manifest.md>, `image-index.md` and
//! `descriptor.md` beside it.

use crate::base::{BlobDigest, ManifestDigest, MediaType, Platform};
use crate::image::config::null_is_empty;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is in a document, said from outside: its type, digest and size in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The type of what is described.
    pub media_type: MediaType,
    /// The digest of its bytes.
    pub digest: BlobDigest,
    /// How many bytes it has.
    pub size: u64,
    /// Only in an index: for which platform the image is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Free text by key.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Only in an index: the type of artifact that the manifest describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// A descriptor with nothing but the three facts that every one has.
    pub fn new(media_type: MediaType, digest: BlobDigest, size: u64) -> Self {
        Self { media_type, digest, size, platform: None, annotations: BTreeMap::new(), artifact_type: None }
    }
}

/// The manifest of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Its own type. OCI lets it be left out; this program never does, because ECR refuses such a manifest
    /// unless it is told the type apart from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// Set for artifacts that are no images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The config.
    pub config: Descriptor,
    /// The layers, the lowest first.
    #[serde(deserialize_with = "null_is_empty")]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is about (signatures, SBOMs).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free text by key.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// An OCI image manifest.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::OCI_MANIFEST),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// A list of manifests, usually one a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// Its own type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// Set for lists of artifacts that are no images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The manifests.
    #[serde(deserialize_with = "null_is_empty")]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free text by key.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Index {
    /// An OCI image index.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::OCI_INDEX),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// A JSON document together with the exact bytes that are stored and hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<T> {
    value: T,
    bytes: Vec<u8>,
    media_type: MediaType,
}

impl<T> Document<T> {
    /// What it says.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its type.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The digest of its bytes, as a blob.
    pub fn blob_digest(&self) -> BlobDigest {
        BlobDigest::of(&self.bytes)
    }

    /// The digest of its bytes, as a manifest.
    pub fn manifest_digest(&self) -> ManifestDigest {
        ManifestDigest::of(&self.bytes)
    }

    /// A descriptor of it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.blob_digest(), self.bytes.len() as u64)
    }
}

impl<T: Serialize> Document<T> {
    /// Writes `value` as compact JSON, keys in the order of the type's fields: one value has one digest.
    pub fn write(value: T, media_type: MediaType) -> Self {
        let bytes = serde_json::to_vec(&value).expect("invariant: documents have text keys and no floats");
        Self { value, bytes, media_type }
    }
}

impl<T: for<'de> Deserialize<'de>> Document<T> {
    /// Reads `bytes`, which are kept as they are.
    pub fn read(bytes: Vec<u8>, media_type: MediaType) -> serde_json::Result<Self> {
        let value = serde_json::from_slice(&bytes)?;
        Ok(Self { value, bytes, media_type })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_bytes_it_read() {
        let bytes = br#"{ "schemaVersion": 2,  "manifests": [] }"#.to_vec();
        let read: Document<Index> = Document::read(bytes.clone(), MediaType::OCI_INDEX).unwrap();
        assert_eq!(read.bytes(), bytes);
        assert_eq!(read.manifest_digest(), ManifestDigest::of(&bytes));
    }

    #[test]
    fn a_manifest_names_its_own_type_first() {
        let config = Descriptor::new(MediaType::OCI_CONFIG, BlobDigest::of(b"{}"), 2);
        let document = Document::write(Manifest::new(config, vec![]), MediaType::OCI_MANIFEST);
        let text = String::from_utf8(document.bytes().to_vec()).unwrap();
        assert!(
            text.starts_with(
                r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","#
            )
        );
    }
}
