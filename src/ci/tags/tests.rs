//! What each rule gives: cases of metadata-action's page, and of the events that it lists.

use super::testing::{SHA, branch, pull_request, schedule, scope, tag};
use super::*;
use crate::ci::git::GitError;
use crate::ci::{Ci, GitRef};

fn applied(facts: &Facts, rules: &str, flavor: &str) -> Result<Applied, TagError> {
    TagRules::parse(&[rules.to_owned()], &[flavor.to_owned()])?.apply(&scope(facts))
}

/// The tags, joined with spaces.
#[track_caller]
fn tags(facts: &Facts, rules: &str, flavor: &str) -> String {
    let applied = applied(facts, rules, flavor).unwrap();
    applied.tags.iter().map(|(tag, _)| tag.to_string()).collect::<Vec<_>>().join(" ")
}

/// Why the one rule that there is gives none.
#[track_caller]
fn reason(facts: &Facts, rule: &str) -> (String, bool) {
    let applied = applied(facts, rule, "").unwrap();
    assert_eq!(applied.tags, []);
    let [Without { reason, unexpected, .. }] = &applied.without[..] else { panic!("{applied:?}") };
    (reason.clone(), *unexpected)
}

#[test]
fn type_ref() {
    for (facts, expected) in [
        (pull_request("2", "master"), "pr-2"),
        (branch("master"), "master"),
        (branch("my/branch"), "my-branch"),
        (branch("My_Branch.2#é&x"), "My_Branch.2-x"),
        (tag("v1.2.3"), "v1.2.3 latest"),
        (tag("v2.0.8-beta.67"), "v2.0.8-beta.67 latest"),
        (tag("20200110-RC2"), "20200110-RC2 latest"),
        (tag("app/v1+x"), "app-v1-x latest"),
        (schedule("master"), "nightly master"),
    ] {
        let rules = "type=schedule\ntype=ref,event=branch\ntype=ref,event=tag\ntype=ref,event=pr";
        assert_eq!(tags(&facts, rules, ""), expected);
        let of_ref = TagRules::of_ref().apply(&scope(&facts)).unwrap();
        assert_eq!(of_ref.version().unwrap().to_string(), expected.split(' ').next().unwrap());
    }
    assert_eq!(tags(&pull_request("2", "master"), "type=ref,event=pr,prefix=mr-,suffix=-x", ""), "mr-2-x");
    assert_eq!(tags(&pull_request("2", "master"), "type=ref,event=pr,prefix=", ""), "2");
}

#[test]
fn type_semver() {
    for (name, pattern, expected) in [
        ("v1.2.3", "{{raw}}", "v1.2.3 latest"),
        ("v1.2.3", "{{version}}", "1.2.3 latest"),
        ("v1.2.3", "{{major}}.{{minor}}", "1.2 latest"),
        ("v1.2.3", "v{{major}}", "v1 latest"),
        ("v1.2.3", "{{minor}}", "2 latest"),
        ("v1.2.3", "{{patch}}", "3 latest"),
        ("v1.2.3", "{{version}}-{{date 'YYYYMMDD'}}", "1.2.3-20200110 latest"),
        ("v2.0.8-beta.67", "{{raw}}", "v2.0.8-beta.67"),
        ("v2.0.8-beta.67", "{{version}}", "2.0.8-beta.67"),
        ("v2.0.8-beta.67", "{{major}}.{{minor}}", "2.0.8-beta.67"),
        ("v9.5.7-alpha.2+fork.3.1.8", "{{raw}}", "v9.5.7-alpha.2-fork.3.1.8"),
        ("v9.5.7-alpha.2+fork.3.1.8", "{{version}}", "9.5.7-alpha.2"),
        ("v0.1.2", "{{major}}", "0 latest"),
    ] {
        assert_eq!(
            tags(&tag(name), &format!("type=semver,pattern={pattern}"), ""),
            expected,
            "{name} {pattern}"
        );
    }
    let value = "type=semver,pattern={{major}},value=v1.0.0";
    assert_eq!(tags(&branch("master"), value, ""), "1 latest");
    assert_eq!(tags(&tag("x"), "type=semver,pattern={{version}},value=", ""), "");
    for (name, expected) in
        [("api-v1.2.3", "1.2.3 latest"), ("team/api-v1.2.3-rc.1", "1.2.3-rc.1"), ("v1.2.3", "")]
    {
        assert_eq!(
            tags(&tag(name), "type=semver,pattern={{version}},match=api-v(.*)", ""),
            expected,
            "{name}"
        );
    }
    let (why, unexpected) = reason(&tag("release1"), "type=semver,pattern={{version}}");
    assert_eq!((why.as_str(), unexpected), ("`release1` is no semantic version (https://semver.org)", true));
    let (why, unexpected) = reason(&branch("master"), "type=semver,pattern={{version}}");
    assert_eq!((why.as_str(), unexpected), ("it is for tags", false));
    let (why, _) = reason(&tag("v1.2.3"), "type=semver,pattern={{version}},match=api-v(.*)");
    assert_eq!(why, "`api-v(.*)` does not match `v1.2.3`");
}

