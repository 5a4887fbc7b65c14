//! The images that a push replaces: the registry is the cache.
//!
//! Manifest and config of an image pair the digest of each layer's tar with the blob that the registry holds. A
//! layer of ours that has the same tar, and would be compressed the same way, is that blob.

use super::{Target, config};
use crate::base::{DiffId, ManifestDigest, MediaType, Platform, Reporter, RepositoryName, Tag};
use crate::image::{Descriptor, ImageConfig, Index, Manifest, choose};
use crate::registry::{ManifestId, Registry, RegistryError, StoredManifest};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is known of the images that have our tags now.
#[derive(Debug, Default)]
pub struct Previous {
    tags: HashMap<Tag, ManifestDigest>,
    images: HashSet<ManifestDigest>,
    /// Manifests whose layers have not been looked at.
    unread: Vec<StoredManifest>,
    blobs: HashMap<(DiffId, String), Descriptor>,
    /// Which images of an index are looked at.
    platforms: Vec<Platform>,
}

impl Previous {
    /// Looks at the images that the target's tags point at and at those of `cache_from`; if there are none, at the
    /// newest image of the repository. A repository that does not exist is an error here, before anything is made
    /// or sent. Their layers are known after [`learn`](Self::learn).
    pub async fn find<R: Registry>(
        registry: &R,
        target: &Target,
        cache_from: &[ManifestId],
        reporter: &Arc<dyn Reporter>,
    ) -> Result<Self, RegistryError> {
        let mut previous = Self::default();
        let tags = target.tags.iter().cloned().map(ManifestId::Tag);
        let ids: Vec<_> = tags.chain(cache_from.iter().cloned()).collect();
        if ids.is_empty() {
            return Ok(previous);
        }
        let manifests = match registry.manifests(&target.repository, &ids).await {
            Ok(manifests) => manifests,
            Err(RegistryError::Denied { operation, .. }) => {
                // Methods of the distribution API are no permissions of IAM.
                let service = if operation.contains(' ') { "" } else { "ecr:" };
                reporter.warn(format!(
                    "`{service}{operation}` is denied, so layers of earlier images can't be found and reused"
                ));
                return Ok(previous);
            }
            Err(error) => return Err(error),
        };
        for (tag, manifest) in target.tags.iter().zip(&manifests) {
            if let Some(manifest) = manifest {
                previous.tags.insert(tag.clone(), manifest.digest());
            }
        }
        let mut found: Vec<_> = manifests.into_iter().flatten().collect();
        if found.is_empty()
            && let Some(newest) = registry.newest(&target.repository).await?
        {
            found.extend(registry.manifest(&target.repository, &ManifestId::Digest(newest)).await?);
        }
        for manifest in found {
            if previous.images.insert(manifest.digest()) {
                // A registry takes an index only if it has the images in it, and keeps them as long as it has that.
                if let Some(index) = index(&manifest) {
                    previous
                        .images
                        .extend(index.manifests.iter().map(|member| ManifestDigest::from(member.digest)));
                }
                previous.unread.push(manifest);
            }
        }
        Ok(previous)
    }

    /// Of an index, looks at the images for these.
    #[must_use]
    pub(super) fn for_platforms(self, platforms: &[Platform]) -> Self {
        Self { platforms: platforms.to_vec(), ..self }
    }

