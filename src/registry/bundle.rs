//! All that belongs to an image or index in a registry: its manifests, and the blobs that they name.

use super::{ManifestId, Registry as _, RegistryError, RemoteImage, StoredManifest};
use crate::base::{BlobDigest, MediaType, Platform};
use crate::image::{Descriptor, Index, Manifest, NoPlatform, choose, platform_of, serves};
use std::collections::{HashMap, HashSet};

/// Indexes in indexes that are followed; more are a mistake, if not an attack.
const DEEPEST: usize = 4;
/// Manifests that belong to one image at most.
const MOST: usize = 2000;

const GET_MANIFEST: &str = "GET manifests";

/// A manifest or index, and the blobs that it names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The manifest.
    pub manifest: StoredManifest,
    /// Its config and its layers, as far as registries hold them; none of an index.
    pub blobs: Vec<Descriptor>,
}

/// An image or index with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What an index lists comes before it, so the last one is the image or index itself. Each is there once.
    pub members: Vec<Member>,
    /// The image or index itself; with its platform, if an index told it.
    pub root: Descriptor,
}

impl Bundle {
    /// Reads the manifests of `image`; with a platform, only of its image for that.
    pub async fn read(image: &RemoteImage, platform: Option<&Platform>) -> Result<Self, RegistryError> {
        let reader = Reader { image };
        let (root, platform) = match platform {
            None => (image.manifest.clone(), None),
            Some(platform) => reader.chosen(platform).await?,
        };
        let size = root.bytes.len() as u64;
        let mut descriptor = Descriptor::new(root.media_type.clone(), root.digest().into(), size);
        descriptor.platform = platform;
        let all = reader.all(root).await?;
        let mut members = Vec::new();
        in_order(&descriptor.digest, &all, &mut HashSet::new(), &mut members);
        Ok(Self { members, root: descriptor })
    }

    /// The image or index itself.
    pub fn manifest(&self) -> &StoredManifest {
        &self.members.last().expect("invariant: the root is among them").manifest
    }

    /// All blobs, each once.
    pub fn blobs(&self) -> Vec<Descriptor> {
        let mut seen = HashSet::new();
        let all = self.members.iter().flat_map(|member| &member.blobs);
        all.filter(|blob| seen.insert(blob.digest)).cloned().collect()
    }
}

/// A manifest with what it names.
type Known = HashMap<BlobDigest, (Member, Vec<BlobDigest>)>;

/// Puts what `digest` lists before itself.
fn in_order(digest: &BlobDigest, all: &Known, seen: &mut HashSet<BlobDigest>, members: &mut Vec<Member>) {
    let Some((member, children)) = all.get(digest).filter(|_| seen.insert(*digest)) else { return };
    for child in children {
        in_order(child, all, seen, members);
    }
    members.push(member.clone());
}

struct Reader<'a> {
    image: &'a RemoteImage,
}

impl Reader<'_> {
    /// The image for `platform`, and the platform that it is described with.
    async fn chosen(&self, platform: &Platform) -> Result<(StoredManifest, Option<Platform>), RegistryError> {
        let mut manifest = self.image.manifest.clone();
        let mut described = None;
        for _ in 0..=DEEPEST {
            if !manifest.media_type.is_index() {
                if described.is_none() {
                    described = Some(self.check(&manifest, platform).await?);
                }
                return Ok((manifest, described));
            }
            let name = format!("`{}`", self.image.written);
            let index = self.index(&manifest)?;
            let member = choose(&index, platform, &name)?.clone();
            described.clone_from(&member.platform);
            let mut found = self.manifests(&[member]).await?;
            manifest = found.swap_remove(0);
        }
        Err(self.nonsense("indexes are nested too deeply".into()))
    }

    /// The platform of a single image, which has to serve the one that is wanted.
    async fn check(&self, manifest: &StoredManifest, wanted: &Platform) -> Result<Platform, RegistryError> {
        let config = self.image.document(&self.parse::<Manifest>(manifest)?.config).await?;
        let found = platform_of(&config);
        match found {
            Some(found) if serves(&found, wanted) => Ok(found),
            found => Err(NoPlatform {
                name: format!("`{}`", self.image.written),
                platform: Box::new(wanted.clone()),
                platforms: found.into_iter().collect(),
            }
            .into()),
        }
    }

    /// The root and everything below it.
    async fn all(&self, root: StoredManifest) -> Result<Known, RegistryError> {
        let mut known = Known::new();
        let mut level = vec![root];
        for _ in 0..=DEEPEST {
            let mut wanted: Vec<Descriptor> = Vec::new();
            for manifest in level {
                let (blobs, children) = if manifest.media_type.is_index() {
                    (Vec::new(), self.index(&manifest)?.manifests)
                } else {
                    let Manifest { config, layers, .. } = self.parse(&manifest)?;
                    let all = std::iter::once(config).chain(layers);
                    (all.filter(|blob| is_kept(&blob.media_type)).collect(), Vec::new())
                };
                let digest = manifest.digest().into();
                let digests = children.iter().map(|child| child.digest).collect();
                known.insert(digest, (Member { manifest, blobs }, digests));
                wanted.extend(children);
            }
            wanted.sort_by_key(|child| child.digest);
            wanted.dedup_by_key(|child| child.digest);
            wanted.retain(|child| !known.contains_key(&child.digest));
            if wanted.is_empty() {
                return Ok(known);
            }
            if known.len() + wanted.len() > MOST {
                return Err(self.nonsense(format!("it lists more than {MOST} manifests")));
            }
            level = self.manifests(&wanted).await?;
        }
        Err(self.nonsense("indexes are nested too deeply".into()))
    }

    /// The manifests of these members, all of which have to be there.
    async fn manifests(&self, members: &[Descriptor]) -> Result<Vec<StoredManifest>, RegistryError> {
        let ids: Vec<_> = members.iter().map(|member| ManifestId::Digest(member.digest.into())).collect();
        let found = self.image.registry.manifests(self.image.repository(), &ids).await?;
        let lacks = |member: &Descriptor| {
            let platform =
                member.platform.as_ref().map(|platform| format!(" for {platform}")).unwrap_or_default();
            let what = format!("it lists {}{platform}, which the repository does not have", member.digest);
            RegistryError::Incomplete { image: self.image.name.to_string(), what }
        };
        members.iter().zip(found).map(|(member, found)| found.ok_or_else(|| lacks(member))).collect()
    }

    fn index(&self, manifest: &StoredManifest) -> Result<Index, RegistryError> {
        self.parse(manifest)
    }

    fn parse<T: for<'de> serde::Deserialize<'de>>(
        &self,
        manifest: &StoredManifest,
    ) -> Result<T, RegistryError> {
        serde_json::from_slice(&manifest.bytes).map_err(|error| {
            let (digest, kind) = (manifest.digest(), &manifest.media_type);
            self.nonsense(format!("{digest}, which is {kind}, can't be read: {error}"))
        })
    }

    fn nonsense(&self, what: String) -> RegistryError {
        RegistryError::Nonsense { operation: GET_MANIFEST, resource: self.image.name.to_string(), what }
    }
}

/// Whether registries hold blobs of this type: layers that may not be given on lie elsewhere, and are named by their
/// address.
fn is_kept(kind: &MediaType) -> bool {
    !kind.as_str().contains(".foreign.") && !kind.as_str().contains(".nondistributable.")
}
