//! `consign doctor`.

use super::args::{Aws, RegistryOptions, Transport};
use super::error::{Fail, bad_option};
use super::settings::list;
use super::targets::{Registries, references, session_settings};
use super::{Context, http};
use crate::auth::{AuthError, Session, SessionSettings, TokenSource};
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::{Failure, Kind, Reference, RegistryHost, env};
use crate::ci::Job;
use crate::ecr::iam::{Creation, Push, Region};
use crate::ecr::preflight::{self, Check, Identity, Outcome, Report};
use crate::registry::AnyRegistry;
use crate::registry::distribution::Purpose;
use clap::Args;
use clap::builder::FalseyValueParser;
use serde_json::json;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::Arc;

/// The options of a push, without what is pushed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    /// Name that the image is to get; without one, only the identity is looked at [repeatable]
    #[arg(short, long = "tag", env = "CONSIGN_TAG", value_name = "REF", value_delimiter = ',')]
    tags: Vec<String>,
    /// As for a push with --no-cache, which needs less
    #[arg(long, env = "CONSIGN_NO_CACHE", value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    no_cache: bool,
    #[command(flatten)]
    registry: RegistryOptions,
    #[command(flatten)]
    aws: Aws,
}

const EXAMPLES: &str = "\
Examples:
  Would this push work? With the options of the push, before anything is built:
    consign doctor --tag shop/api:1.4 --role-to-assume arn:aws:iam::123456789012:role/ci

  Who is this job for AWS?
    consign doctor

  For another program:
    consign doctor --tag shop/api:1.4 --create-repository --format json

Nothing is changed: each permission is asked for by a call that finds nothing to do. One of them opens an
upload, which ECR drops by itself.

Exit codes:
  0 the push would work, as far as can be known · 2 the input is wrong · 3 something is not allowed
  4 the repository is missing, or a tag is immutable · 5 AWS does not answer";

pub(super) async fn run(mut args: Doctor, context: &Context) -> Result<(), Fail> {
    args.tags = list(context, "tags", std::mem::take(&mut args.tags));
    let tags = references("--tag", &args.tags)?;
    let registries = Registries::new(&args.registry, &args.aws)?;
    let targets = registries.targets(&tags)?;
    let named = registries.region(&tags);
    let settings = session_settings(&args.aws, named.clone(), &context.environment)?;

    let mut report = Report::default();
    report.push(ci(context));
    let session = if tags.is_empty() || registries.needs_aws(&tags, Purpose::Push)? {
        let origin = region_origin(&args, named.as_deref(), context);
        identity(&settings, &origin, context, &mut report).await?
    } else {
        None
    };
    let push = Push {
        creation: if args.registry.create_repository { Creation::IfAbsent } else { Creation::Never },
        over_v2: args.registry.transport == Transport::Oci,
        reuses: !args.no_cache,
    };
    if targets.is_empty() {
        report.push(Check::not_checked("repository", "no --tag says which one it would be"));
    }
    for (reference, target) in &targets {
        let in_ecr = registries.needs_aws(std::slice::from_ref(reference), Purpose::Push)?;
        let found = match &session {
            _ if !in_ecr => {
                let registry = registries.open(None, reference, Purpose::Push, &context.environment).await?;
                match &registry {
                    AnyRegistry::Distribution(registry) => {
                        preflight::elsewhere(registry, &target.repository, &target.tags).await
                    }
                    _ => Report::default(),
                }
            }
            None => unasked(reference),
            Some((session, region, identity)) => {
                let registry =
                    registries.open(Some(session), reference, Purpose::Push, &context.environment).await?;
                let region = region_of(reference, region)?;
                let (repository, tags) = (&target.repository, target.tags.as_slice());
                let target = preflight::Target { registry: &registry, region: &region, repository, tags };
                preflight::repository(target, push, identity).await
            }
        };
        report.extend(found);
    }
    tell(&report, context)
}

/// Which CI it is.
fn ci(context: &Context) -> Check {
    match Job::detect(&context.environment) {
        Some(job) => Check::good("CI", job.ci.to_string())
            .fact("repository", job.repository)
            .fact("runs for", job.git_ref.map(|git_ref| git_ref.to_string())),
        None => Check::not_checked("CI", "none that is known; that is no problem"),
    }
}

