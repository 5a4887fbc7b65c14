//! Takes requests, finds out what each is, lets faults happen, and hands it to the service that it is for.

use super::app::{App, OIDC_PATH};
use super::body::{Incoming, ReadError, Received};
use super::ecr::{self, Call, Note};
use super::error::ApiError;
use super::fault::Kind;
use super::iam::Caller;
use super::limits::Payer;
use super::link::Control;
use super::log::RequestRecord;
use super::oidc;
use super::quirk::ErrorTypeHeader;
use super::sigv4::Flaw;
use super::store::RegistryId;
use super::{control, iam, layer_url, sts, v2};
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

const ECR_TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.";
const ECR_PUBLIC_TARGET: &str = "SpencerFrontendService.";
/// Bytes of a call to STS, at most.
const FORM_LIMIT: usize = 64 * 1024;
/// Bytes that are read of a request that is refused anyway.
const DRAIN_LIMIT: usize = 64 * 1024 * 1024;

/// The services behind the one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Ecr,
    EcrPublic,
    /// JSON calls that no service here answers.
    OtherJson,
    Sts,
    Oidc,
    Registry,
    RegistryToken,
    Layer,
    Nothing,
}

/// Which service a request is for, and its name for faults and the log. That of a call to STS is in its body.
fn route(parts: &Parts) -> (Service, String) {
    let path = parts.uri.path();
    let named = |shape: &str| format!("{} {shape}", parts.method);
    if path == "/" && parts.method == Method::POST {
        let target = parts.headers.get("x-amz-target").map(|value| value.to_str().unwrap_or_default());
        return match target {
            Some(target) => {
                if let Some(operation) = target.strip_prefix(ECR_TARGET) {
                    (Service::Ecr, operation.to_owned())
                } else if let Some(operation) = target.strip_prefix(ECR_PUBLIC_TARGET) {
                    (Service::EcrPublic, operation.to_owned())
                } else {
                    (Service::OtherJson, target.to_owned())
                }
            }
            None => (Service::Sts, String::new()),
        };
    }
    if path == "/v2" || path.starts_with("/v2/") {
        return (Service::Registry, named(v2::Target::of(path).shape()));
    }
    if matches!(path, "/token" | "/token/") {
        return (Service::RegistryToken, named("/token/"));
    }
    if path.starts_with(layer_url::PREFIX) {
        return (Service::Layer, named("/layer/…"));
    }
    match path.strip_prefix(OIDC_PATH) {
        Some("/.well-known/openid-configuration" | "/.well-known/jwks" | "/token") => {
            (Service::Oidc, named(path))
        }
        _ => (Service::Nothing, named("…")),
    }
}

/// What goes back, and what the log says about it.
struct Answer {
    response: Response<Body>,
    error: Option<String>,
    note: Note,
}

impl Answer {
    fn new(response: Response<Body>) -> Self {
        Self { response, error: None, note: Note::default() }
    }
}

/// Answers every request.
pub(super) async fn serve(
    State(app): State<Arc<App>>,
    ConnectInfo(link): ConnectInfo<Control>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if parts.uri.path().starts_with(control::PREFIX) {
        link.set_rate(None);
        return control::serve(&app, &link, &parts, Incoming::new(body, length)).await;
    }
    let sequence = app.log.number();
    let mut exchange = Exchange::new(&app, parts, Incoming::new(body, length));
    link.set_rate(None);
    exchange.name_operation().await;
    let due = app.faults.at(&exchange.operation);
    link.set_rate(due.rate);
    let fault = due.kind.as_ref().map(Kind::name).or(due.rate.map(|_| "slow"));
    let (cut, answer) = match due.kind {
        Some(Kind::Reset) => {
            exchange.read_half().await;
            (true, Answer::new(Response::default()))
        }
        Some(Kind::Throttle) => (false, exchange.refuse(ApiError::throttled()).await),
        Some(Kind::Error { status, code, message }) => {
            (false, exchange.refuse(injected(status, code, message)).await)
        }
        Some(Kind::LoseAnswer) => (true, exchange.answer(false).await),
        Some(Kind::Expire) => (false, exchange.answer(true).await),
        Some(Kind::Vanish { .. } | Kind::Slow { .. }) | None => (false, exchange.answer(false).await),
    };
    app.log.push(RequestRecord {
        sequence,
        operation: exchange.operation,
        repository: answer.note.repository,
        status: (!cut).then(|| answer.response.status().as_u16()),
        error: answer.error,
        fault,
        part: answer.note.part,
    });
    if cut {
        link.cut();
    }
    answer.response
}

