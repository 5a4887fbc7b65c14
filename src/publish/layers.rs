//! Getting the layers of a recipe into a repository, sending only what is missing.
//!
//! 1. A layer whose files have not changed since the last run is known by the layer cache, without reading them.
//! 2. The others are hashed, if the layer cache or an image that is replaced may know the blobs of their tars. One that
//!    is still unknown and small is made in memory, so its digest is known.
//! 3. If all are known, they may make an image that the repository holds, and nothing is left to do. Else one call
//!    asks for all digests that are known.
//! 4. What is missing is sent, four layers at a time; a large layer is compressed while it is sent.

use super::Previous;
use crate::base::{BlobDigest, DiffId, Event, Reporter, RepositoryName};
use crate::build::{LayerFacts, Recipe, TreeSource};
use crate::image::Descriptor;
use crate::registry::{Memory, OnProgress, Progress, Registry, RegistryError, Source, SourceError, Uploaded};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Layers that are sent at a time; Docker and AWS's own client use 3 to 5.
pub(super) const AT_A_TIME: usize = 4;
/// A layer whose tar is no larger is made in memory first.
const SMALL: u64 = 4 * 1024 * 1024;
/// Bytes of tar that all small layers together may have.
const SMALL_TOGETHER: u64 = 24 * 1024 * 1024;

/// Why a layer was sent or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// Its files have the size, times and inodes that they had in an earlier run, by the layer cache.
    FilesUnchanged,
    /// Its tar has the digest of one in the layer cache.
    TarInCache,
    /// Its tar has the digest of a layer of an earlier image.
    TarInImage,
    /// The repository has a blob with its digest.
    BlobThere,
    /// The repository did not have it.
    Missing,
}

/// What became of one layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LayerReport {
    /// Its name.
    pub name: String,
    /// In the registry.
    pub digest: BlobDigest,
    /// Compressed, in bytes.
    pub size: u64,
    /// Bytes that were sent for it; 0 if the registry had it.
    pub sent: u64,
    /// Why so.
    pub because: Because,
    /// Time that it took to make and send.
    pub milliseconds: u64,
    /// When that began, in milliseconds after work on the layers did.
    pub started_milliseconds: u64,
}

/// All layers are in the repository.
#[derive(Debug)]
pub struct LayersPresent(Vec<LayerReport>);

impl LayersPresent {
    /// The layers that are there, by one who has seen each of them there.
    pub(super) fn new(reports: Vec<LayerReport>) -> Self {
        Self(reports)
    }

    /// Whether the registry had all of them.
    pub fn nothing_sent(&self) -> bool {
        self.0.iter().all(|layer| layer.sent == 0)
    }

    /// What became of each.
    pub fn into_reports(self) -> Vec<LayerReport> {
        self.0
    }
}

/// What is known of a layer before anything is sent.
enum Prepared {
    /// Its bytes are here.
    Ready { source: Arc<Memory>, facts: LayerFacts },
    /// It is this one, without its bytes having been made; the registry may hold it.
    Claimed { facts: LayerFacts, because: Because },
    /// It must be made to be known.
    Unknown,
}

impl Prepared {
    fn facts(&self) -> Option<&LayerFacts> {
        match self {
            Self::Ready { facts, .. } | Self::Claimed { facts, .. } => Some(facts),
            Self::Unknown => None,
        }
    }
}

pub(super) async fn make_present<R: Registry>(
    registry: &R,
    recipe: &Recipe,
    repository: &RepositoryName,
    previous: &mut Previous,
    reporter: &Arc<dyn Reporter>,
) -> Result<(LayersPresent, Vec<LayerFacts>), RegistryError> {
    let began = Instant::now();
    let sources: Vec<_> =
        (0..recipe.layers.len()).map(|index| Arc::new(recipe.source(index, reporter))).collect();
    let prepared = prepare(registry, recipe, &sources, repository, previous).await?;

    let facts: Option<Vec<_>> = prepared.iter().map(|layer| layer.facts().cloned()).collect();
    let all_there = facts.is_some_and(|facts| previous.holds(recipe.documents(&facts).1.manifest_digest()));
    let mut known: Vec<_> =
        prepared.iter().filter_map(|layer| Some(layer.facts()?.descriptor.digest)).collect();
    known.sort_unstable();
    known.dedup();
    let available = if all_there || known.is_empty() {
        HashSet::new()
    } else {
        registry.available(repository, &known).await?
    };

    let jobs = sources.iter().zip(prepared).enumerate().map(|(index, (source, prepared))| {
        let started = Instant::now();
        let here = prepared.facts().is_some_and(|f| all_there || available.contains(&f.descriptor.digest));
        let job = Job { registry, recipe, repository, reporter, index };
        async move {
            let (facts, sent, because) = job.run(source, prepared, here).await?;
            recipe.learn(index, &facts);
            let span = (started - began, started.elapsed());
            let report = report(index, source.name(), &facts.descriptor, (sent, because), span, reporter);
            Ok::<_, RegistryError>((report, facts))
        }
    });
    let done: Vec<_> = futures::stream::iter(jobs).buffered(AT_A_TIME).try_collect().await?;
    let (reports, facts) = done.into_iter().unzip();
    Ok((LayersPresent(reports), facts))
}

