use super::*;
use std::os::unix::fs::{PermissionsExt as _, symlink};

/// A directory made from lines: `dir/`, `file`, `file*` (executable), `link -> target`, `name => original`,
/// `name|` (pipe), `name=` (socket).
fn make(lines: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for line in lines {
        if let Some((name, target)) = line.split_once(" -> ") {
            symlink(target, at(name)).unwrap();
        } else if let Some((name, original)) = line.split_once(" => ") {
            fs_err::hard_link(at(original), at(name)).unwrap();
        } else if let Some(name) = line.strip_suffix('/') {
            fs_err::create_dir_all(at(name)).unwrap();
        } else if let Some(name) = line.strip_suffix('|') {
            rustix::fs::mkfifoat(rustix::fs::CWD, at(name), rustix::fs::Mode::RUSR).unwrap();
        } else if let Some(name) = line.strip_suffix('=') {
            drop(std::os::unix::net::UnixListener::bind(at(name)).unwrap());
        } else {
            let name = line.trim_end_matches('*');
            fs_err::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs_err::write(at(name), name).unwrap();
            let mode = if line.ends_with('*') { 0o700 } else { 0o600 };
            fs_err::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
    }
    directory
}

#[derive(Default)]
struct How<'a> {
    from: &'a str,
    to: &'a str,
    ignore: &'a str,
    include: &'a [&'a str],
    exclude: &'a [&'a str],
    bare: bool,
}

fn read_as(context: &Path, how: &How<'_>) -> (Result<Tree, ReadError>, Vec<String>) {
    let mut warnings = Vec::new();
    let request = ReadRequest {
        context,
        from: Path::new(if how.from.is_empty() { "." } else { how.from }),
        to: if how.to.is_empty() { "/" } else { how.to },
        ignore: &Patterns::parse(how.ignore.as_bytes()).unwrap(),
        include: &Patterns::new(how.include).unwrap(),
        exclude: &Patterns::new(how.exclude).unwrap(),
        owner: Owner { uid: 7, gid: 8 },
        modes: Some(Modes::default()),
        mtime: 9,
        parents: !how.bare,
        threads: 3,
    };
    let tree = read(&request, &mut |warning| warnings.push(warning.to_string()));
    let shown = context.display().to_string();
    (tree, warnings.into_iter().map(|warning| warning.replace(&shown, "CTX")).collect())
}

fn text(context: &Path, how: &How<'_>) -> String {
    read_as(context, how).0.unwrap().to_text()
}

/// Only the paths, in one line.
fn paths(context: &Path, how: &How<'_>) -> String {
    let tree = read_as(context, how).0.unwrap();
    tree.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>().join(" ")
}

fn error(context: &Path, how: &How<'_>) -> String {
    let error = read_as(context, how).0.unwrap_err();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}").replace(&context.display().to_string(), "CTX")
}

