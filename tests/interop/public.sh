# shellcheck shell=bash
set -euo pipefail
# What consign pushes to ECR Public, the AWS CLI describes and skopeo and podman pull as nobody in particular; and with
# a login of consign, skopeo pushes.

PUBLIC=$WORK/public
mkdir -p "$PUBLIC/tree/bin" "$PUBLIC/tree/data"

# aws_public ARGUMENT…: its JSON is in $WORK/answer.
aws_public() {
  against main aws --output json --region us-east-1 ecr-public "$@" >"$WORK/answer"
  cat "$WORK/answer"
}

# public_consign ARGUMENT…: in a region where ECR Public is not.
public_consign() {
  against main env AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 "$CONSIGN" "$@"
}

# An index of two platforms, each with a program and a large layer.
public_pushed() {
  cp /bin/busybox "$PUBLIC/tree/bin/sh"
  head -c 20000000 /dev/urandom >"$PUBLIC/tree/data/random"
  {
    echo 'apiVersion: consign/v1'
    echo 'layers:'
    echo '- { name: shell, from: bin, to: /bin, modes: { files: "0755" } }'
    echo '- { name: data, from: data, to: /data }'
    echo 'config: { entrypoint: [/bin/sh, -c, "echo public"] }'
  } >"$PUBLIC/tree/consign.yaml"
  aws_public describe-registries
  jq -r '.registries[0].aliases[0].name' "$WORK/answer" >"$PUBLIC/alias"
  local name
  name=public.ecr.aws/$(cat "$PUBLIC/alias")/interop/tool
  public_consign build "$PUBLIC/tree" --platform linux/amd64,linux/arm64 --tag "$name:1" --tag "$name:latest" \
    --create-repository --push >"$PUBLIC/line"
  sed 's/.*@//' "$PUBLIC/line" >"$PUBLIC/digest"
  same "line" "$name@$(cat "$PUBLIC/digest")" "$(cat "$PUBLIC/line")"
  # Again, from another directory: nothing has to be sent.
  cp -r "$PUBLIC/tree" "$PUBLIC/again"
  public_consign build "$PUBLIC/again" --platform linux/amd64,linux/arm64 --tag "$name:1" --push --format json \
    >"$PUBLIC/again.json"
  same "digest of the second push" "$(cat "$PUBLIC/digest")" "$(jq -r .digest "$PUBLIC/again.json")"
  same "bytes that were sent" 0 "$(jq '[.published[].layers[].sent] | add' "$PUBLIC/again.json")"
}

public_described() {
  aws_public describe-repositories
  same "URI" "$REGISTRY/$(cat "$PUBLIC/alias")/interop/tool" \
    "$(jq -r '.repositories[] | select(.repositoryName == "interop/tool").repositoryUri' "$WORK/answer")"
  aws_public describe-images --repository-name interop/tool --image-ids imageTag=1
  same "digest" "$(cat "$PUBLIC/digest")" "$(jq -r '.imageDetails[0].imageDigest' "$WORK/answer")"
  same "tags" "1 latest" "$(jq -r '.imageDetails[0].imageTags | sort | join(" ")' "$WORK/answer")"
  same "type" application/vnd.oci.image.index.v1+json \
    "$(jq -r '.imageDetails[0].imageManifestMediaType' "$WORK/answer")"
  aws_public describe-images --repository-name interop/tool
  same "images" 3 "$(jq '.imageDetails | length' "$WORK/answer")"
  aws_public describe-image-tags --repository-name interop/tool
  same "tags of the repository" "1 latest" \
    "$(jq -r '[.imageTagDetails[].imageTag] | sort | join(" ")' "$WORK/answer")"
}

# As nobody in particular.
public_read() {
  local at
  at=$REGISTRY/$(cat "$PUBLIC/alias")/interop/tool:1
  timeout 600 skopeo copy --all --preserve-digests --src-tls-verify=false "docker://$at" "oci:$PUBLIC/pulled:1"
  same "digest that skopeo has" "$(cat "$PUBLIC/digest")" "$(jq -r '.manifests[0].digest' "$PUBLIC/pulled/index.json")"
  "$CONSIGN" validate "$PUBLIC/pulled"
  podman_ pull --tls-verify=false --arch amd64 "$at"
  if [[ $(uname -m) == x86_64 ]]; then
    same "what the image says" public \
      "$(podman_ run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$at")"
  fi
}

# From a private repository to everybody, and within ECR Public.
public_promoted() {
  local alias digest
  alias=$(cat "$PUBLIC/alias")
  digest=$(push "$PUBLIC/tree" interop/private:2)
  against main "$CONSIGN" copy "interop/private@$digest" "public.ecr.aws/$alias/interop/promoted:2" --create-repository
  against main "$CONSIGN" tag "public.ecr.aws/$alias/interop/promoted:2" stable
  aws_public describe-images --repository-name interop/promoted --image-ids imageTag=stable
  same "digest" "$digest" "$(jq -r '.imageDetails[0].imageDigest' "$WORK/answer")"
  same "manifest" "$digest" "sha256:$(skopeo inspect --raw --tls-verify=false \
    "docker://$REGISTRY/$alias/interop/promoted:stable" | sha256sum | cut -d ' ' -f 1)"
}

# A login is for the name public.ecr.aws; here that is another host.
public_login() {
  local alias
  alias=$(cat "$PUBLIC/alias")
  public_consign login public.ecr.aws --registry-auth-file "$PUBLIC/login.json"
  jq --arg host "$REGISTRY" '{ auths: { ($host): .auths["public.ecr.aws"] } }' "$PUBLIC/login.json" >"$PUBLIC/auth.json"
  timeout 600 skopeo copy --all --preserve-digests --dest-tls-verify=false --dest-authfile "$PUBLIC/auth.json" \
    "oci:$PUBLIC/pulled:1" "docker://$REGISTRY/$alias/interop/promoted:by-skopeo"
  same "digest" "public.ecr.aws/$alias/interop/promoted@$(cat "$PUBLIC/digest")" \
    "$(against main "$CONSIGN" pull "public.ecr.aws/$alias/interop/promoted:by-skopeo" "$PUBLIC/back")"
  # Without the login it is refused.
  fails_with 1 skopeo copy --dest-tls-verify=false "oci:$PUBLIC/pulled:1" \
    "docker://$REGISTRY/$alias/interop/promoted:by-nobody"
}

check "public: an index is pushed from another region, once" public_pushed
check "public: the AWS CLI describes it" public_described
check "public: skopeo and podman pull it without a login" public_read
check "public: from a private repository, under several tags" public_promoted
check "public: skopeo pushes with a login of consign" public_login
rm -rf "$PUBLIC"
