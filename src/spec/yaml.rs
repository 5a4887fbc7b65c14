//! `consign.yaml`: a build without a Dockerfile, as text, into a [`Plan`].
//!
//! Everything that is wrong is reported at once, each with its place. Nothing is guessed: an unknown key is an
//! error, so a typing mistake can't silently lose a setting.

mod check;
mod node;
mod repository;

use super::plan::{ImageSettings, LayerPlan, Modes, Plan};
use super::problem::SpecError;
use crate::base::docker_name;
pub(crate) use check::{Checker, Fields};
use node::Document;
pub(crate) use node::Node;
use repository::repository;
use std::path::Path;

/// The version of the format that this program reads.
pub const API_VERSION: &str = "consign/v1";

/// Reads the text of a `consign.yaml`; `file` is its name in messages. `layers` is empty if the key is left
/// out, which means all of the context in one layer; where that goes, the caller knows.
pub fn parse(file: &Path, text: &str) -> Result<Plan, SpecError> {
    read(file, text, "consign.yaml", plan)
}

/// Reads a text by the rules of a `consign.yaml`, for rooms that have files of their own. Messages call the whole of it
/// `whole`; `read` gives none if something is wrong, of which the checker knows.
pub(crate) fn read<T>(
    file: &Path,
    text: &str,
    whole: &'static str,
    read: impl FnOnce(&mut Checker, &Node) -> Option<T>,
) -> Result<T, SpecError> {
    let document = Document::parse(text).map_err(|problem| SpecError::new(file, vec![problem]))?;
    let mut checker = Checker::new(whole);
    let value = read(&mut checker, document.root());
    match (value, checker.into_problems(&document)) {
        (Some(value), problems) if problems.is_empty() => Ok(value),
        (_, problems) => Err(SpecError::new(file, problems)),
    }
}

/// Notes if a file does not begin with the version that this program reads.
pub(crate) fn api_version(checker: &mut Checker, root: &Node, fields: &Fields<'_>) -> Option<()> {
    match fields.text(checker, "apiVersion") {
        Some(version) if version != API_VERSION => {
            let node = fields.get("apiVersion")?;
            let message = format!("`{version}` is not a version of this format that this consign reads");
            checker.fail(node, message, Some(format!("write `apiVersion: {API_VERSION}`")));
        }
        None if fields.get("apiVersion").is_none() => {
            let hint = format!("begin with `apiVersion: {API_VERSION}`");
            checker.fail(root, "there is no `apiVersion`".into(), Some(hint));
        }
        _ => {}
    }
    Some(())
}

/// None if something is wrong; then `checker` knows what. The same goes for all functions below.
fn plan(checker: &mut Checker, root: &Node) -> Option<Plan> {
    let keys = ["apiVersion", "base", "platforms", "layers", "config", "repository"];
    let fields = checker.map(root, "", &keys)?;
    api_version(checker, root, &fields)?;
    let base = match fields.text(checker, "base") {
        Some("scratch") | None => None,
        Some(text) => match base_name(text) {
            Ok(()) => Some(text.to_owned()),
            Err(error) => {
                checker.fail(fields.get("base")?, error.to_string(), None);
                None
            }
        },
    };
    let platforms = fields.items(checker, "platforms", Checker::parse);
    let layers = fields.items(checker, "layers", layer);
    if let (Some(node), Some([])) = (fields.get("layers"), layers.as_deref()) {
        let hint = "leave `layers` out to take the whole context".into();
        checker.fail(node, "`layers` is an empty list".into(), Some(hint));
    }
    let config = fields.get("config").map(|node| config(checker, node));
    let repository = fields.get("repository").map(|node| repository(checker, node));
    Some(Plan {
        base,
        platforms: platforms.unwrap_or_default(),
        layers: layers.unwrap_or_default(),
        config: config.flatten().unwrap_or_default(),
        repository: repository.flatten().unwrap_or_default(),
    })
}

/// Whether `text` can name an image to build on.
fn base_name(text: &str) -> Result<(), crate::base::reference::ParseReferenceError> {
    match text.split_once("://") {
        Some(("oci-layout", _)) => Ok(()),
        Some(("docker-image", name)) => docker_name(name).map(drop),
        _ => docker_name(text).map(drop),
    }
}

fn layer(checker: &mut Checker, node: &Node, place: &str) -> Option<LayerPlan> {
    let keys = ["name", "from", "to", "include", "exclude", "owner", "modes"];
    let fields = checker.map(node, place, &keys)?;
    let from = fields.required(checker, "from", Checker::path_below);
    let to = fields.required(checker, "to", Checker::absolute);
    let name = fields.text(checker, "name").map(str::to_owned);
    let include = patterns(checker, &fields, "include");
    let exclude = patterns(checker, &fields, "exclude");
    let owner = fields.get("owner").map(|node| checker.owner(node, &fields.place("owner")));
    let modes = fields.get("modes").map(|node| modes(checker, node, &fields.place("modes")));
    let from = from?;
    Some(LayerPlan {
        name: name.unwrap_or_else(|| from.display().to_string()),
        from,
        to: to?,
        include,
        exclude,
        owner: owner.flatten().unwrap_or_default(),
        modes: modes.flatten().unwrap_or_default(),
        divisible: false,
    })
}

fn patterns(checker: &mut Checker, fields: &Fields<'_>, key: &str) -> Vec<String> {
    fields.items(checker, key, Checker::pattern).unwrap_or_default()
}

fn modes(checker: &mut Checker, node: &Node, place: &str) -> Option<Modes> {
    let fields = checker.map(node, place, &["files", "directories", "executables"])?;
    let default = Modes::default();
    let mut mode = |key, default| {
        let found = fields.get(key).map(|node| checker.mode(node, &fields.place(key)));
        found.flatten().unwrap_or(default)
    };
    Some(Modes {
        files: mode("files", default.files),
        directories: mode("directories", default.directories),
        executables: mode("executables", default.executables),
    })
}

fn config(checker: &mut Checker, node: &Node) -> Option<ImageSettings> {
    let keys = [
        "entrypoint",
        "cmd",
        "env",
        "workdir",
        "user",
        "ports",
        "volumes",
        "labels",
        "annotations",
        "stopSignal",
    ];
    let fields = checker.map(node, "config", &keys)?;
    let labels = fields.pairs(checker, "labels");
    let annotations = fields.pairs(checker, "annotations");
    Some(ImageSettings {
        entrypoint: fields.command(checker, "entrypoint"),
        cmd: fields.command(checker, "cmd"),
        env: fields.get("env").map(|node| checker.env(node, "config.env")).unwrap_or_default(),
        workdir: fields.get("workdir").and_then(|node| checker.absolute(node, "config.workdir")),
        user: fields.get("user").and_then(|node| checker.user(node, "config.user")),
        ports: fields.items(checker, "ports", Checker::port).unwrap_or_default(),
        volumes: fields.items(checker, "volumes", Checker::absolute).unwrap_or_default(),
        labels: labels.into_iter().collect(),
        annotations: annotations.into_iter().collect(),
        stop_signal: fields.get("stopSignal").and_then(|node| checker.signal(node, "config.stopSignal")),
    })
}

#[cfg(test)]
mod tests;
