//! `/v2/` as clients of OCI registries push to it.

use super::*;
use reqwest::header::CONTENT_RANGE;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn with(quirks: &[&str], change: impl FnOnce(&mut Settings)) -> (Settings, Arc<TestClock>) {
    let clock = clock();
    let quirks = quirks.iter().map(|text| text.parse::<Quirk>().unwrap()).collect();
    let mut settings = Settings { quirks, ..settings(&clock) };
    change(&mut settings);
    (settings, clock)
}

async fn bench(quirks: &[&str], change: impl FnOnce(&mut Settings)) -> (Bench, String) {
    let (settings, clock) = with(quirks, change);
    let bench = Bench::with(settings, clock).await;
    bench.call("CreateRepository", json!({ "repositoryName": "shop/api" })).await.unwrap();
    let token = bench.docker_token().await;
    (bench, token)
}

impl Bench {
    async fn open(&self, token: &str) -> String {
        let said = Self::send(self.oci(token, "POST", "/v2/shop/api/blobs/uploads/")).await;
        assert_eq!(said.status, 202);
        assert_eq!(said.header("range"), "0-0");
        let location = said.header("location").to_owned();
        assert!(location.ends_with(said.header("docker-upload-uuid")), "{location}");
        location
    }

    async fn put_blob(&self, token: &str, bytes: &[u8]) -> BlobDigest {
        let digest = BlobDigest::of(bytes);
        let url = format!("{}?digest={digest}", self.open(token).await);
        let said = Self::send(self.oci(token, "PUT", &url).body(bytes.to_vec())).await;
        assert_eq!(said.status, 201, "{said:?}");
        assert_eq!(said.header("docker-content-digest"), digest.to_string());
        digest
    }

    async fn put_manifest(&self, token: &str, reference: &str, media_type: &str, text: &str) -> Said {
        let path = format!("/v2/shop/api/manifests/{reference}");
        let request = self.oci(token, "PUT", &path).header("content-type", media_type);
        Self::send(request.body(text.to_owned())).await
    }

    async fn get(&self, token: &str, path: &str) -> Said {
        Self::send(self.oci(token, "GET", path)).await
    }
}

fn referrer(config: &BlobDigest, layer: &BlobDigest, subject: &str, artifact_type: &str) -> String {
    let mut value: Value = serde_json::from_str(&manifest(config, 2, layer, 3)).unwrap();
    value["artifactType"] = artifact_type.into();
    value["subject"] = json!({ "mediaType": MANIFEST, "digest": subject, "size": 1 });
    value["annotations"] = json!({ "by": "a test" });
    value.to_string()
}

