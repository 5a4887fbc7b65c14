//! `consign lifecycle set`.

use super::effect::{self, Asked};
use super::source::PolicyOptions;
use super::{Evaluation, Guard, Opened, document};
use crate::base::{Event, human};
use crate::cli::Context;
use crate::cli::args::{Aws, RegistryPlace};
use crate::cli::confirm::confirm;
use crate::cli::error::{CliError, Fail};
use crate::ecr::lifecycle::{check, lint};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use serde_json::json;
use std::path::Path;

#[derive(Debug, Args)]
pub(super) struct Set {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    #[command(flatten)]
    policy: PolicyOptions,
    /// Set it without a preview and without asking
    #[arg(short, long, env = "CONSIGN_YES", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    yes: bool,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    evaluation: Evaluation,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

pub(super) async fn run(args: Set, context: &Context) -> Result<(), Fail> {
    let Some((file, text)) = args.policy.read().await? else {
        return Err(CliError::input("which policy is to be set is not said")
            .hinted("name its file with `--file PATH`, or pass `--keep-last N`")
            .into());
    };
    let policy = check(&file, &text)?;
    let listing = args.evaluation.images.listing().await?;
    let now = args.evaluation.images.now()?;
    let opened = Opened::new(&args.repository, &args.place, &args.aws, context).await?;
    let deployed = args.guard.read(Some(&opened.reference.repository), context)?;
    let calls = opened.calls();
    let present = calls.get().await?;
    // What ECR holds and this version can't read is something else.
    let is_same = present
        .as_ref()
        .and_then(|present| check(Path::new("present"), &present.text).ok())
        .is_some_and(|present| present.is_same(&policy));
    let told = |changed: bool| {
        let json = json!({ "repository": calls.name(), "changed": changed, "policy": document(&text) });
        context.printer.result(&format!("{}\n", calls.name()), &json)
    };
    if is_same {
        let what = format!("{} has this lifecycle policy already", calls.name());
        context.reporter.event(Event::Started { what });
        return told(false);
    }
    if args.yes && deployed.is_empty() {
        effect::show(&file, &lint(&text, &policy, None), context);
    } else {
        let asked = Asked {
            file: &file,
            text: &text,
            policy: &policy,
            deployed: &deployed,
            offline: args.evaluation.offline,
            patience: args.evaluation.patience(&args.aws),
            listing,
            now,
        };
        let found = Box::pin(effect::find(asked, Some(calls), context)).await?;
        tell(found.text().trim_end(), context);
        found.gate()?;
    }
    if !args.yes {
        let other = if present.is_some() { " in place of the present one" } else { "" };
        let question = format!("Set this lifecycle policy for {}{other}?", calls.name());
        confirm(context, &question, "pass `--yes` to set it without being asked").await?;
    }
    calls.put(&text).await?;
    let rules = human::count(policy.rules.len(), "rule");
    let what = format!("{} has a lifecycle policy of {rules}; ECR acts on it within a day", calls.name());
    context.reporter.event(Event::Started { what });
    told(true)
}

/// Shows what would go to whoever is about to be asked, even if nothing else is to be shown.
fn tell(text: &str, context: &Context) {
    if context.json_progress {
        context.reporter.event(Event::Started { what: text.to_owned() });
    } else {
        context.reporter.finish();
        context.printer.stderr(text);
    }
}