/// The error that a fault asks for.
fn injected(status: u16, code: Option<String>, message: Option<String>) -> ApiError {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let code = code.unwrap_or_else(|| match status.as_u16() {
        503 => "ServiceUnavailable".into(),
        500.. => "ServerException".into(),
        _ => "InvalidParameterException".into(),
    });
    ApiError::with_status(status, code, message.unwrap_or_else(|| "The emulator was told to fail".into()))
}

/// One request on its way through.
struct Exchange<'a> {
    app: &'a Arc<App>,
    parts: Parts,
    service: Service,
    operation: String,
    body: Option<Incoming>,
    /// The body of a call to STS, which has to be read before anything is known about it.
    form: Option<Result<Received, ReadError>>,
    request_id: String,
}

impl<'a> Exchange<'a> {
    fn new(app: &'a Arc<App>, parts: Parts, body: Incoming) -> Self {
        let (service, operation) = route(&parts);
        let request_id = uuid::Uuid::new_v4().to_string();
        Self { app, parts, service, operation, body: Some(body), form: None, request_id }
    }

    async fn name_operation(&mut self) {
        if self.service != Service::Sts {
            return;
        }
        let received = self.receive(FORM_LIMIT).await;
        let form = received.as_ref().map(|received| sts::Form::parse(&received.bytes));
        self.operation = match form.as_ref().map(sts::Form::action) {
            Ok(Ok(action)) => action.to_owned(),
            _ => "POST /".into(),
        };
        drop(form);
        self.form = Some(received);
    }

    async fn receive(&mut self, limit: usize) -> Result<Received, ReadError> {
        match self.body.take() {
            Some(mut body) => body.read(limit, &self.app.room).await,
            None => Err(ReadError::Gone),
        }
    }

    async fn read_half(&mut self) {
        if let Some(body) = self.body.take() {
            body.read_half().await;
        }
    }

    /// Refuses in the service's own way.
    async fn refuse(&mut self, error: ApiError) -> Answer {
        if let Some(mut body) = self.body.take() {
            body.drain(DRAIN_LIMIT).await;
        }
        let code = error.code.clone();
        let response = match self.service {
            Service::Ecr | Service::EcrPublic | Service::OtherJson => self.json_error(&error),
            Service::Sts => {
                let code = match error.code.as_str() {
                    "ThrottlingException" => "Throttling",
                    "ServerException" => "InternalFailure",
                    other => other,
                };
                self.xml_error(&ApiError { code: code.into(), ..error })
            }
            Service::Registry | Service::RegistryToken if error.code == "ThrottlingException" => {
                v2::Refusal::throttled().answer(self.app)
            }
            Service::Registry | Service::RegistryToken => {
                v2::Refusal::new(error.status, "UNKNOWN", error.message).answer(self.app)
            }
            Service::Oidc | Service::Layer | Service::Nothing => {
                json_response(error.status, &json!({ "message": error.message }))
            }
        };
        Answer { response, error: Some(code), note: Note::default() }
    }

    /// Does what the request asks for. With `revoke`, its credentials expire at this moment.
    async fn answer(&mut self, revoke: bool) -> Answer {
        match self.service {
            Service::Ecr | Service::EcrPublic => self.ecr(revoke).await,
            Service::OtherJson => {
                let error = ApiError::unknown_operation(&self.operation);
                self.refuse(error).await
            }
            Service::Sts => self.sts(revoke),
            Service::Oidc => Answer::new(self.oidc()),
            Service::Registry => self.registry(revoke).await,
            Service::RegistryToken => match v2::token(self.app, &self.parts, revoke) {
                Ok(response) => Answer::new(response),
                Err(refusal) => self.refused(&refusal, Note::default()),
            },
            Service::Layer => match layer_url::serve(self.app, &self.parts).await {
                Ok(response) => Answer::new(response),
                Err(refusal) => Answer {
                    response: xml_response(refusal.status, refusal.xml()),
                    error: Some(refusal.code.to_owned()),
                    note: Note::default(),
                },
            },
            Service::Nothing => {
                let response = json_response(StatusCode::NOT_FOUND, &json!({ "message": "Not Found" }));
                Answer::new(response)
            }
        }
    }

