//! Making the repository that is pushed to.

use super::apply::apply;
use super::place::Place;
use super::plan::plan;
use super::settings::Wanted;
use crate::base::RepositoryName;
use crate::registry::ecr_public::PublicName;
use crate::registry::{AnyRegistry, RegistryError};

/// What became of the wish that a repository exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was made.
    Created,
    /// It was there.
    Existed,
    /// The registry makes repositories by itself when something is pushed to them.
    ByItself,
}

/// Makes the repository if `DescribeRepositories` says that it is absent, where that has to be done at all. Only then is
/// the permission to create one needed. One that is there is left as it is. Fails if `wanted` asks for what ECR Public
/// does not have, and the repository would be there.
pub async fn ensure(
    registry: &AnyRegistry,
    repository: &RepositoryName,
    wanted: &Wanted,
) -> Result<Ensured, RegistryError> {
    let place = match registry {
        AnyRegistry::Ecr(ecr) | AnyRegistry::EcrDistribution { control: ecr, .. } => {
            Place::Private { ecr: ecr.clone(), name: repository.clone() }
        }
        AnyRegistry::EcrPublic(images) => {
            let private_only = wanted.private_only();
            if !private_only.is_empty() {
                return Err(RegistryError::NotInPublic { settings: private_only });
            }
            let ecr = images.control().clone();
            let name = PublicName::of(ecr.host(), repository)?;
            // The API does not take the alias: without this, the repository would be made in another registry than the
            // reference says.
            ecr.check_own(&name).await?;
            Place::Public { ecr, name }
        }
        AnyRegistry::Distribution(_) => return Ok(Ensured::ByItself),
    };
    if place.describe().await?.is_some() {
        return Ok(Ensured::Existed);
    }
    let plan = plan(None, wanted).unwrap_or_default();
    let applied = apply(&place, plan, None, false, |_| {}).await;
    match applied.error {
        Some(error) => Err(error),
        None if applied.overtaken => Ok(Ensured::Existed),
        None => Ok(Ensured::Created),
    }
}
