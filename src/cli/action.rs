//! `consign github-action`: a build as the inputs of `action.yml` ask for it.

use super::args::{Cli, Command};
use super::error::{CliError, Fail};
use super::{Context, build, settings};
use crate::base::failure::causes;
use crate::base::{Failure, Kind, env};
use crate::ci::github::inputs;
use clap::{CommandFactory as _, FromArgMatches as _};
use serde_json::{Map, Value};
use std::error::Error;
use std::fmt;
use std::io::Read as _;
use std::sync::Arc;

/// Reads the inputs, from the variable or from stdin, and builds.
pub(super) async fn run(context: &Context) -> Result<(), Fail> {
    let inputs = read(context)?;
    // First of all, so that nothing that follows can show them.
    for secret in inputs::secrets(&inputs) {
        context.printer.mask(&secret);
    }
    let request = inputs::request(&inputs)?;
    if request.mask_account {
        for account in inputs::accounts(&inputs) {
            context.printer.mask(&account);
        }
    }
    for notice in &request.notices {
        context.printer.notice(notice);
    }
    let words = ["consign".to_owned(), "build".to_owned()].into_iter().chain(request.arguments);
    let command = settings::command(&context.environment, Cli::command());
    let parsed = command.try_get_matches_from(words).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((matches, cli))
    });
    let (matches, cli) = parsed.map_err(|error| told_of_inputs(usage(&error)))?;
    let Command::Build(mut args) = cli.command else {
        return Err(CliError::internal("the inputs became another command than `build`").into());
    };
    args.aws.keys = request.keys;
    let context = Context {
        environment: context.environment.clone(),
        printer: context.printer,
        reporter: Arc::clone(&context.reporter),
        matches,
        json_progress: context.json_progress,
        github: context.github.clone(),
        mask_account: request.mask_account,
    };
    Box::pin(build::run(args, &context)).await.map_err(told_of_inputs)
}

/// The JSON object of all inputs. What is wrong with it is told by its place alone, as it holds secrets.
fn read(context: &Context) -> Result<Map<String, Value>, Fail> {
    let mut text = String::new();
    match context.environment.get(env::CONSIGN_ACTION_INPUTS) {
        Some(inputs) => text.push_str(inputs),
        None => {
            std::io::stdin().read_to_string(&mut text).map_err(|error| {
                CliError::input(format!("the inputs of the action can't be read from stdin: {error}"))
            })?;
        }
    }
    serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        CliError::input(format!(
            "the inputs of the action are no JSON object: line {line}, column {column} of {} or stdin",
            env::CONSIGN_ACTION_INPUTS
        ))
        .hinted(
            "this command is what action.yml runs: write `uses:` with that action, or run `consign build`",
        )
        .into()
    })
}

/// What the parser of the command line says, without what is for people at a prompt.
fn usage(error: &clap::Error) -> Fail {
    let text = error.render().to_string();
    let text = text.split("\n\nUsage:").next().unwrap_or(&text);
    let text = text.split("\n\nFor more information").next().unwrap_or(text);
    CliError::input(text.strip_prefix("error: ").unwrap_or(text).trim()).into()
}

/// An error that names options, with the inputs that they were made from.
#[derive(Debug)]
struct FromInputs {
    inner: Fail,
    inputs: String,
}

fn told_of_inputs(failure: Fail) -> Fail {
    match inputs::origin_of_options(&format!("{failure} {}", causes(&*failure))) {
        Some(inputs) => Box::new(FromInputs { inner: failure, inputs }),
        None => failure,
    }
}

impl fmt::Display for FromInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Error for FromInputs {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.source()
    }
}

impl Failure for FromInputs {
    fn kind(&self) -> Kind {
        self.inner.kind()
    }

    fn hint(&self) -> Option<String> {
        let own = &self.inputs;
        Some(self.inner.hint().map_or_else(|| own.clone(), |hint| format!("{hint}\n{own}")))
    }
}
