//! Variables in words: `$name`, `${name}` and what can be done with them, quotes and escapes.
//!
//! The forms are those of <https://docs.docker.com/reference/dockerfile/#environment-replacement>, and the meaning
//! of quotes is that of a shell. Words are read in one pass; a value is never read again, so a variable that names
//! itself just has the value from before. What values may add up to is bounded by a [`Budget`].
//!
//! Letters and digits of other scripts are told by Rust's tables, which differ from Go's in a few marks that
//! nobody has in the name of a variable.

use super::pattern::{Pattern, PatternFault};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How words are read.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is for itself, and most are off")]
pub struct Lexer {
    /// `\` or `` ` ``.
    pub escape: char,
    /// Whether quotes stay in the result.
    pub keep_quotes: bool,
    /// Whether escapes stay in the result.
    pub keep_escapes: bool,
    /// Whether quotes have no meaning: in here-documents.
    pub ignore_quotes: bool,
    /// Whether a variable that is not set stays as it is written.
    pub keep_unset: bool,
}

/// What became of a word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expansion {
    /// The word.
    pub text: String,
    /// The same split where white space is not quoted; what comes out of a variable is split too.
    pub words: Vec<String>,
    /// The variables that have a value.
    pub used: BTreeSet<String>,
    /// The variables that have none.
    pub unset: BTreeSet<String>,
}

/// How many bytes may come out of variables. Without it, thirty lines could fill any memory, each doubling the
/// value of the one before.
#[derive(Debug, Clone)]
pub struct Budget(usize);

/// Why a word can't be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A quote without an end.
    #[error("a {0} quote is not closed")]
    Quote(&'static str),
    /// `${` without an end.
    #[error("`${{` has no `}}`")]
    Brace,
    /// `${name/pattern` without the second slash.
    #[error("`${{…/…` has no second `/`")]
    Slash,
    /// `${}` and the like.
    #[error("`${{` is not followed by the name of a variable")]
    Name,
    /// `${name^}` and the like.
    #[error("`{0}` is nothing that can be done with a variable here")]
    Modifier(String),
    /// `${name:?message}`, and the variable has no value.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// What the file says, or what is said if it says nothing.
        message: String,
    },
    /// What `#`, `%` and `/` take.
    #[error("`{pattern}` is not a pattern: {fault}")]
    Pattern {
        /// As it is after expansion.
        pattern: String,
        /// What is wrong with it.
        fault: PatternFault,
    },
    /// Too many levels of `${a:-${b:-…}}`.
    #[error("variables are nested more than {MAX_DEPTH} levels deep")]
    Depth,
    /// The values are too long.
    #[error("what variables and triggers stand for adds up to more than {} MiB", Budget::BYTES >> 20)]
    Budget,
}

/// BuildKit has no such limit; the stack has one.
const MAX_DEPTH: usize = 100;

impl Budget {
    /// What all words of a file together may take.
    pub const BYTES: usize = 128 << 20;

    /// A budget of another size.
    pub fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Takes `bytes` off.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), ExpandError> {
        self.0 = self.0.checked_sub(bytes).ok_or(ExpandError::Budget)?;
        Ok(())
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(Self::BYTES)
    }
}

/// Gives the value of a variable.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<Arc<str>>;

impl Lexer {
    /// For the words of a Dockerfile.
    pub fn new(escape: char) -> Self {
        Self { escape, keep_quotes: false, keep_escapes: false, ignore_quotes: false, keep_unset: false }
    }

    /// For the content of a here-document.
    pub fn document() -> Self {
        Self { ignore_quotes: true, ..Self::new('\\') }
    }

    /// Expands `word`.
    pub fn expand(
        self,
        word: &str,
        lookup: Lookup<'_>,
        budget: &mut Budget,
    ) -> Result<Expansion, ExpandError> {
        let mut state = State {
            lexer: self,
            rest: word,
            lookup,
            budget,
            keep_escapes: self.keep_escapes,
            word: String::new(),
            used: BTreeSet::new(),
            unset: BTreeSet::new(),
            depth: 0,
        };
        let (text, words) = state.until(None, self.keep_escapes, false)?;
        Ok(Expansion { text, words, used: state.used, unset: state.unset })
    }
}

struct State<'a> {
    lexer: Lexer,
    rest: &'a str,
    lookup: Lookup<'a>,
    budget: &'a mut Budget,
    keep_escapes: bool,
    /// The word that is being collected. As with BuildKit there is only one, so what `${a:-…}` holds begins a new
    /// one, and the part before it is lost to `words`: `EXPOSE 80${x:-80}` is port 80.
    word: String,
    used: BTreeSet<String>,
    unset: BTreeSet<String>,
    depth: usize,
}

/// Words that are being collected.
#[derive(Default)]
struct Words {
    done: Vec<String>,
    inside: bool,
}

