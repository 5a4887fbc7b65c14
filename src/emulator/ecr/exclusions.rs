//! Principals whose pulls leave no trace, and the settings of an account.

use super::super::error::ApiError;
use super::super::store::{RegistryId, RegistrySettings};
use super::{Call, Paging, epoch, validate};
use serde::{Deserialize, Serialize};

/// Exclusions of a registry, at most.
const MAX_EXCLUSIONS: usize = 100;

/// The settings that an account has: their names, the values that each can have, and the usual one first.
const ACCOUNT_SETTINGS: [(&str, &[&str]); 3] = [
    ("BASIC_SCAN_TYPE_VERSION", &["AWS_NATIVE"]),
    ("REGISTRY_POLICY_SCOPE", &["V2", "V1"]),
    ("BLOB_MOUNTING", &["DISABLED", "ENABLED"]),
];

/// The value of an account's setting; none if there is no such setting.
pub(in crate::emulator) fn account_setting(settings: &RegistrySettings, name: &str) -> Option<String> {
    let (name, values) = ACCOUNT_SETTINGS.iter().find(|(known, _)| *known == name)?;
    Some(settings.account.get(*name).cloned().unwrap_or_else(|| values[0].to_owned()))
}

#[derive(Debug, Deserialize)]
pub(super) struct SettingInput {
    name: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct SettingOutput {
    name: String,
    value: String,
}

fn setting(name: Option<String>) -> Result<(&'static str, &'static [&'static str]), ApiError> {
    let name = validate::required("name", name)?;
    validate::count("name", name.chars().count(), 1, 64)?;
    let known = ACCOUNT_SETTINGS.iter().find(|(known, _)| *known == name);
    known.copied().ok_or_else(|| ApiError::invalid_parameter("name", "The account setting name is not valid"))
}

pub(super) async fn get_account_setting(call: &Call, input: SettingInput) -> Result<SettingOutput, ApiError> {
    let (name, values) = setting(input.name)?;
    let registry = call.app.store.registry(&call.registry(None)?);
    registry.commit().await?;
    let value = registry.read(|settings| account_setting(settings, name));
    Ok(SettingOutput { name: name.into(), value: value.unwrap_or_else(|| values[0].into()) })
}

pub(super) async fn put_account_setting(call: &Call, input: SettingInput) -> Result<SettingOutput, ApiError> {
    let (name, values) = setting(input.name)?;
    let value = validate::required("value", input.value)?;
    validate::one_of("value", &value, values)?;
    let registry = call.app.store.registry(&call.registry(None)?);
    registry.change(|settings| settings.account.insert(name.into(), value.clone()));
    registry.commit().await?;
    Ok(SettingOutput { name: name.into(), value })
}

/// Whether the pulls of the caller are not to be recorded in `registry`.
pub(super) fn excluded(call: &Call, registry: &RegistryId) -> bool {
    let role = role_arn(&call.caller.session.arn());
    call.app.store.registry(registry).read(|settings| settings.pull_exclusions.contains_key(&role))
}

/// The role behind `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
fn role_arn(session: &str) -> String {
    let role = session.replacen(":sts::", ":iam::", 1).replacen(":assumed-role/", ":role/", 1);
    role.rsplit_once('/').map_or_else(|| role.clone(), |(role, _)| role.to_owned())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PrincipalInput {
    principal_arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PrincipalOutput {
    principal_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<f64>,
}

fn principal(arn: Option<String>) -> Result<String, ApiError> {
    let arn = validate::required("principalArn", arn)?;
    validate::count("principalArn", arn.chars().count(), 0, 200)?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
    let account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_principal = match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", partition, "iam", "", number, path] => {
            let name = path.strip_prefix("role/").or_else(|| path.strip_prefix("user/"));
            partition.starts_with("aws")
                && account(number)
                && name.is_some_and(|name| !name.split('/').any(str::is_empty) && name.bytes().all(legal))
        }
        _ => false,
    };
    if is_principal {
        return Ok(arn);
    }
    let text = r"^arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/[\w+=,.@-]+(/[\w+=,.@-]+)*$";
    Err(validate::pattern("principalArn", text))
}

pub(super) async fn register_pull_time_update_exclusion(
    call: &Call,
    input: PrincipalInput,
) -> Result<PrincipalOutput, ApiError> {
    let arn = principal(input.principal_arn)?;
    let now = call.now();
    let registry = call.app.store.registry(&call.registry(None)?);
    registry.change(|settings| {
        if settings.pull_exclusions.contains_key(&arn) {
            let text = format!("The pull time update exclusion for '{arn}' already exists");
            return Err(ApiError::new("ExclusionAlreadyExistsException", text));
        }
        if settings.pull_exclusions.len() >= MAX_EXCLUSIONS {
            let text = "The maximum number of pull time update exclusions has been reached";
            return Err(ApiError::new("LimitExceededException", text));
        }
        settings.pull_exclusions.insert(arn.clone(), now);
        Ok(())
    })?;
    registry.commit().await?;
    Ok(PrincipalOutput { principal_arn: arn, created_at: Some(epoch(now)) })
}

pub(super) async fn deregister_pull_time_update_exclusion(
    call: &Call,
    input: PrincipalInput,
) -> Result<PrincipalOutput, ApiError> {
    let arn = principal(input.principal_arn)?;
    let registry = call.app.store.registry(&call.registry(None)?);
    if registry.change(|settings| settings.pull_exclusions.remove(&arn)).is_none() {
        let text = format!("The pull time update exclusion for '{arn}' does not exist");
        return Err(ApiError::new("ExclusionNotFoundException", text));
    }
    registry.commit().await?;
    Ok(PrincipalOutput { principal_arn: arn, created_at: None })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListInput {
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListOutput {
    pull_time_update_exclusions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn list_pull_time_update_exclusions(
    call: &Call,
    input: ListInput,
) -> Result<ListOutput, ApiError> {
    let id = call.registry(None)?;
    let registry = call.app.store.registry(&id);
    registry.commit().await?;
    let all: Vec<String> = registry.read(|settings| settings.pull_exclusions.keys().cloned().collect());
    let scope = format!("{id:?}");
    let paging = Paging::new(&call.app.gate.seal, "ListPullTimeUpdateExclusions", &scope);
    let token = input.next_token.as_deref();
    let (pull_time_update_exclusions, next_token) =
        paging.page(all, Clone::clone, input.max_results, token)?;
    Ok(ListOutput { pull_time_update_exclusions, next_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_of_a_session() {
        assert_eq!(
            role_arn("arn:aws:sts::123456789012:assumed-role/consign/job-1"),
            "arn:aws:iam::123456789012:role/consign"
        );
    }

    #[test]
    fn principals() {
        for legal in ["arn:aws:iam::123456789012:role/consign", "arn:aws-cn:iam::123456789012:user/a/b@c"] {
            assert!(principal(Some(legal.into())).is_ok(), "{legal}");
        }
        for wrong in [
            "",
            "arn:aws:iam::1:role/x",
            "arn:aws:iam::123456789012:group/x",
            "arn:aws:iam::123456789012:role/",
        ] {
            assert!(principal(Some(wrong.into())).is_err(), "{wrong}");
        }
    }
}
