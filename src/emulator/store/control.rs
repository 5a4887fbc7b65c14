//! What the control plane keeps beside the images: the settings of a repository, the life of an image after its
//! push, and the settings of a whole registry.

use super::{ExclusionFilter, Mutability, ResourceTag};
use crate::base::{BlobDigest, ManifestDigest, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of a repository that can be put and taken away.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::emulator) struct RepositoryControl {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) lifecycle: Option<Lifecycle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) preview: Option<Preview>,
}

/// A lifecycle policy, and when it was last acted on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct Lifecycle {
    pub(in crate::emulator) text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) last_evaluated: Option<Timestamp>,
}

/// What a lifecycle policy would do, as it was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct Preview {
    pub(in crate::emulator) text: String,
    pub(in crate::emulator) started: Timestamp,
    /// Whether somebody has seen that it is done.
    pub(in crate::emulator) complete: bool,
    pub(in crate::emulator) results: Vec<PreviewResult>,
}

/// What would happen to one image.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct PreviewResult {
    pub(in crate::emulator) digest: ManifestDigest,
    pub(in crate::emulator) tags: Vec<String>,
    pub(in crate::emulator) pushed_at: Timestamp,
    pub(in crate::emulator) archived: bool,
    /// Whether it is archived, rather than deleted.
    pub(in crate::emulator) transition: bool,
    pub(in crate::emulator) priority: i64,
}

/// What happens to an image after its push.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::emulator) struct ImageLife {
    #[serde(skip_serializing_if = "is_false")]
    pub(in crate::emulator) archived: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) archived_at: Option<Timestamp>,
    /// When it was, or will be, back from the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) activated_at: Option<Timestamp>,
    /// When the image that it is about was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) orphaned_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) scan: Option<Scan>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::emulator) replication: Vec<Replica>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Where an image is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::emulator) enum ImageStatus {
    Active,
    Archived,
    Activating,
}

impl ImageStatus {
    pub(in crate::emulator) fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
            Self::Activating => "ACTIVATING",
        }
    }
}

impl ImageLife {
    /// Fetches the image back from the archive at once; whether it was there.
    pub(in crate::emulator) fn restore(&mut self, now: Timestamp) -> bool {
        let away = self.status(now) != ImageStatus::Active;
        if away {
            self.archived = false;
            self.activated_at = Some(now);
        }
        away
    }

    pub(in crate::emulator) fn status(&self, now: Timestamp) -> ImageStatus {
        match self.activated_at {
            _ if self.archived => ImageStatus::Archived,
            Some(at) if at > now => ImageStatus::Activating,
            _ => ImageStatus::Active,
        }
    }
}

/// A scan of an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct Scan {
    pub(in crate::emulator) started: Timestamp,
    /// How often it will still be seen waiting.
    pub(in crate::emulator) polls: u32,
    /// Once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) result: Option<ScanResult>,
}

/// How a scan ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct ScanResult {
    pub(in crate::emulator) status: String,
    pub(in crate::emulator) description: String,
    pub(in crate::emulator) completed: Timestamp,
    pub(in crate::emulator) counts: BTreeMap<String, u64>,
    /// The findings, as a blob of their own: they can be many.
    pub(in crate::emulator) findings: BlobDigest,
}

/// One destination of an image's replication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct Replica {
    pub(in crate::emulator) region: String,
    pub(in crate::emulator) account: String,
    pub(in crate::emulator) status: ReplicaStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) failure: Option<String>,
    /// Tags that are on their way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::emulator) tags: Vec<String>,
}

/// How far a replication is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::emulator) enum ReplicaStatus {
    InProgress,
    Complete,
    Failed,
}

/// The settings of a registry: of an account, in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::emulator) struct RegistrySettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) policy: Option<String>,
    pub(in crate::emulator) replication: ReplicationConfiguration,
    pub(in crate::emulator) scanning: ScanningConfiguration,
    /// By prefix.
    pub(in crate::emulator) cache_rules: BTreeMap<String, CacheRule>,
    /// By prefix.
    pub(in crate::emulator) templates: BTreeMap<String, Template>,
    pub(in crate::emulator) account: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) signing: Option<SigningConfiguration>,
    /// Principals whose pulls are not recorded, and since when.
    pub(in crate::emulator) pull_exclusions: BTreeMap<String, Timestamp>,
}

/// A filter of repositories, in all the places that have some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct RepositoryFilter {
    #[serde(default)]
    pub(in crate::emulator) filter: String,
    #[serde(default)]
    pub(in crate::emulator) filter_type: String,
}

/// What is replicated where.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::emulator) struct ReplicationConfiguration {
    #[serde(default)]
    pub(in crate::emulator) rules: Vec<ReplicationRule>,
}

/// One rule of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct ReplicationRule {
    #[serde(default)]
    pub(in crate::emulator) destinations: Vec<Destination>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) repository_filters: Option<Vec<RepositoryFilter>>,
}

/// A registry that images are replicated to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct Destination {
    #[serde(default)]
    pub(in crate::emulator) region: String,
    #[serde(default)]
    pub(in crate::emulator) registry_id: String,
}

/// Which repositories are scanned when.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct ScanningConfiguration {
    pub(in crate::emulator) scan_type: String,
    pub(in crate::emulator) rules: Vec<ScanningRule>,
}

impl Default for ScanningConfiguration {
    fn default() -> Self {
        Self { scan_type: "BASIC".into(), rules: Vec::new() }
    }
}

/// One rule of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct ScanningRule {
    #[serde(default)]
    pub(in crate::emulator) scan_frequency: String,
    #[serde(default)]
    pub(in crate::emulator) repository_filters: Vec<RepositoryFilter>,
}

/// A pull-through cache rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct CacheRule {
    pub(in crate::emulator) upstream_registry_url: String,
    pub(in crate::emulator) created_at: Timestamp,
    pub(in crate::emulator) updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) upstream_registry: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) credential_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) custom_role_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) upstream_repository_prefix: Option<String>,
}

/// A repository creation template.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct Template {
    pub(in crate::emulator) created_at: Timestamp,
    pub(in crate::emulator) updated_at: Timestamp,
    pub(in crate::emulator) applied_for: Vec<String>,
    pub(in crate::emulator) mutability: Mutability,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::emulator) exclusion_filters: Vec<ExclusionFilter>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) description: Option<String>,
    pub(in crate::emulator) encryption: super::Encryption,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) resource_tags: Option<Vec<ResourceTag>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) repository_policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) lifecycle_policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) custom_role_arn: Option<String>,
}

/// Which images would be signed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::emulator) struct SigningConfiguration {
    #[serde(default)]
    pub(in crate::emulator) rules: Vec<SigningRule>,
}

/// One rule of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct SigningRule {
    #[serde(default)]
    pub(in crate::emulator) signing_profile_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) repository_filters: Option<Vec<RepositoryFilter>>,
}
