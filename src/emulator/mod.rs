//! ECR in a box: a faithful ECR, STS, OIDC issuer and OCI registry on loopback, for pipelines, tests and teaching
//! without an AWS account.
//!
//! It is also the judge of the client, so it shares nothing with the client's network side: only the vocabulary
//! of `base` and the documents of `image`. One port serves everything:
//!
//! | request | service |
//! |---|---|
//! | `POST /` with `X-Amz-Target` | ECR's JSON API, or ECR Public's |
//! | `POST /` with a form | STS's query API |
//! | `/oidc/…` | the OIDC issuer, and the endpoint that gives a job its token |
//! | `/v2/…` | the registry, for Docker and its kind; ECR Public's if the path begins with a registry alias |
//! | `/token/` | tokens for ECR Public's registry |
//! | `/layer/…` | where layers are downloaded from, in S3's place |
//! | `/_emulator/…` | the emulator itself: its clock, its faults, its log |
//!
//! What it can be told to do wrong is described in [`fault`], what is not known about ECR in [`quirk`].

mod app;
mod body;
mod clock;
mod control;
mod ecr;
mod error;
pub mod fault;
mod glob;
mod iam;
mod layer_url;
mod limits;
mod link;
mod log;
mod oidc;
pub mod quirk;
mod seal;
mod server;
mod sigv4;
mod store;
mod sts;
mod tasks;
mod v2;

#[cfg(test)]
mod tests;

pub use ecr::Applied;
pub use error::StartError;
pub use fault::{Fault, ParseFaultError};
pub use limits::Quotas;
pub use log::{PartRecord, RequestRecord};
pub use quirk::{AbsentLayer, ImmutableRepush, ParseQuirkError, Quirk, Quirks};

use crate::base::clock::SystemClock;
use crate::base::{BlobDigest, Clock, ManifestDigest, MediaType, Secret, env};
use app::App;
use axum::Router;
use body::Room;
use clock::VirtualClock;
use fault::Faults;
use iam::{Directory, Gate, Own};
use limits::Rates;
use link::{Control, Links};
use oidc::Issuer;
use quirk::PartSize;
use seal::Seal;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{RegistryId, Store};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What Python's SDK and the AWS CLI 1 read in place of `AWS_REGION`.
const AWS_DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
/// What SDKs call the session of a web identity.
const AWS_ROLE_SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";

const DEFAULT_PART_SIZE: u64 = 10_485_760;

/// How an emulator is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Where its state lies, and is kept; without one it is a temporary directory that goes with the emulator.
    pub state: Option<PathBuf>,
    /// The account, 12 digits.
    pub account: String,
    /// The region of [`Emulator::environment`] and [`Emulator::registry`]. Calls can be signed for any.
    pub region: String,
    /// The host that `repositoryUri` and `proxyEndpoint` name; without one its own `127.0.0.1:PORT`.
    pub registry_host: Option<String>,
    /// The part size that `InitiateLayerUpload` answers, in bytes: on AWS probably 10,485,760, or 20,971,520 (no
    /// source settles it). If it is smaller than 5 MiB, parts that small are accepted too.
    pub part_size: u64,
    /// How much there may be of everything.
    pub quotas: Quotas,
    /// Whether calls are throttled at the rates of ECR's quotas.
    pub enforce_rates: bool,
    /// Whether `/v2/` keeps to the OCI distribution specification where ECR is known to deviate from it.
    pub strict_oci: bool,
    /// Whether the account setting `BLOB_MOUNTING` is on; on AWS it has to be switched on first.
    pub blob_mounting: bool,
    /// The readings of what else is not known about ECR.
    pub quirks: Quirks,
    /// What goes wrong from the start.
    pub faults: Vec<Fault>,
    /// The machine's time. The emulator's own can be ahead of it: [`Emulator::advance_clock`].
    pub clock: Arc<dyn Clock>,
    /// How long a session lasts at most, whatever is asked for.
    pub credential_lifetime: Duration,
    /// How long a copy to another registry takes; on AWS it is minutes.
    pub replication_delay: Duration,
    /// The file that says what scans find, as `emulator/ecr/findings.rs` describes it; without one, nothing.
    pub findings: Option<PathBuf>,
    /// The audiences that the account's OIDC provider is registered with.
    pub audiences: Vec<String>,
    /// A file with accounts, roles, users and policies (`docs/emulator.md` describes it), besides the built-in
    /// role.
    pub iam: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            state: None,
            account: "123456789012".into(),
            region: "us-east-1".into(),
            registry_host: None,
            part_size: DEFAULT_PART_SIZE,
            quotas: Quotas::default(),
            enforce_rates: false,
            strict_oci: false,
            blob_mounting: false,
            quirks: Quirks::default(),
            faults: Vec::new(),
            clock: Arc::new(SystemClock),
            credential_lifetime: Duration::from_hours(12),
            replication_delay: Duration::ZERO,
            findings: None,
            audiences: vec!["sts.amazonaws.com".into()],
            iam: None,
        }
    }
}

