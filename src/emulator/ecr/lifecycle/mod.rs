//! Lifecycle policies: setting them, seeing beforehand what they would do, and doing it.

mod evaluate;
mod grammar;

use super::super::app::App;
use super::super::error::ApiError;
use super::super::store::{Contents, Lifecycle, Preview, PreviewResult, Repository};
use super::images::{self, tag_status};
use super::settings::RepositoryInput;
use super::{Call, ImageId, Paging, epoch, paging, validate};
use crate::base::{ManifestDigest, Timestamp};
use evaluate::{Mark, Subject, evaluate};
use grammar::{Action, Policy};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Characters of a policy.
const MIN_TEXT: usize = 100;
const MAX_TEXT: usize = 30_720;
/// Seconds after which a preview is done even if nobody has looked.
const PREVIEW_SECONDS: i64 = 5;

const NO_POLICY: (&str, &str) = ("LifecyclePolicyNotFoundException", "Lifecycle policy");

/// Checks a policy's text.
pub(super) fn check(text: &str) -> Result<Policy, ApiError> {
    validate::count("lifecyclePolicyText", text.chars().count(), MIN_TEXT, MAX_TEXT)?;
    Policy::parse(text).map_err(|reason| {
        let constraint = format!("Lifecycle policy validation failure: {reason}");
        ApiError::invalid_parameter("LifecyclePolicyText", constraint)
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    lifecycle_policy_text: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyOutput {
    registry_id: String,
    repository_name: String,
    lifecycle_policy_text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_evaluated_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

fn output(repository: &Repository, text: String) -> PolicyOutput {
    PolicyOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        lifecycle_policy_text: text,
        last_evaluated_at: None,
        status: None,
    }
}

pub(super) async fn put_lifecycle_policy(call: &Call, input: PutInput) -> Result<PolicyOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let text = validate::required("lifecyclePolicyText", input.lifecycle_policy_text)?;
    check(&text)?;
    repository.change(|contents| {
        contents.control.lifecycle = Some(Lifecycle { text: text.clone(), last_evaluated: None });
    });
    repository.commit().await?;
    Ok(output(&repository, text))
}

fn policy_output(repository: &Repository, found: Option<Lifecycle>) -> Result<PolicyOutput, ApiError> {
    let found = found.ok_or_else(|| repository.place().none_set(NO_POLICY.0, NO_POLICY.1))?;
    // A policy that was never acted on says so by the beginning of time, as ECR's does.
    let last = found.last_evaluated.unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(PolicyOutput { last_evaluated_at: Some(epoch(last)), ..output(repository, found.text) })
}

pub(super) async fn get_lifecycle_policy(
    call: &Call,
    input: RepositoryInput,
) -> Result<PolicyOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    repository.commit().await?;
    let found = repository.read(|contents| contents.control.lifecycle.clone());
    policy_output(&repository, found)
}

pub(super) async fn delete_lifecycle_policy(
    call: &Call,
    input: RepositoryInput,
) -> Result<PolicyOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let found = repository.change(|contents| contents.control.lifecycle.take());
    repository.commit().await?;
    policy_output(&repository, found)
}

/// What `policy` would do to the images that are there.
fn marks(contents: &Contents, policy: &Policy, now: Timestamp) -> Vec<(ManifestDigest, Mark)> {
    let mut tags = contents.tags_by_image();
    let listed: BTreeSet<ManifestDigest> =
        contents.images.values().flat_map(|image| image.children.iter().copied()).collect();
    // What refers to an image goes with it, and not by itself.
    let images: Vec<_> = contents
        .images
        .iter()
        .filter(|(_, image)| image.subject.is_none_or(|subject| !contents.images.contains_key(&subject)))
        .collect();
    let subjects: Vec<Subject> = images
        .iter()
        .map(|(digest, image)| Subject {
            tags: tags.remove(digest).unwrap_or_default(),
            pushed_at: image.pushed_at,
            last_pull: image.last_pull,
            activated_at: image.life.activated_at.filter(|_| !image.life.archived),
            archived_at: image.life.archived_at.filter(|_| image.life.archived),
            listed: listed.contains(digest),
        })
        .collect();
    evaluate(policy, &subjects, now).into_iter().map(|mark| (*images[mark.image].0, mark)).collect()
}

