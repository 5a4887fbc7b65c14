//! `consign iam`: the documents are those that a push needs, no more and no less. The emulator enforces them.

use crate::support::{Context, Ended};
use aws_sdk_ecr::config::{BehaviorVersion, Credentials, Region};
use consign::emulator::Settings;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The account that the emulator plays.
pub(crate) const ACCOUNT: &str = "123456789012";
/// Another one.
pub(crate) const OTHER: &str = "210987654321";
/// The role that tests give policies.
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/ci";
/// The registry of the other account.
pub(crate) const OTHER_HOST: &str = "210987654321.dkr.ecr.us-east-1.amazonaws.com";
const OTHER_KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

/// What the program prints, as JSON.
#[track_caller]
fn document<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Value {
    let text = Context::new().consign(["iam"].into_iter().chain(arguments)).succeeds();
    serde_json::from_str(&text).unwrap()
}

/// The policy that `options` ask for, of a role that pushes to `shop/*` in the emulator's registry.
#[track_caller]
pub(crate) fn push_policy(options: &[&str]) -> Value {
    let fixed = ["push-policy", "--repository", "shop/*", "--account", ACCOUNT, "--region", "us-east-1"];
    document(fixed.into_iter().chain(options.iter().copied()))
}

/// The policy of a role that pushes to `repository`.
#[track_caller]
pub(crate) fn push_policy_of(repository: &str, options: &[&str]) -> Value {
    document(["push-policy", "--repository", repository].into_iter().chain(options.iter().copied()))
}

/// Every action of a policy.
pub(crate) fn actions(policy: &Value) -> Vec<String> {
    let statements = policy["Statement"].as_array().unwrap();
    let all = statements.iter().flat_map(|statement| statement["Action"].as_array().unwrap());
    all.map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// The actions that a push can do without.
pub(crate) fn optional(policy: &Value) -> Vec<String> {
    let statements = policy["Statement"].as_array().unwrap();
    let reuse = statements.iter().find(|statement| statement["Sid"] == "ConsignReuse");
    reuse.map(|statement| actions(&json!({ "Statement": [statement] }))).unwrap_or_default()
}

/// The policy without one of its actions.
pub(crate) fn without(policy: &Value, action: &str) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        statement["Action"].as_array_mut().unwrap().retain(|known| known != action);
    }
    statements.retain(|statement| !statement["Action"].as_array().unwrap().is_empty());
    policy
}

/// Lets every job of the emulator's issuer in.
pub(crate) fn any_job() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/${{emulator:issuer}}") },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": { "${emulator:issuer}:aud": "sts.amazonaws.com" } },
    }] })
}

/// An emulator whose role `ci` has these policies, and whose other account has a user with all rights.
pub(crate) fn with_role(trust: Option<Value>, policies: &[Value], job: &Value) -> Context {
    with_providers(trust, policies, job, &json!([]))
}

