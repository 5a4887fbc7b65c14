#!/usr/bin/env python3
"""64 clients push 1,000 small images in all, by both ways in, while calls are throttled and answers get lost. None is
lost, none is there twice, and the emulator's memory stays flat.

    load.py BINARY          needs boto3
"""

import random
import threading
import time
import urllib.request

import boto3
import botocore.exceptions
from botocore.config import Config
from common import OCI_MANIFEST, Emulator, binary, check, digest, finish, manifest, same

CLIENTS, IMAGES = 64, 1000
CONFIG = b'{"architecture":"amd64","os":"linux"}'
FAULTS = [
    "throttle:UploadLayerPart,after=50,times=100",
    "throttle:PutImage,after=20,times=100",
    "throttle:InitiateLayerUpload,after=30,times=50",
    "throttle:PUT /v2/*,after=40,times=100",
    "throttle:POST /v2/*,after=10,times=50",
    "error:CompleteLayerUpload,after=100,times=20,status=503",
    "lose-answer:PutImage,after=150,times=5",
    "lose-answer:PUT /v2/*,after=300,times=5",
]
arguments = [part for fault in FAULTS for part in ("--fault", fault)]
emulator = Emulator(binary(), *arguments)
session = boto3.session.Session()
ecr = session.client(
    "ecr",
    config=Config(max_pool_connections=CLIENTS, retries={"max_attempts": 0}),
)
ecr.create_repository(repositoryName="load/api")
TOKEN = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
pushed, errors, lock = {}, [], threading.Lock()
throttled = 0


def api(function, **arguments):
    """Tries again when it is told to. The SDK would too, but it gives up once its clients together tried often."""
    global throttled
    for attempt in range(40):
        try:
            return function(**arguments)
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in ("ThrottlingException", "ServiceUnavailable"):
                raise
            with lock:
                throttled += 1
        except botocore.exceptions.HTTPClientError:
            pass
        time.sleep(random.random() * 0.05 * (attempt + 1))
    raise RuntimeError("it was throttled for too long")


def by_api(layer, tag):
    name = {"repositoryName": "load/api"}
    for blob in (layer, CONFIG):
        found = api(ecr.batch_check_layer_availability, layerDigests=[digest(blob)], **name)
        if found["layers"][0]["layerAvailability"] == "AVAILABLE":
            continue
        upload = api(ecr.initiate_layer_upload, **name)["uploadId"]
        part = {"partFirstByte": 0, "partLastByte": len(blob) - 1, "layerPartBlob": blob}
        api(ecr.upload_layer_part, uploadId=upload, **part, **name)
        try:
            api(ecr.complete_layer_upload, uploadId=upload, layerDigests=[digest(blob)], **name)
        except ecr.exceptions.LayerAlreadyExistsException:
            pass
    try:
        api(ecr.put_image, imageManifest=manifest(CONFIG, layer), imageTag=tag, **name)
    except ecr.exceptions.ImageAlreadyExistsException:
        pass


class Registry:
    """A client of `/v2/` with one connection, that tries again when it is told to."""

    def __init__(self):
        self.connection = emulator.connect()

    def call(self, method, path, body=b"", **headers):
        global throttled
        for attempt in range(40):
            try:
                headers |= {"Authorization": f"Basic {TOKEN}", "Content-Length": str(len(body))}
                self.connection.request(method, path, body, headers)
                answer = self.connection.getresponse()
                answer.read()
            except OSError:
                self.connection.close()
                continue
            if answer.status != 429:
                return answer
            with lock:
                throttled += 1
            time.sleep(random.random() * 0.05 * (attempt + 1))
        raise RuntimeError(f"{method} {path} was throttled for too long")

    def push(self, layer, tag):
        for blob in (layer, CONFIG):
            path = f"/v2/load/api/blobs/{digest(blob)}"
            for _ in range(10):
                if self.call("HEAD", path).status == 200:
                    break
                location = self.call("POST", "/v2/load/api/blobs/uploads/").headers["Location"]
                location = location.removeprefix(f"http://{emulator.host}")
                answer = self.call("PUT", f"{location}?digest={digest(blob)}", blob)
                if answer.status == 201:
                    break
        text = manifest(CONFIG, layer).encode()
        answer = self.call("PUT", f"/v2/load/api/manifests/{tag}", text, **{"Content-Type": OCI_MANIFEST})
        same(answer.status, 201)


def client(number):
    chooser, registry = random.Random(number), Registry()
    for image in range(number, IMAGES, CLIENTS):
        # A tenth of the layers is pushed by several clients.
        layer = chooser.randbytes(3000) if image % 10 else f"shared {image // 100}".encode() * 200
        try:
            if number % 2:
                by_api(layer, f"t{image}")
            else:
                registry.push(layer, f"t{image}")
        except Exception as error:  # noqa: BLE001: counted and shown
            errors.append(f"{image}: {error!r}")
            continue
        with lock:
            pushed[f"t{image}"] = (digest(manifest(CONFIG, layer).encode()), digest(layer))


before = emulator.memory()[0]
began = time.time()
threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(600)
took = time.time() - began
after, most = emulator.memory()
print(f"{IMAGES} images by {CLIENTS} clients in {took:.1f} s; {throttled} calls were throttled; "
      f"{before} kB before, {after} kB after, {most} kB at most")

with check("every push ends well and in time"):
    same(errors[:3], [])
    same(len(pushed), IMAGES)
    assert took < 500, took

with check("none is lost and none is there twice"):
    found = {}
    for page in ecr.get_paginator("describe_images").paginate(
        repositoryName="load/api", PaginationConfig={"PageSize": 1000}
    ):
        for image in page["imageDetails"]:
            assert image["imageDigest"] not in found, image
            found[image["imageDigest"]] = set(image.get("imageTags", ()))
    expected = {}
    for tag, (image, _) in pushed.items():
        expected.setdefault(image, set()).add(tag)
    same(found, expected)

with check("what is there can be read"):
    for tag in random.Random(1).sample(sorted(pushed), 50):
        image, layer = pushed[tag]
        got = ecr.batch_get_image(repositoryName="load/api", imageIds=[{"imageTag": tag}])["images"][0]
        same(digest(got["imageManifest"].encode()), image)
        url = ecr.get_download_url_for_layer(repositoryName="load/api", layerDigest=layer)["downloadUrl"]
        same(digest(urllib.request.urlopen(url).read()), layer)

with check("memory is flat"):
    assert most < 300_000, f"{most} kB"

emulator.stop()
with check("nothing panicked"):
    assert "panicked" not in emulator.said(), emulator.said()
finish()
