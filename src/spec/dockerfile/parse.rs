//! A text into instructions and stages. Everything that is wrong is noted, and reading goes on behind it.

use super::flags::{Flags, Takes};
use super::heredoc;
use super::instruction::{
    Arg, Body, Command, Copy, Document, Head, Healthcheck, Instruction, OnBuild, Pair, Stage, Timing,
};
use super::lines::{Directives, Joined, Logical, Reader, directives};
use super::run;
use super::source::{Faults, Source, Span};
use super::values;
use super::words::{self, Json, Split, Word};
use crate::base::suggest::nearest;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// A file that was read, with what is wrong in it.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) source: Source,
    pub(super) directives: Directives,
    pub(super) globals: Vec<Instruction>,
    pub(super) stages: Vec<Stage>,
    pub(super) faults: Faults,
    /// Whether what is there can be looked at further, in spite of the faults: no stage and no variable is missing.
    pub(super) usable: bool,
}

/// The instructions that there are.
pub(super) const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Those that say nothing about the ones below them.
const HARMLESS: [&str; 12] = [
    "ADD",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "RUN",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
];

/// An instruction of either kind.
enum Read {
    Stage(Box<Stage>),
    Instruction(Box<Instruction>),
}

/// Reads `text`, which is that of `file`.
pub(super) fn parse(file: &Path, text: &str) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source::new(file.to_owned(), text);
    let mut faults = Faults::default();
    let mut reader = Reader::new(text);
    let (mut globals, mut stages): (_, Vec<Stage>) = (Vec::new(), Vec::new());
    let (mut usable, mut empty, mut lost) = (true, true, false);
    while let Some(logical) = reader.logical(&mut faults) {
        empty = false;
        let before = faults.count();
        let keyword = words::split(&logical.text, 0..logical.text.text.len(), reader.escape()).keyword;
        let read = instruction(&mut reader, &source, logical, &mut faults);
        match (read, stages.last_mut()) {
            (Some(Read::Stage(stage)), _) => stages.push(*stage),
            (Some(Read::Instruction(read)), Some(stage)) => stage.instructions.push(*read),
            (Some(Read::Instruction(read)), None) if matches!(read.body, Body::Arg(_)) => globals.push(*read),
            // Once is enough, and not at all if it may be the FROM that was not understood.
            (Some(Read::Instruction(read)), None) if !lost => {
                let keyword = read.head.keyword.text.to_uppercase();
                let message = format!("{keyword} stands before the first FROM");
                faults.hinted(read.head.keyword.span, message, "only ARG can stand there");
                lost = true;
            }
            (None, None) => lost = true,
            (Some(Read::Instruction(_)), None) | (None, Some(_)) => {}
        }
        // A stage or a variable that is missing would make much look wrong that is not.
        usable &= faults.count() == before || HARMLESS.contains(&keyword.text.to_uppercase().as_str());
    }
    if stages.is_empty() && faults.is_empty() {
        let end = Span { start: text.trim_end().len(), end: text.trim_end().len() };
        let message = if empty { "there is no instruction in it" } else { "there is no FROM in it" };
        faults.hinted(end, message, "begin with `FROM IMAGE`, or with `FROM scratch`");
    }
    let usable = usable && !stages.is_empty();
    let directives = directives(text, reader.escape());
    Parsed { source, directives, globals, stages, faults, usable }
}

/// Reads an instruction that comes with a base image or a stage: `ONBUILD` was taken off. All of it stands for
/// `span`, the place of the `FROM` that it comes with.
pub(super) fn trigger(text: &str, head: &Head, faults: &mut Faults) -> Option<Instruction> {
    let span = head.span;
    let (mut reader, mut inner) = (Reader::new(text), Faults::default());
    let read = reader.logical(&mut inner).and_then(|logical| {
        let logical = Logical { text: logical.text.elsewhere(span), ..logical };
        instruction(&mut reader, &Source::new(std::path::PathBuf::new(), text), logical, &mut inner)
    });
    let more = reader.logical(&mut inner).is_some();
    let shown = text.lines().next().unwrap_or_default();
    for fault in inner.into_list() {
        faults.add(span, format!("the trigger `{shown}` of its base: {}", fault.message));
    }
    match read {
        Some(Read::Instruction(instruction)) if !more => {
            let head = Head { lines: head.lines, comments: Vec::new(), ..instruction.head };
            Some(Instruction { head, body: instruction.body })
        }
        Some(_) => {
            faults.add(span, format!("the trigger `{shown}` of its base is not a single instruction"));
            None
        }
        None => None,
    }
}

