//! Other programs' credential helpers, to store and erase with; `docker_credential` runs them to read.

use crate::base::Secret;
use serde_json::json;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

/// Stores a login of `host` with `docker-credential-NAME`. Blocks. The error says why, and nothing of what the helper
/// printed, which may be a secret.
pub fn store(name: &str, host: &str, user: &str, password: &Secret) -> Result<(), String> {
    let login = json!({ "ServerURL": host, "Username": user, "Secret": password.expose() });
    run(name, "store", &Secret::new(login.to_string()))
}

/// Erases the login of `host` from `docker-credential-NAME`; that there is none is no failure. Blocks.
pub fn erase(name: &str, host: &str) -> Result<(), String> {
    run(name, "erase", &Secret::new(host))
}

fn run(name: &str, action: &str, input: &Secret) -> Result<(), String> {
    let program = format!("docker-credential-{name}");
    let failed = |error: io::Error| format!("`{program} {action}`: {error}");
    let mut child = Command::new(&program)
        .arg(action)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.expose().as_bytes()) {
            // It need not read what it does not want to know; its exit code tells.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(failed(error)),
            _ => {}
        }
    }
    let output = child.wait_with_output().map_err(failed)?;
    let said = Secret::new(String::from_utf8_lossy(&output.stdout));
    if output.status.success() || said.expose().contains("credentials not found") {
        return Ok(());
    }
    Err(format!("`{program} {action}` failed ({})", output.status))
}
