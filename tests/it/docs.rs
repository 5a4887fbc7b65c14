//! The documentation says what the program does: its commands run, its reference is generated.

use crate::support::Context;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// The fenced blocks of a page: what stands behind the backticks, and the text.
fn blocks(page: &Path) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in fs_err::read_to_string(page).unwrap().lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(info), None) => open = Some((info.to_owned(), String::new())),
            (None, Some((info, text))) => open = Some((info, text + line + "\n")),
            (None, None) => {}
        }
    }
    blocks
}

/// The folders that the pages speak of.
fn example(t: &Context) {
    t.file("dist/server.js", "console.log('hello')\n");
    t.file("shop/dist/server.js", "console.log('hello')\n");
    t.file("shop/node_modules/x/index.js", "exports.x = 1\n");
    let yaml = blocks(&root().join("docs/consign-yaml.md"));
    let (_, text) = yaml.iter().find(|(info, _)| info == "yaml").unwrap();
    t.file("shop/consign.yaml", text);
    t.file("site/dist/index.html", "<p>hello\n");
    t.file("site/server", "#!/bin/sh\n");
    let dockerfile = blocks(&root().join("docs/dockerfile.md"));
    let (_, text) = dockerfile.iter().find(|(info, _)| info == "dockerfile").unwrap();
    t.file("site/Dockerfile", text);
}

#[test]
fn every_command_of_the_pages_runs() {
    let mut commands = 0;
    for page in pages() {
        // The emulator's page has commands for tools that others wrote; tests/interop runs those.
        if page.ends_with("emulator.md") {
            continue;
        }
        let t = Context::with_ecr(&[]);
        example(&t);
        let environment = t.ecr().environment();
        let registry = environment.iter().find(|(name, _)| *name == "CONSIGN_REGISTRY_ENDPOINT").unwrap();
        let registry = registry.1.replace("http://", "");
        for (info, text) in &blocks(&page) {
            // The registry that the pages name is the emulator's here.
            let text = text.replace("123456789012.dkr.ecr.eu-west-1.amazonaws.com", &registry);
            // A file that the page shows by its name.
            if let Some((_, name)) = info.split_once(' ') {
                t.file(name, &text);
            }
            if info != "console" {
                continue;
            }
            for command in text.lines().filter_map(|line| line.strip_prefix("$ ")) {
                let folder = Path::new(env!("CARGO_BIN_EXE_consign")).parent().unwrap();
                let path = format!("{}:/usr/bin:/bin", folder.display());
                let run = t.shell(command).env("PATH", path).output();
                assert_eq!(run.code, Some(0), "{}: {command}\n{run}", page.display());
                commands += 1;
            }
        }
    }
    assert!(commands >= 10, "only {commands} commands were found");
}

#[test]
fn the_readme_opens_with_the_two_commands() {
    let (info, text) = blocks(&root().join("README.md")).remove(0);
    assert_eq!(info, "sh");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("cargo run ") && lines[0].contains("consign build docs "), "{text}");
    assert_eq!(lines[1], "cargo test");
}

#[test]
fn links_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)#:]+)\)").unwrap();
    for page in pages() {
        let text = fs_err::read_to_string(&page).unwrap();
        for found in link.captures_iter(&text) {
            let target = page.parent().unwrap().join(&found[1]);
            assert!(target.exists(), "{}: {}", page.display(), &found[1]);
        }
    }
}

/// What the page about installing downloads is the version that it stands beside.
#[test]
fn the_version_to_install_is_this_one() {
    let text = fs_err::read_to_string(root().join("docs/install.md")).unwrap();
    let version = regex::Regex::new(r"(?:version=|/v|consign:|# v|tag v)(\d+\.\d+\.\d+)").unwrap();
    let found: Vec<_> = version.captures_iter(&text).map(|found| found[1].to_owned()).collect();
    assert!(found.len() >= 5, "{found:?}");
    assert!(found.iter().all(|version| version == env!("CARGO_PKG_VERSION")), "{found:?}");
}

/// The commands of the reference, in its order.
pub(crate) const COMMANDS: &[&str] = &[
    "",
    "build",
    "push",
    "pull",
    "copy",
    "tag",
    "index create",
    "inspect",
    "validate",
    "diff",
    "repo",
    "repo create",
    "repo list",
    "repo show",
    "repo delete",
    "repo policy get",
    "repo policy set",
    "repo policy delete",
    "repo apply",
    "image",
    "image list",
    "image show",
    "image delete",
    "image tag",
    "lifecycle",
    "lifecycle show",
    "lifecycle set",
    "lifecycle delete",
    "lifecycle check",
    "lifecycle preview",
    "replication",
    "replication show",
    "replication set",
    "replication status",
    "scan",
    "scan start",
    "scan wait",
    "scan show",
    "iam",
    "iam push-policy",
    "iam repository-policy",
    "iam trust-policy",
    "deploy",
    "deploy ecs",
    "deploy kubernetes",
    "deploy lambda",
    "doctor",
    "login",
    "logout",
    "credential-helper",
    "emulator",
    "completions",
];

/// Run with `CONSIGN_UPDATE_DOCS=1` to write the page anew.
#[test]
fn the_reference_is_what_help_says() {
    let t = Context::new();
    let mut page = String::from(
        "# The command line\n\nGenerated from `consign --help`; a test compares the two. Every option has a variable, and an option \
         comes before its variable, which comes before the file and the default. A variable that is set to nothing counts as not \
         set. Lists in a variable stand one a line.\n",
    );
    for &command in COMMANDS {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = t.consign(arguments).env("COLUMNS", "100").succeeds();
        let title = format!("consign {command}");
        let help: String = help.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        write!(page, "\n## {}\n\n```text\n{help}```\n", title.trim_end()).unwrap();
    }
    let path = root().join("docs/cli.md");
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever changes the command line")]
    if std::env::var("CONSIGN_UPDATE_DOCS").is_ok() {
        fs_err::write(&path, &page).unwrap();
    }
    assert_eq!(fs_err::read_to_string(&path).unwrap(), page, "docs/cli.md is out of date");
}

/// Scripts of the pages are run by tests/interop/docs.py, except for these.
#[test]
fn what_is_not_run_says_why() {
    let comment = regex::Regex::new(r"<!-- not run: (.*) -->\n```").unwrap();
    let mut found = String::new();
    for page in pages() {
        let text = fs_err::read_to_string(&page).unwrap();
        let page = page.strip_prefix(root()).unwrap().display().to_string();
        for reason in comment.captures_iter(&text) {
            let _ = writeln!(found, "{page}: {}", &reason[1]);
        }
    }
    insta::assert_snapshot!(found, @r"
    README.md: .ci/run runs these two, as main-job and test
    docs/gitlab.md: tests/interop/pipelines/gitlab.sh runs gitlab-ci-local
    docs/install.md: needs a release on GitHub
    docs/install.md: needs a release on GitHub
    docs/install.md: needs a release on GitHub
    docs/install.md: needs a release on GitHub
    docs/install.md: needs a release on GitHub; the second line compiles consign a second time
    docs/migrate/from-kaniko.md: kaniko deletes the files of the machine that it runs on
    docs/performance.md: takes an hour
    ");
}
