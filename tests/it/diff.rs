//! `consign diff`: what is not the same in two images.

use crate::bases::{Layout, Style, tar};
use crate::support::{Context, digest};
use serde_json::{Value, json};

/// Layouts `old` and `new`: one layer in common, one on top that differs, and other settings.
fn images() -> Context {
    let t = Context::with_ecr(&[]);
    let base: &[(&str, &str)] = &[("etc/passwd", "root:x:0:0::/:/bin/sh\n"), ("etc/old", "old\n")];
    let old: &[(&str, &str)] = &[("app/server.js", "one\n"), ("app/util.js", "util\n")];
    let new: &[(&str, &str)] = &[
        ("app/server.js", "two\n"),
        ("app/util.js", "util\n"),
        ("app/with space.js", "new\n"),
        ("etc/.wh.old", ""),
    ];
    for (name, layer, config) in [
        ("old", old, json!({ "Env": ["PATH=/bin", "MODE=old"], "Cmd": ["a"], "User": "1000" })),
        (
            "new",
            new,
            json!({ "Env": ["PATH=/bin", "MODE=new"], "Cmd": ["a", "b"], "ExposedPorts": { "80/tcp": {} } }),
        ),
    ] {
        let layout = Layout::new(&t.path(name));
        let image = layout.image("linux/amd64", Style::Plain, &[base, layer], &config);
        layout.finish(&image);
    }
    t
}

