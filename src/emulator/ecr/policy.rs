//! Policy documents of repositories and registries: whether a text is one, and what a registry's policy lets
//! other accounts do.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html> and
//! `registry-permissions.html` beside it.

use super::super::error::ApiError;
use super::super::glob;
use serde_json::{Map, Value};

/// Characters of a policy, at most.
const MAX_POLICY: usize = 10_240;

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attached {
    /// Its statements name no resource: that is the repository.
    Repository,
    Registry,
}

/// Checks a policy's text, and gives it back.
pub(super) fn check(text: Option<String>, attached: Attached) -> Result<String, ApiError> {
    let text = super::validate::required("policyText", text)?;
    super::validate::count("policyText", text.chars().count(), 0, MAX_POLICY)?;
    let what = match attached {
        Attached::Repository => "Invalid repository policy provided",
        Attached::Registry => "Invalid registry policy provided",
    };
    let document: Option<Value> = serde_json::from_str(&text).ok();
    let legal =
        document.as_ref().and_then(Value::as_object).is_some_and(|document| is_policy(document, attached));
    if legal { Ok(text) } else { Err(ApiError::invalid_parameter("PolicyText", what)) }
}

fn is_policy(document: &Map<String, Value>, attached: Attached) -> bool {
    let version = document.get("Version").is_none_or(|it| it == "2012-10-17" || it == "2008-10-17");
    let id = document.get("Id").is_none_or(Value::is_string);
    let known = document.keys().all(|key| ["Version", "Id", "Statement"].contains(&key.as_str()));
    let statements = statements(document);
    version && id && known && !statements.is_empty() && statements.iter().all(|it| is_statement(it, attached))
}

fn statements(document: &Map<String, Value>) -> Vec<&Value> {
    match document.get("Statement") {
        Some(Value::Array(all)) => all.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => Vec::new(),
    }
}

fn is_statement(statement: &Value, attached: Attached) -> bool {
    const KEYS: [&str; 9] = [
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let Some(statement) = statement.as_object() else { return false };
    let has = |key: &str| statement.contains_key(key);
    let resource = has("Resource") || has("NotResource");
    statement.keys().all(|key| KEYS.contains(&key.as_str()))
        && matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"))
        && has("Principal") != has("NotPrincipal")
        && has("Action") != has("NotAction")
        && resource == (attached == Attached::Registry)
        && statement.get("Sid").is_none_or(Value::is_string)
        && statement.get("Condition").is_none_or(Value::is_object)
        && ["Principal", "NotPrincipal"].iter().filter_map(|key| statement.get(*key)).all(is_principal)
        && ["Action", "NotAction"].iter().filter_map(|key| statement.get(*key)).all(|actions| {
            let actions = texts(actions);
            !actions.is_empty()
                && actions.iter().all(|action| *action == "*" || action.to_lowercase().starts_with("ecr:"))
        })
}

fn is_principal(principal: &Value) -> bool {
    match principal {
        Value::String(text) => text == "*",
        Value::Object(kinds) => {
            !kinds.is_empty()
                && kinds.iter().all(|(kind, names)| {
                    ["AWS", "Service", "Federated"].contains(&kind.as_str()) && !texts(names).is_empty()
                })
        }
        _ => false,
    }
}

/// One text or many; nothing if one of them is none.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(all) => {
            let texts: Option<Vec<&str>> = all.iter().map(Value::as_str).collect();
            texts.unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn names_account(statement: &Value, account: &str) -> bool {
    match &statement["Principal"] {
        Value::String(text) => text == "*",
        principal => texts(&principal["AWS"])
            .iter()
            .any(|name| *name == "*" || *name == account || **name == format!("arn:aws:iam::{account}:root")),
    }
}

fn covers(statement: &Value, action: &str) -> bool {
    let actions = texts(&statement["Action"]);
    actions.iter().any(|pattern| glob::matches_like(&pattern.to_lowercase(), &action.to_lowercase()))
}

/// Whether the policy of a repository keeps the callers of `account` from ever setting another.
pub(super) fn locks_out(text: &str, account: &str) -> bool {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    document.as_object().is_some_and(|document| {
        statements(document).into_iter().any(|statement| {
            statement["Effect"] == "Deny"
                && statement.get("Condition").is_none()
                && names_account(statement, account)
                && covers(statement, "ecr:SetRepositoryPolicy")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLICATION: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"r","Effect":"Allow",
        "Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["ecr:CreateRepository","ecr:ReplicateImage"],
        "Resource":["arn:aws:ecr:us-east-1:123456789012:repository/shop/*"]}]}"#;

    #[test]
    fn texts_that_are_policies_and_texts_that_are_not() {
        let repository = REPLICATION.replace(
            r#","Action":["ecr:CreateRepository","ecr:ReplicateImage"],
        "Resource":["arn:aws:ecr:us-east-1:123456789012:repository/shop/*"]"#,
            r#","Action":"ecr:BatchGetImage""#,
        );
        assert!(check(Some(REPLICATION.into()), Attached::Registry).is_ok());
        assert!(check(Some(REPLICATION.into()), Attached::Repository).is_err(), "a resource");
        assert!(check(Some(repository.clone()), Attached::Repository).is_ok());
        assert!(check(Some(repository.clone()), Attached::Registry).is_err(), "no resource");
        for (from, to) in [
            ("Allow", "Perhaps"),
            ("ecr:Batch", "s3:Get"),
            ("\"AWS\"", "\"GCP\""),
            ("2012", "2013"),
            ("Sid", "Side"),
            ("{\"Version", "[{\"Version"),
        ] {
            let error = check(Some(repository.replace(from, to)), Attached::Repository).unwrap_err();
            assert!(error.message.contains("'PolicyText'"), "{from}: {}", error.message);
        }
        assert_eq!(
            check(Some("nonsense".into()), Attached::Repository).unwrap_err().message,
            "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'"
        );
    }
}
