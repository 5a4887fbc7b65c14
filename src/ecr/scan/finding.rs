//! One finding, whether basic scanning or Amazon Inspector made it.
//!
//! What both say is kept, in the terms of neither: a vulnerability, how bad it is, and the packages that have it. All
//! texts come from databases that others fill, so what could break a line or steer a terminal is taken out.

use super::Severity;
use aws_sdk_ecr::types::{
    CvssScore, CvssScoreDetails, EnhancedImageScanFinding, ImageScanFinding, VulnerablePackage,
};
use serde::Serialize;
use url::Url;

/// A vulnerability in an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Its name: `CVE-2026-0001`.
    pub id: String,
    /// How bad it is, by ECR or Inspector.
    pub severity: Severity,
    /// Its CVSS base score, 0 to 10.
    pub score: Option<f64>,
    /// In a few words.
    pub title: Option<String>,
    /// At length; may have several lines.
    pub description: Option<String>,
    /// A page about it.
    pub uri: Option<String>,
    /// Whether an exploit is known; only Inspector tells.
    pub exploit_available: Option<bool>,
    /// The packages that have it, as far as they are told.
    pub packages: Vec<Package>,
    /// Why it does not count.
    pub ignored: Option<Ignored>,
}

/// A package with a vulnerability.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Which version is in the image.
    pub version: Option<String>,
    /// The version without the vulnerability, if there is one.
    pub fixed_in: Option<String>,
    /// Where it lies in the image: a file of an application's dependencies.
    pub path: Option<String>,
}

/// Why a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ignored {
    /// In words.
    pub reason: String,
    /// The last day of it; none if Inspector has suppressed the finding.
    pub expires: Option<jiff::civil::Date>,
}

impl Finding {
    /// One of basic scanning. Packages and scores are attributes there:
    /// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/describe-scan-findings.html>.
    pub fn basic(found: &ImageScanFinding) -> Self {
        let attribute = |key: &str| {
            let attribute = found.attributes().iter().find(|attribute| attribute.key() == key);
            attribute.and_then(|attribute| word(attribute.value()))
        };
        let score = ["CVSS4_SCORE", "CVSS3_SCORE", "CVSS2_SCORE"].into_iter().find_map(attribute);
        let package = attribute("package_name").map(|name| Package {
            name,
            version: attribute("package_version"),
            fixed_in: None,
            path: None,
        });
        Self {
            id: word(found.name()).unwrap_or_else(|| "unnamed".into()),
            severity: found.severity().map_or(Severity::Undefined, |it| Severity::read(it.as_str())),
            score: score.and_then(|score| score.parse().ok()).filter(|score| is_score(*score)),
            title: None,
            description: prose(found.description()),
            uri: page(found.uri()),
            exploit_available: None,
            packages: package.into_iter().collect(),
            ignored: None,
        }
    }

    /// One of enhanced scanning.
    pub fn enhanced(found: &EnhancedImageScanFinding) -> Self {
        let details = found.package_vulnerability_details();
        let title = word(found.title());
        let id = details.and_then(|details| word(details.vulnerability_id()));
        let mut packages: Vec<_> =
            details.iter().flat_map(|it| it.vulnerable_packages()).filter_map(package).collect();
        packages.sort_unstable();
        packages.dedup();
        let scores = [
            found.score_details().and_then(|it| it.cvss()).map(CvssScoreDetails::score),
            Some(found.score()),
            details.and_then(|it| it.cvss().iter().map(CvssScore::base_score).max_by(f64::total_cmp)),
        ];
        let suppressed = matches!(found.status(), Some("SUPPRESSED" | "CLOSED"));
        Self {
            id: id.or_else(|| title.clone()).unwrap_or_else(|| "unnamed".into()),
            severity: found.severity().map_or(Severity::Undefined, Severity::read),
            score: scores.into_iter().flatten().find(|score| is_score(*score)),
            title,
            description: prose(found.description()),
            uri: details.and_then(|it| {
                page(it.source_url()).or_else(|| it.reference_urls().iter().find_map(|url| page(Some(url))))
            }),
            exploit_available: found.exploit_available().map(|it| it.eq_ignore_ascii_case("YES")),
            packages,
            ignored: suppressed.then(|| Ignored {
                reason: format!("its status in Amazon Inspector is {}", found.status().unwrap_or_default()),
                expires: None,
            }),
        }
    }

    /// Whether it counts.
    pub fn counts(&self) -> bool {
        self.ignored.is_none()
    }

    /// What findings are sorted by: the worst first, then by name and package.
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        let by_severity = other.severity.cmp(&self.severity);
        by_severity.then_with(|| self.id.cmp(&other.id)).then_with(|| self.packages.cmp(&other.packages))
    }
}

