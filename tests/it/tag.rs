//! `consign tag`: promotion by digest.

use crate::iam::with_permissions;
use crate::plain_registry::{Mood, PlainRegistry};
use crate::support::{Context, digest};
use serde_json::Value;

const PUSH: [&str; 5] = ["build", "app", "--create-repository", "--push", "--tag"];

/// Pushes `app`, and gives its digest.
fn push(t: &Context, tag: &str) -> String {
    digest(&t.consign(PUSH.iter().chain(&[tag])).succeeds())
}

/// The tags of an image of `shop/api`.
fn tags(t: &Context, of: &str) -> Vec<String> {
    let registry = t.ecr().registry();
    let image = registry["shop/api"].images.iter().find(|image| image.digest.to_string() == of);
    image.map_or_else(Vec::new, |image| image.tags.clone())
}

/// What was asked of the registry since `before`, and how often.
fn since(t: &Context, before: usize) -> String {
    let requests = t.ecr().requests();
    let mut lines: Vec<(String, usize)> = Vec::new();
    for request in &requests[before..] {
        match lines.last_mut() {
            Some((operation, count)) if *operation == request.operation => *count += 1,
            _ => lines.push((request.operation.clone(), 1)),
        }
    }
    lines.iter().map(|(operation, count)| format!("{count} {operation}\n")).collect()
}

