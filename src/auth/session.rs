//! A session: region, credentials, and the SDK's configuration made of them.

use crate::auth::credentials::{RejectExpired, Renewing, RetryExpired};
use crate::auth::error::AuthError;
use crate::auth::keys::{Chained, StaticKeys};
use crate::auth::sts::{RoleSettings, WebIdentity, account_of};
use crate::auth::token::{MissingToken, TokenSettings, TokenSource, numbered};
use crate::base::failure::causes;
use crate::base::{Backoff, Clock, Env, env};
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// The region of ECR Public's API
/// (<https://docs.aws.amazon.com/general/latest/gr/ecr-public.html>).
pub const ECR_PUBLIC_REGION: &str = "us-east-1";

/// A client of an SDK for a region, which renews credentials in the middle of everything. The SDKs share no type for it.
macro_rules! client {
    ($sdk:ident, $session:expr, $region:expr) => {
        $sdk::Client::from_conf(
            $sdk::config::Builder::from(&$session.config)
                .region(Region::new($region.to_owned()))
                // The cache is `Renewing`, which knows more than the clock.
                .identity_cache($sdk::config::IdentityCache::no_cache())
                .interceptor(RejectExpired($session.credentials.clone()))
                .retry_classifier(RetryExpired)
                .build(),
        )
    };
}

/// What a session is made of.
#[derive(Debug, Clone, Default)]
pub struct SessionSettings {
    /// The region; none means what the AWS configuration says.
    pub region: Option<String>,
    /// The role to assume; none means the keys, or the SDK's own chain.
    pub role: Option<RoleSettings>,
    /// Keys that come before everything that the environment holds.
    pub keys: Option<StaticKeys>,
    /// Whether the role is assumed with the credentials of the SDK's own chain, not with an OIDC token. With keys it is
    /// assumed with those.
    pub chaining: bool,
    /// Where STS answers, if not where the AWS configuration says.
    pub sts_endpoint: Option<String>,
    /// Where the token is.
    pub token: TokenSettings,
    /// Only credentials of these accounts are used; empty means of any.
    pub allowed_accounts: Vec<String>,
    /// How often a call is tried.
    pub backoff: Backoff,
}

/// Region and credentials, which were not asked for yet.
#[derive(Debug, Clone)]
pub struct Session {
    config: SdkConfig,
    credentials: Renewing,
    web_identity: Option<WebIdentity>,
    region: String,
    source: String,
    tried: String,
    token_at_hand: bool,
    allowed_accounts: Vec<String>,
    sts_endpoint: Option<String>,
    backoff: Backoff,
    http: reqwest::Client,
}

/// Whose credentials are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// 12 digits.
    pub account: String,
    /// `arn:aws:sts::123456789012:assumed-role/ci/consign`, or that of a user.
    pub arn: String,
}

