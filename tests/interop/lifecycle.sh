# shellcheck shell=bash
set -euo pipefail
# What `consign lifecycle` sets is what the AWS CLI reads, and the other way round; both see the same images go.

LIFECYCLE=$WORK/lifecycle
mkdir -p "$LIFECYCLE/tree"

# lifecycle_aws ARGUMENT…: of the AWS CLI; the answer is in $WORK/answer.
lifecycle_aws() {
  against main aws --output json ecr "$@" --repository-name interop/lifecycle >"$WORK/answer"
}

lifecycle_pushed() {
  local number
  for number in 1 2 3 4; do
    echo "$number" >"$LIFECYCLE/tree/file"
    push "$LIFECYCLE/tree" "interop/lifecycle:1.$number" >"$LIFECYCLE/$number.digest"
  done
}

lifecycle_set() {
  against main "$CONSIGN" lifecycle set interop/lifecycle --keep-last 2 --yes
  lifecycle_aws get-lifecycle-policy
  same "rule" "any imageCountMoreThan 2 expire" "$(jq -r '.lifecyclePolicyText | fromjson | .rules[0]
    | "\(.selection.tagStatus) \(.selection.countType) \(.selection.countNumber) \(.action.type)"' "$WORK/answer")"
}

# The images that the AWS CLI's preview names are those of both of consign's.
lifecycle_preview() {
  lifecycle_aws start-lifecycle-policy-preview
  lifecycle_aws get-lifecycle-policy-preview
  jq -r '.previewResults[].imageDigest' "$WORK/answer" | sort >"$LIFECYCLE/aws"
  same "images" "$(sort "$LIFECYCLE/1.digest" "$LIFECYCLE/2.digest")" "$(cat "$LIFECYCLE/aws")"
  lifecycle_aws describe-images
  cp "$WORK/answer" "$LIFECYCLE/images.json"
  against main "$CONSIGN" lifecycle preview interop/lifecycle --format json >"$LIFECYCLE/online"
  against main "$CONSIGN" lifecycle show interop/lifecycle >"$LIFECYCLE/policy.json"
  "$CONSIGN" lifecycle preview --file "$LIFECYCLE/policy.json" --images "$LIFECYCLE/images.json" --format json \
    >"$LIFECYCLE/offline"
  local name
  for name in online offline; do
    same "$name" "$(cat "$LIFECYCLE/aws")" "$(jq -r '.images[].imageDigest' "$LIFECYCLE/$name" | sort)"
  done
  same "bytes" "$(jq '[.imageDetails[] | select(.imageTags | any(. == "1.1" or . == "1.2")) | .imageSizeInBytes] | add' \
    "$LIFECYCLE/images.json")" "$(jq .summary.expire.bytes "$LIFECYCLE/offline")"
}

# What the AWS CLI has set is shown, checked and previewed; the CLI of a list with an older format is read too.
lifecycle_of_aws() {
  cat >"$LIFECYCLE/other.json" <<'JSON'
{ "rules": [
  { "rulePriority": 1, "description": "releases", "action": { "type": "expire" },
    "selection": { "tagStatus": "tagged", "tagPatternList": ["1.*"], "countType": "imageCountMoreThan", "countNumber": 3 } },
  { "rulePriority": 2, "description": "the rest", "action": { "type": "expire" },
    "selection": { "tagStatus": "tagged", "tagPrefixList": ["1.4"], "countType": "imageCountMoreThan", "countNumber": 1 } }
] }
JSON
  lifecycle_aws put-lifecycle-policy --lifecycle-policy-text "file://$LIFECYCLE/other.json"
  against main "$CONSIGN" lifecycle show interop/lifecycle --format json >"$WORK/answer"
  same "policy" "$(jq -S . "$LIFECYCLE/other.json")" "$(jq -S .policy "$WORK/answer")"
  fails_with 6 against main "$CONSIGN" lifecycle check --repository interop/lifecycle --strict
  says NeverMatches
  against main "$CONSIGN" lifecycle set interop/lifecycle --file "$LIFECYCLE/other.json" --yes --format json >"$WORK/answer"
  same "changed" false "$(jq .changed "$WORK/answer")"
  fails_with 6 against main "$CONSIGN" lifecycle preview interop/lifecycle --deployed 1.1
  says "rule 1 would expire"
}

# What consign refuses, the service refuses as well.
lifecycle_refused() {
  sed 's/"1.4"/""/' "$LIFECYCLE/other.json" >"$LIFECYCLE/wrong.json"
  fails_with 2 "$CONSIGN" lifecycle check "$LIFECYCLE/wrong.json"
  says "has an empty entry"
  fails_with 255 against main aws ecr put-lifecycle-policy --repository-name interop/lifecycle \
    --lifecycle-policy-text "file://$LIFECYCLE/wrong.json"
  says InvalidParameterException
}

lifecycle_deleted() {
  against main "$CONSIGN" lifecycle delete interop/lifecycle
  fails_with 255 against main aws ecr get-lifecycle-policy --repository-name interop/lifecycle
  says LifecyclePolicyNotFoundException
  against main "$CONSIGN" lifecycle delete interop/lifecycle
}

check "lifecycle: four images" lifecycle_pushed
check "lifecycle: a policy that consign sets" lifecycle_set
check "lifecycle: three previews name the same images" lifecycle_preview
check "lifecycle: a policy that the AWS CLI sets" lifecycle_of_aws
check "lifecycle: what is refused" lifecycle_refused
check "lifecycle: a policy that consign takes away" lifecycle_deleted
