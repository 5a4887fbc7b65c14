# shellcheck shell=bash
set -euo pipefail
# What `consign deploy ecs` and `consign deploy lambda` make is what AWS's own tools take: the AWS CLI registers it, the
# models of botocore validate it, and moto has it afterwards. ECR and STS are the emulator, ECS and Lambda are moto.

deploy_aws_moto() {
  local count port
  "$WORK/venv/bin/pip" install --quiet 'moto[server]' boto3
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$WORK/venv/bin/moto_server" --host 127.0.0.1 --port "$port" >"$WORK/deploy-aws.moto" 2>&1 &
  remember $!
  echo "http://127.0.0.1:$port" >"$WORK/deploy-aws.url"
  for ((count = 0; count < 300; count++)); do
    if python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$port" 2>/dev/null
    then
      return
    fi
    sleep 0.1
  done
  cat "$WORK/deploy-aws.moto"
  fail "moto did not start"
}

# All checks of the script, which prints a line for each.
deploy_aws_checks() {
  local url
  url=$(cat "$WORK/deploy-aws.url")
  AWS_ENDPOINT_URL=$url against main "$WORK/venv/bin/python" "$HERE/deploy-aws.py" "$CONSIGN"
}

check "deploy-aws: moto" deploy_aws_moto
check "deploy-aws: boto3, the AWS CLI and moto take what is rendered" deploy_aws_checks
