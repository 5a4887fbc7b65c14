//! The documents of an image (config, manifest, index), the forms in which an image lies on disk (OCI layout,
//! `docker load` archive), and [`validate`], the oracle that recomputes everything that a document claims.
//!
//! Nothing here talks to the network. Documents keep the exact bytes that are hashed: a digest is always one
//! of bytes, never of a value that could be written in two ways.

pub mod config;
pub mod manifest;

pub use config::{Config, History, ImageConfig, RootFs};
pub use manifest::{Descriptor, Document, Index, Manifest};
