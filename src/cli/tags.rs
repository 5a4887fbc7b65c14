//! Tags by rule, and labels from the CI or Git: `--tag-rule`, `--tag-flavor`, `--ci-labels`, `--ci-annotations`.

use super::Context;
use super::error::{CliError, Fail};
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::{Event, Reference};
use crate::ci::tags::{Applied, Scope};
use crate::ci::{Facts, TagRules, labels};
use crate::spec::ImageSettings;
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(next_help_heading = "Tags by rule, for names that have no tag of their own")]
pub(super) struct TagOptions {
    /// A tag from the branch, tag or commit, as in docker/metadata-action: type=ref,event=branch [repeatable]
    #[arg(long = "tag-rule", env = "CONSIGN_TAG_RULE", value_name = "RULE")]
    pub(super) rules: Vec<String>,
    /// For all tags by rule: latest=auto|true|false, prefix=TEXT, suffix=TEXT [repeatable]
    #[arg(long = "tag-flavor", env = "CONSIGN_TAG_FLAVOR", value_name = "FLAVOR")]
    pub(super) flavors: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Labels from the CI or Git")]
pub(super) struct LabelOptions {
    /// Set the labels org.opencontainers.image.title, url, source, version, created and revision
    #[arg(long, env = "CONSIGN_CI_LABELS", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) ci_labels: bool,
    /// Set annotations of these names in the manifest
    #[arg(long, env = "CONSIGN_CI_ANNOTATIONS", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) ci_annotations: bool,
}

impl LabelOptions {
    fn any(&self) -> bool {
        self.ci_labels || self.ci_annotations
    }
}

/// What rules and the CI make of what was typed.
#[derive(Debug, Default)]
pub(super) struct Derived {
    /// The names, each with its tag. Without rules they are as they were typed.
    pub(super) names: Vec<Reference>,
    /// What the rules gave, if they were needed.
    applied: Option<Applied>,
    /// The labels, if they were asked for.
    labels: Vec<(String, String)>,
    /// What was asked for and is not known.
    unknown: Vec<String>,
    /// Whether there are rules, and no name that they could give a tag to.
    idle: bool,
    /// Who knows: `GitLab CI`, `Git`.
    source: String,
}

impl Derived {
    /// Asks the CI and Git if that is needed, and nobody if not.
    pub(super) fn new(
        names: Vec<Reference>,
        tags: &TagOptions,
        wanted: Option<&LabelOptions>,
        context: &Context,
    ) -> Result<Self, Fail> {
        let rules = TagRules::parse(&tags.rules, &tags.flavors)?;
        if rules.is_empty() && !tags.flavors.is_empty() {
            return Err(CliError::input("--tag-flavor has no rule to go with")
                .hinted("add one, for example `--tag-rule type=ref,event=branch`")
                .into());
        }
        let wants_labels = wanted.is_some_and(LabelOptions::any);
        let wants_tags = !rules.is_empty() && names.iter().any(is_bare);
        let idle = !rules.is_empty() && !names.is_empty() && !wants_tags;
        if !wants_tags && !wants_labels {
            return Ok(Self { names, idle, ..Self::default() });
        }
        let environment = &context.environment;
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        let facts = Facts::gather(environment, &here);
        let scope = Scope::new(&facts, environment, SystemClock.now())?;
        let applied = if rules.is_empty() { None } else { Some(rules.apply(&scope)?) };
        let mut derived = Self { idle, ..Self::default() };
        derived.source = facts.ci.map_or_else(|| "Git".to_owned(), |ci| ci.to_string());
        if wants_labels {
            // A name for the version has nobody to give it if nobody knows the ref.
            let of_ref = if applied.is_none() { TagRules::of_ref().apply(&scope).ok() } else { None };
            let version = applied.as_ref().or(of_ref.as_ref()).and_then(Applied::version);
            let found = labels::labels(&facts, version)?;
            (derived.labels, derived.unknown) = (found.pairs, found.unknown);
        }
        derived.names = names;
        if wants_tags && let Some(applied) = applied {
            let applied = applied.require()?;
            derived.names = derived.names.into_iter().flat_map(|name| tagged(name, &applied)).collect();
            derived.applied = Some(applied);
        }
        Ok(derived)
    }

    /// Tells what was found, and what not.
    pub(super) fn tell(&self, context: &Context) {
        let reporter = &context.reporter;
        if let Some(applied) = &self.applied {
            let tags: Vec<_> = applied.tags.iter().map(|(tag, _)| tag.to_string()).collect();
            let what = format!("tags by rule, as {} tells: {}", self.source, tags.join(", "));
            reporter.event(Event::Started { what });
            for without in applied.without.iter().filter(|without| without.unexpected) {
                reporter.warn(format!("tag rule `{}` gives no tag: {}", without.rule, without.reason));
            }
        }
        if self.idle {
            reporter.warn("the tag rules are not used, as every name has a tag of its own".into());
        }
        if !self.unknown.is_empty() {
            reporter.warn(format!("neither the CI nor Git knows {}", self.unknown.join(", ")));
        }
    }

    /// Adds the labels and annotations that were asked for. What the user or the file says stays.
    pub(super) fn label(&self, image: &mut ImageSettings, wanted: &LabelOptions) {
        let add = |map: &mut BTreeMap<String, String>| {
            for (key, value) in &self.labels {
                map.entry(key.clone()).or_insert_with(|| value.clone());
            }
        };
        if wanted.ci_labels {
            add(&mut image.labels);
        }
        if wanted.ci_annotations {
            add(&mut image.annotations);
        }
    }

    /// The settings that follow, each with its name, value and source.
    pub(super) fn rows(&self) -> Vec<(&'static str, String, String)> {
        let mut rows = Vec::new();
        for name in &self.names {
            let mut given = self.applied.iter().flat_map(|applied| &applied.tags);
            if let Some((_, by)) = given.find(|(tag, _)| Some(tag) == name.tag.as_ref()) {
                rows.push(("tag", name.to_string(), format!("rule {by}")));
            }
        }
        for (key, value) in &self.labels {
            rows.push(("label of the commit", format!("{key}={value}"), self.source.clone()));
        }
        rows
    }
}

fn is_bare(name: &Reference) -> bool {
    name.tag.is_none() && name.digest.is_none()
}

/// `name` with each of the tags, or as it is if it has one of its own.
fn tagged(name: Reference, applied: &Applied) -> Vec<Reference> {
    if !is_bare(&name) {
        return vec![name];
    }
    applied.tags.iter().map(|(tag, _)| Reference { tag: Some(tag.clone()), ..name.clone() }).collect()
}
