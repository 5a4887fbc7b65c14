//! A registry that is not ECR: open or behind a token server, it keeps what it got of a `PATCH` that broke off, and
//! its `Location`s are relative with a query. As others behave whom the emulator does not play.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use consign::base::{BlobDigest, ManifestDigest};
use futures::StreamExt as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What is to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    #[default]
    Good,
    /// The first `PATCH` is cut off after this many bytes, which are kept.
    Cut(usize),
    /// The same, and the upload is forgotten.
    Forget(usize),
    /// The first request of an upload is answered with 429 and `Retry-After`.
    Busy,
    /// Every token is good for this many requests.
    ShortTokens(usize),
    /// Manifests are stored as something else.
    Alters,
}

#[derive(Debug, Default)]
struct Contents {
    blobs: HashMap<String, Vec<u8>>,
    manifests: HashMap<String, (String, Vec<u8>)>,
    uploads: HashMap<String, Vec<u8>>,
    requests: Vec<String>,
    /// Bytes of bodies that arrived.
    received: usize,
    broken: bool,
    /// The token that is good now, and for how many requests.
    token: Option<(String, usize)>,
    tokens: usize,
    mood: Mood,
    login: Option<(String, String)>,
    host: String,
}

/// A running registry; it ends with the test.
pub(crate) struct PlainRegistry {
    pub(crate) host: String,
    contents: Arc<Mutex<Contents>>,
    _runtime: tokio::runtime::Runtime,
}

impl PlainRegistry {
    /// Open to everybody, or behind a token server that wants this user and password.
    pub(crate) fn start(mood: Mood, login: Option<(&str, &str)>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let login = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let contents = Contents { mood, login, host: host.clone(), ..Contents::default() };
        let contents = Arc::new(Mutex::new(contents));
        let app = Router::new().fallback(serve).with_state(Arc::clone(&contents));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { host, contents, _runtime: runtime }
    }

    /// `METHOD PATH` of each request since the last call, with what differs from run to run replaced.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.contents.lock().unwrap().requests)
    }

    /// Bytes of bodies that arrived.
    pub(crate) fn received(&self) -> usize {
        self.contents.lock().unwrap().received
    }

    pub(crate) fn blobs(&self) -> usize {
        self.contents.lock().unwrap().blobs.len()
    }

    pub(crate) fn open_uploads(&self) -> usize {
        self.contents.lock().unwrap().uploads.len()
    }

    /// Puts a blob there, and gives its digest.
    pub(crate) fn store_blob(&self, bytes: &[u8]) -> String {
        let digest = BlobDigest::of(bytes).to_string();
        self.contents.lock().unwrap().blobs.insert(digest.clone(), bytes.to_vec());
        digest
    }

    /// Puts a manifest of this type there, under a tag and its digest; gives the digest.
    pub(crate) fn store_manifest(&self, tag: &str, kind: &str, bytes: &[u8]) -> String {
        let digest = ManifestDigest::of(bytes).to_string();
        for name in [tag, &digest] {
            let manifest = (kind.to_owned(), bytes.to_vec());
            self.contents.lock().unwrap().manifests.insert(name.to_owned(), manifest);
        }
        digest
    }

    /// Drops a manifest.
    pub(crate) fn forget_manifest(&self, name: &str) {
        self.contents.lock().unwrap().manifests.remove(name);
    }

    /// The manifest's bytes under a tag.
    pub(crate) fn manifest(&self, tag: &str) -> Vec<u8> {
        self.contents.lock().unwrap().manifests[tag].1.clone()
    }
}

type Answer = Response<Body>;

fn answer(status: StatusCode, headers: &[(header::HeaderName, String)], body: impl Into<Body>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    for (name, value) in headers {
        answer.headers_mut().insert(name.clone(), value.parse().unwrap());
    }
    answer
}

