//! Lifecycle policies: what is wrong with one, what is not likely to be meant, what it would do to the images of a
//! repository, and the calls that ask ECR and tell it.

mod calls;
mod deployed;
mod effect;
mod evaluate;
mod grammar;
mod json;
mod keep;
mod lint;
mod listing;
mod policy;
#[cfg(test)]
mod tests;

pub use calls::{Lifecycle, LifecycleError, Patience, Stored};
pub use deployed::Deployed;
pub use effect::{Around, Effect, Outcome};
pub use evaluate::{Mark, evaluate};
pub use keep::Keep;
pub use lint::{Finding, Ground, Lint};
pub use listing::{Image, Listing, ListingError, Status};
pub use policy::{Action, Count, Policy, Rule, StorageClass, Tags};

use crate::spec::SpecError;
use std::path::Path;

/// Reads a policy. The error has all that ECR would refuse, with places; `file` is what they are in.
pub fn check(file: &Path, text: &str) -> Result<Policy, SpecError> {
    grammar::read(text).map_err(|problems| SpecError { file: file.to_owned(), problems })
}

/// What ECR takes and is still not likely to be meant: with `ground`, also what the images of a repository tell.
pub fn lint(text: &str, policy: &Policy, ground: Option<Ground<'_>>) -> Vec<Finding> {
    lint::lint(text, policy, ground)
}
