//! What was, or would be, changed: on stdout, exactly.

use super::super::Context;
use super::super::confirm::{confirm, is_somebody_there};
use super::super::error::{CliError, Fail};
use crate::base::{Event, human};
use crate::ecr::repository::{Applied, Change, Place, Plan, State, Step, apply};
use crate::registry::RegistryError;
use serde_json::{Value, json};

/// How changes are made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct How {
    /// Nobody is asked.
    pub(super) yes: bool,
    /// A policy that would lock the caller out is set all the same.
    pub(super) force: bool,
}

/// The lines of `steps`: what became of each, and what it is.
fn lines(steps: &[Step]) -> String {
    let state = |state| match state {
        State::Planned => "planned",
        State::Done => "done",
        State::Failed => "failed",
        State::NotTried => "not tried",
    };
    let line =
        |step: &Step| format!("{:9}  {} {}\n", state(step.state), step.change.sign(), step.change.line());
    steps.iter().map(line).collect()
}

/// Prints `steps` as the result.
pub(super) fn print(
    place: &Place,
    steps: &[Step],
    doubts: &[String],
    error: Option<&RegistryError>,
    context: &Context,
) -> Result<(), Fail> {
    let changes: Vec<Value> = steps
        .iter()
        .map(|step| {
            let mut json = step.change.json();
            json["state"] = json!(step.state);
            json
        })
        .collect();
    let json = json!({
        "repository": place.reference(),
        "changes": changes,
        "doubts": doubts,
        "error": error.map(ToString::to_string),
    });
    context.printer.result(&lines(steps), &json)
}

/// The steps of a plan that is not carried out.
pub(super) fn planned(plan: Plan) -> Vec<Step> {
    let step = |change| Step { change, state: State::Planned };
    plan.changes.into_iter().map(step).collect()
}

/// Asks before the changes of `plan` are made: on a terminal always, without one only if something is removed.
pub(super) async fn ask(place: &Place, plan: &Plan, how: How, context: &Context) -> Result<(), Fail> {
    let removes = plan.changes.iter().any(Change::removes);
    if how.yes || !(removes || is_somebody_there()) {
        return Ok(());
    }
    let reference = place.reference();
    context.reporter.finish();
    for step in planned(plan.clone()) {
        context.printer.stderr(&format!("  {} {}", step.change.sign(), step.change.line()));
    }
    let count = human::count(plan.changes.len(), "change");
    let question = if removes {
        format!("Make {count} to `{reference}`, with which something is removed?")
    } else {
        format!("Make {count} to `{reference}`?")
    };
    confirm(context, &question, "`--yes` makes them without being asked").await
}

/// Makes the changes of `plan`, and says which before each.
pub(super) async fn carry_out(
    place: &Place,
    plan: Plan,
    arn: Option<&str>,
    how: How,
    context: &Context,
) -> Applied {
    let before = |change: &Change| {
        let what = format!("{}: {} {}", place.reference(), change.sign(), change.line());
        context.reporter.event(Event::Started { what });
    };
    let applied = apply(place, plan, arn, how.force, before).await;
    context.reporter.finish();
    applied
}

/// Prints what became of the changes, and gives the error that stopped them.
pub(super) fn done(
    place: &Place,
    applied: Applied,
    doubts: &[String],
    how: How,
    context: &Context,
) -> Result<(), Fail> {
    print(place, &applied.steps, doubts, applied.error.as_ref(), context)?;
    let Some(error) = applied.error else { return Ok(()) };
    let failed = applied.steps.iter().find(|step| step.state == State::Failed).map(|step| &step.change);
    // ECR has no code of its own for this.
    if let (RegistryError::Refused { code, .. }, Some(Change::SetPolicy { .. })) = (&error, failed)
        && code == "InvalidParameterException"
        && !how.force
    {
        return Err(CliError::again(&error)
            .hinted(
                "check the statements; a policy with which you could set no other one is refused unless `consign repo \
                 policy set --force` sets it",
            )
            .into());
    }
    Err(error.into())
}
