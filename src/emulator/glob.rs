//! The one kind of pattern that ECR, IAM and the faults use: `*` for any characters, and, for IAM, `?` for one.

/// Whether the whole of `text` matches `pattern`, in which `*` stands for any characters.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    run(pattern, text, false)
}

/// As IAM's `StringLike`: besides `*`, `?` stands for exactly one character.
pub(super) fn matches_like(pattern: &str, text: &str) -> bool {
    run(pattern, text, true)
}

/// Goes back to the last `*` only, so the time is at most the product of the lengths.
fn run(pattern: &str, text: &str, question_mark: bool) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == text[t] || question_mark && c == '?' => {
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
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_text_and_stars() {
        assert!(matches("prod-*", "prod-1"));
        assert!(matches("*", ""));
        assert!(matches("a*b*c", "a__b_b__c"));
        assert!(!matches("prod", "prod-1"));
        assert!(!matches("a*b", "a_b_"));
        assert!(!matches("a?", "ab"));
        assert!(matches_like("a?", "ab"));
        assert!(matches_like("repo:consign/demo:*", "repo:consign/demo:ref:refs/heads/main"));
    }
}
