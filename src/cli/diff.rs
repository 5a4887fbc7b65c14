//! `consign diff`: what is not the same in two images.

use super::Context;
use super::args::{Aws, RegistryOptions};
use super::bases::{Bases, SourceOptions};
use super::build::blocking;
use super::error::{CliError, Fail};
use super::images::opened;
use super::targets::references;
use crate::base::{ManifestDigest, Platform, human};
use crate::build::compare::{Pair, Pairs, Side, files, pair};
use crate::build::ground::ImageFiles;
use crate::build::{BaseImage, Opened, on_disk};
use crate::image::diff::{Field, ImageDiff, Layer, diff};
use crate::tree::diff::{Change, Difference, How, Kind};
use crate::tree::text::Escaped;
use clap::Args;
use clap::builder::FalseyValueParser;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::runtime::Handle;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Diff {
    /// An image or index: an OCI layout or archive, oci-layout://PATH:TAG, or a reference to one in a registry
    #[arg(value_name = "A")]
    a: String,
    /// The one that it is compared with
    #[arg(value_name = "B")]
    b: String,
    /// Compare the images for this platform alone (default: for each platform that both have)
    #[arg(long, env = "CONSIGN_PLATFORM", value_name = "OS/ARCH")]
    platform: Option<Platform>,
    /// Compare the files too: the layers that are not the same in both are read
    #[arg(long, env = "CONSIGN_FILES", value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    files: bool,
    /// With --files: a file that differs in nothing but its time stamp has changed
    #[arg(long, env = "CONSIGN_TIMES", value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    times: bool,
    #[command(flatten)]
    sources: SourceOptions,
    #[command(flatten)]
    registry: RegistryOptions,
    #[command(flatten)]
    aws: Aws,
}

const EXAMPLES: &str = "\
Examples:
  What this release changes:
    consign diff shop/api:1.4 shop/api:1.5 --files

  Whether what was built is what is in the registry:
    consign diff layout shop/api:1.5 --platform linux/amd64

  For a script:
    consign diff staging/api:1 prod/api:1 --format json

Exit code 0 says that both have the same digest, 6 that they have not.";

/// What was found out about two images.
struct Compared {
    pair: Pair,
    documents: ImageDiff,
    /// None if nobody asked.
    files: Option<Vec<Change>>,
}

pub(super) async fn run(args: Diff, context: &Context) -> Result<(), Fail> {
    let bases = Bases::new(&args.sources, &args.registry, &args.aws, context)?;
    let a = open("A", &args.a, &bases).await?;
    let b = open("B", &args.b, &bases).await?;
    let images = ImageFiles::new(Arc::clone(&context.reporter)).with_digests();
    let Diff { a: a_name, b: b_name, platform, files: with_files, times, .. } = args;
    let (found, a_name, b_name) = blocking(move || {
        let found = compare((&a_name, &a), (&b_name, &b), platform.as_ref(), |pair| {
            with_files.then(|| Ok(files(&images, pair, times)?)).transpose()
        })?;
        Ok((found, a_name, b_name))
    })
    .await?;
    context.reporter.finish();
    let names = [a_name.as_str(), b_name.as_str()];
    context.printer.result(&found.text(names), &found.json(names))?;
    if found.is_same() {
        return Ok(());
    }
    Err(CliError::gate(format!("`{a_name}` and `{b_name}` are not the same")).into())
}

async fn open(argument: &str, name: &str, bases: &Bases) -> Result<Opened, Fail> {
    let on_disk = {
        let name = name.to_owned();
        blocking(move || on_disk(&name).map_err(Into::into)).await?
    };
    match on_disk {
        Some(opened) => Ok(opened),
        None => {
            let reference = references(argument, &[name.to_owned()])?.remove(0);
            Ok(opened(bases.open(name, reference).await?, &Handle::current()))
        }
    }
}

/// All that was found out.
struct Found {
    /// The digests that are compared.
    digests: [ManifestDigest; 2],
    images: Vec<Compared>,
    only: [Vec<Platform>; 2],
}

fn compare(
    (a_name, a): (&str, &Opened),
    (b_name, b): (&str, &Opened),
    platform: Option<&Platform>,
    mut files: impl FnMut(&Pair) -> Result<Option<Vec<Change>>, Fail>,
) -> Result<Found, Fail> {
    let digests = [a.root.digest(), b.root.digest()];
    if platform.is_none() && digests[0] == digests[1] {
        return Ok(Found { digests, images: Vec::new(), only: [Vec::new(), Vec::new()] });
    }
    let Pairs { both, only_a, only_b } =
        pair(Side { name: a_name, opened: a }, Side { name: b_name, opened: b }, platform)?;
    let digests = match &both[..] {
        [pair] if platform.is_some() => {
            [pair.a.manifest.manifest_digest(), pair.b.manifest.manifest_digest()]
        }
        _ => digests,
    };
    let images = both.into_iter().filter(|pair| !is_same(pair)).map(|pair| {
        let documents = diff((&pair.a.manifest, &pair.a.config), (&pair.b.manifest, &pair.b.config));
        Ok(Compared { files: files(&pair)?, documents, pair })
    });
    Ok(Found { digests, images: images.collect::<Result<_, Fail>>()?, only: [only_a, only_b] })
}

