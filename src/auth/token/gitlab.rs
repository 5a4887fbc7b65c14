//! GitLab CI: variables whose names the job's `id_tokens:` choose
//! (<https://docs.gitlab.com/ci/secrets/id_token_authentication/>).

use super::{Ci, TokenSource};
use crate::base::{Env, env};

const NAME: &str = "GitLab CI";

/// The names that are known without being told. If there are several tokens, they are for different audiences, and
/// only the user knows which.
const NAMES: [&str; 2] = [env::CONSIGN_ID_TOKEN, env::AWS_ID_TOKEN];

pub(super) struct GitLab;

impl Ci for GitLab {
    fn token(&self, environment: &Env) -> Result<TokenSource, String> {
        if environment.get(env::GITLAB_CI).is_none() {
            return Err(format!("{NAME}: {} is not set", env::GITLAB_CI));
        }
        let mut found = NAMES.iter().filter_map(|name| TokenSource::of_variable(NAME, name, environment));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => {
                Err(format!("{NAME}: {} are both set, and one has to be named", NAMES.join(" and ")))
            }
            (None, _) => Err(format!("{NAME}: {} are not set", NAMES.join(" and "))),
        }
    }

    fn advice(&self, environment: &Env) -> Option<String> {
        environment.get(env::GITLAB_CI)?;
        Some(format!(
            "declare a token in the job; one under another name is found with `--web-identity-token-env NAME`\n    \
             id_tokens:\n      {}:\n        aud: sts.amazonaws.com",
            env::CONSIGN_ID_TOKEN
        ))
    }
}
