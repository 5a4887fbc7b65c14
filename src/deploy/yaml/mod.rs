//! YAML with the place of each node in the text, so that one scalar can be changed and nothing else.
//!
//! A document is read into a flat list of nodes, in the order in which they are written; nothing here calls itself, so
//! no depth of nesting can exhaust the stack, and an alias stays an alias, so no text can grow by being read.
//! Specification: <https://yaml.org/spec/1.2.2/>.

mod edit;
mod lines;
mod read;
mod template;

pub(crate) use edit::{EditError, Edits};

use crate::base::{Failure, Kind as FailureKind};
use lines::Lines;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

/// Why a text can't be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// The line, or the part of it around the column, and the column's place in that.
    excerpt: (String, usize),
}

impl std::error::Error for YamlError {}

impl Failure for YamlError {
    fn kind(&self) -> FailureKind {
        FailureKind::Input
    }
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, what, excerpt: (text, at) } = self;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        write!(
            f,
            "line {line}, column {column}: {what}\n  {number} | {text}\n  {margin} | {}^",
            " ".repeat(*at)
        )
    }
}

impl YamlError {
    /// An error at a byte of `text`.
    fn at(text: &str, offset: usize, what: impl Into<String>) -> Self {
        let Place { line, column } = place(text, offset);
        let start = text[..offset].rfind('\n').map_or(0, |end| end + 1);
        let whole = text[start..].split(['\n', '\r']).next().unwrap_or_default();
        // A line can be a whole document.
        let from = column.saturating_sub(1).saturating_sub(60);
        let shown = whole.chars().skip(from).take(100);
        // What moves the cursor would move the mark below it.
        let shown: String = shown.map(|c| if c.is_control() || c == '\u{feff}' { ' ' } else { c }).collect();
        let at = (column - 1 - from).min(shown.chars().count());
        Self { line, column, what: what.into(), excerpt: (shown, at) }
    }
}

/// A place in a text; both count from 1, and columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// The place of a byte. Counts from the beginning of the text, so it is for errors alone.
fn place(text: &str, offset: usize) -> Place {
    let before = &text[..offset];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    Place { line, column: before[start..].chars().count() + 1 }
}

/// The text with blanks for the tabs behind colons; none if there are no such tabs.
fn spaced(text: &str) -> Option<String> {
    let mut changed = false;
    let mut behind_colon = false;
    let spaced = text.chars().map(|c| {
        let is_tab = c == '\t' && behind_colon;
        changed |= is_tab;
        behind_colon = c == ':' || (behind_colon && matches!(c, ' ' | '\t'));
        if is_tab { ' ' } else { c }
    });
    let spaced = spaced.collect();
    changed.then_some(spaced)
}

/// A node's number, in the order of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u32);

impl Id {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// `|` or `>`
    Block,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar {
        value: Box<str>,
        style: Style,
    },
    /// What is meant.
    Alias(Id),
    Sequence(Vec<Id>),
    Mapping(Vec<(Id, Id)>),
}

/// A node and where it is written, in bytes.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Where it begins, its anchor and tag included.
    start: usize,
    /// Where its value begins: a scalar's first character, its quote, or the first line of its block.
    value: usize,
    /// Behind its last character, its quote included; of a collection in block style, any place before what follows.
    end: usize,
    /// The collection that it is in.
    pub(crate) parent: Option<Id>,
    /// Whether other nodes can mean it.
    anchored: bool,
    /// Whether it is within brackets or braces.
    flow: bool,
}

/// All documents of a text.
#[derive(Debug)]
pub(crate) struct Yaml<'a> {
    text: &'a str,
    lines: Lines<'a>,
    nodes: Vec<Node>,
    /// The root of each document that has one.
    pub(crate) roots: Vec<Id>,
    /// Where template actions stand.
    templates: Vec<Range<usize>>,
    /// The aliases of each node, in the order of the text.
    aliases: HashMap<Id, Vec<Id>>,
}

