//! Kubernetes manifests, kustomizations and Helm values with the digest that was pushed.
//!
//! What is changed is a scalar; every other byte stays. Fields:
//! <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container>,
//! <https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/images/>,
//! <https://helm.sh/docs/chart_best_practices/values/>.

mod containers;
mod error;
mod kustomize;
mod stream;
mod values;

pub use error::KubernetesError;
pub use stream::join;
pub use values::ValuesPath;

use super::pin::Pin;
use super::yaml::{EditError, Edits, Id, Yaml};
use crate::base::{Reference, docker_name};
use containers::{Objects, Spot, spots};
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};

/// A file, as it was read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its path, or `stdin`.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// What shall be changed.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The images.
    pub pins: Vec<Pin>,
    /// Containers by their names, each with its image if it is not one of [`pins`](Self::pins).
    pub containers: Vec<(String, Option<Pin>)>,
    /// Values by their paths, likewise.
    pub paths: Vec<(ValuesPath, Option<Pin>)>,
    /// Whether the tag stands beside the digest, where it is known.
    pub keep_tag: bool,
}

impl Wanted {
    /// Whether images are found by their repositories, as neither containers nor paths are named.
    fn is_by_repository(&self) -> bool {
        self.containers.is_empty() && self.paths.is_empty()
    }

    fn written(&self, pin: &Pin, name: &str) -> String {
        match &pin.tag {
            Some(tag) if self.keep_tag => format!("{name}:{tag}@{}", pin.digest),
            _ => format!("{name}@{}", pin.digest),
        }
    }
}

/// A scalar that was changed, or that has the digest already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// From 1, in the text as it was.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// `kind` of the object.
    pub kind: Option<String>,
    /// `metadata.name` of the object.
    pub name: Option<String>,
    /// The container's name.
    pub container: Option<String>,
    /// The key, or the path of the value.
    pub field: String,
    /// What was there.
    pub old: String,
    /// What is there now.
    pub new: String,
}

/// A file, as it was rendered.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// Its path, or `stdin`.
    pub name: String,
    /// Its text.
    pub text: String,
    /// What was changed.
    pub changes: Vec<Change>,
    /// What has the digest already.
    pub pinned: Vec<Change>,
    /// What is worth a word: images that templates make, tags that now say little.
    pub notes: Vec<String>,
}

