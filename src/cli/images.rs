//! The images that a build stands on, for code that blocks and knows nothing of registries.

use super::bases::Bases;
use crate::base::Failure;
use crate::build::{Home, Open, Opened};
use crate::registry::{ManifestId, Registry as _};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Opens images of registries.
#[derive(Debug)]
pub(super) struct Opener {
    bases: Bases,
    runtime: Handle,
}

impl Opener {
    /// To be made where the registries are to be asked.
    pub(super) fn new(bases: Bases) -> Self {
        Self { bases, runtime: Handle::current() }
    }
}

impl Open for Opener {
    fn open(&self, name: &str) -> Result<Opened, Arc<dyn Failure>> {
        let image = self.runtime.block_on(self.bases.base(name)).map_err(Arc::<dyn Failure>::from)?;
        let host = image.registry.host().to_owned();
        let pinned = match &image.id {
            ManifestId::Digest(digest) => Some(*digest),
            ManifestId::Tag(_) => None,
        };
        Ok(Opened {
            pinned,
            blobs: Arc::new(image.blobs(self.runtime.clone())),
            home: Some(Home { host, repository: image.repository().clone() }),
            root: image.manifest,
        })
    }
}
