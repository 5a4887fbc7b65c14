//! Repositories, layers and images, by both ways in.

use super::*;

#[tokio::test]
async fn from_a_token_to_an_image_that_others_pull() {
    let bench = Bench::new().await;
    let content: Vec<u8> = (0..=255).cycle().take(2500).collect();
    let digest = bench.push_image(&content, "1.4").await;

    let details = bench.call("DescribeImages", json!({ "repositoryName": "shop/api" })).await.unwrap();
    assert_eq!(details["imageDetails"][0]["imageDigest"], digest);
    assert_eq!(details["imageDetails"][0]["imageTags"], json!(["1.4"]));
    assert_eq!(details["imageDetails"][0]["imageSizeInBytes"], 2502);
    let ids =
        json!({ "repositoryName": "shop/api", "imageIds": [{ "imageTag": "1.4" }, { "imageTag": "2" }] });
    let got = bench.call("BatchGetImage", ids).await.unwrap();
    assert_eq!(got["images"][0]["imageId"], json!({ "imageDigest": digest, "imageTag": "1.4" }));
    assert_eq!(got["failures"][0]["failureCode"], "ImageNotFound");

    let refused = bench.http.get(bench.url("/v2/")).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic realm="));
    let token = bench.docker_token().await;
    assert_eq!(bench.v2(&token, "/v2/").await.status(), 200);
    let answer = bench.v2(&token, "/v2/shop/api/manifests/1.4").await;
    assert_eq!(answer.headers()["docker-content-digest"], digest.as_str());
    assert_eq!(answer.headers()["content-type"], "application/vnd.oci.image.manifest.v1+json");
    let only = format!("Basic {token}");
    let picky = bench.http.get(bench.url("/v2/shop/api/manifests/1.4")).header(AUTHORIZATION, &only);
    let picky = picky.header(ACCEPT, "application/vnd.oci.image.index.v1+json").send().await.unwrap();
    assert_eq!(picky.status(), 404);

    let blob = format!("/v2/shop/api/blobs/{}", BlobDigest::of(&content));
    let answer = bench.v2(&token, &blob).await;
    assert_eq!(answer.status(), 307);
    let location = answer.headers()[LOCATION].to_str().unwrap().to_owned();
    let layer = bench.http.get(&location).send().await.unwrap();
    assert_eq!(layer.bytes().await.unwrap(), content);
    let range = bench.http.get(&location).header(RANGE, "bytes=10-19").send().await.unwrap();
    assert_eq!(range.status(), 206);
    assert_eq!(range.bytes().await.unwrap(), content[10..20]);
    let twice = bench.http.get(&location).header(AUTHORIZATION, &only).send().await.unwrap();
    assert_eq!(twice.status(), 400, "two proofs of identity are one too many");
    let forged = location.replace("X-Amz-Expires=3600", "X-Amz-Expires=9999");
    assert_eq!(bench.http.get(&forged).send().await.unwrap().status(), 403);
    bench.clock.advance(3601);
    assert_eq!(bench.http.get(&location).send().await.unwrap().status(), 403);

    for (path, status, code) in [
        ("/v2/no/such/manifests/1", 404, "NAME_UNKNOWN"),
        ("/v2/shop/api/manifests/2", 404, "MANIFEST_UNKNOWN"),
        ("/v2/shop/api/blobs/sha256:00", 404, "BLOB_UNKNOWN"),
        ("/v2/shop/api/tags/list?n=1001", 405, "UNSUPPORTED"),
    ] {
        let answer = bench.v2(&token, path).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["errors"][0]["code"], code, "{path}");
    }
    bench.clock.advance(12 * 3600);
    let expired = bench.v2(&token, "/v2/").await;
    assert_eq!(expired.status(), 403);
    assert_eq!(expired.json::<Value>().await.unwrap()["errors"][0]["code"], "DENIED");

    let log = format!("{:?} {:?}", bench.emulator.requests(), bench.emulator);
    for secret in [&bench.keys.secret, &bench.keys.token, &token] {
        assert!(!log.contains(secret.as_str()), "a secret is in the log");
    }
}

