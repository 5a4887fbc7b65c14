//! Joining images for single platforms into one index.
//!
//! The bytes of the index follow from the images and the annotations alone: images stand in the order of their
//! platforms, in whatever order they were given, so jobs that end in another order make no other digest.

use super::{Descriptor, Document, Index};
use crate::base::{Failure, Kind, MediaType, Platform};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::str::FromStr;

/// The annotation with which `BuildKit` says what a manifest beside the images of an index is
/// (<https://docs.docker.com/build/metadata/attestations/attestation-storage/>).
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

/// What becomes a member of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    name: String,
    descriptor: Descriptor,
    /// None for what is about an image and is none.
    platform: Option<Platform>,
}

impl Part {
    /// An image. `name` is what whoever joins it calls it.
    pub fn image(name: String, descriptor: Descriptor, platform: Platform) -> Self {
        let descriptor = Descriptor { platform: Some(platform.clone()), ..descriptor };
        Self { name, descriptor, platform: Some(platform) }
    }

    /// What an index lists beside its images, as that index describes it: an attestation.
    pub fn companion(name: String, descriptor: Descriptor) -> Self {
        Self { name, descriptor, platform: None }
    }

    /// How the index describes it.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// For which platform it is, if it is an image.
    pub fn platform(&self) -> Option<&Platform> {
        self.platform.as_ref()
    }
}

/// Whether `descriptor`, in an index, is of something about another member rather than of an image.
pub fn is_companion(descriptor: &Descriptor) -> bool {
    let unknown = |platform: &Platform| platform.os == "unknown" && platform.architecture == "unknown";
    descriptor.annotations.contains_key(REFERENCE_TYPE) || descriptor.platform.as_ref().is_some_and(unknown)
}

/// Why images can't be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// There is no image among the parts.
    #[error("there is no image to make an index of")]
    Nothing,
    /// One image was named twice.
    #[error("{one} and {other} are the same image, for {platform}")]
    SameImage {
        /// The one.
        one: String,
        /// The other.
        other: String,
        /// For which platform it is.
        platform: Box<Platform>,
    },
    /// Whoever pulls would get the first of the two, and never the other.
    #[error("{one} and {other} are both images for {platform}")]
    SamePlatform {
        /// The one.
        one: String,
        /// The other.
        other: String,
        /// Their platform.
        platform: Box<Platform>,
    },
}

impl Failure for JoinError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Nothing => "name at least one image".into(),
            Self::SameImage { .. } => {
                "an index has one image for a platform; if the names should be different images, a job has pushed \
                 under the tag of another one: give each platform a tag of its own, or name digests"
                    .into()
            }
            Self::SamePlatform { .. } => {
                "an index has one image for a platform: leave one out, or build it with the `--platform` that it is \
                 meant for"
                    .into()
            }
        })
    }
}

/// The index of `parts`. It is Docker's manifest list if all of them are Docker's, and an OCI index otherwise; a list
/// can't have annotations, so with annotations it is an OCI index as well, which may list images of both kinds.
pub fn join(
    mut parts: Vec<Part>,
    annotations: BTreeMap<String, String>,
) -> Result<Document<Index>, JoinError> {
    parts.sort_by_cached_key(|part| {
        (part.platform.is_none(), part.platform.as_ref().map(rank), part.descriptor.digest)
    });
    let images: Vec<_> = parts.iter().filter_map(|part| Some((part, part.platform.as_ref()?))).collect();
    if images.is_empty() {
        return Err(JoinError::Nothing);
    }
    // In this order, those that are alike are neighbours.
    for pair in images.windows(2) {
        let [(one, platform), (other, its)] = pair else { continue };
        if rank(platform) != rank(its) {
            continue;
        }
        let (same, platform) =
            (one.descriptor.digest == other.descriptor.digest, Box::new((*platform).clone()));
        let (one, other) = (one.name.clone(), other.name.clone());
        return Err(if same {
            JoinError::SameImage { one, other, platform }
        } else {
            JoinError::SamePlatform { one, other, platform }
        });
    }
    let mut members: Vec<_> = parts.into_iter().map(|part| part.descriptor).collect();
    // Two indexes that are joined may bring the same attestation.
    members.dedup_by(|one, other| one.digest == other.digest);
    let plain = |member: &Descriptor| {
        member.media_type == MediaType::DOCKER_MANIFEST && member.annotations.is_empty()
    };
    let media_type = if annotations.is_empty() && members.iter().all(plain) {
        MediaType::DOCKER_LIST
    } else {
        MediaType::OCI_INDEX
    };
    let index = Index { media_type: Some(media_type.clone()), annotations, ..Index::new(members) };
    Ok(Document::write(index, media_type))
}

