//! What a stage does, step by step, with every variable replaced.

use super::instruction::{Document, Timing};
use super::stages::Origin;
use super::values::{Mode, shown_duration};
use std::fmt::Write as _;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The line of the instruction, from 1; that of the `FROM` if the step comes with the base.
    pub line: usize,
    /// Whether it comes with the base, as a trigger of `ONBUILD`.
    pub is_trigger: bool,
    /// What it does.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `ADD`
    Add(CopyFiles),
    /// `COPY`
    Copy(CopyFiles),
    /// `RUN`: what it runs, as a reader knows it again.
    Run(RunCommand),
    /// `ARG`: names, with the values that they have now.
    Arg(Vec<(String, Option<String>)>),
    /// `ENV`
    Env(Vec<(String, String)>),
    /// `LABEL`
    Label(Vec<(String, String)>),
    /// `WORKDIR`, absolute.
    Workdir(String),
    /// `USER`
    User(String),
    /// `EXPOSE`: `80/tcp`
    Expose(Vec<String>),
    /// `VOLUME`
    Volume(Vec<String>),
    /// `CMD`, with the shell in front that it needs.
    Cmd(Vec<String>),
    /// `ENTRYPOINT`, with the shell in front that it needs.
    Entrypoint {
        /// The words.
        words: Vec<String>,
        /// Whether the base's `CMD` is gone with it: no other was set in this stage.
        clears_cmd: bool,
    },
    /// `SHELL`
    Shell(Vec<String>),
    /// `STOPSIGNAL`
    StopSignal(String),
    /// `HEALTHCHECK`: the test as the image's config has it, and its timing.
    Healthcheck(Vec<String>, Timing),
    /// `ONBUILD`: an instruction for images that have this one as their base.
    OnBuild(String),
    /// `MAINTAINER`
    Author(String),
}

/// `COPY` and `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyFiles {
    /// Where the sources are; none is the build context.
    pub from: Option<Origin>,
    /// What is copied.
    pub sources: Vec<Source>,
    /// Files whose content stands in the Dockerfile.
    pub documents: Vec<Document>,
    /// Where to, absolute; a `/` or `/.` at the end is kept, as it says that this is a directory.
    pub destination: String,
    /// The same as it is written, with variables replaced.
    pub written_destination: String,
    /// `--chown`
    pub chown: Option<String>,
    /// `--chmod` as it is written.
    pub chmod: Option<(String, Mode)>,
    /// `--link`
    pub link: bool,
    /// `--parents`
    pub parents: bool,
    /// `--exclude`
    pub exclude: Vec<String>,
    /// `--checksum`
    pub checksum: Option<String>,
    /// `--keep-git-dir`
    pub keep_git_dir: Option<bool>,
    /// `--unpack`; none: an ADD unpacks archives that are files of the context.
    pub unpack: Option<bool>,
}

/// A source of a COPY or ADD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path, or a pattern for paths.
    Path(String),
    /// A file that is fetched by HTTP.
    Http(String),
    /// A repository.
    Git(String),
}

impl Source {
    /// As it is written, with variables replaced.
    pub fn text(&self) -> &str {
        match self {
            Self::Path(text) | Self::Http(text) | Self::Git(text) => text,
        }
    }
}

/// `RUN`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCommand {
    /// The words, with the shell in front that they need.
    pub words: Vec<String>,
    /// Here-documents behind it.
    pub documents: Vec<Document>,
}

impl Step {
    /// Whether it makes a layer. All others change only what the image says of itself.
    pub fn makes_layer(&self) -> bool {
        match &self.action {
            Action::Add(_) | Action::Copy(_) | Action::Run(_) => true,
            Action::Workdir(path) => path != "/",
            _ => false,
        }
    }

    /// What the image's history says of it, as BuildKit writes it; none if it says nothing.
    pub fn created_by(&self) -> Option<String> {
        Some(match &self.action {
            Action::Add(copy) => copied("ADD", copy),
            Action::Copy(copy) => copied("COPY", copy),
            Action::Run(run) => format!("RUN {} # buildkit", run.words.join(" ")),
            Action::Arg(args) => args.iter().fold("ARG".to_owned(), |text, (name, value)| match value {
                Some(value) => format!("{text} {name}={value}"),
                None => format!("{text} {name}"),
            }),
            Action::Env(pairs) => listed("ENV", pairs),
            Action::Label(pairs) => listed("LABEL", pairs),
            Action::Workdir(path) => format!("WORKDIR {path}"),
            Action::User(user) => format!("USER {user}"),
            Action::Expose(ports) => format!("EXPOSE [{}]", ports.join(" ")),
            Action::Volume(paths) => format!("VOLUME [{}]", paths.join(" ")),
            Action::Cmd(words) => format!("CMD {}", quoted_list(words)),
            Action::Entrypoint { words, .. } => format!("ENTRYPOINT {}", quoted_list(words)),
            Action::Shell(words) => format!("SHELL [{}]", words.join(" ")),
            Action::StopSignal(signal) => format!("STOPSIGNAL {signal}"),
            Action::Healthcheck(test, timing) => format!(
                "HEALTHCHECK {{Test:[{}] Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
                test.join(" "),
                shown_duration(timing.interval),
                shown_duration(timing.timeout),
                shown_duration(timing.start_period),
                shown_duration(timing.start_interval),
                timing.retries
            ),
            Action::OnBuild(_) => return None,
            Action::Author(author) => format!("MAINTAINER {author}"),
        })
    }
}

fn listed(keyword: &str, pairs: &[(String, String)]) -> String {
    pairs.iter().fold(keyword.to_owned(), |text, (name, value)| format!("{text} {name}={value}"))
}

fn copied(keyword: &str, copy: &CopyFiles) -> String {
    let mut text = keyword.to_owned();
    if copy.parents {
        text.push_str(" --parents");
    }
    for (flag, value) in
        [("chown", &copy.chown), ("chmod", &copy.chmod.as_ref().map(|(text, _)| text.clone()))]
    {
        if let Some(value) = value {
            let _ = write!(text, " --{flag}={value}");
        }
    }
    for source in &copy.sources {
        let _ = write!(text, " {}", source.text());
    }
    for document in &copy.documents {
        let _ = write!(text, " <<{}", document.name);
    }
    let _ = write!(text, " {} # buildkit", copy.written_destination);
    text
}

/// Strings as Go's `%q` shows a list of them.
fn quoted_list(words: &[String]) -> String {
    let mut text = String::from("[");
    for (index, word) in words.iter().enumerate() {
        text.push_str(if index > 0 { " \"" } else { "\"" });
        for character in word.chars() {
            match character {
                '"' | '\\' => text.extend(['\\', character]),
                '\x07' => text.push_str("\\a"),
                '\x08' => text.push_str("\\b"),
                '\x0c' => text.push_str("\\f"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\x0b' => text.push_str("\\v"),
                ' ' => text.push(' '),
                _ if character.is_ascii_control() => {
                    let _ = write!(text, "\\x{:02x}", u32::from(character));
                }
                _ if character.is_control() || character.is_whitespace() => {
                    let _ = write!(text, "\\u{:04x}", u32::from(character));
                }
                _ => text.push(character),
            }
        }
        text.push('"');
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_quoted_as_go_does() {
        let words = ["a b", "\"\\", "\n\t\u{1}", "ü\u{a0}"].map(str::to_owned);
        assert_eq!(quoted_list(&words), r#"["a b" "\"\\" "\n\t\x01" "ü\u00a0"]"#);
        assert_eq!(quoted_list(&[]), "[]");
    }
}
