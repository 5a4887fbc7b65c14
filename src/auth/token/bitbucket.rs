//! Bitbucket Pipelines: a variable, in steps with `oidc: true`
//! (<https://support.atlassian.com/bitbucket-cloud/docs/integrate-pipelines-with-resource-servers-using-oidc/>).

use super::{Ci, TokenSource};
use crate::base::{Env, env};

const NAME: &str = "Bitbucket Pipelines";

pub(super) struct Bitbucket;

impl Ci for Bitbucket {
    fn token(&self, environment: &Env) -> Result<TokenSource, String> {
        let variable = env::BITBUCKET_STEP_OIDC_TOKEN;
        TokenSource::of_variable(NAME, variable, environment)
            .ok_or_else(|| format!("{NAME}: {variable} is not set"))
    }

    fn advice(&self, environment: &Env) -> Option<String> {
        environment.get("BITBUCKET_BUILD_NUMBER")?;
        Some(
            "in bitbucket-pipelines.yml give the step `oidc: true`; what runs in a container of its own needs the \
             variable passed on"
                .into(),
        )
    }
}