    /// Looks only at what the target's tags point at, for an image whose digests are all known.
    pub async fn tags_only<R: Registry>(registry: &R, target: &Target) -> Result<Self, RegistryError> {
        let ids: Vec<_> = target.tags.iter().cloned().map(ManifestId::Tag).collect();
        if ids.is_empty() {
            return Ok(Self::default());
        }
        match registry.manifests(&target.repository, &ids).await {
            Ok(manifests) => Ok(Self::of_tags(&target.tags, manifests)),
            Err(RegistryError::Denied { .. }) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// That `tags` point at these, in their order.
    pub(super) fn of_tags(tags: &[Tag], manifests: Vec<Option<StoredManifest>>) -> Self {
        let tagged = tags.iter().zip(manifests);
        let digests = tagged.filter_map(|(tag, found)| Some((tag.clone(), found?.digest())));
        Self { tags: digests.collect(), ..Self::default() }
    }

    /// Reads the configs of the images that were found, and so pairs their tars and blobs. What can't be read is no
    /// cache, and no error.
    pub async fn learn<R: Registry>(&mut self, registry: &R, repository: &RepositoryName) {
        let mut unread = std::mem::take(&mut self.unread);
        unread.extend(self.members(registry, repository, &unread).await);
        let configs = unread.iter().map(|stored| async move {
            let read = manifest_and_config(registry, repository, stored).await;
            read.unwrap_or_else(|error| {
                tracing::debug!("the layers of {} can't be reused: {error}", stored.digest());
                None
            })
        });
        for (manifest, config) in futures::future::join_all(configs).await.into_iter().flatten() {
            self.pair(&manifest, &config);
        }
    }

    /// The images for our platforms in those of `found` that are indexes.
    async fn members<R: Registry>(
        &self,
        registry: &R,
        repository: &RepositoryName,
        found: &[StoredManifest],
    ) -> Vec<StoredManifest> {
        let mut digests = Vec::new();
        for index in found.iter().filter_map(index) {
            for platform in &self.platforms {
                if let Ok(member) = choose(&index, platform, "") {
                    digests.push(ManifestDigest::from(member.digest));
                }
            }
        }
        digests.sort_unstable();
        digests.dedup();
        if digests.is_empty() {
            return Vec::new();
        }
        let ids: Vec<_> = digests.into_iter().map(ManifestId::Digest).collect();
        match registry.manifests(repository, &ids).await {
            Ok(members) => members.into_iter().flatten().collect(),
            Err(error) => {
                tracing::debug!("the images of an index can't be reused: {error}");
                Vec::new()
            }
        }
    }

    fn pair(&mut self, manifest: &Manifest, config: &ImageConfig) {
        let made: Vec<_> = config.history.iter().filter(|entry| !entry.empty_layer).collect();
        let diff_ids = &config.rootfs.diff_ids;
        if manifest.layers.len() != diff_ids.len() {
            return;
        }
        // From the top, where our layers are: a base need not say how its own came to be.
        let layers = diff_ids.iter().zip(&manifest.layers);
        for ((diff_id, descriptor), entry) in layers.rev().zip(made.into_iter().rev()) {
            if let Some(encoding) = &entry.comment {
                self.blobs.insert((*diff_id, encoding.clone()), descriptor.clone());
            }
        }
    }

    /// What `tag` pointed at before the push.
    pub fn digest_of(&self, tag: &Tag) -> Option<ManifestDigest> {
        self.tags.get(tag).copied()
    }

    /// Whether the repository holds this image, and so its config.
    pub fn holds(&self, image: ManifestDigest) -> bool {
        self.images.contains(&image)
    }

    /// Whether any layer compressed in the way `encoding` is known, so that it pays to hash ours first.
    pub fn knows(&self, encoding: &str) -> bool {
        self.blobs.keys().any(|(_, known)| known == encoding)
    }

    /// The blob of the layer with this tar, compressed in the way `encoding`.
    pub fn blob(&self, diff_id: DiffId, encoding: &str) -> Option<&Descriptor> {
        self.blobs.get(&(diff_id, encoding.to_owned()))
    }
}

/// The index, if it is one.
fn index(stored: &StoredManifest) -> Option<Index> {
    if !stored.media_type.is_index() {
        return None;
    }
    serde_json::from_slice(&stored.bytes).ok()
}

/// The manifest and config of an image; none if it is something else.
async fn manifest_and_config<R: Registry>(
    registry: &R,
    repository: &RepositoryName,
    stored: &StoredManifest,
) -> Result<Option<(Manifest, ImageConfig)>, RegistryError> {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&stored.bytes) else { return Ok(None) };
    if manifest.config.media_type != MediaType::OCI_CONFIG || manifest.config.size > config::AT_MOST {
        return Ok(None);
    }
    let bytes = config::read(registry, repository, &manifest.config).await?;
    Ok(serde_json::from_slice(&bytes).ok().map(|config| (manifest, config)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BlobDigest;
    use crate::image::{History, RootFs};

    #[test]
    fn only_layers_that_would_be_the_same_bytes_are_reused() {
        let layer = Descriptor::new(MediaType::OCI_LAYER_GZIP, BlobDigest::of(b"blob"), 4);
        let config = Descriptor::new(MediaType::OCI_CONFIG, BlobDigest::of(b"{}"), 2);
        let diff_id = DiffId::of(b"tar");
        let config_value = ImageConfig {
            created: None,
            author: None,
            platform: "linux/amd64".parse().unwrap(),
            config: None,
            rootfs: RootFs::new(vec![diff_id]),
            history: vec![
                History { empty_layer: true, ..History::default() },
                History { comment: Some("gzip-5/1".into()), ..History::default() },
            ],
            other: std::collections::BTreeMap::new(),
        };
        let mut previous = Previous::default();
        previous.pair(&Manifest::new(config, vec![layer.clone()]), &config_value);
        assert!(previous.knows("gzip-5/1") && !previous.knows("gzip-6/1"));
        assert_eq!(previous.blob(diff_id, "gzip-5/1"), Some(&layer));
        assert_eq!(previous.blob(diff_id, "gzip-6/1"), None);
        assert_eq!(previous.blob(DiffId::of(b"other"), "gzip-5/1"), None);
    }
}
