//! What the commands for ECR's control plane have in common: one repository, which a name or a reference names.

use super::Context;
use super::args::{Aws, RegistryPlace};
use super::error::{CliError, Fail, auth, bad_option};
use super::settings::list;
use super::targets::{Control, Registries, references};
use crate::auth::Session;
use crate::base::{Event, Reference};
use crate::registry::ecr::Ecr;
use jiff::{SignedDuration, SpanRelativeTo};

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

/// Opens the private registry of the account and region in use.
pub(super) async fn own(
    place: &RegistryPlace,
    aws: &Aws,
    context: &Context,
) -> Result<PrivateRegistry, Fail> {
    // What is asked about is the registry, and every repository without a host is in it.
    private(&repository("", "registry")?, "settings", place, aws, context).await
}

/// The values that were given to `option`, each of which can be a line of its variable, see [`list`].
pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    context: &Context,
    option: &str,
    id: &str,
    values: &[String],
) -> Result<Vec<T>, Fail> {
    let values = list(context, id, values.to_vec());
    values.iter().map(|value| value.parse().map_err(|error| bad_option(option, error))).collect()
}

/// `90m`, `12h`, `30d`, `2w`; a day has 24 hours.
pub(super) fn duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("`{text}` is not a time like 15m, 12h, 30d or 2w");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if duration.is_negative() { Err(wrong()) } else { Ok(duration) }
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
    let session = registries.session(names, &[], aws, &context.environment).await?;
    let session = session.ok_or_else(|| CliError::internal("ECR is meant, and there is no AWS session"))?;
    session.authenticate().await.map_err(auth)?;
    context.reporter.event(Event::Authenticated { source: session.source().to_owned(), arn: None });
    let (ecr, region) = registries.ecr(&session, reference).await?;
    Ok(PrivateRegistry { session, ecr, region, registries })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let hours = |text: &str| duration(text).unwrap().as_hours();
        let found = ["12h", "30d", "2w", "1d 12h", "90m"].map(hours);
        assert_eq!(found, [12, 720, 336, 36, 1]);
        for wrong in ["", "30", "soon", "-3d", "2 months", "1y"] {
            assert!(duration(wrong).unwrap_err().contains("like 15m"), "{wrong}");
        }
    }
}