// Layers are read side by side, so their lines of progress come in any order.
#[test]
fn documents_and_files() {
    let t = images();
    insta::assert_snapshot!(t.consign(["diff", "old", "new"]).output(), @r#"
    exit: 6
    ----- stdout -----
    A  old  sha256:[DIGEST]
    B  new  sha256:[DIGEST]

    settings
      ~ config.Cmd  ["a"] → ["a","b"]
      ~ config.Env.MODE  "old" → "new"
      + config.ExposedPorts.80/tcp  true
      - config.User  "1000"

    layers
      = sha256:[DIGEST]   3.1 kB  base
      - sha256:[DIGEST]   3.1 kB  base
      + sha256:[DIGEST]   4.6 kB  base
    ----- stderr -----
    error: `old` and `new` are not the same
    "#);
    insta::assert_snapshot!(t.consign(["diff", "old", "new", "--files", "--progress", "none"]).output(), @r#"
    exit: 6
    ----- stdout -----
    A  old  sha256:[DIGEST]
    B  new  sha256:[DIGEST]

    settings
      ~ config.Cmd  ["a"] → ["a","b"]
      ~ config.Env.MODE  "old" → "new"
      + config.ExposedPorts.80/tcp  true
      - config.User  "1000"

    layers
      = sha256:[DIGEST]   3.1 kB  base
      - sha256:[DIGEST]   3.1 kB  base
      + sha256:[DIGEST]   4.6 kB  base

    files
      ~ app/server.js  content sha256:[DIGEST] → sha256:[DIGEST]
      + app/with\x20space.js  file, 4 B
      - etc/old  file, 4 B
    ----- stderr -----
    error: `old` and `new` are not the same
    "#);
    insta::assert_snapshot!(t.consign(["diff", "old", "old", "--files"]).output(), @r"
    exit: 0
    ----- stdout -----
    A  old  sha256:[DIGEST]
    B  old  sha256:[DIGEST]
    the same
    ----- stderr -----
    ");
}

#[test]
fn json_has_all_of_it() {
    let t = images();
    let run = t.consign(["diff", "old", "new", "--format", "json"]).env("CONSIGN_FILES", "true").output();
    assert_eq!(run.code, Some(6), "{run}");
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&found["same"], &found["a"]["name"]), (&json!(false), &json!("old")));
    let image = &found["images"][0];
    assert_eq!(image["a"], found["a"]["digest"]);
    let fields: Vec<_> = image["fields"].as_array().unwrap().iter().map(|field| &field["name"]).collect();
    assert_eq!(fields, ["config.Cmd", "config.Env.MODE", "config.ExposedPorts.80/tcp", "config.User"]);
    assert_eq!(image["fields"][1], json!({ "name": "config.Env.MODE", "from": "old", "to": "new" }));
    let lengths = ["shared", "removed", "added"].map(|list| image["layers"][list].as_array().unwrap().len());
    assert_eq!(lengths, [1, 1, 1]);
    let changes: Vec<_> = image["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| format!("{} {}", file["change"].as_str().unwrap(), file["path"].as_str().unwrap()))
        .collect();
    assert_eq!(changes, ["changed app/server.js", r"added app/with\x20space.js", "removed etc/old"]);
    let content = &image["files"][0]["differences"];
    assert_eq!(content.as_array().unwrap().len(), 1);
    let sum = |text: &str| consign::base::BlobDigest::of(text.as_bytes()).to_string();
    assert_eq!(content[0], json!({ "what": "content", "from": sum("one\n"), "to": sum("two\n") }));

    let same = t.consign(["diff", "old", "oci-layout://old", "--format", "json"]).succeeds();
    let same: Value = serde_json::from_str(&same).unwrap();
    assert_eq!((&same["same"], &same["images"]), (&json!(true), &json!([])));
}

/// One side in a registry, the other on disk; and what a registry is asked for.
#[test]
fn registries_and_disks() {
    let t = images();
    let pushed = digest(&t.consign(["push", "old", "shop/api:1", "--create-repository"]).succeeds());
    t.consign(["push", "new", "shop/api:2"]).succeeds();
    assert!(t.consign(["diff", "old", "shop/api:1"]).succeeds().ends_with("the same"));
    let by_digest = format!("shop/api@{pushed}");
    assert!(t.consign(["diff", &by_digest, "shop/api:1", "--files"]).succeeds().ends_with("the same"));
    let downloads = || t.requests("GetDownloadUrlForLayer").len();
    let before = downloads();
    assert_eq!(t.consign(["diff", "shop/api:1", "shop/api:2"]).output().code, Some(6));
    assert_eq!(downloads() - before, 2, "the two configs");
    let before = downloads();
    let run = t.consign(["diff", "shop/api:1", "shop/api:2", "--files"]).output();
    assert!(run.stdout.contains("~ app/server.js  content sha256:"), "{run}");
    assert_eq!(downloads() - before, 5, "the two configs, the layer of both once, and two more\n{run}");
    insta::assert_snapshot!(t.consign(["diff", "old", "shop/api:3"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `shop/api:3`: there is no image `3` in the repository `shop/api`
    hint: without a host, a name means the private ECR registry of the account and region in use; check the name, and that the image was pushed there
    ");
}

#[test]
fn platforms_of_indexes() {
    let t = Context::new();
    let layers = |text: &'static str| [("x", text)];
    let index = |name: &str, images: &[(&str, &'static str)]| {
        let layout = Layout::new(&t.path(name));
        let members: Vec<_> = images
            .iter()
            .map(|(platform, text)| layout.image(platform, Style::Gzip, &[&layers(text)], &json!({})))
            .collect();
        let root = if members.len() == 1 { members[0].clone() } else { layout.index(&members) };
        layout.finish(&root);
    };
    index("a", &[("linux/amd64", "1"), ("linux/arm64", "1"), ("linux/s390x", "1")]);
    index("b", &[("linux/amd64", "1"), ("linux/arm64", "2"), ("linux/arm/v7", "1")]);
    index("order", &[("linux/arm64", "1"), ("linux/amd64", "1"), ("linux/s390x", "1")]);
    index("one", &[("linux/arm64", "1")]);
    insta::assert_snapshot!(t.consign(["diff", "a", "b", "--files"]).output(), @r"
    exit: 6
    ----- stdout -----
    A  a  sha256:[DIGEST]
    B  b  sha256:[DIGEST]
    - linux/s390x
    + linux/arm/v7

    platform linux/arm64

    layers
      - sha256:[DIGEST]     68 B  base
      + sha256:[DIGEST]     68 B  base

    files
      ~ x  content sha256:[DIGEST] → sha256:[DIGEST]
    ----- stderr -----
    reading the layer 80e76fa8805a of a (68 B)
    reading the layer 317c126bd3dd of b (68 B)
    error: `a` and `b` are not the same
    ");
    insta::assert_snapshot!(t.consign(["diff", "a", "order"]).output(), @r"
    exit: 6
    ----- stdout -----
    A  a  sha256:[DIGEST]
    B  order  sha256:[DIGEST]
    the images for all platforms are the same, the indexes are not
    ----- stderr -----
    error: `a` and `order` are not the same
    ");
    // For one platform they can be the same.
    insta::assert_snapshot!(t.consign(["diff", "a", "b", "--platform", "linux/amd64"]).output(), @r"
    exit: 0
    ----- stdout -----
    A  a  sha256:[DIGEST]
    B  b  sha256:[DIGEST]
    the same
    ----- stderr -----
    ");
    insta::assert_snapshot!(t.consign(["diff", "a", "b", "--platform", "linux/s390x"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `b` has no image for linux/s390x: it has linux/amd64, linux/arm64, linux/arm/v7
    hint: choose one of those, such as `--platform linux/amd64`, or another image
    ");
    let one = t.consign(["diff", "a", "one"]).output();
    assert!(one.code == Some(6) && one.stdout.contains("the images for all platforms are the same"), "{one}");
    assert_eq!(t.consign(["diff", "a", "one", "--platform", "linux/arm64"]).output().code, Some(0));
}

#[test]
fn times_and_compression_alone() {
    let t = Context::new();
    let stamped = |time: u64| {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o644);
        header.set_mtime(time);
        archive.append_data(&mut header, "x", &b"x"[..]).unwrap();
        archive.into_inner().unwrap()
    };
    for (name, style, tar) in [
        ("plain", Style::Plain, stamped(1)),
        ("zstd", Style::Zstd, stamped(1)),
        ("later", Style::Plain, stamped(2)),
    ] {
        let layout = Layout::new(&t.path(name));
        let image = layout.image_of("linux/amd64", style, &[tar], &json!({}));
        layout.finish(&image);
    }
    let files = |b: &str, option: &str| {
        let run = t.consign(["diff", "plain", b, "--files", option]).output();
        assert_eq!(run.code, Some(6), "{run}");
        run.stdout.split_once("\nfiles\n").unwrap().1.to_owned()
    };
    assert_eq!(files("later", "--quiet"), "  no differences\n");
    assert_eq!(files("later", "--times"), "  ~ x  time 1 → 2\n");
    assert_eq!(files("zstd", "--times"), "  no differences\n");
    let zstd = t.consign(["diff", "plain", "zstd"]).output();
    assert_eq!(zstd.stdout.matches("(the same files, compressed in another way)").count(), 2, "{zstd}");
}

#[test]
fn what_is_no_image() {
    let t = images();
    t.file("text", "no image");
    insta::assert_snapshot!(t.consign(["diff", "old", "text"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: reading the image `text`
      because: failed to read entire block
    hint: it is written oci-layout://PATH, oci-layout://PATH:TAG or oci-layout://PATH@sha256:…
    ");
    // A layer that is damaged is only noticed by who reads it.
    let layer = tar(&[("app/server.js", "one\n"), ("app/util.js", "util\n")]);
    let damaged = Layout { path: t.path("old") }.blob(&consign::base::BlobDigest::of(&layer).to_string());
    fs_err::write(&damaged, vec![0; layer.len()]).unwrap();
    assert_eq!(t.consign(["diff", "old", "new"]).output().code, Some(6));
    insta::assert_snapshot!(t.consign(["diff", "old", "new", "--files", "--progress", "none"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: reading the layer sha256:[DIGEST] of `old`: the content of sha256:[DIGEST] has the digest sha256:[DIGEST]
    hint: the image is damaged: push it again, or build on another one
    ");
}
