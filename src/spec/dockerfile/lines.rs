//! Physical lines into logical ones: parser directives, comments, continued lines, here-documents.
//!
//! The rules, all of `docker/dockerfile:1`: <https://docs.docker.com/reference/dockerfile/#parser-directives> and
//! `#format`, `#escape`, `#here-documents` of the same page. Where the page is silent, BuildKit's parser decides.

use super::source::{Faults, Span};
use std::ops::Range;

/// What the comments at the very top of the file set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    /// The character that continues lines and takes the meaning from others: `\` or `` ` ``.
    pub escape: char,
    /// The frontend that the file asks for: `docker/dockerfile:1`.
    pub syntax: Option<Directive>,
    /// Which checks the file asks for.
    pub check: Option<Directive>,
}

/// A directive's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Up to the first space.
    pub value: String,
    /// The whole line.
    pub span: Span,
}

/// An instruction, put together from its lines.
#[derive(Debug)]
pub(super) struct Logical {
    pub(super) text: Joined,
    /// The comments right above it.
    pub(super) comments: Vec<String>,
    /// Its first line and its last, from 1, without here-documents.
    pub(super) lines: (usize, usize),
    /// Whether a line in it is blank.
    pub(super) has_blank_line: bool,
}

/// Text that was put together from pieces of the file.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub(super) text: String,
    /// Where each piece begins, here and in the file.
    pieces: Vec<(usize, usize)>,
    /// What all of it stands for, if it is not in the file.
    whole: Option<Span>,
}

impl Joined {
    /// Text that begins at `offset`.
    fn at(offset: usize) -> Self {
        Self { pieces: vec![(0, offset)], ..Self::default() }
    }

    fn push(&mut self, piece: &str, offset: usize) {
        if !piece.is_empty() {
            self.pieces.push((self.text.len(), offset));
            self.text.push_str(piece);
        }
    }

    /// A text that is not in the file: whatever is wrong with it is wrong at `span`.
    pub(super) fn elsewhere(self, span: Span) -> Self {
        Self { whole: Some(span), ..self }
    }

    /// Where a part of the text is in the file.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        if let Some(whole) = self.whole {
            return whole;
        }
        if range.is_empty() {
            let at = self.place(range.start);
            return Span { start: at, end: at };
        }
        // The end is that of the last byte, which may be in an earlier piece than the byte behind it.
        Span { start: self.place(range.start), end: self.place(range.end - 1) + 1 }
    }

    fn place(&self, offset: usize) -> usize {
        let index = self.pieces.partition_point(|(here, _)| *here <= offset);
        let (here, there) = index.checked_sub(1).map_or((0, 0), |index| self.pieces[index]);
        there + (offset - here)
    }
}

