//! Buildkite: the agent's program makes a token for each request (<https://buildkite.com/docs/agent/v3/cli-oidc>).

use super::{Ci, TokenSource};
use crate::auth::error::AuthError;
use crate::auth::program::on_path;
use crate::base::{Env, Secret, env};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

pub(super) const NAME: &str = "Buildkite";

const PROGRAM: &str = "buildkite-agent";

/// The longest wait for the agent, which tries several times by itself.
const PATIENCE: Duration = Duration::from_mins(2);

pub(super) struct Buildkite;

impl Ci for Buildkite {
    fn token(&self, environment: &Env) -> Result<TokenSource, String> {
        let access = env::BUILDKITE_AGENT_ACCESS_TOKEN;
        environment.get(access).ok_or_else(|| format!("{NAME}: {access} is not set"))?;
        let agent =
            on_path(PROGRAM, environment).ok_or_else(|| format!("{NAME}: `{PROGRAM}` is not on the PATH"))?;
        Ok(TokenSource::Buildkite { agent })
    }

    fn advice(&self, environment: &Env) -> Option<String> {
        environment.get("BUILDKITE")?;
        Some(format!(
            "`{PROGRAM}` has to be on the PATH, with the job's BUILDKITE_… variables; in a container, the Docker plugin \
             sees to both with `mount-buildkite-agent: true`"
        ))
    }
}

/// Asks the agent for a token for `audience`. What it prints on stdout is never shown.
pub(super) async fn request(agent: &Path, audience: &str) -> Result<Secret, AuthError> {
    let failed = |why: String| AuthError::TokenProgram { program: agent.to_owned(), why };
    let mut command = Command::new(agent);
    command.args(["oidc", "request-token", "--audience", audience]).stdin(Stdio::null()).kill_on_drop(true);
    let answer = match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(answer) => answer.map_err(|error| failed(error.to_string()))?,
        Err(_) => return Err(failed(format!("it did not answer within {} s", PATIENCE.as_secs()))),
    };
    let stdout = Secret::new(String::from_utf8_lossy(&answer.stdout).trim());
    if answer.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&answer.stderr);
    let last = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
    Err(failed(match last {
        Some(line) => format!("{}: {line}", answer.status),
        None => answer.status.to_string(),
    }))
}
