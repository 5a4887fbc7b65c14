//! Taking images away, so that afterwards it is known of each what became of it.
//!
//! `BatchDeleteImage` takes a hundred a call and answers for each by itself
//! (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html>). With a tag, the tag goes, and
//! the image with its last one; with a digest, the image goes with all its tags. An image that an index lists is refused
//! as long as the index is there, so what was refused for that is asked for once more after something else has gone.

use super::store::{ImageStore, identifier};
use crate::base::{Failure, Kind, ManifestDigest};
use crate::registry::{ManifestId, RegistryError};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use serde::{Serialize, Serializer};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Images a call, by the API's model.
const A_CALL: usize = 100;
/// The code for an image that an index lists.
const REFERENCED: &str = "ImageReferencedByManifestList";
/// The code for what is not there.
const NOT_FOUND: &str = "ImageNotFound";

/// An image or a tag that is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deleted {
    /// The image; none if the answer that would have named it was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// The tag; none for an untagged image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
}

/// What was asked for, and is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotDeleted {
    /// As it was asked for.
    #[serde(rename = "imageId", serialize_with = "as_image_id")]
    pub id: ManifestId,
    /// ECR's code: `ImageNotFound`, `ImageReferencedByManifestList`, …
    pub failure_code: String,
    /// ECR's words.
    pub failure_reason: String,
    /// The indexes that the image is in, if that is why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listed_by: Vec<ManifestDigest>,
}

impl NotDeleted {
    /// What is known not to be there.
    pub fn missing(id: ManifestId) -> Self {
        let reason = "there is no such image in the repository".to_owned();
        Self { id, failure_code: NOT_FOUND.into(), failure_reason: reason, listed_by: Vec::new() }
    }

    /// What is known to be in these indexes.
    pub fn listed(id: ManifestId, indexes: Vec<ManifestDigest>) -> Self {
        let reason = "an index that stays lists the image".to_owned();
        Self { id, failure_code: REFERENCED.into(), failure_reason: reason, listed_by: indexes }
    }

    /// Whether there was nothing by that name.
    pub fn is_missing(&self) -> bool {
        self.failure_code == NOT_FOUND
    }

    /// Whether an index lists it.
    pub fn is_listed(&self) -> bool {
        self.failure_code == REFERENCED
    }
}

/// An id as the API has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ImageId<'a>(#[serde(serialize_with = "as_image_id")] pub &'a ManifestId);

fn as_image_id<S: Serializer>(id: &ManifestId, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap as _;
    let mut map = serializer.serialize_map(Some(1))?;
    match id {
        ManifestId::Tag(tag) => map.serialize_entry("imageTag", tag)?,
        ManifestId::Digest(digest) => map.serialize_entry("imageDigest", digest)?,
    }
    map.end()
}

/// What became of what was asked for: each id is in one of the lists.
#[derive(Debug, Default)]
pub struct Deletion {
    /// Gone, as ECR named it: an image that was asked for by digest is named once for each of its tags.
    pub deleted: Vec<Deleted>,
    /// How many of `deleted` were not there at a second attempt, the answer to the first having been lost.
    pub presumed: usize,
    /// Refused, each with its reason.
    pub failures: Vec<NotDeleted>,
    /// Never asked for, as a call before had failed.
    pub not_attempted: Vec<ManifestId>,
    /// Asked for in a call of which it is not known whether it was carried out.
    pub unknown: Vec<ManifestId>,
    /// Why it stopped before the end.
    pub error: Option<RegistryError>,
}

/// Something is still there that was to be deleted.
#[derive(Debug)]
pub struct DeletionError {
    /// With its registry.
    pub repository: String,
    /// Whether nothing was to be deleted in earnest.
    pub dry_run: bool,
    /// How much is gone.
    pub deleted: usize,
    /// Refused, one by one.
    pub failures: Vec<NotDeleted>,
    /// Not asked for.
    pub not_attempted: Vec<ManifestId>,
    /// Perhaps gone.
    pub unknown: Vec<ManifestId>,
    /// Why it stopped.
    pub error: Option<RegistryError>,
}

impl fmt::Display for DeletionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let would = if self.dry_run { "would not be" } else { "were not" };
        match &self.error {
            Some(error) => write!(f, "{error}\n  deleted before: {}", self.deleted)?,
            None => {
                let all = self.deleted + self.failures.len();
                write!(f, "{} of {all} {would} deleted from {}", self.failures.len(), self.repository)?;
            }
        }
        for failure in &self.failures {
            write!(f, "\n  {}: {}: {}", failure.id, failure.failure_code, failure.failure_reason)?;
            for index in
                failure.listed_by.iter().filter(|it| !failure.failure_reason.contains(&it.to_string()))
            {
                write!(f, ": {index}")?;
            }
        }
        for id in &self.unknown {
            write!(f, "\n  {id}: it is not known whether it was deleted")?;
        }
        for id in &self.not_attempted {
            write!(f, "\n  {id}: not attempted")?;
        }
        Ok(())
    }
}

