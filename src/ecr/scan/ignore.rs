//! The list of findings that somebody has looked at and that do not count for a time.
//!
//! ```yaml
//! apiVersion: consign/v1
//! ignore:
//!   - id: CVE-2026-0001
//!     package: openssl              # left out: every package
//!     reason: the code is never reached from outside
//!     expires: 2026-12-31           # the last day on which it holds, in UTC
//! ```
//!
//! Reason and last day must be there: what was decided once without either is never looked at again.

use super::{Finding, Ignored, Report};
use crate::spec::SpecError;
use crate::spec::yaml::{self, Checker, Node};
use jiff::civil::Date;
use std::fmt;
use std::path::{Path, PathBuf};

/// An ignore list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreList {
    /// The file, as it was named.
    pub file: PathBuf,
    /// Its entries, in its order.
    pub entries: Vec<Entry>,
}

/// What is not to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The vulnerability.
    pub id: String,
    /// The package; none means all.
    pub package: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day.
    pub expires: Date,
}

/// What whoever keeps the list should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The file.
    pub file: PathBuf,
    /// The entry.
    pub entry: Entry,
    /// Whether anything was found that it is about.
    pub found: bool,
}

impl Remark {
    /// Whether the entry has run out while what it is about is still there.
    pub fn is_warning(&self) -> bool {
        self.found
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, entry, found } = self;
        let file = file.display();
        if *found {
            write!(f, "{file}: the entry for {entry} expired on {} and no longer counts", entry.expires)
        } else {
            write!(f, "{file}: the entry for {entry} can be removed: nothing that it is about was found")
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        self.package.as_ref().map_or(Ok(()), |package| write!(f, " in {package}"))
    }
}

impl Entry {
    fn is_about(&self, finding: &Finding) -> bool {
        self.id == finding.id
            && self
                .package
                .as_ref()
                .is_none_or(|package| finding.packages.iter().any(|one| one.name == *package))
    }
}

impl IgnoreList {
    /// Reads the text of a list; `file` is its name in messages.
    pub fn parse(file: &Path, text: &str) -> Result<Self, SpecError> {
        let entries = yaml::read(file, text, "the ignore list", |checker, root| {
            let fields = checker.map(root, "", &["apiVersion", "ignore"])?;
            yaml::api_version(checker, root, &fields)?;
            if fields.get("ignore").is_none() {
                checker.fail(
                    root,
                    "there is no `ignore`".into(),
                    Some("an empty list is `ignore: []`".into()),
                );
            }
            let mut seen: Vec<(String, Option<String>)> = Vec::new();
            fields.items(checker, "ignore", |checker, node, place| {
                let entry = entry(checker, node, place)?;
                let key = (entry.id.clone(), entry.package.clone());
                if seen.contains(&key) {
                    let hint = "keep the one that holds".into();
                    checker.fail(node, format!("there are two entries for {entry}"), Some(hint));
                    return None;
                }
                seen.push(key);
                Some(entry)
            })
        })?;
        Ok(Self { file: file.into(), entries })
    }

