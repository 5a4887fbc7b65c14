//! Each fault, as a client meets it.

use super::*;

#[tokio::test]
async fn a_lost_answer_is_settled_by_the_last_valid_byte() {
    let bench = Bench::new().await;
    let upload = bench.initiate().await;
    bench.inject("lose-answer:UploadLayerPart,nth=2");
    bench.call("UploadLayerPart", Bench::part(&upload, 0, &[1; 1000])).await.unwrap();
    let second = Bench::part(&upload, 1000, &[2; 1000]);
    let lost = bench.request(&bench.keys, "UploadLayerPart", &second).send().await.unwrap_err();
    assert!(lost.is_request(), "{lost:?}");
    let (code, answer) = bench.call("UploadLayerPart", second).await.unwrap_err();
    assert_eq!(code, "InvalidLayerPartException");
    assert_eq!(answer["lastValidByteReceived"], 1999);
    assert_eq!(answer["uploadId"], upload.as_str());
    assert_eq!(answer["repositoryName"], "shop/api");
    assert_eq!(answer["registryId"], "123456789012");
    let content = [[1; 1000], [2; 1000]].concat();
    bench.complete(&upload, &BlobDigest::of(&content)).await.unwrap();

    let records = bench.emulator.requests();
    let cut = records.iter().find(|record| record.fault == Some("lose-answer")).unwrap();
    assert_eq!(cut.status, None);
    assert_eq!(cut.part.as_ref().unwrap().bytes_stored, 1000);
    let stored: u64 = records.iter().filter_map(|record| Some(record.part.as_ref()?.bytes_stored)).sum();
    assert_eq!(stored, 2000, "no byte is stored twice");
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_part_stores_nothing() {
    let bench = Bench::new().await;
    let upload = bench.initiate().await;
    bench.inject("reset:UploadLayerPart");
    // Large enough that the socket's buffers can't swallow it: the client is still sending when it happens.
    let content = vec![7; 15_000_000];
    let part = Bench::part(&upload, 0, &content);
    let reset = bench.request(&bench.keys, "UploadLayerPart", &part).send().await.unwrap_err();
    assert!(reset.is_request(), "{reset:?}");
    assert_eq!(bench.emulator.registry()["shop/api"].uploads[&upload], 0);
    bench.call("UploadLayerPart", part).await.unwrap();
    bench.complete(&upload, &BlobDigest::of(&content)).await.unwrap();
}

#[tokio::test]
async fn an_upload_vanishes_and_the_others_go_on() {
    let bench = Bench::new().await;
    let (first, second) = (bench.initiate().await, bench.initiate().await);
    bench.inject("vanish,part=2");
    bench.call("UploadLayerPart", Bench::part(&first, 0, &[1; 1000])).await.unwrap();
    bench.call("UploadLayerPart", Bench::part(&second, 0, &[2; 1000])).await.unwrap();
    let gone = Bench::part(&first, 1000, b"x");
    assert_eq!(bench.code("UploadLayerPart", gone.clone()).await, "UploadNotFoundException");
    bench.call("UploadLayerPart", Bench::part(&second, 1000, b"x")).await.unwrap();
    assert_eq!(bench.code("UploadLayerPart", gone).await, "UploadNotFoundException");
    let digest = BlobDigest::of(b"x");
    assert_eq!(bench.complete(&first, &digest).await.unwrap_err().0, "UploadNotFoundException");
}

#[tokio::test]
async fn refusals_and_credentials_that_end_early() {
    let bench = Bench::new().await;
    bench.inject("throttle:DescribeRepositories,times=2");
    for _ in 0..2 {
        let (code, answer) = bench.call("DescribeRepositories", json!({})).await.unwrap_err();
        assert_eq!((code.as_str(), &answer["message"]), ("ThrottlingException", &json!("Rate exceeded")));
    }
    bench.call("DescribeRepositories", json!({})).await.unwrap();

    bench.inject("error:PutImage,status=503");
    let answer = bench.request(&bench.keys, "PutImage", &json!({})).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    bench.inject("error:AssumeRoleWithWebIdentity,code=IDPCommunicationError");
    let (status, xml) = bench.assume("some token", &[]).await;
    assert_eq!((status, element(&xml, "Code").as_str()), (400, "IDPCommunicationError"));
    bench.inject("throttle:GET /v2/*");
    let token = bench.docker_token().await;
    assert_eq!(bench.v2(&token, "/v2/").await.status(), 429);
    bench.inject("error:GET /oidc/token");
    let url = bench.url("/oidc/token");
    assert_eq!(bench.http.get(url).send().await.unwrap().status(), 500);

    bench.inject("expire:InitiateLayerUpload,after=1");
    bench.initiate().await;
    let input = json!({ "repositoryName": "shop/api" });
    assert_eq!(bench.code("InitiateLayerUpload", input.clone()).await, "ExpiredTokenException");
    assert_eq!(bench.code("DescribeRepositories", json!({})).await, "ExpiredTokenException", "for good");
    let fresh = bench.fresh_keys().await;
    bench.call_as(&fresh, "InitiateLayerUpload", input).await.unwrap();
    bench.inject("expire:GET /v2/*");
    assert_eq!(bench.v2(&token, "/v2/").await.status(), 403);
    assert_eq!(bench.v2(&token, "/v2/").await.status(), 403);
}

#[tokio::test]
async fn a_slow_line_is_slow_both_ways() {
    let bench = Bench::new().await;
    let upload = bench.initiate().await;
    bench.inject("slow,rate=100000");
    let begin = Instant::now();
    bench.call("UploadLayerPart", Bench::part(&upload, 0, &vec![7; 60_000])).await.unwrap();
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(300), "80 kB took {took:?}");
}
