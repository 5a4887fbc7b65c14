//! `AssumeRole`.

use super::super::app::App;
use super::super::error::ApiError;
use super::super::iam::{Assumption, Caller, Context, Opening, Session};
use super::parameters::{
    bounds, check_duration, duration, invalid, optional, packed_size, refuse, role_and_name,
};
use super::tags::Tags;
use super::{Form, describe_session, end_of_session};
use crate::base::Secret;

/// How long a session can be that was assumed with another.
const CHAINED_SECONDS: i64 = 3600;

/// `AssumeRole`, for the caller whose signature was verified.
pub(in crate::emulator) fn assume_role(
    app: &App,
    caller: &Caller,
    form: &Form<'_>,
) -> Result<Secret, ApiError> {
    let (arn, name) = role_and_name(form)?;
    let seconds = duration(form)?;
    let external_id = optional(form, "ExternalId", "externalId", 2, 1224)?;
    let source_identity = optional(form, "SourceIdentity", "sourceIdentity", 2, 64)?;
    let bounds = bounds(app, form)?;
    let tags = Tags::of_form(form)?;

    let mut actions = vec!["sts:AssumeRole"];
    let mut context = Context::default().with("sts:RoleSessionName", name);
    if form.get("DurationSeconds").is_some() {
        context.add("sts:DurationSeconds", seconds.to_string());
    }
    context.add_some("sts:ExternalId", external_id);
    tags.describe(&mut context);
    if !tags.is_empty() {
        actions.push("sts:TagSession");
    }
    if source_identity.is_some() {
        actions.push("sts:SetSourceIdentity");
        context.add_some("sts:SourceIdentity", source_identity);
    }
    Assumption { arn, role: app.iam.role(arn), actions, context }.ask(app, caller)?;
    let role = app.iam.role(arn).ok_or_else(|| refuse(format!("{arn} is invalid")))?;

    check_duration(seconds, role.max_session_seconds)?;
    if caller.session.is_of_role() && seconds > CHAINED_SECONDS {
        return Err(refuse(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    let inherited = caller.session.source_identity.as_deref();
    if let (Some(asked), Some(inherited)) = (source_identity, inherited)
        && asked != inherited
    {
        return Err(invalid("sourceIdentity", asked, "it cannot be changed in a chain of roles"));
    }
    let tags = tags.inherit(&caller.session)?;
    let packed = packed_size(&bounds, &tags.asked, &tags.transitive)?;
    let opening = Opening {
        name: name.into(),
        expires: end_of_session(app, app.clock.now(), seconds),
        tags: tags.asked,
        transitive: tags.transitive,
        bounds,
        source_identity: source_identity.or(inherited).map(str::to_owned),
        provider: None,
    };
    let session = Session::open(role, opening);
    let mut text = String::new();
    describe_session(app, &session, packed, &mut text)?;
    Ok(Secret::new(text))
}
