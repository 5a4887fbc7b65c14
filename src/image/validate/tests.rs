use super::*;
use crate::base::{DiffId, Platform};
use crate::image::blob::BlobReader;
use crate::image::config::Empty;
use crate::image::{Config, Document, History, RootFs};
use crate::layer::Encoding;
use crate::layer::testing::{generated, one_of_each, sealed};
use std::collections::BTreeMap;
use std::io::{self, Cursor};

#[derive(Default)]
struct Store(BTreeMap<BlobDigest, Vec<u8>>);

impl Blobs for Store {
    fn open(&self, digest: &BlobDigest) -> io::Result<Option<BlobReader>> {
        Ok(self.0.get(digest).map(|bytes| Box::new(Cursor::new(bytes.clone())) as BlobReader))
    }
}

impl Store {
    fn put(&mut self, bytes: Vec<u8>, media_type: MediaType) -> Descriptor {
        let descriptor = Descriptor::new(media_type, BlobDigest::of(&bytes), bytes.len() as u64);
        self.0.insert(descriptor.digest, bytes);
        descriptor
    }

    fn image(&mut self, config: ImageConfig, layers: Vec<Descriptor>) -> ManifestDigest {
        let config = Document::write(config, MediaType::OCI_CONFIG);
        let config = self.put(config.bytes().to_vec(), MediaType::OCI_CONFIG);
        let manifest = Document::write(Manifest::new(config, layers), MediaType::OCI_MANIFEST);
        self.put(manifest.bytes().to_vec(), MediaType::OCI_MANIFEST).digest.into()
    }

    /// An image whose one layer is `tar`, as it is.
    fn of_tar(&mut self, tar: Vec<u8>) -> ManifestDigest {
        let diff_id = DiffId::of(&tar);
        let layer = self.put(tar, MediaType::OCI_LAYER);
        self.image(config(vec![diff_id]), vec![layer])
    }

    fn problems(&self, root: ManifestDigest) -> Vec<(Kind, String)> {
        validate(self, root).violations.into_iter().map(|v| (v.kind, v.problem)).collect()
    }
}

fn config(diff_ids: Vec<DiffId>) -> ImageConfig {
    let step = History { created_by: Some("test".into()), ..History::default() };
    ImageConfig {
        created: Some("1970-01-01T00:00:00Z".into()),
        author: None,
        platform: "linux/amd64".parse().unwrap(),
        config: None,
        history: vec![step; diff_ids.len()],
        rootfs: RootFs::new(diff_ids),
        other: BTreeMap::new(),
    }
}

fn tar(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, link) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, io::empty()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn what_this_program_makes_is_whole() {
    let mut store = Store::default();
    let mut layers = Vec::new();
    let mut ids = Vec::new();
    for encoding in [Encoding::None, Encoding::GZIP, Encoding::ZSTD] {
        for tree in [one_of_each(), generated(2, 9, 900_000), crate::tree::Tree::new()] {
            let (sealed, blob) = sealed(&tree, encoding, 2);
            let layer = store.put(blob, sealed.media_type);
            assert_eq!((layer.digest, layer.size), (sealed.digest, sealed.size));
            layers.push(layer);
            ids.push(sealed.diff_id);
        }
    }
    let root = store.image(config(ids), layers);
    let report = validate(&store, root);
    // `generated` leaves nothing out, `one_of_each` has directories without an entry; both are legal.
    assert_eq!(report.violations, []);
    assert_eq!(report.notes, []);
    assert_eq!((report.images, report.layers), (1, 9));
}

#[test]
fn content_that_is_not_what_it_should_be() {
    let (good, blob) = sealed(&generated(2, 9, 900_000), Encoding::GZIP, 1);
    let image = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut store = Store::default();
        let mut bytes = blob.clone();
        change(&mut bytes);
        let layer = Descriptor::new(good.media_type.clone(), good.digest, good.size);
        store.0.insert(good.digest, bytes);
        let root = store.image(config(vec![good.diff_id]), vec![layer]);
        store.problems(root).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>()
    };
    assert_eq!(image(&|_| ()), []);
    let flipped = image(&|bytes| bytes[blob.len() / 2] ^= 1);
    assert_eq!(flipped, [Kind::Compression, Kind::DiffId, Kind::Digest]);
    let cut = image(&|bytes| bytes.truncate(blob.len() - 1));
    // Only the check sum is gone: the tar is whole, and it is not taken for good all the same.
    assert_eq!(cut, [Kind::Compression, Kind::Digest, Kind::Size]);
    // Another member at the end is legal gzip and so another tar.
    let longer =
        image(&|bytes| bytes.extend_from_slice(&sealed(&crate::tree::Tree::new(), Encoding::GZIP, 1).1));
    assert_eq!(longer, [Kind::DiffId, Kind::Digest, Kind::Size]);
}

