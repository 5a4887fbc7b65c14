//! The plan: everything that decides what the image will be, checked and complete.

use super::repository::RepositorySettings;
use crate::base::Platform;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The image to build on, as a Dockerfile names one; none is `scratch`.
    pub base: Option<String>,
    /// For which platforms; empty means the one that this program runs on.
    pub platforms: Vec<Platform>,
    /// The layers, the lowest first.
    pub layers: Vec<LayerPlan>,
    /// How a container is run.
    pub config: ImageSettings,
    /// How the repository is to be.
    pub repository: RepositorySettings,
}

impl Plan {
    /// The plan for a directory without any instructions: all of it goes to `dest`, which is then also the
    /// working directory.
    pub fn directory(dest: &str) -> Self {
        let dest = format!("/{}", dest.trim_matches('/'));
        Self {
            base: None,
            platforms: Vec::new(),
            layers: vec![LayerPlan {
                name: "context".into(),
                from: ".".into(),
                to: dest.clone(),
                include: Vec::new(),
                exclude: Vec::new(),
                owner: Owner::default(),
                modes: Modes::default(),
                divisible: true,
            }],
            config: ImageSettings { workdir: Some(dest), ..ImageSettings::default() },
            repository: RepositorySettings::default(),
        }
    }
}

/// One layer: a part of the context, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerPlan {
    /// For messages and for the image's history.
    pub name: String,
    /// A directory or file below the context; `.` is all of it.
    pub from: PathBuf,
    /// Where it goes, absolute. A directory's content goes into it. A file becomes it, or goes into it if it
    /// ends in `/`.
    pub to: String,
    /// Only files that match one of these patterns, relative to `from`; empty means all.
    pub include: Vec<String>,
    /// Without what matches one of these patterns, relative to `from`.
    pub exclude: Vec<String>,
    /// Who owns it.
    pub owner: Owner,
    /// With which modes.
    pub modes: Modes,
    /// Whether it may become several layers. One that the user has written is taken as it is written.
    pub divisible: bool,
}

/// Numeric owner and group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Modes by kind of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modes {
    /// Files that their owner may not execute.
    pub files: u32,
    /// Directories.
    pub directories: u32,
    /// Files that their owner may execute.
    pub executables: u32,
}

impl Default for Modes {
    fn default() -> Self {
        Self { files: 0o644, directories: 0o755, executables: 0o755 }
    }
}

/// How a container is run. What is not set here is taken from the base image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSettings {
    /// The program and its fixed arguments.
    pub entrypoint: Option<Vec<String>>,
    /// Default arguments.
    pub cmd: Option<Vec<String>>,
    /// Environment, in the order of the input.
    pub env: Vec<(String, String)>,
    /// The working directory, absolute.
    pub workdir: Option<String>,
    /// User and group.
    pub user: Option<String>,
    /// Ports, `8080/tcp`.
    pub ports: Vec<String>,
    /// Mount points, absolute.
    pub volumes: Vec<String>,
    /// Free text by key.
    pub labels: BTreeMap<String, String>,
    /// Free text by key, in the manifest.
    pub annotations: BTreeMap<String, String>,
    /// The signal that asks it to stop.
    pub stop_signal: Option<String>,
}
