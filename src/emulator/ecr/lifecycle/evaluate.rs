//! What a lifecycle policy does to a set of images: a pure function.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html>, evaluation rules. All
//! rules look at the same images; each identifies those that it selects, as if no other rule existed, and marks
//! some of them. An image that matches what a rule says of tags is out of reach for every rule after it, whether
//! that rule marks it or not.

use super::grammar::{Action, Count, Policy, Rule, Tags};
use crate::base::Timestamp;
use crate::emulator::glob;

/// An image, as far as a policy cares.
#[derive(Debug, Clone)]
pub(in crate::emulator) struct Subject {
    pub(in crate::emulator) tags: Vec<String>,
    pub(in crate::emulator) pushed_at: Timestamp,
    pub(in crate::emulator) last_pull: Option<Timestamp>,
    /// When it came back from the archive.
    pub(in crate::emulator) activated_at: Option<Timestamp>,
    /// Since when it is in the archive, if it is.
    pub(in crate::emulator) archived_at: Option<Timestamp>,
    /// An index lists it.
    pub(in crate::emulator) listed: bool,
}

/// What is to be done to one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::emulator) struct Mark {
    /// Its place among the images.
    pub(in crate::emulator) image: usize,
    pub(in crate::emulator) action: Action,
    /// Of the rule that says so.
    pub(in crate::emulator) priority: i64,
}

impl Subject {
    fn since(&self) -> Timestamp {
        self.activated_at.unwrap_or(self.pushed_at)
    }

    /// What ages are counted from, and images ordered by, for a rule.
    fn moment(&self, count: Count) -> Timestamp {
        match count {
            Count::SincePulled(_) => {
                let pulled = self.last_pull.unwrap_or(self.pushed_at);
                self.activated_at.map_or(pulled, |activated| activated.max(pulled))
            }
            Count::SinceTransitioned(_) => self.archived_at.unwrap_or(self.pushed_at),
            Count::MoreThan(_) | Count::SincePushed(_) => self.since(),
        }
    }
}

/// Whether `rule` is about the image, by its tags and where it is stored.
fn selects(rule: &Rule, image: &Subject) -> bool {
    let all = |entries: &[String], test: fn(&str, &str) -> bool| {
        entries.iter().all(|entry| image.tags.iter().any(|tag| test(entry, tag)))
    };
    rule.archived == image.archived_at.is_some()
        && match &rule.tags {
            Tags::Any => true,
            Tags::Untagged => image.tags.is_empty(),
            Tags::Prefixes(prefixes) => all(prefixes, |prefix, tag| tag.starts_with(prefix)),
            Tags::Patterns(patterns) => all(patterns, glob::matches),
        }
}

