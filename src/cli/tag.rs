//! `consign tag`: more tags for an image that a registry holds.

use super::Context;
use super::args::{Aws, RegistryOptions, Results};
use super::error::{CliError, Fail, auth};
use super::results::ResultFiles;
use super::targets::{Registries, beside, manifest_id, references};
use crate::auth::Session;
use crate::base::{Event, ManifestDigest, Reference};
use crate::publish::{Published, Source, Target, retag};
use crate::registry::distribution::Purpose;
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Tag {
    /// The image or index: REPOSITORY@sha256:… or REPOSITORY:TAG
    #[arg(value_name = "REF")]
    reference: String,
    /// Tags to put on it, in the same repository
    #[arg(required = true, value_name = "TAG")]
    tags: Vec<String>,
    /// Set no tag unless REF is this digest (exit code 6)
    #[arg(long, env = "CONSIGN_IF_DIGEST", value_name = "DIGEST")]
    if_digest: Option<ManifestDigest>,
    #[command(flatten)]
    registry: RegistryOptions,
    #[command(flatten)]
    aws: Aws,
    #[command(flatten)]
    results: Results,
}

const EXAMPLES: &str = "\
Examples:
  Promote what was tested, by its digest:
    consign tag \"shop/api@$(cat digest.txt)\" prod

  Several tags at once; an index is tagged as an index:
    consign tag shop/api:1.4.2 1.4 1 latest

  Only if nobody has moved the tag since:
    consign tag shop/api:1.4.2 prod --if-digest \"$(cat digest.txt)\"";

pub(super) async fn run(args: Tag, context: &Context) -> Result<(), Fail> {
    let reference = references("REF", std::slice::from_ref(&args.reference))?.remove(0);
    let tags = beside("TAG", &args.tags, &reference)?;
    let registries = Registries::new(&args.registry, &args.aws)?;
    let results = ResultFiles::check(&args.results, &context.environment)?;
    let target = target(&registries, &tags)?;
    let names: Vec<_> = std::iter::once(reference.clone()).chain(tags.iter().cloned()).collect();
    let session = session(&registries, &names, Purpose::Push, &args.aws, context).await?;
    let environment = &context.environment;
    let registry = registries.open(session.as_ref(), &reference, Purpose::Push, environment).await?;
    let source = Source { name: format!("`{}`", args.reference), id: manifest_id(&reference) };
    let published = retag(&registry, &target, &source, args.if_digest, &context.reporter).await?;
    done(&results, published, context)
}

/// The one repository with its tags.
pub(super) fn target(registries: &Registries, tags: &[Reference]) -> Result<Target, Fail> {
    let mut targets = registries.targets(tags)?;
    let (_, mut target) = targets.remove(0);
    // The own registry can be named in two ways; that it is one repository is found out later.
    for (_, other) in targets {
        let more = other.tags.into_iter().filter(|tag| !target.tags.contains(tag));
        target.tags.extend(more.collect::<Vec<_>>());
    }
    Ok(target)
}

/// The session, if the repository needs one; and it has been shown to AWS. Fails before that unless all of `names` are in
/// the repository of the first one.
pub(super) async fn session(
    registries: &Registries,
    names: &[Reference],
    purpose: Purpose,
    aws: &Aws,
    context: &Context,
) -> Result<Option<Session>, Fail> {
    let (pushed, read) = match purpose {
        Purpose::Push => (names, &[][..]),
        Purpose::Pull => (&[][..], names),
    };
    let session = registries.session(pushed, read, aws, &context.environment).await?;
    same_repository(registries, session.as_ref(), names).await?;
    if let Some(session) = &session {
        session.authenticate().await.map_err(auth)?;
        context.reporter.event(Event::Authenticated { source: session.source().to_owned(), arn: None });
    }
    Ok(session)
}

async fn same_repository(
    registries: &Registries,
    session: Option<&Session>,
    names: &[Reference],
) -> Result<(), Fail> {
    let first = &names[0];
    for other in names {
        if !registries.is_same_repository(session, first, other).await? {
            let repository = Reference { tag: None, digest: None, ..first.clone() };
            return Err(CliError::input(format!("`{other}` is not in the repository `{repository}`"))
                .hinted(
                    "tags and indexes are set within one repository: bring the image into the other one first, with \
                     `consign copy SRC DST`",
                )
                .into());
        }
    }
    Ok(())
}

/// Hands over what was published.
pub(super) fn done(results: &ResultFiles, published: Published, context: &Context) -> Result<(), Fail> {
    let published = [published];
    results.write(&published)?;
    let [image] = &published;
    let json = json!({ "digest": image.digest, "published": published });
    context.printer.result(&format!("{}\n", image.reference()), &json)
}
