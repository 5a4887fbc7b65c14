//! The summary of a job, in Markdown: what was published, which layers were sent, and when.
//!
//! The timeline is a column of the table and not a diagram: it takes any name, needs no script, and stands beside the
//! numbers that it explains.

mod findings;

pub use findings::findings;

use crate::base::human;
use crate::publish::{LayerReport, PlatformImage, Published};
use std::fmt::Write as _;
use std::time::Duration;

/// What GitHub takes of one step: 1 MiB
/// (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions#step-isolation-and-limits>).
pub const LIMIT: usize = 1024 * 1024;
/// Characters of a name that are shown.
const NAME: usize = 80;
/// Characters of the timeline.
const WIDTH: usize = 32;

/// The summary, in at most `limit` bytes: what does not fit is left out, and said to be.
pub fn summary(published: &[Published], limit: usize) -> String {
    let rest = "\n(The rest is left out, as GitHub shows no more.)\n";
    let mut text = String::new();
    for published in published {
        for block in blocks(published) {
            if text.len() + block.len() + rest.len() > limit {
                if text.len() + rest.len() <= limit {
                    text.push_str(rest);
                }
                return text;
            }
            text.push_str(&block);
        }
    }
    text
}

/// The parts of which the summary of one repository is made; each can be the last.
fn blocks(published: &Published) -> Vec<String> {
    let state = if published.unchanged { " (it was there already)" } else { "" };
    let mut blocks = vec![format!(
        "### {}{state}\n\n| | |\n|---|---|\n| digest | `{}` |\n",
        code(&published.repository),
        published.digest
    )];
    blocks.extend(published.tags.iter().map(|tag| format!("| tag | {} |\n", code(tag))));
    blocks.push("\n".into());
    // An index.
    if published.config_digest.is_none() && !published.platforms.is_empty() {
        blocks.push("| platform | digest |\n|---|---|\n".into());
        let row = |image: &PlatformImage| {
            format!("| {} | `{}` |\n", plain(&image.platform.to_string()), image.digest)
        };
        blocks.extend(published.platforms.iter().map(row));
        blocks.push("\n".into());
    }
    if published.layers.is_empty() {
        return blocks;
    }
    let sent: u64 = published.layers.iter().map(|layer| layer.sent).sum();
    let reused = published.layers.iter().filter(|layer| layer.sent == 0).count();
    let layers = human::count(published.layers.len(), "layer");
    blocks.push(format!("{layers}, {reused} reused, {} sent.\n", human::size(sent)));
    let end = published.layers.iter().map(end).max().unwrap_or_default();
    blocks.push("\n| layer | size | sent | time | timeline |\n|---|---:|---:|---:|---|\n".into());
    blocks.extend(published.layers.iter().map(|layer| row(layer, end)));
    blocks.push("\n".into());
    blocks
}

/// One layer of the table; `end` is the end of the timeline.
fn row(layer: &LayerReport, end: u64) -> String {
    let sent = if layer.sent == 0 { "reused".to_owned() } else { human::size(layer.sent) };
    let time = human::duration(Duration::from_millis(layer.milliseconds));
    let mut row = String::new();
    let _ = writeln!(
        row,
        "| {} | {} | {sent} | {time} | `{}` |",
        plain(&layer.name),
        human::size(layer.size),
        bar(layer, end)
    );
    row
}

fn end(layer: &LayerReport) -> u64 {
    layer.started_milliseconds.saturating_add(layer.milliseconds)
}

/// When the layer was worked on, on a line that ends at `until`.
fn bar(layer: &LayerReport, until: u64) -> String {
    let until = u128::from(until.max(1));
    let place = |time: u64| usize::try_from(u128::from(time) * WIDTH as u128 / until).unwrap_or(WIDTH);
    let from = place(layer.started_milliseconds).min(WIDTH - 1);
    let to = place(end(layer)).clamp(from + 1, WIDTH);
    format!("{}{}{}", "·".repeat(from), "█".repeat(to - from), "·".repeat(WIDTH - to))
}

/// A name of a registry's, as code; one that breaks the rules for such names stays plain.
fn code(text: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    if text.chars().all(legal) { format!("`{text}`") } else { plain(text) }
}

