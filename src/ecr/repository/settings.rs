//! What a repository is to be like, and what it is like.

use super::document::{Document, PolicyKind};
use crate::base::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Whether a tag can be moved, and which tags are excepted from that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutability {
    /// `MUTABLE`, `IMMUTABLE`, `IMMUTABLE_WITH_EXCLUSION`, `MUTABLE_WITH_EXCLUSION`.
    pub setting: String,
    /// Wildcards.
    pub exclusions: Vec<String>,
}

impl Mutability {
    /// Whether the two say the same: the order of exclusions has no meaning.
    pub fn is_same(&self, other: &Self) -> bool {
        let sorted = |of: &Self| {
            let mut exclusions = of.exclusions.clone();
            exclusions.sort();
            exclusions.dedup();
            exclusions
        };
        self.setting == other.setting && sorted(self) == sorted(other)
    }
}

/// How a repository is encrypted, which is settled when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// `AES256`, `KMS`, `KMS_DSSE`.
    pub kind: String,
    /// Id, ARN or alias of the key. Left out, the one that AWS keeps for the account.
    pub key: Option<String>,
}

/// Whether something is to be there, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// This.
    Is(Document),
    /// Nothing.
    Nothing,
}

/// What a repository is to be like. What is not set is ECR's default when it is made, and is left as it is later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whether a tag can be moved.
    pub mutability: Option<Mutability>,
    /// Whether each image is scanned when it arrives.
    pub scan_on_push: Option<bool>,
    /// How it is encrypted.
    pub encryption: Option<Encryption>,
    /// The lifecycle policy.
    pub lifecycle: Option<Presence>,
    /// The policy that says who may do what.
    pub policy: Option<Presence>,
    /// Tags that it carries as an AWS resource.
    pub tags: BTreeMap<String, String>,
    /// Whether it is to have no other tags.
    pub no_other_tags: bool,
    /// What the gallery of ECR Public shows.
    pub catalog: Option<WantedCatalog>,
}

/// What the gallery of ECR Public is to show. What is not set is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedCatalog {
    /// A line for lists and searches.
    pub description: Option<String>,
    /// What it is, in Markdown.
    pub about_text: Option<String>,
    /// How it is used, in Markdown.
    pub usage_text: Option<String>,
    /// `Linux`, `Windows`.
    pub operating_systems: Option<Vec<String>>,
    /// `ARM`, `ARM 64`, `x86`, `x86-64`.
    pub architectures: Option<Vec<String>>,
    /// The bytes of a picture.
    pub logo: Option<Vec<u8>>,
}

/// What the gallery of ECR Public shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// A line for lists and searches.
    pub description: Option<String>,
    /// What it is, in Markdown.
    pub about_text: Option<String>,
    /// How it is used, in Markdown.
    pub usage_text: Option<String>,
    /// `Linux`, `Windows`.
    pub operating_systems: Vec<String>,
    /// `ARM`, `ARM 64`, `x86`, `x86-64`.
    pub architectures: Vec<String>,
    /// The bytes of a picture.
    pub logo: Option<Vec<u8>>,
}

impl Catalog {
    /// With what is wanted in the place of what it is. An order that has no meaning stays.
    #[must_use]
    pub fn changed(&self, wanted: &WantedCatalog) -> Self {
        let text = |is: &Option<String>, wanted: &Option<String>| wanted.clone().or_else(|| is.clone());
        let names = |is: &Vec<String>, wanted: &Option<Vec<String>>| match wanted {
            Some(wanted) if !is_same_set(is, wanted) => wanted.clone(),
            _ => is.clone(),
        };
        let mut changed = Self {
            description: text(&self.description, &wanted.description),
            about_text: text(&self.about_text, &wanted.about_text),
            usage_text: text(&self.usage_text, &wanted.usage_text),
            operating_systems: names(&self.operating_systems, &wanted.operating_systems),
            architectures: names(&self.architectures, &wanted.architectures),
            logo: wanted.logo.clone().or_else(|| self.logo.clone()),
        };
        for text in [&mut changed.description, &mut changed.about_text, &mut changed.usage_text] {
            // Nothing is told as nothing, or as an empty text.
            text.take_if(|text| text.is_empty());
        }
        changed
    }
}

