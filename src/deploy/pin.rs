//! The image that a deployment shall run, named by its digest.
//!
//! A digest is asked for, since a tag can be moved between the test and the deployment, and between one node and the
//! next. The names are those of Docker, Kubernetes and ECS: one without a host is on Docker Hub
//! (<https://github.com/distribution/reference/blob/main/normalize.go>).

use crate::base::docker_name::in_full;
use crate::base::reference::ParseReferenceError;
use crate::base::{Failure, Kind, ManifestDigest, Platform, Reference, Tag, docker_name};
use serde::Deserialize as _;
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// An image by its digest: `REPOSITORY@sha256:…`, or `REPOSITORY:TAG@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The repository as it was written, with its host, if it has one.
    name: String,
    /// The repository in full, with neither tag nor digest.
    repository: Reference,
    /// The tag that stands beside the digest.
    pub tag: Option<Tag>,
    /// Of the manifest or index.
    pub digest: ManifestDigest,
    /// For which platform it is, if it was named in a document that tells.
    pub platform: Option<Platform>,
}

/// Why there is no image to pin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// A name without a digest.
    #[error("`{0}` has no digest, and what is deployed is named by its digest")]
    NoDigest(String),
    /// A digest without a name.
    #[error("`{0}` is a digest, and its repository is not known")]
    NoRepository(String),
    /// No reference at all.
    #[error(transparent)]
    Reference(#[from] ParseReferenceError),
    /// No JSON.
    #[error("this is not JSON: {0}")]
    Json(String),
    /// JSON in which no image is named.
    #[error("no image is named in this JSON: {0}")]
    Document(&'static str),
    /// Nothing.
    #[error("it is empty: no image is named in it")]
    Empty,
    /// One repository with several digests.
    #[error("`{repository}` is named with two digests: {one} and {other}")]
    Ambiguous {
        /// The repository.
        repository: String,
        /// The first digest.
        one: ManifestDigest,
        /// The second.
        other: ManifestDigest,
    },
}

impl Failure for PinError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoDigest(_) | Self::NoRepository(_) | Self::Empty => Some(
                "name it as REPOSITORY@sha256:…: `consign build --push` prints that on stdout, and writes it to \
                 `--metadata-file`"
                    .into(),
            ),
            Self::Document(_) => {
                Some("give what `consign build --push` prints, or the file that `--metadata-file` made".into())
            }
            Self::Ambiguous { .. } => Some("name one of the two".into()),
            Self::Reference(_) | Self::Json(_) => None,
        }
    }
}

impl Pin {
    /// The repository as it was written: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The repository in full, with neither tag nor digest: what two names are compared by.
    pub fn repository(&self) -> &Reference {
        &self.repository
    }

    /// `REPOSITORY@sha256:…`
    pub fn reference(&self) -> String {
        format!("{}@{}", self.name, self.digest)
    }

    /// `REPOSITORY:TAG@sha256:…`, or as [`reference`](Self::reference) if no tag is known. Who runs it goes by the
    /// digest alone; the tag is for people.
    pub fn with_tag(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{}:{tag}@{}", self.name, self.digest),
            None => self.reference(),
        }
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        if text.is_empty() {
            return Err(PinError::Empty);
        }
        if text.parse::<ManifestDigest>().is_ok() {
            return Err(PinError::NoRepository(text.into()));
        }
        let reference = in_full(docker_name(text)?);
        let Some(digest) = reference.digest else { return Err(PinError::NoDigest(text.into())) };
        let name = text.split_once('@').map_or(text, |(name, _)| name);
        let name = match &reference.tag {
            Some(tag) => name.strip_suffix(&format!(":{tag}")).unwrap_or(name),
            None => name,
        };
        Ok(Self {
            name: name.to_owned(),
            tag: reference.tag.clone(),
            digest,
            platform: None,
            repository: Reference { tag: None, digest: None, ..reference },
        })
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reference())
    }
}

/// All images that `text` names, each repository once: references between spaces or line breaks, as
/// `consign build --push` prints them, or JSON: that of its `--format json`, `BuildKit`'s metadata
/// (<https://docs.docker.com/reference/cli/docker/buildx/build/#metadata-file>), or that of `docker buildx bake`, which
/// has one such document for each target.
pub fn pins(text: &str) -> Result<Vec<Pin>, PinError> {
    // Some shells write a mark of the encoding in front of all that they put into a file.
    let text = text.trim_start_matches('\u{feff}').trim();
    let found = if text.starts_with(['{', '[']) {
        let json = serde_json::from_str(text).map_err(|error| PinError::Json(error.to_string()))?;
        from_json(&json)?
    } else {
        text.split_whitespace().map(str::parse).collect::<Result<Vec<Pin>, _>>()?
    };
    if found.is_empty() { Err(PinError::Empty) } else { distinct(found) }
}

