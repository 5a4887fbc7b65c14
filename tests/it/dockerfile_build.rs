//! Dockerfiles are carried out: what is in the image, what is told on the way, and why not.

use crate::bases::{Layout, Style};
use crate::support::{Context, Ended, digest};
use flate2::Compression;
use flate2::write::GzEncoder;
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};

/// A context `app` with some files, a Dockerfile and a `.dockerignore`.
fn with(dockerfile: &str) -> Context {
    let t = Context::new();
    t.app();
    t.file("app/bin/run", "exec true\n");
    t.file("app/secret.env", "KEY=1\n");
    t.file("app/.dockerignore", "*.env\nDockerfile\n.dockerignore\n");
    t.file("app/Dockerfile", dockerfile);
    for (path, mode) in [
        ("app", 0o755),
        ("app/lib", 0o755),
        ("app/bin", 0o755),
        ("app/server.js", 0o640),
        ("app/bin/run", 0o4755),
    ] {
        mode_of(&t, path, mode);
    }
    t
}

fn mode_of(t: &Context, path: &str, mode: u32) {
    fs_err::set_permissions(t.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Builds `app` into the layout `image`.
fn build(t: &Context, arguments: &[&str]) -> Ended {
    let platform = ["--platform", "linux/amd64"];
    t.consign([&["build", "app", "-o", "type=oci,dest=image"], &platform[..], arguments].concat()).output()
}

/// What is in the layout `image`: its config, and each layer with the line of history that belongs to it.
fn image(t: &Context) -> String {
    let read = |path: String| fs_err::read(t.path(path)).unwrap();
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap();
        read(format!("image/blobs/sha256/{}", digest.trim_start_matches("sha256:")))
    };
    let parsed = |bytes: Vec<u8>| -> Value { serde_json::from_slice(&bytes).unwrap() };
    let index = parsed(read("image/index.json".into()));
    let manifest = parsed(blob(&index["manifests"][0]));
    let config = parsed(blob(&manifest["config"]));
    let mut text = serde_json::to_string_pretty(&config["config"]).unwrap() + "\n";
    let mut layers = manifest["layers"].as_array().unwrap().iter();
    for line in config["history"].as_array().unwrap() {
        writeln!(text, "{}", line["created_by"].as_str().unwrap()).unwrap();
        if line["empty_layer"] != true {
            text.push_str(&entries(&blob(layers.next().unwrap())));
        }
    }
    assert!(layers.next().is_none(), "each layer has a line of history");
    text
}

/// The entries of a compressed tar, a line each.
fn entries(blob: &[u8]) -> String {
    let mut text = String::new();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(blob));
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        let (mode, mtime) = (header.mode().unwrap(), header.mtime().unwrap_or_default());
        let (uid, gid) = (header.uid().unwrap_or_default(), header.gid().unwrap_or_default());
        let path = entry.path().unwrap().display().to_string();
        write!(text, "  {mode:04o} {uid}:{gid} {mtime} {path}").unwrap();
        if let Some(target) = entry.link_name().unwrap() {
            let sign = if header.entry_type().is_hard_link() { "=>" } else { "->" };
            write!(text, " {sign} {}", target.display()).unwrap();
        } else if header.entry_type().is_file() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            write!(text, " {:?}", String::from_utf8_lossy(&content)).unwrap();
        }
        text.push('\n');
    }
    text
}

/// A base with an account, a link and a mode that is not the usual one.
fn base(t: &Context) {
    let files = [
        ("etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n"),
        ("etc/group", "root:x:0:\nweb:x:33:\n"),
        ("usr/lib/libc.so", "libc"),
        ("tmp/x", ""),
    ];
    let config = json!({
        "Env": ["PATH=/bin", "LANG=C"],
        "Cmd": ["sh"],
        "OnBuild": ["COPY server.js /onbuild/"],
        "Labels": { "from": "base" },
    });
    let layout = Layout::new(&t.path("base"));
    let image = layout.image("linux/amd64", Style::Gzip, &[&files], &config);
    layout.finish(&image);
}

