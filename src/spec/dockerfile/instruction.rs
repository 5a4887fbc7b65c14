//! What a Dockerfile says, instruction by instruction, before any variable has a value.

use super::source::Span;
use super::words::Word;
use std::time::Duration;

/// What every instruction has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `COPY`, as it is written.
    pub keyword: Word,
    /// All of it, without here-documents.
    pub span: Span,
    /// Its first line and its last, from 1, here-documents included.
    pub lines: (usize, usize),
    /// The comments above it.
    pub comments: Vec<String>,
    /// The last line of the instruction itself, if a line in it is blank, though the line before is continued.
    pub blank_line: Option<usize>,
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Where it is.
    pub head: Head,
    /// What it says.
    pub body: Body,
}

/// `FROM` and all up to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Where the `FROM` is.
    pub head: Head,
    /// What the stage starts from.
    pub base: Word,
    /// `--platform`
    pub platform: Option<Word>,
    /// `AS` and the name, both as they are written.
    pub name: Option<(Word, Word)>,
    /// What it does.
    pub instructions: Vec<Instruction>,
}

impl Stage {
    /// The name in lower case, as it is referred to.
    pub fn name(&self) -> Option<String> {
        self.name.as_ref().map(|(_, name)| name.text.to_lowercase())
    }
}

/// What instructions say, except `FROM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// `ADD`
    Add(Copy),
    /// `ARG`
    Arg(Vec<Arg>),
    /// `CMD`
    Cmd(Command),
    /// `COPY`
    Copy(Copy),
    /// `ENTRYPOINT`
    Entrypoint(Command),
    /// `ENV`
    Env(Vec<Pair>),
    /// `EXPOSE`, in the order of the bytes.
    Expose(Vec<Word>),
    /// `HEALTHCHECK`
    Healthcheck(Healthcheck),
    /// `LABEL`
    Label(Vec<Pair>),
    /// `MAINTAINER`
    Maintainer(Word),
    /// `ONBUILD`
    OnBuild(OnBuild),
    /// `RUN`
    Run(Run),
    /// `SHELL`
    Shell(Vec<Word>),
    /// `STOPSIGNAL`
    StopSignal(Word),
    /// `USER`
    User(Word),
    /// `VOLUME`
    Volume(Vec<Word>),
    /// `WORKDIR`
    Workdir(Word),
}

/// `NAME` or `NAME=default` of an `ARG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// The name.
    pub name: Word,
    /// The default.
    pub default: Option<Word>,
}

/// `NAME=value` of an `ENV` or a `LABEL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: Word,
    /// The value.
    pub value: Word,
    /// Whether it is written `NAME value`, which is the form of old.
    pub legacy: bool,
}

/// `COPY` and `ADD`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Copy {
    /// Paths, and addresses.
    pub sources: Vec<Word>,
    /// Here-documents.
    pub documents: Vec<Document>,
    /// Where to.
    pub destination: Word,
    /// `--from` of a COPY.
    pub from: Option<Word>,
    /// `--chown`
    pub chown: Option<Word>,
    /// `--chmod`
    pub chmod: Option<Word>,
    /// `--link`
    pub link: bool,
    /// `--parents` of a COPY.
    pub parents: bool,
    /// `--exclude`
    pub exclude: Vec<Word>,
    /// `--checksum` of an ADD.
    pub checksum: Option<Word>,
    /// `--keep-git-dir` of an ADD.
    pub keep_git_dir: Option<bool>,
    /// `--unpack` of an ADD.
    pub unpack: Option<bool>,
}

/// A here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name.
    pub name: String,
    /// Its lines.
    pub content: String,
    /// Whether variables in it are replaced.
    pub expand: bool,
    /// Whether tabs at the beginning of its lines are no part of it; in a COPY they are gone from `content`.
    pub chomp: bool,
}

/// A command: a list of words, or a text for a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `["program", "argument"]`
    Exec(Vec<Word>),
    /// `program argument`; empty if there is nothing.
    Shell(Word),
}

/// `RUN`. No step of this kind is run; it is read so that it can be refused, and what it needs is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What is run.
    pub command: Command,
    /// Here-documents behind it.
    pub documents: Vec<Document>,
    /// `--mount`
    pub mounts: Vec<Mount>,
    /// `--network`
    pub network: Option<Word>,
    /// `--security`
    pub security: Option<Word>,
    /// `--device`
    pub devices: Vec<Word>,
}

/// A mount of a `RUN`: `type=cache,target=/root/.cache`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// All of it.
    pub word: Word,
    /// Its fields: names in lower case, and values, if they have one.
    pub fields: Vec<(String, Option<String>)>,
}

impl Mount {
    /// The stage or image that it is from.
    pub fn from(&self) -> Option<&str> {
        let from = self.fields.iter().rev().find(|(name, _)| name == "from");
        from.and_then(|(_, value)| value.as_deref()).filter(|value| !value.is_empty())
    }
}

/// `HEALTHCHECK`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Healthcheck {
    /// `NONE`: that of the base image is off.
    None,
    /// `CMD`
    Test {
        /// What is run.
        command: Command,
        /// How often and how long; zero means that nothing is said.
        timing: Timing,
    },
}

/// The options of a `HEALTHCHECK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// `--interval`
    pub interval: Duration,
    /// `--timeout`
    pub timeout: Duration,
    /// `--start-period`
    pub start_period: Duration,
    /// `--start-interval`
    pub start_interval: Duration,
    /// `--retries`
    pub retries: u32,
}

/// `ONBUILD`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnBuild {
    /// `COPY`, in upper case.
    pub keyword: String,
    /// The instruction, here-documents included, as it goes into the image.
    pub expression: String,
}
