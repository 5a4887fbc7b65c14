//! What is wrong with a text that says what to build, shown as compilers do.

use crate::base::{Failure, Kind};
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

/// All that is wrong with one file. As text it has several lines, with the place, the line and a hint for each
/// problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// The file, as it was named.
    pub file: PathBuf,
    /// What is wrong, in the order of the text; never empty.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// How many characters are meant; at least 1.
    pub width: usize,
    /// The line itself.
    pub source_line: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Of a line that has more characters than this, a part is shown.
const LONGEST: usize = 200;

/// A message that quotes something long, without the middle of it.
fn shortened(text: &str) -> Cow<'_, str> {
    const ENDS: usize = 500;
    if text.len() <= 3 * ENDS {
        return text.into();
    }
    let (first, last) = (text.floor_char_boundary(ENDS), text.floor_char_boundary(text.len() - ENDS));
    format!("{} … {}", &text[..first], &text[last..]).into()
}

impl SpecError {
    /// Puts `problems` in order.
    pub(super) fn new(file: &Path, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Self { file: file.into(), problems }
    }
}

impl std::error::Error for SpecError {}

impl Failure for SpecError {
    fn kind(&self) -> Kind {
        Kind::Input
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems: Vec<_> = self.problems.iter().map(|problem| problem.text(&self.file)).collect();
        f.write_str(&problems.join("\n"))
    }
}

impl Problem {
    /// The problem in `file`, with the place, the line and a hint.
    pub fn text(&self, file: &Path) -> String {
        let Self { line, column, message, hint, .. } = self;
        let gutter = " ".repeat(line.to_string().len());
        let (shown, before, width) = self.excerpt();
        // What stands before is repeated as white space of the same width, tabs included.
        let indent: String = shown.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let missing = " ".repeat(before.saturating_sub(indent.chars().count()));
        let marks = "^".repeat(width);
        let hint = hint.as_ref().map(|hint| format!("\nhint: {}", shortened(hint))).unwrap_or_default();
        format!(
            "{}:{line}:{column}: {}\n{gutter} |\n{line} | {shown}\n{gutter} | {indent}{missing}{marks}{hint}",
            file.display(),
            shortened(message)
        )
    }

    /// What is shown of the line: all of it, or of a long one what is around the place. Then the number of characters
    /// before the place, and of those that are meant.
    fn excerpt(&self) -> (Cow<'_, str>, usize, usize) {
        let Self { column, width, source_line, .. } = self;
        let before = column - 1;
        if source_line.chars().nth(LONGEST).is_none() {
            return (source_line.into(), before, *width);
        }
        let start = before.saturating_sub(LONGEST / 4);
        let mut rest = source_line.chars().skip(start);
        let part: String = rest.by_ref().take(LONGEST).collect();
        let left = if start > 0 { "…" } else { "" };
        let right = if rest.next().is_some() { "…" } else { "" };
        let marked = part.chars().count().saturating_sub(before - start).clamp(1, *width);
        (format!("{left}{part}{right}").into(), before - start + left.chars().count(), marked)
    }

    /// A problem at a place of `text`. `meant` is the text that is wrong, if it is a single word.
    pub(super) fn new(
        text: &str,
        (line, column): (usize, usize),
        meant: Option<&str>,
        message: String,
        hint: Option<String>,
    ) -> Self {
        let source_line = text.lines().nth(line - 1).unwrap_or_default();
        let source_line = source_line.strip_prefix('\u{feff}').unwrap_or(source_line).to_owned();
        let rest: String = source_line.chars().skip(column - 1).collect();
        let quotes = if rest.starts_with(['"', '\'']) { 2 } else { 0 };
        let wanted = meant.map_or(1, |meant| meant.chars().count() + quotes);
        let width = wanted.min(rest.trim_end().chars().count()).max(1);
        Self { line, column, width, source_line, message, hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str, column: usize, width: usize) -> String {
        let problem = Problem {
            line: 7,
            column,
            width,
            source_line: line.to_owned(),
            message: "wrong".to_owned(),
            hint: None,
        };
        problem.text(Path::new("f"))
    }

    #[test]
    fn a_long_line_is_shown_in_part() {
        let at = |prefix: usize, suffix: usize| format!("{}here{}", "a".repeat(prefix), "é".repeat(suffix));
        assert_eq!(
            text(&at(3, 193), 4, 4),
            format!("f:7:4: wrong\n  |\n7 | {}\n  |    ^^^^", at(3, 193)),
            "as long as may be"
        );
        let expected = format!("f:7:4: wrong\n  |\n7 | {}…\n  |    ^^^^", at(3, 193));
        assert_eq!(text(&at(3, 194), 4, 4), expected, "a letter more");
        let (marks, spaces) = ("^".repeat(4), " ".repeat(51));
        let expected = format!("f:7:1001: wrong\n  |\n7 | …{}…\n  | {spaces}{marks}", at(50, 146));
        assert_eq!(text(&at(1000, 1000), 1001, 4), expected, "both ends are cut");
        let expected = format!("f:7:1001: wrong\n  |\n7 | …{}\n  | {spaces}{marks}", at(50, 0));
        assert_eq!(text(&at(1000, 0), 1001, 4), expected, "the end is near");
        let all = text(&"x".repeat(5000), 1, 5000);
        assert!(all.ends_with(&format!("…\n  | {}", "^".repeat(200))), "{all}");
    }

    #[test]
    fn a_long_message_loses_its_middle() {
        assert_eq!(shortened("é"), "é");
        let long = format!("begin {} end", "é".repeat(5000));
        let short = shortened(&long);
        assert!(short.len() < 1100 && short.starts_with("begin é") && short.ends_with("é end"), "{short}");
    }
}
