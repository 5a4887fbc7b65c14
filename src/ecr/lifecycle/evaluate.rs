//! What a policy does to a list of images: a pure function.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html>. An image belongs to the
//! first rule that selects it by its tags and by where it is, and to no other; what that rule says of it is decided
//! among all images that the rule selects, whichever rule they belong to.

use super::listing::{Image, Listing, Status};
use super::policy::{Action, Count, Policy, Rule, StorageClass, Tags};
use crate::base::Timestamp;
use std::collections::BTreeSet;

/// Something is to be done to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its place in [`Listing::images`].
    pub image: usize,
    /// What.
    pub action: Action,
    /// The `rulePriority` of the rule that says so.
    pub priority: u64,
}

/// What the policy does at `now`, in the order of the listing.
///
/// Where ECR's guide says nothing: of images that were pushed at the same moment, the one with the greater digest counts
/// as newer; what an index lists counts among the images of a rule, although it stays; what refers to an image that is
/// there does not count.
pub fn evaluate(policy: &Policy, listing: &Listing, now: Timestamp) -> Vec<Mark> {
    let rules: Vec<(&Rule, Selection)> =
        policy.in_order().into_iter().map(|rule| (rule, Selection::new(rule, listing, now))).collect();
    let listed = listing.listed();
    let own = |place: usize| rules.iter().find(|(_, selection)| selection.selected.contains(&place));
    let mark = |place: usize| {
        let (rule, selection) = own(place)?;
        let is_due = selection.due.contains(&place) && !listed.contains(&listing.images()[place].digest);
        is_due.then_some(Mark { image: place, action: rule.action, priority: rule.priority })
    };
    (0..listing.images().len()).filter_map(mark).collect()
}

/// What one rule makes of the images, as if there were no other.
pub(super) struct Selection {
    /// The images that it is about, by their places.
    pub(super) selected: BTreeSet<usize>,
    /// Those among them that are too many or too old.
    pub(super) due: BTreeSet<usize>,
}

impl Selection {
    pub(super) fn new(rule: &Rule, listing: &Listing, now: Timestamp) -> Self {
        let images = listing.images();
        let mut selected: Vec<usize> = (0..images.len())
            .filter(|place| !listing.is_referrer(&images[*place]) && selects(rule, &images[*place]))
            .collect();
        let due = match rule.count {
            Count::MoreThan(keep) => {
                // The newest first.
                selected.sort_by_key(|place| std::cmp::Reverse((since(&images[*place], now), *place)));
                selected.iter().copied().skip(usize::try_from(keep).unwrap_or(usize::MAX)).collect()
            }
            Count::SincePushed(days) => older(&selected, days, now, |place| since(&images[place], now)),
            Count::SincePulled(days) => older(&selected, days, now, |place| used(&images[place], now)),
            Count::SinceTransitioned(days) => older(&selected, days, now, |place| {
                images[place].archived_at.unwrap_or(images[place].pushed_at)
            }),
        };
        Self { selected: selected.into_iter().collect(), due }
    }
}

/// Those that are older than so many days of 24 hours; what is exactly as old stays.
fn older(
    selected: &[usize],
    days: u64,
    now: Timestamp,
    moment: impl Fn(usize) -> Timestamp,
) -> BTreeSet<usize> {
    let hours = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(24);
    // More than there has been time: nothing is so old.
    let limit = jiff::SignedDuration::from_hours(hours.min(1_000_000_000));
    selected.iter().copied().filter(|place| now.duration_since(moment(*place)) > limit).collect()
}

/// When an image was pushed, or came back from the archive.
fn since(image: &Image, now: Timestamp) -> Timestamp {
    match image.status {
        Status::Activating => now,
        _ => image.activated_at.unwrap_or(image.pushed_at),
    }
}

/// When it was last of use, as far as is recorded.
fn used(image: &Image, now: Timestamp) -> Timestamp {
    let since = since(image, now);
    match image.pulled_at {
        // Pulled, and since then archived and restored: the later one counts.
        Some(pulled) if image.activated_at.is_some() || image.status == Status::Activating => {
            pulled.max(since)
        }
        Some(pulled) => pulled,
        None => since,
    }
}

fn selects(rule: &Rule, image: &Image) -> bool {
    let class = if image.status == Status::Archived { StorageClass::Archive } else { StorageClass::Standard };
    rule.class == class
        && match &rule.tags {
            Tags::Any => true,
            Tags::Untagged => image.tags.is_empty(),
            tags => tags.patterns().iter().all(|pattern| image.tags.iter().any(|tag| pattern.matches(tag))),
        }
}
