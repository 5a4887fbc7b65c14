//! Requests: shown what the registry wants to see, and tried again where that may help.

use super::access::{Access, Grant};
use super::address::Address;
use super::failure::{Place, Said, Trouble, judged};
use crate::base::{Backoff, RepositoryName};
use crate::registry::RegistryError;
use crate::registry::download::SILENCE;
use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, Response};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The way to one registry.
pub(super) struct Wire {
    /// The registry's name for people.
    pub(super) host: String,
    pub(super) address: Address,
    pub(super) access: Access,
    pub(super) http: reqwest::Client,
    pub(super) backoff: Backoff,
    /// How long the registry may say nothing when something is read.
    pub(super) patience: Duration,
    pub(super) who: String,
    /// Whether `HEAD` of a blob is answered. ECR Public was seen to refuse it
    /// (<https://github.com/distribution/distribution/issues/4383>).
    pub(super) heads_blobs: bool,
}

impl Wire {
    pub(super) fn place<'a>(&'a self, repository: &'a RepositoryName) -> Place<'a> {
        Place { host: &self.host, repository, who: &self.who }
    }

    /// Does something until it works, is refused for good, or was tried often enough. What the registry refused is
    /// the inner error; only the caller knows what it means. Credentials that are not taken are renewed once.
    pub(super) async fn insist<T, F>(
        &self,
        operation: &'static str,
        repository: &RepositoryName,
        once: impl Fn(Arc<Grant>) -> F + Send + Sync,
    ) -> Result<Result<T, Said>, RegistryError>
    where
        F: Future<Output = Result<T, Trouble>> + Send,
    {
        let (mut failed, mut renewed) = (0, false);
        let place = self.place(repository);
        loop {
            let mut shown = None;
            let trouble = match self.access.grant(repository).await {
                Ok(grant) => {
                    shown = Some(Arc::clone(&grant));
                    match once(grant).await {
                        Ok(value) => return Ok(Ok(value)),
                        Err(trouble) => trouble,
                    }
                }
                Err(trouble) => trouble,
            };
            let (why, wait, cost) = match trouble {
                Trouble::For(error) => return Err(error),
                Trouble::Later { why, wait } => (why, wait, 1),
                Trouble::Silent { why } => (why, None, SILENCE),
                Trouble::Refused(said) => match shown.filter(|_| !renewed && self.may_renew(&said)) {
                    Some(old) => match self.access.renew(repository, &old).await {
                        Ok(()) => {
                            renewed = true;
                            continue;
                        }
                        Err(Trouble::For(error)) => return Err(error),
                        Err(Trouble::Refused(said)) => return Err(place.refused(operation, said)),
                        Err(Trouble::Later { why, wait }) => (why, wait, 1),
                        Err(Trouble::Silent { why }) => (why, None, SILENCE),
                    },
                    None if said.is_about_credentials() => return Err(place.refused(operation, said)),
                    None => return Ok(Err(said)),
                },
            };
            failed += cost;
            match self.backoff.delay(failed) {
                Some(delay) => tokio::time::sleep(delay.max(wait.unwrap_or_default())).await,
                None => return Err(place.exhausted(operation, why)),
            }
        }
    }

    /// Whether logging in again may help: the token may have run out.
    pub(super) fn may_renew(&self, said: &Said) -> bool {
        said.status == reqwest::StatusCode::UNAUTHORIZED
            || said.is_about_credentials() && self.access.is_renewable()
    }

    /// [Insists](Self::insist) on one request.
    pub(super) async fn call(
        &self,
        operation: &'static str,
        repository: &RepositoryName,
        patience: Duration,
        url: &Url,
        make: impl Fn(&reqwest::Client, Url) -> RequestBuilder + Send + Sync,
    ) -> Result<Result<Response, Said>, RegistryError> {
        self.insist(operation, repository, |grant| {
            let request = self.shown(make(&self.http, url.clone()), url, &grant).timeout(patience);
            async move { judged(request.send().await).await }
        })
        .await
    }

    /// The request with what lets it in; without, if it goes elsewhere.
    pub(super) fn shown(&self, request: RequestBuilder, url: &Url, grant: &Grant) -> RequestBuilder {
        match &grant.header {
            Some(header) if self.address.is_ours(url) => request.header(AUTHORIZATION, header.clone()),
            _ => request,
        }
    }
}
