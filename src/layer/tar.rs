//! A tree as a tar stream.
//!
//! Headers are ustar; what does not fit in them goes into a PAX extended header in front
//! ([POSIX pax](https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13)), as in
//! [OCI layers](https://github.com/opencontainers/image-spec/blob/main/layer.md#distributable-format). Nothing
//! depends on the machine: no user names, no device numbers, whole seconds, the order of the tree.

use crate::tree::{Entry, FileError, FileReader, Metadata, Node, Tree, TreePath};
use std::sync::Arc;
use tar::{EntryType, Header};

/// Sizes and positions in a tar are multiples of this.
const RECORD: u64 = 512;
/// Two records of zeros end a tar.
const END: [u8; 1024] = [0; 1024];
/// Entries that carry something for the next one have no name of their own. These are the ones that Python's
/// tarfile and GNU tar give them.
const PAX_NAME: &[u8] = b"././@PaxHeader";
const LONG_NAME: &[u8] = b"././@LongLink";
/// What fits into 7 octal digits, as owner and group are written.
const MOST_OCTAL_7: u64 = (1 << 21) - 1;
/// What fits into 11 octal digits, as size and time are written.
const MOST_OCTAL_11: u64 = (1 << 33) - 1;

/// A tar that is written piece by piece, as there is room for it.
#[derive(Debug)]
pub(super) struct Stream {
    tree: Arc<Tree>,
    /// Number of the entry that comes after all of the rest.
    next: usize,
    /// Headers, padding or the end, and how much of that is out.
    pending: Vec<u8>,
    position: usize,
    /// The file whose content follows what is pending.
    file: Option<FileReader>,
    ended: bool,
}

impl Stream {
    /// Of all of `tree`, from the start.
    pub(super) fn new(tree: Arc<Tree>) -> Self {
        let pending = Vec::with_capacity(4096);
        Self { tree, next: 0, pending, position: 0, file: None, ended: false }
    }

    /// Fills `room` with what comes next, and says how many bytes that are: all of it, or less at the end.
    pub(super) fn fill(&mut self, room: &mut [u8]) -> Result<usize, FileError> {
        let mut used = 0;
        while used < room.len() {
            let rest = &mut room[used..];
            let pending = &self.pending[self.position..];
            if !pending.is_empty() {
                let count = pending.len().min(rest.len());
                rest[..count].copy_from_slice(&pending[..count]);
                self.position += count;
                used += count;
            } else if let Some(file) = self.file.as_mut().filter(|file| file.left() > 0) {
                // Content is read straight into the block: the kernel's is the only copy.
                used += file.read(rest)?;
            } else if !self.proceed()? {
                break;
            }
        }
        Ok(used)
    }

    /// Goes on to what follows once all that was pending is out; says whether anything does.
    fn proceed(&mut self) -> Result<bool, FileError> {
        self.pending.clear();
        self.position = 0;
        if let Some(file) = self.file.take() {
            let size = file.size();
            file.finish()?;
            let padding = size.next_multiple_of(RECORD) - size;
            self.pending.resize(usize::try_from(padding).unwrap_or_default(), 0);
        } else if let Some((path, entry)) = self.tree.nth(self.next) {
            self.next += 1;
            put_headers(path, entry, &mut self.pending);
            if let Node::File(file) = &entry.node {
                self.file = Some(file.open()?);
            }
        } else {
            if self.ended {
                return Ok(false);
            }
            self.ended = true;
            self.pending.extend_from_slice(&END);
        }
        Ok(true)
    }
}

/// How many bytes `tree` has as a tar. No file is read.
pub fn size(tree: &Tree) -> u64 {
    let mut headers = Vec::with_capacity(4096);
    let entries: u64 = tree
        .iter()
        .map(|(path, entry)| {
            headers.clear();
            put_headers(path, entry, &mut headers);
            let content = if let Node::File(file) = &entry.node { file.size } else { 0 };
            headers.len() as u64 + content.next_multiple_of(RECORD)
        })
        .sum();
    entries + END.len() as u64
}

/// About as many bytes as [`size`] says, without making a header: what is too long for one is not counted.
pub(super) fn size_about(tree: &Tree) -> u64 {
    tree.content_size() + tree.len() as u64 * (RECORD + RECORD / 2)
}

