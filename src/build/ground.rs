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
    /// A layer does not fit on those below it.
    #[error("the layer {digest} of `{image}` can't be laid on those below it: `{path}` {why}")]
    Unfit {
        /// The image, as the user named it.
        image: String,
        /// The blob.
        digest: BlobDigest,
        /// The entry.
        path: TreePath,
        /// What about it.
        why: String,
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
            Self::Layer { source: ReadLayerError::Io(error), .. }
                if RegistryError::inside(error).is_some() =>
            {
                RegistryError::inside(error)?.hint()
            }
            // The disk's fault, or the network's.
            Self::Layer { source: ReadLayerError::Io(error), .. }
                if !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
            {
                None
            }
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
        for (layer, given) in read.iter().zip(&layers) {
            let digest = given.facts.descriptor.digest;
            lay(&mut files, layer).map_err(|Unfit { path, why }| {
                let image = image.name.clone();
                GroundError::Unfit { image, digest, path, why }
            })?;
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

/// An entry that has no place in the files below its layer.
#[derive(Debug)]
struct Unfit {
    path: TreePath,
    why: String,
}

/// Lays a layer over the files of those below it: first it takes away, then it puts. As engines do, it follows the links
/// on the way to an entry.
fn lay(files: &mut FileSystem, layer: &LayerFiles) -> Result<(), Unfit> {
    // Where the layer has a directory of its own in the place of a link, the link leads nowhere any more.
    for (path, entry) in &layer.entries {
        let link = matches!(files.get(path).map(|entry| &entry.node), Some(Node::Symlink(_)));
        if link && matches!(entry.node, Node::Directory) {
            files.put(path.clone(), entry.clone());
        }
    }
    for directory in &layer.opaque {
        match directory {
            None => files.clear(None),
            // Below what is no directory there is nothing to take away.
            Some(path) => {
                if let Ok(place) = above(files, path).and_then(|directory| below(directory.as_ref(), path)) {
                    files.clear(Some(&place));
                }
            }
        }
    }
    for path in &layer.whiteouts {
        if let Ok(place) = above(files, path).and_then(|directory| below(directory.as_ref(), path)) {
            files.remove(&place);
        }
    }
    // Entries of one directory come one after another: where that is needs to be found out once.
    let mut known: Option<(TreePath, Option<TreePath>)> = None;
    for (path, entry) in &layer.entries {
        let parent = path.parent();
        let directory = match &known {
            Some((asked, found)) if Some(asked) == parent.as_ref() => found.clone(),
            _ => above(files, path)?,
        };
        let place = below(directory.as_ref(), path)?;
        match &entry.node {
            Node::HardLink(target) => {
                let original = below(above(files, target)?.as_ref(), target)?;
                if !files.link(place, &original) {
                    let why = format!("is a hard link to `{target}`, where no file is");
                    return Err(Unfit { path: path.clone(), why });
                }
            }
            _ => files.put(place, entry.clone()),
        }
        // A file changes nothing on the way to the next one; anything else may.
        known = parent.map(|parent| (parent, directory)).filter(|_| matches!(entry.node, Node::File(_)));
    }
    Ok(())
}

/// Where the directory is that `path` lies in, links followed; none is the root.
fn above(files: &FileSystem, path: &TreePath) -> Result<Option<TreePath>, Unfit> {
    let Some(parent) = path.parent() else { return Ok(None) };
    let unfit = |why: String| Unfit { path: path.clone(), why };
    let found =
        files.resolve(parent.as_bytes()).map_err(|error| unfit(format!("lies behind links: {error}")))?;
    let mut way = found.clone();
    while let Some(directory) = way {
        if files.get(&directory).is_some_and(|entry| !matches!(entry.node, Node::Directory)) {
            return Err(unfit(format!("lies below `{directory}`, which is no directory")));
        }
        way = directory.parent();
    }
    Ok(found)
}

/// The entry of the name of `path` in `directory`; none is the root.
fn below(directory: Option<&TreePath>, path: &TreePath) -> Result<TreePath, Unfit> {
    let place = match directory {
        Some(directory) => directory.join(path.name()),
        None => TreePath::new(path.name()),
    };
    place.map_err(|error| Unfit { path: path.clone(), why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::testing::{Numbers, entry, path};

    fn file(text: &str) -> Node {
        Node::File(File::in_memory(text.as_bytes()))
    }

    fn symlink(text: &str) -> Node {
        Node::Symlink(text.as_bytes().into())
    }

    fn layer(entries: Vec<(&str, Node)>) -> LayerFiles {
        let entries = entries.into_iter().map(|(name, node)| (path(name), entry(node))).collect();
        LayerFiles { entries, ..LayerFiles::default() }
    }

    fn names(files: &FileSystem) -> Vec<String> {
        files.to_tree().iter().map(|(path, _)| path.to_string()).collect()
    }

    #[test]
    fn links_on_the_way_are_followed() {
        let mut files = FileSystem::new();
        let base = vec![
            ("lib", symlink("usr/lib")),
            ("top", symlink("/")),
            ("usr/lib", Node::Directory),
            ("usr/lib/a", file("a")),
            ("usr/lib/b", file("b")),
        ];
        lay(&mut files, &layer(base)).unwrap();
        let mut second =
            layer(vec![("lib/c", file("c")), ("top/d", file("d")), ("e", Node::HardLink(path("lib/a")))]);
        second.whiteouts.push(path("lib/b"));
        lay(&mut files, &second).unwrap();
        let expected = ["d", "e", "lib", "top", "usr/lib", "usr/lib/a", "usr/lib/c"];
        assert_eq!(names(&files), expected);
    }

    #[test]
    fn a_directory_in_the_place_of_a_link_takes_nothing_from_where_it_led() {
        let mut files = FileSystem::new();
        lay(&mut files, &layer(vec![("d", symlink("x")), ("x", Node::Directory), ("x/f", file("f"))]))
            .unwrap();
        // Overlay file systems mark such a directory as opaque.
        let mut second = layer(vec![("d", Node::Directory), ("d/f", file("new"))]);
        second.opaque.push(Some(path("d")));
        second.whiteouts.push(path("d/g"));
        lay(&mut files, &second).unwrap();
        assert_eq!(names(&files), ["d", "d/f", "x", "x/f"]);
        // In whatever order the tar has them.
        lay(&mut files, &layer(vec![("l", symlink("x"))])).unwrap();
        lay(&mut files, &layer(vec![("l/1", file("1")), ("l", symlink("d")), ("l/2", file("2"))])).unwrap();
        assert_eq!(names(&files), ["d", "d/2", "d/f", "l", "x", "x/1", "x/f"]);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for (entries, says) in [
            (vec![("f", file("f")), ("f/g", file("g"))], "`f/g` lies below `f`, which is no directory"),
            (vec![("f", file("f")), ("l", symlink("f")), ("l/g", file("g"))], "`l/g` lies below `f`"),
            (
                vec![("l", symlink("l")), ("l/g", file("g"))],
                "`l/g` lies behind links: `l` leads through too many",
            ),
            (vec![("a", Node::HardLink(path("b")))], "`a` is a hard link to `b`, where no file is"),
            (vec![("b", Node::Directory), ("a", Node::HardLink(path("b")))], "where no file is"),
        ] {
            let Unfit { path, why } = lay(&mut FileSystem::new(), &layer(entries)).unwrap_err();
            let text = format!("`{path}` {why}");
            assert!(text.contains(says), "{text}");
        }
    }

    /// What a person would do with a list on paper: names, and the number of the file under each; none is a directory.
    type Paper = BTreeMap<String, Option<u64>>;

    fn strike(paper: &mut Paper, name: &str) {
        paper.retain(|known, _| !known.starts_with(&format!("{name}/")));
    }

    #[test]
    fn stacks_of_layers_are_what_they_are_on_paper() {
        for seed in 0..400 {
            let mut numbers = Numbers(seed);
            let (mut files, mut paper) = (FileSystem::new(), Paper::new());
            let mut next = 1;
            for _ in 0..6 {
                let mut layer = LayerFiles::default();
                let name = |numbers: &mut Numbers| {
                    let depth = 1 + numbers.below(3);
                    let parts: Vec<_> = (0..depth)
                        .map(|_| ["a", "b", "c-d"][usize::try_from(numbers.below(3)).unwrap()])
                        .collect();
                    parts.join("/")
                };
                for _ in 0..numbers.below(3) {
                    let gone = name(&mut numbers);
                    if numbers.below(2) == 0 {
                        layer.opaque.push(Some(path(&gone)));
                    } else {
                        layer.whiteouts.push(path(&gone));
                    }
                }
                for gone in layer.opaque.iter().flatten() {
                    strike(&mut paper, &gone.to_string());
                }
                for gone in &layer.whiteouts {
                    strike(&mut paper, &gone.to_string());
                    paper.remove(&gone.to_string());
                }
                for _ in 0..numbers.below(8) {
                    let new = name(&mut numbers);
                    if ancestors(&new).any(|above| matches!(paper.get(above), Some(Some(_)))) {
                        continue;
                    }
                    let node = match numbers.below(4) {
                        0 => {
                            if !matches!(paper.get(&new), Some(None)) {
                                paper.insert(new.clone(), None);
                            }
                            Node::Directory
                        }
                        1 => {
                            let target = name(&mut numbers);
                            let Some(Some(number)) = paper.get(&target).copied() else { continue };
                            if target.starts_with(&format!("{new}/")) {
                                continue;
                            }
                            strike(&mut paper, &new);
                            paper.insert(new.clone(), Some(number));
                            Node::HardLink(path(&target))
                        }
                        _ => {
                            next += 1;
                            strike(&mut paper, &new);
                            paper.insert(new.clone(), Some(next));
                            file(&"x".repeat(usize::try_from(next).unwrap()))
                        }
                    };
                    layer.entries.push((path(&new), entry(node)));
                }
                lay(&mut files, &layer).unwrap();
                assert_eq!(on_paper(&files.to_tree()), paper, "seed {seed}");
            }
        }
    }

    fn ancestors(name: &str) -> impl Iterator<Item = &str> {
        name.match_indices('/').map(|(end, _)| &name[..end])
    }

    /// The number of a file is its length; its other names come after it.
    fn on_paper(tree: &Tree) -> Paper {
        let number = |path: &TreePath| match &tree.get(path).unwrap().node {
            Node::File(file) => Some(file.size),
            other => panic!("{path} is {other:?}"),
        };
        let line = |(path, entry): &(TreePath, Entry)| {
            let number = match &entry.node {
                Node::Directory => None,
                Node::HardLink(original) => {
                    assert!(original < path);
                    number(original)
                }
                _ => number(path),
            };
            (path.to_string(), number)
        };
        tree.iter().map(line).collect()
    }
}
