//! Media types of the documents and blobs of an image.
//!
//! Source: <https://github.com/opencontainers/image-spec/blob/main/media-types.md>.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A media type. Any text can be one, because registries hold artifacts of every kind; the ones that this
/// program writes are constants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaType(Cow<'static, str>);

impl MediaType {
    /// An OCI image manifest.
    pub const OCI_MANIFEST: Self = Self(Cow::Borrowed("application/vnd.oci.image.manifest.v1+json"));
    /// An OCI image index.
    pub const OCI_INDEX: Self = Self(Cow::Borrowed("application/vnd.oci.image.index.v1+json"));
    /// An OCI image config.
    pub const OCI_CONFIG: Self = Self(Cow::Borrowed("application/vnd.oci.image.config.v1+json"));
    /// A layer that is not compressed.
    pub const OCI_LAYER: Self = Self(Cow::Borrowed("application/vnd.oci.image.layer.v1.tar"));
    /// A layer compressed with gzip.
    pub const OCI_LAYER_GZIP: Self = Self(Cow::Borrowed("application/vnd.oci.image.layer.v1.tar+gzip"));
    /// A layer compressed with zstd.
    pub const OCI_LAYER_ZSTD: Self = Self(Cow::Borrowed("application/vnd.oci.image.layer.v1.tar+zstd"));
    /// Docker's schema 2 manifest.
    pub const DOCKER_MANIFEST: Self =
        Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.v2+json"));
    /// Docker's manifest list.
    pub const DOCKER_LIST: Self =
        Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.list.v2+json"));
    /// Docker's image config.
    pub const DOCKER_CONFIG: Self = Self(Cow::Borrowed("application/vnd.docker.container.image.v1+json"));
    /// Docker's layer, compressed with gzip.
    pub const DOCKER_LAYER_GZIP: Self =
        Self(Cow::Borrowed("application/vnd.docker.image.rootfs.diff.tar.gzip"));

    /// Every kind of manifest and index that this program reads, for `acceptedMediaTypes` and `Accept`.
    pub const MANIFESTS: [Self; 4] =
        [Self::OCI_MANIFEST, Self::OCI_INDEX, Self::DOCKER_MANIFEST, Self::DOCKER_LIST];

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a list of manifests.
    pub fn is_index(&self) -> bool {
        *self == Self::OCI_INDEX || *self == Self::DOCKER_LIST
    }

    /// Whether it names the manifest of one image.
    pub fn is_manifest(&self) -> bool {
        *self == Self::OCI_MANIFEST || *self == Self::DOCKER_MANIFEST
    }
}

impl From<String> for MediaType {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        Self(Cow::Owned(text.to_owned()))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
