//! What ECR tells of an image without being asked for its manifest.

use crate::base::{ManifestDigest, Timestamp};
use aws_smithy_types::DateTime;
use serde::Serialize;
use std::collections::BTreeMap;

/// An image as `DescribeImages` has it
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html>). Serialised it has the names of
/// `aws ecr describe-images`, so that what reads the one reads the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageDetail {
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// The repository, without its registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_name: Option<String>,
    /// Of the manifest or index.
    pub image_digest: ManifestDigest,
    /// In the order of [`natural`](super::filter::natural); none for an untagged image.
    pub image_tags: Vec<String>,
    /// Compressed bytes; for an index those of its largest image. Layers that images share count for each.
    pub image_size_in_bytes: u64,
    /// When it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pushed_at: Option<Timestamp>,
    /// The type of the manifest or index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_manifest_media_type: Option<String>,
    /// The type of the config, or of the artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_media_type: Option<String>,
    /// ECR keeps it to the day; none if it was never pulled, and on ECR Public.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_recorded_pull_time: Option<Timestamp>,
    /// The image that this one is about, where the manifest says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_manifest_digest: Option<ManifestDigest>,
    /// `ACTIVE`, `ARCHIVED` or `ACTIVATING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_status: Option<String>,
    /// When it went to the archive last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_archived_at: Option<Timestamp>,
    /// When it came back from there last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activated_at: Option<Timestamp>,
    /// Whether it was scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_scan_status: Option<ScanStatus>,
    /// What the last scan found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_scan_findings_summary: Option<FindingsSummary>,
}

/// How far a scan is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScanStatus {
    /// `COMPLETE`, `IN_PROGRESS`, `FAILED`, …
    pub status: String,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// How much a scan has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingsSummary {
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_scan_completed_at: Option<Timestamp>,
    /// How many of each severity.
    pub finding_severity_counts: BTreeMap<String, i32>,
}

impl ImageDetail {
    /// From an answer of private ECR; none if it has no digest that we know.
    pub(super) fn private(detail: aws_sdk_ecr::types::ImageDetail) -> Option<Self> {
        let digest = detail.image_digest.as_deref()?.parse().ok()?;
        Some(Self {
            registry_id: detail.registry_id,
            repository_name: detail.repository_name,
            image_digest: digest,
            image_tags: sorted(detail.image_tags),
            image_size_in_bytes: size(detail.image_size_in_bytes),
            image_pushed_at: time(detail.image_pushed_at),
            image_manifest_media_type: detail.image_manifest_media_type,
            artifact_media_type: detail.artifact_media_type,
            last_recorded_pull_time: time(detail.last_recorded_pull_time),
            subject_manifest_digest: detail.subject_manifest_digest.and_then(|text| text.parse().ok()),
            image_status: detail.image_status.map(|status| status.as_str().to_owned()),
            last_archived_at: time(detail.last_archived_at),
            last_activated_at: time(detail.last_activated_at),
            image_scan_status: detail.image_scan_status.and_then(|scan| {
                Some(ScanStatus { status: scan.status?.as_str().to_owned(), description: scan.description })
            }),
            image_scan_findings_summary: detail.image_scan_findings_summary.map(|found| FindingsSummary {
                image_scan_completed_at: time(found.image_scan_completed_at),
                finding_severity_counts: found
                    .finding_severity_counts
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(severity, count)| (severity.as_str().to_owned(), count))
                    .collect(),
            }),
        })
    }

    /// From an answer of ECR Public, which tells less.
    pub(super) fn public(detail: aws_sdk_ecrpublic::types::ImageDetail) -> Option<Self> {
        let digest = detail.image_digest.as_deref()?.parse().ok()?;
        Some(Self {
            registry_id: detail.registry_id,
            repository_name: detail.repository_name,
            image_tags: sorted(detail.image_tags),
            image_size_in_bytes: size(detail.image_size_in_bytes),
            image_pushed_at: time(detail.image_pushed_at),
            image_manifest_media_type: detail.image_manifest_media_type,
            artifact_media_type: detail.artifact_media_type,
            ..Self::new(digest)
        })
    }

    /// An image of which nothing is known but its digest.
    pub fn new(image_digest: ManifestDigest) -> Self {
        Self {
            registry_id: None,
            repository_name: None,
            image_digest,
            image_tags: Vec::new(),
            image_size_in_bytes: 0,
            image_pushed_at: None,
            image_manifest_media_type: None,
            artifact_media_type: None,
            last_recorded_pull_time: None,
            subject_manifest_digest: None,
            image_status: None,
            last_archived_at: None,
            last_activated_at: None,
            image_scan_status: None,
            image_scan_findings_summary: None,
        }
    }

    /// Whether it is a list of manifests.
    pub fn is_index(&self) -> bool {
        self.image_manifest_media_type
            .as_deref()
            .is_some_and(|kind| crate::base::MediaType::from(kind).is_index())
    }

    /// When it was last of use, as lifecycle policies count it: pulled, or pushed if it never was, or brought back from
    /// the archive since.
    pub fn last_used(&self) -> Option<Timestamp> {
        self.last_recorded_pull_time.or(self.image_pushed_at).max(self.last_activated_at)
    }
}

fn sorted(tags: Option<Vec<String>>) -> Vec<String> {
    let mut tags = tags.unwrap_or_default();
    tags.sort_by(|one, other| super::filter::natural(one, other));
    tags
}

fn size(bytes: Option<i64>) -> u64 {
    bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default()
}

fn time(time: Option<DateTime>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.secs(), time.subsec_nanos().try_into().ok()?).ok()
}
