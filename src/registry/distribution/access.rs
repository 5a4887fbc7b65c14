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

/// All grants of one registry.
pub(super) struct Access {
    address: Address,
    http: reqwest::Client,
    credentials: Credentials,
    purpose: Purpose,
    // Held while one is got, so that requests in parallel log in once.
    grants: Mutex<HashMap<RepositoryName, Arc<Grant>>>,
}

impl Access {
    pub(super) fn new(
        address: Address,
        http: reqwest::Client,
        credentials: Credentials,
        purpose: Purpose,
    ) -> Self {
        Self { address, http, credentials, purpose, grants: Mutex::default() }
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

    async fn log_in(&self, repository: &RepositoryName, anew: bool) -> Result<Grant, Trouble> {
        let login = match &self.credentials {
            Credentials::Login(login) => login.clone(),
            Credentials::Ecr(password) => {
                let password = if anew { password.renewed().await } else { password.get().await };
                Login::Password { user: "AWS".into(), password: password.map_err(denied)? }
            }
        };
        let auth = match &login {
            Login::Anonymous => RegistryAuth::Anonymous,
            Login::Password { user, password } => {
                RegistryAuth::Basic(user.clone(), password.expose().to_owned())
            }
            Login::IdentityToken(token) => {
                let scope = scope(repository, self.purpose);
                let token = identity::exchange(&self.http, &self.address.root(), token, &scope).await?;
                RegistryAuth::Bearer(token.expose().to_owned())
            }
        };
        let client = self.client()?;
        let image = image(&self.address, repository);
        let operation = match self.purpose {
            Purpose::Pull => RegistryOperation::Pull,
            Purpose::Push => RegistryOperation::Push,
        };
        match (client.auth(&image, &auth, operation).await?, &login) {
            (Some(token), _) => {
                let header = header(&format!("Bearer {token}"))?;
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
            read_timeout: Some(Duration::from_mins(1)),
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
