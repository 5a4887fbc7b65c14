//! Writing images to disk: as an OCI layout, or as an archive that `docker load` takes.
//!
//! Source: <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>. Everything is made in a
//! temporary folder beside the destination and put in its place by one rename at the end, so no other process,
//! and no later step of a pipeline, ever sees half an image.

use super::archive::{self, DockerImage};
use super::blob::{BlobSource, Verified};
use super::{Descriptor, Document, Index, Manifest};
use crate::base::{BlobDigest, Failure, Kind, MediaType, Reference};
use fs_err::File;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

/// Where a layout says that it is one.
pub(super) const LAYOUT_FILE: &str = "oci-layout";
/// The version of layouts that there is.
const LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
/// Where a layout lists its images.
pub(super) const INDEX_FILE: &str = "index.json";
/// Which tag an image has (OCI's `annotations.md`).
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Which full name an image has; containerd, and so Docker, name it after this.
pub(super) const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// The forms in which an image lies on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An OCI layout as a directory.
    Directory,
    /// An OCI layout as one tar file.
    Tar,
    /// What `docker load` takes: an OCI layout as one tar file, which also has the `manifest.json` that engines
    /// without an OCI image store look for.
    Docker,
}

/// Why an image could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteLayoutError {
    /// The folder in which it should lie is not there.
    #[error("the folder of `{}` does not exist", destination.display())]
    NoFolder {
        /// Where the image should go.
        destination: PathBuf,
    },
    /// Something is in its place that is not to be replaced.
    #[error("`{}` is {what}", destination.display())]
    Occupied {
        /// Where the image should go.
        destination: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// The disk did not do as told.
    #[error("writing the image to `{}`", destination.display())]
    Io {
        /// Where the image should go.
        destination: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A blob could not be read, or is not what it was announced as.
    #[error("copying the blob {digest} to `{}`", destination.display())]
    Source {
        /// Which.
        digest: BlobDigest,
        /// Where the image should go.
        destination: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An image refers to a blob that was never written.
    #[error("the image refers to {digest}, which is not among what was written to `{}`", destination.display())]
    Missing {
        /// Which.
        digest: BlobDigest,
        /// Where the image should go.
        destination: PathBuf,
    },
    /// `docker load` takes images for one platform only.
    #[error("`{}` can't hold {digest}: an archive for `docker load` holds images, not indexes of them",
        destination.display())]
    NoImage {
        /// What it was given.
        digest: BlobDigest,
        /// Where the image should go.
        destination: PathBuf,
    },
}

impl Failure for WriteLayoutError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("make room on that disk, or write to another one".into())
            }
            _ => None,
        }
    }
}

/// An image of a layout, or an index of images, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The manifest or index, which must have been written.
    pub descriptor: Descriptor,
    /// Its names. One that has no tag is left out.
    pub names: Vec<Reference>,
}

/// Writes an image to disk. Dropped before [`finish`](Self::finish), it leaves nothing behind. Blobs may be
/// written by several threads at a time.
#[derive(Debug)]
pub struct LayoutWriter {
    destination: PathBuf,
    form: Form,
    staging: TempDir,
    written: Mutex<BTreeMap<BlobDigest, u64>>,
    next: AtomicU64,
}

