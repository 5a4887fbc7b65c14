//! From the manifest or index that a name stands for to an image that can be built on, for one platform.
//!
//! Everything is checked on the way, since whoever gives an image may be wrong or mean it badly: each document against
//! its digest and size, the manifest against the config, every layer for being one that can be taken along. Layers are
//! not read.

use super::BaseImage;
use super::base::Home;
use crate::base::{BlobDigest, Failure, Kind, ManifestDigest, MediaType, Platform};
use crate::image::choose::{NoPlatform, choose, serves};
use crate::image::{Blobs, Descriptor, Document, ImageConfig, Index, Manifest, Verified, is_companion};
use crate::registry::{RegistryError, StoredManifest};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::io::{self, Read as _};
use std::sync::Arc;

/// No document of an image is larger, in bytes. Registries draw the line at 4 MiB.
const MOST_DOCUMENT: u64 = 16 << 20;
/// Documents that are read to find the image of one platform; more are a mistake, if not an attack.
const MOST_DOCUMENTS: usize = 16;

/// An image or index that was found by its name.
#[derive(Clone)]
pub struct Opened {
    /// The bytes of its manifest or index, and their type as far as it was told.
    pub root: StoredManifest,
    /// The digest that the name demands.
    pub pinned: Option<ManifestDigest>,
    /// Where its other parts are read.
    pub blobs: Arc<dyn Blobs + Send + Sync>,
    /// The repository that it lies in; none if it lies on disk.
    pub home: Option<Home>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("digest", &self.root.digest()).finish_non_exhaustive()
    }
}

/// An image can't be built on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// Something is wrong with it.
    #[error("the image `{name}` can't be used: {why}")]
    Unusable {
        /// As the user wrote it.
        name: String,
        /// What is wrong.
        why: Why,
    },
    /// It is there for other platforms.
    #[error(transparent)]
    NoPlatform(#[from] NoPlatform),
    /// It is one image, for another platform.
    #[error("`{name}` is an image for {has}, and {wanted} is asked for")]
    OtherPlatform {
        /// As the user wrote it.
        name: String,
        /// What it is for, by its config.
        has: Box<Platform>,
        /// What is built.
        wanted: Box<Platform>,
    },
}

/// What is wrong with an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// It has another digest.
    #[error("what was found has the digest {found}")]
    Pinned {
        /// That of the bytes.
        found: ManifestDigest,
    },
    /// From before 2016.
    #[error("it is in version 1 of Docker's format, which registries and engines have given up")]
    Schema1,
    /// Something else than an image.
    #[error("it is no image: {0}")]
    NoImage(String),
    /// A document makes no sense.
    #[error("its {what} can't be read: {source}")]
    Document {
        /// Which one.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Indexes in indexes.
    #[error("its indexes are nested too deeply")]
    Nested,
    /// A part of it is not there.
    #[error("{what} {digest} is not there")]
    Missing {
        /// What it is: `its config`.
        what: &'static str,
        /// Which.
        digest: BlobDigest,
    },
    /// A part could not be read, or is not what its digest says.
    #[error("reading {what} {digest}: {source}")]
    Read {
        /// What it is: `its config`.
        what: &'static str,
        /// Which.
        digest: BlobDigest,
        /// Why.
        source: io::Error,
    },
    /// A document of gigabytes.
    #[error("{what} {digest} claims to have {size} bytes")]
    Large {
        /// What it is: `its config`.
        what: &'static str,
        /// Which.
        digest: BlobDigest,
        /// Its size in bytes.
        size: u64,
    },
    /// Manifest and config belong to different images.
    #[error("its manifest has {layers} layers, and its config {diff_ids}")]
    Layers {
        /// In the manifest.
        layers: usize,
        /// In the config.
        diff_ids: usize,
    },
    /// A layer that nobody may pass on.
    #[error(
        "its layer {digest} is {media_type}: such layers lie elsewhere than in the registry and can't be passed on"
    )]
    Foreign {
        /// Which.
        digest: BlobDigest,
        /// Its type.
        media_type: MediaType,
    },
    /// A layer of a kind that is not known.
    #[error("its layer {digest} is {media_type}, and engines take tar, gzip and zstd")]
    LayerType {
        /// Which.
        digest: BlobDigest,
        /// Its type.
        media_type: MediaType,
    },
}

