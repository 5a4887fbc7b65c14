//! The read side: manifests, blobs, lists of tags and repositories, referrers.

use super::super::app::App;
use super::super::ecr::{MAX_TAG, Paging, image_tag, is_layer_referenced, public, resolve_for_pull, touch};
use super::super::error::ApiError;
use super::super::layer_url;
use super::super::quirk::UnreferencedBlob;
use super::super::store::{RegistryId, Repository};
use super::manifests::image_id;
use super::refusal::Refusal;
use super::{Answer, base, query, response};
use crate::base::{BlobDigest, ManifestDigest, MediaType};
use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, LINK, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

/// A manifest by tag, if its type is one that is accepted, or by digest, whatever its type.
pub(super) async fn manifest(
    app: &App,
    parts: &Parts,
    repository: &Arc<Repository>,
    reference: &str,
    head: bool,
) -> Answer {
    let id = image_id(reference);
    if let Some(tag) = &id.image_tag
        && let Err(error) = image_tag("imageTag", tag, MAX_TAG)
    {
        // Seen from ECR for tags with a `+`.
        let invalid = Refusal::new(StatusCode::BAD_REQUEST, "TAG_INVALID", "The tag is not valid");
        return Err(if head { invalid } else { error.into() });
    }
    let unknown = |message: String| Refusal::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", message);
    let found: Result<(ManifestDigest, String), Refusal> = repository.read(|contents| {
        let digest =
            resolve_for_pull(contents, &id, app.clock.now()).map_err(|(_, reason)| unknown(reason))?;
        let image = contents.images.get(&digest);
        let image = image.ok_or_else(|| unknown("Requested image not found".into()))?;
        Ok((digest, image.media_type.as_str().to_owned()))
    });
    let (digest, media_type) = found?;
    if id.image_tag.is_some() && !accepts(parts, &media_type) {
        return Err(unknown("Requested image not found".into()));
    }
    let path = app.store.blobs.path(&digest.into());
    let bytes = fs_err::tokio::read(path).await?;
    if !head {
        touch(repository, &digest, app.clock.now());
        repository.commit().await?;
    }
    Ok(response(StatusCode::OK)
        .header(CONTENT_TYPE, media_type)
        .header(CONTENT_LENGTH, bytes.len())
        .header("docker-content-digest", digest.to_string())
        .body(if head { Body::empty() } else { bytes.into() })
        .expect("invariant: only the four known media types are stored"))
}

/// Whether the request takes `media_type`; one that says nothing takes everything.
fn accepts(parts: &Parts, media_type: &str) -> bool {
    let mut ranges = parts
        .headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .filter(|range| !range.is_empty())
        .peekable();
    ranges.peek().is_none()
        || ranges
            .any(|range| matches!(range, "*/*" | "application/*" | "application/json") || range == media_type)
}

/// A blob: what is known of it, or where it is. It comes at once if there is nowhere else to send the client.
pub(super) async fn blob(
    app: &App,
    parts: &Parts,
    repository: &Repository,
    text: &str,
    head: bool,
) -> Answer {
    let digest: Option<BlobDigest> = text.parse().ok();
    let only_used = head && !app.strict_oci && app.quirks.unreferenced_blob == UnreferencedBlob::NotFound;
    let found = repository.read(|contents| {
        let digest = digest?;
        let size = contents.layers.get(&digest)?.size;
        (!only_used || is_layer_referenced(contents, &digest)).then_some((digest, size))
    });
    let Some((digest, size)) = found else {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry"));
    };
    let answer = if head {
        response(StatusCode::OK)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size)
            .header("docker-content-digest", digest.to_string())
    } else {
        let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(host) = layer_url::host_for(app, host).filter(|_| !app.strict_oci) else {
            let sent = layer_url::send(app, &parts.headers, &digest).await;
            let mut sent =
                sent.map_err(|refusal| Refusal::new(refusal.status, "BLOB_UNKNOWN", refusal.code))?;
            if let Ok(value) = HeaderValue::from_str(&digest.to_string()) {
                sent.headers_mut().insert("docker-content-digest", value);
            }
            return Ok(sent);
        };
        response(StatusCode::TEMPORARY_REDIRECT).header(LOCATION, layer_url::make(app, &host, &digest))
    };
    Ok(answer.body(Body::empty()).expect("invariant: the headers above are legal"))
}

/// How many entries a list may have, by `n` of the query.
fn page_size(app: &App, parts: &Parts) -> Result<usize, Refusal> {
    let wrong = |text: &str| ApiError::invalid_parameter("maxResults", text);
    match query(parts, "n").as_deref().map(str::parse::<usize>) {
        None => Ok(100),
        Some(Ok(n)) if app.strict_oci => Ok(n.min(1000)),
        Some(Ok(n @ 1..=1000)) => Ok(n),
        Some(Ok(1001..)) => Err(wrong("Member must have value less than or equal to 1000").into()),
        Some(_) => Err(wrong("Member must have value greater than or equal to 1").into()),
    }
}

