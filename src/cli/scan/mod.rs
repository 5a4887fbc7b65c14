//! `consign scan`: what ECR knows to be vulnerable in an image. What a build does with it is in `after_push`, and what
//! both have in common in `findings`.

mod after_push;
mod findings;

pub(super) use after_push::{AfterPush, ScanOptions};

use super::Context;
use super::args::{Aws, RegistryPlace};
use super::control::{self, image, private};
use super::error::Fail;
use super::table::{Align, Table};
use super::targets::manifest_id;
use crate::base::Event;
use crate::ecr::scan::{
    Begin, Pace, Phase, Report, ScanError, Scanner, Severity, Started, Target, Targets, wait,
};
use clap::{Args, Subcommand, ValueEnum};
use findings::{Findings, FindingsOptions, document, table};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Scan {
    #[command(subcommand)]
    command: Which,
}

const EXAMPLES: &str = "\
Examples:
  consign scan start shop/api:1.4
  consign scan wait shop/api:1.4 --fail-on high
  consign scan show shop/api:1.4 --severity medium";

#[derive(Debug, Subcommand)]
enum Which {
    /// Have ECR look for vulnerabilities; for an index, in each of its images
    #[command(after_help = START_EXAMPLES)]
    Start(Start),
    /// Wait until the scan has ended, and show what it has found
    #[command(after_help = WAIT_EXAMPLES)]
    Wait(Wait),
    /// Show what the last scan has found
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
}

#[derive(Debug, Args)]
struct Start {
    /// The image or index: REPOSITORY:TAG or REPOSITORY@sha256:…
    #[arg(value_name = "REF")]
    reference: String,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const START_EXAMPLES: &str = "\
Examples:
  consign scan start shop/api:1.4
  consign scan start \"shop/api@$(cat digest.txt)\" && consign scan wait \"shop/api@$(cat digest.txt)\"

ECR scans an image once in 24 hours; within them, what the last scan has found is said. With enhanced scanning Amazon
Inspector scans by itself, and no scan can be started.";

#[derive(Debug, Args)]
struct Wait {
    /// The image or index: REPOSITORY:TAG or REPOSITORY@sha256:…
    #[arg(value_name = "REF")]
    reference: String,
    /// How long the scan may take: 90s, 10m, 1h
    #[arg(long, env = "CONSIGN_SCAN_TIMEOUT", value_name = "DURATION", default_value = "10m", value_parser = duration)]
    timeout: Duration,
    /// Show only findings that are as bad as this, or worse
    #[arg(long, env = "CONSIGN_SEVERITY", value_name = "SEVERITY")]
    severity: Option<SeverityName>,
    #[command(flatten)]
    findings: FindingsOptions,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const WAIT_EXAMPLES: &str = "\
Examples:
  After a push to a repository that scans on push:
    consign scan wait shop/api:1.4 --fail-on high

  For the code-scanning page of GitHub:
    consign scan wait shop/api:1.4 --sarif findings.sarif

Exit codes: 4 if there are no findings to show, 5 if it took too long, 6 if the gate said no.";

#[derive(Debug, Args)]
struct Show {
    /// The image or index: REPOSITORY:TAG or REPOSITORY@sha256:…
    #[arg(value_name = "REF")]
    reference: String,
    /// Show only findings that are as bad as this, or worse
    #[arg(long, env = "CONSIGN_SEVERITY", value_name = "SEVERITY")]
    severity: Option<SeverityName>,
    #[command(flatten)]
    findings: FindingsOptions,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  consign scan show shop/api:1.4
  consign scan show shop/api:1.4 --severity high --format json
  consign scan show shop/api:1.4 --fail-on critical --ignore-file ignore.yaml

Exit codes: 4 if there are no findings to show, 6 if the gate said no.";

/// A severity as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SeverityName {
    Critical,
    High,
    Medium,
    Low,
    Informational,
    /// Also those that nobody has judged
    #[value(alias = "any")]
    Undefined,
}

impl From<SeverityName> for Severity {
    fn from(name: SeverityName) -> Self {
        match name {
            SeverityName::Critical => Self::Critical,
            SeverityName::High => Self::High,
            SeverityName::Medium => Self::Medium,
            SeverityName::Low => Self::Low,
            SeverityName::Informational => Self::Informational,
            SeverityName::Undefined => Self::Undefined,
        }
    }
}

/// A number of seconds, or a number with a unit.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number of seconds, or one with a unit: 90s, 10m, 1h".to_owned();
    let parsed = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let parsed = control::duration(text).map_err(|_| wrong())?;
            Duration::try_from(parsed).map_err(|_| wrong())?
        }
    };
    if parsed.is_zero() { Err(wrong()) } else { Ok(parsed) }
}

/// How often it is looked: from half a second to ten, for half a minute if there is no scan at all. Whoever wants to be
/// asked less, or more, says so with the wait after a failed call.
fn pace(aws: &Aws, timeout: Duration) -> Pace {
    let unit = Duration::from_millis(aws.retry_backoff_milliseconds.into());
    Pace { first: unit * 5, longest: unit * 100, timeout, patience: unit * 300 }
}

/// What is said of a registry that does not scan.
const SCANS: &str = "scans of images";

