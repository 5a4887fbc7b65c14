//! STS: the query protocol, `AssumeRoleWithWebIdentity` and `GetCallerIdentity`.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>, and the
//! error texts of the service as users have reported them.

use super::app::App;
use super::error::ApiError;
use super::iam::{Caller, Role, Session};
use super::oidc::{self, Claims, TokenFlaw};
use crate::base::clock::rfc3339;
use crate::base::{Secret, Timestamp};
use axum::http::StatusCode;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const VERSION: &str = "2011-06-15";
/// IAM accepts a token for this long after it expired.
const LEEWAY_SECONDS: i64 = 300;

/// The form of a call.
pub(super) struct Form<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl<'a> Form<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Self {
        Self(url::form_urlencoded::parse(body).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    /// The operation, if it is one of STS and of the one version that there is.
    pub(super) fn action(&self) -> Result<&str, ApiError> {
        let action = self
            .get("Action")
            .ok_or_else(|| ApiError::new("MissingAction", "The request is missing the Action parameter"))?;
        let version = self.get("Version").unwrap_or_default();
        if version == VERSION && matches!(action, "AssumeRoleWithWebIdentity" | "GetCallerIdentity") {
            return Ok(action);
        }
        Err(ApiError::new(
            "InvalidAction",
            format!("Could not find operation {action} for version {version}"),
        ))
    }
}

/// `ValidationError` as STS words it.
fn invalid(member: &str, value: &str, constraint: &str) -> ApiError {
    ApiError::new(
        "ValidationError",
        format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
        ),
    )
}

fn required<'f>(
    form: &'f Form<'_>,
    name: &str,
    member: &str,
    min: usize,
    max: usize,
) -> Result<&'f str, ApiError> {
    let Some(value) = form.get(name) else {
        return Err(ApiError::new(
            "ValidationError",
            format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must \
                 not be null"
            ),
        ));
    };
    let length = value.chars().count();
    // A token is a secret; the message does not repeat it.
    let shown = if member == "webIdentityToken" { "" } else { value };
    if length < min {
        let constraint = format!("Member must have length greater than or equal to {min}");
        return Err(invalid(member, shown, &constraint));
    }
    if length > max {
        let constraint = format!("Member must have length less than or equal to {max}");
        return Err(invalid(member, shown, &constraint));
    }
    Ok(value)
}

