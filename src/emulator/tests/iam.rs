//! What callers may do, and what they may become.

use super::*;

const JOB: &str = "arn:aws:sts::123456789012:assumed-role";

fn policy(statements: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn web(condition: &Value) -> Value {
    policy(&json!([{
        "Effect": "Allow",
        "Principal": { "Federated": "arn:aws:iam::123456789012:oidc-provider/${emulator:issuer}" },
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
        "Condition": condition,
    }]))
}

fn trusting(principal: &str, condition: &Value) -> Value {
    policy(&json!([{
        "Effect": "Allow",
        "Principal": { "AWS": principal },
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": condition,
    }]))
}

fn allow(actions: &Value, resource: &str) -> Value {
    policy(&json!([{ "Effect": "Allow", "Action": actions, "Resource": resource }]))
}

fn directory() -> Value {
    let here = "arn:aws:ecr:*:123456789012:repository";
    let any_job = web(&json!({ "StringLike": { "${emulator:issuer}:sub": "repo:*" } }));
    let root = "arn:aws:iam::123456789012:root";
    json!({ "accounts": {
        "123456789012": {
            "roles": [
                {
                    "name": "reader", "path": "/ci/", "trustPolicy": any_job, "maxSessionDuration": 7200,
                    "policies": {
                        "read": allow(&json!(["ecr:BatchGet*", "ecr:GetAuthorizationToken"]), "*"),
                        "one": allow(&json!("ecr:Describe*"), &format!("{here}/shop/*")),
                        "never": policy(&json!([
                            { "Effect": "Deny", "Action": "ecr:DescribeImages", "Resource": "*" },
                        ])),
                        "become": allow(&json!(["sts:AssumeRole", "sts:TagSession"]), "*"),
                    },
                },
                {
                    "name": "team", "trustPolicy": trusting(root, &json!({})), "maxSessionDuration": 43200,
                    "policies": {
                        "own": allow(&json!("ecr:*"), &format!("{here}/${{aws:PrincipalTag/team}}/*")),
                        "tagged": policy(&json!([{
                            "Effect": "Allow", "Action": ["ecr:CreateRepository", "ecr:TagResource"],
                            "Resource": "*",
                            "Condition": { "StringEquals": { "aws:RequestTag/owner": "${aws:PrincipalTag/team}" } },
                        }])),
                        "become": allow(&json!("sts:*"), "*"),
                    },
                },
                {
                    "name": "partner", "policies": { "all": allow(&json!("ecr:*"), "*") },
                    "trustPolicy": trusting("210987654321", &json!({ "StringEquals": { "sts:ExternalId": "42" } })),
                },
            ],
        },
        "210987654321": {
            "users": [{
                "name": "alice",
                "policies": { "all": allow(&json!(["ecr:*", "ecr-public:*", "sts:AssumeRole"]), "*") },
                "accessKeys": [{ "id": "AKIAIOSFODNN7EXAMPLE", "secret": "wJalrXUtnFEMI" }],
            }],
        },
    } })
}

impl Bench {
    async fn with_directory() -> (Self, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("iam.json");
        fs_err::write(&path, self::directory().to_string()).unwrap();
        let clock = clock();
        let bench = Self::with(Settings { iam: Some(path), ..settings(&clock) }, clock).await;
        bench.call("CreateRepository", json!({ "repositoryName": "shop/api" })).await.unwrap();
        bench.call("CreateRepository", json!({ "repositoryName": "other" })).await.unwrap();
        (bench, directory)
    }

    /// The keys of a role that trusts the job.
    async fn keys_of(&self, role: &str, extra: &[(&str, &str)]) -> Keys {
        let arn = format!("arn:aws:iam::123456789012:role/{role}");
        let mut form = vec![("RoleArn", arn.as_str())];
        form.extend_from_slice(extra);
        let (status, xml) = self.assume(&self.job_token("sts.amazonaws.com").await, &form).await;
        assert_eq!(status, 200, "{xml}");
        keys(&xml)
    }

    async fn assume_role(
        &self,
        keys: &Keys,
        role: &str,
        extra: &[(&str, &str)],
    ) -> Result<String, (String, String)> {
        let arn = if role.starts_with("arn:") {
            role.into()
        } else {
            format!("arn:aws:iam::123456789012:role/{role}")
        };
        let mut form = vec![
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleSessionName", "next"),
            ("RoleArn", arn.as_str()),
        ];
        form.extend_from_slice(extra);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let answer = self.signed(keys, "sts", None, body.into_bytes()).send().await.unwrap();
        let (status, xml) = (answer.status(), answer.text().await.unwrap());
        if status == 200 { Ok(xml) } else { Err((element(&xml, "Code"), element(&xml, "Message"))) }
    }

    /// The message of the denial.
    async fn denial(&self, keys: &Keys, operation: &str, input: Value) -> String {
        let (code, answer) = self.call_as(keys, operation, input).await.unwrap_err();
        assert_eq!(code, "AccessDeniedException", "{answer}");
        answer["message"].as_str().unwrap().to_owned()
    }
}

fn keys(xml: &str) -> Keys {
    Keys {
        id: element(xml, "AccessKeyId"),
        secret: element(xml, "SecretAccessKey"),
        token: element(xml, "SessionToken"),
    }
}

fn name(repository: &str) -> Value {
    json!({ "repositoryName": repository })
}

#[tokio::test]
async fn a_denial_names_who_what_and_why() {
    let (bench, _directory) = Bench::with_directory().await;
    let reader = bench.keys_of("ci/reader", &[]).await;
    let here = "arn:aws:ecr:us-east-1:123456789012:repository";
    let put = json!({ "repositoryName": "shop/api", "imageManifest": "{}", "imageTag": "1" });
    assert_eq!(
        bench.denial(&reader, "PutImage", put.clone()).await,
        format!(
            "User: {JOB}/reader/job-1 is not authorized to perform: ecr:PutImage on resource: {here}/shop/api because \
             no identity-based policy allows the ecr:PutImage action"
        )
    );
    assert_eq!(
        bench.denial(&reader, "DescribeImages", name("shop/api")).await,
        format!(
            "User: {JOB}/reader/job-1 is not authorized to perform: ecr:DescribeImages on resource: {here}/shop/api \
             with an explicit deny in an identity-based policy"
        )
    );
    let all = bench.denial(&reader, "DescribeRepositories", json!({})).await;
    assert!(all.contains("on resource: arn:aws:ecr:us-east-1:123456789012:repository/* because"), "{all}");
    let named = |name: &str| json!({ "repositoryNames": [name] });
    bench.call_as(&reader, "DescribeRepositories", named("shop/api")).await.unwrap();
    bench.denial(&reader, "DescribeRepositories", named("other")).await;
    let elsewhere =
        json!({ "repositoryName": "x", "registryId": "210987654321", "imageIds": [{ "imageTag": "1" }] });
    let message = bench.denial(&reader, "BatchGetImage", elsewhere).await;
    assert!(
        message.ends_with("because no resource-based policy allows the ecr:BatchGetImage action"),
        "{message}"
    );
    bench.denial(&reader, "PutImage", json!({ "repositoryName": "absent" })).await;

    // A list would be read member by member, in an order that is not the permission check's.
    let request = bench.request(&reader, "PutImage", &json!(["210987654321", "shop/api", "{}"]));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["__type"], "SerializationException");

    let bounded = [("Policy", r#"{"Statement":{"Effect":"Allow","Action":"ecr:Describe*","Resource":"*"}}"#)];
    let bounded = bench.keys_of("ci/reader", &bounded).await;
    bench.call_as(&bounded, "DescribeRepositories", named("shop/api")).await.unwrap();
    let message = bench.denial(&bounded, "GetAuthorizationToken", json!({})).await;
    assert_eq!(
        message,
        format!(
            "User: {JOB}/reader/job-1 is not authorized to perform: ecr:GetAuthorizationToken on resource: * because \
             no session policy allows the ecr:GetAuthorizationToken action"
        )
    );
    let managed = [("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly")];
    let managed = bench.keys_of("ci/reader", &managed).await;
    bench.call_as(&managed, "GetAuthorizationToken", json!({})).await.unwrap();
}

#[tokio::test]
async fn the_registry_asks_the_same_policies() {
    let (bench, _directory) = Bench::with_directory().await;
    let digest = bench.push_image(b"layer", "1").await;
    let reader = bench.keys_of("ci/reader", &[]).await;
    let answer = bench.call_as(&reader, "GetAuthorizationToken", json!({})).await.unwrap();
    let token = answer["authorizationData"][0]["authorizationToken"].as_str().unwrap();
    assert_eq!(bench.v2(token, "/v2/").await.status(), 200);
    assert_eq!(bench.v2(token, &format!("/v2/shop/api/manifests/{digest}")).await.status(), 200);
    let layer = BlobDigest::of(b"layer");
    for (path, action) in [
        (format!("/v2/shop/api/blobs/{layer}"), "ecr:GetDownloadUrlForLayer"),
        ("/v2/shop/api/tags/list".into(), "ecr:ListImages"),
        ("/v2/absent/tags/list".into(), "ecr:ListImages"),
    ] {
        let answer = bench.v2(token, &path).await;
        assert_eq!(answer.status(), 403);
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["errors"][0]["code"], "DENIED");
        let message = error["errors"][0]["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("reader/job-1 is not authorized to perform: {action} on")),
            "{message}"
        );
    }
}

#[tokio::test]
async fn chains_of_roles() {
    let (bench, _directory) = Bench::with_directory().await;
    let reader = bench.keys_of("ci/reader", &[]).await;
    let tags = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "shop"),
        ("TransitiveTagKeys.member.1", "team"),
    ];
    let xml = bench.assume_role(&reader, "team", &tags).await.unwrap();
    assert_eq!(element(&xml, "Arn"), format!("{JOB}/team/next"));
    assert!(element(&xml, "PackedPolicySize").parse::<u8>().unwrap() > 0);
    let team = keys(&xml);
    bench.call_as(&team, "DescribeImages", name("shop/api")).await.unwrap();
    bench.denial(&team, "DescribeImages", name("other")).await;
    let create =
        |owner: &str| json!({ "repositoryName": "new", "tags": [{ "Key": "owner", "Value": owner }] });
    bench.denial(&team, "CreateRepository", create("somebody")).await;
    bench.call_as(&team, "CreateRepository", create("shop")).await.unwrap();

    // The tag goes on by itself, and cannot be said anew.
    let next = keys(&bench.assume_role(&team, "team", &[]).await.unwrap());
    bench.call_as(&next, "DescribeImages", name("shop/api")).await.unwrap();
    let (code, message) = bench.assume_role(&team, "team", &tags[..2]).await.unwrap_err();
    assert!(
        code == "InvalidParameterValue" && message.contains("conflicts with a transitive tag key"),
        "{message}"
    );

    let long = [("DurationSeconds", "3601")];
    assert_eq!(
        bench.assume_role(&reader, "team", &long).await.unwrap_err(),
        (
            "ValidationError".into(),
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining".into()
        )
    );
    let token = bench.job_token("sts.amazonaws.com").await;
    let role = ("RoleArn", "arn:aws:iam::123456789012:role/ci/reader");
    let (_, xml) = bench.assume(&token, &[role, ("DurationSeconds", "7201")]).await;
    assert!(xml.contains("exceeds the MaxSessionDuration set for this role"), "{xml}");

    for (role, arn) in [("absent", "absent"), ("ci/reader", "ci/reader"), ("partner", "partner")] {
        let (code, message) = bench.assume_role(&reader, role, &[]).await.unwrap_err();
        let arn = format!("arn:aws:iam::123456789012:role/{arn}");
        assert_eq!(
            (code.as_str(), message),
            (
                "AccessDenied",
                format!(
                    "User: {JOB}/reader/job-1 is not authorized to perform: sts:AssumeRole on resource: {arn}"
                )
            )
        );
    }
}

