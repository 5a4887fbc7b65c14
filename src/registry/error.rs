//! What a registry, or the way to it, can refuse.

use crate::auth::AuthError;
use crate::base::docker_name::DOCKER_HUB;
use crate::base::{Failure, Kind, ManifestDigest, RegistryHost, RepositoryName, Tag, env};
use crate::image::NoPlatform;
use crate::registry::ecr_public::PublicName;
use std::sync::Arc;

/// A call to a registry failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The repository is not there.
    #[error("the repository `{repository}` does not exist in the registry {registry}")]
    RepositoryNotFound {
        /// Its name.
        repository: RepositoryName,
        /// Where it was looked for.
        registry: String,
    },
    /// A name on ECR Public has no alias in front, or a name that can't be one behind it.
    #[error("`{host}/{path}` is no repository of ECR Public")]
    NoPublicName {
        /// `public.ecr.aws`
        host: String,
        /// What stands behind it.
        path: RepositoryName,
    },
    /// The repository is in the registry of another account, which does not let us in.
    #[error(
        "`{host}/{name}` is not in the registry of this account on ECR Public, {}{}",
        known_as(own),
        in_brackets(said.as_deref())
    )]
    NotOwnAlias {
        /// `public.ecr.aws`
        host: String,
        /// The repository.
        name: PublicName,
        /// The names that the registry of the account has.
        own: Vec<String>,
        /// What was refused because of it, if it was tried.
        said: Option<String>,
    },
    /// A repository was to be made on ECR Public in a way that is possible on private ECR alone.
    #[error("repositories on ECR Public have no such settings: {}", settings.join(", "))]
    NotInPublic {
        /// The settings, by their names in `consign.yaml`.
        settings: Vec<&'static str>,
    },
    /// The tag belongs to another image and can't be moved.
    #[error(
        "the tag `{tag}` of `{repository}` is immutable and belongs to another image\n  in the registry: \
         {existing}\n  to be pushed:    {pushed}"
    )]
    TagImmutable {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
        /// The image that has it.
        existing: ManifestDigest,
        /// The image that was to get it.
        pushed: ManifestDigest,
    },
    /// IAM, or the registry's own rules, say no.
    #[error("{operation} on {resource} was denied: {code}: {message}{request}")]
    Denied {
        /// The operation of ECR's API, or method and resource of the distribution API: `PUT manifests`.
        operation: &'static str,
        /// On what.
        resource: String,
        /// The error code of AWS or of the registry.
        code: String,
        /// The words that go with it.
        message: String,
        /// AWS's request id or the HTTP status, in brackets, as far as there is one.
        request: String,
    },
    /// The registry says no.
    #[error("{operation} on {resource} was refused: {code}: {message}{request}")]
    Refused {
        /// The operation of ECR's API, or method and resource of the distribution API: `PUT manifests`.
        operation: &'static str,
        /// On what.
        resource: String,
        /// The error code of AWS or of the registry.
        code: String,
        /// The words that go with it.
        message: String,
        /// AWS's request id or the HTTP status, in brackets, as far as there is one.
        request: String,
    },
    /// No attempt got through.
    #[error("{operation} on {resource} did not get through: {why}")]
    Exhausted {
        /// The operation of ECR's API, or method and resource of the distribution API: `PUT manifests`.
        operation: &'static str,
        /// On what.
        resource: String,
        /// The last failure.
        why: String,
    },
    /// There are no credentials, or they could not be renewed.
    #[error(transparent)]
    Auth(#[from] Arc<AuthError>),
    /// The bytes could not be made.
    #[error(transparent)]
    Source(Arc<dyn Failure>),
    /// An upload was lost again and again.
    #[error("the registry lost the upload of {name} {times} times")]
    UploadLost {
        /// What was uploaded.
        name: String,
        /// How often.
        times: u32,
    },
    /// The registry answered with something that makes no sense.
    #[error("{operation} on {resource} was answered with something unexpected: {what}")]
    Nonsense {
        /// The operation of ECR's API, or method and resource of the distribution API: `PUT manifests`.
        operation: &'static str,
        /// On what.
        resource: String,
        /// What is wrong with the answer.
        what: String,
    },
    /// A registry does not let us in.
    #[error("{host} does not let {who} into the repository `{repository}`: {said}")]
    NotLoggedIn {
        /// The registry.
        host: String,
        /// The repository.
        repository: RepositoryName,
        /// As whom we came: `anonymous users`, ``the user `ci` ``.
        who: String,
        /// The registry's code and words.
        said: String,
    },
    /// An index lists what is not there.
    #[error("{image} is not whole: {what}")]
    Incomplete {
        /// The image or index.
        image: String,
        /// What it lacks.
        what: String,
    },
    /// An image is not there for a platform.
    #[error(transparent)]
    NoPlatform(#[from] NoPlatform),
    /// What stands in front of a repository is no host.
    #[error("`{host}` is not the host of a registry")]
    BadHost {
        /// What stands there.
        host: String,
    },
    /// More or less was read than there is.
    #[error("{what} has {found} bytes, and {expected} were announced")]
    WrongSize {
        /// A blob.
        what: String,
        /// By its descriptor, in bytes.
        expected: u64,
        /// That came, in bytes. If more came than announced, the rest has not been read.
        found: u64,
    },
    /// What was read is not what its digest says.
    #[error("{what} has the digest {found} instead of {expected}")]
    Corrupt {
        /// A blob or manifest.
        what: String,
        /// By its name.
        expected: String,
        /// By its bytes.
        found: String,
    },
}

impl RegistryError {
    /// The error of a registry that made reading fail.
    pub fn inside(error: &std::io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl Failure for RegistryError {
    fn kind(&self) -> Kind {
        match self {
            Self::RepositoryNotFound { .. }
            | Self::TagImmutable { .. }
            | Self::Refused { .. }
            | Self::Incomplete { .. }
            | Self::Nonsense { .. } => Kind::Refused,
            Self::Denied { .. } | Self::NotLoggedIn { .. } | Self::NotOwnAlias { .. } => Kind::Denied,
            Self::Exhausted { .. } | Self::UploadLost { .. } => Kind::Exhausted,
            Self::NoPlatform(error) => error.kind(),
            Self::Auth(error) => error.kind(),
            Self::Source(error) => error.kind(),
            Self::BadHost { .. }
            | Self::Corrupt { .. }
            | Self::WrongSize { .. }
            | Self::NoPublicName { .. }
            | Self::NotInPublic { .. } => Kind::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::RepositoryNotFound { repository, registry } if is_public(registry) => format!(
                "create it by pushing with `--create-repository`, or with `consign repo create {repository} --public`; \
                 if it exists, check the account"
            ),
            Self::NoPublicName { .. } => {
                "write public.ecr.aws/ALIAS/NAME: the alias of your registry, as `consign repo list --public` shows \
                 it, then a name of 2 to 205 characters"
                    .into()
            }
            Self::NotOwnAlias { host, name, own, .. } => match own.first() {
                Some(alias) => format!(
                    "push to {host}/{alias}/{}; what others have on ECR Public can only be read, unless the policy of \
                     the repository lets this account push",
                    name.repository
                ),
                None => "the first public repository gives the registry its alias: make one with `consign repo create \
                         NAME --public`"
                    .into(),
            },
            Self::NotInPublic { .. } => {
                "leave these out of `repository:` where the push goes to ECR Public, or leave `--create-repository` out and \
                 make the repository beforehand"
                    .into()
            }
            Self::RepositoryNotFound { repository, .. } => format!(
                "create it by pushing with `--create-repository`, or with `consign repo create {repository}`; if it \
                 exists, check the region and the account"
            ),
            Self::TagImmutable { .. } => {
                "push under a new tag, or delete the tag in the registry first".into()
            }
            Self::Denied { operation, code, resource, .. } if code.contains("AccessDenied") => {
                let on = if resource.contains('/') { "the repository" } else { "`*`" };
                format!("the role needs the permission `{}:{operation}` on {on}", service(resource))
            }
            Self::Denied { operation, .. } if is_distribution(operation) => {
                "the registry knows these credentials, and they may not do this: give their owner the right to push \
                 to the repository (for ECR: the IAM permission that the message names), and check the name"
                    .into()
            }
            Self::Denied { .. } => {
                "the registry does not take these credentials: check the role, the region and the clock".into()
            }
            Self::NotLoggedIn { host, who, repository, .. }
                if host == DOCKER_HUB && who.starts_with("anonymous") =>
            {
                format!(
                    "check the name: Docker Hub says the same of a repository that is not there, and names without a \
                     host are looked for on it; if `{repository}` is a private one, log in with `docker login`"
                )
            }
            Self::NotLoggedIn { host, who, .. } if who.starts_with("anonymous") => format!(
                "log in first: `docker login {host}` or `podman login {host}` write the credentials to where consign \
                 finds them; in a CI job, DOCKER_CONFIG or REGISTRY_AUTH_FILE name the place"
            ),
            Self::NotLoggedIn { who, .. } if who.contains("AWS") => {
                "check the role and the region, and that the registry is one of this account".into()
            }
            Self::NotLoggedIn { host, .. } => {
                format!("user or password are wrong or have run out: `docker login {host}` stores new ones")
            }
            Self::Refused { code, .. } if code == "NAME_UNKNOWN" => {
                "check the name; a registry that does not make repositories (or projects) on a push wants this one \
                 to be made beforehand"
                    .into()
            }
            Self::Exhausted { why, .. } if why.starts_with("TOOMANYREQUESTS") => {
                "the registry counts what is asked of it: log in with `docker login`, or let a cache ask, with \
                 `--registry-mirror`"
                    .into()
            }
            Self::Exhausted { operation, .. } if is_distribution(operation) => {
                "check the network and the registry's host and port; then run the same command again: what is stored \
                 is not sent twice"
                    .into()
            }
            Self::Exhausted { resource, .. } => {
                let variable =
                    if is_public(resource) { env::AWS_ENDPOINT_URL_ECR_PUBLIC } else { env::AWS_ENDPOINT_URL_ECR };
                format!(
                    "check the network, and `{variable}` if it is set; then run the same command again: what is stored \
                     is not sent twice"
                )
            }
            Self::BadHost { .. } => {
                "write HOST/NAME or HOST:PORT/NAME; NAME alone means ECR in the account and region in use".into()
            }
            Self::Incomplete { .. } => {
                "push it again with all that it lists, or take one of the images that are there, with `--platform`".into()
            }
            Self::Nonsense { .. } => {
                "something else than a registry may answer there: check the host, and the proxies of the network \
                 (HTTPS_PROXY, NO_PROXY)"
                    .into()
            }
            Self::Corrupt { .. } | Self::WrongSize { .. } => {
                "run the same command again; if it stays so, the image is damaged in that registry, or a proxy alters \
                 what passes: push the image anew, or choose another one"
                    .into()
            }
            Self::NoPlatform(error) => return error.hint(),
            Self::Auth(error) => return error.hint(),
            Self::Source(error) => return error.hint(),
            _ => return None,
        })
    }
}

/// Whether a repository or registry, named with its host, is on ECR Public.
fn is_public(resource: &str) -> bool {
    let host = resource.split('/').next().unwrap_or_default();
    matches!(RegistryHost::new(host), RegistryHost::EcrPublic { .. })
}

/// What IAM calls the service that a resource is of.
fn service(resource: &str) -> &'static str {
    if is_public(resource) { "ecr-public" } else { "ecr" }
}

/// How a registry is called, for people.
fn known_as(aliases: &[String]) -> String {
    match aliases {
        [] => "which has no alias yet".into(),
        [one] => format!("which is called `{one}`"),
        more => format!("which is called `{}`", more.join("` and `")),
    }
}

/// More of what is known, after what counts.
fn in_brackets(said: Option<&str>) -> String {
    said.map_or_else(String::new, |said| format!(" ({said})"))
}

/// Whether an operation is one of the distribution API, which is written as method and resource.
fn is_distribution(operation: &str) -> bool {
    operation.contains(' ')
}
