//! From an image to a registry that holds it: what is missing → upload → config → manifest → tags.
//!
//! Each step gives a value that only it can make, and the next step takes it: [`LayersPresent`] →
//! [`ConfigPresent`] → [`Published`]. Outputs are made from [`Published`] alone, so nothing can be told of an
//! image that the registry does not hold.

mod disk;
mod image;
mod layers;
mod previous;

pub use image::{Finished, publish_finished};
pub use layers::{Because, LayerReport, LayersPresent};
pub use previous::Previous;

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
    /// The platform of an image; none for an index.
    pub platform: Option<Platform>,
    /// The image for each platform that is known to be in it: one for an image, all of an index.
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
    let config = config_present(registry, target, layers, &recipe.platform, &config, there).await?;
    let manifest =
        StoredManifest { bytes: manifest.bytes().to_vec(), media_type: manifest.media_type().clone() };
    tag(registry, target, config, &manifest, &previous, reporter).await
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

/// Stores the manifest under each tag, or under its digest if there is none.
async fn tag<R: Registry>(
    registry: &R,
    target: &Target,
    config: ConfigPresent,
    manifest: &StoredManifest,
    previous: &Previous,
    reporter: &Arc<dyn Reporter>,
) -> Result<Published, RegistryError> {
    let digest = manifest.digest();
    let repository = format!("{}/{}", registry.host(), target.repository);
    let mut unchanged = true;
    let tags: Vec<Option<&Tag>> =
        if target.tags.is_empty() { vec![None] } else { target.tags.iter().map(Some).collect() };
    for tag in tags {
        let put = match tag {
            // The lookup before the push has shown that the tag points here already.
            Some(tag) if previous.digest_of(tag) == Some(digest) => Put::Unchanged,
            _ => registry.put_manifest(&target.repository, manifest, tag).await?,
        };
        unchanged &= put == Put::Unchanged;
        reporter.event(Event::Tagged {
            reference: tag.map_or_else(|| repository.clone(), |tag| format!("{repository}:{tag}")),
            digest,
            unchanged: put == Put::Unchanged,
        });
    }
    Ok(Published {
        repository,
        digest,
        media_type: manifest.media_type.clone(),
        size: manifest.bytes.len() as u64,
        config_digest: Some(config.config),
        platforms: vec![PlatformImage { platform: config.platform.clone(), digest }],
        platform: Some(config.platform),
        tags: target.tags.iter().map(ToString::to_string).collect(),
        layers: config.layers,
        unchanged,
    })
}
