//! Tree → deterministic tar → compressed blob, hashed on both sides in one pass, in parallel.
//!
//! [`seal()`] is the way through: it reads the files of a [`Tree`](crate::tree::Tree), frames them as a tar
//! ([`tar`]), cuts that into blocks of 1 MiB, compresses each block on its own ([`Encoding`]) and hands the
//! result, in order, to a sink. Because the blocks are cut before anything runs in parallel, the bytes are the
//! same for any number of threads. [`diff_id`] is the same without the compression: enough to know whether a
//! registry holds the layer already. [`split()`] is what comes before it: it decides which files share a layer.
//!
//! This room knows neither images nor registries.

mod block;
pub mod encoding;
pub mod seal;
pub mod split;
pub mod tar;
#[cfg(test)]
pub(crate) mod testing;

pub use encoding::{Encoding, EncodingError};
pub use seal::{Options, SealError, Sealed, diff_id, seal};
pub use split::{Part, split};
