//! `consign build --push`: the main job.

use crate::support::{Context, digest};

const PUSH: [&str; 6] = ["build", "app", "--tag", "shop/api:1.4", "--create-repository", "--push"];

#[test]
fn the_main_job() {
    let t = Context::with_ecr(&[]);
    t.app();
    let ended = t.consign(PUSH).output();
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    layer context: sent, 188 B sha256:[SHORT]
    [HOST]/shop/api:1.4 is now sha256:[DIGEST]
    ");
    let operations: Vec<_> =
        t.operations().into_iter().map(|(name, count)| format!("{count} {name}")).collect();
    insta::assert_snapshot!(operations.join("\n"), @r"
    1 GET /oidc/token
    1 AssumeRoleWithWebIdentity
    1 DescribeRepositories
    1 CreateRepository
    1 BatchCheckLayerAvailability
    2 InitiateLayerUpload
    2 UploadLayerPart
    2 CompleteLayerUpload
    1 PutImage
    ");

    let pushed = digest(ended.stdout.trim_end());
    let registry = t.ecr().registry();
    let repository = &registry["shop/api"];
    assert_eq!(repository.images.len(), 1);
    assert_eq!(repository.images[0].digest.to_string(), pushed);
    assert_eq!(repository.images[0].tags, ["1.4"]);
    assert_eq!(repository.blobs.len(), 2);
    assert!(repository.uploads.is_empty());
}

#[test]
fn what_is_there_already_is_not_sent() {
    let t = Context::with_ecr(&[]);
    t.app();
    let first = t.consign(PUSH).succeeds();
    let parts = t.requests("UploadLayerPart").len();
    let ended = t.consign(PUSH).output();
    assert_eq!(ended.stdout.trim_end(), first);
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    layer context: is in the registry already, 188 B sha256:[SHORT]
    [HOST]/shop/api:1.4 already is sha256:[DIGEST]
    ");
    assert_eq!(t.requests("UploadLayerPart").len(), parts);

    // Under another tag there is only a manifest to be put.
    let other = t.consign(["build", "app", "--tag", "shop/api:1.5", "--push"]).succeeds();
    assert_eq!(other, first);
    assert_eq!(t.requests("UploadLayerPart").len(), parts);
}

#[test]
fn a_large_layer_that_is_there_costs_one_hash_pass() {
    let t = Context::with_ecr(&[]);
    t.noise("app/data", 12, 1);
    let first = t.consign(PUSH).succeeds();
    assert_eq!(t.requests("UploadLayerPart").len(), 3 + 1, "three parts of the layer and the config");
    assert_eq!(t.consign(PUSH).succeeds(), first);
    assert_eq!(t.requests("UploadLayerPart").len(), 3 + 1);
    // Compressed in another way it is another blob, and must not be taken for the one that is there.
    let zstd = t.consign(PUSH.iter().chain(&["--compression", "zstd"])).succeeds();
    assert_ne!(digest(&zstd), digest(&first));
    assert_eq!(zstd, t.consign(PUSH.iter().chain(&["--compression", "zstd", "--no-cache"])).succeeds());
}

#[test]
fn a_new_tag_reuses_the_layers_of_the_newest_image_or_of_the_one_that_is_named() {
    let t = Context::with_ecr(&[]);
    t.noise("app/data", 12, 1);
    let first = t.consign(PUSH).succeeds();
    let parts = t.requests("UploadLayerPart").len();
    assert_eq!(t.consign(["build", "app", "--push", "--tag", "shop/api:new"]).succeeds(), first);
    assert_eq!(t.requests("UploadLayerPart").len(), parts);

    // Another image is the newest now, and would be taken.
    t.noise("app/data", 6, 2);
    t.consign(["build", "app", "--push", "--tag", "shop/api:other"]).succeeds();
    t.noise("app/data", 12, 1);
    let parts = t.requests("UploadLayerPart").len();
    let from = ["--tag", "shop/api:again", "--cache-from", "shop/api:1.4", "--push"];
    assert_eq!(t.consign(["build", "app"].iter().chain(&from)).succeeds(), first);
    assert_eq!(t.requests("UploadLayerPart").len(), parts);
}

#[test]
fn several_tags_and_repositories() {
    let t = Context::with_ecr(&[]);
    t.app();
    let tags = ["--tag", "a1:1,a1:2", "--tag", "b1:1", "--create-repository", "--push"];
    let printed = t.consign(["build", "app"].iter().chain(&tags)).succeeds();
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 2, "{printed}");
    assert_eq!(digest(lines[0]), digest(lines[1]));
    let registry = t.ecr().registry();
    assert_eq!(registry["a1"].images[0].tags, ["1", "2"]);
    assert_eq!(registry["b1"].images[0].tags, ["1"]);
}