#[test]
fn all_that_is_wrong_with_a_config_is_told() {
    let mut store = Store::default();
    let (_, blob) = sealed(&one_of_each(), Encoding::GZIP, 1);
    let layer = store.put(blob, MediaType::OCI_LAYER_GZIP);
    let mut config = config(vec![]);
    config.created = Some("yesterday".into());
    config.platform.os = String::new();
    config.rootfs.kind = "files".into();
    config.history = vec![History::default(), History::default()];
    config.config = Some(Config {
        env: vec!["PATH".into(), "A=b".into()],
        exposed_ports: [("80/tcp".into(), Empty::default()), ("http".into(), Empty::default())].into(),
        ..Config::default()
    });
    let root = store.image(config, vec![layer]);
    let problems = store.problems(root);
    let texts: Vec<_> = problems.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "`rootfs.type` is `files`, not `layers`",
            "it lists 0 layers, and the manifest 1",
            "its history tells of 2 layers, and the manifest has 1",
            "`os` is empty",
            "`created` is `yesterday`, which is no time as in RFC 3339",
            "`Env` has `PATH`, which is not NAME=VALUE",
            "`ExposedPorts` has `http`, which is not PORT/PROTOCOL",
        ]
    );
}

#[test]
fn entries_that_should_not_be() {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let problem = |entries: &[_]| {
        let mut store = Store::default();
        let root = store.of_tar(tar(entries));
        store.problems(root).into_iter().map(|(_, problem)| problem).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(problem(&[("./", Directory, ""), ("./a", Regular, ""), ("b", Link, "./a")]), none);
    assert_eq!(problem(&[("/a", Regular, "")]), ["the name `/a` is absolute"]);
    assert_eq!(problem(&[("a/../../b", Regular, "")]), ["the name `a/../../b` leads out of the image"]);
    assert_eq!(problem(&[("a", Regular, ""), ("./a", Regular, "")]), ["`./a` is there twice"]);
    assert_eq!(problem(&[("b", Link, "a")]), ["`b` is a hard link to `a`, which is not there"]);
    assert_eq!(problem(&[("b", Link, "../a")]), ["`b` is a hard link out of the image, to `../a`"]);
    assert_eq!(problem(&[("a/b", Regular, ""), ("a/", Directory, "")]), ["`a/` comes after what lies in it"]);
    assert_eq!(
        problem(&[("a", Symlink, "/etc"), ("a/b", Regular, "")]),
        ["`a/b` lies below something that is no directory"]
    );
    // Legal, but not sorted.
    let mut store = Store::default();
    let root = store.of_tar(tar(&[("b", Regular, ""), ("a", Regular, "")]));
    let report = validate(&store, root);
    assert!(report.is_valid());
    assert_eq!(report.notes[0].problem, "entries are not sorted: `a` is the first one amiss");
    // Not whole.
    let mut bytes = tar(&[("a", Regular, "")]);
    bytes[0] = b'x';
    let root = store.of_tar(bytes);
    assert_eq!(store.problems(root)[0].0, Kind::Tar);
}

#[test]
fn a_hard_link_may_lead_to_a_lower_layer() {
    use tar::EntryType::{Link, Regular};
    let mut store = Store::default();
    let tars = [tar(&[("a", Regular, "")]), tar(&[("b", Link, "a")])];
    let ids = tars.iter().map(|tar| DiffId::of(tar)).collect();
    let layers = tars.map(|tar| store.put(tar, MediaType::OCI_LAYER)).to_vec();
    let root = store.image(config(ids), layers);
    assert_eq!(store.problems(root), []);
}

#[test]
fn an_index_is_followed() {
    let mut store = Store::default();
    let image = store.of_tar(tar(&[]));
    let size = store.0[&image.into()].len() as u64;
    let mut good = Descriptor::new(MediaType::OCI_MANIFEST, image.into(), size);
    good.platform = Some("linux/arm64".parse::<Platform>().unwrap());
    let gone = Descriptor::new(MediaType::OCI_MANIFEST, BlobDigest::of(b"gone"), 4);
    let index = Document::write(Index::new(vec![good, gone]), MediaType::OCI_INDEX);
    let root = store.put(index.bytes().to_vec(), MediaType::OCI_INDEX).digest.into();
    let problems = store.problems(root);
    assert_eq!(
        problems,
        [
            (Kind::Config, "it is for linux/amd64, and the index says linux/arm64".to_owned()),
            (Kind::Missing, "it is not there".to_owned()),
        ]
    );
}

#[test]
fn a_document_that_could_be_two_is_refused() {
    let mut store = Store::default();
    let text = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"layers":[]}"#;
    let root = store.put(text.to_vec(), MediaType::OCI_INDEX).digest.into();
    assert_eq!(
        store.problems(root),
        [(Kind::Document, "it has keys of a manifest and of an index".to_owned())]
    );
}
