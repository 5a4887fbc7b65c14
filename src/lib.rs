//! Builds a container image from a directory, without a daemon, and pushes it to Amazon ECR.
//!
//! Each module is one stage, and data goes one way through them:
//! `base` < `spec` < `tree` < `layer` < `image` < `auth` < `registry` < `build` < `publish` < `ecr` < `ecs` <
//! `ci` < `deploy` < `cli`.
//! `emulator`, an ECR on loopback, stands apart on `base` and `image` alone. `tests/architecture.rs` holds the
//! code to that.

pub mod auth;
pub mod base;
pub mod build;
pub mod ci;
pub mod cli;
pub mod deploy;
pub mod ecr;
pub mod ecs;
pub mod emulator;
pub mod image;
pub mod layer;
pub mod publish;
pub mod registry;
pub mod spec;
pub mod tree;
