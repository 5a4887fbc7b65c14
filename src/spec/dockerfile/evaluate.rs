//! A Dockerfile with its variables replaced: the stages that a target needs, and what each of them does.
//!
//! What a base image brings along, its environment above all, is an input. Where it is not known, nothing is said
//! about what depends on it: neither that a variable is undefined nor that a value is wrong.

use super::Dockerfile;
use super::expand::{Budget, ExpandError, Expansion, Lexer};
use super::ignored::Ignored;
use super::instruction::{Body, Head, Instruction, Stage};
use super::lint::{Lint, Rule};
use super::parse::trigger;
use super::source::{Faults, Span};
use super::stage::{Inherited, State, evaluate_stage};
use super::stages::{CANDIDATES, Links, Names, Origin, context, cycles, links, needed, target};
use super::step::{Action, Step};
use super::values;
use super::words::Word;
use crate::base::Platform;
use crate::base::suggest::nearest;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a build is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The stage that is wanted; none is the last one.
    pub target: Option<String>,
    /// Whether all stages are evaluated, needed or not.
    pub all_stages: bool,
    /// `--build-arg`
    pub build_args: BTreeMap<String, String>,
    /// What is built for.
    pub platform: Platform,
    /// What is built on.
    pub build_platform: Platform,
    /// Names of contexts that are given beside the main one.
    pub contexts: BTreeSet<String>,
    /// What the ignore file leaves out of the context; only a check looks at it.
    pub ignored: Option<Ignored>,
}

impl Options {
    /// For a platform, and nothing else asked for.
    pub fn new(platform: Platform) -> Self {
        Self {
            target: None,
            all_stages: false,
            build_args: BTreeMap::new(),
            build_platform: platform.clone(),
            platform,
            contexts: BTreeSet::new(),
            ignored: None,
        }
    }
}

/// What a base image brings along.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BaseImage {
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Its working directory, if it has one.
    pub workdir: Option<String>,
    /// Its shell, if it is not the usual one.
    pub shell: Vec<String>,
    /// Instructions that it wants to be run now.
    pub on_build: Vec<String>,
}

/// Gives what is known of a base, which is an image or a context with a name.
pub type Bases<'a> = &'a dyn Fn(&Origin, &Platform) -> Option<BaseImage>;

/// A Dockerfile whose variables are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// The stages that are needed, in the order of the file; the target is one of them.
    pub stages: Vec<EvaluatedStage>,
    /// The number of the target, counted from 0 in the file.
    pub target: usize,
    /// Build arguments that no ARG takes.
    pub unused_build_args: Vec<String>,
}

/// A stage whose variables are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluatedStage {
    /// Its number, from 0 in the file.
    pub index: usize,
    /// Its name, in lower case.
    pub name: Option<String>,
    /// What it starts from.
    pub base: Origin,
    /// What it is built for.
    pub platform: Platform,
    /// What it does, in order.
    pub steps: Vec<Step>,
}

impl Evaluated {
    /// What has to be known to build it: bases, and what is copied from, each with its platform.
    pub fn origins(&self) -> BTreeSet<(Origin, Platform)> {
        let mut origins = BTreeSet::new();
        for stage in &self.stages {
            let copied = stage.steps.iter().filter_map(|step| match &step.action {
                Action::Add(copy) | Action::Copy(copy) => copy.from.as_ref(),
                _ => None,
            });
            let all = std::iter::once(&stage.base).chain(copied);
            let outside = all.filter(|origin| matches!(origin, Origin::Image(_) | Origin::Context(_)));
            origins.extend(outside.map(|origin| (origin.clone(), stage.platform.clone())));
        }
        origins
    }
}

/// A value and whether it is what it will be: it is not if it came from a base that is not known.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) text: Arc<str>,
    pub(super) certain: bool,
}

impl Value {
    pub(super) fn certain(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), certain: true }
    }
}

/// Variables and their values.
pub(super) type Variables = BTreeMap<Arc<str>, Value>;

/// A word with its variables replaced.
#[derive(Debug, Clone)]
pub(super) struct Expanded {
    pub(super) text: String,
    pub(super) words: Vec<String>,
    pub(super) certain: bool,
}

