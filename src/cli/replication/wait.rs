//! `consign build --push --wait-replication`.

use super::arrived;
use crate::auth::Session;
use crate::base::{Event, Reference};
use crate::cli::Context;
use crate::cli::control::parsed;
use crate::cli::error::{CliError, Fail};
use crate::cli::targets::{Control, Registries};
use crate::ecr::replication::wait::Awaited;
use crate::ecr::replication::{Replication, ReplicationError, Where, covers};
use crate::publish::{Published, Target};
use crate::registry::RegistryError;
use clap::Args;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(next_help_heading = "Replication")]
pub(in crate::cli) struct WaitOptions {
    /// After the push, wait until the image is in this region too; results are written only then [repeatable]
    #[arg(long, env = "CONSIGN_WAIT_REPLICATION", value_name = "REGION[@ACCOUNT]", value_delimiter = ',')]
    wait_replication: Vec<String>,
    /// How long it is waited for
    #[arg(long, env = "CONSIGN_REPLICATION_TIMEOUT", value_name = "TIME", default_value = "15m", value_parser = crate::cli::control::duration)]
    replication_timeout: jiff::SignedDuration,
}

/// What is waited for after a push.
pub(in crate::cli) struct Waiting<'a> {
    to: Vec<Where>,
    timeout: Duration,
    registries: &'a Registries,
    context: &'a Context,
}

impl<'a> Waiting<'a> {
    /// Finds out before the build whether waiting would be in vain, as far as it can be known.
    pub(in crate::cli) async fn new(
        options: &WaitOptions,
        targets: &[(Reference, Target)],
        is_push: bool,
        session: Option<&Session>,
        registries: &'a Registries,
        context: &'a Context,
    ) -> Result<Self, Fail> {
        let to: Vec<Where> =
            parsed(context, "--wait-replication", "wait_replication", &options.wait_replication)?;
        let timeout = options.replication_timeout.try_into().unwrap_or_default();
        if !to.is_empty() && !is_push {
            let error = CliError::input("--wait-replication: nothing is pushed that could be waited for");
            return Err(error.hinted("add `--push`, or leave it out").into());
        }
        let waiting = Self { to, timeout, registries, context };
        if !waiting.to.is_empty() {
            for (reference, target) in targets {
                waiting.check(reference, target, session).await?;
            }
        }
        Ok(waiting)
    }

    async fn check(
        &self,
        reference: &Reference,
        target: &Target,
        session: Option<&Session>,
    ) -> Result<(), Fail> {
        if !matches!(self.registries.control(reference), Ok(Control::Private)) {
            let error = CliError::input(format!(
                "--wait-replication: `{reference}` is not in a private registry of ECR, and nothing else replicates"
            ));
            return Err(error.hinted("push to it with a command of its own").into());
        }
        let session =
            session.ok_or_else(|| CliError::internal("ECR is meant, and there is no AWS session"))?;
        let (ecr, region) = self.registries.ecr(session, reference).await?;
        let found = match Replication(&ecr).read().await {
            Ok(found) => found,
            // Whoever may push need not be allowed to read the rules.
            Err(RegistryError::Denied { .. }) => {
                let what =
                    "the rules of replication may not be read: whether there is one shows after the push";
                self.context.reporter.event(Event::Started { what: what.into() });
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        // The call tells of the own account's registry, whichever was named.
        if ecr.registry_id().is_some_and(|account| account != found.registry_id) {
            return Ok(());
        }
        let repository = target.repository.as_str();
        for to in &self.to {
            if to.means(&region, &found.registry_id) {
                return Err(ReplicationError::Own { to: to.clone() }.into());
            }
            let mut destinations = found.rules.iter().flat_map(|rule| &rule.destinations);
            let is_sent = destinations.any(|destination| {
                to.means(&destination.region, &destination.registry_id)
                    && covers(&found.rules, Some(repository), destination)
            });
            if !is_sent {
                let (repository, to) = (repository.to_owned(), to.clone());
                return Err(ReplicationError::NoRule { repository, to }.into());
            }
        }
        Ok(())
    }

    /// Waits until all that was pushed is where it is wanted.
    pub(in crate::cli) async fn done(
        &self,
        targets: &[(Reference, Target)],
        published: &[Published],
        session: Option<&Session>,
    ) -> Result<(), Fail> {
        let (false, Some(session)) = (self.to.is_empty(), session) else { return Ok(()) };
        for ((reference, target), image) in targets.iter().zip(published) {
            let (ecr, _) = self.registries.ecr(session, reference).await?;
            let children = image.platforms.iter().map(|it| it.digest).filter(|it| *it != image.digest);
            let awaited = Awaited {
                replication: Replication(&ecr),
                repository: &target.repository,
                digest: image.digest,
                children: children.collect(),
                pushed: !image.unchanged,
            };
            let places: Vec<_> = self.to.iter().map(ToString::to_string).collect();
            let what = format!("waiting until {} is in {}", image.reference(), places.join(", "));
            self.context.reporter.event(Event::Started { what });
            let mut told = |to: &Where| arrived(self.context, target.repository.as_str(), to);
            awaited.wait(&self.to, self.timeout, &mut told).await?;
        }
        Ok(())
    }
}
