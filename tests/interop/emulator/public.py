#!/usr/bin/env python3
"""All 23 operations of ECR Public with boto3: every answer against botocore's model (types, required members, ranges,
unknown keys), every error among those that the model lists for its operation.

    public.py BINARY        needs boto3
"""

import json
import os
import urllib.request

import boto3
import botocore.exceptions
from botocore.config import Config
from botocore.validate import ParamValidator
from common import Emulator, binary, check, digest, finish, manifest, same

COMMON = {"SerializationException", "UnknownOperationException", "ExpiredTokenException"}
seen, wrong = {}, []


def judge(parsed, model, http_response, **_):
    code = (parsed.get("Error") or {}).get("Code")
    seen.setdefault(model.name, set()).add(code or "ok")
    if code:
        if code not in {shape.name for shape in model.error_shapes} | COMMON:
            wrong.append((model.name, code))
        return
    body = {key: value for key, value in parsed.items() if key != "ResponseMetadata"}
    report = ParamValidator().validate(body, model.output_shape)
    if report.has_errors():
        wrong.append((model.name, report.generate_report()))

    def walk(value, shape, path):
        if shape.type_name == "structure":
            for key, inner in value.items():
                if key in shape.members:
                    walk(inner, shape.members[key], f"{path}.{key}")
                else:
                    wrong.append((model.name, "unknown key", f"{path}.{key}"))
        elif shape.type_name == "list":
            for inner in value:
                walk(inner, shape.member, path + "[]")

    if model.output_shape is not None:
        walk(json.loads(http_response.content), model.output_shape, model.name)


def client(region="us-east-1"):
    made = boto3.client("ecr-public", region_name=region, config=Config(retries={"max_attempts": 0}))
    made.meta.events.register("after-call", judge)
    return made


def code(function, **arguments):
    try:
        function(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "ok"


emulator = Emulator(binary())
ecr = client()
NAME, CONFIG, LAYER = "tools/app", b'{"architecture":"amd64","os":"linux"}', os.urandom(2000)
ARN = "arn:aws:ecr-public::123456789012:repository/tools/app"


def push(data):
    upload = ecr.initiate_layer_upload(repositoryName=NAME)
    same(upload["partSize"], 10_485_760)
    ecr.upload_layer_part(
        repositoryName=NAME, uploadId=upload["uploadId"], partFirstByte=0, partLastByte=len(data) - 1,
        layerPartBlob=data,
    )
    done = {"repositoryName": NAME, "uploadId": upload["uploadId"], "layerDigests": [digest(data)]}
    return code(ecr.complete_layer_upload, **done)


with check("repositories are made and described"):
    made = ecr.create_repository(
        repositoryName=NAME,
        catalogData={
            "description": "An app", "architectures": ["ARM 64"], "operatingSystems": ["Linux"],
            "logoImageBlob": b"PNG", "aboutText": "# about", "usageText": "# usage",
        },
        tags=[{"Key": "team", "Value": "tools"}],
    )
    same(made["repository"]["repositoryArn"], ARN)
    same(urllib.request.urlopen(made["catalogData"]["logoUrl"]).read(), b"PNG")
    same(code(ecr.create_repository, repositoryName=NAME), "RepositoryAlreadyExistsException")
    same(code(ecr.create_repository, repositoryName="BAD"), "InvalidParameterException")
    same(code(ecr.create_repository, repositoryName="a" * 206), "InvalidParameterException")
    tags = [{"Key": str(number), "Value": ""} for number in range(51)]
    same(code(ecr.create_repository, repositoryName="many", tags=tags), "TooManyTagsException")
    for number in range(4):
        ecr.create_repository(repositoryName=f"page/{number}")
    pages = ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2})
    same([len(page["repositories"]) for page in pages], [2, 2, 1])
    same(ecr.describe_repositories(repositoryNames=[NAME])["repositories"][0], made["repository"])
    same(code(ecr.describe_repositories, repositoryNames=["no/such"]), "RepositoryNotFoundException")

with check("catalog data and its limits"):
    put = ecr.put_repository_catalog_data
    same(put(repositoryName=NAME, catalogData={"description": "x" * 1024})["catalogData"]["description"], "x" * 1024)
    for data in (
        {"description": "x" * 1025}, {"aboutText": "x" * 25601}, {"usageText": "x" * 25601},
        {"architectures": ["x"] * 51}, {"operatingSystems": ["x" * 51]}, {"logoImageBlob": b"x" * 512001},
    ):
        same(code(put, repositoryName=NAME, catalogData=data), "InvalidParameterException")
    put(repositoryName=NAME, catalogData={"logoImageBlob": b"x" * 512000})
    ecr.get_repository_catalog_data(repositoryName=NAME)
    same(code(ecr.get_repository_catalog_data, repositoryName="no/such"), "RepositoryNotFoundException")
    same(ecr.get_registry_catalog_data()["registryCatalogData"], {})
    ecr.put_registry_catalog_data(displayName="Tools")
    same(ecr.get_registry_catalog_data()["registryCatalogData"], {"displayName": "Tools"})
    same(code(ecr.put_registry_catalog_data, displayName="x" * 101), "InvalidParameterException")

