//! The integration tests: the program as users run it, against the emulator over real HTTP.
//!
//! Every module of this folder is declared here; `tests/architecture.rs` fails if one is forgotten.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod auth;
mod bad_input;
mod base;
mod bases;
mod cli;
mod copy;
mod denied;
mod deploy_ecs;
mod deploy_kubernetes;
mod deploy_lambda;
mod destinations;
mod determinism;
mod diff;
mod distribution;
mod dockerfile;
mod dockerfile_build;
mod docs;
mod doctor;
mod ecs_api;
mod emulator_cli;
mod faults;
mod github;
mod gitlab;
mod hostile_dockerfile;
mod hostile_registry;
mod iam;
mod image;
mod image_command;
mod image_deletion;
mod image_public;
mod index;
mod lifecycle;
mod lifecycle_judges;
mod lifecycle_preview;
mod login;
mod outputs;
mod plain_registry;
mod platforms;
mod public;
mod pull;
mod push;
mod reading;
mod replication;
mod repo;
mod repo_apply;
mod rootfs;
mod scan;
mod speed;
mod support;
mod tag;
mod tags;
