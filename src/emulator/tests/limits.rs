//! Quotas and rates, where they can be reached.

use super::*;

#[tokio::test]
async fn quotas_hold() {
    let clock = clock();
    let quotas = Quotas {
        layer_parts: 2,
        layer_bytes: 2500,
        manifest_bytes: 2000,
        tags_per_image: 2,
        images_per_repository: 2,
        repositories: 1,
    };
    let bench = Bench::with(Settings { quotas, ..settings(&clock) }, clock).await;
    bench.call("CreateRepository", json!({ "repositoryName": "shop/api" })).await.unwrap();
    let second = json!({ "repositoryName": "shop/web" });
    assert_eq!(bench.code("CreateRepository", second).await, "LimitExceededException");
    let again = json!({ "repositoryName": "shop/api" });
    assert_eq!(bench.code("CreateRepository", again).await, "RepositoryAlreadyExistsException");
    let upload = bench.initiate().await;
    bench.call("UploadLayerPart", Bench::part(&upload, 0, &[1; 1000])).await.unwrap();
    let large = Bench::part(&upload, 1000, &[1; 1501]);
    assert_eq!(bench.code("UploadLayerPart", large).await, "LimitExceededException");
    bench.call("UploadLayerPart", Bench::part(&upload, 1000, &[1; 1000])).await.unwrap();
    let third = Bench::part(&upload, 2000, &[1; 1]);
    assert_eq!(bench.code("UploadLayerPart", third).await, "LimitExceededException");

    bench.push_image(b"one", "1").await;
    let text = manifest(&BlobDigest::of(b"{}"), 2, &BlobDigest::of(b"one"), 3);
    bench.call("PutImage", Bench::put(&text, "2")).await.unwrap();
    assert_eq!(bench.code("PutImage", Bench::put(&text, "3")).await, "LimitExceededException");
    bench.push_image(b"two", "1").await;
    bench.call("PutImage", Bench::put(&text, "3")).await.expect("the tag that moved left room");
    let other = manifest(&BlobDigest::of(b"one"), 3, &BlobDigest::of(b"two"), 3);
    assert_eq!(bench.code("PutImage", Bench::put(&other, "4")).await, "LimitExceededException");
    let spaces = Bench::put(&format!("{text}{}", " ".repeat(2000)), "5");
    assert_eq!(bench.code("PutImage", spaces).await, "InvalidParameterException");
}

#[tokio::test]
async fn rates_are_enforced_on_request() {
    let clock = clock();
    let bench = Bench::with(Settings { enforce_rates: true, ..settings(&clock) }, clock).await;
    let name = json!({ "repositoryName": "shop/api" });
    bench.call("CreateRepository", name.clone()).await.unwrap();
    let mut codes = Vec::new();
    for _ in 0..12 {
        codes.push(bench.code("PutImage", name.clone()).await);
    }
    assert_eq!(codes.iter().filter(|code| *code == "InvalidParameterException").count(), 10);
    assert_eq!(codes.last().unwrap(), "ThrottlingException");
    let token = bench.docker_token().await;
    let put = bench.oci(&token, "PUT", "/v2/shop/api/manifests/1").body("{}");
    assert_eq!(Bench::send(put).await.error(), (429, "TOOMANYREQUESTS"), "both ways in share a bucket");
    bench.clock.advance(1);
    let put = bench.oci(&token, "PUT", "/v2/shop/api/manifests/1").body("{}");
    assert_eq!(Bench::send(put).await.error(), (405, "UNSUPPORTED"));
}
