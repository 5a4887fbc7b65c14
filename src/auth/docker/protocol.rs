//! Docker's credential helper protocol, seen from the helper: `docker-credential-NAME get|store|erase|list`, with the
//! question on stdin and the answer on stdout (<https://github.com/docker/docker-credential-helpers#development>).
//! Failures are told on stdout too, with exit code 1.

use crate::auth::ECR_USER;
use crate::base::Secret;
use serde::Serialize;
use std::collections::BTreeMap;

/// What follows `docker-credential-` in the name of this program's link, and what stands in Docker's config.
pub const NAME: &str = "consign";

/// The name under which clients call the program.
pub const PROGRAM: &str = "docker-credential-consign";

/// There are no credentials for a server. Clients compare these very words, and go on without credentials
/// (<https://github.com/docker/docker-credential-helpers/blob/master/credentials/error.go>).
pub const NOT_FOUND: &str = "credentials not found in native keychain";

/// The question is empty; the same words in every helper.
pub const NO_SERVER: &str = "no credentials server URL";

/// `HOST` or `HOST:PORT` of what clients call a server: with or without a scheme, a user and a path.
pub fn host_of(server: &str) -> String {
    let rest = server.trim();
    let rest = rest.split_once("://").map_or(rest, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.to_ascii_lowercase()
}

/// The answer to `get`, which names the server as it was asked for.
pub fn answer(server: &str, password: &Secret) -> Secret {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Credentials<'a> {
        #[serde(rename = "ServerURL")]
        server: &'a str,
        username: &'a str,
        secret: &'a str,
    }
    let credentials = Credentials { server, username: ECR_USER, secret: password.expose() };
    Secret::new(serde_json::to_string(&credentials).expect("invariant: three texts") + "\n")
}

/// The answer to `list`: the user for each server.
pub fn listing(servers: &[String]) -> String {
    let users: BTreeMap<_, _> = servers.iter().map(|server| (server, ECR_USER)).collect();
    serde_json::to_string(&users).expect("invariant: texts by text") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (server, host) in [
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("https://a.example/v2/\n", "a.example"),
            ("A.example/x", "a.example"),
            ("https://user@a.example:1/?q", "a.example:1"),
            ("https://a.example#@evil.example", "a.example"),
            ("", ""),
        ] {
            assert_eq!(host_of(server), host, "{server}");
        }
    }

    #[test]
    fn answers_byte_for_byte() {
        let answer = answer("https://a.example/", &Secret::new("p\"w"));
        assert_eq!(
            answer.expose(),
            "{\"ServerURL\":\"https://a.example/\",\"Username\":\"AWS\",\"Secret\":\"p\\\"w\"}\n"
        );
        assert_eq!(listing(&[]), "{}\n");
        assert_eq!(listing(&["b".into(), "a".into()]), "{\"a\":\"AWS\",\"b\":\"AWS\"}\n");
    }
}
