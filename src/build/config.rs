//! What an image says of itself: that of its base, and what was asked for.

use crate::base::clock::rfc3339;
use crate::base::{Platform, Timestamp};
use crate::image::choose::serves;
use crate::image::config::Empty;
use crate::image::{Config, History, ImageConfig, RootFs};
use crate::layer::Encoding;
use crate::spec::ImageSettings;
use std::collections::BTreeMap;

/// The config of an image for `platform` before anything is said of it: that of the image it is built on, or an empty
/// one. What the tool that made the base has noted for itself is not true of ours, and its triggers are for Dockerfiles.
pub fn on_base(base: Option<ImageConfig>, platform: &Platform) -> ImageConfig {
    let Some(mut base) = base else {
        return ImageConfig {
            created: None,
            author: None,
            platform: platform.clone(),
            config: None,
            rootfs: RootFs::new(Vec::new()),
            history: Vec::new(),
            other: BTreeMap::new(),
        };
    };
    if let Some(config) = &mut base.config {
        config.other.remove("OnBuild");
    }
    base.other.retain(|key, _| key == "os.features");
    ImageConfig { author: None, ..base }
}

/// For what an image is, of which `has` is what its base is for. What is built for arm/v7 on a base for arm/v6 is for
/// arm/v7, as was asked for; a base for another platform altogether, which nobody asked for, decides itself.
pub fn platform(has: &Platform, asked: &Platform) -> Platform {
    if serves(has, asked) {
        Platform { os_version: has.os_version.clone(), ..asked.clone() }
    } else {
        has.clone()
    }
}

/// `base` with the settings put over it: what they do not set stays, and maps are joined. An entrypoint without
/// arguments clears those of the base, which were meant for another program.
pub fn with_settings(mut base: Config, settings: &ImageSettings) -> Config {
    let ImageSettings {
        entrypoint,
        cmd,
        env,
        workdir,
        user,
        ports,
        volumes,
        labels,
        annotations: _, // They stand in the manifest.
        stop_signal,
    } = settings;
    if entrypoint.is_some() {
        base.entrypoint.clone_from(entrypoint);
        base.cmd = None;
    }
    if cmd.is_some() {
        base.cmd.clone_from(cmd);
    }
    for (over, under) in
        [(workdir, &mut base.working_dir), (user, &mut base.user), (stop_signal, &mut base.stop_signal)]
    {
        if over.is_some() {
            under.clone_from(over);
        }
    }
    for (name, value) in env {
        set_env(&mut base.env, name, value);
    }
    base.exposed_ports.extend(ports.iter().map(|port| (port.clone(), Empty {})));
    base.volumes.extend(volumes.iter().map(|path| (path.clone(), Empty {})));
    base.labels.extend(labels.clone());
    base
}

/// Sets a variable in place, or at the end if it is new.
pub fn set_env(env: &mut Vec<String>, name: &str, value: &str) {
    let new = format!("{name}={value}");
    match env.iter_mut().find(|known| known.split('=').next() == Some(name)) {
        Some(known) => *known = new,
        None => env.push(new),
    }
}

/// When everything of an image was made, as its documents write it; none if that is no date.
pub fn created(epoch: i64) -> Option<String> {
    Timestamp::from_second(epoch).map(rfc3339).ok()
}

/// What the history says of a layer that was made here. The comment says how the blob came of the tar, so that a later
/// build knows whether it would make the same.
pub fn layer_history(created: Option<&str>, created_by: String, encoding: Encoding) -> History {
    History {
        created: created.map(str::to_owned),
        created_by: Some(created_by),
        comment: Some(encoding.id()),
        ..History::default()
    }
}
