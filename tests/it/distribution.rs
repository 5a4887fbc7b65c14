//! `/v2/`: ECR over the distribution API, and registries that are not ECR.

use crate::plain_registry::{Mood, PlainRegistry};
use crate::support::{Context, Ended, Run, digest};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::time::Instant;

const PUSH: [&str; 8] =
    ["build", "app", "--tag", "shop/api:1", "--create-repository", "--push", "--transport", "oci"];

/// The requests to `/v2/`, and how often.
fn requests(t: &Context) -> String {
    let all = t.operations().into_iter().filter(|(name, _)| name.contains("/v2/"));
    all.map(|(name, count)| format!("{count} {name}\n")).collect()
}

#[test]
fn a_push_to_ecr_over_v2() {
    let t = Context::with_ecr(&[]);
    t.app();
    let pushed = t.consign(PUSH).succeeds();
    insta::assert_snapshot!(requests(&t), @r"
    1 GET /v2/
    1 HEAD /v2/…/blobs/…
    2 POST /v2/…/blobs/uploads/
    2 PUT /v2/…/blobs/uploads/…
    1 PUT /v2/…/manifests/…
    ");
    assert_eq!(t.requests("GetAuthorizationToken").len(), 1);
    assert_eq!(t.ecr().registry()["shop/api"].images[0].digest.to_string(), digest(&pushed));

    // Both transports make the same image, byte for byte.
    let other = t.consign(["build", "app", "--tag", "other:1", "--create-repository", "--push"]).succeeds();
    assert_eq!(digest(&other), digest(&pushed));
    insta::assert_snapshot!(t.consign(["validate", "shop/api:1", "--transport", "oci"]).output(), @r"
    exit: 0
    ----- stdout -----
    valid: 1 image, 1 layer
    ----- stderr -----
    ");
    let inspect = |transport| t.consign(["inspect", "shop/api:1", "--transport", transport]).succeeds();
    assert_eq!(inspect("oci"), inspect("ecr"));
}

#[test]
fn what_is_there_is_not_sent_over_v2_either() {
    let t = Context::with_ecr(&[]);
    t.noise("app/data", 9, 1);
    t.file("app/small", "1");
    t.file(
        "app/consign.yaml",
        "apiVersion: consign/v1\nlayers:\n- { name: data, from: data, to: /data }\n- { name: small, from: small, to: \
         /small }\n",
    );
    let first = t.consign(PUSH).succeeds();
    let before = requests(&t);
    let ended = t.consign(PUSH).output();
    assert_eq!(ended.stdout.trim_end(), first);
    assert!(ended.stderr.contains("already is sha256:"), "{ended}");
    // Logging in, the tag's manifest and its config: the layers make the image that is there, so nothing is asked
    // about each of them.
    let count = |text: &str| {
        text.lines().map(|l| l.split(' ').next().unwrap().parse::<usize>().unwrap()).sum::<usize>()
    };
    assert_eq!(count(&requests(&t)) - count(&before), 1 + 1 + 1, "{before}\n{}", requests(&t));
    let sends = |method: &str| t.requests(&format!("{method} /v2/…/blobs/uploads/…")).len();
    assert_eq!((sends("PATCH"), sends("PUT")), (1, 3));

    // One layer changes: that one and the config are sent.
    t.file("app/small", "2");
    assert_ne!(t.consign(PUSH).succeeds(), first);
    assert_eq!((sends("PATCH"), sends("PUT")), (1, 5));
}

#[test]
fn a_reset_in_the_middle_of_a_patch() {
    for faults in [
        &["reset:PATCH /v2/*"][..],
        &["lose-answer:PATCH /v2/*", "lose-answer:PUT /v2/*/blobs/*", "lose-answer:POST /v2/*"],
        &["reset:PATCH /v2/*,times=3", "throttle:PUT /v2/*", "error:PATCH /v2/*,status=503,nth=5"],
        &["vanish:PATCH /v2/*"],
    ] {
        let t = Context::with_ecr(faults);
        t.noise("app/data", 24, 1);
        let pushed = t.consign(PUSH).succeeds();
        let repository = &t.ecr().registry()["shop/api"];
        assert_eq!(repository.images[0].digest.to_string(), digest(&pushed), "{faults:?}");
        assert_eq!(repository.blobs.len(), 2, "{faults:?}");
        let twin = Context::with_ecr(&[]);
        twin.noise("app/data", 24, 1);
        assert_eq!(digest(&twin.consign(PUSH).succeeds()), digest(&pushed));
    }
}

/// What no source settles about ECR's `/v2/` can be either way; a push works with each reading.
#[test]
fn every_reading_of_what_is_not_known() {
    use consign::emulator::{Quirk, Quirks, Settings};
    for (name, values) in Quirk::ALL {
        for value in &values[1..] {
            let quirk: Quirk = format!("{name}={value}").parse().unwrap();
            let quirks = Quirks::from_iter([quirk]);
            let faults =
                vec!["reset:PATCH /v2/*,nth=2".parse().unwrap(), "expire:PUT /v2/*".parse().unwrap()];
            let t = Context::with_settings(Settings { quirks, faults, ..Settings::default() });
            t.noise("app/data", 12, 1);
            t.file("app/consign.yaml", "apiVersion: consign/v1\nrepository: { tagMutability: IMMUTABLE }\n");
            let first = t.consign(PUSH).succeeds();
            assert_eq!(t.consign(PUSH).succeeds(), first, "{name}={value}");
            t.file("app/other", "x");
            let refused = t.consign(PUSH).fails(4);
            assert!(
                refused.contains("is immutable") && refused.contains(&digest(&first)),
                "{name}={value}: {refused}"
            );
        }
    }
}

#[test]
fn a_password_that_runs_out_is_got_anew() {
    let t = Context::with_ecr(&["expire:PATCH /v2/*", "expire:PUT /v2/*/manifests/*", "expire:HEAD /v2/*"]);
    t.noise("app/data", 9, 1);
    t.consign(PUSH).succeeds();
    assert_eq!(t.requests("GetAuthorizationToken").len(), 3);
}

#[test]
fn a_repository_that_does_not_exist() {
    let t = Context::with_ecr(&[]);
    t.app();
    let push = ["build", "app", "--push", "--tag", "shop/api:1", "--transport", "oci"];
    insta::assert_snapshot!(t.consign(push).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop/api` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/api`; if it exists, check the region and the account
    ");
    let no_cache = t.consign(push.iter().chain(&["--no-cache"])).fails(4);
    assert!(no_cache.contains("does not exist in the registry"), "{no_cache}");
    assert!(t.requests("POST /v2/…/blobs/uploads/").is_empty());
}

#[test]
fn a_permission_that_is_missing() {
    let t = Context::with_ecr(&[
        "error:PUT /v2/*/manifests/*,status=403,code=DENIED,message=not you,times=always",
    ]);
    t.app();
    insta::assert_snapshot!(t.consign(PUSH).output(), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    layer context: sent, 188 B sha256:[SHORT]
    error: PUT manifests on [HOST]/shop/api was denied: UNKNOWN: not you (HTTP status 403)
    hint: the registry knows these credentials, and they may not do this: give their owner the right to push to the repository (for ECR: the IAM permission that the message names), and check the name
    ");
}

/// A push to `registry`, with nothing in the environment that AWS or a CI would put there.
fn plain(t: &Context, registry: &PlainRegistry, tag: &str, more: &[&str]) -> Run {
    let tag = format!("{}/shop/api:{tag}", registry.host);
    let arguments = ["build", "app", "--push", "--tag", &tag];
    t.consign(arguments.iter().chain(more))
}

/// What `docker login` writes.
fn log_in(t: &Context, registry: &PlainRegistry, user: &str, password: &str) {
    let auth = BASE64_STANDARD.encode(format!("{user}:{password}"));
    t.file(".docker/config.json", format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, registry.host));
}

fn said(ended: &Ended) -> String {
    ended.to_string()
}

#[test]
fn an_open_registry_needs_no_aws() {
    let t = Context::new();
    t.app();
    let registry = PlainRegistry::start(Mood::Good, None);
    let ended = plain(&t, &registry, "1", &["--create-repository"]).output();
    insta::assert_snapshot!(said(&ended), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    --create-repository: nothing to do, as [HOST] makes repositories when they are pushed to
    layer context: sent, 188 B sha256:[SHORT]
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    ");
    insta::assert_snapshot!(registry.requests().join("\n"), @r"
    GET /v2/
    GET /v2/shop/api/manifests/1
    HEAD /v2/shop/api/blobs/DIGEST
    POST /v2/shop/api/blobs/uploads/
    PUT /v2/shop/api/blobs/uploads/ID
    POST /v2/shop/api/blobs/uploads/
    PUT /v2/shop/api/blobs/uploads/ID
    PUT /v2/shop/api/manifests/1
    ");
    assert_eq!(
        digest(ended.stdout.trim_end()),
        consign::base::ManifestDigest::of(&registry.manifest("1")).to_string()
    );

    let again = plain(&t, &registry, "1", &[]).output();
    assert_eq!(again.stdout, ended.stdout);
    insta::assert_snapshot!(registry.requests().join("\n"), @r"
    GET /v2/
    GET /v2/shop/api/manifests/1
    GET /v2/shop/api/blobs/DIGEST
    ");

    let reference = ended.stdout.trim_end();
    assert_eq!(t.consign(["validate", reference]).succeeds(), "valid: 1 image, 1 layer");
    assert!(t.consign(["inspect", reference]).succeeds().contains(&digest(reference)));

    t.consign(["build", "app", "-o", "type=oci,dest=layout"]).succeeds();
    let tag = format!("{}/shop/api:2", registry.host);
    assert_eq!(t.consign(["push", "layout", &tag]).succeeds(), reference);
}

#[test]
fn an_upload_that_breaks_goes_on_where_it_broke() {
    const MEBIBYTE: usize = 1024 * 1024;
    for (mood, most) in [(Mood::Cut(16 * MEBIBYTE), 34), (Mood::Forget(6 * MEBIBYTE), 44)] {
        let t = Context::new();
        t.noise("app/data", 24, 1);
        let registry = PlainRegistry::start(mood, None);
        let ended = plain(&t, &registry, "1", &[]).output();
        assert_eq!(ended.code, Some(0), "{ended}");
        assert_eq!((registry.blobs(), registry.open_uploads()), (2, 0));
        let requests = registry.requests();
        let patches = requests.iter().filter(|line| line.starts_with("PATCH")).count();
        let (asked, anew) =
            (requests.iter().any(|line| line.starts_with("GET /v2/shop/api/blobs/uploads/ID")), 3);
        assert!(asked && patches >= 2, "{requests:#?}");
        let posts = requests.iter().filter(|line| line.starts_with("POST")).count();
        assert_eq!(posts, if matches!(mood, Mood::Cut(_)) { 2 } else { anew }, "{requests:#?}");
        // Without the bytes that were on the way when it broke, nothing is sent twice.
        assert!(registry.received() < most * MEBIBYTE, "{mood:?}: {} bytes", registry.received());
        let reference = ended.stdout.trim_end();
        assert_eq!(t.consign(["validate", reference]).succeeds(), "valid: 1 image, 1 layer");
    }
}

#[test]
fn a_busy_registry_is_given_the_time_that_it_asks_for() {
    let t = Context::new();
    t.app();
    let registry = PlainRegistry::start(Mood::Busy, None);
    let started = Instant::now();
    plain(&t, &registry, "1", &[]).succeeds();
    assert!(started.elapsed().as_millis() >= 1000, "{:?}", started.elapsed());
}

#[test]
fn a_registry_that_stores_something_else_is_found_out() {
    let t = Context::new();
    t.app();
    let registry = PlainRegistry::start(Mood::Alters, None);
    let failed = plain(&t, &registry, "1", &[]).fails(2);
    assert!(failed.contains("has the digest"), "{failed}");
}

#[test]
fn tokens_are_asked_for_and_renewed() {
    let t = Context::new();
    t.noise("app/data", 9, 1);
    let registry = PlainRegistry::start(Mood::Good, Some(("ci", "pass:word")));
    log_in(&t, &registry, "ci", "pass:word");
    let first = plain(&t, &registry, "1", &[]).succeeds();
    insta::assert_snapshot!(registry.requests().join("\n"), @r"
    GET /v2/
    GET /token
    GET /v2/shop/api/manifests/1
    POST /v2/shop/api/blobs/uploads/
    PATCH /v2/shop/api/blobs/uploads/ID
    PUT /v2/shop/api/blobs/uploads/ID
    POST /v2/shop/api/blobs/uploads/
    PUT /v2/shop/api/blobs/uploads/ID
    PUT /v2/shop/api/manifests/1
    ");

    let registry = PlainRegistry::start(Mood::ShortTokens(2), Some(("ci", "pass:word")));
    log_in(&t, &registry, "ci", "pass:word");
    let second = plain(&t, &registry, "1", &[]).succeeds();
    assert_eq!(digest(&first), digest(&second));
    let tokens = registry.requests().iter().filter(|line| *line == "GET /token").count();
    assert!(tokens > 2, "{tokens}");
    assert_eq!(registry.blobs(), 2);
}

#[test]
fn credentials_that_are_missing_or_wrong() {
    let t = Context::new();
    t.app();
    let registry = PlainRegistry::start(Mood::Good, Some(("ci", "right")));
    insta::assert_snapshot!(said(&plain(&t, &registry, "1", &[]).output()), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: [HOST] does not let anonymous users into the repository `shop/api`: UNAUTHORIZED: as the test wants it (HTTP status 401)
    hint: log in first: `docker login [HOST]` or `podman login [HOST]` write the credentials to where consign finds them; in a CI job, DOCKER_CONFIG or REGISTRY_AUTH_FILE name the place
    ");
    log_in(&t, &registry, "ci", "wrong-secret");
    let ended = plain(&t, &registry, "1", &["-vvv"]).env("RUST_LOG", "trace").output();
    let text = format!("{}{}", ended.stdout, ended.stderr);
    let encoded = BASE64_STANDARD.encode("ci:wrong-secret");
    assert!(!text.contains("wrong-secret") && !text.contains(&encoded), "a secret is shown: {text}");
    insta::assert_snapshot!(said(&plain(&t, &registry, "1", &[]).output()), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: [HOST] does not let the user `ci` into the repository `shop/api`: UNAUTHORIZED: as the test wants it (HTTP status 401)
    hint: user or password are wrong or have run out: `docker login [HOST]` stores new ones
    ");
    assert_eq!(registry.blobs(), 0);
}

#[test]
fn a_credential_helper_is_asked() {
    let t = Context::new();
    t.app();
    let registry = PlainRegistry::start(Mood::Good, Some(("ci", "right")));
    // It knows this one registry, which it is told on stdin.
    let script = format!(
        "#!/bin/sh\nread -r server\n[ \"$1 $server\" = 'get {}' ] && echo \
         '{{\"ServerURL\":\"x\",\"Username\":\"ci\",\"Secret\":\"right\"}}'\n",
        registry.host
    );
    t.file("script", script);
    // By another process: a program that this one has open for writing could not be run.
    t.shell("mkdir bin && cp script bin/docker-credential-ours && chmod 755 bin/docker-credential-ours")
        .succeeds();
    t.file("config/config.json", format!(r#"{{"credHelpers":{{"{}":"ours"}}}}"#, registry.host));
    let search = format!("{}:/usr/bin:/bin", t.path("bin").display());
    let run = || plain(&t, &registry, "1", &[]).env("DOCKER_CONFIG", t.path("config"));
    run().env("PATH", search).succeeds();
    insta::assert_snapshot!(said(&run().output()), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: the credential helper for [HOST] that `[DIR]/config/config.json` names did not work: Unable to communicate with credential helper
    hint: install the helper `docker-credential-…` that the file names, or log in without one: `docker login [HOST]`
    ");
}

#[test]
fn no_registry_there() {
    let t = Context::new();
    t.app();
    // Port 9 is `discard`, which nothing serves here.
    let push = ["build", "app", "--push", "--tag", "127.0.0.1:9/shop/api:1", "--retry-max-attempts", "2"];
    insta::assert_snapshot!(t.consign(push).output(), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: GET manifests on [HOST]/shop/api did not get through: client error (Connect): tcp connect error: Connection refused (os error 111)
    hint: check the network and the registry's host and port; then run the same command again: what is stored is not sent twice
    ");
}
