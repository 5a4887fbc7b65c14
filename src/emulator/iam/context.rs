//! What is known about a request when policies are asked: condition keys and their values.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

use std::collections::BTreeMap;

/// Condition keys and their values; the names of keys have no case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::emulator) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Adds a value to a key.
    pub(in crate::emulator) fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.entry(key.to_lowercase()).or_default().push(value.into());
    }

    /// Adds `value` if there is one.
    pub(in crate::emulator) fn add_some(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }

    /// [`add`](Self::add) for building one in an expression.
    #[must_use]
    pub(in crate::emulator) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.add(key, value);
        self
    }

    /// The tags of a request, of a resource or of a principal: `prefix` is `aws:RequestTag` or the like.
    pub(in crate::emulator) fn add_tags<'a>(
        &mut self,
        prefix: &str,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        for (key, value) in tags {
            self.add(&format!("{prefix}/{key}"), value);
        }
    }

    /// The values of `key`; none if the request does not have it.
    pub(super) fn values(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_lowercase()).map(Vec::as_slice)
    }
}
