//! What every test stands on: an empty environment, a folder of its own, an emulator of its own.

use consign::emulator::{Emulator, RequestRecord, Settings};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A test's surroundings; everything is gone when it is dropped.
pub(crate) struct Context {
    folder: tempfile::TempDir,
    emulator: Option<Running>,
}

/// An emulator and the runtime that serves it.
struct Running {
    // Dropped first, while its runtime is still there.
    emulator: Emulator,
    _runtime: tokio::runtime::Runtime,
}

impl Context {
    /// Without an emulator.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), emulator: None }
    }

    /// With an emulator that does what `faults` say.
    pub(crate) fn with_ecr(faults: &[&str]) -> Self {
        let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        Self::with_settings(Settings { faults, part_size: 5 * 1024 * 1024, ..Settings::default() })
    }

    /// With this emulator.
    pub(crate) fn with_settings(settings: Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let emulator = runtime.block_on(Emulator::start(settings)).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), emulator: Some(Running { emulator, _runtime: runtime }) }
    }

    /// The emulator.
    pub(crate) fn ecr(&self) -> &Emulator {
        &self.emulator.as_ref().expect("the test has an emulator").emulator
    }

    /// A path in the test's folder.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders it lies in.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, bytes).unwrap();
        path
    }

    /// A small application in the folder `app`.
    pub(crate) fn app(&self) {
        self.file("app/server.js", "console.log('hello')\n");
        self.file("app/lib/util.js", "exports.answer = 42\n");
    }

    /// Bytes that do not compress, `megabytes` MiB of them, different for each `seed`.
    pub(crate) fn noise(&self, name: &str, megabytes: usize, seed: u64) -> PathBuf {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .take(megabytes * 1024 * 1024 / 8)
        .flatten()
        .collect();
        self.file(name, bytes)
    }

    /// The program, in the test's folder, with nothing in its environment but what points it at the emulator.
    pub(crate) fn consign<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consign"));
        command.args(arguments);
        self.surrounded(command)
    }

    /// A line for the shell, in the same surroundings.
    pub(crate) fn shell(&self, line: &str) -> Run {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", line]);
        self.surrounded(command)
    }

    fn surrounded(&self, mut command: Command) -> Run {
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("CONSIGN_RETRY_BACKOFF_MILLISECONDS", "10");
        if let Some(running) = &self.emulator {
            command.envs(running.emulator.environment());
        }
        Run { command, folder: self.folder.path().to_owned() }
    }

    /// The requests of the emulator's log whose operation is `operation`.
    pub(crate) fn requests(&self, operation: &str) -> Vec<RequestRecord> {
        self.ecr().requests().into_iter().filter(|request| request.operation == operation).collect()
    }

    /// How often each operation was asked for, in the order of the first time.
    pub(crate) fn operations(&self) -> Vec<(String, usize)> {
        let mut counts: Vec<(String, usize)> = Vec::new();
        for request in self.ecr().requests() {
            match counts.iter_mut().find(|(operation, _)| *operation == request.operation) {
                Some((_, count)) => *count += 1,
                None => counts.push((request.operation, 1)),
            }
        }
        counts
    }
}

/// A command that is about to be run.
pub(crate) struct Run {
    pub(crate) command: Command,
    folder: PathBuf,
}

impl Run {
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs it to its end.
    pub(crate) fn output(mut self) -> Ended {
        let Output { status, stdout, stderr } = self.command.output().unwrap();
        Ended {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
            folder: self.folder,
        }
    }

    /// Runs it and expects it to succeed; gives what it printed on stdout, without the last line break.
    #[track_caller]
    pub(crate) fn succeeds(self) -> String {
        let ended = self.output();
        assert_eq!(ended.code, Some(0), "{ended}");
        ended.stdout.trim_end().to_owned()
    }

    /// Runs it and expects this exit code; gives stderr.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        let ended = self.output();
        assert_eq!(ended.code, Some(code), "{ended}");
        assert_eq!(ended.stdout, "", "a failure prints no result\n{ended}");
        ended.stderr
    }
}

/// A command that has ended. As text it is everything that can be seen of it, with what differs from run to run
/// replaced.
#[must_use = "look at the text, or at the exit code"]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    folder: PathBuf,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr, folder } = self;
        let code = code.map_or_else(|| "killed".to_owned(), |code| code.to_string());
        let text = format!("exit: {code}\n----- stdout -----\n{stdout}----- stderr -----\n{stderr}");
        f.write_str(&redacted(&text, folder))
    }
}

impl Ended {
    /// As text, with the lines about layers and about tags in their order: those that are worked on at the same time end
    /// in any.
    pub(crate) fn in_order(&self) -> String {
        let text = self.to_string();
        let mut lines: Vec<&str> = text.lines().collect();
        for is_alike in
            [|line: &str| line.starts_with("layer "), |line: &str| line.contains(" is now sha256:")]
        {
            let (places, mut alike): (Vec<usize>, Vec<&str>) = lines
                .iter()
                .enumerate()
                .filter(|(_, line)| is_alike(line))
                .map(|(n, line)| (n, *line))
                .unzip();
            alike.sort_unstable();
            for (place, line) in places.into_iter().zip(alike) {
                lines[place] = line;
            }
        }
        lines.join("\n")
    }
}

/// `text` without ports, folders, request ids, digests, and the ends of tokens and passwords.
pub(crate) fn redacted(text: &str, folder: &Path) -> String {
    let text = text.replace(&folder.display().to_string(), "[DIR]");
    let filters = [
        (r"127\.0\.0\.1:\d+", "[HOST]"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[UUID]"),
        (r"sha256:[0-9a-f]{64}", "sha256:[DIGEST]"),
        (r"sha256:[0-9a-f]{12}\b", "sha256:[SHORT]"),
        (r"\d+ ms|\d+\.\d s", "[TIME]"),
        (r"[·█]{32}", "[TIMELINE]"),
        (r"\b(exp|until) \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "$1 [TIME]"),
        (r"[·█]{32}", "[TIMELINE]"),
    ];
    filters.iter().fold(text, |text, (pattern, with)| {
        regex::Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
    })
}

/// The digest at the end of a line that `consign build` prints.
#[track_caller]
pub(crate) fn digest(line: &str) -> String {
    let (_, digest) = line.rsplit_once("sha256:").unwrap_or_else(|| panic!("no digest in {line:?}"));
    assert_eq!(digest.len(), 64, "{line}");
    format!("sha256:{digest}")
}
