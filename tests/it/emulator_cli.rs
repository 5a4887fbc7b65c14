//! `consign emulator` as a command.

use crate::support::Context;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

#[test]
fn runs_a_command_and_exits_with_its_code() {
    let t = Context::new();
    t.app();
    let script = "consign build app --tag app:1 --create-repository --push && exit 7";
    let ended = t.consign(["emulator", "--", "sh", "-c", script]).output();
    assert_eq!(ended.code, Some(7), "{ended}");
    assert!(ended.stdout.contains("/app@sha256:"), "{ended}");
    let killed = t.consign(["emulator", "--", "sh", "-c", "kill -9 $$"]).output();
    assert_eq!(killed.code, Some(128 + 9));
    let missing = t.consign(["emulator", "--", "no-such-command"]).fails(2);
    assert!(missing.contains("no-such-command"), "{missing}");
}

#[test]
fn prints_its_variables_and_nothing_more() {
    let t = Context::new();
    let mut running = t.consign(["emulator"]);
    let mut running = running.command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut names = Vec::new();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    for line in lines.by_ref() {
        let line = line.unwrap();
        let (name, _) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
        names.push(name.to_owned());
        if name == "CONSIGN_REGISTRY_ENDPOINT" {
            break;
        }
    }
    let pid = rustix::process::Pid::from_child(&running);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(0));
    assert!(lines.next().is_none());
    insta::assert_snapshot!(names.join("\n"), @r"
    AWS_ENDPOINT_URL_ECR
    AWS_ENDPOINT_URL_ECR_PUBLIC
    AWS_ENDPOINT_URL_STS
    AWS_REGION
    AWS_DEFAULT_REGION
    ACTIONS_ID_TOKEN_REQUEST_URL
    ACTIONS_ID_TOKEN_REQUEST_TOKEN
    AWS_ROLE_ARN
    AWS_WEB_IDENTITY_TOKEN_FILE
    AWS_ROLE_SESSION_NAME
    CONSIGN_ROLE_TO_ASSUME
    CONSIGN_REGISTRY_ENDPOINT
    ");
}

#[test]
fn keeps_its_state_and_locks_it() {
    let t = Context::new();
    t.app();
    let push = ["build", "app", "--tag", "app:1", "--create-repository", "--push"];
    let first = ["emulator", "--state", "state", "--", "consign"];
    t.consign(first.iter().chain(&push)).succeeds();
    // In the second run the repository and all of the image are there.
    let ended = t.consign(first.iter().chain(&push[..4]).chain(&["--push"])).output();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.contains("already is"), "{ended}");

    let locked =
        ["emulator", "--state", "state", "--", "consign", "emulator", "--state", "state", "--", "true"];
    let ended = t.consign(locked).output();
    assert_eq!(ended.code, Some(2), "{ended}");
    insta::assert_snapshot!(ended, @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [DIR]/state is in use by another emulator; stop that one, or give this one another `--state` directory
    ");
}

#[test]
fn faults_and_the_log() {
    let t = Context::new();
    t.app();
    let options = ["emulator", "--fault", "throttle:PutImage,times=2", "--request-log", "log", "--"];
    let push = ["consign", "build", "app", "--tag", "app:1", "--create-repository", "--push"];
    t.consign(options.iter().chain(&push)).succeeds();
    let log = fs_err::read_to_string(t.path("log")).unwrap();
    assert_eq!(log.matches("ThrottlingException").count(), 2, "{log}");
    let wrong = t.consign(["emulator", "--fault", "explode"]).fails(2);
    insta::assert_snapshot!(wrong, @r"error: --fault: `explode` is not a fault: `explode` is none of throttle, error, reset, lose-answer, vanish, expire, slow");
}
