//! Reading a layer: ECR gives an address that is signed, where its storage gives the bytes.

use super::Ecr;
use crate::base::failure::causes;
use crate::base::{Backoff, BlobDigest, RepositoryName};
use crate::registry::RegistryError;
use crate::registry::download::{Origin, SILENCE};
use reqwest::header::RANGE;
use reqwest::{Response, StatusCode};
use std::time::Duration;

/// A layer that is read.
pub(super) struct Layer {
    pub(super) ecr: Ecr,
    pub(super) repository: RepositoryName,
    pub(super) digest: BlobDigest,
}

impl Origin for Layer {
    async fn open(&self, from: u64) -> Result<Option<Response>, RegistryError> {
        let Self { ecr, repository, digest } = self;
        let mut failed = 0;
        loop {
            // An address holds for an hour, so each attempt gets its own.
            let url = ecr
                .client
                .get_download_url_for_layer()
                .set_registry_id(ecr.registry_id.clone())
                .repository_name(repository.as_str())
                .layer_digest(digest.to_string())
                .send()
                .await
                .map_err(|error| ecr.explain("GetDownloadUrlForLayer", repository, &error))?
                .download_url
                .unwrap_or_default();
            // No credentials go along: the address carries its own, and S3 refuses two.
            let mut request = ecr.http.get(url);
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            let (why, cost) = match tokio::time::timeout(ecr.patience, request.send()).await {
                Ok(Ok(answer)) if from > 0 && answer.status() == StatusCode::RANGE_NOT_SATISFIABLE => {
                    return Ok(None);
                }
                Ok(Ok(answer)) if answer.status().is_success() => return Ok(Some(answer)),
                Ok(Ok(answer)) => (format!("HTTP status {}", answer.status().as_u16()), 1),
                // The address is signed, so it is not shown.
                Ok(Err(error)) => (causes(&error.without_url()), 1),
                Err(_) => (format!("no answer came for {} s", ecr.patience.as_secs()), SILENCE),
            };
            failed += cost;
            match ecr.backoff.delay(failed) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(self.failed(why)),
            }
        }
    }

    fn failed(&self, why: String) -> RegistryError {
        RegistryError::Exhausted {
            operation: "GetDownloadUrlForLayer",
            resource: format!("{}/{}@{}", self.ecr.host, self.repository, self.digest),
            why,
        }
    }

    fn backoff(&self) -> Backoff {
        self.ecr.backoff
    }

    fn patience(&self) -> Duration {
        self.ecr.patience
    }
}
