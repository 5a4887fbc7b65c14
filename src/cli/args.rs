//! What can be typed. Every option has a variable `CONSIGN_…`; names follow `docker buildx build`, the GitHub
//! actions around it, and `aws ecr`.

#![expect(clippy::doc_markdown, reason = "these are help texts, which are read as they stand")]

use super::bases::SourceOptions;
use super::scan::ScanOptions;
use super::tags::{LabelOptions, TagOptions};
use crate::auth::StaticKeys;
use crate::emulator::Quirk;
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Builds a container image from a directory or a Dockerfile, without a daemon, and pushes it to Amazon ECR
#[derive(Debug, Parser)]
#[command(name = "consign", version, max_term_width = 100, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  Build the directory `dist` and push it, in a CI job with an OIDC token:
    consign build dist --tag shop/api:1.4 --role-to-assume arn:aws:iam::123456789012:role/ci --push

  The same without an AWS account, against the built-in ECR:
    consign emulator -- consign build dist --tag shop/api:1.4 --create-repository --push

Exit codes:
  0 done · 1 internal · 2 the input is wrong · 3 denied · 4 refused by the registry
  5 out of retries · 6 a gate said no";

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// Say more on stderr; repeat for more still (secrets are never shown)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, env = "CONSIGN_QUIET", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) quiet: bool,
    /// How progress is shown: bars on a terminal, plain lines in a log, JSON lines, or not at all
    #[arg(long, global = true, env = "CONSIGN_PROGRESS", value_name = "FORM", default_value = "auto")]
    pub(super) progress: ProgressForm,
    /// How results are printed on stdout
    #[arg(long, global = true, env = "CONSIGN_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
    /// Print the settings that are in force and where they come from, and do nothing
    #[arg(long, global = true, env = "CONSIGN_SHOW_SETTINGS", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) show_settings: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressForm {
    Auto,
    Plain,
    Json,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, and it lives as long as the program")]
pub(super) enum Command {
    /// Build an image from a directory; with --push also push it
    #[command(visible_alias = "b")]
    Build(Build),
    /// Push an OCI layout or a `docker save` archive
    #[command(after_help = PUSH_EXAMPLES)]
    Push(Push),
    /// Write an image that a registry holds to disk
    Pull(super::pull::Pull),
    /// Copy an image from a repository to others, in the same registry or elsewhere
    Copy(super::copy::Copy),
    /// Put more tags on an image that is in a registry: promotion by digest
    Tag(super::tag::Tag),
    /// Join images for single platforms into one index
    Index(super::index::Index),
    /// Show what an image is made of
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(Existing),
    /// Recompute every digest and size of an image
    #[command(after_help = VALIDATE_EXAMPLES)]
    Validate(Existing),
    /// Tell what is not the same in two images
    Diff(super::diff::Diff),
    /// Make, show, change and delete repositories of ECR
    Repo(super::repo::Repo),
    /// List, show, tag and delete the images of a repository
    Image(super::image::Image),
    /// Manage the lifecycle policy of a repository: which images go by themselves, and when
    Lifecycle(super::lifecycle::Lifecycle),
    /// Show and change which repositories are copied to other regions and accounts
    Replication(super::replication::Replication),
    /// Have ECR look for vulnerabilities in an image, and show what it finds
    Scan(super::scan::Scan),
    /// Print the IAM documents that a push needs
    Iam(super::iam::Iam),
    /// Put the digest of an image into what deploys it
    Deploy(super::deploy::Deploy),
    /// Tell whether a push would work, and what is missing, before anything is built
    Doctor(super::doctor::Doctor),
    /// Let Docker, podman and skopeo into ECR
    Login(super::login::Login),
    /// Take a login out again
    Logout(super::login::Logout),
    /// Answer Docker's credential helper protocol; `docker-credential-consign` is another name of it
    CredentialHelper(super::credential_helper::CredentialHelper),
    /// Serve ECR, STS and an OIDC issuer on loopback, or run a command against them
    Emulator(Emulator),
    /// Build as the inputs of action.yml say
    #[command(hide = true)]
    GithubAction,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = BUILD_EXAMPLES)]
