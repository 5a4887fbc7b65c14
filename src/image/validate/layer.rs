//! Layers, recomputed.

use super::{Checker, Kind};
use crate::base::{BlobDigest, DiffId, Hasher, MediaType};
use crate::image::Descriptor;
use crate::image::blob::BlobReader;
use flate2::bufread::MultiGzDecoder;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, BufReader, Read};

/// What the layers so far hold, as hashes of paths.
#[derive(Default)]
pub(super) struct Layers {
    below: HashSet<u64>,
}

/// How a layer is packed.
#[derive(Clone, Copy)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

fn packing(media_type: &MediaType) -> Option<Packing> {
    // Layers that may not be given away have types of their own, which say nothing else about the bytes.
    let text = media_type.as_str().replace("layer.nondistributable.v1", "layer.v1").replace("foreign.", "");
    match text.as_str() {
        "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => {
            Some(Packing::Plain)
        }
        "application/vnd.oci.image.layer.v1.tar+gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Some(Packing::Gzip),
        "application/vnd.oci.image.layer.v1.tar+zstd"
        | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Some(Packing::Zstd),
        _ => None,
    }
}

/// Hashes and counts what is read through it.
struct Counted<R> {
    inner: R,
    hasher: Hasher,
    bytes: u64,
    /// The first error. A decoder that has failed may say the next time that it has come to its end.
    failed: Option<String>,
}

impl<R: Read> Counted<R> {
    fn new(inner: R) -> Self {
        Self { inner, hasher: Hasher::new(), bytes: 0, failed: None }
    }

    /// Reads what is left, so that hash and count are of everything.
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.inner.read(buffer) {
            Ok(count) => count,
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.failed.get_or_insert(error.to_string());
                }
                return Err(error);
            }
        };
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