/// Renders all files. It is an error if something that is wanted is in none of them.
pub fn render(sources: &[Source<'_>], wanted: &Wanted) -> Result<Vec<Rendered>, KubernetesError> {
    let mut seen = Seen {
        pins: vec![false; wanted.pins.len()],
        containers: vec![false; wanted.containers.len()],
        paths: vec![false; wanted.paths.len()],
        ..Seen::default()
    };
    let mut rendered = Vec::new();
    for source in sources {
        let yaml = Yaml::parse(source.text)
            .map_err(|error| KubernetesError::Yaml { file: source.name.to_owned(), error })?;
        let mut work = Work {
            file: source.name,
            yaml: &yaml,
            edits: Edits::new(&yaml),
            objects: Objects::default(),
            by_path: HashSet::new(),
            wanted,
            seen: &mut seen,
            changes: Vec::new(),
            pinned: Vec::new(),
            notes: Vec::new(),
        };
        for (n, (path, pin)) in wanted.paths.iter().enumerate() {
            values::value(&mut work, n, path, pin.as_ref())?;
        }
        work.by_path = work.edits.places();
        for spot in spots(&yaml).ok_or_else(|| KubernetesError::Tangled { file: source.name.to_owned() })? {
            work.container(&spot)?;
        }
        if wanted.is_by_repository() {
            kustomize::images(&mut work)?;
        }
        let Work { edits, changes, pinned, notes, .. } = work;
        let text = edits.apply().map_err(|error| edit_error(source.name, &error))?;
        rendered.push(Rendered { name: source.name.to_owned(), text, changes, pinned, notes });
    }
    seen.complete(wanted)?;
    Ok(rendered)
}

fn edit_error(file: &str, error: &EditError) -> KubernetesError {
    let file = file.to_owned();
    match error {
        EditError::Shared(at) => KubernetesError::Shared { file, line: at.line },
        EditError::NoPlace(at) => KubernetesError::NoPlace { file, line: at.line },
        EditError::Unfaithful(at) => KubernetesError::Unfaithful { file, line: at.line },
    }
}

/// What was found in all files.
#[derive(Debug, Default)]
struct Seen {
    pins: Vec<bool>,
    containers: Vec<bool>,
    paths: Vec<bool>,
    images: BTreeSet<String>,
    names: BTreeSet<String>,
    templated: bool,
    /// Why a path leads nowhere, in the file in which it leads farthest.
    missed: Option<values::Missed>,
}

impl Seen {
    /// An error unless all was found that is wanted.
    fn complete(self, wanted: &Wanted) -> Result<(), KubernetesError> {
        let missing = |found: &[bool]| found.iter().position(|found| !found);
        if let Some(n) = missing(&self.containers) {
            return Err(KubernetesError::NoContainer {
                name: wanted.containers[n].0.clone(),
                names: self.names.into_iter().collect(),
                templated: self.templated,
            });
        }
        if let (Some(n), missed) = (missing(&self.paths), self.missed) {
            let (found, keys) = missed.map_or((0, Vec::new()), |missed| (missed.steps, missed.keys));
            return Err(KubernetesError::NoPath { path: wanted.paths[n].0.clone(), found, keys });
        }
        if !wanted.is_by_repository() {
            return Ok(());
        }
        // One image can have several names, of which manifests use one.
        let found = |pin: &Pin| {
            let same = wanted.pins.iter().zip(&self.pins).filter(|(other, _)| other.digest == pin.digest);
            same.into_iter().any(|(_, found)| *found)
        };
        match wanted.pins.iter().find(|pin| !found(pin)) {
            None => Ok(()),
            Some(pin) => Err(KubernetesError::NoImage {
                repository: pin.name().to_owned(),
                images: self.images.into_iter().collect(),
                templated: self.templated,
            }),
        }
    }
}

/// The work on one file.
struct Work<'w, 'a> {
    file: &'w str,
    yaml: &'w Yaml<'a>,
    edits: Edits<'w, 'a>,
    objects: Objects,
    /// What paths lead to.
    by_path: HashSet<Id>,
    wanted: &'w Wanted,
    seen: &'w mut Seen,
    changes: Vec<Change>,
    pinned: Vec<Change>,
    notes: Vec<String>,
}

impl<'w> Work<'w, '_> {
    /// The image of a container, if it is wanted.
    fn container(&mut self, spot: &Spot) -> Result<(), KubernetesError> {
        let (yaml, wanted) = (self.yaml, self.wanted);
        let old = yaml.scalar(spot.image).unwrap_or_default().trim();
        let name = spot.name.and_then(|name| yaml.scalar(name));
        if let Some(name) = name {
            self.seen.names.insert(name.to_owned());
        }
        let named = wanted.containers.iter().position(|(wanted, _)| Some(wanted.as_str()) == name);
        if yaml.is_templated(spot.image) {
            self.seen.templated = true;
            if named.is_some() || wanted.is_by_repository() {
                let container = name.map_or_else(String::new, |name| format!(" of the container `{name}`"));
                self.note(spot.image, &format!("the image{container} is made by a template, and left to it"));
            }
            return Ok(());
        }
        if !old.is_empty() {
            self.seen.images.insert(old.to_owned());
        }
        let (pin, new) = if wanted.is_by_repository() {
            match self.by_repository(old) {
                Some(pin) => (pin, wanted.written(pin, spelled(old))),
                None => return self.keep(spot.image),
            }
        } else if let Some(n) = named {
            self.seen.containers[n] = true;
            let pin = self.chosen(wanted.containers[n].1.as_ref(), spot.image, old)?;
            (pin, wanted.written(pin, pin.name()))
        } else {
            return self.keep(spot.image);
        };
        let same = is_pinned(old, pin);
        let change = self.change(spot.image, spot.name, "image", &new);
        self.set(spot.image, new, same, change)
    }

    /// The image of `pins` that is in the repository of `image`, which is then seen.
    fn by_repository(&mut self, image: &str) -> Option<&'w Pin> {
        let found = docker_name(image).ok()?;
        let n = self.wanted.pins.iter().position(|pin| is_of(&found, pin))?;
        self.seen.pins[n] = true;
        Some(&self.wanted.pins[n])
    }

    /// The image for a place: its own, the only one there is, or the one of the repository that stands there.
    fn chosen(&mut self, own: Option<&'w Pin>, place: Id, old: &str) -> Result<&'w Pin, KubernetesError> {
        match (own, self.wanted.pins.as_slice()) {
            (Some(pin), _) | (None, [pin]) => Ok(pin),
            _ => self.by_repository(old).ok_or_else(|| KubernetesError::WhichImage {
                file: self.file.to_owned(),
                line: self.yaml.place(place).line,
                old: old.to_owned(),
            }),
        }
    }

    /// What is told of a change at `place`.
    fn change(&mut self, place: Id, container: Option<Id>, field: &str, new: &str) -> Change {
        let at = self.yaml.place(place);
        let (kind, name) = self.objects.of(self.yaml, place);
        Change {
            line: at.line,
            column: at.column,
            kind: kind.map(str::to_owned),
            name: name.map(str::to_owned),
            container: container.and_then(|name| self.yaml.scalar(name)).map(str::to_owned),
            field: field.to_owned(),
            old: self.yaml.scalar(place).unwrap_or_default().trim().to_owned(),
            new: new.to_owned(),
        }
    }

    /// Sets a scalar, unless it is the `same` already.
    fn set(&mut self, place: Id, new: String, same: bool, change: Change) -> Result<(), KubernetesError> {
        if same {
            self.pinned.push(Change { new: change.old.clone(), ..change });
            return self.keep(place);
        }
        self.edits.set(place, new).map_err(|error| edit_error(self.file, &error))?;
        self.changes.push(change);
        Ok(())
    }

    /// A container that is not wanted keeps its image, unless a path leads to it.
    fn keep(&mut self, place: Id) -> Result<(), KubernetesError> {
        if self.by_path.contains(&place) {
            return Ok(());
        }
        self.edits.keep(place).map_err(|error| edit_error(self.file, &error))
    }

    /// Something worth a word about a place.
    fn note(&mut self, place: Id, what: &str) {
        let line = self.yaml.place(place).line;
        self.notes.push(format!("{}:{line}: {what}", self.file));
    }
}

/// Whether `image` is that of the pin already, with a tag or without.
fn is_pinned(image: &str, pin: &Pin) -> bool {
    docker_name(image).is_ok_and(|found| found.digest == Some(pin.digest) && is_of(&found, pin))
}

/// Whether two names mean one repository.
fn is_of(found: &Reference, pin: &Pin) -> bool {
    found.repository == pin.repository().repository && found.host == pin.repository().host
}

/// The repository as it is spelled in a file, without tag and digest.
fn spelled(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

#[cfg(test)]
mod tests;
