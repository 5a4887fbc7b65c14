# shellcheck shell=bash
# What the scripts beside this one share.

# version_of_crate: as Cargo.toml has it.
version_of_crate() {
  sed -n '/^\[package\]/,/^\[/ s/^version = "\(.*\)"$/\1/p' Cargo.toml
}

# name_of TARGET: what the binary of a Rust target is called in a release.
name_of() {
  local architecture=${1%%-*}
  case $1 in
    x86_64-*-linux-* | aarch64-*-linux-*) echo "consign-linux-$architecture" ;;
    x86_64-apple-darwin | aarch64-apple-darwin) echo "consign-macos-$architecture" ;;
    *)
      echo "no release is made for the target \`$1\`" >&2
      return 2
      ;;
  esac
}
