//! Telling that a tree is the one that was read before, without reading its files.
//!
//! As Git does it with its index: a file whose size, times and inode are what they were has the content that it had.
//! There is one hole in that, which Git calls
//! [racy](https://git-scm.com/docs/racy-git): a file that is written to twice within one tick of the file system's
//! clock, and read in between, looks the same both times. So what is as young as the moment of reading proves
//! nothing, see [`Fingerprint::is_settled`].

use super::{Content, Device, Node, Tree, Xattrs};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The coarsest tick of a file system that is in use, that of FAT, in nanoseconds.
const TICK: i64 = 2_000_000_000;

/// Stands for everything that a tree's tar is made of. The contents of files on disk stand in it by what the file
/// system says of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    digest: [u8; 32],
    /// When the youngest file was changed: nanoseconds since 1970.
    youngest: i64,
}

impl Fingerprint {
    /// Whether the contents can't have changed unnoticed after `read`, the moment when the tree began to be read, in
    /// nanoseconds since 1970: no file was changed within a tick before it, or after.
    pub fn is_settled(&self, read: i64) -> bool {
        self.youngest < read.saturating_sub(TICK)
    }
}

impl fmt::Display for Fingerprint {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.digest))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Tree {
    /// Of the tree as it was listed.
    pub fn fingerprint(&self) -> Fingerprint {
        let (mut hasher, mut youngest) = (Sha256::new(), i64::MIN);
        // Entries are collected before they are hashed: many small updates cost more.
        let mut bytes = Vec::with_capacity(64 * 1024);
        for (path, entry) in self {
            let metadata = &entry.metadata;
            text(&mut bytes, path.as_bytes());
            for number in [metadata.mode, metadata.uid, metadata.gid] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(&metadata.mtime.to_le_bytes());
            let xattrs = metadata.xattrs.as_deref();
            length(&mut bytes, xattrs.map_or(0, Xattrs::len));
            for (name, value) in xattrs.into_iter().flatten() {
                text(&mut bytes, name);
                text(&mut bytes, value);
            }
            match &entry.node {
                Node::Directory => bytes.push(b'd'),
                Node::Fifo => bytes.push(b'p'),
                Node::Device(Device { is_block, major, minor }) => {
                    bytes.extend_from_slice(&[b'v', u8::from(*is_block)]);
                    bytes.extend_from_slice(&major.to_le_bytes());
                    bytes.extend_from_slice(&minor.to_le_bytes());
                }
                Node::Symlink(target) => {
                    bytes.push(b'l');
                    text(&mut bytes, target);
                }
                Node::HardLink(target) => {
                    bytes.push(b'h');
                    text(&mut bytes, target.as_bytes());
                }
                Node::File(file) => match &file.content {
                    Content::Memory(content) => {
                        bytes.push(b'm');
                        text(&mut bytes, content);
                    }
                    Content::Spooled { digest, .. } => {
                        bytes.push(b's');
                        text(&mut bytes, digest.to_string().as_bytes());
                    }
                    // It can't be told from another, so the layer is never settled.
                    Content::Elsewhere { .. } => youngest = i64::MAX,
                    Content::Disk { stamp, .. } => {
                        bytes.push(b'f');
                        bytes.extend_from_slice(&file.size.to_le_bytes());
                        bytes.extend_from_slice(&stamp.modified.to_le_bytes());
                        bytes.extend_from_slice(&stamp.changed.to_le_bytes());
                        bytes.extend_from_slice(&stamp.inode.to_le_bytes());
                        youngest = youngest.max(stamp.modified).max(stamp.changed);
                    }
                },
            }
            if bytes.len() > 60 * 1024 {
                hasher.update(&bytes);
                bytes.clear();
            }
        }
        hasher.update(&bytes);
        Fingerprint { digest: hasher.finalize().into(), youngest }
    }
}

/// Lengths stand in front, so that no two trees make the same bytes.
fn text(bytes: &mut Vec<u8>, text: &[u8]) {
    length(bytes, text.len());
    bytes.extend_from_slice(text);
}

fn length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&(length as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Modes, Owner, Patterns};
    use crate::tree::{ReadRequest, read};
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    fn fingerprint(context: &Path) -> Fingerprint {
        let (owner, modes) = (Owner::default(), Modes::default());
        let all = &Patterns::default();
        let (from, ignore, include, exclude) = (Path::new("."), all, all, all);
        let request = ReadRequest {
            context,
            from,
            to: "/",
            ignore,
            include,
            exclude,
            owner,
            modes: Some(modes),
            mtime: 0,
            parents: true,
            threads: 1,
        };
        read(&request, &mut |_| ()).unwrap().fingerprint()
    }

    #[test]
    fn every_change_changes_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs_err::write(at("a"), "1234").unwrap();
        fs_err::write(at("b"), "5678").unwrap();
        symlink("a", at("link")).unwrap();
        let mut seen = vec![fingerprint(folder.path())];
        let mut now_new = |what: &str| {
            let now = fingerprint(folder.path());
            assert!(!seen.contains(&now), "{what}");
            assert_eq!(now, fingerprint(folder.path()), "{what}");
            seen.push(now);
        };

        // Another content of the same length under the old time: the kernel's own time tells.
        let modified = fs_err::metadata(at("a")).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        fs_err::write(at("a"), "abcd").unwrap();
        fs_err::OpenOptions::new().write(true).open(at("a")).unwrap().file().set_modified(modified).unwrap();
        now_new("same size, same time");
        fs_err::copy(at("a"), at("copy")).unwrap();
        now_new("one more file");
        fs_err::rename(at("copy"), at("a")).unwrap();
        now_new("another inode");
        fs_err::rename(at("b"), at("c")).unwrap();
        now_new("another name");
        fs_err::remove_file(at("link")).unwrap();
        symlink("b", at("link")).unwrap();
        now_new("another target");
    }

    #[test]
    fn what_is_young_proves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("a"), "1234").unwrap();
        let written = fs_err::metadata(folder.path().join("a")).unwrap().modified().unwrap();
        let written = i64::try_from(written.duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
        let tree = fingerprint(folder.path());
        assert!(!tree.is_settled(written));
        assert!(!tree.is_settled(written + 1_900_000_000));
        assert!(tree.is_settled(written + 2_100_000_000));
    }
}
