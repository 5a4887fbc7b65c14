//! The text of a lifecycle policy: its whole grammar, and what ECR says about a text that is none.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>, and messages
//! seen from the service, which are those of a JSON schema validator. Where none is known for a rule, the message
//! follows their style.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Rules of a policy, at most.
const MAX_RULES: usize = 50;
/// `*` in a pattern, at most.
const MAX_STARS: usize = 4;

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::emulator) struct Policy {
    pub(in crate::emulator) rules: Vec<Rule>,
}

/// One rule of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::emulator) struct Rule {
    pub(in crate::emulator) priority: i64,
    pub(in crate::emulator) tags: Tags,
    /// Whether it is about images in the archive.
    pub(in crate::emulator) archived: bool,
    pub(in crate::emulator) count: Count,
    pub(in crate::emulator) action: Action,
}

/// Which tags an image has to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::emulator) enum Tags {
    Any,
    Untagged,
    Prefixes(Vec<String>),
    Patterns(Vec<String>),
}

/// How many images stay, or for how many days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::emulator) enum Count {
    MoreThan(i64),
    SincePushed(i64),
    SincePulled(i64),
    SinceTransitioned(i64),
}

/// What is done to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::emulator) enum Action {
    Expire,
    /// Into the archive.
    Archive,
}

type Checked<T> = Result<T, String>;

impl Policy {
    /// Reads a policy. The error says what ECR says after `Lifecycle policy validation failure: `.
    pub(in crate::emulator) fn parse(text: &str) -> Checked<Self> {
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        let document =
            document.as_object().ok_or("Could not map policyString into LifecyclePolicy.".to_owned())?;
        members(document, &["rules"], &[])?;
        let rules = array(&document["rules"], 1, MAX_RULES)?;
        let rules = rules.iter().map(rule).collect::<Checked<Vec<Rule>>>()?;
        check_together(&rules)?;
        Ok(Self { rules })
    }
}

fn quoted(values: &[&str]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
    format!("[{}]", quoted.join(","))
}

/// Every required member is there, and none that is not known.
fn members(object: &Map<String, Value>, required: &[&str], optional: &[&str]) -> Checked<()> {
    let missing: Vec<&str> = required.iter().filter(|name| !object.contains_key(**name)).copied().collect();
    if !missing.is_empty() {
        return Err(format!("object has missing required properties ({})", quoted(&missing)));
    }
    let known = |name: &str| required.contains(&name) || optional.contains(&name);
    let unknown: Vec<&str> = object.keys().map(String::as_str).filter(|name| !known(name)).collect();
    if !unknown.is_empty() {
        let unknown = quoted(&unknown);
        return Err(format!(
            "object instance has properties which are not allowed by the schema: ({unknown})"
        ));
    }
    Ok(())
}

fn wrong_type(found: &Value, allowed: &str) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("instance type ({found}) does not match any allowed primitive type (allowed: [\"{allowed}\"])")
}

fn object(value: &Value) -> Checked<&Map<String, Value>> {
    value.as_object().ok_or_else(|| wrong_type(value, "object"))
}

fn string(value: &Value) -> Checked<&str> {
    value.as_str().ok_or_else(|| wrong_type(value, "string"))
}

fn array(value: &Value, min: usize, max: usize) -> Checked<&Vec<Value>> {
    let all = value.as_array().ok_or_else(|| wrong_type(value, "array"))?;
    let found = all.len();
    if found < min {
        return Err(format!(
            "array is too short: must have at least {min} elements but instance has {found} elements"
        ));
    }
    if found > max {
        return Err(format!(
            "array is too long: must have at most {max} elements but instance has {found} elements"
        ));
    }
    Ok(all)
}

fn number(value: &Value, min: i64) -> Checked<i64> {
    if !value.is_number() || value.is_f64() {
        return Err(wrong_type(value, "integer"));
    }
    let found = value.as_i64().unwrap_or(i64::MAX);
    if found < min {
        return Err(format!(
            "numeric instance is lower than the required minimum (minimum: {min}, found: {found})"
        ));
    }
    Ok(found)
}

