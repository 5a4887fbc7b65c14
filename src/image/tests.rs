//! Writing images to disk and reading them back, in every form.

use super::*;
use crate::base::{BlobDigest, DiffId, MediaType, Platform};
use crate::layer::testing::{generated, nobody, one_of_each, sealed};
use crate::layer::{Encoding, SealError, Workers};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

fn names(names: &[&str]) -> Vec<crate::base::Reference> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn config(platform: &str, diff_ids: Vec<DiffId>) -> Document<ImageConfig> {
    let config = ImageConfig {
        created: Some("1970-01-01T00:00:00Z".into()),
        author: None,
        platform: platform.parse().unwrap(),
        config: None,
        history: vec![History::default(); diff_ids.len()],
        rootfs: RootFs::new(diff_ids),
        other: BTreeMap::new(),
    };
    Document::write(config, MediaType::OCI_CONFIG)
}

/// Writes an image of two layers, and says what its manifest is.
fn put_image(layout: &LayoutWriter, platform: &str) -> Descriptor {
    let (mut layers, mut ids) = (Vec::new(), Vec::new());
    for (tree, encoding) in [(one_of_each(), Encoding::GZIP), (generated(3, 9, 700_000), Encoding::None)] {
        let mut blob = layout.blob().unwrap();
        let workers = Workers::new(2).unwrap();
        let sealing = workers.seal(&Arc::new(tree), encoding, nobody());
        let sealed = sealing.run(|bytes| blob.write_all(&bytes)).unwrap();
        blob.commit(sealed.digest).unwrap();
        layers.push(Descriptor::new(sealed.media_type, sealed.digest, sealed.size));
        ids.push(sealed.diff_id);
    }
    let config = config(platform, ids);
    layout.put(config.bytes()).unwrap();
    let manifest = Document::write(Manifest::new(config.descriptor(), layers), MediaType::OCI_MANIFEST);
    layout.put(manifest.bytes()).unwrap();
    manifest.descriptor()
}

fn write(path: &Path, form: Form, tags: &[&str]) -> Descriptor {
    let layout = LayoutWriter::create(path, form).unwrap();
    let descriptor = put_image(&layout, "linux/amd64");
    layout.finish(&[Root { descriptor: descriptor.clone(), names: names(tags) }]).unwrap();
    descriptor
}

fn listing(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs_err::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const ALL: [Form; 3] = [Form::Directory, Form::Tar, Form::Docker];

#[test]
fn every_form_comes_back_whole() {
    let directory = tempfile::tempdir().unwrap();
    for form in ALL {
        let path = directory.path().join(format!("{form:?}"));
        // The second time it replaces what is there.
        for _ in 0..2 {
            let written = write(&path, form, &["shop/api:1.4", "localhost:5000/api:2", "untagged"]);
            let layout = Arc::new(Layout::open(&path).unwrap());
            assert_eq!(layout.index().manifests.len(), 2);
            for name in [None, Some("1.4"), Some("docker.io/shop/api:1.4"), Some("localhost:5000/api:2")] {
                assert_eq!(layout.root(name).unwrap().digest, written.digest);
            }
            let report = validate(&*layout, written.digest.into());
            assert_eq!((report.violations, report.images, report.layers), (vec![], 1, 2));
            let image = layout.image(&written, None).unwrap();
            let source = layout.source(&image.manifest.value().layers[0]).unwrap();
            for _ in 0..2 {
                let mut bytes = Vec::new();
                Verified::new(source.open().unwrap(), source.descriptor()).read_to_end(&mut bytes).unwrap();
            }
            // From one form into another, nothing changes.
            let copy = LayoutWriter::create(&directory.path().join("copy"), Form::Tar).unwrap();
            for part in image.manifest.value().layers.iter().chain([&image.manifest.value().config, &written])
            {
                copy.copy(&layout.source(part).unwrap()).unwrap();
            }
            copy.finish(&[Root { descriptor: written, names: vec![] }]).unwrap();
        }
    }
    assert_eq!(listing(directory.path()), ["Directory", "Docker", "Tar", "copy"], "nothing else is left");
}

#[test]
fn archives_are_the_same_bytes_every_time() {
    let directory = tempfile::tempdir().unwrap();
    for form in [Form::Tar, Form::Docker] {
        let bytes = ["one", "two"].map(|name| {
            let path = directory.path().join(name);
            write(&path, form, &["shop/api:1.4"]);
            fs_err::read(path).unwrap()
        });
        assert!(bytes[0] == bytes[1]);
        let mut archive = tar::Archive::new(&bytes[0][..]);
        let mut names = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
            names.push(entry.path().unwrap().to_str().unwrap().to_owned());
        }
        assert_eq!(names[..2], ["oci-layout", "index.json"]);
        assert_eq!(names.contains(&"manifest.json".to_owned()), form == Form::Docker);
        let blobs = names.iter().position(|name| name == "blobs/").unwrap();
        assert!(names[blobs..].is_sorted());
    }
}

