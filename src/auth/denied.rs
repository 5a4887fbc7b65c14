//! What to tell whoever STS has turned away: what the token says, and what would have let it in.

use crate::auth::claims::{Audience, Claims};
use crate::auth::token::Issued;
use crate::base::clock::rfc3339;
use std::fmt;

/// The audience that AWS documents for its role trust policies.
const USUAL_AUDIENCE: &str = "sts.amazonaws.com";

/// STS did not let a token assume a role. Neither the token nor a key is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The role.
    pub role: String,
    /// Where the token came from.
    pub origin: String,
    /// When such tokens are made.
    pub issued: Issued,
    /// AWS's error code.
    pub code: String,
    /// AWS's words.
    pub message: String,
    /// AWS's request id, if it gave one.
    pub request: Option<String>,
    /// What the token says.
    pub claims: Claims,
    /// The audience that was asked for, where one can ask.
    pub audience: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, origin, code, message, request, .. } = self;
        write!(f, "STS refused to let the OIDC token of {origin} assume the role {role}: {code}: {message}")?;
        match request {
            Some(request) => write!(f, " (request id {request})"),
            None => Ok(()),
        }
    }
}

impl Refusal {
    /// What to do, by AWS's code; never by the words of its message.
    pub(super) fn hint(&self) -> String {
        match self.code.as_str() {
            "ExpiredTokenException" => format!("{}\n{}", self.why_expired(), self.says()),
            "InvalidIdentityToken" => {
                format!("{}\n{}\n{}", self.provider_wanted(), self.says(), self.policy_wanted())
            }
            "AccessDenied" => format!("{}\n{}\n{}", self.role_wanted(), self.says(), self.policy_wanted()),
            "ValidationError" => {
                "check the role's ARN, `--role-session-name`, and that `--role-duration-seconds` is not more than the \
                 role's maximum session duration"
                    .into()
            }
            "IDPCommunicationError" => format!(
                "AWS has to reach the issuer over HTTPS to check the signature: {}/.well-known/openid-configuration",
                or_none(self.claims.iss.as_deref())
            ),
            "RegionDisabledException" => {
                "STS is switched off in this region: use another one with `--region`, or have it switched on".into()
            }
            _ => format!("what AWS was shown:\n{}\n{}", self.says(), self.policy_wanted()),
        }
    }

    fn why_expired(&self) -> &'static str {
        match self.issued {
            Issued::OnDemand => {
                "the token is a fresh one, so the clock of this machine or of the CI is wrong"
            }
            Issued::AtTheStart => {
                "the CI made the token when the job started: let this step come sooner, split the job, or let the token \
                 live longer where the CI can (in GitLab it lives as long as the job's `timeout:`)"
            }
            Issued::BySomebody => {
                "whoever writes the file has to renew it: it is read anew each time that credentials are needed"
            }
        }
    }

    fn provider_wanted(&self) -> String {
        let issuer = or_none(self.claims.iss.as_deref());
        let (account, provider, audience) = (self.account(), self.provider(), self.own_audience());
        format!(
            "IAM in the account {account} does not know the issuer as an OIDC provider, or the provider does not list \
             the audience; one of these, run there, helps:\n    aws iam create-open-id-connect-provider --url {issuer} \
             --client-id-list {audience}\n    aws iam add-client-id-to-open-id-connect-provider --client-id {audience} \
             --open-id-connect-provider-arn {provider}"
        )
    }

    fn role_wanted(&self) -> String {
        let name = self.role.rsplit('/').next().unwrap_or(&self.role);
        format!(
            "the role must exist in the account {}, and its trust policy must match the token; AWS does not tell which \
             of the two is wrong, and `aws iam get-role --role-name {name}`, run there, does",
            self.account()
        )
    }

    /// What the token says.
    fn says(&self) -> String {
        let Claims { iss, sub, aud, exp: _ } = &self.claims;
        let aud = aud.as_ref().map(Audience::to_string);
        format!(
            "  the token says:\n    iss {}\n    sub {}\n    aud {}\n    exp {}",
            or_none(iss.as_deref()),
            or_none(sub.as_deref()),
            or_none(aud.as_deref()),
            or_none(self.claims.expires().map(rfc3339).as_deref()),
        )
    }

    /// What the role has to say about such a token.
    fn policy_wanted(&self) -> String {
        let issuer = self.claims.provider().unwrap_or("ISSUER");
        let remark = match self.issued {
            Issued::OnDemand if self.audience != USUAL_AUDIENCE => {
                format!(" (asked for with `--audience`; usually it is {USUAL_AUDIENCE})")
            }
            Issued::OnDemand => String::new(),
            Issued::AtTheStart | Issued::BySomebody => {
                " (chosen where the token is issued; `--audience` has no say in it)".into()
            }
        };
        format!(
            "  the trust policy of {} must have:\n    \"Principal\": {{\"Federated\": \"{}\"}}\n    \"{issuer}:aud\": \
             \"{}\"{remark}\n    \"{issuer}:sub\": a pattern that matches the sub above",
            self.role,
            self.provider(),
            self.own_audience(),
        )
    }

    fn account(&self) -> &str {
        self.role.split(':').nth(4).unwrap_or("ACCOUNT")
    }

    /// The ARN that the issuer has as a provider in the role's account.
    fn provider(&self) -> String {
        let partition = self.role.split(':').nth(1).unwrap_or("aws");
        let issuer = self.claims.provider().unwrap_or("ISSUER");
        format!("arn:{partition}:iam::{}:oidc-provider/{issuer}", self.account())
    }

    /// The audience of the token.
    fn own_audience(&self) -> &str {
        self.claims.aud.as_ref().and_then(Audience::first).unwrap_or(&self.audience)
    }
}

