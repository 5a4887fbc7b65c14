# shellcheck shell=bash
set -euo pipefail
# What `consign image` and `consign replication` do is what the AWS CLI then finds, and the other way round.

# seen ARGUMENT…: asks the AWS CLI; its JSON is in $WORK/seen.
seen() {
  against main aws --output json "$@" >"$WORK/seen" 2>"$WORK/said" || fail "aws $*: $(cat "$WORK/said")"
}

# in_seen FILTER: of what the AWS CLI has said.
in_seen() {
  jq -r "$1" "$WORK/seen"
}

# done_ ARGUMENT…: runs consign; its JSON is in $WORK/done.
done_() {
  against main "$CONSIGN" "$@" --format json >"$WORK/done" 2>"$WORK/said" || fail "consign $*: $(cat "$WORK/said")"
}

tags_of() {
  seen ecr list-images --repository-name "$1" --filter tagStatus=TAGGED
  in_seen '[.imageIds[].imageTag] | sort | join(" ")'
}

images_pushed() {
  mkdir "$WORK/image-commands"
  echo one >"$WORK/image-commands/file"
  push "$WORK/image-commands" interop/images:1.4 --tag interop/images:latest --platform linux/amd64
  echo two >"$WORK/image-commands/file"
  push "$WORK/image-commands" interop/images:1.5 --platform linux/amd64,linux/arm64 >"$WORK/image-commands.digest"
}

# Every member that describe-images has, `image list` has with the same value; times are written in another way.
images_listed() {
  local members='{imageDigest, tags: (.imageTags // [] | sort), imageSizeInBytes, imageManifestMediaType,
    artifactMediaType, imageStatus, registryId, repositoryName, pushed: (.imagePushedAt | if type == "number" then floor | todate else . end | .[0:19])}'
  done_ image list interop/images
  seen ecr describe-images --repository-name interop/images
  same "images" "$(jq -cS "[.imageDetails[] | $members] | sort_by(.imageDigest)" "$WORK/seen")" \
    "$(jq -cS "[.imageDetails[] | $members] | sort_by(.imageDigest)" "$WORK/done")"
  same "untagged" "$(against main aws ecr list-images --repository-name interop/images \
    --filter tagStatus=UNTAGGED --output json | jq -r '[.imageIds[].imageDigest] | sort | join(" ")')" \
    "$(against main "$CONSIGN" image list interop/images --untagged --digests-only | sort | xargs)"
}

# Whoever lists does not pull: the AWS CLI finds the same times of pulls afterwards.
images_not_pulled() {
  local before
  seen ecr describe-images --repository-name interop/images
  before=$(in_seen '[.imageDetails[] | .lastRecordedPullTime // "never"] | sort | join(" ")')
  done_ image list interop/images --untagged --not-pulled-for 1d
  seen ecr describe-images --repository-name interop/images
  same "pulls" "$before" "$(in_seen '[.imageDetails[] | .lastRecordedPullTime // "never"] | sort | join(" ")')"
  [[ $before == *never* ]] || fail "every image was pulled, which proves nothing"
}

images_shown() {
  done_ image show interop/images:1.5
  seen ecr batch-get-image --repository-name interop/images --image-ids imageTag=1.5
  same "platforms" "$(in_seen '[.images[0].imageManifest | fromjson | .manifests[] | .platform.architecture] | join(" ")')" \
    "$(jq -r '[.manifests[].platform.architecture] | join(" ")' "$WORK/done")"
  seen ecr list-image-referrers --repository-name interop/images \
    --subject-id "imageDigest=$(cat "$WORK/image-commands.digest")"
  same "referrers" "$(in_seen '.referrers | length')" "$(jq -r '.referrers | length' "$WORK/done")"
}

images_tagged() {
  done_ image tag interop/images:1.4 stable prod
  same "tags" "1.4 1.5 latest prod stable" "$(tags_of interop/images)"
}