#[test]
fn nothing_is_left_of_what_was_not_finished() {
    let directory = tempfile::tempdir().unwrap();
    for form in ALL {
        let path = directory.path().join("image");
        let layout = LayoutWriter::create(&path, form).unwrap();
        let digest = put_image(&layout, "linux/amd64").digest;
        let mut blob = layout.blob().unwrap();
        blob.write_all(b"half").unwrap();
        drop(blob);
        assert!(layout.size(&digest).is_some());
        drop(layout);
        assert_eq!(listing(directory.path()), [""; 0]);
    }
}

#[test]
fn the_destination_is_looked_at_before_the_work_begins() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str, form| LayoutWriter::create(&directory.path().join(name), form);
    fs_err::create_dir(directory.path().join("full")).unwrap();
    fs_err::write(directory.path().join("full/precious"), "").unwrap();
    fs_err::create_dir(directory.path().join("empty")).unwrap();
    assert!(matches!(at("nowhere/x", Form::Tar), Err(WriteLayoutError::NoFolder { .. })));
    assert!(matches!(at("full", Form::Directory), Err(WriteLayoutError::Occupied { .. })));
    assert!(matches!(at("full/precious", Form::Directory), Err(WriteLayoutError::Occupied { .. })));
    assert!(matches!(at("full", Form::Docker), Err(WriteLayoutError::Occupied { .. })));
    assert!(matches!(
        LayoutWriter::create(Path::new("/dev/null"), Form::Tar),
        Err(WriteLayoutError::Occupied { .. })
    ));
    at("full/precious", Form::Tar).unwrap();
    write(&directory.path().join("empty"), Form::Directory, &[]);
    Layout::open(&directory.path().join("empty")).unwrap();
}

#[test]
fn what_is_not_complete_is_not_finished() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x");
    let layout = LayoutWriter::create(&path, Form::Tar).unwrap();
    let gone = Descriptor::new(MediaType::OCI_MANIFEST, BlobDigest::of(b"gone"), 4);
    let result = layout.finish(&[Root { descriptor: gone, names: vec![] }]);
    assert!(matches!(result, Err(WriteLayoutError::Missing { .. })));

    let layout = LayoutWriter::create(&path, Form::Docker).unwrap();
    let index = Document::write(Index::new(vec![]), MediaType::OCI_INDEX);
    layout.put(index.bytes()).unwrap();
    let result = layout.finish(&[Root { descriptor: index.descriptor(), names: vec![] }]);
    assert!(matches!(result, Err(WriteLayoutError::NoImage { .. })));

    let layout = LayoutWriter::create(&path, Form::Tar).unwrap();
    let lying = Descriptor::new(MediaType::OCI_LAYER, BlobDigest::of(b"x"), 1);
    assert!(matches!(layout.copy(&MemoryBlob::new(lying, *b"y")), Err(WriteLayoutError::Source { .. })));
    drop(layout);
    assert_eq!(listing(directory.path()), [""; 0]);
}

#[test]
fn the_platform_is_chosen() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x");
    let layout = LayoutWriter::create(&path, Form::Tar).unwrap();
    let mut manifests = Vec::new();
    for platform in ["linux/amd64", "linux/arm64"] {
        let mut descriptor = put_image(&layout, platform);
        descriptor.platform = Some(platform.parse().unwrap());
        manifests.push(descriptor);
    }
    let mut attestation = manifests[0].clone();
    attestation.platform = Some("unknown/unknown".parse().unwrap());
    manifests.push(attestation);
    let index = Document::write(Index::new(manifests.clone()), MediaType::OCI_INDEX);
    layout.put(index.bytes()).unwrap();
    layout.finish(&[Root { descriptor: index.descriptor(), names: vec![] }]).unwrap();

    let layout = Layout::open(&path).unwrap();
    let root = layout.root(None).unwrap();
    let arm: Platform = "linux/arm64".parse().unwrap();
    let image = layout.image(root, Some(&arm)).unwrap();
    assert_eq!(image.manifest.blob_digest(), manifests[1].digest);
    assert_eq!(image.config.value().platform, arm);
    let message = |platform| layout.image(root, platform).unwrap_err().to_string();
    assert!(
        message(None).ends_with("has images for more than one platform: it has linux/amd64, linux/arm64")
    );
    let riscv = "linux/riscv64".parse().unwrap();
    assert!(message(Some(&riscv)).ends_with("no image for linux/riscv64: it has linux/amd64, linux/arm64"));
    assert_eq!(validate(&layout, root.digest.into()).violations, []);
}