fn or_none(text: Option<&str>) -> &str {
    text.unwrap_or("(none)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str, issued: Issued) -> Refusal {
        Refusal {
            role: "arn:aws-cn:iam::210987654321:role/ci/push".into(),
            origin: "the file `t`".into(),
            issued,
            code: code.into(),
            message: "No".into(),
            request: None,
            claims: Claims {
                iss: Some("https://gitlab.example".into()),
                sub: Some("project_path:acme/shop:ref_type:branch:ref:main".into()),
                aud: Some(Audience::Many(vec!["https://gitlab.example".into(), "other".into()])),
                exp: Some(1_700_000_000),
            },
            audience: "sts.amazonaws.com".into(),
        }
    }

    #[test]
    fn the_policy_is_about_the_audience_that_the_token_has() {
        let hint = refusal("AccessDenied", Issued::AtTheStart).hint();
        for part in [
            "the account 210987654321",
            "--role-name push`",
            "exp 2023-11-14T22:13:20Z",
            "\"arn:aws-cn:iam::210987654321:oidc-provider/gitlab.example\"",
            "\"gitlab.example:aud\": \"https://gitlab.example\" (chosen where the token is issued",
        ] {
            assert!(hint.contains(part), "{part}\n{hint}");
        }
    }

    #[test]
    fn what_helps_against_an_expired_token_depends_on_who_made_it() {
        for (issued, part) in
            [(Issued::OnDemand, "clock"), (Issued::AtTheStart, "timeout"), (Issued::BySomebody, "renew it")]
        {
            let hint = refusal("ExpiredTokenException", issued).hint();
            assert!(hint.contains(part) && hint.contains("exp 2023-11-14"), "{hint}");
        }
    }

    #[test]
    fn every_code_has_its_hint() {
        for (code, part) in [
            ("ValidationError", "--role-duration-seconds"),
            ("IDPCommunicationError", "https://gitlab.example/.well-known/openid-configuration"),
            ("RegionDisabledException", "--region"),
            ("SomethingNew", "gitlab.example:sub"),
        ] {
            let hint = refusal(code, Issued::BySomebody).hint();
            assert!(hint.contains(part), "{hint}");
        }
        let empty = Refusal { claims: Claims::default(), ..refusal("AccessDenied", Issued::OnDemand) };
        assert!(empty.hint().contains("\"ISSUER:aud\": \"sts.amazonaws.com\"\n"), "{}", empty.hint());
    }
}