#[test]
fn type_pep440() {
    for (name, pattern, expected) in [
        ("1.2.3", "{{raw}}", "1.2.3 latest"),
        ("1.2.3", "{{version}}", "1.2.3 latest"),
        ("v1.2.3", "{{version}}", "1.2.3 latest"),
        ("1.2.3", "{{major}}.{{minor}}", "1.2 latest"),
        ("1.2.3", "v{{major}}", "v1 latest"),
        ("v1.2.3rc2", "{{raw}}", "v1.2.3rc2"),
        ("1.2.3rc2", "{{version}}", "1.2.3rc2"),
        ("1.2.3rc2", "{{major}}.{{minor}}", "1.2.3rc2"),
        ("1.2.3post1", "{{major}}.{{minor}}", "1.2.3.post1"),
        ("1.2.3beta2", "{{major}}.{{minor}}", "1.2.3b2"),
        ("1.0dev4", "{{major}}.{{minor}}", "1.0.dev4"),
        ("1.2", "{{major}}.{{minor}}.{{patch}}", "1.2.0 latest"),
    ] {
        assert_eq!(
            tags(&tag(name), &format!("type=pep440,pattern={pattern}"), ""),
            expected,
            "{name} {pattern}"
        );
    }
    let (why, _) = reason(&tag("release1"), "type=pep440,pattern={{version}}");
    assert_eq!(why, "`release1` is no version by PEP 440 (https://peps.python.org/pep-0440/)");
}

