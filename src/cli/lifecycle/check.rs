//! `consign lifecycle check`.

use super::source::read;
use super::{Guard, ImagesOptions, Opened, effect, shown};
use crate::base::{Failure, Kind, human};
use crate::cli::Context;
use crate::cli::args::{Aws, Format, RegistryPlace};
use crate::cli::error::{CliError, Fail};
use crate::ecr::lifecycle::{Finding, Ground, LifecycleError, check, lint};
use crate::spec::{Problem, SpecError};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use serde_json::json;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Files that hold policies as JSON; `-` is stdin
    #[arg(value_name = "FILE", required_unless_present = "repository")]
    files: Vec<PathBuf>,
    /// Repository whose images the rules are held against; without FILE, its policy is checked
    #[arg(long, env = "CONSIGN_LIFECYCLE_REPOSITORY", value_name = "REPOSITORY")]
    repository: Option<String>,
    #[command(flatten)]
    images: ImagesOptions,
    #[command(flatten)]
    guard: Guard,
    /// Fail if there is any warning (exit code 6)
    #[arg(long, env = "CONSIGN_STRICT", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    strict: bool,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

/// What was found in one text.
struct Checked {
    file: PathBuf,
    error: Option<SpecError>,
    findings: Vec<Finding>,
}

pub(super) async fn run(args: Check, context: &Context) -> Result<(), Fail> {
    let mut texts = Vec::new();
    for path in &args.files {
        texts.push((shown(path), read(path).await?));
    }
    let given = args.images.listing().await?;
    let now = args.images.now()?;
    let opened = match &args.repository {
        Some(text) => Some(Opened::new(text, &args.place, &args.aws, context).await?),
        None => None,
    };
    let repository = opened.as_ref().map(|opened| &opened.reference.repository);
    let deployed = args.guard.read(repository, context)?;
    let mut listing = given;
    if let Some(opened) = &opened {
        let calls = opened.calls();
        if texts.is_empty() {
            let Some(stored) = calls.get().await? else {
                return Err(LifecycleError::NoPolicy { repository: calls.name() }.into());
            };
            texts.push((PathBuf::from(calls.name()), stored.text));
        }
        if listing.is_none() {
            let looks_at_pulls = texts.iter().any(|(_, text)| text.contains("sinceImagePulled"));
            listing = Some(calls.images(looks_at_pulls).await?);
        }
    }
    if listing.is_none() && !deployed.is_empty() {
        return Err(CliError::input("--deployed: no list of images is known")
            .hinted("name the repository with `--repository`, or a list of its images with `--images`")
            .into());
    }
    let ground = listing.as_ref().map(|listing| Ground { listing, deployed: &deployed, now });
    let all = texts.into_iter().map(|(file, text)| match check(&file, &text) {
        Ok(policy) => Checked { findings: lint(&text, &policy, ground), file, error: None },
        Err(error) => Checked { file, error: Some(error), findings: Vec::new() },
    });
    tell(all.collect(), args.strict, context)
}

fn tell(all: Vec<Checked>, strict: bool, context: &Context) -> Result<(), Fail> {
    match context.printer.format {
        Format::Json => {
            let files = all.iter().map(|Checked { file, error, findings }| {
                let errors = error.iter().flat_map(|error| &error.problems).map(problem);
                let findings = findings.iter().map(|finding| {
                    let mut json = problem(&finding.problem);
                    json["rule"] = finding.lint.name().into();
                    json
                });
                json!({
                    "file": file.display().to_string(),
                    "errors": errors.collect::<Vec<_>>(),
                    "findings": findings.collect::<Vec<_>>(),
                })
            });
            context.printer.result("", &json!({ "files": files.collect::<Vec<_>>() }))?;
        }
        Format::Text => {
            for Checked { file, error, findings } in &all {
                effect::show(file, findings, context);
                if error.is_none() {
                    let number = match findings.len() {
                        0 => "no problems found".to_owned(),
                        number => human::count(number, "warning"),
                    };
                    context.printer.stdout(&format!("{}: {number}\n", file.display()))?;
                }
            }
        }
    }
    let warnings: usize = all.iter().map(|checked| checked.findings.len()).sum();
    let mut errors: Vec<SpecError> = all.into_iter().filter_map(|checked| checked.error).collect();
    match errors.len() {
        0 if strict && warnings > 0 => {
            let message = format!("{} in what ECR would take", human::count(warnings, "warning"));
            Err(CliError::gate(message).hinted("without `--strict`, warnings are no failure").into())
        }
        0 => Ok(()),
        1 => Err(errors.remove(0).into()),
        _ => Err(Several(errors).into()),
    }
}

fn problem(problem: &Problem) -> serde_json::Value {
    let Problem { line, column, width, message, hint, .. } = problem;
    json!({ "line": line, "column": column, "width": width, "message": message, "hint": hint })
}

/// What is wrong with several files.
#[derive(Debug)]
struct Several(Vec<SpecError>);

impl std::error::Error for Several {}

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join("\n"))
    }
}

impl Failure for Several {
    fn kind(&self) -> Kind {
        Kind::Input
    }
}
