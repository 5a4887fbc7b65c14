//! Logging in: what a registry wants to be shown, for each repository, until it does not take it any more.
//!
//! `oci-client` does the dance: it asks `/v2/` for the challenge, gets a Bearer token where one is wanted
//! (<https://distribution.github.io/distribution/spec/auth/token/>), and falls back to Basic. Its token is taken
//! out and kept here, since the requests of uploads are made without `oci-client`. The exchange of an identity token
//! is not in `oci-client` and is in [`super::identity`].

use super::address::Address;
use super::failure::Trouble;
use super::identity;
use crate::auth::{AuthError, EcrPassword, Login};
use crate::base::RepositoryName;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::token_cache::{RegistryToken, RegistryTokenType};
use oci_client::{Client, Reference, RegistryOperation};
use reqwest::header::HeaderValue;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Whose credentials a registry is shown.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// These, or none.
    Login(Login),
    /// The password that ECR gives to the AWS session, which runs out and is got anew.
    Ecr(Arc<EcrPassword>),
}

/// What is going to be done, which is what a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Reading.
    Pull,
    /// Reading and writing.
    Push,
}

/// What lets one in, to one repository.
#[derive(Clone)]
pub(super) struct Grant {
    /// For reads; it shows by itself what the registry wants.
    pub(super) client: Client,
    /// The `Authorization` of requests that are made without it.
    pub(super) header: Option<HeaderValue>,
}

impl Grant {
    /// Whether it is a token, which is good for some repositories and not for others.
    fn is_token(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.as_bytes().starts_with(BEARER.as_bytes()))
    }
}

const BEARER: &str = "Bearer ";

/// All grants of one registry.
pub(super) struct Access {
    address: Address,
    http: reqwest::Client,
    credentials: Credentials,
    purpose: Purpose,
    patience: Duration,
    // Held while one is got, so that requests in parallel log in once.
    grants: Mutex<HashMap<RepositoryName, Arc<Grant>>>,
    /// For pushing to the one repository and reading the other.
    across: Mutex<HashMap<(RepositoryName, RepositoryName), Arc<Grant>>>,
}

impl Access {
    pub(super) fn new(
        address: Address,
        http: reqwest::Client,
        credentials: Credentials,
        purpose: Purpose,
        patience: Duration,
    ) -> Self {
        let (grants, across) = (Mutex::default(), Mutex::default());
        Self { address, http, credentials, purpose, patience, grants, across }
    }

    /// Who we are, for messages.
    pub(super) fn who(&self) -> String {
        match &self.credentials {
            Credentials::Ecr(_) => "the password of the AWS session".into(),
            Credentials::Login(Login::Anonymous) => "anonymous users".into(),
            Credentials::Login(Login::Password { user, .. }) => format!("the user `{user}`"),
            Credentials::Login(Login::IdentityToken(_)) => "the identity token".into(),
        }
    }

    /// Whether it can help to log in again after `403`: ECR says that of a password that ran out.
    pub(super) fn is_renewable(&self) -> bool {
        matches!(self.credentials, Credentials::Ecr(_))
    }

    /// What lets one in to `repository`; got now if there is none.
    pub(super) async fn grant(&self, repository: &RepositoryName) -> Result<Arc<Grant>, Trouble> {
        let mut grants = self.grants.lock().await;
        if let Some(grant) = grants.get(repository) {
            return Ok(Arc::clone(grant));
        }
        let grant = Arc::new(self.log_in(repository, false).await?);
        grants.insert(repository.clone(), Arc::clone(&grant));
        Ok(grant)
    }

    /// Logs in again, because the registry does not take `old`; unless somebody else has done so meanwhile.
    pub(super) async fn renew(&self, repository: &RepositoryName, old: &Arc<Grant>) -> Result<(), Trouble> {
        let mut grants = self.grants.lock().await;
        if grants.get(repository).is_some_and(|grant| Arc::ptr_eq(grant, old)) {
            let grant = self.log_in(repository, true).await?;
            grants.insert(repository.clone(), Arc::new(grant));
        }
        Ok(())
    }

