//! Annotations, and what of an image they are for.
//!
//! As Docker's tools write it, the key may have levels in front: `index:KEY`, `manifest[linux/arm64]:KEY`,
//! `manifest,index:KEY` (<https://docs.docker.com/build/metadata/annotations/#specify-annotation-level>). Without any, an
//! annotation is for the manifest.

use crate::base::{Failure, Kind, Platform};
use std::collections::BTreeMap;

/// What an annotation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    /// The manifest of the image for this platform, or of each.
    Manifest(Option<Platform>),
    /// What the index says of the image for this platform, or of each.
    Descriptor(Option<Platform>),
    /// The index.
    Index,
}

/// Annotations with their levels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations(Vec<(Level, String, String)>);

/// Why an annotation makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    /// Not a level, or one that is not known here.
    #[error("the annotation `{key}`: `{level}` is not manifest, manifest-descriptor or index")]
    Level {
        /// As it was written.
        key: String,
        /// The part of it.
        level: String,
    },
    /// There is no index.
    #[error("the annotation `{key}` is for an index, and an image for one platform has none")]
    NoIndex {
        /// The key without its level.
        key: String,
    },
    /// No image is built for that.
    #[error("the annotation `{key}` is for {platform}, for which nothing is built")]
    Platform {
        /// The key without its level.
        key: String,
        /// Which.
        platform: Box<Platform>,
    },
}

impl Failure for AnnotationError {
    fn kind(&self) -> Kind {
        Kind::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Level { .. } => "write KEY=VALUE, index:KEY=VALUE or manifest[PLATFORM]:KEY=VALUE".into(),
            Self::NoIndex { .. } => "write `manifest:` in front of it, or nothing".into(),
            Self::Platform { .. } => "add the platform with `--platform`, or leave the annotation out".into(),
        })
    }
}

impl Annotations {
    /// Reads keys with their levels. They are for images for `platforms`.
    pub fn new<'a>(
        pairs: impl IntoIterator<Item = (&'a String, &'a String)>,
        platforms: &[Platform],
    ) -> Result<Self, AnnotationError> {
        let mut all = Vec::new();
        for (written, value) in pairs {
            let (levels, key) = levels(written)?;
            for level in levels {
                let key = key.to_owned();
                match &level {
                    Level::Index | Level::Descriptor(_) if platforms.len() < 2 => {
                        return Err(AnnotationError::NoIndex { key });
                    }
                    Level::Manifest(Some(platform)) | Level::Descriptor(Some(platform))
                        if !platforms.contains(platform) =>
                    {
                        return Err(AnnotationError::Platform { key, platform: Box::new(platform.clone()) });
                    }
                    _ => all.push((level, key, value.clone())),
                }
            }
        }
        Ok(Self(all))
    }

    fn of(&self, is: impl Fn(&Level) -> bool) -> BTreeMap<String, String> {
        let fit = self.0.iter().filter(|(level, ..)| is(level));
        fit.map(|(_, key, value)| (key.clone(), value.clone())).collect()
    }

    /// Those of the manifest of the image for `platform`.
    pub fn of_manifest(&self, platform: &Platform) -> BTreeMap<String, String> {
        let is_own = |own: &Option<Platform>| own.as_ref().is_none_or(|own| own == platform);
        self.of(|level| matches!(level, Level::Manifest(own) if is_own(own)))
    }

    /// Those of the descriptor with which the index names the image for `platform`.
    pub fn of_descriptor(&self, platform: &Platform) -> BTreeMap<String, String> {
        let is_own = |own: &Option<Platform>| own.as_ref().is_none_or(|own| own == platform);
        self.of(|level| matches!(level, Level::Descriptor(own) if is_own(own)))
    }

    /// Those of the index.
    pub fn of_index(&self) -> BTreeMap<String, String> {
        self.of(|level| *level == Level::Index)
    }
}

/// The levels in front of a key, and the key. What looks like none is part of the key: `urn:example`.
fn levels(written: &str) -> Result<(Vec<Level>, &str), AnnotationError> {
    const KNOWN: [&str; 4] = ["manifest", "manifest-descriptor", "index", "index-descriptor"];
    let word = |part: &str| part.split('[').next().unwrap_or_default().to_owned();
    let (front, key) = match written.split_once(':') {
        Some((front, key))
            if !key.is_empty() && front.split(',').all(|part| KNOWN.contains(&word(part).as_str())) =>
        {
            (front, key)
        }
        _ => return Ok((vec![Level::Manifest(None)], written)),
    };
    let level = |part: &str| {
        let wrong = || AnnotationError::Level { key: written.to_owned(), level: part.to_owned() };
        let platform = match part.split_once('[') {
            None => None,
            Some((_, rest)) => {
                let inner = rest.strip_suffix(']').ok_or_else(wrong)?;
                Some(inner.parse::<Platform>().map_err(|_| wrong())?)
            }
        };
        match (word(part).as_str(), platform) {
            ("manifest", platform) => Ok(Level::Manifest(platform)),
            ("manifest-descriptor", platform) => Ok(Level::Descriptor(platform)),
            ("index", None) => Ok(Level::Index),
            _ => Err(wrong()),
        }
    };
    Ok((front.split(',').map(level).collect::<Result<_, _>>()?, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(keys: &[&str], platforms: &[&str]) -> Result<Annotations, AnnotationError> {
        let pairs: Vec<_> = keys.iter().map(|key| ((*key).to_owned(), "v".to_owned())).collect();
        let platforms: Vec<Platform> = platforms.iter().map(|text| text.parse().unwrap()).collect();
        Annotations::new(pairs.iter().map(|(key, value)| (key, value)), &platforms)
    }

    #[test]
    fn each_level_gets_its_own() {
        let keys = ["a", "urn:b", "manifest:c", "index:d", "manifest,index:e", "manifest[linux/arm64]:f"];
        let more = ["manifest-descriptor:g", "manifest-descriptor[linux/arm64]:h"];
        let all = of(&[keys.as_slice(), &more].concat(), &["linux/amd64", "linux/arm64"]).unwrap();
        let keys = |map: BTreeMap<String, String>| map.into_keys().collect::<Vec<_>>().join(" ");
        let (amd64, arm64) = ("linux/amd64".parse().unwrap(), "linux/arm64".parse().unwrap());
        assert_eq!(keys(all.of_manifest(&amd64)), "a c e urn:b");
        assert_eq!(keys(all.of_manifest(&arm64)), "a c e f urn:b");
        assert_eq!(keys(all.of_descriptor(&amd64)), "g");
        assert_eq!(keys(all.of_descriptor(&arm64)), "g h");
        assert_eq!(keys(all.of_index()), "d e");
    }

    #[test]
    fn what_makes_no_sense() {
        let error = |key: &str, platforms: &[&str]| of(&[key], platforms).unwrap_err().to_string();
        assert!(error("index:a", &["linux/amd64"]).contains("an image for one platform has none"));
        assert!(error("manifest[linux/arm64]:a", &["linux/amd64"]).contains("for which nothing is built"));
        let two = ["linux/amd64", "linux/arm64"];
        assert!(error("index-descriptor:a", &two).contains("`index-descriptor` is not"));
        assert!(error("manifest[linux:a", &two).contains("`manifest[linux` is not"));
        assert!(error("index[linux/arm64]:a", &two).contains("is not"));
    }
}