impl Session {
    /// Decides where region and credentials come from. `AWS_ROLE_ARN` with `AWS_WEB_IDENTITY_TOKEN_FILE` counts
    /// as a role with a token unless static keys are set, which come first in the SDK's order too.
    pub async fn open(
        settings: &SessionSettings,
        environment: &Env,
        clock: Arc<dyn Clock>,
        http: reqwest::Client,
    ) -> Result<Self, AuthError> {
        let region = match &settings.region {
            Some(region) => region.clone(),
            None => match DefaultRegionChain::builder().build().region().await {
                Some(region) => region.to_string(),
                None => return Err(AuthError::NoRegion),
            },
        };
        let retry = RetryConfig::standard()
            .with_max_attempts(settings.backoff.attempts)
            .with_initial_backoff(settings.backoff.initial)
            .with_max_backoff(settings.backoff.max);
        // The SDK sets no limit on the wait for an answer. This one includes sending a part, which may take a slow
        // link minutes.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_mins(15))
            .build();
        let base = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .retry_config(retry)
            .timeout_config(timeouts)
            .no_credentials()
            .load()
            .await;
        // Keys that were given are not for a role that the environment names.
        let ambient = ambient_role(environment).filter(|_| settings.keys.is_none());
        let (role, token) = match (&settings.role, ambient) {
            (Some(role), _) => (Some(role.clone()), settings.token.clone()),
            // The role and the file belong together, whatever else the CI offers.
            (None, Some((role, file))) => (Some(role), settings.token.or_file(&file)),
            (None, None) => (None, settings.token.clone()),
        };
        let found = TokenSource::find(&token, environment);
        let token_at_hand = found.is_ok();
        let at_hand = match &settings.keys {
            Some(keys) => {
                Some((SharedCredentialsProvider::new(keys.credentials()), "the keys that were given"))
            }
            None if role.is_some() && !settings.chaining => None,
            None => {
                let chain =
                    DefaultCredentialsChain::builder().region(Region::new(region.clone())).build().await;
                Some((SharedCredentialsProvider::new(chain), "the AWS configuration"))
            }
        };
        let mut web_identity = None;
        let (provider, source, tried) = match (role, at_hand) {
            (Some(role), None) => {
                let token = found.map_err(|MissingToken { tried, advice }| AuthError::NoToken {
                    role: role.arn.clone(),
                    tried,
                    advice,
                })?;
                let source = format!("the OIDC token of {token} for the role {}", role.arn);
                let sts = aws_sdk_sts::Client::from_conf(sts_config(&base, settings.sts_endpoint.as_deref()));
                let provider =
                    WebIdentity { role, token, sts, http: http.clone(), backoff: settings.backoff };
                web_identity = Some(provider.clone());
                (SharedCredentialsProvider::new(provider), source, String::new())
            }
            (Some(role), Some((at_hand, name))) => {
                let source = format!("{name} for the role {}", role.arn);
                let provider =
                    Chained { role, at_hand, sts: sts_config(&base, settings.sts_endpoint.as_deref()) };
                (SharedCredentialsProvider::new(provider), source, tried(environment))
            }
            (None, Some((at_hand, name))) => (at_hand, name.to_owned(), tried(environment)),
            (None, None) => unreachable!("invariant: without a role, something is at hand"),
        };
        let credentials = Renewing::new(provider, clock);
        let config = base
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            .build();
        Ok(Self {
            config,
            credentials,
            web_identity,
            region,
            source,
            tried,
            token_at_hand,
            allowed_accounts: settings.allowed_accounts.clone(),
            sts_endpoint: settings.sts_endpoint.clone(),
            backoff: settings.backoff,
            http,
        })
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Where the credentials come from, for people.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The role and the source of tokens, if the credentials come from an OIDC token.
    pub fn web_identity(&self) -> Option<&WebIdentity> {
        self.web_identity.as_ref()
    }

    /// How often something is tried.
    pub fn backoff(&self) -> Backoff {
        self.backoff
    }

    /// An HTTP client for what is not AWS's API: layers at their signed addresses.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// An ECR client for `region`, which renews credentials in the middle of everything.
    pub fn ecr(&self, region: &str) -> aws_sdk_ecr::Client {
        client!(aws_sdk_ecr, self, region)
    }

    /// A client for ECR Public, whose API is in one region, whatever region is in use.
    pub fn ecr_public(&self) -> aws_sdk_ecrpublic::Client {
        client!(aws_sdk_ecrpublic, self, ECR_PUBLIC_REGION)
    }

    /// An ECS client for `region`, which renews credentials in the middle of everything.
    pub fn ecs(&self, region: &str) -> aws_sdk_ecs::Client {
        client!(aws_sdk_ecs, self, region)
    }

    /// Gets the credentials, checks that their account is allowed, and returns the account if it is known.
    pub async fn authenticate(&self) -> Result<Option<String>, Arc<AuthError>> {
        let credentials = self.credentials.get().await.map_err(|error| self.explain(&error))?;
        let account = credentials.account_id().map(|id| id.as_str().to_owned());
        if self.allowed_accounts.is_empty() {
            return Ok(account);
        }
        let account = match account {
            Some(account) => account,
            None => self.caller().await?.account,
        };
        if self.allowed_accounts.contains(&account) {
            Ok(Some(account))
        } else {
            let allowed = self.allowed_accounts.join(", ");
            Err(Arc::new(AuthError::AccountNotAllowed { account, allowed }))
        }
    }

    /// Whose the credentials are, by `GetCallerIdentity`, which needs no permission.
    pub async fn caller(&self) -> Result<Caller, AuthError> {
        let unreachable = |source: Box<dyn Error + Send + Sync>| AuthError::StsUnreachable {
            role: "(none; asking whose credentials these are)".into(),
            source,
        };
        let answer = aws_sdk_sts::Client::from_conf(sts_config(&self.config, self.sts_endpoint.as_deref()))
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| unreachable(causes(&error).into()))?;
        let arn = answer.arn.unwrap_or_default();
        let account = answer.account.or_else(|| account_of(&arn).map(str::to_owned));
        let account = account.ok_or_else(|| unreachable("the answer of STS has no account in it".into()))?;
        Ok(Caller { account, arn })
    }

