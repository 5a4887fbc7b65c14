//! Where what was rendered goes: files are replaced whole or not at all.

use super::super::error::{CliError, Fail};
use fs_err as fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Mode of a file that is new, before the umask takes its part.
const MODE: u32 = 0o666;

/// Replaces all of the files, or none of them unless the disk fails between two renames: each is written beside its place
/// first. A file keeps its mode and, where that is allowed, its owner; what a symbolic link points to is replaced, and
/// not the link.
pub(super) fn replace(files: &[(PathBuf, &str)]) -> Result<(), Fail> {
    let failed = |path: &Path, error: io::Error| -> Fail {
        CliError::input(format!("writing `{}`: {error}", path.display())).into()
    };
    let mut staged = Vec::new();
    for (path, text) in files {
        staged.push(stage(path, text).map_err(|error| failed(path, error))?);
    }
    for (done, (file, target)) in staged.into_iter().enumerate() {
        file.persist(&target).map_err(|error| {
            let written = files[..done].iter().map(|(path, _)| format!("`{}`", path.display()));
            let written: Vec<_> = written.collect();
            let path = &files[done].0;
            match written.as_slice() {
                [] => failed(path, error.error),
                _ => CliError::input(format!("writing `{}`: {}", path.display(), error.error))
                    .hinted(format!("already written: {}", written.join(", ")))
                    .into(),
            }
        })?;
    }
    Ok(())
}

/// The file beside its place, and the place.
fn stage(path: &Path, text: &str) -> io::Result<(NamedTempFile, PathBuf)> {
    let (target, before) = match fs::metadata(path) {
        Ok(metadata) => (fs::canonicalize(path)?, Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (path.to_owned(), None),
        Err(error) => return Err(error),
    };
    if before.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        return Err(io::Error::other("it is not a file"));
    }
    let folder = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let permissions = std::fs::Permissions::from_mode(MODE);
    let mut file = Builder::new().prefix(".consign-").permissions(permissions).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Some(before) = before {
        let (user, group) =
            (rustix::fs::Uid::from_raw(before.uid()), rustix::fs::Gid::from_raw(before.gid()));
        // Only root can give a file away; for everybody else it is theirs in most cases.
        if let Err(error) = rustix::fs::fchown(file.as_file(), Some(user), Some(group)) {
            tracing::debug!("the owner of `{}` could not be kept: {error}", path.display());
        }
        file.as_file().set_permissions(before.permissions())?;
    }
    file.as_file().sync_all()?;
    Ok((file, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_keep_their_mode_and_links_stay_links() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, new] = ["file", "link", "new"].map(|name| folder.path().join(name));
        fs::write(&file, "before").unwrap();
        fs::set_permissions(&file, std::fs::Permissions::from_mode(0o754)).unwrap();
        fs::os::unix::fs::symlink("file", &link).unwrap();
        replace(&[(link.clone(), "after"), (new.clone(), "new")]).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "after");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o754);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn nothing_is_written_if_one_can_not_be() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "before").unwrap();
        let nowhere = folder.path().join("no/where");
        assert!(replace(&[(file.clone(), "after"), (nowhere, "x")]).is_err());
        assert!(replace(&[(file.clone(), "after"), (folder.path().to_owned(), "x")]).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
