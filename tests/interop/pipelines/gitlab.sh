#!/bin/bash
# The files for GitLab: valid by GitLab's schema, hostile inputs kept as data (gitlab_inputs.py), and run by
# gitlab-ci-local, with its shell executor, against an emulator whose role trusts a job of gitlab.com.
#
#   gitlab.sh BINARY
#
# Needs root on Debian 12; installs Node 22 and gitlab-ci-local from npm, check-jsonschema from PyPI. What this does not
# show is GitLab itself: inputs are pasted by gitlab-ci-local's and gitlab_inputs.py's reading of its rules, and tokens
# come from the emulator.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=set-up.bash
source "$(dirname "${BASH_SOURCE[0]}")/set-up.bash"

install_packages curl:curl git:git jq:jq npm:npm rsync:rsync
/usr/bin/python3 -c 'import yaml, venv, ensurepip' 2>/dev/null || {
  quietly apt-get update
  quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-yaml python3-venv
}
quietly /usr/bin/python3 -m venv "$WORK/venv"
quietly "$WORK/venv/bin/pip" install --quiet check-jsonschema
quietly npm install --no-audit --no-fund --prefix "$WORK/node" node@22 gitlab-ci-local@4

TEMPLATE=$ROOT/pipelines/gitlab/templates/build-push/template.yml
PLAIN=$ROOT/pipelines/gitlab/consign.gitlab-ci.yml
SCHEMA=("$WORK/venv/bin/check-jsonschema" --builtin-schema vendor.gitlab-ci)

# project NAME: a checkout with an application and the files of pipelines/gitlab; prints its path.
project() {
  local folder=$WORK/projects/$1
  mkdir -p "$folder"
  application "$folder"
  cp -r "$ROOT/pipelines/gitlab/." "$folder/"
  git -C "$folder" init --quiet --initial-branch=main
  git -C "$folder" remote add origin git@gitlab.com:shop/api.git
  echo "$folder"
}

# commit FOLDER: what is there.
commit() {
  git -C "$1" add --all
  git -C "$1" -c user.name=x -c user.email=x@example.com commit --quiet --message x
}

# pipeline FOLDER [ARGUMENT…]: gitlab-ci-local, with the variables that GitLab would set. It fills in no id_tokens.
pipeline() {
  local folder=$1 variables=() variable
  shift
  while read -r variable; do
    variables+=(--variable "$variable")
  done < <(variables_of gitlab)
  cd "$folder"
  in_job gitlab "PATH=$WORK/node/node_modules/.bin:$PATH" gitlab-ci-local "${variables[@]}" \
    --ignore-predefined-vars GITLAB_CI --variable GITLAB_CI=true --variable "CONSIGN_ID_TOKEN=$(token gitlab)" "$@"
}

# --- checks ---------------------------------------------------------------------------------------------------------

schema() {
  "${SCHEMA[@]}" "$PLAIN"
  # The schema knows the two documents of a component apart.
  sed '1,/^---$/d' "$TEMPLATE" >"$WORK/jobs.yml"
  sed '/^---$/,$d' "$TEMPLATE" >"$WORK/spec.yml"
  "${SCHEMA[@]}" "$WORK/jobs.yml" "$WORK/spec.yml"
  sed 's/aud:/audience:/' "$WORK/jobs.yml" >"$WORK/wrong.yml"
  ! "${SCHEMA[@]}" "$WORK/wrong.yml" || fail "the schema finds nothing wrong"
}

inputs() {
  /usr/bin/python3 "$HERE/pipelines/gitlab_inputs.py" "$TEMPLATE"
}

# The first lines of the page, as they stand: the report reaches the next job.
page() {
  local folder digest
  folder=$(project page)
  block gitlab.md yaml 1 >"$folder/.gitlab-ci.yml"
  cat >>"$folder/.gitlab-ci.yml" <<'YAML'

look:
  stage: deploy
  needs: [build-image, deploy]
  variables:
    CONSIGN_ROLE_TO_ASSUME: arn:aws:iam::123456789012:role/ci
    AWS_REGION: eu-west-1
  script:
    - consign inspect "$CONSIGN_IMAGE" --web-identity-token-env CONSIGN_ID_TOKEN
    - echo "digest=$CONSIGN_DIGEST tags=$CONSIGN_TAGS repository=$CONSIGN_REPOSITORY id=$CONSIGN_IMAGE_ID"
YAML
  commit "$folder"
  digest=$(in_job gitlab consign --quiet build "$folder/dist")
  pipeline "$folder" >"$WORK/said" 2>&1 || fail "$(cat "$WORK/said")"
  cat "$WORK/said"
  registry=$(registry_of gitlab)
  says "deploying $registry/shop/api@$digest"
  says "digest=$digest tags=$registry/shop/api:$(git -C "$folder" rev-parse --short=8 HEAD) repository=$registry/shop/api id=sha256:"
  grep -E 'look.*> ' "$WORK/said" | grep -qF "$digest" || fail "the last job did not look at $digest"
}

