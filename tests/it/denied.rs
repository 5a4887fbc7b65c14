//! Those who are turned away: each is told what to change, and exit code 3 says that it is not the input.

use crate::support::{Context, Run};
use consign::emulator::Settings;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

const ROLE: &str = "arn:aws:iam::123456789012:role/consign";
/// What a job of GitHub has and a job of another CI has not.
const GITHUB: [&str; 2] = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];
const ISSUER: &str = "https://gitlab.example";

/// A job that wants to log in, without a token.
fn job(t: &Context, ci: &[(&str, &str)]) -> Run {
    let run = t.consign(["login", "--role-to-assume", ROLE, "--region", "eu-west-1"]);
    ci.iter().fold(run, |run, (name, value)| run.env(name, value))
}

/// A job of another CI than GitHub, against the emulator, with the role that its variables name.
fn elsewhere(t: &Context) -> Run {
    t.consign(["login"]).without(GITHUB[0]).without(GITHUB[1]).without("AWS_WEB_IDENTITY_TOKEN_FILE")
}

/// Exit code and stderr, without times.
fn told(run: Run) -> String {
    let ended = run.output();
    assert_eq!(ended.stdout, "", "{ended}");
    regex::Regex::new(r"date/time \d+")
        .unwrap()
        .replace_all(&ended.to_string(), "date/time [TIME]")
        .into_owned()
}

#[test]
fn a_pull_request_from_a_fork() {
    let t = Context::new();
    let github = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_EVENT_PATH", "event.json"),
        ("GITHUB_REPOSITORY", "acme/shop"),
    ];
    let event = |repository: &str| {
        let head = json!({ "ref": "fix", "repo": { "full_name": repository, "fork": true } });
        t.file("event.json", json!({ "action": "opened", "pull_request": { "head": head } }).to_string());
    };
    event("evil/shop");
    insta::assert_snapshot!(told(job(&t, &github)), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    ::error title=consign::there is no OIDC token to assume the role arn:aws:iam::123456789012:role/consign with; tried, in this order:%0A  1. --web-identity-token-file: not given%0A  2. --web-identity-token-env: not given%0A  3. GitHub Actions: ACTIONS_ID_TOKEN_REQUEST_URL is not set%0A  4. GitLab CI: GITLAB_CI is not set%0A  5. Bitbucket Pipelines: BITBUCKET_STEP_OIDC_TOKEN is not set%0A  6. CircleCI: CIRCLE_OIDC_TOKEN_V2 and CIRCLE_OIDC_TOKEN are not set%0A  7. Buildkite: BUILDKITE_AGENT_ACCESS_TOKEN is not set%0A  8. Jenkins, Kubernetes: AWS_WEB_IDENTITY_TOKEN_FILE is not set%0Ahint: this job runs for a pull request from the fork `evil/shop`, and GitHub gives such jobs no OIDC token, whatever `permissions: id-token: write` says. Build without `--push` there, and push after the merge; `pull_request_target` is no way out, as it would give the fork's code your role
    ");
    event("acme/shop");
    let own = told(job(&t, &github));
    assert!(!own.contains("evil") && own.contains("id-token: write"), "{own}");
}

#[test]
fn a_job_of_github_without_the_permission() {
    let t = Context::new();
    let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "push")];
    insta::assert_snapshot!(told(job(&t, &github)), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    ::error title=consign::there is no OIDC token to assume the role arn:aws:iam::123456789012:role/consign with; tried, in this order:%0A  1. --web-identity-token-file: not given%0A  2. --web-identity-token-env: not given%0A  3. GitHub Actions: ACTIONS_ID_TOKEN_REQUEST_URL is not set%0A  4. GitLab CI: GITLAB_CI is not set%0A  5. Bitbucket Pipelines: BITBUCKET_STEP_OIDC_TOKEN is not set%0A  6. CircleCI: CIRCLE_OIDC_TOKEN_V2 and CIRCLE_OIDC_TOKEN are not set%0A  7. Buildkite: BUILDKITE_AGENT_ACCESS_TOKEN is not set%0A  8. Jenkins, Kubernetes: AWS_WEB_IDENTITY_TOKEN_FILE is not set%0Ahint: give the job these permissions; a workflow that is called needs them from its caller too, and pull requests from forks never get a token%0A    permissions:%0A      id-token: write%0A      contents: read
    ");
}

