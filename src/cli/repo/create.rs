//! `consign repo create`: a new repository.

use super::super::Context;
use super::super::args::{Aws, RegistryPlace};
use super::super::error::{CliError, Fail, bad_option};
use super::super::settings::list;
use super::apply::suits;
use super::place::{open, own_public};
use super::report::{How, carry_out, done};
use super::wanted::{checked, document};
use crate::ecr::repository::{
    Change, Current, Described, Encryption, Mutability, Place, Presence, State, Wanted, plan,
};
use crate::spec::repository::{
    ENCRYPTIONS, MUTABILITIES, Wrong, check_exclusions, check_filter, check_tag, check_tags,
};
use clap::builder::{FalseyValueParser, PossibleValuesParser};
use clap::{ArgAction, Args};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Create {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    /// Succeed if it is there already, and leave it as it is
    #[arg(long, env = "CONSIGN_IF_NOT_EXISTS", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    if_not_exists: bool,
    /// REPOSITORY is a name without alias, for the registry of the account in use on ECR Public
    #[arg(long, env = "CONSIGN_PUBLIC", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    public: bool,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
struct Settings {
    /// Whether a tag can be moved to another image (ECR's default: MUTABLE)
    #[arg(long, env = "CONSIGN_TAG_MUTABILITY", value_name = "SETTING", value_parser = PossibleValuesParser::new(MUTABILITIES))]
    tag_mutability: Option<String>,
    /// Tags that are excepted from that, for …_WITH_EXCLUSION; `*` stands for any characters [repeatable]
    #[arg(
        long = "tag-mutability-exclusion",
        env = "CONSIGN_TAG_MUTABILITY_EXCLUSION",
        value_name = "PATTERN",
        value_delimiter = ','
    )]
    exclusions: Vec<String>,
    /// Scan each image when it arrives
    #[arg(long, env = "CONSIGN_SCAN_ON_PUSH", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    scan_on_push: bool,
    /// How images are encrypted, which can't be changed later (ECR's default: AES256)
    #[arg(long, env = "CONSIGN_ENCRYPTION", value_name = "TYPE", value_parser = PossibleValuesParser::new(ENCRYPTIONS))]
    encryption: Option<String>,
    /// Id, ARN or alias of the key for KMS (default: the one that AWS keeps for ECR in the account)
    #[arg(long, env = "CONSIGN_KMS_KEY", value_name = "KEY")]
    kms_key: Option<String>,
    /// Tag of the repository as an AWS resource [repeatable]
    #[arg(long = "resource-tag", env = "CONSIGN_RESOURCE_TAG", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    /// File that holds a lifecycle policy; `-` is stdin
    #[arg(long, env = "CONSIGN_LIFECYCLE", value_name = "FILE")]
    lifecycle: Option<PathBuf>,
    /// File that holds the policy that says who may do what; `-` is stdin
    #[arg(long, env = "CONSIGN_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  consign repo create shop/api
  consign repo create shop/api --if-not-exists --tag-mutability IMMUTABLE --scan-on-push

  Tags can't be moved, but for `latest` and those of branches:
    consign repo create shop/api --tag-mutability IMMUTABLE_WITH_EXCLUSION \\
      --tag-mutability-exclusion latest --tag-mutability-exclusion 'branch-*'

  With a key of one's own, tags for the bill, and policies:
    consign repo create shop/api --encryption KMS --kms-key alias/ecr --resource-tag team=shop \\
      --lifecycle lifecycle.json --policy policy.json

  On ECR Public, where the first repository gives the registry its alias:
    consign repo create shop --public
    consign repo create public.ecr.aws/a1b2c3d4/shop

Prints the repository's URI. One that is there already is refused (exit code 4), with what differs.";

pub(super) async fn run(args: Create, context: &Context) -> Result<(), Fail> {
    let wanted = wanted(args.settings, context)?;
    let place = if args.public {
        own_public("REPOSITORY", &args.repository, &args.aws, context).await?
    } else {
        open("REPOSITORY", &args.repository, &args.place, &args.aws, context).await?
    };
    suits(&place, &wanted)?;
    if let Some(described) = place.describe().await? {
        return there(&place, described, &wanted, args.if_not_exists, context).await;
    }
    let how = How::default();
    let applied = carry_out(&place, plan(None, &wanted)?, None, how, context).await;
    if applied.overtaken {
        let described = place.describe().await?.ok_or_else(|| place.not_found())?;
        return there(&place, described, &wanted, args.if_not_exists, context).await;
    }
    match (&applied.error, applied.steps.first().map(|step| step.state)) {
        (None, _) => {
            // Its alias is known by now, if it is the first one on ECR Public.
            let uri = match (&place, &applied.created) {
                (Place::Public { name, .. }, Some(created)) if name.alias.is_empty() => created.uri.clone(),
                _ => place.reference(),
            };
            let described = applied.created.as_ref().map(Described::json);
            result(&uri, &described.unwrap_or_default(), true, context)
        }
        // There is something that was done, and that is to be known.
        (Some(_), Some(State::Done)) => done(&place, applied, &[], how, context),
        (Some(_), _) => match applied.error {
            Some(error) => Err(error.into()),
            None => Ok(()),
        },
    }
}

