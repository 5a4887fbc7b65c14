//! What is not done when nothing, or little, has changed; and how a tree becomes layers.

use crate::support::{Context, digest, redacted};
use consign::emulator::RequestRecord;
use std::time::{Duration, UNIX_EPOCH};

const PUSH: [&str; 6] = ["build", "app", "--tag", "shop/api:1.4", "--create-repository", "--push"];
const KEPT: [&str; 8] =
    ["build", "app", "--tag", "shop/api:1.4", "--create-repository", "--push", "--cache-dir", "cache"];

/// A Node application of 24 MB: 300 packages of 60 kB, 30 of 180 kB, and its own 20 kB.
fn application(t: &Context) {
    for number in 0..330 {
        let size = if number < 300 { 60_000 } else { 180_000 };
        t.file(format!("app/node_modules/package-{number}/index.js").as_str(), words(number, size));
        t.file(
            format!("app/node_modules/package-{number}/package.json").as_str(),
            format!("{{\"n\":{number}}}"),
        );
    }
    for number in 0..20 {
        t.file(format!("app/src/page-{number}.js").as_str(), words(1000 + number, 1_000));
    }
    // As long ago as in a folder that was not made this moment.
    let long_ago = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for entry in walk(&t.path("app")) {
        fs_err::OpenOptions::new().write(true).open(entry).unwrap().file().set_modified(long_ago).unwrap();
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

/// Text that compresses about as code does.
fn words(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = Vec::with_capacity(size + 16);
    while text.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend_from_slice(format!("word{} ", state % 5_000).as_bytes());
    }
    text.truncate(size);
    text
}

/// What was asked of AWS since there were `before` requests. GitHub's endpoint is not AWS.
fn aws(t: &Context, before: usize) -> Vec<String> {
    let new = t.ecr().requests().split_off(before);
    new.into_iter().map(|request| request.operation).filter(|o| o != "GET /oidc/token").collect()
}

fn sent(requests: &[RequestRecord]) -> u64 {
    requests.iter().filter_map(|r| r.part.as_ref()).map(|part| part.last_byte + 1 - part.first_byte).sum()
}

#[test]
fn an_unchanged_push_takes_five_requests() {
    let t = Context::with_ecr(&[]);
    t.noise("app/data", 12, 1);
    t.consign(PUSH).succeeds();
    let before = t.ecr().requests().len();
    t.consign(PUSH).succeeds();
    insta::assert_snapshot!(aws(&t, before).join("\n"), @r"
    AssumeRoleWithWebIdentity
    DescribeRepositories
    BatchGetImage
    GetDownloadUrlForLayer
    GET /layer/…
    ");
}

#[test]
fn with_a_cache_an_unchanged_push_takes_three_requests_and_reads_no_file() {
    let t = Context::with_ecr(&[]);
    application(&t);
    let first = t.consign(KEPT).succeeds();
    // What was written just now could be written again within the same tick of the clock, so nothing is believed.
    std::thread::sleep(Duration::from_millis(2_100));
    assert_eq!(t.consign(KEPT).succeeds(), first);
    // From here on the files are known by their times: not one of them can be opened, and nobody minds.
    let before = t.ecr().requests().len();
    let traced = t.shell(&format!(
        "strace -f -qq -e trace=openat -o trace {} {}",
        env!("CARGO_BIN_EXE_consign"),
        KEPT.join(" ")
    ));
    if std::path::Path::new("/usr/bin/strace").exists() {
        assert_eq!(traced.succeeds(), first);
        let trace = fs_err::read_to_string(t.path("trace")).unwrap();
        assert!(trace.contains("layers") && !trace.contains(".js\""), "files were opened");
    } else {
        assert_eq!(t.consign(KEPT).succeeds(), first);
    }
    insta::assert_snapshot!(aws(&t, before).join("\n"), @r"
    AssumeRoleWithWebIdentity
    DescribeRepositories
    BatchGetImage
    ");
    let size = fs_err::metadata(t.path("cache/layers")).unwrap().len();
    assert!(size < 10_000, "{size} bytes");
}

#[test]
fn a_cache_on_another_machine_saves_the_calls() {
    let t = Context::with_ecr(&[]);
    application(&t);
    let first = t.consign(KEPT).succeeds();
    // A fresh checkout: other inodes, other times.
    t.shell("cp -r app copy && rm -r app && mv copy app").succeeds();
    let before = t.ecr().requests().len();
    assert_eq!(t.consign(KEPT).succeeds(), first);
    insta::assert_snapshot!(aws(&t, before).join("\n"), @r"
    AssumeRoleWithWebIdentity
    DescribeRepositories
    BatchGetImage
    ");
}

#[test]
fn a_change_that_keeps_size_and_time_is_noticed() {
    let t = Context::with_ecr(&[]);
    application(&t);
    let first = t.consign(KEPT).succeeds();
    std::thread::sleep(Duration::from_millis(2_100));
    assert_eq!(t.consign(KEPT).succeeds(), first);
    let page = t.path("app/src/page-3.js");
    let modified = fs_err::metadata(&page).unwrap().modified().unwrap();
    fs_err::write(&page, words(7, 1_000)).unwrap();
    fs_err::OpenOptions::new().write(true).open(&page).unwrap().file().set_modified(modified).unwrap();
    let second = t.consign(KEPT).succeeds();
    assert_ne!(second, first);
    assert_eq!(t.consign(PUSH).succeeds(), second, "without the cache it is the same");

    // The same within the tick in which it was read: the cache must not have believed these files at all.
    for round in 0..5 {
        fs_err::write(&page, words(8 + round, 1_000)).unwrap();
        let kept = t.consign(KEPT).succeeds();
        assert_eq!(kept, t.consign(["build", "app", "--tag", "shop/api:2", "--push"]).succeeds());
    }
}

#[test]
fn a_damaged_cache_is_told_and_not_used() {
    let t = Context::with_ecr(&[]);
    application(&t);
    let first = t.consign(KEPT).succeeds();
    let whole = fs_err::read(t.path("cache/layers")).unwrap();
    let mut flipped = whole.clone();
    let middle = whole.len() / 2;
    flipped[middle] ^= 4;
    for damaged in [&whole[..whole.len() / 3], &flipped, b"", b"\xff\xfe"] {
        fs_err::write(t.path("cache/layers"), damaged).unwrap();
        let run = t.consign(KEPT).output();
        assert_eq!((run.code, &run.stdout), (Some(0), &(first.clone() + "\n")));
        assert!(run.stderr.contains("is damaged or from another version"), "{}", run.stderr);
        let again = t.consign(KEPT).output();
        assert!(again.code == Some(0) && !again.stderr.contains("damaged"), "it is whole again: {again}");
    }
    // A cache that cannot be written is no reason to fail.
    t.file("file", "");
    let run = t.consign(PUSH.iter().chain(&["--cache-dir", "file/below"])).output();
    assert_eq!((run.code, &run.stdout), (Some(0), &(first.clone() + "\n")));
    assert!(run.stderr.contains("can't be written"), "{}", run.stderr);
}

#[test]
fn a_cache_of_blobs_that_are_gone_sends_them_again() {
    let t = Context::with_ecr(&[]);
    application(&t);
    let first = t.consign(KEPT).succeeds();
    // Another repository holds none of them, whatever the cache says.
    let other =
        t.consign(["build", "app", "-t", "other:1", "--create-repository", "--push", "--cache-dir", "cache"]);
    assert_eq!(digest(&other.succeeds()), digest(&first));
}

#[test]
fn one_changed_file_sends_little() {
    let t = Context::with_ecr(&[]);
    application(&t);
    t.consign(PUSH).succeeds();
    let all = sent(&t.ecr().requests());

    t.file("app/src/page-3.js", words(77, 1_000));
    let before = t.ecr().requests().len();
    t.consign(PUSH).succeeds();
    let page = sent(&t.ecr().requests()[before..]);
    assert!(page * 100 < all, "a page of the application: {page} of {all} bytes");

    t.file("app/node_modules/package-7/index.js", words(78, 60_000));
    let before = t.ecr().requests().len();
    t.consign(PUSH).succeeds();
    let package = sent(&t.ecr().requests()[before..]);
    assert!(package * 8 < all, "a dependency: {package} of {all} bytes");
    assert!(package > 10_000);
}

#[test]
fn layers_can_be_explained() {
    let t = Context::with_ecr(&[]);
    application(&t);
    let explain = |extra: &[&str]| {
        let run = t.consign(PUSH.iter().chain(&["--explain", "--quiet"]).chain(extra)).output();
        assert_eq!(run.code, Some(0));
        redacted(&run.stderr, &t.path(""))
    };
    insta::assert_snapshot!(explain(&[]), @r"
    [HOST]/shop/api@sha256:[DIGEST]: 20 layers, 6.1 MB, of which 6.1 MB sent
      dependencies in `app/node_modules`, which is over 2.1 MB; dealt out by hash:
        node_modules-0000       47 paths   1.1 MB →  295 kB  sent: the repository did not have it
        node_modules-0001       68 paths   1.3 MB →  343 kB  sent: the repository did not have it
        node_modules-00100      41 paths   1.0 MB →  264 kB  sent: the repository did not have it
        node_modules-00101      59 paths   1.3 MB →  326 kB  sent: the repository did not have it
        node_modules-0011       74 paths   1.4 MB →  374 kB  sent: the repository did not have it
        node_modules-0100       83 paths   1.7 MB →  451 kB  sent: the repository did not have it
        node_modules-0101       50 paths   1.2 MB →  310 kB  sent: the repository did not have it
        node_modules-01100      47 paths   1.1 MB →  295 kB  sent: the repository did not have it
        node_modules-01101      44 paths   1.2 MB →  310 kB  sent: the repository did not have it
        node_modules-0111       50 paths   960 kB →  249 kB  sent: the repository did not have it
        node_modules-1000       56 paths   1.3 MB →  341 kB  sent: the repository did not have it
        node_modules-1001       56 paths   1.3 MB →  341 kB  sent: the repository did not have it
        node_modules-1010       38 paths   840 kB →  217 kB  sent: the repository did not have it
        node_modules-1011       59 paths   1.5 MB →  387 kB  sent: the repository did not have it
        node_modules-1100       53 paths   1.3 MB →  326 kB  sent: the repository did not have it
        node_modules-1101       41 paths   1.0 MB →  264 kB  sent: the repository did not have it
        node_modules-11100      65 paths   1.5 MB →  388 kB  sent: the repository did not have it
        node_modules-11101      29 paths   660 kB →  171 kB  sent: the repository did not have it
        node_modules-1111       68 paths   1.6 MB →  403 kB  sent: the repository did not have it
      the application: what is not recognised as a dependency:
        app                     22 paths    20 kB →  6.0 kB  sent: the repository did not have it
    ");
    t.file("app/src/page-3.js", words(77, 1_000));
    insta::assert_snapshot!(explain(&[]), @r"
    [HOST]/shop/api@sha256:[DIGEST]: 20 layers, 6.1 MB, of which 6.0 kB sent
      dependencies in `app/node_modules`, which is over 2.1 MB; dealt out by hash:
        node_modules-0000       47 paths   1.1 MB →  295 kB  reused after hashing: an earlier image has this content
        node_modules-0001       68 paths   1.3 MB →  343 kB  reused after hashing: an earlier image has this content
        node_modules-00100      41 paths   1.0 MB →  264 kB  reused after hashing: an earlier image has this content
        node_modules-00101      59 paths   1.3 MB →  326 kB  reused after hashing: an earlier image has this content
        node_modules-0011       74 paths   1.4 MB →  374 kB  reused after hashing: an earlier image has this content
        node_modules-0100       83 paths   1.7 MB →  451 kB  reused after hashing: an earlier image has this content
        node_modules-0101       50 paths   1.2 MB →  310 kB  reused after hashing: an earlier image has this content
        node_modules-01100      47 paths   1.1 MB →  295 kB  reused after hashing: an earlier image has this content
        node_modules-01101      44 paths   1.2 MB →  310 kB  reused after hashing: an earlier image has this content
        node_modules-0111       50 paths   960 kB →  249 kB  reused after hashing: an earlier image has this content
        node_modules-1000       56 paths   1.3 MB →  341 kB  reused after hashing: an earlier image has this content
        node_modules-1001       56 paths   1.3 MB →  341 kB  reused after hashing: an earlier image has this content
        node_modules-1010       38 paths   840 kB →  217 kB  reused after hashing: an earlier image has this content
        node_modules-1011       59 paths   1.5 MB →  387 kB  reused after hashing: an earlier image has this content
        node_modules-1100       53 paths   1.3 MB →  326 kB  reused after hashing: an earlier image has this content
        node_modules-1101       41 paths   1.0 MB →  264 kB  reused after hashing: an earlier image has this content
        node_modules-11100      65 paths   1.5 MB →  388 kB  reused after hashing: an earlier image has this content
        node_modules-11101      29 paths   660 kB →  171 kB  reused after hashing: an earlier image has this content
        node_modules-1111       68 paths   1.6 MB →  403 kB  reused after hashing: an earlier image has this content
      the application: what is not recognised as a dependency:
        app                     22 paths    20 kB →  6.0 kB  sent: the repository did not have it
    ");
    insta::assert_snapshot!(explain(&["--layers", "single"]), @r"
    [HOST]/shop/api@sha256:[DIGEST]: 1 layer, 6.1 MB, of which 6.1 MB sent
      all of it, as asked for:
        context    1013 paths    23 MB →  6.1 MB  sent: the repository did not have it
    ");
    let run = t.consign(["build", "app", "--explain", "--format", "json", "--layers", "single"]).output();
    let result: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let digest = result["digest"].as_str().unwrap();
    let layers = result["layers"][digest].as_array().unwrap();
    assert_eq!((layers.len(), &layers[0]["reason"]), (1, &"all of it, as asked for".into()));
    assert!(layers[0]["content"].as_u64().unwrap() > 20_000_000);
}

#[test]
fn layers_that_the_user_wrote_are_not_cut() {
    let t = Context::with_ecr(&[]);
    application(&t);
    t.file(
        "app/consign.yaml",
        "apiVersion: consign/v1\nlayers:\n  - { name: all, from: ., to: /srv, exclude: [consign.yaml] }\n",
    );
    let run = t.consign(["build", "app", "--explain", "--quiet"]).output();
    assert_eq!(run.code, Some(0));
    assert!(
        run.stderr.contains("1 layer,") && run.stderr.contains("as it stands in the file"),
        "{}",
        run.stderr
    );
}
