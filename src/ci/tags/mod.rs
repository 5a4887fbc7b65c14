//! Tags from the ref: the rules of docker/metadata-action, in every CI and on a plain checkout.
//!
//! <https://github.com/docker/metadata-action#tags-input>; docs/tags.md says where this differs.

mod error;
mod fields;
mod flavor;
mod moment;
mod pattern;
mod rule;
mod template;
mod version;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use error::TagError;

use super::job::{Event, Facts};
use crate::base::{Env, Failure, Tag, Timestamp};
use error::Wrong;
use flavor::{Flavor, Latest};
use rule::{Kind, RefEvent, Rule, Scheme, Source};
use template::{Lack, Template};
use version::Version;

/// How many digits a short hash has; the variable is metadata-action's, so that a pipeline can keep it.
const SHA_LENGTH: &str = "DOCKER_METADATA_SHORT_SHA_LENGTH";

/// The rules of a pipeline, and their flavor.
#[derive(Debug, Clone)]
pub struct TagRules {
    /// The one that comes first has the highest priority.
    rules: Vec<Rule>,
    flavor: Flavor,
}

/// What the rules are applied to.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    facts: &'a Facts,
    now: Timestamp,
    sha_length: usize,
}

impl<'a> Scope<'a> {
    /// `now` is what `{{date}}` tells.
    pub fn new(facts: &'a Facts, env: &Env, now: Timestamp) -> Result<Self, TagError> {
        let sha_length = match env.get(SHA_LENGTH) {
            None => 7,
            Some(text) => match text.parse() {
                Ok(length @ 4..=64) => length,
                _ => return Err(TagError::ShaLength { variable: SHA_LENGTH, value: text.into() }),
            },
        };
        Ok(Self { facts, now, sha_length })
    }

    fn short_sha(&self) -> Option<String> {
        let sha = self.facts.sha.as_deref()?;
        Some(sha.get(..self.sha_length).unwrap_or(sha).to_owned())
    }
}

/// What the rules gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The tags in their order, each once, with what gave it. The first one is the version.
    pub tags: Vec<(Tag, String)>,
    /// The rules that gave none.
    pub without: Vec<Without>,
    /// What they were applied to.
    built: String,
}

/// A rule that gave no tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Without {
    /// The rule, as it was written.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// Whether it was meant for this ref and failed at its text, so that its author should know.
    pub unexpected: bool,
}

impl Applied {
    /// The version: the tag that comes first.
    pub fn version(&self) -> Option<&Tag> {
        self.tags.first().map(|(tag, _)| tag)
    }

    /// That there is a tag at all.
    pub fn require(self) -> Result<Self, TagError> {
        if !self.tags.is_empty() {
            return Ok(self);
        }
        let reasons = self.without.into_iter().map(|without| (without.rule, without.reason)).collect();
        Err(TagError::NoTag { built: self.built, reasons })
    }
}

/// What one rule gives.
enum Outcome {
    /// A text for a tag, and whether `latest` goes with it by itself.
    Text { text: String, release: bool },
    /// Nothing, as it is not about this.
    Elsewhere(String),
    /// Nothing, though it is about this.
    Unfit(String),
}

impl TagRules {
    /// Reads rules and flavors, one a line. Lines that are blank or begin with `#` are none.
    pub fn parse(rules: &[String], flavors: &[String]) -> Result<Self, TagError> {
        let mut rules = fields::lines(rules).map(Rule::parse).collect::<Result<Vec<_>, _>>()?;
        // Of the same priority, the order is the one in which they were written.
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
        Ok(Self { rules, flavor: Flavor::parse(flavors)? })
    }

