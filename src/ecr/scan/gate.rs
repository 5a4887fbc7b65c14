//! Whether an image may go on, by what its scans have found.

use super::report::{counts, in_words};
use super::{Counts, Finding, Phase, Report, Severity};
use crate::base::{Failure, Kind};
use std::fmt;

/// Findings that an error lists; the rest is counted.
const LISTED: usize = 10;

/// What is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// A finding that is as bad as this, or worse, is not.
    pub fail_on: Severity,
    /// Whether an image may pass of which nobody knows what is in it.
    pub allow_unscanned: bool,
}

/// The gate said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateError {
    gate: Gate,
    refused: Vec<Refused>,
}

/// An image that is not let through.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refused {
    image: String,
    why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    Findings { counts: Counts, listed: Vec<String> },
    Absent,
    NotFinished(String),
    NoFindings(String),
}

impl Gate {
    /// Whether a finding is too bad.
    pub fn minds(self, finding: &Finding) -> bool {
        finding.counts() && finding.severity >= self.fail_on
    }

    /// Lets all images of `reports` through, or none.
    pub fn judge(self, reports: &[Report]) -> Result<(), GateError> {
        let mut refused = Vec::new();
        for image in reports.iter().flat_map(|report| &report.images) {
            let mut refuse = |why| refused.push(Refused { image: image.name(), why });
            match image.phase() {
                Phase::Absent => refuse(Why::Absent),
                Phase::Waiting => refuse(Why::NotFinished(image.summary())),
                Phase::Unscanned if !self.allow_unscanned => refuse(Why::NoFindings(image.summary())),
                // Of an image that is no longer scanned, what was found last is still in it.
                Phase::Unscanned | Phase::Found => {
                    let bad: Vec<_> = image.findings.iter().filter(|finding| self.minds(finding)).collect();
                    if !bad.is_empty() {
                        let counts = counts(bad.iter().copied());
                        let listed = bad.iter().take(LISTED).map(|finding| line(finding)).collect();
                        refuse(Why::Findings { counts, listed });
                    }
                }
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(GateError { gate: self, refused }) }
    }
}

/// A finding in one line.
fn line(finding: &Finding) -> String {
    let packages: Vec<_> = finding
        .packages
        .iter()
        .map(|package| {
            let version = package.version.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
            let fixed = package.fixed_in.as_ref().map(|it| format!(" (fixed in {it})")).unwrap_or_default();
            format!("{}{version}{fixed}", package.name)
        })
        .collect();
    let text = format!("{:13} {}  {}", finding.severity.name(), finding.id, packages.join(", "));
    text.trim_end().to_owned()
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fail_on = self.gate.fail_on;
        for (position, Refused { image, why }) in self.refused.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "the gate `--fail-on {fail_on}` does not let {image} through: ")?;
            match why {
                Why::Findings { counts, listed } => {
                    f.write_str(&in_words(counts))?;
                    for line in listed {
                        write!(f, "\n  {line}")?;
                    }
                    let all: usize = counts.iter().map(|(_, count)| count).sum();
                    if all > listed.len() {
                        write!(f, "\n  … and {} more", all - listed.len())?;
                    }
                }
                Why::Absent => f.write_str("it has not been scanned")?,
                Why::NotFinished(status) => write!(f, "its scan has not ended ({status})")?,
                Why::NoFindings(status) => write!(f, "nobody knows what is in it ({status})")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for GateError {}

impl Failure for GateError {
    fn kind(&self) -> Kind {
        Kind::Gate
    }

    fn hint(&self) -> Option<String> {
        let any = |is: fn(&Why) -> bool| self.refused.iter().any(|refused| is(&refused.why));
        let mut hints = Vec::new();
        if any(|why| matches!(why, Why::Findings { .. })) {
            hints.push(
                "update the packages that a fix is there for, or the base image; what does not concern you can be ignored for \
                 a time, see `--ignore-file`",
            );
        }
        if any(|why| matches!(why, Why::Absent)) {
            hints.push("`consign scan start` starts a scan");
        }
        if any(|why| matches!(why, Why::NotFinished(_))) {
            hints.push("`consign scan wait` waits for its end");
        }
        if any(|why| matches!(why, Why::NoFindings(_))) {
            hints.push(
                "ECR scans images with the package database of a distribution that it knows; `--allow-unscanned` lets others \
                 through",
            );
        }
        Some(hints.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{finding, report, scan};
    use super::*;

    fn gate(fail_on: Severity) -> Gate {
        Gate { fail_on, allow_unscanned: false }
    }

    #[test]
    fn as_bad_as_this_or_worse() {
        let with = |severity: &str| [report(vec![finding("CVE-1", severity, &[])])];
        for (position, fail_on) in Severity::ALL.into_iter().enumerate() {
            for (place, severity) in Severity::ALL.into_iter().enumerate() {
                let passes = gate(fail_on).judge(&with(severity.name())).is_ok();
                assert_eq!(passes, place > position, "{severity} against {fail_on}");
            }
        }
        assert_eq!(gate(Severity::Undefined).judge(&[report(vec![])]), Ok(()));
    }

    #[test]
    fn every_image_is_told_of() {
        let mut images: Vec<_> = ["a", "b", "c", "d"].map(|name| scan(name, vec![])).into();
        images[0].platform = Some("linux/amd64".parse().unwrap());
        images[0].findings = (10..22).map(|n| finding(&format!("CVE-{n}"), "HIGH", &["a", "b"])).collect();
        images[1].status = Some("IN_PROGRESS".into());
        images[2].status = Some("UNSUPPORTED_IMAGE".into());
        images[2].description = Some("no operating system".into());
        let mut reports = [Report { images, ..report(vec![]) }];
        let error = gate(Severity::High).judge(&reports).unwrap_err();
        let text = format!("{error}\nhint: {}", error.hint().unwrap());
        let text = regex::Regex::new("[0-9a-f]{64}").unwrap().replace_all(&text, "…").into_owned();
        insta::assert_snapshot!(text, @r"
        the gate `--fail-on high` does not let registry/shop/api@sha256:… (linux/amd64) through: 12 findings: 12 high
          HIGH          CVE-10  a 1.0 (fixed in 1.1), b 1.0 (fixed in 1.1)
          HIGH          CVE-11  a 1.0 (fixed in 1.1), b 1.0 (fixed in 1.1)
          HIGH          CVE-12  a 1.0 (fixed in 1.1), b 1.0 (fixed in 1.1)
          HIGH          CVE-13  a 1.0 (fixed in 1.1), b 1.0 (fixed in 1.1)
          HIGH          CVE-14  a 1.0 (fixed in 1.1), b 1.0 (fixed in 1.1)
          HIGH          CVE-15  a 1.0 (fixed in 1.1), b 1.0 (fixed in 1.1)
          HIGH          CVE-16  a 1.0 (fixed in 1.1), b 1.0 (fixed in 1.1)
          HIGH          CVE-17  a 1.0 (fixed in 1.1), b 1.0 (fixed in 1.1)
          HIGH          CVE-18  a 1.0 (fixed in 1.1), b 1.0 (fixed in 1.1)
          HIGH          CVE-19  a 1.0 (fixed in 1.1), b 1.0 (fixed in 1.1)
          … and 2 more
        the gate `--fail-on high` does not let registry/shop/api@sha256:… through: its scan has not ended (IN_PROGRESS)
        the gate `--fail-on high` does not let registry/shop/api@sha256:… through: nobody knows what is in it (UNSUPPORTED_IMAGE: no operating system)
        hint: update the packages that a fix is there for, or the base image; what does not concern you can be ignored for a time, see `--ignore-file`
        `consign scan wait` waits for its end
        ECR scans images with the package database of a distribution that it knows; `--allow-unscanned` lets others through
        ");
        for image in &mut reports[0].images {
            image.findings.iter_mut().for_each(|it| {
                it.ignored = Some(super::super::Ignored { reason: String::new(), expires: None });
            });
            image.status =
                image.status.take().filter(|it| it != "IN_PROGRESS").or_else(|| Some("ACTIVE".into()));
        }
        assert!(gate(Severity::High).judge(&reports).is_err());
        assert_eq!(Gate { allow_unscanned: true, ..gate(Severity::High) }.judge(&reports), Ok(()));
    }
}
