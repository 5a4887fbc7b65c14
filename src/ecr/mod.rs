//! ECR's control plane, where [`registry`](crate::registry) is the data plane: what may be pushed, by whom, and
//! whether it would work. Never pushes layers.

pub mod iam;
pub mod image;
pub mod lifecycle;
pub mod preflight;
pub mod replication;
pub mod repository;
pub mod scan;
