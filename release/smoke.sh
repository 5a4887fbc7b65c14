#!/bin/bash
# Tries a binary that runs on this machine: it has to say its version and to do the main job. Prints the digest of an
# image that has to be the same on every platform; consign's messages go to stderr.
#
#   release/smoke.sh BINARY
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binary=${1:?a binary of consign}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install -m 755 "$binary" "$folder/consign"
cd "$root"
# It is a trial: the outputs and the summary of the job are not for it.
unset GITHUB_ACTIONS GITHUB_OUTPUT GITHUB_STEP_SUMMARY

expected="consign $(release/version.sh)"
said=$("$folder/consign" --version)
if [[ $said != "$expected" ]]; then
  echo "$binary says \`$said\`, and should say \`$expected\`" >&2
  exit 1
fi
"$folder/consign" emulator -- consign build docs --tag docs:1 --create-repository --push >&2
"$folder/consign" --quiet build docs --platform linux/amd64