impl std::error::Error for DeletionError {}

impl Failure for DeletionError {
    fn kind(&self) -> Kind {
        self.error.as_ref().map_or(Kind::Refused, Failure::kind)
    }

    fn hint(&self) -> Option<String> {
        if let Some(error) = &self.error {
            let hint = error.hint().map(|hint| hint + "; then ").unwrap_or_default();
            return Some(match error {
                RegistryError::RepositoryNotFound { .. } => {
                    "check the name, the region and the account; a repository that was deleted has taken its images along"
                        .into()
                }
                _ => hint + "the same command with `--ignore-missing` deletes what is left",
            });
        }
        if self.failures.iter().any(NotDeleted::is_listed) {
            return Some(
                "delete the index first, or with it: `consign image delete REPOSITORY@INDEX --with-children`"
                    .into(),
            );
        }
        let missing = self.failures.iter().all(NotDeleted::is_missing);
        missing.then(|| "with `--ignore-missing`, what is not there counts as deleted".into())
    }
}

impl ImageStore {
    /// Deletes what `ids` name, in their order. `told` hears after each call how many ids are dealt with.
    pub async fn delete(&self, ids: &[ManifestId], told: &mut (dyn FnMut(usize) + Send)) -> Deletion {
        let mut seen = HashSet::new();
        let mut open: Vec<ManifestId> =
            ids.iter().filter(|id| seen.insert(id.to_string())).cloned().collect();
        let mut deletion = Deletion::default();
        let mut dealt_with = 0;
        loop {
            let (before, mut listed) = (deletion.deleted.len(), Vec::new());
            for (number, batch) in open.chunks(A_CALL).enumerate() {
                match self.delete_batch(batch).await {
                    Ok(answer) => {
                        let failures = deletion.take(answer);
                        dealt_with += batch.len() - failures.len();
                        listed.extend(failures);
                        told(dealt_with);
                    }
                    Err((error, uncertain)) => {
                        if uncertain {
                            deletion.unknown.extend_from_slice(batch);
                        } else {
                            deletion.not_attempted.extend_from_slice(batch);
                        }
                        let rest = open.iter().skip((number + 1) * A_CALL);
                        deletion.not_attempted.extend(rest.cloned());
                        deletion.error = Some(error);
                        deletion.failures.extend(listed);
                        return deletion;
                    }
                }
            }
            // The index that was in the way may have gone with this very command.
            if listed.is_empty() || deletion.deleted.len() == before {
                deletion.failures.extend(listed);
                return deletion;
            }
            open = listed.into_iter().map(|failure| failure.id).collect();
        }
    }

    /// One call. An error comes with whether the call may have been carried out nevertheless.
    async fn delete_batch(&self, ids: &[ManifestId]) -> Result<Answer, (RegistryError, bool)> {
        let lost = Arc::new(AtomicBool::new(false));
        let mut answer = match self {
            Self::Private { ecr, repository } => {
                let answer = ecr
                    .client()
                    .batch_delete_image()
                    .set_registry_id(ecr.registry_id().map(str::to_owned))
                    .repository_name(repository.as_str())
                    .set_image_ids(Some(ids.iter().map(identifier).collect()))
                    .customize()
                    .config_override(
                        aws_sdk_ecr::config::Builder::new()
                            .retry_classifier(NoteLostAnswers(Arc::clone(&lost))),
                    )
                    .send()
                    .await;
                let answer = answer.map_err(|error| {
                    (ecr.explain("BatchDeleteImage", repository, &error), lost.load(Ordering::Relaxed))
                })?;
                let failures = answer.failures.unwrap_or_default().into_iter().map(|failure| Refusal {
                    digest: failure.image_id.as_ref().and_then(|id| id.image_digest.clone()),
                    tag: failure.image_id.and_then(|id| id.image_tag),
                    code: failure.failure_code.map(|code| code.as_str().to_owned()),
                    reason: failure.failure_reason,
                });
                let gone = answer.image_ids.unwrap_or_default();
                let gone = gone
                    .into_iter()
                    .map(|id| Deleted { image_digest: id.image_digest, image_tag: id.image_tag });
                Answer::new(gone.collect(), failures.collect())
            }
            Self::Public { ecr, name } => {
                let ids = ids.iter().map(|id| match id {
                    ManifestId::Tag(tag) => {
                        aws_sdk_ecrpublic::types::ImageIdentifier::builder().image_tag(tag.as_str()).build()
                    }
                    ManifestId::Digest(digest) => aws_sdk_ecrpublic::types::ImageIdentifier::builder()
                        .image_digest(digest.to_string())
                        .build(),
                });
                let note = NoteLostAnswers(Arc::clone(&lost));
                let answer = ecr
                    .client()
                    .batch_delete_image()
                    .repository_name(name.repository.as_str())
                    .set_image_ids(Some(ids.collect()))
                    .customize()
                    .config_override(aws_sdk_ecrpublic::config::Builder::new().retry_classifier(note))
                    .send()
                    .await;
                let answer = answer.map_err(|error| {
                    (ecr.explain("BatchDeleteImage", &name.repository, &error), lost.load(Ordering::Relaxed))
                })?;
                let failures = answer.failures.unwrap_or_default().into_iter().map(|failure| Refusal {
                    digest: failure.image_id.as_ref().and_then(|id| id.image_digest.clone()),
                    tag: failure.image_id.and_then(|id| id.image_tag),
                    code: failure.failure_code.map(|code| code.as_str().to_owned()),
                    reason: failure.failure_reason,
                });
                let gone = answer.image_ids.unwrap_or_default();
                let gone = gone
                    .into_iter()
                    .map(|id| Deleted { image_digest: id.image_digest, image_tag: id.image_tag });
                Answer::new(gone.collect(), failures.collect())
            }
        };
        answer.after_lost_one = lost.load(Ordering::Relaxed);
        Ok(answer)
    }
}

