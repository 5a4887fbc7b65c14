"""Ten thousand random changes to valid requests: each gets an answer of AWS's shape, and the emulator lives on.

    … python ecr-mutations.py [NUMBER [SEED]]

The requests are those that `ecr-model.py` makes, which lies beside this file; the environment is the same. The state
should be one that nobody needs. Prints `ok` or `FAILED` and what went wrong, and
`N passed, N failed` at the end.
"""

import collections
import contextlib
import io
import json
import os
import random
import runpy
import sys

import boto3
import botocore.endpoint
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
requests = collections.defaultdict(list)
make = botocore.endpoint.Endpoint.make_request


def record(endpoint, model, request):
    target = request["headers"].get("X-Amz-Target")
    if target:
        body = request["body"]
        requests[target].append(body if isinstance(body, bytes) else body.encode())
    return make(endpoint, model, request)


botocore.endpoint.Endpoint.make_request = record
with contextlib.redirect_stdout(io.StringIO()):
    model = runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "ecr-model.py"))
botocore.endpoint.Endpoint.make_request = make

# The repository that the requests are about exists again, with an image, so that they get further than its name.
ecr, main = boto3.client("ecr"), model["R"]
ecr.create_repository(repositoryName=main)
for content, tag in ((b"one", "v1"), (b"two", "v2")):
    model["image"](content, tag, main)
requests = {target: bodies for target, bodies in requests.items() if not target.endswith(".DeleteRepository")}

ODD = [None, [], {}, "", -1, 2**63, 1e300, "../../x", "\0", "é" * 300, "x" * 3000, True, [None], {"a": {}}]


def change(value):
    """The value with one thing in it changed."""
    if isinstance(value, dict) and value and random.random() < 0.8:
        name = random.choice(list(value))
        return {**value, name: change(value[name])}
    if isinstance(value, list) and value and random.random() < 0.8:
        at = random.randrange(len(value))
        return [*value[:at], change(value[at]), *value[at + 1 :]]
    return random.choice(ODD)


def mutate(body):
    kind = random.random()
    if kind < 0.6:
        with contextlib.suppress(ValueError):
            return json.dumps(change(json.loads(body))).encode()
    if kind < 0.8:
        return body[: random.randrange(len(body) + 1)]
    body = bytearray(body)
    for _ in range(random.randint(1, 4)):
        if body:
            at = random.randrange(len(body))
            body[at] = random.choice([random.randrange(256), *b'{}[]",:0123456789-/'])
    return bytes(body)


credentials = boto3.session.Session().get_credentials().get_frozen_credentials()
url = os.environ["AWS_ENDPOINT_URL_ECR"] + "/"
http = urllib3.PoolManager()
codes = collections.Counter()
wrong = []
for _ in range(number):
    target = random.choice(list(requests))
    body = mutate(random.choice(requests[target]))
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", url, headers=headers, data=body)
    SigV4Auth(credentials, "ecr", ecr.meta.region_name).add_auth(request)
    try:
        answer = http.request("POST", url, body=body, headers=dict(request.headers), retries=False)
        said = json.loads(answer.data)
        code = "200" if answer.status == 200 else said["__type"]
        codes[code] += 1
        if answer.status not in (200, 400, 413):
            wrong.append((target, body[:300], answer.status, said))
    except (urllib3.exceptions.HTTPError, ValueError, KeyError) as error:
        wrong.append((target, body[:300], repr(error)))

ecr.delete_repository(repositoryName=main, force=True)
print(", ".join(f"{count} {code}" for code, count in codes.most_common()))
for one in wrong[:20]:
    print("   ", *one)
print(f"{'FAILED' if wrong else 'ok'} mutations: {len(requests)} operations, {number} requests, {len(wrong)} wrong")
print("0 passed, 1 failed" if wrong else "1 passed, 0 failed")
sys.exit(bool(wrong))
