//! What scans have found, for the summary of a job.

use super::{code, plain};
use crate::ecr::scan::{Finding, ImageScan, Package, Report};
use std::fmt::Write as _;

/// Rows of a table; of an image with more findings, the worst are shown.
const ROWS: usize = 200;

/// The findings of all reports, in at most `limit` bytes.
pub fn findings(reports: &[Report], limit: usize) -> String {
    let rest = "\n(The rest is left out, as GitHub shows no more.)\n";
    let mut text = String::new();
    for block in reports.iter().flat_map(blocks) {
        if text.len() + block.len() + rest.len() > limit {
            if text.len() + rest.len() <= limit {
                text.push_str(rest);
            }
            return text;
        }
        text.push_str(&block);
    }
    text
}

fn blocks(report: &Report) -> Vec<String> {
    let repository = report.image.split('@').next().unwrap_or_default();
    let mut blocks =
        vec![format!("### Findings in {}\n\n| image | platform | scan |\n|---|---|---|\n", code(repository))];
    blocks.extend(report.images.iter().map(|image| {
        format!("| `{}` | {} | {} |\n", image.digest, platform(image), plain(&image.summary()))
    }));
    blocks.push("\n".into());
    let mut found: Vec<(&Finding, Option<&Package>, &ImageScan)> = Vec::new();
    for image in &report.images {
        for finding in image.counted() {
            if finding.packages.is_empty() {
                found.push((finding, None, image));
            }
            found.extend(finding.packages.iter().map(|package| (finding, Some(package), image)));
        }
    }
    found.sort_by(|(one, _, _), (other, _, _)| {
        other.severity.cmp(&one.severity).then_with(|| one.id.cmp(&other.id))
    });
    if !found.is_empty() {
        blocks.push("| severity | vulnerability | package | version | fixed in | platform |\n|---|---|---|---|---|---|\n".into());
        blocks.extend(found.iter().take(ROWS).map(|(finding, package, image)| row(finding, *package, image)));
        if found.len() > ROWS {
            blocks.push(format!("\n… and {} more.\n", found.len() - ROWS));
        }
        blocks.push("\n".into());
    }
    let ignored = report.images.iter().flat_map(|image| &image.findings);
    let ignored: Vec<_> = ignored.filter_map(|finding| Some((finding, finding.ignored.as_ref()?))).collect();
    if !ignored.is_empty() {
        blocks.push("| ignored | until | because |\n|---|---|---|\n".into());
        blocks.extend(ignored.iter().take(ROWS).map(|(finding, ignored)| {
            let until = ignored.expires.map(|day| day.to_string()).unwrap_or_default();
            format!("| {} | {until} | {} |\n", vulnerability(finding), plain(&ignored.reason))
        }));
        blocks.push("\n".into());
    }
    blocks
}

fn row(finding: &Finding, package: Option<&Package>, image: &ImageScan) -> String {
    let cell = |text: Option<&String>| text.map(|text| plain(text)).unwrap_or_default();
    let mut row = format!("| {} | {} ", finding.severity, vulnerability(finding));
    let _ = writeln!(
        row,
        "| {} | {} | {} | {} |",
        cell(package.map(|package| &package.name)),
        cell(package.and_then(|package| package.version.as_ref())),
        cell(package.and_then(|package| package.fixed_in.as_ref())),
        platform(image)
    );
    row
}

fn platform(image: &ImageScan) -> String {
    image.platform.as_ref().map(|platform| plain(&platform.to_string())).unwrap_or_default()
}

/// Its name, and a link if the address has nothing in it that Markdown could read in another way.
fn vulnerability(finding: &Finding) -> String {
    let name = plain(&finding.id);
    let is_harmless = |uri: &&String| {
        uri.len() < 500 && uri.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?#=&%+".contains(c))
    };
    match finding.uri.as_ref().filter(is_harmless) {
        Some(uri) => format!("[{name}]({uri})"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManifestDigest;
    use crate::ecr::scan::{Ignored, ScanType, Severity};

    fn finding(id: &str, packages: usize) -> Finding {
        let package = |number| Package {
            name: format!("package|{number}"),
            version: Some("1.0".into()),
            fixed_in: None,
            path: None,
        };
        Finding {
            id: id.into(),
            severity: Severity::High,
            score: None,
            title: None,
            description: None,
            uri: Some(format!("https://example.com/{id}")),
            exploit_available: None,
            packages: (0..packages).map(package).collect(),
            ignored: None,
        }
    }

    fn report(findings: Vec<Finding>) -> Report {
        let digest = ManifestDigest::of(b"image");
        let image = ImageScan {
            image: format!("registry/shop/api@{digest}"),
            digest,
            platform: None,
            status: Some("COMPLETE".into()),
            description: None,
            scan_type: Some(ScanType::Basic),
            completed_at: None,
            source_updated_at: None,
            findings,
        };
        Report { image: image.image.clone(), repository: "shop/api".into(), images: vec![image] }
    }

    #[test]
    fn hostile_findings_stay_cells() {
        let id = "CVE-1](https://evil.example) <script>`|";
        let mut ignored = finding("CVE-2", 0);
        ignored.ignored =
            Some(Ignored { reason: "a|b".into(), expires: Some("2026-12-31".parse().unwrap()) });
        let text = findings(&[report(vec![finding(id, 1), ignored])], super::super::LIMIT);
        let row = text.lines().find(|line| line.contains("script")).unwrap();
        assert!(row.matches('|').count() == 7 && !row.contains(['<', '`']) && !row.contains("]("), "{row}");
        assert!(text.contains("| [CVE-2](https://example.com/CVE-2) | 2026-12-31 | a&#124;b |"), "{text}");
    }

    #[test]
    fn no_more_than_is_shown() {
        let many = report(vec![finding("CVE-1", 1000)]);
        let text = findings(std::slice::from_ref(&many), super::super::LIMIT);
        assert!(text.contains("and 800 more") && text.matches("CVE-1").count() == 2 * ROWS, "{text}");
        let text = findings(&[many], 2000);
        assert!(text.len() <= 2000 && text.ends_with("no more.)\n"), "{text}");
        assert_eq!(findings(&[report(vec![])], 10), "");
    }
}
