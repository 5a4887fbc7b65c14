//! What a CI is: which one runs us, and the files in which it takes a step's results.
//!
//! Outputs are made of [`Published`](crate::publish::Published) alone.

pub mod files;
pub mod github;
pub mod outputs;
pub mod summary;

pub use files::{OutputError, OutputFile};
pub use outputs::Outputs;
pub use summary::summary;
