//! What would have to be changed for a repository to be as it is wanted. Pure: two values in, a list of changes out.

use super::document::{Document, PolicyKind};
use super::settings::{
    Catalog, Current, DescribedSettings, Encryption, Mutability, Presence, Wanted, WantedCatalog,
};
use crate::base::{Failure, Kind};
use std::collections::BTreeMap;

/// One call that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The repository is made, with all that ECR takes at that moment.
    Create(Box<New>),
    /// Whether tags can be moved.
    Mutability {
        /// As it is.
        from: Mutability,
        /// As it is to be.
        to: Mutability,
    },
    /// Whether images are scanned when they arrive.
    ScanOnPush {
        /// As it is to be; it is not so now.
        to: bool,
    },
    /// A policy is set.
    SetPolicy {
        /// Which of the two.
        kind: PolicyKind,
        /// The text that is there.
        from: Option<String>,
        /// What is to be there.
        to: Document,
    },
    /// A policy is removed.
    DeletePolicy {
        /// Which of the two.
        kind: PolicyKind,
        /// The text that is there.
        from: String,
    },
    /// Tags of the resource are set.
    Tag {
        /// Those that have another value now.
        from: BTreeMap<String, String>,
        /// All that are set.
        to: BTreeMap<String, String>,
    },
    /// Tags of the resource are removed.
    Untag {
        /// Those that are there.
        from: BTreeMap<String, String>,
    },
    /// What the gallery of ECR Public shows. It is set as a whole.
    Catalog {
        /// As it is.
        from: Box<Catalog>,
        /// As it is to be.
        to: Box<Catalog>,
    },
}

/// What goes into the call that makes a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct New {
    /// Whether a tag can be moved.
    pub mutability: Option<Mutability>,
    /// Whether each image is scanned when it arrives.
    pub scan_on_push: Option<bool>,
    /// How it is encrypted.
    pub encryption: Option<Encryption>,
    /// Tags that it carries as an AWS resource.
    pub tags: BTreeMap<String, String>,
    /// What the gallery of ECR Public shows.
    pub catalog: Option<WantedCatalog>,
}

impl Change {
    /// Whether it takes something away for which nothing comes.
    pub fn removes(&self) -> bool {
        matches!(self, Self::DeletePolicy { .. } | Self::Untag { .. })
    }
}

/// What would be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order of the calls. The policy comes last, as it may forbid the calls.
    pub changes: Vec<Change>,
    /// What may be different, and can't be told.
    pub doubts: Vec<String>,
}

/// What is wanted can't be reached: it would have had to be so from the beginning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{repository}` is encrypted with {}, and {} is wanted: that can't be changed after a repository was made",
    shown(current),
    shown(wanted)
)]
pub struct Unchangeable {
    /// The repository.
    pub repository: String,
    /// As it is.
    pub current: Encryption,
    /// As it is wanted.
    pub wanted: Encryption,
}

impl Failure for Unchangeable {
    fn kind(&self) -> Kind {
        Kind::Refused
    }

    fn hint(&self) -> Option<String> {
        Some(
            "nothing was changed: make `encryption` say what is there, or leave it out; or make a repository under another \
             name, and bring the images there with `consign copy`"
                .into(),
        )
    }
}

/// `KMS with the key alias/ecr`
pub(super) fn shown(encryption: &Encryption) -> String {
    match &encryption.key {
        Some(key) => format!("{} with the key {key}", encryption.kind),
        None => encryption.kind.clone(),
    }
}

/// What has to be done so that `current` becomes as `wanted`; without `current`, it is made. Of `current`, at least the
/// [parts](Wanted::parts) that `wanted` speaks of must have been read.
pub fn plan(current: Option<&Current>, wanted: &Wanted) -> Result<Plan, Unchangeable> {
    let Some(current) = current else { return Ok(creation(wanted)) };
    let mut plan = Plan::default();
    if let Some(settings) = &current.described.settings {
        plan.doubts.extend(encryption(&current.described.name, &settings.encryption, wanted)?);
        plan.changes.extend(settings_changes(settings, wanted));
    }
    plan.changes.extend(policy_change(PolicyKind::Lifecycle, current, wanted.lifecycle.as_ref()));
    plan.changes.extend(tag_changes(&current.tags, wanted));
    if let Some(catalog) = &wanted.catalog {
        let (from, to) =
            (current.catalog.changed(&WantedCatalog::default()), current.catalog.changed(catalog));
        if from != to {
            plan.changes.push(Change::Catalog { from: Box::new(from), to: Box::new(to) });
        }
    }
    plan.changes.extend(policy_change(PolicyKind::Access, current, wanted.policy.as_ref()));
    Ok(plan)
}