#[tokio::test]
async fn an_image_arrives_and_is_read_by_the_api_too() {
    let (bench, token) = bench(&[], |_| {}).await;
    let config = bench.put_blob(&token, b"{}").await;
    let layer = bench.put_blob(&token, b"one").await;
    let text = manifest(&config, 2, &layer, 3);
    let digest = ManifestDigest::of(text.as_bytes()).to_string();
    let said = bench.put_manifest(&token, "1.4", MANIFEST, &text).await;
    assert_eq!((said.status, said.header("docker-content-digest")), (201, digest.as_str()));
    assert_eq!(said.header("location"), "", "ECR sends none");
    assert_eq!(bench.put_manifest(&token, "1.4", MANIFEST, &text).await.status, 201, "again is no error");
    assert_eq!(bench.put_manifest(&token, &digest, MANIFEST, &text).await.status, 201);

    let ids = json!({ "repositoryName": "shop/api", "imageIds": [{ "imageTag": "1.4" }] });
    let got = bench.call("BatchGetImage", ids).await.unwrap();
    assert_eq!(got["images"][0]["imageManifest"], text);
    let head = Bench::send(bench.oci(&token, "HEAD", &format!("/v2/shop/api/blobs/{layer}"))).await;
    assert_eq!((head.status, head.header("content-length")), (200, "3"));

    // An index, a referrer to it, and what may go when.
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [{ "mediaType": MANIFEST, "digest": digest, "size": text.len() }],
    })
    .to_string();
    assert_eq!(bench.put_manifest(&token, "all", INDEX, &index).await.status, 201);
    let subject = ManifestDigest::of(index.as_bytes()).to_string();
    let sbom = referrer(&config, &layer, &subject, "application/spdx+json");
    let said = bench.put_manifest(&token, "sbom", MANIFEST, &sbom).await;
    assert_eq!((said.status, said.header("oci-subject")), (201, subject.as_str()));
    let path = format!("/v2/shop/api/referrers/{subject}");
    let said = bench.get(&token, &path).await;
    assert_eq!(said.header("content-type"), INDEX);
    assert_eq!(said.json["manifests"][0]["digest"], ManifestDigest::of(sbom.as_bytes()).to_string());
    assert_eq!(said.json["manifests"][0]["artifactType"], "application/spdx+json");
    assert_eq!(said.json["manifests"][0]["size"], sbom.len());
    assert_eq!(said.json["manifests"][0]["annotations"]["by"], "a test");
    let said = bench.get(&token, &format!("{path}?artifactType=other")).await;
    assert_eq!(
        (said.json["manifests"].clone(), said.header("oci-filters-applied")),
        (json!([]), "artifactType")
    );

    let delete = async |reference: &str| {
        let path = format!("/v2/shop/api/manifests/{reference}");
        Bench::send(bench.oci(&token, "DELETE", &path)).await
    };
    let said = delete(&digest).await;
    assert_eq!(said.error(), (405, "UNSUPPORTED"));
    assert!(said.json["errors"][0]["message"].as_str().unwrap().contains("referenced by manifest list"));
    assert_eq!(delete("all").await.status, 202);
    assert_eq!(delete(&digest).await.status, 202);
    assert_eq!(delete(&digest).await.error(), (404, "MANIFEST_UNKNOWN"));
    assert_eq!(bench.get(&token, "/v2/shop/api/manifests/1.4").await.status, 404);
    let said = bench.get(&token, "/v2/_catalog").await;
    assert_eq!(said.json, json!({ "repositories": ["shop/api"] }));
    assert_eq!(bench.emulator.registry()["shop/api"].uploads.len(), 0);
}

#[tokio::test]
async fn chunks_follow_each_other() {
    let (bench, token) = bench(&[], |settings| settings.part_size = 10).await;
    let url = bench.open(&token).await;
    let patch = async |range: Option<&str>, bytes: &'static [u8]| {
        let mut request = bench.oci(&token, "PATCH", &url);
        if let Some(range) = range {
            request = request.header(CONTENT_RANGE, range);
        }
        Bench::send(request.body(bytes)).await
    };
    let said = patch(Some("0-9"), b"0123456789").await;
    assert_eq!((said.status, said.header("range")), (201, "0-9"), "ECR answers 201 for OCI's 202");
    let said = patch(Some("0-9"), b"0123456789").await;
    assert_eq!(said.error(), (416, "BLOB_UPLOAD_INVALID"));
    let message = "First byte of the layer part is 0 instead of 10";
    assert_eq!(said.json["errors"][0]["message"], message);
    assert_eq!(patch(Some("10-12"), b"ab").await.status, 416, "three bytes were announced");
    assert_eq!(patch(Some("x"), b"ab").await.status, 416);
    let said = patch(Some("10-19"), b"abcdefghij").await;
    assert_eq!((said.status, said.header("range")), (201, "0-19"));
    let status = bench.get(&token, &url).await;
    assert_eq!((status.status, status.header("range")), (204, "0-19"));
    let content = b"0123456789abcdefghij!";
    let close = |digest: &str, body: &'static [u8]| {
        bench.oci(&token, "PUT", &format!("{url}?digest={digest}")).body(body)
    };
    let digest = BlobDigest::of(content).to_string();
    assert_eq!(Bench::send(close("sha256:00", b"")).await.error(), (405, "UNSUPPORTED"));
    let other = BlobDigest::of(b"other").to_string();
    assert_eq!(Bench::send(close(&other, b"")).await.error(), (400, "DIGEST_INVALID"));
    let said = Bench::send(close(&digest, b"!").header(CONTENT_RANGE, "20-20")).await;
    assert_eq!((said.status, said.header("docker-content-digest")), (201, digest.as_str()));
    assert!(said.header("location").ends_with(&format!("/v2/shop/api/blobs/{digest}")));
    assert_eq!(Bench::send(close(&digest, b"")).await.error(), (404, "BLOB_UPLOAD_UNKNOWN"));

    // A stream and an empty end; small pieces before the last; nothing at all.
    let url = bench.open(&token).await;
    let stream = futures::stream::iter((0..50).map(|_| Ok::<_, std::io::Error>(vec![7_u8; 100_000])));
    let body = reqwest::Body::wrap_stream(stream);
    assert_eq!(Bench::send(bench.oci(&token, "PATCH", &url).body(body)).await.status, 201);
    let large = BlobDigest::of(&vec![7; 5_000_000]);
    let said = Bench::send(bench.oci(&token, "PUT", &format!("{url}?digest={large}"))).await;
    assert_eq!(said.status, 201);
    let url = bench.open(&token).await;
    for _ in 0..2 {
        assert_eq!(Bench::send(bench.oci(&token, "PATCH", &url).body("tiny")).await.status, 201);
    }
    let tiny = BlobDigest::of(b"tinytiny");
    let said = Bench::send(bench.oci(&token, "PUT", &format!("{url}?digest={tiny}"))).await;
    assert_eq!(said.error(), (400, "BLOB_UPLOAD_INVALID"));
    assert!(said.json["errors"][0]["message"].as_str().unwrap().contains("at least 5MB"));
    let url = bench.open(&token).await;
    let nothing = BlobDigest::of(b"");
    let said = Bench::send(bench.oci(&token, "PUT", &format!("{url}?digest={nothing}"))).await;
    assert_eq!(said.error(), (400, "BLOB_UPLOAD_INVALID"), "ECR stores no empty blob");
    assert_eq!(Bench::send(bench.oci(&token, "DELETE", &url)).await.status, 204);
    assert_eq!(bench.get(&token, &url).await.status, 404);
}