#[tokio::test]
async fn uploads_are_refused_for_what_ecr_refuses_them_for() {
    let bench = Bench::new().await;
    let upload = bench.initiate().await;
    let digest = BlobDigest::of(b"ab");
    assert_eq!(bench.complete(&upload, &digest).await.unwrap_err().0, "EmptyUploadException");
    let mut gap = Bench::part(&upload, 5, b"a");
    let (code, answer) = bench.call("UploadLayerPart", gap.clone()).await.unwrap_err();
    assert_eq!((code.as_str(), answer.get("lastValidByteReceived")), ("InvalidLayerPartException", None));
    gap["partLastByte"] = 9.into();
    assert_eq!(bench.code("UploadLayerPart", gap.clone()).await, "InvalidParameterException");
    gap["partLastByte"] = u64::MAX.into();
    gap["partFirstByte"] = 0.into();
    assert_eq!(bench.code("UploadLayerPart", gap).await, "InvalidParameterException");
    bench.call("UploadLayerPart", Bench::part(&upload, 0, b"a")).await.unwrap();
    bench.call("UploadLayerPart", Bench::part(&upload, 1, b"b")).await.unwrap();
    assert_eq!(bench.complete(&upload, &digest).await.unwrap_err().0, "LayerPartTooSmallException");
    let upload = bench.initiate().await;
    bench.call("UploadLayerPart", Bench::part(&upload, 0, b"abc")).await.unwrap();
    assert_eq!(bench.complete(&upload, &digest).await.unwrap_err().0, "InvalidLayerException");
    let right = BlobDigest::of(b"abc");
    bench.complete(&upload, &right).await.unwrap();
    assert_eq!(bench.complete(&upload, &right).await.unwrap_err().0, "UploadNotFoundException");

    let url = json!({ "repositoryName": "shop/api", "layerDigest": right.to_string() });
    assert_eq!(bench.code("GetDownloadUrlForLayer", url).await, "LayerInaccessibleException");
    let url = json!({ "repositoryName": "shop/api", "layerDigest": digest.to_string() });
    assert_eq!(bench.code("GetDownloadUrlForLayer", url).await, "LayersNotFoundException");
    let check = json!({
        "repositoryName": "shop/api",
        "layerDigests": [right.to_string(), digest.to_string(), "garbage"],
    });
    let answer = bench.call("BatchCheckLayerAvailability", check).await.unwrap();
    assert_eq!(answer["layers"][0]["layerAvailability"], "AVAILABLE");
    assert_eq!(answer["layers"][0]["layerSize"], 3);
    assert_eq!(answer["layers"][1]["layerAvailability"], "UNAVAILABLE");
    assert_eq!(answer["failures"][0]["failureCode"], "InvalidLayerDigest");
}

#[tokio::test]
async fn put_image_checks_everything() {
    let bench = Bench::new().await;
    let digest = bench.push_image(b"one", "1").await;
    let config = BlobDigest::of(b"{}");
    let absent = BlobDigest::of(b"absent");
    let first = manifest(&config, 2, &BlobDigest::of(b"one"), 3);
    let (code, answer) = bench.call("PutImage", Bench::put(&first, "1")).await.unwrap_err();
    assert_eq!(code, "ImageAlreadyExistsException");
    assert!(answer["message"].as_str().unwrap().starts_with("Image with digest 'sha256:"));
    bench.call("PutImage", Bench::put(&first, "also")).await.unwrap();
    let missing = Bench::put(&manifest(&config, 2, &absent, 6), "2");
    assert_eq!(bench.code("PutImage", missing).await, "LayersNotFoundException");
    let mut other = Bench::put(&first, "3");
    other["imageDigest"] = absent.to_string().into();
    assert_eq!(bench.code("PutImage", other).await, "ImageDigestDoesNotMatchException");
    assert_eq!(bench.code("PutImage", Bench::put("{", "3")).await, "InvalidParameterException");
    assert_eq!(bench.code("PutImage", Bench::put(&first, "../x")).await, "InvalidParameterException");
    let index = |child: &str| {
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": child, "size": 1,
            }],
        })
        .to_string()
    };
    let orphan = Bench::put(&index(&absent.to_string()), "all");
    assert_eq!(bench.code("PutImage", orphan).await, "ReferencedImagesNotFoundException");
    bench.call("PutImage", Bench::put(&index(&digest), "all")).await.unwrap();

    // The tag moves; the image that it leaves loses it.
    bench.push_image(b"two", "also").await;
    let ids = json!({ "repositoryName": "shop/api", "imageIds": [{ "imageDigest": digest }] });
    let answer = bench.call("DescribeImages", ids).await.unwrap();
    assert_eq!(answer["imageDetails"][0]["imageTags"], json!(["1"]));
    let ids = json!({ "repositoryName": "shop/api", "imageIds": [{ "imageTag": "none" }] });
    assert_eq!(bench.code("DescribeImages", ids).await, "ImageNotFoundException");
}