/// What one call has brought.
#[derive(Debug)]
struct Answer {
    gone: Vec<Deleted>,
    failures: Vec<NotDeleted>,
    /// An attempt before may have been carried out.
    after_lost_one: bool,
}

/// A failure as either API has it.
struct Refusal {
    digest: Option<String>,
    tag: Option<String>,
    code: Option<String>,
    reason: Option<String>,
}

impl Answer {
    fn new(gone: Vec<Deleted>, failures: Vec<Refusal>) -> Self {
        let failures = failures.into_iter().filter_map(|failure| {
            let id = match (failure.tag, failure.digest) {
                (Some(tag), _) => ManifestId::Tag(tag.parse().ok()?),
                (None, digest) => ManifestId::Digest(digest?.parse().ok()?),
            };
            let reason = failure.reason.unwrap_or_else(|| "ECR gave no reason".into());
            let code = failure.code.unwrap_or_default();
            let listed_by = if code == REFERENCED { digests(&reason) } else { Vec::new() };
            Some(NotDeleted { id, failure_code: code, failure_reason: reason, listed_by })
        });
        Self { gone, failures: failures.collect(), after_lost_one: false }
    }
}

impl Deletion {
    /// Files what a call has brought; gives what was refused because an index lists it.
    fn take(&mut self, answer: Answer) -> Vec<NotDeleted> {
        self.deleted.extend(answer.gone);
        let mut listed = Vec::new();
        for failure in answer.failures {
            if answer.after_lost_one && failure.is_missing() {
                self.presumed += 1;
                self.deleted.push(match failure.id {
                    ManifestId::Tag(tag) => Deleted { image_digest: None, image_tag: Some(tag.to_string()) },
                    ManifestId::Digest(digest) => {
                        Deleted { image_digest: Some(digest.to_string()), image_tag: None }
                    }
                });
            } else if failure.is_listed() {
                listed.push(failure);
            } else {
                self.failures.push(failure);
            }
        }
        listed
    }
}

/// The digests that a text names: ECR says in its reason which indexes list an image.
fn digests(text: &str) -> Vec<ManifestDigest> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == ':';
    text.split(|c: char| !legal(c)).filter_map(|word| word.parse().ok()).collect()
}

/// Notes that an attempt ended without an answer that tells what became of it, and lets others decide on the rest.
#[derive(Debug)]
struct NoteLostAnswers(Arc<AtomicBool>);

impl ClassifyRetry for NoteLostAnswers {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let server_error = context.response().is_some_and(|response| response.status().is_server_error());
        let no_answer = match context.output_or_error() {
            Some(Err(error)) => {
                error.is_connector_error() || error.is_timeout_error() || error.is_response_error()
            }
            _ => false,
        };
        if server_error || no_answer {
            self.0.store(true, Ordering::Relaxed);
        }
        RetryAction::NoActionIndicated
    }

    fn name(&self) -> &'static str {
        "NoteLostAnswers"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_indexes_in_a_reason() {
        let (one, other) = (ManifestDigest::of(b"1"), ManifestDigest::of(b"2"));
        let reason = format!("Requested image referenced by manifest list: [{one}, {other}]");
        assert_eq!(digests(&reason), [one, other]);
        assert_eq!(digests("Requested image not found"), []);
    }
}
