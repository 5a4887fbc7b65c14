//! Scalars with new values, in the style in which they are written; every other byte stays.

use super::{Id, Kind, Node, Place, Style, Yaml};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

/// Why a text can't be changed as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EditError {
    /// Two that share one scalar want it differently.
    Shared(Place),
    /// A value of a kind that has no place for another one.
    NoPlace(Place),
    /// The changed text does not mean what it should: a fault of this program.
    Unfaithful(Place),
}

/// Changes to one text.
#[derive(Debug)]
pub(crate) struct Edits<'y, 'a> {
    yaml: &'y Yaml<'a>,
    /// What a scalar, or an alias in its place, shall be.
    wishes: BTreeMap<Id, String>,
    /// What shall stay as it is.
    kept: HashSet<Id>,
    /// Entries to put behind the one with this value.
    inserted: BTreeMap<Id, Entry>,
}

/// A new entry of a mapping.
#[derive(Debug)]
struct Entry {
    mapping: Id,
    beside: Id,
    key: String,
    value: String,
}

/// What is to be done to the bytes, and what the nodes then are.
#[derive(Debug, Default)]
struct Work {
    edits: Vec<(Range<usize>, String)>,
    values: HashMap<Id, String>,
    /// Aliases that took an anchor over, by the node that had it.
    heirs: HashMap<Id, Id>,
}

impl<'y, 'a> Edits<'y, 'a> {
    pub(crate) fn new(yaml: &'y Yaml<'a>) -> Self {
        Self { yaml, wishes: BTreeMap::new(), kept: HashSet::new(), inserted: BTreeMap::new() }
    }

    /// The scalar at this place, or the alias that stands for one, shall have this value.
    pub(crate) fn set(&mut self, place: Id, value: impl Into<String>) -> Result<(), EditError> {
        let value = value.into();
        if self.wishes.get(&place).is_some_and(|known| *known != value) || self.kept.contains(&place) {
            return Err(EditError::Shared(self.yaml.place(place)));
        }
        self.wishes.insert(place, value);
        Ok(())
    }

    /// The scalar at this place shall stay, whoever else shares it.
    pub(crate) fn keep(&mut self, place: Id) -> Result<(), EditError> {
        if self.wishes.contains_key(&place) {
            return Err(EditError::Shared(self.yaml.place(place)));
        }
        self.kept.insert(place);
        Ok(())
    }

    /// A new entry of a mapping, behind one that is there.
    pub(crate) fn insert(&mut self, mapping: Id, behind: (Id, Id), key: &str, value: &str) {
        let entry = Entry { mapping, beside: behind.0, key: key.into(), value: value.into() };
        self.inserted.insert(behind.1, entry);
    }

    /// The places that shall have other values.
    pub(crate) fn places(&self) -> HashSet<Id> {
        self.wishes.keys().copied().collect()
    }

    fn is_empty(&self) -> bool {
        self.wishes.is_empty() && self.inserted.is_empty()
    }

    /// The text with the changes. It is read again, and differs from the original in what was asked for, or is refused.
    pub(crate) fn apply(&self) -> Result<String, EditError> {
        if self.is_empty() {
            return Ok(self.yaml.text.to_owned());
        }
        let mut work = Work::default();
        let mut shared: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        for (place, value) in &self.wishes {
            let target = self.yaml.resolved(*place);
            if self.yaml.aliases.contains_key(&target) {
                shared.entry(target).or_default().push(*place);
            } else {
                self.put(&mut work, *place, value)?;
            }
        }
        let holders = if shared.is_empty() { HashSet::new() } else { self.holders() };
        for (target, places) in shared {
            self.put_shared(&mut work, target, &places, &holders)?;
        }
        for (value, entry) in &self.inserted {
            work.edits.push(self.insertion(*value, entry)?);
        }
        work.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut text = String::with_capacity(self.yaml.text.len() + 128 * work.edits.len());
        let mut done = 0;
        for (range, new) in &work.edits {
            text.push_str(&self.yaml.text[done..range.start]);
            text.push_str(new);
            done = range.end;
        }
        text.push_str(&self.yaml.text[done..]);
        self.check(&text, &work)?;
        Ok(text)
    }

