//! `consign doctor`: it finds what a push would stumble over, names it, and changes nothing.

use crate::iam::{
    ACCOUNT, OTHER_HOST, ROLE, actions, create_on_push, make_other_repository, optional, prepare, push,
    push_policy, set_mutability, with_role, without,
};
use crate::plain_registry::{Mood, PlainRegistry};
use crate::support::{Context, Ended, Run};
use serde_json::{Value, json};

const GITHUB: [&str; 2] = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

fn doctor(t: &Context, tag: &str, options: &[&str]) -> Run {
    let fixed = ["doctor", "--tag", tag];
    t.consign(fixed.into_iter().chain(options.iter().copied()))
}

/// What can be seen of it, with times replaced.
pub(crate) fn shown(ended: &Ended) -> String {
    let text = ended.to_string();
    let filters = [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[WHEN]"),
        (r"(for another|ran out) [0-9]+ min [0-9]+ s|(for another|ran out) \[TIME\]", "$1$2 [LONG]"),
        (r"emulator-[a-z0-9]{8}", "[SESSION]"),
    ];
    filters.iter().fold(text, |text, (pattern, with)| {
        regex::Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
    })
}

/// The role `ci`, which may do what `policy` allows.
fn with_policy(policy: &Value) -> Context {
    with_role(None, std::slice::from_ref(policy), &json!({}))
}

fn everything() -> Context {
    with_policy(&json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "ecr:*", "Resource": "*" }
    ] }))
}

/// What it says with `--format json`, and its exit code.
fn examine(t: &Context, tag: &str, options: &[&str]) -> (Value, Option<i32>) {
    let ended = doctor(t, tag, &[options, &["--role-to-assume", ROLE, "--format", "json"]].concat()).output();
    let json = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended}"));
    (json, ended.code)
}

/// The outcome of one check.
#[track_caller]
fn outcome<'a>(report: &'a Value, what: &str) -> &'a str {
    let found = report["checks"].as_array().unwrap().iter().find(|check| check["what"] == what);
    found.unwrap_or_else(|| panic!("no check `{what}`: {report:#}"))["outcome"].as_str().unwrap()
}

