//! The integration tests: the program as users run it, against the emulator over real HTTP.
//!
//! Every module of this folder is declared here; `tests/architecture.rs` fails if one is forgotten.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod auth;
mod bad_input;
mod cli;
mod determinism;
mod distribution;
mod dockerfile;
mod docs;
mod emulator_cli;
mod faults;
mod image;
mod outputs;
mod plain_registry;
mod push;
mod speed;
mod support;
