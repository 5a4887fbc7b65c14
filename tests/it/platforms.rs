//! Images for several platforms, and the index of them.

use crate::bases::{Layout, Style};
use crate::support::{Context, digest};
use serde_json::{Value, json};

const PUSH: [&str; 7] = [
    "build",
    "app",
    "--tag",
    "shop/api:1",
    "--create-repository",
    "--push",
    "--platform=linux/amd64,linux/arm64",
];

fn push<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&PUSH[..], more].concat()
}

/// An index `base` for three platforms, with one layer that all share.
fn base(t: &Context) -> Layout {
    let layout = Layout::new(&t.path("base"));
    let images = ["linux/amd64", "linux/arm64/v8", "linux/arm/v7"].map(|platform| {
        let layers: [&[(&str, &str)]; 2] = [&[("etc/os", "same")], &[("bin/sh", platform)]];
        layout.image(platform, Style::Gzip, &layers, &json!({ "Env": [format!("ARCH={platform}")] }))
    });
    layout.finish(&layout.index(&images));
    layout
}

fn asked(t: &Context, before: usize) -> String {
    let requests = t.ecr().requests();
    let mut counts: Vec<(String, usize)> = Vec::new();
    for request in &requests[before..] {
        match counts.iter_mut().find(|(operation, _)| *operation == request.operation) {
            Some((_, count)) => *count += 1,
            None => counts.push((request.operation.clone(), 1)),
        }
    }
    counts.iter().map(|(operation, count)| format!("{count} {operation}\n")).collect()
}

