//! ECR's preview takes its time, can be somebody else's, run out or fail: an ECR that answers by a script, since the
//! emulator's previews are done when somebody looks.

use crate::support::{Context, Run};
use axum::Router;
use axum::extract::{Request, State};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

type Script = Arc<Mutex<(VecDeque<(&'static str, u16, Value)>, Vec<String>)>>;

/// An ECR that gives these answers, each to the operation that it is for.
struct Scripted {
    origin: String,
    script: Script,
    _runtime: tokio::runtime::Runtime,
}

impl Scripted {
    fn start(answers: Vec<(&'static str, u16, Value)>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let script: Script = Arc::new(Mutex::new((answers.into(), Vec::new())));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&script));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { origin, script, _runtime: runtime }
    }

    fn preview(&self, t: &Context, more: &[&str]) -> Run {
        let arguments = ["lifecycle", "preview", "shop/api", "--keep-last", "10"];
        t.consign(arguments.iter().chain(more))
            .env("AWS_ENDPOINT_URL_ECR", &self.origin)
            .env("CONSIGN_REGISTRY_HOST", "registry.example")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
    }

    /// The operations that were asked for; every answer of the script was given, but for one that goes on for ever.
    fn asked(&self) -> String {
        let script = self.script.lock().unwrap();
        let left: Vec<_> = script.0.iter().filter(|(operation, ..)| !operation.ends_with('*')).collect();
        assert!(left.is_empty(), "not asked for: {left:?}");
        script.1.join(" ")
    }
}

async fn answer(State(script): State<Script>, request: Request) -> (axum::http::StatusCode, String) {
    let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
    let operation = target.rsplit('.').next().unwrap().to_owned();
    let mut script = script.lock().unwrap();
    let short = match operation.as_str() {
        "StartLifecyclePolicyPreview" => "start",
        "GetLifecyclePolicyPreview" => "get",
        // What else is asked for is not allowed.
        _ => return (axum::http::StatusCode::BAD_REQUEST, denied()),
    };
    script.1.push(short.to_owned());
    // The last answer may be one that is given again and again.
    if let Some((wanted, status, body)) = script.0.front()
        && wanted.strip_suffix('*') == Some(short)
    {
        return (axum::http::StatusCode::from_u16(*status).unwrap(), body.to_string());
    }
    match script.0.pop_front() {
        Some((wanted, status, body)) if wanted == short => {
            (axum::http::StatusCode::from_u16(status).unwrap(), body.to_string())
        }
        next => (axum::http::StatusCode::NOT_IMPLEMENTED, format!("{short} was asked for, and not {next:?}")),
    }
}

fn denied() -> String {
    json!({ "__type": "AccessDeniedException", "message": "not for you" }).to_string()
}

fn error(code: &str) -> Value {
    json!({ "__type": code, "message": "as it is" })
}

/// The policy of `--keep-last`, in other white space.
fn text(number: u64) -> String {
    json!({ "rules": [{
        "rulePriority": 1,
        "description": format!("Keep the {number} newest images"),
        "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": number },
        "action": { "type": "expire" },
    }] })
    .to_string()
}

fn page(status: &str, numbers: &[u8], next: Option<&str>) -> Value {
    let results = numbers.iter().map(|number| {
        json!({
            "imageDigest": format!("sha256:{number:064x}"), "imageTags": [format!("1.{number}")],
            "imagePushedAt": 1_700_000_000 + u32::from(*number), "appliedRulePriority": 1,
            "action": { "type": "EXPIRE" }, "storageClass": "STANDARD",
        })
    });
    json!({
        "lifecyclePolicyText": text(10), "status": status, "previewResults": results.collect::<Vec<_>>(),
        "nextToken": next,
    })
}

fn started() -> (&'static str, u16, Value) {
    ("start", 200, json!({ "lifecyclePolicyText": text(10), "status": "IN_PROGRESS" }))
}

fn got(status: &str, numbers: &[u8], next: Option<&str>) -> (&'static str, u16, Value) {
    ("get", 200, page(status, numbers, next))
}

#[test]
fn it_takes_some_time_and_has_pages() {
    let t = Context::new();
    let ecr = Scripted::start(vec![
        started(),
        got("IN_PROGRESS", &[], None),
        got("COMPLETE", &[2], Some("more")),
        got("COMPLETE", &[1], None),
    ]);
    insta::assert_snapshot!(ecr.preview(&t, &[]).output(), @r"
    exit: 0
    ----- stdout -----
    RULE  ACTION  PUSHED                SIZE  TAGS  DIGEST
       1  expire  2023-11-14T22:13:21Z     -  1.1   sha256:[DIGEST]
       1  expire  2023-11-14T22:13:22Z     -  1.2   sha256:[DIGEST]

    2 images would expire: how much room they take is not known
    ----- stderr -----
    authenticated with the AWS configuration
    ECR previews the lifecycle policy of registry.example/shop/api
    warning: sizes are not known, nor what refers to what goes: DescribeImages on registry.example/shop/api was denied: AccessDeniedException: not for you
    ");
    assert_eq!(ecr.asked(), "start get get get");
}

#[test]
fn somebody_elses() {
    let t = Context::new();
    let other = |status: &str| {
        let mut page = page(status, &[9], None);
        page["lifecyclePolicyText"] = text(9).into();
        ("get", 200, page)
    };
    let busy = ("start", 400, error("LifecyclePolicyPreviewInProgressException"));
    // One is under way, is waited for, and is gone.
    let ecr = Scripted::start(vec![
        busy.clone(),
        other("IN_PROGRESS"),
        ("get", 400, error("LifecyclePolicyPreviewNotFoundException")),
        other("COMPLETE"),
        started(),
        // It took the place of ours.
        other("COMPLETE"),
        started(),
        got("COMPLETE", &[1], Some("more")),
        // The same between two pages.
        ("get", 400, error("InvalidParameterException")),
        started(),
        got("EXPIRED", &[], None),
        started(),
        ("get", 400, error("LifecyclePolicyPreviewNotFoundException")),
        started(),
        got("COMPLETE", &[1], None),
    ]);
    let ended = ecr.preview(&t, &[]).output();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stdout.contains("1 image would expire") && !ended.stdout.contains("1.9"), "{ended}");
    assert!(ended.stderr.contains("another preview of registry.example/shop/api is under way"), "{ended}");
    ecr.asked();

    let never = Scripted::start(vec![busy, ("get*", 200, other("IN_PROGRESS").2)]);
    insta::assert_snapshot!(never.preview(&t, &["--preview-timeout-seconds", "1"]).output(), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    authenticated with the AWS configuration
    another preview of registry.example/shop/api is under way; waiting for its end
    error: ECR has not finished the preview of the lifecycle policy of registry.example/shop/api within 1 s: another preview is under way
    hint: wait longer with `--preview-timeout-seconds`, or evaluate the policy here with `--offline`
    ");
}

#[test]
fn it_fails_or_makes_no_sense() {
    let t = Context::new();
    let ecr = Scripted::start(vec![started(), got("FAILED", &[], None)]);
    insta::assert_snapshot!(ecr.preview(&t, &[]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the AWS configuration
    ECR previews the lifecycle policy of registry.example/shop/api
    error: ECR could not preview the lifecycle policy of registry.example/shop/api
    hint: run the same command again; `--offline` evaluates the policy here, from a list of the images
    ");
    let ecr = Scripted::start(vec![started(), got("LATER", &[], None)]);
    assert!(ecr.preview(&t, &[]).fails(4).contains("answered with something unexpected"));
    let mut odd = page("COMPLETE", &[1], None);
    odd["previewResults"][0]["imageDigest"] = "sha256:1".into();
    let ecr = Scripted::start(vec![started(), ("get", 200, odd)]);
    assert!(ecr.preview(&t, &[]).fails(4).contains("the digest `sha256:1`"));
}
