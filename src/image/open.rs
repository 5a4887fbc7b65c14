//! Reading images from disk: OCI layouts, as a directory or a tar, and archives that `docker save` wrote.
//!
//! An archive is never unpacked. Its table of contents is read once, and blobs are read from where they lie in it.

use super::archive::{self, DockerImage};
use super::blob::{BlobReader, BlobSource, Blobs, Verified};
use super::contents::{Contents, Place};
use super::layout::{CONTAINERD_NAME, INDEX_FILE, LAYOUT_FILE, REF_NAME};
use super::{Descriptor, Document, ImageConfig, Index, Manifest};
use crate::base::{BlobDigest, Failure, Kind, MediaType, Platform};
use fs_err::File;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No document of an image is larger, in bytes. Registries draw the line at 4 MiB.
pub(super) const MOST_DOCUMENT: u64 = 16 << 20;

/// Why an image could not be read from disk.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk did not do as told, or the archive is damaged.
    #[error("reading the image `{}`", path.display())]
    Io {
        /// Where the image is.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("`{}` is no image: {why}", path.display())]
    NoImage {
        /// What was opened.
        path: PathBuf,
        /// How that is known.
        why: String,
    },
    /// An archive has a name in it that leads out of it.
    #[error("`{}` has an entry named `{name}`, which leads out of the archive", path.display())]
    Outside {
        /// The archive.
        path: PathBuf,
        /// The name; what is no UTF-8 is replaced.
        name: String,
    },
    /// A document is not what its place says.
    #[error("{what} of the image `{}` can't be read", path.display())]
    Document {
        /// Where the image is.
        path: PathBuf,
        /// Which document.
        what: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A blob that is referred to is not there.
    #[error("the image `{}` lacks {digest}, which it refers to", path.display())]
    Missing {
        /// Where the image is.
        path: PathBuf,
        /// Which.
        digest: BlobDigest,
    },
    /// There is no image by that name, or none for that platform, or more than one.
    #[error("`{}` has {found}{}", path.display(),
        if choices.is_empty() { String::new() } else { format!(": it has {}", choices.join(", ")) })]
    Choice {
        /// Where the image is.
        path: PathBuf,
        /// What was found instead of one image.
        found: String,
        /// What there is.
        choices: Vec<String>,
    },
}

impl Failure for OpenError {
    fn kind(&self) -> Kind {
        Kind::Input
    }
}

/// Images on disk.
#[derive(Debug)]
pub struct Layout {
    path: PathBuf,
    index: Index,
    places: Places,
}

/// One image, out of an index if need be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its manifest.
    pub manifest: Document<Manifest>,
    /// Its config.
    pub config: Document<ImageConfig>,
}

/// Where blobs are.
#[derive(Debug)]
enum Places {
    /// In files named after their digests, below this directory.
    Directory(PathBuf),
    /// In one file.
    Archive { file: Arc<File>, blobs: BTreeMap<BlobDigest, Place> },
}

