//! The oracle: recomputes everything that the documents of an image claim, and reports *all* that is wrong.
//!
//! It shares nothing with the code that makes images but the vocabulary: layers are read with other libraries than
//! they are written with. Layers are streamed; memory is taken only for a hash of every path in them, 8 bytes each.

mod layer;

use super::blob::Blobs;
use super::{Descriptor, ImageConfig, Index, Manifest};
use crate::base::{BlobDigest, ManifestDigest, MediaType};
use layer::Layers;
use std::collections::BTreeSet;
use std::fmt;
use std::io::Read as _;

/// No document is larger, in bytes. Registries draw the line at 4 MiB.
const MOST_DOCUMENT: u64 = 16 << 20;

/// What sort of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A blob is not there, or reading it failed.
    Missing,
    /// Content has another digest than its name.
    Digest,
    /// Content has another size than its descriptor says.
    Size,
    /// A type is missing, unknown, or another one than is said elsewhere.
    MediaType,
    /// A document is no JSON, or not what it should be.
    Document,
    /// A value in a config has no meaning.
    Config,
    /// The history of a config does not fit its layers.
    History,
    /// A layer can't be decompressed.
    Compression,
    /// A layer's tar has another digest than the config says.
    DiffId,
    /// A layer's tar, or an entry in it, is not as it should be.
    Tar,
}

/// One thing that is wrong, or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What sort of thing.
    pub kind: Kind,
    /// Of what: `layer 2 (sha256:…)`.
    pub subject: String,
    /// What about it.
    pub problem: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.problem)
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What is wrong. Empty means that the image is whole.
    pub violations: Vec<Violation>,
    /// What is legal, and yet nothing that this program would make.
    pub notes: Vec<Violation>,
    /// Number of images that were looked at; an index has several.
    pub images: usize,
    /// Number of layers that were looked at.
    pub layers: usize,
    /// Bytes that were read, compressed.
    pub bytes: u64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_valid(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Checks the image or index `root` and everything that it refers to.
pub fn validate(blobs: &dyn Blobs, root: ManifestDigest) -> Report {
    let mut checker = Checker { blobs, report: Report::default(), seen: BTreeSet::new() };
    checker.manifest(None, root.into(), 0);
    checker.report
}

struct Checker<'a> {
    blobs: &'a dyn Blobs,
    report: Report,
    /// Manifests and indexes, so that one that is listed twice is looked at once.
    seen: BTreeSet<BlobDigest>,
}

