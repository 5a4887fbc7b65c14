//! One repository: its settings, its layers, images and tags, and its open uploads.

use super::super::error::Place;
use super::{Disk, ImageLife, PublicSettings, RegistryId, RepositoryControl, Upload};
use crate::base::{BlobDigest, ManifestDigest, MediaType, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is known about a repository, as it is written to disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::emulator) struct Contents {
    pub(in crate::emulator) name: String,
    pub(in crate::emulator) created_at: Timestamp,
    pub(in crate::emulator) mutability: Mutability,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::emulator) exclusion_filters: Vec<ExclusionFilter>,
    pub(in crate::emulator) scan_on_push: bool,
    pub(in crate::emulator) encryption: Encryption,
    /// The tags of the repository as an AWS resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::emulator) resource_tags: Vec<ResourceTag>,
    #[serde(default)]
    pub(in crate::emulator) layers: BTreeMap<BlobDigest, Layer>,
    #[serde(default)]
    pub(in crate::emulator) images: BTreeMap<ManifestDigest, Image>,
    /// Image tags, and the image that each is on.
    #[serde(default)]
    pub(in crate::emulator) tags: BTreeMap<String, ManifestDigest>,
    #[serde(default)]
    pub(in crate::emulator) control: RepositoryControl,
    /// What only a repository on ECR Public has.
    #[serde(default)]
    pub(in crate::emulator) public: PublicSettings,
}

impl Contents {
    /// A repository with ECR's default settings.
    pub(in crate::emulator) fn new(name: String, created_at: Timestamp) -> Self {
        Self {
            name,
            created_at,
            mutability: Mutability::Mutable,
            exclusion_filters: Vec::new(),
            scan_on_push: false,
            encryption: Encryption { encryption_type: "AES256".into(), kms_key: None },
            resource_tags: Vec::new(),
            layers: BTreeMap::new(),
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
            control: RepositoryControl::default(),
            public: PublicSettings::default(),
        }
    }

    /// The tags on an image.
    pub(in crate::emulator) fn tags_of(&self, digest: &ManifestDigest) -> Vec<String> {
        self.tags.iter().filter(|(_, on)| *on == digest).map(|(tag, _)| tag.clone()).collect()
    }

    /// The tags on every image that has some.
    pub(in crate::emulator) fn tags_by_image(&self) -> BTreeMap<ManifestDigest, Vec<String>> {
        let mut tags: BTreeMap<ManifestDigest, Vec<String>> = BTreeMap::new();
        for (tag, digest) in &self.tags {
            tags.entry(*digest).or_default().push(tag.clone());
        }
        tags
    }

    /// The indexes that list an image.
    pub(in crate::emulator) fn listed_by(&self, digest: &ManifestDigest) -> Vec<ManifestDigest> {
        let listing = self.images.iter().filter(|(_, image)| image.children.contains(digest));
        listing.map(|(index, _)| *index).collect()
    }

    /// Takes an image away, with its tags, which it returns. What refers to it as its subject has none any more.
    pub(in crate::emulator) fn remove_image(
        &mut self,
        digest: &ManifestDigest,
        now: Timestamp,
    ) -> Vec<String> {
        let tags = self.tags_of(digest);
        for tag in &tags {
            self.tags.remove(tag);
        }
        self.images.remove(digest);
        for image in self.images.values_mut().filter(|image| image.subject.as_ref() == Some(digest)) {
            image.life.orphaned_at = Some(now);
        }
        tags
    }
}

/// Whether a tag can be moved to another image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::emulator) enum Mutability {
    Mutable,
    Immutable,
    ImmutableWithExclusion,
    MutableWithExclusion,
}

/// A pattern of tags for which the opposite of the repository's mutability holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct ExclusionFilter {
    pub(in crate::emulator) filter_type: String,
    pub(in crate::emulator) filter: String,
}

/// How the repository is said to be encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct Encryption {
    pub(in crate::emulator) encryption_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) kms_key: Option<String>,
}

/// A tag of an AWS resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::emulator) struct ResourceTag {
    pub(in crate::emulator) key: String,
    #[serde(default)]
    pub(in crate::emulator) value: String,
}

/// A blob that was uploaded to the repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct Layer {
    /// Bytes.
    pub(in crate::emulator) size: u64,
}

/// An image or an index.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) struct Image {
    pub(in crate::emulator) media_type: MediaType,
    /// The type of the artifact: of the manifest, or of its config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) artifact_type: Option<String>,
    /// Bytes of config and layers; for an index those of its largest child.
    pub(in crate::emulator) size: u64,
    pub(in crate::emulator) pushed_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) last_pull: Option<Timestamp>,
    /// Config and layers.
    pub(in crate::emulator) blobs: Vec<BlobDigest>,
    /// Of an index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::emulator) children: Vec<ManifestDigest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::emulator) subject: Option<ManifestDigest>,
    #[serde(default)]
    pub(in crate::emulator) life: ImageLife,
}

/// A repository in use.
#[derive(Debug)]
pub(in crate::emulator) struct Repository {
    disk: Disk,
    name: String,
    registry: RegistryId,
    path: PathBuf,
    contents: Mutex<Versioned>,
    /// The version on disk; whoever writes holds it.
    written: Arc<tokio::sync::Mutex<u64>>,
    uploads: Mutex<BTreeMap<String, Arc<Upload>>>,
}

