//! Changes for people, and as JSON.

use super::document::PolicyKind;
use super::plan::{Change, New, shown};
use super::settings::{Catalog, Mutability, WantedCatalog};
use crate::base::BlobDigest;
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Change {
    /// What is changed, by its name in `consign.yaml`.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Create(_) => "repository",
            Self::Mutability { .. } => "tagMutability",
            Self::ScanOnPush { .. } => "scanOnPush",
            Self::SetPolicy { kind, .. } | Self::DeletePolicy { kind, .. } => kind.setting(),
            Self::Tag { .. } | Self::Untag { .. } => "tags",
            Self::Catalog { .. } => "catalog",
        }
    }

    /// `+` for what is new, `~` for what is changed, `-` for what is removed.
    pub fn sign(&self) -> char {
        match self {
            Self::Create(_) | Self::SetPolicy { from: None, .. } => '+',
            Self::Tag { from, .. } if from.is_empty() => '+',
            Self::Mutability { .. }
            | Self::ScanOnPush { .. }
            | Self::SetPolicy { .. }
            | Self::Tag { .. }
            | Self::Catalog { .. } => '~',
            Self::DeletePolicy { .. } | Self::Untag { .. } => '-',
        }
    }

    /// The change in one line, without its sign: `tagMutability: MUTABLE → IMMUTABLE`.
    pub fn line(&self) -> String {
        let detail = match self {
            Self::Create(new) => created(new),
            Self::Mutability { from, to } => format!("{} → {}", mutability(from), mutability(to)),
            Self::ScanOnPush { to } => format!("{} → {to}", !to),
            Self::SetPolicy { kind, from: None, to } => kind.size(to.value()),
            Self::SetPolicy { kind, from: Some(from), to } => {
                let from = kind.size(&serde_json::from_str(from).unwrap_or_default());
                match kind.size(to.value()) {
                    to if to == from => format!("{to}, not the same"),
                    to => format!("{from} → {to}"),
                }
            }
            Self::DeletePolicy { kind, from } => kind.size(&serde_json::from_str(from).unwrap_or_default()),
            Self::Tag { from, to } => {
                let tags = to.iter().map(|(key, value)| match from.get(key) {
                    Some(from) => format!("{key}={from} → {value}"),
                    None => format!("{key}={value}"),
                });
                tags.collect::<Vec<_>>().join(", ")
            }
            Self::Untag { from } => tags(from),
            Self::Catalog { from, to } => differing(from, to).join(", "),
        };
        if detail.is_empty() { self.setting().to_owned() } else { format!("{}: {detail}", self.setting()) }
    }

    /// What is changed, from what and to what.
    pub fn json(&self) -> Value {
        let policy = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        let (action, from, to) = match self {
            Self::Create(new) => ("create", Value::Null, new_json(new)),
            Self::Mutability { from, to } => ("change", mutability_json(from), mutability_json(to)),
            Self::ScanOnPush { to } => ("change", json!(!to), json!(to)),
            Self::SetPolicy { from: None, to, .. } => ("add", Value::Null, to.value().clone()),
            Self::SetPolicy { from: Some(from), to, .. } => ("change", policy(from), to.value().clone()),
            Self::DeletePolicy { from, .. } => ("remove", policy(from), Value::Null),
            Self::Tag { from, to } if from.is_empty() => ("add", Value::Null, json!(to)),
            Self::Tag { from, to } => ("change", json!(from), json!(to)),
            Self::Untag { from } => ("remove", json!(from), Value::Null),
            Self::Catalog { from, to } => ("change", catalog_json(from), catalog_json(to)),
        };
        json!({ "setting": self.setting(), "action": action, "from": from, "to": to })
    }
}

impl PolicyKind {
    /// Its name in `consign.yaml`.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Access => "policy",
            Self::Lifecycle => "lifecycle",
        }
    }
}

/// `IMMUTABLE_WITH_EXCLUSION (latest, dev-*)`
pub fn mutability(of: &Mutability) -> String {
    if of.exclusions.is_empty() {
        return of.setting.clone();
    }
    format!("{} ({})", of.setting, of.exclusions.join(", "))
}

fn tags(tags: &BTreeMap<String, String>) -> String {
    let tags: Vec<_> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    tags.join(", ")
}

fn created(new: &New) -> String {
    let New { mutability: fixed, scan_on_push, encryption, tags: of_resource, catalog } = new;
    let mut parts = Vec::new();
    parts.extend(fixed.as_ref().map(|fixed| format!("tagMutability {}", mutability(fixed))));
    parts.extend(scan_on_push.map(|scan| format!("scanOnPush {scan}")));
    parts.extend(encryption.as_ref().map(|encryption| format!("encryption {}", shown(encryption))));
    if !of_resource.is_empty() {
        parts.push(format!("tags {}", tags(of_resource)));
    }
    if let Some(catalog) = catalog {
        let all = differing(&Catalog::default(), &Catalog::default().changed(catalog));
        parts.push(format!("catalog {}", all.join(" ")));
    }
    parts.join(", ")
}

/// The parts of a catalog that are not the same.
fn differing(from: &Catalog, to: &Catalog) -> Vec<&'static str> {
    let parts = [
        ("description", from.description != to.description),
        ("aboutText", from.about_text != to.about_text),
        ("usageText", from.usage_text != to.usage_text),
        ("operatingSystems", from.operating_systems != to.operating_systems),
        ("architectures", from.architectures != to.architectures),
        ("logo", from.logo != to.logo),
    ];
    parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

fn mutability_json(of: &Mutability) -> Value {
    json!({ "tagMutability": of.setting, "tagMutabilityExclusions": of.exclusions })
}

fn new_json(new: &New) -> Value {
    let New { mutability, scan_on_push, encryption, tags, catalog } = new;
    let mut json = json!({});
    if let Some(of) = mutability {
        json["tagMutability"] = of.setting.clone().into();
        json["tagMutabilityExclusions"] = of.exclusions.clone().into();
    }
    if let Some(scan) = scan_on_push {
        json["scanOnPush"] = (*scan).into();
    }
    if let Some(encryption) = encryption {
        json["encryption"] = json!({ "type": encryption.kind, "key": encryption.key });
    }
    if !tags.is_empty() {
        json["tags"] = json!(tags);
    }
    if let Some(wanted) = catalog {
        json["catalog"] = catalog_json(&Catalog::default().changed(&WantedCatalog::clone(wanted)));
    }
    json
}

/// With the names of `consign.yaml`; of the logo, its digest.
pub fn catalog_json(of: &Catalog) -> Value {
    json!({
        "description": of.description,
        "aboutText": of.about_text,
        "usageText": of.usage_text,
        "operatingSystems": of.operating_systems,
        "architectures": of.architectures,
        "logo": of.logo.as_ref().map(|logo| BlobDigest::of(logo).to_string()),
    })
}