/// Appends the header of an entry, and in front of it those that carry what does not fit.
fn put_headers(path: &TreePath, entry: &Entry, out: &mut Vec<u8>) {
    let metadata = &entry.metadata;
    let (kind, link, size): (_, &[u8], _) = match &entry.node {
        Node::Directory => (EntryType::Directory, b"", 0),
        Node::File(file) => (EntryType::Regular, b"", file.size),
        Node::Symlink(target) => (EntryType::Symlink, target, 0),
        Node::HardLink(target) => (EntryType::Link, target.as_bytes(), 0),
        Node::Fifo => (EntryType::Fifo, b"", 0),
        Node::Device(device) => (if device.is_block { EntryType::Block } else { EntryType::Char }, b"", 0),
    };
    let directory_name;
    let name = if kind.is_dir() {
        directory_name = [path.as_bytes(), b"/"].concat();
        &directory_name[..]
    } else {
        path.as_bytes()
    };

    let mut header = Header::new_ustar();
    let mut pax = Vec::new();
    if !put_name(&mut header, name) {
        put_long(EntryType::GNULongName, b"path", name, &mut pax, out);
    }
    if let Some(ustar) = header.as_ustar_mut()
        && !copy_front(&mut ustar.linkname, link)
    {
        put_long(EntryType::GNULongLink, b"linkpath", link, &mut pax, out);
    }
    // Numbers that are too large for octal digits stand in the header too, in the binary form of GNU, so that a
    // reader that does not know PAX is not led astray.
    header.set_size(size);
    put_number(&mut pax, b"size", size, MOST_OCTAL_11);
    header.set_uid(metadata.uid.into());
    put_number(&mut pax, b"uid", metadata.uid.into(), MOST_OCTAL_7);
    header.set_gid(metadata.gid.into());
    put_number(&mut pax, b"gid", metadata.gid.into(), MOST_OCTAL_7);
    let mtime = u64::try_from(metadata.mtime);
    header.set_mtime(mtime.unwrap_or(0));
    if mtime.map_or(true, |mtime| mtime > MOST_OCTAL_11) {
        put_record(&mut pax, b"mtime", metadata.mtime.to_string().as_bytes());
    }
    header.set_mode(metadata.mode & 0o7777);
    header.set_entry_type(kind);
    if let Node::Device(device) = &entry.node
        && let Some(ustar) = header.as_ustar_mut()
    {
        ustar.set_device_major(device.major);
        ustar.set_device_minor(device.minor);
    }
    header.set_cksum();

    put_xattrs(&mut pax, metadata);
    if !pax.is_empty() {
        put_carrier(Header::new_ustar(), EntryType::XHeader, PAX_NAME, &[&pax], out);
    }
    out.extend_from_slice(header.as_bytes());
}

/// Puts `name` into the name field, or into that and the prefix field, between which readers put a `/`. Says
/// whether it fits; if it does not, its front is there.
fn put_name(header: &mut Header, name: &[u8]) -> bool {
    let Some(ustar) = header.as_ustar_mut() else { return false };
    if copy_front(&mut ustar.name, name) {
        return true;
    }
    let least = name.len() - ustar.name.len() - 1;
    // The name field may not be empty, so the last byte is no place to split.
    let most = ustar.prefix.len().min(name.len() - 2);
    let split = (least.max(1)..=most).find(|position| name[*position] == b'/');
    if let Some(position) = split {
        ustar.prefix[..position].copy_from_slice(&name[..position]);
        ustar.name.fill(0);
        copy_front(&mut ustar.name, &name[position + 1..]);
    }
    split.is_some()
}

/// Copies as much of `text` as the field takes, and says whether that is all.
fn copy_front(field: &mut [u8], text: &[u8]) -> bool {
    let count = field.len().min(text.len());
    field[..count].copy_from_slice(&text[..count]);
    count == text.len()
}

/// Carries a path that is too long for the header: as a PAX record if it is text, else in GNU's way, because
/// PAX values are UTF-8. Newlines go GNU's way too: several readers (the `tar` crate is one) cut PAX records at
/// newlines instead of counting.
fn put_long(gnu: EntryType, keyword: &[u8], path: &[u8], pax: &mut Vec<u8>, out: &mut Vec<u8>) {
    if std::str::from_utf8(path).is_ok() && !path.contains(&b'\n') {
        put_record(pax, keyword, path);
    } else {
        put_carrier(Header::new_gnu(), gnu, LONG_NAME, &[path, b"\0"], out);
    }
}

