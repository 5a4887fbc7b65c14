//! `AssumeRoleWithWebIdentity`.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>.

use super::super::app::App;
use super::super::error::ApiError;
use super::super::iam::{Assumption, Context, Opening, Provider, Session};
use super::super::oidc::{self, Claims, TokenFlaw};
use super::parameters::{
    account_of, bounds, check_duration, duration, packed_size, refuse, required, role_and_name,
};
use super::tags::Tags;
use super::{Form, describe_session, end_of_session, xml};
use crate::base::{Secret, Timestamp};

/// IAM accepts a token for this long after it expired.
const LEEWAY_SECONDS: i64 = 300;

/// `AssumeRoleWithWebIdentity`, which is not signed: the token is what proves who calls.
pub(in crate::emulator) fn assume_role_with_web_identity(
    app: &App,
    form: &Form<'_>,
) -> Result<Secret, ApiError> {
    let (arn, name) = role_and_name(form)?;
    let token = required(form, "WebIdentityToken", "webIdentityToken", 4, 20_000)?;
    let seconds = duration(form)?;
    if form.get("ProviderId").is_some() {
        return Err(refuse(
            "The ProviderId parameter is for OAuth 2.0 access tokens; it must not be given with an OpenID Connect \
             ID token",
        ));
    }
    let bounds = bounds(app, form)?;

    let now = app.clock.now();
    let (claims, provider) = verify_token(app, token, account_of(arn), now)?;
    let tags = Tags::of_claims(&claims.others)?;
    let subject = claims.sub.as_deref().unwrap_or_default();
    let audience = claims.azp.as_deref().or(claims.aud.all().first().map(String::as_str)).unwrap_or_default();

    let issuer = provider.name();
    let mut context = Context::default().with("sts:RoleSessionName", name);
    if form.get("DurationSeconds").is_some() {
        context.add("sts:DurationSeconds", seconds.to_string());
    }
    context.add(&format!("{issuer}:aud"), audience);
    context.add(&format!("{issuer}:sub"), subject);
    context.add_some(&format!("{issuer}:azp"), claims.azp.as_deref());
    for own in claims.aud.all() {
        context.add(&format!("{issuer}:oaud"), own);
    }
    for claim in ["amr", "email"] {
        context.add_some(
            &format!("{issuer}:{claim}"),
            claims.others.get(claim).and_then(|value| value.as_str()),
        );
    }
    tags.describe(&mut context);
    let mut actions = vec!["sts:AssumeRoleWithWebIdentity"];
    if !tags.is_empty() {
        actions.push("sts:TagSession");
    }
    let provider_arn = provider.arn();
    let assumption = Assumption { arn, role: app.iam.role(arn), actions, context };
    assumption.ask_for_token(app, "us-east-1", &provider_arn)?;
    let role = app.iam.role(arn).ok_or_else(|| refuse(format!("{arn} is invalid")))?;

    check_duration(seconds, role.max_session_seconds)?;
    let packed = packed_size(&bounds, &tags.asked, &tags.transitive)?;
    let opening = Opening {
        name: name.into(),
        expires: end_of_session(app, now, seconds),
        tags: tags.asked,
        transitive: tags.transitive,
        bounds,
        source_identity: None,
        provider: Some(provider_arn),
    };
    let session = Session::open(role, opening);
    let mut text = String::new();
    let issuer = claims.iss.as_deref().unwrap_or_default();
    for (element, value) in
        [("SubjectFromWebIdentityToken", subject), ("Audience", audience), ("Provider", issuer)]
    {
        xml::text(&mut text, element, value);
    }
    describe_session(app, &session, packed, &mut text)?;
    Ok(Secret::new(text))
}

/// Everything about the token that does not depend on the role: provider, audience list, signature, dates. The
/// emulator is the one issuer behind all providers: it signs in the name of each.
fn verify_token<'a>(
    app: &'a App,
    token: &str,
    account: &str,
    now: Timestamp,
) -> Result<(Claims, &'a Provider), ApiError> {
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
    let provider = app.iam.provider(account, issuer).ok_or_else(|| {
        let issuer = issuer.strip_prefix("https://").unwrap_or(issuer);
        refuse(format!("No OpenIDConnect provider found in your account for {issuer}"))
    })?;
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
    let known = |audience: &String| provider.client_ids.contains(audience);
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
    Ok((claims, provider))
}
