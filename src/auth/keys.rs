//! Keys that were given, and roles that are assumed with credentials instead of an OIDC token
//! (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).

use crate::auth::error::AuthError;
use crate::auth::sts::{RoleSettings, account_of, policies};
use crate::base::Secret;
use crate::base::failure::causes;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::operation::RequestId as _;
use std::sync::Arc;
use std::time::SystemTime;

/// An access key of a user, or temporary credentials that somebody else has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticKeys {
    /// `AKIA…` or `ASIA…`
    pub id: String,
    /// Its secret.
    pub secret: Secret,
    /// What temporary ones come with.
    pub session_token: Option<Secret>,
}

impl StaticKeys {
    pub(crate) fn credentials(&self) -> Credentials {
        let token = self.session_token.as_ref().map(|token| token.expose().to_owned());
        Credentials::new(self.id.clone(), self.secret.expose(), token, None, "StaticKeys")
    }
}

/// Gives credentials of a role for others.
#[derive(Debug)]
pub(crate) struct Chained {
    /// Which role, and how. Its audience is of no use here.
    pub(crate) role: RoleSettings,
    /// The credentials to do it with.
    pub(crate) at_hand: SharedCredentialsProvider,
    /// How STS is talked to.
    pub(crate) sts: aws_sdk_sts::Config,
}

impl Chained {
    async fn assume(&self, at_hand: Credentials) -> Result<Credentials, AuthError> {
        let RoleSettings { arn, session_name, duration, external_id, policy, policy_arns, audience: _ } =
            &self.role;
        let config = self.sts.to_builder().credentials_provider(at_hand).build();
        let answer = aws_sdk_sts::Client::from_conf(config)
            .assume_role()
            .role_arn(arn)
            .role_session_name(session_name)
            .set_duration_seconds(duration.map(|d| i32::try_from(d.as_secs()).unwrap_or(i32::MAX)))
            .set_external_id(external_id.clone())
            .set_policy(policy.clone())
            .set_policy_arns(policies(policy_arns))
            .send()
            .await;
        let unreachable = |why: String| AuthError::StsUnreachable { role: arn.clone(), source: why.into() };
        let answer = answer.map_err(|error| match &error {
            SdkError::ServiceError(service) => AuthError::AssumeRefused {
                role: arn.clone(),
                code: service.err().code().unwrap_or("unknown error").to_owned(),
                message: service.err().message().unwrap_or("no message").to_owned(),
                request: error.request_id().map(|id| format!(" (request id {id})")).unwrap_or_default(),
            },
            _ => unreachable(causes(&error)),
        })?;
        let given = answer
            .credentials
            .ok_or_else(|| unreachable("the answer of STS has no credentials in it".into()))?;
        let account = answer.assumed_role_user.and_then(|user| account_of(&user.arn).map(str::to_owned));
        let mut builder = Credentials::builder()
            .access_key_id(given.access_key_id)
            .secret_access_key(given.secret_access_key)
            .session_token(given.session_token)
            .provider_name("AssumeRole");
        builder.set_expiry(SystemTime::try_from(given.expiration).ok());
        builder.set_account_id(account.map(Into::into));
        Ok(builder.build())
    }
}

impl ProvideCredentials for Chained {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let at_hand = self.at_hand.provide_credentials().await?;
            self.assume(at_hand).await.map_err(|error| CredentialsError::provider_error(Arc::new(error)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let keys = StaticKeys {
            id: "AKIDEXAMPLE".into(),
            secret: Secret::new("hunter2"),
            session_token: Some(Secret::new("hunter3")),
        };
        assert!(!format!("{keys:?} {:?}", keys.credentials()).contains("hunter"));
        assert_eq!(keys.credentials().secret_access_key(), "hunter2");
    }
}
