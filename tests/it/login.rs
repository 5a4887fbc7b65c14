//! `consign login`, `logout` and `credential-helper`: ECR for Docker and its kind.

use crate::support::{Context, Ended, Run};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use consign::emulator::Settings;
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;

const GITHUB: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const OTHER: &str = "210987654321.dkr.ecr.eu-west-1.amazonaws.com";

/// The emulator's registry: `127.0.0.1:PORT`.
fn host(t: &Context) -> String {
    t.ecr().address().to_string()
}

fn config(t: &Context) -> Value {
    read(&t.path(".docker/config.json"))
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap()
}

/// The password of an entry in a file.
fn password(entry: &Value) -> String {
    let pair = BASE64_STANDARD.decode(entry["auth"].as_str().unwrap()).unwrap();
    String::from_utf8(pair).unwrap().strip_prefix("AWS:").unwrap().to_owned()
}

/// What the emulator's registry answers to this password.
fn status(t: &Context, password: &str) -> u16 {
    let request =
        reqwest::Client::new().get(format!("http://{}/v2/", host(t))).basic_auth("AWS", Some(password));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { request.send().await.unwrap().status().as_u16() })
}

/// A program for the test, in the folder `bin`.
fn program(t: &Context, name: &str, script: &str) {
    let path = t.file(&format!("bin/{name}"), format!("#!/bin/sh\n{script}"));
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

impl Run {
    /// With the folder `bin` on the PATH.
    fn with_bin(self, t: &Context) -> Self {
        self.env("PATH", format!("{}:/usr/bin:/bin", t.path("bin").display()))
    }

    fn stdin(mut self, t: &Context, text: &str) -> Self {
        let file = fs_err::File::open(t.file("stdin", text)).unwrap();
        self.command.stdin(Stdio::from(file.into_file()));
        self
    }
}

#[test]
fn a_login_opens_the_registry_and_leaves_the_rest_as_it_is() {
    let t = Context::with_ecr(&[]);
    let before = json!({
        "detachKeys": "ctrl-e,e",
        "auths": { "ghcr.io": { "auth": "eDp5", "unknown": [1] }, "https://index.docker.io/v1/": {} },
        "credHelpers": { "gcr.io": "gcloud" },
        "unknown": { "z": 1.5, "a": null },
    });
    t.file(".docker/config.json", format!("{before:#}\n"));
    insta::assert_snapshot!(t.consign(["login"]).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST] until [TIME] in [DIR]/.docker/config.json
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    the password in [DIR]/.docker/config.json opens this role's registries for 12 hours, to whoever reads it; `consign logout` takes it out, and `consign login --helper` keeps none on disk
    ");

    let mut after = config(&t);
    let entry = after["auths"].as_object_mut().unwrap().shift_remove(&host(&t)).unwrap();
    assert_eq!(after.to_string(), before.to_string(), "order included");
    assert_eq!(status(&t, &password(&entry)), 200);
    assert_eq!(status(&t, "another"), 401);
    assert_eq!(entry.as_object().unwrap().len(), 1);

    // Again, and there is one entry with another password.
    t.consign(["login"]).succeeds();
    let again = config(&t)["auths"].clone();
    assert_eq!(again.as_object().unwrap().len(), 3);
    assert_eq!(status(&t, &password(&again[host(&t)])), 200);
}

#[test]
fn the_first_login_makes_a_file_that_only_its_owner_can_read() {
    let t = Context::with_ecr(&[]);
    t.consign(["login"]).succeeds();
    let mode = |path: &str| fs_err::metadata(t.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(".docker"), mode(".docker/config.json")), (0o700, 0o600));
    assert_eq!(fs_err::read_dir(t.path(".docker")).unwrap().count(), 1);

    let elsewhere = t.consign(["login"]).env("DOCKER_CONFIG", t.path("config"));
    elsewhere.succeeds();
    assert!(t.path("config/config.json").exists());
    let podman = t.consign(["login", "--registry-auth-file", "run/auth.json"]).succeeds();
    assert!(podman.ends_with("in run/auth.json"), "{podman}");
    assert_eq!(status(&t, &password(&read(&t.path("run/auth.json"))["auths"][host(&t)])), 200);
    t.consign(["login"]).env("REGISTRY_AUTH_FILE", "other.json").succeeds();
    assert!(t.path("other.json").exists());
}

