#!/bin/bash
# Makes consign's own image, with consign: the binary, the certificates that it trusts, and /tmp.
#
#   release/image.sh BINARY [OPTION…]
#
# BINARY is for Linux. OPTIONs go to `consign build`: `--tag`, `--push`, `--output`, `--platform`.
#
#   CONSIGN        the consign that makes the image (BINARY itself)
#   CERTIFICATES   the certificates (those of this machine)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binary=${1:?a binary of consign for Linux}
shift

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
install -m 755 "$binary" "$context/consign"
install -m 644 "${CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}" "$context/ca-certificates.crt"
# A folder with nothing in it is no layer.
mkdir "$context/tmp"
: >"$context/tmp/.keep"
cp "$root/release/image/consign.yaml" "$context/consign.yaml"

version=$("$root/release/version.sh")
"${CONSIGN:-$context/consign}" build "$context" --label "org.opencontainers.image.version=$version" "$@"
