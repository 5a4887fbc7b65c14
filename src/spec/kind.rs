//! What a file given with `-f` is, told by its content.

/// What a file says what to build in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Dockerfile.
    Dockerfile,
    /// A `consign.yaml`.
    ConsignYaml,
}

/// Tells the two apart by the first line that is neither empty nor a comment. In a Dockerfile that is an
/// instruction, a word with white space behind it; a YAML mapping begins with `key:`, `{` or `---`. So a
/// `consign.yaml` without its `apiVersion`, or with a wrong one, is still one, and gets a message that says so.
pub fn kind(text: &str) -> Kind {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim_end);
    let Some(first) = lines.find(|line| !line.is_empty() && !line.trim_start().starts_with('#')) else {
        return Kind::Dockerfile;
    };
    let key = |line: &str| {
        let word = line.trim_start_matches(['"', '\'']);
        let length = word.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(word.len());
        let rest = word[length..].trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
        length > 0
            && rest.strip_prefix(':').is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    };
    if first.starts_with("---") || first.starts_with("%YAML") || first.starts_with('{') || key(first) {
        Kind::ConsignYaml
    } else {
        Kind::Dockerfile
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_first_line_that_says_something() {
        for text in [
            "apiVersion: consign/v1\n",
            "\u{feff}# a comment\n\n\"apiVersion\" : consign/v1",
            "---\napiVersion: consign/v1",
            "{apiVersion: consign/v1}",
            "layers:\n- from: .\n  to: /app\n",
        ] {
            assert_eq!(kind(text), Kind::ConsignYaml, "{text}");
        }
        for text in [
            "",
            "# syntax=docker/dockerfile:1\nFROM scratch\n",
            "FROM node:22\nLABEL apiVersion: consign/v1",
            "ARG a=b: c\nFROM scratch",
            "FROM scratch\nCOPY <<EOF /x\napiVersion: consign/v1\nEOF\n",
        ] {
            assert_eq!(kind(text), Kind::Dockerfile, "{text}");
        }
    }
}