/// Appends an entry that carries something for the next one.
fn put_carrier(mut header: Header, kind: EntryType, name: &[u8], content: &[&[u8]], out: &mut Vec<u8>) {
    let size: usize = content.iter().map(|part| part.len()).sum();
    copy_front(&mut header.as_old_mut().name, name);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(kind);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    for part in content {
        out.extend_from_slice(part);
    }
    let record = END.len() / 2;
    out.resize(out.len() + size.next_multiple_of(record) - size, 0);
}

fn put_number(pax: &mut Vec<u8>, keyword: &[u8], number: u64, most: u64) {
    if number > most {
        put_record(pax, keyword, number.to_string().as_bytes());
    }
}

/// Extended attributes as `SCHILY.xattr.NAME`, which is how star, GNU tar, libarchive, Go and so every container
/// engine know them. They stand last: their values are binary, and see [`put_long`] on newlines.
fn put_xattrs(pax: &mut Vec<u8>, metadata: &Metadata) {
    for (name, value) in metadata.xattrs.iter().flat_map(|xattrs| xattrs.iter()) {
        let mut keyword = b"SCHILY.xattr.".to_vec();
        for byte in name {
            match byte {
                // GNU tar's way to have them in a keyword, which ends at the first `=`.
                b'=' => keyword.extend_from_slice(b"%3D"),
                b'%' => keyword.extend_from_slice(b"%25"),
                _ => keyword.push(*byte),
            }
        }
        put_record(pax, &keyword, value);
    }
}