#[test]
fn an_immutable_tag_takes_the_same_image_and_no_other() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.file("app/consign.yaml", "apiVersion: consign/v1\nrepository: { tagMutability: IMMUTABLE }\n");
    let first = t.consign(PUSH).succeeds();
    assert_eq!(t.consign(PUSH).succeeds(), first);
    assert_eq!(t.consign(PUSH.iter().chain(&["--no-cache"])).succeeds(), first);

    t.file("app/new", "another image");
    let ended = t.consign(PUSH.iter().chain(&["--digest-file", "digest"])).output();
    insta::assert_snapshot!(ended, @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 6 entries, 118 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    layer context: sent, 310 B sha256:[SHORT]
    error: the tag `1.4` of `shop/api` is immutable and belongs to another image
      in the registry: sha256:[DIGEST]
      to be pushed:    sha256:[DIGEST]
    hint: push under a new tag, or delete the tag in the registry first
    ");
    assert!(ended.stderr.contains(&digest(&first)));
    assert!(!t.path("digest").exists());
}

#[test]
fn settings_of_the_file_are_the_new_repositorys() {
    let t = Context::with_ecr(&[]);
    t.app();
    let policy = r#"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":10},"action":{"type":"expire"}}]}"#;
    t.file("app/lifecycle.json", policy);
    t.file(
        "app/consign.yaml",
        "apiVersion: consign/v1\nrepository:\n  tagMutability: IMMUTABLE\n  scanOnPush: true\n  \
         encryption: { type: KMS, key: alias/ecr }\n",
    );
    t.consign(PUSH).succeeds();
    // A second push leaves the repository as it is.
    t.consign(PUSH).succeeds();
    assert_eq!(t.requests("CreateRepository").len(), 1);
}

#[test]
fn two_pushes_at_once_both_succeed() {
    let t = Context::with_ecr(&["slow,rate=20000000"]);
    t.noise("app/data", 12, 2);
    t.noise("app/more", 1, 3);
    let digests: Vec<_> = std::thread::scope(|scope| {
        let pushes: Vec<_> = (0..3).map(|_| scope.spawn(|| t.consign(PUSH).succeeds())).collect();
        pushes.into_iter().map(|push| push.join().unwrap()).collect()
    });
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    assert_eq!(t.ecr().registry()["shop/api"].images.len(), 1);
}

#[test]
fn a_layout_and_an_archive_are_pushed_as_they_are() {
    let t = Context::with_ecr(&[]);
    t.app();
    let outputs =
        ["-o", "type=oci,dest=layout", "-o", "type=oci,dest=layout.tar", "-o", "type=docker,dest=docker.tar"];
    let built = digest(&t.consign(["build", "app", "-t", "shop/api:1.4"].iter().chain(&outputs)).succeeds());
    for source in ["layout", "layout.tar", "docker.tar"] {
        let repository = format!("r-{}:1", source.replace('.', "-"));
        let pushed = t.consign(["push", source, &repository, "--create-repository"]).succeeds();
        assert_eq!(digest(&pushed), built, "{source}");
    }
}

