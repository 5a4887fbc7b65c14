//! Bases that tests make by hand: whole images as others write them, as OCI layouts on disk.

use consign::base::{BlobDigest, DiffId};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// How the layers of an image are compressed, and whose media types it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// OCI, gzip.
    Gzip,
    /// OCI, zstd.
    Zstd,
    /// OCI, not compressed.
    Plain,
    /// Docker's schema 2, gzip.
    Docker,
}

impl Style {
    fn layer(self) -> &'static str {
        match self {
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
            Self::Plain => "application/vnd.oci.image.layer.v1.tar",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }

    pub(crate) fn manifest(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
            _ => "application/vnd.oci.image.manifest.v1+json",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.container.image.v1+json",
            _ => "application/vnd.oci.image.config.v1+json",
        }
    }

    fn compress(self, tar: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => tar.to_vec(),
            Self::Zstd => zstd::encode_all(tar, 7).unwrap(),
            Self::Gzip | Self::Docker => {
                // Not as this program would do it.
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                gzip.write_all(tar).unwrap();
                gzip.finish().unwrap()
            }
        }
    }
}

/// A layout that is being written.
pub(crate) struct Layout {
    pub(crate) path: PathBuf,
}

/// `bytes` as a document or layer of a layout.
pub(crate) fn descriptor(bytes: &[u8], media_type: &str) -> Value {
    json!({ "mediaType": media_type, "digest": BlobDigest::of(bytes).to_string(), "size": bytes.len() })
}

/// A tar with these files; `-> TARGET` is a link, and a path with a `/` at its end a directory of user 7.
pub(crate) fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    // Where directories matter, owners do; the others have fields that are empty, as some tools leave them.
    let has_directories = files.iter().any(|(path, _)| path.ends_with('/'));
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        if has_directories {
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
        }
        if let Some(target) = content.strip_prefix("-> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            header.set_mtime(0);
            header.set_size(0);
            tar.append_link(&mut header, path, target).unwrap();
            continue;
        }
        if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            header.set_uid(7);
            header.set_size(0);
            tar.append_data(&mut header, path, std::io::empty()).unwrap();
            continue;
        }
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

impl Layout {
    pub(crate) fn new(path: &Path) -> Self {
        fs_err::create_dir_all(path.join("blobs/sha256")).unwrap();
        fs_err::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { path: path.to_owned() }
    }

    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.path.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))
    }

    /// Writes a blob and describes it.
    pub(crate) fn put(&self, bytes: &[u8], media_type: &str) -> Value {
        let descriptor = descriptor(bytes, media_type);
        fs_err::write(self.blob(descriptor["digest"].as_str().unwrap()), bytes).unwrap();
        descriptor
    }

    /// An image with a layer for each list of files; `config` is put into its config. Gives the manifest's descriptor.
    pub(crate) fn image(
        &self,
        platform: &str,
        style: Style,
        layers: &[&[(&str, &str)]],
        config: &Value,
    ) -> Value {
        let tars: Vec<_> = layers.iter().map(|files| tar(files)).collect();
        self.image_of(platform, style, &tars, config)
    }

    /// An image with these tars as its layers.
    pub(crate) fn image_of(&self, platform: &str, style: Style, tars: &[Vec<u8>], config: &Value) -> Value {
        let diff_ids: Vec<_> = tars.iter().map(|tar| DiffId::of(tar).to_string()).collect();
        let blobs: Vec<_> = tars.iter().map(|tar| self.put(&style.compress(tar), style.layer())).collect();
        let words: Vec<_> = platform.split('/').collect();
        let history: Vec<_> =
            tars.iter().map(|_| json!({ "created_by": "base", "created": "2020-01-02T03:04:05Z" })).collect();
        let mut document = json!({
            "os": words[0], "architecture": words[1],
            "created": "2020-01-02T03:04:05Z",
            "config": config,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": history,
        });
        if let Some(variant) = words.get(2) {
            document["variant"] = json!(variant);
        }
        let config = self.put(document.to_string().as_bytes(), style.config());
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": style.manifest(), "config": config, "layers": blobs });
        let mut descriptor = self.put(manifest.to_string().as_bytes(), style.manifest());
        let mut named = json!({ "os": words[0], "architecture": words[1] });
        if let Some(variant) = words.get(2) {
            named["variant"] = json!(variant);
        }
        descriptor["platform"] = named;
        descriptor
    }

    /// An index of these, as a blob.
    pub(crate) fn index(&self, members: &[Value]) -> Value {
        let kind = "application/vnd.oci.image.index.v1+json";
        let index = json!({ "schemaVersion": 2, "mediaType": kind, "manifests": members });
        self.put(index.to_string().as_bytes(), kind)
    }

    /// Says which image or index the layout holds.
    pub(crate) fn finish(&self, root: &Value) -> String {
        let index = json!({ "schemaVersion": 2, "manifests": [root] });
        fs_err::write(self.path.join("index.json"), index.to_string()).unwrap();
        root["digest"].as_str().unwrap().to_owned()
    }
}
