//! Why manifests are not rendered.

use super::super::yaml::YamlError;
use super::ValuesPath;
use crate::base::suggest::nearest;
use crate::base::{Failure, Kind};

/// Nothing was rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KubernetesError {
    /// A file is not YAML.
    #[error("{file}: {error}")]
    Yaml {
        /// The file.
        file: String,
        /// What is wrong, and where.
        error: YamlError,
    },
    /// Merge keys of merge keys, too many of them.
    #[error("{file}: its merge keys bring in more than can be looked at")]
    Tangled {
        /// The file.
        file: String,
    },
    /// No image of a repository.
    #[error(
        "no image in these files is of the repository `{repository}`{}",
        listed("images that are there", images)
    )]
    NoImage {
        /// The repository.
        repository: String,
        /// The images that are there.
        images: Vec<String>,
        /// Whether a template makes some.
        templated: bool,
    },
    /// No container of a name.
    #[error(
        "no container in these files that has an image is named `{name}`{}",
        listed("containers that are there", names)
    )]
    NoContainer {
        /// The name.
        name: String,
        /// The names that are there.
        names: Vec<String>,
        /// Whether a template makes some.
        templated: bool,
    },
    /// A path that leads nowhere.
    #[error("{}", no_path(path, *found, keys))]
    NoPath {
        /// The path.
        path: ValuesPath,
        /// The steps that lead somewhere.
        found: usize,
        /// The keys where it ends.
        keys: Vec<String>,
    },
    /// A value that can hold no image.
    #[error("{file}:{line}: `{path}` can't be set to an image: {what}")]
    NotAnImage {
        /// The file.
        file: String,
        /// Its line.
        line: usize,
        /// The path.
        path: ValuesPath,
        /// Why.
        what: &'static str,
    },
    /// No tag to write in front of a digest.
    #[error(
        "{file}:{line}: `{path}` has no `digest`, and its `tag` is empty, so there is nothing to write the digest behind"
    )]
    NoTag {
        /// The file.
        file: String,
        /// Its line.
        line: usize,
        /// The path.
        path: ValuesPath,
        /// The repository of the image.
        repository: String,
    },
    /// Several images, and none is for this place.
    #[error("{file}:{line}: which of the images shall take the place of `{old}`?")]
    WhichImage {
        /// The file.
        file: String,
        /// Its line.
        line: usize,
        /// What is there.
        old: String,
    },
    /// A scalar that two share, of which one shall change.
    #[error(
        "{file}:{line}: this image is shared by several containers, of which not all are to change alike"
    )]
    Shared {
        /// The file.
        file: String,
        /// Its line.
        line: usize,
    },
    /// A place where nothing can be written.
    #[error("{file}:{line}: nothing can be written here without changing more than a value")]
    NoPlace {
        /// The file.
        file: String,
        /// Its line.
        line: usize,
    },
    /// A fault of this program, found before anything was written.
    #[error("{file}:{line}: the rendered text would mean something else than it should")]
    Unfaithful {
        /// The file.
        file: String,
        /// Its line.
        line: usize,
    },
}

impl Failure for KubernetesError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unfaithful { .. } => Kind::Internal,
            _ => Kind::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        const TEMPLATE: &str = "some images are made by templates; pin the values that these read: `--helm-path api.image` with the file of \
                                values";
        match self {
            Self::NoImage { repository, images, templated } => {
                let names: Vec<_> = images.iter().map(|image| super::spelled(image)).collect();
                let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
                let near = nearest(repository, names.iter().copied()).filter(|near| near != repository);
                let near = near.or_else(|| names.iter().copied().find(|name| last(name) == last(repository)));
                Some(match near {
                    Some(near) => format!(
                        "`{near}` is there, which is another repository: name the container with `--container NAME`, or the \
                         repository as the files do"
                    ),
                    None if *templated => TEMPLATE.into(),
                    None => "name the container with `--container NAME`, or the value of a chart with `--helm-path PATH`".into(),
                })
            }
            Self::NoContainer { name, names, templated } => {
                match nearest(name, names.iter().map(String::as_str)) {
                    Some(near) if near != name => Some(format!("did you mean `{near}`?")),
                    _ => templated.then(|| TEMPLATE.into()),
                }
            }
            Self::NoPath { path, found, keys } => {
                let near = nearest(path.up_to(*found).1, keys.iter().map(String::as_str))?;
                Some(format!("did you mean `{near}`?"))
            }
            Self::NotAnImage { .. } => Some(
                "a path leads to a string, or to a mapping with `repository` and `tag` or `digest`; set up the one that the chart reads"
                    .into(),
            ),
            Self::NoTag { repository, .. } => Some(format!(
                "name the image with its tag, {repository}:TAG@sha256:…, or give the values a `digest:` if the chart reads it"
            )),
            Self::WhichImage { .. } => Some("say it: `--container NAME=REPOSITORY@sha256:…`, or `--helm-path PATH=…`".into()),
            Self::Shared { .. } => Some("give each of them an `image:` of its own".into()),
            Self::NoPlace { .. } => Some("write a value there, such as the repository's name".into()),
            Self::Unfaithful { .. } => {
                Some("please report it with the file; nothing was written".into())
            }
            Self::Yaml { .. } | Self::Tangled { .. } => None,
        }
    }
}

/// How many of a kind a message names.
const SHOWN: usize = 12;

/// What is there, a line each.
fn listed(what: &str, all: &[String]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut text = format!("\n  {what}:");
    for one in all.iter().take(SHOWN) {
        text.extend(["\n    ", one]);
    }
    if all.len() > SHOWN {
        let more = all.len() - SHOWN;
        text.extend([format!("\n    and {more} more")]);
    }
    text
}

fn no_path(path: &ValuesPath, found: usize, keys: &[String]) -> String {
    let (before, missing) = path.up_to(found);
    let place = if before.is_empty() { "it".to_owned() } else { format!("`{before}`") };
    let there = match keys.len() {
        0 => "which has no keys".to_owned(),
        n => {
            let more = if n > SHOWN { ", …" } else { "" };
            format!("which has {}{more}", keys.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "))
        }
    };
    format!("`{path}` is in none of these files: there is no `{missing}` in {place}, {there}")
}
