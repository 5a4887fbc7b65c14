//! `consign pull`: from a registry to the disk.

use crate::hostile_registry::{HostileRegistry, Reply, TestImage};
use crate::support::{Context, digest};
use serde_json::Value;
use std::time::{Duration, Instant};

fn push(t: &Context, tag: &str, platform: &str) -> String {
    let push = ["build", "app", "--create-repository", "--push", "--tag", tag, "--platform", platform];
    digest(&t.consign(push).succeeds())
}

/// An emulator that holds the index `shop/api:1` of two images; and their digests, the index first.
fn index() -> (Context, [String; 3]) {
    let t = Context::with_ecr(&[]);
    t.app();
    let amd64 = push(&t, "shop/api:1-amd64", "linux/amd64");
    let arm64 = push(&t, "shop/api:1-arm64", "linux/arm64");
    let joined = t.consign(["index", "create", "shop/api:1", "1-amd64", "1-arm64"]).succeeds();
    (t, [digest(&joined), amd64, arm64])
}

#[test]
fn a_layout_has_all_platforms() {
    let (t, [joined, amd64, arm64]) = index();
    insta::assert_snapshot!(t.consign(["pull", "shop/api:1", "layout"]).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    1 of 3: 318 B sha256:[SHORT]
    2 of 3: 188 B sha256:[SHORT]
    3 of 3: 318 B sha256:[SHORT]
    layout: 3 blobs, 824 B, all checked
    ");
    insta::assert_snapshot!(t.consign(["validate", "layout"]).succeeds(), @r"valid: 2 images, 2 layers");
    let json = t.consign(["pull", "shop/api:1", "layout.tar", "--format", "json"]).succeeds();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["digest"], joined.as_str());
    let mut manifests: Vec<_> =
        json["manifests"].as_array().unwrap().iter().map(|m| m.as_str().unwrap()).collect();
    assert_eq!(manifests.pop(), Some(joined.as_str()));
    manifests.sort_unstable();
    let mut expected = [amd64.as_str(), &arm64];
    expected.sort_unstable();
    assert_eq!(manifests, expected);
    t.consign(["validate", "layout.tar"]).succeeds();
    assert!(t.path("layout.tar").is_file());
    // What was pulled can be pushed again, and is the same.
    t.consign(["pull", "shop/api:1", "one", "--platform", "linux/arm64"]).succeeds();
    let pushed = t.consign(["push", "one", "shop/api:again"]).succeeds();
    assert_eq!(digest(&pushed), arm64);
}

#[test]
fn an_archive_has_one_platform() {
    let (t, [_, amd64, arm64]) = index();
    let docker = |file: &str, platform: &str| {
        let pull = ["pull", "shop/api:1", file, "--type", "docker", "--platform", platform];
        digest(&t.consign(pull).succeeds())
    };
    assert_eq!(docker("arm.tar", "linux/arm64"), arm64);
    assert_eq!(docker("amd.tar", "linux/amd64"), amd64);
    let table = t.shell("tar -xOf amd.tar manifest.json").succeeds();
    let table: Value = serde_json::from_str(&table).unwrap();
    let name = format!("{}/shop/api:1", t.ecr().address());
    assert_eq!(table[0]["RepoTags"][0], name.as_str());
    insta::assert_snapshot!(t.consign(["pull", "shop/api:1", "x.tar", "--platform", "linux/s390x"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `shop/api:1` has no image for linux/s390x: it has linux/amd64, linux/arm64
    hint: choose one of those, such as `--platform linux/amd64`, or another image
    ");
}

#[test]
fn by_digest_it_has_no_name() {
    let (t, [_, amd64, _]) = index();
    let reference = format!("shop/api@{amd64}");
    assert_eq!(digest(&t.consign(["pull", &reference, "layout"]).succeeds()), amd64);
    let index = fs_err::read_to_string(t.path("layout/index.json")).unwrap();
    assert!(!index.contains("annotations"), "{index}");
}

#[test]
fn what_is_not_there() {
    let (t, _) = index();
    insta::assert_snapshot!(t.consign(["pull", "shop/api:2", "layout"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `shop/api:2`: there is no image `2` in the repository `shop/api`
    hint: without a host, a name means the private ECR registry of the account and region in use; check the name, and that the image was pushed there
    ");
    insta::assert_snapshot!(t.consign(["pull", "shop/web:1", "layout"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop/web` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/web`; if it exists, check the region and the account
    ");
    t.file("full/of/things", "x");
    insta::assert_snapshot!(t.consign(["pull", "shop/api:1", "full"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: DEST: `full` is a directory that has something else than an OCI layout in it
    ");
    insta::assert_snapshot!(t.consign(["pull", "shop/api:1", "no/where"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: DEST: the folder of `no/where` does not exist
    ");
    assert_eq!(fs_err::read_to_string(t.path("full/of/things")).unwrap(), "x");
}

/// Ctrl-C in the middle of a layer.
#[test]
fn an_interrupted_pull_leaves_nothing_behind() {
    let t = Context::new();
    let image = TestImage::new("amd64", 100_000);
    let registry = HostileRegistry::start(move |asked| {
        if image.wants_layer(asked) { Reply::Drip(image.layer.clone()) } else { image.answer(asked) }
    });
    let reference = format!("{}/shop/api:1", registry.host);
    for (form, name) in [("oci", "layout"), ("oci", "x.tar"), ("docker", "y.tar")] {
        let mut run = t.consign(["pull", &reference, name, "--type", form, "--platform", "linux/amd64"]);
        let before = registry.asked().len();
        let mut child = run.command.stderr(std::process::Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while registry.asked().len() < before + 4 {
            assert!(began.elapsed() < Duration::from_secs(20), "{}", registry.lines());
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(200));
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{form} {name}");
        let left: Vec<_> = fs_err::read_dir(t.path("")).unwrap().collect();
        assert!(left.is_empty(), "{form} {name}: {left:?}");
    }
}