impl Words {
    fn add(&mut self, word: &mut String, character: char) {
        if !character.is_whitespace() {
            self.add_raw(word, character);
        } else if self.inside && !word.is_empty() {
            self.done.push(std::mem::take(word));
            self.inside = false;
        }
    }

    fn add_raw(&mut self, word: &mut String, character: char) {
        word.push(character);
        self.inside = true;
    }

    fn finish(mut self, word: &mut String) -> Vec<String> {
        if !word.is_empty() {
            self.done.push(std::mem::take(word));
        }
        self.done
    }
}

impl<'a> State<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    /// Reads up to `stop`, which is taken off, or to the end. `for_pattern`: what is quoted goes into a pattern,
    /// where an escape must not get a meaning by it.
    fn until(
        &mut self,
        stop: Option<char>,
        keep_escapes: bool,
        for_pattern: bool,
    ) -> Result<(String, Vec<String>), ExpandError> {
        if self.depth == MAX_DEPTH {
            return Err(ExpandError::Depth);
        }
        self.depth += 1;
        let before = std::mem::replace(&mut self.keep_escapes, keep_escapes);
        let result = self.collect(stop, for_pattern);
        self.keep_escapes = before;
        self.depth -= 1;
        result
    }

    fn collect(
        &mut self,
        stop: Option<char>,
        for_pattern: bool,
    ) -> Result<(String, Vec<String>), ExpandError> {
        self.word.clear();
        let (mut text, mut words) = (String::new(), Words::default());
        while let Some(character) = self.peek() {
            if stop == Some(character) {
                self.next();
                return Ok((text, words.finish(&mut self.word)));
            }
            match character {
                '$' => {
                    let value = self.dollar()?;
                    text.push_str(&value);
                    value.chars().for_each(|character| words.add(&mut self.word, character));
                    continue;
                }
                '\'' if !self.lexer.ignore_quotes => {
                    let part = self.single_quotes(for_pattern)?;
                    text.push_str(&part);
                    self.word.push_str(&part);
                    words.inside = true;
                    continue;
                }
                '"' if !self.lexer.ignore_quotes => {
                    let part = self.double_quotes(for_pattern)?;
                    text.push_str(&part);
                    self.word.push_str(&part);
                    words.inside = true;
                    continue;
                }
                '<' => {
                    let part = self.angle_bracket();
                    text.push_str(part);
                    self.word.push_str(part);
                    words.inside = true;
                    continue;
                }
                _ => {}
            }
            self.next();
            if character != self.lexer.escape {
                words.add(&mut self.word, character);
                text.push(character);
                continue;
            }
            if self.keep_escapes {
                words.add_raw(&mut self.word, character);
                text.push(character);
            }
            // At the end it stands for nothing.
            let Some(escaped) = self.next() else { break };
            words.add_raw(&mut self.word, escaped);
            text.push(escaped);
        }
        match stop {
            None => Ok((text, words.finish(&mut self.word))),
            Some('/') => Err(ExpandError::Slash),
            Some(_) => Err(ExpandError::Brace),
        }
    }

    /// `<<` keeps the blanks behind it, so that `<< NAME` is one word.
    fn angle_bracket(&mut self) -> &'a str {
        let text = self.rest;
        let rest = match text.strip_prefix("<<") {
            Some(rest) => rest.trim_start_matches(['\t', '\r', ' ']),
            None => &text[1..],
        };
        self.rest = rest;
        &text[..text.len() - rest.len()]
    }

    fn single_quotes(&mut self, for_pattern: bool) -> Result<String, ExpandError> {
        let mut text = String::new();
        text.extend(self.next().filter(|_| self.lexer.keep_quotes));
        while let Some(character) = self.next() {
            if character == '\'' {
                text.extend(Some(character).filter(|_| self.lexer.keep_quotes));
                return Ok(text);
            }
            if for_pattern && character == self.lexer.escape {
                text.push(character);
            }
            text.push(character);
        }
        Err(ExpandError::Quote("single"))
    }

    fn double_quotes(&mut self, for_pattern: bool) -> Result<String, ExpandError> {
        let mut text = String::new();
        text.extend(self.next().filter(|_| self.lexer.keep_quotes));
        while let Some(character) = self.peek() {
            if character == '$' {
                let value = self.dollar()?;
                text.push_str(&value);
                continue;
            }
            self.next();
            if character == '"' {
                text.extend(Some(character).filter(|_| self.lexer.keep_quotes));
                return Ok(text);
            }
            if character != self.lexer.escape {
                text.push(character);
                continue;
            }
            match self.peek() {
                None => {}
                // What can be escaped here; before all else the escape is a character like any other.
                Some(escaped) if matches!(escaped, '"' | '$') || escaped == self.lexer.escape => {
                    if self.keep_escapes {
                        text.push(character);
                    }
                    self.next();
                    text.push(escaped);
                }
                Some(_) => {
                    if self.keep_escapes && (!self.lexer.keep_quotes || for_pattern) {
                        text.push(character);
                    }
                    text.push(character);
                }
            }
        }
        Err(ExpandError::Quote("double"))
    }

    /// What begins with `$`.
    fn dollar(&mut self) -> Result<String, ExpandError> {
        self.next();
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".into());
            }
            return match self.value(&name)? {
                None if self.lexer.keep_unset => Ok(format!("${name}")),
                value => Ok(value.as_deref().unwrap_or_default().to_owned()),
            };
        }
        self.next();
        match self.peek() {
            None => return Err(ExpandError::Brace),
            Some('{' | '}' | ':') => return Err(ExpandError::Name),
            Some(_) => {}
        }
        let name = self.name();
        match self.next() {
            None => Err(ExpandError::Brace),
            Some('}') => match self.value(&name)? {
                None if self.lexer.keep_unset => Ok(format!("${{{name}}}")),
                value => Ok(value.as_deref().unwrap_or_default().to_owned()),
            },
            Some(':') => {
                let modifier = self.next().ok_or(ExpandError::Brace)?;
                self.modified(&name, modifier, true)
            }
            Some(modifier @ ('+' | '-' | '?' | '#' | '%')) => self.modified(&name, modifier, false),
            Some('/') => self.replaced(&name),
            Some(other) => Err(ExpandError::Modifier(other.to_string())),
        }
    }

    /// `${name-word}` and its like. With a colon, an empty value counts as none.
    fn modified(&mut self, name: &str, modifier: char, colon: bool) -> Result<String, ExpandError> {
        let sign = if colon { format!(":{modifier}") } else { modifier.to_string() };
        let trims = matches!(modifier, '#' | '%');
        if colon && trims {
            return Err(ExpandError::Modifier(sign));
        }
        let (word, _) = self.until(Some('}'), trims, trims)?;
        let value = self.value(name)?;
        if value.is_none() && self.lexer.keep_unset {
            return Ok(format!("${{{name}{sign}{word}}}"));
        }
        let there = value.as_ref().filter(|value| !(colon && value.is_empty()));
        match modifier {
            '-' => Ok(there.map_or(word, |value| value.as_ref().to_owned())),
            '+' => Ok(there.map(|_| word).unwrap_or_default()),
            '?' => there.map(|value| value.as_ref().to_owned()).ok_or_else(|| {
                let (name, state) = (name.to_owned(), if value.is_some() { "empty" } else { "unset" });
                let said = if word.is_empty() { format!("is not allowed to be {state}") } else { word };
                ExpandError::Required { name, message: said }
            }),
            '#' | '%' => {
                let value = value.as_deref().unwrap_or_default();
                // Twice the sign takes off as much as possible.
                let (pattern, longest) = match word.strip_prefix(modifier) {
                    Some(pattern) => (pattern, true),
                    None => (word.as_str(), false),
                };
                self.budget.spend(value.len())?;
                let trimmed = if modifier == '#' {
                    Pattern::prefix(pattern, longest).map(|found| found.without_prefix(value).to_owned())
                } else {
                    Pattern::suffix(pattern, longest).map(|found| found.without_suffix(value))
                };
                trimmed.map_err(|fault| ExpandError::Pattern { pattern: pattern.to_owned(), fault })
            }
            _ => Err(ExpandError::Modifier(sign)),
        }
    }

    /// `${name/pattern/replacement}`, and `//` for each place where the pattern matches.
    fn replaced(&mut self, name: &str) -> Result<String, ExpandError> {
        let all = self.peek() == Some('/');
        if all {
            self.next();
        }
        let (pattern, _) = self.until(Some('/'), true, true)?;
        let (replacement, _) = self.until(Some('}'), true, false)?;
        let value = self.value(name)?;
        if value.is_none() && self.lexer.keep_unset {
            return Ok(format!("${{{name}/{pattern}/{replacement}}}"));
        }
        let value = value.as_deref().unwrap_or_default();
        self.budget.spend(value.len())?;
        let found = Pattern::anywhere(&pattern).map_err(|fault| ExpandError::Pattern { pattern, fault })?;
        found.replace(value, &replacement, all, self.budget)
    }

    /// Letters, digits and `_`; or only digits; or one of a shell's special parameters, which have no value here.
    fn name(&mut self) -> String {
        let first = self.peek();
        if let Some(special @ ('@' | '*' | '#' | '?' | '-' | '$' | '!')) = first {
            self.next();
            return special.to_string();
        }
        if first.is_some_and(char::is_numeric) {
            self.next_while(char::is_numeric)
        } else {
            self.next_while(|character| character.is_alphanumeric() || character == '_')
        }
    }

    fn next_while(&mut self, matches: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|character| !matches(character)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        text.to_owned()
    }

    fn value(&mut self, name: &str) -> Result<Option<Arc<str>>, ExpandError> {
        let value = (self.lookup)(name);
        match &value {
            Some(value) => {
                self.budget.spend(value.len())?;
                self.used.insert(name.to_owned());
            }
            None => {
                self.unset.insert(name.to_owned());
            }
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