/// The key of an annotation of an index. Docker's tools take the place of an annotation in front of the key, which
/// makes this program's only place `index:`
/// (<https://docs.docker.com/build/metadata/annotations/#specify-annotation-level>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotationKey(pub String);

/// An annotation belongs somewhere else than to the index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}`: only the index itself gets annotations here, by `KEY=VALUE` or `index:KEY=VALUE`; those of an image are \
     given when it is built"
)]
pub struct WrongLevel(String);

impl FromStr for AnnotationKey {
    type Err = WrongLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const LEVELS: [&str; 4] = ["manifest", "index", "manifest-descriptor", "index-descriptor"];
        let level = |part: &str| LEVELS.contains(&part.split('[').next().unwrap_or_default());
        match text.split_once(':') {
            Some(("index", key)) if !key.is_empty() => Ok(Self(key.to_owned())),
            Some((levels, _)) if levels.split(',').all(level) => Err(WrongLevel(text.to_owned())),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// Platforms in their order; equal for those that engines take for the same
/// (<https://github.com/containerd/platforms>): `arm64` is `arm64/v8`, `arm` is `arm/v7`, `amd64` is `amd64/v1`.
fn rank(platform: &Platform) -> (String, String, String, String) {
    let usual = match platform.architecture.as_str() {
        "arm64" => "v8",
        "arm" => "v7",
        "amd64" => "v1",
        _ => "",
    };
    (
        platform.os.clone(),
        platform.architecture.clone(),
        platform.variant.clone().unwrap_or_else(|| usual.to_owned()),
        platform.os_version.clone().unwrap_or_default(),
    )
}

/// The platform that a config tells; none if it tells none. Nothing else in it has to make sense.
pub fn platform_of(config: &[u8]) -> Option<Platform> {
    #[derive(Deserialize)]
    struct Told {
        os: String,
        architecture: String,
        variant: Option<String>,
        #[serde(rename = "os.version")]
        os_version: Option<String>,
    }
    let Told { os, architecture, variant, os_version } = serde_json::from_slice(config).ok()?;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let platform = Platform { architecture, os, variant: filled(variant), os_version: filled(os_version) };
    platform.is_named().then_some(platform)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::BlobDigest;

    fn part(name: &str, platform: &str) -> Part {
        let descriptor = Descriptor::new(MediaType::OCI_MANIFEST, BlobDigest::of(name.as_bytes()), 7);
        // As configs say it: a reference would leave the v8 of arm64 out.
        let mut words = platform.split('/').map(str::to_owned);
        let (os, architecture) = (words.next().unwrap(), words.next().unwrap());
        let platform = Platform { architecture, os, variant: words.next(), os_version: words.next() };
        Part::image(name.into(), descriptor, platform)
    }

    fn platforms(index: &Document<Index>) -> Vec<String> {
        let members = index.value().manifests.iter();
        members.map(|member| member.platform.as_ref().unwrap().to_string()).collect()
    }

    #[test]
    fn the_order_is_that_of_the_platforms() {
        let parts = ["linux/arm64", "windows/amd64", "linux/arm/v7", "linux/amd64", "linux/arm/v6"];
        let parts: Vec<_> = parts.map(|platform| part(platform, platform)).into();
        let index = join(parts.clone(), BTreeMap::new()).unwrap();
        let expected = ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "windows/amd64"];
        assert_eq!(platforms(&index), expected);
        let back = join(parts.into_iter().rev().collect(), BTreeMap::new()).unwrap();
        assert_eq!(index.bytes(), back.bytes());
        let text = String::from_utf8_lossy(index.bytes());
        insta::assert_snapshot!(text.split_once("},{").unwrap().0, @r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:baf0239e48ff4c47ebac3ba02b5cf1506b69cd5a0c0d0c825a53ba65976fb942","size":7,"platform":{"architecture":"amd64","os":"linux"}"#);
    }

    #[test]
    fn a_platform_is_there_once() {
        let join = |parts: &[Part]| join(parts.to_vec(), BTreeMap::new()).map(|index| platforms(&index));
        for (one, other) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/arm64", "linux/arm64/v8"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/amd64/v1", "linux/amd64"),
        ] {
            let error = join(&[part("a", one), part("x", "linux/s390x"), part("b", other)]).unwrap_err();
            assert!(matches!(error, JoinError::SamePlatform { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains('a') && text.contains('b'), "{text}");
        }
        let error = join(&[part("a", "linux/amd64"), part("a", "linux/amd64")]).unwrap_err();
        assert!(matches!(error, JoinError::SameImage { .. }), "{error}");
        assert_eq!(join(&[]), Err(JoinError::Nothing));
        // Windows has an image for each version of the system.
        let versions = ["windows/amd64/v1/10.0.20348.1", "windows/amd64/v1/10.0.17763.1"];
        assert_eq!(join(&versions.map(|platform| part(platform, platform))).unwrap().len(), 2);
        assert_eq!(join(&[part("a", "linux/amd64/v3"), part("b", "linux/amd64")]).unwrap().len(), 2);
    }

    #[test]
    fn attestations_come_along_after_the_images() {
        let mut described = Descriptor::new(MediaType::OCI_MANIFEST, BlobDigest::of(b"sbom"), 3);
        assert!(!is_companion(&described));
        described.platform = Some("unknown/unknown".parse().unwrap());
        assert!(is_companion(&described));
        let companion = Part::companion("sbom".into(), described.clone());
        let parts = vec![companion.clone(), part("a", "linux/amd64"), companion.clone()];
        let index = join(parts, BTreeMap::new()).unwrap();
        assert_eq!(platforms(&index), ["linux/amd64", "unknown/unknown"]);
        assert_eq!(index.value().manifests[1], described);
        assert_eq!(join(vec![companion], BTreeMap::new()), Err(JoinError::Nothing));
        described.platform = None;
        described.annotations.insert(REFERENCE_TYPE.into(), "attestation-manifest".into());
        assert!(is_companion(&described));
    }

    #[test]
    fn the_kind_follows_from_the_images() {
        let docker = |name: &str, platform| {
            let mut part = part(name, platform);
            part.descriptor.media_type = MediaType::DOCKER_MANIFEST;
            part
        };
        let kind = |parts: &[Part], annotations: &[(&str, &str)]| {
            let annotations = annotations.iter().map(|(key, value)| ((*key).into(), (*value).into()));
            let index = join(parts.to_vec(), annotations.collect()).unwrap();
            assert_eq!(index.value().media_type.as_ref(), Some(index.media_type()));
            index.media_type().clone()
        };
        let (one, other) = (docker("a", "linux/amd64"), docker("b", "linux/arm64"));
        assert_eq!(kind(&[one.clone(), other.clone()], &[]), MediaType::DOCKER_LIST);
        assert_eq!(kind(&[one.clone(), other], &[("a", "b")]), MediaType::OCI_INDEX);
        assert_eq!(kind(&[one, part("b", "linux/arm64")], &[]), MediaType::OCI_INDEX);
    }

    #[test]
    fn keys_of_annotations() {
        let key = |text: &str| text.parse().map(|AnnotationKey(key)| key).ok();
        assert_eq!(key("org.opencontainers.image.source").unwrap(), "org.opencontainers.image.source");
        assert_eq!(key("index:a").unwrap(), "a");
        assert_eq!(key("urn:a").unwrap(), "urn:a");
        for elsewhere in ["manifest:a", "manifest-descriptor[linux/amd64]:a", "index,manifest:a", "index:"] {
            assert_eq!(key(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn platforms_of_configs() {
        let told = |text: &str| platform_of(text.as_bytes()).map(|platform| platform.to_string());
        assert_eq!(told(r#"{"os":"linux","architecture":"arm","variant":"v6"}"#).unwrap(), "linux/arm/v6");
        assert_eq!(told(r#"{"os":"linux","architecture":"amd64","variant":""}"#).unwrap(), "linux/amd64");
        let windows = r#"{"os":"windows","architecture":"amd64","os.version":"10.0.20348.1","rootfs":7}"#;
        assert_eq!(platform_of(windows.as_bytes()).unwrap().os_version.unwrap(), "10.0.20348.1");
        for none in [
            "",
            "{}",
            r#"{"os":"linux"}"#,
            r#"{"os":"","architecture":"amd64"}"#,
            r#"{"os":"unknown","architecture":"unknown"}"#,
            r#"{"os":"linux\n::error::","architecture":"amd64"}"#,
        ] {
            assert_eq!(told(none), None, "{none}");
        }
    }
}
