//! `consign image delete`.

use super::open::Opened;
use crate::base::{Event, ManifestDigest, Reference, human};
use crate::cli::Context;
use crate::cli::args::{Aws, RegistryPlace};
use crate::cli::build::blocking;
use crate::cli::confirm::{confirm, is_somebody_there};
use crate::cli::control::repository;
use crate::cli::error::{CliError, Fail};
use crate::cli::table::{Align, Table};
use crate::cli::targets::{beside, manifest_id, references};
use crate::ecr::image::deletion::{Deleted, Deletion, DeletionError, ImageId, NotDeleted};
use crate::ecr::image::plan::{Kept, Plan, plan};
use crate::ecr::image::{Image, ImageStatus, link, members};
use crate::registry::ManifestId;
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use serde_json::json;
use std::io::Read as _;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(super) struct Delete {
    /// REPOSITORY, and what to delete in it: tags, digests, `-` for a list of them on stdin; or references in full
    #[arg(required = true, value_name = "REPOSITORY|REF")]
    names: Vec<String>,
    /// Of an index, delete also those of its images that have no tag and are in no other index
    #[arg(long, env = "CONSIGN_IMAGE_WITH_CHILDREN", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    with_children: bool,
    /// Take what is not there for deleted
    #[arg(long, env = "CONSIGN_IMAGE_IGNORE_MISSING", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    ignore_missing: bool,
    /// Leave what an index lists, and do not take that for a failure
    #[arg(long, env = "CONSIGN_IMAGE_IGNORE_REFERENCED", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    ignore_referenced: bool,
    /// Tell what would go, and delete nothing
    #[arg(long, env = "CONSIGN_DRY_RUN", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long, env = "CONSIGN_YES", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    yes: bool,
    #[command(flatten)]
    registry: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const EXAMPLES: &str = "\
Examples:
  A tag; the image goes with its last one:
    consign image delete shop/api 1.4-rc1

  An image with all its tags, and an index with its images:
    consign image delete \"shop/api@$(cat digest.txt)\"
    consign image delete shop/api:1.4 --with-children

  Many at once, without being asked:
    consign image list shop/api --untagged --older-than 30d --digests-only |
      consign image delete shop/api - --yes --ignore-missing --ignore-referenced";

/// What the arguments name.
struct Asked {
    repository: Reference,
    ids: Vec<ManifestId>,
}

pub(super) async fn run(args: Delete, context: &Context) -> Result<(), Fail> {
    let Asked { repository, ids } = asked(&args.names).await?;
    let asks = !args.yes && !args.dry_run;
    if asks && !ids.is_empty() && !is_somebody_there() {
        let what = what(&ids, &repository.to_string());
        return confirm(context, &format!("Delete {what}?"), HINT).await;
    }
    if ids.is_empty() {
        context.reporter.event(Event::Started { what: format!("nothing to delete from {repository}") });
        let json = json!({ "repository": repository, "dryRun": args.dry_run, "deleted": [], "failures": [] });
        return context.printer.result("", &json);
    }
    let opened = Opened::new(&repository, &args.registry, &args.aws, context).await?;
    let mut report = Report { name: opened.name.clone(), dry_run: args.dry_run, ..Report::default() };
    let mut children = Vec::new();
    let mut open = ids.clone();
    if asks || args.dry_run || args.with_children {
        let images = images(&opened, &ids, &args).await?;
        let plan = plan(&images, &ids, args.with_children);
        report.foresee(&plan);
        open.retain(|id| !report.failures.iter().any(|failure| failure.id == *id));
        children = plan.images[plan.images.len() - plan.children..].to_vec();
        if args.dry_run {
            report.deleted = would_go(&plan, &images);
            report.bytes = Some(plan.bytes);
            let size = human::size(plan.bytes);
            let what = format!("up to {size} would be freed: layers that other images have too stay");
            context.reporter.event(Event::Started { what });
        } else if asks && !open.is_empty() {
            context.printer.stderr(table(&plan, &images).trim_end());
            let question = format!("Delete {} from {}?", summary(&plan), opened.name);
            confirm(context, &question, HINT).await?;
        }
    }
    if !args.dry_run {
        let mut told = |done: usize| {
            if ids.len() > 100 {
                let what = format!("{done} of {} dealt with", ids.len());
                context.reporter.event(Event::Started { what });
            }
        };
        report.take(opened.store.delete(&open, &mut told).await);
        let children: Vec<_> = children.into_iter().map(ManifestId::Digest).collect();
        if report.error.is_some() {
            report.not_attempted.extend(children);
        } else {
            let deletion = opened.store.delete(&children, &mut |_| {}).await;
            report.take_children(deletion);
        }
    }
    report.tell(&args, context)
}

const HINT: &str = "`--yes` deletes without being asked, `--dry-run` shows what would go";

/// Reads the arguments, and stdin for `-`.
async fn asked(names: &[String]) -> Result<Asked, Fail> {
    let first = references("REPOSITORY", &names[..1])?.remove(0);
    let is_image = first.tag.is_some() || first.digest.is_some();
    let (repository, rest) = match is_image {
        true => (Reference { tag: None, digest: None, ..first }, names),
        false if names.len() == 1 => {
            return Err(CliError::input(format!("nothing says what to delete from `{first}`"))
                .hinted("name tags or digests behind it, or `-` to read them from stdin; the repository itself is not touched")
                .into());
        }
        false => (repository("REPOSITORY", &names[0])?, &names[1..]),
    };
    let mut words = Vec::new();
    for name in rest {
        if name == "-" {
            words.extend(stdin().await?);
        } else {
            words.push(name.clone());
        }
    }
    let mut ids = Vec::with_capacity(words.len());
    for (word, found) in words.iter().zip(beside("TAG", &words, &repository)?) {
        if (&found.host, &found.repository) != (&repository.host, &repository.repository) {
            return Err(CliError::input(format!("`{found}` is not in the repository `{repository}`"))
                .hinted("one call deletes from one repository: call it for each")
                .into());
        }
        if found.tag.is_none() && found.digest.is_none() {
            return Err(CliError::input(format!(
                "`{word}` names no image: it has neither a tag nor a digest"
            ))
            .into());
        }
        ids.push(manifest_id(&found));
    }
    Ok(Asked { repository, ids })
}

async fn stdin() -> Result<Vec<String>, Fail> {
    blocking(|| {
        let mut text = String::new();
        let read = std::io::stdin().lock().read_to_string(&mut text);
        read.map_err(|error| CliError::input(format!("reading stdin: {error}")))?;
        Ok(text.split_whitespace().map(str::to_owned).collect())
    })
    .await
}

/// What the repository holds, with what indexes list as far as it is needed: of those that go, and of all where it is told
/// beforehand what an index protects.
async fn images(opened: &Opened<'_>, ids: &[ManifestId], args: &Delete) -> Result<Vec<Image>, Fail> {
    let details = opened.store.list(ImageStatus::Any).await?;
    let mut images: Vec<Image> = details.into_iter().map(Image::new).collect();
    let is_asked = |image: &Image| {
        ids.iter().any(|id| match id {
            ManifestId::Tag(tag) => image.detail.image_tags.iter().any(|it| it == tag.as_str()),
            ManifestId::Digest(digest) => image.detail.image_digest == *digest,
        })
    };
    let tells = args.dry_run || !args.yes;
    let can_be_listed = tells && images.iter().any(is_asked);
    let indexes: Vec<ManifestDigest> = images
        .iter()
        .filter(|image| image.detail.is_index() && (can_be_listed || args.with_children && is_asked(image)))
        .map(|image| image.detail.image_digest)
        .collect();
    if !indexes.is_empty() {
        let registry = opened.registry().await?;
        let listed = members(&registry, opened.repository(), &indexes).await?;
        link(&mut images, &listed);
    }
    Ok(images)
}

/// `3 images of shop/api`
fn what(ids: &[ManifestId], repository: &str) -> String {
    match ids {
        [id @ ManifestId::Tag(_)] => format!("{repository}:{id}"),
        [id @ ManifestId::Digest(_)] => format!("{repository}@{id}"),
        _ => format!("{} images and tags of {repository}", ids.len()),
    }
}

/// `2 images (52 MB) and 1 tag`
fn summary(plan: &Plan) -> String {
    let images = format!("{} ({})", human::count(plan.images.len(), "image"), human::size(plan.bytes));
    match (plan.images.len(), plan.tags.len()) {
        (0, tags) => human::count(tags, "tag"),
        (_, 0) => images,
        (_, tags) => format!("{images} and {}", human::count(tags, "tag")),
    }
}

/// What would go, for whoever is asked.
fn table(plan: &Plan, images: &[Image]) -> String {
    let mut table = Table::new(&[("GOES", Align::Left), ("TAGS", Align::Left), ("SIZE", Align::Right)]);
    for digest in &plan.images {
        if let Some(image) = images.iter().find(|image| image.detail.image_digest == *digest) {
            let detail = &image.detail;
            let kind = format!("{} sha256:{}", image.kind, digest.short());
            table.row([kind, detail.image_tags.join(", "), human::size(detail.image_size_in_bytes)]);
        }
    }
    for (tag, digest) in &plan.tags {
        table.row([format!("tag of sha256:{}", digest.short()), tag.clone(), String::new()]);
    }
    table.text()
}

/// The plan as if it had been carried out.
fn would_go(plan: &Plan, images: &[Image]) -> Vec<Deleted> {
    let named = |digest: &ManifestDigest, tag: Option<&String>| Deleted {
        image_digest: Some(digest.to_string()),
        image_tag: tag.cloned(),
    };
    let mut all = Vec::new();
    for digest in &plan.images {
        let tags = images.iter().filter(|image| image.detail.image_digest == *digest);
        let before = all.len();
        all.extend(tags.flat_map(|image| &image.detail.image_tags).map(|tag| named(digest, Some(tag))));
        if all.len() == before {
            all.push(named(digest, None));
        }
    }
    all.extend(plan.tags.iter().map(|(tag, digest)| named(digest, Some(tag))));
    all
}

/// What was done and what was not.
#[derive(Default)]
struct Report {
    name: String,
    dry_run: bool,
    deleted: Vec<Deleted>,
    presumed: usize,
    /// Of a dry run, what the images have.
    bytes: Option<u64>,
    failures: Vec<NotDeleted>,
    kept: Vec<Kept>,
    not_attempted: Vec<ManifestId>,
    unknown: Vec<ManifestId>,
    error: Option<crate::registry::RegistryError>,
}

impl Report {
    /// Notes what is known not to work, so that it is not asked for.
    fn foresee(&mut self, plan: &Plan) {
        let missing = plan.missing.iter().map(|id| NotDeleted::missing(id.clone()));
        let listed = plan.listed.iter().map(|(id, indexes)| NotDeleted::listed(id.clone(), indexes.clone()));
        self.failures.extend(missing.chain(listed));
        self.kept.clone_from(&plan.kept);
    }

    fn take(&mut self, deletion: Deletion) {
        let Deletion { deleted, presumed, failures, not_attempted, unknown, error } = deletion;
        self.deleted.extend(deleted);
        self.presumed += presumed;
        self.failures.extend(failures);
        self.not_attempted.extend(not_attempted);
        self.unknown.extend(unknown);
        self.error = error;
    }

    /// A child that another index holds stays, and was not asked for by anybody.
    fn take_children(&mut self, mut deletion: Deletion) {
        for failure in std::mem::take(&mut deletion.failures) {
            match failure.id {
                ManifestId::Digest(image_digest) if failure.is_listed() => {
                    self.kept.push(Kept { image_digest, image_tags: vec![], listed_by: failure.listed_by });
                }
                // Somebody else was faster.
                _ if failure.is_missing() => {}
                _ => deletion.failures.push(failure),
            }
        }
        self.take(deletion);
    }

    fn tell(mut self, args: &Delete, context: &Context) -> Result<(), Fail> {
        let (mut missing, mut protected, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        for failure in std::mem::take(&mut self.failures) {
            match () {
                () if args.ignore_missing && failure.is_missing() => missing.push(failure),
                () if args.ignore_referenced && failure.is_listed() => protected.push(failure),
                () => failures.push(failure),
            }
        }
        for failure in &protected {
            let indexes: Vec<_> = failure.listed_by.iter().map(ToString::to_string).collect();
            let what = format!("{} stays: it is in the index {}", failure.id, indexes.join(", "));
            context.reporter.event(Event::Started { what });
        }
        for failure in &missing {
            let what = format!("{} is not in {}: nothing to delete", failure.id, self.name);
            context.reporter.event(Event::Started { what });
        }
        for kept in &self.kept {
            let why = match (kept.listed_by.first(), kept.image_tags.is_empty()) {
                (Some(index), _) => format!("it is in the index {index} too"),
                (None, false) => format!("it has tags of its own: {}", kept.image_tags.join(", ")),
                (None, true) => "ECR has kept it".to_owned(),
            };
            let what = format!("{} stays: {why}", kept.image_digest);
            context.reporter.event(Event::Started { what });
        }
        if self.presumed > 0 {
            context.reporter.warn(format!(
                "the answer to a call was lost: {} that was not there any more at the next attempt counts as deleted",
                human::count(self.presumed, "image or tag")
            ));
        }
        let verb = if self.dry_run { "would delete" } else { "deleted" };
        let line = |it: &Deleted| {
            let tag = it.image_tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
            let digest = it.image_digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
            format!("{verb} {}{tag}{digest}\n", self.name)
        };
        let text: String = self.deleted.iter().map(line).collect();
        let ids = |ids: &[ManifestId]| json!(ids.iter().map(ImageId).collect::<Vec<_>>());
        let mut json = json!({
            "repository": self.name,
            "dryRun": self.dry_run,
            "deleted": self.deleted,
            "failures": failures,
            "missing": missing,
            "protected": protected,
            "kept": self.kept,
            "notAttempted": ids(&self.not_attempted),
            "unknown": ids(&self.unknown),
        });
        if let Some(bytes) = self.bytes {
            json["imageSizeInBytes"] = bytes.into();
        }
        context.reporter.finish();
        context.printer.result(&text, &json)?;
        if failures.is_empty() && self.error.is_none() {
            return Ok(());
        }
        Err(DeletionError {
            repository: self.name,
            dry_run: self.dry_run,
            deleted: self.deleted.len(),
            failures,
            not_attempted: self.not_attempted,
            unknown: self.unknown,
            error: self.error,
        }
        .into())
    }
}
