//! What is wrong with a text that says what to build, shown as compilers do.

use crate::base::{Failure, Kind};
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
        let Self { line, column, width, source_line, message, hint } = self;
        let gutter = " ".repeat(line.to_string().len());
        // What stands before is repeated as white space of the same width, tabs included.
        let indent: String =
            source_line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let missing = " ".repeat((column - 1).saturating_sub(indent.chars().count()));
        let marks = "^".repeat(*width);
        let hint = hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!(
            "{}:{line}:{column}: {message}\n{gutter} |\n{line} | {source_line}\n{gutter} | {indent}{missing}{marks}{hint}",
            file.display()
        )
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
