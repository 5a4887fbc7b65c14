//! Names of images as Docker reads them, and mirrors of registries.
//!
//! Grammar and defaults: <https://github.com/distribution/reference/blob/main/normalize.go>. A name without a host is
//! on Docker Hub, `docker.io`, and one without a folder there is in `library`: `node:22` is
//! `docker.io/library/node:22`.

use super::reference::{ParseReferenceError, Reason, Reference, RegistryHost, RepositoryName};
use std::fmt;
use std::str::FromStr;

/// Docker Hub.
pub const DOCKER_HUB: &str = "docker.io";

/// Other names of Docker Hub.
fn is_docker_hub(host: &str) -> bool {
    matches!(host, DOCKER_HUB | "index.docker.io" | "registry-1.docker.io")
}

/// The image that `text` names in a `FROM` of a Dockerfile, in full.
pub fn docker_name(text: &str) -> Result<Reference, ParseReferenceError> {
    let first = text.split_once('/').map(|(first, _)| first);
    let has_host = first.is_some_and(|first| first.contains(['.', ':']) || first == "localhost");
    let front = match first {
        _ if has_host || text.is_empty() => String::new(),
        Some(_) => format!("{DOCKER_HUB}/"),
        None => format!("{DOCKER_HUB}/library/"),
    };
    match format!("{front}{text}").parse::<Reference>() {
        Ok(reference) => Ok(in_full(reference)),
        Err(error) => Err(ParseReferenceError {
            text: text.to_owned(),
            reason: moved(error.reason, front.len()),
            ..error
        }),
    }
}

/// What is wrong, in a text that is `by` characters shorter at its front.
fn moved(reason: Reason, by: usize) -> Reason {
    match reason {
        Reason::Character { position, character, allowed } => {
            Reason::Character { position: position.saturating_sub(by), character, allowed }
        }
        other => other,
    }
}

/// The same reference; if it is on Docker Hub, by its usual host and with its folder.
pub fn in_full(reference: Reference) -> Reference {
    let Some(host) = reference.host.as_ref().filter(|host| is_docker_hub(host.as_str())) else {
        return reference;
    };
    let host = if host.as_str() == DOCKER_HUB { host.clone() } else { RegistryHost::new(DOCKER_HUB) };
    let repository = if reference.repository.as_str().contains('/') {
        reference.repository
    } else {
        format!("library/{}", reference.repository).parse().unwrap_or(reference.repository)
    };
    Reference { host: Some(host), repository, ..reference }
}

/// Where images of a registry are looked for first: another registry, or a folder of one, such as a pull-through cache
/// of ECR (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html>). Written
/// `HOST=PREFIX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The registry that is mirrored.
    pub of: String,
    /// Where the mirror is.
    pub host: RegistryHost,
    /// The folder of the mirror in which the repositories are; none if they have the same names there.
    pub folder: Option<RepositoryName>,
}

/// Why a text is no mirror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no mirror: {why}")]
pub struct ParseMirrorError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl FromStr for Mirror {
    type Err = ParseMirrorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: String| ParseMirrorError { text: text.to_owned(), why };
        let (of, prefix) = text.split_once('=').ok_or_else(|| {
            wrong("write HOST=PREFIX, such as `docker.io=mirror.example/docker-hub`".into())
        })?;
        if of.contains("//") || prefix.contains("//") {
            return Err(wrong("hosts are written without `https://`".into()));
        }
        // Both sides are read as references are, so that the same hosts are legal.
        let host_of = |host: &str| match format!("{host}/repository").parse::<Reference>() {
            Ok(Reference { host: Some(found), .. }) => Ok(found),
            Ok(_) => Err(wrong(format!("`{host}` is no host: it has neither a dot nor a port"))),
            Err(error) => Err(wrong(format!("`{host}` is no host: {}", error.reason))),
        };
        let of = host_of(of)?;
        let (host, folder) = match prefix.trim_end_matches('/').split_once('/') {
            None => (prefix.trim_end_matches('/'), None),
            Some((host, folder)) => {
                let folder = folder.parse::<RepositoryName>().map_err(|error| wrong(error.to_string()))?;
                (host, Some(folder))
            }
        };
        let host = host_of(host)?;
        let of = if is_docker_hub(of.as_str()) { DOCKER_HUB } else { of.as_str() }.to_owned();
        Ok(Self { of, host, folder })
    }
}

