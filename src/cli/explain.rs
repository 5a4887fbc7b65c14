//! `--explain`: which layers there are, how large, what became of each, and why.

use crate::base::{BlobDigest, DiffId, human};
use crate::build::{LayerFacts, Recipe};
use crate::publish::{Because, Published};
use serde::Serialize;

/// A layer, as `--explain` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explained {
    name: String,
    /// Why these files are a layer.
    reason: String,
    /// Files, directories and links.
    entries: usize,
    /// Bytes of content.
    content: u64,
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
}

/// The layers as they are in one repository.
pub(super) fn pushed(recipe: &Recipe, published: &Published) -> Vec<Explained> {
    let layers = recipe.layers.iter().zip(&published.layers);
    layers
        .map(|(layer, report)| Explained {
            name: layer.name.clone(),
            reason: layer.reason.clone(),
            entries: layer.tree.len(),
            content: layer.tree.content_size(),
            size: report.size,
            digest: report.digest,
            diff_id: None,
            because: Some(report.because),
            sent: Some(report.sent),
        })
        .collect()
}

/// The layers as they would be.
pub(super) fn built(recipe: &Recipe, facts: &[LayerFacts]) -> Vec<Explained> {
    let layers = recipe.layers.iter().zip(facts);
    layers
        .map(|(layer, facts)| Explained {
            name: layer.name.clone(),
            reason: layer.reason.clone(),
            entries: layer.tree.len(),
            content: layer.tree.content_size(),
            size: facts.descriptor.size,
            digest: facts.descriptor.digest,
            diff_id: Some(facts.diff_id),
            because: None,
            sent: None,
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
        let entries = human::count(layer.entries, "path");
        let (content, size) = (human::size(layer.content), human::size(layer.size));
        let because = layer.because.map_or("", said);
        let line = format!("    {:width$}  {entries:>12}  {content:>7} → {size:>7}  {because}", layer.name);
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

fn said(because: Because) -> &'static str {
    match because {
        Because::FilesUnchanged => {
            "reused, not even read: the files' sizes, times and inodes are those of an earlier run"
        }
        Because::TarInCache => "reused after hashing: the layer cache knows this content",
        Because::TarInImage => "reused after hashing: an earlier image has this content",
        Because::BlobThere => "reused after compressing: the repository has a blob with this digest",
        Because::Missing => "sent: the repository did not have it",
    }
}
