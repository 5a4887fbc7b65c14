//! What a CI is: which one runs us, and the files in which it takes a step's results.
//!
//! Outputs are made of [`Published`](crate::publish::Published) alone.

pub mod files;
pub mod gitlab;
pub mod outputs;

pub use files::{OutputError, OutputFile};
pub use outputs::Outputs;
