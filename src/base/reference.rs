//! Image references: `[HOST/]REPOSITORY[:TAG][@DIGEST]`, and which hosts are ECR.
//!
//! Grammar: <https://github.com/distribution/reference>; repository and host patterns of ECR: its API model and
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html>. A reference without a host means
//! the private registry of the account and region in use.

use super::digest::{ManifestDigest, ParseDigestError};
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Why a text is not a reference, repository name or tag; positions count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {what}: {reason}")]
pub struct ParseReferenceError {
    /// What was given.
    pub text: String,
    /// `reference`, `repository name` or `tag`.
    pub what: &'static str,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nothing is there.
    #[error("it is empty")]
    Empty,
    /// A character that may not stand there.
    #[error("character {position} is {character:?}; {allowed}")]
    Character {
        /// Where, from 1.
        position: usize,
        /// Which.
        character: char,
        /// What may stand there.
        allowed: &'static str,
    },
    /// Too short or too long.
    #[error("it has {found} characters, and {min} to {max} are allowed")]
    Length {
        /// How many there are.
        found: usize,
        /// The fewest.
        min: usize,
        /// The most.
        max: usize,
    },
    /// The part after `@`.
    #[error(transparent)]
    Digest(#[from] ParseDigestError),
}

const REPOSITORY_RULE: &str =
    "a repository name is made of a-z and 0-9, with single `.`, `_`, `__`, `-` or `/` between them";
const TAG_FIRST_RULE: &str = "a tag starts with a letter, a digit or `_`";
const TAG_RULE: &str = "a tag is made of letters, digits, `_`, `.` and `-`";

/// A repository name, 2 to 256 characters: `shop/api`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

/// A tag, 1 to 128 characters: `1.4`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// What is wrong with `text` as a repository name; positions start after `offset` characters.
fn check_repository(text: &str, offset: usize) -> Result<(), Reason> {
    if text.is_empty() {
        return Err(Reason::Empty);
    }
    let wrong = |index: usize, character| Reason::Character {
        position: offset + index + 1,
        character,
        allowed: REPOSITORY_RULE,
    };
    // `separators` is the run of characters since the last letter or digit.
    let mut separators = String::new();
    let mut component_is_empty = true;
    for (index, character) in text.chars().enumerate() {
        match character {
            'a'..='z' | '0'..='9' => {
                separators.clear();
                component_is_empty = false;
            }
            '.' | '_' | '-' if !component_is_empty => {
                separators.push(character);
                let legal =
                    matches!(separators.as_str(), "." | "_" | "__") || !separators.contains(['.', '_']);
                if !legal {
                    return Err(wrong(index, character));
                }
            }
            '/' if !component_is_empty && separators.is_empty() => component_is_empty = true,
            _ => return Err(wrong(index, character)),
        }
    }
    if component_is_empty || !separators.is_empty() {
        let last = text.chars().count() - 1;
        return Err(wrong(last, text.chars().last().unwrap_or('/')));
    }
    match text.len() {
        2..=256 => Ok(()),
        found => Err(Reason::Length { found, min: 2, max: 256 }),
    }
}

fn check_tag(text: &str, offset: usize) -> Result<(), Reason> {
    for (index, character) in text.chars().enumerate() {
        let word = character.is_ascii_alphanumeric() || character == '_';
        if !(word || index > 0 && matches!(character, '.' | '-')) {
            let allowed = if index == 0 { TAG_FIRST_RULE } else { TAG_RULE };
            return Err(Reason::Character { position: offset + index + 1, character, allowed });
        }
    }
    match text.len() {
        0 => Err(Reason::Empty),
        1..=128 => Ok(()),
        found => Err(Reason::Length { found, min: 1, max: 128 }),
    }
}

macro_rules! name_type {
    ($name:ident, $what:literal, $check:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = ParseReferenceError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $check(text, 0).map_err(|reason| ParseReferenceError {
                    text: text.into(),
                    what: $what,
                    reason,
                })?;
                Ok(Self(text.into()))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name_type!(RepositoryName, "repository name", check_repository);
name_type!(Tag, "tag", check_tag);

/// The host of a registry, with the port if one is given, and what kind of registry answers there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RegistryHost {
    /// A private ECR registry.
    Ecr {
        /// As it was written: `123456789012.dkr.ecr.eu-west-1.amazonaws.com`.
        host: String,
        /// The 12 digits.
        account: String,
        /// The region.
        region: String,
    },
    /// ECR Public.
    EcrPublic {
        /// `public.ecr.aws`
        host: String,
    },
    /// Any other registry.
    Other {
        /// As it was written.
        host: String,
    },
}

impl RegistryHost {
    /// Sorts `host` into its kind.
    pub fn new(host: &str) -> Self {
        if matches!(host, "public.ecr.aws" | "ecr-public.aws.com") {
            return Self::EcrPublic { host: host.into() };
        }
        match private_ecr(host) {
            Some((account, region)) => {
                Self::Ecr { host: host.into(), account: account.into(), region: region.into() }
            }
            None => Self::Other { host: host.into() },
        }
    }

    /// The host as it was written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ecr { host, .. } | Self::EcrPublic { host } | Self::Other { host } => host,
        }
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Account and region of a private ECR host, FIPS and dual-stack hosts and all partitions included.
fn private_ecr(host: &str) -> Option<(&str, &str)> {
    const SUFFIXES: [&str; 9] = [
        ".amazonaws.com",
        ".amazonaws.com.cn",
        ".amazonaws.eu",
        ".on.aws",
        ".on.amazonwebservices.com.cn",
        ".sc2s.sgov.gov",
        ".c2s.ic.gov",
        ".cloud.adc-e.uk",
        ".csp.hci.ic.gov",
    ];
    let (account, rest) = host.split_once('.')?;
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let rest = rest.strip_prefix("dkr.ecr").or_else(|| rest.strip_prefix("dkr-ecr"))?;
    let rest = rest.strip_prefix("-fips").unwrap_or(rest).strip_prefix('.')?;
    let region = SUFFIXES.iter().find_map(|suffix| rest.strip_suffix(suffix))?;
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (!region.is_empty() && region.bytes().all(legal)).then_some((account, region))
}

/// The host of the private registry of `account` in `region`
/// (<https://docs.aws.amazon.com/general/latest/gr/ecr.html>).
pub fn private_host(account: &str, region: &str) -> String {
    let suffix = match region.split('-').next().unwrap_or_default() {
        "cn" => "amazonaws.com.cn",
        "eusc" => "amazonaws.eu",
        "us" if region.starts_with("us-iso-") => "c2s.ic.gov",
        "us" if region.starts_with("us-isob-") => "sc2s.sgov.gov",
        _ => "amazonaws.com",
    };
    format!("{account}.dkr.ecr.{region}.{suffix}")
}

/// A reference to an image, or to a repository if it has neither tag nor digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The registry; none means the private ECR registry of the account and region in use.
    pub host: Option<RegistryHost>,
    /// The repository within the registry.
    pub repository: RepositoryName,
    /// The tag, if one is given.
    pub tag: Option<Tag>,
    /// The digest, if one is given.
    pub digest: Option<ManifestDigest>,
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason| ParseReferenceError { text: text.into(), what: "reference", reason };
        if text.is_empty() {
            return Err(fail(Reason::Empty));
        }
        let (name, digest) = match text.split_once('@') {
            None => (text, None),
            Some((name, digest)) => (name, Some(digest.parse().map_err(|e| fail(Reason::Digest(e)))?)),
        };
        // As Docker does it: the first component is a host if it has a dot or a port, or is `localhost`.
        let (host, rest) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
            _ => (None, name),
        };
        if let Some(host) = host {
            check_host(host).map_err(fail)?;
        }
        let offset = host.map_or(0, |host| host.chars().count() + 1);
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (rest, None),
        };
        check_repository(repository, offset).map_err(fail)?;
        if let Some(tag) = tag {
            check_tag(tag, offset + repository.chars().count() + 1).map_err(fail)?;
        }
        Ok(Self {
            host: host.map(RegistryHost::new),
            repository: RepositoryName(repository.into()),
            tag: tag.map(|tag| Tag(tag.into())),
            digest,
        })
    }
}

