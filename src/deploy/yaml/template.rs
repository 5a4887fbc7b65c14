//! The actions of templates, `{{ … }}`, as Helm's charts have them: what they make is not known, so they are taken out
//! of the way before the text is read as YAML.
//!
//! Every character is replaced by one character, so that places stay. A line of actions alone becomes a line of spaces, as
//! does an action that writes nothing; any other becomes a word. Grammar: <https://pkg.go.dev/text/template#hdr-Actions>.

use std::ops::Range;

/// A text without actions.
#[derive(Debug)]
pub(super) struct Masked {
    /// As many characters as the original has.
    pub(super) text: String,
    /// Where the actions were, in bytes of the original.
    pub(super) actions: Vec<Range<usize>>,
}

/// The text without its actions; none if it has none.
pub(super) fn mask(text: &str) -> Option<Masked> {
    let actions = actions(text);
    if actions.is_empty() {
        return None;
    }
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    let mut rest = &actions[..];
    while !rest.is_empty() {
        let (count, alone) = line(text, rest);
        let begin = text[..rest[0].start].rfind('\n').map_or(0, |end| end + 1);
        let is_indented = text[begin..rest[0].start].trim().is_empty();
        for (n, action) in rest[..count].iter().enumerate() {
            masked.push_str(&text[done..action.start]);
            // Blanks in front of something else would be its indentation.
            let first = n == 0 && is_indented;
            let nothing = alone || (!first && makes_nothing(&text[action.clone()]));
            masked.extend(text[action.clone()].chars().map(|c| match c {
                '\n' | '\r' if alone => c,
                _ if nothing => ' ',
                _ => 'x',
            }));
            done = action.end;
        }
        rest = &rest[count..];
    }
    masked.push_str(&text[done..]);
    Some(Masked { text: masked, actions })
}

/// The actions of a text.
fn actions(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("{{").map(|at| from + at) {
        let inner = start + 2;
        let is_comment = text[inner..].trim_start_matches(['-', ' ']).starts_with("/*");
        let end = if is_comment {
            text[inner..].find("*/").and_then(|end| {
                let after = inner + end + 2;
                text[after..].find("}}").map(|end| after + end + 2)
            })
        } else {
            text[inner..].find("}}").map(|end| inner + end + 2)
        };
        let Some(end) = end else { break };
        // What opens again before it closes was no action.
        if !is_comment && let Some(again) = text[inner..end].find("{{") {
            from = inner + again;
            continue;
        }
        found.push(start..end);
        from = end;
    }
    found
}

/// Whether an action writes nothing itself: a comment, or one that only begins or ends a part.
fn makes_nothing(action: &str) -> bool {
    const WORDS: [&str; 8] = ["if", "else", "end", "with", "range", "define", "block", "break"];
    let inner = action.trim_start_matches(['{', '-']).trim_start();
    let word: String = inner.chars().take_while(char::is_ascii_alphanumeric).collect();
    inner.starts_with("/*") || WORDS.contains(&word.as_str())
}

/// How many of the first actions share their lines, and whether nothing else is on these but a comment.
fn line(text: &str, actions: &[Range<usize>]) -> (usize, bool) {
    let is_end = |c: char| c == '\n' || c == '\r';
    let start = text[..actions[0].start].rfind(is_end).map_or(0, |end| end + 1);
    let mut alone = text[start..actions[0].start].trim_matches([' ', '\t', '\u{feff}']).is_empty();
    let mut count = 1;
    for pair in actions.windows(2) {
        let between = &text[pair[0].end..pair[1].start];
        if between.contains(is_end) {
            break;
        }
        alone &= between.trim().is_empty();
        count += 1;
    }
    let rest = text[actions[count - 1].end..].split(is_end).next().unwrap_or_default().trim();
    (count, alone && (rest.is_empty() || rest.starts_with('#')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_stay_where_they_are() {
        for (text, expected) in [
            ("a: {{ .b }}\n", "a: xxxxxxxx\n"),
            ("  {{- if .ä }}\na: 1\n  {{ end }}", "              \na: 1\n           "),
            ("a: \"b\"{{ end }}\n{{if .x}}c: d", "a: \"b\"         \nxxxxxxxxxc: d"),
            ("{{ a }}{{ b }} # why\n", "               # why\n"),
            ("{{ a }}: {{ b }}\n", "xxxxxxx: xxxxxxx\n"),
            ("a: \"{{ \"b\" }}\"\r\n{{\r\n end }}\r\n", "a: \"xxxxxxxxx\"\r\n  \r\n       \r\n"),
            ("{{/* }} */}}\nb\n", "            \nb\n"),
            ("a: {{ b\n  c }}\n", "a: xxxxxxxxxxx\n"),
        ] {
            let masked = mask(text).unwrap();
            assert_eq!(masked.text, expected);
            assert_eq!(masked.text.chars().count(), text.chars().count());
        }
        for text in ["", "a: {b: {c: 1}}", "{{ a", "a }} {"] {
            assert!(mask(text).is_none(), "{text}");
        }
        assert_eq!(mask("{{ a {{ b }}").unwrap().actions, vec![std::ops::Range { start: 5, end: 12 }]);
    }

    #[test]
    fn many_actions_on_a_line_take_no_long_time() {
        let text = "{{a}}".repeat(20_000);
        assert_eq!(mask(&text).unwrap().actions.len(), 20_000);
    }
}
