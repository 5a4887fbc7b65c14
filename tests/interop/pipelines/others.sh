#!/bin/bash
# The examples for Bitbucket, CircleCI and Buildkite: valid by the schemas of those CIs, and every command of them run as
# it stands (others.py), with a token as the CI would give it, against an emulator whose role trusts that CI.
#
#   others.sh BINARY
#
# Needs root on Debian 12; installs PyYAML from Debian and check-jsonschema from PyPI. What this does not show is how
# the CIs themselves read the files; their schemas are as near as one gets without an account.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=set-up.bash
source "$(dirname "${BASH_SOURCE[0]}")/set-up.bash"

install_packages curl:curl jq:jq
/usr/bin/python3 -c 'import yaml, venv, ensurepip' 2>/dev/null || {
  quietly apt-get update
  quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-yaml python3-venv
}
quietly /usr/bin/python3 -m venv "$WORK/venv"
quietly "$WORK/venv/bin/pip" install --quiet check-jsonschema

COMMIT=8f5b1c1f6d0a
declare -A FILE=(
  [bitbucket]=$ROOT/pipelines/bitbucket/bitbucket-pipelines.yml
  [circleci]=$ROOT/pipelines/circleci/config.yml
  [buildkite]=$ROOT/pipelines/buildkite/pipeline.yml
)

# valid SCHEMA CI: by the CI's own schema, which in turn has to find a mistake.
valid() {
  "$WORK/venv/bin/check-jsonschema" --builtin-schema "vendor.$1" "${FILE[$2]}"
  sed 's/^\(image\|version\|steps\):.*/\1: { wrong: [true] }/' "${FILE[$2]}" >"$WORK/$2.wrong.yml"
  ! "$WORK/venv/bin/check-jsonschema" --builtin-schema "vendor.$1" "$WORK/$2.wrong.yml" ||
    fail "the schema finds nothing wrong"
}

# run CI [NAME=VALUE…]: the whole pipeline; the project's variables are those that the page asks for.
run() {
  local ci=$1
  shift
  in_job "$ci" env "JOB_TOKEN=$(token "$ci")" /usr/bin/python3 "$HERE/pipelines/others.py" "$ci" "${FILE[$ci]}" \
    "$WORK/project" AWS_REGION=eu-west-1 CONSIGN_ROLE_TO_ASSUME=arn:aws:iam::123456789012:role/ci "$@"
}

# The image arrives in the last step, which looks at exactly this one.
handed_over() {
  local ci=$1 digest
  run "$ci" >"$WORK/said" 2>&1 || fail "exit code $?: $(cat "$WORK/said")"
  cat "$WORK/said"
  digest=$(in_job "$ci" consign --quiet build "$WORK/project/dist")
  sed -n '/^--- [Dd]eploy/,$p' "$WORK/said" | grep -qF "$digest" || fail "the last step did not see $digest"
  grep -qF "shop/api:$COMMIT is now $digest" "$WORK/said" || fail "the commit is not the tag"
}

# Whatever is in the name of a commit, it is no command.
hostile() {
  local ci=$1 variable=$2 pwned=$WORK/pwned value
  for value in "\$(touch $pwned)" "\`touch $pwned\`" "\"; touch $pwned; \"" "'; touch $pwned; '" 'x y' '--help' '*'; do
    fails_with 2 run "$ci" "$variable=$value"
    says "shop/api:$value"
    [[ ! -e $pwned ]] || fail "it was run"
  done
}

# no_token CI WORD: without a token, consign names what is missing, and the pipeline ends with its exit code.
no_token() {
  fails_with 3 in_job "$1" env JOB_TOKEN= /usr/bin/python3 "$HERE/pipelines/others.py" "$1" "${FILE[$1]}" \
    "$WORK/project" AWS_REGION=eu-west-1 CONSIGN_ROLE_TO_ASSUME=arn:aws:iam::123456789012:role/ci
  says "$2"
}

application "$WORK/project"
uuid=0b8f0f1c-3c39-4e0d-9a2d-6b1f0c5f2a11
ecr_for bitbucket https://api.bitbucket.org/2.0/workspaces/shop/pipelines-config/identity/oidc \
  "ari:cloud:bitbucket::workspace/$uuid" "{$uuid}:{$uuid}"
ecr_for circleci "https://oidc.circleci.com/org/$uuid" "$uuid" \
  "org/$uuid/project/$uuid/user/$uuid/vcs-origin/github.com/shop/api/vcs-ref/refs/heads/main"
ecr_for buildkite https://agent.buildkite.com sts.amazonaws.com \
  "organization:shop:pipeline:api:ref:refs/heads/main:commit:$COMMIT:step:image"

check "bitbucket: the file is valid" valid bitbucket-pipelines bitbucket
check "circleci: the file is valid" valid circle-ci circleci
check "buildkite: the file is valid" valid buildkite buildkite
for ci in bitbucket circleci buildkite; do
  check "$ci: the image is pushed, and its digest handed to the next step" handed_over "$ci"
done
check "bitbucket: a job without a token is told so" no_token bitbucket BITBUCKET_STEP_OIDC_TOKEN
check "circleci: a job without a token is told so" no_token circleci CIRCLE_OIDC_TOKEN_V2
check "buildkite: an agent without a token is told so" no_token buildkite "Buildkite holds is not"
check "bitbucket: hostile values stay values" hostile bitbucket BITBUCKET_COMMIT
check "circleci: hostile values stay values" hostile circleci CIRCLE_SHA1
check "buildkite: hostile values stay values" hostile buildkite BUILDKITE_COMMIT

ended
