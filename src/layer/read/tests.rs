use super::*;
use crate::layer::Encoding;
use crate::layer::testing::{one_of_each, sealed};
use crate::tree::Tree;

fn how(keep: &dyn Fn(&TreePath, u64) -> bool) -> ReadLayer<'_> {
    ReadLayer { keep, layer: BlobDigest::of(b"layer"), whiteouts: true, digests: false, folder: None }
}

fn content(file: &File) -> Vec<u8> {
    let mut reader = file.open().unwrap();
    let mut bytes = vec![0; usize::try_from(file.size).unwrap()];
    let mut done = 0;
    while reader.left() > 0 {
        done += reader.read(&mut bytes[done..]).unwrap();
    }
    reader.finish().unwrap();
    bytes
}

#[test]
fn what_is_written_is_read_again() {
    let tree = one_of_each();
    for encoding in [Encoding::None, Encoding::GZIP, Encoding::ZSTD] {
        let (made, blob) = sealed(&tree, encoding, 2);
        let (files, diff_id) = read(&blob[..], &how(&|_, _| true)).unwrap();
        assert_eq!(diff_id, made.diff_id);
        let back: Tree = files.entries.into_iter().collect();
        assert_eq!(back.to_text(), tree.to_text());
        for ((_, ours), (path, theirs)) in tree.iter().zip(&back) {
            if let (Node::File(ours), Node::File(theirs)) = (&ours.node, &theirs.node) {
                assert_eq!(content(ours), content(theirs), "{path}");
            }
        }
        assert!(files.whiteouts.is_empty() && files.opaque.is_empty());
    }
}

#[test]
fn contents_that_nobody_wants_are_left() {
    let (_, blob) = sealed(&one_of_each(), Encoding::GZIP, 1);
    let (files, _) = read(&blob[..], &how(&|path, _| path.as_bytes() == b"app/hello.txt")).unwrap();
    for (path, entry) in &files.entries {
        let Node::File(file) = &entry.node else { continue };
        if path.as_bytes() == b"app/hello.txt" {
            assert_eq!(content(file), b"hello\n");
        } else {
            assert!(file.open().is_err(), "{path}");
        }
    }
}

#[test]
fn devices_have_their_numbers() {
    let device = Device { is_block: false, major: 1, minor: 3 };
    let tree: Tree =
        [(crate::layer::testing::path("null"), crate::layer::testing::entry(Node::Device(device)))]
            .into_iter()
            .collect();
    let (_, blob) = sealed(&tree, Encoding::None, 1);
    let (files, _) = read(&blob[..], &how(&|_, _| false)).unwrap();
    let back: Tree = files.entries.into_iter().collect();
    assert_eq!(back.to_text(), "0644 0:0 0 char-device 1:3 null\n");
}

