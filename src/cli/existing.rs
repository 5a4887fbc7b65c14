//! `consign push`, `inspect` and `validate`: images that exist already.

use super::Context;
use super::args::{Existing, Push};
use super::build::{blocking, name};
use super::error::{CliError, Fail, auth};
use super::results::ResultFiles;
use super::scan::AfterPush;
use super::tags::Derived;
use super::targets::{Registries, ensure_repository, manifest_id, references};
use crate::base::{BlobDigest, Event, ManifestDigest, MediaType, Reference, human};
use crate::ecr::repository::Wanted;
use crate::image::{Descriptor, ImageConfig, Index, Layout, Manifest, Report, validate as recompute};
use crate::publish::{Finished, publish_finished};
use crate::registry::distribution::Purpose;
use crate::registry::{AnyRegistry, Registry as _, RegistryError, RemoteBlobs, StoredManifest};
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

pub(super) async fn push(args: Push, context: &Context) -> Result<(), Fail> {
    let derived = Derived::new(references("REF", &args.references)?, &args.tag_rules, None, context)?;
    derived.tell(context);
    let names = derived.names;
    let registries = Registries::new(&args.registry, &args.aws)?;
    let targets = registries.targets(&names)?;
    let scan = AfterPush::check(&args.scan, &args.aws, true, &targets, &registries, context)?;
    let results = ResultFiles::check(&args.results, &context.environment)?;
    let source = args.source.clone();
    let image = blocking(move || finished(&source)).await?;
    let session = registries.session(&names, &[], &args.aws, &context.environment).await?;
    if let Some(session) = &session {
        session.authenticate().await.map_err(auth)?;
        context.reporter.event(Event::Authenticated { source: session.source().to_owned(), arn: None });
    }
    let mut published = Vec::new();
    for (reference, target) in &targets {
        let environment = &context.environment;
        let registry = registries.open(session.as_ref(), reference, Purpose::Push, environment).await?;
        let settings = Wanted::default();
        if args.registry.create_repository
            && ensure_repository(&registry, &target.repository, &settings, context).await?
        {
            context.reporter.event(Event::RepositoryCreated { repository: name(reference) });
        }
        published.push(publish_finished(&registry, &image, target, &context.reporter).await?);
    }
    let found = scan.pass(&registries, session.as_ref(), &targets, &published, context).await?;
    results.write(&published)?;
    let lines: String = published.iter().map(|image| image.reference() + "\n").collect();
    let mut json = json!({ "digest": published[0].digest, "published": published });
    if let Some(found) = found {
        json["scans"] = found;
    }
    context.printer.result(&lines, &json)?;
    Ok(())
}

/// The one image of a layout or archive.
fn finished(path: &Path) -> Result<Finished, Fail> {
    if !path.exists() {
        return Err(CliError::input(format!("`{}` does not exist", path.display()))
            .hinted("the first argument is an OCI layout or an archive: `consign build -o type=oci,dest=PATH` makes one")
            .into());
    }
    Ok(Finished::open(path)?)
}

/// An image that was named: on disk if there is something by that name, else in a registry.
enum Named {
    Disk(Arc<Layout>),
    Remote { registry: Box<AnyRegistry>, reference: Box<Reference>, manifest: StoredManifest },
}

async fn find(existing: &Existing, context: &Context) -> Result<Named, Fail> {
    let Existing { image: name, registry: options, aws } = existing;
    let path = Path::new(name);
    if path.exists() {
        let path = path.to_owned();
        return Ok(Named::Disk(Arc::new(blocking(move || Ok(Layout::open(&path)?)).await?)));
    }
    let not_found = |error: Fail| -> Fail {
        CliError::input(format!(
            "`{name}` is neither a file or directory nor an image in a registry: {error}"
        ))
        .into()
    };
    let reference = references("IMAGE", std::slice::from_ref(name)).map_err(not_found)?.remove(0);
    let registries = Registries::new(options, aws)?;
    let names = [reference.clone()];
    let session = registries.session(&[], &names, aws, &context.environment).await?;
    if let Some(session) = &session {
        session.authenticate().await.map_err(auth)?;
    }
    let environment = &context.environment;
    let registry = registries.open(session.as_ref(), &reference, Purpose::Pull, environment).await?;
    let id = manifest_id(&reference);
    match registry.manifest(&reference.repository, &id).await? {
        Some(manifest) => {
            Ok(Named::Remote { registry: Box::new(registry), reference: Box::new(reference), manifest })
        }
        None => Err(CliError::input(format!(
            "there is no image `{id}` in the repository `{}`",
            reference.repository
        ))
        .into()),
    }
}

pub(super) async fn inspect(args: Existing, context: &Context) -> Result<(), Fail> {
    let named = find(&args, context).await?;
    let (media_type, bytes, config) = match named {
        Named::Disk(layout) => {
            blocking(move || {
                let root = layout.root(None)?.clone();
                if root.media_type.is_index() {
                    let index = layout.document::<Index>(&root)?;
                    return Ok((root.media_type, index.bytes().to_vec(), None));
                }
                let image = layout.image(&root, None)?;
                let config = image.config.value().clone();
                Ok((root.media_type, image.manifest.bytes().to_vec(), Some(config)))
            })
            .await?
        }
        Named::Remote { registry, reference, manifest } => {
            let config = match serde_json::from_slice::<Manifest>(&manifest.bytes) {
                Ok(parsed) if manifest.media_type.is_manifest() => {
                    let bytes = download(&registry, &reference, &parsed.config).await?;
                    serde_json::from_slice(&bytes).ok()
                }
                _ => None,
            };
            (manifest.media_type, manifest.bytes, config)
        }
    };
    let (text, json) = describe(&media_type, &bytes, config.as_ref())?;
    context.printer.result(&text, &json)?;
    Ok(())
}

