//! What a policy would do: found out, and shown.

use super::Calls;
use crate::base::clock::rfc3339;
use crate::base::{Event, Failure as _, Kind, Timestamp, human};
use crate::cli::Context;
use crate::cli::error::{CliError, Fail};
use crate::cli::table::{Align, Table};
use crate::ecr::lifecycle::{
    Action, Deployed, Effect, Finding, Ground, LifecycleError, Lint, Listing, Outcome, Patience, Policy, lint,
};
use crate::spec::{Problem, SpecError};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// What is to be found out.
pub(super) struct Asked<'a> {
    /// What the policy is called in messages.
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
    pub(super) policy: &'a Policy,
    pub(super) deployed: &'a [Deployed],
    /// Whether it is evaluated here, and not by ECR.
    pub(super) offline: bool,
    /// With ECR's preview.
    pub(super) patience: Patience,
    /// If it was given.
    pub(super) listing: Option<Listing>,
    pub(super) now: Timestamp,
}

/// What was found out.
pub(super) struct Found {
    effect: Effect,
    /// When it was evaluated here; none if ECR did it.
    evaluated: Option<Timestamp>,
    /// What is deployed and would go: how it was named, and what would become of it.
    threatened: Vec<(String, Outcome)>,
    /// What is deployed and of which nothing is known.
    unknown: Vec<String>,
}

/// Finds out what a policy would do, and tells what is not likely to be meant with it.
pub(super) async fn find(
    asked: Asked<'_>,
    calls: Option<Calls<'_>>,
    context: &Context,
) -> Result<Found, Fail> {
    let Asked { file, text, policy, deployed, offline, patience, listing, now } = asked;
    let here = offline || listing.is_some();
    let no_images = || CliError::internal("there is neither a repository nor a list of images");
    let (effect, listing) = if here {
        let listing = match (listing, calls) {
            (Some(listing), _) => listing,
            (None, Some(calls)) => calls.images(policy.looks_at_pulls()).await?,
            (None, None) => return Err(no_images().into()),
        };
        (Effect::of(policy, &listing, now), Some(listing))
    } else {
        let calls = calls.ok_or_else(no_images)?;
        let tell = |what: String| context.reporter.event(Event::Started { what });
        let outcomes = Box::pin(calls.preview(Some(text), patience, &tell)).await?;
        let listing = match calls.images(policy.looks_at_pulls()).await {
            Ok(listing) => Some(listing),
            Err(LifecycleError::Registry(error)) if error.kind() == Kind::Denied => {
                context.reporter.warn(format!("sizes are not known, nor what refers to what goes: {error}"));
                None
            }
            Err(error) => return Err(error.into()),
        };
        (Effect::new(outcomes, listing.as_ref()), listing)
    };
    let ground = listing.as_ref().map(|listing| Ground { listing, deployed: &[], now });
    let mut findings = lint(text, policy, ground);
    // What ECR does with artifacts is seen in its own preview.
    findings.retain(|finding| here || finding.lint != Lint::Referrers);
    show(file, &findings, context);
    let (mut threatened, mut unknown) = (Vec::new(), Vec::new());
    for deployed in deployed {
        match &listing {
            Some(listing) if deployed.find(listing).is_none() => unknown.push(deployed.text().to_owned()),
            Some(listing) => threatened.extend(
                deployed
                    .threatened(listing, &effect)
                    .map(|outcome| (deployed.text().to_owned(), outcome.clone())),
            ),
            None => threatened.extend(
                effect
                    .outcomes
                    .iter()
                    .find(|outcome| deployed.is(&outcome.digest, &outcome.tags))
                    .map(|outcome| (deployed.text().to_owned(), outcome.clone())),
            ),
        }
    }
    for deployed in &unknown {
        context.reporter.warn(format!("`{deployed}` is deployed, and not in the repository"));
    }
    Ok(Found { effect, evaluated: here.then_some(now), threatened, unknown })
}

/// Tells of findings, as compilers do.
pub(super) fn show(file: &Path, findings: &[Finding], context: &Context) {
    for Finding { lint, problem } in findings {
        let message = format!("{}: {}", lint.name(), problem.message);
        let problems = vec![Problem { message, ..problem.clone() }];
        context.reporter.warn(SpecError { file: file.to_owned(), problems }.to_string());
    }
}

