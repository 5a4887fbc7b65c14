//! Dockerfiles and contexts that are large or mean: an answer within bounds of time and memory.

use crate::support::{Context, Ended};
use insta::assert_snapshot;
use std::fmt::Write as _;

/// Runs `consign build app` with no more than 25 seconds of a processor, which is for a build without optimisation, and
/// two gigabytes of addresses, which threads' stacks are part of. What takes more is killed.
fn bounded(t: &Context, arguments: &str) -> Ended {
    let program = env!("CARGO_BIN_EXE_consign");
    t.shell(&format!("ulimit -t 25; ulimit -v 2000000; exec '{program}' build app {arguments}")).output()
}

/// A context with `a.txt`, and this Dockerfile.
fn with(dockerfile: &str) -> Context {
    let t = Context::new();
    t.file("app/a.txt", "a\n");
    t.file("app/Dockerfile", dockerfile);
    t
}

/// The exit code and the first line of the error.
fn error(ended: &Ended) -> String {
    let line = ended.stderr.lines().find(|line| line.starts_with("error:")).unwrap_or_default();
    format!("exit {}, {line}", ended.code.unwrap_or_default())
}

/// The layers of the image that was written to `image`.
fn layers(t: &Context) -> usize {
    let json = t.consign(["inspect", "image", "--format", "json"]).succeeds();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    json["manifest"]["layers"].as_array().unwrap_or_else(|| panic!("{json}")).len()
}

#[test]
fn ten_thousand_copies() {
    let copies: String = (0..10_000).fold(String::new(), |mut text, number| {
        writeln!(text, "COPY a.txt /f{number}").unwrap();
        text
    });
    let t = with(&format!("FROM scratch\n{copies}"));
    let ended = bounded(&t, "--output type=oci,dest=image");
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(layers(&t), 10_000);
}

