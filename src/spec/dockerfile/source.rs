//! The text of a Dockerfile, places in it, and what is wrong at them.

use crate::spec::problem::{Problem, SpecError};
use std::path::PathBuf;

/// A part of the text, in bytes. It may go over several lines where a word is continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte behind the last one.
    pub end: usize,
}

/// A file and where its lines begin.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) text: String,
    starts: Vec<usize>,
}

/// Something that is wrong at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// What is wrong with one file, as it is found. More than a reader could take in is only counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    list: Vec<Fault>,
    more: usize,
}

/// So many problems are told of one file.
const MOST_PROBLEMS: usize = 100;

impl Source {
    /// `text` has no byte order mark any more.
    pub(super) fn new(file: PathBuf, text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(index, _)| index + 1);
        Self { file, text: text.to_owned(), starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The line, from 1, that `offset` is in.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// All of a line, without its line break; `line` counts from 1.
    pub(super) fn line_span(&self, line: usize) -> Span {
        let start = self.starts.get(line - 1).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line).copied().unwrap_or(self.text.len());
        let kept = self.text[start..end].trim_end_matches(['\r', '\n']).len();
        Span { start, end: start + kept }
    }

    /// What is wrong at `span`, as it is shown.
    pub(super) fn problem(&self, span: Span, message: String, hint: Option<String>) -> Problem {
        let line = self.line(span.start);
        let whole = self.line_span(line);
        let source_line = &self.text[whole.start..whole.end];
        // A span may begin in the line break: at the end of what was expected to go on.
        let start = self.text.floor_char_boundary(span.start.clamp(whole.start, whole.end));
        let end = self.text.floor_char_boundary(span.end.clamp(start, whole.end));
        Problem {
            line,
            column: self.text[whole.start..start].chars().count() + 1,
            width: self.text[start..end].chars().count().max(1),
            source_line: source_line.to_owned(),
            message,
            hint,
        }
    }
}

impl Faults {
    /// Takes note of a fault.
    pub(super) fn add(&mut self, span: Span, message: impl Into<String>) {
        self.push(Fault { span, message: message.into(), hint: None });
    }

    /// The same with what to do about it.
    pub(super) fn hinted(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Fault { span, message: message.into(), hint: Some(hint.into()) });
    }

    pub(super) fn push(&mut self, fault: Fault) {
        if self.list.len() < MOST_PROBLEMS {
            self.list.push(fault);
        } else {
            self.more += 1;
        }
    }

    /// Takes over what another round has found.
    pub(super) fn append(&mut self, other: Self) {
        other.list.into_iter().for_each(|fault| self.push(fault));
        self.more += other.more;
    }

    /// Takes note of a fault, if it is one.
    pub(super) fn add_some(&mut self, span: Span, message: Option<String>) {
        if let Some(message) = message {
            self.add(span, message);
        }
    }

    /// How many were noted.
    pub(super) fn count(&self) -> usize {
        self.list.len() + self.more
    }

    pub(super) fn into_list(self) -> Vec<Fault> {
        self.list
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The error that they add up to; none if there are none.
    pub(super) fn into_error(mut self, source: &Source) -> Option<SpecError> {
        if let (Some(last), 1..) = (self.list.last_mut(), self.more) {
            let more = format!("{} more problems are not shown", self.more);
            last.hint = Some(last.hint.take().map_or(more.clone(), |hint| format!("{hint}; {more}")));
        }
        if self.list.is_empty() {
            return None;
        }
        let problem = |Fault { span, message, hint }| source.problem(span, message, hint);
        Some(SpecError::new(&source.file, self.list.into_iter().map(problem).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let source = Source::new("Dockerfile".into(), "FROM a\r\n\tRUN ü b\n");
        let problem = |start, end| {
            let problem = source.problem(Span { start, end }, "x".into(), None);
            (problem.line, problem.column, problem.width, problem.source_line)
        };
        assert_eq!(problem(5, 6), (1, 6, 1, "FROM a".into()));
        assert_eq!(problem(13, 15), (2, 6, 1, "\tRUN ü b".into()));
        // From one line into the next: the rest of the first is meant.
        assert_eq!(problem(5, 12), (1, 6, 1, "FROM a".into()));
        // In the line break, and behind the end.
        assert_eq!(problem(7, 7), (1, 7, 1, "FROM a".into()));
        assert_eq!(problem(18, 18), (3, 1, 1, String::new()));
    }

    #[test]
    fn many_problems_are_counted() {
        let mut faults = Faults::default();
        (0..MOST_PROBLEMS + 7).for_each(|_| faults.add(Span::default(), "no"));
        let error = faults.into_error(&Source::new("f".into(), "x")).unwrap();
        assert_eq!(error.problems.len(), MOST_PROBLEMS);
        assert!(error.to_string().ends_with("hint: 7 more problems are not shown"), "{error}");
    }
}
