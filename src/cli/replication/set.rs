//! `consign replication set`.

use super::{count, table};
use crate::base::{Event, RepositoryName};
use crate::cli::Context;
use crate::cli::args::{Aws, RegistryPlace};
use crate::cli::build::blocking;
use crate::cli::confirm::confirm;
use crate::cli::control::{own, parsed};
use crate::cli::error::{CliError, Fail, bad_option};
use crate::cli::settings::list;
use crate::ecr::replication::change::{Change, Changed, apply};
use crate::ecr::replication::{
    Configuration, Pair, Replication, Rule, Wanted, Where, check, merge, pairs, parse,
};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(super) struct Set {
    /// Where images go; without an account, to the own one [repeatable]
    #[arg(
        long,
        env = "CONSIGN_REPLICATION_TO",
        value_name = "REGION[@ACCOUNT]",
        value_delimiter = ',',
        required_unless_present = "file"
    )]
    to: Vec<String>,
    /// What the names of the repositories begin with (default: all repositories of the registry) [repeatable]
    #[arg(
        long = "prefix",
        env = "CONSIGN_REPLICATION_PREFIX",
        value_name = "REPOSITORY_PREFIX",
        value_delimiter = ','
    )]
    prefixes: Vec<String>,
    /// Stop sending there: these repositories, named as in the rules, or all
    #[arg(long, env = "CONSIGN_REPLICATION_REMOVE", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    remove: bool,
    /// Drop all other rules of the registry
    #[arg(long, env = "CONSIGN_REPLICATION_REPLACE", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue, conflicts_with = "remove")]
    replace: bool,
    /// Replace all rules by those of a file, or of `-`, which is stdin: the JSON of `aws ecr describe-registry`
    #[arg(long, env = "CONSIGN_REPLICATION_FILE", value_name = "PATH", conflicts_with_all = ["to", "prefixes", "remove", "replace"])]
    file: Option<PathBuf>,
    /// Tell what would change, and change nothing
    #[arg(long, env = "CONSIGN_DRY_RUN", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    dry_run: bool,
    /// Do not ask before something is dropped
    #[arg(short, long, env = "CONSIGN_YES", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    yes: bool,
    #[command(flatten)]
    registry: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const EXAMPLES: &str = "\
Examples:
  Send the repositories of a shop to where they are pulled, in the own account and in another one:
    consign replication set --prefix shop/ --to eu-west-1 --to us-west-2@210987654321

  And no more to the one of them:
    consign replication set --prefix shop/ --to eu-west-1 --remove --yes

  What would change?
    consign replication set --prefix shop/ --to eu-west-1 --dry-run";

/// What is asked for.
enum Asked {
    Add(Wanted),
    Remove(Wanted),
    Replace(Vec<Rule>),
}

impl Asked {
    fn make(&self, rules: &[Rule]) -> Vec<Rule> {
        match self {
            Self::Add(wanted) => merge::add(rules, wanted),
            Self::Remove(unwanted) => merge::remove(rules, unwanted),
            Self::Replace(wanted) => wanted.clone(),
        }
    }
}

