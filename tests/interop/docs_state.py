"""What is in a registry, as far as two ways of doing the same leave the same behind."""

import difflib
import json

import boto3


def clients(environment):
    """Clients for the private and the public API of the emulator that `environment` leads to."""
    token = open(environment["AWS_WEB_IDENTITY_TOKEN_FILE"], encoding="utf-8").read().strip()
    sts = boto3.client("sts", endpoint_url=environment["AWS_ENDPOINT_URL_STS"], region_name=environment["AWS_REGION"])
    role = environment["AWS_ROLE_ARN"]
    answer = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="docs", WebIdentityToken=token)
    keys = answer["Credentials"]
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    private = session.client("ecr", endpoint_url=environment["AWS_ENDPOINT_URL_ECR"], region_name=environment["AWS_REGION"])
    public = session.client("ecr-public", endpoint_url=environment["AWS_ENDPOINT_URL_ECR_PUBLIC"], region_name="us-east-1")
    return private, public


def pages(client, operation, key, **parameters):
    return [item for page in client.get_paginator(operation).paginate(**parameters) for item in page[key]]


def text_or_none(client, operation, member, missing, repository):
    try:
        return json.loads(getattr(client, operation)(repositoryName=repository)[member])
    except client.exceptions.from_code(missing):
        return None


def without_descriptions(policy):
    """A lifecycle policy without the words that it has for people."""
    if policy is None:
        return None
    return [{key: value for key, value in rule.items() if key != "description"} for rule in policy["rules"]]


def state(environment):
    """Repositories with their settings, their tags, policies and rules. Digests differ: Docker packs otherwise."""
    private, public = clients(environment)
    repositories = {}
    for found in pages(private, "describe_repositories", "repositories"):
        name = found["repositoryName"]
        images = pages(private, "describe_images", "imageDetails", repositoryName=name)
        repositories[name] = {
            "mutability": found["imageTagMutability"],
            "exclusions": found.get("imageTagMutabilityExclusionFilters"),
            "scanning": found["imageScanningConfiguration"],
            "encryption": found["encryptionConfiguration"],
            "tags": sorted(
                private.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"], key=lambda tag: tag["Key"]
            ),
            "images": sorted(sorted(image.get("imageTags", [])) for image in images),
            "policy": text_or_none(private, "get_repository_policy", "policyText", "RepositoryPolicyNotFoundException", name),
            "lifecycle": without_descriptions(
                text_or_none(private, "get_lifecycle_policy", "lifecyclePolicyText", "LifecyclePolicyNotFoundException", name)
            ),
        }
    in_public = [found["repositoryName"] for found in pages(public, "describe_repositories", "repositories")]
    replication = private.describe_registry()["replicationConfiguration"]
    return {"repositories": repositories, "public": sorted(in_public), "replication": replication}


def difference(one, other):
    lines = [json.dumps(state, indent=1, sort_keys=True, default=str).splitlines() for state in (one, other)]
    return "\n".join(difflib.unified_diff(*lines, "AWS CLI", "consign", lineterm=""))
