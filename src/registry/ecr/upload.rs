//! Sending one layer in parts.
//!
//! Parts of one layer are consecutive, so they go one after the other, while the next one is being made. An
//! answer that is lost leaves open whether the part was stored. `UploadLayerPart` can be asked: a byte that
//! can't be the next one is refused with the last byte that the registry holds
//! (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UploadLayerPart.html>), and the upload goes on
//! from there. So no byte that was stored is sent twice.

use super::Ecr;
use super::failure::{code, explain, is_ambiguous};
use super::part::{Part, PartWriter, Upload, WithBody};
use crate::base::{BlobDigest, RepositoryName};
use crate::registry::feed::Feed;
use crate::registry::{Made, OnProgress, Progress, Registry as _, RegistryError, Source, Uploaded};
use aws_sdk_ecr::operation::complete_layer_upload::CompleteLayerUploadError;
use aws_sdk_ecr::operation::upload_layer_part::UploadLayerPartError;
use aws_sdk_ecr::primitives::Blob;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use bytes::Bytes;
use futures::TryFutureExt as _;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Up to here a layer is held back until its digest is known, so that one that the registry has is not sent.
/// It is the smallest part that ECR takes before the last one, so no part is ever too small because of it.
const HELD_BACK: usize = 5 * 1024 * 1024;

/// How often a layer is begun anew when the registry loses its upload.
const RESTARTS: u32 = 5;

/// Why an attempt to upload a layer ended.
enum Broken {
    /// The registry does not know the upload any more, or holds something else than was sent.
    Vanished,
    /// Trying again would not help.
    For(RegistryError),
}

impl From<RegistryError> for Broken {
    fn from(error: RegistryError) -> Self {
        Self::For(error)
    }
}

impl Ecr {
    pub(super) async fn upload_layer(
        &self,
        repository: &RepositoryName,
        source: Arc<dyn Source>,
        progress: OnProgress,
    ) -> Result<Uploaded, RegistryError> {
        for _ in 0..=RESTARTS {
            match self.attempt(repository, &source, &progress).await {
                Ok(uploaded) => return Ok(uploaded),
                Err(Broken::For(error)) => return Err(error),
                Err(Broken::Vanished) => progress(Progress::Restarted),
            }
        }
        Err(RegistryError::UploadLost { name: source.name().to_owned(), times: RESTARTS + 1 })
    }

    async fn attempt(
        &self,
        repository: &RepositoryName,
        source: &Arc<dyn Source>,
        progress: &OnProgress,
    ) -> Result<Uploaded, Broken> {
        let mut layer = Feed::start(source);
        if layer.hold(HELD_BACK).await? {
            let made = layer.made().await?;
            // A source whose digest was known beforehand is only here because the registry lacks it.
            if source.digest().is_none()
                && self.available(repository, &[made.digest]).await?.contains(&made.digest)
            {
                return Ok(Uploaded { made, sent: 0 });
            }
        }

        let upload = self.initiate(repository).await?;
        let (sender, mut receiver) = mpsc::channel(1);
        let fill = self.fill(&mut layer, &upload, sender);
        let deliver = async {
            let mut sent = 0;
            while let Some(part) = receiver.recv().await {
                self.send_part(&upload, &part).await?;
                sent += part.length;
                progress(Progress::Sent(part.length));
            }
            Ok::<_, Broken>(sent)
        };
        // If either fails, the other is dropped, and with it the thread that makes the bytes stops.
        let (made, sent) = futures::try_join!(fill.map_err(Broken::For), deliver)?;
        self.complete(&upload, made.digest).await?;
        Ok(Uploaded { made, sent })
    }

    /// Cuts the layer into parts and hands them over, the last one only once the source has ended well: what is
    /// broken is never completed.
    async fn fill(
        &self,
        layer: &mut Feed,
        upload: &Upload,
        parts: mpsc::Sender<Part>,
    ) -> Result<Made, RegistryError> {
        let mut part = PartWriter::new(0, upload.part_size, Some(self.reserve(upload.part_size).await));
        let mut first = 0;
        while let Some(mut chunk) = layer.next().await {
            while !chunk.is_empty() {
                let room = upload.part_size - part.length();
                if room == 0 {
                    first += part.length();
                    let permit = self.reserve_after(part, upload, &parts).await;
                    part = PartWriter::new(first, upload.part_size, Some(permit));
                    continue;
                }
                let count = chunk.len().min(usize::try_from(room).unwrap_or(usize::MAX));
                part.push(&chunk.split_to(count));
            }
        }
        let made = layer.made().await?;
        if part.length() > 0 {
            // The receiver is gone only if sending failed, and then that error is the one that counts.
            drop(parts.send(part.finish(upload)).await);
        }
        Ok(made)
    }

    /// Hands `part` over and waits for room for the next one.
    async fn reserve_after(
        &self,
        part: PartWriter,
        upload: &Upload,
        parts: &mpsc::Sender<Part>,
    ) -> tokio::sync::OwnedSemaphorePermit {
        drop(parts.send(part.finish(upload)).await);
        self.reserve(upload.part_size).await
    }

    async fn initiate(&self, repository: &RepositoryName) -> Result<Upload, RegistryError> {
        let answer = self
            .client
            .initiate_layer_upload()
            .set_registry_id(self.registry_id.clone())
            .repository_name(repository.as_str())
            .send()
            .await
            .map_err(|error| self.explain("InitiateLayerUpload", repository, &error))?;
        let nonsense = |what: &str| RegistryError::Nonsense {
            operation: "InitiateLayerUpload",
            resource: repository.to_string(),
            what: what.to_owned(),
        };
        Ok(Upload {
            id: answer.upload_id.ok_or_else(|| nonsense("no upload id"))?,
            part_size: answer
                .part_size
                .and_then(|size| u64::try_from(size).ok())
                .filter(|size| *size > 0)
                .ok_or_else(|| nonsense("no part size"))?,
            registry_id: self.registry_id.clone(),
            repository: repository.clone(),
        })
    }