#[test]
fn all_is_well_and_nothing_is_changed() {
    let t = with_policy(&push_policy(&["--create-repository"]));
    prepare(&t, &["shop/api:1"]);
    let (before, after) = (t.ecr().registry(), t.ecr().requests().len());
    let ended =
        doctor(&t, "shop/api:1", &["--tag", "shop/api:2", "--create-repository", "--role-to-assume", ROLE]);
    insta::assert_snapshot!(shown(&ended.output()), @r"
    exit: 0
    ----- stdout -----
    not checked CI                              none that is known; that is no problem
    good        token                           of GitHub Actions, for another [LONG]
                                                issuer http://[HOST]/oidc
                                                subject repo:consign/demo:ref:refs/heads/main
                                                audience sts.amazonaws.com
                                                expires [WHEN]
    good        region                          us-east-1, from AWS_REGION
    good        role                            arn:aws:iam::123456789012:role/ci was assumed
                                                session arn:aws:sts::123456789012:assumed-role/ci/consign
    good        account                         123456789012

    [HOST]/shop/api
    good        repository                      is there, MUTABLE
    good        tag 1                           would be moved; now it belongs to sha256:[DIGEST]
    good        tag 2                           is new
    good        images                          1 image; the quota is 100,000 unless it was raised
    good        ecr:BatchCheckLayerAvailability is allowed
    good        ecr:InitiateLayerUpload         is allowed; to see that, an upload was opened, which ECR drops by itself
    good        ecr:UploadLayerPart             is allowed
    good        ecr:CompleteLayerUpload         is allowed
    good        ecr:PutImage                    is allowed
    good        ecr:BatchGetImage               is allowed
    good        ecr:GetDownloadUrlForLayer      is allowed
    good        ecr:DescribeImages              is allowed
    good        ecr:DescribeRepositories        is allowed
    not checked ecr:CreateRepository            is not needed, as the repository is there
    ----- stderr -----
    ");
    let log: Vec<String> = t
        .ecr()
        .requests()
        .into_iter()
        .skip(after)
        .map(|request| {
            format!("{} {}", request.operation, request.error.unwrap_or_default()).trim().to_owned()
        })
        .collect();
    let mut sorted = log.clone();
    sorted.sort();
    insta::assert_snapshot!(sorted.join("\n"), @r"
    AssumeRoleWithWebIdentity
    BatchCheckLayerAvailability
    BatchGetImage
    CompleteLayerUpload UploadNotFoundException
    DescribeImages
    DescribeRepositories
    GET /oidc/token
    GET /oidc/token
    GetCallerIdentity
    GetDownloadUrlForLayer LayersNotFoundException
    InitiateLayerUpload
    PutImage ImageDigestDoesNotMatchException
    UploadLayerPart UploadNotFoundException
    ");
    let mut now = t.ecr().registry();
    let uploads = std::mem::take(&mut now.get_mut("shop/api").unwrap().uploads);
    assert_eq!(uploads.into_values().collect::<Vec<_>>(), [0], "one upload is open, and holds nothing");
    assert_eq!(now, before);
}

#[test]
fn as_json() {
    let t = with_policy(&without(&push_policy(&[]), "ecr:PutImage"));
    prepare(&t, &["shop/api:1"]);
    let ended = doctor(&t, "shop/api:1", &["--role-to-assume", ROLE, "--format", "json"]).output();
    insta::assert_snapshot!(shown(&ended), @r#"
    exit: 3
    ----- stdout -----
    {
      "works": false,
      "checks": [
        {
          "on": null,
          "what": "CI",
          "outcome": "not checked",
          "exitCode": null,
          "detail": "none that is known; that is no problem",
          "facts": {},
          "remedy": null
        },
        {
          "on": null,
          "what": "token",
          "outcome": "good",
          "exitCode": null,
          "detail": "of GitHub Actions, for another [LONG]",
          "facts": {
            "issuer": "http://[HOST]/oidc",
            "subject": "repo:consign/demo:ref:refs/heads/main",
            "audience": "sts.amazonaws.com",
            "expires": "[WHEN]"
          },
          "remedy": null
        },
        {
          "on": null,
          "what": "region",
          "outcome": "good",
          "exitCode": null,
          "detail": "us-east-1, from AWS_REGION",
          "facts": {},
          "remedy": null
        },
        {
          "on": null,
          "what": "role",
          "outcome": "good",
          "exitCode": null,
          "detail": "arn:aws:iam::123456789012:role/ci was assumed",
          "facts": {
            "session": "arn:aws:sts::123456789012:assumed-role/ci/consign"
          },
          "remedy": null
        },
        {
          "on": null,
          "what": "account",
          "outcome": "good",
          "exitCode": null,
          "detail": "123456789012",
          "facts": {},
          "remedy": null
        },
        {
          "on": "[HOST]/shop/api",
          "what": "repository",
          "outcome": "good",
          "exitCode": null,
          "detail": "is there; its settings may not be read",
          "facts": {},
          "remedy": null
        },
        {
          "on": "[HOST]/shop/api",
          "what": "tag 1",
          "outcome": "not checked",
          "exitCode": null,
          "detail": "belongs to sha256:[DIGEST], and whether it can be moved may not be read",
          "facts": {},
          "remedy": "allow ecr:DescribeRepositories on the repository to have it checked; a push does not need it"
        },
        {
          "on": "[HOST]/shop/api",
          "what": "images",
          "outcome": "good",
          "exitCode": null,
          "detail": "1 image; the quota is 100,000 unless it was raised",
          "facts": {},
          "remedy": null
        },
        {
          "on": "[HOST]/shop/api",
          "what": "ecr:BatchCheckLayerAvailability",
          "outcome": "good",
          "exitCode": null,
          "detail": "is allowed",
          "facts": {},
          "remedy": null
        },
        {
          "on": "[HOST]/shop/api",
          "what": "ecr:InitiateLayerUpload",
          "outcome": "good",
          "exitCode": null,
          "detail": "is allowed; to see that, an upload was opened, which ECR drops by itself",
          "facts": {},
          "remedy": null
        },
        {
          "on": "[HOST]/shop/api",
          "what": "ecr:UploadLayerPart",
          "outcome": "good",
          "exitCode": null,
          "detail": "is allowed",
          "facts": {},
          "remedy": null
        },
        {
          "on": "[HOST]/shop/api",
          "what": "ecr:CompleteLayerUpload",
          "outcome": "good",
          "exitCode": null,
          "detail": "is allowed",
          "facts": {},
          "remedy": null
        },
        {
          "on": "[HOST]/shop/api",
          "what": "ecr:PutImage",
          "outcome": "missing",
          "exitCode": 3,
          "detail": "User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:PutImage on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:PutImage action",
          "facts": {},
          "remedy": null
        },
        {
          "on": "[HOST]/shop/api",
          "what": "ecr:BatchGetImage",
          "outcome": "good",
          "exitCode": null,
          "detail": "is allowed",
          "facts": {},
          "remedy": null
        },
        {
          "on": "[HOST]/shop/api",
          "what": "ecr:GetDownloadUrlForLayer",
          "outcome": "good",
          "exitCode": null,
          "detail": "is allowed",
          "facts": {},
          "remedy": null
        },
        {
          "on": "[HOST]/shop/api",
          "what": "ecr:DescribeImages",
          "outcome": "good",
          "exitCode": null,
          "detail": "is allowed",
          "facts": {},
          "remedy": null
        }
      ],
      "add": [
        {
          "to": "a policy of arn:aws:iam::123456789012:role/ci",
          "policy": {
            "Version": "2012-10-17",
            "Statement": [
              {
                "Sid": "ConsignPush",
                "Effect": "Allow",
                "Action": [
                  "ecr:PutImage"
                ],
                "Resource": [
                  "arn:aws:ecr:us-east-1:123456789012:repository/shop/api"
                ]
              }
            ]
          }
        }
      ]
    }
    ----- stderr -----
    error: the push would not work: ecr:PutImage
    hint: the lines that are not good say what helps, and the policies below them what to add; then run `consign doctor` again
    "#);
}

/// The options of a policy, which are also those of the push, and the actions that are tried. Where some are named, the
/// others are tried with the first.
const VARIANTS: [(&[&str], &[&str]); 3] = [
    (&[], &[]),
    (&["--transport", "oci"], &["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability"]),
    (&["--create-repository"], &["ecr:DescribeRepositories", "ecr:CreateRepository"]),
];

#[test]
fn each_permission_that_is_missing_is_named_and_what_is_printed_puts_it_right() {
    for (options, tried) in VARIANTS {
        let policy = push_policy(options);
        let optional = optional(&policy);
        for action in actions(&policy).iter().filter(|one| tried.is_empty() || tried.contains(&one.as_str()))
        {
            let case = format!("{options:?} without {action}");
            let rest = without(&policy, action);
            let t = with_policy(&rest);
            prepare(&t, &["shop/api:1"]);
            let (report, code) = examine(&t, "shop/api:2", options);
            if action == "ecr:CreateRepository" {
                // Not needed, since the repository is there.
                assert_eq!((outcome(&report, action), code), ("not checked", Some(0)), "{case}: {report:#}");
                continue;
            }
            for other in actions(&rest).iter().filter(|other| *other != "ecr:CreateRepository") {
                assert_eq!(outcome(&report, other), "good", "{case}: {report:#}");
            }
            t.file("app/server.js", "console.log('changed')\n");
            let pushed = push(&t, "shop/api:2", options).code;
            let expected =
                if optional.contains(action) { ("limited", Some(0)) } else { ("missing", Some(3)) };
            assert_eq!((outcome(&report, action), code), expected, "{case}: {report:#}");
            assert_eq!(pushed, code, "{case}: the push ends as it was foretold");
            let added = &report["add"][0];
            assert_eq!(added["to"], format!("a policy of {ROLE}"));
            assert_eq!(actions(&added["policy"]), [action.as_str()]);
            let healed = with_role(None, &[rest, added["policy"].clone()], &json!({}));
            prepare(&healed, &["shop/api:1"]);
            let (report, code) = examine(&healed, "shop/api:2", options);
            assert_eq!((code, &report["add"]), (Some(0), &json!([])), "{case}: {report:#}");
        }
    }
}

#[test]
fn a_role_that_may_do_nothing() {
    let nothing = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" }
    ] });
    let t = with_policy(&nothing);
    prepare(&t, &["shop/api:1"]);
    let ended = doctor(&t, "shop/api:1", &["--role-to-assume", ROLE, "--transport", "oci"]).output();
    insta::assert_snapshot!(shown(&ended), @r#"
    exit: 3
    ----- stdout -----
    not checked CI                              none that is known; that is no problem
    good        token                           of GitHub Actions, for another [LONG]
                                                issuer http://[HOST]/oidc
                                                subject repo:consign/demo:ref:refs/heads/main
                                                audience sts.amazonaws.com
                                                expires [WHEN]
    good        region                          us-east-1, from AWS_REGION
    good        role                            arn:aws:iam::123456789012:role/ci was assumed
                                                session arn:aws:sts::123456789012:assumed-role/ci/consign
    good        account                         123456789012

    [HOST]/shop/api
    not checked repository                      no call that is allowed tells whether it is there
    not checked tag 1                           whether it exists is not known without ecr:BatchGetImage
    missing     ecr:GetAuthorizationToken       User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action
    missing     ecr:BatchCheckLayerAvailability User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:BatchCheckLayerAvailability on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:BatchCheckLayerAvailability action
    not checked ecr:InitiateLayerUpload         can't be known safely: on an absent repository, the call could create it
    missing     ecr:UploadLayerPart             User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:UploadLayerPart on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:UploadLayerPart action
    missing     ecr:CompleteLayerUpload         User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:CompleteLayerUpload on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:CompleteLayerUpload action
    not checked ecr:PutImage                    can't be known safely: on an absent repository, the call could create it
    limited     ecr:BatchGetImage               User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:BatchGetImage action; without it no layer of an earlier image is known, and to push the same image to an immutable tag again fails
    limited     ecr:GetDownloadUrlForLayer      User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:GetDownloadUrlForLayer on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:GetDownloadUrlForLayer action; without it layers that the registry has are compressed before that is found out
    not checked /v2/                            there is no password for it without ecr:GetAuthorizationToken

    add to a policy of arn:aws:iam::123456789012:role/ci:
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
            "arn:aws:ecr:us-east-1:123456789012:repository/shop/api"
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
            "arn:aws:ecr:us-east-1:123456789012:repository/shop/api"
          ]
        }
      ]
    }
    ----- stderr -----
    error: the push would not work: ecr:GetAuthorizationToken, ecr:BatchCheckLayerAvailability, ecr:UploadLayerPart, ecr:CompleteLayerUpload
    hint: the lines that are not good say what helps, and the policies below them what to add; then run `consign doctor` again
    "#);
}

