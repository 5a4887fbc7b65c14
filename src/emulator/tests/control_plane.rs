//! The control plane: deletion, lists, policies, replication, scanning and the settings of a registry.

use super::*;

const REPO: &str = "shop/api";

/// An input about the repository, with `more`.
fn about(more: Value) -> Value {
    with(json!({ "repositoryName": REPO }), more)
}

fn with(mut input: Value, more: Value) -> Value {
    if let (Some(input), Value::Object(more)) = (input.as_object_mut(), more) {
        input.extend(more);
    }
    input
}

fn index(child: &str) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": child, "size": 1,
        }],
    })
    .to_string()
}

impl Bench {
    async fn tags(&self) -> Vec<String> {
        let answer =
            self.call("ListImages", about(json!({ "filter": { "imageStatus": "ANY" } }))).await.unwrap();
        let ids = answer["imageIds"].as_array().unwrap().clone();
        ids.iter().map(|id| id["imageTag"].as_str().unwrap_or("-").to_owned()).collect()
    }

    async fn delete(&self, ids: Value) -> (Vec<Value>, Vec<String>) {
        let answer = self.call("BatchDeleteImage", about(json!({ "imageIds": ids }))).await.unwrap();
        let codes = answer["failures"].as_array().unwrap().iter();
        let codes = codes.map(|failure| failure["failureCode"].as_str().unwrap().to_owned()).collect();
        (answer["imageIds"].as_array().unwrap().clone(), codes)
    }

