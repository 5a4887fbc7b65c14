#!/usr/bin/env python3
"""What no client should send: every time an error of AWS's shape, never a panic, never a file outside the state.

    bad_input.py BINARY [MUTATIONS]     needs botocore; MUTATIONS is 10000 if it is not given
"""

import base64
import http.client
import json
import os
import pathlib
import random
import re
import socket
import sys
import tempfile

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from common import OCI_MANIFEST, Emulator, binary, check, digest, finish, manifest, same

MUTATIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
ROOT = pathlib.Path(tempfile.mkdtemp(prefix="bad-input-"))
BINARY = os.path.abspath(binary())
for name in ("tmp", "here"):
    (ROOT / name).mkdir()
os.environ["TMPDIR"] = str(ROOT / "tmp")
os.chdir(ROOT / "here")
emulator = Emulator(BINARY, "--state", str(ROOT / "state"))
session = boto3.session.Session()
credentials = session.get_credentials()
ecr = session.client("ecr")
ecr.create_repository(repositoryName="shop/api")
session.client("ecr-public").create_repository(repositoryName="shop/api")
TOKEN = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
ECR, PUBLIC = "AmazonEC2ContainerRegistry_V20150921.", "SpencerFrontendService."
CONFIG, LAYER = b"{}", b"one"


def push(blob):
    upload = ecr.initiate_layer_upload(repositoryName="shop/api")["uploadId"]
    ecr.upload_layer_part(
        repositoryName="shop/api", uploadId=upload, partFirstByte=0, partLastByte=len(blob) - 1, layerPartBlob=blob
    )
    ecr.complete_layer_upload(repositoryName="shop/api", uploadId=upload, layerDigests=[digest(blob)])


push(CONFIG)
push(LAYER)
ecr.put_image(repositoryName="shop/api", imageManifest=manifest(CONFIG, LAYER), imageTag="1")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


connection = emulator.connect()


def send(method, path, body, headers):
    """Over a connection that is kept, as long as it holds."""
    global connection
    for attempt in range(2):
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            connection = emulator.connect()
            if attempt:
                raise


def call(target, body, service="ecr"):
    url = f"http://{emulator.host}/"
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", url, data=body, headers=headers)
    SigV4Auth(credentials.get_frozen_credentials(), service, "us-east-1").add_auth(request)
    return send("POST", "/", body, dict(request.headers))


def aws_error(answer, *codes):
    """An error as a service with the JSON protocol answers it."""
    assert 400 <= answer.status < 500, (answer.status, answer.body[:300])
    same(answer.headers["Content-Type"], "application/x-amz-json-1.1")
    body = answer.json()
    assert isinstance(body["__type"], str) and isinstance(body["message"], str), body
    assert not codes or body["__type"] in codes, body


def oci(method, path, body=b"", **headers):
    return send(method, path, body, {"Authorization": f"Basic {TOKEN}", **headers})


def oci_error(answer, status=None, code=None):
    assert 400 <= answer.status < 500, (answer.status, answer.body[:300])
    error = answer.json()["errors"][0]
    assert re.fullmatch("[A-Z_]+", error["code"]) and isinstance(error["message"], str), error
    same((status or answer.status, code or error["code"]), (answer.status, error["code"]))


def raw(data, wait=2):
    """Sends bytes as they are; what comes back."""
    with socket.create_connection(emulator.host.split(":"), timeout=wait) as stream:
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := stream.recv(65536):
                answer += piece
        except OSError:
            pass
        return answer


with check("garbage in the place of JSON"):
    for body in (b"{", b"[]", b"null", b"\xff\xfe", b'"x"', b"{}" * 1000, b"[" * 100_000, b'{"repositoryName":{}}'):
        aws_error(call(ECR + "InitiateLayerUpload", body), "SerializationException", "InvalidParameterException")
        aws_error(call(PUBLIC + "InitiateLayerUpload", body, "ecr-public"))

with check("targets that are none"):
    others = ["", "x", "DynamoDB_20120810.ListTables", "é", "x" * 5000]
    for target in [*others, ECR, ECR + "Fly", ECR + "../x", PUBLIC + "BatchGetImage"]:
        aws_error(send("POST", "/", b"{}", {"X-Amz-Target": target}))

