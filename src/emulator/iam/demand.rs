//! What a call needs: which actions on which resources, and what conditions can ask about the request.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_ecr.html> and, for `/v2/`, the
//! actions that ECR's proxy makes of each request.

use super::super::error::ApiError;
use super::super::store::RegistryId;
use super::context::Context;
use super::document::is_account;
use axum::http::Method;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::Value;

/// Whose operations they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::emulator) enum Service {
    Ecr,
    EcrPublic,
}

impl Service {
    fn prefix(self) -> &'static str {
        match self {
            Self::Ecr => "ecr",
            Self::EcrPublic => "ecr-public",
        }
    }

    /// Where the store keeps its repositories.
    fn registry(self, registry: &RegistryId) -> RegistryId {
        match self {
            Self::Ecr => registry.clone(),
            Self::EcrPublic => RegistryId::public(&registry.account),
        }
    }

    /// The ARN of a repository; `*` for all of them.
    fn repository_arn(self, registry: &RegistryId, name: &str) -> String {
        // The repositories of ECR Public have no region.
        let region = if self == Self::Ecr { registry.region.as_str() } else { "" };
        format!("arn:aws:{}:{region}:{}:repository/{name}", self.prefix(), registry.account)
    }
}

/// One permission that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) action: String,
    pub(super) resource: String,
    /// Whose the resource is.
    pub(super) account: String,
    /// The repository that it is about.
    pub(super) repository: Option<(RegistryId, String)>,
    pub(super) context: Context,
}

impl Demand {
    pub(super) fn on_repository(service: Service, action: &str, registry: &RegistryId, name: &str) -> Self {
        Self {
            action: format!("{}:{action}", service.prefix()),
            resource: service.repository_arn(registry, name),
            account: registry.account.clone(),
            repository: Some((service.registry(registry), name.to_owned())),
            context: Context::default(),
        }
    }

    fn on_all(service: Service, action: &str, account: &str) -> Self {
        Self {
            action: format!("{}:{action}", service.prefix()),
            resource: "*".into(),
            account: account.into(),
            repository: None,
            context: Context::default(),
        }
    }
}

/// The members of a request that say what it is about. Of whatever type they are: the operation will complain.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    registry_id: Option<Value>,
    repository_name: Option<Value>,
    repository_names: Option<Value>,
    resource_arn: Option<Value>,
    tags: Option<Value>,
    tag_keys: Option<Value>,
    /// Of an account setting.
    name: Option<Value>,
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

/// What a call of the JSON API needs. `account_of` gives the account of a registry's id.
pub(super) fn of_call(
    service: Service,
    operation: &str,
    body: &[u8],
    caller: &RegistryId,
    account_of: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Demand>, ApiError> {
    // Only an object: a list would be read as the members in order, and every reader has another order.
    let members = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Members::default(),
        Some(b'{') => serde_json::from_slice(body).map_err(ApiError::serialization)?,
        Some(_) => return Err(ApiError::serialization("The request body is not a JSON object")),
    };
    // The operation refuses what is no registry.
    let named = text(members.registry_id.as_ref()).and_then(account_of);
    let registry = RegistryId {
        account: named.unwrap_or_else(|| caller.account.clone()),
        region: caller.region.clone(),
    };
    let context = members.context();
    let on = |action: &str, name: &str| Demand::on_repository(service, action, &registry, name);
    let mut demands = if let Some(name) = text(members.repository_name.as_ref()) {
        vec![on(operation, name)]
    } else if let Some(names) = members.repository_names.as_ref().and_then(Value::as_array) {
        names.iter().filter_map(Value::as_str).map(|name| on(operation, name)).collect()
    } else if let Some(arn) = text(members.resource_arn.as_ref()) {
        vec![on_arn(service, operation, arn, caller)]
    } else if operation == "DescribeRepositories" {
        vec![on(operation, "*")]
    } else {
        vec![Demand::on_all(service, operation, &registry.account)]
    };
    if operation == "GetAuthorizationToken" {
        // Even for another registry: it is the caller's own right.
        demands = vec![Demand::on_all(service, operation, &caller.account)];
    }
    let more = match (service, operation) {
        (_, "CreateRepository") if members.has_tags() => Some("TagResource"),
        (Service::Ecr, "ListImageReferrers") => Some("BatchGetImage"),
        _ => None,
    };
    if let (Some(more), Some(name)) = (more, text(members.repository_name.as_ref())) {
        demands.push(on(more, name));
    }
    if (service, operation) == (Service::EcrPublic, "GetAuthorizationToken") {
        demands.push(Demand {
            action: "sts:GetServiceBearerToken".into(),
            resource: format!("arn:aws:sts::{}:self", caller.account),
            context: Context::default().with("sts:AWSServiceName", "ecr-public.amazonaws.com"),
            ..Demand::on_all(service, operation, &caller.account)
        });
    }
    for demand in &mut demands {
        if demand.action != "sts:GetServiceBearerToken" {
            demand.context = context.clone();
        }
    }
    Ok(demands)
}