#[tokio::test]
async fn repositories_come_back_as_they_were_set() {
    let bench = Bench::new().await;
    let input = json!({
        "repositoryName": "strict",
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "dev-*" }],
        "imageScanningConfiguration": { "scanOnPush": true },
        "encryptionConfiguration": { "encryptionType": "KMS", "kmsKey": "alias/ecr" },
        "tags": [{ "Key": "team", "Value": "shop" }],
    });
    let made = bench.call("CreateRepository", input.clone()).await.unwrap();
    assert_eq!(bench.code("CreateRepository", input.clone()).await, "RepositoryAlreadyExistsException");
    let names = json!({ "repositoryNames": ["strict"] });
    let described = bench.call("DescribeRepositories", names).await.unwrap();
    assert_eq!(described["repositories"][0], made["repository"]);
    for member in [
        "imageTagMutability",
        "imageTagMutabilityExclusionFilters",
        "imageScanningConfiguration",
        "encryptionConfiguration",
    ] {
        assert_eq!(made["repository"][member], input[member], "{member}");
    }
    let arn = json!({ "resourceArn": "arn:aws:ecr:us-east-1:123456789012:repository/strict" });
    assert_eq!(bench.call("ListTagsForResource", arn).await.unwrap()["tags"], input["tags"]);
    for (member, value) in [
        ("repositoryName", json!("../../etc/passwd")),
        ("repositoryName", json!("x")),
        ("imageTagMutability", json!("SOMETIMES")),
        ("imageTagMutabilityExclusionFilters", json!([])),
        ("encryptionConfiguration", json!({ "encryptionType": "ROT13" })),
        ("registryId", json!("1")),
    ] {
        let mut wrong = input.clone();
        wrong["repositoryName"] = "other".into();
        wrong[member] = value;
        assert_eq!(bench.code("CreateRepository", wrong).await, "InvalidParameterException", "{member}");
    }
    let elsewhere = json!({ "registryId": "999999999999", "repositoryNames": ["strict"] });
    assert_eq!(bench.code("DescribeRepositories", elsewhere).await, "AccessDeniedException");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let bench = Bench::new().await;
    for number in 0..5 {
        let name = format!("page/{number}");
        bench.call("CreateRepository", json!({ "repositoryName": name })).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut input = json!({ "maxResults": 2 });
    loop {
        let page = bench.call("DescribeRepositories", input.clone()).await.unwrap();
        seen.extend(page["repositories"].as_array().unwrap().iter().map(|r| r["repositoryName"].to_string()));
        let Some(token) = page.get("nextToken") else { break };
        input["nextToken"] = token.clone();
    }
    assert_eq!(seen.len(), 6);
    input["nextToken"] = "made up".into();
    assert_eq!(bench.code("DescribeRepositories", input).await, "InvalidParameterException");

    for tag in ["a", "b", "c"] {
        bench.push_image(tag.as_bytes(), tag).await;
    }
    let token = bench.docker_token().await;
    let answer = bench.v2(&token, "/v2/shop/api/tags/list?n=2").await;
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    let link = answer.headers()[LINK].to_str().unwrap().to_owned();
    let next = link.split_once(['<']).unwrap().1.split_once('>').unwrap().0.to_owned();
    let first: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let rest = bench.http.get(next).header(AUTHORIZATION, format!("Basic {token}")).send().await.unwrap();
    assert!(rest.headers().get(LINK).is_none());
    let rest: Value = serde_json::from_str(&rest.text().await.unwrap()).unwrap();
    let count = |page: &Value| page["tags"].as_array().unwrap().len();
    assert_eq!((count(&first), count(&rest)), (2, 1));
}