pub(super) async fn run(mut args: Set, context: &Context) -> Result<(), Fail> {
    args.prefixes = list(context, "prefixes", args.prefixes);
    for prefix in &args.prefixes {
        check_prefix(prefix)?;
    }
    let to: Vec<Where> = parsed(context, "--to", "to", &args.to)?;
    let from_file = match args.file.clone() {
        Some(path) => Some(parse(&read(path).await?)?),
        None => None,
    };
    let registry = own(&args.registry, &args.aws, context).await?;
    let replication = Replication(&registry.ecr);
    let before = replication.read().await?;
    let asked = asked(&args, &to, from_file, &before);
    let after = asked.make(&before.rules);
    check(&after, &before.registry_id, &registry.region)?;

    let (said, to_say) = (pairs(&before.rules), pairs(&after));
    let added: Vec<Pair> = to_say.difference(&said).cloned().collect();
    let dropped: BTreeSet<Pair> = said.difference(&to_say).cloned().collect();
    tell(&added, &dropped, context);
    if added.is_empty() && dropped.is_empty() {
        let what = format!("nothing to change: {}", count(&before.rules));
        context.reporter.event(Event::Started { what });
    }
    let mut done = Changed { rules: after, writes: 0 };
    let changes = !added.is_empty() || !dropped.is_empty();
    if changes && !args.dry_run {
        if !dropped.is_empty() && !args.yes {
            let all: Vec<_> = dropped.iter().map(route).collect();
            let question = format!("Stop replicating {}?", all.join(", "));
            let hint = "`--yes` drops it without being asked, `--dry-run` shows what would change";
            confirm(context, &question, hint).await?;
        }
        let make = |rules: &[Rule]| asked.make(rules);
        done =
            apply(&replication, &Change { make: &make, agreed: &dropped, region: &registry.region }).await?;
        if done.writes > 1 {
            context.reporter.warn(format!(
                "somebody else has changed the rules at the same moment: they were written {} times, and all is there now",
                done.writes
            ));
        }
    }
    let after = Configuration { registry_id: before.registry_id, rules: done.rules };
    let mut json = super::json_of(&after);
    json["changed"] = (done.writes > 0).into();
    json["dryRun"] = args.dry_run.into();
    json["added"] = json_of(added.iter());
    json["dropped"] = json_of(dropped.iter());
    context.printer.result(&table(&after.rules), &json)
}

/// What ECR takes as a filter: the beginning of a name.
fn check_prefix(prefix: &str) -> Result<(), Fail> {
    if let Some((start, _)) = prefix.split_once('*') {
        let error = CliError::input(format!("--prefix: `{prefix}` has a `*`, and a prefix is no pattern"));
        return Err(error.hinted(format!("leave it out: `{start}` means all that begins so")).into());
    }
    // A prefix may end where a name may not: with a separator.
    let name = prefix.trim_end_matches(['/', '.', '_', '-']);
    let checked = name.parse::<RepositoryName>();
    checked.map(|_| ()).map_err(|error| bad_option("--prefix", error))
}

fn asked(args: &Set, to: &[Where], from_file: Option<Vec<Rule>>, before: &Configuration) -> Asked {
    let destinations = to.iter().map(|to| to.destination(&before.registry_id));
    let mut unique = Vec::new();
    for destination in destinations {
        if !unique.contains(&destination) {
            unique.push(destination);
        }
    }
    let wanted = Wanted { prefixes: args.prefixes.clone(), destinations: unique };
    match from_file {
        Some(rules) => Asked::Replace(rules),
        None if args.remove => Asked::Remove(wanted),
        None if args.replace => Asked::Replace(vec![wanted.rule()]),
        None => Asked::Add(wanted),
    }
}

async fn read(path: PathBuf) -> Result<String, Fail> {
    blocking(move || {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            read.map_err(|error| CliError::input(format!("reading stdin: {error}")))?;
            return Ok(text);
        }
        Ok(fs_err::read_to_string(path).map_err(|error| CliError::input(format!("--file: {error}")))?)
    })
    .await
}

/// `shop/* -> eu-west-1@123456789012`
fn route((prefix, destination): &Pair) -> String {
    let repositories =
        prefix.as_ref().map_or_else(|| "all repositories".to_owned(), |prefix| format!("{prefix}*"));
    format!("{repositories} -> {destination}")
}

fn tell(added: &[Pair], dropped: &BTreeSet<Pair>, context: &Context) {
    let added = added.iter().map(|pair| format!("+ {}", route(pair)));
    for what in added.chain(dropped.iter().map(|pair| format!("- {}", route(pair)))) {
        context.reporter.event(Event::Started { what });
    }
}

fn json_of<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Value {
    let one =
        |(prefix, to): &Pair| json!({ "prefix": prefix, "region": to.region, "registryId": to.registry_id });
    pairs.map(one).collect()
}
