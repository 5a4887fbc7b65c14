//! The texts of policies: `*`, `?`, and variables such as `${aws:PrincipalTag/team}`.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>. What a variable
//! stands for counts as plain characters, even if it is a `*`.

use super::context::Context;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// `*`
    Any,
    /// `?`
    One,
    Char(char),
}

/// A text with its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

impl Pattern {
    /// `text` for one request; none if it has a variable that the request has no value for. Policies of the older
    /// version have no variables.
    pub(super) fn fill(text: &str, variables: bool, context: &Context) -> Option<Self> {
        let mut pieces = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if variables
                && let Some((name, after)) = rest.strip_prefix("${").and_then(|rest| rest.split_once('}'))
            {
                let value = value_of(name, context)?;
                pieces.extend(value.chars().map(Piece::Char));
                rest = after;
                continue;
            }
            pieces.push(match c {
                '*' => Piece::Any,
                '?' => Piece::One,
                c => Piece::Char(c),
            });
            rest = &rest[c.len_utf8()..];
        }
        Some(Self(pieces))
    }

    /// Whether all of `text` matches. Goes back to the last `*` only, so the time is at most the product of the
    /// lengths.
    pub(super) fn matches(&self, text: &str) -> bool {
        run(&self.0, text)
    }

    /// As [`matches`](Self::matches), for ARNs: each of their six parts by itself, so that a `*` in one does not
    /// reach into the next.
    pub(super) fn matches_arn(&self, arn: &str) -> bool {
        let pattern: Vec<&[Piece]> = self.0.splitn(6, |piece| *piece == Piece::Char(':')).collect();
        let arn: Vec<&str> = arn.splitn(6, ':').collect();
        pattern.len() == arn.len() && pattern.iter().zip(&arn).all(|(pattern, part)| run(pattern, part))
    }

    /// Whether `text` is this very text; `*` and `?` stand for themselves.
    pub(super) fn is(&self, text: &str, ignore_case: bool) -> bool {
        let own: String = self
            .0
            .iter()
            .map(|piece| match piece {
                Piece::Any => '*',
                Piece::One => '?',
                Piece::Char(c) => *c,
            })
            .collect();
        if ignore_case { own.to_lowercase() == text.to_lowercase() } else { own == text }
    }
}

fn run(pattern: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Any) => {
                star = Some((p, t));
                p += 1;
            }
            Some(piece) if matches!(piece, Piece::One) || *piece == Piece::Char(text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|piece| *piece == Piece::Any)
}

/// What `${name}` stands for: `${*}`, `${?}` and `${$}` are those characters; `${key, 'x'}` has a default.
fn value_of<'a>(name: &'a str, context: &'a Context) -> Option<&'a str> {
    if matches!(name, "*" | "?" | "$") {
        return Some(name);
    }
    let (key, default) = match name.split_once(',') {
        Some((key, default)) => {
            (key, default.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\'')))
        }
        None => (name, None),
    };
    match context.values(key.trim()) {
        Some([only]) => Some(only),
        _ => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context::default().with("aws:PrincipalTag/team", "a*").with("aws:username", "alice")
    }

    #[test]
    fn variables_are_plain_text() {
        let fill = |text: &str| Pattern::fill(text, true, &context());
        let table = [
            ("team/${aws:PrincipalTag/team}/*", "team/a*/x", true),
            ("team/${aws:PrincipalTag/team}/*", "team/ab/x", false),
            ("${aws:USERNAME}", "alice", true),
            ("${aws:nothing, 'bob'}", "bob", true),
            ("a${*}b", "a*b", true),
            ("a${*}b", "axb", false),
            ("a$b", "a$b", true),
            ("a?c*", "abcd", true),
            ("a?c*", "ac", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(fill(pattern).unwrap().matches(text), expected, "{pattern} and {text}");
        }
        assert_eq!(fill("${aws:nothing}"), None, "a variable without a value matches nothing");
        let old = Pattern::fill("${aws:username}", false, &context()).unwrap();
        assert!(old.is("${aws:username}", false), "the older version has no variables");
    }

    #[test]
    fn arns_match_part_by_part() {
        let matches = |pattern: &str, arn: &str| {
            Pattern::fill(pattern, true, &Context::default()).unwrap().matches_arn(arn)
        };
        assert!(matches("arn:aws:ecr:*:1:repository/a:*", "arn:aws:ecr:us-east-1:1:repository/a:b"));
        assert!(!matches("arn:aws:*:repository/a", "arn:aws:ecr:us-east-1:1:repository/a"));
        assert!(!matches("*", "arn:aws:ecr:us-east-1:1:repository/a"));
    }
}
