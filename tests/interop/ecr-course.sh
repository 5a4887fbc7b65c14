#!/bin/bash
# A course on ECR, word for word, with the AWS CLI and, if there is one, Docker.
#
#   tests/interop/ecr-course.sh
#
# Endpoints, region and credentials come from the environment, as an emulator prints it; its state should be new.
#
#   COURSE_AWS      the AWS CLI (aws)
#   COURSE_DOCKER   `yes` if `docker` has a daemon that may push to the registry; otherwise the same images are
#                   pushed with the AWS CLI
#   COURSE_APPLY    a command that has the emulator act on its lifecycle policies; without it, that step is left out
#
# Prints `ok NAME`, `FAILED NAME` or `skipped NAME: WHY`, and `N passed, N failed` at the end.
set -euo pipefail

read -r -a AWS <<<"${COURSE_AWS:-aws}"
WORK=$(mktemp -d "${TMPDIR:-/tmp}/ecr-course.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
export AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1
PASSED=0
FAILED=0
OTHER_REGION=eu-west-1
[[ ${AWS_REGION:-us-east-1} != eu-west-1 ]] || OTHER_REGION=us-west-2

check() {
  local name=$1 status=0
  shift
  set +e
  (
    set -euo pipefail
    "$@"
  ) >"$WORK/log" 2>&1 </dev/null
  status=$?
  set -e
  if [[ $status -eq 0 ]]; then
    PASSED=$((PASSED + 1))
    echo "ok $name"
  elif [[ $status -eq 77 ]]; then
    echo "skipped $name: $(tail -n 1 "$WORK/log")"
  else
    FAILED=$((FAILED + 1))
    echo "FAILED $name"
    tail -n 30 "$WORK/log" | sed 's/^/    /'
  fi
}

skip() {
  echo "$*"
  exit 77
}

# same WHAT EXPECTED FOUND
same() {
  [[ $2 == "$3" ]] || {
    echo "$1: expected \`$2\`, found \`$3\`"
    exit 1
  }
}

ecr() {
  "${AWS[@]}" ecr "$@"
}

# refused CODE ARGUMENT…: ECR must refuse this with that exception.
refused() {
  local code=$1
  shift
  if ecr "$@" >"$WORK/said" 2>&1; then
    echo "ecr $* was not refused"
    exit 1
  fi
  cat "$WORK/said"
  grep -qF "($code)" "$WORK/said"
}

uri() {
  ecr describe-repositories --repository-names "$1" --query 'repositories[0].repositoryUri' --output text
}

digest() {
  echo "sha256:$(sha256sum "$1" | cut -d ' ' -f 1)"
}

# blob REPOSITORY FILE: pushes a layer, as it is described for the API.
blob() {
  local upload
  [[ $(ecr batch-check-layer-availability --repository-name "$1" --layer-digests "$(digest "$2")" \
    --query 'layers[0].layerAvailability' --output text) != AVAILABLE ]] || return 0
  upload=$(ecr initiate-layer-upload --repository-name "$1" --query uploadId --output text)
  ecr upload-layer-part --repository-name "$1" --upload-id "$upload" --part-first-byte 0 \
    --part-last-byte $(($(stat -c %s "$2") - 1)) --layer-part-blob "fileb://$2" >"$WORK/part"
  ecr complete-layer-upload --repository-name "$1" --upload-id "$upload" --layer-digests "$(digest "$2")" \
    >"$WORK/complete"
}

# image REPOSITORY TAG TEXT: pushes an image with one layer, which holds TEXT.
image() {
  local directory=$WORK/image
  rm -rf "$directory"
  mkdir -p "$directory/root"
  echo "$3" >"$directory/root/greeting"
  tar -C "$directory/root" --mtime=@0 --owner=0 --group=0 -cf "$directory/layer.tar" greeting
  printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}}' \
    "$(digest "$directory/layer.tar")" >"$directory/config.json"
  gzip -n "$directory/layer.tar"
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"%s","digest":"%s","size":%d},"layers":[{"mediaType":"%s","digest":"%s","size":%d}]}' \
    application/vnd.oci.image.config.v1+json "$(digest "$directory/config.json")" \
    "$(stat -c %s "$directory/config.json")" application/vnd.oci.image.layer.v1.tar+gzip \
    "$(digest "$directory/layer.tar.gz")" "$(stat -c %s "$directory/layer.tar.gz")" >"$directory/manifest.json"
  blob "$1" "$directory/layer.tar.gz"
  blob "$1" "$directory/config.json"
  ecr put-image --repository-name "$1" --image-tag "$2" --image-manifest "file://$directory/manifest.json" \
    --query image.imageId.imageDigest --output text
}

