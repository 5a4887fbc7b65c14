//! Why we are nobody for AWS.

use crate::auth::denied::Refusal;
use crate::base::{Failure, Kind, env};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// Obtaining credentials failed. No variant holds a token or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The CI's token endpoint could not be used.
    #[error("asking {service} for an OIDC token at {url}")]
    TokenRequest {
        /// Whose endpoint.
        service: &'static str,
        /// Where, without its query.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The CI's token endpoint answered with an error.
    #[error("{service} gave no OIDC token: {url} answered {status}")]
    TokenRefused {
        /// Whose endpoint.
        service: &'static str,
        /// Where, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// A token file could not be read.
    #[error("reading the OIDC token file `{}`", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A variable that should hold a token is empty.
    #[error("the environment variable `{name}`, which should hold an OIDC token, is not set")]
    TokenVariable {
        /// Its name.
        name: String,
    },
    /// The program that gives tokens did not.
    #[error("asking `{}` for an OIDC token: {why}", program.display())]
    TokenProgram {
        /// The program.
        program: PathBuf,
        /// Why; nothing of what it printed as its result.
        why: String,
    },
    /// What we got is no token.
    #[error("what {origin} holds is not a JSON Web Token")]
    NotAToken {
        /// Where it came from.
        origin: String,
    },
    /// A role is to be assumed, and there is no token to do it with.
    #[error("there is no OIDC token to assume the role {role} with; tried, in this order:\n{tried}")]
    NoToken {
        /// The role.
        role: String,
        /// One line for each place.
        tried: String,
        /// What to do, in the terms of the CI at hand.
        advice: String,
    },
    /// STS refused the token.
    #[error("{0}")]
    RoleRefused(Box<Refusal>),
    /// STS refused the credentials that a role was to be assumed with.
    #[error("STS refused to let these credentials assume the role {role}: {code}: {message}{request}")]
    AssumeRefused {
        /// The role.
        role: String,
        /// AWS's error code.
        code: String,
        /// AWS's words.
        message: String,
        /// AWS's request id in brackets, if it gave one.
        request: String,
    },
    /// STS could not be asked.
    #[error("asking STS to assume the role {role}")]
    StsUnreachable {
        /// The role.
        role: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing gave credentials.
    #[error("no AWS credentials were found; tried, in this order:\n{tried}")]
    NoCredentials {
        /// One line for each place.
        tried: String,
        /// Whether the CI offers a token, so that a role is all that is missing.
        token_at_hand: bool,
    },
    /// The account is not one of those that are allowed.
    #[error("the credentials belong to the account {account}, and only {allowed} may be used")]
    AccountNotAllowed {
        /// Whose they are.
        account: String,
        /// What `--allowed-account-ids` says.
        allowed: String,
    },
    /// No region is set anywhere.
    #[error("no AWS region is set")]
    NoRegion,
    /// A file with credentials of other tools could not be used.
    #[error("the credentials in `{}` can't be read: {why}", path.display())]
    DockerConfig {
        /// The file.
        path: PathBuf,
        /// Why; nothing of what stands in the file.
        why: String,
    },
    /// There is no place for a file with credentials.
    #[error("there is no place for the registry's password: neither HOME nor DOCKER_CONFIG is set")]
    NoDockerConfig,
    /// A file with credentials is not as it should be, so nothing is changed in it.
    #[error("`{}` was left as it is, since its form is not Docker's: {why}", path.display())]
    DockerConfigForm {
        /// The file.
        path: PathBuf,
        /// Why; nothing of what stands in the file.
        why: String,
    },
    /// A file with credentials could not be written.
    #[error("writing the credentials to `{}`", path.display())]
    DockerConfigWrite {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A credential helper did not work.
    #[error("the credential helper for {host} that `{}` names did not work: {why}", path.display())]
    DockerHelper {
        /// The registry.
        host: String,
        /// The file that names the helper.
        path: PathBuf,
        /// Why; nothing of what the helper printed.
        why: String,
    },
    /// ECR gave no password for its `/v2/`.
    #[error("{} gave no password for its registry: GetAuthorizationToken: {code}: {message}", ecr(*public))]
    EcrPasswordRefused {
        /// Whether it was ECR Public.
        public: bool,
        /// AWS's error code.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// ECR could not be asked for a password.
    #[error("asking {} for the password of its registry: {why}", ecr(*public))]
    EcrUnreachable {
        /// Whether it was ECR Public.
        public: bool,
        /// Why.
        why: String,
    },
    /// Something that should let us in can't be used.
    #[error("{what} can't be used to log in")]
    Unusable {
        /// What.
        what: &'static str,
    },
}

/// Which of the two services.
fn ecr(public: bool) -> &'static str {
    if public { "ECR Public" } else { "ECR" }
}

impl AuthError {
    /// The error of this type among the causes of `error`: the SDK wraps what a provider of credentials gives.
    pub fn inside(error: &(dyn Error + 'static)) -> Option<Arc<Self>> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<Arc<Self>>() {
                return Some(Arc::clone(found));
            }
            cause = error.source();
        }
        None
    }
}

impl Failure for AuthError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoRegion
            | Self::DockerConfig { .. }
            | Self::NoDockerConfig
            | Self::DockerConfigForm { .. }
            | Self::DockerConfigWrite { .. } => Kind::Input,
            Self::TokenRequest { .. } | Self::StsUnreachable { .. } | Self::EcrUnreachable { .. } => {
                Kind::Exhausted
            }
            _ => Kind::Denied,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::TokenRequest { .. } => "check the network of this job, and run it again".into(),
            Self::StsUnreachable { .. } => {
                "check the network and the region, and `AWS_ENDPOINT_URL_STS` if it is set; then run it again".into()
            }
            Self::TokenRefused { .. } => {
                "in GitHub Actions the job needs `permissions: id-token: write`, and a pull request from a fork \
                 never gets a token"
                    .into()
            }
            Self::TokenVariable { name } => format!(
                "check `--web-identity-token-env`; in GitLab the job has to declare the token: `id_tokens: {{ {name}: {{ \
                 aud: sts.amazonaws.com }} }}`"
            ),
            Self::TokenFile { .. } | Self::NotAToken { .. } => {
                "check `--web-identity-token-file` and `--web-identity-token-env`, and that the CI issues the \
                 token for this job"
                    .into()
            }
            Self::TokenProgram { program, .. } => {
                format!("run it in the job to see more: `{} oidc request-token`", program.display())
            }
            Self::AssumeRefused { .. } => {
                "the role must exist, its trust policy must name whose credentials these are, with the external id if \
                 it wants one, and they need the permission `sts:AssumeRole` on it"
                    .into()
            }
            Self::NoToken { advice, .. } => advice.clone(),
            Self::RoleRefused(refusal) => refusal.hint(),
            Self::NoCredentials { token_at_hand: true, .. } => {
                "this job can get an OIDC token: name the role to use it for with `--role-to-assume ARN`".into()
            }
            Self::NoCredentials { .. } => {
                "pass `--role-to-assume ARN` in a CI job that has an OIDC token, or set AWS_PROFILE or \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                    .into()
            }
            Self::AccountNotAllowed { .. } => {
                "check the role's ARN, or add the account to `--allowed-account-ids`".into()
            }
            Self::NoRegion => "pass `--region`, or set AWS_REGION".into(),
            Self::DockerConfig { .. } => {
                "log in again with `docker login` or `podman login`, which write the file anew".into()
            }
            Self::NoDockerConfig => "set DOCKER_CONFIG to a folder, or pass `--registry-auth-file PATH`".into(),
            Self::DockerConfigForm { .. } => "correct the file, or move it away, and run the same command again".into(),
            Self::DockerConfigWrite { .. } => {
                "another place is taken with DOCKER_CONFIG=FOLDER, or with `--registry-auth-file PATH`".into()
            }
            Self::DockerHelper { host, .. } => format!(
                "install the helper `docker-credential-…` that the file names, or log in without one: \
                 `docker login {host}`"
            ),
            Self::EcrPasswordRefused { public: true, .. } => {
                "the role needs the permissions `ecr-public:GetAuthorizationToken` and `sts:GetServiceBearerToken`, both \
                 on `*`"
                    .into()
            }
            Self::EcrPasswordRefused { .. } => {
                "the role needs the permission `ecr:GetAuthorizationToken` on `*`; a push with `--transport ecr` does \
                 without"
                    .into()
            }
            Self::EcrUnreachable { public, .. } => {
                let variable =
                    if *public { env::AWS_ENDPOINT_URL_ECR_PUBLIC } else { env::AWS_ENDPOINT_URL_ECR };
                format!("check the network, and `{variable}` if it is set; then run it again")
            }
            Self::Unusable { .. } => "log in to the registry again: `docker login HOST`".into(),
        })
    }
}
