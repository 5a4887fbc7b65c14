//! What ECR takes, and what is still not likely to be meant.

use super::deployed::Deployed;
use super::effect::Effect;
use super::evaluate::Selection;
use super::json::{self, Span};
use super::listing::{Image, Listing};
use super::policy::{Action, Count, Pattern, Policy, Rule, StorageClass, Tags};
use crate::base::{Timestamp, human};
use crate::spec::Problem;

/// Images that a repository can hold by ECR's quotas; a rule that keeps more never acts.
const MAX_IMAGES: u64 = 100_000;
/// Tags under which things are deployed.
const RELEASES: [&str; 9] =
    ["latest", "live", "main", "master", "prod", "production", "release", "releases", "stable"];

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lint {
    /// Rules before it take every image that the rule could select.
    NeverMatches,
    /// No image can have a tag like this.
    ImpossibleTag,
    /// An image needs a tag for every entry of a list.
    EveryEntry,
    /// By age alone, the newest image goes too.
    ExpiresTheNewest,
    /// The rule can't do anything.
    NeverActs,
    /// Nothing brings images to where the rule looks.
    NothingArchived,
    /// No image of the repository is selected.
    MatchesNothing,
    /// Something goes that is deployed.
    ExpiresDeployed,
    /// Signatures and the like are among the images without a tag.
    Referrers,
    /// Signatures and the like have tags, and count as images.
    SignatureTags,
    /// What indexes list counts as images.
    IndexChildren,
    /// What is deployed is not there.
    DeployedNotFound,
}

impl Lint {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NeverMatches => "NeverMatches",
            Self::ImpossibleTag => "ImpossibleTag",
            Self::EveryEntry => "EveryEntry",
            Self::ExpiresTheNewest => "ExpiresTheNewest",
            Self::NeverActs => "NeverActs",
            Self::NothingArchived => "NothingArchived",
            Self::MatchesNothing => "MatchesNothing",
            Self::ExpiresDeployed => "ExpiresDeployed",
            Self::Referrers => "Referrers",
            Self::SignatureTags => "SignatureTags",
            Self::IndexChildren => "IndexChildren",
            Self::DeployedNotFound => "DeployedNotFound",
        }
    }
}

/// One thing that is not likely to be meant, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub lint: Lint,
    /// Where, and what to do.
    pub problem: Problem,
}

/// What the policy meets.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The images.
    pub listing: &'a Listing,
    /// What is to stay.
    pub deployed: &'a [Deployed],
    /// When it is evaluated.
    pub now: Timestamp,
}

/// All findings, in the order of the text.
pub(super) fn lint(text: &str, policy: &Policy, ground: Option<Ground<'_>>) -> Vec<Finding> {
    let mut linter = Linter { text, findings: Vec::new() };
    let rules = policy.in_order();
    for (place, rule) in rules.iter().enumerate() {
        let same_class = |other: &&&Rule| other.class == rule.class;
        let before: Vec<&Rule> = rules[..place].iter().filter(same_class).copied().collect();
        let is_last = !rules[place + 1..].iter().any(|other| other.class == rule.class);
        linter.never_matches(rule, &before);
        linter.impossible_tags(rule);
        linter.every_entry(rule);
        linter.expires_the_newest(rule);
        linter.never_acts(rule, is_last);
    }
    linter.nothing_archived(policy);
    if let Some(ground) = ground {
        for rule in &rules {
            linter.on_images(rule, &ground);
        }
        linter.deployed(policy, &ground);
    }
    linter.findings.sort_by_key(|finding| (finding.problem.line, finding.problem.column));
    linter.findings
}

struct Linter<'a> {
    text: &'a str,
    findings: Vec<Finding>,
}

