//! Getting the layers of recipes into repositories, sending only what is missing, and making each layer once for all of
//! them.
//!
//! 1. A layer whose files have not changed since the last run is known by the layer cache, without reading them.
//! 2. The others are hashed, if the layer cache or an image that is replaced may know the blobs of their tars. One that
//!    is still unknown and small is made in memory, so its digest is known. A layer of an image that is built on is known.
//! 3. If all are known, they may make images that the repository holds, and nothing is left to do. Else one call
//!    asks for all digests that are known.
//! 4. What is missing is sent, four layers at a time; a large layer is compressed while it is sent. A layer that goes to
//!    several repositories is made once, and its bytes go to all of them at the same time.

use super::place::Place;
use crate::base::{BlobDigest, DiffId, Event, Reporter};
use crate::build::{GivenLayer, LayerFacts, LayerKind, LayerOf, Recipes, TreeSource};
use crate::image::Descriptor;
use crate::registry::{
    Memory, OnProgress, Progress, Registry, RegistryError, Source, SourceError, Uploaded, share,
};
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
    /// It is one of the image that is built on, and the repository has it.
    BaseThere,
    /// It is one of the image that is built on, and the registry gave it from another repository.
    BaseMounted,
    /// It is one of the image that is built on, and was sent from where that lies.
    BaseSent,
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
    /// Where it comes from, if it is one of an image that is built on: registry and repository, or a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
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

/// Why no layer is made any more.
pub(super) enum Stop {
    /// Something has failed at every place.
    Everywhere,
    /// The bytes could not be made, or not be read where they are.
    Source(RegistryError),
}

/// What is known of a layer before anything is sent.
enum Prepared {
    /// It is one of an image that is built on.
    Given(GivenLayer),
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
            Self::Given(layer) => Some(&layer.facts),
            Self::Ready { facts, .. } | Self::Claimed { facts, .. } => Some(facts),
            Self::Unknown => None,
        }
    }
}

