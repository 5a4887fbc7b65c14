//! Who the push would be: the token of the job, the role that it lets one assume, the account.

use super::{Addition, Check, Outcome, Report};
use crate::auth::claims::Audience;
use crate::auth::{AuthError, Refusal, RoleSettings, Session, TokenFacts, TokenSource};
use crate::base::clock::rfc3339;
use crate::base::{Backoff, Kind, Timestamp, human};
use crate::ecr::iam::{Account, Issuer, Partition, Region, Subject, Trust};
use std::time::Duration;

/// For so long after its end, in seconds, AWS takes a token all the same
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html>).
const LEEWAY: i64 = 300;

const TOKEN: &str = "token";

/// Looks at the region's name, which was found in `origin`.
pub fn region(name: &str, origin: &str) -> (Check, Option<Region>) {
    match name.parse::<Region>() {
        Ok(region) => (Check::good("region", format!("{region}, from {origin}")), Some(region)),
        Err(error) => (Check::failed("region", &error), None),
    }
}

/// Gets a token as a push would, and tells of it what is no secret.
pub async fn token(
    source: &TokenSource,
    role: &RoleSettings,
    http: &reqwest::Client,
    backoff: Backoff,
    now: Timestamp,
) -> Check {
    match source.describe(http, &role.audience, backoff).await {
        Ok(facts) => describe(&facts, now),
        Err(error) => Check::failed(TOKEN, &error),
    }
}

/// There is a role, and no token to assume it with.
pub fn no_token(error: &AuthError) -> Check {
    Check { outcome: Outcome::Missing(Kind::Denied), ..Check::failed(TOKEN, error) }
}

/// There is no role, so a token is not asked for, even if `source` would give one.
pub fn no_role(source: Option<&TokenSource>) -> Check {
    match source {
        Some(source) => {
            Check::not_checked(TOKEN, format!("{source} would give one, and no role is named to use it for"))
                .remedy("name the role with `--role-to-assume ARN`")
        }
        None => Check::not_checked(TOKEN, "no role is named to use one for"),
    }
}

fn describe(facts: &TokenFacts, now: Timestamp) -> Check {
    let TokenFacts { source, claims } = facts;
    let left = claims.expires().map(|end| end.as_second() - now.as_second());
    let long = |seconds: i64| long(seconds.unsigned_abs());
    let check = match left {
        Some(left) if left <= -LEEWAY => {
            let detail = format!("of {source}, and it ran out {} ago", long(left));
            Check::new(TOKEN, Outcome::Failed(Kind::Denied), detail)
                .remedy("let the CI issue it for this job, and as late as can be")
        }
        Some(left) => Check::good(TOKEN, format!("of {source}, for another {}", long(left.max(0)))),
        None => Check::good(TOKEN, format!("of {source}; it does not say when it ends")),
    };
    check
        .fact("issuer", claims.iss.clone())
        .fact("subject", claims.sub.clone())
        .fact("audience", claims.aud.as_ref().map(ToString::to_string))
        .fact("expires", claims.expires().map(rfc3339))
}

/// A time in seconds, in the unit that matters.
fn long(seconds: u64) -> String {
    const HOUR: u64 = 3600;
    match seconds {
        0..7_200 => human::duration(Duration::from_secs(seconds)),
        7_200..172_800 => human::count(usize::try_from(seconds / HOUR).unwrap_or(usize::MAX), "hour"),
        _ => human::count(usize::try_from(seconds / HOUR / 24).unwrap_or(usize::MAX), "day"),
    }
}

/// Who AWS takes the push for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account of the credentials.
    pub account: Account,
    /// What is to be given permissions that are missing: the role, or a user.
    pub arn: String,
}

