//! The rooms of consign that are pure text, without the rest of it: so a target is compiled in a minute, and no SDK
//! is instrumented.

// Not all that they offer is used here.
#![allow(dead_code)]

#[path = "../../src/base/mod.rs"]
pub mod base;
#[path = "../../src/spec/mod.rs"]
pub mod spec;
