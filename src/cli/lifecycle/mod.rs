//! `consign lifecycle`: which images of a repository go by themselves, and when.

mod check;
mod effect;
mod set;
mod source;

use super::Context;
use super::args::{Aws, RegistryPlace};
use super::build::blocking;
use super::control::{self, PrivateRegistry};
use super::error::{CliError, Fail, bad_option};
use super::settings::list;
use super::targets::backoff;
use crate::base::clock::{Clock as _, SystemClock, rfc3339};
use crate::base::{Event, Reference, RepositoryName, Timestamp};
use crate::ecr::lifecycle::{Deployed, Lifecycle as Calls, LifecycleError, Listing, Patience};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Subcommand};
use serde_json::{Value, json};
use source::{PolicyOptions, read};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Lifecycle {
    #[command(subcommand)]
    command: Which,
}

const EXAMPLES: &str = "\
Examples:
  Keep the ten newest images; what would go is shown, and then it asks:
    consign lifecycle set shop/api --keep-last 10

  What would this policy delete, and is any of it in use?
    consign lifecycle preview shop/api --file lifecycle.json --deployed shop/api:prod

  In a pull request, without an AWS account:
    consign lifecycle check lifecycle.json --strict";

#[derive(Debug, Subcommand)]
enum Which {
    /// Print the policy of a repository, and when ECR last acted on it
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
    /// Give a repository a policy, after a look at what it would delete
    #[command(after_help = SET_EXAMPLES)]
    Set(set::Set),
    /// Take the policy of a repository away; its text is printed
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(Delete),
    /// Tell what is wrong with policies, and what is not likely to be meant
    #[command(after_help = CHECK_EXAMPLES)]
    Check(check::Check),
    /// Tell which images a policy would delete or archive, by which rule, and how much room they take
    #[command(after_help = PREVIEW_EXAMPLES)]
    Preview(Preview),
}

const SHOW_EXAMPLES: &str = "\
Examples:
  consign lifecycle show shop/api
  consign lifecycle show shop/api > lifecycle.json";

const DELETE_EXAMPLES: &str = "\
Examples:
  Take it away, and keep its text, so that it can be set again:
    consign lifecycle delete shop/api > lifecycle.json
    consign lifecycle set shop/api --file lifecycle.json";

const SET_EXAMPLES: &str = "\
Examples:
  consign lifecycle set shop/api --file lifecycle.json
  consign lifecycle set shop/api --keep-last 10 --expire-untagged 14

  In a pipeline, unless something goes that is deployed (exit code 6):
    consign lifecycle set shop/api --file lifecycle.json --yes --deployed shop/api:prod

On a terminal it shows what would go, and asks. Elsewhere it does nothing without --yes. A policy that says what
the present one says is not set again.";