/// A small blob in memory, checked against its digest.
async fn download(registry: &AnyRegistry, reference: &Reference, blob: &Descriptor) -> Result<Vec<u8>, Fail> {
    const MOST: u64 = 16 * 1024 * 1024;
    let mut bytes = Vec::new();
    let mut stream = registry.download(&reference.repository, &blob.digest).await?;
    while let Some(chunk) = stream.try_next().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > MOST {
            return Err(CliError::input(format!("{} is too large for a config", blob.digest)).into());
        }
    }
    let found = BlobDigest::of(&bytes);
    if found == blob.digest {
        return Ok(bytes);
    }
    Err(RegistryError::Corrupt {
        what: format!("the config of {reference}"),
        expected: blob.digest.to_string(),
        found: found.to_string(),
    }
    .into())
}

/// What an image is made of, for people and for machines.
fn describe(
    media_type: &MediaType,
    bytes: &[u8],
    config: Option<&ImageConfig>,
) -> Result<(String, Value), Fail> {
    let digest = ManifestDigest::of(bytes);
    let unreadable = |error: serde_json::Error| CliError::input(format!("{digest} can't be read: {error}"));
    let document: Value = serde_json::from_slice(bytes).map_err(unreadable)?;
    let mut text = format!("digest     {digest}\ntype       {media_type}\n");
    if media_type.is_index() {
        let index: Index = serde_json::from_slice(bytes).map_err(unreadable)?;
        for child in &index.manifests {
            let platform = child.platform.as_ref().map_or_else(|| "-".into(), ToString::to_string);
            let _ = writeln!(text, "manifest   {platform:14} {}", child.digest);
        }
    } else {
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(unreadable)?;
        if let Some(config) = config {
            describe_config(&mut text, config);
        }
        let made: Vec<_> =
            config.iter().flat_map(|config| &config.history).filter(|entry| !entry.empty_layer).collect();
        for (position, layer) in manifest.layers.iter().enumerate() {
            let by = made.get(position).and_then(|entry| entry.created_by.as_deref()).unwrap_or("");
            let line = format!("layer      {} {:>8}  {by}", layer.digest, human::size(layer.size));
            text.push_str(line.trim_end());
            text.push('\n');
        }
        let total: u64 = manifest.layers.iter().map(|layer| layer.size).sum();
        let _ = writeln!(text, "size       {} compressed", human::size(total));
    }
    let json = json!({
        "digest": digest,
        "mediaType": media_type,
        "size": bytes.len(),
        "manifest": document,
        "config": config,
    });
    Ok((text, json))
}

fn describe_config(text: &mut String, config: &ImageConfig) {
    let _ = writeln!(text, "platform   {}", config.platform);
    if let Some(created) = &config.created {
        let _ = writeln!(text, "created    {created}");
    }
    let Some(run) = &config.config else { return };
    let list = |words: &Option<Vec<String>>| words.as_ref().map(|words| json!(words).to_string());
    let rows = [
        ("entrypoint", list(&run.entrypoint)),
        ("cmd", list(&run.cmd)),
        ("workdir", run.working_dir.clone()),
        ("user", run.user.clone()),
        ("signal", run.stop_signal.clone()),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            let _ = writeln!(text, "{name:10} {value}");
        }
    }
    for variable in &run.env {
        let _ = writeln!(text, "env        {variable}");
    }
    for port in run.exposed_ports.keys() {
        let _ = writeln!(text, "port       {port}");
    }
    for (key, value) in &run.labels {
        let _ = writeln!(text, "label      {key}={value}");
    }
}

pub(super) async fn validate(args: Existing, context: &Context) -> Result<(), Fail> {
    let report = match find(&args, context).await? {
        Named::Disk(layout) => {
            blocking(move || {
                let root = layout.root(None)?.digest;
                Ok(recompute(&*layout, root.into()))
            })
            .await?
        }
        Named::Remote { registry, reference, manifest } => {
            let digest = manifest.digest();
            let runtime = tokio::runtime::Handle::current();
            let blobs = RemoteBlobs::new(*registry, reference.repository.clone(), runtime);
            blocking(move || Ok(recompute(&blobs, digest))).await?
        }
    };
    tell(&report, context)?;
    if report.is_valid() {
        return Ok(());
    }
    let number = human::count(report.violations.len(), "problem");
    Err(CliError::gate(format!("`{}` is not valid: {number}", args.image)).into())
}

fn tell(report: &Report, context: &Context) -> Result<(), Fail> {
    let list = |violations: &[crate::image::Violation]| {
        violations.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let (violations, notes) = (list(&report.violations), list(&report.notes));
    let mut text = String::new();
    for line in &violations {
        let _ = writeln!(text, "wrong  {line}");
    }
    for line in &notes {
        let _ = writeln!(text, "note   {line}");
    }
    let _ = writeln!(
        text,
        "{}: {}, {}",
        if report.is_valid() { "valid" } else { "not valid" },
        human::count(report.images, "image"),
        human::count(report.layers, "layer")
    );
    let json = json!({
        "valid": report.is_valid(),
        "images": report.images,
        "layers": report.layers,
        "violations": violations,
        "notes": notes,
    });
    context.printer.result(&text, &json)
}