fn is_same(pair: &Pair) -> bool {
    pair.a.manifest.manifest_digest() == pair.b.manifest.manifest_digest()
}

impl Found {
    fn is_same(&self) -> bool {
        self.digests[0] == self.digests[1]
    }

    fn text(&self, names: [&str; 2]) -> String {
        let [a, b] = self.digests;
        let mut text = format!("A  {}  {a}\nB  {}  {b}\n", names[0], names[1]);
        if self.is_same() {
            text.push_str("the same\n");
            return text;
        }
        for (sign, platforms) in ["-", "+"].into_iter().zip(&self.only) {
            for platform in platforms {
                let _ = writeln!(text, "{sign} {platform}");
            }
        }
        if self.images.is_empty() && self.only.iter().all(Vec::is_empty) {
            text.push_str("the images for all platforms are the same, the indexes are not\n");
        }
        for image in &self.images {
            image.text(&mut text);
        }
        text
    }

    fn json(&self, names: [&str; 2]) -> Value {
        let side = |index: usize| json!({ "name": names[index], "digest": self.digests[index], "onlyPlatforms": self.only[index] });
        let images: Vec<_> = self.images.iter().map(Compared::json).collect();
        json!({ "same": self.is_same(), "a": side(0), "b": side(1), "images": images })
    }
}

impl Compared {
    fn text(&self, text: &mut String) {
        if let Some(platform) = &self.pair.platform {
            let _ = writeln!(text, "\nplatform {platform}");
        }
        let ImageDiff { fields, history_removed, history_added, layers } = &self.documents;
        if !fields.is_empty() {
            text.push_str("\nsettings\n");
        }
        for Field { name, from, to } in fields {
            let _ = match (from, to) {
                (Some(from), Some(to)) => writeln!(text, "  ~ {name}  {from} → {to}"),
                (from, to) => {
                    let value = from.as_ref().or(to.as_ref()).unwrap_or(&Value::Null);
                    writeln!(text, "  {} {name}  {value}", if from.is_some() { '-' } else { '+' })
                }
            };
        }
        if !history_removed.is_empty() || !history_added.is_empty() {
            text.push_str("\nhistory\n");
        }
        for (sign, steps) in [('-', history_removed), ('+', history_added)] {
            for step in steps {
                let by = step.created_by.as_deref().or(step.comment.as_deref()).unwrap_or("(nothing said)");
                let _ = writeln!(text, "  {sign} {}", one_line(by));
            }
        }
        text.push_str("\nlayers\n");
        for (sign, layers) in [('=', &layers.shared), ('-', &layers.removed), ('+', &layers.added)] {
            for Layer { digest, size, created_by, recompressed } in layers {
                let by = created_by.as_deref().map(one_line).unwrap_or_default();
                let same = if *recompressed { "  (the same files, compressed in another way)" } else { "" };
                let line = format!("  {sign} {digest} {:>8}  {by}{same}", human::size(*size));
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
        if let Some(changes) = &self.files {
            text.push_str("\nfiles\n");
            if changes.is_empty() {
                text.push_str("  no differences\n");
            }
            for change in changes {
                let _ = writeln!(text, "  {}", change_text(change));
            }
        }
    }

    fn json(&self) -> Value {
        let digest = |image: &BaseImage| image.manifest.manifest_digest();
        let mut json = json!({
            "platform": self.pair.platform,
            "a": digest(&self.pair.a),
            "b": digest(&self.pair.b),
        });
        // An object gets the fields of another one.
        if let (Value::Object(json), Value::Object(more)) = (&mut json, json!(self.documents)) {
            json.extend(more);
            let files =
                self.files.as_ref().map(|changes| changes.iter().map(change_json).collect::<Vec<_>>());
            json.insert("files".into(), json!(files));
        }
        json
    }
}

fn change_text(Change { path, how }: &Change) -> String {
    let path = Escaped(path.as_bytes());
    match how {
        How::Added(kind) => format!("+ {path}  {}", kind_text(*kind)),
        How::Removed(kind) => format!("- {path}  {}", kind_text(*kind)),
        How::Changed(differences) => {
            let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "none".into());
            let one = |Difference { what, from, to }: &Difference| {
                format!("{} {} → {}", what.name(), side(from), side(to))
            };
            let all: Vec<_> = differences.iter().map(one).collect();
            format!("~ {path}  {}", all.join(", "))
        }
    }
}

fn kind_text(kind: Kind) -> String {
    match kind {
        Kind::File(size) => format!("file, {}", human::size(size)),
        other => other.name().to_owned(),
    }
}

fn change_json(Change { path, how }: &Change) -> Value {
    let path = Escaped(path.as_bytes()).to_string();
    let one = |change: &str, kind: &Kind| {
        let size = if let Kind::File(size) = kind { Some(size) } else { None };
        json!({ "path": path, "change": change, "type": kind.name(), "size": size })
    };
    match how {
        How::Added(kind) => one("added", kind),
        How::Removed(kind) => one("removed", kind),
        How::Changed(differences) => json!({ "path": path, "change": "changed", "differences": differences }),
    }
}

/// What somebody else wrote, so that it stays in its line.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
