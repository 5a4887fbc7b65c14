# shellcheck shell=bash
set -euo pipefail
# The AWS CLI works against the emulator with nothing but the variables that it gives.

ACCOUNT=123456789012

# aws_ ARGUMENT…: its JSON is in $WORK/answer; it may not say anything else.
aws_() {
  against main aws --output json "$@" >"$WORK/answer" 2>"$WORK/said" || fail "aws $*: $(cat "$WORK/said")"
  cat "$WORK/answer"
  [[ ! -s $WORK/said ]] || fail "aws $*: $(cat "$WORK/said")"
}

answer() {
  jq -r "$1" "$WORK/answer"
}

aws_pushed() {
  mkdir "$WORK/aws"
  echo one >"$WORK/aws/file"
  push "$WORK/aws" interop/aws:1 --tag interop/aws:latest >"$WORK/aws.digest"
}

aws_identity() {
  aws_ sts get-caller-identity
  same "account" "$ACCOUNT" "$(answer .Account)"
  [[ $(answer .Arn) == "arn:aws:sts::$ACCOUNT:assumed-role/"* ]] || fail "the ARN is $(answer .Arn)"
}

aws_repositories() {
  aws_ ecr describe-repositories
  same "URI" "$REGISTRY/interop/aws" \
    "$(answer '.repositories[] | select(.repositoryName == "interop/aws").repositoryUri')"
  aws_ ecr describe-repositories --repository-names interop/aws
  same "ARN" "arn:aws:ecr:us-east-1:$ACCOUNT:repository/interop/aws" "$(answer '.repositories[0].repositoryArn')"
  same "mutability" MUTABLE "$(answer '.repositories[0].imageTagMutability')"
}

aws_images() {
  local digest layer size
  digest=$(cat "$WORK/aws.digest")
  aws_ ecr describe-images --repository-name interop/aws
  same "digest" "$digest" "$(answer '.imageDetails[0].imageDigest')"
  same "tags" "1 latest" "$(answer '.imageDetails[0].imageTags | sort | join(" ")')"
  same "type" application/vnd.oci.image.manifest.v1+json "$(answer '.imageDetails[0].imageManifestMediaType')"
  same "images" 1 "$(answer '.imageDetails | length')"
  aws_ ecr describe-images --repository-name interop/aws --image-ids "imageDigest=$digest"
  aws_ ecr describe-images --repository-name interop/aws --image-ids imageTag=latest
  same "digest" "$digest" "$(answer '.imageDetails[0].imageDigest')"

  aws_ ecr batch-get-image --repository-name interop/aws --image-ids imageTag=1
  same "failures" 0 "$(answer '.failures | length')"
  same "digest of the manifest" "$digest" \
    "sha256:$(jq -j '.images[0].imageManifest' "$WORK/answer" | sha256sum | cut -d ' ' -f 1)"
  layer=$(answer '.images[0].imageManifest | fromjson | .layers[0].digest')
  size=$(answer '.images[0].imageManifest | fromjson | .layers[0].size')

  aws_ ecr batch-check-layer-availability --repository-name interop/aws --layer-digests "$layer"
  same "availability" "AVAILABLE $size" "$(answer '.layers[0] | "\(.layerAvailability) \(.layerSize)"')"
  aws_ ecr get-download-url-for-layer --repository-name interop/aws --layer-digest "$layer"
  same "digest of the layer" "$layer" "$(python3 - "$(answer .downloadUrl)" <<'PYTHON'
import hashlib, sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print("sha256:" + hashlib.sha256(opener.open(sys.argv[1], timeout=30).read()).hexdigest())
PYTHON
  )"
}

aws_list_images() {
  if ! against main aws ecr list-images --repository-name interop/aws >"$WORK/answer" 2>"$WORK/said"; then
    cat "$WORK/said"
    ! grep -Eq 'UnknownOperation|InvalidAction' "$WORK/said" || skip "the emulator does not have ListImages yet"
    fail "list-images failed"
  fi
  same "tags" "1 latest" "$(answer '[.imageIds[].imageTag] | sort | join(" ")')"
}

# `aws ecr get-authorization-token` and `get-login-password` open /v2/ to a plain HTTP client.
aws_password() {
  local password token code
  password=$(against main aws ecr get-login-password)
  [[ -n $password ]] || fail "no password"
  aws_ ecr get-authorization-token
  token=$(answer '.authorizationData[0].authorizationToken')
  same "endpoint" "$REGISTRY" "$(answer '.authorizationData[0].proxyEndpoint' | sed 's|^https\?://||')"
  [[ $(base64 -d <<<"$token") == AWS:* ]] || fail "the token is not for AWS"
  for code in "200 $password" "401 wrong"; do
    same "status" "${code%% *}" "$(python3 - "http://$REGISTRY/v2/" "${code#* }" <<'PYTHON'
import base64, sys, urllib.error, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
basic = base64.b64encode(b"AWS:" + sys.argv[2].encode()).decode()
try:
    print(opener.open(urllib.request.Request(sys.argv[1], headers={"Authorization": "Basic " + basic}), timeout=30).status)
except urllib.error.HTTPError as error:
    print(error.code)
PYTHON
    )"
  done
}

# Errors arrive as the CLI knows them.
aws_errors() {
  fails_with 255 against main aws ecr describe-repositories --repository-names interop/absent
  says RepositoryNotFoundException
  fails_with 255 against main aws ecr describe-images --repository-name interop/aws --image-ids imageTag=absent
  says ImageNotFoundException
  fails_with 255 against main aws ecr create-repository --repository-name interop/aws
  says RepositoryAlreadyExistsException
  # shellcheck disable=SC2016
  fails_with 255 env AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY=wrong \
    bash -c 'source "$1"; unset AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE; aws ecr describe-repositories' - "$WORK/main.env"
  says UnrecognizedClientException
}

# A repository that the CLI creates takes a push.
aws_creates() {
  aws_ ecr create-repository --repository-name interop/made-by-aws --image-tag-mutability IMMUTABLE \
    --image-scanning-configuration scanOnPush=true
  same "mutability" IMMUTABLE "$(answer '.repository.imageTagMutability')"
  against main "$CONSIGN" build "$WORK/aws" --tag interop/made-by-aws:1 --push
  against main "$CONSIGN" build "$WORK/aws" --tag interop/made-by-aws:1 --push
  echo two >"$WORK/aws/file"
  fails_with 4 against main "$CONSIGN" build "$WORK/aws" --tag interop/made-by-aws:1 --push
}

check "aws: an image under two tags" aws_pushed
check "aws: sts get-caller-identity" aws_identity
check "aws: ecr describe-repositories" aws_repositories
check "aws: ecr describe-images, batch-get-image, layers" aws_images
check "aws: ecr list-images" aws_list_images
check "aws: ecr get-login-password opens the registry" aws_password
check "aws: errors arrive as such" aws_errors
check "aws: a repository with immutable tags, created by the CLI" aws_creates
