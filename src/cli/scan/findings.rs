//! Findings: the options about them, where they are handed to, and how they look.

use super::SeverityName;
use crate::base::Event;
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::env;
use crate::ci::{OutputFile, summary};
use crate::cli::Context;
use crate::cli::error::{Fail, bad_option};
use crate::cli::table::{Align, Table};
use crate::ecr::scan::{Finding, Gate, IgnoreList, Report, Severity, counts, sarif};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// The ignore list that is read if it is there.
const IGNORE_FILE: &str = ".consign-scan-ignore.yaml";

#[derive(Debug, Args)]
#[command(next_help_heading = "Scan")]
pub(in crate::cli) struct FindingsOptions {
    /// Fail with exit code 6 if a finding is as bad as this, or worse
    #[arg(long, env = "CONSIGN_FAIL_ON", value_name = "SEVERITY")]
    pub(in crate::cli) fail_on: Option<SeverityName>,
    /// Accept images that ECR can't scan, such as those without a distribution in them
    #[arg(long, env = "CONSIGN_ALLOW_UNSCANNED", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(in crate::cli) allow_unscanned: bool,
    /// YAML file with findings that do not count, each for a time (default: .consign-scan-ignore.yaml, if it is there)
    #[arg(long, env = "CONSIGN_IGNORE_FILE", value_name = "PATH")]
    pub(in crate::cli) ignore_file: Option<PathBuf>,
    /// File that gets the findings as SARIF, for code-scanning pages
    #[arg(long, env = "CONSIGN_SARIF", value_name = "PATH")]
    pub(in crate::cli) sarif: Option<PathBuf>,
}

/// What the options say, with all places found to be there.
#[derive(Debug)]
pub(in crate::cli) struct Findings {
    pub(in crate::cli) gate: Option<Gate>,
    ignore: Option<IgnoreList>,
    sarif: Option<OutputFile>,
    summary: Option<OutputFile>,
}

impl Findings {
    /// Finds the places, and what is wrong with the ignore list, before the work begins.
    pub(in crate::cli) fn check(options: &FindingsOptions, context: &Context) -> Result<Self, Fail> {
        let FindingsOptions { fail_on, allow_unscanned, ignore_file, sarif } = options;
        let check = |path: Option<&Path>| path.map(OutputFile::check).transpose();
        Ok(Self {
            gate: fail_on.map(|fail_on| Gate { fail_on: fail_on.into(), allow_unscanned: *allow_unscanned }),
            ignore: ignore_list(ignore_file.as_deref())?,
            sarif: check(sarif.as_deref())?,
            summary: check(context.environment.get(env::GITHUB_STEP_SUMMARY).map(Path::new))?,
        })
    }

    /// Marks what is ignored, tells of each image, and writes the files.
    pub(in crate::cli) fn hand_over(&self, reports: &mut [Report], context: &Context) -> Result<(), Fail> {
        if let Some(list) = &self.ignore {
            let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
            for remark in list.apply(today, reports) {
                if remark.is_warning() {
                    context.reporter.warn(remark.to_string());
                } else {
                    context.printer.notice(&remark.to_string());
                }
            }
        }
        for image in reports.iter().flat_map(|report| &report.images) {
            let what = format!("scan of {}: {}", image.name(), image.summary());
            context.reporter.event(Event::Started { what });
        }
        if let Some(file) = &self.sarif {
            file.replace(&format!("{:#}\n", sarif(reports, env!("CARGO_PKG_VERSION"))))?;
        }
        if let Some(file) = &self.summary {
            file.append(&summary::findings(reports, summary::LIMIT / 2))?;
        }
        Ok(())
    }

    /// Whether the gate lets all of it through.
    pub(in crate::cli) fn judge(&self, reports: &[Report]) -> Result<(), Fail> {
        match self.gate {
            Some(gate) => Ok(gate.judge(reports)?),
            None => Ok(()),
        }
    }
}

fn ignore_list(given: Option<&Path>) -> Result<Option<IgnoreList>, Fail> {
    let path = given.unwrap_or(Path::new(IGNORE_FILE));
    if given.is_none() && !path.exists() {
        return Ok(None);
    }
    let text = fs_err::read_to_string(path).map_err(|error| bad_option("--ignore-file", error))?;
    Ok(Some(IgnoreList::parse(path, &text)?))
}

/// The findings that count, the worst first, a row for each package.
pub(in crate::cli) fn table(reports: &[Report], at_least: Severity) -> String {
    let several = reports.iter().any(|report| report.images.len() > 1);
    let mut headings: Vec<_> = ["SEVERITY", "VULNERABILITY", "PACKAGE", "VERSION", "FIXED IN"].into();
    headings.extend(several.then_some("PLATFORM"));
    let headings: Vec<_> = headings.into_iter().map(|heading| (heading, Align::Left)).collect();
    let mut rows: Vec<(Severity, [String; 5], &Finding)> = Vec::new();
    for image in reports.iter().flat_map(|report| &report.images) {
        let platform = image.platform.as_ref().map(ToString::to_string).unwrap_or_default();
        for finding in image.counted().filter(|finding| finding.severity >= at_least) {
            let row = |[package, version, fixed]: [String; 3]| {
                (finding.severity, [finding.id.clone(), package, version, fixed, platform.clone()], finding)
            };
            if finding.packages.is_empty() {
                rows.push(row([String::new(), String::new(), String::new()]));
            }
            rows.extend(finding.packages.iter().map(|package| {
                let path = package.path.as_ref().map(|path| format!(" ({path})")).unwrap_or_default();
                let version = package.version.clone().unwrap_or_default();
                row([
                    format!("{}{path}", package.name),
                    version,
                    package.fixed_in.clone().unwrap_or_default(),
                ])
            }));
        }
    }
    rows.sort_by(|(one, cells, _), (other, others, _)| other.cmp(one).then_with(|| cells.cmp(others)));
    let mut table = Table::new(&headings);
    for (severity, cells, _) in rows {
        table.row(std::iter::once(severity.name().to_owned()).chain(cells).take(headings.len()));
    }
    table.text()
}

/// All of it as JSON.
pub(in crate::cli) fn document(report: &Report, gate: Option<Gate>, at_least: Severity) -> Value {
    let number = |findings: &mut dyn Iterator<Item = &Finding>| -> Map<String, Value> {
        counts(findings).into_iter().map(|(severity, count)| (severity.name().into(), json!(count))).collect()
    };
    let images = report.images.iter().map(|image| {
        let mut document = json!(image);
        let shown = image.findings.iter().filter(|finding| finding.severity >= at_least);
        document["platform"] = json!(image.platform.as_ref().map(ToString::to_string));
        document["counts"] = Value::Object(number(&mut image.counted()));
        document["findings"] = json!(shown.collect::<Vec<_>>());
        document
    });
    let images: Vec<_> = images.collect();
    let passed = |gate: Gate| gate.judge(std::slice::from_ref(report)).is_ok();
    json!({
        "image": report.image,
        "images": images,
        "counts": number(&mut report.counted()),
        "gate": gate.map(|gate| json!({ "failOn": gate.fail_on, "passed": passed(gate) })),
    })
}