impl Linter<'_> {
    fn find(&mut self, lint: Lint, at: &Span, message: String, hint: &str) {
        let problem = json::problem(self.text, at, message, Some(hint.to_owned()));
        self.findings.push(Finding { lint, problem });
    }

    fn never_matches(&mut self, rule: &Rule, before: &[&Rule]) {
        let takers: Vec<&Rule> = match &rule.tags {
            Tags::Untagged => before.iter().filter(|other| other.tags == Tags::Any).copied().collect(),
            Tags::Any => {
                let untagged = before.iter().find(|other| other.tags == Tags::Untagged);
                let tagged = before.iter().find(|other| takes_all_tagged(&other.tags));
                untagged.zip(tagged).map(|(one, other)| vec![*one, *other]).unwrap_or_default()
            }
            tags => before.iter().filter(|other| covers(&other.tags, tags)).take(1).copied().collect(),
        };
        if takers.is_empty() {
            return;
        }
        let names: Vec<_> =
            takers.iter().map(|taker| format!("rule {} ({})", taker.priority, taker.tags)).collect();
        let message = format!(
            "the rule never has an image: {} {} all that it could select",
            names.join(" and "),
            if names.len() == 1 { "takes" } else { "take" }
        );
        let hint = "an image belongs to the first rule that selects it, even if that rule keeps it: give this rule a \
                    lower `rulePriority`, or leave it out";
        self.find(Lint::NeverMatches, &rule.places.tags, message, hint);
    }

    fn impossible_tags(&mut self, rule: &Rule) {
        let is_list_of_patterns = matches!(rule.tags, Tags::Patterns(_));
        for (entry, place) in rule.tags.entries().iter().zip(&rule.places.entries) {
            let literal = entry.replace('*', "");
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
            if !is_list_of_patterns && entry.contains('*') {
                let hint =
                    "in `tagPrefixList` a `*` stands for itself, and no tag has one: use `tagPatternList`";
                self.find(Lint::ImpossibleTag, place, format!("no tag begins with `{entry}`"), hint);
            } else if let Some(wrong) = literal.chars().find(|c| !legal(*c)) {
                let hint = if "^$[](){}?+|\\".contains(wrong) {
                    "patterns are no regular expressions: they know `*`, for any number of characters, and nothing else"
                } else {
                    "tags are made of letters, digits, `_`, `.` and `-`"
                };
                let message = format!("no tag matches `{entry}`: none has the character `{wrong}`");
                self.find(Lint::ImpossibleTag, place, message, hint);
            } else if entry.starts_with(['.', '-']) {
                let message = format!("no tag matches `{entry}`: none begins with `{}`", &entry[..1]);
                self.find(Lint::ImpossibleTag, place, message, "a `*` may be missing at the front");
            } else if literal.len() > 128 {
                let message = "no tag matches: none has more than 128 characters".to_owned();
                self.find(Lint::ImpossibleTag, place, message, "shorten it");
            }
        }
    }

    fn every_entry(&mut self, rule: &Rule) {
        let entries = rule.tags.entries();
        if entries.len() < 2 {
            return;
        }
        let patterns = rule.tags.patterns();
        let implied = |place: usize| {
            (0..patterns.len()).find(|other| {
                *other != place
                    && patterns[place].covers(&patterns[*other])
                    // Of two that are equal, the second one is too much.
                    && (!patterns[*other].covers(&patterns[place]) || *other < place)
            })
        };
        if let Some((place, other)) = (0..patterns.len()).find_map(|place| Some((place, implied(place)?))) {
            let message = format!("`{}` says nothing beside `{}`", entries[place], entries[other]);
            let hint = "an image needs a tag for every entry, and the tag for the one serves for the other: for images \
                        that have one or the other, write two rules";
            self.find(Lint::EveryEntry, &rule.places.entries[place], message, hint);
        } else {
            let hint = "for images that have one of these tags, write a rule for each";
            let message = format!("the rule is about images that are {}, all at once", rule.tags);
            self.find(Lint::EveryEntry, &rule.places.tags, message, hint);
        }
    }

    fn expires_the_newest(&mut self, rule: &Rule) {
        let Count::SincePushed(days) = rule.count else { return };
        if rule.action != Action::Expire {
            return;
        }
        let is_release = |entry: &String| {
            RELEASES.contains(&entry.trim_matches(['*', '-', '.', '_']).to_ascii_lowercase().as_str())
        };
        let what = match &rule.tags {
            Tags::Any => "every image".to_owned(),
            tags if takes_all_tagged(tags) => "every image with a tag".to_owned(),
            tags if tags.entries().iter().any(is_release) => format!("every image that is {tags}"),
            _ => return,
        };
        let days = human::count(usize::try_from(days).unwrap_or(usize::MAX), "day");
        let message = format!("{what} goes {days} after its push, the newest one too");
        let hint = "if nothing is pushed for so long, nothing is left to deploy or to go back to: \
                    `imageCountMoreThan` keeps the newest ones";
        self.find(Lint::ExpiresTheNewest, &rule.places.count_type, message, hint);
    }

    /// Rules that keep everything are used to take images away from later rules; without later rules they do nothing.
    fn never_acts(&mut self, rule: &Rule, is_last: bool) {
        let Count::MoreThan(keep) = rule.count else { return };
        if !is_last {
            return;
        }
        let (message, at) = if keep > MAX_IMAGES {
            let message =
                format!("the rule keeps {keep} images, and a repository holds {MAX_IMAGES} at most");
            (message, &rule.places.count_number)
        } else if matches!(rule.tags, Tags::Patterns(_)) && rule.tags.patterns().iter().any(Pattern::is_exact)
        {
            let message = format!("one image at most is {}, and the rule keeps {keep}", rule.tags);
            (message, &rule.places.tags)
        } else {
            return;
        };
        let hint = "such a rule can keep images away from rules behind it, and there is none: a `*` may be missing, or \
                    the rule can be left out";
        self.find(Lint::NeverActs, at, message, hint);
    }

    fn nothing_archived(&mut self, policy: &Policy) {
        let archives = policy.rules.iter().any(|rule| rule.action == Action::Archive);
        if let (Some(rule), false) =
            (policy.rules.iter().find(|rule| rule.class == StorageClass::Archive), archives)
        {
            let message = "no rule of the policy brings images into the archive".to_owned();
            let hint = "the rule acts on images that were archived by hand; a rule with the action `transition` \
                        archives them";
            self.find(Lint::NothingArchived, &rule.places.count_type, message, hint);
        }
    }

    fn on_images(&mut self, rule: &Rule, ground: &Ground<'_>) {
        let Ground { listing, now, .. } = ground;
        let Selection { selected, .. } = Selection::new(rule, listing, *now);
        let images: Vec<&Image> = selected.iter().map(|place| &listing.images()[*place]).collect();
        let counts = matches!(rule.count, Count::MoreThan(_));
        let standard = rule.class == StorageClass::Standard;
        // An archive that is empty is no mistake.
        if images.is_empty() && standard && !listing.images().is_empty() {
            let message = match &rule.tags {
                Tags::Any => "no image is there that the rule could select".to_owned(),
                Tags::Untagged => "every image has a tag".to_owned(),
                tags => format!("no image is {tags}"),
            };
            let message = format!("{message}: of {} images, the rule selects none", listing.images().len());
            self.find(
                Lint::MatchesNothing,
                &rule.places.tags,
                message,
                "check the tags; more may come later",
            );
        }
        let referrers = listing
            .images()
            .iter()
            .filter(|image| image.tags.is_empty() && listing.is_referrer(image))
            .count();
        if matches!(rule.tags, Tags::Untagged | Tags::Any) && standard && referrers > 0 {
            let message = if referrers == 1 {
                "an artifact without a tag refers to an image: a signature, an SBOM or an attestation"
                    .to_owned()
            } else {
                format!(
                    "{referrers} artifacts without a tag refer to images: signatures, SBOMs or attestations"
                )
            };
            let hint = "ECR's guide says that they go within a day after their subject, and not whether a rule about \
                        images without a tag spares them: look at ECR's own preview, `consign lifecycle preview \
                        REPOSITORY`, before the policy is set";
            self.find(Lint::Referrers, &rule.places.tags, message, hint);
        }
        let is_signature = |image: &&&Image| image.tags.iter().any(|tag| is_signature_tag(tag));
        let signatures = images.iter().filter(is_signature).count();
        if signatures > 0 {
            let message = if signatures == 1 {
                "an image that the rule selects is a signature or the like, with a tag as `sha256-….sig`"
                    .to_owned()
            } else {
                format!(
                    "{signatures} images that the rule selects are signatures or the like, with tags as \
                     `sha256-….sig`"
                )
            };
            let hint = "they count as images, and go apart from what they are about; a rule before this one that keeps \
                        what matches `sha256-*` takes them out";
            self.find(Lint::SignatureTags, &rule.places.tags, message, hint);
        }
        let listed = listing.listed();
        let children = images.iter().filter(|image| listed.contains(&image.digest)).count();
        if counts && children > 0 {
            let message = format!(
                "of {} that the rule counts, {} listed by indexes: one for each platform",
                human::count(images.len(), "image"),
                if children == 1 { "1 is".to_owned() } else { format!("{children} are") },
            );
            let hint = "fewer releases stay than the number says; `--keep-last N --expire-untagged DAYS` makes a policy \
                        that counts images with a tag alone";
            self.find(Lint::IndexChildren, &rule.places.count_number, message, hint);
        }
    }

    fn deployed(&mut self, policy: &Policy, ground: &Ground<'_>) {
        let effect = Effect::of(policy, ground.listing, ground.now);
        for deployed in ground.deployed {
            if deployed.find(ground.listing).is_none() {
                let message = format!("`{}` is deployed, and not in the repository", deployed.text());
                let hint = "check the name; what is not there can't be protected";
                self.find(Lint::DeployedNotFound, &(0..1), message, hint);
            }
            let Some(outcome) = deployed.threatened(ground.listing, &effect) else { continue };
            let Some(rule) = policy.rules.iter().find(|rule| rule.priority == outcome.priority) else {
                continue;
            };
            let message =
                format!("the rule would {} `{}`, which is deployed", outcome.action.name(), deployed.text());
            let hint = "give what is deployed a tag of its own, and put a rule for that tag, which keeps it, before \
                        this one";
            self.find(Lint::ExpiresDeployed, &rule.places.count_type, message, hint);
        }
    }
}

/// Whether a list takes every image that has a tag.
fn takes_all_tagged(tags: &Tags) -> bool {
    let patterns = tags.patterns();
    !patterns.is_empty() && patterns.iter().all(Pattern::is_everything)
}

/// Whether one list takes every image that the other takes: for each of its entries, the other has one that is narrower.
fn covers(one: &Tags, other: &Tags) -> bool {
    let (one, other) = (one.patterns(), other.patterns());
    !one.is_empty() && one.iter().all(|wide| other.iter().any(|narrow| wide.covers(narrow)))
}

/// The tags that cosign gives to what it stores about an image.
fn is_signature_tag(tag: &str) -> bool {
    let Some((digest, _)) =
        tag.strip_prefix("sha256-").map(|rest| rest.split_once('.').unwrap_or((rest, "")))
    else {
        return false;
    };
    digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
}
