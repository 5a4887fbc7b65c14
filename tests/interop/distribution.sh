# shellcheck shell=bash
set -euo pipefail
# Debian's docker-registry: a registry that is not ECR, once open to everybody and once with passwords.

DISTRIBUTION=$WORK/distribution
mkdir -p "$DISTRIBUTION/tree/lib"

distribution_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# distribution_start NAME [LINE…]: serves until `stop "$(cat "$DISTRIBUTION/NAME.pid")"`; the lines go into its config. Its
# HOST:PORT stands in NAME.host.
distribution_start() {
  local name=$1 port count
  shift
  port=$(distribution_port)
  {
    printf '%s\n' 'version: 0.1' 'log:' '  accesslog: {}' "http: { addr: '127.0.0.1:$port' }" \
      "storage: { filesystem: { rootdirectory: '$DISTRIBUTION/$name.data' } }" "$@"
  } >"$DISTRIBUTION/$name.yml"
  docker-registry serve "$DISTRIBUTION/$name.yml" >"$DISTRIBUTION/$name.log" 2>&1 &
  echo $! >"$DISTRIBUTION/$name.pid"
  remember $!
  echo "127.0.0.1:$port" >"$DISTRIBUTION/$name.host"
  for ((count = 0; count < 100; count++)); do
    if python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$port" 2>/dev/null
    then
      return
    fi
    sleep 0.1
  done
  cat "$DISTRIBUTION/$name.log"
  fail "the registry did not start"
}

# distribution_host NAME: its HOST:PORT.
distribution_host() {
  cat "$DISTRIBUTION/$1.host"
}

# distribution_requests NAME METHOD: how many of them it has answered. Its access log has one line for each.
distribution_requests() {
  grep -c "\"$2 /v2/" "$DISTRIBUTION/$1.log" || true
}

distribution_tree() {
  head -c 30000000 /dev/urandom >"$DISTRIBUTION/tree/random"
  echo one >"$DISTRIBUTION/tree/lib/one"
  {
    echo 'apiVersion: consign/v1'
    echo 'layers:'
    echo '- { name: random, from: random, to: /random }'
    echo '- { name: lib, from: lib, to: /lib }'
  } >"$DISTRIBUTION/tree/consign.yaml"
  distribution_start open
}

# distribution_push NAME [ARGUMENT…]: pushes the tree; the digest stands in NAME.digest.
distribution_push() {
  local name=$1 line
  shift
  line=$("$CONSIGN" build "$DISTRIBUTION/tree" --tag "$(distribution_host "$name")/interop/tree:1" --push "$@")
  echo "${line##*@}" >"$DISTRIBUTION/$name.digest"
  same "digest" "$(digest "$DISTRIBUTION/tree")" "$(cat "$DISTRIBUTION/$name.digest")"
}

# Nothing of AWS is in the environment, so a push that got here needs none.
distribution_pushed() {
  if compgen -e | grep -E '^(AWS_(ACCESS|ROLE|REGION|WEB)|ACTIONS_)'; then
    fail "AWS is in the environment"
  fi
  distribution_push open --create-repository
  "$CONSIGN" validate "$(distribution_host open)/interop/tree:1"
}

distribution_read_back() {
  local options=(--src-tls-verify=false --preserve-digests)
  rm -rf "$DISTRIBUTION/pulled"
  timeout 600 skopeo copy "${options[@]}" "docker://$(distribution_host open)/interop/tree:1" "oci:$DISTRIBUTION/pulled:1"
  same "digest" "$(cat "$DISTRIBUTION/open.digest")" "$(jq -r '.manifests[0].digest' "$DISTRIBUTION/pulled/index.json")"
  "$CONSIGN" validate "$DISTRIBUTION/pulled"
  local blobs
  blobs=$(layers "$DISTRIBUTION/pulled" | sed -n 1p)
  tar -xOf "$blobs" random | cmp - "$DISTRIBUTION/tree/random"
}

# The same image by way of ECR's own API, and by way of ECR's /v2/, is the same to the byte.
distribution_same_everywhere() {
  local expected transport
  expected=$(cat "$DISTRIBUTION/open.digest")
  for transport in ecr oci; do
    same "digest over $transport" "$expected" \
      "$(push "$DISTRIBUTION/tree" "interop/distribution-$transport:1" --transport "$transport")"
  done
  pull interop/distribution-oci:1 "$DISTRIBUTION/over-v2" 1
  "$CONSIGN" validate "$DISTRIBUTION/over-v2"
}

