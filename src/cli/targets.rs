//! From the references that a user wrote to the registries, repositories and tags that are meant.

use super::args::{Aws, RegistryOptions, RegistryPlace, Transport};
use super::build::blocking;
use super::error::{CliError, Fail, auth, bad_option};
use super::{Context, http, http_for_uploads};
use crate::auth::token::TokenSettings;
use crate::auth::{ECR_PUBLIC_REGION, EcrPassword, RoleSettings, Session, SessionSettings, docker};
use crate::base::clock::SystemClock;
use crate::base::docker_name::in_full;
use crate::base::reference::private_host;
use crate::base::{
    Backoff, Env, Event, Reference, RegistryHost, RelativeReference, RepositoryName, Tag, env,
};
use crate::ecr::repository::{Ensured, Wanted, ensure};
use crate::publish::Target;
use crate::registry::distribution::{Credentials, Purpose, Settings};
use crate::registry::ecr::Ecr;
use crate::registry::ecr_public::{EcrPublic, PublicImages, PublicName};
use crate::registry::{AnyRegistry, Distribution, ManifestId, Registry as _, RegistryError};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Parses what was given to `option`. Names on Docker Hub are in full.
pub(super) fn references(option: &str, texts: &[String]) -> Result<Vec<Reference>, Fail> {
    let parse = |text: &String| text.parse().map(in_full).map_err(|error| bad_option(option, error));
    texts.iter().map(parse).collect()
}

/// Which image of its repository a reference means: as for Docker, `latest` if it does not say.
pub(super) fn manifest_id(reference: &Reference) -> ManifestId {
    match (&reference.digest, &reference.tag) {
        (Some(digest), _) => ManifestId::Digest(*digest),
        (None, Some(tag)) => ManifestId::Tag(tag.clone()),
        (None, None) => ManifestId::Tag(latest()),
    }
}

/// Parses what was given to `option`: a tag, a digest, or a reference in full, which is meant beside `repository`.
pub(super) fn beside(option: &str, texts: &[String], repository: &Reference) -> Result<Vec<Reference>, Fail> {
    let parse = |text: &String| match text.parse::<RelativeReference>() {
        Ok(found) => Ok(found.beside(repository)),
        Err(error) => Err(bad_option(option, error)),
    };
    texts.iter().map(parse).collect()
}

fn latest() -> Tag {
    "latest".parse().expect("invariant: a valid tag")
}

/// Which registry a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Registry {
    /// The private one of the account and region in use.
    Own,
    /// A private one that was written out.
    Named { host: String, account: String, region: String },
    /// ECR Public, which is read without an account, and pushed to with one.
    Public { host: String },
    /// Any registry that is not ECR.
    Other { host: String },
}

/// Who answers for a repository of ECR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    /// The API of private registries.
    Private,
    /// The API of ECR Public.
    Public,
}

/// Where registries are, what they are called, and how they are talked to.
#[derive(Debug, Clone)]
pub(super) struct Registries {
    /// How ECR is talked to.
    transport: Transport,
    /// How often something is tried.
    backoff: Backoff,
    /// Where `/v2/` of ECR is found, if not at its host.
    endpoint: Option<Url>,
    /// Name of the private registry, where it is not AWS's.
    own_host: Option<String>,
    /// The host of the endpoint, under which an emulator may be named too.
    endpoint_host: Option<String>,
    /// How long a registry may say nothing.
    patience: Duration,
}

/// How long a registry may say nothing, unless a command has an option for it.
const PATIENCE: Duration = Duration::from_mins(1);
/// Mounting is tried once more and no longer: what can't be mounted is uploaded.
const HASTE: Backoff =
    Backoff { attempts: 2, initial: Duration::from_millis(100), max: Duration::from_millis(100) };

impl Registries {
    /// Reads the options.
    pub(super) fn new(options: &RegistryOptions, aws: &Aws) -> Result<Self, Fail> {
        Self::at(&options.place, aws).map(|registries| registries.over(options.transport))
    }

