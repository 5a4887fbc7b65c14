//! Reading images from registries that do not do as they should, and from mirrors.

use crate::hostile_registry::{Asked, HostileRegistry, OCI_INDEX, Reply, TestImage};
use crate::plain_registry::{Mood, PlainRegistry};
use crate::support::{Context, Ended, Run, digest};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use consign::base::ManifestDigest;
use serde_json::json;
use std::time::{Duration, Instant};

/// A pull of `shop/api:1` into `layout`.
fn pull(t: &Context, registry: &HostileRegistry, more: &[&str]) -> Run {
    let reference = format!("{}/shop/api:1", registry.host);
    t.consign(["pull", &reference, "layout"].iter().chain(more))
}

/// A registry with this image, whose layer is answered as `layer` wants it.
fn with_layer(
    image: &TestImage,
    layer: impl Fn(&TestImage, &Asked) -> Reply + Send + Sync + 'static,
) -> HostileRegistry {
    let image = image.clone();
    HostileRegistry::start(
        move |asked| {
            if image.wants_layer(asked) { layer(&image, asked) } else { image.answer(asked) }
        },
    )
}

/// What is in the test's folder besides what the test has put there.
fn left(t: &Context) -> Vec<String> {
    let names = fs_err::read_dir(t.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

const MEBIBYTE: usize = 1024 * 1024;

#[test]
fn a_blob_that_breaks_off_goes_on_where_it_broke() {
    let t = Context::new();
    let image = TestImage::new("amd64", 5 * MEBIBYTE);
    // It breaks twice; the third answer is whole.
    let registry = with_layer(&image, |image, asked| match (asked.before, asked.from) {
        (0, None) => Reply::Cut { body: image.layer.clone(), after: MEBIBYTE, partial: None },
        (1, Some(from)) => Reply::Cut { body: image.layer.clone(), after: 2 * MEBIBYTE, partial: Some(from) },
        (2, Some(from)) => Reply::rest(&image.layer, from),
        _ => Reply::status(500),
    });
    assert_eq!(digest(&pull(&t, &registry, &[]).succeeds()), image.digest());
    t.consign(["validate", "layout"]).succeeds();
    insta::assert_snapshot!(registry.lines(), @r"
    GET /v2/
    GET /v2/shop/api/manifests/1
    GET /v2/shop/api/blobs/DIGEST
    GET /v2/shop/api/blobs/DIGEST
    GET /v2/shop/api/blobs/DIGEST from 1048576
    GET /v2/shop/api/blobs/DIGEST from 3145728
    ");
}

#[test]
fn who_knows_no_ranges_sends_it_all_again() {
    let t = Context::new();
    let image = TestImage::new("amd64", 3 * MEBIBYTE);
    let registry = with_layer(&image, |image, asked| match asked.before {
        0 => Reply::Cut { body: image.layer.clone(), after: MEBIBYTE + 7, partial: None },
        _ => Reply::ok(&image.layer),
    });
    assert_eq!(digest(&pull(&t, &registry, &[]).succeeds()), image.digest());
    t.consign(["validate", "layout"]).succeeds();
}

#[test]
fn a_blob_that_never_comes_whole() {
    let t = Context::new();
    let image = TestImage::new("amd64", MEBIBYTE);
    let registry = with_layer(&image, |image, asked| match asked.from {
        None => Reply::Cut { body: image.layer.clone(), after: 1000, partial: None },
        Some(from) => Reply::Cut { body: image.layer.clone(), after: 0, partial: Some(from) },
    });
    insta::assert_snapshot!(pull(&t, &registry, &["--retry-max-attempts", "3"]).output(), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    1 of 2: 151 B sha256:[SHORT]
    error: GET blobs on [HOST]/shop/api@sha256:[DIGEST] did not get through: error reading a body from connection: end of file before message length reached, after 1000 bytes
    hint: check the network and the registry's host and port; then run the same command again: what is stored is not sent twice
    ");
    assert_eq!(left(&t), Vec::<String>::new());
    // An answer that is not for the bytes that were asked for.
    let registry = with_layer(&image, |image, asked| match asked.from {
        None => Reply::Cut { body: image.layer.clone(), after: 1000, partial: None },
        Some(from) => Reply::rest(&image.layer, from + 1),
    });
    let failed = pull(&t, &registry, &[]).fails(5);
    assert!(failed.contains("was not what was asked for"), "{failed}");
}

#[test]
fn a_blob_that_is_another_one() {
    let t = Context::new();
    let image = TestImage::new("amd64", 1000);
    let registry = with_layer(&image, |image, _| {
        let mut other = image.layer.clone();
        other[500] ^= 1;
        Reply::ok(&other)
    });
    insta::assert_snapshot!(pull(&t, &registry, &[]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    1 of 2: 151 B sha256:[SHORT]
    error: the blob sha256:[DIGEST] of [HOST]/shop/api has the digest sha256:[DIGEST] instead of sha256:[DIGEST]
    hint: run the same command again; if it stays so, the image is damaged in that registry, or a proxy alters what passes: push the image anew, or choose another one
    ");
    let registry = with_layer(&image, |_, _| Reply::ok(b"<html>not here</html>"));
    insta::assert_snapshot!(pull(&t, &registry, &[]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    1 of 2: 151 B sha256:[SHORT]
    error: the blob sha256:[DIGEST] of [HOST]/shop/api has 21 bytes, and 2560 were announced
    hint: run the same command again; if it stays so, the image is damaged in that registry, or a proxy alters what passes: push the image anew, or choose another one
    ");
    let registry = with_layer(&image, |image, _| Reply::ok(&[&image.layer[..], b"more"].concat()));
    let failed = pull(&t, &registry, &[]).fails(2);
    assert!(failed.contains("bytes, and 2560 were announced"), "{failed}");
    assert_eq!(left(&t), Vec::<String>::new());
}

#[test]
fn a_manifest_that_is_something_else() {
    let t = Context::new();
    let page = HostileRegistry::start(|_| Reply::json(b"<!doctype html><title>Welcome</title>", "text/html"));
    insta::assert_snapshot!(pull(&t, &page, &[]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: GET manifests on [HOST]/shop/api was answered with something unexpected: it is no manifest, but something else than JSON
    hint: something else than a registry may answer there: check the host, and the proxies of the network (HTTPS_PROXY, NO_PROXY)
    ");

    let image = TestImage::new("amd64", 10);
    let honest = image.clone();
    let registry = HostileRegistry::start(move |asked| honest.answer(asked));
    let pinned = format!("{}/shop/api@{}", registry.host, ManifestDigest::of(b"another"));
    insta::assert_snapshot!(t.consign(["pull", &pinned, "layout"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the manifest sha256:[DIGEST] of [HOST]/shop/api has the digest sha256:[DIGEST] instead of sha256:[DIGEST]
    hint: run the same command again; if it stays so, the image is damaged in that registry, or a proxy alters what passes: push the image anew, or choose another one
    ");

    // Half of one, twice; then all of it.
    let slow = image.clone();
    let registry = HostileRegistry::start(move |asked| match (asked.is_for("/manifests/1"), asked.before) {
        (true, 0 | 1) => Reply::Cut { body: slow.manifest.clone(), after: 20, partial: None },
        _ => slow.answer(asked),
    });
    assert_eq!(digest(&pull(&t, &registry, &[]).succeeds()), image.digest());
}

#[test]
fn a_registry_that_says_nothing() {
    let image = TestImage::new("amd64", 4000);
    let silent = HostileRegistry::start(|_| Reply::Silence);
    let mute = image.clone();
    let quiet = HostileRegistry::start(move |asked| match asked.path.as_str() {
        "/v2/" => Reply::ok(b"{}"),
        path if path.contains("/manifests/") => Reply::Silence,
        _ => mute.answer(asked),
    });
    let stalled = with_layer(&image, |_, _| Reply::Silence);
    let drip = with_layer(&image, |image, _| Reply::Drip(image.layer.clone()));
    for (name, registry) in [("silent", silent), ("quiet", quiet), ("stalled", stalled), ("drip", drip)] {
        let t = Context::new();
        let began = Instant::now();
        let failed = pull(&t, &registry, &["--registry-timeout", "1"]).fails(5);
        assert!(began.elapsed() < Duration::from_secs(20), "{name}: {:?}", began.elapsed());
        assert!(failed.contains("did not get through"), "{name}: {failed}");
        assert_eq!(left(&t), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_redirect_takes_no_credentials_along() {
    let t = Context::new();
    let image = TestImage::new("amd64", 1000);
    let served = image.clone();
    let storage = HostileRegistry::start(move |_| Reply::ok(&served.layer));
    let (front, place) = (image.clone(), storage.host.clone());
    let registry = HostileRegistry::start(move |asked| {
        if asked.authorization.is_none() {
            Reply::with(401, "www-authenticate", "Basic realm=\"test\"")
        } else if front.wants_layer(asked) {
            Reply::with(307, "location", format!("http://{place}/storage?signature=abc"))
        } else {
            front.answer(asked)
        }
    });
    let auth = BASE64_STANDARD.encode("ci:secret");
    t.file(".docker/config.json", format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, registry.host));
    assert_eq!(digest(&pull(&t, &registry, &[]).succeeds()), image.digest());
    let asked = storage.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].authorization, None);
    let shown = registry.asked().iter().filter(|asked| asked.authorization.is_some()).count();
    assert!(shown >= 3, "{}", registry.lines());
}

/// ECR Public and others let everybody in at `/v2/`, and want a token of everybody for a repository.
#[test]
fn a_token_that_is_wanted_for_the_repository_alone() {
    let t = Context::new();
    let image = TestImage::new("amd64", 1000);
    let tokens = HostileRegistry::start(|_| Reply::ok(br#"{"token":"of-nobody"}"#));
    let host = tokens.host.clone();
    let served = image.clone();
    let registry = HostileRegistry::start(move |asked| match (asked.path.as_str(), &asked.authorization) {
        ("/v2/", _) => Reply::ok(b"{}"),
        (_, Some(shown)) if shown == "Bearer of-nobody" => served.answer(asked),
        _ => {
            let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"x\"");
            Reply::with(401, "www-authenticate", challenge)
        }
    });
    assert_eq!(digest(&pull(&t, &registry, &[]).succeeds()), image.digest());
    assert_eq!(tokens.lines(), "GET /token?service=x&scope=repository%3Ashop%2Fapi%3Apull\n");
}

#[test]
fn an_index_without_our_platform() {
    let t = Context::new();
    let image = TestImage::new("arm64", 10);
    let descriptor = |architecture: &str| {
        json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": image.digest(),
            "size": image.manifest.len(), "platform": { "os": "linux", "architecture": architecture } })
    };
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [descriptor("arm64"), descriptor("s390x")] });
    let (index, served) = (index.to_string().into_bytes(), image.clone());
    let registry = HostileRegistry::start(move |asked| {
        if asked.is_for("/manifests/1") { Reply::json(&index, OCI_INDEX) } else { served.answer(asked) }
    });
    insta::assert_snapshot!(pull(&t, &registry, &["--platform", "linux/amd64"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `[HOST]/shop/api:1` has no image for linux/amd64: it has linux/arm64, linux/s390x
    hint: choose one of those, such as `--platform linux/arm64`, or another image
    ");
    assert_eq!(digest(&pull(&t, &registry, &["--platform", "linux/arm64/v8"]).succeeds()), image.digest());
    // A single image says in its config what it is for.
    let single = image.clone();
    let registry = HostileRegistry::start(move |asked| single.answer(asked));
    insta::assert_snapshot!(pull(&t, &registry, &["--platform", "linux/amd64"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `[HOST]/shop/api:1` has no image for linux/amd64: it has linux/arm64
    hint: choose one of those, such as `--platform linux/arm64`, or another image
    ");
}

#[test]
fn an_index_that_lists_what_is_not_there_or_itself_without_end() {
    let t = Context::new();
    let lists = |digest: &str, kind: &str| {
        json!({ "schemaVersion": 2, "mediaType": OCI_INDEX,
            "manifests": [{ "mediaType": kind, "digest": digest, "size": 2,
                "platform": { "os": "linux", "architecture": "amd64" } }] })
        .to_string()
        .into_bytes()
    };
    let sparse =
        lists(&ManifestDigest::of(b"gone").to_string(), "application/vnd.oci.image.manifest.v1+json");
    let registry = HostileRegistry::start(move |asked| match asked.path.as_str() {
        "/v2/" => Reply::ok(b"{}"),
        "/v2/shop/api/manifests/1" => Reply::json(&sparse, OCI_INDEX),
        _ => Reply::status(404),
    });
    insta::assert_snapshot!(pull(&t, &registry, &[]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [HOST]/shop/api:1 is not whole: it lists sha256:[DIGEST] for linux/amd64, which the repository does not have
    hint: push it again with all that it lists, or take one of the images that are there, with `--platform`
    ");

    // Each lists the next one.
    let mut chain = vec![lists(&ManifestDigest::of(b"end").to_string(), OCI_INDEX)];
    for _ in 0..9 {
        let last = ManifestDigest::of(chain.last().unwrap()).to_string();
        chain.push(lists(&last, OCI_INDEX));
    }
    let registry = HostileRegistry::start(move |asked| {
        let known = |bytes: &&Vec<u8>| asked.is_for(&ManifestDigest::of(bytes.as_slice()).to_string());
        match asked.path.as_str() {
            "/v2/" => Reply::ok(b"{}"),
            "/v2/shop/api/manifests/1" => Reply::json(chain.last().unwrap(), OCI_INDEX),
            _ => chain.iter().find(known).map_or(Reply::status(404), |bytes| Reply::json(bytes, OCI_INDEX)),
        }
    });
    let failed = pull(&t, &registry, &[]).fails(4);
    assert!(failed.contains("nested too deeply"), "{failed}");
}

/// A registry with `hub/library/node:22` and nothing else, and one that is called by another name.
fn mirrored() -> (Context, PlainRegistry, TestImage) {
    let t = Context::new();
    let image = TestImage::new("amd64", 1000);
    let mirror = PlainRegistry::start(Mood::Good, None);
    mirror.store_blob(&image.layer);
    mirror.store_blob(&image.config);
    mirror.store_manifest("22", "application/vnd.oci.image.manifest.v1+json", &image.manifest);
    (t, mirror, image)
}

fn through(t: &Context, of: &str, mirror: &str, name: &str) -> Ended {
    let option = format!("{of}={mirror}");
    t.consign(["pull", name, "layout", "--registry-mirror", &option]).output()
}

#[test]
fn a_mirror_is_asked_first() {
    let (t, mirror, image) = mirrored();
    let hub = format!("{}/hub", mirror.host);
    let ended = through(&t, "docker.io", &hub, "docker.io/node:22");
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST]/hub/library/node@sha256:[DIGEST]
    ----- stderr -----
    1 of 2: 151 B sha256:[SHORT]
    2 of 2: 2.6 kB sha256:[SHORT]
    layout: 2 blobs, 2.7 kB, all checked
    ");
    insta::assert_snapshot!(mirror.requests().join("\n"), @r"
    GET /v2/
    GET /v2/hub/library/node/manifests/22
    GET /v2/hub/library/node/blobs/DIGEST
    GET /v2/hub/library/node/blobs/DIGEST
    ");
    // On disk it is called what it was asked for.
    let index = fs_err::read_to_string(t.path("layout/index.json")).unwrap();
    assert!(index.contains("docker.io/library/node:22"), "{index}");
    // By a variable too, and by the digest that was pinned.
    let pinned = format!("docker.io/library/node@{}", image.digest());
    let run = t.consign(["pull", &pinned, "layout"]);
    let reference = run.env("CONSIGN_REGISTRY_MIRROR", format!("docker.io={hub}\n")).succeeds();
    assert_eq!(reference, format!("{hub}/library/node@{}", image.digest()));
}

#[test]
fn what_a_mirror_does_not_have_is_where_it_was_said_to_be() {
    let (t, origin, image) = mirrored();
    let empty = PlainRegistry::start(Mood::Good, None);
    let name = format!("{}/library/node:22", origin.host);
    let ended = through(&t, &origin.host, &format!("{}/hub", empty.host), &name);
    assert_eq!(digest(ended.stdout.trim_end()), image.digest());
    assert!(empty.requests().contains(&"GET /v2/hub/library/node/manifests/22".to_owned()));
    // Neither of them.
    let name = format!("{}/library/node:23", origin.host);
    insta::assert_snapshot!(through(&t, &origin.host, &format!("{}/hub", empty.host), &name), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `[HOST]/library/node:23`: there is no image `23` in the repository `[HOST]/library/node`, nor is it at [HOST]/hub/library/node:23
    hint: check the name and the tag
    ");
}

#[test]
fn a_mirror_that_lets_nobody_in_is_no_mirror_without_the_image() {
    let (t, origin, _) = mirrored();
    let closed = PlainRegistry::start(Mood::Good, Some(("ci", "secret")));
    let name = format!("{}/library/node:22", origin.host);
    insta::assert_snapshot!(through(&t, &origin.host, &format!("{}/hub", closed.host), &name), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: the mirror of [HOST]/library/node:22 did not give [HOST]/hub/library/node:22: [HOST] does not let anonymous users into the repository `hub/library/node`: UNAUTHORIZED: as the test wants it (HTTP status 401)
    hint: log in first: `docker login [HOST]` or `podman login [HOST]` write the credentials to where consign finds them; in a CI job, DOCKER_CONFIG or REGISTRY_AUTH_FILE name the place; only what a mirror does not have is looked for elsewhere: leave `--registry-mirror` out to do without it
    ");
    assert_eq!(origin.requests(), Vec::<String>::new());
}

#[test]
fn a_mirror_that_has_another_image_under_that_digest() {
    let (t, origin, image) = mirrored();
    let other = TestImage::new("amd64", 7);
    let liar = HostileRegistry::start(move |asked| other.answer(asked));
    let name = format!("{}/library/node@{}", origin.host, image.digest());
    let ended = through(&t, &origin.host, &format!("{}/hub", liar.host), &name);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("has the digest") && ended.stderr.contains("the mirror"), "{ended}");
    assert_eq!(left(&t), Vec::<String>::new());
}

#[test]
fn what_is_no_mirror() {
    let t = Context::new();
    insta::assert_snapshot!(through(&t, "docker.io", "https://mirror.example", "docker.io/node"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --registry-mirror: `docker.io=https://mirror.example` is no mirror: hosts are written without `https://`
    ");
}

#[test]
fn a_pull_through_cache_of_ecr() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.consign(["build", "app", "--push", "--create-repository", "--tag", "docker-hub/library/node:22"])
        .succeeds();
    let host = t.ecr().address().to_string();
    let before = t.ecr().requests().len();
    let ended = through(&t, "docker.io", &format!("{host}/docker-hub"), "docker.io/node:22");
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    [HOST]/docker-hub/library/node@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    1 of 2: 318 B sha256:[SHORT]
    2 of 2: 188 B sha256:[SHORT]
    layout: 2 blobs, 506 B, all checked
    ");
    // As other clients pull, since that is what fills such a cache.
    let requests = t.ecr().requests();
    let asked: Vec<_> = requests[before..].iter().map(|request| request.operation.clone()).collect();
    assert!(asked.contains(&"GET /v2/…/manifests/…".to_owned()), "{asked:?}");
    assert!(!asked.contains(&"BatchGetImage".to_owned()), "{asked:?}");
}

#[test]
fn ecr_public_is_read_without_an_account() {
    let t = Context::new();
    let image = TestImage::new("amd64", 1000);
    let served = image.clone();
    let registry = HostileRegistry::start(move |asked| served.answer(asked));
    let pull = ["pull", "public.ecr.aws/docker/library/node:22", "layout"];
    let run = t.consign(pull).env("CONSIGN_REGISTRY_ENDPOINT", format!("http://{}", registry.host));
    assert_eq!(run.succeeds(), format!("public.ecr.aws/docker/library/node@{}", image.digest()));
    assert!(registry.lines().contains("GET /v2/docker/library/node/manifests/22"), "{}", registry.lines());
    let blobs = registry.asked().iter().filter(|asked| asked.path.contains("/blobs/")).count();
    assert_eq!(blobs, 2);
    assert!(registry.asked().iter().all(|asked| asked.authorization.is_none()));
}

#[test]
fn a_registry_that_counts_what_is_asked_of_it() {
    let t = Context::new();
    let registry = HostileRegistry::start(|asked| match asked.path.as_str() {
        "/v2/" => Reply::ok(b"{}"),
        _ => Reply::Answer {
            status: 429,
            headers: Vec::new(),
            body: br#"{"errors":[{"code":"TOOMANYREQUESTS","message":"that was enough"}]}"#.to_vec(),
        },
    });
    insta::assert_snapshot!(pull(&t, &registry, &["--retry-max-attempts", "2"]).output(), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: GET manifests on [HOST]/shop/api did not get through: TOOMANYREQUESTS: that was enough (HTTP status 429)
    hint: the registry counts what is asked of it: log in with `docker login`, or let a cache ask, with `--registry-mirror`
    ");
}

/// Ctrl-C while a registry says nothing: at the manifest, and in the middle of a blob.
#[test]
fn whoever_waits_for_a_registry_can_be_interrupted() {
    let image = TestImage::new("amd64", 100_000);
    let config = consign::base::BlobDigest::of(&image.config).to_string();
    let silent = HostileRegistry::start(|_| Reply::Silence);
    let stalled =
        HostileRegistry::start(
            move |asked| {
                if asked.is_for(&config) { Reply::Silence } else { image.answer(asked) }
            },
        );
    for registry in [silent, stalled] {
        let t = Context::new();
        t.app();
        let base = format!("{}/shop/base:1", registry.host);
        let open = PlainRegistry::start(Mood::Good, None);
        let destination = format!("{}/shop/copy", open.host);
        for (name, arguments) in [
            ("build", vec!["build", "app", "--base", &base, "--platform", "linux/amd64"]),
            ("pull", vec!["pull", &base, "layout"]),
            ("copy", vec!["copy", &base, &destination]),
        ] {
            // The last request is one that is never answered.
            let before = registry.asked().len();
            let mut run = t.consign(arguments);
            let command =
                run.command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            let child = command.spawn().unwrap();
            std::thread::sleep(Duration::from_millis(1500));
            assert!(registry.asked().len() > before, "{name}: {}", registry.lines());
            let began = Instant::now();
            let process = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
            let ended = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(130), "{name}: {said}");
            assert!(!said.contains("panicked"), "{name}: {said}");
            assert!(began.elapsed() < Duration::from_secs(8), "{name}: {:?}", began.elapsed());
            assert_eq!(left(&t), ["app"], "{name}");
        }
    }
}
