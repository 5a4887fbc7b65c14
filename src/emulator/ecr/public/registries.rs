//! Registries, and the password for them.

use super::super::super::error::ApiError;
use super::super::super::store::RegistryId;
use super::super::{Call, Paging};
use super::{alias, registry_uri};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
pub(super) struct TokenInput {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenOutput {
    authorization_data: AuthorizationData,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationData {
    authorization_token: String,
    expires_at: i64,
}

/// One object, where private ECR answers a list, and without a `proxyEndpoint`.
pub(super) async fn get_authorization_token(
    call: &Call,
    _input: TokenInput,
) -> Result<TokenOutput, ApiError> {
    let (password, expires_at) = call.app.registry_password(&call.caller);
    let authorization_token = BASE64_STANDARD.encode(format!("AWS:{password}"));
    Ok(TokenOutput { authorization_data: AuthorizationData { authorization_token, expires_at } })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegistriesInput {
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegistriesOutput {
    registries: Vec<RegistryOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RegistryOutput {
    registry_id: String,
    registry_arn: String,
    registry_uri: String,
    verified: bool,
    aliases: Vec<AliasOutput>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AliasOutput {
    name: String,
    status: &'static str,
    primary_registry_alias: bool,
    default_registry_alias: bool,
}

/// Every account has one registry, with the alias that it got at the start.
pub(super) async fn describe_registries(
    call: &Call,
    input: RegistriesInput,
) -> Result<RegistriesOutput, ApiError> {
    let account = &call.caller.session.account;
    let paging = Paging::new(&call.app.gate.seal, "DescribeRegistries", RegistryId::PUBLIC);
    let only = RegistryOutput {
        registry_id: account.clone(),
        registry_arn: format!("arn:aws:ecr-public::{account}:registry/{account}"),
        registry_uri: registry_uri(&call.app, account),
        verified: false,
        aliases: vec![AliasOutput {
            name: alias(account),
            status: "ACTIVE",
            primary_registry_alias: true,
            default_registry_alias: true,
        }],
    };
    let (registries, next_token) = paging.page(
        vec![only],
        |registry| registry.registry_id.clone(),
        input.max_results,
        input.next_token.as_deref(),
    )?;
    Ok(RegistriesOutput { registries, next_token })
}
