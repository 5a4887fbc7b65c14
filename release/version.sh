#!/bin/bash
# Prints the version that Cargo.toml has. With a tag, fails unless the tag is `v` and that version.
#
#   release/version.sh [TAG]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source release/lib.sh

version=$(version_of_crate)
if [[ -z $version ]]; then
  echo "Cargo.toml has no version" >&2
  exit 1
fi
if [[ -n ${1:-} && $1 != "v$version" ]]; then
  echo "the tag is \`$1\`, and Cargo.toml has the version $version: tag \`v$version\`, or change Cargo.toml first" >&2
  exit 1
fi
echo "$version"
