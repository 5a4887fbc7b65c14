//! Asks all policies that have a say, and words the refusal as AWS does.

use super::super::app::App;
use super::super::ecr;
use super::super::error::ApiError;
use super::super::store::{RegistryId, Repository};
use super::Caller;
use super::context::Context;
use super::decide::{decide, decide_trust};
use super::demand::{self, Demand, Service};
use super::directory::Role;
use super::document::{Attached, Document, Finding, Principal, Question, is_account};
use super::session::Session;
use crate::base::clock::rfc3339;
use axum::http::StatusCode;

/// The actions that a registry policy of scope V1 has a say about
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html>).
const SCOPE_V1: [&str; 3] = ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository", "ecr:ReplicateImage"];

/// The text of the policy that is set on a repository, and of which kind it is.
fn repository_policy(repository: &Repository) -> Option<(String, Attached)> {
    let public = repository.registry().is_public();
    repository.read(|contents| {
        let (text, attached) = if public {
            (&contents.public.policy, Attached::PublicRepository)
        } else {
            (&contents.control.policy, Attached::Repository)
        };
        Some((text.clone()?, attached))
    })
}

/// The text of the policy of a registry, if it has a say about `action`.
fn registry_policy(app: &App, registry: &RegistryId, action: &str) -> Option<String> {
    app.store.registry(registry).read(|settings| {
        let scope = ecr::account_setting(settings, "REGISTRY_POLICY_SCOPE");
        let everything = scope.is_some_and(|scope| scope == "V2");
        settings.policy.clone().filter(|_| everything || SCOPE_V1.contains(&action))
    })
}

/// Whether `caller` may make a call of the JSON API.
pub(in crate::emulator) fn ask(
    app: &App,
    caller: &Caller,
    service: Service,
    operation: &str,
    body: &[u8],
) -> Result<(), ApiError> {
    let own = RegistryId { account: caller.session.account.clone(), region: caller.region.clone() };
    // A registry of ECR Public has an alias besides its account.
    let account_of = |id: &str| match service {
        _ if is_account(id) => Some(id.to_owned()),
        Service::Ecr => None,
        Service::EcrPublic => ecr::public::account_of(app, id),
    };
    for demand in demand::of_call(service, operation, body, &own, account_of)? {
        check(app, &caller.session, &caller.region, demand)?;
    }
    Ok(())
}

/// Whether the policy `text` of a registry lets another `account`, as a whole, do `action` to `resource`.
pub(in crate::emulator) fn registry_lets(text: &str, account: &str, action: &str, resource: &str) -> bool {
    let Ok(document) = Document::parse(text, Attached::Registry) else { return false };
    let root = format!("arn:aws:iam::{account}:root");
    let principal = Principal { account: Some(account), arn: Some(&root), session: None, federated: None };
    let mut context = Context::default();
    context.add("aws:PrincipalAccount", account);
    context.add("aws:PrincipalArn", &root);
    let question = Question { principal, action, resource, context: &context };
    matches!(document.finding(&question), Finding::Allow(_))
}

/// Whether `session` may do all of `actions` (without their service) on a repository.
pub(in crate::emulator) fn ask_for(
    app: &App,
    session: &Session,
    service: Service,
    registry: &RegistryId,
    actions: &[&str],
    repository: &str,
) -> Result<(), ApiError> {
    actions.iter().try_for_each(|action| {
        let demand = Demand::on_repository(service, action, registry, repository);
        check(app, session, &registry.region, demand)
    })
}

fn check(app: &App, session: &Session, region: &str, demand: Demand) -> Result<(), ApiError> {
    let Demand { action, resource, account, repository, mut context } = demand;
    describe_request(app, region, &mut context);
    session.describe(&app.iam, &mut context);
    context.add("aws:ResourceAccount", &account);
    let mut texts = Vec::new();
    if let Some((registry, name)) = &repository {
        if let Some(repository) = app.store.repository(registry, name) {
            let tags = repository.read(|contents| contents.resource_tags.clone());
            let own = if registry.is_public() { "ecr-public:ResourceTag" } else { "ecr:ResourceTag" };
            for prefix in ["aws:ResourceTag", own] {
                context.add_tags(prefix, tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())));
            }
            texts.extend(repository_policy(&repository));
        }
        texts.extend(registry_policy(app, registry, &action).map(|text| (text, Attached::Registry)));
    }
    // What could be set was read before; a text that cannot be read now allows nothing.
    let documents: Vec<Document> =
        texts.iter().filter_map(|(text, attached)| Document::parse(text, *attached).ok()).collect();
    let inline = session.inline_bound();
    let mut policies = session.policies(&app.iam, inline.as_ref());
    policies.resource = documents.iter().collect();
    let arn = session.arn();
    let question = Question {
        principal: session.principal(&arn),
        action: &action,
        resource: &resource,
        context: &context,
    };
    decide(&policies, &question, account == session.account).map_err(|denial| {
        ApiError::new(
            "AccessDeniedException",
            format!(
                "User: {arn} is not authorized to perform: {action} on resource: {resource} {}",
                denial.reason(&action)
            ),
        )
    })
}

