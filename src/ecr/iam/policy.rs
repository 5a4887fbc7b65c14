//! Policy documents (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>), and those that
//! allow a push.

use super::action::{Action, Need, Push, Service, Weight};
use super::error::IamError;
use serde::Serialize;
use serde_json::{Map, Value};

/// A policy. Its JSON is what IAM and ECR take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

impl Document {
    /// Of these statements.
    pub fn new(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }

    /// The JSON, for people.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("invariant: it has only texts in it");
        text.push('\n');
        text
    }
}

/// One thing that a policy allows; no policy of ours denies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Its name: letters and digits.
    pub(super) sid: &'static str,
    pub(super) effect: Effect,
    /// Who, in the policy of a resource or a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<Value>,
    pub(super) action: Vec<String>,
    /// On what, in the policy of a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Effect {
    Allow,
}

impl Statement {
    pub(super) fn allow(sid: &'static str, action: Vec<String>) -> Self {
        Self { sid, effect: Effect::Allow, principal: None, action, resource: None, condition: None }
    }
}

/// The statements that allow `needs` on resources, those on `*` apart. What a push can do without stands apart too, so
/// that it can be left out.
pub fn allow(needs: &[Need], resources: &[String]) -> Vec<Statement> {
    let creates = |action| {
        matches!(action, Action::DescribeRepositories | Action::CreateRepository | Action::PutLifecyclePolicy)
    };
    let sid = |need: &Need| match (need.service, need.weight) {
        // On all registries, as no policy can name one of ECR Public.
        _ if need.action == Action::DescribeRegistries => "ConsignPublicAlias",
        (Service::Ecr, _) if need.action.is_on_all() => "ConsignLogin",
        (Service::Ecr, _) if creates(need.action) => "ConsignCreate",
        (Service::Ecr, Weight::Required) => "ConsignPush",
        (Service::Ecr, Weight::Saves(_)) => "ConsignReuse",
        (Service::EcrPublic, _) if need.action.is_on_all() => "ConsignPublicLogin",
        (Service::EcrPublic, _) if creates(need.action) => "ConsignPublicCreate",
        (Service::EcrPublic, Weight::Required) => "ConsignPublicPush",
        (Service::EcrPublic, Weight::Saves(_)) => "ConsignPublicReuse",
    };
    let mut statements: Vec<Statement> = Vec::new();
    for need in needs {
        let (sid, name) = (sid(need), need.to_string());
        if let Some(known) = statements.iter_mut().find(|statement| statement.sid == sid) {
            known.action.push(name);
            continue;
        }
        let resources = if need.action.is_on_all() { vec!["*".to_owned()] } else { resources.to_vec() };
        statements.push(Statement { resource: Some(resources), ..Statement::allow(sid, vec![name]) });
    }
    statements
}

/// The policy of a role that is to `push` to repositories with these ARNs, private ones and those of ECR Public: every
/// action that consign calls for it, and no other.
pub fn push_policy(push: Push, private: &[String], public: &[String]) -> Document {
    let mut statements = Vec::new();
    for (needs, arns) in [(push.needs(), private), (push.public_needs(), public)] {
        if !arns.is_empty() {
            statements.extend(allow(&needs, arns));
        }
    }
    Document::new(statements)
}

/// The policy of a repository that lets `principals` of other accounts push to it: across accounts, both sides have
/// to allow. The password of `/v2/` is theirs alone to allow, and a repository that has a policy is there.
pub fn repository_policy(push: Push, principals: &[String]) -> Result<Document, IamError> {
    for text in principals {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let is_arn = matches!(
            parts[..],
            ["arn", _, "iam", "", account, who]
                if account.len() == 12
                    && account.bytes().all(|byte| byte.is_ascii_digit())
                    && (who == "root" || who.starts_with("role/") || who.starts_with("user/"))
                    && !who.contains('*')
        );
        if !is_arn {
            return Err(IamError::Principal { text: text.clone() });
        }
    }
    Ok(allow_others(&push.needs(), principals))
}

/// As [`repository_policy`], of some actions.
pub(in crate::ecr) fn allow_others(needs: &[Need], principals: &[String]) -> Document {
    let needs: Vec<Need> = needs
        .iter()
        .filter(|need| !need.action.is_on_all())
        .filter(|need| !matches!(need.action, Action::CreateRepository | Action::PutLifecyclePolicy))
        .copied()
        .collect();
    let statements = allow(&needs, &[]).into_iter().map(|statement| {
        let principal = Some(serde_json::json!({ "AWS": principals }));
        Statement { principal, resource: None, ..statement }
    });
    Document::new(statements.collect())
}

#[cfg(test)]
mod tests {
    use super::super::action::Creation;
    use super::*;
    use std::collections::HashSet;

    const PUSH: Push = Push { creation: Creation::IfAbsent, over_v2: true, reuses: true };

    #[test]
    fn a_policy_has_no_action_and_no_sid_twice() {
        let private = "arn:aws:ecr:eu-west-1:123456789012:repository/shop/api".to_owned();
        let public = "arn:aws:ecr-public::123456789012:repository/shop/api".to_owned();
        let document = push_policy(PUSH, &[private], &[public]);
        let (mut sids, mut actions) = (HashSet::new(), HashSet::new());
        for statement in &document.statement {
            assert!(sids.insert(statement.sid));
            assert!(statement.sid.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            for action in &statement.action {
                assert!(actions.insert(action.clone()), "{action}");
            }
            let on_all =
                ["ConsignLogin", "ConsignPublicLogin", "ConsignPublicAlias"].contains(&statement.sid);
            assert_eq!(statement.resource == Some(vec!["*".into()]), on_all);
        }
    }

    #[test]
    fn the_policy_of_a_repository_has_principals_and_no_resource() {
        let role = "arn:aws:iam::210987654321:role/ci".to_owned();
        let document = repository_policy(PUSH, std::slice::from_ref(&role)).unwrap();
        let json = serde_json::to_value(&document).unwrap();
        for statement in json["Statement"].as_array().unwrap() {
            assert_eq!(statement["Principal"]["AWS"][0], *role);
            assert_eq!(statement.get("Resource"), None);
        }
        assert!(!document.text().contains("GetAuthorizationToken"));
        assert!(!document.text().contains("CreateRepository"));
        for wrong in ["*", "210987654321", "arn:aws:iam::1:role/ci", "arn:aws:iam::210987654321:role/*"] {
            assert!(repository_policy(PUSH, &[wrong.into()]).is_err(), "{wrong}");
        }
    }
}
