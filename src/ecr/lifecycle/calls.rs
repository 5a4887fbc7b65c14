//! What is asked of ECR and told to it.

use super::effect::Outcome;
use super::listing::{Image, Listing, Status};
use super::policy::Action;
use crate::base::failure::causes;
use crate::base::{Failure, Kind, ManifestDigest, MediaType, RepositoryName, Timestamp};
use crate::image::Index;
use crate::registry::ecr::Ecr;
use crate::registry::{ManifestId, Registry as _, RegistryError};
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::get_lifecycle_policy_preview::GetLifecyclePolicyPreviewOutput;
use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageActionType, ImageDetail, ImageStatus, ImageStatusFilter,
    LifecyclePolicyPreviewResult, LifecyclePolicyPreviewStatus,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::time::Duration;
use tokio::time::Instant;

/// Results a page, the most that ECR gives.
const PREVIEW_PAGE: i32 = 100;
/// Images a page, the most that ECR gives.
const IMAGES_PAGE: i32 = 1000;
/// The longest wait between two looks at a preview: that of ECR's own waiter.
const SLOWEST: Duration = Duration::from_secs(5);

const NO_POLICY: &str = "LifecyclePolicyNotFoundException";
const NO_PREVIEW: &str = "LifecyclePolicyPreviewNotFoundException";
const IN_PROGRESS: &str = "LifecyclePolicyPreviewInProgressException";

/// The lifecycle policy of one repository.
#[derive(Debug, Clone, Copy)]
pub struct Lifecycle<'a> {
    ecr: &'a Ecr,
    repository: &'a RepositoryName,
}

/// A policy that a repository has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// As it was set.
    pub text: String,
    /// When ECR last acted on it; none if it never did.
    pub last_evaluated: Option<Timestamp>,
}

/// How long a preview is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// In all.
    pub limit: Duration,
    /// Between the first two looks; later ones are further apart.
    pub first: Duration,
}

/// A call about a policy failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LifecycleError {
    /// By what ECR said, or because it did not.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The repository has no policy.
    #[error("{repository} has no lifecycle policy")]
    NoPolicy {
        /// The repository in full.
        repository: String,
    },
    /// ECR could not make the preview.
    #[error("ECR could not preview the lifecycle policy of {repository}")]
    Failed {
        /// The repository in full.
        repository: String,
    },
    /// The preview did not end in time.
    #[error(
        "ECR has not finished the preview of the lifecycle policy of {repository} within {seconds} s: {why}"
    )]
    TooLong {
        /// The repository in full.
        repository: String,
        /// How long was waited.
        seconds: u64,
        /// What was waited for.
        why: &'static str,
    },
}

impl Failure for LifecycleError {
    fn kind(&self) -> Kind {
        match self {
            Self::Registry(error) => error.kind(),
            Self::NoPolicy { .. } | Self::Failed { .. } => Kind::Refused,
            Self::TooLong { .. } => Kind::Exhausted,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Registry(error) => error.hint(),
            Self::NoPolicy { .. } => {
                Some("`consign lifecycle set` gives it one: from a file, or with `--keep-last N`".into())
            }
            Self::Failed { .. } => Some(
                "run the same command again; `--offline` evaluates the policy here, from a list of the images".into(),
            ),
            Self::TooLong { .. } => Some(
                "wait longer with `--preview-timeout-seconds`, or evaluate the policy here with `--offline`".into(),
            ),
        }
    }
}

type Result<T> = std::result::Result<T, LifecycleError>;

impl<'a> Lifecycle<'a> {
    /// Of `repository`.
    pub fn new(ecr: &'a Ecr, repository: &'a RepositoryName) -> Self {
        Self { ecr, repository }
    }