impl<'a> Yaml<'a> {
    /// Reads a text, in which there may be the actions of a template, `{{ … }}`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, YamlError> {
        if let Some(offset) = text.find('\0') {
            return Err(YamlError::at(text, offset, "a NUL character, so it is not a text"));
        }
        let masked = template::mask(text);
        let (first, actions) = match masked {
            Some(masked) => (Cow::Owned(masked.text), masked.actions),
            None => (Cow::Borrowed(text), Vec::new()),
        };
        let error = match read::read(text, &first, actions.clone()) {
            Ok(yaml) => return Ok(yaml),
            Err(error) => error,
        };
        // The parser takes no tab between a colon and a value, which YAML and Kubernetes do.
        if let Some(spaced) = spaced(&first)
            && let Ok(yaml) = read::read(text, &spaced, actions.clone())
        {
            return Ok(yaml);
        }
        // Braces can also be those of strings that a document holds; then the text is read as it is.
        if actions.is_empty() { Err(error) } else { read::read(text, text, Vec::new()).map_err(|_| error) }
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id.index()]
    }

    /// All nodes, in the order of the text.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)).map(Id)
    }

    /// What an alias means, or the node itself.
    pub(crate) fn resolved(&self, id: Id) -> Id {
        match self.node(id).kind {
            Kind::Alias(target) => target,
            _ => id,
        }
    }

    /// The value of a scalar, or of the scalar that an alias means.
    pub(crate) fn scalar(&self, id: Id) -> Option<&str> {
        match &self.node(self.resolved(id)).kind {
            Kind::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The items of a sequence, an alias's included.
    pub(crate) fn items(&self, id: Id) -> Option<&[Id]> {
        match &self.node(self.resolved(id)).kind {
            Kind::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a mapping, an alias's included.
    pub(crate) fn entries(&self, id: Id) -> Option<&[(Id, Id)]> {
        match &self.node(self.resolved(id)).kind {
            Kind::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entry of a mapping whose key is `key`; the last one, of those that a template chooses from.
    pub(crate) fn entry(&self, mapping: Id, key: &str) -> Option<(Id, Id)> {
        self.entries(mapping)?.iter().rev().find(|(name, _)| self.scalar(*name) == Some(key)).copied()
    }

    /// The value of that entry.
    pub(crate) fn get(&self, mapping: Id, key: &str) -> Option<Id> {
        self.entry(mapping, key).map(|(_, value)| value)
    }

    /// The scalar that is the value of that entry.
    pub(crate) fn text_of(&self, mapping: Id, key: &str) -> Option<&str> {
        self.scalar(self.get(mapping, key)?)
    }

    /// Whether there is nothing: no text, `null` or `~`, or an empty string.
    pub(crate) fn is_blank(&self, id: Id) -> bool {
        match &self.node(self.resolved(id)).kind {
            Kind::Scalar { value, style: Style::Plain } => {
                matches!(&**value, "" | "~" | "null" | "Null" | "NULL")
            }
            Kind::Scalar { value, .. } => value.trim().is_empty(),
            _ => false,
        }
    }

    /// Whether a template makes the node, or a part of it.
    pub(crate) fn is_templated(&self, id: Id) -> bool {
        let node = self.node(self.resolved(id));
        match &node.kind {
            // Helm values hold templates in strings, which charts render.
            Kind::Scalar { value, .. } if value.contains("{{") => true,
            // Nothing is left of an action that is the whole of a value on a line of its own.
            Kind::Scalar { value, style: Style::Plain } if value.is_empty() => {
                let next =
                    self.nodes[self.resolved(id).index() + 1..].iter().find(|next| next.start > node.start);
                self.has_action(node.start..next.map_or(self.text.len(), |next| next.start))
            }
            _ => self.has_action(node.start..node.end),
        }
    }

    fn has_action(&self, range: Range<usize>) -> bool {
        let first = self.templates.partition_point(|action| action.end <= range.start);
        self.templates.get(first).is_some_and(|action| action.start < range.end)
    }

    /// Where a node is written; of a scalar, its value.
    pub(crate) fn place(&self, id: Id) -> Place {
        let node = self.node(id);
        self.lines.place(if matches!(node.kind, Kind::Scalar { .. }) { node.value } else { node.start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Yaml<'_> {
        Yaml::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    fn error(text: &str) -> String {
        Yaml::parse(text).unwrap_err().to_string()
    }

    /// The source of each scalar's value, which for a plain one is the value.
    fn sources<'a>(yaml: &Yaml<'a>) -> Vec<&'a str> {
        yaml.nodes
            .iter()
            .filter(|node| matches!(node.kind, Kind::Scalar { .. }))
            .map(|node| &yaml.text[node.value..node.end])
            .collect()
    }

    #[test]
    fn places_are_bytes_of_the_text() {
        let text = "\u{feff}# ä\r\n---\r\nimage: &a  !!str \"x\\u0041 ü\"   # c\r\n'é\u{1F600}': *a\r\nc: pläin text \r\n\
                    ? [k, !x v]\r\n: { a: 'b''c', \"d\":e }\r\n";
        let yaml = yaml(text);
        assert_eq!(
            sources(&yaml),
            [
                "image",
                "\"x\\u0041 ü\"",
                "'é\u{1F600}'",
                "c",
                "pläin text",
                "k",
                "v",
                "a",
                "'b''c'",
                "\"d\"",
                "e"
            ]
        );
        let root = yaml.roots[0];
        assert_eq!(yaml.text_of(root, "é\u{1F600}"), Some("xA ü"));
        assert_eq!(yaml.place(yaml.get(root, "c").unwrap()), Place { line: 5, column: 4 });
    }

    #[test]
    fn blocks_are_their_lines() {
        let text = "a: |  # x\n\n  one\n   two\n\nb: &x\n  >-\n  three\nc:\n  - !y |2\n    four\n  - >+\n\n\n    five";
        let yaml = yaml(text);
        let blocks: Vec<_> = yaml
            .nodes
            .iter()
            .filter(|node| matches!(node.kind, Kind::Scalar { style: Style::Block, .. }))
            .map(|node| yaml.text[node.value..node.end].trim())
            .collect();
        assert_eq!(blocks, ["one\n   two", "three", "four", "five"]);
    }

    #[test]
    fn aliases_are_known_to_what_they_mean_and_documents_do_not_share_them() {
        let yaml = yaml("a: &x 1\nb: *x\nc: [*x, {d: *x}]\n");
        let one = yaml.get(yaml.roots[0], "a").unwrap();
        assert_eq!(yaml.aliases[&one].len(), 3);
        assert_eq!(yaml.text_of(yaml.roots[0], "b"), Some("1"));
        assert!(error("a: &x 1\n---\nb: *x\n").contains("line 3, column 4: no anchor of this document"));
        assert!(error("b: *x\n").contains("line 1, column 4: "));
    }

    #[test]
    fn what_is_wrong_is_shown() {
        assert_eq!(
            error("a: 1\nimage: x\nb: 2\nimage: y\n"),
            "line 4, column 1: the key `image` stands twice in this mapping, first in line 2\n  4 | image: y\n    | ^"
        );
        let found = error("a: [1,\nb: 2\n");
        assert!(found.starts_with("line ") && found.contains(" | "), "{found}");
        assert_eq!(
            error("a: 1\nb: \0\n"),
            "line 2, column 4: a NUL character, so it is not a text\n  2 | b:  \n    |    ^"
        );
        let long = error(&format!("{{a: '{}', a: 1}}", "x".repeat(1000)));
        assert!(long.contains("line 1, column 1009: the key `a`") && long.len() < 300, "{long}");
    }

    #[test]
    fn templates_are_read_around() {
        let text = "{{- if .Values.on }}\nspec:\n  labels:\n    {{- include \"x\" . | nindent 4 }}\n  image: {{ .Values.image }}\n  \
                    tag: \"{{ .Values.tag | default \"x\" }}\"\n  {{ .Values.key }}: ok\n  {{- /* two\n  lines: */ -}}\n{{- else }}\nspec:\n  \
                    image: \"nginx:1\" {{/* ä */}}\n  command:\n    {{ .c }}\n{{ end }}\n";
        let yaml = yaml(text);
        let entries = yaml.entries(yaml.roots[0]).unwrap();
        let [(_, first), (_, second)] = entries else { panic!("{entries:?}") };
        for (mapping, key, templated) in [
            (first, "image", true),
            (first, "tag", true),
            (first, "labels", true),
            (second, "image", false),
            (second, "command", true),
        ] {
            assert_eq!(yaml.is_templated(yaml.get(*mapping, key).unwrap()), templated, "{key}");
        }
        // Braces that are no template's.
        for text in
            [r#"{"a": "{{x", "b": {"c": {"d": 1}}}"#, "a: '{{'\nb: {c: {d: 1}}\n", "# {{\na: {b: {c: d}}\n"]
        {
            assert!(Yaml::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn hostile_texts_end_soon() {
        let deep: String = (0..2000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(Yaml::parse(&deep).is_ok());
        assert!(Yaml::parse(&format!("{}x", "- ".repeat(100_000))).is_ok());
        assert!(error(&"[".repeat(100_000)).contains("line 1, column 256"));
        let mut laughs = String::from("a0: &a0 [x]\n");
        for n in 1..100 {
            let before = vec![format!("*a{}", n - 1); 10].join(", ");
            laughs.extend([format!("a{n}: &a{n} [{before}]\n")]);
        }
        assert_eq!(yaml(&laughs).entries(yaml(&laughs).roots[0]).unwrap().len(), 100);
        // An anchor may be meant within itself.
        assert!(Yaml::parse("&a [*a]").is_ok());
    }
}
