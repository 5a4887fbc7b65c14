//! The password for `/v2/` of ECR and of ECR Public, which each gives to a session
//! (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>,
//! <https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html>). The user is `AWS`.

use crate::auth::{AuthError, Session};
use crate::base::failure::causes;
use crate::base::{Secret, Timestamp};
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::DateTime;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a password is used. It holds for 12 hours, or until the credentials that got it run out; then the
/// registry refuses it and it is renewed.
const LIFETIME: Duration = Duration::from_hours(11);

/// The user that goes with every password of ECR.
pub const ECR_USER: &str = "AWS";

/// A password, and how long it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedPassword {
    /// The password.
    pub password: Secret,
    /// When it ends, as ECR says.
    pub expires: Option<Timestamp>,
}

/// The password of a session, got when it is first needed.
#[derive(Debug)]
pub struct EcrPassword {
    issuer: Issuer,
    current: Mutex<Option<(Secret, Instant)>>,
}

/// Who gives it.
#[derive(Debug)]
enum Issuer {
    Private(aws_sdk_ecr::Client),
    Public(aws_sdk_ecrpublic::Client),
}

impl EcrPassword {
    /// For the private registries of `region`.
    pub fn new(session: &Session, region: &str) -> Self {
        Self { issuer: Issuer::Private(session.ecr(region)), current: Mutex::default() }
    }

    /// For ECR Public.
    pub fn public(session: &Session) -> Self {
        Self { issuer: Issuer::Public(session.ecr_public()), current: Mutex::default() }
    }

    /// Whether it is for ECR Public.
    pub fn is_public(&self) -> bool {
        matches!(self.issuer, Issuer::Public(_))
    }

    /// The password, which may be some hours old.
    pub async fn get(&self) -> Result<Secret, Arc<AuthError>> {
        let mut current = self.current.lock().await;
        match &*current {
            Some((password, got)) if got.elapsed() < LIFETIME => Ok(password.clone()),
            _ => self.ask(&mut current).await,
        }
    }

    /// A new one, because the registry does not take the old one.
    pub async fn renewed(&self) -> Result<Secret, Arc<AuthError>> {
        self.ask(&mut *self.current.lock().await).await
    }

    async fn ask(&self, current: &mut Option<(Secret, Instant)>) -> Result<Secret, Arc<AuthError>> {
        let IssuedPassword { password, .. } = self.issue().await?;
        *current = Some((password.clone(), Instant::now()));
        Ok(password)
    }

    /// A password to hand on: always a new one.
    pub async fn issue(&self) -> Result<IssuedPassword, Arc<AuthError>> {
        let (token, expires) = match &self.issuer {
            Issuer::Private(client) => {
                let answer = client.get_authorization_token().send().await;
                let answer = answer.map_err(|error| self.refused(&error))?;
                let data = answer.authorization_data.unwrap_or_default().into_iter().next();
                data.map_or((None, None), |data| (data.authorization_token, data.expires_at))
            }
            // One object, where private ECR gives a list.
            Issuer::Public(client) => {
                let answer = client.get_authorization_token().send().await;
                let answer = answer.map_err(|error| self.refused(&error))?;
                let data = answer.authorization_data;
                data.map_or((None, None), |data| (data.authorization_token, data.expires_at))
            }
        };
        Self::of_token(token.as_deref(), expires)
    }

    /// The password in a token, which is user and password in base64.
    fn of_token(token: Option<&str>, expires: Option<DateTime>) -> Result<IssuedPassword, Arc<AuthError>> {
        let decoded = token.and_then(|token| BASE64_STANDARD.decode(token).ok());
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).map(Secret::from);
        let pair = text.as_ref().and_then(|text| text.expose().split_once(':'));
        let password = pair.filter(|(user, _)| *user == ECR_USER).map(|(_, password)| Secret::new(password));
        let password = password.ok_or_else(|| AuthError::Unusable { what: "the password that ECR gave" })?;
        let expires = expires.and_then(|time| Timestamp::from_second(time.secs()).ok());
        Ok(IssuedPassword { password, expires })
    }

    fn refused<E>(&self, error: &SdkError<E, HttpResponse>) -> Arc<AuthError>
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        if let Some(error) = AuthError::inside(error) {
            return error;
        }
        let public = self.is_public();
        Arc::new(match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            Some(code) => {
                let message = error.message().unwrap_or("AWS gave no message").to_owned();
                AuthError::EcrPasswordRefused { public, code: code.to_owned(), message }
            }
            None => AuthError::EcrUnreachable { public, why: causes(error) },
        })
    }
}