    /// Marks what does not count `today`, and tells which entries should be looked at. A finding in several packages is
    /// ignored once all of them are.
    pub fn apply(&self, today: Date, reports: &mut [Report]) -> Vec<Remark> {
        let mut found = vec![false; self.entries.len()];
        let findings =
            reports.iter_mut().flat_map(|report| &mut report.images).flat_map(|it| &mut it.findings);
        for finding in findings {
            let mut holds: Vec<&Entry> = Vec::new();
            for (entry, found) in self.entries.iter().zip(&mut found) {
                if entry.is_about(finding) {
                    *found = true;
                    if entry.expires >= today {
                        holds.push(entry);
                    }
                }
            }
            let covers = |name: Option<&str>| {
                holds
                    .iter()
                    .find(|entry| entry.package.is_none() || entry.package.as_deref() == name)
                    .copied()
            };
            let covered: Option<Vec<&Entry>> = if finding.packages.is_empty() {
                covers(None).map(|entry| vec![entry])
            } else {
                finding.packages.iter().map(|package| covers(Some(&package.name))).collect()
            };
            // Of several entries the one that runs out first.
            let first = covered.and_then(|entries| entries.into_iter().min_by_key(|entry| entry.expires));
            if let Some(entry) = first.filter(|_| finding.counts()) {
                finding.ignored =
                    Some(Ignored { reason: entry.reason.clone(), expires: Some(entry.expires) });
            }
        }
        let remark = |(entry, found): (&Entry, bool)| {
            let holds = entry.expires >= today;
            (!(found && holds)).then(|| Remark { file: self.file.clone(), entry: entry.clone(), found })
        };
        self.entries.iter().zip(found).filter_map(remark).collect()
    }
}

fn entry(checker: &mut Checker, node: &Node, place: &str) -> Option<Entry> {
    let fields = checker.map(node, place, &["id", "package", "reason", "expires"])?;
    let id = fields.required(checker, "id", Checker::owned);
    let package = fields.text(checker, "package").map(str::to_owned);
    let reason = fields.required(checker, "reason", Checker::owned);
    let expires = fields.required(checker, "expires", date);
    if fields.get("package").is_some() && package.is_none() {
        return None;
    }
    Some(Entry { id: id?, package, reason: reason?, expires: expires? })
}