fn creation(wanted: &Wanted) -> Plan {
    let Wanted { mutability, scan_on_push, encryption, lifecycle, policy, tags, no_other_tags: _, catalog } =
        wanted;
    let new = New {
        mutability: mutability.clone(),
        scan_on_push: *scan_on_push,
        encryption: encryption.clone(),
        tags: tags.clone(),
        catalog: catalog.clone(),
    };
    let mut changes = vec![Change::Create(Box::new(new))];
    for (kind, policy) in [(PolicyKind::Lifecycle, lifecycle), (PolicyKind::Access, policy)] {
        if let Some(Presence::Is(to)) = policy {
            changes.push(Change::SetPolicy { kind, from: None, to: to.clone() });
        }
    }
    Plan { changes, doubts: Vec::new() }
}

fn settings_changes(settings: &DescribedSettings, wanted: &Wanted) -> Vec<Change> {
    let mut changes = Vec::new();
    if let Some(to) = &wanted.mutability
        && !settings.mutability.is_same(to)
    {
        changes.push(Change::Mutability { from: settings.mutability.clone(), to: to.clone() });
    }
    if let Some(to) = wanted.scan_on_push
        && to != settings.scan_on_push
    {
        changes.push(Change::ScanOnPush { to });
    }
    changes
}

fn policy_change(kind: PolicyKind, current: &Current, wanted: Option<&Presence>) -> Option<Change> {
    match (current.policy_of(kind), wanted?) {
        (Some(text), Presence::Is(to)) if kind.is_same(text, to) => None,
        (from, Presence::Is(to)) => Some(Change::SetPolicy { kind, from: from.cloned(), to: to.clone() }),
        (Some(from), Presence::Nothing) => Some(Change::DeletePolicy { kind, from: from.clone() }),
        (None, Presence::Nothing) => None,
    }
}

/// Tags that AWS itself sets can't be removed.
fn tag_changes(current: &BTreeMap<String, String>, wanted: &Wanted) -> Vec<Change> {
    let mut changes = Vec::new();
    let to: BTreeMap<_, _> = wanted
        .tags
        .iter()
        .filter(|(key, value)| current.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    // Removed first: a resource has a limited number of tags.
    if wanted.no_other_tags {
        let from: BTreeMap<_, _> = current
            .iter()
            .filter(|(key, _)| !wanted.tags.contains_key(*key) && !key.to_lowercase().starts_with("aws:"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !from.is_empty() {
            changes.push(Change::Untag { from });
        }
    }
    if !to.is_empty() {
        let from = current.iter().filter(|(key, _)| to.contains_key(*key));
        let from = from.map(|(key, value)| (key.clone(), value.clone())).collect();
        changes.push(Change::Tag { from, to });
    }
    changes
}

/// Fails if the two differ, and tells if that can't be known.
fn encryption(
    repository: &str,
    current: &Encryption,
    wanted: &Wanted,
) -> Result<Option<String>, Unchangeable> {
    let Some(wanted) = &wanted.encryption else { return Ok(None) };
    let differs = || {
        let (current, wanted) = (current.clone(), wanted.clone());
        Unchangeable { repository: repository.to_owned(), current, wanted }
    };
    if current.kind != wanted.kind {
        return Err(differs());
    }
    let (Some(is), Some(to)) = (&current.key, &wanted.key) else { return Ok(None) };
    match is_same_key(is, to) {
        Some(true) => Ok(None),
        Some(false) => Err(differs()),
        None => Ok(Some(format!(
            "whether `{to}` is the key with which `{repository}` is encrypted, {is}, can't be told without asking KMS; \
             it is taken to be so"
        ))),
    }
}

/// A key as it can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key<'a> {
    Id(&'a str),
    Alias(&'a str),
}

/// The key that `text` names, and the part of its ARN in front of that, if it is one.
fn key(text: &str) -> (Option<&str>, Key<'_>) {
    let (place, name) = match text.rsplit_once(':') {
        Some((place, name)) => (Some(place), name),
        None => (None, text),
    };
    let key = match name.strip_prefix("alias/") {
        Some(alias) => Key::Alias(alias),
        None => Key::Id(name.strip_prefix("key/").unwrap_or(name)),
    };
    (place, key)
}

/// Whether two names are of one key; none if that can't be told.
fn is_same_key(one: &str, other: &str) -> Option<bool> {
    if one == other {
        return Some(true);
    }
    let ((place, key), (its_place, its)) = (self::key(one), self::key(other));
    match (key, its) {
        (Key::Id(id), Key::Id(its_id)) => {
            Some(id == its_id && (place.is_none() || its_place.is_none() || place == its_place))
        }
        (Key::Alias(name), Key::Alias(its_name)) if place.is_none() || its_place.is_none() => {
            // One alias in full, the other one short; two aliases may be of one key.
            (name == its_name).then_some(true)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