impl Failure for BaseError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unusable { why: Why::Read { source, .. }, .. } => {
                registry_error(source).map_or(Kind::Input, Failure::kind)
            }
            _ => Kind::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoPlatform(error) => return error.hint(),
            Self::OtherPlatform { has, .. } => {
                format!("build for it with `--platform {has}`, or choose an image that has the platform")
            }
            Self::Unusable { why, .. } => match why {
                Why::Read { source, .. } if registry_error(source).is_some() => {
                    return registry_error(source).and_then(Failure::hint);
                }
                Why::Pinned { .. } => {
                    "the registry, or something on the way to it, gave another image than the one that is named".into()
                }
                Why::Schema1 => "have the image built anew, or copy it with a tool that converts it".into(),
                Why::Foreign { .. } => "choose an image without such layers".into(),
                Why::NoImage(_) | Why::LayerType { .. } => "check the name: it has to be that of an image".into(),
                _ => "the image is damaged where it lies: have it pushed again, or choose another one".into(),
            },
        })
    }
}

/// What a registry said, if that is why something could not be read.
fn registry_error(error: &io::Error) -> Option<&RegistryError> {
    error.get_ref()?.downcast_ref()
}

/// The image for `platform` that `opened` is or has; `name` is what the user calls it. A single image is taken for what
/// it is, even if that is another platform: see [`check_platform`].
pub fn resolve(name: &str, opened: &Opened, platform: &Platform) -> Result<BaseImage, BaseError> {
    let mut search = Search { name, blobs: &*opened.blobs, platform, left: MOST_DOCUMENTS };
    if let Some(pinned) = opened.pinned
        && pinned != opened.root.digest()
    {
        return Err(search.unusable(Why::Pinned { found: opened.root.digest() }));
    }
    let found = match search.read(opened.root.bytes.clone(), &opened.root.media_type)? {
        Read::Image(manifest) => search.with_config(manifest)?,
        Read::Index(index) => search.in_index(&index)?,
    };
    let (manifest, config) = found;
    Ok(BaseImage {
        name: name.to_owned(),
        manifest,
        config,
        blobs: Arc::clone(&opened.blobs),
        home: opened.home.clone(),
    })
}

/// That `image` serves `platform`, by its config. One of an index was chosen for that; one that is alone may be for
/// anything.
pub fn check_platform(image: &BaseImage, platform: &Platform) -> Result<(), BaseError> {
    let has = &image.config.value().platform;
    if serves(has, platform) {
        return Ok(());
    }
    let (has, wanted) = (Box::new(has.clone()), Box::new(platform.clone()));
    Err(BaseError::OtherPlatform { name: image.name.clone(), has, wanted })
}

/// A manifest with its config.
type Found = (Document<Manifest>, Document<ImageConfig>);

/// A document, told what it is.
enum Read {
    Image(Box<Document<Manifest>>),
    Index(Box<Document<Index>>),
}

struct Search<'a> {
    name: &'a str,
    blobs: &'a dyn Blobs,
    platform: &'a Platform,
    /// Documents that may still be read.
    left: usize,
}

