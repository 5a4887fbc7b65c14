use super::*;
use crate::base::{BlobDigest, DiffId};
use crate::image::{BlobReader, RootFs};
use std::collections::{BTreeMap, HashMap};

/// Blobs in memory.
#[derive(Default)]
struct Memory(HashMap<BlobDigest, Vec<u8>>);

impl Memory {
    fn put(&mut self, bytes: Vec<u8>, media_type: MediaType) -> Descriptor {
        let descriptor = Descriptor::new(media_type, BlobDigest::of(&bytes), bytes.len() as u64);
        self.0.insert(descriptor.digest, bytes);
        descriptor
    }

    /// A whole image of one layer.
    fn image(&mut self, platform: &str, layer: &str) -> Descriptor {
        let config = ImageConfig {
            created: None,
            author: None,
            platform: platform.parse().unwrap(),
            config: None,
            rootfs: RootFs::new(vec![DiffId::of(platform.as_bytes())]),
            history: vec![],
            other: BTreeMap::new(),
        };
        let config = self.put(serde_json::to_vec(&config).unwrap(), MediaType::OCI_CONFIG);
        let layer = Descriptor::new(layer.into(), BlobDigest::of(platform.as_bytes()), 3);
        let manifest = Manifest::new(config, vec![layer]);
        let mut member = self.put(serde_json::to_vec(&manifest).unwrap(), MediaType::OCI_MANIFEST);
        member.platform = Some(platform.parse().unwrap());
        member
    }
}

impl Blobs for Memory {
    fn open(&self, digest: &BlobDigest) -> io::Result<Option<BlobReader>> {
        Ok(self.0.get(digest).map(|bytes| Box::new(io::Cursor::new(bytes.clone())) as BlobReader))
    }
}

const GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

fn open(blobs: Memory, root: &Descriptor) -> Opened {
    let root = StoredManifest { bytes: blobs.0[&root.digest].clone(), media_type: root.media_type.clone() };
    Opened { root, pinned: None, blobs: Arc::new(blobs), home: None }
}

fn get(opened: &Opened, platform: &str) -> Result<String, String> {
    let image = resolve("node:22", opened, &platform.parse().unwrap()).map_err(|error| error.to_string())?;
    Ok(image.config.value().platform.to_string())
}

fn index(blobs: &mut Memory, members: Vec<Descriptor>) -> Descriptor {
    blobs.put(serde_json::to_vec(&Index::new(members)).unwrap(), MediaType::OCI_INDEX)
}

#[test]
fn the_image_for_the_platform() {
    let mut blobs = Memory::default();
    let mut members: Vec<_> =
        ["linux/amd64", "linux/arm/v6"].map(|platform| blobs.image(platform, GZIP)).into();
    let mut attestation = blobs.image("linux/s390x", GZIP);
    attestation.platform = Some("unknown/unknown".parse().unwrap());
    // One that does not say what it is, and an index with another.
    let mut silent = blobs.image("linux/riscv64", GZIP);
    silent.platform = None;
    let inner = blobs.image("linux/ppc64le", GZIP);
    let inner = index(&mut blobs, vec![inner]);
    members.extend([attestation, silent, inner]);
    let root = index(&mut blobs, members);
    let opened = open(blobs, &root);
    for (wanted, found) in [
        ("linux/amd64", "linux/amd64"),
        ("linux/arm/v7", "linux/arm/v6"),
        ("linux/riscv64", "linux/riscv64"),
        ("linux/ppc64le", "linux/ppc64le"),
    ] {
        assert_eq!(get(&opened, wanted).unwrap(), found);
    }
    assert_eq!(
        get(&opened, "linux/s390x").unwrap_err(),
        "`node:22` has no image for linux/s390x: it has linux/amd64, linux/arm/v6, linux/riscv64, linux/ppc64le"
    );
}

#[test]
fn a_single_image_is_what_it_is() {
    let mut blobs = Memory::default();
    let root = blobs.image("linux/arm64", GZIP);
    let mut opened = open(blobs, &root);
    let platform: Platform = "linux/amd64".parse().unwrap();
    let image = Arc::new(resolve("node:22", &opened, &platform).unwrap());
    let error = check_platform(&image, &platform).unwrap_err();
    assert_eq!(error.to_string(), "`node:22` is an image for linux/arm64, and linux/amd64 is asked for");
    assert_eq!(image.layers()[0].facts.descriptor.media_type, MediaType::OCI_LAYER_GZIP);
    opened.pinned = Some(ManifestDigest::of(b"another"));
    assert!(get(&opened, "linux/arm64").unwrap_err().contains("what was found has the digest sha256:"));
}

