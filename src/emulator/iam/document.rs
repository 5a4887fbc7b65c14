//! Policy documents: what they consist of, and what one of them says about a request.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>. An element that is
//! not known does not parse: a policy must not mean less than it says.

use super::super::glob;
use super::condition::Conditions;
use super::context::Context;
use super::pattern::Pattern;
use serde::Deserialize;
use serde_json::Value;

/// What a policy is attached to; that decides which elements it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::emulator) enum Attached {
    /// To a user, a role or a session: no principal.
    Identity,
    /// To a role, saying who may assume it: a principal, and no resource.
    Role,
    /// To a repository: a principal, and the repository is the resource.
    Repository,
    /// To a repository on ECR Public. The examples of its guide name `*` as the resource besides.
    PublicRepository,
    /// To a registry: a principal and resources.
    Registry,
}

/// A policy.
#[derive(Debug, Clone)]
pub(in crate::emulator) struct Document {
    /// Whether it is of the version that has variables.
    variables: bool,
    statements: Vec<Statement>,
}

/// What a policy says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    Silent,
    Allow(Named),
    Deny,
}

/// How closely the policy of a resource names who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    /// The account, which leaves it to the policies of its users and roles.
    Account,
    /// The user or role, or everybody.
    Identity,
    /// This one session of the role.
    Session,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Principal<'a> {
    /// 12 digits; none for a web identity that has no session yet.
    pub(super) account: Option<&'a str>,
    /// The user, or the role of the session.
    pub(super) arn: Option<&'a str>,
    /// The session, if it is one.
    pub(super) session: Option<&'a str>,
    /// The OIDC provider of a web identity.
    pub(super) federated: Option<&'a str>,
}

