//! The command line: arguments → settings → calls → report. The only room that prints, exits or reads the
//! environment.

mod action;
mod args;
mod bases;
mod build;
mod check;
mod confirm;
mod control;
mod copy;
mod credential_helper;
mod deploy;
mod diff;
mod doctor;
mod emulator;
mod error;
mod existing;
mod explain;
mod github;
mod iam;
mod image;
mod images;
mod index;
mod lifecycle;
mod login;
mod plan;
mod printer;
mod pull;
mod replication;
mod repo;
mod report;
mod results;
mod scan;
mod settings;
mod table;
mod tag;
mod tags;
mod targets;

use crate::base::failure::causes;
use crate::base::{Env, Event, Failure, Reporter, env};
use crate::ci::github::annotation::annotations;
use crate::ci::github::{Command as Workflow, Place};
use args::{Cli, Command, ProgressForm};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use error::{CliError, Fail};
use printer::Printer;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// What every command gets: the outside world.
#[derive(Debug)]
struct Context {
    environment: Env,
    printer: Printer,
    reporter: Arc<dyn Reporter>,
    matches: ArgMatches,
    /// Whether stderr is read by a machine.
    json_progress: bool,
    /// Where we are in a job of GitHub Actions.
    github: Option<Place>,
    /// Whether the log shall not show the AWS account.
    mask_account: bool,
}

impl Context {
    /// Where the value of an option of this command comes from, if it has one.
    fn source_of(&self, id: &str) -> Option<ValueSource> {
        let mut matches = &self.matches;
        while let Some((_, deeper)) = matches.subcommand() {
            matches = deeper;
        }
        matches.value_source(id)
    }

    /// Tells of a failure, in the form of the progress before it, and gives its exit code.
    fn fail(&self, failure: &dyn Failure) -> ExitCode {
        let code = failure.kind().exit_code();
        if self.json_progress {
            let causes = causes(failure);
            self.reporter.event(Event::Failed {
                message: failure.to_string(),
                causes: (causes != failure.to_string()).then_some(causes),
                hint: failure.hint(),
                code,
            });
        } else if let Some(place) = &self.github {
            let text = self.printer.explanation(failure);
            for command in annotations(failure, &text, place) {
                self.printer.command(&command);
            }
        } else {
            self.printer.failure(failure);
        }
        ExitCode::from(code)
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    let variables = std::env::vars_os();
    // A name or value that is not UTF-8 is none of ours.
    let environment: Env = variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let arguments = credential_helper::arguments(std::env::args_os());
    let place = github::place(&environment);
    let command = settings::command(&environment, Cli::command());
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((matches, cli))
    });
    let (matches, cli) = match parsed {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() && place.is_some() => {
            let text = error.render().to_string();
            let printer = Printer::new(args::Format::Text, true, true);
            printer
                .command(&Workflow::error("consign", text.strip_prefix("error: ").unwrap_or(&text).trim()));
            return ExitCode::from(2);
        }
        Err(error) => {
            // Help goes to stdout and is no failure; a wrong option goes to stderr and is one.
            let printed = error.print();
            return ExitCode::from(
                u8::try_from(error.exit_code()).unwrap_or(2).max(u8::from(printed.is_err())),
            );
        }
    };
    start_log(cli.global.verbose);
    let json_progress = cli.global.progress == ProgressForm::Json;
    // Whoever reads JSON from stderr is no runner, and the command that the emulator runs has a log of its own.
    let place = place.filter(|_| !json_progress && !matches!(cli.command, Command::Emulator(_)));
    let no_colour = environment.get(env::NO_COLOR).is_some();
    let printer = Printer::new(cli.global.format, no_colour, place.is_some());
    // The command that the emulator runs has sections of its own.
    let gitlab =
        environment.get(env::GITLAB_CI) == Some("true") && !matches!(cli.command, Command::Emulator(_));
    let mut reporter = report::reporter(cli.global.progress, cli.global.quiet, gitlab, printer);
    if place.is_some() && !cli.global.quiet && cli.global.progress != ProgressForm::None {
        reporter = Arc::new(github::Grouping::new(printer, reporter));
    }
    let context = Context {
        environment,
        printer,
        reporter,
        matches,
        json_progress,
        github: place,
        mask_account: false,
    };
    if cli.global.show_settings {
        return match settings::show(&cli.command, &context) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => context.fail(&*failure),
        };
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(run(cli, &context));
            // Threads that make layers notice within a block that nobody listens any more.
            runtime.shutdown_timeout(Duration::from_secs(2));
            code
        }
        Err(error) => context.fail(&CliError::internal(format!("starting the runtime: {error}"))),
    }
}

