//! The files that take the results of a push.

use super::args::Results;
use super::error::Fail;
use crate::base::{Env, env};
use crate::ci::summary::LIMIT;
use crate::ci::{OutputFile, Outputs, summary};
use crate::publish::Published;
use std::path::Path;

/// All places for results, each found to be there.
#[derive(Debug)]
pub(super) struct ResultFiles {
    metadata: Option<OutputFile>,
    iidfile: Option<OutputFile>,
    digest: Option<OutputFile>,
    dotenv: Option<OutputFile>,
    properties: Option<OutputFile>,
    github_output: Option<OutputFile>,
    github_summary: Option<OutputFile>,
    account: Option<String>,
}

impl ResultFiles {
    /// Finds the places before the work begins.
    pub(super) fn check(results: &Results, environment: &Env) -> Result<Self, Fail> {
        let Results { metadata_file, iidfile, digest_file, dotenv_file, properties_file } = results;
        let check = |path: Option<&Path>| path.map(OutputFile::check).transpose();
        let variable = |name| check(environment.get(name).map(Path::new));
        Ok(Self {
            metadata: check(metadata_file.as_deref())?,
            iidfile: check(iidfile.as_deref())?,
            digest: check(digest_file.as_deref())?,
            dotenv: check(dotenv_file.as_deref())?,
            properties: check(properties_file.as_deref())?,
            github_output: variable(env::GITHUB_OUTPUT)?,
            github_summary: variable(env::GITHUB_STEP_SUMMARY)?,
            account: None,
        })
    }

    /// Keeps the AWS account that the credentials belong to; it is a result too.
    pub(super) fn belong_to(&mut self, account: Option<String>) {
        self.account = account;
    }

    /// Writes what was published.
    pub(super) fn write(&self, published: &[Published]) -> Result<(), Fail> {
        let outputs = Outputs(published);
        let replace = |file: &Option<OutputFile>, text: &dyn Fn() -> String| match file {
            Some(file) => file.replace(&text()),
            None => Ok(()),
        };
        replace(&self.metadata, &|| format!("{:#}\n", outputs.metadata()))?;
        replace(&self.iidfile, &|| outputs.image_id())?;
        replace(&self.digest, &|| outputs.digest())?;
        replace(&self.dotenv, &|| outputs.dotenv())?;
        replace(&self.properties, &|| outputs.properties())?;
        // Last, as a later step acts on it at once.
        if let Some(file) = &self.github_summary {
            file.append(&summary(published, LIMIT))?;
        }
        if let Some(file) = &self.github_output {
            file.append(&outputs.github_output(self.account.as_deref()))?;
        }
        Ok(())
    }
}
