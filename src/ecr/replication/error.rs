//! What is wrong with replication, or went wrong with it.

use super::{Pair, Where};
use crate::base::{Failure, Kind, ManifestDigest};
use crate::registry::RegistryError;
use std::time::Duration;

/// Replication can't be set up as asked, or has not done its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicationError {
    /// ECR would refuse the rules.
    #[error("these are no rules for replication: {why}")]
    Rules {
        /// Why not.
        why: String,
    },
    /// A call failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// More would be dropped than was agreed to.
    #[error("the rules were changed by somebody else in the meantime, and nothing was written: {} would be lost", list(.lost))]
    Changed {
        /// What nobody has agreed to drop.
        lost: Vec<Pair>,
    },
    /// What was written is not what is there.
    #[error(
        "the rules were written {times} times, and each time somebody else has written others at the same moment: {} is \
         missing now",
        list(.missing)
    )]
    Overwritten {
        /// How often it was tried.
        times: u32,
        /// What was written and is not there.
        missing: Vec<Pair>,
    },
    /// No rule sends the repository there.
    #[error("no rule replicates `{repository}` to {to}")]
    NoRule {
        /// The repository.
        repository: String,
        /// Where it is awaited.
        to: Where,
    },
    /// It is there already, by definition.
    #[error("{to} is the registry that is pushed to")]
    Own {
        /// Where it is awaited.
        to: Where,
    },
    /// The image was there before the rule.
    #[error(
        "`{repository}@{digest}` is not on its way to {to}: nothing of it was pushed now, and only what is pushed after a \
         rule was made is replicated"
    )]
    NotPushed {
        /// The repository.
        repository: String,
        /// The image.
        digest: ManifestDigest,
        /// Where it is awaited.
        to: Where,
    },
    /// ECR could not copy it.
    #[error("`{image}` was not replicated to {region}@{account}: {code}")]
    Failed {
        /// The image, or the one of an index that failed: `REPOSITORY@DIGEST`.
        image: String,
        /// Where to.
        region: String,
        /// Of which account.
        account: String,
        /// ECR's `failureCode`.
        code: String,
    },
    /// It takes longer than one wants to wait.
    #[error("`{image}` is not in {to} after {} s: {state}", after.as_secs())]
    TimedOut {
        /// The image, or one of an index: `REPOSITORY@DIGEST`.
        image: String,
        /// Where it is awaited.
        to: Where,
        /// How long it was waited for.
        after: Duration,
        /// What ECR says of it.
        state: String,
    },
}

/// `shop/ -> eu-west-1@123456789012`
pub(super) fn list(pairs: &[Pair]) -> String {
    let one =
        |(prefix, destination): &Pair| format!("{} -> {destination}", prefix.as_deref().unwrap_or("(all)"));
    pairs.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl Failure for ReplicationError {
    fn kind(&self) -> Kind {
        match self {
            Self::Rules { .. } | Self::NoRule { .. } | Self::Own { .. } => Kind::Input,
            Self::Registry(error) => error.kind(),
            Self::Changed { .. }
            | Self::Overwritten { .. }
            | Self::NotPushed { .. }
            | Self::Failed { .. } => Kind::Refused,
            Self::TimedOut { .. } => Kind::Exhausted,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Rules { .. } => {
                "`consign replication show` prints the rules that are there; --help has examples".into()
            }
            Self::Registry(error) => return error.hint(),
            Self::Changed { .. } => "run the same command again, and look at what would be dropped".into(),
            Self::Overwritten { .. } => {
                "ECR replaces all rules at each call: let one job at a time write them, and run the same command again"
                    .into()
            }
            Self::NoRule { repository, to } => format!(
                "`consign replication set --to {to} --prefix {repository}` makes one; then what is pushed is replicated"
            ),
            Self::Own { .. } => "leave it out: when the push has ended, the image is there".into(),
            Self::NotPushed { .. } => {
                "push it under another tag, or to a new repository: what was there before a rule stays where it is".into()
            }
            Self::Failed { account, region, code, .. } if code.contains("AccessDenied") => format!(
                "the registry {account} in {region} needs a policy that lets this account do ecr:ReplicateImage and \
                 ecr:CreateRepository; the image itself is pushed"
            ),
            Self::Failed { .. } => {
                "the image itself is pushed; look at the repository at the destination: its key, its quotas".into()
            }
            Self::TimedOut { .. } => {
                "the image itself is pushed; `consign replication status IMAGE --wait` goes on waiting, and \
                 --replication-timeout waits longer. Most images take less than half an hour"
                    .into()
            }
        })
    }
}
