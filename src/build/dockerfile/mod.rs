//! Carries out a Dockerfile: the stages that the target needs, step by step, become a [`Recipe`].
//!
//! What a step does is BuildKit's (0.34, `docker/dockerfile:1`): one layer for each COPY, ADD and WORKDIR, in the order
//! of the file, empty ones included; one line of history for each instruction. No step is run, since that needs a
//! container; a RUN is refused before anything is read.

mod archive;
mod config;
mod context;
mod copy;
mod error;
mod owner;
mod run;
mod stage;

pub use context::NamedContext;
pub use error::DockerfileError;

use super::ground::ImageFiles;
use super::{BaseImage, BuildError, BuildSettings, Images, LayerCache, Recipe, RecipeLayer};
use crate::base::{Event, Platform, Reporter};
use crate::build;
use crate::image::ImageConfig;
use crate::layer::Workers;
use crate::registry::Web;
use crate::spec::ImageSettings;
use crate::spec::dockerfile::{self, Dockerfile, Evaluated, EvaluatedStage, Options, Origin, evaluate};
use context::Contexts;
use stage::Stage;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is built, and with what.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "most of what it leads to has nothing to show")]
pub struct Request<'a> {
    /// What was read of the file.
    pub file: &'a Dockerfile,
    /// Target, arguments and platform.
    pub options: &'a Options,
    /// Contexts beside the main one, by name. Their names stand in the options too.
    pub contexts: &'a BTreeMap<String, NamedContext>,
    /// What is said of the image beside the file, and counts for more.
    pub overrides: &'a ImageSettings,
    /// All else that decides the image.
    pub settings: &'a BuildSettings,
    /// Where images come from.
    pub images: &'a dyn Images,
    /// Where their files come from.
    pub files: &'a ImageFiles,
    /// Where other files come from.
    pub web: &'a Web,
    /// Is told what happens.
    pub reporter: &'a Arc<dyn Reporter>,
}

/// Does what the file says, and gives the recipe of the image.
pub fn prepare(request: &Request<'_>) -> Result<Recipe, DockerfileError> {
    let Request { file, options, settings, reporter, .. } = *request;
    let evaluated = evaluate(file, options, &|_, _| None)?;
    run::refuse(file, &evaluated)?;
    let (evaluated, images) = with_bases(request, evaluated)?;
    run::refuse(file, &evaluated)?;
    let workers = Workers::new(settings.threads).map_err(|source| BuildError::Threads { source })?;
    let cache = match &settings.cache_dir {
        Some(folder) if settings.reuse => LayerCache::open(folder, reporter.as_ref()),
        Some(folder) => LayerCache::fresh(folder),
        None => LayerCache::none(),
    };
    let mut build = Build {
        request,
        created: build::config::created(settings.epoch),
        contexts: Contexts::default(),
        images,
        stages: BTreeMap::new(),
    };
    for stage in &evaluated.stages {
        build.stage(stage)?;
    }
    let Stage { base, layers, config, .. } =
        build.stages.remove(&evaluated.target).expect("invariant: the target is among the stages");
    let layers = layers.into_iter().map(|layer| {
        // Files of images that no layer of the result has were never got.
        let tree = request.files.fetch(layer.tree).map_err(DockerfileError::Image)?;
        Ok(RecipeLayer {
            name: layer.name,
            reason: layer.reason,
            files: cache.is_kept().then(|| tree.fingerprint()).filter(|files| files.is_settled(settings.now)),
            tree,
        })
    });
    let layers: Vec<RecipeLayer> = layers.collect::<Result<_, DockerfileError>>()?;
    let entries = layers.iter().map(|layer| layer.tree.len() as u64).sum();
    let bytes = layers.iter().map(|layer| layer.tree.content_size()).sum();
    reporter.event(Event::ContextRead { entries, bytes });
    let settled = build::config::with_settings(config.config.unwrap_or_default(), request.overrides);
    Ok(Recipe {
        base: base.iter().flat_map(BaseImage::layers).collect(),
        layers,
        config: ImageConfig { created: build.created, config: Some(settled), ..config },
        annotations: request.overrides.annotations.clone(),
        encoding: settings.encoding,
        workers: Arc::new(workers),
        cache: Arc::new(cache),
    })
}

/// Images that were opened.
type Opened = BTreeMap<(Origin, Platform), Arc<BaseImage>>;

