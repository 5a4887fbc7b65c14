//! The state: repositories, blobs and open uploads, in one directory.
//!
//! ```text
//! lock                                  held while an emulator uses the directory
//! keys/                                 the issuer's key and the seal's key, mode 0600
//! blobs/sha256/44/44136f…               layers, configs and manifests, by content
//! registries/ACCOUNT/REGION/HASH.json   one repository each; HASH is SHA-256 of its name. ECR Public's have the
//!                                       REGION ecr-public
//! settings/ACCOUNT/REGION.json          the settings of a registry
//! public/ACCOUNT.json                   what ECR Public shows about a registry
//! uploads/ID                            the bytes of an open upload
//! temporary/                            files on their way to their place
//! ```
//!
//! Nothing becomes visible under its final name before it is whole: a file is written elsewhere, synchronised
//! and renamed. An answer leaves only after what it acknowledges is on disk. So a `kill -9` at any moment loses
//! nothing that was acknowledged and leaves nothing half made. Open uploads are the exception: they end with the
//! process, as if ECR had let them run out, and clients start those layers anew.
//!
//! No name that a client chooses becomes part of a path: repositories are files by hash, blobs by digest, and
//! uploads by an id that is made here.

mod blobs;
mod control;
mod public;
mod registry;
mod repository;
mod upload;

pub(super) use blobs::Blobs;
pub(super) use control::{
    CacheRule, Destination, ImageLife, ImageStatus, Lifecycle, Preview, PreviewResult, RegistrySettings,
    Replica, ReplicaStatus, ReplicationConfiguration, RepositoryControl, RepositoryFilter, Scan, ScanResult,
    ScanningConfiguration, ScanningRule, SigningConfiguration, Template,
};
pub(super) use public::{CatalogData, PublicSettings};
pub(super) use registry::Registry;
pub(super) use repository::{
    Contents, Encryption, ExclusionFilter, Image, Layer, Mutability, Repository, ResourceTag,
};
pub(super) use upload::{AppendError, Finish, Limits, Upload, decoded_length};

use super::error::StartError;
use fs_err as fs;
use std::collections::BTreeMap;
use std::fs::TryLockError;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// A registry: an account's, in one region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RegistryId {
    /// 12 digits.
    pub(super) account: String,
    pub(super) region: String,
}

impl RegistryId {
    /// What stands for the region of an account's registry on ECR Public; no region is called so.
    pub(super) const PUBLIC: &str = "ecr-public";

    /// The registry of `account` on ECR Public.
    pub(super) fn public(account: &str) -> Self {
        Self { account: account.into(), region: Self::PUBLIC.into() }
    }

    pub(super) fn is_public(&self) -> bool {
        self.region == Self::PUBLIC
    }
}

type Repositories = BTreeMap<RegistryId, BTreeMap<String, Arc<Repository>>>;

/// The whole state.
#[derive(Debug)]
pub(super) struct Store {
    disk: Disk,
    pub(super) blobs: Blobs,
    repositories: RwLock<Repositories>,
    registries: Mutex<BTreeMap<RegistryId, Arc<Registry>>>,
    /// Held for as long as the store is used; the system lets it go with the process.
    _lock: fs::File,
}

/// Where the state lies, and how carefully it is written.
#[derive(Debug, Clone)]
struct Disk {
    root: PathBuf,
    /// Whether files are synchronised. A state that is deleted at the end needs none of that.
    durable: bool,
}

impl Disk {
    fn sync(&self, file: &fs::File) -> io::Result<()> {
        if self.durable { file.sync_data() } else { Ok(()) }
    }

    /// Makes a rename in `directory` last.
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        if self.durable { fs::File::open(directory)?.sync_all() } else { Ok(()) }
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("temporary").join(uuid::Uuid::new_v4().to_string())
    }

    /// Writes `bytes` to `path`, whole or not at all.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.temporary();
        let mut file = fs::File::create_new(&temporary)?;
        file.write_all(bytes)?;
        self.sync(&file)?;
        self.place(&temporary, path)
    }

    /// Gives a synchronised file its final name.
    fn place(&self, from: &Path, to: &Path) -> io::Result<()> {
        let directory = to.parent().unwrap_or(&self.root);
        fs::create_dir_all(directory)?;
        fs::rename(from, to)?;
        self.sync_directory(directory)
    }
}

