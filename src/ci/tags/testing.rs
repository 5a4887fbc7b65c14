//! Facts to apply rules to: those of the examples on metadata-action's page.

use super::Scope;
use crate::base::{Env, Timestamp};
use crate::ci::{Event, Facts, GitRef};

pub(super) const SHA: &str = "90dd6032fac8bda1b6c4436a2e65de27961ed071";

fn facts(event: Event, git_ref: Option<GitRef>) -> Facts {
    Facts {
        ci: None,
        event,
        git_ref,
        sha: Some(SHA.into()),
        commit_date: Some("2019-06-01T12:00:00Z".parse().unwrap()),
        repository: Some("https://github.com/octocat/Hello-World".into()),
        default_branch: Some("master".into()),
        base_ref: None,
        git: None,
    }
}

pub(super) fn branch(name: &str) -> Facts {
    facts(Event::Push, Some(GitRef::Branch(name.into())))
}

pub(super) fn tag(name: &str) -> Facts {
    facts(Event::Push, Some(GitRef::Tag(name.into())))
}

pub(super) fn pull_request(number: &str, base: &str) -> Facts {
    Facts { base_ref: Some(base.into()), ..facts(Event::PullRequest { number: number.into() }, None) }
}

pub(super) fn schedule(name: &str) -> Facts {
    facts(Event::Schedule, Some(GitRef::Branch(name.into())))
}

/// On 2020-01-10 at 00:30, with short hashes of 7 digits.
pub(super) fn scope(facts: &Facts) -> Scope<'_> {
    let now: Timestamp = "2020-01-10T00:30:00Z".parse().unwrap();
    Scope::new(facts, &Env::default(), now).unwrap()
}
