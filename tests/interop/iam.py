#!/usr/bin/env python3
"""What IAM lets a role do is what it can do, by the words that AWS refuses with.

    tests/interop/iam.py CONSIGN
"""

import hashlib
import json

import boto3
import botocore.config

from harness import ACCOUNT, CONFIG, REGION, check, control, finish, job_token, refused, same, session, under_emulator

PUSH = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
    "ecr:BatchGetImage",
]
REPOSITORY = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/shop/api"


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions, resource="*", **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def web(subject):
    return policy(
        {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/${{emulator:issuer}}"},
            "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
            "Condition": {
                "StringEquals": {"${emulator:issuer}:aud": "sts.amazonaws.com"},
                "StringLike": {"${emulator:issuer}:sub": subject},
            },
        }
    )


def trusts(principal, **condition):
    return policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": principal},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": condition,
        }
    )


def role(name, trust, *statements, **more):
    return {"name": name, "trustPolicy": trust, "policies": {"inline": policy(*statements)}, **more}


ANY_JOB = web("repo:*")
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
DIRECTORY = {
    "accounts": {
        ACCOUNT: {
            "roles": [
                role("push", ANY_JOB, allow(PUSH, REPOSITORY)),
                *(
                    role(
                        "push-without-" + missing.removeprefix("ecr:"),
                        ANY_JOB,
                        allow([action for action in PUSH if action != missing], REPOSITORY),
                    )
                    for missing in PUSH
                ),
                role(
                    "denied",
                    ANY_JOB,
                    allow("ecr:*"),
                    {"Effect": "Deny", "Action": "ecr:PutImage", "Resource": "*"},
                ),
                role("acme", web("repo:acme/shop:ref:refs/heads/main"), allow("ecr:*")),
                role("ci", ANY_JOB, allow(["sts:AssumeRole", "sts:TagSession", "ecr:DescribeRepositories"])),
                role(
                    "deploy",
                    trusts(ROOT),
                    allow("ecr:*", "arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team}/*"),
                    allow("sts:*"),
                    maxSessionDuration=43200,
                ),
                role("partner", trusts("210987654321", StringEquals={"sts:ExternalId": "42"}), allow("ecr:*")),
                {
                    "name": "pull",
                    "trustPolicy": ANY_JOB,
                    "managedPolicies": ["arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"],
                },
            ]
        },
        "210987654321": {
            "users": [
                {
                    "name": "alice",
                    "policies": {"inline": policy(allow(["sts:AssumeRole", "ecr:*"]))},
                    "accessKeys": [{"id": "AKIAIOSFODNN7EXAMPLE", "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}],
                }
            ]
        },
    }
}

under_emulator(DIRECTORY)
UNSIGNED = boto3.client("sts", config=CONFIG.merge(botocore.config.Config(signature_version=botocore.UNSIGNED)))


def arn(name):
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def web_session(name, subject=None, **more):
    answer = UNSIGNED.assume_role_with_web_identity(
        RoleArn=arn(name), RoleSessionName="job", WebIdentityToken=job_token(subject=subject), **more
    )
    return session(answer["Credentials"])


def ecr(of):
    return of.client("ecr", config=CONFIG)


def sts(of):
    return of.client("sts", config=CONFIG)


ADMIN = ecr(boto3.Session())


def push(client, content, tag="1"):
    """A whole push, as a tool does it: what is there, what is missing, layers, image."""
    name = "shop/api"
    client.batch_get_image(repositoryName=name, imageIds=[{"imageTag": tag}])
    blobs = [content, b"{}"]
    digests = ["sha256:" + hashlib.sha256(blob).hexdigest() for blob in blobs]
    client.batch_check_layer_availability(repositoryName=name, layerDigests=digests)
    for blob, digest in zip(blobs, digests):
        upload = client.initiate_layer_upload(repositoryName=name)["uploadId"]
        client.upload_layer_part(
            repositoryName=name, uploadId=upload, partFirstByte=0, partLastByte=len(blob) - 1, layerPartBlob=blob
        )
        try:
            client.complete_layer_upload(repositoryName=name, uploadId=upload, layerDigests=[digest])
        except client.exceptions.LayerAlreadyExistsException:
            pass
    kind = "application/vnd.oci.image."
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind + "manifest.v1+json",
        "config": {"mediaType": kind + "config.v1+json", "digest": digests[1], "size": 2},
        "layers": [{"mediaType": kind + "layer.v1.tar+gzip", "digest": digests[0], "size": len(content)}],
    }
    client.put_image(repositoryName=name, imageTag=tag, imageManifest=json.dumps(manifest))


@check
def built_in():
    """iam: the built-in role may create a repository and push"""
    ADMIN.create_repository(repositoryName="shop/api")
    ADMIN.create_repository(repositoryName="other")
    push(ADMIN, b"built-in")


@check
def least_privilege():
    """iam: the least privileges of a push suffice for one"""
    push(ecr(web_session("push")), b"least privilege", "least")


for missing in PUSH:

    def without(missing=missing):
        name = "push-without-" + missing.removeprefix("ecr:")
        message = refused("AccessDeniedException", push, ecr(web_session(name)), b"x" + name.encode(), "without")
        same(
            "message",
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{name}/job is not authorized to perform: {missing} on "
            f"resource: {REPOSITORY} because no identity-based policy allows the {missing} action",
            message,
        )

    without.__doc__ = f"iam: a push without {missing} is denied, and the denial says so"
    check(without)


@check
def explicit():
    """iam: an explicit deny wins over an allow, and the denial says so"""
    message = refused("AccessDeniedException", push, ecr(web_session("denied")), b"denied", "denied")
    same(
        "message",
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/denied/job is not authorized to perform: ecr:PutImage on "
        f"resource: {REPOSITORY} with an explicit deny in an identity-based policy",
        message,
    )


@check
def other_repository():
    """iam: a permission on one repository is none on another"""
    client = ecr(web_session("push"))
    refused("AccessDeniedException", client.initiate_layer_upload, repositoryName="other")
    refused("AccessDeniedException", client.initiate_layer_upload, repositoryName="absent")
    refused("AccessDeniedException", client.get_authorization_token)
    refused("RepositoryNotFoundException", ADMIN.initiate_layer_upload, repositoryName="absent")


@check
def managed():
    """iam: AmazonEC2ContainerRegistryPullOnly pulls, and does not push"""
    client = ecr(web_session("pull"))
    client.get_authorization_token()
    same("failures", [], client.batch_get_image(repositoryName="shop/api", imageIds=[{"imageTag": "1"}])["failures"])
    refused("AccessDeniedException", client.initiate_layer_upload, repositoryName="shop/api")


@check
def trust():
    """sts: a trust policy lets in the jobs that it names, and no other"""
    web_session("acme", "repo:acme/shop:ref:refs/heads/main")
    for subject in ["repo:acme/shop:ref:refs/heads/feature", "repo:evil/shop:ref:refs/heads/main", None]:
        message = refused("AccessDenied", web_session, "acme", subject)
        same("message", "Not authorized to perform sts:AssumeRoleWithWebIdentity", message)
    same("message", "Not authorized to perform sts:AssumeRoleWithWebIdentity", refused("AccessDenied", web_session, "absent"))


@check
def session_policy():
    """sts: a session policy bounds what its session may do"""
    bounds = json.dumps(policy(allow("ecr:BatchGetImage")))
    client = ecr(web_session("push", Policy=bounds))
    client.batch_get_image(repositoryName="shop/api", imageIds=[{"imageTag": "1"}])
    message = refused("AccessDeniedException", client.initiate_layer_upload, repositoryName="shop/api")
    assert message.endswith("because no session policy allows the ecr:InitiateLayerUpload action"), message
    refused("MalformedPolicyDocument", web_session, "push", Policy="{}")


@check
def chain():
    """sts: a chain of roles lasts an hour at most, and its transitive tags go on"""
    ci = sts(web_session("ci"))
    tags = {"Tags": [{"Key": "team", "Value": "shop"}], "TransitiveTagKeys": ["team"]}
    answer = ci.assume_role(RoleArn=arn("deploy"), RoleSessionName="next", **tags)
    same("ARN", f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/next", answer["AssumedRoleUser"]["Arn"])
    assert answer["PackedPolicySize"] > 0
    deploy = session(answer["Credentials"])
    same("identity", answer["AssumedRoleUser"]["Arn"], sts(deploy).get_caller_identity()["Arn"])
    ecr(deploy).describe_images(repositoryName="shop/api")
    refused("AccessDeniedException", ecr(deploy).describe_images, repositoryName="other")
    again = session(sts(deploy).assume_role(RoleArn=arn("deploy"), RoleSessionName="again")["Credentials"])
    ecr(again).describe_images(repositoryName="shop/api")
    refused("InvalidParameterValue", sts(deploy).assume_role, RoleArn=arn("deploy"), RoleSessionName="again", **tags)
    message = refused("ValidationError", ci.assume_role, RoleArn=arn("deploy"), RoleSessionName="long", DurationSeconds=3601)
    same(
        "message",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        message,
    )
    message = refused("ValidationError", web_session, "ci", DurationSeconds=7200)
    same("message", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", message)


@check
def not_trusted():
    """sts: a role that does not trust answers as one that is not there"""
    ci = sts(web_session("ci"))
    for name in ["partner", "absent", "acme"]:
        same(
            "message",
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/ci/job is not authorized to perform: sts:AssumeRole on "
            f"resource: {arn(name)}",
            refused("AccessDenied", ci.assume_role, RoleArn=arn(name), RoleSessionName="next"),
        )


@check
def another_account():
    """sts: a user of another account comes in with the external id, and not without"""
    alice = boto3.Session(
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region_name=REGION,
    )
    same("account", "210987654321", sts(alice).get_caller_identity()["Account"])
    message = refused("AccessDeniedException", ecr(alice).describe_images, registryId=ACCOUNT, repositoryName="shop/api")
    assert message.endswith("because no resource-based policy allows the ecr:DescribeImages action"), message
    same("hers", [], ecr(alice).describe_repositories()["repositories"])
    call = {"RoleArn": arn("partner"), "RoleSessionName": "partner"}
    refused("AccessDenied", sts(alice).assume_role, **call)
    refused("AccessDenied", sts(alice).assume_role, ExternalId="41", **call)
    partner = session(sts(alice).assume_role(ExternalId="42", **call)["Credentials"])
    ecr(partner).describe_images(repositoryName="shop/api")


@check
def expiry():
    """sts: credentials run out when the clock is advanced, and new ones do not"""
    old = ecr(web_session("ci"))
    old.describe_repositories()
    control("clock", '{"advance": "61m"}')
    refused("ExpiredTokenException", old.describe_repositories)
    ecr(web_session("ci")).describe_repositories()
    control("clock", '{"set": "now"}')


finish()
