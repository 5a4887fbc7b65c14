//! ECR Public: `public.ecr.aws/ALIAS/NAME` is pushed to as any other registry is.

use crate::iam::{ACCOUNT, ROLE, actions, push_policy_of, with_role, without};
use crate::support::{Context, Ended, digest};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use consign::emulator::{Quirk, Quirks, Settings};
use serde_json::{Value, json};

/// The alias that the emulator gives to the registry of its account.
const ALIAS: &str = "zdf6857b";
/// That of the registry of the account 210987654321.
const OTHERS: &str = "w65486c3";
const CREATE: [&str; 5] = ["build", "app", "--create-repository", "--push", "--tag"];

fn public(name: &str) -> String {
    format!("public.ecr.aws/{ALIAS}/{name}")
}

/// Pushes `app`, and gives what was printed.
#[track_caller]
fn push(t: &Context, tag: &str) -> String {
    t.consign(CREATE.iter().chain(&[tag])).succeeds()
}

/// What was asked for since `before`, and how often.
fn since(t: &Context, before: usize) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for request in t.ecr().requests().split_off(before) {
        match counts.iter_mut().find(|(operation, _)| *operation == request.operation) {
            Some((_, count)) => *count += 1,
            None => counts.push((request.operation, 1)),
        }
    }
    counts.sort();
    counts.iter().map(|(operation, count)| format!("{count} {operation}\n")).collect()
}

/// The digest that a reference has in the registry, for nobody in particular.
#[track_caller]
fn found(t: &Context, reference: &str) -> String {
    let read = t.consign(["inspect", reference, "--format", "json"]);
    let read = read.without("CONSIGN_ROLE_TO_ASSUME").without("AWS_ROLE_ARN").without("AWS_REGION");
    let json: Value = serde_json::from_str(&read.succeeds()).unwrap();
    json["digest"].as_str().unwrap().to_owned()
}