    /// Stores one part, whatever happens to the answers.
    async fn send_part(&self, upload: &Upload, part: &Part) -> Result<(), Broken> {
        let mut shortened: Option<Part> = None;
        for attempt in 1.. {
            let current = shortened.as_ref().unwrap_or(part);
            let held = match self.put(upload, current.first, current.last(), current.body.clone()).await {
                Stored::Yes => return Ok(()),
                Stored::UpTo(held) => held,
                Stored::Vanished => return Err(Broken::Vanished),
                Stored::Failed(error) => return Err(error.into()),
                Stored::Unknown(error) => {
                    let Some(delay) = self.backoff.delay(attempt) else { return Err(error.into()) };
                    tokio::time::sleep(delay).await;
                    match self.ask(upload, current).await {
                        Stored::UpTo(held) => held,
                        Stored::Unknown(_) => continue,
                        Stored::Failed(error) => return Err(error.into()),
                        // A byte behind a gap was taken: whatever the registry holds, it is not this layer.
                        Stored::Yes | Stored::Vanished => return Err(Broken::Vanished),
                    }
                }
            };
            // The number of bytes that the registry holds. What a fresh upload answers is not documented:
            // nothing, -1 and 0 are all taken for none, as no part is a single byte.
            let held =
                held.and_then(|last| u64::try_from(last).ok()).filter(|last| *last > 0).map_or(0, |l| l + 1);
            if held == part.last() + 1 {
                return Ok(());
            }
            if held > part.last() + 1 || held < part.first {
                return Err(Broken::Vanished);
            }
            shortened = (held > part.first).then(|| part.without_front(held - part.first, upload));
            if self.backoff.delay(attempt).is_none() {
                break;
            }
        }
        Err(Broken::Vanished)
    }

    /// Asks how much of the upload the registry holds, by a byte that can't be the next one.
    async fn ask(&self, upload: &Upload, part: &Part) -> Stored {
        let beyond = part.last() + 2;
        let mut probe = PartWriter::new(beyond, 1, None);
        probe.push(b"\0");
        let body = probe.finish(upload).body;
        self.put(upload, beyond, beyond, body).await
    }

    async fn put(&self, upload: &Upload, first: u64, last: u64, body: Bytes) -> Stored {
        let answer = self
            .client
            .upload_layer_part()
            .repository_name(upload.repository.as_str())
            .upload_id(&upload.id)
            .part_first_byte(i64::try_from(first).unwrap_or(i64::MAX))
            .part_last_byte(i64::try_from(last).unwrap_or(i64::MAX))
            .layer_part_blob(Blob::new([]))
            .customize()
            .interceptor(WithBody(body))
            .config_override(aws_sdk_ecr::config::Builder::new().retry_classifier(AskBeforeResending))
            .send()
            .await;
        let Err(error) = answer else { return Stored::Yes };
        if let Some(UploadLayerPartError::InvalidLayerPartException(wrong)) = error.as_service_error() {
            return Stored::UpTo(wrong.last_valid_byte_received);
        }
        if code(&error) == Some("UploadNotFoundException") {
            return Stored::Vanished;
        }
        let ambiguous = is_ambiguous(&error);
        let error = explain("UploadLayerPart", upload.repository.to_string(), &error);
        if ambiguous && !matches!(error, RegistryError::Auth(_)) {
            Stored::Unknown(error)
        } else {
            Stored::Failed(error)
        }
    }

    async fn complete(&self, upload: &Upload, digest: BlobDigest) -> Result<(), Broken> {
        let answer = self
            .client
            .complete_layer_upload()
            .set_registry_id(self.registry_id.clone())
            .repository_name(upload.repository.as_str())
            .upload_id(&upload.id)
            .layer_digests(digest.to_string())
            .send()
            .await;
        let Err(error) = answer else { return Ok(()) };
        match error.as_service_error() {
            // ECR has compared the digest before it says so: the blob is there, and it is this one.
            Some(CompleteLayerUploadError::LayerAlreadyExistsException(_)) => Ok(()),
            // Either the upload is lost, or an earlier answer was and the layer is complete.
            Some(CompleteLayerUploadError::UploadNotFoundException(_)) => {
                if self.available(&upload.repository, &[digest]).await?.contains(&digest) {
                    Ok(())
                } else {
                    Err(Broken::Vanished)
                }
            }
            _ => Err(self.explain("CompleteLayerUpload", &upload.repository, &error).into()),
        }
    }
}

/// What is known about a part after it was sent.
enum Stored {
    Yes,
    /// It was not the next one; this is the last byte that the registry holds.
    UpTo(Option<i64>),
    Vanished,
    /// No answer came.
    Unknown(RegistryError),
    Failed(RegistryError),
}

/// Keeps the SDK from sending a part again when it is not known whether the part was stored.
#[derive(Debug)]
struct AskBeforeResending;

impl ClassifyRetry for AskBeforeResending {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let server_error = context.response().is_some_and(|response| response.status().is_server_error());
        let no_answer = match context.output_or_error() {
            Some(Err(error)) => {
                error.is_connector_error() || error.is_timeout_error() || error.is_response_error()
            }
            _ => false,
        };
        if server_error || no_answer { RetryAction::RetryForbidden } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "AskBeforeResending"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
