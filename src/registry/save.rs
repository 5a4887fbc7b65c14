//! From a registry to a disk: an image or index as an OCI layout or an archive.

use super::read::fetch;
use super::{Bundle, RemoteImage};
use crate::base::{Event, Failure, Reference, Reporter, human};
use crate::image::{Descriptor, Form, LayoutWriter, Root, WriteLayoutError};
use futures::StreamExt as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Blobs that are read at a time.
const AT_A_TIME: usize = 4;

/// Writes `bundle`, which was read from `image`, to `destination`, where it is called `names`. Each blob is checked on
/// the way. Dropped before its end, this leaves nothing behind.
pub async fn save(
    image: &RemoteImage,
    bundle: &Bundle,
    (destination, form): (&Path, Form),
    names: &[Reference],
    reporter: &Arc<dyn Reporter>,
) -> Result<(), Arc<dyn Failure>> {
    let writer = LayoutWriter::create(destination, form).map_err(failed)?;
    let blobs = bundle.blobs();
    let count = blobs.len();
    let jobs = blobs.iter().map(|blob| write(image, blob, &writer, destination));
    let mut done =
        futures::stream::iter(jobs).buffered(AT_A_TIME).zip(futures::stream::iter(&blobs)).enumerate();
    while let Some((index, (written, blob))) = done.next().await {
        written?;
        let (size, digest) = (human::size(blob.size), blob.digest.short());
        reporter.event(Event::Started { what: format!("{} of {count}: {size} sha256:{digest}", index + 1) });
    }
    drop(done);
    for member in &bundle.members {
        writer.put(&member.manifest.bytes).map_err(failed)?;
    }
    let root = Root { descriptor: bundle.root.clone(), names: names.to_vec() };
    // An archive is packed here.
    tokio::task::block_in_place(|| writer.finish(&[root])).map_err(failed)
}

async fn write(
    image: &RemoteImage,
    descriptor: &Descriptor,
    writer: &LayoutWriter,
    destination: &Path,
) -> Result<(), Arc<dyn Failure>> {
    let mut stream = fetch(&image.registry, image.repository(), descriptor).await.map_err(failed)?;
    let mut blob = writer.blob().map_err(failed)?;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(failed)?;
        blob.write_all(&chunk)
            .map_err(|source| failed(WriteLayoutError::Io { destination: destination.into(), source }))?;
    }
    blob.commit(descriptor.digest).map(|_| ()).map_err(failed)
}

fn failed(error: impl Failure + 'static) -> Arc<dyn Failure> {
    Arc::new(error)
}