    /// Polls until `done` says so of the answer.
    async fn until(&self, operation: &str, input: Value, done: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..200 {
            let answer = self.call(operation, input.clone()).await.unwrap();
            if done(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{operation} never got there");
    }
}

#[tokio::test]
async fn images_are_deleted_by_tag_and_by_digest() {
    let bench = Bench::new().await;
    let one = bench.push_image(b"one", "1").await;
    let first = manifest(&BlobDigest::of(b"{}"), 2, &BlobDigest::of(b"one"), 3);
    bench.call("PutImage", Bench::put(&first, "also")).await.unwrap();
    let two = bench.push_image(b"two", "2").await;
    bench.call("PutImage", Bench::put(&index(&two), "all")).await.unwrap();

    let (gone, failed) = bench.delete(json!([{ "imageTag": "also" }])).await;
    assert_eq!((gone, failed.len()), (vec![json!({ "imageDigest": one, "imageTag": "also" })], 0));
    let (gone, failed) = bench
        .delete(json!([
            { "imageTag": "none" },
            {},
            { "imageDigest": "sha256" },
            { "imageTag": "a b" },
            { "imageTag": "1", "imageDigest": two },
            { "imageDigest": two },
            { "imageTag": "2" },
            { "imageTag": "1" },
        ]))
        .await;
    assert_eq!(gone, [json!({ "imageDigest": one, "imageTag": "1" })], "the last tag takes the image along");
    let codes = [
        "ImageNotFound",
        "MissingDigestAndTag",
        "InvalidImageDigest",
        "InvalidImageTag",
        "ImageTagDoesNotMatchDigest",
        "ImageReferencedByManifestList",
        "ImageReferencedByManifestList",
    ];
    assert_eq!(failed, codes);
    // The index first, then its child, in one call.
    let (gone, failed) = bench.delete(json!([{ "imageTag": "all" }, { "imageDigest": two }])).await;
    assert_eq!((gone.len(), failed.len()), (2, 0));
    assert!(bench.tags().await.is_empty());
    assert_eq!(
        bench.code("BatchDeleteImage", about(json!({ "imageIds": [] }))).await,
        "InvalidParameterException"
    );
}

#[tokio::test]
async fn lists_and_filters() {
    let bench = Bench::new().await;
    for tag in ["a", "b", "c"] {
        bench.push_image(tag.as_bytes(), tag).await;
    }
    bench.push_image(b"other", "a").await;
    let mut seen = Vec::new();
    let mut input = about(json!({ "maxResults": 3 }));
    loop {
        let page = bench.call("ListImages", input.clone()).await.unwrap();
        seen.extend(page["imageIds"].as_array().unwrap().clone());
        let Some(token) = page.get("nextToken") else { break };
        input["nextToken"] = token.clone();
    }
    assert_eq!(seen.len(), 4);
    let count = async |status: &str| {
        let filter = about(json!({ "filter": { "tagStatus": status } }));
        let listed = bench.call("ListImages", filter.clone()).await.unwrap();
        let described = bench.call("DescribeImages", filter).await.unwrap();
        (listed["imageIds"].as_array().unwrap().len(), described["imageDetails"].as_array().unwrap().len())
    };
    assert_eq!(count("TAGGED").await, (3, 3));
    assert_eq!(count("UNTAGGED").await, (1, 1));
    assert_eq!(count("ANY").await, (4, 4));
    let wrong = about(json!({ "filter": { "tagStatus": "SOME" } }));
    assert_eq!(bench.code("ListImages", wrong).await, "InvalidParameterException");
    let both = about(json!({ "imageIds": [{ "imageTag": "a" }], "maxResults": 1 }));
    assert_eq!(bench.code("DescribeImages", both).await, "InvalidParameterException");
}

#[tokio::test]
async fn repositories_go_and_come_again() {
    let directory = tempfile::tempdir().unwrap();
    let clock = clock();
    let state = || Settings { state: Some(directory.path().into()), ..settings(&clock) };
    let bench = Bench::with(state(), Arc::clone(&clock)).await;
    bench.call("CreateRepository", json!({ "repositoryName": REPO })).await.unwrap();
    bench.push_image(b"one", "1").await;
    let (code, answer) = bench.call("DeleteRepository", about(json!({}))).await.unwrap_err();
    assert_eq!(code, "RepositoryNotEmptyException");
    assert_eq!(
        answer["message"],
        "The repository with name 'shop/api' in registry with id '123456789012' cannot be deleted because it still \
         contains images"
    );
    let gone = bench.call("DeleteRepository", about(json!({ "force": true }))).await.unwrap();
    assert_eq!(gone["repository"]["repositoryName"], REPO);
    assert_eq!(bench.code("DeleteRepository", about(json!({}))).await, "RepositoryNotFoundException");
    bench.call("CreateRepository", json!({ "repositoryName": REPO })).await.unwrap();
    assert!(bench.tags().await.is_empty());
    bench.call("CreateRepository", json!({ "repositoryName": "other" })).await.unwrap();
    bench.call("DeleteRepository", about(json!({}))).await.unwrap();
    bench.call("PutAccountSetting", json!({ "name": "BLOB_MOUNTING", "value": "ENABLED" })).await.unwrap();
    bench.emulator.stop().await;
    let bench = Bench::with(state(), clock).await;
    assert_eq!(bench.emulator.registry().into_keys().collect::<Vec<_>>(), ["other"]);
    let setting = bench.call("GetAccountSetting", json!({ "name": "BLOB_MOUNTING" })).await.unwrap();
    assert_eq!(setting["value"], "ENABLED");
}

#[tokio::test]
async fn settings_of_a_repository() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.code("GetRepositoryPolicy", about(json!({}))).await,
        "RepositoryPolicyNotFoundException"
    );
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Sid": "pull", "Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage" }],
    })
    .to_string();
    let set = bench.call("SetRepositoryPolicy", about(json!({ "policyText": policy }))).await.unwrap();
    assert_eq!(set["policyText"], policy.as_str());
    assert_eq!(
        bench.call("GetRepositoryPolicy", about(json!({}))).await.unwrap()["policyText"],
        policy.as_str()
    );
    let lockout = policy.replace("Allow", "Deny").replace("BatchGetImage", "*");
    let input = about(json!({ "policyText": lockout }));
    assert_eq!(bench.code("SetRepositoryPolicy", input.clone()).await, "InvalidParameterException");
    bench.call("DeleteRepositoryPolicy", about(json!({}))).await.unwrap();
    assert_eq!(
        bench.code("DeleteRepositoryPolicy", about(json!({}))).await,
        "RepositoryPolicyNotFoundException"
    );

    let exclusion = json!({
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "dev-*" }],
    });
    bench.call("PutImageTagMutability", about(exclusion)).await.unwrap();
    let without = about(json!({ "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION" }));
    let (_, answer) = bench.call("PutImageTagMutability", without).await.unwrap_err();
    assert!(answer["message"].as_str().unwrap().contains("can't be null when imageTagMutability is set as"));
    bench.push_image(b"one", "1").await;
    bench.push_image(b"one", "dev-1").await;
    let moved = manifest(&BlobDigest::of(b"{}"), 2, &BlobDigest::of(b"one"), 4);
    assert_eq!(bench.code("PutImage", Bench::put(&moved, "1")).await, "ImageTagAlreadyExistsException");
    bench.call("PutImage", Bench::put(&moved, "dev-1")).await.unwrap();

    let arn = json!({ "resourceArn": "arn:aws:ecr:us-east-1:123456789012:repository/shop/api" });
    let mut tag = arn.clone();
    tag["tags"] = json!([{ "Key": "team", "Value": "shop" }, { "Key": "x", "Value": "" }]);
    bench.call("TagResource", tag).await.unwrap();
    let mut untag = arn.clone();
    untag["tagKeys"] = json!(["x"]);
    bench.call("UntagResource", untag).await.unwrap();
    let tags = bench.call("ListTagsForResource", arn).await.unwrap();
    assert_eq!(tags["tags"], json!([{ "Key": "team", "Value": "shop" }]));
}