#[tokio::test]
async fn a_chunk_that_breaks_off_leaves_the_upload_as_it_was() {
    let (bench, token) = bench(&[], |_| {}).await;
    let url = bench.open(&token).await;
    assert_eq!(Bench::send(bench.oci(&token, "PATCH", &url).body("start")).await.status, 201);
    bench.inject("reset:PATCH /v2/*,nth=1");
    let body = vec![1; 20_000_000];
    bench.oci(&token, "PATCH", &url).body(body).send().await.unwrap_err();
    let broken = futures::stream::iter([Ok(vec![7_u8; 600_000]), Err(std::io::Error::other("gone"))]);
    let request = bench.oci(&token, "PATCH", &url).body(reqwest::Body::wrap_stream(broken));
    request.send().await.unwrap_err();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(bench.get(&token, &url).await.header("range"), "0-4");
    let digest = BlobDigest::of(b"start");
    let said = Bench::send(bench.oci(&token, "PUT", &format!("{url}?digest={digest}"))).await;
    assert_eq!(said.status, 201);
    let blob = bench.oci(&token, "GET", &format!("/v2/shop/api/blobs/{digest}")).send().await.unwrap();
    let location = blob.headers()[LOCATION].to_str().unwrap().to_owned();
    let bytes = bench.http.get(location).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(&bytes[..], b"start");
}