pub(super) struct Build {
    /// The directory to build from
    #[arg(default_value = ".", env = "CONSIGN_CONTEXT")]
    pub(super) context: PathBuf,
    /// A Dockerfile or a consign.yaml (default: CONTEXT/consign.yaml, else CONTEXT/Dockerfile, else the directory itself
    /// goes to --dest)
    #[arg(short, long, env = "CONSIGN_FILE", value_name = "PATH")]
    pub(super) file: Option<PathBuf>,
    /// Where the directory goes in the image, when there is no file that says so
    #[arg(long, env = "CONSIGN_DEST", value_name = "PATH", default_value = "/app")]
    pub(super) dest: String,
    /// Name of the image; without a registry host, the private ECR registry in use is meant [repeatable]
    #[arg(short, long = "tag", env = "CONSIGN_TAG", value_name = "REF", value_delimiter = ',')]
    pub(super) tags: Vec<String>,
    /// Push the image
    #[arg(long, env = "CONSIGN_PUSH", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) push: bool,
    /// Also write the image to disk: type=oci|docker,dest=PATH [repeatable]
    #[arg(short, long = "output", env = "CONSIGN_OUTPUT", value_name = "SPEC")]
    pub(super) outputs: Vec<String>,
    /// Build nothing; say what is wrong with the Dockerfile and what could be better
    #[arg(long, env = "CONSIGN_CHECK", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) check: bool,
    /// Stage of the Dockerfile that is wanted (default: the last one)
    #[arg(long, env = "CONSIGN_TARGET", value_name = "STAGE")]
    pub(super) target: Option<String>,
    /// Value for an ARG of the Dockerfile; NAME alone takes it from the environment [repeatable]
    #[arg(long = "build-arg", env = "CONSIGN_BUILD_ARG", value_name = "NAME=VALUE")]
    pub(super) arguments: Vec<String>,
    /// Context beside the main one, or in the place of a stage: NAME=PATH, NAME=docker-image://REF,
    /// NAME=oci-layout://PATH [repeatable]
    #[arg(long = "build-context", env = "CONSIGN_BUILD_CONTEXT", value_name = "NAME=PLACE")]
    pub(super) contexts: Vec<String>,

    #[command(flatten)]
    pub(super) tag_rules: TagOptions,
    #[command(flatten)]
    pub(super) image: ImageOptions,
    #[command(flatten)]
    pub(super) ci: LabelOptions,
    #[command(flatten)]
    pub(super) layers: LayerOptions,
    #[command(flatten)]
    pub(super) sources: SourceOptions,
    #[command(flatten)]
    pub(super) registry: RegistryOptions,
    #[command(flatten)]
    pub(super) aws: Aws,
    #[command(flatten)]
    pub(super) scan: ScanOptions,
    #[command(flatten)]
    pub(super) results: Results,
    #[command(flatten)]
    pub(super) replication: super::replication::WaitOptions,
}

const BUILD_EXAMPLES: &str = "\
Examples:
  What would be pushed? Prints the digest and touches no network:
    consign build dist

  Push under two tags and write the digest for the next step:
    consign build dist -t shop/api:1.4 -t shop/api:latest --push --digest-file digest.txt

  By the Dockerfile in it, for two platforms; what the stage `build` would make is in `out` already:
    consign build . -t shop/api:1.4 --platform linux/amd64,linux/arm64 --build-context build=out --push

  To a registry that is not ECR, with the credentials of `docker login`:
    consign build dist -t ghcr.io/shop/api:1.4 --push

  Tags and labels from the Git tag v1.4.2, in any CI: 1.4.2, 1.4 and latest:
    consign build dist -t shop/api --tag-rule 'type=semver,pattern={{version}}' \
      --tag-rule 'type=semver,pattern={{major}}.{{minor}}' --ci-labels --push

  An archive for `docker load`:
    consign build dist -t shop/api:dev -o type=docker,dest=image.tar

  What is wrong with a Dockerfile?
    consign build . --check";