/// `LENGTH keyword=value\n`, where the length counts its own digits.
fn put_record(pax: &mut Vec<u8>, keyword: &[u8], value: &[u8]) {
    let rest = b" =\n".len() + keyword.len() + value.len();
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    pax.extend_from_slice(length.to_string().as_bytes());
    pax.push(b' ');
    pax.extend_from_slice(keyword);
    pax.push(b'=');
    pax.extend_from_slice(value);
    pax.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::Encoding;
    use super::super::testing::{CAPABILITY, entry, one_of_each, path, sealed};
    use super::*;
    use crate::tree::File;
    use std::io::Read as _;

    #[test]
    fn the_tar_crate_reads_what_is_written() {
        let tree = one_of_each();
        let (sealed, blob) = sealed(&tree, Encoding::None, 1);
        assert_eq!(sealed.uncompressed, size(&tree));
        let mut archive = ::tar::Archive::new(&blob[..]);
        let mut expected = tree.iter();
        for read in archive.entries().unwrap() {
            let mut read = read.unwrap();
            let (path, entry) = expected.next().unwrap();
            assert_eq!(TreePath::new(&read.path_bytes()).unwrap(), *path);
            let link = read.link_name_bytes().unwrap_or_default().into_owned();
            let kind = read.header().entry_type();
            let mut content = Vec::new();
            read.read_to_end(&mut content).unwrap();
            match &entry.node {
                Node::Directory => assert!(kind.is_dir() && read.path_bytes().ends_with(b"/")),
                Node::File(file) => assert_eq!((kind, content.len() as u64), (EntryType::Regular, file.size)),
                Node::Symlink(target) => assert_eq!((kind, &link[..]), (EntryType::Symlink, &target[..])),
                Node::HardLink(to) => assert_eq!((kind, &link[..]), (EntryType::Link, to.as_bytes())),
                Node::Fifo => assert_eq!(kind, EntryType::Fifo),
                Node::Device(device) => {
                    assert_eq!(kind, if device.is_block { EntryType::Block } else { EntryType::Char });
                    let header = read.header();
                    let numbers = (header.device_major().unwrap(), header.device_minor().unwrap());
                    assert_eq!(numbers, (Some(device.major), Some(device.minor)));
                }
            }
            let header = read.header();
            assert_eq!(header.mode().unwrap(), entry.metadata.mode);
            assert_eq!(header.uid().unwrap(), u64::from(entry.metadata.uid));
            assert_eq!(header.gid().unwrap(), u64::from(entry.metadata.gid));
            assert_eq!(header.mtime().unwrap(), u64::try_from(entry.metadata.mtime).unwrap_or(0));
            assert_eq!(header.username_bytes(), Some(&b""[..]));
        }
        assert!(expected.next().is_none());
    }

    fn headers(name: &[u8], entry: &Entry) -> Vec<u8> {
        let mut out = Vec::new();
        put_headers(&path(name), entry, &mut out);
        out
    }

    fn records(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut archive = ::tar::Archive::new(bytes);
        let mut read = archive.entries().unwrap().next().unwrap().unwrap();
        let pax = read.pax_extensions().unwrap().into_iter().flatten();
        pax.map(|record| record.unwrap())
            .map(|record| (record.key().unwrap().to_owned(), record.value_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn large_numbers() {
        let mut big = entry(Node::File(File::in_memory(*b"")));
        let Node::File(file) = &mut big.node else { unreachable!() };
        file.size = 8 << 30;
        big.metadata.uid = 2_097_152;
        big.metadata.mtime = -1;
        let bytes = headers(b"big", &big);
        assert_eq!(
            ::tar::Archive::new(&bytes[..]).entries().unwrap().next().unwrap().unwrap().size(),
            8 << 30
        );
        let expected = [("size", "8589934592"), ("uid", "2097152"), ("mtime", "-1")];
        assert_eq!(records(&bytes), expected.map(|(k, v)| (k.to_owned(), v.as_bytes().to_vec())));

        let Node::File(file) = &mut big.node else { unreachable!() };
        file.size -= 1;
        big.metadata.uid -= 1;
        big.metadata.mtime = 0;
        assert_eq!(headers(b"big", &big).len(), 512, "all of it fits into the header");
    }

    #[test]
    fn attributes_are_records() {
        let mut with = entry(Node::File(File::in_memory(*b"")));
        with.metadata.xattrs = Some(Box::new([((*b"security.capability").into(), CAPABILITY.into())].into()));
        let bytes = headers(b"x", &with);
        assert_eq!(records(&bytes), [("SCHILY.xattr.security.capability".into(), CAPABILITY.to_vec())]);

        assert!(bytes[512..].starts_with(b"57 SCHILY.xattr.security.capability="));
    }

    #[test]
    fn the_length_of_a_record_counts_itself() {
        for length in [1, 90, 91, 92, 93, 985, 986, 987, 988, 989, 990, 9_990] {
            let mut pax = Vec::new();
            put_record(&mut pax, b"path", &vec![b'x'; length]);
            let digits: String = pax.iter().take_while(|b| **b != b' ').map(|b| *b as char).collect();
            assert_eq!(digits.parse::<usize>().unwrap(), pax.len());
        }
    }

    #[test]
    fn names_around_the_limits_come_back() {
        let plain = entry(Node::Fifo);
        for length in 95..=270 {
            for slash in [1, 50, 99, 100, 101, 150, 154, 155, 156, 160] {
                let mut name = vec![b'n'; length];
                if slash + 1 >= length {
                    continue;
                }
                name[slash] = b'/';
                for node in [plain.clone(), entry(Node::Directory)] {
                    let bytes = headers(&name, &node);
                    let mut archive = ::tar::Archive::new(&bytes[..]);
                    let read = archive.entries().unwrap().next().unwrap().unwrap();
                    assert_eq!(TreePath::new(&read.path_bytes()).unwrap().as_bytes(), name);
                }
            }
        }
    }

    #[test]
    fn an_empty_file_must_be_there_too() {
        // A file that only claims to be there is an error, even if there is nothing to read in it.
        let directory = tempfile::tempdir().unwrap();
        let root = Arc::new(crate::tree::Root::open(directory.path()).unwrap());
        let stamp = crate::tree::Stamp::default();
        let content = crate::tree::Content::Disk { root, relative: (*b"x").into(), stamp };
        let mut tree = Tree::new();
        tree.insert(path("x"), entry(Node::File(File { size: 0, content })));
        let read = Stream::new(Arc::new(tree)).fill(&mut [0; 4096]);
        assert!(matches!(read, Err(FileError::Vanished { .. })));
    }

    #[test]
    fn however_much_room_there_is_the_bytes_are_the_same() {
        let tree = Arc::new(one_of_each());
        let whole = sealed(&tree, Encoding::None, 1).1;
        for room in [1, 7, 511, 512, 513, 4096, 1 << 20] {
            let (mut stream, mut piece, mut all) =
                (Stream::new(Arc::clone(&tree)), vec![0; room], Vec::new());
            loop {
                let count = stream.fill(&mut piece).unwrap();
                all.extend_from_slice(&piece[..count]);
                // Only the end leaves room.
                if count < room {
                    break;
                }
            }
            assert_eq!(all, whole, "{room}");
        }
    }
}
