//! Where the text of a policy comes from.

use super::{blocking, shown};
use crate::cli::error::{CliError, Fail};
use crate::ecr::lifecycle::Keep;
use clap::Args;
use std::path::{Path, PathBuf};

/// Numbers that ECR takes.
const NUMBERS: std::ops::RangeInclusive<u64> = 1..=2_147_483_647;

#[derive(Debug, Args)]
#[command(next_help_heading = "Policy")]
pub(super) struct PolicyOptions {
    /// File that holds the policy as JSON; `-` is stdin
    #[arg(short, long, env = "CONSIGN_LIFECYCLE_FILE", value_name = "PATH", conflicts_with_all = ["keep_last", "expire_untagged"])]
    file: Option<PathBuf>,
    /// Policy that keeps the N newest images, those without a tag among them
    #[arg(long, env = "CONSIGN_KEEP_LAST", value_name = "N", value_parser = clap::value_parser!(u64).range(NUMBERS))]
    keep_last: Option<u64>,
    /// Policy that deletes images without a tag after DAYS; with it, --keep-last counts only images that have one
    #[arg(long, env = "CONSIGN_EXPIRE_UNTAGGED", value_name = "DAYS", value_parser = clap::value_parser!(u64).range(NUMBERS))]
    expire_untagged: Option<u64>,
}

impl PolicyOptions {
    /// The policy's text, and what it is called in messages; none if no option says.
    pub(super) async fn read(&self) -> Result<Option<(PathBuf, String)>, Fail> {
        if let Some(path) = &self.file {
            return Ok(Some((shown(path), read(path).await?)));
        }
        let keep = Keep { last: self.keep_last, untagged_days: self.expire_untagged };
        let name = if self.keep_last.is_some() { "--keep-last" } else { "--expire-untagged" };
        Ok(keep.text().map(|text| (PathBuf::from(name), text)))
    }
}

/// A file, or stdin.
pub(super) async fn read(path: &Path) -> Result<String, Fail> {
    let path = path.to_owned();
    let name = shown(&path);
    let bytes = blocking(move || {
        let mut bytes = Vec::new();
        let found = if path == Path::new("-") {
            std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
        } else {
            fs_err::read(&path)
        };
        found.map_err(|error| {
            CliError::input(error.to_string())
                .hinted("check the path: it is looked for from the working directory, and `-` reads stdin")
                .into()
        })
    });
    String::from_utf8(bytes.await?)
        .map_err(|_| CliError::input(format!("`{}` is not UTF-8", name.display())).into())
}
