//! BuildKit's checks, by their names: what is no error and still not what was meant.
//!
//! What each is about: <https://docs.docker.com/reference/build-checks/>. `# check=skip=Rule,Rule;error=true` at the
//! top of a file is for all of it, `# check=skip=Rule` above an instruction for that one.

use super::instruction::{Body, Head, Instruction, Stage};
use super::lines::Directives;
use super::source::{Faults, Source, Span};
use crate::spec::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A check.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])* $name,)*
        }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name, as it is skipped by.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

rules! {
    /// Instructions in upper and in lower case in one file.
    ConsistentInstructionCasing,
    /// A COPY of what the ignore file takes out of the context.
    CopyIgnoredFile,
    /// Two stages of one name.
    DuplicateStageName,
    /// An EXPOSE with an address or a port of the host.
    ExposeInvalidFormat,
    /// An EXPOSE with a protocol in upper case.
    ExposeProtoCasing,
    /// `FROM` and `AS` in different case.
    FromAsCasing,
    /// A platform that is always the same.
    FromPlatformFlagConstDisallowed,
    /// A base image that has no name unless a build argument is given.
    InvalidDefaultArgInFrom,
    /// A comment right above an ARG or a FROM that describes something else. Off unless asked for.
    InvalidDefinitionDescription,
    /// A CMD or ENTRYPOINT that a shell runs, which then gets the signals.
    JSONArgsRecommended,
    /// `ENV NAME value`
    LegacyKeyValueFormat,
    /// `MAINTAINER`
    MaintainerDeprecated,
    /// A CMD, ENTRYPOINT or HEALTHCHECK that a later one makes void.
    MultipleInstructionsDisallowed,
    /// A blank line within an instruction.
    NoEmptyContinuation,
    /// `--platform=$TARGETPLATFORM`, which is the default.
    RedundantTargetPlatform,
    /// A stage named `scratch` or `context`.
    ReservedStageName,
    /// A secret in the environment, where everybody who has the image can read it.
    SecretsUsedInArgOrEnv,
    /// The name of a stage that is not in lower case.
    StageNameCasing,
    /// A variable in FROM that no ARG before it declares.
    UndefinedArgInFrom,
    /// A variable that nothing defines.
    UndefinedVar,
    /// A relative WORKDIR before any absolute one.
    WorkdirRelativePath,
}

impl Rule {
    /// Whether it is checked only if the file asks for it.
    pub fn is_experimental(self) -> bool {
        self == Self::InvalidDefinitionDescription
    }
}

/// What a check has found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which check.
    pub rule: Rule,
    /// The place and what is to be said.
    pub problem: Problem,
}

/// Which checks a file wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Config {
    skip_all: bool,
    skip: BTreeSet<String>,
    experimental_all: bool,
    experimental: BTreeSet<String>,
    pub(super) is_error: bool,
}

impl Config {
    /// `skip=A,B;experimental=all;error=true`
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut config = Self::default();
        if text.trim().is_empty() {
            return Ok(config);
        }
        for option in text.trim().splitn(3, ';') {
            let Some((name, value)) = option.split_once('=') else {
                return Err(format!("`{option}` is no option of a check"));
            };
            let value = value.trim();
            let names = || value.split(',').map(|name| name.trim().to_owned()).collect();
            match name.trim() {
                "skip" if value == "all" => config.skip_all = true,
                "skip" => config.skip = names(),
                "experimental" if value == "all" => config.experimental_all = true,
                "experimental" => config.experimental = names(),
                "error" => {
                    let value = super::values::boolean(value);
                    config.is_error = value.ok_or_else(|| format!("`{option}` is neither true nor false"))?;
                }
                name => return Err(format!("`{name}` is no option of a check")),
            }
        }
        Ok(config)
    }

    fn wants(&self, rule: Rule) -> bool {
        if rule.is_experimental() {
            self.experimental_all || self.experimental.contains(rule.name())
        } else {
            !(self.skip_all || self.skip.contains(rule.name()))
        }
    }
}

/// What comments above an instruction say about checks of it: the first that says anything counts.
fn of_comments(comments: &[String]) -> Option<Config> {
    let value = |comment: &String| {
        let (name, value) = comment.split_once('=')?;
        let value = value.trim().split(' ').next().unwrap_or_default().to_owned();
        (name.trim_end().eq_ignore_ascii_case("check") && !value.is_empty()).then_some(value)
    };
    Config::parse(&comments.iter().find_map(value)?).ok()
}