    async fn ecr(&mut self, revoke: bool) -> Answer {
        let mut note = Note::default();
        let response = match self.call_ecr(revoke, &mut note).await {
            Ok(body) => return Answer { response: self.json(StatusCode::OK, body), error: None, note },
            Err(error) => {
                let response = self.json_error(&error);
                (response, error.code)
            }
        };
        Answer { response: response.0, error: Some(response.1), note }
    }

    async fn call_ecr(&mut self, revoke: bool, note: &mut Note) -> Result<Vec<u8>, ApiError> {
        let public = self.service == Service::EcrPublic;
        let (operations, scope) =
            if public { (ecr::public::OPERATIONS, "ecr-public") } else { (ecr::OPERATIONS, "ecr") };
        if !operations.contains(&self.operation.as_str()) {
            if let Some(mut body) = self.body.take() {
                body.drain(DRAIN_LIMIT).await;
            }
            return Err(ApiError::unknown_operation(&self.operation));
        }
        let limit = ecr::body_limit(&self.operation);
        let received = self.receive(limit).await.map_err(|error| match error {
            ReadError::TooLarge => ApiError::too_large(limit),
            ReadError::Gone => ApiError::serialization("The request body ended early"),
        })?;
        let now = self.app.clock.now();
        let mut caller = self.signed(&received.hash, &[scope], revoke).map_err(Flaw::json)?;
        let service = if public { iam::Service::EcrPublic } else { iam::Service::Ecr };
        iam::ask(self.app, &caller, service, &self.operation, &received.bytes)?;
        let region = caller.region.clone();
        if public {
            RegistryId::PUBLIC.clone_into(&mut caller.region);
        }
        if let Some(rates) = &self.app.rates {
            let account = caller.session.account.clone();
            let payer = Payer::Registry { account, region: caller.region.clone() };
            if !rates.admit(payer, &self.operation, now) {
                return Err(ApiError::throttled());
            }
        }
        let call = Arc::new(Call::new(Arc::clone(self.app), caller, received.bytes.clone()));
        // A call that has begun is finished, even if the client goes away: otherwise a blob could be in its place
        // and the repository not know it.
        let task = {
            let (call, operation) = (Arc::clone(&call), self.operation.clone());
            tokio::spawn(async move {
                if public {
                    ecr::public::serve(&operation, &region, &call).await
                } else {
                    ecr::dispatch(&operation, &call).await
                }
            })
        };
        let result = task.await.map_err(ApiError::server)?;
        *note = call.note();
        drop(received);
        result
    }

    fn sts(&mut self, revoke: bool) -> Answer {
        let result = self.call_sts(revoke);
        let (response, error) = match result {
            Ok(result) => {
                let text = sts::answer(&self.operation, result.expose(), &self.request_id);
                (self.xml(StatusCode::OK, text), None)
            }
            Err(error) => (self.xml_error(&error), Some(error.code)),
        };
        Answer { response, error, note: Note::default() }
    }

    fn call_sts(&mut self, revoke: bool) -> Result<crate::base::Secret, ApiError> {
        let received = match self.form.take() {
            Some(Ok(received)) => received,
            Some(Err(ReadError::TooLarge)) => return Err(ApiError::too_large(FORM_LIMIT)),
            Some(Err(ReadError::Gone)) | None => {
                return Err(ApiError::new("MalformedInput", "The request body ended early"));
            }
        };
        let form = sts::Form::parse(&received.bytes);
        let action = form.action()?;
        if action == "AssumeRoleWithWebIdentity" {
            return sts::assume_role_with_web_identity(self.app, &form);
        }
        let caller = self.signed(&received.hash, &["sts"], revoke).map_err(Flaw::query)?;
        match action {
            "AssumeRole" => sts::assume_role(self.app, &caller, &form),
            _ => Ok(sts::get_caller_identity(&caller).into()),
        }
    }

