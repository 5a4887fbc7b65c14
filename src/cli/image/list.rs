//! `consign image list`.

use super::minute;
use super::open::Opened;
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::{Event, ManifestDigest, Timestamp, human};
use crate::cli::Context;
use crate::cli::args::{Aws, RegistryPlace};
use crate::cli::control::{duration, parsed, repository};
use crate::cli::error::{Fail, bad_option};
use crate::cli::settings::list;
use crate::cli::table::{Align, Table};
use crate::ecr::image::{Filter, Image, ImageStatus, Order, SortKey, link, members, platforms, tree};
use crate::spec::Wildcard;
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, ValueEnum};
use jiff::SignedDuration;
use serde_json::json;
use std::collections::HashMap;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    /// The repository; without a registry host, the private ECR registry in use is meant
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    #[command(flatten)]
    wanted: Wanted,
    /// Read the manifests too: platforms, and what indexes list. ECR takes that for a pull of each image
    #[arg(long, env = "CONSIGN_IMAGE_PLATFORMS", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    platforms: bool,
    /// By what they are sorted: the newest, the last pulled, the largest, or the first tag by name comes first
    #[arg(long, env = "CONSIGN_IMAGE_SORT", value_name = "KEY", default_value = "pushed")]
    sort: Sort,
    /// Sort the other way round
    #[arg(long, env = "CONSIGN_IMAGE_REVERSE", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    reverse: bool,
    /// List no more than this many
    #[arg(long, env = "CONSIGN_IMAGE_LIMIT", value_name = "N")]
    limit: Option<usize>,
    /// Print digests alone, one a line, for `consign image delete REPOSITORY -`
    #[arg(long, env = "CONSIGN_IMAGE_DIGESTS_ONLY", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    digests_only: bool,
    #[command(flatten)]
    registry: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Which images; all conditions have to hold")]
struct Wanted {
    /// Only images that have a tag
    #[arg(long, env = "CONSIGN_IMAGE_TAGGED", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue, conflicts_with = "untagged")]
    tagged: bool,
    /// Only images without a tag
    #[arg(long, env = "CONSIGN_IMAGE_UNTAGGED", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    untagged: bool,
    /// Pattern that a tag has to match: `1.*`, `dev-[0-9]*` [repeatable]
    #[arg(long = "tag", env = "CONSIGN_IMAGE_TAG", value_name = "GLOB", value_delimiter = ',')]
    tags: Vec<String>,
    /// Pushed longer ago than this: 30d, 12h, 2w
    #[arg(long, env = "CONSIGN_IMAGE_OLDER_THAN", value_name = "AGE", value_parser = duration)]
    older_than: Option<SignedDuration>,
    /// Pushed no longer ago than this
    #[arg(long, env = "CONSIGN_IMAGE_NEWER_THAN", value_name = "AGE", value_parser = duration)]
    newer_than: Option<SignedDuration>,
    /// Neither pulled nor pushed for this long
    #[arg(long, env = "CONSIGN_IMAGE_NOT_PULLED_FOR", value_name = "AGE", value_parser = duration)]
    not_pulled_for: Option<SignedDuration>,
    /// image, index, signature, sbom, attestation, chart, cache or artifact [repeatable]
    #[arg(long = "type", env = "CONSIGN_IMAGE_TYPE", value_name = "TYPE", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Platform that it is for, or has an image for; implies --platforms [repeatable]
    #[arg(long = "platform", env = "CONSIGN_IMAGE_PLATFORM", value_name = "OS/ARCH", value_delimiter = ',')]
    platform: Vec<String>,
    /// Whether it can be pulled, or lies in the archive
    #[arg(long, env = "CONSIGN_IMAGE_STATUS", value_name = "STATUS", default_value = "active")]
    status: Status,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sort {
    Pushed,
    Pulled,
    Size,
    Tag,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    Active,
    Archived,
    Activating,
    Any,
}

const EXAMPLES: &str = "\
Examples:
  What is there, the newest first; with what runs where:
    consign image list shop/api
    consign image list shop/api --platforms

  What takes the most room, and what nobody has pulled in a quarter of a year:
    consign image list shop/api --sort size --limit 10
    consign image list shop/api --not-pulled-for 90d

  Delete untagged images that are older than a month:
    consign image list shop/api --untagged --older-than 30d --digests-only |
      consign image delete shop/api - --yes";

impl Wanted {
    fn filter(&self, now: Timestamp, context: &Context) -> Result<Filter, Fail> {
        let tags = list(context, "tags", self.tags.clone());
        let glob = |text: &String| {
            let wrong = |error| bad_option("--tag", format!("`{text}`: {error}"));
            Wildcard::new(text.as_bytes()).map_err(wrong)
        };
        let ago = |age: Option<SignedDuration>| age.and_then(|age| now.checked_sub(age).ok());
        Ok(Filter {
            tagged: if self.untagged { Some(false) } else { self.tagged.then_some(true) },
            tags: tags.iter().map(glob).collect::<Result<_, _>>()?,
            pushed_before: ago(self.older_than),
            pushed_since: ago(self.newer_than),
            unused_since: ago(self.not_pulled_for),
            kinds: parsed(context, "--type", "kinds", &self.kinds)?,
            platforms: parsed(context, "--platform", "platform", &self.platform)?,
        })
    }

