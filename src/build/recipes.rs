//! What is built at once: an image, or an image for each of several platforms. What they share is there once.

use super::config;
use super::{GivenLayer, LayerFacts, Recipe, RecipeLayer};
use crate::base::{BlobDigest, Platform};
use crate::image::{Annotations, Document, ImageConfig, Index, JoinError, Manifest, Part, join};
use crate::tree::Fingerprint;
use std::collections::HashMap;
use std::sync::Arc;

/// One recipe or several, with their layers, each of which is there once.
#[derive(Debug, Clone)]
pub struct Recipes {
    all: Vec<Recipe>,
    layers: Vec<LayerOf>,
    /// The layers of each recipe, the lowest first.
    of: Vec<Vec<usize>>,
    annotations: Annotations,
}

/// A layer of one recipe or several.
#[derive(Debug, Clone)]
pub struct LayerOf {
    /// For messages.
    pub name: String,
    /// What it is.
    pub kind: LayerKind,
}

/// Where a layer comes from.
#[derive(Debug, Clone)]
pub enum LayerKind {
    /// From an image that is built on.
    Given(Box<GivenLayer>),
    /// It is made here.
    Made {
        /// The first recipe that has it.
        recipe: usize,
        /// Which of the layers that are made for that one.
        index: usize,
    },
}

/// The documents of everything that is built.
#[derive(Debug, Clone)]
pub struct Documents {
    /// Of each recipe.
    pub images: Vec<(Document<ImageConfig>, Document<Manifest>)>,
    /// If there are several.
    pub index: Option<Document<Index>>,
}

impl Documents {
    /// What has a name in the end: the index, or the one image.
    pub fn root(&self) -> (&[u8], &crate::base::MediaType) {
        match &self.index {
            Some(index) => (index.bytes(), index.media_type()),
            None => (self.images[0].1.bytes(), self.images[0].1.media_type()),
        }
    }
}

impl Recipes {
    /// `recipes`, of which there is at least one, each for one of `platforms`. `annotations` take the place of those that
    /// they have.
    pub fn new(
        platforms: &[Platform],
        mut recipes: Vec<Recipe>,
        annotations: Annotations,
    ) -> Result<Self, JoinError> {
        let Some(first) = recipes.first() else { return Err(JoinError::Nothing) };
        let (workers, cache) = (Arc::clone(&first.workers), Arc::clone(&first.cache));
        for (recipe, platform) in recipes.iter_mut().zip(platforms) {
            recipe.annotations = annotations.of_manifest(platform);
            recipe.config.platform = config::platform(recipe.platform(), platform);
            // One set of threads, and one file in which it is kept what is known.
            (recipe.workers, recipe.cache) = (Arc::clone(&workers), Arc::clone(&cache));
        }
        let (layers, of) = distinct(&recipes);
        let these = Self { all: recipes, layers, of, annotations };
        if these.all.len() > 1 {
            // Whether they go together does not depend on what is in them.
            let parts = these.all.iter().enumerate().map(|(number, recipe)| {
                let digest = BlobDigest::of(&number.to_le_bytes());
                let descriptor =
                    crate::image::Descriptor::new(crate::base::MediaType::OCI_MANIFEST, digest, 1);
                Part::image("an image".into(), descriptor, recipe.platform().clone())
            });
            join(parts.collect(), these.annotations.of_index())?;
        }
        Ok(these)
    }

    /// The recipes.
    pub fn recipes(&self) -> &[Recipe] {
        &self.all
    }

    /// The first one; threads and what is known of layers are the same for all.
    pub fn first(&self) -> &Recipe {
        &self.all[0]
    }

    /// For which platforms there is one.
    pub fn platforms(&self) -> Vec<Platform> {
        self.all.iter().map(|recipe| recipe.platform().clone()).collect()
    }

    /// All layers, each once.
    pub fn layers(&self) -> &[LayerOf] {
        &self.layers
    }

    /// The layer that is made as number `index` for recipe `recipe`.
    pub fn made(&self, recipe: usize, index: usize) -> &RecipeLayer {
        &self.all[recipe].layers[index]
    }

    /// The documents; `facts` are those of [`layers`](Self::layers).
    pub fn documents(&self, facts: &[LayerFacts]) -> Documents {
        let images: Vec<_> = self
            .all
            .iter()
            .zip(&self.of)
            .map(|(recipe, of)| {
                let own: Vec<_> = of[recipe.base.len()..].iter().map(|index| facts[*index].clone()).collect();
                recipe.documents(&own)
            })
            .collect();
        let index = (images.len() > 1).then(|| {
            let parts = images.iter().zip(&self.all).map(|((_, manifest), recipe)| {
                let mut descriptor = manifest.descriptor();
                descriptor.annotations = self.annotations.of_descriptor(recipe.platform());
                Part::image(recipe.platform().to_string(), descriptor, recipe.platform().clone())
            });
            join(parts.collect(), self.annotations.of_index())
                .expect("invariant: they were found to go together")
        });
        Documents { images, index }
    }
}

/// An image's name as it is told from others in one build: without registry, folder and digest.
fn short(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or(name);
    name.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(name)
}

/// What makes two layers the same.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Blob(BlobDigest),
    Files(Fingerprint),
}

/// All layers of the recipes, each once, and which of them each recipe has. Layers that are made are the same if their
/// files are.
fn distinct(recipes: &[Recipe]) -> (Vec<LayerOf>, Vec<Vec<usize>>) {
    let several = recipes.len() > 1;
    let (mut layers, mut users) = (Vec::<LayerOf>::new(), Vec::<usize>::new());
    let mut known: HashMap<Identity, usize> = HashMap::new();
    let mut of = Vec::new();
    for (number, recipe) in recipes.iter().enumerate() {
        let mut own = Vec::new();
        let given = recipe.base.iter().enumerate().map(|(index, layer)| {
            let name = format!("{} {}/{}", short(&layer.image.name), index + 1, recipe.base.len());
            (
                LayerOf { name, kind: LayerKind::Given(Box::new(layer.clone())) },
                Some(layer.facts.descriptor.digest),
            )
        });
        let made = recipe.layers.iter().enumerate().map(|(index, layer)| {
            let kind = LayerKind::Made { recipe: number, index };
            (LayerOf { name: layer.name.clone(), kind }, None)
        });
        for (layer, blob) in given.chain(made) {
            let identity = match (&layer.kind, blob) {
                (_, Some(digest)) => Some(Identity::Blob(digest)),
                (LayerKind::Made { index, .. }, None) if several => {
                    Some(Identity::Files(recipe.layers[*index].tree.fingerprint()))
                }
                // One recipe may have the same layer twice, and then makes it twice: it is small, or a mistake.
                _ => None,
            };
            let place = layers.len();
            let place = identity.map_or(place, |identity| *known.entry(identity).or_insert(place));
            if place == layers.len() {
                layers.push(layer);
                users.push(0);
            }
            users[place] += 1;
            own.push(place);
        }
        of.push(own);
    }
    if several {
        // Whoever reads the messages wants to know of which image the layer is that not all have.
        for ((number, layer), users) in layers.iter_mut().enumerate().zip(users) {
            if users < recipes.len()
                && let Some(recipe) = of.iter().position(|own| own.contains(&number))
            {
                layer.name = format!("{} ({})", layer.name, recipes[recipe].platform());
            }
        }
    }
    (layers, of)
}
