//! COPY and ADD.

use super::context::NamedContext;
use super::stage::Stage;
use super::{Build, DockerfileError, archive, image_name};
use crate::base::Failure;
use crate::registry::WebError;
use crate::spec::dockerfile::step::{CopyFiles, Source, Step};
use crate::spec::dockerfile::{EvaluatedStage, Origin, Part};
use crate::spec::{Patterns, SpecError};
use crate::tree::copy::nearest;
use crate::tree::{
    Change, CopyError, Entry, File, FileSystem, LinkLoop, Metadata, Node, Placing, Tree, TreePath, Unpack,
};
use std::sync::Arc;

impl Build<'_> {
    /// The layer that a COPY or ADD makes.
    pub(super) fn copy(
        &mut self,
        stage: &mut Stage,
        evaluated: &EvaluatedStage,
        step: &Step,
        copy: &CopyFiles,
        is_add: bool,
    ) -> Result<Tree, DockerfileError> {
        let file = self.request.file;
        let problem = |part, message: String, hint| file.problem(step, part, message, hint);
        let exclude = Patterns::of_flags(&copy.exclude).map_err(|error| {
            problem(
                Part::Exclude(error.line - 1),
                format!("`{}` is not a pattern: {}", error.pattern, error.reason),
                Some(ESCAPED.into()),
            )
        })?;
        let owner = match &copy.chown {
            Some(text) => Some(self.owner(stage, step, Part::Chown, text)?),
            None => None,
        };
        let mut sources: Vec<(Part, Arc<Tree>, String, bool)> = Vec::new();
        for (index, source) in copy.sources.iter().enumerate() {
            let part = Part::Source(index);
            match source {
                Source::Path(path) => {
                    let tree = self.origin(evaluated, step, copy)?;
                    sources.push((part, tree, path.clone(), false));
                }
                Source::Http(url) => {
                    let name = name_in(url);
                    let checksum = copy.checksum.as_ref().and_then(|text| text.parse().ok());
                    let fetched = self.request.web.fetch(url, checksum).map_err(|error| {
                        let part =
                            if matches!(error, WebError::Other { .. }) { Part::Checksum } else { part };
                        self.failed(step, part, &(Arc::new(error) as Arc<dyn Failure>))
                    })?;
                    let tree = single(&name, fetched, 0o600, self.request.settings.epoch);
                    sources.push((part, Arc::new(tree), name, true));
                }
                Source::Git(url) => {
                    let message = format!("`{url}` is a Git repository, and consign does not fetch those");
                    let hint = "check it out in the job before, and COPY it from the context".to_owned();
                    return Err(problem(part, message, Some(hint)).into());
                }
            }
        }
        for document in &copy.documents {
            let content = File::in_memory(document.content.as_bytes());
            let tree = single(&document.name, content, 0o644, self.request.settings.epoch);
            sources.push((Part::Keyword, Arc::new(tree), document.name.clone(), true));
        }
        // With a mode BuildKit does not link.
        let links = copy.link && copy.chmod.is_none();
        let mut apart = FileSystem::new();
        let files = if links {
            &mut apart
        } else {
            let failed = |failure: Arc<dyn Failure>| self.failed(step, Part::Keyword, &failure);
            stage.files(self).map_err(failed)?
        };
        let mut change = Change::new(files, self.request.settings.epoch);
        let epoch = self.request.settings.epoch;
        let unpack =
            |file: &File| archive::unpack(file, epoch).map_err(|error| crate::base::failure::causes(&error));
        for (part, tree, path, literal) in &sources {
            let placing = Placing {
                destination: copy.destination.as_bytes(),
                owner,
                mode: copy.chmod.as_ref().map(|(_, mode)| mode),
                exclude: &exclude,
                parents: copy.parents && !literal,
                literal: *literal,
                // Without being told, ADD unpacks what is in the context and not what it has fetched.
                unpack: (is_add && copy.unpack.unwrap_or(!literal)).then_some(Unpack(&unpack)),
            };
            let count = change
                .copy(tree, path.as_bytes(), &placing)
                .map_err(|error| self.refused(step, *part, copy, tree, error))?;
            if count == 0 {
                let line = step.line;
                self.request
                    .reporter
                    .warn(format!("line {line}: `{path}` matches nothing, so nothing is copied"));
            }
        }
        let layer = change.finish();
        if links {
            stage.lay(&layer);
        }
        Ok(layer)
    }

    /// The files that a COPY takes from.
    fn origin(
        &mut self,
        evaluated: &EvaluatedStage,
        step: &Step,
        copy: &CopyFiles,
    ) -> Result<Arc<Tree>, DockerfileError> {
        let from = copy.from.as_ref();
        match from {
            None => self.contexts.main(self.request),
            Some(Origin::Scratch) => Ok(Arc::default()),
            Some(Origin::Stage(number)) => {
                let mut stage =
                    self.stages.remove(number).expect("invariant: a stage takes from those above it");
                let tree = stage.tree(self).map_err(|failure| self.failed(step, Part::From, &failure));
                self.stages.insert(*number, stage);
                tree
            }
            Some(Origin::Context(name))
                if image_name(from.unwrap_or(&Origin::Scratch), self.request.contexts).is_none() =>
            {
                self.contexts.named(self.request, name)
            }
            Some(origin @ (Origin::Context(_) | Origin::Image(_))) => {
                let name = image_name(origin, self.request.contexts).unwrap_or_default();
                let failed = |failure: Arc<dyn Failure>| self.failed(step, Part::From, &failure);
                let key = (origin.clone(), evaluated.platform.clone());
                let image = match self.images.get(&key) {
                    Some(image) => Arc::clone(image),
                    None => self.request.images.image(&name, &evaluated.platform).map_err(failed)?,
                };
                // What a source means by its name alone is got at once; what links lead to is got when it is known.
                let beginnings: Vec<TreePath> =
                    copy.sources.iter().filter_map(|source| beginning(source.text())).collect();
                let all = beginnings.len() < copy.sources.len();
                let keep = |path: &TreePath| all || beginnings.iter().any(|above| is_below(path, above));
                let files = self.request.files.files(&image, &keep);
                let files = files.map_err(|error| failed(Arc::new(error) as Arc<dyn Failure>))?;
                self.images.insert(key, image);
                Ok(Arc::new(files.to_tree()))
            }
        }
    }

    /// Why a source can't be copied, at its place.
    fn refused(&self, step: &Step, part: Part, copy: &CopyFiles, tree: &Tree, error: CopyError) -> SpecError {
        let file = self.request.file;
        match error {
            CopyError::Missing { path } => {
                let shown = if path.is_empty() { "/" } else { &path };
                let (place, hidden) = self.place(copy.from.as_ref(), &path);
                let message = format!("`{shown}` is not in {place}");
                let hint = if hidden {
                    Some(format!(
                        "it is on disk, but the ignore file leaves it out: add `!{path}` at its end, or copy something else"
                    ))
                } else {
                    let near = nearest(tree, &path).map(|near| format!("did you mean `{near}`?"));
                    near.or_else(|| Some(where_to_look(copy.from.as_ref()).to_owned()))
                };
                file.problem(step, part, message, hint)
            }
            CopyError::Pattern(error) => {
                let message = format!("`{}` is not a pattern: {}", error.pattern, error.reason);
                file.problem(step, part, message, Some(ESCAPED.into()))
            }
            CopyError::Loop(LinkLoop(ref path)) => {
                let at_destination = path.starts_with('/') && copy.destination.starts_with(path.as_str());
                let part = if at_destination { Part::Destination } else { part };
                let hint = "name the path that is meant, without the links";
                file.problem(step, part, error.to_string(), Some(hint.into()))
            }
            CopyError::Archive { .. } => {
                let hint = "make the archive again, or copy it as it is with `ADD --unpack=false`";
                file.problem(step, part, error.to_string(), Some(hint.into()))
            }
            CopyError::NoPath { .. } => {
                let hint = "give it a name that Linux takes: no NUL byte, and at most 4,094 bytes";
                file.problem(step, part, error.to_string(), Some(hint.into()))
            }
            CopyError::NotDirectory { .. } | CopyError::IsDirectory { .. } => {
                let hint = "copy to another place, or copy what is in the directory name by name";
                file.problem(step, Part::Destination, error.to_string(), Some(hint.into()))
            }
        }
    }

    /// Where a COPY takes from, in words, and whether something that is not found there is on disk.
    fn place(&self, from: Option<&Origin>, path: &str) -> (String, bool) {
        let is_there = |directory: &std::path::Path| directory.join(path).symlink_metadata().is_ok();
        match from {
            None => ("the build context".into(), is_there(&self.request.settings.context)),
            Some(Origin::Scratch) => ("`scratch`, which is empty".into(), false),
            Some(Origin::Stage(number)) => {
                let name =
                    self.request.file.stages.get(*number).and_then(crate::spec::dockerfile::Stage::name);
                (name.map_or_else(|| format!("stage {number}"), |name| format!("the stage `{name}`")), false)
            }
            Some(Origin::Context(name)) => {
                let hidden = match self.request.contexts.get(name) {
                    Some(NamedContext::Directory(directory)) => is_there(directory),
                    _ => false,
                };
                (format!("the build context `{name}`"), hidden)
            }
            Some(Origin::Image(name)) => (format!("the image `{name}`"), false),
        }
    }
}

