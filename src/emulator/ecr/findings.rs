//! What scans find: a file that the user gives, in place of Inspector.
//!
//! ```json
//! { "scans": [
//!     { "image": "shop/api:1.*",
//!       "polls": 2,
//!       "findings": [
//!         { "name": "CVE-2026-0001", "severity": "HIGH", "description": "…", "uri": "https://…",
//!           "attributes": [ { "key": "package_name", "value": "openssl" } ] } ] },
//!     { "image": "shop/legacy", "status": "FAILED", "description": "no operating system found" },
//!     { "image": "*" }
//! ] }
//! ```
//!
//! The first entry holds whose `image` matches `REPOSITORY`, `REPOSITORY:TAG` with any tag of the image, or
//! `REPOSITORY@DIGEST`; `*` stands for any characters. `polls` is how often a scan is seen waiting before it is
//! done (1 unless said). `status` is `COMPLETE` unless said; with another, nothing is found. `enhancedFindings`
//! are what enhanced scanning answers with, as the API model has them. An image that no entry matches has no
//! findings. The file is read anew for every scan.

use super::super::glob;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// Statuses that a scan can end with
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanStatus.html>).
const STATUSES: [&str; 7] = [
    "COMPLETE",
    "FAILED",
    "UNSUPPORTED_IMAGE",
    "SCAN_ELIGIBILITY_EXPIRED",
    "FINDINGS_UNAVAILABLE",
    "LIMIT_EXCEEDED",
    "IMAGE_ARCHIVED",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scans: Vec<Entry>,
}

/// What scanning some images comes to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(default)]
    image: String,
    pub(super) polls: Option<u32>,
    pub(super) status: Option<String>,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) findings: Vec<Finding>,
    #[serde(default)]
    pub(super) enhanced_findings: Vec<Map<String, Value>>,
}

/// One finding of basic scanning.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Finding {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    pub(super) severity: Severity,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<Attribute>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    key: String,
    value: String,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Severity {
    Informational,
    Low,
    Medium,
    High,
    Critical,
    Undefined,
}

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Informational => "INFORMATIONAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
            Self::Undefined => "UNDEFINED",
        }
    }
}

/// Reads the file. The error is for people.
fn read(path: &Path) -> Result<File, String> {
    let text = fs_err::read(path).map_err(|error| error.to_string())?;
    let file: File = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let wrong = file.scans.iter().filter_map(|entry| entry.status.as_deref());
    if let Some(wrong) = wrong.into_iter().find(|status| !STATUSES.contains(status)) {
        return Err(format!("{}: the status {wrong} is none of {}", path.display(), STATUSES.join(", ")));
    }
    Ok(file)
}

/// Whether the file can be used.
pub(in crate::emulator) fn check(path: &Path) -> Result<(), String> {
    read(path).map(|_| ())
}

/// What a scan of an image comes to; `names` are all that it has.
pub(super) fn find(path: Option<&Path>, names: &[String]) -> Entry {
    let Some(path) = path else { return Entry::default() };
    match read(path) {
        Ok(file) => {
            let matches = |entry: &Entry| names.iter().any(|name| glob::matches(&entry.image, name));
            file.scans.into_iter().find(matches).unwrap_or_default()
        }
        Err(reason) => Entry { status: Some("FAILED".into()), description: Some(reason), ..Entry::default() },
    }
}
