//! `consign build --check`: what it says of Dockerfiles, and with which exit code.

use crate::support::Context;
use insta::assert_snapshot;

/// Checks a Dockerfile of this text, with more arguments.
fn check(text: &str, arguments: &[&str]) -> String {
    let t = Context::new();
    t.file("app/Dockerfile", text);
    t.file("app/.dockerignore", "dist\n");
    t.consign([&["build", "app", "--check"], arguments].concat()).output().to_string()
}

#[test]
fn nothing_to_say() {
    assert_snapshot!(check("FROM alpine\nCOPY src /src\nCMD [\"a\"]\n", &[]), @r"
    exit: 0
    ----- stdout -----
    app/Dockerfile: no problems found
    ----- stderr -----
    ");
}

#[test]
fn what_is_wrong_and_what_could_be_better() {
    let text = "ARG TAG=1\nFROM alpine:$TGA AS Build\nCOPY --form=x dist /src\nFROM scratch\nENV A=$B\nEXPOSE 80/TCP htp\nCMD a\n";
    assert_snapshot!(check(text, &[]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    warning: app/Dockerfile:2:6: InvalidDefaultArgInFrom: `alpine:$TGA` is not the name of an image unless a build argument is given
      |
    2 | FROM alpine:$TGA AS Build
      |      ^^^^^^^^^^^
    hint: give the ARG a default that is one
    warning: app/Dockerfile:2:6: UndefinedArgInFrom: no ARG above the first FROM declares `TGA`
      |
    2 | FROM alpine:$TGA AS Build
      |      ^^^^^^^^^^^
    hint: write `ARG TGA` above the first FROM
    warning: app/Dockerfile:2:21: StageNameCasing: the name `Build` is not in lower case
      |
    2 | FROM alpine:$TGA AS Build
      |                     ^^^^^
    hint: write `build`, which is how it is known
    warning: app/Dockerfile:3:15: CopyIgnoredFile: `dist` is left out of the context by .dockerignore
      |
    3 | COPY --form=x dist /src
      |               ^^^^
    hint: remove the pattern that matches it, or copy something else
    warning: app/Dockerfile:5:7: UndefinedVar: `B` is not defined
      |
    5 | ENV A=$B
      |       ^^
    warning: app/Dockerfile:6:8: ExposeProtoCasing: the protocol of `80/TCP` is not in lower case
      |
    6 | EXPOSE 80/TCP htp
      |        ^^^^^^
    hint: write `80/tcp`
    warning: app/Dockerfile:7:1: JSONArgsRecommended: a shell runs this CMD, and keeps signals to itself
      |
    7 | CMD a
      | ^^^
    hint: write it as JSON: `CMD ["program", "argument"]`
    error: app/Dockerfile:2:6: `alpine:` is not the name of an image: its tag is empty
      |
    2 | FROM alpine:$TGA AS Build
      |      ^^^^^^^^^^^
    app/Dockerfile:3:6: COPY has no flag `--form`
      |
    3 | COPY --form=x dist /src
      |      ^^^^^^^^
    hint: did you mean `--from`?
    app/Dockerfile:6:15: `htp` is not a port: `htp` is neither a number from 0 to 65535 nor a range of them
      |
    6 | EXPOSE 80/TCP htp
      |               ^^^
    hint: write `8080`, `53/udp` or `8000-8010`
    "#);
}

#[test]
fn findings_alone() {
    let text = "FROM alpine\nCOPY dist /\nWORKDIR a\n";
    assert_snapshot!(check(text, &[]), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    warning: app/Dockerfile:2:6: CopyIgnoredFile: `dist` is left out of the context by .dockerignore
      |
    2 | COPY dist /
      |      ^^^^
    hint: remove the pattern that matches it, or copy something else
    warning: app/Dockerfile:3:9: WorkdirRelativePath: `a` is relative to a directory that the base chooses
      |
    3 | WORKDIR a
      |         ^
    hint: begin it with `/`
    error: `app/Dockerfile`: 2 findings
    hint: skip a check with `# check=skip=RULE` at the top of the file, or above the instruction
    ");
    assert_snapshot!(check(&format!("# check=error=true;skip=WorkdirRelativePath\n{text}"), &[]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    warning: app/Dockerfile:3:6: CopyIgnoredFile: `dist` is left out of the context by .dockerignore
      |
    3 | COPY dist /
      |      ^^^^
    hint: remove the pattern that matches it, or copy something else
    error: `app/Dockerfile`: 1 finding, and the file says `error=true`
    hint: skip a check with `# check=skip=RULE` at the top of the file, or above the instruction
    ");
    assert_snapshot!(check(&format!("# check=skip=all\n{text}"), &[]), @r"
    exit: 0
    ----- stdout -----
    app/Dockerfile: no problems found
    ----- stderr -----
    ");
}

#[test]
fn as_json() {
    let text = "FROM alpine\nSTOPSIGNAL SIGTREM\nCMD a\n";
    assert_snapshot!(check(text, &["--format", "json"]), @r#"
    exit: 2
    ----- stdout -----
    {
      "file": "app/Dockerfile",
      "errors": [
        {
          "line": 2,
          "column": 12,
          "width": 7,
          "message": "`SIGTREM` is not a signal",
          "hint": "did you mean `SIGTERM`?"
        }
      ],
      "findings": [
        {
          "line": 3,
          "column": 1,
          "width": 3,
          "message": "a shell runs this CMD, and keeps signals to itself",
          "hint": "write it as JSON: `CMD [\"program\", \"argument\"]`",
          "rule": "JSONArgsRecommended"
        }
      ]
    }
    ----- stderr -----
    error: app/Dockerfile:2:12: `SIGTREM` is not a signal
      |
    2 | STOPSIGNAL SIGTREM
      |            ^^^^^^^
    hint: did you mean `SIGTERM`?
    "#);
    assert_snapshot!(check("FROM alpine\n", &["--format", "json"]), @r#"
    exit: 0
    ----- stdout -----
    {
      "file": "app/Dockerfile",
      "errors": [],
      "findings": []
    }
    ----- stderr -----
    "#);
}

#[test]
fn with_a_target_and_build_arguments() {
    let text = "# check=skip=InvalidDefaultArgInFrom\nARG BASE\nFROM $BASE AS one\nFROM scratch AS two\nENV a=${b:?missing}\n";
    assert_snapshot!(check(text, &["--target", "one", "--build-arg", "BASE=alpine"]), @r"
    exit: 0
    ----- stdout -----
    app/Dockerfile: no problems found
    ----- stderr -----
    ");
    assert_snapshot!(check(text, &["--target", "tow"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: app/Dockerfile:3:6: `$BASE` is empty, and no image has that name
      |
    3 | FROM $BASE AS one
      |      ^^^^^
    hint: give the ARG a default, or a value with `--build-arg`
    app/Dockerfile:4:1: no stage is named `tow`, which is the target
      |
    4 | FROM scratch AS two
      | ^^^^^^^^^^^^^^^^^^^
    hint: there are one, two
    ");
    assert_snapshot!(check(text, &["--build-arg", "=x"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --build-arg: `=x` is neither NAME=VALUE nor NAME
    ");
    let t = Context::new();
    t.file("app/Dockerfile", text);
    let run = t.consign(["build", "app", "--check", "--target", "one", "--build-arg", "BASE"]);
    assert_eq!(run.env("BASE", "alpine:3").succeeds(), "app/Dockerfile: no problems found");
    let run = t.consign(["build", "app", "--check", "--target", "one"]);
    let variables = run.env("CONSIGN_BUILD_ARG", "BASE=alpine\nUNUSED=1").env("CONSIGN_CHECK", "true");
    assert_eq!(variables.succeeds(), "app/Dockerfile: no problems found");
}

#[test]
fn other_files() {
    let t = Context::new();
    t.app();
    assert_snapshot!(t.consign(["build", "app", "--check"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: there is nothing to check: `app` holds no Dockerfile
    hint: name the file with `--file PATH`
    ");
    t.file("app/consign.yaml", "apiVersion: consign/v1\nlayres: []\n");
    assert_snapshot!(t.consign(["build", "app", "--check"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: app/consign.yaml:2:1: unknown key `layres` in `consign.yaml`
      |
    2 | layres: []
      | ^^^^^^
    hint: did you mean `layers`?
    ");
    t.file("app/consign.yaml", "apiVersion: consign/v1\n");
    assert_eq!(t.consign(["build", "app", "--check"]).succeeds(), "app/consign.yaml: no problems found");
    assert_snapshot!(t.consign(["build", "app", "--target", "x"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --target is for Dockerfiles, and this build has none
    hint: leave out `--target`
    ");
    t.file("bytes", b"FROM x\nRUN \xff\n");
    assert_snapshot!(t.consign(["build", "--check", "-f", "bytes"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: bytes:2:5: byte 0xff is not UTF-8
      |
    2 | RUN �
      |     ^
    ");
    assert_snapshot!(t.consign(["build", "--check", "-f", "nowhere"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: failed to open file `nowhere`: No such file or directory (os error 2)
    ");
}
