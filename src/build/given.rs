//! Layers of images that are built on: they stay where they are, are mounted, or go from registry to registry. They are
//! never unpacked, and never compressed again.

use super::GivenLayer;
use crate::base::{BlobDigest, Failure, Kind};
use crate::image::Verified;
use crate::registry::{Cancelled, Made, RegistryError, Sink, Source, SourceError};
use bytes::Bytes;
use std::io::{self, Read as _};
use std::sync::Arc;

/// Bytes that are read at a time.
const CHUNK: usize = 256 * 1024;

/// The bytes of such a layer, as they lie where the image is. They are checked, and go through memory a few chunks at a
/// time.
#[derive(Debug)]
pub struct GivenSource {
    name: String,
    layer: GivenLayer,
}

/// A layer could not be read where it lies.
#[derive(Debug, thiserror::Error)]
#[error("reading the layer {digest} of `{image}`: {source}")]
struct GivenError {
    digest: BlobDigest,
    image: String,
    source: io::Error,
}

impl GivenError {
    fn registry(&self) -> Option<&RegistryError> {
        self.source.get_ref()?.downcast_ref()
    }
}

impl Failure for GivenError {
    fn kind(&self) -> Kind {
        self.registry().map_or(Kind::Input, Failure::kind)
    }

    fn hint(&self) -> Option<String> {
        match self.registry() {
            Some(error) => error.hint(),
            None => Some(
                "the image is damaged where it lies, or a proxy alters what passes: have it pushed again, or choose \
                 another one"
                    .into(),
            ),
        }
    }
}

impl GivenLayer {
    /// Its bytes, under this name.
    pub fn source(&self, name: &str) -> GivenSource {
        GivenSource { name: name.to_owned(), layer: self.clone() }
    }
}

impl GivenSource {
    fn failed(&self, source: io::Error) -> SourceError {
        let (digest, image) = (self.layer.facts.descriptor.digest, self.layer.image.name.clone());
        SourceError::Failed(Arc::new(GivenError { digest, image, source }))
    }
}

impl Source for GivenSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> Option<BlobDigest> {
        Some(self.layer.facts.descriptor.digest)
    }

    fn write_to(&self, sink: Sink<'_>) -> Result<Made, SourceError> {
        let descriptor = &self.layer.facts.descriptor;
        let blob = self.layer.image.blobs.open(&descriptor.digest).map_err(|error| self.failed(error))?;
        let absent = || self.failed(io::Error::new(io::ErrorKind::NotFound, "it is not there"));
        let mut reader = Verified::new(blob.ok_or_else(absent)?, descriptor);
        loop {
            let mut buffer = vec![0; CHUNK];
            let count = match reader.read(&mut buffer) {
                // It has been checked that it ends here.
                Ok(0) => {
                    return Ok(Made {
                        digest: descriptor.digest,
                        size: descriptor.size,
                        diff_id: Some(self.layer.facts.diff_id),
                    });
                }
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(error)),
            };
            buffer.truncate(count);
            sink(Bytes::from(buffer)).map_err(|Cancelled| SourceError::Cancelled)?;
        }
    }
}
