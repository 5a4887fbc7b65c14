//! Paths inside a tree.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// A path inside a tree: bytes, because names need not be UTF-8; relative to the root; components joined by
/// one `/`, none of them empty, `.` or `..`; never empty. So it can't leave the tree, and one place has one
/// path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Box<[u8]>);

/// Why bytes are not a path inside a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreePathError {
    /// Nothing is left once `/` and `.` are taken out: that is the root, which has no path.
    #[error("it names the root")]
    Root,
    /// It goes up.
    #[error("it has a `..` in it")]
    Parent,
    /// No file system can hold it.
    #[error("it has a NUL byte in it")]
    Nul,
    /// Linux opens no file by so long a path. Since each directory above has a path too, it would be a way to ask for
    /// much more memory than what says so.
    #[error("it is longer than {} bytes", TreePath::LONGEST)]
    TooLong,
}

impl TreePath {
    /// Bytes of the longest path: Linux's `PATH_MAX`, which counts a zero at the end and a `/` at the beginning too.
    pub const LONGEST: usize = 4094;

    /// Normalises `bytes`: leading, doubled and trailing `/` and `.` components go; `..` is refused.
    pub fn new(bytes: &[u8]) -> Result<Self, TreePathError> {
        let mut path = Vec::with_capacity(bytes.len());
        for component in bytes.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => continue,
                b".." => return Err(TreePathError::Parent),
                _ if component.contains(&0) => return Err(TreePathError::Nul),
                _ => {}
            }
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(component);
        }
        match path.len() {
            0 => Err(TreePathError::Root),
            1..=Self::LONGEST => Ok(Self(path.into())),
            _ => Err(TreePathError::TooLong),
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As a relative path of the file system.
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// The last component.
    pub fn name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or(&self.0)
    }

    /// The directory it lies in, unless that is the root.
    pub fn parent(&self) -> Option<Self> {
        let end = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some(Self(self.0[..end].into()))
    }

    /// The entry `name`, a single name that a file system gave, below this one.
    pub(super) fn child(&self, name: &[u8]) -> Self {
        let mut path = Vec::with_capacity(self.0.len() + 1 + name.len());
        path.extend_from_slice(&self.0);
        path.push(b'/');
        path.extend_from_slice(name);
        Self(path.into())
    }

    /// The entry `name`, which may have several components, below this one.
    pub fn join(&self, name: &[u8]) -> Result<Self, TreePathError> {
        Self::new(&[&*self.0, b"/", name].concat())
    }
}

impl fmt::Display for TreePath {
    /// For people: bytes that are not UTF-8 are replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_has_one_path() {
        for same in ["app/x", "/app/x", "./app//x/", "/./app/./x/."] {
            assert_eq!(TreePath::new(same.as_bytes()).unwrap().as_bytes(), b"app/x");
        }
        assert_eq!(TreePath::new(b"a/../b"), Err(TreePathError::Parent));
        assert_eq!(TreePath::new(b"/./"), Err(TreePathError::Root));
        assert_eq!(TreePath::new(b"a\0"), Err(TreePathError::Nul));
        assert!(TreePath::new(&b"a/".repeat(TreePath::LONGEST.div_ceil(2))).is_ok());
        assert_eq!(TreePath::new(&b"a/".repeat(TreePath::LONGEST / 2 + 1)), Err(TreePathError::TooLong));
    }

    #[test]
    fn names_and_parents() {
        let path = TreePath::new(b"a/b/c").unwrap();
        assert_eq!(path.name(), b"c");
        assert_eq!(path.parent().unwrap().as_bytes(), b"a/b");
        assert_eq!(TreePath::new(b"a").unwrap().parent(), None);
        assert_eq!(path.parent().unwrap().join(b"c").unwrap(), path);
    }
}
