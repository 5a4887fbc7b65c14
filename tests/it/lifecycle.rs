//! `consign lifecycle`: what it shows, sets, takes away and warns of, and what it asks of ECR for that.

use crate::iam::with_permissions;
use crate::lifecycle_judges::{Case, Seed, client, emulator, now};
use crate::support::{Context, Ended};
use serde_json::{Value, json};

const LIFECYCLE: &str = "lifecycle";

/// What a run looks like, without times of the day.
fn shown(ended: &Ended) -> String {
    let time = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    time.replace_all(&ended.to_string(), "[AT]").into_owned()
}

fn keep(tags: &Value, number: u64) -> Value {
    let mut selection = tags.clone();
    selection["countType"] = "imageCountMoreThan".into();
    selection["countNumber"] = number.into();
    json!({ "rulePriority": 1, "selection": selection, "action": { "type": "expire" } })
}

fn policy(number: u64) -> String {
    format!("{:#}", json!({ "rules": [keep(&json!({ "tagStatus": "any" }), number)] }))
}

/// The repository `shop/api`: releases, one of them an index with a signature, and images that lost their tags.
fn shop() -> Case {
    let seeds = vec![
        Seed::plain(&["1.0"], 90),
        Seed::plain(&[], 60),
        Seed::plain(&[], 60),
        Seed { children: vec![1, 2], ..Seed::plain(&["1.1"], 60) },
        Seed { subject: Some(3), ..Seed::plain(&[], 60) },
        Seed::plain(&[], 40),
        Seed::plain(&["1.2", "prod"], 30),
        Seed::plain(&["1.3"], 1),
    ];
    Case::new("shop/api".into(), &json!({}), seeds)
}

/// An emulator with that repository; the rest has to live as long.
fn with_shop() -> (tempfile::TempDir, Context, Case) {
    let case = shop();
    let at = now();
    let (state, t) = emulator(std::slice::from_ref(&case), at);
    t.file("images.json", case.listing(at));
    (state, t, case)
}

/// What ECR holds, as another client reads it.
fn stored(t: &Context) -> Option<String> {
    let client = client(t);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(client.get_lifecycle_policy().repository_name("shop/api").send());
    answer.ok().map(|answer| answer.lifecycle_policy_text().unwrap().to_owned())
}

fn asked(t: &Context, operation: &str) -> usize {
    t.requests(operation).len()
}

