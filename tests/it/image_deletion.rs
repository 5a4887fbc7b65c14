//! `consign image delete`: what was done and what was not is told exactly, whatever goes wrong.

use crate::iam::{ROLE, block_on, client, with_permissions};
use crate::image_command::{image, json_of, push, steady};
use crate::support::Context;
use consign::emulator::RepositorySnapshot;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

fn repository(t: &Context) -> RepositorySnapshot {
    t.ecr().registry().remove("shop/api").unwrap()
}

/// The tags and digests that are left.
fn left(t: &Context) -> Vec<String> {
    let images = repository(t).images;
    let name = |image: &consign::emulator::ImageSnapshot| {
        if image.tags.is_empty() { image.digest.to_string() } else { image.tags.join(" ") }
    };
    let mut names: Vec<_> = images.iter().map(name).collect();
    names.sort();
    names
}

/// Puts `count` untagged images into `shop/api`, each `first` with another annotation; gives their digests, sorted.
pub(crate) fn many(t: &Context, first: &str, count: usize) -> Vec<String> {
    let ecr = client(t, false);
    let mut digests: Vec<String> = block_on(async {
        let id = aws_sdk_ecr::types::ImageIdentifier::builder().image_digest(first).build();
        let found = ecr.batch_get_image().repository_name("shop/api").image_ids(id).send().await.unwrap();
        let text = found.images()[0].image_manifest().unwrap().to_owned();
        let put = |number: usize| {
            let mut manifest: Value = serde_json::from_str(&text).unwrap();
            manifest["annotations"] = json!({ "number": number.to_string() });
            let put = ecr.put_image().repository_name("shop/api").image_manifest(manifest.to_string());
            async move {
                let image = put.send().await?.image.unwrap();
                Ok::<_, aws_sdk_ecr::error::SdkError<_, _>>(image.image_id.unwrap().image_digest.unwrap())
            }
        };
        futures::stream::iter(0..count).map(put).buffer_unordered(16).try_collect().await.unwrap()
    });
    digests.sort();
    digests
}

/// An emulator with an index for two platforms, and a second one that has one of these images and another.
fn two_indexes() -> (Context, [String; 2], [String; 3]) {
    let t = Context::with_ecr(&[]);
    t.app();
    let one = push(&t, &["shop/api:1", "--platform", "linux/amd64,linux/arm64"]);
    let riscv = push(&t, &["shop/api:riscv", "--platform", "linux/riscv64"]);
    let json = json_of(&t, &["show", "shop/api:1"]);
    let child = |place: usize| json["manifests"][place]["digest"].as_str().unwrap().to_owned();
    let (amd64, arm64) = (child(0), child(1));
    let create = ["index", "create", "shop/api:2", &arm64, &riscv];
    let two = crate::support::digest(&t.consign(create).succeeds());
    (t, [one, two], [amd64, arm64, riscv])
}

