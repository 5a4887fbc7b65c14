//! `consign pull`: an image or index from a registry to the disk.

use super::Context;
use super::args::{Aws, RegistryOptions};
use super::bases::{Bases, SourceOptions};
use super::build::blocking;
use super::error::{Fail, bad_option};
use super::images::opened;
use super::targets::{manifest_id, references};
use crate::base::{Event, Platform, Reference, Tag, human};
use crate::build::ground::ImageFiles;
use crate::build::resolve::{check_platform, resolve};
use crate::image::{Form, LayoutWriter};
use crate::registry::{Bundle, ManifestId, RemoteImage, save};
use crate::tree::Tree;
use crate::tree::write::{self, Written};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use tokio::runtime::Handle;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Pull {
    /// The image or index: REPOSITORY:TAG or REPOSITORY@sha256:…
    #[arg(value_name = "REF")]
    reference: String,
    /// Where it goes
    #[arg(value_name = "DEST")]
    destination: PathBuf,
    /// What it is written as
    #[arg(long = "type", env = "CONSIGN_PULL_TYPE", value_name = "TYPE", default_value = "oci")]
    kind: Kind,
    /// The platform of the image (default: all platforms of an index; for docker and rootfs, this machine's)
    #[arg(long, env = "CONSIGN_PULL_PLATFORM", value_name = "OS/ARCH")]
    platform: Option<Platform>,
    #[command(flatten)]
    sources: SourceOptions,
    #[command(flatten)]
    registry: RegistryOptions,
    #[command(flatten)]
    aws: Aws,
}

/// What an image is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// An OCI layout: a tar if DEST ends in .tar, else a directory
    Oci,
    /// An archive for `docker load`
    Docker,
    /// The files of the image: a root file system in DEST, a directory that is new or empty
    Rootfs,
}

const EXAMPLES: &str = "\
Examples:
  An OCI layout with all platforms, checked byte by byte:
    consign pull shop/api:1.4 layout

  An archive for `docker load`:
    consign pull public.ecr.aws/docker/library/node:22 node.tar --type docker --platform linux/amd64

  Its files, as a container sees them:
    sudo consign pull shop/api:1.4 root --type rootfs

  Look into it, and push it elsewhere later:
    consign pull shop/api:1.4 api.tar && consign push api.tar ghcr.io/shop/api:1.4";

pub(super) async fn run(args: Pull, context: &Context) -> Result<(), Fail> {
    let reference = references("REF", std::slice::from_ref(&args.reference))?.remove(0);
    let form = match args.kind {
        Kind::Docker => Form::Docker,
        Kind::Oci if args.destination.extension().is_some_and(|extension| extension == "tar") => Form::Tar,
        Kind::Oci => Form::Directory,
        Kind::Rootfs => return Box::pin(rootfs(args, reference, context)).await,
    };
    // A wrong place is found before anything is read.
    LayoutWriter::create(&args.destination, form).map_err(|error| bad_option("DEST", error))?;
    let bases = Bases::new(&args.sources, &args.registry, &args.aws, context)?;
    let image = bases.open(&args.reference, reference.clone()).await?;
    let platform = match args.kind {
        Kind::Docker => Some(args.platform.unwrap_or_else(Platform::host)),
        Kind::Oci | Kind::Rootfs => args.platform,
    };
    let bundle = Bundle::read(&image, platform.as_ref()).await?;
    let names = names(reference, &image);
    let place = (args.destination.as_path(), form);
    save(&image, &bundle, place, &names, &context.reporter).await?;
    let (digest, blobs) = (bundle.manifest().digest(), bundle.blobs());
    let bytes: u64 = blobs.iter().map(|blob| blob.size).sum();
    let (count, size) = (human::count(blobs.len(), "blob"), human::size(bytes));
    let what = format!("{}: {count}, {size}, all checked", args.destination.display());
    context.reporter.event(Event::Started { what });
    context.reporter.finish();
    let repository = Reference { tag: None, digest: None, ..image.name.clone() };
    let images: Vec<_> = bundle.members.iter().map(|member| member.manifest.digest()).collect();
    let json = json!({
        "digest": digest,
        "reference": format!("{repository}@{digest}"),
        "mediaType": bundle.root.media_type,
        "destination": args.destination,
        "manifests": images,
        "blobs": blobs.len(),
        "size": bytes,
    });
    context.printer.result(&format!("{repository}@{digest}\n"), &json)
}

/// Writes the files of the image for one platform.
async fn rootfs(args: Pull, reference: Reference, context: &Context) -> Result<(), Fail> {
    let destination = args.destination;
    let folder = write::folder(&destination)?.to_owned();
    let bases = Bases::new(&args.sources, &args.registry, &args.aws, context)?;
    let image = bases.open(&args.reference, reference).await?;
    let repository = Reference { tag: None, digest: None, ..image.name.clone() };
    let (name, platform) = (args.reference, args.platform);
    let opened = opened(image, &Handle::current());
    // What is kept of layers lies on the disk that the files will be on.
    let files = ImageFiles::new(Arc::clone(&context.reporter)).kept_in(&folder);
    let (base, tree) = blocking(move || {
        let base = resolve(&name, &opened, &platform.clone().unwrap_or_else(Platform::host))?;
        if let Some(platform) = platform {
            check_platform(&base, &platform)?;
        }
        let base = Arc::new(base);
        let tree = files.files(&base, &|_| true)?.to_tree();
        Ok((base, tree))
    })
    .await?;
    let written = write_tree(tree, destination.clone()).await?;
    for warning in written.warnings() {
        context.reporter.warn(warning);
    }
    let digest = base.manifest.manifest_digest();
    let (count, size) = (written.entries, human::size(written.bytes));
    let what = format!("{}: {count} files and directories, {size}", destination.display());
    context.reporter.event(Event::Started { what });
    context.reporter.finish();
    let json = json!({
        "digest": digest,
        "reference": format!("{repository}@{digest}"),
        "mediaType": base.manifest.media_type(),
        "destination": destination,
        "platform": base.config.value().platform,
        "entries": written.entries,
        "size": written.bytes,
    });
    context.printer.result(&format!("{repository}@{digest}\n"), &json)
}

/// Writes on a thread. Dropped before it is done, it stops that thread, and waits until nothing is left of it.
async fn write_tree(tree: Tree, destination: PathBuf) -> Result<Written, Fail> {
    struct Writing(Arc<AtomicBool>, mpsc::Receiver<()>);
    impl Drop for Writing {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
            // It has ended once nobody can send any more.
            self.1.recv().ok();
        }
    }
    let (running, ended) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let _writing = Writing(Arc::clone(&stop), ended);
    blocking(move || {
        let written = write::write(&tree, &destination, &stop);
        drop::<mpsc::Sender<()>>(running);
        Ok(written?)
    })
    .await
}

/// What the image is called on disk: as it was asked for, in full. One that was asked for by its digest alone has no name.
fn names(reference: Reference, image: &RemoteImage) -> Vec<Reference> {
    let tag: Option<Tag> = match manifest_id(&reference) {
        ManifestId::Tag(tag) => Some(tag),
        ManifestId::Digest(_) => reference.tag.clone(),
    };
    let host = reference.host.clone().or_else(|| image.name.host.clone());
    tag.map(|tag| Reference { host, tag: Some(tag), digest: None, ..reference }).into_iter().collect()
}
