//! One of the places that an image goes to, and what is known of it.

use super::{Previous, Reuse, Target};
use crate::base::{Platform, Reporter};
use crate::registry::{Registry, RegistryError};
use std::sync::{Arc, OnceLock};

/// A repository of a registry, and the tags there.
#[derive(Debug)]
pub struct Destination<'a, R> {
    /// The registry.
    pub registry: &'a R,
    /// Repository and tags.
    pub target: &'a Target,
    /// Where layers that need not be sent are looked for.
    pub reuse: Reuse,
}

/// A destination on which work is done. What fails there does not hold up the others.
pub(super) struct Place<'a, R> {
    pub(super) registry: &'a R,
    pub(super) target: &'a Target,
    pub(super) previous: Previous,
    failure: OnceLock<RegistryError>,
}

impl<'a, R: Registry> Place<'a, R> {
    /// Looks at what is there. A repository that does not exist is an error here, before anything is made or sent.
    pub(super) async fn find(
        destination: &Destination<'a, R>,
        platforms: &[Platform],
        reporter: &Arc<dyn Reporter>,
    ) -> Result<Self, RegistryError> {
        let Destination { registry, target, reuse } = destination;
        let previous = match reuse {
            Reuse::Images(cache_from) => Previous::find(*registry, target, cache_from, reporter).await?,
            Reuse::NewRepository => Previous::default(),
            Reuse::Nothing => Previous::tags_only(*registry, target).await?,
        };
        let previous = previous.for_platforms(platforms);
        Ok(Self { registry, target, previous, failure: OnceLock::new() })
    }

    /// `HOST/REPOSITORY`
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.registry.host(), self.target.repository)
    }

    /// Whether nothing has failed here.
    pub(super) fn is_well(&self) -> bool {
        self.failure.get().is_none()
    }

    /// Something has failed here; what comes first counts.
    pub(super) fn fail(&self, error: RegistryError) {
        drop(self.failure.set(error));
    }

    /// What has failed here.
    pub(super) fn into_failure(self) -> Option<RegistryError> {
        self.failure.into_inner()
    }
}