with check("wrong signatures"):
    aws_error(send("POST", "/", b"{}", {"X-Amz-Target": ECR + "DescribeRepositories"}))
    for header in ("x", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e", "AWS4-HMAC-SHA256 " + "x" * 5000, "Bearer x"):
        headers = {"X-Amz-Target": ECR + "DescribeRepositories", "Authorization": header}
        aws_error(send("POST", "/", b"{}", headers))
    aws_error(call(ECR + "DescribeRepositories", b"{}", "s3"))

with check("oversized bodies"):
    for target, size in (("DescribeRepositories", 3 << 20), ("PutImage", 30 << 20), ("UploadLayerPart", 40 << 20)):
        try:
            answer = call(ECR + target, b" " * size)
        except OSError:
            continue
        aws_error(answer, "RequestEntityTooLargeException")
    oci_error(oci("PUT", "/v2/shop/api/manifests/x", b" " * (5 << 20), **{"Content-Type": OCI_MANIFEST}))
    part = {
        "repositoryName": "shop/api", "uploadId": ecr.initiate_layer_upload(repositoryName="shop/api")["uploadId"],
        "partFirstByte": 0, "partLastByte": 20_971_520, "layerPartBlob": base64.b64encode(bytes(20_971_521)).decode(),
    }
    aws_error(call(ECR + "UploadLayerPart", json.dumps(part).encode()))

with check("truncated requests"):
    whole = (
        f"PUT /v2/shop/api/manifests/cut HTTP/1.1\r\nHost: {emulator.host}\r\nAuthorization: Basic {TOKEN}\r\n"
        f"Content-Type: {OCI_MANIFEST}\r\nContent-Length: 5000\r\n\r\n" + manifest(CONFIG, LAYER)
    ).encode()
    for length in range(0, len(whole), 37):
        answer = raw(whole[:length])
        assert not answer.startswith(b"HTTP/1.1 2"), answer
    oci_error(oci("GET", "/v2/shop/api/manifests/cut"), 404, "MANIFEST_UNKNOWN")
    location = oci("POST", "/v2/shop/api/blobs/uploads/").headers["Location"].removeprefix(f"http://{emulator.host}")
    chunked = (
        f"PATCH {location} HTTP/1.1\r\nHost: {emulator.host}\r\nAuthorization: Basic {TOKEN}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"
    ).encode()
    raw(chunked)
    raw(chunked.replace(b"zz\r\n", b"ffff\r\nshort"))
    same(oci("GET", location).headers["Range"], "0-0")
    for garbage in (b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 100_000, b"PRI * HTTP/2.0\r\n\r\n"):
        raw(garbage)

with check("wrong digests"):
    wrong = [
        "sha256:", "sha256:zz", "md5:00", "sha256:" + "0" * 63, "sha256:" + "0" * 65, "sha512:" + "0" * 128, "x", ":",
        "sha256:../../../../etc/passwd", digest(b"another"), digest(b"x").upper(), "sha256:" + "é" * 64,
    ]
    for text in wrong:
        quoted = "".join(f"%{byte:02x}" for byte in text.encode())
        upload = oci("POST", "/v2/shop/api/blobs/uploads/").headers["Location"].removeprefix(f"http://{emulator.host}")
        oci_error(oci("PUT", f"{upload}?digest={quoted}", b"content"))
        oci_error(oci("GET", f"/v2/shop/api/blobs/{quoted}"))
        if ":" in text:
            put = {"Content-Type": OCI_MANIFEST}
            oci_error(oci("PUT", f"/v2/shop/api/manifests/{quoted}", manifest(CONFIG, LAYER).encode(), **put))
        input = {"repositoryName": "shop/api", "imageManifest": manifest(CONFIG, LAYER), "imageDigest": text}
        aws_error(call(ECR + "PutImage", json.dumps(input).encode()))
        input = {"repositoryName": "shop/api", "layerDigest": text}
        aws_error(call(ECR + "GetDownloadUrlForLayer", json.dumps(input).encode()))

with check("paths that lead elsewhere"):
    names = [
        "../x", "..", "a/../../b", "/etc/passwd", "a//b", "a/./b", "%2e%2e/x", "a\0b", "a\\b", "C:x", "~root", "a/..",
        "....//x", "x" * 300, "A", "é", "-a", "a/", "a\nb", "state/../../x", "file:///etc/passwd",
    ]
    for name in names:
        aws_error(call(ECR + "CreateRepository", json.dumps({"repositoryName": name}).encode()))
        aws_error(call(PUBLIC + "CreateRepository", json.dumps({"repositoryName": name}).encode(), "ecr-public"))
        input = {"repositoryName": "shop/api", "imageManifest": manifest(CONFIG, LAYER), "imageTag": name}
        if not re.fullmatch("[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", name):
            aws_error(call(ECR + "PutImage", json.dumps(input).encode()))
        input = {"repositoryName": "shop/api", "uploadId": name, "layerDigests": [digest(b"x")]}
        aws_error(call(ECR + "CompleteLayerUpload", json.dumps(input).encode()))
        for quoted in {"".join(f"%{byte:02X}" for byte in name.encode()), re.sub("[^!-~]", "", name)}:
            for method, path in (
                ("GET", f"/v2/{quoted}/tags/list"), ("POST", f"/v2/{quoted}/blobs/uploads/"),
                ("PATCH", f"/v2/shop/api/blobs/uploads/{quoted}"), ("PUT", f"/v2/{quoted}/manifests/{quoted}"),
                ("GET", f"/v2/shop/api/blobs/{quoted}"), ("GET", f"/v2/shop/api/referrers/{quoted}"),
                ("DELETE", f"/v2/shop/api/blobs/{quoted}"),
            ):
                oci_error(oci(method, path))
    for path in ("/layer/../../etc/passwd", "/layer/%2e%2e/x", "/oidc/../keys/seal", "/../../etc/passwd", "/keys/seal"):
        answer = send("GET", path, b"", {})
        assert 400 <= answer.status < 500, (path, answer.status)

# --- ten thousand mutations -----------------------------------------------------------------------------------------

chooser = random.Random(20261123)
upload = ecr.initiate_layer_upload(repositoryName="shop/api")["uploadId"]
API = [
    (ECR, "ecr", "CreateRepository", {"repositoryName": "new/one", "imageTagMutability": "IMMUTABLE",
     "encryptionConfiguration": {"encryptionType": "KMS"}, "tags": [{"Key": "a", "Value": "b"}]}),
    (ECR, "ecr", "DescribeRepositories", {"repositoryNames": ["shop/api"], "maxResults": 10, "nextToken": "x"}),
    (ECR, "ecr", "BatchCheckLayerAvailability", {"repositoryName": "shop/api", "layerDigests": [digest(LAYER)]}),
    (ECR, "ecr", "InitiateLayerUpload", {"registryId": "123456789012", "repositoryName": "shop/api"}),
    (ECR, "ecr", "UploadLayerPart", {"repositoryName": "shop/api", "uploadId": upload, "partFirstByte": 0,
     "partLastByte": 4, "layerPartBlob": "aGVsbG8="}),
    (ECR, "ecr", "CompleteLayerUpload", {"repositoryName": "shop/api", "uploadId": upload,
     "layerDigests": [digest(b"hello")]}),
    (ECR, "ecr", "PutImage", {"repositoryName": "shop/api", "imageManifest": manifest(CONFIG, LAYER),
     "imageManifestMediaType": OCI_MANIFEST, "imageTag": "2", "imageDigest": digest(b"x")}),
    (ECR, "ecr", "BatchGetImage", {"repositoryName": "shop/api", "imageIds": [{"imageTag": "1"}],
     "acceptedMediaTypes": [OCI_MANIFEST]}),
    (ECR, "ecr", "DescribeImages", {"repositoryName": "shop/api", "filter": {"tagStatus": "TAGGED"}, "maxResults": 5}),
    (PUBLIC, "ecr-public", "CreateRepository", {"repositoryName": "new/one",
     "catalogData": {"description": "d", "architectures": ["x86"], "logoImageBlob": "aGVsbG8="}}),
    (PUBLIC, "ecr-public", "PutImage", {"registryId": "123456789012", "repositoryName": "shop/api",
     "imageManifest": manifest(CONFIG, LAYER), "imageTag": "1"}),
    (PUBLIC, "ecr-public", "SetRepositoryPolicy", {"repositoryName": "shop/api", "policyText": '{"Statement":[]}'}),
    (PUBLIC, "ecr-public", "TagResource", {"resourceArn": "arn:aws:ecr-public::123456789012:repository/shop/api",
     "tags": [{"Key": "a", "Value": "b"}]}),
    (PUBLIC, "ecr-public", "DescribeImageTags", {"repositoryName": "shop/api", "maxResults": 1}),
]
OCI = [
    ("GET", "/v2/shop/api/manifests/1", b""), ("HEAD", "/v2/shop/api/manifests/1", b""),
    ("PUT", "/v2/shop/api/manifests/3", manifest(CONFIG, LAYER).encode()),
    ("DELETE", "/v2/shop/api/manifests/3", b""), ("GET", f"/v2/shop/api/blobs/{digest(LAYER)}", b""),
    ("POST", f"/v2/shop/api/blobs/uploads/?mount={digest(LAYER)}&from=shop/api", b""),
    ("PATCH", f"/v2/shop/api/blobs/uploads/{upload}", b"hello"),
    ("PUT", f"/v2/shop/api/blobs/uploads/{upload}?digest={digest(b'hello')}", b"hello"),
    ("GET", "/v2/shop/api/tags/list?n=10&last=x", b""), ("GET", f"/v2/shop/api/referrers/{digest(LAYER)}", b""),
    ("GET", "/v2/_catalog?n=5", b""),
]
VALUES = [
    None, True, -1, 0, 2**63, 2**64, 1e400, 0.5, "", "x", "../x", "\0", "é" * 50, "x" * 5000, [], {}, [None], [[]],
    {"a": "b"}, [1] * 200,
]


def change_value(value):
    """Another value somewhere in a JSON document, or a member less or more."""
    if isinstance(value, dict) and value and chooser.random() < 0.8:
        changed = dict(value)
        key = chooser.choice(list(changed))
        match chooser.randrange(4):
            case 0:
                del changed[key]
            case 1:
                changed[chooser.choice(["x", "__proto__", key.upper(), ""])] = chooser.choice(VALUES)
            case _:
                changed[key] = change_value(changed[key])
        return changed
    if isinstance(value, list) and value and chooser.random() < 0.6:
        changed = list(value)
        changed[0] = change_value(changed[0])
        return changed * chooser.choice([1, 1, 2, 101])
    if isinstance(value, str) and value and chooser.random() < 0.6:
        return change_bytes(value.encode()).decode("latin-1")
    return chooser.choice(VALUES)


def change_bytes(data):
    data = bytearray(data)
    for _ in range(chooser.randrange(1, 4)):
        at = chooser.randrange(len(data) + 1)
        match chooser.randrange(4):
            case 0 if data:
                data[min(at, len(data) - 1)] = chooser.randrange(256)
            case 1:
                data[at:at] = chooser.randbytes(chooser.randrange(1, 9))
            case 2:
                del data[at : at + chooser.randrange(1, 9)]
            case _:
                data[at:at] = data[: chooser.randrange(1, 30)]
    return bytes(data)


statuses, strange = {}, []
with check(f"{MUTATIONS} mutations of valid requests"):
    for number in range(MUTATIONS):
        if number % 3:
            prefix, service, operation, valid = chooser.choice(API)
            if number % 2:
                body = change_bytes(json.dumps(valid).encode())
            else:
                body = json.dumps(change_value(valid)).encode()
            what, answer = (operation, body[:200]), call(prefix + operation, body, service)
            shaped = answer.status == 200 or isinstance(answer.json().get("__type"), str)
        else:
            method, path, body = chooser.choice(OCI)
            if chooser.random() < 0.7:
                path = "/v2/" + "".join(
                    chr(byte) if chr(byte) in "/?&=:%._-~+" or chr(byte).isalnum() and byte < 128 else f"%{byte:02x}"
                    for byte in change_bytes(path[4:].encode())
                )
            headers = {"Content-Type": chooser.choice([OCI_MANIFEST, "text/plain", "", "x" * 500])}
            if chooser.random() < 0.3:
                headers["Content-Range"] = chooser.choice(["0-4", "bytes 0-4/5", "-", "9-1", "0-18446744073709551615"])
            if chooser.random() < 0.5:
                body = change_bytes(body)
            what, answer = (method, path), oci(method, path, body, **headers)
            shaped = answer.status < 400 or method == "HEAD" or bool(answer.json()["errors"][0]["code"])
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        if answer.status >= 500 or not shaped:
            strange.append((what, answer.status, answer.body[:200]))
    print("    " + ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items())))
    same(strange[:3], [])

