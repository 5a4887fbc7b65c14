#!/bin/bash
# Finds consign for the action, and prints the path of it: what is on PATH, else the release for this system, checked
# against the SHA-256 in checksums.txt, else what cargo makes of the action's own sources.
#
#   find-consign.sh [CHECKSUMS]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checksums=${1:-$here/checksums.txt}
temporary=${RUNNER_TEMP:-${TMPDIR:-/tmp}}

say() {
  echo "consign: $*" >&2
}

# The name of the binary for this system in a release.
asset() {
  local cpu
  case $(uname -m) in
    x86_64 | amd64) cpu=x86_64 ;;
    aarch64 | arm64) cpu=aarch64 ;;
    *) return 1 ;;
  esac
  case $(uname -s) in
    Linux) echo "consign-linux-$cpu" ;;
    Darwin) echo "consign-macos-$cpu" ;;
    *) return 1 ;;
  esac
}

# sha256 FILE
sha256() {
  if command -v sha256sum >/dev/null; then
    sha256sum <"$1" | cut -d ' ' -f 1
  else
    shasum -a 256 <"$1" | cut -d ' ' -f 1
  fi
}

# One that is too old does not know the command that the action runs.
on_path() {
  local path
  path=$(command -v consign) || return 1
  if ! "$path" github-action --help >/dev/null 2>&1; then
    say "$path is another version, or another program; looking on"
    return 1
  fi
  say "using $path, which is on PATH"
  echo "$path"
}

# Fails if there is no release for this system, or none to be had. One that is not what it should be ends everything.
released() {
  local name sum url folder found
  name=$(asset) || {
    say "there is no release for $(uname -s) on $(uname -m)"
    return 1
  }
  read -r sum url < <(grep -E "^[0-9a-f]{64}  .*/$name\$" "$checksums") || {
    say "$checksums has no line for $name yet; looking on"
    return 1
  }
  folder=$(mktemp -d "$temporary/consign.XXXXXX") || exit 1
  if ! curl --fail --silent --show-error --location --retry 3 --output "$folder/consign" "$url"; then
    say "downloading $url failed; looking on"
    return 1
  fi
  found=$(sha256 "$folder/consign")
  if [[ $found != "$sum" ]]; then
    say "$url has the SHA-256 $found, and not $sum: it is not the release, and is not used"
    exit 1
  fi
  chmod 755 "$folder/consign"
  say "using the release $url"
  echo "$folder/consign"
}

built() {
  local source folder
  source=$(cd "$here/../.." && pwd)
  folder=$temporary/consign-target
  if ! command -v cargo >/dev/null; then
    say "there is no cargo to build it with: put consign on PATH, or install Rust before this step"
    return 1
  fi
  say "building it from $source, which takes minutes; put consign on PATH to save them"
  cargo build --release --locked --manifest-path "$source/Cargo.toml" --target-dir "$folder" >&2 || return 1
  echo "$folder/release/consign"
}

on_path || released || built
