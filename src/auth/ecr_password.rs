//! The password for ECR's `/v2/`, which ECR itself gives to a session
//! (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>). The user is `AWS`.

use crate::auth::{AuthError, Session};
use crate::base::failure::causes;
use crate::base::{Secret, Timestamp};
use aws_sdk_ecr::error::ProvideErrorMetadata as _;
use base64::prelude::{BASE64_STANDARD, Engine as _};
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
    client: aws_sdk_ecr::Client,
    current: Mutex<Option<(Secret, Instant)>>,
}

impl EcrPassword {
    /// For the registries of `region`.
    pub fn new(session: &Session, region: &str) -> Self {
        Self { client: session.ecr(region), current: Mutex::default() }
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
        let answer = self.client.get_authorization_token().send().await.map_err(|error| {
            AuthError::inside(&error).unwrap_or_else(|| {
                Arc::new(match error.as_service_error().and_then(|service| service.code()) {
                    Some(code) => AuthError::EcrPasswordRefused {
                        code: code.to_owned(),
                        message: error.message().unwrap_or("AWS gave no message").to_owned(),
                    },
                    None => AuthError::EcrUnreachable { why: causes(&error) },
                })
            })
        })?;
        let data = answer.authorization_data().first();
        let token = data.and_then(|data| data.authorization_token());
        let decoded = token.and_then(|token| BASE64_STANDARD.decode(token).ok());
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).map(Secret::from);
        let pair = text.as_ref().and_then(|text| text.expose().split_once(':'));
        let password = pair.filter(|(user, _)| *user == ECR_USER).map(|(_, password)| Secret::new(password));
        let password = password.ok_or_else(|| AuthError::Unusable { what: "the password that ECR gave" })?;
        let expires = data.and_then(|data| data.expires_at());
        Ok(IssuedPassword {
            password,
            expires: expires.and_then(|time| Timestamp::from_second(time.secs()).ok()),
        })
    }
}
