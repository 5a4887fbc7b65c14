# shellcheck shell=bash
set -euo pipefail
# A tree of everything that is awkward, unpacked by umoci, GNU tar, bsdtar and Python alike.

nasty=$WORK/nasty

nasty_made() {
  mkdir "$nasty" && cd "$nasty"
  mkdir -p empty/deeper bin links
  echo word >plain
  : >nothing
  printf '#!/bin/sh\necho run\n' >bin/run && chmod 755 bin/run
  echo private >private && chmod 600 private
  echo owner >owner-only && chmod 700 owner-only
  echo group >group-x && chmod 654 group-x
  cp /bin/busybox bin/suid && chmod 4755 bin/suid
  mkdir sticky && chmod 1777 sticky && echo x >sticky/x
  mkdir closed && echo y >closed/y && chmod 700 closed

  ln -s plain links/broken-relative
  ln -s ../plain links/relative
  ln -s /does/not/exist links/dangling
  ln -s /etc/passwd links/absolute
  ln -s .. links/up
  ln -s loop links/loop
  ln -s "$(printf '%0150d' 7)" links/long-target
  ln -s $'tar\nget \xff' links/odd-target

  mkdir hard && echo one >hard/a && ln hard/a hard/b && ln hard/a zz-first && ln hard/a aa-last
  : >hard/e && ln hard/e hard/f
  mkfifo pipe

  echo space >'with space' && echo lead >' leading' && echo trail >'trailing '
  echo newline >$'new\nline' && echo tab >$'t\tab' && echo back >'back\slash' && echo esc >$'\033[31m'
  echo dash >-rf && echo star >'*' && echo quote >"'\"" && echo percent >'%3D=%' && echo wh >wh.x
  echo latin >$'caf\xe9' && echo wild >$'\xff\xfe\x01'
  echo nfc >$'caf\xc3\xa9' && echo nfd >$'cafe\xcc\x81' && echo kanji >漢字
  mkdir $'d\xff\nir' && echo inside >$'d\xff\nir/f\xfe'

  local long100 long255 deep
  long100=$(printf 'a%.0s' {1..101}) && echo l >"$long100"
  long255=$(printf 'b%.0s' {1..255}) && echo l >"$long255"
  echo exactly >"$(printf 'c%.0s' {1..100})"
  deep=$(printf 'directory-%03d/' {1..40})
  mkdir -p "$deep" && echo deep >"$deep/file" && echo non-utf8 >"$deep/"$'caf\xe9\n'
  ln "$deep/file" "${deep}hard-link-to-a-long-name"
  ln -s "$deep/file" links/deep
  mkdir -p "$(printf 'd%.0s' {1..155})" && echo split >"$(printf 'd%.0s' {1..155})/$(printf 'e%.0s' {1..99})"
  mkdir -p "x$(printf 'd%.0s' {1..155})" && echo nosplit >"x$(printf 'd%.0s' {1..155})/$(printf 'e%.0s' {1..101})"

  head -c 3000001 /dev/urandom >random
  truncate -s 20000003 sparse && printf end | dd of=sparse bs=1 seek=15000000 conv=notrunc status=none
  echo old >old && touch -d 1960-01-02 old && echo new >new && touch -d 2499-01-02 new

  cp /bin/busybox bin/capable
  cd "$WORK"
  python3 - "$nasty/socket" <<'PYTHON'
import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])
PYTHON
  test -S "$nasty/socket"
}

# File systems without extended attributes exist; the checks hold there all the same.
nasty_capability() {
  setcap cap_net_bind_service=+ep "$nasty/bin/capable" || skip "this file system keeps no capabilities"
  getcap "$nasty/bin/capable" | grep >/dev/null cap_net_bind_service
}

nasty_pushed() {
  # In one layer: bsdtar leaves the time of a directory alone that a layer before had, and the counts below are of one.
  push "$nasty" interop/nasty:1 --layers single 2>"$WORK/said" >"$WORK/nasty.digest"
  cat "$WORK/said"
  says "socket"
  says "warning"
  pull interop/nasty:1 "$WORK/nasty.oci" 1
  same "digest" "$(cat "$WORK/nasty.digest")" "$(jq -r '.manifests[0].digest' "$WORK/nasty.oci/index.json")"
}

nasty_umoci() {
  umoci unpack --image "$WORK/nasty.oci:1" "$WORK/nasty.bundle"
  compare "$nasty" "$WORK/nasty.bundle/rootfs/app" --at-least 80
}

# nasty_unpack TOOL: what it unpacks goes to $WORK/nasty.TOOL.
nasty_unpack() {
  local to=$WORK/nasty.$1 layer
  mkdir "$to"
  while read -r layer; do
    case $1 in
      tar) tar -x -p -f "$layer" -C "$to" --same-owner --numeric-owner --xattrs --xattrs-include='security.*' ;;
      bsdtar) bsdtar -x -p -f "$layer" -C "$to" --same-owner --numeric-owner --xattrs ;;
      python)
        python3 - "$layer" "$to" <<'PYTHON'
