//! Reading the config of an image that a registry holds.

use crate::base::{BlobDigest, RepositoryName};
use crate::image::Descriptor;
use crate::registry::{Registry, RegistryError};
use futures::TryStreamExt as _;

/// A config is never larger; one that claims to be is not read.
pub(super) const AT_MOST: u64 = 8 * 1024 * 1024;

/// The bytes of `config`, which are what its digest says. The size that it claims is at most [`AT_MOST`].
pub(super) async fn read<R: Registry>(
    registry: &R,
    repository: &RepositoryName,
    config: &Descriptor,
) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    let mut stream = registry.download(repository, &config.digest).await?;
    while let Some(chunk) = stream.try_next().await? {
        bytes.extend_from_slice(&chunk);
        // Too much is wrong, whatever else comes.
        if bytes.len() as u64 > config.size {
            break;
        }
    }
    let found = BlobDigest::of(&bytes);
    if found == config.digest {
        return Ok(bytes);
    }
    Err(RegistryError::Corrupt {
        what: format!("a config in {}/{repository}", registry.host()),
        expected: config.digest.to_string(),
        found: found.to_string(),
    })
}
