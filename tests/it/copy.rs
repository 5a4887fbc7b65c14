//! `consign copy`: promotion from one repository to another.

use crate::hostile_registry::{HostileRegistry, OCI_MANIFEST, Reply, TestImage};
use crate::iam::with_permissions;
use crate::plain_registry::{Mood, PlainRegistry};
use crate::support::{Context, digest};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use consign::emulator::Settings;
use serde_json::Value;
use std::sync::Mutex;

fn push(t: &Context, tag: &str, platform: &str) -> String {
    let push = ["build", "app", "--create-repository", "--push", "--tag", tag, "--platform", platform];
    digest(&t.consign(push).succeeds())
}

/// An emulator that mounts, if it is to, and holds `staging/api:1`; and its digest.
fn staging(blob_mounting: bool) -> (Context, String) {
    let t = Context::with_settings(Settings { blob_mounting, ..Settings::default() });
    t.app();
    t.noise("app/data", 6, 1);
    let tested = push(&t, "staging/api:1", "linux/amd64");
    (t, tested)
}

/// What was asked of the emulator since `before`, and how often; without what is asked for credentials.
fn since(t: &Context, before: usize) -> String {
    let requests = t.ecr().requests();
    let mut lines: Vec<(String, usize)> = Vec::new();
    for request in &requests[before..] {
        match lines.iter_mut().find(|(operation, _)| *operation == request.operation) {
            Some((_, count)) => *count += 1,
            None => lines.push((request.operation.clone(), 1)),
        }
    }
    lines.sort();
    lines.iter().map(|(operation, count)| format!("{count} {operation}\n")).collect()
}

/// The sums of how blobs came to their place: moved, mounted, present.
fn sums(json: &str) -> [u64; 3] {
    let json: Value = serde_json::from_str(json).unwrap();
    ["moved", "mounted", "present"].map(|how| json["copied"][0][how].as_u64().unwrap())
}

