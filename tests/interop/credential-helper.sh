# shellcheck shell=bash
set -euo pipefail
# consign lets Docker, podman and skopeo into the registry: as their credential helper, with no password on disk, and by
# a login of its own or theirs.

HELPER=$WORK/credential-helper
HELPER_IMAGE=$REGISTRY/interop/helper:1

# helper_files COMMAND…: with the helper on the PATH, and Docker's config that names it. The command may be a function.
helper_files() {
  PATH=$HELPER/bin:$PATH DOCKER_CONFIG=$HELPER/docker "$@"
}

# helper_job COMMAND…: in a job whose role the variables name, as the helper wants it.
helper_job() {
  (
    # shellcheck source=/dev/null
    source "$WORK/main.env"
    helper_files "$@"
  )
}

# helper_stranger COMMAND…: with the same files, in a job without a role.
helper_stranger() {
  AWS_REGION=us-east-1 helper_files "$@"
}

# refused COMMAND…: it must fail, and say that it was not let in.
refused() {
  local status=0
  "$@" >"$WORK/said" 2>&1 || status=$?
  cat "$WORK/said"
  [[ $status -ne 0 ]] || fail "$* was let in"
  grep -qiE 'unauthorized|no basic auth credentials|authentication required|credentials' "$WORK/said" ||
    fail "$* failed for another reason"
}

# no_password DIRECTORY: none of the files in it holds one.
no_password() {
  [[ -n $(find "$1" -type f) ]] || fail "there are no files in $1"
  if grep -rE '"auth"|"password"|identitytoken' "$1"; then
    fail "there is a password on disk"
  fi
}

helper_registered() {
  mkdir -p "$HELPER/tree" "$HELPER/docker"
  echo "let in" >"$HELPER/tree/file"
  push "$HELPER/tree" interop/helper:1 >"$HELPER.digest"
  echo '{"detachKeys": "ctrl-e,e"}' >"$HELPER/docker/config.json"
  helper_job "$CONSIGN" login --helper --link-dir "$HELPER/bin"
  helper_job "$CONSIGN" login --helper --registry-auth-file "$HELPER/auth.json"
  same "the helper for Docker" consign "$(jq -r --arg host "$REGISTRY" '.credHelpers[$host]' "$HELPER/docker/config.json")"
  same "the rest of the file" ctrl-e,e "$(jq -r .detachKeys "$HELPER/docker/config.json")"
  same "mode" 600 "$(stat -c %a "$HELPER/docker/config.json")"
}

helper_skopeo() {
  local inspect=(skopeo inspect --tls-verify=false "docker://$HELPER_IMAGE")
  same "digest" "$(cat "$HELPER.digest")" \
    "$(helper_job "${inspect[@]}" --authfile "$HELPER/auth.json" | jq -r .Digest)"
  same "digest" "$(cat "$HELPER.digest")" \
    "$(REGISTRY_AUTH_FILE=$HELPER/auth.json helper_job "${inspect[@]}" | jq -r .Digest)"
  refused helper_stranger "${inspect[@]}" --authfile "$HELPER/auth.json"
}

helper_podman() {
  helper_job podman_ pull --tls-verify=false --authfile "$HELPER/auth.json" "$HELPER_IMAGE"
  refused helper_stranger podman_ pull --tls-verify=false --authfile "$HELPER/auth.json" "$HELPER_IMAGE"
}

helper_docker() {
  helper_job docker_ pull "$HELPER_IMAGE"
  helper_job docker_ tag "$HELPER_IMAGE" "$REGISTRY/interop/helper:docker"
  helper_job docker_ push "$REGISTRY/interop/helper:docker"
  refused helper_stranger docker_ pull "$HELPER_IMAGE"
}

# `docker login` and `docker logout` call `store` and `erase`.
helper_docker_login() {
  helper_job "$CONSIGN" login --print-password |
    helper_job docker_ login --username AWS --password-stdin "$REGISTRY"
  helper_job docker_ pull "$HELPER_IMAGE"
  helper_job docker_ logout "$REGISTRY"
  helper_job docker_ pull "$HELPER_IMAGE"
}

