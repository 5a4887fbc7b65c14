//! A finished image that lies on disk, as something that can be published.

use super::Finished;
use crate::base::{BlobDigest, Failure, Hasher, Kind};
use crate::image::{BlobSource as _, Descriptor, Layout, OpenError};
use crate::registry::{Cancelled, Made, Sink, Source, SourceError};
use bytes::Bytes;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// Bytes that are read at a time.
const CHUNK: usize = 256 * 1024;

impl Finished {
    /// The one image of an OCI layout or an archive; that all its blobs are there is checked here.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let layout = Arc::new(Layout::open(path)?);
        let image = layout.image(layout.root(None)?, None)?;
        let manifest = image.manifest.value();
        for descriptor in manifest.layers.iter().chain([&manifest.config]) {
            layout.source(descriptor)?;
        }
        let platform = image.config.value().platform.clone();
        let blob = move |descriptor: &Descriptor| -> Arc<dyn Source> {
            Arc::new(LayoutSource {
                name: format!("sha256:{}", descriptor.digest.short()),
                layout: Arc::clone(&layout),
                descriptor: descriptor.clone(),
            })
        };
        Ok(Self { manifest: image.manifest, platform, blob: Box::new(blob) })
    }
}

/// A blob could not be read from disk.
#[derive(Debug, thiserror::Error)]
#[error("reading the blob {digest}")]
struct BlobError {
    digest: BlobDigest,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Failure for BlobError {
    fn kind(&self) -> Kind {
        Kind::Input
    }
}

/// A blob of an image on disk.
#[derive(Debug)]
struct LayoutSource {
    name: String,
    layout: Arc<Layout>,
    descriptor: Descriptor,
}

impl LayoutSource {
    fn failed(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SourceError {
        SourceError::Failed(Arc::new(BlobError { digest: self.descriptor.digest, source: source.into() }))
    }
}

impl Source for LayoutSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> Option<BlobDigest> {
        Some(self.descriptor.digest)
    }

    fn write_to(&self, sink: Sink<'_>) -> Result<Made, SourceError> {
        let blob = self.layout.source(&self.descriptor).map_err(|error| self.failed(error))?;
        let mut reader = blob.open().map_err(|error| self.failed(error))?;
        let (mut hasher, mut size) = (Hasher::new(), 0);
        loop {
            let mut buffer = vec![0; CHUNK];
            let count = reader.read(&mut buffer).map_err(|error| self.failed(error))?;
            if count == 0 {
                return Ok(Made { digest: hasher.into(), size, diff_id: None });
            }
            buffer.truncate(count);
            hasher.update(&buffer);
            size += count as u64;
            sink(Bytes::from(buffer)).map_err(|Cancelled| SourceError::Cancelled)?;
        }
    }
}
