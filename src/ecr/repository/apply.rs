//! Carrying out a plan, and saying exactly how far that went.

use super::place::{Made, Place};
use super::plan::{Change, Plan};
use super::settings::Described;
use crate::registry::RegistryError;
use serde::Serialize;

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum State {
    /// It would be made.
    #[serde(rename = "planned")]
    Planned,
    /// It is made.
    #[serde(rename = "done")]
    Done,
    /// The call failed. Where no answer came, it may have been made all the same.
    #[serde(rename = "failed")]
    Failed,
    /// It was not tried, as one before it failed.
    #[serde(rename = "not tried")]
    NotTried,
}

/// A change, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The change.
    pub change: Change,
    /// What became of it.
    pub state: State,
}

/// What became of a plan.
#[derive(Debug)]
pub struct Applied {
    /// All changes of the plan, in its order.
    pub steps: Vec<Step>,
    /// Why one failed.
    pub error: Option<RegistryError>,
    /// The repository was made by someone else since it was looked for. Nothing was changed: it has to be looked at anew.
    pub overtaken: bool,
    /// The repository, if the plan has made it.
    pub created: Option<Described>,
}

/// Makes the changes of `plan` one after another, up to the first that fails. `arn` is the repository's, if it is there;
/// `before` hears of each change before its call.
pub async fn apply(
    place: &Place,
    plan: Plan,
    arn: Option<&str>,
    force: bool,
    before: impl Fn(&Change),
) -> Applied {
    let changes = plan.changes.into_iter();
    let mut applied = Applied { steps: Vec::new(), error: None, overtaken: false, created: None };
    for change in changes {
        let state = if applied.error.is_some() || applied.overtaken {
            State::NotTried
        } else {
            before(&change);
            match place.perform(&change, arn, force).await {
                Ok(Made::Done) => State::Done,
                Ok(Made::New(described)) => {
                    applied.created = Some(*described);
                    State::Done
                }
                Ok(Made::WasThere) => {
                    applied.overtaken = true;
                    State::NotTried
                }
                Err(error) => {
                    applied.error = Some(error);
                    State::Failed
                }
            }
        };
        applied.steps.push(Step { change, state });
    }
    applied
}
