//! Why a task definition can't be rendered.

use super::edits::LOG_DRIVERS;
use super::json::Fault;
use crate::base::suggest::nearest;
use crate::base::{Failure, Kind};
use std::fmt::Write as _;

/// A container of a task definition, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its image, if it has one.
    pub image: Option<String>,
}

/// The task definition, or what is asked of it, is wrong. Nothing has been changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EcsError {
    /// No JSON.
    #[error("{name} is not JSON: {fault}")]
    NotJson {
        /// Where the text came from.
        name: String,
        /// What is wrong.
        fault: Fault,
    },
    /// JSON of another form.
    #[error("{name} is not a task definition: {why}")]
    Form {
        /// Where the text came from.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// Two containers have the same name.
    #[error("{name} has two containers with the name `{container}`")]
    TwoContainers {
        /// Where the text came from.
        name: String,
        /// Their name.
        container: String,
    },
    /// There is no container with a name that was asked for.
    #[error("the task definition has no container `{wanted}`; it has:{}", list(containers))]
    NoContainer {
        /// The name.
        wanted: String,
        /// What there is.
        containers: Vec<Named>,
    },
    /// No container runs an image of the repositories.
    #[error("no container of the task definition has an image of {wanted}; its containers:{}", list(containers))]
    NoneMatches {
        /// The repositories.
        wanted: String,
        /// What there is.
        containers: Vec<Named>,
    },
    /// A value is not of the form that it needs.
    #[error("{option}: `{value}` {why}")]
    Value {
        /// The option.
        option: &'static str,
        /// What was given, without what may be secret.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A log driver that ECS does not know.
    #[error("{option}: `{driver}` is not a log driver of ECS")]
    LogDriver {
        /// The option.
        option: &'static str,
        /// What was given.
        driver: String,
    },
    /// One name was given two values.
    #[error("{option}: `{name}` is given twice")]
    Twice {
        /// The option.
        option: &'static str,
        /// The name.
        name: String,
    },
    /// A name would be both variable and secret.
    #[error("`{name}` would be both an environment variable and a secret of the container `{container}`")]
    Both {
        /// The name.
        name: String,
        /// The container.
        container: String,
    },
    /// Two secrets have the same name.
    #[error("the container `{container}` has two secrets with the name `{name}`")]
    TwoSecrets {
        /// The name.
        name: String,
        /// The container.
        container: String,
    },
    /// Log options without a driver.
    #[error("the container `{container}` would have options for its log and no log driver")]
    NoLogDriver {
        /// The container.
        container: String,
    },
}

/// One line for each container.
fn list(containers: &[Named]) -> String {
    let mut text = String::new();
    for Named { name, image } in containers {
        let _ = write!(text, "\n  {name}  {}", image.as_deref().unwrap_or("(no image)"));
    }
    text
}

impl Failure for EcsError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotJson { .. } => {
                "a task definition is the JSON that `aws ecs register-task-definition --cli-input-json` takes; comments \
                 and commas after the last member are not JSON"
                    .into()
            }
            Self::Form { .. } => {
                "it is an object with `family` and `containerDefinitions`, as `aws ecs describe-task-definition` prints \
                 it"
                .into()
            }
            Self::TwoContainers { .. } => "ECS refuses that: give each container a name of its own".into(),
            Self::NoContainer { wanted, containers } => {
                match nearest(wanted, containers.iter().map(|one| one.name.as_str())) {
                    Some(near) => format!("did you mean `--container-name {near}`?"),
                    None => "name one of those with `--container-name`, several with commas between them".into(),
                }
            }
            Self::NoneMatches { containers, .. } => format!(
                "name the container that shall run it: `--container-name {}`",
                containers.first().map_or("NAME", |one| one.name.as_str())
            ),
            Self::Both { .. } => {
                "ECS refuses that: take the one that is not wanted out of the task definition, or use another name".into()
            }
            Self::TwoSecrets { .. } => "ECS refuses that: take one of them out of the task definition".into(),
            Self::NoLogDriver { .. } => "name it with `--log-configuration-log-driver`: awslogs, for example".into(),
            Self::LogDriver { driver, .. } => match nearest(driver, LOG_DRIVERS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("they are {}", LOG_DRIVERS.join(", ")),
            },
            Self::Value { .. } | Self::Twice { .. } => return None,
        })
    }
}
