//! The plan that the options and the file together ask for. Precedence: option, variable, file, default.

use super::args::{Build, CompressionKind, ImageOptions, LayerOptions};
use super::error::{CliError, Fail, bad_option};
use crate::layer::Encoding;
use crate::spec::dockerfile::{self, Dockerfile};
use crate::spec::{self, ImageSettings, LayerPlan, Owner, Plan};
use std::path::{Path, PathBuf};

/// What is asked for.
pub(super) struct Asked {
    /// With a Dockerfile it has no layers, and its config is what is said beside the file.
    pub(super) plan: Plan,
    /// The file that says what is built, if there is one.
    pub(super) file: Option<PathBuf>,
    /// That file, if it is a Dockerfile.
    pub(super) dockerfile: Option<(Dockerfile, String)>,
}

/// What a file says.
enum Read {
    Yaml(Box<Plan>),
    Dockerfile(Box<(Dockerfile, String)>),
}

/// What the options and the file ask for together.
pub(super) fn plan(args: &Build) -> Result<Asked, Fail> {
    let file = find_file(args);
    let (mut plan, dockerfile) = match file.as_deref().map(read_file).transpose()? {
        None => (spec::directory(&absolute("--dest", &args.dest)?), None),
        Some(Read::Yaml(plan)) => (*plan, None),
        Some(Read::Dockerfile(dockerfile)) => {
            not_with_dockerfile(args)?;
            (
                Plan { layers: Vec::new(), config: ImageSettings::default(), ..spec::directory("/") },
                Some(*dockerfile),
            )
        }
    };
    if plan.layers.is_empty() && dockerfile.is_none() {
        plan.layers = spec::directory(&absolute("--dest", &args.dest)?).layers;
    }
    let ImageOptions {
        base,
        platforms,
        entrypoint: _,
        cmd: _,
        env: _,
        workdir: _,
        user: _,
        expose: _,
        volumes: _,
        stop_signal: _,
        labels: _,
        annotations: _,
        chown,
        source_date_epoch: _,
    } = &args.image;
    match base.as_deref() {
        None => {}
        Some("scratch") => plan.base = None,
        Some(base) => plan.base = Some(base.to_owned()),
    }
    if !platforms.is_empty() {
        let parsed = platforms.iter().map(|text| text.parse());
        plan.platforms = parsed.collect::<Result<_, _>>().map_err(|error| bad_option("--platform", error))?;
    }
    if let Some(text) = chown {
        let owner = owner(text)?;
        plan.layers.iter_mut().for_each(|layer: &mut LayerPlan| layer.owner = owner);
    }
    override_config(&mut plan.config, &args.image)?;
    Ok(Asked { plan, file, dockerfile })
}

/// What a Dockerfile says itself.
fn not_with_dockerfile(args: &Build) -> Result<(), Fail> {
    let (option, instead) = match &args.image {
        ImageOptions { base: Some(_), .. } => (
            "--base",
            "its FROM names the image to build on; an ARG in front of it can be set with `--build-arg`",
        ),
        ImageOptions { chown: Some(_), .. } => ("--chown", "write `COPY --chown=…` in it"),
        _ => return Ok(()),
    };
    Err(CliError::input(format!("{option} has no meaning beside a Dockerfile")).hinted(instead).into())
}

/// `--file`, else `CONTEXT/consign.yaml`, else `CONTEXT/Dockerfile`, else none.
pub(super) fn find_file(args: &Build) -> Option<PathBuf> {
    if let Some(path) = &args.file {
        return Some(path.clone());
    }
    let candidates = ["consign.yaml", "Dockerfile"].map(|name| args.context.join(name));
    candidates.into_iter().find(|path| path.is_file())
}

fn read_file(path: &Path) -> Result<Read, Fail> {
    let bytes = fs_err::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            CliError::input(format!("the file `{}` does not exist", path.display())).hinted(
                "--file is looked for from the current directory, not from the context; without it, \
                 CONTEXT/consign.yaml or CONTEXT/Dockerfile is read if it is there",
            )
        }
        _ => CliError::input(error.to_string()),
    })?;
    let text = dockerfile::text(path, &bytes)?;
    Ok(match spec::kind(text) {
        spec::Kind::ConsignYaml => Read::Yaml(Box::new(spec::yaml::parse(path, text)?)),
        spec::Kind::Dockerfile => {
            Read::Dockerfile(Box::new((dockerfile::parse(path, text)?, text.to_owned())))
        }
    })
}

