//! Session tags: as parameters of `AssumeRole`, or as a claim of a web identity token.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>.

use super::super::error::ApiError;
use super::super::iam::{Context, Session};
use super::Form;
use super::parameters::{invalid, refuse};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The claim that carries them.
const CLAIM: &str = "https://aws.amazon.com/tags";

/// The tags that a session is to have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tags {
    /// Those that the request asks for.
    pub(super) asked: BTreeMap<String, String>,
    /// The keys of those that go on to the next session of a chain.
    pub(super) transitive: Vec<String>,
}

impl Tags {
    /// `Tags` and `TransitiveTagKeys`.
    pub(super) fn of_form(form: &Form<'_>) -> Result<Self, ApiError> {
        let mut tags = Self::default();
        for (index, key) in form.members("Tags", ".Key").enumerate() {
            let value = form.get(&format!("Tags.member.{}.Value", index + 1)).unwrap_or_default();
            tags.insert(key, value)?;
        }
        tags.transitive = form.members("TransitiveTagKeys", "").map(str::to_owned).collect();
        tags.check()
    }

    /// The claim, whole or flattened: `https://aws.amazon.com/tags/principal_tags/KEY`.
    pub(super) fn of_claims(claims: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut tags = Self::default();
        let first = |value: &Value| value.as_str().or(value[0].as_str()).map(str::to_owned);
        let flattened = format!("{CLAIM}/principal_tags/");
        let nested =
            claims.get(CLAIM).and_then(|claim| claim.get("principal_tags")).and_then(Value::as_object);
        let pairs = nested.into_iter().flatten().map(|(key, value)| (key.as_str(), value));
        let pairs = pairs
            .chain(claims.iter().filter_map(|(name, value)| Some((name.strip_prefix(&flattened)?, value))));
        for (key, value) in pairs {
            let value = first(value).ok_or_else(|| {
                ApiError::new(
                    "InvalidIdentityToken",
                    format!("The session tag {key} of the token has no value"),
                )
            })?;
            tags.insert(key, &value)?;
        }
        let transitive = claims
            .get(CLAIM)
            .and_then(|claim| claim.get("transitive_tag_keys"))
            .or_else(|| claims.get(&format!("{CLAIM}/transitive_tag_keys")));
        tags.transitive = transitive
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        tags.check()
    }

    fn insert(&mut self, key: &str, value: &str) -> Result<(), ApiError> {
        let legal = |text: &str| {
            text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
        };
        if !(1..=128).contains(&key.chars().count()) || !legal(key) {
            let constraint = r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+";
            return Err(invalid("tags.member.key", key, constraint));
        }
        if value.chars().count() > 256 || !legal(value) {
            let constraint = r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*";
            return Err(invalid("tags.member.value", value, constraint));
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(parameter("'aws:' prefixed tag key names are not allowed for external use."));
        }
        if self.asked.keys().any(|other| other.to_lowercase() == key.to_lowercase()) {
            return Err(parameter(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        self.asked.insert(key.into(), value.into());
        Ok(())
    }

    fn check(self) -> Result<Self, ApiError> {
        if self.asked.len() > 50 || self.transitive.len() > 50 {
            return Err(refuse(
                "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length \
                 less than or equal to 50",
            ));
        }
        let asked = |key: &String| self.asked.keys().any(|other| other.eq_ignore_ascii_case(key));
        if !self.transitive.iter().all(asked) {
            return Err(parameter(
                "The specified transitive tag key must be included in the requested session tags.",
            ));
        }
        Ok(self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// What conditions can ask about them.
    pub(super) fn describe(&self, context: &mut Context) {
        context
            .add_tags("aws:RequestTag", self.asked.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        for key in self.asked.keys() {
            context.add("aws:TagKeys", key);
        }
        for key in &self.transitive {
            context.add("sts:TransitiveTagKeys", key);
        }
    }

    /// Adds what `caller` passes on. What it passes on can't be said anew.
    pub(super) fn inherit(mut self, caller: &Session) -> Result<Self, ApiError> {
        for key in &caller.transitive {
            if self.asked.keys().any(|own| own.eq_ignore_ascii_case(key)) {
                return Err(parameter(
                    "One of the specified transitive tag keys can't be set because it conflicts with a transitive \
                     tag key from the calling session.",
                ));
            }
            if let Some((name, value)) = caller.tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
                self.asked.insert(name.clone(), value.clone());
                self.transitive.push(key.clone());
            }
        }
        Ok(self)
    }
}

fn parameter(message: &str) -> ApiError {
    ApiError::new("InvalidParameterValue", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters() {
        let read = |body: &str| Tags::of_form(&Form::parse(body.as_bytes())).map_err(|error| error.message);
        let tags =
            read("Tags.member.1.Key=team&Tags.member.1.Value=shop&TransitiveTagKeys.member.1=Team").unwrap();
        assert_eq!(tags.asked["team"], "shop");
        assert_eq!(tags.transitive, ["Team"]);
        assert!(read("Tags.member.1.Key=a&Tags.member.2.Key=A").unwrap_err().contains("Duplicate"));
        assert!(read("Tags.member.1.Key=aws:a").unwrap_err().contains("'aws:'"));
        assert!(read("Tags.member.1.Key=a%3C").unwrap_err().contains("tags.member.key"));
        assert!(read("TransitiveTagKeys.member.1=a").unwrap_err().contains("must be included"));
        let many: Vec<String> = (1..=51).map(|index| format!("Tags.member.{index}.Key=k{index}")).collect();
        assert!(read(&many.join("&")).unwrap_err().contains("equal to 50"));
    }

    #[test]
    fn claims_in_both_shapes() {
        let read = |claims: Value| Tags::of_claims(claims.as_object().unwrap());
        let nested = read(json!({ "https://aws.amazon.com/tags": {
            "principal_tags": { "team": ["shop"] }, "transitive_tag_keys": ["team"],
        } }));
        let flat = read(json!({
            "https://aws.amazon.com/tags/principal_tags/team": "shop",
            "https://aws.amazon.com/tags/transitive_tag_keys": ["team"],
        }));
        let nested = nested.unwrap();
        assert_eq!(nested.asked["team"], "shop");
        assert_eq!(nested, flat.unwrap());
        assert!(read(json!({ "sub": "x" })).unwrap().is_empty());
        assert!(
            read(json!({ "https://aws.amazon.com/tags": { "principal_tags": { "team": [] } } })).is_err()
        );
    }
}