/// Opens what the stages start from, and evaluates the file with what that brings along. Triggers of one base may name
/// another one.
fn with_bases(
    request: &Request<'_>,
    mut evaluated: Evaluated,
) -> Result<(Evaluated, Opened), DockerfileError> {
    let mut images = Opened::new();
    loop {
        let mut found = false;
        for stage in &evaluated.stages {
            let key = (stage.base.clone(), stage.platform.clone());
            let Some(name) = image_name(&stage.base, request.contexts) else { continue };
            if images.contains_key(&key) {
                continue;
            }
            let image = request.images.image(&name, &stage.platform).map_err(|failure| {
                let place = |message, hint| request.file.base_problem(stage.index, message, hint);
                DockerfileError::at(&failure, place)
            })?;
            images.insert(key, image);
            found = true;
        }
        let known = |origin: &Origin, platform: &Platform| match origin {
            Origin::Context(name)
                if matches!(request.contexts.get(name), Some(NamedContext::Directory(_))) =>
            {
                Some(dockerfile::BaseImage::default())
            }
            _ => images.get(&(origin.clone(), platform.clone())).map(|image| brings(image)),
        };
        evaluated = evaluate(request.file, request.options, &known)?;
        if !found {
            return Ok((evaluated, images));
        }
    }
}

/// The name of the image that an origin stands for.
fn image_name(origin: &Origin, contexts: &BTreeMap<String, NamedContext>) -> Option<String> {
    match origin {
        Origin::Image(name) => Some(name.clone()),
        Origin::Context(name) => match contexts.get(name)? {
            NamedContext::Image(name) => Some(name.clone()),
            NamedContext::Directory(_) => None,
        },
        Origin::Scratch | Origin::Stage(_) => None,
    }
}

/// What an image brings along for those that build on it.
fn brings(image: &BaseImage) -> dockerfile::BaseImage {
    let Some(config) = &image.config.value().config else { return dockerfile::BaseImage::default() };
    let strings = |key: &str| {
        let list = config.other.get(key).and_then(|value| value.as_array());
        list.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_owned(), value.to_owned())
    };
    dockerfile::BaseImage {
        env: config.env.iter().map(pair).collect(),
        workdir: config.working_dir.clone(),
        shell: strings("Shell"),
        on_build: strings("OnBuild"),
    }
}

/// A build as it goes on.
struct Build<'a> {
    request: &'a Request<'a>,
    /// When everything was made, as documents write it.
    created: Option<String>,
    contexts: Contexts,
    images: Opened,
    /// Those that are done, by their numbers.
    stages: BTreeMap<usize, Stage>,
}

impl Build<'_> {
    /// Does all steps of a stage.
    fn stage(&mut self, evaluated: &EvaluatedStage) -> Result<(), DockerfileError> {
        let mut stage = self.begin(evaluated)?;
        let count = evaluated.steps.len();
        let name = evaluated.name.clone().unwrap_or_else(|| format!("stage {}", evaluated.index));
        for (number, step) in evaluated.steps.iter().enumerate() {
            if let Some(text) = step.created_by().filter(|_| step.makes_layer()) {
                let text = text.trim_end_matches(" # buildkit");
                let what = format!("[{name} {}/{count}] {text}", number + 1);
                self.request.reporter.event(Event::Started { what });
            }
            self.step(&mut stage, evaluated, step)?;
        }
        self.stages.insert(evaluated.index, stage);
        Ok(())
    }

    /// A stage before its first step.
    fn begin(&mut self, evaluated: &EvaluatedStage) -> Result<Stage, DockerfileError> {
        let EvaluatedStage { base, platform, .. } = evaluated;
        match base {
            Origin::Scratch => Ok(Stage::new(None, config::empty(platform))),
            Origin::Stage(number) => {
                let base = self.stages.get(number).expect("invariant: a stage builds on those above it");
                Ok(base.next())
            }
            Origin::Context(name) if image_name(base, self.request.contexts).is_none() => {
                let tree = self.contexts.named(self.request, name)?;
                let mut stage = Stage::new(None, config::empty(platform));
                let created_by = format!("FROM {name}");
                let reason = format!("the build context `{name}`");
                stage.add(self, created_by, reason, tree);
                Ok(stage)
            }
            Origin::Image(_) | Origin::Context(_) => {
                let key = (base.clone(), platform.clone());
                let image = self.images.get(&key).expect("invariant: bases were opened");
                let config = config::from(image.config.value().clone());
                Ok(Stage::new(Some(Arc::clone(image)), config))
            }
        }
    }
}