    /// What metadata-action does without rules: the name of the ref.
    pub fn of_ref() -> Self {
        let rules = ["type=schedule", "type=ref,event=branch", "type=ref,event=tag", "type=ref,event=pr"];
        Self::parse(&rules.map(str::to_owned), &[]).expect("invariant: these rules can be read")
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The tags for what is being built.
    pub fn apply(&self, scope: &Scope) -> Result<Applied, TagError> {
        let mut tags: Vec<(Tag, String)> = Vec::new();
        let mut without = Vec::new();
        let mut is_release = None;
        for rule in &self.rules {
            let mut gave_none = |reason: String, unexpected| {
                without.push(Without { rule: rule.text.clone(), reason, unexpected });
            };
            match self.outcome(rule, scope)? {
                Outcome::Elsewhere(reason) => gave_none(reason, false),
                Outcome::Unfit(reason) => gave_none(reason, true),
                Outcome::Text { text, .. } if text.is_empty() => {
                    gave_none("its value is empty".into(), false);
                }
                Outcome::Text { text, release } => match sanitised(&text) {
                    Err(reason) => gave_none(reason, true),
                    Ok(tag) => {
                        is_release.get_or_insert(release);
                        add(&mut tags, tag, &rule.text);
                    }
                },
            }
        }
        let latest = match (self.flavor.latest, is_release) {
            (_, None) | (Latest::Never, _) => None,
            (Latest::Auto, Some(release)) => release.then_some("latest=auto"),
            (Latest::Always, Some(_)) => Some("latest=true"),
        };
        if let Some(by) = latest {
            let tag = self.latest(scope)?;
            add(&mut tags, tag, by);
        }
        Ok(Applied { tags, without, built: scope.facts.to_string() })
    }

    /// The tag `latest`, with the affixes that go with it.
    fn latest(&self, scope: &Scope) -> Result<Tag, TagError> {
        let Flavor { prefix, suffix, .. } = &self.flavor;
        let affix = |affix: &flavor::Affix| {
            if !affix.on_latest {
                return Ok(String::new());
            }
            affix.text.render(scope, None).map_err(|lack| missing(lack, scope).of_flavor("onlatest=true"))
        };
        let text = format!("{}latest{}", affix(prefix)?, affix(suffix)?);
        sanitised(&text).map_err(|why| Wrong::new(why).of_flavor("onlatest=true"))
    }

    /// What `rule` gives, with its prefix and suffix.
    fn outcome(&self, rule: &Rule, scope: &Scope) -> Result<Outcome, TagError> {
        let render = |template: &Template| render(rule, template, scope, None);
        let enable = render(&rule.enable)?;
        match enable.as_str() {
            "true" => {}
            "false" => return Ok(Outcome::Elsewhere("it is not enabled".into())),
            _ => {
                let why = format!("`enable` is `{enable}` here, which is neither true nor false");
                return Err(Wrong::new(why).of_rule(&rule.text));
            }
        }
        Ok(match apply(rule, scope)? {
            // A prefix alone is no name for an image.
            Outcome::Text { text, release } if !text.is_empty() => {
                let prefix = render(rule.prefix.as_ref().unwrap_or(&self.flavor.prefix.text))?;
                let suffix = render(rule.suffix.as_ref().unwrap_or(&self.flavor.suffix.text))?;
                Outcome::Text { text: format!("{prefix}{text}{suffix}"), release }
            }
            other => other,
        })
    }
}

/// What `rule` gives, without its prefix and suffix.
fn apply(rule: &Rule, scope: &Scope) -> Result<Outcome, TagError> {
    let facts = scope.facts;
    let render = |template: &Template| render(rule, template, scope, None);
    let elsewhere = |wanted: &str| Ok(Outcome::Elsewhere(format!("it is for {wanted}")));
    let plain = |text: &str| Ok(Outcome::Text { text: text.to_owned(), release: false });
    // Where nobody knows the ref, a rule about it can't say that it is about something else.
    let known_ref = || match (&facts.git_ref, &facts.event, &facts.git) {
        (None, Event::Push | Event::Schedule, Some(_)) => Err(missing(Lack::Ref, scope).of_rule(&rule.text)),
        _ => Ok(facts),
    };
    let source = |source: &Source| match source {
        Source::Value(template) => render(template).map(Some),
        Source::Tag => Ok(known_ref()?.tag().map(str::to_owned)),
    };
    match &rule.kind {
        Kind::Schedule { pattern } => match facts.event {
            Event::Schedule => plain(&render(pattern)?),
            _ => elsewhere("a schedule"),
        },
        Kind::Version { scheme, pattern, source: from, matching } => {
            let Some(text) = source(from)? else { return elsewhere("tags") };
            let text = match matching {
                None => text,
                Some(matching) => match matching.find(&text).and_then(|found| found.get(1)) {
                    Some(group) => group.as_str().to_owned(),
                    None => return Ok(unmatched(matching, &text)),
                },
            };
            let version = match scheme {
                Scheme::Semver => Version::semver(&text),
                Scheme::Pep440 => Version::pep440(&text),
            };
            let Some(version) = version else {
                let book = match scheme {
                    Scheme::Semver => "semantic version (https://semver.org)",
                    Scheme::Pep440 => "version by PEP 440 (https://peps.python.org/pep-0440/)",
                };
                return Ok(Outcome::Unfit(format!("`{text}` is no {book}")));
            };
            // What is not a release is known by its whole name only: `1.2` must not be a beta of 1.2.3.
            let text = match (version.is_final, pattern.is_raw()) {
                (true, _) => self::render(rule, pattern, scope, Some(&version))?,
                (false, true) => version.raw,
                (false, false) => version.normal,
            };
            Ok(Outcome::Text { text, release: version.is_final })
        }
        Kind::Match { pattern, group, source: from } => {
            let Some(text) = source(from)? else { return elsewhere("tags") };
            match pattern.find(&text).and_then(|found| found.get(*group)) {
                Some(group) => Ok(Outcome::Text { text: group.as_str().to_owned(), release: true }),
                None => Ok(unmatched(pattern, &text)),
            }
        }
        Kind::Edge { branch } => {
            let Some(found) = known_ref()?.branch() else { return elsewhere("a branch") };
            let wanted = branch.as_ref().or(facts.default_branch.as_ref());
            match wanted {
                None => Err(missing(Lack::DefaultBranch, scope).of_rule(&rule.text)),
                Some(wanted) if wanted == found => plain("edge"),
                Some(wanted) => elsewhere(&format!("the branch `{wanted}`")),
            }
        }
        Kind::Ref(RefEvent::PullRequest) => match &facts.event {
            Event::PullRequest { number } => plain(number),
            _ => elsewhere("pull requests"),
        },
        Kind::Ref(RefEvent::Branch) => known_ref()?.branch().map_or_else(|| elsewhere("branches"), plain),
        Kind::Ref(RefEvent::Tag) => match known_ref()?.tag() {
            Some(tag) => Ok(Outcome::Text { text: tag.to_owned(), release: true }),
            None => elsewhere("tags"),
        },
        Kind::Raw { value } => plain(&render(value)?),
        Kind::Sha { long } => {
            let sha = if *long { facts.sha.clone() } else { scope.short_sha() };
            match sha {
                Some(sha) => plain(&sha),
                None => Err(missing(Lack::Sha, scope).of_rule(&rule.text)),
            }
        }
    }
}

fn unmatched(pattern: &pattern::Pattern, text: &str) -> Outcome {
    Outcome::Unfit(format!("`{}` does not match `{text}`", pattern.as_str()))
}

fn render(
    rule: &Rule,
    template: &Template,
    scope: &Scope,
    version: Option<&Version>,
) -> Result<String, TagError> {
    template.render(scope, version).map_err(|lack| missing(lack, scope).of_rule(&rule.text))
}

/// Says what is not known, who did not say it, and what to do.
fn missing(lack: Lack, scope: &Scope) -> Wrong {
    let (what, hint) = match lack {
        Lack::Ref => ("the branch or tag", None),
        Lack::Sha => ("the commit", None),
        Lack::DefaultBranch => (
            "the default branch",
            Some(
                "let the clone know it: `git remote set-head origin --auto`; `type=edge` takes it from `branch=` too",
            ),
        ),
        Lack::CommitDate => ("the date of the commit", Some("fetch the commit, so that Git has it")),
    };
    let git = match &scope.facts.git {
        Some(error) => error.to_string(),
        None => "the checkout does not know it".into(),
    };
    let why = match scope.facts.ci {
        Some(ci) => format!("it needs {what}, which {ci} does not tell, and {git}"),
        None => format!("it needs {what}, and {git}"),
    };
    let wrong = Wrong::new(why);
    let of_git = scope.facts.git.as_ref().and_then(Failure::hint);
    match of_git.or_else(|| hint.map(str::to_owned)) {
        Some(hint) => wrong.hinted(hint),
        None => wrong,
    }
}

fn add(tags: &mut Vec<(Tag, String)>, tag: Tag, by: &str) {
    if !tags.iter().any(|(known, _)| *known == tag) {
        tags.push((tag, by.to_owned()));
    }
}

/// `text` as a tag: what a tag can't hold becomes `-`, and what it can't begin with is left out.
fn sanitised(text: &str) -> Result<Tag, String> {
    let mut clean = String::with_capacity(text.len());
    let mut replaced = false;
    for character in text.chars() {
        let legal = character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
        match (legal, replaced) {
            (true, _) => clean.push(character),
            (false, false) => clean.push('-'),
            (false, true) => {}
        }
        replaced = !legal;
    }
    let clean = clean.trim_start_matches(['.', '-']);
    if clean.is_empty() {
        return Err(format!("nothing of `{text}` can be in a tag"));
    }
    clean.parse().map_err(|_| format!("`{clean}` has {} characters, and a tag has 128 at most", clean.len()))
}
