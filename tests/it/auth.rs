//! Credentials: where they come from, and what is said when there are none.

use crate::support::Context;
use consign::emulator::Settings;

const PUSH: [&str; 6] = ["build", "app", "--tag", "shop/api:1", "--create-repository", "--push"];
const GITHUB: [&str; 2] = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

#[test]
fn a_wrong_audience_shows_what_the_token_says_and_what_the_policy_wants() {
    let t = Context::with_ecr(&[]);
    t.app();
    let ended = t.consign(PUSH.iter().chain(&["--audience", "somebody-else"])).output();
    insta::assert_snapshot!(ended, @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: STS refused to let the OIDC token of GitHub Actions assume the role arn:aws:iam::123456789012:role/consign: InvalidIdentityToken: Incorrect token audience (request id [UUID])
    hint: IAM in the account 123456789012 does not know the issuer as an OIDC provider, or the provider does not list the audience; one of these, run there, helps:
        aws iam create-open-id-connect-provider --url http://[HOST]/oidc --client-id-list somebody-else
        aws iam add-client-id-to-open-id-connect-provider --client-id somebody-else --open-id-connect-provider-arn arn:aws:iam::123456789012:oidc-provider/[HOST]/oidc
      the token says:
        iss http://[HOST]/oidc
        sub repo:consign/demo:ref:refs/heads/main
        aud somebody-else
        exp [TIME]
      the trust policy of arn:aws:iam::123456789012:role/consign must have:
        "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/[HOST]/oidc"}
        "[HOST]/oidc:aud": "somebody-else" (asked for with `--audience`; usually it is sts.amazonaws.com)
        "[HOST]/oidc:sub": a pattern that matches the sub above
    "#);
    assert!(t.ecr().registry().is_empty());
}

#[test]
fn a_subject_that_the_trust_policy_does_not_match_is_denied() {
    let t = Context::with_ecr(&[]);
    t.app();
    let token = t.ecr().identity_token("sts.amazonaws.com", Some("repo:evil/fork:pull_request"));
    let path = t.file("token", token.expose());
    let ended =
        t.consign(PUSH.iter().copied().chain(["--web-identity-token-file", path.to_str().unwrap()])).output();
    insta::assert_snapshot!(ended, @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: STS refused to let the OIDC token of the file `[DIR]/token` assume the role arn:aws:iam::123456789012:role/consign: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity (request id [UUID])
    hint: the role must exist in the account 123456789012, and its trust policy must match the token; AWS does not tell which of the two is wrong, and `aws iam get-role --role-name consign`, run there, does
      the token says:
        iss http://[HOST]/oidc
        sub repo:evil/fork:pull_request
        aud sts.amazonaws.com
        exp [TIME]
      the trust policy of arn:aws:iam::123456789012:role/consign must have:
        "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/[HOST]/oidc"}
        "[HOST]/oidc:aud": "sts.amazonaws.com" (chosen where the token is issued; `--audience` has no say in it)
        "[HOST]/oidc:sub": a pattern that matches the sub above
    "#);
    assert!(!ended.stderr.contains(token.expose()));
}

#[test]
fn a_token_from_a_file_a_variable_or_the_environment() {
    let t = Context::with_ecr(&[]);
    t.app();
    let token = t.ecr().identity_token("sts.amazonaws.com", None);
    t.file("token", format!("{}\n", token.expose()));

    let file = t.consign(PUSH.iter().chain(&["--web-identity-token-file", "token"]));
    file.without(GITHUB[0]).without(GITHUB[1]).succeeds();
    let variable = t.consign(PUSH.iter().chain(&["--web-identity-token-env", "GITLAB_OIDC"]));
    variable.env("GITLAB_OIDC", token.expose()).without(GITHUB[0]).succeeds();
    // What every SDK takes: AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE, and nothing of ours.
    let ambient = t.consign(PUSH).without(GITHUB[0]).without("CONSIGN_ROLE_TO_ASSUME");
    ambient.succeeds();
    assert!(t.requests("GET /oidc/token").is_empty());
    assert_eq!(t.requests("AssumeRoleWithWebIdentity").len(), 3);
}

