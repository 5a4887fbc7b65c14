//! `consign replication`, and what a build waits for.

mod set;
mod wait;

pub(super) use wait::{WaitOptions, Waiting};

use super::Context;
use super::args::{Aws, RegistryPlace};
use super::control::{image, own, parsed, private};
use super::error::{CliError, Fail};
use super::table::{Align, Table};
use super::targets::manifest_id;
use crate::base::{Event, ManifestDigest, human};
use crate::ecr::image::{ImageKind, Member};
use crate::ecr::replication::{self, Configuration, Rule, Status, Where};
use crate::image::Index;
use crate::registry::{ManifestId, Registry as _, RegistryError};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Subcommand};
use serde_json::{Value, json};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Replication {
    #[command(subcommand)]
    command: Which,
}

const EXAMPLES: &str = "\
Examples:
  Have all that is pushed to shop/… copied to another region, beside the rules that are there:
    consign replication set --to eu-central-1 --prefix shop/

  Has an image arrived?
    consign replication status shop/api:1.4 --wait";

#[derive(Debug, Subcommand)]
enum Which {
    /// Show the rules of the registry
    Show(Show),
    /// Change the rules of the registry; those of others stay
    Set(set::Set),
    /// Tell how far an image is on its way
    Status(StatusOf),
}

#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    #[command(flatten)]
    registry: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  consign replication show
  consign replication show --region eu-west-1 --format json > rules.json";

