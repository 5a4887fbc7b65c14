//! `consign deploy`: documents for what runs containers, with the digest that was pushed.

mod ecs;
mod kubernetes;
mod lambda;
mod output;

use super::Context;
use super::error::{CliError, Fail};
use crate::base::Failure;
use crate::deploy::{Pin, pin, pins};
use clap::parser::ValueSource;
use clap::{Args, Subcommand};
use fs_err as fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// For what.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Deploy {
    #[command(subcommand)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  Build, push, and hand the digest to the cluster:
    consign build dist --tag shop/api:1.4 --push --metadata-file image.json
    consign deploy kubernetes k8s/ --metadata-file image.json | kubectl apply -f -";

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, and it lives as long as the program")]
enum Target {
    /// Put the digest into a task definition of ECS
    Ecs(ecs::Ecs),
    /// Put the digest into Kubernetes manifests, kustomizations and Helm values, and change nothing else
    Kubernetes(kubernetes::Kubernetes),
    /// Check that Lambda takes an image, and print its name for `aws lambda update-function-code`
    Lambda(lambda::Lambda),
}

pub(super) async fn run(args: Deploy, context: &Context) -> Result<(), Fail> {
    match args.target {
        Target::Ecs(args) => Box::pin(ecs::run(args, context)).await,
        Target::Lambda(args) => Box::pin(lambda::run(args, context)).await,
        Target::Kubernetes(args) => kubernetes::run(&args, context),
    }
}

/// Which image is deployed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Image")]
struct ImageSource {
    /// The image by its digest, REPOSITORY@sha256:…, or `-` for what `consign build --push` has printed, read from stdin
    /// [repeatable]
    #[arg(long = "image", env = "CONSIGN_DEPLOY_IMAGE", value_name = "REF")]
    images: Vec<String>,
    /// The file that `consign build --push --metadata-file` has written
    #[arg(long, env = "CONSIGN_METADATA_FILE", value_name = "PATH")]
    metadata_file: Option<PathBuf>,
}

impl ImageSource {
    /// Whether the image is read from stdin, so that nothing else can be.
    fn takes_stdin(&self) -> bool {
        self.images.iter().any(|image| image == "-")
    }
}

/// The images that the options name, each repository once; there is at least one.
fn images(source: &ImageSource, context: &Context) -> Result<Vec<Pin>, Fail> {
    let typed = |id| context.source_of(id) == Some(ValueSource::CommandLine);
    match &source.metadata_file {
        // An option comes before a variable. Of two variables, that of this command comes before that of the whole job,
        // which the build before it has used too.
        Some(file) if source.images.is_empty() || typed("metadata_file") => {
            if typed("images") {
                return Err(CliError::input("the image is named twice: by --image and by --metadata-file")
                    .hinted("pass one of the two")
                    .into());
            }
            let text = read(file)?;
            pins(&text).map_err(|error| in_file(&file.display().to_string(), &error))
        }
        _ if source.images.is_empty() => Err(CliError::input("no image is named")
            .hinted(
                "pass `--image REPOSITORY@sha256:…`, `--metadata-file PATH`, or `--image -` with the output of \
                 `consign build --push` on stdin",
            )
            .into()),
        _ => {
            let mut found = Vec::new();
            let mut stdin = false;
            for image in &source.images {
                if image != "-" {
                    found.extend(pins(image).map_err(|error| in_file("--image", &error))?);
                } else if !std::mem::replace(&mut stdin, true) {
                    found.extend(pins(&read_stdin()?).map_err(|error| in_file("stdin", &error))?);
                }
            }
            Ok(pin::distinct(found)?)
        }
    }
}

/// `error` with where it was found.
fn in_file(place: &str, error: &dyn Failure) -> Fail {
    let failure = CliError::input(format!("{place}: {error}"));
    match error.hint() {
        Some(hint) => failure.hinted(hint).into(),
        None => failure.into(),
    }
}

/// The text of a file.
fn read(path: &Path) -> Result<String, Fail> {
    let bytes = fs::read(path).map_err(|error| {
        CliError::input(format!("reading a file: {error}"))
            .hinted("check the path: it is looked for from the working directory")
    })?;
    utf8(bytes, &path.display().to_string())
}

/// All that comes from stdin.
fn read_stdin() -> Result<String, Fail> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut bytes);
    read.map_err(|error| CliError::input(format!("reading stdin: {error}")))?;
    utf8(bytes, "stdin")
}

fn utf8(bytes: Vec<u8>, place: &str) -> Result<String, Fail> {
    String::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let line = before.matches('\n').count() + 1;
        CliError::input(format!("{place}: it is not UTF-8 text: line {line} has a byte that is not"))
            .hinted("save it as UTF-8")
            .into()
    })
}
