//! ECS's API as far as `consign deploy ecs` asks it: what the test wants is answered over real HTTP to requests that are
//! signed for it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What is answered, in this order; the last answer is given again.
#[derive(Debug, Default)]
struct Script {
    answers: Vec<(u16, String)>,
    requests: Vec<Asked>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `REGION/SERVICE` that it is signed for.
    pub(crate) scope: String,
    /// What it asks.
    pub(crate) body: Value,
}

/// A running ECS; it ends with the test.
pub(crate) struct EcsApi {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
    _runtime: tokio::runtime::Runtime,
}

impl EcsApi {
    /// One that answers with these statuses and bodies.
    pub(crate) fn start(answers: &[(u16, Value)]) -> Self {
        let answers = answers.iter().map(|(status, body)| (*status, body.to_string())).collect();
        Self::with_texts(answers)
    }

    /// One that answers with these statuses and texts.
    pub(crate) fn with_texts(answers: Vec<(u16, String)>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script { answers, requests: Vec::new() }));
        let app = Router::new().fallback(serve).with_state(Arc::clone(&script));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { url, script, _runtime: runtime }
    }

    pub(crate) fn requests(&self) -> Vec<Asked> {
        self.script.lock().unwrap().requests.clone()
    }
}

/// An error as ECS tells it.
pub(crate) fn refusal(code: &str, message: &str) -> Value {
    json!({ "__type": code, "message": message })
}

/// `REGION/SERVICE` of a request that has a signature and asks for the one operation.
fn scope(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    if text("x-amz-target")? != "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition" {
        return None;
    }
    let (_, rest) = text("authorization")?.strip_prefix("AWS4-HMAC-SHA256 ")?.split_once("Credential=")?;
    let parts: Vec<_> = rest.split(',').next()?.split('/').collect();
    let [_, _, region, service, "aws4_request"] = parts.as_slice() else { return None };
    Some(format!("{region}/{service}"))
}

async fn serve(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let (status, text) = match scope(&head.headers) {
        None => (400, refusal("InvalidSignatureException", "no").to_string()),
        Some(scope) => {
            let mut script = script.lock().unwrap();
            script.requests.push(Asked { scope, body: serde_json::from_slice(&body).unwrap() });
            if script.answers.len() > 1 { script.answers.remove(0) } else { script.answers[0].clone() }
        }
    };
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer.headers_mut().insert("content-type", "application/x-amz-json-1.1".parse().unwrap());
    let id = "00000000-0000-4000-8000-000000000000";
    answer.headers_mut().insert("x-amzn-requestid", id.parse().unwrap());
    answer
}
