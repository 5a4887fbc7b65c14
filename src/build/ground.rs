//! The files of images: who builds on one needs to know where a path leads, who `app` is, or a file to copy.
//!
//! A layer is read from where it is, in one pass, and not unpacked: of its files only names, modes, owners and links are
//! kept, and of those that are wanted, the content. What turns out to be wanted later is fetched in a second pass over
//! the layers that have it, see [`ImageFiles::fetch`].

use super::{BaseImage, GivenLayer};
use crate::base::{BlobDigest, DiffId, Event, Failure, Kind, Reporter, human};
use crate::image::Verified;
use crate::layer::read::{LayerFiles, ReadLayer, ReadLayerError, read};
use crate::registry::RegistryError;
use crate::tree::{Content, Entry, File, FileSystem, Node, Tree, TreePath};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Layers that are read at a time.
const AT_A_TIME: usize = 4;

/// Which contents are wanted, by path.
pub type Keep<'a> = &'a (dyn Fn(&TreePath) -> bool + Sync);

/// The files of a base image can't be had.
#[derive(Debug, thiserror::Error)]
pub enum GroundError {
    /// A layer can't be read.
    #[error("reading the layer {digest} of `{image}`: {source}")]
    Layer {
        /// The image, as the user named it.
        image: String,
        /// The blob.
        digest: BlobDigest,
        /// Why.
        source: ReadLayerError,
    },
    /// The registry does not have a layer.
    #[error("the layer {digest} of `{image}` is not there")]
    Missing {
        /// The image, as the user named it.
        image: String,
        /// The blob.
        digest: BlobDigest,
    },
    /// A layer is not the one of which the config speaks.
    #[error(
        "the layer {digest} of `{image}` holds the tar {found}, and the config of the image says {expected}"
    )]
    Other {
        /// The image, as the user named it.
        image: String,
        /// The blob.
        digest: BlobDigest,
        /// By the config.
        expected: DiffId,
        /// What it is.
        found: DiffId,
    },
    /// A file that was listed is not there the second time.
    #[error("`{path}` is not in the layer {layer} any more")]
    Gone {
        /// The file.
        path: TreePath,
        /// The blob.
        layer: BlobDigest,
    },
}

impl Failure for GroundError {
    fn kind(&self) -> Kind {
        match self {
            Self::Layer { source: ReadLayerError::Io(error), .. } => match RegistryError::inside(error) {
                Some(error) => error.kind(),
                None => Kind::Input,
            },
            _ => Kind::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Layer { source: ReadLayerError::Io(error), .. } => RegistryError::inside(error)?.hint(),
            Self::Gone { .. } => None,
            _ => Some("the image is damaged: push it again, or build on another one".into()),
        }
    }
}

/// Reads the files of images, each layer as seldom as possible.
pub struct ImageFiles {
    reporter: Arc<dyn Reporter>,
    /// Whether the digests of contents are wanted that are not.
    digests: bool,
    /// Where contents are kept; none is where the system has temporary files.
    folder: Option<PathBuf>,
    /// What was read of each layer.
    known: Mutex<HashMap<BlobDigest, Arc<LayerFiles>>>,
    /// Where it came from.
    layers: Mutex<HashMap<BlobDigest, GivenLayer>>,
}

impl std::fmt::Debug for ImageFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageFiles").finish_non_exhaustive()
    }
}

impl ImageFiles {
    /// Nothing is known yet.
    pub fn new(reporter: Arc<dyn Reporter>) -> Self {
        Self { reporter, digests: false, folder: None, known: Mutex::default(), layers: Mutex::default() }
    }

    /// Gives the digests of contents that are not wanted themselves.
    #[must_use]
    pub fn with_digests(self) -> Self {
        Self { digests: true, ..self }
    }

