//! Where a path below the context really lies, without leaving the context.

use super::read::ReadError;
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

/// As many links as Linux follows for one path.
const MOST_LINKS: usize = 40;

/// A path below the context that no symbolic link is part of.
#[derive(Debug)]
pub(super) struct Resolved {
    /// Relative to the context; empty for the context itself.
    pub(super) path: Vec<u8>,
    /// The last component as it was asked for, before links were followed.
    pub(super) name: Vec<u8>,
    /// Whether a directory is there.
    pub(super) is_directory: bool,
}

impl Resolved {
    /// The path with the context in front, for messages.
    pub(super) fn shown(&self, context: &Path) -> PathBuf {
        if self.path.is_empty() { context.into() } else { context.join(OsStr::from_bytes(&self.path)) }
    }
}

/// Follows `from` below `context`, component by component.
pub(super) fn resolve(opened: &OwnedFd, context: &Path, from: &Path) -> Result<Resolved, ReadError> {
    let mut left = components(from).ok_or_else(|| ReadError::NotBelow { path: from.into() })?;
    if left.contains(&b"..".to_vec()) {
        return Err(ReadError::NotBelow { path: from.into() });
    }
    let name = left.first().cloned().unwrap_or_default();
    let mut done: Vec<Vec<u8>> = Vec::new();
    let mut links = 0;
    let mut is_directory = true;
    let mut last_link = None;
    // What is left is a stack: the next component is its last one.
    while let Some(component) = left.pop() {
        if component == b".." {
            // Only links bring `..` in.
            is_directory = true;
            if done.pop().is_none() {
                let (link, target) = last_link.unwrap_or_default();
                return Err(ReadError::Leaves { link, target, context: context.into() });
            }
            continue;
        }
        done.push(component);
        let path = done.join(&b'/');
        let shown = || context.join(OsStr::from_bytes(&path));
        let stat = rustix::fs::statat(opened, path.as_slice(), AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR => ReadError::Missing { path: context.join(from) },
            errno => ReadError::Io { path: shown(), source: errno.into() },
        })?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        is_directory = kind == FileType::Directory;
        if kind != FileType::Symlink {
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(ReadError::Io { path: context.join(from), source: Errno::LOOP.into() });
        }
        let target = rustix::fs::readlinkat(opened, path.as_slice(), Vec::new())
            .map_err(|errno| ReadError::Io { path: shown(), source: errno.into() })?;
        let target = PathBuf::from(OsStr::from_bytes(target.as_bytes()));
        done.pop();
        let leaves =
            || ReadError::Leaves { link: shown(), target: target.clone(), context: context.to_owned() };
        let relative = if target.is_absolute() {
            // It may still point into the context, by its full name.
            let root = fs_err::canonicalize(context)
                .map_err(|source| ReadError::Io { path: context.into(), source })?;
            done.clear();
            target.strip_prefix(&root).map_err(|_| leaves())?.to_owned()
        } else {
            target.clone()
        };
        let more = components(&relative).ok_or_else(leaves)?;
        last_link = Some((shown(), target));
        is_directory = true;
        left.extend(more);
    }
    Ok(Resolved { path: done.join(&b'/'), name, is_directory })
}

/// The components in reverse, without `.`; none if the path is absolute.
fn components(path: &Path) -> Option<Vec<Vec<u8>>> {
    let mut components = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => components.push(name.as_bytes().to_vec()),
            Component::ParentDir => components.push(b"..".to_vec()),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    components.reverse();
    Some(components)
}