impl Store {
    /// Opens the state at `root`, which must exist, and takes its lock.
    pub(super) fn open(root: &Path, durable: bool) -> Result<Self, StartError> {
        let lock = fs::OpenOptions::new().create(true).truncate(false).write(true).open(root.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StartError::InUse { path: root.into() },
            TryLockError::Error(error) => error.into(),
        })?;
        // What a killed process left behind belongs to nobody.
        for name in ["temporary", "uploads"] {
            let directory = root.join(name);
            if fs::exists(&directory)? {
                fs::remove_dir_all(&directory)?;
            }
            fs::create_dir_all(&directory)?;
        }
        let disk = Disk { root: root.into(), durable };
        let repositories = load(&disk)?;
        let registries = load_settings(&disk)?;
        Ok(Self {
            blobs: Blobs::new(disk.clone())?,
            disk,
            repositories: RwLock::new(repositories),
            registries: Mutex::new(registries),
            _lock: lock,
        })
    }

    /// The repository, if there is one of that name.
    pub(super) fn repository(&self, registry: &RegistryId, name: &str) -> Option<Arc<Repository>> {
        let repositories = self.repositories.read().unwrap_or_else(PoisonError::into_inner);
        repositories.get(registry)?.get(name).cloned()
    }

    /// All repositories of a registry, by name.
    pub(super) fn repositories(&self, registry: &RegistryId) -> Vec<Arc<Repository>> {
        let repositories = self.repositories.read().unwrap_or_else(PoisonError::into_inner);
        repositories.get(registry).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// All repositories of all registries.
    pub(super) fn every_repository(&self) -> Vec<Arc<Repository>> {
        let repositories = self.repositories.read().unwrap_or_else(PoisonError::into_inner);
        repositories.values().flat_map(BTreeMap::values).cloned().collect()
    }

    /// The settings of a registry; nothing is on disk until they are changed.
    pub(super) fn registry(&self, id: &RegistryId) -> Arc<Registry> {
        let mut registries = self.registries.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Registry::new(self.disk.clone(), id, RegistrySettings::default()));
        Arc::clone(registries.entry(id.clone()).or_insert_with(new))
    }

    /// Deletes a repository, if `allowed` still says so of what is in it. It is gone from the disk before its
    /// name can be given again.
    pub(super) async fn delete(
        &self,
        repository: &Arc<Repository>,
        allowed: impl FnOnce(&Contents) -> bool + Send,
    ) -> io::Result<bool> {
        if !repository.delete(allowed).await? {
            return Ok(false);
        }
        let mut repositories = self.repositories.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(by_name) = repositories.get_mut(repository.registry())
            && by_name.get(repository.name()).is_some_and(|there| Arc::ptr_eq(there, repository))
        {
            by_name.remove(repository.name());
        }
        Ok(true)
    }

    /// Adds a repository, unless there is one of that name; either way, the one that is there then, and whether
    /// it is new. The caller commits it before it answers.
    pub(super) fn create(&self, registry: &RegistryId, contents: Contents) -> (Arc<Repository>, bool) {
        let mut repositories = self.repositories.write().unwrap_or_else(PoisonError::into_inner);
        let by_name = repositories.entry(registry.clone()).or_default();
        if let Some(there) = by_name.get(&contents.name) {
            return (Arc::clone(there), false);
        }
        let name = contents.name.clone();
        let repository = Arc::new(Repository::new(self.disk.clone(), registry.clone(), contents));
        by_name.insert(name, Arc::clone(&repository));
        (repository, true)
    }
}

/// Reads every repository.
fn load(disk: &Disk) -> Result<Repositories, StartError> {
    let mut repositories = Repositories::new();
    let registries = disk.root.join("registries");
    for (account, directory) in children(&registries)? {
        for (region, directory) in children(&directory)? {
            let registry = RegistryId { account: account.clone(), region };
            for (_, path) in children(&directory)? {
                let damaged = |reason: serde_json::Error| StartError::Damaged {
                    path: path.clone(),
                    reason: reason.to_string(),
                };
                let contents: Contents = serde_json::from_slice(&fs::read(&path)?).map_err(damaged)?;
                let name = contents.name.clone();
                let repository = Repository::loaded(disk.clone(), registry.clone(), contents);
                repositories.entry(registry.clone()).or_default().insert(name, Arc::new(repository));
            }
        }
    }
    Ok(repositories)
}

/// Reads the settings of every registry.
fn load_settings(disk: &Disk) -> Result<BTreeMap<RegistryId, Arc<Registry>>, StartError> {
    let mut registries = BTreeMap::new();
    for (account, directory) in children(&disk.root.join("settings"))? {
        for (file, path) in children(&directory)? {
            let damaged = |reason: serde_json::Error| StartError::Damaged {
                path: path.clone(),
                reason: reason.to_string(),
            };
            let settings = serde_json::from_slice(&fs::read(&path)?).map_err(damaged)?;
            let region = file.trim_end_matches(".json").to_owned();
            let id = RegistryId { account: account.clone(), region };
            let registry = Registry::new(disk.clone(), &id, settings);
            registries.insert(id, Arc::new(registry));
        }
    }
    Ok(registries)
}

/// Names and paths of what lies in `directory`; nothing if it does not exist.
fn children(directory: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    if !fs::exists(directory)? {
        return Ok(Vec::new());
    }
    fs::read_dir(directory)?
        .map(|entry| {
            let entry = entry?;
            Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> RegistryId {
        RegistryId { account: "123456789012".into(), region: "us-east-1".into() }
    }

    #[tokio::test]
    async fn what_was_committed_is_there_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), true).unwrap();
        let contents = Contents::new("shop/../../api".into(), crate::base::Timestamp::UNIX_EPOCH);
        let (repository, new) = store.create(&registry(), contents.clone());
        assert!(new);
        repository.commit().await.unwrap();
        assert!(!store.create(&registry(), contents).1, "a name is given once");
        store
            .create(&registry(), Contents::new("never/committed".into(), crate::base::Timestamp::UNIX_EPOCH));
        drop((store, repository));

        let store = Store::open(directory.path(), true).unwrap();
        let names: Vec<String> =
            store.repositories(&registry()).iter().map(|repository| repository.name().to_owned()).collect();
        assert_eq!(names, ["shop/../../api"], "odd names stay inside");
        let elsewhere = RegistryId { region: "eu-west-1".into(), ..registry() };
        assert!(store.repository(&elsewhere, "shop/../../api").is_none());
    }

    #[test]
    fn two_do_not_share_a_state() {
        let directory = tempfile::tempdir().unwrap();
        let first = Store::open(directory.path(), false).unwrap();
        let error = Store::open(directory.path(), false).unwrap_err();
        assert!(error.to_string().contains("in use by another emulator"), "{error}");
        drop(first);
        Store::open(directory.path(), false).unwrap();
    }

    #[test]
    fn a_damaged_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("registries/123456789012/us-east-1");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("x.json"), "{").unwrap();
        let error = Store::open(directory.path(), false).unwrap_err().to_string();
        assert!(error.contains("x.json"), "{error}");
    }
}
