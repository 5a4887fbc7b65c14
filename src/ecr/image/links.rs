//! What refers to what: indexes to their images, signatures and the like to what they are about.

use super::kind::companion;
use super::{ImageDetail, ImageKind};
use crate::base::{ManifestDigest, Platform};
use crate::image::join::is_companion;
use crate::image::{Descriptor, Index};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

/// An entry of a repository with what is known of its surroundings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// What ECR tells.
    #[serde(flatten)]
    pub detail: ImageDetail,
    /// What it is.
    pub kind: ImageKind,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<ManifestDigest>,
    /// What is about it.
    pub referrers: Vec<ManifestDigest>,
    /// The indexes that it is in; unknown unless manifests were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed_by: Option<Vec<ManifestDigest>>,
    /// For which platforms it is; unknown unless manifests were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platforms: Option<Vec<Platform>>,
    /// What an index lists; unknown unless manifests were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Vec<Member>>,
}

/// What an index lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Which image.
    pub digest: ManifestDigest,
    /// For which platform; none for attestations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// `Image` or `Attestation`.
    pub kind: ImageKind,
}

impl Member {
    /// All that an index lists, in its order.
    pub fn all(index: &Index) -> Vec<Self> {
        index.manifests.iter().map(Self::of).collect()
    }

    fn of(descriptor: &Descriptor) -> Self {
        let companion = is_companion(descriptor);
        Self {
            digest: descriptor.digest.into(),
            platform: descriptor.platform.clone().filter(|platform| !companion && platform.is_named()),
            kind: match companion {
                true => ImageKind::Attestation,
                false if descriptor.media_type.is_index() => ImageKind::Index,
                false => ImageKind::Image,
            },
        }
    }
}

impl Image {
    /// By what ECR tells.
    pub fn new(detail: ImageDetail) -> Self {
        let by_tag = || detail.image_tags.iter().find_map(|tag| companion(tag)).map(|(subject, _)| subject);
        Self {
            kind: ImageKind::of(&detail),
            subject: detail.subject_manifest_digest.or_else(by_tag),
            referrers: Vec::new(),
            listed_by: None,
            platforms: None,
            manifests: None,
            detail,
        }
    }
}

/// Notes at each image what refers to it. `members` is what is known of indexes.
pub fn link<S: BuildHasher>(images: &mut [Image], members: &HashMap<ManifestDigest, Vec<Member>, S>) {
    let mut referrers: HashMap<ManifestDigest, Vec<ManifestDigest>> = HashMap::new();
    for image in images.iter() {
        if let Some(subject) = image.subject {
            referrers.entry(subject).or_default().push(image.detail.image_digest);
        }
    }
    let mut indexes: HashMap<ManifestDigest, Vec<(ManifestDigest, &Member)>> = HashMap::new();
    for (index, listed) in members {
        for member in listed {
            indexes.entry(member.digest).or_default().push((*index, member));
        }
    }
    for image in images {
        let digest = image.detail.image_digest;
        image.referrers = referrers.remove(&digest).unwrap_or_default();
        image.referrers.sort_unstable();
        if let Some(listed) = members.get(&digest) {
            let mut platforms: Vec<Platform> =
                listed.iter().filter_map(|member| member.platform.clone()).collect();
            platforms.dedup();
            (image.platforms, image.manifests) = (Some(platforms), Some(listed.clone()));
        }
        let Some(by) = indexes.get(&digest) else { continue };
        let mut all: Vec<ManifestDigest> = by.iter().map(|(index, _)| *index).collect();
        all.sort_unstable();
        all.dedup();
        image.listed_by = Some(all);
        // ECR takes an attestation of BuildKit for an image; the index knows better.
        if by.iter().all(|(_, member)| member.kind == ImageKind::Attestation) {
            image.kind = ImageKind::Attestation;
        } else if image.platforms.is_none() {
            image.platforms = by.iter().find_map(|(_, member)| Some(vec![member.platform.clone()?]));
        }
    }
}