/// What the functions below need.
struct Context<'a> {
    line: &'a Joined,
    escape: char,
    keyword: String,
    span: Span,
    documents: Vec<Document>,
    faults: &'a mut Faults,
}

fn instruction(
    reader: &mut Reader<'_>,
    source: &Source,
    logical: Logical,
    faults: &mut Faults,
) -> Option<Read> {
    let Logical { text: line, comments, lines, has_blank_line } = logical;
    let escape = reader.escape();
    let end = line.text.trim_end().len();
    let Split { keyword, flags, rest } = words::split(&line, 0..line.text.len(), escape);
    let name = keyword.text.to_uppercase();
    let span = line.span(0..end);
    // Arguments that are JSON are read before here-documents are, as an array has none behind it.
    let (inner, arguments) = match name.as_str() {
        "ONBUILD" => {
            let inner = words::split(&line, rest.clone(), escape);
            (inner.keyword.text.to_uppercase(), inner.rest)
        }
        _ => (name.clone(), rest.clone()),
    };
    let can_have_documents = matches!(inner.as_str(), "ADD" | "COPY" | "RUN")
        && line.text.contains("<<")
        && !is_json(&line, arguments);
    let documents = if can_have_documents { documents(reader, source, &line, faults)? } else { Vec::new() };
    let head = Head {
        keyword: keyword.clone(),
        span,
        lines: (lines.0, reader.line()),
        comments,
        blank_line: has_blank_line.then_some(lines.1),
    };
    let mut context = Context { line: &line, escape, keyword: name.clone(), span, documents, faults };
    let body = match name.as_str() {
        "FROM" => return from(&mut context, head, flags, rest).map(|stage| Read::Stage(Box::new(stage))),
        "ADD" => Body::Add(context.copy(flags, rest)?),
        "ARG" => Body::Arg(context.args(rest)?),
        "CMD" => Body::Cmd(context.bare_command(flags, rest)?),
        "COPY" => Body::Copy(context.copy(flags, rest)?),
        "ENTRYPOINT" => Body::Entrypoint(context.bare_command(flags, rest)?),
        "ENV" => Body::Env(context.pairs(flags, rest)?),
        "EXPOSE" => Body::Expose(context.expose(flags, rest)?),
        "HEALTHCHECK" => Body::Healthcheck(context.healthcheck(flags, rest)?),
        "LABEL" => Body::Label(context.pairs(flags, rest)?),
        "MAINTAINER" => Body::Maintainer(context.one(flags, rest)?),
        "ONBUILD" => Body::OnBuild(context.on_build(flags, rest)?),
        "RUN" => {
            let given = Flags::new(&name, flags, &run::FLAGS, context.faults);
            let command = context.command(rest)?;
            Body::Run(run::run(command, context.documents, given, context.faults))
        }
        "SHELL" => Body::Shell(context.shell(flags, rest)?),
        // Flags of these two are passed over in silence, as with BuildKit.
        "STOPSIGNAL" => Body::StopSignal(context.single(rest)?),
        "USER" => Body::User(context.one(flags, rest)?),
        "VOLUME" => Body::Volume(context.volumes(flags, rest)?),
        "WORKDIR" => Body::Workdir(context.one(flags, rest)?),
        _ => {
            unknown(&keyword, span, faults);
            return None;
        }
    };
    Some(Read::Instruction(Box::new(Instruction { head, body })))
}

