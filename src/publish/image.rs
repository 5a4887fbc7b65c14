//! Publishing an image that is finished: its manifest and all its digests are given.

use super::layers::{AT_A_TIME, Because, LayersPresent, progress, report};
use super::{ConfigPresent, Previous, Published, Target, tag};
use crate::base::{Platform, Reporter};
use crate::image::{Descriptor, Document, Manifest};
use crate::registry::{Registry, RegistryError, Source, StoredManifest};
use futures::{StreamExt as _, TryStreamExt as _};
use std::sync::Arc;
use std::time::Instant;

/// Makes the source of a blob.
pub(crate) type BlobSources = Box<dyn Fn(&Descriptor) -> Arc<dyn Source> + Send + Sync>;

/// An image whose bytes lie somewhere.
pub struct Finished {
    /// Its manifest.
    pub manifest: Document<Manifest>,
    /// For which platform it is.
    pub platform: Platform,
    /// Makes the source of a blob of it.
    pub blob: BlobSources,
}

impl std::fmt::Debug for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finished").field("digest", &self.manifest.manifest_digest()).finish_non_exhaustive()
    }
}

/// Publishes `image` as it is: not a byte of it is changed.
pub async fn publish_finished<R: Registry>(
    registry: &R,
    image: &Finished,
    target: &Target,
    reporter: &Arc<dyn Reporter>,
) -> Result<Published, RegistryError> {
    let repository = &target.repository;
    let previous = Previous::tags_only(registry, target).await?;
    let manifest = image.manifest.value();
    let mut digests: Vec<_> = manifest.layers.iter().map(|layer| layer.digest).collect();
    digests.push(manifest.config.digest);
    digests.sort_unstable();
    digests.dedup();
    let available = registry.available(repository, &digests).await?;

    let began = Instant::now();
    let jobs = manifest.layers.iter().enumerate().map(|(index, layer)| {
        let here = available.contains(&layer.digest);
        async move {
            let started = Instant::now();
            let source = (image.blob)(layer);
            let sent = if here {
                0
            } else {
                let progress = progress(index, source.name(), reporter);
                registry.upload(repository, Arc::clone(&source), progress).await?.sent
            };
            let because = if sent == 0 { Because::BlobThere } else { Because::Missing };
            let span = (started - began, started.elapsed());
            Ok::<_, RegistryError>(report(index, source.name(), layer, (sent, because), span, reporter))
        }
    });
    let reports: Vec<_> = futures::stream::iter(jobs).buffered(AT_A_TIME).try_collect().await?;
    let layers = LayersPresent::new(reports);
    if !available.contains(&manifest.config.digest) {
        registry.upload(repository, (image.blob)(&manifest.config), Arc::new(|_| {})).await?;
    }
    let config = ConfigPresent {
        layers: layers.into_reports(),
        config: manifest.config.digest,
        platform: image.platform.clone(),
    };
    let stored = StoredManifest {
        bytes: image.manifest.bytes().to_vec(),
        media_type: image.manifest.media_type().clone(),
    };
    tag(registry, target, config, &stored, &previous, reporter).await
}
