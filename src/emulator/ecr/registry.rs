//! What is set for a whole registry: its policy, and signing.

use super::super::error::ApiError;
use super::super::glob;
use super::super::store::SigningConfiguration;
use super::policy::{self, Attached};
use super::{Call, ImageId, Nothing, images, validate};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyInput {
    policy_text: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyOutput {
    registry_id: String,
    policy_text: String,
}

fn no_policy(account: &str) -> ApiError {
    ApiError::new(
        "RegistryPolicyNotFoundException",
        format!("Registry policy does not exist in the registry with id '{account}'"),
    )
}

pub(super) async fn put_registry_policy(call: &Call, input: PolicyInput) -> Result<PolicyOutput, ApiError> {
    let policy_text = policy::check(input.policy_text, Attached::Registry)?;
    let id = call.registry(None)?;
    let registry = call.app.store.registry(&id);
    registry.change(|settings| settings.policy = Some(policy_text.clone()));
    registry.commit().await?;
    Ok(PolicyOutput { registry_id: id.account, policy_text })
}

pub(super) async fn get_registry_policy(call: &Call, _: Nothing) -> Result<PolicyOutput, ApiError> {
    let id = call.registry(None)?;
    let registry = call.app.store.registry(&id);
    registry.commit().await?;
    let found = registry.read(|settings| settings.policy.clone());
    Ok(PolicyOutput { policy_text: found.ok_or_else(|| no_policy(&id.account))?, registry_id: id.account })
}

pub(super) async fn delete_registry_policy(call: &Call, _: Nothing) -> Result<PolicyOutput, ApiError> {
    let id = call.registry(None)?;
    let registry = call.app.store.registry(&id);
    let found = registry.change(|settings| settings.policy.take());
    registry.commit().await?;
    Ok(PolicyOutput { policy_text: found.ok_or_else(|| no_policy(&id.account))?, registry_id: id.account })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SigningInput {
    signing_configuration: Option<SigningConfiguration>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SigningOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    registry_id: Option<String>,
    signing_configuration: SigningConfiguration,
}

fn check_signing(configuration: &SigningConfiguration) -> Result<(), ApiError> {
    const RULES: &str = "signingConfiguration.rules";
    validate::count(RULES, configuration.rules.len(), 0, 10)?;
    for rule in &configuration.rules {
        let member = format!("{RULES}.signingProfileArn");
        let arn = &rule.signing_profile_arn;
        validate::count(&member, arn.chars().count(), 0, 200)?;
        let profile = arn.rsplit_once("/signing-profiles/").map_or("", |(_, name)| name);
        let legal = arn.starts_with("arn:aws")
            && arn.split(':').nth(2) == Some("signer")
            && profile.len() >= 2
            && profile.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !legal {
            let text =
                r"^arn:aws(-[a-z]+)*:signer:[a-z0-9-]+:[0-9]{12}:\/signing-profiles\/[a-zA-Z0-9_]{2,}$";
            return Err(validate::pattern(&member, text));
        }
        for filter in rule.repository_filters.iter().flatten() {
            let member = format!("{RULES}.repositoryFilters");
            validate::one_of(&format!("{member}.filterType"), &filter.filter_type, &["WILDCARD_MATCH"])?;
            let legal =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"*._-/".contains(&byte);
            if !(1..=256).contains(&filter.filter.len()) || !filter.filter.bytes().all(legal) {
                let text = "^(?:[a-z0-9*]+(?:[._-][a-z0-9*]+)*/)*[a-z0-9*]+(?:[._-][a-z0-9*]+)*$";
                return Err(validate::pattern(&format!("{member}.filter"), text));
            }
        }
        if let Some(filters) = &rule.repository_filters {
            validate::count(&format!("{RULES}.repositoryFilters"), filters.len(), 1, 100)?;
        }
    }
    Ok(())
}

fn no_signing(account: &str) -> ApiError {
    ApiError::new(
        "SigningConfigurationNotFoundException",
        format!("Signing configuration does not exist in the registry with id '{account}'"),
    )
}

pub(super) async fn put_signing_configuration(
    call: &Call,
    input: SigningInput,
) -> Result<SigningOutput, ApiError> {
    let wanted = validate::required("signingConfiguration", input.signing_configuration)?;
    check_signing(&wanted)?;
    let registry = call.app.store.registry(&call.registry(None)?);
    registry.change(|settings| settings.signing = Some(wanted.clone()));
    registry.commit().await?;
    Ok(SigningOutput { registry_id: None, signing_configuration: wanted })
}

pub(super) async fn get_signing_configuration(call: &Call, _: Nothing) -> Result<SigningOutput, ApiError> {
    let id = call.registry(None)?;
    let registry = call.app.store.registry(&id);
    registry.commit().await?;
    let found = registry.read(|settings| settings.signing.clone()).ok_or_else(|| no_signing(&id.account))?;
    Ok(SigningOutput { registry_id: Some(id.account), signing_configuration: found })
}

pub(super) async fn delete_signing_configuration(call: &Call, _: Nothing) -> Result<SigningOutput, ApiError> {
    let id = call.registry(None)?;
    let registry = call.app.store.registry(&id);
    let found = registry.change(|settings| settings.signing.take());
    registry.commit().await?;
    let found = found.ok_or_else(|| no_signing(&id.account))?;
    Ok(SigningOutput { registry_id: Some(id.account), signing_configuration: found })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_id: Option<ImageId>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SigningStatusOutput {
    registry_id: String,
    repository_name: String,
    image_id: ImageId,
    signing_statuses: Vec<SigningStatus>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SigningStatus {
    signing_profile_arn: String,
    status: &'static str,
    failure_code: &'static str,
    failure_reason: &'static str,
}

/// Nothing is signed here, since there is no AWS Signer; each profile that would sign says so.
pub(super) async fn describe_image_signing_status(
    call: &Call,
    input: ImageInput,
) -> Result<SigningStatusOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let (_, image_id) = images::one(&repository, input.image_id)?;
    let registry = call.app.store.registry(repository.registry());
    let mut profiles: Vec<String> = registry.read(|settings| {
        let rules = settings.signing.iter().flat_map(|signing| &signing.rules);
        rules
            .filter(|rule| {
                let filters = rule.repository_filters.as_ref();
                filters.is_none_or(|all| all.iter().any(|it| glob::matches(&it.filter, repository.name())))
            })
            .map(|rule| rule.signing_profile_arn.clone())
            .collect()
    });
    profiles.dedup();
    let status = |signing_profile_arn| SigningStatus {
        signing_profile_arn,
        status: "FAILED",
        failure_code: "SignerUnavailable",
        failure_reason: "The emulator has no AWS Signer: images are not signed here",
    };
    Ok(SigningStatusOutput {
        registry_id: repository.registry().account.clone(),
        repository_name: repository.name().to_owned(),
        image_id,
        signing_statuses: profiles.into_iter().map(status).collect(),
    })
}
