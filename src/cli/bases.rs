//! Images that are read: those that are built on, copied and pulled. From any registry, through mirrors, with whatever
//! credentials there are for it.

use super::Context;
use super::args::{Aws, RegistryOptions, Transport};
use super::error::{CliError, Fail, auth, bad_option};
use super::http;
use super::settings::list;
use super::targets::{Registries, manifest_id, session_settings};
use crate::auth::{Session, SessionSettings};
use crate::base::clock::SystemClock;
use crate::base::{Env, Event, Failure, Kind, Mirror, Reference, RegistryHost, Reporter, docker_name};
use crate::registry::distribution::Purpose;
use crate::registry::{AnyRegistry, ManifestId, Registry as _, RegistryError, RemoteImage, StoredManifest};
use clap::Args;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OnceCell};

/// How images are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading images")]
pub(super) struct SourceOptions {
    /// Where images of a registry are looked for first, such as a pull-through cache of ECR:
    /// docker.io=ACCOUNT.dkr.ecr.REGION.amazonaws.com/docker-hub [repeatable]
    #[arg(
        long = "registry-mirror",
        env = "CONSIGN_REGISTRY_MIRROR",
        value_name = "HOST=PREFIX",
        value_delimiter = ','
    )]
    pub(super) mirrors: Vec<String>,
    /// How long a registry may say nothing before it is asked again, a few times at most
    #[arg(long, env = "CONSIGN_REGISTRY_TIMEOUT", value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) registry_timeout: u64,
}

/// Opens images. Registries are opened once, and AWS is asked for nothing unless an image in ECR is read.
#[derive(Debug)]
pub(super) struct Bases {
    registries: Registries,
    mirrors: Vec<Mirror>,
    settings: SessionSettings,
    environment: Env,
    reporter: Arc<dyn Reporter>,
    session: OnceCell<Session>,
    opened: Mutex<Opened>,
}

/// Registries by their host, and the way into them.
type Opened = HashMap<(Option<RegistryHost>, Door), Arc<AnyRegistry>>;

/// By which way a registry is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Door {
    /// As the options say.
    Usual,
    /// ECR's `/v2/`, which fills a pull-through cache as other clients do.
    V2,
    /// The registry itself and no emulator in its place.
    Real,
}

/// One place where an image may be.
struct Place {
    at: Reference,
    door: Door,
    /// What it is, if it is not where the image was said to be.
    instead: Option<Instead>,
}

/// Why a place is looked at that was not named.
enum Instead {
    Mirror,
    /// The endpoint of an emulator, which need not serve ECR Public.
    Emulator,
}

impl Bases {
    /// Reads the options.
    pub(super) fn new(
        sources: &SourceOptions,
        registry: &RegistryOptions,
        aws: &Aws,
        context: &Context,
    ) -> Result<Self, Fail> {
        let texts = list(context, "mirrors", sources.mirrors.clone());
        let parse = |text: &String| text.parse().map_err(|error| bad_option("--registry-mirror", error));
        let patience = Duration::from_secs(sources.registry_timeout);
        Ok(Self {
            registries: Registries::new(registry, aws)?.patient_for(patience),
            mirrors: texts.iter().map(parse).collect::<Result<_, _>>()?,
            settings: session_settings(aws, None, &context.environment)?,
            environment: context.environment.clone(),
            reporter: Arc::clone(&context.reporter),
            session: OnceCell::new(),
            opened: Mutex::default(),
        })
    }

    /// Reads with a session that is there already.
    pub(super) fn with_session(self, session: Option<Session>) -> Self {
        Self { session: OnceCell::new_with(session), ..self }
    }

    /// Where registries are.
    pub(super) fn registries(&self) -> &Registries {
        &self.registries
    }

    /// The image that `text` names in a Dockerfile: without a host it is one of Docker Hub.
    pub(super) async fn base(&self, text: &str) -> Result<RemoteImage, Fail> {
        let reference = docker_name(text).map_err(|error| {
            Fail::from(CliError::input(error.to_string()).hinted(
                "images to build on are named as Docker does it: NAME:TAG, HOST/NAME:TAG, NAME@sha256:…",
            ))
        })?;
        self.open(text, reference).await
    }

    /// The image that `reference` means, which was written as `text`: without a host it is in the private ECR registry in
    /// use; one of Docker Hub is in full.
    pub(super) async fn open(&self, text: &str, reference: Reference) -> Result<RemoteImage, Fail> {
        let id = manifest_id(&reference);
        let places = self.places(&reference);
        let last = places.len() - 1;
        for (number, place) in places.iter().enumerate() {
            let found = self.look(place, &id).await;
            let (registry, manifest) = match (found, &place.instead) {
                (Ok(Some(found)), _) => found,
                (Ok(None), _) if number < last => {
                    tracing::debug!("{} is not at {}", text, place.at);
                    continue;
                }
                (Ok(None), _) => break,
                (Err(error), Some(Instead::Emulator)) => {
                    tracing::debug!("{} is not at the registry endpoint: {error}", place.at);
                    continue;
                }
                (Err(error), Some(Instead::Mirror)) => {
                    let (mirror, origin) = (place.at.to_string(), reference.to_string());
                    return Err(MirrorFailed { mirror, origin, error }.into());
                }
                (Err(error), None) => return Err(error),
            };
            let host = Some(RegistryHost::new(registry.host()));
            let name = Reference { host, ..place.at.clone() };
            return Ok(RemoteImage { written: text.to_owned(), name, registry, id, manifest });
        }
        Err(missing(text, &reference, &id, &places))
    }

