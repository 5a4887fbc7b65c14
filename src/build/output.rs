//! Writing the images that recipes make to disk.

use super::{LayerFacts, LayerKind, Recipes};
use crate::base::{Event, Failure, ManifestDigest, Reference, Reporter};
use crate::image::{Descriptor, Form, LayoutWriter, Root, WriteLayoutError};
use crate::registry::{Cancelled, Made, Source, SourceError};
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

/// Makes the images, writes them to each of `outputs` under `names`, and gives the digest of the one image or of the
/// index, and what the layers are. Each layer is made or read once, for all outputs together. Without outputs it only tells
/// the digest: a layer of an image that is built on is not read for that, nor is one made that the layer cache knows by
/// its files.
pub fn write(
    recipes: &Recipes,
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
        tell(recipes, reporter)?
    } else {
        (0..recipes.layers().len())
            .map(|index| write_layer(recipes, index, outputs, &writers, reporter))
            .collect::<Result<_, _>>()?
    };
    for (layer, facts) in recipes.layers().iter().zip(&facts) {
        if let LayerKind::Made { recipe, index } = layer.kind {
            recipes.recipes()[recipe].learn(index, facts);
        }
    }
    let documents = recipes.documents(&facts);
    let (bytes, media_type) = documents.root();
    let digest = ManifestDigest::of(bytes);
    for writer in writers {
        for (config, manifest) in &documents.images {
            writer.put(config.bytes()).map_err(unwritten)?;
            writer.put(manifest.bytes()).map_err(unwritten)?;
        }
        let mut descriptor = Descriptor::new(media_type.clone(), digest.into(), bytes.len() as u64);
        if documents.index.is_some() {
            writer.put(bytes).map_err(unwritten)?;
        } else {
            descriptor.platform = Some(recipes.first().platform().clone());
        }
        writer.finish(&[Root { descriptor, names: names.to_vec() }]).map_err(unwritten)?;
    }
    Ok((digest, facts))
}

/// Gives the bytes of layer `number` to `sink`, and tells of it.
fn make(
    recipes: &Recipes,
    number: usize,
    sink: crate::registry::Sink<'_>,
    reporter: &Arc<dyn Reporter>,
) -> Result<Made, SourceError> {
    let layer = &recipes.layers()[number];
    let (bytes, source): (u64, Box<dyn Source>) = match &layer.kind {
        LayerKind::Given(given) => (given.facts.descriptor.size, Box::new(given.source(&layer.name))),
        LayerKind::Made { recipe, index } => {
            let source = recipes.recipes()[*recipe].source(*index, number, reporter);
            (recipes.made(*recipe, *index).tree.content_size(), Box::new(source))
        }
    };
    let name = layer.name.clone();
    reporter.event(Event::LayerStarted { index: number, name, bytes: Some(bytes) });
    source.write_to(sink)
}

/// The facts of layer `number`, of which `made` was made.
fn facts(recipes: &Recipes, number: usize, made: &Made) -> LayerFacts {
    match &recipes.layers()[number].kind {
        LayerKind::Given(layer) => layer.facts.clone(),
        LayerKind::Made { .. } => recipes.first().facts(made),
    }
}

/// What the layers are. All are made at once, and their bytes go nowhere.
fn tell(recipes: &Recipes, reporter: &Arc<dyn Reporter>) -> Result<Vec<LayerFacts>, Arc<dyn Failure>> {
    let tell = |number: usize| {
        match &recipes.layers()[number].kind {
            LayerKind::Given(layer) => return Ok(layer.facts.clone()),
            LayerKind::Made { recipe, index } => {
                if let Some(known) = recipes.recipes()[*recipe].by_files(*index) {
                    return Ok(known);
                }
            }
        }
        match make(recipes, number, &mut |_| Ok(()), reporter) {
            Ok(made) => Ok(facts(recipes, number, &made)),
            Err(SourceError::Failed(error)) => Err(error),
            Err(SourceError::Cancelled) => unreachable!("invariant: only the sink cancels"),
        }
    };
    let tell = &tell;
    // These threads only wait for the workers.
    std::thread::scope(|scope| {
        let layers: Vec<_> =
            (0..recipes.layers().len()).map(|number| scope.spawn(move || tell(number))).collect();
        layers
            .into_iter()
            .map(|layer| layer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn write_layer(
    recipes: &Recipes,
    number: usize,
    outputs: &[Output],
    writers: &[LayoutWriter],
    reporter: &Arc<dyn Reporter>,
) -> Result<LayerFacts, Arc<dyn Failure>> {
    let mut blobs: Vec<_> =
        writers.iter().map(LayoutWriter::blob).collect::<Result<_, _>>().map_err(unwritten)?;
    let mut broken = None;
    let mut write = |bytes: bytes::Bytes| {
        for (blob, output) in blobs.iter_mut().zip(outputs) {
            if let Err(source) = blob.write_all(&bytes) {
                broken = Some(WriteLayoutError::Io { destination: output.dest.clone(), source });
                return Err(Cancelled);
            }
        }
        Ok(())
    };
    let made = make(recipes, number, &mut write, reporter);
    let made = match (made, broken) {
        (Ok(made), _) => made,
        (Err(_), Some(broken)) => return Err(unwritten(broken)),
        (Err(SourceError::Failed(error)), None) => return Err(error),
        (Err(SourceError::Cancelled), None) => unreachable!("invariant: only the sink cancels"),
    };
    for blob in blobs {
        blob.commit(made.digest).map_err(unwritten)?;
    }
    Ok(facts(recipes, number, &made))
}

fn unwritten(error: WriteLayoutError) -> Arc<dyn Failure> {
    Arc::new(error)
}