impl Mirror {
    /// Where the mirror has `reference`, which is written [in full](in_full); none if it is no mirror of its registry, or if
    /// no repository can have that name.
    pub fn of(&self, reference: &Reference) -> Option<Reference> {
        if reference.host.as_ref()?.as_str() != self.of {
            return None;
        }
        let repository = match &self.folder {
            None => reference.repository.clone(),
            Some(folder) => format!("{folder}/{}", reference.repository).parse().ok()?,
        };
        Some(Reference { host: Some(self.host.clone()), repository, ..reference.clone() })
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        self.folder.iter().try_for_each(|folder| write!(f, "/{folder}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[test]
    fn names_as_docker_reads_them() {
        for (text, full) in [
            ("node", "docker.io/library/node"),
            ("node:22", "docker.io/library/node:22"),
            ("node:22-slim", "docker.io/library/node:22-slim"),
            ("bitnami/redis:7", "docker.io/bitnami/redis:7"),
            ("a/b/c", "docker.io/a/b/c"),
            ("r", "docker.io/library/r"),
            ("docker.io/node", "docker.io/library/node"),
            ("index.docker.io/node:1", "docker.io/library/node:1"),
            ("registry-1.docker.io/library/node", "docker.io/library/node"),
            ("localhost/shop:1", "localhost/shop:1"),
            ("localhost:5000/shop", "localhost:5000/shop"),
            ("local/shop", "docker.io/local/shop"),
            ("ghcr.io/shop/api:1", "ghcr.io/shop/api:1"),
            ("[::1]:5000/shop:1", "[::1]:5000/shop:1"),
            ("public.ecr.aws/docker/library/node:22", "public.ecr.aws/docker/library/node:22"),
        ] {
            assert_eq!(docker_name(text).unwrap().to_string(), full, "{text}");
            let pinned = docker_name(&format!("{text}@{DIGEST}")).unwrap();
            assert_eq!(pinned.to_string(), format!("{full}@{DIGEST}"));
            // What is in full stays as it is.
            assert_eq!(docker_name(full).unwrap().to_string(), full);
        }
    }

    #[test]
    fn what_is_wrong_is_told_of_what_was_written() {
        let error = |text: &str| docker_name(text).unwrap_err().to_string();
        assert_eq!(
            error("Node:22"),
            "`Node:22` is not a valid reference: character 1 is 'N'; a repository name is made of a-z and 0-9, with \
             single `.`, `_`, `__`, `-` or `/` between them"
        );
        assert!(error("shop/Api").starts_with("`shop/Api` is not a valid reference: character 6 is 'A'"));
        assert!(error("ghcr.io/Shop/api").contains("character 9 is 'S'"));
        assert!(error("node:-1").contains("character 6 is '-'"));
        assert_eq!(error(""), "`` is not a valid reference: it is empty");
        assert!(error("node@sha256:12").contains("digits"));
        assert!(error("node 22").contains("character 5 is ' '"));
        for text in
            ["/node", "node/", "ghcr.io/", "node:", "node@", "http://ghcr.io/node", ":22", "@sha256:1"]
        {
            assert!(docker_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_has_no_host_is_not_dockers_by_itself() {
        let own: Reference = "shop/api:1".parse().unwrap();
        assert_eq!(in_full(own.clone()), own);
        assert_eq!(in_full("docker.io/node:1".parse().unwrap()).to_string(), "docker.io/library/node:1");
    }

    #[test]
    fn mirrors_keep_the_names() {
        let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let mirror: Mirror = format!("docker.io={ecr}/docker-hub").parse().unwrap();
        let at = |mirror: &Mirror, name: &str| {
            mirror.of(&docker_name(name).unwrap()).map(|found| found.to_string())
        };
        assert_eq!(at(&mirror, "node:22").unwrap(), format!("{ecr}/docker-hub/library/node:22"));
        assert_eq!(
            at(&mirror, &format!("bitnami/redis@{DIGEST}")).unwrap(),
            format!("{ecr}/docker-hub/bitnami/redis@{DIGEST}")
        );
        assert_eq!(at(&mirror, "ghcr.io/node:22"), None);
        assert!(matches!(mirror.host, RegistryHost::Ecr { .. }));
        let whole: Mirror = "index.docker.io=mirror.example:5000/".parse().unwrap();
        assert_eq!(at(&whole, "node").unwrap(), "mirror.example:5000/library/node");
        assert_eq!((whole.to_string().as_str(), whole.of.as_str()), ("mirror.example:5000", "docker.io"));
        assert_eq!(mirror.of(&"shop/api:1".parse().unwrap()), None);
    }

    #[test]
    fn what_is_no_mirror() {
        let error = |text: &str| text.parse::<Mirror>().unwrap_err().to_string();
        assert!(error("docker.io").contains("write HOST=PREFIX"));
        assert!(error("docker.io=https://mirror.example").contains("without `https://`"));
        assert!(error("docker.io=mirror").contains("neither a dot nor a port"));
        assert!(error("hub=mirror.example").contains("`hub` is no host"));
        assert!(error("docker.io=mirror.example/Hub").contains("'H'"));
        for text in ["=", "docker.io=", "=mirror.example", "docker.io=mirror.example/x:1", ""] {
            assert!(text.parse::<Mirror>().is_err(), "{text}");
        }
    }
}
