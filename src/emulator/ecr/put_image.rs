//! `PutImage`: from manifest bytes to an image with a tag, and every reason not to.

use super::super::app::App;
use super::super::error::ApiError;
use super::super::glob;
use super::super::quirk::{ImmutableRepush, MaxLayers, MissingSubject, TagLength};
use super::super::store::{Contents, Image, ImageLife, Mutability, Repository};
use super::images::ImageOutput;
use super::{Call, ImageId, pushed, validate};
use crate::base::{BlobDigest, ManifestDigest, MediaType};
use crate::image::{Index, Manifest};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Layers that Docker allows an image.
const DOCKER_LAYERS: usize = 127;
/// Characters of a manifest, at most.
pub(super) const MAX_MANIFEST: usize = 4_194_304;
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_manifest: Option<String>,
    image_manifest_media_type: Option<String>,
    image_tag: Option<String>,
    image_digest: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Output {
    image: ImageOutput,
}

/// What a manifest says, as far as a registry cares.
#[derive(Debug)]
struct Parsed {
    media_type: MediaType,
    artifact_type: Option<String>,
    /// Config and layers.
    blobs: Vec<BlobDigest>,
    /// Bytes of config and layers.
    size: u64,
    children: Vec<ManifestDigest>,
    subject: Option<ManifestDigest>,
}

fn wrong(text: &str) -> ApiError {
    ApiError::invalid_parameter("ImageManifest", text)
}

/// Reads a manifest or an index. Its type has to be said by itself or by the parameter.
fn parse(manifest: &str, given: Option<&str>) -> Result<Parsed, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        media_type: Option<String>,
    }
    let invalid = |_| wrong("Invalid JSON syntax");
    let head: Head = serde_json::from_str(manifest).map_err(invalid)?;
    let media_type = match (head.media_type.as_deref(), given) {
        (None, None) => return Err(wrong("Invalid JSON syntax")),
        (Some(own), Some(given)) if own != given => {
            return Err(wrong("The media type of the manifest differs from the given one"));
        }
        (Some(one), _) | (None, Some(one)) => MediaType::from(one),
    };
    if media_type.is_manifest() {
        let manifest: Manifest = serde_json::from_str(manifest).map_err(invalid)?;
        if manifest.schema_version != 2 {
            return Err(wrong("Unsupported manifest schema version"));
        }
        let stored = manifest.layers.iter().filter(|layer| is_distributed(&layer.media_type));
        let all: Vec<_> = std::iter::once(&manifest.config).chain(stored).collect();
        Ok(Parsed {
            artifact_type: manifest
                .artifact_type
                .clone()
                .or_else(|| Some(manifest.config.media_type.as_str().to_owned())),
            blobs: all.iter().map(|descriptor| descriptor.digest).collect(),
            size: all.iter().fold(0, |sum, descriptor| sum.saturating_add(descriptor.size)),
            children: Vec::new(),
            subject: manifest.subject.as_ref().map(|subject| subject.digest.into()),
            media_type,
        })
    } else if media_type.is_index() {
        let index: Index = serde_json::from_str(manifest).map_err(invalid)?;
        if index.schema_version != 2 {
            return Err(wrong("Unsupported manifest schema version"));
        }
        Ok(Parsed {
            artifact_type: index.artifact_type,
            blobs: Vec::new(),
            size: 0,
            children: index.manifests.iter().map(|child| child.digest.into()).collect(),
            subject: index.subject.as_ref().map(|subject| subject.digest.into()),
            media_type,
        })
    } else {
        Err(wrong("Unsupported manifest media type"))
    }
}

/// Layers that their licence keeps at their own source are not in registries.
fn is_distributed(media_type: &MediaType) -> bool {
    !media_type.as_str().starts_with("application/vnd.docker.image.rootfs.foreign.")
        && !media_type.as_str().starts_with("application/vnd.oci.image.layer.nondistributable.")
}

/// Whether `tag` can't be moved, and whether that is for the tag's own sake rather than the repository's.
pub(super) fn immutable(contents: &Contents, tag: &str) -> Option<bool> {
    let excluded = || contents.exclusion_filters.iter().any(|filter| glob::matches(&filter.filter, tag));
    match contents.mutability {
        Mutability::Mutable => None,
        Mutability::Immutable => Some(false),
        Mutability::ImmutableWithExclusion => (!excluded()).then_some(true),
        Mutability::MutableWithExclusion => excluded().then_some(true),
    }
}

