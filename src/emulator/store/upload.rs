//! An open upload: bytes that arrive part by part and are hashed on the way to their file.

use super::Blobs;
use crate::base::{BlobDigest, Hasher, Timestamp};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use fs_err as fs;
use std::io::{self, Seek as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Characters of base64 that are decoded at a time.
const CHUNK: usize = 64 * 1024;

/// An open upload. Its methods block on the disk, so they belong on a thread that may block; parts of one upload
/// wait for each other there, and those of other uploads do not.
#[derive(Debug)]
pub(in crate::emulator) struct Upload {
    pub(in crate::emulator) id: String,
    pub(in crate::emulator) opened: Timestamp,
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
    /// Bytes of the first part.
    first_part: u64,
    /// A part is arriving in pieces; nobody else may write.
    busy: bool,
    /// Completed or vanished; nothing is accepted any more.
    closed: bool,
}

impl State {
    /// Whether a part may start at byte `first`, or wherever the last one ended.
    fn admit(&self, first: Option<u64>, limits: Limits) -> Result<(), AppendError> {
        if self.closed {
            return Err(AppendError::Closed);
        }
        if self.busy || first.is_some_and(|first| first != self.held) {
            return Err(AppendError::OutOfOrder { held: self.held });
        }
        if self.parts >= limits.parts {
            return Err(AppendError::Limit(TOO_MANY));
        }
        Ok(())
    }

    /// Counts a part whose bytes are in the file. As the last step, so that a part counts wholly or not at all.
    fn take(&mut self, hasher: Hasher, length: u64, limits: Limits) {
        self.too_small |= self.parts > 0 && self.last_part < limits.min_part;
        if self.parts == 0 {
            self.first_part = length;
        }
        self.hasher = hasher;
        self.held += length;
        self.last_part = length;
        self.parts += length.div_ceil(MAX_PIECE).max(1);
    }
}

/// Bytes of a stream that count as one part, as ECR's proxy seems to cut it.
const MAX_PIECE: u64 = 20_971_520;
const TOO_MANY: &str = "The layer has reached the maximum number of parts";
const TOO_LARGE: &str = "The layer exceeds the maximum size";

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
    pub(super) fn new(id: String, path: PathBuf, opened: Timestamp) -> Self {
        Self { id, opened, path, state: Mutex::default() }
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

    /// Bytes of the first part.
    pub(in crate::emulator) fn first_part(&self) -> u64 {
        self.lock().first_part
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
        state.admit(Some(first), limits)?;
        if state.held + length > limits.layer {
            return Err(AppendError::Limit(TOO_LARGE));
        }
        let mut file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        file.seek(io::SeekFrom::Start(first))?;
        // Kept aside until the whole part is good: a part is stored wholly or not at all.
        let mut hasher = state.hasher.clone();
        if let Err(error) = decode(base64, &mut file, &mut hasher) {
            file.set_len(first)?;
            return Err(error);
        }
        state.take(hasher, length, limits);
        Ok(())
    }

    /// Begins a part that arrives in pieces, at byte `first` or wherever the last one ended. Until it is finished
    /// or dropped, no other is accepted.
    pub(in crate::emulator) fn begin(
        self: &Arc<Self>,
        first: Option<u64>,
        limits: Limits,
    ) -> Result<Part, AppendError> {
        let mut state = self.lock();
        state.admit(first, limits)?;
        let mut file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        file.seek(io::SeekFrom::Start(state.held))?;
        state.busy = true;
        let (start, hasher) = (state.held, state.hasher.clone());
        Ok(Part { upload: Arc::clone(self), file, start, length: 0, hasher, limits, stored: false })
    }

    /// Makes a blob of the upload if its digest is one of those `expected`.
    pub(in crate::emulator) fn finish(&self, expected: &[BlobDigest], blobs: &Blobs) -> io::Result<Finish> {
        let mut state = self.lock();
        if state.closed || state.busy {
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

/// A part of which piece after piece arrives. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub(in crate::emulator) struct Part {
    upload: Arc<Upload>,
    file: fs::File,
    start: u64,
    length: u64,
    hasher: Hasher,
    limits: Limits,
    stored: bool,
}

impl Part {
    /// Stores the next piece.
    pub(in crate::emulator) fn write(&mut self, bytes: &[u8]) -> Result<(), AppendError> {
        self.length += bytes.len() as u64;
        if self.start + self.length > self.limits.layer {
            return Err(AppendError::Limit(TOO_LARGE));
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes)?;
        Ok(())
    }

    /// Bytes so far.
    pub(in crate::emulator) fn length(&self) -> u64 {
        self.length
    }

    /// The part is whole; how many bytes the upload has then. One without any bytes is none.
    pub(in crate::emulator) fn finish(mut self) -> Result<u64, AppendError> {
        let mut state = self.upload.lock();
        if state.closed {
            return Err(AppendError::Closed);
        }
        if self.length > 0 {
            if state.parts + self.length.div_ceil(MAX_PIECE) > self.limits.parts {
                return Err(AppendError::Limit(TOO_MANY));
            }
            state.take(self.hasher.clone(), self.length, self.limits);
        }
        let held = state.held;
        drop(state);
        self.stored = true;
        Ok(held)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.stored
            && let Err(error) = self.file.set_len(self.start)
        {
            // Later bytes overwrite these or the digest does not fit: nothing false can come of it.
            tracing::error!("{error}");
        }
        self.upload.lock().busy = false;
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
        upload: Arc<Upload>,
    }

    fn fixture() -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk { root: directory.path().into(), durable: false };
        let blobs = Blobs::new(disk).unwrap();
        let upload = Arc::new(Upload::new("u".into(), directory.path().join("u"), Timestamp::UNIX_EPOCH));
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
    fn a_part_in_pieces_counts_once_it_is_whole() {
        let Fixture { directory: _directory, blobs, upload } = fixture();
        let mut part = upload.begin(None, LIMITS).unwrap();
        part.write(b"hel").unwrap();
        assert!(
            matches!(append(&upload, 0, b"x"), Err(AppendError::OutOfOrder { held: 0 })),
            "one at a time"
        );
        part.write(b"lo").unwrap();
        assert_eq!(part.finish().unwrap(), 5);
        let mut lost = upload.begin(Some(5), LIMITS).unwrap();
        lost.write(b" all of this goes").unwrap();
        drop(lost);
        assert!(matches!(upload.begin(Some(4), LIMITS), Err(AppendError::OutOfOrder { held: 5 })));
        assert_eq!(upload.begin(None, LIMITS).unwrap().finish().unwrap(), 5, "nothing is no part");
        let mut part = upload.begin(Some(5), LIMITS).unwrap();
        part.write(b"!").unwrap();
        part.finish().unwrap();
        let mut large = upload.begin(None, LIMITS).unwrap();
        assert!(matches!(large.write(&[0; 95]), Err(AppendError::Limit(_))));
        drop(large);
        let digest = BlobDigest::of(b"hello!");
        assert!(matches!(upload.finish(&[digest], &blobs).unwrap(), Finish::Done(_, 6)));
        assert_eq!(fs::read(blobs.path(&digest)).unwrap(), b"hello!");
        assert!(matches!(upload.begin(None, LIMITS), Err(AppendError::Closed)));
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
