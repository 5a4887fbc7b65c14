//! `consign emulator`: serve, or run a command against it.

use super::Context;
use super::args::Emulator as Args;
use super::error::{CliError, Fail, bad_option};
use super::settings::list;
use crate::base::Event;
use crate::base::clock::SystemClock;
use crate::emulator::{Emulator, Fault, Quirk, Quirks, Settings};
use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::sync::Arc;

pub(super) async fn run(args: Args, context: &Context) -> Result<ExitCode, Fail> {
    let Args {
        listen,
        state,
        account,
        region,
        registry_host,
        part_size,
        faults,
        quirks,
        enforce_rates,
        strict_oci,
        iam,
        findings,
        replication_delay,
        request_log,
        command,
    } = args;
    let faults = list(context, "faults", faults);
    let parsed = faults.iter().map(|text| text.parse::<Fault>());
    let faults = parsed.collect::<Result<_, _>>().map_err(|error| bad_option("--fault", error))?;
    let quirks = list(context, "quirks", quirks);
    let parsed = quirks.iter().map(|text| text.parse::<Quirk>());
    let quirks = parsed.collect::<Result<Quirks, _>>().map_err(|error| bad_option("--quirk", error))?;
    let settings = Settings {
        listen,
        state,
        account,
        region,
        registry_host,
        part_size,
        faults,
        quirks,
        enforce_rates,
        strict_oci,
        iam,
        findings,
        replication_delay: std::time::Duration::from_secs(replication_delay),
        clock: Arc::new(SystemClock),
        ..Settings::default()
    };
    let emulator = Emulator::start(settings).await?;
    let code = if command.is_empty() {
        serve(&emulator, context).await?
    } else {
        against(&emulator, &command, context).await?
    };
    if let Some(path) = request_log {
        write_log(&emulator, &path)?;
    }
    Ok(code)
}

/// Prints how to reach the emulator, and serves until somebody asks it to stop.
async fn serve(emulator: &Emulator, context: &Context) -> Result<ExitCode, Fail> {
    // Whoever has read the lines may ask it to stop at once.
    let interrupted = super::interrupted();
    let lines: String = emulator
        .environment()
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
        .collect();
    context.printer.stdout(&lines)?;
    let what = format!("serving ECR on http://{}; Ctrl-C ends it", emulator.address());
    context.reporter.event(Event::Started { what });
    interrupted.await;
    Ok(ExitCode::SUCCESS)
}

/// `value` as a shell reads it back.
fn quoted(value: &str) -> String {
    match shlex::try_quote(value) {
        Ok(quoted) => quoted.into_owned(),
        Err(_) => value.to_owned(),
    }
}

/// Runs `command` with the emulator's variables, and gives its exit code.
async fn against(emulator: &Emulator, command: &[OsString], context: &Context) -> Result<ExitCode, Fail> {
    let mut child = tokio::process::Command::new(&command[0]);
    child.args(&command[1..]).envs(emulator.environment()).kill_on_drop(true);
    // So that `consign` in the command is this program.
    if let Some(folder) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        let path = context.environment.get("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin");
        let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(path));
        if let Ok(joined) = std::env::join_paths(folders) {
            child.env("PATH", joined);
        }
    }
    let name = command[0].to_string_lossy();
    let interrupted = super::interrupted();
    let mut running = child.spawn().map_err(|error| {
        CliError::input(format!("running `{name}`: {error}"))
            .hinted("what comes after `--` is a command and its arguments")
    })?;
    let status = tokio::select! {
        status = running.wait() => status,
        signal = interrupted => {
            // A terminal sends Ctrl-C to the command as well; a CI system that ends a job may not.
            if let Some(pid) = running.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
                let signal = if signal == 2 { rustix::process::Signal::INT } else { rustix::process::Signal::TERM };
                if let Err(error) = rustix::process::kill_process(pid, signal) {
                    tracing::debug!("passing the signal on: {error}");
                }
            }
            running.wait().await
        }
    };
    let status = status.map_err(|error| CliError::internal(format!("waiting for `{name}`: {error}")))?;
    Ok(exit_code(status))
}

/// As a shell has it: the code, or 128 and the signal.
fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn write_log(emulator: &Emulator, path: &Path) -> Result<(), Fail> {
    let mut text = String::new();
    for request in emulator.requests() {
        let line = serde_json::to_string(&request)
            .map_err(|error| CliError::internal(format!("writing the request log: {error}")))?;
        text.push_str(&line);
        text.push('\n');
    }
    fs_err::write(path, text).map_err(|error| CliError::input(error.to_string()).into())
}
