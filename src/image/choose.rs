//! Which image of an index is the one for a platform.
//!
//! Platforms that engines take for the same are the same here, and an image for an older variant of the processor serves
//! a newer one, as containerd has it (<https://github.com/containerd/platforms/blob/main/compare.go>).

use super::join::is_companion;
use super::{Descriptor, Index};
use crate::base::{Failure, Kind, Platform};

/// An index has no image for a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} has no image for {platform}{}", has(platforms))]
pub struct NoPlatform {
    /// The index, for messages.
    pub name: String,
    /// What was wanted.
    pub platform: Box<Platform>,
    /// For which platforms it has images.
    pub platforms: Vec<Platform>,
}

fn has(platforms: &[Platform]) -> String {
    let list: Vec<_> = platforms.iter().map(ToString::to_string).collect();
    if list.is_empty() { ": it has no image at all".into() } else { format!(": it has {}", list.join(", ")) }
}

impl Failure for NoPlatform {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        let first = self.platforms.first()?;
        Some(format!("choose one of those, such as `--platform {first}`, or another image"))
    }
}

/// The image for `platform` among the members of `index`, which is called `name`. Attestations are no images.
pub fn choose<'a>(index: &'a Index, platform: &Platform, name: &str) -> Result<&'a Descriptor, NoPlatform> {
    let images = || index.manifests.iter().filter(|member| !is_companion(member));
    let best = images()
        .filter_map(|member| Some((fit(member.platform.as_ref()?, platform)?, member)))
        // The first of those that fit alike, as engines do it.
        .reduce(|best, other| if other.0 > best.0 { other } else { best });
    match best {
        Some((_, member)) => Ok(member),
        None => Err(NoPlatform {
            name: name.to_owned(),
            platform: Box::new(platform.clone()),
            platforms: images()
                .filter_map(|member| member.platform.clone())
                .filter(Platform::is_named)
                .collect(),
        }),
    }
}

/// Whether an image for `has` runs where one for `wanted` does.
pub fn serves(has: &Platform, wanted: &Platform) -> bool {
    fit(has, wanted).is_some()
}

/// How well an image for `has` serves `wanted`; none if it does not.
fn fit(has: &Platform, wanted: &Platform) -> Option<u32> {
    if (&has.os, architecture(has)) != (&wanted.os, architecture(wanted)) {
        return None;
    }
    if let Some(version) = &wanted.os_version
        && has.os_version.as_ref().is_some_and(|its| its != version)
    {
        return None;
    }
    match (variant(has), variant(wanted)) {
        (its, asked) if its == asked => Some(u32::MAX),
        (Some(its), Some(asked)) => {
            let (its, asked) = (number(&its)?, number(&asked)?);
            (its < asked).then_some(its)
        }
        _ => None,
    }
}

/// Go's name, which some write otherwise.
fn architecture(platform: &Platform) -> &str {
    match platform.architecture.as_str() {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The variant, also where it goes without saying.
fn variant(platform: &Platform) -> Option<String> {
    let usual = match architecture(platform) {
        "arm64" => Some("v8"),
        "arm" => Some("v7"),
        "amd64" => Some("v1"),
        _ => None,
    };
    platform.variant.clone().filter(|variant| !variant.is_empty()).or_else(|| usual.map(str::to_owned))
}

/// 7 for `v7`.
fn number(variant: &str) -> Option<u32> {
    variant.strip_prefix('v').unwrap_or(variant).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BlobDigest, MediaType};

    fn index(platforms: &[&str]) -> Index {
        let members = platforms.iter().map(|text| {
            let digest = BlobDigest::of(text.as_bytes());
            let mut member = Descriptor::new(MediaType::OCI_MANIFEST, digest, 1);
            let mut words = text.split('/').map(str::to_owned);
            let (os, architecture) = (words.next().unwrap(), words.next().unwrap());
            member.platform =
                Some(Platform { os, architecture, variant: words.next(), os_version: words.next() });
            member
        });
        Index::new(members.collect())
    }

    #[test]
    fn the_image_that_fits_best() {
        let all =
            ["unknown/unknown", "linux/arm/v6", "linux/arm/v5", "linux/arm64/v8", "linux/amd64", "linux/386"];
        let index = index(&all);
        let chosen = |platform: &str| {
            let found = choose(&index, &platform.parse().unwrap(), "x").ok()?;
            all.iter().find(|text| BlobDigest::of(text.as_bytes()) == found.digest).copied()
        };
        for (wanted, expected) in [
            ("linux/amd64", Some("linux/amd64")),
            ("linux/amd64/v3", Some("linux/amd64")),
            ("linux/arm64", Some("linux/arm64/v8")),
            ("linux/arm64/v8", Some("linux/arm64/v8")),
            ("linux/arm", Some("linux/arm/v6")),
            ("linux/arm/v7", Some("linux/arm/v6")),
            ("linux/arm/v6", Some("linux/arm/v6")),
            ("linux/arm/v5", Some("linux/arm/v5")),
            ("linux/386", Some("linux/386")),
            ("linux/s390x", None),
            ("windows/amd64", None),
            ("unknown/unknown", None),
        ] {
            assert_eq!(chosen(wanted), expected, "{wanted}");
        }
    }

    #[test]
    fn what_there_is_instead() {
        let index = index(&["linux/amd64", "unknown/unknown", "linux/arm/v7"]);
        let error = choose(&index, &"linux/s390x".parse().unwrap(), "`node:22`").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`node:22` has no image for linux/s390x: it has linux/amd64, linux/arm/v7"
        );
        // A newer variant than the one that is wanted can't run there.
        assert!(choose(&index, &"linux/arm/v6".parse().unwrap(), "x").is_err());
        let empty = choose(&Index::new(vec![]), &Platform::host(), "x").unwrap_err();
        assert!(empty.to_string().ends_with("it has no image at all"));
    }

    #[test]
    fn windows_has_an_image_for_each_version() {
        let index = index(&["windows/amd64/v1/10.0.1", "windows/amd64/v1/10.0.2"]);
        let mut wanted: Platform = "windows/amd64".parse().unwrap();
        wanted.os_version = Some("10.0.2".into());
        let found = choose(&index, &wanted, "x").unwrap();
        assert_eq!(found.platform.as_ref().unwrap().os_version.as_deref(), Some("10.0.2"));
    }
}