#[tokio::test]
async fn a_user_of_another_account() {
    let (bench, _directory) = Bench::with_directory().await;
    let alice =
        Keys { id: "AKIAIOSFODNN7EXAMPLE".into(), secret: "wJalrXUtnFEMI".into(), token: String::new() };
    bench.call_as(&alice, "CreateRepository", name("hers")).await.unwrap();
    let theirs = json!({ "registryId": "123456789012", "repositoryName": "shop/api" });
    let message = bench.denial(&alice, "DescribeImages", theirs).await;
    assert!(message.starts_with("User: arn:aws:iam::210987654321:user/alice is not authorized"), "{message}");
    assert_eq!(bench.assume_role(&alice, "partner", &[]).await.unwrap_err().0, "AccessDenied");
    assert_eq!(
        bench.assume_role(&alice, "partner", &[("ExternalId", "41")]).await.unwrap_err().0,
        "AccessDenied"
    );
    let partner = keys(&bench.assume_role(&alice, "partner", &[("ExternalId", "42")]).await.unwrap());
    bench.call_as(&partner, "DescribeImages", name("shop/api")).await.unwrap();
    let wrong = Keys { secret: "x".into(), ..alice };
    let (code, _) = bench.call_as(&wrong, "DescribeImages", name("hers")).await.unwrap_err();
    assert_eq!(code, "InvalidSignatureException");
}