/// A page of `names` under `path`, as `member` of the answer. ECR's come in no order that a client could rely on (by
/// the hash of each), with a token as `last`; OCI's in order, with a name as `last`.
fn list(
    app: &App,
    parts: &Parts,
    (path, scope): (&str, &str),
    names: Vec<String>,
    answer: impl FnOnce(Vec<String>) -> Value,
) -> Answer {
    let max = page_size(app, parts)?;
    let paging = Paging::new(&app.gate.seal, path, scope);
    let last = query(parts, "last");
    let key = |name: &String| {
        if app.strict_oci { name.clone() } else { BlobDigest::of(name.as_bytes()).hex() }
    };
    let after = match last {
        Some(last) if app.strict_oci => Some(last),
        Some(last) => Some(paging.after(&last)?),
        None => None,
    };
    let mut keyed: Vec<(String, String)> = names.into_iter().map(|name| (key(&name), name)).collect();
    keyed.retain(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    keyed.sort();
    let more = keyed.len() > max && max > 0;
    keyed.truncate(max);
    let content_type =
        if app.strict_oci { "application/json; charset=utf-8" } else { "text/plain; charset=utf-8" };
    let mut built = response(StatusCode::OK).header(CONTENT_TYPE, content_type);
    if let Some((key, _)) = keyed.last().filter(|_| more) {
        let last = if app.strict_oci { key.clone() } else { paging.token(key) };
        let pairs = [("last", last.as_str()), ("n", &max.to_string())];
        let pairs = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        built = built.header(LINK, format!("<{}{path}?{pairs}>; rel=\"next\"", base(app, parts)));
    }
    let body = answer(keyed.into_iter().map(|(_, name)| name).collect()).to_string();
    Ok(built.body(body.into()).expect("invariant: the headers above are legal"))
}

/// The tags of a repository.
pub(super) fn tags(app: &App, parts: &Parts, repository: &Repository, path: &str) -> Answer {
    let names = repository.read(|contents| contents.tags.keys().cloned().collect());
    let scope = format!("{:?}/{}", repository.registry(), repository.name());
    let url = format!("/v2/{path}/tags/list");
    list(app, parts, (&url, &scope), names, |tags| json!({ "name": path, "tags": tags }))
}

/// The repositories of a registry.
pub(super) fn catalog(app: &App, parts: &Parts, registry: &RegistryId) -> Answer {
    let prefix =
        if registry.is_public() { format!("{}/", public::alias(&registry.account)) } else { String::new() };
    let repositories = app.store.repositories(registry);
    let names = repositories.iter().map(|repository| format!("{prefix}{}", repository.name())).collect();
    let scope = format!("{registry:?}");
    list(app, parts, ("/v2/_catalog", &scope), names, |names| json!({ "repositories": names }))
}

/// The manifests whose subject is the one with this digest, which itself need not be there.
pub(super) async fn referrers(app: &App, parts: &Parts, repository: &Repository, text: &str) -> Answer {
    let subject: ManifestDigest =
        text.parse().map_err(|_| ApiError::invalid_parameter("imageDigest", "must be a digest"))?;
    let wanted = query(parts, "artifactType");
    let found: Vec<(ManifestDigest, String, Option<String>)> = repository.read(|contents| {
        let referring = contents.images.iter().filter(|(_, image)| image.subject == Some(subject));
        let matching = referring.filter(|(_, image)| wanted.is_none() || image.artifact_type == wanted);
        let facts = matching.map(|(digest, image)| {
            (*digest, image.media_type.as_str().to_owned(), image.artifact_type.clone())
        });
        facts.collect()
    });
    let mut manifests = Vec::new();
    for (digest, media_type, artifact_type) in found {
        let bytes = fs_err::tokio::read(app.store.blobs.path(&digest.into())).await?;
        let mut descriptor =
            json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() });
        if let Some(artifact_type) = artifact_type {
            descriptor["artifactType"] = artifact_type.into();
        }
        let manifest: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if let Some(annotations) = manifest.get("annotations").filter(|value| value.is_object()) {
            descriptor["annotations"] = annotations.clone();
        }
        manifests.push(descriptor);
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX.as_str(),
        "manifests": manifests,
    });
    let mut answer = response(StatusCode::OK).header(CONTENT_TYPE, MediaType::OCI_INDEX.as_str());
    if wanted.is_some() {
        answer = answer.header("oci-filters-applied", "artifactType");
    }
    Ok(answer.body(index.to_string().into()).expect("invariant: the headers above are legal"))
}
