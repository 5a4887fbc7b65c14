//! What a lifecycle policy says, as values
//! (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>).

use super::json::Span;
use std::collections::BTreeSet;
use std::fmt;

/// A policy. It has been read from a text without errors: see [`check`](super::check).
#[derive(Debug, Clone)]
pub struct Policy {
    /// In the order of the text; at least one.
    pub rules: Vec<Rule>,
}

/// One rule of a policy.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Rules are applied from the lowest number to the highest; no two have the same.
    pub priority: u64,
    /// What people say about it.
    pub description: Option<String>,
    /// Which images it is about, by their tags.
    pub tags: Tags,
    /// Where the images are that it is about.
    pub class: StorageClass,
    /// Which of these are too many, or too old.
    pub count: Count,
    /// What is done to those.
    pub action: Action,
    pub(super) places: Places,
}

/// Where the parts of a rule stand in the text.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) priority: Span,
    /// The value of `tagStatus`, or the name of the list.
    pub(super) tags: Span,
    /// Of a list.
    pub(super) entries: Vec<Span>,
    pub(super) count_type: Span,
    pub(super) count_number: Span,
}

/// Which tags an image has to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// Any or none.
    Any,
    /// None.
    Untagged,
    /// For each prefix one that begins with it.
    Prefixes(Vec<String>),
    /// For each pattern one that matches it.
    Patterns(Vec<String>),
}

/// Where an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StorageClass {
    /// Where it can be pulled from.
    Standard,
    /// In the archive.
    Archive,
}

/// How many images stay, or for how many days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// `imageCountMoreThan`: the newest so many stay.
    MoreThan(u64),
    /// `sinceImagePushed`: those older than so many days are meant.
    SincePushed(u64),
    /// `sinceImagePulled`: those not pulled for more than so many days.
    SincePulled(u64),
    /// `sinceImageTransitioned`: those in the archive for more than so many days.
    SinceTransitioned(u64),
}

/// What is done to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is deleted.
    Expire,
    /// It goes into the archive.
    Archive,
}

impl Action {
    /// `expire` or `archive`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expire => "expire",
            Self::Archive => "archive",
        }
    }
}

impl Count {
    /// The number, of images or of days.
    pub fn number(self) -> u64 {
        match self {
            Self::MoreThan(n) | Self::SincePushed(n) | Self::SincePulled(n) | Self::SinceTransitioned(n) => n,
        }
    }
}

impl Policy {
    /// The rules in the order in which they are applied.
    pub fn in_order(&self) -> Vec<&Rule> {
        let mut rules: Vec<&Rule> = self.rules.iter().collect();
        rules.sort_by_key(|rule| rule.priority);
        rules
    }

    /// Whether a rule goes by the time of the last pull.
    pub fn looks_at_pulls(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.count, Count::SincePulled(_)))
    }

    /// Whether two policies say the same: the order of rules in the text, the order of entries in a list, white space
    /// and defaults that are written out make no difference.
    pub fn is_same(&self, other: &Self) -> bool {
        self.said() == other.said()
    }

    fn said(&self) -> Vec<Said<'_>> {
        self.in_order().into_iter().map(Rule::said).collect()
    }
}

/// All that a rule says.
#[derive(PartialEq)]
struct Said<'a> {
    priority: u64,
    description: Option<&'a str>,
    kind: u8,
    entries: BTreeSet<&'a str>,
    class: StorageClass,
    count: Count,
    action: Action,
}

impl Rule {
    fn said(&self) -> Said<'_> {
        let kind = match self.tags {
            Tags::Any => 0,
            Tags::Untagged => 1,
            Tags::Prefixes(_) => 2,
            Tags::Patterns(_) => 3,
        };
        Said {
            priority: self.priority,
            description: self.description.as_deref(),
            kind,
            entries: self.tags.entries().iter().map(String::as_str).collect(),
            class: self.class,
            count: self.count,
            action: self.action,
        }
    }
}

impl Tags {
    /// The prefixes or patterns.
    pub fn entries(&self) -> &[String] {
        match self {
            Self::Any | Self::Untagged => &[],
            Self::Prefixes(entries) | Self::Patterns(entries) => entries,
        }
    }

    /// The same as patterns: a prefix is one with a `*` behind it. A `*` in a prefix stands for itself, which no tag has.
    pub(super) fn patterns(&self) -> Vec<Pattern> {
        match self {
            Self::Any | Self::Untagged => Vec::new(),
            Self::Prefixes(prefixes) => prefixes.iter().map(|prefix| Pattern::prefix(prefix)).collect(),
            Self::Patterns(patterns) => patterns.iter().map(|pattern| Pattern::new(pattern)).collect(),
        }
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, entries: &[String], star: &str| {
            let entries: Vec<_> = entries.iter().map(|entry| format!("`{entry}{star}`")).collect();
            write!(f, "tagged {}", entries.join(" and "))
        };
        match self {
            Self::Any => f.write_str("any"),
            Self::Untagged => f.write_str("untagged"),
            Self::Prefixes(prefixes) => list(f, prefixes, "*"),
            Self::Patterns(patterns) => list(f, patterns, ""),
        }
    }
}

