#!/bin/bash
# Writes what a binary of a release is made of: the crates that are built for that target, as CycloneDX.
#
#   release/sbom.sh TARGET [FOLDER]
#
# FOLDER (target/dist) gets NAME.cdx.json; its path is printed. Needs cargo-cyclonedx.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source release/lib.sh

target=${1:?a Rust target, such as x86_64-unknown-linux-musl}
folder=${2:-target/dist}
name=$(name_of "$target")

# The tool writes beside Cargo.toml and nowhere else.
trap 'rm -f "$name.cdx.json"' EXIT
cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" \
  --no-build-deps --override-filename "$name.cdx" >&2
mkdir -p "$folder"
mv "$name.cdx.json" "$folder/$name.cdx.json"
echo "$folder/$name.cdx.json"