    /// A new value for a scalar, or in the place of an alias.
    fn put(&self, work: &mut Work, place: Id, value: &str) -> Result<(), EditError> {
        let (edit, value) = self.written(place, value)?;
        work.edits.push(edit);
        work.values.insert(place, value);
        Ok(())
    }

    /// New values at `places`, which are a scalar with an anchor and aliases of it, or some of these.
    fn put_shared(
        &self,
        work: &mut Work,
        target: Id,
        places: &[Id],
        holders: &HashSet<Id>,
    ) -> Result<(), EditError> {
        let aliases = &self.yaml.aliases[&target];
        let value = &self.wishes[&places[0]];
        let agreed = places.iter().all(|place| self.wishes[place] == *value);
        let all = aliases.iter().all(|alias| self.wishes.contains_key(alias));
        if agreed && all && (self.wishes.contains_key(&target) || self.is_within(target, holders)) {
            return self.put(work, target, value);
        }
        for place in places {
            self.put(work, *place, &self.wishes[place])?;
        }
        // Who does not take part keeps the old value: the first of them has the anchor from now on.
        let heir = aliases.iter().find(|alias| !self.wishes.contains_key(alias));
        if let (true, Some(heir)) = (self.wishes.contains_key(&target), heir) {
            let node = self.yaml.node(target);
            let Kind::Scalar { value, style } = &node.kind else {
                return Err(EditError::NoPlace(self.yaml.place(target)));
            };
            let properties = &self.yaml.text[node.start..node.value];
            let from = properties.find('&').unwrap_or_default();
            let name = properties[from..].split([' ', '\t', '\n', '\r']).next().unwrap_or_default();
            let behind = &properties[from + name.len()..];
            let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
            let at = node.start + from;
            work.edits.push((at..at + name.len() + blanks, String::new()));
            let old = match style {
                Style::Block => json(value),
                _ => self.yaml.text[node.value..node.end].to_owned(),
            };
            let alias = self.yaml.node(*heir);
            work.edits.push((alias.start..alias.end, format!("{name} {old}")));
            work.values.insert(*heir, value.to_string());
            work.heirs.insert(target, *heir);
        }
        Ok(())
    }

    /// What only stands where it does for its anchor: entries of a document that Kubernetes ignores.
    fn holders(&self) -> HashSet<Id> {
        let entries = self.yaml.roots.iter().flat_map(|root| self.yaml.entries(*root).unwrap_or_default());
        let is_ignored = |key: &str| key.starts_with("x-") || key.starts_with(['.', '_']);
        let ignored = entries.filter(|(key, _)| self.yaml.scalar(*key).is_some_and(is_ignored));
        ignored.map(|(_, value)| *value).collect()
    }

    /// Whether a node is one of these, or within one.
    fn is_within(&self, id: Id, holders: &HashSet<Id>) -> bool {
        std::iter::successors(Some(id), |id| self.yaml.node(*id).parent).any(|id| holders.contains(&id))
    }

    /// The bytes for a new value, and the value that will be read: that of a block keeps the blanks around it.
    fn written(&self, place: Id, value: &str) -> Result<((Range<usize>, String), String), EditError> {
        let node = self.yaml.node(place);
        let Kind::Scalar { value: old, style } = &node.kind else {
            return Ok(((node.start..node.end, bare(value).into_owned()), value.to_owned()));
        };
        let nowhere = || EditError::NoPlace(self.yaml.place(place));
        let edit = match style {
            Style::Plain if old.is_empty() => {
                self.in_place_of_nothing(place, node, value).ok_or_else(nowhere)?
            }
            Style::Plain => (node.value..node.end, bare(value).into_owned()),
            Style::SingleQuoted => (node.value + 1..node.end - 1, value.replace('\'', "''")),
            Style::DoubleQuoted => {
                let quoted = json(value);
                (node.value + 1..node.end - 1, quoted[1..quoted.len() - 1].to_owned())
            }
            Style::Block => {
                let lines = &self.yaml.text[node.value..node.end];
                let content = lines.trim();
                if content.is_empty() || old.trim().is_empty() {
                    return Err(nowhere());
                }
                let start = node.value + lines.find(content).unwrap_or_default();
                let (before, after) = (old.len() - old.trim_start().len(), old.trim_end().len());
                let read = format!("{}{value}{}", &old[..before], &old[after..]);
                return Ok(((start..start + content.len(), value.to_owned()), read));
            }
        };
        Ok((edit, value.to_owned()))
    }

