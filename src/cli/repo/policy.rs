//! `consign repo policy`: who may do what with a repository.

use super::super::Context;
use super::super::args::{Aws, RegistryPlace};
use super::super::build::blocking;
use super::super::confirm::confirm;
use super::super::error::{CliError, Fail};
use super::place::open;
use super::report::{How, carry_out, done, print};
use super::wanted::{checked, document};
use crate::base::Event;
use crate::ecr::repository::{Change, Place, Plan, PolicyKind};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Policy {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  consign repo policy get shop/api > policy.json
  consign repo policy set shop/api policy.json

  Let roles of another account push:
    consign iam repository-policy --principal arn:aws:iam::210987654321:role/ci | consign repo policy set shop/api -";

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the policy
    Get(Get),
    /// Set the policy, unless it says the same already
    Set(Set),
    /// Remove the policy
    Delete(Delete),
}

#[derive(Debug, Args)]
#[command(after_help = GET_EXAMPLES)]
struct Get {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const GET_EXAMPLES: &str = "\
Examples:
  consign repo policy get shop/api
  consign repo policy get shop/api | jq '.Statement[].Sid'

Without a policy, the exit code is 4.";

#[derive(Debug, Args)]
#[command(after_help = SET_EXAMPLES)]
struct Set {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    /// File that holds the policy; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Also set a policy with which you could not set another one later
    #[arg(long, env = "CONSIGN_FORCE", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    force: bool,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const SET_EXAMPLES: &str = "\
Examples:
  consign repo policy set shop/api policy.json
  consign iam repository-policy --principal 210987654321 | consign repo policy set shop/api -

A policy that says the same as the one that is there, in whatever order, is not sent.";

#[derive(Debug, Args)]
#[command(after_help = DELETE_EXAMPLES)]
struct Delete {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    /// Do not ask; needed where there is no terminal to ask on
    #[arg(short, long, env = "CONSIGN_YES", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    yes: bool,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const DELETE_EXAMPLES: &str = "\
Examples:
  consign repo policy get shop/api > old.json && consign repo policy delete shop/api --yes

Without a policy, the exit code is 4.";

const KIND: PolicyKind = PolicyKind::Access;

pub(super) async fn run(args: Policy, context: &Context) -> Result<(), Fail> {
    match args.action {
        Action::Get(args) => get(args, context).await,
        Action::Set(args) => set(args, context).await,
        Action::Delete(args) => delete(args, context).await,
    }
}

async fn get(args: Get, context: &Context) -> Result<(), Fail> {
    let place = open("REPOSITORY", &args.repository, &args.place, &args.aws, context).await?;
    let text = existing(&place).await?;
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.clone()));
    let json = json!({ "repository": place.reference(), "policyText": text });
    context.printer.result(&format!("{value:#}\n"), &json)
}

/// The policy that is there, which one must be.
async fn existing(place: &Place) -> Result<String, Fail> {
    place.policy(KIND).await?.ok_or_else(|| {
        CliError::refused(format!("`{}` has no policy", place.reference()))
            .hinted("`consign repo policy set REPOSITORY FILE` sets one; without one, the account's own roles alone have access")
            .into()
    })
}

async fn set(args: Set, context: &Context) -> Result<(), Fail> {
    let file = args.file.clone();
    let policy = blocking(move || checked("FILE", document(&file)?)).await?;
    let place = open("REPOSITORY", &args.repository, &args.place, &args.aws, context).await?;
    let from = place.policy(KIND).await?;
    if from.as_ref().is_some_and(|text| KIND.is_same(text, &policy)) {
        context
            .reporter
            .event(Event::Started { what: format!("{} has this policy already", place.reference()) });
        return print(&place, &[], &[], None, context);
    }
    let plan = Plan { changes: vec![Change::SetPolicy { kind: KIND, from, to: policy }], doubts: Vec::new() };
    let how = How { yes: true, force: args.force };
    let applied = carry_out(&place, plan, None, how, context).await;
    done(&place, applied, &[], how, context)
}

async fn delete(args: Delete, context: &Context) -> Result<(), Fail> {
    let place = open("REPOSITORY", &args.repository, &args.place, &args.aws, context).await?;
    let from = existing(&place).await?;
    if !args.yes {
        let size = KIND.size(&serde_json::from_str(&from).unwrap_or_default());
        let question = format!("Remove the policy of `{}`, which has {size}?", place.reference());
        confirm(context, &question, "`--yes` removes it").await?;
    }
    let plan = Plan { changes: vec![Change::DeletePolicy { kind: KIND, from }], doubts: Vec::new() };
    let applied = carry_out(&place, plan, None, How::default(), context).await;
    done(&place, applied, &[], How::default(), context)
}