fn override_config(config: &mut ImageSettings, options: &ImageOptions) -> Result<(), Fail> {
    if let Some(text) = &options.entrypoint {
        config.entrypoint = Some(words("--entrypoint", text)?);
    }
    if let Some(text) = &options.cmd {
        config.cmd = Some(words("--cmd", text)?);
    }
    for (name, value) in pairs("--env", &options.env)? {
        match config.env.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => config.env.push((name, value)),
        }
    }
    if let Some(path) = &options.workdir {
        config.workdir = Some(absolute("--workdir", path)?);
    }
    if let Some(user) = &options.user {
        config.user = Some(user.clone());
    }
    for port in &options.expose {
        let port = normal_port(port)?;
        if !config.ports.contains(&port) {
            config.ports.push(port);
        }
    }
    for path in &options.volumes {
        config.volumes.push(absolute("--volume", path)?);
    }
    if let Some(signal) = &options.stop_signal {
        config.stop_signal = Some(signal.clone());
    }
    config.labels.extend(pairs("--label", &options.labels)?);
    config.annotations.extend(pairs("--annotation", &options.annotations)?);
    Ok(())
}

/// How layers are compressed.
pub(super) fn encoding(options: &LayerOptions) -> Result<Encoding, Fail> {
    let kind = match options.compression {
        CompressionKind::Gzip => Encoding::GZIP,
        CompressionKind::Zstd => Encoding::ZSTD,
        CompressionKind::None => Encoding::None,
    };
    match options.compression_level {
        None => Ok(kind),
        Some(level) => kind.with_level(level).map_err(|error| bad_option("--compression-level", error)),
    }
}

/// A JSON array of strings, or words as a shell splits them.
pub(super) fn words(option: &str, text: &str) -> Result<Vec<String>, Fail> {
    if text.trim_start().starts_with('[') {
        let wrong = |error| bad_option(option, format!("`{text}` is not a JSON array of strings: {error}"));
        return serde_json::from_str(text).map_err(wrong);
    }
    shlex::split(text).ok_or_else(|| bad_option(option, format!("`{text}` has a quote that is not closed")))
}

/// `NAME=VALUE` of each text.
pub(super) fn pairs(option: &str, texts: &[String]) -> Result<Vec<(String, String)>, Fail> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(bad_option(option, format!("`{text}` is not NAME=VALUE"))),
    };
    texts.iter().map(pair).collect()
}

fn absolute(option: &str, path: &str) -> Result<String, Fail> {
    if path.starts_with('/') && !path.split('/').any(|part| part == "..") {
        Ok(path.to_owned())
    } else {
        Err(bad_option(option, format!("`{path}` is not an absolute path without `..`")))
    }
}

fn owner(text: &str) -> Result<Owner, Fail> {
    let (uid, gid) = text.split_once(':').unwrap_or((text, text));
    match (uid.parse(), gid.parse()) {
        (Ok(uid), Ok(gid)) => Ok(Owner { uid, gid }),
        _ => Err(CliError::input(format!("--chown: `{text}` is not UID or UID:GID"))
            .hinted("numbers are needed: an image from scratch has no list of names")
            .into()),
    }
}

fn normal_port(text: &str) -> Result<String, Fail> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number = port.parse::<u16>().ok().filter(|port| *port > 0);
    match (number, protocol) {
        (Some(port), "tcp" | "udp" | "sctp") => Ok(format!("{port}/{protocol}")),
        _ => Err(bad_option(
            "--expose",
            format!("`{text}` is not a port: it is 1 to 65535, with /tcp, /udp or /sctp if need be"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_both_forms() {
        let words = |text| words("--cmd", text).map_err(|error| error.to_string());
        assert_eq!(words(r#"["/a b", "c"]"#).unwrap(), ["/a b", "c"]);
        assert_eq!(words("node '/a b' c").unwrap(), ["node", "/a b", "c"]);
        assert!(words("a 'b").is_err() && words("[1]").is_err());
    }

    #[test]
    fn owners_and_ports() {
        assert_eq!(owner("1000").unwrap(), Owner { uid: 1000, gid: 1000 });
        assert_eq!(owner("1:2").unwrap(), Owner { uid: 1, gid: 2 });
        assert!(owner("app").is_err());
        assert_eq!(normal_port("53/udp").unwrap(), "53/udp");
        assert!(normal_port("0").is_err() && normal_port("80/x").is_err());
    }
}