/// Reads a file line by line.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
    escape: char,
    /// Which directives were there, as long as there may be more.
    directives: Option<Vec<String>>,
    comments: Vec<String>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, offset: 0, line: 0, escape: '\\', directives: Some(Vec::new()), comments: Vec::new() }
    }

    pub(super) fn escape(&self) -> char {
        self.escape
    }

    /// How many lines were read.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The next line with its line break.
    fn physical(&mut self) -> Option<Range<usize>> {
        let rest = &self.text[self.offset..];
        if rest.is_empty() {
            return None;
        }
        let start = self.offset;
        self.offset += rest.find('\n').map_or(rest.len(), |index| index + 1);
        self.line += 1;
        Some(start..self.offset)
    }

    /// The next instruction; none at the end of the file.
    pub(super) fn logical(&mut self, faults: &mut Faults) -> Option<Logical> {
        loop {
            let range = self.physical()?;
            let raw = &self.text[range.clone()];
            let line = raw.trim_end_matches(['\r', '\n']);
            let text = line.trim_start();
            let start = range.start + (line.len() - text.len());
            if text.starts_with('#') {
                let span = Span { start, end: start + text.trim_end().len() };
                if !self.directive(text, span, faults) {
                    self.comment(raw);
                }
                continue;
            }
            self.directives = None;
            if text.is_empty() {
                continue;
            }
            let first = self.line;
            let mut joined = Joined::at(start);
            let mut has_blank_line = false;
            let mut open = self.part(&mut joined, text, start);
            while open {
                let Some(range) = self.physical() else { break };
                let line = self.text[range.clone()].trim_end_matches(['\r', '\n']);
                match line.trim_start().chars().next() {
                    Some('#') => {}
                    None => has_blank_line = true,
                    Some(_) => open = self.part(&mut joined, line, range.start),
                }
            }
            return Some(Logical {
                text: joined,
                comments: std::mem::take(&mut self.comments),
                lines: (first, self.line),
                has_blank_line,
            });
        }
    }

    /// Adds a line, and tells whether it is continued.
    fn part(&self, joined: &mut Joined, line: &str, offset: usize) -> bool {
        match continued(line, self.escape) {
            Some(line) => {
                joined.push(line, offset);
                true
            }
            None => {
                joined.push(line, offset);
                false
            }
        }
    }

    /// A comment, for the instruction below. An empty one separates those above it from that.
    fn comment(&mut self, raw: &str) {
        // BuildKit takes off the first character, whatever it is: an indented comment keeps its `#`.
        let mut characters = raw.chars();
        characters.next();
        match characters.as_str().trim() {
            "" => self.comments.clear(),
            comment => self.comments.push(comment.to_owned()),
        }
    }

    /// Whether a comment is a parser directive. It can be one as long as only directives stand above it.
    fn directive(&mut self, text: &str, span: Span, faults: &mut Faults) -> bool {
        let Some(seen) = &mut self.directives else { return false };
        let Some((name, value)) = directive(&text[1..]) else {
            self.directives = None;
            return false;
        };
        if seen.contains(&name) {
            faults.hinted(span, format!("`{name}` is set twice"), "keep one of the two lines");
            return true;
        }
        match value {
            "\\" | "`" if name == "escape" => self.escape = value.chars().next().unwrap_or('\\'),
            _ if name == "escape" => {
                let message = format!("`{value}` can't be the escape character");
                faults.hinted(span, message, "it is a backslash or a backtick");
            }
            _ => {}
        }
        if let Some(seen) = &mut self.directives {
            seen.push(name);
        }
        true
    }

    /// Reads the lines of a here-document, up to the one that is `name`; with `chomp`, tabs before it are no
    /// part of it. None if there is no such line; then all is read.
    pub(super) fn heredoc(&mut self, name: &str, chomp: bool) -> Option<Span> {
        let start = self.offset;
        while let Some(range) = self.physical() {
            let mut line = self.text[range.clone()].trim_end_matches(['\r', '\n']);
            if chomp {
                line = line.trim_start_matches('\t');
            }
            if line == name {
                return Some(Span { start, end: range.start });
            }
        }
        None
    }
}

/// `line` without what continues it, if it is continued: the escape character at the end, unless there are two.
/// Blanks behind it do not count.
fn continued(line: &str, escape: char) -> Option<&str> {
    let rest = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!rest.ends_with(escape)).then_some(rest)
}

/// Name, in lower case, and value of a directive: `name = value`, where the name is one that is known.
fn directive(text: &str) -> Option<(String, &str)> {
    let (name, value) = text.split_once('=')?;
    let blank = ['\t', '\n', '\x0c', '\r', ' '];
    let name = name.trim_start().trim_end_matches(blank).to_ascii_lowercase();
    let value = value.trim_matches(blank);
    (matches!(name.as_str(), "syntax" | "escape" | "check") && !value.is_empty()).then_some((name, value))
}