fn keep(count: u64) -> String {
    json!({ "rules": [{
        "rulePriority": 1, "description": "keep the newest",
        "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count },
        "action": { "type": "expire" },
    }] })
    .to_string()
}

#[tokio::test]
async fn lifecycle_policies_are_previewed_and_applied() {
    let bench = Bench::new().await;
    for number in 1..=12 {
        bench.push_image(format!("image {number}").as_bytes(), &format!("v{number}")).await;
        bench.clock.advance(60);
    }
    let none = about(json!({}));
    assert_eq!(bench.code("GetLifecyclePolicy", none.clone()).await, "LifecyclePolicyNotFoundException");
    assert_eq!(
        bench.code("StartLifecyclePolicyPreview", none.clone()).await,
        "LifecyclePolicyNotFoundException"
    );
    assert_eq!(
        bench.code("GetLifecyclePolicyPreview", none.clone()).await,
        "LifecyclePolicyPreviewNotFoundException"
    );
    let wrong = about(json!({ "lifecyclePolicyText": keep(10).replace("expire", "retire") }));
    let (code, answer) = bench.call("PutLifecyclePolicy", wrong).await.unwrap_err();
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(
        answer["message"],
        "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation \
         failure: instance value (\"retire\") not found in enum (possible values: [\"expire\",\"transition\"])'"
    );
    bench.call("PutLifecyclePolicy", about(json!({ "lifecyclePolicyText": keep(10) }))).await.unwrap();
    let started = bench.call("StartLifecyclePolicyPreview", none.clone()).await.unwrap();
    assert_eq!(started["status"], "IN_PROGRESS");
    assert_eq!(
        bench.code("StartLifecyclePolicyPreview", none.clone()).await,
        "LifecyclePolicyPreviewInProgressException"
    );
    let page = bench.call("GetLifecyclePolicyPreview", about(json!({ "maxResults": 1 }))).await.unwrap();
    assert_eq!(
        (&page["status"], &page["summary"]),
        (&json!("COMPLETE"), &json!({ "expiringImageTotalCount": 2 }))
    );
    assert_eq!(page["previewResults"][0]["imageTags"], json!(["v1"]));
    let rest = about(json!({ "nextToken": page["nextToken"] }));
    let rest = bench.call("GetLifecyclePolicyPreview", rest).await.unwrap();
    assert_eq!(rest["previewResults"][0]["imageTags"], json!(["v2"]));
    assert!(rest.get("nextToken").is_none());
    let one = about(json!({ "imageIds": [{ "imageTag": "v2" }] }));
    let one = bench.call("GetLifecyclePolicyPreview", one).await.unwrap();
    assert_eq!(one["previewResults"].as_array().unwrap().len(), 1);

    let applied = bench.emulator.apply_lifecycle().await.unwrap();
    assert_eq!(applied["123456789012/us-east-1/shop/api"].expired.len(), 2);
    let mut left = bench.tags().await;
    left.sort();
    assert_eq!(left, ["v10", "v11", "v12", "v3", "v4", "v5", "v6", "v7", "v8", "v9"]);
    let policy = bench.call("GetLifecyclePolicy", none.clone()).await.unwrap();
    assert!(policy["lastEvaluatedAt"].as_f64().unwrap() > 1.0e9);
    bench.call("DeleteLifecyclePolicy", none.clone()).await.unwrap();
    assert_eq!(bench.code("DeleteLifecyclePolicy", none).await, "LifecyclePolicyNotFoundException");
}