#[test]
fn by_tag_and_by_digest() {
    let t = Context::with_ecr(&[]);
    t.app();
    let one = push(&t, &["shop/api:1", "--tag", "shop/api:latest"]);
    t.file("app/new", "x");
    let two = push(&t, &["shop/api:2", "--tag", "shop/api:dev"]);
    // With a tag, the tag goes.
    insta::assert_snapshot!(image(&t, &["delete", "shop/api", "latest", "--yes"]), @r"
    exit: 0
    ----- stdout -----
    deleted [HOST]/shop/api:latest@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    assert_eq!(left(&t), ["1", "2 dev"]);
    // With its last tag, the image goes; with its digest, the image with all its tags.
    let both = image(&t, &["delete", &format!("shop/api@{two}"), "1", "--yes", "--format", "json"]);
    insta::assert_snapshot!(both, @r#"
    exit: 0
    ----- stdout -----
    {
      "repository": "[HOST]/shop/api",
      "dryRun": false,
      "deleted": [
        {
          "imageDigest": "sha256:[DIGEST]",
          "imageTag": "2"
        },
        {
          "imageDigest": "sha256:[DIGEST]",
          "imageTag": "dev"
        },
        {
          "imageDigest": "sha256:[DIGEST]",
          "imageTag": "1"
        }
      ],
      "failures": [],
      "missing": [],
      "protected": [],
      "kept": [],
      "notAttempted": [],
      "unknown": []
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    "#);
    assert!(both.stdout.contains(&one) && both.stdout.contains(&two));
    assert_eq!(left(&t), Vec::<String>::new());
    assert_eq!(t.requests("BatchDeleteImage").len(), 2);
}

#[test]
fn what_would_go() {
    let (t, [one, _], [amd64, ..]) = two_indexes();
    let before = left(&t);
    let dry = |arguments: &[&str]| image(&t, &[&["delete", "shop/api", "--dry-run"], arguments].concat());
    insta::assert_snapshot!(steady(&dry(&["1", "--with-children"]).to_string()), @r"
    exit: 0
    ----- stdout -----
    would delete [HOST]/shop/api:1@sha256:[DIGEST]
    would delete [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    up to [SIZE] would be freed: layers that other images have too stay
    sha256:[DIGEST] stays: it is in the index sha256:[DIGEST] too
    ");
    insta::assert_snapshot!(dry(&["1", "riscv", &amd64, "gone"]), @r"
    exit: 4
    ----- stdout -----
    would delete [HOST]/shop/api:1@sha256:[DIGEST]
    would delete [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    up to 506 B would be freed: layers that other images have too stay
    error: 2 of 4 would not be deleted from [HOST]/shop/api
      gone: ImageNotFound: there is no such image in the repository
      riscv: ImageReferencedByManifestList: an index that stays lists the image: sha256:[DIGEST]
    hint: delete the index first, or with it: `consign image delete REPOSITORY@INDEX --with-children`
    ");
    let json = json_of(&t, &["delete", &format!("shop/api@{one}"), "--dry-run", "--with-children"]);
    assert_eq!((&json["dryRun"], json["deleted"].as_array().unwrap().len()), (&json!(true), 2));
    assert_eq!(json["kept"].as_array().unwrap().len(), 1);
    assert_eq!(left(&t), before);
    assert_eq!(t.requests("BatchDeleteImage").len(), 0);
}

#[test]
fn children_of_an_index_are_protected() {
    let (t, [one, _], [amd64, ..]) = two_indexes();
    let before = left(&t);
    let ended = image(&t, &["delete", "shop/api", &amd64, "riscv", "--yes"]);
    insta::assert_snapshot!(ended, @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: 2 of 2 were not deleted from [HOST]/shop/api
      sha256:[DIGEST]: ImageReferencedByManifestList: Requested image referenced by manifest list: [sha256:[DIGEST]]
      riscv: ImageReferencedByManifestList: Requested image referenced by manifest list: [sha256:[DIGEST]]
    hint: delete the index first, or with it: `consign image delete REPOSITORY@INDEX --with-children`
    ");
    assert!(
        ended.stderr.contains(&format!("{amd64}: ImageReferencedByManifestList"))
            && ended.stderr.contains(&one)
    );
    assert_eq!(left(&t), before);
    // Who cleans up daily is not kept from it.
    let left_alone =
        ["delete", "shop/api", &amd64, "gone", "--yes", "--ignore-missing", "--ignore-referenced"];
    let json = json_of(&t, &left_alone);
    assert_eq!(json["protected"][0]["listedBy"], json!([one]));
    assert_eq!((&json["failures"], json["missing"].as_array().unwrap().len()), (&json!([]), 1));
    // Together with its index, and in whatever order, it goes.
    t.consign(["image", "delete", "shop/api", &amd64, &one, "--yes"]).succeeds();
    assert_eq!(left(&t).len(), before.len() - 2);
}

#[test]
fn an_index_with_its_children() {
    let (t, [one, two], [amd64, arm64, riscv]) = two_indexes();
    let ended = image(&t, &["delete", "shop/api:1", "--with-children", "--yes"]);
    insta::assert_snapshot!(ended, @r"
    exit: 0
    ----- stdout -----
    deleted [HOST]/shop/api:1@sha256:[DIGEST]
    deleted [HOST]/shop/api@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    sha256:[DIGEST] stays: it is in the index sha256:[DIGEST] too
    ");
    assert!(ended.stdout.contains(&one) && ended.stdout.contains(&amd64));
    assert!(ended.stderr.contains(&format!("{arm64} stays: it is in the index {two} too")));
    // The other index goes with what it alone has by now; what has a tag of its own stays.
    let json = json_of(&t, &["delete", "shop/api:2", "--with-children", "--yes"]);
    assert_eq!(json["kept"], json!([{ "imageDigest": riscv, "imageTags": ["riscv"] }]));
    assert_eq!(left(&t), ["riscv"]);
}

#[test]
fn a_list_on_stdin() {
    let t = Context::with_ecr(&[]);
    t.app();
    let first = push(&t, &["shop/api:1"]);
    many(&t, &first, 210);
    let line = "\"$CONSIGN\" image list shop/api --untagged --digests-only | \"$CONSIGN\" image delete shop/api - --yes";
    let ended = t.shell(line).env("CONSIGN", env!("CARGO_BIN_EXE_consign")).output();
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), 210), "{ended}");
    assert_eq!(left(&t), ["1"]);
    assert_eq!(t.requests("BatchDeleteImage").len(), 3);
    let said: Vec<_> = ended.stderr.lines().filter(|line| line.contains("dealt with")).collect();
    assert_eq!(said, ["100 of 210 dealt with", "200 of 210 dealt with", "210 of 210 dealt with"]);
    // Nothing is left: that is no failure of whoever cleans up daily.
    let again = t.shell(line).env("CONSIGN", env!("CARGO_BIN_EXE_consign")).output();
    assert!(again.code == Some(0) && again.stderr.contains("nothing to delete from shop/api"), "{again}");
}

#[test]
fn what_is_not_there() {
    let t = Context::with_ecr(&[]);
    t.app();
    push(&t, &["shop/api:1"]);
    let nowhere = format!("sha256:{}", "0".repeat(64));
    insta::assert_snapshot!(image(&t, &["delete", "shop/api", "1", "2", &nowhere, "--yes"]), @r"
    exit: 4
    ----- stdout -----
    deleted [HOST]/shop/api:1@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: 2 of 3 were not deleted from [HOST]/shop/api
      2: ImageNotFound: Requested image not found
      sha256:[DIGEST]: ImageNotFound: Requested image not found
    hint: with `--ignore-missing`, what is not there counts as deleted
    ");
    insta::assert_snapshot!(image(&t, &["delete", "shop/api", "2", "--yes", "--ignore-missing"]), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    2 is not in [HOST]/shop/api: nothing to delete
    ");
    insta::assert_snapshot!(image(&t, &["delete", "shop/web", "2", "--yes", "--ignore-missing"]), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop/web` does not exist in the registry [HOST]
      deleted before: 0
      2: not attempted
    hint: check the name, the region and the account; a repository that was deleted has taken its images along
    ");
}

/// What a deletion of 250 images says that ended in the middle, with its exit code.
fn broken(t: &Context) -> (i32, Value, String) {
    let first = push(t, &["shop/api:1"]);
    let digests = many(t, &first, 210);
    let delete = ["image", "delete", "shop/api", "--yes", "--format", "json", "--retry-max-attempts", "2"];
    let all = delete.iter().copied().chain(digests.iter().map(String::as_str));
    let ended = t.consign(all).output();
    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    let digest = |it: &Value| it["imageDigest"].as_str().unwrap().to_owned();
    let list = |name: &str| json[name].as_array().unwrap().iter().map(digest).collect::<Vec<_>>();
    // Each is in one of the lists, and the registry agrees.
    let mut all = [list("deleted"), list("notAttempted"), list("unknown")].concat();
    all.sort();
    assert_eq!(all, digests);
    let still: std::collections::HashSet<_> = left(t).into_iter().filter(|name| name != "1").collect();
    for gone in list("deleted") {
        assert!(!still.contains(&gone));
    }
    for there in list("notAttempted") {
        assert!(still.contains(&there), "{there}");
        assert!(ended.stderr.contains(&format!("{there}: not attempted")));
    }
    let told: Vec<_> = ended.stderr.lines().filter(|line| !line.contains("not attempted")).collect();
    (ended.code.unwrap(), json, crate::support::redacted(&told.join("\n"), &t.path("")))
}

#[test]
fn denied_in_the_middle() {
    let fault = "error:BatchDeleteImage,code=AccessDeniedException,message=not any more,nth=2,times=always";
    let t = Context::with_ecr(&[fault]);
    t.app();
    let (code, json, told) = broken(&t);
    assert_eq!((code, json["deleted"].as_array().unwrap().len()), (3, 100));
    insta::assert_snapshot!(told, @r"
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    100 of 210 dealt with
    error: BatchDeleteImage on [HOST]/shop/api was denied: AccessDeniedException: not any more (request id [UUID])
      deleted before: 100
    hint: the role needs the permission `ecr:BatchDeleteImage` on the repository; then the same command with `--ignore-missing` deletes what is left
    ");
}

#[test]
fn throttled_in_the_middle() {
    let t = Context::with_ecr(&["throttle:BatchDeleteImage,nth=3,times=always"]);
    t.app();
    let (code, json, told) = broken(&t);
    assert_eq!((code, json["deleted"].as_array().unwrap().len()), (5, 200));
    assert!(told.contains("ThrottlingException"), "{told}");
    // A short time of it is waited for.
    let t = Context::with_ecr(&["throttle:BatchDeleteImage,nth=2,times=3"]);
    t.app();
    let first = push(&t, &["shop/api:1"]);
    let digests = many(&t, &first, 150);
    t.consign(
        ["image", "delete", "shop/api", "--yes"].iter().copied().chain(digests.iter().map(String::as_str)),
    )
    .succeeds();
    assert_eq!(left(&t), ["1"]);
}

#[test]
fn a_repository_that_disappears() {
    let gone = "error:BatchDeleteImage,code=RepositoryNotFoundException,message=gone,nth=2,times=always";
    let t = Context::with_ecr(&[gone]);
    t.app();
    let (code, _, told) = broken(&t);
    assert_eq!(code, 4);
    insta::assert_snapshot!(told, @r"
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    100 of 210 dealt with
    error: the repository `shop/api` does not exist in the registry [HOST]
      deleted before: 100
    hint: check the name, the region and the account; a repository that was deleted has taken its images along
    ");
}

#[test]
fn answers_that_are_lost() {
    // The call is done, and its answer lost: what the next attempt does not find has gone with it.
    let t = Context::with_ecr(&["lose-answer:BatchDeleteImage"]);
    t.app();
    push(&t, &["shop/api:1", "--tag", "shop/api:2"]);
    insta::assert_snapshot!(image(&t, &["delete", "shop/api", "1", "--yes"]), @r"
    exit: 0
    ----- stdout -----
    deleted [HOST]/shop/api:1
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    warning: the answer to a call was lost: 1 image or tag that was not there any more at the next attempt counts as deleted
    ");
    assert_eq!(left(&t), ["2"]);
    // Every answer is lost: then nobody knows.
    let t = Context::with_ecr(&["lose-answer:BatchDeleteImage,nth=2,times=always"]);
    t.app();
    let (code, json, _) = broken(&t);
    let count = |name: &str| json[name].as_array().unwrap().len();
    assert_eq!((code, count("deleted"), count("unknown"), count("notAttempted")), (5, 100, 100, 10));
}

#[test]
fn nothing_is_deleted_unasked() {
    let t = Context::with_ecr(&[]);
    insta::assert_snapshot!(image(&t, &["delete", "shop/api", "1", "2"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: Delete 2 images and tags of shop/api? There is no terminal to ask on, and nothing was done
    hint: `--yes` deletes without being asked, `--dry-run` shows what would go
    ");
    insta::assert_snapshot!(image(&t, &["delete", "shop/api:1"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: Delete shop/api:1? There is no terminal to ask on, and nothing was done
    hint: `--yes` deletes without being asked, `--dry-run` shows what would go
    ");
    assert_eq!(t.operations(), vec![]);
}

#[test]
fn wrong_arguments_are_told_before_anything_is_asked() {
    let t = Context::with_ecr(&[]);
    let refused = |arguments: &[&str]| {
        let ended = image(&t, &[&["delete", "--yes"], arguments].concat());
        assert_eq!((ended.code, ended.stdout.as_str(), t.operations()), (Some(2), "", vec![]), "{ended}");
        ended.stderr
    };
    insta::assert_snapshot!(refused(&["shop/api"]), @r"
    error: nothing says what to delete from `shop/api`
    hint: name tags or digests behind it, or `-` to read them from stdin; the repository itself is not touched
    ");
    insta::assert_snapshot!(refused(&["shop/api", "1+2"]), @r"error: TAG: `1+2` is not a valid tag: character 2 is '+'; a tag is made of letters, digits, `_`, `.` and `-`");
    insta::assert_snapshot!(refused(&["shop/api:1", "shop/web:1"]), @r"
    error: `shop/web:1` is not in the repository `shop/api`
    hint: one call deletes from one repository: call it for each
    ");
    insta::assert_snapshot!(refused(&["ghcr.io/shop/api:1"]), @r"
    error: `ghcr.io/shop/api` is in ghcr.io, which is not ECR: repositories are managed in ECR only
    hint: a name without a host means the private registry of the account and region in use; public.ecr.aws/ALIAS/NAME means ECR Public
    ");
}

#[test]
fn the_permissions_that_the_page_names() {
    let t = with_permissions(&["ecr:BatchDeleteImage"]);
    t.app();
    push(&t, &["shop/api:1", "--tag", "shop/api:2"]);
    let delete = |tag: &str, more: &[&str]| {
        let command = ["image", "delete", "shop/api", tag, "--role-to-assume", ROLE];
        t.consign([&command[..], more].concat()).output()
    };
    assert_eq!(delete("2", &["--yes"]).code, Some(0));
    let ended = delete("1", &["--dry-run"]);
    assert!(ended.code == Some(3) && ended.stderr.contains("`ecr:DescribeImages`"), "{ended}");
    let t = with_permissions(&["ecr:DescribeImages"]);
    t.app();
    push(&t, &["shop/api:1"]);
    let ended = t.consign(["image", "delete", "shop/api", "1", "--yes", "--role-to-assume", ROLE]).output();
    insta::assert_snapshot!(ended, @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/ci
    error: BatchDeleteImage on [HOST]/shop/api was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecr:BatchDeleteImage on resource: arn:aws:ecr:us-east-1:123456789012:repository/shop/api because no identity-based policy allows the ecr:BatchDeleteImage action (request id [UUID])
      deleted before: 0
      1: not attempted
    hint: the role needs the permission `ecr:BatchDeleteImage` on the repository; then the same command with `--ignore-missing` deletes what is left
    ");
}
