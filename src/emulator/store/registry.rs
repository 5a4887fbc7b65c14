//! One registry's settings in use: read and changed in memory, written whole.

use super::{Disk, RegistryId, RegistrySettings};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A registry's settings.
#[derive(Debug)]
pub(in crate::emulator) struct Registry {
    disk: Disk,
    path: PathBuf,
    settings: Mutex<Versioned>,
    /// The version on disk; whoever writes holds it.
    written: Arc<tokio::sync::Mutex<u64>>,
}

#[derive(Debug)]
struct Versioned {
    settings: RegistrySettings,
    version: u64,
}

impl Registry {
    pub(super) fn new(disk: Disk, id: &RegistryId, settings: RegistrySettings) -> Self {
        let path = disk.root.join("settings").join(&id.account).join(format!("{}.json", id.region));
        Self { disk, path, settings: Mutex::new(Versioned { settings, version: 0 }), written: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Versioned> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the settings.
    pub(in crate::emulator) fn read<R>(&self, look: impl FnOnce(&RegistrySettings) -> R) -> R {
        look(&self.lock().settings)
    }

    /// Changes the settings in memory; [`commit`](Self::commit) makes it last.
    pub(in crate::emulator) fn change<R>(&self, change: impl FnOnce(&mut RegistrySettings) -> R) -> R {
        let mut versioned = self.lock();
        versioned.version += 1;
        change(&mut versioned.settings)
    }

    /// Returns once everything that was in memory at the call is on disk.
    pub(in crate::emulator) async fn commit(self: &Arc<Self>) -> io::Result<()> {
        let wanted = self.lock().version;
        let mut written = Arc::clone(&self.written).lock_owned().await;
        if *written >= wanted {
            return Ok(());
        }
        let registry = Arc::clone(self);
        let write = move || {
            let (bytes, version) = {
                let versioned = registry.lock();
                (serde_json::to_vec(&versioned.settings)?, versioned.version)
            };
            registry.disk.write(&registry.path, &bytes)?;
            *written = version;
            io::Result::Ok(())
        };
        tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?
    }
}
