//! GitHub Actions: the action's inputs, what the log gets, and that nothing is ever executed.

use crate::support::{Context, Ended, digest, redacted};
use consign::ci::github::inputs::{INPUTS, Input, Meaning, Origin, Split, find};
use consign::emulator::Settings;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn action() -> serde_yaml::Value {
    serde_yaml::from_str(&fs_err::read_to_string(root().join("action.yml")).unwrap()).unwrap()
}

/// The names of the inputs that `action.yml` declares.
fn declared() -> Vec<String> {
    let action = action();
    let inputs = action["inputs"].as_mapping().unwrap();
    inputs.keys().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Puts `text` between the two marks of a file if that was asked for, and expects it there.
fn generated(path: &str, marks: [&str; 2], text: &str) {
    let file = root().join(path);
    let page = fs_err::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(&format!("{}\n", marks[0])).unwrap();
    let (_, after) = rest.split_once(marks[1]).unwrap();
    let wanted = format!("{before}{}\n{text}{}{after}", marks[0], marks[1]);
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever changes the inputs")]
    if std::env::var("CONSIGN_UPDATE_DOCS").is_ok() {
        fs_err::write(&file, &wanted).unwrap();
    }
    assert_eq!(fs_err::read_to_string(&file).unwrap(), wanted, "{path} is out of date");
}

/// What becomes of an input, for people.
fn effect(input: &Input) -> String {
    match input.meaning {
        Meaning::Value(option) | Meaning::Switch(option) => format!("`--{option}`"),
        Meaning::List(option, Split::Commas) => format!("`--{option}` for each line or comma"),
        Meaning::List(option, Split::Lines) => format!("`--{option}` for each line"),
        Meaning::List(option, Split::Verbatim) => format!("`--{option}` for each line as it stands"),
        Meaning::Special | Meaning::Accepted => String::new(),
        Meaning::Ignored(why) => format!("one line says: {why}"),
        Meaning::Refused(hint) | Meaning::RefusedUnlessFalse(hint) => format!("an error: {hint}"),
    }
}

/// Run with `CONSIGN_UPDATE_DOCS=1` to write the inputs into the action anew.
#[test]
fn the_action_has_the_inputs_of_the_table() {
    let mut text = String::new();
    for input in INPUTS {
        let help = input.help.replace('\'', "''");
        write!(text, "  {}:\n    description: '{help}'\n", input.name).unwrap();
    }
    generated("action.yml", ["  # begin of the inputs", "  # end of the inputs"], &text);
    assert_eq!(declared(), INPUTS.iter().map(|input| input.name).collect::<Vec<_>>());
}

#[test]
fn the_page_has_the_inputs_of_the_table() {
    let mut text = String::from("| input | from | is | becomes |\n|---|---|---|---|\n");
    for input in INPUTS {
        let origin = match input.origin {
            Origin::Build => "build-push-action",
            Origin::Credentials => "configure-aws-credentials",
            Origin::Login => "amazon-ecr-login",
            Origin::Own => "consign",
        };
        let help = input.help.replace('|', "\\|");
        writeln!(text, "| `{}` | {origin} | {help} | {} |", input.name, effect(input)).unwrap();
    }
    let marks = ["<!-- begin of the inputs -->", "<!-- end of the inputs -->"];
    generated("docs/github-actions.md", marks, &text);
}

#[test]
fn every_input_of_the_three_actions_is_there() {
    let of = |origin, names: &str| {
        for name in names.split_whitespace() {
            assert_eq!(find(name).unwrap_or_else(|| panic!("{name} is missing")).origin, origin, "{name}");
        }
    };
    of(
        Origin::Build,
        "context file target build-contexts build-args secrets secret-envs secret-files ssh tags labels annotations \
         push load outputs platforms pull no-cache no-cache-filters cache-from cache-to attests provenance sbom call \
         add-hosts allow cgroup-parent network shm-size ulimit builder github-token",
    );
    of(
        Origin::Credentials,
        "aws-region role-to-assume role-session-name role-duration-seconds role-external-id role-chaining audience \
         web-identity-token-file force-skip-oidc aws-access-key-id aws-secret-access-key aws-session-token \
         role-skip-session-tagging transitive-tag-keys inline-session-policy managed-session-policies \
         mask-aws-account-id allowed-account-ids disable-retry retry-max-attempts http-proxy no-proxy sts-endpoint",
    );
    of(Origin::Login, "registries registry-type mask-password");
}

#[test]
fn every_option_of_build_is_an_input_and_the_other_way_round() {
    let help = Context::new().consign(["build", "--help"]).succeeds();
    let known: Vec<_> = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-') && line.contains("--"))
        .map(|line| {
            line[line.find("--").unwrap() + 2..].split([' ', '=', ',', '.']).next().unwrap().to_owned()
        })
        .collect();
    // Those of `special.rs`, and what concerns people at a prompt.
    let special = [
        "file",
        "annotation",
        "output",
        "push",
        "check",
        "cache-from",
        "role-chaining",
        "role-external-id",
        "retry-max-attempts",
    ];
    let prompt = [
        "verbose",
        "quiet",
        "progress",
        "format",
        "show-settings",
        "help",
        "version",
        "retry-backoff-milliseconds",
    ];
    let mut made = Vec::new();
    for input in INPUTS {
        if let Meaning::Value(option) | Meaning::List(option, _) | Meaning::Switch(option) = input.meaning {
            made.push(option);
            assert!(known.iter().any(|known| known == option), "`{}` becomes --{option}", input.name);
        }
    }
    for option in &known {
        let option = option.as_str();
        assert!(
            made.contains(&option) || special.contains(&option) || prompt.contains(&option),
            "no input becomes --{option}"
        );
    }
}

#[test]
fn no_input_stands_in_a_shell_line() {
    for step in action()["runs"]["steps"].as_sequence().unwrap() {
        let run = step["run"].as_str().unwrap();
        assert!(!run.contains("${{"), "{run}");
        assert_eq!(step["shell"], "bash");
    }
}

#[test]
fn every_output_is_written() {
    let (t, _) = built(&json!({}));
    let written = outputs(&t);
    let action = action();
    for name in action["outputs"].as_mapping().unwrap().keys() {
        let name = name.as_str().unwrap();
        assert!(written.contains_key(name), "{name}");
        assert_eq!(
            action["outputs"][name]["value"],
            format!("${{{{ steps.build.outputs.{name} }}}}").as_str()
        );
    }
    assert_eq!(written.len(), action["outputs"].as_mapping().unwrap().len());
}

/// The surroundings of a job, and the subcommand with `inputs` besides those that make it push `app`.
fn run(t: &Context, inputs: &Value) -> Ended {
    let mut all =
        json!({ "context": "app", "push": "true", "tags": "shop/api:1", "create-repository": "true" });
    all.as_object_mut().unwrap().extend(inputs.as_object().unwrap().clone());
    fs_err::write(t.path("output"), "").unwrap();
    fs_err::write(t.path("summary"), "").unwrap();
    in_github(t, t.consign(["github-action"])).env("CONSIGN_ACTION_INPUTS", all.to_string()).output()
}

fn in_github(t: &Context, run: crate::support::Run) -> crate::support::Run {
    run.env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", t.path(""))
        .env("GITHUB_OUTPUT", t.path("output"))
        .env("GITHUB_STEP_SUMMARY", t.path("summary"))
}

fn built(inputs: &Value) -> (Context, Ended) {
    let t = Context::with_ecr(&[]);
    t.app();
    let ended = run(&t, inputs);
    assert_eq!(ended.code, Some(0), "{ended}");
    (t, ended)
}

/// The step's outputs, read as the runner reads them.
fn outputs(t: &Context) -> Map<String, Value> {
    let text = fs_err::read_to_string(t.path("output")).unwrap();
    let mut outputs = Map::new();
    let mut lines = text.split('\n');
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let equals = line.find('=').unwrap_or(usize::MAX);
        let heredoc = line.find("<<").unwrap_or(usize::MAX);
        assert_ne!(equals, heredoc, "{line}");
        let (name, value) = if equals < heredoc {
            (line[..equals].to_owned(), line[equals + 1..].to_owned())
        } else {
            let end = &line[heredoc + 2..];
            let value: Vec<_> = lines.by_ref().take_while(|line| *line != end).collect();
            (line[..heredoc].to_owned(), value.join("\n"))
        };
        assert!(outputs.insert(name, value.into()).is_none(), "{line}");
    }
    outputs
}

