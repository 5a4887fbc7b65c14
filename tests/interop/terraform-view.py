#!/usr/bin/env python3
"""Terraform's view: what its AWS provider sets is what it reads, so that a second plan has nothing to do.

    tests/interop/terraform-view.py CONSIGN

Terraform's provider is too large for a test, so the calls that it makes are made here with boto3, resource by
resource: create, read, update, read, delete, read. What is read is brought into the form in which the provider
keeps it, and compared with what was set. After the resources of hashicorp/terraform-provider-aws,
`internal/service/ecr`.
"""

import json

import boto3

from harness import ACCOUNT, CONFIG, REGION, check, finish, refused, same, under_emulator

under_emulator()
ECR = boto3.client("ecr", config=CONFIG)


def equivalent(what, expected, found):
    """As the provider compares policies: as JSON, not as text."""
    same(what, json.loads(expected), json.loads(found))


class Repository:
    """aws_ecr_repository"""

    @staticmethod
    def create(name, settings):
        parameters = {
            "repositoryName": name,
            "encryptionConfiguration": settings["encryption_configuration"],
            "imageTagMutability": settings["image_tag_mutability"],
            "imageScanningConfiguration": {"scanOnPush": settings["scan_on_push"]},
        }
        if settings["exclusion_filters"]:
            parameters["imageTagMutabilityExclusionFilters"] = Repository.filters(settings)
        if settings["tags"]:
            parameters["tags"] = Repository.tags(settings["tags"])
        created = ECR.create_repository(**parameters)["repository"]
        # The provider takes the id from the answer, and the rest from a read.
        same("name", name, created["repositoryName"])
        return created

    @staticmethod
    def filters(settings):
        return [{"filterType": "WILDCARD", "filter": text} for text in settings["exclusion_filters"]]

    @staticmethod
    def tags(tags):
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    @staticmethod
    def read(name):
        (found,) = ECR.describe_repositories(repositoryNames=[name])["repositories"]
        same("registry", ACCOUNT, found["registryId"])
        same("ARN", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}", found["repositoryArn"])
        assert found["repositoryUri"].endswith("/" + name), found["repositoryUri"]
        tags = ECR.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
        filters = found.get("imageTagMutabilityExclusionFilters", [])
        assert all(each["filterType"] == "WILDCARD" for each in filters), filters
        return {
            "encryption_configuration": found["encryptionConfiguration"],
            "image_tag_mutability": found["imageTagMutability"],
            "exclusion_filters": sorted(each["filter"] for each in filters),
            "scan_on_push": found["imageScanningConfiguration"]["scanOnPush"],
            "tags": {tag["Key"]: tag["Value"] for tag in tags},
        }

    @staticmethod
    def update(name, old, new):
        arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"
        mutability = ("image_tag_mutability", "exclusion_filters")
        if any(old[key] != new[key] for key in mutability):
            parameters = {"imageTagMutability": new["image_tag_mutability"]}
            if new["exclusion_filters"]:
                parameters["imageTagMutabilityExclusionFilters"] = Repository.filters(new)
            ECR.put_image_tag_mutability(registryId=ACCOUNT, repositoryName=name, **parameters)
        if old["scan_on_push"] != new["scan_on_push"]:
            ECR.put_image_scanning_configuration(
                registryId=ACCOUNT,
                repositoryName=name,
                imageScanningConfiguration={"scanOnPush": new["scan_on_push"]},
            )
        removed = [key for key in old["tags"] if key not in new["tags"]]
        changed = {key: value for key, value in new["tags"].items() if old["tags"].get(key) != value}
        if removed:
            ECR.untag_resource(resourceArn=arn, tagKeys=removed)
        if changed:
            ECR.tag_resource(resourceArn=arn, tags=Repository.tags(changed))

    @staticmethod
    def delete(name):
        ECR.delete_repository(registryId=ACCOUNT, repositoryName=name, force=True)
        refused("RepositoryNotFoundException", ECR.describe_repositories, repositoryNames=[name])