#[tokio::test]
async fn images_arrive_in_other_registries() {
    let bench = Bench::new().await;
    let there = |account: &str, region: &str| json!({ "region": region, "registryId": account });
    let rules = |destinations: Value| {
        json!({ "replicationConfiguration": { "rules": [{
            "destinations": destinations,
            "repositoryFilters": [{ "filter": "shop", "filterType": "PREFIX_MATCH" }],
        }] } })
    };
    let same = rules(json!([there("123456789012", "us-east-1")]));
    let (_, answer) = bench.call("PutReplicationConfiguration", same).await.unwrap_err();
    assert!(answer["message"].as_str().unwrap().contains("cannot be the same as the source registry"));
    let wanted = rules(json!([there("123456789012", "eu-west-1"), there("999999999999", "us-east-1")]));
    bench.call("PutReplicationConfiguration", wanted.clone()).await.unwrap();
    let registry = bench.call("DescribeRegistry", json!({})).await.unwrap();
    assert_eq!(registry["replicationConfiguration"], wanted["replicationConfiguration"]);

    let child = bench.push_image(b"one", "1").await;
    bench.call("PutImage", Bench::put(&index(&child), "all")).await.unwrap();
    let status = about(json!({ "imageId": { "imageTag": "all" } }));
    let answer = bench
        .until("DescribeImageReplicationStatus", status, |answer| {
            let all = answer["replicationStatuses"].as_array().unwrap();
            all.len() == 2 && all.iter().all(|one| one["status"] != "IN_PROGRESS")
        })
        .await;
    assert_eq!(answer["replicationStatuses"][0]["status"], "COMPLETE");
    assert_eq!(answer["replicationStatuses"][1]["status"], "FAILED", "its policy does not let us");
    let elsewhere = RegistryId { account: "123456789012".into(), region: "eu-west-1".into() };
    let copy = bench.emulator.app.store.repository(&elsewhere, REPO).unwrap();
    copy.read(|contents| {
        assert_eq!(contents.images.len(), 2);
        assert_eq!(contents.layers.len(), 2);
        assert!(contents.tags.contains_key("all"));
        assert!(contents.images.values().all(|image| image.life.replication.is_empty()), "no chain");
    });

    // With a policy there, and a tag that can't be moved.
    let other = RegistryId { account: "999999999999".into(), region: "us-east-1".into() };
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" },
        "Action": ["ecr:CreateRepository", "ecr:ReplicateImage"],
        "Resource": "arn:aws:ecr:us-east-1:999999999999:repository/*",
    }] });
    bench.emulator.app.store.registry(&other).change(|settings| settings.policy = Some(policy.to_string()));
    copy.change(|contents| contents.mutability = store::Mutability::Immutable);
    let two = bench.push_image(b"two", "1").await;
    let status = about(json!({ "imageId": { "imageDigest": two } }));
    let done = |answer: &Value| {
        let all = answer["replicationStatuses"].as_array().unwrap();
        all.iter().all(|one| one["status"] == "COMPLETE")
    };
    bench.until("DescribeImageReplicationStatus", status, done).await;
    copy.read(|contents| {
        assert_eq!(contents.tags["1"].to_string(), child, "the tag stays");
        assert!(contents.images.contains_key(&two.parse().unwrap()), "the image arrives without it");
    });
    let far = bench.emulator.app.store.repository(&other, REPO).unwrap();
    far.read(|contents| assert_eq!(contents.tags["1"].to_string(), two));
}

