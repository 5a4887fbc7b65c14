# shellcheck shell=bash
set -euo pipefail
# Compressed layers are read by programs that others wrote, to the very tar that is not compressed.

READERS=$WORK/readers

# blob_of KIND: the path of the one layer.
blob_of() {
  layers "$READERS/$1"
}

readers_made() {
  local kind
  mkdir -p "$READERS/tree"
  head -c 12000000 /dev/urandom >"$READERS/tree/random"
  some_of "$(real_tree)" 40000000 >"$READERS/tree/text"
  truncate -s 9000001 "$READERS/tree/zeros"
  : >"$READERS/tree/empty"
  for kind in gzip zstd none; do
    "$CONSIGN" build "$READERS/tree" --layers single --compression "$kind" --output "type=oci,dest=$READERS/$kind"
    same "layers" 1 "$(blob_of "$kind" | wc -l)"
  done
  # The levels at both ends.
  "$CONSIGN" build "$READERS/tree" --layers single --compression gzip --compression-level 1 --output "type=oci,dest=$READERS/gzip-1"
  "$CONSIGN" build "$READERS/tree" --layers single --compression gzip --compression-level 9 --output "type=oci,dest=$READERS/gzip-9"
  "$CONSIGN" build "$READERS/tree" --layers single --compression zstd --compression-level 12 --output "type=oci,dest=$READERS/zstd-12"
  # shellcheck disable=SC2046
  stat -c '%s %n' $(for kind in gzip gzip-1 gzip-9 zstd zstd-12 none; do blob_of "$kind"; done)
}

readers_tar() {
  blob_of none | xargs cat >"$READERS/tar"
  tar -t -v -f "$READERS/tar"
  same "digest" "$(jq -r '.layers[0].digest' "$(manifest "$READERS/none")")" \
    "sha256:$(sha256sum <"$READERS/tar" | cut -d ' ' -f 1)"
}

# Each config names the digest of that tar.
readers_diff_ids() {
  local kind config expected
  expected="sha256:$(sha256sum <"$READERS/tar" | cut -d ' ' -f 1)"
  for kind in gzip gzip-1 gzip-9 zstd zstd-12 none; do
    config=$(blob "$READERS/$kind" "$(jq -r .config.digest "$(manifest "$READERS/$kind")")")
    same "$kind: diff_ids" "$expected" "$(jq -r '.rootfs.diff_ids | join(" ")' "$config")"
    same "$kind: size" "$(stat -c %s "$(blob_of "$kind")")" "$(jq '.layers[0].size' "$(manifest "$READERS/$kind")")"
  done
}

# reads COMMAND…: it reads gzip from stdin, and what it writes is the tar.
reads() {
  local kind
  for kind in gzip gzip-1 gzip-9; do
    "$@" <"$(blob_of "$kind")" | cmp - "$READERS/tar"
  done
}

# A reader has to see that something is missing.
readers_cut() {
  head -c -5 "$(blob_of gzip)" >"$READERS/cut"
  fails_with 1 gzip -t <"$READERS/cut"
}

readers_go() {
  command -v go >/dev/null || skip "Go is not here"
  mkdir -p "$READERS/go"
  cat >"$READERS/go/main.go" <<'GO'
package main

import (
	"compress/gzip"
	"io"
	"os"
)

func main() {
	reader, err := gzip.NewReader(os.Stdin)
	if err != nil {
		panic(err)
	}
	if _, err := io.Copy(os.Stdout, reader); err != nil {
		panic(err)
	}
}
GO
  (cd "$READERS/go" && GO111MODULE=off GOTOOLCHAIN=local GOCACHE=$READERS/go/cache go build -o "$READERS/go/main" main.go)
  reads "$READERS/go/main"
}

PYTHON_GUNZIP='import gzip, shutil, sys
shutil.copyfileobj(gzip.open(sys.stdin.buffer), sys.stdout.buffer)'

readers_zstd() {
  local kind
  for kind in zstd zstd-12; do
    zstd -dc <"$(blob_of "$kind")" | cmp - "$READERS/tar"
    zstd -tq <"$(blob_of "$kind")"
  done
}

readers_type() {
  same "gzip" application/gzip "$(file -b --mime-type "$(blob_of gzip)")"
  same "zstd" application/zstd "$(file -b --mime-type "$(blob_of zstd)")"
  same "type of gzip" application/vnd.oci.image.layer.v1.tar+gzip "$(jq -r '.layers[0].mediaType' "$(manifest "$READERS/gzip")")"
  same "type of zstd" application/vnd.oci.image.layer.v1.tar+zstd "$(jq -r '.layers[0].mediaType' "$(manifest "$READERS/zstd")")"
  same "type of none" application/vnd.oci.image.layer.v1.tar "$(jq -r '.layers[0].mediaType' "$(manifest "$READERS/none")")"
}

check "readers: a layer in three compressions" readers_made
check "readers: the tar is what its digest says" readers_tar
check "readers: diff_ids and sizes" readers_diff_ids
check "readers: file types" readers_type
check "readers: gzip" reads gzip -dc
check "readers: pigz" reads pigz -dc
check "readers: igzip" reads igzip -dc -
check "readers: Python's gzip" reads python3 -c "$PYTHON_GUNZIP"
check "readers: Go's gzip" readers_go
check "readers: zstd" readers_zstd
check "readers: control: a layer that was cut" readers_cut
rm -rf "$READERS"
