//! The only place that writes to stdout and stderr.

use super::args::Format;
use super::error::{CliError, Fail};
use crate::base::{Failure, Secret};
use crate::ci::github::{Command, harmless};
use serde_json::Value;
use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

/// Writes results to stdout and everything else to stderr, with colours only on a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Printer {
    pub(super) format: Format,
    pub(super) colour: bool,
    /// Whether a runner of GitHub Actions looks for commands in what is printed.
    pub(super) github: bool,
}

impl Printer {
    /// `no_colour` is whether `NO_COLOR` is set, `github` whether this is a job of GitHub Actions.
    pub(super) fn new(format: Format, no_colour: bool, github: bool) -> Self {
        Self { format, colour: !no_colour && io::stderr().is_terminal(), github }
    }

    /// A result: `text`, or `json` if that was asked for.
    pub(super) fn result(self, text: &str, json: &Value) -> Result<(), Fail> {
        let text = match self.format {
            Format::Text if self.github => harmless(text).into_owned(),
            Format::Text => text.to_owned(),
            // Only a string can hold this, and it stays the same string.
            Format::Json if self.github => format!("{json:#}\n").replace("##[", "#\\u0023["),
            Format::Json => format!("{json:#}\n"),
        };
        self.stdout(&text)
    }

    /// Text for stdout as it is. A reader that has gone away is no error; a result that could not be written is
    /// one, since whoever waits for it would go on without.
    #[expect(clippy::unused_self, reason = "nothing is printed without a printer")]
    pub(super) fn stdout(self, text: &str) -> Result<(), Fail> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(CliError::input(format!("writing the result to stdout: {error}")).into())
            }
            _ => Ok(()),
        }
    }

    /// A line for stderr.
    pub(super) fn stderr(self, line: &str) {
        let line = if self.github { harmless(line) } else { Cow::Borrowed(line) };
        self.raw(&line);
    }

    #[expect(clippy::unused_self, reason = "nothing is printed without a printer")]
    fn raw(self, line: &str) {
        if let Err(error) = writeln!(io::stderr().lock(), "{line}") {
            tracing::debug!("stderr: {error}");
        }
    }

    /// A command for GitHub's runner. It goes to stderr, as stdout is the result.
    pub(super) fn command(self, command: &Command) {
        self.raw(&command.to_string());
    }

    /// Has a secret hidden in the log from here on, if there is a runner that does that.
    pub(super) fn mask(self, secret: &Secret) {
        if self.github {
            for command in Command::masks(secret) {
                self.raw(command.expose());
            }
        }
    }

    fn paint(self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// `warning: …`
    pub(super) fn warning(self, message: &str) {
        if self.github {
            self.command(&Command::warning(message));
        } else {
            self.stderr(&format!("{} {message}", self.paint("1;33", "warning:")));
        }
    }

    /// `note: …`
    pub(super) fn notice(self, message: &str) {
        if self.github {
            self.command(&Command::notice(message));
        } else {
            self.stderr(&format!("{} {message}", self.paint("1;36", "note:")));
        }
    }

    /// What failed, why, and what to do next.
    pub(super) fn failure(self, failure: &dyn Failure) {
        let label = self.paint("1;31", "error:");
        self.stderr(&format!("{label} {}", self.explanation(failure)));
    }

    /// What failed, why, and what to do next, without saying that it is an error.
    pub(super) fn explanation(self, failure: &dyn Failure) -> String {
        let mut text = failure.to_string();
        let mut said = text.clone();
        let mut cause = failure.source();
        while let Some(error) = cause {
            let line = error.to_string();
            // Libraries like to repeat the inner text in the outer one.
            if !said.contains(&line) {
                text.push_str("\n  because: ");
                text.push_str(&line);
            }
            said = line;
            cause = error.source();
        }
        if let Some(hint) = failure.hint() {
            let label = self.paint("1;36", "hint:");
            text = format!("{text}\n{label} {hint}");
        }
        text
    }
}