#[tokio::test]
async fn replication_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let clock = clock();
    let state = || Settings { state: Some(directory.path().into()), ..settings(&clock) };
    let bench = Bench::with(state(), Arc::clone(&clock)).await;
    bench.call("CreateRepository", json!({ "repositoryName": REPO })).await.unwrap();
    let digest = bench.push_image(b"one", "1").await;
    let own = RegistryId { account: "123456789012".into(), region: "us-east-1".into() };
    let there = RegistryId { region: "eu-west-1".into(), ..own.clone() };
    let repository = bench.emulator.app.store.repository(&own, REPO).unwrap();
    // As a process leaves it that ends between the answer and the copy.
    repository.change(|contents| {
        let image = contents.images.get_mut(&digest.parse().unwrap()).unwrap();
        image.life.replication.push(store::Replica {
            region: there.region.clone(),
            account: there.account.clone(),
            status: store::ReplicaStatus::InProgress,
            failure: None,
            tags: vec!["1".into()],
        });
    });
    repository.commit().await.unwrap();
    drop(repository);
    bench.emulator.stop().await;
    let bench = Bench::with(state(), clock).await;
    let status = about(json!({ "imageId": { "imageTag": "1" } }));
    let done = |answer: &Value| answer["replicationStatuses"][0]["status"] == "COMPLETE";
    bench.until("DescribeImageReplicationStatus", status, done).await;
    let copy = bench.emulator.app.store.repository(&there, REPO).unwrap();
    assert_eq!(copy.read(|contents| contents.tags["1"].to_string()), digest);
}

#[tokio::test]
async fn scans_wait_and_find_what_the_file_says() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("findings.json");
    let finding = |name: &str| json!({ "name": name, "severity": "HIGH", "attributes": [{ "key": "k", "value": "v" }] });
    let text = json!({ "scans": [
        { "image": "shop/api:bad*", "polls": 2, "findings": [finding("CVE-1"), finding("CVE-2")] },
        { "image": "*:broken", "status": "FAILED", "polls": 0 },
    ] });
    fs_err::write(&file, text.to_string()).unwrap();
    let clock = clock();
    let wrong = Settings { findings: Some(directory.path().join("none.json")), ..settings(&clock) };
    assert!(Emulator::start(wrong).await.unwrap_err().to_string().contains("none.json"));
    let bench = Bench::with(Settings { findings: Some(file), ..settings(&clock) }, clock).await;
    bench.call("CreateRepository", json!({ "repositoryName": REPO })).await.unwrap();
    bench.push_image(b"one", "bad-1").await;
    let id = |tag: &str| about(json!({ "imageId": { "imageTag": tag } }));
    assert_eq!(bench.code("DescribeImageScanFindings", id("bad-1")).await, "ScanNotFoundException");
    let started = bench.call("StartImageScan", id("bad-1")).await.unwrap();
    assert_eq!(started["imageScanStatus"]["status"], "IN_PROGRESS");
    assert_eq!(bench.code("StartImageScan", id("bad-1")).await, "LimitExceededException");
    let look = async || bench.call("DescribeImageScanFindings", id("bad-1")).await.unwrap();
    assert_eq!(look().await["imageScanStatus"]["status"], "PENDING");
    assert_eq!(look().await["imageScanStatus"]["status"], "IN_PROGRESS");
    let done = look().await;
    assert_eq!(done["imageScanStatus"]["status"], "COMPLETE");
    assert_eq!(done["imageScanFindings"]["findingSeverityCounts"], json!({ "HIGH": 2 }));
    let mut paged = id("bad-1");
    paged["maxResults"] = 1.into();
    let page = bench.call("DescribeImageScanFindings", paged).await.unwrap();
    assert_eq!(page["imageScanFindings"]["findings"], json!([finding("CVE-1")]));
    assert!(page["nextToken"].is_string());
    let details = bench.call("DescribeImages", about(json!({}))).await.unwrap();
    assert_eq!(details["imageDetails"][0]["imageScanStatus"]["status"], "COMPLETE");

    let scanning = about(json!({ "imageScanningConfiguration": { "scanOnPush": true } }));
    bench.call("PutImageScanningConfiguration", scanning).await.unwrap();
    bench.push_image(b"two", "broken").await;
    let failed = bench.call("DescribeImageScanFindings", id("broken")).await.unwrap();
    assert_eq!(failed["imageScanStatus"]["status"], "FAILED");
    let rules = json!([{
        "scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": [{ "filter": "*", "filterType": "WILDCARD" }],
    }]);
    let enhanced = json!({ "scanType": "ENHANCED", "rules": rules });
    bench.call("PutRegistryScanningConfiguration", enhanced).await.unwrap();
    assert_eq!(bench.code("StartImageScan", id("bad-1")).await, "ValidationException");
    let names = json!({ "repositoryNames": [REPO, "none"] });
    let batch = bench.call("BatchGetRepositoryScanningConfiguration", names).await.unwrap();
    assert_eq!(batch["scanningConfigurations"][0]["scanFrequency"], "CONTINUOUS_SCAN");
    assert_eq!(batch["failures"][0]["failureCode"], "REPOSITORY_NOT_FOUND");
}

