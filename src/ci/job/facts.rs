//! What is known of the commit that is being built: what the CI says, and for the rest the checkout.

use super::{Ci, Event, GitRef, Job, event_file};
use crate::base::{Env, Timestamp};
use crate::ci::git::{Checkout, GitError};
use std::fmt;
use std::path::Path;

/// The commit that is being built. What nobody says is none.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Whose job it is, if it is one.
    pub ci: Option<Ci>,
    /// Why it is built.
    pub event: Event,
    /// The branch or tag.
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
    /// Why Git says nothing, if it does not.
    pub git: Option<GitError>,
}

impl Facts {
    /// Asks the environment, GitHub's event file, and the program `git` in `directory`.
    pub fn gather(env: &Env, directory: &Path) -> Self {
        let job = Job::detect(env).map(|job| match job.ci {
            Ci::GitHubActions => event_file::add(job, env),
            _ => job,
        });
        let sha = job.as_ref().and_then(|job| job.sha.as_deref());
        let checkout = Checkout::read(directory, sha);
        Self::join(job, checkout)
    }

    /// The two together. The CI comes first: what it says is about this run, and a checkout can be detached, shallow or
    /// of something else. The date is the exception, as it belongs to the commit, and Git has it to the second as it
    /// was committed.
    pub fn join(job: Option<Job>, checkout: Result<Checkout, GitError>) -> Self {
        let (git, checkout) = match checkout {
            Ok(checkout) => (None, checkout),
            Err(error) => (Some(error), Checkout::default()),
        };
        let Some(job) = job else {
            let Checkout { git_ref, sha, commit_date, repository, default_branch } = checkout;
            return Self {
                ci: None,
                event: Event::Push,
                git_ref,
                sha,
                commit_date,
                repository,
                default_branch,
                base_ref: None,
                git,
            };
        };
        // A pull request and the like have no ref because they must not have one.
        let git_ref = match job.event {
            Event::Push | Event::Schedule => job.git_ref.or(checkout.git_ref),
            Event::PullRequest { .. } | Event::Other(_) => job.git_ref,
        };
        Self {
            ci: Some(job.ci),
            event: job.event,
            git_ref,
            sha: job.sha.or(checkout.sha),
            commit_date: checkout.commit_date.or(job.commit_date),
            repository: job.repository.or(checkout.repository),
            default_branch: job.default_branch.or(checkout.default_branch),
            base_ref: job.base_ref,
            git,
        }
    }

    /// The branch, if it is one that is being built.
    pub fn branch(&self) -> Option<&str> {
        self.git_ref.as_ref().and_then(GitRef::branch)
    }

    /// The tag, if it is one that is being built.
    pub fn tag(&self) -> Option<&str> {
        self.git_ref.as_ref().and_then(GitRef::tag)
    }
}

/// What is being built, in a few words.
impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.event, &self.git_ref) {
            (Event::PullRequest { number }, _) => write!(f, "the pull request {number}")?,
            (Event::Schedule, Some(found)) => write!(f, "{found}, on schedule")?,
            (Event::Schedule, None) => f.write_str("a commit, on schedule")?,
            (_, Some(found)) => write!(f, "{found}")?,
            (_, None) => f.write_str("a commit that is neither a branch nor a tag")?,
        }
        match self.ci {
            Some(ci) => write!(f, " in {ci}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout() -> Checkout {
        Checkout {
            git_ref: Some(GitRef::Branch("main".into())),
            sha: Some("a".repeat(40)),
            commit_date: Some(Timestamp::UNIX_EPOCH),
            repository: Some("https://git.example/shop".into()),
            default_branch: Some("main".into()),
        }
    }

    fn job(variables: &[(&str, &str)]) -> Option<Job> {
        Job::detect(&variables.iter().copied().collect())
    }

    #[test]
    fn the_ci_comes_first_and_git_fills_in() {
        let sha = "b".repeat(40);
        let gitlab = job(&[
            ("GITLAB_CI", "true"),
            ("CI_COMMIT_TAG", "v1"),
            ("CI_COMMIT_SHA", &sha),
            ("CI_COMMIT_TIMESTAMP", "2020-01-10T00:30:00+00:00"),
        ]);
        let facts = Facts::join(gitlab, Ok(checkout()));
        assert_eq!((facts.tag(), facts.branch()), (Some("v1"), None));
        assert_eq!(facts.sha, Some(sha));
        assert_eq!(facts.commit_date, Some(Timestamp::UNIX_EPOCH));
        assert_eq!(facts.default_branch.as_deref(), Some("main"));
        assert_eq!(facts.to_string(), "the tag `v1` in GitLab CI");
    }

    #[test]
    fn a_pull_request_never_takes_the_branch_of_the_checkout() {
        let target = job(&[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "pull_request_target")]);
        assert_eq!(Facts::join(target, Ok(checkout())).git_ref, None);
        let request = job(&[("JENKINS_URL", "https://ci.example"), ("CHANGE_ID", "7")]);
        let facts = Facts::join(request, Ok(checkout()));
        assert_eq!(facts.git_ref, None);
        assert_eq!(facts.to_string(), "the pull request 7 in Jenkins");
    }

    #[test]
    fn a_jenkins_job_without_names_takes_those_of_git() {
        let facts = Facts::join(job(&[("JENKINS_URL", "https://ci.example")]), Ok(checkout()));
        assert_eq!(facts.branch(), Some("main"));
    }

    #[test]
    fn without_either_nothing_is_known() {
        let facts = Facts::join(None, Err(GitError::NotInstalled));
        assert_eq!((facts.sha, facts.git_ref), (None, None));
        assert_eq!(facts.git, Some(GitError::NotInstalled));
    }
}
