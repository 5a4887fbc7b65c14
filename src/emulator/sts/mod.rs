//! STS: the query protocol, `AssumeRole`, `AssumeRoleWithWebIdentity` and `GetCallerIdentity`.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html>, and the error texts of the
//! service as users have reported them.

mod parameters;
mod role;
mod tags;
mod web_identity;
mod xml;

pub(super) use role::assume_role;
pub(super) use web_identity::assume_role_with_web_identity;
pub(super) use xml::{answer, answer_error, escape};

use super::app::App;
use super::error::ApiError;
use super::iam::{Caller, Session};
use crate::base::Timestamp;
use crate::base::clock::rfc3339;
use std::borrow::Cow;
use std::collections::BTreeMap;

const VERSION: &str = "2011-06-15";

/// The form of a call.
pub(super) struct Form<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl<'a> Form<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Self {
        Self(url::form_urlencoded::parse(body).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    /// The values of `NAME.member.1SUFFIX`, `NAME.member.2SUFFIX` and so on.
    fn members<'f>(&'f self, name: &'f str, suffix: &'f str) -> impl Iterator<Item = &'f str> {
        (1..).map_while(move |index| self.get(&format!("{name}.member.{index}{suffix}")))
    }

    /// The operation, if it is one of STS and of the one version that there is.
    pub(super) fn action(&self) -> Result<&str, ApiError> {
        const KNOWN: [&str; 3] = ["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"];
        let action = self
            .get("Action")
            .ok_or_else(|| ApiError::new("MissingAction", "The request is missing the Action parameter"))?;
        let version = self.get("Version").unwrap_or_default();
        if version == VERSION && KNOWN.contains(&action) {
            return Ok(action);
        }
        Err(ApiError::new(
            "InvalidAction",
            format!("Could not find operation {action} for version {version}"),
        ))
    }
}

/// `GetCallerIdentity`, for the caller whose signature was verified. It needs no permission.
pub(super) fn get_caller_identity(caller: &Caller) -> String {
    let mut text = String::new();
    xml::text(&mut text, "Arn", &caller.session.arn());
    xml::text(&mut text, "UserId", &caller.session.user_id());
    xml::text(&mut text, "Account", &caller.session.account);
    text
}

/// When a session that was asked for `duration` seconds ends.
fn end_of_session(app: &App, now: Timestamp, duration: i64) -> i64 {
    let lifetime = i64::try_from(app.credential_lifetime.as_secs()).unwrap_or(i64::MAX).min(duration);
    now.as_second().saturating_add(lifetime)
}

/// What every answer with a session has.
fn describe_session(
    app: &App,
    session: &Session,
    packed: Option<u64>,
    text: &mut String,
) -> Result<(), ApiError> {
    let credentials = session.credentials(&app.gate.seal);
    let expiration = Timestamp::from_second(session.expires).map_err(ApiError::server)?;
    xml::group(text, "AssumedRoleUser", |text| {
        xml::text(text, "Arn", &session.arn());
        xml::text(text, "AssumedRoleId", &session.user_id());
    });
    xml::group(text, "Credentials", |text| {
        xml::text(text, "AccessKeyId", &session.access_key_id);
        xml::text(text, "SecretAccessKey", &credentials.secret_access_key);
        xml::text(text, "SessionToken", &credentials.session_token);
        xml::text(text, "Expiration", &rfc3339(expiration));
    });
    if let Some(packed) = packed {
        xml::text(text, "PackedPolicySize", &packed.to_string());
    }
    if let Some(identity) = &session.source_identity {
        xml::text(text, "SourceIdentity", identity);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_sts_knows_is_an_action() {
        let action = |body: &str| Form::parse(body.as_bytes()).action().map(str::to_owned);
        assert_eq!(action("Action=GetCallerIdentity&Version=2011-06-15").unwrap(), "GetCallerIdentity");
        let error = action("Action=Fly&Version=2011-06-15").unwrap_err();
        assert_eq!(error.code, "InvalidAction");
        assert_eq!(action("").unwrap_err().code, "MissingAction");
    }

    #[test]
    fn lists_end_where_a_number_is_missing() {
        let form = Form::parse(b"Tags.member.1.Key=a&Tags.member.2.Key=b&Tags.member.4.Key=d");
        assert_eq!(form.members("Tags", ".Key").collect::<Vec<_>>(), ["a", "b"]);
    }
}
