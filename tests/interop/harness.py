"""What the checks written in Python share.

A script that imports this is called with the program, and runs itself again under its emulator:

    tests/interop/iam.py target/debug/consign

Each check prints `ok NAME` or `FAILED NAME` and why; the last line is `N passed, N failed`. Needs boto3.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback
import urllib.request

import boto3
import botocore.config
import botocore.exceptions

ACCOUNT = "123456789012"
REGION = "us-east-1"
CONFIG = botocore.config.Config(retries={"total_max_attempts": 1}, region_name=REGION)

_passed = 0
_failed = 0


def under_emulator(directory=None):
    """Returns inside an emulator. Outside, starts one with the accounts of `directory`, and ends with its result."""
    if len(sys.argv) == 1 and "AWS_ENDPOINT_URL_ECR" in os.environ:
        return
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} CONSIGN")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CONSIGN_"))}
    environment["AWS_EC2_METADATA_DISABLED"] = "true"
    environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1,localhost"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.argv[1], "emulator"]
        if directory is not None:
            path = pathlib.Path(folder, "iam.json")
            path.write_text(json.dumps(directory))
            command += ["--iam", str(path)]
        command += ["--", sys.executable, sys.argv[0]]
        sys.exit(subprocess.run(command, env=environment, timeout=600).returncode)


def check(function):
    """Runs a check, whose name is what its documentation says."""
    global _passed, _failed
    name = " ".join(function.__doc__.split())
    try:
        function()
    except Exception:
        _failed += 1
        print(f"FAILED {name}")
        print("    " + traceback.format_exc().replace("\n", "\n    ").rstrip())
    else:
        _passed += 1
        print(f"ok {name}")
    sys.stdout.flush()
    return function


def finish():
    print(f"{_passed} passed, {_failed} failed")
    sys.exit(0 if _passed and not _failed else 1)


def same(what, expected, found):
    if expected != found:
        raise AssertionError(f"{what}: expected\n{expected!r}\nfound\n{found!r}")


def refused(code, call, *arguments, **parameters):
    """The message with which the call is refused, which has to be with `code`."""
    try:
        call(*arguments, **parameters)
    except botocore.exceptions.ClientError as error:
        same("code", code, error.response["Error"]["Code"])
        return error.response["Error"]["Message"]
    raise AssertionError(f"{call.__name__} was not refused")


def control(path, body=None, method=None):
    """Asks the emulator itself."""
    url = os.environ["AWS_ENDPOINT_URL_ECR"] + "/_emulator/" + path
    request = urllib.request.Request(url, data=None if body is None else body.encode(), method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return json.load(answer)


def job_token(audience="sts.amazonaws.com", subject=None):
    """A token of the emulator's issuer, as a job gets it."""
    url = os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"] + "&audience=" + audience
    if subject is not None:
        url += "&subject=" + subject
    bearer = "Bearer " + os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers={"Authorization": bearer}), timeout=30) as answer:
        return json.load(answer)["value"]


def session(credentials):
    """A boto3 session with what STS gave."""
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=REGION,
    )