impl LayoutWriter {
    /// Begins an image at `destination`, which is not touched yet. A file there will be replaced, and a directory
    /// if it is empty or an OCI layout.
    pub fn create(destination: &Path, form: Form) -> Result<Self, WriteLayoutError> {
        let folder = match destination.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => Path::new("/"),
        };
        if !folder.is_dir() {
            return Err(WriteLayoutError::NoFolder { destination: destination.into() });
        }
        if let Some(what) = occupied(destination, form) {
            return Err(WriteLayoutError::Occupied { destination: destination.into(), what });
        }
        let fail = |source| WriteLayoutError::Io { destination: destination.into(), source };
        let staging = tempfile::Builder::new().prefix(".consign-").tempdir_in(folder).map_err(fail)?;
        let writer = Self {
            destination: destination.into(),
            form,
            staging,
            written: Mutex::default(),
            next: AtomicU64::new(0),
        };
        fs_err::create_dir_all(writer.layout().join("blobs/sha256")).map_err(fail)?;
        Ok(writer)
    }

    /// Begins a blob whose digest is not known yet.
    pub fn blob(&self) -> Result<BlobWriter<'_>, WriteLayoutError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.staging.path().join(number.to_string());
        let file = File::create(&path).map_err(|error| self.io(error))?;
        Ok(BlobWriter { layout: self, path, size: 0, file: Some(BufWriter::with_capacity(1 << 16, file)) })
    }

    /// Writes a blob that is in memory.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobDigest, WriteLayoutError> {
        let mut blob = self.blob()?;
        blob.write_all(bytes).map_err(|error| self.io(error))?;
        blob.commit(BlobDigest::of(bytes))
    }

    /// Copies a blob, and checks it on the way. One that is here already is not read.
    pub fn copy(&self, source: &dyn BlobSource) -> Result<(), WriteLayoutError> {
        let descriptor = source.descriptor();
        if self.size(&descriptor.digest) == Some(descriptor.size) {
            return Ok(());
        }
        let fail = |source| WriteLayoutError::Source {
            digest: descriptor.digest,
            destination: self.destination.clone(),
            source,
        };
        let mut reader = Verified::new(source.open().map_err(fail)?, descriptor);
        let mut blob = self.blob()?;
        let mut buffer = vec![0; COPY];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => blob.write_all(&buffer[..count]).map_err(|error| self.io(error))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(fail(error)),
            }
        }
        blob.commit(descriptor.digest).map(|_| ())
    }

    /// The size in bytes of a blob that has been written.
    pub fn size(&self, digest: &BlobDigest) -> Option<u64> {
        self.written().get(digest).copied()
    }

    /// Lists `roots` as what the image is, and puts all of it in its place.
    pub fn finish(self, roots: &[Root]) -> Result<(), WriteLayoutError> {
        let index = self.index(roots)?;
        let mut documents =
            vec![(LAYOUT_FILE, LAYOUT.as_bytes().to_vec()), (INDEX_FILE, index.bytes().to_vec())];
        if self.form == Form::Docker {
            documents.push((archive::MANIFEST_FILE, self.docker(roots)?));
        }
        match self.form {
            Form::Directory => {
                for (name, bytes) in documents {
                    fs_err::write(self.layout().join(name), bytes).map_err(|error| self.io(error))?;
                }
                self.put_in_place().map_err(|error| self.io(error))
            }
            Form::Tar | Form::Docker => self.pack(&documents).map_err(|error| self.io(error)),
        }
    }

    fn index(&self, roots: &[Root]) -> Result<Document<Index>, WriteLayoutError> {
        let mut manifests = Vec::new();
        for root in roots {
            self.require(&root.descriptor.digest)?;
            let named = root.names.iter().filter_map(|name| {
                let tag = name.tag.as_ref()?.to_string();
                let mut descriptor = root.descriptor.clone();
                descriptor.annotations.insert(CONTAINERD_NAME.into(), archive::full_name(name));
                descriptor.annotations.insert(REF_NAME.into(), tag);
                Some(descriptor)
            });
            let before = manifests.len();
            manifests.extend(named);
            if manifests.len() == before {
                manifests.push(root.descriptor.clone());
            }
        }
        Ok(Document::write(Index::new(manifests), MediaType::OCI_INDEX))
    }

    fn docker(&self, roots: &[Root]) -> Result<Vec<u8>, WriteLayoutError> {
        let mut images = Vec::new();
        for Root { descriptor, names } in roots {
            let no_image = || WriteLayoutError::NoImage {
                digest: descriptor.digest,
                destination: self.destination.clone(),
            };
            if !descriptor.media_type.is_manifest() {
                return Err(no_image());
            }
            let bytes = fs_err::read(self.place(&descriptor.digest)).map_err(|error| self.io(error))?;
            let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|_| no_image())?;
            for part in manifest.layers.iter().chain([&manifest.config]) {
                self.require(&part.digest)?;
            }
            images.push(DockerImage::new(&manifest, names));
        }
        Ok(archive::write(&images))
    }

    fn require(&self, digest: &BlobDigest) -> Result<(), WriteLayoutError> {
        match self.size(digest) {
            Some(_) => Ok(()),
            None => Err(WriteLayoutError::Missing { digest: *digest, destination: self.destination.clone() }),
        }
    }

    /// Puts the directory in its place. The one that was there is away for no longer than it takes to rename, and
    /// comes back if that fails.
    fn put_in_place(&self) -> io::Result<()> {
        let old = self.staging.path().join("old");
        let replaces = self.destination.symlink_metadata().is_ok();
        if replaces {
            fs_err::rename(&self.destination, &old)?;
        }
        let result = fs_err::rename(self.layout(), &self.destination);
        if result.is_err() && replaces {
            fs_err::rename(&old, &self.destination)?;
        }
        result
    }

    /// Packs documents and blobs into one tar, in one order, with nothing in it that depends on the machine.
    fn pack(&self, documents: &[(&str, Vec<u8>)]) -> io::Result<()> {
        let path = self.staging.path().join("tar");
        let mut out = File::create(&path)?;
        for (name, bytes) in documents {
            out.write_all(header(name, bytes.len() as u64, tar::EntryType::Regular)?.as_bytes())?;
            out.write_all(bytes)?;
            pad(&mut out, bytes.len() as u64)?;
        }
        for directory in ["blobs/", "blobs/sha256/"] {
            out.write_all(header(directory, 0, tar::EntryType::Directory)?.as_bytes())?;
        }
        let mut buffer = vec![0; COPY];
        for (digest, size) in self.written().iter() {
            let name = archive::blob_path(digest);
            out.write_all(header(&name, *size, tar::EntryType::Regular)?.as_bytes())?;
            let place = self.place(digest);
            let mut blob = File::open(&place)?;
            loop {
                match blob.read(&mut buffer)? {
                    0 => break,
                    count => out.write_all(&buffer[..count])?,
                }
            }
            pad(&mut out, *size)?;
            // So that at no time twice the size of the image is needed, only once and its largest layer.
            fs_err::remove_file(&place)?;
        }
        out.write_all(&[0; 1024])?;
        out.flush()?;
        fs_err::rename(&path, &self.destination)
    }

    fn layout(&self) -> PathBuf {
        self.staging.path().join("layout")
    }

    fn place(&self, digest: &BlobDigest) -> PathBuf {
        self.layout().join(archive::blob_path(digest))
    }

    fn written(&self) -> std::sync::MutexGuard<'_, BTreeMap<BlobDigest, u64>> {
        // A thread that panicked left the map whole: it is only ever changed by one insertion.
        self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn io(&self, source: io::Error) -> WriteLayoutError {
        WriteLayoutError::Io { destination: self.destination.clone(), source }
    }
}

