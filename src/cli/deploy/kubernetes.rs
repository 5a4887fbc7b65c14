//! `consign deploy kubernetes`: manifests, kustomizations and Helm values with the digest that was pushed.

use super::super::Context;
use super::super::args::Format;
use super::super::error::{CliError, Fail, bad_option};
use super::super::settings::list;
use super::{ImageSource, images, output, read, read_stdin};
use crate::base::Event;
use crate::deploy::Pin;
use crate::deploy::kubernetes::{Change, Rendered, Source, Wanted, join, render};
use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgAction, Args};
use fs_err as fs;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(super) struct Kubernetes {
    /// Manifests, kustomizations, values of Helm charts; a directory means its *.yaml and *.yml files, and `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Change the image of the containers with this name, whatever it is; without =REF, to the one of --image
    /// [repeatable]
    #[arg(long = "container", env = "CONSIGN_DEPLOY_CONTAINER", value_name = "NAME[=REF]")]
    containers: Vec<String>,
    /// Change the value at this path of a Helm chart's values: a string, or a mapping with `repository` [repeatable]
    #[arg(long = "helm-path", env = "CONSIGN_HELM_PATH", value_name = "PATH[=REF]")]
    helm_paths: Vec<String>,
    /// Write REPOSITORY:TAG@sha256:… where the tag is known
    #[arg(long, env = "CONSIGN_KEEP_TAG", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    keep_tag: bool,
    /// Take the files of folders within directories too
    #[arg(short = 'R', long, env = "CONSIGN_RECURSIVE", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    recursive: bool,
    /// Write the files back, and print the paths of those that changed
    #[arg(long, env = "CONSIGN_IN_PLACE", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue, conflicts_with = "output")]
    in_place: bool,
    /// Write what was rendered to this file (default: stdout)
    #[arg(short, long, env = "CONSIGN_DEPLOY_OUTPUT", value_name = "PATH")]
    output: Option<PathBuf>,
    /// Write nothing; exit code 6 says that something would change
    #[arg(long, env = "CONSIGN_DEPLOY_CHECK", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue, conflicts_with_all = ["in_place", "output"])]
    check: bool,
    #[command(flatten)]
    source: ImageSource,
}

const EXAMPLES: &str = "\
Examples:
  Pin every container, and every image of a kustomization, whose repository is that of the image, and apply:
    consign deploy kubernetes k8s/ --metadata-file image.json | kubectl apply -f -

  The same from the build before, with nothing in between:
    consign build dist -t shop/api:1.4 --push | consign deploy kubernetes k8s/ --image - --in-place

  By the name of the container, whatever stands there now:
    consign deploy kubernetes deployment.yaml --container api --image \"$IMAGE\"

  Values of a Helm chart:
    consign deploy kubernetes values.yaml --helm-path api.image --metadata-file image.json --in-place

  Is what is committed the image that was pushed?
    consign deploy kubernetes k8s/ --metadata-file image.json --check";

/// A file that was read.
struct Input {
    name: String,
    /// None if it is stdin.
    path: Option<PathBuf>,
    text: String,
}

pub(super) fn run(args: &Kubernetes, context: &Context) -> Result<(), Fail> {
    let wanted = wanted(args, context)?;
    let inputs = inputs(args)?;
    let sources: Vec<_> =
        inputs.iter().map(|input| Source { name: &input.name, text: &input.text }).collect();
    let rendered = render(&sources, &wanted)?;
    for file in &rendered {
        tell(file, context);
    }
    if args.check {
        return check(&rendered, context);
    }
    let changed = rendered.iter().filter(|file| !file.changes.is_empty());
    if args.in_place {
        let with_path = inputs.iter().zip(&rendered).filter(|(_, file)| !file.changes.is_empty());
        let files = with_path.filter_map(|(input, file)| Some((input.path.clone()?, file.text.as_str())));
        output::replace(&files.collect::<Vec<_>>())?;
        let paths: String = changed.map(|file| format!("{}\n", file.name)).collect();
        return context.printer.result(&paths, &document(&rendered, None));
    }
    let text = join(rendered.iter().map(|file| file.text.as_str()));
    match &args.output {
        Some(path) => {
            output::replace(&[(path.clone(), &text)])?;
            context.printer.result("", &document(&rendered, None))
        }
        // Byte for byte, also where a runner reads along: what changes the text changes what is applied.
        None if context.printer.format == Format::Text => context.printer.stdout(&text),
        None => context.printer.result("", &document(&rendered, Some(&text))),
    }
}

/// What the options ask for.
fn wanted(args: &Kubernetes, context: &Context) -> Result<Wanted, Fail> {
    if args.source.takes_stdin() && args.files.iter().any(|file| is_stdin(file)) {
        return Err(CliError::input("both the image and a file are to be read from stdin")
            .hinted("name the image with `--image REPOSITORY@sha256:…` or `--metadata-file`")
            .into());
    }
    let containers = named("--container", list(context, "containers", args.containers.clone()), |name| {
        if name.is_empty() { Err("the name is empty".into()) } else { Ok(name.to_owned()) }
    })?;
    let paths = named("--helm-path", list(context, "helm_paths", args.helm_paths.clone()), str::parse)?;
    let complete = containers.iter().map(|(_, pin)| pin).chain(paths.iter().map(|(_, pin)| pin));
    let is_complete =
        !(containers.is_empty() && paths.is_empty()) && complete.into_iter().all(Option::is_some);
    let pins = if is_complete {
        if context.source_of("images") == Some(ValueSource::CommandLine) {
            return Err(CliError::input(
                "--image is not used, as each --container and --helm-path names its own",
            )
            .hinted("leave --image out, or the `=REF` of those that it is for")
            .into());
        }
        Vec::new()
    } else {
        images(&args.source, context)?
    };
    Ok(Wanted { pins, containers, paths, keep_tag: args.keep_tag })
}

