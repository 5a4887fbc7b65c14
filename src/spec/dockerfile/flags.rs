//! Flags of instructions: which there are, and what they take.

use super::source::{Fault, Faults};
use super::words::Word;
use crate::base::suggest::nearest;

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// A text.
    Text,
    /// Texts: it can be repeated.
    Texts,
    /// Nothing, or `true` or `false`.
    Switch,
}

/// The flags of one instruction. They are taken out one by one.
#[derive(Debug)]
pub(super) struct Flags(Vec<(&'static str, Word)>);

impl Flags {
    /// Looks at all flags that were given; what is wrong with one is noted, and the flag left out.
    pub(super) fn new(
        keyword: &str,
        given: Vec<Word>,
        known: &[(&'static str, Takes)],
        faults: &mut Faults,
    ) -> Self {
        let mut flags: Vec<(&'static str, Word)> = Vec::new();
        for word in given {
            let (name, value) = match word.text[2..].split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (&word.text[2..], None),
            };
            let Some((name, takes)) = known.iter().copied().find(|(known, _)| *known == name) else {
                faults.push(unknown(keyword, name, &word, known));
                continue;
            };
            if takes != Takes::Texts && flags.iter().any(|(there, _)| *there == name) {
                faults.add(word.span, format!("`--{name}` is there twice"));
                continue;
            }
            let value = match (takes, value) {
                (Takes::Switch, None) => "true".to_owned(),
                (Takes::Switch, Some(value)) => match value.to_lowercase().as_str() {
                    value @ ("true" | "false") => value.to_owned(),
                    _ => {
                        let message = format!("`--{name}` is true or false, and not `{value}`");
                        faults.hinted(word.span, message, format!("write `--{name}` for true"));
                        continue;
                    }
                },
                (Takes::Text | Takes::Texts, Some(value)) => value.to_owned(),
                (Takes::Text | Takes::Texts, None) => {
                    let hint = format!("write `--{name}=VALUE`, without a space");
                    faults.hinted(word.span, format!("`--{name}` has no value"), hint);
                    continue;
                }
            };
            flags.push((name, Word { text: value, span: word.span }));
        }
        Self(flags)
    }

    /// The value of a flag, unless it is empty.
    pub(super) fn text(&mut self, name: &str) -> Option<Word> {
        let index = self.0.iter().position(|(there, _)| *there == name)?;
        Some(self.0.remove(index).1).filter(|word| !word.text.is_empty())
    }

    /// All values of a flag that can be repeated.
    pub(super) fn texts(&mut self, name: &str) -> Vec<Word> {
        let (found, rest) = std::mem::take(&mut self.0).into_iter().partition(|(there, _)| *there == name);
        self.0 = rest;
        let found: Vec<(&'static str, Word)> = found;
        found.into_iter().map(|(_, word)| word).collect()
    }

    /// Whether a switch is on; none if it was not given.
    pub(super) fn switch(&mut self, name: &str) -> Option<bool> {
        self.text(name).map(|word| word.text == "true")
    }
}

fn unknown(keyword: &str, name: &str, word: &Word, known: &[(&'static str, Takes)]) -> Fault {
    let names = || known.iter().map(|(name, _)| *name);
    let hint = match nearest(name, names()) {
        Some(near) => format!("did you mean `--{near}`?"),
        None if known.is_empty() => format!("{keyword} takes none; write `--` before words that begin so"),
        None => format!("{keyword} takes --{}", names().collect::<Vec<_>>().join(", --")),
    };
    let message = format!("{keyword} has no flag `--{name}`");
    Fault { span: word.span, message, hint: Some(hint) }
}
