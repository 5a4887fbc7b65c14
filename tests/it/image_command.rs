//! `consign image list`, `show` and `tag`.

use crate::iam::{block_on, client, with_permissions};
use crate::support::{Context, Ended, digest, redacted};
use consign::emulator::Settings;
use serde_json::{Value, json};
use std::path::Path;

/// Pushes `app`, and gives its digest.
pub(crate) fn push(t: &Context, arguments: &[&str]) -> String {
    let fixed = ["build", "app", "--create-repository", "--push", "--tag"];
    digest(&t.consign(fixed.iter().chain(arguments)).succeeds())
}

/// `consign image …`
pub(crate) fn image(t: &Context, arguments: &[&str]) -> Ended {
    t.consign([&["image"], arguments].concat()).output()
}

/// What a command prints, as JSON.
#[track_caller]
pub(crate) fn json_of(t: &Context, arguments: &[&str]) -> Value {
    let printed = t.consign([&["image"], arguments, &["--format", "json"]].concat()).succeeds();
    serde_json::from_str(&printed).unwrap()
}

/// Without what differs from run to run: times of pushes and pulls, and sizes in bytes.
pub(crate) fn steady(text: &str) -> String {
    let filters = [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d", "[MINUTE]"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[MOMENT]"),
        (r#""imageSizeInBytes": \d+"#, r#""imageSizeInBytes": [BYTES]"#),
        (r"\b\d+(\.\d)? (k|M)?B\b", "[SIZE]"),
        // In which order untagged images come, and with it which was pulled, follows from their digests.
        (r"(?m)(\[MINUTE\]  +)(\[MINUTE\]|-)$", "$1[PULLED]"),
        // Columns are as wide as what was replaced.
        (r"(\S)  +", "$1  "),
    ];
    filters.iter().fold(text.to_owned(), |text, (pattern, with)| {
        regex::Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
    })
}

/// Puts a manifest that is about `subject` next to it, and gives its digest.
pub(crate) fn attach(t: &Context, subject: &str, artifact_type: &str) -> String {
    let ecr = client(t, false);
    block_on(async {
        let of = aws_sdk_ecr::types::ImageIdentifier::builder().image_digest(subject).build();
        let found = ecr.batch_get_image().repository_name("shop/api").image_ids(of).send().await.unwrap();
        let image = &found.images()[0];
        let manifest: Value = serde_json::from_str(image.image_manifest().unwrap()).unwrap();
        // The config of an image that is there will do as the one of the artifact.
        let config = match manifest.get("config") {
            Some(config) => config.clone(),
            None => {
                let child = manifest["manifests"][0]["digest"].as_str().unwrap();
                let child = aws_sdk_ecr::types::ImageIdentifier::builder().image_digest(child).build();
                let child =
                    ecr.batch_get_image().repository_name("shop/api").image_ids(child).send().await.unwrap();
                let text = child.images()[0].image_manifest().unwrap();
                serde_json::from_str::<Value>(text).unwrap()["config"].clone()
            }
        };
        let artifact = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": artifact_type,
            "config": config,
            "layers": [],
            "subject": {
                "mediaType": image.image_manifest_media_type().unwrap(),
                "digest": subject,
                "size": image.image_manifest().unwrap().len(),
            },
        });
        let put = ecr.put_image().repository_name("shop/api").image_manifest(artifact.to_string());
        let put = put.send().await.unwrap();
        put.image().unwrap().image_id().unwrap().image_digest().unwrap().to_owned()
    })
}

/// An image, an index for two platforms, and a signature of the index.
fn three() -> (Context, String, String, String) {
    let t = Context::with_ecr(&[]);
    t.app();
    let image = push(&t, &["shop/api:1.4", "--tag", "shop/api:latest", "--platform", "linux/amd64"]);
    t.file("app/new", "x");
    let index = push(&t, &["shop/api:1.5", "--platform", "linux/amd64,linux/arm64"]);
    let signature = attach(&t, &index, "application/vnd.dev.cosign.artifact.sig.v1+json.cosign.signature");
    (t, image, index, signature)
}