    /// Where the image is looked for, in this order.
    fn places(&self, reference: &Reference) -> Vec<Place> {
        let mirrors = self.mirrors.iter().filter_map(|mirror| mirror.of(reference));
        let mut places: Vec<_> =
            mirrors.map(|at| Place { at, door: Door::V2, instead: Some(Instead::Mirror) }).collect();
        let at = reference.clone();
        if matches!(reference.host, Some(RegistryHost::EcrPublic { .. }))
            && self.registries.without_endpoint().is_some()
        {
            // What an emulator does not have is on AWS: a trial may build on real images.
            places.push(Place { at: at.clone(), door: Door::Usual, instead: Some(Instead::Emulator) });
            places.push(Place { at, door: Door::Real, instead: None });
        } else {
            places.push(Place { at, door: Door::Usual, instead: None });
        }
        places
    }

    /// The registry, and the manifest if the image is there.
    async fn look(
        &self,
        place: &Place,
        id: &ManifestId,
    ) -> Result<Option<(Arc<AnyRegistry>, StoredManifest)>, Fail> {
        let repository = &place.at.repository;
        let registry = self.registry(&place.at, place.door).await?;
        match registry.manifest(repository, id).await {
            Ok(manifest) => Ok(manifest.map(|manifest| (registry, manifest))),
            Err(error @ RegistryError::RepositoryNotFound { .. }) if self.uses_api(&registry) => {
                // One that a pull-through cache has not made yet: it does on a pull. Whatever else comes of that, the
                // repository is not there.
                let v2 = self.registry(&place.at, Door::V2).await?;
                match v2.manifest(repository, id).await {
                    Ok(manifest) => Ok(manifest.map(|manifest| (v2, manifest))),
                    Err(_) => Err(error.into()),
                }
            }
            Err(error) if place.instead.is_some() && is_absence(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn uses_api(&self, registry: &AnyRegistry) -> bool {
        self.registries.uses_api() && matches!(registry, AnyRegistry::Ecr(_))
    }

    /// The registry that `at` is in, opened once.
    async fn registry(&self, at: &Reference, door: Door) -> Result<Arc<AnyRegistry>, Fail> {
        let registries = match door {
            Door::Usual => self.registries.clone(),
            Door::V2 => self.registries.over(Transport::Oci),
            Door::Real => self.registries.without_endpoint().unwrap_or_else(|| self.registries.clone()),
        };
        let mut opened = self.opened.lock().await;
        let key = (at.host.clone(), door);
        if let Some(registry) = opened.get(&key) {
            return Ok(Arc::clone(registry));
        }
        let names = std::slice::from_ref(at);
        let session = if registries.needs_aws(names, Purpose::Pull)? {
            Some(self.session(registries.region(names)).await?)
        } else {
            None
        };
        let registry = registries.open(session, at, Purpose::Pull, &self.environment).await?;
        let registry = Arc::new(registry);
        opened.insert(key, Arc::clone(&registry));
        Ok(registry)
    }

    /// The AWS session, made when it is first needed; `region` is used if no other is known.
    async fn session(&self, region: Option<String>) -> Result<&Session, Fail> {
        let open = async || -> Result<Session, Fail> {
            let mut settings = self.settings.clone();
            settings.region = settings.region.or(region);
            let session = Session::open(&settings, &self.environment, Arc::new(SystemClock), http()?).await?;
            session.authenticate().await.map_err(auth)?;
            self.reporter.event(Event::Authenticated { source: session.source().to_owned(), arn: None });
            Ok(session)
        };
        self.session.get_or_try_init(open).await
    }
}

/// The error for an image that is at none of the places.
fn missing(text: &str, reference: &Reference, id: &ManifestId, places: &[Place]) -> Fail {
    let mirrors = places.iter().filter(|place| matches!(place.instead, Some(Instead::Mirror)));
    let looked: Vec<_> = mirrors.map(|place| place.at.to_string()).collect();
    let also =
        if looked.is_empty() { String::new() } else { format!(", nor is it at {}", looked.join(", ")) };
    let repository = Reference { tag: None, digest: None, ..reference.clone() };
    let error =
        CliError::input(format!("`{text}`: there is no image `{id}` in the repository `{repository}`{also}"));
    let hint = match &reference.host {
        None => "without a host, a name means the private ECR registry of the account and region in use; check the \
                 name, and that the image was pushed there"
            .to_owned(),
        Some(host) if matches!(host, RegistryHost::Other { .. }) && text.split('/').count() <= 2 => {
            format!("check the name; this one is looked for at {host}")
        }
        Some(_) => "check the name and the tag".to_owned(),
    };
    error.hinted(hint).into()
}

/// Whether a registry says that it has no such repository.
fn is_absence(error: &RegistryError) -> bool {
    match error {
        RegistryError::RepositoryNotFound { .. } => true,
        RegistryError::Refused { code, .. } => matches!(code.as_str(), "NAME_UNKNOWN" | "NOT_FOUND"),
        _ => false,
    }
}

/// A mirror neither has the image nor says that it has not.
#[derive(Debug, thiserror::Error)]
#[error("the mirror of {origin} did not give {mirror}: {error}")]
struct MirrorFailed {
    mirror: String,
    origin: String,
    error: Fail,
}

impl Failure for MirrorFailed {
    fn kind(&self) -> Kind {
        self.error.kind()
    }

    fn hint(&self) -> Option<String> {
        let own = self.error.hint().map(|hint| hint + "; ").unwrap_or_default();
        Some(
            own + "only what a mirror does not have is looked for elsewhere: leave `--registry-mirror` out to do without it",
        )
    }
}