# gitlab-ci-local reads the markers as GitLab does: it takes them out of the log, and tells how long each section took.
sections() {
  local folder
  folder=$(project sections)
  block gitlab.md yaml 1 >"$folder/.gitlab-ci.yml"
  commit "$folder"
  pipeline "$folder" build-image >"$WORK/said" 2>&1 || fail "$(cat "$WORK/said")"
  cat "$WORK/said"
  same "sections" "context_started context took layers_started layers took" \
    "$(sed -nE 's/.* consign_(\w+_started|\w+ took).*/\1/p' "$WORK/said" | xargs)"
  ! grep -q section_ "$WORK/said" || fail "a marker was not understood"
}

# The component with inputs, and what the page says of merging another job into it.
component() {
  local folder digest
  folder=$(project component)
  cat >"$folder/.gitlab-ci.yml" <<'YAML'
include:
  - local: templates/build-push/template.yml
    inputs:
      context: dist
      tags: shop/api:$CI_COMMIT_SHORT_SHA,shop/api:component
      role-to-assume: arn:aws:iam::123456789012:role/ci
      region: eu-west-1
      platform: linux/arm64

consign:
  variables:
    CONSIGN_COMPRESSION: zstd

look:
  stage: test
  script:
    - echo "image=$CONSIGN_IMAGE"
YAML
  commit "$folder"
  digest=$(in_job gitlab consign --quiet build "$folder/dist" --platform linux/arm64 --compression zstd)
  pipeline "$folder" >"$WORK/said" 2>&1 || fail "$(cat "$WORK/said")"
  cat "$WORK/said"
  says "image=$(registry_of gitlab)/shop/api@$digest"
  says "shop/api:component is now $digest"
}

# A value of an input is no command, by gitlab-ci-local's reading too.
hostile() {
  local folder value pwned=$WORK/pwned
  folder=$(project hostile)
  commit "$folder"
  for value in "\$(touch $pwned)" "\`touch $pwned\`" "'; touch $pwned; '" "\"; touch $pwned; \"" "x; touch $pwned #" \
    '- x: {y: [z]}' '*x' '!reference [consign, script]'; do
    jq -n --arg value "$value" '{ include: [{
      local: "templates/build-push/template.yml",
      inputs: { context: "dist", tags: $value, "role-to-assume": $value, region: "eu-west-1" } }] }' \
      >"$folder/.gitlab-ci.yml"
    fails_with 1 pipeline "$folder"
    says "FAIL 2"
    [[ ! -e $pwned ]] || fail "it was run"
  done
  # A directory with such a name is built.
  value="\$(touch pwned)'; touch pwned #"
  mv "$folder/dist" "$folder/$value"
  jq -n --arg value "$value" '{ include: [{
    local: "templates/build-push/template.yml",
    inputs: { context: $value, tags: "shop/api:hostile", "role-to-assume": "arn:aws:iam::123456789012:role/ci",
              region: "eu-west-1" } }] }' >"$folder/.gitlab-ci.yml"
  pipeline "$folder" >"$WORK/said" 2>&1 || fail "$(cat "$WORK/said")"
  says "shop/api:hostile is now $(in_job gitlab consign --quiet build "$folder/$value")"
  [[ ! -e $folder/pwned && ! -e $pwned ]] || fail "it was run"
}

# allow_failure tells exit codes apart: no network is a warning, no repository a failure.
exit_codes() {
  local folder
  folder=$(project codes)
  block gitlab.md yaml 1 | sed 's/extends: .consign/extends: [.consign, .consign-optional]/' >"$folder/.gitlab-ci.yml"
  commit "$folder"
  pipeline "$folder" build-image --variable AWS_ENDPOINT_URL_ECR=http://127.0.0.1:1 \
    --variable CONSIGN_RETRY_MAX_ATTEMPTS=2 >"$WORK/said" 2>&1 || fail "exit code 5 is not allowed: $(cat "$WORK/said")"
  says "WARN 5"
  sed -i 's|shop/api:|shop/absent:|' "$folder/.gitlab-ci.yml"
  # Of a job with allow_failure, gitlab-ci-local tells the failure in words alone.
  pipeline "$folder" build-image >"$WORK/said" 2>&1 || true
  says "FAIL 4"
  sed -i 's|, .consign-optional||' "$folder/.gitlab-ci.yml"
  fails_with 1 pipeline "$folder" build-image
  says "FAIL 4"
}

# The command of the page's last lines, with an emulator of its own.
try_it() {
  local folder command
  folder=$(project try)
  block gitlab.md yaml 1 >"$folder/.gitlab-ci.yml"
  commit "$folder"
  command=$(block gitlab.md sh 1)
  (
    cd "$folder"
    env -i "PATH=$WORK/node/node_modules/.bin:$PATH" "HOME=$WORK/home" bash -euo pipefail -c "$command"
  ) >"$WORK/said" 2>&1 || fail "$(cat "$WORK/said")"
  says "deploying 127.0.0.1:"
}

mkdir -p "$WORK/home"
ecr_for gitlab https://gitlab.com sts.amazonaws.com project_path:shop/api:ref_type:branch:ref:main

check "gitlab: files are valid" schema
check "gitlab: hostile inputs stay data, by GitLab's rules" inputs
check "gitlab: the page's first lines, and the report in the next job" page
check "gitlab: sections in the log" sections
check "gitlab: the component with inputs" component
check "gitlab: hostile inputs stay data, in a job" hostile
check "gitlab: allow_failure tells exit codes apart" exit_codes
check "gitlab: the page's last lines" try_it

ended