with check("it still serves"):
    assert emulator.is_up()
    got = ecr.batch_get_image(repositoryName="shop/api", imageIds=[{"imageTag": "1"}])
    assert got["images"] or got["failures"], got
    same(oci("GET", "/v2/").status, 200)

emulator.stop()
with check("nothing panicked"):
    assert "panicked" not in emulator.said(), emulator.said()[:2000]

with check("no file is outside of the state, and in it none has a name from outside"):
    same(sorted(path.name for path in ROOT.iterdir()), ["here", "state", "tmp"])
    same([*(ROOT / "here").iterdir(), *(ROOT / "tmp").iterdir()], [])
    known = [
        "lock", "keys", "keys/[a-z]+", "blobs", "blobs/sha256", "blobs/sha256/[0-9a-f]{2}", "temporary", "uploads",
        "blobs/sha256/[0-9a-f]{2}/[0-9a-f]{64}", "uploads/[0-9a-f-]{36}", "web-identity-token", "registries",
        "registries/[0-9]{12}", "registries/[0-9]{12}/[a-z0-9-]+", "registries/[0-9]{12}/[a-z0-9-]+/[0-9a-f]{64}.json",
        "public", "public/[0-9]{12}.json", "settings", "settings/[0-9]{12}", "settings/[0-9]{12}/[a-z0-9-]+.json",
    ]
    found = [str(path.relative_to(ROOT / "state")) for path in (ROOT / "state").rglob("*")]
    same([name for name in found if not any(re.fullmatch(pattern, name) for pattern in known)], [])
    same([name for name in found if name.startswith("temporary/")], [])

finish()
