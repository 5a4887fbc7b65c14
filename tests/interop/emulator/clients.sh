#!/bin/bash
# Docker, podman, skopeo and consign push to the emulator, and each reads what the others wrote; private and public.
#
#   clients.sh BINARY
#
# Needs root on Debian 12. Installs docker.io, podman, skopeo and, in an environment of its own, boto3. The last line
# is `N passed, N failed`.
#
#   INTEROP_INSTALL   `no` if everything is installed already
#   INTEROP_PYTHON    a Python that has boto3
set -euo pipefail

binary=${1:?usage: clients.sh BINARY}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/consign-clients.XXXXXX")
pids=()
passed=0
failed=0

clean_up() {
  set +e
  local pid
  for pid in "${pids[@]}"; do
    kill -INT "$pid" 2>/dev/null
  done
  for pid in "${pids[@]}"; do
    timeout 30 tail --pid="$pid" -f /dev/null
  done
  awk -v work="$WORK/" 'index($2, work) == 1 { print $2 }' /proc/mounts | tac | xargs -r umount
  rm -rf --one-file-system "$WORK"
}
trap clean_up EXIT

check() {
  local name=$1 status
  shift
  # Not as a condition: there, `set -e` would mean nothing.
  set +e
  (
    set -euo pipefail
    "$@"
  ) >"$WORK/check.log" 2>&1 </dev/null
  status=$?
  set -e
  if [[ $status -eq 0 ]]; then
    passed=$((passed + 1))
    echo "ok $name"
  else
    failed=$((failed + 1))
    echo "FAILED $name"
    tail -n 25 "$WORK/check.log" | sed 's/^/    /'
  fi
}

fail() {
  echo "$*"
  exit 1
}

# refused COMMAND…: it must fail; what it said stands in $WORK/said.
refused() {
  if "$@" >"$WORK/said" 2>&1; then
    cat "$WORK/said"
    fail "it was not refused: $*"
  fi
  cat "$WORK/said"
}

same() {
  [[ $2 == "$3" ]] || fail "$1: expected \`$2\`, found \`$3\`"
}

if [[ ${INTEROP_INSTALL:-yes} != no ]]; then
  printf '#!/bin/sh\nexit 101\n' >"$WORK/policy"
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    install -m 755 "$WORK/policy" /usr/sbin/policy-rc.d
    made=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get update >"$WORK/install.log" 2>&1
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    busybox-static docker.io jq podman python3-venv runc skopeo >>"$WORK/install.log" 2>&1
  [[ -z ${made:-} ]] || rm -f /usr/sbin/policy-rc.d
fi
PYTHON=${INTEROP_PYTHON:-}
if [[ -z $PYTHON ]]; then
  /usr/bin/python3 -m venv "$WORK/venv"
  "$WORK/venv/bin/pip" install --quiet boto3
  PYTHON=$WORK/venv/bin/python
fi

"$binary" emulator --state "$WORK/state" >"$WORK/env" 2>"$WORK/emulator.log" &
emulator=$!
pids+=("$emulator")
for ((count = 0; count < 100; count++)); do
  grep -q CONSIGN_REGISTRY_ENDPOINT "$WORK/env" && break
  sleep 0.1
