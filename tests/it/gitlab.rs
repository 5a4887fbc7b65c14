//! What GitLab CI gets: a log with sections, and a report that carries variables.

use crate::support::{Context, Ended};

const PUSH: [&str; 6] = ["build", "app", "--tag", "shop/api:1,shop/web:1", "--create-repository", "--push"];

/// What the log shows, with markers made visible.
fn log(ended: &Ended) -> String {
    let text = ended.to_string().replace("\x1b[0K", "").replace('\r', "|");
    regex::Regex::new(r"(section_(?:start|end)):\d{10,}:")
        .unwrap()
        .replace_all(&text, "$1:[TIME]:")
        .into_owned()
}

#[test]
fn phases_are_sections() {
    let t = Context::with_ecr(&[]);
    t.app();
    // To one place: what is said of two stands in the order in which it happens.
    let push = ["build", "app", "--tag", "shop/api:1", "--create-repository", "--push"];
    let ended = t.consign(push).env("GITLAB_CI", "true").output();
    insta::assert_snapshot!(log(&ended), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    section_start:[TIME]:consign_context|reading app
    context: 4 entries, 41 B
    section_end:[TIME]:consign_context|
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    section_start:[TIME]:consign_layers|layers
    layer context: sent, 188 B sha256:[SHORT]
    section_end:[TIME]:consign_layers|
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    ");
}

#[test]
fn results_and_errors_stand_outside_of_sections() {
    let t = Context::with_ecr(&[]);
    t.app();
    let ended = t.consign(["build", "app", "-o", "type=oci,dest=layout"]).env("GITLAB_CI", "true").output();
    insta::assert_snapshot!(log(&ended), @r"
    exit: 0
    ----- stdout -----
    sha256:[DIGEST]
    ----- stderr -----
    section_start:[TIME]:consign_context|reading app
    context: 4 entries, 41 B
    section_end:[TIME]:consign_context|
    section_start:[TIME]:consign_layers|layers
    section_end:[TIME]:consign_layers|
    ");
    let ended = t.consign(["build", "absent"]).env("GITLAB_CI", "true").output();
    insta::assert_snapshot!(log(&ended), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    section_start:[TIME]:consign_context|reading absent
    section_end:[TIME]:consign_context|
    error: the directory `absent` does not exist
    ");
    let ended = t.consign(["build", "app", "-t", "shop/api:1", "--push"]).env("GITLAB_CI", "true").output();
    insta::assert_snapshot!(log(&ended), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    section_start:[TIME]:consign_context|reading app
    context: 4 entries, 41 B
    section_end:[TIME]:consign_context|
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop/api` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/api`; if it exists, check the region and the account
    ");
}

#[test]
fn sections_are_for_logs_of_gitlab_alone() {
    let t = Context::with_ecr(&[]);
    t.app();
    let build = |arguments: &[&str], gitlab: &str| {
        let run = t.consign(["build", "app"].iter().chain(arguments)).env("GITLAB_CI", gitlab);
        run.output().stderr.contains("section_")
    };
    assert!(build(&[], "true"));
    assert!(build(&["--progress", "plain"], "true"));
    assert!(!build(&[], "false") && !build(&[], ""));
    for silent in [&["--quiet"][..], &["--progress", "json"], &["--progress", "none"]] {
        assert!(!build(silent, "true"), "{silent:?}");
    }
    // The command that the emulator runs decides for itself.
    let served = t.consign(["emulator", "--", "true"]).env("GITLAB_CI", "true").output();
    assert!(!served.stderr.contains("section_"), "{served}");
}

/// A report becomes variables of later jobs, and one of those may run consign.
#[test]
fn a_variable_of_the_report_is_no_option() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.consign(PUSH.iter().chain(&["--dotenv-file", "image.env"])).succeeds();
    let report = fs_err::read_to_string(t.path("image.env")).unwrap();
    let help = help(&t, &[]);
    assert!(help.contains("[env: CONSIGN_DIGEST_FILE="), "{help}");
    for line in report.lines() {
        let (name, _) = line.split_once('=').unwrap();
        assert!(!help.contains(&format!("[env: {name}=")), "an option is set by {name}");
    }
}

/// The help of a command and of all commands under it.
fn help(t: &Context, command: &[&str]) -> String {
    let mut text = t.consign(command.iter().chain(&["--help"])).succeeds();
    if let Some((_, commands)) = text.clone().split_once("\nCommands:\n") {
        let lines = commands.lines().take_while(|line| !line.is_empty());
        for name in lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()) {
            // A longer description goes on in the next line.
            if !name.is_empty() {
                text += &help(t, &[command, &[name]].concat());
            }
        }
    }
    text
}

/// <https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv>: letters, digits and `_` in names, no
/// empty lines, no comments, less than 5 KiB. GitLab fills in `$NAME` in values.
#[test]
fn the_report_is_one_that_gitlab_takes() {
    let t = Context::with_ecr(&[]);
    t.app();
    let tags: Vec<String> = (0..40).map(|number| format!("shop/api:release-{number:02}")).collect();
    let tags = tags.join(",");
    let push =
        ["build", "app", "--create-repository", "--push", "--dotenv-file", "image.env", "--tag", &tags];
    t.consign(push).succeeds();
    let report = fs_err::read_to_string(t.path("image.env")).unwrap();
    assert!(report.len() < 5120, "{} bytes", report.len());
    let line = regex::Regex::new(r"^[A-Z_][A-Z0-9_]*=[^\s$'\x22][^$'\x22]*$").unwrap();
    assert!(report.lines().all(|text| line.is_match(text)), "{report}");
    assert_eq!(report.lines().count(), 5);
}
