//! What the scans of an image, or of all images of an index, have found.

use super::{Finding, Severity};
use crate::base::{ManifestDigest, Platform, Timestamp, human};
use serde::Serialize;
use std::collections::BTreeMap;

/// How far a scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is none.
    Absent,
    /// It has not ended.
    Waiting,
    /// There are findings, or it is known that there are none.
    Found,
    /// It has ended, and nobody knows what is in the image.
    Unscanned,
}

impl Phase {
    /// What a status of ECR's comes to
    /// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanStatus.html>). A status that is not
    /// known here is waited for: it must not pass for a scan that has found nothing.
    pub fn of(status: Option<&str>) -> Self {
        match status {
            None => Self::Absent,
            Some("COMPLETE" | "ACTIVE") => Self::Found,
            Some(
                "FAILED"
                | "UNSUPPORTED_IMAGE"
                | "SCAN_ELIGIBILITY_EXPIRED"
                | "FINDINGS_UNAVAILABLE"
                | "LIMIT_EXCEEDED"
                | "IMAGE_ARCHIVED",
            ) => Self::Unscanned,
            Some(_) => Self::Waiting,
        }
    }
}

/// Who has looked for vulnerabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScanType {
    /// ECR itself, once for each scan.
    Basic,
    /// Amazon Inspector, again and again.
    Enhanced,
}

/// The scan of one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageScan {
    /// `REPOSITORY@sha256:…`
    pub image: String,
    /// The image.
    pub digest: ManifestDigest,
    /// Its platform, if it is one of an index.
    pub platform: Option<Platform>,
    /// ECR's word for how far it is; none if there is no scan.
    pub status: Option<String>,
    /// ECR's sentence about that.
    pub description: Option<String>,
    /// Who has scanned, as far as that can be told from what was found.
    pub scan_type: Option<ScanType>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// How old the knowledge of vulnerabilities was.
    pub source_updated_at: Option<Timestamp>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
}

/// The scans of an image: one, or one for each image of an index.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// `REPOSITORY@sha256:…`, of the image or of the index.
    pub image: String,
    /// The repository without the registry.
    pub repository: String,
    /// The scans.
    pub images: Vec<ImageScan>,
}

/// How many findings there are of each severity, the worst first.
pub type Counts = Vec<(Severity, usize)>;

impl ImageScan {
    /// How far it is.
    pub fn phase(&self) -> Phase {
        Phase::of(self.status.as_deref())
    }

    /// The image for people, with its platform if it is one of several.
    pub fn name(&self) -> String {
        self.platform.as_ref().map_or_else(|| self.image.clone(), |it| format!("{} ({it})", self.image))
    }

    /// Findings that count.
    pub fn counted(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.counts())
    }

    /// ECR's word for how far it is, or ours if there is no scan.
    pub fn status(&self) -> &str {
        self.status.as_deref().unwrap_or("not scanned")
    }

    /// How it stands, in one line without the image.
    pub fn summary(&self) -> String {
        let status = self.status();
        if self.phase() != Phase::Found {
            let description = self.description.as_ref().map(|text| format!(": {text}"));
            return format!("{status}{}", description.unwrap_or_default());
        }
        let counts = counts(self.counted());
        let found = if counts.is_empty() { "no findings".to_owned() } else { in_words(&counts) };
        let ignored = self.findings.len() - self.counted().count();
        let ignored = if ignored > 0 { format!(", {ignored} ignored") } else { String::new() };
        format!("{status}: {found}{ignored}")
    }
}

impl Report {
    /// Findings that count, of all images.
    pub fn counted(&self) -> impl Iterator<Item = &Finding> {
        self.images.iter().flat_map(ImageScan::counted)
    }
}

/// How many of each severity there are.
pub fn counts<'a>(findings: impl Iterator<Item = &'a Finding>) -> Counts {
    let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.severity).or_default() += 1;
    }
    counts.into_iter().rev().collect()
}

/// `3 findings: 1 critical, 2 high`
pub fn in_words(counts: &Counts) -> String {
    let all: usize = counts.iter().map(|(_, count)| count).sum();
    let each: Vec<_> = counts.iter().map(|(severity, count)| format!("{count} {severity}")).collect();
    format!("{}: {}", human::count(all, "finding"), each.join(", "))
}