#[derive(Debug)]
struct Versioned {
    contents: Contents,
    version: u64,
    /// It has been deleted; what is changed from then on can't be kept.
    deleted: bool,
}

impl Repository {
    /// A repository that is not on disk yet.
    pub(super) fn new(disk: Disk, registry: RegistryId, contents: Contents) -> Self {
        Self::at_version(disk, registry, contents, 1)
    }

    /// A repository as it was read from disk.
    pub(super) fn loaded(disk: Disk, registry: RegistryId, contents: Contents) -> Self {
        Self::at_version(disk, registry, contents, 0)
    }

    fn at_version(disk: Disk, registry: RegistryId, contents: Contents, version: u64) -> Self {
        let hash = BlobDigest::of(contents.name.as_bytes()).hex();
        let directory = disk.root.join("registries").join(&registry.account).join(&registry.region);
        Self {
            path: directory.join(format!("{hash}.json")),
            disk,
            name: contents.name.clone(),
            registry,
            contents: Mutex::new(Versioned { contents, version, deleted: false }),
            written: Arc::default(),
            uploads: Mutex::default(),
        }
    }

    pub(in crate::emulator) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::emulator) fn registry(&self) -> &RegistryId {
        &self.registry
    }

    /// As error messages name it.
    pub(in crate::emulator) fn place(&self) -> Place<'_> {
        Place { repository: &self.name, account: &self.registry.account }
    }

    fn lock(&self) -> MutexGuard<'_, Versioned> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the contents.
    pub(in crate::emulator) fn read<R>(&self, look: impl FnOnce(&Contents) -> R) -> R {
        look(&self.lock().contents)
    }

    /// Changes the contents in memory; [`commit`](Self::commit) makes it last.
    pub(in crate::emulator) fn change<R>(&self, change: impl FnOnce(&mut Contents) -> R) -> R {
        let mut versioned = self.lock();
        versioned.version += 1;
        change(&mut versioned.contents)
    }

    /// Returns once everything that was in memory at the call is on disk. Calls that wait for a write together
    /// are served by one write.
    pub(in crate::emulator) async fn commit(self: &Arc<Self>) -> io::Result<()> {
        let wanted = self.lock().version;
        let mut written = Arc::clone(&self.written).lock_owned().await;
        if *written >= wanted {
            return Ok(());
        }
        if self.lock().deleted {
            return Err(io::Error::other("the repository was deleted by another call at the same time"));
        }
        let repository = Arc::clone(self);
        // The guard goes along: if the caller is gone before the write is done, the next write still waits for it.
        let write = move || {
            let (bytes, version) = {
                let versioned = repository.lock();
                (serde_json::to_vec(&versioned.contents)?, versioned.version)
            };
            repository.disk.write(&repository.path, &bytes)?;
            *written = version;
            io::Result::Ok(())
        };
        tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?
    }

    /// Whether it has been deleted.
    pub(in crate::emulator) fn is_deleted(&self) -> bool {
        self.lock().deleted
    }

    /// Deletes it from the disk, with its open uploads, if `allowed` says so of what is in it.
    pub(super) async fn delete(
        self: &Arc<Self>,
        allowed: impl FnOnce(&Contents) -> bool + Send,
    ) -> io::Result<bool> {
        let mut written = Arc::clone(&self.written).lock_owned().await;
        let version = {
            let mut versioned = self.lock();
            if versioned.deleted || !allowed(&versioned.contents) {
                return Ok(false);
            }
            versioned.deleted = true;
            versioned.version
        };
        *written = version;
        let repository = Arc::clone(self);
        let remove = move || {
            for (id, _) in repository.open_uploads() {
                repository.close_upload(&id)?;
            }
            if fs_err::exists(&repository.path)? {
                fs_err::remove_file(&repository.path)?;
                repository.disk.sync_directory(repository.path.parent().unwrap_or(&repository.disk.root))?;
            }
            drop(written);
            io::Result::Ok(())
        };
        tokio::task::spawn_blocking(remove).await.map_err(io::Error::other)??;
        Ok(true)
    }

    fn uploads_lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Upload>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an upload.
    pub(in crate::emulator) fn open_upload(&self, now: Timestamp) -> Arc<Upload> {
        let id = uuid::Uuid::new_v4().to_string();
        let path = self.disk.root.join("uploads").join(&id);
        let upload = Arc::new(Upload::new(id.clone(), path, now));
        self.uploads_lock().insert(id, Arc::clone(&upload));
        upload
    }

    pub(in crate::emulator) fn upload(&self, id: &str) -> Option<Arc<Upload>> {
        self.uploads_lock().get(id).cloned()
    }

    /// Forgets an upload and deletes what is left of its bytes.
    pub(in crate::emulator) fn close_upload(&self, id: &str) -> io::Result<()> {
        let upload = self.uploads_lock().remove(id);
        upload.map_or(Ok(()), |upload| upload.discard())
    }

    /// Ids and stored bytes of the open uploads.
    pub(in crate::emulator) fn open_uploads(&self) -> Vec<(String, u64)> {
        self.uploads_lock().iter().map(|(id, upload)| (id.clone(), upload.held())).collect()
    }
}
