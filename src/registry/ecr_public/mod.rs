//! ECR Public's own API (<https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/Welcome.html>): whose registry
//! it is, its repositories, and which layers they have. It can't read an image, so [`images`] go through `/v2/`.
//!
//! An account has one registry there, in us-east-1, which has names of its own: aliases. A reference is
//! `public.ecr.aws/ALIAS/NAME`, where the API knows `NAME`.

mod alias;
mod images;
mod name;

pub use images::PublicImages;
pub use name::PublicName;

use super::RegistryError;
use super::ecr::{code, explain};
use crate::auth::Session;
use crate::base::RepositoryName;
use aws_sdk_ecrpublic::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The registry of the session's account on ECR Public. Clones share what they have found out.
#[derive(Debug, Clone)]
pub struct EcrPublic {
    client: aws_sdk_ecrpublic::Client,
    http: reqwest::Client,
    host: String,
    /// Names of the registry.
    aliases: Arc<OnceCell<Vec<String>>>,
}

impl EcrPublic {
    /// The one of the session's account. `host` is its name for people: `public.ecr.aws`.
    pub fn new(session: &Session, host: String) -> Self {
        Self { client: session.ecr_public(), http: session.http().clone(), host, aliases: Arc::default() }
    }

    /// Speaks to it, for calls that are not about layers and images.
    pub fn client(&self) -> &aws_sdk_ecrpublic::Client {
        &self.client
    }

    /// For what is no call of the API.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// `public.ecr.aws`
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Ours for the SDK's errors. `repository` is named as the API names it: without alias.
    pub fn explain<E>(
        &self,
        operation: &'static str,
        repository: &RepositoryName,
        error: &SdkError<E, HttpResponse>,
    ) -> RegistryError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        explain_in(&self.host, operation, repository, error)
    }

    /// As [`explain`](Self::explain), for a call about no repository.
    pub fn explain_registry<E>(
        &self,
        operation: &'static str,
        error: &SdkError<E, HttpResponse>,
    ) -> RegistryError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        explain(operation, self.host.clone(), error)
    }

    /// As [`explain`](Self::explain), with the alias that the reference has.
    pub fn explain_named<E>(
        &self,
        operation: &'static str,
        name: &PublicName,
        error: &SdkError<E, HttpResponse>,
    ) -> RegistryError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        explain_in(&format!("{}/{}", self.host, name.alias), operation, &name.repository, error)
    }
}

/// `registry` is what stands in front of the repository.
fn explain_in<E>(
    registry: &str,
    operation: &'static str,
    repository: &RepositoryName,
    error: &SdkError<E, HttpResponse>,
) -> RegistryError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    if code(error) == Some("RepositoryNotFoundException") {
        let (repository, registry) = (repository.clone(), registry.to_owned());
        return RegistryError::RepositoryNotFound { repository, registry };
    }
    explain(operation, format!("{registry}/{repository}"), error)
}
