//! `consign deploy lambda`: checks that Lambda takes an image, and gives the name that it takes it by.

use super::super::args::{Aws, Format, RegistryOptions};
use super::super::error::{CliError, Fail, auth};
use super::super::targets::{Registries, manifest_id, references};
use super::super::{Context, http};
use super::{ImageSource, images};
use crate::base::{Event, ManifestDigest, Platform, Reference, RegistryHost, human};
use crate::deploy::Pin;
use crate::deploy::lambda::{
    Architecture, Finding, Level, check_config, check_manifest, check_place, compressed_size, index_refused,
    not_in_index, unread,
};
use crate::image::{ImageConfig, Index, Manifest, choose};
use crate::registry::distribution::Purpose;
use crate::registry::{AnyRegistry, ManifestId, Registry as _, StoredManifest, fetch_document};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::fmt::Write as _;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Lambda {
    #[command(flatten)]
    image: ImageSource,
    /// Processor of the function; of an index, its image is taken
    #[arg(long, env = "CONSIGN_ARCHITECTURE", value_name = "NAME")]
    architecture: Option<ArchitectureName>,
    /// Region of the function (default: the region in use)
    #[arg(long, env = "CONSIGN_FUNCTION_REGION", value_name = "REGION")]
    function_region: Option<String>,
    #[command(flatten)]
    registry: RegistryOptions,
    #[command(flatten)]
    aws: Aws,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArchitectureName {
    #[value(name = "x86_64", alias = "amd64")]
    X86_64,
    #[value(name = "arm64")]
    Arm64,
}

const EXAMPLES: &str = "\
Examples:
  Build, push, and deploy what was pushed:
    consign build dist --tag shop/api:1.4 --platform linux/arm64 --push --metadata-file image.json
    uri=$(consign deploy lambda --metadata-file image.json --architecture arm64)
    aws lambda update-function-code --function-name shop-api --image-uri \"$uri\"

Exit code 6 says that Lambda would not take the image; all reasons are listed.";

pub(super) async fn run(args: Lambda, context: &Context) -> Result<(), Fail> {
    let architecture = args.architecture.map(|name| match name {
        ArchitectureName::X86_64 => Architecture::X86_64,
        ArchitectureName::Arm64 => Architecture::Arm64,
    });
    let pins = images(&args.image, context)?;
    let registries = Registries::new(&args.registry, &args.aws)?;
    let named: Vec<_> = pins.iter().map(Pin::reference).collect();
    let named = references("--image", &named)?;
    let session = registries.session(&[], &named, &args.aws, &context.environment).await?;
    let function = match (&args.function_region, &session) {
        (Some(region), _) => region.clone(),
        (None, Some(session)) => session.region().to_owned(),
        (None, None) => own_region(&args.aws, context).await?,
    };
    if let Some(session) = &session {
        session.authenticate().await.map_err(auth)?;
        context.reporter.event(Event::Authenticated { source: session.source().to_owned(), arn: None });
    }
    let region = |reference: &Reference| {
        let one = std::slice::from_ref(reference);
        let in_use = || session.as_ref().map(|session| session.region().to_owned());
        Ok::<_, Fail>(
            registries
                .needs_aws(one, Purpose::Pull)?
                .then(|| registries.region(one).or_else(in_use))
                .flatten(),
        )
    };
    // A push to several regions names one image for each of them.
    let mut candidates: Vec<&Reference> = Vec::new();
    for reference in &named {
        if named.len() == 1 || region(reference)?.as_deref() == Some(&function) {
            candidates.push(reference);
        }
    }
    let [reference] = candidates.as_slice() else {
        return Err(several(&named, &function, candidates.len()));
    };
    let environment = &context.environment;
    let registry = registries.open(session.as_ref(), reference, Purpose::Pull, environment).await?;
    let name = format!("{}/{}", registry.host(), reference.repository);
    let host = RegistryHost::new(registry.host());
    let digest = reference.digest.ok_or_else(|| CliError::internal("an image was named without a digest"))?;
    let mut findings = check_place(&host, region(reference)?.as_deref(), &function);
    let misplaced = !findings.is_empty();
    let looked = match look(&registry, reference, &name, architecture, &mut findings).await {
        Ok(looked) => looked,
        // That is the lesser problem of one that is in the wrong place.
        Err(error) if misplaced => {
            findings.push(unread(&*error));
            Looked { digest, platform: None, size: None }
        }
        Err(error) => return Err(error),
    };
    report(&Report { name, function, looked, findings }, context)
}

/// The region in use, where nothing is in ECR.
async fn own_region(aws: &Aws, context: &Context) -> Result<String, Fail> {
    let session = super::super::targets::session(aws, None, &context.environment, http()?).await?;
    Ok(session.region().to_owned())
}

fn several(named: &[Reference], function: &str, fitting: usize) -> Fail {
    let list: String = named.iter().map(|reference| format!("\n  {reference}")).collect();
    let what = if fitting == 0 {
        format!("none of the images is in {function}, where the function is:{list}")
    } else {
        format!("several images are named, and a function has one:{list}")
    };
    CliError::input(what).hinted("name the one that is meant: `--image REPOSITORY@sha256:…`").into()
}

/// What was found in the registry.
struct Looked {
    digest: ManifestDigest,
    platform: Option<Platform>,
    size: Option<u64>,
}

/// Reads the image, and adds what Lambda does not want of it.
async fn look(
    registry: &AnyRegistry,
    reference: &Reference,
    name: &str,
    architecture: Option<Architecture>,
    findings: &mut Vec<Finding>,
) -> Result<Looked, Fail> {
    let mut stored = manifest(registry, reference, &manifest_id(reference), name).await?;
    if stored.media_type.is_index() {
        let index: Index = parsed(&stored, name)?;
        let Some(architecture) = architecture else {
            findings.push(index_refused(&index, name));
            return Ok(Looked { digest: stored.digest(), platform: None, size: None });
        };
        let child = match choose(&index, &architecture.platform(), "the index") {
            Ok(child) => child,
            Err(none) => {
                findings.push(not_in_index(&none, architecture));
                return Ok(Looked { digest: stored.digest(), platform: None, size: None });
            }
        };
        let id = ManifestId::Digest(child.digest.into());
        stored = manifest(registry, reference, &id, name).await?;
    }
    let digest = stored.digest();
    let parsed: Manifest = parsed(&stored, name)?;
    findings.extend(check_manifest(&stored.media_type, &parsed));
    let size = Some(compressed_size(&parsed));
    // The config of something else than an image would be read as one.
    if findings.iter().any(|finding| finding.rule == "config-type") {
        return Ok(Looked { digest, platform: None, size });
    }
    let config = fetch_document(registry, &reference.repository, &parsed.config).await?;
    let config: ImageConfig = serde_json::from_slice(&config).map_err(|error| {
        CliError::input(format!(
            "the config {} of {name}@{digest} can't be read: {error}",
            parsed.config.digest
        ))
        .hinted("build the image anew")
    })?;
    findings.extend(check_config(&config, &parsed, architecture));
    Ok(Looked { digest, platform: Some(config.platform), size })
}

async fn manifest(
    registry: &AnyRegistry,
    reference: &Reference,
    id: &ManifestId,
    name: &str,
) -> Result<StoredManifest, Fail> {
    match registry.manifest(&reference.repository, id).await? {
        Some(manifest) => Ok(manifest),
        None => Err(CliError::input(format!("`{id}` is not in the repository {name}"))
            .hinted("check the digest, and that the job which pushes the image has ended")
            .into()),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(stored: &StoredManifest, name: &str) -> Result<T, Fail> {
    serde_json::from_slice(&stored.bytes).map_err(|error| {
        CliError::input(format!("the manifest {} of {name} can't be read: {error}", stored.digest()))
            .hinted("build the image anew")
            .into()
    })
}

/// Everything that is to be told.
struct Report {
    name: String,
    function: String,
    looked: Looked,
    findings: Vec<Finding>,
}

fn report(report: &Report, context: &Context) -> Result<(), Fail> {
    let Report { name, function, looked, findings } = report;
    let uri = format!("{name}@{}", looked.digest);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        findings.iter().partition(|finding| finding.level == Level::Error);
    for Finding { message, hint, .. } in warnings {
        context.reporter.warn(format!("{uri}: {message}; {hint}"));
    }
    let taken = errors.is_empty();
    if taken && let (Some(platform), Some(size)) = (&looked.platform, looked.size) {
        let what = format!("{uri} is for {platform}, {} compressed", human::size(size));
        context.reporter.event(Event::Started { what });
    }
    let json = json!({
        "imageUri": taken.then_some(&uri),
        "digest": looked.digest,
        "platform": looked.platform,
        "architecture": looked.platform.as_ref().and_then(Architecture::of).map(|its| its.to_string()),
        "functionRegion": function,
        "compressedSize": looked.size,
        "ok": taken,
        "findings": findings,
    });
    // What is on stdout as text is an image to be deployed, so there is nothing if it can't be.
    if taken || context.printer.format == Format::Json {
        context.printer.result(&format!("{uri}\n"), &json)?;
    }
    if taken {
        return Ok(());
    }
    let mut message = format!("Lambda would not take {uri}: {}", human::count(errors.len(), "problem"));
    for Finding { rule, message: what, hint, .. } in errors {
        let _ = write!(message, "\n  {rule}: {}\n    {}", indented(what), indented(hint));
    }
    Err(CliError::gate(message).into())
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n    ")
}
