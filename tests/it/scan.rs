//! `consign scan`, and the gate at the end of a push.

use crate::iam::{block_on, client, with_permissions};
use crate::support::{Context, digest, redacted};
use consign::ecr::scan::IgnoreList;
use consign::emulator::Settings;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const PUSH: [&str; 5] = ["build", "app", "--create-repository", "--push", "--tag"];

/// An emulator whose scans find what a file says, which a test can write anew.
struct Scans {
    t: Context,
    file: tempfile::NamedTempFile,
}

impl Scans {
    fn new(scans: &Value, faults: &[&str]) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        write(file.path(), scans);
        let t = Context::with_settings(Settings {
            faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
            part_size: 5 * 1024 * 1024,
            findings: Some(file.path().into()),
            ..Settings::default()
        });
        t.app();
        Self { t, file }
    }

    fn find(&self, scans: &Value) {
        write(self.file.path(), scans);
    }

    /// Pushes `app`, and gives its digest.
    fn push(&self, tag: &str) -> String {
        digest(&self.t.consign(PUSH.iter().chain(&[tag])).succeeds())
    }

    /// Scans what is pushed from now on.
    fn scan_on_push(&self) {
        use aws_sdk_ecr::types::ImageScanningConfiguration;
        let client = client(&self.t, false);
        block_on(async {
            let call = client.put_image_scanning_configuration().repository_name("shop/api");
            let on = ImageScanningConfiguration::builder().scan_on_push(true).build();
            call.image_scanning_configuration(on).send().await.unwrap();
        });
    }
}

fn write(path: &Path, scans: &Value) {
    fs_err::write(path, json!({ "scans": scans }).to_string()).unwrap();
}

/// Without points in time.
fn timeless(text: &impl ToString) -> String {
    let time = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap();
    time.replace_all(&text.to_string(), "[TIME]").into_owned()
}

/// Has Amazon Inspector scan everything.
fn enhanced(t: &Context) {
    use aws_sdk_ecr::types::{
        RegistryScanningRule, ScanFrequency, ScanType, ScanningRepositoryFilter, ScanningRepositoryFilterType,
    };
    let filter = ScanningRepositoryFilter::builder()
        .filter("*")
        .filter_type(ScanningRepositoryFilterType::Wildcard)
        .build()
        .unwrap();
    let rule = RegistryScanningRule::builder()
        .scan_frequency(ScanFrequency::ContinuousScan)
        .repository_filters(filter)
        .build()
        .unwrap();
    let client = client(t, false);
    block_on(async {
        let call = client.put_registry_scanning_configuration().scan_type(ScanType::Enhanced);
        call.rules(rule).send().await.unwrap();
    });
}

/// A finding of basic scanning.
fn basic(id: &str, severity: &str, package: &str, version: &str) -> Value {
    json!({
        "name": id,
        "severity": severity,
        "uri": format!("https://example.com/{id}"),
        "description": format!("what {id} is"),
        "attributes": [
            { "key": "package_name", "value": package },
            { "key": "package_version", "value": version },
            { "key": "CVSS3_SCORE", "value": "7.5" },
        ],
    })
}

/// What most tests find.
fn three() -> Value {
    json!([
        basic("CVE-2026-0003", "LOW", "zlib", "1.2"),
        basic("CVE-2026-0001", "CRITICAL", "openssl", "1.1.1"),
        basic("CVE-2026-0002", "HIGH", "curl", "8.0"),
    ])
}

fn ignore_list(t: &Context) {
    t.file(
        ".consign-scan-ignore.yaml",
        "apiVersion: consign/v1\n\
         ignore:\n\
         - { id: CVE-2026-0001, package: openssl, reason: never reached, expires: 2999-12-31 }\n\
         - { id: CVE-2026-0002, reason: the fix was to come, expires: 2020-01-31 }\n\
         - { id: CVE-2019-0001, reason: forgotten, expires: 2999-12-31 }\n",
    );
}

