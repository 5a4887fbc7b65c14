//! Registries that are not ECR: whether they let us in.

use super::{Check, Report};
use crate::base::{Failure as _, Kind, RepositoryName, Tag};
use crate::registry::{Distribution, ManifestId, Registry as _};

/// Logs in as a push would, and asks for the tags. Whether something may be pushed, a registry tells only when it is.
pub async fn elsewhere(registry: &Distribution, repository: &RepositoryName, tags: &[Tag]) -> Report {
    let mut report = Report::default();
    let ids: Vec<ManifestId> = tags.iter().cloned().map(ManifestId::Tag).collect();
    match registry.manifests(repository, &ids).await {
        Ok(found) => {
            report.push(Check::good("login", format!("{} lets us in", registry.host())));
            for (tag, found) in tags.iter().zip(found) {
                let detail = match found {
                    Some(manifest) => format!("belongs to {}", manifest.digest()),
                    None => "is new".into(),
                };
                report.push(Check::good(format!("tag {tag}"), detail));
            }
        }
        Err(error) if error.kind() == Kind::Refused => {
            report.push(Check::not_checked("login", format!("the answer does not tell: {error}")));
        }
        Err(error) => report.push(Check::failed("login", &error)),
    }
    let why = format!("{} tells only when something is pushed whether it may be", registry.host());
    report.push(Check::not_checked("push", why));
    let on = format!("{}/{repository}", registry.host());
    for check in &mut report.checks {
        check.on = Some(on.clone());
    }
    report
}
