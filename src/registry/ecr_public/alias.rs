//! The names of the caller's registry.

use super::{EcrPublic, PublicName};
use crate::registry::RegistryError;
use aws_sdk_ecrpublic::types::RegistryAliasStatus;

impl EcrPublic {
    /// The names that the caller's registry has, the one that AWS shows first. There is one once the account has made its
    /// first public repository.
    pub async fn aliases(&self) -> Result<&[String], RegistryError> {
        Ok(self.aliases.get_or_try_init(|| self.ask_aliases()).await?)
    }

    async fn ask_aliases(&self) -> Result<Vec<String>, RegistryError> {
        let mut registries = self.client.describe_registries().into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(registry) = registries.next().await {
            let registry = registry.map_err(|error| self.explain_registry("DescribeRegistries", &error))?;
            // One that was asked for is no name until AWS has granted it.
            let granted = registry
                .aliases
                .into_iter()
                .filter(|alias| alias.status == RegistryAliasStatus::Active)
                .map(|alias| (!alias.primary_registry_alias, alias.name));
            found.extend(granted);
        }
        found.sort();
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    /// Fails if the alias is that of another account's registry.
    pub async fn check_own(&self, name: &PublicName) -> Result<(), RegistryError> {
        let own = self.aliases().await?;
        if own.contains(&name.alias) { Ok(()) } else { Err(self.not_own(name, own, None)) }
    }

    /// A refusal, which may be due to the alias: the policy of a repository can let another account push, so that is
    /// known only afterwards.
    pub(super) async fn refused(&self, name: &PublicName, error: RegistryError) -> RegistryError {
        let may_be = match &error {
            RegistryError::Denied { .. }
            | RegistryError::NotLoggedIn { .. }
            | RegistryError::RepositoryNotFound { .. } => true,
            RegistryError::Refused { code, .. } => code == "RegistryNotFoundException",
            _ => false,
        };
        if !may_be {
            return error;
        }
        match self.aliases().await {
            Ok(own) if !own.contains(&name.alias) => self.not_own(name, own, Some(error.to_string())),
            // Who may not ask for the aliases hears what was refused first.
            _ => error,
        }
    }

    fn not_own(&self, name: &PublicName, own: &[String], said: Option<String>) -> RegistryError {
        let (host, name, own) = (self.host.clone(), name.clone(), own.to_vec());
        RegistryError::NotOwnAlias { host, name, own, said }
    }
}
