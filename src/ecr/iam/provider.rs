//! The CI systems that give a job an OIDC token, and how they name a job in its `sub`.
//!
//! Sources:
//! - GitHub: <https://docs.github.com/en/actions/reference/security/oidc>
//! - GitLab: <https://docs.gitlab.com/ci/secrets/id_token_authentication/>
//! - Jenkins: <https://plugins.jenkins.io/oidc-provider/>
//! - Bitbucket: <https://support.atlassian.com/bitbucket-cloud/docs/integrate-pipelines-with-resource-servers-using-oidc/>
//! - `CircleCI`: <https://circleci.com/docs/guides/permissions-authentication/openid-connect-tokens/>
//! - Buildkite: <https://buildkite.com/docs/pipelines/security/oidc/aws>

use std::fmt;

/// Who gives a job its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI, at gitlab.com or elsewhere.
    GitLab,
    /// Jenkins with the plugin `oidc-provider`.
    Jenkins,
    /// Bitbucket Pipelines.
    Bitbucket,
    /// `CircleCI`.
    CircleCi,
    /// Buildkite.
    Buildkite,
}

impl Provider {
    /// The issuer that all its customers share; none if each has its own.
    pub(super) fn shared_issuer(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("https://token.actions.githubusercontent.com"),
            Self::GitLab => Some("https://gitlab.com"),
            Self::Buildkite => Some("https://agent.buildkite.com"),
            Self::Jenkins | Self::Bitbucket | Self::CircleCi => None,
        }
    }

    /// For each of what it has an issuer, and what that looks like, if there is no shared one.
    pub(super) fn own_issuer(self) -> (&'static str, &'static str) {
        match self {
            Self::GitHub => ("server", "https://HOST/_services/token"),
            Self::GitLab => ("instance", "https://HOST"),
            Self::Jenkins => ("controller", "https://JENKINS/oidc"),
            Self::Bitbucket => (
                "workspace",
                "https://api.bitbucket.org/2.0/workspaces/WORKSPACE/pipelines-config/identity/oidc",
            ),
            Self::CircleCi => ("organization", "https://oidc.circleci.com/org/ORGANIZATION_ID"),
            Self::Buildkite => ("organization", "https://agent.buildkite.com"),
        }
    }

    /// What a subject has to name.
    pub(super) fn owner(self) -> &'static str {
        match self {
            Self::GitHub => "the owner of the repository",
            Self::GitLab => "the group",
            Self::Jenkins => "the controller, or what else all of its subjects begin with",
            Self::Bitbucket => "the repository",
            Self::CircleCi | Self::Buildkite => "the organization",
        }
    }

    /// What subjects look like.
    pub fn subjects(self) -> &'static [&'static str] {
        match self {
            Self::GitHub => &[
                "repo:OWNER/REPO:ref:refs/heads/main",
                "repo:OWNER/REPO:ref:refs/tags/v*",
                "repo:OWNER/REPO:environment:NAME",
                "repo:OWNER/REPO:pull_request",
                "repo:OWNER@OWNER_ID/REPO@REPO_ID:ref:refs/heads/main",
            ],
            Self::GitLab => &[
                "project_path:GROUP/PROJECT:ref_type:branch:ref:main",
                "project_path:GROUP/PROJECT:ref_type:tag:ref:v*",
            ],
            Self::Jenkins => &["https://JENKINS/job/FOLDER/job/NAME/", "https://JENKINS/job/FOLDER/*"],
            Self::Bitbucket => &["{REPOSITORY_UUID}:*", "{REPOSITORY_UUID}:{ENVIRONMENT_UUID}:*"],
            Self::CircleCi => &["org/ORGANIZATION_ID/project/PROJECT_ID/user/*"],
            Self::Buildkite => {
                &["organization:ORGANIZATION:pipeline:PIPELINE:ref:refs/heads/main:commit:*:step:*"]
            }
        }
    }

    /// Whether a subject, or a pattern of subjects, is of somebody in particular. Subjects can be made of other claims
    /// (GitHub and GitLab let one choose); then a pattern has to hold the first of them whole.
    pub(super) fn is_somebody(self, subject: &str) -> bool {
        let Some(star) = subject.find(['*', '?']) else { return !subject.is_empty() };
        let fixed = &subject[..star];
        let closed = |start: &str, end: char| {
            let rest = fixed.strip_prefix(start)?;
            Some(rest.split_once(end).is_some_and(|(owner, _)| !owner.is_empty()))
        };
        let a_claim = || {
            let parts: Vec<&str> = fixed.splitn(3, ':').collect();
            parts.len() == 3 && parts[..2].iter().all(|part| !part.is_empty())
        };
        match self {
            Self::GitHub => closed("repo:", '/').unwrap_or_else(a_claim),
            Self::GitLab => closed("project_path:", '/').unwrap_or_else(a_claim),
            Self::Buildkite => closed("organization:", ':').unwrap_or_else(a_claim),
            Self::CircleCi => closed("org/", '/').unwrap_or(false),
            Self::Bitbucket => closed("{", '}').unwrap_or(false),
            Self::Jenkins => closed("https://", '/').unwrap_or(!fixed.is_empty()),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Jenkins => "Jenkins",
            Self::Bitbucket => "Bitbucket",
            Self::CircleCi => "CircleCI",
            Self::Buildkite => "Buildkite",
        })
    }
}
