//! What to build: a plain directory or a `consign.yaml` becomes one [`Plan`].
//!
//! Parsers are pure functions over text. Nothing here touches the disk or the network; `build/` does what the
//! plan says.

pub mod plan;

pub use plan::{ImageSettings, LayerPlan, Modes, Owner, Plan, RepositorySettings};