#[derive(Debug, Args)]
#[command(next_help_heading = "Image")]
pub(super) struct ImageOptions {
    /// The image to build on, named as in a Dockerfile, or oci-layout://PATH; `scratch` is none
    #[arg(long, env = "CONSIGN_BASE", value_name = "REF")]
    pub(super) base: Option<String>,
    /// Platform of the image; several make an index of images (default: linux on this machine's architecture)
    /// [repeatable]
    #[arg(long = "platform", env = "CONSIGN_PLATFORM", value_name = "OS/ARCH", value_delimiter = ',')]
    pub(super) platforms: Vec<String>,
    /// Program and fixed arguments: a JSON array, or words as a shell splits them
    #[arg(long, env = "CONSIGN_ENTRYPOINT", value_name = "WORDS")]
    pub(super) entrypoint: Option<String>,
    /// Default arguments: a JSON array, or words as a shell splits them
    #[arg(long, env = "CONSIGN_CMD", value_name = "WORDS")]
    pub(super) cmd: Option<String>,
    /// Environment variable of the container [repeatable]
    #[arg(short, long = "env", env = "CONSIGN_ENV", value_name = "NAME=VALUE")]
    pub(super) env: Vec<String>,
    /// Working directory of the container (default: --dest)
    #[arg(short, long, env = "CONSIGN_WORKDIR", value_name = "PATH")]
    pub(super) workdir: Option<String>,
    /// User of the container: a name or a number, with :GROUP if need be
    #[arg(short, long, env = "CONSIGN_USER", value_name = "USER")]
    pub(super) user: Option<String>,
    /// Port that the container listens on: 8080, 53/udp [repeatable]
    #[arg(long, env = "CONSIGN_EXPOSE", value_name = "PORT", value_delimiter = ',')]
    pub(super) expose: Vec<String>,
    /// Mount point [repeatable]
    #[arg(long = "volume", env = "CONSIGN_VOLUME", value_name = "PATH")]
    pub(super) volumes: Vec<String>,
    /// Signal that asks the container to stop
    #[arg(long, env = "CONSIGN_STOP_SIGNAL", value_name = "SIGNAL")]
    pub(super) stop_signal: Option<String>,
    /// Label in the config [repeatable]
    #[arg(short, long = "label", env = "CONSIGN_LABEL", value_name = "KEY=VALUE")]
    pub(super) labels: Vec<String>,
    /// Annotation in the manifest; in the index with `index:` in front [repeatable]
    #[arg(long = "annotation", env = "CONSIGN_ANNOTATION", value_name = "KEY=VALUE")]
    pub(super) annotations: Vec<String>,
    /// Numeric owner of the files, when there is no consign.yaml that says so (default: 0:0)
    #[arg(long, env = "CONSIGN_CHOWN", value_name = "UID[:GID]")]
    pub(super) chown: Option<String>,
    /// Time stamp of everything in the image, in seconds since 1970
    #[arg(long, env = "SOURCE_DATE_EPOCH", value_name = "SECONDS", default_value = "0")]
    pub(super) source_date_epoch: i64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Layers")]
pub(super) struct LayerOptions {
    /// How layers are compressed: everything on AWS reads gzip
    #[arg(long, env = "CONSIGN_COMPRESSION", value_name = "KIND", default_value = "gzip")]
    pub(super) compression: CompressionKind,
    /// gzip: 1 to 12 (default 5); zstd: 1 to 19 (default 3)
    #[arg(long, env = "CONSIGN_COMPRESSION_LEVEL", value_name = "N")]
    pub(super) compression_level: Option<i64>,
    /// Layers of what no consign.yaml puts into layers: split by what changes together, or a single one
    #[arg(long, env = "CONSIGN_LAYERS", value_name = "HOW", default_value = "auto")]
    pub(super) layers: LayersMode,
    /// Print the layers, their sizes, what is reused, and why
    #[arg(long, env = "CONSIGN_EXPLAIN", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) explain: bool,
    /// Threads that read and compress; the bytes are the same for any number (default: one a core)
    #[arg(long, env = "CONSIGN_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) threads: Option<u16>,
    /// Image of the repository whose layers may be reused, besides those of the tags; if there is none, the newest
    /// one is looked at [repeatable]
    #[arg(long, env = "CONSIGN_CACHE_FROM", value_name = "REF", value_delimiter = ',')]
    pub(super) cache_from: Vec<String>,
    /// Directory that keeps what is known of layers, a few kilobytes: unchanged files are not even read
    #[arg(long, env = "CONSIGN_CACHE_DIR", value_name = "DIR")]
    pub(super) cache_dir: Option<PathBuf>,
    /// Make and send layers as if nothing were known of any
    #[arg(long, env = "CONSIGN_NO_CACHE", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) no_cache: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LayersMode {
    Auto,
    Single,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CompressionKind {
    Gzip,
    Zstd,
    None,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct RegistryOptions {
    /// Create the repository if it does not exist; registries other than ECR do so by themselves
    #[arg(long, env = "CONSIGN_CREATE_REPOSITORY", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) create_repository: bool,
    /// How ECR is talked to; every other registry is talked to as `oci`
    #[arg(long, env = "CONSIGN_TRANSPORT", value_name = "API", default_value = "ecr")]
    pub(super) transport: Transport,
    #[command(flatten)]
    pub(super) place: RegistryPlace,
}

/// Where the registry is, for commands that do not push.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct RegistryPlace {
    /// Where /v2/ of an ECR host is found, if not at that host: an emulator
    #[arg(long, env = "CONSIGN_REGISTRY_ENDPOINT", value_name = "URL")]
    pub(super) registry_endpoint: Option<String>,
    /// Name of the private registry, if not ACCOUNT.dkr.ecr.REGION.amazonaws.com
    #[arg(long, env = "CONSIGN_REGISTRY_HOST", value_name = "HOST")]
    pub(super) registry_host: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Transport {
    /// ECR's own API: UploadLayerPart and PutImage
    Ecr,
    /// The OCI distribution API, /v2/
    Oci,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "AWS")]
pub(super) struct Aws {
    /// Role to assume with the OIDC token of the CI; without one, the AWS configuration is used
    #[arg(long, env = "CONSIGN_ROLE_TO_ASSUME", value_name = "ARN")]
    pub(super) role_to_assume: Option<String>,
    /// Name of the session, seen in CloudTrail
    #[arg(long, env = "CONSIGN_ROLE_SESSION_NAME", value_name = "NAME", default_value = "consign")]
    pub(super) role_session_name: String,
    /// How long the credentials live, 900 to 43200; they are renewed when they run out
    #[arg(long, env = "CONSIGN_ROLE_DURATION_SECONDS", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(900..=43200))]
    pub(super) role_duration_seconds: Option<u32>,
    /// Audience that the OIDC token is asked for (in China: sts.amazonaws.com.cn)
    #[arg(long, env = "CONSIGN_AUDIENCE", value_name = "AUDIENCE", default_value = "sts.amazonaws.com")]
    pub(super) audience: String,
    /// File that holds the OIDC token
    #[arg(long, env = "CONSIGN_WEB_IDENTITY_TOKEN_FILE", value_name = "PATH")]
    pub(super) web_identity_token_file: Option<PathBuf>,
    /// Variable that holds the OIDC token: the name under `id_tokens:` in GitLab CI
    #[arg(
        long,
        env = "CONSIGN_WEB_IDENTITY_TOKEN_ENV",
        value_name = "NAME",
        conflicts_with = "web_identity_token_file"
    )]
    pub(super) web_identity_token_env: Option<String>,
    /// Assume the role with the credentials of the AWS configuration, not with an OIDC token
    #[arg(long, env = "CONSIGN_ROLE_CHAINING", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) role_chaining: bool,
    /// External id, which some roles want to hear where they are assumed without an OIDC token
    #[arg(long, env = "CONSIGN_ROLE_EXTERNAL_ID", value_name = "ID")]
    pub(super) role_external_id: Option<String>,
    /// IAM policy, as JSON, that narrows what the session may do
    #[arg(long, env = "CONSIGN_INLINE_SESSION_POLICY", value_name = "JSON")]
    pub(super) inline_session_policy: Option<String>,
    /// ARN of an IAM policy that narrows what the session may do [repeatable]
    #[arg(long, env = "CONSIGN_MANAGED_SESSION_POLICIES", value_name = "ARN", value_delimiter = ',')]
    pub(super) managed_session_policies: Vec<String>,
    /// Where STS answers (default: as AWS_ENDPOINT_URL_STS and the AWS configuration say)
    #[arg(long, env = "CONSIGN_STS_ENDPOINT", value_name = "URL")]
    pub(super) sts_endpoint: Option<String>,
    /// Keys; no option, as what stands on a command line is seen by everybody.
    #[arg(skip)]
    pub(super) keys: Option<StaticKeys>,
    /// AWS region (default: as AWS_REGION and the AWS configuration say)
    #[arg(long, env = "CONSIGN_REGION", value_name = "REGION")]
    pub(super) region: Option<String>,
    /// Refuse credentials of any other account
    #[arg(long, env = "CONSIGN_ALLOWED_ACCOUNT_IDS", value_name = "ID", value_delimiter = ',')]
    pub(super) allowed_account_ids: Vec<String>,
    /// How often a call is tried before it counts as failed
    #[arg(long, env = "CONSIGN_RETRY_MAX_ATTEMPTS", value_name = "N", default_value = "12", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) retry_max_attempts: u32,
    /// The wait after a first failure, which doubles each time
    #[arg(long, env = "CONSIGN_RETRY_BACKOFF_MILLISECONDS", value_name = "N", default_value = "100", hide_short_help = true, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(super) retry_backoff_milliseconds: u32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Results, written whole and only after the registry confirmed the image")]
pub(super) struct Results {
    /// BuildKit's metadata as JSON
    #[arg(long, env = "CONSIGN_METADATA_FILE", value_name = "PATH")]
    pub(super) metadata_file: Option<PathBuf>,
    /// The image id (digest of the config)
    #[arg(long, env = "CONSIGN_IIDFILE", value_name = "PATH")]
    pub(super) iidfile: Option<PathBuf>,
    /// The digest of the image
    #[arg(long, env = "CONSIGN_DIGEST_FILE", value_name = "PATH")]
    pub(super) digest_file: Option<PathBuf>,
    /// NAME=value lines for GitLab's dotenv report
    #[arg(long, env = "CONSIGN_DOTENV_FILE", value_name = "PATH")]
    pub(super) dotenv_file: Option<PathBuf>,
    /// name=value lines for Jenkins' readProperties
    #[arg(long, env = "CONSIGN_PROPERTIES_FILE", value_name = "PATH")]
    pub(super) properties_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Push {
    /// An OCI layout (directory or tar) or a `docker save` archive
    pub(super) source: PathBuf,
    /// Where it goes
    #[arg(required = true, value_name = "REF")]
    pub(super) references: Vec<String>,
    #[command(flatten)]
    pub(super) tag_rules: TagOptions,
    #[command(flatten)]
    pub(super) registry: RegistryOptions,
    #[command(flatten)]
    pub(super) aws: Aws,
    #[command(flatten)]
    pub(super) scan: ScanOptions,
    #[command(flatten)]
    pub(super) results: Results,
}

const PUSH_EXAMPLES: &str = "\
Examples:
  Build now, push later, not a byte changed in between:
    consign build dist -o type=oci,dest=layout
    consign push layout shop/api:1.4 shop/api:latest

