//! What goes wrong on the way to a registry, and what consign makes of it.

use crate::support::{Context, digest};
use consign::emulator::PartRecord;
use std::time::{Duration, Instant};

const PUSH: [&str; 6] = ["build", "app", "--tag", "shop/api:1", "--create-repository", "--push"];

/// The parts of the largest upload, in the order in which they arrived.
fn parts(t: &Context) -> Vec<(PartRecord, Option<u16>)> {
    let requests = t.requests("UploadLayerPart");
    requests.into_iter().filter_map(|request| Some((request.part?, request.status))).collect()
}

/// Asserts that what was stored of each completed upload is each byte once.
fn assert_each_byte_once(t: &Context) {
    let parts = parts(t);
    let mut ids: Vec<_> = parts.iter().map(|(part, _)| part.upload_id.clone()).collect();
    ids.dedup();
    for id in ids {
        let mut next = 0;
        for (part, _) in parts.iter().filter(|(part, _)| part.upload_id == id && part.bytes_stored > 0) {
            assert_eq!(part.first_byte, next, "{parts:#?}");
            next = part.last_byte + 1;
        }
    }
}

fn pushed(t: &Context) -> String {
    let printed = t.consign(PUSH).succeeds();
    let registry = t.ecr().registry();
    assert_eq!(registry["shop/api"].images[0].digest.to_string(), digest(&printed));
    printed
}

#[test]
fn a_lost_answer_is_settled_by_asking() {
    let t = Context::with_ecr(&["lose-answer:UploadLayerPart,nth=2"]);
    t.noise("app/data", 12, 1);
    pushed(&t);
    assert_each_byte_once(&t);
    // 5 MiB parts: of three, the second one's answer is lost. Nothing of it goes over the wire again: the next
    // request about its bytes is a question of one byte that can't be the next one.
    let parts = parts(&t);
    let sent: u64 = parts.iter().map(|(part, _)| part.last_byte - part.first_byte + 1).sum();
    let stored: u64 = parts.iter().map(|(part, _)| part.bytes_stored).sum();
    assert_eq!(sent, stored + 1, "{parts:#?}");
}

#[test]
fn every_answer_lost_once_is_still_an_image() {
    let t = Context::with_ecr(&[
        "lose-answer:CreateRepository",
        "lose-answer:InitiateLayerUpload",
        "lose-answer:UploadLayerPart",
        "lose-answer:CompleteLayerUpload",
        "lose-answer:PutImage",
        "lose-answer:AssumeRoleWithWebIdentity",
        "lose-answer:BatchCheckLayerAvailability",
    ]);
    t.noise("app/data", 6, 1);
    pushed(&t);
    assert_each_byte_once(&t);
}

#[test]
fn a_reset_in_the_middle_of_a_part_sends_that_part_again() {
    let t = Context::with_ecr(&["reset:UploadLayerPart,nth=2"]);
    t.noise("app/data", 12, 1);
    pushed(&t);
    assert_each_byte_once(&t);
}

#[test]
fn throttled_ten_times_in_a_row_gets_through() {
    let t = Context::with_ecr(&[
        "throttle:UploadLayerPart,times=10",
        "throttle:PutImage,times=10",
        "throttle:InitiateLayerUpload,times=10",
    ]);
    t.app();
    pushed(&t);
    let throttled = |operation| {
        t.requests(operation).iter().filter(|r| r.error.as_deref() == Some("ThrottlingException")).count()
    };
    assert_eq!(throttled("UploadLayerPart"), 10);
    assert_eq!(throttled("PutImage"), 10);
    assert_eq!(throttled("InitiateLayerUpload"), 10);
}

#[test]
fn throttled_for_ever_is_out_of_retries() {
    let t = Context::with_ecr(&["throttle:PutImage,times=always"]);
    t.app();
    let ended = t.consign(PUSH.iter().chain(&["--retry-max-attempts", "4"])).output();
    insta::assert_snapshot!(ended, @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    layer context: sent, 188 B sha256:[SHORT]
    error: PutImage on [HOST]/shop/api did not get through: ThrottlingException: Rate exceeded (request id [UUID])
    hint: check the network, and `AWS_ENDPOINT_URL_ECR` if it is set; then run the same command again: what is stored is not sent twice
    ");
    assert!(t.ecr().registry()["shop/api"].images.is_empty());
}

#[test]
fn server_errors_are_tried_again() {
    let t = Context::with_ecr(&[
        "error:InitiateLayerUpload,status=500,times=3",
        "error:UploadLayerPart,status=503,times=3",
        "error:CompleteLayerUpload,status=500,times=3",
        "error:PutImage,status=503,times=3",
        "error:AssumeRoleWithWebIdentity,code=IDPCommunicationError,times=2",
        "error:GET /oidc/token,status=500,times=2",
    ]);
    t.app();
    pushed(&t);
}

#[test]
fn an_upload_that_vanished_starts_anew_and_the_others_go_on() {
    let t = Context::with_ecr(&["vanish,part=2"]);
    for name in ["one", "two", "three"] {
        t.noise(&format!("app/{name}/data"), 12, name.len() as u64 + u64::from(name.as_bytes()[1]));
    }
    t.file(
        "app/consign.yaml",
        "apiVersion: consign/v1\nlayers:\n- { name: one, from: one, to: /one }\n- { name: two, from: two, to: \
         /two }\n- { name: three, from: three, to: /three }\n",
    );
    let ended = t.consign(PUSH).output();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.contains("starts anew"), "{ended}");
    assert_each_byte_once(&t);
    // Three layers and the config are four uploads, and one is begun twice.
    assert_eq!(t.requests("InitiateLayerUpload").len(), 5);
    assert_eq!(t.ecr().registry()["shop/api"].blobs.len(), 4);
}