/// What a policy is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) principal: Principal<'a>,
    /// `ecr:PutImage`
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    pub(super) context: &'a Context,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Raw {
    version: Option<String>,
    #[serde(rename = "Id")]
    _id: Option<String>,
    statement: OneOrManyStatements,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrManyStatements {
    Many(Vec<Value>),
    One(Value),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    principal: Option<Principals>,
    not_principal: Option<Principals>,
    action: Option<OneOrMany>,
    not_action: Option<OneOrMany>,
    resource: Option<OneOrMany>,
    not_resource: Option<OneOrMany>,
    #[serde(default)]
    condition: Conditions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// `"*"` or principals by kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Principals {
    Text(String),
    ByKind(ByKind),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByKind {
    #[serde(rename = "AWS", default)]
    aws: OneOrMany,
    #[serde(rename = "Federated", default)]
    federated: OneOrMany,
    /// Services of AWS do not call the emulator.
    #[serde(rename = "Service", default)]
    _service: OneOrMany,
    #[serde(rename = "CanonicalUser", default)]
    _canonical_user: OneOrMany,
}

/// One text or several. Truth values and numbers may stand without quotes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct OneOrMany(Vec<String>);

impl OneOrMany {
    pub(super) fn all(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Value> for OneOrMany {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let scalar = |value: Value| match value {
            Value::String(text) => Ok(text),
            Value::Bool(truth) => Ok(truth.to_string()),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err("expected a text or a list of texts"),
        };
        match value {
            Value::Array(values) => values.into_iter().map(scalar).collect::<Result<_, _>>().map(Self),
            value => Ok(Self(vec![scalar(value)?])),
        }
    }
}

impl Document {
    /// The policy in `text`, or what is wrong with it.
    pub(in crate::emulator) fn parse(text: &str, attached: Attached) -> Result<Self, String> {
        // A list would be read as the members in order.
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Self::from_value(value, attached)
    }

    /// The policy in `value`, or what is wrong with it.
    pub(in crate::emulator) fn from_value(value: Value, attached: Attached) -> Result<Self, String> {
        if !value.is_object() {
            return Err("a policy is a JSON object".into());
        }
        let raw: Raw = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let variables = match raw.version.as_deref() {
            Some("2012-10-17") => true,
            Some("2008-10-17") | None => false,
            Some(other) => return Err(format!("there is no policy version `{other}`")),
        };
        let statements = match raw.statement {
            OneOrManyStatements::Many(statements) => statements,
            OneOrManyStatements::One(statement) => vec![statement],
        };
        if statements.is_empty() {
            return Err("it has no statement".into());
        }
        let read = |(index, value): (usize, Value)| {
            let at = |reason: String| format!("its statement {}: {reason}", index + 1);
            if !value.is_object() {
                return Err(at("it is not a JSON object".into()));
            }
            let statement: Statement =
                serde_json::from_value(value).map_err(|error| at(error.to_string()))?;
            statement.check(attached).map_err(at)?;
            Ok(statement)
        };
        let statements = statements.into_iter().enumerate().map(read).collect::<Result<_, String>>()?;
        Ok(Self { variables, statements })
    }

    /// What it says about a request.
    pub(super) fn finding(&self, question: &Question<'_>) -> Finding {
        let found = self.statements.iter().map(|statement| statement.finding(question, self.variables));
        found.max().unwrap_or(Finding::Silent)
    }

    /// Whether each statement that lets the OIDC provider `arn` in restricts the condition key `key`.
    pub(super) fn restricts(&self, arn: &str, key: &str) -> bool {
        self.statements.iter().all(|statement| {
            let names = match &statement.principal {
                Some(Principals::ByKind(kinds)) => kinds.federated.all().iter().any(|text| text == arn),
                _ => false,
            };
            !names || statement.effect == Effect::Deny || statement.condition.restrict(key)
        })
    }
}

impl Statement {
    fn check(&self, attached: Attached) -> Result<(), String> {
        let one_of = |name: &str, yes: bool, no: bool| match (yes, no) {
            (true, true) => Err(format!("it has both {name} and Not{name}")),
            (false, false) => Err(format!("it has no {name}")),
            _ => Ok(()),
        };
        let none_of = |name: &str, yes: bool, no: bool| match (yes, no) {
            (false, false) => Ok(()),
            _ => Err(format!("a policy of this kind has no {name}")),
        };
        let principal = (self.principal.is_some(), self.not_principal.is_some());
        let resource = (self.resource.is_some(), self.not_resource.is_some());
        one_of("Action", self.action.is_some(), self.not_action.is_some())?;
        match attached {
            Attached::Identity => none_of("Principal", principal.0, principal.1)?,
            _ => one_of("Principal", principal.0, principal.1)?,
        }
        match attached {
            Attached::Role | Attached::Repository => none_of("Resource", resource.0, resource.1)?,
            Attached::Identity | Attached::Registry => one_of("Resource", resource.0, resource.1)?,
            Attached::PublicRepository => {}
        }
        let actions = self.action.iter().chain(&self.not_action).flat_map(OneOrMany::all);
        for action in actions {
            if action != "*"
                && action.split_once(':').is_none_or(|(service, name)| service.is_empty() || name.is_empty())
            {
                return Err(format!("`{action}` is no action"));
            }
        }
        for principals in self.principal.iter().chain(&self.not_principal) {
            match principals {
                Principals::Text(text) if text != "*" => return Err(format!("`{text}` is no principal")),
                Principals::Text(_) => {}
                Principals::ByKind(kinds) => {
                    for text in kinds.aws.all() {
                        if text != "*" && !is_account(text) && !text.starts_with("arn:") {
                            return Err(format!("`{text}` is no principal"));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn finding(&self, question: &Question<'_>, variables: bool) -> Finding {
        let fill = |text: &String| Pattern::fill(text, variables, question.context);
        let action = question.action.to_lowercase();
        let acts = |actions: &OneOrMany| {
            actions.all().iter().any(|text| glob::matches_like(&text.to_lowercase(), &action))
        };
        let lies = |resources: &OneOrMany| {
            resources.all().iter().filter_map(fill).any(|pattern| pattern.matches(question.resource))
        };
        let named = match (&self.principal, &self.not_principal) {
            (Some(principals), _) => principals.name(question.principal, self.effect),
            (None, Some(principals)) => {
                let named = principals.name(question.principal, Effect::Deny);
                if named.is_none() { Some(Named::Identity) } else { None }
            }
            (None, None) => Some(Named::Session),
        };
        let applies = self.action.as_ref().is_none_or(acts)
            && !self.not_action.as_ref().is_some_and(acts)
            && self.resource.as_ref().is_none_or(lies)
            && !self.not_resource.as_ref().is_some_and(lies)
            && self.condition.hold(question.context, variables);
        match (named, self.effect) {
            (Some(named), Effect::Allow) if applies => Finding::Allow(named),
            (Some(_), Effect::Deny) if applies => Finding::Deny,
            _ => Finding::Silent,
        }
    }
}

/// Whether `text` is 12 digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Principals {
    /// How closely they name `who`; a denial that names an account is for all in it.
    fn name(&self, who: Principal<'_>, effect: Effect) -> Option<Named> {
        match self {
            Self::Text(text) => (text == "*").then_some(Named::Identity),
            Self::ByKind(kinds) => {
                if who.federated.is_some_and(|arn| kinds.federated.all().iter().any(|text| text == arn)) {
                    return Some(Named::Identity);
                }
                let account = who.account?;
                let name = |text: &String| {
                    if who.session == Some(text) {
                        Some(Named::Session)
                    } else if text == "*" || who.arn == Some(text) {
                        Some(Named::Identity)
                    } else if text == account || is_root(text, account) {
                        Some(if effect == Effect::Deny { Named::Identity } else { Named::Account })
                    } else {
                        None
                    }
                };
                kinds.aws.all().iter().filter_map(name).max()
            }
        }
    }
}

/// Whether `arn` is `arn:aws:iam::ACCOUNT:root`, in whatever partition.
fn is_root(arn: &str, account: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    matches!(parts[..], ["arn", _, "iam", "", found, "root"] if found == account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ROLE: &str = "arn:aws:iam::123456789012:role/ci/deploy";
    const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/deploy/job-1";

    fn find(attached: Attached, statement: &Value, action: &str, resource: &str) -> Finding {
        let policy = json!({ "Version": "2012-10-17", "Statement": statement });
        let context = Context::default().with("aws:PrincipalTag/team", "shop");
        let principal = Principal {
            account: Some("123456789012"),
            arn: Some(ROLE),
            session: Some(SESSION),
            federated: None,
        };
        let question = Question { principal, action, resource, context: &context };
        Document::from_value(policy, attached).unwrap().finding(&question)
    }

    #[test]
    fn actions_and_resources() {
        let repository = "arn:aws:ecr:us-east-1:123456789012:repository/shop/api";
        let yes = Finding::Allow(Named::Session);
        let allow = |action: Value, resource: Value| json!({ "Effect": "Allow", "Action": action, "Resource": resource });
        let table = [
            (allow(json!("ecr:PutImage"), json!("*")), yes),
            (allow(json!("ECR:putimage"), json!("*")), yes),
            (allow(json!("ecr:*"), json!(repository)), yes),
            (allow(json!("*"), json!("arn:aws:ecr:*:123456789012:repository/shop/*")), yes),
            (allow(json!(["ecr:GetImage", "ecr:Put?mage"]), json!([repository])), yes),
            (allow(json!("ecr:Get*"), json!("*")), Finding::Silent),
            (allow(json!("ecr:PutImage"), json!("arn:aws:ecr:*:*:repository/other")), Finding::Silent),
            (allow(json!("ecr:*"), json!("arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team}/*")), yes),
            (
                allow(json!("ecr:*"), json!("arn:aws:ecr:*:*:repository/${aws:PrincipalTag/x}*")),
                Finding::Silent,
            ),
            (json!({ "Effect": "Allow", "NotAction": "ecr:Delete*", "Resource": "*" }), yes),
            (json!({ "Effect": "Allow", "NotAction": "ecr:Put*", "Resource": "*" }), Finding::Silent),
            (json!({ "Effect": "Allow", "Action": "*", "NotResource": repository }), Finding::Silent),
            (json!({ "Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::*" }), Finding::Deny),
            (
                json!([
                    { "Effect": "Allow", "Action": "*", "Resource": "*" },
                    { "Effect": "Deny", "Action": "ecr:PutImage", "Resource": "*" },
                ]),
                Finding::Deny,
            ),
            (
                json!({ "Effect": "Deny", "Action": "*", "Resource": "*",
                    "Condition": { "StringNotEquals": { "aws:PrincipalTag/team": "shop" } } }),
                Finding::Silent,
            ),
        ];
        for (statement, expected) in table {
            assert_eq!(
                find(Attached::Identity, &statement, "ecr:PutImage", repository),
                expected,
                "{statement}"
            );
        }
    }

    #[test]
    fn principals() {
        let allow =
            |principal: Value| json!({ "Effect": "Allow", "Principal": principal, "Action": "ecr:*" });
        let table = [
            (allow(json!("*")), Finding::Allow(Named::Identity)),
            (allow(json!({ "AWS": "*" })), Finding::Allow(Named::Identity)),
            (allow(json!({ "AWS": "123456789012" })), Finding::Allow(Named::Account)),
            (allow(json!({ "AWS": ["arn:aws:iam::123456789012:root"] })), Finding::Allow(Named::Account)),
            (
                allow(json!({ "AWS": ["arn:aws:iam::123456789012:root", ROLE] })),
                Finding::Allow(Named::Identity),
            ),
            (allow(json!({ "AWS": SESSION })), Finding::Allow(Named::Session)),
            (allow(json!({ "AWS": "arn:aws:iam::123456789012:role/deploy" })), Finding::Silent),
            (allow(json!({ "AWS": "arn:aws:iam::210987654321:root" })), Finding::Silent),
            (allow(json!({ "Service": "lambda.amazonaws.com" })), Finding::Silent),
            (json!({ "Effect": "Deny", "NotPrincipal": { "AWS": ROLE }, "Action": "*" }), Finding::Silent),
            (
                json!({ "Effect": "Deny", "NotPrincipal": { "AWS": "arn:aws:iam::1:root" }, "Action": "*" }),
                Finding::Deny,
            ),
            (
                json!({ "Effect": "Deny", "Principal": { "AWS": "123456789012" }, "Action": "*" }),
                Finding::Deny,
            ),
        ];
        for (statement, expected) in table {
            assert_eq!(find(Attached::Repository, &statement, "ecr:PutImage", "x"), expected, "{statement}");
        }
    }

    #[test]
    fn what_is_no_policy_says_why() {
        let table = [
            (json!([]), "a policy is a JSON object"),
            (json!({ "Version": "2012-10-17", "Statement": [] }), "no statement"),
            (json!({ "Version": "2020-01-01", "Statement": {} }), "no policy version"),
            (json!({ "Statement": { "Effect": "Allow", "Resource": "*" } }), "statement 1: it has no Action"),
            (json!({ "Statement": { "Effect": "Maybe", "Action": "*", "Resource": "*" } }), "Maybe"),
            (
                json!({ "Statement": { "Effect": "Allow", "Action": "PutImage", "Resource": "*" } }),
                "no action",
            ),
            (json!({ "Statement": { "Effect": "Allow", "Action": "*" } }), "it has no Resource"),
            (
                json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*" } }),
                "has no Principal",
            ),
            (
                json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*", "Conditions": {} } }),
                "unknown field",
            ),
        ];
        for (policy, expected) in table {
            let error = Document::from_value(policy.clone(), Attached::Identity).unwrap_err();
            assert!(error.contains(expected), "{policy}: {error}");
        }
    }
}
