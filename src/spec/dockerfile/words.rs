//! A logical line into its parts: the instruction, its flags, its arguments.
//!
//! Each instruction splits its arguments in one of four ways, and none of them is quite what a shell does. Words
//! keep their quotes and escapes here, as these have a meaning until variables are expanded.

use super::lines::Joined;
use super::source::Span;
use serde_json::value::RawValue;
use std::ops::Range;

/// A word and where it is in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// The word, with its quotes and escapes.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// Arguments that may be a JSON array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    /// They are something else, and mean what they say.
    No,
    /// An array of strings.
    Strings(Vec<Word>),
    /// An array, and the place of the first element that is no string.
    Mixed(Span),
}

/// A line in its parts.
#[derive(Debug)]
pub(super) struct Split {
    /// `RUN`
    pub(super) keyword: Word,
    /// `--name=value`, without quotes and escapes.
    pub(super) flags: Vec<Word>,
    /// The rest of the line, without white space at its ends.
    pub(super) rest: Range<usize>,
}

/// What separates words where nothing is quoted.
const BLANK: [char; 5] = ['\t', '\x0b', '\x0c', '\r', ' '];

/// `range` of `text` without white space at its ends.
fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..(start + part.trim().len())
}

/// Splits the instruction and its flags off `range` of a line.
pub(super) fn split(line: &Joined, range: Range<usize>, escape: char) -> Split {
    let range = trim(&line.text, range);
    let text = &line.text[range.clone()];
    let end = text.find(BLANK).unwrap_or(text.len());
    let keyword = Word { text: text[..end].to_owned(), span: line.span(range.start..range.start + end) };
    let rest = &text[end..];
    let start = range.start + end + (rest.len() - rest.trim_start_matches(BLANK).len());
    let (flags, rest) = flags(line, start..range.end, escape);
    Split { keyword, flags, rest: trim(&line.text, rest) }
}

/// The words in front that begin with `--`, and what comes behind them. `--` alone ends them.
fn flags(line: &Joined, range: Range<usize>, escape: char) -> (Vec<Word>, Range<usize>) {
    let text = &line.text[..range.end];
    let mut flags = Vec::new();
    let mut start = range.start;
    loop {
        start += text[start..].len() - text[start..].trim_start().len();
        if !text[start..].starts_with("--") {
            return (flags, start..range.end);
        }
        let (mut word, mut quote, mut quoted) = (String::new(), None, false);
        let mut end = range.end;
        let mut characters = text[start..].char_indices();
        while let Some((index, character)) = characters.next() {
            if character == escape {
                // One at the end stands for nothing.
                word.extend(characters.next().map(|(_, escaped)| escaped));
            } else if quote.is_none() && character.is_whitespace() {
                end = start + index;
                break;
            } else if quote.is_none() && matches!(character, '\'' | '"') {
                (quote, quoted) = (Some(character), true);
            } else if quote == Some(character) {
                quote = None;
            } else {
                word.push(character);
            }
        }
        if word == "--" {
            return (flags, end..range.end);
        }
        if quoted || !word.is_empty() {
            flags.push(Word { text: word, span: line.span(start..end) });
        }
        start = end;
    }
}

/// Words that white space separates, whatever is in them.
pub(super) fn plain(line: &Joined, range: Range<usize>) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = range.start;
    let part = &line.text[range];
    for word in part.split(BLANK) {
        if !word.is_empty() {
            words.push(Word { text: word.to_owned(), span: line.span(start..start + word.len()) });
        }
        start += word.len() + 1;
    }
    words
}

/// All of it as one word; none if there is nothing.
pub(super) fn whole(line: &Joined, range: Range<usize>) -> Option<Word> {
    let text = &line.text[range.clone()];
    (!text.is_empty()).then(|| Word { text: text.to_owned(), span: line.span(range) })
}

/// Words that white space separates, unless it is quoted or escaped. Quotes and escapes stay in the words.
pub(super) fn quoted(line: &Joined, range: Range<usize>, escape: char) -> Vec<Word> {
    let text = &line.text[..range.end];
    let mut words = Vec::new();
    let mut start = range.start;
    loop {
        start += text[start..].len() - text[start..].trim_start().len();
        if start == text.len() {
            return words;
        }
        let (mut word, mut quote) = (String::new(), None);
        let mut end = text.len();
        let mut characters = text[start..].char_indices();
        while let Some((index, character)) = characters.next() {
            if quote.is_none() && character.is_whitespace() {
                end = start + index;
                break;
            }
            match quote {
                None if matches!(character, '\'' | '"') => quote = Some(character),
                Some(open) if open == character => quote = None,
                _ => {}
            }
            // Between single quotes nothing is escaped.
            if character == escape && quote != Some('\'') {
                let Some((_, escaped)) = characters.next() else { break };
                word.push(character);
                word.push(escaped);
            } else {
                word.push(character);
            }
        }
        if !word.is_empty() {
            words.push(Word { text: word, span: line.span(start..end) });
        }
        start = end;
    }
}

/// A JSON array, if that is what it is. Anything that is not quite one is taken as it stands, as a shell would:
/// only an array with something else than strings in it can't be meant so.
pub(super) fn json(line: &Joined, range: Range<usize>) -> Json {
    let text = line.text[range.clone()].trim_start();
    if !text.starts_with('[') {
        return Json::No;
    }
    let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(text) else { return Json::No };
    let base = range.end - text.len();
    let mut words = Vec::with_capacity(elements.len());
    for element in elements {
        let raw = element.get();
        // The elements are parts of the text.
        let start = base + (raw.as_ptr().addr() - text.as_ptr().addr());
        let span = line.span(start..start + raw.len());
        match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
            Some(inner) => words.push(Word { text: unescaped(inner), span }),
            None => return Json::Mixed(span),
        }
    }
    Json::Strings(words)
}

