//! The calls: which images there are to scan, starting scans, and reading what they found.

use super::report::{ImageScan, ScanType};
use super::{Finding, Report, ScanError};
use crate::base::{ManifestDigest, Platform, RepositoryName, Timestamp};
use crate::image::Index;
use crate::registry::ecr::Ecr;
use crate::registry::{ManifestId, Registry as _, RegistryError};
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::start_image_scan::StartImageScanError;
use aws_sdk_ecr::primitives::DateTime;
use aws_sdk_ecr::types::{ImageIdentifier, ImageScanFindings, ImageScanStatus, ScanType as Configured};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use std::collections::HashSet;
use std::error::Error;

/// Findings of one page, the most for one call
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html>).
const FINDINGS_A_PAGE: i32 = 1000;
/// Indexes in indexes that are followed.
const DEEPEST: usize = 4;
/// Images of an index at most; each is a call, again and again.
const MOST: usize = 200;

/// An image that can be scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Of its manifest.
    pub digest: ManifestDigest,
    /// Its platform, if an index told it.
    pub platform: Option<Platform>,
}

/// An image or index, and what of it is scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    /// The image or index itself.
    pub root: ManifestDigest,
    /// The image, or the images of the index. Never empty.
    pub images: Vec<Target>,
}

/// What became of the wish that a scan begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It has begun.
    Begun,
    /// There was a scan within 24 hours, and ECR makes no other.
    TooSoon,
}

/// One repository, by its registry's API.
#[derive(Debug, Clone, Copy)]
pub struct Scanner<'a> {
    /// The registry.
    pub ecr: &'a Ecr,
    /// The repository.
    pub repository: &'a RepositoryName,
}