impl Search<'_> {
    fn unusable(&self, why: Why) -> BaseError {
        BaseError::Unusable { name: self.name.to_owned(), why }
    }

    /// What the document is, by its own words and by what was said of it. The two must agree: else two readers could see
    /// two images in the same bytes
    /// (<https://github.com/opencontainers/distribution-spec/security/advisories/GHSA-mc8v-mgrf-8f4m>).
    fn read(&self, bytes: Vec<u8>, told: &MediaType) -> Result<Read, BaseError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Words {
            schema_version: Option<u32>,
            media_type: Option<MediaType>,
            manifests: Option<IgnoredAny>,
            config: Option<IgnoredAny>,
            layers: Option<IgnoredAny>,
        }
        let unreadable = |source| self.unusable(Why::Document { what: "manifest".into(), source });
        let words: Words = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if words.schema_version == Some(1) || told.as_str().contains("docker.distribution.manifest.v1") {
            return Err(self.unusable(Why::Schema1));
        }
        let is_image = words.config.is_some() || words.layers.is_some();
        let known = |kind: &MediaType| kind.is_index() || kind.is_manifest();
        let own = words.media_type.unwrap_or_else(|| match (known(told), is_image) {
            (true, _) => told.clone(),
            (false, true) => MediaType::OCI_MANIFEST,
            (false, false) => MediaType::OCI_INDEX,
        });
        let disagree = known(told) && own.is_index() != told.is_index();
        if disagree || words.manifests.is_some() && is_image {
            let why = "its manifest can be read as an image and as an index".to_owned();
            return Err(self.unusable(Why::NoImage(why)));
        }
        if !known(&own) {
            return Err(self.unusable(Why::NoImage(format!("its manifest is {own}"))));
        }
        if own.is_index() {
            let index = Document::read(bytes, own).map_err(|source| {
                let what = "index".into();
                self.unusable(Why::Document { what, source })
            })?;
            return Ok(Read::Index(Box::new(index)));
        }
        Document::read(bytes, own).map(Box::new).map(Read::Image).map_err(unreadable)
    }

    /// The image for the platform in `index`. Members that do not say for which platform they are, among them indexes, are
    /// looked into if no other fits.
    fn in_index(&mut self, index: &Document<Index>) -> Result<Found, BaseError> {
        let quoted = format!("`{}`", self.name);
        let none = match choose(index.value(), self.platform, &quoted) {
            Ok(member) => {
                let member = member.clone();
                return match self.member(&member)? {
                    Read::Image(manifest) => self.with_config(manifest),
                    Read::Index(index) => self.in_index(&index),
                };
            }
            Err(none) => none,
        };
        let mut has = none.platforms.clone();
        let silent = index.value().manifests.iter().filter(|m| m.platform.is_none() && !is_companion(m));
        for member in silent {
            let found = match self.member(member)? {
                Read::Image(manifest) => self.with_config(manifest)?,
                Read::Index(index) => match self.in_index(&index) {
                    Err(BaseError::NoPlatform(NoPlatform { platforms, .. })) => {
                        has.extend(platforms);
                        continue;
                    }
                    other => other?,
                },
            };
            if serves(&found.1.value().platform, self.platform) {
                return Ok(found);
            }
            has.push(found.1.value().platform.clone());
        }
        has.retain(Platform::is_named);
        Err(NoPlatform { platforms: has, ..none }.into())
    }

    fn member(&mut self, member: &Descriptor) -> Result<Read, BaseError> {
        let bytes = self.document("its manifest", member)?;
        self.read(bytes, &member.media_type)
    }

    fn with_config(&mut self, manifest: Box<Document<Manifest>>) -> Result<Found, BaseError> {
        let Manifest { config, layers, .. } = manifest.value();
        if config.media_type != MediaType::OCI_CONFIG && config.media_type != MediaType::DOCKER_CONFIG {
            let why = format!("it is an artifact, whose config is {}", config.media_type);
            return Err(self.unusable(Why::NoImage(why)));
        }
        for layer in layers {
            self.check_layer(layer)?;
        }
        let bytes = self.document("its config", config)?;
        let document = Document::<ImageConfig>::read(bytes, config.media_type.clone());
        let document =
            document.map_err(|source| self.unusable(Why::Document { what: "config".into(), source }))?;
        if !document.value().platform.is_named() {
            return Err(self.unusable(Why::NoImage("its config names no platform".into())));
        }
        let (layers, diff_ids) = (layers.len(), document.value().rootfs.diff_ids.len());
        if layers != diff_ids {
            return Err(self.unusable(Why::Layers { layers, diff_ids }));
        }
        Ok((*manifest, document))
    }

    fn check_layer(&self, layer: &Descriptor) -> Result<(), BaseError> {
        let (digest, media_type) = (layer.digest, layer.media_type.clone());
        match media_type.as_str() {
            "application/vnd.oci.image.layer.v1.tar"
            | "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.oci.image.layer.v1.tar+zstd"
            | "application/vnd.docker.image.rootfs.diff.tar"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Ok(()),
            text if text.contains(".foreign.") || text.contains(".nondistributable.") => {
                Err(self.unusable(Why::Foreign { digest, media_type }))
            }
            _ => Err(self.unusable(Why::LayerType { digest, media_type })),
        }
    }

    /// The bytes that `descriptor` describes.
    fn document(&mut self, what: &'static str, descriptor: &Descriptor) -> Result<Vec<u8>, BaseError> {
        let Descriptor { digest, size, .. } = *descriptor;
        if size > MOST_DOCUMENT {
            return Err(self.unusable(Why::Large { what, digest, size }));
        }
        self.left = match self.left.checked_sub(1) {
            Some(left) => left,
            None => return Err(self.unusable(Why::Nested)),
        };
        let unread = |source| self.unusable(Why::Read { what, digest, source });
        let reader = self.blobs.open(&digest).map_err(unread)?;
        let reader = reader.ok_or_else(|| self.unusable(Why::Missing { what, digest }))?;
        let mut bytes = Vec::new();
        Verified::new(reader, descriptor).read_to_end(&mut bytes).map_err(unread)?;
        Ok(bytes)
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
