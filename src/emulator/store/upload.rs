//! An open upload: bytes that arrive part by part and are hashed on the way to their file.

use super::Blobs;
use crate::base::{BlobDigest, Hasher};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use fs_err as fs;
use std::io::{self, Seek as _, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Characters of base64 that are decoded at a time.
const CHUNK: usize = 64 * 1024;

/// An open upload. Its methods block on the disk, so they belong on a thread that may block; parts of one upload
/// wait for each other there, and those of other uploads do not.
#[derive(Debug)]
pub(in crate::emulator) struct Upload {
    pub(in crate::emulator) id: String,
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes stored.
    held: u64,
    parts: u64,
    last_part: u64,
    /// Whether a part that was not the last one was smaller than allowed.
    too_small: bool,
    hasher: Hasher,
    /// Completed or vanished; nothing is accepted any more.
    closed: bool,
}

/// Why a part was not stored.
#[derive(Debug)]
pub(in crate::emulator) enum AppendError {
    /// The upload is over.
    Closed,
    /// The part does not follow the bytes that are there.
    OutOfOrder {
        /// Bytes stored.
        held: u64,
    },
    /// The layer has as many parts or bytes as it may have.
    Limit(&'static str),
    /// It is not base64.
    Base64,
    /// The disk failed.
    Io(io::Error),
}

impl From<io::Error> for AppendError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// How an upload ends.
#[derive(Debug)]
pub(in crate::emulator) enum Finish {
    /// The upload is over already.
    Closed,
    /// It has no part.
    Empty,
    /// A part that was not the last one is too small.
    TooSmall,
    /// The bytes have another digest than was expected.
    Mismatch(BlobDigest),
    /// The blob is in its place; the upload is over.
    Done(BlobDigest, u64),
}

/// How large parts and layers may be.
#[derive(Debug, Clone, Copy)]
pub(in crate::emulator) struct Limits {
    /// Bytes that every part but the last has at least.
    pub(in crate::emulator) min_part: u64,
    /// Parts that a layer has at most.
    pub(in crate::emulator) parts: u64,
    /// Bytes that a layer has at most.
    pub(in crate::emulator) layer: u64,
}

impl Upload {
    pub(super) fn new(id: String, path: PathBuf) -> Self {
        Self { id, path, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes stored.
    pub(in crate::emulator) fn held(&self) -> u64 {
        self.lock().held
    }

    /// The number of the part that comes next, from 1.
    pub(in crate::emulator) fn next_part(&self) -> u64 {
        self.lock().parts + 1
    }

    /// Stores a part that starts at byte `first` and is given as base64 of `length` bytes.
    pub(in crate::emulator) fn append(
        &self,
        first: u64,
        base64: &[u8],
        length: u64,
        limits: Limits,
    ) -> Result<(), AppendError> {
        let mut state = self.lock();
        if state.closed {
            return Err(AppendError::Closed);
        }
        if first != state.held {
            return Err(AppendError::OutOfOrder { held: state.held });
        }
        if state.parts >= limits.parts {
            return Err(AppendError::Limit("The layer has reached the maximum number of parts"));
        }
        if state.held + length > limits.layer {
            return Err(AppendError::Limit("The layer exceeds the maximum size"));
        }
        let mut file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        file.seek(io::SeekFrom::Start(first))?;
        // Kept aside until the whole part is good: a part is stored wholly or not at all.
        let mut hasher = state.hasher.clone();
        if let Err(error) = decode(base64, &mut file, &mut hasher) {
            file.set_len(first)?;
            return Err(error);
        }
        state.too_small |= state.parts > 0 && state.last_part < limits.min_part;
        state.hasher = hasher;
        state.held += length;
        state.last_part = length;
        state.parts += 1;
        Ok(())
    }

    /// Makes a blob of the upload if its digest is one of those `expected`.
    pub(in crate::emulator) fn finish(&self, expected: &[BlobDigest], blobs: &Blobs) -> io::Result<Finish> {
        let mut state = self.lock();
        if state.closed {
            return Ok(Finish::Closed);
        }
        if state.parts == 0 {
            return Ok(Finish::Empty);
        }
        if state.too_small {
            return Ok(Finish::TooSmall);
        }
        let digest = BlobDigest::from(state.hasher.clone());
        if !expected.contains(&digest) {
            return Ok(Finish::Mismatch(digest));
        }
        blobs.adopt(&self.path, &digest)?;
        state.closed = true;
        Ok(Finish::Done(digest, state.held))
    }

    /// Ends the upload and deletes its bytes.
    pub(super) fn discard(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.closed = true;
        if fs::exists(&self.path)? { fs::remove_file(&self.path) } else { Ok(()) }
    }
}

/// How many bytes `base64` stands for; none if its length or padding can't be.
pub(in crate::emulator) fn decoded_length(base64: &[u8]) -> Option<u64> {
    let padding = base64.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    (base64.len().is_multiple_of(4)).then(|| (base64.len() / 4 * 3 - padding) as u64)
}

/// Writes the bytes that `base64` stands for, and hashes them, in pieces that stay in the processor's cache.
fn decode(base64: &[u8], file: &mut fs::File, hasher: &mut Hasher) -> Result<(), AppendError> {
    let mut buffer = vec![0; CHUNK / 4 * 3];
    let last = base64.len().saturating_sub(1) / CHUNK;
    for (index, chunk) in base64.chunks(CHUNK).enumerate() {
        let length = BASE64_STANDARD.decode_slice(chunk, &mut buffer).map_err(|_| AppendError::Base64)?;
        // Padding is for the very end.
        if index < last && length < buffer.len() {
            return Err(AppendError::Base64);
        }
        hasher.update(&buffer[..length]);
        file.write_all(&buffer[..length])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Disk;
    use super::*;

    const LIMITS: Limits = Limits { min_part: 5, parts: 3, layer: 100 };

    struct Fixture {
        directory: tempfile::TempDir,
        blobs: Blobs,
        upload: Upload,
    }

    fn fixture() -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk { root: directory.path().into(), durable: false };
        let blobs = Blobs::new(disk).unwrap();
        let upload = Upload::new("u".into(), directory.path().join("u"));
        Fixture { directory, blobs, upload }
    }

    fn append(upload: &Upload, first: u64, bytes: &[u8]) -> Result<(), AppendError> {
        let base64 = BASE64_STANDARD.encode(bytes);
        upload.append(first, base64.as_bytes(), bytes.len() as u64, LIMITS)
    }

    #[test]
    fn parts_follow_each_other_and_become_a_blob() {
        let Fixture { directory, blobs, upload } = fixture();
        append(&upload, 0, b"hello").unwrap();
        let error = append(&upload, 4, b"x").unwrap_err();
        assert!(matches!(error, AppendError::OutOfOrder { held: 5 }));
        append(&upload, 5, b" w").unwrap();
        let digest = BlobDigest::of(b"hello w");
        let other = BlobDigest::of(b"hello");
        assert!(matches!(upload.finish(&[other], &blobs).unwrap(), Finish::Mismatch(d) if d == digest));
        assert!(matches!(upload.finish(&[digest], &blobs).unwrap(), Finish::Done(_, 7)));
        assert_eq!(fs::read(blobs.path(&digest)).unwrap(), b"hello w");
        assert!(!directory.path().join("u").exists());
        assert!(matches!(append(&upload, 7, b"x"), Err(AppendError::Closed)));
    }

    #[test]
    fn a_bad_part_leaves_nothing() {
        let Fixture { directory: _directory, blobs, upload } = fixture();
        append(&upload, 0, b"hello").unwrap();
        let garbage = [BASE64_STANDARD.encode(vec![7; CHUNK / 4 * 3]).as_bytes(), b"!!!!"].concat();
        assert!(matches!(upload.append(5, &garbage, 3, LIMITS), Err(AppendError::Base64)));
        append(&upload, 5, b"!").unwrap();
        let digest = BlobDigest::of(b"hello!");
        assert!(matches!(upload.finish(&[digest], &blobs).unwrap(), Finish::Done(_, 6)));
        assert_eq!(fs::read(blobs.path(&digest)).unwrap(), b"hello!");
    }

    #[test]
    fn limits_hold() {
        let Fixture { directory: _directory, blobs, upload } = fixture();
        assert!(matches!(upload.finish(&[], &blobs).unwrap(), Finish::Empty));
        append(&upload, 0, b"tiny").unwrap();
        append(&upload, 4, b"tiny").unwrap();
        assert!(matches!(upload.finish(&[BlobDigest::of(b"tinytiny")], &blobs).unwrap(), Finish::TooSmall));
        assert!(matches!(append(&upload, 8, &[0; 93]), Err(AppendError::Limit(_))));
        append(&upload, 8, b"x").unwrap();
        assert!(matches!(append(&upload, 9, b"x"), Err(AppendError::Limit(_))));
    }

    #[test]
    fn lengths_of_base64() {
        for length in 0..10 {
            let text = BASE64_STANDARD.encode(vec![0; length]);
            assert_eq!(decoded_length(text.as_bytes()), Some(length as u64));
        }
        assert_eq!(decoded_length(b"abc"), None);
    }
}
