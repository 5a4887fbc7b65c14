//! `consign repo list`: all repositories of a registry.

use super::super::Context;
use super::super::args::{Aws, RegistryPlace};
use super::super::control::{private, repository};
use super::super::error::Fail;
use super::super::table::{Align, Table};
use super::super::targets::{Control, Registries};
use super::place::{PUBLIC_HOST, public};
use crate::ecr::repository::{self as ecr, Described};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use serde_json::{Value, json};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    /// Host of the registry (default: the private one of the account and region in use)
    #[arg(value_name = "REGISTRY")]
    registry: Option<String>,
    /// Only those whose name begins like this
    #[arg(long, env = "CONSIGN_PREFIX", value_name = "TEXT", default_value = "", hide_default_value = true)]
    prefix: String,
    /// Those of the account in use on ECR Public
    #[arg(long, env = "CONSIGN_PUBLIC", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue, conflicts_with = "registry")]
    public: bool,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const EXAMPLES: &str = "\
Examples:
  consign repo list
  consign repo list --prefix shop/
  consign repo list --public

  Those whose tags can be moved:
    consign repo list --format json | jq -r '.repositories[] | select(.imageTagMutability == \"MUTABLE\").repositoryName'";

pub(super) async fn run(args: List, context: &Context) -> Result<(), Fail> {
    let registry = if args.public { Some(PUBLIC_HOST) } else { args.registry.as_deref() };
    // Any repository of it: only the registry is looked at.
    let reference = repository("REGISTRY", &registry.map_or("any".to_owned(), |host| format!("{host}/any")))?;
    let mut all = match Registries::at(&args.place, &args.aws)?.control(&reference)? {
        Control::Private => {
            let opened =
                private(&reference, "repositories like this", &args.place, &args.aws, context).await?;
            ecr::list(&opened.ecr).await?
        }
        Control::Public => {
            let host = registry.unwrap_or(PUBLIC_HOST).to_owned();
            ecr::list_public(&public(host, &args.aws, context).await?).await?
        }
    };
    all.retain(|repository| repository.name.starts_with(&args.prefix));
    let json: Value = all.iter().map(Described::json).collect();
    context.printer.result(&table(&all), &json!({ "repositories": json }))
}

fn table(all: &[Described]) -> String {
    let created = |one: &Described| one.created_at.map(|time| time.strftime("%Y-%m-%d %H:%M").to_string());
    let mut table = if all.iter().all(|one| one.settings.is_none()) {
        Table::new(&[("NAME", Align::Left), ("CREATED", Align::Left), ("URI", Align::Left)])
    } else {
        Table::new(&[
            ("NAME", Align::Left),
            ("TAGS", Align::Left),
            ("SCAN ON PUSH", Align::Left),
            ("ENCRYPTION", Align::Left),
            ("CREATED", Align::Left),
            ("URI", Align::Left),
        ])
    };
    for one in all {
        let mut cells = vec![one.name.clone()];
        if let Some(settings) = &one.settings {
            let scan = if settings.scan_on_push { "yes" } else { "no" };
            cells.extend([
                settings.mutability.setting.clone(),
                scan.to_owned(),
                settings.encryption.kind.clone(),
            ]);
        }
        cells.extend([created(one).unwrap_or_default(), one.uri.clone()]);
        table.row(cells);
    }
    table.text()
}
