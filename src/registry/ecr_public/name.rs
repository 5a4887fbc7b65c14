//! Names on ECR Public.

use crate::base::RepositoryName;
use crate::registry::RegistryError;
use std::fmt;

/// Characters of a repository's name; private ones may have 256
/// (<https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_CreateRepository.html>).
const MAX_NAME: usize = 205;

/// `ALIAS/NAME`: a repository, and the registry that it is in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicName {
    /// A name of the registry: `a1b2c3d4`, or one that was asked for and that AWS has granted.
    pub alias: String,
    /// The name that the API knows.
    pub repository: RepositoryName,
}

impl PublicName {
    /// Of what stands behind the `host` in a reference.
    pub fn of(host: &str, path: &RepositoryName) -> Result<Self, RegistryError> {
        let wrong = || RegistryError::NoPublicName { host: host.to_owned(), path: path.clone() };
        let (alias, name) = path.as_str().split_once('/').ok_or_else(wrong)?;
        let repository: RepositoryName = name.parse().map_err(|_| wrong())?;
        if name.len() > MAX_NAME {
            return Err(wrong());
        }
        Ok(Self { alias: alias.to_owned(), repository })
    }
}

impl fmt::Display for PublicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.alias, self.repository)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_and_a_name() {
        let of = |path: &str| PublicName::of("public.ecr.aws", &path.parse().unwrap());
        let name = of("a1b2c3d4/shop/api").unwrap();
        assert_eq!((name.alias.as_str(), name.repository.as_str()), ("a1b2c3d4", "shop/api"));
        assert_eq!(name.to_string(), "a1b2c3d4/shop/api");
        assert!(of(&format!("a1/{}", "x".repeat(205))).is_ok());
        for wrong in ["api", "a1b2c3d4/x", &format!("a1/{}", "x".repeat(206))] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
