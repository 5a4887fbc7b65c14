//! `/_emulator/…`: what a test or a lesson tells the emulator itself, over HTTP, in whatever language it is written.
//!
//! | request | does |
//! |---|---|
//! | `GET /_emulator/clock`, `POST` with `{"advance": "11h"}` or `{"set": TIME}` | shows or moves the clock |
//! | `POST /_emulator/lifecycle` | acts on all lifecycle policies, as AWS does within a day |
//! | `GET /_emulator/requests`, with `?after=SEQUENCE` only later ones | the log of requests |
//! | `GET`, `POST`, `DELETE /_emulator/faults` | shows, adds (one in each line) or removes faults |
//!
//! Only this machine may ask, and no web page that is open on it: a page can send requests to any address, but not
//! without an `Origin`, and not with the `Host` of this machine if its own name was made to lead here.

use super::app::App;
use super::body::{Incoming, ReadError};
use super::ecr;
use super::fault::Fault;
use super::link::Control;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::net::IpAddr;

/// What the paths start with.
pub(super) const PREFIX: &str = "/_emulator/";
/// Bytes of a request, at most.
const LIMIT: usize = 64 * 1024;

/// Answers a request. Neither faults nor the log know of it.
pub(super) async fn serve(app: &App, link: &Control, parts: &Parts, body: Incoming) -> Response<Body> {
    let (status, answer) = match run(app, link, parts, body).await {
        Ok(answer) => (StatusCode::OK, answer),
        Err((status, reason)) => (status, json!({ "message": reason })),
    };
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .body(format!("{answer}\n").into())
        .expect("invariant: the headers above are legal")
}

type Refusal = (StatusCode, String);

async fn run(app: &App, link: &Control, parts: &Parts, body: Incoming) -> Result<Value, Refusal> {
    if !is_local(link, parts) {
        return Err((StatusCode::FORBIDDEN, "only programs on this machine may ask".into()));
    }
    let wrong = |reason: String| (StatusCode::BAD_REQUEST, reason);
    let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    match (&parts.method, path) {
        (&Method::GET, "clock") => Ok(app.virtual_clock.describe()),
        (&Method::POST, "clock") => {
            let text = read(app, body).await?;
            let request = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
            app.virtual_clock.change(&request).map_err(wrong)?;
            // The token in the file is of the old time.
            app.write_token().map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
            Ok(app.virtual_clock.describe())
        }
        (&Method::POST, "lifecycle") => {
            let failed = |error: std::io::Error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
            let done = ecr::apply_lifecycle(app).await.map_err(failed)?;
            let done = done.into_iter().map(|(repository, applied)| {
                (repository, json!({ "expired": applied.expired, "archived": applied.archived }))
            });
            Ok(json!({ "repositories": done.collect::<serde_json::Map<_, _>>() }))
        }
        (&Method::GET, "requests") => {
            let query = parts.uri.query().unwrap_or_default();
            let after = match url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "after")
            {
                None => 0,
                Some((_, value)) => {
                    value.parse().map_err(|_| wrong(format!("`after` is `{value}`, not a number")))?
                }
            };
            let mut requests = app.log.all();
            requests.retain(|request| request.sequence > after);
            Ok(json!({ "requests": requests }))
        }
        (&Method::GET, "faults") => Ok(faults(app)),
        (&Method::POST, "faults") => {
            let text = read(app, body).await?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let parsed = lines.map(str::parse::<Fault>).collect::<Result<Vec<_>, _>>();
            let parsed = parsed.map_err(|error| wrong(error.to_string()))?;
            if parsed.is_empty() {
                return Err(wrong("the body names no fault".into()));
            }
            for fault in parsed {
                app.faults.inject(fault);
            }
            Ok(faults(app))
        }
        (&Method::DELETE, "faults") => {
            app.faults.clear();
            Ok(faults(app))
        }
        (_, "clock" | "lifecycle" | "requests" | "faults") => {
            Err((StatusCode::METHOD_NOT_ALLOWED, format!("{} is not for this path", parts.method)))
        }
        _ => Err((StatusCode::NOT_FOUND, "there are clock, lifecycle, requests and faults".into())),
    }
}

fn faults(app: &App) -> Value {
    let list: Vec<Value> = app
        .faults
        .list()
        .into_iter()
        .map(|(text, fired)| json!({ "fault": text, "happened": fired }))
        .collect();
    json!({ "faults": list })
}

async fn read(app: &App, mut body: Incoming) -> Result<String, Refusal> {
    let received = body.read(LIMIT, &app.room).await.map_err(|error| match error {
        ReadError::TooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {LIMIT} bytes"))
        }
        ReadError::Gone => (StatusCode::BAD_REQUEST, "the body ended early".into()),
    })?;
    let text = std::str::from_utf8(&received.bytes);
    Ok(text.map_err(|_| (StatusCode::BAD_REQUEST, "the body is not UTF-8".into()))?.to_owned())
}

fn is_local(link: &Control, parts: &Parts) -> bool {
    let peer = link.peer().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    peer && !parts.headers.contains_key(ORIGIN) && is_own_name(host)
}

/// Whether `host` (`HOST` or `HOST:PORT`) is an address or `localhost`, and not a name that anybody could give.
fn is_own_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_else_can_give() {
        for own in ["127.0.0.1:4566", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:4566", "[::1]"] {
            assert!(is_own_name(own), "{own}");
        }
        for other in ["", "example.com", "example.com:4566", "127.0.0.1.example.com:80", "localhost.example"]
        {
            assert!(!is_own_name(other), "{other}");
        }
    }
}
