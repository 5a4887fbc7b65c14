//! More tags for an image or index that a repository holds: promotion by digest.
//!
//! The manifest is read, and the same bytes are put again under each tag; no layer is touched.

use super::{ManifestPresent, PlatformImage, Previous, PublishError, Published, Source, Target, tag};
use crate::base::{ManifestDigest, Reporter};
use crate::image::{Index, Manifest, is_companion};
use crate::registry::{ManifestId, Registry, StoredManifest};
use std::sync::Arc;

/// Puts the tags of `target` on `source`, an image or index of the same repository; if `expected` is given, on nothing
/// else than that. Where all tags point is looked up in the same step.
pub async fn retag<R: Registry>(
    registry: &R,
    target: &Target,
    source: &Source,
    expected: Option<ManifestDigest>,
    reporter: &Arc<dyn Reporter>,
) -> Result<Published, PublishError> {
    let tags = target.tags.iter().cloned().map(ManifestId::Tag);
    let ids: Vec<_> = std::iter::once(source.id.clone()).chain(tags).collect();
    let mut found = registry.manifests(&target.repository, &ids).await?;
    let previous = Previous::of_tags(&target.tags, found.split_off(1));
    let Some(manifest) = found.pop().flatten() else {
        return Err(source.missing(registry, &target.repository));
    };
    let digest = manifest.digest();
    if let Some(expected) = expected.filter(|expected| *expected != digest) {
        return Err(PublishError::NotExpected { name: source.name.clone(), found: digest, expected });
    }
    let present = known(manifest);
    tag(registry, target, present, &previous, reporter).await.map_err(Into::into)
}

/// What the manifest says by itself; its config is not read for more, as that would take another permission.
pub(super) fn known(manifest: StoredManifest) -> ManifestPresent {
    let (mut config, mut platforms) = (None, Vec::new());
    if manifest.media_type.is_index() {
        let index = serde_json::from_slice::<Index>(&manifest.bytes).ok();
        let members = index.into_iter().flat_map(|index| index.manifests);
        let images = members.filter(|member| !is_companion(member)).filter_map(|member| {
            let platform = member.platform.filter(crate::base::Platform::is_named)?;
            Some(PlatformImage { platform, digest: member.digest.into() })
        });
        platforms.extend(images);
    } else {
        config = serde_json::from_slice::<Manifest>(&manifest.bytes).ok().map(|image| image.config.digest);
    }
    ManifestPresent { manifest, config, platform: None, platforms, layers: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BlobDigest, MediaType};
    use crate::image::Descriptor;

    #[test]
    fn what_a_manifest_says_by_itself() {
        let stored = |bytes: Vec<u8>, media_type| known(StoredManifest { bytes, media_type });
        let config = Descriptor::new(MediaType::OCI_CONFIG, BlobDigest::of(b"{}"), 2);
        let image = serde_json::to_vec(&Manifest::new(config, vec![])).unwrap();
        assert_eq!(stored(image, MediaType::OCI_MANIFEST).config, Some(BlobDigest::of(b"{}")));

        let member = |platform: &str| {
            let digest = BlobDigest::of(platform.as_bytes());
            let mut member = Descriptor::new(MediaType::OCI_MANIFEST, digest, 1);
            member.platform = platform.parse().ok();
            member
        };
        let hostile = {
            let mut hostile = member("linux/amd64");
            hostile.platform.as_mut().unwrap().os = "linux\ndigest=x".into();
            hostile
        };
        let members = vec![member("linux/arm64"), member("unknown/unknown"), hostile, member("")];
        let index = serde_json::to_vec(&Index::new(members)).unwrap();
        let known = stored(index, MediaType::OCI_INDEX);
        let shown: Vec<_> = known.platforms.iter().map(|image| image.platform.to_string()).collect();
        assert_eq!((shown, known.config), (vec!["linux/arm64".to_owned()], None));
        // It can be tagged even if it is nothing that this program reads.
        assert_eq!(stored(b"[]".to_vec(), MediaType::OCI_INDEX).platforms, []);
    }
}
