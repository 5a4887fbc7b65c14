//! What goes wrong in the command line itself. Errors of the rooms pass through as they are.

use crate::auth::AuthError;
use crate::base::{Failure, Kind};
use std::sync::Arc;

/// Any failure of the program.
pub(super) type Fail = Box<dyn Failure>;

/// A wrong option or argument, or a fault of the program's surroundings.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct CliError {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl CliError {
    /// The input is wrong.
    pub(super) fn input(message: impl Into<String>) -> Self {
        Self { kind: Kind::Input, message: message.into(), hint: None }
    }

    /// Something that is nobody's input.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self { kind: Kind::Internal, message: message.into(), hint: None }
    }

    /// The registry would refuse it, or is not as it would have to be.
    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, message: message.into(), hint: None }
    }

    /// `failure` once more, to be given another hint.
    pub(super) fn again(failure: &dyn Failure) -> Self {
        Self { kind: failure.kind(), message: failure.to_string(), hint: failure.hint() }
    }

    /// A gate said no.
    pub(super) fn gate(message: impl Into<String>) -> Self {
        Self { kind: Kind::Gate, message: message.into(), hint: None }
    }

    /// With what to do next.
    pub(super) fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Failure for CliError {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl<F: Failure> From<F> for Fail {
    fn from(failure: F) -> Self {
        Box::new(failure)
    }
}

/// Adds the option to an error about its value.
pub(super) fn bad_option(option: &str, error: impl std::fmt::Display) -> Fail {
    CliError::input(format!("{option}: {error}")).into()
}

/// Shared errors of credentials as ours.
pub(super) fn auth(error: Arc<AuthError>) -> Fail {
    Box::new(error)
}