fn check_host(host: &str) -> Result<(), Reason> {
    const RULE: &str = "a host is made of letters, digits, `.` and `-`, and may end in `:PORT`";
    let (name, port) = match host.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((_, after)) => ("", after.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let offset = host.chars().count() - port.map_or(0, str::len);
    let bad_name =
        name.chars().enumerate().find(|(_, c)| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')));
    let bad_port = port
        .unwrap_or_default()
        .chars()
        .enumerate()
        .find(|(_, c)| !c.is_ascii_digit())
        .map(|(i, c)| (offset + i, c));
    match bad_name.or(bad_port) {
        Some((index, character)) => Err(Reason::Character { position: index + 1, character, allowed: RULE }),
        None => Ok(()),
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}/")?;
        }
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Reference {
        text.parse().unwrap()
    }

    fn error(text: &str) -> String {
        text.parse::<Reference>().unwrap_err().to_string()
    }

    #[test]
    fn reads_what_people_write() {
        let short = parse("shop/api:1.4");
        assert_eq!((short.host, short.repository.as_str()), (None, "shop/api"));
        assert_eq!(short.tag.unwrap().as_str(), "1.4");
        let local = parse("127.0.0.1:5000/docs:1");
        assert_eq!(local.host.unwrap(), RegistryHost::Other { host: "127.0.0.1:5000".into() });
        let pinned = "docs@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(parse(pinned).to_string(), pinned);
    }

    #[test]
    fn knows_the_hosts_of_ecr() {
        for (host, account, region) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "123456789012", "eu-west-1"),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "123456789012", "us-gov-west-1"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "123456789012", "cn-north-1"),
            ("123456789012.dkr-ecr.us-east-1.on.aws", "123456789012", "us-east-1"),
        ] {
            let found = RegistryHost::new(host);
            assert_eq!(
                found,
                RegistryHost::Ecr { host: host.into(), account: account.into(), region: region.into() }
            );
        }
        assert!(matches!(RegistryHost::new("public.ecr.aws"), RegistryHost::EcrPublic { .. }));
        assert!(matches!(RegistryHost::new("12345.dkr.ecr.x.amazonaws.com"), RegistryHost::Other { .. }));
    }

    #[test]
    fn says_which_character_is_wrong_and_what_may_stand_there() {
        assert_eq!(
            error("shop/Api:1"),
            "`shop/Api:1` is not a valid reference: character 6 is 'A'; a repository name is made of a-z and \
             0-9, with single `.`, `_`, `__`, `-` or `/` between them"
        );
        assert_eq!(
            error("shop/api:-1"),
            "`shop/api:-1` is not a valid reference: character 10 is '-'; a tag starts with a letter, a digit \
             or `_`"
        );
        assert_eq!(
            error("shop/api:1+2"),
            "`shop/api:1+2` is not a valid reference: character 11 is '+'; a tag is made of letters, digits, \
             `_`, `.` and `-`"
        );
        assert_eq!(error(""), "`` is not a valid reference: it is empty");
        assert!(error("shop/api:").contains("it is empty"));
        assert!(error("a..b").contains("character 3 is '.'"));
        assert!(error("shop//api").contains("character 6 is '/'"));
        assert!(error("shop/").contains("it is empty") || error("shop/").contains("character 5"));
        assert!(error("x").contains("2 to 256"));
        assert!(error("docs@sha256:12").contains("2 digits"));
        assert!(error("127.0.0.1:50x/docs").contains("character 13 is 'x'"));
    }

    #[test]
    fn separators_as_the_model_has_them() {
        for good in ["a-b", "a--b", "a---b", "a__b", "a_b", "a.b", "0/1"] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        for bad in ["-a", "a-", "a___b", "a._b", "a-.b", "/a", "a/", "a/-b", "A", "ä/b", "a b"] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
    }
}