#[tokio::test]
async fn templates_make_repositories_on_push() {
    let bench = Bench::new().await;
    let nowhere = json!({ "repositoryName": "auto/one" });
    assert_eq!(bench.code("InitiateLayerUpload", nowhere.clone()).await, "RepositoryNotFoundException");
    let template = json!({
        "prefix": "auto", "description": "d", "appliedFor": ["CREATE_ON_PUSH"], "imageTagMutability": "IMMUTABLE",
        "lifecyclePolicy": keep(3),
    });
    bench.call("CreateRepositoryCreationTemplate", template.clone()).await.unwrap();
    assert_eq!(
        bench.code("CreateRepositoryCreationTemplate", template).await,
        "TemplateAlreadyExistsException"
    );
    bench.call("InitiateLayerUpload", nowhere).await.unwrap();
    let names = json!({ "repositoryNames": ["auto/one"] });
    let made = bench.call("DescribeRepositories", names).await.unwrap();
    assert_eq!(made["repositories"][0]["imageTagMutability"], "IMMUTABLE");
    bench.call("GetLifecyclePolicy", json!({ "repositoryName": "auto/one" })).await.unwrap();
    let update = json!({ "prefix": "auto", "resourceTags": [{ "Key": "a", "Value": "b" }] });
    assert_eq!(
        bench.code("UpdateRepositoryCreationTemplate", update).await,
        "InvalidParameterException",
        "tags need a role"
    );
    let none = json!({ "prefix": "none" });
    assert_eq!(bench.code("DeleteRepositoryCreationTemplate", none).await, "TemplateNotFoundException");
}

#[tokio::test]
async fn the_archive_hides_images_until_they_are_back() {
    let bench = Bench::new().await;
    let digest = bench.push_image(b"one", "1").await;
    let to = |class: &str| about(json!({ "imageId": { "imageTag": "1" }, "targetStorageClass": class }));
    let archived = bench.call("UpdateImageStorageClass", to("ARCHIVE")).await.unwrap();
    assert_eq!(archived["imageStatus"], "ARCHIVED");
    let ids = about(json!({ "imageIds": [{ "imageTag": "1" }] }));
    let got = bench.call("BatchGetImage", ids.clone()).await.unwrap();
    assert_eq!(got["failures"][0]["failureCode"], "ImageNotFound");
    let token = bench.docker_token().await;
    assert_eq!(bench.v2(&token, "/v2/shop/api/manifests/1").await.status(), 404);
    let image = about(json!({ "imageId": { "imageTag": "1" } }));
    assert_eq!(bench.code("StartImageScan", image).await, "ImageArchivedException");
    assert!(
        bench.call("DescribeImages", about(json!({}))).await.unwrap()["imageDetails"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let layer = about(json!({ "layerDigests": [BlobDigest::of(b"one").to_string()] }));
    let layer = bench.call("BatchCheckLayerAvailability", layer).await.unwrap();
    assert_eq!(layer["layers"][0]["layerAvailability"], "ARCHIVED");
    let back = bench.call("UpdateImageStorageClass", to("STANDARD")).await.unwrap();
    assert_eq!(back["imageStatus"], "ACTIVATING");
    bench.clock.advance(6);
    assert_eq!(
        bench.call("BatchGetImage", ids).await.unwrap()["images"][0]["imageId"]["imageDigest"],
        digest
    );
    let details = bench.call("DescribeImages", about(json!({}))).await.unwrap();
    assert!(details["imageDetails"][0]["lastActivatedAt"].is_number());
    // Pushing it again brings it back at once.
    bench.call("UpdateImageStorageClass", to("ARCHIVE")).await.unwrap();
    bench.push_image(b"one", "1").await;
    assert_eq!(bench.tags().await, ["1"]);
}

#[tokio::test]
async fn referrers_follow_their_subject() {
    let bench = Bench::new().await;
    let subject = bench.push_image(b"one", "1").await;
    let config = BlobDigest::of(b"{}");
    for number in 0..3 {
        let artifact = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": format!("application/x-{}", number % 2),
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config.to_string(), "size": 2 },
            "layers": [],
            "subject": {
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": subject, "size": 1,
            },
            "annotations": { "number": number.to_string() },
        });
        let input = about(json!({ "imageManifest": artifact.to_string() }));
        bench.call("PutImage", input).await.unwrap();
    }
    let list = |more: Value| with(about(json!({ "subjectId": { "imageDigest": subject } })), more);
    let all = bench.call("ListImageReferrers", list(json!({}))).await.unwrap();
    assert_eq!(all["referrers"].as_array().unwrap().len(), 3);
    assert!(all["referrers"][0]["annotations"]["number"].is_string());
    let filter = list(json!({ "filter": { "artifactTypes": ["application/x-0"] }, "maxResults": 1 }));
    let page = bench.call("ListImageReferrers", filter).await.unwrap();
    assert_eq!(page["referrers"][0]["artifactType"], "application/x-0");
    assert!(page["nextToken"].is_string());
    bench.delete(json!([{ "imageTag": "1" }])).await;
    bench.call("PutLifecyclePolicy", about(json!({ "lifecyclePolicyText": keep(99) }))).await.unwrap();
    bench.emulator.apply_lifecycle().await.unwrap();
    assert!(bench.tags().await.is_empty(), "what refers to nothing goes");
}