pub(super) async fn start_lifecycle_policy_preview(
    call: &Call,
    input: PutInput,
) -> Result<PolicyOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let now = call.now();
    let own =
        repository.read(|contents| contents.control.lifecycle.as_ref().map(|policy| policy.text.clone()));
    let text = input
        .lifecycle_policy_text
        .or(own)
        .ok_or_else(|| repository.place().none_set(NO_POLICY.0, NO_POLICY.1))?;
    let policy = check(&text)?;
    repository.change(|contents| {
        if contents.control.preview.as_ref().is_some_and(|preview| !is_complete(preview, now)) {
            return Err(ApiError::new(
                "LifecyclePolicyPreviewInProgressException",
                format!(
                    "Lifecycle policy preview is in progress for the repository with name '{}' in the registry \
                     with id '{}'",
                    repository.name(),
                    repository.registry().account
                ),
            ));
        }
        let results = marks(contents, &policy, now);
        let result = |(digest, mark): (ManifestDigest, Mark)| {
            let image = contents.images.get(&digest)?;
            Some(PreviewResult {
                digest,
                tags: contents.tags_of(&digest),
                pushed_at: image.pushed_at,
                archived: image.life.archived,
                transition: mark.action == Action::Archive,
                priority: mark.priority,
            })
        };
        let results = results.into_iter().filter_map(result).collect();
        contents.control.preview = Some(Preview { text: text.clone(), started: now, complete: false, results });
        Ok(())
    })?;
    repository.commit().await?;
    Ok(PolicyOutput { status: Some("IN_PROGRESS"), ..output(&repository, text) })
}