#[test]
fn from_the_start_of_a_scan_to_its_findings() {
    let s = Scans::new(&json!([{ "image": "shop/api:1", "polls": 3, "findings": three() }]), &[]);
    let image = s.push("shop/api:1");
    insta::assert_snapshot!(s.t.consign(["scan", "show", "shop/api:1"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: there is no scan of [HOST]/shop/api@sha256:[DIGEST]
    hint: `consign scan start` starts one; with enhanced scanning, a rule of the registry has to match the repository
    ");
    insta::assert_snapshot!(s.t.consign(["scan", "start", "shop/api:1"]).output(), @r"
    exit: 0
    ----- stdout -----
    SCAN                                     IMAGE
    PENDING: The scan has not finished yet.  [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: started
    ");
    insta::assert_snapshot!(s.t.consign(["scan", "wait", "shop/api:1"]).output(), @r"
    exit: 0
    ----- stdout -----
    SEVERITY  VULNERABILITY  PACKAGE  VERSION  FIXED IN
    CRITICAL  CVE-2026-0001  openssl  1.1.1    -
    HIGH      CVE-2026-0002  curl     8.0      -
    LOW       CVE-2026-0003  zlib     1.2      -
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: PENDING
    scan of [HOST]/shop/api@sha256:[DIGEST]: IN_PROGRESS
    scan of [HOST]/shop/api@sha256:[DIGEST]: COMPLETE: 3 findings: 1 critical, 1 high, 1 low
    ");
    let by_digest = format!("shop/api@{image}");
    insta::assert_snapshot!(s.t.consign(["scan", "show", &by_digest, "--severity", "high"]).output(), @r"
    exit: 0
    ----- stdout -----
    SEVERITY  VULNERABILITY  PACKAGE  VERSION  FIXED IN
    CRITICAL  CVE-2026-0001  openssl  1.1.1    -
    HIGH      CVE-2026-0002  curl     8.0      -
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: COMPLETE: 3 findings: 1 critical, 1 high, 1 low
    ");
    // Once in 24 hours.
    insta::assert_snapshot!(timeless(&s.t.consign(["scan", "start", "shop/api:1"]).output()), @r"
    exit: 0
    ----- stdout -----
    SCAN                                             IMAGE
    COMPLETE: 3 findings: 1 critical, 1 high, 1 low  [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    note: [HOST]/shop/api@sha256:[DIGEST] was scanned last at [TIME]: ECR scans an image once in 24 hours, and what that scan has found stays
    ");
    s.t.ecr().advance_clock(Duration::from_hours(25)).unwrap();
    s.find(&json!([]));
    s.t.consign(["scan", "start", "shop/api:1"]).succeeds();
    assert_eq!(s.t.consign(["scan", "wait", "shop/api:1"]).succeeds(), "", "nothing was found");
}

#[test]
fn as_json() {
    let s = Scans::new(&json!([{ "image": "shop/api", "polls": 0, "findings": [three()[1]] }]), &[]);
    s.push("shop/api:1");
    let json = |command: &[&str]| {
        let text = s.t.consign(command.iter().chain(&["--format", "json"])).output().stdout;
        timeless(&redacted(&text, &s.t.path("")))
    };
    insta::assert_snapshot!(json(&["scan", "start", "shop/api:1"]), @r#"
    {
      "image": "[HOST]/shop/api@sha256:[DIGEST]",
      "digest": "sha256:[DIGEST]",
      "images": [
        {
          "image": "[HOST]/shop/api@sha256:[DIGEST]",
          "digest": "sha256:[DIGEST]",
          "platform": null,
          "started": true,
          "status": "COMPLETE",
          "description": "The scan was completed successfully."
        }
      ]
    }
    "#);
    ignore_list(&s.t);
    insta::assert_snapshot!(json(&["scan", "show", "shop/api:1", "--fail-on", "high"]), @r#"
    {
      "image": "[HOST]/shop/api@sha256:[DIGEST]",
      "images": [
        {
          "image": "[HOST]/shop/api@sha256:[DIGEST]",
          "digest": "sha256:[DIGEST]",
          "platform": null,
          "status": "COMPLETE",
          "description": "The scan was completed successfully.",
          "scanType": "BASIC",
          "completedAt": "[TIME]",
          "sourceUpdatedAt": "[TIME]",
          "findings": [
            {
              "id": "CVE-2026-0001",
              "severity": "CRITICAL",
              "score": 7.5,
              "title": null,
              "description": "what CVE-2026-0001 is",
              "uri": "https://example.com/CVE-2026-0001",
              "exploitAvailable": null,
              "packages": [
                {
                  "name": "openssl",
                  "version": "1.1.1",
                  "fixedIn": null,
                  "path": null
                }
              ],
              "ignored": {
                "reason": "never reached",
                "expires": "2999-12-31"
              }
            }
          ],
          "counts": {}
        }
      ],
      "counts": {},
      "gate": {
        "failOn": "HIGH",
        "passed": true
      }
    }
    "#);
}

#[test]
fn the_gate_and_what_is_ignored_for_a_time() {
    let s = Scans::new(&json!([{ "image": "shop/api", "polls": 0, "findings": three() }]), &[]);
    s.push("shop/api:1");
    s.t.consign(["scan", "start", "shop/api:1"]).succeeds();
    let show = |options: &[&str]| s.t.consign(["scan", "show", "shop/api:1"].iter().chain(options)).output();
    insta::assert_snapshot!(show(&["--fail-on", "critical"]), @r"
    exit: 6
    ----- stdout -----
    SEVERITY  VULNERABILITY  PACKAGE  VERSION  FIXED IN
    CRITICAL  CVE-2026-0001  openssl  1.1.1    -
    HIGH      CVE-2026-0002  curl     8.0      -
    LOW       CVE-2026-0003  zlib     1.2      -
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: COMPLETE: 3 findings: 1 critical, 1 high, 1 low
    error: the gate `--fail-on critical` does not let [HOST]/shop/api@sha256:[DIGEST] through: 1 finding: 1 critical
      CRITICAL      CVE-2026-0001  openssl 1.1.1
    hint: update the packages that a fix is there for, or the base image; what does not concern you can be ignored for a time, see `--ignore-file`
    ");
    ignore_list(&s.t);
    insta::assert_snapshot!(show(&["--fail-on", "high"]), @r"
    exit: 6
    ----- stdout -----
    SEVERITY  VULNERABILITY  PACKAGE  VERSION  FIXED IN
    HIGH      CVE-2026-0002  curl     8.0      -
    LOW       CVE-2026-0003  zlib     1.2      -
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    warning: .consign-scan-ignore.yaml: the entry for CVE-2026-0002 expired on 2020-01-31 and no longer counts
    note: .consign-scan-ignore.yaml: the entry for CVE-2019-0001 can be removed: nothing that it is about was found
    scan of [HOST]/shop/api@sha256:[DIGEST]: COMPLETE: 2 findings: 1 high, 1 low, 1 ignored
    error: the gate `--fail-on high` does not let [HOST]/shop/api@sha256:[DIGEST] through: 1 finding: 1 high
      HIGH          CVE-2026-0002  curl 8.0
    hint: update the packages that a fix is there for, or the base image; what does not concern you can be ignored for a time, see `--ignore-file`
    ");
    assert_eq!(show(&["--fail-on", "critical"]).code, Some(0));
    assert_eq!(show(&["--fail-on", "any"]).code, Some(6));
    // What is only not shown is judged all the same.
    let hidden = show(&["--severity", "critical", "--fail-on", "low"]);
    assert_eq!((hidden.code, hidden.stdout.as_str()), (Some(6), ""));
    s.t.file(
        "wrong.yaml",
        "apiVersion: consign/v1\nignore:\n- id: CVE-1\n  reson: x\n  expires: 2027-01-01\n",
    );
    insta::assert_snapshot!(show(&["--ignore-file", "wrong.yaml"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: wrong.yaml:4:3: unknown key `reson` in `ignore[0]`
      |
    4 |   reson: x
      |   ^^^^^
    hint: did you mean `reason`?
    ");
    insta::assert_snapshot!(show(&["--ignore-file", "none.yaml"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --ignore-file: failed to open file `none.yaml`: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(show(&["--fail-on", "severe"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'severe' for '--fail-on <SEVERITY>'
      [possible values: critical, high, medium, low, informational, undefined]

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(show(&["--sarif", "none/findings.sarif"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `none/findings.sarif` can't be written: the folder `none` does not exist
    hint: create it first: `mkdir -p none`
    ");
}

#[test]
fn an_index_is_what_its_images_are() {
    let s = Scans::new(&json!([]), &[]);
    let options = ["--platform", "linux/amd64,linux/arm64", "--format", "json"];
    let pushed = s.t.consign(PUSH.iter().chain(&["shop/api:1"]).chain(&options)).succeeds();
    let pushed: Value = serde_json::from_str(&pushed).unwrap();
    let image = |position: usize| {
        let digest = pushed["published"][0]["platforms"][position]["digest"].as_str().unwrap();
        format!("shop/api@{digest}")
    };
    s.find(&json!([
        { "image": image(0), "polls": 0, "findings": three() },
        { "image": image(1), "polls": 1, "findings": [three()[2]] },
    ]));
    insta::assert_snapshot!(s.t.consign(["scan", "start", "shop/api:1"]).output(), @r"
    exit: 0
    ----- stdout -----
    SCAN                                             IMAGE
    COMPLETE: 3 findings: 1 critical, 1 high, 1 low  [HOST]/shop/api@sha256:[DIGEST] (linux/amd64)
    IN_PROGRESS: The scan has not finished yet.      [HOST]/shop/api@sha256:[DIGEST] (linux/arm64)
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: started
    scan of [HOST]/shop/api@sha256:[DIGEST]: started
    ");
    insta::assert_snapshot!(s.t.consign(["scan", "wait", "shop/api:1", "--fail-on", "critical"]).output(), @r"
    exit: 6
    ----- stdout -----
    SEVERITY  VULNERABILITY  PACKAGE  VERSION  FIXED IN  PLATFORM
    CRITICAL  CVE-2026-0001  openssl  1.1.1    -         linux/amd64
    HIGH      CVE-2026-0002  curl     8.0      -         linux/amd64
    HIGH      CVE-2026-0002  curl     8.0      -         linux/arm64
    LOW       CVE-2026-0003  zlib     1.2      -         linux/amd64
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST] (linux/amd64): COMPLETE: 3 findings: 1 critical, 1 high, 1 low
    scan of [HOST]/shop/api@sha256:[DIGEST] (linux/arm64): COMPLETE: 1 finding: 1 high
    error: the gate `--fail-on critical` does not let [HOST]/shop/api@sha256:[DIGEST] (linux/amd64) through: 1 finding: 1 critical
      CRITICAL      CVE-2026-0001  openssl 1.1.1
    hint: update the packages that a fix is there for, or the base image; what does not concern you can be ignored for a time, see `--ignore-file`
    ");
    insta::assert_snapshot!(s.t.consign(["scan", "show", "shop/api:1", "--fail-on", "critical", "--quiet"]).output(), @r"
    exit: 6
    ----- stdout -----
    SEVERITY  VULNERABILITY  PACKAGE  VERSION  FIXED IN  PLATFORM
    CRITICAL  CVE-2026-0001  openssl  1.1.1    -         linux/amd64
    HIGH      CVE-2026-0002  curl     8.0      -         linux/amd64
    HIGH      CVE-2026-0002  curl     8.0      -         linux/arm64
    LOW       CVE-2026-0003  zlib     1.2      -         linux/amd64
    ----- stderr -----
    error: the gate `--fail-on critical` does not let [HOST]/shop/api@sha256:[DIGEST] (linux/amd64) through: 1 finding: 1 critical
      CRITICAL      CVE-2026-0001  openssl 1.1.1
    hint: update the packages that a fix is there for, or the base image; what does not concern you can be ignored for a time, see `--ignore-file`
    ");
    // One of them has been scanned, the other has not.
    let other = s.t.consign(PUSH.iter().chain(&["shop/web:1"]).chain(&options)).succeeds();
    let other: Value = serde_json::from_str(&other).unwrap();
    let first = other["published"][0]["platforms"][0]["digest"].as_str().unwrap();
    s.t.consign(["scan", "start", &format!("shop/web@{first}")]).succeeds();
    insta::assert_snapshot!(s.t.consign(["scan", "show", "shop/web:1", "--fail-on", "high"]).output(), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/web@sha256:[DIGEST] (linux/amd64): COMPLETE: no findings
    scan of [HOST]/shop/web@sha256:[DIGEST] (linux/arm64): not scanned
    error: the gate `--fail-on high` does not let [HOST]/shop/web@sha256:[DIGEST] (linux/arm64) through: it has not been scanned
    hint: `consign scan start` starts a scan
    ");
}

#[test]
fn enhanced_findings() {
    let package = |name: &str, path: Option<&str>, fixed: &str| {
        let mut package = json!({ "name": name, "version": "2.1", "release": "3.el9", "epoch": 1, "fixedInVersion": fixed });
        if let Some(path) = path {
            package["filePath"] = path.into();
        }
        package
    };
    let finding = |id: &str, severity: &str, status: &str, packages: Vec<Value>| {
        json!({
            "title": format!("{id} - something"), "severity": severity, "status": status, "score": 9.8,
            "description": "what it is", "exploitAvailable": "YES", "fixAvailable": "YES",
            "packageVulnerabilityDetails": { "vulnerabilityId": id, "sourceUrl": "https://example.com/x", "vulnerablePackages": packages },
        })
    };
    let findings = [
        finding(
            "CVE-2026-0001",
            "CRITICAL",
            "ACTIVE",
            vec![package("log4j", Some("app/lib/log4j.jar"), "2.17"), package("bash", None, "NotAvailable")],
        ),
        finding("CVE-2026-0002", "UNTRIAGED", "ACTIVE", vec![package("curl", None, "8")]),
        finding("CVE-2026-0003", "HIGH", "SUPPRESSED", vec![package("zlib", None, "2")]),
    ];
    let s = Scans::new(&json!([{ "image": "*", "polls": 0, "enhancedFindings": findings }]), &[]);
    enhanced(&s.t);
    s.push("shop/api:1");
    insta::assert_snapshot!(s.t.consign(["scan", "start", "shop/api:1"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: no scan of [HOST]/shop/api@sha256:[DIGEST] can be started: the registry has enhanced scanning
    hint: Amazon Inspector scans by itself, as the registry's rules say: `consign scan wait` waits for what it finds
    ");
    insta::assert_snapshot!(s.t.consign(["scan", "show", "shop/api:1", "--fail-on", "high"]).output(), @r"
    exit: 6
    ----- stdout -----
    SEVERITY   VULNERABILITY  PACKAGE                    VERSION      FIXED IN
    CRITICAL   CVE-2026-0001  bash                       1:2.1-3.el9  -
    CRITICAL   CVE-2026-0001  log4j (app/lib/log4j.jar)  1:2.1-3.el9  2.17
    UNDEFINED  CVE-2026-0002  curl                       1:2.1-3.el9  8
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: ACTIVE: 2 findings: 1 critical, 1 undefined, 1 ignored
    error: the gate `--fail-on high` does not let [HOST]/shop/api@sha256:[DIGEST] through: 1 finding: 1 critical
      CRITICAL      CVE-2026-0001  bash 1:2.1-3.el9, log4j 1:2.1-3.el9 (fixed in 2.17)
    hint: update the packages that a fix is there for, or the base image; what does not concern you can be ignored for a time, see `--ignore-file`
    ");
    let json = s.t.consign(["scan", "show", "shop/api:1", "--format", "json"]).succeeds();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["images"][0]["scanType"], "ENHANCED");
    assert_eq!(json["counts"], json!({ "CRITICAL": 1, "UNDEFINED": 1 }));
}

#[test]
fn more_findings_than_fit_a_page() {
    let findings: Vec<_> =
        (0..2345).map(|n| basic(&format!("CVE-2026-{n:04}"), "LOW", "linux", "6.1")).collect();
    let s = Scans::new(&json!([{ "image": "*", "polls": 0, "findings": findings }]), &[]);
    s.push("shop/api:1");
    s.t.consign(["scan", "start", "shop/api:1", "--quiet"]).succeeds();
    let before = s.t.requests("DescribeImageScanFindings").len();
    let table = s.t.consign(["scan", "show", "shop/api:1"]).succeeds();
    assert_eq!(table.lines().count(), 1 + findings.len());
    assert!(table.lines().last().unwrap().contains("CVE-2026-2344"));
    assert_eq!(s.t.requests("DescribeImageScanFindings").len() - before, 3);
}

#[test]
fn throttled_while_waiting() {
    let scans = json!([{ "image": "*", "polls": 1, "findings": [three()[1]] }]);
    let s = Scans::new(&scans, &["throttle:DescribeImageScanFindings,nth=2,times=3"]);
    s.push("shop/api:1");
    s.t.consign(["scan", "start", "shop/api:1"]).succeeds();
    assert!(s.t.consign(["scan", "wait", "shop/api:1"]).succeeds().contains("CVE-2026-0001"));
    s.t.ecr().inject("throttle:DescribeImageScanFindings,times=always".parse().unwrap());
    let wait = ["scan", "wait", "shop/api:1", "--retry-max-attempts", "3"];
    insta::assert_snapshot!(s.t.consign(wait).output(), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: DescribeImageScanFindings on [HOST]/shop/api did not get through: ThrottlingException: Rate exceeded (request id [UUID])
    hint: check the network, and `AWS_ENDPOINT_URL_ECR` if it is set; then run the same command again: what is stored is not sent twice
    ");
}

#[test]
fn scans_that_take_too_long_or_end_without_findings() {
    let s = Scans::new(
        &json!([
            { "image": "shop/api:slow", "polls": 1000 },
            { "image": "shop/api:failed", "polls": 0, "status": "FAILED", "description": "UnsupportedImageError: no OS" },
            { "image": "shop/api:other", "polls": 0, "status": "UNSUPPORTED_IMAGE" },
        ]),
        &[],
    );
    let run = |command: &str, tag: &str, options: &[&str]| {
        let tag = format!("shop/api:{tag}");
        s.t.consign(["scan", command, &tag].iter().chain(options)).output()
    };
    for tag in ["slow", "failed", "other", "never"] {
        s.t.file("app/tag", tag);
        s.push(&format!("shop/api:{tag}"));
    }
    for tag in ["slow", "failed", "other"] {
        assert_eq!(run("start", tag, &[]).code, Some(0));
    }
    insta::assert_snapshot!(run("wait", "slow", &["--timeout", "120ms"]), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: PENDING
    error: the scan of [HOST]/shop/api@sha256:[DIGEST] has not ended after [TIME]: PENDING: The scan has not finished yet.
    hint: run the same command again, or give it more time with `--timeout`, or `--scan-timeout` where it is pushed
    ");
    insta::assert_snapshot!(run("show", "slow", &["--fail-on", "high"]), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: PENDING: The scan has not finished yet.
    error: the gate `--fail-on high` does not let [HOST]/shop/api@sha256:[DIGEST] through: its scan has not ended (PENDING: The scan has not finished yet.)
    hint: `consign scan wait` waits for its end
    ");
    insta::assert_snapshot!(run("wait", "failed", &[]), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: FAILED: UnsupportedImageError: no OS
    error: the scan of [HOST]/shop/api@sha256:[DIGEST] has no findings to show: FAILED: UnsupportedImageError: no OS
    hint: ECR scans images with the package database of a distribution that it knows; `--allow-unscanned` accepts others
    ");
    insta::assert_snapshot!(run("show", "failed", &[]), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: FAILED: UnsupportedImageError: no OS
    error: the scan of [HOST]/shop/api@sha256:[DIGEST] has no findings to show: FAILED: UnsupportedImageError: no OS
    hint: ECR scans images with the package database of a distribution that it knows; `--allow-unscanned` accepts others
    ");
    insta::assert_snapshot!(run("wait", "other", &["--fail-on", "high"]), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: UNSUPPORTED_IMAGE: The scan could not be done.
    error: the gate `--fail-on high` does not let [HOST]/shop/api@sha256:[DIGEST] through: nobody knows what is in it (UNSUPPORTED_IMAGE: The scan could not be done.)
    hint: ECR scans images with the package database of a distribution that it knows; `--allow-unscanned` lets others through
    ");
    assert_eq!(run("wait", "other", &["--fail-on", "high", "--allow-unscanned"]).code, Some(0));
    assert_eq!(run("wait", "failed", &["--allow-unscanned"]).code, Some(0));
    insta::assert_snapshot!(run("wait", "never", &["--timeout", "120ms"]), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    scan of [HOST]/shop/api@sha256:[DIGEST]: not scanned
    error: there is no scan of [HOST]/shop/api@sha256:[DIGEST], after [TIME]
    hint: `consign scan start` starts one; with enhanced scanning, a rule of the registry has to match the repository
    ");
    insta::assert_snapshot!(run("wait", "never", &["--timeout", "soon"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'soon' for '--timeout <DURATION>': write a number of seconds, or one with a unit: 90s, 10m, 1h

    For more information, try '--help'.
    ");
    for wrong in ["0", "-1m", ""] {
        assert_eq!(run("wait", "never", &[&format!("--timeout={wrong}")]).code, Some(2), "{wrong}");
    }
}

#[test]
fn what_is_not_there_and_where_nothing_is_scanned() {
    let s = Scans::new(&json!([]), &[]);
    let show = |reference: &str| s.t.consign(["scan", "show", reference]).output();
    insta::assert_snapshot!(show("shop/api:1"), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop/api` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/api`; if it exists, check the region and the account
    ");
    s.push("shop/api:1");
    insta::assert_snapshot!(show("shop/api:2"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `shop/api:2` is not in the repository [HOST]/shop/api
    hint: check the name, and that the job which pushes this image has ended; another region or account is another registry
    ");
    insta::assert_snapshot!(show("shop/api"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: REF: `shop/api` is a repository, and this is about an image in it
    hint: name one by its tag or digest: `shop/api:TAG` or `shop/api@sha256:…`
    ");
    insta::assert_snapshot!(show("public.ecr.aws/shop/api:1"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `public.ecr.aws/shop/api:1` is in ECR Public, which has no scans of images
    hint: private repositories have them: leave out the host, or write ACCOUNT.dkr.ecr.REGION.amazonaws.com
    ");
    insta::assert_snapshot!(show("ghcr.io/shop/api:1"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `ghcr.io/shop/api:1` is in ghcr.io, which is not ECR: repositories are managed in ECR only
    hint: a name without a host means the private registry of the account and region in use; public.ecr.aws/ALIAS/NAME means ECR Public
    ");
    // It goes while it is waited for.
    s.t.ecr()
        .inject("error:DescribeImageScanFindings,code=ImageNotFoundException,message=gone".parse().unwrap());
    insta::assert_snapshot!(s.t.consign(["scan", "wait", "shop/api:1"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: [HOST]/shop/api@sha256:[DIGEST] was deleted while its scan was looked at
    hint: a lifecycle policy or another job may have deleted it: push it again
    ");
    s.t.ecr().inject("error:StartImageScan,code=ImageArchivedException,message=archived".parse().unwrap());
    insta::assert_snapshot!(s.t.consign(["scan", "start", "shop/api:1"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: no scan of [HOST]/shop/api@sha256:[DIGEST] can be started: it is archived
    hint: restore it first: `aws ecr update-image-storage-class --target-storage-class STANDARD`
    ");
    s.t.ecr()
        .inject("error:StartImageScan,code=UnsupportedImageTypeException,message=no image".parse().unwrap());
    insta::assert_snapshot!(s.t.consign(["scan", "start", "shop/api:1"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `[HOST]/shop/api@sha256:[DIGEST]` can't be scanned: no image
    hint: name an image, or an index that lists images
    ");
    s.t.ecr().inject(
        "error:StartImageScan,code=ValidationException,message=This feature is disabled".parse().unwrap(),
    );
    insta::assert_snapshot!(s.t.consign(["scan", "start", "shop/api:1"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: StartImageScan on [HOST]/shop/api was refused: ValidationException: This feature is disabled (request id [UUID])
    ");
}

#[test]
fn the_permissions_that_the_page_names() {
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scanning.md")).unwrap();
    let role = ["--role-to-assume", "arn:aws:iam::123456789012:role/ci"];
    for (command, needed) in [
        ("start", &["ecr:BatchGetImage", "ecr:StartImageScan", "ecr:DescribeImageScanFindings"][..]),
        ("show", &["ecr:BatchGetImage", "ecr:DescribeImageScanFindings"]),
        ("wait", &["ecr:BatchGetImage", "ecr:DescribeImageScanFindings"]),
    ] {
        let attempt = |actions: &[&str]| {
            let t = with_permissions(actions);
            t.app();
            t.consign(PUSH.iter().chain(&["shop/api:1"])).succeeds();
            if command != "start" {
                t.consign(["scan", "start", "shop/api:1"]).succeeds();
            }
            t.consign(["scan", command, "shop/api:1"].iter().chain(&role)).output()
        };
        assert_eq!(attempt(needed).code, Some(0), "{command}");
        for action in needed {
            assert!(page.contains(&format!("`{action}`")), "{action}");
            let others: Vec<_> = needed.iter().filter(|other| other != &action).copied().collect();
            let ended = attempt(&others);
            assert_eq!(ended.code, Some(3), "{command} without {action}\n{ended}");
            assert!(ended.stderr.contains(&format!("the permission `{action}`")), "{ended}");
        }
    }
}

#[test]
fn sarif_for_code_scanning_pages() {
    let s = Scans::new(&json!([{ "image": "*", "polls": 0, "findings": three() }]), &[]);
    s.push("shop/api:1");
    ignore_list(&s.t);
    s.t.consign(["scan", "start", "shop/api:1"]).succeeds();
    // The file is there also if the gate says no.
    let wait = ["scan", "wait", "shop/api:1", "--sarif", "findings.sarif", "--fail-on", "high"];
    assert_eq!(s.t.consign(wait).output().code, Some(6));
    let text = fs_err::read_to_string(s.t.path("findings.sarif")).unwrap();
    let sarif: Value = serde_json::from_str(&text).unwrap();
    let run = &sarif["runs"][0];
    assert_eq!(run["automationDetails"]["id"], "consign-scan/shop/api/");
    let results = run["results"].as_array().unwrap();
    let seen: Vec<_> = results
        .iter()
        .map(|result| {
            let suppressed = result["suppressions"].as_array().unwrap().len();
            let rule = &run["tool"]["driver"]["rules"]
                [usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
            let level = result["level"].as_str().unwrap();
            format!(
                "{} {level} {suppressed} {}",
                result["ruleId"].as_str().unwrap(),
                rule["properties"]["security-severity"]
            )
        })
        .collect();
    assert_eq!(
        seen,
        ["CVE-2026-0001 error 1 \"7.5\"", "CVE-2026-0002 error 0 \"7.5\"", "CVE-2026-0003 note 0 \"7.5\"",]
    );
    s.t.consign(["scan", "show", "shop/api:1", "--sarif", "again.sarif"]).succeeds();
    assert_eq!(fs_err::read_to_string(s.t.path("again.sarif")).unwrap(), text, "the same each time");
}

#[test]
fn a_build_that_the_gate_lets_through() {
    let s = Scans::new(&json!([{ "image": "*", "polls": 2, "findings": [three()[0]] }]), &[]);
    let files = ["--fail-on", "high", "--digest-file", "digest", "--sarif", "findings.sarif"];
    let build = || s.t.consign(PUSH.iter().chain(&["shop/api:1"]).chain(&files));
    insta::assert_snapshot!(build().output().in_order(), @r"
    exit: 0
    ----- stdout -----
    [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    layer context: sent, 188 B sha256:[SHORT]
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    scan of [HOST]/shop/api@sha256:[DIGEST]: not scanned
    scan of [HOST]/shop/api@sha256:[DIGEST]: started
    scan of [HOST]/shop/api@sha256:[DIGEST]: PENDING
    scan of [HOST]/shop/api@sha256:[DIGEST]: IN_PROGRESS
    scan of [HOST]/shop/api@sha256:[DIGEST]: COMPLETE: 1 finding: 1 low
    ");
    assert!(s.t.path("digest").exists() && s.t.path("findings.sarif").exists());
    // The same image again: its scan is there.
    let before = s.t.requests("StartImageScan").len();
    build().succeeds();
    assert_eq!(s.t.requests("StartImageScan").len(), before);
}

#[test]
fn what_is_known_of_an_image_grows_old() {
    let s = Scans::new(&json!([{ "image": "*", "polls": 0, "findings": [three()[0]] }]), &[]);
    s.push("shop/api:1");
    s.t.consign(["scan", "start", "shop/api:1"]).succeeds();
    s.find(&json!([{ "image": "*", "polls": 2, "findings": three() }]));
    let build = |age: &str| {
        let gate = ["--fail-on", "critical", "--scan-max-age", age];
        s.t.consign(PUSH.iter().chain(&["shop/api:1"]).chain(&gate)).output()
    };
    assert_eq!(build("24h").code, Some(0));
    // ECR makes no other scan on the same day, and the one that is there has to do.
    assert_eq!(build("1ms").code, Some(0));
    assert_eq!(s.t.requests("StartImageScan").len(), 2);
    s.t.ecr().advance_clock(Duration::from_hours(25)).unwrap();
    assert_eq!(build("24h").code, Some(0));
    let ended = build("1ms");
    assert_eq!((ended.code, s.t.requests("StartImageScan").len()), (Some(6), 3), "{ended}");
    assert!(ended.stderr.contains("IN_PROGRESS") && ended.stderr.contains("CVE-2026-0001"), "{ended}");
}

#[test]
fn a_build_that_the_gate_stops() {
    let s = Scans::new(&json!([{ "image": "*", "polls": 0, "findings": three() }]), &[]);
    s.push("shop/api:0");
    s.scan_on_push();
    s.t.file("app/new", "x");
    let files = [
        "--fail-on",
        "high",
        "--digest-file",
        "digest",
        "--sarif",
        "findings.sarif",
        "--platform",
        "linux/amd64,linux/arm64",
    ];
    let run = s.t.consign(PUSH.iter().chain(&["shop/api:1"]).chain(&files));
    let run = run.env("GITHUB_OUTPUT", s.t.path("output")).env("GITHUB_STEP_SUMMARY", s.t.path("summary"));
    let ended = run.output();
    insta::assert_snapshot!(ended.in_order(), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 5 entries, 42 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    layer context: sent, 215 B sha256:[SHORT]
    linux/amd64 is sha256:[DIGEST]
    linux/arm64 is sha256:[DIGEST]
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    scan of [HOST]/shop/api@sha256:[DIGEST] (linux/amd64): COMPLETE: 3 findings: 1 critical, 1 high, 1 low
    scan of [HOST]/shop/api@sha256:[DIGEST] (linux/arm64): COMPLETE: 3 findings: 1 critical, 1 high, 1 low
    error: the gate `--fail-on high` does not let [HOST]/shop/api@sha256:[DIGEST] (linux/amd64) through: 2 findings: 1 critical, 1 high
      CRITICAL      CVE-2026-0001  openssl 1.1.1
      HIGH          CVE-2026-0002  curl 8.0
    the gate `--fail-on high` does not let [HOST]/shop/api@sha256:[DIGEST] (linux/arm64) through: 2 findings: 1 critical, 1 high
      CRITICAL      CVE-2026-0001  openssl 1.1.1
      HIGH          CVE-2026-0002  curl 8.0
      [HOST]/shop/api@sha256:[DIGEST] was pushed, and is not handed on: no result was written
    hint: update the packages that a fix is there for, or the base image; what does not concern you can be ignored for a time, see `--ignore-file`
    ");
    // It was pushed, and nobody is told: no later step takes it from here.
    assert!(
        s.t.ecr().registry()["shop/api"].images.iter().any(|image| image.tags.iter().any(|tag| tag == "1"))
    );
    assert!(!s.t.path("digest").exists() && !s.t.path("output").exists());
    assert!(s.t.path("findings.sarif").exists());
    assert!(s.t.requests("StartImageScan").is_empty(), "it is scanned on push");
    let summary = fs_err::read_to_string(s.t.path("summary")).unwrap();
    insta::assert_snapshot!(redacted(&summary, &s.t.path("")), @r"
    ### Findings in `[HOST]/shop/api`

    | image | platform | scan |
    |---|---|---|
    | `sha256:[DIGEST]` | linux/amd64 | COMPLETE&#58; 3 findings&#58; 1 critical&#44; 1 high&#44; 1 low |
    | `sha256:[DIGEST]` | linux/arm64 | COMPLETE&#58; 3 findings&#58; 1 critical&#44; 1 high&#44; 1 low |

    | severity | vulnerability | package | version | fixed in | platform |
    |---|---|---|---|---|---|
    | critical | [CVE-2026-0001](https://example.com/CVE-2026-0001) | openssl | 1&#46;1&#46;1 |  | linux/amd64 |
    | critical | [CVE-2026-0001](https://example.com/CVE-2026-0001) | openssl | 1&#46;1&#46;1 |  | linux/arm64 |
    | high | [CVE-2026-0002](https://example.com/CVE-2026-0002) | curl | 8&#46;0 |  | linux/amd64 |
    | high | [CVE-2026-0002](https://example.com/CVE-2026-0002) | curl | 8&#46;0 |  | linux/arm64 |
    | low | [CVE-2026-0003](https://example.com/CVE-2026-0003) | zlib | 1&#46;2 |  | linux/amd64 |
    | low | [CVE-2026-0003](https://example.com/CVE-2026-0003) | zlib | 1&#46;2 |  | linux/arm64 |
    ");
}

#[test]
fn a_gate_on_what_is_pushed_from_a_layout() {
    let s = Scans::new(&json!([{ "image": "*", "polls": 0, "findings": [three()[1]] }]), &[]);
    s.t.consign(["build", "app", "-o", "type=oci,dest=layout"]).succeeds();
    let push = ["push", "layout", "shop/api:1", "--create-repository", "--format", "json", "--fail-on"];
    let stderr = s.t.consign(push.iter().chain(&["high"])).fails(6);
    assert!(stderr.contains("CVE-2026-0001"), "{stderr}");
    ignore_list(&s.t);
    let json: Value = serde_json::from_str(&s.t.consign(push.iter().chain(&["high"])).succeeds()).unwrap();
    assert_eq!(json["scans"][0]["gate"], json!({ "failOn": "HIGH", "passed": true }));
    assert_eq!(json["scans"][0]["images"][0]["findings"][0]["ignored"]["reason"], "never reached");
}

#[test]
fn a_build_without_the_permission_to_scan() {
    let push = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:PutImage",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    ];
    let describe = "ecr:DescribeImageScanFindings";
    for (actions, lacking) in
        [(push.to_vec(), describe), ([&push[..], &[describe]].concat(), "ecr:StartImageScan")]
    {
        let t = with_permissions(&actions);
        t.app();
        t.consign(PUSH.iter().chain(&["shop/api:0"])).succeeds();
        t.file("app/new", "x");
        let role = ["--role-to-assume", "arn:aws:iam::123456789012:role/ci"];
        let build =
            ["build", "app", "--push", "--tag", "shop/api:1", "--fail-on", "high", "--scan-timeout", "150ms"];
        let ended = t.consign(build.iter().chain(&role)).output();
        assert_eq!(ended.code, Some(3), "{ended}");
        assert!(ended.stderr.contains(&format!("the permission `{lacking}`")), "{ended}");
        assert!(ended.stderr.contains("was pushed, and is not handed on"), "{ended}");
    }
}

#[test]
fn a_gate_where_there_is_nothing_to_gate() {
    let t = Context::with_ecr(&[]);
    t.app();
    let refused = |arguments: &[&str]| {
        let ended = t.consign(["build", "app"].iter().chain(arguments)).output();
        assert_eq!((ended.code, t.operations()), (Some(2), vec![]), "{ended}");
        ended.stderr
    };
    insta::assert_snapshot!(refused(&["--fail-on", "high"]), @r"
    error: --fail-on: images are scanned in ECR, and nothing is pushed
    hint: add `--push`, or leave it out
    ");
    insta::assert_snapshot!(refused(&["--push", "--tag", "ghcr.io/shop/api:1", "--sarif", "x"]), @r"
    error: --sarif: `ghcr.io/shop/api:1` is not in a private registry of ECR, and only those scan images
    hint: leave the option out, or push to ECR alone
    ");
    insta::assert_snapshot!(refused(&["--push", "--tag", "shop/api:1", "--fail-on", "high", "--ignore-file", "none"]), @"error: --ignore-file: failed to open file `none`: No such file or directory (os error 2)");
}

#[test]
fn the_list_of_the_page_is_one() {
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scanning.md")).unwrap();
    let list = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let list = IgnoreList::parse(Path::new("page"), list).unwrap();
    assert_eq!(list.entries[0].to_string(), "CVE-2026-0001 in openssl");
}

/// What the action makes of its inputs.
#[test]
fn the_gate_of_the_action() {
    let s = Scans::new(&json!([{ "image": "*", "polls": 0, "findings": [three()[1]] }]), &[]);
    let inputs = json!({
        "context": "app", "tags": "shop/api:1", "push": true, "create-repository": true,
        "fail-on": "high", "sarif-file": "findings.sarif", "scan-ignore-file": "ignore.yaml",
    });
    let run = || {
        s.t.consign(["github-action"])
            .env("CONSIGN_ACTION_INPUTS", inputs.to_string())
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", s.t.path("output"))
            .output()
    };
    s.t.file("ignore.yaml", "apiVersion: consign/v1\nignore: []\n");
    let ended = run();
    insta::assert_snapshot!(ended.in_order(), @r"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    ::group::reading app
    context: 4 entries, 41 B
    ::endgroup::
    ::group::layers
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    created the repository shop/api
    layer context: sent, 188 B sha256:[SHORT]
    ::endgroup::
    [HOST]/shop/api:1 is now sha256:[DIGEST]
    scan of [HOST]/shop/api@sha256:[DIGEST]: not scanned
    scan of [HOST]/shop/api@sha256:[DIGEST]: started
    scan of [HOST]/shop/api@sha256:[DIGEST]: COMPLETE: 1 finding: 1 critical
    ::error title=consign::the gate `--fail-on high` does not let [HOST]/shop/api@sha256:[DIGEST] through: 1 finding: 1 critical%0A  CRITICAL      CVE-2026-0001  openssl 1.1.1%0A  [HOST]/shop/api@sha256:[DIGEST] was pushed, and is not handed on: no result was written%0Ahint: update the packages that a fix is there for, or the base image; what does not concern you can be ignored for a time, see `--ignore-file`
    ");
    assert!(s.t.path("findings.sarif").exists() && !s.t.path("output").exists());
    ignore_list(&s.t);
    fs_err::rename(s.t.path(".consign-scan-ignore.yaml"), s.t.path("ignore.yaml")).unwrap();
    let ended = run();
    assert!(ended.code == Some(0) && s.t.path("output").exists(), "{ended}");
    assert!(ended.stderr.contains("::warning") || ended.stderr.contains("::notice"), "{ended}");
}