/// An archive of these files and links.
fn archive(path: &Path, files: &[(&str, &[u8])], links: &[(&str, &str)]) {
    let mut builder = tar::Builder::new(fs_err::File::create(path).unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    for (name, target) in links {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, name, target).unwrap();
    }
    builder.finish().unwrap();
}

#[test]
fn archives_of_old_dockers_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let (plain, plain_bytes) = sealed(&one_of_each(), Encoding::None, 1);
    let (gzip, gzip_bytes) = sealed(&generated(1, 3, 900), Encoding::GZIP, 1);
    let config = config("linux/amd64", vec![plain.diff_id, gzip.diff_id, plain.diff_id]);
    let table = br#"[{"Config":"abc.json","RepoTags":["shop:1","shop:2"],"Layers":["a/layer.tar","b/layer.tar","c/layer.tar"]}]"#;
    let path = directory.path().join("old.tar");
    archive(
        &path,
        &[
            ("a/layer.tar", &plain_bytes),
            ("b/layer.tar", &gzip_bytes),
            ("abc.json", config.bytes()),
            ("manifest.json", table),
        ],
        &[("c/layer.tar", "../a/layer.tar")],
    );
    // As it is, and compressed.
    let packed = directory.path().join("old.tar.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(fs_err::File::create(&packed).unwrap(), flate2::Compression::fast());
    encoder.write_all(&fs_err::read(&path).unwrap()).unwrap();
    encoder.finish().unwrap();
    for path in [path, packed] {
        let layout = Layout::open(&path).unwrap();
        let root = layout.root(Some("shop:2")).unwrap();
        let image = layout.image(root, None).unwrap();
        assert_eq!(image.config.bytes(), config.bytes());
        let digests: Vec<_> = image.manifest.value().layers.iter().map(|layer| layer.digest).collect();
        assert_eq!(digests, [plain.digest, gzip.digest, plain.digest]);
        assert_eq!(image.manifest.value().layers[1].media_type, MediaType::OCI_LAYER_GZIP);
        let violations = validate(&layout, root.digest.into()).violations;
        assert_eq!(violations, []);
    }
}

#[test]
fn what_is_no_image_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.tar");
    let message = |files: &[(&str, &[u8])], links: &[(&str, &str)]| {
        archive(&path, files, links);
        Layout::open(&path).unwrap_err().to_string()
    };
    assert!(message(&[("../../etc/passwd", b"")], &[]).ends_with("which leads out of the archive"));
    assert!(message(&[("/etc/passwd", b"")], &[]).ends_with("which leads out of the archive"));
    assert!(message(&[], &[("a/b", "../../x")]).contains("an entry named `a/b`"));
    assert!(message(&[("readme", b"")], &[]).contains("it has neither `oci-layout`"));
    assert!(message(&[("oci-layout", br#"{"imageLayoutVersion":"2.0.0"}"#)], &[]).contains("version 2.0.0"));
    assert!(
        message(&[("manifest.json", b"[{\"Config\":\"x\"}]")], &[])
            .contains("names `x`, which it does not have")
    );
    assert!(message(&[("manifest.json", b"{")], &[]).contains("`manifest.json` of the image"));
    assert!(Layout::open(directory.path()).unwrap_err().to_string().contains("it has no `oci-layout`"));
    assert!(matches!(Layout::open(&directory.path().join("gone")), Err(OpenError::Io { .. })));
    fs_err::write(&path, "no tar at all, but longer than nothing").unwrap();
    assert!(Layout::open(&path).is_err());
}

#[test]
fn an_archive_that_ends_early_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.tar");
    let written = write(&path, Form::Tar, &[]);
    let bytes = fs_err::read(&path).unwrap();
    fs_err::write(&path, &bytes[..bytes.len() - 300_000]).unwrap();
    let whole = Layout::open(&path).is_ok_and(|layout| validate(&layout, written.digest.into()).is_valid());
    assert!(!whole);
}

#[test]
fn a_full_disk_is_the_sinks_error() {
    // The error of writing comes back through the pipeline as what it is.
    let workers = Workers::new(1).unwrap();
    let result = workers
        .seal(&Arc::new(one_of_each()), Encoding::ZSTD, nobody())
        .run(|_| Err(std::io::Error::from(std::io::ErrorKind::StorageFull)));
    assert!(matches!(result, Err(SealError::Sink(error)) if error.kind() == std::io::ErrorKind::StorageFull));
}