def settings(**changes):
    return {
        "encryption_configuration": {"encryptionType": "AES256"},
        "image_tag_mutability": "MUTABLE",
        "exclusion_filters": [],
        "scan_on_push": False,
        "tags": {},
        **changes,
    }


@check
def defaults():
    """terraform: aws_ecr_repository with nothing but a name"""
    Repository.create("tf/defaults", settings())
    same("read", settings(), Repository.read("tf/defaults"))
    Repository.delete("tf/defaults")


@check
def everything():
    """terraform: aws_ecr_repository with every argument, changed step by step"""
    name = "tf/everything"
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    encryption = {"encryptionType": "KMS", "kmsKey": key}
    steps = [
        settings(
            encryption_configuration=encryption,
            image_tag_mutability="IMMUTABLE_WITH_EXCLUSION",
            exclusion_filters=["dev-*", "latest"],
            scan_on_push=True,
            tags={"team": "shop", "empty": "", "cost": "1"},
        )
    ]
    for change in [
        {"exclusion_filters": ["dev-*"]},
        {"image_tag_mutability": "MUTABLE_WITH_EXCLUSION"},
        {"image_tag_mutability": "IMMUTABLE", "exclusion_filters": []},
        {"scan_on_push": False},
        {"tags": {"team": "api", "new": "ü + @:/=._-"}},
        {"image_tag_mutability": "MUTABLE", "tags": {}},
    ]:
        steps.append({**steps[-1], **change})
    Repository.create(name, steps[0])
    same("read", steps[0], Repository.read(name))
    for old, new in zip(steps, steps[1:]):
        Repository.update(name, old, new)
        same("read", new, Repository.read(name))
    Repository.delete(name)


@check
def default_key():
    """terraform: aws_ecr_repository with KMS and no key keeps the key that it got"""
    Repository.create("tf/kms", settings(encryption_configuration={"encryptionType": "KMS"}))
    first = Repository.read("tf/kms")["encryption_configuration"]
    assert first["kmsKey"].startswith(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/"), first
    same("again", first, Repository.read("tf/kms")["encryption_configuration"])
    Repository.delete("tf/kms")


LIFECYCLE = [
    {
        "rules": [
            {
                "rulePriority": 1,
                "description": "Keep the last 10",
                "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10},
                "action": {"type": "expire"},
            }
        ]
    },
    {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {
                    "tagStatus": "tagged",
                    "tagPatternList": ["prod*"],
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": 30,
                },
                "action": {"type": "expire"},
            },
            {
                "rulePriority": 2,
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": 1,
                },
                "action": {"type": "expire"},
            },
        ]
    },
]


@check
def lifecycle():
    """terraform: aws_ecr_lifecycle_policy"""
    name = "tf/lifecycle"
    Repository.create(name, settings())
    for policy in LIFECYCLE:
        text = json.dumps(policy)
        put = ECR.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
        same("repository", name, put["repositoryName"])
        same("registry", ACCOUNT, put["registryId"])
        found = ECR.get_lifecycle_policy(repositoryName=name)
        same("repository", name, found["repositoryName"])
        same("registry", ACCOUNT, found["registryId"])
        equivalent("policy", text, found["lifecyclePolicyText"])
    ECR.delete_lifecycle_policy(registryId=ACCOUNT, repositoryName=name)
    refused("LifecyclePolicyNotFoundException", ECR.get_lifecycle_policy, repositoryName=name)
    refused("LifecyclePolicyNotFoundException", ECR.delete_lifecycle_policy, repositoryName=name)
    Repository.delete(name)
    refused("RepositoryNotFoundException", ECR.get_lifecycle_policy, repositoryName=name)


def repository_policy(*actions):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "partners",
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
                    "Action": list(actions),
                }
            ],
        }
    )


