//! Images that are built on, and their layers, which are taken as they are.

use super::LayerFacts;
use crate::base::{Failure, MediaType, Platform, RepositoryName};
use crate::image::{Blobs, Descriptor, Document, ImageConfig, Manifest};
use std::fmt;
use std::sync::Arc;

/// Gives images by the names that stand in a `FROM` or `COPY --from`. It may ask a registry, and so blocks.
pub trait Images: Send + Sync {
    /// The image that `name` means for `platform`.
    fn image(&self, name: &str, platform: &Platform) -> Result<Arc<BaseImage>, Arc<dyn Failure>>;
}

/// An image whose documents are here and were checked against their digests; its layers are where they are.
#[derive(Clone)]
pub struct BaseImage {
    /// As the user wrote it.
    pub name: String,
    /// Its manifest.
    pub manifest: Document<Manifest>,
    /// Its config.
    pub config: Document<ImageConfig>,
    /// Where its blobs are read.
    pub blobs: Arc<dyn Blobs + Send + Sync>,
    /// The repository that holds it; none if it lies on disk.
    pub home: Option<Home>,
}

/// A repository of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Home {
    /// The registry's name, as it stands in front of a repository.
    pub host: String,
    /// The repository.
    pub repository: RepositoryName,
}

impl fmt::Debug for BaseImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = self.manifest.manifest_digest();
        f.debug_struct("BaseImage").field("name", &self.name).field("digest", &digest).finish_non_exhaustive()
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)
    }
}

impl BaseImage {
    /// Where it lies, for messages: registry and repository, or what the user wrote for a place on disk.
    pub fn place(&self) -> String {
        self.home.as_ref().map_or_else(|| self.name.clone(), ToString::to_string)
    }

    /// Its layers, the lowest first. Config and manifest must list the same number of them, which whoever made the
    /// value has checked; what one of them lists beyond the other is left out.
    pub fn layers(self: &Arc<Self>) -> Vec<GivenLayer> {
        let layers = self.manifest.value().layers.iter().zip(&self.config.value().rootfs.diff_ids);
        layers
            .map(|(descriptor, diff_id)| GivenLayer {
                facts: LayerFacts { descriptor: in_oci(descriptor), diff_id: *diff_id },
                image: Arc::clone(self),
            })
            .collect()
    }
}

/// The same blob, as an OCI manifest describes it: Docker's types have OCI's beside them.
fn in_oci(descriptor: &Descriptor) -> Descriptor {
    let media_type = match descriptor.media_type.as_str() {
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => MediaType::OCI_LAYER_GZIP,
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => MediaType::OCI_LAYER_ZSTD,
        "application/vnd.docker.image.rootfs.diff.tar" => MediaType::OCI_LAYER,
        _ => descriptor.media_type.clone(),
    };
    Descriptor::new(media_type, descriptor.digest, descriptor.size)
}

/// A layer of an image that is built on. Its bytes are never unpacked and compressed again.
#[derive(Debug, Clone)]
pub struct GivenLayer {
    /// What it is.
    pub facts: LayerFacts,
    /// The image that it comes from.
    pub image: Arc<BaseImage>,
}
