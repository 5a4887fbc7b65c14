//! What an ignore file leaves out of the context, for the check of COPY sources.

use crate::spec::ignore::{PatternError, Patterns};

/// The patterns of a `.dockerignore`, and what of them a look at one path does not tell.
#[derive(Debug, Clone)]
pub struct Ignored {
    patterns: Patterns,
    has_exceptions: bool,
    has_all: bool,
}

impl Ignored {
    /// Reads a `.dockerignore`.
    pub fn parse(text: &[u8]) -> Result<Self, PatternError> {
        let lines = || text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        Ok(Self {
            patterns: Patterns::parse(text)?,
            has_exceptions: lines().any(|line| line.starts_with(b"!")),
            has_all: lines().any(|line| matches!(line, b"*" | b"**" | b"**/*")),
        })
    }

    /// The source as it is compared, if a COPY of it finds nothing. With exceptions in the file nothing can be
    /// said: something in a directory that is left out may be there after all.
    pub(super) fn hides(&self, source: &str) -> Option<String> {
        if self.has_exceptions {
            return None;
        }
        let parts = source.split('/').filter(|part| !matches!(*part, "" | "."));
        let cleaned: Vec<&str> = parts.collect();
        let is_root = cleaned.is_empty();
        // BuildKit compares a path with a `/` in front as it stands, and so finds only what hides everything.
        let hidden = if is_root || source.starts_with('/') {
            self.has_all && is_root
        } else {
            self.patterns.excludes(cleaned.join("/").as_bytes())
        };
        hidden.then(|| if is_root { ".".to_owned() } else { cleaned.join("/") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden() {
        let hides =
            |text: &str, source: &str| Ignored::parse(text.as_bytes()).unwrap().hides(source).is_some();
        assert!(hides("node_modules\n", "node_modules/x") && hides("*.md", "./a.md") && hides("a/", "a//b"));
        assert!(!hides("node_modules\n", "src") && !hides("a\n", "/a") && !hides("*.md\n!a.md", "b.md"));
        assert!(hides("*\n", ".") && hides("**", "./") && !hides("a\n", "."));
    }
}
