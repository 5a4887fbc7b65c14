# shellcheck shell=bash
set -euo pipefail
# BuildKit judges what is built: the same Dockerfiles, on the same bases and contexts, go to it and to consign, and the
# images are compared file by file and setting by setting. tests/dockerfiles/build must be built by both, and
# tests/dockerfiles/refused be refused by both. dockerfile-build.py says where the two may differ.
#
# Needs Go, for BuildKit: its solver is compiled into a program of our own, and runs no containers.

# The toolchain knows where it is installed from the HOME of before.
DOCKERFILE_BUILD_HOME=$(getent passwd "$(id -u)" | cut -d : -f 6)

dockerfile_build_judge() {
  command -v go >/dev/null || skip "there is no Go, which BuildKit is written in"
  (cd "$HERE/dockerfile-judge" && HOME=$DOCKERFILE_BUILD_HOME go build -o "$WORK/bin/dockerfile-builder" ./builder)
}

dockerfile_build_ask() {
  [[ -x $WORK/bin/dockerfile-builder ]] || skip "the judge was not built"
  timeout 900 python3 "$HERE/dockerfile-build.py" "$WORK/bin/dockerfile-builder" "$CONSIGN" "$WORK/bases" \
    "$(cat "$WORK/bases.host")" "$@" >"$WORK/said" || {
    cat "$WORK/said"
    return 1
  }
  cat "$WORK/said"
}

dockerfile_build_compared() {
  dockerfile_build_ask
  says " 0 differ"
  # As many as there are, none left out.
  local count
  count=$(find "$HERE/../dockerfiles/build" "$HERE/../dockerfiles/refused" -name '*.Dockerfile' | wc -l)
  same "number of Dockerfiles" "$count" "$(sed -n 's/ compared, 0 differ$//p' "$WORK/said")"
}

dockerfile_build_control() {
  dockerfile_build_ask --control
  says " 0 missed"
}

check "dockerfile-build: bases and contexts are made" bases_made
check "dockerfile-build: the judge is built" dockerfile_build_judge
check "dockerfile-build: BuildKit and consign build the same" dockerfile_build_compared
check "dockerfile-build: a difference is seen" dockerfile_build_control