pub(super) async fn put_image(call: &Call, input: Input) -> Result<Output, ApiError> {
    let repository =
        call.repository_for_push(input.registry_id.as_deref(), input.repository_name.as_deref()).await?;
    let push = Push {
        manifest: validate::required("imageManifest", input.image_manifest)?,
        media_type: input.image_manifest_media_type,
        tag: input.image_tag,
        digest: input.image_digest,
    };
    let pushed = push_image(&call.app, &repository, &push).await?;
    Ok(Output {
        image: ImageOutput {
            registry_id: repository.registry().account.clone(),
            repository_name: repository.name().to_owned(),
            image_id: ImageId { image_digest: Some(pushed.digest.to_string()), image_tag: push.tag },
            image_manifest: push.manifest,
            image_manifest_media_type: pushed.media_type,
        },
    })
}

/// An image or index that arrives, by `PutImage` or on `/v2/`.
#[derive(Debug)]
pub(in crate::emulator) struct Push {
    pub(in crate::emulator) manifest: String,
    pub(in crate::emulator) media_type: Option<String>,
    pub(in crate::emulator) tag: Option<String>,
    /// The digest that it is said to have.
    pub(in crate::emulator) digest: Option<String>,
}

/// An image that has arrived.
#[derive(Debug)]
pub(in crate::emulator) struct Pushed {
    pub(in crate::emulator) digest: ManifestDigest,
    pub(in crate::emulator) media_type: String,
}