#[test]
fn a_link_is_followed() {
    let t = Context::with_ecr(&[]);
    let file = t.file("real/config.json", r#"{"x":1}"#);
    fs_err::create_dir(t.path(".docker")).unwrap();
    symlink("../real/config.json", t.path(".docker/config.json")).unwrap();
    t.consign(["login"]).succeeds();
    assert!(t.path(".docker/config.json").is_symlink());
    assert_eq!(fs_err::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(read(&file)["x"], 1);
    assert_eq!(status(&t, &password(&read(&file)["auths"][host(&t)])), 200);
}

#[test]
fn a_file_that_is_not_dockers_is_refused_and_left_alone() {
    let t = Context::with_ecr(&[]);
    for text in ["{\"auths\": ", "[]", "{\"auths\": [\"secret\"]}"] {
        t.file(".docker/config.json", text);
        let ended = t.consign(["login"]).output();
        assert_eq!(fs_err::read_to_string(t.path(".docker/config.json")).unwrap(), text);
        assert!(!ended.stderr.contains("secret"));
        if text == "[]" {
            insta::assert_snapshot!(ended, @r"
            exit: 2
            ----- stdout -----
            ----- stderr -----
            error: `[DIR]/.docker/config.json` was left as it is, since its form is not Docker's: it is no JSON object
            hint: correct the file, or move it away, and run the same command again
            ");
        }
    }
    // Found before anything is asked of AWS.
    assert_eq!(t.operations(), []);
    let nowhere = t.consign(["login"]).without("HOME").fails(2);
    assert!(nowhere.contains("neither HOME nor DOCKER_CONFIG"), "{nowhere}");
    fs_err::remove_file(t.path(".docker/config.json")).unwrap();
    fs_err::create_dir(t.path(".docker/config.json")).unwrap();
    t.consign(["login"]).fails(2);
}

/// A helper that keeps what it is given in the folder `kept`.
const KEEPER: &str = r#"mkdir -p "$HOME/kept"
case $1 in
  store) cat >"$HOME/kept/stored" ;;
  erase) cat >"$HOME/kept/erased" ;;
  *) exit 1 ;;
esac
"#;

