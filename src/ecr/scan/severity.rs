//! How bad a finding is.

use serde::Serialize;
use std::fmt;

/// The severities of ECR, the mildest first
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanFinding.html>).
///
/// `UNDEFINED` says that nobody has judged a finding yet. It ranks last, so a gate on any other severity does not
/// mind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Not judged; Amazon Inspector says `UNTRIAGED`.
    Undefined,
    /// Worth knowing.
    Informational,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 6] =
        [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Informational, Self::Undefined];

    /// As ECR writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Undefined => "UNDEFINED",
            Self::Informational => "INFORMATIONAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    /// The severity that ECR or Inspector calls so; one that is not known here is not judged here.
    pub fn read(text: &str) -> Self {
        let named = |severity: &Self| severity.name().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named).unwrap_or(Self::Undefined)
    }
}

/// In small letters, as the options have it.
impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_ranks_highest() {
        assert!(Severity::ALL.is_sorted_by(|one, next| one > next));
        for severity in Severity::ALL {
            assert_eq!(Severity::read(severity.name()), severity);
            assert_eq!(Severity::read(&severity.to_string()), severity);
        }
        assert_eq!(Severity::read("UNTRIAGED"), Severity::Undefined);
    }
}
