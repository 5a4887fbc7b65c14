//! What would become of a repository: the images that go, the room that they take, and what goes after them.

use super::evaluate::evaluate;
use super::listing::Listing;
use super::policy::{Action, Policy};
use crate::base::{ManifestDigest, Timestamp};
use std::collections::BTreeSet;

/// What happens to one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Of its manifest.
    pub digest: ManifestDigest,
    /// On it.
    pub tags: Vec<String>,
    /// When it was pushed.
    pub pushed_at: Option<Timestamp>,
    /// Bytes, as ECR counts them, if that is known.
    pub size: Option<u64>,
    /// Whether it is an index, whose size is that of an image that it lists.
    pub is_index: bool,
    /// What.
    pub action: Action,
    /// The `rulePriority` of the rule that says so.
    pub priority: u64,
}

/// Everything that a policy would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// By rule, and the oldest first.
    pub outcomes: Vec<Outcome>,
    /// What else is known, if the images could be listed.
    pub around: Option<Around>,
}

/// What a list of all images tells besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Around {
    /// Images, indexes and artifacts of the repository.
    pub images: usize,
    /// Artifacts that refer to what goes; ECR takes them away within a day after it.
    pub followers: usize,
    /// Images that only indexes that go list: the policy is free to act on them after that.
    pub orphans: usize,
    /// Indexes of which it is not known what they list.
    pub unread_indexes: usize,
}

impl Effect {
    /// Of a policy on these images.
    pub fn of(policy: &Policy, listing: &Listing, now: Timestamp) -> Self {
        let outcome = |mark: super::Mark| {
            let image = &listing.images()[mark.image];
            Outcome {
                digest: image.digest,
                tags: image.tags.clone(),
                pushed_at: Some(image.pushed_at),
                size: image.size,
                is_index: image.is_index,
                action: mark.action,
                priority: mark.priority,
            }
        };
        let marks = evaluate(policy, listing, now);
        Self::new(marks.into_iter().map(outcome).collect(), Some(listing))
    }

    /// Of outcomes that ECR told. What it did not tell of the images is taken from `listing`.
    pub fn new(mut outcomes: Vec<Outcome>, listing: Option<&Listing>) -> Self {
        for outcome in &mut outcomes {
            if let Some(image) = listing.and_then(|listing| listing.get(&outcome.digest)) {
                outcome.size = outcome.size.or(image.size);
                outcome.is_index = image.is_index;
            }
        }
        outcomes.sort_by_key(|outcome| (outcome.priority, outcome.pushed_at, outcome.digest));
        let around = listing.map(|listing| around(&outcomes, listing));
        Self { outcomes, around }
    }

    /// Those to which this is done.
    pub fn with(&self, action: Action) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(move |outcome| outcome.action == action)
    }

    /// Bytes of the images to which this is done, if all of them are known. Layers that other images share are among
    /// them, so it is the most that it can be. Indexes have no bytes of their own.
    pub fn bytes(&self, action: Action) -> Option<u64> {
        self.with(action).filter(|outcome| !outcome.is_index).map(|outcome| outcome.size).sum()
    }

    /// What becomes of an image.
    pub fn on(&self, digest: &ManifestDigest) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.digest == *digest)
    }
}

fn around(outcomes: &[Outcome], listing: &Listing) -> Around {
    let gone: BTreeSet<ManifestDigest> = outcomes.iter().map(|outcome| outcome.digest).collect();
    let images = listing.images();
    let is_gone = |digest: &ManifestDigest| gone.contains(digest);
    let children = |of_gone: bool| -> BTreeSet<ManifestDigest> {
        let indexes = images.iter().filter(|image| is_gone(&image.digest) == of_gone);
        indexes.flat_map(|image| image.children.iter().flatten().copied()).collect()
    };
    let (left, kept) = (children(true), children(false));
    Around {
        images: images.len(),
        followers: images.iter().filter(|image| image.subject.as_ref().is_some_and(is_gone)).count(),
        orphans: left
            .iter()
            .filter(|digest| !kept.contains(digest) && !is_gone(digest) && listing.get(digest).is_some())
            .count(),
        unread_indexes: listing.unread_indexes(),
    }
}
