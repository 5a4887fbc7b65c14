# shellcheck shell=bash
set -euo pipefail
# What `consign repo` sets is what the AWS CLI reads, and what the AWS CLI has set is what `consign repo` sees.

REPO=$WORK/repo
mkdir -p "$REPO"

repo_consign() {
  (cd "$REPO" && against main "$CONSIGN" repo "$@")
}

# repo_aws ARGUMENT…: its JSON is in $REPO/answer.
repo_aws() {
  against main aws --region us-east-1 --output json "$@" >"$REPO/answer" 2>"$WORK/said" ||
    fail "aws $*: $(cat "$WORK/said")"
  cat "$REPO/answer"
}

repo_answer() {
  jq -r "$1" "$REPO/answer"
}

# repo_reads NAME EXPECTED: what describe-repositories says of the settings.
repo_reads() {
  repo_aws ecr describe-repositories --repository-names "$1"
  same "settings" "$2" "$(repo_answer '.repositories[0] | [.imageTagMutability,
    ([.imageTagMutabilityExclusionFilters[]?.filter] | join(",")), .imageScanningConfiguration.scanOnPush,
    .encryptionConfiguration.encryptionType, .encryptionConfiguration.kmsKey] | map(tostring) | join(" ")')"
}

repo_files() {
  cat >"$REPO/lifecycle.json" <<'JSON'
{ "rules": [{ "rulePriority": 1, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10 },
  "action": { "type": "expire" } }] }
JSON
  cat >"$REPO/policy.json" <<'JSON'
{ "Version": "2012-10-17", "Statement": [{ "Sid": "Pull", "Effect": "Allow",
  "Principal": { "AWS": "arn:aws:iam::210987654321:root" }, "Action": "ecr:BatchGetImage" }] }
JSON
  cat >"$REPO/consign.yaml" <<'YAML'
apiVersion: consign/v1
repository:
  name: interop/repo-applied
  tagMutability: MUTABLE_WITH_EXCLUSION
  tagMutabilityExclusions: ["v*", release]
  scanOnPush: true
  encryption: { type: KMS, key: alias/ecr }
  lifecycle: lifecycle.json
  policy: policy.json
  tags: { team: shop, cost: 1 }
YAML
}

repo_created() {
  repo_consign create interop/repo-plain
  repo_reads interop/repo-plain "MUTABLE  false AES256 null"
  repo_consign create interop/repo --tag-mutability IMMUTABLE_WITH_EXCLUSION --tag-mutability-exclusion latest \
    --scan-on-push --encryption KMS --kms-key alias/ecr --resource-tag team=shop --lifecycle lifecycle.json \
    --policy policy.json
  repo_reads interop/repo "IMMUTABLE_WITH_EXCLUSION latest true KMS alias/ecr"
  repo_aws ecr get-lifecycle-policy --repository-name interop/repo
  same "rules" 1 "$(repo_answer '.lifecyclePolicyText | fromjson | .rules | length')"
  repo_aws ecr get-repository-policy --repository-name interop/repo
  same "statement" Pull "$(repo_answer '.policyText | fromjson | .Statement[0].Sid')"
  repo_aws ecr list-tags-for-resource --resource-arn arn:aws:ecr:us-east-1:123456789012:repository/interop/repo
  same "tags" "team=shop" "$(repo_answer '.tags | map("\(.Key)=\(.Value)") | join(" ")')"
}

# The lists and the policy are those that the CLI shows.
repo_listed() {
  repo_aws ecr describe-repositories
  same "names" "$(repo_answer '[.repositories[].repositoryName] | sort | join(" ")')" \
    "$(repo_consign list --format json | jq -r '[.repositories[].repositoryName] | sort | join(" ")')"
  repo_aws ecr describe-repositories --repository-names interop/repo
  # Times are written in another way by each.
  same "repository" "$(repo_answer '.repositories[0] | del(.createdAt) | tojson')" \
    "$(repo_consign show interop/repo --format json | jq -r '.repository | del(.createdAt) | {repositoryArn, registryId,
      repositoryName, repositoryUri, imageTagMutability, imageTagMutabilityExclusionFilters, imageScanningConfiguration,
      encryptionConfiguration} | tojson')"
  repo_aws ecr get-repository-policy --repository-name interop/repo
  same "policy" "$(repo_answer '.policyText | fromjson | tojson')" \
    "$(repo_consign policy get interop/repo | jq --compact-output .)"
}

repo_policy() {
  sed s/BatchGetImage/PutImage/ "$REPO/policy.json" | repo_consign policy set interop/repo -
  repo_aws ecr get-repository-policy --repository-name interop/repo
  same "action" ecr:PutImage "$(repo_answer '.policyText | fromjson | .Statement[0].Action')"
  repo_consign policy delete interop/repo --yes
  fails_with 255 against main aws ecr get-repository-policy --repository-name interop/repo
  says RepositoryPolicyNotFoundException
}

