//! From settings to IAM documents: what a push may do, and which jobs may assume the role that may do it.
//!
//! | file | what is in it |
//! |---|---|
//! | `action` | which actions a push calls, and what becomes of a push without them |
//! | `arn` | accounts, regions and their partitions, repositories, and the ARNs of all of these |
//! | `policy` | documents, and those that allow a push |
//! | `provider` | the CI systems that give a job an OIDC token, and how they name a job in it |
//! | `trust` | documents that let jobs assume a role |
//! | `error` | what settings can be wrong in |
//!
//! All of it is pure: nothing is asked of AWS, and nothing is changed there.

mod action;
mod arn;
mod error;
mod policy;
mod provider;
mod trust;

pub use action::{Action, Creation, Need, Push, Service, Weight};
pub use arn::{Account, Partition, Region, Registry, RepositoryPattern, public_repository};
pub use error::IamError;
pub(in crate::ecr) use policy::allow_others;
pub use policy::{Document, Statement, allow, push_policy, repository_policy};
pub use provider::Provider;
pub use trust::{Issuer, Subject, Trust, usual_audience};