impl Checker<'_> {
    pub(super) fn layer(
        &mut self,
        subject: &str,
        layer: &Descriptor,
        diff_id: Option<&DiffId>,
        of_image: bool,
        layers: &mut Layers,
    ) {
        self.report.layers += 1;
        let packing = packing(&layer.media_type);
        if packing.is_none() && of_image {
            self.wrong(Kind::MediaType, subject, format!("{} is no layer that is known", layer.media_type));
        }
        let reader = match self.blobs.open(&layer.digest) {
            Ok(Some(reader)) => reader,
            Ok(None) => return self.wrong(Kind::Missing, subject, "it is not there"),
            Err(error) => return self.wrong(Kind::Missing, subject, format!("reading it failed: {error}")),
        };
        let mut raw = Counted::new(reader);
        if let Some(packing) = packing {
            self.unpacked(subject, packing, &mut raw, diff_id, layers);
        }
        // Whatever the content was, the digest is that of all of it.
        if let Err(error) = raw.drain() {
            return self.wrong(Kind::Missing, subject, format!("reading it failed: {error}"));
        }
        self.report.bytes += raw.bytes;
        let found = BlobDigest::from(raw.hasher);
        self.same(subject, layer.digest, found, Some(layer.size), raw.bytes);
    }

    fn unpacked(
        &mut self,
        subject: &str,
        packing: Packing,
        raw: &mut Counted<BlobReader>,
        diff_id: Option<&DiffId>,
        layers: &mut Layers,
    ) {
        let buffered = BufReader::with_capacity(1 << 16, raw);
        let decoder: Box<dyn Read + '_> = match packing {
            Packing::Plain => Box::new(buffered),
            Packing::Gzip => Box::new(MultiGzDecoder::new(buffered)),
            Packing::Zstd => match zstd::Decoder::with_buffer(buffered) {
                Ok(decoder) => Box::new(decoder),
                Err(error) => return self.wrong(Kind::Compression, subject, format!("zstd: {error}")),
            },
        };
        let mut tar = Counted::new(decoder);
        let read = self.entries(subject, &mut tar, layers);
        // `failed` has the error, if there is one.
        tar.drain().ok();
        match (tar.failed, read) {
            // A broken stream breaks the tar as well; one report is enough.
            (Some(error), _) => {
                self.wrong(Kind::Compression, subject, format!("it can't be decompressed: {error}"));
            }
            (None, Err(error)) => self.wrong(Kind::Tar, subject, format!("it is no whole tar: {error}")),
            (None, Ok(())) => {}
        }
        let found = DiffId::from(tar.hasher);
        if let Some(diff_id) = diff_id
            && *diff_id != found
        {
            let problem = format!("its tar has the digest {found}, and the config says {diff_id}");
            self.wrong(Kind::DiffId, subject, problem);
        }
    }

    fn entries(&mut self, subject: &str, tar: &mut impl Read, layers: &mut Layers) -> io::Result<()> {
        let mut here = Here::default();
        let mut sorted = true;
        let mut archive = tar::Archive::new(tar);
        for entry in archive.entries()? {
            let entry = entry?;
            let raw = entry.path_bytes();
            let kind = entry.header().entry_type();
            let shown = String::from_utf8_lossy(&raw).into_owned();
            if let Some(why) = unsafe_name(&raw) {
                self.wrong(Kind::Tar, subject, format!("the name `{shown}` {why}"));
                continue;
            }
            let name = normal(&raw);
            if name.is_empty() {
                continue;
            }
            if sorted && here.last > name {
                sorted = false;
                self.note(
                    Kind::Tar,
                    subject,
                    format!("entries are not sorted: `{shown}` is the first one amiss"),
                );
            }
            if kind.is_hard_link() {
                let target = entry.link_name_bytes().unwrap_or_default();
                let to = String::from_utf8_lossy(&target).into_owned();
                // Docker writes targets with a leading `/` now and then, and means the root of the image.
                let relative = target.strip_prefix(b"/").unwrap_or(&target);
                let hash = hash(&normal(relative));
                if unsafe_name(relative).is_some() {
                    self.wrong(
                        Kind::Tar,
                        subject,
                        format!("`{shown}` is a hard link out of the image, to `{to}`"),
                    );
                } else if !here.paths.contains(&hash) && !layers.below.contains(&hash) {
                    self.wrong(
                        Kind::Tar,
                        subject,
                        format!("`{shown}` is a hard link to `{to}`, which is not there"),
                    );
                }
            }
            here.add(&name, kind.is_dir(), |problem| {
                self.wrong(Kind::Tar, subject, format!("`{shown}` {problem}"));
            });
            here.last = name;
        }
        layers.below.extend(here.paths);
        Ok(())
    }
}

/// What the layer holds so far.
#[derive(Default)]
struct Here {
    last: Vec<u8>,
    paths: HashSet<u64>,
    /// Those that are no directories: nothing may lie below them.
    leaves: HashSet<u64>,
    /// Directories that have no entry so far, though something lies in them.
    implied: HashSet<u64>,
}

impl Here {
    fn add(&mut self, name: &[u8], is_directory: bool, mut wrong: impl FnMut(&str)) {
        let own = hash(name);
        if !self.paths.insert(own) {
            wrong("is there twice");
        }
        if self.implied.remove(&own) {
            wrong(if is_directory {
                "comes after what lies in it"
            } else {
                "is no directory, and something lies in it"
            });
        }
        if !is_directory {
            self.leaves.insert(own);
        }
        for end in (0..name.len()).filter(|position| name[*position] == b'/') {
            let parent = hash(&name[..end]);
            if self.leaves.contains(&parent) {
                wrong("lies below something that is no directory");
                return;
            }
            if !self.paths.contains(&parent) {
                self.implied.insert(parent);
            }
        }
    }
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Without `.`, doubled and trailing `/`.
fn normal(raw: &[u8]) -> Vec<u8> {
    let parts = raw.split(|b| *b == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.collect::<Vec<_>>().join(&b'/')
}

fn unsafe_name(raw: &[u8]) -> Option<&'static str> {
    if raw.first() == Some(&b'/') {
        Some("is absolute")
    } else if raw.split(|b| *b == b'/').any(|part| part == b"..") {
        Some("leads out of the image")
    } else {
        None
    }
}
