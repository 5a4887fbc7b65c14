# shellcheck shell=bash
set -euo pipefail
# A disk that is full, and a folder that may not be written to: the file is named, the exit code is 2, and nothing is
# left half-written.

FULL=$WORK/full

full_made() {
  mkdir -p "$FULL/disk" "$FULL/tree"
  head -c 3000000 /dev/urandom >"$FULL/tree/random"
  echo small >"$FULL/tree/small"
  mount -t tmpfs -o size=1m,mode=755 none "$FULL/disk" || skip "no file system can be mounted here"
}

# Nothing but what was there before is on the disk.
full_clean() {
  same "what is left" "left: $1" "left: $(find "$FULL/disk" -mindepth 1 -printf '%P\n' | sort | tr '\n' ' ')"
}

# full_output TYPE NAME
full_output() {
  rm -rf "$FULL"/disk/*
  fails_with 2 "$CONSIGN" build "$FULL/tree" --tag a/b:1 --output "type=$1,dest=$FULL/disk/$2"
  says "$FULL/disk/$2"
  says "No space left on device"
  full_clean ""
}

# An image that was there stays as it was.
full_output_kept() {
  rm -rf "$FULL"/disk/*
  mkdir -p "$FULL/other"
  echo first >"$FULL/other/file"
  "$CONSIGN" build "$FULL/other" --tag a/b:1 --output "type=$1,dest=$FULL/disk/$2"
  "$CONSIGN" validate "$FULL/disk/$2"
  find "$FULL/disk" -type f -exec sha256sum {} + | sort >"$FULL/before"
  fails_with 2 "$CONSIGN" build "$FULL/tree" --tag a/b:1 --output "type=$1,dest=$FULL/disk/$2"
  find "$FULL/disk" -type f -exec sha256sum {} + | sort >"$FULL/after"
  diff "$FULL/before" "$FULL/after"
  "$CONSIGN" validate "$FULL/disk/$2"
}

# full_result OPTION: the push succeeds, and its result can't be written.
full_result() {
  rm -rf "$FULL"/disk/*
  echo "what was there" >"$FULL/disk/result"
  dd if=/dev/zero of="$FULL/disk/filler" bs=4096 status=none 2>/dev/null || true
  fails_with 2 against main "$CONSIGN" build "$FULL/tree" --tag interop/full:1 --create-repository --push \
    "$1" "$FULL/disk/result"
  says "$FULL/disk/result"
  says "No space left on device"
  full_clean "filler result "
  same "the file" "what was there" "$(cat "$FULL/disk/result")"
}

full_stdout() {
  local status=0
  "$CONSIGN" build "$FULL/tree" >/dev/full 2>"$WORK/said" || status=$?
  cat "$WORK/said"
  [[ $status -ne 0 ]] || fail "it ended with 0"
  if grep -q panicked "$WORK/said"; then
    fail "it panicked"
  fi
}

# A closed pipe is no error to shout about.
full_pipe() {
  # What it ends with is its own affair.
  set +o pipefail
  "$CONSIGN" build --help 2>"$WORK/said" | true
  "$CONSIGN" build "$FULL/tree" 2>>"$WORK/said" | true
  set -o pipefail
  cat "$WORK/said"
  if grep -q panicked "$WORK/said"; then
    fail "it panicked"
  fi
}

full_missing_folder() {
  fails_with 2 "$CONSIGN" build "$FULL/tree" --output "type=oci,dest=$FULL/nowhere/image"
  says "$FULL/nowhere"
  fails_with 2 against main "$CONSIGN" build "$FULL/tree" --tag interop/full:2 --push --digest-file "$FULL/nowhere/d"
  says "$FULL/nowhere"
  if grep -q '^reading' "$WORK/said"; then
    fail "it found out after it had begun"
  fi
}

# The emulator's own disk is full: the client gets an error, and a push succeeds once there is room.
full_emulator() {
  rm -rf "$FULL"/disk/*
  emulator_start full --state "$FULL/disk/state"
  local status=0
  against full timeout 120 "$CONSIGN" build "$FULL/tree" --tag interop/full:1 --create-repository --push \
    --retry-max-attempts 2 >"$WORK/said" 2>&1 || status=$?
  cat "$WORK/said"
  [[ $status -ne 0 && $status -ne 124 ]] || fail "it ended with $status"
  mount -o remount,size=64m "$FULL/disk"
  against full "$CONSIGN" build "$FULL/tree" --tag interop/full:1 --create-repository --push
  against full "$CONSIGN" validate interop/full:1
  emulator_stop full
}

check "full: a small disk" full_made
if mountpoint -q "$FULL/disk"; then
  check "full: -o type=oci, a directory" full_output oci image
  check "full: -o type=oci, a tar" full_output oci image.tar
  check "full: -o type=docker" full_output docker image.tar
  check "full: an archive that was there is kept" full_output_kept docker image.tar
  check "full: a layout that was there is kept" full_output_kept oci image
  check "full: --digest-file" full_result --digest-file
  check "full: --metadata-file" full_result --metadata-file
  check "full: --dotenv-file" full_result --dotenv-file
  check "full: the emulator's disk" full_emulator
  umount "$FULL/disk"
fi
check "full: stdout" full_stdout
check "full: a closed pipe" full_pipe
check "full: a folder that is not there" full_missing_folder
rm -rf "$FULL"
