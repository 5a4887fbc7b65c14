//! What the steps of a Dockerfile make of an image's config.

use crate::base::Platform;
use crate::build::config::set_env;
use crate::image::config::Empty;
use crate::image::{Config, History, ImageConfig, RootFs};
use crate::spec::dockerfile::instruction::Timing;
use crate::spec::dockerfile::step::{Action, Step};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where programs are looked for, if the base does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Keys of a config that Docker's image specification has and OCI's has not, as
/// <https://github.com/moby/docker-image-spec> lists them, and one of old. All others belong to the tool that wrote
/// them.
const KEPT: [&str; 4] = ["ArgsEscaped", "Healthcheck", "OnBuild", "Shell"];

/// The config of `FROM scratch`.
pub(super) fn empty(platform: &Platform) -> ImageConfig {
    let config = Config { working_dir: Some("/".into()), ..Config::default() };
    from(ImageConfig {
        created: None,
        author: None,
        platform: platform.clone(),
        config: Some(config),
        rootfs: RootFs::new(Vec::new()),
        history: Vec::new(),
        other: BTreeMap::new(),
    })
}

/// What a stage begins with on an image with this config.
pub(super) fn from(base: ImageConfig) -> ImageConfig {
    let mut config = base.config.unwrap_or_default();
    config.other.retain(|key, _| KEPT.contains(&key.as_str()));
    // What it wanted to be run is run now, and not again in images on this one.
    config.other.remove("OnBuild");
    if config.env.iter().all(|known| known.split('=').next() != Some("PATH")) {
        config.env.push(format!("PATH={PATH}"));
    }
    ImageConfig { config: Some(config), other: BTreeMap::new(), ..base }
}

/// Changes the config as a step says.
pub(super) fn apply(image: &mut ImageConfig, action: &Action) {
    let config = image.config.get_or_insert_default();
    match action {
        Action::Add(_) | Action::Copy(_) | Action::Run(_) | Action::Arg(_) => {}
        Action::Env(pairs) => pairs.iter().for_each(|(name, value)| set_env(&mut config.env, name, value)),
        Action::Label(pairs) => config.labels.extend(pairs.iter().cloned()),
        Action::Workdir(path) => config.working_dir = Some(path.clone()),
        Action::User(user) => config.user = Some(user.clone()),
        Action::Expose(ports) => {
            config.exposed_ports.extend(ports.iter().map(|port| (port.clone(), Empty {})));
        }
        Action::Volume(paths) => config.volumes.extend(paths.iter().map(|path| (path.clone(), Empty {}))),
        Action::Cmd(words) => {
            config.cmd = Some(words.clone());
            config.other.insert("ArgsEscaped".into(), true.into());
        }
        Action::Entrypoint { words, clears_cmd } => {
            config.entrypoint = Some(words.clone());
            if *clears_cmd {
                config.cmd = None;
            }
        }
        Action::Shell(words) => {
            config.other.insert("Shell".into(), json!(words));
        }
        Action::StopSignal(signal) => config.stop_signal = Some(signal.clone()),
        Action::Healthcheck(test, timing) => {
            config.other.insert("Healthcheck".into(), healthcheck(test, timing));
        }
        Action::OnBuild(instruction) => {
            let triggers = config.other.entry("OnBuild".into()).or_insert_with(|| json!([]));
            if let Value::Array(triggers) = triggers {
                triggers.push(json!(instruction));
            }
        }
        Action::Author(author) => image.author = Some(author.clone()),
    }
}

/// As Docker writes it: durations in nanoseconds, and what is not set left out.
fn healthcheck(test: &[String], timing: &Timing) -> Value {
    let mut check = Map::new();
    if !test.is_empty() {
        check.insert("Test".into(), json!(test));
    }
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    for (key, number) in [
        ("Interval", nanoseconds(timing.interval)),
        ("Timeout", nanoseconds(timing.timeout)),
        ("StartPeriod", nanoseconds(timing.start_period)),
        ("StartInterval", nanoseconds(timing.start_interval)),
        ("Retries", timing.retries.into()),
    ] {
        if number > 0 {
            check.insert(key.into(), number.into());
        }
    }
    Value::Object(check)
}

/// What the history says of a step that makes no layer; none if it says nothing.
pub(super) fn history(step: &Step, created: Option<&str>) -> Option<History> {
    Some(History {
        created: created.map(str::to_owned),
        created_by: Some(step.created_by()?),
        empty_layer: true,
        ..History::default()
    })
}