/// Brings all layers to all places. What fails at one place is noted there.
pub(super) async fn make_present<R: Registry>(
    places: &mut [Place<'_, R>],
    recipes: &Recipes,
    reporter: &Arc<dyn Reporter>,
) -> Result<(Vec<LayerFacts>, Vec<LayersPresent>), Stop> {
    let began = Instant::now();
    let sources: Vec<_> =
        recipes.layers().iter().enumerate().map(|(n, l)| source(recipes, l, n, reporter)).collect();
    let prepared = prepare(places, recipes, &sources).await.map_err(Stop::Source)?;
    let places = &*places;
    let there = what_is_there(places, recipes, &prepared).await;
    let work = Work { places, recipes, reporter, began, turn: tokio::sync::Mutex::default() };
    let jobs = sources.iter().zip(prepared).enumerate().map(|(index, (source, prepared))| {
        let here: Vec<bool> = match prepared.facts() {
            Some(facts) => there.iter().map(|there| there.has(&facts.descriptor.digest)).collect(),
            None => vec![false; places.len()],
        };
        work.layer(index, source.as_ref(), prepared, here)
    });
    let done: Vec<_> = futures::stream::iter(jobs).buffered(AT_A_TIME).try_collect().await?;
    let (facts, reports): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    let mut present: Vec<Vec<LayerReport>> = places.iter().map(|_| Vec::new()).collect();
    for layer in reports {
        for (present, report) in present.iter_mut().zip(layer) {
            present.extend(report);
        }
    }
    Ok((facts, present.into_iter().map(LayersPresent).collect()))
}

/// What makes a layer; none if it is given.
fn source(
    recipes: &Recipes,
    layer: &LayerOf,
    number: usize,
    reporter: &Arc<dyn Reporter>,
) -> Option<Arc<TreeSource>> {
    match layer.kind {
        LayerKind::Given(_) => None,
        LayerKind::Made { recipe, index } => {
            Some(Arc::new(recipes.recipes()[recipe].source(index, number, reporter)))
        }
    }
}

/// What of the blobs a place has.
enum There {
    All,
    These(HashSet<BlobDigest>),
}

impl There {
    fn has(&self, digest: &BlobDigest) -> bool {
        match self {
            Self::All => true,
            Self::These(these) => these.contains(digest),
        }
    }
}

/// Asks each place which of the layers it has, unless it is known to hold all of the images.
async fn what_is_there<R: Registry>(
    places: &[Place<'_, R>],
    recipes: &Recipes,
    prepared: &[Prepared],
) -> Vec<There> {
    let facts: Option<Vec<_>> = prepared.iter().map(|layer| layer.facts().cloned()).collect();
    let images: Option<Vec<_>> = facts.map(|facts| {
        let images = recipes.documents(&facts).images;
        images.iter().map(|(_, manifest)| manifest.manifest_digest()).collect()
    });
    let mut known: Vec<_> =
        prepared.iter().filter_map(|layer| Some(layer.facts()?.descriptor.digest)).collect();
    known.sort_unstable();
    known.dedup();
    let known = &known;
    let ask = places.iter().map(|place| {
        let all =
            images.as_ref().is_some_and(|images| images.iter().all(|image| place.previous.holds(*image)));
        async move {
            if all {
                return There::All;
            }
            if known.is_empty() {
                return There::These(HashSet::new());
            }
            match place.registry.available(&place.target.repository, known).await {
                Ok(available) => There::These(available),
                Err(error) => {
                    place.fail(error);
                    There::These(HashSet::new())
                }
            }
        }
    });
    futures::future::join_all(ask).await
}

/// Finds out what can be known without sending anything. Earlier images are looked at only if the layer cache does
/// not know all.
async fn prepare<R: Registry>(
    places: &mut [Place<'_, R>],
    recipes: &Recipes,
    sources: &[Option<Arc<TreeSource>>],
) -> Result<Vec<Prepared>, RegistryError> {
    let unread = recipes.layers().iter().map(|layer| match &layer.kind {
        LayerKind::Given(layer) => Prepared::Given(GivenLayer::clone(layer)),
        LayerKind::Made { recipe, index } => match recipes.recipes()[*recipe].by_files(*index) {
            Some(facts) => Prepared::Claimed { facts, because: Because::FilesUnchanged },
            None => Prepared::Unknown,
        },
    });
    let mut prepared: Vec<_> = unread.collect();
    if prepared.iter().all(|layer| layer.facts().is_some()) {
        return Ok(prepared);
    }
    let first = recipes.first();
    let by_cache = first.cache_knows();
    if !by_cache {
        learn(places).await;
    }
    if by_cache || places.iter().any(|place| place.previous.knows(&first.encoding.id())) {
        claim(places, recipes, sources, &mut prepared).await?;
    }
    let mut room = SMALL_TOGETHER;
    let small = sources.iter().zip(prepared).map(|(source, known)| {
        let source = source.as_ref().filter(|_| known.facts().is_none());
        let source = source.filter(|source| {
            let bound = source.tar_bound();
            let small = bound <= SMALL && bound <= room;
            room -= if small { bound } else { 0 };
            small
        });
        async move {
            match source {
                Some(source) => in_memory(recipes, source).await,
                None => Ok(known),
            }
        }
    });
    // All at once: the workers share themselves out among the layers.
    futures::future::try_join_all(small.collect::<Vec<_>>()).await
}

/// Reads what earlier images tell.
async fn learn<R: Registry>(places: &mut [Place<'_, R>]) {
    let each = places.iter_mut().map(|place| place.previous.learn(place.registry, &place.target.repository));
    futures::future::join_all(each).await;
}

/// Hashes the layers of which nothing is known, and looks whether the layer cache or an earlier image has their tars.
/// What an image of one place tells holds everywhere; only whether the blob is there does not.
async fn claim<R: Registry>(
    places: &mut [Place<'_, R>],
    recipes: &Recipes,
    sources: &[Option<Arc<TreeSource>>],
    prepared: &mut [Prepared],
) -> Result<(), RegistryError> {
    let hashes = sources.iter().zip(&*prepared).map(|(source, known)| async move {
        match source {
            Some(source) if known.facts().is_none() => {
                let source = Arc::clone(source);
                blocking(move || source.diff_id()).await.map(Some)
            }
            _ => Ok(None),
        }
    });
    let hashes: Vec<Option<DiffId>> = futures::future::try_join_all(hashes).await?;
    let first = recipes.first();
    if hashes.iter().flatten().any(|diff_id| first.by_tar(*diff_id).is_none()) {
        learn(places).await;
    }
    let id = first.encoding.id();
    for (known, diff_id) in prepared.iter_mut().zip(hashes) {
        let Some(diff_id) = diff_id else { continue };
        if let Some(facts) = first.by_tar(diff_id) {
            *known = Prepared::Claimed { facts, because: Because::TarInCache };
        } else if let Some(descriptor) = places.iter().find_map(|place| place.previous.blob(diff_id, &id)) {
            let facts = LayerFacts { descriptor: descriptor.clone(), diff_id };
            *known = Prepared::Claimed { facts, because: Because::TarInImage };
        }
    }
    Ok(())
}

/// Makes a small layer in memory.
async fn in_memory(recipes: &Recipes, source: &Arc<TreeSource>) -> Result<Prepared, RegistryError> {
    let source = Arc::clone(source);
    let memory = blocking(move || Memory::of(&*source)).await?;
    let facts = recipes.first().facts(&memory.made());
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

/// Sending layers to places.
struct Work<'a, 'p, R> {
    places: &'a [Place<'p, R>],
    recipes: &'a Recipes,
    reporter: &'a Arc<dyn Reporter>,
    began: Instant,
    /// Held while a layer is made for several places. Two such layers at a time could wait for each other: each registry
    /// has room for so many parts, and one that waits for room holds up the bytes for all others.
    turn: tokio::sync::Mutex<()>,
}

/// What became of a layer at one place.
type Outcome = (u64, Because);

impl<R: Registry> Work<'_, '_, R> {
    /// Brings a layer to all places where nothing has failed and it is not `here`. A report for each place where it is in
    /// the end.
    async fn layer(
        &self,
        index: usize,
        source: Option<&Arc<TreeSource>>,
        prepared: Prepared,
        here: Vec<bool>,
    ) -> Result<(LayerFacts, Vec<Option<LayerReport>>), Stop> {
        let started = Instant::now();
        let LayerOf { name, kind } = &self.recipes.layers()[index];
        let mut outcomes: Vec<Option<Outcome>> = vec![None; self.places.len()];
        let (there, missing) = match &prepared {
            Prepared::Given(_) => (Because::BaseThere, Because::BaseSent),
            Prepared::Claimed { because, .. } => (*because, Because::Missing),
            Prepared::Ready { .. } | Prepared::Unknown => (Because::BlobThere, Because::Missing),
        };
        let mut lacking = Vec::new();
        for (number, here) in here.iter().enumerate().filter(|(number, _)| self.places[*number].is_well()) {
            if *here {
                outcomes[number] = Some((0, there));
            } else {
                lacking.push(number);
            }
        }
        if let Prepared::Given(layer) = &prepared {
            lacking = self.mount(layer, lacking, &mut outcomes).await;
        }
        let mut facts = prepared.facts().cloned();
        if !lacking.is_empty() {
            let bytes: Arc<dyn Source> = match (&prepared, source) {
                (Prepared::Given(layer), _) => Arc::new(layer.source(name)),
                (Prepared::Ready { source, .. }, _) => Arc::clone(source) as _,
                (_, Some(source)) => Arc::clone(source) as _,
                (_, None) => unreachable!("invariant: what is not given is made"),
            };
            self.reporter.event(Event::LayerStarted {
                index,
                name: name.clone(),
                bytes: match kind {
                    LayerKind::Given(layer) => Some(layer.facts.descriptor.size),
                    LayerKind::Made { recipe, index } => {
                        Some(self.recipes.made(*recipe, *index).tree.content_size())
                    }
                },
            });
            // Bytes in memory need not be made.
            let at_hand = matches!(prepared, Prepared::Ready { .. });
            for (number, uploaded) in self.send(index, name, &bytes, at_hand, &lacking).await? {
                let Uploaded { made, sent } = uploaded;
                facts.get_or_insert_with(|| self.recipes.first().facts(&made));
                outcomes[number] = Some((sent, if sent == 0 { Because::BlobThere } else { missing }));
            }
        }
        let Some(facts) = facts.filter(|_| self.places.iter().any(Place::is_well)) else {
            return Err(Stop::Everywhere);
        };
        if let LayerKind::Made { recipe, index } = kind {
            self.recipes.recipes()[*recipe].learn(*index, &facts);
        }
        let span = (started - self.began, started.elapsed());
        let from = match &prepared {
            Prepared::Given(layer) => Some(layer.image.place()),
            _ => None,
        };
        let reports = self.places.iter().zip(outcomes).map(|(place, outcome)| {
            let outcome = outcome?;
            let told =
                if self.places.len() > 1 { format!("{name} to {}", place.name()) } else { name.clone() };
            let report = report(index, &told, &facts.descriptor, outcome, span, self.reporter);
            Some(LayerReport { name: name.clone(), from: from.clone(), ..report })
        });
        let reports = reports.collect();
        Ok((facts, reports))
    }

    /// Mounts a layer at those of `lacking` that are repositories of the registry that it lies in, and tells which are left.
    async fn mount(
        &self,
        layer: &GivenLayer,
        lacking: Vec<usize>,
        outcomes: &mut [Option<Outcome>],
    ) -> Vec<usize> {
        let digest = &layer.facts.descriptor.digest;
        let mut left = Vec::new();
        for number in lacking {
            let Place { registry, target, .. } = &self.places[number];
            let home = layer.image.home.as_ref();
            let home =
                home.filter(|home| home.host == registry.host() && home.repository != target.repository);
            let mounted = match home {
                None => Ok(false),
                Some(home) => registry.mount(&target.repository, digest, &home.repository).await,
            };
            match mounted {
                Ok(true) => outcomes[number] = Some((0, Because::BaseMounted)),
                Ok(false) => left.push(number),
                Err(error) => self.places[number].fail(error),
            }
        }
        left
    }

    /// Sends what `bytes` makes to these places, and gives those to which it came.
    async fn send(
        &self,
        index: usize,
        name: &str,
        bytes: &Arc<dyn Source>,
        at_hand: bool,
        to: &[usize],
    ) -> Result<Vec<(usize, Uploaded)>, Stop> {
        let several = to.len() > 1 && !at_hand;
        let _turn = if several { Some(self.turn.lock().await) } else { None };
        let takers = if several { share(bytes, to.len()) } else { vec![Arc::clone(bytes); to.len()] };
        let uploads = to.iter().zip(takers).map(|(number, taker)| async move {
            let Place { registry, target, .. } = &self.places[*number];
            let progress = progress(index, name, self.reporter);
            (*number, registry.upload(&target.repository, taker, progress).await)
        });
        let mut came = Vec::new();
        for (number, uploaded) in futures::future::join_all(uploads).await {
            match uploaded {
                Ok(uploaded) => came.push((number, uploaded)),
                // It would not go better anywhere else.
                Err(error @ RegistryError::Source(_)) => return Err(Stop::Source(error)),
                Err(error) => self.places[number].fail(error),
            }
        }
        Ok(came)
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
        from: None,
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
