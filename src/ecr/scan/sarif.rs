//! Findings as SARIF 2.1.0, for pages that show what scanners have found
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>; what GitHub reads of it:
//! <https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support>).
//!
//! The document is a pure function of the findings: no times, and everything in order. An alert is the same one in the
//! next build if it is about the same vulnerability, package and file for the same platform of the same repository;
//! versions and digests change with every build and do not count.

use super::{Finding, ImageScan, Package, Phase, Report, Severity};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One run for each report; `version` is that of this program.
pub fn sarif(reports: &[Report], version: &str) -> Value {
    let runs: Vec<_> = reports.iter().map(|report| run(report, version)).collect();
    json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": runs })
}

fn run(report: &Report, version: &str) -> Value {
    // A rule is a vulnerability. Where scans do not agree about it, the worst holds.
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in report.images.iter().flat_map(|image| &image.findings) {
        let known = rules.entry(&finding.id).or_insert(finding);
        if finding.severity > known.severity {
            *known = finding;
        }
    }
    let places: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(index, id)| (*id, index)).collect();
    let mut results = Vec::new();
    for image in &report.images {
        for finding in &image.findings {
            let index = places[finding.id.as_str()];
            if finding.packages.is_empty() {
                results.push(result(report, image, finding, None, index));
            }
            results.extend(finding.packages.iter().map(|it| result(report, image, finding, Some(it), index)));
        }
    }
    let notifications: Vec<_> =
        report.images.iter().filter(|image| image.phase() != Phase::Found).map(notification).collect();
    json!({
        "tool": { "driver": {
            "name": "consign scan",
            "version": version,
            "rules": rules.values().map(|finding| rule(finding)).collect::<Vec<_>>(),
        } },
        // What GitHub calls a category: the alerts of one repository do not end those of another.
        "automationDetails": { "id": format!("consign-scan/{}/", report.repository) },
        "invocations": [{
            "executionSuccessful": notifications.is_empty(),
            "toolExecutionNotifications": notifications,
        }],
        "columnKind": "unicodeCodePoints",
        "results": results,
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Informational | Severity::Undefined => "note",
    }
}

/// The number by which GitHub sorts into critical (over 9.0), high (from 7.0), medium (from 4.0) and low. A finding
/// without a CVSS score gets one that sorts it by its severity, and one that nobody has judged gets none.
fn security_severity(finding: &Finding) -> Option<String> {
    let by_severity = match finding.severity {
        Severity::Critical => Some(9.5),
        Severity::High => Some(8.0),
        Severity::Medium => Some(5.5),
        Severity::Low => Some(2.0),
        Severity::Informational | Severity::Undefined => None,
    };
    finding.score.or(by_severity).map(|score| format!("{score:.1}"))
}

fn rule(finding: &Finding) -> Value {
    let title = finding.title.clone().unwrap_or_else(|| finding.id.clone());
    let description = finding.description.clone().unwrap_or_else(|| title.clone());
    let mut properties = Map::new();
    if let Some(score) = security_severity(finding) {
        properties.insert("security-severity".into(), json!(score));
    }
    properties.insert("precision".into(), json!("very-high"));
    properties
        .insert("tags".into(), json!(["container", "security", "vulnerability", finding.severity.name()]));
    let mut rule = json!({
        "id": finding.id,
        "shortDescription": { "text": title },
        "fullDescription": { "text": description },
        "defaultConfiguration": { "level": level(finding.severity) },
        "properties": properties,
    });
    if let Some(uri) = &finding.uri {
        rule["helpUri"] = json!(uri);
        rule["help"] = json!({ "text": format!("{description}\n\n{uri}") });
    }
    rule
}

