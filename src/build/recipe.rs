//! The recipe of an image: trees whose layers are made when they are asked for, and the documents that follow
//! from them.

use super::base::GivenLayer;
use super::{BuildError, LayerCache};
use crate::base::{DiffId, Event, MediaType, Platform, Reporter};
use crate::image::{Descriptor, Document, ImageConfig, Manifest};
use crate::layer::{Encoding, SealError, Workers};
use crate::registry::{Cancelled, Made, Sink, Source, SourceError};
use crate::tree::{FileError, Fingerprint, Tree};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// All that decides an image.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The layers of the image that is built on, the lowest first; none if that is nothing.
    pub base: Vec<GivenLayer>,
    /// The layers that are made here, which lie on those of the base; the lowest first.
    pub layers: Vec<RecipeLayer>,
    /// All that the config says but which layers there are: for which platform, how a container is run, the history of
    /// the base and of the layers here.
    pub config: ImageConfig,
    /// Free text by key, in the manifest.
    pub annotations: BTreeMap<String, String>,
    /// How layers are compressed.
    pub encoding: Encoding,
    /// The threads that make the layers.
    pub workers: Arc<Workers>,
    /// What is known of layers from earlier runs.
    pub cache: Arc<LayerCache>,
}

/// One layer of a recipe.
#[derive(Debug, Clone)]
pub struct RecipeLayer {
    /// For messages.
    pub name: String,
    /// Why it is a layer of its own, in words.
    pub reason: String,
    /// What is in it.
    pub tree: Arc<Tree>,
    /// Stands for its files, if the layer cache is kept and they are not too young to tell them from later ones.
    pub files: Option<Fingerprint>,
}

/// What the documents say of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFacts {
    /// The blob.
    pub descriptor: Descriptor,
    /// The tar in it.
    pub diff_id: DiffId,
}

impl Recipe {
    /// The source of the bytes of layer `index`, which is number `event` in what is reported.
    pub fn source(&self, index: usize, event: usize, reporter: &Arc<dyn Reporter>) -> TreeSource {
        let layer = &self.layers[index];
        TreeSource {
            name: layer.name.clone(),
            event,
            tree: Arc::clone(&layer.tree),
            encoding: self.encoding,
            workers: Arc::clone(&self.workers),
            reporter: Arc::clone(reporter),
        }
    }

    /// The facts that follow from what a layer's source made.
    pub fn facts(&self, made: &Made) -> LayerFacts {
        LayerFacts {
            descriptor: Descriptor::new(self.encoding.media_type(), made.digest, made.size),
            diff_id: made.diff_id.expect("invariant: a tree's source knows the digest of its tar"),
        }
    }

    /// Layer `index`, if its files are those of an earlier run.
    pub fn by_files(&self, index: usize) -> Option<LayerFacts> {
        self.cache.by_files(self.layers[index].files.as_ref()?, self.encoding)
    }

    /// The layer with this tar, if it was made in an earlier run.
    pub fn by_tar(&self, diff_id: DiffId) -> Option<LayerFacts> {
        self.cache.by_tar(diff_id, self.encoding)
    }

    /// Whether earlier runs made layers in the way in which these are made.
    pub fn cache_knows(&self) -> bool {
        self.cache.knows(self.encoding)
    }

    /// Remembers what layer `index` turned out to be.
    pub fn learn(&self, index: usize, facts: &LayerFacts) {
        self.cache.learn(facts, self.encoding, self.layers[index].files.as_ref());
    }

    /// For which platform it is.
    pub fn platform(&self) -> &Platform {
        &self.config.platform
    }

    /// Config and manifest of the image; `layers` are those that are made here.
    pub fn documents(&self, layers: &[LayerFacts]) -> (Document<ImageConfig>, Document<Manifest>) {
        let all = || self.base.iter().map(|layer| &layer.facts).chain(layers);
        let mut config = self.config.clone();
        config.rootfs.diff_ids = all().map(|layer| layer.diff_id).collect();
        let config = Document::write(config, MediaType::OCI_CONFIG);
        let descriptors = all().map(|layer| layer.descriptor.clone()).collect();
        let mut manifest = Manifest::new(config.descriptor(), descriptors);
        manifest.annotations.clone_from(&self.annotations);
        (config, Document::write(manifest, MediaType::OCI_MANIFEST))
    }
}

/// Makes a layer's bytes from its tree, as often as it is asked.
#[derive(Debug, Clone)]
pub struct TreeSource {
    name: String,
    event: usize,
    tree: Arc<Tree>,
    encoding: Encoding,
    workers: Arc<Workers>,
    reporter: Arc<dyn Reporter>,
}

impl TreeSource {
    /// Bytes that the tar surely does not exceed.
    pub fn tar_bound(&self) -> u64 {
        // A header and its extended headers take at most 3 blocks each and the name; contents are padded.
        let headers: u64 =
            self.tree.iter().map(|(path, _)| 4 * 1024 + 2 * path.as_bytes().len() as u64).sum();
        headers + self.tree.content_size() + 1024
    }

    /// The digest of the tar alone: a pass without compression.
    pub fn diff_id(&self) -> Result<DiffId, SourceError> {
        let hashed = self.workers.diff_id(&self.tree, Arc::new(|_| ())).wait();
        hashed.map(|(diff_id, _)| diff_id).map_err(|error| match error {
            SealError::Sink(never) => match never {},
            SealError::File(source) => changed(source),
            SealError::Machine(source) => self.machine(source),
        })
    }

    fn machine(&self, source: io::Error) -> SourceError {
        SourceError::Failed(Arc::new(BuildError::Machine { layer: self.name.clone(), source }))
    }
}

fn changed(source: FileError) -> SourceError {
    SourceError::Failed(Arc::new(BuildError::File { source }))
}

impl Source for TreeSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> Option<crate::base::BlobDigest> {
        None
    }

    fn write_to(&self, sink: Sink<'_>) -> Result<Made, SourceError> {
        let (index, reporter) = (self.event, Arc::clone(&self.reporter));
        let progress = Arc::new(move |bytes| reporter.event(Event::LayerRead { index, bytes }));
        match self.workers.seal(&self.tree, self.encoding, progress).run(sink) {
            Ok(sealed) => {
                Ok(Made { digest: sealed.digest, size: sealed.size, diff_id: Some(sealed.diff_id) })
            }
            Err(SealError::Sink(Cancelled)) => Err(SourceError::Cancelled),
            Err(SealError::File(source)) => Err(changed(source)),
            Err(SealError::Machine(source)) => Err(self.machine(source)),
        }
    }
}