    /// Reads the options of commands that only use ECR's own API.
    pub(super) fn at(place: &RegistryPlace, aws: &Aws) -> Result<Self, Fail> {
        let endpoint = match &place.registry_endpoint {
            None => None,
            Some(text) => Some(endpoint(text).map_err(|why| bad_option("--registry-endpoint", why))?),
        };
        let endpoint_host = endpoint.as_ref().map(authority);
        let own_host = place.registry_host.clone().or_else(|| endpoint_host.clone());
        let (transport, backoff, patience) = (Transport::Ecr, backoff(aws), PATIENCE);
        Ok(Self { transport, backoff, endpoint, own_host, endpoint_host, patience })
    }

    /// Waits so long when something is read.
    pub(super) fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Talks to ECR like this.
    pub(super) fn over(&self, transport: Transport) -> Self {
        Self { transport, ..self.clone() }
    }

    /// Whether ECR is talked to by its own API.
    pub(super) fn uses_api(&self) -> bool {
        self.transport == Transport::Ecr
    }

    /// Whether an emulator may serve what is in ECR Public, and the same without that.
    pub(super) fn without_endpoint(&self) -> Option<Self> {
        self.endpoint.is_some().then(|| Self { endpoint: None, ..self.clone() })
    }

    fn meant(&self, reference: &Reference) -> Result<Registry, Fail> {
        let Some(host) = &reference.host else { return Ok(Registry::Own) };
        let text = host.as_str();
        if Some(text) == self.own_host.as_deref() || Some(text) == self.endpoint_host.as_deref() {
            return Ok(Registry::Own);
        }
        match host {
            RegistryHost::Ecr { host, account, region } => {
                Ok(Registry::Named { host: host.clone(), account: account.clone(), region: region.clone() })
            }
            RegistryHost::EcrPublic { host } => Ok(Registry::Public { host: host.clone() }),
            RegistryHost::Other { host } if !Distribution::is_host(host) => {
                Err(RegistryError::BadHost { host: host.clone() }.into())
            }
            RegistryHost::Other { host } => Ok(Registry::Other { host: host.clone() }),
        }
    }

    /// Whether two references mean the same repository.
    pub(super) async fn is_same_repository(
        &self,
        session: Option<&Session>,
        one: &Reference,
        other: &Reference,
    ) -> Result<bool, Fail> {
        Ok(one.repository == other.repository && self.is_same_registry(session, one, other).await?)
    }

    /// Whether two references mean the same registry. Which account is in use is asked for only if one of them is
    /// written with an account and the other without.
    pub(super) async fn is_same_registry(
        &self,
        session: Option<&Session>,
        one: &Reference,
        other: &Reference,
    ) -> Result<bool, Fail> {
        match (self.meant(one)?, self.meant(other)?, session) {
            (
                Registry::Named { account, region, .. },
                Registry::Named { account: its, region: there, .. },
                _,
            ) => Ok(account == its && region == there),
            (Registry::Own, Registry::Named { account, region, .. }, Some(session))
            | (Registry::Named { account, region, .. }, Registry::Own, Some(session))
                if self.own_host.is_none() =>
            {
                Ok(region == session.region() && account == session.account().await.map_err(auth)?)
            }
            // It has two hosts.
            (Registry::Public { .. }, Registry::Public { .. }, _) => Ok(true),
            (one, other, _) => Ok(one == other),
        }
    }

    /// The region that the first reference with a full ECR host names. ECR Public's counts if nothing is in the registry
    /// in use, whose region nobody has named then.
    pub(super) fn region(&self, references: &[Reference]) -> Option<String> {
        let meant: Vec<_> = references.iter().filter_map(|reference| self.meant(reference).ok()).collect();
        let named = meant.iter().find_map(|registry| match registry {
            Registry::Named { region, .. } => Some(region.clone()),
            _ => None,
        });
        let is_public = |registry: &Registry| matches!(registry, Registry::Public { .. });
        let public = meant.iter().any(is_public) && !meant.contains(&Registry::Own);
        named.or_else(|| public.then(|| ECR_PUBLIC_REGION.to_owned()))
    }

