//! How a layer is compressed.
//!
//! Every block of a layer is compressed on its own: gzip as one member a block
//! ([RFC 1952 2.2](https://www.rfc-editor.org/rfc/rfc1952#section-2.2): "a gzip file consists of a series of
//! members"), zstd as one frame a block
//! ([RFC 8878 3](https://www.rfc-editor.org/rfc/rfc8878#section-3): "frames … may be concatenated"). Every
//! reader of images takes both.
//!
//! The libraries were chosen by measurement on real trees at 1 MiB blocks, on one core: libdeflate at level 5
//! makes 165 MB/s and less output than zlib at level 6, which makes 100 MB/s; zstd at level 3 makes 420 MB/s and
//! less output still.

use crate::base::MediaType;
use std::fmt;
use std::io;
use std::str::FromStr;

/// Bytes of tar in every block but the last. Part of what makes a layer's bytes: see [`Encoding::id`].
pub(super) const BLOCK_SIZE: usize = 1 << 20;

/// How a layer is compressed, level included. It owns the media type, so the two can't disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Not at all.
    None,
    /// gzip, by libdeflate.
    Gzip(GzipLevel),
    /// Zstandard, by its reference library.
    Zstd(ZstdLevel),
}

/// From 1, fast, to 12, small. Levels of libdeflate, not of zlib.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GzipLevel(u8);

/// From 1, fast, to 19, small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ZstdLevel(u8);

/// Why there is no such encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// No algorithm of that name.
    #[error("`{0}` is no compression: it is `gzip`, `zstd` or `none`")]
    Name(String),
    /// The algorithm has no such level.
    #[error("{algorithm} has no level {level}: its levels are 1 to {most}")]
    Level {
        /// `gzip` or `zstd`.
        algorithm: &'static str,
        /// What was asked for.
        level: String,
        /// The highest level.
        most: u8,
    },
    /// `none` has no levels.
    #[error("without compression there is no compression level, and {0} was given")]
    NoLevels(String),
}

impl Encoding {
    /// What is used unless something else is asked for: everything that runs images reads it.
    pub const GZIP: Self = Self::Gzip(GzipLevel(5));
    /// Zstandard at its own default level.
    pub const ZSTD: Self = Self::Zstd(ZstdLevel(3));

    /// Stands for everything else that decides the bytes: the block size, and the behaviour of libdeflate 1.26
    /// and zstd 1.5.7. Whoever changes one of these finds the pinned digests in `seal.rs` broken, and counts up.
    const REVISION: u32 = 1;

    /// The same algorithm at another level.
    pub fn with_level(self, level: i64) -> Result<Self, EncodingError> {
        let checked = |algorithm, most: u8| {
            u8::try_from(level)
                .ok()
                .filter(|level| (1..=most).contains(level))
                .ok_or_else(|| EncodingError::Level { algorithm, level: level.to_string(), most })
        };
        match self {
            Self::None => Err(EncodingError::NoLevels(level.to_string())),
            Self::Gzip(_) => checked("gzip", 12).map(|level| Self::Gzip(GzipLevel(level))),
            Self::Zstd(_) => checked("zstd", 19).map(|level| Self::Zstd(ZstdLevel(level))),
        }
    }

    /// The level, where there are levels.
    pub fn level(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Gzip(GzipLevel(level)) | Self::Zstd(ZstdLevel(level)) => Some(level),
        }
    }

    /// The OCI media type of a layer so compressed.
    pub fn media_type(self) -> MediaType {
        match self {
            Self::None => MediaType::OCI_LAYER,
            Self::Gzip(_) => MediaType::OCI_LAYER_GZIP,
            Self::Zstd(_) => MediaType::OCI_LAYER_ZSTD,
        }
    }

    /// Names the function from tar to blob: `gzip-5/1`. Two layers of one tar with the same id are the same
    /// bytes; whenever a release of this program would compress differently, the id is another one.
    pub fn id(self) -> String {
        match self {
            Self::None => self.to_string(),
            Self::Gzip(_) | Self::Zstd(_) => format!("{self}/{}", Self::REVISION),
        }
    }

    /// A compressor for one thread; none is needed for [`Encoding::None`].
    pub(super) fn compressor(self) -> io::Result<Option<Compressor>> {
        Ok(match self {
            Self::None => None,
            Self::Gzip(GzipLevel(level)) => {
                let level = libdeflater::CompressionLvl::new(level.into())
                    .map_err(|_| io::Error::other("libdeflate refused the level"))?;
                Some(Compressor::Gzip(libdeflater::Compressor::new(level)))
            }
            Self::Zstd(ZstdLevel(level)) => {
                Some(Compressor::Zstd(zstd::bulk::Compressor::new(level.into())?))
            }
        })
    }

    /// Room that a compressed block needs at most.
    pub(super) fn bound(self) -> usize {
        match self {
            Self::None => 0,
            // libdeflate states at most 5 bytes for each 5,000 of input and 32 more, for a gzip member
            // (`libdeflate_gzip_compress_bound`); twice that costs nothing, as untouched memory is not used.
            Self::Gzip(_) => BLOCK_SIZE + BLOCK_SIZE / 500 + 64,
            Self::Zstd(_) => zstd::zstd_safe::compress_bound(BLOCK_SIZE),
        }
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self::GZIP
    }
}