impl Found {
    /// For people: a table, and what it comes to.
    pub(super) fn text(&self) -> String {
        let mut table = Table::new(&[
            ("RULE", Align::Right),
            ("ACTION", Align::Left),
            ("PUSHED", Align::Left),
            ("SIZE", Align::Right),
            ("TAGS", Align::Left),
            ("DIGEST", Align::Left),
        ]);
        for outcome in &self.effect.outcomes {
            table.row([
                outcome.priority.to_string(),
                outcome.action.name().to_owned(),
                outcome.pushed_at.map(rfc3339).unwrap_or_default(),
                // The size that ECR gives for an index is that of an image that it lists.
                outcome.size.filter(|_| !outcome.is_index).map(human::size).unwrap_or_default(),
                outcome.tags.join(", "),
                outcome.digest.to_string(),
            ]);
        }
        let mut text = table.text();
        if !text.is_empty() {
            text.push('\n');
        }
        for line in self.summary() {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    fn summary(&self) -> Vec<String> {
        let effect = &self.effect;
        let mut lines = Vec::new();
        let of = effect.around.map(|around| format!(" of {}", around.images)).unwrap_or_default();
        for (action, verb) in [(Action::Expire, "expire"), (Action::Archive, "go into the archive")] {
            let number = effect.with(action).count();
            if number == 0 {
                continue;
            }
            let room = match effect.bytes(action) {
                Some(bytes) => {
                    format!("{} at most, as layers that they share with others stay", human::size(bytes))
                }
                None => "how much room they take is not known".to_owned(),
            };
            let noun = if number == 1 && of.is_empty() { "image" } else { "images" };
            lines.push(format!("{number}{of} {noun} would {verb}: {room}"));
        }
        if lines.is_empty() {
            lines.push(match effect.around {
                Some(around) => {
                    let stay = if around.images == 1 { "stays" } else { "stay" };
                    format!("nothing would go: {} {stay}", human::count(around.images, "image"))
                }
                None => "nothing would go".to_owned(),
            });
        }
        let Some(around) = effect.around else { return lines };
        let they = |number: usize, one: &str, many: &str| {
            if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
        };
        if around.followers > 0 {
            lines.push(they(
                around.followers,
                "artifact refers to these, and goes within a day after them",
                "artifacts refer to these, and go within a day after them",
            ));
        }
        if around.orphans > 0 {
            lines.push(format!(
                "{} listed by these indexes alone: the policy is free to act on what they list after that",
                they(around.orphans, "image is", "images are")
            ));
        }
        if around.unread_indexes > 0 {
            lines.push(format!(
                "it is not known what {}: ECR keeps what they list, {}",
                they(around.unread_indexes, "index lists", "indexes list"),
                if self.evaluated.is_some() {
                    "and here it may be among what goes"
                } else {
                    "and how much of that is left alone after them is not known"
                }
            ));
        }
        lines
    }

    /// For programs.
    pub(super) fn json(&self, repository: Option<&str>) -> Value {
        let effect = &self.effect;
        let images = effect.outcomes.iter().map(|outcome| {
            json!({
                "imageDigest": outcome.digest,
                "imageTags": outcome.tags,
                "imagePushedAt": outcome.pushed_at.map(rfc3339),
                "imageSizeInBytes": outcome.size,
                "isIndex": outcome.is_index,
                "action": outcome.action.name(),
                "rulePriority": outcome.priority,
            })
        });
        let total =
            |action: Action| json!({ "images": effect.with(action).count(), "bytes": effect.bytes(action) });
        let threatened = self.threatened.iter().map(|(text, outcome)| {
            json!({ "image": text, "imageDigest": outcome.digest, "rulePriority": outcome.priority })
        });
        let around = effect.around;
        json!({
            "repository": repository,
            "evaluatedBy": if self.evaluated.is_some() { "consign" } else { "ecr" },
            "evaluatedFor": self.evaluated.map(rfc3339),
            "images": images.collect::<Vec<_>>(),
            "summary": {
                "images": around.map(|around| around.images),
                "expire": total(Action::Expire),
                "archive": total(Action::Archive),
                "referrers": around.map(|around| around.followers),
                "listedByExpiredIndexes": around.map(|around| around.orphans),
                "unreadIndexes": around.map(|around| around.unread_indexes),
            },
            "deployed": threatened.collect::<Vec<_>>(),
            "deployedNotFound": self.unknown,
        })
    }

    /// Fails if something would go that is deployed.
    pub(super) fn gate(&self) -> Result<(), Fail> {
        if self.threatened.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> = self
            .threatened
            .iter()
            .map(|(text, outcome)| {
                format!("\n  rule {} would {} `{text}`", outcome.priority, outcome.action.name())
            })
            .collect();
        let message = format!("the policy acts on what is deployed:{}", lines.concat());
        Err(CliError::gate(message)
            .hinted(
                "give what is deployed a tag of its own, and put a rule for that tag, which keeps it, before the others",
            )
            .into())
    }
}
