//! Policies as JSON documents: reading one, and whether two say the same. ECR gives a policy back written anew, so texts
//! can't be compared.

use crate::base::human;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Characters of a repository's policy
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html>).
pub const MAX_POLICY: usize = 10_240;

/// A text that is a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    text: String,
    value: Value,
}

/// A text is no JSON object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {what}")]
pub struct NotADocument {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
}

impl Document {
    /// Reads `text`, which is sent as it is.
    pub fn parse(text: &str) -> Result<Self, NotADocument> {
        let text = text.trim_start_matches('\u{feff}');
        let wrong = |line, column, what| NotADocument { line, column, what };
        let value: Value = serde_json::from_str(text).map_err(|error| {
            // The place is told anyway.
            let shown = error.to_string();
            let what = shown.split(" at line ").next().unwrap_or_default().to_owned();
            let line = error.line().max(1);
            let before = text.lines().nth(line - 1).unwrap_or_default();
            let bytes = before.floor_char_boundary(error.column().saturating_sub(1));
            wrong(line, before[..bytes].chars().count() + 1, what)
        })?;
        if value.is_object() {
            return Ok(Self { text: text.to_owned(), value });
        }
        Err(wrong(1, 1, "a policy is a JSON object, in braces".into()))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Self {
        Self { text: value.to_string(), value }
    }
}

/// The two kinds of policy that a repository has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// Who may do what.
    Access,
    /// Which images go, and when.
    Lifecycle,
}

impl PolicyKind {
    /// Whether `text` says what `wanted` does.
    pub fn is_same(self, text: &str, wanted: &Document) -> bool {
        let Ok(value) = serde_json::from_str::<Value>(text) else { return text == wanted.text };
        match self {
            Self::Access => access(&value) == access(&wanted.value),
            Self::Lifecycle => lifecycle(&value) == lifecycle(&wanted.value),
        }
    }

    /// `2 statements`, `1 rule`; for people.
    pub fn size(self, value: &Value) -> String {
        let (member, noun) = match self {
            Self::Access => ("Statement", "statement"),
            Self::Lifecycle => ("rules", "rule"),
        };
        let count = match &value[member] {
            Value::Array(all) => all.len(),
            Value::Null => 0,
            _ => 1,
        };
        human::count(count, noun)
    }
}

/// A value in which neither the order of keys nor, where it has no meaning, that of elements can be told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    Null,
    /// A text, or what stands for one.
    Text(String),
    List(Vec<Meaning>),
    Set(BTreeSet<Meaning>),
    Map(BTreeMap<String, Meaning>),
}

/// Of `value`, without any knowledge of what it is.
fn plain(value: &Value) -> Meaning {
    match value {
        Value::Null => Meaning::Null,
        // In IAM's language, `true` and `"true"` are one; a lifecycle policy with a text for a number was refused by ECR.
        Value::Bool(_) | Value::Number(_) => Meaning::Text(value.to_string()),
        Value::String(text) => Meaning::Text(text.clone()),
        Value::Array(items) => Meaning::List(items.iter().map(plain).collect()),
        Value::Object(map) => {
            Meaning::Map(map.iter().map(|(key, value)| (key.clone(), plain(value))).collect())
        }
    }
}

/// `value` as a set: of one if it is no list.
fn set(value: &Value, element: impl Fn(&Value) -> Meaning) -> Meaning {
    Meaning::Set(match value {
        Value::Array(items) => items.iter().map(element).collect(),
        one => BTreeSet::from([element(one)]),
    })
}

fn members(value: &Value, member: impl Fn(&str, &Value) -> (String, Meaning)) -> Meaning {
    match value {
        Value::Object(map) => Meaning::Map(map.iter().map(|(key, value)| member(key, value)).collect()),
        other => plain(other),
    }
}

/// A policy in IAM's language (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>): one
/// element may stand for a list of one, the order of a list has no meaning, and actions may be written in any case.
fn access(value: &Value) -> Meaning {
    let mut meaning = members(value, |key, value| {
        let meaning = if key == "Statement" { set(value, statement) } else { plain(value) };
        (key.to_owned(), meaning)
    });
    if let Meaning::Map(map) = &mut meaning {
        // So it is by the grammar.
        map.entry("Version".into()).or_insert_with(|| Meaning::Text("2008-10-17".into()));
    }
    meaning
}

fn statement(value: &Value) -> Meaning {
    members(value, |key, value| {
        let meaning = match key {
            "Action" | "NotAction" => set(value, |action| match action {
                Value::String(text) => Meaning::Text(text.to_lowercase()),
                other => plain(other),
            }),
            "Resource" | "NotResource" => set(value, plain),
            "Principal" | "NotPrincipal" => principal(value),
            "Condition" => members(value, |operator, keys| {
                let keys = members(keys, |key, values| (key.to_lowercase(), set(values, plain)));
                (operator.to_owned(), keys)
            }),
            _ => plain(value),
        };
        (key.to_owned(), meaning)
    })
}