/// A running emulator. It stops when it is dropped.
#[derive(Debug)]
pub struct Emulator {
    app: Arc<App>,
    region: String,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    renewal: JoinHandle<()>,
    /// The state, if it is not to be kept.
    _temporary: Option<tempfile::TempDir>,
}

impl Emulator {
    /// Binds the address, opens the state and serves from then on, on tasks of the current Tokio runtime.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        check(&settings)?;
        let listen = |source| StartError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (root, temporary) = if let Some(path) = &settings.state {
            fs_err::create_dir_all(path)?;
            (fs_err::canonicalize(path)?, None)
        } else {
            let directory = tempfile::Builder::new().prefix("consign-emulator-").tempdir()?;
            (directory.path().to_owned(), Some(directory))
        };
        let store = Store::open(&root, temporary.is_none())?;
        let keys = root.join("keys");
        fs_err::create_dir_all(&keys)?;
        let url = app::issuer_url(address);
        let own = Own { account: &settings.account, issuer: &url, audiences: &settings.audiences };
        let iam = Directory::open(settings.iam.as_deref(), own)?;
        let issuer = Issuer::open(&keys.join("oidc"), url)?.with_claims(iam.job_claims.clone());
        let virtual_clock = Arc::new(VirtualClock::open(Arc::clone(&settings.clock), &root.join("clock"))?);
        let app = Arc::new(App {
            part_size: part_size(&settings),
            clock: Arc::clone(&virtual_clock) as Arc<dyn Clock>,
            virtual_clock,
            account: settings.account,
            registry_host: settings.registry_host,
            audiences: settings.audiences,
            credential_lifetime: settings.credential_lifetime,
            replication_delay: settings.replication_delay,
            quotas: settings.quotas,
            rates: settings.enforce_rates.then(|| Rates::new(&settings.quirks)),
            strict_oci: settings.strict_oci,
            blob_mounting: settings.blob_mounting,
            quirks: settings.quirks,
            address,
            gate: Gate::new(Seal::open(&keys.join("seal"))?),
            issuer,
            iam,
            token_file: root.join("web-identity-token"),
            session_name: format!("emulator-{}", seal::random_identifier(8).to_lowercase()),
            store,
            faults: Faults::new(settings.faults),
            log: log::Log::default(),
            room: Room::default(),
            findings: settings.findings,
            tasks: tasks::Tasks::default(),
        });
        ecr::resume_replication(&app);
        app.write_token()?;
        let renewal = tokio::spawn(renew_token(Arc::clone(&app)));

        let router = Router::new().fallback(server::serve).with_state(Arc::clone(&app));
        let (stop, stopped) = oneshot::channel();
        let serving =
            axum::serve(Links::new(listener), router.into_make_service_with_connect_info::<Control>())
                .with_graceful_shutdown(async {
                    // An emulator that was dropped stops as one that was told to.
                    stopped.await.unwrap_or_default();
                });
        let server = tokio::spawn(async {
            if let Err(error) = serving.await {
                tracing::error!("{error}");
            }
        });
        Ok(Self {
            app,
            region: settings.region,
            stop: Some(stop),
            server: Some(server),
            renewal,
            _temporary: temporary,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.app.address
    }

    /// The variables that point AWS's SDKs, its CLI and consign at it, by the way in that a real job has: OIDC,
    /// then STS. No static key is among them.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let origin = self.app.origin();
        let role = self.app.iam.job_role.clone();
        let mut variables = vec![
            (env::AWS_ENDPOINT_URL_ECR, origin.clone()),
            (env::AWS_ENDPOINT_URL_ECR_PUBLIC, origin.clone()),
            (env::AWS_ENDPOINT_URL_STS, origin.clone()),
            (env::AWS_REGION, self.region.clone()),
            (AWS_DEFAULT_REGION, self.region.clone()),
            (env::ACTIONS_ID_TOKEN_REQUEST_URL, format!("{}/token?api-version=2.0", self.app.issuer.url)),
            (env::ACTIONS_ID_TOKEN_REQUEST_TOKEN, self.app.issuer.request_token.expose().to_owned()),
            (env::AWS_ROLE_ARN, role.clone()),
            (env::AWS_WEB_IDENTITY_TOKEN_FILE, self.app.token_file.display().to_string()),
            (AWS_ROLE_SESSION_NAME, self.app.session_name.clone()),
            (env::CONSIGN_ROLE_TO_ASSUME, role),
            (env::CONSIGN_REGISTRY_ENDPOINT, origin),
        ];
        if let Some(host) = &self.app.registry_host {
            variables.push((env::CONSIGN_REGISTRY_HOST, host.clone()));
        }
        variables
    }

