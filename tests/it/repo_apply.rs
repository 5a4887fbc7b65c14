//! `consign repo apply`: a repository as a consign.yaml says.

use crate::iam::{ROLE, with_permissions};
use crate::repo::{json, lifecycle, on_a_terminal, policy, public, said, since};
use crate::support::{Context, redacted};
use serde_json::Value;

const APPLY: [&str; 2] = ["repo", "apply"];

/// Writes a consign.yaml whose `repository` is `settings`, a mapping in braces.
fn wanted(t: &Context, settings: &str) {
    t.file("consign.yaml", format!("apiVersion: consign/v1\nrepository: {settings}\n"));
}

/// All that a private repository can be.
const ALL: &str = "
  name: shop/api
  tagMutability: IMMUTABLE_WITH_EXCLUSION
  tagMutabilityExclusions: [latest]
  scanOnPush: true
  encryption: { type: KMS, key: alias/ecr }
  lifecycle: lifecycle.json
  policy:
    Version: 2012-10-17
    Statement:
      Sid: Pull
      Effect: Allow
      Principal: { AWS: 210987654321 }
      Action: ecr:BatchGetImage
  tags: { team: shop, cost: 1 }
";

/// What was asked for since `before` that changes something.
fn changes(t: &Context, before: usize) -> String {
    let reads = ["Describe", "Get", "List"];
    let lines = since(t, before);
    lines
        .lines()
        .filter(|line| !reads.iter().any(|read| line.starts_with(read)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// What was asked for since `before`, sorted: what does not depend on each other is asked at a time.
fn reads(t: &Context, before: usize) -> Vec<String> {
    let mut all: Vec<String> = since(t, before).lines().map(str::to_owned).collect();
    all.sort();
    all
}

#[test]
fn from_nothing_and_then_nothing_more() {
    let t = Context::with_ecr(&[]);
    lifecycle(&t);
    wanted(&t, ALL);
    insta::assert_snapshot!(t.consign(["repo", "apply", "--dry-run"]).output(), @r"
    exit: 6
    ----- stdout -----
    planned    + repository: tagMutability IMMUTABLE_WITH_EXCLUSION (latest), scanOnPush true, encryption KMS with the key alias/ecr, tags cost=1, team=shop
    planned    + lifecycle: 1 rule
    planned    + policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `[HOST]/shop/api` is not as consign.yaml says: 3 changes would be made
    hint: the same command without `--dry-run` makes them
    ");
    assert_eq!(changes(&t, 0), "");
    let before = t.ecr().requests().len();
    insta::assert_snapshot!(t.consign(APPLY).output(), @r"
    exit: 0
    ----- stdout -----
    done       + repository: tagMutability IMMUTABLE_WITH_EXCLUSION (latest), scanOnPush true, encryption KMS with the key alias/ecr, tags cost=1, team=shop
    done       + lifecycle: 1 rule
    done       + policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: + repository: tagMutability IMMUTABLE_WITH_EXCLUSION (latest), scanOnPush true, encryption KMS with the key alias/ecr, tags cost=1, team=shop
    [HOST]/shop/api: + lifecycle: 1 rule
    [HOST]/shop/api: + policy: 1 statement
    ");
    insta::assert_snapshot!(since(&t, before), @r"
    DescribeRepositories
    CreateRepository
    PutLifecyclePolicy
    SetRepositoryPolicy
    ");

    let before = t.ecr().requests().len();
    insta::assert_snapshot!(t.consign(APPLY).output(), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api is as consign.yaml says
    ");
    assert_eq!(
        reads(&t, before),
        ["DescribeRepositories", "GetLifecyclePolicy", "GetRepositoryPolicy", "ListTagsForResource"]
    );
    insta::assert_snapshot!(t.consign(["repo", "apply", "--dry-run", "--format", "json"]).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": "[HOST]/shop/api",
      "changes": [],
      "doubts": [],
      "error": null
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api is as consign.yaml says
    "#);
    assert_eq!(changes(&t, before), "", "twice changes nothing");
}

#[test]
fn only_what_is_not_so() {
    let t = Context::with_ecr(&[]);
    lifecycle(&t);
    t.consign([
        "repo",
        "create",
        "shop/api",
        "--encryption",
        "KMS",
        "--kms-key",
        "alias/ecr",
        "--resource-tag",
        "cost=2",
    ])
    .succeeds();
    t.file("old.json", policy("ecr:PutImage"));
    t.consign(["repo", "policy", "set", "shop/api", "old.json"]).succeeds();
    wanted(&t, ALL);
    let before = t.ecr().requests().len();
    insta::assert_snapshot!(t.consign(["repo", "apply", "--format", "json"]).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": "[HOST]/shop/api",
      "changes": [
        {
          "setting": "tagMutability",
          "action": "change",
          "from": {
            "tagMutability": "MUTABLE",
            "tagMutabilityExclusions": []
          },
          "to": {
            "tagMutability": "IMMUTABLE_WITH_EXCLUSION",
            "tagMutabilityExclusions": [
              "latest"
            ]
          },
          "state": "done"
        },
        {
          "setting": "scanOnPush",
          "action": "change",
          "from": false,
          "to": true,
          "state": "done"
        },
        {
          "setting": "lifecycle",
          "action": "add",
          "from": null,
          "to": {
            "rules": [
              {
                "rulePriority": 1,
                "selection": {
                  "tagStatus": "any",
                  "countType": "imageCountMoreThan",
                  "countNumber": 10
                },
                "action": {
                  "type": "expire"
                }
              }
            ]
          },
          "state": "done"
        },
        {
          "setting": "tags",
          "action": "change",
          "from": {
            "cost": "2"
          },
          "to": {
            "cost": "1",
            "team": "shop"
          },
          "state": "done"
        },
        {
          "setting": "policy",
          "action": "change",
          "from": {
            "Version": "2012-10-17",
            "Statement": [
              {
                "Sid": "Pull",
                "Effect": "Allow",
                "Principal": {
                  "AWS": "arn:aws:iam::210987654321:root"
                },
                "Action": "ecr:PutImage"
              }
            ]
          },
          "to": {
            "Version": "2012-10-17",
            "Statement": {
              "Sid": "Pull",
              "Effect": "Allow",
              "Principal": {
                "AWS": "210987654321"
              },
              "Action": "ecr:BatchGetImage"
            }
          },
          "state": "done"
        }
      ],
      "doubts": [],
      "error": null
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: ~ tagMutability: MUTABLE → IMMUTABLE_WITH_EXCLUSION (latest)
    [HOST]/shop/api: ~ scanOnPush: false → true
    [HOST]/shop/api: + lifecycle: 1 rule
    [HOST]/shop/api: ~ tags: cost=2 → 1, team=shop
    [HOST]/shop/api: ~ policy: 1 statement, not the same
    "#);
    assert_eq!(
        changes(&t, before),
        "PutImageTagMutability PutImageScanningConfiguration PutLifecyclePolicy TagResource SetRepositoryPolicy"
    );
    // What is left out stays, whatever it is.
    wanted(&t, "{ name: shop/api, scanOnPush: true }");
    let before = t.ecr().requests().len();
    t.consign(["repo", "apply", "--dry-run"]).succeeds();
    assert_eq!(since(&t, before), "DescribeRepositories\n", "and is not even read");
    // The argument comes before the file.
    insta::assert_snapshot!(t.consign(["repo", "apply", "shop/web", "--dry-run"]).output(), @r"
    exit: 6
    ----- stdout -----
    planned    + repository: scanOnPush true
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `[HOST]/shop/web` is not as consign.yaml says: 1 change would be made
    hint: the same command without `--dry-run` makes them
    ");
}

#[test]
fn removing() {
    let t = Context::with_ecr(&[]);
    lifecycle(&t);
    wanted(&t, ALL);
    t.consign(APPLY).succeeds();
    wanted(&t, "{ name: shop/api, lifecycle: none, policy: none, tags: { team: shop } }");
    let before = t.ecr().requests().len();
    insta::assert_snapshot!(t.consign(["repo", "apply", "--prune-tags"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
      - lifecycle: 1 rule
      - tags: cost=1
      - policy: 1 statement
    error: Make 3 changes to `[HOST]/shop/api`, with which something is removed? There is no terminal to ask on, and nothing was done
    hint: `--yes` makes them without being asked
    ");
    assert_eq!(changes(&t, before), "");
    insta::assert_snapshot!(t.consign(["repo", "apply", "--prune-tags", "--yes"]).output(), @r"
    exit: 0
    ----- stdout -----
    done       - lifecycle: 1 rule
    done       - tags: cost=1
    done       - policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: - lifecycle: 1 rule
    [HOST]/shop/api: - tags: cost=1
    [HOST]/shop/api: - policy: 1 statement
    ");
    t.consign(["repo", "apply", "--prune-tags", "--dry-run"]).succeeds();
    insta::assert_snapshot!(said(&t.consign(["repo", "show", "shop/api"]).output()), @r"
    exit: 0
    ----- stdout -----
    name            shop/api
    uri             [HOST]/shop/api
    arn             arn:aws:ecr:us-east-1:123456789012:repository/shop/api
    created         [NOW]
    tag mutability  IMMUTABLE_WITH_EXCLUSION (latest)
    scan on push    yes
    encryption      KMS alias/ecr
    tags            team=shop
    policy          none
    lifecycle       none
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
}

#[test]
fn on_a_terminal_it_asks() {
    let t = Context::with_ecr(&[]);
    wanted(&t, "{ name: shop/api, tagMutability: IMMUTABLE }");
    let (code, text) = on_a_terminal(&t, "consign repo apply", "");
    insta::assert_snapshot!(text, @r"
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
      + repository: tagMutability IMMUTABLE
    Make 1 change to `[HOST]/shop/api`? [y/N] 
    error: nothing was done, as the answer was not yes
    ");
    assert_eq!((code, changes(&t, 0)), (Some(6), String::new()));
    let (code, text) = on_a_terminal(&t, "consign repo apply", "yes");
    insta::assert_snapshot!(text, @r"
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
      + repository: tagMutability IMMUTABLE
    Make 1 change to `[HOST]/shop/api`? [y/N] yes
    [HOST]/shop/api: + repository: tagMutability IMMUTABLE
    done       + repository: tagMutability IMMUTABLE
    ");
    assert_eq!((code, changes(&t, 0)), (Some(0), "CreateRepository".into()));
}

#[test]
fn another_encryption_can_not_be_had() {
    let t = Context::with_ecr(&[]);
    t.consign(["repo", "create", "shop/api"]).succeeds();
    wanted(&t, "{ name: shop/api, scanOnPush: true, encryption: { type: KMS } }");
    let before = t.ecr().requests().len();
    insta::assert_snapshot!(t.consign(APPLY).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `shop/api` is encrypted with AES256, and KMS is wanted: that can't be changed after a repository was made
    hint: nothing was changed: make `encryption` say what is there, or leave it out; or make a repository under another name, and bring the images there with `consign copy`
    ");
    assert_eq!(t.consign(["repo", "apply", "--dry-run"]).output().code, Some(4));
    assert_eq!(changes(&t, before), "");
    // Which key an alias is of, KMS alone knows.
    let arn = "arn:aws:kms:us-east-1:123456789012:key/1234abcd";
    t.consign(["repo", "create", "shop/kms", "--encryption", "KMS", "--kms-key", arn]).succeeds();
    wanted(&t, "{ name: shop/kms, encryption: { type: KMS, key: alias/ecr } }");
    insta::assert_snapshot!(t.consign(APPLY).output(), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    warning: whether `alias/ecr` is the key with which `shop/kms` is encrypted, arn:aws:kms:us-east-1:123456789012:key/1234abcd, can't be told without asking KMS; it is taken to be so
    [HOST]/shop/kms is as consign.yaml says
    ");
    wanted(&t, "{ name: shop/kms, encryption: { type: KMS, key: 1234abcd } }");
    t.consign(["repo", "apply", "--dry-run"]).succeeds();
    wanted(&t, "{ name: shop/kms, encryption: { type: KMS, key: 5678 } }");
    assert_eq!(t.consign(["repo", "apply", "--dry-run"]).output().code, Some(4));
}

#[test]
fn two_at_once_end_in_the_same_state() {
    for round in 0..4 {
        let t = Context::with_ecr(&[]);
        lifecycle(&t);
        wanted(&t, ALL);
        if round % 2 == 1 {
            t.consign(["repo", "create", "shop/api", "--encryption", "KMS", "--kms-key", "alias/ecr"])
                .succeeds();
        }
        let quiet = || std::process::Stdio::piped();
        let start = || t.consign(APPLY).command.stdout(quiet()).stderr(quiet()).spawn().unwrap();
        for child in [start(), start()] {
            let ended = child.wait_with_output().unwrap();
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        }
        let made = t.requests("CreateRepository").into_iter().filter(|one| one.status == Some(200)).count();
        assert_eq!(made, 1);
        t.consign(["repo", "apply", "--dry-run"]).succeeds();
        let shown = json(&t, &["repo", "show", "shop/api"]);
        assert_eq!(shown["repository"]["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
        assert_eq!(shown["tags"].as_array().unwrap().len(), 2);
    }
}

/// The repository is made by someone else between the look and the call.
#[test]
fn overtaken() {
    let code = "error:CreateRepository,code=RepositoryAlreadyExistsException,status=400,message=there";
    let t = Context::with_ecr(&[code]);
    wanted(&t, "{ name: shop/api, scanOnPush: true }");
    let before = t.ecr().requests().len();
    insta::assert_snapshot!(t.consign(APPLY).output(), @r"
    exit: 0
    ----- stdout -----
    done       + repository: scanOnPush true
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: + repository: scanOnPush true
    [HOST]/shop/api is there by now, made by someone else, or by an attempt whose answer was lost; looking at it anew
    [HOST]/shop/api: + repository: scanOnPush true
    ");
    insta::assert_snapshot!(since(&t, before), @r"
    DescribeRepositories
    CreateRepository
    DescribeRepositories
    CreateRepository
    ");
    let always = Context::with_ecr(&[&format!("{code},times=always")]);
    wanted(&always, "{ name: shop/api }");
    insta::assert_snapshot!(always.consign(APPLY).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: + repository
    [HOST]/shop/api is there by now, made by someone else, or by an attempt whose answer was lost; looking at it anew
    [HOST]/shop/api: + repository
    [HOST]/shop/api is there by now, made by someone else, or by an attempt whose answer was lost; looking at it anew
    [HOST]/shop/api: + repository
    [HOST]/shop/api is there by now, made by someone else, or by an attempt whose answer was lost; looking at it anew
    [HOST]/shop/api: + repository
    [HOST]/shop/api is there by now, made by someone else, or by an attempt whose answer was lost; looking at it anew
    [HOST]/shop/api: + repository
    [HOST]/shop/api is there by now, made by someone else, or by an attempt whose answer was lost; looking at it anew
    error: `[HOST]/shop/api` can't be made, as ECR says that it is there, and can't be found, 5 times
    hint: someone else may be making and deleting it: run the same command again
    ");
}

/// The answer to the call is lost: the second attempt finds what the first one has made.
#[test]
fn a_lost_answer() {
    let t = Context::with_ecr(&["lose-answer:CreateRepository"]);
    wanted(
        &t,
        "{ name: shop/api, tagMutability: IMMUTABLE, policy: { Statement: [{ Effect: Allow, Principal: '*', Action: ecr:BatchGetImage }] } }",
    );
    insta::assert_snapshot!(t.consign(APPLY).output(), @r"
    exit: 0
    ----- stdout -----
    done       + policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: + repository: tagMutability IMMUTABLE
    [HOST]/shop/api is there by now, made by someone else, or by an attempt whose answer was lost; looking at it anew
    [HOST]/shop/api: + policy: 1 statement
    ");
}

#[test]
fn a_repository_that_disappears() {
    let gone = "error:PutLifecyclePolicy,code=RepositoryNotFoundException,status=400,message=gone";
    let t = Context::with_ecr(&[gone]);
    lifecycle(&t);
    t.consign(["repo", "create", "shop/api", "--encryption", "KMS", "--kms-key", "alias/ecr"]).succeeds();
    wanted(&t, ALL);
    insta::assert_snapshot!(t.consign(APPLY).output(), @r"
    exit: 4
    ----- stdout -----
    done       ~ tagMutability: MUTABLE → IMMUTABLE_WITH_EXCLUSION (latest)
    done       ~ scanOnPush: false → true
    failed     + lifecycle: 1 rule
    not tried  + tags: cost=1, team=shop
    not tried  + policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: ~ tagMutability: MUTABLE → IMMUTABLE_WITH_EXCLUSION (latest)
    [HOST]/shop/api: ~ scanOnPush: false → true
    [HOST]/shop/api: + lifecycle: 1 rule
    error: the repository `shop/api` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/api`; if it exists, check the region and the account
    ");
}

#[test]
fn a_denial_in_the_middle() {
    let t = with_permissions(&[
        "ecr:Describe*",
        "ecr:Get*",
        "ecr:List*",
        "ecr:CreateRepository",
        "ecr:TagResource",
        "ecr:PutImage*",
    ]);
    lifecycle(&t);
    let run = |arguments: &[&str]| t.consign(arguments).env("CONSIGN_ROLE_TO_ASSUME", ROLE).output();
    t.consign(["repo", "create", "shop/api", "--encryption", "KMS", "--kms-key", "alias/ecr"]).succeeds();
    wanted(&t, ALL);
    let ended = run(&["repo", "apply", "--format", "json"]);
    insta::assert_snapshot!(redacted(&ended.stderr, &t.path("")), @r"
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/ci
    [HOST]/shop/api: ~ tagMutability: MUTABLE → IMMUTABLE_WITH_EXCLUSION (latest)
    [HOST]/shop/api: ~ scanOnPush: false → true
    [HOST]/shop/api: + lifecycle: 1 rule
    error: PutLifecyclePolicy on [HOST]/shop/api was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:PutLifecyclePolicy on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:PutLifecyclePolicy action (request id [UUID])
    hint: the role needs the permission `ecr:PutLifecyclePolicy` on the repository
    ");
    let result: Value = serde_json::from_str(&ended.stdout).unwrap();
    let states: Vec<_> = result["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            format!("{} {}", change["setting"].as_str().unwrap(), change["state"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        states,
        ["tagMutability done", "scanOnPush done", "lifecycle failed", "tags not tried", "policy not tried"]
    );
    assert_eq!(ended.code, Some(3));
    // What was done is not done again.
    let before = t.ecr().requests().len();
    assert_eq!(run(&APPLY).code, Some(3));
    assert_eq!(changes(&t, before), "PutLifecyclePolicy");
}

#[test]
fn what_is_wanted_and_may_not_be_read_stops_everything() {
    let t = with_permissions(&["ecr:DescribeRepositories", "ecr:CreateRepository", "ecr:Put*"]);
    t.consign(["repo", "create", "shop/api"]).succeeds();
    wanted(&t, "{ name: shop/api, scanOnPush: true, policy: none }");
    let before = t.ecr().requests().len();
    let ended = t.consign(APPLY).env("CONSIGN_ROLE_TO_ASSUME", ROLE).output();
    insta::assert_snapshot!(ended, @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/ci
    error: GetRepositoryPolicy on [HOST]/shop/api was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:GetRepositoryPolicy on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:GetRepositoryPolicy action (request id [UUID])
    hint: the role needs the permission `ecr:GetRepositoryPolicy` on the repository
    ");
    assert_eq!(changes(&t, before), "");
}

/// What docs/repositories.md names is enough for all that `apply` and `delete` do.
#[test]
fn the_permissions_that_the_page_names() {
    let read = ["DescribeRepositories", "GetLifecyclePolicy", "GetRepositoryPolicy", "ListTagsForResource"];
    let write = [
        "CreateRepository",
        "PutImageTagMutability",
        "PutImageScanningConfiguration",
        "PutLifecyclePolicy",
        "DeleteLifecyclePolicy",
        "TagResource",
        "UntagResource",
        "SetRepositoryPolicy",
        "DeleteRepositoryPolicy",
        "DescribeImages",
        "DeleteRepository",
    ];
    let actions = |names: &[&str]| names.iter().map(|name| format!("ecr:{name}")).collect::<Vec<_>>();
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/repositories.md")).unwrap();
    let all: Vec<String> = actions(&[&read[..], &write].concat());
    for action in &all {
        assert!(page.contains(&format!("`{action}`")), "{action}");
    }
    let run =
        |t: &Context, arguments: &[&str]| t.consign(arguments).env("CONSIGN_ROLE_TO_ASSUME", ROLE).output();

    let reading = actions(&read);
    let t = with_permissions(&reading.iter().map(String::as_str).collect::<Vec<_>>());
    lifecycle(&t);
    wanted(&t, ALL);
    assert_eq!(run(&t, &["repo", "apply", "--dry-run"]).code, Some(6));
    assert_eq!(run(&t, &APPLY).code, Some(3));

    let t = with_permissions(&all.iter().map(String::as_str).collect::<Vec<_>>());
    lifecycle(&t);
    wanted(&t, ALL);
    for settings in [
        ALL,
        "{ name: shop/api, tagMutability: MUTABLE, scanOnPush: false, tags: { a: b }, policy: none, lifecycle: none }",
        ALL,
    ] {
        wanted(&t, settings);
        let ended = run(&t, &["repo", "apply", "--prune-tags", "--yes"]);
        assert_eq!(ended.code, Some(0), "{ended}");
    }
    let ended = run(&t, &["repo", "delete", "shop/api", "--yes"]);
    assert_eq!(ended.code, Some(0), "{ended}");
}

#[test]
fn throttling() {
    let t = Context::with_ecr(&["throttle:PutImageTagMutability,times=2"]);
    t.consign(["repo", "create", "shop/api"]).succeeds();
    wanted(&t, "{ name: shop/api, tagMutability: IMMUTABLE }");
    t.consign(APPLY).succeeds();
    assert_eq!(t.requests("PutImageTagMutability").len(), 3);

    let t = Context::with_ecr(&["throttle:PutImageScanningConfiguration,times=always"]);
    t.consign(["repo", "create", "shop/api"]).succeeds();
    wanted(&t, "{ name: shop/api, tagMutability: IMMUTABLE, scanOnPush: true, tags: { a: b } }");
    insta::assert_snapshot!(t.consign(["repo", "apply", "--retry-max-attempts", "2"]).output(), @r"
    exit: 5
    ----- stdout -----
    done       ~ tagMutability: MUTABLE → IMMUTABLE
    failed     ~ scanOnPush: false → true
    not tried  + tags: a=b
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: ~ tagMutability: MUTABLE → IMMUTABLE
    [HOST]/shop/api: ~ scanOnPush: false → true
    error: PutImageScanningConfiguration on [HOST]/shop/api did not get through: ThrottlingException: Rate exceeded (request id [UUID])
    hint: check the network, and `AWS_ENDPOINT_URL_ECR` if it is set; then run the same command again: what is stored is not sent twice
    ");
}

#[test]
fn bad_input() {
    let t = Context::with_ecr(&[]);
    insta::assert_snapshot!(t.consign(APPLY).output().stderr, @r"
    error: the file `consign.yaml` does not exist
    hint: `-f PATH` names the consign.yaml whose `repository:` is meant
    ");
    t.file("consign.yaml", "apiVersion: consign/v1\nbase: node:22\n");
    insta::assert_snapshot!(t.consign(APPLY).output().stderr, @r"
    error: `consign.yaml` says nothing about a repository
    hint: write a `repository:` with what it shall be like, such as `repository: { tagMutability: IMMUTABLE }`
    ");
    t.file("Dockerfile", "FROM scratch\n");
    insta::assert_snapshot!(t.consign(["repo", "apply", "-f", "Dockerfile"]).output().stderr, @r"
    error: Dockerfile:1:1: `consign.yaml` must be a mapping, and this is a text
      |
    1 | FROM scratch
      | ^^^^^^^^^^^^
    ");
    wanted(&t, "{ scanOnPush: true }");
    insta::assert_snapshot!(t.consign(APPLY).output().stderr, @r"
    error: which repository? `consign.yaml` has no `repository.name`
    hint: name it: `consign repo apply REPOSITORY`, or `name: NAME` below `repository:`
    ");
    wanted(&t, "{ name: shop/api, tagMutabilty: IMMUTABLE, encryption: { type: SSE } }");
    insta::assert_snapshot!(t.consign(APPLY).output().stderr, @r"
    error: consign.yaml:2:31: unknown key `tagMutabilty` in `repository`
      |
    2 | repository: { name: shop/api, tagMutabilty: IMMUTABLE, encryption: { type: SSE } }
      |                               ^^^^^^^^^^^^
    hint: did you mean `tagMutability`?
    consign.yaml:2:76: `repository.encryption.type` can't be `SSE`
      |
    2 | repository: { name: shop/api, tagMutabilty: IMMUTABLE, encryption: { type: SSE } }
      |                                                                            ^^^
    hint: known are `AES256`, `KMS` and `KMS_DSSE`
    ");
    wanted(&t, "{ name: shop/api, lifecycle: none.json }");
    insta::assert_snapshot!(t.consign(APPLY).output().stderr, @r"error: failed to open file `none.json`: No such file or directory (os error 2)");
    t.file("broken.json", "{ \"Statement\": ");
    wanted(&t, "{ name: shop/api, policy: broken.json }");
    insta::assert_snapshot!(t.consign(APPLY).output().stderr, @r"error: broken.json:1:15: this is no JSON document: EOF while parsing a value");
    assert_eq!(t.operations(), [], "nothing of that is asked of anybody");
    wanted(&t, "{ name: shop/api, catalog: { description: A shop } }");
    insta::assert_snapshot!(t.consign(APPLY).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `[HOST]/shop/api` is in a private registry, which has no `catalog`
    hint: the gallery shows what is in ECR Public: public.ecr.aws/ALIAS/NAME
    ");
    wanted(&t, "{ name: public.ecr.aws/shop/api, scanOnPush: true, lifecycle: { rules: [] } }");
    assert_eq!(t.consign(APPLY).output().code, Some(3), "another account's alias");
}

/// What `repository` says is set by `--create-repository` as well, and is found to be so.
#[test]
fn a_push_that_makes_the_repository() {
    let t = Context::with_ecr(&[]);
    t.app();
    lifecycle(&t);
    wanted(&t, ALL);
    fs_err::copy(t.path("consign.yaml"), t.path("app/consign.yaml")).unwrap();
    fs_err::copy(t.path("lifecycle.json"), t.path("app/lifecycle.json")).unwrap();
    t.consign(["build", "app", "--create-repository", "--push", "--tag", "shop/api:1"]).succeeds();
    let ended = t.consign(["repo", "apply", "-f", "app/consign.yaml", "--dry-run"]).output();
    assert_eq!(ended.code, Some(0), "{ended}");
}

#[test]
fn a_catalog_on_ecr_public() {
    let t = Context::with_ecr(&[]);
    let alias = public(&t);
    t.file("logo.png", [137, b'P', b'N', b'G', 1, 2, 3]);
    t.file("ABOUT.md", "# Shop\n");
    let catalog = format!(
        "
  name: public.ecr.aws/{alias}/shop
  tags: {{ team: shop }}
  catalog:
    description: A shop
    aboutText: {{ file: ABOUT.md }}
    usageText: Pull it.
    operatingSystems: [Linux, Windows]
    architectures: [x86-64]
    logo: logo.png
"
    );
    let said = |arguments: &[&str]| said(&t.consign(arguments).output()).replace(&alias, "[ALIAS]");
    wanted(&t, &catalog);
    insta::assert_snapshot!(said(&APPLY), @r"
    exit: 0
    ----- stdout -----
    done       + repository: tags team=shop, catalog description aboutText usageText operatingSystems architectures logo
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    public.ecr.aws/[ALIAS]/shop: + repository: tags team=shop, catalog description aboutText usageText operatingSystems architectures logo
    ");
    let before = t.ecr().requests().len();
    insta::assert_snapshot!(said(&["repo", "apply", "--dry-run"]), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    public.ecr.aws/[ALIAS]/shop is as consign.yaml says
    ");
    assert_eq!(
        reads(&t, before),
        [
            "DescribeRegistries",
            "DescribeRepositories",
            "GET /layer/…",
            "GetRepositoryCatalogData",
            "ListTagsForResource"
        ]
    );
    let name = format!("public.ecr.aws/{alias}/shop");
    insta::assert_snapshot!(said(&["repo", "show", &name]), @r"
    exit: 0
    ----- stdout -----
    name            shop
    uri             [HOST]/[ALIAS]/shop
    arn             arn:aws:ecr-public::123456789012:repository/shop
    created         [NOW]
    tags            team=shop
    policy          none
    description     A shop
    systems         Linux, Windows
    architectures   x86-64
    about text      7 characters
    usage text      8 characters
    logo            yes
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    // What is left out stays, the logo too, which has to be sent again.
    wanted(
        &t,
        &format!(
            "{{ name: {name}, catalog: {{ description: The shop, operatingSystems: [Windows, Linux] }} }}"
        ),
    );
    insta::assert_snapshot!(said(&["repo", "apply", "--format", "json"]), @r##"
    exit: 0
    ----- stdout -----
    {
      "repository": "public.ecr.aws/[ALIAS]/shop",
      "changes": [
        {
          "setting": "catalog",
          "action": "change",
          "from": {
            "description": "A shop",
            "aboutText": "# Shop\n",
            "usageText": "Pull it.",
            "operatingSystems": [
              "Linux",
              "Windows"
            ],
            "architectures": [
              "x86-64"
            ],
            "logo": "sha256:[DIGEST]"
          },
          "to": {
            "description": "The shop",
            "aboutText": "# Shop\n",
            "usageText": "Pull it.",
            "operatingSystems": [
              "Linux",
              "Windows"
            ],
            "architectures": [
              "x86-64"
            ],
            "logo": "sha256:[DIGEST]"
          },
          "state": "done"
        }
      ],
      "doubts": [],
      "error": null
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    public.ecr.aws/[ALIAS]/shop: ~ catalog: description
    "##);
    wanted(&t, &catalog.replace("A shop", "The shop"));
    t.consign(["repo", "apply", "--dry-run"]).succeeds();
    t.file("logo.png", "another");
    insta::assert_snapshot!(said(&["repo", "apply", "--dry-run"]), @r"
    exit: 6
    ----- stdout -----
    planned    ~ catalog: logo
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `public.ecr.aws/[ALIAS]/shop` is not as consign.yaml says: 1 change would be made
    hint: the same command without `--dry-run` makes them
    ");
    wanted(&t, &format!("{{ name: {name}, scanOnPush: true, encryption: {{ type: KMS }} }}"));
    insta::assert_snapshot!(said(&APPLY), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: repositories on ECR Public have no such settings: scanOnPush, encryption
    hint: leave them out: private repositories have them
    ");
}