/// What evaluation needs everywhere.
pub(super) struct Evaluation<'a> {
    pub(super) options: &'a Options,
    pub(super) escape: char,
    pub(super) globals: Variables,
    pub(super) faults: &'a mut Faults,
    pub(super) lint: &'a mut Lint,
    pub(super) budget: Budget,
    pub(super) taken_args: BTreeSet<String>,
}

/// What a word is expanded with.
pub(super) struct Scope<'s> {
    pub(super) variables: &'s Variables,
    /// Names that an ARG declares, which may have no value.
    pub(super) declared: &'s BTreeSet<Arc<str>>,
    /// Whether all variables are known.
    pub(super) known: bool,
}

/// Arguments of BuildKit itself, which are no variables.
pub(super) const NO_VARIABLES: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// What a trigger takes of the budget besides its text.
const TRIGGER: usize = 1024;

/// Names that can be given without an ARG, in either case.
const PROXIES: [&str; 5] = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];

/// Evaluates a file. What is wrong goes to `faults`; then there may be no result.
pub(super) fn evaluate(
    file: &Dockerfile,
    options: &Options,
    bases: Bases<'_>,
    lint: &mut Lint,
    faults: &mut Faults,
) -> Option<Evaluated> {
    let stages = &file.stages;
    let last_name = stages.last().and_then(Stage::name);
    let target_name = options.target.clone().or(last_name).unwrap_or_else(|| "default".into());
    let mut evaluation = Evaluation {
        options,
        escape: file.directives.escape,
        globals: platform_arguments(options, &target_name),
        faults,
        lint,
        budget: Budget::default(),
        taken_args: BTreeSet::new(),
    };
    evaluation.check_default_bases(file);
    let declared = evaluation.global_arguments(&file.globals, true)?;
    let (mut names, mut origins, mut platforms) = (Names::default(), Vec::new(), Vec::new());
    let mut replaced = Vec::new();
    for (index, stage) in stages.iter().enumerate() {
        let (origin, platform) = evaluation.base(stage, &names, &declared);
        // A context that is given for a stage takes the place of all of it.
        let given = stage.name().and_then(|name| context(&name, options));
        replaced.push(given.is_some());
        origins.push(given.map_or(origin, Origin::Context));
        platforms.push(platform);
        names.add(stage, index);
    }
    // A stage on another one is for the platform of that, whatever it says itself.
    for index in 0..stages.len() {
        if let Origin::Stage(base) = origins[index] {
            platforms[index] = platforms[base].clone();
        }
    }
    let found: Vec<Option<BaseImage>> = origins
        .iter()
        .zip(&platforms)
        .map(|(origin, platform)| match origin {
            Origin::Scratch | Origin::Stage(_) => Some(BaseImage::default()),
            Origin::Image(_) | Origin::Context(_) => bases(origin, platform),
        })
        .collect();
    let units: Vec<_> = (0..stages.len())
        .map(
            |index| {
                if replaced[index] { Vec::new() } else { evaluation.units(index, stages, &origins, &found) }
            },
        )
        .collect();
    let mut all_links = Vec::with_capacity(stages.len());
    for units in &units {
        let bodies: Vec<(&Body, Span)> =
            units.iter().map(|unit| (&unit.instruction.body, unit.instruction.head.span)).collect();
        all_links.push(links(&bodies, &names, stages.len(), evaluation.escape, options, evaluation.faults));
    }
    cycles(&all_links, stages, evaluation.faults);
    let target = target(options.target.as_deref(), stages, &names, evaluation.faults)?;
    let needed =
        if options.all_stages { (0..stages.len()).collect() } else { needed(target, &origins, &all_links) };
    let mut done: Vec<Option<State>> = vec![None; stages.len()];
    let mut evaluated = Vec::new();
    for index in needed {
        evaluation.check_links(index, stages, &all_links);
        let base = match origins[index] {
            Origin::Stage(base) => done[base].as_ref().map(Inherited::Stage),
            _ => Some(found[index].as_ref().map_or(Inherited::Unknown, Inherited::Image)),
        };
        let Some(base) = base else { continue };
        let state = State::new(&base, &mut evaluation);
        let (state, steps) = evaluate_stage(state, &units[index], &all_links[index], &mut evaluation);
        done[index] = Some(state);
        let platform = platforms[index].clone();
        let base = origins[index].clone();
        evaluated.push(EvaluatedStage { index, name: stages[index].name(), base, platform, steps });
    }
    let taken = &evaluation.taken_args;
    let unused = options.build_args.keys().filter(|name| {
        let is_proxy = PROXIES.contains(&name.to_lowercase().as_str());
        !taken.contains(*name) && !evaluation.globals.contains_key(name.as_str()) && !is_proxy
    });
    let unused_build_args = unused.cloned().collect();
    Some(Evaluated { stages: evaluated, target, unused_build_args })
}

