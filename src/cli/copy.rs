//! `consign copy`: an image or index into another repository, in the same registry or in any other.

use super::Context;
use super::args::{Aws, RegistryOptions, Results};
use super::bases::{Bases, SourceOptions};
use super::build::name as repository_name;
use super::error::{CliError, Fail, auth};
use super::results::ResultFiles;
use super::targets::{ensure_repository, manifest_id, references};
use crate::base::{Event, ManifestDigest, Platform, Reference, human};
use crate::ecr::repository::Wanted;
use crate::publish::{Copied, How, Target, copy};
use crate::registry::distribution::Purpose;
use crate::registry::{Bundle, ManifestId};
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Copy {
    /// The image or index: REPOSITORY:TAG or REPOSITORY@sha256:…
    #[arg(value_name = "SRC")]
    source: String,
    /// Where it goes; without a tag, under that of SRC
    #[arg(required = true, value_name = "DST")]
    destinations: Vec<String>,
    /// Copy the image for this platform alone (default: all platforms of an index)
    #[arg(long, env = "CONSIGN_COPY_PLATFORM", value_name = "OS/ARCH")]
    platform: Option<Platform>,
    /// Copy nothing unless SRC is this digest (exit code 6)
    #[arg(long, env = "CONSIGN_IF_DIGEST", value_name = "DIGEST")]
    if_digest: Option<ManifestDigest>,
    #[command(flatten)]
    sources: SourceOptions,
    #[command(flatten)]
    registry: RegistryOptions,
    #[command(flatten)]
    aws: Aws,
    #[command(flatten)]
    results: Results,
}

const EXAMPLES: &str = "\
Examples:
  Promote what was tested from the staging repository to production; the digest stays:
    consign copy \"staging/api@$(cat digest.txt)\" prod/api:1.4

  Take a public image over, with all its platforms:
    consign copy public.ecr.aws/docker/library/node:22 base/node --create-repository

  To two registries at once:
    consign copy shop/api:1.4 ghcr.io/shop/api registry.example/shop/api:stable";

pub(super) async fn run(args: Copy, context: &Context) -> Result<(), Fail> {
    let source = references("SRC", std::slice::from_ref(&args.source))?.remove(0);
    let destinations = references("DST", &args.destinations)?;
    let mut results = ResultFiles::check(&args.results, &context.environment)?;
    let bases = Bases::new(&args.sources, &args.registry, &args.aws, context)?;
    let registries = bases.registries().clone();
    let targets = targets(&bases, &source, destinations)?;
    let names: Vec<_> = targets.iter().map(|(name, _)| name.clone()).collect();
    let environment = &context.environment;
    let session = registries.session(&names, std::slice::from_ref(&source), &args.aws, environment).await?;
    if let Some(session) = &session {
        results.belong_to(session.authenticate().await.map_err(auth)?);
        context.reporter.event(Event::Authenticated { source: session.source().to_owned(), arn: None });
    }
    let bases = bases.with_session(session.clone());
    let image = bases.open(&args.source, source.clone()).await?;
    let bundle = Bundle::read(&image, args.platform.as_ref()).await?;
    let found = bundle.manifest().digest();
    if let Some(expected) = args.if_digest.filter(|expected| *expected != found) {
        return Err(CliError::gate(format!("`{}` is {found}, and not {expected}", args.source))
            .hinted(
                "it was pushed anew since that digest was noted; name it by its digest: REPOSITORY@sha256:…",
            )
            .into());
    }
    let mut copied = Vec::new();
    for (name, target) in &targets {
        let registry = registries.open(session.as_ref(), name, Purpose::Push, environment).await?;
        if args.registry.create_repository
            && ensure_repository(&registry, &target.repository, &Wanted::default(), context).await?
        {
            context.reporter.event(Event::RepositoryCreated { repository: repository_name(name) });
        }
        // A mirror of the source is another registry than it.
        let mountable = registries.is_same_registry(session.as_ref(), &image.name, name).await?;
        copied.push(copy(&image, &bundle, &registry, target, mountable, &context.reporter).await?);
    }
    for copy in &copied {
        context.reporter.event(Event::Started { what: told(copy) });
    }
    context.reporter.finish();
    let published: Vec<_> = copied.iter().map(|copy| copy.published.clone()).collect();
    results.write(&published)?;
    let lines: String = published.iter().map(|image| image.reference() + "\n").collect();
    let details: Vec<_> = copied.iter().map(details).collect();
    let json = json!({ "digest": found, "published": published, "copied": details });
    context.printer.result(&lines, &json)
}

/// What became of the blobs, in one line.
fn told(copied: &Copied) -> String {
    let size = |how| human::size(copied.bytes(how));
    format!(
        "{}: {} through this machine, {} mounted, {} there already",
        copied.published.repository,
        size(How::Moved),
        size(How::Mounted),
        size(How::Present)
    )
}

fn details(copied: &Copied) -> serde_json::Value {
    json!({
        "repository": copied.published.repository,
        "moved": copied.bytes(How::Moved),
        "mounted": copied.bytes(How::Mounted),
        "present": copied.bytes(How::Present),
        "blobs": copied.blobs,
    })
}

/// The repositories to copy to, each with its tags.
fn targets(
    bases: &Bases,
    source: &Reference,
    destinations: Vec<Reference>,
) -> Result<Vec<(Reference, Target)>, Fail> {
    let inherited = match manifest_id(source) {
        ManifestId::Tag(tag) => Some(tag),
        ManifestId::Digest(_) => source.tag.clone(),
    };
    let inherit = |name: Reference| {
        if name.tag.is_some() || name.digest.is_some() {
            return name;
        }
        Reference { tag: inherited.clone(), ..name }
    };
    let (tagged, bare): (Vec<_>, Vec<_>) =
        destinations.into_iter().map(inherit).partition(|name| name.tag.is_some() || name.digest.is_some());
    let mut targets = bases.registries().targets(&tagged)?;
    // Of a digest there is no tag to take over, so it is stored under that alone.
    for name in bare {
        let known = |(other, target): &(Reference, Target)| {
            other.host == name.host && target.repository == name.repository
        };
        if !targets.iter().any(known) {
            let (name, target) = bases.registries().targets(std::slice::from_ref(&name))?.remove(0);
            targets.push((name, Target { tags: Vec::new(), ..target }));
        }
    }
    Ok(targets)
}
