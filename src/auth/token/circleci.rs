//! `CircleCI`: two variables, of which the second version's subject also names branch or tag
//! (<https://circleci.com/docs/openid-connect-tokens/>).

use super::{Ci, TokenSource};
use crate::base::{Env, env};

const NAME: &str = "CircleCI";
const VARIABLES: [&str; 2] = [env::CIRCLE_OIDC_TOKEN_V2, env::CIRCLE_OIDC_TOKEN];

pub(super) struct CircleCi;

impl Ci for CircleCi {
    fn token(&self, environment: &Env) -> Result<TokenSource, String> {
        let mut found =
            VARIABLES.iter().filter_map(|variable| TokenSource::of_variable(NAME, variable, environment));
        found.next().ok_or_else(|| format!("{NAME}: {} are not set", VARIABLES.join(" and ")))
    }

    fn advice(&self, environment: &Env) -> Option<String> {
        environment.get("CIRCLECI")?;
        // Set for pull requests from forks alone.
        Some(match environment.get("CIRCLE_PR_USERNAME") {
            Some(owner) => format!(
                "this job builds a pull request from the fork of `{owner}`, and CircleCI gives such jobs no token \
                 unless the project passes secrets to builds from forks: there, build without `--push`, and push \
                 after the merge"
            ),
            None => "CircleCI gives every job a token, except for pull requests from forks; on an older server the \
                     job has to use a context"
                .into(),
        })
    }
}
