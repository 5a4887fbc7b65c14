//! `consign image`: what a repository holds.

mod delete;
mod list;
mod open;
mod show;

use super::Context;
use super::error::Fail;
use crate::base::Timestamp;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Image {
    #[command(subcommand)]
    command: Which,
}

const EXAMPLES: &str = "\
Examples:
  What is in the repository, the newest first, and what of it has no tag?
    consign image list shop/api
    consign image list shop/api --untagged

  Take a tag away, or an image with all its tags:
    consign image delete shop/api 1.3
    consign image delete \"shop/api@$(cat digest.txt)\"";

#[derive(Debug, Subcommand)]
enum Which {
    /// List the images of a repository
    #[command(visible_alias = "ls")]
    List(list::List),
    /// Show all that is known of one image
    Show(show::Show),
    /// Delete images, or tags of them
    #[command(visible_alias = "rm")]
    Delete(delete::Delete),
    /// Put more tags on an image: the same as `consign tag`
    Tag(super::tag::Tag),
}

pub(super) async fn run(args: Image, context: &Context) -> Result<(), Fail> {
    match args.command {
        Which::List(args) => Box::pin(list::run(args, context)).await,
        Which::Show(args) => Box::pin(show::run(args, context)).await,
        Which::Delete(args) => Box::pin(delete::run(args, context)).await,
        Which::Tag(args) => Box::pin(super::tag::run(args, context)).await,
    }
}

/// A time as tables have it, in UTC.
fn minute(time: Option<Timestamp>) -> String {
    time.map(|time| time.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}
