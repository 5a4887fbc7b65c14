//! `consign repo`: create, list, show, delete and policy.

use crate::iam::{ROLE, with_permissions};
use crate::support::{Context, Ended};
use serde_json::{Value, json};

/// What was asked of ECR since `before`, without the way in.
pub(crate) fn since(t: &Context, before: usize) -> String {
    let requests = t.ecr().requests();
    let way_in = ["GET /oidc/token", "AssumeRoleWithWebIdentity"];
    let lines = requests[before..].iter().filter(|request| !way_in.contains(&request.operation.as_str()));
    lines.map(|request| format!("{}\n", request.operation)).collect()
}

/// The result of a command as JSON.
#[track_caller]
pub(crate) fn json(t: &Context, arguments: &[&str]) -> Value {
    let all = arguments.iter().chain(&["--format", "json"]);
    serde_json::from_str(&t.consign(all).succeeds()).unwrap()
}

/// The alias of the registry on ECR Public.
pub(crate) fn public(t: &Context) -> String {
    let stderr = t.consign(["repo", "show", "public.ecr.aws/someone/shop"]).output().stderr;
    let (_, alias) = stderr.split_once("is called `").unwrap_or_else(|| panic!("{stderr}"));
    alias.split('`').next().unwrap().to_owned()
}

const LIFECYCLE: &str = r#"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any",
    "countType":"imageCountMoreThan","countNumber":10},"action":{"type":"expire"}}]}"#;

pub(crate) fn lifecycle(t: &Context) {
    t.file("lifecycle.json", LIFECYCLE);
}

pub(crate) fn policy(action: &str) -> String {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Pull", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::210987654321:root" }, "Action": action,
    }] })
    .to_string()
}

fn push(t: &Context, tag: &str) {
    t.app();
    t.consign(["build", "app", "--create-repository", "--push", "--tag", tag]).succeeds();
}