pub(super) async fn run(args: Scan, context: &Context) -> Result<(), Fail> {
    match args.command {
        Which::Start(args) => Box::pin(start(args, context)).await,
        Which::Wait(args) => {
            let reference = image("REF", &args.reference)?;
            let findings = Findings::check(&args.findings, context)?;
            let opened = private(&reference, SCANS, &args.place, &args.aws, context).await?;
            let scanner = Scanner { ecr: &opened.ecr, repository: &reference.repository };
            let targets = scanner.targets(&manifest_id(&reference), &args.reference).await?;
            let pace = pace(&args.aws, args.timeout);
            let report = wait(&scanner, &targets, pace, Begin::Never, &*context.reporter).await?;
            let mut reports = [report];
            findings.hand_over(&mut reports, context)?;
            shown(&findings, &reports, args.severity, context)?;
            judged(&findings, &reports[0], args.findings.allow_unscanned)
        }
        Which::Show(args) => {
            let reference = image("REF", &args.reference)?;
            let findings = Findings::check(&args.findings, context)?;
            let opened = private(&reference, SCANS, &args.place, &args.aws, context).await?;
            let scanner = Scanner { ecr: &opened.ecr, repository: &reference.repository };
            let targets = scanner.targets(&manifest_id(&reference), &args.reference).await?;
            let mut images = Vec::new();
            for target in &targets.images {
                images.push(scanner.describe(target).await?);
            }
            if images.iter().all(|image| image.phase() == Phase::Absent) {
                return Err(ScanError::Absent { image: scanner.name(&targets.root), waited: None }.into());
            }
            let mut reports = [scanner.report(&targets, images)];
            findings.hand_over(&mut reports, context)?;
            shown(&findings, &reports, args.severity, context)?;
            judged(&findings, &reports[0], args.findings.allow_unscanned)
        }
    }
}

/// What the gate says. Without one, it is enough that all is known that there is to know: nothing shown must not mean that
/// nobody has looked.
fn judged(findings: &Findings, report: &Report, allow_unscanned: bool) -> Result<(), Fail> {
    if findings.gate.is_some() {
        return findings.judge(std::slice::from_ref(report));
    }
    for image in &report.images {
        let (name, status) = (image.name(), image.summary());
        match image.phase() {
            Phase::Absent => return Err(ScanError::Absent { image: name, waited: None }.into()),
            Phase::Waiting => return Err(ScanError::Unfinished { image: name, status }.into()),
            Phase::Unscanned if !allow_unscanned => {
                return Err(ScanError::Unscanned { image: name, status }.into());
            }
            Phase::Unscanned | Phase::Found => {}
        }
    }
    Ok(())
}

/// The result of a command that shows findings.
fn shown(
    findings: &Findings,
    reports: &[Report; 1],
    severity: Option<SeverityName>,
    context: &Context,
) -> Result<(), Fail> {
    context.reporter.finish();
    let at_least = severity.map_or(Severity::Undefined, Severity::from);
    context.printer.result(&table(reports, at_least), &document(&reports[0], findings.gate, at_least))
}

async fn start(args: Start, context: &Context) -> Result<(), Fail> {
    let reference = image("REF", &args.reference)?;
    let opened = private(&reference, SCANS, &args.place, &args.aws, context).await?;
    let scanner = Scanner { ecr: &opened.ecr, repository: &reference.repository };
    let targets = scanner.targets(&manifest_id(&reference), &args.reference).await?;
    let (mut rows, mut json) = (Table::new(&[("SCAN", Align::Left), ("IMAGE", Align::Left)]), Vec::new());
    for target in &targets.images {
        let (begun, status) = begin(&scanner, &targets, target, context).await?;
        let scan = scanner.describe(target).await?;
        // Of what can't be scanned there is nothing to see later.
        let summary = status.unwrap_or_else(|| scan.summary());
        let name = scan.name();
        if !begun && scan.phase() != Phase::Absent {
            let when = scan.completed_at.map(|at| format!(" at {}", crate::base::clock::rfc3339(at)));
            context.printer.notice(&format!(
                "{name} was scanned last{}: ECR scans an image once in 24 hours, and what that scan has found stays",
                when.unwrap_or_default()
            ));
        }
        rows.row([summary, name]);
        json.push(json!({
            "image": scan.image,
            "digest": scan.digest,
            "platform": scan.platform.as_ref().map(ToString::to_string),
            "started": begun,
            "status": scan.status,
            "description": scan.description,
        }));
    }
    let json: Value = json!({ "image": scanner.name(&targets.root), "digest": targets.root, "images": json });
    context.printer.result(&rows.text(), &json)
}

/// Begins one scan, and tells whether it did, and why not if nothing can be seen of that. Of several images one may be of
/// a kind that is not scanned.
async fn begin(
    scanner: &Scanner<'_>,
    targets: &Targets,
    target: &Target,
    context: &Context,
) -> Result<(bool, Option<String>), Fail> {
    match scanner.start(&target.digest).await {
        Ok(Started::Begun) => {
            let what = format!("scan of {}: started", scanner.name(&target.digest));
            context.reporter.event(Event::Started { what });
            Ok((true, None))
        }
        Ok(Started::TooSoon) => Ok((false, None)),
        Err(ScanError::Unscannable { why, .. }) if targets.images.len() > 1 => {
            Ok((false, Some(format!("UNSUPPORTED_IMAGE: {why}"))))
        }
        Err(error) => Err(error.into()),
    }
}