/// On a repository that is named by its ARN. What names no repository is refused by the operation.
fn on_arn(service: Service, operation: &str, arn: &str, caller: &RegistryId) -> Demand {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, of, region, account, path] = parts[..] else {
        return Demand::on_all(service, operation, &caller.account);
    };
    match path.strip_prefix("repository/") {
        Some(name) if of == service.prefix() && is_account(account) => {
            let registry = RegistryId { account: account.into(), region: region.into() };
            Demand { resource: arn.into(), ..Demand::on_repository(service, operation, &registry, name) }
        }
        _ => Demand::on_all(service, operation, &caller.account),
    }
}

impl Members {
    fn has_tags(&self) -> bool {
        self.tags.as_ref().and_then(Value::as_array).is_some_and(|tags| !tags.is_empty())
    }

    fn context(&self) -> Context {
        let mut context = Context::default();
        for tag in self.tags.iter().filter_map(Value::as_array).flatten() {
            if let Some(key) = tag["Key"].as_str() {
                context.add(&format!("aws:RequestTag/{key}"), tag["Value"].as_str().unwrap_or_default());
                context.add("aws:TagKeys", key);
            }
        }
        for key in self.tag_keys.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str) {
            context.add("aws:TagKeys", key);
        }
        context.add_some("ecr:AccountSetting", text(self.name.as_ref()));
        context
    }
}

