# shellcheck shell=bash
set -euo pipefail
# What `consign pull --type rootfs` writes is what umoci unpacks, and what the specification says.

ROOTFS=$WORK/rootfs

rootfs_pushed() {
  mkdir -p "$ROOTFS"
  python3 "$HERE/rootfs.py" make "$ROOTFS/layout"
  against main "$CONSIGN" push "$ROOTFS/layout" interop/rootfs:1 --create-repository
}

rootfs_pulled() {
  against main "$CONSIGN" pull interop/rootfs:1 "$ROOTFS/root" --type rootfs 2>"$WORK/said"
  cat "$WORK/said"
  if grep -q warning "$WORK/said"; then
    fail "something was left out"
  fi
  python3 "$HERE/rootfs.py" compare "$ROOTFS/layout" "$ROOTFS/root"
}

rootfs_umoci() {
  timeout 600 umoci unpack --image "$ROOTFS/layout:1" "$ROOTFS/bundle"
  python3 "$HERE/rootfs.py" same "$ROOTFS/bundle/rootfs" "$ROOTFS/root"
}

# The comparison is worth something only if it finds a bit.
rootfs_one_bit() {
  chmod u+s "$ROOTFS/root/usr/bin/tool"
  fails_with 1 python3 "$HERE/rootfs.py" same "$ROOTFS/bundle/rootfs" "$ROOTFS/root"
  says /usr/bin/tool
}

# Without root: all of it is there, and it is said what could not be kept.
rootfs_without_root() {
  install -d -o 65534 -m 755 "$ROOTFS/nobody"
  (cd "$ROOTFS/nobody" && HOME=$ROOTFS/nobody against main setpriv --reuid 65534 --regid 65534 --clear-groups \
    "$CONSIGN" pull "$REGISTRY/interop/rootfs:1" root --type rootfs) >"$WORK/said" 2>&1
  cat "$WORK/said"
  says "do not have the owners"
  says "devices that were left out: 1"
  [[ -z $(find "$ROOTFS/nobody/root" -perm /6000) ]] || fail "there is a setuid file"
  diff <(cd "$ROOTFS/root" && find . -type f -exec sha256sum {} + | sort) \
    <(cd "$ROOTFS/nobody/root" && find . -type f -exec sha256sum {} + | sort)
}

check "rootfs: an image with all that layers can hold" rootfs_pushed
check "rootfs: what was pulled is what the specification says" rootfs_pulled
check "rootfs: and what umoci unpacks" rootfs_umoci
check "rootfs: one bit is found" rootfs_one_bit
check "rootfs: without root" rootfs_without_root
rm -rf "$ROOTFS"
