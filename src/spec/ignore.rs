//! Patterns that choose files: `.dockerignore`, and `include` and `exclude` of a `consign.yaml`.
//!
//! The meaning is that of `docker build`: what [moby/patternmatcher] decides while the context is walked from the
//! top, each entry knowing what its directory matched:
//!
//! - the last pattern that matches wins; `!` turns it round;
//! - a pattern that matches a directory matches all below it;
//! - `?` is one character and `*` any number of them, but not `/`; `**` is any number of directories;
//! - `[a-z]` and `[^a-z]` are one character of a set, `\` takes the meaning from the next character;
//! - `**name` is a plain suffix and `name**` a plain prefix, as long as nothing else in it is special.
//!
//! One trait of that walk shows in the result: a `!` pattern that matches a directory that was not excluded has
//! nothing to do there, and what is below does not hear of it. So `**/b` and then `!a` leaves `a/b` out. A
//! `.dockerignore` is read so too, since an image must not depend on who builds it; the lists of a
//! `consign.yaml` do what they say, and keep `a/b`.
//!
//! moby gets there through a regular expression, and what that makes of a few characters nobody can mean: `^`
//! outside of a set, `*` and `?` in a set, `\d` as a digit, names with a line feed that `**` does not match.
//! Here each of these characters stands for itself, and a line feed is a character like any other.
//!
//! [moby/patternmatcher]: https://github.com/moby/patternmatcher

use super::glob::Glob;

pub use super::glob::GlobError;

/// Patterns in their order. The path that is asked about is relative, its components joined by `/`.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
    /// Whether a pattern that changes nothing for a directory is not handed down, as with moby.
    forgets: bool,
}

#[derive(Debug, Clone)]
struct Pattern {
    negated: bool,
    glob: Glob,
}

/// Which patterns match a directory, and so all below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matched(Vec<bool>);

/// Why a pattern is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{pattern}` is not a pattern: {reason}")]
pub struct PatternError {
    /// The line, or the position in a list, from 1.
    pub line: usize,
    /// As it was written; what is not UTF-8 is replaced.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: GlobError,
}

impl Patterns {
    /// Reads a `.dockerignore`: a pattern a line; lines that start with `#` and empty ones say nothing. Bytes,
    /// because the names in it need not be UTF-8.
    pub fn parse(text: &[u8]) -> Result<Self, PatternError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let lines = text.split(|byte| *byte == b'\n').enumerate();
        let lines = lines.filter(|(_, line)| !line.starts_with(b"#")).map(|(index, line)| (index + 1, line));
        Ok(Self { patterns: collect(lines)?, forgets: true })
    }

    /// Takes each text as one pattern; `#` is nothing special.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, PatternError> {
        let patterns: Vec<S> = patterns.into_iter().collect();
        let lines = patterns.iter().enumerate().map(|(index, text)| (index + 1, text.as_ref().as_bytes()));
        Ok(Self { patterns: collect(lines)?, forgets: false })
    }

    /// The same, read as BuildKit reads the lists of its flags: as a `.dockerignore`.
    pub fn of_flags<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, PatternError> {
        Ok(Self { forgets: true, ..Self::new(patterns)? })
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether `path` is matched, all else unknown. A walk uses [`enter`](Self::enter) and
    /// [`decide`](Self::decide), which do not start from the top each time.
    pub fn excludes(&self, path: &[u8]) -> bool {
        let mut above = self.root();
        let mut answer = false;
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(index, _)| index);
        for end in ends.chain([path.len()]) {
            (answer, above) = self.enter(&above, &path[..end]);
        }
        answer
    }

    /// What the root matches: nothing.
    pub fn root(&self) -> Matched {
        Matched(vec![false; self.patterns.len()])
    }

    /// Whether the directory `path` is matched, and what to ask about all in it with. `above` belongs to the
    /// directory that it is in.
    pub fn enter(&self, above: &Matched, path: &[u8]) -> (bool, Matched) {
        let mut own = Vec::with_capacity(self.patterns.len());
        let answer = self.walk(above, path, !self.forgets, |matches| own.push(matches));
        (answer, Matched(own))
    }

    /// Whether `path`, which is not a directory, is matched.
    pub fn decide(&self, above: &Matched, path: &[u8]) -> bool {
        self.walk(above, path, false, |_| ())
    }

    /// Tries the patterns in order. Those that could change nothing are tried only if `all` are asked for;
    /// else they count as not matching.
    fn walk(&self, above: &Matched, path: &[u8], all: bool, mut note: impl FnMut(bool)) -> bool {
        let mut answer = false;
        for (pattern, inherited) in self.patterns.iter().zip(&above.0) {
            let matches = *inherited || ((all || pattern.negated == answer) && pattern.glob.matches(path));
            note(matches);
            if matches {
                answer = !pattern.negated;
            }
        }
        answer
    }

    /// Whether something below `directory`, whose own answer is `answer`, may get the other answer. If not,
    /// there is no need to look into it.
    pub fn may_differ_below(&self, directory: &[u8], answer: bool) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.negated == answer && pattern.glob.may_match_below(directory))
    }
}

fn collect<'a>(lines: impl Iterator<Item = (usize, &'a [u8])>) -> Result<Vec<Pattern>, PatternError> {
    let mut patterns = Vec::new();
    for (line, text) in lines {
        let text = trim(text);
        let fail =
            |reason| PatternError { line, pattern: String::from_utf8_lossy(text).into_owned(), reason };
        let Some(cleaned) = clean_line(text) else { continue };
        let (negated, body) = match cleaned.strip_prefix(b"!") {
            Some([]) => return Err(fail(GlobError::LoneNegation)),
            Some(rest) => (true, rest),
            None => (false, &*cleaned),
        };
        let glob = Glob::new(body).map_err(fail)?;
        patterns.push(Pattern { negated, glob });
    }
    Ok(patterns)
}

/// A trimmed line in the form that is matched, `!` in front of it if it has one; none if it says nothing.
///
/// moby does this in two steps, one when it reads the file and one when it makes the matcher, each with a trim
/// and a clean. What the second one finds (`/ a` is `a`, `!/` is a lone `!`) counts, so here are both.
fn clean_line(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() {
        return None;
    }
    let (mark, body) = match text.strip_prefix(b"!") {
        Some(rest) => (&b"!"[..], trim(rest)),
        None => (&b""[..], text),
    };
    let mut first = mark.to_vec();
    if !body.is_empty() {
        let cleaned = clean(body);
        first.extend_from_slice(
            cleaned.strip_prefix(b"/").filter(|rest| !rest.is_empty()).unwrap_or(&cleaned),
        );
    }
    let second = trim(&first);
    (!second.is_empty()).then(|| clean(second))
}

/// Without white space at both ends. What is not UTF-8 is no white space.
fn trim(text: &[u8]) -> &[u8] {
    match std::str::from_utf8(text) {
        Ok(text) => text.trim().as_bytes(),
        Err(_) => text.trim_ascii(),
    }
}

/// The shortest path that means the same; `.` if nothing is left. As Go's `filepath.Clean`.
fn clean(pattern: &[u8]) -> Vec<u8> {
    let absolute = pattern.starts_with(b"/");
    let mut components: Vec<&[u8]> = Vec::new();
    for component in pattern.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => match components.last() {
                Some(last) if *last != b".." => {
                    components.pop();
                }
                None if absolute => {}
                _ => components.push(component),
            },
            _ => components.push(component),
        }
    }
    let joined = components.join(&b'/');
    match (absolute, joined.is_empty()) {
        (true, _) => [b"/", &joined[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests;