#[test]
fn a_job_of_gitlab_without_id_tokens_or_with_too_many() {
    let t = Context::new();
    insta::assert_snapshot!(told(job(&t, &[("GITLAB_CI", "true")])), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no OIDC token to assume the role arn:aws:iam::123456789012:role/consign with; tried, in this order:
      1. --web-identity-token-file: not given
      2. --web-identity-token-env: not given
      3. GitHub Actions: ACTIONS_ID_TOKEN_REQUEST_URL is not set
      4. GitLab CI: CONSIGN_ID_TOKEN and AWS_ID_TOKEN are not set
      5. Bitbucket Pipelines: BITBUCKET_STEP_OIDC_TOKEN is not set
      6. CircleCI: CIRCLE_OIDC_TOKEN_V2 and CIRCLE_OIDC_TOKEN are not set
      7. Buildkite: BUILDKITE_AGENT_ACCESS_TOKEN is not set
      8. Jenkins, Kubernetes: AWS_WEB_IDENTITY_TOKEN_FILE is not set
    hint: declare a token in the job; one under another name is found with `--web-identity-token-env NAME`
        id_tokens:
          CONSIGN_ID_TOKEN:
            aud: sts.amazonaws.com
    ");
    let two = [("GITLAB_CI", "true"), ("CONSIGN_ID_TOKEN", "a.b.c"), ("AWS_ID_TOKEN", "d.e.f")];
    let two = told(job(&t, &two));
    assert!(two.contains("CONSIGN_ID_TOKEN and AWS_ID_TOKEN are both set"), "{two}");
    assert!(two.contains("--web-identity-token-env NAME") && !two.contains("a.b.c"), "{two}");
    let named = job(&t, &[("GITLAB_CI", "true"), ("CONSIGN_WEB_IDENTITY_TOKEN_ENV", "SHOP_TOKEN")]);
    insta::assert_snapshot!(told(named), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: the environment variable `SHOP_TOKEN`, which should hold an OIDC token, is not set
    hint: check `--web-identity-token-env`; in GitLab the job has to declare the token: `id_tokens: { SHOP_TOKEN: { aud: sts.amazonaws.com } }`
    ");
}

#[test]
fn jobs_of_other_cis_without_a_token() {
    let t = Context::new();
    for (ci, advice) in [
        (&[("BITBUCKET_BUILD_NUMBER", "7")][..], "oidc: true"),
        (&[("CIRCLECI", "true"), ("CIRCLE_PR_USERNAME", "evil")], "the fork of `evil`"),
        (&[("CIRCLECI", "true")], "context"),
        (&[("BUILDKITE", "true")], "mount-buildkite-agent: true"),
    ] {
        let told = told(job(&t, ci));
        assert!(told.starts_with("exit: 3\n") && told.contains(advice), "{told}");
    }
}

#[test]
fn a_token_that_has_expired() {
    let t = Context::with_ecr(&[]);
    let token = t.ecr().identity_token("sts.amazonaws.com", None);
    t.file("token", token.expose());
    t.ecr().advance_clock(Duration::from_mins(20)).unwrap();
    let file = elsewhere(&t).env("CONSIGN_WEB_IDENTITY_TOKEN_FILE", "token");
    insta::assert_snapshot!(told(file), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: STS refused to let the OIDC token of the file `token` assume the role arn:aws:iam::123456789012:role/consign: ExpiredTokenException: Token expired: current date/time [TIME] must be before the expiration date/time [TIME] (request id [UUID])
    hint: whoever writes the file has to renew it: it is read anew each time that credentials are needed
      the token says:
        iss http://[HOST]/oidc
        sub repo:consign/demo:ref:refs/heads/main
        aud sts.amazonaws.com
        exp [TIME]
    ");
    let variable = elsewhere(&t).env("GITLAB_CI", "true").env("CONSIGN_ID_TOKEN", token.expose());
    let variable = told(variable);
    assert!(variable.contains("the CI made the token when the job started"), "{variable}");
    assert!(!variable.contains(token.expose()));
}

#[test]
fn a_token_for_another_audience() {
    let t = Context::with_ecr(&[]);
    let token = t.ecr().identity_token("https://gitlab.example", None);
    let run = elsewhere(&t).env("GITLAB_CI", "true").env("AWS_ID_TOKEN", token.expose());
    insta::assert_snapshot!(told(run), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: STS refused to let the OIDC token of GitLab CI (the variable `AWS_ID_TOKEN`) assume the role arn:aws:iam::123456789012:role/consign: InvalidIdentityToken: Incorrect token audience (request id [UUID])
    hint: IAM in the account 123456789012 does not know the issuer as an OIDC provider, or the provider does not list the audience; one of these, run there, helps:
        aws iam create-open-id-connect-provider --url http://[HOST]/oidc --client-id-list https://gitlab.example
        aws iam add-client-id-to-open-id-connect-provider --client-id https://gitlab.example --open-id-connect-provider-arn arn:aws:iam::123456789012:oidc-provider/[HOST]/oidc
      the token says:
        iss http://[HOST]/oidc
        sub repo:consign/demo:ref:refs/heads/main
        aud https://gitlab.example
        exp [TIME]
      the trust policy of arn:aws:iam::123456789012:role/consign must have:
        "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/[HOST]/oidc"}
        "[HOST]/oidc:aud": "https://gitlab.example" (chosen where the token is issued; `--audience` has no say in it)
        "[HOST]/oidc:sub": a pattern that matches the sub above
    "#);
}

#[test]
fn a_role_that_does_not_exist() {
    let t = Context::with_ecr(&[]);
    let run = t.consign(["login", "--role-to-assume", "arn:aws:iam::123456789012:role/ci/typo"]);
    insta::assert_snapshot!(told(run), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: STS refused to let the OIDC token of GitHub Actions assume the role arn:aws:iam::123456789012:role/ci/typo: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity (request id [UUID])
    hint: the role must exist in the account 123456789012, and its trust policy must match the token; AWS does not tell which of the two is wrong, and `aws iam get-role --role-name typo`, run there, does
      the token says:
        iss http://[HOST]/oidc
        sub repo:consign/demo:ref:refs/heads/main
        aud sts.amazonaws.com
        exp [TIME]
      the trust policy of arn:aws:iam::123456789012:role/ci/typo must have:
        "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/[HOST]/oidc"}
        "[HOST]/oidc:aud": "sts.amazonaws.com"
        "[HOST]/oidc:sub": a pattern that matches the sub above
    "#);
}

/// An emulator with another account, which trusts another repository.
fn with_another_account(providers: &Value) -> Context {
    let folder = tempfile::tempdir().unwrap();
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Federated": "arn:aws:iam::210987654321:oidc-provider/gitlab.example" },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": { "gitlab.example:aud": "sts.amazonaws.com" },
            "StringLike": { "gitlab.example:sub": "project_path:acme/*" },
        },
    }] });
    let iam = json!({
        "accounts": { "210987654321": {
            "oidcProviders": providers,
            "roles": [{ "name": "deploy", "trustPolicy": trust }],
        } },
        "job": { "issuer": ISSUER, "subject": "project_path:evil/shop:ref_type:branch:ref:main" },
    });
    let path = folder.path().join("iam.json");
    fs_err::write(&path, iam.to_string()).unwrap();
    Context::with_settings(Settings { iam: Some(path), ..Settings::default() })
}