#[tokio::test]
async fn what_sts_refuses_of_a_session() {
    let (bench, _directory) = Bench::with_directory().await;
    let token = bench.job_token("sts.amazonaws.com").await;
    let long = "x".repeat(2049);
    let policy_arn = "arn:aws:iam::123456789012:policy/absent";
    for (extra, code, message) in [
        (("ProviderId", "www.amazon.com"), "ValidationError", "ProviderId"),
        (("Policy", "{}"), "MalformedPolicyDocument", "not in the valid JSON format"),
        (("Policy", long.as_str()), "PackedPolicyTooLarge", "2048"),
        (("PolicyArns.member.1.arn", policy_arn), "MalformedPolicyDocument", "absent does not exist"),
        (("RoleArn", "arn:aws:iam::123456789012:user/x"), "ValidationError", "is invalid"),
        (
            ("RoleArn", "arn:aws:iam::999999999999:role/x"),
            "InvalidIdentityToken",
            "No OpenIDConnect provider",
        ),
    ] {
        let (_, xml) = bench.assume(&token, &[extra]).await;
        assert_eq!(element(&xml, "Code"), code, "{xml}");
        assert!(xml.contains(message), "{xml}");
    }
    // Session tags ride in the token.
    let issuer = &bench.emulator.app.issuer;
    let now = bench.clock.now().as_second();
    let claims = json!({
        "iss": issuer.url, "aud": "sts.amazonaws.com", "sub": "repo:x", "iat": now, "exp": now + 60,
        "https://aws.amazon.com/tags": { "principal_tags": { "team": ["shop"] }, "transitive_tag_keys": ["team"] },
    });
    let tagged = issuer.sign(&claims);
    let (status, xml) =
        bench.assume(tagged.expose(), &[("RoleArn", "arn:aws:iam::123456789012:role/ci/reader")]).await;
    assert_eq!(status, 200, "{xml}");
    assert_eq!(element(&xml, "Provider"), issuer.url);
    assert_eq!(element(&xml, "Audience"), "sts.amazonaws.com");
    let next = keys(&bench.assume_role(&keys(&xml), "team", &[]).await.unwrap());
    bench.call_as(&next, "DescribeImages", name("shop/api")).await.unwrap();
}

