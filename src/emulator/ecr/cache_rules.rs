//! Pull-through cache rules. They are kept and described; nothing is fetched from the registries that they name.

use super::super::error::ApiError;
use super::super::store::CacheRule;
use super::{Call, Paging, epoch, paging, validate};
use serde::{Deserialize, Serialize};

/// Rules of a registry, at most.
const MAX_RULES: usize = 50;

/// Upstream registries, the host that tells each, and whether it takes a secret.
const UPSTREAMS: [(&str, &str, bool); 8] = [
    ("ecr-public", "public.ecr.aws", false),
    ("quay", "quay.io", false),
    ("k8s", "registry.k8s.io", false),
    ("docker-hub", "registry-1.docker.io", true),
    ("github-container-registry", "ghcr.io", true),
    ("azure-container-registry", ".azurecr.io", true),
    ("gitlab-container-registry", "registry.gitlab.com", true),
    ("chainguard", "cgr.dev", true),
];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    ecr_repository_prefix: Option<String>,
    upstream_registry_url: Option<String>,
    registry_id: Option<String>,
    upstream_registry: Option<String>,
    credential_arn: Option<String>,
    custom_role_arn: Option<String>,
    upstream_repository_prefix: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    ecr_repository_prefix: String,
    registry_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_registry_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_registry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_repository_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_valid: Option<bool>,
}

fn output(prefix: &str, account: &str, rule: CacheRule) -> Output {
    Output {
        ecr_repository_prefix: prefix.into(),
        registry_id: account.into(),
        upstream_registry_url: Some(rule.upstream_registry_url),
        created_at: Some(epoch(rule.created_at)),
        updated_at: Some(epoch(rule.updated_at)),
        upstream_registry: rule.upstream_registry,
        credential_arn: rule.credential_arn,
        custom_role_arn: rule.custom_role_arn,
        upstream_repository_prefix: rule.upstream_repository_prefix,
        is_valid: None,
    }
}

fn not_found(prefix: &str, account: &str) -> ApiError {
    ApiError::new(
        "PullThroughCacheRuleNotFoundException",
        format!(
            "The pull through cache rule with ecrRepositoryPrefix '{prefix}' does not exist in the registry with id \
             '{account}'"
        ),
    )
}

fn credential(arn: Option<&str>) -> Result<(), ApiError> {
    let Some(arn) = arn else { return Ok(()) };
    validate::count("credentialArn", arn.chars().count(), 50, 612)?;
    let legal = arn.starts_with("arn:aws")
        && arn.split(':').nth(2) == Some("secretsmanager")
        && arn.contains(":secret:ecr-pullthroughcache/");
    if legal {
        return Ok(());
    }
    let text =
        r"^arn:aws(-\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:ecr\-pullthroughcache\/[a-zA-Z0-9\/_+=.@-]+$";
    Err(validate::pattern("credentialArn", text))
}

/// The registry that a URL belongs to, and whether it takes a secret; an ECR is told by its host.
fn upstream(url: &str) -> Option<(&'static str, bool)> {
    let url = url.trim_start_matches("https://");
    let host = url.split('/').next().unwrap_or_default();
    let is = |known: &str| host == known || known.starts_with('.') && host.ends_with(known);
    let ecr = host.contains(".dkr.ecr.") || host.contains(".dkr-ecr.");
    let known = UPSTREAMS.iter().find(|(_, known, _)| is(known));
    known.map(|(name, _, secret)| (*name, *secret)).or_else(|| ecr.then_some(("ecr", false)))
}

const PREFIX: &str = "ecrRepositoryPrefix";
const BOUNDS: (usize, usize) = (2, 30);

pub(super) async fn create_pull_through_cache_rule(call: &Call, input: Input) -> Result<Output, ApiError> {
    let id = call.registry(input.registry_id.as_deref())?;
    let prefix = validate::prefix(PREFIX, input.ecr_repository_prefix.as_deref(), BOUNDS)?;
    let url = validate::required("upstreamRegistryUrl", input.upstream_registry_url)?;
    credential(input.credential_arn.as_deref())?;
    validate::text("customRoleArn", input.custom_role_arn.as_deref(), 2048)?;
    if let Some(prefix) = input.upstream_repository_prefix.as_deref() {
        validate::prefix("upstreamRepositoryPrefix", Some(prefix), BOUNDS)?;
    }
    if let Some(name) = input.upstream_registry.as_deref() {
        let mut names = vec!["ecr"];
        names.extend(UPSTREAMS.iter().map(|(name, ..)| *name));
        validate::one_of("upstreamRegistry", name, &names)?;
    }
    let known =
        upstream(&url).filter(|(name, _)| input.upstream_registry.as_ref().is_none_or(|it| it == name));
    let Some((name, takes_secret)) = known else {
        let text = format!("The upstream registry '{url}' is not supported");
        return Err(ApiError::new("UnsupportedUpstreamRegistryException", text));
    };
    if takes_secret && input.credential_arn.is_none() {
        let text = "A credentialArn is required for the upstream registry";
        return Err(ApiError::invalid_parameter("credentialArn", text));
    }
    let now = call.now();
    let rule = CacheRule {
        upstream_registry_url: url,
        created_at: now,
        updated_at: now,
        upstream_registry: Some(name.to_owned()),
        credential_arn: input.credential_arn,
        custom_role_arn: input.custom_role_arn,
        upstream_repository_prefix: input.upstream_repository_prefix,
    };
    let registry = call.app.store.registry(&id);
    registry.change(|settings| {
        if settings.cache_rules.contains_key(prefix) {
            let text = format!(
                "A pull through cache rule with ecrRepositoryPrefix '{prefix}' already exists in the registry with id \
                 '{}'",
                id.account
            );
            return Err(ApiError::new("PullThroughCacheRuleAlreadyExistsException", text));
        }
        if settings.cache_rules.len() >= MAX_RULES {
            let text = "The registry has reached the maximum number of pull through cache rules";
            return Err(ApiError::new("LimitExceededException", text));
        }
        settings.cache_rules.insert(prefix.to_owned(), rule.clone());
        Ok(())
    })?;
    registry.commit().await?;
    Ok(Output { updated_at: None, ..output(prefix, &id.account, rule) })
}

