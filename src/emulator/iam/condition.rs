//! The `Condition` element of a policy.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
//! and `reference_policies_condition-single-vs-multi-valued-context-keys.html` beside it. An operator that is not
//! known here does not parse: a condition that is not understood must not count as met.

use super::context::Context;
use super::document::OneOrMany;
use super::pattern::Pattern;
use crate::base::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// By operator, by key: the values of which one has to match. All operators and keys have to hold.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Conditions(BTreeMap<Operator, BTreeMap<String, OneOrMany>>);

/// `ForAnyValue:StringLikeIfExists` in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Operator {
    set: Set,
    test: Test,
    /// `…Not…`
    negated: bool,
    if_exists: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Set {
    One,
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Test {
    Text,
    TextIgnoringCase,
    Like,
    Arn,
    Bool,
    Null,
    Number(Comparison),
    Date(Comparison),
    Address,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds<T: PartialOrd>(self, found: &T, wanted: &T) -> bool {
        match self {
            Self::Equal => found == wanted,
            Self::Less => found < wanted,
            Self::LessOrEqual => found <= wanted,
            Self::Greater => found > wanted,
            Self::GreaterOrEqual => found >= wanted,
        }
    }
}

impl TryFrom<String> for Operator {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        let (set, tail) = match written.split_once(':') {
            None => (Set::One, written.as_str()),
            Some(("ForAnyValue", tail)) => (Set::Any, tail),
            Some(("ForAllValues", tail)) => (Set::All, tail),
            Some(_) => return Err(format!("`{written}` is no condition operator")),
        };
        let (name, if_exists) = match tail.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (tail, false),
        };
        let (test, negated) = match name {
            "StringEquals" => (Test::Text, false),
            "StringNotEquals" => (Test::Text, true),
            "StringEqualsIgnoreCase" => (Test::TextIgnoringCase, false),
            "StringNotEqualsIgnoreCase" => (Test::TextIgnoringCase, true),
            "StringLike" => (Test::Like, false),
            "StringNotLike" => (Test::Like, true),
            "ArnEquals" | "ArnLike" => (Test::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
            "Bool" => (Test::Bool, false),
            "Null" if !if_exists => (Test::Null, false),
            "NumericEquals" => (Test::Number(Comparison::Equal), false),
            "NumericNotEquals" => (Test::Number(Comparison::Equal), true),
            "NumericLessThan" => (Test::Number(Comparison::Less), false),
            "NumericLessThanEquals" => (Test::Number(Comparison::LessOrEqual), false),
            "NumericGreaterThan" => (Test::Number(Comparison::Greater), false),
            "NumericGreaterThanEquals" => (Test::Number(Comparison::GreaterOrEqual), false),
            "DateEquals" => (Test::Date(Comparison::Equal), false),
            "DateNotEquals" => (Test::Date(Comparison::Equal), true),
            "DateLessThan" => (Test::Date(Comparison::Less), false),
            "DateLessThanEquals" => (Test::Date(Comparison::LessOrEqual), false),
            "DateGreaterThan" => (Test::Date(Comparison::Greater), false),
            "DateGreaterThanEquals" => (Test::Date(Comparison::GreaterOrEqual), false),
            "IpAddress" => (Test::Address, false),
            "NotIpAddress" => (Test::Address, true),
            _ => return Err(format!("`{written}` is no condition operator")),
        };
        Ok(Self { set, test, negated, if_exists })
    }
}

impl Conditions {
    /// Whether all of them hold. Policies of the older version have no `variables`.
    pub(super) fn hold(&self, context: &Context, variables: bool) -> bool {
        self.0.iter().all(|(operator, keys)| {
            keys.iter()
                .all(|(key, wanted)| operator.holds(context.values(key), wanted.all(), variables, context))
        })
    }

    /// Whether a condition asks for `key`, and not only with a pattern that takes everything.
    pub(super) fn restrict(&self, key: &str) -> bool {
        self.0.iter().any(|(operator, keys)| {
            !operator.negated
                && !operator.if_exists
                && operator.test != Test::Null
                && keys.iter().any(|(found, wanted)| {
                    found.eq_ignore_ascii_case(key)
                        && !wanted.all().iter().any(|text| text.chars().all(|c| matches!(c, '*' | '?')))
                })
        })
    }
}

impl Operator {
    fn holds(self, found: Option<&[String]>, wanted: &[String], variables: bool, context: &Context) -> bool {
        if self.test == Test::Null {
            let absent = found.is_none();
            return wanted
                .iter()
                .any(|text| text.eq_ignore_ascii_case(if absent { "true" } else { "false" }));
        }
        let Some(found) = found else {
            return self.negated && self.set != Set::Any || self.if_exists || self.set == Set::All;
        };
        let matches =
            |value: &String| wanted.iter().any(|text| self.test.matches(value, text, variables, context));
        match self.set {
            Set::One => found.iter().any(matches) != self.negated,
            Set::Any => found.iter().any(|value| matches(value) != self.negated),
            Set::All => found.iter().all(|value| matches(value) != self.negated),
        }
    }
}

impl Test {
    fn matches(self, value: &str, wanted: &str, variables: bool, context: &Context) -> bool {
        let Some(pattern) = Pattern::fill(wanted, variables, context) else { return false };
        match self {
            Self::Text => pattern.is(value, false),
            Self::TextIgnoringCase | Self::Bool | Self::Null => pattern.is(value, true),
            Self::Like => pattern.matches(value),
            Self::Arn => pattern.matches_arn(value),
            Self::Number(comparison) => match (value.parse::<f64>(), wanted.parse::<f64>()) {
                (Ok(value), Ok(wanted)) => comparison.holds(&value, &wanted),
                _ => false,
            },
            Self::Date(comparison) => match (date(value), date(wanted)) {
                (Some(value), Some(wanted)) => comparison.holds(&value, &wanted),
                _ => false,
            },
            Self::Address => within(value, wanted).unwrap_or(false),
        }
    }
}

