//! What only manifests and configs tell. To read them counts as pulling the image, so it is done when it was asked for.

use super::{Image, Member};
use crate::base::{ManifestDigest, MediaType, RepositoryName};
use crate::image::{ImageConfig, Index, Manifest};
use crate::registry::{ManifestId, Registry, RegistryError, fetch_document};
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::HashMap;

/// Configs that are read at the same time.
const AT_ONCE: usize = 8;

/// What these indexes list, read a hundred at a time. One that went away in the meantime, or that can't be read, is left
/// out.
pub async fn members<R: Registry>(
    registry: &R,
    repository: &RepositoryName,
    indexes: &[ManifestDigest],
) -> Result<HashMap<ManifestDigest, Vec<Member>>, RegistryError> {
    let ids: Vec<_> = indexes.iter().map(|digest| ManifestId::Digest(*digest)).collect();
    let found = if ids.is_empty() { Vec::new() } else { registry.manifests(repository, &ids).await? };
    let mut members = HashMap::new();
    for (digest, manifest) in indexes.iter().zip(found) {
        if let Some(manifest) = manifest
            && let Ok(index) = serde_json::from_slice::<Index>(&manifest.bytes)
        {
            members.insert(*digest, Member::all(&index));
        }
    }
    Ok(members)
}

/// Finds out for which platforms `images` are, where it is not known: their manifests are read a hundred at a time, and
/// the config of each, eight at a time.
pub async fn platforms<R: Registry>(
    registry: &R,
    repository: &RepositoryName,
    images: &mut [&mut Image],
) -> Result<(), RegistryError> {
    let is_open = |image: &&mut Image| image.platforms.is_none() && image.kind == super::ImageKind::Image;
    let mut open: Vec<&mut Image> = images.iter_mut().map(|image| &mut **image).filter(is_open).collect();
    if open.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = open.iter().map(|image| ManifestId::Digest(image.detail.image_digest)).collect();
    let manifests = registry.manifests(repository, &ids).await?;
    let configs = manifests.into_iter().enumerate().filter_map(|(place, manifest)| {
        let manifest: Manifest = serde_json::from_slice(&manifest?.bytes).ok()?;
        let kind = &manifest.config.media_type;
        (*kind == MediaType::OCI_CONFIG || *kind == MediaType::DOCKER_CONFIG)
            .then_some((place, manifest.config))
    });
    let read = configs.map(|(place, config)| async move {
        let bytes = fetch_document(registry, repository, &config).await?;
        Ok::<_, RegistryError>((place, serde_json::from_slice::<ImageConfig>(&bytes).ok()))
    });
    let found: Vec<_> = futures::stream::iter(read).buffer_unordered(AT_ONCE).try_collect().await?;
    for (place, config) in found {
        open[place].platforms = config.map(|config| vec![config.platform]);
    }
    Ok(())
}
