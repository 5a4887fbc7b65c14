//! What a step hands to the next one.

use crate::support::{Context, digest, redacted};

const PUSH: [&str; 8] = [
    "build",
    "app",
    "--tag",
    "shop/api:1,shop/api:2",
    "--platform",
    "linux/amd64",
    "--create-repository",
    "--push",
];

#[test]
fn every_form() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.file("out/summary", "before\n");
    t.file("out/output", "before=1\n");
    let files = [
        "--metadata-file",
        "out/metadata.json",
        "--iidfile",
        "out/iid",
        "--digest-file",
        "out/digest",
        "--dotenv-file",
        "out/dotenv",
        "--properties-file",
        "out/properties",
    ];
    let run = t.consign(PUSH.iter().chain(&files)).env("GITHUB_OUTPUT", t.path("out/output"));
    let printed = run.env("GITHUB_STEP_SUMMARY", t.path("out/summary")).succeeds();
    let read = |name: &str| fs_err::read_to_string(t.path("out").join(name)).unwrap();
    assert_eq!(read("digest"), digest(&printed));
    let metadata: serde_json::Value = serde_json::from_str(&read("metadata.json")).unwrap();
    assert_eq!(metadata["containerimage.digest"], digest(&printed));
    assert_eq!(metadata["containerimage.config.digest"], read("iid"));
    let shown = |name: &str| redacted(&read(name), &t.path(""));
    insta::assert_snapshot!(shown("metadata.json"), @r#"
    {
      "containerimage.config.digest": "sha256:[DIGEST]",
      "containerimage.descriptor": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:[DIGEST]",
        "size": 401,
        "platform": {
          "architecture": "amd64",
          "os": "linux"
        }
      },
      "containerimage.digest": "sha256:[DIGEST]",
      "image.name": "[HOST]/shop/api:1,[HOST]/shop/api:2"
    }
    "#);
    insta::assert_snapshot!(shown("dotenv"), @r"
    CONSIGN_IMAGE=[HOST]/shop/api@sha256:[DIGEST]
    CONSIGN_DIGEST=sha256:[DIGEST]
    CONSIGN_IMAGE_ID=sha256:[DIGEST]
    CONSIGN_REPOSITORY=[HOST]/shop/api
    CONSIGN_TAGS=[HOST]/shop/api:1 [HOST]/shop/api:2
    ");
    insta::assert_snapshot!(shown("properties"), @r"
    image=[HOST]/shop/api@sha256:[DIGEST]
    digest=sha256:[DIGEST]
    imageid=sha256:[DIGEST]
    repository=[HOST]/shop/api
    tags=[HOST]/shop/api:1 [HOST]/shop/api:2
    ");
    insta::assert_snapshot!(shown("output"), @r#"
    before=1
    digest=sha256:[DIGEST]
    imageid=sha256:[DIGEST]
    image=[HOST]/shop/api@sha256:[DIGEST]
    tags<<CONSIGN_EOF
    [HOST]/shop/api:1
    [HOST]/shop/api:2
    CONSIGN_EOF
    metadata={"containerimage.config.digest":"sha256:[DIGEST]","containerimage.descriptor":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:[DIGEST]","size":401,"platform":{"architecture":"amd64","os":"linux"}},"containerimage.digest":"sha256:[DIGEST]","image.name":"[HOST]/shop/api:1,[HOST]/shop/api:2"}
    registry=[HOST]
    repository=shop/api
    platform-digests={"linux/amd64":"sha256:[DIGEST]"}
    aws-account-id=123456789012
    "#);
    insta::assert_snapshot!(shown("summary"), @r"
    before
    ### `[HOST]/shop/api`

    | | |
    |---|---|
    | digest | `sha256:[DIGEST]` |
    | tag | `1` |
    | tag | `2` |

    1 layer, 0 reused, 188 B sent.

    | layer | size | sent | time | timeline |
    |---|---:|---:|---:|---|
    | context | 188 B | 188 B | [TIME] | `[TIMELINE]` |
    ");
    // Nothing else was left in the folder.
    assert_eq!(fs_err::read_dir(t.path("out")).unwrap().count(), 7);
}

#[test]
fn nothing_is_written_unless_the_registry_confirmed() {
    let t = Context::with_ecr(&["error:PutImage,code=LimitExceededException,status=400,times=always"]);
    t.app();
    t.file("output", "before=1\n");
    let files = ["--metadata-file", "metadata", "--digest-file", "digest", "--dotenv-file", "dotenv"];
    let stderr = t.consign(PUSH.iter().chain(&files)).env("GITHUB_OUTPUT", t.path("output")).fails(4);
    assert!(stderr.contains("LimitExceededException"), "{stderr}");
    for name in ["metadata", "digest", "dotenv"] {
        assert!(!t.path(name).exists(), "{name}");
    }
    assert_eq!(fs_err::read_to_string(t.path("output")).unwrap(), "before=1\n");
}

#[test]
fn json_for_machines() {
    let t = Context::with_ecr(&[]);
    t.app();
    let ended = t.consign(PUSH.iter().chain(&["--format", "json", "--progress", "json"])).output();
    let result: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(result["published"][0]["tags"], serde_json::json!(["1", "2"]));
    assert_eq!(result["published"][0]["digest"], result["digest"]);
    for line in ended.stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["reason"].is_string(), "{line}");
    }
}

#[test]
fn a_failure_for_machines() {
    let t = Context::with_ecr(&[]);
    t.app();
    let ended = t.consign(["build", "app", "--push", "--tag", "shop/api:1", "--progress", "json"]).output();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{ended}");
    let last: serde_json::Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
    assert_eq!((&last["reason"], &last["code"]), (&"failed".into(), &4.into()), "{ended}");
    assert!(last["hint"].as_str().unwrap().contains("--create-repository"), "{ended}");
}

#[test]
fn quiet_is_quiet() {
    let t = Context::with_ecr(&[]);
    t.app();
    let ended = t.consign(PUSH.iter().chain(&["--quiet"])).output();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended}");
}