/// An ISO 8601 date or seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    match text.parse() {
        Ok(timestamp) => Some(timestamp),
        Err(_) => text
            .parse::<jiff::civil::Date>()
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|at| at.timestamp()),
    }
}

/// Whether the address lies in a block such as `10.0.0.0/8`.
fn within(address: &str, block: &str) -> Option<bool> {
    let (network, length) = match block.split_once('/') {
        Some((network, length)) => (network, Some(length.parse::<u32>().ok()?)),
        None => (block, None),
    };
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let (address, width) = bits(address.parse().ok()?);
    let (network, other_width) = bits(network.parse().ok()?);
    let length = length.unwrap_or(other_width);
    if width != other_width || length > width {
        return Some(false);
    }
    let mask = if length == 0 { 0 } else { u128::MAX << (128 - length) };
    Some(address & mask == network & mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operators() {
        let context = Context::default()
            .with("aws:RequestTag/team", "shop")
            .with("aws:TagKeys", "team")
            .with("aws:TagKeys", "cost")
            .with("aws:PrincipalArn", "arn:aws:iam::123456789012:role/ci/deploy")
            .with("aws:PrincipalTag/team", "shop")
            .with("aws:SecureTransport", "true")
            .with("aws:SourceIp", "10.1.2.3")
            .with("aws:CurrentTime", "2026-11-23T12:00:00Z")
            .with("sts:DurationSeconds", "3600");
        let table = [
            (json!({ "StringEquals": { "aws:RequestTag/team": "shop" } }), true),
            (json!({ "StringEquals": { "AWS:requesttag/TEAM": ["other", "shop"] } }), true),
            (json!({ "StringEquals": { "aws:RequestTag/team": "Shop" } }), false),
            (json!({ "StringEquals": { "aws:RequestTag/team": "sh*" } }), false),
            (json!({ "StringEquals": { "aws:RequestTag/team": "${aws:PrincipalTag/team}" } }), true),
            (json!({ "StringEquals": { "aws:RequestTag/none": "x" } }), false),
            (json!({ "StringEqualsIfExists": { "aws:RequestTag/none": "x" } }), true),
            (json!({ "StringNotEquals": { "aws:RequestTag/team": "shop" } }), false),
            (json!({ "StringNotEquals": { "aws:RequestTag/none": "shop" } }), true),
            (json!({ "StringEqualsIgnoreCase": { "aws:RequestTag/team": "SHOP" } }), true),
            (json!({ "StringLike": { "aws:RequestTag/team": "sh*" } }), true),
            (json!({ "StringNotLike": { "aws:RequestTag/team": "sh*" } }), false),
            (json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/ci/*" } }), true),
            (json!({ "ArnEquals": { "aws:PrincipalArn": "arn:aws:iam::1:role/ci/*" } }), false),
            (json!({ "ArnNotLike": { "aws:PrincipalArn": "arn:aws:iam::1:role/*" } }), true),
            (json!({ "Bool": { "aws:SecureTransport": "true" } }), true),
            (json!({ "Bool": { "aws:SecureTransport": true } }), true),
            (json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } }), false),
            (json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "true" } }), true),
            (json!({ "Null": { "aws:RequestTag/team": "false" } }), true),
            (json!({ "Null": { "aws:RequestTag/team": true } }), false),
            (json!({ "Null": { "aws:RequestTag/none": "true" } }), true),
            (json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["team", "cost", "x"] } }), true),
            (json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["team"] } }), false),
            (json!({ "ForAllValues:StringEquals": { "aws:NoKeys": ["team"] } }), true),
            (json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": ["team"] } }), true),
            (json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": ["x"] } }), false),
            (json!({ "ForAnyValue:StringEquals": { "aws:NoKeys": ["x"] } }), false),
            (json!({ "ForAnyValue:StringNotEquals": { "aws:TagKeys": ["team"] } }), true),
            (json!({ "ForAllValues:StringNotLike": { "aws:TagKeys": ["t*"] } }), false),
            (json!({ "NumericLessThanEquals": { "sts:DurationSeconds": 3600 } }), true),
            (json!({ "NumericGreaterThan": { "sts:DurationSeconds": "3600" } }), false),
            (json!({ "DateGreaterThan": { "aws:CurrentTime": "2026-11-01" } }), true),
            (json!({ "DateLessThan": { "aws:CurrentTime": "2026-11-23T00:00:00Z" } }), false),
            (json!({ "IpAddress": { "aws:SourceIp": ["192.0.2.0/24", "10.0.0.0/8"] } }), true),
            (json!({ "NotIpAddress": { "aws:SourceIp": "10.1.2.3" } }), false),
            (json!({ "IpAddress": { "aws:SourceIp": "::/0" } }), false),
            (json!({ "StringEquals": { "aws:RequestTag/team": "shop", "aws:RequestTag/none": "x" } }), false),
            (json!({}), true),
        ];
        for (text, expected) in table {
            let conditions: Conditions = serde_json::from_value(text.clone()).unwrap();
            assert_eq!(conditions.hold(&context, true), expected, "{text}");
        }
    }

    #[test]
    fn an_operator_that_is_not_understood_is_no_policy() {
        for name in ["StringEqual", "ForSomeValues:StringEquals", "NullIfExists", "stringequals"] {
            let text = json!({ name: { "a": "b" } });
            assert!(serde_json::from_value::<Conditions>(text).is_err(), "{name}");
        }
    }
}
