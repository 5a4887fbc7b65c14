//! `consign repo show`: how a repository is set up.

use super::super::Context;
use super::super::args::{Aws, RegistryPlace};
use super::super::error::Fail;
use super::place::open;
use crate::base::{Failure as _, Kind};
use crate::ecr::repository::{Catalog, PolicyKind, catalog_json, mutability};
use crate::registry::RegistryError;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Show {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    #[command(flatten)]
    place: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const EXAMPLES: &str = "\
Examples:
  consign repo show shop/api
  consign repo show public.ecr.aws/a1b2c3d4/shop
  consign repo show shop/api --format json | jq -r .repository.repositoryArn

What may not be read is left out, with a warning.";

pub(super) async fn run(args: Show, context: &Context) -> Result<(), Fail> {
    let place = open("REPOSITORY", &args.repository, &args.place, &args.aws, context).await?;
    let described = place.describe().await?.ok_or_else(|| place.not_found())?;
    let tags = readable(place.tags(&described.arn).await, context)?;
    let policy = readable(place.policy(PolicyKind::Access).await, context)?;
    let mut json = json!({ "repository": described.json() });
    let mut rows = vec![
        ("name", described.name.clone()),
        ("uri", described.uri.clone()),
        ("arn", described.arn.clone()),
        ("created", described.created_at.map(|time| time.to_string()).unwrap_or_default()),
    ];
    if let Some(settings) = &described.settings {
        rows.push(("tag mutability", mutability(&settings.mutability)));
        rows.push(("scan on push", if settings.scan_on_push { "yes" } else { "no" }.to_owned()));
        let key = settings.encryption.key.as_ref().map(|key| format!(" {key}")).unwrap_or_default();
        rows.push(("encryption", format!("{}{key}", settings.encryption.kind)));
    }
    rows.push((
        "tags",
        match &tags {
            None => UNKNOWN.to_owned(),
            Some(tags) if tags.is_empty() => "none".to_owned(),
            Some(tags) => {
                tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
            }
        },
    ));
    json["tags"] = tags.map_or(Value::Null, |tags| {
        tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
    });
    rows.push(("policy", size(PolicyKind::Access, policy.as_ref())));
    json["policyText"] = policy.flatten().into();
    if place.is_public() {
        if let Some((catalog, logo)) = readable(place.catalog().await, context)? {
            rows.extend(shown(&catalog, logo.as_ref()));
            json["catalogData"] = catalog_json(&catalog);
            if let Some(members) = json["catalogData"].as_object_mut() {
                members.shift_remove("logo");
                members.insert("logoUrl".into(), logo.into());
            }
        }
    } else {
        let lifecycle = readable(place.policy(PolicyKind::Lifecycle).await, context)?;
        rows.push(("lifecycle", size(PolicyKind::Lifecycle, lifecycle.as_ref())));
        json["lifecyclePolicyText"] = lifecycle.flatten().into();
    }
    let mut text = String::new();
    for (name, value) in rows {
        let _ = writeln!(text, "{name:16}{value}");
    }
    context.printer.result(&text, &json)
}

const UNKNOWN: &str = "may not be read";

/// What was read; none, with a warning, if that is not allowed.
fn readable<T>(answer: Result<T, RegistryError>, context: &Context) -> Result<Option<T>, Fail> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == Kind::Denied => {
            context.printer.warning(&error.to_string());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn size(kind: PolicyKind, text: Option<&Option<String>>) -> String {
    match text {
        None => UNKNOWN.to_owned(),
        Some(None) => "none".to_owned(),
        Some(Some(text)) => kind.size(&serde_json::from_str(text).unwrap_or_default()),
    }
}

/// Texts by their first line and their size.
fn shown(catalog: &Catalog, logo: Option<&String>) -> Vec<(&'static str, String)> {
    let text = |text: &Option<String>| match text {
        None => "none".to_owned(),
        Some(text) => format!("{} characters", text.chars().count()),
    };
    let names = |names: &Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    vec![
        ("description", catalog.description.clone().unwrap_or_else(|| "none".to_owned())),
        ("systems", names(&catalog.operating_systems)),
        ("architectures", names(&catalog.architectures)),
        ("about text", text(&catalog.about_text)),
        ("usage text", text(&catalog.usage_text)),
        ("logo", logo.map_or("none", |_| "yes").to_owned()),
    ]
}
