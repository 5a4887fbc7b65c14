//! `consign index create`: images of several jobs, joined.

use crate::iam::with_permissions;
use crate::plain_registry::{Mood, PlainRegistry};
use crate::support::{Context, Run, digest, redacted};
use serde_json::{Value, json};

const AMD64: &str = "linux/amd64";
const ARM64: &str = "linux/arm64";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// Pushes `app` for a platform, and gives the digest.
fn push(t: &Context, tag: &str, platform: &str) -> String {
    let push = ["build", "app", "--create-repository", "--push", "--tag", tag, "--platform", platform];
    digest(&t.consign(push).succeeds())
}

/// An emulator that holds `shop/api:1-amd64` and `shop/api:1-arm64`, and their digests.
fn two_jobs() -> (Context, String, String) {
    let t = Context::with_ecr(&[]);
    t.app();
    let amd64 = push(&t, "shop/api:1-amd64", AMD64);
    let arm64 = push(&t, "shop/api:1-arm64", ARM64);
    (t, amd64, arm64)
}

fn create(t: &Context, arguments: &[&str]) -> Run {
    t.consign([&["index", "create"], arguments].concat())
}

/// The document under a reference, as it is in the registry.
fn document(t: &Context, reference: &str) -> Value {
    let shown = t.consign(["inspect", reference, "--format", "json"]).succeeds();
    serde_json::from_str::<Value>(&shown).unwrap()["manifest"].take()
}

fn platforms(index: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let members = index["manifests"].as_array().unwrap().iter().map(|member| &member["platform"]);
    members.map(|platform| format!("{}/{}", text(&platform["os"]), text(&platform["architecture"]))).collect()
}