fn result(uri: &str, described: &Value, created: bool, context: &Context) -> Result<(), Fail> {
    let json = json!({ "repository": described, "created": created });
    context.printer.result(&format!("{uri}\n"), &json)
}

/// It is there already.
async fn there(
    place: &Place,
    described: Described,
    wanted: &Wanted,
    may_be: bool,
    context: &Context,
) -> Result<(), Fail> {
    let json = described.json();
    let mut current = Current {
        described,
        lifecycle: None,
        policy: None,
        tags: BTreeMap::new(),
        catalog: crate::ecr::repository::Catalog::default(),
    };
    if !wanted.parts().is_empty() {
        current = Box::pin(place.read(&wanted.parts())).await?.ok_or_else(|| place.not_found())?;
    }
    let differs = match plan(Some(&current), wanted) {
        Ok(plan) => plan.changes.iter().map(Change::line).collect::<Vec<_>>().join("; "),
        Err(unchangeable) => unchangeable.to_string(),
    };
    let reference = place.reference();
    if may_be {
        if !differs.is_empty() {
            context.printer.warning(&format!("`{reference}` is there, and is left as it is: {differs}"));
        }
        return result(&reference, &json, false, context);
    }
    let message = if differs.is_empty() {
        format!("`{reference}` is there already, and is as it was asked for")
    } else {
        format!("`{reference}` is there already, and is not as it was asked for: {differs}")
    };
    Err(CliError::refused(message)
        .hinted("`--if-not-exists` takes it as it is; `consign repo apply` changes one that is there")
        .into())
}

/// What the options say.
fn wanted(settings: Settings, context: &Context) -> Result<Wanted, Fail> {
    let Settings { tag_mutability, exclusions, scan_on_push, encryption, kms_key, tags, lifecycle, policy } =
        settings;
    let wrong = |option: &str, (message, hint): Wrong| -> Fail {
        CliError::input(format!("{option}: {message}")).hinted(hint).into()
    };
    let exclusions = list(context, "exclusions", exclusions);
    for filter in &exclusions {
        check_filter(filter).map_err(|why| wrong("--tag-mutability-exclusion", why))?;
    }
    check_exclusions(tag_mutability.as_deref(), exclusions.len()).map_err(|why| {
        wrong(if exclusions.is_empty() { "--tag-mutability" } else { "--tag-mutability-exclusion" }, why)
    })?;
    let mut resource_tags = BTreeMap::new();
    for text in list(context, "tags", tags) {
        let Some((key, value)) = text.split_once('=') else {
            return Err(bad_option("--resource-tag", format!("`{text}` has no `=`: write KEY=VALUE")));
        };
        check_tag(key, value).map_err(|why| wrong("--resource-tag", why))?;
        if resource_tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(bad_option("--resource-tag", format!("`{key}` is given twice")));
        }
    }
    check_tags(resource_tags.len()).map_err(|why| wrong("--resource-tag", why))?;
    if kms_key.is_some() && !encryption.as_deref().is_some_and(|kind| kind.starts_with("KMS")) {
        return Err(CliError::input("--kms-key: there is no key without encryption by KMS")
            .hinted("add `--encryption KMS`")
            .into());
    }
    let policy = match policy {
        None => None,
        Some(path) => Some(Presence::Is(checked("--policy", document(&path)?)?)),
    };
    Ok(Wanted {
        mutability: tag_mutability.map(|setting| Mutability { setting, exclusions }),
        scan_on_push: scan_on_push.then_some(true),
        encryption: encryption.map(|kind| Encryption { kind, key: kms_key }),
        lifecycle: lifecycle.map(|path| document(&path).map(Presence::Is)).transpose()?,
        policy,
        tags: resource_tags,
        ..Wanted::default()
    })
}
