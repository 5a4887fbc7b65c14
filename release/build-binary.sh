#!/bin/bash
# Builds one binary of a release, under its name there, such as consign-linux-x86_64. On Linux it is static.
#
#   release/build-binary.sh TARGET [FOLDER]
#
# TARGET is a Rust target whose standard library is installed; for *-linux-musl, musl-gcc is needed too (Debian's
# musl-tools). FOLDER gets the binary (target/dist); its path is printed.
#
#   PROFILE   Cargo's profile (release)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source release/lib.sh

target=${1:?a Rust target, such as x86_64-unknown-linux-musl}
folder=${2:-target/dist}
profile=${PROFILE:-release}
binary=$folder/$(name_of "$target")

# Where it was built stands in no message of a panic.
flags=("--remap-path-prefix=$PWD=." "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo")
case $target in
  *-linux-*) flags+=(-C target-feature=+crt-static) ;;
  *-apple-*) export MACOSX_DEPLOYMENT_TARGET=${MACOSX_DEPLOYMENT_TARGET:-11.0} ;;
esac
if [[ $target == *-musl ]]; then
  # For the C in dependencies; its variable is that of the `cc` crate.
  export "CC_${target//-/_}=musl-gcc"
fi
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS
cargo build --locked --bin consign --target "$target" --profile "$profile" >&2

# Cargo's folder for the profile `dev` is `debug`.
built=${CARGO_TARGET_DIR:-target}/$target/${profile/%dev/debug}/consign
if [[ $target == *-linux-* ]] && readelf --program-headers --wide "$built" | grep -q INTERP; then
  echo "$built is not static: it asks for a dynamic linker" >&2
  exit 1
fi
mkdir -p "$folder"
install -m 755 "$built" "$binary"
echo "$binary"