/// A pattern for tags: `*` stands for any number of characters, the rest for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// What stands between the stars: one piece if there is none.
    pieces: Vec<String>,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self { pieces: text.split('*').map(str::to_owned).collect() }
    }

    pub(super) fn prefix(text: &str) -> Self {
        Self { pieces: vec![text.to_owned(), String::new()] }
    }

    /// Whether it has no star.
    pub(super) fn is_exact(&self) -> bool {
        self.pieces.len() == 1
    }

    /// Whether it takes every tag.
    pub(super) fn is_everything(&self) -> bool {
        self.pieces.len() > 1 && self.pieces.iter().all(String::is_empty)
    }

    /// Whether all of `tag` matches.
    pub(super) fn matches(&self, tag: &str) -> bool {
        self.takes(&[tag])
    }

    /// Whether every tag that `other` takes is taken by this one too. For that, the stars of `other` are taken for
    /// something that only a star can match: gaps between its pieces.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let pieces: Vec<&str> = other.pieces.iter().map(String::as_str).collect();
        self.takes(&pieces)
    }

    /// Whether it matches a text with gaps that only a star can take: what stands between the gaps is given.
    fn takes(&self, text: &[&str]) -> bool {
        let (first, rest) = self.pieces.split_first().expect("invariant: a split has a first piece");
        let Some((last, middle)) = rest.split_last() else { return *text == [first.as_str()] };
        // The first piece is at the very front, the last one at the very end, and not over each other.
        let mut parts: Vec<&str> = text.to_vec();
        let Some(front) = parts[0].strip_prefix(first.as_str()) else { return false };
        parts[0] = front;
        let end = parts.len() - 1;
        let Some(back) = parts[end].strip_suffix(last.as_str()) else { return false };
        parts[end] = back;
        // Between them, each piece is looked for as early as it can be.
        let mut part = 0;
        for piece in middle {
            loop {
                let Some(here) = parts.get(part) else { return false };
                if let Some(at) = here.find(piece.as_str()) {
                    parts[part] = &here[at + piece.len()..];
                    break;
                }
                part += 1;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_tags() {
        for (pattern, tag, expected) in [
            ("prod", "prod", true),
            ("prod", "prod1", false),
            ("prod*", "prod", true),
            ("*prod*", "repo-production", true),
            ("a*b*c", "a__b_b__c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("ab*ba", "abba", true),
            ("*", "", true),
            ("**", "x", true),
            ("*a*a*", "a", false),
            ("v?", "v1", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(tag), expected, "{pattern} {tag}");
        }
        assert!(Pattern::prefix("v*").matches("v*1") && !Pattern::prefix("v*").matches("v1"));
    }

    #[test]
    fn patterns_cover_others() {
        for (one, other, expected) in [
            ("*", "a*", true),
            ("a*", "*", false),
            ("a*", "ab*", true),
            ("a*", "a", true),
            ("a", "a*", false),
            ("*b*", "abc*", true),
            ("*b*", "a*c", false),
            ("a*c", "ab*bc", true),
            ("*-rc*", "v*-rc*", true),
            ("v*-rc*", "*-rc*", false),
            ("*a*b*", "*ab*", true),
            ("*ab*", "*a*b*", false),
        ] {
            assert_eq!(Pattern::new(one).covers(&Pattern::new(other)), expected, "{one} {other}");
        }
    }

    proptest::proptest! {
        /// What covers another matches all that the other does; and it matches as the slow way does.
        #[test]
        fn matching_and_covering_agree(one in "[ab*]{0,6}", other in "[ab*]{0,6}", tag in "[ab]{0,8}") {
            fn slow(pattern: &[u8], tag: &[u8]) -> bool {
                match pattern.split_first() {
                    None => tag.is_empty(),
                    Some((b'*', rest)) => (0..=tag.len()).any(|n| slow(rest, &tag[n..])),
                    Some((c, rest)) => tag.first() == Some(c) && slow(rest, &tag[1..]),
                }
            }
            let (first, second) = (Pattern::new(&one), Pattern::new(&other));
            assert_eq!(first.matches(&tag), slow(one.as_bytes(), tag.as_bytes()));
            if first.covers(&second) && second.matches(&tag) {
                assert!(first.matches(&tag));
            }
        }
    }
}