    /// A value for a key that has none: behind its colon.
    fn in_place_of_nothing(&self, place: Id, node: &Node, value: &str) -> Option<(Range<usize>, String)> {
        let entries = self.yaml.entries(node.parent?)?;
        let (key, _) = entries.iter().find(|(_, found)| *found == place)?;
        let end = self.yaml.node(*key).end;
        let rest = &self.yaml.text[end..];
        let colon =
            rest.find(|c: char| !c.is_ascii_whitespace()).filter(|at| rest[*at..].starts_with(':'))?;
        let at = end + colon + 1;
        // With an anchor or a tag it is not nothing.
        let marked = self.yaml.text[at..].trim_start_matches([' ', '\t']).starts_with(['&', '!']);
        (!marked).then(|| (at..at, format!(" {}", bare(value))))
    }

    /// The bytes of a new entry, written as the one before it.
    fn insertion(&self, value: Id, entry: &Entry) -> Result<(Range<usize>, String), EditError> {
        let text = self.yaml.text;
        let (key_node, value_node) = (self.yaml.node(entry.beside), self.yaml.node(value));
        let in_quotes = |node: &Node, text: &str| match &node.kind {
            Kind::Scalar { style: Style::DoubleQuoted, .. } => json(text),
            Kind::Scalar { style: Style::SingleQuoted, .. } => format!("'{text}'"),
            _ => bare(text).into_owned(),
        };
        let new = format!("{}: {}", in_quotes(key_node, &entry.key), in_quotes(value_node, &entry.value));
        let (key_line, _) = self.yaml.lines.bounds(key_node.start);
        let before = &text[key_line..key_node.start];
        let (line, line_end) = self.yaml.lines.bounds(value_node.end);
        let is_crlf = text[line..line_end].ends_with('\r') || text[..key_line].ends_with("\r\n");
        let eol = if is_crlf { "\r\n" } else { "\n" };
        let block = matches!(value_node.kind, Kind::Scalar { style: Style::Block, .. });
        if block || self.yaml.is_blank(value) {
            return Err(EditError::NoPlace(self.yaml.place(entry.mapping)));
        }
        if value_node.flow {
            let gap =
                if before.trim().is_empty() && key_line > 0 { format!("{eol}{before}") } else { " ".into() };
            return Ok((value_node.end..value_node.end, format!(",{gap}{new}")));
        }
        // A dash or a question mark in front of the key takes the place of blanks.
        let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let at = value_node.end + text[value_node.end..line_end].trim_end_matches('\r').len();
        Ok((at..at, format!("{eol}{indent}{new}")))
    }

    /// Reads the new text and compares it with what it should be, node by node.
    fn check(&self, text: &str, work: &Work) -> Result<(), EditError> {
        let whole = || EditError::Unfaithful(Place { line: 1, column: 1 });
        let new = Yaml::parse(text).map_err(|_| whole())?;
        let mut now = new.ids();
        let mut places: HashMap<Id, Id> = HashMap::new();
        let aliased: HashSet<Id> = self.yaml.aliases.keys().copied().collect();
        let mut grown: HashMap<Id, usize> = HashMap::new();
        for entry in self.inserted.values() {
            *grown.entry(entry.mapping).or_default() += 1;
        }
        for id in self.yaml.ids() {
            let unfaithful = || EditError::Unfaithful(self.yaml.place(id));
            let found = now.next().ok_or_else(unfaithful)?;
            if aliased.contains(&id) || work.values.contains_key(&id) {
                places.insert(id, found);
            }
            let same = match (&self.yaml.node(id).kind, &new.node(found).kind, work.values.get(&id)) {
                (Kind::Scalar { .. } | Kind::Alias(_), Kind::Scalar { value, .. }, Some(wanted)) => {
                    **value == **wanted
                }
                (Kind::Scalar { value: old, style }, Kind::Scalar { value, style: found }, None) => {
                    old == value && style == found
                }
                (Kind::Alias(old), Kind::Alias(target), None) => {
                    places.get(work.heirs.get(old).unwrap_or(old)) == Some(target)
                }
                (Kind::Sequence(old), Kind::Sequence(items), None) => old.len() == items.len(),
                (Kind::Mapping(old), Kind::Mapping(entries), None) => {
                    old.len() + grown.get(&id).copied().unwrap_or(0) == entries.len()
                }
                _ => false,
            };
            if !same {
                return Err(unfaithful());
            }
            if let Some(entry) = self.inserted.get(&id) {
                for wanted in [&entry.key, &entry.value] {
                    let found = now.next().ok_or_else(unfaithful)?;
                    if new.scalar(found) != Some(wanted) {
                        return Err(unfaithful());
                    }
                }
            }
        }
        if now.next().is_none() && new.roots.len() == self.yaml.roots.len() { Ok(()) } else { Err(whole()) }
    }
}

