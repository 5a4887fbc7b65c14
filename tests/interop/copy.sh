# shellcheck shell=bash
set -euo pipefail
# Images go round through Debian's docker-registry: pushed, mounted, copied and pulled, and read by Docker and skopeo.

COPY=$WORK/copy
mkdir -p "$COPY/tree/bin" "$COPY/tree/data"

# copy_registry NAME [LINE…]: serves a docker-registry; the lines go into its config. Its HOST:PORT stands in NAME.host.
copy_registry() {
  local name=$1 port count
  shift
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  {
    printf '%s\n' 'version: 0.1' 'log:' '  accesslog: {}' "http: { addr: '127.0.0.1:$port' }" \
      "storage: { filesystem: { rootdirectory: '$COPY/$name.data' } }" "$@"
  } >"$COPY/$name.yml"
  docker-registry serve "$COPY/$name.yml" >"$COPY/$name.log" 2>&1 &
  echo $! >"$COPY/$name.pid"
  remember $!
  echo "127.0.0.1:$port" >"$COPY/$name.host"
  for ((count = 0; count < 100; count++)); do
    if python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$port" 2>/dev/null
    then
      return
    fi
    sleep 0.1
  done
  cat "$COPY/$name.log"
  fail "the registry did not start"
}

# copy_at NAME PATH: the reference of PATH in that registry.
copy_at() {
  echo "$(cat "$COPY/$1.host")/$2"
}

# copy_requests NAME PATTERN: how many of the requests in its log match.
copy_requests() {
  grep -cE "\"$2" "$COPY/$1.log" || true
}

# An index of two platforms, each with an application that runs and a large layer.
copy_start() {
  cp /bin/busybox "$COPY/tree/bin/sh"
  head -c 20000000 /dev/urandom >"$COPY/tree/data/random"
  {
    echo 'apiVersion: consign/v1'
    echo 'layers:'
    echo '- { name: shell, from: bin, to: /bin, modes: { files: "0755" } }'
    echo '- { name: data, from: data, to: /data }'
    echo 'config: { entrypoint: [/bin/sh, -c, "echo copied"] }'
  } >"$COPY/tree/consign.yaml"
  copy_registry one
  copy_registry two
  local platform
  for platform in amd64 arm64; do
    "$CONSIGN" build "$COPY/tree" --platform "linux/$platform" --tag "$(copy_at one "staging/api:1-$platform")" --push
  done
  "$CONSIGN" index create "$(copy_at one staging/api:1)" 1-amd64 1-arm64 >"$COPY/line"
  sed 's/.*@//' "$COPY/line" >"$COPY/digest"
}

copy_mounted() {
  local before read
  before=$(copy_requests one 'PATCH ')
  read=$(copy_requests one 'GET /v2/staging/api/blobs/')
  "$CONSIGN" copy "$(copy_at one staging/api:1)" "$(copy_at one prod/api:1.4)" --format json >"$WORK/answer"
  cat "$WORK/answer"
  same "digest" "$(cat "$COPY/digest")" "$(jq -r .digest "$WORK/answer")"
  same "bytes through this machine" 0 "$(jq '.copied[0].moved' "$WORK/answer")"
  (($(jq '.copied[0].mounted' "$WORK/answer") > 20000000)) || fail "nothing was mounted"
  same "PATCH requests" "$before" "$(copy_requests one 'PATCH ')"
  (($(copy_requests one 'POST /v2/prod/api/blobs/uploads/\?mount=') > 0)) || fail "no mount was asked for"
  same "blobs that were read" "$read" "$(copy_requests one 'GET /v2/staging/api/blobs/')"
  "$CONSIGN" validate "$(copy_at one prod/api:1.4)"
}

copy_elsewhere() {
  "$CONSIGN" copy "$(copy_at one prod/api:1.4)" "$(copy_at two shop/api)" "$(copy_at two shop/again:2)" --format json \
    >"$WORK/answer"
  cat "$WORK/answer"
  same "digest" "$(cat "$COPY/digest")" "$(jq -r .digest "$WORK/answer")"
  (($(jq '.copied[0].moved' "$WORK/answer") > 20000000)) || fail "the bytes were not moved"
  "$CONSIGN" validate "$(copy_at two shop/api:1.4)"
  "$CONSIGN" validate "$(copy_at two shop/again:2)"
  # Once more: all of it is there.
  "$CONSIGN" copy "$(copy_at one prod/api:1.4)" "$(copy_at two shop/api)" --format json >"$WORK/answer"
  same "bytes through this machine" 0 "$(jq '.copied[0].moved' "$WORK/answer")"
}

