//! GitHub Actions: what a job's log understands, and what the inputs of `action.yml` mean.

pub mod annotation;
pub mod command;
pub mod groups;
pub mod inputs;

pub use annotation::Place;
pub use command::{Command, harmless};
pub use groups::Groups;
