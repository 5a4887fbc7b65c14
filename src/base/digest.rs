//! SHA-256 digests, one type for each thing that is hashed.
//!
//! OCI writes all of them `sha256:<64 hex>`
//! ([descriptor.md](https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests)), and the
//! costliest mistakes in image code come from passing one where another is meant. Here that does not compile.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// Why a text is not a digest; `position` counts characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDigestError {
    /// There is no `algorithm:` in front.
    #[error("`{text}` is not a digest: it has no `sha256:` in front")]
    NoAlgorithm {
        /// What was given.
        text: String,
    },
    /// An algorithm that neither ECR nor this program computes.
    #[error("`{text}` is not a digest: the algorithm `{algorithm}` is not `sha256`")]
    Algorithm {
        /// What was given.
        text: String,
        /// The part before the colon.
        algorithm: String,
    },
    /// Not 64 hexadecimal digits.
    #[error("`{text}` is not a digest: it has {found} digits after `sha256:` instead of 64")]
    Length {
        /// What was given.
        text: String,
        /// How many there are.
        found: usize,
    },
    /// Something else than `0-9a-f`.
    #[error(
        "`{text}` is not a digest: character {position} is `{character}`, and only 0-9 and a-f may stand there"
    )]
    Character {
        /// What was given.
        text: String,
        /// Where, counted from 1.
        position: usize,
        /// Which.
        character: char,
    },
}

fn parse(text: &str) -> Result<[u8; 32], ParseDigestError> {
    let Some((algorithm, digits)) = text.split_once(':') else {
        return Err(ParseDigestError::NoAlgorithm { text: text.into() });
    };
    if algorithm != "sha256" {
        return Err(ParseDigestError::Algorithm { text: text.into(), algorithm: algorithm.into() });
    }
    let offset = "sha256:".len();
    for (index, character) in digits.chars().enumerate() {
        if !matches!(character, '0'..='9' | 'a'..='f') {
            return Err(ParseDigestError::Character {
                text: text.into(),
                position: offset + index + 1,
                character,
            });
        }
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes)
        .map_err(|_| ParseDigestError::Length { text: text.into(), found: digits.len() })?;
    Ok(bytes)
}

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The digest of `bytes`.
            pub fn of(bytes: &[u8]) -> Self {
                Self(Sha256::digest(bytes).into())
            }

            /// The 64 hexadecimal digits, without the algorithm.
            pub fn hex(&self) -> String {
                hex::encode(self.0)
            }

            /// The first 12 hexadecimal digits, as people write a digest in a log.
            pub fn short(&self) -> String {
                hex::encode(&self.0[..6])
            }
        }

        impl From<Hasher> for $name {
            fn from(hasher: Hasher) -> Self {
                Self(hasher.0.finalize().into())
            }
        }

        impl FromStr for $name {
            type Err = ParseDigestError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "sha256:{}", hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

digest_type! {
    /// The digest of a layer's uncompressed tar, as `rootfs.diff_ids` of a config lists it.
    DiffId
}
digest_type! {
    /// The digest of a blob as a registry stores it: a compressed layer, or a config.
    BlobDigest
}
digest_type! {
    /// The digest of a manifest's or index's exact bytes.
    ManifestDigest
}

impl From<ManifestDigest> for BlobDigest {
    /// In an OCI layout, manifests lie among the blobs.
    fn from(digest: ManifestDigest) -> Self {
        Self(digest.0)
    }
}

impl From<BlobDigest> for ManifestDigest {
    /// In an OCI layout, manifests lie among the blobs.
    fn from(digest: BlobDigest) -> Self {
        Self(digest.0)
    }
}

/// SHA-256 over bytes that arrive in pieces; becomes one of the digest types with `into()`.
#[derive(Debug, Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// A hasher that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_the_same_text() {
        let digest = BlobDigest::of(b"{}");
        let text = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse::<BlobDigest>().unwrap(), digest);
    }

    #[test]
    fn in_pieces_and_at_once_are_the_same() {
        let mut hasher = Hasher::new();
        hasher.update(b"a");
        hasher.update(b"bc");
        assert_eq!(DiffId::from(hasher), DiffId::of(b"abc"));
    }

    #[test]
    fn says_which_character_is_wrong() {
        let error = "sha256:44136Fa3".parse::<DiffId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sha256:44136Fa3` is not a digest: character 13 is `F`, and only 0-9 and a-f may stand there"
        );
        assert!(matches!("44136".parse::<DiffId>(), Err(ParseDigestError::NoAlgorithm { .. })));
        assert!(matches!("sha512:44".parse::<DiffId>(), Err(ParseDigestError::Algorithm { .. })));
        assert!(matches!("sha256:44".parse::<DiffId>(), Err(ParseDigestError::Length { found: 2, .. })));
    }
}
