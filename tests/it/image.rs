//! What gets into an image, read back from an OCI layout with the tar crate.

use crate::support::Context;
use consign::image::Layout;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;

/// Builds `app` and gives its first layer's entries: path → what it is.
fn entries(t: &Context, options: &[&str]) -> BTreeMap<String, String> {
    t.consign([&["build", "app", "-o", "type=oci,dest=layout"], options].concat()).succeeds();
    assert!(t.consign(["validate", "layout"]).succeeds().starts_with("valid"));
    let layout = Arc::new(Layout::open(&t.path("layout")).unwrap());
    let image = layout.image(layout.root(None).unwrap(), None).unwrap();
    let mut found = BTreeMap::new();
    for layer in &image.manifest.value().layers {
        let mut blob = Vec::new();
        layout.open_blob(&layer.digest).unwrap().unwrap().read_to_end(&mut blob).unwrap();
        let tar = match layer.media_type.as_str().rsplit('+').next() {
            Some("gzip") => {
                let mut unpacked = Vec::new();
                flate2::read::MultiGzDecoder::new(&*blob).read_to_end(&mut unpacked).unwrap();
                unpacked
            }
            Some("zstd") => zstd::decode_all(&*blob).unwrap(),
            _ => blob,
        };
        for entry in tar::Archive::new(&*tar).entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            let path = entry.path_bytes().escape_ascii().to_string();
            let kind = header.entry_type();
            let target = entry.link_name_bytes().map(|name| format!(" -> {}", name.escape_ascii()));
            let line = format!(
                "{kind:?} {:o} {}:{} {}{}",
                header.mode().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap(),
                entry.size(),
                target.unwrap_or_default()
            );
            found.insert(path, line);
        }
    }
    found
}

fn shown(entries: &BTreeMap<String, String>) -> String {
    entries.iter().map(|(path, what)| format!("{path}  {what}\n")).collect()
}

