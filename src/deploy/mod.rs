//! The deployment that follows a push: documents with the digest that was pushed. Text in, text out; nothing here
//! reads a file, calls AWS or prints.

pub mod ecs;
pub mod kubernetes;
pub mod lambda;
pub mod pin;
pub mod yaml;

pub use pin::{Pin, PinError, pins};
