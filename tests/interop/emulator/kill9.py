#!/usr/bin/env python3
"""`kill -9` of the emulator, again and again, while six clients push: no image that was acknowledged is lost, and none is
there by half.

    kill9.py BINARY [ROUNDS]        needs boto3; ROUNDS is 5 if it is not given
"""

import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
import urllib.request

import boto3
import botocore.exceptions
from botocore.config import Config

from common import Emulator, binary, check, digest, finish, manifest

REPOSITORY = "kill/nine"
CONFIG = b"{}"
CLIENTS = 6
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
random.seed(9)
# Tag -> digests of the manifest and the layer, for what was acknowledged.
acknowledged = {}


def client():
    return boto3.session.Session().client("ecr", config=Config(retries={"max_attempts": 0}))


def send(ecr, blob):
    upload = ecr.initiate_layer_upload(repositoryName=REPOSITORY)["uploadId"]
    ecr.upload_layer_part(
        repositoryName=REPOSITORY, uploadId=upload, partFirstByte=0, partLastByte=len(blob) - 1, layerPartBlob=blob
    )
    try:
        ecr.complete_layer_upload(repositoryName=REPOSITORY, uploadId=upload, layerDigests=[digest(blob)])
    except ecr.exceptions.LayerAlreadyExistsException:
        pass


def push(number, problems):
    """Pushes until the emulator is gone."""
    ecr, count = client(), 0
    try:
        while True:
            layer, tag = os.urandom(3000), f"{number}-{time.monotonic_ns()}"
            send(ecr, layer)
            send(ecr, CONFIG)
            text = manifest(CONFIG, layer)
            ecr.put_image(repositoryName=REPOSITORY, imageManifest=text, imageTag=tag)
            acknowledged[tag] = (digest(text.encode()), digest(layer))
            count += 1
    except (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError):
        pass
    except Exception as error:  # noqa: BLE001: nothing else may happen
        problems.append(repr(error))


def whole(ecr):
    """What is there, after every layer of it was read and hashed."""
    pages = ecr.get_paginator("describe_images").paginate(repositoryName=REPOSITORY)
    images = {image["imageDigest"]: image.get("imageTags", []) for page in pages for image in page["imageDetails"]}
    for name in images:
        found = ecr.batch_get_image(repositoryName=REPOSITORY, imageIds=[{"imageDigest": name}])
        text = found["images"][0]["imageManifest"]
        assert digest(text.encode()) == name, name
        layer = json.loads(text)["layers"][0]["digest"]
        url = ecr.get_download_url_for_layer(repositoryName=REPOSITORY, layerDigest=layer)["downloadUrl"]
        with urllib.request.urlopen(url) as answer:
            assert digest(answer.read()) == layer, layer
    return images


def main():
    with tempfile.TemporaryDirectory(prefix="kill9-") as state:
        for number in range(rounds + 1):
            emulator = Emulator(binary(), "--state", state)
            ecr = client()
            if number == 0:
                ecr.create_repository(repositoryName=REPOSITORY)
            with check(f"after {number} kills, {len(acknowledged)} images acknowledged"):
                images = whole(ecr)
                lost = [tag for tag, (name, _) in acknowledged.items() if tag not in images.get(name, [])]
                assert not lost, lost
                assert number == 0 or acknowledged, "nothing was ever pushed"
            if number == rounds:
                emulator.stop()
                break
            problems = []
            clients = [threading.Thread(target=push, args=(each, problems)) for each in range(CLIENTS)]
            for thread in clients:
                thread.start()
            time.sleep(1 + random.random())
            emulator.process.send_signal(signal.SIGKILL)
            emulator.process.wait()
            for thread in clients:
                thread.join()
            with check(f"kill {number + 1}: nothing but the connection breaks"):
                assert not problems, problems
    finish()


main()
