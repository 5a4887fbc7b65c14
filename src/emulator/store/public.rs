//! What only ECR Public keeps: how its gallery presents registries and repositories.

use super::Store;
use crate::base::BlobDigest;
use fs_err as fs;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// Of a repository.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::emulator) struct PublicSettings {
    pub(in crate::emulator) catalog: CatalogData,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) policy: Option<String>,
}

/// How a repository is presented.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::emulator) struct CatalogData {
    pub(in crate::emulator) description: Option<String>,
    pub(in crate::emulator) architectures: Vec<String>,
    pub(in crate::emulator) operating_systems: Vec<String>,
    pub(in crate::emulator) logo: Option<BlobDigest>,
    pub(in crate::emulator) about_text: Option<String>,
    pub(in crate::emulator) usage_text: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegistryData {
    display_name: String,
}

impl Store {
    /// Accounts are those of verified callers: 12 digits.
    fn registry_data(&self, account: &str) -> PathBuf {
        self.disk.root.join("public").join(format!("{account}.json"))
    }

    /// The name under which the registry of `account` is presented.
    pub(in crate::emulator) fn display_name(&self, account: &str) -> io::Result<Option<String>> {
        let path = self.registry_data(account);
        if !fs::exists(&path)? {
            return Ok(None);
        }
        let data: RegistryData = serde_json::from_slice(&fs::read(&path)?)?;
        Ok(Some(data.display_name))
    }

    /// Sets that name.
    pub(in crate::emulator) fn set_display_name(&self, account: &str, name: &str) -> io::Result<()> {
        let data = RegistryData { display_name: name.into() };
        self.disk.write(&self.registry_data(account), &serde_json::to_vec(&data)?)
    }
}
