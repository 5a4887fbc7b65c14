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
                if !unpacked.link(path.clone(), &original) {
                    let (name, why) = (path.to_string(), "is a hard link to nothing");
                    return Err(ReadLayerError::Name { name, why });
                }
            }
            _ => unpacked.put(path, entry),
        }
    }
    Ok(Some(unpacked.to_tree()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tar with a file, and a hard link to `original`.
    fn tar(original: &str) -> File {
        let mut builder = ::tar::Builder::new(Vec::new());
        let mut header = ::tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o640);
        builder.append_data(&mut header, "d/file", &b"hi"[..]).unwrap();
        let mut header = ::tar::Header::new_gnu();
        header.set_entry_type(::tar::EntryType::Link);
        header.set_size(0);
        builder.append_link(&mut header, "link", original).unwrap();
        File::in_memory(builder.into_inner().unwrap())
    }

    #[test]
    fn what_is_in_an_archive() {
        let tree = unpack(&tar("d/file"), 7).unwrap().unwrap();
        assert_eq!(tree.to_text(), "0640 0:0 7 file 2 d/file\n0640 0:0 7 hard-link link => d/file\n");
        assert!(unpack(&File::in_memory(*b"no archive"), 7).unwrap().is_none());
        assert!(unpack(&File::in_memory(*b""), 7).unwrap().is_none());
        let error = unpack(&tar("elsewhere"), 7).unwrap_err().to_string();
        assert_eq!(error, "the entry `link` is a hard link to nothing");
    }
}