    /// Whether AWS is needed for any of the references: for those in ECR, and to push to ECR Public.
    pub(super) fn needs_aws(&self, references: &[Reference], purpose: Purpose) -> Result<bool, Fail> {
        let meant =
            references.iter().map(|reference| self.meant(reference)).collect::<Result<Vec<_>, _>>()?;
        Ok(meant.iter().any(|registry| match registry {
            Registry::Own | Registry::Named { .. } => true,
            Registry::Public { .. } => purpose == Purpose::Push,
            Registry::Other { .. } => false,
        }))
    }

    /// The AWS session, if it is needed to push to any of `pushed` or to read any of `read`. Nothing is asked of AWS yet.
    pub(super) async fn session(
        &self,
        pushed: &[Reference],
        read: &[Reference],
        aws: &Aws,
        environment: &Env,
    ) -> Result<Option<Session>, Fail> {
        if !self.needs_aws(pushed, Purpose::Push)? && !self.needs_aws(read, Purpose::Pull)? {
            return Ok(None);
        }
        let region = self.region(&[pushed, read].concat());
        session(aws, region, environment, http()?).await.map(Some)
    }

    /// The registry that `reference` means. Asks for credentials where they are.
    pub(super) async fn open(
        &self,
        session: Option<&Session>,
        reference: &Reference,
        purpose: Purpose,
        environment: &Env,
    ) -> Result<AnyRegistry, Fail> {
        let meant = self.meant(reference)?;
        let session = session.ok_or_else(|| CliError::internal("ECR is meant, and there is no AWS session"));
        let (session, meant) = match meant {
            Registry::Other { host } => {
                return self.by_docker_login(host, None, purpose, environment).await;
            }
            Registry::Public { host } if purpose == Purpose::Pull => {
                return self.by_docker_login(host, self.endpoint.clone(), purpose, environment).await;
            }
            Registry::Public { host } => {
                let session = session?;
                let images = Distribution::new(Settings {
                    host: host.clone(),
                    endpoint: self.endpoint.clone(),
                    credentials: Credentials::Ecr(Arc::new(EcrPassword::public(session))),
                    purpose,
                    backoff: self.backoff,
                    patience: self.patience,
                    http: http_for_uploads()?,
                })?;
                return Ok(AnyRegistry::EcrPublic(PublicImages::new(EcrPublic::new(session, host), images)));
            }
            private @ (Registry::Own | Registry::Named { .. }) => (session?, private),
        };
        let endpoint = self.endpoint.clone();
        let (ecr, region) = self.private(session, meant).await?;
        let credentials = Credentials::Ecr(Arc::new(EcrPassword::new(session, &region)));
        let v2 = |http, backoff| Settings {
            host: ecr.host().to_owned(),
            endpoint,
            credentials,
            purpose,
            backoff,
            patience: self.patience,
            http,
        };
        match self.transport {
            Transport::Ecr if purpose == Purpose::Pull => {
                Ok(AnyRegistry::Ecr(ecr.patient_for(self.patience)))
            }
            Transport::Ecr => {
                let mounts = Distribution::new(v2(session.http().clone(), HASTE))?;
                Ok(AnyRegistry::Ecr(ecr.mounting_with(mounts).patient_for(self.patience)))
            }
            Transport::Oci => {
                let images = Distribution::new(v2(http_for_uploads()?, self.backoff))?;
                Ok(AnyRegistry::EcrDistribution { control: ecr, images })
            }
        }
    }

    /// A private registry with its region.
    async fn private(&self, session: &Session, meant: Registry) -> Result<(Ecr, String), Fail> {
        match meant {
            Registry::Named { host, account, region } => {
                Ok((Ecr::new(session, host, Some(account), &region), region))
            }
            Registry::Own => {
                let region = session.region().to_owned();
                let host = match &self.own_host {
                    Some(host) => host.clone(),
                    None => private_host(&session.account().await.map_err(auth)?, &region),
                };
                Ok((Ecr::new(session, host, None, &region), region))
            }
            Registry::Public { host } | Registry::Other { host } => {
                Err(CliError::internal(format!("`{host}` was taken for a private registry")).into())
            }
        }
    }