fn result(
    report: &Report,
    image: &ImageScan,
    finding: &Finding,
    package: Option<&Package>,
    index: usize,
) -> Value {
    let severity = finding.severity;
    let mut message = format!("{} ({severity})", finding.id);
    if let Some(package) = package {
        let version = package.version.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
        let fixed = package.fixed_in.as_ref().map_or("no fix is known".into(), |it| format!("fixed in {it}"));
        message = format!("{message} in {}{version}, {fixed}", package.name);
    }
    message = format!("{message}. Image: {}", image.name());
    let platform = image.platform.as_ref().map(ToString::to_string);
    let path = package.and_then(|package| package.path.as_deref());
    let place = location(&report.repository, path);
    let name = package.map_or("", |package| &package.name);
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": place },
            // Pages want a line; an image has none.
            "region": { "startLine": 1 },
        },
        "message": { "text": image.image },
    });
    if let Some(package) = package {
        location["logicalLocations"] = json!([{ "name": package.name, "kind": "module" }]);
    }
    let mut properties = Map::new();
    properties.insert("severity".into(), json!(severity.name()));
    for (key, value) in [
        ("image", Some(&image.image)),
        ("platform", platform.as_ref()),
        ("package", package.map(|package| &package.name)),
        ("packageVersion", package.and_then(|package| package.version.as_ref())),
        ("fixedInVersion", package.and_then(|package| package.fixed_in.as_ref())),
    ] {
        if let Some(value) = value {
            properties.insert(key.into(), json!(value));
        }
    }
    if let Some(score) = finding.score {
        properties.insert("score".into(), json!(score));
    }
    if let Some(known) = finding.exploit_available {
        properties.insert("exploitAvailable".into(), json!(known));
    }
    let suppressions: Vec<_> = finding
        .ignored
        .iter()
        .map(|ignored| {
            let until = ignored.expires.map(|day| format!(" (until {day})")).unwrap_or_default();
            json!({ "kind": "external", "status": "accepted", "justification": format!("{}{until}", ignored.reason) })
        })
        .collect();
    let parts =
        [&report.repository, platform.as_deref().unwrap_or(""), &finding.id, name, path.unwrap_or("")];
    json!({
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": level(severity),
        "message": { "text": message },
        "locations": [location],
        // GitHub knows alerts again by this one.
        "partialFingerprints": { "primaryLocationLineHash": fingerprint(&parts) },
        "suppressions": suppressions,
        "properties": properties,
    })
}

/// An image without findings because nobody has looked.
fn notification(image: &ImageScan) -> Value {
    json!({ "level": "error", "message": { "text": format!("{}: {}", image.name(), image.summary()) } })
}

/// A relative address: the repository, and a file of the image in it.
fn location(repository: &str, path: Option<&str>) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let path = path.map(|path| format!("/{}", path.trim_start_matches('/'))).unwrap_or_default();
    utf8_percent_encode(&format!("{repository}{path}"), KEPT).to_string()
}

fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{finding, report, scan};
    use super::super::{Ignored, Package};
    use super::*;

    #[test]
    fn a_document() {
        let mut one = finding("CVE-2", "HIGH", &["openssl"]);
        one.score = Some(5.3);
        one.title = Some("CVE-2 in openssl".into());
        one.exploit_available = Some(true);
        let mut other = finding("CVE-1", "UNDEFINED", &[]);
        other.uri = None;
        other.description = None;
        other.ignored =
            Some(Ignored { reason: "never reached".into(), expires: Some("2026-12-31".parse().unwrap()) });
        let mut failed = scan("other", vec![]);
        failed.platform = Some("linux/arm64".parse().unwrap());
        failed.status = Some("FAILED".into());
        let mut all = report(vec![one, other]);
        all.images.push(failed);
        insta::assert_snapshot!(format!("{:#}", sarif(&[all], "1.2.3")), @r#"
        {
          "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
          "version": "2.1.0",
          "runs": [
            {
              "tool": {
                "driver": {
                  "name": "consign scan",
                  "version": "1.2.3",
                  "rules": [
                    {
                      "id": "CVE-1",
                      "shortDescription": {
                        "text": "CVE-1"
                      },
                      "fullDescription": {
                        "text": "CVE-1"
                      },
                      "defaultConfiguration": {
                        "level": "note"
                      },
                      "properties": {
                        "precision": "very-high",
                        "tags": [
                          "container",
                          "security",
                          "vulnerability",
                          "UNDEFINED"
                        ]
                      }
                    },
                    {
                      "id": "CVE-2",
                      "shortDescription": {
                        "text": "CVE-2 in openssl"
                      },
                      "fullDescription": {
                        "text": "what CVE-2 is"
                      },
                      "defaultConfiguration": {
                        "level": "error"
                      },
                      "properties": {
                        "security-severity": "5.3",
                        "precision": "very-high",
                        "tags": [
                          "container",
                          "security",
                          "vulnerability",
                          "HIGH"
                        ]
                      },
                      "helpUri": "https://example.com/CVE-2",
                      "help": {
                        "text": "what CVE-2 is\n\nhttps://example.com/CVE-2"
                      }
                    }
                  ]
                }
              },
              "automationDetails": {
                "id": "consign-scan/shop/api/"
              },
              "invocations": [
                {
                  "executionSuccessful": false,
                  "toolExecutionNotifications": [
                    {
                      "level": "error",
                      "message": {
                        "text": "registry/shop/api@sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa (linux/arm64): FAILED"
                      }
                    }
                  ]
                }
              ],
              "columnKind": "unicodeCodePoints",
              "results": [
                {
                  "ruleId": "CVE-2",
                  "ruleIndex": 1,
                  "level": "error",
                  "message": {
                    "text": "CVE-2 (high) in openssl 1.0, fixed in 1.1. Image: registry/shop/api@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"
                  },
                  "locations": [
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "shop/api"
                        },
                        "region": {
                          "startLine": 1
                        }
                      },
                      "message": {
                        "text": "registry/shop/api@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"
                      },
                      "logicalLocations": [
                        {
                          "name": "openssl",
                          "kind": "module"
                        }
                      ]
                    }
                  ],
                  "partialFingerprints": {
                    "primaryLocationLineHash": "5c10f8fa69845f3ff08451b4c4394b1a5b42e0f0cbf7f7b75ec73d92b3b896c2"
                  },
                  "suppressions": [],
                  "properties": {
                    "severity": "HIGH",
                    "image": "registry/shop/api@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d",
                    "package": "openssl",
                    "packageVersion": "1.0",
                    "fixedInVersion": "1.1",
                    "score": 5.3,
                    "exploitAvailable": true
                  }
                },
                {
                  "ruleId": "CVE-1",
                  "ruleIndex": 0,
                  "level": "note",
                  "message": {
                    "text": "CVE-1 (undefined). Image: registry/shop/api@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"
                  },
                  "locations": [
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "shop/api"
                        },
                        "region": {
                          "startLine": 1
                        }
                      },
                      "message": {
                        "text": "registry/shop/api@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"
                      }
                    }
                  ],
                  "partialFingerprints": {
                    "primaryLocationLineHash": "daa5ecb6ff480c47b4ec50f305ccec5fe1f6e0112648fca656f676fc1a3e407e"
                  },
                  "suppressions": [
                    {
                      "kind": "external",
                      "status": "accepted",
                      "justification": "never reached (until 2026-12-31)"
                    }
                  ],
                  "properties": {
                    "severity": "UNDEFINED",
                    "image": "registry/shop/api@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"
                  }
                }
              ]
            }
          ]
        }
        "#);
    }

    #[test]
    fn a_fingerprint_outlives_a_rebuild() {
        let print = |image: &str, version: &str, path: Option<&str>, platform: Option<&str>| {
            let mut found = finding("CVE-1", "LOW", &[]);
            found.packages.push(Package {
                name: "a".into(),
                version: Some(version.into()),
                fixed_in: None,
                path: path.map(Into::into),
            });
            let mut image = scan(image, vec![found]);
            image.platform = platform.map(|it| it.parse().unwrap());
            let report = Report { images: vec![image], ..report(vec![]) };
            sarif(&[report], "1")["runs"][0]["results"][0]["partialFingerprints"].to_string()
        };
        let first = print("one", "1.0", None, None);
        assert_eq!(print("two", "1.1", None, None), first);
        assert_ne!(print("one", "1.0", Some("app/x.jar"), None), first);
        assert_ne!(print("one", "1.0", None, Some("linux/arm64")), first);
    }

    #[test]
    fn places_are_addresses() {
        assert_eq!(location("shop/api", None), "shop/api");
        assert_eq!(location("shop/api", Some("/app/a b:c#é.jar")), "shop/api/app/a%20b%3Ac%23%C3%A9.jar");
    }

    #[test]
    fn the_worst_judgement_of_a_vulnerability_holds() {
        let images = vec![
            scan("a", vec![finding("CVE-1", "LOW", &["x"])]),
            scan("b", vec![finding("CVE-1", "CRITICAL", &["x"])]),
        ];
        let run = &sarif(&[Report { images, ..report(vec![]) }], "1")["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0]["properties"]["security-severity"], "9.5");
        assert_eq!(
            (&run["results"][0]["level"], &run["results"][1]["level"]),
            (&"note".into(), &"error".into())
        );
    }
}
