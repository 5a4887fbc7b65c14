# shellcheck shell=bash
set -euo pipefail
# Images that consign builds on the images of others run in Docker and podman. The bases have several layers, files that
# a later layer removes, users, and one is of Debian's packages, with `bin` and `lib` as links to `usr`.

BASES=$WORK/on-bases

bases_host() {
  cat "$WORK/bases.host"
}

# What the entrypoint of each image says; it needs the user, the modes, the links and what the base has lost.
bases_context() {
  mkdir -p "$BASES/context"
  cp /bin/busybox "$BASES/context/busybox"
  echo "for the application only" >"$BASES/context/secret"
  cat >"$BASES/context/entry" <<'SCRIPT'
#!/bin/sh
lost=none
for path in /opt/gone /opt/opaque/old /opt/opaque/below /opt/becomes-directory/old; do
  test ! -e "$path" || lost="$path is still there"
done
read -r secret <secret
read -r new </opt/opaque/new
read -r file </opt/becomes-file
echo "$(id -u):$(id -g) in $PWD, $secret, $lost lost, $new, $file, $WORD, $*"
SCRIPT
  chmod 755 "$BASES/context/entry"
}

BASES_SAYS="1001:1002 in /home/app, for the application only, none lost, new, now a file, of the base, one two"

# bases_built TAG: an image on busybox:TAG, pushed to the registry that the base is in.
bases_built() {
  local host tag=$1
  host=$(bases_host)
  cat >"$BASES/$tag.Dockerfile" <<DOCKERFILE
FROM $host/busybox:$tag
COPY --chown=app:app --chmod=400 secret /home/app/secret
COPY entry /opt/link/
USER app
WORKDIR /home/app
ENTRYPOINT ["/opt/target/entry", "one"]
CMD ["two"]
DOCKERFILE
  "$CONSIGN" build "$BASES/context" --file "$BASES/$tag.Dockerfile" --tag "$host/built/busybox:$tag" --push
  "$CONSIGN" validate "$host/built/busybox:$tag"
  # The layers of the base are the same blobs.
  skopeo inspect --raw --tls-verify=false "docker://$host/busybox:$tag" >"$BASES/$tag.base.json"
  skopeo inspect --raw --tls-verify=false "docker://$host/built/busybox:$tag" >"$BASES/$tag.built.json"
  same "layers of the base" "$(jq -c '[.layers[].digest]' "$BASES/$tag.base.json")" \
    "$(jq -c '[.layers[:3][].digest]' "$BASES/$tag.built.json")"
  # Two of COPY, and an empty one of WORKDIR, as with BuildKit.
  same "number of layers" 6 "$(jq '.layers | length' "$BASES/$tag.built.json")"
}

# bases_podman REPOSITORY:TAG WHAT-IT-SAYS
bases_podman() {
  podman_ pull --tls-verify=false "$(bases_host)/built/$1"
  same "output" "$2" "$(podman_ run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
    "$(bases_host)/built/$1")"
}

bases_docker() {
  docker_ pull "$(bases_host)/built/$1"
  same "output" "$2" "$(docker_ run --rm --network none "$(bases_host)/built/$1")"
}

bases_debian() {
  cat >"$BASES/debian.Dockerfile" <<DOCKERFILE
FROM $(bases_host)/debian:1
COPY --chmod=755 <<'EOT' /bin/say
#!/bin/sh
set -e
test -L /bin
read -r data </lib/say/data
. /etc/os-release
echo "\$ID, \$data"
EOT
COPY data /lib/say/
ENTRYPOINT ["/usr/bin/say"]
DOCKERFILE
  echo "data of a library" >"$BASES/context/data"
  "$CONSIGN" build "$BASES/context" --file "$BASES/debian.Dockerfile" --tag "$(bases_host)/built/debian:1" --push
}

# An index of three platforms; each engine takes its own.
bases_platforms() {
  local host raw
  host=$(bases_host)
  cat >"$BASES/platforms.Dockerfile" <<DOCKERFILE
FROM $host/multi:1
ARG TARGETARCH
COPY --chmod=755 busybox /bin/busybox
COPY <<EOT /target
\$TARGETARCH
EOT
ENTRYPOINT ["/bin/busybox", "cat", "/arch", "/target"]
DOCKERFILE
  "$CONSIGN" build "$BASES/context" --file "$BASES/platforms.Dockerfile" --platform linux/amd64,linux/arm64,linux/arm/v7 \
    --tag "$host/built/platforms:1" --push
  raw=$(skopeo inspect --raw --tls-verify=false "docker://$host/built/platforms:1")
  # In the order of their names, so that the order in which they are asked for changes no digest.
  same "platforms" '["amd64","arm/v7","arm64"]' \
    "$(jq -c '[.manifests[].platform | .architecture + (if .architecture == "arm" then "/" + .variant else "" end)]' \
      <<<"$raw")"
}

# A file for `docker load`, of an image on a base.
bases_file() {
  "$CONSIGN" build "$BASES/context" --file "$BASES/1.Dockerfile" --tag built/file:1 \
    --output "type=docker,dest=$BASES/file.tar" --output "type=oci,dest=$BASES/file.oci"
  "$CONSIGN" validate "$BASES/file.oci"
  podman_ load --input "$BASES/file.tar"
  same "output in podman" "$BASES_SAYS" "$(podman_ run --rm --network none --ulimit nofile=1024:1024 \
    --ulimit nproc=1024:1024 built/file:1)"
  if [[ -S $WORK/docker/socket ]]; then
    docker_ load --input "$BASES/file.tar"
    same "output in Docker" "$BASES_SAYS" "$(docker_ run --rm --network none built/file:1)"
  fi
}

check "bases: they are made and pushed" bases_made
check "bases: a context" bases_context
for form in 1 schema2 none zstd; do
  check "bases: an image on busybox:$form" bases_built "$form"
  check "bases: podman runs it" bases_podman "busybox:$form" "$BASES_SAYS"
done
check "bases: an image on Debian's packages, through the links of its base" bases_debian
check "bases: podman runs it" bases_podman debian:1 "debian, data of a library"
check "bases: an index of three platforms" bases_platforms
check "bases: podman takes its own" bases_podman platforms:1 $'linux/amd64\namd64'
check "bases: dockerd starts" dockerd_start
if [[ -S $WORK/docker/socket ]]; then
  # Debian's Docker does not read zstd.
  for form in busybox:1 busybox:schema2 busybox:none; do
    check "bases: Docker runs the image on $form" bases_docker "$form" "$BASES_SAYS"
  done
  check "bases: Docker runs the image on Debian's packages" bases_docker debian:1 "debian, data of a library"
  check "bases: Docker takes its own platform" bases_docker platforms:1 $'linux/amd64\namd64'
fi
check "bases: files of an image on a base are loaded and run" bases_file
