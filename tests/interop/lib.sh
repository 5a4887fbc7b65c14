# shellcheck shell=bash
set -euo pipefail
# What the subjects share. Sourced by `run`.

PASSED=0
FAILED=0

# check NAME FUNCTION [ARGUMENT…]: runs it in a subshell that ends at the first error, and keeps its output to itself
# unless it fails. A check whose last line is `SKIP: WHY`, with exit code 77, does not apply on this machine.
check() {
  local name=$1 status began=$SECONDS log=$WORK/check.log
  shift
  set +e
  (
    set -euo pipefail
    "$@"
  ) >"$log" 2>&1 </dev/null
  status=$?
  set -e
  case $status in
    0)
      PASSED=$((PASSED + 1))
      echo "ok $name ($((SECONDS - began)) s)"
      ;;
    77) echo "skipped $name: $(sed -n '$s/^SKIP: //p' "$log")" ;;
    *)
      FAILED=$((FAILED + 1))
      echo "FAILED $name ($((SECONDS - began)) s, exit code $status)"
      tail -n 40 "$log" | sed 's/^/    /'
      ;;
  esac
}

skip() {
  echo "SKIP: $*"
  exit 77
}

fail() {
  echo "$*"
  exit 1
}

# same WHAT EXPECTED FOUND. Nothing is never what is expected: it is what commands give that have failed.
same() {
  [[ -n $2 ]] || fail "$1: nothing is known that could be expected"
  [[ $2 == "$3" ]] || fail "$1: expected \`$2\`, found \`$3\`"
}

# fails_with CODE COMMAND…: the command must end with that exit code. What it said stands in $WORK/said.
fails_with() {
  local expected=$1 status=0
  shift
  "$@" >"$WORK/said" 2>&1 || status=$?
  cat "$WORK/said"
  same "exit code of $*" "$expected" "$status"
}

# says TEXT: what `fails_with` ran has said it.
says() {
  grep -qF -- "$1" "$WORK/said" || fail "expected it to say \`$1\`"
}

install_tools() {
  local policy=/usr/sbin/policy-rc.d made=
  local log=$WORK/install.log
  # Packages shall not start services.
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=yes
  fi
  if ! {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update &&
      apt-get install -y --no-install-recommends \
        apache2-utils attr busybox-static ca-certificates curl docker-registry docker.io file git isal jq libarchive-tools \
        libcap2-bin pigz podman python3 python3-venv runc skopeo tar umoci zstd
  } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    [[ -z $made ]] || rm -f "$policy"
    echo "installing Debian's packages failed" >&2
    exit 2
  fi
  [[ -z $made ]] || rm -f "$policy"
}

install_aws() {
  local log=$WORK/install.log python=/usr/bin/python3
  if ! { "$python" -m venv "$WORK/venv" && "$WORK/venv/bin/pip" install --quiet awscli; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "installing the AWS CLI failed" >&2
    exit 2
  fi
}

# Nothing of the machine's or the CI's configuration shall have a part in this.
forget_environment() {
  local name
  while IFS= read -r name; do
    case $name in
      AWS_* | CONSIGN_* | ACTIONS_* | GITHUB_* | CI_* | GITLAB_* | JENKINS_* | BUILDAH_* | DOCKER_* | CONTAINER* | \
        XDG_* | REGISTRY_* | SOURCE_DATE_EPOCH | TZ | LANG | LANGUAGE | LC_* | CI) unset "$name" ;;
    esac
  done < <(compgen -e)
  export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost AWS_EC2_METADATA_DISABLED=true
  # Less than 022 would let modes pass by chance.
  umask 022
}

# --- processes ------------------------------------------------------------------------------------------------------

remember() {
  echo "$1" >>"$WORK/pids"
}

forget() {
  sed -i "/^$1\$/d" "$WORK/pids"
}