#[test]
fn within_a_registry_that_mounts_no_layer_is_moved() {
    for transport in ["ecr", "oci"] {
        let (t, tested) = staging(true);
        let before = t.ecr().requests().len();
        let copy = ["copy", "staging/api:1", "prod/api:1.4", "prod/api:latest", "--create-repository"];
        let ended = t.consign(copy.iter().chain(&["--transport", transport])).output();
        assert_eq!(digest(ended.stdout.trim_end()), tested, "{ended}");
        let asked = since(&t, before);
        for bytes in [
            "UploadLayerPart",
            "GetDownloadUrlForLayer",
            "PATCH",
            "PUT /v2/…/blobs/uploads/…",
            "GET /v2/…/blobs/…",
        ] {
            assert!(!asked.contains(bytes), "{transport}: {asked}");
        }
        if transport == "ecr" {
            insta::assert_snapshot!(ended, @r"
            exit: 0
            ----- stdout -----
            [HOST]/prod/api@sha256:[DIGEST]
            ----- stderr -----
            authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
            created the repository prod/api
            layer 1 of 3: mounted from staging/api, 496 B sha256:[SHORT]
            layer 2 of 3: mounted from staging/api, 6.3 MB sha256:[SHORT]
            layer 3 of 3: mounted from staging/api, 188 B sha256:[SHORT]
            [HOST]/prod/api:1.4 is now sha256:[DIGEST]
            [HOST]/prod/api:latest is now sha256:[DIGEST]
            [HOST]/prod/api: 0 B through this machine, 6.3 MB mounted, 0 B there already
            ");
            insta::assert_snapshot!(asked, @r"
            1 AssumeRoleWithWebIdentity
            1 BatchCheckLayerAvailability
            2 BatchGetImage
            1 CreateRepository
            1 DescribeRepositories
            1 GET /oidc/token
            1 GET /v2/
            1 GetAuthorizationToken
            3 POST /v2/…/blobs/uploads/
            2 PutImage
            ");
        }
        let image = &t.ecr().registry()["prod/api"].images[0];
        assert_eq!((image.digest.to_string(), image.tags.len()), (tested, 2));
        t.consign(["validate", "prod/api:1.4"]).succeeds();

        // Once more: nothing is to be done, and little is asked.
        let before = t.ecr().requests().len();
        let again = t.consign(["copy", "staging/api:1", "prod/api:1.4", "--transport", transport]).output();
        assert_eq!(again.stdout, ended.stdout);
        assert!(again.stderr.contains("already is sha256:"), "{again}");
        assert!(!since(&t, before).contains("blobs"), "{}", since(&t, before));
    }
}

#[test]
fn a_registry_that_does_not_mount_gets_the_bytes() {
    for transport in ["ecr", "oci"] {
        let (t, tested) = staging(false);
        let before = t.ecr().requests().len();
        let copy = ["copy", "staging/api:1", "prod/api", "--create-repository", "--format", "json"];
        let json = t.consign(copy.iter().chain(&["--transport", transport])).succeeds();
        let asked = since(&t, before);
        let [moved, mounted, present] = sums(&json);
        assert!(moved > 6 * 1024 * 1024 && mounted == 0 && present == 0, "{json}");
        let repository = &t.ecr().registry()["prod/api"];
        assert_eq!(repository.images[0].digest.to_string(), tested);
        assert_eq!(repository.images[0].tags, ["1"]);
        t.consign(["validate", "prod/api:1"]).succeeds();
        if transport == "ecr" {
            // It is asked once whether it mounts; the answer holds for the repositories.
            insta::assert_snapshot!(asked, @r"
            1 AssumeRoleWithWebIdentity
            1 BatchCheckLayerAvailability
            2 BatchGetImage
            3 CompleteLayerUpload
            1 CreateRepository
            1 DELETE /v2/…/blobs/uploads/…
            1 DescribeRepositories
            3 GET /layer/…
            1 GET /oidc/token
            1 GET /v2/
            1 GetAuthorizationToken
            3 GetDownloadUrlForLayer
            3 InitiateLayerUpload
            1 POST /v2/…/blobs/uploads/
            1 PutImage
            3 UploadLayerPart
            ");
        }
    }
}

#[test]
fn who_may_not_read_there_gets_no_mount_and_who_may_not_log_in_copies_too() {
    let t = with_permissions(&["ecr:*"]);
    t.app();
    // `GetAuthorizationToken` is not among what the role may do on these repositories.
    push(&t, "shop/staging:1", "linux/amd64");
    let ended = t.consign(["copy", "shop/staging:1", "shop/prod:1", "--create-repository"]).output();
    assert_eq!(ended.code, Some(0), "{ended}");
    t.consign(["validate", "shop/prod:1"]).succeeds();
}

#[test]
fn an_index_goes_with_all_that_it_lists() {
    let t = Context::with_ecr(&[]);
    t.app();
    push(&t, "shop/api:1-amd64", "linux/amd64");
    let arm64 = push(&t, "shop/api:1-arm64", "linux/arm64");
    let joined = digest(&t.consign(["index", "create", "shop/api:1", "1-amd64", "1-arm64"]).succeeds());
    let registry = PlainRegistry::start(Mood::Good, None);
    let destination = format!("{}/shop/api", registry.host);
    insta::assert_snapshot!(t.consign(["copy", "shop/api:1", &destination]).output(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    layer 1 of 3: sent, 318 B sha256:[SHORT]
    layer 2 of 3: sent, 188 B sha256:[SHORT]
    layer 3 of 3: sent, 318 B sha256:[SHORT]
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    [HOST]/shop/api: 824 B through this machine, 0 B mounted, 0 B there already
    ");
    // The images come before the index, and after what they are made of.
    let mut requests = registry.requests();
    let manifests = requests.split_off(requests.len() - 3).join("\n");
    assert!(!requests.iter().any(|line| line.starts_with("PUT") && line.contains("/manifests/")));
    insta::assert_snapshot!(manifests, @r"
    PUT /v2/shop/api/manifests/DIGEST
    PUT /v2/shop/api/manifests/DIGEST
    PUT /v2/shop/api/manifests/1
    ");
    assert_eq!(registry.open_uploads(), 0);
    t.consign(["validate", &format!("{destination}@{joined}")]).succeeds();

    // One platform of it is a plain image.
    let one = format!("{destination}:arm");
    let copied = t.consign(["copy", "shop/api:1", &one, "--platform", "linux/arm64"]).succeeds();
    assert_eq!(digest(&copied), arm64);
    assert!(!registry.requests().iter().any(|line| line.contains("/uploads/")));
    let missing = t.consign(["copy", "shop/api:1", &one, "--platform", "linux/s390x"]).fails(2);
    assert!(missing.contains("it has linux/amd64, linux/arm64"), "{missing}");
}

#[test]
fn to_several_places_at_once_and_back() {
    let (t, tested) = staging(false);
    let registry = PlainRegistry::start(Mood::Good, None);
    let there = format!("{}/shop/api:1.4", registry.host);
    let results = ["--digest-file", "digest.txt", "--create-repository"];
    let copied = t.consign(["copy", "staging/api:1", &there, "prod/api"].iter().chain(&results)).succeeds();
    let lines: Vec<_> = copied.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| digest(line) == tested), "{copied}");
    assert_eq!(fs_err::read_to_string(t.path("digest.txt")).unwrap().trim_end(), tested);
    assert_eq!(t.ecr().registry()["prod/api"].images[0].tags, ["1"]);

    // By its digest alone it has no tag to take over.
    let by_digest = format!("{}/shop/api@{tested}", registry.host);
    t.consign(["copy", &by_digest, "back/api", "--create-repository"]).succeeds();
    let image = &t.ecr().registry()["back/api"].images[0];
    assert_eq!((image.digest.to_string(), image.tags.len()), (tested, 0));
}

#[test]
fn what_can_not_be_copied() {
    let (t, tested) = staging(false);
    insta::assert_snapshot!(t.consign(["copy", "staging/api:2", "prod/api"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `staging/api:2`: there is no image `2` in the repository `staging/api`
    hint: without a host, a name means the private ECR registry of the account and region in use; check the name, and that the image was pushed there
    ");
    insta::assert_snapshot!(t.consign(["copy", "staging/api:1", "prod/api"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `prod/api` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create prod/api`; if it exists, check the region and the account
    ");
    let other = format!("sha256:{}", "0".repeat(64));
    let only_if = ["copy", "staging/api:1", "prod/api", "--create-repository", "--if-digest"];
    let refused = t.consign(only_if.iter().chain(&[other.as_str()])).fails(6);
    assert!(refused.contains(&format!("is {tested}, and not {other}")), "{refused}");
    assert!(!t.ecr().registry().contains_key("prod/api"));
    t.consign(only_if.iter().chain(&[tested.as_str()])).succeeds();
    let pinned = format!("prod/api@{tested}");
    insta::assert_snapshot!(t.consign(["copy", "staging/api:1", &pinned]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `prod/api@sha256:[DIGEST]` has a digest, and nothing can be pushed under a digest of one's choice
    hint: push under a tag; the digest follows from the content
    ");
}

/// The bytes of a layer are wrong at their source: nothing gets a tag.
#[test]
fn damaged_bytes_go_nowhere() {
    let t = Context::with_ecr(&[]);
    let image = TestImage::new("amd64", 6 * 1024 * 1024);
    let source = HostileRegistry::start(move |asked| {
        if image.wants_layer(asked) { Reply::ok(&vec![7; image.layer.len()]) } else { image.answer(asked) }
    });
    let plain = PlainRegistry::start(Mood::Good, None);
    let reference = format!("{}/shop/api:1", source.host);
    let there = format!("{}/shop/api", plain.host);
    for destination in [there.as_str(), "shop/api"] {
        let failed = t.consign(["copy", &reference, destination, "--create-repository"]).fails(2);
        assert!(failed.contains("has the digest sha256:"), "{failed}");
    }
    assert!(t.ecr().registry()["shop/api"].images.is_empty());
    assert!(!plain.requests().iter().any(|line| line.starts_with("PUT /v2/shop/api/manifests")));
}

/// The source breaks off in the middle: the copy goes on there.
#[test]
fn a_source_that_breaks_off() {
    let t = Context::new();
    let image = TestImage::new("amd64", 9 * 1024 * 1024);
    let expected = image.digest();
    let source = HostileRegistry::start(move |asked| match (image.wants_layer(asked), asked.from) {
        (true, None) => Reply::Cut { body: image.layer.clone(), after: 5_000_000, partial: None },
        (true, Some(from)) => Reply::rest(&image.layer, from),
        _ => image.answer(asked),
    });
    let plain = PlainRegistry::start(Mood::Good, None);
    let (reference, there) = (format!("{}/shop/api:1", source.host), format!("{}/shop/api", plain.host));
    assert_eq!(digest(&t.consign(["copy", &reference, &there]).succeeds()), expected);
    t.consign(["validate", &format!("{there}:1")]).succeeds();
    assert!(source.lines().contains(" from "), "{}", source.lines());
}

/// A registry with tokens wants one for both repositories.
#[test]
fn a_mount_shows_a_token_for_both_repositories() {
    let t = Context::new();
    let image = TestImage::new("amd64", 1000);
    let expected = image.digest();
    let host: &'static Mutex<String> = Box::leak(Box::default());
    let registry = HostileRegistry::start(move |asked| {
        let path = asked.path.as_str();
        if let Some(query) = path.strip_prefix("/token?") {
            // The token says what it is for.
            return Reply::ok(format!(r#"{{"token":"{}"}}"#, BASE64_STANDARD.encode(query)).as_bytes());
        }
        let shown = asked.authorization.as_deref().and_then(|shown| shown.strip_prefix("Bearer "));
        let scopes = shown.map(|token| String::from_utf8(BASE64_STANDARD.decode(token).unwrap()).unwrap());
        let Some(scopes) = scopes else {
            let challenge = format!("Bearer realm=\"http://{}/token\",service=\"x\"", host.lock().unwrap());
            return Reply::with(401, "www-authenticate", challenge);
        };
        match asked.method.as_str() {
            "POST" => {
                let both = scopes.contains("repository%3Aprod%2Fapi%3Apull%2Cpush")
                    && scopes.contains("repository%3Astaging%2Fapi%3Apull");
                if both && path.contains("&from=staging%2Fapi") {
                    Reply::status(201)
                } else {
                    Reply::status(403)
                }
            }
            "PUT" => Reply::status(201),
            _ if path.starts_with("/v2/prod/") => Reply::status(404),
            _ => image.answer(asked),
        }
    });
    host.lock().unwrap().clone_from(&registry.host);
    let (from, to) = (format!("{}/staging/api:1", registry.host), format!("{}/prod/api:2", registry.host));
    let json = t.consign(["copy", &from, &to, "--format", "json"]).succeeds();
    assert_eq!(digest(serde_json::from_str::<Value>(&json).unwrap()["digest"].as_str().unwrap()), expected);
    let [moved, mounted, present] = sums(&json);
    assert!(moved == 0 && mounted > 1000 && present == 0, "{json}");
    // Which of the manifests is asked for first differs from run to run.
    let lines = registry.lines().replace("GET /v2/prod/api/manifests/DIGEST\n", "");
    insta::assert_snapshot!(lines, @r"
    GET /v2/
    GET /token?scope=repository%3Astaging%2Fapi%3Apull&service=x
    GET /v2/staging/api/manifests/1
    GET /v2/
    GET /token?scope=repository%3Aprod%2Fapi%3Apull%2Cpush&service=x
    GET /v2/prod/api/manifests/2
    HEAD /v2/prod/api/blobs/DIGEST
    HEAD /v2/prod/api/blobs/DIGEST
    GET /v2/
    GET /token?service=x&scope=repository%3Aprod%2Fapi%3Apull%2Cpush&scope=repository%3Astaging%2Fapi%3Apull
    POST /v2/prod/api/blobs/uploads/?mount=DIGEST&from=staging%2Fapi
    POST /v2/prod/api/blobs/uploads/?mount=DIGEST&from=staging%2Fapi
    PUT /v2/prod/api/manifests/2
    ");
}

/// Whatever goes wrong once, and however ECR answers where nobody knows it: the copy is whole, and is mounted.
#[test]
fn a_copy_gets_through() {
    use consign::emulator::Quirks;
    let faults = |faults: &[&str]| Settings {
        faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
        ..Settings::default()
    };
    let quirks = |quirks: &[&str]| Settings {
        quirks: quirks.iter().map(|quirk| quirk.parse().unwrap()).collect::<Quirks>(),
        ..Settings::default()
    };
    let mounting = [
        faults(&["lose-answer:POST /v2/*", "throttle:POST /v2/*,nth=3"]),
        faults(&["expire:POST /v2/*,nth=2", "error:POST /v2/*,status=503,nth=4"]),
        quirks(&["expired-token=401", "unreferenced-blob=404", "absent-layer=failure"]),
    ];
    let moving = [
        faults(&[
            "reset:GET /layer/*",
            "lose-answer:GET /layer/*,nth=3",
            "error:GET /layer/*,status=503,nth=5",
        ]),
        faults(&["throttle:GetDownloadUrlForLayer,times=2", "expire:GetDownloadUrlForLayer,nth=4"]),
        quirks(&["upload-delete=405", "unreferenced-blob=404"]),
    ];
    let all = mounting.map(|settings| Settings { blob_mounting: true, ..settings }).into_iter().chain(moving);
    for settings in all {
        for transport in ["ecr", "oci"] {
            let (is_mounted, told) = (settings.blob_mounting, format!("{transport} {:?}", settings.faults));
            let t = Context::with_settings(settings.clone());
            t.app();
            let tested = push(&t, "staging/api:1", "linux/amd64");
            let copy = ["copy", "staging/api:1", "prod/api", "--create-repository", "--format", "json"];
            let json = t.consign(copy.iter().chain(&["--transport", transport])).succeeds();
            let [moved, mounted, present] = sums(&json);
            assert!((moved == 0, mounted == 0, present) == (is_mounted, !is_mounted, 0), "{told}: {json}");
            assert_eq!(t.ecr().registry()["prod/api"].images[0].digest.to_string(), tested, "{told}");
        }
    }
}

/// What an index lists beside its images goes along.
#[test]
fn attestations_go_along() {
    let t = Context::new();
    let registry = PlainRegistry::start(Mood::Good, None);
    let (image, sbom) = (TestImage::new("amd64", 100), TestImage::new("unknown", 50));
    for part in [&image, &sbom] {
        registry.store_blob(&part.layer);
        registry.store_blob(&part.config);
        registry.store_manifest("x", OCI_MANIFEST, &part.manifest);
    }
    let member = |image: &TestImage, platform: (&str, &str)| {
        serde_json::json!({ "mediaType": OCI_MANIFEST, "digest": image.digest(), "size": image.manifest.len(),
            "platform": { "os": platform.0, "architecture": platform.1 } })
    };
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [member(&image, ("linux", "amd64")), member(&sbom, ("unknown", "unknown"))] });
    let kind = "application/vnd.oci.image.index.v1+json";
    registry.store_manifest("1", kind, index.to_string().as_bytes());
    let other = PlainRegistry::start(Mood::Good, None);
    let (from, to) = (format!("{}/shop/api:1", registry.host), format!("{}/shop/api", other.host));
    t.consign(["copy", &from, &to]).succeeds();
    assert_eq!(other.manifest(&sbom.digest()), sbom.manifest);
    assert_eq!(other.blobs(), 4);
}
