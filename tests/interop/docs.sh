# shellcheck shell=bash
set -euo pipefail
# Every command of the pages is run: what README.md and docs/ show in blocks of the shell, in order, with the AWS CLI,
# Docker, npm, pip and Go. ECR and STS are the emulator; for the rest of AWS (IAM, ECS, EKS, Lambda) stands moto. Blocks
# that can't be run here say so in the page, with the reason.

docs_surroundings() {
  local count port
  "$WORK/venv/bin/pip" install --quiet 'moto[server]' pyyaml
  dockerd_start
  emulator_start docs --region eu-west-1 --state "$WORK/docs.state"
  # Two worlds in which the same is done with other tools.
  emulator_start docs-sh --region eu-west-1 --state "$WORK/docs-sh.state"
  emulator_start docs-console --region eu-west-1 --state "$WORK/docs-console.state"
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  MOTO_IAM_LOAD_MANAGED_POLICIES=true MOTO_ECS_SERVICE_RUNNING=2 "$WORK/venv/bin/moto_server" --host 127.0.0.1 --port "$port" >"$WORK/moto.log" 2>&1 &
  remember $!
  echo "http://127.0.0.1:$port" >"$WORK/moto.url"
  for ((count = 0; count < 300; count++)); do
    if curl --silent --noproxy '*' --output /dev/null "http://127.0.0.1:$port/"; then
      return
    fi
    sleep 0.1
  done
  cat "$WORK/moto.log"
  fail "moto did not start"
}

docs_page() {
  AWS_ENDPOINT_URL=$(cat "$WORK/moto.url")
  # Each page begins with an empty account.
  curl --silent --noproxy '*' --output /dev/null --request POST "$AWS_ENDPOINT_URL/moto-api/reset"
  DOCKER_HOST=unix://$WORK/docker/socket
  DOCS_REGISTRY=$(registry_of docs)
  DOCS_WORLDS="$WORK/docs-{}.env"
  export AWS_ENDPOINT_URL DOCKER_HOST DOCS_REGISTRY DOCS_WORLDS
  against docs "$WORK/venv/bin/python" "$HERE/docs.py" "$1"
}

check "docs: an emulator, moto and Docker" docs_surroundings
while IFS= read -r page; do
  check "docs: ${page#"$HERE"/../../}" docs_page "$page"
done < <(grep -lE '^```sh' "$HERE"/../../README.md "$HERE"/../../docs/*.md "$HERE"/../../docs/*/*.md | grep -v '/emulator.md$')
