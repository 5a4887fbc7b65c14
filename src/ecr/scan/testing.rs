//! Findings for the tests of this room.

use super::{Finding, ImageScan, Package, Report, ScanType, Severity};
use crate::base::ManifestDigest;

/// A finding in these packages.
pub(super) fn finding(id: &str, severity: &str, packages: &[&str]) -> Finding {
    let package = |name: &&str| Package {
        name: (*name).into(),
        version: Some("1.0".into()),
        fixed_in: Some("1.1".into()),
        path: None,
    };
    Finding {
        id: id.into(),
        severity: Severity::read(severity),
        score: None,
        title: None,
        description: Some(format!("what {id} is")),
        uri: Some(format!("https://example.com/{id}")),
        exploit_available: None,
        packages: packages.iter().map(package).collect(),
        ignored: None,
    }
}

/// A scan that is complete.
pub(super) fn scan(name: &str, findings: Vec<Finding>) -> ImageScan {
    let digest = ManifestDigest::of(name.as_bytes());
    ImageScan {
        image: format!("registry/shop/api@{digest}"),
        digest,
        platform: None,
        status: Some("COMPLETE".into()),
        description: None,
        scan_type: Some(ScanType::Basic),
        completed_at: None,
        source_updated_at: None,
        findings,
    }
}

/// The report on one image.
pub(super) fn report(findings: Vec<Finding>) -> Report {
    let scan = scan("image", findings);
    Report { image: scan.image.clone(), repository: "shop/api".into(), images: vec![scan] }
}