#[tokio::test]
async fn what_ecr_refuses() {
    let (bench, token) = bench(&[], |_| {}).await;
    let config = bench.put_blob(&token, b"{}").await;
    let layer = bench.put_blob(&token, b"one").await;
    let good = manifest(&config, 2, &layer, 3);
    let absent = BlobDigest::of(b"absent");
    let refused = async |reference: &str, media_type: &str, text: &str| {
        let said = bench.put_manifest(&token, reference, media_type, text).await;
        (said.error().0, said.error().1.to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    let missing = manifest(&config, 2, &absent, 6);
    assert_eq!(refused("1", MANIFEST, &missing).await, is(404, "BLOB_UPLOAD_UNKNOWN"));
    let orphan = json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [{ "mediaType": MANIFEST, "digest": absent.to_string(), "size": 1 }],
    })
    .to_string();
    assert_eq!(refused("1", INDEX, &orphan).await, is(404, "MANIFEST_BLOB_UNKNOWN"));
    assert_eq!(refused("1", MANIFEST, "{").await, is(405, "UNSUPPORTED"));
    assert_eq!(refused("a+b", MANIFEST, &good).await, is(405, "UNSUPPORTED"));
    assert_eq!(refused(&absent.to_string(), MANIFEST, &good).await, is(400, "DIGEST_INVALID"));
    assert_eq!(refused("1", MANIFEST, &" ".repeat(4_194_305)).await, is(405, "UNSUPPORTED"));
    let nowhere = bench.oci(&token, "POST", "/v2/no/such/blobs/uploads/");
    assert_eq!(Bench::send(nowhere).await.error(), (404, "NAME_UNKNOWN"));
    let wrong = bench.oci(&token, "POST", "/v2/NO/blobs/uploads/");
    assert_eq!(Bench::send(wrong).await.error(), (405, "UNSUPPORTED"));
    let blob = format!("/v2/shop/api/blobs/{layer}");
    assert_eq!(Bench::send(bench.oci(&token, "DELETE", &blob)).await.error(), (405, "UNSUPPORTED"));
    let unknown = "/v2/shop/api/blobs/uploads/00000000-0000-0000-0000-000000000000";
    let said = Bench::send(bench.oci(&token, "PATCH", unknown).body("x")).await;
    assert_eq!(said.error(), (404, "BLOB_UPLOAD_UNKNOWN"));
    let anonymous = bench.http.post(bench.url("/v2/shop/api/blobs/uploads/")).send().await.unwrap();
    assert_eq!(anonymous.status(), 401);

    let strict = json!({ "repositoryName": "strict", "imageTagMutability": "IMMUTABLE" });
    bench.call("CreateRepository", strict).await.unwrap();
    let put = async |text: &str| {
        let request = bench.oci(&token, "PUT", "/v2/strict/manifests/1").header("content-type", INDEX);
        Bench::send(request.body(text.to_owned())).await
    };
    let first = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] }).to_string();
    assert_eq!(put(&first).await.status, 201);
    assert_eq!(put(&first).await.status, 201, "the same again");
    let said = put(&format!("{first} ")).await;
    assert_eq!(said.error(), (400, "TAG_INVALID"));
    assert!(said.json["errors"][0]["message"].as_str().unwrap().contains("is immutable"));
}

#[tokio::test]
async fn blobs_are_mounted_if_that_is_switched_on() {
    for enabled in [false, true] {
        let (bench, token) = bench(&[], |settings| settings.blob_mounting = enabled).await;
        bench.call("CreateRepository", json!({ "repositoryName": "base" })).await.unwrap();
        let kms = json!({
            "repositoryName": "kms",
            "encryptionConfiguration": { "encryptionType": "KMS", "kmsKey": "alias/other" },
        });
        bench.call("CreateRepository", kms).await.unwrap();
        let config = bench.put_blob(&token, b"{}").await;
        let layer = bench.put_blob(&token, b"one").await;
        let mount = async |into: &str| {
            let path = format!("/v2/{into}/blobs/uploads/?mount={layer}&from=shop/api");
            Bench::send(bench.oci(&token, "POST", &path)).await.status
        };
        assert_eq!(mount("base").await, 202, "no image uses it yet");
        bench.put_manifest(&token, "1", MANIFEST, &manifest(&config, 2, &layer, 3)).await;
        assert_eq!(mount("base").await, if enabled { 201 } else { 202 });
        assert_eq!(mount("kms").await, 202, "another key");
        let blobs = &bench.emulator.registry()["base"].blobs;
        assert_eq!(blobs.contains_key(&layer), enabled);
        let absent = bench.oci(&token, "POST", "/v2/base/blobs/uploads/?mount=sha256:00&from=nowhere");
        assert_eq!(Bench::send(absent).await.status, 202);
    }
}