#[test]
fn a_list() {
    let (t, ..) = three();
    let before = t.ecr().requests().len();
    insta::assert_snapshot!(steady(&image(&t, &["list", "shop/api", "--sort", "tag"]).to_string()), @r"
    exit: 0
    ----- stdout -----
    DIGEST  TAGS  TYPE  SIZE  PUSHED (UTC)  PULLED (UTC)
    sha256:[SHORT]  1.4, latest  image  [SIZE]  [MINUTE]  [PULLED]
    sha256:[SHORT]  1.5  index  [SIZE]  [MINUTE]  [PULLED]
      sha256:[SHORT]  -  signature  [SIZE]  [MINUTE]  [PULLED]
    sha256:[SHORT]  -  image  [SIZE]  [MINUTE]  [PULLED]
    sha256:[SHORT]  -  image  [SIZE]  [MINUTE]  [PULLED]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    5 images in [HOST]/shop/api
    ");
    // One call, and no manifest is read: that would count as a pull.
    let operations: Vec<_> =
        t.ecr().requests()[before..].iter().map(|request| request.operation.clone()).collect();
    assert_eq!(operations, ["GET /oidc/token", "AssumeRoleWithWebIdentity", "DescribeImages"]);
}

#[test]
fn a_list_with_platforms() {
    let (t, ..) = three();
    let listed = image(&t, &["list", "shop/api", "--platforms", "--sort", "tag"]);
    insta::assert_snapshot!(steady(&listed.to_string()), @r"
    exit: 0
    ----- stdout -----
    DIGEST  TAGS  TYPE  PLATFORM  SIZE  PUSHED (UTC)  PULLED (UTC)
    sha256:[SHORT]  1.4, latest  image  linux/amd64  [SIZE]  [MINUTE]  [PULLED]
    sha256:[SHORT]  1.5  index  linux/amd64, linux/arm64  [SIZE]  [MINUTE]  [PULLED]
      sha256:[SHORT]  -  image  linux/amd64  [SIZE]  [MINUTE]  [PULLED]
      sha256:[SHORT]  -  image  linux/arm64  [SIZE]  [MINUTE]  [PULLED]
      sha256:[SHORT]  -  signature  -  [SIZE]  [MINUTE]  [PULLED]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    5 images in [HOST]/shop/api
    ");
    let count = |operation: &str| t.requests(operation).len();
    let (calls, downloads) = (count("BatchGetImage"), count("GetDownloadUrlForLayer"));
    image(&t, &["list", "shop/api", "--platforms"]).code.unwrap();
    // The index, the image; the config of the image. What the index lists says for which platforms it is.
    assert_eq!((count("BatchGetImage") - calls, count("GetDownloadUrlForLayer") - downloads), (2, 1));
}

#[test]
fn a_list_as_json() {
    let (t, one, index, signature) = three();
    let json = json_of(&t, &["list", "shop/api", "--platforms", "--sort", "tag"]);
    assert_eq!(json["total"], 5);
    let details = json["imageDetails"].as_array().unwrap();
    let find = |digest: &str| details.iter().find(|it| it["imageDigest"] == digest).unwrap();
    let children: Vec<&str> = find(&index)["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["digest"].as_str().unwrap())
        .collect();
    assert_eq!((find(&index)["kind"].as_str(), children.len()), (Some("index"), 2));
    assert_eq!(find(&index)["referrers"], json!([signature]));
    assert_eq!(find(&signature)["subject"], json!(index));
    assert_eq!(find(children[1])["listedBy"], json!([index]));
    assert_eq!(find(children[1])["platforms"], json!([{ "architecture": "arm64", "os": "linux" }]));
    // The names of `aws ecr describe-images`.
    let text = serde_json::to_string_pretty(find(&one)).unwrap();
    insta::assert_snapshot!(steady(&redacted(&text, &t.path(""))), @r#"
    {
      "registryId": "123456789012",
      "repositoryName": "shop/api",
      "imageDigest": "sha256:[DIGEST]",
      "imageTags": [
        "1.4",
        "latest"
      ],
      "imageSizeInBytes": [BYTES],
      "imagePushedAt": "[MOMENT]",
      "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
      "artifactMediaType": "application/vnd.oci.image.config.v1+json",
      "lastRecordedPullTime": "[MOMENT]",
      "imageStatus": "ACTIVE",
      "kind": "image",
      "referrers": [],
      "platforms": [
        {
          "architecture": "amd64",
          "os": "linux"
        }
      ]
    }
    "#);
    // Without --platforms, what only manifests tell is left out and not guessed.
    let json = json_of(&t, &["list", "shop/api", "--type", "index"]);
    assert_eq!(json["imageDetails"].as_array().unwrap().len(), 1);
    assert!(
        json["imageDetails"][0].get("manifests").is_none()
            && json["imageDetails"][0].get("platforms").is_none()
    );
}

#[test]
fn a_list_is_what_a_preview_of_a_lifecycle_policy_reads() {
    let (t, ..) = three();
    let policy = json!({ "rules": [{
        "rulePriority": 1,
        "selection": { "tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1 },
        "action": { "type": "expire" },
    }] });
    t.file("policy.json", policy.to_string());
    let list = |more: &[&str]| {
        let list = [&["image", "list", "shop/api", "--format", "json"], more].concat();
        t.file("images.json", t.consign(list).succeeds());
    };
    let preview = ["lifecycle", "preview", "--file", "policy.json", "--images", "images.json"];
    // The images of the index stay with it, and the signature with what it signs: what a list tells is enough to know.
    list(&["--platforms"]);
    let told = t.consign(preview.iter().chain(&["--format", "json"])).succeeds();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["summary"]["images"], &told["summary"]["expire"]["images"]), (&json!(5), &json!(0)));
    // Without the manifests it is not known what an index lists, and the preview says so.
    list(&[]);
    let ended = t.consign(preview).output();
    assert!(ended.stdout.contains("it is not known what 1 index lists"), "{ended}");
}

#[test]
fn filters() {
    let (t, one, index, signature) = three();
    let listed = |arguments: &[&str]| {
        let printed =
            t.consign([&["image", "list", "shop/api", "--digests-only"], arguments].concat()).succeeds();
        printed.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]).len(), 5);
    assert_eq!(listed(&["--tagged", "--sort", "tag"]), [one.as_str(), index.as_str()]);
    assert_eq!(listed(&["--untagged"]).len(), 3);
    assert_eq!(listed(&["--tag", "1.*", "--sort", "tag", "--reverse"]), [index.as_str(), one.as_str()]);
    assert_eq!(listed(&["--tag", "lat*,x"]), [one.as_str()]);
    assert_eq!(listed(&["--type", "signature"]), [signature.as_str()]);
    assert_eq!(listed(&["--type", "index", "--type", "signature"]).len(), 2);
    assert_eq!(listed(&["--platform", "linux/arm64"]).len(), 2);
    assert_eq!(listed(&["--platform", "linux/arm64", "--tagged"]), [index.as_str()]);
    assert_eq!(listed(&["--platform", "windows/amd64"]), Vec::<String>::new());
    assert_eq!(listed(&["--sort", "pushed", "--limit", "1"]), [signature.as_str()]);
    assert_eq!(listed(&["--older-than", "1d"]), Vec::<String>::new());
    assert_eq!(listed(&["--newer-than", "1d"]).len(), 5);
    assert_eq!(listed(&["--status", "archived"]), Vec::<String>::new());
    insta::assert_snapshot!(image(&t, &["list", "shop/api", "--tag", "none-*"]), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    0 of 5 images in [HOST]/shop/api
    ");
}

/// Changes the times of the images of `shop/api` in the emulator's state: days before now.
fn age(state: &Path, of: impl Fn(&str) -> (i64, Option<i64>)) {
    let folder = state.join("registries/123456789012/us-east-1");
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mut contents: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
        for (digest, image) in contents["images"].as_object_mut().unwrap() {
            let (pushed, pulled) = of(digest);
            #[expect(clippy::disallowed_methods, reason = "the program under test has the machine's clock")]
            let ago = |days: i64| jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
            image["pushedAt"] = json!(ago(pushed));
            if let Some(days) = pulled {
                image["lastPull"] = json!(ago(days));
            }
        }
        fs_err::write(&path, contents.to_string()).unwrap();
    }
}

#[test]
fn old_ones_and_those_that_nobody_pulls() {
    let state = tempfile::tempdir().unwrap();
    let settings = || Settings { state: Some(state.path().to_owned()), ..Settings::default() };
    let t = Context::with_settings(settings());
    t.app();
    let mut digests = Vec::new();
    for tag in ["old", "used", "new"] {
        t.file("app/tag", tag);
        digests.push(push(&t, &[&format!("shop/api:{tag}"), "--no-cache"]));
    }
    drop(t);
    age(state.path(), |digest| match digests.iter().position(|it| it == digest) {
        Some(0) => (200, None),
        Some(1) => (200, Some(3)),
        _ => (10, None),
    });
    let t = Context::with_settings(settings());
    let listed = |arguments: &[&str]| {
        let printed =
            t.consign([&["image", "list", "shop/api", "--sort", "tag"], arguments].concat()).succeeds();
        let tags = printed.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap().to_owned());
        tags.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(listed(&["--older-than", "100d"]), "old used");
    assert_eq!(listed(&["--newer-than", "2w"]), "new");
    assert_eq!(listed(&["--not-pulled-for", "90d"]), "old");
    // Never pulled, but not there for that long.
    assert_eq!(listed(&["--not-pulled-for", "1w"]), "new old");
    assert_eq!(listed(&["--older-than", "1d", "--newer-than", "2w"]), "new");
    // Whoever lists does not pull, however often.
    assert_eq!(listed(&["--not-pulled-for", "90d"]), "old");
    let pulled = json_of(&t, &["list", "shop/api", "--tag", "old"]);
    assert!(pulled["imageDetails"][0].get("lastRecordedPullTime").is_none(), "{pulled}");
}

#[test]
fn more_than_a_page() {
    let t = Context::with_ecr(&[]);
    t.app();
    let first = push(&t, &["shop/api:1"]);
    crate::image_deletion::many(&t, &first, 1000);
    let printed = t.consign(["image", "list", "shop/api", "--digests-only"]).succeeds();
    assert_eq!(printed.lines().count(), 1001);
    assert_eq!(t.requests("DescribeImages").len(), 2);
}

#[test]
fn one_image() {
    let (t, one, index, _) = three();
    let show = |reference: &str| steady(&image(&t, &["show", reference]).to_string());
    insta::assert_snapshot!(show("shop/api:latest"), @r"
    exit: 0
    ----- stdout -----
    image  [HOST]/shop/api@sha256:[DIGEST]
    tags  1.4, latest
    type  image
    media type application/vnd.oci.image.manifest.v1+json
    artifact  application/vnd.oci.image.config.v1+json
    platform  linux/amd64
    size  [SIZE]
    pushed  [MINUTE] UTC
    pulled  [MINUTE] UTC
    status  active
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    insta::assert_snapshot!(show(&format!("shop/api@{index}")), @r"
    exit: 0
    ----- stdout -----
    image  [HOST]/shop/api@sha256:[DIGEST]
    tags  1.5
    type  index
    media type application/vnd.oci.image.index.v1+json
    size  [SIZE], its largest image
    pushed  [MINUTE] UTC
    pulled  [MINUTE] UTC
    status  active
    manifest  linux/amd64  sha256:[DIGEST]
    manifest  linux/arm64  sha256:[DIGEST]
    referrer  sha256:[DIGEST] [SIZE] application/vnd.dev.cosign.artifact.sig.v1+json.cosign.signature
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    let json = json_of(&t, &["show", &format!("shop/api@{one}")]);
    assert_eq!(json["imageTags"], json!(["1.4", "latest"]));
    assert_eq!(
        (json["kind"].as_str(), json["platforms"][0]["architecture"].as_str()),
        (Some("image"), Some("amd64"))
    );
    let json = json_of(&t, &["show", "shop/api:1.5"]);
    assert_eq!(
        json["referrers"][0]["artifactType"],
        "application/vnd.dev.cosign.artifact.sig.v1+json.cosign.signature"
    );
}

#[test]
fn one_image_that_was_scanned() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.file("app/consign.yaml", "apiVersion: consign/v1\nrepository: { scanOnPush: true }\n");
    push(&t, &["shop/api:1"]);
    assert!(image(&t, &["show", "shop/api:1"]).stdout.contains("\nscan       in progress\n"));
    t.ecr().advance_clock(std::time::Duration::from_mins(1)).unwrap();
    let ecr = client(&t, false);
    block_on(async {
        let id = aws_sdk_ecr::types::ImageIdentifier::builder().image_tag("1").build();
        ecr.describe_image_scan_findings().repository_name("shop/api").image_id(id).send().await.unwrap();
    });
    let shown = image(&t, &["show", "shop/api:1"]).to_string();
    assert!(shown.contains("\nscan       complete: "), "{shown}");
}

#[test]
fn one_image_in_the_archive() {
    let t = Context::with_ecr(&[]);
    t.app();
    let archived = push(&t, &["shop/api:1"]);
    let ecr = client(&t, false);
    block_on(async {
        let id = aws_sdk_ecr::types::ImageIdentifier::builder().image_tag("1").build();
        let update = ecr.update_image_storage_class().repository_name("shop/api").image_id(id);
        update.target_storage_class(aws_sdk_ecr::types::TargetStorageClass::Archive).send().await.unwrap();
    });
    let shown = image(&t, &["show", "shop/api:1"]).to_string();
    assert!(shown.contains("\nstatus     archived\narchived "), "{shown}");
    assert_eq!(t.consign(["image", "list", "shop/api", "--digests-only"]).succeeds(), "");
    let listed = t.consign(["image", "list", "shop/api", "--status", "any"]).succeeds();
    assert!(listed.contains("image, archived"), "{listed}");
    t.consign(["image", "delete", &format!("shop/api@{archived}"), "--yes"]).succeeds();
}

#[test]
fn what_is_not_there() {
    let t = Context::with_ecr(&[]);
    t.app();
    insta::assert_snapshot!(image(&t, &["list", "shop/api"]), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop/api` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/api`; if it exists, check the region and the account
    ");
    push(&t, &["shop/api:1"]);
    insta::assert_snapshot!(image(&t, &["show", "shop/api:2"]), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `shop/api:2` is not in the repository [HOST]/shop/api
    hint: `consign image list REPOSITORY` shows what is there
    ");
}

#[test]
fn wrong_arguments_are_told_before_anything_is_asked() {
    let t = Context::with_ecr(&[]);
    let refused = |arguments: &[&str]| {
        let ended = image(&t, arguments);
        assert_eq!((ended.code, ended.stdout.as_str(), t.operations()), (Some(2), "", vec![]), "{ended}");
        ended.stderr
    };
    insta::assert_snapshot!(refused(&["list", "shop/api:1"]), @r"
    error: REPOSITORY: `shop/api:1` is an image, and this is about a repository
    hint: leave out what stands after its name: `shop/api`
    ");
    insta::assert_snapshot!(refused(&["show", "shop/api"]), @r"
    error: REF: `shop/api` is a repository, and this is about an image in it
    hint: name one by its tag or digest: `shop/api:TAG` or `shop/api@sha256:…`
    ");
    insta::assert_snapshot!(refused(&["list", "ghcr.io/shop/api"]), @r"
    error: `ghcr.io/shop/api` is in ghcr.io, which is not ECR: repositories are managed in ECR only
    hint: a name without a host means the private registry of the account and region in use; public.ecr.aws/ALIAS/NAME means ECR Public
    ");
    insta::assert_snapshot!(refused(&["list", "shop/api", "--tag", "[a"]), @r"error: --tag: `[a`: the set that starts with `[` has no `]`");
    for (option, value) in [
        ("--older-than", "soon"),
        ("--type", "picture"),
        ("--platform", "arm"),
        ("--sort", "name"),
        ("--limit", "-1"),
    ] {
        let said = refused(&["list", "shop/api", &format!("{option}={value}")]);
        assert!(said.contains(option) && said.contains(value), "{said}");
    }
    assert!(refused(&["list", "shop/api", "--tagged", "--untagged"]).contains("cannot be used with"));
}

#[test]
fn denied_and_throttled() {
    let denied = with_permissions(&["ecr:ListImages"]);
    denied.app();
    push(&denied, &["shop/api:1"]);
    let role = ["--role-to-assume", crate::iam::ROLE];
    insta::assert_snapshot!(denied.consign(["image", "list", "shop/api"].iter().chain(&role)).output(), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/ci
    error: DescribeImages on [HOST]/shop/api was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:DescribeImages on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:DescribeImages action (request id [UUID])
    hint: the role needs the permission `ecr:DescribeImages` on the repository
    ");
    // Whoever may not ask for referrers sees the rest.
    let some = with_permissions(&["ecr:DescribeImages", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]);
    some.app();
    push(&some, &["shop/api:1", "--platform", "linux/amd64"]);
    let shown = some.consign(["image", "show", "shop/api:1"].iter().chain(&role)).output();
    assert!(shown.code == Some(0) && shown.stdout.contains("linux/amd64"), "{shown}");
    assert!(shown.stderr.contains("warning: what refers to the image is not known"), "{shown}");

    let t = Context::with_ecr(&["throttle:DescribeImages,times=3"]);
    t.app();
    push(&t, &["shop/api:1", "--no-cache"]);
    assert_eq!(t.consign(["image", "list", "shop/api", "--digests-only"]).succeeds().lines().count(), 1);
    let t = Context::with_ecr(&["throttle:DescribeImages,times=always"]);
    t.app();
    push(&t, &["shop/api:1", "--no-cache"]);
    let list = ["image", "list", "shop/api", "--retry-max-attempts", "2"];
    insta::assert_snapshot!(t.consign(list).output(), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: DescribeImages on [HOST]/shop/api did not get through: ThrottlingException: Rate exceeded (request id [UUID])
    hint: check the network, and `AWS_ENDPOINT_URL_ECR` if it is set; then run the same command again: what is stored is not sent twice
    ");
}

#[test]
fn tag_is_the_command_of_that_name() {
    let (t, one, ..) = three();
    let tag =
        |command: &[&str]| t.consign(command.iter().chain(&["shop/api:1.4", "prod", "stable"])).succeeds();
    let printed = tag(&["image", "tag"]);
    assert_eq!(digest(&printed), one);
    assert_eq!(tag(&["tag"]), printed);
    assert_eq!(
        json_of(&t, &["show", "shop/api:prod"])["imageTags"],
        json!(["1.4", "latest", "prod", "stable"])
    );
}
