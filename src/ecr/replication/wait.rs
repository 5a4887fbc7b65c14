//! Waiting until an image is where it will be pulled.

use super::{ReplicaStatus, Replication, ReplicationError, Status, Where};
use crate::base::{ManifestDigest, RepositoryName};
use crate::registry::ManifestId;
use std::time::Duration;
use tokio::time::Instant;

/// The first pause between two looks; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long an image that was there before may have no status yet: its push may have ended only now.
const GRACE: Duration = Duration::from_secs(10);

/// An image that is waited for.
#[derive(Debug, Clone)]
pub struct Awaited<'a> {
    /// Where it was pushed to.
    pub replication: Replication<'a>,
    /// The repository, which has the same name everywhere.
    pub repository: &'a RepositoryName,
    /// The image or index.
    pub digest: ManifestDigest,
    /// The images of an index.
    pub children: Vec<ManifestDigest>,
    /// Whether this command has pushed something of it.
    pub pushed: bool,
}

/// What is known of an image at one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Complete,
    Pending,
    /// No rule has sent it there, or not yet.
    Unknown,
    Failed {
        region: String,
        account: String,
        code: String,
    },
}

fn state(statuses: &[Status], to: &Where) -> State {
    let mut meant = statuses.iter().filter(|it| to.means(&it.region, &it.registry_id)).peekable();
    if meant.peek().is_none() {
        return State::Unknown;
    }
    let mut pending = false;
    for one in meant {
        match &one.status {
            ReplicaStatus::Complete => {}
            ReplicaStatus::Failed => {
                return State::Failed {
                    region: one.region.clone(),
                    account: one.registry_id.clone(),
                    code: one.failure_code.clone().unwrap_or_else(|| "ECR gave no reason".into()),
                };
            }
            ReplicaStatus::InProgress | ReplicaStatus::Other(_) => pending = true,
        }
    }
    if pending { State::Pending } else { State::Complete }
}

impl Awaited<'_> {
    /// Waits until the image is at each of `to`, no longer than until `deadline`. `arrived` hears of each.
    pub async fn wait(
        &self,
        to: &[Where],
        timeout: Duration,
        arrived: &mut (dyn FnMut(&Where) + Send),
    ) -> Result<(), ReplicationError> {
        let began = Instant::now();
        let mut open: Vec<&Where> = to.iter().collect();
        let mut pause = FIRST_PAUSE;
        loop {
            let missing = self.look(&mut open, began.elapsed(), arrived).await?;
            let Some((digest, to, state)) = missing else { return Ok(()) };
            let elapsed = began.elapsed();
            if elapsed >= timeout {
                let state = match state {
                    State::Unknown => "ECR knows of no copy there",
                    _ => "it is in progress",
                };
                return Err(ReplicationError::TimedOut {
                    image: format!("{}@{digest}", self.repository),
                    to: to.clone(),
                    after: elapsed,
                    state: state.into(),
                });
            }
            tokio::time::sleep(pause.min(timeout.saturating_sub(elapsed))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Looks once. Gives what is not there yet.
    async fn look<'a>(
        &self,
        open: &mut Vec<&'a Where>,
        elapsed: Duration,
        arrived: &mut (dyn FnMut(&Where) + Send),
    ) -> Result<Option<(ManifestDigest, &'a Where, State)>, ReplicationError> {
        let mut first = None;
        let own = self.statuses(&self.digest).await?;
        let mut children: Option<Vec<(ManifestDigest, Vec<Status>)>> = None;
        let mut still = Vec::new();
        for to in open.drain(..) {
            let mut found = (self.digest, self.judge(self.digest, state(&own, to))?);
            if found.1 == State::Unknown && !self.pushed && elapsed >= GRACE {
                return Err(ReplicationError::NotPushed {
                    repository: self.repository.to_string(),
                    digest: self.digest,
                    to: to.clone(),
                });
            }
            if found.1 == State::Complete {
                if children.is_none() {
                    children = Some(self.of_children().await?);
                }
                for (digest, statuses) in children.iter().flatten() {
                    // An index can't be there without what it lists: a child that was pushed before the rule was
                    // carried along with it, and has no status of its own.
                    if let other @ State::Pending = self.judge(*digest, state(statuses, to))? {
                        found = (*digest, other);
                    }
                }
            }
            match found {
                (_, State::Complete) => arrived(to),
                (digest, state) => {
                    still.push(to);
                    first.get_or_insert((digest, to, state));
                }
            }
        }
        *open = still;
        Ok(first)
    }

    async fn of_children(&self) -> Result<Vec<(ManifestDigest, Vec<Status>)>, ReplicationError> {
        let mut all = Vec::with_capacity(self.children.len());
        for child in &self.children {
            all.push((*child, self.statuses(child).await?));
        }
        Ok(all)
    }

    async fn statuses(&self, digest: &ManifestDigest) -> Result<Vec<Status>, ReplicationError> {
        Ok(self.replication.status(self.repository, &ManifestId::Digest(*digest)).await?)
    }

    fn judge(&self, digest: ManifestDigest, state: State) -> Result<State, ReplicationError> {
        match state {
            State::Failed { region, account, code } => Err(ReplicationError::Failed {
                image: format!("{}@{digest}", self.repository),
                region,
                account,
                code,
            }),
            state => Ok(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_copy_in_a_region_counts() {
        let one = |region: &str, account: &str, status: ReplicaStatus| Status {
            region: region.into(),
            registry_id: account.into(),
            status,
            failure_code: None,
        };
        let statuses = [
            one("eu-west-1", "111111111111", ReplicaStatus::Complete),
            one("eu-west-1", "222222222222", ReplicaStatus::InProgress),
            one("us-west-2", "111111111111", ReplicaStatus::Other("QUEUED".into())),
            one("us-west-2", "222222222222", ReplicaStatus::Failed),
        ];
        let at = |to: &str| state(&statuses, &to.parse().unwrap());
        assert_eq!(at("eu-west-1"), State::Pending);
        assert_eq!(at("eu-west-1@111111111111"), State::Complete);
        assert_eq!(at("eu-west-2"), State::Unknown);
        assert_eq!(at("us-west-2@111111111111"), State::Pending);
        assert!(matches!(at("us-west-2"), State::Failed { .. }));
    }
}