impl Scanner<'_> {
    /// The repository with its registry.
    pub fn place(&self) -> String {
        format!("{}/{}", self.ecr.host(), self.repository)
    }

    /// `REPOSITORY@sha256:…`
    pub fn name(&self, digest: &ManifestDigest) -> String {
        format!("{}@{digest}", self.place())
    }

    /// What of an image is scanned: itself, or the images that an index lists, as an index has no packages. `written` is
    /// its name for people.
    pub async fn targets(&self, id: &ManifestId, written: &str) -> Result<Targets, ScanError> {
        let not_there = || ScanError::NotThere { image: written.to_owned(), repository: self.place() };
        let manifest = self.ecr.manifest(self.repository, id).await?.ok_or_else(not_there)?;
        let root = manifest.digest();
        if !manifest.media_type.is_index() {
            return Ok(Targets { root, images: vec![Target { digest: root, platform: None }] });
        }
        let (mut images, mut seen, mut level) = (Vec::new(), HashSet::from([root]), vec![manifest]);
        for _ in 0..DEEPEST {
            let mut below = Vec::new();
            for manifest in &level {
                let index: Index = serde_json::from_slice(&manifest.bytes).map_err(|error| {
                    self.nonsense(format!("{} can't be read: {error}", manifest.digest()))
                })?;
                for child in index.manifests {
                    let digest: ManifestDigest = child.digest.into();
                    if !seen.insert(digest) {
                        continue;
                    }
                    if child.media_type.is_index() {
                        below.push(ManifestId::Digest(digest));
                    } else if is_image(&child) {
                        images.push(Target { digest, platform: child.platform });
                    }
                }
            }
            if seen.len() > MOST {
                return Err(self.nonsense(format!("{written} lists more than {MOST} images")).into());
            }
            // What an index lists and the registry does not have can't be run either.
            level = self.ecr.manifests(self.repository, &below).await?.into_iter().flatten().collect();
            if level.is_empty() {
                break;
            }
        }
        if images.is_empty() {
            let why = "it is an index that lists no images".into();
            return Err(ScanError::Unscannable { image: written.to_owned(), why });
        }
        images.sort_by(|one, other| one.platform.cmp(&other.platform));
        Ok(Targets { root, images })
    }

    /// Has ECR look for vulnerabilities.
    pub async fn start(&self, digest: &ManifestDigest) -> Result<Started, ScanError> {
        let answer = self
            .ecr
            .client()
            .start_image_scan()
            .set_registry_id(self.ecr.registry_id().map(str::to_owned))
            .repository_name(self.repository.as_str())
            .image_id(ImageIdentifier::builder().image_digest(digest.to_string()).build())
            .customize()
            .config_override(aws_sdk_ecr::config::Builder::new().retry_classifier(NotToday))
            .send()
            .await;
        let Err(error) = answer else { return Ok(Started::Begun) };
        let image = self.name(digest);
        Err(match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            Some("LimitExceededException") => return Ok(Started::TooSoon),
            Some("ImageArchivedException") => ScanError::Archived { image },
            Some("UnsupportedImageTypeException") => {
                let message = error.as_service_error().and_then(ProvideErrorMetadata::message);
                ScanError::Unscannable { image, why: message.unwrap_or("ECR gave no reason").to_owned() }
            }
            // The words of this one are not documented, so the setting is asked for; without a permission for that, the
            // words have to do.
            Some("ValidationException") => match self.is_enhanced().await {
                Some(true) => ScanError::Enhanced { image },
                Some(false) => self.failed("StartImageScan", digest, &error),
                None => ScanError::NotStarted(self.ecr.explain("StartImageScan", self.repository, &error)),
            },
            _ => self.failed("StartImageScan", digest, &error),
        })
    }

    /// Whether the registry has enhanced scanning, if that can be known.
    async fn is_enhanced(&self) -> Option<bool> {
        // The call is about the caller's own registry, whatever else was asked for.
        if self.ecr.registry_id().is_some() {
            return None;
        }
        let answer = self.ecr.client().get_registry_scanning_configuration().send().await.ok()?;
        Some(answer.scanning_configuration()?.scan_type() == Some(&Configured::Enhanced))
    }

    /// The scan of an image, with all that it has found.
    pub async fn describe(&self, target: &Target) -> Result<ImageScan, ScanError> {
        let mut scan = ImageScan {
            image: self.name(&target.digest),
            digest: target.digest,
            platform: target.platform.clone(),
            status: None,
            description: None,
            scan_type: None,
            completed_at: None,
            source_updated_at: None,
            findings: Vec::new(),
        };
        let mut next = None;
        loop {
            let answer = self
                .ecr
                .client()
                .describe_image_scan_findings()
                .set_registry_id(self.ecr.registry_id().map(str::to_owned))
                .repository_name(self.repository.as_str())
                .image_id(ImageIdentifier::builder().image_digest(target.digest.to_string()).build())
                .max_results(FINDINGS_A_PAGE)
                .set_next_token(next)
                .send()
                .await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
                    if code == Some("ScanNotFoundException") {
                        return Ok(scan);
                    }
                    return Err(self.failed("DescribeImageScanFindings", &target.digest, &error));
                }
            };
            let status = answer.image_scan_status();
            scan.status = status.and_then(ImageScanStatus::status).map(|status| status.as_str().to_owned());
            scan.description =
                status.and_then(ImageScanStatus::description).and_then(|it| super::finding::word(Some(it)));
            if let Some(found) = answer.image_scan_findings() {
                add(&mut scan, found);
            }
            match answer.next_token() {
                Some(token) => next = Some(token.to_owned()),
                None => break,
            }
        }
        if scan.scan_type.is_none() {
            scan.scan_type = match scan.status.as_deref() {
                Some("COMPLETE") => Some(ScanType::Basic),
                Some("ACTIVE") => Some(ScanType::Enhanced),
                _ => None,
            };
        }
        scan.findings.sort_by(Finding::order);
        scan.findings.dedup();
        Ok(scan)
    }

    /// The report on scans that were looked at.
    pub fn report(&self, targets: &Targets, images: Vec<ImageScan>) -> Report {
        Report { image: self.name(&targets.root), repository: self.repository.to_string(), images }
    }

    fn failed<E>(
        &self,
        operation: &'static str,
        digest: &ManifestDigest,
        error: &SdkError<E, HttpResponse>,
    ) -> ScanError
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        if error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ImageNotFoundException") {
            return ScanError::Gone { image: self.name(digest) };
        }
        self.ecr.explain(operation, self.repository, error).into()
    }

    fn nonsense(&self, what: String) -> RegistryError {
        RegistryError::Nonsense { operation: "BatchGetImage", resource: self.place(), what }
    }
}

/// Whether a member of an index is an image: attestations are for no platform, and artifacts say what they are.
fn is_image(child: &crate::image::Descriptor) -> bool {
    child.media_type.is_manifest()
        && child.artifact_type.is_none()
        && child.platform.as_ref().is_none_or(Platform::is_named)
}

/// Adds a page.
fn add(scan: &mut ImageScan, found: &ImageScanFindings) {
    scan.completed_at = found.image_scan_completed_at().and_then(time);
    scan.source_updated_at = found.vulnerability_source_updated_at().and_then(time);
    if !found.findings().is_empty() {
        scan.scan_type = Some(ScanType::Basic);
        scan.findings.extend(found.findings().iter().map(Finding::basic));
    }
    if !found.enhanced_findings().is_empty() {
        scan.scan_type = Some(ScanType::Enhanced);
        scan.findings.extend(found.enhanced_findings().iter().map(Finding::enhanced));
    }
}

fn time(time: &DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

/// The SDK takes `LimitExceededException` for throttling, and asks again and again. Here it says that the image was
/// scanned within 24 hours, which no wait of seconds changes.
#[derive(Debug)]
struct NotToday;

impl ClassifyRetry for NotToday {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        let error = error.and_then(OrchestratorError::as_operation_error);
        match error.and_then(|error| error.downcast_ref::<StartImageScanError>()) {
            Some(StartImageScanError::LimitExceededException(_)) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "scanned within 24 hours"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
