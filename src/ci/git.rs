//! What a checkout says of its commit, asked of the program `git`.

use super::job::{GitRef, web_url};
use crate::base::{Failure, Kind, Timestamp};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why Git says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// There is no such program.
    #[error("the program `git` is not installed")]
    NotInstalled,
    /// The folder is in no checkout.
    #[error("`{}` is not in a Git checkout", directory.display())]
    NotACheckout {
        /// The folder.
        directory: PathBuf,
    },
    /// The checkout belongs to another user, and Git does not read those.
    #[error("Git does not read the checkout `{}`, as it belongs to another user", directory.display())]
    NotOurs {
        /// The folder.
        directory: PathBuf,
    },
    /// There is nothing in it yet.
    #[error("the checkout of `{}` has no commit", directory.display())]
    NoCommit {
        /// The folder.
        directory: PathBuf,
    },
    /// Anything else.
    #[error("Git failed: {message}")]
    Failed {
        /// What it said.
        message: String,
    },
}

impl Failure for GitError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotInstalled => "install `git` in the image that the job runs in".into(),
            Self::NotACheckout { .. } => "run it in the checkout of the repository".into(),
            Self::NotOurs { directory } => {
                format!("allow it: `git config --global --add safe.directory {}`", directory.display())
            }
            Self::NoCommit { .. } => "commit something first".into(),
            Self::Failed { .. } => return None,
        })
    }
}

/// What a checkout says. What it does not say is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkout {
    /// The branch; if none is checked out, the tag of the commit, or the only branch of `origin` that is at it.
    pub git_ref: Option<GitRef>,
    /// The commit, in full.
    pub sha: Option<String>,
    /// When it was committed.
    pub commit_date: Option<Timestamp>,
    /// Where people look at the remote `origin`: `https://HOST/PATH`.
    pub repository: Option<String>,
    /// The branch that `origin` has as its default, if the clone knows.
    pub default_branch: Option<String>,
}

impl Checkout {
    /// Asks in `directory`. With `commit`, which must be a hash in full, the date is the one of that commit, or none if
    /// the checkout does not have it.
    pub fn read(directory: &Path, commit: Option<&str>) -> Result<Self, GitError> {
        let git = Git { directory };
        let sha = git.run(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?;
        let sha = sha.ok_or_else(|| GitError::NoCommit { directory: directory.into() })?;
        let commit = commit.unwrap_or(&sha);
        let date = git.run(&["log", "-1", "--no-show-signature", "--format=%ct", commit, "--"])?;
        let commit_date = date.and_then(|seconds| Timestamp::from_second(seconds.parse().ok()?).ok());
        let head = git.run(&["symbolic-ref", "--quiet", "HEAD"])?;
        let git_ref = match head.as_deref().and_then(GitRef::full) {
            Some(branch) => Some(branch),
            None => git.detached()?,
        };
        let default = git.run(&["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"])?;
        let default_branch =
            default.and_then(|name| Some(name.strip_prefix("refs/remotes/origin/")?.to_owned()));
        let remote = git.run(&["config", "--get", "remote.origin.url"])?;
        let repository = remote.and_then(|url| web_url(&url));
        Ok(Self { git_ref, sha: Some(sha), commit_date, repository, default_branch })
    }
}

/// The program in a folder.
struct Git<'a> {
    directory: &'a Path,
}

