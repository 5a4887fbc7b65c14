//! Writing the image that a recipe makes to disk.

use super::{LayerFacts, Recipe};
use crate::base::{Event, Failure, ManifestDigest, Reference, Reporter};
use crate::image::{Form, LayoutWriter, Root, WriteLayoutError};
use crate::registry::{Cancelled, Source as _, SourceError};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

/// A place for the image on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// In which form it lies there.
    pub form: Form,
    /// Where.
    pub dest: PathBuf,
}

/// Makes the image, writes it to each of `outputs` under `names`, and gives its digest. Each layer is made once, for
/// all outputs together. Without outputs it only tells the digest.
pub fn write(
    recipe: &Recipe,
    outputs: &[Output],
    names: &[Reference],
    reporter: &Arc<dyn Reporter>,
) -> Result<ManifestDigest, Arc<dyn Failure>> {
    let writers: Vec<_> = outputs
        .iter()
        .map(|output| LayoutWriter::create(&output.dest, output.form))
        .collect::<Result<_, _>>()
        .map_err(unwritten)?;
    let mut facts: Vec<LayerFacts> = Vec::with_capacity(recipe.layers.len());
    for (index, layer) in recipe.layers.iter().enumerate() {
        reporter.event(Event::LayerStarted {
            index,
            name: layer.name.clone(),
            bytes: Some(layer.tree.content_size()),
        });
        let mut blobs: Vec<_> =
            writers.iter().map(LayoutWriter::blob).collect::<Result<_, _>>().map_err(unwritten)?;
        let mut broken = None;
        let made = recipe.source(index, reporter).write_to(&mut |bytes| {
            for (blob, output) in blobs.iter_mut().zip(outputs) {
                if let Err(source) = blob.write_all(&bytes) {
                    broken = Some(WriteLayoutError::Io { destination: output.dest.clone(), source });
                    return Err(Cancelled);
                }
            }
            Ok(())
        });
        let made = match (made, broken) {
            (Ok(made), _) => made,
            (Err(_), Some(broken)) => return Err(unwritten(broken)),
            (Err(SourceError::Failed(error)), None) => return Err(error),
            (Err(SourceError::Cancelled), None) => unreachable!("invariant: only the sink cancels"),
        };
        for blob in blobs {
            blob.commit(made.digest).map_err(unwritten)?;
        }
        facts.push(recipe.facts(&made));
    }
    let (config, manifest) = recipe.documents(&facts);
    for writer in writers {
        writer.put(config.bytes()).map_err(unwritten)?;
        writer.put(manifest.bytes()).map_err(unwritten)?;
        let mut descriptor = manifest.descriptor();
        descriptor.platform = Some(recipe.platform.clone());
        writer.finish(&[Root { descriptor, names: names.to_vec() }]).map_err(unwritten)?;
    }
    Ok(manifest.manifest_digest())
}

fn unwritten(error: WriteLayoutError) -> Arc<dyn Failure> {
    Arc::new(error)
}
