//! What is in an archive, and where: its table of contents, read once. Nothing is unpacked.

use super::Descriptor;
use super::blob::BlobReader;
use super::open::{MOST_DOCUMENT, OpenError};
use crate::base::{BlobDigest, Hasher, MediaType};
use crate::tree::TreePath;
use crate::tree::path::TreePathError;
use flate2::read::MultiGzDecoder;
use fs_err::File;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a blob is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Range {
        offset: u64,
        size: u64,
    },
    /// Made up while it was read: the manifest of an archive that has none.
    Memory(Arc<[u8]>),
}

impl Place {
    /// Opens it; `file` is the archive.
    pub(super) fn open(&self, file: &Arc<File>) -> BlobReader {
        match self {
            Self::Range { offset, size } => {
                Box::new(Range { file: Arc::clone(file), position: *offset, left: *size })
            }
            Self::Memory(bytes) => Box::new(io::Cursor::new(Arc::clone(bytes))),
        }
    }
}

/// A part of a file, which several readers may read at a time.
pub(super) struct Range {
    file: Arc<File>,
    position: u64,
    left: u64,
}

impl Read for Range {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.file().read_at(&mut buffer[..most], self.position)?;
        if count == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends in the middle"));
        }
        self.position += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// The table of contents of an archive.
pub(super) struct Contents {
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    /// Offset and size of regular files, by normalised name.
    files: BTreeMap<TreePath, (u64, u64)>,
    /// What links lead to. `docker save` made them, before version 25, for layers that images share.
    links: BTreeMap<TreePath, TreePath>,
}

impl Contents {
    pub(super) fn list(path: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.into(), source };
        let file = uncompressed(path).map_err(io)?;
        let (mut files, mut links) = (BTreeMap::new(), BTreeMap::new());
        let mut archive = tar::Archive::new(&file);
        for entry in archive.entries_with_seek().map_err(io)? {
            let entry = entry.map_err(io)?;
            let raw = entry.path_bytes().into_owned();
            let outside =
                || OpenError::Outside { path: path.into(), name: String::from_utf8_lossy(&raw).into_owned() };
            let name = match TreePath::new(&raw) {
                Ok(name) if raw.first() != Some(&b'/') => name,
                Err(TreePathError::Root) => continue,
                _ => return Err(outside()),
            };
            let kind = entry.header().entry_type();
            if kind.is_file() {
                files.insert(name, (entry.raw_file_position(), entry.size()));
            } else if kind.is_symlink() || kind.is_hard_link() {
                let target = entry.link_name_bytes().unwrap_or_default();
                let from = if kind.is_symlink() { name.parent() } else { None };
                let target = resolve(from.as_ref(), &target).ok_or_else(outside)?;
                links.insert(name, target);
            }
        }
        Ok(Self { path: path.into(), file: Arc::new(file), files, links })
    }

    pub(super) fn find(&self, name: &str) -> Option<(u64, u64)> {
        let name = TreePath::new(name.as_bytes()).ok()?;
        let name = self.links.get(&name).unwrap_or(&name);
        self.files.get(name).copied()
    }

    fn range(&self, (offset, size): (u64, u64)) -> Range {
        Range { file: Arc::clone(&self.file), position: offset, left: size }
    }

    pub(super) fn document(&self, name: &str) -> Result<Option<Vec<u8>>, OpenError> {
        let Some(place) = self.find(name) else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = self.range(place).take(MOST_DOCUMENT).read_to_end(&mut bytes);
        read.map_err(|source| OpenError::Io { path: self.path.clone(), source })?;
        Ok(Some(bytes))
    }

    pub(super) fn blobs(&self) -> BTreeMap<BlobDigest, Place> {
        let digest = |name: &TreePath| {
            let hex = name.as_bytes().strip_prefix(b"blobs/sha256/")?;
            format!("sha256:{}", std::str::from_utf8(hex).ok()?).parse().ok()
        };
        let file = |(name, (offset, size)): (&TreePath, &(u64, u64))| {
            Some((digest(name)?, Place::Range { offset: *offset, size: *size }))
        };
        self.files.iter().filter_map(file).collect()
    }

    /// Describes a layer, whose digest the archive does not tell. It is read for that.
    pub(super) fn layer(&self, place: (u64, u64)) -> io::Result<Descriptor> {
        let media_type = match Magic::of(&mut self.range(place))? {
            Magic::Gzip => MediaType::OCI_LAYER_GZIP,
            Magic::Zstd => MediaType::OCI_LAYER_ZSTD,
            Magic::Other => MediaType::OCI_LAYER,
        };
        let mut hasher = Hasher::new();
        let mut range = self.range(place);
        let mut buffer = vec![0; 1 << 18];
        loop {
            match range.read(&mut buffer)? {
                0 => return Ok(Descriptor::new(media_type, hasher.into(), place.1)),
                count => hasher.update(&buffer[..count]),
            }
        }
    }
}

/// How a file begins.
enum Magic {
    Gzip,
    Zstd,
    Other,
}

impl Magic {
    fn of(reader: &mut impl Read) -> io::Result<Self> {
        let mut front = Vec::new();
        reader.take(4).read_to_end(&mut front)?;
        Ok(match &front[..] {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Self::Zstd,
            _ => Self::Other,
        })
    }
}

/// The archive itself; if it is compressed, unpacked into a file that has no name, since blobs are read from the
/// middle of it.
fn uncompressed(path: &Path) -> io::Result<File> {
    let mut file = File::open(path)?;
    let magic = Magic::of(&mut file)?;
    file.rewind()?;
    let mut decoder: Box<dyn Read> = match magic {
        Magic::Other => return Ok(file),
        Magic::Gzip => Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, file))),
        Magic::Zstd => Box::new(zstd::Decoder::new(file)?),
    };
    let mut plain = File::from_parts(tempfile::tempfile()?, path);
    io::copy(&mut decoder, &mut plain)?;
    plain.rewind()?;
    Ok(plain)
}

/// Where a link in `from` leads, unless that is out of the archive.
fn resolve(from: Option<&TreePath>, target: &[u8]) -> Option<TreePath> {
    if target.first() == Some(&b'/') {
        return None;
    }
    let mut parts: Vec<&[u8]> =
        from.map(|from| from.as_bytes().split(|b| *b == b'/').collect()).unwrap_or_default();
    for part in target.split(|b| *b == b'/') {
        match part {
            b".." => drop(parts.pop()?),
            b"" | b"." => {}
            _ => parts.push(part),
        }
    }
    TreePath::new(&parts.join(&b'/')).ok()
}