#[test]
fn two_jobs_become_one_index() {
    let (t, amd64, arm64) = two_jobs();
    let before = t.ecr().requests().len();
    let ended = create(&t, &["shop/api:1", &arm64, "1-amd64"]).output();
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    linux/amd64 is sha256:[DIGEST]
    linux/arm64 is sha256:[DIGEST]
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    ");
    let requests = t.ecr().requests();
    let mut operations: Vec<_> = requests[before..].iter().map(|one| one.operation.as_str()).collect();
    // Two configs are read, at the same time, and no layer goes through here.
    operations.sort_unstable();
    insta::assert_snapshot!(operations.join("\n"), @r"
    AssumeRoleWithWebIdentity
    BatchGetImage
    BatchGetImage
    GET /layer/…
    GET /layer/…
    GET /oidc/token
    GetDownloadUrlForLayer
    GetDownloadUrlForLayer
    PutImage
    ");

    let joined = digest(ended.stdout.trim_end());
    insta::assert_snapshot!(t.consign(["inspect", "shop/api:1"]).output(), @r"
    exit: 0
    ----- stdout -----
    digest     sha256:[DIGEST]
    type       application/vnd.oci.image.index.v1+json
    manifest   linux/amd64    sha256:[DIGEST]
    manifest   linux/arm64    sha256:[DIGEST]
    ----- stderr -----
    ");
    let index = document(&t, "shop/api:1");
    assert_eq!(
        (&index["manifests"][0]["digest"], &index["manifests"][1]["digest"]),
        (&amd64.into(), &arm64.into())
    );
    insta::assert_snapshot!(t.consign(["validate", "shop/api:1"]).output(), @r"
    exit: 0
    ----- stdout -----
    valid: 2 images, 2 layers
    ----- stderr -----
    ");
    assert_eq!(t.ecr().registry()["shop/api"].images.len(), 3);

    // In whatever order the jobs end, over whichever transport: the same index.
    for transport in ["ecr", "oci"] {
        let again =
            create(&t, &["shop/api:1", "shop/api:1-amd64", "1-arm64", "--transport", transport]).output();
        assert_eq!(digest(again.stdout.trim_end()), joined, "{again}");
        assert!(again.stderr.contains("already is"), "{again}");
    }
}

#[test]
fn a_dry_run_shows_the_index_and_pushes_nothing() {
    let (t, ..) = two_jobs();
    let arguments =
        ["shop/api:1", "1-arm64", "1-amd64", "--annotation", "org.opencontainers.image.version=1"];
    let dry = create(&t, &[&arguments[..], &["--dry-run", "--digest-file", "digest"]].concat()).output();
    insta::assert_snapshot!(dry, @r#"
    exit: 0
    ----- stdout -----
    {
      "schemaVersion": 2,
      "mediaType": "application/vnd.oci.image.index.v1+json",
      "manifests": [
        {
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "digest": "sha256:[DIGEST]",
          "size": 401,
          "platform": {
            "architecture": "amd64",
            "os": "linux"
          }
        },
        {
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "digest": "sha256:[DIGEST]",
          "size": 401,
          "platform": {
            "architecture": "arm64",
            "os": "linux"
          }
        }
      ],
      "annotations": {
        "org.opencontainers.image.version": "1"
      }
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    linux/amd64 is sha256:[DIGEST]
    linux/arm64 is sha256:[DIGEST]
    this would be sha256:[DIGEST]; nothing was pushed
    "#);
    assert_eq!(t.ecr().registry()["shop/api"].images.len(), 2);
    assert!(!t.path("digest").exists());
    let json =
        create(&t, &[&arguments[..], &["--format", "json"]].concat()).env("CONSIGN_DRY_RUN", "1").succeeds();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["mediaType"], OCI_INDEX);
    assert!(dry.stderr.contains(json["digest"].as_str().unwrap()));
    // What is pushed is what was shown.
    let pushed = create(&t, &arguments).succeeds();
    assert_eq!(digest(&pushed), json["digest"]);
    assert_eq!(document(&t, "shop/api:1"), json["index"]);
}

#[test]
fn results_as_of_a_build() {
    let (t, amd64, arm64) = two_jobs();
    let files = ["--metadata-file", "metadata", "--digest-file", "digest", "--dotenv-file", "dotenv"];
    let more = ["--properties-file", "properties", "--iidfile", "iid", "--format", "json", "--tag", "latest"];
    let run = create(&t, &[&["shop/api:1", "1-amd64", "1-arm64"], &files[..], &more[..]].concat());
    let printed =
        run.env("GITHUB_OUTPUT", t.path("output")).env("GITHUB_STEP_SUMMARY", t.path("summary")).succeeds();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let published = &printed["published"][0];
    assert_eq!(published["tags"], json!(["1", "latest"]));
    let platform = |architecture: &str, digest: &str| {
        let platform = json!({ "architecture": architecture, "os": "linux" });
        json!({ "platform": platform, "digest": digest })
    };
    assert_eq!(published["platforms"], json!([platform("amd64", &amd64), platform("arm64", &arm64)]));
    let read = |name: &str| fs_err::read_to_string(t.path(name)).unwrap();
    assert_eq!((read("digest"), read("iid")), (read("digest"), read("digest")), "an index has no config");
    assert_eq!(published["digest"], read("digest"));
    let shown = |name: &str| redacted(&read(name), &t.path(""));
    insta::assert_snapshot!(shown("metadata"), @r#"
    {
      "containerimage.descriptor": {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": "sha256:[DIGEST]",
        "size": 491
      },
      "containerimage.digest": "sha256:[DIGEST]",
      "image.name": "[HOST]/shop/api:1,[HOST]/shop/api:latest"
    }
    "#);
    insta::assert_snapshot!(shown("dotenv"), @r"
    CONSIGN_IMAGE=[HOST]/shop/api@sha256:[DIGEST]
    CONSIGN_DIGEST=sha256:[DIGEST]
    CONSIGN_IMAGE_ID=sha256:[DIGEST]
    CONSIGN_REPOSITORY=[HOST]/shop/api
    CONSIGN_TAGS=[HOST]/shop/api:1 [HOST]/shop/api:latest
    CONSIGN_DIGEST_LINUX_AMD64=sha256:[DIGEST]
    CONSIGN_DIGEST_LINUX_ARM64=sha256:[DIGEST]
    ");
    insta::assert_snapshot!(shown("summary"), @r"
    ### `[HOST]/shop/api`

    | | |
    |---|---|
    | digest | `sha256:[DIGEST]` |
    | tag | `1` |
    | tag | `latest` |

    | platform | digest |
    |---|---|
    | linux/amd64 | `sha256:[DIGEST]` |
    | linux/arm64 | `sha256:[DIGEST]` |
    ");
    assert!(read("output").contains(&format!("digest={}\n", read("digest"))), "{}", read("output"));
    assert!(read("properties").contains("shop/api:latest"), "{}", read("properties"));
}

#[test]
fn tags_and_annotations_from_variables() {
    let (t, ..) = two_jobs();
    let run = create(&t, &["shop/api:1", "1-amd64", "1-arm64"]);
    let run = run.env("CONSIGN_INDEX_TAG", "a\nb\n").env("CONSIGN_INDEX_ANNOTATION", "k=v, w\nindex:l=m=n");
    run.succeeds();
    let registry = t.ecr().registry();
    assert!(registry["shop/api"].images.iter().any(|image| image.tags == ["1", "a", "b"]));
    assert_eq!(document(&t, "shop/api:b")["annotations"], json!({ "k": "v, w", "l": "m=n" }));
    let shown = create(&t, &["shop/api:1", "x", "--show-settings"]).env("CONSIGN_INDEX_TAG", "a").succeeds();
    assert!(shown.contains("variable CONSIGN_INDEX_TAG"), "{shown}");
}

#[test]
fn hostile_annotations_are_text_and_nothing_else() {
    let (t, ..) = two_jobs();
    let hostile = [
        ("quote", r#"","manifests":[],"x":""#),
        ("lines", "a\nb\r\n\tc"),
        ("controls", "\u{1}\u{1b}[31m\u{7f}"),
        ("unicode", "\u{202e}gnp.exe \u{1f433} \u{2028}"),
        ("equals", "a=b=c"),
        ("empty", ""),
        ("__proto__", "constructor"),
        ("key with \"quotes\" and spaces", "x"),
    ];
    let mut arguments = vec!["shop/api:1".to_owned(), "1-amd64".into(), "1-arm64".into()];
    for (key, value) in hostile {
        arguments.extend(["--annotation".to_owned(), format!("{key}={value}")]);
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let run = create(&t, &arguments).env("GITHUB_OUTPUT", t.path("output"));
    let printed = run.env("GITHUB_STEP_SUMMARY", t.path("summary")).succeeds();
    assert_eq!(printed.lines().count(), 1);
    let index = document(&t, "shop/api:1");
    for (key, value) in hostile {
        assert_eq!(index["annotations"][key], value, "{key}");
    }
    assert_eq!(platforms(&index), [AMD64, ARM64]);
    assert!(t.consign(["validate", "shop/api:1"]).succeeds().starts_with("valid: 2 images"));
    let output = fs_err::read_to_string(t.path("output")).unwrap();
    assert!(!output.contains("quote") && !output.contains("gnp"), "{output}");

    let refused =
        |annotation: &str| create(&t, &["shop/api:2", "1-amd64", "--annotation", annotation]).fails(2);
    insta::assert_snapshot!(refused("novalue"), @r"error: --annotation: `novalue` is not NAME=VALUE");
    insta::assert_snapshot!(refused("=x"), @r"error: --annotation: `=x` is not NAME=VALUE");
    insta::assert_snapshot!(refused("manifest-descriptor[linux/amd64]:a=b"), @r"error: --annotation: `manifest-descriptor[linux/amd64]:a`: only the index itself gets annotations here, by `KEY=VALUE` or `index:KEY=VALUE`; those of an image are given when it is built");
}

#[test]
fn an_immutable_tag_keeps_its_index_and_leaves_no_other_behind() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.file("app/consign.yaml", "apiVersion: consign/v1\nrepository: { tagMutability: IMMUTABLE }\n");
    push(&t, "shop/api:1-amd64", AMD64);
    push(&t, "shop/api:1-arm64", ARM64);
    let arguments = ["shop/api:1", "1-amd64", "1-arm64", "--tag", "new"];
    let first = create(&t, &arguments[..3]).succeeds();
    assert_eq!(create(&t, &arguments[..3]).succeeds(), first);
    for transport in ["ecr", "oci"] {
        let other = ["--annotation", "a=b", "--digest-file", "digest", "--transport", transport];
        let ended = create(&t, &[&arguments[..], &other[..]].concat()).output();
        insta::allow_duplicates! {
            insta::assert_snapshot!(ended, @r"
            exit: 4
            ----- stdout -----
            ----- stderr -----
            authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
            linux/amd64 is sha256:[DIGEST]
            linux/arm64 is sha256:[DIGEST]
            error: the tag `1` of `shop/api` is immutable and belongs to another image
              in the registry: sha256:[DIGEST]
              to be pushed:    sha256:[DIGEST]
            hint: push under a new tag, or delete the tag in the registry first
            ");
        }
    }
    assert_eq!(t.ecr().registry()["shop/api"].images.len(), 3, "neither index nor tag");
    assert!(!t.path("digest").exists());
}

#[test]
fn what_does_not_go_together() {
    let (t, amd64, _) = two_jobs();
    t.file("app/other", "x");
    push(&t, "shop/api:other", AMD64);
    push(&t, "elsewhere:1", AMD64);
    let before = t.ecr().registry()["shop/api"].images.len();
    let refused = |arguments: &[&str]| {
        let ended = create(&t, &[&["shop/api:1"], arguments].concat()).output();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended}");
        let authenticated = "authenticated with the OIDC token of GitHub Actions for the role \
                             arn:aws:iam::123456789012:role/consign\n";
        redacted(&ended.stderr, &t.path("")).replace(authenticated, "")
    };
    insta::assert_snapshot!(refused(&["1-amd64", "1-arm64", "other"]), @r"
    error: `1-amd64` and `other` are both images for linux/amd64
    hint: an index has one image for a platform: leave one out, or build it with the `--platform` that it is meant for
    ");
    insta::assert_snapshot!(refused(&["1-amd64", &amd64]), @r"
    error: `1-amd64` and `sha256:[DIGEST]` are the same image, for linux/amd64
    hint: an index has one image for a platform; if the names should be different images, a job has pushed under the tag of another one: give each platform a tag of its own, or name digests
    ");
    insta::assert_snapshot!(refused(&["1-amd64", "1-s390x", "1-riscv64"]), @r"
    error: `1-s390x`, `1-riscv64` are not in the repository [HOST]/shop/api
    hint: check the names, and that the jobs which push these images have ended; another region or account is another registry
    ");
    insta::assert_snapshot!(refused(&["1-amd64", "elsewhere:1"]), @r"
    error: `elsewhere:1` is not in the repository `shop/api`
    hint: tags and indexes are set within one repository: bring the image into the other one first, with `consign copy SRC DST`
    ");
    insta::assert_snapshot!(refused(&["1-amd64", "sha256:12"]), @r"error: SRC: `sha256:12` is not a valid digest: `sha256:12` is not a digest: it has 2 digits after `sha256:` instead of 64");
    insta::assert_snapshot!(refused(&["1-amd64", "--tag", "elsewhere:1"]), @r"
    error: `elsewhere:1` is not in the repository `shop/api`
    hint: tags and indexes are set within one repository: bring the image into the other one first, with `consign copy SRC DST`
    ");
    let pinned = format!("shop/api@{amd64}");
    insta::assert_snapshot!(create(&t, &[&pinned, "1-amd64"]).fails(2).replace(&amd64, "sha256:[DIGEST]"), @r"
    error: `shop/api@sha256:[DIGEST]` has a digest, and nothing can be pushed under a digest of one's choice
    hint: push under a tag; the digest follows from the content
    ");
    assert_eq!(t.ecr().registry()["shop/api"].images.len(), before);
    let absent = create(&t, &["absent:1", "1"]).fails(4);
    assert!(absent.contains("the repository `absent` does not exist"), "{absent}");
}

#[test]
fn indexes_are_taken_apart() {
    let (t, ..) = two_jobs();
    push(&t, "shop/api:1-arm", "linux/arm/v7");
    create(&t, &["shop/api:two", "1-amd64", "1-arm64"]).succeeds();
    let flat = create(&t, &["shop/api:flat", "1-arm", "1-arm64", "1-amd64"]).succeeds();
    assert_eq!(create(&t, &["shop/api:three", "two", "1-arm"]).succeeds(), flat);
    let again = create(&t, &["shop/api:four", "three", "1-arm64"]).fails(2);
    let alike = "error: `1-arm64` and sha256:[DIGEST] of `three` are the same image, for linux/arm64\n";
    assert!(redacted(&again, &t.path("")).contains(alike), "{again}");
}

#[test]
fn the_permissions_that_the_page_names() {
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/promote.md")).unwrap();
    let role = ["--role-to-assume", "arn:aws:iam::123456789012:role/ci"];
    let needed = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:PutImage"];
    let attempt = |actions: &[&str]| {
        let t = with_permissions(actions);
        t.app();
        push(&t, "shop/api:1-amd64", AMD64);
        create(&t, &[&["shop/api:1", "1-amd64"], &role[..]].concat()).output()
    };
    assert_eq!(attempt(&needed).code, Some(0));
    for action in needed {
        assert!(page.contains(&format!("`{action}`")), "{action}");
        let rest: Vec<_> = needed.into_iter().filter(|other| *other != action).collect();
        let ended = attempt(&rest);
        assert_eq!(ended.code, Some(3), "{ended}");
        assert!(ended.stderr.contains(&format!("the permission `{action}`")), "{ended}");
    }
}

#[test]
fn a_lost_answer_and_throttling_do_no_harm() {
    let (t, ..) = two_jobs();
    let expected = digest(&create(&t, &["shop/api:1", "1-amd64", "1-arm64"]).succeeds());
    for transport in ["ecr", "oci"] {
        let t = Context::with_ecr(&[
            "lose-answer:PutImage,nth=3",
            "throttle:BatchGetImage,nth=3,times=2",
            "lose-answer:PUT /v2/*/manifests/*,nth=1",
            "throttle:GET /v2/*/manifests/*,times=2",
            "error:GetDownloadUrlForLayer,status=503",
        ]);
        t.app();
        push(&t, "shop/api:1-amd64", AMD64);
        push(&t, "shop/api:1-arm64", ARM64);
        let printed = create(&t, &["shop/api:1", "1-amd64", "1-arm64", "--transport", transport]).succeeds();
        assert_eq!(digest(&printed), expected, "{transport}");
    }
}

/// Stores an image of others, whose layers nobody looks at; gives its digest.
fn image(registry: &PlainRegistry, tag: &str, (kind, config_kind): (&str, &str), config: &Value) -> String {
    let bytes = config.to_string();
    let digest = registry.store_blob(bytes.as_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": kind,
        "config": { "mediaType": config_kind, "digest": digest, "size": bytes.len() },
        "layers": [],
    });
    registry.store_manifest(tag, kind, manifest.to_string().as_bytes())
}

const DOCKER: (&str, &str) = (DOCKER_MANIFEST, DOCKER_CONFIG);
const OCI: (&str, &str) = (OCI_MANIFEST, OCI_CONFIG);

#[test]
fn images_of_others() {
    let t = Context::new();
    let registry = PlainRegistry::start(Mood::Good, None);
    let name = |tag: &str| format!("{}/shop/api:{tag}", registry.host);
    let rootfs = json!({ "type": "layers", "diff_ids": [] });
    let config =
        |os: &str, architecture: &str| json!({ "os": os, "architecture": architecture, "rootfs": rootfs });
    image(&registry, "amd64", DOCKER, &config("linux", "amd64"));
    let mut arm = config("linux", "arm");
    arm["variant"] = "v6".into();
    image(&registry, "armv6", DOCKER, &arm);
    let mut windows = config("windows", "amd64");
    windows["os.version"] = "10.0.20348.1".into();
    image(&registry, "windows", OCI, &windows);

    registry.requests();
    let ended = create(&t, &[&name("docker"), "armv6", "amd64"]).output();
    let mut requests = registry.requests();
    requests.sort_unstable();
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    linux/amd64 is sha256:[DIGEST]
    linux/arm/v6 is sha256:[DIGEST]
    [HOST]/shop/api:docker is now sha256:[DIGEST]
    ");
    insta::assert_snapshot!(requests.join("\n"), @r"
    GET /v2/
    GET /v2/shop/api/blobs/DIGEST
    GET /v2/shop/api/blobs/DIGEST
    GET /v2/shop/api/manifests/amd64
    GET /v2/shop/api/manifests/armv6
    GET /v2/shop/api/manifests/docker
    PUT /v2/shop/api/manifests/docker
    ");
    let docker = document(&t, &name("docker"));
    assert_eq!(
        (&docker["mediaType"], &docker["manifests"][0]["mediaType"]),
        (&DOCKER_LIST.into(), &DOCKER_MANIFEST.into())
    );
    assert_eq!(
        docker["manifests"][1]["platform"],
        json!({ "architecture": "arm", "os": "linux", "variant": "v6" })
    );

    create(&t, &[&name("mixed"), "docker", "windows"]).succeeds();
    let mixed = document(&t, &name("mixed"));
    assert_eq!(mixed["mediaType"], OCI_INDEX);
    let kinds: Vec<_> =
        mixed["manifests"].as_array().unwrap().iter().map(|member| &member["mediaType"]).collect();
    assert_eq!(kinds, [DOCKER_MANIFEST, DOCKER_MANIFEST, OCI_MANIFEST]);
    assert_eq!(mixed["manifests"][2]["platform"]["os.version"], "10.0.20348.1");
    insta::assert_snapshot!(t.consign(["validate", &name("mixed")]).output(), @r"
    exit: 0
    ----- stdout -----
    note   config sha256:[DIGEST]: it has no history
    note   config sha256:[DIGEST]: it has no history
    note   config sha256:[DIGEST]: it has no history
    valid: 3 images, 0 layers
    ----- stderr -----
    ");

    // A list has no annotations, an index has.
    create(&t, &[&name("noted"), "docker", "--annotation", "a=b"]).succeeds();
    assert_eq!(document(&t, &name("noted"))["mediaType"], OCI_INDEX);
}

#[test]
fn what_is_no_image() {
    let t = Context::new();
    let registry = PlainRegistry::start(Mood::Good, None);
    let chart = (OCI_MANIFEST, "application/vnd.cncf.helm.config.v1+json");
    image(&registry, "chart", chart, &json!({ "name": "chart" }));
    image(&registry, "nothing", OCI, &json!({ "rootfs": { "type": "layers", "diff_ids": [] } }));
    image(&registry, "unknown", OCI, &json!({ "os": "unknown", "architecture": "unknown" }));
    image(&registry, "hostile", OCI, &json!({ "os": "linux\ndigest=sha256:0", "architecture": "amd64" }));
    image(&registry, "wasm", OCI, &json!({ "os": "wasip1", "architecture": "wasm" }));
    registry.store_manifest("empty", OCI_INDEX, br#"{"schemaVersion":2,"manifests":[]}"#);
    registry.store_manifest("text", OCI_MANIFEST, b"\"text\"");
    let reference = format!("{}/shop/api:1", registry.host);
    let mut said = String::new();
    for source in ["chart", "nothing", "unknown", "hostile", "empty", "text"] {
        let stderr = create(&t, &[&reference, "wasm", source]).fails(2);
        said += stderr.lines().next().unwrap();
        said += "\n";
    }
    insta::assert_snapshot!(redacted(&said, &t.path("")), @r#"
    error: `chart` can't be part of an index: it is an artifact: its config is application/vnd.cncf.helm.config.v1+json
    error: `nothing` can't be part of an index: its config sha256:[DIGEST] names no platform
    error: `unknown` can't be part of an index: its config sha256:[DIGEST] names no platform
    error: `hostile` can't be part of an index: its config sha256:[DIGEST] names no platform
    error: `empty` can't be part of an index: it is an index without an image
    error: `text` can't be part of an index: its manifest can't be read: invalid type: string "text", expected struct Manifest at line 1 column 6
    "#);
    assert!(!registry.requests().iter().any(|request| request.starts_with("PUT")));
    create(&t, &[&reference, "wasm"]).succeeds();
}

#[test]
fn attestations_come_along_and_a_missing_image_is_noticed() {
    let t = Context::new();
    let registry = PlainRegistry::start(Mood::Good, None);
    let amd64 = image(&registry, "amd64", OCI, &json!({ "os": "linux", "architecture": "amd64" }));
    image(&registry, "arm64", OCI, &json!({ "os": "linux", "architecture": "arm64", "variant": "v8" }));
    let sbom = image(&registry, "sbom", OCI, &json!({ "os": "unknown", "architecture": "unknown" }));
    let size = |tag: &str| registry.manifest(tag).len();
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        { "mediaType": OCI_MANIFEST, "digest": amd64, "size": size("amd64"), "annotations": { "note": "kept" },
          // It is not believed: the config says amd64.
          "platform": { "architecture": "s390x", "os": "linux" } },
        { "mediaType": OCI_MANIFEST, "digest": sbom, "size": size("sbom"),
          "annotations": { "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd64 },
          "platform": { "architecture": "unknown", "os": "unknown" } },
    ] });
    registry.store_manifest("buildkit", OCI_INDEX, index.to_string().as_bytes());
    let name = |tag: &str| format!("{}/shop/api:{tag}", registry.host);
    let ended = create(&t, &[&name("1"), "arm64", "buildkit", "--format", "json"]).output();
    let joined = document(&t, &name("1"));
    assert_eq!(platforms(&joined), [AMD64, ARM64, "unknown/unknown"]);
    assert_eq!(joined["manifests"][0]["annotations"], json!({ "note": "kept" }));
    assert_eq!(joined["manifests"][1]["platform"]["variant"], "v8");
    assert_eq!(joined["manifests"][2], index["manifests"][1]);
    let printed: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(printed["published"][0]["platforms"].as_array().unwrap().len(), 2);

    registry.forget_manifest(&sbom);
    let stderr = create(&t, &[&name("2"), "arm64", "buildkit"]).fails(2);
    let said = redacted(&stderr, &t.path(""));
    insta::assert_snapshot!(said, @r"
    error: sha256:[DIGEST] of `buildkit` is not in the repository [HOST]/shop/api
    hint: check the names, and that the jobs which push these images have ended; another region or account is another registry
    ");
}
