//! Blobs as files, each under its digest. All repositories share them; which of them a repository has is said
//! by its own metadata.

use super::Disk;
use crate::base::BlobDigest;
use fs_err as fs;
use std::io;
use std::path::{Path, PathBuf};

/// All blobs.
#[derive(Debug, Clone)]
pub(in crate::emulator) struct Blobs(Disk);

impl Blobs {
    pub(super) fn new(disk: Disk) -> io::Result<Self> {
        fs::create_dir_all(disk.root.join("blobs/sha256"))?;
        Ok(Self(disk))
    }

    /// Where the blob lies, if it is there.
    pub(in crate::emulator) fn path(&self, digest: &BlobDigest) -> PathBuf {
        let hex = digest.hex();
        self.0.root.join("blobs/sha256").join(&hex[..2]).join(hex)
    }

    /// Takes over the file at `from`, whose bytes have this digest.
    pub(in crate::emulator) fn adopt(&self, from: &Path, digest: &BlobDigest) -> io::Result<()> {
        let to = self.path(digest);
        if fs::exists(&to)? {
            return fs::remove_file(from);
        }
        // Opened for writing: some systems synchronise nothing else.
        self.0.sync(&fs::OpenOptions::new().write(true).open(from)?)?;
        self.0.place(from, &to)
    }

    /// Stores `bytes`.
    pub(in crate::emulator) fn put(&self, bytes: &[u8]) -> io::Result<BlobDigest> {
        let digest = BlobDigest::of(bytes);
        let path = self.path(&digest);
        if !fs::exists(&path)? {
            self.0.write(&path, bytes)?;
        }
        Ok(digest)
    }
}
