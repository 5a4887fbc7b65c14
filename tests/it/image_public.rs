//! `consign image` on ECR Public.

use crate::iam::block_on;
use crate::image_command::{image, steady};
use crate::support::Context;
use aws_sdk_ecrpublic::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecrpublic::primitives::Blob;
use serde_json::json;

/// The alias that the emulator gives to the registry of its account.
const ALIAS: &str = "zdf6857b";

/// An emulator with `tools/app` on ECR Public, which has these tags, each on an image of its own.
fn with_public(tags: &[&str]) -> Context {
    let t = Context::with_ecr(&[]);
    let keys = crate::auth::keys(&t);
    let config = aws_sdk_ecrpublic::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(
            t.ecr().environment().iter().find(|it| it.0 == "AWS_ENDPOINT_URL_ECR_PUBLIC").unwrap().1.clone(),
        )
        .credentials_provider(Credentials::new(&keys[0].1, &keys[1].1, Some(keys[2].1.clone()), None, "test"))
        .build();
    let ecr = aws_sdk_ecrpublic::Client::from_conf(config);
    let name = "tools/app";
    block_on(async {
        ecr.create_repository().repository_name(name).send().await.unwrap();
        let config =
            json!({ "architecture": "arm64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] } });
        let bytes = config.to_string().into_bytes();
        let digest = consign::base::BlobDigest::of(&bytes).to_string();
        let upload = ecr.initiate_layer_upload().repository_name(name).send().await.unwrap();
        let id = upload.upload_id.unwrap();
        let last = i64::try_from(bytes.len()).unwrap() - 1;
        let part = ecr
            .upload_layer_part()
            .repository_name(name)
            .upload_id(&id)
            .part_first_byte(0)
            .part_last_byte(last);
        part.layer_part_blob(Blob::new(bytes.clone())).send().await.unwrap();
        let complete =
            ecr.complete_layer_upload().repository_name(name).upload_id(&id).layer_digests(&digest);
        complete.send().await.unwrap();
        for tag in tags {
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": bytes.len(),
                },
                "layers": [],
                "annotations": { "tag": tag },
            });
            let put =
                ecr.put_image().repository_name(name).image_tag(*tag).image_manifest(manifest.to_string());
            put.send().await.unwrap();
        }
    });
    t
}

#[test]
fn listed_shown_and_deleted() {
    let t = with_public(&["1", "2"]);
    let name = format!("public.ecr.aws/{ALIAS}/tools/app");
    // Whatever region is in use.
    let list = ["image", "list", &name, "--platforms", "--sort", "tag", "--region", "eu-west-1"];
    insta::assert_snapshot!(steady(&t.consign(list).output().to_string()), @r"
    exit: 0
    ----- stdout -----
    DIGEST  TAGS  TYPE  PLATFORM  SIZE  PUSHED (UTC)  PULLED (UTC)
    sha256:[SHORT]  1  image  linux/arm64  [SIZE]  [MINUTE]  [PULLED]
    sha256:[SHORT]  2  image  linux/arm64  [SIZE]  [MINUTE]  [PULLED]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    2 images in public.ecr.aws/zdf6857b/tools/app
    ");
    insta::assert_snapshot!(steady(&image(&t, &["show", &format!("{name}:1")]).to_string()), @r"
    exit: 0
    ----- stdout -----
    image  public.ecr.aws/zdf6857b/tools/app@sha256:[DIGEST]
    tags  1
    type  image
    media type application/vnd.oci.image.manifest.v1+json
    artifact  application/vnd.oci.image.config.v1+json
    platform  linux/arm64
    size  [SIZE]
    pushed  [MINUTE] UTC
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    ");
    insta::assert_snapshot!(image(&t, &["delete", &name, "1", "3", "--yes"]), @r"
    exit: 4
    ----- stdout -----
    deleted public.ecr.aws/zdf6857b/tools/app:1@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: 1 of 2 were not deleted from public.ecr.aws/zdf6857b/tools/app
      3: ImageNotFound: Requested image not found
    hint: with `--ignore-missing`, what is not there counts as deleted
    ");
    insta::assert_snapshot!(steady(&image(&t, &["delete", &format!("{name}:2"), "--dry-run"]).to_string()), @r"
    exit: 0
    ----- stdout -----
    would delete public.ecr.aws/zdf6857b/tools/app:2@sha256:[DIGEST]
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    up to [SIZE] would be freed: layers that other images have too stay
    ");
    t.consign(["image", "delete", &format!("{name}:2"), "--yes"]).succeeds();
    assert_eq!(t.consign(["image", "list", &name, "--digests-only"]).succeeds(), "");
}

#[test]
fn registries_of_others_are_not_touched() {
    let t = with_public(&["1"]);
    // The API takes no alias: without a look, it would be the own repository of that name.
    let name = "public.ecr.aws/w65486c3/tools/app";
    insta::assert_snapshot!(image(&t, &["delete", name, "1", "--yes"]), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: `public.ecr.aws/w65486c3/tools/app` is not in the registry of this account on ECR Public, which is called `zdf6857b`
    hint: push to public.ecr.aws/zdf6857b/tools/app; what others have on ECR Public can only be read, unless the policy of the repository lets this account push
    ");
    assert_eq!(image(&t, &["list", name]).code, Some(3));
    assert_eq!(t.requests("BatchDeleteImage").len(), 0);
    insta::assert_snapshot!(image(&t, &["list", "public.ecr.aws/app"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `public.ecr.aws/app` is no repository of ECR Public
    hint: write public.ecr.aws/ALIAS/NAME: the alias of your registry, as `aws ecr-public describe-registries --region us-east-1` shows it, then a name of 2 to 205 characters
    ");
}
