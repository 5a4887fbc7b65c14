//! Platforms: an operating system and a processor architecture.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An operating system and a processor architecture: `linux/amd64`, `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// As Go's `GOARCH` names it.
    pub architecture: String,
    /// As Go's `GOOS` names it.
    pub os: String,
    /// `v7` of `arm/v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Windows only.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform: write OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as `linux/amd64`")]
pub struct ParsePlatformError(String);

impl Platform {
    /// Linux on the architecture that this program runs on.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self { architecture: architecture.into(), os: "linux".into(), variant: None, os_version: None }
    }

    /// Whether it names a platform in earnest: os and architecture are there, are not the `unknown` of attestations,
    /// and nothing in it is more than a word. Configs and indexes that others wrote can hold anything.
    pub fn is_named(&self) -> bool {
        let words = [&self.os, &self.architecture].into_iter().chain(&self.variant).chain(&self.os_version);
        words.into_iter().all(|word| is_word(word)) && self.os != "unknown" && self.architecture != "unknown"
    }
}

fn is_word(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// Names that people use for what Go calls otherwise, and variants that go without saying, as containerd has them
/// (`platforms.Normalize`).
fn normal<'t>(architecture: &'t str, variant: Option<&'t str>) -> (&'t str, Option<&'t str>) {
    match (architecture, variant) {
        ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant.filter(|variant| *variant != "v1")),
        ("aarch64" | "arm64", variant) => {
            ("arm64", variant.filter(|variant| !matches!(*variant, "v8" | "8")))
        }
        ("i386", _) => ("386", None),
        ("armhf", _) | ("arm", None | Some("7")) => ("arm", Some("v7")),
        ("armel", _) | ("arm", Some("6")) => ("arm", Some("v6")),
        ("arm", Some("5")) => ("arm", Some("v5")),
        ("arm", Some("8")) => ("arm", Some("v8")),
        other => other,
    }
}

impl FromStr for Platform {
    type Err = ParsePlatformError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [os, architecture, variant @ ..]
                if variant.len() <= 1 && parts.iter().all(|part| is_word(part)) =>
            {
                let (architecture, variant) = normal(architecture, variant.first().copied());
                Ok(Self {
                    architecture: architecture.into(),
                    os: (*os).into(),
                    variant: variant.map(Into::into),
                    os_version: None,
                })
            }
            _ => Err(ParsePlatformError(text.into())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms() {
        for (text, shown) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/arm/v7", "linux/arm/v7"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/aarch64/v8", "linux/arm64"),
            ("linux/i386", "linux/386"),
            ("linux/arm64/v8", "linux/arm64"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), shown);
        }
        for bad in ["", "linux", "linux/", "linux/arm/v7/x", "linux amd64"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_others_wrote_can_be_no_platform() {
        let named = |os: &str, architecture: &str, variant: Option<&str>| {
            let variant = variant.map(str::to_owned);
            Platform { architecture: architecture.into(), os: os.into(), variant, os_version: None }
                .is_named()
        };
        assert!(named("linux", "arm", Some("v7")));
        for (os, architecture, variant) in [
            ("", "amd64", None),
            ("linux", "", None),
            ("unknown", "unknown", None),
            ("linux", "amd64", Some("")),
            ("linux\ndigest=x", "amd64", None),
            ("linux", "amd64|", None),
        ] {
            assert!(!named(os, architecture, variant), "{os} {architecture} {variant:?}");
        }
    }
}
