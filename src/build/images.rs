//! The images that a run builds on: each is opened once, and resolved once for each platform, however many stages name
//! it.

use super::resolve::{Opened, check_platform, resolve};
use super::{BaseImage, Images};
use crate::base::{Failure, Kind, ManifestDigest, Platform, Reporter, Tag};
use crate::image::{Blobs, Descriptor, Layout, OpenError};
use crate::registry::StoredManifest;
use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// In front of an image that lies on disk.
const LAYOUT: &str = "oci-layout://";
/// In front of an image of a registry; without anything, that is meant too.
const REGISTRY: &str = "docker-image://";

/// Finds images of registries by their names.
pub trait Open: Send + Sync {
    /// What `name` stands for. It asks a registry, and so blocks.
    fn open(&self, name: &str) -> Result<Opened, Arc<dyn Failure>>;
}

type Shared<T> = Arc<OnceLock<Result<T, Arc<dyn Failure>>>>;

/// Images by name and platform.
type Resolved = HashMap<(String, Platform), Shared<Arc<BaseImage>>>;

/// Images by name, from registries and from disk.
pub struct OpenImages<O> {
    registries: O,
    /// Whether the platforms were asked for, and not merely are those of the machine.
    asked: bool,
    reporter: Arc<dyn Reporter>,
    opened: Mutex<HashMap<String, Shared<Opened>>>,
    images: Mutex<Resolved>,
}

impl<O> std::fmt::Debug for OpenImages<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenImages").finish_non_exhaustive()
    }
}

impl<O: Open> OpenImages<O> {
    /// Finds images of registries with `registries`. `asked` tells whether somebody has asked for the platforms: then an
    /// image that is for another one is an error. Else the user has only not said for which one the image is, and that is
    /// told: nothing is run here, so it can be built on anywhere.
    pub fn new(registries: O, asked: bool, reporter: Arc<dyn Reporter>) -> Self {
        Self { registries, asked, reporter, opened: Mutex::default(), images: Mutex::default() }
    }

    fn opened(&self, name: &str) -> Result<Opened, Arc<dyn Failure>> {
        once(&self.opened, name.to_owned(), || match name.strip_prefix(LAYOUT) {
            Some(place) => Ok(open_layout(place)?),
            None => self.registries.open(name.strip_prefix(REGISTRY).unwrap_or(name)),
        })
    }
}

impl<O: Open> Images for OpenImages<O> {
    fn image(&self, name: &str, platform: &Platform) -> Result<Arc<BaseImage>, Arc<dyn Failure>> {
        once(&self.images, (name.to_owned(), platform.clone()), || {
            let image = resolve(name, &self.opened(name)?, platform).map_err(failure)?;
            match check_platform(&image, platform) {
                Err(error) if self.asked => return Err(failure(error)),
                Err(error) => self.reporter.warn(format!("{error}; it is taken as it is")),
                Ok(()) => {}
            }
            Ok(Arc::new(image))
        })
    }
}

fn failure(error: impl Failure) -> Arc<dyn Failure> {
    Arc::new(error)
}

/// What `make` gives for `key`, made once: whoever asks meanwhile waits.
fn once<K: std::hash::Hash + Eq, T: Clone>(
    all: &Mutex<HashMap<K, Shared<T>>>,
    key: K,
    make: impl FnOnce() -> Result<T, Arc<dyn Failure>>,
) -> Result<T, Arc<dyn Failure>> {
    let slot = Arc::clone(all.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
    slot.get_or_init(make).clone()
}

/// An image on disk can't be opened.
#[derive(Debug, thiserror::Error)]
enum LayoutError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the image `{}` has no manifest {digest}", path.display())]
    NoDigest { path: PathBuf, digest: ManifestDigest },
}

impl Failure for LayoutError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        Some(format!("it is written {LAYOUT}PATH, {LAYOUT}PATH:TAG or {LAYOUT}PATH@sha256:…"))
    }
}