/// Collects findings.
#[derive(Debug, Default)]
pub(super) struct Lint {
    config: Config,
    list: Vec<(Rule, Span, String, Option<String>)>,
}

/// More than these are of no use to anybody.
const MOST_FINDINGS: usize = 1000;

impl Lint {
    /// With what the file's directive says.
    pub(super) fn new(directives: &Directives, faults: &mut Faults) -> Self {
        let Some(check) = &directives.check else { return Self::default() };
        let config = Config::parse(&check.value).unwrap_or_else(|message| {
            faults.hinted(check.span, message, "write `# check=skip=RULE,RULE;error=true`");
            Config::default()
        });
        Self { config, list: Vec::new() }
    }

    pub(super) fn is_error(&self) -> bool {
        self.config.is_error
    }

    /// A finding about an instruction, whose comments may say that it is none.
    pub(super) fn about(
        &mut self,
        head: &Head,
        rule: Rule,
        span: Span,
        message: String,
        hint: Option<String>,
    ) {
        if let Some(own) = of_comments(&head.comments) {
            let skipped = own.skip_all || own.skip.contains(rule.name());
            let asked = own.experimental_all || own.experimental.contains(rule.name());
            match rule.is_experimental() {
                false if skipped => return,
                true if asked && self.list.len() < MOST_FINDINGS => {
                    self.list.push((rule, span, message, hint));
                    return;
                }
                _ => {}
            }
        }
        self.report(rule, span, message, hint);
    }

    /// A finding that only the top of the file can skip.
    pub(super) fn report(&mut self, rule: Rule, span: Span, message: String, hint: Option<String>) {
        let finding = (rule, span, message, hint);
        if self.config.wants(rule) && self.list.len() < MOST_FINDINGS {
            self.list.push(finding);
        }
    }

    /// All findings, in the order of the text, none twice.
    pub(super) fn into_findings(mut self, source: &Source) -> Vec<Finding> {
        self.list.sort_by(|a, b| (a.1, a.0, &a.2).cmp(&(b.1, b.0, &b.2)));
        self.list.dedup();
        let finding =
            |(rule, span, message, hint)| Finding { rule, problem: source.problem(span, message, hint) };
        self.list.into_iter().map(finding).collect()
    }
}

/// Checks what can be seen without the value of any variable.
pub(super) fn file(source: &Source, globals: &[Instruction], stages: &[Stage], lint: &mut Lint) {
    let heads = stages.iter().flat_map(|stage| {
        std::iter::once(&stage.head).chain(stage.instructions.iter().map(|instruction| &instruction.head))
    });
    for head in globals.iter().map(|instruction| &instruction.head).chain(heads) {
        if let Some(line) = head.blank_line {
            let message = "a line in this instruction is blank, which will be an error one day".to_owned();
            let hint = Some("remove it, or make it a comment".to_owned());
            lint.report(Rule::NoEmptyContinuation, source.line_span(line), message, hint);
        }
    }
    let all = globals.iter().chain(stages.iter().flat_map(|stage| &stage.instructions));
    for Instruction { head, body } in all {
        match body {
            Body::Maintainer(word) => {
                let hint = format!("write `LABEL org.opencontainers.image.authors={:?}`", word.text);
                let message = "MAINTAINER is out of date".to_owned();
                lint.about(head, Rule::MaintainerDeprecated, head.keyword.span, message, Some(hint));
            }
            Body::Arg(args) => {
                let names: Vec<&str> = args.iter().map(|arg| arg.name.text.as_str()).collect();
                description(head, "ARG", &names, lint);
            }
            _ => {}
        }
    }
    stage_names(stages, lint);
    casing(stages, lint);
}

fn description(head: &Head, keyword: &str, names: &[&str], lint: &mut Lint) {
    let Some(comment) = head.comments.last() else { return };
    let first = comment.split(' ').next().unwrap_or_default();
    if !names.is_empty() && !names.contains(&first) {
        let name = if let [name] = names { name } else { "NAME" };
        let message = format!("the comment above this {keyword} does not describe it");
        let hint = format!("begin it with `# {name} `, or put a line with `#` alone in between");
        let rule = Rule::InvalidDefinitionDescription;
        lint.about(head, rule, head.keyword.span, message, Some(hint));
    }
}

