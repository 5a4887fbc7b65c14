//! One stage, step by step.

use super::evaluate::{BaseImage, Evaluation, Expanded, NO_VARIABLES, Scope, Unit, Value, Variables};
use super::expand::Lexer;
use super::instruction::{Arg, Body, Command, Copy, Document, Head, Healthcheck, Pair, Run};
use super::lint::{Rule, is_secret};
use super::run::mount_fault;
use super::source::Span;
use super::stages::{CANDIDATES, Links, Origin};
use super::step::{Action, CopyFiles, RunCommand, Source, Step};
use super::values;
use super::words::Word;
use crate::base::suggest::nearest;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a stage begins with.
pub(super) enum Inherited<'a> {
    /// The stage that it builds on.
    Stage(&'a State),
    /// An image, or nothing.
    Image(&'a BaseImage),
    /// An image that nobody has looked at.
    Unknown,
}

/// What a stage has come to.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// What words are expanded with: the environment, and arguments.
    variables: Variables,
    /// The environment of the image.
    environment: Variables,
    declared: BTreeSet<Arc<str>>,
    known: bool,
    workdir: String,
    workdir_set: bool,
    shell: Vec<String>,
    cmd: Option<Span>,
    entrypoint: Option<Span>,
    healthcheck: Option<Span>,
}

/// Linux's `PATH_MAX`, which counts a zero at the end.
const LONGEST_PATH: usize = 4096;

/// Where programs are looked for, if the base does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl State {
    /// The state before the first instruction.
    pub(super) fn new(inherited: &Inherited<'_>, evaluation: &mut Evaluation<'_>) -> Self {
        let fresh = |known, image: &BaseImage| Self {
            variables: Variables::new(),
            environment: image
                .env
                .iter()
                .map(|(name, value)| (name.as_str().into(), Value::certain(value.as_str())))
                .collect(),
            declared: BTreeSet::new(),
            known,
            workdir: image.workdir.clone().filter(|path| !path.is_empty()).unwrap_or_else(|| "/".into()),
            workdir_set: false,
            shell: image.shell.clone(),
            cmd: None,
            entrypoint: None,
            healthcheck: None,
        };
        let mut state = match inherited {
            Inherited::Stage(state) => {
                Self { cmd: None, entrypoint: None, healthcheck: None, ..(*state).clone() }
            }
            Inherited::Image(image) => fresh(true, image),
            Inherited::Unknown => fresh(false, &BaseImage::default()),
        };
        let path = Value { text: PATH.into(), certain: state.known };
        state.environment.entry("PATH".into()).or_insert(path);
        // Arguments of the stage below are still there, but its environment counts for more.
        let environment = state.environment.iter().map(|(name, value)| (Arc::clone(name), value.clone()));
        state.variables.extend(environment);
        // Copies of many variables take memory too.
        let size = state.variables.len() * 64;
        if let Err(error) = evaluation.budget.spend(size) {
            evaluation.faults.add(Span::default(), error.to_string());
        }
        state
    }

    fn scope(&self) -> Scope<'_> {
        Scope { variables: &self.variables, declared: &self.declared, known: self.known }
    }

    fn with_shell(&self, text: &str) -> Vec<String> {
        let default = || ["/bin/sh", "-c"].map(str::to_owned).to_vec();
        let mut words = if self.shell.is_empty() { default() } else { self.shell.clone() };
        words.push(text.to_owned());
        words
    }

    fn command(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(words) => words.iter().map(|word| word.text.clone()).collect(),
            Command::Shell(word) => self.with_shell(&word.text),
        }
    }
}

