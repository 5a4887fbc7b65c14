//! Tags by rule and labels from the CI or Git: in every CI, and on a plain checkout.

use crate::support::{Context, Run, digest};
use std::fmt::Write as _;

/// What a pipeline would say; each rule is for something else.
const RULES: &str = "
    # releases
    type=semver,pattern={{version}}
    type=semver,pattern={{major}}.{{minor}}

    # everything else
    type=edge
    type=ref,event=branch
    type=ref,event=pr
    type=schedule
    type=sha
";

const SHA: &str = "90dd6032fac8bda1b6c4436a2e65de27961ed071";

/// A checkout of the application with one commit on `main`, the same one every time.
fn checkout() -> Context {
    let t = Context::with_ecr(&[]);
    t.app();
    git(&t, "init -q -b main");
    git(&t, "add app");
    git(&t, "commit -q -m first");
    t
}

fn git(t: &Context, arguments: &str) {
    let line = format!("git -c user.name=a -c user.email=a@example.com -c commit.gpgsign=false {arguments}");
    let date = "2020-01-10T00:30:00Z";
    t.shell(&line).env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date).succeeds();
}

fn with(run: Run, variables: &[(&str, &str)]) -> Run {
    variables.iter().fold(run, |run, (name, value)| run.env(name, value))
}

/// The rows of `--show-settings` that rules and labels make.
fn derived(t: &Context, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let shown = with(t.consign(arguments.iter().chain(&["--show-settings"])), variables).succeeds();
    let mine = |line: &&str| line.starts_with("tag ") || line.starts_with("label of the commit ");
    let rows =
        shown.lines().filter(mine).map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ") + "\n");
    rows.collect()
}

/// Variables and their values.
type Variables = Vec<(&'static str, &'static str)>;

/// The environments of a branch, a tag, a pull request and a schedule, as each CI sets them.
fn jobs() -> Vec<(&'static str, &'static str, Variables)> {
    let github = |event, full| {
        vec![
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SHA", SHA),
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_REF", full),
            ("GITHUB_EVENT_PATH", "event.json"),
        ]
    };
    let gitlab = |source, more: &[(&'static str, &'static str)]| {
        let base = [
            ("GITLAB_CI", "true"),
            ("CI_COMMIT_SHA", SHA),
            ("CI_DEFAULT_BRANCH", "main"),
            ("CI_PIPELINE_SOURCE", source),
        ];
        [&base[..], more].concat()
    };
    let jenkins = |more: &[(&'static str, &'static str)]| {
        [&[("JENKINS_URL", "https://ci.example/"), ("GIT_COMMIT", SHA)][..], more].concat()
    };
    let bitbucket = |more: &[(&'static str, &'static str)]| {
        [&[("BITBUCKET_BUILD_NUMBER", "1"), ("BITBUCKET_COMMIT", SHA)][..], more].concat()
    };
    let circleci = |more: &[(&'static str, &'static str)]| {
        [&[("CIRCLECI", "true"), ("CIRCLE_SHA1", SHA)][..], more].concat()
    };
    let buildkite = |more: &[(&'static str, &'static str)]| {
        let base =
            [("BUILDKITE", "true"), ("BUILDKITE_COMMIT", SHA), ("BUILDKITE_PIPELINE_DEFAULT_BRANCH", "main")];
        [&base[..], more].concat()
    };
    vec![
        ("github", "branch", github("push", "refs/heads/main")),
        ("github", "tag", github("push", "refs/tags/v1.2.3")),
        ("github", "request", github("pull_request", "refs/pull/2/merge")),
        ("github", "target", github("pull_request_target", "refs/heads/main")),
        ("github", "schedule", github("schedule", "refs/heads/main")),
        ("gitlab", "branch", gitlab("push", &[("CI_COMMIT_BRANCH", "main")])),
        ("gitlab", "tag", gitlab("push", &[("CI_COMMIT_TAG", "v1.2.3")])),
        ("gitlab", "request", gitlab("merge_request_event", &[("CI_MERGE_REQUEST_IID", "2")])),
        ("gitlab", "schedule", gitlab("schedule", &[("CI_COMMIT_BRANCH", "main")])),
        ("jenkins", "branch", jenkins(&[("BRANCH_NAME", "main"), ("BRANCH_IS_PRIMARY", "true")])),
        ("jenkins", "tag", jenkins(&[("BRANCH_NAME", "v1.2.3"), ("TAG_NAME", "v1.2.3")])),
        (
            "jenkins",
            "request",
            jenkins(&[("BRANCH_NAME", "PR-2"), ("CHANGE_ID", "2"), ("CHANGE_TARGET", "main")]),
        ),
        ("bitbucket", "branch", bitbucket(&[("BITBUCKET_BRANCH", "main")])),
        ("bitbucket", "tag", bitbucket(&[("BITBUCKET_TAG", "v1.2.3")])),
        ("bitbucket", "request", bitbucket(&[("BITBUCKET_BRANCH", "topic"), ("BITBUCKET_PR_ID", "2")])),
        ("circleci", "branch", circleci(&[("CIRCLE_BRANCH", "main")])),
        ("circleci", "tag", circleci(&[("CIRCLE_TAG", "v1.2.3")])),
        ("circleci", "request", circleci(&[("CIRCLE_BRANCH", "pull/2"), ("CIRCLE_PR_NUMBER", "2")])),
        (
            "buildkite",
            "branch",
            buildkite(&[("BUILDKITE_BRANCH", "main"), ("BUILDKITE_PULL_REQUEST", "false")]),
        ),
        ("buildkite", "tag", buildkite(&[("BUILDKITE_BRANCH", "v1.2.3"), ("BUILDKITE_TAG", "v1.2.3")])),
        ("buildkite", "request", buildkite(&[("BUILDKITE_BRANCH", "x"), ("BUILDKITE_PULL_REQUEST", "2")])),
        (
            "buildkite",
            "schedule",
            buildkite(&[("BUILDKITE_BRANCH", "main"), ("BUILDKITE_SOURCE", "schedule")]),
        ),
    ]
}

