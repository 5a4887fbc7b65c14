//! The parser's events as nodes.

use super::{Id, Kind, Lines, Node, Style, Yaml, YamlError};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

/// A collection that is being read.
struct Open {
    id: Id,
    /// The key whose value has not come yet.
    key: Option<Id>,
    flow: bool,
}

struct Reader<'a> {
    yaml: Yaml<'a>,
    stack: Vec<Open>,
    /// The node of each anchor of this document, by the parser's number.
    anchors: HashMap<usize, Id>,
}

/// Reads `masked`, and tells of places in `text`, which has the same number of characters.
pub(super) fn read<'a>(
    text: &'a str,
    masked: &str,
    templates: Vec<Range<usize>>,
) -> Result<Yaml<'a>, YamlError> {
    let lines = Lines::new(text);
    let yaml = Yaml { text, lines, nodes: Vec::new(), roots: Vec::new(), templates, aliases: HashMap::new() };
    let mut reader = Reader { yaml, stack: Vec::new(), anchors: HashMap::new() };
    let mut parser = Parser::new_from_str(masked);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, span)) => reader.event(event, span)?,
            Err(error) => {
                let offset = reader.yaml.lines.byte(error.marker().index());
                return Err(YamlError::at(text, offset, error.info()));
            }
        }
    }
    Ok(reader.yaml)
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let (start, end) = (self.yaml.lines.byte(span.start.index()), self.yaml.lines.byte(span.end.index()));
        match event {
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Alias(anchor) => {
                let Some(target) = self.anchors.get(&anchor).copied() else {
                    return Err(self.error(start, "no anchor of this document has the name of this alias"));
                };
                let id = self.add(Kind::Alias(target), start, end)?;
                self.yaml.aliases.entry(target).or_default().push(id);
                Ok(())
            }
            Event::Scalar(value, style, anchor, tag) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::SingleQuoted,
                    ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                let marked = anchor != 0 || tag.is_some();
                let empty = style == Style::Plain && value.is_empty();
                let id = self.add(Kind::Scalar { value: value.into(), style }, start, end)?;
                let (value, end) = self.value(style, marked, empty, start, end);
                let node = &mut self.yaml.nodes[id.index()];
                (node.value, node.end) = (value, end);
                self.anchor(anchor, id);
                Ok(())
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                let kind = match event {
                    Event::SequenceStart(..) => Kind::Sequence(Vec::new()),
                    _ => Kind::Mapping(Vec::new()),
                };
                let id = self.add(kind, start, end)?;
                self.anchor(anchor, id);
                // The span of one in flow style ends behind its bracket; of one in block style it is empty.
                let last = self.yaml.text[..end].chars().next_back();
                let flow = start < end && matches!(last, Some('[' | '{'));
                let flow = flow || self.stack.last().is_some_and(|open| open.flow);
                self.stack.push(Open { id, key: None, flow });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.stack.pop() {
                    self.yaml.nodes[open.id.index()].end = end;
                    self.check_keys(open.id)?;
                }
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn error(&self, offset: usize, what: impl Into<String>) -> YamlError {
        YamlError::at(self.yaml.text, offset, what)
    }

    fn anchor(&mut self, anchor: usize, id: Id) {
        if anchor != 0 {
            self.anchors.insert(anchor, id);
            self.yaml.nodes[id.index()].anchored = true;
        }
    }

    /// Puts a node into the collection that is open, or makes it the root of its document.
    fn add(&mut self, kind: Kind, start: usize, end: usize) -> Result<Id, YamlError> {
        let id = Id(u32::try_from(self.yaml.nodes.len())
            .map_err(|_| self.error(start, "more nodes than can be counted"))?);
        let parent = self.stack.last().map(|open| open.id);
        let flow = self.stack.last().is_some_and(|open| open.flow);
        self.yaml.nodes.push(Node { kind, start, value: start, end, parent, anchored: false, flow });
        match self.stack.last_mut() {
            None => self.yaml.roots.push(id),
            Some(open) => match &mut self.yaml.nodes[open.id.index()].kind {
                Kind::Sequence(items) => items.push(id),
                Kind::Mapping(entries) => match open.key.take() {
                    None => open.key = Some(id),
                    Some(key) => entries.push((key, id)),
                },
                Kind::Scalar { .. } | Kind::Alias(_) => {}
            },
        }
        Ok(id)
    }

    /// Where a scalar's value begins and ends. The parser's span begins with anchor and tag, and does not always end with
    /// the value.
    fn value(&self, style: Style, marked: bool, empty: bool, start: usize, end: usize) -> (usize, usize) {
        let text = self.yaml.text;
        let begin = if marked { behind_properties(text, start).min(end) } else { start };
        match style {
            Style::Plain if empty => (begin, begin),
            Style::SingleQuoted | Style::DoubleQuoted => (begin, behind_quote(text, begin).unwrap_or(end)),
            // Without an anchor the span begins behind the header's line; with one, the header is a part of it.
            Style::Block if marked => {
                (text[begin..end].find('\n').map_or(end, |newline| begin + newline + 1), end)
            }
            Style::Plain | Style::Block => (begin, end),
        }
    }

    /// No key may stand twice. Where a template chooses between two, both are there.
    fn check_keys(&self, id: Id) -> Result<(), YamlError> {
        let Some(entries) = self.yaml.entries(id) else { return Ok(()) };
        if !self.yaml.templates.is_empty() {
            return Ok(());
        }
        let mut seen = HashMap::with_capacity(entries.len());
        for (key, _) in entries {
            let Kind::Scalar { value, .. } = &self.yaml.node(*key).kind else { continue };
            match seen.entry(&**value) {
                Entry::Vacant(entry) => {
                    entry.insert(key);
                }
                Entry::Occupied(_) if &**value == "<<" => {}
                Entry::Occupied(first) => {
                    let node = self.yaml.node(*key);
                    let line = self.yaml.place(**first.get()).line;
                    let what =
                        format!("the key `{value}` stands twice in this mapping, first in line {line}");
                    return Err(self.error(node.start, what));
                }
            }
        }
        Ok(())
    }
}

/// Where what follows anchors and tags begins: behind blanks, line ends and comments.
fn behind_properties(text: &str, start: usize) -> usize {
    let mut at = start;
    loop {
        let rest = &text[at..];
        let skipped = match rest.as_bytes().first() {
            Some(b' ' | b'\t' | b'\n' | b'\r') => 1,
            Some(b'#') => rest.find('\n').unwrap_or(rest.len()),
            // A tag in full has commas of its own.
            Some(b'!') if rest.starts_with("!<") => rest.find('>').map_or(rest.len(), |end| end + 1),
            Some(b'&' | b'!') => rest.find([' ', '\t', '\n', '\r', ',', ']', '}']).unwrap_or(rest.len()),
            _ => return at,
        };
        at += skipped;
    }
}

/// Behind the quote that closes the one at `start`.
fn behind_quote(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.get(start)?;
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if quote == b'"' => at += 2,
            byte if byte == quote && quote == b'\'' && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}
