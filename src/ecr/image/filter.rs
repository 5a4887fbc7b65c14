//! Which images are meant, and in which order they are told.

use super::{Image, ImageKind};
use crate::base::{Platform, Timestamp};
use crate::image::choose::serves;
use crate::spec::Wildcard;
use std::cmp::{Ordering, Reverse};

/// What an image has to be like. Conditions of different kinds all have to hold; of several of one kind, one.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Whether it has a tag.
    pub tagged: Option<bool>,
    /// Patterns of which a tag has to match one.
    pub tags: Vec<Wildcard>,
    /// It was pushed before this.
    pub pushed_before: Option<Timestamp>,
    /// It was pushed at this time or later.
    pub pushed_since: Option<Timestamp>,
    /// It was last of use before this, see [`last_used`](super::ImageDetail::last_used).
    pub unused_since: Option<Timestamp>,
    /// What it is.
    pub kinds: Vec<ImageKind>,
    /// It is for one of these, or has an image for one.
    pub platforms: Vec<Platform>,
}

impl Filter {
    /// Whether the image is meant, by all but its platform.
    pub fn passes(&self, image: &Image) -> bool {
        let detail = &image.detail;
        let any_tag =
            || detail.image_tags.iter().any(|tag| self.tags.iter().any(|it| it.matches(tag.as_bytes())));
        let before = |limit: Option<Timestamp>, time: Option<Timestamp>| {
            limit.is_none_or(|limit| time.is_some_and(|time| time < limit))
        };
        self.tagged.is_none_or(|wanted| wanted != detail.image_tags.is_empty())
            && (self.tags.is_empty() || any_tag())
            && before(self.pushed_before, detail.image_pushed_at)
            && self.pushed_since.is_none_or(|limit| detail.image_pushed_at.is_some_and(|time| time >= limit))
            && before(self.unused_since, detail.last_used())
            && (self.kinds.is_empty() || self.kinds.contains(&image.kind))
    }

    /// Whether the image is meant, by its platforms, which have to be known for that.
    pub fn passes_platform(&self, image: &Image) -> bool {
        let known = image.platforms.as_deref().unwrap_or_default();
        self.platforms.is_empty()
            || self.platforms.iter().any(|wanted| known.iter().any(|has| serves(has, wanted)))
    }
}

/// By what images are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortKey {
    /// The newest first.
    #[default]
    Pushed,
    /// The one that was pulled last first; those that never were come last.
    Pulled,
    /// The largest first.
    Size,
    /// By name, numbers in it by value: `1.9` before `1.10`; untagged ones come last.
    Tag,
}

/// The order in which images are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// By what.
    pub key: SortKey,
    /// The other way round.
    pub reverse: bool,
}

impl Order {
    /// Sorts them; what is equal is sorted by digest, so that one repository has one list.
    pub fn sort(self, images: &mut [Image]) {
        images.sort_by(|one, other| {
            let ordering = self.compare(one, other);
            let ordering = if self.reverse { ordering.reverse() } else { ordering };
            ordering.then_with(|| one.detail.image_digest.cmp(&other.detail.image_digest))
        });
    }

    fn compare(self, one: &Image, other: &Image) -> Ordering {
        let (one, other) = (&one.detail, &other.detail);
        match self.key {
            SortKey::Pushed => Reverse(one.image_pushed_at).cmp(&Reverse(other.image_pushed_at)),
            SortKey::Pulled => {
                Reverse(one.last_recorded_pull_time).cmp(&Reverse(other.last_recorded_pull_time))
            }
            SortKey::Size => Reverse(one.image_size_in_bytes).cmp(&Reverse(other.image_size_in_bytes)),
            SortKey::Tag => match (one.image_tags.first(), other.image_tags.first()) {
                (Some(one), Some(other)) => natural(one, other),
                (one, other) => other.is_some().cmp(&one.is_some()),
            },
        }
    }
}

/// Compares texts, and runs of digits in them by their value.
pub fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (a, b) = (piece(left), piece(right));
        if a.is_empty() || b.is_empty() {
            // What is equal by value may be written in two ways: `1` and `01`.
            return a.len().cmp(&b.len()).then_with(|| one.cmp(other));
        }
        let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let ordering = if is_number(a) && is_number(b) {
            let (x, y) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            a.cmp(b)
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
        (left, right) = (&left[a.len()..], &right[b.len()..]);
    }
}

