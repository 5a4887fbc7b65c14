//! A YAML document as nodes that know their place in the text.
//!
//! The parser tells a place only together with an error. So nodes are numbered as they come by, and to learn
//! where number `n` is, the text is read again with a visitor that refuses that node. Files are small, and it
//! happens only when there is something to report.
//!
//! It also tells a plain `0644` only as the number 644, unless it is asked for a text; but asked for a text it
//! refuses lists and mappings. So a first pass learns what is a scalar, and a second one takes those as text.

use crate::spec::problem::Problem;
use serde::de::{self, DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::fmt;

/// A document and its text.
#[derive(Debug)]
pub(super) struct Document<'a> {
    text: &'a str,
    root: Node,
}

/// A value, or a key.
#[derive(Debug)]
pub(crate) struct Node {
    id: usize,
    pub(in crate::spec::yaml) value: Value,
}

#[derive(Debug)]
pub(in crate::spec) enum Value {
    /// Nothing, `~` or `null`, not in quotes.
    Null,
    /// Any other scalar, as it was written: `0644` and `1.10` keep their zeros.
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Value {
    /// For messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl<'a> Document<'a> {
    /// Reads the one document that `text` must be.
    pub(super) fn parse(text: &'a str) -> Result<Self, Problem> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let empty = || {
            let hint = Some("begin with `apiVersion: consign/v1`".into());
            Problem::new(text, (1, 1), None, "the file is empty".into(), hint)
        };
        let walk = Walk::default();
        let mut root = Node { id: 0, value: Value::Null };
        for _pass in ["kinds", "texts"] {
            walk.start(None);
            let document = serde_yaml::Deserializer::from_str(text).next().ok_or_else(empty)?;
            root = walk.deserialize(document).map_err(|error| syntax(text, &error))?;
        }
        // After what the parser can't read it goes on in the middle, so only now is it safe to go on.
        if let Some(second) = serde_yaml::Deserializer::from_str(text).nth(1) {
            let place = place(second.deserialize_any(Refuse).err().as_ref());
            let hint = Some("keep one document in a file; `---` starts another one".into());
            return Err(Problem::new(text, place, None, "there is more than one document".into(), hint));
        }
        if matches!(root.value, Value::Null) { Err(empty()) } else { Ok(Self { text, root }) }
    }

    /// The outermost value.
    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// A problem with `node`.
    pub(super) fn problem(
        &self,
        id: usize,
        meant: Option<&str>,
        message: String,
        hint: Option<String>,
    ) -> Problem {
        let walk = Walk::default();
        walk.start(Some(id));
        let error = serde_yaml::Deserializer::from_str(self.text)
            .next()
            .and_then(|document| walk.deserialize(document).err());
        Problem::new(self.text, place(error.as_ref()), meant, message, hint)
    }
}

impl Node {
    /// Its number in the document.
    pub(super) fn id(&self) -> usize {
        self.id
    }

    /// Its text, if it is a scalar.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Line and column of `error`, from 1.
fn place(error: Option<&serde_yaml::Error>) -> (usize, usize) {
    let location = error.and_then(serde_yaml::Error::location);
    location.map_or((1, 1), |location| (location.line(), location.column()))
}

/// What the parser refused.
fn syntax(text: &str, error: &serde_yaml::Error) -> Problem {
    let place = place(Some(error));
    let shown = error.to_string();
    // The place is shown anyway; what follows it ("while parsing …") is worth keeping.
    let message = match shown.split_once(" at line ") {
        Some((before, after)) => match after.split_once(", ") {
            Some((_, context)) => format!("{before}, {context}"),
            None => before.to_owned(),
        },
        None => shown,
    };
    let mut problem = Problem::new(text, place, None, message, None);
    let indent = problem.source_line.chars().take_while(|c| c.is_whitespace());
    if indent.into_iter().any(|c| c == '\t') {
        problem.hint = Some("YAML is indented with spaces, and this line begins with a tab".into());
    }
    problem
}

/// Builds nodes, and numbers them.
#[derive(Default)]
struct Walk {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    next: usize,
    /// Whether a node is a scalar other than null, by number; known after the first pass.
    scalars: Vec<bool>,
    /// The node to refuse.
    refuse: Option<usize>,
}

impl Walk {
    fn start(&self, refuse: Option<usize>) {
        let mut state = self.state.borrow_mut();
        state.next = 0;
        state.refuse = refuse;
    }
}

impl<'de> DeserializeSeed<'de> for &Walk {
    type Value = Node;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let (id, scalar) = {
            let mut state = self.state.borrow_mut();
            let id = state.next;
            state.next += 1;
            if state.refuse == Some(id) {
                drop(state);
                return deserializer.deserialize_any(Refuse);
            }
            (id, state.scalars.get(id).copied())
        };
        let value = match scalar {
            Some(true) => deserializer.deserialize_str(self)?,
            _ => deserializer.deserialize_any(self)?,
        };
        if scalar.is_none() {
            let mut state = self.state.borrow_mut();
            if state.scalars.len() <= id {
                state.scalars.resize(id + 1, false);
            }
            state.scalars[id] = matches!(value, Value::Text(_));
        }
        Ok(Node { id, value })
    }
}

impl<'de> Visitor<'de> for &Walk {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }

    // The texts of these come with the second pass.
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Text(String::new()))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Text(String::new()))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Text(String::new()))
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Text(String::new()))
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Text(String::new()))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Text(String::new()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = items.next_element_seed(self)? {
            list.push(node);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = pairs.next_key_seed(self)? {
            map.push((key, pairs.next_value_seed(self)?));
        }
        Ok(Value::Map(map))
    }

    fn visit_enum<A: de::EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(de::Error::custom("a tag has no meaning here"))
    }
}

/// Refuses every value. The error has the place of the value.
struct Refuse;

impl Visitor<'_> for Refuse {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}