fn stage_names(stages: &[Stage], lint: &mut Lint) {
    let mut seen = BTreeMap::new();
    for stage in stages {
        let (Some((keyword, name)), Some(lower), head) = (&stage.name, stage.name(), &stage.head) else {
            continue;
        };
        if name.text != lower {
            let message = format!("the name `{}` is not in lower case", name.text);
            let hint = Some(format!("write `{lower}`, which is how it is known"));
            lint.about(head, Rule::StageNameCasing, name.span, message, hint);
        }
        let from = &head.keyword.text;
        let wanted = if *from == from.to_lowercase() {
            Some(keyword.text.to_lowercase())
        } else if *from == from.to_uppercase() {
            Some(keyword.text.to_uppercase())
        } else {
            None
        };
        if let Some(wanted) = wanted.filter(|wanted| *wanted != keyword.text) {
            let message = format!("`{from}` and `{}` are not in the same case", keyword.text);
            let hint = Some(format!("write `{wanted}`"));
            lint.about(head, Rule::FromAsCasing, keyword.span, message, hint);
        }
        description(head, "FROM", &[&lower], lint);
        if matches!(lower.as_str(), "scratch" | "context") {
            let message = format!("`{lower}` has a meaning of its own and should not name a stage");
            lint.report(Rule::ReservedStageName, name.span, message, None);
        }
        if let Some(line) = seen.insert(lower.clone(), head.lines.0) {
            let message = format!("another stage is named `{lower}`, in line {line}");
            lint.report(Rule::DuplicateStageName, name.span, message, None);
        }
    }
}

fn casing(stages: &[Stage], lint: &mut Lint) {
    let keywords: Vec<_> = stages
        .iter()
        .flat_map(|stage| {
            let own = stage.instructions.iter().map(|instruction| &instruction.head.keyword);
            std::iter::once(&stage.head.keyword).chain(own)
        })
        .collect();
    let lower = keywords.iter().filter(|word| word.text == word.text.to_lowercase()).count();
    let upper = keywords.iter().filter(|word| word.text == word.text.to_uppercase()).count();
    let to_lower = lower > upper;
    for word in keywords {
        let wanted = if to_lower { word.text.to_lowercase() } else { word.text.to_uppercase() };
        if word.text != wanted {
            let case = if to_lower { "lower" } else { "upper" };
            let message =
                format!("most instructions of this file are in {case} case, and `{}` is not", word.text);
            let rule = Rule::ConsistentInstructionCasing;
            lint.report(rule, word.span, message, Some(format!("write `{wanted}`")));
        }
    }
}

/// Whether a variable of this name is one that nobody should see.
pub(super) fn is_secret(name: &str) -> bool {
    const SECRET: [&str; 10] = [
        "apikey",
        "auth",
        "credential",
        "credentials",
        "key",
        "password",
        "pword",
        "passwd",
        "secret",
        "token",
    ];
    let lower = name.to_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|part| words.contains(&part));
    has(&SECRET) && !has(&["public", "file", "version"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let config = Config::parse("skip=UndefinedVar, WorkdirRelativePath;error=true").unwrap();
        assert!(config.is_error && !config.wants(Rule::UndefinedVar) && config.wants(Rule::FromAsCasing));
        assert!(!config.wants(Rule::InvalidDefinitionDescription));
        let config = Config::parse("skip=all;experimental=InvalidDefinitionDescription").unwrap();
        assert!(!config.wants(Rule::UndefinedVar) && config.wants(Rule::InvalidDefinitionDescription));
        assert_eq!(Config::parse(" ").unwrap(), Config::default());
        for wrong in ["skip", "skp=all", "error=yes"] {
            assert!(Config::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets() {
        for name in ["TOKEN", "GITHUB_TOKEN", "db_password", "API_KEY", "AUTH", "APIKEY", "secret_message"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["TOKENS", "KEYS", "PUBLIC_KEY", "TOKEN_FILE", "KEY_VERSION", "AUTHOR", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
        assert_eq!(names.len(), 21);
    }
}