/// Each repository once. It is an error if one has several digests.
pub fn distinct(pins: Vec<Pin>) -> Result<Vec<Pin>, PinError> {
    let mut distinct: Vec<Pin> = Vec::new();
    for pin in pins {
        match distinct.iter_mut().find(|known| known.repository == pin.repository) {
            None => distinct.push(pin),
            Some(known) if known.digest == pin.digest => {
                known.tag = known.tag.take().or(pin.tag);
                known.platform = known.platform.take().or(pin.platform);
            }
            Some(known) => {
                return Err(PinError::Ambiguous {
                    repository: pin.name,
                    one: known.digest,
                    other: pin.digest,
                });
            }
        }
    }
    Ok(distinct)
}

fn from_json(json: &Value) -> Result<Vec<Pin>, PinError> {
    let Some(document) = json.as_object() else {
        return Err(PinError::Document("it is not an object"));
    };
    if let Some(published) = document.get("published").and_then(Value::as_array) {
        if published.is_empty() {
            return Err(PinError::Document("`published` is empty, so nothing was pushed"));
        }
        return published.iter().map(published_image).collect();
    }
    if document.contains_key(DIGEST) || document.contains_key(NAME) {
        return from_metadata(document);
    }
    let targets = document.values().filter_map(Value::as_object);
    let targets: Vec<_> = targets.filter(|target| target.contains_key(DIGEST)).collect();
    if targets.is_empty() {
        return Err(PinError::Document("it has neither `containerimage.digest` nor `published`"));
    }
    let pins = targets.into_iter().map(from_metadata).collect::<Result<Vec<_>, _>>()?;
    Ok(pins.into_iter().flatten().collect())
}

/// Keys of `BuildKit`'s metadata.
const DIGEST: &str = "containerimage.digest";
const NAME: &str = "image.name";

/// One document of metadata: its names are of one image, in one repository or several.
fn from_metadata(metadata: &Map<String, Value>) -> Result<Vec<Pin>, PinError> {
    let digest = metadata.get(DIGEST).and_then(Value::as_str);
    let digest = digest.ok_or(PinError::Document("it has no `containerimage.digest`"))?;
    let names = metadata.get(NAME).and_then(Value::as_str).unwrap_or_default();
    let names: Vec<_> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(PinError::Document("`image.name` is empty, so it was not pushed under a name"));
    }
    let platform = platform(metadata.get("containerimage.descriptor"));
    names.into_iter().map(|name| Ok(Pin { platform: platform.clone(), ..with_digest(name, digest)? })).collect()
}

/// The platform of a descriptor or of a published image; an index has none.
fn platform(document: Option<&Value>) -> Option<Platform> {
    let platform = document?.get("platform")?;
    Platform::deserialize(platform).ok().filter(Platform::is_named)
}

/// One image of `consign build --push --format json`.
fn published_image(image: &Value) -> Result<Pin, PinError> {
    let text = |key| image.get(key).and_then(Value::as_str);
    match (text("repository"), text("digest")) {
        (Some(repository), Some(digest)) => {
            let pin = match image.pointer("/tags/0").and_then(Value::as_str) {
                Some(tag) => with_digest(&format!("{repository}:{tag}"), digest),
                None => with_digest(repository, digest),
            };
            Ok(Pin { platform: platform(Some(image)), ..pin? })
        }
        _ => Err(PinError::Document("an image of `published` has no `repository` or no `digest`")),
    }
}