#[test]
fn what_a_statement_forbids_no_other_one_allows() {
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "ecr:*", "Resource": "*" },
        { "Effect": "Deny", "Action": "ecr:PutImage", "Resource": "*" },
    ] });
    let t = with_policy(&policy);
    prepare(&t, &["shop/api:1"]);
    let (report, code) = examine(&t, "shop/api:2", &[]);
    assert_eq!((outcome(&report, "ecr:PutImage"), code), ("missing", Some(3)), "{report:#}");
    assert_eq!(report["add"], json!([]), "{report:#}");
    let put =
        report["checks"].as_array().unwrap().iter().find(|check| check["what"] == "ecr:PutImage").unwrap();
    assert!(put["remedy"].as_str().unwrap().contains("Deny"), "{put}");
}

#[test]
fn tags_that_can_not_be_moved() {
    let t = everything();
    prepare(&t, &["shop/api:1", "shop/api:dev-1"]);
    let tags = ["--tag", "shop/api:dev-1", "--tag", "shop/api:2"];
    for (mutability, one, dev, code) in [
        ("MUTABLE", "good", "good", 0),
        ("IMMUTABLE", "failed", "failed", 4),
        ("IMMUTABLE_WITH_EXCLUSION", "failed", "good", 4),
        ("MUTABLE_WITH_EXCLUSION", "good", "failed", 4),
    ] {
        set_mutability(&t, mutability);
        let (report, ended) = examine(&t, "shop/api:1", &tags);
        assert_eq!(ended, Some(code), "{mutability}: {report:#}");
        let found = ["tag 1", "tag dev-1", "tag 2"].map(|what| outcome(&report, what));
        assert_eq!(found, [one, dev, "good"], "{mutability}: {report:#}");
        // What it says is what a push meets.
        t.file("app/server.js", format!("console.log('{mutability}')\n"));
        assert_eq!(push(&t, "shop/api:1", &[]).code, Some(if one == "good" { 0 } else { 4 }));
    }
    set_mutability(&t, "IMMUTABLE");
    let ended = doctor(&t, "shop/api:1", &["--tag", "shop/api:2", "--role-to-assume", ROLE]).output();
    insta::assert_snapshot!(shown(&ended), @r"
    exit: 4
    ----- stdout -----
    not checked CI                              none that is known; that is no problem
    good        token                           of GitHub Actions, for another [LONG]
                                                issuer http://[HOST]/oidc
                                                subject repo:consign/demo:ref:refs/heads/main
                                                audience sts.amazonaws.com
                                                expires [WHEN]
    good        region                          us-east-1, from AWS_REGION
    good        role                            arn:aws:iam::123456789012:role/ci was assumed
                                                session arn:aws:sts::123456789012:assumed-role/ci/consign
    good        account                         123456789012

    [HOST]/shop/api
    good        repository                      is there, IMMUTABLE
    failed      tag 1                           is immutable, and belongs to sha256:[DIGEST]; only that very image can be pushed again
                                                hint: push under a new tag
    good        tag 2                           is new
    good        images                          3 images; the quota is 100,000 unless it was raised
    good        ecr:BatchCheckLayerAvailability is allowed
    good        ecr:InitiateLayerUpload         is allowed; to see that, an upload was opened, which ECR drops by itself
    good        ecr:UploadLayerPart             is allowed
    good        ecr:CompleteLayerUpload         is allowed
    good        ecr:PutImage                    is allowed
    good        ecr:BatchGetImage               is allowed
    good        ecr:GetDownloadUrlForLayer      is allowed
    good        ecr:DescribeImages              is allowed
    ----- stderr -----
    error: the push would not work: tag 1
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
    // The settings of the repository are no business of a push.
    let t = with_policy(&push_policy(&[]));
    prepare(&t, &["shop/api:1"]);
    set_mutability(&t, "IMMUTABLE");
    let (report, ended) = examine(&t, "shop/api:1", &["--tag", "shop/api:2"]);
    assert_eq!(
        (outcome(&report, "tag 1"), outcome(&report, "tag 2"), ended),
        ("not checked", "good", Some(0))
    );
}

#[test]
fn a_repository_that_is_missing() {
    let t = with_policy(&push_policy(&["--create-repository"]));
    insta::assert_snapshot!(shown(&doctor(&t, "shop/api:1", &["--role-to-assume", ROLE]).output()), @r"
    exit: 4
    ----- stdout -----
    not checked CI                              none that is known; that is no problem
    good        token                           of GitHub Actions, for another [LONG]
                                                issuer http://[HOST]/oidc
                                                subject repo:consign/demo:ref:refs/heads/main
                                                audience sts.amazonaws.com
                                                expires [WHEN]
    good        region                          us-east-1, from AWS_REGION
    good        role                            arn:aws:iam::123456789012:role/ci was assumed
                                                session arn:aws:sts::123456789012:assumed-role/ci/consign
    good        account                         123456789012

    [HOST]/shop/api
    missing     repository                      does not exist in the registry [HOST]
                                                hint: create it by pushing with `--create-repository`, or with `consign repo create shop/api`; if it exists, check the region and the account
    good        tag 1                           is new, as the repository is
    good        ecr:BatchCheckLayerAvailability is allowed
    not checked ecr:InitiateLayerUpload         can't be known safely: on an absent repository, the call could create it
    good        ecr:UploadLayerPart             is allowed
    good        ecr:CompleteLayerUpload         is allowed
    not checked ecr:PutImage                    can't be known safely: on an absent repository, the call could create it
    good        ecr:BatchGetImage               is allowed
    good        ecr:GetDownloadUrlForLayer      is allowed
    good        ecr:DescribeImages              is allowed
    ----- stderr -----
    error: the push would not work: repository
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
    assert_eq!(push(&t, "shop/api:1", &[]).code, Some(4));
    let (report, code) = examine(&t, "shop/api:1", &["--create-repository"]);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(outcome(&report, "ecr:CreateRepository"), "not checked");
    assert_eq!(outcome(&report, "ecr:PutImage"), "not checked");
    assert_eq!(outcome(&report, "ecr:UploadLayerPart"), "good");
    assert!(t.ecr().registry().is_empty(), "nothing was created");
    // Even if the registry would make it for the first call of a push.
    let t = with_policy(&push_policy(&["--create-repository"]));
    create_on_push(&t);
    assert_eq!(examine(&t, "shop/api:1", &[]).1, Some(4));
    assert!(t.ecr().registry().is_empty(), "nothing was created");
    // A policy that lacks something is found out before the repository is there.
    let t = with_policy(&without(&push_policy(&["--create-repository"]), "ecr:CompleteLayerUpload"));
    let (report, code) = examine(&t, "shop/api:1", &["--create-repository"]);
    assert_eq!((outcome(&report, "ecr:CompleteLayerUpload"), code), ("missing", Some(3)));
}

#[test]
fn a_region_in_which_nothing_is() {
    let t = everything();
    prepare(&t, &["shop/api:1"]);
    let (report, code) = examine(&t, "shop/api:1", &["--region", "eu-west-1"]);
    assert_eq!((outcome(&report, "repository"), code), ("missing", Some(4)), "{report:#}");
    assert_eq!(report["checks"][2]["detail"], "eu-west-1, from --region");
    let assumed = t.requests("AssumeRoleWithWebIdentity").len();
    let ended = doctor(&t, "shop/api:1", &["--region", "us-east-1a", "--role-to-assume", ROLE]).output();
    insta::assert_snapshot!(shown(&ended), @r"
    exit: 2
    ----- stdout -----
    not checked CI                         none that is known; that is no problem
    good        token                      of GitHub Actions, for another [LONG]
                                           issuer http://[HOST]/oidc
                                           subject repo:consign/demo:ref:refs/heads/main
                                           audience sts.amazonaws.com
                                           expires [WHEN]
    failed      region                     `us-east-1a` is not the name of a region
                                           hint: it looks like eu-west-1; what ends in a letter, such as us-east-1a, is a zone of a region
    not checked account                    without a region, AWS can't be asked

    shop/api:1
    not checked repository and permissions nothing can be asked before what is wrong above is put right
    ----- stderr -----
    error: the push would not work: region
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
    assert_eq!(t.requests("AssumeRoleWithWebIdentity").len(), assumed, "without a region AWS is not asked");
}

#[test]
fn no_region() {
    let t = everything();
    let run = doctor(&t, "shop/api:1", &["--role-to-assume", ROLE]);
    insta::assert_snapshot!(shown(&run.without("AWS_REGION").without("AWS_DEFAULT_REGION").output()), @r"
    exit: 2
    ----- stdout -----
    not checked CI                         none that is known; that is no problem
    good        token                      of GitHub Actions, for another [LONG]
                                           issuer http://[HOST]/oidc
                                           subject repo:consign/demo:ref:refs/heads/main
                                           audience sts.amazonaws.com
                                           expires [WHEN]
    failed      region                     no AWS region is set
                                           hint: pass `--region`, or set AWS_REGION
    not checked account                    there are no credentials to ask with

    shop/api:1
    not checked repository and permissions nothing can be asked before what is wrong above is put right
    ----- stderr -----
    error: the push would not work: region
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
}

#[test]
fn a_token_that_has_run_out() {
    let t = with_role(None, &[push_policy(&[])], &json!({ "claims": { "exp": 1_000_000_000 } }));
    let ended = doctor(&t, "shop/api:1", &["--role-to-assume", ROLE]).output();
    let text = regex::Regex::new("ran out .* ago")
        .unwrap()
        .replace(&shown(&ended), "ran out [LONG] ago")
        .into_owned();
    let text = regex::Regex::new("current date/time [0-9]+")
        .unwrap()
        .replace(&text, "current date/time [NOW]")
        .into_owned();
    insta::assert_snapshot!(text, @r"
    exit: 3
    ----- stdout -----
    not checked CI                         none that is known; that is no problem
    failed      token                      of GitHub Actions, and it ran out [LONG] ago
                                           issuer http://[HOST]/oidc
                                           subject repo:consign/demo:ref:refs/heads/main
                                           audience sts.amazonaws.com
                                           expires [WHEN]
                                           hint: let the CI issue it for this job, and as late as can be
    good        region                     us-east-1, from AWS_REGION
    failed      role                       STS refused to let the OIDC token of GitHub Actions assume the role arn:aws:iam::123456789012:role/ci: ExpiredTokenException: Token expired: current date/time [NOW] must be before the expiration date/time 1000000000 (request id [UUID])
                                           hint: the token is a fresh one, so the clock of this machine or of the CI is wrong
                                             the token says:
                                               iss http://[HOST]/oidc
                                               sub repo:consign/demo:ref:refs/heads/main
                                               aud sts.amazonaws.com
                                               exp [TIME]

    shop/api:1
    not checked repository and permissions nothing can be asked before what is wrong above is put right
    ----- stderr -----
    error: the push would not work: token, role
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
}

#[test]
fn a_subject_that_the_role_does_not_trust_and_the_policy_that_would() {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/${{emulator:issuer}}") },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": { "${emulator:issuer}:aud": "sts.amazonaws.com" },
            "StringLike": { "${emulator:issuer}:sub": "repo:acme/*" },
        },
    }] });
    let t = with_role(Some(trust), &[push_policy(&[])], &json!({}));
    let ended = doctor(&t, "shop/api:1", &["--role-to-assume", ROLE]).output();
    insta::assert_snapshot!(shown(&ended), @r#"
    exit: 3
    ----- stdout -----
    not checked CI                         none that is known; that is no problem
    good        token                      of GitHub Actions, for another [LONG]
                                           issuer http://[HOST]/oidc
                                           subject repo:consign/demo:ref:refs/heads/main
                                           audience sts.amazonaws.com
                                           expires [WHEN]
    good        region                     us-east-1, from AWS_REGION
    missing     role                       STS refused to let the OIDC token of GitHub Actions assume the role arn:aws:iam::123456789012:role/ci: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity (request id [UUID])
                                           hint: the role must exist in the account 123456789012, and its trust policy must match the token; AWS does not tell which of the two is wrong, and `aws iam get-role --role-name ci`, run there, does
                                             the token says:
                                               iss http://[HOST]/oidc
                                               sub repo:consign/demo:ref:refs/heads/main
                                               aud sts.amazonaws.com
                                               exp [TIME]
                                             the trust policy of arn:aws:iam::123456789012:role/ci must have:
                                               "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/[HOST]/oidc"}
                                               "[HOST]/oidc:aud": "sts.amazonaws.com"
                                               "[HOST]/oidc:sub": a pattern that matches the sub above

    shop/api:1
    not checked repository and permissions nothing can be asked before what is wrong above is put right

    add to the trust policy of arn:aws:iam::123456789012:role/ci:
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "ConsignTrust",
          "Effect": "Allow",
          "Principal": {
            "Federated": "arn:aws:iam::123456789012:oidc-provider/[HOST]/oidc"
          },
          "Action": [
            "sts:AssumeRoleWithWebIdentity"
          ],
          "Condition": {
            "StringEquals": {
              "[HOST]/oidc:aud": "sts.amazonaws.com",
              "[HOST]/oidc:sub": "repo:consign/demo:ref:refs/heads/main"
            }
          }
        }
      ]
    }
    ----- stderr -----
    error: the push would not work: role
    hint: the lines that are not good say what helps, and the policies below them what to add; then run `consign doctor` again
    "#);
    let (report, code) = examine(&t, "shop/api:1", &[]);
    assert_eq!((outcome(&report, "role"), code), ("missing", Some(3)));
    // The issuer's port differs from emulator to emulator.
    let own = format!("{}/oidc", t.ecr().address());
    let wanted = report["add"][0]["policy"].to_string().replace(&own, "${emulator:issuer}");
    let healed = with_role(Some(serde_json::from_str(&wanted).unwrap()), &[push_policy(&[])], &json!({}));
    prepare(&healed, &["shop/api:1"]);
    assert_eq!(examine(&healed, "shop/api:1", &[]).1, Some(0));
}