/// The actions of ECR that a request to `/v2/` is, and the repository that it is about; without one, it is about
/// all of them. `path` is the request's as the registry reads it.
pub(in crate::emulator) fn of_registry<'p>(
    parts: &Parts,
    path: &'p str,
) -> (Vec<&'static str>, Option<&'p str>) {
    let rest = path.strip_prefix("/v2/").unwrap_or_default();
    if rest.is_empty() {
        return (Vec::new(), None);
    }
    if rest == "_catalog" {
        return (vec!["DescribeRepositories"], None);
    }
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        return (vec!["ListImages"], Some(repository));
    }
    let trimmed = rest.strip_suffix('/').unwrap_or(rest);
    if let Some(repository) = trimmed.strip_suffix("/blobs/uploads") {
        let whole =
            parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("digest=")));
        let mut actions = vec!["InitiateLayerUpload"];
        if whole {
            actions.extend(["UploadLayerPart", "CompleteLayerUpload"]);
        }
        return (actions, Some(repository));
    }
    let Some((front, _)) = rest.rsplit_once('/') else { return (vec!["DescribeRepositories"], None) };
    if let Some(repository) = front.strip_suffix("/blobs/uploads") {
        let empty = parts.headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0");
        let actions = match parts.method {
            Method::PUT if empty => vec!["CompleteLayerUpload"],
            Method::PUT => vec!["UploadLayerPart", "CompleteLayerUpload"],
            _ => vec!["UploadLayerPart"],
        };
        return (actions, Some(repository));
    }
    let actions = |repository, actions: &[&'static str]| (actions.to_vec(), Some(repository));
    match front.rsplit_once('/') {
        Some((repository, "manifests")) => match parts.method {
            Method::PUT => actions(repository, &["PutImage"]),
            Method::DELETE => actions(repository, &["BatchDeleteImage"]),
            _ => actions(repository, &["BatchGetImage"]),
        },
        Some((repository, "blobs")) => match parts.method {
            Method::GET => actions(repository, &["GetDownloadUrlForLayer"]),
            Method::HEAD => actions(repository, &["BatchCheckLayerAvailability"]),
            _ => actions(repository, &["BatchDeleteImage"]),
        },
        Some((repository, "referrers")) => actions(repository, &["ListImageReferrers", "BatchGetImage"]),
        _ => (vec!["DescribeRepositories"], None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn caller() -> RegistryId {
        RegistryId { account: "123456789012".into(), region: "us-east-1".into() }
    }

    #[test]
    fn calls() {
        let needs = |service, operation: &str, body: Value| -> Vec<String> {
            let body = body.to_string();
            let demands =
                of_call(service, operation, body.as_bytes(), &caller(), |id| Some(id.to_owned())).unwrap();
            demands.iter().map(|demand| format!("{} {}", demand.action, demand.resource)).collect()
        };
        let here = "arn:aws:ecr:us-east-1:123456789012:repository";
        let name = json!({ "repositoryName": "a/b" });
        assert_eq!(needs(Service::Ecr, "PutImage", name.clone()), [format!("ecr:PutImage {here}/a/b")]);
        assert_eq!(
            needs(Service::Ecr, "PutImage", json!({ "repositoryName": "a", "registryId": "210987654321" })),
            ["ecr:PutImage arn:aws:ecr:us-east-1:210987654321:repository/a"]
        );
        assert_eq!(needs(Service::Ecr, "GetAuthorizationToken", json!({})), ["ecr:GetAuthorizationToken *"]);
        assert_eq!(
            needs(Service::Ecr, "DescribeRepositories", json!({})),
            [format!("ecr:DescribeRepositories {here}/*")]
        );
        assert_eq!(
            needs(Service::Ecr, "DescribeRepositories", json!({ "repositoryNames": ["a", "b"] })),
            [format!("ecr:DescribeRepositories {here}/a"), format!("ecr:DescribeRepositories {here}/b")]
        );
        assert_eq!(
            needs(Service::Ecr, "TagResource", json!({ "resourceArn": format!("{here}/a"), "tags": [] })),
            [format!("ecr:TagResource {here}/a")]
        );
        let tagged = json!({ "repositoryName": "a", "tags": [{ "Key": "team", "Value": "shop" }] });
        assert_eq!(
            needs(Service::Ecr, "CreateRepository", tagged),
            [format!("ecr:CreateRepository {here}/a"), format!("ecr:TagResource {here}/a")]
        );
        assert_eq!(needs(Service::Ecr, "DescribeRegistry", json!({})), ["ecr:DescribeRegistry *"]);
        assert_eq!(
            needs(Service::EcrPublic, "PutImage", name),
            ["ecr-public:PutImage arn:aws:ecr-public::123456789012:repository/a/b"]
        );
        assert_eq!(
            needs(Service::EcrPublic, "GetAuthorizationToken", json!({})),
            [
                "ecr-public:GetAuthorizationToken *",
                "sts:GetServiceBearerToken arn:aws:sts::123456789012:self"
            ]
        );
        for body in
            [&b"[\"123456789012\", \"a\"]"[..], b"7", b"{", b"{\"repositoryName\":1,\"repositoryName\":2}"]
        {
            let error = of_call(Service::Ecr, "PutImage", body, &caller(), |_| None).unwrap_err();
            assert_eq!(error.code, "SerializationException");
        }
    }

    #[test]
    fn registry_requests() {
        let needs = |line: &str| {
            let (method, uri) = line.split_once(' ').unwrap();
            let request = axum::http::Request::builder().method(method).uri(uri).body(()).unwrap();
            let (parts, ()) = request.into_parts();
            let (actions, repository) = of_registry(&parts, parts.uri.path());
            format!("{} {}", actions.join("+"), repository.unwrap_or("-"))
        };
        let table = [
            ("GET /v2/", " -"),
            ("GET /v2", " -"),
            ("GET /v2/_catalog?n=3", "DescribeRepositories -"),
            ("GET /v2/a/b/tags/list", "ListImages a/b"),
            ("HEAD /v2/a/b/manifests/1", "BatchGetImage a/b"),
            ("PUT /v2/a/manifests/1", "PutImage a"),
            ("DELETE /v2/a/manifests/sha256:1", "BatchDeleteImage a"),
            ("GET /v2/a/blobs/sha256:1", "GetDownloadUrlForLayer a"),
            ("HEAD /v2/a/blobs/sha256:1", "BatchCheckLayerAvailability a"),
            ("POST /v2/a/blobs/uploads/", "InitiateLayerUpload a"),
            ("POST /v2/a/blobs/uploads", "InitiateLayerUpload a"),
            (
                "POST /v2/a/blobs/uploads/?digest=sha256:1",
                "InitiateLayerUpload+UploadLayerPart+CompleteLayerUpload a",
            ),
            ("PATCH /v2/a/blobs/uploads/id", "UploadLayerPart a"),
            ("PUT /v2/a/blobs/uploads/id?digest=x", "UploadLayerPart+CompleteLayerUpload a"),
            ("GET /v2/a/referrers/sha256:1", "ListImageReferrers+BatchGetImage a"),
            ("GET /v2/whatever", "DescribeRepositories -"),
        ];
        for (line, expected) in table {
            assert_eq!(needs(line), expected, "{line}");
        }
    }
}