#[test]
fn a_pushed_image_is_inspected_and_valid() {
    let t = Context::with_ecr(&[]);
    t.app();
    let options =
        ["--entrypoint", "node server.js", "--expose", "8080", "--label", "a=b", "--platform", "linux/arm64"];
    let reference = t.consign(PUSH.iter().chain(&options)).succeeds();
    insta::assert_snapshot!(t.consign(["inspect", "shop/api:1.4"]).output(), @r#"
    exit: 0
    ----- stdout -----
    digest     sha256:[DIGEST]
    type       application/vnd.oci.image.manifest.v1+json
    platform   linux/arm64
    created    1970-01-01T00:00:00Z
    entrypoint ["node","server.js"]
    workdir    /app
    port       8080/tcp
    label      a=b
    layer      sha256:[DIGEST]    188 B  consign COPY . /app
    size       188 B compressed
    ----- stderr -----
    "#);
    insta::assert_snapshot!(t.consign(["validate", &reference]).output(), @r"
    exit: 0
    ----- stdout -----
    valid: 1 image, 1 layer
    ----- stderr -----
    ");
}

#[test]
fn a_full_name_of_the_emulators_host_is_the_same_registry() {
    let t = Context::with_ecr(&[]);
    t.app();
    let short = t.consign(PUSH).succeeds();
    let full = short.split('@').next().unwrap().to_owned() + ":full";
    assert_eq!(t.consign(["build", "app", "--push", "-t", &full]).succeeds(), short);
}

#[test]
fn an_aws_host_is_what_the_registry_is_called_if_it_is_told_so() {
    let host = "123456789012.dkr.ecr.us-east-1.amazonaws.com".to_owned();
    let settings = consign::emulator::Settings { registry_host: Some(host.clone()), ..Default::default() };
    let t = Context::with_settings(settings);
    t.app();
    let printed = t.consign(PUSH).succeeds();
    assert!(printed.starts_with(&format!("{host}/shop/api@sha256:")), "{printed}");
    let full = format!("{host}/shop/api:2");
    assert_eq!(t.consign(["build", "app", "--push", "-t", &full]).succeeds(), printed);
}

/// What no source settles about ECR can be either way; a push works with each reading.
#[test]
fn every_reading_of_what_is_not_known() {
    use consign::emulator::{Quirk, Quirks, Settings};
    for (name, values) in Quirk::ALL {
        // The first one is what every other test runs with.
        for value in &values[1..] {
            let quirk: Quirk = format!("{name}={value}").parse().unwrap();
            // Parts as the emulator has them by itself, since their size is one of the quirks.
            let t = Context::with_settings(Settings {
                quirks: Quirks::from_iter([quirk]),
                ..Settings::default()
            });
            t.noise("app/data", 6, 1);
            t.file("app/consign.yaml", "apiVersion: consign/v1\nrepository: { tagMutability: IMMUTABLE }\n");
            let first = t.consign(PUSH).succeeds();
            let again = t.consign(PUSH.iter().chain(&["--no-cache"])).succeeds();
            assert_eq!(again, first, "{name}={value}");
            t.file("app/other", "x");
            let refused = t.consign(PUSH).fails(4);
            assert!(refused.contains(&digest(&first)), "{name}={value}: {refused}");
        }
    }
}

#[test]
fn a_part_can_have_any_size() {
    for part_size in [5 * 1024 * 1024, 7_000_001, 20_971_520] {
        let t = Context::with_settings(consign::emulator::Settings { part_size, ..Default::default() });
        t.noise("app/data", 23, 1);
        t.consign(PUSH).succeeds();
        let parts = t.requests("UploadLayerPart").into_iter().filter_map(|request| request.part);
        let sizes: Vec<u64> = parts.map(|part| part.bytes_stored).collect();
        assert!(sizes.iter().filter(|size| **size == part_size).count() >= 1, "{sizes:?}");
    }
}

#[test]
fn the_rates_of_ecrs_quotas_are_kept() {
    let settings = consign::emulator::Settings { enforce_rates: true, ..Default::default() };
    let t = Context::with_settings(settings);
    t.app();
    let tags: Vec<String> = (0..12).map(|number| format!("shop/api:{number}")).collect();
    let tags = tags.join(",");
    t.consign(["build", "app", "--create-repository", "--push", "--tag", &tags]).succeeds();
    assert_eq!(t.ecr().registry()["shop/api"].images[0].tags.len(), 12);
    let refused = t.requests("PutImage").iter().filter(|request| request.error.is_some()).count();
    assert_eq!(refused, 0, "PutImage is paced, so none is throttled");
}