helper_left_nothing() {
  no_password "$HELPER"
  if [[ -e $HOME/.docker ]]; then
    no_password "$HOME/.docker"
  fi
}

# Asked for a registry that is not ECR, it has clients go on without credentials.
helper_for_everything() {
  local port count host
  mkdir -p "$HELPER/every"
  echo '{"credsStore": "consign"}' >"$HELPER/every/config.json"
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  host=127.0.0.1:$port
  printf '%s\n' 'version: 0.1' "http: { addr: '$host' }" "storage: { filesystem: { rootdirectory: '$HELPER/data' } }" \
    >"$HELPER/registry.yml"
  docker-registry serve "$HELPER/registry.yml" >"$HELPER/registry.log" 2>&1 &
  remember $!
  for ((count = 0; count < 100; count++)); do
    if "$CONSIGN" build "$HELPER/tree" --tag "$host/open:1" --push --retry-max-attempts 1; then
      break
    fi
    sleep 0.2
  done
  helper_job env DOCKER_CONFIG="$HELPER/every" timeout 300 docker --host "unix://$WORK/docker/socket" pull "$host/open:1"
  helper_job env DOCKER_CONFIG="$HELPER/every" timeout 300 docker --host "unix://$WORK/docker/socket" pull "$HELPER_IMAGE"
}

login_print_password() {
  export DOCKER_CONFIG=$WORK/print-password
  mkdir -p "$DOCKER_CONFIG"
  refused docker_ pull "$HELPER_IMAGE"
  against main "$CONSIGN" login --print-password | docker_ login --username AWS --password-stdin "$REGISTRY"
  docker_ pull "$HELPER_IMAGE"
  docker_ logout "$REGISTRY"
  refused docker_ pull "$HELPER_IMAGE"
}

login_docker() {
  export DOCKER_CONFIG=$WORK/login
  against main "$CONSIGN" login
  docker_ pull "$HELPER_IMAGE"
  # What Docker writes is understood, and Docker understands what became of it.
  against main "$CONSIGN" login --print-password | docker_ login --username AWS --password-stdin "$REGISTRY"
  against main "$CONSIGN" login
  docker_ pull "$HELPER_IMAGE"
  against main "$CONSIGN" logout
  refused docker_ pull "$HELPER_IMAGE"
}

login_podman_and_skopeo() {
  local file=$WORK/login.auth.json
  against main "$CONSIGN" login --registry-auth-file "$file"
  podman_ pull --tls-verify=false --authfile "$file" "$HELPER_IMAGE"
  same "digest" "$(cat "$HELPER.digest")" \
    "$(skopeo inspect --tls-verify=false --authfile "$file" "docker://$HELPER_IMAGE" | jq -r .Digest)"
  # Both tools know the login as one of theirs.
  same "user" AWS "$(podman_ login --authfile "$file" --get-login "$REGISTRY")"
  same "user" AWS "$(skopeo login --authfile "$file" --get-login "$REGISTRY")"
  against main "$CONSIGN" logout --registry-auth-file "$file"
  refused skopeo inspect --tls-verify=false --authfile "$file" "docker://$HELPER_IMAGE"
}

check "credential-helper: registered in Docker's config and in podman's" helper_registered
check "credential-helper: skopeo reads through it, and not without a role" helper_skopeo
check "credential-helper: podman pulls through it, and not without a role" helper_podman
check "login: podman and skopeo, and out again" login_podman_and_skopeo
check "credential-helper: dockerd runs" dockerd_start
if [[ -S $WORK/docker/socket ]]; then
  check "credential-helper: Docker pulls and pushes through it, and not without a role" helper_docker
  check "credential-helper: docker login and logout are no errors" helper_docker_login
  check "credential-helper: other registries are open as before" helper_for_everything
  check "login: the password that is printed, for docker login" login_print_password
  check "login: Docker, and out again" login_docker
fi
check "credential-helper: no password is on disk" helper_left_nothing
