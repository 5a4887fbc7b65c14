# shellcheck shell=bash
set -euo pipefail
# An image from scratch, made of a static busybox, runs: pulled from the emulator, and from a file.

CONTAINERS=$WORK/containers

containers_made() {
  mkdir -p "$CONTAINERS/rootfs/bin" "$CONTAINERS/rootfs/etc"
  cp /bin/busybox "$CONTAINERS/rootfs/bin/busybox"
  ln -s busybox "$CONTAINERS/rootfs/bin/sh"
  ln -s busybox "$CONTAINERS/rootfs/bin/cat"
  echo "a line of the file" >"$CONTAINERS/rootfs/etc/line"
  cat >"$CONTAINERS/say" <<'SCRIPT'
#!/bin/sh
echo "consigned: $* in $PWD as $(busybox id -u), $WORD"
SCRIPT
  chmod 755 "$CONTAINERS/say"
  cat >"$CONTAINERS/consign.yaml" <<'YAML'
apiVersion: consign/v1
layers:
  - name: busybox
    from: rootfs
    to: /
  - name: script
    from: say
    to: /opt/say
    owner: "1000:1000"
config:
  entrypoint: [/opt/say, one]
  cmd: [two, "three four"]
  env: { WORD: shipped, PATH: /bin }
  workdir: /opt
  user: "1000"
YAML
  push "$CONTAINERS" interop/busybox:1 >"$WORK/containers.digest"
  "$CONSIGN" build "$CONTAINERS" --tag interop/busybox:file \
    --output "type=docker,dest=$WORK/containers.docker.tar" \
    --output "type=oci,dest=$WORK/containers.oci" \
    --output "type=oci,dest=$WORK/containers.oci.tar"
}

WHAT_IT_SAYS="consigned: one two three four in /opt as 1000, shipped"

podman_run() {
  podman_ run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"
}

docker_run() {
  docker_ run --rm --network none "$@"
}

containers_podman() {
  log_in
  local image
  image=$REGISTRY/interop/busybox@$(cat "$WORK/containers.digest")
  podman_ pull --tls-verify=false --authfile "$WORK/auth.json" "$image"
  same "output" "$WHAT_IT_SAYS" "$(podman_run "$image")"
  same "output with other arguments" "consigned: one else in /opt as 1000, shipped" "$(podman_run "$image" else)"
  same "a file of the lower layer" "a line of the file" "$(podman_run --entrypoint /bin/cat "$image" /etc/line)"
}

containers_podman_zstd() {
  push "$CONTAINERS" interop/busybox:zstd --compression zstd
  log_in
  podman_ pull --tls-verify=false --authfile "$WORK/auth.json" "$REGISTRY/interop/busybox:zstd"
  same "output" "$WHAT_IT_SAYS" "$(podman_run "$REGISTRY/interop/busybox:zstd")"
}

containers_podman_none() {
  push "$CONTAINERS" interop/busybox:none --compression none
  log_in
  podman_ pull --tls-verify=false --authfile "$WORK/auth.json" "$REGISTRY/interop/busybox:none"
  same "output" "$WHAT_IT_SAYS" "$(podman_run "$REGISTRY/interop/busybox:none")"
}

containers_podman_file() {
  podman_ load --input "$WORK/containers.docker.tar"
  podman_ images --format '{{.Repository}}:{{.Tag}}' | grep >/dev/null 'interop/busybox:file$'
  same "output" "$WHAT_IT_SAYS" "$(podman_run interop/busybox:file)"
  same "output from the layout" "$WHAT_IT_SAYS" "$(podman_run "oci:$WORK/containers.oci:file" | tail -n 1)"
  same "output from the layout as a tar" "$WHAT_IT_SAYS" \
    "$(podman_run "oci-archive:$WORK/containers.oci.tar" | tail -n 1)"
}

# The runtime beneath podman and Docker, on what umoci unpacked.
containers_runc() {
  local name=consign-interop-$$
  umoci unpack --image "$WORK/containers.oci:file" "$WORK/containers.bundle"
  jq '.process.terminal = false | .process.rlimits = [] | .root.readonly = true' \
    "$WORK/containers.bundle/config.json" >"$WORK/config.json"
  mv "$WORK/config.json" "$WORK/containers.bundle/config.json"
  same "output" "$WHAT_IT_SAYS" \
    "$(timeout 60 runc --root "$WORK/runc" run --bundle "$WORK/containers.bundle" "$name")"
}

containers_docker() {
  local image
  image=$REGISTRY/interop/busybox@$(cat "$WORK/containers.digest")
  against main aws ecr get-login-password | docker_ login --username AWS --password-stdin "$REGISTRY"
  docker_ pull "$image"
  same "output" "$WHAT_IT_SAYS" "$(docker_run "$image")"
  docker_ pull "$REGISTRY/interop/busybox:1"
  same "output" "consigned: one else in /opt as 1000, shipped" "$(docker_run "$REGISTRY/interop/busybox:1" else)"
}

containers_docker_file() {
  docker_ load --input "$WORK/containers.docker.tar" | tee "$WORK/said"
  says "interop/busybox:file"
  same "output" "$WHAT_IT_SAYS" "$(docker_run interop/busybox:file)"
}

# What Docker saves is read by consign, and is the same image.
containers_docker_save() {
  docker_ save --output "$WORK/containers.saved.tar" interop/busybox:file
  "$CONSIGN" validate "$WORK/containers.saved.tar"
  "$CONSIGN" inspect "$WORK/containers.saved.tar"
}

containers_skopeo() {
  local digest form
  digest=$(cat "$WORK/containers.digest")
  for form in "oci:$WORK/containers.oci:file" "oci-archive:$WORK/containers.oci.tar:file" \
    "oci-archive:$WORK/containers.docker.tar"; do
    same "digest of $form" "$digest" "$(skopeo inspect "$form" | jq -r .Digest)"
  done
  skopeo inspect --config "docker-archive:$WORK/containers.docker.tar" | tee "$WORK/said"
  same "entrypoint" '["/opt/say","one"]' "$(jq -c .config.Entrypoint "$WORK/said")"
  same "command" '["two","three four"]' "$(jq -c .config.Cmd "$WORK/said")"
  same "user" '"1000"' "$(jq -c .config.User "$WORK/said")"
  # Copying checks every digest.
  skopeo copy --preserve-digests "oci:$WORK/containers.oci:file" "dir:$WORK/containers.dir"
  skopeo copy "docker-archive:$WORK/containers.docker.tar" "oci:$WORK/containers.again:1"
}

check "containers: an image of a static busybox, pushed and written to files" containers_made
check "containers: podman pulls and runs it" containers_podman
check "containers: podman pulls and runs it, compressed with zstd" containers_podman_zstd
check "containers: podman pulls and runs it, not compressed" containers_podman_none
check "containers: podman runs the archive, the layout and its tar" containers_podman_file
check "containers: runc runs what umoci unpacked" containers_runc
check "containers: skopeo reads the archive, the layout and its tar" containers_skopeo
check "containers: dockerd starts" dockerd_start
if [[ -S $WORK/docker/socket ]]; then
  check "containers: Docker pulls and runs it" containers_docker
  check "containers: Docker loads and runs the archive" containers_docker_file
  check "containers: consign reads what Docker saves" containers_docker_save
fi