/// Gets credentials as a push would, and asks AWS whose they are. If there are none, or if they are of an account that is
/// not allowed, nothing more is to be done with them, and there is no identity.
pub async fn credentials(session: &Session, region: &Region) -> (Report, Option<Identity>) {
    let role = session.web_identity().map(|identity| &identity.role);
    let what = if role.is_some() { "role" } else { "credentials" };
    let mut report = Report::default();
    let allowed = session.authenticate().await;
    if let Err(error) = &allowed
        && !matches!(**error, AuthError::AccountNotAllowed { .. })
    {
        report.extend(refused(what, error, region.partition()));
        return (report, None);
    }
    let caller = match session.caller().await {
        Ok(caller) => caller,
        Err(error) => {
            report.push(Check::failed(what, &error));
            return (report, None);
        }
    };
    report.push(match role {
        Some(role) => {
            Check::good(what, format!("{} was assumed", role.arn)).fact("session", Some(&caller.arn))
        }
        None => Check::good(what, format!("of {}", session.source())).fact("identity", Some(&caller.arn)),
    });
    if let Err(error) = allowed {
        report.push(Check::failed("account", &error));
        return (report, None);
    }
    match caller.account.parse() {
        Ok(account) => {
            report.push(Check::good("account", &caller.account));
            let arn = role.map_or_else(|| grantee(&caller.arn), |role| role.arn.clone());
            (report, Some(Identity { account, arn }))
        }
        Err(error) => {
            report.push(Check::failed("account", &error));
            (report, None)
        }
    }
}

/// Whom permissions are given to: a session has those of its role. The path of the role, if it has one, is not known.
fn grantee(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    if let ["arn", partition, "sts", _, account, session] = parts[..]
        && let Some(name) = session.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next())
    {
        return format!("arn:{partition}:iam::{account}:role/{name}");
    }
    arn.to_owned()
}

/// There are no credentials, and if that is because the role does not let the token in, this would.
fn refused(what: &str, error: &AuthError, partition: Partition) -> Report {
    let mut report = Report::default();
    let check = Check::failed(what, error);
    let AuthError::RoleRefused(refusal) = error else {
        report.push(check);
        return report;
    };
    let account = refusal.role.split(':').nth(4).and_then(|account| account.parse::<Account>().ok());
    if let (Some(trust), Some(account)) = (wanted(refusal), account) {
        report.push(Check { outcome: Outcome::Missing(Kind::Denied), ..check });
        let to = format!("the trust policy of {}", refusal.role);
        report.add.push(Addition { to, policy: trust.policy(&account, partition) });
    } else {
        report.push(check);
    }
    report
}

/// The trust that lets in the token which STS refused, and no other; none if it was refused for another reason.
fn wanted(refusal: &Refusal) -> Option<Trust> {
    let Refusal { code, claims, audience, .. } = refusal;
    if !matches!(code.as_str(), "AccessDenied" | "InvalidIdentityToken") {
        return None;
    }
    let own = claims.aud.as_ref().and_then(Audience::first);
    Some(Trust {
        issuer: Issuer::of_token(claims.provider()?),
        audience: own.unwrap_or(audience).to_owned(),
        subjects: vec![Subject::of_token(claims.sub.as_deref()?)?],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Claims;

    #[test]
    fn a_token_is_told_of_without_itself() {
        let claims = Claims {
            iss: Some("https://gitlab.com".into()),
            sub: Some("project_path:a/b:ref_type:branch:ref:main".into()),
            exp: Some(1_000),
            ..Claims::default()
        };
        let facts = TokenFacts { source: "the file `t`".into(), claims };
        let at = |second: i64| describe(&facts, Timestamp::from_second(second).unwrap());
        let good = at(400);
        assert_eq!(
            (good.outcome, good.detail.as_str()),
            (Outcome::Good, "of the file `t`, for another 10 min 00 s")
        );
        assert_eq!(good.facts[0], ("issuer", "https://gitlab.com".into()));
        assert_eq!(good.facts[2], ("expires", "1970-01-01T00:16:40Z".into()));
        // STS is that lenient.
        assert_eq!(at(1_299).outcome, Outcome::Good);
        assert_eq!(at(1_300).outcome, Outcome::Failed(Kind::Denied));
    }

    #[test]
    fn times_have_the_unit_that_matters() {
        assert_eq!(
            [0, 300, 7_199, 7_200, 172_799, 172_800].map(long),
            ["0 ms", "5 min 00 s", "119 min 59 s", "2 hours", "47 hours", "2 days"]
        );
    }

    #[test]
    fn a_session_has_the_permissions_of_its_role() {
        let session = "arn:aws-cn:sts::123456789012:assumed-role/push/job";
        assert_eq!(grantee(session), "arn:aws-cn:iam::123456789012:role/push");
        let user = "arn:aws:iam::123456789012:user/team/alice";
        assert_eq!(grantee(user), user);
    }

    #[test]
    fn regions() {
        assert!(region("eu-west-1", "x").1.is_some());
        let (check, none) = region("us-east-1a", "x");
        assert_eq!((check.outcome, none), (Outcome::Failed(Kind::Input), None));
    }
}
