# shellcheck shell=bash
set -euo pipefail
# What the scripts of this folder share: surroundings, and an emulator in which the role `ci` trusts the jobs of one CI.
# Sourced with the path of the binary as the first argument. Needs root on Debian 12.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../lib.sh
source "$HERE/lib.sh"

if [[ ! -x ${1:-} || $(id -u) -ne 0 ]]; then
  echo "usage, as root: $0 BINARY" >&2
  exit 2
fi
WORK=$(realpath "${TMPDIR:-/tmp}")/consign-pipelines.$$.$RANDOM
mkdir -m 755 "$WORK"
: >"$WORK/pids"
trap clean_up EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
install -D -m 755 "$1" "$WORK/bin/consign"
CONSIGN=$WORK/bin/consign
export PATH=$WORK/bin:$PATH CONSIGN WORK HERE ROOT
forget_environment

# install_packages COMMAND:PACKAGE…: those of Debian's packages whose command is not there.
install_packages() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  if [[ ${#missing[@]} -gt 0 ]]; then
    quietly apt-get update
    quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
  fi
}

# quietly COMMAND…: says something only if it fails, and then ends the script.
quietly() {
  if ! "$@" >"$WORK/install.log" 2>&1 </dev/null; then
    tail -n 30 "$WORK/install.log" >&2
    echo "this failed: $*" >&2
    exit 2
  fi
}

# trusting ISSUER AUDIENCE SUBJECT: an IAM file in which arn:aws:iam::123456789012:role/ci trusts one job.
trusting() {
  jq -n --arg issuer "$1" --arg audience "$2" --arg subject "$3" '
    ($issuer | sub("^https://"; "")) as $provider
    | "arn:aws:iam::123456789012:role/ci" as $role
    | {
        accounts: { "123456789012": {
          oidcProviders: [{ url: $issuer, clientIds: [$audience] }],
          roles: [{
            name: "ci",
            trustPolicy: { Version: "2012-10-17", Statement: [{
              Effect: "Allow",
              Principal: { Federated: "arn:aws:iam::123456789012:oidc-provider/\($provider)" },
              Action: "sts:AssumeRoleWithWebIdentity",
              Condition: { StringEquals: { "\($provider):aud": $audience, "\($provider):sub": $subject } }
            }] },
            policies: { push: { Version: "2012-10-17", Statement: [
              { Effect: "Allow", Action: "ecr:*", Resource: "arn:aws:ecr:eu-west-1:123456789012:repository/shop/*" },
              { Effect: "Allow", Action: "ecr:GetAuthorizationToken", Resource: "*" }
            ] } }
          }]
        } },
        job: { role: $role, issuer: $issuer, subject: $subject }
      }'
}

# ecr_for NAME ISSUER AUDIENCE SUBJECT [ARGUMENT…]: an emulator that trusts this job, with the repository shop/api. The
# example pipelines run against it as they stand.
ecr_for() {
  local name=$1
  trusting "$2" "$3" "$4" >"$WORK/$name.json"
  printf '%s' "$3" >"$WORK/$name.audience"
  emulator_start "$name" --region eu-west-1 --iam "$WORK/$name.json" "${@:5}"
  mkdir -p "$WORK/seed"
  echo seed >"$WORK/seed/file"
  token "$name" >"$WORK/$name.token"
  in_job "$name" env CONSIGN_ROLE_TO_ASSUME=arn:aws:iam::123456789012:role/ci AWS_REGION=eu-west-1 \
    consign --quiet build "$WORK/seed" --tag shop/api:seed --create-repository --push \
    --web-identity-token-file "$WORK/$name.token" >"$WORK/seed.image"
}

# token NAME: an OIDC token, as the CI would give it to the job.
token() {
  # shellcheck disable=SC2016
  against "$1" bash -euo pipefail -c '
    curl -fsS --get -H "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
      --data-urlencode "audience=$1" "$ACTIONS_ID_TOKEN_REQUEST_URL" | jq -r .value
  ' - "$(cat "$WORK/$1.audience")"
}

# variables_of NAME: what a job needs to find the emulator instead of AWS; none of them is a credential.
variables_of() {
  sed -n 's/^export \(AWS_ENDPOINT_URL_[A-Z_]*\|CONSIGN_REGISTRY_ENDPOINT\)=/\1=/p' "$WORK/$1.env"
}

# in_job NAME COMMAND…: with nothing in its environment but what a job finds there.
in_job() {
  local variables
  mapfile -t variables < <(variables_of "$1")
  shift
  env -i "PATH=$PATH" "HOME=$WORK/home" "LANG=C.UTF-8" AWS_EC2_METADATA_DISABLED=true no_proxy=127.0.0.1 \
    CONSIGN_RETRY_BACKOFF_MILLISECONDS=10 "${variables[@]}" "$@"
}

# application DIRECTORY: something to build.
application() {
  mkdir -p "$1/dist/lib" "$WORK/home"
  echo 'console.log("hello")' >"$1/dist/server.js"
  echo 'exports.answer = 42' >"$1/dist/lib/util.js"
}

# block PAGE LANGUAGE NUMBER: a fenced block of a page of the documentation.
block() {
  awk -v language="$2" -v number="$3" '
    /^```/ { if (inside) { inside = 0 } else { inside = 1; wanted = $0 == "```" language && ++count == number }; next }
    inside && wanted
  ' "$ROOT/docs/$1" | grep . || fail "docs/$1 has no block $3 of $2"
}

# ended: the last line, and the exit code.
ended() {
  clean_up
  trap - EXIT
  echo "$PASSED passed, $FAILED failed"
  [[ $FAILED -eq 0 && $PASSED -gt 0 ]]
}
