//! Credentials of registries as Docker and its kind keep them: what other tools have stored (here), what is written for
//! them ([`config`]), their credential helpers ([`helper`]), and being one ([`protocol`]).
//!
//! Formats: <https://docs.docker.com/reference/cli/docker/login/#credential-stores> and
//! <https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md>; they are read by the library
//! `docker_credential`, helpers included. Which file is read is decided here, as that library asks the environment.

pub mod config;
pub mod helper;
pub mod protocol;

pub use config::{ConfigFile, Keeper};

use crate::auth::AuthError;
use crate::base::{Env, Secret, env};
use docker_credential::{CredentialRetrievalError as Error, DockerCredential};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How Docker calls Docker Hub in its files.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What a registry is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Nothing.
    Anonymous,
    /// A user's name and password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token that is exchanged for tokens of the registry.
    IdentityToken(Secret),
}

/// Docker's file: in the folder `DOCKER_CONFIG`, else in `~/.docker`.
fn docker_file(environment: &Env) -> Option<PathBuf> {
    match (environment.get(env::DOCKER_CONFIG), environment.get("HOME")) {
        (Some(folder), _) => Some(Path::new(folder).join("config.json")),
        (None, Some(home)) => Some(Path::new(home).join(".docker/config.json")),
        (None, None) => None,
    }
}

/// The files that are looked at, in this order, as far as they exist: the one that `REGISTRY_AUTH_FILE` names,
/// Docker's (`DOCKER_CONFIG`, else `~/.docker`), and podman's of the session.
fn files(environment: &Env) -> Vec<PathBuf> {
    let docker = docker_file(environment);
    let podman =
        environment.get(env::XDG_RUNTIME_DIR).map(|folder| Path::new(folder).join("containers/auth.json"));
    let named = environment.get(env::REGISTRY_AUTH_FILE).map(PathBuf::from);
    [named, docker, podman].into_iter().flatten().collect()
}

/// What the files hold for `host`: the first file that knows it counts. Runs `docker-credential-NAME` if a file says
/// so, and so blocks. Fails if a file can't be read, or a helper does not work.
pub fn login(host: &str, environment: &Env) -> Result<Login, Arc<AuthError>> {
    let server = if matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io") {
        DOCKER_HUB
    } else {
        host
    };
    for path in files(environment) {
        let text = match fs_err::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(path, error.kind().to_string())),
        };
        match docker_credential::get_credential_from_reader(text.as_slice(), server) {
            Ok(DockerCredential::UsernamePassword(user, password))
                if user.is_empty() && password.is_empty() => {}
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                return Ok(Login::Password { user, password: password.into() });
            }
            Ok(DockerCredential::IdentityToken(token)) => return Ok(Login::IdentityToken(token.into())),
            Err(Error::NoCredentialConfigured) => {}
            // The words of all helpers for «none stored», by which Docker goes too
            // (<https://github.com/docker/docker-credential-helpers/blob/master/credentials/error.go>).
            Err(Error::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {}
            // What a helper prints can be a secret, so it is not shown.
            Err(Error::HelperFailure { helper, .. }) => {
                return Err(broken_helper(host, path, format!("`{helper} get` failed")));
            }
            Err(error @ (Error::HelperCommunicationError | Error::MalformedHelperResponse)) => {
                return Err(broken_helper(host, path, error.to_string()));
            }
            Err(error) => return Err(unreadable(path, error.to_string())),
        }
    }
    Ok(Login::Anonymous)
}

fn unreadable(path: PathBuf, why: String) -> Arc<AuthError> {
    Arc::new(AuthError::DockerConfig { path, why })
}

fn broken_helper(host: &str, path: PathBuf, why: String) -> Arc<AuthError> {
    Arc::new(AuthError::DockerHelper { host: host.to_owned(), path, why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    fn password(user: &str, password: &str) -> Login {
        Login::Password { user: user.into(), password: Secret::new(password) }
    }

    /// A folder with these files, and an environment in which `variables` are paths in it.
    fn with(files: &[(&str, String)], variables: &[(&str, &str)]) -> (tempfile::TempDir, Env) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let environment = variables.iter().map(|(variable, name)| (*variable, path(name))).collect();
        (folder, environment)
    }

    fn auths(host: &str, pair: &str) -> String {
        format!(r#"{{"auths":{{"{host}":{{"auth":"{}"}}}}}}"#, BASE64_STANDARD.encode(pair))
    }

    #[test]
    fn the_first_file_that_knows_the_host_counts() {
        let files = [
            ("named.json", auths("a.example", "named:1")),
            ("docker/config.json", auths("b.example:5000", "docker:2:with:colons")),
            (".docker/config.json", auths("b.example:5000", "home:3")),
            ("run/containers/auth.json", auths("c.example", "podman:4")),
        ];
        let all =
            [("REGISTRY_AUTH_FILE", "named.json"), ("DOCKER_CONFIG", "docker"), ("XDG_RUNTIME_DIR", "run")];
        let (_folder, environment) = with(&files, &all);
        let login = |host: &str| super::login(host, &environment).unwrap();
        assert_eq!(login("a.example"), password("named", "1"));
        assert_eq!(login("b.example:5000"), password("docker", "2:with:colons"));
        assert_eq!(login("c.example"), password("podman", "4"));
        assert_eq!(login("d.example"), Login::Anonymous);
        let (_folder, environment) = with(&files, &[("HOME", ".")]);
        assert_eq!(super::login("b.example:5000", &environment).unwrap(), password("home", "3"));
        assert_eq!(super::login("b.example", &Env::default()).unwrap(), Login::Anonymous);
    }

    #[test]
    fn forms_of_entries() {
        let hub = auths(DOCKER_HUB, "hub:1");
        let (_folder, environment) = with(&[("config.json", hub)], &[("DOCKER_CONFIG", ".")]);
        assert_eq!(login("docker.io", &environment).unwrap(), password("hub", "1"));
        let token = r#"{"auths":{"x.example":{"auth":"","identitytoken":"t"}}}"#.to_owned();
        let (_folder, environment) = with(&[("config.json", token)], &[("DOCKER_CONFIG", ".")]);
        assert_eq!(login("x.example", &environment).unwrap(), Login::IdentityToken("t".to_owned().into()));
    }

    #[test]
    fn what_is_wrong_is_told_without_what_stands_there() {
        for text in ["{", r#"{"auths":{"x.example":{"auth":"secret!"}}}"#] {
            let (_folder, environment) = with(&[("config.json", text.into())], &[("DOCKER_CONFIG", ".")]);
            let error = login("x.example", &environment).unwrap_err();
            assert!(matches!(*error, AuthError::DockerConfig { .. }), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
        let helper = r#"{"credHelpers":{"x.example":"no-such-helper-anywhere"}}"#.to_owned();
        let (_folder, environment) = with(&[("config.json", helper)], &[("DOCKER_CONFIG", ".")]);
        let error = login("x.example", &environment).unwrap_err();
        assert!(matches!(*error, AuthError::DockerHelper { .. }), "{error}");
        assert_eq!(login("y.example", &environment).unwrap(), Login::Anonymous);
    }
}