fn package(found: &VulnerablePackage) -> Option<Package> {
    let mut version = word(found.version());
    if let (Some(version), Some(epoch @ 1..)) = (&mut version, found.epoch()) {
        *version = format!("{epoch}:{version}");
    }
    if let (Some(version), Some(release)) = (&mut version, word(found.release())) {
        *version = format!("{version}-{release}");
    }
    Some(Package {
        name: word(found.name())?,
        version,
        // Inspector's word for none.
        fixed_in: word(found.fixed_in_version()).filter(|it| !it.eq_ignore_ascii_case("NotAvailable")),
        path: word(found.file_path()),
    })
}

fn is_score(score: f64) -> bool {
    score > 0.0 && score <= 10.0
}

/// Whether a character could turn the direction of a text or hide in it.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A text for one line; none if there is nothing in it.
pub(super) fn word(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let text: String =
        text.chars().map(|c| if c.is_control() || is_hidden(c) { '\u{fffd}' } else { c }).collect();
    (!text.is_empty()).then_some(text)
}

/// A text that may have several lines.
fn prose(text: Option<&str>) -> Option<String> {
    let text = text?.replace("\r\n", "\n");
    let text: String = text.chars().filter(|c| *c == '\n' || !(c.is_control() || is_hidden(*c))).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// An address of a page; nothing that a reader should not be led to.
fn page(text: Option<&str>) -> Option<String> {
    let url = Url::parse(text?.trim()).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ecr::types::{Attribute, FindingSeverity, PackageVulnerabilityDetails, ScoreDetails};

    fn attribute(key: &str, value: &str) -> Attribute {
        Attribute::builder().key(key).value(value).build().unwrap()
    }

    #[test]
    fn basic() {
        let found = ImageScanFinding::builder()
            .name("CVE-2026-0001")
            .severity(FindingSeverity::High)
            .uri("https://example.com/CVE-2026-0001")
            .description("a\r\nb\u{1b}[31m")
            .attributes(attribute("package_name", "openssl"))
            .attributes(attribute("package_version", "1.1.1"))
            .attributes(attribute("CVSS2_SCORE", "6.8"))
            .build();
        let finding = Finding::basic(&found);
        assert_eq!(
            (finding.id.as_str(), finding.severity, finding.score),
            ("CVE-2026-0001", Severity::High, Some(6.8))
        );
        assert_eq!(finding.description.as_deref(), Some("a\nb[31m"));
        assert_eq!(
            (finding.packages[0].name.as_str(), finding.packages[0].version.as_deref()),
            ("openssl", Some("1.1.1"))
        );
    }

    #[test]
    fn enhanced() {
        let package = |name: &str, fixed: &str| {
            let it = VulnerablePackage::builder().name(name).version("1.1").epoch(1).release("3.el9");
            it.fixed_in_version(fixed).build()
        };
        let details = PackageVulnerabilityDetails::builder()
            .vulnerability_id("CVE-2026-0002")
            .source_url("javascript:alert(1)")
            .reference_urls("https://example.com/2")
            .vulnerable_packages(package("zlib", "NotAvailable"))
            .vulnerable_packages(package("bash", "0:1.2"))
            .vulnerable_packages(package("bash", "0:1.2"))
            .cvss(CvssScore::builder().base_score(5.0).build())
            .build();
        let cvss = CvssScoreDetails::builder().score(7.5).build();
        let found = EnhancedImageScanFinding::builder()
            .title("CVE-2026-0002 - bash")
            .severity("UNTRIAGED")
            .status("SUPPRESSED")
            .exploit_available("NO")
            .score_details(ScoreDetails::builder().cvss(cvss).build())
            .package_vulnerability_details(details);
        let finding = Finding::enhanced(&found.build());
        let names: Vec<_> =
            finding.packages.iter().map(|it| (it.name.as_str(), it.fixed_in.as_deref())).collect();
        assert_eq!(names, [("bash", Some("0:1.2")), ("zlib", None)]);
        assert_eq!(finding.packages[0].version.as_deref(), Some("1:1.1-3.el9"));
        assert_eq!((finding.score, finding.severity), (Some(7.5), Severity::Undefined));
        assert_eq!(
            (finding.uri.as_deref(), finding.exploit_available),
            (Some("https://example.com/2"), Some(false))
        );
        assert!(!finding.counts());
    }

    #[test]
    fn nothing_said_is_nothing_made_up() {
        let finding = Finding::enhanced(&EnhancedImageScanFinding::builder().build());
        assert_eq!((finding.id.as_str(), finding.score, finding.packages.len()), ("unnamed", None, 0));
        assert!(finding.counts());
    }
}
