# shellcheck shell=bash
set -euo pipefail
# A real tree of many thousand files, pushed, pulled with skopeo, unpacked with umoci, and compared file by file.

tree_pushed() {
  push "$(real_tree)" interop/tree:1 >"$WORK/tree.digest"
  grep -Eqx 'sha256:[0-9a-f]{64}' "$WORK/tree.digest"
}

tree_pulled() {
  pull interop/tree:1 "$WORK/tree.oci" 1
  same "digest" "$(cat "$WORK/tree.digest")" "$(jq -r '.manifests[0].digest' "$WORK/tree.oci/index.json")"
}

tree_unpacked() {
  timeout 600 umoci unpack --image "$WORK/tree.oci:1" "$WORK/tree.bundle"
  compare "$(real_tree)" "$WORK/tree.bundle/rootfs/app" --at-least 5000
}

# The comparison is worth something only if one byte of one file is enough.
tree_one_byte() {
  local victim status=0
  victim=$(find "$WORK/tree.bundle/rootfs/app" -type f -size +1k | sort | sed -n 100p)
  python3 - "$victim" <<'PYTHON'
import os, sys
path = sys.argv[1]
status = os.stat(path)
with open(path, "r+b") as file:
    file.seek(status.st_size // 2)
    byte = file.read(1)[0]
    file.seek(status.st_size // 2)
    file.write(bytes([byte ^ 1]))
os.utime(path, (status.st_atime, status.st_mtime))
PYTHON
  compare "$(real_tree)" "$WORK/tree.bundle/rootfs/app" >"$WORK/said" || status=$?
  cat "$WORK/said"
  same "exit code of the comparison" 1 "$status"
  grep -q ' 1 differences$' "$WORK/said"
}

# Pushing it again sends nothing.
tree_again() {
  against main "$CONSIGN" build "$(real_tree)" --tag interop/tree:1 --push --metadata-file "$WORK/metadata.json" \
    >"$WORK/said" 2>&1
  cat "$WORK/said"
  says "@$(cat "$WORK/tree.digest")"
  if grep -q ': sent,' "$WORK/said"; then
    fail "a layer was sent again"
  fi
}

tree_validated() {
  against main "$CONSIGN" validate "$REGISTRY/interop/tree@$(cat "$WORK/tree.digest")"
  "$CONSIGN" validate "$WORK/tree.oci"
}

check "tree: pushed" tree_pushed
check "tree: pulled by skopeo, under the same digest" tree_pulled
check "tree: unpacked by umoci, every file as in the source" tree_unpacked
check "tree: one changed byte is found" tree_one_byte
check "tree: a second push sends nothing" tree_again
check "tree: consign validate agrees, in the registry and pulled" tree_validated
rm -rf "$WORK/tree.bundle" "$WORK/tree.oci"
