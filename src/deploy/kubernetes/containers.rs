//! Where images stand in manifests.
//!
//! Not the kinds of objects are known here but the shape of containers, so that custom resources with pod templates are
//! found as well: Knative services, Argo's rollouts and workflows, Tekton's tasks.

use super::super::yaml::{Id, Kind, Yaml};
use std::collections::{HashMap, HashSet};

/// Keys of lists of containers; the first three are those of a pod.
const LISTS: [&str; 5] = ["containers", "initContainers", "ephemeralContainers", "sidecars", "steps"];

/// Keys of a single container: templates of Argo's workflows.
const SINGLE: [&str; 2] = ["container", "script"];

/// Entries that are looked at for merge keys, before a text counts as made to exhaust its reader.
const LIMIT: usize = 2_000_000;

/// An image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    /// The image: a scalar, or an alias of one.
    pub(super) image: Id,
    /// The container's name.
    pub(super) name: Option<Id>,
}

/// All images of containers, in the order of the text; none if the merge keys are too many.
pub(super) fn spots(yaml: &Yaml<'_>) -> Option<Vec<Spot>> {
    let mut found = Vec::new();
    let mut visited = HashSet::new();
    let mut steps = 0;
    for mapping in yaml.ids().filter(|id| matches!(yaml.node(*id).kind, Kind::Mapping(_))) {
        for (key, value) in yaml.entries(mapping).unwrap_or_default() {
            let Some(key) = yaml.scalar(*key) else { continue };
            // Lists and containers that several share are looked at once.
            if LISTS.contains(&key) {
                let list = yaml.resolved(*value);
                if visited.insert(list) {
                    for item in yaml.items(list).unwrap_or_default() {
                        container(yaml, yaml.resolved(*item), &mut visited, &mut steps, &mut found)?;
                    }
                }
            } else if SINGLE.contains(&key) {
                container(yaml, yaml.resolved(*value), &mut visited, &mut steps, &mut found)?;
            } else if key == "volumes" && visited.insert(yaml.resolved(*value)) {
                for volume in yaml.items(*value).unwrap_or_default() {
                    volume_image(yaml, *volume, &mut visited, &mut found);
                }
            }
        }
    }
    found.sort_by_key(|spot: &Spot| spot.image);
    Some(found)
}

fn container(
    yaml: &Yaml<'_>,
    mapping: Id,
    visited: &mut HashSet<Id>,
    steps: &mut usize,
    found: &mut Vec<Spot>,
) -> Option<()> {
    if !visited.insert(mapping) {
        return Some(());
    }
    let name = fields(yaml, mapping, "name", steps)?.pop();
    for image in fields(yaml, mapping, "image", steps)? {
        if yaml.scalar(image).is_some() {
            found.push(Spot { image, name });
        }
    }
    Some(())
}

/// An image as a volume (<https://kubernetes.io/docs/concepts/storage/volumes/#image>).
fn volume_image(yaml: &Yaml<'_>, volume: Id, visited: &mut HashSet<Id>, found: &mut Vec<Spot>) {
    let volume = yaml.resolved(volume);
    let image = yaml.get(volume, "image").filter(|_| visited.insert(volume));
    if let Some(reference) = image.and_then(|image| yaml.get(image, "reference"))
        && yaml.scalar(reference).is_some()
    {
        // A volume's name is no container's.
        found.push(Spot { image: reference, name: None });
    }
}

/// The values of a key: its own, of which a template can choose one, otherwise the one that a merge key brings in
/// (<https://yaml.org/type/merge.html>). None if too much was looked at.
fn fields(yaml: &Yaml<'_>, mapping: Id, key: &str, steps: &mut usize) -> Option<Vec<Id>> {
    let mut visited = HashSet::new();
    let mut left = vec![mapping];
    while let Some(mapping) = left.pop() {
        let mapping = yaml.resolved(mapping);
        if !visited.insert(mapping) {
            continue;
        }
        if let Some(items) = yaml.items(mapping) {
            *steps += items.len();
            left.extend(items.iter().rev());
            continue;
        }
        let entries = yaml.entries(mapping).unwrap_or_default();
        *steps += entries.len();
        if visited.len() > 1 && *steps > LIMIT {
            return None;
        }
        let named = |wanted: &str| {
            let entries = entries.iter().filter(|(name, _)| yaml.scalar(*name) == Some(wanted));
            entries.map(|(_, value)| *value).collect::<Vec<_>>()
        };
        let own = named(key);
        if !own.is_empty() {
            return Some(own);
        }
        left.extend(named("<<").into_iter().rev());
    }
    Some(Vec::new())
}

/// The objects that nodes belong to, as far as that was asked: many are asked for the same.
#[derive(Debug, Default)]
pub(super) struct Objects(HashMap<Id, Option<Id>>);

impl Objects {
    /// Kind and name of the object that a node belongs to.
    pub(super) fn of<'y>(&mut self, yaml: &'y Yaml<'_>, id: Id) -> (Option<&'y str>, Option<&'y str>) {
        let mut way = Vec::new();
        let mut at = yaml.node(id).parent;
        let object = loop {
            let Some(node) = at else { break None };
            if let Some(known) = self.0.get(&node) {
                break *known;
            }
            way.push(node);
            if yaml.text_of(node, "kind").is_some() && yaml.get(node, "apiVersion").is_some() {
                break Some(node);
            }
            at = yaml.node(node).parent;
        };
        self.0.extend(way.into_iter().map(|node| (node, object)));
        let metadata = object.and_then(|object| yaml.get(object, "metadata"));
        let name = metadata.and_then(|metadata| yaml.text_of(metadata, "name"));
        (object.and_then(|object| yaml.text_of(object, "kind")), name)
    }
}