    /// Who answers for `reference` where repositories and what is in them are managed.
    pub(super) fn control(&self, reference: &Reference) -> Result<Control, Fail> {
        match self.meant(reference)? {
            Registry::Own | Registry::Named { .. } => Ok(Control::Private),
            Registry::Public { .. } => Ok(Control::Public),
            Registry::Other { host } => Err(CliError::input(format!(
                "`{reference}` is in {host}, which is not ECR: repositories are managed in ECR only"
            ))
            .hinted(
                "a name without a host means the private registry of the account and region in use; \
                 public.ecr.aws/ALIAS/NAME means ECR Public",
            )
            .into()),
        }
    }

    /// The private registry that `reference` is in, by its own API, with its region.
    pub(super) async fn ecr(&self, session: &Session, reference: &Reference) -> Result<(Ecr, String), Fail> {
        self.private(session, self.meant(reference)?).await
    }

    /// A registry that is shown what Docker's files hold for it, or nothing.
    async fn by_docker_login(
        &self,
        host: String,
        endpoint: Option<Url>,
        purpose: Purpose,
        environment: &Env,
    ) -> Result<AnyRegistry, Fail> {
        let (environment, name) = (environment.clone(), host.clone());
        // A credential helper may take its time.
        let login = blocking(move || Ok(docker::login(&name, &environment)?)).await?;
        let (credentials, http) = (Credentials::Login(login), http_for_uploads()?);
        let (backoff, patience) = (self.backoff, self.patience);
        let settings = Settings { host, endpoint, credentials, purpose, backoff, patience, http };
        Ok(AnyRegistry::Distribution(Distribution::new(settings)?))
    }

    /// The repositories to push to, each with its tags, in the order of the input. A reference without a tag means
    /// `latest`, as it does for Docker.
    pub(super) fn targets(&self, references: &[Reference]) -> Result<Vec<(Reference, Target)>, Fail> {
        let mut targets: Vec<(Registry, Reference, Target)> = Vec::new();
        for reference in references {
            if reference.digest.is_some() {
                return Err(CliError::input(format!(
                    "`{reference}` has a digest, and nothing can be pushed under a digest of one's choice"
                ))
                .hinted("push under a tag; the digest follows from the content")
                .into());
            }
            let registry = self.meant(reference)?;
            if let Registry::Public { host } = &registry {
                PublicName::of(host, &reference.repository)?;
            }
            let tag = match &reference.tag {
                Some(tag) => tag.clone(),
                None => latest(),
            };
            let known = targets
                .iter_mut()
                .find(|(known, _, target)| *known == registry && target.repository == reference.repository);
            match known {
                Some((_, _, target)) if target.tags.contains(&tag) => {}
                Some((_, _, target)) => target.tags.push(tag),
                None => {
                    let target = Target { repository: reference.repository.clone(), tags: vec![tag] };
                    targets.push((registry, reference.clone(), target));
                }
            }
        }
        Ok(targets.into_iter().map(|(_, reference, target)| (reference, target)).collect())
    }

    /// Fails if one of the repositories can't be made like this, before anything is made.
    pub(super) fn check_settings(
        &self,
        targets: &[(Reference, Target)],
        wanted: &Wanted,
    ) -> Result<(), Fail> {
        for (reference, _) in targets {
            let private_only = wanted.private_only();
            if matches!(self.meant(reference)?, Registry::Public { .. }) && !private_only.is_empty() {
                return Err(RegistryError::NotInPublic { settings: private_only }.into());
            }
        }
        Ok(())
    }
}

/// Makes the repository if it is to be there and is not, and tells whether it is new.
pub(super) async fn ensure_repository(
    registry: &AnyRegistry,
    repository: &RepositoryName,
    wanted: &Wanted,
    context: &Context,
) -> Result<bool, Fail> {
    match ensure(registry, repository, wanted).await? {
        Ensured::Existed => Ok(false),
        Ensured::Created => Ok(true),
        Ensured::ByItself => {
            let what = format!(
                "--create-repository: nothing to do, as {} makes repositories when they are pushed to",
                registry.host()
            );
            context.reporter.event(Event::Started { what });
            Ok(false)
        }
    }
}