# stop PID [SIGNAL]: ends a process that was remembered, and waits until it is gone.
stop() {
  local pid=$1 signal=${2:-TERM} count
  kill -s "$signal" "$pid" 2>/dev/null || true
  for ((count = 0; count < 150; count++)); do
    # A zombie has ended.
    case $(cut -d ' ' -f 3 "/proc/$pid/stat" 2>/dev/null || true) in
      '' | Z) break ;;
    esac
    sleep 0.1
  done
  if ((count == 150)); then
    kill -s KILL "$pid" 2>/dev/null || true
  fi
  wait "$pid" 2>/dev/null || true
  forget "$pid"
}

clean_up() {
  local pid directory
  set +e
  while read -r pid; do
    stop "$pid"
  done < <(tac "$WORK/pids")
  while read -r directory; do
    umount "$directory"
  done < <(awk -v work="$WORK/" 'index($2, work) == 1 { print $2 }' /proc/mounts | tac)
  if [[ ${INTEROP_KEEP:-no} == yes ]]; then
    echo "kept: $WORK"
  else
    cd / && rm -rf --one-file-system "$WORK"
  fi
}

# --- the emulator ---------------------------------------------------------------------------------------------------

# emulator_start NAME [ARGUMENT…]: serves until `emulator_stop NAME`.
emulator_start() {
  local name=$1 count
  shift
  : >"$WORK/$name.env"
  "$CONSIGN" emulator "$@" >"$WORK/$name.env" 2>"$WORK/$name.log" &
  echo $! >"$WORK/$name.pid"
  remember $!
  for ((count = 0; count < 300; count++)); do
    if grep -q CONSIGN_REGISTRY_ENDPOINT "$WORK/$name.env"; then
      return
    fi
    kill -0 "$(cat "$WORK/$name.pid")" 2>/dev/null || break
    sleep 0.1
  done
  cat "$WORK/$name.log" >&2
  echo "the emulator did not start" >&2
  return 1
}

emulator_stop() {
  stop "$(cat "$WORK/$1.pid")" "${2:-TERM}"
}

# against NAME COMMAND…: with that emulator's variables and nothing else.
against() {
  (
    # shellcheck source=/dev/null
    source "$WORK/$1.env"
    shift
    exec "$@"
  )
}

# HOST:PORT of an emulator.
registry_of() {
  # shellcheck disable=SC2016
  against "$1" bash -c 'echo "${CONSIGN_REGISTRY_ENDPOINT#http://}"'
}

# --- images ---------------------------------------------------------------------------------------------------------

# push DIRECTORY REFERENCE [ARGUMENT…]: to the main emulator; prints the digest alone.
push() {
  local directory=$1 reference=$2 line
  shift 2
  line=$(against main "$CONSIGN" build "$directory" --tag "$reference" --create-repository --push "$@")
  echo "${line##*@}"
}

# digest DIRECTORY [ARGUMENT…]: what would be pushed.
digest() {
  local line
  line=$("$CONSIGN" --quiet build "$@")
  echo "${line##*@}"
}

# An authentication file for skopeo and podman, with the password that the AWS CLI got.
log_in() {
  against main aws ecr get-login-password |
    skopeo login --tls-verify=false --authfile "$WORK/auth.json" --username AWS --password-stdin "$REGISTRY"
}

# pull REFERENCE LAYOUT TAG: from the main emulator, with skopeo, into a new OCI layout.
pull() {
  rm -rf "$2"
  log_in
  timeout 600 skopeo copy --src-tls-verify=false --authfile "$WORK/auth.json" --preserve-digests \
    "docker://$REGISTRY/$1" "oci:$2:$3"
}

# blob LAYOUT DIGEST: the path of it.
blob() {
  echo "$1/blobs/sha256/${2#sha256:}"
}

# manifest LAYOUT: the path of its one image's manifest.
manifest() {
  blob "$1" "$(jq -r '.manifests[0].digest' "$1/index.json")"
}

# layers LAYOUT: the paths of its one image's layers.
layers() {
  local digest
  for digest in $(jq -r '.layers[].digest' "$(manifest "$1")"); do
    blob "$1" "$digest"
  done
}

# --- registries that others wrote -----------------------------------------------------------------------------------

