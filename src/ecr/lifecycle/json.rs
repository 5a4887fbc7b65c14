//! JSON with the place of every name and value. `serde_json` decides what is JSON; the places come from its raw
//! values, which are parts of the text.

use crate::spec::Problem;
use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::ops::Range;

/// Where something stands in the text, in bytes.
pub(super) type Span = Range<usize>;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool,
    /// As it is written.
    Number(String),
    String(String),
    Array(Vec<Node>),
    /// In the order of the text; a name can be there twice.
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) name_span: Span,
    pub(super) value: Node,
}

impl Node {
    /// What kind of value it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    /// Where to point: at the bracket alone if it has some.
    pub(super) fn head(&self) -> Span {
        match self.value {
            Value::Array(_) | Value::Object(_) => self.span.start..self.span.start + 1,
            _ => self.span.clone(),
        }
    }
}

/// Reads a text. The error is the first thing that makes it no JSON.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    // The whole of it first: raw values alone would let too much nesting and half surrogate pairs through.
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| syntax(text, &error))?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| syntax(text, &error))?;
    node(text, raw.get()).map_err(|error| syntax(text, &error))
}

/// Where a part of `text` begins.
fn offset(text: &str, part: &str) -> usize {
    part.as_ptr().addr() - text.as_ptr().addr()
}

fn node(text: &str, part: &str) -> serde_json::Result<Node> {
    let start = offset(text, part);
    let value = match part.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't' | b'f') => Value::Bool,
        Some(b'"') => Value::String(serde_json::from_str(part)?),
        Some(b'[') => {
            let parts = serde_json::Deserializer::from_str(part).deserialize_seq(Parts)?;
            Value::Array(parts.into_iter().map(|part| node(text, part.get())).collect::<Result<_, _>>()?)
        }
        Some(b'{') => {
            let pairs = serde_json::Deserializer::from_str(part).deserialize_map(Pairs)?;
            let member = |(name, value): (&RawValue, &RawValue)| {
                let (name, start) = (name.get(), offset(text, name.get()));
                Ok(Member {
                    name: serde_json::from_str(name)?,
                    name_span: start..start + name.len(),
                    value: node(text, value.get())?,
                })
            };
            Value::Object(pairs.into_iter().map(member).collect::<serde_json::Result<_>>()?)
        }
        _ => Value::Number(part.to_owned()),
    };
    Ok(Node { span: start..start + part.len(), value })
}

/// The elements of an array.
struct Parts;

impl<'de> Visitor<'de> for Parts {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = all.next_element()? {
            parts.push(part);
        }
        Ok(parts)
    }
}

/// The members of an object, those with the same name too.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(&'de RawValue, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = all.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

fn syntax(text: &str, error: &serde_json::Error) -> Problem {
    let line = error.line().max(1);
    let source = source_line(text, line);
    // Theirs is a number of bytes, and none at the end of the line before.
    let before = source.floor_char_boundary(error.column().saturating_sub(1));
    let column = source[..before].chars().count() + 1;
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or_default();
    let hint = match text.chars().next() {
        Some('\u{feff}') => Some("the file begins with a byte order mark: save it as UTF-8 without one"),
        _ if reason.starts_with("trailing comma") => {
            Some("JSON has no comma behind the last member or element")
        }
        _ if source.trim_start().starts_with("//") || source.trim_start().starts_with('#') => {
            Some("JSON has no comments: a rule has a `description`")
        }
        _ => None,
    };
    Problem {
        line,
        column,
        width: 1,
        source_line: source.to_owned(),
        message: format!("this is not JSON: {reason}"),
        hint: hint.map(str::to_owned),
    }
}

fn source_line(text: &str, line: usize) -> &str {
    text.lines().nth(line - 1).unwrap_or_default()
}

/// A problem at `span` of `text`.
pub(super) fn problem(text: &str, span: &Span, message: String, hint: Option<String>) -> Problem {
    let before = &text[..span.start];
    let line = before.matches('\n').count() + 1;
    let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    let source_line = source_line(text, line).to_owned();
    let first = text[span.clone()].lines().next().unwrap_or_default();
    let column = text[begin..span.start].chars().count() + 1;
    Problem { line, column, width: first.chars().count().max(1), source_line, message, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member<'a>(node: &'a Node, name: &str) -> &'a Member {
        let Value::Object(members) = &node.value else { panic!("{node:?}") };
        members.iter().find(|member| member.name == name).unwrap()
    }

    #[test]
    fn places() {
        let text = " {\n\t\"é\\u0061\" : [ 1, \"ü\" , {\"x\":null} ],\r\n \"b\":true, \"b\" : -1.5e3 }\n";
        let node = parse(text).unwrap();
        assert_eq!(&text[node.span.clone()], text.trim());
        let list = member(&node, "éa");
        assert_eq!(&text[list.name_span.clone()], "\"é\\u0061\"");
        let Value::Array(elements) = &list.value.value else { panic!() };
        let shown: Vec<_> = elements.iter().map(|element| &text[element.span.clone()]).collect();
        assert_eq!(shown, ["1", "\"ü\"", "{\"x\":null}"]);
        let Value::Object(members) = &node.value else { panic!() };
        assert_eq!(members.iter().filter(|member| member.name == "b").count(), 2, "both are kept");
        let at = problem(text, &elements[1].span, "m".into(), None);
        assert_eq!((at.line, at.column, at.width), (2, 19, 3));
    }

    #[test]
    fn what_is_no_json() {
        let at = |text: &str| {
            let problem = parse(text).unwrap_err();
            (problem.line, problem.column, problem.message)
        };
        assert_eq!(at(""), (1, 1, "this is not JSON: EOF while parsing a value".into()));
        assert_eq!(at("{\n \"é\": 1,\n}"), (3, 1, "this is not JSON: trailing comma".into()));
        assert_eq!(at("{\"éé\" 1}"), (1, 7, "this is not JSON: expected `:`".into()));
        assert_eq!(at("{} x"), (1, 4, "this is not JSON: trailing characters".into()));
        assert!(at("\"\\ud800\"").2.contains("hex escape"));
        assert!(at(&"[".repeat(100_000)).2.contains("recursion limit"));
        assert!(parse("\u{feff}{}").unwrap_err().hint.unwrap().contains("byte order mark"));
    }
}