pub(super) async fn delete_pull_through_cache_rule(call: &Call, input: Input) -> Result<Output, ApiError> {
    let id = call.registry(input.registry_id.as_deref())?;
    let prefix = validate::prefix(PREFIX, input.ecr_repository_prefix.as_deref(), BOUNDS)?;
    let registry = call.app.store.registry(&id);
    let rule = registry.change(|settings| settings.cache_rules.remove(prefix));
    registry.commit().await?;
    let rule = rule.ok_or_else(|| not_found(prefix, &id.account))?;
    Ok(Output { updated_at: None, upstream_registry: None, ..output(prefix, &id.account, rule) })
}

pub(super) async fn update_pull_through_cache_rule(call: &Call, input: Input) -> Result<Output, ApiError> {
    let id = call.registry(input.registry_id.as_deref())?;
    let prefix = validate::prefix(PREFIX, input.ecr_repository_prefix.as_deref(), BOUNDS)?;
    credential(input.credential_arn.as_deref())?;
    validate::text("customRoleArn", input.custom_role_arn.as_deref(), 2048)?;
    let now = call.now();
    let registry = call.app.store.registry(&id);
    let rule = registry.change(|settings| {
        let rule = settings.cache_rules.get_mut(prefix)?;
        rule.updated_at = now;
        rule.credential_arn = input.credential_arn.or(rule.credential_arn.take());
        rule.custom_role_arn = input.custom_role_arn.or(rule.custom_role_arn.take());
        Some(rule.clone())
    });
    registry.commit().await?;
    let rule = rule.ok_or_else(|| not_found(prefix, &id.account))?;
    let all = output(prefix, &id.account, rule);
    Ok(Output { created_at: None, upstream_registry: None, upstream_registry_url: None, ..all })
}

/// The rule is as good as it looks: nothing outside is asked.
pub(super) async fn validate_pull_through_cache_rule(call: &Call, input: Input) -> Result<Output, ApiError> {
    let id = call.registry(input.registry_id.as_deref())?;
    let prefix = validate::prefix(PREFIX, input.ecr_repository_prefix.as_deref(), BOUNDS)?;
    let registry = call.app.store.registry(&id);
    registry.commit().await?;
    let rule = registry.read(|settings| settings.cache_rules.get(prefix).cloned());
    let all = output(prefix, &id.account, rule.ok_or_else(|| not_found(prefix, &id.account))?);
    Ok(Output { created_at: None, updated_at: None, upstream_registry: None, is_valid: Some(true), ..all })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeInput {
    registry_id: Option<String>,
    ecr_repository_prefixes: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeOutput {
    pull_through_cache_rules: Vec<Output>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn describe_pull_through_cache_rules(
    call: &Call,
    input: DescribeInput,
) -> Result<DescribeOutput, ApiError> {
    let id = call.registry(input.registry_id.as_deref())?;
    let registry = call.app.store.registry(&id);
    registry.commit().await?;
    let token = input.next_token.as_deref();
    let rules = registry.read(|settings| settings.cache_rules.clone());
    let (page, next_token) = if let Some(prefixes) = &input.ecr_repository_prefixes {
        paging::not_with_ids("ecrRepositoryPrefixes", input.max_results, token)?;
        validate::count("ecrRepositoryPrefixes", prefixes.len(), 1, 100)?;
        let mut found = Vec::new();
        for prefix in prefixes {
            validate::prefix("ecrRepositoryPrefixes", Some(prefix), BOUNDS)?;
            let rule = rules.get(prefix).ok_or_else(|| not_found(prefix, &id.account))?;
            found.push((prefix.clone(), rule.clone()));
        }
        (found, None)
    } else {
        let scope = format!("{id:?}");
        let paging = Paging::new(&call.app.gate.seal, "DescribePullThroughCacheRules", &scope);
        paging.page(rules.into_iter().collect(), |(prefix, _)| prefix.clone(), input.max_results, token)?
    };
    let rules = page.into_iter().map(|(prefix, rule)| output(&prefix, &id.account, rule)).collect();
    Ok(DescribeOutput { pull_through_cache_rules: rules, next_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_are_told_by_their_host() {
        assert_eq!(upstream("public.ecr.aws"), Some(("ecr-public", false)));
        assert_eq!(upstream("https://registry-1.docker.io"), Some(("docker-hub", true)));
        assert_eq!(upstream("shop.azurecr.io"), Some(("azure-container-registry", true)));
        assert_eq!(upstream("111111111111.dkr.ecr.eu-west-1.amazonaws.com").map(|it| it.0), Some("ecr"));
        assert_eq!(upstream("example.com"), None);
    }
}
