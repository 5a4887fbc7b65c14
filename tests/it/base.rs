//! `--base` and `base:` of a consign.yaml: images on images.

use crate::bases::{Layout, Style};
use crate::plain_registry::{Mood, PlainRegistry};
use crate::support::{Context, digest};
use consign::emulator::Settings;
use serde_json::{Value, json};

/// The config that bases have.
fn settings() -> Value {
    json!({
        "Env": ["PATH=/usr/bin", "LANG=C"],
        "Entrypoint": ["/entry"],
        "Cmd": ["serve"],
        "Labels": { "base": "yes" },
        "User": "app",
        "Healthcheck": { "Test": ["NONE"] },
        "OnBuild": ["RUN x"],
    })
}

/// A layout `base` with two layers for linux/amd64.
fn layout(t: &Context, style: Style) -> Layout {
    let layout = Layout::new(&t.path("base"));
    let layers: [&[(&str, &str)]; 2] =
        [&[("usr/bin/node", "#!")], &[("etc/passwd", "app:x:7:8::/:/bin/sh\n")]];
    let image = layout.image("linux/amd64", style, &layers, &settings());
    layout.finish(&image);
    layout
}

/// Puts the image of the layout `base` into the emulator as `lib/node:22` and gives the name by which it is known there.
fn in_ecr(t: &Context, style: Style) -> String {
    layout(t, style);
    let printed = t.consign(["push", "base", "lib/node:22", "--create-repository"]).succeeds();
    printed.split('@').next().unwrap().to_owned() + ":22"
}

const BUILD: [&str; 7] =
    ["build", "app", "--tag", "shop/api:1", "--create-repository", "--push", "--platform=linux/amd64"];

fn on<'a>(base: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&BUILD[..], &["--base", base], more].concat()
}