#[tokio::test]
async fn strict_is_what_the_specification_says() {
    let (bench, token) = bench(&[], |settings| {
        settings.strict_oci = true;
        settings.part_size = 10_485_760;
    })
    .await;
    let said = Bench::send(bench.http.get(bench.url("/v2/"))).await;
    assert_eq!(said.error(), (401, "UNAUTHORIZED"));
    let url = bench.open(&token).await;
    for (range, bytes, shown) in [("0-1", "ab", "0-1"), ("2-3", "cd", "0-3")] {
        let request = bench.oci(&token, "PATCH", &url).header(CONTENT_RANGE, range).body(bytes);
        let said = Bench::send(request).await;
        assert_eq!((said.status, said.header("range")), (202, shown));
    }
    let digest = BlobDigest::of(b"abcd");
    let said = Bench::send(bench.oci(&token, "PUT", &format!("{url}?digest={digest}"))).await;
    assert_eq!(said.status, 201, "chunks may be small");
    let blob = format!("/v2/shop/api/blobs/{digest}");
    let said = bench.get(&token, &blob).await;
    assert_eq!(said.status, 200, "from here, without a detour");
    assert_eq!(said.header("docker-content-digest"), digest.to_string());
    let nothing = bench.put_blob(&token, b"").await;
    assert_eq!(bench.emulator.registry()["shop/api"].blobs[&nothing], 0);
    let config = BlobDigest::of(b"{}");
    let once = bench.oci(&token, "POST", &format!("/v2/shop/api/blobs/uploads/?digest={config}"));
    assert_eq!(Bench::send(once.body("{}")).await.status, 201);

    let text = manifest(&config, 2, &digest, 4);
    for tag in ["b", "c", "a"] {
        let said = bench.put_manifest(&token, tag, MANIFEST, &text).await;
        assert_eq!(said.status, 201);
        assert!(said.header("location").contains("/v2/shop/api/manifests/sha256:"));
    }
    let said = bench.get(&token, "/v2/shop/api/tags/list?n=2").await;
    assert_eq!(
        (&said.json["tags"], said.header("content-type")),
        (&json!(["a", "b"]), "application/json; charset=utf-8")
    );
    assert!(said.header("link").contains("last=b"), "{}", said.header("link"));
    let said = bench.get(&token, "/v2/shop/api/tags/list?n=2&last=b").await;
    assert_eq!(said.json["tags"], json!(["c"]));
    assert_eq!(bench.get(&token, "/v2/shop/api/tags/list?n=0").await.json["tags"], json!([]));
    assert_eq!(bench.put_manifest(&token, "x", MANIFEST, "{").await.error(), (400, "MANIFEST_INVALID"));
    assert_eq!(bench.get(&token, "/v2/NO/tags/list").await.error(), (400, "NAME_INVALID"));
    assert_eq!(Bench::send(bench.oci(&token, "DELETE", &blob)).await.status, 202);
    assert_eq!(bench.get(&token, &blob).await.error(), (404, "BLOB_UNKNOWN"));
}