distribution_unchanged() {
  local method before=() after=()
  for method in POST PATCH PUT; do before+=("$(distribution_requests open "$method")"); done
  ((before[0] == 3 && before[1] == 1 && before[2] == 4)) ||
    fail "three blobs, one of them large, and a manifest are other requests than ${before[*]}"
  distribution_push open
  for method in POST PATCH PUT; do after+=("$(distribution_requests open "$method")"); done
  same "requests that send" "${before[*]}" "${after[*]}"
}

distribution_one_layer() {
  echo two >"$DISTRIBUTION/tree/lib/one"
  distribution_push open
  # The small layer, the config and the manifest are new; the large layer is there.
  same "PATCH" 1 "$(distribution_requests open PATCH)"
  same "PUT" 7 "$(distribution_requests open PUT)"
}

# Half-way the registry goes away, and comes again at the same place.
distribution_broken() {
  local port pid count
  rm -rf "$DISTRIBUTION/open.data"
  port=$(distribution_host open)
  "$CONSIGN" build "$DISTRIBUTION/tree" --tag "$port/interop/broken:1" --push --compression-level 12 \
    >"$DISTRIBUTION/out" 2>"$DISTRIBUTION/err" &
  pid=$!
  remember "$pid"
  for ((count = 0; count < 600; count++)); do
    (($(du -sb "$DISTRIBUTION/open.data" 2>/dev/null | cut -f 1 || echo 0) < 3000000)) || break
    sleep 0.02
  done
  stop "$(cat "$DISTRIBUTION/open.pid")" KILL
  docker-registry serve "$DISTRIBUTION/open.yml" >>"$DISTRIBUTION/open.log" 2>&1 &
  echo $! >"$DISTRIBUTION/open.pid"
  remember $!
  if ! wait "$pid"; then
    cat "$DISTRIBUTION/err"
    fail "the push did not survive it"
  fi
  forget "$pid"
  "$CONSIGN" validate "$(cat "$DISTRIBUTION/out")"
  # That question is asked of an upload that broke, and of no other.
  grep -q '"GET /v2/interop/broken/blobs/uploads/' "$DISTRIBUTION/open.log" ||
    skip "the push was through before the registry was gone"
}

distribution_with_passwords() {
  local name=closed
  htpasswd -Bbn ci 'pass:word' >"$DISTRIBUTION/htpasswd"
  distribution_start "$name" "auth: { htpasswd: { realm: interop, path: '$DISTRIBUTION/htpasswd' } }"
  fails_with 3 "$CONSIGN" build "$DISTRIBUTION/tree" --tag "$(distribution_host $name)/interop/tree:1" --push
  says "docker login $(distribution_host $name)"
  # As other tools log in: what they write is what consign reads.
  echo 'pass:word' | skopeo login --tls-verify=false --authfile "$DISTRIBUTION/auth.json" --username ci \
    --password-stdin "$(distribution_host $name)"
  export REGISTRY_AUTH_FILE=$DISTRIBUTION/auth.json
  distribution_push "$name"
  "$CONSIGN" validate "$(distribution_host $name)/interop/tree:1"
  timeout 600 skopeo inspect --tls-verify=false "docker://$(distribution_host $name)/interop/tree:1" | tee "$WORK/answer"
  same "digest" "$(cat "$DISTRIBUTION/$name.digest")" "$(jq -r .Digest "$WORK/answer")"
  unset REGISTRY_AUTH_FILE
  mkdir -p "$DISTRIBUTION/docker"
  sed "s/$(printf 'ci:pass:word' | base64)/$(printf 'ci:wrong' | base64)/" "$DISTRIBUTION/auth.json" \
    >"$DISTRIBUTION/docker/config.json"
  fails_with 3 env DOCKER_CONFIG="$DISTRIBUTION/docker" "$CONSIGN" inspect "$(distribution_host $name)/interop/tree:1"
  says "the user \`ci\`"
}

check "distribution: an open registry starts" distribution_tree
check "distribution: a push to it needs no AWS, and what is there is valid" distribution_pushed
check "distribution: skopeo reads back the same image" distribution_read_back
check "distribution: ECR gets the same image over both transports" distribution_same_everywhere
check "distribution: an unchanged push sends nothing" distribution_unchanged
check "distribution: one changed layer is sent" distribution_one_layer
check "distribution: the registry is killed in the middle of a layer" distribution_broken
check "distribution: a registry with passwords" distribution_with_passwords
for name in open closed; do
  if [[ -f $DISTRIBUTION/$name.pid ]]; then
    stop "$(cat "$DISTRIBUTION/$name.pid")"
  fi
done
rm -rf "$DISTRIBUTION"
