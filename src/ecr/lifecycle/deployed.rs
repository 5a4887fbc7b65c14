//! What runs somewhere, and is to stay.

use super::effect::{Effect, Outcome};
use super::listing::{Image, Listing};
use crate::base::{ManifestDigest, Reference, RepositoryName, Tag};

/// An image that is deployed, as somebody wrote it: a reference, a digest or a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    text: String,
    id: Id,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Id {
    Digest(ManifestDigest),
    Tag(Tag),
}

impl Deployed {
    /// Reads what was written. None if it is an image of another repository than `of`: whoever hands over all that a
    /// cluster runs need not sort it.
    pub fn parse(text: &str, of: Option<&RepositoryName>) -> Result<Option<Self>, String> {
        let found = |id| Ok(Some(Self { text: text.to_owned(), id }));
        if let Ok(digest) = text.parse() {
            return found(Id::Digest(digest));
        }
        if !text.contains(['/', ':', '@']) {
            return found(Id::Tag(text.parse::<Tag>().map_err(|error| error.to_string())?));
        }
        let reference: Reference =
            text.parse().map_err(|error: crate::base::reference::ParseReferenceError| error.to_string())?;
        if of.is_some_and(|repository| *repository != reference.repository) {
            return Ok(None);
        }
        match (reference.digest, reference.tag) {
            (Some(digest), _) => found(Id::Digest(digest)),
            (None, Some(tag)) => found(Id::Tag(tag)),
            (None, None) => found(Id::Tag("latest".parse().expect("invariant: a valid tag"))),
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether an image of this digest with these tags is meant.
    pub fn is(&self, digest: &ManifestDigest, tags: &[String]) -> bool {
        match &self.id {
            Id::Digest(wanted) => wanted == digest,
            Id::Tag(wanted) => tags.iter().any(|tag| tag == wanted.as_str()),
        }
    }

    /// The image that is meant, if it is there.
    pub fn find<'a>(&self, listing: &'a Listing) -> Option<&'a Image> {
        match &self.id {
            Id::Digest(digest) => listing.get(digest),
            Id::Tag(tag) => listing.tagged(tag.as_str()),
        }
    }

    /// What would be done to it: to the image itself, or to an index that lists it, by whose tag it may be pulled.
    pub fn threatened<'a>(&self, listing: &Listing, effect: &'a Effect) -> Option<&'a Outcome> {
        let image = self.find(listing)?;
        effect.on(&image.digest).or_else(|| {
            let lists = |index: &&Image| index.children.iter().flatten().any(|child| *child == image.digest);
            listing.images().iter().filter(lists).find_map(|index| effect.on(&index.digest))
        })
    }
}