impl Layout {
    /// Opens what lies at `path`.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.into(), source };
        if fs_err::metadata(path).map_err(io)?.is_dir() { Self::directory(path) } else { Self::archive(path) }
    }

    fn directory(path: &Path) -> Result<Self, OpenError> {
        let read = |name: &str| match fs_err::read(path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::NoImage {
                path: path.into(),
                why: format!("it has no `{name}`, as an OCI layout has"),
            }),
            other => other.map_err(|source| OpenError::Io { path: path.into(), source }),
        };
        check_version(path, &read(LAYOUT_FILE)?)?;
        let index = parse(path, INDEX_FILE, &read(INDEX_FILE)?)?;
        Ok(Self { path: path.into(), index, places: Places::Directory(path.into()) })
    }

    fn archive(path: &Path) -> Result<Self, OpenError> {
        let contents = Contents::list(path)?;
        if let Some(version) = contents.document(LAYOUT_FILE)? {
            check_version(path, &version)?;
            let Some(index) = contents.document(INDEX_FILE)? else {
                return Err(OpenError::NoImage { path: path.into(), why: "it has no `index.json`".into() });
            };
            let index = parse(path, INDEX_FILE, &index)?;
            let blobs = contents.blobs();
            return Ok(Self {
                path: path.into(),
                index,
                places: Places::Archive { file: contents.file, blobs },
            });
        }
        match contents.document(archive::MANIFEST_FILE)? {
            Some(table) => {
                Self::docker(contents, &parse::<Vec<DockerImage>>(path, archive::MANIFEST_FILE, &table)?)
            }
            None => Err(OpenError::NoImage {
                path: path.into(),
                why:
                    "it has neither `oci-layout`, as an OCI layout has, nor `manifest.json`, as archives of \
                    `docker save` have"
                        .into(),
            }),
        }
    }

    /// Makes a layout of an archive that has nothing but a `manifest.json`.
    fn docker(contents: Contents, images: &[DockerImage]) -> Result<Self, OpenError> {
        let mut blobs = BTreeMap::new();
        let mut manifests = Vec::new();
        for image in images {
            let lacks = |name: &str| OpenError::NoImage {
                path: contents.path.clone(),
                why: format!("its `manifest.json` names `{name}`, which it does not have"),
            };
            let place = contents.find(&image.config).ok_or_else(|| lacks(&image.config))?;
            let bytes = contents.document(&image.config)?.unwrap_or_default();
            let config: ImageConfig = parse(&contents.path, &image.config, &bytes)?;
            let described = Descriptor::new(MediaType::OCI_CONFIG, BlobDigest::of(&bytes), place.1);
            blobs.insert(described.digest, Place::Range { offset: place.0, size: place.1 });
            let mut layers = Vec::new();
            for name in &image.layers {
                let place = contents.find(name).ok_or_else(|| lacks(name))?;
                let layer = contents
                    .layer(place)
                    .map_err(|source| OpenError::Io { path: contents.path.clone(), source })?;
                blobs.insert(layer.digest, Place::Range { offset: place.0, size: place.1 });
                layers.push(layer);
            }
            if layers.len() != config.rootfs.diff_ids.len() {
                let why = format!(
                    "its `manifest.json` names {} layers, and its config {}",
                    layers.len(),
                    config.rootfs.diff_ids.len()
                );
                return Err(OpenError::NoImage { path: contents.path.clone(), why });
            }
            let manifest = Document::write(Manifest::new(described, layers), MediaType::OCI_MANIFEST);
            blobs.insert(manifest.blob_digest(), Place::Memory(manifest.bytes().into()));
            let mut names = image.repo_tags.clone().unwrap_or_default().into_iter();
            let first = names.next();
            for name in std::iter::once(first).chain(names.map(Some)) {
                let mut descriptor = manifest.descriptor();
                if let Some(name) = name {
                    let tag = name.rsplit(':').next().unwrap_or_default().to_owned();
                    descriptor.annotations.insert(REF_NAME.into(), tag);
                    descriptor.annotations.insert(CONTAINERD_NAME.into(), name);
                }
                manifests.push(descriptor);
            }
        }
        let places = Places::Archive { file: contents.file, blobs };
        Ok(Self { path: contents.path, index: Index::new(manifests), places })
    }

    /// The images and indexes that it lists.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The one image or index in it that is called `name`, by tag or in full; without a name, the only one.
    pub fn root(&self, name: Option<&str>) -> Result<&Descriptor, OpenError> {
        let names = |descriptor: &Descriptor| {
            let annotations = &descriptor.annotations;
            [annotations.get(CONTAINERD_NAME).cloned(), annotations.get(REF_NAME).cloned()]
        };
        let mut fit = self.index.manifests.iter().filter(|descriptor| match name {
            Some(name) => names(descriptor).iter().flatten().any(|other| other == name),
            None => true,
        });
        let found = match fit.next() {
            // The same image may be listed once for every tag.
            Some(first) if fit.all(|other| other.digest == first.digest) => return Ok(first),
            Some(_) => "more than one image",
            None if name.is_some() => "no image of that name",
            None => "no image",
        };
        let mut choices: Vec<_> = self
            .index
            .manifests
            .iter()
            .filter_map(|other| names(other).into_iter().flatten().next())
            .collect();
        choices.sort();
        choices.dedup();
        Err(OpenError::Choice { path: self.path.clone(), found: found.into(), choices })
    }

    /// The image that `root` is, or that it has for `platform`; without a platform, the only one that it has.
    pub fn image(&self, root: &Descriptor, platform: Option<&Platform>) -> Result<Image, OpenError> {
        let mut descriptor = root.clone();
        // An index may list indexes. Four of them in each other are a mistake, if not an attack.
        for _ in 0..4 {
            if !descriptor.media_type.is_index() {
                let manifest: Document<Manifest> = self.document(&descriptor)?;
                let config = self.document(&manifest.value().config)?;
                return Ok(Image { manifest, config });
            }
            let index: Document<Index> = self.document(&descriptor)?;
            descriptor = self.choose(index.value(), platform)?;
        }
        Err(OpenError::NoImage { path: self.path.clone(), why: "its indexes are nested too deeply".into() })
    }

    fn choose(&self, index: &Index, platform: Option<&Platform>) -> Result<Descriptor, OpenError> {
        // BuildKit lists attestations beside the images, as images for the platform `unknown/unknown`.
        let images = || {
            index
                .manifests
                .iter()
                .filter(|d| d.platform.as_ref().is_none_or(|platform| platform.os != "unknown"))
        };
        let mut fit = images().filter(|descriptor| match (platform, &descriptor.platform) {
            (Some(wanted), Some(has)) => {
                (&wanted.os, &wanted.architecture, &wanted.variant)
                    == (&has.os, &has.architecture, &has.variant)
            }
            _ => true,
        });
        let found = match (fit.next(), fit.next()) {
            (Some(only), None) => return Ok(only.clone()),
            (Some(_), Some(_)) => "images for more than one platform".to_owned(),
            (None, _) => {
                platform.map_or("no image".to_owned(), |platform| format!("no image for {platform}"))
            }
        };
        let choices =
            images().filter_map(|descriptor| descriptor.platform.as_ref()).map(ToString::to_string).collect();
        Err(OpenError::Choice { path: self.path.clone(), found, choices })
    }

    /// A document, checked against its descriptor.
    pub fn document<T: for<'de> Deserialize<'de>>(
        &self,
        descriptor: &Descriptor,
    ) -> Result<Document<T>, OpenError> {
        let io = |source| OpenError::Io { path: self.path.clone(), source };
        if descriptor.size > MOST_DOCUMENT {
            let why = format!("a document of {} bytes is no document", descriptor.size);
            return Err(OpenError::NoImage { path: self.path.clone(), why });
        }
        let mut bytes = Vec::new();
        Verified::new(self.require(&descriptor.digest)?, descriptor).read_to_end(&mut bytes).map_err(io)?;
        Document::read(bytes, descriptor.media_type.clone()).map_err(|source| OpenError::Document {
            path: self.path.clone(),
            what: format!("the document {}", descriptor.digest),
            source,
        })
    }

    /// A blob of an image, to be read as often as it takes.
    pub fn source(self: &Arc<Self>, descriptor: &Descriptor) -> Result<LayoutBlob, OpenError> {
        self.require(&descriptor.digest)?;
        Ok(LayoutBlob { layout: Arc::clone(self), descriptor: descriptor.clone() })
    }

    fn require(&self, digest: &BlobDigest) -> Result<BlobReader, OpenError> {
        match self.open_blob(digest) {
            Ok(Some(reader)) => Ok(reader),
            Ok(None) => Err(OpenError::Missing { path: self.path.clone(), digest: *digest }),
            Err(source) => Err(OpenError::Io { path: self.path.clone(), source }),
        }
    }

    /// Opens a blob; `None` if it is not there. Its content is not checked.
    pub fn open_blob(&self, digest: &BlobDigest) -> io::Result<Option<BlobReader>> {
        match &self.places {
            Places::Directory(directory) => match File::open(directory.join(archive::blob_path(digest))) {
                Ok(file) => Ok(Some(Box::new(file))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Places::Archive { file, blobs } => Ok(blobs.get(digest).map(|place| place.open(file))),
        }
    }
}

impl Blobs for Layout {
    fn open(&self, digest: &BlobDigest) -> io::Result<Option<BlobReader>> {
        self.open_blob(digest)
    }
}

/// A blob of a [`Layout`].
#[derive(Debug, Clone)]
pub struct LayoutBlob {
    layout: Arc<Layout>,
    descriptor: Descriptor,
}

impl BlobSource for LayoutBlob {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn open(&self) -> io::Result<BlobReader> {
        self.layout.open_blob(&self.descriptor.digest)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn check_version(path: &Path, bytes: &[u8]) -> Result<(), OpenError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        image_layout_version: String,
    }
    let version: Version = parse(path, LAYOUT_FILE, bytes)?;
    if version.image_layout_version.starts_with("1.") {
        return Ok(());
    }
    let why = format!("it is an OCI layout of version {}, and only 1 is known", version.image_layout_version);
    Err(OpenError::NoImage { path: path.into(), why })
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, what: &str, bytes: &[u8]) -> Result<T, OpenError> {
    serde_json::from_slice(bytes).map_err(|source| OpenError::Document {
        path: path.into(),
        what: format!("`{what}`"),
        source,
    })
}