/// Stores an image in the repository, unless there is a reason not to.
pub(in crate::emulator) async fn push_image(
    app: &Arc<App>,
    repository: &Arc<Repository>,
    push: &Push,
) -> Result<Pushed, ApiError> {
    let (manifest, quirks) = (&push.manifest, &app.quirks);
    validate::count("imageManifest", manifest.len(), 1, app.quotas.manifest_bytes.min(MAX_MANIFEST))?;
    if let Some(tag) = &push.tag {
        let max = if quirks.tag_length == TagLength::Model { validate::MAX_TAG } else { 128 };
        validate::image_tag("imageTag", tag, max)?;
    }
    if let Some(digest) = &push.digest {
        validate::digest("imageDigest", digest)?;
    }
    let parsed = parse(manifest, push.media_type.as_deref())?;
    if quirks.max_layers == MaxLayers::Docker && parsed.blobs.len() > 1 + DOCKER_LAYERS {
        return Err(ApiError::new("LimitExceededException", "The image has more than 127 layers"));
    }
    let digest = ManifestDigest::of(manifest.as_bytes());
    if push.digest.as_ref().is_some_and(|given| *given != digest.to_string()) {
        return Err(ApiError::new(
            "ImageDigestDoesNotMatchException",
            "The provided image digest does not match the digest calculated by Amazon ECR",
        ));
    }

    // The manifest is on disk before the repository names it. If it is refused after all, it is a blob that
    // no repository has.
    let blobs = app.store.blobs.clone();
    let bytes = manifest.clone();
    tokio::task::spawn_blocking(move || blobs.put(bytes.as_bytes())).await.map_err(ApiError::server)??;

    let media_type = parsed.media_type.as_str().to_owned();
    let tag = push.tag.as_deref();
    let repush = quirks.immutable_repush;
    let needs_subject = quirks.missing_subject == MissingSubject::Refuse;
    let now = app.clock.now();
    let outcome = repository.change(|contents| {
        let absent = |all: Vec<String>| (!all.is_empty()).then_some(all);
        let missing = parsed.blobs.iter().filter(|blob| !contents.layers.contains_key(blob));
        if let Some(missing) = absent(missing.map(ToString::to_string).collect()) {
            return Err(repository.place().layers_not_found(&missing));
        }
        let subject = parsed.subject.iter().filter(|_| needs_subject);
        let named = parsed.children.iter().chain(subject);
        let missing = named.filter(|child| !contents.images.contains_key(child));
        if let Some(missing) = absent(missing.map(ToString::to_string).collect()) {
            return Err(repository.place().images_not_found(&missing));
        }
        let known = contents.images.contains_key(&digest);
        let tagged = tag.and_then(|tag| contents.tags.get(tag).copied());
        // What is in the archive comes back at once if it is pushed again.
        let restored = contents.images.get_mut(&digest).is_some_and(|image| image.life.restore(now));
        match (tag, tagged) {
            (Some(tag), Some(on)) if on != digest => {
                if let Some(only_the_tag) = immutable(contents, tag) {
                    return Err(repository.place().tag_already_exists(tag, only_the_tag));
                }
            }
            (Some(tag), Some(_)) if !restored => {
                return Err(match (immutable(contents, tag), repush) {
                    (Some(only_the_tag), ImmutableRepush::ImageTagAlreadyExists) => {
                        repository.place().tag_already_exists(tag, only_the_tag)
                    }
                    _ => repository.place().image_already_exists(&digest, Some(tag)),
                });
            }
            (None, _) if known && !restored => {
                return Err(repository.place().image_already_exists(&digest, None));
            }
            _ => {}
        }
        if !known && contents.images.len() >= app.quotas.images_per_repository {
            let text = "The repository has reached the maximum number of images";
            return Err(ApiError::new("LimitExceededException", text));
        }
        if tagged.is_none() && tag.is_some() && contents.tags_of(&digest).len() >= app.quotas.tags_per_image {
            let text = "The image has reached the maximum number of tags";
            return Err(ApiError::new("LimitExceededException", text));
        }
        if !known {
            let largest_child = || {
                let sizes = parsed.children.iter().filter_map(|child| contents.images.get(child));
                sizes.map(|image| image.size).max().unwrap_or(0)
            };
            let size = if parsed.children.is_empty() { parsed.size } else { largest_child() };
            let image = Image {
                media_type: parsed.media_type,
                artifact_type: parsed.artifact_type,
                size,
                pushed_at: now,
                last_pull: None,
                blobs: parsed.blobs,
                children: parsed.children,
                subject: parsed.subject,
                life: ImageLife::default(),
            };
            contents.images.insert(digest, image);
        }
        if let Some(tag) = tag {
            contents.tags.insert(tag.to_owned(), digest);
        }
        Ok(())
    });
    if outcome.is_ok() {
        pushed(app, repository, &digest, tag);
    }
    // A refusal can rest on what another call has put in memory a moment ago; it too waits for the disk.
    repository.commit().await?;
    outcome?;
    Ok(Pushed { digest, media_type })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::store::ExclusionFilter;

    #[test]
    fn the_type_has_to_be_said_somewhere() {
        let bare = r#"{"schemaVersion":2,"manifests":[]}"#;
        let error = parse(bare, None).unwrap_err();
        assert_eq!(
            error.message,
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"
        );
        assert!(parse(bare, Some(MediaType::OCI_INDEX.as_str())).unwrap().media_type.is_index());
        assert!(parse(bare, Some("text/plain")).is_err());
        assert!(parse("{", Some(MediaType::OCI_INDEX.as_str())).is_err());
        let own =
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        assert!(parse(own, None).is_ok());
        assert!(parse(own, Some(MediaType::DOCKER_LIST.as_str())).is_err());
    }

    #[test]
    fn exclusions_turn_the_setting_around() {
        let mut contents = Contents::new("r".into(), crate::base::Timestamp::UNIX_EPOCH);
        contents.exclusion_filters =
            vec![ExclusionFilter { filter_type: "WILDCARD".into(), filter: "dev-*".into() }];
        let mut check = |mutability, tag| {
            contents.mutability = mutability;
            immutable(&contents, tag)
        };
        assert_eq!(check(Mutability::Mutable, "1"), None);
        assert_eq!(check(Mutability::Immutable, "dev-1"), Some(false));
        assert_eq!(check(Mutability::ImmutableWithExclusion, "1"), Some(true));
        assert_eq!(check(Mutability::ImmutableWithExclusion, "dev-1"), None);
        assert_eq!(check(Mutability::MutableWithExclusion, "1"), None);
        assert_eq!(check(Mutability::MutableWithExclusion, "dev-1"), Some(true));
    }
}