/// `NAME` or `NAME=REF`, each name once.
fn named<T: PartialEq>(
    option: &str,
    values: Vec<String>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<(T, Option<Pin>)>, Fail> {
    let mut all: Vec<(T, Option<Pin>)> = Vec::new();
    for value in values {
        let (name, pin) = match value.split_once('=') {
            Some((name, pin)) => {
                (name, Some(pin.parse::<Pin>().map_err(|error| super::in_file(option, &error))?))
            }
            None => (value.as_str(), None),
        };
        let name = parse(name).map_err(|error| bad_option(option, error))?;
        if all.iter().any(|(known, _)| *known == name) {
            return Err(bad_option(option, format!("`{value}` is named twice")));
        }
        all.push((name, pin));
    }
    Ok(all)
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// All files, in the order in which they are named; those of a directory by name. Each is read once.
fn inputs(args: &Kubernetes) -> Result<Vec<Input>, Fail> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for file in &args.files {
        let found = if !is_stdin(file) && file.is_dir() {
            directory(file, args.recursive)?
        } else {
            vec![file.clone()]
        };
        for path in found {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    let read_one = |path: PathBuf| {
        if !is_stdin(&path) {
            let name = path.display().to_string();
            return Ok(Input { name, text: read(&path)?, path: Some(path) });
        }
        if args.in_place {
            return Err(CliError::input("stdin can't be written back")
                .hinted("leave `--in-place` out; the result goes to stdout")
                .into());
        }
        Ok(Input { name: "stdin".into(), text: read_stdin()?, path: None })
    };
    paths.into_iter().map(read_one).collect()
}

/// The YAML files of a directory.
fn directory(folder: &Path, recursive: bool) -> Result<Vec<PathBuf>, Fail> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    let failed = |error| CliError::input(format!("reading a directory: {error}"));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            // A link to a folder could lead back to this one.
            if entry.file_type().map_err(failed)?.is_dir() {
                if recursive {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") && path.is_file() {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        let hint = if recursive { "name the files" } else { "name the files, or add `--recursive`" };
        return Err(CliError::input(format!(
            "there is no *.yaml and no *.yml file in `{}`",
            folder.display()
        ))
        .hinted(hint)
        .into());
    }
    found.sort();
    Ok(found)
}

/// Says what was done to a file.
fn tell(file: &Rendered, context: &Context) {
    let say = |what: String| context.reporter.event(Event::Started { what });
    for change in &file.changes {
        let old = if change.old.is_empty() { "(nothing)" } else { &change.old };
        say(format!("{}:{}: {}{old} -> {}", file.name, change.line, place(change), change.new));
    }
    for pinned in &file.pinned {
        say(format!("{}:{}: {}already {}", file.name, pinned.line, place(pinned), pinned.new));
    }
    for note in &file.notes {
        say(note.clone());
    }
}

/// `Deployment/api, container web: `, as far as that is known.
fn place(change: &Change) -> String {
    let object = match (&change.kind, &change.name) {
        (Some(kind), Some(name)) => Some(format!("{kind}/{name}")),
        (kind, name) => kind.clone().or_else(|| name.clone()),
    };
    let container = change.container.as_ref().map(|name| format!("container {name}"));
    let field = (change.field != "image").then(|| change.field.clone());
    let parts: Vec<_> = [object, container, field].into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("{}: ", parts.join(", ")) }
}

/// The gate: nothing may be left to change.
fn check(rendered: &[Rendered], context: &Context) -> Result<(), Fail> {
    let count: usize = rendered.iter().map(|file| file.changes.len()).sum();
    if count == 0 {
        return context.printer.result("", &document(rendered, None));
    }
    let files: Vec<_> =
        rendered.iter().filter(|file| !file.changes.is_empty()).map(|file| &*file.name).collect();
    let values = if count == 1 { "1 value does".to_owned() } else { format!("{count} values do") };
    Err(CliError::gate(format!("{values} not name the image that is wanted, in {}", files.join(", ")))
        .hinted("run it with `--in-place` in the place of `--check`, and commit")
        .into())
}

/// All of it as data.
fn document(rendered: &[Rendered], text: Option<&str>) -> Value {
    let all = |pick: fn(&Rendered) -> &[Change]| -> Vec<Value> {
        let each = rendered.iter().flat_map(|file| pick(file).iter().map(|change| (&file.name, change)));
        each.map(|(file, change)| {
            let mut value = json!({ "file": file });
            if let (Some(value), Value::Object(fields)) = (value.as_object_mut(), json!(change)) {
                value.extend(fields);
            }
            value
        })
        .collect()
    };
    let files = rendered.iter().map(|file| json!({ "file": file.name, "changed": !file.changes.is_empty() }));
    let notes = rendered.iter().flat_map(|file| &file.notes);
    let mut document = json!({
        "changes": all(|file| &file.changes),
        "pinned": all(|file| &file.pinned),
        "notes": notes.collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>(),
    });
    if let Some(text) = text {
        document["rendered"] = json!(text);
    }
    document
}
