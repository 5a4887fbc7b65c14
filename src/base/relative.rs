//! How an image is named by someone who has named its repository already.

use super::digest::ManifestDigest;
use super::reference::{ParseReferenceError, Reason, Reference, Tag};
use std::str::FromStr;

/// A tag, a digest, or a reference that is written out. What has neither `/`, `:` nor `@` is a tag; what begins with
/// `sha256:` is a digest, as there is no reason to call a repository that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelativeReference {
    /// `1.4`
    Tag(Tag),
    /// `sha256:…` or `@sha256:…`
    Digest(ManifestDigest),
    /// `shop/api:1.4`, `shop/api@sha256:…`
    Full(Reference),
}

impl RelativeReference {
    /// What it means beside `other`, whose repository it shares unless it names one.
    pub fn beside(self, other: &Reference) -> Reference {
        let here = Reference { tag: None, digest: None, ..other.clone() };
        match self {
            Self::Tag(tag) => Reference { tag: Some(tag), ..here },
            Self::Digest(digest) => Reference { digest: Some(digest), ..here },
            Self::Full(reference) => reference,
        }
    }
}

impl FromStr for RelativeReference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digest = text.strip_prefix('@').or_else(|| text.starts_with("sha256:").then_some(text));
        if let Some(digest) = digest {
            let wrong = |error| ParseReferenceError {
                text: text.into(),
                what: "digest",
                reason: Reason::Digest(error),
            };
            return digest.parse().map(Self::Digest).map_err(wrong);
        }
        if text.contains(['/', ':', '@']) {
            text.parse().map(Self::Full)
        } else {
            text.parse().map(Self::Tag)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[test]
    fn three_ways_to_name_an_image() {
        let other: Reference = "127.0.0.1:5000/shop/api:1".parse().unwrap();
        for (text, means) in [
            ("prod", "127.0.0.1:5000/shop/api:prod".to_owned()),
            (DIGEST, format!("127.0.0.1:5000/shop/api@{DIGEST}")),
            (&format!("@{DIGEST}"), format!("127.0.0.1:5000/shop/api@{DIGEST}")),
            ("shop/api:2", "shop/api:2".to_owned()),
            ("demo:2", "demo:2".to_owned()),
            (&format!("shop/api@{DIGEST}"), format!("shop/api@{DIGEST}")),
        ] {
            let found: RelativeReference = text.parse().unwrap();
            assert_eq!(found.beside(&other).to_string(), means, "{text}");
        }
    }

    #[test]
    fn what_is_none_of_them() {
        let error = |text: &str| text.parse::<RelativeReference>().unwrap_err().to_string();
        assert!(error("").contains("is not a valid tag: it is empty"));
        assert!(error("1+2").contains("is not a valid tag: character 2"));
        assert!(error("sha256:12").contains("is not a valid digest"));
        assert!(error("@1").contains("is not a valid digest"));
        assert!(error("shop/Api:1").contains("is not a valid reference"));
    }
}
