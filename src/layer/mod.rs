//! Tree → deterministic tar → compressed blob, hashed on both sides in one pass, in parallel.
//!
//! [`Workers`] are the way through: they read the files of a [`Tree`](crate::tree::Tree), frame them as a tar
//! ([`tar`]), cut that into blocks of 1 MiB, compress each block on its own ([`Encoding`]) and hand the result, in
//! order, to a sink. Because the blocks are cut at fixed places, the bytes are the same for any number of threads,
//! and of layers that are made at the same time. [`Workers::diff_id`] is the same without the compression: enough to
//! know whether a registry holds the layer already. [`split()`] comes before: it decides which files share a layer.
//!
//! This room knows neither images nor registries.

mod delivery;
pub mod encoding;
pub mod read;
pub mod seal;
pub mod split;
pub mod tar;
#[cfg(test)]
pub(crate) mod testing;
pub mod workers;

pub use encoding::{Encoding, EncodingError};
pub use read::{LayerFiles, ReadLayer, ReadLayerError};
pub use seal::{Hashing, SealError, Sealed, Sealing};
pub use split::{Part, split};
pub use workers::{OnRead, Workers};