#[test]
fn instructions_become_config_layers_and_history() {
    let t = with(
        "FROM scratch AS assets
COPY lib /out/lib
FROM scratch
ARG VERSION=1
ENV A=1 B=$VERSION
WORKDIR /srv
COPY . .
COPY --from=assets --chown=5:6 --chmod=u=rwX,go= /out/ /assets/
COPY --chmod=0600 <<EOT /etc/motd
hello $A
EOT
USER 1000
WORKDIR data
EXPOSE 80 53/udp
VOLUME /data
LABEL org.example.a=b
SHELL [\"/bin/bash\", \"-c\"]
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s CMD [\"/ok\"]
ONBUILD COPY x /x
ENTRYPOINT [\"/srv/bin/run\"]
CMD [\"--help\"]
",
    );
    assert_snapshot!(build(&t, &[]), @r"
    exit: 0
    ----- stdout -----
    sha256:[DIGEST]
    ----- stderr -----
    reading app
    [assets 1/1] COPY lib /out/lib
    [stage 1 3/17] WORKDIR /srv
    [stage 1 4/17] COPY . .
    [stage 1 5/17] COPY --chown=5:6 --chmod=u=rwX,go= /out/ /assets/
    [stage 1 6/17] COPY --chmod=0600 <<EOT /etc/motd
    [stage 1 8/17] WORKDIR /srv/data
    context: 14 entries, 79 B
    ");
    assert_snapshot!(image(&t), @r#"
    {
      "User": "1000",
      "ExposedPorts": {
        "53/udp": {},
        "80/tcp": {}
      },
      "Env": [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "A=1",
        "B=1"
      ],
      "Entrypoint": [
        "/srv/bin/run"
      ],
      "Cmd": [
        "--help"
      ],
      "Volumes": {
        "/data": {}
      },
      "WorkingDir": "/srv/data",
      "Labels": {
        "org.example.a": "b"
      },
      "StopSignal": "SIGINT",
      "ArgsEscaped": true,
      "Healthcheck": {
        "Test": [
          "CMD",
          "/ok"
        ],
        "Interval": 5000000000
      },
      "OnBuild": [
        "COPY x /x"
      ],
      "Shell": [
        "/bin/bash",
        "-c"
      ]
    }
    ARG VERSION=1
    ENV A=1 B=1
    WORKDIR /srv
      0755 0:0 0 srv/
    COPY . . # buildkit
      0755 0:0 0 srv/
      0755 0:0 0 srv/bin/
      4755 0:0 0 srv/bin/run "exec true\n"
      0755 0:0 0 srv/lib/
      0644 0:0 0 srv/lib/util.js "exports.answer = 42\n"
      0640 0:0 0 srv/server.js "console.log('hello')\n"
    COPY --chown=5:6 --chmod=u=rwX,go= /out/ /assets/ # buildkit
      0755 5:6 0 assets/
      0700 5:6 0 assets/lib/
      0600 5:6 0 assets/lib/util.js "exports.answer = 42\n"
    COPY --chmod=0600 <<EOT /etc/motd # buildkit
      0600 0:0 0 etc/
      0600 0:0 0 etc/motd "hello 1\n"
    USER 1000
    WORKDIR /srv/data
      0755 0:0 0 srv/
      0755 1000:1000 0 srv/data/
    EXPOSE [53/udp 80/tcp]
    VOLUME [/data]
    LABEL org.example.a=b
    SHELL [/bin/bash -c]
    STOPSIGNAL SIGINT
    HEALTHCHECK {Test:[CMD /ok] Interval:5s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}
    ENTRYPOINT ["/srv/bin/run"]
    CMD ["--help"]
    "#);
}

#[test]
fn options_count_for_more_than_the_file() {
    let t =
        with("FROM scratch\nARG A=1\nARG B\nENV V=$A$B\nCMD [\"a\"]\nENTRYPOINT [\"b\"]\nCOPY server.js /\n");
    let options = [
        "--build-arg",
        "A=2",
        "--build-arg",
        "B",
        "--build-arg",
        "C=3",
        "--env",
        "V=9",
        "--env",
        "W=1",
        "--entrypoint",
        "/x",
        "--workdir",
        "/w",
        "--user",
        "7",
        "--label",
        "l=1",
        "--source-date-epoch",
        "99",
    ];
    let platform = ["build", "app", "-o", "type=oci,dest=image", "--platform", "linux/amd64"];
    let ended = t.consign([&platform[..], &options].concat()).env("B", "two").output();
    assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    sha256:[DIGEST]
    ----- stderr -----
    reading app
    warning: the build argument `C` is not used: no ARG that is needed has that name
    [stage 0 6/6] COPY server.js /
    context: 1 entry, 21 B
    ");
    assert_snapshot!(image(&t), @r#"
    {
      "User": "7",
      "Env": [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "V=9",
        "W=1"
      ],
      "Entrypoint": [
        "/x"
      ],
      "WorkingDir": "/w",
      "Labels": {
        "l": "1"
      },
      "ArgsEscaped": true
    }
    ARG A=2
    ARG B=two
    ENV V=2two
    CMD ["a"]
    ENTRYPOINT ["b"]
    COPY server.js / # buildkit
      0640 0:0 99 server.js "console.log('hello')\n"
    "#);
}

#[test]
fn on_a_base() {
    let t = with(
        "FROM base
COPY --chown=app server.js /lib/
COPY --chown=nobody:web lib/util.js /tmp/
COPY --link bin/run /tmp/y/
WORKDIR /usr/lib
USER app
WORKDIR /home/app
COPY --from=base /usr/lib/libc.so /copy/
",
    );
    base(&t);
    assert_snapshot!(build(&t, &["--build-context", "base=oci-layout://base"]), @r"
    exit: 0
    ----- stdout -----
    sha256:[DIGEST]
    ----- stderr -----
    reading app
    [stage 0 1/8] COPY server.js /onbuild/
    reading the layer b08843671a28 of oci-layout://base (193 B)
    [stage 0 2/8] COPY --chown=app server.js /lib/
    [stage 0 3/8] COPY --chown=nobody:web lib/util.js /tmp/
    warning: line 3: `/etc/passwd` of the stage knows no user `nobody`, so it is 0, as with BuildKit
    [stage 0 4/8] COPY bin/run /tmp/y/
    [stage 0 5/8] WORKDIR /usr/lib
    [stage 0 7/8] WORKDIR /home/app
    [stage 0 8/8] COPY /usr/lib/libc.so /copy/
    reading the layer b08843671a28 of oci-layout://base (193 B)
    context: 15 entries, 76 B
    ");
    assert_snapshot!(image(&t), @r#"
    {
      "User": "app",
      "Env": [
        "PATH=/bin",
        "LANG=C"
      ],
      "Cmd": [
        "sh"
      ],
      "WorkingDir": "/home/app",
      "Labels": {
        "from": "base"
      }
    }
    base
      0644 0:0 0 etc/passwd "root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n"
      0644 0:0 0 etc/group "root:x:0:\nweb:x:33:\n"
      0644 0:0 0 usr/lib/libc.so "libc"
      0644 0:0 0 tmp/x ""
    COPY server.js /onbuild/ # buildkit
      0755 0:0 0 onbuild/
      0640 0:0 0 onbuild/server.js "console.log('hello')\n"
    COPY --chown=app server.js /lib/ # buildkit
      0755 1000:1001 0 lib/
      0640 1000:1001 0 lib/server.js "console.log('hello')\n"
    COPY --chown=nobody:web lib/util.js /tmp/ # buildkit
      0755 0:0 0 tmp/
      0644 0:33 0 tmp/util.js "exports.answer = 42\n"
    COPY bin/run /tmp/y/ # buildkit
      0755 0:0 0 tmp/
      0755 0:0 0 tmp/y/
      4755 0:0 0 tmp/y/run "exec true\n"
    WORKDIR /usr/lib
      0755 0:0 0 usr/
      0755 0:0 0 usr/lib/
    USER app
    WORKDIR /home/app
      0755 1000:1001 0 home/
      0755 1000:1001 0 home/app/
    COPY /usr/lib/libc.so /copy/ # buildkit
      0755 0:0 0 copy/
      0644 0:0 0 copy/libc.so "libc"
    "#);
}

#[test]
fn only_what_the_target_needs_and_directories_with_names() {
    let t = with(
        "FROM never.example.com/heard/of AS unused
RUN make
FROM golang AS build
RUN go build
FROM scratch AS out
COPY --from=build /app /app
COPY --from=docs *.md /docs/
FROM out
RUN make
",
    );
    t.file("built/app", "program");
    t.file("docs/a.md", "a\n");
    t.file("docs/b.md", "b\n");
    t.file("docs/.dockerignore", "b.md\n");
    let contexts = ["--build-context", "build=built", "--build-context", "docs=docs"];
    assert_snapshot!(build(&t, &[&["--target", "out"], &contexts[..]].concat()), @r"
    exit: 0
    ----- stdout -----
    sha256:[DIGEST]
    ----- stderr -----
    reading app
    [out 1/2] COPY /app /app
    [out 2/2] COPY *.md /docs/
    context: 3 entries, 9 B
    ");
    assert_snapshot!(image(&t), @r#"
    {
      "Env": [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
      ],
      "WorkingDir": "/"
    }
    COPY /app /app # buildkit
      0644 0:0 0 app "program"
    COPY *.md /docs/ # buildkit
      0755 0:0 0 docs/
      0644 0:0 0 docs/a.md "a\n"
    "#);
}

/// The bytes of a tar with a directory, a file of somebody's and a link.
fn archive() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |path: &str, kind: tar::EntryType, mode: u32, target: &str, content: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(42);
        header.set_gid(43);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        if kind == tar::EntryType::Symlink {
            tar.append_link(&mut header, path, target).unwrap();
        } else {
            tar.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
    };
    add("d/", tar::EntryType::Directory, 0o750, "", "");
    add("d/file", tar::EntryType::Regular, 0o4711, "", "unpacked");
    add("link", tar::EntryType::Symlink, 0o777, "d/file", "");
    tar.into_inner().unwrap()
}

#[test]
fn archives_are_unpacked_by_add_alone() {
    let t = with(
        "FROM scratch
ADD plain.txt /plain/
ADD a.bz2 a.zst /both/
ADD --chown=1:2 --chmod=0600 a.tgz /owned/
ADD --unpack=false a.tgz /kept.txt/
COPY d /over/d
ADD plain.txt /over
COPY broken.tgz /
",
    );
    let tar = archive();
    t.file("app/plain.txt", &tar);
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&tar).unwrap();
    t.file("app/a.bz2", bzip2.finish().unwrap());
    t.file("app/a.zst", zstd::encode_all(tar.as_slice(), 1).unwrap());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&tar).unwrap();
    let gzip = gzip.finish().unwrap();
    t.file("app/a.tgz", &gzip);
    t.file("app/broken.tgz", "no archive at all");
    fs_err::create_dir_all(t.path("app/d")).unwrap();
    symlink("/elsewhere", t.path("app/d/file")).unwrap();
    mode_of(&t, "app/d", 0o700);
    let ended = build(&t, &[]);
    assert_eq!(ended.code, Some(0), "{ended}");
    let text = image(&t);
    let kept = text.lines().find(|line| line.contains("kept.txt/a.tgz")).unwrap_or_default().to_owned();
    assert!(kept.starts_with("  0644 0:0 0 "), "{text}");
    assert_snapshot!(text.replace(&kept, "  [a.tgz as it is]"), @r#"
    {
      "Env": [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
      ],
      "WorkingDir": "/"
    }
    ADD plain.txt /plain/ # buildkit
      0755 0:0 0 plain/
      0750 42:43 0 plain/d/
      4711 42:43 0 plain/d/file "unpacked"
      0777 42:43 0 plain/link -> d/file
    ADD a.bz2 a.zst /both/ # buildkit
      0755 0:0 0 both/
      0750 42:43 0 both/d/
      4711 42:43 0 both/d/file "unpacked"
      0777 42:43 0 both/link -> d/file
    ADD --chown=1:2 --chmod=0600 a.tgz /owned/ # buildkit
      0755 1:2 0 owned/
      0750 1:2 0 owned/d/
      4711 1:2 0 owned/d/file "unpacked"
      0777 1:2 0 owned/link -> d/file
    ADD a.tgz /kept.txt/ # buildkit
      0755 0:0 0 kept.txt/
      [a.tgz as it is]
    COPY d /over/d # buildkit
      0755 0:0 0 over/
      0755 0:0 0 over/d/
      0777 0:0 0 over/d/file -> /elsewhere
    ADD plain.txt /over # buildkit
      0755 0:0 0 over/
      0750 42:43 0 over/d/
      4711 42:43 0 over/d/file "unpacked"
      0777 42:43 0 over/link -> d/file
    COPY broken.tgz / # buildkit
      0644 0:0 0 broken.tgz "no archive at all"
    "#);
}

/// A server that answers each request with what `answer` makes of its path.
fn serve(answer: fn(&str) -> (u16, &'static str)) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let (status, body) = answer(&path);
            let head =
                format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).unwrap();
        }
    });
    format!("http://{address}")
}

const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn files_from_the_web() {
    let url = serve(|path| match path {
        "/a/b.txt?token=secret" => (200, "abc"),
        "/gone" => (404, ""),
        _ => (503, ""),
    });
    let add = |text: &str| {
        let t = with(&format!("FROM scratch\nADD {}\n", text.replace("URL", &url)));
        let ended = build(&t, &[]);
        let text = ended.to_string();
        let image = if ended.code == Some(0) { image(&t) } else { String::new() };
        text.lines().filter(|line| !line.starts_with("sha256:")).collect::<Vec<_>>().join("\n")
            + "\n"
            + &image.replace(&url, "URL")
    };
    assert_snapshot!(add(&format!("--checksum={ABC} --chown=3 URL/a/b.txt?token=secret /dir/")), @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    reading app
    [stage 0 1/1] ADD --chown=3 http://[HOST]/a/b.txt?token=secret /dir/
    context: 2 entries, 3 B
    {
      "Env": [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
      ],
      "WorkingDir": "/"
    }
    ADD --chown=3 URL/a/b.txt?token=secret /dir/ # buildkit
      0755 3:3 0 dir/
      0600 3:3 0 dir/b.txt "abc"
    "#);
    assert_snapshot!(add(&format!("--checksum={} URL/a/b.txt?token=secret /x", ABC.replace('1', "2"))), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    [stage 0 1/1] ADD http://[HOST]/a/b.txt?token=secret /x
    error: app/Dockerfile:2:5: `http://[HOST]/a/b.txt` has the digest sha256:[DIGEST], and sha256:[DIGEST] is expected
      |
    2 | ADD --checksum=sha256:[DIGEST] http://[HOST]/a/b.txt?token=secret /x
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: if the file is right, write `--checksum=sha256:[DIGEST]`; if not, somebody has changed it
    ");
    assert_snapshot!(add("--checksum=sha512:00 URL/a/b.txt?token=secret /x"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: app/Dockerfile:2:5: `sha512:00` is not a checksum
      |
    2 | ADD --checksum=sha512:00 http://[HOST]/a/b.txt?token=secret /x
      |     ^^^^^^^^^^^^^^^^^^^^
    hint: write `sha256:` and 64 digits, from 0 to 9 and a to f
    ");
    assert_snapshot!(add("URL/gone /x"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    [stage 0 1/1] ADD http://[HOST]/gone /x
    error: app/Dockerfile:2:5: `http://[HOST]/gone`: the server answers 404 Not Found
      |
    2 | ADD http://[HOST]/gone /x
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: look at the address; what takes more than a plain request is fetched in a step of the job before
    ");
    assert_snapshot!(add("URL/busy /x"), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    reading app
    [stage 0 1/1] ADD http://[HOST]/busy /x
    error: app/Dockerfile:2:5: `http://[HOST]/busy`: the server answers 503 Service Unavailable
      |
    2 | ADD http://[HOST]/busy /x
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: look at the address; what takes more than a plain request is fetched in a step of the job before
    ");
    assert_snapshot!(add("https://github.com/moby/buildkit.git#v0.1 /x"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    [stage 0 1/1] ADD https://github.com/moby/buildkit.git#v0.1 /x
    error: app/Dockerfile:2:5: `https://github.com/moby/buildkit.git#v0.1` is a Git repository, and consign does not fetch those
      |
    2 | ADD https://github.com/moby/buildkit.git#v0.1 /x
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: check it out in the job before, and COPY it from the context
    ");
}

#[test]
fn what_can_not_be_copied() {
    let copy = |text: &str| {
        let t = with(&format!(
            "FROM scratch AS first\nCOPY lib /lib\nFROM scratch\nCOPY server.js /there\n{text}\n"
        ));
        build(&t, &[]).to_string()
    };
    assert_snapshot!(copy("COPY server.js lib/utils.js /app/"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    [stage 1 1/2] COPY server.js /there
    [stage 1 2/2] COPY server.js lib/utils.js /app/
    error: app/Dockerfile:5:16: `lib/utils.js` is not in the build context
      |
    5 | COPY server.js lib/utils.js /app/
      |                ^^^^^^^^^^^^
    hint: did you mean `lib/util.js`?
    ");
    assert_snapshot!(copy("COPY secret.env /"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    warning: `app/Dockerfile`: 1 finding; `consign build --check` shows what could be better
    reading app
    [stage 1 1/2] COPY server.js /there
    [stage 1 2/2] COPY secret.env /
    error: app/Dockerfile:5:6: `secret.env` is not in the build context
      |
    5 | COPY secret.env /
      |      ^^^^^^^^^^
    hint: it is on disk, but the ignore file leaves it out: add `!secret.env` at its end, or copy something else
    ");
    assert_snapshot!(copy("COPY --from=first \\\n  /lib/utl.js /"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    [first 1/1] COPY lib /lib
    [stage 1 1/2] COPY server.js /there
    [stage 1 2/2] COPY /lib/utl.js /
    error: app/Dockerfile:6:3: `lib/utl.js` is not in the stage `first`
      |
    6 |   /lib/utl.js /
      |   ^^^^^^^^^^^
    hint: did you mean `lib/util.js`?
    ");
    assert_snapshot!(copy("COPY lib /there"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    [stage 1 1/2] COPY server.js /there
    [stage 1 2/2] COPY lib /there
    error: app/Dockerfile:5:10: `/there` is a file there, and no directory can take its place
      |
    5 | COPY lib /there
      |          ^^^^^^
    hint: copy to another place, or copy what is in the directory name by name
    ");
    assert_snapshot!(copy("COPY [\"server[.js\", \"/\"]"), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    [stage 1 1/2] COPY server.js /there
    [stage 1 2/2] COPY server[.js /
    error: app/Dockerfile:5:7: `server[.js` is not a pattern: the set that starts with `[` has no `]`
      |
    5 | COPY ["server[.js", "/"]
      |       ^^^^^^^^^^^^
    hint: a sign that is meant as such needs a `\` before it
    "#);
    assert_snapshot!(copy("COPY *.nothing /"), @r"
    exit: 0
    ----- stdout -----
    sha256:[DIGEST]
    ----- stderr -----
    reading app
    [stage 1 1/2] COPY server.js /there
    [stage 1 2/2] COPY *.nothing /
    warning: line 5: `*.nothing` matches nothing, so nothing is copied
    context: 1 entry, 21 B
    ");
    assert_snapshot!(copy("WORKDIR /there/below"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    [stage 1 1/2] COPY server.js /there
    [stage 1 2/2] WORKDIR /there/below
    error: app/Dockerfile:5:9: `/there` is a file there, and no directory can take its place
      |
    5 | WORKDIR /there/below
      |         ^^^^^^^^^^^^
    hint: name another directory, or take away what is there in the line that puts it there
    ");
    assert_snapshot!(copy("COPY --exclude=[ lib /x"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    [stage 1 1/2] COPY server.js /there
    [stage 1 2/2] COPY lib /x
    error: app/Dockerfile:5:6: `[` is not a pattern: the set that starts with `[` has no `]`
      |
    5 | COPY --exclude=[ lib /x
      |      ^^^^^^^^^^^
    hint: a sign that is meant as such needs a `\` before it
    ");
}

#[test]
fn what_would_have_to_run() {
    let run = |text: &str| build(&with(text), &[]).to_string();
    assert_snapshot!(run("FROM node:22\nWORKDIR /app\nCOPY package.json .\nRUN npm ci --omit=dev\nRUN npm run build\n"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: app/Dockerfile:4:1: RUN is not supported, here and in line 5: it needs a container, and consign builds without a daemon and without any
      |
    4 | RUN npm ci --omit=dev
      | ^^^
    hint: run `npm ci` in the job before, and write `COPY node_modules ./node_modules`
    ");
    assert_snapshot!(run("FROM scratch\n# first\nRUN [\"/bin/make\"]\n"), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: app/Dockerfile:3:1: RUN is not supported: it needs a container, and consign builds without a daemon and without any
      |
    3 | RUN ["/bin/make"]
      | ^^^
    hint: do this step in the job before `consign build`, and COPY what it makes
    "#);
}

#[test]
fn options_that_do_not_go_with_a_dockerfile() {
    let t = with("FROM scratch\nCOPY lib /\n");
    assert_snapshot!(build(&t, &["--base", "alpine"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --base has no meaning beside a Dockerfile
    hint: its FROM names the image to build on; an ARG in front of it can be set with `--build-arg`
    ");
    assert_snapshot!(build(&t, &["--chown", "1:1"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --chown has no meaning beside a Dockerfile
    hint: write `COPY --chown=…` in it
    ");
    assert_snapshot!(build(&t, &["--target", "fisrt"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: app/Dockerfile:1:1: no stage is named `fisrt`, which is the target
      |
    1 | FROM scratch
      | ^^^^^^^^^^^^
    hint: no stage has a name: write `FROM IMAGE AS NAME`
    ");
    assert_snapshot!(build(&t, &["--build-context", "a"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --build-context: `a` is not NAME=PATH, NAME=docker-image://REF or NAME=oci-layout://PATH
    ");
    assert_snapshot!(build(&t, &["--build-context", "a=https://example.com/x.git"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --build-context: `https://example.com/x.git` is fetched by nobody here
    hint: get it in a step of the job before, and name the directory
    ");
    assert_snapshot!(build(&t, &["--build-context", "a=missing"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --build-context: `missing` is not a directory
    hint: an image is named with `docker-image://` in front, a layout with `oci-layout://`
    ");
}

#[test]
fn the_same_files_make_the_same_image() {
    let file = "FROM scratch AS a\nCOPY . /x\nFROM scratch\nCOPY --from=a /x /y\nADD lib /z\nWORKDIR /w\n";
    let one = with(file);
    let other = with(file);
    fs_err::remove_file(other.path("app/lib/util.js")).unwrap();
    other.file("app/lib/util.js", "exports.answer = 42\n");
    let build = |t: &Context, threads: &str| {
        let line = t.consign(["build", "app", "--platform", "linux/amd64", "--threads", threads]).succeeds();
        digest(&line)
    };
    let expected = build(&one, "1");
    assert_eq!(build(&one, "4"), expected);
    assert_eq!(build(&other, "2"), expected);
    mode_of(&other, "app/server.js", 0o644);
    assert_ne!(build(&other, "2"), expected, "modes are part of what is copied");
}
