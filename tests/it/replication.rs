//! `consign replication`, and a build that waits until its image is where it will be pulled.

use crate::iam::{ACCOUNT, OTHER, ROLE, block_on, client, with_permissions};
use crate::support::{Context, Ended, digest};
use aws_sdk_ecr::types::{ReplicationConfiguration, ReplicationDestination, ReplicationRule};
use consign::emulator::Settings;
use serde_json::{Value, json};
use std::time::Duration;

const PUSH: [&str; 5] = ["build", "app", "--create-repository", "--push", "--tag"];

fn replication(t: &Context, arguments: &[&str]) -> Ended {
    t.consign([&["replication"], arguments].concat()).output()
}

/// What a command prints, as JSON.
#[track_caller]
fn json_of(t: &Context, arguments: &[&str]) -> Value {
    let printed = t.consign([&["replication"], arguments, &["--format", "json"]].concat()).succeeds();
    serde_json::from_str(&printed).unwrap()
}

/// The rules, as `PREFIXES -> DESTINATIONS`.
fn rules(t: &Context) -> Vec<String> {
    let json = json_of(t, &["show"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &Value, of: &dyn Fn(&Value) -> String| {
        value.as_array().map(|all| all.iter().map(of).collect::<Vec<_>>().join(" ")).unwrap_or_default()
    };
    let rules = json["replicationConfiguration"]["rules"].as_array().unwrap().iter();
    let to = |it: &Value| {
        format!("{}@{}", text(&it["region"]), text(&it["registryId"])).replace(&format!("@{ACCOUNT}"), "")
    };
    rules
        .map(|rule| {
            format!(
                "{} -> {}",
                list(&rule["repositoryFilters"], &|it| text(&it["filter"])),
                list(&rule["destinations"], &to)
            )
        })
        .collect()
}

/// How often a call was made.
fn count(t: &Context, operation: &str) -> usize {
    t.requests(operation).len()
}

#[test]
fn rules_of_others_survive() {
    let t = Context::with_ecr(&[]);
    insta::assert_snapshot!(replication(&t, &["show"]), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    nothing is replicated from [HOST] in us-east-1
    ");
    let first = ["set", "--prefix", "shop/", "--to", "eu-west-1", "--to", &format!("us-west-2@{OTHER}")];
    insta::assert_snapshot!(replication(&t, &first), @r"
    exit: 0
    ----- stdout -----
    RULE  REPOSITORIES  REGION     ACCOUNT
       1  shop/*        eu-west-1  123456789012
       1  shop/*        us-west-2  210987654321
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    + shop/* -> eu-west-1@123456789012
    + shop/* -> us-west-2@210987654321
    ");
    replication(&t, &["set", "--prefix", "lab/", "--to", "eu-west-3"]).code.unwrap();
    insta::assert_snapshot!(replication(&t, &["set", "--prefix", "shop/,web/", "--to", "eu-west-1"]), @r"
    exit: 0
    ----- stdout -----
    RULE  REPOSITORIES  REGION     ACCOUNT
       1  shop/*        eu-west-1  123456789012
       1  shop/*        us-west-2  210987654321
       2  lab/*         eu-west-3  123456789012
       3  web/*         eu-west-1  123456789012
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    + web/* -> eu-west-1@123456789012
    ");
    assert_eq!(
        rules(&t),
        [&format!("shop/ -> eu-west-1 us-west-2@{OTHER}"), "lab/ -> eu-west-3", "web/ -> eu-west-1"]
    );
    // What is there already is not written again.
    let before = count(&t, "PutReplicationConfiguration");
    insta::assert_snapshot!(replication(&t, &["set", "--prefix", "shop/api", "--to", "eu-west-1"]), @r"
    exit: 0
    ----- stdout -----
    RULE  REPOSITORIES  REGION     ACCOUNT
       1  shop/*        eu-west-1  123456789012
       1  shop/*        us-west-2  210987654321
       2  lab/*         eu-west-3  123456789012
       3  web/*         eu-west-1  123456789012
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    nothing to change: 3 rules
    ");
    assert_eq!(count(&t, "PutReplicationConfiguration"), before);
    insta::assert_snapshot!(replication(&t, &["show"]), @r"
    exit: 0
    ----- stdout -----
    RULE  REPOSITORIES  REGION     ACCOUNT
       1  shop/*        eu-west-1  123456789012
       1  shop/*        us-west-2  210987654321
       2  lab/*         eu-west-3  123456789012
       3  web/*         eu-west-1  123456789012
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
}

#[test]
fn as_json() {
    let t = Context::with_ecr(&[]);
    let set = ["set", "--prefix", "shop/", "--to", "eu-west-1"];
    let planned = json_of(&t, &[&set[..], &["--dry-run"]].concat());
    assert_eq!((&planned["changed"], &planned["dryRun"]), (&json!(false), &json!(true)));
    assert_eq!(count(&t, "PutReplicationConfiguration"), 0);
    let done = json_of(&t, &set);
    insta::assert_snapshot!(format!("{done:#}"), @r#"
    {
      "registryId": "123456789012",
      "replicationConfiguration": {
        "rules": [
          {
            "destinations": [
              {
                "region": "eu-west-1",
                "registryId": "123456789012"
              }
            ],
            "repositoryFilters": [
              {
                "filter": "shop/",
                "filterType": "PREFIX_MATCH"
              }
            ]
          }
        ]
      },
      "changed": true,
      "dryRun": false,
      "added": [
        {
          "prefix": "shop/",
          "region": "eu-west-1",
          "registryId": "123456789012"
        }
      ],
      "dropped": []
    }
    "#);
    assert_eq!(done["added"], planned["added"]);
    let shown = json_of(&t, &["show"]);
    assert_eq!(shown["replicationConfiguration"], done["replicationConfiguration"]);
}

#[test]
fn what_drops_something_asks() {
    let t = Context::with_ecr(&[]);
    t.consign(["replication", "set", "--prefix", "shop/,lab/", "--to", "eu-west-1,eu-west-2"]).succeeds();
    let remove = ["set", "--prefix", "shop/", "--to", "eu-west-1", "--remove"];
    insta::assert_snapshot!(replication(&t, &remove), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    - shop/* -> eu-west-1@123456789012
    error: Stop replicating shop/* -> eu-west-1@123456789012? There is no terminal to ask on, and nothing was done
    hint: `--yes` drops it without being asked, `--dry-run` shows what would change
    ");
    insta::assert_snapshot!(replication(&t, &[&remove[..], &["--dry-run"]].concat()), @r"
    exit: 0
    ----- stdout -----
    RULE  REPOSITORIES  REGION     ACCOUNT
       1  lab/*         eu-west-1  123456789012
       1  lab/*         eu-west-2  123456789012
       2  shop/*        eu-west-2  123456789012
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    - shop/* -> eu-west-1@123456789012
    ");
    assert_eq!(rules(&t), ["shop/ lab/ -> eu-west-1 eu-west-2"]);
    t.consign([&["replication"], &remove[..], &["--yes"]].concat()).succeeds();
    assert_eq!(rules(&t), ["lab/ -> eu-west-1 eu-west-2", "shop/ -> eu-west-2"]);
    // All others go, and are named.
    let replace = ["set", "--to", "ap-south-1", "--replace"];
    insta::assert_snapshot!(replication(&t, &replace), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    + all repositories -> ap-south-1@123456789012
    - lab/* -> eu-west-1@123456789012
    - lab/* -> eu-west-2@123456789012
    - shop/* -> eu-west-2@123456789012
    error: Stop replicating lab/* -> eu-west-1@123456789012, lab/* -> eu-west-2@123456789012, shop/* -> eu-west-2@123456789012? There is no terminal to ask on, and nothing was done
    hint: `--yes` drops it without being asked, `--dry-run` shows what would change
    ");
    t.consign([&["replication"], &replace[..], &["--yes"]].concat()).succeeds();
    assert_eq!(rules(&t), [" -> ap-south-1"]);
    // The last rule goes.
    t.consign(["replication", "set", "--to", "ap-south-1", "--remove", "--yes"]).succeeds();
    assert_eq!(rules(&t), Vec::<String>::new());
}

#[test]
fn a_file_is_all_there_is() {
    let t = Context::with_ecr(&[]);
    t.consign(["replication", "set", "--prefix", "shop/", "--to", "eu-west-1"]).succeeds();
    let saved = t.consign(["replication", "show", "--format", "json"]).succeeds();
    t.file("rules.json", &saved);
    t.consign(["replication", "set", "--prefix", "lab/", "--to", "eu-west-2"]).succeeds();
    let load = ["replication", "set", "--file", "rules.json"];
    let refused = t.consign(load).fails(2);
    assert!(refused.contains("lab/* -> eu-west-2@123456789012"), "{refused}");
    t.consign(load.iter().chain(&["--yes"])).succeeds();
    assert_eq!(rules(&t), ["shop/ -> eu-west-1"]);
    // From stdin, and what adds alone needs no consent.
    let more =
        saved.replace("\"shop/\"", "\"shop/\", \"filterType\": \"PREFIX_MATCH\" }, { \"filter\": \"lab/\"");
    t.file("more.json", more);
    let line = "\"$CONSIGN\" replication set --file - < more.json";
    t.shell(line).env("CONSIGN", env!("CARGO_BIN_EXE_consign")).succeeds();
    assert_eq!(rules(&t), ["shop/ lab/ -> eu-west-1"]);
    t.file("wrong.json", "{ \"rules\": [{ \"destination\": [] }] }");
    insta::assert_snapshot!(replication(&t, &["set", "--file", "wrong.json"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: these are no rules for replication: unknown field `destination`, expected `destinations` or `repositoryFilters` at line 1 column 27
    hint: `consign replication show` prints the rules that are there; --help has examples
    ");
}

#[test]
fn several_writers() {
    let t = Context::with_ecr(&[]);
    t.consign(["replication", "set", "--prefix", "lab/", "--to", "eu-west-1"]).succeeds();
    let writers = ["shop/", "web/", "jobs/", "tools/"];
    let set =
        |prefix: &str| t.consign(["replication", "set", "--prefix", prefix, "--to", "eu-west-2"]).succeeds();
    std::thread::scope(|scope| {
        for prefix in writers {
            let set = &set;
            scope.spawn(move || set(prefix));
        }
    });
    // Each has begun with what was there, so nobody can have dropped it.
    assert!(rules(&t).contains(&"lab/ -> eu-west-1".to_owned()), "{:?}", rules(&t));
    // Who came between the reading and the writing of another may have been overwritten; the next run repairs it.
    for prefix in writers {
        set(prefix);
    }
    let all = rules(&t).join(" ");
    assert!(writers.iter().all(|prefix| all.contains(prefix)) && all.contains("lab/"), "{all}");
}

#[test]
fn wrong_arguments() {
    let t = Context::with_ecr(&[]);
    let refused = |arguments: &[&str]| {
        let ended = replication(&t, arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended}");
        assert_eq!(count(&t, "PutReplicationConfiguration"), 0);
        ended.stderr
    };
    insta::assert_snapshot!(refused(&["set", "--to", "europe"]), @r"error: --to: `europe`: `europe` is not the name of a region, such as eu-west-1; write REGION or REGION@ACCOUNT");
    insta::assert_snapshot!(refused(&["set", "--to", "eu-west-1@12"]), @r"error: --to: `eu-west-1@12`: `12` is not an account id: it has 12 digits");
    insta::assert_snapshot!(refused(&["set", "--to", "eu-west-1", "--prefix", "shop/*"]), @r"
    error: --prefix: `shop/*` has a `*`, and a prefix is no pattern
    hint: leave it out: `shop/` means all that begins so
    ");
    insta::assert_snapshot!(refused(&["set", "--to", "eu-west-1", "--prefix", "Shop"]), @r"error: --prefix: `Shop` is not a valid repository name: character 1 is 'S'; a repository name is made of a-z and 0-9, with single `.`, `_`, `__`, `-` or `/` between them");
    insta::assert_snapshot!(refused(&["set", "--to", "us-east-1"]), @r"
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: these are no rules for replication: rule 1 sends to us-east-1@123456789012, which is this very registry
    hint: `consign replication show` prints the rules that are there; --help has examples
    ");
    insta::assert_snapshot!(refused(&["set", "--file", "absent.json"]), @r"error: --file: failed to open file `absent.json`: No such file or directory (os error 2)");
    insta::assert_snapshot!(refused(&["status", "shop/api"]), @r"
    error: IMAGE: `shop/api` is a repository, and this is about an image in it
    hint: name one by its tag or digest: `shop/api:TAG` or `shop/api@sha256:…`
    ");
    insta::assert_snapshot!(refused(&["status", "public.ecr.aws/a1b2/api:1"]), @r"
    error: `public.ecr.aws/a1b2/api:1` is in ECR Public, which has no replication
    hint: private repositories have them: leave out the host, or write ACCOUNT.dkr.ecr.REGION.amazonaws.com
    ");
    assert!(refused(&["set"]).contains("--to"));
    assert!(refused(&["set", "--to", "eu-west-1", "--remove", "--replace"]).contains("cannot be used with"));
    let many: Vec<String> = (1..=26).map(|n| format!("eu-west-{n}")).collect();
    assert!(refused(&["set", "--to", &many.join(",")]).contains("26 destinations"));
}

#[test]
fn denied_and_throttled() {
    let t = with_permissions(&["ecr:DescribeImages"]);
    let role = ["--role-to-assume", ROLE];
    insta::assert_snapshot!(t.consign(["replication", "show"].iter().chain(&role)).output(), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/ci
    error: DescribeRegistry on [HOST] was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:DescribeRegistry on resource: * because no identity-based policy allows the ecr:DescribeRegistry action (request id [UUID])
    hint: the role needs the permission `ecr:DescribeRegistry` on `*`
    ");
    let t = Context::with_ecr(&["throttle:PutReplicationConfiguration,times=2"]);
    t.consign(["replication", "set", "--to", "eu-west-1"]).succeeds();
    let t = Context::with_ecr(&["throttle:PutReplicationConfiguration,times=always"]);
    let ended = t.consign(["replication", "set", "--to", "eu-west-1", "--retry-max-attempts", "2"]).output();
    assert!(ended.code == Some(5) && ended.stderr.contains("PutReplicationConfiguration"), "{ended}");
    // More rules than ECR has: that is for ECR to say, as its documents do not agree.
    let t = Context::with_ecr(&[]);
    for n in 1..=10 {
        t.consign(["replication", "set", "--prefix", &format!("p{n}"), "--to", &format!("eu-west-{n}")])
            .succeeds();
    }
    insta::assert_snapshot!(replication(&t, &["set", "--prefix", "x1", "--to", "eu-west-11"]), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    + x1* -> eu-west-11@123456789012
    error: PutReplicationConfiguration on [HOST] was refused: InvalidParameterException: Invalid parameter at 'replicationConfiguration.rules' failed to satisfy constraint: 'Member must have length less than or equal to 10' (request id [UUID])
    ");
}

/// An emulator where a copy takes so long, and that copies `shop/` to eu-west-1.
fn copying(delay: Duration) -> Context {
    let t = Context::with_settings(Settings { replication_delay: delay, ..Settings::default() });
    t.app();
    t.consign(["replication", "set", "--prefix", "shop/", "--to", "eu-west-1"]).succeeds();
    t
}

#[test]
fn a_build_that_waits() {
    let t = copying(Duration::from_millis(600));
    let wait = ["shop/api:1", "--wait-replication", "eu-west-1", "--digest-file", "digest"];
    let ended = t.consign(PUSH.iter().chain(&wait)).output();
    insta::assert_snapshot!(ended.in_order(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    layer context: sent, 188 B sha256:[SHORT]
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    waiting until [HOST]/shop/api@sha256:[DIGEST] is in eu-west-1
    shop/api has arrived in eu-west-1
    ");
    assert!(t.path("digest").exists());
    assert!(count(&t, "DescribeImageReplicationStatus") >= 2);
    // It is there, and can be pulled.
    let there = format!("{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1");
    t.consign(["inspect", &there]).without("AWS_REGION").succeeds();
    insta::assert_snapshot!(replication(&t, &["status", "shop/api:1"]), @r"
    exit: 0
    ----- stdout -----
    IMAGE  DIGEST               REGION     ACCOUNT       STATUS
    image  sha256:[SHORT]  eu-west-1  123456789012  complete
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    // Again: nothing is pushed, and it is there.
    t.consign(PUSH.iter().chain(&wait)).succeeds();
}

#[test]
fn an_index_is_there_with_its_images() {
    let t = copying(Duration::from_millis(300));
    let wait = ["shop/api:1", "--platform", "linux/amd64,linux/arm64", "--wait-replication", "eu-west-1"];
    let index = digest(&t.consign(PUSH.iter().chain(&wait)).succeeds());
    insta::assert_snapshot!(replication(&t, &["status", "shop/api:1", "--wait"]), @r"
    exit: 0
    ----- stdout -----
    IMAGE        DIGEST               REGION     ACCOUNT       STATUS
    index        sha256:[SHORT]  eu-west-1  123456789012  complete
    linux/amd64  sha256:[SHORT]  eu-west-1  123456789012  complete
    linux/arm64  sha256:[SHORT]  eu-west-1  123456789012  complete
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    shop/api has arrived in eu-west-1@123456789012
    ");
    let json = json_of(&t, &["status", &format!("shop/api@{index}")]);
    assert_eq!(json["images"].as_array().unwrap().len(), 3);
    assert_eq!(
        json["images"][1]["replicationStatuses"],
        json!([{ "region": "eu-west-1", "registryId": ACCOUNT, "status": "COMPLETE" }])
    );
}

#[test]
fn it_does_not_wait_for_ever() {
    let t = copying(Duration::from_hours(1));
    let wait = [
        "shop/api:1",
        "--wait-replication",
        "eu-west-1",
        "--replication-timeout",
        "1s",
        "--digest-file",
        "digest",
    ];
    let ended = t.consign(PUSH.iter().chain(&wait)).output();
    let told: Vec<_> = ended.stderr.lines().skip_while(|line| !line.starts_with("waiting")).collect();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(5), ""), "{ended}");
    insta::assert_snapshot!(crate::support::redacted(&told.join("\n"), &t.path("")), @r"
    waiting until [HOST]/shop/api@sha256:[DIGEST] is in eu-west-1
    error: `shop/api@sha256:[DIGEST]` is not in eu-west-1 after 1 s: it is in progress
    hint: the image itself is pushed; `consign replication status IMAGE --wait` goes on waiting, and --replication-timeout waits longer. Most images take less than half an hour
    ");
    assert!(!t.path("digest").exists(), "results are written after the image has arrived, and not before");
    insta::assert_snapshot!(replication(&t, &["status", "shop/api:1"]), @r"
    exit: 0
    ----- stdout -----
    IMAGE  DIGEST               REGION     ACCOUNT       STATUS
    image  sha256:[SHORT]  eu-west-1  123456789012  in progress
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    let ended = replication(&t, &["status", "shop/api:1", "--wait", "--timeout", "100ms"]);
    assert_eq!(ended.code, Some(5), "{ended}");
}

#[test]
fn a_copy_that_fails() {
    let t = Context::with_ecr(&[]);
    t.app();
    // The other account has no policy that lets anybody in.
    let other = format!("eu-west-1@{OTHER}");
    t.consign(["replication", "set", "--to", &other]).succeeds();
    let wait = ["shop/api:1", "--wait-replication", "eu-west-1"];
    let ended = t.consign(PUSH.iter().chain(&wait)).output();
    let told: Vec<_> = ended.stderr.lines().skip_while(|line| !line.starts_with("waiting")).collect();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{ended}");
    insta::assert_snapshot!(crate::support::redacted(&told.join("\n"), &t.path("")), @r"
    waiting until [HOST]/shop/api@sha256:[DIGEST] is in eu-west-1
    error: `shop/api@sha256:[DIGEST]` was not replicated to eu-west-1@210987654321: AccessDenied
    hint: the registry 210987654321 in eu-west-1 needs a policy that lets this account do ecr:ReplicateImage and ecr:CreateRepository; the image itself is pushed
    ");
    insta::assert_snapshot!(replication(&t, &["status", "shop/api:1"]), @r"
    exit: 0
    ----- stdout -----
    IMAGE  DIGEST               REGION     ACCOUNT       STATUS
    image  sha256:[SHORT]  eu-west-1  210987654321  failed: AccessDenied
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
}

#[test]
fn waiting_in_vain_is_known_before_the_build() {
    let t = Context::with_ecr(&[]);
    t.app();
    let refused = |arguments: &[&str]| {
        let ended = t.consign(PUSH.iter().chain(arguments)).output();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended}");
        assert!(!ended.stderr.contains("reading app"), "{ended}");
        assert_eq!(count(&t, "PutImage") + count(&t, "CreateRepository"), 0);
        ended.stderr
    };
    insta::assert_snapshot!(refused(&["shop/api:1", "--wait-replication", "eu-west-1"]), @r"
    error: no rule replicates `shop/api` to eu-west-1
    hint: `consign replication set --to eu-west-1 --prefix shop/api` makes one; then what is pushed is replicated
    ");
    t.consign(["replication", "set", "--prefix", "lab/", "--to", "eu-west-1"]).succeeds();
    assert!(
        refused(&["shop/api:1", "--wait-replication", "eu-west-1"]).contains("no rule replicates `shop/api`")
    );
    t.consign(["replication", "set", "--prefix", "shop/", "--to", "eu-west-1"]).succeeds();
    let other = format!("eu-west-1@{OTHER}");
    assert!(refused(&["shop/api:1", "--wait-replication", &other]).contains(&other));
    insta::assert_snapshot!(refused(&["shop/api:1", "--wait-replication", "us-east-1"]), @r"
    error: us-east-1 is the registry that is pushed to
    hint: leave it out: when the push has ended, the image is there
    ");
    insta::assert_snapshot!(refused(&["ghcr.io/shop/api:1", "--wait-replication", "eu-west-1"]), @r"
    error: --wait-replication: `ghcr.io/shop/api:1` is not in a private registry of ECR, and nothing else replicates
    hint: push to it with a command of its own
    ");
    assert!(refused(&["shop/api:1", "--wait-replication", "europe"]).contains("--wait-replication"));
    let said = t.consign(["build", "app", "--wait-replication", "eu-west-1"]).fails(2);
    assert!(said.contains("add `--push`"), "{said}");
}

#[test]
fn who_may_not_read_the_rules_waits_nevertheless() {
    let t = with_permissions(&[
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:CompleteLayerUpload",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
        "ecr:DescribeImageReplicationStatus",
    ]);
    t.app();
    t.consign(["replication", "set", "--to", "eu-west-1"]).succeeds();
    t.consign(PUSH.iter().chain(&["shop/api:0"])).succeeds();
    t.file("app/new", "x");
    let push = [
        "build",
        "app",
        "--push",
        "--tag",
        "shop/api:1",
        "--wait-replication",
        "eu-west-1",
        "--role-to-assume",
        ROLE,
    ];
    let ended = t.consign(push).output();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.contains("the rules of replication may not be read"), "{ended}");
}

#[test]
fn what_was_there_before_the_rule_stays_where_it_is() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.consign(PUSH.iter().chain(&["shop/api:1"])).succeeds();
    // Rules that others have written too.
    let to = ReplicationDestination::builder().region("eu-west-1").registry_id(ACCOUNT).build().unwrap();
    let rule = ReplicationRule::builder().destinations(to).build().unwrap();
    let rules = ReplicationConfiguration::builder().rules(rule).build().unwrap();
    let ecr = client(&t, false);
    block_on(ecr.put_replication_configuration().replication_configuration(rules).send()).unwrap();
    insta::assert_snapshot!(replication(&t, &["status", "shop/api:1"]), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    shop/api:1 is not replicated: no rule was for its repository when it was pushed
    ");
    insta::assert_snapshot!(replication(&t, &["status", "shop/api:1", "--wait"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `shop/api:1` is on its way to nowhere
    hint: no rule was for its repository when it was pushed: `consign replication show` prints the rules, and `--to REGION` waits in any case
    ");
    insta::assert_snapshot!(replication(&t, &["status", "shop/api:2"]), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `shop/api:2` is not in the repository [HOST]/shop/api
    hint: `consign image list REPOSITORY` shows what is there
    ");
}

#[test]
fn the_input_of_the_action() {
    let t = copying(Duration::from_millis(100));
    let inputs = json!({
        "context": "app", "push": "true", "tags": "shop/api:1", "create-repository": "true",
        "wait-replication": "eu-west-1", "replication-timeout": "5m",
    });
    let run = t.consign(["github-action"]).env("CONSIGN_ACTION_INPUTS", inputs.to_string());
    let ended = run.env("GITHUB_OUTPUT", t.path("output")).output();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.contains("has arrived in eu-west-1"), "{ended}");
    assert!(fs_err::read_to_string(t.path("output")).unwrap().contains("digest=sha256:"));
}