repo_applied() {
  fails_with 6 repo_consign apply --dry-run
  fails_with 255 against main aws ecr describe-repositories --repository-names interop/repo-applied
  repo_consign apply
  repo_reads interop/repo-applied "MUTABLE_WITH_EXCLUSION v*,release true KMS alias/ecr"
  repo_aws ecr list-tags-for-resource --resource-arn \
    arn:aws:ecr:us-east-1:123456789012:repository/interop/repo-applied
  same "tags" "cost=1 team=shop" "$(repo_answer '.tags | map("\(.Key)=\(.Value)") | sort | join(" ")')"
  repo_consign apply --dry-run

  # What others change is seen, and set right, and nothing else.
  repo_aws ecr put-image-tag-mutability --repository-name interop/repo-applied --image-tag-mutability MUTABLE
  repo_aws ecr delete-lifecycle-policy --repository-name interop/repo-applied
  same "changes" "tagMutability lifecycle" \
    "$(repo_consign apply --format json | jq -r '[.changes[].setting] | join(" ")')"
  repo_reads interop/repo-applied "MUTABLE_WITH_EXCLUSION v*,release true KMS alias/ecr"
  repo_aws ecr get-lifecycle-policy --repository-name interop/repo-applied
}

# All settings made by the CLI, in its own order and writing: nothing is to be changed.
repo_made_by_aws() {
  local arn=arn:aws:ecr:us-east-1:123456789012:repository/interop/repo-aws
  repo_aws ecr create-repository --repository-name interop/repo-aws --image-tag-mutability MUTABLE_WITH_EXCLUSION \
    --image-tag-mutability-exclusion-filters filterType=WILDCARD,filter=release 'filterType=WILDCARD,filter=v*' \
    --image-scanning-configuration scanOnPush=true --encryption-configuration encryptionType=KMS,kmsKey=alias/ecr \
    --tags Key=cost,Value=1 Key=other,Value=2
  repo_aws ecr put-lifecycle-policy --repository-name interop/repo-aws --lifecycle-policy-text \
    "$(jq --compact-output --sort-keys . "$REPO/lifecycle.json")"
  repo_aws ecr set-repository-policy --repository-name interop/repo-aws --policy-text \
    "$(jq --compact-output --sort-keys '.Statement = .Statement[0] | .Statement.Action = [.Statement.Action]' "$REPO/policy.json")"
  repo_aws ecr tag-resource --resource-arn "$arn" --tags Key=team,Value=shop
  repo_consign apply interop/repo-aws --dry-run
  # But for a tag that is not in the file, if that matters.
  fails_with 6 repo_consign apply interop/repo-aws --dry-run --prune-tags
  repo_consign apply interop/repo-aws --prune-tags --yes
  repo_aws ecr list-tags-for-resource --resource-arn "$arn"
  same "tags" "cost team" "$(repo_answer '[.tags[].Key] | sort | join(" ")')"
}

repo_deleted() {
  mkdir -p "$REPO/tree"
  echo one >"$REPO/tree/file"
  push "$REPO/tree" interop/repo:1
  fails_with 4 repo_consign delete interop/repo --yes
  says "1 image with 1 tag"
  repo_aws ecr describe-repositories --repository-names interop/repo
  repo_consign delete interop/repo --force --yes
  fails_with 255 against main aws ecr describe-repositories --repository-names interop/repo
  says RepositoryNotFoundException
}

repo_public() {
  local alias name
  printf 'not really a picture' >"$REPO/logo.png"
  repo_consign create interop/public --public --resource-tag team=shop
  repo_aws ecr-public describe-registries
  alias=$(repo_answer '.registries[0].aliases[0].name')
  name=public.ecr.aws/$alias/interop/public
  printf '%s\n' 'apiVersion: consign/v1' 'repository:' "  name: $name" '  catalog:' '    description: A shop' \
    '    usageText: Pull it.' '    operatingSystems: [Linux]' '    logo: logo.png' >"$REPO/public.yaml"
  repo_consign apply -f public.yaml
  repo_consign apply -f public.yaml --dry-run
  repo_aws ecr-public get-repository-catalog-data --repository-name interop/public
  same "description" "A shop" "$(repo_answer .catalogData.description)"
  same "usage" "Pull it." "$(repo_answer .catalogData.usageText)"
  same "systems" Linux "$(repo_answer '.catalogData.operatingSystems | join(" ")')"
  [[ $(repo_answer .catalogData.logoUrl) == http* ]] || fail "there is no logo"
  sed 's/ecr:/ecr-public:/' "$REPO/policy.json" | repo_consign policy set "$name" -
  repo_aws ecr-public get-repository-policy --repository-name interop/public
  same "action" ecr-public:BatchGetImage "$(repo_answer '.policyText | fromjson | .Statement[0].Action')"
  repo_aws ecr-public put-repository-catalog-data --repository-name interop/public --catalog-data \
    '{"description":"Another","usageText":"Pull it.","operatingSystems":["Linux"]}'
  same "changes" "description,logo" "$(repo_consign apply -f public.yaml --dry-run | sed 's/.*catalog: //; s/, /,/' || true)"
  repo_consign delete "$name" --yes
  repo_aws ecr-public describe-repositories
  same "repositories" 0 "$(repo_answer '[.repositories[] | select(.repositoryName == "interop/public")] | length')"
}

repo_files
check "repo: create, read by the AWS CLI" repo_created
check "repo: list, show and policy get say what the AWS CLI says" repo_listed
check "repo: policy set and delete" repo_policy
check "repo: apply, and what others have changed" repo_applied
check "repo: a repository that the AWS CLI has made is as the file says" repo_made_by_aws
check "repo: delete" repo_deleted
check "repo: ECR Public and its catalog" repo_public
