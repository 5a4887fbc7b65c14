//! What the gallery shows about registries and repositories.

use super::super::super::app::App;
use super::super::super::error::ApiError;
use super::super::super::layer_url;
use super::super::super::store::CatalogData;
use super::super::{Call, validate};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};

/// Bytes of a logo.
const MAX_LOGO: usize = 512_000;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CatalogInput {
    description: Option<String>,
    architectures: Option<Vec<String>>,
    operating_systems: Option<Vec<String>>,
    logo_image_blob: Option<String>,
    about_text: Option<String>,
    usage_text: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CatalogOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    architectures: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    operating_systems: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    about_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_text: Option<String>,
    marketplace_certified: bool,
}

impl CatalogOutput {
    pub(super) fn new(app: &App, data: &CatalogData) -> Self {
        let host = app.own_host();
        let host = layer_url::host_for(app, &host).unwrap_or(host);
        Self {
            description: data.description.clone(),
            architectures: data.architectures.clone(),
            operating_systems: data.operating_systems.clone(),
            logo_url: data.logo.as_ref().map(|logo| layer_url::make(app, &host, logo)),
            about_text: data.about_text.clone(),
            usage_text: data.usage_text.clone(),
            marketplace_certified: false,
        }
    }
}

impl CatalogInput {
    /// Checks the limits, and stores the logo.
    pub(super) fn check(self, app: &App) -> Result<CatalogData, ApiError> {
        let text = |member: &str, value: &Option<String>, max: usize| match value {
            Some(text) => validate::count(&format!("catalogData.{member}"), text.chars().count(), 0, max),
            None => Ok(()),
        };
        text("description", &self.description, 1_024)?;
        text("aboutText", &self.about_text, 25_600)?;
        text("usageText", &self.usage_text, 25_600)?;
        for (member, list) in
            [("architectures", &self.architectures), ("operatingSystems", &self.operating_systems)]
        {
            let member = format!("catalogData.{member}");
            let list = list.as_deref().unwrap_or_default();
            validate::count(&member, list.len(), 0, 50)?;
            for entry in list {
                validate::count(&member, entry.chars().count(), 1, 50)?;
            }
        }
        let mut logo = None;
        if let Some(base64) = &self.logo_image_blob {
            let wrong = |_| ApiError::serialization("logoImageBlob is not base64");
            let bytes = BASE64_STANDARD.decode(base64).map_err(wrong)?;
            validate::count("catalogData.logoImageBlob", bytes.len(), 0, MAX_LOGO)?;
            if !bytes.is_empty() {
                logo = Some(app.store.blobs.put(&bytes)?);
            }
        }
        Ok(CatalogData {
            description: self.description,
            architectures: self.architectures.unwrap_or_default(),
            operating_systems: self.operating_systems.unwrap_or_default(),
            logo,
            about_text: self.about_text,
            usage_text: self.usage_text,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepositoryCatalogOutput {
    catalog_data: CatalogOutput,
}

/// A repository that nobody described has empty data, as Terraform expects it.
pub(super) async fn get_repository_catalog_data(
    call: &Call,
    input: GetInput,
) -> Result<RepositoryCatalogOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    repository.commit().await?;
    let catalog_data = repository.read(|contents| CatalogOutput::new(&call.app, &contents.public.catalog));
    Ok(RepositoryCatalogOutput { catalog_data })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    catalog_data: Option<CatalogInput>,
}

pub(super) async fn put_repository_catalog_data(
    call: &Call,
    input: PutInput,
) -> Result<RepositoryCatalogOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let data = validate::required("catalogData", input.catalog_data)?.check(&call.app)?;
    let catalog_data = CatalogOutput::new(&call.app, &data);
    repository.change(|contents| contents.public.catalog = data);
    repository.commit().await?;
    Ok(RepositoryCatalogOutput { catalog_data })
}

#[derive(Debug, Deserialize)]
pub(super) struct GetRegistryInput {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutRegistryInput {
    display_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegistryCatalogOutput {
    registry_catalog_data: RegistryCatalogData,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RegistryCatalogData {
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
}

pub(super) async fn get_registry_catalog_data(
    call: &Call,
    _input: GetRegistryInput,
) -> Result<RegistryCatalogOutput, ApiError> {
    let display_name = call.app.store.display_name(&call.caller.session.account)?;
    Ok(RegistryCatalogOutput { registry_catalog_data: RegistryCatalogData { display_name } })
}

pub(super) async fn put_registry_catalog_data(
    call: &Call,
    input: PutRegistryInput,
) -> Result<RegistryCatalogOutput, ApiError> {
    if let Some(name) = &input.display_name {
        validate::count("displayName", name.chars().count(), 0, 100)?;
        call.app.store.set_display_name(&call.caller.session.account, name)?;
    }
    get_registry_catalog_data(call, GetRegistryInput {}).await
}