#[test]
fn from_nothing_to_an_image_that_everybody_can_pull() {
    let t = Context::with_ecr(&[]);
    t.app();
    let tag = public("tools/app:1");
    let ended = t.consign(CREATE.iter().chain(&[tag.as_str()])).output();
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    public.ecr.aws/zdf6857b/tools/app@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository public.ecr.aws/zdf6857b/tools/app
    layer context: sent, 188 B sha256:[SHORT]
    public.ecr.aws/zdf6857b/tools/app:1 is now sha256:[DIGEST]
    ");
    // Nobody has to be anybody to read it.
    let before = t.ecr().requests().len();
    assert_eq!(found(&t, &tag), digest(ended.stdout.trim_end()));
    assert!(!since(&t, before).contains("AssumeRole"), "{}", since(&t, before));
    assert_eq!(t.consign(["validate", &tag]).succeeds(), "valid: 1 image, 1 layer");

    // Again, and nothing is sent.
    let before = t.ecr().requests().len();
    let again = t.consign(CREATE.iter().chain(&[tag.as_str()])).output();
    insta::assert_snapshot!(again, @r"
    exit: 0
    ----- stdout -----
    public.ecr.aws/zdf6857b/tools/app@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    layer context: is in the registry already, 188 B sha256:[SHORT]
    public.ecr.aws/zdf6857b/tools/app:1 already is sha256:[DIGEST]
    ");
    assert_eq!(again.stdout, ended.stdout);
    insta::assert_snapshot!(since(&t, before), @r"
    1 AssumeRoleWithWebIdentity
    1 DescribeRegistries
    1 DescribeRepositories
    1 GET /layer/…
    1 GET /oidc/token
    1 GET /v2/
    1 GET /v2/…/blobs/…
    1 GET /v2/…/manifests/…
    1 GetAuthorizationToken
    ");
    assert_eq!(t.ecr().registry().len(), 0, "the private registry has none of it");
}

#[test]
fn as_json() {
    let t = Context::with_ecr(&[]);
    t.app();
    let tag = public("tools/app:1");
    let json = t.consign(CREATE.iter().chain(&[tag.as_str(), "--format", "json", "--progress", "none"]));
    let mut json: Value = serde_json::from_str(&json.succeeds()).unwrap();
    let mut published = json["published"][0].take();
    let layer = published["layers"][0].take();
    assert_eq!((&layer["sent"], &layer["because"]), (&json!(188), &json!("missing")));
    let digest = json["digest"].as_str().unwrap();
    insta::assert_snapshot!(format!("{published:#}").replace(digest, "[DIGEST]"), @r#"
    {
      "repository": "public.ecr.aws/zdf6857b/tools/app",
      "digest": "[DIGEST]",
      "media_type": "application/vnd.oci.image.manifest.v1+json",
      "size": 401,
      "config_digest": "sha256:d68d4702b832c4a7452fbb73934aa2a9a09ed6bc859471ed5a84e8cb48c95024",
      "platform": {
        "architecture": "amd64",
        "os": "linux"
      },
      "platforms": [
        {
          "platform": {
            "architecture": "amd64",
            "os": "linux"
          },
          "digest": "[DIGEST]"
        }
      ],
      "tags": [
        "1"
      ],
      "layers": [
        null
      ],
      "unchanged": false
    }
    "#);
    let missing = ["build", "app", "--push", "--format", "json", "--progress", "none", "--tag"];
    insta::assert_snapshot!(t.consign(missing.iter().chain(&[public("none:1").as_str()])).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: the repository `none` does not exist in the registry public.ecr.aws/zdf6857b
    hint: create it by pushing with `--create-repository`, or with `aws ecr-public create-repository --region us-east-1 --repository-name none`; if it exists, check the account
    ");
}

/// ECR Public has one region, and everything else stays in that which is in use.
#[test]
fn the_region_in_use_does_not_matter() {
    let t = Context::with_ecr(&[]);
    t.app();
    let (one, two) = (public("app:1"), public("app:2"));
    let push = [&CREATE[..], &[&one, "--tag", "shop/api:1"]].concat();
    insta::assert_snapshot!(t.consign(push).env("AWS_REGION", "eu-west-1").output().in_order(), @r"
    exit: 0
    ----- stdout -----
    public.ecr.aws/zdf6857b/app@sha256:[DIGEST]
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository public.ecr.aws/zdf6857b/app
    created the repository shop/api
    layer context to [HOST]/shop/api: sent, 188 B sha256:[SHORT]
    layer context to public.ecr.aws/zdf6857b/app: sent, 188 B sha256:[SHORT]
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    public.ecr.aws/zdf6857b/app:1 is now sha256:[DIGEST]
    ");
    t.consign([&CREATE[..], &[&two, "--region", "ap-southeast-2"]].concat()).succeeds();
    assert_eq!(found(&t, &one), found(&t, &two));
    // Without any region, ECR Public's own is enough, and the private registry wants one.
    let none = |tag: &str| {
        let run = t.consign(CREATE.iter().chain(&[tag]));
        run.without("AWS_REGION").without("AWS_DEFAULT_REGION")
    };
    none(&public("app:3")).succeeds();
    let both = format!("shop/api:1,{}", public("app:3"));
    insta::assert_snapshot!(none(&both).fails(2), @r"
    error: no AWS region is set
    hint: pass `--region`, or set AWS_REGION
    ");
    // Elsewhere the API would have refused it, as AWS's does.
    let refused = t.ecr().requests().into_iter().filter(|request| request.error.is_some());
    let refused: Vec<_> = refused.filter_map(|request| request.error).collect();
    assert!(!refused.iter().any(|code| code == "UnsupportedCommandException"), "{refused:?}");
}

#[test]
fn a_new_tag_reuses_the_newest_image() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.noise("app/node_modules/data", 6, 1);
    push(&t, &public("app:1"));
    let before = t.ecr().requests().len();
    t.file("app/server.js", "console.log('changed')\n");
    let ended = t.consign(CREATE.iter().chain(&[public("app:2").as_str()])).output();
    insta::assert_snapshot!(ended.in_order(), @r"
    exit: 0
    ----- stdout -----
    public.ecr.aws/zdf6857b/app@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 7 entries, 6.3 MB
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    layer app: sent, 190 B sha256:[SHORT]
    layer data: is in the registry already, 6.3 MB sha256:[SHORT]
    public.ecr.aws/zdf6857b/app:2 is now sha256:[DIGEST]
    ");
    insta::assert_snapshot!(since(&t, before), @r"
    1 AssumeRoleWithWebIdentity
    1 BatchCheckLayerAvailability
    1 DescribeImages
    1 DescribeRegistries
    1 DescribeRepositories
    1 GET /layer/…
    1 GET /oidc/token
    1 GET /v2/
    1 GET /v2/…/blobs/…
    2 GET /v2/…/manifests/…
    1 GetAuthorizationToken
    2 POST /v2/…/blobs/uploads/
    2 PUT /v2/…/blobs/uploads/…
    1 PUT /v2/…/manifests/…
    ");
}

#[test]
fn promotion_from_private_to_public_and_back() {
    let t = Context::with_ecr(&[]);
    t.app();
    let private = push(&t, "shop/api:1.4");
    let tag = public("api");
    let before = t.ecr().requests().len();
    let copy = ["copy", "shop/api:1.4", &tag, "--create-repository"];
    insta::assert_snapshot!(t.consign(copy).output(), @r"
    exit: 0
    ----- stdout -----
    public.ecr.aws/zdf6857b/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository public.ecr.aws/zdf6857b/api
    layer 1 of 2: sent, 318 B sha256:[SHORT]
    layer 2 of 2: sent, 188 B sha256:[SHORT]
    public.ecr.aws/zdf6857b/api:1.4 is now sha256:[DIGEST]
    public.ecr.aws/zdf6857b/api: 506 B through this machine, 0 B mounted, 0 B there already
    ");
    insta::assert_snapshot!(since(&t, before), @r"
    1 AssumeRoleWithWebIdentity
    1 BatchCheckLayerAvailability
    1 BatchGetImage
    1 CreateRepository
    1 DescribeRegistries
    1 DescribeRepositories
    2 GET /layer/…
    1 GET /oidc/token
    1 GET /v2/
    2 GET /v2/…/manifests/…
    1 GetAuthorizationToken
    2 GetDownloadUrlForLayer
    2 POST /v2/…/blobs/uploads/
    2 PUT /v2/…/blobs/uploads/…
    1 PUT /v2/…/manifests/…
    ");
    assert_eq!(found(&t, &public("api:1.4")), digest(&private));
    // Nothing is moved a second time.
    let again = t.consign(["copy", "shop/api:1.4", &public("api:1.5"), "--format", "json"]).succeeds();
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!((&again["copied"][0]["moved"], &again["copied"][0]["mounted"]), (&json!(0), &json!(0)));
    // Within ECR Public, and back.
    t.consign(["copy", &public("api:1.4"), &public("other/api"), "--create-repository"]).succeeds();
    assert_eq!(found(&t, &public("other/api:1.4")), digest(&private));
    let back = t.consign(["copy", &public("other/api:1.4"), "shop/back", "--create-repository"]).succeeds();
    assert_eq!(digest(&back), digest(&private));
    // A layout too.
    t.consign(["pull", "shop/api:1.4", "layout"]).succeeds();
    let pushed = t.consign(["push", "layout", &public("from/layout:1"), "--create-repository"]).succeeds();
    assert_eq!(pushed, format!("{}@{}", public("from/layout"), digest(&private)));
}

#[test]
fn tags_and_indexes() {
    let t = Context::with_ecr(&[]);
    t.app();
    let one = push(&t, &public("app:amd64"));
    let before = t.ecr().requests().len();
    insta::assert_snapshot!(t.consign(["tag", &public("app:amd64"), "1.4", "latest"]).output(), @r"
    exit: 0
    ----- stdout -----
    public.ecr.aws/zdf6857b/app@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    public.ecr.aws/zdf6857b/app:1.4 is now sha256:[DIGEST]
    public.ecr.aws/zdf6857b/app:latest is now sha256:[DIGEST]
    ");
    insta::assert_snapshot!(since(&t, before), @r"
    1 AssumeRoleWithWebIdentity
    1 GET /oidc/token
    1 GET /v2/
    3 GET /v2/…/manifests/…
    1 GetAuthorizationToken
    2 PUT /v2/…/manifests/…
    ");
    assert_eq!(found(&t, &public("app")), digest(&one));
    t.consign(CREATE.iter().chain(&[public("app:arm64").as_str(), "--platform", "linux/arm64"])).succeeds();
    // To look is nobody's secret.
    let before = t.ecr().requests().len();
    let look = t.consign(["index", "create", &public("app:2"), "amd64", "arm64", "--dry-run"]);
    let looked = look.without("CONSIGN_ROLE_TO_ASSUME").without("AWS_ROLE_ARN").succeeds();
    assert!(looked.contains("\"arm64\""), "{looked}");
    assert!(!since(&t, before).contains("AssumeRole"), "{}", since(&t, before));
    let index = t.consign(["index", "create", &public("app:2"), "amd64", "arm64"]).succeeds();
    assert_eq!(found(&t, &public("app:2")), digest(&index));
    assert_eq!(t.consign(["validate", &public("app:2")]).succeeds(), "valid: 2 images, 2 layers");
    // A build for both.
    let platforms = ["--platform", "linux/amd64,linux/arm64"];
    let built = t.consign(CREATE.iter().chain(&[public("app:3").as_str()]).chain(&platforms)).succeeds();
    assert_eq!(t.consign(["validate", &built]).succeeds(), "valid: 2 images, 2 layers");
}

/// An emulator in whose other account there is the public repository `shop/app`, with this policy.
fn with_another_account(policy: Option<&Value>) -> Context {
    let all = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    let t = with_role(None, &[all], &json!({}));
    crate::iam::make_other_public_repository(&t, policy);
    t
}

#[test]
fn what_others_have_is_refused_with_ones_own_alias() {
    let t = with_another_account(None);
    let build = ["build", "app", "--push", "--role-to-assume", ROLE, "--tag"];
    let theirs = format!("public.ecr.aws/{OTHERS}/shop/app:1");
    insta::assert_snapshot!(t.consign(build.iter().chain(&[theirs.as_str()])).output(), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/ci
    error: `public.ecr.aws/w65486c3/shop/app` is not in the registry of this account on ECR Public, which is called `zdf6857b` (BatchCheckLayerAvailability on public.ecr.aws/w65486c3/shop/app was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr-public:BatchCheckLayerAvailability on resource: arn:aws:ecr-public::210987654321:repository/shop/app because no resource-based policy allows the ecr-public:BatchCheckLayerAvailability action (request id [UUID]))
    hint: push to public.ecr.aws/zdf6857b/shop/app; what others have on ECR Public can only be read, unless the policy of the repository lets this account push
    ");
    let create = [theirs.as_str(), "--create-repository"];
    insta::assert_snapshot!(t.consign(build.iter().chain(&create)).fails(3), @r"
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/ci
    error: `public.ecr.aws/w65486c3/shop/app` is not in the registry of this account on ECR Public, which is called `zdf6857b`
    hint: push to public.ecr.aws/zdf6857b/shop/app; what others have on ECR Public can only be read, unless the policy of the repository lets this account push
    ");
    // One that nobody has.
    let nobodys = "public.ecr.aws/nobody/shop/app:1";
    insta::assert_snapshot!(t.consign(build.iter().chain(&[nobodys])).fails(3), @r"
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/ci
    error: `public.ecr.aws/nobody/shop/app` is not in the registry of this account on ECR Public, which is called `zdf6857b` (public.ecr.aws does not let the password of the AWS session into the repository `nobody/shop/app`: UNAUTHORIZED: Not Authorized (HTTP status 401))
    hint: push to public.ecr.aws/zdf6857b/shop/app; what others have on ECR Public can only be read, unless the policy of the repository lets this account push
    ");
    // Of a tag, and of a copy.
    push(&t, &public("app:1"));
    let copied = t.consign(["copy", &public("app:1"), &theirs, "--role-to-assume", ROLE]).fails(3);
    assert!(copied.contains("which is called `zdf6857b`"), "{copied}");
    t.consign(["tag", &theirs, "2", "--role-to-assume", ROLE]).fails(2);
    let made = t.ecr().requests().into_iter().filter(|one| one.operation == "CreateRepository").count();
    assert_eq!(made, 2, "one of the other account, one of ours");
}

/// The policy of a repository can let another account push: what counts is what ECR says, and not whose the alias is.
#[test]
fn what_others_let_one_push_to_is_pushed_to() {
    let actions = [
        "BatchCheckLayerAvailability",
        "InitiateLayerUpload",
        "UploadLayerPart",
        "CompleteLayerUpload",
        "PutImage",
    ];
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": ROLE },
        "Action": actions.map(|action| format!("ecr-public:{action}")),
        "Resource": "*",
    }] });
    let t = with_another_account(Some(&policy));
    let theirs = format!("public.ecr.aws/{OTHERS}/shop/app:1");
    let push = ["build", "app", "--push", "--role-to-assume", ROLE, "--tag", &theirs];
    let pushed = t.consign(push).succeeds();
    assert_eq!(found(&t, &theirs), digest(&pushed));
    let report = doctor(&t, &[&theirs, "--role-to-assume", ROLE]);
    assert!(report.starts_with("exit: 0"), "{report}");
    assert!(
        report.contains("`w65486c3` is the registry of another account, which lets this one in"),
        "{report}"
    );
    // For all but the one role the repository is as before.
    t.consign(["build", "app", "--push", "--no-cache", "--tag", &theirs]).fails(3);
}

#[test]
fn what_is_no_name_is_refused_before_anything_is_asked() {
    let t = Context::with_ecr(&[]);
    t.app();
    for wrong in ["public.ecr.aws/app:1", &public("x:1"), &public(&"x".repeat(206))] {
        let ended = t.consign(["build", "app", "--push", "--tag", wrong]).output();
        assert_eq!(ended.code, Some(2), "{ended}");
        assert!(ended.stderr.contains("is no repository of ECR Public"), "{ended}");
    }
    assert_eq!(t.operations(), []);
}

#[test]
fn a_repository_that_does_not_exist() {
    let t = Context::with_ecr(&[]);
    t.app();
    let tag = public("none/app:1");
    insta::assert_snapshot!(t.consign(["build", "app", "--push", "--tag", &tag]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `none/app` does not exist in the registry public.ecr.aws/zdf6857b
    hint: create it by pushing with `--create-repository`, or with `aws ecr-public create-repository --region us-east-1 --repository-name none/app`; if it exists, check the account
    ");
    insta::assert_snapshot!(t.consign(["tag", &tag, "2"]).fails(4), @r"
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `none/app` does not exist in the registry public.ecr.aws/zdf6857b
    hint: create it by pushing with `--create-repository`, or with `aws ecr-public create-repository --region us-east-1 --repository-name none/app`; if it exists, check the account
    ");
}

#[test]
fn settings_that_ecr_public_lacks() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.file("app/lifecycle.json", r#"{"rules":[]}"#);
    let settings = "{ tagMutability: IMMUTABLE, scanOnPush: true, encryption: { type: AES256 }, lifecycle: lifecycle.json }";
    t.file("app/consign.yaml", format!("apiVersion: consign/v1\nrepository: {settings}\n"));
    let tags = ["shop/api:1", "--tag", &public("app:1")];
    insta::assert_snapshot!(t.consign(CREATE.iter().chain(&tags)).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: repositories on ECR Public have no such settings: tagMutability, scanOnPush, encryption, lifecycle
    hint: leave these out of `repository:` where the push goes to ECR Public, or leave `--create-repository` out and make the repository beforehand
    ");
    assert_eq!(t.operations(), []);
    // What it has anyway.
    t.file(
        "app/consign.yaml",
        "apiVersion: consign/v1\nrepository: { tagMutability: MUTABLE, scanOnPush: false }\n",
    );
    push(&t, &public("app:1"));
    // Where nothing is made, the settings say nothing.
    t.file("app/consign.yaml", format!("apiVersion: consign/v1\nrepository: {settings}\n"));
    t.consign(["build", "app", "--push", "--tag", &public("app:2")]).succeeds();
}

/// An emulator with a role for each of `policies`, named by its place.
fn with_roles(policies: &[Value]) -> Context {
    let trust = crate::iam::any_job();
    let role = |(place, policy): (usize, &Value)| json!({ "name": format!("r{place}"), "trustPolicy": trust, "policies": { "push": policy } });
    let roles: Vec<_> = policies.iter().enumerate().map(role).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("iam.json");
    fs_err::write(&path, json!({ "accounts": { ACCOUNT: { "roles": roles } } }).to_string()).unwrap();
    let t = Context::with_settings(Settings { iam: Some(path), ..Settings::default() });
    t.app();
    t
}

/// Pushes something new with the role of the policy at `place`.
fn push_as(t: &Context, place: usize, repository: &str, options: &[&str]) -> Ended {
    t.file("app/server.js", format!("console.log('{place}')\n"));
    let (tag, role) =
        (public(&format!("{repository}:{place}")), format!("arn:aws:iam::{ACCOUNT}:role/r{place}"));
    let fixed = ["build", "app", "--push", "--role-to-assume", &role, "--tag", &tag];
    t.consign(fixed.iter().chain(options)).output()
}

#[test]
fn the_policy_is_enough_and_every_action_of_it_is_needed() {
    let policy = push_policy_of(&public("app"), &["--account", ACCOUNT]);
    let bare = push_policy_of(&public("app"), &["--account", ACCOUNT, "--no-cache"]);
    assert_eq!(without(&policy, "ecr-public:DescribeImages"), bare);
    let all = actions(&policy);
    let lacking = all.iter().map(|action| without(&policy, action));
    let t = with_roles(&lacking.chain([policy.clone()]).collect::<Vec<_>>());
    push(&t, &public("app:1"));
    let ended = push_as(&t, all.len(), "app", &[]);
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(!ended.stderr.contains("denied"), "{ended}");
    for (place, action) in all.iter().enumerate() {
        let ended = push_as(&t, place, "app", &[]);
        let optional = action == "ecr-public:DescribeImages";
        assert_eq!(ended.code, Some(if optional { 0 } else { 3 }), "without {action}: {ended}");
        assert!(optional || ended.stderr.contains(action), "without {action}: {ended}");
    }
}

#[test]
fn the_policy_for_making_the_repository_too() {
    let policy = push_policy_of(&public("a*"), &["--account", ACCOUNT, "--create-repository"]);
    let creates = ["DescribeRegistries", "DescribeRepositories", "CreateRepository"];
    let creates = creates.map(|name| format!("ecr-public:{name}"));
    let lacking = creates.iter().map(|action| without(&policy, action));
    let t = with_roles(&lacking.chain([policy.clone()]).collect::<Vec<_>>());
    for (place, action) in creates.iter().enumerate() {
        let ended = push_as(&t, place, "app", &["--create-repository"]);
        assert_eq!(ended.code, Some(3), "without {action}: {ended}");
        assert!(ended.stderr.contains(action), "without {action}: {ended}");
    }
    let ended = push_as(&t, creates.len(), "app", &["--create-repository"]);
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(!ended.stderr.contains("denied"), "{ended}");
}

#[test]
fn what_is_denied_says_what_to_allow() {
    let policy = push_policy_of(&public("a*"), &["--account", ACCOUNT, "--create-repository"]);
    let actions = [
        "sts:GetServiceBearerToken",
        "ecr-public:BatchCheckLayerAvailability",
        "ecr-public:PutImage",
        "ecr-public:DescribeRegistries",
    ];
    let t = with_roles(&actions.map(|action| without(&policy, action)));
    push(&t, &public("app:1"));
    insta::assert_snapshot!(push_as(&t, 0, "app", &[]), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 37 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/r0
    error: ECR Public gave no password for its registry: GetAuthorizationToken: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/r0/consign is not authorized to perform: sts:GetServiceBearerToken on resource: arn:aws:sts::123456789012:self because no identity-based policy allows the sts:GetServiceBearerToken action
    hint: the role needs the permissions `ecr-public:GetAuthorizationToken` and `sts:GetServiceBearerToken`, both on `*`
    ");
    insta::assert_snapshot!(push_as(&t, 1, "app", &[]), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 37 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/r1
    error: BatchCheckLayerAvailability on public.ecr.aws/zdf6857b/app was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/r1/consign is not authorized to perform: ecr-public:BatchCheckLayerAvailability on resource: arn:aws:ecr-public::123456789012:repository/app because no identity-based policy allows the ecr-public:BatchCheckLayerAvailability action (request id [UUID])
    hint: the role needs the permission `ecr-public:BatchCheckLayerAvailability` on the repository
    ");
    insta::assert_snapshot!(push_as(&t, 2, "app", &[]), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 37 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/r2
    layer context: sent, 183 B sha256:[SHORT]
    error: PUT manifests on public.ecr.aws/zdf6857b/app was denied: DENIED: User: arn:aws:sts::123456789012:assumed-role/r2/consign is not authorized to perform: ecr-public:PutImage on resource: arn:aws:ecr-public::123456789012:repository/app because no identity-based policy allows the ecr-public:PutImage action (HTTP status 403)
    hint: the registry knows these credentials, and they may not do this: give their owner the right to push to the repository (for ECR: the IAM permission that the message names), and check the name
    ");
    insta::assert_snapshot!(push_as(&t, 3, "another", &["--create-repository"]), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 37 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/r3
    error: DescribeRegistries on public.ecr.aws was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/r3/consign is not authorized to perform: ecr-public:DescribeRegistries on resource: * because no identity-based policy allows the ecr-public:DescribeRegistries action (request id [UUID])
    hint: the role needs the permission `ecr-public:DescribeRegistries` on `*`
    ");
}

#[test]
fn the_policies() {
    let t = Context::new();
    let policy = |arguments: &[&str]| t.consign(["iam", "push-policy"].iter().chain(arguments)).output();
    let both = ["--repository", "shop/api", "--repository", "public.ecr.aws/a1b2c3d4/shop/*"];
    let of = ["--account", ACCOUNT, "--region", "eu-west-1"];
    insta::assert_snapshot!(policy(&[&both[..], &of].concat()), @r#"
    exit: 0
    ----- stdout -----
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "ConsignPush",
          "Effect": "Allow",
          "Action": [
            "ecr:BatchCheckLayerAvailability",
            "ecr:InitiateLayerUpload",
            "ecr:UploadLayerPart",
            "ecr:CompleteLayerUpload",
            "ecr:PutImage"
          ],
          "Resource": [
            "arn:aws:ecr:eu-west-1:123456789012:repository/shop/api"
          ]
        },
        {
          "Sid": "ConsignReuse",
          "Effect": "Allow",
          "Action": [
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
            "ecr:DescribeImages"
          ],
          "Resource": [
            "arn:aws:ecr:eu-west-1:123456789012:repository/shop/api"
          ]
        },
        {
          "Sid": "ConsignPublicLogin",
          "Effect": "Allow",
          "Action": [
            "ecr-public:GetAuthorizationToken",
            "sts:GetServiceBearerToken"
          ],
          "Resource": [
            "*"
          ]
        },
        {
          "Sid": "ConsignPublicPush",
          "Effect": "Allow",
          "Action": [
            "ecr-public:BatchCheckLayerAvailability",
            "ecr-public:InitiateLayerUpload",
            "ecr-public:UploadLayerPart",
            "ecr-public:CompleteLayerUpload",
            "ecr-public:PutImage"
          ],
          "Resource": [
            "arn:aws:ecr-public::123456789012:repository/shop/*"
          ]
        },
        {
          "Sid": "ConsignPublicReuse",
          "Effect": "Allow",
          "Action": [
            "ecr-public:DescribeImages"
          ],
          "Resource": [
            "arn:aws:ecr-public::123456789012:repository/shop/*"
          ]
        }
      ]
    }
    ----- stderr -----
    "#);
    let lifecycle = ["--create-repository", "--lifecycle-policy"];
    insta::assert_snapshot!(policy(&[&both[..], &of, &lifecycle].concat()), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --lifecycle-policy: ECR Public has no lifecycle policies
    ");
    for wrong in ["public.ecr.aws/api", "public.ecr.aws/*/api"] {
        let ended = policy(&[&["--repository", wrong], &of[..]].concat());
        assert_eq!(ended.code, Some(2), "{ended}");
        assert!(ended.stderr.contains("public.ecr.aws/ALIAS/NAME"), "{ended}");
    }
}

/// What no source settles about ECR Public can be either way, and lines can be bad.
#[test]
fn large_layers_over_bad_lines_and_with_every_reading() {
    let twin = Context::with_ecr(&[]);
    twin.noise("app/data", 12, 1);
    twin.file("app/small", "x");
    let expected = digest(&push(&twin, "shop/api:1"));
    let faults = [
        "reset:PATCH /v2/*,nth=2",
        "vanish:PATCH /v2/*,nth=3",
        "lose-answer:PUT /v2/*",
        "throttle:POST /v2/*",
        "expire:PUT /v2/*/manifests/*",
    ];
    let t = with_quirk("401", &faults);
    t.noise("app/data", 12, 1);
    t.file("app/small", "x");
    let tag = public("app:1");
    let pushed = push(&t, &tag);
    assert_eq!((digest(&pushed), found(&t, &tag)), (expected.clone(), expected));
    assert!(t.consign(["validate", &tag]).succeeds().starts_with("valid: 1 image"));
    assert_eq!(push(&t, &tag), pushed);
    for head in ["401-anonymous", "200"] {
        let t = with_quirk(head, &["lose-answer:PUT /v2/*"]);
        t.app();
        assert_eq!(digest(&push(&t, &tag)), found(&t, &tag), "{head}");
    }
}

/// An emulator that answers this to `HEAD` of a blob on ECR Public.
fn with_quirk(head: &str, faults: &[&str]) -> Context {
    let quirk: Quirk = format!("public-head-blob={head}").parse().unwrap();
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    Context::with_settings(Settings { quirks: Quirks::from_iter([quirk]), faults, ..Settings::default() })
}

#[test]
fn throttled_until_it_gives_up() {
    let t = Context::with_ecr(&["throttle:BatchCheckLayerAvailability,times=always"]);
    t.app();
    let tag = public("app:1");
    let push = [&CREATE[..], &[&tag, "--retry-max-attempts", "2"]].concat();
    insta::assert_snapshot!(t.consign(push).output(), @r"
exit: 5
----- stdout -----
----- stderr -----
reading app
context: 4 entries, 41 B
authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
created the repository public.ecr.aws/zdf6857b/app
error: BatchCheckLayerAvailability on public.ecr.aws/zdf6857b/app did not get through: ThrottlingException: Rate exceeded (request id [UUID])
hint: check the network, and `AWS_ENDPOINT_URL_ECR_PUBLIC` if it is set; then run the same command again: what is stored is not sent twice
");
    let t = Context::with_ecr(&[
        "throttle:DescribeRegistries,times=2",
        "throttle:CreateRepository",
        "throttle:GetAuthorizationToken",
    ]);
    t.app();
    self::push(&t, &tag);
}

/// What `consign doctor` says, with times replaced.
fn doctor(t: &Context, arguments: &[&str]) -> String {
    crate::doctor::shown(&t.consign([&["doctor", "--tag"], arguments].concat()).output())
}

#[test]
fn the_doctor_looks_at_all_that_the_push_needs_and_changes_nothing() {
    let t = Context::with_ecr(&[]);
    t.app();
    let (one, new) = (public("app:1"), public("new:1"));
    push(&t, &one);
    insta::assert_snapshot!(doctor(&t, &[&one, "--tag", &public("app:2"), "--region", "eu-west-1"]), @r"
    exit: 0
    ----- stdout -----
    not checked CI                                     none that is known; that is no problem
    good        token                                  of GitHub Actions, for another [LONG]
                                                       issuer http://[HOST]/oidc
                                                       subject repo:consign/demo:ref:refs/heads/main
                                                       audience sts.amazonaws.com
                                                       expires [WHEN]
    good        region                                 eu-west-1, from --region
    good        role                                   arn:aws:iam::123456789012:role/consign was assumed
                                                       session arn:aws:sts::123456789012:assumed-role/consign/consign
    good        account                                123456789012

    public.ecr.aws/zdf6857b/app
    good        alias                                  `zdf6857b` is the registry of this account, in us-east-1
    good        repository                             is there
    good        tag 1                                  would be moved; now it belongs to sha256:[DIGEST]
    good        tag 2                                  is new
    good        ecr-public:GetAuthorizationToken       is allowed
    good        sts:GetServiceBearerToken              is allowed
    good        ecr-public:BatchCheckLayerAvailability is allowed
    good        ecr-public:InitiateLayerUpload         is allowed; to see that, an upload was opened, which ECR drops by itself
    good        ecr-public:UploadLayerPart             is allowed
    good        ecr-public:CompleteLayerUpload         is allowed
    good        ecr-public:PutImage                    is allowed
    good        ecr-public:DescribeImages              is allowed
    good        /v2/                                   public.ecr.aws lets us in
    ----- stderr -----
    ");
    insta::assert_snapshot!(doctor(&t, &[&new]), @r"
    exit: 4
    ----- stdout -----
    not checked CI                                     none that is known; that is no problem
    good        token                                  of GitHub Actions, for another [LONG]
                                                       issuer http://[HOST]/oidc
                                                       subject repo:consign/demo:ref:refs/heads/main
                                                       audience sts.amazonaws.com
                                                       expires [WHEN]
    good        region                                 us-east-1, from AWS_REGION
    good        role                                   arn:aws:iam::123456789012:role/consign was assumed
                                                       session arn:aws:sts::123456789012:assumed-role/consign/consign
    good        account                                123456789012

    public.ecr.aws/zdf6857b/new
    good        alias                                  `zdf6857b` is the registry of this account, in us-east-1
    missing     repository                             does not exist in the registry public.ecr.aws/zdf6857b
                                                       hint: create it by pushing with `--create-repository`, or with `aws ecr-public create-repository --region us-east-1 --repository-name new`; if it exists, check the account
    good        tag 1                                  is new, as the repository is
    good        ecr-public:GetAuthorizationToken       is allowed
    good        sts:GetServiceBearerToken              is allowed
    good        ecr-public:BatchCheckLayerAvailability is allowed
    good        ecr-public:InitiateLayerUpload         is allowed; to see that, an upload was opened, which ECR drops by itself
    good        ecr-public:UploadLayerPart             is allowed
    good        ecr-public:CompleteLayerUpload         is allowed
    good        ecr-public:PutImage                    is allowed
    good        ecr-public:DescribeImages              is allowed
    good        /v2/                                   public.ecr.aws lets us in
    ----- stderr -----
    error: the push would not work: repository
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
    let before = t.ecr().requests().len();
    let creating = doctor(&t, &[&new, "--create-repository", "--no-cache"]);
    assert!(creating.starts_with("exit: 0") && creating.contains("the push would create it"), "{creating}");
    insta::assert_snapshot!(since(&t, before), @r"
    1 AssumeRoleWithWebIdentity
    1 BatchCheckLayerAvailability
    1 CompleteLayerUpload
    1 DescribeRegistries
    2 DescribeRepositories
    2 GET /oidc/token
    1 GET /v2/
    1 GET /v2/…/blobs/…
    2 GetAuthorizationToken
    1 GetCallerIdentity
    1 InitiateLayerUpload
    1 PutImage
    1 UploadLayerPart
    ");
    // A private one beside it.
    let both = t.consign(["doctor", "--tag", &one, "--tag", "shop/api:1", "--format", "json"]).output();
    let report: Value = serde_json::from_str(&both.stdout).unwrap();
    let on = |check: &&Value| check["on"] == format!("public.ecr.aws/{ALIAS}/app");
    let checks: Vec<_> = report["checks"].as_array().unwrap().iter().filter(on).collect();
    assert_eq!((both.code, checks.len()), (Some(4), 12), "{report:#}");
    assert!(checks.iter().all(|check| check["outcome"] == "good"), "{report:#}");
}

#[test]
fn the_doctor_says_what_is_missing() {
    let policy = push_policy_of(&public("app"), &["--account", ACCOUNT]);
    let lacking = ["sts:GetServiceBearerToken", "ecr-public:PutImage", "ecr-public:DescribeImages"];
    let none = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "ecr:*", "Resource": "*" },
    ] });
    let t = with_roles(&[
        without(&policy, lacking[0]),
        lacking[1..].iter().fold(policy, |policy, action| without(&policy, action)),
        none,
    ]);
    push(&t, &public("app:1"));
    let role = |place: usize| format!("arn:aws:iam::{ACCOUNT}:role/r{place}");
    insta::assert_snapshot!(doctor(&t, &[&public("app:1"), "--role-to-assume", &role(0)]), @r#"
    exit: 3
    ----- stdout -----
    not checked CI                                     none that is known; that is no problem
    good        token                                  of GitHub Actions, for another [LONG]
                                                       issuer http://[HOST]/oidc
                                                       subject repo:consign/demo:ref:refs/heads/main
                                                       audience sts.amazonaws.com
                                                       expires [WHEN]
    good        region                                 us-east-1, from AWS_REGION
    good        role                                   arn:aws:iam::123456789012:role/r0 was assumed
                                                       session arn:aws:sts::123456789012:assumed-role/r0/consign
    good        account                                123456789012

    public.ecr.aws/zdf6857b/app
    good        alias                                  the registry `zdf6857b` lets this role in
    good        repository                             is there
    not checked tag 1                                  ECR Public gave no password for its registry: GetAuthorizationToken: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/r0/consign is not authorized to perform: sts:GetServiceBearerToken on resource: arn:aws:sts::123456789012:self because no identity-based policy allows the sts:GetServiceBearerToken action
    not checked ecr-public:GetAuthorizationToken       the call that needs it was denied for another reason
    missing     sts:GetServiceBearerToken              User: arn:aws:sts::123456789012:assumed-role/r0/consign is not authorized to perform: sts:GetServiceBearerToken on resource: arn:aws:sts::123456789012:self because no identity-based policy allows the sts:GetServiceBearerToken action
    good        ecr-public:BatchCheckLayerAvailability is allowed
    good        ecr-public:InitiateLayerUpload         is allowed; to see that, an upload was opened, which ECR drops by itself
    good        ecr-public:UploadLayerPart             is allowed
    good        ecr-public:CompleteLayerUpload         is allowed
    good        ecr-public:PutImage                    is allowed
    good        ecr-public:DescribeImages              is allowed
    not checked /v2/                                   there is no password for it without ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken

    add to a policy of arn:aws:iam::123456789012:role/r0:
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "ConsignPublicLogin",
          "Effect": "Allow",
          "Action": [
            "ecr-public:GetAuthorizationToken",
            "sts:GetServiceBearerToken"
          ],
          "Resource": [
            "*"
          ]
        }
      ]
    }
    ----- stderr -----
    error: the push would not work: sts:GetServiceBearerToken
    hint: the lines that are not good say what helps, and the policies below them what to add; then run `consign doctor` again
    "#);
    insta::assert_snapshot!(doctor(&t, &[&public("app:1"), "--role-to-assume", &role(1)]), @r#"
    exit: 3
    ----- stdout -----
    not checked CI                                     none that is known; that is no problem
    good        token                                  of GitHub Actions, for another [LONG]
                                                       issuer http://[HOST]/oidc
                                                       subject repo:consign/demo:ref:refs/heads/main
                                                       audience sts.amazonaws.com
                                                       expires [WHEN]
    good        region                                 us-east-1, from AWS_REGION
    good        role                                   arn:aws:iam::123456789012:role/r1 was assumed
                                                       session arn:aws:sts::123456789012:assumed-role/r1/consign
    good        account                                123456789012

    public.ecr.aws/zdf6857b/app
    not checked alias                                  whose it is, is not known without ecr-public:DescribeRegistries
    good        repository                             is there
    good        tag 1                                  would be moved; now it belongs to sha256:[DIGEST]
    good        ecr-public:GetAuthorizationToken       is allowed
    good        sts:GetServiceBearerToken              is allowed
    good        ecr-public:BatchCheckLayerAvailability is allowed
    good        ecr-public:InitiateLayerUpload         is allowed; to see that, an upload was opened, which ECR drops by itself
    good        ecr-public:UploadLayerPart             is allowed
    good        ecr-public:CompleteLayerUpload         is allowed
    missing     ecr-public:PutImage                    User: arn:aws:sts::123456789012:assumed-role/r1/consign is not authorized to perform: ecr-public:PutImage on resource: arn:aws:ecr-public::123456789012:repository/app because no identity-based policy allows the ecr-public:PutImage action
    limited     ecr-public:DescribeImages              User: arn:aws:sts::123456789012:assumed-role/r1/consign is not authorized to perform: ecr-public:DescribeImages on resource: arn:aws:ecr-public::123456789012:repository/app because no identity-based policy allows the ecr-public:DescribeImages action; without it under a new tag, layers that the registry has are compressed before that is found out
    good        /v2/                                   public.ecr.aws lets us in

    add to a policy of arn:aws:iam::123456789012:role/r1:
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "ConsignPublicPush",
          "Effect": "Allow",
          "Action": [
            "ecr-public:PutImage"
          ],
          "Resource": [
            "arn:aws:ecr-public::123456789012:repository/app"
          ]
        },
        {
          "Sid": "ConsignPublicReuse",
          "Effect": "Allow",
          "Action": [
            "ecr-public:DescribeImages"
          ],
          "Resource": [
            "arn:aws:ecr-public::123456789012:repository/app"
          ]
        }
      ]
    }
    ----- stderr -----
    error: the push would not work: ecr-public:PutImage
    hint: the lines that are not good say what helps, and the policies below them what to add; then run `consign doctor` again
    "#);
    insta::assert_snapshot!(doctor(&t, &[&public("app:1"), "--create-repository", "--role-to-assume", &role(2)]), @r#"
    exit: 3
    ----- stdout -----
    not checked CI                                     none that is known; that is no problem
    good        token                                  of GitHub Actions, for another [LONG]
                                                       issuer http://[HOST]/oidc
                                                       subject repo:consign/demo:ref:refs/heads/main
                                                       audience sts.amazonaws.com
                                                       expires [WHEN]
    good        region                                 us-east-1, from AWS_REGION
    good        role                                   arn:aws:iam::123456789012:role/r2 was assumed
                                                       session arn:aws:sts::123456789012:assumed-role/r2/consign
    good        account                                123456789012

    public.ecr.aws/zdf6857b/app
    not checked alias                                  whose it is, is not known without ecr-public:DescribeRegistries
    not checked repository                             no call that is allowed tells whether it is there
    not checked tag 1                                  ECR Public gave no password for its registry: GetAuthorizationToken: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/r2/consign is not authorized to perform: ecr-public:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr-public:GetAuthorizationToken action
    missing     ecr-public:GetAuthorizationToken       User: arn:aws:sts::123456789012:assumed-role/r2/consign is not authorized to perform: ecr-public:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr-public:GetAuthorizationToken action
    not checked sts:GetServiceBearerToken              the call that needs it was denied for another reason
    missing     ecr-public:BatchCheckLayerAvailability User: arn:aws:sts::123456789012:assumed-role/r2/consign is not authorized to perform: ecr-public:BatchCheckLayerAvailability on resource: arn:aws:ecr-public::123456789012:repository/app because no identity-based policy allows the ecr-public:BatchCheckLayerAvailability action
    missing     ecr-public:InitiateLayerUpload         User: arn:aws:sts::123456789012:assumed-role/r2/consign is not authorized to perform: ecr-public:InitiateLayerUpload on resource: arn:aws:ecr-public::123456789012:repository/app because no identity-based policy allows the ecr-public:InitiateLayerUpload action
    missing     ecr-public:UploadLayerPart             User: arn:aws:sts::123456789012:assumed-role/r2/consign is not authorized to perform: ecr-public:UploadLayerPart on resource: arn:aws:ecr-public::123456789012:repository/app because no identity-based policy allows the ecr-public:UploadLayerPart action
    missing     ecr-public:CompleteLayerUpload         User: arn:aws:sts::123456789012:assumed-role/r2/consign is not authorized to perform: ecr-public:CompleteLayerUpload on resource: arn:aws:ecr-public::123456789012:repository/app because no identity-based policy allows the ecr-public:CompleteLayerUpload action
    missing     ecr-public:PutImage                    User: arn:aws:sts::123456789012:assumed-role/r2/consign is not authorized to perform: ecr-public:PutImage on resource: arn:aws:ecr-public::123456789012:repository/app because no identity-based policy allows the ecr-public:PutImage action
    limited     ecr-public:DescribeImages              User: arn:aws:sts::123456789012:assumed-role/r2/consign is not authorized to perform: ecr-public:DescribeImages on resource: arn:aws:ecr-public::123456789012:repository/app because no identity-based policy allows the ecr-public:DescribeImages action; without it under a new tag, layers that the registry has are compressed before that is found out
    missing     ecr-public:DescribeRegistries          User: arn:aws:sts::123456789012:assumed-role/r2/consign is not authorized to perform: ecr-public:DescribeRegistries on resource: * because no identity-based policy allows the ecr-public:DescribeRegistries action
    missing     ecr-public:DescribeRepositories        User: arn:aws:sts::123456789012:assumed-role/r2/consign is not authorized to perform: ecr-public:DescribeRepositories on resource: arn:aws:ecr-public::123456789012:repository/app because no identity-based policy allows the ecr-public:DescribeRepositories action
    not checked ecr-public:CreateRepository            can't be known without creating the repository
    not checked /v2/                                   there is no password for it without ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken

    add to a policy of arn:aws:iam::123456789012:role/r2:
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "ConsignPublicLogin",
          "Effect": "Allow",
          "Action": [
            "ecr-public:GetAuthorizationToken",
            "sts:GetServiceBearerToken"
          ],
          "Resource": [
            "*"
          ]
        },
        {
          "Sid": "ConsignPublicPush",
          "Effect": "Allow",
          "Action": [
            "ecr-public:BatchCheckLayerAvailability",
            "ecr-public:InitiateLayerUpload",
            "ecr-public:UploadLayerPart",
            "ecr-public:CompleteLayerUpload",
            "ecr-public:PutImage"
          ],
          "Resource": [
            "arn:aws:ecr-public::123456789012:repository/app"
          ]
        },
        {
          "Sid": "ConsignPublicReuse",
          "Effect": "Allow",
          "Action": [
            "ecr-public:DescribeImages"
          ],
          "Resource": [
            "arn:aws:ecr-public::123456789012:repository/app"
          ]
        },
        {
          "Sid": "ConsignPublicAlias",
          "Effect": "Allow",
          "Action": [
            "ecr-public:DescribeRegistries"
          ],
          "Resource": [
            "*"
          ]
        },
        {
          "Sid": "ConsignPublicCreate",
          "Effect": "Allow",
          "Action": [
            "ecr-public:DescribeRepositories"
          ],
          "Resource": [
            "arn:aws:ecr-public::123456789012:repository/app"
          ]
        }
      ]
    }
    ----- stderr -----
    error: the push would not work: ecr-public:GetAuthorizationToken, ecr-public:BatchCheckLayerAvailability, ecr-public:InitiateLayerUpload, ecr-public:UploadLayerPart, ecr-public:CompleteLayerUpload, ecr-public:PutImage, ecr-public:DescribeRegistries, ecr-public:DescribeRepositories
    hint: the lines that are not good say what helps, and the policies below them what to add; then run `consign doctor` again
    "#);
}

#[test]
fn the_doctor_knows_an_alias_that_is_not_ones_own() {
    let t = with_another_account(None);
    let theirs = format!("public.ecr.aws/{OTHERS}/shop/app:1");
    insta::assert_snapshot!(doctor(&t, &[&theirs, "--role-to-assume", ROLE]), @r"
    exit: 3
    ----- stdout -----
    not checked CI                                     none that is known; that is no problem
    good        token                                  of GitHub Actions, for another [LONG]
                                                       issuer http://[HOST]/oidc
                                                       subject repo:consign/demo:ref:refs/heads/main
                                                       audience sts.amazonaws.com
                                                       expires [WHEN]
    good        region                                 us-east-1, from AWS_REGION
    good        role                                   arn:aws:iam::123456789012:role/ci was assumed
                                                       session arn:aws:sts::123456789012:assumed-role/ci/consign
    good        account                                123456789012

    public.ecr.aws/w65486c3/shop/app
    failed      alias                                  `public.ecr.aws/w65486c3/shop/app` is not in the registry of this account on ECR Public, which is called `zdf6857b`
                                                       hint: push to public.ecr.aws/zdf6857b/shop/app; what others have on ECR Public can only be read, unless the policy of the repository lets this account push
    not checked repository                             no call that is allowed tells whether it is there
    good        tag 1                                  is new
    good        ecr-public:GetAuthorizationToken       is allowed
    good        sts:GetServiceBearerToken              is allowed
    missing     ecr-public:BatchCheckLayerAvailability User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr-public:BatchCheckLayerAvailability on resource: arn:aws:ecr-public::210987654321:repository/shop/app because no resource-based policy allows the ecr-public:BatchCheckLayerAvailability action
    missing     ecr-public:InitiateLayerUpload         User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr-public:InitiateLayerUpload on resource: arn:aws:ecr-public::210987654321:repository/shop/app because no resource-based policy allows the ecr-public:InitiateLayerUpload action
    missing     ecr-public:UploadLayerPart             User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr-public:UploadLayerPart on resource: arn:aws:ecr-public::210987654321:repository/shop/app because no resource-based policy allows the ecr-public:UploadLayerPart action
    missing     ecr-public:CompleteLayerUpload         User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr-public:CompleteLayerUpload on resource: arn:aws:ecr-public::210987654321:repository/shop/app because no resource-based policy allows the ecr-public:CompleteLayerUpload action
    missing     ecr-public:PutImage                    User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr-public:PutImage on resource: arn:aws:ecr-public::210987654321:repository/shop/app because no resource-based policy allows the ecr-public:PutImage action
    not checked ecr-public:DescribeImages              is about the registry of this account alone
    good        /v2/                                   public.ecr.aws lets us in
    ----- stderr -----
    error: the push would not work: alias, ecr-public:BatchCheckLayerAvailability, ecr-public:InitiateLayerUpload, ecr-public:UploadLayerPart, ecr-public:CompleteLayerUpload, ecr-public:PutImage
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
    insta::assert_snapshot!(doctor(&t, &["public.ecr.aws/nobody/app:1", "--role-to-assume", ROLE]), @r"
    exit: 3
    ----- stdout -----
    not checked CI                                     none that is known; that is no problem
    good        token                                  of GitHub Actions, for another [LONG]
                                                       issuer http://[HOST]/oidc
                                                       subject repo:consign/demo:ref:refs/heads/main
                                                       audience sts.amazonaws.com
                                                       expires [WHEN]
    good        region                                 us-east-1, from AWS_REGION
    good        role                                   arn:aws:iam::123456789012:role/ci was assumed
                                                       session arn:aws:sts::123456789012:assumed-role/ci/consign
    good        account                                123456789012

    public.ecr.aws/nobody/app
    failed      alias                                  `public.ecr.aws/nobody/app` is not in the registry of this account on ECR Public, which is called `zdf6857b`
                                                       hint: push to public.ecr.aws/zdf6857b/app; what others have on ECR Public can only be read, unless the policy of the repository lets this account push
    not checked ecr-public:GetAuthorizationToken       there is no registry with that alias
    not checked sts:GetServiceBearerToken              there is no registry with that alias
    not checked ecr-public:BatchCheckLayerAvailability there is no registry with that alias
    not checked ecr-public:InitiateLayerUpload         there is no registry with that alias
    not checked ecr-public:UploadLayerPart             there is no registry with that alias
    not checked ecr-public:CompleteLayerUpload         there is no registry with that alias
    not checked ecr-public:PutImage                    there is no registry with that alias
    not checked ecr-public:DescribeImages              there is no registry with that alias
    ----- stderr -----
    error: the push would not work: alias
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
    t.ecr().inject("throttle:DescribeRegistries,times=always".parse().unwrap());
    let ended = doctor(&t, &[&theirs, "--retry-max-attempts", "1"]);
    assert!(ended.starts_with("exit: 5") && ended.contains("ECR Public could not be asked"), "{ended}");
}

/// The password in an entry of Docker's file.
fn password(t: &Context) -> String {
    let file = fs_err::read(t.path(".docker/config.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    let pair = BASE64_STANDARD.decode(file["auths"]["public.ecr.aws"]["auth"].as_str().unwrap()).unwrap();
    String::from_utf8(pair).unwrap().strip_prefix("AWS:").unwrap().to_owned()
}

/// What the registry answers to who begins an upload with this password, as Docker does after a login.
fn upload_status(t: &Context, path: &str, password: &str) -> u16 {
    let url = format!("http://{}/v2/{path}/blobs/uploads/", t.ecr().address());
    let request = reqwest::Client::new().post(url).basic_auth("AWS", Some(password));
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(async { request.send().await.unwrap().status().as_u16() })
}

#[test]
fn a_login_that_docker_can_use() {
    let t = Context::with_ecr(&[]);
    t.app();
    push(&t, &public("app:1"));
    insta::assert_snapshot!(t.consign(["login", "public.ecr.aws"]).env("AWS_REGION", "eu-west-1").output(), @r"
    exit: 0
    ----- stdout -----
    public.ecr.aws until [TIME] in [DIR]/.docker/config.json
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    the password in [DIR]/.docker/config.json opens this role's registries for 12 hours, to whoever reads it; `consign logout` takes it out, and `consign login --helper` keeps none on disk
    ");
    assert_eq!(upload_status(&t, &format!("{ALIAS}/app"), &password(&t)), 202);
    // What reads without credentials reads with them too.
    let before = t.ecr().requests().len();
    found(&t, &public("app:1"));
    assert!(since(&t, before).contains("GET /v2/…/manifests/…"), "{}", since(&t, before));
    // It opens nothing that is private, and the other way round.
    push(&t, "shop/api:1");
    assert_eq!(upload_status(&t, "shop/api", &password(&t)), 401);
    let both = t.consign(["login", ACCOUNT, "public.ecr.aws", "https://public.ecr.aws", "--format", "json"]);
    let both: Value = serde_json::from_str(&both.succeeds()).unwrap();
    let names: Vec<_> =
        both["registries"].as_array().unwrap().iter().map(|row| row["registry"].clone()).collect();
    assert_eq!(names, [json!(t.ecr().address().to_string()), json!("public.ecr.aws")]);
    let printed = t.consign(["login", "public.ecr.aws", "--print-password"]).succeeds();
    assert_eq!(upload_status(&t, &format!("{ALIAS}/app"), &printed), 202);
    insta::assert_snapshot!(t.consign(["logout", "public.ecr.aws"]).output(), @r"
    exit: 0
    ----- stdout -----
    public.ecr.aws
    ----- stderr -----
    ");
    let left = fs_err::read_to_string(t.path(".docker/config.json")).unwrap();
    assert!(!left.contains("public.ecr.aws") && left.contains("127.0.0.1"), "{left}");
}

#[test]
fn the_credential_helper_knows_it() {
    let t = Context::with_ecr(&[]);
    t.app();
    push(&t, &public("app:1"));
    fs_err::create_dir(t.path("bin")).unwrap();
    let path = format!("{}:/usr/bin:/bin", t.path("bin").display());
    let login = ["login", "--helper", "--link-dir", "bin", "public.ecr.aws"];
    // It stands in the file without anything being asked.
    let before = t.operations();
    assert_eq!(
        t.consign(login).env("PATH", &path).succeeds(),
        "public.ecr.aws through docker-credential-consign"
    );
    assert_eq!(t.operations(), before);
    let asked = t.shell("echo https://public.ecr.aws | docker-credential-consign get").env("PATH", &path);
    let answer: Value = serde_json::from_str(&asked.succeeds()).unwrap();
    assert_eq!(
        (&answer["ServerURL"], &answer["Username"]),
        (&json!("https://public.ecr.aws"), &json!("AWS"))
    );
    assert_eq!(upload_status(&t, &format!("{ALIAS}/app"), answer["Secret"].as_str().unwrap()), 202);

    // Whom AWS gives no password can still pull.
    let policy = push_policy_of("shop/api", &["--account", ACCOUNT, "--region", "us-east-1"]);
    let t = with_roles(&[policy]);
    let role = format!("arn:aws:iam::{ACCOUNT}:role/r0");
    let asked = t.shell("echo public.ecr.aws | docker-credential-consign get");
    fs_err::create_dir(t.path("bin")).unwrap();
    t.consign(login).env("PATH", format!("{}:/usr/bin:/bin", t.path("bin").display())).succeeds();
    let path = format!("{}:/usr/bin:/bin", t.path("bin").display());
    insta::assert_snapshot!(asked.env("PATH", path).env("CONSIGN_ROLE_TO_ASSUME", role).output(), @r"
    exit: 1
    ----- stdout -----
    credentials not found in native keychain
    ----- stderr -----
    error: ECR Public gave no password for its registry: GetAuthorizationToken: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/r0/consign is not authorized to perform: ecr-public:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr-public:GetAuthorizationToken action
    hint: the role needs the permissions `ecr-public:GetAuthorizationToken` and `sts:GetServiceBearerToken`, both on `*`
    ");
}