const CHECK_EXAMPLES: &str = "\
Examples:
  consign lifecycle check lifecycle.json
  consign lifecycle check policies/*.json --strict

  With the images of a repository: rules that match nothing, or that would delete what is deployed:
    consign lifecycle check lifecycle.json --repository shop/api --deployed shop/api:prod

  The policy that a repository has:
    consign lifecycle check --repository shop/api

Exit codes:
  0 ECR takes them all, warnings or not · 2 ECR would refuse one · 6 there are warnings, and --strict";

const PREVIEW_EXAMPLES: &str = "\
Examples:
  What the policy that is set does at the next occasion, in ECR's own words:
    consign lifecycle preview shop/api

  What another one would do:
    consign lifecycle preview shop/api --keep-last 10

  Evaluated here, from the list of images; needs no permission for previews:
    consign lifecycle preview shop/api --file lifecycle.json --offline

  Without AWS, from a list that was written before:
    aws ecr describe-images --repository-name shop/api --output json > images.json
    consign lifecycle preview --file lifecycle.json --images images.json --now 2026-12-24T00:00:00Z";

#[derive(Debug, Args)]
struct Show {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

#[derive(Debug, Args)]
struct Delete {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

#[derive(Debug, Args)]
struct Preview {
    /// The repository; with --images it can be left out
    #[arg(value_name = "REPOSITORY", required_unless_present = "images")]
    repository: Option<String>,
    #[command(flatten)]
    policy: PolicyOptions,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    evaluation: Evaluation,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

/// What is to stay.
#[derive(Debug, Args)]
struct Guard {
    /// Image that is deployed, by reference, tag or digest: if it would go, the exit code is 6 [repeatable]
    #[arg(long, env = "CONSIGN_DEPLOYED", value_name = "IMAGE", value_delimiter = ',')]
    deployed: Vec<String>,
}

impl Guard {
    fn read(&self, of: Option<&RepositoryName>, context: &Context) -> Result<Vec<Deployed>, Fail> {
        let mut found = Vec::new();
        for text in list(context, "deployed", self.deployed.clone()) {
            found.extend(Deployed::parse(&text, of).map_err(|error| bad_option("--deployed", error))?);
        }
        Ok(found)
    }
}

/// Who evaluates a policy.
#[derive(Debug, Args)]
struct Evaluation {
    /// Evaluate the policy here, from the list of the repository's images, and not by ECR's preview
    #[arg(long, env = "CONSIGN_OFFLINE", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    offline: bool,
    #[command(flatten)]
    images: ImagesOptions,
    /// How long ECR's preview may take
    #[arg(long, env = "CONSIGN_PREVIEW_TIMEOUT_SECONDS", value_name = "SECONDS", default_value = "300", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    preview_timeout_seconds: u32,
}

impl Evaluation {
    fn patience(&self, aws: &Aws) -> Patience {
        Patience {
            limit: Duration::from_secs(self.preview_timeout_seconds.into()),
            first: backoff(aws).initial,
        }
    }
}

/// What is there, and when.
#[derive(Debug, Args)]
struct ImagesOptions {
    /// List of images, as JSON of `aws ecr describe-images`, in place of the repository's own; `-` is stdin
    #[arg(long, env = "CONSIGN_IMAGES", value_name = "PATH")]
    images: Option<PathBuf>,
    /// Time to evaluate for, in place of the present, where it is done here
    #[arg(long, env = "CONSIGN_NOW", value_name = "RFC3339")]
    now: Option<String>,
}

impl ImagesOptions {
    fn now(&self) -> Result<Timestamp, Fail> {
        let Some(text) = &self.now else { return Ok(SystemClock.now()) };
        text.parse().map_err(|_| bad_option("--now", format!("`{text}` is not a time of RFC 3339")))
    }

    async fn listing(&self) -> Result<Option<Listing>, Fail> {
        let Some(path) = &self.images else { return Ok(None) };
        let text = read(path).await?;
        let wrong = |error: crate::ecr::lifecycle::ListingError| {
            let hint = crate::base::Failure::hint(&error).unwrap_or_default();
            CliError::input(format!("{}: {error}", path.display())).hinted(hint)
        };
        Ok(Some(Listing::parse(&text).map_err(wrong)?))
    }
}

pub(super) async fn run(args: Lifecycle, context: &Context) -> Result<(), Fail> {
    match args.command {
        Which::Show(args) => Box::pin(show(args, context)).await,
        Which::Set(args) => Box::pin(set::run(args, context)).await,
        Which::Delete(args) => Box::pin(delete(args, context)).await,
        Which::Check(args) => Box::pin(check::run(args, context)).await,
        Which::Preview(args) => Box::pin(preview(args, context)).await,
    }
}

/// A repository of a private registry.
struct Opened {
    reference: Reference,
    registry: PrivateRegistry,
}

impl Opened {
    async fn new(text: &str, place: &RegistryPlace, aws: &Aws, context: &Context) -> Result<Self, Fail> {
        let reference = control::repository("REPOSITORY", text)?;
        let registry = control::private(&reference, "lifecycle policies", place, aws, context).await?;
        Ok(Self { reference, registry })
    }

    fn calls(&self) -> Calls<'_> {
        Calls::new(&self.registry.ecr, &self.reference.repository)
    }
}

async fn show(args: Show, context: &Context) -> Result<(), Fail> {
    let opened = Opened::new(&args.repository, &args.place, &args.aws, context).await?;
    let calls = opened.calls();
    let Some(stored) = calls.get().await? else {
        return Err(LifecycleError::NoPolicy { repository: calls.name() }.into());
    };
    let last = stored.last_evaluated.map(rfc3339);
    let what = match &last {
        Some(last) => format!("ECR last acted on it at {last}"),
        None => "ECR has not acted on it yet".to_owned(),
    };
    context.reporter.event(Event::Started { what });
    let json =
        json!({ "repository": calls.name(), "policy": document(&stored.text), "lastEvaluatedAt": last });
    context.printer.result(&pretty(&stored.text), &json)
}

async fn delete(args: Delete, context: &Context) -> Result<(), Fail> {
    let opened = Opened::new(&args.repository, &args.place, &args.aws, context).await?;
    let calls = opened.calls();
    let deleted = calls.delete().await?;
    let what = match &deleted {
        Some(_) => {
            format!("{} has no lifecycle policy any more; it was the one that is printed", calls.name())
        }
        None => format!("{} has no lifecycle policy, and had none", calls.name()),
    };
    context.reporter.event(Event::Started { what });
    let json = json!({
        "repository": calls.name(),
        "deleted": deleted.is_some(),
        "policy": deleted.as_deref().map(document),
    });
    context.printer.result(&deleted.as_deref().map(pretty).unwrap_or_default(), &json)
}

async fn preview(args: Preview, context: &Context) -> Result<(), Fail> {
    let given = args.policy.read().await?;
    let listing = args.evaluation.images.listing().await?;
    let now = args.evaluation.images.now()?;
    let reference =
        args.repository.as_deref().map(|text| control::repository("REPOSITORY", text)).transpose()?;
    let deployed = args.guard.read(reference.as_ref().map(|reference| &reference.repository), context)?;
    let opened = match &args.repository {
        // Nothing is left to ask for.
        Some(_) if given.is_some() && listing.is_some() => None,
        Some(text) => Some(Opened::new(text, &args.place, &args.aws, context).await?),
        None => None,
    };
    let calls = opened.as_ref().map(Opened::calls);
    let (file, text) = match (given, &calls) {
        (Some(given), _) => given,
        (None, Some(calls)) => {
            let Some(stored) = calls.get().await? else {
                return Err(LifecycleError::NoPolicy { repository: calls.name() }.into());
            };
            (PathBuf::from(calls.name()), stored.text)
        }
        (None, None) => {
            return Err(CliError::input("no policy is given, and no repository that has one")
                .hinted("name the policy's file with `--file PATH`, or pass `--keep-last N`")
                .into());
        }
    };
    let policy = crate::ecr::lifecycle::check(&file, &text)?;
    let asked = effect::Asked {
        file: &file,
        text: &text,
        policy: &policy,
        deployed: &deployed,
        offline: args.evaluation.offline,
        patience: args.evaluation.patience(&args.aws),
        listing,
        now,
    };
    let found = Box::pin(effect::find(asked, calls, context)).await?;
    let name = calls.map(|calls| calls.name()).or_else(|| args.repository.clone());
    context.printer.result(&found.text(), &found.json(name.as_deref()))?;
    found.gate()
}

/// A policy's text as JSON, or as a string if it is none.
fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// A policy's text as people read it.
fn pretty(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => format!("{value:#}\n"),
        Err(_) => format!("{}\n", text.trim_end()),
    }
}

/// The name of a file in messages.
fn shown(path: &Path) -> PathBuf {
    if path == Path::new("-") { PathBuf::from("<stdin>") } else { path.to_owned() }
}