#[test]
fn a_role_of_another_account() {
    let deploy = ["login", "--role-to-assume", "arn:aws:iam::210987654321:role/deploy"];
    let strangers = with_another_account(&json!([]));
    insta::assert_snapshot!(told(strangers.consign(deploy)), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: STS refused to let the OIDC token of GitHub Actions assume the role arn:aws:iam::210987654321:role/deploy: InvalidIdentityToken: No OpenIDConnect provider found in your account for gitlab.example (request id [UUID])
    hint: IAM in the account 210987654321 does not know the issuer as an OIDC provider, or the provider does not list the audience; one of these, run there, helps:
        aws iam create-open-id-connect-provider --url https://gitlab.example --client-id-list sts.amazonaws.com
        aws iam add-client-id-to-open-id-connect-provider --client-id sts.amazonaws.com --open-id-connect-provider-arn arn:aws:iam::210987654321:oidc-provider/gitlab.example
      the token says:
        iss https://gitlab.example
        sub project_path:evil/shop:ref_type:branch:ref:main
        aud sts.amazonaws.com
        exp [TIME]
      the trust policy of arn:aws:iam::210987654321:role/deploy must have:
        "Principal": {"Federated": "arn:aws:iam::210987654321:oidc-provider/gitlab.example"}
        "gitlab.example:aud": "sts.amazonaws.com"
        "gitlab.example:sub": a pattern that matches the sub above
    "#);
    let provider = json!([{ "url": ISSUER, "clientIds": ["sts.amazonaws.com"] }]);
    let known = with_another_account(&provider);
    insta::assert_snapshot!(told(known.consign(deploy)), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: STS refused to let the OIDC token of GitHub Actions assume the role arn:aws:iam::210987654321:role/deploy: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity (request id [UUID])
    hint: the role must exist in the account 210987654321, and its trust policy must match the token; AWS does not tell which of the two is wrong, and `aws iam get-role --role-name deploy`, run there, does
      the token says:
        iss https://gitlab.example
        sub project_path:evil/shop:ref_type:branch:ref:main
        aud sts.amazonaws.com
        exp [TIME]
      the trust policy of arn:aws:iam::210987654321:role/deploy must have:
        "Principal": {"Federated": "arn:aws:iam::210987654321:oidc-provider/gitlab.example"}
        "gitlab.example:aud": "sts.amazonaws.com"
        "gitlab.example:sub": a pattern that matches the sub above
    "#);
}

#[test]
fn a_session_longer_than_the_role_allows() {
    let t = with_another_account(&json!([{ "url": ISSUER, "clientIds": ["sts.amazonaws.com"] }]));
    let token =
        t.ecr().identity_token("sts.amazonaws.com", Some("project_path:acme/shop:ref_type:branch:ref:main"));
    let run = elsewhere(&t)
        .env("CONSIGN_ROLE_TO_ASSUME", "arn:aws:iam::210987654321:role/deploy")
        .env("CONSIGN_ID_TOKEN", token.expose())
        .env("GITLAB_CI", "true")
        .env("CONSIGN_ROLE_DURATION_SECONDS", "43200");
    insta::assert_snapshot!(told(run), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: STS refused to let the OIDC token of GitLab CI (the variable `CONSIGN_ID_TOKEN`) assume the role arn:aws:iam::210987654321:role/deploy: ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role. (request id [UUID])
    hint: check the role's ARN, `--role-session-name`, and that `--role-duration-seconds` is not more than the role's maximum session duration
    ");
}

#[test]
fn an_account_that_is_not_allowed_gets_no_password() {
    let t = Context::with_ecr(&[]);
    for command in
        [&["login"][..], &["login", "--print-password"], &["login", "--helper", "--link-dir", "bin"]]
    {
        let run = t.consign(command.iter().chain(&["--allowed-account-ids", "111111111111"]));
        let told = told(run);
        assert!(told.contains("belong to the account 123456789012, and only 111111111111"), "{told}");
    }
    assert!(!t.path(".docker").exists() && !t.path("bin").exists());
    assert!(t.requests("GetAuthorizationToken").is_empty());
}

#[test]
fn a_role_that_may_not_ask_for_a_password() {
    let fault = "error:GetAuthorizationToken,code=AccessDeniedException,status=400,times=always";
    let t = Context::with_ecr(&[fault]);
    insta::assert_snapshot!(told(t.consign(["login"])), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: ECR gave no password for its registry: GetAuthorizationToken: AccessDeniedException: The emulator was told to fail
    hint: the role needs the permission `ecr:GetAuthorizationToken` on `*`; a push with `--transport ecr` does without
    ");
}

#[test]
fn an_agent_of_buildkite_that_gives_no_token() {
    let t = Context::with_ecr(&[]);
    let agent = t.file("bin/buildkite-agent", "#!/bin/sh\necho a-secret\necho 'fatal: 401' >&2\nexit 1\n");
    fs_err::set_permissions(agent, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", t.path("bin").display());
    let run = elsewhere(&t).env("PATH", path).env("BUILDKITE_AGENT_ACCESS_TOKEN", "t");
    let told = told(run);
    insta::assert_snapshot!(told, @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: asking `[DIR]/bin/buildkite-agent` for an OIDC token: exit status: 1: fatal: 401
    hint: run it in the job to see more: `[DIR]/bin/buildkite-agent oidc request-token`
    ");
    assert!(!told.contains("a-secret"));
}
