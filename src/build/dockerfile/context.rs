//! Build contexts: directories that COPY and ADD take from.

use super::{DockerfileError, Request};
use crate::build::{BuildError, read_ignore};
use crate::spec::{Owner, Patterns};
use crate::tree::Tree;
use crate::tree::read::{ReadError, ReadRequest, read};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A context beside the main one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// A directory.
    Directory(PathBuf),
    /// An image, by its name, or `oci-layout://` and a path.
    Image(String),
}

/// The contexts that were read, each once.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    main: Option<Arc<Tree>>,
    named: BTreeMap<String, Arc<Tree>>,
}

impl Contexts {
    /// The files of the main context that are not ignored.
    pub(super) fn main(&mut self, request: &Request<'_>) -> Result<Arc<Tree>, DockerfileError> {
        if let Some(tree) = &self.main {
            return Ok(Arc::clone(tree));
        }
        let ignore = read_ignore(request.settings)?;
        let tree = files(request, &request.settings.context, &ignore)?;
        Ok(Arc::clone(self.main.insert(tree)))
    }

    /// The files of a directory that was given with a name. Its own `.dockerignore` counts.
    pub(super) fn named(&mut self, request: &Request<'_>, name: &str) -> Result<Arc<Tree>, DockerfileError> {
        if let Some(tree) = self.named.get(name) {
            return Ok(Arc::clone(tree));
        }
        let Some(NamedContext::Directory(path)) = request.contexts.get(name) else {
            return Err(DockerfileError::Context {
                name: name.to_owned(),
                reason: "it is no directory".into(),
                hint: None,
            });
        };
        let settings =
            crate::build::BuildSettings { context: path.clone(), file: None, ..request.settings.clone() };
        let ignore = read_ignore(&settings)?;
        let tree = files(request, path, &ignore)?;
        self.named.insert(name.to_owned(), Arc::clone(&tree));
        Ok(tree)
    }
}

fn files(request: &Request<'_>, context: &Path, ignore: &Patterns) -> Result<Arc<Tree>, DockerfileError> {
    let all = Patterns::default();
    let wanted = ReadRequest {
        context,
        from: Path::new("."),
        to: "/",
        ignore,
        include: &all,
        exclude: &all,
        owner: Owner::default(),
        modes: None,
        mtime: request.settings.epoch,
        parents: false,
        threads: request.settings.threads,
    };
    match read(&wanted, &mut |warning| request.reporter.warn(warning.to_string())) {
        Ok(tree) => Ok(Arc::new(tree)),
        // A file that copies nothing of it can be built.
        Err(ReadError::Empty { .. } | ReadError::NothingLeft { .. }) => Ok(Arc::default()),
        Err(source) => Err(BuildError::Read { source }.into()),
    }
}
