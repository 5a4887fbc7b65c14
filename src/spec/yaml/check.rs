//! Checks of single values. A check that fails notes why and gives none, so the others still run.

use super::node::{Document, Node, Value};
use crate::base::suggest::nearest;
use crate::spec::ignore::Patterns;
use crate::spec::plan::Owner;
use crate::spec::problem::Problem;
use std::collections::HashSet;
use std::fmt::Display;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// Takes note of what is wrong.
#[derive(Debug)]
pub(crate) struct Checker {
    /// How messages call the whole of the file.
    whole: &'static str,
    faults: Vec<Fault>,
}

#[derive(Debug)]
struct Fault {
    node: usize,
    meant: Option<String>,
    message: String,
    hint: Option<String>,
}

/// A mapping whose keys are all known and stand there once.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    node: &'n Node,
    place: String,
    values: Vec<(&'n str, &'n Node)>,
}

fn join(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

impl Checker {
    /// For a file that messages call `whole`.
    pub(super) fn new(whole: &'static str) -> Self {
        Self { whole, faults: Vec::new() }
    }

    /// Notes that `node` is wrong.
    pub(crate) fn fail(&mut self, node: &Node, message: String, hint: Option<String>) {
        let meant = node.as_text().map(str::to_owned);
        self.faults.push(Fault { node: node.id(), meant, message, hint });
    }

    /// All that was noted, with places.
    pub(super) fn into_problems(self, document: &Document<'_>) -> Vec<Problem> {
        let faults = self.faults.into_iter();
        faults
            .map(|fault| document.problem(fault.node, fault.meant.as_deref(), fault.message, fault.hint))
            .collect()
    }

    /// `node` as a mapping with none but the keys `known`. A key without a value is an error, and left out.
    pub(crate) fn map<'n>(&mut self, node: &'n Node, place: &str, known: &[&str]) -> Option<Fields<'n>> {
        let Value::Map(pairs) = &node.value else {
            self.wrong_type(node, place, "a mapping");
            return None;
        };
        let mut values = Vec::new();
        for (key, name, value) in self.pairs(pairs, place) {
            if !known.contains(&name) {
                let whole = if place.is_empty() { self.whole } else { place };
                let hint = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", list(known)),
                };
                self.fail(key, format!("unknown key `{name}` in `{whole}`"), Some(hint));
            } else if matches!(value.value, Value::Null) {
                let hint = "give it a value, or remove the line".into();
                self.fail(key, format!("`{}` has no value", join(place, name)), Some(hint));
            } else {
                values.push((name, value));
            }
        }
        Some(Fields { node, place: place.into(), values })
    }

    /// The pairs whose key is a text that was not there before: the key's node, its text, and the value.
    fn pairs<'n>(&mut self, pairs: &'n [(Node, Node)], place: &str) -> Vec<(&'n Node, &'n str, &'n Node)> {
        let mut seen = HashSet::new();
        let mut good = Vec::new();
        for (key, value) in pairs {
            let Some(name) = key.as_text() else {
                self.fail(key, format!("a key must be a text, and this is {}", key.value.kind()), None);
                continue;
            };
            if seen.insert(name) {
                good.push((key, name, value));
            } else {
                self.fail(key, format!("`{}` is there twice", join(place, name)), None);
            }
        }
        good
    }

    fn wrong_type(&mut self, node: &Node, place: &str, wanted: &str) {
        let what = if place.is_empty() { self.whole } else { place };
        let found = node.value.kind();
        self.fail(node, format!("`{what}` must be {wanted}, and this is {found}"), None);
    }

    /// Any scalar but null.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, place: &str) -> Option<&'n str> {
        let text = node.as_text();
        match text {
            None => self.wrong_type(node, place, "a text"),
            Some("") => self.fail(node, format!("`{place}` is empty"), None),
            Some(_) => return text,
        }
        None
    }

    /// [`text`](Self::text), owned.
    pub(crate) fn owned(&mut self, node: &Node, place: &str) -> Option<String> {
        self.text(node, place).map(str::to_owned)
    }

    /// What `T` reads; its own message if it does not.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&mut self, node: &Node, place: &str) -> Option<T> {
        match self.text(node, place)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fail(node, error.to_string(), None);
                None
            }
        }
    }

    /// Each element of a list that `check` lets through.
    fn items<T>(
        &mut self,
        node: &Node,
        place: &str,
        mut check: impl FnMut(&mut Self, &Node, &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(nodes) = &node.value else {
            let hint = node.as_text().map(|text| format!("write it as a list: `[{text}]`"));
            let found = node.value.kind();
            self.fail(node, format!("`{place}` must be a list, and this is {found}"), hint);
            return None;
        };
        let mut items = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            items.extend(check(self, node, &format!("{place}[{index}]")));
        }
        // A list of which something was refused is not to be taken for an empty one.
        (items.len() == nodes.len()).then_some(items)
    }

    /// A path below the folder of the file, without `.` and `..`.
    pub(super) fn path_below(&mut self, node: &Node, place: &str) -> Option<PathBuf> {
        let text = self.text(node, place)?;
        let mut path = PathBuf::new();
        for component in Path::new(text).components() {
            match component {
                Component::CurDir => {}
                Component::Normal(name) => path.push(name),
                Component::ParentDir if path.pop() => {}
                Component::ParentDir => {
                    let hint = "paths are relative to this file, and may not lead above its folder".into();
                    self.fail(node, format!("`{text}` leaves the context"), Some(hint));
                    return None;
                }
                Component::RootDir | Component::Prefix(_) => {
                    let hint = "paths are relative to the folder of this file".into();
                    self.fail(
                        node,
                        format!("`{place}` must be relative, and `{text}` is absolute"),
                        Some(hint),
                    );
                    return None;
                }
            }
        }
        if path.as_os_str().is_empty() {
            path.push(".");
        }
        Some(path)
    }

    /// An absolute path in the image.
    pub(super) fn absolute(&mut self, node: &Node, place: &str) -> Option<String> {
        let text = self.text(node, place)?;
        if !text.starts_with('/') {
            let hint = Some(format!("write `/{}`", text.trim_start_matches("./")));
            self.fail(node, format!("`{place}` must be absolute, and `{text}` is not"), hint);
            return None;
        }
        if text.split('/').any(|component| component == "..") {
            self.fail(node, format!("`{place}` has a `..` in it"), None);
            return None;
        }
        Some(text.to_owned())
    }

    /// A pattern as in a `.dockerignore`.
    pub(super) fn pattern(&mut self, node: &Node, place: &str) -> Option<String> {
        let text = self.text(node, place)?;
        match Patterns::new([text]) {
            Ok(_) => Some(text.to_owned()),
            Err(error) => {
                self.fail(node, format!("`{text}` is not a pattern: {}", error.reason), None);
                None
            }
        }
    }

    /// `UID` or `UID:GID`. As with `COPY --chown`, a missing group is the number of the user.
    pub(super) fn owner(&mut self, node: &Node, place: &str) -> Option<Owner> {
        let text = self.text(node, place)?;
        let (user, group) = text.split_once(':').unwrap_or((text, text));
        let number = |id: &str| id.parse::<u32>().ok().filter(|_| id.bytes().all(|b| b.is_ascii_digit()));
        if let (Some(uid), Some(gid)) = (number(user), number(group)) {
            return Some(Owner { uid, gid });
        }
        let wrong = if number(user).is_none() { user } else { group };
        let hint = if wrong.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            "use the numeric ids: a name means nothing without the `/etc/passwd` of the image, and an image \
             from scratch has none"
        } else {
            "write `\"UID\"` or `\"UID:GID\"`, each a number up to 4294967295"
        };
        self.fail(node, format!("`{wrong}` is not a numeric id"), Some(hint.into()));
        None
    }

    /// Octal permissions.
    pub(super) fn mode(&mut self, node: &Node, place: &str) -> Option<u32> {
        let text = self.text(node, place)?;
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let mode = u32::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with('+'));
        if let Some(mode @ 0..=0o7777) = mode {
            return Some(mode);
        }
        let hint = "write octal digits, such as \"0644\" or \"0755\"".into();
        self.fail(node, format!("`{text}` is not a mode"), Some(hint));
        None
    }

    /// `8080` or `8080/tcp`; gives the latter.
    pub(super) fn port(&mut self, node: &Node, place: &str) -> Option<String> {
        let text = self.text(node, place)?;
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let port = number.parse::<u16>().ok().filter(|_| number.bytes().all(|b| b.is_ascii_digit()));
        let hint = match (port, protocol) {
            (Some(1..), "tcp" | "udp" | "sctp") => return Some(format!("{}/{protocol}", port?)),
            (Some(1..), _) => "the protocol is `tcp`, `udp` or `sctp`",
            _ if number.contains(':') => "only the port inside the container: an image can't publish one",
            _ => "write a number from 1 to 65535, with `/udp` behind it if it is not TCP",
        };
        self.fail(node, format!("`{text}` is not a port"), Some(hint.into()));
        None
    }

    /// `USER` or `USER:GROUP`, names or numbers.
    pub(super) fn user(&mut self, node: &Node, place: &str) -> Option<String> {
        let text = self.text(node, place)?;
        let legal = |part: &str| {
            !part.is_empty() && !part.contains([':', '/']) && !part.contains(char::is_whitespace)
        };
        let (user, group) = text.split_once(':').unwrap_or((text, text));
        if legal(user) && legal(group) {
            return Some(text.to_owned());
        }
        let hint = "write `USER` or `USER:GROUP`, as names or numbers".into();
        self.fail(node, format!("`{text}` is not a user"), Some(hint));
        None
    }

    /// A signal's name or number.
    pub(super) fn signal(&mut self, node: &Node, place: &str) -> Option<String> {
        let text = self.text(node, place)?;
        let named = text.strip_prefix("SIG").is_some_and(|name| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-'))
        });
        if named || matches!(text.parse::<u8>(), Ok(1..=64)) {
            return Some(text.to_owned());
        }
        let hint = "write its name, such as `SIGTERM`, or its number".into();
        self.fail(node, format!("`{text}` is not a signal"), Some(hint));
        None
    }

    /// One of `known`.
    pub(crate) fn one_of(&mut self, node: &Node, place: &str, known: &[&str]) -> Option<String> {
        let text = self.text(node, place)?;
        if known.contains(&text) {
            return Some(text.to_owned());
        }
        let hint = match nearest(text, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", list(known)),
        };
        self.fail(node, format!("`{place}` can't be `{text}`"), Some(hint));
        None
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, node: &Node, place: &str) -> Option<bool> {
        match self.text(node, place)? {
            "true" => Some(true),
            "false" => Some(false),
            text => {
                self.fail(node, format!("`{place}` must be `true` or `false`, and this is `{text}`"), None);
                None
            }
        }
    }

    /// The environment: a mapping, or a list of `NAME=VALUE`.
    pub(super) fn env(&mut self, node: &Node, place: &str) -> Vec<(String, String)> {
        let Value::List(items) = &node.value else {
            let pairs = self.texts(node, place);
            for (name, _, key) in &pairs {
                self.env_name(key, name);
            }
            return pairs.into_iter().map(|(name, value, _)| (name, value)).collect();
        };
        let mut variables: Vec<(String, String)> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let Some(text) = self.text(item, &format!("{place}[{index}]")) else { continue };
            let Some((name, value)) = text.split_once('=') else {
                let hint = Some(format!("write `{text}=VALUE`"));
                self.fail(item, format!("`{text}` has no `=`"), hint);
                continue;
            };
            self.env_name(item, name);
            if variables.iter().any(|(other, _)| other == name) {
                self.fail(item, format!("`{}` is there twice", join(place, name)), None);
            }
            variables.push((name.into(), value.into()));
        }
        variables
    }

    fn env_name(&mut self, node: &Node, name: &str) {
        if name.is_empty() || name.contains(['=', '\0']) {
            self.fail(node, format!("`{name}` can't be the name of a variable"), None);
        }
    }

    /// A mapping of texts, in its order, each with the node of its key. Here a value may be empty.
    pub(super) fn texts<'n>(&mut self, node: &'n Node, place: &str) -> Vec<(String, String, &'n Node)> {
        let Value::Map(pairs) = &node.value else {
            self.wrong_type(node, place, "a mapping");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (key, name, value) in self.pairs(pairs, place) {
            match &value.value {
                Value::Text(text) => texts.push((name.to_owned(), text.clone(), key)),
                Value::Null => {
                    let hint = format!("write `{name}: \"\"` for an empty value");
                    self.fail(key, format!("`{}` has no value", join(place, name)), Some(hint));
                }
                _ => self.wrong_type(value, &join(place, name), "a text"),
            }
        }
        texts
    }
}

