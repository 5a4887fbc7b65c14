//! `images:` of a kustomization, and of Flux's, which has the same.
//!
//! kustomize goes by the digest, and newer versions write `newTag` in front of it
//! (<https://github.com/kubernetes-sigs/kustomize/blob/master/api/filters/imagetag/updater.go>). A tag of another image
//! would be a lie there, so `newTag: TAG` becomes `digest: sha256:…` where no digest stands yet.

use super::super::yaml::{Id, Kind, Yaml};
use super::{KubernetesError, Work};
use std::collections::HashSet;

/// Pins the entries whose image is one of those wanted.
pub(super) fn images(work: &mut Work<'_, '_>) -> Result<(), KubernetesError> {
    let yaml = work.yaml;
    let mut visited = HashSet::new();
    for mapping in yaml.ids().filter(|id| matches!(yaml.node(*id).kind, Kind::Mapping(_))) {
        let Some(list) = yaml.get(mapping, "images") else { continue };
        if !visited.insert(yaml.resolved(list)) {
            continue;
        }
        let is_kustomization = is_kustomization(yaml, mapping, work.file);
        for item in yaml.items(list).unwrap_or_default() {
            let entry = yaml.resolved(*item);
            let is_one = ["newName", "newTag", "digest"].iter().any(|key| yaml.get(entry, key).is_some());
            if (is_kustomization || is_one) && visited.insert(entry) {
                image(work, entry)?;
            }
        }
    }
    Ok(())
}

/// Whether a mapping is a kustomization by its kind, or by the name of its file if it says nothing.
fn is_kustomization(yaml: &Yaml<'_>, mapping: Id, file: &str) -> bool {
    match yaml.text_of(mapping, "kind") {
        Some(kind) => matches!(kind, "Kustomization" | "Component"),
        None => {
            let name = file.rsplit('/').next().unwrap_or_default();
            matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
        }
    }
}

fn image(work: &mut Work<'_, '_>, entry: Id) -> Result<(), KubernetesError> {
    let yaml = work.yaml;
    let Some(name) = yaml.entry(entry, "newName").or_else(|| yaml.entry(entry, "name")) else {
        return Ok(());
    };
    let fields = ["newName", "name", "newTag", "digest"];
    if let Some(place) =
        fields.iter().filter_map(|key| yaml.get(entry, key)).find(|id| yaml.is_templated(*id))
    {
        work.seen.templated = true;
        work.note(place, "this image is made by a template, and left to it");
        return Ok(());
    }
    let text = yaml.scalar(name.1).unwrap_or_default();
    let tag = yaml.entry(entry, "newTag");
    let digest = yaml.entry(entry, "digest");
    let mark = |key: &str, found: Option<(Id, Id)>| {
        found
            .and_then(|(_, value)| yaml.scalar(value))
            .map(|value| format!("{key}{value}"))
            .unwrap_or_default()
    };
    work.seen.images.insert(format!("{text}{}{}", mark(":", tag), mark("@", digest)));
    let Some(pin) = work.by_repository(text) else { return Ok(()) };
    let new = pin.digest.to_string();
    let kept_tag = pin.tag.as_ref().filter(|_| work.wanted.keep_tag).map(ToString::to_string);
    match (digest, tag) {
        (Some((_, place)), _) => {
            let same = yaml.scalar(place) == Some(&new);
            let change = work.change(place, None, "digest", &new);
            work.set(place, new, same, change)?;
            match (tag, pin.tag.as_ref()) {
                (Some((_, place)), Some(tag)) if !same => {
                    let same = yaml.scalar(place) == Some(tag.as_str());
                    let change = work.change(place, None, "newTag", tag.as_str());
                    work.set(place, tag.to_string(), same, change)?;
                }
                (Some((_, place)), None) if !same => {
                    let what = "this tag is left as it is, though kustomize goes by the digest beside it";
                    work.note(place, what);
                }
                _ => {}
            }
        }
        (None, Some((_, place))) if kept_tag.is_some() => {
            let tag = kept_tag.unwrap_or_default();
            let same = yaml.scalar(place) == Some(&tag);
            let change = work.change(place, None, "newTag", &tag);
            work.set(place, tag, same, change)?;
            insert(work, entry, yaml.entry(entry, "newTag").unwrap_or(name), &new);
        }
        (None, Some((key, place))) => {
            let change = work.change(place, None, "newTag, now digest", &new);
            work.edits.set(key, "digest").map_err(|error| super::edit_error(work.file, &error))?;
            work.set(place, new, false, change)?;
        }
        (None, None) => insert(work, entry, name, &new),
    }
    Ok(())
}

/// A digest behind an entry that is there.
fn insert(work: &mut Work<'_, '_>, entry: Id, behind: (Id, Id), digest: &str) {
    let mut change = work.change(behind.1, None, "digest", digest);
    change.old.clear();
    work.edits.insert(entry, behind, "digest", digest);
    work.changes.push(change);
}