/// A tar of entries without content, written by the library.
fn tar_of(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, kind, link) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        builder.append(&header, io::empty()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn what_is_taken_away() {
    let tar = tar_of(&[
        ("./", EntryType::Directory, ""),
        ("./a/.wh.b", EntryType::Regular, ""),
        ("/.wh.c", EntryType::Regular, ""),
        ("d/.wh..wh..opq", EntryType::Regular, ""),
        (".wh..wh..opq", EntryType::Regular, ""),
        (".wh..wh.plnk", EntryType::Directory, ""),
        ("old/", EntryType::Regular, ""),
    ]);
    let (files, _) = read(&tar[..], &how(&|_, _| false)).unwrap();
    let names: Vec<_> = files.whiteouts.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a/b", "c"]);
    let opaque: Vec<_> = files.opaque.iter().map(|path| path.as_ref().map(ToString::to_string)).collect();
    assert_eq!(opaque, [Some("d".to_owned()), None]);
    assert_eq!(files.entries.len(), 1);
    assert!(matches!(files.entries[0].1.node, Node::Directory));
    // In other archives these are names like any other.
    let (files, _) = read(&tar[..], &ReadLayer { whiteouts: false, ..how(&|_, _| false) }).unwrap();
    assert_eq!((files.entries.len(), files.whiteouts.len()), (6, 0));
}

#[test]
fn names_and_kinds_that_are_refused() {
    for (name, kind, link, says) in [
        ("../x", EntryType::Regular, "", "`../x` leads out of the root"),
        ("a/../../x", EntryType::Directory, "", "leads out of the root"),
        ("x", EntryType::Link, "../y", "`x` is a hard link to nothing"),
        ("x", EntryType::Link, "", "`x` is a hard link to nothing"),
        ("x", EntryType::Symlink, "", "`x` is a symbolic link to nothing"),
        ("x", EntryType::new(b'V'), "", "`x` is of a kind that no layer has"),
        ("x", EntryType::GNUSparse, "", "sparse file"),
        ("a/.wh.", EntryType::Regular, "", "`a/.wh.` takes nothing away"),
        ("a/.wh...", EntryType::Regular, "", "takes nothing away"),
    ] {
        let error = read(&tar_of(&[(name, kind, link)])[..], &how(&|_, _| false)).unwrap_err().to_string();
        assert!(error.contains(says), "{name}: {error}");
    }
}

#[test]
fn what_is_broken_or_hostile_ends_soon() {
    let (_, blob) = sealed(&one_of_each(), Encoding::None, 1);
    let error = |bytes: &[u8]| read(bytes, &how(&|_, _| false)).unwrap_err().to_string();
    assert!(error(&blob[..700]).contains("ends in the middle"));
    assert!(error(b"<html>not found</html>").contains("in the middle of a header"));
    assert!(error(&[b'x'; 4096]).contains("it is no tar"));
    assert!(!error(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]).is_empty());
    assert!(!error(&[0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3]).is_empty());
    // A name that claims to have gigabytes is not read.
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(8 << 30);
    header.set_cksum();
    assert!(error(header.as_bytes()).contains("8589934592 bytes"));
    // Nor is one kept that nobody could make, or shown in full.
    let mut builder = ::tar::Builder::new(Vec::new());
    builder.append_pax_extensions([("path", "n/".repeat(2500).as_bytes())]).unwrap();
    let mut header = Header::new_ustar();
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, io::empty()).unwrap();
    let long = error(&builder.into_inner().unwrap());
    assert!(
        long.len() < 300 && long.ends_with("is longer than any system takes: that is 4096 bytes"),
        "{long}"
    );
    for records in ["5 a=b\n", "x path=y\n", "99999999999999999999 a=b\n", "3 =", "6 =b\n\n\n", "12 path=y"] {
        let broken = Extended::default().pax(records.as_bytes());
        assert!(broken.is_err(), "{records:?}");
    }
}

#[test]
fn records_may_have_any_byte_in_them() {
    let mut extended = Extended::default();
    extended.pax(b"31 SCHILY.xattr.user.x=a\nb=c\0d\n14 path=a=b/c\n17 mtime=-1.5000\n").unwrap();
    assert_eq!(extended.xattrs.get(&b"user.x"[..]).map(|value| value.to_vec()), Some(b"a\nb=c\0d".to_vec()));
    assert_eq!((extended.name.as_deref(), extended.mtime), (Some(&b"a=b/c"[..]), Some(-2)));
}

/// Many writers leave fields empty that they have nothing for.
#[test]
fn empty_fields_are_nothing() {
    let mut header = Header::new_old();
    header.as_old_mut().name[0] = b'x';
    header.set_cksum();
    let tar = [header.as_bytes().as_slice(), &[0; 1024]].concat();
    let (files, _) = read(&tar[..], &how(&|_, _| true)).unwrap();
    let tree: Tree = files.entries.into_iter().collect();
    assert_eq!(tree.to_text(), "0000 0:0 0 file 0 x\n");
}