/// Evaluates the instructions of a stage. Those with something wrong are left out.
pub(super) fn evaluate_stage(
    mut state: State,
    units: &[Unit<'_>],
    links: &Links,
    evaluation: &mut Evaluation<'_>,
) -> (State, Vec<Step>) {
    let mut steps = Vec::with_capacity(units.len());
    for (position, unit) in units.iter().enumerate() {
        let head = &unit.instruction.head;
        let mut dispatch = Dispatch { state: &mut state, evaluation, head };
        if let Some(action) = dispatch.action(&unit.instruction.body, links.of(position)) {
            steps.push(Step { line: head.lines.0, is_trigger: unit.is_trigger, action });
        }
    }
    (state, steps)
}

/// One instruction.
struct Dispatch<'d, 'e> {
    state: &'d mut State,
    evaluation: &'d mut Evaluation<'e>,
    head: &'d Head,
}

impl Dispatch<'_, '_> {
    fn action(&mut self, body: &Body, from: Option<&Origin>) -> Option<Action> {
        Some(match body {
            Body::Add(copy) => Action::Add(self.copy(copy, None, true)?),
            Body::Copy(copy) => Action::Copy(self.copy(copy, from, false)?),
            Body::Arg(args) => Action::Arg(self.args(args)?),
            Body::Env(pairs) => {
                let pairs = self.pairs(pairs, "ENV")?;
                for (name, value) in &pairs {
                    self.secret("ENV", &name.text);
                    let value_of = Value { text: value.text.as_str().into(), certain: value.certain };
                    let name: Arc<str> = name.text.as_str().into();
                    self.state.environment.insert(Arc::clone(&name), value_of.clone());
                    self.state.variables.insert(name, value_of);
                }
                Action::Env(texts(pairs))
            }
            Body::Label(pairs) => Action::Label(texts(self.pairs(pairs, "LABEL")?)),
            Body::Workdir(word) => Action::Workdir(self.workdir(word)?),
            Body::User(word) => Action::User(self.word(word)?.text),
            Body::Expose(words) => Action::Expose(self.expose(words)?),
            Body::Volume(words) => Action::Volume(self.volumes(words)?),
            Body::Cmd(command) => {
                let previous = self.state.cmd.replace(self.head.keyword.span);
                self.only_one("CMD", previous);
                self.prefers_json("CMD", command);
                Action::Cmd(self.state.command(command))
            }
            Body::Entrypoint(command) => {
                let previous = self.state.entrypoint.replace(self.head.keyword.span);
                self.only_one("ENTRYPOINT", previous);
                self.prefers_json("ENTRYPOINT", command);
                let words = match command {
                    // Nothing is nothing here, and not an empty text for a shell.
                    Command::Shell(word) if word.text.is_empty() => self.state.with_shell(""),
                    command => self.state.command(command),
                };
                Action::Entrypoint { words, clears_cmd: self.state.cmd.is_none() }
            }
            Body::Shell(words) => {
                self.state.shell = words.iter().map(|word| word.text.clone()).collect();
                Action::Shell(self.state.shell.clone())
            }
            Body::StopSignal(word) => Action::StopSignal(self.signal(word)?),
            Body::Healthcheck(check) => {
                let previous = self.state.healthcheck.replace(self.head.keyword.span);
                self.only_one("HEALTHCHECK", previous);
                healthcheck(check)
            }
            Body::OnBuild(on_build) => Action::OnBuild(on_build.expression.clone()),
            Body::Maintainer(word) => Action::Author(word.text.clone()),
            Body::Run(run) => Action::Run(self.run(run)?),
        })
    }

    /// Expands text of this instruction, and complains of variables that are not defined.
    fn text(&mut self, lexer: Lexer, text: &str, span: Span) -> Option<Expanded> {
        let (text, expansion) = self.evaluation.expand(lexer, text, span, &self.state.scope())?;
        for name in &expansion.unset {
            self.undefined(name, span);
        }
        Some(text)
    }

    fn word(&mut self, word: &Word) -> Option<Expanded> {
        self.text(Lexer::new(self.evaluation.escape), &word.text, word.span)
    }

    fn words(&mut self, words: &[Word]) -> Option<Vec<Expanded>> {
        // All of them are looked at, even if one is wrong.
        let texts: Vec<_> = words.iter().map(|word| self.word(word)).collect();
        texts.into_iter().collect()
    }

    /// The word of a flag, unless it is empty; an error if something is wrong with it.
    fn optional(&mut self, word: Option<&Word>) -> Result<Option<Expanded>, ()> {
        match word {
            None => Ok(None),
            Some(word) => {
                self.word(word).map(|text| Some(text).filter(|text| !text.text.is_empty())).ok_or(())
            }
        }
    }

    fn undefined(&mut self, name: &str, span: Span) {
        if self.state.declared.contains(name) || NO_VARIABLES.contains(&name) {
            return;
        }
        let known = self.state.variables.keys().map(AsRef::as_ref).take(CANDIDATES);
        let (message, hint) = if self.state.known {
            let hint = nearest(name, known).map(|near| format!("did you mean `{near}`?"));
            (format!("`{name}` is not defined"), hint)
        } else {
            // The base may define it; only what looks like a slip is worth a word.
            let close = |known: &&str| {
                let distance = strsim::levenshtein(name, known);
                known.len() >= 5 && (1..=2).contains(&distance) && distance * 3 <= name.len()
            };
            let Some(near) = known.filter(close).min_by_key(|known| strsim::levenshtein(name, known)) else {
                return;
            };
            (format!("`{name}` is not defined in this file"), Some(format!("did you mean `{near}`?")))
        };
        self.evaluation.lint.about(self.head, Rule::UndefinedVar, span, message, hint);
    }

    fn fault(&mut self, span: Span, message: impl Into<String>, hint: &str) {
        self.evaluation.faults.hinted(span, message, hint);
    }

    fn args(&mut self, args: &[Arg]) -> Option<Vec<(String, Option<String>)>> {
        let mut found = Vec::new();
        for Arg { name, default } in args {
            let text = name.text.as_str();
            self.secret("ARG", text);
            let given = self.evaluation.options.build_args.get(text).cloned();
            let value = match (given, default) {
                (Some(given), _) => {
                    self.evaluation.taken_args.insert(text.to_owned());
                    Some(Value::certain(given))
                }
                (None, Some(default)) => {
                    let Expanded { text, certain, .. } = self.word(default)?;
                    Some(Value { text: text.into(), certain })
                }
                (None, None) => self.evaluation.globals.get(text).cloned(),
            };
            let name: Arc<str> = text.into();
            if let Some(value) = value.as_ref().filter(|_| !NO_VARIABLES.contains(&text)) {
                self.state.variables.insert(Arc::clone(&name), value.clone());
            }
            self.state.declared.insert(name);
            found.push((text.to_owned(), value.map(|value| value.text.to_string())));
        }
        Some(found)
    }

    /// All of them are expanded with what was there before.
    fn pairs(&mut self, pairs: &[Pair], keyword: &str) -> Option<Vec<(Expanded, Expanded)>> {
        let mut found = Vec::new();
        let mut complete = true;
        for Pair { name, value, legacy } in pairs {
            let (Some(key), Some(text)) = (self.word(name), self.word(value)) else {
                complete = false;
                continue;
            };
            if *legacy {
                let message = format!("`{keyword} name value` is the form of old");
                let hint = Some(format!("write `{keyword} {}=…`", name.text));
                self.evaluation.lint.about(self.head, Rule::LegacyKeyValueFormat, name.span, message, hint);
            }
            found.push((key, text));
        }
        complete.then_some(found)
    }

    fn secret(&mut self, keyword: &str, name: &str) {
        if is_secret(name) {
            let message = format!("`{name}` looks like a secret, and an {keyword} is for everybody to read");
            let hint = Some("give secrets to the container when it runs".to_owned());
            let span = self.head.keyword.span;
            self.evaluation.lint.about(self.head, Rule::SecretsUsedInArgOrEnv, span, message, hint);
        }
    }

    fn only_one(&mut self, keyword: &str, previous: Option<Span>) {
        let Some(span) = previous else { return };
        let message = format!("a later {keyword} of the stage makes this one void");
        let hint = Some("remove one of them".to_owned());
        self.evaluation.lint.about(self.head, Rule::MultipleInstructionsDisallowed, span, message, hint);
    }

    fn prefers_json(&mut self, keyword: &str, command: &Command) {
        if matches!(command, Command::Shell(_)) && self.state.shell.is_empty() {
            let message = format!("a shell runs this {keyword}, and keeps signals to itself");
            let hint = Some(format!("write it as JSON: `{keyword} [\"program\", \"argument\"]`"));
            let span = self.head.keyword.span;
            self.evaluation.lint.about(self.head, Rule::JSONArgsRecommended, span, message, hint);
        }
    }

    fn workdir(&mut self, word: &Word) -> Option<String> {
        let path = self.word(word)?;
        if !self.state.workdir_set && !path.text.starts_with('/') && path.certain {
            let message = format!("`{}` is relative to a directory that the base chooses", word.text);
            let hint = Some("begin it with `/`".to_owned());
            self.evaluation.lint.about(self.head, Rule::WorkdirRelativePath, word.span, message, hint);
        }
        self.state.workdir_set = true;
        let directory = below(&self.state.workdir, &path.text);
        let found = self.short_enough(&directory, word.span).map(|()| directory);
        // So that one path too long does not make all that follow it too long.
        self.state.workdir = found.clone().unwrap_or_else(|| "/".to_owned());
        found
    }

    /// Takes note of a path in the image that Linux could not open. All directories above it are made too, so a long
    /// path is many of them.
    fn short_enough(&mut self, path: &str, span: Span) -> Option<()> {
        if path.len() < LONGEST_PATH {
            return Some(());
        }
        let message =
            format!("the path has {} bytes, and Linux opens none of {LONGEST_PATH} or more", path.len());
        self.fault(span, message, "choose a shorter one");
        None
    }

    fn signal(&mut self, word: &Word) -> Option<String> {
        let signal = self.word(word)?;
        if signal.certain && !values::is_signal(&signal.text) {
            let name = signal.text.to_uppercase();
            let near = nearest(name.trim_start_matches("SIG"), values::SIGNALS);
            let hint = match near {
                Some(near) => format!("did you mean `SIG{near}`?"),
                None => "write its name, such as `SIGTERM`, or its number".to_owned(),
            };
            self.fault(word.span, format!("`{}` is not a signal", signal.text), &hint);
            return None;
        }
        Some(signal.text)
    }

    fn volumes(&mut self, words: &[Word]) -> Option<Vec<String>> {
        let paths = self.words(words)?;
        let mut complete = true;
        for (path, word) in paths.iter().zip(words) {
            if path.text.is_empty() && path.certain {
                self.fault(word.span, format!("`{}` is empty, and no path", word.text), "give it a value");
                complete = false;
            }
        }
        complete.then(|| paths.into_iter().map(|path| path.text).collect())
    }

    fn expose(&mut self, words: &[Word]) -> Option<Vec<String>> {
        let mut ports = Vec::new();
        let mut complete = true;
        for word in words {
            // Nothing is said about variables that are not defined, as BuildKit says nothing.
            let lexer = Lexer::new(self.evaluation.escape);
            let expanded = self.evaluation.expand(lexer, &word.text, word.span, &self.state.scope());
            let Some((text, _)) = expanded else {
                complete = false;
                continue;
            };
            for port in &text.words {
                match values::ports(port) {
                    Ok(found) => {
                        self.port_style(word.span, port, &found);
                        ports.extend(found.ports);
                    }
                    Err(_) if !text.certain => {}
                    Err(fault) => {
                        let message = format!("`{port}` is not a port: {fault}");
                        self.fault(word.span, message, "write `8080`, `53/udp` or `8000-8010`");
                        complete = false;
                    }
                }
            }
        }
        complete.then_some(ports)
    }

    fn port_style(&mut self, span: Span, port: &str, found: &values::Exposed) {
        if found.capital {
            let message = format!("the protocol of `{port}` is not in lower case");
            let hint = Some(format!("write `{}`", port.to_lowercase()));
            self.evaluation.lint.about(self.head, Rule::ExposeProtoCasing, span, message, hint);
        }
        if found.mapped {
            let message = format!("an address or a port of the host, as in `{port}`, says nothing here");
            let hint = Some(format!("write `{}`", found.ports.first().map_or("", String::as_str)));
            self.evaluation.lint.about(self.head, Rule::ExposeInvalidFormat, span, message, hint);
        }
    }

    fn run(&mut self, run: &Run) -> Option<RunCommand> {
        let mut complete = true;
        for mount in &run.mounts {
            let span = mount.word.span;
            let mut broken = false;
            let escape = self.evaluation.escape;
            let fault = mount_fault(mount, &mut |value| {
                let text = self.text(Lexer::new(escape), value, span);
                broken |= text.as_ref().is_none_or(|text| !text.certain);
                text.map(|text| text.text)
            });
            match fault {
                Some((message, hint)) if !broken => {
                    let hint = hint.unwrap_or_else(|| "write `--mount=type=cache,target=/path`".to_owned());
                    self.fault(span, message, &hint);
                    complete = false;
                }
                _ => {}
            }
        }
        complete
            .then(|| RunCommand { words: self.state.command(&run.command), documents: run.documents.clone() })
    }

    fn copy(&mut self, copy: &Copy, from: Option<&Origin>, is_add: bool) -> Option<CopyFiles> {
        let chown = self.optional(copy.chown.as_ref());
        let chmod = self.optional(copy.chmod.as_ref());
        let checksum = self.optional(copy.checksum.as_ref());
        let sources = self.words(&copy.sources);
        let destination = self.word(&copy.destination);
        let mut documents = Vec::new();
        for document in &copy.documents {
            let mut content = document.content.clone();
            if document.expand {
                content = self.text(Lexer::document(), &content, self.head.span)?.text;
            }
            documents.push(Document { content, ..document.clone() });
        }
        let (chown, chmod, checksum) = (chown.ok()?, chmod.ok()?, checksum.ok()?);
        let (sources, destination) = (sources?, destination?);
        let mut complete = true;
        if let (Some(owner), Some(word), true) = (&chown, &copy.chown, copy.link)
            && owner.certain
            && values::has_name(&owner.text)
        {
            let message = format!("`{}` has a name in it, which `--link` can't look up", owner.text);
            self.fault(word.span, message, "write numbers: `--chown=1000:1000`");
            complete = false;
        }
        let mode = match (&chmod, &copy.chmod) {
            (Some(mode), Some(word)) => {
                let parsed = values::mode(&mode.text);
                if parsed.is_none() && mode.certain {
                    let hint = "write octal digits up to 07777, or changes such as `u=rwX,go=rX`";
                    self.fault(word.span, format!("`{}` is not a mode", mode.text), hint);
                    complete = false;
                }
                parsed.map(|parsed| (mode.text.clone(), parsed))
            }
            _ => None,
        };
        let mut found = Vec::new();
        for (source, word) in sources.iter().zip(&copy.sources) {
            let text = source.text.clone();
            let kind = if values::is_git(&text) {
                Source::Git(text)
            } else if values::is_http(&text) {
                Source::Http(text)
            } else {
                self.hidden(&text, word.span, from.is_none());
                Source::Path(text)
            };
            if !is_add && !matches!(kind, Source::Path(_)) {
                let message = format!("COPY does not fetch `{}`", source.text);
                self.fault(word.span, message, "ADD does");
                complete = false;
            }
            found.push(kind);
        }
        if let (Some(checksum), Some(word)) = (&checksum, &copy.checksum)
            && checksum.certain
        {
            let wrong = match found.as_slice() {
                [Source::Git(_)] => None,
                [Source::Http(_)] if values::is_digest(&checksum.text) => None,
                [Source::Http(_)] => {
                    let message = format!("`{}` is not a checksum", checksum.text);
                    Some((message, "write `sha256:` and 64 digits, from 0 to 9 and a to f"))
                }
                _ => Some(("`--checksum` is for one source that is fetched".to_owned(), "leave it out")),
            };
            if let Some((message, hint)) = wrong {
                self.fault(word.span, message, hint);
                complete = false;
            }
        }
        let written_destination = destination.text;
        let destination = destination_below(&self.state.workdir, &written_destination);
        self.short_enough(&destination, copy.destination.span)?;
        complete.then(|| CopyFiles {
            from: from.cloned(),
            sources: found,
            documents,
            destination,
            written_destination,
            chown: chown.map(|text| text.text),
            chmod: mode,
            link: copy.link,
            parents: copy.parents,
            exclude: copy.exclude.iter().map(|word| word.text.clone()).collect(),
            checksum: checksum.map(|text| text.text),
            keep_git_dir: copy.keep_git_dir,
            unpack: copy.unpack,
        })
    }

    fn hidden(&mut self, source: &str, span: Span, from_context: bool) {
        if !from_context {
            return;
        }
        if let Some(path) = self.evaluation.options.ignored.as_ref().and_then(|ignored| ignored.hides(source))
        {
            let message = format!("`{path}` is left out of the context by .dockerignore");
            let hint = Some("remove the pattern that matches it, or copy something else".to_owned());
            self.evaluation.lint.about(self.head, Rule::CopyIgnoredFile, span, message, hint);
        }
    }
}

fn texts(pairs: Vec<(Expanded, Expanded)>) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.text, value.text)).collect()
}

