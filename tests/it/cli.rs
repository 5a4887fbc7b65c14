//! The command line itself: help, settings, completions.

use crate::docs::COMMANDS;
use crate::support::Context;

#[test]
fn help_has_examples() {
    let t = Context::new();
    for &command in COMMANDS {
        let help = t.consign(command.split_whitespace().chain(["--help"])).succeeds();
        assert!(help.contains("Usage: consign"), "{help}");
        assert!(help.contains("Examples:") || command == "completions", "{help}");
    }
    assert!(t.consign(["--help"]).succeeds().contains("Examples:"));
}

#[test]
fn every_option_has_a_variable() {
    let t = Context::new();
    let exempt = ["--help", "--version", "--verbose..."];
    for command in COMMANDS.iter().filter(|command| !["", "emulator", "completions"].contains(command)) {
        let help = t.consign(command.split(' ').chain(["--help"])).succeeds();
        let mut option = String::new();
        let mut without: Vec<String> = Vec::new();
        // Examples name options too.
        let (options, _) = help.split_once("\nExamples:").unwrap_or((&help, ""));
        for line in options.lines() {
            if let Some(start) = line.find("--").filter(|_| line.trim_start().starts_with('-')) {
                line[start..].split([' ', '=', ',']).next().unwrap().clone_into(&mut option);
                without.push(option.clone());
            }
            if line.contains("[env:") {
                without.retain(|known| *known != option);
            }
        }
        without.retain(|known| !exempt.contains(&known.as_str()));
        assert_eq!(without, Vec::<String>::new(), "{help}");
    }
}

#[test]
fn settings_and_their_sources() {
    let t = Context::new();
    let run = t.consign(["build", "x", "--tag", "a1:1", "--show-settings", "--env", "API_TOKEN=hunter2"]);
    let shown = run.env("CONSIGN_COMPRESSION", "zstd").env("CONSIGN_PLATFORM", "").succeeds();
    let row = |name: &str| {
        let row = shown.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("--tag"), "--tag a1:1 command line");
    assert_eq!(row("--compression"), "--compression zstd variable CONSIGN_COMPRESSION");
    assert_eq!(row("--dest"), "--dest /app default");
    assert_eq!(row("--platform"), "--platform - not set");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn settings_of_the_file_come_after_options_and_before_defaults() {
    let t = Context::new();
    t.app();
    let yaml = "apiVersion: consign/v1\nconfig: { user: '1000', workdir: /srv, env: { A: b } }\n";
    t.file("app/consign.yaml", yaml);
    let run = t.consign(["build", "app", "--user", "5", "--show-settings"]).env("AWS_REGION", "eu-west-1");
    let shown = run.succeeds();
    let row = |name: &str| {
        let row = shown.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("--user"), "--user 5 command line");
    assert_eq!(row("--workdir"), "--workdir /srv file app/consign.yaml");
    assert_eq!(row("--env"), "--env A=b file app/consign.yaml");
    assert_eq!(row("--region"), "--region eu-west-1 variable AWS_REGION");
    assert_eq!(row("layer"), "layer context . -> /app file app/consign.yaml");
}

#[test]
fn completions_for_every_shell() {
    let t = Context::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(t.consign(["completions", shell]).succeeds().contains("consign"), "{shell}");
    }
}

#[test]
fn a_build_without_a_push_touches_no_network_and_prints_the_digest() {
    let t = Context::with_ecr(&[]);
    t.app();
    let bare = t.consign(["build", "app"]).succeeds();
    assert!(bare.starts_with("sha256:"), "{bare}");
    let named = t.consign(["build", "app", "-t", "shop/api:1", "-t", "shop/api:2"]).succeeds();
    assert_eq!(named, format!("shop/api@{bare}"));
    assert_eq!(t.operations(), []);
    let pushed = t.consign(["build", "app", "-t", "shop/api:1", "--push", "--create-repository"]).succeeds();
    assert!(pushed.ends_with(&bare), "{pushed}");
}

#[test]
fn version_is_quick_and_plain() {
    let t = Context::new();
    assert_eq!(t.consign(["--version"]).succeeds(), format!("consign {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_variable_holds_a_list_one_a_line() {
    let t = Context::with_ecr(&[]);
    t.app();
    let run = t.consign(["build", "app", "--push", "--create-repository"]);
    let run = run.env("CONSIGN_TAG", "shop/api:1\n shop/api:2\n\n").env("CONSIGN_LABEL", "a=b, c\nd=e");
    run.env("CONSIGN_PLATFORM", "").succeeds();
    assert_eq!(t.ecr().registry()["shop/api"].images[0].tags, ["1", "2"]);
    let shown = t.consign(["inspect", "shop/api:2"]).succeeds();
    assert!(shown.contains("a=b, c\n") && shown.contains("d=e"), "{shown}");
}
