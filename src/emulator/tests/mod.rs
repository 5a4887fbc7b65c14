//! The emulator as a client sees it: raw HTTP, signed here by hand.

use super::*;
use crate::base::Timestamp;
use crate::base::digest::Hasher;
use aws_lc_rs::hmac;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::header::{ACCEPT, AUTHORIZATION, LINK, LOCATION, RANGE};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::Instant;

mod control;
mod control_plane;
mod faults;
mod iam;
mod identity;
mod limits;
mod oci;
mod public;
mod registry;

const PART: u64 = 1000;

/// A clock that the test sets.
#[derive(Debug)]
struct TestClock(Mutex<Timestamp>);

impl TestClock {
    fn advance(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap();
        *now += jiff::SignedDuration::from_secs(seconds);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

#[derive(Debug, Clone)]
struct Keys {
    id: String,
    secret: String,
    token: String,
}

struct Bench {
    emulator: Emulator,
    clock: Arc<TestClock>,
    http: reqwest::Client,
    keys: Keys,
}

fn settings(clock: &Arc<TestClock>) -> Settings {
    Settings { clock: Arc::clone(clock) as Arc<dyn Clock>, part_size: PART, ..Settings::default() }
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock(Mutex::new("2026-11-23T12:00:00Z".parse().unwrap())))
}

impl Bench {
    async fn new() -> Self {
        let clock = clock();
        let bench = Self::with(settings(&clock), clock).await;
        bench.call("CreateRepository", json!({ "repositoryName": "shop/api" })).await.unwrap();
        bench
    }

    async fn with(settings: Settings, clock: Arc<TestClock>) -> Self {
        let emulator = Emulator::start(settings).await.unwrap();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        let keys = Keys { id: String::new(), secret: String::new(), token: String::new() };
        let mut bench = Self { emulator, clock, http, keys };
        bench.keys = bench.fresh_keys().await;
        bench
    }

    fn variable(&self, name: &str) -> String {
        self.emulator.environment().into_iter().find(|(found, _)| *found == name).unwrap().1
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.emulator.address())
    }

    /// A job's token, as a GitHub job gets it.
    async fn job_token(&self, audience: &str) -> String {
        let url = format!("{}&audience={audience}", self.variable(env::ACTIONS_ID_TOKEN_REQUEST_URL));
        let bearer = self.variable(env::ACTIONS_ID_TOKEN_REQUEST_TOKEN);
        let answer = self.http.get(url).bearer_auth(bearer).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["value"].as_str().unwrap().to_owned()
    }