/// An instruction of a stage, its own or one that its base wants to be run.
pub(super) struct Unit<'a> {
    pub(super) instruction: Cow<'a, Instruction>,
    pub(super) is_trigger: bool,
}

/// `TARGETPLATFORM` and its like.
fn platform_arguments(options: &Options, target: &str) -> Variables {
    let (build, wanted) = (&options.build_platform, &options.platform);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let with_version = match &wanted.os_version {
        None => wanted.to_string(),
        Some(version) => wanted.to_string().replacen(&wanted.os, &format!("{}({version})", wanted.os), 1),
    };
    let arguments = [
        ("BUILDPLATFORM", build.to_string()),
        ("BUILDOS", build.os.clone()),
        ("BUILDOSVERSION", text(&build.os_version)),
        ("BUILDARCH", build.architecture.clone()),
        ("BUILDVARIANT", text(&build.variant)),
        ("TARGETPLATFORM", with_version),
        ("TARGETOS", wanted.os.clone()),
        ("TARGETOSVERSION", text(&wanted.os_version)),
        ("TARGETARCH", wanted.architecture.clone()),
        ("TARGETVARIANT", text(&wanted.variant)),
        ("TARGETSTAGE", target.to_owned()),
    ];
    let given = |name: &str| options.build_args.get(name).cloned();
    let argument =
        |(name, value): (&str, String)| (name.into(), Value::certain(given(name).unwrap_or(value)));
    arguments.into_iter().map(argument).collect()
}