images_deleted() {
  local index
  index=$(cat "$WORK/image-commands.digest")
  done_ image delete interop/images stable prod --yes
  same "tags" "1.4 1.5 latest" "$(tags_of interop/images)"
  # The children of the index are refused for both in the same words.
  done_ image show "interop/images@$index"
  child=$(jq -r '.manifests[0].digest' "$WORK/done")
  seen ecr batch-delete-image --repository-name interop/images --image-ids "imageDigest=$child"
  same "code" ImageReferencedByManifestList "$(in_seen '.failures[0].failureCode')"
  fails_with 4 against main "$CONSIGN" image delete interop/images "$child" --yes
  says ImageReferencedByManifestList
  says "$index"
  done_ image delete interop/images:1.5 --with-children --yes
  same "deleted" 3 "$(jq '.deleted | length' "$WORK/done")"
  seen ecr describe-images --repository-name interop/images
  same "images" "1.4 latest" "$(in_seen '[.imageDetails[].imageTags[]] | sort | join(" ")')"
  # What somebody else has deleted is reported, and may be expected.
  seen ecr batch-delete-image --repository-name interop/images --image-ids imageTag=latest
  fails_with 4 against main "$CONSIGN" image delete interop/images latest --yes
  says ImageNotFound
  done_ image delete interop/images latest --yes --ignore-missing
}

# On a terminal it asks, and takes no for an answer.
images_asked() {
  command -v script >/dev/null || skip "there is no script(1)"
  local answer
  for answer in n y; do
    printf '%s\n' "$answer" |
      against main script -qec "$CONSIGN image delete interop/images:1.4" /dev/null >"$WORK/said" 2>&1 || true
    says "Delete 1 image ("
    seen ecr list-images --repository-name interop/images
    same "images after $answer" "$([[ $answer == n ]] && echo 1 || echo 0)" "$(in_seen '.imageIds | length')"
  done
}

# The registry has one list of rules for all tests, so it is emptied at the end.
replication_set() {
  local other='{"rules":[{"destinations":[{"region":"us-west-2","registryId":"123456789012"}],
    "repositoryFilters":[{"filter":"others/","filterType":"PREFIX_MATCH"}]}]}'
  seen ecr put-replication-configuration --replication-configuration "$other"
  done_ replication set --prefix interop/ --to eu-west-1
  seen ecr describe-registry
  same "rules" "others/ us-west-2, interop/ eu-west-1" "$(in_seen '[.replicationConfiguration.rules[]
    | "\(.repositoryFilters[0].filter) \(.destinations[0].region)"] | join(", ")')"
  done_ replication show
  same "the same document" "$(jq -cS .replicationConfiguration "$WORK/seen")" "$(jq -cS .replicationConfiguration "$WORK/done")"
  # What `show` prints, the AWS CLI takes.
  jq .replicationConfiguration "$WORK/done" >"$WORK/rules.json"
  seen ecr put-replication-configuration --replication-configuration "file://$WORK/rules.json"
}

replication_waited() {
  local image
  echo three >"$WORK/image-commands/file"
  image=$(against main "$CONSIGN" build "$WORK/image-commands" --tag interop/images:1.6 --push \
    --platform linux/amd64,linux/arm64 --wait-replication eu-west-1)
  seen ecr describe-images --region eu-west-1 --repository-name interop/images --image-ids imageTag=1.6
  same "the image there" "${image#*@}" "$(in_seen '.imageDetails[0].imageDigest')"
  done_ replication status interop/images:1.6
  seen ecr describe-image-replication-status --repository-name interop/images --image-id imageTag=1.6
  same "status" "$(jq -cS .replicationStatuses "$WORK/seen")" "$(jq -cS '.images[0].replicationStatuses' "$WORK/done")"
}

replication_removed() {
  fails_with 2 against main "$CONSIGN" replication set --prefix others/ --to us-west-2 --remove
  says "Stop replicating others/*"
  done_ replication set --prefix others/ --to us-west-2 --remove --yes
  seen ecr describe-registry
  same "rules" interop/ "$(in_seen '[.replicationConfiguration.rules[].repositoryFilters[0].filter] | join(" ")')"
  done_ replication set --to eu-west-1 --remove --yes
  seen ecr describe-registry
  same "rules" 0 "$(in_seen '.replicationConfiguration.rules | length')"
}

check "image: an image and an index" images_pushed
check "image list has what describe-images has" images_listed
check "image list is no pull" images_not_pulled
check "image show has the platforms and the referrers" images_shown
check "image tag: the AWS CLI finds the tags" images_tagged
check "image delete: the AWS CLI finds what is left" images_deleted
check "image delete asks on a terminal" images_asked
check "replication set keeps the rules of others" replication_set
check "build --wait-replication: the image is there" replication_waited
check "replication set --remove" replication_removed
