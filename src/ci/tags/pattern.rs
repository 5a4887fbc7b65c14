//! Regular expressions in rules. metadata-action has JavaScript's; these are Rust's, which are matched in linear time
//! and so have neither look-around nor back-references.

use super::error::Wrong;
use regex::{Captures, Regex, RegexBuilder};

/// One that was written as a field's value.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Reads the value of `field`: an expression, or `/expression/flags` as JavaScript has it.
    pub(super) fn parse(field: &str, text: &str) -> Result<Self, Wrong> {
        if text.is_empty() {
            return Err(Wrong::new(format!("`{field}` is empty")));
        }
        let (expression, flags) = match text.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) {
            Some((expression, flags)) if !expression.is_empty() => (expression, flags),
            _ => (text, ""),
        };
        let mut builder = RegexBuilder::new(expression);
        for flag in flags.chars() {
            match flag {
                'i' => builder.case_insensitive(true),
                'm' => builder.multi_line(true),
                's' => builder.dot_matches_new_line(true),
                'u' | 'v' => &mut builder,
                _ => {
                    let why =
                        format!("`{field}`: `{flag}` is no flag of a regular expression that is known here");
                    return Err(Wrong::new(why).hinted("known are `i`, `m`, `s` and `u`"));
                }
            };
        }
        let regex = builder.build().map_err(|error| unreadable(field, text, &error))?;
        Ok(Self { text: text.into(), regex })
    }

    /// How many groups it has, not counting the whole.
    pub(super) fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// The first match.
    pub(super) fn find<'a>(&self, text: &'a str) -> Option<Captures<'a>> {
        self.regex.captures(text)
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

fn unreadable(field: &str, text: &str, error: &regex::Error) -> Wrong {
    let message = error.to_string();
    // A syntax error is shown with the expression over several lines, and says what it is in the last one.
    let last = message.lines().last().unwrap_or_default();
    let why = last.strip_prefix("error: ").unwrap_or(last);
    let wrong = Wrong::new(format!("`{field}`: the regular expression `{text}` can't be read: {why}"));
    if why.contains("look-around") || why.contains("backreferences") {
        return wrong.hinted(
            "these are Rust's regular expressions (https://docs.rs/regex/#syntax), which have no look-around and no \
             back-references as JavaScript's do; match more, and take a group of it: `pattern=v(.*)-x,group=1`",
        );
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str) -> Option<String> {
        let pattern = Pattern::parse("pattern", pattern).unwrap();
        pattern.find(text).map(|captures| captures[0].to_owned())
    }

    #[test]
    fn as_javascript_writes_them() {
        assert_eq!(found(r"\d.\d.\d", "v1.2.3").as_deref(), Some("1.2.3"));
        assert_eq!(found(r"/V(\d+)/i", "x-v12").as_deref(), Some("v12"));
        assert_eq!(found(r"p1\/v\d", "p1/v2").as_deref(), Some("p1/v2"));
        assert_eq!(found("^v", "1"), None);
        assert_eq!(Pattern::parse("pattern", "(a)(?:b)(?<c>d)").unwrap().groups(), 2);
    }

    #[test]
    fn what_rust_does_not_have() {
        let wrong = |text: &str| Pattern::parse("pattern", text).unwrap_err();
        for text in ["v(?=1)", "v(?!1)", "(?<=v)1", "(?<!v)1", r"(a)\1"] {
            let wrong = wrong(text);
            assert!(wrong.why.contains(text), "{wrong:?}");
            assert!(wrong.hint.unwrap().contains("JavaScript's"), "{text}");
        }
        assert_eq!(wrong("(").why, "`pattern`: the regular expression `(` can't be read: unclosed group");
        assert_eq!(wrong("").why, "`pattern` is empty");
        assert!(wrong("/a/g").why.contains("`g` is no flag"));
    }
}
