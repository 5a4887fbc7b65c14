//! The gate at the end of a push: nothing is handed on before the scan has ended and the gate has said yes.

use super::findings::{Findings, FindingsOptions, document};
use super::{duration, pace};
use crate::auth::Session;
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::{Failure, Kind, Reference};
use crate::cli::Context;
use crate::cli::args::Aws;
use crate::cli::error::{CliError, Fail};
use crate::cli::targets::{Control, Registries};
use crate::ecr::scan::{Begin, Pace, Report, ScanError, Scanner, Severity, Target, Targets, wait};
use crate::publish::{Published, Target as Pushed};
use crate::registry::ManifestId;
use clap::Args;
use serde_json::Value;
use std::error::Error;
use std::fmt;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(next_help_heading = "Scan")]
pub(in crate::cli) struct ScanOptions {
    #[command(flatten)]
    findings: FindingsOptions,
    /// How long the scan may take: 90s, 10m, 1h
    #[arg(long, env = "CONSIGN_SCAN_TIMEOUT", value_name = "DURATION", default_value = "10m", value_parser = duration)]
    scan_timeout: Duration,
    /// How old a scan of basic scanning may be; an older one is made anew, once in 24 hours
    #[arg(long, env = "CONSIGN_SCAN_MAX_AGE", value_name = "DURATION", default_value = "24h", value_parser = duration)]
    scan_max_age: Duration,
}

/// Scans what was pushed, if that is asked for: by `--fail-on` or `--sarif`.
#[derive(Debug)]
pub(in crate::cli) struct AfterPush {
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    findings: Findings,
    pace: Pace,
    max_age: Duration,
}

impl AfterPush {
    /// Finds all that is wrong with it before anything is built.
    pub(in crate::cli) fn check(
        options: &ScanOptions,
        aws: &Aws,
        pushes: bool,
        targets: &[(Reference, Pushed)],
        registries: &Registries,
        context: &Context,
    ) -> Result<Self, Fail> {
        let option = match &options.findings {
            FindingsOptions { fail_on: Some(_), .. } => "--fail-on",
            FindingsOptions { sarif: Some(_), .. } => "--sarif",
            _ => return Ok(Self { asked: None }),
        };
        if !pushes {
            return Err(CliError::input(format!(
                "{option}: images are scanned in ECR, and nothing is pushed"
            ))
            .hinted("add `--push`, or leave it out")
            .into());
        }
        for (reference, _) in targets {
            if !matches!(registries.control(reference), Ok(Control::Private)) {
                return Err(CliError::input(format!(
                    "{option}: `{reference}` is not in a private registry of ECR, and only those scan images"
                ))
                .hinted("leave the option out, or push to ECR alone")
                .into());
            }
        }
        let findings = Findings::check(&options.findings, context)?;
        let (pace, max_age) = (pace(aws, options.scan_timeout), options.scan_max_age);
        Ok(Self { asked: Some(Asked { findings, pace, max_age }) })
    }

    /// Waits for the scans of what was pushed, begins those that nobody else does, and asks the gate. Gives what was found
    /// as JSON.
    pub(in crate::cli) async fn pass(
        &self,
        registries: &Registries,
        session: Option<&Session>,
        targets: &[(Reference, Pushed)],
        published: &[Published],
        context: &Context,
    ) -> Result<Option<Value>, Fail> {
        let Some(Asked { findings, pace, max_age }) = &self.asked else { return Ok(None) };
        let scanned = async {
            let session =
                session.ok_or_else(|| CliError::internal("ECR is meant, and there is no AWS session"))?;
            let oldest = SystemClock.now().saturating_sub(*max_age).unwrap_or_default();
            let begin = Begin::IfEndedBefore(oldest);
            let mut reports = Vec::new();
            for ((reference, pushed), published) in targets.iter().zip(published) {
                let (ecr, _) = registries.ecr(session, reference).await?;
                let scanner = Scanner { ecr: &ecr, repository: &pushed.repository };
                let report = scan(&scanner, published, *pace, begin, context).await?;
                reports.push(report);
            }
            findings.hand_over(&mut reports, context)?;
            findings.judge(&reports)?;
            Ok(reports)
        };
        let reports: Vec<Report> = scanned.await.map_err(|inner| AfterAll::new(inner, published))?;
        let shown =
            reports.iter().map(|report| document(report, findings.gate, Severity::Undefined)).collect();
        Ok(Some(shown))
    }
}

async fn scan(
    scanner: &Scanner<'_>,
    published: &Published,
    pace: Pace,
    begin: Begin,
    context: &Context,
) -> Result<Report, ScanError> {
    let root = published.digest;
    let targets = if !published.media_type.is_index() {
        Targets { root, images: vec![Target { digest: root, platform: None }] }
    } else if published.platforms.is_empty() {
        scanner.targets(&ManifestId::Digest(root), &published.reference()).await?
    } else {
        let target = |image: &crate::publish::PlatformImage| Target {
            digest: image.digest,
            platform: Some(image.platform.clone()),
        };
        Targets { root, images: published.platforms.iter().map(target).collect() }
    };
    wait(scanner, &targets, pace, begin, &*context.reporter).await
}

/// A failure after the push, which is not undone by it.
#[derive(Debug)]
struct AfterAll {
    inner: Fail,
    pushed: String,
}

impl AfterAll {
    fn new(inner: Fail, published: &[Published]) -> Self {
        let pushed: Vec<_> = published.iter().map(Published::reference).collect();
        Self { inner, pushed: pushed.join(", ") }
    }
}

impl fmt::Display for AfterAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  {} was pushed, and is not handed on: no result was written", self.inner, self.pushed)
    }
}

impl Error for AfterAll {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.source()
    }
}

impl Failure for AfterAll {
    fn kind(&self) -> Kind {
        self.inner.kind()
    }

    fn hint(&self) -> Option<String> {
        self.inner.hint()
    }
}