#[test]
fn promotion_by_digest() {
    let t = Context::with_ecr(&[]);
    t.app();
    let tested = push(&t, "shop/api:1.4.2");
    let (by_digest, before) = (format!("shop/api@{tested}"), t.ecr().requests().len());
    let ended = t.consign(["tag", &by_digest, "1.4", "prod"]).output();
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api:1.4 is now sha256:[DIGEST]
    [HOST]/shop/api:prod is now sha256:[DIGEST]
    ");
    assert_eq!(digest(ended.stdout.trim_end()), tested);
    // No layer, no config: the manifest is read, and put again.
    insta::assert_snapshot!(since(&t, before), @r"
    1 GET /oidc/token
    1 AssumeRoleWithWebIdentity
    1 BatchGetImage
    2 PutImage
    ");
    assert_eq!(tags(&t, &tested), ["1.4", "1.4.2", "prod"]);

    let before = t.ecr().requests().len();
    insta::assert_snapshot!(t.consign(["tag", "shop/api:1.4.2", "prod"]).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api:prod already is sha256:[DIGEST]
    ");
    assert!(!since(&t, before).contains("PutImage"), "{}", since(&t, before));
}

#[test]
fn over_v2_as_well() {
    let t = Context::with_ecr(&[]);
    t.app();
    let tested = push(&t, "shop/api:1");
    let before = t.ecr().requests().len();
    let by_digest = format!("shop/api@{tested}");
    t.consign(["tag", &by_digest, "2", "3", "--transport", "oci"]).succeeds();
    assert_eq!(tags(&t, &tested), ["1", "2", "3"]);
    let requests = t.ecr().requests();
    let over_v2: Vec<_> = requests[before..]
        .iter()
        .map(|one| one.operation.as_str())
        .filter(|name| name.contains("/v2/"))
        .collect();
    // Manifests are read in parallel, so their order is not known.
    assert_eq!(over_v2.iter().filter(|name| **name == "GET /v2/…/manifests/…").count(), 3, "{over_v2:?}");
    assert_eq!(over_v2.iter().filter(|name| **name == "PUT /v2/…/manifests/…").count(), 2, "{over_v2:?}");
    assert!(!over_v2.iter().any(|name| name.contains("blobs")), "{over_v2:?}");
}

#[test]
fn tags_move_where_they_may() {
    let t = Context::with_ecr(&[]);
    t.app();
    let old = push(&t, "shop/api:prod");
    t.file("app/new", "x");
    let new = push(&t, "shop/api:2");
    t.consign(["tag", "shop/api:2", "prod", "prod", "shop/api:stable"]).succeeds();
    assert_eq!((tags(&t, &old), tags(&t, &new)), (vec![], vec!["2".into(), "prod".into(), "stable".into()]));
    // Back again: a rollback is a promotion of the image before.
    t.consign(["tag", &format!("shop/api@{old}"), "prod"]).succeeds();
    assert_eq!(tags(&t, &old), ["prod"]);
}

#[test]
fn an_immutable_tag_keeps_its_image_and_nothing_is_half_done() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.file("app/consign.yaml", "apiVersion: consign/v1\nrepository: { tagMutability: IMMUTABLE }\n");
    push(&t, "shop/api:prod");
    t.file("app/new", "x");
    let new = push(&t, "shop/api:2");
    for transport in ["ecr", "oci"] {
        let tag = ["tag", "shop/api:2", "fresh", "prod", "--digest-file", "digest", "--transport", transport];
        let ended = t.consign(tag).output();
        // Both transports say the same.
        insta::allow_duplicates! {
            insta::assert_snapshot!(ended, @r"
            exit: 4
            ----- stdout -----
            ----- stderr -----
            authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
            error: the tag `prod` of `shop/api` is immutable and belongs to another image
              in the registry: sha256:[DIGEST]
              to be pushed:    sha256:[DIGEST]
            hint: push under a new tag, or delete the tag in the registry first
            ");
        }
        assert_eq!(tags(&t, &new), ["2"], "the tag that was free has not been set either");
        assert!(!t.path("digest").exists());
        // The same image under an immutable tag is success.
        let again = t.consign(["tag", "shop/api:2", "2", "--transport", transport]).output();
        assert!(again.code == Some(0) && again.stderr.contains("already is"), "{again}");
    }
}

#[test]
fn what_was_done_is_said_if_a_later_tag_fails() {
    let t = Context::with_ecr(&["error:PutImage,code=KmsException,status=400,message=no key,nth=3"]);
    t.app();
    let image = push(&t, "shop/api:1");
    insta::assert_snapshot!(t.consign(["tag", "shop/api:1", "a", "b", "c"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api:a is now sha256:[DIGEST]
    error: PutImage on [HOST]/shop/api was refused: KmsException: no key (request id [UUID])
      tags that were set before: a
    hint: the same command again sets the tags that are left
    ");
    assert_eq!(tags(&t, &image), ["1", "a"]);
    t.consign(["tag", "shop/api:1", "a", "b", "c"]).succeeds();
    assert_eq!(tags(&t, &image), ["1", "a", "b", "c"]);
}

#[test]
fn a_guard_against_tags_that_were_moved() {
    let t = Context::with_ecr(&[]);
    t.app();
    let tested = push(&t, "shop/api:1");
    t.consign(["tag", "shop/api:1", "prod", "--if-digest", &tested]).succeeds();
    t.file("app/new", "x");
    let other = push(&t, "shop/api:1");
    insta::assert_snapshot!(t.consign(["tag", "shop/api:1", "prod", "--if-digest", &tested]).output(), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `shop/api:1` is sha256:[DIGEST], and not sha256:[DIGEST]
    hint: the tag was moved since that digest was noted; to promote what was tested, name it by its digest: REPOSITORY@sha256:…
    ");
    assert_eq!((tags(&t, &tested), tags(&t, &other)), (vec!["prod".to_owned()], vec!["1".to_owned()]));
    let run = t.consign(["tag", "shop/api:1", "prod"]).env("CONSIGN_IF_DIGEST", &tested);
    assert!(run.fails(6).contains(&other));
    assert!(
        t.consign(["tag", "shop/api:1", "prod", "--if-digest", "latest"]).fails(2).contains("--if-digest")
    );
}

#[test]
fn what_is_not_there() {
    let t = Context::with_ecr(&[]);
    t.app();
    insta::assert_snapshot!(t.consign(["tag", "shop/api:1", "prod"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop/api` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/api`; if it exists, check the region and the account
    ");
    push(&t, "shop/api:1");
    insta::assert_snapshot!(t.consign(["tag", "shop/api:2", "prod"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `shop/api:2` is not in the repository [HOST]/shop/api
    hint: check the names, and that the jobs which push these images have ended; another region or account is another registry
    ");
    let nowhere = format!("shop/api@sha256:{}", "0".repeat(64));
    for transport in ["ecr", "oci"] {
        let stderr = t.consign(["tag", &nowhere, "prod", "--transport", transport]).fails(2);
        assert!(stderr.contains("is not in the repository"), "{stderr}");
    }
    assert_eq!(t.ecr().registry()["shop/api"].images.len(), 1);
}

#[test]
fn another_repository_is_refused_before_anything_is_asked() {
    let t = Context::with_ecr(&[]);
    let refused = |arguments: &[&str]| {
        let ended = t.consign([&["tag"], arguments].concat()).output();
        assert_eq!((ended.code, t.operations()), (Some(2), vec![]), "{ended}");
        ended.stderr
    };
    insta::assert_snapshot!(refused(&["shop/api:1", "prod/api:1"]), @r"
    error: `prod/api:1` is not in the repository `shop/api`
    hint: tags and indexes are set within one repository: bring the image into the other one first, with `consign copy SRC DST`
    ");
    insta::assert_snapshot!(refused(&["shop/api:1", "ghcr.io/shop/api:1"]), @r"
    error: `ghcr.io/shop/api:1` is not in the repository `shop/api`
    hint: tags and indexes are set within one repository: bring the image into the other one first, with `consign copy SRC DST`
    ");
    insta::assert_snapshot!(refused(&["shop/api:1", "1+2"]), @r"error: TAG: `1+2` is not a valid tag: character 2 is '+'; a tag is made of letters, digits, `_`, `.` and `-`");
    insta::assert_snapshot!(refused(&["shop/api:1", &format!("sha256:{}", "0".repeat(64))]), @r"
    error: `shop/api@sha256:0000000000000000000000000000000000000000000000000000000000000000` has a digest, and nothing can be pushed under a digest of one's choice
    hint: push under a tag; the digest follows from the content
    ");
    insta::assert_snapshot!(refused(&["public.ecr.aws/api:1", "2"]), @r"
    error: `public.ecr.aws/api` is no repository of ECR Public
    hint: write public.ecr.aws/ALIAS/NAME: the alias of your registry, as `consign repo list --public` shows it, then a name of 2 to 205 characters
    ");
}

#[test]
fn the_own_registry_can_be_written_in_full() {
    let t = Context::with_ecr(&[]);
    t.app();
    let printed = t.consign(PUSH.iter().chain(&["shop/api:1"])).succeeds();
    let (name, _) = printed.split_once('@').unwrap();
    assert_eq!(t.consign(["tag", &printed, "shop/api:2", &format!("{name}:3")]).succeeds(), printed);
    assert_eq!(tags(&t, &digest(&printed)), ["1", "2", "3"]);
}

#[test]
fn the_own_registry_can_be_written_with_its_account() {
    let t = Context::with_ecr(&[]);
    t.app();
    let image = push(&t, "shop/api:1");
    // As in AWS: the name of the registry follows from account and region.
    let tag = |from: &str, to: &str| t.consign(["tag", from, to]).without("CONSIGN_REGISTRY_ENDPOINT");
    let named = |account: &str, region: &str, tag: &str| {
        format!("{account}.dkr.ecr.{region}.amazonaws.com/shop/api:{tag}")
    };
    let printed = tag("shop/api:1", &named("123456789012", "us-east-1", "2")).succeeds();
    assert_eq!(printed, format!("123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/api@{image}"));
    assert_eq!(tag(&named("123456789012", "us-east-1", "1"), "shop/api:3").succeeds(), printed);
    for other in [named("210987654321", "us-east-1", "4"), named("123456789012", "eu-west-1", "4")] {
        let stderr = tag("shop/api:1", &other).fails(2);
        assert!(stderr.contains("is not in the repository `shop/api`"), "{stderr}");
    }
    assert_eq!(tags(&t, &image), ["1", "2", "3"]);
}

#[test]
fn results_for_the_next_step() {
    let t = Context::with_ecr(&[]);
    t.app();
    let image = push(&t, "shop/api:1");
    let files =
        ["--digest-file", "digest", "--dotenv-file", "dotenv", "--iidfile", "iid", "--format", "json"];
    let run = t.consign(["tag", "shop/api:1", "prod"].iter().chain(&files));
    let printed =
        run.env("GITHUB_OUTPUT", t.path("output")).env("GITHUB_STEP_SUMMARY", t.path("summary")).succeeds();
    let json: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&json["digest"], &json["published"][0]["tags"]), (&image.clone().into(), &["prod"].into()));
    let read = |name: &str| fs_err::read_to_string(t.path(name)).unwrap();
    assert_eq!(read("digest"), image);
    assert!(read("dotenv").contains("/shop/api:prod\n"), "{}", read("dotenv"));
    assert!(read("output").contains(&format!("digest={image}\n")), "{}", read("output"));
    assert!(read("iid").starts_with("sha256:") && read("iid") != image);
    insta::assert_snapshot!(crate::support::redacted(&read("summary"), &t.path("")), @r"
    ### `[HOST]/shop/api`

    | | |
    |---|---|
    | digest | `sha256:[DIGEST]` |
    | tag | `prod` |
    ");
}

#[test]
fn the_permissions_that_the_page_names() {
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/promote.md")).unwrap();
    let role = ["--role-to-assume", "arn:aws:iam::123456789012:role/ci"];
    let needed = ["ecr:BatchGetImage", "ecr:PutImage"];
    let attempt = |actions: &[&str]| {
        let t = with_permissions(actions);
        t.app();
        push(&t, "shop/api:1");
        t.consign(["tag", "shop/api:1", "prod"].iter().chain(&role)).output()
    };
    assert_eq!(attempt(&needed).code, Some(0));
    for (position, action) in needed.iter().enumerate() {
        assert!(page.contains(&format!("`{action}`")), "{action}");
        let ended = attempt(&needed[1 - position..2 - position]);
        assert_eq!(ended.code, Some(3), "{ended}");
        assert!(ended.stderr.contains(&format!("the permission `{action}`")), "{ended}");
    }
}

#[test]
fn any_registry() {
    let t = Context::new();
    t.app();
    let registry = PlainRegistry::start(Mood::Good, None);
    let first = format!("{}/shop/api:1", registry.host);
    let image = digest(&t.consign(["build", "app", "--push", "--tag", &first]).succeeds());
    registry.requests();
    let by_digest = format!("{}/shop/api@{image}", registry.host);
    insta::assert_snapshot!(t.consign(["tag", &by_digest, "prod"]).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    [HOST]/shop/api:prod is now sha256:[DIGEST]
    ");
    let mut requests = registry.requests();
    // Manifests are read in parallel.
    requests.sort_unstable();
    insta::assert_snapshot!(requests.join("\n"), @r"
    GET /v2/
    GET /v2/shop/api/manifests/DIGEST
    GET /v2/shop/api/manifests/prod
    PUT /v2/shop/api/manifests/prod
    ");
    assert_eq!(registry.manifest("prod"), registry.manifest("1"));
}

#[test]
fn the_bytes_are_kept_whatever_they_are() {
    let t = Context::new();
    let registry = PlainRegistry::start(Mood::Good, None);
    for (tag, kind, text) in [
        (
            "list",
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "{ \"schemaVersion\":2,\n \"manifests\":[] }\n",
        ),
        (
            "odd",
            "application/vnd.oci.image.manifest.v1+json",
            "{\"schemaVersion\":2,\"x\":1.0,\"config\":null}",
        ),
    ] {
        let stored = registry.store_manifest(tag, kind, text.as_bytes());
        let name = format!("{}/shop/api:{tag}", registry.host);
        assert_eq!(digest(&t.consign(["tag", &name, "prod"]).succeeds()), stored);
        assert_eq!(registry.manifest("prod"), text.as_bytes());
    }
}
