//! What was published, in the form that each CI and tool takes.

use crate::base::RegistryHost;
use crate::publish::{PlatformImage, Published};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// What was published, to one repository or several.
#[derive(Debug, Clone, Copy)]
pub struct Outputs<'a>(pub &'a [Published]);

impl Outputs<'_> {
    fn first(&self) -> &Published {
        self.0.first().expect("invariant: outputs are made after at least one push")
    }

    /// The digest of manifest or index: `sha256:…`.
    pub fn digest(&self) -> String {
        self.first().digest.to_string()
    }

    /// The image id as Docker has it: the digest of the config, or of the index where there is none.
    pub fn image_id(&self) -> String {
        let first = self.first();
        first.config_digest.map_or_else(|| first.digest.to_string(), |digest| digest.to_string())
    }

    fn references(&self) -> Vec<String> {
        self.0.iter().map(Published::reference).collect()
    }

    fn tags(&self) -> Vec<String> {
        self.0.iter().flat_map(Published::tag_references).collect()
    }

    /// `BuildKit`'s metadata
    /// (<https://docs.docker.com/reference/cli/docker/buildx/build/#metadata-file>).
    pub fn metadata(&self) -> Value {
        let first = self.first();
        let mut descriptor = json!({
            "mediaType": first.media_type,
            "digest": first.digest,
            "size": first.size,
        });
        if let Some(platform) = &first.platform {
            descriptor["platform"] = json!(platform);
        }
        let mut metadata = Map::new();
        if let Some(config) = first.config_digest {
            metadata.insert("containerimage.config.digest".into(), json!(config));
        }
        metadata.insert("containerimage.descriptor".into(), descriptor);
        metadata.insert("containerimage.digest".into(), json!(first.digest));
        metadata.insert("image.name".into(), json!(self.tags().join(",")));
        Value::Object(metadata)
    }

    /// The registries, each once: `123456789012.dkr.ecr.eu-west-1.amazonaws.com`.
    fn registries(&self) -> Vec<String> {
        let mut registries: Vec<_> = self.0.iter().map(|published| name(published).0.to_owned()).collect();
        registries.dedup();
        registries
    }

    /// The repositories without their registries: GitHub withholds outputs in which it finds a secret, and for some an
    /// account id is one.
    fn repositories(&self) -> Vec<String> {
        self.0.iter().map(|published| name(published).1.to_owned()).collect()
    }

    /// The digest of the image for each platform, as the registry holds it.
    fn platform_digests(&self) -> Value {
        let images = self.first().platforms.iter();
        Value::Object(images.map(|image| (image.platform.to_string(), json!(image.digest))).collect())
    }

    /// The AWS account of the first registry, if it is one of ECR's.
    fn account(&self) -> Option<String> {
        match RegistryHost::new(name(self.first()).0) {
            RegistryHost::Ecr { account, .. } => Some(account),
            _ => None,
        }
    }

    /// For `GITHUB_OUTPUT`
    /// (<https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#multiline-strings>).
    /// `account` is whose credentials were used, if that is known.
    pub fn github_output(&self, account: Option<&str>) -> String {
        let mut text = String::new();
        for (name, value) in [
            ("digest", self.digest()),
            ("imageid", self.image_id()),
            ("image", self.references().join("\n")),
            ("tags", self.tags().join("\n")),
            ("metadata", self.metadata().to_string()),
            ("registry", self.registries().join("\n")),
            ("repository", self.repositories().join("\n")),
            ("platform-digests", self.platform_digests().to_string()),
            ("aws-account-id", account.map(str::to_owned).or_else(|| self.account()).unwrap_or_default()),
        ] {
            if value.contains('\n') {
                let delimiter = delimiter(&value);
                let _ = write!(text, "{name}<<{delimiter}\n{value}\n{delimiter}\n");
            } else {
                let _ = writeln!(text, "{name}={value}");
            }
        }
        text
    }

    /// For GitLab's dotenv reports: `NAME=value`, no quotes, no line breaks
    /// (<https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv>).
    pub fn dotenv(&self) -> String {
        let first = self.first();
        let mut text = String::new();
        for (name, value) in [
            ("CONSIGN_IMAGE", self.references().join(" ")),
            ("CONSIGN_DIGEST", self.digest()),
            ("CONSIGN_IMAGE_ID", self.image_id()),
            ("CONSIGN_REPOSITORY", first.repository.clone()),
            ("CONSIGN_TAGS", self.tags().join(" ")),
        ] {
            let _ = writeln!(text, "{name}={value}");
        }
        for image in self.of_index() {
            let platform = image.platform.to_string().to_uppercase();
            let name = platform.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            let _ = writeln!(text, "CONSIGN_DIGEST_{name}={}", image.digest);
        }
        text
    }

    /// The images of an index; none of a single image, whose digest is told as it is.
    fn of_index(&self) -> &[PlatformImage] {
        let first = self.first();
        if first.media_type.is_index() { &first.platforms } else { &[] }
    }

    /// For Jenkins' `readProperties`: a `:` in a value needs no escape, and a `\` never occurs.
    pub fn properties(&self) -> String {
        let first = self.first();
        let mut text = String::new();
        for (name, value) in [
            ("image", self.references().join(" ")),
            ("digest", self.digest()),
            ("imageid", self.image_id()),
            ("repository", first.repository.clone()),
            ("tags", self.tags().join(" ")),
        ] {
            let _ = writeln!(text, "{name}={value}");
        }
        for image in self.of_index() {
            let platform = image.platform.to_string().replace('/', "-");
            let _ = writeln!(text, "digest.{platform}={}", image.digest);
        }
        text
    }
}

