//! What happens while work is done, as values. The rooms tell; only `cli/` decides how it looks.

use super::digest::{BlobDigest, ManifestDigest};
use serde::Serialize;
use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

/// One thing that happened. Sizes are bytes. Serialised, each has a `reason` that names it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A step began that may take a while: `reading docs`.
    Started {
        /// What is being done.
        what: String,
    },
    /// Credentials were obtained.
    Authenticated {
        /// Where they come from: `OIDC token of GitHub Actions`.
        source: String,
        /// Who that is for AWS, if it is known.
        arn: Option<String>,
    },
    /// The context has been read into a tree.
    ContextRead {
        /// Number of entries.
        entries: u64,
        /// Bytes of file content.
        bytes: u64,
    },
    /// A layer is being made or sent.
    LayerStarted {
        /// Position in the image, from 0.
        index: usize,
        /// Its name.
        name: String,
        /// Uncompressed bytes that will go through it, if that is known.
        bytes: Option<u64>,
    },
    /// Bytes of a layer have been read.
    LayerRead {
        /// Position in the image, from 0.
        index: usize,
        /// Bytes since the last event.
        bytes: u64,
    },
    /// A part of a layer is stored.
    PartSent {
        /// Position in the image, from 0.
        index: usize,
        /// Bytes of the part.
        bytes: u64,
    },
    /// A layer is where it should be.
    LayerDone {
        /// Position in the image, from 0.
        index: usize,
        /// Its name.
        name: String,
        /// Its digest in the registry.
        digest: BlobDigest,
        /// Its compressed size.
        bytes: u64,
        /// Whether nothing had to be sent.
        reused: bool,
    },
    /// Something failed and is being tried again.
    Retrying {
        /// What failed.
        what: String,
        /// Why.
        why: String,
    },
    /// A repository was made.
    RepositoryCreated {
        /// Its name in full.
        repository: String,
    },
    /// A tag points at the image.
    Tagged {
        /// The reference.
        reference: String,
        /// The image.
        digest: ManifestDigest,
        /// Whether it already did.
        unchanged: bool,
    },
    /// The work has failed.
    Failed {
        /// What failed.
        message: String,
        /// Why, if there is more to say.
        causes: Option<String>,
        /// What to do next.
        hint: Option<String>,
        /// The exit code of the process.
        code: u8,
    },
    /// Something that the user should know and that is no failure.
    Warning {
        /// What.
        message: String,
    },
}

/// Takes events. Implementations must be quick: they are called from the middle of the work.
pub trait Reporter: Send + Sync + Debug {
    /// Takes one event.
    fn event(&self, event: Event);

    /// The work is over, however it ended; what comes next is its result or its error.
    fn finish(&self) {}

    /// Shorthand for a warning.
    fn warn(&self, message: String) {
        self.event(Event::Warning { message });
    }
}

/// Tells each warning once, however often the same is done.
#[derive(Debug)]
pub struct Once {
    reporter: Arc<dyn Reporter>,
    told: Mutex<HashSet<String>>,
}

impl Once {
    /// Everything goes on to `reporter`.
    pub fn new(reporter: Arc<dyn Reporter>) -> Self {
        Self { reporter, told: Mutex::default() }
    }
}

impl Reporter for Once {
    fn event(&self, event: Event) {
        if let Event::Warning { message } = &event
            && !self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(message.clone())
        {
            return;
        }
        self.reporter.event(event);
    }

    fn finish(&self) {
        self.reporter.finish();
    }
}

/// Drops every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: Event) {}
}