import sys, tarfile
with tarfile.open(sys.argv[1]) as tar:
    tar.extraction_filter = staticmethod(lambda member, path: member)
    tar.extractall(sys.argv[2], numeric_owner=True)
    members = tar.getmembers()
with_capability = [m.name for m in members if "SCHILY.xattr.security.capability" in m.pax_headers]
print("capabilities:", with_capability)
names = [m.name for m in members]
assert len(names) == len(set(names)), "a name stands in the archive twice"
encoded = [m.name.encode("utf-8", "surrogateescape") + b"/" * m.isdir() for m in members]
assert all(not n.startswith((b"/", b"./")) and b".." not in n.split(b"/") for n in encoded), "a name leaves the root"
PYTHON
        ;;
    esac
  done < <(layers "$WORK/nasty.oci")
}

nasty_tar() {
  nasty_unpack tar
  compare "$nasty" "$WORK/nasty.tar/app" --at-least 80
}

nasty_bsdtar() {
  nasty_unpack bsdtar
  compare "$nasty" "$WORK/nasty.bsdtar/app" --at-least 80
}

# Python's tarfile sets neither extended attributes nor the times of symbolic links.
nasty_python() {
  nasty_unpack python | tee "$WORK/said"
  compare "$nasty" "$WORK/nasty.python/app" --at-least 80 --without xattrs,symlink-times
  if getcap "$nasty/bin/capable" | grep >/dev/null cap_net; then
    says "app/bin/capable"
  fi
}

nasty_one_inode() {
  local rootfs=$WORK/nasty.bundle/rootfs/app
  same "names of the file" 4 "$(stat -c %h "$rootfs/hard/a")"
  same "inode" "$(stat -c %i "$rootfs/zz-first")" "$(stat -c %i "$rootfs/aa-last")"
  # Its bytes are in the layer once.
  local layer count
  layer=$(layers "$WORK/nasty.oci" | sed -n 1p)
  count=$(zcat "$layer" | tar -tv | grep -c ' link to .*app/aa-last$')
  same "hard links to it" 3 "$count"
}

# nasty_change COMMAND TEXT: one change to an unpacked tree; the comparison has to find it, and say TEXT.
nasty_change() {
  local rootfs=$WORK/nasty.changed status=0
  rm -rf "$rootfs"
  cp -a "$WORK/nasty.bundle/rootfs/app" "$rootfs"
  compare "$nasty" "$rootfs" >"$WORK/said" || fail "the copy differs before the change: $(cat "$WORK/said")"
  (cd "$rootfs" && eval "$1")
  # Only what was changed shall tell, not the time of the change.
  if [[ $1 != touch* ]]; then
    find "$rootfs" -newermt 1970-01-02 -exec touch -h -d @0 {} +
  fi
  compare "$nasty" "$rootfs" >"$WORK/said" || status=$?
  cat "$WORK/said"
  rm -rf "$rootfs"
  same "exit code of the comparison" 1 "$status"
  says "$2"
}

check "nasty: made" nasty_made
check "nasty: a file has a capability" nasty_capability
check "nasty: pushed and pulled, the socket left out with a warning" nasty_pushed
check "nasty: unpacked by umoci" nasty_umoci
check "nasty: unpacked by GNU tar" nasty_tar
check "nasty: unpacked by bsdtar" nasty_bsdtar
check "nasty: unpacked by Python" nasty_python
check "nasty: hard links are one file, stored once" nasty_one_inode
check "nasty: control: a byte" nasty_change "printf W | dd of=plain conv=notrunc status=none" "plain': content"
check "nasty: control: a size" nasty_change "printf w >>plain" "plain': size"
check "nasty: control: a mode" nasty_change "chmod 755 plain" "plain': mode"
check "nasty: control: a directory's mode" nasty_change "chmod 700 empty" "empty': mode"
check "nasty: control: an owner" nasty_change "chown 1 plain" "plain': owner"
check "nasty: control: a time" nasty_change "touch -d @5 plain" "plain': time"
check "nasty: control: a link's target" nasty_change "ln -sfn /does/not/exist2 links/dangling" "links/dangling': target"
check "nasty: control: a link followed" nasty_change "cp --remove-destination plain links/relative" "links/relative': kind"
check "nasty: control: a hard link copied" nasty_change "cp --remove-destination hard/a zz-first" "zz-first': one file"
check "nasty: control: two files made one" nasty_change "ln -f hard/a plain" "plain': one file"
check "nasty: control: a file too many" nasty_change "touch more && touch -d @0 more ." "more': is not in the source"
check "nasty: control: a file missing" nasty_change "rm nothing" "nothing': is missing"
check "nasty: control: an empty directory missing" nasty_change "rmdir empty/deeper" "empty/deeper': is missing"
check "nasty: control: a FIFO that is a file" nasty_change "rm pipe && : >pipe" "pipe': kind"
check "nasty: control: a name of other bytes" nasty_change "mv \$'caf\xe9' \$'caf\xe8'" "caf\\xe9': is missing"
if getcap "$nasty/bin/capable" | grep >/dev/null cap_net; then
  check "nasty: control: a capability missing" nasty_change "setcap -r bin/capable" "bin/capable': capability"
fi
rm -rf "$WORK"/nasty.*
