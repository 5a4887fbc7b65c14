//! Scanning: which images are scanned when, and what a scan comes to. What it finds is said by a file.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html> and its filter page.

use super::super::app::App;
use super::super::error::ApiError;
use super::super::glob;
use super::super::store::{
    Image, ImageLife, ImageStatus, RegistryId, RegistrySettings, Repository, RepositoryFilter, Scan,
    ScanResult, ScanningConfiguration, ScanningRule,
};
use super::findings::{self, Entry};
use super::{Call, ImageId, Nothing, Paging, epoch, images, repositories, validate};
use crate::base::ManifestDigest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Seconds after which a scan is done, however often it was looked at.
const SCAN_SECONDS: i64 = 10;
const FREQUENCIES: [&str; 3] = ["CONTINUOUS_SCAN", "SCAN_ON_PUSH", "MANUAL"];

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigurationOutput {
    registry_id: String,
    scanning_configuration: ScanningConfiguration,
}

pub(super) async fn get_registry_scanning_configuration(
    call: &Call,
    _: Nothing,
) -> Result<ConfigurationOutput, ApiError> {
    let id = call.registry(None)?;
    let registry = call.app.store.registry(&id);
    registry.commit().await?;
    let scanning_configuration = registry.read(|settings| settings.scanning.clone());
    Ok(ConfigurationOutput { registry_id: id.account, scanning_configuration })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutConfigurationInput {
    scan_type: Option<String>,
    rules: Option<Vec<ScanningRule>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutConfigurationOutput {
    registry_scanning_configuration: ScanningConfiguration,
}

fn check(scan_type: &str, rules: &[ScanningRule]) -> Result<(), ApiError> {
    validate::one_of("scanType", scan_type, &["BASIC", "ENHANCED"])?;
    validate::count("rules", rules.len(), 0, 2)?;
    for (index, rule) in rules.iter().enumerate() {
        validate::one_of("rules.scanFrequency", &rule.scan_frequency, &FREQUENCIES)?;
        let allowed = if scan_type == "BASIC" { "CONTINUOUS_SCAN" } else { "MANUAL" } != rule.scan_frequency;
        if !allowed || rules[..index].iter().any(|other| other.scan_frequency == rule.scan_frequency) {
            let text = format!("The scan frequency {} can't be used here", rule.scan_frequency);
            return Err(ApiError::invalid_parameter("rules.scanFrequency", text));
        }
        validate::count("rules.repositoryFilters", rule.repository_filters.len(), 0, 100)?;
        for filter in &rule.repository_filters {
            validate::one_of("rules.repositoryFilters.filterType", &filter.filter_type, &["WILDCARD"])?;
            let legal =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"*._-/".contains(&byte);
            if !(1..=255).contains(&filter.filter.len()) || !filter.filter.bytes().all(legal) {
                let text = r"^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$";
                return Err(validate::pattern("rules.repositoryFilters.filter", text));
            }
        }
    }
    Ok(())
}

pub(super) async fn put_registry_scanning_configuration(
    call: &Call,
    input: PutConfigurationInput,
) -> Result<PutConfigurationOutput, ApiError> {
    let registry = call.app.store.registry(&call.registry(None)?);
    let current = registry.read(|settings| settings.scanning.scan_type.clone());
    let scan_type = input.scan_type.unwrap_or(current);
    let rules = input.rules.unwrap_or_default();
    check(&scan_type, &rules)?;
    let wanted = ScanningConfiguration { scan_type, rules };
    registry.change(|settings| settings.scanning = wanted.clone());
    registry.commit().await?;
    Ok(PutConfigurationOutput { registry_scanning_configuration: wanted })
}

/// How often images of a repository are scanned, and by which filters. A filter without `*` matches every name
/// that it is a part of.
fn frequency(
    settings: &RegistrySettings,
    scan_on_push: bool,
    name: &str,
) -> (&'static str, Vec<RepositoryFilter>) {
    let matches = |filter: &&RepositoryFilter| {
        if filter.filter.contains('*') {
            glob::matches(&filter.filter, name)
        } else {
            name.contains(&filter.filter)
        }
    };
    for frequency in FREQUENCIES {
        let rules = settings.scanning.rules.iter().filter(|rule| rule.scan_frequency == frequency);
        let applied: Vec<_> =
            rules.flat_map(|rule| rule.repository_filters.iter().filter(matches)).cloned().collect();
        if !applied.is_empty() {
            return (frequency, applied);
        }
    }
    (if scan_on_push { "SCAN_ON_PUSH" } else { "MANUAL" }, Vec::new())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchGetInput {
    repository_names: Option<Vec<String>>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchGetOutput {
    scanning_configurations: Vec<RepositoryScanning>,
    failures: Vec<ScanningFailure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryScanning {
    repository_arn: String,
    repository_name: String,
    scan_on_push: bool,
    scan_frequency: &'static str,
    applied_scan_filters: Vec<RepositoryFilter>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ScanningFailure {
    repository_name: String,
    failure_code: &'static str,
    failure_reason: &'static str,
}

pub(super) async fn batch_get_repository_scanning_configuration(
    call: &Call,
    input: BatchGetInput,
) -> Result<BatchGetOutput, ApiError> {
    let names = validate::required("repositoryNames", input.repository_names)?;
    validate::count("repositoryNames", names.len(), 1, 25)?;
    let id = call.registry(None)?;
    let mut output = BatchGetOutput::default();
    for name in names {
        validate::repository_name("repositoryNames", Some(&name))?;
        let Some(repository) = call.app.store.repository(&id, &name) else {
            output.failures.push(ScanningFailure {
                repository_name: name,
                failure_code: "REPOSITORY_NOT_FOUND",
                failure_reason: "REPOSITORY_NOT_FOUND",
            });
            continue;
        };
        repository.commit().await?;
        let own = repository.read(|contents| contents.scan_on_push);
        let registry = call.app.store.registry(&id);
        let (scan_frequency, filters) = registry.read(|settings| frequency(settings, own, &name));
        output.scanning_configurations.push(RepositoryScanning {
            repository_arn: repositories::arn(&id.region, &id.account, &name),
            scan_on_push: scan_frequency == "SCAN_ON_PUSH",
            scan_frequency,
            applied_scan_filters: filters,
            repository_name: name,
        });
    }
    Ok(output)
}

/// Only images have packages to look into: no index, and no artifact.
fn is_scannable(image: &Image) -> bool {
    image.media_type.is_manifest() && image.artifact_type.as_deref().is_none_or(|it| it.contains("image"))
}

/// What an entry of the findings file can call an image.
fn names(repository: &Repository, digest: &ManifestDigest) -> Vec<String> {
    let name = repository.name();
    let mut names = vec![name.to_owned(), format!("{name}@{digest}")];
    let tags = repository.read(|contents| contents.tags_of(digest));
    names.extend(tags.iter().map(|tag| format!("{name}:{tag}")));
    names
}

fn expected(app: &App, repository: &Repository, digest: &ManifestDigest) -> Entry {
    findings::find(app.findings.as_deref(), &names(repository, digest))
}

fn is_enhanced(app: &App, id: &RegistryId) -> bool {
    app.store.registry(id).read(|settings| settings.scanning.scan_type == "ENHANCED")
}

/// Scans what was pushed, if that is wished for.
pub(super) fn on_push(app: &Arc<App>, repository: &Arc<Repository>, digest: &ManifestDigest) {
    let own = repository.read(|contents| contents.scan_on_push);
    let registry = app.store.registry(repository.registry());
    let (frequency, _) = registry.read(|settings| frequency(settings, own, repository.name()));
    if frequency == "MANUAL" {
        return;
    }
    let polls = expected(app, repository, digest).polls.unwrap_or(1);
    let now = app.clock.now();
    repository.change(|contents| {
        let image = contents.images.get_mut(digest).filter(|image| is_scannable(image));
        if let Some(image) = image.filter(|image| image.life.scan.is_none()) {
            image.life.scan = Some(Scan { started: now, polls, result: None });
        }
    });
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_id: Option<ImageId>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartOutput {
    registry_id: String,
    repository_name: String,
    image_id: ImageId,
    image_scan_status: Status,
}

#[derive(Debug, Serialize)]
struct Status {
    status: String,
    description: String,
}

impl Status {
    fn waiting(scan: &Scan) -> Self {
        let status = if scan.polls > 1 { "PENDING" } else { "IN_PROGRESS" };
        Self { status: status.into(), description: "The scan has not finished yet.".into() }
    }
}

pub(super) async fn start_image_scan(call: &Call, input: StartInput) -> Result<StartOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let (digest, image_id) = images::one(&repository, input.image_id)?;
    if is_enhanced(&call.app, repository.registry()) {
        return Err(ApiError::new("ValidationException", "This feature is disabled"));
    }
    let now = call.now();
    let polls = expected(&call.app, &repository, &digest).polls.unwrap_or(1);
    repository.change(|contents| {
        let missing = || repository.place().image_not_found(Some(&digest.to_string()), None);
        let image = contents.images.get_mut(&digest).ok_or_else(missing)?;
        if image.life.status(now) != ImageStatus::Active {
            let text = "The image is archived and can't be scanned";
            return Err(ApiError::new("ImageArchivedException", text));
        }
        if !is_scannable(image) {
            let text = format!("The image of the type '{}' can't be scanned", image.media_type.as_str());
            return Err(ApiError::new("UnsupportedImageTypeException", text));
        }
        let day = jiff::SignedDuration::from_hours(24);
        if image.life.scan.as_ref().is_some_and(|scan| now.duration_since(scan.started) < day) {
            let text = "The scan quota per image has been exceeded. Wait and try again.";
            return Err(ApiError::new("LimitExceededException", text));
        }
        image.life.scan = Some(Scan { started: now, polls, result: None });
        Ok(())
    })?;
    repository.commit().await?;
    Ok(StartOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        image_id,
        image_scan_status: Status {
            status: "IN_PROGRESS".into(),
            description: "The scan has been started.".into(),
        },
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FindingsInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_id: Option<ImageId>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FindingsOutput {
    registry_id: String,
    repository_name: String,
    image_id: ImageId,
    image_scan_status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_scan_findings: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn describe_image_scan_findings(
    call: &Call,
    input: FindingsInput,
) -> Result<FindingsOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let (digest, image_id) = images::one(&repository, input.image_id)?;
    let scan = advance(call, &repository, &digest).await?.ok_or_else(|| {
        let tag = image_id.image_tag.as_ref().map(|tag| format!(", imageTag:{tag}")).unwrap_or_default();
        ApiError::new(
            "ScanNotFoundException",
            format!(
                "Image scan does not exist for the image with '{{imageDigest:{digest}{tag}}}' in the repository with \
                 name '{}' in the registry with id '{}'",
                repository.name(),
                repository.registry().account
            ),
        )
    })?;
    repository.commit().await?;
    let output = |image_scan_status, image_scan_findings, next_token| FindingsOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        image_id: image_id.clone(),
        image_scan_status,
        image_scan_findings,
        next_token,
    };
    let Some(result) = &scan.result else { return Ok(output(Status::waiting(&scan), None, None)) };
    let status = Status { status: result.status.clone(), description: result.description.clone() };
    if !matches!(result.status.as_str(), "COMPLETE" | "ACTIVE") {
        return Ok(output(status, None, None));
    }
    let bytes = fs_err::tokio::read(call.app.store.blobs.path(&result.findings)).await?;
    let mut stored: BTreeMap<String, Vec<Value>> =
        serde_json::from_slice(&bytes).map_err(ApiError::server)?;
    let member = if result.status == "ACTIVE" { "enhancedFindings" } else { "findings" };
    let all: Vec<(usize, Value)> =
        stored.remove(member).unwrap_or_default().into_iter().enumerate().collect();
    let scope = format!("{:?}/{} {digest} {}", repository.registry(), repository.name(), result.completed);
    let paging = Paging::new(&call.app.gate.seal, "DescribeImageScanFindings", &scope);
    let key = |(index, _): &(usize, Value)| format!("{index:09}");
    let (page, next_token) = paging.page(all, key, input.max_results, input.next_token.as_deref())?;
    let mut findings = Map::new();
    findings.insert("imageScanCompletedAt".into(), json!(epoch(result.completed)));
    findings.insert("vulnerabilitySourceUpdatedAt".into(), json!(epoch(scan.started)));
    findings.insert("findingSeverityCounts".into(), json!(result.counts));
    findings.insert(member.into(), page.into_iter().map(|(_, finding)| finding).collect());
    Ok(output(status, Some(findings), next_token))
}

/// Looks at a scan, which brings it forward: a scan is done when it was looked at often enough, or after a time.
async fn advance(
    call: &Call,
    repository: &Arc<Repository>,
    digest: &ManifestDigest,
) -> Result<Option<Scan>, ApiError> {
    let now = call.now();
    let scan =
        repository.read(|contents| contents.images.get(digest).and_then(|image| image.life.scan.clone()));
    if scan.as_ref().is_none_or(|scan| scan.result.is_some()) {
        return Ok(scan);
    }
    let seen = repository.change(|contents| {
        let scan = contents.images.get_mut(digest)?.life.scan.as_mut()?;
        let seen = scan.clone();
        let late = now.duration_since(scan.started).as_secs() >= SCAN_SECONDS;
        scan.polls = if late { 0 } else { scan.polls.saturating_sub(1) };
        Some((seen, late))
    });
    let Some((scan, late)) = seen else { return Ok(None) };
    if scan.polls > 0 && !late {
        return Ok(Some(scan));
    }
    let entry = expected(&call.app, repository, digest);
    let enhanced = is_enhanced(&call.app, repository.registry());
    let mut counts = BTreeMap::new();
    let severities: Vec<String> = if enhanced {
        let severity = |finding: &Map<String, Value>| finding.get("severity")?.as_str().map(str::to_owned);
        entry.enhanced_findings.iter().filter_map(severity).collect()
    } else {
        entry.findings.iter().map(|finding| finding.severity.name().to_owned()).collect()
    };
    for severity in severities {
        *counts.entry(severity).or_insert(0) += 1;
    }
    let stored =
        json!({ "findings": entry.findings, "enhancedFindings": entry.enhanced_findings }).to_string();
    let blobs = call.app.store.blobs.clone();
    let put = tokio::task::spawn_blocking(move || blobs.put(stored.as_bytes()));
    let findings = put.await.map_err(ApiError::server)??;
    let (status, description) = match (entry.status, enhanced) {
        (Some(status), _) if status != "COMPLETE" => (status, "The scan could not be done."),
        (_, true) => ("ACTIVE".into(), "Continuous scan is selected for image."),
        _ => ("COMPLETE".into(), "The scan was completed successfully."),
    };
    let description = entry.description.unwrap_or_else(|| description.into());
    let result = ScanResult { status, description, completed: now, counts, findings };
    Ok(repository.change(|contents| {
        let scan = contents.images.get_mut(digest)?.life.scan.as_mut()?;
        scan.result.get_or_insert(result);
        Some(scan.clone())
    }))
}

/// What `DescribeImages` says of an image's scan.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    #[serde(skip_serializing_if = "Option::is_none")]
    image_scan_status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_scan_findings_summary: Option<Value>,
}

impl Summary {
    pub(super) fn of(life: &ImageLife) -> Self {
        let Some(scan) = &life.scan else {
            return Self { image_scan_status: None, image_scan_findings_summary: None };
        };
        let Some(result) = &scan.result else {
            return Self {
                image_scan_status: Some(Status::waiting(scan)),
                image_scan_findings_summary: None,
            };
        };
        let summary = json!({
            "imageScanCompletedAt": epoch(result.completed),
            "vulnerabilitySourceUpdatedAt": epoch(scan.started),
            "findingSeverityCounts": result.counts,
        });
        let found = matches!(result.status.as_str(), "COMPLETE" | "ACTIVE");
        Self {
            image_scan_status: Some(Status {
                status: result.status.clone(),
                description: result.description.clone(),
            }),
            image_scan_findings_summary: found.then_some(summary),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_choose_the_frequency() {
        let mut settings = RegistrySettings::default();
        let rule = |frequency: &str, filter: &str| ScanningRule {
            scan_frequency: frequency.into(),
            repository_filters: vec![RepositoryFilter {
                filter: filter.into(),
                filter_type: "WILDCARD".into(),
            }],
        };
        settings.scanning.rules = vec![rule("MANUAL", "dev"), rule("SCAN_ON_PUSH", "shop/*")];
        assert_eq!(frequency(&settings, false, "shop/api").0, "SCAN_ON_PUSH");
        assert_eq!(frequency(&settings, true, "my/dev/api").0, "MANUAL");
        assert_eq!(frequency(&settings, true, "other").0, "SCAN_ON_PUSH");
        assert_eq!(frequency(&settings, false, "other").0, "MANUAL");
    }

    #[test]
    fn configurations_are_checked() {
        let rule = |frequency: &str, filter: &str| ScanningRule {
            scan_frequency: frequency.into(),
            repository_filters: vec![RepositoryFilter {
                filter: filter.into(),
                filter_type: "WILDCARD".into(),
            }],
        };
        assert!(check("BASIC", &[rule("SCAN_ON_PUSH", "*")]).is_ok());
        assert!(check("ENHANCED", &[rule("SCAN_ON_PUSH", "*"), rule("CONTINUOUS_SCAN", "a")]).is_ok());
        assert!(check("BASIC", &[rule("CONTINUOUS_SCAN", "*")]).is_err());
        assert!(check("BASIC", &[rule("SCAN_ON_PUSH", "*"), rule("SCAN_ON_PUSH", "a")]).is_err());
        assert!(check("BASIC", &[rule("SCAN_ON_PUSH", "UPPER")]).is_err());
        assert!(check("CLAIR", &[]).is_err());
    }
}