/// A preview is done when somebody looks, or a little later.
fn is_complete(preview: &Preview, now: Timestamp) -> bool {
    preview.complete || now.duration_since(preview.started).as_secs() >= PREVIEW_SECONDS
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PreviewInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    next_token: Option<String>,
    max_results: Option<i64>,
    filter: Option<PreviewFilter>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PreviewFilter {
    tag_status: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PreviewOutput {
    registry_id: String,
    repository_name: String,
    lifecycle_policy_text: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    preview_results: Vec<ResultOutput>,
    summary: Summary,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultOutput {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_tags: Vec<String>,
    image_digest: String,
    image_pushed_at: f64,
    action: ActionOutput,
    applied_rule_priority: i64,
    storage_class: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionOutput {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_storage_class: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    expiring_image_total_count: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transitioning_image_total_counts: Vec<Transitioning>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Transitioning {
    target_storage_class: &'static str,
    image_total_count: usize,
}

pub(super) async fn get_lifecycle_policy_preview(
    call: &Call,
    input: PreviewInput,
) -> Result<PreviewOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let tagged = tag_status(input.filter.unwrap_or_default().tag_status.as_deref())?;
    let token = input.next_token.as_deref();
    let named = match &input.image_ids {
        None => None,
        Some(ids) => {
            paging::not_with_ids("imageIds", input.max_results, token)?;
            validate::count("imageIds", ids.len(), 1, 100)?;
            let known = |id: &ImageId| repository.read(|contents| images::resolve(contents, id)).ok();
            Some(ids.iter().filter_map(known).collect::<Vec<ManifestDigest>>())
        }
    };
    let seen = repository.read(|contents| contents.control.preview.clone());
    if seen.as_ref().is_some_and(|preview| !preview.complete) {
        repository.change(|contents| {
            if let Some(preview) = &mut contents.control.preview {
                preview.complete = true;
            }
        });
    }
    repository.commit().await?;
    let none =
        || repository.place().none_set("LifecyclePolicyPreviewNotFoundException", "Lifecycle policy preview");
    let preview = seen.ok_or_else(none)?;
    let transitions = preview.results.iter().filter(|result| result.transition).count();
    let summary = Summary {
        expiring_image_total_count: preview.results.len() - transitions,
        transitioning_image_total_counts: (transitions > 0)
            .then_some(Transitioning { target_storage_class: "ARCHIVE", image_total_count: transitions })
            .into_iter()
            .collect(),
    };
    // The oldest first; the digest tells those of one moment apart.
    let key = |result: &PreviewResult| format!("{:020} {}", result.pushed_at.as_millisecond(), result.digest);
    let mut results = preview.results;
    results.retain(|result| {
        tagged.is_none_or(|wanted| wanted != result.tags.is_empty())
            && named.as_ref().is_none_or(|named| named.contains(&result.digest))
    });
    results.sort_by_key(key);
    let (page, next_token) = if named.is_some() {
        (results, None)
    } else {
        let scope = format!("{:?}/{} {}", repository.registry(), repository.name(), preview.started);
        let paging = Paging::new(&call.app.gate.seal, "GetLifecyclePolicyPreview", &scope);
        paging.page_within(results, key, input.max_results, token, (100, 100))?
    };
    let preview_results = page
        .into_iter()
        .map(|result| ResultOutput {
            image_tags: result.tags,
            image_digest: result.digest.to_string(),
            image_pushed_at: epoch(result.pushed_at),
            action: ActionOutput {
                r#type: if result.transition { "TRANSITION" } else { "EXPIRE" },
                target_storage_class: result.transition.then_some("ARCHIVE"),
            },
            applied_rule_priority: result.priority,
            storage_class: if result.archived { "ARCHIVE" } else { "STANDARD" },
        })
        .collect();
    Ok(PreviewOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        lifecycle_policy_text: preview.text,
        status: "COMPLETE",
        next_token,
        preview_results,
        summary,
    })
}

/// What acting on a repository's policy has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The images that were deleted.
    pub expired: Vec<ManifestDigest>,
    /// The images that were put into the archive.
    pub archived: Vec<ManifestDigest>,
}

/// Acts on every policy of every registry, as AWS does within a day. By `ACCOUNT/REGION/REPOSITORY`, what was done.
pub(in crate::emulator) async fn apply_all(app: &App) -> std::io::Result<BTreeMap<String, Applied>> {
    let now = app.clock.now();
    let mut all = BTreeMap::new();
    for repository in app.store.every_repository() {
        if let Some(applied) = apply(&repository, now).await? {
            let registry = repository.registry();
            all.insert(format!("{}/{}/{}", registry.account, registry.region, repository.name()), applied);
        }
    }
    Ok(all)
}

/// Acts on the policy of a repository, if it has one, and takes away what referred to images that are gone.
async fn apply(repository: &Arc<Repository>, now: Timestamp) -> std::io::Result<Option<Applied>> {
    let has_policy = repository.read(|contents| contents.control.lifecycle.is_some());
    if !has_policy {
        return Ok(None);
    }
    let applied = repository.change(|contents| {
        let lifecycle = contents.control.lifecycle.as_mut()?;
        lifecycle.last_evaluated = Some(now);
        let policy = Policy::parse(&lifecycle.text).ok()?;
        let mut applied = Applied::default();
        for (digest, mark) in marks(contents, &policy, now) {
            if mark.action == Action::Archive {
                archive(contents, &digest, now);
                applied.archived.push(digest);
            } else {
                contents.remove_image(&digest, now);
                applied.expired.push(digest);
            }
        }
        loop {
            let orphan = contents.images.iter().find(|(digest, image)| {
                image.life.orphaned_at.is_some()
                    && image.subject.is_some_and(|subject| !contents.images.contains_key(&subject))
                    && contents.listed_by(digest).is_empty()
            });
            let Some(orphan) = orphan.map(|(digest, _)| *digest) else { break };
            contents.remove_image(&orphan, now);
            applied.expired.push(orphan);
        }
        Some(applied)
    });
    repository.commit().await?;
    Ok(applied)
}

/// Puts an image into the archive.
pub(in crate::emulator) fn archive(contents: &mut Contents, digest: &ManifestDigest, now: Timestamp) {
    if let Some(image) = contents.images.get_mut(digest) {
        image.life.archived = true;
        image.life.archived_at = Some(now);
    }
}
