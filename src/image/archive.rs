//! `manifest.json`, the table of contents of the archives that `docker save` writes and `docker load` takes.
//!
//! Source: <https://github.com/moby/docker-image-spec/blob/main/spec/v1.2.md#combined-image-json--filesystem-changeset-format>.
//! Its paths may lie anywhere in the archive, and layers may be compressed, so it can point at the blobs of an OCI
//! layout, and one file serves both kinds of reader. `docker save` does so itself since version 25.

use super::Manifest;
use crate::base::{BlobDigest, Reference};
use serde::{Deserialize, Serialize};

/// Its name in the archive.
pub(super) const MANIFEST_FILE: &str = "manifest.json";

/// One image of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DockerImage {
    /// Path of the config.
    pub(super) config: String,
    /// Names with tags; `null` if it has none.
    #[serde(default)]
    pub(super) repo_tags: Option<Vec<String>>,
    /// Paths of the layers, the lowest first.
    #[serde(default)]
    pub(super) layers: Vec<String>,
}

impl DockerImage {
    /// An image of an archive that is an OCI layout as well.
    pub(super) fn new(manifest: &Manifest, names: &[Reference]) -> Self {
        let tags: Vec<_> = names.iter().filter_map(familiar_name).collect();
        Self {
            config: blob_path(&manifest.config.digest),
            repo_tags: (!tags.is_empty()).then_some(tags),
            layers: manifest.layers.iter().map(|layer| blob_path(&layer.digest)).collect(),
        }
    }
}

pub(super) fn write(images: &[DockerImage]) -> Vec<u8> {
    serde_json::to_vec(images).expect("invariant: text only")
}

/// Where a layout keeps a blob.
pub(super) fn blob_path(digest: &BlobDigest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Host, repository and tag, as Docker writes names in full: what has no host is on Docker Hub, and what has no
/// folder there is in `library`.
pub(super) fn full_name(name: &Reference) -> String {
    let host = name.host.as_ref().map_or("docker.io", |host| host.as_str());
    let library =
        if host == "docker.io" && !name.repository.as_str().contains('/') { "library/" } else { "" };
    let tag = name.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
    format!("{host}/{library}{}{tag}", name.repository)
}

/// As Docker shows it: as it was written. Digests have no place there.
fn familiar_name(name: &Reference) -> Option<String> {
    name.tag.as_ref()?;
    Some(Reference { digest: None, ..name.clone() }.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_full_and_as_shown() {
        for (name, full, shown) in [
            ("shop:1", "docker.io/library/shop:1", Some("shop:1")),
            ("shop/api:1", "docker.io/shop/api:1", Some("shop/api:1")),
            ("localhost:5000/api:1", "localhost:5000/api:1", Some("localhost:5000/api:1")),
            ("public.ecr.aws/x/y", "public.ecr.aws/x/y", None),
        ] {
            let name: Reference = name.parse().unwrap();
            assert_eq!((full_name(&name).as_str(), familiar_name(&name).as_deref()), (full, shown));
        }
    }
}
