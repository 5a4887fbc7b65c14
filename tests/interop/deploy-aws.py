#!/usr/bin/env python3
"""Judges `consign deploy ecs` and `consign deploy lambda` by what AWS's own tools say of the result.

    tests/interop/deploy-aws.py CONSIGN

AWS_ENDPOINT_URL is a moto server, for ECS and Lambda; AWS_ENDPOINT_URL_ECR and the rest is an emulator of consign. Each
check prints `ok NAME` or `FAILED NAME` and why; the last line is `N passed, N failed`.
"""

import copy
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import boto3
import botocore.validate

from harness import check, finish, same

CONSIGN = sys.argv[1]
FOLDER = pathlib.Path(tempfile.mkdtemp())
DIGEST = "sha256:" + "0123456789abcdef" * 4
API = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/api"
IMAGE = f"{API}@{DIGEST}"
REGION = "us-east-1"
# moto looks at no signature.
ecs = boto3.client("ecs", region_name=REGION, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
model = boto3.client("ecs", region_name=REGION).meta.service_model


def run(*arguments, code=0):
    """stdout and stderr."""
    done = subprocess.run(arguments, cwd=FOLDER, capture_output=True, text=True, timeout=120)
    if done.returncode != code:
        raise AssertionError(f"exit code {done.returncode} of {arguments}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def deploy(*arguments, image=IMAGE, code=0):
    return run(CONSIGN, "deploy", "ecs", "--image", image, *arguments, code=code)


def rendered(*arguments, **more):
    return json.loads(deploy(*arguments, **more)[0])


def file(name, value):
    (FOLDER / name).write_text(json.dumps(value, indent=random.choice([None, 1, 4, "\t"])))
    return name


def aws(*arguments):
    return json.loads(run("aws", "--region", REGION, "--output", "json", *arguments)[0])


def register(definition):
    """Registers it with the AWS CLI, and gives what ECS has then."""
    file("next.json", definition)
    aws("ecs", "register-task-definition", "--cli-input-json", f"file://{FOLDER}/next.json")
    return aws("ecs", "describe-task-definition", "--task-definition", definition["family"], "--include", "TAGS")


def contains(whole, part, path=""):
    """Fails unless all that `part` says, `whole` says too. ECS adds members that are empty."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key not in whole:
                raise AssertionError(f"{path}.{key} is not there")
            contains(whole[key], value, f"{path}.{key}")
    elif isinstance(part, list) and part and isinstance(part[0], dict):
        same(f"the length of {path}", len(part), len(whole))
        for position, value in enumerate(part):
            contains(whole[position], value, f"{path}[{position}]")
    else:
        same(path, part, whole)


TASK = {
    "family": "shop",
    "taskRoleArn": "arn:aws:iam::123456789012:role/shop",
    "networkMode": "awsvpc",
    "containerDefinitions": [
        {
            "name": "api",
            "image": f"{API}:1.3",
            "cpu": 256,
            "memory": 512,
            "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            "essential": True,
            "environment": [{"name": "VERSION", "value": "1.3"}, {"name": "MODE", "value": "prod"}],
            "secrets": [{"name": "TOKEN", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/token"}],
            "dependsOn": [{"containerName": "migrate", "condition": "SUCCESS"}],
            "dockerLabels": {"team": "shop"},
            "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 30},
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/shop"}},
        },
        {"name": "migrate", "image": f"{API}:1.3", "memory": 128, "essential": False, "command": ["migrate"]},
        {"name": "proxy", "image": "public.ecr.aws/nginx/nginx:1.27", "memory": 128, "essential": True},
    ],
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "512",
    "memory": "1024",
    "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
    "tags": [{"key": "team", "value": "shop"}],
}


@check
def the_model():
    """the input of RegisterTaskDefinition is valid by botocore's model, whatever is changed"""
    shape = model.operation_model("RegisterTaskDefinition").input_shape
    name = file("task.json", TASK)
    everything = [
        *("--environment-variables", "VERSION=1.4\nEMPTY="),
        *("--secrets", "KEY=arn:aws:secretsmanager:us-east-1:123456789012:secret:key"),
        *("--env-files", "arn:aws:s3:::shop/api.env"),
        *("--docker-labels", "version=1.4"),
        *("--command", "node server.js"),
        *("--log-configuration-log-driver", "splunk", "--log-configuration-options", "splunk-url=https://example.com"),
        *("--task-role-arn", "arn:aws:iam::123456789012:role/api"),
        *("--execution-role-arn", "arn:aws:iam::123456789012:role/start"),
    ]
    for arguments in ([], everything, ["--container-name", "api,migrate,proxy", *everything]):
        report = botocore.validate.ParamValidator().validate(rendered("--task-definition", name, *arguments), shape)
        if report.has_errors():
            raise AssertionError(report.generate_report())


@check
def a_file_is_registered():
    """the AWS CLI registers what was rendered from a file, and ECS has it then"""
    definition = rendered("--task-definition", file("task.json", TASK), "--environment-variables", "VERSION=1.4")
    answer = register(definition)
    tags = definition.pop("tags")
    contains(answer["taskDefinition"], definition)
    same("tags", tags, answer["tags"])
    images = [container["image"] for container in answer["taskDefinition"]["containerDefinitions"]]
    same("images", [IMAGE, IMAGE, "public.ecr.aws/nginx/nginx:1.27"], images)


@check
def the_running_one():
    """what ECS has becomes what ECS takes: nothing but the image is another one"""
    before = register({**TASK, "family": "running"})
    definition = rendered("--task-definition-family", "running")
    after = register(definition)
    same("revision", before["taskDefinition"]["revision"] + 1, after["taskDefinition"]["revision"])
    expected = copy.deepcopy(before)
    for container in expected["taskDefinition"]["containerDefinitions"][:2]:
        container["image"] = IMAGE
    for answer in (expected, after):
        for key in ("taskDefinitionArn", "revision", "registeredAt"):
            answer["taskDefinition"].pop(key, None)
    same("the task definition", expected, after)
    # By revision and by ARN, the older one is there still.
    arn = before["taskDefinition"]["taskDefinitionArn"]
    old = rendered("--task-definition-family", "running", "--task-definition-revision", "1")
    same("by ARN", old, rendered("--task-definition-arn", arn))
    # With what is there already, nothing changes.
    _, said = deploy("--task-definition-family", "running")
    assert "image already is" in said and "→" not in said, said


@check
def by_the_cli():
    """the answer of `aws ecs describe-task-definition` is taken as it is, from a file or a pipe"""
    register({**TASK, "family": "piped"})
    whole = run("aws", "--region", REGION, "ecs", "describe-task-definition", "--task-definition", "piped", "--include", "TAGS")
    (FOLDER / "answer.json").write_text(whole[0])
    from_api = rendered("--task-definition-family", "piped")
    same("from a file", from_api, rendered("--task-definition", "answer.json"))
    line = f"cat answer.json | '{CONSIGN}' deploy ecs --image {IMAGE} --task-definition -"
    same("from a pipe", from_api, json.loads(run("sh", "-c", line)[0]))


@check
def what_is_not_there():
    """a family that ECS does not have ends with exit code 4 and AWS's words"""
    _, said = deploy("--task-definition-family", "absent", code=4)
    assert "ClientException" in said and "Unable to describe task definition" in said, said


def by_the_action(definition, name, image, inputs):
    """What amazon-ecs-render-task-definition makes of it, by its source at v1.8.4, apart from three faults of it that are
    left out of the inputs here: labels and log options whose values have a `=`, and, in releases before secrets were
    taken out of their place, secrets without environment variables."""
    definition = copy.deepcopy(definition)
    container = next(one for one in definition["containerDefinitions"] if one["name"] == name)
    container["image"] = image
    if "command" in inputs:
        container["command"] = json.loads(inputs["command"])
    if "env-files" in inputs:
        files = [line.strip() for line in inputs["env-files"].split("\n") if line.strip()]
        container["environmentFiles"] = [{"value": file, "type": "s3"} for file in files]
    for option, member, key in (("environment-variables", "environment", "value"), ("secrets", "secrets", "valueFrom")):
        for line in filter(None, map(str.strip, inputs.get(option, "").split("\n"))):
            variable, _, value = line.partition("=")
            found = [one for one in container.setdefault(member, []) if one["name"] == variable]
            if found:
                found[0][key] = value
            else:
                container[member].append({"name": variable, key: value})
    if "log-configuration-log-driver" in inputs:
        container.setdefault("logConfiguration", {})["logDriver"] = inputs["log-configuration-log-driver"]
    for option, place in (("log-configuration-options", ("logConfiguration", "options")), ("docker-labels", ("dockerLabels",))):
        for line in filter(None, map(str.strip, inputs.get(option, "").split("\n"))):
            target = container
            for step in place:
                target = target.setdefault(step, {})
            variable, _, value = line.partition("=")
            target[variable] = value
    for option, member in (("task-role-arn", "taskRoleArn"), ("execution-role-arn", "executionRoleArn")):
        if option in inputs:
            definition[member] = inputs[option]
    for key in ("compatibilities", "taskDefinitionArn", "requiresAttributes", "revision", "status", "registeredAt"):
        definition.pop(key, None)
    return definition


@check
def as_the_action():
    """150 generated task definitions and inputs have the outcome that amazon-ecs-render-task-definition has"""
    chance = random.Random(7)
    lines = lambda names, value: "\n".join(f"{name}={value()}" for name in names)  # noqa: E731
    words = ["A", "B_2", "LONG_NAME", "lower", "with.dot"]
    value = lambda: chance.choice(["", "x", "a b", "é", "1", "true", '"q"', "\\n"])  # noqa: E731
    for _ in range(150):
        definition = copy.deepcopy(TASK)
        definition["revision"], definition["status"] = 7, "ACTIVE"
        target = chance.choice(definition["containerDefinitions"])
        for member in ("environment", "secrets", "dockerLabels", "logConfiguration"):
            if chance.random() < 0.4:
                target.pop(member, None)
        inputs = {}
        some = lambda: chance.sample(words, chance.randint(1, 3))  # noqa: E731
        if chance.random() < 0.7:
            inputs["environment-variables"] = lines(["VERSION", *some()], value) + "\n\n  SPACED=  x \n"
        if chance.random() < 0.5:
            inputs["secrets"] = lines(["TOKEN", "S1"], lambda: "arn:aws:ssm:us-east-1:1:parameter/" + chance.choice("ab"))
        if chance.random() < 0.5:
            inputs["docker-labels"] = lines(["team", *some()], lambda: chance.choice(["x", "a b", ""]))
        if chance.random() < 0.3:
            inputs["command"] = json.dumps(chance.sample(["node", "a b", "--x", "é"], 2))
        if chance.random() < 0.3:
            inputs["env-files"] = "arn:aws:s3:::b/a.env\n\narn:aws:s3:::b/c.env"
        if chance.random() < 0.5:
            inputs["log-configuration-log-driver"] = chance.choice(["awslogs", "json-file", "splunk"])
            if chance.random() < 0.5:
                inputs["log-configuration-options"] = lines(["awslogs-group", *some()], lambda: "x")
        if chance.random() < 0.3:
            inputs["task-role-arn"] = "arn:aws:iam::123456789012:role/new"
        if chance.random() < 0.3:
            inputs["execution-role-arn"] = "arn:aws:iam::123456789012:role/start"
        options = [part for name, text in inputs.items() for part in (f"--{name}", text)]
        found = rendered("--task-definition", file("task.json", definition), "--container-name", target["name"], *options)
        same(json.dumps(inputs), by_the_action(definition, target["name"], IMAGE, inputs), found)


@check
def lambda_takes_the_uri():
    """the AWS CLI gives Lambda the name of what was pushed, and the function has it then"""
    (FOLDER / "dist").mkdir()
    (FOLDER / "dist" / "bootstrap").write_text("#!/bin/sh\n")
    push = ["build", "dist", "--tag", "interop/lambda:1", "--create-repository", "--push", "--cmd", "bootstrap"]
    run(CONSIGN, *push, "--platform", "linux/amd64,linux/arm64", "--metadata-file", "image.json")
    lambda_ = ["deploy", "lambda", "--metadata-file", "image.json"]
    _, said = run(CONSIGN, *lambda_, code=6)
    uri = run(CONSIGN, *lambda_, "--architecture", "arm64")[0].strip()
    assert uri in said, f"{uri}\n{said}"
    role = aws("iam", "create-role", "--role-name", "function", "--assume-role-policy-document", "{}")["Role"]["Arn"]
    image = ["--package-type", "Image", "--code", f"ImageUri={uri}", "--architectures", "arm64"]
    aws("lambda", "create-function", "--function-name", "shop-api", *image, "--role", role)
    x86 = run(CONSIGN, *lambda_, "--architecture", "x86_64")[0].strip()
    assert x86 != uri
    aws("lambda", "update-function-code", "--function-name", "shop-api", "--image-uri", x86)
    same("image", x86, aws("lambda", "get-function", "--function-name", "shop-api")["Code"]["ImageUri"])
    # It is the image that ECR has for that platform, as the AWS CLI reads it.
    _, digest = uri.split("@")
    batch = aws("ecr", "batch-get-image", "--repository-name", "interop/lambda", "--image-ids", f"imageDigest={digest}")
    manifest = json.loads(batch["images"][0]["imageManifest"])
    same("layers", {"application/vnd.oci.image.layer.v1.tar+gzip"}, {layer["mediaType"] for layer in manifest["layers"]})


finish()