/// An emulator whose role `ci` may do these actions with the repositories below `shop`.
pub(crate) fn with_permissions(actions: &[&str]) -> Context {
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": actions, "Resource": "arn:aws:ecr:*:*:repository/shop/*",
    }] });
    with_role(None, &[policy], &json!({}))
}

fn with_providers(trust: Option<Value>, policies: &[Value], job: &Value, providers: &Value) -> Context {
    let policies: serde_json::Map<_, _> =
        policies.iter().enumerate().map(|(index, policy)| (format!("p{index}"), policy.clone())).collect();
    let all = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    let iam = json!({
        "accounts": {
            ACCOUNT: {
                "oidcProviders": providers,
                "roles": [{ "name": "ci", "trustPolicy": trust.unwrap_or_else(any_job), "policies": policies }],
            },
            OTHER: { "users": [{
                "name": "owner",
                "policies": { "all": all },
                "accessKeys": [{ "id": OTHER_KEY.0, "secret": OTHER_KEY.1 }],
            }] },
        },
        "job": job,
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("iam.json");
    fs_err::write(&path, iam.to_string()).unwrap();
    let t = Context::with_settings(Settings { iam: Some(path), ..Settings::default() });
    t.app();
    t
}

/// Pushes with the role that may do everything.
#[track_caller]
pub(crate) fn prepare(t: &Context, tags: &[&str]) {
    let tags = tags.iter().flat_map(|tag| ["--tag", tag]);
    t.consign(["build", "app", "--create-repository", "--push"].into_iter().chain(tags)).succeeds();
}

/// Pushes with the role `ci`.
pub(crate) fn push(t: &Context, tag: &str, options: &[&str]) -> Ended {
    let fixed = ["build", "app", "--push", "--role-to-assume", ROLE, "--tag", tag];
    t.consign(fixed.into_iter().chain(options.iter().copied())).output()
}

/// The actions that the calls since request `after` were, if they were calls of ECR's API.
fn called(t: &Context, after: usize) -> BTreeSet<String> {
    let all = t.ecr().requests().into_iter().skip(after).map(|request| request.operation);
    all.filter(|name| !name.contains([' ', '/']) && !name.starts_with("AssumeRole"))
        .map(|name| format!("ecr:{name}"))
        .collect()
}

/// The options of a policy, those of the push that it is for, and whether the repository is there beforehand.
const VARIANTS: [(&[&str], &[&str], bool); 5] = [
    (&[], &[], true),
    (&["--no-cache"], &["--no-cache"], true),
    (&["--create-repository"], &["--create-repository"], false),
    (&["--create-repository", "--lifecycle-policy"], &["--create-repository"], false),
    (&["--transport", "oci"], &["--transport", "oci"], true),
];

/// An emulator in the state before the push of a variant.
fn before(policy: &Value, options: &[&str], exists: bool) -> Context {
    let t = with_role(None, std::slice::from_ref(policy), &json!({}));
    if exists {
        prepare(&t, &["shop/api:1"]);
        t.file("app/server.js", "console.log('changed')\n");
    }
    if options.contains(&"--lifecycle-policy") {
        let rule = json!({ "rulePriority": 1, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan",
            "countNumber": 100 }, "action": { "type": "expire" } });
        t.file("app/lifecycle.json", json!({ "rules": [rule] }).to_string());
        let yaml = "apiVersion: consign/v1\nlayers: [{ name: app, from: lib, to: /app }]\nrepository: { lifecycle: lifecycle.json }\n";
        t.file("app/consign.yaml", yaml);
    }
    t
}

#[test]
fn the_policy_is_enough_for_each_way_to_push_and_has_nothing_that_is_not_called() {
    for (options, pushed_with, exists) in VARIANTS {
        let policy = push_policy(options);
        let t = before(&policy, options, exists);
        let after = t.ecr().requests().len();
        let ended = push(&t, "shop/api:2", pushed_with);
        assert_eq!(ended.code, Some(0), "{options:?}: {ended}");
        assert!(!ended.stderr.contains("denied"), "{options:?}: {ended}");
        if options.contains(&"oci") {
            // There the calls are requests to /v2/; that each action is needed shows below.
            continue;
        }
        let called = called(&t, after);
        let mut allowed: BTreeSet<String> = actions(&policy).into_iter().collect();
        if !exists {
            // In a repository that was made just now there is nothing to reuse.
            allowed.retain(|action| !optional(&policy).contains(action));
        }
        assert_eq!(called, allowed, "{options:?}");
    }
}

#[test]
fn the_push_fails_without_any_one_of_the_actions() {
    for (options, pushed_with, exists) in VARIANTS {
        let policy = push_policy(options);
        let optional = optional(&policy);
        for action in actions(&policy) {
            let creates = ["ecr:DescribeRepositories", "ecr:CreateRepository", "ecr:PutLifecyclePolicy"];
            if !exists && !creates.contains(&action.as_str()) {
                // The others are those of the first variant.
                continue;
            }
            let t = before(&without(&policy, &action), options, exists);
            let ended = push(&t, "shop/api:2", pushed_with);
            if optional.contains(&action) {
                assert_eq!(ended.code, Some(0), "{options:?} without {action}: {ended}");
            } else {
                assert_eq!(ended.code, Some(3), "{options:?} without {action}: {ended}");
                // The answer to a HEAD can give no reason; `consign doctor` knows it.
                let head = options.contains(&"oci") && action == "ecr:BatchCheckLayerAvailability";
                let named = ended.stderr.contains(if head { "HEAD blobs" } else { &action });
                assert!(named, "{options:?} without {action}: {ended}");
            }
        }
    }
}

#[test]
fn what_a_push_can_do_without_is_used_all_the_same() {
    let policy = push_policy(&[]);
    let optional = optional(&policy);
    assert_eq!(optional, ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:DescribeImages"]);
    for action in optional {
        let t = before(&without(&policy, &action), &[], true);
        assert_eq!(push(&t, "shop/api:2", &[]).code, Some(0));
        let refused = t
            .ecr()
            .requests()
            .into_iter()
            .filter(|request| request.error.as_deref() == Some("AccessDeniedException"));
        let refused: BTreeSet<_> = refused.map(|request| format!("ecr:{}", request.operation)).collect();
        assert_eq!(refused, BTreeSet::from([action]));
    }
    // To push the same image to an immutable tag again.
    let t = before(&without(&policy, "ecr:BatchGetImage"), &[], true);
    set_mutability(&t, "IMMUTABLE");
    assert_eq!(push(&t, "shop/api:2", &[]).code, Some(0));
    assert_eq!(push(&t, "shop/api:2", &[]).code, Some(3));
}

/// A client of ECR with the credentials of the role that may do everything, or of the other account's user.
pub(crate) fn client(t: &Context, other: bool) -> aws_sdk_ecr::Client {
    let credentials = if other {
        Credentials::new(OTHER_KEY.0, OTHER_KEY.1, None, None, "test")
    } else {
        let keys = crate::auth::keys(t);
        Credentials::new(&keys[0].1, &keys[1].1, Some(keys[2].1.clone()), None, "test")
    };
    let config = aws_sdk_ecr::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", t.ecr().address()))
        .credentials_provider(credentials)
        .build();
    aws_sdk_ecr::Client::from_conf(config)
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// Sets how tags of `shop/api` can be moved; `dev-*` are the exceptions, where there are any.
pub(crate) fn set_mutability(t: &Context, mutability: &str) {
    use aws_sdk_ecr::types::{ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType};
    let filter = ImageTagMutabilityExclusionFilter::builder()
        .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
        .filter("dev-*")
        .build()
        .unwrap();
    let filters = mutability.ends_with("_WITH_EXCLUSION").then(|| vec![filter]);
    let client = client(t, false);
    block_on(async {
        let call = client.put_image_tag_mutability().repository_name("shop/api");
        let call = call.image_tag_mutability(mutability.into());
        call.set_image_tag_mutability_exclusion_filters(filters).send().await.unwrap();
    });
}

/// Lets the registry make repositories when something is pushed to them.
pub(crate) fn create_on_push(t: &Context) {
    use aws_sdk_ecr::types::RctAppliedFor;
    let client = client(t, false);
    block_on(async {
        let call = client.create_repository_creation_template().prefix("ROOT");
        call.applied_for(RctAppliedFor::from("CREATE_ON_PUSH")).send().await.unwrap();
    });
}

/// Makes `shop/api` in the other account, with this policy.
pub(crate) fn make_other_repository(t: &Context, policy: Option<&Value>) {
    let client = client(t, true);
    block_on(async {
        client.create_repository().repository_name("shop/api").send().await.unwrap();
        if let Some(policy) = policy {
            let call = client.set_repository_policy().repository_name("shop/api");
            call.policy_text(policy.to_string()).send().await.unwrap();
        }
    });
}

/// Makes `shop/app` in the other account, on ECR Public, with this policy.
pub(crate) fn make_other_public_repository(t: &Context, policy: Option<&Value>) {
    let config = aws_sdk_ecrpublic::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", t.ecr().address()))
        .credentials_provider(Credentials::new(OTHER_KEY.0, OTHER_KEY.1, None, None, "test"))
        .build();
    let client = aws_sdk_ecrpublic::Client::from_conf(config);
    block_on(async {
        client.create_repository().repository_name("shop/app").send().await.unwrap();
        if let Some(policy) = policy {
            let call = client.set_repository_policy().repository_name("shop/app");
            call.policy_text(policy.to_string()).send().await.unwrap();
        }
    });
}

#[test]
fn across_accounts_both_policies_together_are_enough_and_each_action_is_needed() {
    let own = document(["push-policy", "--repository", &format!("{OTHER_HOST}/shop/api")]);
    let theirs = document(["repository-policy", "--principal", ROLE]);
    assert_eq!(actions(&own), actions(&theirs));
    let reference = format!("{OTHER_HOST}/shop/api:1");
    let push = |theirs: Option<&Value>| {
        let t = with_role(None, std::slice::from_ref(&own), &json!({}));
        make_other_repository(&t, theirs);
        push(&t, &reference, &[])
    };
    assert_eq!(push(Some(&theirs)).code, Some(0));
    assert_eq!(push(None).code, Some(3));
    let optional = optional(&theirs);
    for action in actions(&theirs).into_iter().filter(|action| !optional.contains(action)) {
        let ended = push(Some(&without(&theirs, &action)));
        assert_eq!(ended.code, Some(3), "{action}: {ended}");
        assert!(ended.stderr.contains(&action), "{action}: {ended}");
    }
}

/// Whether a job with this subject and audience can assume the role.
fn assumes(t: &Context, audience: &str, subject: &str) -> bool {
    let token = t.ecr().identity_token(audience, Some(subject));
    t.file("token", token.expose());
    let run = t.consign(["doctor", "--role-to-assume", ROLE, "--web-identity-token-file", "token"]);
    let ended = run.output();
    assert!(matches!(ended.code, Some(0 | 3)), "{ended}");
    ended.code == Some(0)
}

/// Arguments of a trust policy, its issuer and audience, and subjects that it lets in and that it does not.
type TrustCase =
    (&'static [&'static str], &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const TRUSTED: [TrustCase; 7] = [
    (
        &["github", "--subject", "repo:acme/shop:ref:refs/heads/main"],
        "https://token.actions.githubusercontent.com",
        "sts.amazonaws.com",
        &["repo:acme/shop:ref:refs/heads/main"],
        &[
            "repo:acme/shop:ref:refs/heads/main2",
            "repo:acme/shop:pull_request",
            "repo:evil/shop:ref:refs/heads/main",
        ],
    ),
    (
        &["github", "--subject", "repo:acme/*", "--subject", "repo:other/x:environment:production"],
        "https://token.actions.githubusercontent.com",
        "sts.amazonaws.com",
        &[
            "repo:acme/shop:pull_request",
            "repo:acme/x:ref:refs/tags/v1",
            "repo:other/x:environment:production",
        ],
        &["repo:acme2/shop:pull_request", "repo:other/x:environment:test"],
    ),
    (
        &[
            "gitlab",
            "--issuer",
            "https://gitlab.example.com",
            "--subject",
            "project_path:acme/shop:ref_type:branch:ref:main",
        ],
        "https://gitlab.example.com",
        "sts.amazonaws.com",
        &["project_path:acme/shop:ref_type:branch:ref:main"],
        &["project_path:acme/shop:ref_type:tag:ref:main", "project_path:acme/shop2:ref_type:branch:ref:main"],
    ),
    (
        &[
            "jenkins",
            "--issuer",
            "https://jenkins.example.com/oidc",
            "--subject",
            "https://jenkins.example.com/job/shop/",
        ],
        "https://jenkins.example.com/oidc",
        "sts.amazonaws.com",
        &["https://jenkins.example.com/job/shop/"],
        &["https://jenkins.example.com/job/shop/job/x/", "https://jenkins.example.com/job/"],
    ),
    (
        &[
            "bitbucket",
            "--issuer",
            "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc",
            "--audience",
            "ari:cloud:bitbucket::workspace/11111111-2222",
            "--subject",
            "{aaaa-1}:*",
        ],
        "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc",
        "ari:cloud:bitbucket::workspace/11111111-2222",
        &["{aaaa-1}:{bbbb-2}", "{aaaa-1}:{cccc-3}:{bbbb-2}"],
        &["{aaaa-2}:{bbbb-2}"],
    ),
    (
        &["circleci", "--subject", "org/8c0e-1/project/1f-2/user/*"],
        "https://oidc.circleci.com/org/8c0e-1",
        "8c0e-1",
        &["org/8c0e-1/project/1f-2/user/33"],
        &["org/8c0e-1/project/1f-3/user/33"],
    ),
    (
        &["buildkite", "--subject", "organization:acme:pipeline:shop:ref:refs/heads/main:commit:*:step:*"],
        "https://agent.buildkite.com",
        "sts.amazonaws.com",
        &["organization:acme:pipeline:shop:ref:refs/heads/main:commit:0a1b:step:build"],
        &["organization:acme:pipeline:shop:ref:refs/heads/dev:commit:0a1b:step:build"],
    ),
];

#[test]
fn the_trust_policies_let_in_whom_they_name_and_nobody_else() {
    for (arguments, issuer, audience, right, wrong) in TRUSTED {
        let fixed = ["trust-policy", "--account", ACCOUNT, "--provider"];
        let trust = document(fixed.into_iter().chain(arguments.iter().copied()));
        // The account knows a second audience, so that what refuses it is the trust policy.
        let providers = json!([{ "url": issuer, "clientIds": [audience, "somebody-else"] }]);
        let t = with_providers(Some(trust), &[push_policy(&[])], &json!({ "issuer": issuer }), &providers);
        for subject in right {
            assert!(assumes(&t, audience, subject), "{subject}");
            assert!(!assumes(&t, "somebody-else", subject), "{subject}");
        }
        for subject in wrong {
            assert!(!assumes(&t, audience, subject), "{subject}");
        }
    }
}

#[test]
fn the_documents() {
    let t = Context::new();
    let run = |arguments: &[&str]| t.consign(["iam"].iter().chain(arguments)).output();
    let here = ["--account", ACCOUNT, "--region", "eu-west-1"];
    insta::assert_snapshot!(run(&[&["push-policy", "--repository", "shop/api"], &here[..]].concat()), @r#"
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
        }
      ]
    }
    ----- stderr -----
    "#);
    let everything =
        ["push-policy", "--repository", "shop/api,shop/web-*", "--create-repository", "--lifecycle-policy"];
    insta::assert_snapshot!(run(&[&everything[..], &["--transport", "oci", "--account", ACCOUNT, "--region", "cn-north-1"]].concat()), @r#"
    exit: 0
    ----- stdout -----
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "ConsignLogin",
          "Effect": "Allow",
          "Action": [
            "ecr:GetAuthorizationToken"
          ],
          "Resource": [
            "*"
          ]
        },
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
            "arn:aws-cn:ecr:cn-north-1:123456789012:repository/shop/api",
            "arn:aws-cn:ecr:cn-north-1:123456789012:repository/shop/web-*"
          ]
        },
        {
          "Sid": "ConsignReuse",
          "Effect": "Allow",
          "Action": [
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer"
          ],
          "Resource": [
            "arn:aws-cn:ecr:cn-north-1:123456789012:repository/shop/api",
            "arn:aws-cn:ecr:cn-north-1:123456789012:repository/shop/web-*"
          ]
        },
        {
          "Sid": "ConsignCreate",
          "Effect": "Allow",
          "Action": [
            "ecr:DescribeRepositories",
            "ecr:CreateRepository",
            "ecr:PutLifecyclePolicy"
          ],
          "Resource": [
            "arn:aws-cn:ecr:cn-north-1:123456789012:repository/shop/api",
            "arn:aws-cn:ecr:cn-north-1:123456789012:repository/shop/web-*"
          ]
        }
      ]
    }
    ----- stderr -----
    "#);
    insta::assert_snapshot!(run(&["repository-policy", "--principal", ROLE, "--principal", "arn:aws:iam::210987654321:root"]), @r#"
    exit: 0
    ----- stdout -----
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "ConsignPush",
          "Effect": "Allow",
          "Principal": {
            "AWS": [
              "arn:aws:iam::123456789012:role/ci",
              "arn:aws:iam::210987654321:root"
            ]
          },
          "Action": [
            "ecr:BatchCheckLayerAvailability",
            "ecr:InitiateLayerUpload",
            "ecr:UploadLayerPart",
            "ecr:CompleteLayerUpload",
            "ecr:PutImage"
          ]
        },
        {
          "Sid": "ConsignReuse",
          "Effect": "Allow",
          "Principal": {
            "AWS": [
              "arn:aws:iam::123456789012:role/ci",
              "arn:aws:iam::210987654321:root"
            ]
          },
          "Action": [
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
            "ecr:DescribeImages"
          ]
        }
      ]
    }
    ----- stderr -----
    "#);
    let main = ["--provider", "github", "--subject", "repo:acme/shop:ref:refs/heads/main"];
    insta::assert_snapshot!(run(&[&["trust-policy"], &main[..], &["--account", ACCOUNT]].concat()), @r#"
    exit: 0
    ----- stdout -----
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "ConsignTrust",
          "Effect": "Allow",
          "Principal": {
            "Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
          },
          "Action": [
            "sts:AssumeRoleWithWebIdentity"
          ],
          "Condition": {
            "StringEquals": {
              "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
              "token.actions.githubusercontent.com:sub": "repo:acme/shop:ref:refs/heads/main"
            }
          }
        }
      ]
    }
    ----- stderr -----
    the account 123456789012 has to know the issuer:
      aws iam create-open-id-connect-provider --url https://token.actions.githubusercontent.com --client-id-list sts.amazonaws.com
    "#);
    insta::assert_snapshot!(run(&["trust-policy", "--provider", "circleci", "--subject", "org/8c0e-1/project/1f-2/user/*", "--account", ACCOUNT, "--region", "us-gov-west-1"]), @r#"
    exit: 0
    ----- stdout -----
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "ConsignTrust",
          "Effect": "Allow",
          "Principal": {
            "Federated": "arn:aws-us-gov:iam::123456789012:oidc-provider/oidc.circleci.com/org/8c0e-1"
          },
          "Action": [
            "sts:AssumeRoleWithWebIdentity"
          ],
          "Condition": {
            "StringEquals": {
              "oidc.circleci.com/org/8c0e-1:aud": "8c0e-1"
            },
            "StringLike": {
              "oidc.circleci.com/org/8c0e-1:sub": "org/8c0e-1/project/1f-2/user/*"
            }
          }
        }
      ]
    }
    ----- stderr -----
    the account 123456789012 has to know the issuer:
      aws iam create-open-id-connect-provider --url https://oidc.circleci.com/org/8c0e-1 --client-id-list 8c0e-1
    "#);
}

#[test]
fn what_is_not_given_comes_from_the_host_the_role_or_the_environment_and_is_never_guessed() {
    let t = Context::new();
    let push = ["iam", "push-policy", "--repository"];
    let arn = |run: crate::support::Run| {
        let policy: Value = serde_json::from_str(&run.succeeds()).unwrap();
        policy["Statement"][0]["Resource"][0].as_str().unwrap().to_owned()
    };
    let expected = format!("arn:aws:ecr:us-east-1:{OTHER}:repository/shop/api");
    assert_eq!(arn(t.consign(push.into_iter().chain([format!("{OTHER_HOST}/shop/api").as_str()]))), expected);
    let role = format!("arn:aws:iam::{OTHER}:role/ci");
    let from_role = t.consign(push.into_iter().chain(["shop/api"]));
    assert_eq!(arn(from_role.env("CONSIGN_ROLE_TO_ASSUME", role).env("AWS_REGION", "us-east-1")), expected);
    // An option counts for what has no host.
    let both = ["shop/api", "--account", OTHER, "--region", "us-east-1"];
    assert_eq!(arn(t.consign(push.into_iter().chain(both)).env("AWS_REGION", "eu-west-1")), expected);
    // Lists in variables stand one a line, in commands of two words too.
    let listed = t.consign(["iam", "push-policy", "--account", ACCOUNT]).env("AWS_REGION", "us-east-1");
    let policy: Value =
        serde_json::from_str(&listed.env("CONSIGN_IAM_REPOSITORY", "shop/api\nshop/web\n").succeeds())
            .unwrap();
    assert_eq!(policy["Statement"][0]["Resource"].as_array().unwrap().len(), 2);
}

#[test]
fn what_can_not_be_made_is_refused_with_what_helps() {
    let t = Context::new();
    let run = |arguments: &[&str]| t.consign(["iam"].iter().chain(arguments)).output();
    let push = ["push-policy", "--repository"];
    insta::assert_snapshot!(run(&[&push[..], &["shop/api", "--region", "eu-west-1"]].concat()), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the account is not known
    hint: pass `--account ID`, or the role's ARN with `--role-to-assume`
    ");
    insta::assert_snapshot!(run(&[&push[..], &["shop/api", "--account", ACCOUNT]].concat()), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the region of the repository `shop/api` is not known
    hint: pass `--region`, or set AWS_REGION
    ");
    insta::assert_snapshot!(run(&[&push[..], &["*", "--account", ACCOUNT, "--region", "eu-west-1"]].concat()), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `*` means every repository of the account, or of nobody in particular
    hint: name the repositories, each with a --repository, or what their names begin with: `shop/*`
    ");
    insta::assert_snapshot!(run(&[&push[..], &["shop/api", "--account", "12", "--region", "eu-west-1"]].concat()), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --account: `12` is not an account id
    hint: it has 12 digits: 123456789012
    ");
    insta::assert_snapshot!(run(&[&push[..], &["shop/api", "--account", ACCOUNT, "--region", "us-east-1a"]].concat()), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --region: `us-east-1a` is not the name of a region
    hint: it looks like eu-west-1; what ends in a letter, such as us-east-1a, is a zone of a region
    ");
    insta::assert_snapshot!(run(&[&push[..], &["ghcr.io/shop/api"]].concat()), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --repository: `ghcr.io` is not the host of an ECR registry
    ");
    insta::assert_snapshot!(run(&["repository-policy", "--principal", "*"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `*` is not the ARN of a role, a user or an account
    hint: it looks like arn:aws:iam::123456789012:role/NAME
    ");
    let trust = |arguments: &[&str]| {
        run(&[&["trust-policy", "--account", ACCOUNT, "--provider"], arguments].concat())
    };
    insta::assert_snapshot!(trust(&["github", "--subject", "*"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the subject `*` lets in jobs of people that it does not name
    hint: name at least the owner of the repository, with no `*` or `?` in it; GitHub writes subjects like
      repo:OWNER/REPO:ref:refs/heads/main
      repo:OWNER/REPO:ref:refs/tags/v*
      repo:OWNER/REPO:environment:NAME
      repo:OWNER/REPO:pull_request
      repo:OWNER@OWNER_ID/REPO@REPO_ID:ref:refs/heads/main
    ");
    insta::assert_snapshot!(trust(&["github", "--subject", "repo:acme/shop"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `repo:acme/shop` can't be a subject: no token has it: after the repository, GitHub says which branch, tag or environment it is
    hint: write the `sub` of the token, in which `*` stands for any characters
    ");
    insta::assert_snapshot!(trust(&["jenkins", "--subject", "https://jenkins.example.com/job/x/"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: Jenkins has an issuer of its own for each controller, and none was given
    hint: pass `--issuer https://JENKINS/oidc`
    ");
    let workspace = "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc";
    insta::assert_snapshot!(trust(&["bitbucket", "--subject", "{a}:*", "--issuer", workspace]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the audience of Bitbucket's tokens differs from workspace to workspace, and none was given
    hint: pass `--audience`; the page «OpenID Connect» of the repository's settings shows it, and it looks like ari:cloud:bitbucket::workspace/UUID
    ");
    insta::assert_snapshot!(trust(&["gitlab", "--subject", "project_path:a/b:*", "--issuer", "http://gitlab.example.com"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `http://gitlab.example.com` can't be the issuer of OIDC tokens: it does not begin with https://, and IAM takes no other
    hint: it is the `iss` of the tokens, such as https://gitlab.example.com
    ");
    for arguments in [&["trust-policy"][..], &["push-policy"], &["repository-policy"], &[]] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(2), "{ended}");
    }
}

#[test]
fn help_of_each_document_has_examples_and_each_option_a_variable() {
    let t = Context::new();
    let variable = regex::Regex::new(r"\[env:\s+CONSIGN_").unwrap();
    for document in ["push-policy", "repository-policy", "trust-policy"] {
        let help = t.consign(["iam", document, "--help"]).succeeds();
        assert!(help.contains("Examples:"), "{help}");
        let (own, _) = help.split_once("Global options:").unwrap();
        let options = own.lines().filter(|line| line.trim_start().starts_with("--")).count();
        // --help is none of them, as it has a letter too.
        let variables = variable.find_iter(own).count();
        assert!(options >= 3 && variables == options, "{options} {variables} {help}");
    }
}

#[test]
fn the_page_shows_what_the_commands_print() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/permissions.md");
    let page = fs_err::read_to_string(path).unwrap();
    let block =
        regex::Regex::new("```console\n\\$ consign (iam [^\n]+)\n```\n\n```json\n((?s:.)*?)```\n").unwrap();
    let t = Context::new();
    let mut shown = 0;
    let fresh = block.replace_all(&page, |found: &regex::Captures<'_>| {
        shown += 1;
        let ended = t.consign(found[1].split(' ')).output();
        assert_eq!(ended.code, Some(0), "{ended}");
        format!("```console\n$ consign {}\n```\n\n```json\n{}```\n", &found[1], ended.stdout)
    });
    assert_eq!(shown, 2);
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever changes the documents")]
    if std::env::var("CONSIGN_UPDATE_DOCS").is_ok() {
        fs_err::write(path, fresh.as_bytes()).unwrap();
    }
    assert!(fs_err::read_to_string(path).unwrap() == fresh, "docs/permissions.md is out of date");
}
