//! What an entry of a repository is: an image, or one of the things that are kept beside images.

use super::ImageDetail;
use crate::base::{ManifestDigest, MediaType};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// What an entry of a repository is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageKind {
    /// An image for one platform.
    Image,
    /// A list of manifests, usually one a platform.
    Index,
    /// The signature of another entry.
    Signature,
    /// A list of what is in an image.
    Sbom,
    /// A statement about an image: how it was built, what a scan found.
    Attestation,
    /// A Helm chart.
    Chart,
    /// A cache of BuildKit.
    Cache,
    /// Anything else.
    Artifact,
}

impl ImageKind {
    /// All, as they are typed.
    pub const ALL: [(&'static str, Self); 8] = [
        ("image", Self::Image),
        ("index", Self::Index),
        ("signature", Self::Signature),
        ("sbom", Self::Sbom),
        ("attestation", Self::Attestation),
        ("chart", Self::Chart),
        ("cache", Self::Cache),
        ("artifact", Self::Artifact),
    ];

    /// By the types that ECR gives, and by the tags that cosign gives what it stores beside an image.
    pub fn of(detail: &ImageDetail) -> Self {
        if let Some((_, kind)) = detail.image_tags.iter().find_map(|tag| companion(tag)) {
            return kind;
        }
        let artifact = detail.artifact_media_type.as_deref().map(str::to_ascii_lowercase).unwrap_or_default();
        let is_config = |kind: MediaType| artifact == kind.as_str();
        let names = |words: &[&str]| words.iter().any(|word| artifact.contains(word));
        if names(&["notary.signature", "cosign.signature", "sigstore.bundle", "simplesigning"]) {
            Self::Signature
        } else if names(&["spdx", "cyclonedx", "syft", "sbom"]) {
            Self::Sbom
        } else if names(&["in-toto", "attestation", "sarif", "dsse"]) {
            Self::Attestation
        } else if names(&["helm.config", "helm.chart"]) {
            Self::Chart
        } else if names(&["buildkit.cacheconfig"]) {
            Self::Cache
        } else if detail.is_index() {
            Self::Index
        } else if artifact.is_empty()
            || is_config(MediaType::OCI_CONFIG)
            || is_config(MediaType::DOCKER_CONFIG)
        {
            Self::Image
        } else {
            Self::Artifact
        }
    }
}

/// What a tag like `sha256-….sig` says: cosign names what it keeps beside an image so
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>).
pub(super) fn companion(tag: &str) -> Option<(ManifestDigest, ImageKind)> {
    let (hex, suffix) = tag.strip_prefix("sha256-")?.split_once('.')?;
    let kind = match suffix {
        "sig" => ImageKind::Signature,
        "sbom" => ImageKind::Sbom,
        "att" => ImageKind::Attestation,
        _ => return None,
    };
    Some((format!("sha256:{hex}").parse().ok()?, kind))
}

impl fmt::Display for ImageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = Self::ALL.iter().find(|(_, kind)| kind == self).expect("invariant: all are listed");
        f.pad(if *self == Self::Sbom { "SBOM" } else { name })
    }
}

impl FromStr for ImageKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(name, _)| *name).collect();
            format!("`{text}` is none of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(media_type: &str, artifact: Option<&str>, tags: &[&str]) -> ImageKind {
        ImageKind::of(&ImageDetail {
            image_manifest_media_type: Some(media_type.into()),
            artifact_media_type: artifact.map(str::to_owned),
            image_tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..ImageDetail::new(ManifestDigest::of(b""))
        })
    }

    #[test]
    fn by_the_types() {
        let (manifest, index) = (MediaType::OCI_MANIFEST, MediaType::OCI_INDEX);
        for (media_type, artifact, expected) in [
            (&manifest, None, ImageKind::Image),
            (&manifest, Some("application/vnd.oci.image.config.v1+json"), ImageKind::Image),
            (&manifest, Some("application/vnd.docker.container.image.v1+json"), ImageKind::Image),
            (&index, None, ImageKind::Index),
            (&manifest, Some("application/vnd.cncf.notary.signature"), ImageKind::Signature),
            (&manifest, Some("application/vnd.dev.sigstore.bundle.v0.3+json"), ImageKind::Signature),
            (&manifest, Some("application/spdx+json"), ImageKind::Sbom),
            (&manifest, Some("application/vnd.cyclonedx+json"), ImageKind::Sbom),
            (&manifest, Some("application/vnd.in-toto+json"), ImageKind::Attestation),
            (&manifest, Some("application/vnd.cncf.helm.config.v1+json"), ImageKind::Chart),
            (&index, Some("application/vnd.buildkit.cacheconfig.v0"), ImageKind::Cache),
            (&manifest, Some("application/vnd.example.thing"), ImageKind::Artifact),
        ] {
            assert_eq!(of(media_type.as_str(), artifact, &[]), expected, "{media_type} {artifact:?}");
        }
    }

    #[test]
    fn by_the_tags_of_cosign() {
        let digest = ManifestDigest::of(b"x");
        let tag = |suffix: &str| digest.to_string().replace(':', "-") + suffix;
        let config = Some("application/vnd.oci.image.config.v1+json");
        for (suffix, expected) in [
            (".sig", ImageKind::Signature),
            (".att", ImageKind::Attestation),
            (".sbom", ImageKind::Sbom),
            (".other", ImageKind::Image),
        ] {
            assert_eq!(of(MediaType::OCI_MANIFEST.as_str(), config, &[&tag(suffix)]), expected, "{suffix}");
        }
        assert_eq!(companion(&tag(".sig")), Some((digest, ImageKind::Signature)));
        assert_eq!(companion("sha256-12.sig"), None);
    }

    #[test]
    fn as_they_are_typed() {
        for (name, kind) in ImageKind::ALL {
            assert_eq!(name.parse(), Ok(kind));
            assert_eq!(kind.to_string().to_lowercase(), name);
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
        }
        assert!("picture".parse::<ImageKind>().unwrap_err().contains("none of image, index"));
    }
}
