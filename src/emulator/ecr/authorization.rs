//! `GetAuthorizationToken`: the password for `/v2/`.

use super::super::error::ApiError;
use super::{Call, validate};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    #[serde(default)]
    registry_ids: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    authorization_data: Vec<AuthorizationData>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationData {
    authorization_token: String,
    expires_at: i64,
    proxy_endpoint: String,
}

/// One token opens every registry that the caller may use, so `registryIds` changes only how many entries come
/// back.
pub(super) async fn get_authorization_token(call: &Call, input: Input) -> Result<Output, ApiError> {
    let accounts = input.registry_ids.unwrap_or_else(|| vec![call.caller.session.account.clone()]);
    validate::count("registryIds", accounts.len(), 1, 10)?;
    let mut authorization_data = Vec::new();
    for account in &accounts {
        validate::registry_id(account)?;
        let (password, expires_at) = call.app.registry_password(&call.caller);
        authorization_data.push(AuthorizationData {
            authorization_token: BASE64_STANDARD.encode(format!("AWS:{password}")),
            expires_at,
            proxy_endpoint: call.app.proxy_endpoint(),
        });
    }
    Ok(Output { authorization_data })
}