/// `text` as it is, whatever it is: in one line, and with every character that Markdown or HTML could take for its own
/// as a reference by number, which neither does.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for (index, character) in text.chars().enumerate() {
        match character {
            _ if index == NAME => {
                plain.push('…');
                break;
            }
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '-' | '/' => plain.push(character),
            // Also those that turn the direction of the text, behind which other text could hide.
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
                plain.push('\u{fffd}');
            }
            _ if character.is_control() => plain.push('\u{fffd}'),
            _ if character.is_ascii() => drop(write!(plain, "&#{};", u32::from(character))),
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BlobDigest, ManifestDigest, MediaType};
    use crate::publish::Because;

    fn layer(name: &str, sent: u64, started: u64, took: u64) -> LayerReport {
        LayerReport {
            name: name.into(),
            digest: BlobDigest::of(name.as_bytes()),
            size: 12_000_000,
            sent,
            because: Because::Missing,
            from: None,
            milliseconds: took,
            started_milliseconds: started,
        }
    }

    fn published(layers: Vec<LayerReport>) -> Published {
        Published {
            repository: "127.0.0.1:4510/shop/my_api".into(),
            digest: ManifestDigest::of(b"manifest"),
            media_type: MediaType::OCI_MANIFEST,
            size: 8,
            config_digest: Some(BlobDigest::of(b"config")),
            platform: None,
            platforms: vec![],
            tags: vec!["1.4".into(), "latest".into()],
            layers,
            unchanged: false,
        }
    }

    #[test]
    fn a_table_with_a_timeline() {
        let layers = vec![
            layer("dependencies 1", 0, 0, 0),
            layer("app", 5_000_000, 500, 1500),
            layer("x", 9, 1900, 100),
        ];
        insta::assert_snapshot!(summary(&[published(layers)], LIMIT), @r"
        ### `127.0.0.1:4510/shop/my_api`

        | | |
        |---|---|
        | digest | `sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f` |
        | tag | `1.4` |
        | tag | `latest` |

        3 layers, 1 reused, 5.0 MB sent.

        | layer | size | sent | time | timeline |
        |---|---:|---:|---:|---|
        | dependencies 1 | 12 MB | reused | 0 ms | `█·······························` |
        | app | 12 MB | 5.0 MB | 1.5 s | `········████████████████████████` |
        | x | 12 MB | 9 B | 100 ms | `······························██` |
        ");
    }

    #[test]
    fn hostile_names_stay_names() {
        let name = "a|b`c`\n<script>alert(1)</script> ![x](https://evil.example) *b* @you \u{202e}☃ &amp; \\";
        let text = summary(&[published(vec![layer(name, 1, 0, 1)])], LIMIT);
        let row = text.lines().find(|line| line.contains("script")).unwrap();
        assert_eq!(row.matches('|').count(), 6, "{row}");
        let cell = row.split('|').nth(1).unwrap();
        assert!(
            !cell.contains(['`', '<', '>', '[', '*', '@', ':', '\\', '\u{202e}']) && cell.contains('☃'),
            "{cell}"
        );
    }

    #[test]
    fn no_more_than_is_shown() {
        let layers = (0..127).map(|index| layer(&format!("{index} {}", "|".repeat(500)), 1, 0, 1)).collect();
        let published = published(layers);
        let many: Vec<_> = std::iter::repeat_n(published, 40).collect();
        let text = summary(&many, LIMIT);
        assert!(text.len() <= LIMIT && text.len() > LIMIT - 1000, "{}", text.len());
        assert!(text.ends_with("no more.)\n"));
        assert_eq!(summary(&many, 10), "");
    }

    #[test]
    fn bars() {
        let bar = |started, took, end| super::bar(&layer("x", 1, started, took), end);
        assert_eq!(bar(0, 0, 0), format!("█{}", "·".repeat(WIDTH - 1)));
        assert_eq!(bar(100, 0, 100), format!("{}█", "·".repeat(WIDTH - 1)));
        assert_eq!(bar(u64::MAX, u64::MAX, u64::MAX).chars().count(), WIDTH);
        assert_eq!(bar(0, 50, 100), format!("{}{}", "█".repeat(WIDTH / 2), "·".repeat(WIDTH / 2)));
    }
}
