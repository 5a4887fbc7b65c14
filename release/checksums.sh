#!/bin/bash
# Writes FOLDER/SHA256SUMS, for all other files of it. `sha256sum -c SHA256SUMS` in that folder checks them.
#
#   release/checksums.sh FOLDER
set -euo pipefail
cd "${1:?the folder of the files}"
export LC_ALL=C

rm -f SHA256SUMS
files=(*)
if [[ ! -f ${files[0]} ]]; then
  echo "there are no files in $1" >&2
  exit 1
fi
if command -v sha256sum >/dev/null; then
  sha256sum "${files[@]}" >SHA256SUMS.part
else
  shasum -a 256 "${files[@]}" >SHA256SUMS.part
fi
mv SHA256SUMS.part SHA256SUMS
