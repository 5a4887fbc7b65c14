//! The repository whose images are meant, on private ECR or on ECR Public.

use crate::auth::Session;
use crate::base::{Event, Reference, RepositoryName};
use crate::cli::Context;
use crate::cli::args::{Aws, RegistryPlace};
use crate::cli::control::private;
use crate::cli::error::{Fail, auth};
use crate::cli::targets::{Control, Registries, session};
use crate::ecr::image::ImageStore;
use crate::registry::AnyRegistry;
use crate::registry::distribution::Purpose;
use crate::registry::ecr_public::{EcrPublic, PublicName};

/// A repository that was found to be one of ECR, with credentials that were shown to AWS.
pub(super) struct Opened<'a> {
    /// For calls about images.
    pub(super) store: ImageStore,
    /// Its name with its registry.
    pub(super) name: String,
    reference: Reference,
    registries: Registries,
    session: Session,
    context: &'a Context,
}

impl<'a> Opened<'a> {
    pub(super) async fn new(
        reference: &Reference,
        place: &RegistryPlace,
        aws: &Aws,
        context: &'a Context,
    ) -> Result<Self, Fail> {
        let reference = Reference { tag: None, digest: None, ..reference.clone() };
        let registries = Registries::at(place, aws)?;
        if let (Control::Public, Some(host)) = (registries.control(&reference)?, &reference.host) {
            let name = PublicName::of(host.as_str(), &reference.repository)?;
            let region = registries.region(std::slice::from_ref(&reference));
            let session = session(aws, region, &context.environment, crate::cli::http()?).await?;
            session.authenticate().await.map_err(auth)?;
            context.reporter.event(Event::Authenticated { source: session.source().to_owned(), arn: None });
            let ecr = EcrPublic::new(&session, host.as_str().to_owned());
            // The API takes no alias, and would look into the own registry for what is in another.
            ecr.check_own(&name).await?;
            let shown = reference.to_string();
            let store = ImageStore::Public { ecr, name };
            return Ok(Self { store, name: shown, reference, registries, session, context });
        }
        let private = private(&reference, "images that consign can manage", place, aws, context).await?;
        let name = format!("{}/{}", crate::registry::Registry::host(&private.ecr), reference.repository);
        let store =
            ImageStore::Private { ecr: Box::new(private.ecr), repository: reference.repository.clone() };
        let (registries, session) = (private.registries, private.session);
        Ok(Self { store, name, reference, registries, session, context })
    }

    /// The repository as references have it.
    pub(super) fn repository(&self) -> &RepositoryName {
        &self.reference.repository
    }

    /// Where manifests are read.
    pub(super) async fn registry(&self) -> Result<AnyRegistry, Fail> {
        let environment = &self.context.environment;
        self.registries.open(Some(&self.session), &self.reference, Purpose::Pull, environment).await
    }
}
