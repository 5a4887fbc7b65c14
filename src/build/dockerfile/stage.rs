//! A stage as it grows: its layers, its config, and its files as far as somebody has asked for them.

use super::{Build, DockerfileError, config};
use crate::base::Failure;
use crate::build::BaseImage;
use crate::build::config::layer_history;
use crate::image::ImageConfig;
use crate::spec::dockerfile::step::{Action, Step};
use crate::spec::dockerfile::{EvaluatedStage, Part};
use crate::tree::{Change, FileSystem, Tree, TreePath};
use std::sync::Arc;

/// Its layers lie on those of the base.
pub(super) struct Stage {
    pub(super) base: Option<Arc<BaseImage>>,
    pub(super) layers: Vec<Layer>,
    pub(super) config: ImageConfig,
    /// All files, those of the base too, once somebody has asked for them.
    files: Option<FileSystem>,
    /// The same as a tree, once the stage is done and somebody copies from it.
    tree: Option<Arc<Tree>>,
}

/// A layer that was made here.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) reason: String,
    pub(super) tree: Arc<Tree>,
}

/// The files that say which numbers users and groups have.
const ACCOUNTS: [&[u8]; 2] = [b"etc/passwd", b"etc/group"];

impl Stage {
    /// Without steps.
    pub(super) fn new(base: Option<Arc<BaseImage>>, config: ImageConfig) -> Self {
        Self { base, layers: Vec::new(), config, files: None, tree: None }
    }

    /// A stage that builds on this one. What this one says to those that build on it is said to no other.
    pub(super) fn next(&self) -> Self {
        Self {
            base: self.base.clone(),
            layers: self.layers.clone(),
            config: config::from(self.config.clone()),
            files: self.files.clone(),
            tree: None,
        }
    }

    /// All files, as they are now. Of those of the base, only what says who is who has content.
    pub(super) fn files(&mut self, build: &Build<'_>) -> Result<&mut FileSystem, Arc<dyn Failure>> {
        if self.files.is_none() {
            let keep = |path: &TreePath| ACCOUNTS.contains(&path.as_bytes());
            let mut files = match &self.base {
                Some(image) => {
                    let files = build.request.files.files(image, &keep);
                    files.map_err(|error| Arc::new(error) as Arc<dyn Failure>)?
                }
                None => FileSystem::new(),
            };
            self.layers.iter().for_each(|layer| files.lay(&layer.tree));
            self.files = Some(files);
        }
        Ok(self.files.as_mut().expect("invariant: just put there"))
    }

    /// All files, for those that copy from this stage.
    pub(super) fn tree(&mut self, build: &Build<'_>) -> Result<Arc<Tree>, Arc<dyn Failure>> {
        if self.tree.is_none() {
            self.tree = Some(Arc::new(self.files(build)?.to_tree()));
        }
        Ok(Arc::clone(self.tree.as_ref().expect("invariant: just put there")))
    }

    /// Lays a layer over the files, if they are known already.
    pub(super) fn lay(&mut self, layer: &Tree) {
        if let Some(files) = &mut self.files {
            files.lay(layer);
        }
    }

    /// Puts a layer on top, with a line of history.
    pub(super) fn add(&mut self, build: &Build<'_>, created_by: String, reason: String, tree: Arc<Tree>) {
        let name = created_by.trim_end_matches(" # buildkit").to_owned();
        let history = layer_history(build.created.as_deref(), created_by, build.request.settings.encoding);
        self.config.history.push(history);
        self.layers.push(Layer { name, reason, tree });
    }
}

impl Build<'_> {
    /// Does one step.
    pub(super) fn step(
        &mut self,
        stage: &mut Stage,
        evaluated: &EvaluatedStage,
        step: &Step,
    ) -> Result<(), DockerfileError> {
        let tree = match &step.action {
            Action::Add(copy) => Some(self.copy(stage, evaluated, step, copy, true)?),
            Action::Copy(copy) => Some(self.copy(stage, evaluated, step, copy, false)?),
            Action::Workdir(path) if step.makes_layer() => Some(self.workdir(stage, step, path)?),
            _ => None,
        };
        config::apply(&mut stage.config, &step.action);
        match tree {
            Some(tree) => {
                let created_by = step.created_by().expect("invariant: what makes a layer says so");
                let reason = format!("line {} of the Dockerfile", step.line);
                stage.add(self, created_by, reason, Arc::new(tree));
            }
            None => stage.config.history.extend(config::history(step, self.created.as_deref())),
        }
        Ok(())
    }

    /// The directory belongs to the user of the image, as it is at that line.
    fn workdir(&self, stage: &mut Stage, step: &Step, path: &str) -> Result<Tree, DockerfileError> {
        let user = stage.config.config.as_ref().and_then(|config| config.user.clone());
        let owner = match user.filter(|user| !user.is_empty()) {
            Some(user) => self.owner(stage, step, Part::Keyword, &user)?,
            None => crate::spec::Owner::default(),
        };
        let files = stage.files(self).map_err(|failure| self.failed(step, Part::Keyword, &failure))?;
        let mut change = Change::new(files, self.request.settings.epoch);
        let made = change.make_directory(path.as_bytes(), 0o755, owner);
        made.map_err(|error| {
            let hint = "name another directory, or take away what is there in the line that puts it there";
            self.request.file.problem(step, Part::Destination, error.to_string(), Some(hint.into()))
        })?;
        Ok(change.finish())
    }

    /// A failure of something outside, at a step.
    pub(super) fn failed(&self, step: &Step, part: Part, failure: &Arc<dyn Failure>) -> DockerfileError {
        DockerfileError::at(failure, |message, hint| self.request.file.problem(step, part, message, hint))
    }
}
