//! From an image to a registry that holds it: what is missing → upload → config → manifest → tags.
//!
//! Each step gives a value that only it can make, and the next step takes it: [`LayersPresent`] →
//! [`ConfigPresent`] → [`Published`], and for an index [`ChildrenPresent`] → [`Published`]. Outputs are made from
//! [`Published`] alone, so nothing can be told of an image that the registry does not hold.

mod config;
mod copy;
mod disk;
mod error;
mod image;
mod index;
mod layers;
mod previous;
mod retag;

pub use copy::{Copied, CopiedBlob, How, copy};
pub use error::PublishError;
pub use image::{Finished, publish_finished};
pub use index::{ChildrenPresent, publish_index};
pub use layers::{Because, LayerReport, LayersPresent};
pub use previous::Previous;
pub use retag::retag;

use crate::base::{BlobDigest, Event, ManifestDigest, MediaType, Platform, Reporter, RepositoryName, Tag};
use crate::build::Recipe;
use crate::image::Document;
use crate::registry::{ManifestId, Memory, Put, Registry, RegistryError, StoredManifest};
use serde::Serialize;
use std::sync::Arc;

/// Where an image goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The repository.
    pub repository: RepositoryName,
    /// The tags; none means that it is stored under its digest alone.
    pub tags: Vec<Tag>,
}

/// An image or index of a repository, as somebody has named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// For messages.
    pub name: String,
    /// Which one it is.
    pub id: ManifestId,
}

impl Source {
    fn missing<R: Registry>(&self, registry: &R, repository: &RepositoryName) -> PublishError {
        let repository = format!("{}/{repository}", registry.host());
        PublishError::Missing { names: vec![self.name.clone()], repository }
    }
}

/// An image that the registry has confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Published {
    /// The repository with its registry: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api`.
    pub repository: String,
    /// Of the manifest or index.
    pub digest: ManifestDigest,
    /// The type of the manifest or index.
    pub media_type: MediaType,
    /// Bytes of the manifest or index.
    pub size: u64,
    /// Of the config; none for an index.
    pub config_digest: Option<BlobDigest>,
    /// The platform of an image; none for an index, and for an image whose config was not read.
    pub platform: Option<Platform>,
    /// The image for each platform that is known: the one of an image, all of an index.
    pub platforms: Vec<PlatformImage>,
    /// The tags, without the repository.
    pub tags: Vec<String>,
    /// The layers, the lowest first.
    pub layers: Vec<LayerReport>,
    /// Whether the registry held all of it before.
    pub unchanged: bool,
}

/// The image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformImage {
    /// For which platform.
    pub platform: Platform,
    /// Of its manifest.
    pub digest: ManifestDigest,
}

impl Published {
    /// `REPOSITORY@sha256:…`
    pub fn reference(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }

    /// `REPOSITORY:TAG` for each tag.
    pub fn tag_references(&self) -> Vec<String> {
        self.tags.iter().map(|tag| format!("{}:{tag}", self.repository)).collect()
    }
}

/// The config is in the registry, and all layers before it.
#[derive(Debug)]
pub struct ConfigPresent {
    layers: Vec<LayerReport>,
    config: BlobDigest,
    platform: Platform,
}

impl ConfigPresent {
    /// With the manifest that refers to it and to the layers.
    fn with(self, manifest: StoredManifest) -> ManifestPresent {
        let digest = manifest.digest();
        ManifestPresent {
            manifest,
            config: Some(self.config),
            platforms: vec![PlatformImage { platform: self.platform.clone(), digest }],
            platform: Some(self.platform),
            layers: self.layers,
        }
    }
}

/// A manifest or index, with all that it refers to in the registry; and what is told of it.
#[derive(Debug)]
struct ManifestPresent {
    manifest: StoredManifest,
    config: Option<BlobDigest>,
    platform: Option<Platform>,
    platforms: Vec<PlatformImage>,
    layers: Vec<LayerReport>,
}

/// Where layers that need not be sent are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reuse {
    /// Nowhere.
    Nothing,
    /// Nowhere, as the repository was made just now and holds nothing.
    NewRepository,
    /// In the images that are replaced, and in these of the same repository; if there are none, in its newest one.
    Images(Vec<ManifestId>),
}

