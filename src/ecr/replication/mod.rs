//! Replication: which repositories of a registry are copied to which others, and how far an image is on its way.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html>. A registry has one configuration, and
//! to write it is to replace it: so a change is made to what is there ([`merge`]), and what came of it is read back
//! ([`change`]).

pub mod change;
mod error;
pub mod merge;
mod rules;
mod store;
pub mod wait;

pub use error::ReplicationError;
pub use merge::Wanted;
pub use rules::{
    Configuration, Destination, Pair, RepositoryFilter, Rule, Where, check, covers, pairs, parse,
};
pub use store::{ReplicaStatus, Replication, Status};