/// `"*"` is `{"AWS": "*"}`, and an account is the same as its root.
fn principal(value: &Value) -> Meaning {
    let account = |name: &Value| match name {
        Value::String(text) => Meaning::Text(root_account(text).unwrap_or(text).to_owned()),
        other => plain(other),
    };
    match value {
        Value::String(_) => Meaning::Map(BTreeMap::from([("AWS".into(), set(value, account))])),
        _ => members(value, |kind, names| (kind.to_owned(), set(names, account))),
    }
}

/// The account of `arn:PARTITION:iam::ACCOUNT:root`.
fn root_account(arn: &str) -> Option<&str> {
    let account = arn.strip_prefix("arn:")?.split_once(":iam::")?.1.strip_suffix(":root")?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(account)
}

/// A lifecycle policy (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>): rules
/// have priorities, so their order has no meaning, nor has that of the tags that a rule is about.
fn lifecycle(value: &Value) -> Meaning {
    let selection = |value: &Value| {
        members(value, |key, value| {
            let is_set = matches!(key, "tagPrefixList" | "tagPatternList");
            (key.to_owned(), if is_set { set(value, plain) } else { plain(value) })
        })
    };
    let rule = |value: &Value| {
        members(value, |key, value| {
            (key.to_owned(), if key == "selection" { selection(value) } else { plain(value) })
        })
    };
    members(value, |key, value| {
        (key.to_owned(), if key == "rules" { set(value, rule) } else { plain(value) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(kind: PolicyKind, one: &str, other: &str) -> bool {
        let forth = kind.is_same(one, &Document::parse(other).unwrap());
        assert_eq!(forth, kind.is_same(other, &Document::parse(one).unwrap()), "{one} {other}");
        forth
    }

    #[test]
    fn policies_that_say_the_same() {
        let one = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"ecr:BatchGetImage",
            "Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"},"Bool":{"aws:SecureTransport":true}}}}"#;
        let other = r#"{"Version":"2008-10-17","Statement":[{"Action":["ECR:BatchGetImage"],
            "Principal":{"AWS":["arn:aws:iam::123456789012:root"]},"Effect":"Allow",
            "Condition":{"Bool":{"aws:SecureTransport":["true"]},"StringEquals":{"aws:principalorgid":["o-1"]}}}]}"#;
        assert!(same(PolicyKind::Access, one, other));
        let anybody =
            r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":["ecr:b","ecr:a"]},{"Sid":"x"}]}"#;
        let again = r#"{"Statement":[{"Sid":"x"},{"Effect":"Deny","Principal":{"AWS":"*"},"Action":["ecr:a","ecr:b"]}]}"#;
        assert!(same(PolicyKind::Access, anybody, again));
        for (from, to) in [
            ("o-1", "o-2"),
            ("Allow", "Deny"),
            ("123456789012", "123456789013"),
            ("ecr:B", "ecr:P"),
            ("AWS", "Service"),
        ] {
            assert!(!same(PolicyKind::Access, one, &one.replace(from, to)), "{from}");
        }
        assert!(!same(PolicyKind::Access, one, &one.replacen('{', r#"{"Version":"2012-10-17","#, 1)));
    }

    #[test]
    fn lifecycle_policies_that_say_the_same() {
        let one = r#"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"tagged","tagPrefixList":["a","b"],
            "countType":"imageCountMoreThan","countNumber":3},"action":{"type":"expire"}},
            {"rulePriority":2,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":9},
            "action":{"type":"expire"}}]}"#;
        let other = r#"{"rules":[{"action":{"type":"expire"},"rulePriority":2,"selection":{"countNumber":9,
            "tagStatus":"any","countType":"imageCountMoreThan"}},{"rulePriority":1,"action":{"type":"expire"},
            "selection":{"tagPrefixList":["b","a"],"tagStatus":"tagged","countType":"imageCountMoreThan","countNumber":3}}]}"#;
        assert!(same(PolicyKind::Lifecycle, one, other));
        assert!(!same(PolicyKind::Lifecycle, one, &other.replace(":9", ":8")));
        assert_eq!(PolicyKind::Lifecycle.size(&serde_json::from_str(one).unwrap()), "2 rules");
    }

    #[test]
    fn what_is_no_document() {
        let wrong = |text: &str| Document::parse(text).unwrap_err().to_string();
        assert_eq!(wrong(""), "1:1: EOF while parsing a value");
        assert_eq!(wrong("{\n  \"é\": 1,,\n}"), "2:10: key must be a string");
        assert_eq!(wrong("[]"), "1:1: a policy is a JSON object, in braces");
        assert!(Document::parse("\u{feff}{}").is_ok());
        assert!(!PolicyKind::Access.is_same("nonsense", &Document::parse("{}").unwrap()));
    }
}
