//! Images that go: by tag or by digest, one by one.

use super::super::store::Contents;
use super::images::Unresolved;
use super::{ImageId, resolve};

/// Removes the tag that `id` names, and the image with its last tag; or, by digest, the image with all its tags.
/// What was removed, each digest with each tag.
pub(in crate::emulator) fn remove_image(
    contents: &mut Contents,
    id: &ImageId,
) -> Result<Vec<ImageId>, Unresolved> {
    let digest = resolve(contents, id)?;
    let tags = match &id.image_tag {
        Some(tag) => vec![tag.clone()],
        None => contents.tags_of(&digest),
    };
    let whole = id.image_tag.is_none() || contents.tags_of(&digest) == tags;
    if whole {
        let indexes = contents.images.iter().filter(|(_, image)| image.children.contains(&digest));
        let indexes: Vec<String> = indexes.map(|(index, _)| index.to_string()).collect();
        if !indexes.is_empty() {
            let text = format!("Requested image referenced by manifest list: [{}]", indexes.join(", "));
            return Err(("ImageReferencedByManifestList", text));
        }
        contents.images.remove(&digest);
    }
    let removed = |tag: Option<String>| ImageId { image_digest: Some(digest.to_string()), image_tag: tag };
    if tags.is_empty() {
        return Ok(vec![removed(None)]);
    }
    for tag in &tags {
        contents.tags.remove(tag);
    }
    Ok(tags.into_iter().map(Some).map(removed).collect())
}
