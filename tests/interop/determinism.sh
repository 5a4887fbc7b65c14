# shellcheck shell=bash
set -euo pipefail
# The same directory gives the same digest, whatever the machine, the user and the way are.

SAME=$WORK/same

# A part of the real tree of several layers' blocks, with a large file and with links, that may be changed.
determinism_made() {
  local real
  real=$(real_tree)
  mkdir -p "$SAME/tree"
  (cd "$real" && find . -type f -size -2048k -print0 | LC_ALL=C sort -z | sed -z '4001,$d') |
    tar -C "$real" --null --files-from=- --create --file=- | tar -C "$SAME/tree" --extract --file=-
  some_of "$real" 30000000 >"$SAME/tree/large"
  printf '#!/bin/sh\n' >"$SAME/tree/run" && chmod 755 "$SAME/tree/run"
  ln -s run "$SAME/tree/link"
  mkdir "$SAME/tree/empty"
  for kind in gzip zstd none; do
    digest "$SAME/tree" --compression "$kind" >"$SAME/$kind"
    grep -Eqx 'sha256:[0-9a-f]{64}' "$SAME/$kind"
  done
  [[ $(sort -u "$SAME/gzip" "$SAME/zstd" "$SAME/none" | wc -l) -eq 3 ]] || fail "the compression makes no difference"
}

# each DIRECTORY [ARGUMENT…]: for each compression, the digest is what it was.
each() {
  local kind
  for kind in gzip zstd none; do
    same "$kind" "$(cat "$SAME/$kind")" "$(digest "$@" --compression "$kind")"
  done
}

determinism_threads() {
  local threads
  for threads in 1 2 3 7; do
    each "$SAME/tree" --threads "$threads"
  done
}

determinism_touch() {
  find "$SAME/tree" -exec touch -h -d "2031-05-06 07:08:09.123" {} +
  each "$SAME/tree"
  touch -d 1975-01-01 "$SAME/tree/run"
  each "$SAME/tree"
}

determinism_copy() {
  cp -r "$SAME/tree" "$SAME/copy"
  each "$SAME/copy"
  rm -rf "$SAME/copy"
}

# The files come into being in another order, under another umask, so they lie and are listed in another order.
determinism_umask() {
  (
    umask 077
    mkdir "$SAME/backwards"
    (cd "$SAME/tree" && find . -print0 | LC_ALL=C sort -rz) |
      tar -C "$SAME/tree" --null --no-recursion --files-from=- --create --file=- |
      tar -C "$SAME/backwards" --extract --file=- --no-same-permissions --no-same-owner \
        --warning=no-timestamp
    same "mode" 600 "$(stat -c %a "$SAME/backwards/large")"
    each "$SAME/backwards"
  )
  (
    umask 000
    each "$SAME/tree"
  )
  rm -rf "$SAME/backwards"
}

determinism_locale() {
  TZ=Pacific/Auckland LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8 each "$SAME/tree"
  TZ=America/St_Johns LC_ALL=C LANG=C each "$SAME/tree"
  TZ=UTC LC_ALL=C.UTF-8 HOME=/nowhere HOSTNAME=other each "$SAME/tree"
}

determinism_user() {
  local kind
  chmod -R go+rX "$SAME"
  for kind in gzip zstd none; do
    same "$kind" "$(cat "$SAME/$kind")" \
      "$(setpriv --reuid 65534 --regid 65534 --clear-groups "$CONSIGN" -q build "$SAME/tree" --compression "$kind")"
  done
}

# By another name, from inside, with a trailing slash, through a link.
determinism_path() {
  mv "$SAME/tree" "$SAME/other name"
  each "$SAME/other name/"
  (cd "$SAME/other name" && each .)
  ln -s "other name" "$SAME/linked"
  each "$SAME/linked"
  mv "$SAME/other name" "$SAME/tree"
}

determinism_ways() {
  local kind
  for kind in gzip zstd none; do
    same "$kind, pushed" "$(cat "$SAME/$kind")" \
      "$(push "$SAME/tree" "interop/same-$kind:1" --compression "$kind" --threads 2)"
    same "$kind, pushed by one thread" "$(cat "$SAME/$kind")" \
      "$(push "$SAME/tree" "interop/same-$kind-1:1" --compression "$kind" --threads 1)"
    same "$kind, written" "$(cat "$SAME/$kind")" \
      "$(digest "$SAME/tree" --compression "$kind" --output "type=oci,dest=$SAME/oci" \
        --output "type=oci,dest=$SAME/oci.tar" --output "type=docker,dest=$SAME/docker.tar")"
    same "$kind, in the layout" "$(cat "$SAME/$kind")" "$(jq -r '.manifests[0].digest' "$SAME/oci/index.json")"
    for file in oci.tar docker.tar; do
      same "$kind, in $file" "$(cat "$SAME/$kind")" \
        "$(tar -xOf "$SAME/$file" index.json | jq -r '.manifests[0].digest')"
    done
    same "$kind, layout pushed" "$(cat "$SAME/$kind")" \
      "$(against main "$CONSIGN" push "$SAME/oci" "interop/same-$kind:2" | sed 's/.*@//')"
    rm -rf "$SAME/oci" "$SAME"/*.tar
  done
}

# The files that are written are the same too, bytes and all.
determinism_files() {
  local round
  for round in 1 2; do
    mkdir "$SAME/round$round"
    "$CONSIGN" -q build "$SAME/tree" --tag a/b:c --threads "$round" \
      --output "type=oci,dest=$SAME/round$round/oci" --output "type=oci,dest=$SAME/round$round/oci.tar" \
      --output "type=docker,dest=$SAME/round$round/docker.tar"
    sleep 1.1
  done
  diff -r "$SAME/round1" "$SAME/round2"
  rm -rf "$SAME"/round?
}

# It is worth something only if the digest changes when it should.
determinism_controls() {
  local before after change
  before=$(cat "$SAME/gzip")
  for change in "printf x >>run" "chmod 644 run" "ln -sfn large link" "mv empty empty2" "rmdir empty2" "rm run"; do
    (cd "$SAME/tree" && eval "$change")
    after=$(digest "$SAME/tree")
    [[ $after != "$before" ]] || fail "$change: the digest is the same"
    before=$after
  done
}

check "determinism: a directory, in three compressions" determinism_made
check "determinism: again" each "$SAME/tree"
check "determinism: 1, 2, 3 and 7 threads" determinism_threads
check "determinism: after touch" determinism_touch
check "determinism: after cp -r" determinism_copy
check "determinism: under another umask, made in another order" determinism_umask
check "determinism: in other time zones and locales" determinism_locale
check "determinism: by another user" determinism_user
check "determinism: by another path" determinism_path
check "determinism: pushed, written and pushed again" determinism_ways
check "determinism: files that are written" determinism_files
check "determinism: control: what is changed changes the digest" determinism_controls
rm -rf "$SAME"
