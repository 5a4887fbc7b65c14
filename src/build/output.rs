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

/// Makes the image, writes it to each of `outputs` under `names`, and gives its digest and what its layers are. Each
/// layer is made once, for all outputs together. Without outputs it only tells the digest, and a layer that the layer
/// cache knows by its files is not made for that.
pub fn write(
    recipe: &Recipe,
    outputs: &[Output],
    names: &[Reference],
    reporter: &Arc<dyn Reporter>,
) -> Result<(ManifestDigest, Vec<LayerFacts>), Arc<dyn Failure>> {
    let writers: Vec<_> = outputs
        .iter()
        .map(|output| LayoutWriter::create(&output.dest, output.form))
        .collect::<Result<_, _>>()
        .map_err(unwritten)?;
    let facts = if writers.is_empty() {
        tell(recipe, reporter)?
    } else {
        (0..recipe.layers.len())
            .map(|index| write_layer(recipe, index, outputs, &writers, reporter))
            .collect::<Result<_, _>>()?
    };
    for (index, facts) in facts.iter().enumerate() {
        recipe.learn(index, facts);
    }
    let (config, manifest) = recipe.documents(&facts);
    for writer in writers {
        writer.put(config.bytes()).map_err(unwritten)?;
        writer.put(manifest.bytes()).map_err(unwritten)?;
        let mut descriptor = manifest.descriptor();
        descriptor.platform = Some(recipe.platform().clone());
        writer.finish(&[Root { descriptor, names: names.to_vec() }]).map_err(unwritten)?;
    }
    Ok((manifest.manifest_digest(), facts))
}

fn started(recipe: &Recipe, index: usize, reporter: &Arc<dyn Reporter>) {
    let layer = &recipe.layers[index];
    let bytes = Some(layer.tree.content_size());
    reporter.event(Event::LayerStarted { index, name: layer.name.clone(), bytes });
}

/// What the layers are. All are made at once, and their bytes go nowhere.
fn tell(recipe: &Recipe, reporter: &Arc<dyn Reporter>) -> Result<Vec<LayerFacts>, Arc<dyn Failure>> {
    let make = |index: usize| {
        if let Some(known) = recipe.by_files(index) {
            return Ok(known);
        }
        started(recipe, index, reporter);
        match recipe.source(index, reporter).write_to(&mut |_| Ok(())) {
            Ok(made) => Ok(recipe.facts(&made)),
            Err(SourceError::Failed(error)) => Err(error),
            Err(SourceError::Cancelled) => unreachable!("invariant: only the sink cancels"),
        }
    };
    let make = &make;
    // These threads only wait for the workers.
    std::thread::scope(|scope| {
        let layers: Vec<_> = (0..recipe.layers.len()).map(|index| scope.spawn(move || make(index))).collect();
        layers
            .into_iter()
            .map(|layer| layer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn write_layer(
    recipe: &Recipe,
    index: usize,
    outputs: &[Output],
    writers: &[LayoutWriter],
    reporter: &Arc<dyn Reporter>,
) -> Result<LayerFacts, Arc<dyn Failure>> {
    started(recipe, index, reporter);
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
    Ok(recipe.facts(&made))
}

fn unwritten(error: WriteLayoutError) -> Arc<dyn Failure> {
    Arc::new(error)
}