#[test]
fn type_match() {
    for (name, pattern, group, expected) in [
        ("v1.2.3", r"\d.\d.\d", 0, "1.2.3 latest"),
        ("v2.0.8-beta.67", "v(.*)", 1, "2.0.8-beta.67 latest"),
        ("v2.0.8-beta.67", r"v(\d.\d)", 1, "2.0 latest"),
        ("20200110-RC2", r"\d+", 0, "20200110 latest"),
        ("p1/v1.2.3", r"p1/v(\d.\d.\d)", 1, "1.2.3 latest"),
        ("P1-V1", "/p1-(v.)/i", 1, "V1 latest"),
    ] {
        let rule = format!("type=match,\"pattern={pattern}\",group={group}");
        assert_eq!(tags(&tag(name), &rule, ""), expected, "{name} {pattern}");
    }
    assert_eq!(tags(&branch("x"), "type=match,pattern=v(.*),group=1,value=v1.0.0", ""), "1.0.0 latest");
    assert_eq!(tags(&tag("v12"), r#"type=match,"pattern=v(\d{1,3})",group=1"#, ""), "12 latest");
    assert_eq!(reason(&tag("x"), "type=match,pattern=v(.*)"), ("`v(.*)` does not match `x`".into(), true));
}

#[test]
fn type_edge() {
    assert_eq!(tags(&branch("master"), "type=edge", ""), "edge");
    assert_eq!(tags(&branch("my/dev"), "type=edge,branch=my/dev", ""), "edge");
    let (why, _) = reason(&branch("dev"), "type=edge");
    assert_eq!(why, "it is for the branch `master`");
    let (why, _) = reason(&tag("v1"), "type=edge");
    assert_eq!(why, "it is for a branch");
}

#[test]
fn type_raw_sha_and_schedule() {
    assert_eq!(tags(&branch("master"), "type=raw,value=foo\ntype=raw,bar\nbaz", ""), "foo bar baz");
    assert_eq!(tags(&branch("my/x"), "type=raw,value=mytag-{{branch}}-{{sha}}", ""), "mytag-my-x-90dd603");
    assert_eq!(tags(&branch("master"), "type=raw,value=latest,enable={{is_default_branch}}", ""), "latest");
    assert_eq!(tags(&branch("dev"), "type=raw,value=latest,enable={{is_default_branch}}", ""), "");
    assert_eq!(tags(&branch("dev"), "type=raw,value=x,enable={{is_not_default_branch}}", ""), "x");
    assert_eq!(reason(&tag("v1"), "type=raw,value=").0, "its value is empty");
    assert_eq!(reason(&tag("v1"), "type=raw,value={{branch}},suffix=-alpine").0, "its value is empty");
    assert_eq!(reason(&tag("v1"), "type=raw,value=x,enable=false").0, "it is not enabled");
    assert_eq!(tags(&branch("master"), "type=sha", ""), "sha-90dd603");
    assert_eq!(tags(&branch("master"), "type=sha,format=long", ""), format!("sha-{SHA}"));
    assert_eq!(tags(&branch("master"), "type=sha,prefix={{branch}}-", ""), "master-90dd603");
    assert_eq!(tags(&branch("master"), "type=sha,prefix=", ""), "90dd603");
    for (pattern, expected) in [
        ("nightly", "nightly"),
        ("{{date 'YYYYMMDD'}}", "20200110"),
        ("{{date 'YYYYMMDD-HHmmss' tz='Asia/Tokyo'}}", "20200110-093000"),
        ("{{commit_date 'YYYYMMDD'}}", "20190601"),
        ("{{date 'dddd h:mm a'}}", "Friday-12-30-am"),
    ] {
        assert_eq!(tags(&schedule("master"), &format!("type=schedule,pattern={pattern}"), ""), expected);
    }
    assert_eq!(reason(&branch("x"), "type=schedule").0, "it is for a schedule");
}

#[test]
fn order_and_duplicates() {
    let rules = "type=sha\ntype=raw,value=a\ntype=ref,event=tag\ntype=semver,pattern={{version}}\n\
                 type=semver,pattern={{major}}.{{minor}}\ntype=semver,pattern={{major}}";
    assert_eq!(tags(&tag("v1.2.3"), rules, ""), "1.2.3 1.2 1 v1.2.3 a sha-90dd603 latest");
    assert_eq!(tags(&tag("v1.2.3-rc.1"), rules, ""), "1.2.3-rc.1 v1.2.3-rc.1 a sha-90dd603");
    assert_eq!(tags(&branch("b"), "a\nb\ntype=ref,event=branch\na", ""), "b a");
    assert_eq!(tags(&branch("b"), "a\ntype=raw,value=c,priority=201\nb", ""), "c a b");
    assert_eq!(tags(&branch("b"), "# none\n\n", ""), "");
}

#[test]
fn flavors() {
    let semver = "type=semver,pattern={{version}}";
    assert_eq!(tags(&tag("v1.2.3"), semver, "latest=false"), "1.2.3");
    assert_eq!(tags(&tag("v1.2.3-rc.1"), semver, "latest=true"), "1.2.3-rc.1 latest");
    assert_eq!(tags(&branch("dev"), semver, "latest=true"), "", "without a tag there is no latest");
    assert_eq!(tags(&tag("v1"), "type=ref,event=tag", "prefix=a-\nsuffix=-z"), "a-v1-z latest");
    let both = "prefix=a-,onlatest=true\nsuffix=-{{sha}},onlatest=true";
    assert_eq!(tags(&tag("v1"), "type=ref,event=tag", both), "a-v1-90dd603 a-latest-90dd603");
    // A rule's own comes instead, and the one of type=sha and of pull requests is their own.
    let rules = "type=raw,value=x,prefix=p-,suffix=\ntype=sha";
    assert_eq!(tags(&branch("m"), rules, "prefix=a-\nsuffix=-z"), "p-x sha-90dd603-z");
    // The rule that comes first decides.
    let rules = "type=raw,value=x,priority=1000\ntype=semver,pattern={{version}}";
    assert_eq!(tags(&tag("v1.2.3"), rules, ""), "x 1.2.3");
    // `latest` is one tag, whoever gives it.
    let rules = "type=semver,pattern={{version}}\ntype=raw,value=latest";
    assert_eq!(tags(&tag("v1.2.3"), rules, ""), "1.2.3 latest");
}

#[test]
fn what_a_rule_needs_and_nobody_says() {
    let shown = |facts: &Facts, rule: &str| {
        let error = applied(facts, rule, "").unwrap_err();
        format!("{error}\nhint: {}", error.hint().unwrap_or_default())
    };
    let nothing = Facts {
        git_ref: None,
        sha: None,
        commit_date: None,
        repository: None,
        default_branch: None,
        git: Some(GitError::NotInstalled),
        ..branch("main")
    };
    insta::assert_snapshot!(shown(&nothing, "type=sha"), @r"
    tag rule `type=sha`: it needs the commit, and the program `git` is not installed
    hint: install `git` in the image that the job runs in
    ");
    insta::assert_snapshot!(shown(&nothing, "type=ref,event=branch"), @r"
    tag rule `type=ref,event=branch`: it needs the branch or tag, and the program `git` is not installed
    hint: install `git` in the image that the job runs in
    ");
    insta::assert_snapshot!(shown(&nothing, "type=raw,value={{commit_date 'YYYY'}}"), @r"
    tag rule `type=raw,value={{commit_date 'YYYY'}}`: it needs the date of the commit, and the program `git` is not installed
    hint: install `git` in the image that the job runs in
    ");
    // What needs nothing, works without.
    assert_eq!(
        tags(&nothing, "type=raw,value=x\ntype=semver,pattern={{major}},value=v1.2.3", ""),
        "1 x latest"
    );
    assert_eq!(tags(&nothing, "x\ntype=ref,event=pr\ntype=schedule", ""), "x");
    let github = Facts { ci: Some(Ci::GitHubActions), default_branch: None, ..branch("main") };
    insta::assert_snapshot!(shown(&github, "type=edge"), @r"
    tag rule `type=edge`: it needs the default branch, which GitHub Actions does not tell, and the checkout does not know it
    hint: let the clone know it: `git remote set-head origin --auto`; `type=edge` takes it from `branch=` too
    ");
    insta::assert_snapshot!(shown(&github, "type=raw,value=latest,enable={{is_default_branch}}"), @r"
    tag rule `type=raw,value=latest,enable={{is_default_branch}}`: it needs the default branch, which GitHub Actions does not tell, and the checkout does not know it
    hint: let the clone know it: `git remote set-head origin --auto`; `type=edge` takes it from `branch=` too
    ");
    insta::assert_snapshot!(shown(&github, "type=raw,value=latest,enable={{branch}}"), @r"
    tag rule `type=raw,value=latest,enable={{branch}}`: `enable` is `main` here, which is neither true nor false
    hint:
    ");
}

#[test]
fn no_tag_at_all() {
    let rules = "type=semver,pattern={{version}}\ntype=schedule\ntype=raw,value=x,enable=false";
    let gitlab = Facts { ci: Some(Ci::GitLab), ..branch("main") };
    let error = applied(&gitlab, rules, "").unwrap().require().unwrap_err();
    insta::assert_snapshot!(format!("{error}\nhint: {}", error.hint().unwrap()), @r"
    no tag rule gives a tag for the branch `main` in GitLab CI
      type=schedule: it is for a schedule
      type=semver,pattern={{version}}: it is for tags
      type=raw,value=x,enable=false: it is not enabled
    hint: add a rule that applies here; `type=sha` always does, and `type=ref,event=branch` on branches
    ");
    let detached = Facts { git_ref: None, ..branch("main") };
    let error = applied(&detached, "type=ref,event=tag", "").unwrap().require().unwrap_err();
    let first = "no tag rule gives a tag for a commit that is neither a branch nor a tag";
    assert_eq!(error.to_string(), format!("{first}\n  type=ref,event=tag: it is for tags"));
}

#[test]
fn tags_that_can_not_be() {
    let long = "x".repeat(129);
    let (why, unexpected) = reason(&branch(&long), "type=ref,event=branch");
    assert_eq!((why, unexpected), (format!("`{long}` has 129 characters, and a tag has 128 at most"), true));
    assert_eq!(reason(&branch("日本"), "type=ref,event=branch").0, "nothing of `日本` can be in a tag");
    assert_eq!(tags(&branch("été"), "type=ref,event=branch", ""), "t-");
    assert_eq!(tags(&branch("x"), "type=raw,value=.-x", ""), "x");
}

#[test]
fn the_length_of_a_short_hash() {
    let facts = branch("main");
    let length = |value: &str| {
        let env: Env = [(SHA_LENGTH, value)].into_iter().collect();
        let scope = Scope::new(&facts, &env, Timestamp::UNIX_EPOCH)?;
        Ok::<_, TagError>(scope.short_sha().unwrap())
    };
    assert_eq!(length("").unwrap(), "90dd603");
    assert_eq!(length("12").unwrap(), "90dd6032fac8");
    assert_eq!(length("64").unwrap(), SHA);
    for wrong in ["0", "-1", "x", "65"] {
        assert!(length(wrong).unwrap_err().to_string().contains(wrong), "{wrong}");
    }
}

proptest::proptest! {
    /// Whatever a ref is called, each rule gives a tag that a registry takes, or a reason.
    #[test]
    fn any_ref(name in "\\PC{1,200}", is_tag in proptest::bool::ANY) {
        let git_ref = if is_tag { GitRef::Tag(name) } else { GitRef::Branch(name) };
        let facts = Facts { git_ref: Some(git_ref), ..branch("main") };
        let rules = "type=semver,pattern={{major}}.{{minor}}\ntype=pep440,pattern={{version}}\n\
                     type=match,pattern=(.).*,group=1\ntype=edge\ntype=ref,event=branch\ntype=ref,event=tag\n\
                     type=ref,event=pr\ntype=raw,value={{branch}}{{tag}},suffix=-{{sha}}\ntype=sha";
        let applied = applied(&facts, rules, "suffix=é").unwrap();
        proptest::prop_assert!(applied.tags.iter().all(|(tag, _)| tag.to_string().parse::<Tag>().is_ok()));
        let named = applied.tags.iter().map(|(_, rule)| rule).chain(applied.without.iter().map(|w| &w.rule));
        let known: std::collections::BTreeSet<_> = named.collect();
        // A rule that is in neither list gave a tag that another one had given already.
        proptest::prop_assert!(known.len() >= 2);
        proptest::prop_assert!(applied.without.iter().all(|without| !without.reason.is_empty()));
    }

    /// Whatever is written as a rule or a flavor is one, or an error.
    #[test]
    fn any_rule(line in "(type=(semver|pep440|match|ref|raw|sha|edge|schedule),)?[a-z]{0,8}=?[\\PC]{0,40}") {
        let facts = tag("v1.2.3");
        if let Ok(rules) = TagRules::parse(std::slice::from_ref(&line), &[]) {
            drop(rules.apply(&scope(&facts)));
        }
        drop(TagRules::parse(&[], &[line]));
    }
}