    /// Keeps contents in a file without a name on the disk that `folder` is on, for those who want very many of them.
    #[must_use]
    pub fn kept_in(self, folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), ..self }
    }

    /// All files of `image`. Of those that `keep` does not ask for there may be no content. Blocks.
    pub fn files(&self, image: &Arc<BaseImage>, keep: Keep<'_>) -> Result<FileSystem, GroundError> {
        let layers = image.layers();
        let read = self.read_all(&layers, keep)?;
        let mut files = FileSystem::new();
        for layer in read {
            lay(&mut files, &layer);
        }
        Ok(files)
    }

    /// Gets the contents of `tree` that are still in layers of images. Blocks.
    pub fn fetch(&self, tree: Arc<Tree>) -> Result<Arc<Tree>, GroundError> {
        let mut wanted: BTreeMap<BlobDigest, BTreeSet<TreePath>> = BTreeMap::new();
        for (_, entry) in &*tree {
            if let Node::File(File { content: Content::Elsewhere { layer, path, .. }, .. }) = &entry.node {
                wanted.entry(*layer).or_default().insert(path.clone());
            }
        }
        if wanted.is_empty() {
            return Ok(tree);
        }
        let mut contents: HashMap<(BlobDigest, TreePath), File> = HashMap::new();
        for (digest, paths) in wanted {
            let layer = lock(&self.layers).get(&digest).cloned();
            let layer = layer.expect("invariant: what is in a layer was read from it");
            let files = self.read(&layer, &|path| paths.contains(path))?;
            for (path, entry) in &files.entries {
                if let Node::File(file) = &entry.node {
                    contents.insert((digest, path.clone()), file.clone());
                }
            }
        }
        let fetched = tree.iter().cloned().map(|(at, mut entry)| {
            if let Node::File(file) = &mut entry.node
                && let Content::Elsewhere { layer, path, .. } = &file.content
            {
                let found = contents.get(&(*layer, path.clone()));
                let gone = || GroundError::Gone { path: path.clone(), layer: *layer };
                *file = found.cloned().ok_or_else(gone)?;
            }
            Ok((at, entry))
        });
        fetched.collect::<Result<Tree, _>>().map(Arc::new)
    }

    fn read_all(&self, layers: &[GivenLayer], keep: Keep<'_>) -> Result<Vec<Arc<LayerFiles>>, GroundError> {
        let next = AtomicUsize::new(0);
        let results: Mutex<BTreeMap<usize, Result<Arc<LayerFiles>, GroundError>>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..AT_A_TIME.min(layers.len()) {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(layer) = layers.get(number) else { break };
                        let read = self.read(layer, keep);
                        let failed = read.is_err();
                        lock(&results).insert(number, read);
                        if failed {
                            next.store(layers.len(), Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        results.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
    }

    fn read(&self, layer: &GivenLayer, keep: Keep<'_>) -> Result<Arc<LayerFiles>, GroundError> {
        let descriptor = &layer.facts.descriptor;
        let digest = descriptor.digest;
        let image = || layer.image.name.clone();
        if let Some(known) = lock(&self.known).get(&digest)
            && known.entries.iter().all(|(path, entry)| has_content(entry) || !keep(path))
        {
            return Ok(Arc::clone(known));
        }
        let what =
            format!("reading the layer {} of {} ({})", digest.short(), image(), human::size(descriptor.size));
        self.reporter.event(Event::Started { what });
        let failed = |source| GroundError::Layer { image: image(), digest, source };
        let blob = layer.image.blobs.open(&digest).map_err(|error| failed(plain(error)))?;
        let blob = blob.ok_or_else(|| GroundError::Missing { image: image(), digest })?;
        let how = ReadLayer {
            keep: &|path, _| keep(path),
            layer: digest,
            whiteouts: true,
            digests: self.digests,
            folder: self.folder.as_deref(),
        };
        let (files, diff_id) = read(Verified::new(blob, descriptor), &how).map_err(failed)?;
        if diff_id != layer.facts.diff_id {
            return Err(GroundError::Other {
                image: image(),
                digest,
                expected: layer.facts.diff_id,
                found: diff_id,
            });
        }
        let files = Arc::new(files);
        lock(&self.known).insert(digest, Arc::clone(&files));
        lock(&self.layers).entry(digest).or_insert_with(|| layer.clone());
        Ok(files)
    }
}

fn plain(error: io::Error) -> ReadLayerError {
    error.into()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_content(entry: &Entry) -> bool {
    !matches!(&entry.node, Node::File(File { content: Content::Elsewhere { .. }, .. }))
}

/// Lays a layer over the files of those below it: first it takes away, then it puts.
fn lay(files: &mut FileSystem, layer: &LayerFiles) {
    for directory in &layer.opaque {
        files.clear(directory.as_ref());
    }
    for path in &layer.whiteouts {
        files.remove(path);
    }
    // Entries of one directory come one after another.
    let mut above: Option<(TreePath, Option<TreePath>)> = None;
    for (path, entry) in &layer.entries {
        let path = match path.parent() {
            None => path.clone(),
            Some(parent) => {
                if above.as_ref().is_none_or(|(known, _)| *known != parent) {
                    // Engines follow the links on the way to an entry.
                    let real = files.resolve(parent.as_bytes()).ok().flatten();
                    above = Some((parent.clone(), real.filter(|real| *real != parent)));
                }
                match above.as_ref().and_then(|(_, real)| real.as_ref()) {
                    Some(real) => real.join(path.name()).unwrap_or_else(|_| path.clone()),
                    None => path.clone(),
                }
            }
        };
        match &entry.node {
            Node::HardLink(target) => files.link(path, target),
            Node::Symlink(_) => {
                above = None;
                files.put(path, entry.clone());
            }
            _ => files.put(path, entry.clone()),
        }
    }
}