impl fmt::Display for Encoding {
    /// `gzip-5`, `zstd-3`, `none`; what [`FromStr`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Gzip(GzipLevel(level)) => write!(f, "gzip-{level}"),
            Self::Zstd(ZstdLevel(level)) => write!(f, "zstd-{level}"),
        }
    }
}

impl FromStr for Encoding {
    type Err = EncodingError;

    /// Reads `gzip`, `zstd`, `none`, and the first two with a level: `gzip-9`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, level) = match text.split_once('-') {
            Some((name, level)) => (name, Some(level)),
            None => (text, None),
        };
        let encoding = match name {
            "none" => Self::None,
            "gzip" => Self::GZIP,
            "zstd" => Self::ZSTD,
            _ => return Err(EncodingError::Name(text.into())),
        };
        match level.map(|level| (level, level.parse::<i64>())) {
            None => Ok(encoding),
            Some((_, Ok(level))) => encoding.with_level(level),
            Some((_, Err(_))) => Err(EncodingError::Name(text.into())),
        }
    }
}

/// Compresses blocks, one after the other; what comes out depends on nothing but the block.
pub(super) enum Compressor {
    Gzip(libdeflater::Compressor),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    /// Compresses `input` into the front of `room`, which has [`Encoding::bound`] bytes, and says how many that are.
    pub(super) fn compress(&mut self, input: &[u8], room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(compressor) => compressor
                .gzip_compress(input, room)
                .map_err(|error| io::Error::other(format!("libdeflate: {error}"))),
            Self::Zstd(compressor) => compressor.compress_to_buffer(input, room),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (text, shown, id) in [
            ("gzip", "gzip-5", "gzip-5/1"),
            ("gzip-12", "gzip-12", "gzip-12/1"),
            ("zstd", "zstd-3", "zstd-3/1"),
            ("zstd-19", "zstd-19", "zstd-19/1"),
            ("none", "none", "none"),
        ] {
            let encoding: Encoding = text.parse().unwrap();
            assert_eq!(encoding.to_string(), shown);
            assert_eq!(encoding.id(), id);
            assert_eq!(shown.parse::<Encoding>().unwrap(), encoding);
        }
        assert_eq!(Encoding::default().level(), Some(5));
    }

    #[test]
    fn says_what_there_is() {
        let message = |text: &str| text.parse::<Encoding>().unwrap_err().to_string();
        assert_eq!(message("lz4"), "`lz4` is no compression: it is `gzip`, `zstd` or `none`");
        assert_eq!(message("gzip-13"), "gzip has no level 13: its levels are 1 to 12");
        assert_eq!(message("zstd-0"), "zstd has no level 0: its levels are 1 to 19");
        assert_eq!(message("none-1"), "without compression there is no compression level, and 1 was given");
        assert_eq!(message("gzip-x"), "`gzip-x` is no compression: it is `gzip`, `zstd` or `none`");
    }

    #[test]
    fn what_cannot_be_compressed_fits_in_the_bound() {
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(BLOCK_SIZE)
        .collect();
        for encoding in ["gzip-1", "gzip-5", "gzip-12", "zstd-1", "zstd-19"] {
            let encoding: Encoding = encoding.parse().unwrap();
            let mut room = vec![0; encoding.bound()];
            let count = encoding.compressor().unwrap().unwrap().compress(&noise, &mut room).unwrap();
            assert!(count > BLOCK_SIZE / 2);
        }
    }
}
