//! `consign repo`: repositories of ECR and ECR Public.

#![expect(clippy::doc_markdown, reason = "these are help texts, which are read as they stand")]

mod apply;
mod create;
mod delete;
mod list;
mod place;
mod policy;
mod report;
mod show;
pub(super) mod wanted;

use super::Context;
use super::error::Fail;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Repo {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  A repository whose tags stay where they are, but for `latest`:
    consign repo create shop/api --tag-mutability IMMUTABLE_WITH_EXCLUSION --tag-mutability-exclusion latest

  What would have to change for it to be as consign.yaml says, and then only that:
    consign repo apply -f consign.yaml --dry-run
    consign repo apply -f consign.yaml

A repository is named without a host (the private registry of the account and region in use), as
ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME, or as public.ecr.aws/ALIAS/NAME.";

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a repository
    Create(create::Create),
    /// Show all repositories of a registry
    List(list::List),
    /// Show how a repository is set up
    Show(show::Show),
    /// Delete a repository
    Delete(delete::Delete),
    /// Read and set who may do what with a repository
    Policy(policy::Policy),
    /// Make a repository as a consign.yaml says, with the calls that are needed and no other
    Apply(apply::Apply),
}

pub(super) async fn run(args: Repo, context: &Context) -> Result<(), Fail> {
    match args.action {
        Action::Create(args) => Box::pin(create::run(args, context)).await,
        Action::List(args) => Box::pin(list::run(args, context)).await,
        Action::Show(args) => Box::pin(show::run(args, context)).await,
        Action::Delete(args) => Box::pin(delete::run(args, context)).await,
        Action::Policy(args) => Box::pin(policy::run(args, context)).await,
        Action::Apply(args) => Box::pin(apply::run(args, context)).await,
    }
}
