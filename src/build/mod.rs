//! Runs a plan: reads the trees of its layers and makes a [`Recipe`], whose bytes are made when somebody asks for
//! them. Nothing here talks to a network.

pub mod base;
pub mod cache;
pub mod compare;
pub mod config;
pub mod dockerfile;
pub mod error;
mod given;
pub mod ground;
pub mod images;
pub mod output;
mod place;
pub mod recipe;
pub mod recipes;
pub mod resolve;

pub use base::{BaseImage, GivenLayer, Home, Images};
pub use cache::LayerCache;
pub use error::BuildError;
pub use given::GivenSource;
pub use ground::ImageFiles;
pub use images::{Open, OpenImages, on_disk};
pub use output::Output;
pub use recipe::{LayerFacts, Recipe, RecipeLayer, TreeSource};
pub use recipes::{Documents, LayerKind, LayerOf, Recipes};
pub use resolve::{BaseError, Opened};

use crate::base::{Event, Failure, Platform, Reporter};
use crate::image::{History, ImageConfig};
use crate::layer::{Encoding, Workers, split};
use crate::spec::{LayerPlan, Patterns, Plan};
use crate::tree::read::{ReadRequest, read};
use crate::tree::{Fingerprint, Tree};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What decides the image besides the plan and the context.
#[derive(Debug, Clone)]
pub struct BuildSettings {
    /// The directory that is built from.
    pub context: PathBuf,
    /// The `consign.yaml`, if there is one: the plan's paths are relative to it.
    pub file: Option<PathBuf>,
    /// For which platform.
    pub platform: Platform,
    /// How layers are compressed.
    pub encoding: Encoding,
    /// Threads that read and compress, 0 being taken as 1; they do not change a byte.
    pub threads: usize,
    /// Every time stamp of the image, in seconds since 1970.
    pub epoch: i64,
    /// Whether what the user has not put into layers is split into several.
    pub split: bool,
    /// Where it is kept what is known of layers.
    pub cache_dir: Option<PathBuf>,
    /// Whether what is kept there is used.
    pub reuse: bool,
    /// The time, in nanoseconds since 1970.
    pub now: i64,
}

/// Reads what the plan names and gives the recipe of the image for each of `platforms`. The files are read once: they are
/// the same for all.
pub fn prepare(
    plan: &Plan,
    platforms: &[Platform],
    settings: &BuildSettings,
    images: &dyn Images,
    reporter: &Arc<dyn Reporter>,
) -> Result<Vec<Recipe>, Arc<dyn Failure>> {
    // First of all, as what is wrong with the base is wrong before anything is read.
    let bases: Vec<Option<Arc<BaseImage>>> = match &plan.base {
        None => vec![None; platforms.len()],
        Some(base) => platforms
            .iter()
            .map(|platform| images.image(base, platform).map(Some))
            .collect::<Result<_, _>>()?,
    };
    let files = read_files(plan, settings, reporter).map_err(|error| Arc::new(error) as Arc<dyn Failure>)?;
    let of_images = ImageFiles::new(Arc::clone(reporter));
    let recipes = platforms.iter().zip(&bases).map(|(platform, base)| {
        let layers = match base {
            Some(base) => files.onto(base, settings, &of_images)?,
            None => files.layers.clone(),
        };
        Ok(files.recipe(plan, platform, base.as_ref(), layers))
    });
    recipes.collect()
}

/// What was read of the context, which is the same for all platforms.
struct Files {
    layers: Vec<RecipeLayer>,
    /// Where each of them goes, absolute.
    destinations: Vec<String>,
    history: Vec<History>,
    created: Option<String>,
    encoding: Encoding,
    workers: Arc<Workers>,
    cache: Arc<LayerCache>,
}

impl Files {
    /// The layers as they lie on `base`, whose files are read only if one of them goes to where it may have links.
    fn onto(
        &self,
        base: &Arc<BaseImage>,
        settings: &BuildSettings,
        images: &ImageFiles,
    ) -> Result<Vec<RecipeLayer>, Arc<dyn Failure>> {
        let mut layers = self.layers.clone();
        if !layers.iter().any(|layer| place::is_usual(&layer.tree)) {
            return Ok(layers);
        }
        let files = images.files(base, &|_| false).map_err(|error| Arc::new(error) as Arc<dyn Failure>)?;
        for (layer, to) in layers.iter_mut().zip(&self.destinations) {
            let placed = place::onto(&layer.tree, to, &files, settings.epoch);
            let tree = placed.map_err(|source| {
                Arc::new(BuildError::Links { image: base.name.clone(), source }) as Arc<dyn Failure>
            })?;
            layer.files = fingerprint(&tree, &self.cache, settings);
            layer.tree = Arc::new(tree);
        }
        Ok(layers)
    }

    /// The recipe for `platform`, on `base`.
    fn recipe(
        &self,
        plan: &Plan,
        platform: &Platform,
        base: Option<&Arc<BaseImage>>,
        layers: Vec<RecipeLayer>,
    ) -> Recipe {
        let under = base.map(|base| base.config.value().clone());
        let config = config::on_base(under, platform);
        let settled = config::with_settings(config.config.unwrap_or_default(), &plan.config);
        Recipe {
            base: base.into_iter().flat_map(BaseImage::layers).collect(),
            layers,
            config: ImageConfig {
                created: self.created.clone(),
                config: Some(settled),
                history: config.history.into_iter().chain(self.history.iter().cloned()).collect(),
                ..config
            },
            annotations: plan.config.annotations.clone(),
            encoding: self.encoding,
            workers: Arc::clone(&self.workers),
            cache: Arc::clone(&self.cache),
        }
    }
}

