#!/usr/bin/env python3
"""OCI's own conformance suite against the emulator with `--strict-oci`.

    conformance.py BINARY       needs boto3, Go and its module proxy

SHA-512 is left out: ECR computes SHA-256 only, and that is no matter of strictness.
"""

import base64
import os
import pathlib
import re
import subprocess
import tempfile

import boto3
from common import Emulator, binary, check, finish

SUITE = "github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111"
WORK = pathlib.Path(tempfile.mkdtemp(prefix="conformance-"))

subprocess.run(["go", "install", SUITE], env={**os.environ, "GOBIN": str(WORK)}, check=True, cwd=WORK)
emulator = Emulator(binary(), "--strict-oci")
ecr = boto3.client("ecr")
for name in ("conformance/repo1", "conformance/repo2"):
    ecr.create_repository(repositoryName=name)
token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
suite = subprocess.run(
    [WORK / "conformance"],
    env={
        **os.environ,
        "OCI_REGISTRY": emulator.host,
        "OCI_TLS": "disabled",
        "OCI_USERNAME": "AWS",
        "OCI_PASSWORD": base64.b64decode(token).decode().removeprefix("AWS:"),
        "OCI_RESULTS_DIR": str(WORK / "results"),
        "OCI_API_BLOBS_DIGEST_HEADER": "true",
        "OCI_API_BLOBS_UPLOAD_CANCEL": "true",
        "OCI_API_MANIFESTS_DIGEST_HEADER": "true",
        "OCI_DATA_SHA512": "false",
    },
    capture_output=True,
    text=True,
    timeout=600,
    cwd=WORK,
)
results = re.findall(r"^  ([A-Z][A-Za-z0-9 -]+?)\.*:\s+(Pass|FAIL|Error)$", suite.stdout, re.MULTILINE)
for name, result in results:
    with check(f"OCI conformance: {name}"):
        said = [line for line in suite.stderr.splitlines() if "failed test" in line][:3]
        assert result == "Pass", "\n".join(said)
with check("the suite ended well"):
    assert suite.returncode == 0 and len(results) > 20, suite.stdout[-500:] + suite.stderr[-500:]
emulator.stop()
with check("nothing panicked"):
    assert "panicked" not in emulator.said(), emulator.said()
finish()
