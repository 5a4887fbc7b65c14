//! The calls: `DescribeRegistry`, `PutReplicationConfiguration`, `DescribeImageReplicationStatus`.

use super::{Configuration, Destination, RepositoryFilter, Rule};
use crate::base::RepositoryName;
use crate::registry::ecr::{Ecr, explain};
use crate::registry::{ManifestId, Registry as _, RegistryError};
use aws_sdk_ecr::error::BuildError;
use aws_sdk_ecr::types::{
    ImageIdentifier, ReplicationConfiguration, ReplicationDestination, ReplicationRule,
    RepositoryFilter as SdkFilter, RepositoryFilterType,
};
use serde::Serialize;

/// The replication of the session's own registry.
#[derive(Debug, Clone)]
pub struct Replication<'a>(pub &'a Ecr);

/// How far an image is on its way to one registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The region of the registry.
    pub region: String,
    /// Its account.
    pub registry_id: String,
    /// How far.
    pub status: ReplicaStatus,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_code: Option<String>,
}

/// How far a copy is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReplicaStatus {
    /// On its way.
    InProgress,
    /// There.
    Complete,
    /// It will not arrive.
    Failed,
    /// What this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl std::fmt::Display for ReplicaStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InProgress => "in progress",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Other(text) => text,
        })
    }
}

impl Replication<'_> {
    /// What the registry replicates.
    pub async fn read(&self) -> Result<Configuration, RegistryError> {
        let answer = self.0.client().describe_registry().send().await;
        let answer = answer.map_err(|error| explain("DescribeRegistry", self.0.host().to_owned(), &error))?;
        let rules = answer.replication_configuration.map(|found| found.rules).unwrap_or_default();
        let rules = rules.into_iter().map(|rule| Rule {
            destinations: rule
                .destinations
                .into_iter()
                .map(|to| Destination { region: to.region, registry_id: to.registry_id })
                .collect(),
            repository_filters: rule
                .repository_filters
                .unwrap_or_default()
                .into_iter()
                .map(|it| RepositoryFilter {
                    filter: it.filter,
                    filter_type: it.filter_type.as_str().to_owned(),
                })
                .collect(),
        });
        Ok(Configuration { registry_id: answer.registry_id.unwrap_or_default(), rules: rules.collect() })
    }

    /// Replaces all rules.
    pub async fn write(&self, rules: &[Rule]) -> Result<(), RegistryError> {
        const OPERATION: &str = "PutReplicationConfiguration";
        let rules = rules.iter().map(rule).collect::<Result<Vec<_>, _>>();
        let configuration = rules
            .and_then(|rules| ReplicationConfiguration::builder().set_rules(Some(rules)).build())
            .map_err(|error| RegistryError::Nonsense {
                operation: OPERATION,
                resource: self.0.host().to_owned(),
                what: error.to_string(),
            })?;
        let put = self.0.client().put_replication_configuration().replication_configuration(configuration);
        let put = put.send().await;
        put.map(|_| ()).map_err(|error| explain(OPERATION, self.0.host().to_owned(), &error))
    }

    /// How far an image is. Where it was not sent is not listed.
    pub async fn status(
        &self,
        repository: &RepositoryName,
        id: &ManifestId,
    ) -> Result<Vec<Status>, RegistryError> {
        let image = match id {
            ManifestId::Tag(tag) => ImageIdentifier::builder().image_tag(tag.as_str()).build(),
            ManifestId::Digest(digest) => ImageIdentifier::builder().image_digest(digest.to_string()).build(),
        };
        let answer = self
            .0
            .client()
            .describe_image_replication_status()
            .set_registry_id(self.0.registry_id().map(str::to_owned))
            .repository_name(repository.as_str())
            .image_id(image)
            .send()
            .await
            .map_err(|error| self.0.explain("DescribeImageReplicationStatus", repository, &error))?;
        let statuses = answer.replication_statuses.unwrap_or_default().into_iter().filter_map(|one| {
            Some(Status {
                region: one.region?,
                registry_id: one.registry_id.unwrap_or_default(),
                status: match one.status?.as_str() {
                    "IN_PROGRESS" => ReplicaStatus::InProgress,
                    "COMPLETE" => ReplicaStatus::Complete,
                    "FAILED" => ReplicaStatus::Failed,
                    other => ReplicaStatus::Other(other.to_owned()),
                },
                failure_code: one.failure_code,
            })
        });
        let mut statuses: Vec<_> = statuses.collect();
        statuses
            .sort_by(|one, other| (&one.region, &one.registry_id).cmp(&(&other.region, &other.registry_id)));
        Ok(statuses)
    }
}

fn rule(rule: &Rule) -> Result<ReplicationRule, BuildError> {
    let destination = |to: &Destination| {
        ReplicationDestination::builder().region(&to.region).registry_id(&to.registry_id).build()
    };
    let filter = |it: &RepositoryFilter| {
        let kind = RepositoryFilterType::from(it.filter_type.as_str());
        SdkFilter::builder().filter(&it.filter).filter_type(kind).build()
    };
    let filters = rule.repository_filters.iter().map(filter).collect::<Result<Vec<_>, _>>()?;
    ReplicationRule::builder()
        .set_destinations(Some(rule.destinations.iter().map(destination).collect::<Result<_, _>>()?))
        .set_repository_filters((!filters.is_empty()).then_some(filters))
        .build()
}
