//! Policies in one flag.

use serde_json::{Value, json};

/// How much of a repository is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// So many of the newest images.
    pub last: Option<u64>,
    /// Images without a tag for so many days.
    pub untagged_days: Option<u64>,
}

impl Keep {
    /// The text of the policy; none if nothing is to be deleted.
    ///
    /// With a rule of their own for images without a tag, only those with a tag count among the newest: the images
    /// that indexes list have none, and otherwise count as well.
    pub fn text(self) -> Option<String> {
        let expire = json!({ "type": "expire" });
        let newest = |priority: u64, keep: u64, mut selection: Value| {
            selection["countType"] = "imageCountMoreThan".into();
            selection["countNumber"] = keep.into();
            let images = if selection["tagStatus"] == "any" { "images" } else { "images with a tag" };
            let description = format!("Keep the {keep} newest {images}");
            json!({ "rulePriority": priority, "description": description, "selection": selection, "action": expire })
        };
        let untagged = |priority: u64, days: u64| {
            json!({
                "rulePriority": priority,
                "description": format!("Keep images without a tag for {days} days"),
                "selection": {
                    "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": days,
                },
                "action": expire,
            })
        };
        let rules = match (self.last, self.untagged_days) {
            (None, None) => return None,
            (Some(keep), None) => vec![newest(1, keep, json!({ "tagStatus": "any" }))],
            (None, Some(days)) => vec![untagged(1, days)],
            (Some(keep), Some(days)) => vec![
                untagged(1, days),
                newest(2, keep, json!({ "tagStatus": "tagged", "tagPatternList": ["*"] })),
            ],
        };
        Some(format!("{:#}\n", json!({ "rules": rules })))
    }
}