with check("registries, tokens, tags, policies"):
    registry = ecr.describe_registries()["registries"][0]
    alias = registry["aliases"][0]["name"]
    assert registry["registryUri"].endswith("/" + alias), registry
    assert made["repository"]["repositoryUri"].endswith(f"/{alias}/{NAME}"), made
    token = ecr.get_authorization_token()["authorizationData"]
    same(sorted(token), ["authorizationToken", "expiresAt"])
    ecr.tag_resource(resourceArn=ARN, tags=[{"Key": "a", "Value": "b"}])
    ecr.untag_resource(resourceArn=ARN, tagKeys=["team"])
    same(ecr.list_tags_for_resource(resourceArn=ARN)["tags"], [{"Key": "a", "Value": "b"}])
    reserved = [{"Key": "aws:a", "Value": ""}]
    same(code(ecr.tag_resource, resourceArn=ARN, tags=reserved), "InvalidTagParameterException")
    same(code(ecr.list_tags_for_resource, resourceArn="arn:nothing"), "InvalidParameterException")
    same(code(ecr.get_repository_policy, repositoryName=NAME), "RepositoryPolicyNotFoundException")
    same(code(ecr.delete_repository_policy, repositoryName=NAME), "RepositoryPolicyNotFoundException")
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    ecr.set_repository_policy(repositoryName=NAME, policyText=policy)
    same(ecr.get_repository_policy(repositoryName=NAME)["policyText"], policy)
    ecr.delete_repository_policy(repositoryName=NAME)
    same(code(ecr.set_repository_policy, repositoryName=NAME, policyText="{"), "InvalidParameterException")

with check("layers and images"):
    same([push(LAYER), push(CONFIG), push(CONFIG)], ["ok", "ok", "LayerAlreadyExistsException"])
    found = ecr.batch_check_layer_availability(
        repositoryName=NAME, layerDigests=[digest(LAYER), digest(b"x"), "bad"]
    )
    same([layer["layerAvailability"] for layer in found["layers"]], ["AVAILABLE", "UNAVAILABLE"])
    same(found["failures"][0]["failureCode"], "InvalidLayerDigest")
    upload = ecr.initiate_layer_upload(repositoryName=NAME)["uploadId"]
    empty = {"repositoryName": NAME, "uploadId": upload, "layerDigests": [digest(b"")]}
    same(code(ecr.complete_layer_upload, **empty), "EmptyUploadException")
    part = {"repositoryName": NAME, "partFirstByte": 5, "partLastByte": 5, "layerPartBlob": b"x"}
    same(code(ecr.upload_layer_part, uploadId=upload, **part), "InvalidLayerPartException")
    nothing = "00000000-0000-0000-0000-000000000000"
    same(code(ecr.upload_layer_part, uploadId=nothing, **part), "UploadNotFoundException")
    same(code(ecr.initiate_layer_upload, repositoryName="no/such"), "RepositoryNotFoundException")
    other = {"registryId": "999999999999", "repositoryName": NAME}
    same(code(ecr.initiate_layer_upload, **other), "RegistryNotFoundException")
    text = manifest(CONFIG, LAYER)
    image = ecr.put_image(repositoryName=NAME, imageManifest=text, imageTag="1")["image"]
    same(image["imageId"], {"imageDigest": digest(text.encode()), "imageTag": "1"})
    again = {"repositoryName": NAME, "imageManifest": text, "imageTag": "1"}
    same(code(ecr.put_image, **again), "ImageAlreadyExistsException")
    missing = {"repositoryName": NAME, "imageManifest": manifest(CONFIG, b"no"), "imageTag": "2"}
    same(code(ecr.put_image, **missing), "LayersNotFoundException")
    for tag in ("2", "3"):
        ecr.put_image(registryId=alias, repositoryName=NAME, imageManifest=text, imageTag=tag)
    pages = ecr.get_paginator("describe_image_tags").paginate(
        repositoryName=NAME, PaginationConfig={"PageSize": 2}
    )
    same([tag["imageTag"] for page in pages for tag in page["imageTagDetails"]], ["1", "2", "3"])
    same(ecr.describe_images(repositoryName=NAME)["imageDetails"][0]["imageTags"], ["1", "2", "3"])
    absent = {"repositoryName": NAME, "imageIds": [{"imageTag": "no"}]}
    same(code(ecr.describe_images, **absent), "ImageNotFoundException")
    same(code(ecr.delete_repository, repositoryName=NAME), "RepositoryNotEmptyException")
    gone = ecr.batch_delete_image(repositoryName=NAME, imageIds=[{"imageTag": "1"}, {"imageTag": "no"}, {}])
    same([failure["failureCode"] for failure in gone["failures"]], ["ImageNotFound", "MissingDigestAndTag"])
    ecr.delete_repository(repositoryName=NAME, force=True)
    same(code(ecr.delete_repository, repositoryName=NAME), "RepositoryNotFoundException")

with check("other regions are refused"):
    for region in ("us-west-2", "eu-central-1"):
        same(code(client(region).describe_registries), "UnsupportedCommandException")

with check("every operation was answered, as the model has it"):
    operations = set(ecr.meta.service_model.operation_names)
    same(len(operations), 23)
    same({name for name in operations if "ok" not in seen.get(name, ())}, set())
    same(wrong, [])

emulator.stop()
with check("nothing panicked"):
    assert "panicked" not in emulator.said(), emulator.said()
finish()