    /// `HOST/NAME`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.ecr.host(), self.repository)
    }

    fn explain<E>(&self, operation: &'static str, error: &SdkError<E, HttpResponse>) -> LifecycleError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        self.ecr.explain(operation, self.repository, error).into()
    }

    fn nonsense(&self, operation: &'static str, what: impl Into<String>) -> LifecycleError {
        RegistryError::Nonsense { operation, resource: self.name(), what: what.into() }.into()
    }

    /// The policy, if there is one.
    pub async fn get(&self) -> Result<Option<Stored>> {
        let answer = self
            .ecr
            .client()
            .get_lifecycle_policy()
            .set_registry_id(self.ecr.registry_id().map(str::to_owned))
            .repository_name(self.repository.as_str())
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let text = answer.lifecycle_policy_text();
                let text = text.ok_or_else(|| self.nonsense("GetLifecyclePolicy", "it has no policy"))?;
                Ok(Some(Stored {
                    text: text.to_owned(),
                    // A policy that was never acted on says so by the beginning of time.
                    last_evaluated: moment(answer.last_evaluated_at())
                        .filter(|at| *at > Timestamp::UNIX_EPOCH),
                }))
            }
            Err(error) if code(&error) == Some(NO_POLICY) => Ok(None),
            Err(error) => Err(self.explain("GetLifecyclePolicy", &error)),
        }
    }

    /// Sets the policy.
    pub async fn put(&self, text: &str) -> Result<()> {
        self.ecr
            .client()
            .put_lifecycle_policy()
            .set_registry_id(self.ecr.registry_id().map(str::to_owned))
            .repository_name(self.repository.as_str())
            .lifecycle_policy_text(text)
            .send()
            .await
            .map_err(|error| self.explain("PutLifecyclePolicy", &error))?;
        Ok(())
    }

    /// Takes the policy away, and gives its text; none if there was none.
    pub async fn delete(&self) -> Result<Option<String>> {
        let answer = self
            .ecr
            .client()
            .delete_lifecycle_policy()
            .set_registry_id(self.ecr.registry_id().map(str::to_owned))
            .repository_name(self.repository.as_str())
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(Some(answer.lifecycle_policy_text().unwrap_or_default().to_owned())),
            Err(error) if code(&error) == Some(NO_POLICY) => Ok(None),
            Err(error) => Err(self.explain("DeleteLifecyclePolicy", &error)),
        }
    }

    /// All images of the repository, those in the archive too. What indexes list is read from their manifests, unless a
    /// policy goes by the time of the last pull: one that is meant, by `looks_at_pulls`, or the present one. ECR counts
    /// the reading as a pull.
    pub async fn images(&self, looks_at_pulls: bool) -> Result<Listing> {
        let mut images = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .ecr
                .client()
                .describe_images()
                .set_registry_id(self.ecr.registry_id().map(str::to_owned))
                .repository_name(self.repository.as_str())
                .filter(DescribeImagesFilter::builder().image_status(ImageStatusFilter::Any).build())
                .max_results(IMAGES_PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| self.explain("DescribeImages", &error))?;
            for detail in page.image_details() {
                let image = image(detail).map_err(|what| self.nonsense("DescribeImages", what))?;
                images.push(image);
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        // The tests are in the order of what they cost.
        if images.iter().any(|image| image.is_index) && !looks_at_pulls && !self.looks_at_pulls().await? {
            self.read_indexes(&mut images).await?;
        }
        Ok(Listing::new(images))
    }

    /// Whether the present policy goes by the time of the last pull.
    async fn looks_at_pulls(&self) -> Result<bool> {
        match self.get().await {
            Ok(present) => Ok(present.is_some_and(|present| present.text.contains("sinceImagePulled"))),
            // Whoever may not see it has to do without.
            Err(LifecycleError::Registry(RegistryError::Denied { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn read_indexes(&self, images: &mut [Image]) -> Result<()> {
        // What is in the archive can't be read.
        let indexes: Vec<&mut Image> =
            images.iter_mut().filter(|image| image.is_index && image.status == Status::Active).collect();
        let ids: Vec<ManifestId> = indexes.iter().map(|image| ManifestId::Digest(image.digest)).collect();
        let manifests = match self.ecr.manifests(self.repository, &ids).await {
            Ok(manifests) => manifests,
            // Whoever may look at the list and not at the manifests is told by the number of unread indexes.
            Err(RegistryError::Denied { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for (image, manifest) in indexes.into_iter().zip(manifests) {
            let Some(manifest) = manifest else { continue };
            let index: Index = serde_json::from_slice(&manifest.bytes).map_err(|error| {
                self.nonsense("BatchGetImage", format!("the index {} can't be read: {error}", image.digest))
            })?;
            image.children = Some(
                index.manifests.iter().filter_map(|child| child.digest.to_string().parse().ok()).collect(),
            );
        }
        Ok(())
    }

    /// What ECR says that a policy would do: `text`, or the policy that is set. It takes some seconds; `tell` hears what
    /// is waited for.
    ///
    /// A repository has one preview at a time. If somebody else's is under way, it is waited for; if somebody else's
    /// takes the place of this one before it has been read, this one is started again.
    pub async fn preview(
        &self,
        text: Option<&str>,
        patience: Patience,
        tell: &(dyn Fn(String) + Sync),
    ) -> Result<Vec<Outcome>> {
        let Patience { limit, first } = patience;
        let mut wait = Wait { until: Instant::now() + limit, limit, pause: first };
        loop {
            let Some(started) = self.start(text).await? else {
                tell(format!("another preview of {} is under way; waiting for its end", self.name()));
                self.others_end(&mut wait).await?;
                continue;
            };
            tell(format!("ECR previews the lifecycle policy of {}", self.name()));
            if let Some(outcomes) = self.results(&started, &mut wait).await? {
                return Ok(outcomes);
            }
            wait.pause(self, "others preview policies of this repository at the same time").await?;
        }
    }

    /// Starts a preview, and gives the text that is previewed; none if one is under way.
    async fn start(&self, text: Option<&str>) -> Result<Option<String>> {
        let answer = self
            .ecr
            .client()
            .start_lifecycle_policy_preview()
            .set_registry_id(self.ecr.registry_id().map(str::to_owned))
            .repository_name(self.repository.as_str())
            .set_lifecycle_policy_text(text.map(str::to_owned))
            .send()
            .await;
        match answer {
            Ok(answer) => {
                Ok(answer.lifecycle_policy_text().or(text).map(str::to_owned).or(Some(String::new())))
            }
            Err(error) if code(&error) == Some(IN_PROGRESS) => Ok(None),
            Err(error) => Err(self.explain("StartLifecyclePolicyPreview", &error)),
        }
    }

    /// Waits until the preview that is under way is not any more.
    async fn others_end(&self, wait: &mut Wait) -> Result<()> {
        loop {
            let answer = self
                .ecr
                .client()
                .get_lifecycle_policy_preview()
                .set_registry_id(self.ecr.registry_id().map(str::to_owned))
                .repository_name(self.repository.as_str())
                .max_results(1)
                .send()
                .await;
            match answer {
                Ok(page) if page.status() != Some(&LifecyclePolicyPreviewStatus::InProgress) => return Ok(()),
                Err(error) if code(&error) != Some(NO_PREVIEW) => {
                    return Err(self.explain("GetLifecyclePolicyPreview", &error));
                }
                _ => wait.pause(self, "another preview is under way").await?,
            }
        }
    }

    /// The results of the preview of `text`; none if there is another in its place, or none any more.
    async fn results(&self, text: &str, wait: &mut Wait) -> Result<Option<Vec<Outcome>>> {
        const OPERATION: &str = "GetLifecyclePolicyPreview";
        let mut outcomes = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let answer = self
                .ecr
                .client()
                .get_lifecycle_policy_preview()
                .set_registry_id(self.ecr.registry_id().map(str::to_owned))
                .repository_name(self.repository.as_str())
                .max_results(PREVIEW_PAGE)
                .set_next_token(token.clone())
                .send()
                .await;
            let page: GetLifecyclePolicyPreviewOutput = match answer {
                Ok(page) => page,
                Err(error) if code(&error) == Some(NO_PREVIEW) => return Ok(None),
                // A token of a preview that is no more.
                Err(error) if token.is_some() && code(&error) == Some("InvalidParameterException") => {
                    tracing::debug!("the preview was replaced: {}", causes(&error));
                    return Ok(None);
                }
                Err(error) => return Err(self.explain(OPERATION, &error)),
            };
            if !is_same(page.lifecycle_policy_text().unwrap_or(text), text) {
                return Ok(None);
            }
            match page.status() {
                Some(LifecyclePolicyPreviewStatus::Complete) => {}
                Some(LifecyclePolicyPreviewStatus::InProgress) if token.is_none() => {
                    wait.pause(self, "it is in progress").await?;
                    continue;
                }
                Some(LifecyclePolicyPreviewStatus::InProgress | LifecyclePolicyPreviewStatus::Expired) => {
                    return Ok(None);
                }
                Some(LifecyclePolicyPreviewStatus::Failed) => {
                    return Err(LifecycleError::Failed { repository: self.name() });
                }
                other => return Err(self.nonsense(OPERATION, format!("the status {other:?}"))),
            }
            for result in page.preview_results() {
                outcomes.push(outcome(result).map_err(|what| self.nonsense(OPERATION, what))?);
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(Some(outcomes));
            }
        }
    }
}

/// How long is waited still.
struct Wait {
    until: Instant,
    limit: Duration,
    pause: Duration,
}

impl Wait {
    async fn pause(&mut self, lifecycle: &Lifecycle<'_>, why: &'static str) -> Result<()> {
        let next = Instant::now() + self.pause;
        if next > self.until {
            let (repository, seconds) = (lifecycle.name(), self.limit.as_secs());
            return Err(LifecycleError::TooLong { repository, seconds, why });
        }
        tokio::time::sleep_until(next).await;
        self.pause = (self.pause * 3 / 2).min(SLOWEST);
        Ok(())
    }
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Whether two texts say the same as JSON: ECR need not give back the white space.
fn is_same(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    one == other || read(one).is_some_and(|value| Some(value) == read(other))
}

fn moment(time: Option<&aws_smithy_types::DateTime>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

fn digest(text: Option<&str>) -> std::result::Result<ManifestDigest, String> {
    let text = text.unwrap_or_default();
    text.parse().map_err(|_| format!("the digest `{text}`"))
}

fn image(detail: &ImageDetail) -> std::result::Result<Image, String> {
    let mut tags = detail.image_tags().to_vec();
    tags.sort_unstable();
    Ok(Image {
        digest: digest(detail.image_digest())?,
        tags,
        pushed_at: moment(detail.image_pushed_at()).ok_or("an image without `imagePushedAt`")?,
        pulled_at: moment(detail.last_recorded_pull_time()),
        status: match detail.image_status() {
            Some(ImageStatus::Archived) => Status::Archived,
            Some(ImageStatus::Activating) => Status::Activating,
            _ => Status::Active,
        },
        archived_at: moment(detail.last_archived_at()),
        activated_at: moment(detail.last_activated_at()),
        size: detail.image_size_in_bytes().and_then(|size| u64::try_from(size).ok()),
        is_index: detail.image_manifest_media_type().is_some_and(|kind| MediaType::from(kind).is_index()),
        children: None,
        subject: detail.subject_manifest_digest().map(|text| digest(Some(text))).transpose()?,
    })
}

fn outcome(result: &LifecyclePolicyPreviewResult) -> std::result::Result<Outcome, String> {
    let mut tags = result.image_tags().to_vec();
    tags.sort_unstable();
    let action = match result.action().and_then(|action| action.r#type()) {
        Some(ImageActionType::Expire) => Action::Expire,
        Some(ImageActionType::Transition) => Action::Archive,
        other => return Err(format!("the action {other:?}")),
    };
    let priority = result.applied_rule_priority().and_then(|priority| u64::try_from(priority).ok());
    Ok(Outcome {
        digest: digest(result.image_digest())?,
        tags,
        pushed_at: moment(result.image_pushed_at()),
        size: None,
        is_index: false,
        action,
        priority: priority.ok_or("a result without `appliedRulePriority`")?,
    })
}
