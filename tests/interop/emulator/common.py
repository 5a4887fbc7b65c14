"""What the proofs of the emulator share: starting it, counting checks, images of bytes."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import traceback

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"


class Emulator:
    """`BINARY emulator ARGUMENT…`, until `stop`. Its variables are in `os.environ`."""

    def __init__(self, binary, *arguments):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [binary, "emulator", *arguments], stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        for line in self.process.stdout:
            name, _, value = line.removeprefix("export ").strip().partition("=")
            os.environ[name] = value.strip("'")
            if name == "CONSIGN_REGISTRY_ENDPOINT":
                break
        else:
            sys.exit("the emulator did not start: " + self.said())
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
        self.host = os.environ["CONSIGN_REGISTRY_ENDPOINT"].removeprefix("http://")

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def is_up(self):
        return self.process.poll() is None

    def memory(self):
        """Kilobytes that it has in memory now, and had at most."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            text = file.read()
        return tuple(int(re.search(rf"{name}:\s+(\d+)", text).group(1)) for name in ("VmRSS", "VmHWM"))

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def connect(self):
        return http.client.HTTPConnection(self.host, timeout=60)


PASSED, FAILED = [], []


@contextlib.contextmanager
def check(name):
    """What goes wrong inside is a failure of the check `name`."""
    try:
        yield
    except Exception:  # noqa: BLE001: whatever it is, it is reported
        FAILED.append(name)
        print(f"FAILED {name}")
        print("    " + traceback.format_exc().replace("\n", "\n    "), flush=True)
    else:
        PASSED.append(name)
        print(f"ok {name}", flush=True)


def finish():
    print(f"{len(PASSED)} passed, {len(FAILED)} failed")
    sys.exit(0 if PASSED and not FAILED else 1)


def binary():
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(f"usage: {sys.argv[0]} BINARY")
    return sys.argv[1]


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def manifest(config, layer):
    return json.dumps({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest(config), "size": len(config)},
        "layers": [{"mediaType": OCI_LAYER, "digest": digest(layer), "size": len(layer)}],
    })