#[tokio::test]
async fn what_was_acknowledged_survives_and_half_things_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let clock = clock();
    let state = || Settings { state: Some(directory.path().into()), ..settings(&clock) };
    let bench = Bench::with(state(), Arc::clone(&clock)).await;
    bench.call("CreateRepository", json!({ "repositoryName": "shop/api" })).await.unwrap();
    let digest = bench.push_image(b"kept", "1").await;
    let upload = bench.initiate().await;
    bench.call("UploadLayerPart", Bench::part(&upload, 0, b"half")).await.unwrap();
    let in_use = Emulator::start(state()).await.unwrap_err();
    assert!(in_use.to_string().contains("in use"), "{in_use}");
    let (before, keys) = (bench.emulator.registry(), bench.keys.clone());
    bench.emulator.stop().await;

    let bench = Bench::with(state(), clock).await;
    let after = bench.emulator.registry();
    assert_eq!(after["shop/api"].images, before["shop/api"].images);
    assert_eq!(after["shop/api"].blobs, before["shop/api"].blobs);
    assert!(after["shop/api"].uploads.is_empty());
    let ids = json!({ "repositoryName": "shop/api", "imageIds": [{ "imageDigest": digest }] });
    bench.call_as(&keys, "BatchGetImage", ids).await.expect("sessions survive, too");
    let names: Vec<String> = fs_err::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in ["temporary", "uploads"] {
        assert!(names.iter().any(|found| found == name));
        assert_eq!(fs_err::read_dir(directory.path().join(name)).unwrap().count(), 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_push_at_once() {
    let bench = Arc::new(Bench::new().await);
    let pushes = (0..24).map(|number| {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move {
            let content = format!("layer {}", number % 3);
            let layer = bench.push_blob(content.as_bytes()).await;
            let config = bench.push_blob(b"{}").await;
            let text = manifest(&config, 2, &layer, content.len());
            match bench.call("PutImage", Bench::put(&text, &format!("t{}", number % 6))).await {
                Ok(_) => true,
                Err((code, _)) => {
                    assert_eq!(code, "ImageAlreadyExistsException");
                    false
                }
            }
        })
    });
    let done = futures::future::join_all(pushes).await;
    let new = done.into_iter().filter(|result| *result.as_ref().unwrap()).count();
    assert_eq!(new, 6, "each tag is new for one of them");
    let snapshot = &bench.emulator.registry()["shop/api"];
    assert_eq!((snapshot.images.len(), snapshot.blobs.len(), snapshot.uploads.len()), (3, 4, 0));
}

#[tokio::test]
async fn bad_input_gets_an_error_of_its_own_kind() {
    let bench = Bench::new().await;
    assert_eq!(bench.code("Fly", json!({})).await, "UnknownOperationException");
    assert_eq!(bench.code("InitiateLayerUpload", json!({})).await, "InvalidParameterException");
    let number = json!({ "repositoryName": 7 });
    assert_eq!(bench.code("InitiateLayerUpload", number).await, "SerializationException");
    let nowhere = json!({ "repositoryName": "no/such" });
    assert_eq!(bench.code("InitiateLayerUpload", nowhere).await, "RepositoryNotFoundException");
    let public = bench.signed(&bench.keys, "ecr-public", Some("SpencerFrontendService.PutImage"), vec![]);
    assert_eq!(public.send().await.unwrap().status(), 400);
    let large = json!({ "repositoryName": "x".repeat(2_000_000) });
    let answer = bench.request(&bench.keys, "InitiateLayerUpload", &large).send().await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 413));
    assert_eq!(bench.http.get(bench.url("/etc/passwd")).send().await.unwrap().status(), 404);

    // Valid requests with bytes changed at random: an error of AWS's shape or an answer, never a 5xx.
    let part = Bench::part(&bench.initiate().await, 0, b"hello").to_string();
    let put = Bench::put(&manifest(&BlobDigest::of(b"{}"), 2, &BlobDigest::of(b"x"), 1), "1").to_string();
    let mut seed = 42_u64;
    let mut random = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % bound
    };
    for (operation, valid) in [("UploadLayerPart", part), ("PutImage", put)] {
        for _ in 0..150 {
            let mut bytes = valid.clone().into_bytes();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                bytes[at] = u8::try_from(random(256)).unwrap();
            }
            bytes.truncate(bytes.len() - random(3) * random(40));
            let target = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
            let request = bench.signed(&bench.keys, "ecr", Some(&target), bytes.clone());
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(status == 200 || status == 400 && body["__type"].is_string(), "{text}: {body}");
        }
    }
}

#[tokio::test]
async fn uncertain_points_are_switches() {
    let clock = clock();
    let quirks = ["expired-token=401", "immutable-repush=tag-exists", "absent-layer=failure"];
    let quirks = quirks.iter().map(|text| text.parse::<Quirk>().unwrap()).collect();
    let bench = Bench::with(Settings { quirks, ..settings(&clock) }, clock).await;
    let input = json!({ "repositoryName": "shop/api", "imageTagMutability": "IMMUTABLE" });
    bench.call("CreateRepository", input).await.unwrap();
    bench.push_image(b"one", "1").await;
    let again = manifest(&BlobDigest::of(b"{}"), 2, &BlobDigest::of(b"one"), 3);
    assert_eq!(bench.code("PutImage", Bench::put(&again, "1")).await, "ImageTagAlreadyExistsException");
    let absent = BlobDigest::of(b"absent").to_string();
    let check = json!({ "repositoryName": "shop/api", "layerDigests": [absent] });
    let answer = bench.call("BatchCheckLayerAvailability", check).await.unwrap();
    assert_eq!(answer["failures"][0]["failureCode"], "MissingLayerDigest");
    let token = bench.docker_token().await;
    bench.clock.advance(12 * 3600 + 1);
    assert_eq!(bench.v2(&token, "/v2/").await.status(), 401);
}