fn is_same_set(one: &[String], other: &[String]) -> bool {
    one.iter().all(|name| other.contains(name)) && other.iter().all(|name| one.contains(name))
}

/// Something about a repository that a call of its own tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The lifecycle policy.
    Lifecycle,
    /// The policy that says who may do what.
    Policy,
    /// Tags of the resource.
    Tags,
    /// What the gallery shows.
    Catalog,
}

impl Wanted {
    /// What has to be read to know what would change.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        if self.lifecycle.is_some() {
            parts.push(Part::Lifecycle);
        }
        if self.policy.is_some() {
            parts.push(Part::Policy);
        }
        if !self.tags.is_empty() || self.no_other_tags {
            parts.push(Part::Tags);
        }
        if self.catalog.is_some() {
            parts.push(Part::Catalog);
        }
        parts
    }

    /// The settings, by their names in `consign.yaml`, that no repository of ECR Public can have.
    pub fn private_only(&self) -> Vec<&'static str> {
        // Tags can be moved there, and nothing is scanned: who asks for just that, has it.
        let fixes = self.mutability.as_ref().is_some_and(|wanted| wanted.setting != "MUTABLE");
        let wanted = [
            ("tagMutability", fixes),
            ("scanOnPush", self.scan_on_push == Some(true)),
            ("encryption", self.encryption.is_some()),
            ("lifecycle", matches!(self.lifecycle, Some(Presence::Is(_)))),
        ];
        wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect()
    }
}

/// What `DescribeRepositories` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its ARN.
    pub arn: String,
    /// The account whose registry it is in.
    pub registry_id: String,
    /// Its name.
    pub name: String,
    /// Host and name, for references.
    pub uri: String,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// How it was made; none on ECR Public.
    pub settings: Option<DescribedSettings>,
}

/// The settings that `DescribeRepositories` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedSettings {
    /// Whether a tag can be moved.
    pub mutability: Mutability,
    /// Whether each image is scanned when it arrives.
    pub scan_on_push: bool,
    /// How it is encrypted.
    pub encryption: Encryption,
}

impl Described {
    /// With the names of ECR's API.
    pub fn json(&self) -> Value {
        let mut json = json!({
            "repositoryArn": self.arn,
            "registryId": self.registry_id,
            "repositoryName": self.name,
            "repositoryUri": self.uri,
            "createdAt": self.created_at.map(|time| time.to_string()),
        });
        if let Some(settings) = &self.settings {
            json["imageTagMutability"] = settings.mutability.setting.clone().into();
            if !settings.mutability.exclusions.is_empty() {
                let filters = settings.mutability.exclusions.iter();
                json["imageTagMutabilityExclusionFilters"] =
                    filters.map(|filter| json!({ "filterType": "WILDCARD", "filter": filter })).collect();
            }
            json["imageScanningConfiguration"] = json!({ "scanOnPush": settings.scan_on_push });
            json["encryptionConfiguration"] = json!({ "encryptionType": settings.encryption.kind });
            if let Some(key) = &settings.encryption.key {
                json["encryptionConfiguration"]["kmsKey"] = key.clone().into();
            }
        }
        json
    }
}

/// What a repository is like. Of the parts that have calls of their own, those that were not asked for are as if they were
/// not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// What it is, and how it was made.
    pub described: Described,
    /// The text of its lifecycle policy.
    pub lifecycle: Option<String>,
    /// The text of its policy.
    pub policy: Option<String>,
    /// Its tags as a resource.
    pub tags: BTreeMap<String, String>,
    /// What the gallery shows.
    pub catalog: Catalog,
}

impl Current {
    /// The text of a policy.
    pub fn policy_of(&self, kind: PolicyKind) -> Option<&String> {
        match kind {
            PolicyKind::Access => self.policy.as_ref(),
            PolicyKind::Lifecycle => self.lifecycle.as_ref(),
        }
    }
}