fn healthcheck(check: &Healthcheck) -> Action {
    let (first, words, timing) = match check {
        Healthcheck::None => ("NONE", Vec::new(), super::instruction::Timing::default()),
        Healthcheck::Test { command: Command::Exec(words), timing } => {
            ("CMD", words.iter().map(|word| word.text.clone()).collect(), *timing)
        }
        Healthcheck::Test { command: Command::Shell(word), timing } => {
            ("CMD-SHELL", vec![word.text.clone()], *timing)
        }
    };
    Action::Healthcheck(std::iter::once(first.to_owned()).chain(words).collect(), timing)
}

/// `path` seen from `directory`. An absolute one stays as it is written, as with BuildKit.
fn below(directory: &str, path: &str) -> String {
    match path {
        "" => directory.to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => cleaned(&format!("{directory}/{path}")),
    }
}

/// The same for the destination of a COPY, whose end says whether it is a directory.
fn destination_below(directory: &str, path: &str) -> String {
    let path = if matches!(path, "" | ".") { "./" } else { path };
    let mut found = below(directory, path);
    if path.ends_with('/') && !found.ends_with('/') {
        found.push('/');
    } else if path.ends_with("/.") && !found.ends_with("/.") {
        found.push_str(if found == "/" { "." } else { "/." });
    }
    found
}

/// An absolute path without `.`, `..` and doubled slashes.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (directory, path, workdir, destination) in [
            ("/", "a", "/a", "/a"),
            ("/a", "", "/a", "/a/"),
            ("/a", ".", "/a", "/a/"),
            ("/a", "b/../c/", "/a/c", "/a/c/"),
            ("/a", "../..", "/", "/"),
            ("/a", "/b/../c", "/b/../c", "/b/../c"),
            ("/a", "b/.", "/a/b", "/a/b/."),
            ("/", "./", "/", "/"),
            ("/a", "/b/.", "/b/.", "/b/."),
        ] {
            assert_eq!(below(directory, path), workdir, "{directory} {path}");
            assert_eq!(destination_below(directory, path), destination, "{directory} {path}");
        }
    }
}
