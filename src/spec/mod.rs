//! What to build: a plain directory or a `consign.yaml` becomes one [`Plan`].
//!
//! Parsers are pure functions over text. Nothing here touches the disk or the network; `build/` does what the
//! plan says.

pub mod dockerfile;
mod glob;
pub mod ignore;
pub mod kind;
pub mod plan;
pub mod problem;
pub mod repository;
pub mod wildcard;
pub mod yaml;

pub use ignore::{PatternError, Patterns};
pub use kind::{Kind, kind};
pub use plan::{ImageSettings, LayerPlan, Modes, Owner, Plan};
pub use problem::{Problem, SpecError};
pub use repository::{CatalogSettings, Encryption, PolicySource, RepositorySettings, TextSource};
pub use wildcard::Wildcard;

/// The plan for a directory without any instructions: all of it goes to `dest`, which is then also the working
/// directory.
pub fn directory(dest: &str) -> Plan {
    Plan::directory(dest)
}
