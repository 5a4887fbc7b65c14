use super::*;

const SHA: &str = "90dd6032fac8bda1b6c4436a2e65de27961ed071";

fn detect(variables: &[(&str, &str)]) -> Job {
    Job::detect(&variables.iter().copied().collect()).expect("a CI")
}

fn with<'a>(base: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Job {
    detect(&[base, more].concat())
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be none")]
fn branch(name: &str) -> Option<GitRef> {
    Some(GitRef::Branch(name.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be none")]
fn tag(name: &str) -> Option<GitRef> {
    Some(GitRef::Tag(name.into()))
}

fn pull_request(number: &str) -> Event {
    Event::PullRequest { number: number.into() }
}

#[test]
fn no_ci() {
    assert_eq!(Job::detect(&Env::default()), None);
    assert_eq!(Job::detect(&[("CI", "true"), ("GITHUB_ACTIONS", "")].into_iter().collect()), None);
    for ci in Ci::ALL {
        assert!(!ci.to_string().is_empty());
    }
}

#[test]
fn github_actions() {
    let base = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SHA", SHA),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "octo/shop"),
        ("GITHUB_RUN_ID", "16"),
    ];
    let push = with(&base, &[("GITHUB_EVENT_NAME", "push"), ("GITHUB_REF", "refs/heads/my/branch")]);
    assert_eq!(
        push,
        Job {
            ci: Ci::GitHubActions,
            event: Event::Push,
            git_ref: branch("my/branch"),
            sha: Some(SHA.into()),
            commit_date: None,
            repository: Some("https://github.com/octo/shop".into()),
            default_branch: None,
            base_ref: None,
            run_url: Some("https://github.com/octo/shop/actions/runs/16".into()),
        }
    );
    let release = with(&base, &[("GITHUB_EVENT_NAME", "release"), ("GITHUB_REF", "refs/tags/v1.2.3")]);
    assert_eq!((release.event, release.git_ref), (Event::Other("release".into()), tag("v1.2.3")));
    let request = [
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_REF", "refs/pull/2/merge"),
        ("GITHUB_BASE_REF", "main"),
    ];
    let request = with(&base, &request);
    assert_eq!((request.event, request.git_ref), (pull_request("2"), None));
    assert_eq!(request.base_ref.as_deref(), Some("main"));
    let target = [("GITHUB_EVENT_NAME", "pull_request_target"), ("GITHUB_REF", "refs/heads/main")];
    assert_eq!(with(&base, &target).git_ref, None);
    let schedule = with(&base, &[("GITHUB_EVENT_NAME", "schedule"), ("GITHUB_REF", "refs/heads/main")]);
    assert_eq!(schedule.event, Event::Schedule);
    assert_eq!((schedule.git_ref, schedule.default_branch.as_deref()), (branch("main"), Some("main")));
}

#[test]
fn gitlab() {
    let base = [
        ("GITLAB_CI", "true"),
        ("CI_COMMIT_SHA", SHA),
        ("CI_PROJECT_URL", "https://gitlab.example/g/shop"),
        ("CI_DEFAULT_BRANCH", "main"),
        ("CI_COMMIT_TIMESTAMP", "2020-01-10T01:30:00+01:00"),
        ("CI_PIPELINE_URL", "https://gitlab.example/g/shop/-/pipelines/9"),
    ];
    let push = with(&base, &[("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BRANCH", "main")]);
    assert_eq!((&push.event, &push.git_ref), (&Event::Push, &branch("main")));
    assert_eq!(push.default_branch.as_deref(), Some("main"));
    assert_eq!(push.commit_date, Some("2020-01-10T00:30:00Z".parse().unwrap()));
    assert_eq!(push.repository.as_deref(), Some("https://gitlab.example/g/shop"));
    assert_eq!(push.run_url.as_deref(), Some("https://gitlab.example/g/shop/-/pipelines/9"));
    let tagged = with(&base, &[("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_TAG", "v1")]);
    assert_eq!(tagged.git_ref, tag("v1"));
    let request = [
        ("CI_MERGE_REQUEST_IID", "3"),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
        ("CI_COMMIT_REF_NAME", "topic"),
    ];
    for source in ["merge_request_event", "parent_pipeline"] {
        let found = with(&base, &[&request[..], &[("CI_PIPELINE_SOURCE", source)]].concat());
        assert_eq!((found.event, found.git_ref), (pull_request("3"), None), "{source}");
        assert_eq!(found.base_ref.as_deref(), Some("main"));
    }
    let schedule = with(&base, &[("CI_PIPELINE_SOURCE", "schedule"), ("CI_COMMIT_BRANCH", "next")]);
    assert_eq!((schedule.event, schedule.git_ref), (Event::Schedule, branch("next")));
    assert_eq!(with(&base, &[("CI_PIPELINE_SOURCE", "web")]).event, Event::Other("web".into()));
}

#[test]
fn jenkins() {
    let base = [
        ("JENKINS_URL", "https://ci.example/"),
        ("GIT_COMMIT", SHA),
        ("GIT_URL", "git@git.example:g/shop.git"),
        ("BUILD_URL", "https://ci.example/job/shop/1/"),
    ];
    let main = with(&base, &[("BRANCH_NAME", "main"), ("BRANCH_IS_PRIMARY", "true")]);
    assert_eq!((&main.event, &main.git_ref), (&Event::Push, &branch("main")));
    assert_eq!(main.default_branch.as_deref(), Some("main"));
    assert_eq!(main.repository.as_deref(), Some("https://git.example/g/shop"));
    assert_eq!(main.run_url.as_deref(), Some("https://ci.example/job/shop/1/"));
    assert_eq!(with(&base, &[("BRANCH_NAME", "v1"), ("TAG_NAME", "v1")]).git_ref, tag("v1"));
    let change = [("BRANCH_NAME", "PR-24"), ("CHANGE_ID", "24"), ("CHANGE_TARGET", "main")];
    let change = with(&base, &change);
    assert_eq!((change.event, change.git_ref), (pull_request("24"), None));
    assert_eq!(change.base_ref.as_deref(), Some("main"));
    let timer = with(&base, &[("BRANCH_NAME", "main"), ("BUILD_CAUSE", "TIMERTRIGGER")]);
    assert_eq!(timer.event, Event::Schedule);
    // Not a multibranch project.
    for (name, expected) in [
        ("origin/topic/x", branch("topic/x")),
        ("refs/remotes/origin/main", branch("main")),
        ("main", branch("main")),
        ("refs/tags/v1", tag("v1")),
        ("tags/v1", tag("v1")),
        ("detached", None),
    ] {
        assert_eq!(with(&base, &[("GIT_BRANCH", name)]).git_ref, expected, "{name}");
    }
    let by_tag = [("BUILD_TAG", "jenkins-shop-1")];
    assert_eq!(detect(&by_tag).ci, Ci::Jenkins);
}

#[test]
fn bitbucket() {
    let base = [
        ("BITBUCKET_BUILD_NUMBER", "5"),
        ("BITBUCKET_COMMIT", SHA),
        ("BITBUCKET_REPO_FULL_NAME", "octo/shop"),
        ("BITBUCKET_GIT_HTTP_ORIGIN", "http://bitbucket.org/octo/shop"),
    ];
    let push = with(&base, &[("BITBUCKET_BRANCH", "main")]);
    assert_eq!((&push.event, &push.git_ref), (&Event::Push, &branch("main")));
    assert_eq!(push.repository.as_deref(), Some("https://bitbucket.org/octo/shop"));
    assert_eq!(push.run_url.as_deref(), Some("https://bitbucket.org/octo/shop/pipelines/results/5"));
    assert_eq!(with(&base, &[("BITBUCKET_TAG", "v1")]).git_ref, tag("v1"));
    let request = [
        ("BITBUCKET_BRANCH", "topic"),
        ("BITBUCKET_PR_ID", "8"),
        ("BITBUCKET_PR_DESTINATION_BRANCH", "main"),
    ];
    let request = with(&base, &request);
    assert_eq!((request.event, request.git_ref), (pull_request("8"), None));
    assert_eq!(request.base_ref.as_deref(), Some("main"));
}

#[test]
fn circleci() {
    let base = [
        ("CIRCLECI", "true"),
        ("CIRCLE_SHA1", SHA),
        ("CIRCLE_REPOSITORY_URL", "git@github.com:octo/shop.git"),
        ("CIRCLE_BUILD_URL", "https://circleci.com/gh/octo/shop/1"),
    ];
    let push = with(&base, &[("CIRCLE_BRANCH", "main")]);
    assert_eq!((&push.event, &push.git_ref), (&Event::Push, &branch("main")));
    assert_eq!(push.repository.as_deref(), Some("https://github.com/octo/shop"));
    assert_eq!(with(&base, &[("CIRCLE_TAG", "v1")]).git_ref, tag("v1"));
    let url = ("CIRCLE_PULL_REQUEST", "https://github.com/octo/shop/pull/41");
    let own = with(&base, &[("CIRCLE_BRANCH", "topic"), url]);
    assert_eq!((own.event, own.git_ref), (pull_request("41"), branch("topic")));
    let fork = with(&base, &[("CIRCLE_BRANCH", "pull/41"), ("CIRCLE_PR_NUMBER", "41"), url]);
    assert_eq!((fork.event, fork.git_ref), (pull_request("41"), None));
}

#[test]
fn buildkite() {
    let base = [
        ("BUILDKITE", "true"),
        ("BUILDKITE_COMMIT", SHA),
        ("BUILDKITE_REPO", "https://github.com/octo/shop.git"),
        ("BUILDKITE_PIPELINE_DEFAULT_BRANCH", "main"),
        ("BUILDKITE_BUILD_URL", "https://buildkite.com/octo/shop/builds/3"),
    ];
    let none = ("BUILDKITE_PULL_REQUEST", "false");
    let push = with(&base, &[("BUILDKITE_BRANCH", "main"), none]);
    assert_eq!((&push.event, &push.git_ref), (&Event::Push, &branch("main")));
    assert_eq!(push.default_branch.as_deref(), Some("main"));
    let tagged = with(&base, &[("BUILDKITE_BRANCH", "v1"), ("BUILDKITE_TAG", "v1"), none]);
    assert_eq!(tagged.git_ref, tag("v1"));
    let request = [
        ("BUILDKITE_BRANCH", "topic"),
        ("BUILDKITE_PULL_REQUEST", "6"),
        ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "main"),
    ];
    let request = with(&base, &request);
    assert_eq!((request.event, request.git_ref), (pull_request("6"), None));
    let schedule = with(&base, &[("BUILDKITE_SOURCE", "schedule"), ("BUILDKITE_BRANCH", "main")]);
    assert_eq!(schedule.event, Event::Schedule);
    // Before the checkout it is a name and not a commit.
    let head = [("BUILDKITE", "true"), ("BUILDKITE_COMMIT", "HEAD")];
    assert_eq!(detect(&head).sha, None);
}

#[test]
fn a_commit_is_a_hash_in_full_and_never_an_option() {
    assert_eq!(commit("90DD6032FAC8BDA1B6C4436A2E65DE27961ED071").as_deref(), Some(SHA));
    for wrong in ["", "90dd603", "--output=/etc/passwd", &"g".repeat(40)] {
        assert_eq!(commit(wrong), None, "{wrong}");
    }
}