@check
def policies():
    """terraform: aws_ecr_repository_policy"""
    name = "tf/policy"
    Repository.create(name, settings())
    for text in [
        repository_policy("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        repository_policy("ecr:BatchGetImage"),
    ]:
        put = ECR.set_repository_policy(repositoryName=name, policyText=text)
        same("repository", name, put["repositoryName"])
        same("registry", ACCOUNT, put["registryId"])
        equivalent("policy", text, ECR.get_repository_policy(repositoryName=name)["policyText"])
    ECR.delete_repository_policy(registryId=ACCOUNT, repositoryName=name)
    refused("RepositoryPolicyNotFoundException", ECR.get_repository_policy, repositoryName=name)
    refused("RepositoryPolicyNotFoundException", ECR.delete_repository_policy, repositoryName=name)
    refused("InvalidParameterException", ECR.set_repository_policy, repositoryName=name, policyText="{}")
    Repository.delete(name)


@check
def replication():
    """terraform: aws_ecr_replication_configuration"""
    west = {"region": "us-west-2", "registryId": ACCOUNT}
    partner = {"region": "eu-west-1", "registryId": "210987654321"}
    prefix = {"filter": "prod-", "filterType": "PREFIX_MATCH"}
    for rules in [
        [{"destinations": [west]}],
        [{"destinations": [west, partner], "repositoryFilters": [prefix]}],
        [{"destinations": [partner]}, {"destinations": [west], "repositoryFilters": [prefix]}],
    ]:
        ECR.put_replication_configuration(replicationConfiguration={"rules": rules})
        found = ECR.describe_registry()
        same("registry", ACCOUNT, found["registryId"])
        read = found["replicationConfiguration"]["rules"]
        # No filters may be read as an empty list; the provider keeps both in the same way.
        same("rules", rules, [{key: value for key, value in rule.items() if value} for rule in read])
    ECR.put_replication_configuration(replicationConfiguration={"rules": []})
    same("rules", [], ECR.describe_registry()["replicationConfiguration"]["rules"])


@check
def scanning():
    """terraform: aws_ecr_registry_scanning_configuration"""

    def rule(frequency, *filters):
        wildcards = [{"filter": text, "filterType": "WILDCARD"} for text in filters]
        return {"scanFrequency": frequency, "repositoryFilters": wildcards}

    def ordered(rules):
        return sorted(rules, key=lambda each: each["scanFrequency"])

    for kind, rules in [
        ("BASIC", [rule("SCAN_ON_PUSH", "*")]),
        ("ENHANCED", [rule("SCAN_ON_PUSH", "*"), rule("CONTINUOUS_SCAN", "prod", "example")]),
        ("BASIC", []),
    ]:
        ECR.put_registry_scanning_configuration(scanType=kind, rules=rules)
        found = ECR.get_registry_scanning_configuration()
        same("registry", ACCOUNT, found["registryId"])
        same("type", kind, found["scanningConfiguration"]["scanType"])
        same("rules", ordered(rules), ordered(found["scanningConfiguration"]["rules"]))


@check
def registry_policy():
    """terraform: aws_ecr_registry_policy"""
    text = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "replication",
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
                    "Action": ["ecr:CreateRepository", "ecr:ReplicateImage"],
                    "Resource": [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/*"],
                }
            ],
        }
    )
    same("registry", ACCOUNT, ECR.put_registry_policy(policyText=text)["registryId"])
    equivalent("policy", text, ECR.get_registry_policy()["policyText"])
    ECR.delete_registry_policy()
    refused("RegistryPolicyNotFoundException", ECR.get_registry_policy)


@check
def data_sources():
    """terraform: the data sources aws_ecr_authorization_token and aws_ecr_repository"""
    (data,) = ECR.get_authorization_token(registryIds=[ACCOUNT])["authorizationData"]
    assert data["proxyEndpoint"].startswith("http") and data["authorizationToken"], data
    Repository.create("tf/data", settings())
    same("read", settings(), Repository.read("tf/data"))
    same("images", [], ECR.describe_images(registryId=ACCOUNT, repositoryName="tf/data")["imageDetails"])
    Repository.delete("tf/data")


finish()
