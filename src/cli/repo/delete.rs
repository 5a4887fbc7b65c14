//! `consign repo delete`: a repository goes, with or without images.

use super::super::Context;
use super::super::args::{Aws, RegistryPlace};
use super::super::confirm::confirm;
use super::super::error::{CliError, Fail};
use super::place::open;
use crate::base::{Event, human};
use crate::ecr::repository::Contents;
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use serde_json::json;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Delete {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    /// Also if there are images in it, which are deleted with it
    #[arg(long, env = "CONSIGN_FORCE", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    force: bool,
    /// Do not ask; needed where there is no terminal to ask on
    #[arg(short, long, env = "CONSIGN_YES", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    yes: bool,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const EXAMPLES: &str = "\
Examples:
  consign repo delete shop/old
  consign repo delete shop/old --force --yes

Without --force, a repository with images in it is refused (exit code 4), and what is in it is said. One that is not there
is exit code 4 as well.";

pub(super) async fn run(args: Delete, context: &Context) -> Result<(), Fail> {
    let place = open("REPOSITORY", &args.repository, &args.place, &args.aws, context).await?;
    let described = place.describe().await?.ok_or_else(|| place.not_found())?;
    let contents = place.contents().await?;
    let reference = place.reference();
    if contents.images > 0 && !args.force {
        return Err(CliError::refused(format!("`{reference}` is not empty: it has {}", said(&contents)))
            .hinted("`--force` deletes them with it; `consign image list` shows them")
            .into());
    }
    if !args.yes {
        let what = if contents.images > 0 {
            format!(", which has {}", said(&contents))
        } else {
            ", which is empty".into()
        };
        let hint = if contents.images > 0 { "`--force --yes` deletes it" } else { "`--yes` deletes it" };
        confirm(context, &format!("Delete `{reference}`{what}?"), hint).await?;
    }
    // What has come since is not deleted unasked: without `force`, ECR refuses.
    place.delete(args.force).await?;
    let what = if contents.images > 0 { format!(" with {}", said(&contents)) } else { String::new() };
    context.reporter.event(Event::Started { what: format!("{reference} is deleted{what}") });
    context.reporter.finish();
    let json = json!({
        "repository": described.json(),
        "deleted": {
            "images": contents.images,
            "tags": contents.tags,
            "bytes": contents.bytes,
            "newest": contents.newest.map(|time| time.to_string()),
        },
    });
    context.printer.result(&format!("{reference}\n"), &json)
}

/// `3 images with 2 tags, 52 MB, the newest of 2026-01-02 03:04`
fn said(contents: &Contents) -> String {
    let Contents { images, tags, bytes, newest } = contents;
    let newest = newest.map(|time| time.strftime(", the newest of %Y-%m-%d %H:%M UTC").to_string());
    format!(
        "{} with {}, {}{}",
        human::count(*images, "image"),
        human::count(*tags, "tag"),
        human::size(*bytes),
        newest.unwrap_or_default()
    )
}