#[tokio::test]
async fn policies_of_resources() {
    let (bench, _directory) = Bench::with_directory().await;
    bench.push_image(b"layer", "1").await;
    let alice =
        Keys { id: "AKIAIOSFODNN7EXAMPLE".into(), secret: "wJalrXUtnFEMI".into(), token: String::new() };
    let statement = |effect: &str, principal: &str, actions: Value| {
        policy(&json!([{ "Effect": effect, "Principal": { "AWS": principal }, "Action": actions }]))
            .to_string()
    };
    let set = async |repository: &str, policy: String| {
        let input = json!({ "repositoryName": repository, "policyText": policy, "force": true });
        bench.call("SetRepositoryPolicy", input).await.unwrap();
    };
    let theirs = |repository: &str| json!({ "registryId": "123456789012", "repositoryName": repository });
    let mut image = theirs("shop/api");
    image["imageIds"] = json!([{ "imageTag": "1" }]);
    bench.denial(&alice, "BatchGetImage", image.clone()).await;
    set("shop/api", statement("Allow", "210987654321", json!("ecr:BatchGetImage"))).await;
    bench.call_as(&alice, "BatchGetImage", image).await.unwrap();
    bench.denial(&alice, "DescribeImages", theirs("shop/api")).await;

    // In the same account, a policy that names the role is enough, and one that denies wins.
    let reader = bench.keys_of("ci/reader", &[]).await;
    bench.denial(&reader, "ListImages", name("other")).await;
    let role = "arn:aws:iam::123456789012:role/ci/reader";
    set("other", statement("Allow", role, json!("ecr:ListImages"))).await;
    bench.call_as(&reader, "ListImages", name("other")).await.unwrap();
    set("other", statement("Deny", "*", json!("ecr:BatchGetImage"))).await;
    let input = json!({ "repositoryName": "other", "imageIds": [{ "imageTag": "1" }] });
    let message = bench.denial(&bench.keys, "BatchGetImage", input).await;
    assert!(message.ends_with("with an explicit deny in a resource-based policy"), "{message}");

    // The registry's policy lets another account create repositories.
    bench.denial(&alice, "CreateRepository", theirs("from/afar")).await;
    let registry = policy(&json!([{
        "Effect": "Allow", "Principal": { "AWS": "210987654321" }, "Action": "ecr:CreateRepository",
        "Resource": "arn:aws:ecr:us-east-1:123456789012:repository/from/*",
    }]));
    bench.call("PutRegistryPolicy", json!({ "policyText": registry.to_string() })).await.unwrap();
    bench.call_as(&alice, "CreateRepository", theirs("from/afar")).await.unwrap();
    bench.denial(&alice, "CreateRepository", theirs("elsewhere")).await;
    let mine = bench.call("DescribeRepositories", json!({ "repositoryNames": ["from/afar"] })).await.unwrap();
    assert_eq!(mine["repositories"][0]["registryId"], "123456789012");

    // Pushing makes a repository only for those who may create one.
    let template = json!({ "prefix": "shop", "appliedFor": ["CREATE_ON_PUSH"] });
    bench.call("CreateRepositoryCreationTemplate", template).await.unwrap();
    let tags = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "shop")];
    let team = keys(&bench.assume_role(&reader, "team", &tags).await.unwrap());
    bench.call_as(&team, "InitiateLayerUpload", name("shop/new")).await.unwrap();
    let bounded = r#"{"Statement":{"Effect":"Allow","Action":"ecr:InitiateLayerUpload","Resource":"*"}}"#;
    let bounded = bench.assume_role(&reader, "team", &[tags[0], tags[1], ("Policy", bounded)]).await.unwrap();
    let message = bench.denial(&keys(&bounded), "InitiateLayerUpload", name("shop/newer")).await;
    assert!(message.contains("is not authorized to perform: ecr:CreateRepository on"), "{message}");
}

