//! What job runs us: which CI, why it runs, on what ref and commit.
//!
//! [`Job::detect`] reads the environment and nothing else. [`Facts`] adds what GitHub's event file and the checkout say.

mod event_file;
mod facts;
mod systems;
mod url;

pub use facts::Facts;
pub use url::web_url;

use crate::base::{Env, Timestamp};
use std::fmt;

/// A CI system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ci {
    /// <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>
    GitHubActions,
    /// <https://docs.gitlab.com/ci/variables/predefined_variables/>
    GitLab,
    /// <https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables>
    Jenkins,
    /// <https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/>
    Bitbucket,
    /// <https://circleci.com/docs/reference/variables/>
    CircleCi,
    /// <https://buildkite.com/docs/pipelines/configure/environment-variables>
    Buildkite,
}

impl Ci {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::GitHubActions, Self::GitLab, Self::Jenkins, Self::Bitbucket, Self::CircleCi, Self::Buildkite];

    /// The CI that the environment is of. Jenkins comes last: its variables can be left over from an image that a
    /// job of another CI runs in.
    pub fn detect(env: &Env) -> Option<Self> {
        let is_set = |name| env.get(name).is_some();
        let jenkins = is_set("JENKINS_URL")
            || is_set("JENKINS_HOME")
            || env.get("BUILD_TAG").is_some_and(|tag| tag.starts_with("jenkins-"));
        [
            (is_set("GITHUB_ACTIONS"), Self::GitHubActions),
            (is_set("GITLAB_CI"), Self::GitLab),
            (is_set("BITBUCKET_BUILD_NUMBER"), Self::Bitbucket),
            (is_set("CIRCLECI"), Self::CircleCi),
            (is_set("BUILDKITE"), Self::Buildkite),
            (jenkins, Self::Jenkins),
        ]
        .into_iter()
        .find_map(|(here, ci)| here.then_some(ci))
    }
}

impl fmt::Display for Ci {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHubActions => "GitHub Actions",
            Self::GitLab => "GitLab CI",
            Self::Jenkins => "Jenkins",
            Self::Bitbucket => "Bitbucket Pipelines",
            Self::CircleCi => "CircleCI",
            Self::Buildkite => "Buildkite",
        })
    }
}

/// Why a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A commit or tag was pushed, or somebody started the job by hand where the CI does not tell the two apart.
    Push,
    /// A pull request, which GitLab calls a merge request and Jenkins a change.
    PullRequest {
        /// Its number, as the CI writes it.
        number: String,
    },
    /// The clock.
    Schedule,
    /// Anything else, by the CI's own name for it: `workflow_dispatch`, `web`.
    Other(String),
}

/// What was checked out, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitRef {
    /// `refs/heads/…`, without that.
    Branch(String),
    /// `refs/tags/…`, without that.
    Tag(String),
}

impl GitRef {
    /// Reads a full name, such as `refs/heads/main`.
    pub fn full(name: &str) -> Option<Self> {
        match (name.strip_prefix("refs/heads/"), name.strip_prefix("refs/tags/")) {
            (Some(branch), _) if !branch.is_empty() => Some(Self::Branch(branch.into())),
            (_, Some(tag)) if !tag.is_empty() => Some(Self::Tag(tag.into())),
            _ => None,
        }
    }

    /// The branch, if it is one.
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch(name) => Some(name),
            Self::Tag(_) => None,
        }
    }

    /// The tag, if it is one.
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Tag(name) => Some(name),
            Self::Branch(_) => None,
        }
    }
}

impl fmt::Display for GitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => write!(f, "the branch `{name}`"),
            Self::Tag(name) => write!(f, "the tag `{name}`"),
        }
    }
}

/// What a CI says of its job. What it does not say is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Whose job it is.
    pub ci: Ci,
    /// Why it runs.
    pub event: Event,
    /// What it runs on. A pull request has none: its branch belongs to whoever opened it, and can have any name. `CircleCI`
    /// runs for pushes alone, so there a branch of the repository has its name even if a pull request is open for it.
    pub git_ref: Option<GitRef>,
    /// The commit, in full.
    pub sha: Option<String>,
    /// When that was committed.
    pub commit_date: Option<Timestamp>,
    /// Where people look at the repository: `https://HOST/PATH`.
    pub repository: Option<String>,
    /// The repository's main branch.
    pub default_branch: Option<String>,
    /// The branch that a pull request is to be merged into.
    pub base_ref: Option<String>,
    /// Where people look at this run.
    pub run_url: Option<String>,
}

impl Job {
    /// What the environment says, or none if it is not the one of a CI that is known.
    pub fn detect(env: &Env) -> Option<Self> {
        Some(match Ci::detect(env)? {
            Ci::GitHubActions => systems::github(env),
            Ci::GitLab => systems::gitlab(env),
            Ci::Jenkins => systems::jenkins(env),
            Ci::Bitbucket => systems::bitbucket(env),
            Ci::CircleCi => systems::circleci(env),
            Ci::Buildkite => systems::buildkite(env),
        })
    }
}

/// The hash of a commit in full, SHA-1 or SHA-256; anything else is none.
fn commit(text: &str) -> Option<String> {
    let hash = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hash.then(|| text.to_lowercase())
}

#[cfg(test)]
mod tests;
