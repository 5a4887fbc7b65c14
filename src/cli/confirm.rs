//! Asking before something is done that can't be undone.

use super::Context;
use super::build::blocking;
use super::error::{CliError, Fail};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Whether somebody is there who can be asked.
pub(super) fn is_somebody_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks `question` on the terminal. Fails unless the answer is yes; without a terminal it fails with `hint`, which says
/// what to do in its place.
pub(super) async fn confirm(context: &Context, question: &str, hint: &str) -> Result<(), Fail> {
    if !is_somebody_there() {
        return Err(CliError::input(format!(
            "{question} There is no terminal to ask on, and nothing was done"
        ))
        .hinted(hint)
        .into());
    }
    context.reporter.finish();
    let question = format!("{question} [y/N] ");
    let answer = blocking(move || {
        let read = || {
            let mut answer = String::new();
            io::stderr().lock().write_all(question.as_bytes())?;
            io::stdin().lock().read_line(&mut answer)?;
            Ok(answer)
        };
        read().map_err(|error: io::Error| CliError::input(format!("asking on the terminal: {error}")).into())
    });
    if matches!(answer.await?.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(CliError::gate("nothing was done, as the answer was not yes").into())
}