    /// The account that the credentials belong to, asked for if need be.
    pub async fn account(&self) -> Result<String, Arc<AuthError>> {
        match self.authenticate().await? {
            Some(account) => Ok(account),
            None => Ok(self.caller().await?.account),
        }
    }

    /// Our own error if it is one, else the list of what the SDK's chain tried.
    fn explain(&self, error: &CredentialsError) -> Arc<AuthError> {
        AuthError::inside(error).unwrap_or_else(|| {
            tracing::debug!("the SDK's chain of credentials: {}", causes(error));
            let (tried, token_at_hand) = (self.tried.clone(), self.token_at_hand);
            Arc::new(AuthError::NoCredentials { tried, token_at_hand })
        })
    }
}

/// How STS is talked to; an endpoint that was given comes before that of the AWS configuration.
fn sts_config(config: &SdkConfig, endpoint: Option<&str>) -> aws_sdk_sts::Config {
    let builder = aws_sdk_sts::config::Builder::from(config);
    match endpoint {
        Some(endpoint) => builder.endpoint_url(endpoint).build(),
        None => builder.build(),
    }
}

/// The role that the environment names for web identity, and the file with its token, where no static key comes first.
fn ambient_role(environment: &Env) -> Option<(RoleSettings, String)> {
    let file = environment.get(env::AWS_WEB_IDENTITY_TOKEN_FILE)?;
    if environment.get("AWS_ACCESS_KEY_ID").is_some() {
        return None;
    }
    let role = RoleSettings {
        arn: environment.get(env::AWS_ROLE_ARN)?.to_owned(),
        session_name: environment.get("AWS_ROLE_SESSION_NAME").unwrap_or("consign").to_owned(),
        duration: None,
        audience: "sts.amazonaws.com".into(),
        external_id: None,
        policy: None,
        policy_arns: Vec::new(),
    };
    Some((role, file.to_owned()))
}

/// What the SDK's chain looks at, in its order, with what stands there; names only, never values of secrets.
fn tried(environment: &Env) -> String {
    let set = |name: &str| if environment.get(name).is_some() { "set" } else { "not set" };
    let profile = environment.get("AWS_PROFILE").unwrap_or("default");
    let container = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    numbered(&[
        "an OIDC token with --role-to-assume: no role given".into(),
        format!("AWS_ACCESS_KEY_ID: {}", set("AWS_ACCESS_KEY_ID")),
        format!("the profile `{profile}` of the AWS configuration files: gives none"),
        format!(
            "{} with {}: {}, {}",
            env::AWS_WEB_IDENTITY_TOKEN_FILE,
            env::AWS_ROLE_ARN,
            set(env::AWS_WEB_IDENTITY_TOKEN_FILE),
            set(env::AWS_ROLE_ARN)
        ),
        format!(
            "the container's credentials ({} or {}): {}, {}",
            container[0],
            container[1],
            set(container[0]),
            set(container[1])
        ),
        match environment.get("AWS_EC2_METADATA_DISABLED") {
            Some("true") => "the EC2 instance's metadata: disabled".into(),
            _ => "the EC2 instance's metadata: no answer".into(),
        },
    ])
}