#[test]
fn what_can_t_be_built_on() {
    let error = |bytes: &[u8], media_type: MediaType| {
        let mut blobs = Memory::default();
        let root = blobs.put(bytes.to_vec(), media_type);
        get(&open(blobs, &root), "linux/amd64").unwrap_err()
    };
    let both = br#"{"schemaVersion":2,"manifests":[],"config":{},"layers":[]}"#;
    assert!(error(both, MediaType::OCI_MANIFEST).contains("as an image and as an index"));
    let index =
        br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    assert!(error(index, MediaType::OCI_MANIFEST).contains("as an image and as an index"));
    assert!(error(index, MediaType::OCI_INDEX).ends_with("it has no image at all"));
    assert!(error(br#"{"schemaVersion":1}"#, MediaType::OCI_MANIFEST).contains("version 1"));
    assert!(error(b"<html>", MediaType::OCI_MANIFEST).contains("can't be read"));
    assert!(error(br#"{"mediaType":"text/x"}"#, "text/x".into()).contains("its manifest is text/x"));
    let artifact = br#"{"schemaVersion":2,"config":{"mediaType":"application/x","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
    assert!(error(artifact, MediaType::OCI_MANIFEST).contains("artifact"));
}

#[test]
fn layers_that_can_t_be_taken_along() {
    for (kind, says) in [
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "can't be passed on"),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "can't be passed on"),
        ("application/x", "engines take tar, gzip and zstd"),
    ] {
        let mut blobs = Memory::default();
        let root = blobs.image("linux/amd64", kind);
        let error = get(&open(blobs, &root), "linux/amd64").unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn every_document_is_checked() {
    let damaged = |damage: &dyn Fn(&mut Memory, &Descriptor)| {
        let mut blobs = Memory::default();
        let image = blobs.image("linux/amd64", GZIP);
        let root = index(&mut blobs, vec![image.clone()]);
        damage(&mut blobs, &image);
        get(&open(blobs, &root), "linux/amd64").unwrap_err()
    };
    assert!(damaged(&|blobs, image| drop(blobs.0.remove(&image.digest))).contains("its manifest sha256:"));
    let changed = damaged(&|blobs, image| blobs.0.get_mut(&image.digest).unwrap()[5] ^= 1);
    assert!(changed.contains("has the digest"), "{changed}");
    let longer = damaged(&|blobs, image| blobs.0.get_mut(&image.digest).unwrap().push(b' '));
    assert!(longer.contains("were announced"), "{longer}");
    let config = |blobs: &Memory, image: &Descriptor| {
        let manifest: Manifest = serde_json::from_slice(&blobs.0[&image.digest]).unwrap();
        manifest.config.digest
    };
    let gone = damaged(&|blobs, image| {
        let config = config(blobs, image);
        blobs.0.remove(&config);
    });
    assert!(gone.contains("its config sha256:") && gone.contains("is not there"), "{gone}");
}

#[test]
fn the_config_is_that_of_the_manifest() {
    let mut blobs = Memory::default();
    let image = blobs.image("linux/amd64", GZIP);
    let mut manifest: Manifest = serde_json::from_slice(&blobs.0[&image.digest]).unwrap();
    manifest.layers.push(manifest.layers[0].clone());
    let root = blobs.put(serde_json::to_vec(&manifest).unwrap(), MediaType::OCI_MANIFEST);
    let error = get(&open(blobs, &root), "linux/amd64").unwrap_err();
    assert!(error.contains("its manifest has 2 layers, and its config 1"), "{error}");
}

#[test]
fn indexes_that_nest_end() {
    let mut blobs = Memory::default();
    let mut root = blobs.image("linux/amd64", GZIP);
    root.platform = None;
    for _ in 0..40 {
        root = index(&mut blobs, vec![root]);
    }
    assert!(get(&open(blobs, &root), "linux/amd64").unwrap_err().contains("nested too deeply"));
    // Neither does it help to be wide.
    let mut blobs = Memory::default();
    let members = (0..2000).map(|number| {
        let mut member = blobs.put(format!("{number}").into_bytes(), MediaType::OCI_MANIFEST);
        member.size = 17 << 20;
        member
    });
    let members: Vec<_> = members.collect();
    let root = index(&mut blobs, members);
    assert!(get(&open(blobs, &root), "linux/amd64").unwrap_err().contains("claims to have 17825792 bytes"));
}
