//! Bytes that a descriptor describes, wherever they are.

use super::Descriptor;
use crate::base::{BlobDigest, Hasher};
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

/// Bytes as they come.
pub type BlobReader = Box<dyn Read + Send>;

/// One blob that can be read, as often as it takes: an upload that failed begins anew.
pub trait BlobSource: fmt::Debug + Send + Sync {
    /// What it is.
    fn descriptor(&self) -> &Descriptor;

    /// Opens it at its beginning. Implementations need not check the content: see [`Verified`].
    fn open(&self) -> io::Result<BlobReader>;
}

/// Many blobs, by digest: an OCI layout, a registry's storage.
pub trait Blobs {
    /// Opens a blob at its beginning; `None` if it is not there. The content need not be checked.
    fn open(&self, digest: &BlobDigest) -> io::Result<Option<BlobReader>>;
}

/// A blob in memory, such as a document.
#[derive(Debug, Clone)]
pub struct MemoryBlob {
    descriptor: Descriptor,
    bytes: Arc<[u8]>,
}

impl MemoryBlob {
    /// `bytes`, which are what `descriptor` describes.
    pub fn new(descriptor: Descriptor, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { descriptor, bytes: bytes.into() }
    }
}

impl BlobSource for MemoryBlob {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn open(&self) -> io::Result<BlobReader> {
        Ok(Box::new(io::Cursor::new(Arc::clone(&self.bytes))))
    }
}

/// Why bytes are not the ones that a descriptor describes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// More or fewer.
    #[error("{digest} has {found} bytes, and {expected} were announced")]
    Size {
        /// What should have been read.
        digest: BlobDigest,
        /// The announced size in bytes.
        expected: u64,
        /// What came. If more than announced came, the rest has not been read.
        found: u64,
    },
    /// Others.
    #[error("the content of {expected} has the digest {found}")]
    Digest {
        /// What should have been read.
        expected: BlobDigest,
        /// What was read.
        found: BlobDigest,
    },
}

/// Passes bytes on and checks, before it says that they end, that they were the ones that a descriptor describes.
/// If not, reading fails with an [`io::Error`] of kind `InvalidData` that holds a [`Mismatch`].
#[derive(Debug)]
pub struct Verified<R> {
    inner: R,
    expected: BlobDigest,
    size: u64,
    read: u64,
    hasher: Option<Hasher>,
}

impl<R: Read> Verified<R> {
    /// Reads from `inner` what `descriptor` describes.
    pub fn new(inner: R, descriptor: &Descriptor) -> Self {
        let Descriptor { digest, size, .. } = *descriptor;
        Self { inner, expected: digest, size, read: 0, hasher: Some(Hasher::new()) }
    }

    fn check(&mut self) -> Result<(), Mismatch> {
        if self.read != self.size {
            return Err(Mismatch::Size { digest: self.expected, expected: self.size, found: self.read });
        }
        match self.hasher.take().map(BlobDigest::from) {
            Some(found) if found != self.expected => Err(Mismatch::Digest { expected: self.expected, found }),
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        if count == 0 || self.read > self.size {
            self.check().map_err(|mismatch| io::Error::new(io::ErrorKind::InvalidData, mismatch))?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::MediaType;

    fn read(bytes: &[u8], digest: BlobDigest, size: u64) -> Result<Vec<u8>, String> {
        let descriptor = Descriptor::new(MediaType::OCI_LAYER, digest, size);
        let mut all = Vec::new();
        match Verified::new(bytes, &descriptor).read_to_end(&mut all) {
            Ok(_) => Ok(all),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn lets_only_the_right_bytes_end() {
        let digest = BlobDigest::of(b"abc");
        assert_eq!(read(b"abc", digest, 3).unwrap(), b"abc");
        assert!(read(b"ab", digest, 3).unwrap_err().ends_with("has 2 bytes, and 3 were announced"));
        assert!(read(b"abcd", digest, 3).unwrap_err().ends_with("has 4 bytes, and 3 were announced"));
        assert!(read(b"abd", digest, 3).unwrap_err().contains("has the digest sha256:a52d"));
    }

    #[test]
    fn opens_as_often_as_it_takes() {
        let descriptor = Descriptor::new(MediaType::OCI_CONFIG, BlobDigest::of(b"{}"), 2);
        let blob = MemoryBlob::new(descriptor, *b"{}");
        for _ in 0..2 {
            let mut text = String::new();
            blob.open().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "{}");
        }
    }
}