#[test]
fn every_kind_of_entry() {
    let t = Context::new();
    t.file("app/plain", "x");
    t.file("app/program", "x");
    fs_err::set_permissions(t.path("app/program"), std::fs::Permissions::from_mode(0o6751)).unwrap();
    fs_err::create_dir(t.path("app/empty")).unwrap();
    symlink("plain", t.path("app/link")).unwrap();
    symlink("/etc/passwd", t.path("app/absolute")).unwrap();
    symlink("nowhere", t.path("app/dangling")).unwrap();
    fs_err::hard_link(t.path("app/plain"), t.path("app/z-hard")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        t.path("app/fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    t.file("app/with space", "");
    t.file("app/with\nnewline", "");
    let name = std::ffi::OsStr::from_encoded_bytes_checked(b"latin-\xe9");
    fs_err::write(t.path("app").join(name), "").unwrap();
    insta::assert_snapshot!(shown(&entries(&t, &[])), @r"
    app/  Directory 755 0:0 0
    app/absolute  Symlink 777 0:0 0 -> /etc/passwd
    app/dangling  Symlink 777 0:0 0 -> nowhere
    app/empty/  Directory 755 0:0 0
    app/fifo  Fifo 644 0:0 0
    app/latin-\xe9  Regular 644 0:0 0
    app/link  Symlink 777 0:0 0 -> plain
    app/plain  Regular 644 0:0 1
    app/program  Regular 755 0:0 1
    app/with space  Regular 644 0:0 0
    app/with\nnewline  Regular 644 0:0 0
    app/z-hard  Link 644 0:0 0 -> app/plain
    ");
}

/// `OsStr` from any bytes, as Unix has it.
trait AnyBytes {
    fn from_encoded_bytes_checked(bytes: &[u8]) -> &std::ffi::OsStr;
}

impl AnyBytes for std::ffi::OsStr {
    fn from_encoded_bytes_checked(bytes: &[u8]) -> &std::ffi::OsStr {
        std::os::unix::ffi::OsStrExt::from_bytes(bytes)
    }
}

#[test]
fn long_names() {
    let t = Context::new();
    let long = format!("{}/{}/{}", "a".repeat(120), "b".repeat(120), "c".repeat(120));
    t.file(&format!("app/{long}"), "x");
    symlink(&long, t.path("app/link")).unwrap();
    let entries = entries(&t, &[]);
    assert!(entries.contains_key(&format!("app/{long}")), "{entries:#?}");
    assert!(entries["app/link"].ends_with(&format!(" -> {long}")), "{entries:#?}");
}

#[test]
fn a_socket_is_left_out_with_a_warning() {
    let t = Context::new();
    t.app();
    let _socket = std::os::unix::net::UnixListener::bind(t.path("app/socket")).unwrap();
    let ended = t.consign(["build", "app", "-o", "type=oci,dest=layout"]).output();
    insta::assert_snapshot!(ended.stderr, @r"
    reading app
    warning: `app/socket` is a socket; it is left out, because an image can't hold one
    context: 4 entries, 41 B
    ");
}

#[test]
fn the_ignore_file() {
    let t = Context::new();
    t.app();
    t.file("app/node_modules/x/index.js", "");
    t.file("app/.git/HEAD", "");
    t.file("app/.dockerignore", "node_modules\n.git\n**/*.js\n!server.js\n");
    insta::assert_snapshot!(shown(&entries(&t, &[])), @r"
    app/  Directory 755 0:0 0
    app/.dockerignore  Regular 644 0:0 37
    app/lib/  Directory 755 0:0 0
    app/server.js  Regular 644 0:0 21
    ");
}

#[test]
fn a_consign_yaml() {
    let t = Context::new();
    t.file("app/dist/server.js", "x");
    t.file("app/dist/server.js.map", "x");
    t.file("app/node_modules/x/index.js", "x");
    t.file(
        "app/consign.yaml",
        r#"
apiVersion: consign/v1
platforms: [linux/arm64]
layers:
  - name: dependencies
    from: node_modules
    to: /app/node_modules
  - name: app
    from: dist
    to: /app
    include: ["**/*.js"]
    exclude: ["**/*.map"]
    owner: "1000:1000"
    modes: { files: "0640", directories: "0750", executables: "0750" }
config:
  entrypoint: [node, /app/server.js]
  env: { NODE_ENV: production }
  workdir: /app
  user: "1000"
  ports: [8080]
  labels: { org.opencontainers.image.source: https://example.com/shop }
"#,
    );
    insta::assert_snapshot!(shown(&entries(&t, &[])), @r"
    app/  Directory 750 1000:1000 0
    app/node_modules/  Directory 755 0:0 0
    app/node_modules/x/  Directory 755 0:0 0
    app/node_modules/x/index.js  Regular 644 0:0 1
    app/server.js  Regular 640 1000:1000 1
    ");
    insta::assert_snapshot!(t.consign(["inspect", "layout"]).output(), @r#"
    exit: 0
    ----- stdout -----
    digest     sha256:[DIGEST]
    type       application/vnd.oci.image.manifest.v1+json
    platform   linux/arm64
    created    1970-01-01T00:00:00Z
    entrypoint ["node","/app/server.js"]
    workdir    /app
    user       1000
    env        NODE_ENV=production
    port       8080/tcp
    label      org.opencontainers.image.source=https://example.com/shop
    layer      sha256:[DIGEST]    148 B  consign COPY node_modules /app/node_modules
    layer      sha256:[DIGEST]    104 B  consign COPY dist /app
    size       252 B compressed
    ----- stderr -----
    "#);
    // Options come before the file.
    let overridden =
        t.consign(["build", "app", "--env", "NODE_ENV=test", "--user", "0", "-o", "type=oci,dest=other"]);
    overridden.succeeds();
    let shown = t.consign(["inspect", "other"]).succeeds();
    assert!(shown.contains("NODE_ENV=test") && shown.contains("user       0"), "{shown}");
}

#[test]
fn every_compression() {
    let t = Context::new();
    t.app();
    let gzip = entries(&t, &["--compression", "gzip", "--compression-level", "9"]);
    assert_eq!(entries(&t, &["--compression", "zstd"]), gzip);
    assert_eq!(entries(&t, &["--compression", "none"]), gzip);
    assert!(gzip.contains_key("app/lib/util.js"));
}

#[test]
fn a_damaged_image_is_not_valid() {
    let t = Context::new();
    t.app();
    entries(&t, &[]);
    let layout = Layout::open(&t.path("layout")).unwrap();
    let image = layout.image(layout.root(None).unwrap(), None).unwrap();
    let hex = image.manifest.value().layers[0].digest.hex();
    let path = t.path("layout/blobs/sha256").join(hex);
    let mut bytes = fs_err::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    fs_err::write(&path, bytes).unwrap();
    let ended = t.consign(["validate", "layout"]).output();
    assert_eq!(ended.code, Some(6), "{ended}");
    insta::assert_snapshot!(ended, @r"
    exit: 6
    ----- stdout -----
    wrong  layer 1 (sha256:[DIGEST]): it can't be decompressed: corrupt gzip stream does not have a matching checksum
    wrong  layer 1 (sha256:[DIGEST]): its content has the digest sha256:[DIGEST]
    not valid: 1 image, 1 layer
    ----- stderr -----
    error: `layout` is not valid: 2 problems
    ");
}
