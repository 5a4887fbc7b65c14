//! What the commands for ECR's control plane have in common: one repository, which a name or a reference names.

use super::Context;
use super::args::{Aws, RegistryPlace};
use super::error::{CliError, Fail, auth};
use super::targets::{Control, Registries, references};
use crate::auth::Session;
use crate::base::{Event, Reference};
use crate::registry::ecr::Ecr;

/// Parses the argument `name`: a repository, without tag and digest.
pub(super) fn repository(name: &str, text: &str) -> Result<Reference, Fail> {
    let reference = references(name, &[text.to_owned()])?.remove(0);
    if reference.tag.is_none() && reference.digest.is_none() {
        return Ok(reference);
    }
    let repository = Reference { tag: None, digest: None, ..reference };
    Err(CliError::input(format!("{name}: `{text}` is an image, and this is about a repository"))
        .hinted(format!("leave out what stands after its name: `{repository}`"))
        .into())
}

/// Parses the argument `name`: an image, by tag or digest.
pub(super) fn image(name: &str, text: &str) -> Result<Reference, Fail> {
    let reference = references(name, &[text.to_owned()])?.remove(0);
    if reference.tag.is_some() || reference.digest.is_some() {
        return Ok(reference);
    }
    Err(CliError::input(format!("{name}: `{text}` is a repository, and this is about an image in it"))
        .hinted(format!("name one by its tag or digest: `{text}:TAG` or `{text}@sha256:…`"))
        .into())
}

/// A private registry, and the credentials for it, which were shown to AWS.
#[derive(Debug)]
pub(super) struct PrivateRegistry {
    /// Whose credentials are used.
    pub(super) session: Session,
    /// The registry by its own API.
    pub(super) ecr: Ecr,
    /// Its region.
    pub(super) region: String,
    /// Which registries there are.
    pub(super) registries: Registries,
}

/// Opens the private registry that `reference` is in. ECR Public has no `what`.
pub(super) async fn private(
    reference: &Reference,
    what: &str,
    place: &RegistryPlace,
    aws: &Aws,
    context: &Context,
) -> Result<PrivateRegistry, Fail> {
    let registries = Registries::at(place, aws)?;
    if registries.control(reference)? == Control::Public {
        return Err(CliError::input(format!("`{reference}` is in ECR Public, which has no {what}"))
            .hinted("private repositories have them: leave out the host, or write ACCOUNT.dkr.ecr.REGION.amazonaws.com")
            .into());
    }
    let names = std::slice::from_ref(reference);
    let session = registries.session(names, aws, &context.environment).await?;
    let session = session.ok_or_else(|| CliError::internal("ECR is meant, and there is no AWS session"))?;
    session.authenticate().await.map_err(auth)?;
    context.reporter.event(Event::Authenticated { source: session.source().to_owned(), arn: None });
    let (ecr, region) = registries.ecr(&session, reference).await?;
    Ok(PrivateRegistry { session, ecr, region, registries })
}
