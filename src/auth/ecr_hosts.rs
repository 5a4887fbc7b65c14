//! Which hosts are registries of ECR: AWS's own by their names, and the one that the settings name, an emulator's.

use crate::auth::ECR_PUBLIC_REGION;
use crate::auth::docker::protocol::host_of;
use crate::base::RegistryHost;
use crate::base::reference::private_host;

/// A registry of ECR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EcrRegistry {
    /// The one of the account and region in use.
    Own,
    /// The one of an account, in the region in use.
    Account(String),
    /// One that is written out.
    Named {
        /// As it was written, without scheme and path.
        host: String,
        /// Its region.
        region: String,
    },
    /// ECR Public, which has an API of its own.
    Public {
        /// `public.ecr.aws`
        host: String,
    },
}

impl EcrRegistry {
    /// The region that its name tells.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Named { region, .. } => Some(region),
            Self::Public { .. } => Some(ECR_PUBLIC_REGION),
            Self::Own | Self::Account(_) => None,
        }
    }
}

/// It is no registry of ECR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotEcr;

/// The hosts that are ECR's, besides AWS's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EcrHosts {
    /// What the registry in use is called; none means by AWS's rule.
    pub own: Option<String>,
    /// Where it is found, which may be another name of it.
    pub endpoint: Option<String>,
}

impl EcrHosts {
    /// The registry that `text` means: a host, with or without a scheme and a path, or the 12 digits of an account.
    pub fn registry(&self, text: &str) -> Result<EcrRegistry, NotEcr> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(EcrRegistry::Account(text.to_owned()));
        }
        let host = host_of(text);
        if [&self.own, &self.endpoint].into_iter().flatten().any(|own| *own == host) {
            return Ok(EcrRegistry::Own);
        }
        match RegistryHost::new(&host) {
            RegistryHost::Ecr { host, region, .. } => Ok(EcrRegistry::Named { host, region }),
            RegistryHost::EcrPublic { host } => Ok(EcrRegistry::Public { host }),
            RegistryHost::Other { .. } => Err(NotEcr),
        }
    }

    /// The host of the registry of `account`, if that is the one in use, in `region`.
    pub fn own_host(&self, account: &str, region: &str) -> String {
        self.own.clone().unwrap_or_else(|| private_host(account, region))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_and_docker_write() {
        let hosts = EcrHosts {
            own: Some("123456789012.dkr.ecr.us-east-1.amazonaws.com".into()),
            endpoint: Some("127.0.0.1:4566".into()),
        };
        let named = |host: &str, region: &str| {
            Ok(EcrRegistry::Named { host: host.to_owned(), region: region.to_owned() })
        };
        let other = "210987654321.dkr.ecr-fips.us-gov-west-1.amazonaws.com";
        for (text, expected) in [
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com", Ok(EcrRegistry::Own)),
            ("https://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/", Ok(EcrRegistry::Own)),
            ("http://127.0.0.1:4566", Ok(EcrRegistry::Own)),
            ("127.0.0.1:4567", Err(NotEcr)),
            (other, named(other, "us-gov-west-1")),
            ("210987654321", Ok(EcrRegistry::Account("210987654321".into()))),
            ("https://PUBLIC.ecr.aws", Ok(EcrRegistry::Public { host: "public.ecr.aws".into() })),
            ("https://index.docker.io/v1/", Err(NotEcr)),
            ("evil.example/123456789012.dkr.ecr.us-east-1.amazonaws.com", Err(NotEcr)),
            ("https://123456789012.dkr.ecr.us-east-1.amazonaws.com@evil.example", Err(NotEcr)),
            ("", Err(NotEcr)),
        ] {
            assert_eq!(hosts.registry(text), expected, "{text}");
        }
        assert_eq!(hosts.own_host("1", "x"), "123456789012.dkr.ecr.us-east-1.amazonaws.com");
        let aws = EcrHosts::default();
        assert_eq!(
            aws.own_host("123456789012", "cn-north-1"),
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"
        );
    }
}
