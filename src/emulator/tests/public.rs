//! ECR Public, by its API and on `/v2/`.

use super::*;

impl Bench {
    /// Calls ECR Public.
    async fn public(&self, operation: &str, input: Value) -> Result<Value, (String, Value)> {
        let target = format!("SpencerFrontendService.{operation}");
        let request = self.signed(&self.keys, "ecr-public", Some(&target), input.to_string().into_bytes());
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let value: Value = answer.json().await.unwrap();
        if status == 200 { Ok(value) } else { Err((value["__type"].as_str().unwrap().to_owned(), value)) }
    }

    async fn public_code(&self, operation: &str, input: Value) -> String {
        self.public(operation, input).await.unwrap_err().0
    }

    async fn public_blob(&self, bytes: &[u8]) -> BlobDigest {
        let name = json!({ "repositoryName": "tools/app" });
        let upload = self.public("InitiateLayerUpload", name).await.unwrap();
        let mut part = Self::part(upload["uploadId"].as_str().unwrap(), 0, bytes);
        part["repositoryName"] = "tools/app".into();
        self.public("UploadLayerPart", part).await.unwrap();
        let digest = BlobDigest::of(bytes);
        let complete = json!({
            "repositoryName": "tools/app", "uploadId": upload["uploadId"], "layerDigests": [digest.to_string()],
        });
        self.public("CompleteLayerUpload", complete).await.unwrap();
        digest
    }
}

