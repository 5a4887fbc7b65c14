//! `consign deploy lambda`: what Lambda would refuse is found before.

use crate::iam::{ROLE, with_permissions};
use crate::plain_registry::{Mood, PlainRegistry};
use crate::support::{Context, digest};
use serde_json::{Value, json};

/// Pushes `app`, and gives `REPOSITORY@DIGEST`.
fn push(t: &Context, arguments: &[&str]) -> String {
    let fixed = ["build", "app", "--tag", "shop/api:1", "--create-repository", "--push", "--quiet"];
    t.consign(fixed.iter().chain(arguments)).succeeds()
}

fn lambda(image: &str) -> Vec<&str> {
    vec!["deploy", "lambda", "--image", image]
}

#[test]
fn an_image_that_lambda_takes() {
    let t = Context::with_ecr(&[]);
    t.app();
    let image = push(&t, &["--platform", "linux/arm64", "--cmd", "app", "--metadata-file", "image.json"]);
    let before = t.ecr().requests().len();
    let ended = t.consign(["deploy", "lambda", "--metadata-file", "image.json"]).output();
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api@sha256:[DIGEST] is for linux/arm64, 188 B compressed
    ");
    assert_eq!(ended.stdout.trim_end(), image);
    let operations: Vec<_> = t.ecr().requests()[before..].iter().map(|one| one.operation.clone()).collect();
    assert!(operations.contains(&"BatchGetImage".to_owned()), "{operations:?}");
    assert!(!operations.iter().any(|one| one.contains("Put") || one.contains("Upload")), "{operations:?}");
    // The name that consign has for it does too, and over /v2/.
    let short = format!("shop/api@{}", digest(&image));
    for more in
        [&["--architecture", "arm64"][..], &["--transport", "oci"], &["--function-region", "us-east-1"]]
    {
        assert_eq!(t.consign(lambda(&short).iter().chain(more)).succeeds(), image);
    }
    let arguments = ["--architecture", "arm64", "--format", "json"];
    insta::assert_snapshot!(t.consign(lambda(&image).iter().chain(&arguments)).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "imageUri": "[HOST]/shop/api@sha256:[DIGEST]",
      "digest": "sha256:[DIGEST]",
      "platform": {
        "architecture": "arm64",
        "os": "linux"
      },
      "architecture": "arm64",
      "functionRegion": "us-east-1",
      "compressedSize": 188,
      "ok": true,
      "findings": []
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    [HOST]/shop/api@sha256:[DIGEST] is for linux/arm64, 188 B compressed
    "#);
}

#[test]
fn an_index_is_refused_and_its_image_is_taken() {
    let t = Context::with_ecr(&[]);
    t.app();
    let index = push(&t, &["--platform", "linux/amd64,linux/arm64", "--cmd", "app"]);
    insta::assert_snapshot!(t.consign(lambda(&index)).output(), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: Lambda would not take [HOST]/shop/api@sha256:[DIGEST]: 1 problem
      index: it is an index, which lists images: Lambda takes the manifest of one image
        say what the function runs on, such as `--architecture x86_64`, or name one of its images:
          [HOST]/shop/api@sha256:[DIGEST] is for linux/amd64
          [HOST]/shop/api@sha256:[DIGEST] is for linux/arm64
    ");
    let chosen = |name: &str| t.consign(lambda(&index).iter().chain(&["--architecture", name])).succeeds();
    let (arm, x86) = (chosen("arm64"), chosen("x86_64"));
    assert!(arm != x86 && arm != index && x86 != index, "{arm} {x86} {index}");
    // They are the ones that the hint has named, and stand for themselves.
    let said = t.consign(lambda(&index)).fails(6);
    assert!(
        said.contains(&format!("{arm} is for linux/arm64"))
            && said.contains(&format!("{x86} is for linux/amd64"))
    );
    assert_eq!(t.consign(lambda(&arm)).succeeds(), arm);
    insta::assert_snapshot!(t.consign(lambda(&index).iter().chain(&["--format", "json"])).output(), @r#"
    exit: 6
    ----- stdout -----
    {
      "imageUri": null,
      "digest": "sha256:[DIGEST]",
      "platform": null,
      "architecture": null,
      "functionRegion": "us-east-1",
      "compressedSize": null,
      "ok": false,
      "findings": [
        {
          "rule": "index",
          "level": "error",
          "message": "it is an index, which lists images: Lambda takes the manifest of one image",
          "hint": "say what the function runs on, such as `--architecture x86_64`, or name one of its images:\n  [HOST]/shop/api@sha256:[DIGEST] is for linux/amd64\n  [HOST]/shop/api@sha256:[DIGEST] is for linux/arm64"
        }
      ]
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: Lambda would not take [HOST]/shop/api@sha256:[DIGEST]: 1 problem
      index: it is an index, which lists images: Lambda takes the manifest of one image
        say what the function runs on, such as `--architecture x86_64`, or name one of its images:
          [HOST]/shop/api@sha256:[DIGEST] is for linux/amd64
          [HOST]/shop/api@sha256:[DIGEST] is for linux/arm64
    "#);
    // One that lacks the processor.
    let index = push(&t, &["--platform", "linux/s390x,linux/arm64", "--cmd", "app"]);
    insta::assert_snapshot!(t.consign(lambda(&index).iter().chain(&["--architecture", "x86_64"])).output(), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: Lambda would not take [HOST]/shop/api@sha256:[DIGEST]: 1 problem
      architecture: the index has no image for linux/amd64: it has linux/arm64, linux/s390x
        build it with `--platform linux/amd64` too
    ");
}

#[test]
fn everything_that_is_wrong_is_listed() {
    let t = Context::with_ecr(&[]);
    t.app();
    let image = push(&t, &["--platform", "linux/s390x", "--compression", "zstd"]);
    insta::assert_snapshot!(t.consign(lambda(&image).iter().chain(&["--function-region", "eu-west-1"])).output(), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    warning: [HOST]/shop/api@sha256:[DIGEST]: it has neither an entrypoint nor a command; set one with `--entrypoint` or `--cmd`, or in the function's image configuration
    error: Lambda would not take [HOST]/shop/api@sha256:[DIGEST]: 3 problems
      region: the image is in us-east-1 and the function in eu-west-1: Lambda takes images of its region alone
        bring it there with `consign copy`, let ECR replicate it, or say where the function is: `--function-region us-east-1`
      layer-type: 1 layer of the type application/vnd.oci.image.layer.v1.tar+zstd, and Lambda takes gzip:
          sha256:[DIGEST]
        build it with `--compression gzip`, on a base whose layers are gzip too
      architecture: it is for linux/s390x: Lambda has x86_64 and arm64
        build it with `--platform linux/amd64` or `--platform linux/arm64`
    ");
    insta::assert_snapshot!(
        t.consign(lambda(&image).iter().chain(&["--function-region", "eu-west-1", "--format", "json"])).output(), @r#"
    exit: 6
    ----- stdout -----
    {
      "imageUri": null,
      "digest": "sha256:[DIGEST]",
      "platform": {
        "architecture": "s390x",
        "os": "linux"
      },
      "architecture": null,
      "functionRegion": "eu-west-1",
      "compressedSize": 184,
      "ok": false,
      "findings": [
        {
          "rule": "region",
          "level": "error",
          "message": "the image is in us-east-1 and the function in eu-west-1: Lambda takes images of its region alone",
          "hint": "bring it there with `consign copy`, let ECR replicate it, or say where the function is: `--function-region us-east-1`"
        },
        {
          "rule": "layer-type",
          "level": "error",
          "message": "1 layer of the type application/vnd.oci.image.layer.v1.tar+zstd, and Lambda takes gzip:\n  sha256:[DIGEST]",
          "hint": "build it with `--compression gzip`, on a base whose layers are gzip too"
        },
        {
          "rule": "architecture",
          "level": "error",
          "message": "it is for linux/s390x: Lambda has x86_64 and arm64",
          "hint": "build it with `--platform linux/amd64` or `--platform linux/arm64`"
        },
        {
          "rule": "entrypoint",
          "level": "warning",
          "message": "it has neither an entrypoint nor a command",
          "hint": "set one with `--entrypoint` or `--cmd`, or in the function's image configuration"
        }
      ]
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    warning: [HOST]/shop/api@sha256:[DIGEST]: it has neither an entrypoint nor a command; set one with `--entrypoint` or `--cmd`, or in the function's image configuration
    error: Lambda would not take [HOST]/shop/api@sha256:[DIGEST]: 3 problems
      region: the image is in us-east-1 and the function in eu-west-1: Lambda takes images of its region alone
        bring it there with `consign copy`, let ECR replicate it, or say where the function is: `--function-region us-east-1`
      layer-type: 1 layer of the type application/vnd.oci.image.layer.v1.tar+zstd, and Lambda takes gzip:
          sha256:[DIGEST]
        build it with `--compression gzip`, on a base whose layers are gzip too
      architecture: it is for linux/s390x: Lambda has x86_64 and arm64
        build it with `--platform linux/amd64` or `--platform linux/arm64`
    "#);
    let image = push(&t, &["--platform", "linux/amd64", "--compression", "none", "--cmd", "app"]);
    insta::assert_snapshot!(t.consign(lambda(&image).iter().chain(&["--architecture", "arm64"])).output(), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: Lambda would not take [HOST]/shop/api@sha256:[DIGEST]: 2 problems
      layer-type: 1 layer of the type application/vnd.oci.image.layer.v1.tar, and Lambda takes gzip:
          sha256:[DIGEST]
        build it with `--compression gzip`, on a base whose layers are gzip too
      architecture: it is for linux/amd64 and the function for arm64
        build it with `--platform linux/arm64`, or let the function run on x86_64: `aws lambda update-function-code --architectures x86_64`
    ");
}

#[test]
fn images_of_other_registries() {
    let t = Context::with_ecr(&[]);
    let registry = PlainRegistry::start(Mood::Good, None);
    t.app();
    let to = format!("{}/shop/api:1", registry.host);
    let image = t
        .consign(["build", "app", "-t", &to, "--push", "-q", "--cmd", "app", "--platform", "linux/amd64"])
        .succeeds();
    insta::assert_snapshot!(t.consign(lambda(&image)).output(), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    error: Lambda would not take [HOST]/shop/api@sha256:[DIGEST]: 1 problem
      registry: the image is in [HOST], a registry that is not ECR: Lambda takes images from private registries of ECR alone
        bring it there first: `consign copy SRC REPOSITORY:TAG`, in the region us-east-1
    ");
    // One that can't be read is in the wrong place all the same.
    let nowhere = format!("127.0.0.1:1/shop/api@{}", digest(&image));
    let run = t.consign(lambda(&nowhere).iter().chain(&["--retry-max-attempts", "1"]));
    let said = run.fails(6);
    assert!(said.contains("a registry that is not ECR") && said.contains("could not be read"), "{said}");
}

#[test]
fn artifacts_are_no_images() {
    let t = Context::with_ecr(&[]);
    t.app();
    let image = push(&t, &[]);
    // The config of a chart, in the repository of the image.
    let (digest, size) = config(&t, &image);
    let kind = "application/vnd.cncf.helm.config.v1+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": kind, "digest": digest, "size": size }, "layers": [],
    });
    let chart = put(&t, &manifest);
    insta::assert_snapshot!(t.consign(lambda(&format!("shop/api@{chart}"))).output(), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: Lambda would not take [HOST]/shop/api@sha256:[DIGEST]: 2 problems
      config-type: it is not a container image: it has the type application/vnd.cncf.helm.config.v1+json
        name the image, and not what is about it
      layers: it has no layers, and so no program
        build it from a directory that has files in it
    ");
}

/// Digest and size of the config of an image.
fn config(t: &Context, image: &str) -> (String, u64) {
    let text = t.consign(["inspect", image, "--format", "json"]).succeeds();
    let json: Value = serde_json::from_str(&text).unwrap();
    let config = &json["manifest"]["config"];
    (config["digest"].as_str().unwrap().to_owned(), config["size"].as_u64().unwrap())
}

/// Puts a manifest into `shop/api` by `/v2/`, and gives its digest.
fn put(t: &Context, manifest: &Value) -> String {
    let text = manifest.to_string();
    let digest = consign::base::ManifestDigest::of(text.as_bytes()).to_string();
    let consign = env!("CARGO_BIN_EXE_consign");
    let endpoint = t.ecr().environment().into_iter().find(|(name, _)| *name == "CONSIGN_REGISTRY_ENDPOINT");
    let (_, endpoint) = endpoint.unwrap();
    let host = endpoint.trim_start_matches("http://");
    let login = t.shell(&format!("echo {host} | '{consign}' credential-helper get")).succeeds();
    let login: Value = serde_json::from_str(&login).unwrap();
    let request = reqwest::Client::new()
        .put(format!("{endpoint}/v2/shop/api/manifests/{digest}"))
        .basic_auth("AWS", login["Secret"].as_str())
        .header("content-type", manifest["mediaType"].as_str().unwrap())
        .body(text);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { request.send().await.unwrap().error_for_status().unwrap() });
    digest
}

#[test]
fn wrong_input_and_refusals() {
    let t = Context::with_ecr(&[]);
    t.app();
    let image = push(&t, &["--cmd", "app"]);
    let absent = format!("shop/api@sha256:{}", "0".repeat(64));
    insta::assert_snapshot!(t.consign(lambda(&absent)).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `sha256:[DIGEST]` is not in the repository [HOST]/shop/api
    hint: check the digest, and that the job which pushes the image has ended
    ");
    let nowhere = format!("shop/absent@{}", digest(&image));
    insta::assert_snapshot!(t.consign(lambda(&nowhere)).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop/absent` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/absent`; if it exists, check the region and the account
    ");
    assert!(t.consign(lambda("shop/api:1")).fails(2).contains("has no digest"));
    assert!(t.consign(lambda(&image).iter().chain(&["--architecture", "riscv"])).fails(2).contains("x86_64"));
    assert!(t.consign(["deploy", "lambda"]).fails(2).contains("no image is named"));
    // Several images: that of the region, if it is one.
    let other = format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@{}", digest(&image));
    let two = ["deploy", "lambda", "--image", &image, "--image", &other];
    assert_eq!(t.consign(two).succeeds(), image);
    insta::assert_snapshot!(t.consign(two.iter().chain(&["--function-region", "ap-south-1"])).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: none of the images is in ap-south-1, where the function is:
      [HOST]/shop/api@sha256:[DIGEST]
      123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]
    hint: name the one that is meant: `--image REPOSITORY@sha256:…`
    ");
    let third = format!("shop/other@{}", digest(&image));
    assert!(
        t.consign(two.iter().chain(&["--image", third.as_str()]))
            .fails(2)
            .contains("several images are named")
    );
}

#[test]
fn the_permissions_of_the_page_are_needed_and_enough() {
    let page = include_str!("../../docs/deploy-lambda.md");
    let needed = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
    let attempt = |actions: &[&str]| {
        let t = with_permissions(actions);
        t.app();
        let image = push(&t, &["--cmd", "app"]);
        t.consign(lambda(&image).iter().chain(&["--role-to-assume", ROLE])).output()
    };
    assert_eq!(attempt(&needed).code, Some(0));
    for (position, action) in needed.iter().enumerate() {
        assert!(page.contains(&format!("`{action}`")), "{action}");
        let ended = attempt(&needed[1 - position..2 - position]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{ended}");
        assert!(ended.stderr.contains(&format!("the permission `{action}`")), "{ended}");
    }
}

#[test]
fn throttled() {
    let t = Context::with_ecr(&[]);
    t.app();
    push(&t, &["--cmd", "app"]);
    let asked = t.requests("BatchGetImage").len();
    // The same again, where the first calls after the push are throttled.
    let fault = format!("throttle:BatchGetImage,nth={},times=2", asked + 1);
    let t = Context::with_ecr(&[&fault]);
    t.app();
    let image = push(&t, &["--cmd", "app"]);
    assert_eq!(t.consign(lambda(&image)).succeeds(), image);
    assert_eq!(t.requests("BatchGetImage").len(), asked + 3);
}
