//! What a deletion would take away, by what is known beforehand. Pure: ECR decides in the end.

use super::Image;
use crate::base::ManifestDigest;
use crate::registry::ManifestId;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// What would become of what was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Images that would go with all their tags, in the order in which they were asked for; then children of indexes.
    pub images: Vec<ManifestDigest>,
    /// How many of `images`, at their end, go as children of an index.
    pub children: usize,
    /// Tags that would go from images that stay.
    pub tags: Vec<(String, ManifestDigest)>,
    /// What is not there.
    pub missing: Vec<ManifestId>,
    /// What an index protects that stays, with those indexes.
    pub listed: Vec<(ManifestId, Vec<ManifestDigest>)>,
    /// Children that stay although their index goes.
    pub kept: Vec<Kept>,
    /// Bytes of the images that would go. Layers that others have too stay.
    pub bytes: u64,
}

/// The child of an index that goes, which itself stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// The child.
    pub image_digest: ManifestDigest,
    /// Its own tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_tags: Vec<String>,
    /// Other indexes that it is in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listed_by: Vec<ManifestDigest>,
}

/// Tells what would become of `ids` in a repository with these `images`; with `children` also of what the indexes among
/// them list. What manifests have not told is taken as not so.
pub fn plan(images: &[Image], ids: &[ManifestId], children: bool) -> Plan {
    let known: HashMap<ManifestDigest, &Image> =
        images.iter().map(|image| (image.detail.image_digest, image)).collect();
    let tagged: HashMap<&str, ManifestDigest> = images
        .iter()
        .flat_map(|image| image.detail.image_tags.iter().map(|tag| (tag.as_str(), image.detail.image_digest)))
        .collect();
    let mut plan = Plan::default();
    // Which image each id is about, and the tags that are asked for one by one.
    let mut asked: Vec<(&ManifestId, ManifestDigest)> = Vec::new();
    for id in ids {
        let digest = match id {
            ManifestId::Tag(tag) => tagged.get(tag.as_str()).copied(),
            ManifestId::Digest(digest) => known.contains_key(digest).then_some(*digest),
        };
        match digest {
            Some(digest) if !asked.contains(&(id, digest)) => asked.push((id, digest)),
            None if !plan.missing.contains(id) => plan.missing.push(id.clone()),
            _ => {}
        }
    }
    let goes_whole = |digest: &ManifestDigest| {
        let mut tags: HashSet<&str> = known[digest].detail.image_tags.iter().map(String::as_str).collect();
        let by_digest = |(id, about): &(&ManifestId, ManifestDigest)| {
            about == digest && matches!(id, ManifestId::Digest(_))
        };
        for (id, about) in &asked {
            if let (ManifestId::Tag(tag), true) = (id, about == digest) {
                tags.remove(tag.as_str());
            }
        }
        asked.iter().any(by_digest) || tags.is_empty()
    };
    let mut going: Vec<ManifestDigest> = Vec::new();
    for (_, digest) in &asked {
        if !going.contains(digest) && goes_whole(digest) {
            going.push(*digest);
        }
    }
    let own = going.clone();
    if children {
        let mut open = going.clone();
        while let Some(index) = open.pop() {
            for member in known.get(&index).iter().filter_map(|image| image.manifests.as_ref()).flatten() {
                let has_tags =
                    known.get(&member.digest).is_none_or(|image| !image.detail.image_tags.is_empty());
                if !has_tags && !going.contains(&member.digest) {
                    going.push(member.digest);
                    open.push(member.digest);
                }
            }
        }
    }
    // What stays protects what it lists, so one that stays can make others stay.
    loop {
        let stays = |digest: &ManifestDigest| {
            let by = known[digest].listed_by.iter().flatten();
            by.into_iter().any(|index| known.contains_key(index) && !going.contains(index))
        };
        match going.iter().position(stays) {
            Some(place) => going.remove(place),
            None => break,
        };
    }
    let protectors = |digest: &ManifestDigest| {
        let by = known[digest].listed_by.iter().flatten().copied();
        by.filter(|index| known.contains_key(index) && !going.contains(index)).collect::<Vec<_>>()
    };
    for (id, digest) in &asked {
        match id {
            _ if going.contains(digest) => {}
            // With a tag less, the image still has others.
            ManifestId::Tag(tag) if !own.contains(digest) => plan.tags.push((tag.to_string(), *digest)),
            _ => plan.listed.push(((*id).clone(), protectors(digest))),
        }
    }
    if children {
        let members = going.iter().filter_map(|index| known[index].manifests.as_ref()).flatten();
        for member in members {
            if let Some(image) = known.get(&member.digest).filter(|_| !going.contains(&member.digest))
                && plan.kept.iter().all(|kept| kept.image_digest != member.digest)
            {
                plan.kept.push(Kept {
                    image_digest: member.digest,
                    image_tags: image.detail.image_tags.clone(),
                    listed_by: protectors(&member.digest),
                });
            }
        }
    }
    // An index has no bytes of its own to speak of; ECR gives it those of its largest image.
    let alone = going.iter().filter(|digest| !known[*digest].detail.is_index());
    plan.bytes = alone.map(|digest| known[digest].detail.image_size_in_bytes).sum();
    plan.children = going.iter().filter(|digest| !own.contains(digest)).count();
    plan.images = going;
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecr::image::{ImageDetail, ImageKind, Member, link};

    fn digest(name: &str) -> ManifestDigest {
        ManifestDigest::of(name.as_bytes())
    }

    fn by_digest(name: &str) -> ManifestId {
        ManifestId::Digest(digest(name))
    }

    fn by_tag(tag: &str) -> ManifestId {
        ManifestId::Tag(tag.parse().unwrap())
    }

    /// Two indexes that share `arm64`; `amd64` has a tag of its own, `riscv` has none; and an image beside them.
    fn repository() -> Vec<Image> {
        let image = |name: &str, tags: &[&str], size: u64| {
            Image::new(ImageDetail {
                image_tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                image_size_in_bytes: size,
                image_manifest_media_type: name
                    .starts_with("index")
                    .then(|| crate::base::MediaType::OCI_INDEX.to_string()),
                ..ImageDetail::new(digest(name))
            })
        };
        let mut images = vec![
            image("index1", &["1"], 10),
            image("index2", &["2"], 10),
            image("amd64", &["1-amd64"], 10),
            image("arm64", &[], 20),
            image("riscv", &[], 30),
            image("alone", &["dev", "test"], 5),
        ];
        let members = |names: &[&str]| {
            let member =
                |name: &&str| Member { digest: digest(name), platform: None, kind: ImageKind::Image };
            names.iter().map(member).collect::<Vec<_>>()
        };
        let listed = HashMap::from([
            (digest("index1"), members(&["amd64", "arm64", "riscv"])),
            (digest("index2"), members(&["arm64"])),
        ]);
        link(&mut images, &listed);
        images
    }

    fn of(ids: &[ManifestId], children: bool) -> Plan {
        plan(&repository(), ids, children)
    }

    #[test]
    fn a_tag_and_the_last_tag() {
        let one = of(&[by_tag("dev")], false);
        assert_eq!((one.tags, one.images, one.bytes), (vec![("dev".into(), digest("alone"))], vec![], 0));
        let both = of(&[by_tag("dev"), by_tag("test"), by_tag("dev")], false);
        assert_eq!((both.tags, both.images, both.bytes), (vec![], vec![digest("alone")], 5));
        let whole = of(&[by_digest("alone"), by_tag("dev")], false);
        assert_eq!((whole.tags, whole.images), (vec![], vec![digest("alone")]));
    }

    #[test]
    fn what_is_not_there() {
        let plan = of(&[by_tag("nothing"), by_digest("nothing"), by_tag("nothing")], true);
        assert_eq!(plan.missing, [by_tag("nothing"), by_digest("nothing")]);
        assert_eq!(Plan { missing: vec![], ..plan }, Plan::default());
    }

    #[test]
    fn an_index_protects_its_children() {
        let plan = of(&[by_digest("riscv"), by_tag("1-amd64")], false);
        let index = vec![digest("index1")];
        assert_eq!(plan.listed, [(by_digest("riscv"), index.clone()), (by_tag("1-amd64"), index)]);
        assert_eq!((plan.images, plan.tags), (vec![], vec![]));
        // Not if it goes as well, in whatever order.
        let plan = of(&[by_digest("riscv"), by_tag("1")], false);
        assert_eq!((plan.images, plan.listed), (vec![digest("riscv"), digest("index1")], vec![]));
    }

    #[test]
    fn children_that_nothing_else_holds() {
        let plan = of(&[by_tag("1")], true);
        assert_eq!((plan.images, plan.children), (vec![digest("index1"), digest("riscv")], 1));
        assert_eq!(plan.bytes, 30);
        assert_eq!(
            plan.kept,
            [
                Kept { image_digest: digest("amd64"), image_tags: vec!["1-amd64".into()], listed_by: vec![] },
                Kept { image_digest: digest("arm64"), image_tags: vec![], listed_by: vec![digest("index2")] },
            ]
        );
        let both = of(&[by_tag("1"), by_tag("2"), by_tag("1-amd64")], true);
        assert_eq!((both.images.len(), both.children, both.kept), (5, 2, vec![]));
    }
}