done
set -a
# shellcheck source=/dev/null
source "$WORK/env"
set +a
HOST=${CONSIGN_REGISTRY_ENDPOINT#http://}
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost AWS_EC2_METADATA_DISABLED=true

"$PYTHON" - >"$WORK/names" <<'PYTHON_END'
import base64, boto3
ecr, public = boto3.client("ecr"), boto3.client("ecr-public")
for name in ("from/docker", "from/podman", "from/skopeo", "from/all", "other/copy"):
    ecr.create_repository(repositoryName=name)
ecr.put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
ecr.create_repository(repositoryName="strict", imageTagMutability="IMMUTABLE")
public.create_repository(repositoryName="tools/app")
private = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
shared = public.get_authorization_token()["authorizationData"]["authorizationToken"]
for token in (private, shared):
    print(base64.b64decode(token).decode().removeprefix("AWS:"))
print(public.describe_registries()["registries"][0]["aliases"][0]["name"])
PYTHON_END
{
  read -r PASSWORD
  read -r PUBLIC_PASSWORD
  read -r ALIAS
} <"$WORK/names"

docker_() {
  timeout 300 docker --config "$WORK/docker/config" --host "unix://$WORK/docker/socket" "$@"
}

podman_() {
  timeout 300 podman --root "$WORK/podman/root" --runroot "$WORK/podman/run" --tmpdir "$WORK/podman/tmp" \
    --storage-driver vfs --cgroup-manager cgroupfs --events-backend file --runtime runc "$@"
}

skopeo_() {
  timeout 300 skopeo --override-os linux "$@"
}

# The uncompressed layers of an image, by each reader.
layers_docker() {
  docker_ pull --quiet "$1" >&2
  docker_ image inspect --format '{{json .RootFS.Layers}}' "$1"
  docker_ rmi --force "$1" >&2
}

layers_podman() {
  podman_ pull --quiet --tls-verify=false --creds "AWS:$PASSWORD" "$1" >&2
  podman_ image inspect --format '{{json .RootFS.Layers}}' "$1"
  podman_ rmi --force "$1" >&2
}

layers_skopeo() {
  rm -rf "$WORK/read"
  skopeo_ copy --src-tls-verify=false --src-creds "AWS:$PASSWORD" "docker://$1" "dir:$WORK/read" >&2
  jq -c .rootfs.diff_ids "$WORK/read/$(jq -r '.config.digest | ltrimstr("sha256:")' "$WORK/read/manifest.json")"
}

read_by_all() {
  local reader
  for reader in docker podman skopeo; do
    same "layers by $reader" "$2" "$("layers_$reader" "$1")"
  done
  # Recomputes every digest and size, of all images of an index.
  "$binary" validate "$1"
}

from_consign() {
  "$binary" build "$WORK/root" --tag "$HOST/from/consign:1" --create-repository --push
  "$binary" inspect --format json "$HOST/from/consign:1" | jq -c .config.rootfs.diff_ids >"$WORK/consign.layers"
}

make_images() {
  mkdir -p "$WORK/root/bin"
  cp /bin/busybox "$WORK/root/bin/sh"
  head -c 30000000 /dev/urandom >"$WORK/root/large"
  tar -C "$WORK/root" -cf "$WORK/root.tar" .
}

start_docker() {
  mkdir -p "$WORK/docker/config"
  echo '{}' >"$WORK/docker/daemon.json"
}

log_in_docker() {
  printf %s "$1" | docker_ login --username AWS --password-stdin "$HOST"
}

from_docker() {
  docker_ import --change 'CMD ["/bin/sh"]' "$WORK/root.tar" local:1
  docker_ tag local:1 "$HOST/from/docker:1"
  docker_ push "$HOST/from/docker:1"
  docker_ image inspect --format '{{json .RootFS.Layers}}' "$HOST/from/docker:1" >"$WORK/docker.layers"
}

from_docker_again() {
  docker_ push "$HOST/from/docker:1" | tee "$WORK/said"
  grep -q 'Layer already exists' "$WORK/said"
}

mounted_by_docker() {
  docker_ tag local:1 "$HOST/other/copy:1"
  docker_ push "$HOST/other/copy:1" | tee "$WORK/said"
  grep -q 'Mounted from from/docker' "$WORK/said"
}

push_podman() {
  podman_ push --tls-verify=false --creds "AWS:$PASSWORD" "$@"
}

from_podman() {
  podman_ import --change CMD=/bin/sh "$WORK/root.tar" localhost/local:1
  push_podman localhost/local:1 "docker://$HOST/from/podman:1"
  podman_ image inspect --format '{{json .RootFS.Layers}}' localhost/local:1 >"$WORK/podman.layers"
}

from_podman_docker_format() {
  push_podman --format v2s2 localhost/local:1 "docker://$HOST/from/podman:v2s2"
}

from_podman_zstd() {
  push_podman --compression-format zstd localhost/local:1 "docker://$HOST/from/podman:zstd"
  same "layers by podman" "$(cat "$WORK/podman.layers")" "$(layers_podman "$HOST/from/podman:zstd")"
}

from_skopeo() {
  skopeo_ copy --src-tls-verify=false --src-creds "AWS:$PASSWORD" --dest-tls-verify=false \
    --dest-creds "AWS:$PASSWORD" "docker://$HOST/from/podman:1" "docker://$HOST/from/skopeo:1"
}

# An index of two, pushed whole and read whole.
from_skopeo_all() {
  podman_ manifest create two containers-storage:localhost/local:1
  podman_ manifest push --all --tls-verify=false --creds "AWS:$PASSWORD" two "docker://$HOST/from/all:index"
  skopeo_ copy --all --src-tls-verify=false --src-creds "AWS:$PASSWORD" --dest-tls-verify=false \
    --dest-creds "AWS:$PASSWORD" "docker://$HOST/from/all:index" "docker://$HOST/from/skopeo:index"
  same "digest" "$(digest from/all:index)" "$(digest from/skopeo:index)"
}

digest() {
  skopeo_ inspect --raw --tls-verify=false --creds "AWS:$PASSWORD" "docker://$HOST/$1" | sha256sum
}

tags() {
  skopeo_ list-tags --tls-verify=false --creds "AWS:$PASSWORD" "docker://$HOST/from/podman" >"$WORK/said"
  same "tags" '["1","v2s2","zstd"]' "$(jq -c '.Tags | sort' "$WORK/said")"
}

delete() {
  skopeo_ delete --tls-verify=false --creds "AWS:$PASSWORD" "docker://$HOST/from/podman:zstd"
  refused skopeo_ inspect --tls-verify=false --creds "AWS:$PASSWORD" "docker://$HOST/from/podman:zstd"
}

immutable() {
  docker_ tag local:1 "$HOST/strict:1"
  docker_ push "$HOST/strict:1"
  docker_ push "$HOST/strict:1"
  tar -cf "$WORK/other.tar" -C "$WORK/root" bin
  docker_ import "$WORK/other.tar" "$HOST/strict:1"
  refused docker_ push "$HOST/strict:1"
  grep -q "cannot be overwritten because the repository is immutable" "$WORK/said"
}

missing() {
  docker_ tag local:1 "$HOST/no/such:1"
  refused docker_ push "$HOST/no/such:1"
  grep -q "The repository with name 'no/such' does not exist in the registry" "$WORK/said"
}

public_by_docker() {
  log_in_docker "$PUBLIC_PASSWORD"
  docker_ tag local:1 "$HOST/$ALIAS/tools/app:1"
  docker_ push "$HOST/$ALIAS/tools/app:1"
  same "layers" "$(cat "$WORK/docker.layers")" "$(layers_docker "$HOST/$ALIAS/tools/app:1")"
}

public_by_nobody() {
  rm -rf "$WORK/read"
  skopeo_ copy --src-tls-verify=false --src-no-creds "docker://$HOST/$ALIAS/tools/app:1" "dir:$WORK/read"
  refused skopeo_ copy --src-tls-verify=false --src-no-creds "docker://$HOST/from/docker:1" "dir:$WORK/not"
}

check "images are made" make_images
check "a configuration for Docker" start_docker
dockerd --data-root "$WORK/docker/data" --exec-root "$WORK/docker/exec" --pidfile "$WORK/docker/pid" \
  --config-file "$WORK/docker/daemon.json" --host "unix://$WORK/docker/socket" --storage-driver vfs \
  --iptables=false --ip6tables=false --bridge=none --ip-forward=false --ip-masq=false \
  >"$WORK/docker/log" 2>&1 &
pids+=("$!")
for ((count = 0; count < 60; count++)); do
  docker_ version >/dev/null 2>&1 && break
  sleep 0.5
done
check "docker login" log_in_docker "$PASSWORD"
check "docker push" from_docker
check "docker push, nothing new" from_docker_again
check "docker push, mounted from another repository" mounted_by_docker
check "podman push" from_podman
check "podman push in Docker's format" from_podman_docker_format
check "skopeo copy" from_skopeo
check "skopeo copy of an index" from_skopeo_all
check "consign build --push" from_consign
check "what consign wrote, read by all" read_by_all "$HOST/from/consign:1" "$(cat "$WORK/consign.layers")"
check "what Docker wrote, read by all" read_by_all "$HOST/from/docker:1" "$(cat "$WORK/docker.layers")"
check "what podman wrote, read by all" read_by_all "$HOST/from/podman:1" "$(cat "$WORK/podman.layers")"
check "what podman wrote for Docker, read by all" read_by_all "$HOST/from/podman:v2s2" "$(cat "$WORK/podman.layers")"
check "what skopeo wrote, read by all" read_by_all "$HOST/from/skopeo:1" "$(cat "$WORK/podman.layers")"
check "an index, read by all" read_by_all "$HOST/from/skopeo:index" "$(cat "$WORK/podman.layers")"
check "podman push with zstd" from_podman_zstd
check "skopeo list-tags" tags
check "skopeo delete" delete
check "an immutable tag" immutable
check "a repository that is not there" missing
check "ECR Public by Docker" public_by_docker
check "ECR Public by nobody in particular" public_by_nobody
not_panicked() {
  refused grep panicked "$WORK/emulator.log"
}
check "nothing panicked" not_panicked

echo "$passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