#[test]
fn a_job() {
    let (t, ended) =
        built(&json!({ "tags": "shop/api:1\nshop/api:2", "builder": "x", "platforms": "linux/amd64" }));
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    ::notice title=consign::`builder` is not used: there is no builder
    ::group::reading app
    context: 4 entries, 41 B
    ::endgroup::
    ::group::layers
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    layer context: sent, 188 B sha256:[SHORT]
    ::endgroup::
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    [HOST]/shop/api:2 is now sha256:[DIGEST]
    ");
    let written = outputs(&t);
    let shown = redacted(&fs_err::read_to_string(t.path("output")).unwrap(), &t.path(""));
    insta::assert_snapshot!(shown, @r#"
    digest=sha256:[DIGEST]
    imageid=sha256:[DIGEST]
    image=[HOST]/shop/api@sha256:[DIGEST]
    tags<<CONSIGN_EOF
    [HOST]/shop/api:1
    [HOST]/shop/api:2
    CONSIGN_EOF
    metadata={"containerimage.config.digest":"sha256:[DIGEST]","containerimage.descriptor":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:[DIGEST]","size":401,"platform":{"architecture":"amd64","os":"linux"}},"containerimage.digest":"sha256:[DIGEST]","image.name":"[HOST]/shop/api:1,[HOST]/shop/api:2"}
    registry=[HOST]
    repository=shop/api
    platform-digests={"linux/amd64":"sha256:[DIGEST]"}
    aws-account-id=123456789012
    "#);
    let digest = digest(ended.stdout.trim());
    assert_eq!(written["digest"], digest);
    assert_eq!(written["platform-digests"], json!({ "linux/amd64": digest }).to_string());
    let shown = redacted(&fs_err::read_to_string(t.path("summary")).unwrap(), &t.path(""));
    insta::assert_snapshot!(shown, @r"
    ### `[HOST]/shop/api`

    | | |
    |---|---|
    | digest | `sha256:[DIGEST]` |
    | tag | `1` |
    | tag | `2` |

    1 layer, 0 reused, 188 B sent.

    | layer | size | sent | time | timeline |
    |---|---:|---:|---:|---|
    | context | 188 B | 188 B | [TIME] | `[TIMELINE]` |
    ");
}

#[test]
fn the_inputs_may_come_from_stdin() {
    let t = Context::with_ecr(&[]);
    t.app();
    let inputs =
        json!({ "context": "app", "push": "true", "tags": "shop/api:1", "create-repository": "true" });
    t.file("inputs", inputs.to_string());
    let path = env!("CARGO_BIN_EXE_consign");
    let printed = t.shell(&format!("{path} github-action <inputs")).succeeds();
    assert!(printed.contains("/shop/api@sha256:"), "{printed}");
    let wrong = t
        .consign(["github-action"])
        .env("CONSIGN_ACTION_INPUTS", "{\"aws-secret-access-key\":\"hunter2")
        .fails(2);
    assert!(wrong.contains("line 1, column") && !wrong.contains("hunter2"), "{wrong}");
}

#[test]
fn wrong_inputs_are_told_all_at_once() {
    let t = Context::with_ecr(&[]);
    t.app();
    insta::assert_snapshot!(run(&t, &json!({ "tgas": "x", "secrets": "A=hunter2", "push": "maybe" })), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    ::add-mask::hunter2
    ::error title=consign%3A inputs::the input `tgas` is no input of this action%0Ahint: did you mean `tags`?
    ::error title=consign%3A inputs::the input `secrets` can't be used%0Ahint: only a RUN of a Dockerfile uses it, and nothing is run while an image is built: take it out, and use it in the step that does what the RUN would do
    ::error title=consign%3A inputs::the input `push` is neither true nor false%0Ahint: write `true` or `false`
    ");
    // By the name of the input, since nobody wrote the option.
    insta::assert_snapshot!(run(&t, &json!({ "tags": "Shop/API:1", "compression": "gzip" })), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    ::error title=consign::--tag: `Shop/API:1` is not a valid reference: character 1 is 'S'; a repository name is made of a-z and 0-9, with single `.`, `_`, `__`, `-` or `/` between them%0Ahint: `--tag` is the input `tags`
    ");
    insta::assert_snapshot!(run(&t, &json!({ "compression": "rar" })), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    ::error title=consign::invalid value 'rar' for '--compression <KIND>'%0A  [possible values: gzip, zstd, none]
    ");
    let elsewhere = t.consign(["github-action"]).env("CONSIGN_ACTION_INPUTS", r#"{"tgas":"x"}"#).output();
    insta::assert_snapshot!(elsewhere, @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the input `tgas` is no input of this action
    hint: did you mean `tags`?
    ");
    assert_eq!(t.operations(), []);
}

#[test]
fn errors_of_any_command_are_annotations() {
    let t = Context::new();
    t.file("app/consign.yaml", "apiVersion: consign/v1\nbaze: x\nlayers:\n  - form: y\n");
    insta::assert_snapshot!(in_github(&t, t.consign(["build", "app"])).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    ::error title=consign,file=app/consign.yaml,line=2,col=1,endColumn=5::app/consign.yaml:2:1: unknown key `baze` in `consign.yaml`%0A  |%0A2 | baze: x%0A  | ^^^^%0Ahint: did you mean `base`?
    ::error title=consign,file=app/consign.yaml,line=4,col=5,endColumn=9::app/consign.yaml:4:5: unknown key `form` in `layers[0]`%0A  |%0A4 |   - form: y%0A  |     ^^^^%0Ahint: did you mean `from`?
    ::error title=consign,file=app/consign.yaml,line=4,col=5,endColumn=6::app/consign.yaml:4:5: `layers[0]` has no `to`%0A  |%0A4 |   - form: y%0A  |     ^
    ");
    insta::assert_snapshot!(in_github(&t, t.consign(["build", "--tga", "x"])).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    ::error title=consign::unexpected argument '--tga' found%0A%0A  tip: a similar argument exists: '--target'%0A%0AUsage: consign build --target <STAGE> [CONTEXT]%0A%0AFor more information, try '--help'.
    ");
    insta::assert_snapshot!(in_github(&t, t.consign(["build", "nowhere"])).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    ::group::reading nowhere
    ::endgroup::
    ::error title=consign::the directory `nowhere` does not exist
    ");
    let json = in_github(&t, t.consign(["build", "nowhere", "--progress", "json"])).output();
    assert!(json.stderr.lines().all(|line| line.starts_with('{')), "{json}");
    let quiet = in_github(&t, t.consign(["build", "nowhere", "--quiet"])).output();
    assert!(quiet.stderr.starts_with("::error "), "{quiet}");
}

#[test]
fn names_of_files_are_no_commands() {
    let t = Context::new();
    t.app();
    let socket = t.path("app/x\n::set-output name=image::evil ##[error]x");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let ended = in_github(&t, t.consign(["build", "app", "--label", "x\n::stop-commands::y"])).output();
    assert_eq!(ended.code, Some(2), "{ended}");
    only_our_commands(&ended);
    let ended = in_github(&t, t.consign(["build", "app", "--layers", "single"])).output();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(
        ended.stderr.contains("::warning title=consign::") && ended.stderr.contains("%0A::set-output"),
        "{ended}"
    );
    only_our_commands(&ended);
}

/// What the runner would act on is what consign means it to.
#[track_caller]
fn only_our_commands(ended: &Ended) {
    for line in ended.stderr.split(['\n', '\r']).chain(ended.stdout.split(['\n', '\r'])) {
        if let Some(command) = line.trim_start().strip_prefix("::") {
            let name = command.split([' ', ':']).next().unwrap();
            assert!(
                ["group", "endgroup", "error", "warning", "notice", "add-mask"].contains(&name),
                "{ended}"
            );
        } else {
            assert!(!line.contains("##["), "{ended}");
        }
    }
}

/// Quotes, line breaks, expansions of shells and of GitHub, commands of its runner, and text of other scripts.
const HOSTILE: &str = "a\"b'c`touch pwned`$(touch pwned)\n::set-output name=image::evil\n::stop-commands::x\r\n##[set-output \
                       name=image]evil\nimage<<EOF\n${{ github.token }};touch pwned\nEOF\n&& touch pwned || \u{202e}☃ %0A \\";

#[test]
fn hostile_values_of_every_input_stay_values() {
    let t = Context::with_ecr(&[]);
    t.app();
    // At once, so that each value meets its own code, and so that the test is quick.
    let names = declared();
    std::thread::scope(|scope| {
        for names in names.chunks(names.len().div_ceil(2)) {
            scope.spawn(|| names.iter().for_each(|name| hostile(&t, name)));
        }
    });
    for folder in [t.path(""), t.path("app")] {
        let made = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(made.into_iter().all(|name| name != "pwned"));
    }
}

fn hostile(t: &Context, name: &str) {
    let long = "x".repeat(100_000);
    // The first two as far as the registry, the others as far as the image.
    for (push, value) in
        [(true, HOSTILE), (true, "--push"), (false, "\u{0}☃ ü ${{ secrets.X }}"), (false, &long)]
    {
        let output = t.path(format!("output-{name}"));
        fs_err::write(&output, "").unwrap();
        let mut inputs =
            json!({ "context": "app", "push": push, "tags": "shop/api:1", "create-repository": "true" });
        inputs[name] = value.into();
        let run = in_github(t, t.consign(["github-action"])).env("CONSIGN_ACTION_INPUTS", inputs.to_string());
        let ended = run.env("GITHUB_OUTPUT", &output).output();
        let shown: String = value.chars().take(40).collect();
        // 1 is a fault of the program, and a panic is 101.
        assert!(matches!(ended.code, Some(0 | 2..=6)), "{name}: {shown:?}\n{ended}");
        only_our_commands(&ended);
        let text = fs_err::read_to_string(&output).unwrap();
        let published = push && ended.code == Some(0);
        assert_eq!(!text.is_empty(), published, "{name}: {shown:?}\n{text}\n{ended}");
        assert!(
            !text.lines().any(|line| line.starts_with("image") && line.contains("evil")),
            "{name}: {text}"
        );
        if published {
            assert_eq!(
                text.matches("\ndigest=").count() + usize::from(text.starts_with("digest=")),
                1,
                "{name}: {text}"
            );
        }
    }
}

fn directory() -> Value {
    let allow =
        json!({ "Statement": { "Effect": "Allow", "Action": ["ecr:*", "sts:AssumeRole"], "Resource": "*" } });
    let trust = |principal: &str, condition: Value| {
        json!({ "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": principal }, "Condition": condition,
        } })
    };
    json!({ "accounts": { "${emulator:account}": {
        "roles": [
            { "name": "guest", "policies": { "all": allow },
              "trustPolicy": trust("123456789012", json!({ "StringEquals": { "sts:ExternalId": "42" } })) },
            { "name": "next", "policies": { "all": allow }, "trustPolicy": trust("123456789012", json!({})) },
        ],
        "users": [{
            "name": "ci", "policies": { "all": allow },
            "accessKeys": [{ "id": "AKIAIOSFODNN7EXAMPLE", "secret": "hunter2hunter2" }],
        }],
    } } })
}

fn with_directory() -> Context {
    let folder = tempfile::tempdir().unwrap();
    let iam = folder.path().join("iam.json");
    fs_err::write(&iam, directory().to_string()).unwrap();
    let t = Context::with_settings(Settings { iam: Some(iam), ..Settings::default() });
    t.app();
    t
}

/// The inputs, in a job that has no credentials of its own.
fn without_oidc(t: &Context, inputs: &Value) -> Ended {
    let mut all =
        json!({ "context": "app", "push": "true", "tags": "shop/api:1", "create-repository": "true" });
    all.as_object_mut().unwrap().extend(inputs.as_object().unwrap().clone());
    let mut run = in_github(t, t.consign(["github-action"])).env("CONSIGN_ACTION_INPUTS", all.to_string());
    for name in [
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "CONSIGN_ROLE_TO_ASSUME",
    ] {
        run = run.without(name);
    }
    run.output()
}

#[test]
fn keys_as_inputs() {
    let t = with_directory();
    let keys =
        json!({ "aws-access-key-id": "AKIAIOSFODNN7EXAMPLE", "aws-secret-access-key": "hunter2hunter2" });
    let ended = without_oidc(&t, &keys);
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    ::add-mask::AKIAIOSFODNN7EXAMPLE
    ::add-mask::hunter2hunter2
    ::group::reading app
    context: 4 entries, 41 B
    ::endgroup::
    ::group::layers
    authenticated with the keys that were given
    created the repository shop/api
    layer context: sent, 188 B sha256:[SHORT]
    ::endgroup::
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    ");
    assert!(t.requests("AssumeRoleWithWebIdentity").is_empty());

    // They come before what the environment has.
    let mut wrong = keys.clone();
    wrong["aws-secret-access-key"] = "another".into();
    let ended = run(&t, &wrong);
    assert_eq!(ended.code, Some(3), "{ended}");
}

#[test]
fn keys_for_a_role() {
    let t = with_directory();
    let mut inputs = json!({
        "aws-access-key-id": "AKIAIOSFODNN7EXAMPLE", "aws-secret-access-key": "hunter2hunter2",
        "role-to-assume": "arn:aws:iam::123456789012:role/guest",
    });
    insta::assert_snapshot!(without_oidc(&t, &inputs), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    ::add-mask::AKIAIOSFODNN7EXAMPLE
    ::add-mask::hunter2hunter2
    ::group::reading app
    context: 4 entries, 41 B
    ::endgroup::
    ::error title=consign::STS refused to let these credentials assume the role arn:aws:iam::123456789012:role/guest: AccessDenied: User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/guest (request id [UUID])%0Ahint: the role must exist, its trust policy must name whose credentials these are, with the external id if it wants one, and they need the permission `sts:AssumeRole` on it
    ");
    inputs["role-external-id"] = "42".into();
    let ended = without_oidc(&t, &inputs);
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(
        ended.stderr.contains("the keys that were given for the role arn:aws:iam::123456789012:role/guest"),
        "{ended}"
    );
    assert_eq!(outputs(&t)["aws-account-id"], "123456789012");
}

#[test]
fn a_role_after_another() {
    let t = with_directory();
    let role = "arn:aws:iam::123456789012:role/next";
    let ended = run(&t, &json!({ "role-to-assume": role, "role-chaining": "true" }));
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!((t.requests("AssumeRoleWithWebIdentity").len(), t.requests("AssumeRole").len()), (1, 1));
    // Without anything to begin with.
    let none = without_oidc(&t, &json!({ "role-to-assume": role, "force-skip-oidc": "true" }));
    assert_eq!(none.code, Some(3), "{none}");
    assert!(none.stderr.contains("no AWS credentials were found"), "{none}");
}

#[test]
fn a_session_policy_narrows_what_the_job_may() {
    let t = with_directory();
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "ecr:Describe*", "Resource": "*" }] });
    let ended = run(&t, &json!({ "inline-session-policy": policy.to_string() }));
    assert_eq!(ended.code, Some(3), "{ended}");
    let managed =
        json!({ "managed-session-policies": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly" });
    let ended = run(&t, &managed);
    assert_eq!(ended.code, Some(3), "{ended}");
    let managed =
        json!({ "managed-session-policies": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryFullAccess" });
    let ended = run(&t, &managed);
    assert_eq!(ended.code, Some(0), "{ended}");
}

#[test]
fn the_account_is_shown_unless_it_shall_not_be() {
    let (_, ended) = built(&json!({}));
    assert!(!ended.stderr.contains("add-mask"), "{ended}");
    let (_, ended) = built(&json!({ "mask-aws-account-id": "true" }));
    let mask = ended.stderr.find("::add-mask::123456789012\n").unwrap();
    assert_eq!(ended.stderr.find("123456789012").unwrap(), mask + "::add-mask::".len(), "{ended}");
}

#[test]
fn sts_elsewhere() {
    let t = with_directory();
    let elsewhere = run(&t, &json!({ "sts-endpoint": "http://127.0.0.1:1", "disable-retry": "true" }));
    assert_eq!(elsewhere.code, Some(5), "{elsewhere}");
    let wrong = run(&t, &json!({ "sts-endpoint": "nowhere" }));
    assert!(wrong.stderr.contains("--sts-endpoint") && wrong.code == Some(2), "{wrong}");
}

#[test]
fn the_inputs_are_not_in_the_environment_of_the_program() {
    let t = Context::new();
    let fake = "#!/bin/sh\nenv >environment\ncat >inputs\necho \"$@\" >arguments\n";
    let fake = t.file("fake", fake);
    fs_err::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = root().join("pipelines/github/run-consign.sh");
    let run = t.shell(script.to_str().unwrap()).env("CONSIGN_ACTION_BINARY", &fake);
    let run =
        run.env("CONSIGN_ACTION_INPUTS", HOSTILE).env("CONSIGN_ACTION_HTTP_PROXY", "http://proxy.example");
    run.env("CONSIGN_ACTION_NO_PROXY", "").succeeds();
    let read = |name: &str| fs_err::read_to_string(t.path(name)).unwrap();
    assert_eq!(read("inputs"), HOSTILE);
    assert_eq!(read("arguments"), "github-action\n");
    let environment = read("environment");
    assert!(
        !environment.contains("CONSIGN_ACTION_INPUTS") && !environment.contains("pwned"),
        "{environment}"
    );
    assert!(
        environment.contains("HTTPS_PROXY=http://proxy.example\n") && !environment.contains("\nNO_PROXY=")
    );
    assert!(!t.path("pwned").exists());
}

#[test]
fn the_workflows_pin_what_is_not_ours() {
    let uses = regex::Regex::new(r"uses: (\S+)(.*)").unwrap();
    let pinned = regex::Regex::new(r"^[a-z-]+/[a-z-]+@[0-9a-f]{40}$").unwrap();
    let mut found = 0;
    for entry in fs_err::read_dir(root().join("pipelines/github")).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.extension() != Some(Path::new("x.yml").extension().unwrap()) {
            continue;
        }
        let text = fs_err::read_to_string(&path).unwrap();
        for line in uses.captures_iter(&text) {
            found += 1;
            let ours = line[1].starts_with("OWNER/consign") && line[1].ends_with("@v0.1.0");
            assert!(
                ours || pinned.is_match(&line[1]) && line[2].starts_with(" # v"),
                "{}: {}",
                path.display(),
                &line[0]
            );
        }
        assert!(
            text.contains("\npermissions: {}\n") || text.contains("\npermissions:\n  contents: read\n"),
            "{}",
            path.display()
        );
        assert_eq!(
            text.matches("actions/checkout@").count(),
            text.matches("persist-credentials: false").count()
        );
    }
    assert!(found > 10, "{found}");
}
