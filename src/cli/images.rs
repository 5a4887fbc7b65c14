//! The images that a build stands on, for code that blocks and knows nothing of registries.

use super::bases::Bases;
use super::error::CliError;
use crate::base::Failure;
use crate::build::{Home, Open, Opened};
use crate::registry::{ManifestId, Registry as _, RemoteImage, wait};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Opens images of registries.
#[derive(Debug)]
pub(super) struct Opener {
    bases: Arc<Bases>,
    runtime: Handle,
}

impl Opener {
    /// To be made where the registries are to be asked.
    pub(super) fn new(bases: Bases) -> Self {
        Self { bases: Arc::new(bases), runtime: Handle::current() }
    }
}

impl Open for Opener {
    fn open(&self, name: &str) -> Result<Opened, Arc<dyn Failure>> {
        let (bases, asked) = (Arc::clone(&self.bases), name.to_owned());
        let found = wait(&self.runtime, async move { bases.base(&asked).await });
        let image = match found {
            Some(found) => found.map_err(Arc::<dyn Failure>::from)?,
            None => return Err(Arc::new(CliError::internal("the program is ending"))),
        };
        Ok(opened(image, &self.runtime))
    }
}

/// An image of a registry, for code that blocks.
pub(super) fn opened(image: RemoteImage, runtime: &Handle) -> Opened {
    let host = image.registry.host().to_owned();
    let pinned = match &image.id {
        ManifestId::Digest(digest) => Some(*digest),
        ManifestId::Tag(_) => None,
    };
    Opened {
        pinned,
        blobs: Arc::new(image.blobs(runtime.clone())),
        home: Some(Home { host, repository: image.repository().clone() }),
        root: image.manifest,
    }
}
