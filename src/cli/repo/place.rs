//! Opening the registry that a repository is in.

use super::super::Context;
use super::super::args::{Aws, RegistryPlace};
use super::super::control::{private, repository};
use super::super::error::{CliError, Fail, auth};
use super::super::http;
use super::super::targets::{Control, Registries, session};
use crate::auth::ECR_PUBLIC_REGION;
use crate::base::{Event, Reference};
use crate::ecr::repository::Place;
use crate::registry::RegistryError;
use crate::registry::ecr_public::{EcrPublic, PublicName};

/// The host of ECR Public.
pub(super) const PUBLIC_HOST: &str = "public.ecr.aws";

/// The repository that is called `text`, which was given as `name`.
pub(super) async fn open(
    name: &str,
    text: &str,
    place: &RegistryPlace,
    aws: &Aws,
    context: &Context,
) -> Result<Place, Fail> {
    let reference = repository(name, text)?;
    match Registries::at(place, aws)?.control(&reference)? {
        Control::Private => {
            let opened = private(&reference, "repositories like this", place, aws, context).await?;
            Ok(Place::Private { ecr: opened.ecr, name: reference.repository })
        }
        Control::Public => {
            let ecr = public(host(&reference)?, aws, context).await?;
            let name = PublicName::of(ecr.host(), &reference.repository)?;
            // The API does not take the alias: without this, the repository of that name in the registry of this account
            // would be meant.
            ecr.check_own(&name).await.map_err(not_own)?;
            Ok(Place::Public { ecr, name })
        }
    }
}

/// A repository of another account, about which there is nothing to be done here.
fn not_own(error: RegistryError) -> Fail {
    match &error {
        RegistryError::NotOwnAlias { .. } => CliError::again(&error)
            .hinted("take a role of the account whose registry it is; what others have on ECR Public can only be read")
            .into(),
        _ => error.into(),
    }
}

/// The repository of the account in use on ECR Public that is called `text`, without its alias: the first repository
/// gives the registry one.
pub(super) async fn own_public(name: &str, text: &str, aws: &Aws, context: &Context) -> Result<Place, Fail> {
    let reference = repository(name, text)?;
    if reference.host.is_some() {
        return Err(CliError::input(format!("--public: `{text}` has a host already"))
            .hinted("leave out either: `--public NAME`, or public.ecr.aws/ALIAS/NAME")
            .into());
    }
    let ecr = public(PUBLIC_HOST.to_owned(), aws, context).await?;
    let alias = ecr.aliases().await?.first().cloned().unwrap_or_default();
    Ok(Place::Public { ecr, name: PublicName { alias, repository: reference.repository } })
}

fn host(reference: &Reference) -> Result<String, Fail> {
    let host = reference.host.as_ref().map(|host| host.as_str().to_owned());
    host.ok_or_else(|| CliError::internal("ECR Public is meant, and there is no host").into())
}

/// The registry of the account in use on ECR Public.
pub(super) async fn public(host: String, aws: &Aws, context: &Context) -> Result<EcrPublic, Fail> {
    let region = Some(ECR_PUBLIC_REGION.to_owned());
    let session = session(aws, region, &context.environment, http()?).await?;
    session.authenticate().await.map_err(auth)?;
    context.reporter.event(Event::Authenticated { source: session.source().to_owned(), arn: None });
    Ok(EcrPublic::new(&session, host))
}