#[test]
fn credentials_that_expire_between_two_parts_are_minted_anew() {
    let t = Context::with_ecr(&["expire:UploadLayerPart,nth=2"]);
    t.noise("app/data", 12, 1);
    pushed(&t);
    assert_each_byte_once(&t);
    assert_eq!(t.requests("AssumeRoleWithWebIdentity").len(), 2);
    assert_eq!(t.requests("GET /oidc/token").len(), 2, "each exchange takes a fresh token");
}

#[test]
fn credentials_that_expire_at_every_step_are_minted_anew() {
    let t = Context::with_ecr(&[
        "expire:BatchCheckLayerAvailability",
        "expire:InitiateLayerUpload",
        "expire:CompleteLayerUpload",
        "expire:PutImage",
    ]);
    t.app();
    pushed(&t);
    assert_eq!(t.requests("AssumeRoleWithWebIdentity").len(), 5);
}

#[test]
fn killed_in_the_middle_and_run_again() {
    let t = Context::with_ecr(&["slow,rate=4000000"]);
    t.noise("app/data", 24, 1);
    let mut first = t.consign(PUSH).command.spawn().unwrap();
    let started = Instant::now();
    while parts(&t).is_empty() {
        assert!(started.elapsed() < Duration::from_mins(1), "no part arrived");
        std::thread::sleep(Duration::from_millis(20));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let half = &t.ecr().registry()["shop/api"];
    assert!(half.images.is_empty() && half.blobs.is_empty(), "{half:?}");
    pushed(&t);
    let whole = &t.ecr().registry()["shop/api"];
    assert_eq!((whole.images.len(), whole.blobs.len()), (1, 2));
}

#[test]
fn ctrl_c_ends_a_push_at_once_and_leaves_nothing() {
    let t = Context::with_ecr(&["slow,rate=2000000"]);
    t.noise("app/data", 24, 1);
    let push = PUSH.iter().chain(&["--digest-file", "digest"]);
    let mut running = t.consign(push).command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while t.requests("InitiateLayerUpload").is_empty() {
        assert!(started.elapsed() < Duration::from_mins(1), "no upload began");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_child(&running);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let asked = Instant::now();
    let status = running.wait().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(130));
    assert!(!t.path("digest").exists());
    let left: Vec<_> =
        fs_err::read_dir(t.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["app"]);
}

#[test]
fn no_secret_shows_up_whatever_goes_wrong() {
    for faults in [
        &["throttle:UploadLayerPart,times=3", "expire:PutImage", "reset:UploadLayerPart,nth=5"][..],
        &["error:PutImage,code=AccessDeniedException,status=400,times=always"],
        &["error:AssumeRoleWithWebIdentity,code=AccessDenied,status=403,times=always"],
    ] {
        let t = Context::with_ecr(faults);
        t.app();
        let variables = t.ecr().environment();
        let ended = t.consign(PUSH.iter().chain(&["-vvv"])).env("RUST_LOG", "trace").output();
        let text = format!("{}{}", ended.stdout, ended.stderr);
        assert!(text.contains("DEBUG") || text.contains("TRACE") || text.contains("INFO"), "{text}");
        let value = |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).unwrap().1.clone();
        let token = fs_err::read_to_string(value("AWS_WEB_IDENTITY_TOKEN_FILE")).unwrap();
        for secret in [value("ACTIONS_ID_TOKEN_REQUEST_TOKEN"), token] {
            assert!(!text.contains(secret.trim()), "a secret is shown");
        }
        // JSON Web Tokens, key ids, session tokens and signatures by their looks.
        for pattern in
            ["eyJ[A-Za-z0-9_-]{10,}", "ASIA[A-Z0-9]{12,}", "Signature=", "X-Amz-Signature", "Bearer "]
        {
            let found =
                regex::Regex::new(pattern).unwrap().find(&text).map(|found| found.as_str().to_owned());
            assert_eq!(found, None, "{text}");
        }
    }
}
