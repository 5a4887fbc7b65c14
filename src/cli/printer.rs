//! The only place that writes to stdout and stderr.

use super::args::Format;
use super::error::{CliError, Fail};
use crate::base::Failure;
use serde_json::Value;
use std::io::{self, IsTerminal as _, Write as _};

/// Writes results to stdout and everything else to stderr, with colours only on a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Printer {
    pub(super) format: Format,
    pub(super) colour: bool,
}

impl Printer {
    /// `no_colour` is whether `NO_COLOR` is set.
    pub(super) fn new(format: Format, no_colour: bool) -> Self {
        Self { format, colour: !no_colour && io::stderr().is_terminal() }
    }

    /// A result: `text`, or `json` if that was asked for.
    pub(super) fn result(self, text: &str, json: &Value) -> Result<(), Fail> {
        let text = match self.format {
            Format::Text => text.to_owned(),
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
    #[expect(clippy::unused_self, reason = "nothing is printed without a printer")]
    pub(super) fn stderr(self, line: &str) {
        if let Err(error) = writeln!(io::stderr().lock(), "{line}") {
            tracing::debug!("stderr: {error}");
        }
    }

    fn paint(self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// `warning: …`
    pub(super) fn warning(self, message: &str) {
        self.stderr(&format!("{} {message}", self.paint("1;33", "warning:")));
    }

    /// What failed, why, and what to do next.
    pub(super) fn failure(self, failure: &dyn Failure) {
        let mut text = format!("{} {failure}", self.paint("1;31", "error:"));
        let mut said = failure.to_string();
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
        self.stderr(&text);
    }
}