    /// Who made the request, if they signed it for one of `services`.
    fn signed(&self, hash: &str, services: &[&str], revoke: bool) -> Result<Caller, Flaw> {
        let App { gate, iam, .. } = &**self.app;
        gate.signed(iam, &self.parts, hash, services, self.app.moment(), revoke)
    }

    fn oidc(&self) -> Response<Body> {
        let issuer = &self.app.issuer;
        let path = self.parts.uri.path();
        if self.parts.method != Method::GET {
            return json_response(
                StatusCode::METHOD_NOT_ALLOWED,
                &json!({ "message": "Method Not Allowed" }),
            );
        }
        if path.ends_with("/jwks") {
            return json_response(StatusCode::OK, &issuer.jwks());
        }
        if !path.ends_with("/token") {
            return json_response(StatusCode::OK, &issuer.discovery());
        }
        let header = self.parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = header.and_then(|text| text.split_once(' '));
        let known = shown.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer") && token.trim() == issuer.request_token.expose()
        });
        if !known {
            return json_response(StatusCode::UNAUTHORIZED, &json!({ "message": "Unauthorized" }));
        }
        let query = self.parts.uri.query().unwrap_or_default();
        let find = |wanted: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let audience = find("audience").unwrap_or_else(|| "https://github.com/consign".into());
        // Not GitHub's: so that trust policies can be tried with other jobs.
        let subject = find("subject");
        let token = issuer.mint(&audience, subject.as_deref(), self.app.clock.now(), oidc::JOB_TOKEN_SECONDS);
        json_response(StatusCode::OK, &json!({ "count": token.expose().len(), "value": token.expose() }))
    }

    async fn registry(&mut self, revoke: bool) -> Answer {
        let repository = v2::Target::of(self.parts.uri.path()).repository().map(str::to_owned);
        let mut note = Note { repository, part: None };
        let mut body = self.body.take().unwrap_or_default();
        let result = v2::serve(self.app, &self.parts, &mut body, revoke, &mut note.part).await;
        body.drain(DRAIN_LIMIT).await;
        match result {
            Ok(response) => Answer { response, error: None, note },
            Err(refusal) => self.refused(&refusal, note),
        }
    }

    fn refused(&self, refusal: &v2::Refusal, note: Note) -> Answer {
        Answer { response: refusal.answer(self.app), error: Some(refusal.code.to_owned()), note }
    }

    fn json(&self, status: StatusCode, body: Vec<u8>) -> Response<Body> {
        Response::builder()
            .status(status)
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amzn-requestid", &self.request_id)
            .body(body.into())
            .expect("invariant: the headers above are legal")
    }

    fn json_error(&self, error: &ApiError) -> Response<Body> {
        let mut body = json!({ "__type": error.code, "message": error.message });
        for (member, value) in &error.members {
            body[member] = value.clone();
        }
        let mut response = self.json(error.status, body.to_string().into_bytes());
        if self.app.quirks.error_type_header == ErrorTypeHeader::Sent
            && let Ok(value) = HeaderValue::from_str(&error.code)
        {
            response.headers_mut().insert("x-amzn-errortype", value);
        }
        response
    }

    fn xml(&self, status: StatusCode, text: String) -> Response<Body> {
        Response::builder()
            .status(status)
            .header(CONTENT_TYPE, "text/xml")
            .header("x-amzn-requestid", &self.request_id)
            .body(text.into())
            .expect("invariant: the headers above are legal")
    }

    fn xml_error(&self, error: &ApiError) -> Response<Body> {
        self.xml(error.status, sts::answer_error(error, &self.request_id))
    }
}

fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .body(body.to_string().into())
        .expect("invariant: the headers above are legal")
}

fn xml_response(status: StatusCode, text: String) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/xml")
        .body(text.into())
        .expect("invariant: the headers above are legal")
}