fn one_of<'a>(value: &'a Value, values: &[&str]) -> Checked<&'a str> {
    let text = string(value)?;
    if values.contains(&text) {
        return Ok(text);
    }
    Err(format!("instance value (\"{text}\") not found in enum (possible values: {})", quoted(values)))
}

/// The members don't go together.
fn no_match() -> String {
    "instance failed to match exactly one schema (matched 0 out of 2)".into()
}

fn rule(value: &Value) -> Checked<Rule> {
    let rule = object(value)?;
    members(rule, &["rulePriority", "selection", "action"], &["description"])?;
    if let Some(description) = rule.get("description") {
        string(description)?;
    }
    let priority = number(&rule["rulePriority"], 1)?;
    let action = action(&rule["action"])?;
    let (tags, archived, count) = selection(&rule["selection"])?;
    match (count, action) {
        (Count::SincePulled(_), Action::Expire) => {
            Err("The countType sinceImagePulled can be used with the action transition only".into())
        }
        (Count::SinceTransitioned(_), Action::Archive) => {
            Err("The countType sinceImageTransitioned can be used with the action expire only".into())
        }
        _ => Ok(Rule { priority, tags, archived, count, action }),
    }
}

fn action(value: &Value) -> Checked<Action> {
    let action = object(value)?;
    members(action, &["type"], &["targetStorageClass"])?;
    let target = action.get("targetStorageClass");
    match (one_of(&action["type"], &["expire", "transition"])?, target) {
        ("expire", None) => Ok(Action::Expire),
        ("transition", Some(target)) => one_of(target, &["archive"]).map(|_| Action::Archive),
        _ => Err(no_match()),
    }
}

fn selection(value: &Value) -> Checked<(Tags, bool, Count)> {
    let selection = object(value)?;
    members(
        selection,
        &["tagStatus", "countType", "countNumber"],
        &["tagPatternList", "tagPrefixList", "storageClass", "countUnit"],
    )?;
    let status = one_of(&selection["tagStatus"], &["tagged", "untagged", "any"])?;
    let tags = match (status, selection.get("tagPrefixList"), selection.get("tagPatternList")) {
        ("tagged", Some(prefixes), None) => Tags::Prefixes(entries(prefixes)?),
        ("tagged", None, Some(patterns)) => {
            let patterns = entries(patterns)?;
            if patterns.iter().any(|pattern| pattern.matches('*').count() > MAX_STARS) {
                return Err(format!("A tag pattern can have at most {MAX_STARS} wildcards (*)"));
            }
            Tags::Patterns(patterns)
        }
        ("untagged", None, None) => Tags::Untagged,
        ("any", None, None) => Tags::Any,
        _ => return Err(no_match()),
    };
    let archived = match selection.get("storageClass") {
        None => false,
        Some(class) => one_of(class, &["standard", "archive"])? == "archive",
    };
    let kinds = ["imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned"];
    let kind = one_of(&selection["countType"], &kinds)?;
    let count = number(&selection["countNumber"], 1)?;
    let unit = selection.get("countUnit").map(|unit| one_of(unit, &["days"])).transpose()?;
    // Of the archive, `sinceImageTransitioned` is the only thing that can be said.
    let count = match (kind, unit) {
        ("imageCountMoreThan", None) if !archived => Count::MoreThan(count),
        ("sinceImagePushed", Some(_)) if !archived => Count::SincePushed(count),
        ("sinceImagePulled", Some(_)) if !archived => Count::SincePulled(count),
        ("sinceImageTransitioned", Some(_)) if archived => {
            Count::SinceTransitioned(number(&selection["countNumber"], 90)?)
        }
        _ => return Err(no_match()),
    };
    Ok((tags, archived, count))
}

/// The entries of a list of prefixes or patterns, sorted: their order says nothing.
fn entries(value: &Value) -> Checked<Vec<String>> {
    let all = array(value, 1, usize::MAX)?;
    let texts = all.iter().map(|entry| string(entry).map(str::to_owned)).collect::<Checked<BTreeSet<_>>>()?;
    if texts.contains("") {
        return Err("string \"\" is too short (length: 0, required minimum: 1)".into());
    }
    Ok(texts.into_iter().collect())
}

