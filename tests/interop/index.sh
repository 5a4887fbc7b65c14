# shellcheck shell=bash
set -euo pipefail
# Indexes that consign has joined and tags that it has set, as tools of others read them.

INDEX=$WORK/index
mkdir -p "$INDEX"

# index_tree ARCHITECTURE: a directory that tells it.
index_tree() {
  mkdir -p "$INDEX/$1"
  echo "$1" >"$INDEX/$1/which"
  echo "$INDEX/$1"
}

index_skopeo() {
  timeout 300 skopeo --override-os linux "$@"
}

# index_read REFERENCE [OPTION…]: skopeo picks each platform's image from the index.
index_read() {
  local reference=$1 architecture layer
  shift
  for architecture in amd64 arm64; do
    rm -rf "$INDEX/picked"
    index_skopeo --override-arch "$architecture" inspect "$@" --config "docker://$reference" |
      jq -e --arg architecture "$architecture" '.architecture == $architecture and .os == "linux"'
    index_skopeo --override-arch "$architecture" copy "${@/#--/--src-}" "docker://$reference" "dir:$INDEX/picked"
    layer=$INDEX/picked/$(jq -r '.layers[0].digest' "$INDEX/picked/manifest.json" | cut -d : -f 2)
    same "the file for $architecture" "$architecture" "$(tar -xOf "$layer" app/which)"
  done
}

index_joined() {
  local architecture line
  for architecture in arm64 amd64; do
    push "$(index_tree "$architecture")" "interop/index:$architecture" --platform "linux/$architecture"
  done
  line=$(against main "$CONSIGN" index create "$REGISTRY/interop/index:1" arm64 amd64 --tag latest \
    --annotation org.opencontainers.image.version=1)
  echo "${line##*@}" >"$INDEX/digest"
  against main "$CONSIGN" validate "$REGISTRY/interop/index:1"
}

index_by_skopeo() {
  log_in
  local options=(--tls-verify=false --authfile "$WORK/auth.json")
  index_skopeo inspect "${options[@]}" --raw "docker://$REGISTRY/interop/index:latest" >"$INDEX/raw"
  same "digest" "$(cat "$INDEX/digest")" "sha256:$(sha256sum <"$INDEX/raw" | cut -d ' ' -f 1)"
  same "platforms" "linux/amd64 linux/arm64" \
    "$(jq -r '[.manifests[].platform | "\(.os)/\(.architecture)"] | join(" ")' "$INDEX/raw")"
  same "annotation" 1 "$(jq -r '.annotations["org.opencontainers.image.version"]' "$INDEX/raw")"
  index_read "$REGISTRY/interop/index:1" --tls-verify=false "--authfile=$WORK/auth.json"
  # All of it into a layout: each image is there, and the index is the same to the byte.
  index_skopeo copy --all --preserve-digests --src-tls-verify=false --src-authfile "$WORK/auth.json" \
    "docker://$REGISTRY/interop/index:1" "oci:$INDEX/layout:1"
  same "digest in the layout" "$(cat "$INDEX/digest")" "$(jq -r '.manifests[0].digest' "$INDEX/layout/index.json")"
  "$CONSIGN" validate "$INDEX/layout"
}

index_podman() {
  timeout 300 podman --root "$INDEX/podman/root" --runroot "$INDEX/podman/run" --tmpdir "$INDEX/podman/tmp" \
    --storage-driver vfs --cgroup-manager cgroupfs --events-backend file --runtime runc "$@"
}

index_by_podman() {
  local architecture name=$REGISTRY/interop/index:1
  log_in
  for architecture in arm64 amd64; do
    index_podman pull --quiet --arch "$architecture" --tls-verify=false --authfile "$WORK/auth.json" "$name"
    same "architecture" "$architecture" "$(index_podman image inspect --format '{{.Architecture}}' "$name")"
  done
}

index_promoted() {
  local name=$REGISTRY/interop/index
  against main "$CONSIGN" tag "$name@$(cat "$INDEX/digest")" prod
  log_in
  index_skopeo inspect --tls-verify=false --authfile "$WORK/auth.json" --raw "docker://$name:prod" | cmp - "$INDEX/raw"
  against main aws ecr describe-images --repository-name interop/index --image-ids imageTag=prod | tee "$WORK/answer"
  same "digest" "$(cat "$INDEX/digest")" "$(jq -r '.imageDetails[0].imageDigest' "$WORK/answer")"
  same "tags" "1 latest prod" "$(jq -r '.imageDetails[0].imageTags | sort | join(" ")' "$WORK/answer")"
}

# Images in Docker's own format make Docker's own list.
index_of_docker() {
  local architecture options=(--src-tls-verify=false --dest-tls-verify=false)
  log_in
  options+=(--src-authfile "$WORK/auth.json" --dest-authfile "$WORK/auth.json")
  for architecture in arm64 amd64; do
    index_skopeo copy "${options[@]}" --format v2s2 "docker://$REGISTRY/interop/index:$architecture" \
      "docker://$REGISTRY/interop/index:docker-$architecture"
  done
  against main "$CONSIGN" index create "$REGISTRY/interop/index:docker" docker-amd64 docker-arm64
  index_skopeo inspect --tls-verify=false --authfile "$WORK/auth.json" --raw "docker://$REGISTRY/interop/index:docker" |
    jq -e '.mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"'
  index_read "$REGISTRY/interop/index:docker" --tls-verify=false "--authfile=$WORK/auth.json"
  against main "$CONSIGN" validate "$REGISTRY/interop/index:docker"
}

# Debian's docker-registry, which refuses an index whose images it does not have.
index_elsewhere() {
  local port host architecture line count
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  host=127.0.0.1:$port
  printf '%s\n' 'version: 0.1' "http: { addr: '$host' }" \
    "storage: { filesystem: { rootdirectory: '$INDEX/registry' } }" >"$INDEX/registry.yml"
  docker-registry serve "$INDEX/registry.yml" >"$INDEX/registry.log" 2>&1 &
  remember $!
  for ((count = 0; count < 100; count++)); do
    if python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$port" 2>/dev/null
    then
      break
    fi
    sleep 0.1
  done
  for architecture in amd64 arm64; do
    "$CONSIGN" build "$(index_tree "$architecture")" --platform "linux/$architecture" \
      --tag "$host/interop/index:$architecture" --push
  done
  line=$("$CONSIGN" index create "$host/interop/index:1" amd64 arm64 --annotation org.opencontainers.image.version=1)
  same "digest" "$(cat "$INDEX/digest")" "${line##*@}"
  "$CONSIGN" tag "$host/interop/index@$(cat "$INDEX/digest")" prod
  index_read "$host/interop/index:prod" --tls-verify=false
  "$CONSIGN" validate "$host/interop/index:prod"
  fails_with 2 "$CONSIGN" index create "$host/interop/index:2" amd64 s390x
  says "\`s390x\` is not in the repository $host/interop/index"
}

check "index: images of two jobs are joined" index_joined
check "index: skopeo reads it and picks each platform" index_by_skopeo
check "index: podman pulls each platform from it" index_by_podman
check "index: what is promoted is the same to the byte" index_promoted
check "index: Docker's images make Docker's list" index_of_docker
check "index: Debian's registry takes it" index_elsewhere
rm -rf "$INDEX"