#[test]
fn layers_of_a_base_in_another_repository_are_streamed_or_mounted() {
    for mounting in [false, true] {
        let t = Context::with_settings(Settings { blob_mounting: mounting, ..Settings::default() });
        let base = in_ecr(&t, Style::Gzip);
        t.app();
        let before = t.ecr().requests().len();
        let ended = t.consign(on(&base, &["--explain"])).output();
        let reads = t.ecr().requests()[before..].iter().filter(|r| r.operation.contains("Download")).count();
        if mounting {
            // Its config, and nothing of its layers.
            assert_eq!(reads, 1);
            insta::assert_snapshot!(ended.in_order(), @r"
            exit: 0
            ----- stdout -----
            [HOST]/shop/api@sha256:[DIGEST]
            ----- stderr -----
            reading app
            context: 4 entries, 41 B
            authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
            created the repository shop/api
            layer context: sent, 188 B sha256:[SHORT]
            layer node:22 1/2: is in the registry already, 80 B sha256:[SHORT]
            layer node:22 2/2: is in the registry already, 99 B sha256:[SHORT]
            [HOST]/shop/api:1 is now sha256:[DIGEST]
            [HOST]/shop/api@sha256:[DIGEST]: 3 layers, 367 B, of which 188 B sent
              of [HOST]/lib/node:22, which is built on:
                node:22 1/2                             80 B  mounted from [HOST]/lib/node: no byte was sent
                node:22 2/2                             99 B  mounted from [HOST]/lib/node: no byte was sent
              the application: what is not recognised as a dependency:
                context           4 paths     41 B →   188 B  sent: the repository did not have it
            ");
        } else {
            insta::assert_snapshot!(ended.in_order(), @r"
            exit: 0
            ----- stdout -----
            [HOST]/shop/api@sha256:[DIGEST]
            ----- stderr -----
            reading app
            context: 4 entries, 41 B
            authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
            created the repository shop/api
            layer context: sent, 188 B sha256:[SHORT]
            layer node:22 1/2: sent, 80 B sha256:[SHORT]
            layer node:22 2/2: sent, 99 B sha256:[SHORT]
            [HOST]/shop/api:1 is now sha256:[DIGEST]
            [HOST]/shop/api@sha256:[DIGEST]: 3 layers, 367 B, of which 367 B sent
              of [HOST]/lib/node:22, which is built on:
                node:22 1/2                             80 B  streamed from [HOST]/lib/node: the repository did not have it
                node:22 2/2                             99 B  streamed from [HOST]/lib/node: the repository did not have it
              the application: what is not recognised as a dependency:
                context           4 paths     41 B →   188 B  sent: the repository did not have it
            ");
        }
        let image = digest(ended.stdout.trim_end());
        let valid = t.consign(["validate", &format!("shop/api@{image}")]).succeeds();
        assert_eq!(valid, "valid: 1 image, 3 layers");

        // What is there is left where it is, and nothing else is asked than for an image from scratch.
        let before = t.ecr().requests().len();
        let again = t.consign(on(&base, &["--explain"])).output();
        assert_eq!(digest(again.stdout.trim_end()), image);
        let asked: Vec<_> =
            t.ecr().requests()[before..].iter().map(|request| request.operation.clone()).collect();
        assert!(!asked.iter().any(|operation| operation.contains("Upload")), "{asked:?}");
        if mounting {
            insta::assert_snapshot!(again.in_order(), @r"
            exit: 0
            ----- stdout -----
            [HOST]/shop/api@sha256:[DIGEST]
            ----- stderr -----
            reading app
            context: 4 entries, 41 B
            authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
            layer context: is in the registry already, 188 B sha256:[SHORT]
            layer node:22 1/2: is in the registry already, 80 B sha256:[SHORT]
            layer node:22 2/2: is in the registry already, 99 B sha256:[SHORT]
            [HOST]/shop/api:1 already is sha256:[DIGEST]
            [HOST]/shop/api@sha256:[DIGEST]: 3 layers, 367 B, of which 0 B sent
              of [HOST]/lib/node:22, which is built on:
                node:22 1/2                             80 B  left where it is: the repository has it
                node:22 2/2                             99 B  left where it is: the repository has it
              the application: what is not recognised as a dependency:
                context           4 paths     41 B →   188 B  reused after hashing: an earlier image has this content
            ");
            insta::assert_snapshot!(asked.join("\n"), @r"
            GET /oidc/token
            AssumeRoleWithWebIdentity
            BatchGetImage
            GetDownloadUrlForLayer
            GET /layer/…
            DescribeRepositories
            BatchGetImage
            GetDownloadUrlForLayer
            GET /layer/…
            ");
        }
    }
}

#[test]
fn its_config_is_inherited_and_its_history_kept() {
    let t = Context::with_ecr(&[]);
    let base = in_ecr(&t, Style::Docker);
    t.app();
    t.file(
        "app/consign.yaml",
        format!(
            "apiVersion: consign/v1\nbase: {base}\nconfig:\n  cmd: [x]\n  env: {{ LANG: de, MORE: \"1\" }}\n  labels: {{ own: \"1\" }}\n"
        ),
    );
    let out = ["build", "app", "-o", "type=oci,dest=out", "--platform=linux/amd64"];
    let image = digest(&t.consign(out).succeeds());
    let json = t.consign(["inspect", "out", "--format", "json"]).succeeds();
    let json: Value = serde_json::from_str(&json).unwrap();
    insta::assert_snapshot!(format!("{:#}", json["config"]["config"]), @r#"
    {
      "User": "app",
      "Env": [
        "PATH=/usr/bin",
        "LANG=de",
        "MORE=1"
      ],
      "Entrypoint": [
        "/entry"
      ],
      "Cmd": [
        "x"
      ],
      "Labels": {
        "base": "yes",
        "own": "1"
      },
      "Healthcheck": {
        "Test": [
          "NONE"
        ]
      }
    }
    "#);
    insta::assert_snapshot!(format!("{:#}", json["config"]["history"]), @r#"
    [
      {
        "created": "2020-01-02T03:04:05Z",
        "created_by": "base"
      },
      {
        "created": "2020-01-02T03:04:05Z",
        "created_by": "base"
      },
      {
        "created": "1970-01-01T00:00:00Z",
        "created_by": "consign COPY . /app",
        "comment": "gzip-5/1"
      }
    ]
    "#);
    // Docker's types become OCI's, and the blobs stay.
    let kinds: Vec<_> = json["manifest"]["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["mediaType"].clone())
        .collect();
    assert_eq!(kinds, ["application/vnd.oci.image.layer.v1.tar+gzip"; 3]);
    let manifest: Value = {
        let layout = t.path("base");
        let index: Value = serde_json::from_slice(&fs_err::read(layout.join("index.json")).unwrap()).unwrap();
        let digest = index["manifests"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:");
        serde_json::from_slice(&fs_err::read(layout.join("blobs/sha256").join(digest)).unwrap()).unwrap()
    };
    for layer in 0..2 {
        assert_eq!(json["manifest"]["layers"][layer]["digest"], manifest["layers"][layer]["digest"]);
    }
    assert_eq!(t.consign(["validate", "out"]).succeeds(), "valid: 1 image, 3 layers");
    // The same in an archive, pushed, and printed alone.
    assert_eq!(
        digest(
            &t.consign(["build", "app", "-o", "type=docker,dest=x.tar", "--platform=linux/amd64"]).succeeds()
        ),
        image
    );
    assert_eq!(t.consign(["validate", "x.tar"]).succeeds(), "valid: 1 image, 3 layers");
    assert_eq!(digest(&t.consign(BUILD).succeeds()), image);
}

/// `PATH UID` of each entry of the topmost layer of the layout `out`.
fn topmost(t: &Context) -> Vec<String> {
    let json: Value =
        serde_json::from_str(&t.consign(["inspect", "out", "--format=json"]).succeeds()).unwrap();
    let layer = json["manifest"]["layers"].as_array().unwrap().last().unwrap();
    let digest = layer["digest"].as_str().unwrap().trim_start_matches("sha256:");
    let blob = fs_err::File::open(t.path("out/blobs/sha256").join(digest)).unwrap();
    let mut tar = tar::Archive::new(flate2::read::MultiGzDecoder::new(blob));
    let entries = tar.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        format!("{} {}", entry.path().unwrap().display(), entry.header().uid().unwrap())
    });
    entries.collect()
}

#[test]
fn a_destination_is_where_it_leads_in_the_base() {
    let t = Context::with_ecr(&[]);
    let layout = Layout::new(&t.path("base"));
    let layers: [&[(&str, &str)]; 1] =
        [&[("usr/", ""), ("usr/lib/", ""), ("lib", "-> usr/lib"), ("lib/x", "y")]];
    let image = layout.image("linux/amd64", Style::Gzip, &layers, &json!({}));
    layout.finish(&image);
    t.app();
    let build = |to| {
        let from = ["build", "app", "--base=oci-layout://base", "--platform=linux/amd64", "--dest", to];
        t.consign(from.iter().chain(&["-o", "type=oci,dest=out"])).output()
    };
    let ended = build("/lib/app");
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.contains("reading the layer "), "{ended}");
    let expected = [
        "usr/ 7",
        "usr/lib/ 7",
        "usr/lib/app/ 0",
        "usr/lib/app/lib/ 0",
        "usr/lib/app/lib/util.js 0",
        "usr/lib/app/server.js 0",
    ];
    assert_eq!(topmost(&t), expected);
    // Elsewhere the base is not read.
    let ended = build("/app");
    assert!(!ended.stderr.contains("reading the layer "), "{ended}");
    assert_eq!(topmost(&t)[0], "app/ 0");
}

#[test]
fn every_kind_of_layer_stays_as_it_is() {
    for style in [Style::Gzip, Style::Zstd, Style::Plain, Style::Docker] {
        let t = Context::with_ecr(&[]);
        layout(&t, style);
        t.app();
        let pushed = t.consign(on("oci-layout://base", &[])).succeeds();
        let image = digest(&pushed);
        let text = t.consign(["validate", &format!("shop/api@{image}")]).succeeds();
        assert_eq!(text, "valid: 1 image, 3 layers", "{style:?}");
    }
}

#[test]
fn without_a_push_no_layer_of_the_base_is_read() {
    let t = Context::with_ecr(&[]);
    let base = in_ecr(&t, Style::Gzip);
    t.app();
    let before = t.ecr().requests().len();
    let build = ["build", "app", "--base", &base, "--platform", "linux/amd64"];
    insta::assert_snapshot!(t.consign(build).output(), @r"
    exit: 0
    ----- stdout -----
    sha256:[DIGEST]
    ----- stderr -----
    reading app
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    context: 4 entries, 41 B
    ");
    let asked: Vec<_> = t.ecr().requests()[before..].iter().map(|r| r.operation.clone()).collect();
    insta::assert_snapshot!(asked.join("\n"), @r"
    GET /oidc/token
    AssumeRoleWithWebIdentity
    BatchGetImage
    GetDownloadUrlForLayer
    GET /layer/…
    ");
}

#[test]
fn from_registry_to_registry_without_a_file() {
    let plain = PlainRegistry::start(Mood::Good, None);
    let t = Context::with_ecr(&[]);
    layout(&t, Style::Gzip);
    let name = format!("{}/library/node:22", plain.host);
    t.consign(["push", "base", &name]).succeeds();
    t.app();
    let ended = t.consign(on(&name, &["--explain"])).output();
    insta::assert_snapshot!(ended.in_order(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    layer context: sent, 188 B sha256:[SHORT]
    layer node:22 1/2: sent, 80 B sha256:[SHORT]
    layer node:22 2/2: sent, 99 B sha256:[SHORT]
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    [HOST]/shop/api@sha256:[DIGEST]: 3 layers, 367 B, of which 367 B sent
      of [HOST]/library/node:22, which is built on:
        node:22 1/2                             80 B  streamed from [HOST]/library/node: the repository did not have it
        node:22 2/2                             99 B  streamed from [HOST]/library/node: the repository did not have it
      the application: what is not recognised as a dependency:
        context           4 paths     41 B →   188 B  sent: the repository did not have it
    ");
    let image = digest(ended.stdout.trim_end());
    assert_eq!(t.consign(["validate", &format!("shop/api@{image}")]).succeeds(), "valid: 1 image, 3 layers");
}

#[test]
fn a_base_for_another_platform() {
    let t = Context::with_ecr(&[]);
    let layout = Layout::new(&t.path("base"));
    let layers: [&[(&str, &str)]; 1] = [&[("a", "b")]];
    let arm = layout.image("linux/arm64", Style::Gzip, &layers, &json!({}));
    let old = layout.image("linux/arm/v6", Style::Gzip, &layers, &json!({}));
    let mut attestation = arm.clone();
    attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    layout.finish(&layout.index(&[arm.clone(), old, attestation]));
    t.app();
    let build = |platform| t.consign(["build", "app", "--base", "oci-layout://base", "--platform", platform]);
    insta::assert_snapshot!(build("linux/amd64").output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: `oci-layout://base` has no image for linux/amd64: it has linux/arm64, linux/arm/v6
    hint: choose one of those, such as `--platform linux/arm64`, or another image
    ");
    // An older variant serves a newer one, and the image is what was asked for.
    let out = ["-o", "type=oci,dest=out"];
    t.consign(["build", "app", "--base=oci-layout://base", "--platform=linux/arm/v7"].iter().chain(&out))
        .succeeds();
    assert!(t.consign(["inspect", "out"]).succeeds().contains("platform   linux/arm/v7"));

    // A single image for another platform than is asked for.
    layout.finish(&arm);
    insta::assert_snapshot!(build("linux/s390x").output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: `oci-layout://base` is an image for linux/arm64, and linux/s390x is asked for
    hint: build for it with `--platform linux/arm64`, or choose an image that has the platform
    ");
    assert_eq!(build("linux/arm64").output().code, Some(0));
}

#[test]
fn bases_that_are_not_what_they_say() {
    let t = Context::with_ecr(&[]);
    t.app();
    let build = |name: &str| t.consign(["build", "app", "--base", name, "--platform=linux/amd64"]).output();
    let outputs = || {
        let to = ["-o", "type=oci,dest=out"];
        t.consign(["build", "app", "--base=oci-layout://base", "--platform=linux/amd64"].iter().chain(&to))
            .output()
    };
    let fresh = || {
        fs_err::remove_dir_all(t.path("base")).ok();
        let layout = Layout::new(&t.path("base"));
        let image = layout.image("linux/amd64", Style::Gzip, &[&[("a", "b")]], &json!({}));
        layout.finish(&image);
        let manifest = fs_err::read(layout.blob(image["digest"].as_str().unwrap())).unwrap();
        (layout, image, serde_json::from_slice::<Value>(&manifest).unwrap())
    };
    let (layout, image, manifest) = fresh();
    // A layer that is not what its digest says is noticed when it is passed on.
    let layer = layout.blob(manifest["layers"][0]["digest"].as_str().unwrap());
    let mut bytes = fs_err::read(&layer).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs_err::write(&layer, bytes).unwrap();
    insta::assert_snapshot!(outputs(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: reading the layer sha256:[DIGEST] of `oci-layout://base`: the content of sha256:[DIGEST] has the digest sha256:[DIGEST]
    hint: the image is damaged where it lies, or a proxy alters what passes: have it pushed again, or choose another one
    ");
    let refused = t.consign(on("oci-layout://base", &[])).output();
    insta::assert_snapshot!(refused, @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    error: reading the layer sha256:[DIGEST] of `oci-layout://base`: the content of sha256:[DIGEST] has the digest sha256:[DIGEST]
    hint: the image is damaged where it lies, or a proxy alters what passes: have it pushed again, or choose another one
    ");
    assert!(t.ecr().registry()["shop/api"].images.is_empty());
    fs_err::remove_file(&layer).unwrap();
    insta::assert_snapshot!(outputs(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: reading the layer sha256:[DIGEST] of `oci-layout://base`: it is not there
    hint: the image is damaged where it lies, or a proxy alters what passes: have it pushed again, or choose another one
    ");
    assert!(!t.path("out").exists());

    // A config that does not fit.
    let mut wrong = manifest.clone();
    wrong["layers"] = json!([wrong["layers"][0], wrong["layers"][0]]);
    layout.finish(&layout.put(wrong.to_string().as_bytes(), Style::Gzip.manifest()));
    insta::assert_snapshot!(build("oci-layout://base"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: the image `oci-layout://base` can't be used: its manifest has 2 layers, and its config 1
    hint: the image is damaged where it lies: have it pushed again, or choose another one
    ");

    // A config that was altered.
    let (layout, ..) = fresh();
    let config = layout.blob(manifest["config"]["digest"].as_str().unwrap());
    let text = fs_err::read_to_string(&config).unwrap().replace("amd64", "arm64");
    fs_err::write(&config, text).unwrap();
    insta::assert_snapshot!(build("oci-layout://base"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: the image `oci-layout://base` can't be used: reading its config sha256:[DIGEST]: the content of sha256:[DIGEST] has the digest sha256:[DIGEST]
    hint: the image is damaged where it lies: have it pushed again, or choose another one
    ");

    // A layer that may not be passed on.
    let (layout, ..) = fresh();
    let mut foreign = manifest.clone();
    foreign["layers"][0]["mediaType"] = json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
    layout.finish(&layout.put(foreign.to_string().as_bytes(), Style::Gzip.manifest()));
    insta::assert_snapshot!(build("oci-layout://base"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: the image `oci-layout://base` can't be used: its layer sha256:[DIGEST] is application/vnd.docker.image.rootfs.foreign.diff.tar.gzip: such layers lie elsewhere than in the registry and can't be passed on
    hint: choose an image without such layers
    ");

    // Another digest than that of the name, and a place where there is nothing.
    let other = format!("oci-layout://base@sha256:{}", "0".repeat(64));
    insta::assert_snapshot!(build(&other), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: the image `base` has no manifest sha256:[DIGEST]
    hint: it is written oci-layout://PATH, oci-layout://PATH:TAG or oci-layout://PATH@sha256:…
    ");
    insta::assert_snapshot!(build("oci-layout://nowhere:1"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: reading the image `nowhere`
      because: failed to query resolved metadata `nowhere`: No such file or directory (os error 2)
    hint: it is written oci-layout://PATH, oci-layout://PATH:TAG or oci-layout://PATH@sha256:…
    ");
    insta::assert_snapshot!(build("Node:22"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: `Node:22` is not a valid reference: character 1 is 'N'; a repository name is made of a-z and 0-9, with single `.`, `_`, `__`, `-` or `/` between them
    hint: images to build on are named as Docker does it: NAME:TAG, HOST/NAME:TAG, NAME@sha256:…
    ");
    drop(image);
}
