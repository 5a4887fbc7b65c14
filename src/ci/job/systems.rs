//! The variables of each CI.

use super::{Ci, Event, GitRef, Job, commit, web_url};
use crate::base::{Env, Timestamp};

/// A job of `ci` of which nothing is known.
fn unknown(ci: Ci) -> Job {
    Job {
        ci,
        event: Event::Push,
        git_ref: None,
        sha: None,
        commit_date: None,
        repository: None,
        default_branch: None,
        base_ref: None,
        run_url: None,
    }
}

/// Access to variables, in the forms that jobs are made of.
struct Variables<'a>(&'a Env);

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).map(str::to_owned)
    }

    /// The first that is set.
    fn any(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }

    fn commit(&self, name: &str) -> Option<String> {
        commit(self.0.get(name)?)
    }

    fn repository(&self, name: &str) -> Option<String> {
        web_url(self.0.get(name)?)
    }

    fn tag_or_branch(&self, tag: &str, branch: &str) -> Option<GitRef> {
        self.get(tag).map(GitRef::Tag).or_else(|| self.get(branch).map(GitRef::Branch))
    }
}

pub(super) fn github(env: &Env) -> Job {
    let v = Variables(env);
    let name = env.get("GITHUB_EVENT_NAME").unwrap_or("push");
    let full = env.get("GITHUB_REF").unwrap_or_default();
    let pull = full.strip_prefix("refs/pull/").and_then(|rest| rest.split('/').next());
    let event = match (name, pull) {
        (_, Some(number)) => Event::PullRequest { number: number.into() },
        ("push", _) => Event::Push,
        ("schedule", _) => Event::Schedule,
        (other, _) => Event::Other(other.into()),
    };
    // The ref of this event is the branch that the pull request goes to, which is not what it is about.
    let git_ref = if name == "pull_request_target" { None } else { GitRef::full(full) };
    // A schedule runs on the default branch alone.
    let default_branch = git_ref.as_ref().filter(|_| event == Event::Schedule);
    let default_branch = default_branch.and_then(|found| found.branch().map(str::to_owned));
    let repository = match (env.get("GITHUB_SERVER_URL"), env.get("GITHUB_REPOSITORY")) {
        (server, Some(name)) => web_url(&format!("{}/{name}", server.unwrap_or("https://github.com"))),
        _ => None,
    };
    let run_url = match (&repository, env.get("GITHUB_RUN_ID")) {
        (Some(repository), Some(run)) => Some(format!("{repository}/actions/runs/{run}")),
        _ => None,
    };
    Job {
        event,
        git_ref,
        sha: v.commit("GITHUB_SHA"),
        repository,
        default_branch,
        base_ref: v.get("GITHUB_BASE_REF"),
        run_url,
        ..unknown(Ci::GitHubActions)
    }
}

pub(super) fn gitlab(env: &Env) -> Job {
    let v = Variables(env);
    // A child pipeline of a merge request's has another source, and these variables still.
    let request = v.any(&["CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID"]);
    let event = match (request, env.get("CI_PIPELINE_SOURCE").unwrap_or("push")) {
        (Some(number), _) => Event::PullRequest { number },
        (None, "push") => Event::Push,
        (None, "schedule") => Event::Schedule,
        (None, other) => Event::Other(other.into()),
    };
    let git_ref = match event {
        Event::PullRequest { .. } => None,
        _ => v.tag_or_branch("CI_COMMIT_TAG", "CI_COMMIT_BRANCH"),
    };
    let base = ["CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME"];
    Job {
        event,
        git_ref,
        sha: v.commit("CI_COMMIT_SHA"),
        commit_date: env.get("CI_COMMIT_TIMESTAMP").and_then(date),
        repository: v.repository("CI_PROJECT_URL"),
        default_branch: v.get("CI_DEFAULT_BRANCH"),
        base_ref: v.any(&base),
        run_url: v.any(&["CI_PIPELINE_URL", "CI_JOB_URL"]),
        ..unknown(Ci::GitLab)
    }
}

pub(super) fn jenkins(env: &Env) -> Job {
    let v = Variables(env);
    // Jenkins itself does not say that a timer started it; its plugin EnvInject does.
    let timer = env.get("BUILD_CAUSE_TIMERTRIGGER").is_some()
        || env.get("BUILD_CAUSE").is_some_and(|causes| causes.contains("TIMERTRIGGER"));
    let event = match v.get("CHANGE_ID") {
        Some(number) => Event::PullRequest { number },
        None if timer => Event::Schedule,
        None => Event::Push,
    };
    let git_ref = match event {
        Event::PullRequest { .. } => None,
        // A multibranch project says what it builds; of any other the Git plugin knows.
        _ => v
            .tag_or_branch("TAG_NAME", "BRANCH_NAME")
            .or_else(|| v.get("GIT_LOCAL_BRANCH").map(GitRef::Branch))
            .or_else(|| jenkins_git_branch(env.get("GIT_BRANCH")?)),
    };
    let primary = env.get("BRANCH_IS_PRIMARY") == Some("true");
    let default_branch = git_ref.as_ref().filter(|_| primary).and_then(GitRef::branch).map(str::to_owned);
    Job {
        event,
        git_ref,
        sha: v.commit("GIT_COMMIT"),
        repository: v.any(&["GIT_URL", "GIT_URL_1"]).and_then(|url| web_url(&url)),
        default_branch,
        base_ref: v.get("CHANGE_TARGET"),
        run_url: v.get("BUILD_URL"),
        ..unknown(Ci::Jenkins)
    }
}

