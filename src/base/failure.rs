//! What every error of this program can tell apart from its text: its kind and what to do next.

use std::error::Error;
use std::sync::Arc;

/// The kinds of failure; each has an exit code of its own, which pipelines can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A fault of this program.
    Internal,
    /// The input is wrong: usage, spec, file.
    Input,
    /// Credentials, IAM or OIDC say no.
    Denied,
    /// The registry refused: immutable tag, quota, missing repository.
    Refused,
    /// Out of retries: network, throttling.
    Exhausted,
    /// A gate said no: scan, validation.
    Gate,
}

impl Kind {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Input => 2,
            Self::Denied => 3,
            Self::Refused => 4,
            Self::Exhausted => 5,
            Self::Gate => 6,
        }
    }
}

/// An error that knows its kind. Its text says what failed with its value, its sources say why.
pub trait Failure: Error + Send + Sync + 'static {
    /// Which kind it is.
    fn kind(&self) -> Kind;

    /// What to do next, if that is known.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// The causes of `error` as one text, without what one level repeats of the next: libraries that wrap errors
/// like to put the inner text into the outer one. Only `Display` is used, since a `Debug` may show requests.
pub fn causes(error: &dyn Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !causes.iter().any(|known| known.contains(&text)) {
            causes.push(text);
        }
        cause = error.source();
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}

impl<T: Failure + ?Sized> Failure for Arc<T> {
    fn kind(&self) -> Kind {
        (**self).kind()
    }

    fn hint(&self) -> Option<String> {
        (**self).hint()
    }
}
