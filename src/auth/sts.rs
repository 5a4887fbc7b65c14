//! The exchange of an OIDC token for credentials of a role
//! (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>).

use crate::auth::claims::Claims;
use crate::auth::denied::Refusal;
use crate::auth::error::AuthError;
use crate::auth::token::{TokenFacts, TokenSource};
use crate::base::Backoff;
use crate::base::failure::causes;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::operation::RequestId as _;
use aws_sdk_sts::types::PolicyDescriptorType;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Which role, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSettings {
    /// `arn:aws:iam::123456789012:role/push`
    pub arn: String,
    /// 2 to 64 characters; shows up in `CloudTrail`.
    pub session_name: String,
    /// How long the credentials shall live; none leaves it to STS, which gives an hour.
    pub duration: Option<Duration>,
    /// Whom the token shall be for.
    pub audience: String,
    /// What the owner of the role wants to hear, where it is assumed without a token.
    pub external_id: Option<String>,
    /// An IAM policy that narrows what the session may do.
    pub policy: Option<String>,
    /// ARNs of IAM policies that narrow it.
    pub policy_arns: Vec<String>,
}

/// Gives credentials of a role for the token of the CI. A fresh token is got for each exchange.
#[derive(Debug, Clone)]
pub struct WebIdentity {
    /// Which role, and how.
    pub role: RoleSettings,
    /// Where the token is.
    pub token: TokenSource,
    /// Asks STS; has no credentials of its own.
    pub sts: aws_sdk_sts::Client,
    /// Asks the CI.
    pub http: reqwest::Client,
    /// How often the CI is asked.
    pub backoff: Backoff,
}

impl WebIdentity {
    /// A token as [`assume`](Self::assume) would show it to STS, described.
    pub async fn describe_token(&self) -> Result<TokenFacts, AuthError> {
        self.token.describe(&self.http, &self.role.audience, self.backoff).await
    }

    /// One exchange.
    pub async fn assume(&self) -> Result<Credentials, AuthError> {
        let token = self.token.fetch(&self.http, &self.role.audience, self.backoff).await?;
        let duration = self.role.duration.map(|d| i32::try_from(d.as_secs()).unwrap_or(i32::MAX));
        let answer = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(&self.role.arn)
            .role_session_name(&self.role.session_name)
            .set_duration_seconds(duration)
            .web_identity_token(token.expose())
            .set_policy(self.role.policy.clone())
            .set_policy_arns(policies(&self.role.policy_arns))
            .send()
            .await;
        let role = || self.role.arn.clone();
        let answer = answer.map_err(|error| match &error {
            SdkError::ServiceError(service) => AuthError::RoleRefused(Box::new(Refusal {
                role: role(),
                origin: self.token.to_string(),
                issued: self.token.issued(),
                code: service.err().code().unwrap_or("unknown error").to_owned(),
                message: service.err().message().unwrap_or("no message").to_owned(),
                request: error.request_id().map(str::to_owned),
                claims: Claims::of(token.expose()).unwrap_or_default(),
                audience: self.role.audience.clone(),
            })),
            _ => AuthError::StsUnreachable { role: role(), source: causes(&error).into() },
        })?;
        let credentials = answer.credentials.ok_or_else(|| AuthError::StsUnreachable {
            role: role(),
            source: "the answer of STS has no credentials in it".into(),
        })?;
        let account = answer.assumed_role_user.and_then(|user| account_of(&user.arn).map(str::to_owned));
        let mut builder = Credentials::builder()
            .access_key_id(credentials.access_key_id)
            .secret_access_key(credentials.secret_access_key)
            .session_token(credentials.session_token)
            .provider_name("WebIdentity");
        builder.set_expiry(SystemTime::try_from(credentials.expiration).ok());
        builder.set_account_id(account.map(Into::into));
        Ok(builder.build())
    }
}

/// Policies as STS takes them.
pub(crate) fn policies(arns: &[String]) -> Option<Vec<PolicyDescriptorType>> {
    let all = arns.iter().map(|arn| PolicyDescriptorType::builder().arn(arn).build());
    (!arns.is_empty()).then(|| all.collect())
}

/// The account in an ARN.
pub(crate) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| account.len() == 12)
}

impl ProvideCredentials for WebIdentity {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.assume().await.map_err(|error| CredentialsError::provider_error(Arc::new(error)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts() {
        assert_eq!(account_of("arn:aws:sts::123456789012:assumed-role/push/job"), Some("123456789012"));
        assert_eq!(account_of("nonsense"), None);
    }
}