/// What helps against a sign that was taken for a wildcard.
const ESCAPED: &str = "a sign that is meant as such needs a `\\` before it";

/// Where the sources of a COPY are found, for those who did not find one.
fn where_to_look(from: Option<&Origin>) -> &'static str {
    match from {
        None => "sources are looked for in the build context, and nothing outside of it can be copied",
        Some(Origin::Scratch) => "name the stage or image that has it in `--from`",
        Some(Origin::Stage(_)) => "a stage has what its base and its own lines put there",
        Some(Origin::Context(_)) => {
            "sources are looked for in the directory or image that `--build-context` names"
        }
        Some(Origin::Image(_)) => {
            "`consign pull IMAGE DIRECTORY --type rootfs` writes the files of an image to disk, to look where it is"
        }
    }
}

/// The part of a source in front of the first wildcard; none if that is all there is.
fn beginning(source: &str) -> Option<TreePath> {
    let whole = source.split('/').take_while(|component| !component.contains(['*', '?', '[', '\\']));
    TreePath::new(whole.collect::<Vec<_>>().join("/").as_bytes()).ok()
}

fn is_below(path: &TreePath, above: &TreePath) -> bool {
    let rest = path.as_bytes().strip_prefix(above.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// A tree with one file in it.
fn single(name: &str, file: File, mode: u32, mtime: i64) -> Tree {
    let metadata = Metadata { mode, uid: 0, gid: 0, mtime, xattrs: None };
    let path = TreePath::new(name.as_bytes()).ok();
    path.map(|path| (path, Entry { metadata, node: Node::File(file) })).into_iter().collect()
}

/// The name that a file gets in a directory: the last component of the address's path.
fn name_in(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once('/').map_or("", |(_, path)| path);
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned();
    let name = name.rsplit('/').next().unwrap_or_default();
    if matches!(name, "" | "." | "..") { "__unnamed__".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_that_are_fetched() {
        for (url, name) in [
            ("https://example.com/a/b.tar.gz?x=/c", "b.tar.gz"),
            ("http://example.com/a/", "a"),
            ("http://example.com/a%20b", "a b"),
            ("http://example.com", "__unnamed__"),
            ("http://example.com/?q=a", "__unnamed__"),
        ] {
            assert_eq!(name_in(url), name, "{url}");
        }
    }
}