/// What rules have to be to each other.
fn check_together(rules: &[Rule]) -> Checked<()> {
    for (index, rule) in rules.iter().enumerate() {
        let others = &rules[..index];
        if others.iter().any(|other| other.priority == rule.priority) {
            return Err(format!("rulePriority must be unique (found twice: {})", rule.priority));
        }
        let same = others.iter().any(|other| other.archived == rule.archived && other.tags == rule.tags);
        match &rule.tags {
            Tags::Any if same => {
                return Err("Only one rule can have tagStatus=any for a storage class".into());
            }
            Tags::Untagged if same => {
                return Err("Only one rule can have tagStatus=untagged for a storage class".into());
            }
            Tags::Prefixes(list) | Tags::Patterns(list) if same => {
                return Err(format!(
                    "Rules for a storage class must have unique tag prefixes or patterns (found twice: {})",
                    list.join(", ")
                ));
            }
            _ => {}
        }
        let later =
            rules.iter().any(|other| other.archived == rule.archived && other.priority > rule.priority);
        if rule.tags == Tags::Any && later {
            return Err("A rule with tagStatus=any must have the highest value for rulePriority".into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn base() -> Value {
        json!({
            "rulePriority": 1,
            "description": "d",
            "selection": {
                "tagStatus": "tagged", "tagPrefixList": ["v"], "countType": "sinceImagePushed",
                "countUnit": "days", "countNumber": 14,
            },
            "action": { "type": "expire" },
        })
    }

    fn parse(rules: &[Value]) -> Checked<Policy> {
        Policy::parse(&json!({ "rules": rules }).to_string())
    }

    /// `base()` with `value` at `pointer`; null takes the member away.
    fn with(changes: &[(&str, Value)]) -> Value {
        let mut rule = base();
        for (path, value) in changes {
            let (front, name) = path.rsplit_once('/').unwrap();
            let parent = rule.pointer_mut(front).unwrap().as_object_mut().unwrap();
            if value.is_null() {
                parent.remove(name);
            } else {
                parent.insert(name.to_owned(), value.clone());
            }
        }
        rule
    }

    #[test]
    fn every_kind_of_rule() {
        let transition = json!({ "type": "transition", "targetStorageClass": "archive" });
        let none = Value::Null;
        for (changes, count) in [
            (vec![], Count::SincePushed(14)),
            (
                vec![
                    ("/selection/countType", json!("imageCountMoreThan")),
                    ("/selection/countUnit", none.clone()),
                ],
                Count::MoreThan(14),
            ),
            (
                vec![("/selection/countType", json!("sinceImagePulled")), ("/action", transition.clone())],
                Count::SincePulled(14),
            ),
            (
                vec![
                    ("/selection/countType", json!("sinceImageTransitioned")),
                    ("/selection/storageClass", json!("archive")),
                    ("/selection/countNumber", json!(90)),
                ],
                Count::SinceTransitioned(90),
            ),
        ] {
            assert_eq!(parse(&[with(&changes)]).unwrap().rules[0].count, count);
        }
        let patterns = with(&[
            ("/selection/tagPrefixList", none.clone()),
            ("/selection/tagPatternList", json!(["a*", "*b"])),
        ]);
        assert_eq!(parse(&[patterns]).unwrap().rules[0].tags, Tags::Patterns(vec!["*b".into(), "a*".into()]));
        for (status, tags) in [("any", Tags::Any), ("untagged", Tags::Untagged)] {
            let rule =
                with(&[("/selection/tagPrefixList", none.clone()), ("/selection/tagStatus", json!(status))]);
            assert_eq!(parse(&[rule]).unwrap().rules[0].tags, tags);
        }
    }

    #[test]
    fn messages_of_the_schema() {
        let none = Value::Null;
        assert_eq!(Policy::parse("[]").unwrap_err(), "Could not map policyString into LifecyclePolicy.");
        assert_eq!(Policy::parse("{").unwrap_err(), "Could not map policyString into LifecyclePolicy.");
        assert_eq!(Policy::parse("{}").unwrap_err(), "object has missing required properties ([\"rules\"])");
        let no_match = "instance failed to match exactly one schema (matched 0 out of 2)";
        for (changes, message) in [
            (vec![("/selection", none.clone())], "object has missing required properties ([\"selection\"])"),
            (
                vec![("/x", json!(1))],
                "object instance has properties which are not allowed by the schema: ([\"x\"])",
            ),
            (
                vec![("/action/type", json!("keep"))],
                "instance value (\"keep\") not found in enum (possible values: [\"expire\",\"transition\"])",
            ),
            (
                vec![("/selection/countNumber", json!(0))],
                "numeric instance is lower than the required minimum (minimum: 1, found: 0)",
            ),
            (
                vec![("/selection/countNumber", json!("1"))],
                "instance type (string) does not match any allowed primitive type (allowed: [\"integer\"])",
            ),
            (
                vec![("/selection/tagPrefixList", json!([]))],
                "array is too short: must have at least 1 elements but instance has 0 elements",
            ),
            (vec![("/selection/tagPatternList", json!(["a"]))], no_match),
            (vec![("/selection/tagPrefixList", none.clone())], no_match),
            (vec![("/selection/tagStatus", json!("any"))], no_match),
            (vec![("/selection/countUnit", none.clone())], no_match),
            (vec![("/selection/countType", json!("imageCountMoreThan"))], no_match),
            (vec![("/action/targetStorageClass", json!("archive"))], no_match),
            (vec![("/action/type", json!("transition"))], no_match),
            (vec![("/selection/countType", json!("sinceImageTransitioned"))], no_match),
            (vec![("/selection/storageClass", json!("archive"))], no_match),
            (
                vec![
                    ("/selection/storageClass", json!("archive")),
                    ("/selection/countType", json!("imageCountMoreThan")),
                    ("/selection/countUnit", none.clone()),
                ],
                no_match,
            ),
        ] {
            assert_eq!(parse(&[with(&changes)]).unwrap_err(), message, "{changes:?}");
        }
        // A null is a value: the way in which Terraform once tripped.
        let mut null = base();
        null["selection"]["tagPatternList"] = Value::Null;
        assert_eq!(parse(&[null]).unwrap_err(), no_match);
        let pulled = with(&[("/selection/countType", json!("sinceImagePulled"))]);
        assert!(parse(&[pulled]).unwrap_err().contains("transition only"));
        let stars =
            with(&[("/selection/tagPrefixList", none), ("/selection/tagPatternList", json!(["*a*b*c*d*"]))]);
        assert!(parse(&[stars]).unwrap_err().contains("at most 4"));
    }

    #[test]
    fn rules_together() {
        let second = |changes: &[(&str, Value)]| {
            let mut all = vec![("/rulePriority", json!(2)), ("/selection/tagPrefixList", json!(["w"]))];
            all.extend_from_slice(changes);
            with(&all)
        };
        let any = |priority: i64| {
            with(&[
                ("/rulePriority", json!(priority)),
                ("/selection/tagPrefixList", Value::Null),
                ("/selection/tagStatus", json!("any")),
            ])
        };
        assert!(parse(&[base(), second(&[])]).is_ok());
        assert!(parse(&[second(&[]), base()]).is_ok(), "tagged rules need no order");
        assert!(parse(&[base(), second(&[("/rulePriority", json!(1))])]).unwrap_err().contains("unique"));
        let same = second(&[("/selection/tagPrefixList", json!(["v"]))]);
        assert!(parse(&[base(), same]).unwrap_err().contains("unique tag prefixes"));
        assert!(parse(&[base(), any(2)]).is_ok());
        assert!(parse(&[second(&[]), any(1)]).unwrap_err().contains("highest value"));
        assert!(parse(&[any(1), any(2)]).is_err());
        let many: Vec<Value> = (1..=51).map(|n| with(&[("/rulePriority", json!(n))])).collect();
        assert!(parse(&many).unwrap_err().contains("at most 50"));
    }
}
