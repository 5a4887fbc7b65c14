//! `consign index create`: single-platform images that several jobs have pushed, joined.

use super::Context;
use super::args::{Aws, RegistryOptions, Results};
use super::error::{CliError, Fail, bad_option};
use super::plan::pairs;
use super::results::ResultFiles;
use super::settings::list;
use super::tag::{done, session, target};
use super::targets::{Registries, beside, manifest_id, references};
use crate::base::Event;
use crate::image::{AnnotationKey, Document};
use crate::publish::{ChildrenPresent, Source, publish_index};
use crate::registry::distribution::Purpose;
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Subcommand};
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Debug, Args)]
pub(super) struct Index {
    #[command(subcommand)]
    command: IndexCommand,
}

#[derive(Debug, Subcommand)]
enum IndexCommand {
    /// Join images for single platforms into one index, and push it
    Create(Create),
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
struct Create {
    /// Name of the index; without a registry host, the private ECR registry in use is meant
    #[arg(value_name = "REF")]
    reference: String,
    /// Images of the same repository: a digest, a tag, or a reference in full; of an index, all its images
    #[arg(required = true, value_name = "SRC")]
    sources: Vec<String>,
    /// Further tag of the index [repeatable]
    #[arg(short, long = "tag", env = "CONSIGN_INDEX_TAG", value_name = "TAG", value_delimiter = ',')]
    tags: Vec<String>,
    /// Annotation of the index [repeatable]
    #[arg(long = "annotation", env = "CONSIGN_INDEX_ANNOTATION", value_name = "KEY=VALUE")]
    annotations: Vec<String>,
    /// Look at the images and print the index, and push nothing
    #[arg(long, env = "CONSIGN_DRY_RUN", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    dry_run: bool,
    #[command(flatten)]
    registry: RegistryOptions,
    #[command(flatten)]
    aws: Aws,
    #[command(flatten)]
    results: Results,
}

const EXAMPLES: &str = "\
Examples:
  Join what two jobs have pushed, each on a runner of its own kind:
    consign index create shop/api:1.4 1.4-amd64 1.4-arm64

  By the digests that the jobs have handed on, under two tags:
    consign index create shop/api:1.4 \"$AMD64\" \"$ARM64\" --tag latest

  What would be pushed?
    consign index create shop/api:1.4 1.4-amd64 1.4-arm64 --dry-run";

pub(super) async fn run(args: Index, context: &Context) -> Result<(), Fail> {
    let IndexCommand::Create(args) = args.command;
    Box::pin(create(args, context)).await
}

async fn create(mut args: Create, context: &Context) -> Result<(), Fail> {
    args.tags = list(context, "tags", args.tags);
    args.annotations = list(context, "annotations", args.annotations);
    let reference = references("REF", std::slice::from_ref(&args.reference))?.remove(0);
    let mut tags = vec![reference.clone()];
    tags.extend(beside("--tag", &args.tags, &reference)?);
    let images = beside("SRC", &args.sources, &reference)?;
    let annotations = annotations(&args.annotations)?;
    let registries = Registries::new(&args.registry, &args.aws)?;
    let target = target(&registries, &tags)?;
    let results = ResultFiles::check(&args.results, &context.environment)?;
    let all: Vec<_> = tags.iter().chain(&images).cloned().collect();
    let purpose = if args.dry_run { Purpose::Pull } else { Purpose::Push };
    let session = session(&registries, &all, purpose, &args.aws, context).await?;
    let registry = registries.open(session.as_ref(), &reference, purpose, &context.environment).await?;
    let named = args.sources.iter().zip(&images);
    let sources: Vec<_> =
        named.map(|(name, image)| Source { name: format!("`{name}`"), id: manifest_id(image) }).collect();
    let reporter = &context.reporter;
    let children =
        ChildrenPresent::find(&registry, &target.repository, &sources, annotations, reporter).await?;
    if args.dry_run {
        return show(children.index(), context);
    }
    done(&results, publish_index(&registry, children, &target, reporter).await?, context)
}

/// `KEY=VALUE` of each text, where the key may say that it is meant for the index, as it can for Docker.
fn annotations(texts: &[String]) -> Result<BTreeMap<String, String>, Fail> {
    const OPTION: &str = "--annotation";
    let key = |(key, value): (String, String)| match key.parse::<AnnotationKey>() {
        Ok(AnnotationKey(key)) => Ok((key, value)),
        Err(error) => Err(bad_option(OPTION, error)),
    };
    pairs(OPTION, texts)?.into_iter().map(key).collect()
}

/// Prints the index, for people in a form that they can read: the bytes that are hashed have no line breaks.
fn show(index: &Document<crate::image::Index>, context: &Context) -> Result<(), Fail> {
    let what = format!("this would be {}; nothing was pushed", index.manifest_digest());
    context.reporter.event(Event::Started { what });
    let text = serde_json::to_string_pretty(index.value())
        .map_err(|error| CliError::internal(format!("showing the index: {error}")))?;
    let json =
        json!({ "digest": index.manifest_digest(), "mediaType": index.media_type(), "index": index.value() });
    context.printer.result(&format!("{text}\n"), &json)
}
