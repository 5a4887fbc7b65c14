//! Getting the layers of a recipe into a repository, sending only what is missing.
//!
//! 1. A layer that is small is made in memory, so its digest is known.
//! 2. A larger one is hashed, if an image that is replaced may hold it.
//! 3. One call asks for all digests that are known.
//! 4. What is missing is sent, four layers at a time; a large layer is compressed while it is sent.

use super::Previous;
use crate::base::{BlobDigest, DiffId, Event, Reporter, RepositoryName};
use crate::build::{LayerFacts, Recipe, TreeSource};
use crate::image::Descriptor;
use crate::registry::{Made, Memory, OnProgress, Progress, Registry, RegistryError, Source, SourceError};
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
    /// Time that it took to make and send.
    pub milliseconds: u64,
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
    Ready { source: Arc<Memory>, diff_id: DiffId },
    /// An image that is replaced has it, if the registry still holds the blob.
    Claimed { descriptor: Descriptor, diff_id: DiffId },
    /// It must be made to be known.
    Unknown,
}

impl Prepared {
    fn digest(&self) -> Option<BlobDigest> {
        match self {
            Self::Ready { source, .. } => Some(source.made().digest),
            Self::Claimed { descriptor, .. } => Some(descriptor.digest),
            Self::Unknown => None,
        }
    }
}

pub(super) async fn make_present<R: Registry>(
    registry: &R,
    recipe: &Recipe,
    repository: &RepositoryName,
    previous: &Previous,
    reporter: &Arc<dyn Reporter>,
) -> Result<(LayersPresent, Vec<LayerFacts>), RegistryError> {
    let sources: Vec<_> =
        (0..recipe.layers.len()).map(|index| Arc::new(recipe.source(index, reporter))).collect();
    let encoding = recipe.encoding.id();
    let mut room = SMALL_TOGETHER;
    let small: Vec<_> = sources
        .iter()
        .map(|source| {
            let bound = source.tar_bound();
            let fits = bound <= SMALL && bound <= room;
            room -= if fits { bound } else { 0 };
            fits
        })
        .collect();
    // All at once: the workers share themselves out among the layers.
    let looks = sources.iter().zip(small).map(|(source, small)| {
        let encoding = &encoding;
        async move { if small { in_memory(source).await } else { claimed(source, previous, encoding).await } }
    });
    let prepared = futures::future::try_join_all(looks).await?;

    let mut known: Vec<_> = prepared.iter().filter_map(Prepared::digest).collect();
    known.sort_unstable();
    known.dedup();
    let available =
        if known.is_empty() { HashSet::new() } else { registry.available(repository, &known).await? };

    let jobs = sources.iter().zip(prepared).enumerate().map(|(index, (source, prepared))| {
        let started = Instant::now();
        let here = prepared.digest().is_some_and(|digest| available.contains(&digest));
        let job = Job { registry, recipe, repository, reporter, index };
        async move {
            let (facts, sent) = job.run(source, prepared, here).await?;
            let report = job.report(source.name(), &facts.descriptor, sent, started.elapsed());
            Ok::<_, RegistryError>((report, facts))
        }
    });
    let done: Vec<_> = futures::stream::iter(jobs).buffered(AT_A_TIME).try_collect().await?;
    let (reports, facts) = done.into_iter().unzip();
    Ok((LayersPresent(reports), facts))
}

/// Makes a small layer in memory.
async fn in_memory(source: &Arc<TreeSource>) -> Result<Prepared, RegistryError> {
    let source = Arc::clone(source);
    let memory = blocking(move || Memory::of(&*source)).await?;
    let diff_id = memory.made().diff_id.expect("invariant: a tree's source knows the digest of its tar");
    Ok(Prepared::Ready { source: Arc::new(memory), diff_id })
}

/// Hashes a layer if it may be one that the registry holds.
async fn claimed(
    source: &Arc<TreeSource>,
    previous: &Previous,
    encoding: &str,
) -> Result<Prepared, RegistryError> {
    if !previous.knows(encoding) {
        return Ok(Prepared::Unknown);
    }
    let source = Arc::clone(source);
    let diff_id = blocking(move || source.diff_id()).await?;
    Ok(match previous.blob(diff_id, encoding) {
        Some(descriptor) => Prepared::Claimed { descriptor: descriptor.clone(), diff_id },
        None => Prepared::Unknown,
    })
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
    ) -> Result<(LayerFacts, u64), RegistryError> {
        let bytes: Arc<dyn Source> = match &prepared {
            Prepared::Claimed { descriptor, diff_id } if here => {
                return Ok((LayerFacts { descriptor: descriptor.clone(), diff_id: *diff_id }, 0));
            }
            Prepared::Ready { source, diff_id } => {
                if here {
                    let made = Made { diff_id: Some(*diff_id), ..source.made() };
                    return Ok((self.recipe.facts(&made), 0));
                }
                Arc::clone(source) as _
            }
            Prepared::Claimed { .. } | Prepared::Unknown => Arc::clone(source) as _,
        };
        self.reporter.event(Event::LayerStarted {
            index: self.index,
            name: source.name().to_owned(),
            bytes: Some(self.recipe.layers[self.index].tree.content_size()),
        });
        let progress = progress(self.index, source.name(), self.reporter);
        let uploaded = self.registry.upload(self.repository, bytes, progress).await?;
        Ok((self.recipe.facts(&uploaded.made), uploaded.sent))
    }

    fn report(&self, name: &str, descriptor: &Descriptor, sent: u64, took: Duration) -> LayerReport {
        report(self.index, name, descriptor, sent, took, self.reporter)
    }
}

/// Tells that a layer is there, and makes the record of it.
pub(super) fn report(
    index: usize,
    name: &str,
    descriptor: &Descriptor,
    sent: u64,
    took: Duration,
    reporter: &Arc<dyn Reporter>,
) -> LayerReport {
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
        milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
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