    async fn assume(&self, token: &str, extra: &[(&str, &str)]) -> (u16, String) {
        let role = self.variable(env::AWS_ROLE_ARN);
        let mut form = vec![
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleSessionName", "job-1"),
            ("WebIdentityToken", token),
        ];
        if !extra.iter().any(|(name, _)| *name == "RoleArn") {
            form.push(("RoleArn", &role));
        }
        form.extend_from_slice(extra);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(self.url("/")).body(body);
        let answer =
            request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn fresh_keys(&self) -> Keys {
        let (status, xml) = self.assume(&self.job_token("sts.amazonaws.com").await, &[]).await;
        assert_eq!(status, 200, "{xml}");
        Keys {
            id: element(&xml, "AccessKeyId"),
            secret: element(&xml, "SecretAccessKey"),
            token: element(&xml, "SessionToken"),
        }
    }

    fn signed(
        &self,
        keys: &Keys,
        service: &str,
        target: Option<&str>,
        body: Vec<u8>,
    ) -> reqwest::RequestBuilder {
        let date = self.clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{}/us-east-1/{service}/aws4_request", &date[..8]);
        let host = self.emulator.address().to_string();
        let mut headers = vec![("host", host.as_str()), ("x-amz-date", &date)];
        headers.extend(
            Some(("x-amz-security-token", keys.token.as_str())).filter(|(_, token)| !token.is_empty()),
        );
        headers.extend(target.map(|target| ("x-amz-target", target)));
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let hash = sha256(&body);
        let canonical = format!("POST\n/\n\n{}\n{names}\n{hash}", lines.concat());
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let mut key = format!("AWS4{}", keys.secret).into_bytes();
        for piece in scope.split('/').chain([text.as_str()]) {
            key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), piece.as_bytes()).as_ref().to_vec();
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            keys.id,
            hex::encode(key)
        );
        let mut request = self.http.post(self.url("/")).header(AUTHORIZATION, authorization).body(body);
        for (name, value) in &headers[1..] {
            request = request.header(*name, *value);
        }
        request
    }

    fn request(&self, keys: &Keys, operation: &str, input: &Value) -> reqwest::RequestBuilder {
        let target = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
        self.signed(keys, "ecr", Some(&target), input.to_string().into_bytes())
    }

    /// Calls ECR; an error is its `__type` and the whole answer.
    async fn call(&self, operation: &str, input: Value) -> Result<Value, (String, Value)> {
        self.call_as(&self.keys, operation, input).await
    }

    async fn call_as(&self, keys: &Keys, operation: &str, input: Value) -> Result<Value, (String, Value)> {
        let answer = self.request(keys, operation, &input).send().await.unwrap();
        let status = answer.status();
        assert_eq!(answer.headers()["content-type"], "application/x-amz-json-1.1");
        assert!(answer.headers().contains_key("x-amzn-requestid"));
        let value: Value = answer.json().await.unwrap();
        if status == 200 { Ok(value) } else { Err((value["__type"].as_str().unwrap().to_owned(), value)) }
    }

    async fn code(&self, operation: &str, input: Value) -> String {
        self.call(operation, input).await.unwrap_err().0
    }

    async fn initiate(&self) -> String {
        let answer = self.call("InitiateLayerUpload", json!({ "repositoryName": "shop/api" })).await.unwrap();
        assert_eq!(answer["partSize"], PART);
        answer["uploadId"].as_str().unwrap().to_owned()
    }

    fn part(upload: &str, first: u64, bytes: &[u8]) -> Value {
        json!({
            "repositoryName": "shop/api",
            "uploadId": upload,
            "partFirstByte": first,
            "partLastByte": first + bytes.len() as u64 - 1,
            "layerPartBlob": BASE64_STANDARD.encode(bytes),
        })
    }

    async fn complete(&self, upload: &str, digest: &BlobDigest) -> Result<Value, (String, Value)> {
        let input = json!({
            "repositoryName": "shop/api", "uploadId": upload, "layerDigests": [digest.to_string()],
        });
        self.call("CompleteLayerUpload", input).await
    }

    async fn push_blob(&self, bytes: &[u8]) -> BlobDigest {
        let upload = self.initiate().await;
        let mut first = 0;
        for part in bytes.chunks(1000) {
            self.call("UploadLayerPart", Self::part(&upload, first, part)).await.unwrap();
            first += part.len() as u64;
        }
        let digest = BlobDigest::of(bytes);
        match self.complete(&upload, &digest).await {
            Ok(answer) => assert_eq!(answer["layerDigest"], digest.to_string()),
            Err((code, _)) => assert_eq!(code, "LayerAlreadyExistsException"),
        }
        digest
    }

    fn put(manifest: &str, tag: &str) -> Value {
        json!({ "repositoryName": "shop/api", "imageManifest": manifest, "imageTag": tag })
    }

    async fn push_image(&self, content: &[u8], tag: &str) -> String {
        let layer = self.push_blob(content).await;
        let config = self.push_blob(b"{}").await;
        let manifest = manifest(&config, 2, &layer, content.len());
        self.call("PutImage", Self::put(&manifest, tag)).await.unwrap();
        ManifestDigest::of(manifest.as_bytes()).to_string()
    }

    async fn docker_token(&self) -> String {
        let answer = self.call("GetAuthorizationToken", json!({})).await.unwrap();
        answer["authorizationData"][0]["authorizationToken"].as_str().unwrap().to_owned()
    }

    async fn v2(&self, token: &str, path: &str) -> reqwest::Response {
        let request = self.http.get(self.url(path)).header(AUTHORIZATION, format!("Basic {token}"));
        request.send().await.unwrap()
    }

    /// A request to `/v2/` with a Basic token.
    fn oci(&self, token: &str, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = if path.starts_with("http") { path.to_owned() } else { self.url(path) };
        self.http.request(method, url).header(AUTHORIZATION, format!("Basic {token}"))
    }

    /// Sends it; status, headers and body.
    async fn send(request: reqwest::RequestBuilder) -> Said {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.unwrap();
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Said { status, headers, json }
    }

    fn inject(&self, fault: &str) {
        self.emulator.inject(fault.parse().unwrap());
    }
}

/// What `/v2/` answered.
#[derive(Debug)]
struct Said {
    status: u16,
    headers: reqwest::header::HeaderMap,
    json: Value,
}

impl Said {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of an error.
    fn error(&self) -> (u16, &str) {
        (self.status, self.json["errors"][0]["code"].as_str().unwrap_or_default())
    }
}

fn sha256(bytes: &[u8]) -> String {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    BlobDigest::from(hasher).hex()
}

fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once('<').unwrap().0.to_owned()
}

fn manifest(config: &BlobDigest, config_size: usize, layer: &BlobDigest, size: usize) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": config.to_string(), "size": config_size,
        },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": layer.to_string(), "size": size,
        }],
    })
    .to_string()
}