#[test]
fn a_new_repository() {
    let t = Context::with_ecr(&[]);
    insta::assert_snapshot!(t.consign(["repo", "create", "shop/api"]).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: + repository
    ");
    insta::assert_snapshot!(since(&t, 0), @r"
    DescribeRepositories
    CreateRepository
    ");
    lifecycle(&t);
    t.file("policy.json", policy("ecr:BatchGetImage"));
    let before = t.ecr().requests().len();
    let all = [
        "repo",
        "create",
        "shop/web",
        "--tag-mutability",
        "IMMUTABLE_WITH_EXCLUSION",
        "--tag-mutability-exclusion",
        "latest,dev-*",
        "--scan-on-push",
        "--encryption",
        "KMS",
        "--kms-key",
        "alias/ecr",
        "--resource-tag",
        "team=shop",
        "--resource-tag",
        "cost=1=2",
        "--lifecycle",
        "lifecycle.json",
        "--policy",
        "policy.json",
    ];
    insta::assert_snapshot!(said(&t.consign(all.iter().chain(&["--format", "json"])).output()), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": {
        "repositoryArn": "arn:aws:ecr:us-east-1:123456789012:repository/shop/web",
        "registryId": "123456789012",
        "repositoryName": "shop/web",
        "repositoryUri": "[HOST]/shop/web",
        "createdAt": "[NOW]",
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [
          {
            "filterType": "WILDCARD",
            "filter": "latest"
          },
          {
            "filterType": "WILDCARD",
            "filter": "dev-*"
          }
        ],
        "imageScanningConfiguration": {
          "scanOnPush": true
        },
        "encryptionConfiguration": {
          "encryptionType": "KMS",
          "kmsKey": "alias/ecr"
        }
      },
      "created": true
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/web: + repository: tagMutability IMMUTABLE_WITH_EXCLUSION (latest, dev-*), scanOnPush true, encryption KMS with the key alias/ecr, tags cost=1=2, team=shop
    [HOST]/shop/web: + lifecycle: 1 rule
    [HOST]/shop/web: + policy: 1 statement
    "#);
    insta::assert_snapshot!(since(&t, before), @r"
    DescribeRepositories
    CreateRepository
    PutLifecyclePolicy
    SetRepositoryPolicy
    ");
    insta::assert_snapshot!(said(&t.consign(["repo", "show", "shop/web"]).output()), @r"
    exit: 0
    ----- stdout -----
    name            shop/web
    uri             [HOST]/shop/web
    arn             arn:aws:ecr:us-east-1:123456789012:repository/shop/web
    created         [NOW]
    tag mutability  IMMUTABLE_WITH_EXCLUSION (latest, dev-*)
    scan on push    yes
    encryption      KMS alias/ecr
    tags            cost=1=2, team=shop
    policy          1 statement
    lifecycle       1 rule
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    insta::assert_snapshot!(said(&t.consign(["repo", "show", "shop/web", "--format", "json"]).output()), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": {
        "repositoryArn": "arn:aws:ecr:us-east-1:123456789012:repository/shop/web",
        "registryId": "123456789012",
        "repositoryName": "shop/web",
        "repositoryUri": "[HOST]/shop/web",
        "createdAt": "[NOW]",
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [
          {
            "filterType": "WILDCARD",
            "filter": "latest"
          },
          {
            "filterType": "WILDCARD",
            "filter": "dev-*"
          }
        ],
        "imageScanningConfiguration": {
          "scanOnPush": true
        },
        "encryptionConfiguration": {
          "encryptionType": "KMS",
          "kmsKey": "alias/ecr"
        }
      },
      "tags": [
        {
          "Key": "cost",
          "Value": "1=2"
        },
        {
          "Key": "team",
          "Value": "shop"
        }
      ],
      "policyText": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Pull\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::210987654321:root\"},\"Action\":\"ecr:BatchGetImage\"}]}",
      "lifecyclePolicyText": "{\"rules\":[{\"rulePriority\":1,\"selection\":{\"tagStatus\":\"any\",\n    \"countType\":\"imageCountMoreThan\",\"countNumber\":10},\"action\":{\"type\":\"expire\"}}]}"
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    "#);
}

#[test]
fn one_that_is_there() {
    let t = Context::with_ecr(&[]);
    t.consign(["repo", "create", "shop/api"]).succeeds();
    let before = t.ecr().requests().len();
    insta::assert_snapshot!(t.consign(["repo", "create", "shop/api"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `[HOST]/shop/api` is there already, and is as it was asked for
    hint: `--if-not-exists` takes it as it is; `consign repo apply` changes one that is there
    ");
    let other = ["repo", "create", "shop/api", "--tag-mutability", "IMMUTABLE", "--resource-tag", "a=b"];
    insta::assert_snapshot!(t.consign(other).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `[HOST]/shop/api` is there already, and is not as it was asked for: tagMutability: MUTABLE → IMMUTABLE; tags: a=b
    hint: `--if-not-exists` takes it as it is; `consign repo apply` changes one that is there
    ");
    insta::assert_snapshot!(t.consign(other.iter().chain(&["--if-not-exists"])).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    warning: `[HOST]/shop/api` is there, and is left as it is: tagMutability: MUTABLE → IMMUTABLE; tags: a=b
    ");
    let kms = ["repo", "create", "shop/api", "--encryption", "KMS", "--if-not-exists"];
    insta::assert_snapshot!(t.consign(kms).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    warning: `[HOST]/shop/api` is there, and is left as it is: `shop/api` is encrypted with AES256, and KMS is wanted: that can't be changed after a repository was made
    ");
    insta::assert_snapshot!(said(&t.consign(["repo", "create", "shop/api", "--if-not-exists", "--format", "json"]).output()), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": {
        "repositoryArn": "arn:aws:ecr:us-east-1:123456789012:repository/shop/api",
        "registryId": "123456789012",
        "repositoryName": "shop/api",
        "repositoryUri": "[HOST]/shop/api",
        "createdAt": "[NOW]",
        "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {
          "scanOnPush": false
        },
        "encryptionConfiguration": {
          "encryptionType": "AES256"
        }
      },
      "created": false
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    "#);
    assert!(
        !since(&t, before).contains("Create") && !since(&t, before).contains("Put"),
        "{}",
        since(&t, before)
    );
}

/// The answer of a call that has made it is lost, and the SDK tries again.
#[test]
fn an_answer_that_is_lost() {
    let t = Context::with_ecr(&["lose-answer:CreateRepository"]);
    let ended = t.consign(["repo", "create", "shop/api", "--if-not-exists"]).output();
    assert_eq!(ended.code, Some(0), "{ended}");
}

#[test]
fn bad_input() {
    let t = Context::with_ecr(&[]);
    t.file("broken.json", "{\n  \"rules\": [,]\n}\n");
    t.file("long.json", format!("{{\"Version\": \"{}\"}}", "x".repeat(10_240)));
    let create = |more: &[&str]| t.consign(["repo", "create", "shop/api"].iter().chain(more)).output().stderr;
    insta::assert_snapshot!(create(&["--tag-mutability", "IMUTABLE"]), @r"
    error: invalid value 'IMUTABLE' for '--tag-mutability <SETTING>'
      [possible values: MUTABLE, IMMUTABLE, MUTABLE_WITH_EXCLUSION, IMMUTABLE_WITH_EXCLUSION]

      tip: a similar value exists: 'IMMUTABLE'

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(create(&["--tag-mutability", "IMMUTABLE_WITH_EXCLUSION"]), @r"
    error: --tag-mutability: `IMMUTABLE_WITH_EXCLUSION` needs exclusions: the tags for which it does not hold
    hint: name some with wildcards, such as `latest` or `dev-*`, or leave out `_WITH_EXCLUSION`
    ");
    insta::assert_snapshot!(create(&["--tag-mutability", "IMMUTABLE", "--tag-mutability-exclusion", "a"]), @r"
    error: --tag-mutability-exclusion: exclusions without a tag mutability that has them
    hint: set it to `IMMUTABLE_WITH_EXCLUSION` or `MUTABLE_WITH_EXCLUSION`
    ");
    insta::assert_snapshot!(
        create(&["--tag-mutability", "IMMUTABLE_WITH_EXCLUSION", "--tag-mutability-exclusion", "a?"]),
        @r"
        error: --tag-mutability-exclusion: `a?` can't exclude tags
        hint: it is made of 1 to 128 letters, digits and `.`, `_`, `-`, and of `*` for any characters
        "
    );
    let six = ["--tag-mutability", "MUTABLE_WITH_EXCLUSION", "--tag-mutability-exclusion", "a,b,c,d,e,f"];
    insta::assert_snapshot!(create(&six), @r"
    error: --tag-mutability-exclusion: there are 6 exclusions, and ECR takes 5
    hint: join some with `*`
    ");
    insta::assert_snapshot!(create(&["--kms-key", "alias/x"]), @r"
    error: --kms-key: there is no key without encryption by KMS
    hint: add `--encryption KMS`
    ");
    insta::assert_snapshot!(create(&["--resource-tag", "a"]), @r"error: --resource-tag: `a` has no `=`: write KEY=VALUE");
    insta::assert_snapshot!(create(&["--resource-tag", "aws:a=b"]), @r"
    error: --resource-tag: `aws:a` can't be a tag of a resource with the value `b`
    hint: keys that begin with `aws:` are AWS's own
    ");
    insta::assert_snapshot!(create(&["--resource-tag", "a=b", "--resource-tag", "a=c"]), @r"error: --resource-tag: `a` is given twice");
    insta::assert_snapshot!(create(&["--lifecycle", "none.json"]), @r"error: failed to open file `none.json`: No such file or directory (os error 2)");
    insta::assert_snapshot!(create(&["--lifecycle", "broken.json"]), @r"error: broken.json:2:13: this is no JSON document: expected value");
    insta::assert_snapshot!(create(&["--policy", "long.json"]), @r"
    error: --policy: the policy has 10255 characters, and ECR takes 10240 for a repository
    hint: spaces and line breaks count, and can go: `jq --compact-output . FILE`; statements with the same principals can be joined
    ");
    insta::assert_snapshot!(t.consign(["repo", "create", "shop/api:1"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: REPOSITORY: `shop/api:1` is an image, and this is about a repository
    hint: leave out what stands after its name: `shop/api`
    ");
    insta::assert_snapshot!(t.consign(["repo", "create", "ghcr.io/shop/api"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `ghcr.io/shop/api` is in ghcr.io, which is not ECR: repositories are managed in ECR only
    hint: a name without a host means the private registry of the account and region in use; public.ecr.aws/ALIAS/NAME means ECR Public
    ");
    assert_eq!(t.operations(), [], "nothing of that is asked of anybody");
}

#[test]
fn what_was_made_is_said_if_the_rest_fails() {
    let t = Context::with_ecr(&["error:PutLifecyclePolicy,code=KmsException,status=400,message=no key"]);
    lifecycle(&t);
    t.file("policy.json", policy("ecr:BatchGetImage"));
    let create = ["repo", "create", "shop/api", "--lifecycle", "lifecycle.json", "--policy", "policy.json"];
    insta::assert_snapshot!(t.consign(create).output(), @r"
    exit: 4
    ----- stdout -----
    done       + repository
    failed     + lifecycle: 1 rule
    not tried  + policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: + repository
    [HOST]/shop/api: + lifecycle: 1 rule
    error: PutLifecyclePolicy on [HOST]/shop/api was refused: KmsException: no key (request id [UUID])
    ");
}

#[test]
fn a_list_of_all() {
    let t = Context::with_ecr(&[]);
    insta::assert_snapshot!(t.consign(["repo", "list"]).output(), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    for (name, more) in [
        ("shop/web", &["--scan-on-push"][..]),
        ("shop/api", &["--tag-mutability", "IMMUTABLE"]),
        ("other", &[]),
    ] {
        t.consign(["repo", "create", name].iter().chain(more)).succeeds();
    }
    insta::assert_snapshot!(said(&t.consign(["repo", "list"]).output()), @r"
    exit: 0
    ----- stdout -----
    NAME      TAGS       SCAN ON PUSH  ENCRYPTION  CREATED           URI
    other     MUTABLE    no            AES256      [NOW]  [HOST]/other
    shop/api  IMMUTABLE  no            AES256      [NOW]  [HOST]/shop/api
    shop/web  MUTABLE    yes           AES256      [NOW]  [HOST]/shop/web
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    insta::assert_snapshot!(said(&t.consign(["repo", "list", "--prefix", "shop/w", "--format", "json"]).output()), @r#"
    exit: 0
    ----- stdout -----
    {
      "repositories": [
        {
          "repositoryArn": "arn:aws:ecr:us-east-1:123456789012:repository/shop/web",
          "registryId": "123456789012",
          "repositoryName": "shop/web",
          "repositoryUri": "[HOST]/shop/web",
          "createdAt": "[NOW]",
          "imageTagMutability": "MUTABLE",
          "imageScanningConfiguration": {
            "scanOnPush": true
          },
          "encryptionConfiguration": {
            "encryptionType": "AES256"
          }
        }
      ]
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    "#);
    let other = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    assert_eq!(t.consign(["repo", "list", other]).succeeds(), "", "another region");
    let pages = t.ecr().requests().iter().filter(|one| one.operation == "DescribeRepositories").count();
    assert!(pages >= 4, "{pages}");
}

#[test]
fn what_may_not_be_read_is_left_out() {
    let t = with_permissions(&["ecr:CreateRepository", "ecr:DescribeRepositories"]);
    let run = |arguments: &[&str]| t.consign(arguments).env("CONSIGN_ROLE_TO_ASSUME", ROLE).output();
    assert_eq!(run(&["repo", "create", "shop/api"]).code, Some(0));
    insta::assert_snapshot!(said(&run(&["repo", "show", "shop/api"])), @r"
    exit: 0
    ----- stdout -----
    name            shop/api
    uri             [HOST]/shop/api
    arn             arn:aws:ecr:us-east-1:123456789012:repository/shop/api
    created         [NOW]
    tag mutability  MUTABLE
    scan on push    no
    encryption      AES256
    tags            may not be read
    policy          may not be read
    lifecycle       may not be read
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/ci
    warning: ListTagsForResource on [HOST]/shop/api was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:ListTagsForResource on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:ListTagsForResource action (request id [UUID])
    warning: GetRepositoryPolicy on [HOST]/shop/api was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:GetRepositoryPolicy on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:GetRepositoryPolicy action (request id [UUID])
    warning: GetLifecyclePolicy on [HOST]/shop/api was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:GetLifecyclePolicy on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:GetLifecyclePolicy action (request id [UUID])
    ");
    insta::assert_snapshot!(run(&["repo", "show", "shop/none"]), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/ci
    error: the repository `shop/none` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/none`; if it exists, check the region and the account
    ");
    insta::assert_snapshot!(run(&["repo", "show", "elsewhere"]), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/ci
    error: DescribeRepositories on [HOST]/elsewhere was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:DescribeRepositories on resource: arn:aws:ecr:us-east-1:123456789012:repository/elsewhere because no identity-based policy allows the ecr:DescribeRepositories action (request id [UUID])
    hint: the role needs the permission `ecr:DescribeRepositories` on the repository
    ");
}

#[test]
fn deleting() {
    let t = Context::with_ecr(&[]);
    insta::assert_snapshot!(t.consign(["repo", "delete", "shop/api", "--yes"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop/api` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/api`; if it exists, check the region and the account
    ");
    t.consign(["repo", "create", "shop/api"]).succeeds();
    insta::assert_snapshot!(t.consign(["repo", "delete", "shop/api"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: Delete `[HOST]/shop/api`, which is empty? There is no terminal to ask on, and nothing was done
    hint: `--yes` deletes it
    ");
    insta::assert_snapshot!(t.consign(["repo", "delete", "shop/api", "--yes"]).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api is deleted
    ");

    push(&t, "shop/api:1");
    t.consign(["tag", "shop/api:1", "latest"]).succeeds();
    let before = t.ecr().requests().len();
    insta::assert_snapshot!(said(&t.consign(["repo", "delete", "shop/api", "--yes"]).output()), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `[HOST]/shop/api` is not empty: it has 1 image with 2 tags, 506 B, the newest of [NOW] UTC
    hint: `--force` deletes them with it; `consign image list` shows them
    ");
    insta::assert_snapshot!(said(&t.consign(["repo", "delete", "shop/api", "--force"]).output()), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: Delete `[HOST]/shop/api`, which has 1 image with 2 tags, 506 B, the newest of [NOW] UTC? There is no terminal to ask on, and nothing was done
    hint: `--force --yes` deletes it
    ");
    assert!(!since(&t, before).contains("DeleteRepository"), "{}", since(&t, before));
    insta::assert_snapshot!(said(&t.consign(["repo", "delete", "shop/api", "--force", "--yes", "--format", "json"]).output()), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": {
        "repositoryArn": "arn:aws:ecr:us-east-1:123456789012:repository/shop/api",
        "registryId": "123456789012",
        "repositoryName": "shop/api",
        "repositoryUri": "[HOST]/shop/api",
        "createdAt": "[NOW]",
        "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {
          "scanOnPush": false
        },
        "encryptionConfiguration": {
          "encryptionType": "AES256"
        }
      },
      "deleted": {
        "images": 1,
        "tags": 2,
        "bytes": 506,
        "newest": "[NOW]"
      }
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api is deleted with 1 image with 2 tags, 506 B, the newest of [NOW] UTC
    "#);
    assert!(t.ecr().registry().is_empty());
}

/// What a command said, without times.
pub(crate) fn said(ended: &Ended) -> String {
    let times = regex::Regex::new(r"20\d\d-\d\d-\d\d[ T]\d\d:\d\d(:\d\d[.\d]*Z)?").unwrap();
    times.replace_all(&ended.to_string(), "[NOW]").into_owned()
}

/// An image arrives after the repository was found to be empty: it is not deleted unasked.
#[test]
fn an_image_that_came_meanwhile() {
    let t = Context::with_ecr(&[
        "error:DeleteRepository,code=RepositoryNotEmptyException,status=400,message=not empty",
    ]);
    t.consign(["repo", "create", "shop/api"]).succeeds();
    insta::assert_snapshot!(t.consign(["repo", "delete", "shop/api", "--yes"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: DeleteRepository on [HOST]/shop/api was refused: RepositoryNotEmptyException: not empty (request id [UUID])
    ");
}

/// Runs a command on a terminal, on which `answer` is typed.
pub(crate) fn on_a_terminal(t: &Context, command: &str, answer: &str) -> (Option<i32>, String) {
    let script = r#"
import os, pty, select, sys, time
command, answer = sys.argv[1], sys.argv[2]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", command])
said, asked = b"", False
while True:
    if not select.select([terminal], [], [], 20)[0]:
        sys.exit(99)
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    said += data
    if not asked and b"[y/N] " in said:
        os.write(terminal, answer.encode() + b"\n")
        asked = True
sys.stdout.buffer.write(said.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;
    let program = t.file("terminal.py", script);
    let command = command.replace("consign ", &format!("{} ", env!("CARGO_BIN_EXE_consign")));
    let mut run = t.shell("exec python3 \"$PROGRAM\" \"$COMMAND\" \"$ANSWER\"");
    run = run.env("PROGRAM", &program).env("COMMAND", command).env("ANSWER", answer).env("NO_COLOR", "1");
    let ended = run.output();
    (ended.code, crate::support::redacted(&ended.stdout, &t.path("")))
}

#[test]
fn asking_on_a_terminal() {
    let t = Context::with_ecr(&[]);
    t.consign(["repo", "create", "shop/api"]).succeeds();
    let (code, text) = on_a_terminal(&t, "consign repo delete shop/api", "n");
    insta::assert_snapshot!(text, @r"
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    Delete `[HOST]/shop/api`, which is empty? [y/N] n
    error: nothing was done, as the answer was not yes
    ");
    assert_eq!(code, Some(6));
    assert_eq!(t.requests("DeleteRepository").len(), 0);
    let (code, text) = on_a_terminal(&t, "consign repo delete shop/api", "y");
    insta::assert_snapshot!(text, @r"
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    Delete `[HOST]/shop/api`, which is empty? [y/N] y
    [HOST]/shop/api is deleted
    [HOST]/shop/api
    ");
    assert_eq!(code, Some(0));
    assert_eq!(t.requests("DeleteRepository").len(), 1);
}

#[test]
fn policies() {
    let t = Context::with_ecr(&[]);
    t.consign(["repo", "create", "shop/api"]).succeeds();
    insta::assert_snapshot!(t.consign(["repo", "policy", "get", "shop/api"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `[HOST]/shop/api` has no policy
    hint: `consign repo policy set REPOSITORY FILE` sets one; without one, the account's own roles alone have access
    ");
    insta::assert_snapshot!(t.consign(["repo", "policy", "delete", "shop/api", "--yes"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `[HOST]/shop/api` has no policy
    hint: `consign repo policy set REPOSITORY FILE` sets one; without one, the account's own roles alone have access
    ");
    t.file("policy.json", policy("ecr:BatchGetImage"));
    insta::assert_snapshot!(t.consign(["repo", "policy", "set", "shop/api", "policy.json"]).output(), @r"
    exit: 0
    ----- stdout -----
    done       + policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: + policy: 1 statement
    ");
    // The same in other words is not sent.
    let before = t.ecr().requests().len();
    let same =
        policy("ecr:BatchGetImage").replace("\"arn:aws:iam::210987654321:root\"", "[\"210987654321\"]");
    t.file("same.json", &same);
    insta::assert_snapshot!(t.consign(["repo", "policy", "set", "shop/api", "same.json"]).output(), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api has this policy already
    ");
    insta::assert_snapshot!(since(&t, before), @r"GetRepositoryPolicy");
    t.file("other.json", policy("ecr:PutImage"));
    let from_stdin = "consign repo policy set shop/api - --format json < other.json";
    insta::assert_snapshot!(shell(&t, from_stdin).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": "[HOST]/shop/api",
      "changes": [
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
                "Action": "ecr:BatchGetImage"
              }
            ]
          },
          "to": {
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
          "state": "done"
        }
      ],
      "doubts": [],
      "error": null
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: ~ policy: 1 statement, not the same
    "#);
    insta::assert_snapshot!(t.consign(["repo", "policy", "get", "shop/api"]).output(), @r#"
    exit: 0
    ----- stdout -----
    {
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
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    "#);
    insta::assert_snapshot!(t.consign(["repo", "policy", "delete", "shop/api"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: Remove the policy of `[HOST]/shop/api`, which has 1 statement? There is no terminal to ask on, and nothing was done
    hint: `--yes` removes it
    ");
    insta::assert_snapshot!(t.consign(["repo", "policy", "delete", "shop/api", "--yes"]).output(), @r"
    exit: 0
    ----- stdout -----
    done       - policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: - policy: 1 statement
    ");
    assert_eq!(json(&t, &["repo", "show", "shop/api"])["policyText"], Value::Null);
    insta::assert_snapshot!(t.consign(["repo", "policy", "set", "shop/none", "policy.json"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop/none` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/none`; if it exists, check the region and the account
    ");
}

fn shell(t: &Context, line: &str) -> crate::support::Run {
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_consign")).parent().unwrap();
    t.shell(line).env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
}

#[test]
fn a_policy_that_locks_out() {
    let t = Context::with_ecr(&[]);
    t.consign(["repo", "create", "shop/api"]).succeeds();
    let deny =
        json!({ "Statement": [{ "Effect": "Deny", "Principal": "*", "Action": "ecr:*" }] }).to_string();
    t.file("deny.json", deny);
    insta::assert_snapshot!(t.consign(["repo", "policy", "set", "shop/api", "deny.json"]).output(), @r"
    exit: 4
    ----- stdout -----
    failed     + policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: + policy: 1 statement
    error: SetRepositoryPolicy on [HOST]/shop/api was refused: InvalidParameterException: Invalid parameter at 'PolicyText' failed to satisfy constraint: 'The policy would prevent you from setting another policy in the future; use force to set it' (request id [UUID])
    hint: check the statements; a policy with which you could set no other one is refused unless `consign repo policy set --force` sets it
    ");
    insta::assert_snapshot!(t.consign(["repo", "policy", "set", "shop/api", "deny.json", "--force"]).output(), @r"
    exit: 0
    ----- stdout -----
    done       + policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api: + policy: 1 statement
    ");
}

#[test]
fn policies_that_are_none() {
    let t = Context::with_ecr(&[]);
    t.file("broken.json", "{\n  \"Statement\": [}\n");
    t.file("list.json", "[]\n");
    insta::assert_snapshot!(t.consign(["repo", "policy", "set", "shop/api", "broken.json"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: broken.json:2:17: this is no JSON document: expected value
    ");
    insta::assert_snapshot!(t.consign(["repo", "policy", "set", "shop/api", "list.json"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: list.json:1:1: this is no JSON document: a policy is a JSON object, in braces
    ");
    insta::assert_snapshot!(t.consign(["repo", "policy", "set", "shop/api", "none.json"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: failed to open file `none.json`: No such file or directory (os error 2)
    ");
    assert_eq!(t.operations(), []);
}

#[test]
fn on_ecr_public() {
    let t = Context::with_ecr(&[]);
    let alias = public(&t);
    let name = format!("public.ecr.aws/{alias}/shop");
    let said = |arguments: &[&str]| said(&t.consign(arguments).output()).replace(&alias, "[ALIAS]");
    insta::assert_snapshot!(said(&["repo", "create", &name, "--resource-tag", "team=shop"]), @r"
    exit: 0
    ----- stdout -----
    public.ecr.aws/[ALIAS]/shop
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    public.ecr.aws/[ALIAS]/shop: + repository: tags team=shop
    ");
    insta::assert_snapshot!(said(&["repo", "create", &name, "--scan-on-push"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: repositories on ECR Public have no such settings: scanOnPush
    hint: leave them out: private repositories have them
    ");
    insta::assert_snapshot!(said(&["repo", "create", &name]), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `public.ecr.aws/[ALIAS]/shop` is there already, and is as it was asked for
    hint: `--if-not-exists` takes it as it is; `consign repo apply` changes one that is there
    ");
    insta::assert_snapshot!(said(&["repo", "create", "web", "--public"]), @r"
    exit: 0
    ----- stdout -----
    public.ecr.aws/[ALIAS]/web
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    public.ecr.aws/[ALIAS]/web: + repository
    ");
    insta::assert_snapshot!(said(&["repo", "create", "public.ecr.aws/x/web", "--public"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --public: `public.ecr.aws/x/web` has a host already
    hint: leave out either: `--public NAME`, or public.ecr.aws/ALIAS/NAME
    ");
    insta::assert_snapshot!(said(&["repo", "list", "--public"]), @r"
    exit: 0
    ----- stdout -----
    NAME  CREATED           URI
    shop  [NOW]  [HOST]/[ALIAS]/shop
    web   [NOW]  [HOST]/[ALIAS]/web
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    insta::assert_snapshot!(said(&["repo", "list", "public.ecr.aws", "--format", "json"]), @r#"
    exit: 0
    ----- stdout -----
    {
      "repositories": [
        {
          "repositoryArn": "arn:aws:ecr-public::123456789012:repository/shop",
          "registryId": "123456789012",
          "repositoryName": "shop",
          "repositoryUri": "[HOST]/[ALIAS]/shop",
          "createdAt": "[NOW]"
        },
        {
          "repositoryArn": "arn:aws:ecr-public::123456789012:repository/web",
          "registryId": "123456789012",
          "repositoryName": "web",
          "repositoryUri": "[HOST]/[ALIAS]/web",
          "createdAt": "[NOW]"
        }
      ]
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    "#);
    insta::assert_snapshot!(said(&["repo", "show", &name]), @r"
    exit: 0
    ----- stdout -----
    name            shop
    uri             [HOST]/[ALIAS]/shop
    arn             arn:aws:ecr-public::123456789012:repository/shop
    created         [NOW]
    tags            team=shop
    policy          none
    description     none
    systems         none
    architectures   none
    about text      none
    usage text      none
    logo            none
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    t.file("policy.json", policy("ecr-public:PutImage"));
    insta::assert_snapshot!(said(&["repo", "policy", "set", &name, "policy.json"]), @r"
    exit: 0
    ----- stdout -----
    done       + policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    public.ecr.aws/[ALIAS]/shop: + policy: 1 statement
    ");
    insta::assert_snapshot!(said(&["repo", "policy", "get", &name, "--format", "json"]), @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": "public.ecr.aws/[ALIAS]/shop",
      "policyText": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Pull\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::210987654321:root\"},\"Action\":\"ecr-public:PutImage\"}]}"
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    "#);
    insta::assert_snapshot!(said(&["repo", "policy", "delete", &name, "--yes"]), @r"
    exit: 0
    ----- stdout -----
    done       - policy: 1 statement
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    public.ecr.aws/[ALIAS]/shop: - policy: 1 statement
    ");
    insta::assert_snapshot!(said(&["repo", "delete", "public.ecr.aws/someone/shop", "--yes"]), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `public.ecr.aws/someone/shop` is not in the registry of this account on ECR Public, which is called `[ALIAS]`
    hint: take a role of the account whose registry it is; what others have on ECR Public can only be read
    ");
    insta::assert_snapshot!(said(&["repo", "delete", &name, "--yes"]), @r"
    exit: 0
    ----- stdout -----
    public.ecr.aws/[ALIAS]/shop
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    public.ecr.aws/[ALIAS]/shop is deleted
    ");
    insta::assert_snapshot!(said(&["repo", "show", &name]), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop` does not exist in the registry public.ecr.aws/[ALIAS]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop --public`; if it exists, check the account
    ");
}