#[tokio::test]
async fn what_a_push_needs_besides() {
    let (bench, _directory) = Bench::with_directory().await;
    bench.push_image(b"layer", "1").await;
    let setting = json!({ "name": "BLOB_MOUNTING", "value": "ENABLED" });
    bench.call("PutAccountSetting", setting).await.unwrap();
    let template = json!({ "prefix": "shop", "appliedFor": ["CREATE_ON_PUSH"] });
    bench.call("CreateRepositoryCreationTemplate", template).await.unwrap();
    let reader = bench.keys_of("ci/reader", &[]).await;
    let tags = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "shop")];
    let token_for = async |policy: &str| {
        let extra = [tags[0], tags[1], ("Policy", policy)];
        let keys = keys(&bench.assume_role(&reader, "team", &extra).await.unwrap());
        // The role itself may log in nowhere; the bounds of its sessions are what is tried here.
        let session =
            bench.emulator.app.gate.seal.unseal::<crate::emulator::iam::Session>("session", &keys.token);
        let caller = crate::emulator::iam::Caller { session: session.unwrap(), region: "us-east-1".into() };
        let (password, _) = bench.emulator.app.registry_password(&caller);
        BASE64_STANDARD.encode(format!("AWS:{password}"))
    };
    let upload = async |token: &str, path: &str| {
        let request = bench.http.post(bench.url(path)).header(AUTHORIZATION, format!("Basic {token}"));
        let answer = request.header("content-length", "0").send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let statement = |actions: Value, resource: &str| allow(&actions, resource).to_string();
    let writer = token_for(&statement(json!("ecr:InitiateLayerUpload"), "*")).await;
    let (status, text) = upload(&writer, "/v2/shop/new/blobs/uploads/").await;
    assert!(status == 403 && text.contains("perform: ecr:CreateRepository on"), "{status} {text}");
    let maker = token_for(&statement(json!(["ecr:InitiateLayerUpload", "ecr:CreateRepository"]), "*")).await;
    assert_eq!(upload(&maker, "/v2/shop/new/blobs/uploads/").await.0, 202);

    let mount = format!("/v2/shop/new/blobs/uploads/?mount={}&from=shop/api", BlobDigest::of(b"layer"));
    assert_eq!(upload(&writer, &mount).await.0, 202, "who may not read the source gets an upload");
    let both =
        token_for(&statement(json!(["ecr:InitiateLayerUpload", "ecr:GetDownloadUrlForLayer"]), "*")).await;
    assert_eq!(upload(&both, &mount).await.0, 201);

    // A path that is spelled in another way is the same path.
    let read = bench.http.get(bench.url("/v2/shop/api/m%61nifests/1"));
    let read = read.header(AUTHORIZATION, format!("Basic {writer}")).send().await.unwrap();
    assert_eq!(read.status(), 403);
}

