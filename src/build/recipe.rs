//! The recipe of an image: trees whose layers are made when they are asked for, and the documents that follow
//! from them.

use super::{BuildError, LayerCache};
use crate::base::clock::rfc3339;
use crate::base::{DiffId, Event, MediaType, Platform, Reporter, Timestamp};
use crate::image::config::Empty;
use crate::image::{Config, Descriptor, Document, History, ImageConfig, Manifest, RootFs};
use crate::layer::{Encoding, SealError, Workers};
use crate::registry::{Cancelled, Made, Sink, Source, SourceError};
use crate::spec::ImageSettings;
use crate::tree::{FileError, Fingerprint, Tree};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// All that decides an image.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The layers, the lowest first.
    pub layers: Vec<RecipeLayer>,
    /// For which platform.
    pub platform: Platform,
    /// How a container is run.
    pub config: ImageSettings,
    /// How layers are compressed.
    pub encoding: Encoding,
    /// The threads that make the layers.
    pub workers: Arc<Workers>,
    /// What is known of layers from earlier runs.
    pub cache: Arc<LayerCache>,
    /// Every time stamp, in seconds since 1970.
    pub epoch: i64,
}

/// One layer of a recipe.
#[derive(Debug, Clone)]
pub struct RecipeLayer {
    /// For messages.
    pub name: String,
    /// For the image's history.
    pub created_by: String,
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
    /// The source of the bytes of layer `index`.
    pub fn source(&self, index: usize, reporter: &Arc<dyn Reporter>) -> TreeSource {
        let layer = &self.layers[index];
        TreeSource {
            name: layer.name.clone(),
            index,
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

    /// Config and manifest of the image with these layers.
    pub fn documents(&self, layers: &[LayerFacts]) -> (Document<ImageConfig>, Document<Manifest>) {
        let created = Timestamp::from_second(self.epoch).map(rfc3339).ok();
        let history = self.layers.iter().map(|layer| History {
            created: created.clone(),
            created_by: Some(layer.created_by.clone()),
            // Says how the blob came of the tar, so that a later build knows whether it would make the same.
            comment: Some(self.encoding.id()),
            ..History::default()
        });
        let config = ImageConfig {
            created: created.clone(),
            author: None,
            platform: self.platform.clone(),
            config: Some(run_config(&self.config)),
            rootfs: RootFs::new(layers.iter().map(|layer| layer.diff_id).collect()),
            history: history.collect(),
            other: BTreeMap::new(),
        };
        let config = Document::write(config, MediaType::OCI_CONFIG);
        let descriptors = layers.iter().map(|layer| layer.descriptor.clone()).collect();
        let mut manifest = Manifest::new(config.descriptor(), descriptors);
        manifest.annotations.clone_from(&self.config.annotations);
        (config, Document::write(manifest, MediaType::OCI_MANIFEST))
    }
}

fn run_config(settings: &ImageSettings) -> Config {
    let ImageSettings {
        entrypoint,
        cmd,
        env,
        workdir,
        user,
        ports,
        volumes,
        labels,
        annotations: _, // They stand in the manifest.
        stop_signal,
    } = settings;
    let set = |members: &[String]| members.iter().map(|member| (member.clone(), Empty {})).collect();
    Config {
        user: user.clone(),
        exposed_ports: set(ports),
        env: env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        entrypoint: entrypoint.clone(),
        cmd: cmd.clone(),
        volumes: set(volumes),
        working_dir: workdir.clone(),
        labels: labels.clone(),
        stop_signal: stop_signal.clone(),
        other: BTreeMap::new(),
    }
}

/// Makes a layer's bytes from its tree, as often as it is asked.
#[derive(Debug, Clone)]
pub struct TreeSource {
    name: String,
    index: usize,
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
        let (index, reporter) = (self.index, Arc::clone(&self.reporter));
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
