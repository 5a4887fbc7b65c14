//! Whether a push would work, before anything is built.
//!
//! Everything is found out by calls that change nothing: each is one that IAM has to allow, and that then finds nothing
//! to do. What can't be found out so is said to be not checked. The results are data; `cli` makes a table of them.
//!
//! | file | what is in it |
//! |---|---|
//! | here | checks and what they come to |
//! | `identity` | the token of the job, the role, the account |
//! | `probe` | one safe call for each action |
//! | `repository` | the repository, its tags, and each permission on it |
//! | `public` | the same on ECR Public |
//! | `elsewhere` | registries that are not ECR |

mod elsewhere;
mod identity;
mod probe;
mod public;
mod repository;

pub use elsewhere::elsewhere;
pub use identity::{Identity, credentials, no_role, no_token, region, token};
pub use repository::{Target, repository};

use crate::base::failure::causes;
use crate::base::{Failure, Kind};
use crate::ecr::iam::Document;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it has to be.
    Good,
    /// The push works, and does more than it had to.
    Limited,
    /// It can't be known beforehand, or only after something else is put right.
    NotChecked,
    /// What the push needs is not there; the push would end in this way.
    Missing(Kind),
    /// What is there does not do, or could not be looked at; the push would end in this way.
    Failed(Kind),
}

impl Outcome {
    /// One word for people and for JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Limited => "limited",
            Self::NotChecked => "not checked",
            Self::Missing(_) => "missing",
            Self::Failed(_) => "failed",
        }
    }

    /// How a push would end because of it.
    pub fn problem(self) -> Option<Kind> {
        match self {
            Self::Missing(kind) | Self::Failed(kind) => Some(kind),
            Self::Good | Self::Limited | Self::NotChecked => None,
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The repository that it is about, with its registry, if it is about one.
    pub on: Option<String>,
    /// What was looked at: `region`, `tag 1.4`, `ecr:PutImage`.
    pub what: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What was seen.
    pub detail: String,
    /// More of what was seen, by name.
    pub facts: Vec<(&'static str, String)>,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Check {
    /// A check that came to this.
    pub fn new(what: impl Into<String>, outcome: Outcome, detail: impl Into<String>) -> Self {
        let (what, detail) = (what.into(), detail.into());
        Self { on: None, what, outcome, detail, facts: Vec::new(), remedy: None }
    }

    /// All is well.
    pub fn good(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(what, Outcome::Good, detail)
    }

    /// It was not looked at, for this reason.
    pub fn not_checked(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(what, Outcome::NotChecked, why)
    }

    /// It ended in this failure.
    pub fn failed(what: impl Into<String>, failure: &dyn Failure) -> Self {
        let (text, why) = (failure.to_string(), causes(failure));
        let detail = if text.contains(&why) { text } else { format!("{text}: {why}") };
        let check = Self::new(what, Outcome::Failed(failure.kind()), detail);
        Self { remedy: failure.hint(), ..check }
    }

    /// With what to do about it.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// With something more that was seen, if it was.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        self.facts.extend(value.map(|value| (name, value.into())));
        self
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let facts: serde_json::Map<_, _> =
            self.facts.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        let mut check = serializer.serialize_struct("Check", 7)?;
        check.serialize_field("on", &self.on)?;
        check.serialize_field("what", &self.what)?;
        check.serialize_field("outcome", self.outcome.name())?;
        check.serialize_field("exitCode", &self.outcome.problem().map(Kind::exit_code))?;
        check.serialize_field("detail", &self.detail)?;
        check.serialize_field("facts", &facts)?;
        check.serialize_field("remedy", &self.remedy)?;
        check.end()
    }
}

/// A document that is to be added somewhere in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Addition {
    /// To what, for people.
    pub to: String,
    /// The policy; its statements may also be added to one that is there.
    pub policy: Document,
}

/// All checks, and what is to be added for those that were not good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order of a push.
    pub checks: Vec<Check>,
    /// What would put right what is missing.
    pub add: Vec<Addition>,
}

impl Report {
    /// Adds a check.
    pub fn push(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// Adds all that another one has.
    pub fn extend(&mut self, other: Self) {
        self.checks.extend(other.checks);
        for addition in other.add {
            if !self.add.contains(&addition) {
                self.add.push(addition);
            }
        }
    }

    /// The checks because of which a push would fail.
    pub fn problems(&self) -> Vec<&Check> {
        self.checks.iter().filter(|check| check.outcome.problem().is_some()).collect()
    }

    /// How a push would end: of several ways the one with the smallest exit code, which is the one that comes
    /// first in a push.
    pub fn problem(&self) -> Option<Kind> {
        let kinds = self.checks.iter().filter_map(|check| check.outcome.problem());
        kinds.min_by_key(|kind| kind.exit_code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_problem_of_a_push_decides() {
        let mut report = Report::default();
        report.push(Check::good("a", ""));
        report.push(Check::not_checked("b", ""));
        report.push(Check::new("c", Outcome::Limited, ""));
        assert_eq!((report.problem(), report.problems().len()), (None, 0));
        report.push(Check::new("d", Outcome::Missing(Kind::Refused), ""));
        report.push(Check::new("e", Outcome::Failed(Kind::Denied), ""));
        assert_eq!((report.problem(), report.problems().len()), (Some(Kind::Denied), 2));
    }
}