# Between ECR and another registry, in both directions.
copy_ecr() {
  against main "$CONSIGN" copy "$(copy_at two shop/api:1.4)" interop/copied --create-repository >"$COPY/line"
  same "digest" "$(cat "$COPY/digest")" "$(sed 's/.*@//' "$COPY/line")"
  against main "$CONSIGN" validate interop/copied:1.4
  against main "$CONSIGN" copy interop/copied:1.4 "$(copy_at two from/ecr)" >"$COPY/line"
  same "digest" "$(cat "$COPY/digest")" "$(sed 's/.*@//' "$COPY/line")"
  # With the setting on, ECR mounts.
  against main aws ecr put-account-setting --name BLOB_MOUNTING --value ENABLED
  against main "$CONSIGN" copy interop/copied:1.4 interop/promoted --create-repository --format json >"$WORK/answer"
  against main aws ecr put-account-setting --name BLOB_MOUNTING --value DISABLED
  same "bytes through this machine" 0 "$(jq '.copied[0].moved' "$WORK/answer")"
  (($(jq '.copied[0].mounted' "$WORK/answer") > 20000000)) || fail "nothing was mounted: $(cat "$WORK/answer")"
  against main "$CONSIGN" validate interop/promoted:1.4
}

copy_skopeo_reads() {
  local name
  for name in shop/api:1.4 shop/again:2 from/ecr:1.4; do
    rm -rf "$COPY/pulled"
    timeout 600 skopeo copy --all --src-tls-verify=false --preserve-digests "docker://$(copy_at two "$name")" \
      "oci:$COPY/pulled:1"
    same "digest of $name" "$(cat "$COPY/digest")" "$(jq -r '.manifests[0].digest' "$COPY/pulled/index.json")"
  done
}

# What is pulled is what skopeo pulls, and what skopeo reads of it is the same.
copy_pulled() {
  "$CONSIGN" pull "$(copy_at two shop/api:1.4)" "$COPY/layout" >"$COPY/line"
  same "digest" "$(cat "$COPY/digest")" "$(sed 's/.*@//' "$COPY/line")"
  "$CONSIGN" validate "$COPY/layout"
  diff <(cd "$COPY/pulled/blobs/sha256" && ls) <(cd "$COPY/layout/blobs/sha256" && ls)
  rm -rf "$COPY/again"
  timeout 600 skopeo copy --all --preserve-digests "oci:$COPY/layout:1.4" "oci:$COPY/again:1"
  same "digest after skopeo" "$(cat "$COPY/digest")" "$(jq -r '.manifests[0].digest' "$COPY/again/index.json")"
  "$CONSIGN" pull "$(copy_at two shop/api:1.4)" "$COPY/layout.tar"
  timeout 600 skopeo inspect --raw "oci-archive:$COPY/layout.tar:1.4" | sha256sum | cut -d ' ' -f 1 >"$COPY/sum"
  same "digest in the archive" "$(cat "$COPY/digest")" "sha256:$(cat "$COPY/sum")"
}

copy_docker_runs() {
  dockerd_start
  "$CONSIGN" pull "$(copy_at two shop/api:1.4)" "$COPY/docker.tar" --type docker
  docker_ load -i "$COPY/docker.tar"
  same "what it prints" copied "$(docker_ run --rm --network none "$(copy_at two shop/api:1.4)")"
  # And as Docker pulls it itself.
  docker_ image rm "$(copy_at two shop/api:1.4)"
  docker_ pull "$(copy_at two shop/again:2)"
  same "what it prints" copied "$(docker_ run --rm --network none "$(copy_at two shop/again:2)")"
}

# Only one of the platforms, out of what Docker's kind of tools have made.
copy_docker_kind() {
  timeout 600 skopeo copy --dest-tls-verify=false --format v2s2 "oci:$COPY/pulled:1" \
    "docker://$(copy_at one docker/api:1)"
  "$CONSIGN" copy "$(copy_at one docker/api:1)" "$(copy_at two docker/api)" >"$COPY/line"
  timeout 600 skopeo inspect --raw --tls-verify=false "docker://$(copy_at two docker/api:1)" >"$COPY/raw"
  same "type" application/vnd.docker.distribution.manifest.v2+json "$(jq -r .mediaType "$COPY/raw")"
  same "digest" "$(sed 's/.*@//' "$COPY/line")" "sha256:$(sha256sum <"$COPY/raw" | cut -d ' ' -f 1)"
  "$CONSIGN" copy "$(copy_at two shop/api:1.4)" "$(copy_at two shop/arm)" --platform linux/arm64 >"$COPY/line"
  timeout 600 skopeo inspect --config --tls-verify=false "docker://$(copy_at two shop/arm:1.4)" | tee "$WORK/answer"
  same "platform" arm64 "$(jq -r .architecture "$WORK/answer")"
}

