//! Replication: images that are pushed to one registry arrive in others, of another region or account.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html>. What is pushed after the
//! configuration was made is copied, once for each push and not from copy to copy. A copy is work that goes on
//! after the answer; if the process ends before it is done, the next one does it.

use super::super::app::App;
use super::super::error::ApiError;
use super::super::iam;
use super::super::quirk::ReplicationRules;
use super::super::store::{
    Contents, Destination, Image, ImageLife, RegistryId, Replica, ReplicaStatus, ReplicationConfiguration,
    Repository,
};
use super::{Call, ImageId, Nothing, images, put_image, repositories, scanning, templates, validate};
use crate::base::ManifestDigest;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError};

const MAX_DESTINATIONS: usize = 25;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegistryOutput {
    registry_id: String,
    replication_configuration: ReplicationConfiguration,
}

pub(super) async fn describe_registry(call: &Call, _: Nothing) -> Result<RegistryOutput, ApiError> {
    let id = call.registry(None)?;
    let registry = call.app.store.registry(&id);
    registry.commit().await?;
    let replication_configuration = registry.read(|settings| settings.replication.clone());
    Ok(RegistryOutput { registry_id: id.account, replication_configuration })
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutConfiguration {
    replication_configuration: Option<ReplicationConfiguration>,
}

fn check(
    configuration: &ReplicationConfiguration,
    own: &RegistryId,
    most: ReplicationRules,
) -> Result<(), ApiError> {
    const MEMBER: &str = "replicationConfiguration";
    let rules = format!("{MEMBER}.rules");
    let most = match most {
        ReplicationRules::Ten => 10,
        ReplicationRules::TwentyFive => 25,
    };
    validate::count(&rules, configuration.rules.len(), 0, most)?;
    let mut destinations: Vec<&Destination> = Vec::new();
    for rule in &configuration.rules {
        validate::count(&format!("{rules}.destinations"), rule.destinations.len(), 0, 100)?;
        for destination in &rule.destinations {
            let region = &destination.region;
            let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if !(2..=25).contains(&region.len()) || !region.bytes().all(legal) {
                return Err(validate::pattern("destinations.region", "[0-9a-z-]{2,25}"));
            }
            validate::registry_id(&destination.registry_id)?;
            if *region == own.region && destination.registry_id == own.account {
                let text = "Replication destination cannot be the same as the source registry";
                return Err(ApiError::invalid_parameter(MEMBER, text));
            }
            if !destinations.contains(&destination) {
                destinations.push(destination);
            }
        }
        if let Some(filters) = &rule.repository_filters {
            validate::count(&format!("{rules}.repositoryFilters"), filters.len(), 1, 100)?;
            for filter in filters {
                let member = format!("{rules}.repositoryFilters");
                validate::one_of(&format!("{member}.filterType"), &filter.filter_type, &["PREFIX_MATCH"])?;
                let legal =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(&byte);
                if !(2..=256).contains(&filter.filter.len()) || !filter.filter.bytes().all(legal) {
                    let text = "^(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*$";
                    return Err(validate::pattern(&format!("{member}.filter"), text));
                }
            }
        }
    }
    if destinations.len() > MAX_DESTINATIONS {
        let text =
            format!("The number of unique destinations must be less than or equal to {MAX_DESTINATIONS}");
        return Err(ApiError::invalid_parameter(MEMBER, text));
    }
    Ok(())
}

pub(super) async fn put_replication_configuration(
    call: &Call,
    input: PutConfiguration,
) -> Result<PutConfiguration, ApiError> {
    let wanted = validate::required("replicationConfiguration", input.replication_configuration)?;
    let id = call.registry(None)?;
    check(&wanted, &id, call.app.quirks.replication_rules)?;
    let registry = call.app.store.registry(&id);
    registry.change(|settings| settings.replication = wanted.clone());
    registry.commit().await?;
    Ok(PutConfiguration { replication_configuration: Some(wanted) })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusInput {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_id: Option<ImageId>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusOutput {
    repository_name: String,
    image_id: ImageId,
    replication_statuses: Vec<OneStatus>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OneStatus {
    region: String,
    registry_id: String,
    status: ReplicaStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<String>,
}

pub(super) async fn describe_image_replication_status(
    call: &Call,
    input: StatusInput,
) -> Result<StatusOutput, ApiError> {
    let repository = call.repository(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let (digest, image_id) = images::one(&repository, input.image_id)?;
    repository.commit().await?;
    let replicas = repository
        .read(|contents| contents.images.get(&digest).map(|image| image.life.replication.clone()))
        .unwrap_or_default();
    let status = |replica: Replica| OneStatus {
        region: replica.region,
        registry_id: replica.account,
        status: replica.status,
        failure_code: replica.failure,
    };
    Ok(StatusOutput {
        repository_name: repository.name().to_owned(),
        image_id,
        replication_statuses: replicas.into_iter().map(status).collect(),
    })
}

/// Where images of a repository go.
fn destinations(configuration: &ReplicationConfiguration, name: &str) -> Vec<Destination> {
    let mut all = Vec::new();
    for rule in &configuration.rules {
        let filters = rule.repository_filters.as_ref();
        if filters.is_none_or(|filters| filters.iter().any(|it| name.starts_with(&it.filter))) {
            for destination in &rule.destinations {
                if !all.contains(destination) {
                    all.push(destination.clone());
                }
            }
        }
    }
    all
}

/// Sends what was pushed on its way.
pub(super) fn on_push(
    app: &Arc<App>,
    repository: &Arc<Repository>,
    digest: &ManifestDigest,
    tag: Option<&str>,
) {
    let registry = app.store.registry(repository.registry());
    let destinations = registry.read(|settings| destinations(&settings.replication, repository.name()));
    if destinations.is_empty() {
        return;
    }
    repository.change(|contents| {
        let Some(image) = contents.images.get_mut(digest) else { return };
        for destination in &destinations {
            let replicas = &mut image.life.replication;
            let known = replicas
                .iter()
                .position(|it| it.region == destination.region && it.account == destination.registry_id);
            let at = known.unwrap_or_else(|| {
                replicas.push(Replica {
                    region: destination.region.clone(),
                    account: destination.registry_id.clone(),
                    status: ReplicaStatus::InProgress,
                    failure: None,
                    tags: Vec::new(),
                });
                replicas.len() - 1
            });
            replicas[at].status = ReplicaStatus::InProgress;
            replicas[at].tags.extend(tag.map(str::to_owned));
        }
    });
    for destination in destinations {
        spawn(app, repository, *digest, destination);
    }
}

fn spawn(app: &Arc<App>, repository: &Arc<Repository>, digest: ManifestDigest, to: Destination) {
    let (own, repository) = (Arc::clone(app), Arc::clone(repository));
    app.tasks.spawn(async move {
        // The next process carries what this one does not wait for.
        tokio::select! {
            () = tokio::time::sleep(own.replication_delay) => {}
            () = own.tasks.stopping() => return,
        }
        if let Err(error) = replicate(&own, &repository, digest, &to).await {
            tracing::error!("{error}");
        }
    });
}

/// Goes on with what an earlier process had not finished.
pub(in crate::emulator) fn resume(app: &Arc<App>) {
    for repository in app.store.every_repository() {
        let open: Vec<(ManifestDigest, Destination)> = repository.read(|contents| {
            let replicas = contents.images.iter().flat_map(|(digest, image)| {
                image.life.replication.iter().map(move |replica| (*digest, replica))
            });
            replicas
                .filter(|(_, replica)| replica.status == ReplicaStatus::InProgress)
                .map(|(digest, replica)| {
                    let to =
                        Destination { region: replica.region.clone(), registry_id: replica.account.clone() };
                    (digest, to)
                })
                .collect()
        });
        for (digest, to) in open {
            spawn(app, &repository, digest, to);
        }
    }
}

async fn replicate(
    app: &Arc<App>,
    source: &Arc<Repository>,
    digest: ManifestDigest,
    to: &Destination,
) -> std::io::Result<()> {
    let failure = copy(app, source, digest, to).await?.err();
    source.change(|contents| {
        let replicas = contents.images.get_mut(&digest).map(|image| &mut image.life.replication);
        let find = |it: &&mut Replica| it.region == to.region && it.account == to.registry_id;
        if let Some(replica) = replicas.into_iter().flatten().find(find) {
            replica.status = if failure.is_none() { ReplicaStatus::Complete } else { ReplicaStatus::Failed };
            replica.failure = failure.map(str::to_owned);
            replica.tags.clear();
        }
    });
    source.commit().await
}

/// Copies an image, and all that an index lists; or says why it may not be copied.
async fn copy(
    app: &Arc<App>,
    source: &Arc<Repository>,
    digest: ManifestDigest,
    to: &Destination,
) -> std::io::Result<Result<(), &'static str>> {
    let registry = RegistryId { account: to.registry_id.clone(), region: to.region.clone() };
    let name = source.name();
    let from = &source.registry().account;
    let lets = |action: &str| {
        let resource = repositories::arn(&registry.region, &registry.account, name);
        *from == registry.account
            || app.store.registry(&registry).read(|settings| {
                settings.policy.as_ref().is_some_and(|text| iam::registry_lets(text, from, action, &resource))
            })
    };
    if !lets("ecr:ReplicateImage") {
        return Ok(Err("AccessDenied"));
    }
    let now = app.clock.now();
    let target = match app.store.repository(&registry, name) {
        Some(there) => there,
        None if !lets("ecr:CreateRepository") => return Ok(Err("AccessDenied")),
        None => {
            let plain = Contents::new(name.to_owned(), now);
            let contents = templates::contents_for(app, &registry, name, "REPLICATION", now).unwrap_or(plain);
            app.store.create(&registry, contents).0
        }
    };
    let arrived = {
        let _order = app.tasks.order.lock().unwrap_or_else(PoisonError::into_inner);
        carry(source, &target, digest, to, now)
    };
    for digest in &arrived {
        scanning::on_push(app, &target, digest);
    }
    target.commit().await?;
    Ok(Ok(()))
}

/// Puts the image into the target's metadata; its bytes are shared. What is new there.
fn carry(
    source: &Repository,
    target: &Repository,
    digest: ManifestDigest,
    to: &Destination,
    now: crate::base::Timestamp,
) -> Vec<ManifestDigest> {
    let (parts, tags) = source.read(|contents| {
        let mut parts: Vec<(ManifestDigest, Image)> = Vec::new();
        let mut open = vec![digest];
        while let Some(digest) = open.pop() {
            if let Some(image) =
                contents.images.get(&digest).filter(|_| parts.iter().all(|(it, _)| *it != digest))
            {
                open.extend(&image.children);
                parts.push((digest, image.clone()));
            }
        }
        let replicas = parts.first().map_or(&[][..], |(_, image)| &image.life.replication);
        let replica = replicas.iter().find(|it| it.region == to.region && it.account == to.registry_id);
        let on_it = |tag: &&String| contents.tags.get(*tag) == Some(&digest);
        let tags: Vec<String> =
            replica.map_or(&[][..], |it| &it.tags).iter().filter(on_it).cloned().collect();
        let layers: Vec<_> = parts.iter().flat_map(|(_, image)| &image.blobs).copied().collect();
        let layers: Vec<_> =
            layers.into_iter().filter_map(|it| Some((it, contents.layers.get(&it)?.clone()))).collect();
        ((parts, layers), tags)
    });
    let (parts, layers) = parts;
    target.change(|contents| {
        contents.layers.extend(layers);
        let mut arrived = Vec::new();
        for (digest, image) in parts.into_iter().rev() {
            if let std::collections::btree_map::Entry::Vacant(place) = contents.images.entry(digest) {
                place.insert(Image { pushed_at: now, last_pull: None, life: ImageLife::default(), ..image });
                arrived.push(digest);
            }
        }
        for tag in tags {
            // A tag that can't be moved stays where it is: the image arrives without it.
            let taken = contents.tags.get(&tag).is_some_and(|on| *on != digest);
            if !taken || put_image::immutable(contents, &tag).is_none() {
                contents.tags.insert(tag, digest);
            }
        }
        arrived
    })
}