#[test]
fn set_show_and_delete() {
    let (_state, t, case) = with_shop();
    t.file("policy.json", policy(5));
    insta::assert_snapshot!(t.consign([LIFECYCLE, "show", "shop/api"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: [HOST]/shop/api has no lifecycle policy
    hint: `consign lifecycle set` gives it one: from a file, or with `--keep-last N`
    ");
    let set = [LIFECYCLE, "set", "shop/api", "--file", "policy.json", "--yes"];
    insta::assert_snapshot!(t.consign(set).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api has a lifecycle policy of 1 rule; ECR acts on it within a day
    ");
    assert_eq!(stored(&t).unwrap(), policy(5), "the text is the file's, byte for byte");
    assert_eq!(asked(&t, "StartLifecyclePolicyPreview"), 0, "nobody wanted to see it");
    // The same again, in other words.
    t.file("policy.json", policy(5).replace('\n', " "));
    insta::assert_snapshot!(t.consign(set).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api has this lifecycle policy already
    ");
    assert_eq!(asked(&t, "PutLifecyclePolicy"), 1);
    insta::assert_snapshot!(t.consign([LIFECYCLE, "show", "shop/api"]).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "rules": [
        {
          "rulePriority": 1,
          "selection": {
            "tagStatus": "any",
            "countType": "imageCountMoreThan",
            "countNumber": 5
          },
          "action": {
            "type": "expire"
          }
        }
      ]
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ECR has not acted on it yet
    "#);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(t.ecr().apply_lifecycle()).unwrap();
    insta::assert_snapshot!(shown(&t.consign([LIFECYCLE, "show", "shop/api", "--format", "json"]).output()), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": "[HOST]/shop/api",
      "policy": {
        "rules": [
          {
            "rulePriority": 1,
            "selection": {
              "tagStatus": "any",
              "countType": "imageCountMoreThan",
              "countNumber": 5
            },
            "action": {
              "type": "expire"
            }
          }
        ]
      },
      "lastEvaluatedAt": "[AT]"
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ECR last acted on it at [AT]
    "#);
    // Seven count, five stay; of the two that are too many, the older one goes, as the other one is listed.
    let left: Vec<_> =
        t.ecr().registry()["shop/api"].images.iter().map(|image| image.digest.to_string()).collect();
    assert!(left.len() == 7 && !left.contains(&case.digests[0]), "{left:?}");

    insta::assert_snapshot!(t.consign([LIFECYCLE, "delete", "shop/api"]).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "rules": [
        {
          "rulePriority": 1,
          "selection": {
            "tagStatus": "any",
            "countType": "imageCountMoreThan",
            "countNumber": 5
          },
          "action": {
            "type": "expire"
          }
        }
      ]
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api has no lifecycle policy any more; it was the one that is printed
    "#);
    assert_eq!(stored(&t), None);
    insta::assert_snapshot!(t.consign([LIFECYCLE, "delete", "shop/api", "--format", "json"]).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": "[HOST]/shop/api",
      "deleted": false,
      "policy": null
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api has no lifecycle policy, and had none
    "#);
    t.file("policy.json", policy(5));
    t.consign(set).succeeds();
    insta::assert_snapshot!(t.consign([LIFECYCLE, "delete", "shop/api", "--format", "json"]).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": "[HOST]/shop/api",
      "deleted": true,
      "policy": {
        "rules": [
          {
            "rulePriority": 1,
            "selection": {
              "tagStatus": "any",
              "countType": "imageCountMoreThan",
              "countNumber": 5
            },
            "action": {
              "type": "expire"
            }
          }
        ]
      }
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api has no lifecycle policy any more; it was the one that is printed
    "#);
}

#[test]
fn nothing_is_set_without_a_look_at_it() {
    let (_state, t, _) = with_shop();
    let set = [LIFECYCLE, "set", "shop/api", "--keep-last", "3"];
    insta::assert_snapshot!(shown(&t.consign(set).output()), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ECR previews the lifecycle policy of [HOST]/shop/api
    warning: --keep-last:9:24: IndexChildren: of 7 images that the rule counts, 2 are listed by indexes: one for each platform
      |
    9 |         "countNumber": 3
      |                        ^
    hint: fewer releases stay than the number says; `--keep-last N --expire-untagged DAYS` makes a policy that counts images with a tag alone
    RULE  ACTION  PUSHED                  SIZE  TAGS  DIGEST
       1  expire  [AT]  1.0 kB  1.0   sha256:[DIGEST]
       1  expire  [AT]       -  1.1   sha256:[DIGEST]

    2 of 8 images would expire: 1.0 kB at most, as layers that they share with others stay
    1 artifact refers to these, and goes within a day after them
    2 images are listed by these indexes alone: the policy is free to act on what they list after that
    error: Set this lifecycle policy for [HOST]/shop/api? There is no terminal to ask on, and nothing was done
    hint: pass `--yes` to set it without being asked
    "#);
    assert_eq!(asked(&t, "PutLifecyclePolicy"), 0);
    // On a terminal, the answer decides.
    let binary = env!("CARGO_BIN_EXE_consign");
    let on_terminal = |answer: &str, more: &str| {
        let line = format!(
            "printf '{answer}\\n' | script -qec '{binary} lifecycle set shop/api --keep-last 3 {more}' /dev/null"
        );
        t.shell(&line).output()
    };
    let refused = on_terminal("n", "");
    assert!(refused.code == Some(6) && refused.stdout.contains("would expire"), "{refused}");
    assert!(
        refused.stdout.contains("Set this lifecycle policy for") && refused.stdout.contains("[y/N]"),
        "{refused}"
    );
    assert_eq!(asked(&t, "PutLifecyclePolicy"), 0);
    // Even if nothing else is to be shown.
    let accepted = on_terminal("y", "--quiet");
    assert!(accepted.code == Some(0) && accepted.stdout.contains("would expire"), "{accepted}");
    assert!(stored(&t).unwrap().contains("Keep the 3 newest images"));
    let replaced = on_terminal("y", "--expire-untagged 14");
    assert!(
        replaced.code == Some(0) && replaced.stdout.contains("in place of the present one"),
        "{replaced}"
    );
    assert!(stored(&t).unwrap().contains("images with a tag"));
}

#[test]
fn what_is_deployed_stays() {
    let (_state, t, case) = with_shop();
    let set = [LIFECYCLE, "set", "shop/api", "--keep-last", "1", "--yes", "--deployed", "shop/api:prod"];
    insta::assert_snapshot!(shown(&t.consign(set).output()), @r#"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ECR previews the lifecycle policy of [HOST]/shop/api
    warning: --keep-last:9:24: IndexChildren: of 7 images that the rule counts, 2 are listed by indexes: one for each platform
      |
    9 |         "countNumber": 1
      |                        ^
    hint: fewer releases stay than the number says; `--keep-last N --expire-untagged DAYS` makes a policy that counts images with a tag alone
    RULE  ACTION  PUSHED                  SIZE  TAGS       DIGEST
       1  expire  [AT]  1.0 kB  1.0        sha256:[DIGEST]
       1  expire  [AT]       -  1.1        sha256:[DIGEST]
       1  expire  [AT]  1.0 kB  -          sha256:[DIGEST]
       1  expire  [AT]  1.0 kB  1.2, prod  sha256:[DIGEST]

    4 of 8 images would expire: 3.0 kB at most, as layers that they share with others stay
    1 artifact refers to these, and goes within a day after them
    2 images are listed by these indexes alone: the policy is free to act on what they list after that
    error: the policy acts on what is deployed:
      rule 1 would expire `shop/api:prod`
    hint: give what is deployed a tag of its own, and put a rule for that tag, which keeps it, before the others
    "#);
    assert_eq!(stored(&t), None);
    // A digest that an index lists is protected by the index.
    let deployed = format!("{},other/one:1\nshop/api:nowhere", case.digests[1]);
    let run = t
        .consign([LIFECYCLE, "set", "shop/api", "--keep-last", "1", "--yes"])
        .env("CONSIGN_DEPLOYED", deployed.replace(',', "\n"));
    let ended = run.output();
    assert_eq!(ended.code, Some(6), "{ended}");
    assert!(ended.stderr.contains(&format!("rule 1 would expire `{}`", case.digests[1])), "{ended}");
    assert!(ended.stderr.contains("`shop/api:nowhere` is deployed, and not in the repository"), "{ended}");
    assert!(!ended.stderr.contains("other/one"), "{ended}");
    t.consign([LIFECYCLE, "set", "shop/api", "--keep-last", "7", "--yes", "--deployed", "prod"]).succeeds();
}

#[test]
fn previews() {
    let (_state, t, _) = with_shop();
    let preview = [LIFECYCLE, "preview", "shop/api"];
    insta::assert_snapshot!(shown(&t.consign(preview).output()), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: [HOST]/shop/api has no lifecycle policy
    hint: `consign lifecycle set` gives it one: from a file, or with `--keep-last N`
    ");
    let keep = ["--keep-last", "1"];
    insta::assert_snapshot!(shown(&t.consign(preview.iter().chain(&keep)).output()), @r#"
    exit: 0
    ----- stdout -----
    RULE  ACTION  PUSHED                  SIZE  TAGS       DIGEST
       1  expire  [AT]  1.0 kB  1.0        sha256:[DIGEST]
       1  expire  [AT]       -  1.1        sha256:[DIGEST]
       1  expire  [AT]  1.0 kB  -          sha256:[DIGEST]
       1  expire  [AT]  1.0 kB  1.2, prod  sha256:[DIGEST]

    4 of 8 images would expire: 3.0 kB at most, as layers that they share with others stay
    1 artifact refers to these, and goes within a day after them
    2 images are listed by these indexes alone: the policy is free to act on what they list after that
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ECR previews the lifecycle policy of [HOST]/shop/api
    warning: --keep-last:9:24: IndexChildren: of 7 images that the rule counts, 2 are listed by indexes: one for each platform
      |
    9 |         "countNumber": 1
      |                        ^
    hint: fewer releases stay than the number says; `--keep-last N --expire-untagged DAYS` makes a policy that counts images with a tag alone
    "#);
    insta::assert_snapshot!(shown(&t.consign(preview.iter().chain(&["--keep-last", "100"])).output()), @r#"
    exit: 0
    ----- stdout -----
    nothing would go: 8 images stay
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ECR previews the lifecycle policy of [HOST]/shop/api
    warning: --keep-last:9:24: IndexChildren: of 7 images that the rule counts, 2 are listed by indexes: one for each platform
      |
    9 |         "countNumber": 100
      |                        ^^^
    hint: fewer releases stay than the number says; `--keep-last N --expire-untagged DAYS` makes a policy that counts images with a tag alone
    "#);
    // Here, and without anybody else: the same images.
    let by_ecr = t.consign(preview.iter().chain(&keep)).succeeds();
    let before = t.ecr().requests().len();
    assert_eq!(t.consign(preview.iter().chain(&keep).chain(&["--offline"])).succeeds(), by_ecr);
    assert!(!t.ecr().requests()[before..].iter().any(|request| request.operation.contains("Preview")));
    let before = t.ecr().requests().len();
    let alone = [LIFECYCLE, "preview", "--keep-last", "1", "--images", "images.json"];
    assert_eq!(t.consign(alone).succeeds(), by_ecr);
    assert_eq!(t.ecr().requests().len(), before, "nobody is asked");
    let stdin =
        format!("{} lifecycle preview --keep-last 1 --images - < images.json", env!("CARGO_BIN_EXE_consign"));
    assert_eq!(t.shell(&stdin).succeeds(), by_ecr);
    insta::assert_snapshot!(shown(&t.consign(alone.iter().chain(&["--format", "json", "--deployed", "1.3", "--now", "2100-01-01T00:00:00Z"])).output()), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": null,
      "evaluatedBy": "consign",
      "evaluatedFor": "[AT]",
      "images": [
        {
          "imageDigest": "sha256:[DIGEST]",
          "imageTags": [
            "1.0"
          ],
          "imagePushedAt": "[AT]",
          "imageSizeInBytes": 1000,
          "isIndex": false,
          "action": "expire",
          "rulePriority": 1
        },
        {
          "imageDigest": "sha256:[DIGEST]",
          "imageTags": [
            "1.1"
          ],
          "imagePushedAt": "[AT]",
          "imageSizeInBytes": 1000,
          "isIndex": true,
          "action": "expire",
          "rulePriority": 1
        },
        {
          "imageDigest": "sha256:[DIGEST]",
          "imageTags": [],
          "imagePushedAt": "[AT]",
          "imageSizeInBytes": 1000,
          "isIndex": false,
          "action": "expire",
          "rulePriority": 1
        },
        {
          "imageDigest": "sha256:[DIGEST]",
          "imageTags": [
            "1.2",
            "prod"
          ],
          "imagePushedAt": "[AT]",
          "imageSizeInBytes": 1000,
          "isIndex": false,
          "action": "expire",
          "rulePriority": 1
        }
      ],
      "summary": {
        "images": 8,
        "expire": {
          "images": 4,
          "bytes": 3000
        },
        "archive": {
          "images": 0,
          "bytes": 0
        },
        "referrers": 1,
        "listedByExpiredIndexes": 2,
        "unreadIndexes": 0
      },
      "deployed": [],
      "deployedNotFound": []
    }
    ----- stderr -----
    warning: --keep-last:7:22: Referrers: an artifact without a tag refers to an image: a signature, an SBOM or an attestation
      |
    7 |         "tagStatus": "any",
      |                      ^^^^^
    hint: ECR's guide says that they go within a day after their subject, and not whether a rule about images without a tag spares them: look at ECR's own preview, `consign lifecycle preview REPOSITORY`, before the policy is set
    warning: --keep-last:9:24: IndexChildren: of 7 images that the rule counts, 2 are listed by indexes: one for each platform
      |
    9 |         "countNumber": 1
      |                        ^
    hint: fewer releases stay than the number says; `--keep-last N --expire-untagged DAYS` makes a policy that counts images with a tag alone
    "#);
    // Policies that archive, and lists that do not say what indexes list.
    t.file(
        "archive.json",
        format!(
            "{:#}",
            json!({ "rules": [{
        "rulePriority": 1,
        "selection": {
            "tagStatus": "untagged", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 50,
        },
        "action": { "type": "transition", "targetStorageClass": "archive" },
    }] })
        ),
    );
    let listing = fs_err::read_to_string(t.path("images.json")).unwrap();
    let mut listing: Value = serde_json::from_str(&listing).unwrap();
    for image in listing["imageDetails"].as_array_mut().unwrap() {
        image.as_object_mut().unwrap().remove("manifests");
    }
    t.file("images.json", listing.to_string());
    let archive = [LIFECYCLE, "preview", "--file", "archive.json", "--images", "images.json"];
    insta::assert_snapshot!(shown(&t.consign(archive).output()), @r#"
    exit: 0
    ----- stdout -----
    RULE  ACTION   PUSHED                  SIZE  TAGS  DIGEST
       1  archive  [AT]  1.0 kB  -     sha256:[DIGEST]
       1  archive  [AT]  1.0 kB  -     sha256:[DIGEST]

    2 of 8 images would go into the archive: 2.0 kB at most, as layers that they share with others stay
    it is not known what 1 index lists: ECR keeps what they list, and here it may be among what goes
    ----- stderr -----
    warning: archive.json:6:22: Referrers: an artifact without a tag refers to an image: a signature, an SBOM or an attestation
      |
    6 |         "tagStatus": "untagged",
      |                      ^^^^^^^^^^
    hint: ECR's guide says that they go within a day after their subject, and not whether a rule about images without a tag spares them: look at ECR's own preview, `consign lifecycle preview REPOSITORY`, before the policy is set
    "#);
}

/// To read the manifest of an index is a pull for ECR, and whoever only looks must not change what becomes of it.
#[test]
fn nothing_is_pulled_where_pulls_count() {
    let (_state, t, _) = with_shop();
    let by_pulls = |pulls: bool| {
        let kind = if pulls { "sinceImagePulled" } else { "sinceImagePushed" };
        let rule = json!({
            "rulePriority": 1,
            "selection": { "tagStatus": "any", "countType": kind, "countUnit": "days", "countNumber": 50 },
            "action": { "type": "transition", "targetStorageClass": "archive" },
        });
        format!("{:#}", json!({ "rules": [rule] }))
    };
    t.file("pulls.json", by_pulls(true));
    t.file("pushes.json", by_pulls(false));
    let preview = |file: &str, more: &[&str]| {
        t.consign([LIFECYCLE, "preview", "shop/api", "--file", file].iter().chain(more)).output()
    };
    for more in [&[][..], &["--offline"]] {
        let ended = preview("pulls.json", more);
        assert!(ended.stdout.contains("it is not known what 1 index lists"), "{ended}");
    }
    t.consign([LIFECYCLE, "check", "pulls.json", "--repository", "shop/api"]).succeeds();
    assert_eq!(asked(&t, "BatchGetImage"), 0);
    let ended = preview("pushes.json", &["--offline"]);
    assert!(!ended.stdout.contains("it is not known"), "{ended}");
    assert_eq!(asked(&t, "BatchGetImage"), 1);
    // The present policy counts as well.
    t.consign([LIFECYCLE, "set", "shop/api", "--file", "pulls.json", "--yes"]).succeeds();
    assert!(preview("pushes.json", &["--offline"]).stdout.contains("it is not known"));
    assert_eq!(asked(&t, "BatchGetImage"), 1);
}

#[test]
fn checks() {
    let t = Context::new();
    t.file("good.json", policy(10));
    t.file("bad.json", "{\n  \"rules\": [\n    { \"rulePriority\": 1, \"action\": { \"type\": \"expire\" } },\n    { \"rulePriority\": 1, \"selection\": {}, \"action\": { \"type\": \"archive\" } }\n  ]\n}\n");
    t.file(
        "odd.json",
        format!(
            "{:#}",
            json!({ "rules": [keep(&json!({ "tagStatus": "tagged", "tagPrefixList": ["v*"] }), 3)] })
        ),
    );
    let check = |arguments: &[&str]| t.consign([&[LIFECYCLE, "check"], arguments].concat()).output();
    insta::assert_snapshot!(check(&["good.json"]), @r"
    exit: 0
    ----- stdout -----
    good.json: no problems found
    ----- stderr -----
    ");
    insta::assert_snapshot!(check(&["bad.json"]), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: bad.json:3:5: a rule needs `selection`
      |
    3 |     { "rulePriority": 1, "action": { "type": "expire" } },
      |     ^
    bad.json:4:39: a selection needs `tagStatus`
      |
    4 |     { "rulePriority": 1, "selection": {}, "action": { "type": "archive" } }
      |                                       ^
    bad.json:4:39: a selection needs `countType`
      |
    4 |     { "rulePriority": 1, "selection": {}, "action": { "type": "archive" } }
      |                                       ^
    bad.json:4:39: a selection needs `countNumber`
      |
    4 |     { "rulePriority": 1, "selection": {}, "action": { "type": "archive" } }
      |                                       ^
    bad.json:4:63: `type` can't be `archive`
      |
    4 |     { "rulePriority": 1, "selection": {}, "action": { "type": "archive" } }
      |                                                               ^^^^^^^^^
    hint: it can be `expire`, `transition`
    "#);
    insta::assert_snapshot!(check(&["odd.json", "good.json"]), @r#"
    exit: 0
    ----- stdout -----
    odd.json: 1 warning
    good.json: no problems found
    ----- stderr -----
    warning: odd.json:8:11: ImpossibleTag: no tag begins with `v*`
      |
    8 |           "v*"
      |           ^^^^
    hint: in `tagPrefixList` a `*` stands for itself, and no tag has one: use `tagPatternList`
    "#);
    insta::assert_snapshot!(check(&["odd.json", "good.json", "--strict"]), @r#"
    exit: 6
    ----- stdout -----
    odd.json: 1 warning
    good.json: no problems found
    ----- stderr -----
    warning: odd.json:8:11: ImpossibleTag: no tag begins with `v*`
      |
    8 |           "v*"
      |           ^^^^
    hint: in `tagPrefixList` a `*` stands for itself, and no tag has one: use `tagPatternList`
    error: 1 warning in what ECR would take
    hint: without `--strict`, warnings are no failure
    "#);
    insta::assert_snapshot!(check(&["odd.json", "bad.json", "--format", "json"]), @r#"
    exit: 2
    ----- stdout -----
    {
      "files": [
        {
          "file": "odd.json",
          "errors": [],
          "findings": [
            {
              "line": 8,
              "column": 11,
              "width": 4,
              "message": "no tag begins with `v*`",
              "hint": "in `tagPrefixList` a `*` stands for itself, and no tag has one: use `tagPatternList`",
              "rule": "ImpossibleTag"
            }
          ]
        },
        {
          "file": "bad.json",
          "errors": [
            {
              "line": 3,
              "column": 5,
              "width": 1,
              "message": "a rule needs `selection`",
              "hint": null
            },
            {
              "line": 4,
              "column": 39,
              "width": 1,
              "message": "a selection needs `tagStatus`",
              "hint": null
            },
            {
              "line": 4,
              "column": 39,
              "width": 1,
              "message": "a selection needs `countType`",
              "hint": null
            },
            {
              "line": 4,
              "column": 39,
              "width": 1,
              "message": "a selection needs `countNumber`",
              "hint": null
            },
            {
              "line": 4,
              "column": 63,
              "width": 9,
              "message": "`type` can't be `archive`",
              "hint": "it can be `expire`, `transition`"
            }
          ],
          "findings": []
        }
      ]
    }
    ----- stderr -----
    error: bad.json:3:5: a rule needs `selection`
      |
    3 |     { "rulePriority": 1, "action": { "type": "expire" } },
      |     ^
    bad.json:4:39: a selection needs `tagStatus`
      |
    4 |     { "rulePriority": 1, "selection": {}, "action": { "type": "archive" } }
      |                                       ^
    bad.json:4:39: a selection needs `countType`
      |
    4 |     { "rulePriority": 1, "selection": {}, "action": { "type": "archive" } }
      |                                       ^
    bad.json:4:39: a selection needs `countNumber`
      |
    4 |     { "rulePriority": 1, "selection": {}, "action": { "type": "archive" } }
      |                                       ^
    bad.json:4:63: `type` can't be `archive`
      |
    4 |     { "rulePriority": 1, "selection": {}, "action": { "type": "archive" } }
      |                                                               ^^^^^^^^^
    hint: it can be `expire`, `transition`
    "#);
    let both = check(&["bad.json", "good.json", "bad.json"]);
    assert!(both.code == Some(2) && both.stderr.matches("bad.json:4:").count() == 8, "{both}");
    let stdin = t.shell(&format!("{} lifecycle check - < bad.json", env!("CARGO_BIN_EXE_consign"))).fails(2);
    assert!(stdin.starts_with("error: <stdin>:3:5: a rule needs `selection`"), "{stdin}");
    // In a job of GitHub Actions, each problem stands at its line.
    let job = t.consign([LIFECYCLE, "check", "bad.json"]).env("GITHUB_ACTIONS", "true").fails(2);
    assert_eq!(job.matches("file=bad.json,line=4,").count(), 4, "{job}");
}

#[test]
fn checks_with_images() {
    let (_state, t, case) = with_shop();
    let rules = json!({ "rules": [
        keep(&json!({ "tagStatus": "tagged", "tagPatternList": ["v*"] }), 3),
        { "rulePriority": 2, "action": { "type": "expire" }, "selection": {
            "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30,
        } },
    ] });
    t.file("policy.json", format!("{rules:#}"));
    let check = [LIFECYCLE, "check", "policy.json"];
    let online =
        t.consign(check.iter().chain(&["--repository", "shop/api", "--deployed", &case.digests[5]])).output();
    insta::assert_snapshot!(online, @r#"
    exit: 0
    ----- stdout -----
    policy.json: 3 warnings
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    warning: policy.json:7:9: MatchesNothing: no image is tagged `v*`: of 8 images, the rule selects none
      |
    7 |         "tagPatternList": [
      |         ^^^^^^^^^^^^^^^^
    hint: check the tags; more may come later
    warning: policy.json:23:22: Referrers: an artifact without a tag refers to an image: a signature, an SBOM or an attestation
       |
    23 |         "tagStatus": "untagged",
       |                      ^^^^^^^^^^
    hint: ECR's guide says that they go within a day after their subject, and not whether a rule about images without a tag spares them: look at ECR's own preview, `consign lifecycle preview REPOSITORY`, before the policy is set
    warning: policy.json:24:22: ExpiresDeployed: the rule would expire `sha256:[DIGEST]`, which is deployed
       |
    24 |         "countType": "sinceImagePushed",
       |                      ^^^^^^^^^^^^^^^^^^
    hint: give what is deployed a tag of its own, and put a rule for that tag, which keeps it, before this one
    "#);
    let offline = t
        .consign(check.iter().chain(&["--images", "images.json", "--deployed", &case.digests[5], "--strict"]))
        .output();
    let warnings = |ended: &Ended| ended.stderr.matches("warning: ").count();
    assert_eq!((offline.code, warnings(&offline)), (Some(6), warnings(&online)), "{offline}");
    // The policy that is set.
    t.consign([LIFECYCLE, "set", "shop/api", "--file", "policy.json", "--yes"]).succeeds();
    let own = t.consign([LIFECYCLE, "check", "--repository", "shop/api"]).output();
    assert!(own.code == Some(0) && own.stdout.ends_with("/shop/api: 2 warnings\n"), "{own}");
    let lost = t.consign(check.iter().chain(&["--deployed", "prod"])).fails(2);
    assert!(lost.contains("no list of images is known"), "{lost}");
}

#[test]
fn bad_inputs() {
    let (_state, t, _) = with_shop();
    t.file("policy.json", "{ \"rules\": [] }");
    t.file("images.json", "{ \"images\": 7 }");
    t.file("latin", [0xe9, 0x22]);
    let refused = |arguments: &[&str]| {
        let ended = t.consign([&[LIFECYCLE], arguments].concat()).output();
        assert_eq!((ended.code, t.operations(), ended.stdout.as_str()), (Some(2), vec![], ""), "{ended}");
        ended.stderr.replace(&t.path("").display().to_string(), "[DIR]/")
    };
    insta::assert_snapshot!(refused(&["set", "shop/api"]), @r"
    error: which policy is to be set is not said
    hint: name its file with `--file PATH`, or pass `--keep-last N`
    ");
    insta::assert_snapshot!(refused(&["set", "shop/api", "--file", "policy.json", "--yes"]), @r#"
    error: policy.json:1:1: the text has 15 characters, and ECR takes 100 to 30,720
      |
    1 | { "rules": [] }
      | ^
    hint: a `description` in the rule makes it longer
    policy.json:1:12: `rules` is empty
      |
    1 | { "rules": [] }
      |            ^
    hint: it needs at least one element
    "#);
    insta::assert_snapshot!(refused(&["set", "shop/api", "--file", "nowhere.json"]), @r"
    error: failed to open file `nowhere.json`: No such file or directory (os error 2)
    hint: check the path: it is looked for from the working directory, and `-` reads stdin
    ");
    insta::assert_snapshot!(refused(&["check", "latin"]), @"error: `latin` is not UTF-8");
    insta::assert_snapshot!(refused(&["preview", "--images", "images.json", "--keep-last", "1"]), @r"
    error: images.json: this is not the answer of `aws ecr describe-images`: there is no list `imageDetails` with an `imageDigest` and an `imagePushedAt` for each image
    hint: write the list with `aws ecr describe-images --repository-name NAME --output json`
    ");
    insta::assert_snapshot!(refused(&["preview", "shop/api", "--keep-last", "1", "--now", "tomorrow"]), @"error: --now: `tomorrow` is not a time of RFC 3339");
    insta::assert_snapshot!(refused(&["preview", "shop/api", "--keep-last", "1", "--deployed", "a+b"]), @"error: --deployed: `a+b` is not a valid tag: character 2 is '+'; a tag is made of letters, digits, `_`, `.` and `-`");
    insta::assert_snapshot!(refused(&["show", "public.ecr.aws/shop/api"]), @r"
    error: `public.ecr.aws/shop/api` is in ECR Public, which has no lifecycle policies
    hint: private repositories have them: leave out the host, or write ACCOUNT.dkr.ecr.REGION.amazonaws.com
    ");
    insta::assert_snapshot!(refused(&["show", "shop/api:1"]), @r"
    error: REPOSITORY: `shop/api:1` is an image, and this is about a repository
    hint: leave out what stands after its name: `shop/api`
    ");
    insta::assert_snapshot!(refused(&["set", "shop/api", "--keep-last", "0"]), @r"
    error: invalid value '0' for '--keep-last <N>': 0 is not in 1..=2147483647

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(refused(&["set", "shop/api", "--keep-last", "1", "--file", "policy.json"]), @r"
    error: the argument '--keep-last <N>' cannot be used with '--file <PATH>'

    Usage: consign lifecycle set --keep-last <N> --registry-endpoint <URL> --role-to-assume <ARN> --retry-backoff-milliseconds <N> <REPOSITORY>

    For more information, try '--help'.
    ");
    t.file("images.json", "[]");
    insta::assert_snapshot!(refused(&["preview", "--images", "images.json"]), @r"
    error: no policy is given, and no repository that has one
    hint: name the policy's file with `--file PATH`, or pass `--keep-last N`
    ");
    assert!(refused(&["preview"]).contains("REPOSITORY"));
    assert!(refused(&["check"]).contains("FILE"));
}

#[test]
fn what_ecr_refuses() {
    let (_state, t, _) = with_shop();
    for command in
        [&["show"][..], &["delete"], &["preview", "--keep-last", "1"], &["set", "--keep-last", "1"]]
    {
        let arguments = [&[LIFECYCLE, command[0], "shop/none"], &command[1..]].concat();
        let stderr = t.consign(arguments).fails(4);
        assert!(stderr.contains("the repository `shop/none` does not exist"), "{stderr}");
    }
    // It disappears between the preview and the end.
    let vanished = "code=RepositoryNotFoundException,status=400,message=gone";
    let set = [LIFECYCLE, "set", "shop/api", "--keep-last", "9", "--yes"];
    for operation in ["GetLifecyclePolicy", "PutLifecyclePolicy"] {
        t.ecr().inject(format!("error:{operation},{vanished}").parse().unwrap());
        let stderr = t.consign(set).fails(4);
        assert!(stderr.contains("the repository `shop/api` does not exist"), "{stderr}");
        assert!(!stderr.contains("has a lifecycle policy of"), "{stderr}");
    }
    t.ecr().inject(format!("error:GetLifecyclePolicyPreview,{vanished}").parse().unwrap());
    let ended = t.consign([LIFECYCLE, "preview", "shop/api", "--keep-last", "9"]).output();
    assert!(ended.code == Some(4) && ended.stdout.is_empty(), "{ended}");
    // Throttled for a while, and for good.
    t.ecr().inject("throttle:*Lifecycle*,times=4".parse().unwrap());
    t.consign([LIFECYCLE, "preview", "shop/api", "--keep-last", "9"]).succeeds();
    t.ecr().inject("throttle:PutLifecyclePolicy,times=always".parse().unwrap());
    let run = t.consign(set).env("CONSIGN_RETRY_MAX_ATTEMPTS", "3");
    insta::assert_snapshot!(run.output(), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: PutLifecyclePolicy on [HOST]/shop/api did not get through: ThrottlingException: Rate exceeded (request id [UUID])
    hint: check the network, and `AWS_ENDPOINT_URL_ECR` if it is set; then run the same command again: what is stored is not sent twice
    ");
    assert_eq!(stored(&t), None);
}

#[test]
fn each_permission_is_named_where_it_lacks() {
    let needed = [
        "ecr:GetLifecyclePolicy",
        "ecr:StartLifecyclePolicyPreview",
        "ecr:GetLifecyclePolicyPreview",
        "ecr:PutLifecyclePolicy",
        "ecr:DeleteLifecyclePolicy",
        "ecr:DescribeImages",
        "ecr:BatchGetImage",
    ];
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/lifecycle.md")).unwrap();
    let role = ["--role-to-assume", crate::iam::ROLE];
    let set = ["set", "shop/api", "--keep-last", "1", "--yes"];
    let preview = ["preview", "shop/api", "--keep-last", "1"];
    let without = |lacking: &str| {
        let actions: Vec<&str> = needed.iter().copied().filter(|action| *action != lacking).collect();
        with_permissions(&actions)
    };
    for action in needed {
        assert!(page.contains(&format!("`{action}`")), "{action}");
        // Whether the repository is there is told only to those who may know.
        let arguments = match action {
            "ecr:DeleteLifecyclePolicy" => &["delete", "shop/api"][..],
            "ecr:GetLifecyclePolicy" => &set,
            "ecr:StartLifecyclePolicyPreview" => &preview,
            "ecr:DescribeImages" => &["preview", "shop/api", "--keep-last", "1", "--offline"],
            // These come after others that need the repository.
            _ => continue,
        };
        let stderr = without(action).consign([&[LIFECYCLE], arguments, &role].concat()).fails(3);
        assert!(stderr.contains(&format!("the permission `{action}`")), "{stderr}");
    }
    let push = [
        "ecr:CreateRepository",
        "ecr:DescribeRepositories",
        "ecr:BatchCheckLayerAvailability",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:PutImage",
    ];
    let lacking = ["ecr:GetLifecyclePolicyPreview", "ecr:PutLifecyclePolicy", "ecr:DescribeImages"];
    for (action, arguments) in lacking.iter().zip([&preview[..], &set, &preview]) {
        let actions: Vec<&str> =
            needed.iter().chain(&push).copied().filter(|known| known != action).collect();
        let t = with_permissions(&actions);
        t.app();
        let build = ["build", "app", "--create-repository", "--push", "--no-cache", "--tag", "shop/api:1"];
        t.consign(build.iter().chain(&role)).succeeds();
        let ended = t.consign([&[LIFECYCLE], arguments, &role].concat()).output();
        // Without the list, sizes are not known; ECR's own preview knows what goes.
        let expected = if *action == "ecr:DescribeImages" {
            (Some(0), "sizes are not known".to_owned())
        } else {
            (Some(3), format!("the permission `{action}`"))
        };
        assert_eq!(ended.code, expected.0, "{ended}");
        assert!(ended.stderr.contains(&expected.1), "{ended}");
    }
}