#[test]
fn an_index_whose_images_share_what_is_the_same() {
    let t = Context::with_ecr(&[]);
    base(&t);
    t.app();
    let ended = t.consign(push(&["--base", "oci-layout://base", "--explain"])).output();
    insta::assert_snapshot!(ended.in_order(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    layer base 1/2: sent, 76 B sha256:[SHORT]
    layer base 2/2 (linux/amd64): sent, 85 B sha256:[SHORT]
    layer base 2/2 (linux/arm64): sent, 88 B sha256:[SHORT]
    layer context: sent, 188 B sha256:[SHORT]
    linux/amd64 is sha256:[DIGEST]
    linux/arm64 is sha256:[DIGEST]
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    [HOST]/shop/api@sha256:[DIGEST]: 4 layers, 437 B, of which 437 B sent
      of oci-layout://base, which is built on:
        base 1/2                                           76 B  streamed from oci-layout://base: the repository did not have it
        base 2/2 (linux/amd64)                             85 B  streamed from oci-layout://base: the repository did not have it
      the application: what is not recognised as a dependency:
        context                      4 paths     41 B →   188 B  sent: the repository did not have it
      of oci-layout://base, which is built on:
        base 2/2 (linux/arm64)                             88 B  streamed from oci-layout://base: the repository did not have it
    ");
    let index = digest(ended.stdout.trim_end());
    assert_eq!(t.consign(["validate", "shop/api:1"]).succeeds(), "valid: 2 images, 6 layers");
    insta::assert_snapshot!(t.consign(["inspect", "shop/api:1"]).output(), @r"
    exit: 0
    ----- stdout -----
    digest     sha256:[DIGEST]
    type       application/vnd.oci.image.index.v1+json
    manifest   linux/amd64    sha256:[DIGEST]
    manifest   linux/arm64    sha256:[DIGEST]
    ----- stderr -----
    ");
    let repository = &t.ecr().registry()["shop/api"];
    // The image of each platform lies there under its digest, and only the index has the tag.
    assert_eq!(repository.images.len(), 3);
    let tagged: Vec<_> = repository.images.iter().filter(|image| !image.tags.is_empty()).collect();
    assert_eq!(tagged.len(), 1);
    assert_eq!(tagged[0].digest.to_string(), index);

    // Nothing is sent twice, and nothing is put that is there.
    let before = t.ecr().requests().len();
    assert_eq!(digest(&t.consign(push(&["--base", "oci-layout://base"])).succeeds()), index);
    insta::assert_snapshot!(asked(&t, before), @r"
    1 GET /oidc/token
    1 AssumeRoleWithWebIdentity
    1 DescribeRepositories
    2 BatchGetImage
    2 GetDownloadUrlForLayer
    2 GET /layer/…
    ");
}

#[test]
fn an_unchanged_index_costs_no_more_than_an_unchanged_image() {
    let t = Context::with_ecr(&[]);
    t.noise("app/data", 8, 1);
    let cache = ["--cache-dir", "cache"];
    let one =
        ["build", "app", "--tag", "one/api:1", "--create-repository", "--push", "--platform=linux/amd64"];
    t.consign(one).succeeds();
    let before = t.ecr().requests().len();
    t.consign(one).succeeds();
    let image = asked(&t, before);
    let first = t.consign(push(&[])).succeeds();
    let before = t.ecr().requests().len();
    assert_eq!(t.consign(push(&[])).succeeds(), first);
    let index = asked(&t, before);
    insta::assert_snapshot!(format!("{image}---\n{index}"), @r"
    1 GET /oidc/token
    1 AssumeRoleWithWebIdentity
    1 DescribeRepositories
    1 BatchGetImage
    1 GetDownloadUrlForLayer
    1 GET /layer/…
    ---
    1 GET /oidc/token
    1 AssumeRoleWithWebIdentity
    1 DescribeRepositories
    2 BatchGetImage
    2 GetDownloadUrlForLayer
    2 GET /layer/…
    ");
    // With what the layer cache knows, none of its configs is read.
    t.consign(push(&cache)).succeeds();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    t.consign(push(&cache)).succeeds();
    let before = t.ecr().requests().len();
    assert_eq!(t.consign(push(&cache)).succeeds(), first);
    insta::assert_snapshot!(asked(&t, before), @r"
    1 GET /oidc/token
    1 AssumeRoleWithWebIdentity
    1 DescribeRepositories
    1 BatchGetImage
    ");
}

#[test]
fn a_layer_of_several_platforms_is_made_and_sent_once() {
    let t = Context::with_ecr(&[]);
    t.noise("app/data", 8, 1);
    let printed = t.consign(push(&["--format", "json"])).succeeds();
    let json: Value = serde_json::from_str(&printed).unwrap();
    let published = &json["published"][0];
    assert_eq!(published["layers"].as_array().unwrap().len(), 1);
    assert_eq!(published["platforms"].as_array().unwrap().len(), 2);
    let sent = t.requests("UploadLayerPart").into_iter().filter_map(|request| request.part);
    let sent: u64 = sent.map(|part| part.bytes_stored).sum();
    assert!(sent < 9 * 1024 * 1024, "{sent}");
    // A single image of the same files reuses the layer of the index under its tag.
    let parts = t.requests("UploadLayerPart").len();
    t.consign(["build", "app", "--tag", "shop/api:1", "--push", "--platform=linux/arm64", "--label=a=b"])
        .succeeds();
    assert_eq!(t.requests("UploadLayerPart").len(), parts + 1, "only its config is sent");
}

#[test]
fn one_platform_makes_a_plain_manifest() {
    let t = Context::with_ecr(&[]);
    t.app();
    let build = |platform| t.consign(["build", "app", "--platform", platform]).succeeds();
    assert_eq!(build("linux/arm64,linux/arm64/v8"), build("linux/arm64"));
    assert_ne!(build("linux/arm/v7"), build("linux/arm/v6"));
}

#[test]
fn results_name_the_index_and_its_images() {
    let t = Context::with_ecr(&[]);
    t.app();
    let files = ["--metadata-file=m", "--iidfile=i", "--dotenv-file=d", "--properties-file=p"];
    let run = t
        .consign(push(&files))
        .env("GITHUB_OUTPUT", t.file("out", ""))
        .env("GITHUB_STEP_SUMMARY", t.file("sum", ""));
    run.succeeds();
    let read =
        |name: &str| crate::support::redacted(&fs_err::read_to_string(t.path(name)).unwrap(), &t.path(""));
    let all = ["m", "i", "d", "p", "out", "sum"].map(|name| format!("--- {name}\n{}\n", read(name))).concat();
    insta::assert_snapshot!(all, @r#"
    --- m
    {
      "containerimage.descriptor": {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": "sha256:[DIGEST]",
        "size": 491
      },
      "containerimage.digest": "sha256:[DIGEST]",
      "image.name": "[HOST]/shop/api:1"
    }

    --- i
    sha256:[DIGEST]
    --- d
    CONSIGN_IMAGE=[HOST]/shop/api@sha256:[DIGEST]
    CONSIGN_DIGEST=sha256:[DIGEST]
    CONSIGN_IMAGE_ID=sha256:[DIGEST]
    CONSIGN_REPOSITORY=[HOST]/shop/api
    CONSIGN_TAGS=[HOST]/shop/api:1
    CONSIGN_DIGEST_LINUX_AMD64=sha256:[DIGEST]
    CONSIGN_DIGEST_LINUX_ARM64=sha256:[DIGEST]

    --- p
    image=[HOST]/shop/api@sha256:[DIGEST]
    digest=sha256:[DIGEST]
    imageid=sha256:[DIGEST]
    repository=[HOST]/shop/api
    tags=[HOST]/shop/api:1
    digest.linux-amd64=sha256:[DIGEST]
    digest.linux-arm64=sha256:[DIGEST]

    --- out
    digest=sha256:[DIGEST]
    imageid=sha256:[DIGEST]
    image=[HOST]/shop/api@sha256:[DIGEST]
    tags=[HOST]/shop/api:1
    metadata={"containerimage.descriptor":{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:[DIGEST]","size":491},"containerimage.digest":"sha256:[DIGEST]","image.name":"[HOST]/shop/api:1"}
    registry=[HOST]
    repository=shop/api
    platform-digests={"linux/amd64":"sha256:[DIGEST]","linux/arm64":"sha256:[DIGEST]"}
    aws-account-id=123456789012

    --- sum
    ### `[HOST]/shop/api`

    | | |
    |---|---|
    | digest | `sha256:[DIGEST]` |
    | tag | `1` |

    | platform | digest |
    |---|---|
    | linux/amd64 | `sha256:[DIGEST]` |
    | linux/arm64 | `sha256:[DIGEST]` |

    1 layer, 0 reused, 188 B sent.

    | layer | size | sent | time | timeline |
    |---|---:|---:|---:|---|
    | context | 188 B | 188 B | [TIME] | `[TIMELINE]` |
    "#);
}

#[test]
fn on_disk() {
    let t = Context::with_ecr(&[]);
    base(&t);
    t.app();
    let build =
        ["build", "app", "--base=oci-layout://base", "--platform=linux/amd64,linux/arm/v7", "-t", "a/b:1"];
    let written = t.consign(build.iter().chain(&["-o", "type=oci,dest=out"])).succeeds();
    assert_eq!(t.consign(build).succeeds(), written, "the digest without any output is the same");
    insta::assert_snapshot!(t.consign(["inspect", "out"]).output(), @r"
    exit: 0
    ----- stdout -----
    digest     sha256:[DIGEST]
    type       application/vnd.oci.image.index.v1+json
    manifest   linux/amd64    sha256:[DIGEST]
    manifest   linux/arm/v7   sha256:[DIGEST]
    ----- stderr -----
    ");
    assert_eq!(t.consign(["validate", "out"]).succeeds(), "valid: 2 images, 6 layers");
    insta::assert_snapshot!(t.consign(build.iter().chain(&["-o", "type=docker,dest=x.tar"])).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --output: `x.tar` can't hold images for 2 platforms: `docker load` takes one
    hint: write `type=oci`, which holds all of them, or build for one platform at a time
    ");
}

#[test]
fn annotations_go_where_they_are_meant() {
    let t = Context::with_ecr(&[]);
    t.app();
    let keys =
        ["--annotation=a=1", "--annotation=index:b=2", "--annotation=manifest-descriptor[linux/arm64]:c=3"];
    t.consign(push(&keys)).succeeds();
    let json: Value =
        serde_json::from_str(&t.consign(["inspect", "shop/api:1", "--format=json"]).succeeds()).unwrap();
    let index = &json["manifest"];
    assert_eq!(index["annotations"], json!({ "b": "2" }));
    assert_eq!(index["manifests"][0].get("annotations"), None);
    assert_eq!(index["manifests"][1]["annotations"], json!({ "c": "3" }));
    let child = format!("shop/api@{}", index["manifests"][0]["digest"].as_str().unwrap());
    let json: Value =
        serde_json::from_str(&t.consign(["inspect", &child, "--format=json"]).succeeds()).unwrap();
    assert_eq!(json["manifest"]["annotations"], json!({ "a": "1" }));
    let single = ["build", "app", "--platform=linux/amd64", "--annotation=index:b=2"];
    insta::assert_snapshot!(t.consign(single).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the annotation `b` is for an index, and an image for one platform has none
    hint: write `manifest:` in front of it, or nothing
    ");
}

#[test]
fn a_base_that_lacks_one_of_them() {
    let t = Context::with_ecr(&[]);
    base(&t);
    t.file(
        "app/consign.yaml",
        "apiVersion: consign/v1\nbase: oci-layout://base\nplatforms: [linux/amd64, linux/s390x]\n",
    );
    insta::assert_snapshot!(t.consign(["build", "app", "-t", "shop/api:1", "--push"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: `oci-layout://base` has no image for linux/s390x: it has linux/amd64, linux/arm64/v8, linux/arm/v7
    hint: choose one of those, such as `--platform linux/amd64`, or another image
    ");
}
