# shellcheck shell=bash
set -euo pipefail
# What `consign deploy kubernetes` renders, as others read it: libyaml, whose descendant Kubernetes uses, and kustomize.

KUSTOMIZE=v5.4.3
MANIFESTS=$(cd "$HERE/../manifests" && pwd)
DEPLOY=$WORK/deploy
DEPLOYED_DIGEST=sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
mkdir -p "$DEPLOY"

deploy_judged() {
  "$WORK/venv/bin/pip" install --quiet pyyaml
  "$WORK/venv/bin/python" "$HERE/deploy-kubernetes.py" "$CONSIGN" "$MANIFESTS" "$DEPLOY"
}

deploy_install_kustomize() {
  command -v go || skip "there is no Go to build kustomize with"
  GOBIN=$WORK/bin GOPATH=$DEPLOY/go GOCACHE=$DEPLOY/cache GOFLAGS=-modcacherw GOTOOLCHAIN=local \
    timeout 600 go install "sigs.k8s.io/kustomize/kustomize/v5@$KUSTOMIZE"
  kustomize version
}

# deploy_kustomized NAME EXPECTED [OPTION…] <ENTRY: what kustomize makes of a deployment with the image `api:1`, by a
# kustomization with this entry, once consign was there.
deploy_kustomized() {
  local folder=$DEPLOY/$1 expected=$2 image
  shift 2
  mkdir -p "$folder"
  printf '%s\n' 'apiVersion: apps/v1' 'kind: Deployment' 'metadata: {name: api}' 'spec:' '  template:' '    spec:' \
    '      containers:' '      - {name: api, image: "api:1"}' >"$folder/deployment.yaml"
  {
    printf 'resources: [deployment.yaml]\nimages:\n'
    cat
  } >"$folder/kustomization.yaml"
  "$CONSIGN" deploy kubernetes "$folder/kustomization.yaml" --in-place "$@"
  cat "$folder/kustomization.yaml"
  image=$(kustomize build "$folder" | sed -n 's/.*image: //p')
  same "image" "$expected" "$image"
}

deploy_kustomizations() {
  command -v kustomize || skip "kustomize is not there"
  local name=registry.example/shop/api
  local plain="--image $name@$DEPLOYED_DIGEST" tagged="--image $name:1.4@$DEPLOYED_DIGEST"
  # shellcheck disable=SC2086
  {
    deploy_kustomized new-tag "$name@$DEPLOYED_DIGEST" $plain <<<"- {name: api, newName: $name, newTag: v1.3}"
    deploy_kustomized quoted "$name@$DEPLOYED_DIGEST" $tagged <<<$'- name: api # c\n  newTag: "1.3" # d\n  newName: '"$name"
    deploy_kustomized bare "$name@$DEPLOYED_DIGEST" $plain <<<$'- name: api\n  newName: '"'$name'"
    deploy_kustomized digest "$name@$DEPLOYED_DIGEST" $plain \
      <<<"- {name: api, newName: $name, digest: 'sha256:$(printf '0%.0s' {1..64})'}"
    deploy_kustomized both "$name:1.4@$DEPLOYED_DIGEST" $tagged \
      <<<$'- name: api\n  newTag: v1.3\n  digest: sha256:'"$(printf '0%.0s' {1..64})"$'\n  newName: '"$name"
    deploy_kustomized kept "$name:1.4@$DEPLOYED_DIGEST" $tagged --keep-tag <<<$'- name: api\n  newTag: v1.3\n  newName: '"$name"
  }
}

check "manifests as libyaml reads them" deploy_judged
check "kustomize is built" deploy_install_kustomize
check "kustomizations as kustomize reads them" deploy_kustomizations