/// `name`, in which a digest may stand already, by its digest.
fn with_digest(name: &str, digest: &str) -> Result<Pin, PinError> {
    if name.contains('@') { name.parse() } else { format!("{name}@{digest}").parse() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ONE: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    const TWO: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api";

    fn pin(text: &str) -> Pin {
        text.parse().unwrap()
    }

    fn all(text: &str) -> Vec<String> {
        pins(text).unwrap().iter().map(Pin::with_tag).collect()
    }

    fn error(text: &str) -> String {
        pins(text).unwrap_err().to_string()
    }

    #[test]
    fn a_name_with_its_digest() {
        let plain = pin(&format!("{ECR}@{ONE}"));
        assert_eq!((plain.name(), plain.repository().to_string().as_str()), (ECR, ECR));
        assert_eq!((plain.reference(), plain.with_tag()), (format!("{ECR}@{ONE}"), format!("{ECR}@{ONE}")));
        let tagged = pin(&format!("{ECR}:1.4@{ONE}"));
        assert_eq!(tagged.to_string(), format!("{ECR}@{ONE}"));
        assert_eq!(tagged.with_tag(), format!("{ECR}:1.4@{ONE}"));
        let local = pin(&format!("127.0.0.1:5000/docs@{ONE}"));
        assert_eq!((local.name(), &local.tag), ("127.0.0.1:5000/docs", &None));
        // What was written stays, what is compared is in full.
        let hub = pin(&format!("nginx:1@{ONE}"));
        assert_eq!((hub.name(), hub.repository().to_string().as_str()), ("nginx", "docker.io/library/nginx"));
    }

    #[test]
    fn what_has_no_digest_is_refused() {
        assert_eq!(
            error("shop/api:1.4"),
            "`shop/api:1.4` has no digest, and what is deployed is named by its digest"
        );
        assert!(PinError::NoDigest(String::new()).hint().unwrap().contains("consign build --push"));
        assert!(error(ONE).contains("its repository is not known"));
        assert!(error(&format!("shop/Api@{ONE}")).contains("'A'"));
        assert!(error(&format!("shop/api@{}", &ONE[..70])).contains("digits"));
        for empty in ["", " \n\n", "\u{feff}"] {
            assert!(error(empty).contains("it is empty"), "{empty:?}");
        }
    }

    #[test]
    fn lines_as_a_push_prints_them() {
        let text = format!("\u{feff}{ECR}@{ONE}\r\n\r\nghcr.io/shop/worker:2@{TWO} {ECR}:1@{ONE}\n");
        assert_eq!(all(&text), [format!("{ECR}:1@{ONE}"), format!("ghcr.io/shop/worker:2@{TWO}")]);
        let two = format!("nginx@{ONE}\ndocker.io/library/nginx@{TWO}");
        assert!(error(&two).contains("two digests"), "{}", error(&two));
    }

    #[test]
    fn the_metadata_of_buildkit() {
        let names = format!("{ECR}:1.4,{ECR}:latest, ghcr.io/shop/api:1.4");
        let metadata = json!({ "containerimage.digest": ONE, "image.name": names });
        let expected = [format!("{ECR}:1.4@{ONE}"), format!("ghcr.io/shop/api:1.4@{ONE}")];
        assert_eq!(all(&metadata.to_string()), expected);
        let bake = json!({
            "buildx.build.warnings": [],
            "api": metadata,
            "worker": { "containerimage.digest": TWO, "image.name": format!("shop/worker@{TWO}") },
        });
        assert_eq!(all(&bake.to_string())[2], format!("shop/worker@{TWO}"));
        assert!(
            error(&json!({ "containerimage.digest": ONE, "image.name": "" }).to_string()).contains("name")
        );
        assert!(error(&json!({ "image.name": "a1:1" }).to_string()).contains("no `containerimage.digest`"));
        assert!(error("{}").contains("neither"));
        assert!(error("[]").contains("not an object"));
        assert!(error("{\"a\": ").contains("not JSON"));
    }

    #[test]
    fn the_platform_if_it_is_told() {
        let one = |text: Value| pins(&text.to_string()).unwrap().remove(0).platform.map(|one| one.to_string());
        let metadata = |platform: Value| {
            let descriptor = json!({ "digest": ONE, "platform": platform });
            json!({ "containerimage.digest": ONE, "containerimage.descriptor": descriptor, "image.name": "a1:1" })
        };
        let arm = json!({ "architecture": "arm64", "os": "linux" });
        assert_eq!(one(metadata(arm.clone())).unwrap(), "linux/arm64");
        let image = json!({ "repository": ECR, "digest": ONE, "platform": arm });
        assert_eq!(one(json!({ "published": [image] })).unwrap(), "linux/arm64");
        for nothing in [json!(null), json!({ "os": "linux" }), json!({ "architecture": "", "os": "" })] {
            assert_eq!(one(metadata(nothing)), None);
        }
    }

    #[test]
    fn what_a_push_prints_as_json() {
        let image = json!({ "repository": ECR, "digest": ONE, "tags": ["1.4", "latest"] });
        let other = json!({ "repository": "ghcr.io/shop/api", "digest": TWO, "tags": [] });
        let text = json!({ "digest": ONE, "published": [image, other] }).to_string();
        assert_eq!(all(&text), [format!("{ECR}:1.4@{ONE}"), format!("ghcr.io/shop/api@{TWO}")]);
        assert!(error(&json!({ "digest": ONE, "published": [] }).to_string()).contains("nothing was pushed"));
        assert!(error(&json!({ "published": [{ "digest": ONE }] }).to_string()).contains("no `repository`"));
    }
}