impl<'n> Fields<'n> {
    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.values.iter().find(|(name, _)| *name == key).map(|(_, node)| *node)
    }

    /// How messages call `key`.
    pub(crate) fn place(&self, key: &str) -> String {
        join(&self.place, key)
    }

    /// The value of `key` as a text, if it is there.
    pub(crate) fn text(&self, checker: &mut Checker, key: &str) -> Option<&'n str> {
        checker.text(self.get(key)?, &self.place(key))
    }

    /// The value of `key`, which must be there.
    pub(crate) fn required<T>(
        &self,
        checker: &mut Checker,
        key: &str,
        check: impl FnOnce(&mut Checker, &Node, &str) -> Option<T>,
    ) -> Option<T> {
        if let Some(node) = self.get(key) {
            return check(checker, node, &self.place(key));
        }
        let Value::Map(pairs) = &self.node.value else { return None };
        // If it is there without a value, or with a typing mistake, that was said already.
        let said = |name: &str| nearest(name, [key]).is_some();
        if !pairs.iter().any(|(name, _)| name.as_text().is_some_and(said)) {
            checker.fail(self.node, format!("`{}` has no `{key}`", self.place), None);
        }
        None
    }

    /// The elements of the list `key`, if it is there.
    pub(crate) fn items<T>(
        &self,
        checker: &mut Checker,
        key: &str,
        check: impl FnMut(&mut Checker, &Node, &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        checker.items(self.get(key)?, &self.place(key), check)
    }

    /// A program and arguments: a list of texts, which may be empty.
    pub(super) fn command(&self, checker: &mut Checker, key: &str) -> Option<Vec<String>> {
        self.items(checker, key, |checker, node, place| {
            let text = node.as_text().map(str::to_owned);
            if text.is_none() {
                checker.wrong_type(node, place, "a text");
            }
            text
        })
    }

    /// The mapping of texts `key`, if it is there.
    pub(super) fn pairs(&self, checker: &mut Checker, key: &str) -> Vec<(String, String)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let texts = checker.texts(node, &self.place(key));
        texts.into_iter().map(|(name, value, _)| (name, value)).collect()
    }
}

/// `a`, `b` and `c`
fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