/// The images that the policy acts on at `now`, the oldest first within each rule.
pub(in crate::emulator) fn evaluate(policy: &Policy, images: &[Subject], now: Timestamp) -> Vec<Mark> {
    let mut rules: Vec<&Rule> = policy.rules.iter().collect();
    rules.sort_by_key(|rule| rule.priority);
    let mut claimed = vec![false; images.len()];
    let mut marks = Vec::new();
    for rule in rules {
        let mut identified: Vec<usize> =
            (0..images.len()).filter(|image| selects(rule, &images[*image])).collect();
        identified.sort_by_key(|image| (images[*image].moment(rule.count), *image));
        let beyond = match rule.count {
            Count::MoreThan(keep) => {
                identified.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX))
            }
            Count::SincePushed(days) | Count::SincePulled(days) | Count::SinceTransitioned(days) => {
                let limit = jiff::SignedDuration::from_hours(days.saturating_mul(24).min(2_000_000_000));
                identified
                    .partition_point(|image| now.duration_since(images[*image].moment(rule.count)) > limit)
            }
        };
        for image in &identified[..beyond] {
            if !claimed[*image] && !images[*image].listed {
                marks.push(Mark { image: *image, action: rule.action, priority: rule.priority });
            }
        }
        for image in identified {
            claimed[image] = true;
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn image(tags: &[&str], days_ago: i64) -> Subject {
        Subject {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            pushed_at: now() - jiff::SignedDuration::from_hours(24 * days_ago),
            last_pull: None,
            activated_at: None,
            archived_at: None,
            listed: false,
        }
    }

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn tagged(priority: i64, list: &str, entries: &[&str], count: i64) -> Value {
        json!({
            "rulePriority": priority,
            "selection": {
                "tagStatus": "tagged", list: entries, "countType": "imageCountMoreThan", "countNumber": count,
            },
            "action": { "type": "expire" },
        })
    }

    fn run(rules: Value, images: &[Subject]) -> Vec<(usize, i64)> {
        let mut policy = json!({});
        policy["rules"] = rules;
        let policy = Policy::parse(&policy.to_string()).unwrap();
        let mut marks: Vec<_> =
            evaluate(&policy, images, now()).into_iter().map(|mark| (mark.image, mark.priority)).collect();
        marks.sort_unstable();
        marks
    }

    fn guide() -> [Subject; 3] {
        [image(&["beta-1", "prod-1"], 10), image(&["beta-2", "prod-2"], 9), image(&["beta-3"], 8)]
    }

    #[test]
    fn filtering_on_multiple_rules() {
        for list in ["tagPrefixList", "tagPatternList"] {
            let star = if list == "tagPatternList" { "*" } else { "" };
            let (prod, beta) = (format!("prod{star}"), format!("beta{star}"));
            let rules = json!([tagged(1, list, &[&prod], 1), tagged(2, list, &[&beta], 1)]);
            assert_eq!(run(rules, &guide()), [(0, 1)], "example A");
            let rules = json!([tagged(1, list, &[&beta], 1), tagged(2, list, &[&prod], 1)]);
            assert_eq!(run(rules, &guide()), [(0, 1), (1, 1)], "example B");
        }
    }

    #[test]
    fn several_entries_have_to_hold_together() {
        let images = [
            image(&["alpha-1"], 12),
            image(&["beta-1"], 11),
            image(&["alpha-2", "beta-2"], 10),
            image(&["alpha-3"], 9),
            image(&["beta-4"], 8),
            image(&["alpha-5", "beta-5"], 7),
            image(&["alpha-6", "gamma-6"], 6),
        ];
        assert_eq!(run(json!([tagged(1, "tagPrefixList", &["alpha", "beta"], 1)]), &images), [(2, 1)]);
        assert_eq!(run(json!([tagged(1, "tagPatternList", &["alpha*", "beta*"], 1)]), &images), [(2, 1)]);
        assert_eq!(run(json!([tagged(1, "tagPatternList", &["alpha-*-x"], 1)]), &images), []);
    }

    #[test]
    fn filtering_on_all_images() {
        let any = |priority, count| {
            json!({
                "rulePriority": priority,
                "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count },
                "action": { "type": "expire" },
            })
        };
        let mut images = guide().to_vec();
        images.push(image(&[], 20));
        images.push(image(&[], 1));
        assert_eq!(run(json!([any(1, 2)]), &images), [(0, 1), (1, 1), (3, 1)]);
        // The guide's "any" example: what is tagged and young enough for the first rules is not touched.
        let rules = json!([
            tagged(1, "tagPrefixList", &["prod"], 1),
            tagged(2, "tagPrefixList", &["beta"], 1),
            any(3, 1)
        ]);
        assert_eq!(run(rules, &images), [(0, 1), (3, 3)]);
    }

    #[test]
    fn claimed_images_still_count() {
        // The newest is claimed by the first rule; the second one sees it, so it keeps no other.
        let images = [image(&["dev-1"], 3), image(&["dev-2", "prod-2"], 2)];
        let rules =
            json!([tagged(1, "tagPrefixList", &["prod"], 9), tagged(2, "tagPrefixList", &["dev"], 1)]);
        assert_eq!(run(rules, &images), [(0, 2)]);
    }

    #[test]
    fn ages_are_counted_in_days() {
        let rule = |status: &str, kind: &str, days: i64, action: Value| {
            json!([{
                "rulePriority": 1,
                "selection": {
                    "tagStatus": status, "countType": kind, "countUnit": "days", "countNumber": days,
                    "storageClass": if kind == "sinceImageTransitioned" { "archive" } else { "standard" },
                },
                "action": action,
            }])
        };
        let expire = json!({ "type": "expire" });
        let images = [image(&[], 15), image(&[], 14), image(&["x"], 99)];
        assert_eq!(run(rule("untagged", "sinceImagePushed", 14, expire.clone()), &images), [(0, 1)]);

        let archive = json!({ "type": "transition", "targetStorageClass": "archive" });
        let mut pulled = [image(&[], 50), image(&[], 50), image(&[], 50)];
        pulled[1].last_pull = Some(image(&[], 5).pushed_at);
        pulled[2].activated_at = Some(image(&[], 5).pushed_at);
        assert_eq!(run(rule("any", "sinceImagePulled", 30, archive), &pulled), [(0, 1)]);

        let mut archived = [image(&[], 500), image(&[], 500), image(&[], 500)];
        archived[0].archived_at = Some(image(&[], 91).pushed_at);
        archived[1].archived_at = Some(image(&[], 89).pushed_at);
        assert_eq!(run(rule("any", "sinceImageTransitioned", 90, expire), &archived), [(0, 1)]);
    }

    #[test]
    fn children_of_an_index_stay() {
        let mut images = [image(&[], 30), image(&["1"], 30)];
        images[0].listed = true;
        let rules = json!([{
            "rulePriority": 1,
            "selection": {
                "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1,
            },
            "action": { "type": "expire" },
        }]);
        assert_eq!(run(rules, &images), []);
    }
}