/// The session, its region, and who it is for; none if that ends in a check that says so.
async fn identity(
    settings: &SessionSettings,
    origin: &str,
    context: &Context,
    report: &mut Report,
) -> Result<Option<(Session, Region, Identity)>, Fail> {
    let found = TokenSource::find(&settings.token, &context.environment);
    let (clock, http) = (Arc::new(SystemClock), http()?);
    let opened = Session::open(settings, &context.environment, clock, http.clone()).await;
    let now = SystemClock.now();
    let session = match opened {
        Ok(session) => session,
        Err(error) => {
            // The token does not depend on what is wrong, unless it is the token.
            match (&error, found, &settings.role) {
                (AuthError::NoToken { .. }, ..) => report.push(preflight::no_token(&error)),
                (_, Ok(source), Some(role)) => {
                    report.push(preflight::token(&source, role, &http, settings.backoff, now).await);
                }
                (_, source, _) => report.push(preflight::no_role(source.ok().as_ref())),
            }
            if !matches!(error, AuthError::NoToken { .. }) {
                report.push(Check::failed("region", &error));
            }
            report.push(Check::not_checked("account", "there are no credentials to ask with"));
            return Ok(None);
        }
    };
    report.push(match session.web_identity() {
        Some(identity) => {
            preflight::token(&identity.token, &identity.role, &http, settings.backoff, now).await
        }
        None => preflight::no_role(found.ok().as_ref()),
    });
    let (check, region) = preflight::region(session.region(), origin);
    report.push(check);
    let Some(region) = region else {
        report.push(Check::not_checked("account", "without a region, AWS can't be asked"));
        return Ok(None);
    };
    let (found, identity) = preflight::credentials(&session, &region).await;
    report.extend(found);
    Ok(identity.map(|identity| (session, region, identity)))
}

/// What can't be looked at without an identity.
fn unasked(reference: &Reference) -> Report {
    let why = "nothing can be asked before what is wrong above is put right";
    let check = Check::not_checked("repository and permissions", why);
    Report { checks: vec![Check { on: Some(reference.to_string()), ..check }], add: Vec::new() }
}

/// Where the region was found.
fn region_origin(args: &Doctor, named: Option<&str>, context: &Context) -> String {
    let from_environment =
        [env::AWS_REGION, "AWS_DEFAULT_REGION"].iter().find(|name| context.environment.get(name).is_some());
    match (&args.aws.region, from_environment, named) {
        (Some(_), ..) => "--region".into(),
        (None, Some(name), _) => (*name).to_owned(),
        (None, None, Some(_)) => "the tag's registry".into(),
        (None, None, None) => "the AWS configuration".into(),
    }
}

/// The region of the registry that `reference` means.
fn region_of(reference: &Reference, own: &Region) -> Result<Region, Fail> {
    match &reference.host {
        Some(RegistryHost::Ecr { region, .. }) => region.parse().map_err(|error| bad_option("--tag", error)),
        _ => Ok(own.clone()),
    }
}

/// The push would not work.
#[derive(Debug, thiserror::Error)]
#[error("the push would not work: {what}")]
struct WouldFail {
    kind: Kind,
    what: String,
    /// Whether there are policies to add.
    adds: bool,
}

impl Failure for WouldFail {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn hint(&self) -> Option<String> {
        let below = if self.adds { ", and the policies below them what to add" } else { "" };
        Some(format!("the lines that are not good say what helps{below}; then run `consign doctor` again"))
    }
}

fn tell(report: &Report, context: &Context) -> Result<(), Fail> {
    let colours = std::io::stdout().is_terminal() && context.environment.get(env::NO_COLOR).is_none();
    let problem = report.problem();
    let json = json!({ "works": problem.is_none(), "checks": report.checks, "add": report.add });
    context.printer.result(&table(report, colours), &json)?;
    match problem {
        None => Ok(()),
        Some(kind) => {
            let what: Vec<&str> = report.problems().iter().map(|check| check.what.as_str()).collect();
            Err(WouldFail { kind, what: what.join(", "), adds: !report.add.is_empty() }.into())
        }
    }
}

/// All of it for people.
fn table(report: &Report, colours: bool) -> String {
    let mut text = String::new();
    let width = report.checks.iter().map(|check| check.what.chars().count()).max().unwrap_or_default();
    let mut on = None;
    for check in &report.checks {
        if check.on != on {
            on.clone_from(&check.on);
            let _ = writeln!(text, "\n{}", on.as_deref().unwrap_or_default());
        }
        let Check { what, outcome, detail, facts, remedy, .. } = check;
        let name = format!("{:11}", outcome.name());
        let name = if colours { format!("\x1b[{}m{name}\x1b[0m", colour(*outcome)) } else { name };
        let indent = 13 + width;
        let _ = writeln!(text, "{name} {what:width$} {}", indented(detail, indent));
        for (fact, value) in facts {
            let _ = writeln!(text, "{:indent$}{fact} {value}", "");
        }
        if let Some(remedy) = remedy {
            let _ = writeln!(text, "{:indent$}hint: {}", "", indented(remedy, indent));
        }
    }
    for addition in &report.add {
        let _ = write!(text, "\nadd to {}:\n{}", addition.to, addition.policy.text());
    }
    text
}

/// The lines of `text` after the first one, moved to the right.
fn indented(text: &str, by: usize) -> String {
    text.replace('\n', &format!("\n{:by$}", ""))
}

fn colour(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Good => "32",
        Outcome::Limited => "33",
        Outcome::NotChecked => "2",
        Outcome::Missing(_) | Outcome::Failed(_) => "1;31",
    }
}
