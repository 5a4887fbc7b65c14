//! The environment: the variables that consign knows by name, and a snapshot of them that is passed in.
//!
//! Every option of the command line also has a variable `CONSIGN_…`; those are declared beside the option.

use std::collections::BTreeMap;

macro_rules! variables {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = $text;)+
        /// Every variable with its meaning, for the documentation.
        pub const ALL: &[(&str, &str)] = &[$(($text, concat!($($doc),+))),+];
    };
}

variables! {
    /// Where ECR's API answers, instead of AWS.
    AWS_ENDPOINT_URL_ECR = "AWS_ENDPOINT_URL_ECR";
    /// Where the API of ECR Public answers, instead of AWS.
    AWS_ENDPOINT_URL_ECR_PUBLIC = "AWS_ENDPOINT_URL_ECR_PUBLIC";
    /// Where STS answers, instead of AWS.
    AWS_ENDPOINT_URL_STS = "AWS_ENDPOINT_URL_STS";
    /// The region.
    AWS_REGION = "AWS_REGION";
    /// The role that goes with `AWS_WEB_IDENTITY_TOKEN_FILE`.
    AWS_ROLE_ARN = "AWS_ROLE_ARN";
    /// A file that holds an OIDC token.
    AWS_WEB_IDENTITY_TOKEN_FILE = "AWS_WEB_IDENTITY_TOKEN_FILE";
    /// GitHub Actions: where the job asks for its OIDC token.
    ACTIONS_ID_TOKEN_REQUEST_URL = "ACTIONS_ID_TOKEN_REQUEST_URL";
    /// GitHub Actions: what it shows there.
    ACTIONS_ID_TOKEN_REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
    /// Set by GitHub Actions.
    GITHUB_ACTIONS = "GITHUB_ACTIONS";
    /// GitHub Actions: the folder of the repository, which annotations name files from.
    GITHUB_WORKSPACE = "GITHUB_WORKSPACE";
    /// GitHub Actions: the file that takes a step's outputs.
    GITHUB_OUTPUT = "GITHUB_OUTPUT";
    /// GitHub Actions: the file that takes a step's summary.
    GITHUB_STEP_SUMMARY = "GITHUB_STEP_SUMMARY";
    /// GitHub Actions: the file that takes folders for the PATH of later steps.
    GITHUB_PATH = "GITHUB_PATH";
    /// Set by GitLab CI.
    GITLAB_CI = "GITLAB_CI";
    /// GitLab CI: the token that `id_tokens:` put under this name.
    CONSIGN_ID_TOKEN = "CONSIGN_ID_TOKEN";
    /// GitLab CI: the token that `id_tokens:` put under this name, if there is no `CONSIGN_ID_TOKEN`.
    AWS_ID_TOKEN = "AWS_ID_TOKEN";
    /// Bitbucket Pipelines: the step's OIDC token.
    BITBUCKET_STEP_OIDC_TOKEN = "BITBUCKET_STEP_OIDC_TOKEN";
    /// `CircleCI`: the job's OIDC token, with branch or tag in its subject.
    CIRCLE_OIDC_TOKEN_V2 = "CIRCLE_OIDC_TOKEN_V2";
    /// `CircleCI`: the job's OIDC token in its older form.
    CIRCLE_OIDC_TOKEN = "CIRCLE_OIDC_TOKEN";
    /// Buildkite: with it, `buildkite-agent` gets the job's OIDC token.
    BUILDKITE_AGENT_ACCESS_TOKEN = "BUILDKITE_AGENT_ACCESS_TOKEN";
    /// The folder of Docker's `config.json`, where `docker login` keeps credentials of registries.
    DOCKER_CONFIG = "DOCKER_CONFIG";
    /// The file where `podman login` and `skopeo login` keep credentials of registries.
    REGISTRY_AUTH_FILE = "REGISTRY_AUTH_FILE";
    /// The user's folder for the time of a session; podman keeps credentials of registries in it.
    XDG_RUNTIME_DIR = "XDG_RUNTIME_DIR";
    /// Seconds since 1970 for every time stamp in the image.
    SOURCE_DATE_EPOCH = "SOURCE_DATE_EPOCH";
    /// Turns colours off when it is set and not empty (<https://no-color.org>).
    NO_COLOR = "NO_COLOR";
    /// The inputs of `action.yml`, as JSON; if it is not set, they are read from stdin.
    CONSIGN_ACTION_INPUTS = "CONSIGN_ACTION_INPUTS";
    /// The role to assume with the CI's OIDC token.
    CONSIGN_ROLE_TO_ASSUME = "CONSIGN_ROLE_TO_ASSUME";
    /// Where `/v2/` of an ECR host is found, instead of at that host.
    CONSIGN_REGISTRY_ENDPOINT = "CONSIGN_REGISTRY_ENDPOINT";
    /// The host name of the private registry, where it is not `ACCOUNT.dkr.ecr.REGION.amazonaws.com`.
    CONSIGN_REGISTRY_HOST = "CONSIGN_REGISTRY_HOST";
}

/// A snapshot of the environment. An empty variable counts as one that is not set, as CI systems set what
/// has no value to the empty string.
#[derive(Debug, Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The value of `name`, unless it is unset or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether `name` is set to nothing.
    pub fn is_blank(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(String::is_empty)
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_unset() {
        let env: Env = [("AWS_REGION", ""), ("NO_COLOR", "1")].into_iter().collect();
        assert_eq!(env.get(AWS_REGION), None);
        assert_eq!(env.get(NO_COLOR), Some("1"));
        assert!(ALL.iter().any(|(name, meaning)| *name == NO_COLOR && meaning.contains("colours")));
    }
}
