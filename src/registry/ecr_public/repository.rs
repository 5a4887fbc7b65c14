//! Making the repository that is pushed to.

use super::{EcrPublic, PublicName};
use crate::registry::RegistryError;
use crate::registry::ecr::NewRepository;
use aws_sdk_ecrpublic::operation::create_repository::CreateRepositoryError;

impl EcrPublic {
    /// Makes the repository if `DescribeRepositories` says that it is absent, and tells whether it did. Only then
    /// is the permission to create one needed. Fails if `settings` has any that ECR Public does not know.
    pub async fn ensure_repository(
        &self,
        name: &PublicName,
        settings: &NewRepository,
    ) -> Result<bool, RegistryError> {
        let private_only = settings.private_only();
        if !private_only.is_empty() {
            return Err(RegistryError::NotInPublic { settings: private_only });
        }
        // The API does not take the alias: without this, the repository would be made in another registry than the
        // reference says.
        self.check_own(name).await?;
        let found =
            self.client.describe_repositories().repository_names(name.repository.as_str()).send().await;
        let error = match found {
            Ok(_) => return Ok(false),
            Err(error) => self.explain_named("DescribeRepositories", name, &error),
        };
        if !matches!(error, RegistryError::RepositoryNotFound { .. }) {
            return Err(error);
        }
        let made = self.client.create_repository().repository_name(name.repository.as_str()).send().await;
        match made {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                // Someone else was faster, or an earlier answer of this very call was lost.
                Some(CreateRepositoryError::RepositoryAlreadyExistsException(_)) => Ok(false),
                _ => Err(self.explain_named("CreateRepository", name, &error)),
            },
        }
    }
}
