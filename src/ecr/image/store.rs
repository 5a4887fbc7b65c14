//! The calls: `DescribeImages`, `ListImageReferrers`, `BatchDeleteImage`, on private ECR and on ECR Public.

use super::ImageDetail;
use crate::base::{ManifestDigest, RepositoryName};
use crate::registry::ecr::Ecr;
use crate::registry::ecr_public::{EcrPublic, PublicName};
use crate::registry::{ManifestId, RegistryError};
use aws_sdk_ecr::error::ProvideErrorMetadata as _;
use aws_sdk_ecr::types::{DescribeImagesFilter, ImageIdentifier, ImageStatusFilter, SubjectIdentifier};
use serde::Serialize;
use std::collections::BTreeMap;

/// Images a page, the most that ECR gives.
const PAGE: i32 = 1000;
/// Referrers a page, the most that ECR gives.
const REFERRERS: i32 = 50;

/// One repository, where images are managed.
#[derive(Debug, Clone)]
pub enum ImageStore {
    /// On private ECR.
    Private {
        /// The registry.
        ecr: Box<Ecr>,
        /// The repository.
        repository: RepositoryName,
    },
    /// On ECR Public, in the registry of the session's account.
    Public {
        /// The registry.
        ecr: EcrPublic,
        /// The repository.
        name: PublicName,
    },
}

/// Which images of a repository are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageStatus {
    /// Those that can be pulled.
    #[default]
    Active,
    /// Those in the archive.
    Archived,
    /// Those on their way back from there.
    Activating,
    /// All.
    Any,
}

/// Something that refers to an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    /// Of its manifest.
    pub digest: String,
    /// The type of its manifest.
    pub media_type: String,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Free text by key.
    pub annotations: BTreeMap<String, String>,
}

impl ImageStore {
    /// The images, in no order. Private ECR gives a thousand a call.
    pub async fn list(&self, status: ImageStatus) -> Result<Vec<ImageDetail>, RegistryError> {
        match self {
            Self::Private { ecr, repository } => {
                let wanted = match status {
                    ImageStatus::Active => ImageStatusFilter::Active,
                    ImageStatus::Archived => ImageStatusFilter::Archived,
                    ImageStatus::Activating => ImageStatusFilter::Activating,
                    ImageStatus::Any => ImageStatusFilter::Any,
                };
                let request = ecr
                    .client()
                    .describe_images()
                    .set_registry_id(ecr.registry_id().map(str::to_owned))
                    .repository_name(repository.as_str())
                    .max_results(PAGE);
                // What ECR does unasked needs no word.
                let request = match status {
                    ImageStatus::Active => request,
                    _ => request.filter(DescribeImagesFilter::builder().image_status(wanted).build()),
                };
                let mut pages = request.into_paginator().send();
                let mut all = Vec::new();
                while let Some(page) = pages.next().await {
                    let page = page.map_err(|error| ecr.explain("DescribeImages", repository, &error))?;
                    all.extend(
                        page.image_details.unwrap_or_default().into_iter().filter_map(ImageDetail::private),
                    );
                }
                Ok(all)
            }
            Self::Public { ecr, name } => {
                let request = ecr
                    .client()
                    .describe_images()
                    .repository_name(name.repository.as_str())
                    .max_results(PAGE);
                let mut pages = request.into_paginator().send();
                let mut all = Vec::new();
                while let Some(page) = pages.next().await {
                    let page =
                        page.map_err(|error| ecr.explain("DescribeImages", &name.repository, &error))?;
                    all.extend(
                        page.image_details.unwrap_or_default().into_iter().filter_map(ImageDetail::public),
                    );
                }
                Ok(all)
            }
        }
    }

    /// One image, or none if it is not there.
    pub async fn describe(&self, id: &ManifestId) -> Result<Option<ImageDetail>, RegistryError> {
        match self {
            Self::Private { ecr, repository } => {
                let answer = ecr
                    .client()
                    .describe_images()
                    .set_registry_id(ecr.registry_id().map(str::to_owned))
                    .repository_name(repository.as_str())
                    .image_ids(identifier(id))
                    .send()
                    .await;
                match answer {
                    Ok(answer) => Ok(answer
                        .image_details
                        .unwrap_or_default()
                        .into_iter()
                        .find_map(ImageDetail::private)),
                    Err(error) if is_not_found(error.as_service_error().and_then(|it| it.code())) => Ok(None),
                    Err(error) => Err(ecr.explain("DescribeImages", repository, &error)),
                }
            }
            Self::Public { ecr, name } => {
                let id = match id {
                    ManifestId::Tag(tag) => {
                        aws_sdk_ecrpublic::types::ImageIdentifier::builder().image_tag(tag.as_str())
                    }
                    ManifestId::Digest(digest) => {
                        aws_sdk_ecrpublic::types::ImageIdentifier::builder().image_digest(digest.to_string())
                    }
                };
                let request = ecr.client().describe_images().repository_name(name.repository.as_str());
                match request.image_ids(id.build()).send().await {
                    Ok(answer) => {
                        Ok(answer.image_details.unwrap_or_default().into_iter().find_map(ImageDetail::public))
                    }
                    Err(error) if is_not_found(error.as_service_error().and_then(|it| it.code())) => Ok(None),
                    Err(error) => Err(ecr.explain("DescribeImages", &name.repository, &error)),
                }
            }
        }
    }

    /// What refers to an image; none on ECR Public, whose API has no such call.
    pub async fn referrers(&self, subject: &ManifestDigest) -> Result<Option<Vec<Referrer>>, RegistryError> {
        let Self::Private { ecr, repository } = self else { return Ok(None) };
        let nonsense = |what: String| RegistryError::Nonsense {
            operation: "ListImageReferrers",
            resource: repository.to_string(),
            what,
        };
        let subject = SubjectIdentifier::builder().image_digest(subject.to_string()).build();
        let subject = subject.map_err(|error| nonsense(error.to_string()))?;
        let (mut all, mut token) = (Vec::new(), None);
        loop {
            let answer = ecr
                .client()
                .list_image_referrers()
                .set_registry_id(ecr.registry_id().map(str::to_owned))
                .repository_name(repository.as_str())
                .subject_id(subject.clone())
                .max_results(REFERRERS)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| ecr.explain("ListImageReferrers", repository, &error))?;
            all.extend(answer.referrers.unwrap_or_default().into_iter().map(|referrer| Referrer {
                digest: referrer.digest,
                media_type: referrer.media_type,
                artifact_type: referrer.artifact_type,
                size: referrer.size.try_into().unwrap_or_default(),
                annotations: referrer.annotations.unwrap_or_default().into_iter().collect(),
            }));
            token = answer.next_token;
            if token.is_none() {
                return Ok(Some(all));
            }
        }
    }
}

/// As the API of private ECR has it.
pub(super) fn identifier(id: &ManifestId) -> ImageIdentifier {
    match id {
        ManifestId::Tag(tag) => ImageIdentifier::builder().image_tag(tag.as_str()).build(),
        ManifestId::Digest(digest) => ImageIdentifier::builder().image_digest(digest.to_string()).build(),
    }
}

fn is_not_found(code: Option<&str>) -> bool {
    code == Some("ImageNotFoundException")
}