fn unknown(keyword: &Word, span: Span, faults: &mut Faults) {
    let span = if keyword.text.is_empty() { span } else { keyword.span };
    let message = match keyword.text.as_str() {
        "" => "there is no instruction in this line".to_owned(),
        text => format!("`{text}` is not an instruction"),
    };
    let hint = match nearest(&keyword.text, KEYWORDS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a line that goes on needs an escape character at its end".to_owned(),
    };
    faults.hinted(span, message, hint);
}

fn is_json(line: &Joined, range: Range<usize>) -> bool {
    matches!(words::json(line, range), Json::Strings(_))
}

/// Reads the here-documents that a line announces; none if one has no end.
fn documents(
    reader: &mut Reader<'_>,
    source: &Source,
    line: &Joined,
    faults: &mut Faults,
) -> Option<Vec<Document>> {
    let at = |name: &str| {
        let index = line.text.find("<<").unwrap_or_default();
        let index = line.text[index..].find(name).map_or(index, |offset| index + offset);
        line.span(index..index + name.len().max(1).min(line.text.len() - index))
    };
    let starts = match heredoc::starts(&line.text) {
        Ok(starts) => starts,
        Err(error) => {
            faults.add(at("<<"), error.to_string());
            return None;
        }
    };
    let mut documents = Vec::new();
    for heredoc::Start { name, expand, chomp } in starts {
        let Some(content) = reader.heredoc(&name, chomp) else {
            let hint = format!("end it with a line that is `{name}` and nothing else");
            faults.hinted(at(&name), format!("the here-document `{name}` has no end"), hint);
            return None;
        };
        let content = source.text[content.start..content.end].to_owned();
        documents.push(Document { name, content, expand, chomp });
    }
    Some(documents)
}

fn from(context: &mut Context<'_>, head: Head, flags: Vec<Word>, rest: Range<usize>) -> Option<Stage> {
    let arguments = words::plain(context.line, rest);
    let mut flags = Flags::new("FROM", flags, &[("platform", Takes::Text)], context.faults);
    let mut arguments = arguments.into_iter();
    let (base, second, name, more) = (arguments.next(), arguments.next(), arguments.next(), arguments.next());
    let usage = "write `FROM IMAGE` or `FROM IMAGE AS NAME`";
    let Some(base) = base else {
        context.faults.hinted(context.span, "FROM names no image", usage);
        return None;
    };
    let name = match (second, name, more) {
        (None, _, _) => None,
        (Some(keyword), Some(name), None) if keyword.text.eq_ignore_ascii_case("as") => {
            let lower = name.text.to_lowercase();
            let legal = lower.starts_with(|c: char| c.is_ascii_lowercase())
                && lower.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
            if !legal {
                let message = format!("`{}` can't be the name of a stage", name.text);
                let hint = "it begins with a letter, with letters, digits, `-`, `_` and `.` behind it";
                context.faults.hinted(name.span, message, hint);
                return None;
            }
            Some((keyword, name))
        }
        (Some(word), _, _) => {
            context.faults.hinted(word.span, "FROM takes one argument or three", usage);
            return None;
        }
    };
    let platform = flags.text("platform");
    Some(Stage { head, base, platform, name, instructions: Vec::new() })
}