#[tokio::test]
async fn the_other_readings() {
    let quirks = [
        "blob-delete=202",
        "upload-status=405",
        "upload-delete=405",
        "single-post=201",
        "chunk-min-length=sent",
        "chunk-ceiling=10485760",
        "stale-range=on",
        "unreferenced-blob=404",
        "layers-not-found=400",
        "children-not-found=400",
        "digest-mismatch=BLOB_UPLOAD_INVALID",
        "unknown-upload=400",
        "referenced-delete=403",
        "missing-subject=refuse",
        "tag-length=300",
        "max-layers=127",
        "error-type-header=sent",
        "retry-after=sent",
        "upload-lifetime=1h",
        "token-life=session",
        "fresh-last-byte=0",
    ];
    let (bench, token) = bench(&quirks, |_| {}).await;
    let config = BlobDigest::of(b"{}");
    let once = bench.oci(&token, "POST", &format!("/v2/shop/api/blobs/uploads/?digest={config}"));
    assert_eq!(Bench::send(once.body("{}")).await.status, 201);
    let said = Bench::send(bench.oci(&token, "POST", "/v2/shop/api/blobs/uploads/")).await;
    assert_eq!(said.header("oci-chunk-min-length"), "1000");
    let url = said.header("location").to_owned();
    for shown in ["0-999", "0-999"] {
        let said = Bench::send(bench.oci(&token, "PATCH", &url).body(vec![7; 1000])).await;
        assert_eq!((said.status, said.header("range")), (201, shown));
    }
    let said = Bench::send(bench.oci(&token, "PATCH", &url).body(vec![7; 10_485_761])).await;
    assert_eq!(said.error(), (413, "BLOB_UPLOAD_INVALID"));
    assert_eq!(bench.get(&token, &url).await.error(), (405, "UNSUPPORTED"));
    assert_eq!(Bench::send(bench.oci(&token, "DELETE", &url)).await.error(), (405, "UNSUPPORTED"));
    let wrong = BlobDigest::of(b"wrong");
    let said = Bench::send(bench.oci(&token, "PUT", &format!("{url}?digest={wrong}"))).await;
    assert_eq!(said.error(), (400, "BLOB_UPLOAD_INVALID"));
    let layer = BlobDigest::of(&[7; 2000]);
    let said = Bench::send(bench.oci(&token, "PUT", &format!("{url}?digest={layer}"))).await;
    assert_eq!(said.status, 201);
    let said = Bench::send(bench.oci(&token, "PATCH", &url).body("x")).await;
    assert_eq!(said.error(), (400, "BLOB_UPLOAD_UNKNOWN"));
    let head =
        async || Bench::send(bench.oci(&token, "HEAD", &format!("/v2/shop/api/blobs/{layer}"))).await.status;
    assert_eq!(head().await, 404);

    let text = manifest(&config, 2, &layer, 2000);
    let long = "t".repeat(300);
    assert_eq!(bench.put_manifest(&token, &long, MANIFEST, &text).await.status, 201);
    assert_eq!(head().await, 200);
    let missing = manifest(&config, 2, &wrong, 1);
    let said = bench.put_manifest(&token, "1", MANIFEST, &missing).await;
    assert_eq!(said.error(), (400, "BLOB_UPLOAD_UNKNOWN"));
    let orphan = referrer(&config, &layer, &wrong.to_string(), "a/b");
    let said = bench.put_manifest(&token, "1", MANIFEST, &orphan).await;
    assert_eq!(said.error(), (400, "MANIFEST_BLOB_UNKNOWN"));
    let mut many: Value = serde_json::from_str(&text).unwrap();
    many["layers"] = vec![many["layers"][0].clone(); 128].into();
    let said = bench.put_manifest(&token, "many", MANIFEST, &many.to_string()).await;
    assert_eq!(said.error(), (405, "UNSUPPORTED"));
    let digest = ManifestDigest::of(text.as_bytes());
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [{ "mediaType": MANIFEST, "digest": digest.to_string(), "size": 1 }],
    });
    bench.put_manifest(&token, "all", INDEX, &index.to_string()).await;
    let path = format!("/v2/shop/api/manifests/{digest}");
    assert_eq!(Bench::send(bench.oci(&token, "DELETE", &path)).await.error(), (403, "DENIED"));
    let blob = format!("/v2/shop/api/blobs/{layer}");
    assert_eq!(Bench::send(bench.oci(&token, "DELETE", &blob)).await.status, 202);

    bench.inject("throttle:GET /v2/*");
    assert_eq!(bench.get(&token, "/v2/").await.header("retry-after"), "1");
    let answer = bench.request(&bench.keys, "PutImage", &json!({})).send().await.unwrap();
    assert_eq!(answer.headers()["x-amzn-errortype"], "InvalidParameterException");
    let upload = bench.initiate().await;
    let (_, gap) = bench.call("UploadLayerPart", Bench::part(&upload, 5, b"a")).await.unwrap_err();
    assert_eq!(gap["lastValidByteReceived"], 0);
    let answer = bench.call("GetAuthorizationToken", json!({})).await.unwrap();
    let expires = answer["authorizationData"][0]["expiresAt"].as_i64().unwrap();
    assert_eq!(expires - bench.clock.now().as_second(), 3600, "no longer than the session");
    bench.clock.advance(3500);
    let fresh = bench.fresh_keys().await;
    bench.clock.advance(200);
    let part = Bench::part(&upload, 0, b"a");
    assert_eq!(
        bench.call_as(&fresh, "UploadLayerPart", part).await.unwrap_err().0,
        "UploadNotFoundException"
    );
    assert_eq!(bench.get(&token, "/v2/").await.status, 403);
}