/// One long line, many lines, one large value.
#[test]
fn ten_megabytes() {
    let comments = "# nothing is said here\n".repeat(10 << 20 >> 5);
    let value = "x".repeat(10 << 20);
    let words = "a ".repeat(5 << 20);
    for text in [
        format!("{comments}FROM scratch\nCOPY a.txt /\n"),
        format!("FROM scratch\nLABEL large={value}\nCOPY a.txt /\n"),
        format!("FROM scratch\nCOPY <<EOT /large\n{value}\nEOT\n"),
        format!("FROM scratch\nCMD {words}\nCOPY a.txt /\n"),
    ] {
        let ended = bounded(&with(&text), "--output type=oci,dest=image --quiet");
        assert_eq!(ended.code, Some(0), "{}", &ended.to_string()[..400]);
    }
    let t = with(&format!("FROM scratch\nCOPY <<EOT /large\n{value}\n"));
    let ended = bounded(&t, "").to_string();
    assert!(ended.len() < 1000, "what is shown of a line is short");
    assert_snapshot!(ended, @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: app/Dockerfile:2:8: the here-document `EOT` has no end
      |
    2 | COPY <<EOT /large
      |        ^^^
    hint: end it with a line that is `EOT` and nothing else
    ");
}

#[test]
fn two_hundred_stages() {
    let mut text = String::from("FROM scratch AS s0\nCOPY a.txt /0\n");
    for number in 1..200 {
        let below = number - 1;
        writeln!(text, "FROM s{below} AS s{number}\nCOPY --from=s{below} /{below} /{number}").unwrap();
    }
    let t = with(&text);
    let ended = bounded(&t, "--output type=oci,dest=image");
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(layers(&t), 200);
}

#[test]
fn an_argument_that_is_itself() {
    let t = with("FROM scratch\nARG A=$A\nARG B=${B:-$A}\nENV C=$C$B\nCOPY a.txt /$C\n");
    let ended = bounded(&t, "--output type=oci,dest=image");
    assert_eq!(ended.code, Some(0), "{ended}");
    let doubled = "ARG A=$A$A$A$A$A$A$A$A\n".repeat(20);
    let t = with(&format!("FROM scratch\nARG A=12345678\n{doubled}COPY a.txt /\n"));
    assert_snapshot!(error(&bounded(&t, "")), @"exit 2, error: app/Dockerfile:10:7: what variables and triggers stand for adds up to more than 128 MiB");
    let nested = format!("{}x{}", "${A:-".repeat(5000), "}".repeat(5000));
    let t = with(&format!("FROM scratch\nENV B={nested}\n"));
    let ended = bounded(&t, "");
    assert!(ended.stderr.len() < 2000, "what is shown of a line is short");
    assert_snapshot!(error(&ended), @"exit 2, error: app/Dockerfile:2:7: variables are nested more than 100 levels deep");
}

#[test]
fn links_in_circles() {
    let t = with("FROM scratch\nCOPY . /all\nCOPY up/up/up/up/a.txt /through\n");
    std::os::unix::fs::symlink("loop", t.path("app/loop")).unwrap();
    std::os::unix::fs::symlink(".", t.path("app/up")).unwrap();
    let ended = bounded(&t, "--output type=oci,dest=image");
    assert_eq!(ended.code, Some(0), "{ended}");
    t.file("app/Dockerfile", "FROM scratch\nCOPY loop/x /\n");
    assert_snapshot!(error(&bounded(&t, "--quiet")), @"exit 2, error: app/Dockerfile:2:6: `loop/x` leads through too many symbolic links: they go round in a circle");
    t.file("app/Dockerfile", "FROM scratch\nCOPY . /\nCOPY a.txt /loop/\n");
    let error = error(&bounded(&t, "--quiet"));
    assert!(
        error.contains("app/Dockerfile:3:")
            && error.contains("`/loop/` leads through too many symbolic links"),
        "{error}"
    );
}

/// What is a matter of trying again and again, for a matcher that does it that way.
#[test]
fn patterns_that_almost_match() {
    let name = "a".repeat(200);
    let t = with(&format!(
        "FROM scratch\nCOPY {}b /\nCOPY --exclude={}b . /all\n",
        "*a".repeat(60),
        "**/*a".repeat(20)
    ));
    t.file(&format!("app/{name}"), "x\n");
    t.file(&format!("app/{}{name}", "a/".repeat(100)), "x\n");
    t.file("app/.dockerignore", format!("{}b\n{}b\n", "*a".repeat(60), "**/a*/".repeat(30)));
    let ended = bounded(&t, "--output type=oci,dest=image");
    assert!(ended.code == Some(0) && ended.stderr.contains("matches nothing"), "{ended}");
}

#[test]
fn many_rules_for_many_files() {
    let t = with("FROM scratch\nCOPY . /\n");
    (0..2000).for_each(|number| drop(t.file(&format!("app/{}/{number}", number % 50), "x\n")));
    let rules = (0..2000).fold(String::new(), |mut text, number| {
        writeln!(text, "**/none{number}*\n!{}/x{number}", number % 50).unwrap();
        text
    });
    t.file("app/.dockerignore", rules);
    let ended = bounded(&t, "--output type=oci,dest=image");
    assert_eq!(ended.code, Some(0), "{ended}");
}

/// Linux opens no path of more than 4096 bytes.
#[test]
fn a_path_without_end() {
    let t = with(&format!("FROM scratch\n{}COPY a.txt .\n", "WORKDIR deeper\n".repeat(1000)));
    assert_snapshot!(error(&bounded(&t, "--quiet")), @"exit 2, error: app/Dockerfile:587:9: the path has 4102 bytes, and Linux opens none of 4096 or more");
    let t = with(&format!("FROM scratch\nCOPY a.txt /{}\n", "a/".repeat(100_000)));
    assert_snapshot!(error(&bounded(&t, "--quiet")), @"exit 2, error: app/Dockerfile:2:12: the path has 200001 bytes, and Linux opens none of 4096 or more");
}

/// A gigabyte of zeros in a megabyte.
#[test]
fn an_archive_that_grows() {
    let t = with("FROM scratch\nADD bomb.tar.gz /\n");
    t.shell("truncate -s 1G zeros; tar -cf - zeros | gzip -1 >app/bomb.tar.gz; rm zeros").succeeds();
    let ended = bounded(&t, "--output type=oci,dest=image");
    assert_eq!(ended.code, Some(0), "{ended}");
}