impl Context<'_> {
    /// Complains of all flags, for instructions that take none.
    fn no_flags(&mut self, flags: Vec<Word>) {
        Flags::new(&self.keyword, flags, &[], self.faults);
    }

    fn missing(&mut self, what: &str) {
        let message = format!("{} {what}", self.keyword);
        self.faults.add(self.span, message);
    }

    /// All arguments as one word.
    fn single(&mut self, rest: Range<usize>) -> Option<Word> {
        let word = words::whole(self.line, rest);
        if word.is_none() {
            self.missing("needs an argument");
        }
        word
    }

    fn one(&mut self, flags: Vec<Word>, rest: Range<usize>) -> Option<Word> {
        self.no_flags(flags);
        self.single(rest)
    }

    /// A JSON array of strings, or none if it is something else.
    fn json(&mut self, rest: Range<usize>) -> Result<Option<Vec<Word>>, ()> {
        match words::json(self.line, rest) {
            Json::No => Ok(None),
            Json::Strings(words) => Ok(Some(words)),
            Json::Mixed(span) => {
                let hint = "put double quotes around it";
                self.faults.hinted(span, "only strings can be in this JSON array", hint);
                Err(())
            }
        }
    }

    /// A JSON array, or words that blanks separate.
    fn list(&mut self, rest: Range<usize>) -> Option<Vec<Word>> {
        match self.json(rest.clone()) {
            Ok(words) => Some(words.unwrap_or_else(|| words::plain(self.line, rest))),
            Err(()) => None,
        }
    }

    fn command(&mut self, rest: Range<usize>) -> Option<Command> {
        match self.json(rest.clone()) {
            Ok(Some(words)) => Some(Command::Exec(words)),
            Ok(None) => Some(Command::Shell(words::whole(self.line, rest).unwrap_or_default())),
            Err(()) => None,
        }
    }

    fn bare_command(&mut self, flags: Vec<Word>, rest: Range<usize>) -> Option<Command> {
        self.no_flags(flags);
        self.command(rest)
    }

    fn args(&mut self, rest: Range<usize>) -> Option<Vec<Arg>> {
        let words = words::quoted(self.line, rest, self.escape);
        if words.is_empty() {
            self.missing("names no variable");
            return None;
        }
        let mut args = Vec::new();
        for Word { text, span } in words {
            let (name, default) = match text.split_once('=') {
                Some((name, default)) => (name, Some(default)),
                None => (text.as_str(), None),
            };
            if name.is_empty() {
                self.faults.add(span, "there is no name before the `=`");
                continue;
            }
            let behind = |offset: usize| Span { start: (span.start + offset).min(span.end), end: span.end };
            let default =
                default.map(|default| Word { text: default.to_owned(), span: behind(name.len() + 1) });
            let end = if default.is_some() { behind(name.len()).start } else { span.end };
            let name = Word { text: name.to_owned(), span: Span { end, ..span } };
            args.push(Arg { name, default });
        }
        Some(args)
    }

    fn pairs(&mut self, flags: Vec<Word>, rest: Range<usize>) -> Option<Vec<Pair>> {
        self.no_flags(flags);
        let words = words::quoted(self.line, rest.clone(), self.escape);
        let Some(first) = words.first() else {
            self.missing("needs `NAME=value`");
            return None;
        };
        if !first.text.contains('=') {
            let text = &self.line.text[rest.clone()];
            let blank = ['\t', '\x0b', '\x0c', '\r', ' '];
            let Some((name, value)) = text.split_once(blank) else {
                let hint = format!("write `{} {text}=value`", self.keyword);
                self.faults.hinted(first.span, format!("`{text}` has no value"), hint);
                return None;
            };
            let value = value.trim_start_matches(blank);
            let name_span = self.line.span(rest.start..rest.start + name.len());
            let value_span = self.line.span(rest.end - value.len()..rest.end);
            return Some(vec![Pair {
                name: Word { text: name.to_owned(), span: name_span },
                value: Word { text: value.to_owned(), span: value_span },
                legacy: true,
            }]);
        }
        let mut pairs = Vec::new();
        for Word { text, span } in words {
            let Some((name, value)) = text.split_once('=') else {
                let hint = "put quotes around a value with white space in it";
                self.faults.hinted(span, format!("`{text}` has no `=`"), hint);
                continue;
            };
            if name.is_empty() {
                self.faults.add(span, "there is no name before the `=`");
                continue;
            }
            let at = |offset: usize| (span.start + offset).min(span.end);
            let name_span = Span { start: span.start, end: at(name.len()) };
            let value_span = Span { start: at(name.len() + 1), end: span.end };
            pairs.push(Pair {
                name: Word { text: name.to_owned(), span: name_span },
                value: Word { text: value.to_owned(), span: value_span },
                legacy: false,
            });
        }
        Some(pairs)
    }

    fn expose(&mut self, flags: Vec<Word>, rest: Range<usize>) -> Option<Vec<Word>> {
        self.no_flags(flags);
        let mut ports = words::plain(self.line, rest);
        if ports.is_empty() {
            self.missing("names no port");
            return None;
        }
        ports.sort_by(|a, b| a.text.cmp(&b.text));
        Some(ports)
    }

    fn volumes(&mut self, flags: Vec<Word>, rest: Range<usize>) -> Option<Vec<Word>> {
        self.no_flags(flags);
        let mut volumes = self.list(rest)?;
        if volumes.is_empty() {
            self.missing("names no path");
            return None;
        }
        for volume in &mut volumes {
            volume.text = volume.text.trim().to_owned();
            if volume.text.is_empty() {
                self.faults.add(volume.span, "a volume can't be the empty path");
            }
        }
        Some(volumes)
    }

    fn shell(&mut self, flags: Vec<Word>, rest: Range<usize>) -> Option<Vec<Word>> {
        self.no_flags(flags);
        let span = if rest.is_empty() { self.span } else { self.line.span(rest.clone()) };
        match self.json(rest).ok()? {
            Some(words) if !words.is_empty() => Some(words),
            _ => {
                let hint = "write `SHELL [\"/bin/bash\", \"-c\"]`";
                self.faults.hinted(span, "SHELL needs a JSON array of strings", hint);
                None
            }
        }
    }

    fn copy(&mut self, flags: Vec<Word>, rest: Range<usize>) -> Option<Copy> {
        let is_copy = self.keyword == "COPY";
        let known: &[_] = if is_copy {
            &[
                ("from", Takes::Text),
                ("chown", Takes::Text),
                ("chmod", Takes::Text),
                ("link", Takes::Switch),
                ("parents", Takes::Switch),
                ("exclude", Takes::Texts),
            ]
        } else {
            &[
                ("chown", Takes::Text),
                ("chmod", Takes::Text),
                ("link", Takes::Switch),
                ("exclude", Takes::Texts),
                ("checksum", Takes::Text),
                ("keep-git-dir", Takes::Switch),
                ("unpack", Takes::Switch),
            ]
        };
        let mut flags = Flags::new(&self.keyword, flags, known, self.faults);
        let mut sources = self.list(rest)?;
        let Some(destination) = sources.pop().filter(|_| !sources.is_empty()) else {
            let message = format!("{} needs a source and a destination", self.keyword);
            let hint = format!("write `{} SOURCE… DESTINATION`", self.keyword);
            self.faults.hinted(self.span, message, hint);
            return None;
        };
        let announced = |word: &Word| heredoc::start(&word.text).ok().flatten();
        if announced(&destination).is_some() {
            self.faults.add(destination.span, "the destination can't be a here-document");
            return None;
        }
        let mut copy = Copy {
            destination,
            from: flags.text("from"),
            chown: flags.text("chown"),
            chmod: flags.text("chmod"),
            link: flags.switch("link") == Some(true),
            parents: flags.switch("parents") == Some(true),
            exclude: flags.texts("exclude"),
            checksum: flags.text("checksum"),
            keep_git_dir: flags.switch("keep-git-dir"),
            unpack: flags.switch("unpack"),
            ..Copy::default()
        };
        for source in sources {
            let Some(heredoc::Start { name, expand, chomp }) = announced(&source) else {
                copy.sources.push(source);
                continue;
            };
            // The last one of a name is meant; one that was not read, in JSON, is empty.
            let content = self.documents.iter().rev().find(|document| document.name == name);
            let content = content.map(|document| document.content.as_str()).unwrap_or_default();
            let content = if chomp { heredoc::chomped(content) } else { content.to_owned() };
            copy.documents.push(Document { name, content, expand, chomp });
        }
        Some(copy)
    }

    fn healthcheck(&mut self, flags: Vec<Word>, rest: Range<usize>) -> Option<Healthcheck> {
        let text = &self.line.text[rest.clone()];
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let kind = &text[..end];
        let behind = text[end..].trim_start();
        let behind = rest.end - behind.len()..rest.end;
        let kind_span = self.line.span(rest.start..rest.start + end);
        match kind.to_uppercase().as_str() {
            "NONE" if behind.is_empty() => Some(Healthcheck::None),
            "NONE" => {
                let span = self.line.span(behind);
                self.faults.add(span, "HEALTHCHECK NONE takes no arguments");
                None
            }
            "CMD" => {
                let timing = self.timing(flags);
                let command = self.command(behind.clone())?;
                let is_empty = match &command {
                    Command::Exec(words) => words.is_empty(),
                    Command::Shell(word) => word.text.is_empty(),
                };
                if is_empty {
                    self.missing("CMD needs a command");
                    return None;
                }
                Some(Healthcheck::Test { command, timing })
            }
            "" => {
                self.missing("needs NONE, or CMD and a command");
                None
            }
            _ => {
                let message = format!("`{kind}` is no kind of HEALTHCHECK");
                self.faults.hinted(kind_span, message, "write `HEALTHCHECK CMD …` or `HEALTHCHECK NONE`");
                None
            }
        }
    }

    fn timing(&mut self, flags: Vec<Word>) -> Timing {
        let names = ["interval", "timeout", "start-period", "start-interval", "retries"];
        let known = names.map(|name| (name, Takes::Text));
        let mut flags = Flags::new("HEALTHCHECK", flags, &known, self.faults);
        let mut time = |name| {
            let Some(word) = flags.text(name) else { return Duration::ZERO };
            match values::duration(&word.text) {
                Some(0) => return Duration::ZERO,
                Some(nanoseconds) if nanoseconds >= 1_000_000 => {
                    return Duration::from_nanos(nanoseconds.unsigned_abs());
                }
                Some(_) => {
                    self.faults.add(word.span, format!("`--{name}` must be a millisecond at least"));
                }
                None => {
                    let message = format!("`{}` is not a duration", word.text);
                    self.faults.hinted(word.span, message, "write it with a unit: `30s`, `1m30s`, `500ms`");
                }
            }
            Duration::ZERO
        };
        let timing = Timing {
            interval: time("interval"),
            timeout: time("timeout"),
            start_period: time("start-period"),
            start_interval: time("start-interval"),
            retries: 0,
        };
        let retries = flags.text("retries").map(|word| (word.text.parse::<i32>(), word));
        let retries = match retries {
            None => 0,
            Some((Ok(retries @ 0..), _)) => retries.unsigned_abs(),
            Some((_, word)) => {
                self.faults.add(word.span, format!("`--retries` is a number, and not `{}`", word.text));
                0
            }
        };
        Timing { retries, ..timing }
    }

    fn on_build(&mut self, flags: Vec<Word>, rest: Range<usize>) -> Option<OnBuild> {
        self.no_flags(flags);
        let Split { keyword, rest: arguments, .. } = words::split(self.line, rest.clone(), self.escape);
        let name = keyword.text.to_uppercase();
        match name.as_str() {
            "" => {
                self.missing("needs an instruction");
                return None;
            }
            "ONBUILD" | "FROM" | "MAINTAINER" => {
                self.faults.add(keyword.span, format!("{name} can't be put off with ONBUILD"));
                return None;
            }
            _ => {}
        }
        // What is no array of strings is told of now, all else when the trigger fires.
        if matches!(name.as_str(), "ADD" | "CMD" | "COPY" | "ENTRYPOINT" | "RUN" | "SHELL" | "VOLUME") {
            self.json(arguments.clone()).ok()?;
        }
        if matches!(name.as_str(), "ENV" | "LABEL") && !arguments.is_empty() {
            self.pairs(Vec::new(), arguments)?;
        }
        let text = self.line.text.trim_start();
        let mut expression = text[self.keyword.len()..].trim_start().to_owned();
        for document in &self.documents {
            expression.push('\n');
            expression.push_str(&document.content);
            expression.push_str(&document.name);
        }
        Some(OnBuild { keyword: name, expression })
    }
}
