//! `consign build --check`: says what is wrong with a Dockerfile and what could be better, and builds nothing.
//!
//! As with `docker build --check`, findings alone make it fail too, with a code of their own.

use super::Context;
use super::args::{Build, Format};
use super::error::{CliError, Fail, bad_option};
use super::plan::find_file;
use crate::base::{Platform, human};
use crate::build::dockerfile::NamedContext;
use crate::spec::dockerfile::{self, Checked, Finding, Ignored, Options};
use crate::spec::{Kind, Problem, SpecError, kind, yaml};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) fn run(args: &Build, context: &Context) -> Result<(), Fail> {
    let file = find_file(args).ok_or_else(|| {
        CliError::input(format!(
            "there is nothing to check: `{}` holds no Dockerfile",
            args.context.display()
        ))
        .hinted("name the file with `--file PATH`")
    })?;
    let bytes = fs_err::read(&file).map_err(|error| CliError::input(error.to_string()))?;
    let text = dockerfile::text(&file, &bytes)?;
    let checked = match kind(text) {
        Kind::Dockerfile => dockerfile::check(&file, text, &options(args, &file, context)?, &|_, _| None),
        Kind::ConsignYaml => Checked {
            error: yaml::parse(&file, text).err(),
            findings: Vec::new(),
            findings_are_errors: false,
        },
    };
    tell(&file, checked, context)
}

/// What stands for stages and their arguments means nothing where there is no Dockerfile.
pub(super) fn no_dockerfile(args: &Build) -> Result<(), Fail> {
    let option = match args {
        Build { target: Some(_), .. } => "--target",
        Build { arguments, .. } if !arguments.is_empty() => "--build-arg",
        Build { contexts, .. } if !contexts.is_empty() => "--build-context",
        _ => return Ok(()),
    };
    Err(CliError::input(format!("{option} is for Dockerfiles, and this build has none"))
        .hinted(format!("leave out `{option}`"))
        .into())
}

/// What a Dockerfile is evaluated with, for the first platform.
pub(super) fn options(args: &Build, file: &Path, context: &Context) -> Result<Options, Fail> {
    let platform = match args.image.platforms.first() {
        None => Platform::host(),
        Some(text) => text.parse().map_err(|error| bad_option("--platform", error))?,
    };
    let mut options = Options { target: args.target.clone(), ..Options::new(platform) };
    options.build_platform = Platform::host();
    for text in &args.arguments {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text.as_str(), context.environment.get(text)),
        };
        if name.is_empty() {
            return Err(bad_option("--build-arg", format!("`{text}` is neither NAME=VALUE nor NAME")));
        }
        if let Some(value) = value {
            options.build_args.insert(name.to_owned(), value.to_owned());
        }
    }
    options.contexts = contexts(args)?.into_keys().collect();
    options.ignored = ignored(args, file)?;
    Ok(options)
}

/// The build contexts that have names.
pub(super) fn contexts(args: &Build) -> Result<BTreeMap<String, NamedContext>, Fail> {
    const OPTION: &str = "--build-context";
    let context = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            let context = if value.starts_with("docker-image://") || value.starts_with("oci-layout://") {
                NamedContext::Image(value.to_owned())
            } else if value.contains("://") || value.starts_with("git@") {
                return Err(CliError::input(format!("{OPTION}: `{value}` is fetched by nobody here"))
                    .hinted("get it in a step of the job before, and name the directory")
                    .into());
            } else if Path::new(value).is_dir() {
                NamedContext::Directory(PathBuf::from(value))
            } else {
                return Err(CliError::input(format!("{OPTION}: `{value}` is not a directory"))
                    .hinted(
                        "an image is named with `docker-image://` in front, a layout with `oci-layout://`",
                    )
                    .into());
            };
            Ok((name.to_owned(), context))
        }
        _ => Err(bad_option(
            OPTION,
            format!("`{text}` is not NAME=PATH, NAME=docker-image://REF or NAME=oci-layout://PATH"),
        )),
    };
    args.contexts.iter().map(context).collect()
}

/// Tells in a line that there would be more to say of a file that is built. Findings that the file itself calls errors
/// are.
pub(super) fn before_build(
    file: &Path,
    text: &str,
    options: &Options,
    context: &Context,
) -> Result<(), Fail> {
    let checked = dockerfile::check(file, text, options, &|_, _| None);
    if checked.error.is_some() || checked.findings.is_empty() {
        return Ok(()); // What is wrong is told by whoever carries it out.
    }
    if checked.findings_are_errors {
        return tell(file, checked, context);
    }
    let number = human::count(checked.findings.len(), "finding");
    context
        .reporter
        .warn(format!("`{}`: {number}; `consign build --check` shows what could be better", file.display()));
    Ok(())
}

/// What `FILE.dockerignore` says, or else that of the context.
fn ignored(args: &Build, file: &Path) -> Result<Option<Ignored>, Fail> {
    let mut own = file.as_os_str().to_owned();
    own.push(".dockerignore");
    let candidates = [PathBuf::from(own), args.context.join(".dockerignore")];
    let Some(path) = candidates.into_iter().find(|path| path.is_file()) else { return Ok(None) };
    let bytes = fs_err::read(&path).map_err(|error| CliError::input(error.to_string()))?;
    let parsed = Ignored::parse(&bytes);
    Ok(Some(parsed.map_err(|error| {
        CliError::input(format!("`{}`: {error}", path.display()))
            .hinted("a sign that is meant as such needs a `\\` before it")
    })?))
}

fn tell(file: &Path, checked: Checked, context: &Context) -> Result<(), Fail> {
    let Checked { error, findings, findings_are_errors } = checked;
    let number = human::count(findings.len(), "finding");
    match context.printer.format {
        Format::Json => {
            let problem = |problem: &Problem| {
                let Problem { line, column, width, message, hint, .. } = problem;
                json!({ "line": line, "column": column, "width": width, "message": message, "hint": hint })
            };
            let finding = |finding: &Finding| {
                let mut json = problem(&finding.problem);
                json["rule"] = finding.rule.name().into();
                json
            };
            let errors = error.iter().flat_map(|error| &error.problems).map(problem);
            let json = json!({
                "file": file.display().to_string(),
                "errors": errors.collect::<Vec<_>>(),
                "findings": findings.iter().map(finding).collect::<Vec<_>>(),
            });
            context.printer.result("", &json)?;
        }
        Format::Text => {
            for Finding { rule, problem } in &findings {
                let message = format!("{}: {}", rule.name(), problem.message);
                let problems = vec![Problem { message, ..problem.clone() }];
                context.printer.warning(&SpecError { file: file.to_owned(), problems }.to_string());
            }
            if error.is_none() && findings.is_empty() {
                context.printer.stdout(&format!("{}: no problems found\n", file.display()))?;
            }
        }
    }
    match error {
        Some(error) => Err(error.into()),
        None if findings.is_empty() => Ok(()),
        None => {
            let message = format!("`{}`: {number}", file.display());
            let hint =
                "skip a check with `# check=skip=RULE` at the top of the file, or above the instruction";
            let error = if findings_are_errors {
                CliError::input(format!("{message}, and the file says `error=true`"))
            } else {
                CliError::gate(message)
            };
            Err(error.hinted(hint).into())
        }
    }
}
