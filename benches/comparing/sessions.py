"""A session: a tool with fresh state, and a registry with fresh storage, in which builds are measured."""

import contextlib
import os
import pathlib
import shutil
import tempfile
import time

from . import processes, verify
from .registry import registry

REPOSITORY, TAG = "app", "1"


def storage_folder(kind, work):
    """Where what the tools and the registry write goes: memory (tmpfs), or the disk that `work` is on."""
    return pathlib.Path("/dev/shm") if kind == "memory" else work


def own_copy(binary, work):
    """A copy of consign, so that a build in the meantime does not change what is measured."""
    if not binary.is_file():
        raise processes.Failure(f"there is no {binary}; cargo build --release makes it")
    return shutil.copy2(binary, work / "consign")


class Session:
    """Builds by one tool, one after the other, each of which finds what the ones before left."""

    def __init__(self, peer, state, environment, registry, pid):
        self.peer = peer
        self.state = state
        self.environment = environment
        self.registry = registry
        self.pid = pid

    def build(self, tree):
        """Builds `tree` and pushes it; gives what that took.

        `seconds`, `cpu` (seconds) and `memory` (MiB) of the tool with its daemon, without those of the registry;
        `sent`: bytes that the registry got; `stored`: bytes by which its storage grew.
        """
        self.peer.before(self.state)
        steps = self.peer.steps(tree, f"{self.registry.host}/{REPOSITORY}:{TAG}", self.state)
        os.sync()
        received, stored = self.registry.received(), self.registry.stored()
        daemon = processes.Usage()
        with processes.counting(self.pid, daemon):
            usage = processes.run_steps(steps, self.environment)
        return {
            "seconds": round(usage.elapsed, 4),
            "cpu": round(usage.cpu + daemon.cpu, 3),
            "memory": round(usage.peak + daemon.peak, 1),
            "sent": self.registry.received() - received,
            "stored": self.registry.stored() - stored,
        }

    def check(self, expected):
        """Raises Failure if the image in the registry is not `expected`."""
        verify.compare(expected, verify.entries_of_image(self.registry, REPOSITORY, TAG))


@contextlib.contextmanager
def session(peer, storage):
    """A session of `peer`, whose files are below `storage` until it ends."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="consign-bench-", dir=storage))
    state = folder / "state"
    try:
        environment = processes.clean_environment(state, peer.tools)
        peer.prepare(state)
        with registry(folder / "registry", peer.tools) as served, peer.daemon(state, environment) as pid:
            yield Session(peer, state, environment, served, pid)
    finally:
        remove(folder)


def remove(folder):
    """Removes a directory, and before that what a tool left mounted in it."""
    for _ in range(10):
        processes.unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.2)
    raise processes.Failure(f"{folder.name} cannot be removed")
