//! What a version is made of, by semantic versioning or by PEP 440.

use std::str::FromStr as _;

/// A version, and its parts as texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// As it was written.
    pub(super) raw: String,
    /// In its normal form, without a `v` before it.
    pub(super) normal: String,
    pub(super) major: String,
    pub(super) minor: String,
    pub(super) patch: String,
    /// Whether it is not a pre-release; for PEP 440, nor a post- or a development release.
    pub(super) is_final: bool,
}

impl Version {
    /// By <https://semver.org>, with or without a `v` before it. Build metadata is no part of the normal form, as it
    /// does not make another version.
    pub(super) fn semver(text: &str) -> Option<Self> {
        let text = text.trim();
        let parsed = semver::Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()?;
        let semver::Version { major, minor, patch, pre, build: _ } = parsed;
        let dash = if pre.is_empty() { "" } else { "-" };
        Some(Self {
            raw: text.into(),
            normal: format!("{major}.{minor}.{patch}{dash}{pre}"),
            major: major.to_string(),
            minor: minor.to_string(),
            patch: patch.to_string(),
            is_final: pre.is_empty(),
        })
    }

    /// By <https://peps.python.org/pep-0440/>. A part that is left out is 0.
    pub(super) fn pep440(text: &str) -> Option<Self> {
        let text = text.trim();
        let parsed = pep440_rs::Version::from_str(text).ok()?;
        let part = |place: usize| parsed.release().get(place).copied().unwrap_or(0).to_string();
        Some(Self {
            raw: text.into(),
            normal: parsed.to_string(),
            major: part(0),
            minor: part(1),
            patch: part(2),
            is_final: !(parsed.is_pre() || parsed.is_post() || parsed.is_dev()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semantic_versions() {
        let parts = |text: &str| {
            let Version { normal, major, minor, patch, is_final, raw } = Version::semver(text)?;
            assert_eq!(raw, text.trim());
            Some((normal, format!("{major}/{minor}/{patch}"), is_final))
        };
        let some =
            |version: &str, parts: &str, is_final| Some((version.to_owned(), parts.to_owned(), is_final));
        assert_eq!(parts("v1.2.3"), some("1.2.3", "1/2/3", true));
        assert_eq!(parts("1.2.3 "), some("1.2.3", "1/2/3", true));
        assert_eq!(parts("v2.0.8-beta.67"), some("2.0.8-beta.67", "2/0/8", false));
        assert_eq!(parts("v9.5.7-alpha.2+fork.3"), some("9.5.7-alpha.2", "9/5/7", false));
        assert_eq!(parts("1.2.3+build"), some("1.2.3", "1/2/3", true));
        for none in
            ["", "v1", "1.2", "v1.2.3.4", "vv1.2.3", "V1.2.3", "01.2.3", "1.2.3-", "p1-v1.2.3", "1.2.3rc2"]
        {
            assert_eq!(parts(none), None, "{none}");
        }
    }

    #[test]
    fn python_versions() {
        let parts = |text: &str| {
            let Version { normal, major, minor, patch, is_final, raw } = Version::pep440(text)?;
            assert_eq!(raw, text.trim());
            Some((normal, format!("{major}/{minor}/{patch}"), is_final))
        };
        let some =
            |version: &str, parts: &str, is_final| Some((version.to_owned(), parts.to_owned(), is_final));
        assert_eq!(parts("1.2.3"), some("1.2.3", "1/2/3", true));
        assert_eq!(parts("v1.2.3"), some("1.2.3", "1/2/3", true));
        assert_eq!(parts("1"), some("1", "1/0/0", true));
        assert_eq!(parts("v1.2.3rc2"), some("1.2.3rc2", "1/2/3", false));
        assert_eq!(parts("1.2.3post1"), some("1.2.3.post1", "1/2/3", false));
        assert_eq!(parts("1.2.3beta2"), some("1.2.3b2", "1/2/3", false));
        assert_eq!(parts("1.0dev4"), some("1.0.dev4", "1/0/0", false));
        assert_eq!(parts("1.2.3+local.7"), some("1.2.3+local.7", "1/2/3", true));
        for none in ["", "release1", "p1-v1.2.3", "1.2.3-x-y"] {
            assert_eq!(parts(none), None, "{none}");
        }
    }
}
