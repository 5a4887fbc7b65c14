//! An image or index of one repository into another one, of the same registry or of any other: promotion.
//!
//! Manifests are put as the bytes that were read, so every digest stays. Within a registry blobs are mounted where it
//! does that; else they go from registry to registry through memory, a few chunks at a time.

use super::layers::{AT_A_TIME, progress};
use super::retag::known;
use super::{Previous, PublishError, Published, Target, tag};
use crate::base::{BlobDigest, Event, ManifestDigest, Reporter, human};
use crate::image::Descriptor;
use crate::registry::{
    AnyRegistry, Bundle, ManifestId, Registry, RegistryError, RemoteImage, RemoteSource, Source,
};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::runtime::Handle;

/// How a blob came to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// The repository had it.
    Present,
    /// The registry gave it from the other repository; nothing was sent.
    Mounted,
    /// It went through this machine.
    Moved,
}

/// What became of one blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CopiedBlob {
    /// Which.
    pub digest: BlobDigest,
    /// Its bytes.
    pub size: u64,
    /// How it came to its place.
    pub how: How,
}

/// A copy that the registry has confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The image or index in its new place.
    pub published: Published,
    /// Its blobs, each once. Those of manifests that were there are not among them: nobody had to ask.
    pub blobs: Vec<CopiedBlob>,
}

impl Copied {
    /// Bytes of the blobs that came to their place like this.
    pub fn bytes(&self, how: How) -> u64 {
        self.blobs.iter().filter(|blob| blob.how == how).map(|blob| blob.size).sum()
    }
}

/// Copies `bundle`, which was read from `image`, to `target` of `registry`. `mountable` says that both repositories are in
/// one registry.
pub async fn copy<R: Registry>(
    image: &RemoteImage,
    bundle: &Bundle,
    registry: &R,
    target: &Target,
    mountable: bool,
    reporter: &Arc<dyn Reporter>,
) -> Result<Copied, PublishError> {
    let repository = &target.repository;
    let digests: Vec<_> = bundle.members.iter().map(|member| member.manifest.digest()).collect();
    let (previous, there) = before(registry, target, &digests).await?;
    // A registry takes a manifest only if it has all that it names.
    let missing = bundle.members.iter().zip(&digests).filter(|(_, digest)| !there.contains(*digest));
    let members: Vec<_> = missing.map(|(member, _)| member).collect();
    let mut seen = HashSet::new();
    let blobs: Vec<&Descriptor> =
        members.iter().flat_map(|member| &member.blobs).filter(|blob| seen.insert(blob.digest)).collect();
    let asked: Vec<_> = blobs.iter().map(|blob| blob.digest).collect();
    let available =
        if asked.is_empty() { HashSet::new() } else { registry.available(repository, &asked).await? };
    let count = blobs.len();
    let jobs = blobs.into_iter().enumerate().map(|(index, blob)| {
        let here = available.contains(&blob.digest);
        let name = format!("{} of {count}", index + 1);
        let job = Job { image, registry, target, index, blob, name, reporter };
        async move {
            let how = if here { How::Present } else { job.run(mountable).await? };
            Ok::<_, RegistryError>((job, how))
        }
    });
    // What is done is told in the order of the blobs.
    let mut done = futures::stream::iter(jobs).buffered(AT_A_TIME);
    let mut blobs = Vec::with_capacity(count);
    while let Some((job, how)) = done.try_next().await? {
        blobs.push(job.done(how));
    }
    let root = bundle.manifest();
    for member in members {
        if member.manifest.digest() != root.digest() {
            registry.put_manifest(repository, &member.manifest, None).await?;
        }
    }
    let published = tag(registry, target, known(root.clone()), &previous, reporter).await?;
    Ok(Copied { published, blobs })
}

/// Where the tags point, and which of the manifests the repository has.
async fn before<R: Registry>(
    registry: &R,
    target: &Target,
    digests: &[ManifestDigest],
) -> Result<(Previous, HashSet<ManifestDigest>), RegistryError> {
    let tags = target.tags.iter().cloned().map(ManifestId::Tag);
    let ids: Vec<_> = tags.chain(digests.iter().copied().map(ManifestId::Digest)).collect();
    match registry.manifests(&target.repository, &ids).await {
        Ok(mut found) => {
            let there = found.split_off(target.tags.len());
            let there = there.into_iter().flatten().map(|manifest| manifest.digest()).collect();
            Ok((Previous::of_tags(&target.tags, found), there))
        }
        // Who may push and not pull can copy all the same.
        Err(RegistryError::Denied { .. }) => Ok((Previous::default(), HashSet::new())),
        Err(error) => Err(error),
    }
}

/// One blob on its way.
struct Job<'a, R> {
    image: &'a RemoteImage,
    registry: &'a R,
    target: &'a Target,
    index: usize,
    blob: &'a Descriptor,
    name: String,
    reporter: &'a Arc<dyn Reporter>,
}

impl<R: Registry> Job<'_, R> {
    async fn run(&self, mountable: bool) -> Result<How, RegistryError> {
        let (repository, digest) = (&self.target.repository, &self.blob.digest);
        if mountable && self.registry.mount(repository, digest, self.image.repository()).await? {
            return Ok(How::Mounted);
        }
        let bytes = Some(self.blob.size);
        self.reporter.event(Event::LayerStarted { index: self.index, name: self.name.clone(), bytes });
        let source: Arc<dyn Source> = Arc::new(RemoteSource::<AnyRegistry> {
            registry: Arc::clone(&self.image.registry),
            repository: self.image.repository().clone(),
            descriptor: self.blob.clone(),
            name: self.name.clone(),
            runtime: Handle::current(),
        });
        let progress = progress(self.index, &self.name, self.reporter);
        let uploaded = self.registry.upload(repository, source, progress).await?;
        Ok(if uploaded.sent == 0 { How::Present } else { How::Moved })
    }

    /// Tells that it is there.
    fn done(&self, how: How) -> CopiedBlob {
        let Descriptor { digest, size, .. } = *self.blob;
        let name = self.name.clone();
        self.reporter.event(match how {
            How::Mounted => {
                let from = self.image.repository();
                let size = human::size(size);
                Event::Started {
                    what: format!("layer {name}: mounted from {from}, {size} sha256:{}", digest.short()),
                }
            }
            How::Present | How::Moved => {
                let reused = how == How::Present;
                Event::LayerDone { index: self.index, name, digest, bytes: size, reused }
            }
        });
        CopiedBlob { digest, size, how }
    }
}
