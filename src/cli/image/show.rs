//! `consign image show`.

use super::minute;
use super::open::Opened;
use crate::base::human;
use crate::cli::Context;
use crate::cli::args::{Aws, RegistryPlace};
use crate::cli::control::image;
use crate::cli::error::{CliError, Fail};
use crate::cli::targets::manifest_id;
use crate::ecr::image::{Image, ImageDetail, Referrer, link, members, platforms};
use crate::registry::RegistryError;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Show {
    /// The image or index: REPOSITORY:TAG or REPOSITORY@sha256:…
    #[arg(value_name = "REF")]
    reference: String,
    #[command(flatten)]
    registry: RegistryPlace,
    #[command(flatten)]
    aws: Aws,
}

const EXAMPLES: &str = "\
Examples:
  consign image show shop/api:1.4
  consign image show \"shop/api@$(cat digest.txt)\" --format json

`consign inspect` shows what is in the image itself: its layers and its config.";

pub(super) async fn run(args: Show, context: &Context) -> Result<(), Fail> {
    let reference = image("REF", &args.reference)?;
    let opened = Opened::new(&reference, &args.registry, &args.aws, context).await?;
    let Some(detail) = opened.store.describe(&manifest_id(&reference)).await? else {
        return Err(CliError::refused(format!("`{reference}` is not in the repository {}", opened.name))
            .hinted("`consign image list REPOSITORY` shows what is there")
            .into());
    };
    let digest = detail.image_digest;
    let referrers = match opened.store.referrers(&digest).await {
        Err(error @ RegistryError::Denied { .. }) => {
            context.reporter.warn(format!("what refers to the image is not known: {error}"));
            None
        }
        other => other?,
    };
    let is_archived = detail.image_status.as_deref().is_some_and(|status| status != "ACTIVE");
    let mut images = [Image::new(detail)];
    // What is in the archive can't be read.
    if !is_archived {
        let registry = opened.registry().await?;
        if images[0].detail.is_index() {
            let listed = members(&registry, opened.repository(), &[digest]).await?;
            link(&mut images, &listed);
        }
        platforms(&registry, opened.repository(), &mut images.iter_mut().collect::<Vec<_>>()).await?;
    }
    let [mut image] = images;
    if let Some(referrers) = &referrers {
        image.referrers = referrers.iter().filter_map(|referrer| referrer.digest.parse().ok()).collect();
    }
    let mut json = json!(image);
    json["repository"] = opened.name.clone().into();
    if let Some(referrers) = &referrers {
        json["referrers"] = json!(referrers);
    } else if let Value::Object(members) = &mut json {
        members.shift_remove("referrers");
    }
    context.printer.result(&text(&opened.name, &image, referrers.as_deref()), &json)
}

fn text(name: &str, image: &Image, referrers: Option<&[Referrer]>) -> String {
    let detail = &image.detail;
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:10} {value}");
        }
    };
    row("image", &format!("{name}@{}", detail.image_digest));
    row("tags", &detail.image_tags.join(", "));
    row("type", &image.kind.to_string());
    row("media type", detail.image_manifest_media_type.as_deref().unwrap_or_default());
    row("artifact", detail.artifact_media_type.as_deref().unwrap_or_default());
    if image.manifests.is_none() {
        row(
            "platform",
            &image.platforms.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        );
    }
    let size = human::size(detail.image_size_in_bytes);
    row("size", &if detail.is_index() { format!("{size}, its largest image") } else { size });
    let utc = |time: String| if time.is_empty() { time } else { format!("{time} UTC") };
    row("pushed", &utc(minute(detail.image_pushed_at)));
    row("pulled", &utc(minute(detail.last_recorded_pull_time)));
    row("status", &detail.image_status.as_deref().unwrap_or_default().to_ascii_lowercase());
    row("archived", &utc(minute(detail.last_archived_at)));
    row("restored", &utc(minute(detail.last_activated_at)));
    row("scan", &scan(detail));
    if let Some(subject) = image.subject {
        row("about", &subject.to_string());
    }
    for member in image.manifests.iter().flatten() {
        let what = member.platform.as_ref().map_or_else(|| member.kind.to_string(), ToString::to_string);
        row("manifest", &format!("{what:14} {}", member.digest));
    }
    for referrer in referrers.unwrap_or_default() {
        let what = referrer.artifact_type.as_deref().unwrap_or(&referrer.media_type);
        row("referrer", &format!("{} {} {what}", referrer.digest, human::size(referrer.size)));
    }
    text
}

/// `complete: 1 critical, 3 high`
fn scan(detail: &ImageDetail) -> String {
    const SEVERITIES: [&str; 6] = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED"];
    let Some(status) = &detail.image_scan_status else { return String::new() };
    let mut text = status.status.to_ascii_lowercase().replace('_', " ");
    if let Some(found) = &detail.image_scan_findings_summary {
        let counts = &found.finding_severity_counts;
        let known = SEVERITIES.iter().filter_map(|name| Some((*name, counts.get(*name)?)));
        let list: Vec<_> =
            known.map(|(name, count)| format!("{count} {}", name.to_ascii_lowercase())).collect();
        text.push_str(": ");
        text.push_str(&if list.is_empty() { "nothing found".to_owned() } else { list.join(", ") });
    }
    text
}
