//! One build for several registries and repositories.

use crate::bases::{Layout, Style};
use crate::plain_registry::{Mood, PlainRegistry};
use crate::support::{Context, digest};
use serde_json::json;

fn app(t: &Context) {
    t.noise("app/data", 12, 1);
    t.file("app/small", "x");
}

#[test]
fn a_layer_is_made_once_for_all() {
    let t = Context::with_ecr(&[]);
    let (one, two) = (PlainRegistry::start(Mood::Good, None), PlainRegistry::start(Mood::Good, None));
    app(&t);
    let tags =
        ["-t", "shop/api:1", "-t", &format!("{}/shop/api:1", one.host), "-t", &format!("{}/x/y:2", two.host)];
    let build = ["build", "app", "--create-repository", "--push", "--layers=single", "--progress=json"];
    let ended = t.consign(build.iter().chain(&tags)).output();
    assert_eq!(ended.code, Some(0), "{ended}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ended}");
    assert!(lines.iter().all(|line| digest(line) == digest(lines[0])), "{ended}");
    let started = ended.stderr.lines().filter(|line| line.contains("layer-started")).count();
    assert_eq!(started, 1, "{ended}");
    for line in &lines {
        assert_eq!(t.consign(["validate", line]).succeeds(), "valid: 1 image, 1 layer");
    }
    // Again, and nothing is sent anywhere.
    let parts = t.requests("UploadLayerPart").len();
    let received = (one.received(), two.received());
    assert_eq!(t.consign(build.iter().chain(&tags)).succeeds(), ended.stdout.trim_end());
    assert_eq!(t.requests("UploadLayerPart").len(), parts);
    assert_eq!((one.received(), two.received()), received);
}

#[test]
fn the_lines_of_several() {
    let t = Context::with_ecr(&[]);
    t.app();
    let ended =
        t.consign(["build", "app", "--create-repository", "--push", "-t", "aa:1", "-t", "bb:1"]).output();
    insta::assert_snapshot!(ended.in_order(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/aa@sha256:[DIGEST]
    [HOST]/bb@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository aa
    created the repository bb
    layer context to [HOST]/aa: sent, 188 B sha256:[SHORT]
    layer context to [HOST]/bb: sent, 188 B sha256:[SHORT]
    [HOST]/aa:1 is now sha256:[DIGEST]
    [HOST]/bb:1 is now sha256:[DIGEST]
    ");
}

#[test]
fn one_that_fails_does_not_take_the_others_along() {
    let t = Context::with_ecr(&[]);
    let plain = PlainRegistry::start(Mood::Alters, None);
    app(&t);
    let name = format!("{}/shop/api:1", plain.host);
    let build =
        ["build", "app", "--create-repository", "--push", "-t", "shop/api:1", "-t", &name, "--layers=single"];
    let ended = t.consign(build.iter().chain(&["--digest-file", "digest"])).output();
    insta::assert_snapshot!(ended.in_order(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 3 entries, 13 MB
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    --create-repository: nothing to do, as [HOST] makes repositories when they are pushed to
    layer context to [HOST]/shop/api: sent, 13 MB sha256:[SHORT]
    layer context to [HOST]/shop/api: sent, 13 MB sha256:[SHORT]
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    error: pushing to [HOST]/shop/api: the manifest 1 that [HOST]/shop/api has stored has the digest sha256:[DIGEST] instead of sha256:[DIGEST]
      pushed all the same: [HOST]/shop/api@sha256:[DIGEST]
    hint: run the same command again; if it stays so, the image is damaged in that registry, or a proxy alters what passes: push the image anew, or choose another one
    ");
    assert!(!t.path("digest").exists());
    assert_eq!(t.ecr().registry()["shop/api"].images.len(), 1);
}

#[test]
fn one_that_does_not_exist_is_found_before_anything_is_sent() {
    let t = Context::with_ecr(&[]);
    app(&t);
    t.consign(["build", "app", "--create-repository", "--push", "-t", "aa:1"]).succeeds();
    t.file("app/small", "y");
    let before = t.requests("InitiateLayerUpload").len();
    insta::assert_snapshot!(t.consign(["build", "app", "--push", "-t", "aa:2", "-t", "bb:2"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 13 MB
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `bb` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create bb`; if it exists, check the region and the account
    ");
    assert_eq!(t.requests("InitiateLayerUpload").len(), before);
}

#[test]
fn an_upload_that_breaks_goes_on_alone() {
    let t = Context::with_ecr(&[]);
    let plain = PlainRegistry::start(Mood::Forget(3_000_000), None);
    app(&t);
    let name = format!("{}/shop/api:1", plain.host);
    let build =
        ["build", "app", "--create-repository", "--push", "-t", "shop/api:1", "-t", &name, "--layers=single"];
    let printed = t.consign(build).succeeds();
    for line in printed.lines() {
        assert_eq!(t.consign(["validate", line]).succeeds(), "valid: 1 image, 1 layer");
    }
}

#[test]
fn many_large_layers_to_many_places_come_to_an_end() {
    // Parts of ECR's own size: there is room for two of them at a time.
    let t = Context::with_settings(consign::emulator::Settings::default());
    for number in 0..6 {
        t.noise(&format!("app/{number}/data"), 25, number + 1);
    }
    let layer = |number| format!("- {{ name: l{number}, from: \"{number}\", to: /{number} }}\n");
    let layers: String = (0..6).map(layer).collect();
    t.file("app/consign.yaml", format!("apiVersion: consign/v1\nlayers:\n{layers}"));
    let tags = ["-t", "aa:1", "-t", "bb:1", "-t", "cc:1"];
    let printed = t.consign(["build", "app", "--create-repository", "--push"].iter().chain(&tags)).succeeds();
    assert_eq!(printed.lines().count(), 3);
}

#[test]
fn a_base_is_read_once_for_all() {
    let source = PlainRegistry::start(Mood::Good, None);
    let one = PlainRegistry::start(Mood::Good, None);
    let t = Context::with_ecr(&[]);
    let layout = Layout::new(&t.path("base"));
    let content = "x".repeat(100_000);
    let image = layout.image("linux/amd64", Style::Plain, &[&[("a", content.as_str())]], &json!({}));
    layout.finish(&image);
    let base = format!("{}/library/base:1", source.host);
    t.consign(["push", "base", &base]).succeeds();
    t.app();
    // What was asked up to here is forgotten.
    source.requests();
    let name = format!("{}/shop/api:1", one.host);
    let tags = ["-t", "shop/api:1", "-t", &name, "--base", &base, "--platform=linux/amd64"];
    let printed = t.consign(["build", "app", "--create-repository", "--push"].iter().chain(&tags)).succeeds();
    for line in printed.lines() {
        assert_eq!(t.consign(["validate", line]).succeeds(), "valid: 1 image, 2 layers");
    }
    let requests = source.requests();
    let blobs = requests.iter().filter(|request| request.starts_with("GET") && request.contains("/blobs/"));
    assert_eq!(blobs.count(), 2, "the config and the layer: {:?}", &requests);
}