impl Evaluation<'_> {
    /// Expands a word, and takes note of what is wrong with it; then there is none.
    pub(super) fn expand(
        &mut self,
        lexer: Lexer,
        word: &str,
        span: Span,
        scope: &Scope<'_>,
    ) -> Option<(Expanded, Expansion)> {
        let lookup = |name: &str| scope.variables.get(name).map(|value| Arc::clone(&value.text));
        match lexer.expand(word, &lookup, &mut self.budget) {
            Ok(mut expansion) => {
                let certain = (scope.known || expansion.unset.is_empty())
                    && expansion
                        .used
                        .iter()
                        .all(|name| scope.variables.get(name.as_str()).is_none_or(|it| it.certain));
                let text = Expanded {
                    text: std::mem::take(&mut expansion.text),
                    words: std::mem::take(&mut expansion.words),
                    certain,
                };
                Some((text, expansion))
            }
            // The base may well have it.
            Err(ExpandError::Required { name, .. })
                if !scope.known && scope.variables.get(name.as_str()).is_none_or(|value| !value.certain) =>
            {
                let text = Expanded { text: String::new(), words: Vec::new(), certain: false };
                Some((text, Expansion::default()))
            }
            Err(error) => {
                let hint = match &error {
                    ExpandError::Quote(_) => Some("close it, or write an escape character before the quote"),
                    ExpandError::Brace | ExpandError::Name => {
                        Some("a `$` that is meant as such needs an escape before it")
                    }
                    ExpandError::Required { .. } => Some("give it with `--build-arg`, or set it above"),
                    _ => None,
                };
                let message = match &error {
                    ExpandError::Required { name, message } => format!("`{name}` {message}"),
                    other => other.to_string(),
                };
                match hint {
                    Some(hint) => self.faults.hinted(span, message, hint),
                    None => self.faults.add(span, message),
                }
                None
            }
        }
    }

    /// The arguments above the first FROM; gives the names of all. `with_given`: values from outside count.
    fn global_arguments(&mut self, globals: &[Instruction], with_given: bool) -> Option<BTreeSet<Arc<str>>> {
        let mut declared = BTreeSet::new();
        for instruction in globals {
            let Body::Arg(args) = &instruction.body else { continue };
            for arg in args {
                let name: Arc<str> = arg.name.text.as_str().into();
                let given = self.options.build_args.get(&*name).filter(|_| with_given);
                let value = match (given, &arg.default) {
                    (Some(given), _) => {
                        self.taken_args.insert(name.to_string());
                        Some(given.clone())
                    }
                    (None, Some(default)) => {
                        let globals = std::mem::take(&mut self.globals);
                        let scope = Scope { variables: &globals, declared: &declared, known: true };
                        let lexer = Lexer::new(self.escape);
                        let expanded = self.expand(lexer, &default.text, default.span, &scope);
                        self.globals = globals;
                        Some(expanded?.0.text)
                    }
                    (None, None) => None,
                };
                if let Some(value) = value {
                    self.globals.insert(Arc::clone(&name), Value::certain(value));
                }
                declared.insert(name);
            }
        }
        Some(declared)
    }

    /// Whether the bases have names if no build argument is given.
    fn check_default_bases(&mut self, file: &Dockerfile) {
        let before = self.globals.clone();
        let (mut faults, taken) = (Faults::default(), self.taken_args.clone());
        std::mem::swap(self.faults, &mut faults);
        let resolved = self.global_arguments(&file.globals, false);
        let mut without = Vec::new();
        let globals = std::mem::take(&mut self.globals);
        let scope = Scope { variables: &globals, declared: &BTreeSet::new(), known: true };
        for stage in file.stages.iter().filter(|_| resolved.is_some()) {
            let lexer = Lexer::new(self.escape);
            let Some((text, _)) = self.expand(lexer, &stage.base.text, stage.base.span, &scope) else {
                break;
            };
            if values::image_fault(&text.text).is_some() {
                without.push((stage.base.span, stage.base.text.clone()));
            }
        }
        std::mem::swap(self.faults, &mut faults);
        (self.globals, self.taken_args) = (before, taken);
        for (span, text) in without {
            let message = format!("`{text}` is not the name of an image unless a build argument is given");
            let hint = Some("give the ARG a default that is one".to_owned());
            self.lint.report(Rule::InvalidDefaultArgInFrom, span, message, hint);
        }
    }

    /// What a stage starts from, and its platform.
    fn base(&mut self, stage: &Stage, names: &Names, declared: &BTreeSet<Arc<str>>) -> (Origin, Platform) {
        let lexer = Lexer::new(self.escape);
        let globals = std::mem::take(&mut self.globals);
        let scope = Scope { variables: &globals, declared, known: true };
        let origin = self.base_image(stage, names, lexer, &scope);
        let platform = stage.platform.as_ref().and_then(|word| self.platform(stage, word, lexer, &scope));
        self.globals = globals;
        (origin.unwrap_or(Origin::Scratch), platform.unwrap_or_else(|| self.options.platform.clone()))
    }

    fn base_image(
        &mut self,
        stage: &Stage,
        names: &Names,
        lexer: Lexer,
        scope: &Scope<'_>,
    ) -> Option<Origin> {
        let Word { text: written, span } = &stage.base;
        let (text, expansion) = self.expand(lexer, written, *span, scope)?;
        self.undefined_in_from(&stage.head, *span, &expansion, scope);
        if text.text.is_empty() {
            let hint = "give the ARG a default, or a value with `--build-arg`";
            self.faults.hinted(*span, format!("`{written}` is empty, and no image has that name"), hint);
            return None;
        }
        let origin = names.base(&text.text, self.options);
        if let Origin::Image(name) = &origin
            && let Some(fault) = values::image_fault(name)
        {
            let message = format!("`{name}` is not the name of an image: {fault}");
            match nearest(name, names.some()) {
                Some(near) => self.faults.hinted(*span, message, format!("did you mean the stage `{near}`?")),
                None => self.faults.add(*span, message),
            }
        }
        Some(origin)
    }

    fn platform(&mut self, stage: &Stage, word: &Word, lexer: Lexer, scope: &Scope<'_>) -> Option<Platform> {
        let (text, expansion) = self.expand(lexer, &word.text, word.span, scope)?;
        self.undefined_in_from(&stage.head, word.span, &expansion, scope);
        let (head, name) = (&stage.head, "TARGETPLATFORM");
        let (used, unset) = (&expansion.used, &expansion.unset);
        let wanted = scope.variables.get(name).is_some_and(|value| *value.text == *text.text);
        if used.len() == 1 && unset.is_empty() && used.contains(name) && wanted {
            let message = format!("`{}` is the platform of the stage in any case", word.text);
            let hint = Some("leave out `--platform`".to_owned());
            self.lint.about(head, Rule::RedundantTargetPlatform, word.span, message, hint);
        }
        let hint = "write OS/ARCHITECTURE, such as `linux/arm64`, or `$BUILDPLATFORM`";
        if text.text.is_empty() {
            self.faults.hinted(word.span, format!("`{}` is empty, and no platform", word.text), hint);
            return None;
        }
        let Some(platform) = values::platform(&text.text, &self.options.build_platform) else {
            self.faults.hinted(word.span, format!("`{}` is not a platform", text.text), hint);
            return None;
        };
        let stage_name = stage.name().unwrap_or_default();
        let named_for_it = stage_name.contains(&platform.os) || stage_name.contains(&platform.architecture);
        if used.is_empty() && unset.is_empty() && !named_for_it {
            let message = format!("the stage is for `{}`, whatever is asked for", text.text);
            let hint = Some("leave out `--platform`, or name the stage after its platform".to_owned());
            self.lint.about(head, Rule::FromPlatformFlagConstDisallowed, word.span, message, hint);
        }
        Some(platform)
    }

    fn undefined_in_from(&mut self, head: &Head, span: Span, expansion: &Expansion, scope: &Scope<'_>) {
        for name in &expansion.unset {
            if scope.declared.contains(name.as_str()) {
                continue;
            }
            let known = scope.variables.keys().chain(scope.declared).map(AsRef::as_ref).take(CANDIDATES);
            let hint = match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write `ARG {name}` above the first FROM"),
            };
            let message = format!("no ARG above the first FROM declares `{name}`");
            self.lint.about(head, Rule::UndefinedArgInFrom, span, message, Some(hint));
        }
    }

    /// The instructions of a stage, with those in front that its base wants to be run.
    fn units<'a>(
        &mut self,
        index: usize,
        stages: &'a [Stage],
        origins: &[Origin],
        found: &[Option<BaseImage>],
    ) -> Vec<Unit<'a>> {
        let stage = &stages[index];
        let expressions: Vec<&str> = match origins[index] {
            Origin::Stage(base) => stages[base]
                .instructions
                .iter()
                .filter_map(|instruction| match &instruction.body {
                    Body::OnBuild(on_build) => Some(on_build.expression.as_str()),
                    _ => None,
                })
                .collect(),
            _ => found[index].iter().flat_map(|image| &image.on_build).map(String::as_str).collect(),
        };
        let mut units = Vec::new();
        for expression in expressions {
            // Many stages on one with many triggers are more than the file itself by far.
            if let Err(error) = self.budget.spend(expression.len() + TRIGGER) {
                self.faults.add(stage.head.span, error.to_string());
                break;
            }
            if let Some(instruction) = trigger(expression, &stage.head, self.faults) {
                units.push(Unit { instruction: Cow::Owned(instruction), is_trigger: true });
            }
        }
        let own = stage.instructions.iter();
        units.extend(
            own.map(|instruction| Unit { instruction: Cow::Borrowed(instruction), is_trigger: false }),
        );
        units
    }

    /// A stage takes only from stages above it.
    fn check_links(&mut self, index: usize, stages: &[Stage], links: &[Links]) {
        for (_, origin, span) in &links[index].list {
            match origin {
                Origin::Stage(other) if *other > index => {
                    let name = stages[*other].name().unwrap_or_else(|| format!("stage {other}"));
                    let line = stages[*other].head.lines.0;
                    let message = format!("`{name}` is only defined below, in line {line}");
                    self.faults.hinted(*span, message, "move that stage up");
                }
                Origin::Image(name) => {
                    if let Some(fault) = values::image_fault(name) {
                        let message =
                            format!("`{name}` is neither a stage nor the name of an image: {fault}");
                        self.faults.add(*span, message);
                    }
                }
                _ => {}
            }
        }
    }
}
