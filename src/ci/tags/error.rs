//! What goes wrong with rules.

use crate::base::{Failure, Kind};

/// Tags can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// A rule can't be read, or needs what is not known.
    #[error("tag rule `{rule}`: {why}")]
    Rule {
        /// The rule, as it was written.
        rule: String,
        /// What is wrong.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A flavor can't be read.
    #[error("tag flavor `{flavor}`: {why}")]
    Flavor {
        /// The flavor, as it was written.
        flavor: String,
        /// What is wrong.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The length of a short hash is none.
    #[error("{variable}: `{value}` is not a length: a short hash has 4 to 64 digits")]
    ShaLength {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// There are rules, and none of them applies.
    #[error("no tag rule gives a tag for {built}{}", list(reasons))]
    NoTag {
        /// What is being built.
        built: String,
        /// The rules, and why each gave none.
        reasons: Vec<(String, String)>,
    },
}

/// A line for each rule.
fn list(reasons: &[(String, String)]) -> String {
    reasons.iter().map(|(rule, reason)| format!("\n  {rule}: {reason}")).collect()
}

impl Failure for TagError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Rule { hint, .. } | Self::Flavor { hint, .. } => hint.clone(),
            Self::ShaLength { .. } => None,
            Self::NoTag { .. } => {
                Some("add a rule that applies here; `type=sha` always does, and `type=ref,event=branch` on branches".into())
            }
        }
    }
}

/// What is wrong with a rule or a flavor, before it is known with which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) why: String,
    pub(super) hint: Option<String>,
}

impl Wrong {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), hint: None }
    }

    pub(super) fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// `text` is none of `words`, perhaps by a typing error.
    pub(super) fn unknown(why: String, text: &str, words: &[&'static str]) -> Self {
        let hint = match crate::base::suggest::nearest(text, words.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("known are {}", quoted(words)),
        };
        Self::new(why).hinted(hint)
    }

    pub(super) fn of_rule(self, rule: &str) -> TagError {
        TagError::Rule { rule: rule.into(), why: self.why, hint: self.hint }
    }

    pub(super) fn of_flavor(self, flavor: &str) -> TagError {
        TagError::Flavor { flavor: flavor.into(), why: self.why, hint: self.hint }
    }
}

/// `a`, `b` and `c`.
pub(super) fn quoted(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
    }
}