/// The run of digits, or of anything else, that a text begins with.
fn piece(text: &str) -> &str {
    let digit = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManifestDigest;
    use crate::ecr::image::ImageDetail;
    use proptest::prelude::*;

    fn image(seed: &str, tags: &[&str], pushed: i64, pulled: Option<i64>, size: u64) -> Image {
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        Image::new(ImageDetail {
            image_tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            image_pushed_at: Some(at(pushed)),
            last_recorded_pull_time: pulled.map(at),
            image_size_in_bytes: size,
            ..ImageDetail::new(ManifestDigest::of(seed.as_bytes()))
        })
    }

    fn passing(filter: &Filter) -> String {
        let images = [
            ("a", image("a", &["1.0", "stable"], 100, Some(500), 1)),
            ("b", image("b", &["dev-7"], 200, None, 2)),
            ("c", image("c", &[], 300, Some(310), 3)),
        ];
        images.iter().filter(|(_, image)| filter.passes(image)).map(|(name, _)| *name).collect()
    }

    #[test]
    fn conditions() {
        let at = |seconds| Some(Timestamp::from_second(seconds).unwrap());
        let glob = |text: &str| Wildcard::new(text.as_bytes()).unwrap();
        assert_eq!(passing(&Filter::default()), "abc");
        assert_eq!(passing(&Filter { tagged: Some(true), ..Filter::default() }), "ab");
        assert_eq!(passing(&Filter { tagged: Some(false), ..Filter::default() }), "c");
        assert_eq!(passing(&Filter { tags: vec![glob("dev-*")], ..Filter::default() }), "b");
        assert_eq!(passing(&Filter { tags: vec![glob("dev-*"), glob("1.?")], ..Filter::default() }), "ab");
        assert_eq!(passing(&Filter { pushed_before: at(200), ..Filter::default() }), "a");
        assert_eq!(passing(&Filter { pushed_since: at(200), ..Filter::default() }), "bc");
        // Never pulled: what counts is the push.
        assert_eq!(passing(&Filter { unused_since: at(400), ..Filter::default() }), "bc");
        assert_eq!(passing(&Filter { unused_since: at(250), ..Filter::default() }), "b");
        assert_eq!(passing(&Filter { kinds: vec![ImageKind::Index], ..Filter::default() }), "");
        let both = Filter { tagged: Some(true), pushed_since: at(150), ..Filter::default() };
        assert_eq!(passing(&both), "b");
    }

    #[test]
    fn orders() {
        let order = |key, reverse| {
            let mut images = [
                image("a", &["1.10"], 100, Some(500), 10),
                image("b", &["1.9"], 300, None, 30),
                image("c", &[], 200, Some(310), 20),
            ];
            let names: Vec<_> =
                ["a", "b", "c"].map(|seed| (ManifestDigest::of(seed.as_bytes()), seed)).into();
            Order { key, reverse }.sort(&mut images);
            let name = |image: &Image| {
                names.iter().find(|(digest, _)| *digest == image.detail.image_digest).unwrap().1
            };
            images.iter().map(name).collect::<String>()
        };
        assert_eq!(order(SortKey::Pushed, false), "bca");
        assert_eq!(order(SortKey::Pushed, true), "acb");
        assert_eq!(order(SortKey::Pulled, false), "acb");
        assert_eq!(order(SortKey::Size, false), "bca");
        assert_eq!(order(SortKey::Tag, false), "bac");
        assert_eq!(order(SortKey::Tag, true), "cab");
    }

    #[test]
    fn numbers_by_value() {
        let mut tags = ["v10", "v9", "1.10.0", "1.9.3", "1.9", "latest", "1.09", "v10-rc1"];
        tags.sort_by(|one, other| natural(one, other));
        assert_eq!(tags, ["1.09", "1.9", "1.9.3", "1.10.0", "latest", "v9", "v10", "v10-rc1"]);
    }

    proptest! {
        #[test]
        fn an_order_is_total(a in "[0-9a.]{0,6}", b in "[0-9a.]{0,6}", c in "[0-9a.]{0,6}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
            if natural(&a, &b) == Ordering::Less && natural(&b, &c) == Ordering::Less {
                prop_assert_eq!(natural(&a, &c), Ordering::Less);
            }
        }
    }
}
