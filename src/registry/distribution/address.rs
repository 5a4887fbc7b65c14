//! Where a registry's `/v2/` is found, and where its answers point to.

use crate::base::{BlobDigest, RepositoryName};
use std::net::{Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// The start of all addresses of one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address(Url);

impl Address {
    /// The registry that is called `host`: plain HTTP on loopback, as Docker does it, and HTTPS everywhere else.
    /// None if that is no host.
    pub(super) fn of_host(host: &str) -> Option<Self> {
        // Docker Hub is called by one name and found under another.
        let found_at = if host == "docker.io" { "registry-1.docker.io" } else { host };
        let url = Url::parse(&format!("https://{found_at}/")).ok().filter(Url::has_host)?;
        if !is_loopback(&url) {
            return Some(Self(url));
        }
        Url::parse(&format!("http://{found_at}/")).ok().map(Self)
    }

    /// The registry at this endpoint, of which scheme, host and port count.
    pub(super) fn of_endpoint(endpoint: &Url) -> Self {
        let mut url = endpoint.clone();
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
        Self(url)
    }

    /// `HOST` or `HOST:PORT`, as `oci-client` wants it.
    pub(super) fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Whether it is talked to without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// `/v2/`, which says how to log in.
    pub(super) fn root(&self) -> Url {
        self.join("v2/")
    }

    /// `/v2/REPOSITORY/blobs/uploads/`
    pub(super) fn uploads(&self, repository: &RepositoryName) -> Url {
        self.join(&format!("v2/{repository}/blobs/uploads/"))
    }

    /// The same, for a blob that another repository has
    /// (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#mounting-a-blob-from-another-repository>).
    pub(super) fn mount(
        &self,
        repository: &RepositoryName,
        digest: &BlobDigest,
        from: &RepositoryName,
    ) -> Url {
        let mut url = self.uploads(repository);
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from.as_str());
        url
    }

    /// `/v2/REPOSITORY/blobs/DIGEST`
    pub(super) fn blob(&self, repository: &RepositoryName, digest: &BlobDigest) -> Url {
        self.join(&format!("v2/{repository}/blobs/{digest}"))
    }

    /// `/v2/REPOSITORY/tags/list`
    pub(super) fn tags(&self, repository: &RepositoryName) -> Url {
        self.join(&format!("v2/{repository}/tags/list"))
    }

    /// `/v2/REPOSITORY/manifests/REFERENCE`
    pub(super) fn manifest(&self, repository: &RepositoryName, reference: &str) -> Url {
        self.join(&format!("v2/{repository}/manifests/{reference}"))
    }

    /// Whether credentials of this registry may go to `url`: the same scheme, host and port, as the specification
    /// wants it.
    pub(super) fn is_ours(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }

    fn join(&self, path: &str) -> Url {
        self.0.join(path).expect("invariant: names of repositories and tags are legal in a path")
    }
}

/// Whether a URL leads to this machine, by its text alone: no name is looked up.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => Ipv4Addr::is_loopback(&address),
        Some(Host::Ipv6(address)) => Ipv6Addr::is_loopback(&address),
        None => false,
    }
}

/// What a `Location` means in the answer from `asked`: it may be absolute or relative, and have a query.
pub(super) fn follow(asked: &Url, location: &str) -> Option<Url> {
    asked.join(location).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// The address that ends an upload as the blob `digest`.
pub(super) fn with_digest(location: &Url, digest: &BlobDigest) -> Url {
    let mut url = location.clone();
    url.query_pairs_mut().append_pair("digest", &digest.to_string());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_plain_and_nothing_else() {
        for plain in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]", "[::1]:5000"] {
            assert!(Address::of_host(plain).unwrap().is_plain(), "{plain}");
        }
        for tls in ["ghcr.io", "localhost.example", "128.0.0.1:5000", "10.0.0.1", "[::2]:5000", "a.localhost"]
        {
            assert!(!Address::of_host(tls).unwrap().is_plain(), "{tls}");
        }
        for wrong in ["[zz]", "a:99999", "[]"] {
            assert_eq!(Address::of_host(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses() {
        let repository = "shop/api".parse().unwrap();
        let address = Address::of_host("[::1]:5000").unwrap();
        assert_eq!(address.uploads(&repository).as_str(), "http://[::1]:5000/v2/shop/api/blobs/uploads/");
        assert_eq!(address.authority(), "[::1]:5000");
        let digest = BlobDigest::of(b"");
        let mount = address.mount(&repository, &digest, &"shop/staging".parse().unwrap());
        assert!(
            mount.as_str().starts_with("http://[::1]:5000/v2/shop/api/blobs/uploads/?mount=sha256%3Ae3b0")
        );
        assert!(mount.as_str().ends_with("&from=shop%2Fstaging"), "{mount}");
        assert_eq!(
            address.blob(&repository, &digest).as_str(),
            format!("http://[::1]:5000/v2/shop/api/blobs/{digest}")
        );
        let hub = Address::of_host("docker.io").unwrap();
        assert_eq!(
            hub.manifest(&repository, "1").as_str(),
            "https://registry-1.docker.io/v2/shop/api/manifests/1"
        );
        assert_eq!(hub.authority(), "registry-1.docker.io");
        let endpoint = Address::of_endpoint(&"http://127.0.0.1:4510/x?y#z".parse().unwrap());
        assert_eq!(endpoint.root().as_str(), "http://127.0.0.1:4510/v2/");
    }

    #[test]
    fn locations() {
        let asked: Url = "https://ghcr.io/v2/shop/blobs/uploads/".parse().unwrap();
        let follow = |location: &str| follow(&asked, location).map(|url| url.to_string());
        assert_eq!(follow("/up/1?state=a").as_deref(), Some("https://ghcr.io/up/1?state=a"));
        assert_eq!(follow("7").as_deref(), Some("https://ghcr.io/v2/shop/blobs/uploads/7"));
        assert_eq!(follow("http://other:1/x").as_deref(), Some("http://other:1/x"));
        assert_eq!(follow("//other/x").as_deref(), Some("https://other/x"));
        assert_eq!(follow("file:///etc/passwd"), None);
    }

    #[test]
    fn the_digest_joins_the_query_that_is_there() {
        let digest = BlobDigest::of(b"");
        let url = with_digest(&"https://h/up/1?state=a%2Fb".parse().unwrap(), &digest);
        assert!(url.as_str().starts_with("https://h/up/1?state=a%2Fb&digest=sha256%3A"), "{url}");
        let url = with_digest(&"https://h/up/1".parse().unwrap(), &digest);
        assert!(url.as_str().starts_with("https://h/up/1?digest=sha256%3A"), "{url}");
    }

    #[test]
    fn credentials_stay_at_their_origin() {
        let ours = |host: &str, url: &str| Address::of_host(host).unwrap().is_ours(&url.parse().unwrap());
        assert!(ours("ghcr.io", "https://ghcr.io/up/1?x"));
        assert!(ours("ghcr.io", "https://ghcr.io:443/up/1"));
        for other in ["http://ghcr.io/up", "https://ghcr.io:8443/up", "https://evil.example/up"] {
            assert!(!ours("ghcr.io", other), "{other}");
        }
        assert!(!ours("127.0.0.1:5000", "http://127.0.0.1:5001/"));
    }
}