#[tokio::test]
async fn settings_of_a_registry() {
    let bench = Bench::new().await;
    assert_eq!(bench.code("GetRegistryPolicy", json!({})).await, "RegistryPolicyNotFoundException");
    assert_eq!(
        bench.code("GetSigningConfiguration", json!({})).await,
        "SigningConfigurationNotFoundException"
    );
    let profile = "arn:aws:signer:us-east-1:123456789012:/signing-profiles/shop";
    let signing = json!({ "signingConfiguration": { "rules": [{ "signingProfileArn": profile }] } });
    bench.call("PutSigningConfiguration", signing).await.unwrap();
    bench.push_image(b"one", "1").await;
    let image = about(json!({ "imageId": { "imageTag": "1" } }));
    let status = bench.call("DescribeImageSigningStatus", image).await.unwrap();
    assert_eq!(status["signingStatuses"][0]["signingProfileArn"], profile);

    let rule = json!({ "ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io" });
    bench.call("CreatePullThroughCacheRule", rule.clone()).await.unwrap();
    assert_eq!(
        bench.code("CreatePullThroughCacheRule", rule).await,
        "PullThroughCacheRuleAlreadyExistsException"
    );
    let odd = json!({ "ecrRepositoryPrefix": "odd", "upstreamRegistryUrl": "example.com" });
    assert_eq!(bench.code("CreatePullThroughCacheRule", odd).await, "UnsupportedUpstreamRegistryException");
    let rules = bench.call("DescribePullThroughCacheRules", json!({})).await.unwrap();
    assert_eq!(rules["pullThroughCacheRules"][0]["upstreamRegistry"], "quay");

    let principal = json!({ "principalArn": "arn:aws:iam::123456789012:role/consign" });
    bench.call("RegisterPullTimeUpdateExclusion", principal.clone()).await.unwrap();
    assert_eq!(
        bench.code("RegisterPullTimeUpdateExclusion", principal.clone()).await,
        "ExclusionAlreadyExistsException"
    );
    bench.call("BatchGetImage", about(json!({ "imageIds": [{ "imageTag": "1" }] }))).await.unwrap();
    let detail = bench.call("DescribeImages", about(json!({}))).await.unwrap();
    assert!(detail["imageDetails"][0].get("lastRecordedPullTime").is_none(), "such pulls leave no trace");
    bench.call("DeregisterPullTimeUpdateExclusion", principal.clone()).await.unwrap();
    assert_eq!(
        bench.code("DeregisterPullTimeUpdateExclusion", principal).await,
        "ExclusionNotFoundException"
    );
}
