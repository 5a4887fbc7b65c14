//! Archives that ADD unpacks.

use crate::base::BlobDigest;
use crate::layer::read::{ReadLayer, ReadLayerError, is_archive, read};
use crate::tree::{File, FileSystem, Node, Tree};

/// What is in `file`, if it is a tar, compressed or not, whatever its name is. Contents go to a temporary file.
pub(super) fn unpack(file: &File, mtime: i64) -> Result<Option<Tree>, ReadLayerError> {
    let open = || file.open().map_err(std::io::Error::other);
    if !is_archive(open()?.bytes()) {
        return Ok(None);
    }
    let how = ReadLayer {
        keep: &|_, _| true,
        // All contents are kept, so nobody asks for more of them.
        layer: BlobDigest::of(b""),
        whiteouts: false,
        digests: false,
        folder: None,
    };
    let (files, _) = read(open()?.bytes(), &how)?;
    let mut unpacked = FileSystem::new();
    for (path, mut entry) in files.entries {
        entry.metadata.mtime = mtime;
        match &entry.node {
            Node::HardLink(original) => {
                let original = original.clone();
                unpacked.link(path, &original);
            }
            _ => unpacked.put(path, entry),
        }
    }
    Ok(Some(unpacked.to_tree()))
}
