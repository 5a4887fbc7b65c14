//! ECR's control plane, where [`registry`](crate::registry) is the data plane: what may be pushed, by whom, and
//! whether it would work. Never pushes layers.

pub mod iam;
pub mod lifecycle;
pub mod preflight;
pub mod repository;
pub mod scan;
pub mod image;
pub mod preflight;
pub mod replication;