/// Registry and repository.
fn name(published: &Published) -> (&str, &str) {
    published.repository.split_once('/').unwrap_or(("", &published.repository))
}

/// A line that does not occur in `value`.
fn delimiter(value: &str) -> String {
    let mut delimiter = String::from("CONSIGN_EOF");
    while value.lines().any(|line| line == delimiter) {
        delimiter.push('_');
    }
    delimiter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BlobDigest, ManifestDigest, MediaType};

    fn published() -> Published {
        let digest = ManifestDigest::of(b"manifest");
        Published {
            repository: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api".into(),
            digest,
            media_type: MediaType::OCI_MANIFEST,
            size: 8,
            config_digest: Some(BlobDigest::of(b"config")),
            platform: Some("linux/arm64".parse().unwrap()),
            platforms: vec![PlatformImage { platform: "linux/arm64".parse().unwrap(), digest }],
            tags: vec!["1.4".into(), "latest".into()],
            layers: vec![],
            unchanged: false,
        }
    }

    #[test]
    fn github_output_survives_any_value() {
        let text = Outputs(&[published()]).github_output(None);
        insta::assert_snapshot!(text, @r#"
        digest=sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f
        imageid=sha256:b79606fb3afea5bd1609ed40b622142f1c98125abcfe89a76a661b0e8e343910
        image=123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f
        tags<<CONSIGN_EOF
        123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.4
        123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:latest
        CONSIGN_EOF
        metadata={"containerimage.config.digest":"sha256:b79606fb3afea5bd1609ed40b622142f1c98125abcfe89a76a661b0e8e343910","containerimage.descriptor":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f","size":8,"platform":{"architecture":"arm64","os":"linux"}},"containerimage.digest":"sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f","image.name":"123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.4,123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:latest"}
        registry=123456789012.dkr.ecr.eu-west-1.amazonaws.com
        repository=shop/api
        platform-digests={"linux/arm64":"sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f"}
        aws-account-id=123456789012
        "#);
        assert_eq!(delimiter("a\nCONSIGN_EOF\nb"), "CONSIGN_EOF_");
    }

    #[test]
    fn an_index_has_a_digest_for_each_platform() {
        let digest = ManifestDigest::of(b"index");
        let image = |platform: &str| PlatformImage {
            platform: platform.parse().unwrap(),
            digest: ManifestDigest::of(platform.as_bytes()),
        };
        let index = Published {
            digest,
            media_type: MediaType::OCI_INDEX,
            config_digest: None,
            platform: None,
            platforms: vec![image("linux/amd64"), image("linux/arm/v7")],
            ..published()
        };
        let all = [index];
        let outputs = Outputs(&all);
        assert_eq!(outputs.image_id(), digest.to_string());
        assert!(outputs.metadata().get("containerimage.config.digest").is_none());
        let v7 = ManifestDigest::of(b"linux/arm/v7");
        assert!(outputs.dotenv().contains(&format!("\nCONSIGN_DIGEST_LINUX_ARM_V7={v7}\n")));
        assert!(outputs.properties().contains(&format!("\ndigest.linux-arm-v7={v7}\n")));
        assert_eq!(outputs.platform_digests()["linux/arm/v7"], v7.to_string());
    }
}
