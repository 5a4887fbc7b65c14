//! What layers are called, and why they are what they are, in words.

use super::cut::{Cut, Group, Why};
use super::kind::Kinds;
use super::survey::{Survey, name};
use crate::base::human;
use std::collections::BTreeSet;

/// The most bytes of a path that get into a name.
const LONGEST: usize = 40;
/// Names of directories that say little without the one above.
const GENERIC: [&[u8]; 6] = [b"lib", b"libs", b"main", b"boot", b"cache", b"mod"];

/// Name and reason of each layer. `path_of` gives the path of an entry that is a layer by itself.
pub(super) fn labels(
    cut: &Cut,
    survey: &Survey<'_>,
    kinds: &Kinds,
    path_of: impl Fn(usize) -> Vec<u8>,
) -> Vec<(String, String)> {
    let mut taken = BTreeSet::new();
    let limit = cut.limit.map(human::size).unwrap_or_default();
    cut.layers
        .iter()
        .map(|(why, joined)| {
            let (mut label, mut reason) = match why {
                Why::Group(group, bits) => (with_bits(group_name(*group).into(), bits), {
                    let what = group_reason(*group, survey, kinds);
                    if bits.is_empty() {
                        what
                    } else {
                        // The bits stand in the name.
                        format!("{what}; dealt out by hash")
                    }
                }),
                Why::Directory(group, number, bits) => {
                    let path = shown(survey.directories[*number].path);
                    let what = match group {
                        Group::Dependencies => "dependencies",
                        Group::Application => "of the application,",
                    };
                    let reason = format!("{what} in {path}, which is over {limit}; dealt out by hash");
                    (with_bits(directory_name(*group, *number, survey, kinds), bits), reason)
                }
                Why::Single(_, index) => {
                    let path = path_of(*index);
                    (slug(name(&path)), format!("{} alone, which is over {limit}", shown(&path)))
                }
            };
            if *joined {
                reason.push_str("; and neighbours that are too small for a layer");
            }
            let mut count = 1;
            let first = label.clone();
            while !taken.insert(label.clone()) {
                count += 1;
                label = format!("{first}-{count}");
            }
            (label, reason)
        })
        .collect()
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::Dependencies => "dependencies",
        Group::Application => "app",
    }
}

fn with_bits(name: String, bits: &str) -> String {
    if bits.is_empty() { name } else { format!("{name}-{bits}") }
}

fn group_reason(group: Group, survey: &Survey<'_>, kinds: &Kinds) -> String {
    if group == Group::Application {
        return "the application: what is not recognised as a dependency".into();
    }
    // The outermost ones: what lies in a directory that was recognised is no news.
    let mut outermost = (0_usize..).zip(&kinds.container).zip(&survey.directories).filter(
        |((number, container), directory)| {
            **container == Some(*number) && kinds.container[directory.parent].is_none()
        },
    );
    let first = outermost.next().map(|(_, directory)| shown(directory.path));
    match (first, outermost.count()) {
        (None, _) => "dependencies".into(),
        (Some(path), 0) => format!("dependencies, in {path}"),
        (Some(path), more) => format!("dependencies, in {path} and {}", human::count(more, "more place")),
    }
}

fn directory_name(group: Group, number: usize, survey: &Survey<'_>, kinds: &Kinds) -> String {
    let directory = &survey.directories[number];
    if group == Group::Application {
        let last = directory.name();
        return if matches!(last, b"" | b"app") { "app".into() } else { format!("app-{}", slug(last)) };
    }
    let Some(container) = kinds.container[number] else {
        return if directory.path.is_empty() {
            "dependencies".into()
        } else {
            format!("dependencies-{}", slug(directory.name()))
        };
    };
    let container = &survey.directories[container];
    let below = directory.path.get(container.path.len() + 1..).unwrap_or_default();
    if !below.is_empty() {
        return slug(below);
    }
    let above = survey.directories[container.parent].name();
    let last = container.name();
    if GENERIC.contains(&last) && !above.is_empty() {
        format!("{}-{}", slug(above), slug(last))
    } else {
        slug(last)
    }
}

/// Lower case, and nothing that needs quotes in a shell or a table.
fn slug(path: &[u8]) -> String {
    let end = path.len().min(LONGEST);
    path[..end]
        .iter()
        .map(|byte| match byte.to_ascii_lowercase() {
            byte @ (b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'@') => char::from(byte),
            _ => '-',
        })
        .collect()
}

/// A path in a sentence.
fn shown(path: &[u8]) -> String {
    if path.is_empty() {
        return "the root".into();
    }
    format!("`{}`", String::from_utf8_lossy(path).escape_debug())
}