/// A day. Only the plain form: `2026-12-31T00:00` would leave open whether it is in or out.
fn date(checker: &mut Checker, node: &Node, place: &str) -> Option<Date> {
    let text = checker.text(node, place)?;
    match text.parse::<Date>() {
        Ok(date) if date.to_string() == text => Some(date),
        _ => {
            checker.fail(
                node,
                format!("`{text}` is not a day"),
                Some("write YEAR-MONTH-DAY, such as 2026-12-31".into()),
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{finding, report};
    use super::*;

    fn parse(text: &str) -> Result<IgnoreList, SpecError> {
        IgnoreList::parse(Path::new("ignore.yaml"), text)
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn entries_hold_to_the_end_of_their_day() {
        let list = "apiVersion: consign/v1\nignore:\n- { id: CVE-1, reason: r, expires: 2026-03-31 }\n";
        let list = parse(list).unwrap();
        for (today, counts) in [("2026-03-31", 0), ("2026-04-01", 1)] {
            let mut reports = [report(vec![finding("CVE-1", "HIGH", &["a"])])];
            let remarks = list.apply(day(today), &mut reports);
            assert_eq!(reports[0].counted().count(), counts, "{today}");
            let said: Vec<_> = remarks.iter().map(ToString::to_string).collect();
            let expired = "ignore.yaml: the entry for CVE-1 expired on 2026-03-31 and no longer counts";
            assert_eq!(said, [expired; 1][..counts].to_vec(), "{today}");
        }
    }

    #[test]
    fn a_finding_is_ignored_once_all_its_packages_are() {
        let entry = |package: &str, expires: &str| {
            format!("- {{ id: CVE-1, package: {package}, reason: {package}, expires: {expires} }}\n")
        };
        let head = "apiVersion: consign/v1\nignore:\n";
        let with = |entries: &[String]| {
            let mut reports =
                [report(vec![finding("CVE-1", "HIGH", &["a", "b"]), finding("CVE-2", "LOW", &["a"])])];
            let remarks =
                parse(&(head.to_owned() + &entries.concat())).unwrap().apply(day("2026-01-01"), &mut reports);
            let first = reports[0].images[0].findings[0].ignored.clone();
            assert!(reports[0].images[0].findings[1].counts());
            (first.map(|it| it.reason), remarks.len())
        };
        assert_eq!(with(&[entry("a", "2027-01-01")]), (None, 0));
        assert_eq!(with(&[entry("a", "2027-01-01"), entry("b", "2026-06-01")]), (Some("b".into()), 0));
        assert_eq!(with(&[entry("a", "2027-01-01"), entry("b", "2025-06-01")]), (None, 1));
        assert_eq!(with(&[entry("c", "2027-01-01")]), (None, 1));
    }

    #[test]
    fn what_nothing_is_about_is_said_also_when_it_has_expired() {
        let list = parse(
            "apiVersion: consign/v1\nignore:\n- { id: CVE-9, package: x, reason: r, expires: 2020-01-01 }\n",
        );
        let remarks = list.unwrap().apply(day("2026-01-01"), &mut [report(vec![])]);
        insta::assert_snapshot!(remarks[0], @"ignore.yaml: the entry for CVE-9 in x can be removed: nothing that it is about was found");
        assert!(!remarks[0].is_warning());
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        let text = "apiVersion: consign/v1\nignroe: []\nignore:\n- id: CVE-1\n  expire: 2026-01-01\n  reason: r\n\
                    - { id: CVE-2, reason: r, expires: 31.12.2026 }\n- { id: CVE-3, reason: '', expires: 2026-02-30 }\n\
                    - { id: CVE-4, reason: a, expires: 2026-01-01 }\n- { id: CVE-4, reason: b, expires: 2027-01-01 }\n\
                    - { package: x }\n- CVE-5\n";
        insta::assert_snapshot!(parse(text).unwrap_err(), @r"
        ignore.yaml:2:1: unknown key `ignroe` in `the ignore list`
          |
        2 | ignroe: []
          | ^^^^^^
        hint: did you mean `ignore`?
        ignore.yaml:5:3: unknown key `expire` in `ignore[0]`
          |
        5 |   expire: 2026-01-01
          |   ^^^^^^
        hint: did you mean `expires`?
        ignore.yaml:7:36: `31.12.2026` is not a day
          |
        7 | - { id: CVE-2, reason: r, expires: 31.12.2026 }
          |                                    ^^^^^^^^^^
        hint: write YEAR-MONTH-DAY, such as 2026-12-31
        ignore.yaml:8:24: `ignore[2].reason` is empty
          |
        8 | - { id: CVE-3, reason: '', expires: 2026-02-30 }
          |                        ^^
        ignore.yaml:8:37: `2026-02-30` is not a day
          |
        8 | - { id: CVE-3, reason: '', expires: 2026-02-30 }
          |                                     ^^^^^^^^^^
        hint: write YEAR-MONTH-DAY, such as 2026-12-31
        ignore.yaml:10:3: there are two entries for CVE-4
           |
        10 | - { id: CVE-4, reason: b, expires: 2027-01-01 }
           |   ^
        hint: keep the one that holds
        ignore.yaml:11:3: `ignore[5]` has no `id`
           |
        11 | - { package: x }
           |   ^
        ignore.yaml:11:3: `ignore[5]` has no `reason`
           |
        11 | - { package: x }
           |   ^
        ignore.yaml:11:3: `ignore[5]` has no `expires`
           |
        11 | - { package: x }
           |   ^
        ignore.yaml:12:3: `ignore[6]` must be a mapping, and this is a text
           |
        12 | - CVE-5
           |   ^^^^^
        ");
        insta::assert_snapshot!(parse("ignore: CVE-1\n").unwrap_err(), @r"
        ignore.yaml:1:1: there is no `apiVersion`
          |
        1 | ignore: CVE-1
          | ^
        hint: begin with `apiVersion: consign/v1`
        ignore.yaml:1:9: `ignore` must be a list, and this is a text
          |
        1 | ignore: CVE-1
          |         ^^^^^
        hint: write it as a list: `[CVE-1]`
        ");
        assert_eq!(parse("apiVersion: consign/v1\nignore: []\n").unwrap().entries, []);
        assert!(parse("").unwrap_err().to_string().contains("empty"));
    }
}
