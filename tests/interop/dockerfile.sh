# shellcheck shell=bash
set -euo pipefail
# BuildKit judges how Dockerfiles are read. The same questions go to two programs, one on BuildKit's own packages and
# one on consign, and the answers must be the same: the instructions of a file, the image that they add up to, what the
# checks find, what a word with variables becomes. dockerfile.py makes the questions, and says where the two may differ.
#
# Needs Go, for BuildKit's packages, and a Rust toolchain.

dockerfile_judge_is_built() {
  command -v go >/dev/null || skip "there is no Go, which BuildKit is written in"
  (cd "$HERE/dockerfile-judge" && HOME=$DOCKERFILE_HOME go build -o "$WORK/bin/dockerfile-judge" .)
  HOME=$DOCKERFILE_HOME cargo build --quiet --locked --manifest-path "$HERE/../../Cargo.toml" --example dockerfile-view
  install -m 755 "${CARGO_TARGET_DIR:-$HERE/../../target}/debug/examples/dockerfile-view" "$WORK/bin/dockerfile-view"
}

# compared LOG [OPTION…]: puts the questions to both, and wants no difference.
dockerfile_compared() {
  [[ -x $WORK/bin/dockerfile-judge ]] || skip "the judge was not built"
  # BuildKit has no limit for the memory that variables take.
  (
    ulimit -v 8000000
    python3 "$HERE/dockerfile.py" "$WORK/bin/dockerfile-judge" "$WORK/bin/dockerfile-view" \
      "$HERE/../dockerfiles" "$@"
  ) >"$WORK/said" || {
    cat "$WORK/said"
    return 1
  }
  cat "$WORK/said"
  says " 0 differ"
}

# The comparison is worth something only if a difference is seen.
dockerfile_difference_is_seen() {
  [[ -x $WORK/bin/dockerfile-judge ]] || skip "the judge was not built"
  cat >"$WORK/bin/dockerfile-liar" <<LIAR
#!/bin/sh
"$WORK/bin/dockerfile-view" | sed 's/"unset":\[\]/"unset":["x"]/'
LIAR
  chmod 755 "$WORK/bin/dockerfile-liar"
  fails_with 1 python3 "$HERE/dockerfile.py" "$WORK/bin/dockerfile-judge" "$WORK/bin/dockerfile-liar" \
    "$HERE/../dockerfiles" --words 500 --files 0 --show 1
  says " differ"
}

# The toolchains know where they are installed from the HOME of before.
DOCKERFILE_HOME=$(getent passwd "$(id -u)" | cut -d : -f 6)

check "dockerfile: the judge is built" dockerfile_judge_is_built
check "dockerfile: the corpus, thousands of words and of files" dockerfile_compared --seed 1
check "dockerfile: and others" dockerfile_compared --seed "$RANDOM" --words 5000 --files 1000
check "dockerfile: a difference is seen" dockerfile_difference_is_seen
