//! Patterns for paths as Go's [`filepath.Match`](https://pkg.go.dev/path/filepath#Match) reads them, which are those
//! in the sources of a COPY: `*` and `?` stop at a `/`, and there is no `**`.

use super::glob::{Glob, GlobError};

/// A pattern that has to match all of a path.
#[derive(Debug, Clone)]
pub struct Wildcard(Glob);

impl Wildcard {
    /// Reads a pattern.
    pub fn new(pattern: &[u8]) -> Result<Self, GlobError> {
        Glob::within(pattern).map(Self)
    }

    /// Whether the path is one of those that are meant.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.0.matches(path)
    }

    /// Whether something below this directory may be.
    pub fn may_match_below(&self, directory: &[u8]) -> bool {
        self.0.may_match_below(directory)
    }
}

/// Whether a text is more than a plain path.
pub fn is_wildcard(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_does() {
        for (pattern, path, expected) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "d/a.txt", false),
            ("*/*.txt", "d/a.txt", true),
            ("**", "a", true),
            ("**", "a/b", false),
            ("a**b", "axxb", true),
            ("**/b", "a/b", true),
            ("**/b", "b", false),
            ("a?c", "abc", true),
            ("a?c", "aüc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            (r"\*", "*", true),
            (r"\*", "a", false),
            ("a*", "a", true),
            ("*", "", true),
        ] {
            let found = Wildcard::new(pattern.as_bytes()).unwrap().matches(path.as_bytes());
            assert_eq!(found, expected, "{pattern} {path}");
        }
        assert!(
            Wildcard::new(b"[a").is_err() && Wildcard::new(b"[]").is_err() && Wildcard::new(b"a\\").is_err()
        );
        assert!(is_wildcard(b"a*") && is_wildcard(b"[a]") && !is_wildcard(br"a\*") && !is_wildcard(b"a\\"));
    }
}