/// A blob on its way into a layout. Dropped before [`commit`](Self::commit), it was never there.
#[derive(Debug)]
pub struct BlobWriter<'a> {
    layout: &'a LayoutWriter,
    path: PathBuf,
    size: u64,
    file: Option<BufWriter<File>>,
}

impl BlobWriter<'_> {
    /// Puts it among the blobs. `digest` is that of the bytes that were written; whoever made them has computed it
    /// in the same pass ([`Sealed`](crate::layer::Sealed)), so it is not computed again.
    pub fn commit(mut self, digest: BlobDigest) -> Result<BlobDigest, WriteLayoutError> {
        let io = |error| self.layout.io(error);
        if let Some(mut file) = self.file.take() {
            file.flush().map_err(io)?;
        }
        fs_err::rename(&self.path, self.layout.place(&digest)).map_err(io)?;
        self.layout.written().insert(digest, self.size);
        Ok(digest)
    }
}

impl Write for BlobWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::WriteZero)?;
        let count = file.write(bytes)?;
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Drop for BlobWriter<'_> {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // If it stays, it goes with the folder that it is in.
            fs_err::remove_file(&self.path).ok();
        }
    }
}

/// Bytes copied at a time.
const COPY: usize = 1 << 18;

fn occupied(destination: &Path, form: Form) -> Option<&'static str> {
    let Ok(metadata) = fs_err::symlink_metadata(destination) else { return None };
    match form {
        Form::Directory if !metadata.is_dir() => Some("there already, and is no directory"),
        Form::Directory => {
            let empty = fs_err::read_dir(destination).is_ok_and(|mut entries| entries.next().is_none());
            (!empty && !destination.join(LAYOUT_FILE).is_file())
                .then_some("a directory that has something else than an OCI layout in it")
        }
        // Not a device either: the rename at the end would put a file in place of `/dev/null`.
        Form::Tar | Form::Docker if metadata.is_dir() => {
            Some("a directory, and a file should be written there")
        }
        Form::Tar | Form::Docker => (!metadata.is_file() && !metadata.is_symlink())
            .then_some("no regular file, so it is not replaced"),
    }
}

fn header(name: &str, size: u64, kind: tar::EntryType) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(size);
    header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(kind);
    header.set_cksum();
    Ok(header)
}

fn pad(out: &mut impl Write, size: u64) -> io::Result<()> {
    let padding = usize::try_from(size.next_multiple_of(512) - size).unwrap_or_default();
    out.write_all(&[0; 512][..padding])
}
