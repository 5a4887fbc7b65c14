//! JSON that is changed in a few places and stays what it was in all others: the order of its keys, its numbers to the
//! last digit, the spelling of its strings. Only white space becomes what `JSON.stringify` with two spaces makes of it.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;

/// Objects and arrays within each other, at most.
const DEPTH: usize = 100;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// Members in the order of the text, each key once.
    Object(Vec<(String, Json)>),
    /// Items.
    Array(Vec<Json>),
    /// Anything else, as it is written: `256`, `"\u00e9"`, `null`.
    Scalar(String),
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {why}")]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
    /// What is wrong.
    pub why: String,
}

impl Json {
    /// Reads a text. What is before or after the value, other than white space, is a fault.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let root: &RawValue = serde_json::from_str(text).map_err(|error| fault(&error))?;
        value(text, root, DEPTH)
    }

    /// A string.
    pub fn string(text: &str) -> Self {
        Self::Scalar(serde_json::Value::from(text).to_string())
    }

    /// An array of strings.
    pub fn strings(texts: &[String]) -> Self {
        Self::Array(texts.iter().map(|text| Self::string(text)).collect())
    }

    /// The text of a string; none for any other value.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Scalar(raw) => serde_json::from_str(raw).ok(),
            Self::Object(_) | Self::Array(_) => None,
        }
    }

    /// Whether it is `null`, which AWS takes for a member that is not there.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(raw) if raw == "null")
    }

    /// A member of an object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            Self::Array(_) | Self::Scalar(_) => None,
        }
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Object(_) => "an object",
            Self::Array(_) => "an array",
            Self::Scalar(raw) => match raw.as_bytes().first() {
                Some(b'"') => "a string",
                Some(b't' | b'f') => "a boolean",
                Some(b'n') => "null",
                _ => "a number",
            },
        }
    }

    /// As text, with two spaces a level, and without a line break at its end.
    pub fn pretty(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    fn write(&self, text: &mut String, level: usize) {
        let (brackets, count) = match self {
            Self::Scalar(raw) => return text.push_str(raw),
            Self::Object(members) => (['{', '}'], members.len()),
            Self::Array(items) => (['[', ']'], items.len()),
        };
        text.push(brackets[0]);
        for position in 0..count {
            text.push_str(if position == 0 { "\n" } else { ",\n" });
            text.push_str(&"  ".repeat(level + 1));
            match self {
                Self::Object(members) => {
                    let (key, value) = &members[position];
                    text.push_str(&serde_json::Value::from(key.as_str()).to_string());
                    text.push_str(": ");
                    value.write(text, level + 1);
                }
                Self::Array(items) => items[position].write(text, level + 1),
                Self::Scalar(_) => {}
            }
        }
        if count > 0 {
            text.push('\n');
            text.push_str(&"  ".repeat(level));
        }
        text.push(brackets[1]);
    }
}

/// Sets a member of an object: in its place if it is there, else behind `after`, else at the end. Gives what it was.
pub(super) fn set(
    members: &mut Vec<(String, Json)>,
    key: &str,
    value: Json,
    after: Option<&str>,
) -> Option<Json> {
    if let Some((_, old)) = members.iter_mut().find(|(name, _)| name == key) {
        return Some(std::mem::replace(old, value));
    }
    let place = after.and_then(|after| members.iter().position(|(name, _)| name == after));
    members.insert(place.map_or(members.len(), |place| place + 1), (key.to_owned(), value));
    None
}

/// The members of an object, in their order.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

fn value(text: &str, raw: &RawValue, depth: usize) -> Result<Json, Fault> {
    let piece = raw.get();
    let wrong = |why: String| place(text, piece, why);
    let unreadable = |error: serde_json::Error| wrong(words(&error));
    if depth == 0 {
        return Err(wrong(format!("more than {DEPTH} objects and arrays stand within each other")));
    }
    match piece.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(piece).map_err(unreadable)?;
            let mut keys = HashSet::new();
            let mut object = Vec::with_capacity(members.len());
            for (key, member) in members {
                if !keys.insert(key.clone()) {
                    return Err(place(text, member.get(), format!("the key `{key}` stands here a second time")));
                }
                object.push((key, value(text, member, depth - 1)?));
            }
            Ok(Json::Object(object))
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(piece).map_err(unreadable)?;
            items.into_iter().map(|item| value(text, item, depth - 1)).collect::<Result<_, _>>().map(Json::Array)
        }
        Some(b'"') => match serde_json::from_str::<String>(piece) {
            Ok(_) => Ok(Json::Scalar(piece.to_owned())),
            Err(error) => Err(unreadable(error)),
        },
        _ => Ok(Json::Scalar(piece.to_owned())),
    }
}

/// A fault at the beginning of `piece`, which is a part of `text`.
fn place(text: &str, piece: &str, why: String) -> Fault {
    let offset = (piece.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len());
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
    Fault { line, column, why }
}

fn fault(error: &serde_json::Error) -> Fault {
    Fault { line: error.line(), column: error.column().max(1), why: words(error) }
}

/// The message without the place, which is told apart from it.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_changes() {
        let text = "\t{\"b\" : 12345678901234567890123.10 ,\"a\":[1e2,-0.0,{ }, [ ]],\"\\u00e9\":\"\\u00e9\\/\",\"n\":null}\r\n";
        let json = Json::read(text).unwrap();
        insta::assert_snapshot!(json.pretty(), @r#"
        {
          "b": 12345678901234567890123.10,
          "a": [
            1e2,
            -0.0,
            {},
            []
          ],
          "é": "\u00e9\/",
          "n": null
        }
        "#);
        assert_eq!(Json::read(&json.pretty()).unwrap(), json);
        assert_eq!(json.get("é").unwrap().text().unwrap(), "é/");
        assert!(json.get("n").unwrap().is_null() && json.get("x").is_none());
    }

    #[test]
    fn faults_have_their_place() {
        let wrong = |text: &str| Json::read(text).unwrap_err().to_string();
        assert_eq!(wrong("{\n  \"a\": 1,\n}"), "line 3, column 1: key must be a string");
        assert_eq!(wrong("{} {}"), "line 1, column 4: trailing characters");
        assert_eq!(wrong(""), "line 1, column 1: EOF while parsing a value");
        assert_eq!(
            wrong("{\"a\": 1,\n \"b\": {\"c\": 1, \"c\": 2}}"),
            "line 2, column 21: the key `c` stands here a second time"
        );
        assert!(wrong("[\"\\ud800\"]").starts_with("line 1, column 2: "), "{}", wrong("[\"\\ud800\"]"));
        let deep = "[".repeat(101) + &"]".repeat(101);
        assert!(wrong(&deep).contains("more than 100"), "{}", wrong(&deep));
        assert!(Json::read(&("[".repeat(99) + &"]".repeat(99))).is_ok());
    }

    #[test]
    fn members_are_set_where_they_belong() {
        let Json::Object(mut members) = Json::read(r#"{"name": "api", "cpu": 1}"#).unwrap() else { panic!() };
        assert_eq!(set(&mut members, "image", Json::string("x\"y"), Some("name")), None);
        assert_eq!(set(&mut members, "cpu", Json::Scalar("2".into()), None), Some(Json::Scalar("1".into())));
        assert_eq!(set(&mut members, "last", Json::strings(&["a".into()]), Some("absent")), None);
        let compact: String = Json::Object(members).pretty().split_whitespace().collect();
        assert_eq!(compact, r#"{"name":"api","image":"x\"y","cpu":2,"last":["a"]}"#);
    }
}