/// `AssumeRoleWithWebIdentity`, which is not signed: the token is what proves who calls.
pub(super) fn assume_role_with_web_identity(app: &App, form: &Form<'_>) -> Result<Secret, ApiError> {
    let arn = required(form, "RoleArn", "roleArn", 20, 2048)?;
    let name = required(form, "RoleSessionName", "roleSessionName", 2, 64)?;
    let token = required(form, "WebIdentityToken", "webIdentityToken", 4, 20_000)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !name.chars().all(legal) {
        let constraint = r"Member must satisfy regular expression pattern: [\w+=,.@-]*";
        return Err(invalid("roleSessionName", name, constraint));
    }
    let duration = duration(form.get("DurationSeconds"))?;

    let now = app.clock.now();
    let claims = verify_token(app, token, now)?;
    let subject = claims.sub.as_deref().unwrap_or_default();
    let audience = claims.azp.as_deref().or(claims.aud.all().first().map(String::as_str)).unwrap_or_default();
    let role = trusting_role(app, arn, &claims, audience)?;
    if duration > role.max_session_seconds {
        return Err(ApiError::new(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let lifetime = i64::try_from(app.credential_lifetime.as_secs()).unwrap_or(i64::MAX).min(duration);
    let session = Session::new(&app.account, role, name, now.as_second().saturating_add(lifetime));
    let credentials = session.credentials(&app.gate.seal);
    let expiration = Timestamp::from_second(session.expires).map_err(ApiError::server)?;
    let mut xml = String::new();
    for (element, value) in [
        ("SubjectFromWebIdentityToken", subject),
        ("Audience", audience),
        ("Provider", app.issuer.url.as_str()),
    ] {
        text(&mut xml, element, value);
    }
    group(&mut xml, "AssumedRoleUser", |xml| {
        text(xml, "Arn", &session.arn());
        text(xml, "AssumedRoleId", &session.user_id());
    });
    group(&mut xml, "Credentials", |xml| {
        text(xml, "AccessKeyId", &session.access_key_id);
        text(xml, "SecretAccessKey", &credentials.secret_access_key);
        text(xml, "SessionToken", &credentials.session_token);
        text(xml, "Expiration", &rfc3339(expiration));
    });
    Ok(Secret::new(xml))
}

/// `GetCallerIdentity`, for the caller whose signature was verified.
pub(super) fn get_caller_identity(caller: &Caller) -> String {
    let mut xml = String::new();
    text(&mut xml, "Arn", &caller.session.arn());
    text(&mut xml, "UserId", &caller.session.user_id());
    text(&mut xml, "Account", &caller.session.account);
    xml
}

fn duration(value: Option<&str>) -> Result<i64, ApiError> {
    let Some(text) = value else { return Ok(3600) };
    match text.parse::<i64>() {
        Err(_) => Err(ApiError::new("MalformedInput", "DurationSeconds is not a number")),
        Ok(..900) => {
            Err(invalid("durationSeconds", text, "Member must have value greater than or equal to 900"))
        }
        Ok(43_201..) => {
            Err(invalid("durationSeconds", text, "Member must have value less than or equal to 43200"))
        }
        Ok(seconds) => Ok(seconds),
    }
}

/// Everything about the token that does not depend on the role: provider, audience list, signature, dates.
fn verify_token(app: &App, token: &str, now: Timestamp) -> Result<Claims, ApiError> {
    let refuse = |message: String| ApiError::new("InvalidIdentityToken", message);
    let malformed = || {
        refuse(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
                .into(),
        )
    };
    let claims = oidc::peek(token).map_err(|_| malformed())?;
    let missing = |claim: &str| refuse(format!("Missing a required claim: {claim}"));
    let issuer = claims.iss.as_deref().ok_or_else(|| missing("iss"))?;
    if issuer != app.issuer.url {
        let issuer = issuer.strip_prefix("https://").unwrap_or(issuer);
        return Err(refuse(format!("No OpenIDConnect provider found in your account for {issuer}")));
    }
    app.issuer.verify(token).map_err(|flaw| match flaw {
        TokenFlaw::Malformed => malformed(),
        TokenFlaw::Key => refuse(
            "Couldn't retrieve verification key from your identity provider, please reference \
             AssumeRoleWithWebIdentity documentation for requirements"
                .into(),
        ),
    })?;
    if claims.aud.all().is_empty() {
        return Err(missing("aud"));
    }
    if claims.sub.is_none() {
        return Err(missing("sub"));
    }
    let expires = claims.exp.ok_or_else(|| missing("exp"))?;
    let made_at = claims.iat.ok_or_else(|| missing("iat"))?;
    let known = |audience: &String| app.audiences.contains(audience);
    if !claims.aud.all().iter().chain(&claims.azp).any(known) {
        return Err(refuse("Incorrect token audience".into()));
    }
    let now = now.as_second();
    if expires.saturating_add(LEEWAY_SECONDS) <= now {
        return Err(ApiError::new(
            "ExpiredTokenException",
            format!(
                "Token expired: current date/time {now} must be before the expiration date/time {expires}"
            ),
        ));
    }
    if made_at.max(claims.nbf.unwrap_or(made_at)) > now.saturating_add(LEEWAY_SECONDS) {
        return Err(refuse("The ID Token provided is not yet valid".into()));
    }
    Ok(claims)
}

/// The role, if it exists and trusts the token. Both failures have one answer, so that nobody learns which
/// roles there are.
fn trusting_role<'a>(app: &'a App, arn: &str, claims: &Claims, audience: &str) -> Result<&'a Role, ApiError> {
    let provider = app.issuer.url.split_once("://").map_or(&*app.issuer.url, |(_, rest)| rest);
    let mut keys = BTreeMap::from([(format!("{provider}:aud"), vec![audience.to_owned()])]);
    keys.insert(format!("{provider}:oaud"), claims.aud.all().to_vec());
    keys.insert(format!("{provider}:sub"), claims.sub.iter().cloned().collect());
    keys.insert(format!("{provider}:azp"), claims.azp.iter().cloned().collect());
    let provider_arn = format!("arn:aws:iam::{}:oidc-provider/{provider}", app.account);
    app.roles
        .iter()
        .find(|role| arn == app.role_arn(&role.name))
        .filter(|role| role.trusts(&provider_arn, &keys))
        .ok_or_else(|| {
            ApiError::with_status(
                StatusCode::FORBIDDEN,
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            )
        })
}

/// The whole answer of `operation` around the elements of its result.
pub(super) fn answer(operation: &str, result: &str, request_id: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\">\n<{operation}Result>\n{result}</{operation}Result>\n\
         <ResponseMetadata>\n<RequestId>{request_id}</RequestId>\n</ResponseMetadata>\n</{operation}Response>\n"
    )
}

/// A refused call.
pub(super) fn answer_error(error: &ApiError, request_id: &str) -> String {
    let side = if error.status.is_server_error() { "Receiver" } else { "Sender" };
    let mut xml = format!("<ErrorResponse xmlns=\"{NAMESPACE}\">\n<Error>\n");
    text(&mut xml, "Type", side);
    text(&mut xml, "Code", &error.code);
    text(&mut xml, "Message", &error.message);
    xml + "</Error>\n<RequestId>" + request_id + "</RequestId>\n</ErrorResponse>\n"
}

fn group(xml: &mut String, element: &str, content: impl FnOnce(&mut String)) {
    writeln!(xml, "<{element}>").expect("invariant: writing to a string works");
    content(xml);
    writeln!(xml, "</{element}>").expect("invariant: writing to a string works");
}

fn text(xml: &mut String, element: &str, value: &str) {
    let value = escape(value);
    writeln!(xml, "<{element}>{value}</{element}>").expect("invariant: writing to a string works");
}

/// `text` as XML takes it; characters that XML can't hold at all are left out.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
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
    fn durations_have_bounds() {
        assert_eq!(duration(None).unwrap(), 3600);
        assert_eq!(duration(Some("900")).unwrap(), 900);
        for wrong in ["899", "43201", "-1", "x", "99999999999999999999"] {
            assert!(duration(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn xml_cannot_be_broken_out_of() {
        assert_eq!(escape("<a b=\"&\">\u{0}"), "&lt;a b=&quot;&amp;&quot;&gt;");
    }
}