/// A string without quotes where YAML reads it as that string, otherwise with them. All that is written here are names of
/// images, tags and digests; tags can look like numbers.
fn bare(text: &str) -> Cow<'_, str> {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let legal = |c: char| c.is_ascii_alphanumeric() || "._/:@-+".contains(c);
    let first = text.chars().next().unwrap_or_default();
    let is_word = first.is_ascii_alphabetic() && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    let is_name = first.is_ascii_alphanumeric() && text.contains(['/', '@']);
    if (is_word || is_name) && text.chars().all(legal) && !text.ends_with(':') {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(json(text))
    }
}

/// A string of JSON is one of YAML.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets what `path` leads to in the first document.
    fn set(text: &str, wishes: &[(&[&str], &str)]) -> Result<String, EditError> {
        let yaml = Yaml::parse(text).unwrap();
        let mut edits = Edits::new(&yaml);
        for (path, value) in wishes {
            let mut place = yaml.roots[0];
            for step in *path {
                place = match step.parse::<usize>() {
                    Ok(index) => yaml.items(place).unwrap()[index],
                    Err(_) => yaml.get(place, step).unwrap(),
                };
            }
            edits.set(place, *value)?;
        }
        edits.apply()
    }

    #[test]
    fn every_style_stays() {
        for (before, after) in [
            ("a: old # c\nb: 1\n", "a: n/w@x:1 # c\nb: 1\n"),
            ("{a: old,b: 1}", "{a: n/w@x:1,b: 1}"),
            ("{\"a\":\"o\\u006cd\" , b: 1}", "{\"a\":\"n/w@x:1\" , b: 1}"),
            ("a: 'it''s'\r\nb: 1", "a: 'n/w@x:1'\r\nb: 1"),
            ("a: |  # c\n\n  old\n\nb: 1\n", "a: |  # c\n\n  n/w@x:1\n\nb: 1\n"),
            ("a: &z >-\n      old\n  # c\nb: 1\n", "a: &z >-\n      n/w@x:1\n  # c\nb: 1\n"),
            ("a: |2+\n     old  \n\n\nb: 1", "a: |2+\n     n/w@x:1  \n\n\nb: 1"),
            ("a: !!str old\nb: 1\n", "a: !!str n/w@x:1\nb: 1\n"),
            ("a: two\n  lines\nb: 1\n", "a: n/w@x:1\nb: 1\n"),
            ("a:\nb: 1\n", "a: n/w@x:1\nb: 1\n"),
            ("a:   # why\nb: 1\n", "a: n/w@x:1   # why\nb: 1\n"),
            ("{a: , b: 1}", "{a: n/w@x:1 , b: 1}"),
            ("b: 1\na:", "b: 1\na: n/w@x:1"),
            ("a: ~\nb: 1\n", "a: n/w@x:1\nb: 1\n"),
            ("a: \"\"\nb: 1\n", "a: \"n/w@x:1\"\nb: 1\n"),
            ("? a\n: old\n", "? a\n: n/w@x:1\n"),
        ] {
            assert_eq!(set(before, &[(&["a"], "n/w@x:1")]).as_deref(), Ok(after), "{before:?}");
        }
        assert!(matches!(set("a: |\nb: 1\n", &[(&["a"], "x")]), Err(EditError::NoPlace(_))));
        assert!(matches!(set("a: &x\nb: *x\n", &[(&["a"], "x")]), Err(EditError::NoPlace(_))));
    }

    #[test]
    fn what_looks_like_no_string_gets_quotes() {
        for (value, written) in [
            ("1.4", "\"1.4\""),
            ("v1.4", "v1.4"),
            ("on", "\"on\""),
            ("1e3", "\"1e3\""),
            ("127.0.0.1:5000/x@sha256:1", "127.0.0.1:5000/x@sha256:1"),
            ("[::1]:5000/x", "\"[::1]:5000/x\""),
            ("_1", "\"_1\""),
        ] {
            assert_eq!(set("a: old", &[(&["a"], value)]).unwrap(), format!("a: {written}"));
        }
    }

    #[test]
    fn anchors_and_aliases() {
        let all = |text, places: &[&'static str]| {
            let wishes: Vec<(Vec<&str>, &str)> = places.iter().map(|key| (vec![*key], "new")).collect();
            let wishes: Vec<(&[&str], &str)> =
                wishes.iter().map(|(path, value)| (&path[..], *value)).collect();
            set(text, &wishes).unwrap()
        };
        // All that share it change: at the anchor.
        assert_eq!(all("a: &x old\nb: *x\n", &["a", "b"]), "a: &x new\nb: *x\n");
        assert_eq!(all("x-a: &x old\nb: *x\n", &["b"]), "x-a: &x new\nb: *x\n");
        // Some of them: those alone.
        assert_eq!(all("a: &x old\nb: *x\n", &["b"]), "a: &x old\nb: new\n");
        assert_eq!(all("a: &x old\nb: *x\nc: [*x, *x ]\n", &["a"]), "a: new\nb: &x old\nc: [*x, *x ]\n");
        assert_eq!(
            all("a: &x !!str 'old'\nb: *x\nc: *x\n", &["a", "b"]),
            "a: !!str 'new'\nb: new\nc: &x 'old'\n"
        );
        assert_eq!(all("a: !!str &x |\n  old\nb: *x\n", &["a"]), "a: !!str |\n  new\nb: &x \"old\\n\"\n");
        let two: [(&[&str], &str); 2] = [(&["a"], "1.5"), (&["b"], "new")];
        assert_eq!(set("a: &x old\nb: *x\n", &two).unwrap(), "a: &x \"1.5\"\nb: new\n");
        let two: [(&[&str], &str); 2] = [(&["a"], "one"), (&["a"], "two")];
        assert_eq!(set("\na: b", &two), Err(EditError::Shared(Place { line: 2, column: 4 })));
    }

    #[test]
    fn entries_are_put_in_as_their_neighbours_are_written() {
        for (before, after) in [
            ("- name: x # c\n  b: 1\n", "- name: x # c\n  digest: sha256:1\n  b: 1\n"),
            ("- name: 'x'", "- name: 'x'\n  digest: 'sha256:1'"),
            ("-   name: x\r\n-   name: y\r\n", "-   name: x\r\n    digest: sha256:1\r\n-   name: y\r\n"),
            ("[{name: x}]", "[{name: x, digest: sha256:1}]"),
            ("[{\"name\":\"x\"}]", "[{\"name\":\"x\", \"digest\": \"sha256:1\"}]"),
            (
                "[\n  {\n    \"name\": \"x\"\n  }\n]\n",
                "[\n  {\n    \"name\": \"x\",\n    \"digest\": \"sha256:1\"\n  }\n]\n",
            ),
        ] {
            let yaml = Yaml::parse(before).unwrap();
            let mapping = yaml.items(yaml.roots[0]).unwrap()[0];
            let mut edits = Edits::new(&yaml);
            edits.insert(mapping, yaml.entry(mapping, "name").unwrap(), "digest", "sha256:1");
            assert_eq!(edits.apply().as_deref(), Ok(after));
        }
    }
}