#[test]
fn a_push_from_every_ci() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.file("event.json", r#"{"repository": {"default_branch": "main"}, "number": 2}"#);
    // Where neither the CI nor its event says what the default branch is, the clone does.
    git(&t, "init -q -b somewhere");
    git(&t, "commit -q --allow-empty -m first");
    git(&t, "symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main");
    let mut table = String::new();
    for (ci, event, variables) in jobs() {
        let repository = format!("{ci}/{event}");
        let arguments = ["build", "app", "--tag", &repository, "--create-repository", "--push"];
        let run = with(t.consign(arguments), &variables).env("CONSIGN_TAG_RULE", RULES);
        run.succeeds();
        let registry = t.ecr().registry();
        let images = &registry[repository.as_str()].images;
        assert_eq!(images.len(), 1, "{repository}");
        writeln!(table, "{repository:20} {}", images[0].tags.join(" ")).unwrap();
    }
    insta::assert_snapshot!(table, @r"
    github/branch        edge main sha-90dd603
    github/tag           1.2 1.2.3 latest sha-90dd603
    github/request       pr-2 sha-90dd603
    github/target        pr-2 sha-90dd603
    github/schedule      edge main nightly sha-90dd603
    gitlab/branch        edge main sha-90dd603
    gitlab/tag           1.2 1.2.3 latest sha-90dd603
    gitlab/request       pr-2 sha-90dd603
    gitlab/schedule      edge main nightly sha-90dd603
    jenkins/branch       edge main sha-90dd603
    jenkins/tag          1.2 1.2.3 latest sha-90dd603
    jenkins/request      pr-2 sha-90dd603
    bitbucket/branch     edge main sha-90dd603
    bitbucket/tag        1.2 1.2.3 latest sha-90dd603
    bitbucket/request    pr-2 sha-90dd603
    circleci/branch      edge main sha-90dd603
    circleci/tag         1.2 1.2.3 latest sha-90dd603
    circleci/request     pr-2 sha-90dd603
    buildkite/branch     edge main sha-90dd603
    buildkite/tag        1.2 1.2.3 latest sha-90dd603
    buildkite/request    pr-2 sha-90dd603
    buildkite/schedule   edge main nightly sha-90dd603
    ");
}

#[test]
fn what_a_push_says() {
    let t = checkout();
    git(&t, "checkout -q --detach");
    git(&t, "tag v1.4.2");
    let rules =
        ["--tag-rule", "type=semver,pattern={{version}}", "--tag-rule", "type=pep440,pattern={{major}}"];
    let arguments =
        ["build", "app", "--tag", "shop/api", "--tag", "shop/web:own", "--create-repository", "--push"];
    let ended = t.consign(arguments.iter().chain(&rules)).output().to_string();
    // Two places are pushed to at once, and which one is told of first is chance.
    let (first, pushed): (Vec<_>, Vec<_>) =
        ended.lines().partition(|line| !line.starts_with("layer ") && !line.contains(" is now "));
    let pushed: std::collections::BTreeSet<_> = pushed.into_iter().collect();
    let ended = format!("{}\n{}", first.join("\n"), pushed.into_iter().collect::<Vec<_>>().join("\n"));
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    [HOST]/shop/web@sha256:[DIGEST]
    ----- stderr -----
    tags by rule, as Git tells: 1.4.2, 1, latest
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    created the repository shop/web
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    [HOST]/shop/api:1.4.2 is now sha256:[DIGEST]
    [HOST]/shop/api:latest is now sha256:[DIGEST]
    [HOST]/shop/web:own is now sha256:[DIGEST]
    layer context to [HOST]/shop/api: sent, 188 B sha256:[SHORT]
    layer context to [HOST]/shop/web: sent, 188 B sha256:[SHORT]
    ");
}

#[test]
fn a_plain_checkout() {
    let t = checkout();
    let build = ["build", "app", "--tag", "shop/api", "--tag-rule", RULES, "--ci-labels"];
    git(&t, "remote add origin https://me:hunter2@git.example/octo/shop.git");
    git(&t, "symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main");
    insta::assert_snapshot!(derived(&t, &build, &[]), @r"
    tag shop/api:edge rule type=edge
    tag shop/api:main rule type=ref,event=branch
    tag shop/api:sha-faad48b rule type=sha
    label of the commit org.opencontainers.image.title=shop Git
    label of the commit org.opencontainers.image.url=https://git.example/octo/shop Git
    label of the commit org.opencontainers.image.source=https://git.example/octo/shop Git
    label of the commit org.opencontainers.image.version=edge Git
    label of the commit org.opencontainers.image.created=2020-01-10T00:30:00Z Git
    label of the commit org.opencontainers.image.revision=faad48b93154d32db8613979a3bc58e567ee3853 Git
    ");
    git(&t, "checkout -q -b my/topic");
    insta::assert_snapshot!(derived(&t, &build, &[]), @r"
    tag shop/api:my-topic rule type=ref,event=branch
    tag shop/api:sha-faad48b rule type=sha
    label of the commit org.opencontainers.image.title=shop Git
    label of the commit org.opencontainers.image.url=https://git.example/octo/shop Git
    label of the commit org.opencontainers.image.source=https://git.example/octo/shop Git
    label of the commit org.opencontainers.image.version=my-topic Git
    label of the commit org.opencontainers.image.created=2020-01-10T00:30:00Z Git
    label of the commit org.opencontainers.image.revision=faad48b93154d32db8613979a3bc58e567ee3853 Git
    ");
    git(&t, "tag v2.0.0-rc.1");
    git(&t, "checkout -q v2.0.0-rc.1");
    insta::assert_snapshot!(derived(&t, &build, &[]), @r"
    tag shop/api:2.0.0-rc.1 rule type=semver,pattern={{version}}
    tag shop/api:sha-faad48b rule type=sha
    label of the commit org.opencontainers.image.title=shop Git
    label of the commit org.opencontainers.image.url=https://git.example/octo/shop Git
    label of the commit org.opencontainers.image.source=https://git.example/octo/shop Git
    label of the commit org.opencontainers.image.version=2.0.0-rc.1 Git
    label of the commit org.opencontainers.image.created=2020-01-10T00:30:00Z Git
    label of the commit org.opencontainers.image.revision=faad48b93154d32db8613979a3bc58e567ee3853 Git
    ");
}

#[test]
fn the_same_commit_gives_the_same_digest() {
    let t = checkout();
    git(&t, "remote add origin git@git.example:octo/shop.git");
    let build = ["build", "app", "--tag", "shop/api", "--ci-labels", "--ci-annotations", "--label"];
    let own = "org.opencontainers.image.title=Shop";
    let push = |more: &[&str]| {
        let rest = [own, "--platform", "linux/amd64", "--push", "--create-repository"];
        t.consign(build.iter().chain(&rest).chain(more)).succeeds()
    };
    let first = push(&[]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(push(&["--no-cache"]), first);
    insta::assert_snapshot!(t.consign(["inspect", "shop/api"]).output(), @r"
    exit: 0
    ----- stdout -----
    digest     sha256:[DIGEST]
    type       application/vnd.oci.image.manifest.v1+json
    platform   linux/amd64
    created    1970-01-01T00:00:00Z
    workdir    /app
    label      org.opencontainers.image.created=2020-01-10T00:30:00Z
    label      org.opencontainers.image.revision=faad48b93154d32db8613979a3bc58e567ee3853
    label      org.opencontainers.image.source=https://git.example/octo/shop
    label      org.opencontainers.image.title=Shop
    label      org.opencontainers.image.url=https://git.example/octo/shop
    label      org.opencontainers.image.version=main
    layer      sha256:[DIGEST]    188 B  consign COPY . /app
    size       188 B compressed
    ----- stderr -----
    ");
    let json = t.consign(["inspect", "shop/api", "--format", "json"]).succeeds();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    insta::assert_snapshot!(format!("{:#}", json["manifest"]["annotations"]), @r#"
    {
      "org.opencontainers.image.created": "2020-01-10T00:30:00Z",
      "org.opencontainers.image.revision": "faad48b93154d32db8613979a3bc58e567ee3853",
      "org.opencontainers.image.source": "https://git.example/octo/shop",
      "org.opencontainers.image.title": "shop",
      "org.opencontainers.image.url": "https://git.example/octo/shop",
      "org.opencontainers.image.version": "main"
    }
    "#);
    // A later commit is another image.
    git(&t, "commit -q --allow-empty -m second");
    assert_ne!(digest(&push(&[])), digest(&first));
}

#[test]
fn an_image_that_exists_is_pushed_under_tags_by_rule() {
    let t = checkout();
    let built = digest(&t.consign(["build", "app", "-o", "type=oci,dest=layout"]).succeeds());
    let push = ["push", "layout", "shop/api", "shop/web:1", "--create-repository"];
    let rules = "# the branch\ntype=ref,event=branch\n\ntype=sha,format=long,prefix=";
    let run =
        t.consign(push).env("CONSIGN_TAG_RULE", rules).env("CONSIGN_TAG_FLAVOR", "suffix=-x\nlatest=true");
    insta::assert_snapshot!(run.output(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    [HOST]/shop/web@sha256:[DIGEST]
    ----- stderr -----
    tags by rule, as Git tells: main-x, faad48b93154d32db8613979a3bc58e567ee3853-x, latest
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    layer sha256:[SHORT]: sent, 188 B sha256:[SHORT]
    [HOST]/shop/api:main-x is now sha256:[DIGEST]
    [HOST]/shop/api:faad48b93154d32db8613979a3bc58e567ee3853-x is now sha256:[DIGEST]
    [HOST]/shop/api:latest is now sha256:[DIGEST]
    created the repository shop/web
    layer sha256:[SHORT]: sent, 188 B sha256:[SHORT]
    [HOST]/shop/web:1 is now sha256:[DIGEST]
    ");
    let registry = t.ecr().registry();
    assert_eq!(registry["shop/api"].images[0].digest.to_string(), built);
    assert_eq!(registry["shop/web"].images[0].tags, ["1"]);
}

#[test]
fn without_rules_nothing_changes() {
    let t = Context::with_ecr(&[]);
    t.app();
    // Not a checkout, and Git is not asked.
    let run = t.consign(["build", "app", "--tag", "shop/api", "--create-repository", "--push"]);
    run.env("PATH", "/nowhere").env("CONSIGN_TAG_RULE", "\n# none\n").succeeds();
    assert_eq!(t.ecr().registry()["shop/api"].images[0].tags, ["latest"]);
}

#[test]
fn settings_show_what_results() {
    let t = checkout();
    let build = ["build", "app", "--tag", "shop/api", "--tag", "b.example/web", "--tag", "shop/own:1"];
    let rules = ["--tag-rule", "type=ref,event=tag", "--tag-flavor", "prefix=a-"];
    let variables = [("GITLAB_CI", "true"), ("CI_COMMIT_TAG", "v1"), ("CI_COMMIT_SHA", SHA)];
    insta::assert_snapshot!(derived(&t, &[&build[..], &rules].concat(), &variables), @r"
    tag shop/api:a-v1 rule type=ref,event=tag
    tag shop/api:latest rule latest=auto
    tag b.example/web:a-v1 rule type=ref,event=tag
    tag b.example/web:latest rule latest=auto
    ");
    // A list in a variable is one row.
    let run = t.consign(build).env("CONSIGN_TAG_RULE", "a1\n # a comment\n\n b2\n");
    let run = run.env("CONSIGN_SHOW_SETTINGS", "true").succeeds();
    let row = run.lines().find(|line| line.starts_with("--tag-rule ")).unwrap();
    let row: Vec<_> = row.split_whitespace().collect();
    assert_eq!(row.join(" "), "--tag-rule a1 # a comment b2 variable CONSIGN_TAG_RULE");
    let push = ["push", "layout", "shop/api", "--tag-rule", "type=ref,event=tag"];
    insta::assert_snapshot!(derived(&t, &push, &variables), @r"
    tag shop/api:v1 rule type=ref,event=tag
    tag shop/api:latest rule latest=auto
    ");
    assert_eq!(t.operations(), []);
}

#[test]
fn dates_are_of_today_or_of_the_commit() {
    let t = checkout();
    let today = "type=raw,value={{date 'YYYY'}}-{{commit_date 'YYYYMMDD-HHmm' tz='Asia/Tokyo'}}";
    let shown = derived(&t, &["build", "app", "--tag", "shop/api", "--tag-rule", today], &[]);
    let pattern = regex::Regex::new(r"^tag shop/api:20\d\d-20200110-0930 rule ").unwrap();
    assert!(pattern.is_match(&shown), "{shown}");
}

#[test]
fn rules_that_give_no_tag() {
    let t = checkout();
    let build = ["build", "app", "--tag", "shop/api", "--create-repository", "--push"];
    let run = || t.consign(build).env("CONSIGN_TAG_RULE", "type=semver,pattern={{version}}\ntype=schedule");
    insta::assert_snapshot!(run().fails(2), @r"
    error: no tag rule gives a tag for the branch `main`
      type=schedule: it is for a schedule
      type=semver,pattern={{version}}: it is for tags
    hint: add a rule that applies here; `type=sha` always does, and `type=ref,event=branch` on branches
    ");
    git(&t, "checkout -q --detach");
    git(&t, "tag release1");
    let variables = [("GITLAB_CI", "true"), ("CI_COMMIT_TAG", "release1"), ("CI_COMMIT_SHA", SHA)];
    insta::assert_snapshot!(with(run(), &variables).fails(2), @r"
    error: no tag rule gives a tag for the tag `release1` in GitLab CI
      type=schedule: it is for a schedule
      type=semver,pattern={{version}}: `release1` is no semantic version (https://semver.org)
    hint: add a rule that applies here; `type=sha` always does, and `type=ref,event=branch` on branches
    ");
    assert_eq!(t.operations(), []);
}

#[test]
fn git_is_missed_only_where_it_is_needed() {
    let t = Context::with_ecr(&[]);
    t.app();
    let ceiling = t.path("..");
    let build = |more: &[&str]| {
        let all = ["build", "app", "--tag", "shop/api"].iter().chain(more).copied().collect::<Vec<_>>();
        t.consign(all).env("GIT_CEILING_DIRECTORIES", &ceiling)
    };
    insta::assert_snapshot!(build(&["--tag-rule", "type=sha"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: tag rule `type=sha`: it needs the commit, and `[DIR]` is not in a Git checkout
    hint: run it in the checkout of the repository
    ");
    insta::assert_snapshot!(build(&["--tag-rule", "type=ref,event=branch"]).env("PATH", "/nowhere").output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: tag rule `type=ref,event=branch`: it needs the branch or tag, and the program `git` is not installed
    hint: install `git` in the image that the job runs in
    ");
    insta::assert_snapshot!(build(&["--ci-labels"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: labels from the CI or Git need the commit, and `[DIR]` is not in a Git checkout
    hint: run it in the checkout of the repository
    ");
    let gitlab = [("GITLAB_CI", "true"), ("CI_COMMIT_BRANCH", "main"), ("CI_COMMIT_SHA", SHA)];
    let rules = ["--tag-rule", "type=ref,event=branch", "--tag-rule", "type=sha"];
    with(build(&rules).env("PATH", "/nowhere"), &gitlab).succeeds();
    insta::assert_snapshot!(with(build(&["--tag-rule", "type=edge"]), &gitlab).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: tag rule `type=edge`: it needs the default branch, which GitLab CI does not tell, and `[DIR]` is not in a Git checkout
    hint: run it in the checkout of the repository
    ");
    insta::assert_snapshot!(with(build(&["--ci-labels", "--progress", "none"]), &gitlab).output(), @r"
    exit: 0
    ----- stdout -----
    shop/api@sha256:[DIGEST]
    ----- stderr -----
    warning: neither the CI nor Git knows org.opencontainers.image.title, org.opencontainers.image.url, org.opencontainers.image.source, org.opencontainers.image.created
    ");
}

#[test]
fn a_checkout_of_another_user() {
    let t = checkout();
    // As in a container whose job runs as root, in a folder of the runner's.
    let run = t.consign(["build", ".", "--tag", "shop/api", "--tag-rule", "type=sha"]);
    let run = run.env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    insta::assert_snapshot!(run.output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: tag rule `type=sha`: it needs the commit, and Git does not read the checkout `[DIR]`, as it belongs to another user
    hint: allow it: `git config --global --add safe.directory [DIR]`
    ");
}

#[test]
fn a_rule_that_fails_at_its_text_is_told_of() {
    let t = checkout();
    git(&t, "checkout -q --detach");
    git(&t, "tag release1");
    let rules = "type=semver,pattern={{version}}\ntype=match,pattern=v(.*),group=1\ntype=schedule\ntype=sha";
    let run = t.consign(["build", "app", "--tag", "shop/api"]).env("CONSIGN_TAG_RULE", rules);
    insta::assert_snapshot!(run.output(), @r"
    exit: 0
    ----- stdout -----
    shop/api@sha256:[DIGEST]
    ----- stderr -----
    tags by rule, as Git tells: sha-faad48b
    warning: tag rule `type=semver,pattern={{version}}` gives no tag: `release1` is no semantic version (https://semver.org)
    warning: tag rule `type=match,pattern=v(.*),group=1` gives no tag: `v(.*)` does not match `release1`
    reading app
    context: 4 entries, 41 B
    ");
}

#[test]
fn bad_input() {
    let t = checkout();
    let refused = |more: &[&str]| {
        t.consign(["build", "app", "--tag", "shop/api", "--push"].iter().chain(more)).fails(2)
    };
    let rule = |rule: &str| refused(&["--tag-rule", rule]);
    insta::assert_snapshot!(rule("type=sevmer,pattern={{version}}"), @r"
    error: tag rule `type=sevmer,pattern={{version}}`: `sevmer` is no type of rule
    hint: did you mean `semver`?
    ");
    insta::assert_snapshot!(rule("type=ref,evnet=branch"), @r"
    error: tag rule `type=ref,evnet=branch`: `evnet` is no field of `type=ref`
    hint: did you mean `event`?
    ");
    insta::assert_snapshot!(rule("type=match,pattern=v(?!0)"), @r"
    error: tag rule `type=match,pattern=v(?!0)`: `pattern`: the regular expression `v(?!0)` can't be read: look-around, including look-ahead and look-behind, is not supported
    hint: these are Rust's regular expressions (https://docs.rs/regex/#syntax), which have no look-around and no back-references as JavaScript's do; match more, and take a group of it: `pattern=v(.*)-x,group=1`
    ");
    insta::assert_snapshot!(rule("type=match,pattern=v("), @r"error: tag rule `type=match,pattern=v(`: `pattern`: the regular expression `v(` can't be read: unclosed group");
    insta::assert_snapshot!(rule("type=raw,value="), @r"
    error: no tag rule gives a tag for the branch `main`
      type=raw,value=: its value is empty
    hint: add a rule that applies here; `type=sha` always does, and `type=ref,event=branch` on branches
    ");
    insta::assert_snapshot!(rule("type=semver,pattern="), @r"
    error: tag rule `type=semver,pattern=`: `pattern` is empty
    hint: write for example `type=semver,pattern={{version}}`
    ");
    insta::assert_snapshot!(rule("type=schedule,pattern={{date 'DD, MM'}}"), @r#"
    error: tag rule `type=schedule,pattern={{date 'DD, MM'}}`: a comma ends the field `pattern={{date 'DD` within an expression
    hint: quote the whole field: `"pattern={{date 'DD, MM'}}"`
    "#);
    insta::assert_snapshot!(rule("type=raw,value=x,enable=${{ github.ref == 'refs/heads/main' }}"), @r"
    error: tag rule `type=raw,value=x,enable=${{ github.ref == 'refs/heads/main' }}`: `enable`: `${{ github.ref == 'refs/heads/main' }}` is an expression of GitHub Actions
    hint: GitHub fills it in within a workflow's file, and nobody does elsewhere
    ");
    insta::assert_snapshot!(refused(&["--tag-flavor", "latest=false"]), @r"
    error: --tag-flavor has no rule to go with
    hint: add one, for example `--tag-rule type=ref,event=branch`
    ");
    insta::assert_snapshot!(refused(&["--tag-rule", "type=sha", "--tag-flavor", "latest=no"]), @r"
    error: tag flavor `latest=no`: `latest=no` is none of auto, true and false
    hint: known are `auto`, `true` and `false`
    ");
    let length = t.consign(["build", "app", "--tag", "shop/api", "--tag-rule", "type=sha"]);
    insta::assert_snapshot!(length.env("DOCKER_METADATA_SHORT_SHA_LENGTH", "seven").fails(2), @r"error: DOCKER_METADATA_SHORT_SHA_LENGTH: `seven` is not a length: a short hash has 4 to 64 digits");
    assert_eq!(t.operations(), []);
}

#[test]
fn rules_for_nobody_are_told_of() {
    let t = checkout();
    let run = t.consign(["build", "app", "--tag", "shop/api:1", "--tag-rule", "type=sha"]);
    insta::assert_snapshot!(run.output(), @r"
    exit: 0
    ----- stdout -----
    shop/api@sha256:[DIGEST]
    ----- stderr -----
    warning: the tag rules are not used, as every name has a tag of its own
    reading app
    context: 4 entries, 41 B
    ");
}