/// The directives of a file. `syntax` and `check` are read by BuildKit before it parses the file, by rules that
/// are not quite the same: a first line that begins with `#!` is passed over, and a directive is not indented.
pub(super) fn directives(text: &str, escape: char) -> Directives {
    let mut found = Directives { escape, syntax: None, check: None };
    let mut offset = 0;
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let line = raw.trim_end_matches(['\r', '\n']);
        let span = Span { start: offset, end: offset + line.len() };
        offset += raw.len();
        if index == 0 && line.starts_with("#!") {
            continue;
        }
        let Some((name, value)) = line.strip_prefix('#').and_then(directive) else { break };
        let value = value.split(' ').next().unwrap_or_default().to_owned();
        let slot = match name.as_str() {
            "syntax" => &mut found.syntax,
            "check" => &mut found.check,
            _ => continue,
        };
        if slot.is_some() {
            break;
        }
        *slot = Some(Directive { value, span });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The logical lines of a text, and the file's text at the span of each.
    fn logical(text: &str) -> Vec<String> {
        let (mut reader, mut faults) = (Reader::new(text), Faults::default());
        let lines = std::iter::from_fn(|| reader.logical(&mut faults)).map(|line| line.text.text).collect();
        assert!(faults.is_empty(), "{faults:?}");
        lines
    }

    #[test]
    fn lines_are_continued() {
        for (text, lines) in [
            ("FROM a\nRUN b\n", &["FROM a", "RUN b"][..]),
            ("\n  FROM a  \n\t\n\tRUN b", &["FROM a  ", "RUN b"]),
            ("RUN a \\\n  b \\ \t\n c\n", &["RUN a   b  c"]),
            ("RUN a \\\n# comment\n  # another\nb\n", &["RUN a b"]),
            ("RUN a \\\n\n \t\nb\n", &["RUN a b"]),
            ("RUN a \\\r\n b\r\n", &["RUN a  b"]),
            // Two escape characters, and one that is not at the end.
            ("RUN a \\\\\nRUN b\\ c\n", &["RUN a \\\\", "RUN b\\ c"]),
            ("RUN a \\", &["RUN a "]),
            ("\\\nRUN a", &["RUN a"]),
            ("# escape=`\nRUN a `\n b \\\nRUN c", &["RUN a  b \\", "RUN c"]),
            ("# not first\n# escape=`\nRUN a `\nRUN b", &["RUN a `", "RUN b"]),
            ("# Escape = ` \n# syntax=x\nRUN a `\nb", &["RUN a b"]),
        ] {
            assert_eq!(logical(text), lines, "{text:?}");
        }
    }

    #[test]
    fn spans_lead_back_to_the_file() {
        let text = "# c\nRUN one \\\n# c\n  two\\\nthree\n";
        let joined = Reader::new(text).logical(&mut Faults::default()).unwrap().text;
        assert_eq!(joined.text, "RUN one   twothree");
        for word in ["RUN", "one"] {
            let at = joined.text.find(word).unwrap();
            let span = joined.span(at..at + word.len());
            assert_eq!(&text[span.start..span.end], word);
        }
        let at = joined.text.find("twothree").unwrap();
        let span = joined.span(at..at + 8);
        assert_eq!(&text[span.start..span.end], "two\\\nthree");
    }

    #[test]
    fn comments_stand_above() {
        let text = "# first\n#\n# second\n\n# third\nFROM a\n# fourth\nRUN b \\\n# inside\nc\nRUN d";
        let (mut reader, mut faults) = (Reader::new(text), Faults::default());
        let comments: Vec<_> =
            std::iter::from_fn(|| reader.logical(&mut faults)).map(|line| line.comments).collect();
        assert_eq!(comments, [vec!["second", "third"], vec!["fourth"], vec![]]);
    }

    #[test]
    fn directives_that_do_not_work() {
        let faults = |text: &str| {
            let (mut reader, mut faults) = (Reader::new(text), Faults::default());
            while reader.logical(&mut faults).is_some() {}
            let error = faults.into_error(&super::super::source::Source::new("f".into(), text));
            error.map(|error| error.problems[0].message.clone())
        };
        assert_eq!(faults("# escape=x\n").unwrap(), "`x` can't be the escape character");
        assert_eq!(faults("# syntax=a\n# SYNTAX=b\n").unwrap(), "`syntax` is set twice");
        assert_eq!(faults("# syntax\n# escape=x\n"), None);
        assert_eq!(faults("# other=1\n# escape=x\n"), None);
    }

    #[test]
    fn syntax_and_check() {
        let values = |text| {
            let Directives { syntax, check, .. } = directives(text, '\\');
            (syntax.map(|it| it.value), check.map(|it| it.value))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(values("# syntax=docker/dockerfile:1 x\n#check=skip=all\n"), {
            (some("docker/dockerfile:1"), some("skip=all"))
        });
        assert_eq!(values("#!/usr/bin/env x\n# check = error=true"), (None, some("error=true")));
        assert_eq!(values(" # check=skip=all\n"), (None, None));
        assert_eq!(values("FROM x\n# check=skip=all\n"), (None, None));
    }

    #[test]
    fn heredocs() {
        let text = "RUN <<A <<-B\na\n A\nA\n\tb\n\tB\nRUN c\n";
        let (mut reader, mut faults) = (Reader::new(text), Faults::default());
        reader.logical(&mut faults).unwrap();
        let mut read = |name, chomp| reader.heredoc(name, chomp).map(|span| &text[span.start..span.end]);
        assert_eq!(read("A", false), Some("a\n A\n"));
        assert_eq!(read("B", true), Some("\tb\n"));
        assert_eq!(read("C", true), None);
        assert!(reader.logical(&mut faults).is_none());
    }
}
