//! Patterns of `${name#pattern}`, `${name%pattern}` and `${name/pattern/…}`: `*` is any text, `?` one character.
//!
//! As with BuildKit there are no sets in brackets, and neither sign matches a line feed. Patterns are run by a
//! regular expression engine whose time is linear, so none of them can take forever.

use super::expand::{Budget, ExpandError};
use regex::{Regex, RegexBuilder};

/// A pattern that can be looked for.
#[derive(Debug)]
pub(super) struct Pattern(Regex);

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// Only `*`, `?`, the escape itself, `/` and `}` can be escaped in it.
    #[error("`\\{}` is no escape in it", .0.map(String::from).unwrap_or_default())]
    Escape(Option<char>),
    /// It is longer than anybody needs.
    #[error("it is too long")]
    TooLong,
}

impl Pattern {
    /// That a value begins with.
    pub(super) fn prefix(text: &str, longest: bool) -> Result<Self, PatternFault> {
        compile(text, longest, true)
    }

    /// That a value ends with. It is turned round, and so is the value: the shortest match at an end can't be
    /// asked for otherwise.
    pub(super) fn suffix(text: &str, longest: bool) -> Result<Self, PatternFault> {
        let characters: Vec<char> = text.chars().collect();
        let mut units: Vec<&[char]> = Vec::new();
        let mut rest = &characters[..];
        while !rest.is_empty() {
            // An escape stays in front of what it escapes.
            let length = if rest[0] == '\\' && rest.len() > 1 { 2 } else { 1 };
            units.push(&rest[..length]);
            rest = &rest[length..];
        }
        let turned: String = units.into_iter().rev().flatten().collect();
        compile(&turned, longest, true)
    }

    /// Anywhere in a value, as long as possible.
    pub(super) fn anywhere(text: &str) -> Result<Self, PatternFault> {
        compile(text, true, false)
    }

    pub(super) fn without_prefix<'v>(&self, value: &'v str) -> &'v str {
        self.0.find(value).map_or(value, |found| &value[found.end()..])
    }

    pub(super) fn without_suffix(&self, value: &str) -> String {
        let turned: String = value.chars().rev().collect();
        self.without_prefix(&turned).chars().rev().collect()
    }

    /// `value` with the first match, or all of them, replaced. `$0` and its like in a replacement of all have the
    /// meaning that they have in Go's regular expressions, for want of an escape in BuildKit.
    pub(super) fn replace(
        &self,
        value: &str,
        replacement: &str,
        all: bool,
        budget: &mut Budget,
    ) -> Result<String, ExpandError> {
        let mut text = String::new();
        let mut end = 0;
        for found in self.0.find_iter(value).take(if all { usize::MAX } else { 1 }) {
            let replacement =
                if all { template(replacement, found.as_str()) } else { replacement.to_owned() };
            budget.spend(replacement.len())?;
            text.push_str(&value[end..found.start()]);
            text.push_str(&replacement);
            end = found.end();
        }
        text.push_str(&value[end..]);
        Ok(text)
    }
}

/// `$$`, `$name` and `${name}` of a replacement: the pattern has no groups, so only `$0` stands for something.
fn template(replacement: &str, found: &str) -> String {
    let mut text = String::new();
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let name_end =
            |text: &str| text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
        let (name, behind) = match after.strip_prefix('{') {
            Some(inner) => {
                let end = name_end(inner);
                (&inner[..end], inner[end..].strip_prefix('}'))
            }
            None => {
                let end = name_end(after);
                (&after[..end], Some(&after[end..]))
            }
        };
        rest = match (after.strip_prefix('$'), behind) {
            (Some(behind), _) => {
                text.push('$');
                behind
            }
            (None, Some(behind)) if !name.is_empty() => {
                if name == "0" {
                    text.push_str(found);
                }
                behind
            }
            _ => {
                text.push('$');
                after
            }
        };
    }
    text + rest
}

fn compile(text: &str, longest: bool, anchored: bool) -> Result<Pattern, PatternFault> {
    let mut expression = String::from(if anchored { "^" } else { "" });
    let mut characters = text.chars().peekable();
    let mut one = [0; 4];
    while let Some(character) = characters.next() {
        let literal = match character {
            '*' => {
                expression.push_str(if longest { ".*" } else { ".*?" });
                continue;
            }
            '?' => {
                expression.push('.');
                continue;
            }
            '\\' => match characters.peek() {
                // What closes the form has to be escaped in it; it is itself in the pattern.
                Some('}' | '/') => continue,
                Some('*' | '?' | '\\') => characters.next().unwrap_or(character),
                other => return Err(PatternFault::Escape(other.copied())),
            },
            other => other,
        };
        expression.push_str(&regex::escape(literal.encode_utf8(&mut one)));
    }
    let built = RegexBuilder::new(&expression).size_limit(1 << 20).build();
    built.map(Pattern).map_err(|_| PatternFault::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(value: &str, pattern: &str, replacement: &str, all: bool) -> String {
        let found = Pattern::anywhere(pattern).unwrap();
        found.replace(value, replacement, all, &mut Budget::default()).unwrap()
    }

    #[test]
    fn prefixes_and_suffixes() {
        for (value, pattern, shortest, longest) in [
            ("a/b/c", "*/", "b/c", "c"),
            ("a/b/c", "a", "/b/c", "/b/c"),
            ("a/b/c", "x", "a/b/c", "a/b/c"),
            ("abc", "?", "bc", "bc"),
            ("a*c", r"a\*", "c", "c"),
            ("a\nb", "*b", "a\nb", "a\nb"),
            ("[a]b", "[a]", "b", "b"),
            ("abc", "", "abc", "abc"),
            ("abc", "*", "abc", ""),
        ] {
            let trim = |longest| Pattern::prefix(pattern, longest).unwrap().without_prefix(value).to_owned();
            assert_eq!((trim(false), trim(true)), (shortest.into(), longest.into()), "{value} {pattern}");
        }
        for (value, pattern, shortest, longest) in [
            ("a/b/c", "/*", "a/b", "a"),
            ("a.tar.gz", ".*", "a.tar", "a"),
            ("a*c", r"\*c", "a", "a"),
            ("aüb", "?b", "a", "a"),
        ] {
            let trim = |longest| Pattern::suffix(pattern, longest).unwrap().without_suffix(value);
            assert_eq!((trim(false), trim(true)), (shortest.into(), longest.into()), "{value} {pattern}");
        }
    }

    #[test]
    fn replacements() {
        assert_eq!(replaced("a.b.c", ".", "-", false), "a-b.c");
        assert_eq!(replaced("a.b.c", ".", "-", true), "a-b-c");
        assert_eq!(replaced("xaybaz", "a*b", "_", true), "x_az");
        assert_eq!(replaced("abc", "?", "$0$0$$${0}$1", true), "aa$abb$bcc$c");
        assert_eq!(replaced("abc", "b", "$0", false), "a$0c");
        assert_eq!(replaced("abc", "b", "$-${x", true), "a$-${xc");
    }

    #[test]
    fn no_patterns() {
        assert_eq!(Pattern::anywhere(r"a\b").unwrap_err(), PatternFault::Escape(Some('b')));
        assert_eq!(Pattern::anywhere("a\\").unwrap_err(), PatternFault::Escape(None));
        assert_eq!(Pattern::anywhere(&"*a".repeat(1 << 16)).unwrap_err(), PatternFault::TooLong);
        assert!(Pattern::anywhere(r"a\/\}\*\?\\").is_ok());
    }
}