/// A URL with a host.
pub(super) fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    if !url.has_host() {
        return Err(format!("`{text}` has no host"));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{text}` is neither http:// nor https://"));
    }
    Ok(url)
}

/// `HOST:PORT` of a URL.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// How often something is tried.
pub(super) fn backoff(aws: &Aws) -> Backoff {
    Backoff {
        attempts: aws.retry_max_attempts,
        initial: Duration::from_millis(aws.retry_backoff_milliseconds.into()),
        ..Backoff::default()
    }
}

/// The AWS session that the options ask for. Nothing is asked of AWS yet.
pub(super) async fn session(
    aws: &Aws,
    region: Option<String>,
    environment: &Env,
    http: reqwest::Client,
) -> Result<Session, Fail> {
    let settings = session_settings(aws, region, environment)?;
    Ok(Session::open(&settings, environment, Arc::new(SystemClock), http).await?)
}

/// What the options say about the session; `region` is used if neither they nor the environment name one.
pub(super) fn session_settings(
    aws: &Aws,
    region: Option<String>,
    environment: &Env,
) -> Result<SessionSettings, Fail> {
    let Aws {
        role_to_assume,
        role_session_name,
        role_duration_seconds,
        audience,
        web_identity_token_file,
        web_identity_token_env,
        role_chaining,
        role_external_id,
        inline_session_policy,
        managed_session_policies,
        sts_endpoint,
        keys,
        region: asked_region,
        allowed_account_ids,
        retry_max_attempts: _,
        retry_backoff_milliseconds: _,
    } = aws;
    check_session_name(role_session_name)?;
    for account in allowed_account_ids {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad_option(
                "--allowed-account-ids",
                format!("`{account}` is not an account id: it has 12 digits"),
            ));
        }
    }
    let role = match role_to_assume {
        None => None,
        Some(arn) => {
            check_role(arn)?;
            Some(RoleSettings {
                arn: arn.clone(),
                session_name: role_session_name.clone(),
                duration: role_duration_seconds.map(|seconds| Duration::from_secs(seconds.into())),
                audience: audience.clone(),
                external_id: role_external_id.clone(),
                policy: inline_session_policy.clone(),
                policy_arns: managed_session_policies.clone(),
            })
        }
    };
    let from_environment =
        || [env::AWS_REGION, "AWS_DEFAULT_REGION"].iter().find_map(|name| environment.get(name));
    Ok(SessionSettings {
        region: asked_region.clone().or_else(|| from_environment().map(str::to_owned)).or(region),
        role,
        keys: keys.clone(),
        chaining: *role_chaining,
        sts_endpoint: match sts_endpoint {
            None => None,
            Some(text) => Some(endpoint(text).map_err(|why| bad_option("--sts-endpoint", why))?.into()),
        },
        token: TokenSettings {
            file: web_identity_token_file.clone(),
            variable: web_identity_token_env.clone(),
        },
        allowed_accounts: allowed_account_ids.clone(),
        backoff: backoff(aws),
    })
}

/// STS's rule for a session's name.
fn check_session_name(name: &str) -> Result<(), Fail> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (2..=64).contains(&name.len()) && name.chars().all(legal) {
        return Ok(());
    }
    let rule = "2 to 64 letters, digits and `_+=,.@-`";
    Err(bad_option("--role-session-name", format!("`{name}` is not a session name: it is made of {rule}")))
}

fn check_role(arn: &str) -> Result<(), Fail> {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", _, account, resource]
            if account.len() == 12 && resource.starts_with("role/") && resource.len() > "role/".len() =>
        {
            Ok(())
        }
        _ => Err(CliError::input(format!("--role-to-assume: `{arn}` is not the ARN of a role"))
            .hinted("it looks like arn:aws:iam::123456789012:role/NAME")
            .into()),
    }
}