/// The images with how deep each stands: what an index lists and what is about an image stand below it, if it is there.
/// Each comes once.
pub fn tree(images: &[Image]) -> Vec<(usize, &Image)> {
    let places: HashMap<ManifestDigest, usize> =
        images.iter().enumerate().map(|(place, image)| (image.detail.image_digest, place)).collect();
    let parents = |image: &Image| {
        let listed = image.listed_by.iter().flatten().copied().chain(image.subject);
        listed.filter(|digest| *digest != image.detail.image_digest).collect::<Vec<_>>()
    };
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); images.len()];
    let mut roots = Vec::new();
    for (place, image) in images.iter().enumerate() {
        let known: Vec<usize> =
            parents(image).iter().filter_map(|digest| places.get(digest).copied()).collect();
        // The first in the order of the list.
        match known.into_iter().min() {
            Some(parent) => below[parent].push(place),
            None => roots.push(place),
        }
    }
    for (place, image) in images.iter().enumerate() {
        let rank = |child: &usize| {
            let digest = images[*child].detail.image_digest;
            let listed = image.manifests.iter().flatten().position(|member| member.digest == digest);
            listed.unwrap_or(usize::MAX)
        };
        below[place].sort_by_key(rank);
    }
    let (mut rows, mut seen) = (Vec::with_capacity(images.len()), HashSet::new());
    // Manifests can't refer to each other in a circle, but tags can claim it; so the rest comes as it is.
    for root in roots.into_iter().chain(0..images.len()) {
        let mut open = vec![(0, root)];
        while let Some((depth, place)) = open.pop() {
            if seen.insert(place) {
                rows.push((depth, &images[place]));
                open.extend(below[place].iter().rev().map(|child| (depth + 1, *child)));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::MediaType;

    fn digest(name: &str) -> ManifestDigest {
        ManifestDigest::of(name.as_bytes())
    }

    fn entry(name: &str, subject: Option<&str>) -> Image {
        Image::new(ImageDetail {
            subject_manifest_digest: subject.map(digest),
            ..ImageDetail::new(digest(name))
        })
    }

    fn member(name: &str, platform: Option<&str>) -> Member {
        let kind = if platform.is_some() { ImageKind::Image } else { ImageKind::Attestation };
        Member { digest: digest(name), platform: platform.map(|text| text.parse().unwrap()), kind }
    }

    const NAMES: [&str; 8] = ["index", "amd64", "arm64", "att", "sig", "sbom", "other", "lost"];

    fn shown(images: &[Image]) -> String {
        let name =
            |image: &Image| NAMES.into_iter().find(|name| digest(name) == image.detail.image_digest).unwrap();
        tree(images).iter().map(|(depth, image)| format!("{}{} ", "-".repeat(*depth), name(image))).collect()
    }

    #[test]
    fn what_belongs_together_stands_together() {
        let mut images = [
            entry("lost", Some("gone")),
            entry("sbom", Some("sig")),
            entry("att", None),
            entry("amd64", None),
            entry("other", None),
            entry("arm64", None),
            entry("sig", Some("index")),
            entry("index", None),
        ];
        let listed = vec![
            member("amd64", Some("linux/amd64")),
            member("arm64", Some("linux/arm64")),
            member("att", None),
        ];
        link(&mut images, &HashMap::from([(digest("index"), listed)]));
        assert_eq!(shown(&images), "lost other index -amd64 -arm64 -att -sig --sbom ");
        let find =
            |name: &str| images.iter().find(|image| image.detail.image_digest == digest(name)).unwrap();
        assert_eq!(find("index").referrers, [digest("sig")]);
        assert_eq!(find("index").platforms.as_ref().unwrap().len(), 2);
        assert_eq!(find("arm64").listed_by, Some(vec![digest("index")]));
        assert_eq!(find("arm64").platforms, Some(vec!["linux/arm64".parse().unwrap()]));
        assert_eq!((find("att").kind, &find("att").platforms), (ImageKind::Attestation, &None));
        assert_eq!(find("lost").subject, Some(digest("gone")));
        // Without the index, its images stand alone.
        assert_eq!(shown(&images[..7]), "lost att amd64 other arm64 sig -sbom ");
    }

    #[test]
    fn a_circle_ends() {
        let mut images = [entry("sig", Some("sbom")), entry("sbom", Some("sig"))];
        link(&mut images, &HashMap::new());
        assert_eq!(shown(&images), "sig -sbom ");
    }

    #[test]
    fn members_of_an_index() {
        let descriptor = |name: &str, platform: &str| {
            let mut descriptor = Descriptor::new(MediaType::OCI_MANIFEST, digest(name).into(), 7);
            descriptor.platform = Some(platform.parse().unwrap());
            descriptor
        };
        let index =
            Index::new(vec![descriptor("amd64", "linux/amd64"), descriptor("att", "unknown/unknown")]);
        assert_eq!(Member::all(&index), [member("amd64", Some("linux/amd64")), member("att", None)]);
    }
}
