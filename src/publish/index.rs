//! Joining images of one repository into an index of it.
//!
//! [`ChildrenPresent`] can only be made by reading each manifest in the repository, so an index is put only when its
//! images are there.

use super::{ManifestPresent, PlatformImage, Previous, PublishError, Published, Source, Target, config, tag};
use crate::base::{Event, MediaType, Platform, Reporter, RepositoryName};
use crate::image::{Descriptor, Document, Index, Manifest, Part, is_companion, join, platform_of};
use crate::registry::{ManifestId, Registry, RegistryError, StoredManifest};
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Configs that are read at a time.
const AT_A_TIME: usize = 8;
/// Indexes in indexes that are followed; more are a mistake, if not an attack.
const DEEPEST: usize = 4;

/// An index whose images are all in the repository.
#[derive(Debug)]
pub struct ChildrenPresent {
    index: Document<Index>,
    platforms: Vec<PlatformImage>,
}

/// A manifest that was read in the repository.
struct Found {
    name: String,
    manifest: StoredManifest,
    /// How the index describes it that named it.
    described: Option<Descriptor>,
}

impl ChildrenPresent {
    /// Reads the images that `sources` name and joins them. Of an index all images are taken, and what it lists about
    /// them; for which platform an image is, its config says.
    pub async fn find<R: Registry>(
        registry: &R,
        repository: &RepositoryName,
        sources: &[Source],
        annotations: BTreeMap<String, String>,
        reporter: &Arc<dyn Reporter>,
    ) -> Result<Self, PublishError> {
        let found = manifests(registry, repository, sources).await?;
        let parts = found.into_iter().map(|found| part(registry, repository, found));
        let parts: Vec<_> = futures::stream::iter(parts).buffered(AT_A_TIME).try_collect().await?;
        let index = join(parts, annotations)?;
        let members = index.value().manifests.iter().filter(|member| !is_companion(member));
        let platforms: Vec<_> = members
            .filter_map(|member| {
                Some(PlatformImage { platform: member.platform.clone()?, digest: member.digest.into() })
            })
            .collect();
        for PlatformImage { platform, digest } in &platforms {
            reporter.event(Event::Started { what: format!("{platform} is {digest}") });
        }
        Ok(Self { index, platforms })
    }

    /// The index that will be put.
    pub fn index(&self) -> &Document<Index> {
        &self.index
    }

    /// Its images.
    pub fn platforms(&self) -> &[PlatformImage] {
        &self.platforms
    }
}

/// Publishes an index under the tags of `target`. It is put under each tag at once rather than under its digest first:
/// a tag that is refused then leaves nothing behind.
pub async fn publish_index<R: Registry>(
    registry: &R,
    children: ChildrenPresent,
    target: &Target,
    reporter: &Arc<dyn Reporter>,
) -> Result<Published, PublishError> {
    let previous = Previous::tags_only(registry, target).await?;
    let ChildrenPresent { index, platforms } = children;
    let manifest = StoredManifest { bytes: index.bytes().to_vec(), media_type: index.media_type().clone() };
    let present = ManifestPresent { manifest, config: None, platform: None, platforms, layers: Vec::new() };
    tag(registry, target, present, &previous, reporter).await.map_err(Into::into)
}

/// The manifests of all images that `sources` name, indexes followed.
async fn manifests<R: Registry>(
    registry: &R,
    repository: &RepositoryName,
    sources: &[Source],
) -> Result<Vec<Found>, PublishError> {
    let mut all = Vec::new();
    let mut level: Vec<_> = sources.iter().map(|source| (source.clone(), None)).collect();
    for _ in 0..=DEEPEST {
        if level.is_empty() {
            return Ok(all);
        }
        let ids: Vec<_> = level.iter().map(|(source, _)| source.id.clone()).collect();
        let manifests = registry.manifests(repository, &ids).await?;
        let missing: Vec<_> = level.iter().zip(&manifests).filter(|(_, found)| found.is_none()).collect();
        if !missing.is_empty() {
            let names = missing.iter().map(|((source, _), _)| source.name.clone()).collect();
            let repository = format!("{}/{repository}", registry.host());
            return Err(PublishError::Missing { names, repository });
        }
        let mut next = Vec::new();
        for ((Source { name, .. }, described), manifest) in
            level.into_iter().zip(manifests.into_iter().flatten())
        {
            if manifest.media_type.is_index() {
                next.extend(members(&name, &manifest)?);
            } else {
                all.push(Found { name, manifest, described });
            }
        }
        level = next;
    }
    let name = level.swap_remove(0).0.name;
    Err(PublishError::NoImage { name, why: "indexes are nested too deeply".into() })
}

/// What an index lists.
fn members(name: &str, index: &StoredManifest) -> Result<Vec<(Source, Option<Descriptor>)>, PublishError> {
    let wrong = |why| PublishError::NoImage { name: name.to_owned(), why };
    let index: Index =
        serde_json::from_slice(&index.bytes).map_err(|error| wrong(format!("it is no index: {error}")))?;
    if index.manifests.iter().all(is_companion) {
        return Err(wrong("it is an index without an image".into()));
    }
    let member = |member: Descriptor| {
        let id = ManifestId::Digest(member.digest.into());
        (Source { name: format!("{} of {name}", member.digest), id }, Some(member))
    };
    Ok(index.manifests.into_iter().map(member).collect())
}

/// One manifest as a part of the index.
async fn part<R: Registry>(
    registry: &R,
    repository: &RepositoryName,
    found: Found,
) -> Result<Part, PublishError> {
    let Found { name, manifest, described } = found;
    let size = manifest.bytes.len() as u64;
    let own = Descriptor::new(manifest.media_type.clone(), manifest.digest().into(), size);
    let descriptor = match described {
        Some(described) if is_companion(&described) => {
            let Descriptor { media_type, digest, size, .. } = own;
            return Ok(Part::companion(name, Descriptor { media_type, digest, size, ..described }));
        }
        // What an index notes about an image goes along; facts are as they were found.
        Some(Descriptor { annotations, artifact_type, .. }) => {
            Descriptor { annotations, artifact_type, ..own }
        }
        None => own,
    };
    match platform(registry, repository, &manifest).await? {
        Ok(platform) => Ok(Part::image(name, descriptor, platform)),
        Err(why) => Err(PublishError::NoImage { name, why }),
    }
}

/// For which platform an image is, or why it is for none.
async fn platform<R: Registry>(
    registry: &R,
    repository: &RepositoryName,
    manifest: &StoredManifest,
) -> Result<Result<Platform, String>, RegistryError> {
    if !manifest.media_type.is_manifest() {
        return Ok(Err(format!("it is {}", manifest.media_type)));
    }
    let config = match serde_json::from_slice::<Manifest>(&manifest.bytes) {
        Ok(manifest) => manifest.config,
        Err(error) => return Ok(Err(format!("its manifest can't be read: {error}"))),
    };
    if config.media_type != MediaType::OCI_CONFIG && config.media_type != MediaType::DOCKER_CONFIG {
        return Ok(Err(format!("it is an artifact: its config is {}", config.media_type)));
    }
    if config.size > config::AT_MOST {
        return Ok(Err(format!("its config claims to have {} bytes", config.size)));
    }
    let bytes = config::read(registry, repository, &config).await?;
    Ok(platform_of(&bytes).ok_or_else(|| format!("its config {} names no platform", config.digest)))
}