# --- the course -----------------------------------------------------------------------------------------------------

create() {
  ecr create-repository --repository-name myapp | tee "$WORK/made"
  grep -q '"imageTagMutability": "MUTABLE"' "$WORK/made"
  refused RepositoryAlreadyExistsException create-repository --repository-name myapp
}

needs_docker() {
  [[ ${COURSE_DOCKER:-no} == yes ]] || skip "no Docker daemon"
}

docker_login() {
  needs_docker
  local repository
  repository=$(uri myapp)
  ecr get-login-password | docker login --username AWS --password-stdin "${repository%%/*}"
}

# Docker's own image, from nothing.
docker_push() {
  needs_docker
  local repository
  repository=$(uri myapp)
  mkdir -p "$WORK/build"
  printf 'FROM scratch\nCOPY greeting /greeting\n' >"$WORK/build/Dockerfile"
  echo hello >"$WORK/build/greeting"
  docker build -t myapp "$WORK/build"
  docker tag myapp:latest "$repository:latest"
  docker push "$repository:latest"
}

docker_pull() {
  needs_docker
  local repository
  repository=$(uri myapp)
  docker rmi "$repository:latest"
  docker pull "$repository:latest"
}

push_latest() {
  [[ ${COURSE_DOCKER:-no} != yes ]] || skip "Docker has pushed it"
  image myapp latest hello
}

password() {
  local token
  token=$(ecr get-authorization-token --query 'authorizationData[0].authorizationToken' --output text)
  [[ $(base64 -d <<<"$token") == AWS:* ]]
  [[ -n $(ecr get-login-password) ]]
}

describe() {
  ecr describe-repositories | grep >/dev/null '"repositoryName": "myapp"'
  same tags latest "$(ecr describe-images --repository-name myapp --query 'imageDetails[].imageTags[]' --output text)"
  same listed latest "$(ecr list-images --repository-name myapp --query 'imageIds[].imageTag' --output text)"
}

delete_latest() {
  ecr batch-delete-image --repository-name myapp --image-ids imageTag=latest | tee "$WORK/deleted"
  grep -q '"imageTag": "latest"' "$WORK/deleted"
  same left 0 "$(ecr list-images --repository-name myapp --query 'length(imageIds)' --output text)"
  ecr batch-delete-image --repository-name myapp --image-ids imageTag=latest | grep >/dev/null '"failureCode": "ImageNotFound"'
}

twelve() {
  local number
  for number in $(seq 12); do
    image myapp "v$number" "number $number"
    sleep 0.01
  done
  same images 12 "$(ecr list-images --repository-name myapp --query 'length(imageIds)' --output text)"
}

policy() {
  cat >"$WORK/policy.json" <<'POLICY'
{
    "rules": [
        {
            "rulePriority": 1,
            "description": "Keep only the last 10 images",
            "selection": {
                "tagStatus": "any",
                "countType": "imageCountMoreThan",
                "countNumber": 10
            },
            "action": {
                "type": "expire"
            }
        }
    ]
}
POLICY
  cd "$WORK"
  ecr put-lifecycle-policy --repository-name myapp --lifecycle-policy-text file://policy.json
  same policy "$(cat policy.json)" \
    "$(ecr get-lifecycle-policy --repository-name myapp --query lifecyclePolicyText --output text)"
}

