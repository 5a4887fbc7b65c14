//! The documents of an image (config, manifest, index), the forms in which an image lies on disk (OCI layout,
//! `docker load` archive), and [`validate()`], the oracle that recomputes everything that a document claims.
//!
//! Nothing here talks to the network. Documents keep the exact bytes that are hashed: a digest is always one
//! of bytes, never of a value that could be written in two ways.

pub mod annotate;
mod archive;
pub mod blob;
pub mod choose;
pub mod config;
mod contents;
pub mod diff;
pub mod join;
pub mod layout;
pub mod manifest;
pub mod open;
pub mod validate;

pub use annotate::{AnnotationError, Annotations};
pub use blob::{BlobReader, BlobSource, Blobs, MemoryBlob, Verified};
pub use choose::{NoPlatform, choose, serves};
pub use config::{Config, History, ImageConfig, RootFs};
pub use join::{AnnotationKey, JoinError, Part, is_companion, join, platform_of};
pub use layout::{BlobWriter, Form, LayoutWriter, Root, WriteLayoutError};
pub use manifest::{Descriptor, Document, Index, Manifest};
pub use open::{Image, Layout, LayoutBlob, OpenError};
pub use validate::{Report, Violation, validate};

#[cfg(test)]
mod tests;
