//! `consign repo apply`: a repository as a consign.yaml says.

use super::super::Context;
use super::super::args::{Aws, RegistryPlace};
use super::super::error::{CliError, Fail};
use super::place::open;
use super::report::{How, ask, carry_out, done, planned, print};
use super::wanted::wanted;
use crate::base::{Event, human};
use crate::ecr::repository::{Place, Wanted, plan};
use crate::registry::RegistryError;
use crate::spec::{self, RepositorySettings, dockerfile};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use std::path::{Path, PathBuf};

/// How often the repository is looked at anew because someone else has just made it.
const ROUNDS: usize = 5;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Apply {
    /// The repository (default: `repository.name` of the file)
    #[arg(value_name = "REPOSITORY")]
    repository: Option<String>,
    /// A consign.yaml; of its keys, `repository` is read
    #[arg(short, long, env = "CONSIGN_FILE", value_name = "PATH", default_value = "consign.yaml")]
    file: PathBuf,
    /// Change nothing; print what would be changed, and end with exit code 6 if there is anything
    #[arg(long, env = "CONSIGN_DRY_RUN", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    dry_run: bool,
    /// Also remove tags of the repository (as an AWS resource) that the file does not have
    #[arg(long, env = "CONSIGN_PRUNE_TAGS", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    prune_tags: bool,
    /// Do not ask: on a terminal before any change, elsewhere before something is removed
    #[arg(short, long, env = "CONSIGN_YES", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    yes: bool,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const EXAMPLES: &str = "\
Examples:
  In a job that watches over settings: exit code 0 says that all is as the file says, 6 that it is not:
    consign repo apply -f consign.yaml --dry-run

  Several repositories after one pattern:
    consign repo apply shop/api -f pattern.yaml && consign repo apply shop/web -f pattern.yaml

  Tags that the file does not name go too:
    consign repo apply -f consign.yaml --prune-tags --yes

What the file does not speak of stays as it is. The repository is made if it is not there. Encryption is settled when a
repository is made: if it is another one, nothing at all is changed (exit code 4).";

pub(super) async fn run(args: Apply, context: &Context) -> Result<(), Fail> {
    let settings = read(&args.file)?;
    let folder = args.file.parent().unwrap_or(Path::new(""));
    let wanted = Wanted { no_other_tags: args.prune_tags, ..wanted(&settings, folder)? };
    let (what, name) = match (&args.repository, &settings.name) {
        (Some(name), _) => ("REPOSITORY", name),
        (None, Some(name)) => ("repository.name", name),
        (None, None) => {
            let why = format!("which repository? `{}` has no `repository.name`", args.file.display());
            let hint = "name it: `consign repo apply REPOSITORY`, or `name: NAME` below `repository:`";
            return Err(CliError::input(why).hinted(hint).into());
        }
    };
    let place = open(what, name, &args.place, &args.aws, context).await?;
    suits(&place, &wanted)?;
    let file = args.file.display().to_string();
    bring(&place, &wanted, &args, &file, context).await
}

/// The section `repository` of a consign.yaml.
fn read(file: &Path) -> Result<RepositorySettings, Fail> {
    let bytes = fs_err::read(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            CliError::input(format!("the file `{}` does not exist", file.display()))
                .hinted("`-f PATH` names the consign.yaml whose `repository:` is meant")
        }
        _ => CliError::input(error.to_string()),
    })?;
    let text = dockerfile::text(file, &bytes)?;
    let plan = spec::yaml::parse(file, text)?;
    if plan.repository == RepositorySettings::default() {
        return Err(CliError::input(format!("`{}` says nothing about a repository", file.display()))
            .hinted("write a `repository:` with what it shall be like, such as `repository: { tagMutability: IMMUTABLE }`")
            .into());
    }
    Ok(plan.repository)
}

/// Fails if ECR Public, or private ECR, does not have what is wanted.
pub(super) fn suits(place: &Place, wanted: &Wanted) -> Result<(), Fail> {
    if place.is_public() {
        let settings = wanted.private_only();
        if !settings.is_empty() {
            return Err(CliError::again(&RegistryError::NotInPublic { settings })
                .hinted("leave them out: private repositories have them")
                .into());
        }
    } else if wanted.catalog.is_some() {
        return Err(CliError::input(format!(
            "`{}` is in a private registry, which has no `catalog`",
            place.reference()
        ))
        .hinted("the gallery shows what is in ECR Public: public.ecr.aws/ALIAS/NAME")
        .into());
    }
    Ok(())
}

/// Looks at the repository, and changes what is not as `wanted`.
async fn bring(
    place: &Place,
    wanted: &Wanted,
    args: &Apply,
    file: &str,
    context: &Context,
) -> Result<(), Fail> {
    let how = How { yes: args.yes, force: false };
    for _round in 0..ROUNDS {
        let current = Box::pin(place.read(&wanted.parts())).await?;
        let plan = plan(current.as_ref(), wanted)?;
        let doubts = plan.doubts.clone();
        let reference = place.reference();
        let tell = || doubts.iter().for_each(|doubt| context.printer.warning(doubt));
        if plan.changes.is_empty() {
            tell();
            context.reporter.event(Event::Started { what: format!("{reference} is as {file} says") });
            return print(place, &[], &doubts, None, context);
        }
        if args.dry_run {
            tell();
            let count = human::count(plan.changes.len(), "change");
            print(place, &planned(plan), &doubts, None, context)?;
            return Err(CliError::gate(format!(
                "`{reference}` is not as {file} says: {count} would be made"
            ))
            .hinted("the same command without `--dry-run` makes them")
            .into());
        }
        ask(place, &plan, how, context).await?;
        let arn = current.as_ref().map(|current| current.described.arn.as_str());
        let applied = carry_out(place, plan, arn, how, context).await;
        if applied.overtaken {
            let what = format!(
                "{reference} is there by now, made by someone else, or by an attempt whose answer was lost; looking at it anew"
            );
            context.reporter.event(Event::Started { what });
            continue;
        }
        tell();
        return done(place, applied, &doubts, how, context);
    }
    Err(CliError::refused(format!(
        "`{}` can't be made, as ECR says that it is there, and can't be found, {ROUNDS} times",
        place.reference()
    ))
    .hinted("someone else may be making and deleting it: run the same command again")
    .into())
}