preview() {
  ecr start-lifecycle-policy-preview --repository-name myapp --query status --output text
  ecr wait lifecycle-policy-preview-complete --repository-name myapp
  same "the count" 2 "$(ecr get-lifecycle-policy-preview --repository-name myapp \
    --query summary.expiringImageTotalCount --output text)"
  same "the images" "v1 v2" "$(ecr get-lifecycle-policy-preview --repository-name myapp \
    --query 'previewResults[].imageTags[]' --output text | tr '\t' ' ')"
}

apply() {
  [[ -n ${COURSE_APPLY:-} ]] || skip "no way to apply is given"
  bash -c "$COURSE_APPLY"
  local count
  for ((count = 0; count < 50; count++)); do
    [[ $(ecr list-images --repository-name myapp --query 'length(imageIds)' --output text) != 10 ]] || break
    sleep 0.2
  done
  same "what is left" "v10 v11 v12 v3 v4 v5 v6 v7 v8 v9" "$(ecr list-images --repository-name myapp \
    --query 'sort(imageIds[].imageTag)' --output text | tr '\t' ' ')"
}

replicate() {
  local account source status='' count
  account=$("${AWS[@]}" sts get-caller-identity --query Account --output text)
  ecr put-replication-configuration --replication-configuration \
    "{\"rules\":[{\"destinations\":[{\"region\":\"$OTHER_REGION\",\"registryId\":\"$account\"}]}]}"
  source=$(image myapp replicated "far away" | tail -n 1)
  for ((count = 0; count < 50; count++)); do
    status=$(ecr describe-image-replication-status --repository-name myapp --image-id imageTag=replicated \
      --query 'replicationStatuses[0].status' --output text)
    [[ $status == IN_PROGRESS ]] || break
    sleep 0.2
  done
  same status COMPLETE "$status"
  same "the digest there" "$source" "$(ecr describe-images --region "$OTHER_REGION" --repository-name myapp \
    --image-ids imageTag=replicated --query 'imageDetails[0].imageDigest' --output text)"
  same "the manifest there" "$source" "sha256:$(ecr batch-get-image --region "$OTHER_REGION" \
    --repository-name myapp --image-ids imageTag=replicated --query 'images[0].imageManifest' --output text |
    head -c -1 | sha256sum | cut -d ' ' -f 1)"
  ecr put-replication-configuration --replication-configuration '{"rules":[]}'
}

settings() {
  ecr create-repository --repository-name strict --image-tag-mutability IMMUTABLE \
    --image-scanning-configuration scanOnPush=true \
    --encryption-configuration encryptionType=KMS,kmsKey=alias/ecr --tags Key=team,Value=shop
  same settings "IMMUTABLE True KMS alias/ecr" "$(ecr describe-repositories --repository-names strict --query \
    'repositories[0].[imageTagMutability,imageScanningConfiguration.scanOnPush,encryptionConfiguration.encryptionType,encryptionConfiguration.kmsKey]' \
    --output text | tr '\t' ' ')"
  image strict 1 one
  cp "$WORK/image/manifest.json" "$WORK/first.json"
  echo >>"$WORK/first.json"
  refused ImageTagAlreadyExistsException put-image --repository-name strict --image-tag 1 \
    --image-manifest "file://$WORK/first.json"
  ecr wait image-scan-complete --repository-name strict --image-id imageTag=1
}

delete_repositories() {
  refused RepositoryNotEmptyException delete-repository --repository-name myapp
  ecr delete-repository --repository-name myapp --force
  refused RepositoryNotFoundException describe-repositories --repository-names myapp
  ecr delete-repository --repository-name strict --force
  ecr delete-repository --region "$OTHER_REGION" --repository-name myapp --force
}

check create-repository create
check get-login-password password
check docker-login docker_login
check docker-push docker_push
check docker-pull docker_pull
check push push_latest
check describe-repositories describe
check batch-delete-image delete_latest
check twelve-images twelve
check put-lifecycle-policy policy
check lifecycle-preview preview
check lifecycle-applied apply
check replication replicate
check settings settings
check delete-repository delete_repositories

echo "$PASSED passed, $FAILED failed"
[[ $FAILED -eq 0 ]]
