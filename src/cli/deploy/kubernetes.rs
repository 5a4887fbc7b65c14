//! `consign deploy kubernetes`: manifests, kustomizations and Helm values with the digest that was pushed.

use super::super::Context;
use super::super::error::Fail;
use super::{ImageSource, images, output};
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Kubernetes {
    #[command(flatten)]
    source: ImageSource,
}

const EXAMPLES: &str = "\
Examples:
  consign deploy kubernetes k8s/ --metadata-file image.json";

pub(super) fn run(args: Kubernetes, context: &Context) -> Result<(), Fail> {
    let pins = images(&args.source, context)?;
    output::replace(&[])?;
    context.printer.result(&format!("{}\n", pins[0]), &json!({ "takes_stdin": args.source.takes_stdin() }))
}
