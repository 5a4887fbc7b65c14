"""Pushes through a link that is the bottleneck: to consign's emulator, so many bytes per second.

The layers are compressed with zstd, as gzip keeps two cores busy for longer than such a link needs for its result.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile

from . import processes
from .emulator import emulator

RATE = 50_000_000
# ECR's own API carries layers as base64 in JSON.
WIRE = {"ecr": 4 / 3, "oci": 1}
TRANSPORTS = tuple(WIRE)


def measure(binary, tree, storage, tools, transport, rate=RATE):
    """One push through the limited link.

    `seconds`, `cpu` and `memory` of consign; `blobs`: bytes of the image's blobs; `wire`: those as the transport encodes
    them. HTTP's own bytes are not counted.
    """
    folder = pathlib.Path(tempfile.mkdtemp(prefix="consign-bench-", dir=storage))
    try:
        environment = processes.clean_environment(folder / "state", tools)
        with emulator(binary, folder, environment, f"slow,rate={rate}") as variables:
            command = [binary, "build", tree, "--tag", "app:1", "--create-repository", "--push", "--quiet"]
            command += ["--compression", "zstd", "--transport", transport]
            usage = processes.run([command], environment | variables)
        blobs = sum(path.stat().st_size for path in (folder / "registry/blobs").rglob("*") if path.is_file())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "seconds": round(usage.elapsed, 4),
        "cpu": round(usage.cpu, 3),
        "memory": round(usage.peak, 1),
        "blobs": blobs,
        "wire": round(blobs * WIRE[transport]),
    }


def transports(binary):
    """Those that this consign can use."""
    shown = subprocess.run([binary, "build", "--help"], capture_output=True, text=True, check=True).stdout
    section = shown.partition("--transport")[2].partition("\n      --")[0]
    return [name for name in TRANSPORTS if re.search(rf"\b{name}\b", section)]
