//! Values of Helm charts, by their paths.
//!
//! An image is one string there, or a mapping of `repository`, `tag`, often `registry`, sometimes `digest`. What a chart
//! makes of them is the chart's own business, so each is only ever set to what its name says. A chart that knows no
//! `digest` writes `repository:tag`; there the digest goes into the tag, `1.4@sha256:…`, which every runtime reads.

use super::super::yaml::{Id, Kind};
use super::{KubernetesError, Pin, Work, is_of, is_pinned};
use crate::base::docker_name;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Keys, and indexes of lists: `api.image`, `sidecars[0].image`. A dot in a key is written `\.`, as for `helm --set`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuesPath {
    text: String,
    steps: Vec<String>,
}

impl FromStr for ValuesPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut steps = vec![String::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => steps.last_mut().expect("invariant: there is a first one").extend(characters.next()),
                '.' | '[' => steps.push(String::new()),
                ']' => {}
                other => steps.last_mut().expect("invariant: there is a first one").push(other),
            }
        }
        // A list can be all that a file is.
        if text.starts_with('[') {
            steps.remove(0);
        }
        if steps.is_empty() || steps.iter().any(String::is_empty) {
            return Err(format!("`{text}` is not a path: a key of it is empty; write it as `api.image`"));
        }
        Ok(Self { text: text.to_owned(), steps })
    }
}

impl ValuesPath {
    /// The steps up to the one that is not there, which is last.
    pub(super) fn up_to(&self, found: usize) -> (String, &str) {
        (self.steps[..found].join("."), self.steps.get(found).map_or("", String::as_str))
    }
}

impl fmt::Display for ValuesPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for ValuesPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// How far a path leads.
#[derive(Debug)]
pub(super) struct Missed {
    /// The steps that were found.
    pub(super) steps: usize,
    /// The keys where it goes no farther.
    pub(super) keys: Vec<String>,
}

/// Pins the value at the `n`th path, in each document that has it.
pub(super) fn value<'w>(
    work: &mut Work<'w, '_>,
    n: usize,
    path: &ValuesPath,
    own: Option<&'w Pin>,
) -> Result<(), KubernetesError> {
    let yaml = work.yaml;
    for root in &yaml.roots {
        let mut at = *root;
        let mut found = 0;
        for step in &path.steps {
            let next = match yaml.items(at) {
                Some(items) => step.parse().ok().and_then(|index: usize| items.get(index).copied()),
                None => yaml.get(at, step),
            };
            let Some(next) = next else { break };
            (at, found) = (next, found + 1);
        }
        if found == path.steps.len() {
            work.seen.paths[n] = true;
            image(work, path, own, at)?;
        } else if work.seen.missed.as_ref().is_none_or(|missed| missed.steps < found) {
            let keys = yaml.entries(at).unwrap_or_default().iter().filter_map(|(key, _)| yaml.scalar(*key));
            work.seen.missed = Some(Missed { steps: found, keys: keys.map(str::to_owned).collect() });
        }
    }
    Ok(())
}

