//! `consign pull --type rootfs`: the files of an image on disk.

use crate::bases::{Layout, Style};
use crate::hostile_registry::{HostileRegistry, Reply, TestImage};
use crate::support::{Context, digest};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};
use tar::EntryType;

/// One entry of a tar: its name, which is written as it stands; what it is; link or content.
type Raw<'a> = (&'a str, EntryType, &'a str);

const FILE: EntryType = EntryType::Regular;
const DIRECTORY: EntryType = EntryType::Directory;
const SYMLINK: EntryType = EntryType::Symlink;
const LINK: EntryType = EntryType::Link;

/// A tar of entries that belong to whoever runs the tests.
fn tar_of(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, kind, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(if *kind == DIRECTORY { 0o750 } else { 0o640 });
        header.set_uid(rustix::process::geteuid().as_raw().into());
        header.set_gid(rustix::process::getegid().as_raw().into());
        header.set_mtime(1_600_000_000);
        let is_link = matches!(*kind, SYMLINK | LINK);
        if is_link {
            header.set_link_name_literal(text).unwrap();
        }
        let content = if is_link { "" } else { text };
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

/// A registry with the image `shop/api:1` of these layers.
fn pushed(layers: &[&[Raw<'_>]]) -> (Context, String) {
    let t = Context::with_ecr(&[]);
    let layout = Layout::new(&t.path("layout"));
    let tars: Vec<_> = layers.iter().map(|entries| tar_of(entries)).collect();
    let image = layout.image_of("linux/amd64", Style::Gzip, &tars, &json!({}));
    let digest = layout.finish(&image);
    t.consign(["push", "layout", "shop/api:1", "--create-repository"]).succeeds();
    (t, digest)
}

const PULL: [&str; 5] = ["pull", "shop/api:1", "root", "--type", "rootfs"];

/// All below `folder`: mode, kind, link or content, time, and which names are one file.
fn listed(folder: &Path) -> String {
    fn walk(root: &Path, folder: &Path, text: &mut String) {
        let mut entries: Vec<_> =
            fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let stat = fs_err::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let what = if stat.is_dir() {
                "directory".to_owned()
            } else if stat.is_symlink() {
                format!("-> {}", fs_err::read_link(&path).unwrap().display())
            } else {
                format!("{:?} x{}", fs_err::read_to_string(&path).unwrap(), stat.nlink())
            };
            let mode = stat.permissions().mode() & 0o7777;
            writeln!(text, "{mode:04o} {} {name} {what}", stat.mtime()).unwrap();
            if stat.is_dir() {
                walk(root, &path, text);
            }
        }
    }
    let mut text = String::new();
    walk(folder, folder, &mut text);
    text
}

#[test]
fn layers_are_laid_over_each_other() {
    let (t, expected) = pushed(&[
        &[
            ("./", DIRECTORY, ""),
            ("usr/", DIRECTORY, ""),
            ("usr/lib/", DIRECTORY, ""),
            ("lib", SYMLINK, "usr/lib"),
            ("a", FILE, "first"),
            ("b", LINK, "a"),
            ("gone", FILE, "x"),
            ("opaque/old", FILE, "x"),
            ("opaque/deep/old", FILE, "x"),
            ("becomes-file/x", FILE, "x"),
            ("becomes-directory", FILE, "x"),
        ],
        &[
            (".wh.gone", FILE, ""),
            ("opaque/new", FILE, "new"),
            ("opaque/.wh..wh..opq", FILE, ""),
            ("becomes-file", FILE, "file"),
            ("becomes-directory/", DIRECTORY, ""),
            ("becomes-directory/x", FILE, "inside"),
            // In the base, `lib` is a link.
            ("lib/library", FILE, "elf"),
            // The content of a lower layer under a third name; and the first name gets another one.
            ("c", LINK, "b"),
        ],
        &[("a", FILE, "second"), (".wh.never-there", FILE, ""), ("etc/.wh.nothing", FILE, "")],
    ]);
    let said = t.consign(PULL.iter().chain(&["--progress", "none"])).output();
    insta::assert_snapshot!(said, @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    ");
    assert_eq!(digest(said.stdout.trim()), expected);
    insta::assert_snapshot!(listed(&t.path("root")), @r#"
    0640 1600000000 a "second" x1
    0640 1600000000 b "first" x2
    0750 1600000000 becomes-directory directory
    0640 1600000000 becomes-directory/x "inside" x1
    0640 1600000000 becomes-file "file" x1
    0640 1600000000 c "first" x2
    0777 1600000000 lib -> usr/lib
    0755 0 opaque directory
    0640 1600000000 opaque/new "new" x1
    0750 1600000000 usr directory
    0750 1600000000 usr/lib directory
    0640 1600000000 usr/lib/library "elf" x1
    "#);
}

#[test]
fn places_and_forms() {
    let (t, expected) = pushed(&[&[("x", FILE, "x")]]);
    fs_err::create_dir(t.path("root")).unwrap();
    let json = t.consign(PULL.iter().chain(&["--format", "json"])).succeeds();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["digest"], &json["entries"], &json["size"]), (&json!(expected), &json!(1), &json!(1)));
    insta::assert_snapshot!(t.consign(PULL).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `root` is a directory that has something in it
    hint: name a directory that is new or empty
    ");
    insta::assert_snapshot!(t.consign(["pull", "shop/api:1", "no/where", "--type", "rootfs"]).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the folder of `no/where` does not exist
    ");
    let other = ["pull", "shop/api:1", "other", "--platform", "linux/arm64"];
    insta::assert_snapshot!(t.consign(other).env("CONSIGN_PULL_TYPE", "rootfs").output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `shop/api:1` is an image for linux/amd64, and linux/arm64 is asked for
    hint: build for it with `--platform linux/amd64`, or choose an image that has the platform
    ");
    assert!(!t.path("other").exists());
}

/// Layers that lead out are refused, or stay inside; nothing outside changes, and nothing is left half-written.
#[test]
fn hostile_layers() {
    let outside = tempfile::tempdir().unwrap();
    let to = outside.path().to_str().unwrap();
    let inside = &to[1..];
    let through: &[Raw<'_>] = &[("a", SYMLINK, to), ("a/x", FILE, "x")];
    let (t, _) = pushed(&[through]);
    t.consign(PULL).succeeds();
    assert_eq!(fs_err::read_link(t.path("root/a")).unwrap(), outside.path());
    // As an engine does it, which takes the image for the root.
    assert_eq!(fs_err::read_to_string(t.path("root").join(inside).join("x")).unwrap(), "x");

    for (layers, says) in [
        (&[&[("../x", FILE, "x")] as &[Raw<'_>]] as &[&[Raw<'_>]], "`../x` leads out of the root"),
        (&[&[("a/../../x", FILE, "x")]], "leads out of the root"),
        (&[&[("x", LINK, "../../etc/passwd")]], "is a hard link to nothing"),
        (&[&[("a", FILE, "x"), ("a/b", FILE, "x")]], "`a/b` lies below `a`, which is no directory"),
    ] {
        let (t, _) = pushed(layers);
        let error = t.consign(PULL).fails(2);
        assert!(error.contains(says), "{error}");
        let mut left: Vec<_> =
            fs_err::read_dir(t.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.retain(|name| name != "layout");
        assert!(left.is_empty(), "{left:?}");
    }
    // A circle of links is named.
    let (t, _) = pushed(&[&[("a", SYMLINK, "b"), ("b", SYMLINK, "a"), ("a/x", FILE, "x")]]);
    let circle = t.consign(PULL).output();
    assert!(circle.code == Some(2) || t.path("root").join("a").is_symlink(), "{circle}");
    assert_eq!(fs_err::read_dir(outside.path()).unwrap().count(), 0);
}

/// A layer whose bytes are not those of its digest.
#[test]
fn damaged_layers() {
    let t = Context::new();
    let image = TestImage::new("amd64", 5000);
    let registry = HostileRegistry::start(move |asked| {
        if image.wants_layer(asked) { Reply::ok(&vec![0; image.layer.len()]) } else { image.answer(asked) }
    });
    let reference = format!("{}/shop/api:1", registry.host);
    let error = t.consign(["pull", &reference, "root", "--type", "rootfs"]).fails(2);
    assert!(error.contains("reading the layer"), "{error}");
    assert_eq!(fs_err::read_dir(t.path("")).unwrap().count(), 0);
}

#[test]
fn an_interrupted_pull_leaves_nothing_behind() {
    let t = Context::new();
    let image = TestImage::new("amd64", 100_000);
    let registry = HostileRegistry::start(move |asked| {
        if image.wants_layer(asked) { Reply::Drip(image.layer.clone()) } else { image.answer(asked) }
    });
    let reference = format!("{}/shop/api:1", registry.host);
    let mut run = t.consign(["pull", &reference, "root", "--type", "rootfs"]);
    let mut child = run.command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while registry.asked().iter().filter(|asked| asked.path.contains("/blobs/")).count() < 2 {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", registry.lines());
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(200));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(fs_err::read_dir(t.path("")).unwrap().count(), 0);
}

/// Ctrl-C while files are being written.
#[test]
fn nothing_stays_of_files_that_were_being_written() {
    let t = Context::with_ecr(&[]);
    let mut archive = tar::Builder::new(Vec::new());
    for number in 0..30_000 {
        let mut header = tar::Header::new_ustar();
        header.set_size(0);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{}/{number}", number % 100), &b""[..]).unwrap();
    }
    let layout = Layout::new(&t.path("in/layout"));
    let tars = [archive.into_inner().unwrap()];
    layout.finish(&layout.image_of("linux/amd64", Style::Gzip, &tars, &json!({})));
    t.consign(["push", "in/layout", "shop/api:1", "--create-repository"]).succeeds();
    fs_err::create_dir(t.path("out")).unwrap();
    let mut run = t.consign(["pull", "shop/api:1", "out/root", "--type", "rootfs"]);
    let mut child = run.command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    let staged = || fs_err::read_dir(t.path("out")).unwrap().count() > 0;
    while !staged() {
        assert!(began.elapsed() < Duration::from_mins(1), "nothing was written");
        assert_eq!(child.try_wait().unwrap(), None, "it ended before");
        std::thread::sleep(Duration::from_millis(1));
    }
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let left: Vec<_> = fs_err::read_dir(t.path("out")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

fn interrupt(child: &std::process::Child) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::INT)
        .unwrap();
}
