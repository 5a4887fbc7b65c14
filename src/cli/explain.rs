//! `--explain`: which layers there are, how large, what became of each, and why.

use crate::base::{BlobDigest, DiffId, human};
use crate::build::{LayerFacts, LayerKind, LayerOf, Recipes};
use crate::publish::{Because, Published};
use serde::Serialize;

/// A layer, as `--explain` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explained {
    name: String,
    /// Why these files are a layer.
    reason: String,
    /// Files, directories and links; not known of a layer that is not unpacked.
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<usize>,
    /// Bytes of content.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<u64>,
    /// Compressed, in bytes.
    size: u64,
    digest: BlobDigest,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff_id: Option<DiffId>,
    /// What became of it in the registry; none if nothing was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<Because>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<u64>,
    /// Where it was, if it is one of an image that is built on.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

impl Explained {
    /// What is known of a layer beside its blob.
    fn new(recipes: &Recipes, layer: &LayerOf, digest: BlobDigest, size: u64) -> Self {
        let (reason, entries, content) = match &layer.kind {
            LayerKind::Given(given) => (format!("of {}, which is built on", given.image.name), None, None),
            LayerKind::Made { recipe, index } => {
                let made = recipes.made(*recipe, *index);
                (made.reason.clone(), Some(made.tree.len()), Some(made.tree.content_size()))
            }
        };
        let name = layer.name.clone();
        Self {
            name,
            reason,
            entries,
            content,
            size,
            digest,
            diff_id: None,
            because: None,
            sent: None,
            from: None,
        }
    }
}

/// The layers as they are in one repository.
pub(super) fn pushed(recipes: &Recipes, published: &Published) -> Vec<Explained> {
    let layers = recipes.layers().iter().zip(&published.layers);
    layers
        .map(|(layer, report)| Explained {
            because: Some(report.because),
            sent: Some(report.sent),
            from: report.from.clone(),
            ..Explained::new(recipes, layer, report.digest, report.size)
        })
        .collect()
}

/// The layers as they would be.
pub(super) fn built(recipes: &Recipes, facts: &[LayerFacts]) -> Vec<Explained> {
    let layers = recipes.layers().iter().zip(facts);
    layers
        .map(|(layer, facts)| Explained {
            diff_id: Some(facts.diff_id),
            ..Explained::new(recipes, layer, facts.descriptor.digest, facts.descriptor.size)
        })
        .collect()
}

/// For people: the layers below the reasons that they share.
pub(super) fn text(title: &str, layers: &[Explained]) -> String {
    let total: u64 = layers.iter().map(|layer| layer.size).sum();
    let sent: Option<u64> = layers.iter().map(|layer| layer.sent).sum();
    let sent = sent.map_or_else(String::new, |sent| format!(", of which {} sent", human::size(sent)));
    let count = human::count(layers.len(), "layer");
    let mut lines = vec![format!("{title}: {count}, {}{sent}", human::size(total))];
    let width = layers.iter().map(|layer| layer.name.chars().count()).max().unwrap_or_default();
    let mut reason = "";
    for layer in layers {
        if layer.reason != reason {
            reason = &layer.reason;
            lines.push(format!("  {reason}:"));
        }
        let entries = layer.entries.map_or_else(String::new, |entries| human::count(entries, "path"));
        let content = layer.content.map_or_else(String::new, |content| human::size(content) + " →");
        let size = human::size(layer.size);
        let because = layer.because.map_or_else(String::new, |because| said(because, layer.from.as_deref()));
        let line = format!("    {:width$}  {entries:>12}  {content:>9} {size:>7}  {because}", layer.name);
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

fn said(because: Because, from: Option<&str>) -> String {
    let from = from.unwrap_or("its place");
    let words = match because {
        Because::FilesUnchanged => {
            "reused, not even read: the files' sizes, times and inodes are those of an earlier run"
        }
        Because::TarInCache => "reused after hashing: the layer cache knows this content",
        Because::TarInImage => "reused after hashing: an earlier image has this content",
        Because::BlobThere => "reused after compressing: the repository has a blob with this digest",
        Because::Missing => "sent: the repository did not have it",
        Because::BaseThere => "left where it is: the repository has it",
        Because::BaseMounted => return format!("mounted from {from}: no byte was sent"),
        Because::BaseSent => return format!("streamed from {from}: the repository did not have it"),
    };
    words.to_owned()
}
