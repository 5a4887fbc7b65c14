//! What Lambda wants of an image, checked before Lambda is asked.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>. What that page does not say, and Lambda has
//! refused, is marked so.

use crate::base::{Failure, ManifestDigest, MediaType, Platform, RegistryHost, human};
use crate::image::{Descriptor, ImageConfig, Index, Manifest, NoPlatform};
use serde::Serialize;
use std::fmt;

/// The processor of a function, by the names that Lambda has
/// (<https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm.
    Arm64,
}

impl Architecture {
    /// That of an image for `platform`; none if Lambda has no such processor.
    pub fn of(platform: &Platform) -> Option<Self> {
        match platform.architecture.as_str() {
            "amd64" | "x86_64" => Some(Self::X86_64),
            "arm64" | "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// The platform that an image for it has.
    pub fn platform(self) -> Platform {
        let architecture = match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        };
        Platform { architecture: architecture.into(), os: "linux".into(), variant: None, os_version: None }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Lambda refuses the image.
    Error,
    /// Lambda may take it, and the function may not run.
    Warning,
}

/// Something about an image that Lambda does not want.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A name that stays: `layer-type`.
    pub rule: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What, with its value.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Finding {
    fn error(rule: &'static str, message: String, hint: impl Into<String>) -> Self {
        Self { rule, level: Level::Error, message, hint: hint.into() }
    }

    fn warning(rule: &'static str, message: String, hint: impl Into<String>) -> Self {
        Self { rule, level: Level::Warning, message, hint: hint.into() }
    }
}

/// The most bytes that an image may have uncompressed: the page says 10 GB, and this is the larger reading.
const SIZE: u64 = 10 * 1024 * 1024 * 1024;

/// Where the image is: a private registry of ECR, in the region of the function.
///
/// `host` is the registry's name, `region` that of the private registry, and none if it is none.
pub fn check_place(host: &RegistryHost, region: Option<&str>, function: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    match region {
        None => {
            let public = matches!(host, RegistryHost::EcrPublic { .. });
            let what = if public { "ECR Public" } else { "a registry that is not ECR" };
            findings.push(Finding::error(
                "registry",
                format!("the image is in {host}, {what}: Lambda takes images from private registries of ECR alone"),
                format!("bring it there first: `consign copy SRC REPOSITORY:TAG`, in the region {function}"),
            ));
        }
        Some(region) if region != function => findings.push(Finding::error(
            "region",
            format!("the image is in {region} and the function in {function}: Lambda takes images of its region alone"),
            format!("bring it there with `consign copy`, let ECR replicate it, or say where the function is: \
                     `--function-region {region}`"),
        )),
        Some(_) => {}
    }
    if host.as_str().contains(".dkr.ecr-fips.") {
        findings.push(Finding::error(
            "fips",
            format!("{host} is a FIPS endpoint, which Lambda does not take"),
            format!("name the registry as {}", host.as_str().replace(".dkr.ecr-fips.", ".dkr.ecr.")),
        ));
    }
    findings
}

/// That there is one image, and not one for each platform. `repository` is its name for people.
pub fn index_refused(index: &Index, repository: &str) -> Finding {
    let named = index.manifests.iter().filter_map(|member| {
        let platform = member.platform.as_ref().filter(|platform| platform.is_named())?;
        Some((platform, ManifestDigest::from(member.digest)))
    });
    let lines: Vec<_> = named
        .clone()
        .map(|(platform, digest)| format!("{repository}@{digest} is for {platform}"))
        .collect();
    let fitting = named.filter_map(|(platform, _)| Architecture::of(platform)).next();
    let hint = match fitting {
        Some(architecture) => format!(
            "say what the function runs on, such as `--architecture {architecture}`, or name one of its images:\n  {}",
            lines.join("\n  ")
        ),
        None => "build the image with `--platform linux/amd64` or `--platform linux/arm64`".into(),
    };
    Finding::error("index", "it is an index, which lists images: Lambda takes the manifest of one image".into(), hint)
}

/// That none of the images is for the processor of the function.
pub fn not_in_index(none: &NoPlatform, architecture: Architecture) -> Finding {
    let hint = format!("build it with `--platform {}` too", architecture.platform());
    Finding::error("architecture", none.to_string(), hint)
}

/// That the rest could not be checked.
pub fn unread(why: &dyn Failure) -> Finding {
    let hint = why.hint().unwrap_or_else(|| "the rest of it was not checked".into());
    Finding::warning("unread", format!("it could not be read: {why}"), hint)
}

/// The types of the manifest and of what it lists, and the size of the layers.
pub fn check_manifest(media_type: &MediaType, manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !media_type.is_manifest() {
        let message = format!("the manifest has the type {media_type}: Lambda takes OCI's and Docker's, schema 2");
        findings.push(Finding::error("manifest-type", message, "build the image anew"));
    }
    let config = &manifest.config.media_type;
    let is_image = *config == MediaType::OCI_CONFIG || *config == MediaType::DOCKER_CONFIG;
    if !is_image || manifest.artifact_type.is_some() {
        let what = manifest.artifact_type.as_deref().unwrap_or(config.as_str());
        let message = format!("it is not a container image: it has the type {what}");
        findings.push(Finding::error("config-type", message, "name the image, and not what is about it"));
    }
    if manifest.layers.is_empty() {
        let message = "it has no layers, and so no program".into();
        findings.push(Finding::error("layers", message, "build it from a directory that has files in it"));
    }
    findings.extend(layer_types(&manifest.layers));
    let size = compressed_size(manifest);
    if size > SIZE {
        let message =
            format!("its layers have {} compressed: Lambda takes 10 GB, uncompressed", human::size(size));
        findings.push(Finding::error("size", message, "leave out what the function does not need"));
    }
    findings
}

/// Bytes of all layers as the registry has them.
pub fn compressed_size(manifest: &Manifest) -> u64 {
    manifest.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size))
}

