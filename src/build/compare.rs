//! Two images beside each other: which belong together, and what differs in their files.

use super::ground::{GroundError, ImageFiles};
use super::resolve::{check_platform, resolve};
use super::{BaseError, BaseImage, Opened};
use crate::base::Platform;
use crate::image::{Index, is_companion};
use crate::tree::diff::{Change, diff};
use std::sync::Arc;

/// An image or index, and what the user calls it.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// As the user wrote it.
    pub name: &'a str,
    /// What it is.
    pub opened: &'a Opened,
}

/// Two images for one platform.
#[derive(Debug, Clone)]
pub struct Pair {
    /// For which, if that had to be told: single images are compared whatever they are for.
    pub platform: Option<Platform>,
    /// The first.
    pub a: Arc<BaseImage>,
    /// The second.
    pub b: Arc<BaseImage>,
}

/// What is to be compared.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    /// Images that both sides have.
    pub both: Vec<Pair>,
    /// Platforms that only the first has.
    pub only_a: Vec<Platform>,
    /// Platforms that only the second has.
    pub only_b: Vec<Platform>,
}

/// The images of `a` and `b` that belong together: those for `platform`; without one, those for each platform that two
/// indexes have, or in an index the one that is for what the single image beside it is for.
pub fn pair(a: Side<'_>, b: Side<'_>, platform: Option<&Platform>) -> Result<Pairs, BaseError> {
    if let Some(platform) = platform {
        let (a, b) = (a.image(platform)?, b.image(platform)?);
        check_platform(&a, platform)?;
        check_platform(&b, platform)?;
        let both = vec![Pair { platform: Some(platform.clone()), a, b }];
        return Ok(Pairs { both, ..Pairs::default() });
    }
    let one =
        |platform: Option<Platform>, a, b| Pairs { both: vec![Pair { platform, a, b }], ..Pairs::default() };
    // A single image is what it is, whatever it is asked for.
    let any = Platform::host();
    Ok(match (a.platforms(), b.platforms()) {
        (None, None) => one(None, a.image(&any)?, b.image(&any)?),
        (Some(_), None) => {
            let b = b.image(&any)?;
            let platform = b.config.value().platform.clone();
            one(Some(platform.clone()), a.image(&platform)?, b)
        }
        (None, Some(_)) => {
            let a = a.image(&any)?;
            let platform = a.config.value().platform.clone();
            one(Some(platform.clone()), a, b.image(&platform)?)
        }
        (Some(mut only_a), Some(mut only_b)) => {
            let mut both = Vec::new();
            for platform in only_a.extract_if(.., |platform| only_b.contains(platform)) {
                both.push(Pair { a: a.image(&platform)?, b: b.image(&platform)?, platform: Some(platform) });
            }
            only_b.retain(|platform| !both.iter().any(|pair| pair.platform.as_ref() == Some(platform)));
            Pairs { both, only_a, only_b }
        }
    })
}

impl Side<'_> {
    fn image(self, platform: &Platform) -> Result<Arc<BaseImage>, BaseError> {
        resolve(self.name, self.opened, platform).map(Arc::new)
    }

    /// The platforms that an index lists, each once; none if it is a single image. What can't be read has none, and is an
    /// error as soon as an image of it is asked for.
    fn platforms(self) -> Option<Vec<Platform>> {
        if !self.opened.root.media_type.is_index() {
            return None;
        }
        let index: Option<Index> = serde_json::from_slice(&self.opened.root.bytes).ok();
        let images = index.into_iter().flat_map(|index| index.manifests).filter(|image| !is_companion(image));
        let mut platforms = Vec::new();
        for platform in images.filter_map(|image| image.platform).filter(Platform::is_named) {
            if !platforms.contains(&platform) {
                platforms.push(platform);
            }
        }
        Some(platforms)
    }
}

/// What differs in the files of two images. Layers are read only if they are not the same in both, and each once. Blocks.
pub fn files(files: &ImageFiles, pair: &Pair, times: bool) -> Result<Vec<Change>, GroundError> {
    let layers = |image: &BaseImage| image.config.value().rootfs.diff_ids.clone();
    if layers(&pair.a) == layers(&pair.b) {
        return Ok(Vec::new());
    }
    let a = files.files(&pair.a, &|_| false)?.to_tree();
    let b = files.files(&pair.b, &|_| false)?.to_tree();
    Ok(diff(&a, &b, times))
}