/// The inside of a JSON string that is known to be one. Half of a surrogate pair becomes U+FFFD, as with Go.
fn unescaped(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    let unit = |characters: &mut std::str::Chars<'_>| {
        let digits = characters.as_str().get(..4)?;
        *characters = characters.as_str()[4..].chars();
        u32::from_str_radix(digits, 16).ok()
    };
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        text.push(match characters.next() {
            Some('b') => '\x08',
            Some('f') => '\x0c',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let first = unit(&mut characters).unwrap_or(0xFFFD);
                let mut ahead = characters.clone();
                let second = match (first, ahead.next(), ahead.next()) {
                    (0xD800..=0xDBFF, Some('\\'), Some('u')) => unit(&mut ahead),
                    _ => None,
                };
                match second {
                    Some(second @ 0xDC00..=0xDFFF) => {
                        characters = ahead;
                        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
                    }
                    _ => char::from_u32(first),
                }
                .unwrap_or('\u{fffd}')
            }
            Some(other) => other,
            None => break,
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::lines::Reader;
    use super::super::source::Faults;
    use super::*;

    fn line(text: &str) -> Joined {
        Reader::new(text).logical(&mut Faults::default()).unwrap().text
    }

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn flags_come_first() {
        for (text, keyword, flags, rest) in [
            ("RUN", "RUN", &[][..], ""),
            ("RUN a --b", "RUN", &[], "a --b"),
            ("COPY --from=x  --link a b ", "COPY", &["--from=x", "--link"], "a b"),
            ("COPY --chown='a b' --x=\"'\" c", "COPY", &["--chown=a b", "--x='"], "c"),
            (r"COPY --a=\ b\c x", "COPY", &["--a= bc"], "x"),
            (r#"COPY --a="\"" x"#, "COPY", &["--a=\""], "x"),
            ("COPY --a=1 -- --b c", "COPY", &["--a=1"], "--b c"),
            ("COPY --a=1 --", "COPY", &["--a=1"], ""),
            ("COPY --a=ü\u{a0}x", "COPY", &["--a=ü"], "x"),
            ("COPY - --a", "COPY", &[], "- --a"),
            ("RUN\u{b}\u{c}x", "RUN", &[], "x"),
        ] {
            let line = line(text);
            let split = split(&line, 0..line.text.len(), '\\');
            assert_eq!(split.keyword.text, keyword, "{text}");
            assert_eq!(texts(&split.flags), flags, "{text}");
            assert_eq!(&line.text[split.rest], rest, "{text}");
        }
    }

    #[test]
    fn words_with_quotes() {
        for (text, words) in [
            ("", &[][..]),
            ("a b\u{a0}c", &["a", "b", "c"]),
            ("a='b c' d", &["a='b c'", "d"]),
            (r#"a="b\" c" d"#, &[r#"a="b\" c""#, "d"]),
            (r"a='b\' c", &[r"a='b\'", "c"]),
            (r"a=b\ c d", &[r"a=b\ c", "d"]),
            (r"a\", &["a"]),
            ("a=\"b c", &["a=\"b c"]),
            (r#"a="b\"#, &["a=\"b"]),
            ("'' \"\"", &["''", "\"\""]),
        ] {
            let line = line(&format!("X {text}"));
            assert_eq!(texts(&quoted(&line, 2..line.text.len(), '\\')), words, "{text}");
        }
    }

    #[test]
    fn arrays() {
        let words = |text: &str| {
            let line = line(&format!("X {text}"));
            match json(&line, 2..line.text.len()) {
                Json::Strings(words) => Some(texts(&words).join("|")),
                Json::Mixed(span) => Some(format!("{} to {}", span.start, span.end)),
                Json::No => None,
            }
        };
        for (text, expected) in [
            ("[]", Some("")),
            (r#"["a", "b c"]"#, Some("a|b c")),
            (r#"[ "a\"\\\/\b\f\n\r\t\u00fc" ]"#, Some("a\"\\/\x08\x0c\n\r\tü")),
            (r#"["\ud83d\ude00\ud83d\u0041\udc00"]"#, Some("😀\u{fffd}A\u{fffd}")),
            (r#"["a", 1]"#, Some("8 to 9")),
            (r#"[["a"]]"#, Some("3 to 8")),
            (r#"["a",]"#, None),
            (r#"["a"] b"#, None),
            ("['a']", None),
            ("[ -f x ] && y", None),
            ("a", None),
        ] {
            assert_eq!(words(text).as_deref(), expected, "{text}");
        }
        // Deep nesting is no matter.
        assert!(words(&("[".repeat(9000) + &"]".repeat(9000))).is_some());
    }

    #[test]
    fn spans_of_words() {
        let text = "COPY --link \\\n  a \\\n b\n";
        let line = line(text);
        let split = split(&line, 0..line.text.len(), '\\');
        let words = plain(&line, split.rest);
        let at = |span: Span| &text[span.start..span.end];
        assert_eq!(at(split.flags[0].span), "--link");
        assert_eq!(words.iter().map(|word| at(word.span)).collect::<Vec<_>>(), ["a", "b"]);
    }
}