#[test]
fn every_kind_of_entry() {
    let context = make(&[
        "a/",
        "a/empty/",
        "a/file",
        "a/run*",
        "a/hard => a/run",
        "a/A => a/run",
        "a/out -> ../../..",
        "a/abs -> /etc/passwd",
        "a/dangling -> nowhere",
        "pipe|",
        "socket=",
        "a-b",
    ]);
    let (tree, warnings) = read_as(context.path(), &How { to: "/srv/app", ..How::default() });
    insta::assert_snapshot!(tree.unwrap().to_text(), @r"
    0755 0:0 9 directory srv/
    0755 7:8 9 directory srv/app/
    0755 7:8 9 directory srv/app/a/
    0644 7:8 9 file 3 srv/app/a-b
    0755 7:8 9 file 5 srv/app/a/A
    0777 7:8 9 symlink srv/app/a/abs -> /etc/passwd
    0777 7:8 9 symlink srv/app/a/dangling -> nowhere
    0755 7:8 9 directory srv/app/a/empty/
    0644 7:8 9 file 6 srv/app/a/file
    0755 7:8 9 hard-link srv/app/a/hard => srv/app/a/A
    0777 7:8 9 symlink srv/app/a/out -> ../../..
    0755 7:8 9 hard-link srv/app/a/run => srv/app/a/A
    0644 7:8 9 fifo srv/app/pipe
    ");
    insta::assert_snapshot!(warnings.join("\n"), @r"`CTX/socket` is a socket; it is left out, because an image can't hold one");
}

#[test]
fn a_directory_goes_into_its_target_and_a_file_becomes_it() {
    let context = make(&["dist/sub/x", "dist/y", "one*"]);
    let from = |from, to| paths(context.path(), &How { from, to, ..How::default() });
    assert_eq!(from("dist", "/app"), "app app/sub app/sub/x app/y");
    assert_eq!(from("dist/", "/app/"), "app app/sub app/sub/x app/y");
    assert_eq!(from("./dist/sub", "/"), "x");
    assert_eq!(from("one", "/usr/bin/tool"), "usr usr/bin usr/bin/tool");
    assert_eq!(from("one", "/usr/bin/"), "usr usr/bin usr/bin/one");
    assert_eq!(from("one", "/"), "one");
    let bare = How { from: "dist", to: "/srv/app", bare: true, ..How::default() };
    assert_eq!(paths(context.path(), &bare), "srv/app srv/app/sub srv/app/sub/x srv/app/y");
    insta::assert_snapshot!(text(context.path(), &How { from: "one", to: "/bin/", ..How::default() }), @r"
    0755 0:0 9 directory bin/
    0755 7:8 9 file 3 bin/one
    ");
    let escape = How { to: "/../app", ..How::default() };
    assert_eq!(error(context.path(), &escape), "`/../app` is not a path in an image: it has a `..` in it");
}

#[test]
fn names_may_be_anything() {
    let context = tempfile::tempdir().unwrap();
    let long = "n".repeat(255);
    let deep = format!("{long}/{long}/{long}");
    fs_err::create_dir_all(context.path().join(&deep)).unwrap();
    for name in [&b"\xff\xfe"[..], b"new\nline", b" space ", b"\\", b"-rf", b"*"] {
        fs_err::write(context.path().join(OsStr::from_bytes(name)), "x").unwrap();
    }
    let text = text(context.path(), &How::default()).replace(&long, "LONG");
    insta::assert_snapshot!(text, @r"
    0644 7:8 9 file 1 \x20space\x20
    0644 7:8 9 file 1 *
    0644 7:8 9 file 1 -rf
    0644 7:8 9 file 1 \\
    0644 7:8 9 file 1 new\nline
    0755 7:8 9 directory LONG/
    0755 7:8 9 directory LONG/LONG/
    0755 7:8 9 directory LONG/LONG/LONG/
    0644 7:8 9 file 1 \xff\xfe
    ");
}

#[test]
fn filters_choose_and_directories_follow() {
    let context = make(&[
        "src/a.js",
        "src/a.map",
        "src/deep/b.js",
        "src/deep/none/c.txt",
        "src/empty/",
        "node_modules/m/i.js",
        "node_modules/keep/i.js",
        "docs/x.md",
        "secret",
    ]);
    let filter = |from, ignore, include, exclude| {
        paths(context.path(), &How { from, ignore, include, exclude, ..How::default() })
    };
    // Without `include`, empty directories stay, also those that became so.
    assert_eq!(
        filter(".", "node_modules\nsecret\n**/*.txt\ndocs", &[], &["**/*.map"]),
        "src src/a.js src/deep src/deep/b.js src/deep/none src/empty"
    );
    assert_eq!(filter("src", "", &["**/*.js"], &[]), "a.js deep deep/b.js");
    assert_eq!(filter("src", "", &["**/*.js", "!deep"], &[]), "a.js");
    assert_eq!(filter("src", "", &["deep"], &["**/none"]), "deep deep/b.js");
    assert_eq!(filter("src", "", &["empty"], &[]), "empty");
    // What is left out comes back by `!`, and brings its directories along.
    assert_eq!(
        filter(".", "*\n!node_modules/keep", &[], &[]),
        "node_modules node_modules/keep node_modules/keep/i.js"
    );
    // The ignore file is relative to the context, not to `from`.
    assert_eq!(filter("src", "a.js\nsrc/deep", &[], &[]), "a.js a.map empty");
    assert_eq!(filter("src/deep", "src/deep\n!src/deep/b.js", &[], &[]), "b.js");
    assert_eq!(filter("src/a.js", "", &["*.js"], &[]), "a.js");
}

#[test]
fn links_on_the_way_are_followed_inside_only() {
    let context = make(&["releases/3/x", "inner/y", "deep/er/"]);
    let at = |name: &str| context.path().join(name);
    for (name, target) in [
        ("current", "releases/3"),
        ("again", "./current/../3/./x"),
        ("up", ".."),
        ("round", "round"),
        ("lost", "nowhere"),
        ("root", "/"),
        ("deep/er/sideways", "../../up/x"),
    ] {
        symlink(target, at(name)).unwrap();
    }
    symlink(fs_err::canonicalize(at("inner")).unwrap(), at("absolute")).unwrap();
    let from = |from| paths(context.path(), &How { from, to: "/t", ..How::default() });
    assert_eq!(from("current"), "t t/x");
    assert_eq!(from("current/x"), "t");
    assert_eq!(from("again"), "t");
    assert_eq!(from("absolute"), "t t/y");
    let file = How { from: "again", to: "/t/", ..How::default() };
    assert_eq!(paths(context.path(), &file), "t t/again");

    let bad = |from| error(context.path(), &How { from, ..How::default() });
    insta::assert_snapshot!(
        ["up", "up/x", "deep/er/sideways", "root", "root/etc", "round", "lost", "gone", "inner/y/z", "..", "/etc"]
            .map(bad).join("\n"),
        @r"
        `CTX/up` leads out of `CTX`: it is a link to `..`
        `CTX/up` leads out of `CTX`: it is a link to `..`
        `CTX/up` leads out of `CTX`: it is a link to `..`
        `CTX/root` leads out of `CTX`: it is a link to `/`
        `CTX/root` leads out of `CTX`: it is a link to `/`
        reading `CTX/round`: Too many levels of symbolic links (os error 40)
        `CTX/lost` does not exist
        `CTX/gone` does not exist
        `CTX/inner/y/z` does not exist
        `..` is not a path below the context
        `/etc` is not a path below the context
        "
    );
}

#[test]
fn what_can_not_be_read_is_named() {
    let context = make(&["file", "full/x", "hollow/", "socket="]);
    let at = |name: &str| context.path().join(name);
    assert!(matches!(
        read_as(&at("none"), &How::default()).0,
        Err(ReadError::ContextMissing { path }) if path == at("none")
    ));
    assert!(matches!(
        read_as(&at("file"), &How::default()).0,
        Err(ReadError::ContextNotDirectory { path }) if path == at("file")
    ));
    let bad = |from, ignore, include| {
        error(context.path(), &How { from, ignore, include, to: "/app", ..How::default() })
    };
    assert_eq!(bad("hollow", "", &[]), "`CTX/hollow` is empty");
    let nothing = "is left: the ignore file, `include` and `exclude` together leave all of it out";
    assert_eq!(bad("full", "full", &[]), format!("nothing of `CTX/full` {nothing}"));
    assert_eq!(bad("full", "", &["*.rs"]), format!("nothing of `CTX/full` {nothing}"));
    assert_eq!(bad("file", "file", &[]), format!("nothing of `CTX/file` {nothing}"));
    assert_eq!(bad(".", "*", &[]), format!("nothing of `CTX` {nothing}"));
    assert_eq!(bad("socket", "", &[]), "`CTX/socket` is a socket, and an image can't hold one");
}

/// Tests run as root in CI, for whom no mode forbids anything; so the refusal is made here, not by a file system.
#[test]
fn refusals_of_the_system_keep_their_reason() {
    let request = ReadRequest {
        context: Path::new("ctx"),
        from: Path::new("."),
        to: "/",
        ignore: &Patterns::default(),
        include: &Patterns::default(),
        exclude: &Patterns::default(),
        owner: Owner::default(),
        modes: Some(Modes::default()),
        mtime: 0,
        parents: false,
        threads: 1,
    };
    let here = tempfile::tempdir().unwrap();
    let root = Arc::new(open_context(here.path()).unwrap());
    let shown = here.path().display();
    let reader = Walk { request: &request, root, below: 0 };
    let refused = reader.failed(b"private", Errno::ACCESS);
    assert_eq!(refused.to_string(), format!("reading `{shown}/private`"));
    assert_eq!(std::error::Error::source(&refused).unwrap().to_string(), "Permission denied (os error 13)");
    // What was listed and is not there any more.
    let gone = reader.open(b"gone").unwrap_err();
    assert_eq!(
        gone.to_string(),
        format!("`{shown}/gone` vanished or was replaced while the directory was listed")
    );
    fs_err::write(here.path().join("file"), "").unwrap();
    assert!(matches!(reader.open(b"file"), Err(ReadError::Changed { .. })));
    symlink("/", here.path().join("link")).unwrap();
    assert!(matches!(reader.open(b"link"), Err(ReadError::Changed { .. })));
}

#[test]
fn capabilities_are_kept_and_nothing_else() {
    let context = make(&["ping*", "data", "plain*"]);
    let at = |name: &str| context.path().join(name);
    // cap_net_raw=ep, version 2 of the structure.
    let value = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let set = xattr::set(at("ping"), "security.capability", &value);
    let other = xattr::set(at("plain"), "user.note", b"x");
    let tree = read_as(context.path(), &How::default()).0.unwrap();
    let xattrs = |name: &[u8]| tree.get(&TreePath::new(name).unwrap()).unwrap().metadata.xattrs.clone();
    assert_eq!((xattrs(b"data"), xattrs(b"plain")), (None, None), "{other:?}");
    // Setting one takes CAP_SETFCAP and a file system that has them; without, there is none to be kept.
    let expected: Option<Box<Xattrs>> =
        set.ok().map(|()| Box::new([(b"security.capability".as_slice().into(), value.into())].into()));
    assert_eq!(xattrs(b"ping"), expected);
}

#[test]
fn modes_and_times_of_the_disk_do_not_count() {
    let first = make(&["a/", "a/x", "run*"]);
    let second = make(&["run*", "a/x", "a/"]);
    fs_err::set_permissions(second.path().join("a/x"), std::fs::Permissions::from_mode(0o666)).unwrap();
    fs_err::set_permissions(second.path().join("a"), std::fs::Permissions::from_mode(0o2700)).unwrap();
    fs_err::set_permissions(second.path().join("run"), std::fs::Permissions::from_mode(0o4755)).unwrap();
    assert_eq!(text(first.path(), &How::default()), text(second.path(), &How::default()));
}

#[test]
fn of_several_errors_and_warnings_the_same_ones_come_first() {
    let mut lines = Vec::new();
    let names: Vec<String> = (0..40).map(|number| format!("d{number}/s=")).collect();
    for name in &names {
        lines.push(name.split_once('/').unwrap().0.to_owned() + "/");
        lines.push(name.clone());
    }
    let context = make(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let first = read_as(context.path(), &How::default());
    assert!(first.1.is_sorted() && first.1.len() == 40);
    let mut found = Found::default();
    for name in ["b", "a", "c"] {
        found.fail(ReadError::Changed { path: name.into() });
    }
    assert_eq!(found.error.unwrap().path(), Path::new("a"));
    for _ in 0..20 {
        assert_eq!(read_as(context.path(), &How::default()).1, first.1);
    }
}

proptest::proptest! {
    /// However the names sort within their directories, the tree is sorted by whole paths, every parent is
    /// there, and reading again gives the same.
    #[test]
    fn any_set_of_paths_is_read_in_order(
        names in proptest::collection::btree_set("[a-c.\\-]{1,2}[a-b](/[a-c.\\-]{1,2}[a-b]){0,3}", 1..12)
    ) {
        let context = tempfile::tempdir().unwrap();
        let mut expected = std::collections::BTreeSet::new();
        for name in &names {
            let path = context.path().join(name);
            // A name may already be a file where a directory is wanted, or the other way round.
            if fs_err::create_dir_all(path.parent().unwrap()).is_ok() && fs_err::write(&path, name).is_ok() {
                expected.extend(Path::new(name).ancestors().filter(|p| *p != "").map(|p| p.as_os_str().as_bytes().to_vec()));
            }
        }
        let tree = read_as(context.path(), &How::default()).0.unwrap();
        let found: Vec<Vec<u8>> = tree.iter().map(|(path, _)| path.as_bytes().to_vec()).collect();
        proptest::prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        proptest::prop_assert_eq!(text(context.path(), &How::default()), tree.to_text());
    }
}
