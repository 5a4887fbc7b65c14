//! One repository, of ECR or of ECR Public, and the calls about it.

use super::document::{Document, PolicyKind};
use super::plan::{Change, New};
use super::settings::{Catalog, Current, Described, Part};
use super::{private, public};
use crate::base::{RepositoryName, Timestamp};
use crate::registry::ecr::Ecr;
use crate::registry::ecr_public::{EcrPublic, PublicName};
use crate::registry::{Registry as _, RegistryError};
use std::collections::BTreeMap;

/// A repository, and who answers for it. It need not be there.
#[derive(Debug, Clone)]
pub enum Place {
    /// Of a private registry.
    Private {
        /// The registry.
        ecr: Ecr,
        /// Its name.
        name: RepositoryName,
    },
    /// Of ECR Public.
    Public {
        /// The registry.
        ecr: EcrPublic,
        /// Its name.
        name: PublicName,
    },
}

/// What is in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Images, indexes and artifacts.
    pub images: usize,
    /// Tags on them.
    pub tags: usize,
    /// Compressed sizes of the images. What several have in common is counted for each.
    pub bytes: u64,
    /// When the last one was pushed.
    pub newest: Option<Timestamp>,
}

/// What became of a call that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    /// It is done.
    Done,
    /// A repository is made.
    New(Box<Described>),
    /// It was there: someone else was faster, or an earlier answer of this very call was lost.
    WasThere,
}

/// Does the same for either kind.
macro_rules! either {
    ($this:ident, $function:ident($($argument:expr),*)) => {
        match $this {
            Self::Private { ecr, name } => private::$function(ecr, name $(, $argument)*).await,
            Self::Public { ecr, name } => public::$function(ecr, name $(, $argument)*).await,
        }
    };
}

impl Place {
    /// Host and name, for people.
    pub fn reference(&self) -> String {
        match self {
            Self::Private { ecr, name } => format!("{}/{name}", ecr.host()),
            // The registry of an account gets its alias with its first repository.
            Self::Public { ecr, name } if name.alias.is_empty() => {
                format!("{}/{}", ecr.host(), name.repository)
            }
            Self::Public { ecr, name } => format!("{}/{name}", ecr.host()),
        }
    }

    /// That it is not there.
    pub fn not_found(&self) -> RegistryError {
        match self {
            Self::Private { ecr, name } => RegistryError::RepositoryNotFound {
                repository: name.clone(),
                registry: ecr.host().to_owned(),
            },
            Self::Public { ecr, name } => RegistryError::RepositoryNotFound {
                repository: name.repository.clone(),
                registry: format!("{}/{}", ecr.host(), name.alias),
            },
        }
    }

    /// Whether it is one of ECR Public.
    pub fn is_public(&self) -> bool {
        matches!(self, Self::Public { .. })
    }

    /// What `DescribeRepositories` tells; none if it is not there.
    pub async fn describe(&self) -> Result<Option<Described>, RegistryError> {
        either!(self, describe())
    }

    /// The text of a policy, if there is one.
    pub async fn policy(&self, kind: PolicyKind) -> Result<Option<String>, RegistryError> {
        either!(self, policy(kind))
    }

    /// Its tags as a resource.
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, RegistryError> {
        either!(self, tags(arn))
    }

    /// What the gallery shows, and where the logo is; nothing if it is not on ECR Public.
    pub async fn catalog(&self) -> Result<(Catalog, Option<String>), RegistryError> {
        match self {
            Self::Private { .. } => Ok((Catalog::default(), None)),
            Self::Public { ecr, name } => public::catalog(ecr, name).await,
        }
    }

    /// Reads what is to be known; none if it is not there.
    pub async fn read(&self, parts: &[Part]) -> Result<Option<Current>, RegistryError> {
        let Some(described) = self.describe().await? else { return Ok(None) };
        let policy = |part, kind| async move {
            if parts.contains(&part) { self.policy(kind).await } else { Ok(None) }
        };
        let (lifecycle, policy, tags, catalog) = futures::try_join!(
            policy(Part::Lifecycle, PolicyKind::Lifecycle),
            policy(Part::Policy, PolicyKind::Access),
            async {
                if parts.contains(&Part::Tags) {
                    self.tags(&described.arn).await
                } else {
                    Ok(BTreeMap::new())
                }
            },
            async {
                if parts.contains(&Part::Catalog) {
                    self.catalog_with_logo().await
                } else {
                    Ok(Catalog::default())
                }
            },
        )?;
        Ok(Some(Current { described, lifecycle, policy, tags, catalog }))
    }

    /// The catalog is set as a whole, so a logo that is to stay must be sent again.
    async fn catalog_with_logo(&self) -> Result<Catalog, RegistryError> {
        let (mut catalog, url) = self.catalog().await?;
        if let (Self::Public { ecr, name }, Some(url)) = (self, url) {
            catalog.logo = Some(public::logo(ecr.http(), name, &url).await?);
        }
        Ok(catalog)
    }

    /// What is in it: every image is listed.
    pub async fn contents(&self) -> Result<Contents, RegistryError> {
        either!(self, contents())
    }

    /// Deletes it; with `force` also if there are images in it.
    pub async fn delete(&self, force: bool) -> Result<(), RegistryError> {
        either!(self, delete(force))
    }

    /// Sets a policy. ECR refuses one that would keep the caller from setting another, unless there is `force`.
    pub async fn set_policy(
        &self,
        kind: PolicyKind,
        policy: &Document,
        force: bool,
    ) -> Result<(), RegistryError> {
        either!(self, set_policy(kind, policy.text(), force))
    }

    /// Makes the call for `change`. `arn` is the repository's, if it is there.
    pub(super) async fn perform(
        &self,
        change: &Change,
        arn: Option<&str>,
        force: bool,
    ) -> Result<Made, RegistryError> {
        let arn = arn.unwrap_or_default();
        match change {
            Change::Create(new) => return self.create(new).await,
            Change::SetPolicy { kind, to, .. } => self.set_policy(*kind, to, force).await?,
            Change::DeletePolicy { kind, .. } => either!(self, delete_policy(*kind))?,
            Change::Tag { to, .. } => either!(self, tag(arn, to))?,
            Change::Untag { from } => either!(self, untag(arn, from.keys().cloned().collect()))?,
            Change::Mutability { to, .. } => match self {
                Self::Private { ecr, name } => private::put_mutability(ecr, name, to).await?,
                Self::Public { .. } => return Err(private_only("tagMutability")),
            },
            Change::ScanOnPush { to } => match self {
                Self::Private { ecr, name } => private::put_scanning(ecr, name, *to).await?,
                Self::Public { .. } => return Err(private_only("scanOnPush")),
            },
            Change::Catalog { to, .. } => match self {
                Self::Public { ecr, name } => public::put_catalog(ecr, name, to).await?,
                Self::Private { .. } => {}
            },
        }
        Ok(Made::Done)
    }

    async fn create(&self, new: &New) -> Result<Made, RegistryError> {
        either!(self, create(new))
    }
}

fn private_only(setting: &'static str) -> RegistryError {
    RegistryError::NotInPublic { settings: vec![setting] }
}