fn refusal(status: StatusCode, code: &str) -> Answer {
    answer(status, &[], format!(r#"{{"errors":[{{"code":"{code}","message":"as the test wants it"}}]}}"#))
}

fn authorization(headers: &HeaderMap) -> &str {
    headers.get(header::AUTHORIZATION).map_or("", |value| value.to_str().unwrap())
}

impl Contents {
    /// Gives a token to whoever shows the right password.
    fn token(&mut self, headers: &HeaderMap) -> Answer {
        let (user, password) = self.login.clone().unwrap();
        let right = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
        if authorization(headers) != right {
            return refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
        }
        self.tokens += 1;
        let times = if let Mood::ShortTokens(times) = self.mood { times } else { usize::MAX };
        let token = format!("token-{}", self.tokens);
        self.token = Some((token.clone(), times));
        answer(StatusCode::OK, &[], format!(r#"{{"token":"{token}"}}"#))
    }

    /// Whether the request may come in.
    fn admits(&mut self, headers: &HeaderMap) -> bool {
        if self.login.is_none() {
            return authorization(headers).is_empty();
        }
        match &mut self.token {
            Some((token, uses)) if authorization(headers) == format!("Bearer {token}") && *uses > 0 => {
                *uses -= 1;
                true
            }
            _ => false,
        }
    }

    /// Answers what needs no streaming.
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: Vec<u8>,
    ) -> Answer {
        if path == "/v2/" {
            return answer(StatusCode::OK, &[], "{}");
        }
        let last = path.rsplit('/').next().unwrap().to_owned();
        let digest =
            query.split('&').find_map(|pair| pair.strip_prefix("digest=")).map(|d| d.replace("%3A", ":"));
        let length = [(header::CONTENT_LENGTH, "0".to_owned())];
        match (method.as_str(), path.contains("/manifests/"), path.contains("/uploads/")) {
            ("GET", true, _) => match self.manifests.get(&last) {
                Some((kind, bytes)) => {
                    answer(StatusCode::OK, &[(header::CONTENT_TYPE, kind.clone())], bytes.clone())
                }
                None => refusal(StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            },
            ("PUT", true, _) => {
                let kind = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
                let mut digest = ManifestDigest::of(&body).to_string();
                if self.mood == Mood::Alters {
                    digest = ManifestDigest::of(b"altered").to_string();
                }
                self.manifests.insert(digest.clone(), (kind.clone(), body.clone()));
                self.manifests.insert(last, (kind, body));
                let told = header::HeaderName::from_static("docker-content-digest");
                answer(StatusCode::CREATED, &[(told, digest)], "")
            }
            ("HEAD" | "GET", false, false) => match self.blobs.get(&last) {
                Some(bytes) => answer(StatusCode::OK, &[], bytes.clone()),
                None => refusal(StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            },
            ("POST", _, true) if self.mood == Mood::Busy && !std::mem::replace(&mut self.broken, true) => {
                answer(StatusCode::TOO_MANY_REQUESTS, &[(header::RETRY_AFTER, "1".into())], "")
            }
            ("POST", _, true) => {
                let id = self.uploads.len().to_string() + "-" + &self.requests.len().to_string();
                self.uploads.insert(id.clone(), Vec::new());
                answer(StatusCode::ACCEPTED, &[(header::LOCATION, format!("{path}{id}?state=a%2Fb"))], "")
            }
            _ if !self.uploads.contains_key(&last) => refusal(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            ("GET", _, true) => {
                let end = self.uploads[&last].len().saturating_sub(1);
                answer(StatusCode::NO_CONTENT, &[(header::RANGE, format!("0-{end}"))], "")
            }
            ("PUT", _, true) => {
                assert!(query.starts_with("state=a%2Fb&digest="), "{query}");
                let mut bytes = self.uploads.remove(&last).unwrap();
                bytes.extend(body);
                let digest = digest.unwrap();
                if BlobDigest::of(&bytes).to_string() != digest {
                    return refusal(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
                }
                self.blobs.insert(digest, bytes);
                answer(StatusCode::CREATED, &length, "")
            }
            ("DELETE", _, true) => {
                self.uploads.remove(&last);
                answer(StatusCode::NO_CONTENT, &[], "")
            }
            ("PATCH", _, true) => {
                answer(StatusCode::ACCEPTED, &[(header::LOCATION, format!("{path}?state=a%2Fb"))], "")
            }
            _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
        }
    }
}

async fn serve(State(contents): State<Arc<Mutex<Contents>>>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    {
        let mut contents = contents.lock().unwrap();
        let digests = regex::Regex::new("sha256:[0-9a-f]{64}|/uploads/.+").unwrap();
        let shown = digests.replace_all(&path, |found: &regex::Captures<'_>| {
            if found[0].starts_with('/') { "/uploads/ID".to_owned() } else { "DIGEST".to_owned() }
        });
        let line = format!("{} {shown}", parts.method);
        contents.requests.push(line);
        if path == "/token" {
            assert!(query.contains("service=test") && query.contains("scope=repository%3A"), "{query}");
            return contents.token(&parts.headers);
        }
        if !contents.admits(&parts.headers) {
            if contents.login.is_none() {
                return refusal(StatusCode::FORBIDDEN, "DENIED");
            }
            let challenge = format!(r#"Bearer realm="http://{}/token",service="test""#, contents.host);
            return answer(StatusCode::UNAUTHORIZED, &[(header::WWW_AUTHENTICATE, challenge)], "");
        }
    }
    let id = path.rsplit('/').next().unwrap().to_owned();
    let is_patch = parts.method == Method::PATCH;
    let mut stream = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(chunk) = stream.next().await {
        let Ok(chunk) = chunk else { break };
        let mut contents = contents.lock().unwrap();
        contents.received += chunk.len();
        if !is_patch {
            whole.extend_from_slice(&chunk);
            continue;
        }
        let (mood, broken) = (contents.mood, contents.broken);
        let Some(upload) = contents.uploads.get_mut(&id) else { break };
        upload.extend_from_slice(&chunk);
        if let Mood::Cut(after) | Mood::Forget(after) = mood
            && !broken
            && upload.len() >= after
        {
            contents.broken = true;
            if matches!(mood, Mood::Forget(_)) {
                contents.uploads.remove(&id);
            }
            return answer(StatusCode::BAD_GATEWAY, &[(header::CONNECTION, "close".into())], "");
        }
    }
    contents.lock().unwrap().answer(&parts.method, &path, &query, &parts.headers, whole)
}