#[test]
fn the_token_of_every_ci() {
    let t = Context::with_ecr(&[]);
    let token = t.ecr().identity_token("sts.amazonaws.com", None);
    let mut job = 0;
    let mut log_in = |variables: &[(&str, &str)]| {
        let run =
            t.consign(["login"]).without(GITHUB[0]).without(GITHUB[1]).without("AWS_WEB_IDENTITY_TOKEN_FILE");
        let ended = variables.iter().fold(run, |run, (name, value)| run.env(name, value)).output();
        job += 1;
        assert_eq!(t.requests("AssumeRoleWithWebIdentity").len(), job, "{ended}");
        assert_eq!(ended.code, Some(0), "{ended}");
        ended.stderr.lines().next().unwrap().to_owned()
    };
    for (ci, variable) in [
        ("GitLab CI", "CONSIGN_ID_TOKEN"),
        ("GitLab CI", "AWS_ID_TOKEN"),
        ("Bitbucket Pipelines", "BITBUCKET_STEP_OIDC_TOKEN"),
        ("CircleCI", "CIRCLE_OIDC_TOKEN_V2"),
        ("CircleCI", "CIRCLE_OIDC_TOKEN"),
    ] {
        let line =
            log_in(&[("GITLAB_CI", if ci == "GitLab CI" { "true" } else { "" }), (variable, token.expose())]);
        assert!(line.contains(&format!("the OIDC token of {ci} (the variable `{variable}`)")), "{line}");
    }
    // The agent is asked anew, for the audience that was asked for, and no shell has a part in it.
    t.file("answer", token.expose());
    let script = format!(
        "#!/bin/sh\necho \"$# $*\" >>{0}/asked\n[ \"$4\" = 'sts.amazonaws.com' ] && cat {0}/answer\n",
        t.path("").display()
    );
    let agent = t.file("agent folder/buildkite-agent", script);
    fs_err::set_permissions(agent, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", t.path("agent folder").display());
    let line = log_in(&[("BUILDKITE_AGENT_ACCESS_TOKEN", "t"), ("PATH", &path)]);
    assert!(line.contains("the OIDC token of Buildkite for"), "{line}");
    let asked = fs_err::read_to_string(t.path("asked")).unwrap();
    assert_eq!(asked, "4 oidc request-token --audience sts.amazonaws.com\n");
}

#[test]
fn the_role_of_the_surroundings_goes_with_the_token_of_the_surroundings() {
    // As on a runner in Kubernetes, in a job that could have a token of GitHub's too.
    let t = Context::with_ecr(&[]);
    t.consign(["login"]).without("CONSIGN_ROLE_TO_ASSUME").succeeds();
    assert!(t.requests("GET /oidc/token").is_empty());
    t.consign(["login"]).succeeds();
    assert_eq!(t.requests("GET /oidc/token").len(), 1);
}

#[test]
fn no_credentials_lists_what_was_tried() {
    let t = Context::new();
    t.app();
    insta::assert_snapshot!(t.consign(PUSH).env("AWS_REGION", "eu-west-1").output(), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: no AWS credentials were found; tried, in this order:
      1. an OIDC token with --role-to-assume: no role given
      2. AWS_ACCESS_KEY_ID: not set
      3. the profile `default` of the AWS configuration files: gives none
      4. AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN: not set, not set
      5. the container's credentials (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI): not set, not set
      6. the EC2 instance's metadata: disabled
    hint: pass `--role-to-assume ARN` in a CI job that has an OIDC token, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    ");
    let in_github = t
        .consign(PUSH)
        .env("AWS_REGION", "eu-west-1")
        .env(GITHUB[0], "https://ci.example/token")
        .env(GITHUB[1], "t")
        .fails(3);
    assert!(in_github.contains("--role-to-assume"), "{in_github}");
}

#[test]
fn a_role_without_a_token_lists_what_was_tried() {
    let t = Context::new();
    t.app();
    let role = ["--role-to-assume", "arn:aws:iam::123456789012:role/ci", "--region", "eu-west-1"];
    insta::assert_snapshot!(t.consign(PUSH.iter().chain(&role)).output(), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no OIDC token to assume the role arn:aws:iam::123456789012:role/ci with; tried, in this order:
      1. --web-identity-token-file: not given
      2. --web-identity-token-env: not given
      3. GitHub Actions: ACTIONS_ID_TOKEN_REQUEST_URL is not set
      4. GitLab CI: GITLAB_CI is not set
      5. Bitbucket Pipelines: BITBUCKET_STEP_OIDC_TOKEN is not set
      6. CircleCI: CIRCLE_OIDC_TOKEN_V2 and CIRCLE_OIDC_TOKEN are not set
      7. Buildkite: BUILDKITE_AGENT_ACCESS_TOKEN is not set
      8. Jenkins, Kubernetes: AWS_WEB_IDENTITY_TOKEN_FILE is not set
    hint: in GitHub Actions give the job `permissions: id-token: write`; in GitLab declare `id_tokens:`; in Bitbucket set `oidc: true`; elsewhere pass `--web-identity-token-file` or `--web-identity-token-env`
    ");
    let missing = t.consign(PUSH.iter().chain(&role).chain(&["--web-identity-token-file", "nope"])).fails(3);
    assert!(missing.contains("reading the OIDC token file `nope`"), "{missing}");
    let unset = t.consign(PUSH.iter().chain(&role).chain(&["--web-identity-token-env", "NOPE"])).fails(3);
    assert!(unset.contains("`NOPE`"), "{unset}");
}

#[test]
fn no_region() {
    let t = Context::new();
    t.app();
    insta::assert_snapshot!(t.consign(PUSH).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no AWS region is set
    hint: pass `--region`, or set AWS_REGION
    ");
}

#[test]
fn only_allowed_accounts() {
    let t = Context::with_ecr(&[]);
    t.app();
    let ended =
        t.consign(PUSH.iter().chain(&["--allowed-account-ids", "111111111111,222222222222"])).output();
    insta::assert_snapshot!(ended, @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: the credentials belong to the account 123456789012, and only 111111111111, 222222222222 may be used
    hint: check the role's ARN, or add the account to `--allowed-account-ids`
    ");
    t.consign(PUSH.iter().chain(&["--allowed-account-ids", "123456789012"])).succeeds();
}

#[test]
fn the_gate_of_github_may_be_closed() {
    let t = Context::with_ecr(&["error:GET /oidc/token,status=403,times=always"]);
    t.app();
    insta::assert_snapshot!(t.consign(PUSH).output(), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: GitHub Actions gave no OIDC token: http://[HOST]/oidc/token?[redacted] answered 403
    hint: in GitHub Actions the job needs `permissions: id-token: write`, and a pull request from a fork never gets a token
    ");
}

#[test]
fn sessions_shorter_than_the_push_are_renewed_in_time() {
    let settings = Settings {
        credential_lifetime: std::time::Duration::from_secs(3),
        faults: vec!["slow,rate=6000000".parse().unwrap()],
        part_size: 5 * 1024 * 1024,
        ..Settings::default()
    };
    let t = Context::with_settings(settings);
    // Four parts of a good second each.
    t.noise("app/data", 20, 1);
    t.consign(PUSH).succeeds();
    assert!(t.requests("AssumeRoleWithWebIdentity").len() > 1);
}

/// Keys for the SDK's own chain, as another tool would have got them.
fn keys(t: &Context) -> [(&'static str, String); 3] {
    let variables = t.ecr().environment();
    let value = |name: &str| variables.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    let token = t.ecr().identity_token("sts.amazonaws.com", None);
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", &value("AWS_ROLE_ARN")),
        ("RoleSessionName", "another-tool"),
        ("WebIdentityToken", token.expose()),
    ];
    let body: Vec<String> = form
        .iter()
        .map(|(name, value)| {
            let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            format!("{name}={value}")
        })
        .collect();
    let answer = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let request = reqwest::Client::new().post(value("AWS_ENDPOINT_URL_STS"));
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
        request.send().await.unwrap().text().await.unwrap()
    });
    let element = |name: &str| {
        let pattern = regex::Regex::new(&format!("<{name}>([^<]+)</{name}>")).unwrap();
        pattern.captures(&answer).unwrap_or_else(|| panic!("{answer}"))[1].to_owned()
    };
    [
        ("AWS_ACCESS_KEY_ID", element("AccessKeyId")),
        ("AWS_SECRET_ACCESS_KEY", element("SecretAccessKey")),
        ("AWS_SESSION_TOKEN", element("SessionToken")),
    ]
}

#[test]
fn the_sdks_own_chain_without_a_role() {
    let t = Context::with_ecr(&[]);
    t.app();
    let keys = keys(&t);
    let push = |options: &[&str]| {
        let run = t.consign(PUSH.iter().chain(options)).without("CONSIGN_ROLE_TO_ASSUME");
        keys.iter().fold(run, |run, (name, value)| run.env(name, value))
    };
    // Static keys come before AWS_ROLE_ARN, in our order as in the SDK's.
    push(&[]).succeeds();
    assert_eq!(t.requests("AssumeRoleWithWebIdentity").len(), 1, "only the one that got the keys");
    assert!(t.requests("GetCallerIdentity").is_empty());
    // Whose keys these are is asked only if it matters.
    push(&["--allowed-account-ids", "123456789012"]).succeeds();
    assert_eq!(t.requests("GetCallerIdentity").len(), 1);
    let refused = push(&["--allowed-account-ids", "111111111111"]).fails(3);
    assert!(refused.contains("123456789012"), "{refused}");

    // Keys in a file of the AWS configuration.
    let [(_, id), (_, secret), (_, session)] = &keys;
    let file = format!(
        "[ci]\naws_access_key_id={id}\naws_secret_access_key={secret}\naws_session_token={session}\n"
    );
    t.file(".aws/credentials", file);
    let profile = t.consign(PUSH).without("CONSIGN_ROLE_TO_ASSUME").without("AWS_ROLE_ARN");
    profile.env("AWS_PROFILE", "ci").succeeds();
}

/// What docs/how-it-works.md says that the role needs.
const NEEDED: [&str; 9] = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "ecr:DescribeRepositories",
    "ecr:CreateRepository",
];

/// An emulator whose role `ci` may do `actions`.
fn with_permissions(actions: &[&str]) -> Context {
    let folder = tempfile::tempdir().unwrap();
    let iam = serde_json::json!({ "accounts": { "${emulator:account}": { "roles": [{
        "name": "ci",
        "trustPolicy": { "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": "arn:aws:iam::${emulator:account}:oidc-provider/${emulator:issuer}" },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": { "${emulator:issuer}:aud": "sts.amazonaws.com" } },
        }] },
        "policies": { "push": { "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": actions, "Resource": "arn:aws:ecr:*:*:repository/shop/*",
        }] } },
    }] } } });
    let path = folder.path().join("iam.json");
    fs_err::write(&path, iam.to_string()).unwrap();
    Context::with_settings(Settings { iam: Some(path), ..Settings::default() })
}

#[test]
fn the_permissions_that_the_pages_name_are_enough_and_all_are_needed() {
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/how-it-works.md")).unwrap();
    let role = ["--role-to-assume", "arn:aws:iam::123456789012:role/ci"];
    for action in NEEDED {
        assert!(page.contains(&format!("`{action}`")), "{action}");
    }
    let t = with_permissions(&NEEDED);
    t.app();
    let first = t.consign(PUSH.iter().chain(&role)).succeeds();
    assert_eq!(t.consign(PUSH.iter().chain(&role)).succeeds(), first);

    // Without one that only finds what can be reused, a push goes on.
    let optional = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
    for without in NEEDED {
        let rest: Vec<_> = NEEDED.into_iter().filter(|action| *action != without).collect();
        let t = with_permissions(&rest);
        t.app();
        let ended = t.consign(PUSH.iter().chain(&role)).output();
        if optional.contains(&without) {
            assert_eq!(ended.code, Some(0), "{without}: {ended}");
        } else {
            assert_eq!(ended.code, Some(3), "{without}: {ended}");
            assert!(
                ended.stderr.contains(&format!("hint: the role needs the permission `{without}`")),
                "{ended}"
            );
        }
    }
}
