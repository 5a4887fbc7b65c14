//! Labels of an image that tell where it comes from.
//!
//! <https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys>

use super::git::GitError;
use super::job::Facts;
use crate::base::clock::rfc3339;
use crate::base::{Failure, Kind, Tag};

/// What all of these keys begin with.
const NAMESPACE: &str = "org.opencontainers.image";

/// Labels, and which there could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Keys in full, with their values.
    pub pairs: Vec<(String, String)>,
    /// The keys whose value nobody says.
    pub unknown: Vec<String>,
}

/// Nobody says which commit it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("labels from the CI or Git need the commit, and {}", why(git.as_ref()))]
pub struct NoCommit {
    git: Option<GitError>,
}

fn why(git: Option<&GitError>) -> String {
    git.map_or_else(|| "the checkout does not know it".into(), ToString::to_string)
}

impl Failure for NoCommit {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        self.git.as_ref().and_then(Failure::hint)
    }
}

/// The labels for a commit. All of them follow from it and from `version`, none from the time or the machine, so that
/// the same commit gives the same image.
pub fn labels(facts: &Facts, version: Option<&Tag>) -> Result<Labels, NoCommit> {
    let Some(sha) = &facts.sha else { return Err(NoCommit { git: facts.git.clone() }) };
    let repository = facts.repository.as_deref();
    let title = repository.and_then(|url| url.rsplit('/').next());
    let mut labels = Labels { pairs: Vec::new(), unknown: Vec::new() };
    for (key, value) in [
        ("title", title.map(str::to_owned)),
        ("url", repository.map(str::to_owned)),
        ("source", repository.map(str::to_owned)),
        ("version", version.map(ToString::to_string)),
        ("created", facts.commit_date.map(rfc3339)),
        ("revision", Some(sha.clone())),
    ] {
        let key = format!("{NAMESPACE}.{key}");
        match value {
            Some(value) => labels.pairs.push((key, value)),
            None => labels.unknown.push(key),
        }
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::{Checkout, GitRef};

    fn facts() -> Facts {
        let checkout = Checkout {
            git_ref: Some(GitRef::Branch("main".into())),
            sha: Some("90dd6032fac8bda1b6c4436a2e65de27961ed071".into()),
            commit_date: Some("2020-01-10T01:30:00+01:00".parse().unwrap()),
            repository: Some("https://github.com/octocat/Hello-World".into()),
            default_branch: None,
        };
        Facts::join(None, Ok(checkout))
    }

    #[test]
    fn all_that_is_known() {
        let found = labels(&facts(), Some(&"1.2.3".parse().unwrap())).unwrap();
        let lines: Vec<_> = found.pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        org.opencontainers.image.title=Hello-World
        org.opencontainers.image.url=https://github.com/octocat/Hello-World
        org.opencontainers.image.source=https://github.com/octocat/Hello-World
        org.opencontainers.image.version=1.2.3
        org.opencontainers.image.created=2020-01-10T00:30:00Z
        org.opencontainers.image.revision=90dd6032fac8bda1b6c4436a2e65de27961ed071
        ");
        assert_eq!(found.unknown, Vec::<String>::new());
    }

    #[test]
    fn what_is_not_known_is_left_out_and_named() {
        let bare = Facts { repository: None, commit_date: None, ..facts() };
        let found = labels(&bare, None).unwrap();
        assert_eq!(found.pairs.len(), 1);
        let keys = ["title", "url", "source", "version", "created"];
        assert_eq!(found.unknown, keys.map(|key| format!("org.opencontainers.image.{key}")));
    }

    #[test]
    fn without_a_commit_there_are_none() {
        let error = labels(&Facts::join(None, Err(GitError::NotInstalled)), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "labels from the CI or Git need the commit, and the program `git` is not installed"
        );
        assert!(error.hint().unwrap().contains("install"));
    }
}