/// What is known of every request. The emulator speaks no TLS; it says that it does, because policies that refuse
/// plain HTTP are common and AWS would have met them.
fn describe_request(app: &App, region: &str, context: &mut Context) {
    let now = app.clock.now();
    context.add("aws:CurrentTime", rfc3339(now));
    context.add("aws:EpochTime", now.as_second().to_string());
    context.add("aws:RequestedRegion", region);
    context.add("aws:SecureTransport", "true");
    context.add("aws:SourceIp", "127.0.0.1");
    context.add("aws:ViaAWSService", "false");
}

/// A role that somebody wants to assume.
#[derive(Debug)]
pub(in crate::emulator) struct Assumption<'a> {
    /// Its ARN, as it was asked for.
    pub(in crate::emulator) arn: &'a str,
    /// None if there is no such role. The answer is that of a role that does not trust.
    pub(in crate::emulator) role: Option<&'a Role>,
    /// `sts:AssumeRole`, and what else the request needs.
    pub(in crate::emulator) actions: Vec<&'static str>,
    /// What conditions can ask about the request.
    pub(in crate::emulator) context: Context,
}

impl Assumption<'_> {
    fn describe(&mut self, app: &App, region: &str) {
        describe_request(app, region, &mut self.context);
        let Some(role) = self.role else { return };
        self.context.add("aws:ResourceAccount", &role.account);
        for prefix in ["aws:ResourceTag", "iam:ResourceTag"] {
            self.context
                .add_tags(prefix, role.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        }
    }

    /// Whether `caller` may have it.
    pub(in crate::emulator) fn ask(mut self, app: &App, caller: &Caller) -> Result<(), ApiError> {
        self.describe(app, &caller.region);
        let session = &caller.session;
        session.describe(&app.iam, &mut self.context);
        let arn = session.arn();
        let inline = session.inline_bound();
        for action in &self.actions {
            let mut policies = session.policies(&app.iam, inline.as_ref());
            policies.resource = self.role.iter().map(|role| &role.trust).collect();
            let question = Question {
                principal: session.principal(&arn),
                action,
                resource: self.arn,
                context: &self.context,
            };
            let same_account = self.role.is_some_and(|role| role.account == session.account);
            decide_trust(&policies, &question, same_account).map_err(|denial| {
                // STS does not tell which side did not allow it.
                let reason =
                    if denial.explicit { format!(" {}", denial.reason(action)) } else { String::new() };
                let target = self.arn;
                denied(format!(
                    "User: {arn} is not authorized to perform: {action} on resource: {target}{reason}"
                ))
            })?;
        }
        Ok(())
    }

    /// Whether the bearer of a token of the OIDC provider `provider` may have it.
    pub(in crate::emulator) fn ask_for_token(
        mut self,
        app: &App,
        region: &str,
        provider: &str,
    ) -> Result<(), ApiError> {
        self.describe(app, region);
        self.context.add("aws:FederatedProvider", provider);
        let principal = Principal { account: None, arn: None, session: None, federated: Some(provider) };
        for action in &self.actions {
            let question = Question { principal, action, resource: self.arn, context: &self.context };
            let trusts =
                self.role.is_some_and(|role| matches!(role.trust.finding(&question), Finding::Allow(_)));
            if !trusts {
                return Err(denied(format!("Not authorized to perform {action}")));
            }
        }
        Ok(())
    }
}

fn denied(message: String) -> ApiError {
    ApiError::with_status(StatusCode::FORBIDDEN, "AccessDenied", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLICATION: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"r","Effect":"Allow",
        "Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["ecr:CreateRepository","ecr:ReplicateImage"],
        "Resource":["arn:aws:ecr:us-east-1:123456789012:repository/shop/*"]}]}"#;

    #[test]
    fn what_a_registry_policy_lets_others_do() {
        let arn = "arn:aws:ecr:us-east-1:123456789012:repository/shop/api";
        assert!(registry_lets(REPLICATION, "111111111111", "ecr:ReplicateImage", arn));
        assert!(!registry_lets(REPLICATION, "222222222222", "ecr:ReplicateImage", arn));
        assert!(!registry_lets(REPLICATION, "111111111111", "ecr:PutImage", arn));
        let other = arn.replace("shop", "bank");
        assert!(!registry_lets(REPLICATION, "111111111111", "ecr:ReplicateImage", &other));
        let denied = REPLICATION.replace(
            "\"Statement\":[",
            "\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"ecr:*\",\"Resource\":\"*\"},",
        );
        assert!(!registry_lets(&denied, "111111111111", "ecr:ReplicateImage", arn));
    }
}