# registry_start NAME: Debian's docker-registry, for everybody, until the end. Its HOST:PORT stands in $WORK/NAME.host.
registry_start() {
  local name=$1 port count
  # Of five digits, as columns of messages count them.
  port=$(python3 -c '
import socket
port = 0
while port < 10000:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
print(port)')
  printf '%s\n' 'version: 0.1' 'log: { accesslog: { disabled: true } }' "http: { addr: '127.0.0.1:$port' }" \
    "storage: { filesystem: { rootdirectory: '$WORK/$name.data' } }" >"$WORK/$name.yml"
  docker-registry serve "$WORK/$name.yml" >"$WORK/$name.log" 2>&1 &
  remember $!
  for ((count = 0; count < 100; count++)); do
    if python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$port" 2>/dev/null
    then
      echo "127.0.0.1:$port" >"$WORK/$name.host"
      return
    fi
    sleep 0.1
  done
  cat "$WORK/$name.log"
  fail "the registry did not start"
}

# bases_made: images to build on in a registry of their own, and folders to build from, in $WORK/bases; once.
bases_made() {
  if [[ ! -e $WORK/bases/layout/index.json ]]; then
    registry_start bases
    python3 "$HERE/dockerfile_bases.py" "$WORK/bases" "$(cat "$WORK/bases.host")"
  fi
}

# --- engines ---------------------------------------------------------------------------------------------------------

podman_() {
  # Limits that a container in a container may set; runc, because it works under every kind of cgroup.
  timeout 300 podman --root "$WORK/podman/root" --runroot "$WORK/podman/run" --tmpdir "$WORK/podman/tmp" \
    --storage-driver vfs --cgroup-manager cgroupfs --events-backend file --runtime runc "$@"
}

# With the configuration of DOCKER_CONFIG, else one of its own.
docker_() {
  timeout 300 docker --config "${DOCKER_CONFIG:-$WORK/docker/config}" --host "unix://$WORK/docker/socket" "$@"
}

# dockerd_start: unless it runs already, for `docker_`. It ends with everything.
dockerd_start() {
  local count
  if [[ -S $WORK/docker/socket ]]; then
    docker_ version
    return
  fi
  mkdir -p "$WORK/docker"
  echo '{}' >"$WORK/docker/daemon.json"
  # Outside of the check's subshell it would not end with it: `clean_up` does that.
  dockerd --data-root "$WORK/docker/data" --exec-root "$WORK/docker/exec" --pidfile "$WORK/docker/pid" \
    --config-file "$WORK/docker/daemon.json" --host "unix://$WORK/docker/socket" --storage-driver vfs \
    --iptables=false --ip6tables=false --bridge=none --ip-forward=false --ip-masq=false \
    >"$WORK/docker/log" 2>&1 &
  remember $!
  for ((count = 0; count < 120; count++)); do
    if docker_ version >/dev/null 2>&1; then
      docker_ version
      return
    fi
    kill -0 $! 2>/dev/null || break
    sleep 0.5
  done
  tail -n 30 "$WORK/docker/log"
  fail "dockerd did not start"
}

# --- trees ----------------------------------------------------------------------------------------------------------

# A real tree of many thousand files that a machine with Rust has: its documentation, else the sources of
# dependencies.
real_tree() {
  local candidate
  for candidate in "$SYSROOT/share/doc" "$CARGO_SOURCES"/*/; do
    if [[ -d $candidate && $(find "$candidate" -type f | head -n 5000 | wc -l) -ge 5000 ]]; then
      echo "${candidate%/}"
      return
    fi
  done
  fail "neither the toolchain's documentation nor the sources of dependencies are here" >&2
}

# some_of DIRECTORY BYTES: that many bytes of its files, in the order of their paths.
some_of() {
  # The one that is cut off ends by a signal, and shall.
  set +o pipefail
  find "$1" -type f -print0 | LC_ALL=C sort -z | xargs -0 cat 2>/dev/null | head -c "$2"
  set -o pipefail
}

compare() {
  python3 "$HERE/compare.py" "$@"
}