    /// Lets time pass at once: credentials and tokens expire, images grow older.
    pub fn advance_clock(&self, duration: Duration) -> std::io::Result<()> {
        let duration = duration.try_into().map_err(std::io::Error::other)?;
        self.app.virtual_clock.advance(duration).map_err(std::io::Error::other)?;
        self.app.write_token()
    }

    /// Lets something go wrong from now on.
    pub fn inject(&self, fault: Fault) {
        self.app.faults.inject(fault);
    }

    /// What was asked so far, the oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.app.log.all()
    }

    /// A token of the issuer, as a CI would put it into a variable or a file: for `audience`, about the built-in
    /// job or another `subject`.
    pub fn identity_token(&self, audience: &str, subject: Option<&str>) -> Secret {
        self.app.issuer.mint(audience, subject, self.app.clock.now(), oidc::JOB_TOKEN_SECONDS)
    }

    /// What the registry of its account and region holds at this moment, by repository.
    pub fn registry(&self) -> BTreeMap<String, RepositorySnapshot> {
        let registry = RegistryId { account: self.app.account.clone(), region: self.region.clone() };
        let repositories = self.app.store.repositories(&registry);
        repositories
            .iter()
            .map(|repository| {
                let uploads = repository.open_uploads();
                let snapshot = repository.read(|contents| RepositorySnapshot {
                    images: contents
                        .images
                        .iter()
                        .map(|(digest, image)| ImageSnapshot {
                            digest: *digest,
                            media_type: image.media_type.clone(),
                            tags: contents.tags_of(digest),
                        })
                        .collect(),
                    blobs: contents.layers.iter().map(|(digest, layer)| (*digest, layer.size)).collect(),
                    uploads: uploads.into_iter().collect(),
                });
                (repository.name().to_owned(), snapshot)
            })
            .collect()
    }

    /// Acts on the lifecycle policies of all repositories, at the clock's time, as AWS does within a day. By
    /// `ACCOUNT/REGION/REPOSITORY`, what was done.
    pub async fn apply_lifecycle(&self) -> std::io::Result<BTreeMap<String, Applied>> {
        ecr::apply_lifecycle(&self.app).await
    }

    /// Ends it and waits until every request has been answered and the state is free for another.
    pub async fn stop(mut self) {
        self.stop = None;
        self.renewal.abort();
        if let Some(server) = self.server.take()
            && let Err(error) = server.await
        {
            tracing::error!("{error}");
        }
        self.app.tasks.finish().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Dropping `stop` ends the server.
        self.app.tasks.abort();
        self.renewal.abort();
    }
}

/// A repository at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositorySnapshot {
    /// Its images and indexes.
    pub images: Vec<ImageSnapshot>,
    /// Its blobs, and their sizes in bytes.
    pub blobs: BTreeMap<BlobDigest, u64>,
    /// Its open uploads by id, and how many bytes each has.
    pub uploads: BTreeMap<String, u64>,
}

/// An image at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSnapshot {
    /// Of its manifest.
    pub digest: ManifestDigest,
    /// Of its manifest.
    pub media_type: MediaType,
    /// On it.
    pub tags: Vec<String>,
}

fn check(settings: &Settings) -> Result<(), StartError> {
    let account = &settings.account;
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        let value = account.clone();
        return Err(StartError::Setting { name: "account", value, expected: "12 digits" });
    }
    if !sigv4::is_region(&settings.region) {
        let value = settings.region.clone();
        return Err(StartError::Setting { name: "region", value, expected: "a region like us-east-1" });
    }
    if !(1..=20_971_520).contains(&settings.part_size) {
        let value = settings.part_size.to_string();
        return Err(StartError::Setting { name: "part size", value, expected: "1 to 20971520 bytes" });
    }
    if let Some(path) = &settings.findings {
        let wrong = |value| StartError::Setting { name: "findings", value, expected: "a file of findings" };
        ecr::check_findings(path).map_err(wrong)?;
    }
    Ok(())
}

/// The part size that is answered: the one set, or else the reading of what is usual.
fn part_size(settings: &Settings) -> u64 {
    match settings.quirks.part_size {
        PartSize::TwentyMebibytes if settings.part_size == DEFAULT_PART_SIZE => 20_971_520,
        _ => settings.part_size,
    }
}

/// Keeps the token in the file fresh, as Kubernetes does.
async fn renew_token(app: Arc<App>) {
    loop {
        tokio::time::sleep(Duration::from_hours(1)).await;
        if let Err(error) = app.write_token() {
            tracing::error!("{error}");
        }
    }
}