#[tokio::test]
async fn a_public_repository_from_making_to_deleting() {
    let bench = Bench::new().await;
    let input = json!({
        "repositoryName": "tools/app",
        "catalogData": {
            "description": "An app", "architectures": ["x86-64"], "operatingSystems": ["Linux"],
            "aboutText": "# App", "logoImageBlob": BASE64_STANDARD.encode(b"logo"),
        },
        "tags": [{ "Key": "team", "Value": "tools" }],
    });
    let made = bench.public("CreateRepository", input.clone()).await.unwrap();
    assert_eq!(bench.public_code("CreateRepository", input).await, "RepositoryAlreadyExistsException");
    let registry = bench.public("DescribeRegistries", json!({})).await.unwrap()["registries"][0].clone();
    let alias = registry["aliases"][0]["name"].as_str().unwrap().to_owned();
    let uri = format!("{}/{alias}/tools/app", bench.emulator.address());
    assert_eq!(made["repository"]["repositoryUri"], uri);
    let arn = "arn:aws:ecr-public::123456789012:repository/tools/app";
    assert_eq!(made["repository"]["repositoryArn"], arn);
    assert_eq!(made["catalogData"]["architectures"], json!(["x86-64"]));
    let logo = bench.http.get(made["catalogData"]["logoUrl"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(&logo.bytes().await.unwrap()[..], b"logo");
    assert_eq!(bench.emulator.registry().len(), 1, "the private registry has none of it");
    let described = bench.public("DescribeRepositories", json!({})).await.unwrap();
    assert_eq!(described["repositories"], json!([made["repository"]]));

    let long = json!({ "repositoryName": "tools/app", "catalogData": { "description": "x".repeat(1025) } });
    assert_eq!(bench.public_code("PutRepositoryCatalogData", long).await, "InvalidParameterException");
    let data = json!({ "repositoryName": "tools/app", "catalogData": { "usageText": "use it" } });
    bench.public("PutRepositoryCatalogData", data).await.unwrap();
    let name = json!({ "repositoryName": "tools/app" });
    let data = bench.public("GetRepositoryCatalogData", name.clone()).await.unwrap();
    assert_eq!(data["catalogData"], json!({ "usageText": "use it", "marketplaceCertified": false }));
    bench.public("PutRegistryCatalogData", json!({ "displayName": "Tools Inc." })).await.unwrap();
    let data = bench.public("GetRegistryCatalogData", json!({})).await.unwrap();
    assert_eq!(data["registryCatalogData"]["displayName"], "Tools Inc.");

    assert_eq!(
        bench.public_code("GetRepositoryPolicy", name.clone()).await,
        "RepositoryPolicyNotFoundException"
    );
    let mut policy = name.clone();
    policy["policyText"] = "{".into();
    assert_eq!(bench.public_code("SetRepositoryPolicy", policy.clone()).await, "InvalidParameterException");
    policy["policyText"] = r#"{"Version":"2012-10-17","Statement":[]}"#.into();
    bench.public("SetRepositoryPolicy", policy.clone()).await.unwrap();
    let found = bench.public("GetRepositoryPolicy", name.clone()).await.unwrap();
    assert_eq!(found["policyText"], policy["policyText"]);
    bench.public("DeleteRepositoryPolicy", name.clone()).await.unwrap();
    let more = json!({ "resourceArn": arn, "tags": [{ "Key": "a", "Value": "b" }] });
    bench.public("TagResource", more).await.unwrap();
    bench.public("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["team"] })).await.unwrap();
    let tags = bench.public("ListTagsForResource", json!({ "resourceArn": arn })).await.unwrap();
    assert_eq!(tags["tags"], json!([{ "Key": "a", "Value": "b" }]));

    let layer = bench.public_blob(b"one").await;
    let config = bench.public_blob(b"{}").await;
    let text = manifest(&config, 2, &layer, 3);
    for tag in ["1", "2"] {
        let put = json!({ "registryId": alias, "repositoryName": "tools/app", "imageManifest": text, "imageTag": tag });
        bench.public("PutImage", put).await.unwrap();
    }
    let check = json!({ "repositoryName": "tools/app", "layerDigests": [layer.to_string()] });
    let check = bench.public("BatchCheckLayerAvailability", check).await.unwrap();
    assert_eq!(check["layers"][0]["layerAvailability"], "AVAILABLE");
    let tags = json!({ "repositoryName": "tools/app", "maxResults": 1 });
    let first = bench.public("DescribeImageTags", tags.clone()).await.unwrap();
    let mut next = tags;
    next["nextToken"] = first["nextToken"].clone();
    let second = bench.public("DescribeImageTags", next).await.unwrap();
    assert_eq!(first["imageTagDetails"][0]["imageTag"], "1");
    assert_eq!(second["imageTagDetails"][0]["imageTag"], "2");
    let images = bench.public("DescribeImages", name.clone()).await.unwrap();
    assert_eq!(images["imageDetails"][0]["imageTags"], json!(["1", "2"]));
    assert_eq!(bench.public_code("DeleteRepository", name.clone()).await, "RepositoryNotEmptyException");
    let ids =
        json!({ "repositoryName": "tools/app", "imageIds": [{ "imageTag": "1" }, { "imageTag": "no" }] });
    let gone = bench.public("BatchDeleteImage", ids).await.unwrap();
    assert_eq!(gone["imageIds"][0]["imageTag"], "1");
    assert_eq!(gone["failures"][0]["failureCode"], "ImageNotFound");
    bench.public("DeleteRepository", json!({ "repositoryName": "tools/app", "force": true })).await.unwrap();
    assert_eq!(bench.public_code("DescribeImages", name).await, "RepositoryNotFoundException");

    let other = json!({ "registryId": "999999999999", "repositoryName": "tools/app" });
    // IAM is asked first, and another account's registry has no policy that lets us in.
    assert_eq!(bench.public_code("InitiateLayerUpload", other).await, "AccessDeniedException");
    for operation in ["BatchGetImage", "ListImages", "GetDownloadUrlForLayer", "PutLifecyclePolicy"] {
        assert_eq!(bench.public_code(operation, json!({})).await, "UnknownOperationException");
    }
    let target = "SpencerFrontendService.DescribeRegistries";
    let private = bench.signed(&bench.keys, "ecr", Some(target), b"{}".to_vec()).send().await.unwrap();
    assert_eq!(private.status(), 400, "signed for another service");
}

#[tokio::test]
async fn public_repositories_on_v2() {
    let bench = Bench::new().await;
    bench.public("CreateRepository", json!({ "repositoryName": "tools/app" })).await.unwrap();
    let registries = bench.public("DescribeRegistries", json!({})).await.unwrap();
    let alias = registries["registries"][0]["aliases"][0]["name"].as_str().unwrap().to_owned();
    let answer = bench.public("GetAuthorizationToken", json!({})).await.unwrap();
    assert!(answer["authorizationData"]["proxyEndpoint"].is_null());
    let token = answer["authorizationData"]["authorizationToken"].as_str().unwrap().to_owned();
    let private = bench.docker_token().await;
    let uploads = format!("/v2/{alias}/tools/app/blobs/uploads/");
    assert_eq!(Bench::send(bench.oci(&private, "POST", &uploads)).await.error(), (403, "DENIED"));

    // Push with Basic, as Docker does after a login.
    let mut digests = Vec::new();
    for bytes in ["{}", "one"] {
        let said = Bench::send(bench.oci(&token, "POST", &uploads)).await;
        assert_eq!(said.status, 202);
        assert!(said.header("location").contains(&uploads), "{}", said.header("location"));
        let digest = BlobDigest::of(bytes.as_bytes());
        let url = format!("{}?digest={digest}", said.header("location"));
        assert_eq!(Bench::send(bench.oci(&token, "PUT", &url).body(bytes)).await.status, 201);
        digests.push(digest);
    }
    let text = manifest(&digests[0], 2, &digests[1], 3);
    let path = format!("/v2/{alias}/tools/app/manifests/1");
    let put =
        bench.oci(&token, "PUT", &path).header("content-type", "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(Bench::send(put.body(text)).await.status, 201);

    // Pull as nobody, with a token for nobody.
    let refused = Bench::send(bench.http.get(bench.url(&path))).await;
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate").to_owned();
    let origin = bench.url("");
    let expected = format!("Bearer realm=\"{origin}/token/\",service=\"public.ecr.aws\",scope=\"aws\"");
    assert_eq!(challenge, expected);
    let url = bench.url("/token/?service=public.ecr.aws&scope=aws");
    let anonymous = Bench::send(bench.http.get(&url)).await.json["token"].as_str().unwrap().to_owned();
    let bearer = |token: &str, path: &str| bench.http.get(bench.url(path)).bearer_auth(token);
    assert_eq!(Bench::send(bearer(&anonymous, &path)).await.status, 200);
    let blob = format!("/v2/{alias}/tools/app/blobs/{}", digests[1]);
    assert_eq!(Bench::send(bearer(&anonymous, &blob)).await.status, 307);
    let post = bench.http.post(bench.url(&uploads)).bearer_auth(&anonymous);
    assert_eq!(Bench::send(post).await.status, 401, "nobody may push");
    let known = bench.http.get(&url).header(AUTHORIZATION, format!("Basic {token}"));
    let known = Bench::send(known).await.json["token"].as_str().unwrap().to_owned();
    let post = bench.http.post(bench.url(&uploads)).bearer_auth(&known);
    assert_eq!(Bench::send(post).await.status, 202);
    assert_eq!(bench.v2(&private, &path).await.status(), 200, "who is known may read what everybody may");
    assert_eq!(Bench::send(bearer(&known, "/v2/shop/api/tags/list")).await.status, 401);
    assert_eq!(bench.v2(&token, "/v2/shop/api/tags/list").await.status(), 401, "no key for the private side");
    let head = bench.http.head(bench.url(&blob)).bearer_auth(&anonymous);
    assert_eq!(Bench::send(head).await.status, 401, "as on AWS");
    assert_eq!(Bench::send(bench.oci(&token, "HEAD", &blob)).await.status, 200);

    let by_host = bench.http.get(bench.url("/v2/")).header("host", "public.ecr.aws");
    assert!(Bench::send(by_host).await.header("www-authenticate").starts_with("Bearer"));
    let by_host = bearer(&anonymous, "/v2/nobody/app/manifests/1").header("host", "public.ecr.aws");
    assert_eq!(Bench::send(by_host).await.error(), (404, "NAME_UNKNOWN"));
    bench.clock.advance(12 * 3600 + 1);
    assert_eq!(Bench::send(bearer(&anonymous, &path)).await.status, 401);
}