    /// What lets one push to `repository` and read `from`, for a mount. With `anew`, one that was got before is not
    /// taken.
    pub(super) async fn grant_across(
        &self,
        repository: &RepositoryName,
        from: &RepositoryName,
        anew: bool,
    ) -> Result<Arc<Grant>, Trouble> {
        let plain = self.grant(repository).await?;
        // Passwords are for all repositories.
        if !plain.is_token() {
            if anew {
                self.renew(repository, &plain).await?;
            }
            return self.grant(repository).await;
        }
        let mut across = self.across.lock().await;
        let key = (repository.clone(), from.clone());
        if !anew && let Some(grant) = across.get(&key) {
            return Ok(Arc::clone(grant));
        }
        let login = self.login(false).await?;
        let scopes = [scope(repository, Purpose::Push), scope(from, Purpose::Pull)];
        let root = self.address.root();
        let grant = match identity::token(&self.http, &root, &login, &scopes, self.patience).await? {
            Some(token) => {
                let header = header(&format!("{BEARER}{}", token.expose()))?;
                Arc::new(Grant { client: plain.client.clone(), header: Some(header) })
            }
            None => plain,
        };
        across.insert(key, Arc::clone(&grant));
        Ok(grant)
    }

    /// Whose name and password are shown.
    async fn login(&self, anew: bool) -> Result<Login, Trouble> {
        match &self.credentials {
            Credentials::Login(login) => Ok(login.clone()),
            Credentials::Ecr(password) => {
                let password = if anew { password.renewed().await } else { password.get().await };
                Ok(Login::Password { user: "AWS".into(), password: password.map_err(denied)? })
            }
        }
    }

    async fn log_in(&self, repository: &RepositoryName, anew: bool) -> Result<Grant, Trouble> {
        let login = self.login(anew).await?;
        let auth = match &login {
            Login::Anonymous => RegistryAuth::Anonymous,
            Login::Password { user, password } => {
                RegistryAuth::Basic(user.clone(), password.expose().to_owned())
            }
            Login::IdentityToken(_) => {
                let (scope, root) = (scope(repository, self.purpose), self.address.root());
                let token = identity::exchange(&self.http, &root, &login, scope, self.patience).await?;
                RegistryAuth::Bearer(token.expose().to_owned())
            }
        };
        let client = self.client()?;
        let image = image(&self.address, repository);
        let operation = match self.purpose {
            Purpose::Pull => RegistryOperation::Pull,
            Purpose::Push => RegistryOperation::Push,
        };
        let mut token = client.auth(&image, &auth, operation).await?;
        // Everybody was let in at the door, and nobody to the repository.
        if anew && token.is_none() && login == Login::Anonymous {
            let (scopes, tags) = ([scope(repository, self.purpose)], self.address.tags(repository));
            let found = identity::token(&self.http, &tags, &login, &scopes, self.patience).await?;
            token = found.map(|token| token.expose().to_owned());
        }
        match (token, &login) {
            (Some(token), _) => {
                let header = header(&format!("{BEARER}{token}"))?;
                // A token to push with lets one read too, so that no second one is asked for.
                let token = RegistryTokenType::Bearer(RegistryToken::Token { token });
                client.tokens.insert(&image, RegistryOperation::Pull, token).await;
                Ok(Grant { client, header: Some(header) })
            }
            (None, Login::Password { user, password }) => {
                let basic = RegistryTokenType::Basic(user.clone(), password.expose().to_owned());
                client.tokens.insert(&image, RegistryOperation::Pull, basic).await;
                let encoded = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
                Ok(Grant { client, header: Some(header(&format!("Basic {encoded}"))?) })
            }
            // One that knows of no credentials, since the other would ask for a token before every request.
            (None, _) => Ok(Grant { client: self.client()?, header: None }),
        }
    }

    fn client(&self) -> Result<Client, Trouble> {
        let protocol = if self.address.is_plain() { ClientProtocol::Http } else { ClientProtocol::Https };
        let config = ClientConfig {
            protocol,
            connect_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(self.patience),
            user_agent: concat!("consign/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        Ok(Client::try_from(config)?)
    }
}

/// A repository as `oci-client` names it; tag or digest are given where they matter.
pub(super) fn image(address: &Address, repository: &RepositoryName) -> Reference {
    Reference::with_tag(address.authority(), repository.to_string(), "latest".into())
}

/// What a token is asked for (<https://distribution.github.io/distribution/spec/auth/scope/>).
fn scope(repository: &RepositoryName, purpose: Purpose) -> String {
    let actions = match purpose {
        Purpose::Pull => "pull",
        Purpose::Push => "pull,push",
    };
    format!("repository:{repository}:{actions}")
}

fn header(text: &str) -> Result<HeaderValue, Trouble> {
    let unusable = |_| denied(Arc::new(AuthError::Unusable { what: "the token or password" }));
    let mut header = HeaderValue::from_str(text).map_err(unusable)?;
    header.set_sensitive(true);
    Ok(header)
}

fn denied(error: Arc<AuthError>) -> Trouble {
    Trouble::For(error.into())
}
