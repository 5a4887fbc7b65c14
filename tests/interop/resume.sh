# shellcheck shell=bash
set -euo pipefail
# `kill -9` in the middle of a push, of the emulator too, and the push is run again.

RESUME=$WORK/resume

# How many bytes of layers the emulator has on disk, complete or not.
resume_stored() {
  du -sb "$RESUME/state" | cut -f 1
}

resume_killed() {
  local before count pid
  mkdir -p "$RESUME/tree"
  for count in 1 2 3; do
    head -c 30000000 /dev/urandom >"$RESUME/tree/random$count"
  done
  emulator_start slow --state "$RESUME/state" --fault "slow:UploadLayerPart,rate=8000000"
  before=$(resume_stored)
  (
    # shellcheck source=/dev/null
    source "$WORK/slow.env"
    exec "$CONSIGN" build "$RESUME/tree" --tag interop/resume:1 --create-repository --push \
      --digest-file "$RESUME/digest" >"$RESUME/out" 2>"$RESUME/err"
  ) &
  pid=$!
  remember "$pid"
  for ((count = 0; count < 300; count++)); do
    (($(resume_stored) < before + 15000000)) || break
    kill -0 "$pid" || fail "the push ended by itself: $(cat "$RESUME/err")"
    sleep 0.1
  done
  same "what is killed" consign "$(cat "/proc/$pid/comm")"
  stop "$pid" KILL
  cat "$RESUME/err"
  (($(resume_stored) >= before + 15000000)) || fail "nothing was sent before the kill"
  [[ ! -s $RESUME/out ]] || fail "it told a digest: $(cat "$RESUME/out")"
  [[ ! -e $RESUME/digest ]] || fail "it wrote the digest file"
}

# There is a repository, and nothing in it.
resume_nothing_half_made() {
  against slow aws --output json ecr describe-images --repository-name interop/resume | tee "$WORK/answer"
  same "images" 0 "$(jq '.imageDetails | length' "$WORK/answer")"
}

resume_restarted() {
  emulator_stop slow KILL
  emulator_start again --state "$RESUME/state"
}

resume_pushed() {
  local expected
  expected=$(digest "$RESUME/tree")
  against again "$CONSIGN" build "$RESUME/tree" --tag interop/resume:1 --create-repository --push \
    --digest-file "$RESUME/digest" >"$RESUME/out" 2>"$RESUME/err"
  cat "$RESUME/err"
  same "digest" "$expected" "$(sed 's/.*@//' "$RESUME/out")"
  same "digest file" "$expected" "$(cat "$RESUME/digest")"
  against again "$CONSIGN" validate "$(cat "$RESUME/out")"
  against again aws --output json ecr describe-images --repository-name interop/resume >"$WORK/answer"
  same "images" 1 "$(jq '.imageDetails | length' "$WORK/answer")"
}

resume_second() {
  emulator_stop again
  emulator_start logged --state "$RESUME/state" --request-log "$RESUME/log"
  against logged "$CONSIGN" build "$RESUME/tree" --tag interop/resume:1 --push --metadata-file "$RESUME/metadata" \
    >"$RESUME/out" 2>"$RESUME/err"
  cat "$RESUME/err"
  same "digest" "$(cat "$RESUME/digest")" "$(sed 's/.*@//' "$RESUME/out")"
  grep -Eq 'unchanged|already|nothing' "$RESUME/err" || fail "it does not say that nothing was sent"
  emulator_stop logged
  # What the emulator saw is the proof.
  jq -r .operation "$RESUME/log" | sort | uniq -c
  if jq -r .operation "$RESUME/log" | grep -E >/dev/null 'InitiateLayerUpload|UploadLayerPart|CompleteLayerUpload|PutImage'; then
    fail "something was sent"
  fi
}

check "resume: kill -9 in the middle of a layer" resume_killed
check "resume: nothing half-made is there" resume_nothing_half_made
check "resume: the emulator is killed too, and starts again on its state" resume_restarted
check "resume: the same push succeeds, and what it made is valid" resume_pushed
check "resume: a second push sends nothing" resume_second
rm -rf "$RESUME"