#[test]
fn the_helper_of_the_config_keeps_the_password() {
    let t = Context::with_ecr(&[]);
    program(&t, "docker-credential-keeper", KEEPER);
    for config_text in [
        json!({ "credsStore": "keeper" }),
        json!({ "credsStore": "none", "credHelpers": { host(&t): "keeper" } }),
    ] {
        t.file(".docker/config.json", config_text.to_string());
        let ended = t.consign(["login"]).with_bin(&t).output();
        let line = " through docker-credential-keeper\n";
        assert!(ended.code == Some(0) && ended.stdout.ends_with(line), "{ended}");
        let stored = read(&t.path("kept/stored"));
        assert_eq!(stored["ServerURL"], host(&t).as_str());
        assert_eq!(stored["Username"], "AWS");
        assert_eq!(status(&t, stored["Secret"].as_str().unwrap()), 200);
        // As Docker does: the name alone, and never the password.
        assert_eq!(config(&t)["auths"], json!({ host(&t): {} }));

        let out = t.consign(["logout"]).with_bin(&t).succeeds();
        assert_eq!(out, host(&t));
        assert_eq!(fs_err::read_to_string(t.path("kept/erased")).unwrap(), host(&t));
        assert_eq!(config(&t)["auths"], json!({}));
        assert_eq!(config(&t)["credsStore"], config_text["credsStore"]);
    }
    // podman and skopeo know no credsStore.
    t.file("auth.json", r#"{"credsStore":"keeper"}"#);
    t.consign(["login", "--registry-auth-file", "auth.json"]).with_bin(&t).succeeds();
    assert_eq!(status(&t, &password(&read(&t.path("auth.json"))["auths"][host(&t)])), 200);

    program(&t, "docker-credential-keeper", "echo 'the secret is out'\nexit 3\n");
    t.file(".docker/config.json", r#"{"credsStore":"keeper"}"#);
    insta::assert_snapshot!(t.consign(["login"]).with_bin(&t).output(), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the credential helper for [HOST] that `[DIR]/.docker/config.json` names did not work: `docker-credential-keeper store` failed (exit status: 3)
    hint: install the helper `docker-credential-…` that the file names, or log in without one: `docker login [HOST]`
    ");
    assert_eq!(config(&t), json!({ "credsStore": "keeper" }));
}

#[test]
fn a_password_for_another_program() {
    let t = Context::with_ecr(&[]);
    let ended = t.consign(["login", "--print-password"]).output();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(status(&t, ended.stdout.strip_suffix('\n').unwrap()), 200);
    let json = t.consign(["login", "--print-password", "--format", "json"]).succeeds();
    let json: Value = serde_json::from_str(&json).unwrap();
    let registry = &json["registries"][0];
    assert_eq!((&registry["registry"], &registry["username"]), (&json!(host(&t)), &json!("AWS")));
    assert_eq!(status(&t, registry["password"].as_str().unwrap()), 200);
    assert!(!t.path(".docker").exists(), "nothing is written");
    let two = t.consign(["login", "--print-password", &host(&t), OTHER]).fails(2);
    assert!(two.contains("one registry at a time"), "{two}");
    t.consign(["login", "--print-password", "--helper"]).fails(2);
}

#[test]
fn registries_by_their_names() {
    let t = Context::with_ecr(&[]);
    let own = format!("https://{}/v2/", host(&t));
    let ended = t.consign(["login", &own, OTHER, "210987654321", OTHER]).output();
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST] until [TIME] in [DIR]/.docker/config.json
    210987654321.dkr.ecr.eu-west-1.amazonaws.com until [TIME] in [DIR]/.docker/config.json
    210987654321.dkr.ecr.us-east-1.amazonaws.com until [TIME] in [DIR]/.docker/config.json
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    the password in [DIR]/.docker/config.json opens this role's registries for 12 hours, to whoever reads it; `consign logout` takes it out, and `consign login --helper` keeps none on disk
    ");
    assert_eq!(t.requests("GetAuthorizationToken").len(), 2, "one for each region");
    let out = t.consign(["logout", "210987654321"]).succeeds();
    assert_eq!(
        out,
        "210987654321.dkr.ecr.eu-west-1.amazonaws.com\n210987654321.dkr.ecr.us-east-1.amazonaws.com"
    );

    let listed =
        t.consign(["login", "--format", "json"]).env("CONSIGN_REGISTRIES", format!("{OTHER}\n{}", host(&t)));
    let listed: Value = serde_json::from_str(&listed.succeeds()).unwrap();
    let mut registries = listed["registries"].as_array().unwrap().clone();
    for registry in &mut registries {
        let end = registry["expiresAt"].take();
        assert!(end.as_str().unwrap().ends_with('Z'), "{end}");
    }
    let file = t.path(".docker/config.json");
    let row =
        |registry: &str| json!({ "registry": registry, "expiresAt": null, "helper": null, "file": file });
    assert_eq!(registries, [row(OTHER), row(&host(&t))]);

    insta::assert_snapshot!(t.consign(["login", "ghcr.io"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `ghcr.io` is not a registry of ECR
    hint: it looks like 123456789012.dkr.ecr.eu-west-1.amazonaws.com, or it is public.ecr.aws; for any other registry there is `docker login`
    ");
}

#[test]
fn the_registry_may_have_the_name_that_aws_would_give_it() {
    let name = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    let settings = Settings { registry_host: Some(name.into()), ..Settings::default() };
    let t = Context::with_settings(settings);
    assert!(t.consign(["login"]).succeeds().starts_with(&format!("{name} until ")));
    let by_account = Context::with_ecr(&[]);
    let line = by_account.consign(["login", "123456789012"]).succeeds();
    assert!(line.starts_with(&format!("{} until ", host(&by_account))), "{line}");
    let without = t.consign(["login"]).without("CONSIGN_REGISTRY_HOST").without("CONSIGN_REGISTRY_ENDPOINT");
    assert!(without.succeeds().starts_with(&format!("{name} until ")));
}

#[test]
fn logging_out_takes_out_what_is_ours() {
    let t = Context::with_ecr(&[]);
    let nothing = t.consign(["logout"]).output();
    insta::assert_snapshot!(nothing, @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    there was nothing to log out of
    ");
    assert!(!t.path(".docker").exists());

    let entries = json!({
        "ghcr.io": { "auth": "eDp5" },
        format!("https://{OTHER}"): { "auth": "eDp5" },
        host(&t): { "auth": "eDp5" },
    });
    let before = json!({ "auths": entries, "credHelpers": { OTHER: "consign", "gcr.io": "consign" } });
    t.file(".docker/config.json", before.to_string());
    // No AWS is needed.
    let out = t.consign(["logout"]).without("AWS_REGION").without(GITHUB).succeeds();
    assert_eq!(out, format!("{OTHER}\n{}", host(&t)));
    let after = json!({ "auths": { "ghcr.io": { "auth": "eDp5" } }, "credHelpers": { "gcr.io": "consign" } });
    assert_eq!(config(&t), after);
    assert_eq!(t.operations(), []);

    t.file(".docker/config.json", before.to_string());
    let one = t.consign(["logout", OTHER, "--format", "json"]).succeeds();
    let one: Value = serde_json::from_str(&one).unwrap();
    let file = t.path(".docker/config.json");
    assert_eq!(one, json!({ "registries": [{ "registry": OTHER, "file": file }] }));
    assert!(config(&t)["auths"].get(host(&t)).is_some());
}

/// What the helper answers to `text`.
fn ask(t: &Context, action: &str, text: &str) -> Ended {
    t.consign(["credential-helper", action]).stdin(t, text).output()
}

#[test]
fn the_protocol_byte_for_byte() {
    let t = Context::with_ecr(&[]);
    for server in
        [host(&t), format!("http://{}", host(&t)), format!("https://{}/v2/", host(&t)), OTHER.to_owned()]
    {
        let ended = ask(&t, "get", &format!("{server}\n"));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended}");
        let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
        let secret = answer["Secret"].as_str().unwrap();
        let exact = format!("{{\"ServerURL\":\"{server}\",\"Username\":\"AWS\",\"Secret\":\"{secret}\"}}\n");
        assert_eq!(ended.stdout, exact);
        if server != OTHER {
            assert_eq!(status(&t, secret), 200);
        }
    }
    let before = t.operations();
    for server in ["https://index.docker.io/v1/", "ghcr.io", "127.0.0.1:1", "210987654321"] {
        let ended = ask(&t, "get", server);
        assert_eq!(ended.code, Some(1));
        assert_eq!(ended.stdout, "credentials not found in native keychain\n");
        assert_eq!(ended.stderr, "");
    }
    let none = ask(&t, "get", "\n");
    assert_eq!((none.code, none.stdout.as_str()), (Some(1), "no credentials server URL\n"));
    for action in ["store", "erase"] {
        let ended = ask(&t, action, r#"{"ServerURL":"x","Username":"AWS","Secret":"s"}"#);
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    }
    assert_eq!(ask(&t, "list", "").stdout, format!("{{\"{}\":\"AWS\"}}\n", host(&t)));
    let version = format!("docker-credential-consign (consign) {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(ask(&t, "version", "").stdout, version);
    assert_eq!(t.operations(), before, "AWS is asked for the registries of ECR alone");
    assert!(!t.path(".docker").exists());

    // At AWS, the name of the registry follows from role and region.
    let at_aws = t.consign(["credential-helper", "list"]).without("CONSIGN_REGISTRY_ENDPOINT");
    assert_eq!(at_aws.output().stdout, "{\"123456789012.dkr.ecr.us-east-1.amazonaws.com\":\"AWS\"}\n");
    assert_eq!(Context::new().consign(["credential-helper", "list"]).output().stdout, "{}\n");
}

#[test]
fn the_helper_tells_its_failure_on_stdout_and_more_on_stderr() {
    let t = Context::with_ecr(&[
        "error:GetAuthorizationToken,code=AccessDeniedException,status=400,times=always",
    ]);
    let ended = ask(&t, "get", &host(&t));
    insta::assert_snapshot!(ended, @r"
    exit: 1
    ----- stdout -----
    ECR gave no password for its registry: GetAuthorizationToken: AccessDeniedException: The emulator was told to fail
    ----- stderr -----
    error: ECR gave no password for its registry: GetAuthorizationToken: AccessDeniedException: The emulator was told to fail
    hint: the role needs the permission `ecr:GetAuthorizationToken` on `*`; a push with `--transport ecr` does without
    ");
    assert_eq!(ended.stdout.lines().count(), 1);
    let no_token =
        t.consign(["credential-helper", "get"]).without(GITHUB).without("AWS_WEB_IDENTITY_TOKEN_FILE");
    let ended = no_token.stdin(&t, &host(&t)).output();
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stdout.starts_with("there is no OIDC token") && ended.stdout.lines().count() == 1,
        "{ended}"
    );
    assert!(ended.stderr.contains("hint: "), "{ended}");
    assert!(!ended.stdout.contains("credentials not found"), "nobody shall go on without credentials");
    let denied = t.consign(["credential-helper", "get"]).env("CONSIGN_ALLOWED_ACCOUNT_IDS", "111111111111");
    let denied = denied.stdin(&t, &host(&t)).output();
    assert!(denied.code == Some(1) && denied.stdout.contains("111111111111"), "{denied}");
}

#[test]
fn the_helper_is_registered_and_linked() {
    let t = Context::with_ecr(&[]);
    t.consign(["login"]).succeeds();
    let missing = t.consign(["login", "--helper"]).output();
    insta::assert_snapshot!(missing, @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `docker-credential-consign` is not on the PATH
    hint: `--link-dir DIR` makes it, as a link to this program; DIR has to be on the PATH
    ");

    let helper = ["login", "--helper", "--link-dir", "bin"];
    insta::assert_snapshot!(t.consign(helper).with_bin(&t).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST] through docker-credential-consign
    ----- stderr -----
    ");
    // The password of before is gone.
    assert_eq!(config(&t), json!({ "auths": {}, "credHelpers": { host(&t): "consign" } }));
    let link = t.path("bin/docker-credential-consign");
    assert_eq!(fs_err::read_link(&link).unwrap(), Path::new(env!("CARGO_BIN_EXE_consign")));

    // As Docker would call it.
    let mut get = t.consign([""; 0]);
    get.command = std::process::Command::new(&link);
    get.command.arg("get").env_clear().envs(t.ecr().environment());
    let answer = get.stdin(&t, &host(&t)).succeeds();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(status(&t, answer["Secret"].as_str().unwrap()), 200);

    // Whoever logs in nevertheless gets no password on disk.
    let again = t.consign(["login"]).with_bin(&t).succeeds();
    assert_eq!(again, format!("{} through docker-credential-consign", host(&t)));
    assert_eq!(config(&t)["auths"], json!({}));

    // A registry that is written out needs no AWS, as when the image of a runner is built.
    let bare = Context::new();
    let run =
        bare.consign(helper.iter().chain(&[OTHER, "--role-to-assume", "arn:aws:iam::210987654321:role/ci"]));
    insta::assert_snapshot!(run.output(), @r#"
    exit: 0
    ----- stdout -----
    210987654321.dkr.ecr.eu-west-1.amazonaws.com through docker-credential-consign
    ----- stderr -----
    warning: `[DIR]/bin` is not on the PATH, where clients look for `docker-credential-consign`: export PATH="[DIR]/bin:$PATH"
    warning: the helper gets no options: where Docker is called, set CONSIGN_ROLE_TO_ASSUME instead
    "#);
    assert_eq!(config(&bare), json!({ "credHelpers": { OTHER: "consign" } }));
    // GitHub has a file for what comes onto the PATH of later steps.
    bare.file("github.path", "/before\n");
    let run = bare.consign(helper.iter().chain(&[OTHER])).env("GITHUB_PATH", "github.path").output();
    assert!(run.code == Some(0) && !run.stderr.contains("warning"), "{run}");
    let bin = bare.path("bin").canonicalize().unwrap();
    assert_eq!(
        fs_err::read_to_string(bare.path("github.path")).unwrap(),
        format!("/before\n{}\n", bin.display())
    );
    // The link is replaced, and nothing else is.
    bare.consign(helper.iter().chain(&[OTHER])).succeeds();
    assert_eq!(fs_err::read_dir(bare.path("bin")).unwrap().count(), 1);
    let file = bare.file("other/docker-credential-consign", "mine");
    let refused = bare.consign(["login", "--helper", "--link-dir", "other", OTHER]).fails(2);
    assert!(refused.contains("is there already, and is no link"), "{refused}");
    assert_eq!(fs_err::read_to_string(file).unwrap(), "mine");
    let alone = bare.consign(["login", "--link-dir", "bin", OTHER]).fails(2);
    assert!(alone.contains("--helper"), "{alone}");

    assert_eq!(t.consign(["logout"]).succeeds(), host(&t));
    assert_eq!(config(&t), json!({ "auths": {}, "credHelpers": {} }));
}

#[test]
fn every_option_has_a_variable() {
    let t = Context::new();
    for command in ["login", "logout", "credential-helper"] {
        let help = t.consign([command, "--help"]).succeeds();
        assert!(help.contains("Examples:"), "{help}");
        let (mut option, mut without) = (String::new(), Vec::new());
        for line in help.lines().filter(|line| !line.starts_with("    consign")) {
            if let Some(start) = line.find("--").filter(|_| line.trim_start().starts_with('-')) {
                option = line[start..].split([' ', '=', ',']).next().unwrap().to_owned();
                without.push(option.clone());
            }
            if line.contains("[env:") {
                without.retain(|known| *known != option);
            }
        }
        without.retain(|known| !matches!(known.as_str(), "--help" | "--version" | "--verbose..."));
        assert_eq!(without, Vec::<String>::new(), "{help}");
    }
}