/// Finds out what can be known without sending anything. Earlier images are looked at only if the layer cache does
/// not know all.
async fn prepare<R: Registry>(
    registry: &R,
    recipe: &Recipe,
    sources: &[Arc<TreeSource>],
    repository: &RepositoryName,
    previous: &mut Previous,
) -> Result<Vec<Prepared>, RegistryError> {
    let unread = sources.iter().enumerate().map(|(index, _)| match recipe.by_files(index) {
        Some(facts) => Prepared::Claimed { facts, because: Because::FilesUnchanged },
        None => Prepared::Unknown,
    });
    let mut prepared: Vec<_> = unread.collect();
    if prepared.iter().all(|layer| layer.facts().is_some()) {
        return Ok(prepared);
    }
    let by_cache = recipe.cache_knows();
    if !by_cache {
        previous.learn(registry, repository).await;
    }
    if by_cache || previous.knows(&recipe.encoding.id()) {
        claim(registry, recipe, sources, repository, previous, &mut prepared).await?;
    }
    let mut room = SMALL_TOGETHER;
    let small = sources.iter().zip(prepared).map(|(source, known)| {
        let bound = source.tar_bound();
        let small = known.facts().is_none() && bound <= SMALL && bound <= room;
        room -= if small { bound } else { 0 };
        async move { if small { in_memory(recipe, source).await } else { Ok(known) } }
    });
    // All at once: the workers share themselves out among the layers.
    futures::future::try_join_all(small.collect::<Vec<_>>()).await
}

/// Hashes the layers of which nothing is known, and looks whether the layer cache or an earlier image has their tars.
async fn claim<R: Registry>(
    registry: &R,
    recipe: &Recipe,
    sources: &[Arc<TreeSource>],
    repository: &RepositoryName,
    previous: &mut Previous,
    prepared: &mut [Prepared],
) -> Result<(), RegistryError> {
    let hashes = sources.iter().zip(&*prepared).map(|(source, known)| async move {
        if known.facts().is_some() {
            return Ok(None);
        }
        let source = Arc::clone(source);
        blocking(move || source.diff_id()).await.map(Some)
    });
    let hashes: Vec<Option<DiffId>> = futures::future::try_join_all(hashes).await?;
    if hashes.iter().flatten().any(|diff_id| recipe.by_tar(*diff_id).is_none()) {
        previous.learn(registry, repository).await;
    }
    let id = recipe.encoding.id();
    for (known, diff_id) in prepared.iter_mut().zip(hashes) {
        let Some(diff_id) = diff_id else { continue };
        if let Some(facts) = recipe.by_tar(diff_id) {
            *known = Prepared::Claimed { facts, because: Because::TarInCache };
        } else if let Some(descriptor) = previous.blob(diff_id, &id) {
            let facts = LayerFacts { descriptor: descriptor.clone(), diff_id };
            *known = Prepared::Claimed { facts, because: Because::TarInImage };
        }
    }
    Ok(())
}

/// Makes a small layer in memory.
async fn in_memory(recipe: &Recipe, source: &Arc<TreeSource>) -> Result<Prepared, RegistryError> {
    let source = Arc::clone(source);
    let memory = blocking(move || Memory::of(&*source)).await?;
    let facts = recipe.facts(&memory.made());
    Ok(Prepared::Ready { source: Arc::new(memory), facts })
}

/// Runs what blocks on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(SourceError::Failed(error))) => Err(RegistryError::Source(error)),
        Ok(Err(SourceError::Cancelled)) => unreachable!("invariant: nothing here cancels"),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// One layer on its way.
struct Job<'a, R> {
    registry: &'a R,
    recipe: &'a Recipe,
    repository: &'a RepositoryName,
    reporter: &'a Arc<dyn Reporter>,
    index: usize,
}

impl<R: Registry> Job<'_, R> {
    /// Sends the layer unless it is `here`, and tells how many bytes that took.
    async fn run(
        &self,
        source: &Arc<TreeSource>,
        prepared: Prepared,
        here: bool,
    ) -> Result<(LayerFacts, u64, Because), RegistryError> {
        let bytes: Arc<dyn Source> = match prepared {
            Prepared::Claimed { facts, because } if here => return Ok((facts, 0, because)),
            Prepared::Ready { facts, .. } if here => return Ok((facts, 0, Because::BlobThere)),
            Prepared::Ready { source, .. } => source,
            Prepared::Claimed { .. } | Prepared::Unknown => Arc::clone(source) as _,
        };
        self.reporter.event(Event::LayerStarted {
            index: self.index,
            name: source.name().to_owned(),
            bytes: Some(self.recipe.layers[self.index].tree.content_size()),
        });
        let progress = progress(self.index, source.name(), self.reporter);
        let Uploaded { made, sent } = self.registry.upload(self.repository, bytes, progress).await?;
        let because = if sent == 0 { Because::BlobThere } else { Because::Missing };
        Ok((self.recipe.facts(&made), sent, because))
    }
}

/// Tells that a layer is there, and makes the record of it. `span` is when work on it began, after work on the layers
/// did, and how long it took.
pub(super) fn report(
    index: usize,
    name: &str,
    descriptor: &Descriptor,
    (sent, because): (u64, Because),
    (started, took): (Duration, Duration),
    reporter: &Arc<dyn Reporter>,
) -> LayerReport {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    reporter.event(Event::LayerDone {
        index,
        name: name.to_owned(),
        digest: descriptor.digest,
        bytes: descriptor.size,
        reused: sent == 0,
    });
    LayerReport {
        name: name.to_owned(),
        digest: descriptor.digest,
        size: descriptor.size,
        sent,
        because,
        milliseconds: milliseconds(took),
        started_milliseconds: milliseconds(started),
    }
}

/// Turns a registry's progress into events of layer `index`.
pub(super) fn progress(index: usize, name: &str, reporter: &Arc<dyn Reporter>) -> OnProgress {
    let (name, reporter) = (name.to_owned(), Arc::clone(reporter));
    Arc::new(move |progress| match progress {
        Progress::Sent(bytes) => reporter.event(Event::PartSent { index, bytes }),
        Progress::Restarted => reporter.event(Event::Retrying {
            what: format!("the upload of the layer `{name}`"),
            why: "the registry does not know it any more".into(),
        }),
    })
}
