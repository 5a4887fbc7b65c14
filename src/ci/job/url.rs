//! Where people look at a repository, from where Git fetches it.

use url::Url;

/// `https://HOST/PATH` for any URL of a remote, without credentials; none for a path on a disk, which is nobody
/// else's.
pub fn web_url(remote: &str) -> Option<String> {
    let remote = remote.trim();
    let (scheme, host, path) = match Url::parse(remote) {
        Ok(url) if url.has_host() => {
            let host = url.host_str()?;
            // The port of a web page is part of its address; the one of SSH or Git is not.
            let (scheme, port) = match url.scheme() {
                "http" => ("http", url.port()),
                "https" => ("https", url.port()),
                "ssh" | "git" | "git+ssh" | "ssh+git" => ("https", None),
                _ => return None,
            };
            let host = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
            (scheme, host, url.path().to_owned())
        }
        // `[USER@]HOST:PATH`, as SSH has it.
        _ => {
            let (host, path) = remote.split_once(':')?;
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            let is_host =
                host.contains('.') && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
            // With an `@` in the path it could be `NAME:PASSWORD@HOST`.
            if !is_host || path.contains(['@', '\\']) {
                return None;
            }
            ("https", host.to_owned(), path.to_owned())
        }
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (!host.is_empty() && !path.is_empty()).then(|| format!("{scheme}://{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_remote() {
        for (remote, page) in [
            ("https://github.com/octo/shop", Some("https://github.com/octo/shop")),
            ("https://github.com/octo/shop.git/", Some("https://github.com/octo/shop")),
            (
                "https://gitlab-ci-token:glcbt-64_x@gitlab.example/g/shop.git",
                Some("https://gitlab.example/g/shop"),
            ),
            ("https://git.example:8443/shop.git?x=1#y", Some("https://git.example:8443/shop")),
            ("http://bitbucket.org/octo/shop", Some("http://bitbucket.org/octo/shop")),
            ("git@github.com:octo/shop.git", Some("https://github.com/octo/shop")),
            ("github.com:/octo/shop", Some("https://github.com/octo/shop")),
            ("ssh://git@git.example:2222/octo/shop.git", Some("https://git.example/octo/shop")),
            ("git://git.example/shop.git", Some("https://git.example/shop")),
            ("/srv/git/shop.git", None),
            ("file:///srv/git/shop.git", None),
            ("../shop", None),
            (r"C:\git\shop", None),
            ("my.name:hunter2@git.example/shop", None),
            ("https://github.com", None),
            ("", None),
        ] {
            assert_eq!(web_url(remote).as_deref(), page, "{remote}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_password_is_left(
            user in "[a-z.@]{0,5}",
            form in proptest::sample::select(vec!["https://", "http://", "ssh://", "git://", "https:/", "//", ""]),
            host in "[a-z.]{0,8}",
            path in "\\PC{0,8}",
        ) {
            let url = web_url(&format!("{form}{user}:hunter2@{host}/{path}")).unwrap_or_default();
            proptest::prop_assert!(!url.contains("hunter2"), "{url}");
        }
    }
}