#[derive(Debug, Args)]
#[command(after_help = STATUS_EXAMPLES)]
struct StatusOf {
    /// The image or index: REPOSITORY:TAG or REPOSITORY@sha256:…
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Wait until the image has arrived; exit code 4 if it will not, 5 if it takes too long
    #[arg(long, env = "CONSIGN_REPLICATION_WAIT", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    wait: bool,
    /// Wait only for this destination [repeatable]
    #[arg(long, env = "CONSIGN_REPLICATION_TO", value_name = "REGION[@ACCOUNT]", value_delimiter = ',')]
    to: Vec<String>,
    /// How long it is waited for
    #[arg(long, env = "CONSIGN_REPLICATION_TIMEOUT", value_name = "TIME", default_value = "15m", value_parser = super::control::duration)]
    timeout: jiff::SignedDuration,
    #[command(flatten)]
    registry: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const STATUS_EXAMPLES: &str = "\
Examples:
  consign replication status shop/api:1.4
  consign replication status \"shop/api@$(cat digest.txt)\" --wait --to eu-west-1";

pub(super) async fn run(args: Replication, context: &Context) -> Result<(), Fail> {
    match args.command {
        Which::Show(args) => show(args, context).await,
        Which::Set(args) => Box::pin(set::run(args, context)).await,
        Which::Status(args) => Box::pin(status(args, context)).await,
    }
}

async fn show(args: Show, context: &Context) -> Result<(), Fail> {
    let registry = own(&args.registry, &args.aws, context).await?;
    let found = replication::Replication(&registry.ecr).read().await?;
    if found.rules.is_empty() {
        let what = format!("nothing is replicated from {} in {}", registry.ecr.host(), registry.region);
        context.reporter.event(Event::Started { what });
    }
    context.printer.result(&table(&found.rules), &json_of(&found))
}

/// The rules as `describe-registry` has them.
fn json_of(found: &Configuration) -> Value {
    json!({ "registryId": found.registry_id, "replicationConfiguration": { "rules": found.rules } })
}

/// The rules for people, a line for each destination.
fn table(rules: &[Rule]) -> String {
    let headings = [
        ("RULE", Align::Right),
        ("REPOSITORIES", Align::Left),
        ("REGION", Align::Left),
        ("ACCOUNT", Align::Left),
    ];
    let mut table = Table::new(&headings);
    for (number, rule) in rules.iter().enumerate() {
        let prefixes: Vec<String> =
            rule.repository_filters.iter().map(|it| format!("{}*", it.filter)).collect();
        let prefixes = if prefixes.is_empty() { "all".to_owned() } else { prefixes.join(", ") };
        for to in &rule.destinations {
            table.row([
                (number + 1).to_string(),
                prefixes.clone(),
                to.region.clone(),
                to.registry_id.clone(),
            ]);
        }
    }
    table.text()
}

/// One image of those that the status is about.
struct Looked {
    digest: ManifestDigest,
    name: String,
    statuses: Vec<Status>,
}

async fn status(args: StatusOf, context: &Context) -> Result<(), Fail> {
    let reference = image("IMAGE", &args.image)?;
    let asked: Vec<Where> = parsed(context, "--to", "to", &args.to)?;
    let registry = private(&reference, "replication", &args.registry, &args.aws, context).await?;
    let replication = replication::Replication(&registry.ecr);
    let (id, repository) = (manifest_id(&reference), &reference.repository);
    let mut own = match replication.status(repository, &id).await {
        Err(RegistryError::Refused { code, .. }) if code == "ImageNotFoundException" => {
            let what = format!("`{reference}` is not in the repository {}/{repository}", registry.ecr.host());
            return Err(CliError::refused(what)
                .hinted("`consign image list REPOSITORY` shows what is there")
                .into());
        }
        other => other?,
    };
    // The manifest tells the digest, and what an index lists.
    let manifest = registry.ecr.manifest(repository, &id).await?;
    let digest = match (&id, &manifest) {
        (_, Some(manifest)) => manifest.digest(),
        (ManifestId::Digest(digest), None) => *digest,
        (ManifestId::Tag(_), None) => {
            let what = format!("`{reference}` can't be read any more: it was deleted or went to the archive");
            return Err(CliError::refused(what).into());
        }
    };
    let index = manifest.filter(|manifest| manifest.media_type.is_index());
    let members = match index.map(|manifest| serde_json::from_slice::<Index>(&manifest.bytes)) {
        Some(Ok(index)) => Member::all(&index),
        _ => Vec::new(),
    };
    if args.wait {
        let to: Vec<Where> = if asked.is_empty() {
            own.iter()
                .map(|it| Where { region: it.region.clone(), account: Some(it.registry_id.clone()) })
                .collect()
        } else {
            asked.clone()
        };
        if to.is_empty() {
            return Err(CliError::input(format!("`{reference}` is on its way to nowhere"))
                .hinted("no rule was for its repository when it was pushed: `consign replication show` prints the rules, and `--to REGION` waits in any case")
                .into());
        }
        let awaited = replication::wait::Awaited {
            replication: replication.clone(),
            repository,
            digest,
            children: members.iter().map(|member| member.digest).collect(),
            // Somebody has pushed it, perhaps a moment ago.
            pushed: !asked.is_empty(),
        };
        let timeout = args.timeout.try_into().unwrap_or_default();
        awaited.wait(&to, timeout, &mut |to| arrived(context, repository.as_str(), to)).await?;
        own = replication.status(repository, &id).await?;
    }
    let mut all = vec![Looked {
        digest,
        name: if members.is_empty() { "image" } else { "index" }.into(),
        statuses: own,
    }];
    for member in members {
        let name = match (&member.platform, member.kind) {
            (Some(platform), _) => platform.to_string(),
            (None, ImageKind::Attestation) => "attestation".into(),
            (None, kind) => kind.to_string(),
        };
        let statuses = replication.status(repository, &ManifestId::Digest(member.digest)).await?;
        all.push(Looked { digest: member.digest, name, statuses });
    }
    if all[0].statuses.is_empty() {
        let what =
            format!("{reference} is not replicated: no rule was for its repository when it was pushed");
        context.reporter.event(Event::Started { what });
    }
    let json = all
        .iter()
        .map(|it| json!({ "imageDigest": it.digest, "name": it.name, "replicationStatuses": it.statuses }));
    let json =
        json!({ "repositoryName": repository, "imageDigest": digest, "images": json.collect::<Vec<_>>() });
    context.printer.result(&statuses(&all), &json)
}

fn statuses(all: &[Looked]) -> String {
    let mut table = Table::new(&[
        ("IMAGE", Align::Left),
        ("DIGEST", Align::Left),
        ("REGION", Align::Left),
        ("ACCOUNT", Align::Left),
        ("STATUS", Align::Left),
    ]);
    for one in all {
        for status in &one.statuses {
            let mut text = status.status.to_string();
            if let Some(code) = &status.failure_code {
                text.extend([": ", code]);
            }
            let digest = format!("sha256:{}", one.digest.short());
            table.row([one.name.clone(), digest, status.region.clone(), status.registry_id.clone(), text]);
        }
    }
    table.text()
}

/// Tells that an image is where it was awaited.
fn arrived(context: &Context, repository: &str, to: &Where) {
    context.reporter.event(Event::Started { what: format!("{repository} has arrived in {to}") });
}

/// `1 rule`
fn count(rules: &[Rule]) -> String {
    human::count(rules.len(), "rule")
}