async fn run(cli: Cli, context: &Context) -> ExitCode {
    // The emulator decides itself what a signal means: the command that it runs gets it too.
    let stops = !matches!(cli.command, Command::Emulator(_));
    let work = async {
        match cli.command {
            Command::Build(args) => Box::pin(build::run(args, context)).await,
            Command::Push(args) => Box::pin(existing::push(args, context)).await,
            Command::Pull(args) => Box::pin(pull::run(args, context)).await,
            Command::Copy(args) => Box::pin(copy::run(args, context)).await,
            Command::Tag(args) => Box::pin(tag::run(args, context)).await,
            Command::Index(args) => index::run(args, context).await,
            Command::Inspect(args) => existing::inspect(args, context).await,
            Command::Validate(args) => existing::validate(args, context).await,
            Command::Diff(args) => Box::pin(diff::run(args, context)).await,
            Command::Repo(args) => Box::pin(repo::run(args, context)).await,
            Command::Image(args) => image::run(args, context).await,
            Command::Lifecycle(args) => Box::pin(lifecycle::run(args, context)).await,
            Command::Replication(args) => Box::pin(replication::run(args, context)).await,
            Command::Scan(args) => Box::pin(scan::run(args, context)).await,
            Command::Iam(args) => iam::run(args, context),
            Command::Deploy(args) => deploy::run(args, context).await,
            Command::Doctor(args) => Box::pin(doctor::run(args, context)).await,
            Command::Login(args) => Box::pin(login::login(args, context)).await,
            Command::Logout(args) => login::logout(args, context).await,
            Command::CredentialHelper(args) => return credential_helper::run(args, context).await,
            Command::Emulator(args) => return emulator::run(args, context).await,
            Command::GithubAction => Box::pin(action::run(context)).await,
            Command::Completions { shell } => completions(shell, context),
        }
        .map(|()| ExitCode::SUCCESS)
    };
    let done = tokio::select! {
        done = work => done,
        signal = interrupted(), if stops => {
            context.reporter.finish();
            // Dropping the work takes its temporary files along and stops its threads.
            context.printer.stderr("interrupted: no tag was set and no result was written after this point");
            return ExitCode::from(128 + signal);
        }
    };
    context.reporter.finish();
    done.unwrap_or_else(|failure: Fail| context.fail(&*failure))
}

/// Waits for Ctrl-C or SIGTERM and gives the signal's number. From the call on, before it is awaited, neither ends
/// the process by itself.
fn interrupted() -> impl Future<Output = u8> {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        match (interrupt, terminate) {
            (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
                _ = interrupt.recv() => 2,
                _ = terminate.recv() => 15,
            },
            _ => std::future::pending().await,
        }
    }
}

fn completions(shell: clap_complete::Shell, context: &Context) -> Result<(), Fail> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "consign", &mut script);
    context.printer.stdout(&String::from_utf8_lossy(&script))
}

/// Logs of this program alone: those of the SDK can hold requests, and requests hold credentials.
fn start_log(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "consign=info",
        2 => "consign=debug",
        _ => "consign=trace,hyper_util=debug",
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .without_time()
        .init();
}

/// The client for everything that is not AWS's API.
fn http() -> Result<reqwest::Client, Fail> {
    built(reqwest::Client::builder().read_timeout(Duration::from_mins(1)))
}

/// The client for what is sent to registries. It has no limit on the wait for an answer, as for `reqwest` that wait
/// begins with the first byte of a layer and not with the last.
fn http_for_uploads() -> Result<reqwest::Client, Fail> {
    built(reqwest::Client::builder())
}

fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, Fail> {
    builder
        .user_agent(concat!("consign/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .build()
        .map_err(|error| {
            // What can be wrong here is the machine: small images come without certificates.
            CliError::input(format!("no HTTPS client can be made: {}", causes(&error)))
                .hinted("install certificates (the package ca-certificates), or name a file of them in SSL_CERT_FILE")
                .into()
        })
}
