//! What a CI is: which one runs us and on what, the tags and labels that follow, and the files in which it takes a step's results.
//!
//! Outputs are made of [`Published`](crate::publish::Published) alone.

pub mod files;
pub mod git;
pub mod github;
pub mod gitlab;
pub mod job;
pub mod labels;
pub mod outputs;
pub mod summary;
pub mod tags;

pub use files::{OutputError, OutputFile};
pub use git::{Checkout, GitError};
pub use job::{Ci, Event, Facts, GitRef, Job};
pub use outputs::Outputs;
pub use summary::summary;
pub use tags::{TagError, TagRules};
