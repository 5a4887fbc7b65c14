//! Whether a request may be made: all policies that have a say, put together.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>, and for
//! the wording `troubleshoot_access-denied.html` beside it.

use super::document::{Document, Finding, Named, Question};

/// The policies that have a say.
#[derive(Debug, Clone, Default)]
pub(super) struct Policies<'a> {
    /// Of the user or the role.
    pub(super) identity: Vec<&'a Document>,
    /// That the session was made with, if it was.
    pub(super) session: Option<Vec<&'a Document>>,
    /// Of the resource, and of what it lies in.
    pub(super) resource: Vec<&'a Document>,
}

/// Which kind of policy decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Identity,
    Session,
    Resource,
}

/// Why a request may not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) by: Kind,
    /// A statement says so; otherwise no statement allows it.
    pub(super) explicit: bool,
}

impl Denial {
    fn explicit(by: Kind) -> Self {
        Self { by, explicit: true }
    }

    fn implicit(by: Kind) -> Self {
        Self { by, explicit: false }
    }

    /// The end of AWS's message.
    pub(super) fn reason(self, action: &str) -> String {
        let kind = match self.by {
            Kind::Identity => "identity-based",
            Kind::Session => "session",
            Kind::Resource => "resource-based",
        };
        let article = if self.by == Kind::Identity { "an" } else { "a" };
        if self.explicit {
            format!("with an explicit deny in {article} {kind} policy")
        } else {
            format!("because no {kind} policy allows the {action} action")
        }
    }
}

/// What the policies of each kind say.
struct Findings {
    identity: bool,
    session: bool,
    resource: Option<Named>,
}

fn findings(policies: &Policies<'_>, question: &Question<'_>) -> Result<Findings, Denial> {
    let most = |documents: &[&Document]| {
        documents.iter().map(|document| document.finding(question)).max().unwrap_or(Finding::Silent)
    };
    let identity = most(&policies.identity);
    let session = policies.session.as_deref().map_or(Finding::Allow(Named::Session), most);
    let resource = most(&policies.resource);
    for (finding, kind) in [(identity, Kind::Identity), (session, Kind::Session), (resource, Kind::Resource)]
    {
        if finding == Finding::Deny {
            return Err(Denial::explicit(kind));
        }
    }
    Ok(Findings {
        identity: matches!(identity, Finding::Allow(_)),
        session: matches!(session, Finding::Allow(_)),
        resource: match resource {
            Finding::Allow(named) => Some(named),
            Finding::Silent | Finding::Deny => None,
        },
    })
}

/// Whether the policies allow the request. Within an account, either side can allow it; across accounts, both
/// have to.
pub(super) fn decide(
    policies: &Policies<'_>,
    question: &Question<'_>,
    same_account: bool,
) -> Result<(), Denial> {
    let found = findings(policies, question)?;
    if same_account {
        match found.resource {
            // What names the very session is not bounded by the policies that it was made with.
            Some(Named::Session) => return Ok(()),
            Some(Named::Identity) if found.session => return Ok(()),
            Some(Named::Identity) => return Err(Denial::implicit(Kind::Session)),
            Some(Named::Account) | None => {}
        }
    }
    if !found.identity {
        return Err(Denial::implicit(Kind::Identity));
    }
    if !found.session {
        return Err(Denial::implicit(Kind::Session));
    }
    if !same_account && found.resource.is_none() {
        return Err(Denial::implicit(Kind::Resource));
    }
    Ok(())
}

/// Whether a role may be assumed: its trust policy (the resource's) has to allow it in any case, and unless it
/// names who asks, the policies of who asks have to, too.
pub(super) fn decide_trust(
    policies: &Policies<'_>,
    question: &Question<'_>,
    same_account: bool,
) -> Result<(), Denial> {
    if findings(policies, question)?.resource.is_none() {
        return Err(Denial::implicit(Kind::Resource));
    }
    decide(policies, question, same_account)
}

#[cfg(test)]
mod tests {
    use super::super::context::Context;
    use super::super::document::{Attached, Principal};
    use super::*;
    use serde_json::{Value, json};

    const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";
    const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/deploy/job";