#[test]
fn an_account_that_is_not_allowed_is_not_touched() {
    let t = everything();
    prepare(&t, &["shop/api:1"]);
    let after = t.ecr().requests().len();
    let options = ["--role-to-assume", ROLE, "--allowed-account-ids", "111111111111"];
    insta::assert_snapshot!(shown(&doctor(&t, "shop/api:1", &options).output()), @r"
    exit: 3
    ----- stdout -----
    not checked CI                         none that is known; that is no problem
    good        token                      of GitHub Actions, for another [LONG]
                                           issuer http://[HOST]/oidc
                                           subject repo:consign/demo:ref:refs/heads/main
                                           audience sts.amazonaws.com
                                           expires [WHEN]
    good        region                     us-east-1, from AWS_REGION
    good        role                       arn:aws:iam::123456789012:role/ci was assumed
                                           session arn:aws:sts::123456789012:assumed-role/ci/consign
    failed      account                    the credentials belong to the account 123456789012, and only 111111111111 may be used
                                           hint: check the role's ARN, or add the account to `--allowed-account-ids`

    shop/api:1
    not checked repository and permissions nothing can be asked before what is wrong above is put right
    ----- stderr -----
    error: the push would not work: account
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
    let asked: Vec<String> =
        t.ecr().requests().into_iter().skip(after).map(|request| request.operation).collect();
    assert!(
        !asked.iter().any(|operation| operation.contains("Layer") || operation.contains("Image")),
        "{asked:?}"
    );
}

#[test]
fn no_token_and_no_credentials() {
    let t = Context::new();
    let role = ["--role-to-assume", ROLE, "--region", "eu-west-1"];
    insta::assert_snapshot!(shown(&doctor(&t, "shop/api:1", &role).output()), @r"
    exit: 3
    ----- stdout -----
    not checked CI                         none that is known; that is no problem
    missing     token                      there is no OIDC token to assume the role arn:aws:iam::123456789012:role/ci with; tried, in this order:
                                             1. --web-identity-token-file: not given
                                             2. --web-identity-token-env: not given
                                             3. GitHub Actions: ACTIONS_ID_TOKEN_REQUEST_URL is not set
                                             4. GitLab CI: GITLAB_CI is not set
                                             5. Bitbucket Pipelines: BITBUCKET_STEP_OIDC_TOKEN is not set
                                             6. CircleCI: CIRCLE_OIDC_TOKEN_V2 and CIRCLE_OIDC_TOKEN are not set
                                             7. Buildkite: BUILDKITE_AGENT_ACCESS_TOKEN is not set
                                             8. Jenkins, Kubernetes: AWS_WEB_IDENTITY_TOKEN_FILE is not set
                                           hint: in GitHub Actions give the job `permissions: id-token: write`; in GitLab declare `id_tokens:`; in Bitbucket set `oidc: true`; elsewhere pass `--web-identity-token-file` or `--web-identity-token-env`
    not checked account                    there are no credentials to ask with

    shop/api:1
    not checked repository and permissions nothing can be asked before what is wrong above is put right
    ----- stderr -----
    error: the push would not work: token
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
    insta::assert_snapshot!(shown(&doctor(&t, "shop/api:1", &["--region", "eu-west-1"]).output()), @r"
    exit: 3
    ----- stdout -----
    not checked CI                         none that is known; that is no problem
    not checked token                      no role is named to use one for
    good        region                     eu-west-1, from --region
    failed      credentials                no AWS credentials were found; tried, in this order:
                                             1. an OIDC token with --role-to-assume: no role given
                                             2. AWS_ACCESS_KEY_ID: not set
                                             3. the profile `default` of the AWS configuration files: gives none
                                             4. AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN: not set, not set
                                             5. the container's credentials (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI): not set, not set
                                             6. the EC2 instance's metadata: disabled
                                           hint: pass `--role-to-assume ARN` in a CI job that has an OIDC token, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY

    shop/api:1
    not checked repository and permissions nothing can be asked before what is wrong above is put right
    ----- stderr -----
    error: the push would not work: credentials
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
}

#[test]
fn without_a_ci_a_token_or_a_role() {
    let t = Context::with_ecr(&[]);
    t.app();
    prepare(&t, &["shop/api:1"]);
    let keys = crate::auth::keys(&t);
    let run = doctor(&t, "shop/api:1", &[]).without("CONSIGN_ROLE_TO_ASSUME").without("AWS_ROLE_ARN");
    let run = run.without(GITHUB[0]).without(GITHUB[1]).without("AWS_WEB_IDENTITY_TOKEN_FILE");
    let run = keys.iter().fold(run, |run, (name, value)| run.env(name, value));
    insta::assert_snapshot!(shown(&run.output()), @r"
    exit: 0
    ----- stdout -----
    not checked CI                              none that is known; that is no problem
    not checked token                           no role is named to use one for
    good        region                          us-east-1, from AWS_REGION
    good        credentials                     of the AWS configuration
                                                identity arn:aws:sts::123456789012:assumed-role/consign/another-tool
    good        account                         123456789012

    [HOST]/shop/api
    good        repository                      is there, MUTABLE
    good        tag 1                           would be moved; now it belongs to sha256:[DIGEST]
    good        images                          1 image; the quota is 100,000 unless it was raised
    good        ecr:BatchCheckLayerAvailability is allowed
    good        ecr:InitiateLayerUpload         is allowed; to see that, an upload was opened, which ECR drops by itself
    good        ecr:UploadLayerPart             is allowed
    good        ecr:CompleteLayerUpload         is allowed
    good        ecr:PutImage                    is allowed
    good        ecr:BatchGetImage               is allowed
    good        ecr:GetDownloadUrlForLayer      is allowed
    good        ecr:DescribeImages              is allowed
    ----- stderr -----
    ");
}

#[test]
fn who_is_this_job() {
    let t = Context::with_ecr(&[]);
    let run = t.consign(["doctor"]).env("GITHUB_ACTIONS", "true").env("GITHUB_REF", "refs/heads/main");
    let run = run.env("GITHUB_SERVER_URL", "https://github.com").env("GITHUB_REPOSITORY", "acme/shop");
    let ended = run.output();
    insta::assert_snapshot!(shown(&ended), @r"
    exit: 0
    ----- stdout -----
    good        CI         GitHub Actions
                           repository https://github.com/acme/shop
                           runs for the branch `main`
    good        token      of GitHub Actions, for another [LONG]
                           issuer http://[HOST]/oidc
                           subject repo:consign/demo:ref:refs/heads/main
                           audience sts.amazonaws.com
                           expires [WHEN]
    good        region     us-east-1, from AWS_REGION
    good        role       arn:aws:iam::123456789012:role/consign was assumed
                           session arn:aws:sts::123456789012:assumed-role/consign/consign
    good        account    123456789012
    not checked repository no --tag says which one it would be
    ----- stderr -----
    ");
}

#[test]
fn the_token_is_never_shown() {
    let t = Context::with_ecr(&[]);
    let token = t.ecr().identity_token("sts.amazonaws.com", None);
    t.file("token", token.expose());
    for options in [&[][..], &["--format", "json"], &["-vvv"]] {
        let run = t.consign(["doctor", "--web-identity-token-file", "token"].iter().chain(options));
        let ended = run.output();
        assert_eq!(ended.code, Some(0), "{ended}");
        for part in token.expose().split('.') {
            assert!(!ended.stdout.contains(part) && !ended.stderr.contains(part), "{ended}");
        }
    }
}

#[test]
fn across_accounts_both_sides_are_told_what_to_add() {
    let own = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "*" }
    ] });
    let t = with_policy(&own);
    make_other_repository(&t, None);
    let reference = format!("{OTHER_HOST}/shop/api:1");
    let (report, code) = examine(&t, &reference, &[]);
    assert_eq!(code, Some(3), "{report:#}");
    let [ours, theirs] = report["add"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    assert_eq!(ours["to"], format!("a policy of {ROLE}"));
    assert_eq!(theirs["to"], "the policy of the repository shop/api in the account 210987654321");
    let healed = with_role(None, &[own, ours["policy"].clone()], &json!({}));
    make_other_repository(&healed, Some(&theirs["policy"]));
    let (report, code) = examine(&healed, &reference, &[]);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(push(&healed, &reference, &[]).code, Some(0));
}

#[test]
fn ecr_that_does_not_answer() {
    let t = everything();
    let run = doctor(&t, "shop/api:1", &["--role-to-assume", ROLE, "--retry-max-attempts", "1"]);
    let ended = run.env("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1").output();
    assert_eq!(ended.code, Some(5), "{ended}");
    assert!(ended.stdout.contains("not checked ecr:PutImage"), "{ended}");
}

#[test]
fn a_registry_that_is_not_ecr() {
    let t = Context::new();
    let open = PlainRegistry::start(Mood::Good, None);
    let tag = format!("{}/shop/api:1", open.host);
    insta::assert_snapshot!(shown(&doctor(&t, &tag, &[]).output()), @r"
    exit: 0
    ----- stdout -----
    not checked CI    none that is known; that is no problem

    [HOST]/shop/api
    good        login [HOST] lets us in
    good        tag 1 is new
    not checked push  [HOST] tells only when something is pushed whether it may be
    ----- stderr -----
    ");
    let closed = PlainRegistry::start(Mood::Good, Some(("ci", "secret")));
    let tag = format!("{}/shop/api:1", closed.host);
    insta::assert_snapshot!(shown(&doctor(&t, &tag, &[]).output()), @r"
    exit: 3
    ----- stdout -----
    not checked CI    none that is known; that is no problem

    [HOST]/shop/api
    failed      login [HOST] does not let anonymous users into the repository `shop/api`: UNAUTHORIZED: as the test wants it (HTTP status 401)
                      hint: log in first: `docker login [HOST]` or `podman login [HOST]` write the credentials to where consign finds them; in a CI job, DOCKER_CONFIG or REGISTRY_AUTH_FILE name the place
    not checked push  [HOST] tells only when something is pushed whether it may be
    ----- stderr -----
    error: the push would not work: login
    hint: the lines that are not good say what helps; then run `consign doctor` again
    ");
}

#[test]
fn wrong_input() {
    let t = Context::with_ecr(&[]);
    for (tag, options) in [
        ("Shop/api", &[][..]),
        ("shop/api:1", &["--role-to-assume", "ci"]),
        ("shop/api:1", &["--registry-endpoint", "nonsense"]),
        ("shop/api:1", &["--allowed-account-ids", "12"]),
        ("public.ecr.aws/api:1", &[]),
    ] {
        doctor(&t, tag, options).fails(2);
    }
    assert_eq!(t.operations(), []);
}