impl Git<'_> {
    /// The first line that it prints; none if it has no answer, which it says with an exit code and nothing else.
    fn run(&self, arguments: &[&str]) -> Result<Option<String>, GitError> {
        let lines = self.lines(arguments)?;
        Ok(lines.into_iter().next().filter(|line| !line.is_empty()))
    }

    fn lines(&self, arguments: &[&str]) -> Result<Vec<String>, GitError> {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.directory)
            .args(arguments)
            .stdin(Stdio::null())
            // Texts as they are known here, no questions, nothing written and nothing fetched.
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .output()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => GitError::NotInstalled,
                _ => GitError::Failed { message: error.to_string() },
            })?;
        if output.status.success() {
            let text = String::from_utf8_lossy(&output.stdout);
            return Ok(text.lines().map(|line| line.trim().to_owned()).collect());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let directory = || self.directory.to_owned();
        if stderr.contains("not a git repository") {
            Err(GitError::NotACheckout { directory: directory() })
        } else if let Some((_, rest)) = stderr.split_once("dubious ownership in repository at '") {
            // The folder to be trusted is the one that Git names, above this one perhaps.
            let root = rest.split('\'').next().unwrap_or_default();
            Err(GitError::NotOurs { directory: root.into() })
        } else if stderr.trim().is_empty() || stderr.contains("bad object") || stderr.contains("bad revision")
        {
            Ok(Vec::new())
        } else {
            let message = stderr.lines().next().unwrap_or_default().trim_start_matches("fatal: ").to_owned();
            Err(GitError::Failed { message })
        }
    }

    /// The name of a commit that was checked out without one: its tag, the highest version if there are several, or
    /// the only branch of `origin` that is at it.
    fn detached(&self) -> Result<Option<GitRef>, GitError> {
        let here = ["for-each-ref", "--points-at=HEAD", "--format=%(refname)"];
        let tags = self.lines(&[&here[..], &["--sort=-version:refname", "refs/tags"]].concat())?;
        if let Some(tag) = tags.first() {
            return Ok(GitRef::full(tag));
        }
        let branches = self.lines(&[&here[..], &["refs/remotes/origin"]].concat())?;
        let names = branches.iter().filter_map(|name| name.strip_prefix("refs/remotes/origin/"));
        let names: Vec<_> = names.filter(|name| *name != "HEAD").collect();
        Ok(match names.as_slice() {
            [name] => Some(GitRef::Branch((*name).to_owned())),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with one commit on `main`.
    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), "init -q -b main");
        git(folder.path(), "commit -q --allow-empty -m first");
        folder
    }

    fn git(folder: &Path, arguments: &str) {
        let output = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"])
            .args(arguments.split(' '))
            .env("GIT_COMMITTER_DATE", "2020-01-10T00:30:00Z")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be none")]
    fn branch(name: &str) -> Option<GitRef> {
        Some(GitRef::Branch(name.into()))
    }

    #[test]
    fn a_branch() {
        let folder = repository();
        git(folder.path(), "tag v1");
        git(folder.path(), "remote add origin https://user:hunter2@git.example/octo/shop.git");
        let found = Checkout::read(folder.path(), None).unwrap();
        assert_eq!(found.git_ref, branch("main"));
        assert_eq!(found.commit_date, Some("2020-01-10T00:30:00Z".parse().unwrap()));
        assert_eq!(found.repository.as_deref(), Some("https://git.example/octo/shop"));
        assert_eq!((found.sha.unwrap().len(), found.default_branch), (40, None));
        let unknown = Checkout::read(folder.path(), Some(&"a".repeat(40))).unwrap();
        assert_eq!(unknown.commit_date, None);
    }

    #[test]
    fn a_detached_head() {
        let folder = repository();
        git(folder.path(), "checkout -q --detach");
        assert_eq!(Checkout::read(folder.path(), None).unwrap().git_ref, None);
        git(folder.path(), "update-ref refs/remotes/origin/next HEAD");
        assert_eq!(Checkout::read(folder.path(), None).unwrap().git_ref, branch("next"));
        git(folder.path(), "update-ref refs/remotes/origin/other HEAD");
        assert_eq!(Checkout::read(folder.path(), None).unwrap().git_ref, None);
        git(folder.path(), "tag v1.9.0");
        git(folder.path(), "tag -a -m x v1.10.0");
        let tag = Some(GitRef::Tag("v1.10.0".into()));
        assert_eq!(Checkout::read(folder.path(), None).unwrap().git_ref, tag);
    }

    #[test]
    fn a_clone_knows_the_default_branch() {
        let folder = repository();
        let clone = tempfile::tempdir().unwrap();
        git(clone.path(), &format!("clone -q {} shop", folder.path().display()));
        let found = Checkout::read(&clone.path().join("shop"), None).unwrap();
        assert_eq!(found.default_branch.as_deref(), Some("main"));
        assert_eq!(found.repository, None, "a path is nobody else's");
    }

    #[test]
    fn no_checkout_and_no_commit() {
        let folder = tempfile::tempdir().unwrap();
        let error = Checkout::read(folder.path(), None).unwrap_err();
        assert!(matches!(error, GitError::NotACheckout { .. }), "{error}");
        git(folder.path(), "init -q");
        let error = Checkout::read(folder.path(), None).unwrap_err();
        assert!(matches!(error, GitError::NoCommit { .. }), "{error}");
    }
}
