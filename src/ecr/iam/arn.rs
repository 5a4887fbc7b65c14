//! Accounts, regions, repositories, and the ARNs of them
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).

use super::error::IamError;
use crate::base::RepositoryName;
use std::fmt;
use std::str::FromStr;

/// An account's id: 12 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account(String);

impl FromStr for Account {
    type Err = IamError;

    fn from_str(text: &str) -> Result<Self, IamError> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(IamError::Account { text: text.into() })
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A region: `eu-west-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// The partition that it is in.
    pub fn partition(&self) -> Partition {
        Partition::of(&self.0)
    }
}

impl FromStr for Region {
    type Err = IamError;

    /// By its form alone: words of letters, then a number. `us-east-1a` is a zone of a region.
    fn from_str(text: &str) -> Result<Self, IamError> {
        let mut parts: Vec<&str> = text.split('-').collect();
        let number = parts.pop().unwrap_or_default();
        let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if parts.len() >= 2 && parts.iter().all(is_word) && is_number {
            Ok(Self(text.into()))
        } else {
            Err(IamError::Region { text: text.into() })
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One of the worlds that AWS consists of, between which no role reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition(&'static str);

impl Partition {
    /// All but China, `GovCloud` and the isolated ones.
    pub const AWS: Self = Self("aws");

    /// By the start of a region's name
    /// (<https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json>).
    fn of(region: &str) -> Self {
        const STARTS: [(&str, &str); 7] = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("us-iso-", "aws-iso"),
            ("us-isob-", "aws-iso-b"),
            ("eu-isoe-", "aws-iso-e"),
            ("us-isof-", "aws-iso-f"),
            ("eusc-", "aws-eusc"),
        ];
        let found = STARTS.iter().find(|(start, _)| region.starts_with(start));
        found.map_or(Self::AWS, |(_, partition)| Self(partition))
    }

    /// Whether it is China's, where STS has an audience of its own.
    pub fn is_china(self) -> bool {
        self.0 == "aws-cn"
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A repository, or several that a pattern names, in which `*` stands for any characters: `shop/*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryPattern(String);

impl FromStr for RepositoryPattern {
    type Err = IamError;

    fn from_str(text: &str) -> Result<Self, IamError> {
        if text.starts_with('*') {
            return Err(IamError::EveryRepository { text: text.into() });
        }
        // What a pattern may stand for is a name if each star is taken for a character.
        match text.replace('*', "x").parse::<RepositoryName>() {
            Ok(_) => Ok(Self(text.into())),
            Err(why) => Err(IamError::Repository { text: text.into(), reason: why.reason.to_string() }),
        }
    }
}

impl From<&RepositoryName> for RepositoryPattern {
    fn from(name: &RepositoryName) -> Self {
        Self(name.to_string())
    }
}

impl fmt::Display for RepositoryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A private registry: an account has one in each region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Registry {
    /// Whose.
    pub account: Account,
    /// Where.
    pub region: Region,
}

impl Registry {
    /// The ARN of a repository in it.
    pub fn repository(&self, repository: &RepositoryPattern) -> String {
        let Self { account, region } = self;
        format!("arn:{}:ecr:{region}:{account}:repository/{repository}", region.partition())
    }
}

/// The ARN of a repository on ECR Public, whose registries have no region.
pub fn public_repository(account: &Account, repository: &RepositoryPattern) -> String {
    format!("arn:{}:ecr-public::{account}:repository/{repository}", Partition::AWS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Failure as _;

    #[test]
    fn arns_of_all_partitions() {
        let arn = |region: &str| {
            let registry =
                Registry { account: "123456789012".parse().unwrap(), region: region.parse().unwrap() };
            registry.repository(&"shop/*".parse().unwrap())
        };
        assert_eq!(arn("eu-west-1"), "arn:aws:ecr:eu-west-1:123456789012:repository/shop/*");
        for (region, partition) in [
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eusc-de-east-1", "aws-eusc"),
            ("us-east-1", "aws"),
            ("ap-southeast-2", "aws"),
        ] {
            assert!(arn(region).starts_with(&format!("arn:{partition}:ecr:{region}:")), "{region}");
        }
    }

    #[test]
    fn what_is_no_account_region_or_repository() {
        for wrong in ["", "12345678901", "1234567890123", "12345678901a", "*"] {
            assert!(wrong.parse::<Account>().is_err(), "{wrong}");
        }
        for wrong in ["", "eu", "eu-west", "us-east-1a", "US-EAST-1", "eu--1", "1-2-3", "*"] {
            assert!(wrong.parse::<Region>().is_err(), "{wrong}");
        }
        for wrong in ["", "*", "*/api", "Shop", "shop//api", "shop/"] {
            assert!(wrong.parse::<RepositoryPattern>().is_err(), "{wrong}");
        }
        for right in ["shop/api", "shop/*", "shop-*", "shop/*/api"] {
            assert_eq!(right.parse::<RepositoryPattern>().unwrap().to_string(), right);
        }
        let all = "*".parse::<RepositoryPattern>().unwrap_err();
        assert!(all.hint().is_some_and(|hint| hint.contains("shop/*")), "{all}");
    }
}