    #[expect(clippy::unnecessary_wraps, reason = "the tables want it so")]
    fn identity(effect: &str, action: &str) -> Option<Value> {
        Some(json!({ "Statement": { "Effect": effect, "Action": action, "Resource": "*" } }))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the tables want it so")]
    fn resource(effect: &str, principal: &str) -> Option<Value> {
        let principal = json!({ "AWS": principal });
        Some(json!({ "Statement": { "Effect": effect, "Principal": principal, "Action": "ecr:PutImage" } }))
    }

    /// Policies of the identity, the session and the resource; whether both are of one account; the answer.
    type Row = (Option<Value>, Option<Value>, Option<Value>, bool, &'static str);
    type Decide = fn(&Policies<'_>, &Question<'_>, bool) -> Result<(), Denial>;

    fn run(
        how: Decide,
        identity: Option<Value>,
        session: Option<Value>,
        resource: Option<Value>,
        same: bool,
    ) -> String {
        let parse = |value: Option<Value>, attached| {
            value.map(|value| Document::from_value(value, attached).unwrap())
        };
        let identity = parse(identity, Attached::Identity);
        let session = parse(session, Attached::Identity);
        let resource = parse(resource, Attached::Repository);
        let policies = Policies {
            identity: identity.iter().collect(),
            session: session.as_ref().map(|document| vec![document]),
            resource: resource.iter().collect(),
        };
        let context = Context::default();
        let principal = Principal {
            account: Some("123456789012"),
            arn: Some(ROLE),
            session: Some(SESSION),
            federated: None,
        };
        let question = Question { principal, action: "ecr:PutImage", resource: "x", context: &context };
        how(&policies, &question, same).map_or_else(|denial| denial.reason("ecr:PutImage"), |()| "yes".into())
    }

    #[test]
    fn both_sides_and_the_session() {
        const NO_IDENTITY: &str = "because no identity-based policy allows the ecr:PutImage action";
        const NO_SESSION: &str = "because no session policy allows the ecr:PutImage action";
        const NO_RESOURCE: &str = "because no resource-based policy allows the ecr:PutImage action";
        let put = || identity("Allow", "ecr:PutImage");
        let other = || identity("Allow", "ecr:GetImage");
        let root = "arn:aws:iam::123456789012:root";
        let table: Vec<Row> = vec![
            (None, None, None, true, NO_IDENTITY),
            (other(), None, None, true, NO_IDENTITY),
            (put(), None, None, true, "yes"),
            (put(), put(), None, true, "yes"),
            (put(), other(), None, true, NO_SESSION),
            (None, None, resource("Allow", ROLE), true, "yes"),
            (None, None, resource("Allow", SESSION), true, "yes"),
            (None, None, resource("Allow", root), true, NO_IDENTITY),
            (put(), None, resource("Allow", root), true, "yes"),
            (None, other(), resource("Allow", ROLE), true, NO_SESSION),
            (None, other(), resource("Allow", SESSION), true, "yes"),
            (put(), None, None, false, NO_RESOURCE),
            (put(), None, resource("Allow", root), false, "yes"),
            (None, None, resource("Allow", ROLE), false, NO_IDENTITY),
            (put(), other(), resource("Allow", ROLE), false, NO_SESSION),
            (
                identity("Deny", "ecr:*"),
                None,
                None,
                true,
                "with an explicit deny in an identity-based policy",
            ),
            (put(), identity("Deny", "*"), None, true, "with an explicit deny in a session policy"),
            (put(), None, resource("Deny", root), true, "with an explicit deny in a resource-based policy"),
            (put(), None, resource("Deny", "*"), false, "with an explicit deny in a resource-based policy"),
        ];
        for (index, (identity, session, resource, same, expected)) in table.into_iter().enumerate() {
            assert_eq!(run(decide, identity, session, resource, same), expected, "row {index}");
        }
    }

    #[test]
    fn a_role_has_to_trust() {
        let put = || identity("Allow", "ecr:PutImage");
        let root = "arn:aws:iam::123456789012:root";
        assert!(run(decide_trust, put(), None, None, true).contains("resource-based"));
        assert_eq!(run(decide_trust, put(), None, resource("Allow", root), true), "yes");
        assert_eq!(run(decide_trust, None, None, resource("Allow", ROLE), true), "yes");
        assert!(run(decide_trust, None, None, resource("Allow", root), true).contains("identity-based"));
        assert!(run(decide_trust, None, None, resource("Allow", ROLE), false).contains("identity-based"));
    }
}
