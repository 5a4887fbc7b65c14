use super::*;

#[test]
fn durations() {
    for (text, nanoseconds) in [
        ("0", Some(0)),
        ("30s", Some(30_000_000_000)),
        ("1m30s", Some(90_000_000_000)),
        ("1.5h", Some(5_400_000_000_000)),
        (".5s", Some(500_000_000)),
        ("1.s", Some(1_000_000_000)),
        ("500ms", Some(500_000_000)),
        ("2us3ns", Some(2003)),
        ("-1s", Some(-1_000_000_000)),
        ("+1s", Some(1_000_000_000)),
        ("", None),
        ("30", None),
        ("1 s", None),
        ("s", None),
        (".s", None),
        ("1d", None),
        ("99999999999999h", None),
    ] {
        assert_eq!(duration(text), nanoseconds, "{text}");
    }
    for (nanoseconds, text) in [
        (0, "0s"),
        (7, "7ns"),
        (1500, "1.5µs"),
        (2_000_000, "2ms"),
        (1_500_000_000, "1.5s"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
    ] {
        assert_eq!(shown_duration(Duration::from_nanos(nanoseconds)), text);
    }
}

#[test]
fn signals() {
    for good in ["SIGTERM", "term", "9", "-1", "SIGRTMIN+15", "rtmax-14", "RTMIN", "SigKill"] {
        assert!(is_signal(good), "{good}");
    }
    for bad in ["", "0", "SIG", "SIGTREM", "RTMIN+16", "RTMAX-15", "RTMIN+0", "RTMIN+01", "SIGSIGTERM"] {
        assert!(!is_signal(bad), "{bad}");
    }
}

#[test]
fn port_numbers() {
    let shown = |text| ports(text).map(|found| found.ports.join(" "));
    assert_eq!(shown("80").unwrap(), "80/tcp");
    assert_eq!(shown("53/UDP").unwrap(), "53/udp");
    assert_eq!(shown("8000-8002/sctp").unwrap(), "8000/sctp 8001/sctp 8002/sctp");
    assert_eq!(shown("127.0.0.1:80:81").unwrap(), "81/tcp");
    assert_eq!(shown("[::1]:80:81/tcp").unwrap(), "81/tcp");
    assert_eq!(shown("1-2:3").unwrap(), "3/tcp");
    assert!(
        ports("80/TCP").unwrap().capital && ports("1:2").unwrap().mapped && !ports("2/tcp").unwrap().mapped
    );
    for bad in
        ["", "x", "/tcp", "65536", "-1", "2-1", "80/x", "80/tcp/udp", "1:", "1-3:1-2", "h:80:81", "80:x:81"]
    {
        assert!(ports(bad).is_err(), "{bad}");
    }
}

#[test]
fn platforms() {
    let host: Platform = "linux/amd64".parse().unwrap();
    for (text, expected) in [
        ("linux/amd64", "linux/amd64"),
        ("Linux/x86_64", "linux/amd64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/armhf", "linux/arm"),
        ("macos/arm64", "darwin/arm64"),
        ("windows(10.0.17763)/amd64", "windows/amd64"),
        ("linux", "linux/amd64"),
        ("arm64", "linux/arm64"),
    ] {
        assert_eq!(platform(text, &host).map(|it| it.to_string()).as_deref(), Some(expected), "{text}");
    }
    for bad in ["", "x", "linux/", "/amd64", "linux/arm/v7/x", "linux amd64", "linux/*", "windows(x/amd64"] {
        assert_eq!(platform(bad, &host), None, "{bad}");
    }
}

#[test]
fn modes_and_owners() {
    assert_eq!(mode("0755"), Some(Mode::Bits(0o755)));
    assert_eq!(mode("7777"), Some(Mode::Bits(0o7777)));
    for good in ["u+x", "u=rwX,go=rX", "+t", "a-w+x", "go=u-w"] {
        assert_eq!(mode(good), Some(Mode::Symbolic(good.into())));
    }
    for bad in ["", "10000", "888", "0x1", "x", "u", "u+q", "u+x,", "u+x,,g+x"] {
        assert_eq!(mode(bad), None, "{bad}");
    }
    for (owner, named) in
        [("1:2", false), ("1", false), ("root:0", false), ("1:", false), ("app", true), ("1:x", true)]
    {
        assert_eq!(has_name(owner), named, "{owner}");
    }
}

#[test]
fn names_of_images() {
    let digest = format!("a@sha256:{}", "0".repeat(64));
    let long = "a".repeat(128);
    for good in [
        "a",
        "alpine:3.20",
        "library/alpine",
        "localhost/a",
        "localhost:5000/a/b:C",
        "Example.com/a",
        "a.b/c__d/e-f.g",
        "[::1]:5000/a",
        digest.as_str(),
        "a--b",
        &format!("a:{long}"),
    ] {
        assert_eq!(image_fault(good), None, "{good}");
    }
    let identifier = "0".repeat(64);
    for bad in [
        "",
        "A",
        "a:",
        "a:-x",
        "a@sha256:0",
        "a/",
        "/a",
        "a//b",
        "a b",
        "-a",
        "a-",
        "a..b",
        "a___b",
        "a/B",
        "x.y/",
        "-x.y/a",
        "x.y:z/a",
        "$a",
        &identifier,
        &format!("a:{long}x"),
        &"a/".repeat(200),
    ] {
        assert!(image_fault(bad).is_some(), "{bad}");
    }
}

#[test]
fn where_things_are_fetched() {
    for git in [
        "git@github.com:a/b.git",
        "https://github.com/a/b.git",
        "http://x/b.git#main:dir",
        "git://x/y",
        "ssh://git@x/y",
        "https://x/b.git?ref=v1",
    ] {
        assert!(is_git(git) && !is_http(git), "{git}");
    }
    for http in ["https://x/y.tar.gz", "http://x/y", "https://x/y.git/z"] {
        assert!(is_http(http) && !is_git(http), "{http}");
    }
    for path in ["a", "a@b", "./x:y", "github.com/a/b.git", "ftp://x/y", "HTTP://x/y"] {
        assert!(!is_http(path) && !is_git(path), "{path}");
    }
}

#[test]
fn sizes_and_fields() {
    for (text, expected) in [
        ("64", Some(64)),
        ("64m", Some(64 << 20)),
        ("1.5 GiB", Some(3 << 29)),
        ("2kb", Some(2048)),
        ("7B", Some(7)),
    ] {
        assert_eq!(bytes(text), expected, "{text}");
    }
    for bad in ["6\u{fffd}m", "", "m", "-1", "1x", "1mm", "1kibb"] {
        assert_eq!(bytes(bad), None, "{bad}");
    }
    let joined = |text| fields(text).map(|fields| fields.join("|"));
    assert_eq!(joined("a=b,c").as_deref(), Some("a=b|c"));
    assert_eq!(joined("\"a,b\",\"c\"\"d\",").as_deref(), Some("a,b|c\"d|"));
    for bad in ["", "a\"b", "\"a", "\"a\"b"] {
        assert_eq!(joined(bad), None, "{bad}");
    }
}

#[test]
fn digests() {
    let digits = |count: usize| "0af9".repeat(count / 4);
    for good in [
        format!("sha256:{}", digits(64)),
        format!("sha384:{}", digits(96)),
        format!("sha512:{}", digits(128)),
    ] {
        assert!(is_digest(&good), "{good}");
    }
    for bad in ["", "sha256", "sha256:", "md5:00", "sha256:é"] {
        assert!(!is_digest(bad), "{bad}");
    }
    for bad in [digits(64), format!("sha256:{}", digits(60)), format!("sha256:{}", digits(64).to_uppercase())]
    {
        assert!(!is_digest(&bad), "{bad}");
    }
}