fn read_files(
    plan: &Plan,
    settings: &BuildSettings,
    reporter: &Arc<dyn Reporter>,
) -> Result<Files, BuildError> {
    let workers = Workers::new(settings.threads).map_err(|source| BuildError::Threads { source })?;
    let cache = match &settings.cache_dir {
        Some(folder) if settings.reuse => LayerCache::open(folder, reporter.as_ref()),
        Some(folder) => LayerCache::fresh(folder),
        None => LayerCache::none(),
    };
    let ignore = read_ignore(settings)?;
    let prefix = prefix(settings)?;
    let created = config::created(settings.epoch);
    let mut layers = Vec::with_capacity(plan.layers.len());
    let mut destinations = Vec::with_capacity(plan.layers.len());
    let mut history = Vec::with_capacity(plan.layers.len());
    for layer in &plan.layers {
        let patterns = |field, patterns: &[String]| {
            Patterns::new(patterns).map_err(|source| BuildError::Pattern {
                layer: layer.name.clone(),
                field,
                source,
            })
        };
        let request = ReadRequest {
            context: &settings.context,
            from: &prefix.join(&layer.from),
            to: &layer.to,
            ignore: &ignore,
            include: &patterns("include", &layer.include)?,
            exclude: &patterns("exclude", &layer.exclude)?,
            owner: layer.owner,
            modes: Some(layer.modes),
            mtime: settings.epoch,
            parents: true,
            threads: settings.threads,
        };
        let tree = read(&request, &mut |warning| reporter.warn(warning.to_string()))
            .map_err(|source| BuildError::Read { source })?;
        let created_by = format!("consign COPY {} {}", request.from.display(), layer.to);
        for (name, reason, tree) in divide(layer, tree, settings.split) {
            let whole = name == layer.name;
            let created_by = if whole { created_by.clone() } else { format!("{created_by} ({name})") };
            history.push(config::layer_history(created.as_deref(), created_by, settings.encoding));
            layers.push(RecipeLayer {
                name,
                reason,
                files: fingerprint(&tree, &cache, settings),
                tree: Arc::new(tree),
            });
            destinations.push(layer.to.clone());
        }
    }
    let entries = layers.iter().map(|layer| layer.tree.len() as u64).sum();
    let bytes = layers.iter().map(|layer| layer.tree.content_size()).sum();
    reporter.event(Event::ContextRead { entries, bytes });
    let (encoding, workers, cache) = (settings.encoding, Arc::new(workers), Arc::new(cache));
    Ok(Files { layers, destinations, history, created, encoding, workers, cache })
}

/// What stands for the files of `tree`, if that is kept and they are not too young to tell them from later ones.
fn fingerprint(tree: &Tree, cache: &LayerCache, settings: &BuildSettings) -> Option<Fingerprint> {
    cache.is_kept().then(|| tree.fingerprint()).filter(|files| files.is_settled(settings.now))
}

/// The layers that one of the plan's becomes: name, reason and content of each.
fn divide(layer: &LayerPlan, tree: Tree, auto: bool) -> Vec<(String, String, Tree)> {
    if !layer.divisible || !auto {
        let reason = if layer.divisible { "all of it, as asked for" } else { "as it stands in the file" };
        return vec![(layer.name.clone(), reason.to_owned(), tree)];
    }
    let mut parts = split(tree);
    if let [whole] = parts.as_mut_slice() {
        whole.name.clone_from(&layer.name);
    }
    parts.into_iter().map(|part| (part.name, part.reason, part.tree)).collect()
}

/// The patterns of `FILE.dockerignore` beside the file that describes the build, else of the context's
/// `.dockerignore`, else none.
fn read_ignore(settings: &BuildSettings) -> Result<Patterns, BuildError> {
    let beside = settings.file.as_ref().map(|file| {
        let mut name = file.clone().into_os_string();
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    for path in beside.into_iter().chain([settings.context.join(".dockerignore")]) {
        match fs_err::read(&path) {
            Ok(text) => {
                return Patterns::parse(&text).map_err(|source| BuildError::Ignore { path, source });
            }
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) => {}
            Err(source) => return Err(BuildError::Io { source }),
        }
    }
    Ok(Patterns::default())
}

/// What leads from the context to the folder of the `consign.yaml`, which the plan's paths are relative to.
fn prefix(settings: &BuildSettings) -> Result<PathBuf, BuildError> {
    let Some(file) = &settings.file else { return Ok(PathBuf::new()) };
    let folder = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let io = |source| BuildError::Io { source };
    let folder = fs_err::canonicalize(folder).map_err(io)?;
    // A context that is missing is told by the room that reads it.
    let Ok(context) = fs_err::canonicalize(&settings.context) else { return Ok(PathBuf::new()) };
    folder
        .strip_prefix(&context)
        .map(Path::to_owned)
        .map_err(|_| BuildError::FileOutside { file: file.clone(), context: settings.context.clone() })
}
