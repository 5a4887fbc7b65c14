//! Same input, same digest.

use crate::support::{Context, digest};

fn tree(t: &Context) {
    for index in 0..200 {
        t.file(&format!("app/d{}/f{index}.txt", index % 7), format!("{index}\n").repeat(index * 50));
    }
    t.noise("app/noise", 3, 7);
    fs_err::create_dir_all(t.path("app/empty")).unwrap();
    std::os::unix::fs::symlink("f0.txt", t.path("app/d0/link")).unwrap();
}

fn build(t: &Context, options: &[&str]) -> String {
    digest(&t.consign([&["build"], options].concat()).succeeds())
}

#[test]
fn whatever_differs_around_it() {
    let t = Context::new();
    tree(&t);
    for compression in ["gzip", "zstd", "none"] {
        let first = build(&t, &["app", "--compression", compression]);
        for threads in ["1", "2", "8"] {
            assert_eq!(build(&t, &["app", "--compression", compression, "--threads", threads]), first);
        }
        let elsewhere = t.consign(["build", "app", "--compression", compression]);
        let elsewhere = elsewhere.env("TZ", "Asia/Kathmandu").env("LC_ALL", "tr_TR.UTF-8").env("LANG", "C");
        assert_eq!(digest(&elsewhere.succeeds()), first);
    }
}

#[test]
fn times_modes_and_the_place_do_not_count() {
    let t = Context::new();
    tree(&t);
    let first = build(&t, &["app"]);
    let shell = |script: &str| {
        let status = std::process::Command::new("sh").args(["-c", script]).current_dir(t.path("")).status();
        assert!(status.unwrap().success(), "{script}");
    };
    shell("find app -exec touch -h -d 2001-02-03 {} +");
    assert_eq!(build(&t, &["app"]), first);
    shell("umask 077 && cp -r app copy");
    assert_eq!(build(&t, &["copy"]), first);
    shell("chmod -R g+w copy");
    assert_eq!(build(&t, &["copy"]), first);
    shell("chmod u+x copy/noise");
    assert_ne!(build(&t, &["copy"]), first, "what may be executed does count");
}

#[test]
fn the_time_stamp_is_the_one_that_was_asked_for() {
    let t = Context::new();
    tree(&t);
    let first = build(&t, &["app"]);
    let at = t.consign(["build", "app"]).env("SOURCE_DATE_EPOCH", "1700000000").succeeds();
    assert_ne!(digest(&at), first);
    assert_eq!(digest(&at), build(&t, &["app", "--source-date-epoch", "1700000000"]));
}

/// A change of this digest is a change of every image that anybody has built: it belongs into the changelog.
#[test]
fn the_digest_of_this_image_never_changes() {
    let t = Context::new();
    t.app();
    let built =
        build(&t, &["app", "--platform", "linux/amd64", "--entrypoint", "node server.js", "--env", "A=b"]);
    insta::assert_snapshot!(built, @r"sha256:f87d90946e6467f97feb1d374c640a25183ab95c66feee2369372e134f67d4dc");
}