  Under tags that follow from the branch and the commit:
    consign push layout shop/api --tag-rule type=ref,event=branch --tag-rule type=sha

  What another tool has built:
    docker save shop/api:dev -o image.tar
    consign push image.tar shop/api:dev --create-repository";

const INSPECT_EXAMPLES: &str = "\
Examples:
  consign inspect layout
  consign inspect shop/api:1.4
  consign inspect shop/api:1.4 --format json";

const VALIDATE_EXAMPLES: &str = "\
Examples:
  consign validate image.tar
  consign validate shop/api:1.4

Exit code 6 says that the image is not what its documents claim.";

/// An image that exists.
#[derive(Debug, Args)]
pub(super) struct Existing {
    /// An OCI layout, an archive, or a reference to an image in a registry
    pub(super) image: String,
    #[command(flatten)]
    pub(super) registry: RegistryOptions,
    #[command(flatten)]
    pub(super) aws: Aws,
}

#[derive(Debug, Args)]
#[command(after_help = emulator_help())]
pub(super) struct Emulator {
    /// Address to serve on; port 0 is any free one
    #[arg(long, env = "CONSIGN_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    pub(super) listen: std::net::SocketAddr,
    /// Directory that keeps everything (default: a temporary one)
    #[arg(long, env = "CONSIGN_STATE", value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
    /// Account that it plays
    #[arg(long, env = "CONSIGN_ACCOUNT", value_name = "ID", default_value = "123456789012")]
    pub(super) account: String,
    /// Region that it plays
    #[arg(long, env = "CONSIGN_EMULATOR_REGION", value_name = "REGION", default_value = "us-east-1")]
    pub(super) region: String,
    /// Host in repository URIs (default: its own address, so that they can be pulled as they stand)
    #[arg(long, env = "CONSIGN_EMULATOR_REGISTRY_HOST", value_name = "HOST")]
    pub(super) registry_host: Option<String>,
    /// Bytes that it asks for a layer part
    #[arg(long, env = "CONSIGN_PART_SIZE", value_name = "BYTES", default_value = "10485760")]
    pub(super) part_size: u64,
    /// Something to go wrong, see docs/emulator.md [repeatable]
    #[arg(long = "fault", env = "CONSIGN_FAULT", value_name = "FAULT")]
    pub(super) faults: Vec<String>,
    /// A reading of something that is not known about ECR, NAME=VALUE, see docs/emulator.md [repeatable]
    #[arg(long = "quirk", env = "CONSIGN_QUIRK", value_name = "QUIRK", value_delimiter = ',')]
    pub(super) quirks: Vec<String>,
    /// Throttle calls at the rates of ECR's quotas
    #[arg(long, env = "CONSIGN_ENFORCE_RATES", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) enforce_rates: bool,
    /// Keep to the OCI distribution specification where ECR deviates from it
    #[arg(long, env = "CONSIGN_STRICT_OCI", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) strict_oci: bool,
    /// JSON file with accounts, roles, users and policies, besides the built-in role
    #[arg(long, env = "CONSIGN_IAM", value_name = "PATH")]
    pub(super) iam: Option<PathBuf>,
    /// JSON file with what scans find
    #[arg(long, env = "CONSIGN_FINDINGS", value_name = "PATH")]
    pub(super) findings: Option<PathBuf>,
    /// Seconds that a copy to another region or account takes
    #[arg(long, env = "CONSIGN_REPLICATION_DELAY", value_name = "SECONDS", default_value = "0")]
    pub(super) replication_delay: u64,
    /// File that gets a JSON line for each request
    #[arg(long, env = "CONSIGN_REQUEST_LOG", value_name = "PATH")]
    pub(super) request_log: Option<PathBuf>,
    /// Command to run against it; its exit code becomes this one's
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<std::ffi::OsString>,
}

/// Examples, and what `--quirk` takes.
fn emulator_help() -> String {
    let quirks = Quirk::ALL.iter().map(|(name, values)| format!("  {name:20} {}\n", values.join(" | ")));
    format!("{EMULATOR_EXAMPLES}\n\nQuirks, the likelier value first:\n{}", quirks.collect::<String>())
}

const EMULATOR_EXAMPLES: &str = "\
Examples:
  Push to an ECR that lives as long as the command:
    consign emulator -- consign build dist -t demo:1 --create-repository --push

  Serve until Ctrl-C, and use it from another shell:
    consign emulator --listen 127.0.0.1:4510 --state ./ecr > ecr.env
    . ./ecr.env && aws ecr describe-repositories";