/// Lambda takes gzip. The page does not say so; layers of other types it has refused as `UnsupportedImageLayerDetected`
/// (<https://github.com/bazel-contrib/rules_oci/issues/777>).
fn layer_types(layers: &[Descriptor]) -> Vec<Finding> {
    let gzip = [MediaType::OCI_LAYER_GZIP, MediaType::DOCKER_LAYER_GZIP];
    let mut kinds: Vec<(&MediaType, Vec<String>)> = Vec::new();
    for layer in layers.iter().filter(|layer| !gzip.contains(&layer.media_type)) {
        let digest = layer.digest.to_string();
        match kinds.iter_mut().find(|(kind, _)| **kind == layer.media_type) {
            Some((_, digests)) => digests.push(digest),
            None => kinds.push((&layer.media_type, vec![digest])),
        }
    }
    let finding = |(kind, digests): (&MediaType, Vec<String>)| {
        let (count, list) = (human::count(digests.len(), "layer"), digests.join("\n  "));
        let message = format!("{count} of the type {kind}, and Lambda takes gzip:\n  {list}");
        Finding::error("layer-type", message, "build it with `--compression gzip`, on a base whose layers are gzip too")
    };
    kinds.into_iter().map(finding).collect()
}

/// What the image runs on, and what it runs. `architecture` is that of the function, if it is known.
pub fn check_config(
    config: &ImageConfig,
    manifest: &Manifest,
    architecture: Option<Architecture>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let platform = &config.platform;
    if platform.os != "linux" {
        let message = format!("it is for {platform}: Lambda runs Linux");
        findings.push(Finding::error("os", message, "build it with `--platform linux/amd64` or `linux/arm64`"));
    } else {
        match (Architecture::of(platform), architecture) {
            (None, _) => {
                let message = format!("it is for {platform}: Lambda has x86_64 and arm64");
                let hint = "build it with `--platform linux/amd64` or `--platform linux/arm64`";
                findings.push(Finding::error("architecture", message, hint));
            }
            (Some(its), Some(wanted)) if its != wanted => {
                let message = format!("it is for {platform} and the function for {wanted}");
                let hint = format!(
                    "build it with `--platform {}`, or let the function run on {its}: `aws lambda update-function-code \
                     --architectures {its}`",
                    wanted.platform()
                );
                findings.push(Finding::error("architecture", message, hint));
            }
            _ => {}
        }
    }
    let run = config.config.as_ref();
    let words = |list: Option<&Vec<String>>| list.is_some_and(|list| !list.is_empty());
    if !words(run.and_then(|run| run.entrypoint.as_ref())) && !words(run.and_then(|run| run.cmd.as_ref())) {
        let message = "it has neither an entrypoint nor a command".into();
        let hint = "set one with `--entrypoint` or `--cmd`, or in the function's image configuration";
        findings.push(Finding::warning("entrypoint", message, hint));
    }
    // UNCONFIRMED: images without it were refused, and whether that was the reason is not known
    // (<https://github.com/bazel-contrib/rules_oci/issues/645>).
    let told = config.history.iter().filter(|entry| !entry.empty_layer).count();
    if told < manifest.layers.len() {
        let message = format!(
            "its history tells of {told} of {}: Lambda has refused such images",
            human::count(manifest.layers.len(), "layer")
        );
        findings.push(Finding::warning("history", message, "consign writes it in full: build the image with it"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BlobDigest, DiffId};
    use crate::image::{Config, History, RootFs};

    fn descriptor(media_type: &MediaType, name: &str) -> Descriptor {
        Descriptor::new(media_type.clone(), BlobDigest::of(name.as_bytes()), 10)
    }

    fn manifest(layers: &[&MediaType]) -> Manifest {
        let layer = |(place, kind): (usize, &&MediaType)| descriptor(kind, &place.to_string());
        let layers = layers.iter().enumerate().map(layer).collect();
        Manifest::new(descriptor(&MediaType::OCI_CONFIG, "config"), layers)
    }

    fn config(platform: &str, layers: usize) -> ImageConfig {
        ImageConfig {
            created: None,
            author: None,
            platform: platform.parse().unwrap(),
            config: Some(Config { cmd: Some(vec!["app".into()]), ..Config::default() }),
            rootfs: RootFs::new(vec![DiffId::of(b"x"); layers]),
            history: vec![History::default(); layers],
            other: std::collections::BTreeMap::new(),
        }
    }

    fn rules(findings: &[Finding]) -> Vec<&'static str> {
        findings.iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn what_consign_pushes_is_taken() {
        for (kind, layer) in [
            (MediaType::OCI_MANIFEST, MediaType::OCI_LAYER_GZIP),
            (MediaType::DOCKER_MANIFEST, MediaType::DOCKER_LAYER_GZIP),
        ] {
            let manifest = manifest(&[&layer, &layer]);
            assert_eq!(check_manifest(&kind, &manifest), []);
            for platform in ["linux/amd64", "linux/arm64"] {
                assert_eq!(check_config(&config(platform, 2), &manifest, None), []);
            }
            assert_eq!(compressed_size(&manifest), 20);
        }
    }

    #[test]
    fn places() {
        let found = |host: &str, region: Option<&str>| {
            rules(&check_place(&RegistryHost::new(host), region, "eu-west-1"))
        };
        let own = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        assert_eq!(found(own, Some("eu-west-1")), Vec::<&str>::new());
        assert_eq!(found(own, Some("us-east-1")), ["region"]);
        assert_eq!(found("public.ecr.aws", None), ["registry"]);
        assert_eq!(found("ghcr.io", None), ["registry"]);
        let fips = "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com";
        assert_eq!(found(fips, Some("us-east-1")), ["region", "fips"]);
        let findings = check_place(&RegistryHost::new(fips), Some("eu-west-1"), "eu-west-1");
        assert!(findings[0].hint.ends_with(" 123456789012.dkr.ecr.us-east-1.amazonaws.com"));
    }

    #[test]
    fn manifests() {
        let layers = [&MediaType::OCI_LAYER_ZSTD, &MediaType::OCI_LAYER, &MediaType::OCI_LAYER_ZSTD];
        let findings = check_manifest(&"application/x".into(), &manifest(&layers));
        assert_eq!(rules(&findings), ["manifest-type", "layer-type", "layer-type"]);
        assert!(findings[1].message.starts_with("2 layers of the type application/vnd.oci.image.layer.v1.tar+zstd"));
        let mut chart = manifest(&[]);
        chart.config.media_type = "application/vnd.cncf.helm.config.v1+json".into();
        assert_eq!(rules(&check_manifest(&MediaType::OCI_MANIFEST, &chart)), ["config-type", "layers"]);
        let mut large = manifest(&[&MediaType::OCI_LAYER_GZIP; 2]);
        for layer in &mut large.layers {
            layer.size = u64::MAX / 2 + 1;
        }
        assert_eq!(rules(&check_manifest(&MediaType::OCI_MANIFEST, &large)), ["size"]);
    }

    #[test]
    fn configs() {
        let manifest = manifest(&[&MediaType::OCI_LAYER_GZIP]);
        let found = |config: &ImageConfig, wanted| rules(&check_config(config, &manifest, wanted));
        assert_eq!(found(&config("windows/amd64", 1), None), ["os"]);
        assert_eq!(found(&config("linux/s390x", 1), None), ["architecture"]);
        assert_eq!(found(&config("linux/amd64", 1), Some(Architecture::Arm64)), ["architecture"]);
        assert_eq!(found(&config("linux/amd64", 1), Some(Architecture::X86_64)), Vec::<&str>::new());
        let mut bare = config("linux/arm64", 0);
        bare.config = Some(Config { entrypoint: Some(vec![]), ..Config::default() });
        assert_eq!(found(&bare, None), ["entrypoint", "history"]);
        bare.config = None;
        let findings = check_config(&bare, &manifest, None);
        assert!(findings.iter().all(|finding| finding.level == Level::Warning), "{findings:?}");
    }

    #[test]
    fn an_index_names_its_images() {
        let member = |platform: &str| {
            let mut member = descriptor(&MediaType::OCI_MANIFEST, platform);
            let (os, architecture) = platform.split_once('/').unwrap();
            member.platform = Some(Platform {
                os: os.into(),
                architecture: architecture.into(),
                variant: None,
                os_version: None,
            });
            member
        };
        let index = Index::new(vec![member("unknown/unknown"), member("linux/s390x"), member("linux/arm64")]);
        let hint = index_refused(&index, "HOST/shop/api").hint;
        let arm = BlobDigest::of(b"linux/arm64");
        assert!(hint.contains("`--architecture arm64`"), "{hint}");
        assert!(hint.ends_with(&format!("\n  HOST/shop/api@{arm} is for linux/arm64")), "{hint}");
        assert!(!hint.contains("unknown"), "{hint}");
        assert!(index_refused(&Index::new(vec![]), "x").hint.starts_with("build the image"));
    }
}
