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
mod place;
mod previous;
mod retag;

pub use copy::{Copied, CopiedBlob, How, copy};
pub use error::PublishError;
pub use image::{Finished, publish_finished};
pub use index::{ChildrenPresent, publish_index};
pub use layers::{Because, LayerReport, LayersPresent};
pub use place::Destination;
pub use previous::Previous;
pub use retag::retag;

use crate::base::{BlobDigest, Event, ManifestDigest, MediaType, Platform, Reporter, RepositoryName, Tag};
use crate::build::{Documents, Recipes};
use crate::image::{Document, Manifest};
use crate::registry::{ManifestId, Memory, Put, Registry, RegistryError, StoredManifest};
use layers::Stop;
use place::Place;
use serde::Serialize;
use std::collections::HashSet;
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

/// Publishes what `recipes` make: an image, or an index of images. Each destination goes its own way once the layers are
/// made, and what fails at one is told with what came of the others.
pub async fn publish<R: Registry>(
    recipes: &Recipes,
    destinations: &[Destination<'_, R>],
    reporter: &Arc<dyn Reporter>,
) -> Result<Vec<Published>, PublishError> {
    let platforms = recipes.platforms();
    let found = destinations.iter().map(|destination| Place::find(destination, &platforms, reporter));
    // Nothing has been made or sent yet: if one of them can't be, none is begun.
    let mut places: Vec<_> = futures::future::try_join_all(found).await?;
    let (facts, layers) = match layers::make_present(&mut places, recipes, reporter).await {
        Ok(present) => present,
        Err(Stop::Source(error)) => return Err(error.into()),
        Err(Stop::Everywhere) => return Err(PublishError::at(places, &[])),
    };
    let documents = &recipes.documents(&facts);
    let ends = places.iter().zip(layers).map(|(place, layers)| async move {
        if !place.is_well() {
            return None;
        }
        match finish(place, layers, recipes, documents, reporter).await {
            Ok(published) => Some(published),
            Err(error) => {
                place.fail(error);
                None
            }
        }
    });
    let published: Vec<_> = futures::future::join_all(ends).await;
    if places.iter().all(Place::is_well) {
        return Ok(published.into_iter().flatten().collect());
    }
    let published: Vec<_> = published.into_iter().flatten().collect();
    Err(PublishError::at(places, &published))
}

/// Configs, manifests, index and tags.
async fn finish<R: Registry>(
    place: &Place<'_, R>,
    layers: LayersPresent,
    recipes: &Recipes,
    documents: &Documents,
    reporter: &Arc<dyn Reporter>,
) -> Result<Published, RegistryError> {
    let Place { registry, target, previous, .. } = place;
    let configs = configs_present(place, layers, documents).await?;
    let stored = |manifest: &Document<Manifest>| StoredManifest {
        bytes: manifest.bytes().to_vec(),
        media_type: manifest.media_type().clone(),
    };
    let present = match (&documents.index, documents.images.as_slice()) {
        (None, [(config, manifest), ..]) => {
            let platform = recipes.first().platform().clone();
            configs.with_manifest(config.blob_digest(), platform, stored(manifest))
        }
        (index, images) => {
            let index = index.as_ref().expect("invariant: several images have an index");
            let mut platforms = Vec::new();
            for ((_, manifest), platform) in images.iter().zip(recipes.platforms()) {
                let digest = manifest.manifest_digest();
                if !previous.holds(digest) {
                    registry.put_manifest(&target.repository, &stored(manifest), None).await?;
                }
                reporter.event(Event::Started { what: format!("{platform} is {digest}") });
                platforms.push(PlatformImage { platform, digest });
            }
            let index =
                StoredManifest { bytes: index.bytes().to_vec(), media_type: index.media_type().clone() };
            let layers = configs.0;
            ManifestPresent { manifest: index, config: None, platform: None, platforms, layers }
        }
    };
    Ok(tag(*registry, target, present, previous, reporter).await?)
}

/// The configs of all images are in the registry, and all layers before them.
#[derive(Debug)]
struct ConfigsPresent(Vec<LayerReport>);

impl ConfigsPresent {
    /// With the manifest of the one image.
    fn with_manifest(
        self,
        config: BlobDigest,
        platform: Platform,
        manifest: StoredManifest,
    ) -> ManifestPresent {
        ConfigPresent { layers: self.0, config, platform }.with(manifest)
    }
}

/// Sends the configs that are not there. Before its layers are, one can't be referred to.
async fn configs_present<R: Registry>(
    place: &Place<'_, R>,
    layers: LayersPresent,
    documents: &Documents,
) -> Result<ConfigsPresent, RegistryError> {
    let Place { registry, target, previous, .. } = place;
    let repository = &target.repository;
    let unknown = documents.images.iter().filter(|(_, manifest)| !previous.holds(manifest.manifest_digest()));
    let configs: Vec<_> = unknown.map(|(config, _)| (config.blob_digest(), config.bytes())).collect();
    let mut there = HashSet::new();
    // If no layer was sent, a config may be there as well. If one was, it can't be.
    if layers.nothing_sent() && !configs.is_empty() {
        let digests: Vec<_> = configs.iter().map(|(digest, _)| *digest).collect();
        there = registry.available(repository, &digests).await?;
    }
    for (_, bytes) in configs.into_iter().filter(|(digest, _)| !there.contains(digest)) {
        let source = Arc::new(Memory::new("config", bytes.to_vec()));
        registry.upload(repository, source, Arc::new(|_| {})).await?;
    }
    Ok(ConfigsPresent(layers.into_reports()))
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