impl Checker<'_> {
    fn wrong(&mut self, kind: Kind, subject: &str, problem: impl Into<String>) {
        self.report.violations.push(Violation { kind, subject: subject.into(), problem: problem.into() });
    }

    fn note(&mut self, kind: Kind, subject: &str, problem: impl Into<String>) {
        self.report.notes.push(Violation { kind, subject: subject.into(), problem: problem.into() });
    }

    /// Looks at a manifest or an index; `described` is how an index describes it. Says for which platform its
    /// config is.
    fn manifest(&mut self, described: Option<&Descriptor>, digest: BlobDigest, depth: u8) {
        if !self.seen.insert(digest) {
            return;
        }
        let subject = format!("manifest {digest}");
        let Some(bytes) = self.document(&subject, &digest, described.map(|d| d.size)) else { return };
        let json: serde_json::Value = match serde_json::from_slice(&bytes) {
            Ok(json) => json,
            Err(error) => return self.wrong(Kind::Document, &subject, format!("it is no JSON: {error}")),
        };
        let own = json.get("mediaType").and_then(|text| text.as_str()).map(MediaType::from);
        if own.is_none() {
            self.note(Kind::MediaType, &subject, "it does not name its own media type");
        }
        if let (Some(own), Some(described)) = (&own, described)
            && *own != described.media_type
        {
            let problem =
                format!("it says that it is {own}, and the index that it is {}", described.media_type);
            self.wrong(Kind::MediaType, &subject, problem);
        }
        if json.get("schemaVersion").and_then(serde_json::Value::as_u64) != Some(2) {
            self.wrong(Kind::Document, &subject, "its `schemaVersion` is not 2");
        }
        let is_index = match own.as_ref().or(described.map(|d| &d.media_type)) {
            Some(media_type) if media_type.is_index() => true,
            Some(media_type) if media_type.is_manifest() => false,
            Some(other) => {
                return self.wrong(
                    Kind::MediaType,
                    &subject,
                    format!("{other} is neither a manifest nor an index"),
                );
            }
            None => json.get("manifests").is_some(),
        };
        if is_index && json.get("layers").is_some() || !is_index && json.get("manifests").is_some() {
            // The two could be told apart differently by two readers: CVE-2021-41190.
            self.wrong(Kind::Document, &subject, "it has keys of a manifest and of an index");
        }
        if is_index {
            match serde_json::from_slice::<Index>(&bytes) {
                Ok(index) => self.index(&subject, &index, depth),
                Err(error) => self.wrong(Kind::Document, &subject, format!("it is no index: {error}")),
            }
        } else {
            match serde_json::from_slice::<Manifest>(&bytes) {
                Ok(manifest) => self.image(&subject, described, &manifest),
                Err(error) => self.wrong(Kind::Document, &subject, format!("it is no manifest: {error}")),
            }
        }
    }

    fn index(&mut self, subject: &str, index: &Index, depth: u8) {
        if depth == 4 {
            return self.wrong(Kind::Document, subject, "indexes are nested too deeply");
        }
        for descriptor in &index.manifests {
            self.manifest(Some(descriptor), descriptor.digest, depth + 1);
        }
    }

    fn image(&mut self, subject: &str, described: Option<&Descriptor>, manifest: &Manifest) {
        self.report.images += 1;
        let what = format!("config {}", manifest.config.digest);
        let bytes = self.document(&what, &manifest.config.digest, Some(manifest.config.size));
        let known = [MediaType::OCI_CONFIG, MediaType::DOCKER_CONFIG];
        let config = if known.contains(&manifest.config.media_type) {
            bytes.and_then(|bytes| match serde_json::from_slice::<ImageConfig>(&bytes) {
                Ok(config) => Some(config),
                Err(error) => {
                    self.wrong(Kind::Document, &what, format!("it is no image config: {error}"));
                    None
                }
            })
        } else {
            self.note(
                Kind::MediaType,
                subject,
                format!("it is an artifact: its config is {}", manifest.config.media_type),
            );
            None
        };
        if let Some(config) = &config {
            self.config(&what, described, manifest, config);
        }
        let mut layers = Layers::default();
        for (position, layer) in manifest.layers.iter().enumerate() {
            let subject = format!("layer {} ({})", position + 1, layer.digest);
            let diff_id = config.as_ref().and_then(|config| config.rootfs.diff_ids.get(position));
            self.layer(&subject, layer, diff_id, known.contains(&manifest.config.media_type), &mut layers);
        }
    }

    fn config(
        &mut self,
        what: &str,
        described: Option<&Descriptor>,
        manifest: &Manifest,
        config: &ImageConfig,
    ) {
        let layers = manifest.layers.len();
        if config.rootfs.kind != "layers" {
            self.wrong(
                Kind::Config,
                what,
                format!("`rootfs.type` is `{}`, not `layers`", config.rootfs.kind),
            );
        }
        if config.rootfs.diff_ids.len() != layers {
            let problem =
                format!("it lists {} layers, and the manifest {layers}", config.rootfs.diff_ids.len());
            self.wrong(Kind::Config, what, problem);
        }
        let with_layer = config.history.iter().filter(|step| !step.empty_layer).count();
        if config.history.is_empty() {
            self.note(Kind::History, what, "it has no history");
        } else if with_layer != layers {
            let problem = format!("its history tells of {with_layer} layers, and the manifest has {layers}");
            self.wrong(Kind::History, what, problem);
        }
        for (name, value) in [("architecture", &config.platform.architecture), ("os", &config.platform.os)] {
            if value.is_empty() {
                self.wrong(Kind::Config, what, format!("`{name}` is empty"));
            }
        }
        if let Some(platform) = described.and_then(|descriptor| descriptor.platform.as_ref())
            && (&platform.os, &platform.architecture) != (&config.platform.os, &config.platform.architecture)
        {
            let problem = format!("it is for {}, and the index says {platform}", config.platform);
            self.wrong(Kind::Config, what, problem);
        }
        let times = config.history.iter().filter_map(|step| step.created.as_ref());
        for time in config.created.iter().chain(times) {
            if time.parse::<crate::base::Timestamp>().is_err() {
                self.wrong(
                    Kind::Config,
                    what,
                    format!("`created` is `{time}`, which is no time as in RFC 3339"),
                );
            }
        }
        let Some(run) = &config.config else { return };
        for variable in &run.env {
            if variable.find('=').is_none_or(|position| position == 0) {
                self.wrong(Kind::Config, what, format!("`Env` has `{variable}`, which is not NAME=VALUE"));
            }
        }
        if let Some(directory) = run.working_dir.as_deref()
            && !directory.is_empty()
            && !directory.starts_with('/')
        {
            // Windows has other absolute paths.
            if config.platform.os == "linux" {
                self.wrong(
                    Kind::Config,
                    what,
                    format!("`WorkingDir` is `{directory}`, which is not absolute"),
                );
            }
        }
        for port in run.exposed_ports.keys() {
            let (numbers, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
            let numeric = numbers.split('-').all(|number| number.parse::<u16>().is_ok());
            if !numeric || !["tcp", "udp", "sctp"].contains(&protocol) {
                self.wrong(
                    Kind::Config,
                    what,
                    format!("`ExposedPorts` has `{port}`, which is not PORT/PROTOCOL"),
                );
            }
        }
    }

    /// Reads a document and checks digest and size.
    fn document(&mut self, subject: &str, digest: &BlobDigest, size: Option<u64>) -> Option<Vec<u8>> {
        let reader = match self.blobs.open(digest) {
            Ok(Some(reader)) => reader,
            Ok(None) => {
                self.wrong(Kind::Missing, subject, "it is not there");
                return None;
            }
            Err(error) => {
                self.wrong(Kind::Missing, subject, format!("reading it failed: {error}"));
                return None;
            }
        };
        let mut bytes = Vec::new();
        if let Err(error) = reader.take(MOST_DOCUMENT + 1).read_to_end(&mut bytes) {
            self.wrong(Kind::Missing, subject, format!("reading it failed: {error}"));
            return None;
        }
        self.report.bytes += bytes.len() as u64;
        if bytes.len() as u64 > MOST_DOCUMENT {
            self.wrong(Kind::Size, subject, format!("it is larger than {MOST_DOCUMENT} bytes"));
            return None;
        }
        self.same(subject, *digest, BlobDigest::of(&bytes), size, bytes.len() as u64);
        Some(bytes)
    }

    fn same(&mut self, subject: &str, digest: BlobDigest, found: BlobDigest, size: Option<u64>, bytes: u64) {
        if found != digest {
            self.wrong(Kind::Digest, subject, format!("its content has the digest {found}"));
        }
        if let Some(size) = size
            && size != bytes
        {
            self.wrong(Kind::Size, subject, format!("it has {bytes} bytes, and {size} are announced"));
        }
    }
}

#[cfg(test)]
mod tests;