    fn status(&self) -> ImageStatus {
        match self.status {
            Status::Active => ImageStatus::Active,
            Status::Archived => ImageStatus::Archived,
            Status::Activating => ImageStatus::Activating,
            Status::Any => ImageStatus::Any,
        }
    }
}

pub(super) async fn run(args: List, context: &Context) -> Result<(), Fail> {
    let reference = repository("REPOSITORY", &args.repository)?;
    let filter = args.wanted.filter(SystemClock.now(), context)?;
    let opened = Opened::new(&reference, &args.registry, &args.aws, context).await?;
    let details = opened.store.list(args.wanted.status()).await?;
    let total = details.len();
    let mut images: Vec<Image> = details.into_iter().map(Image::new).collect();
    let reads = args.platforms || !filter.platforms.is_empty();
    let registry = if reads { Some(opened.registry().await?) } else { None };
    let mut listed = HashMap::new();
    if let Some(registry) = &registry {
        let indexes: Vec<ManifestDigest> = images
            .iter()
            .filter(|image| image.detail.is_index())
            .map(|image| image.detail.image_digest)
            .collect();
        listed = members(registry, opened.repository(), &indexes).await?;
    }
    // What refers to what is found out before anything is left out.
    link(&mut images, &listed);
    images.retain(|image| filter.passes(image));
    let key = match args.sort {
        Sort::Pushed => SortKey::Pushed,
        Sort::Pulled => SortKey::Pulled,
        Sort::Size => SortKey::Size,
        Sort::Tag => SortKey::Tag,
    };
    Order { key, reverse: args.reverse }.sort(&mut images);
    if filter.platforms.is_empty() {
        // Nothing is read of what is not shown.
        images.truncate(args.limit.unwrap_or(usize::MAX));
    }
    if let Some(registry) = &registry {
        platforms(registry, opened.repository(), &mut images.iter_mut().collect::<Vec<_>>()).await?;
        images.retain(|image| filter.passes_platform(image));
        images.truncate(args.limit.unwrap_or(usize::MAX));
    }

    let what = match (images.len(), total) {
        (shown, all) if shown == all => format!("{} in {}", human::count(all, "image"), opened.name),
        (shown, all) => format!("{shown} of {} in {}", human::count(all, "image"), opened.name),
    };
    context.reporter.event(Event::Started { what });
    let text = if args.digests_only {
        images.iter().map(|image| format!("{}\n", image.detail.image_digest)).collect()
    } else {
        table(&images, reads)
    };
    let json = json!({ "repository": opened.name, "total": total, "imageDetails": images });
    context.printer.result(&text, &json)
}

/// The images for people.
fn table(images: &[Image], with_platforms: bool) -> String {
    let mut headings = vec![("DIGEST", Align::Left), ("TAGS", Align::Left), ("TYPE", Align::Left)];
    if with_platforms {
        headings.push(("PLATFORM", Align::Left));
    }
    headings.extend([("SIZE", Align::Right), ("PUSHED (UTC)", Align::Left), ("PULLED (UTC)", Align::Left)]);
    let mut table = Table::new(&headings);
    for (depth, image) in tree(images) {
        let detail = &image.detail;
        let mut row = vec![
            format!("{}sha256:{}", "  ".repeat(depth), detail.image_digest.short()),
            tags(&detail.image_tags),
            kind(image, depth > 0),
        ];
        if with_platforms {
            let names = image.platforms.iter().flatten().map(ToString::to_string);
            row.push(names.collect::<Vec<_>>().join(", "));
        }
        row.extend([
            human::size(detail.image_size_in_bytes),
            minute(detail.image_pushed_at),
            minute(detail.last_recorded_pull_time),
        ]);
        table.row(row);
    }
    table.text()
}

/// The first tags; some images have dozens.
fn tags(tags: &[String]) -> String {
    const SHOWN: usize = 4;
    let mut text = tags.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if tags.len() > SHOWN {
        text.extend([" +".to_owned(), (tags.len() - SHOWN).to_string()]);
    }
    text
}

/// What an image is, and what it belongs to if that is not the line above.
fn kind(image: &Image, is_below: bool) -> String {
    let mut text = image.kind.to_string();
    if !is_below {
        if let Some(subject) = image.subject {
            text.extend([" of sha256:", &subject.short()]);
        } else if let Some(index) = image.listed_by.iter().flatten().next() {
            text.extend([" in sha256:", &index.short()]);
        }
    }
    match image.detail.image_status.as_deref() {
        Some(status) if status != "ACTIVE" => text + ", " + &status.to_ascii_lowercase(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tags() {
        let names: Vec<String> = (1..=6).map(|n| n.to_string()).collect();
        assert_eq!((tags(&names[..2]).as_str(), tags(&names).as_str()), ("1, 2", "1, 2, 3, 4 +2"));
    }
}