copy_with_passwords() {
  htpasswd -Bbn ci 'pass:word' >"$COPY/htpasswd"
  copy_registry closed "auth: { htpasswd: { realm: interop, path: '$COPY/htpasswd' } }"
  fails_with 3 "$CONSIGN" copy "$(copy_at two shop/api:1.4)" "$(copy_at closed shop/api)"
  echo 'pass:word' | skopeo login --tls-verify=false --authfile "$COPY/auth.json" --username ci --password-stdin \
    "$(cat "$COPY/closed.host")"
  export REGISTRY_AUTH_FILE=$COPY/auth.json
  "$CONSIGN" copy "$(copy_at two shop/api:1.4)" "$(copy_at closed shop/api)"
  "$CONSIGN" copy "$(copy_at closed shop/api:1.4)" "$(copy_at closed prod/api)" --format json >"$WORK/answer"
  same "bytes through this machine" 0 "$(jq '.copied[0].moved' "$WORK/answer")"
  "$CONSIGN" pull "$(copy_at closed prod/api:1.4)" "$COPY/closed-layout" >"$COPY/line"
  same "digest" "$(cat "$COPY/digest")" "$(sed 's/.*@//' "$COPY/line")"
  unset REGISTRY_AUTH_FILE
  fails_with 3 "$CONSIGN" pull "$(copy_at closed prod/api:1.4)" "$COPY/nothing"
  [[ ! -e $COPY/nothing ]] || fail "a pull that failed has left something"
}

# A mirror that has the image, and one that has not.
copy_mirror() {
  "$CONSIGN" copy "$(copy_at two shop/api:1.4)" "$(copy_at two hub/library/tool:1)"
  same "from the mirror" "$(copy_at two "hub/library/tool@$(cat "$COPY/digest")")" \
    "$("$CONSIGN" pull docker.io/tool:1 "$COPY/mirrored" --registry-mirror "docker.io=$(copy_at two hub)")"
  same "from its own place" "$(copy_at two "shop/api@$(cat "$COPY/digest")")" \
    "$("$CONSIGN" pull "$(copy_at two shop/api:1.4)" "$COPY/mirrored" \
      --registry-mirror "$(cat "$COPY/two.host")=$(copy_at one nothing)")"
}

# ECR Public, which the emulator plays: anonymous, with a token that everybody gets.
copy_public() {
  local uri
  uri=$(against main aws ecr-public create-repository --repository-name tool --query repository.repositoryUri \
    --output text --region us-east-1)
  against main aws ecr-public get-login-password --region us-east-1 |
    skopeo login --tls-verify=false --authfile "$COPY/public.json" --username AWS --password-stdin "${uri%%/*}"
  timeout 600 skopeo copy --all --preserve-digests --dest-tls-verify=false --dest-authfile "$COPY/public.json" \
    "oci:$COPY/pulled:1" "docker://$uri:1"
  same "from ECR Public" "public.ecr.aws/${uri#*/}@$(cat "$COPY/digest")" \
    "$("$CONSIGN" pull "public.ecr.aws/${uri#*/}:1" "$COPY/public" --registry-endpoint "http://${uri%%/*}")"
  "$CONSIGN" validate "$COPY/public"
}

check "copy: two registries and an index of two platforms" copy_start
check "copy: within a registry all blobs are mounted" copy_mounted
check "copy: to another registry, under two names" copy_elsewhere
check "copy: to ECR, within it, and back" copy_ecr
check "copy: skopeo reads the same index everywhere" copy_skopeo_reads
check "copy: what is pulled is what skopeo pulls" copy_pulled
check "copy: Docker loads, pulls and runs it" copy_docker_runs
check "copy: Docker's kind of manifest, and one platform" copy_docker_kind
check "copy: a registry with passwords" copy_with_passwords
check "copy: mirrors" copy_mirror
check "copy: ECR Public without a login" copy_public
for name in one two closed; do
  if [[ -f $COPY/$name.pid ]]; then
    stop "$(cat "$COPY/$name.pid")"
  fi
done
rm -rf "$COPY"