impl From<LayoutError> for Arc<dyn Failure> {
    fn from(error: LayoutError) -> Self {
        Arc::new(error)
    }
}

/// The image on disk that `name` means: a layout or an archive at that path, or `oci-layout://PATH[:TAG][@DIGEST]`; none
/// if it is neither.
pub fn on_disk(name: &str) -> Result<Option<Opened>, Arc<dyn Failure>> {
    Ok(match name.strip_prefix(LAYOUT) {
        Some(place) => Some(open_layout(place)?),
        None if Path::new(name).exists() => Some(open_parts(name, None, None)?),
        None => None,
    })
}

/// The image at `PATH[:TAG][@DIGEST]`.
fn open_layout(place: &str) -> Result<Opened, LayoutError> {
    let (path, tag, pinned) = parts(place);
    open_parts(path, tag, pinned)
}

fn open_parts(path: &str, tag: Option<Tag>, pinned: Option<ManifestDigest>) -> Result<Opened, LayoutError> {
    let layout = Layout::open(Path::new(path))?;
    let root = match (pinned, tag) {
        // It need not be listed: any manifest among the blobs can be named.
        (Some(digest), _) => {
            let listed = layout.index().manifests.iter().find(|listed| listed.digest == digest.into());
            match listed {
                Some(listed) => listed.clone(),
                None => unlisted(&layout, path, digest)?,
            }
        }
        (None, Some(tag)) => layout.root(Some(tag.as_str()))?.clone(),
        (None, None) => match (layout.root(None), layout.root(Some("latest"))) {
            (Ok(only), _) | (Err(_), Ok(only)) => only.clone(),
            (Err(error), Err(_)) => return Err(error.into()),
        },
    };
    let document = layout.document::<serde_json::Value>(&root)?;
    let root = StoredManifest { bytes: document.bytes().to_vec(), media_type: root.media_type };
    Ok(Opened { root, pinned, blobs: Arc::new(layout), home: None })
}

/// A manifest that lies among the blobs and that nothing describes.
fn unlisted(layout: &Layout, path: &str, digest: ManifestDigest) -> Result<Descriptor, LayoutError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        media_type: Option<crate::base::MediaType>,
    }
    let none = || LayoutError::NoDigest { path: path.into(), digest };
    let reader = layout.open(&digest.into()).ok().flatten().ok_or_else(none)?;
    let mut bytes = Vec::new();
    reader.take(16 << 20).read_to_end(&mut bytes).map_err(|_| none())?;
    let typed: Typed = serde_json::from_slice(&bytes).map_err(|_| none())?;
    let media_type = typed.media_type.unwrap_or(crate::base::MediaType::OCI_MANIFEST);
    Ok(Descriptor::new(media_type, digest.into(), bytes.len() as u64))
}

/// Path, tag and digest. A colon that no tag follows belongs to the path.
fn parts(place: &str) -> (&str, Option<Tag>, Option<ManifestDigest>) {
    let (place, digest) = match place.rsplit_once('@').map(|(path, digest)| (path, digest.parse())) {
        Some((path, Ok(digest))) => (path, Some(digest)),
        _ => (place, None),
    };
    match place.rsplit_once(':').map(|(path, tag)| (path, tag.parse())) {
        Some((path, Ok(tag))) if !path.is_empty() => (path, Some(tag), digest),
        _ => (place, None, digest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_layouts() {
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let shown = |place: &str| {
            let (path, tag, digest) = parts(place);
            format!("{path} {} {}", tag.map_or("-".into(), |tag| tag.to_string()), digest.is_some())
        };
        assert_eq!(shown("a/b"), "a/b - false");
        assert_eq!(shown("/a/b:1.4"), "/a/b 1.4 false");
        assert_eq!(shown(&format!("a@{digest}")), "a - true");
        assert_eq!(shown(&format!("a:1@{digest}")), "a 1 true");
        assert_eq!(shown("C:/a/b"), "C:/a/b - false");
    }
}