/// Publishes what `recipe` makes.
pub async fn publish<R: Registry>(
    registry: &R,
    recipe: &Recipe,
    target: &Target,
    reuse: &Reuse,
    reporter: &Arc<dyn Reporter>,
) -> Result<Published, RegistryError> {
    let mut previous = match reuse {
        Reuse::Images(cache_from) => Previous::find(registry, target, cache_from, reporter).await?,
        Reuse::NewRepository => Previous::default(),
        Reuse::Nothing => Previous::tags_only(registry, target).await?,
    };
    let (layers, facts) =
        layers::make_present(registry, recipe, &target.repository, &mut previous, reporter).await?;
    let (config, manifest) = recipe.documents(&facts);
    let there = previous.holds(manifest.manifest_digest());
    let config = config_present(registry, target, layers, recipe.platform(), &config, there).await?;
    let manifest =
        StoredManifest { bytes: manifest.bytes().to_vec(), media_type: manifest.media_type().clone() };
    Ok(tag(registry, target, config.with(manifest), &previous, reporter).await?)
}

/// Sends the config unless it is `there`. Before its layers are, it can't be referred to.
async fn config_present<R: Registry, T>(
    registry: &R,
    target: &Target,
    layers: LayersPresent,
    platform: &Platform,
    config: &Document<T>,
    there: bool,
) -> Result<ConfigPresent, RegistryError> {
    let repository = &target.repository;
    let digest = config.blob_digest();
    // If no layer was sent, the config may be there as well. If one was, it can't be.
    let there =
        there || layers.nothing_sent() && registry.available(repository, &[digest]).await?.contains(&digest);
    if !there {
        let source = Arc::new(Memory::new("config", config.bytes().to_vec()));
        registry.upload(repository, source, Arc::new(|_| {})).await?;
    }
    Ok(ConfigPresent { layers: layers.into_reports(), config: digest, platform: platform.clone() })
}

/// A tag could not be set, after these had been.
#[derive(Debug)]
struct Interrupted {
    done: Vec<String>,
    error: RegistryError,
}

impl From<Interrupted> for RegistryError {
    fn from(Interrupted { error, .. }: Interrupted) -> Self {
        error
    }
}

impl From<Interrupted> for PublishError {
    fn from(Interrupted { done, error }: Interrupted) -> Self {
        if done.is_empty() { error.into() } else { Self::Partly { done, error: Box::new(error) } }
    }
}

/// Stores the manifest under each tag, or under its digest if there is none. Tags that belong to another image go
/// first: they alone can be refused for being immutable, and then no tag has been set.
async fn tag<R: Registry>(
    registry: &R,
    target: &Target,
    present: ManifestPresent,
    previous: &Previous,
    reporter: &Arc<dyn Reporter>,
) -> Result<Published, Interrupted> {
    let ManifestPresent { manifest, config, platform, platforms, layers } = present;
    let digest = manifest.digest();
    let repository = format!("{}/{}", registry.host(), target.repository);
    let mut unchanged = true;
    let mut done = Vec::new();
    let mut tags: Vec<Option<&Tag>> =
        if target.tags.is_empty() { vec![None] } else { target.tags.iter().map(Some).collect() };
    tags.sort_by_key(|tag| {
        let now = tag.and_then(|tag| previous.digest_of(tag));
        now.is_none_or(|now| now == digest)
    });
    for tag in tags {
        let put = match tag {
            // The lookup before the push has shown that the tag points here already.
            Some(tag) if previous.digest_of(tag) == Some(digest) => Put::Unchanged,
            _ => match registry.put_manifest(&target.repository, &manifest, tag).await {
                Ok(put) => put,
                Err(error) => return Err(Interrupted { done, error }),
            },
        };
        unchanged &= put == Put::Unchanged;
        if put == Put::Stored {
            done.extend(tag.map(ToString::to_string));
        }
        reporter.event(Event::Tagged {
            reference: tag.map_or_else(|| repository.clone(), |tag| format!("{repository}:{tag}")),
            digest,
            unchanged: put == Put::Unchanged,
        });
    }
    Ok(Published {
        repository,
        digest,
        media_type: manifest.media_type,
        size: manifest.bytes.len() as u64,
        config_digest: config,
        platform,
        platforms,
        tags: target.tags.iter().map(ToString::to_string).collect(),
        layers,
        unchanged,
    })
}