fn image<'w>(
    work: &mut Work<'w, '_>,
    path: &ValuesPath,
    own: Option<&'w Pin>,
    at: Id,
) -> Result<(), KubernetesError> {
    let yaml = work.yaml;
    let wrong = |work: &Work<'_, '_>, what| KubernetesError::NotAnImage {
        file: work.file.to_owned(),
        line: yaml.place(at).line,
        path: path.clone(),
        what,
    };
    if let Some(old) = yaml.scalar(at) {
        if yaml.is_templated(at) {
            return Err(wrong(work, "a template makes it"));
        }
        let pin = work.chosen(own, at, old.trim())?;
        let new = work.wanted.written(pin, pin.name());
        let same = is_pinned(old.trim(), pin);
        let change = work.change(at, None, &path.text, &new);
        return work.set(at, new, same, change);
    }
    if !matches!(yaml.node(yaml.resolved(at)).kind, Kind::Mapping(_)) {
        return Err(wrong(work, "it is a list"));
    }
    let first = |keys: &[&'static str]| {
        keys.iter()
            .find_map(|key| yaml.get(at, key).filter(|id| yaml.scalar(*id).is_some()).map(|id| (*key, id)))
    };
    let Some((repository_key, repository)) = first(&["repository", "name", "image"]) else {
        return Err(wrong(work, "it has no `repository`"));
    };
    let (registry, tag, digest) = (first(&["registry"]), first(&["tag"]), first(&["digest"]));
    let (registry, tag, digest) = (registry.map(|it| it.1), tag.map(|it| it.1), digest.map(|it| it.1));
    let parts = [Some(repository), registry, tag, digest];
    if parts.into_iter().flatten().any(|part| yaml.is_templated(part)) {
        return Err(wrong(work, "a template makes a part of it"));
    }
    if tag.is_none() && digest.is_none() {
        return Err(wrong(work, "it has neither `digest` nor `tag`"));
    }
    let text = |id: Id| if yaml.is_blank(id) { "" } else { yaml.scalar(id).unwrap_or_default().trim() };
    let name = match registry.map(text) {
        Some(host) if !host.is_empty() => format!("{host}/{}", text(repository)),
        _ => text(repository).to_owned(),
    };
    let pin = work.chosen(own, repository, &name)?;
    let field = |key: &str| format!("{}.{key}", path.text);
    let is_here = docker_name(&name).is_ok_and(|found| is_of(&found, pin));
    if !is_here {
        let full = pin.repository();
        let new = match (registry, &full.host) {
            (Some(registry), Some(host)) => {
                let change = work.change(registry, None, &field("registry"), host.as_str());
                work.set(registry, host.to_string(), text(registry) == host.as_str(), change)?;
                full.repository.to_string()
            }
            _ => pin.name().to_owned(),
        };
        let change = work.change(repository, None, &field(repository_key), &new);
        work.set(repository, new.clone(), text(repository) == new, change)?;
    }
    match (digest, tag) {
        (Some(digest), tag) => {
            // Some charts write `sha256:` themselves.
            let old = text(digest);
            let bare = old.len() == 64 && old.bytes().all(|byte| byte.is_ascii_hexdigit());
            let new = if bare { pin.digest.hex() } else { pin.digest.to_string() };
            let same = old == new;
            let change = work.change(digest, None, &field("digest"), &new);
            work.set(digest, new, same, change)?;
            match (tag, &pin.tag) {
                (Some(place), Some(tag)) if !same || !is_here => {
                    let change = work.change(place, None, &field("tag"), tag.as_str());
                    work.set(place, tag.to_string(), text(place) == tag.as_str(), change)?;
                }
                (Some(place), None) if !(same && is_here || text(place).is_empty()) => {
                    work.note(place, "this tag is left as it is, as the image's own is not known; the digest beside it decides");
                }
                _ => {}
            }
        }
        (None, Some(place)) => {
            let old = text(place);
            let same = old.split_once('@').is_some_and(|(_, digest)| digest == pin.digest.to_string());
            let before = old.split_once('@').map_or(old, |(tag, _)| tag);
            let label = pin.tag.as_ref().map_or(before, |tag| tag.as_str());
            if label.is_empty() && !same {
                return Err(KubernetesError::NoTag {
                    file: work.file.to_owned(),
                    line: yaml.place(at).line,
                    path: path.clone(),
                    repository: pin.name().to_owned(),
                });
            }
            if pin.tag.is_none() && !same {
                work.note(place, "this tag stays in front of the digest, as the image's own is not known; the digest decides");
            }
            let new = format!("{label}@{}", pin.digest);
            let change = work.change(place, None, &field("tag"), &new);
            work.set(place, new, same, change)?;
        }
        (None, None) => {}
    }
    Ok(())
}