/// The Git plugin names a branch with its remote, and a tag by its ref.
fn jenkins_git_branch(name: &str) -> Option<GitRef> {
    if name == "detached" {
        return None;
    }
    if let Some(tag) = name.strip_prefix("refs/tags/").or_else(|| name.strip_prefix("tags/")) {
        return Some(GitRef::Tag(tag.into()));
    }
    let name =
        name.strip_prefix("refs/remotes/").or_else(|| name.strip_prefix("refs/heads/")).unwrap_or(name);
    Some(GitRef::Branch(name.strip_prefix("origin/").unwrap_or(name).into()))
}

pub(super) fn bitbucket(env: &Env) -> Job {
    let v = Variables(env);
    let event = match v.get("BITBUCKET_PR_ID") {
        Some(number) => Event::PullRequest { number },
        None => Event::Push,
    };
    let git_ref = match event {
        Event::PullRequest { .. } => None,
        _ => v.tag_or_branch("BITBUCKET_TAG", "BITBUCKET_BRANCH"),
    };
    let name = env.get("BITBUCKET_REPO_FULL_NAME").map(|name| format!("https://bitbucket.org/{name}"));
    let repository = name.or_else(|| v.repository("BITBUCKET_GIT_HTTP_ORIGIN"));
    let run_url = match (&repository, env.get("BITBUCKET_BUILD_NUMBER")) {
        (Some(repository), Some(number)) => Some(format!("{repository}/pipelines/results/{number}")),
        _ => None,
    };
    Job {
        event,
        git_ref,
        sha: v.commit("BITBUCKET_COMMIT"),
        repository,
        base_ref: v.get("BITBUCKET_PR_DESTINATION_BRANCH"),
        run_url,
        ..unknown(Ci::Bitbucket)
    }
}

pub(super) fn circleci(env: &Env) -> Job {
    let v = Variables(env);
    let git_ref = v.tag_or_branch("CIRCLE_TAG", "CIRCLE_BRANCH");
    // The number stands alone for forks only, and at the end of the URL for all.
    let number = v.get("CIRCLE_PR_NUMBER").or_else(|| {
        let url = env.get("CIRCLE_PULL_REQUEST")?;
        Some(url.trim_end_matches('/').rsplit('/').next()?.to_owned())
    });
    let event = match (&git_ref, number) {
        (Some(GitRef::Tag(_)), _) | (_, None) => Event::Push,
        (_, Some(number)) => Event::PullRequest { number },
    };
    // What comes from a fork is called `pull/NUMBER`.
    let is_fork = |found: &GitRef| found.branch().is_some_and(|branch| branch.starts_with("pull/"));
    Job {
        event,
        git_ref: git_ref.filter(|found| !is_fork(found)),
        sha: v.commit("CIRCLE_SHA1"),
        repository: v.repository("CIRCLE_REPOSITORY_URL"),
        run_url: v.get("CIRCLE_BUILD_URL"),
        ..unknown(Ci::CircleCi)
    }
}

pub(super) fn buildkite(env: &Env) -> Job {
    let v = Variables(env);
    let request = v.get("BUILDKITE_PULL_REQUEST").filter(|number| number != "false");
    let event = match (request, env.get("BUILDKITE_SOURCE").unwrap_or("webhook")) {
        (Some(number), _) => Event::PullRequest { number },
        (None, "webhook") => Event::Push,
        (None, "schedule") => Event::Schedule,
        (None, other) => Event::Other(other.into()),
    };
    let git_ref = match event {
        Event::PullRequest { .. } => None,
        _ => v.tag_or_branch("BUILDKITE_TAG", "BUILDKITE_BRANCH"),
    };
    Job {
        event,
        git_ref,
        sha: v.commit("BUILDKITE_COMMIT"),
        repository: v.repository("BUILDKITE_REPO"),
        default_branch: v.get("BUILDKITE_PIPELINE_DEFAULT_BRANCH"),
        base_ref: v.get("BUILDKITE_PULL_REQUEST_BASE_BRANCH"),
        run_url: v.get("BUILDKITE_BUILD_URL"),
        ..unknown(Ci::Buildkite)
    }
}

/// A date with its offset, as ISO 8601 has it.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}
