//! The vocabulary that every room shares: digests, media types, references, secrets, events, time and the
//! names of environment variables.
//!
//! Nothing here does I/O. A value of one of these types has been checked when it was made, so no later stage
//! checks it again.

pub mod backoff;
pub mod clock;
pub mod digest;
pub mod docker_name;
pub mod env;
pub mod event;
pub mod failure;
pub mod human;
pub mod media_type;
pub mod platform;
pub mod reference;
pub mod relative;
pub mod secret;
pub mod suggest;

pub use backoff::Backoff;
pub use clock::{Clock, Timestamp};
pub use digest::{BlobDigest, DiffId, Hasher, ManifestDigest, ParseDigestError};
pub use docker_name::{Mirror, docker_name};
pub use env::Env;
pub use event::{Event, Once, Reporter};
pub use failure::{Failure, Kind};
pub use media_type::MediaType;
pub use platform::Platform;
pub use reference::{Reference, RegistryHost, RepositoryName, Tag};
pub use relative::RelativeReference;
pub use secret::Secret;