#[tokio::test]
async fn public_registries_by_their_aliases() {
    let (bench, _directory) = Bench::with_directory().await;
    let call = async |keys: &Keys, operation: &str, input: Value| {
        let target = format!("SpencerFrontendService.{operation}");
        let body = input.to_string().into_bytes();
        let answer = bench.signed(keys, "ecr-public", Some(&target), body).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let own = crate::emulator::ecr::public::alias("123456789012");
    let made = call(&bench.keys, "CreateRepository", json!({ "repositoryName": "tool" })).await;
    assert_eq!(made["repository"]["repositoryName"], "tool", "{made}");
    let by_alias = json!({ "registryId": own, "repositoryName": "tool", "force": true });
    let alice =
        Keys { id: "AKIAIOSFODNN7EXAMPLE".into(), secret: "wJalrXUtnFEMI".into(), token: String::new() };
    let refused = call(&alice, "DeleteRepository", by_alias.clone()).await;
    assert_eq!(refused["__type"], "AccessDeniedException", "{refused}");
    let reader = bench.keys_of("ci/reader", &[]).await;
    let refused = call(&reader, "GetAuthorizationToken", json!({})).await;
    assert!(refused["message"].as_str().unwrap().contains("perform: ecr-public:GetAuthorizationToken on"));
    let deleted = call(&bench.keys, "DeleteRepository", by_alias).await;
    assert_eq!(deleted["repository"]["repositoryName"], "tool", "{deleted}");
}
