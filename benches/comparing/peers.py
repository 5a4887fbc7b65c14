"""The tools that are compared: how each is started, and the commands that build an image and push it.

Every tool gets the same directory, which is to be in the image as /app, and the same registry on loopback; all that it
keeps is below a directory of its own. Each command is the one that the tool's own documentation shows for the purpose.
"""

import contextlib
import os
import shutil
import subprocess

from . import processes

DOCKERFILE = "FROM scratch\nCOPY . /app\n"


class Peer:
    """A tool. `family` is its name for `--only`; `label` is its name in the tables."""

    programs = ()
    needs_root = True

    def __init__(self, family, label, tools):
        self.family = family
        self.label = label
        self.tools = tools

    def missing(self):
        """Why the tool cannot take part, or None."""
        absent = [name for name in self.programs if not processes.find(name, self.tools)]
        if absent:
            return f"not installed: {', '.join(absent)}"
        if self.needs_root and os.geteuid() != 0:
            return "needs root"
        return None

    def version(self):
        return processes.ask([processes.find(self.programs[0], self.tools), "--version"])

    def prepare(self, state):
        """Makes what the commands need in `state`; comes before the measurement."""
        (state / "Dockerfile").write_text(DOCKERFILE)

    @contextlib.contextmanager
    def daemon(self, state, environment):
        """The tool's daemon, if it has one: its process id."""
        yield None

    def before(self, state):
        """Comes before each build, and is not measured."""

    def steps(self, tree, reference, state):
        """Pipelines, run one after the other, that build `tree` and push it as `reference`."""
        raise NotImplementedError


class Consign(Peer):
    """consign. Without `cache` it finds an empty disk at each build, as in a new CI job."""

    needs_root = False

    def __init__(self, label, tools, binary, *options, cache=False):
        super().__init__("consign", label, tools)
        self.binary = binary
        self.options = options
        self.cache = cache

    def missing(self):
        if self.cache and "--cache-dir" not in self.help():
            return "this consign has no --cache-dir"
        return None

    def help(self):
        return subprocess.run([self.binary, "build", "--help"], capture_output=True, text=True, check=True).stdout

    def version(self):
        return processes.ask([self.binary, "--version"])

    def before(self, state):
        for folder in ("home", "tmp"):
            shutil.rmtree(state / folder, ignore_errors=True)
            (state / folder).mkdir()

    def steps(self, tree, reference, state):
        options = [*self.options, *(["--cache-dir", state / "cache"] if self.cache else [])]
        return [[[self.binary, "build", tree, "--tag", reference, "--push", "--quiet", *options]]]


class BuildKit(Peer):
    """buildkitd with its OCI worker, and buildctl as its client."""

    programs = ("buildkitd", "buildctl", "runc")

    def __init__(self, label, tools, compression=None, snapshotter="overlayfs"):
        super().__init__("buildkit", label, tools)
        self.compression = compression
        self.snapshotter = snapshotter

    def address(self, state):
        return f"unix://{state}/socket"

    @contextlib.contextmanager
    def daemon(self, state, environment):
        configuration = state / "buildkitd.toml"
        configuration.write_text("")
        command = ["buildkitd", "--config", configuration, "--root", state / "root", "--addr", self.address(state)]
        command += ["--containerd-worker=false", "--oci-worker=true", "--oci-worker-net=host"]
        command += [f"--oci-worker-snapshotter={self.snapshotter}", "--oci-worker-gc=false"]
        command[0] = processes.find("buildkitd", self.tools)
        ready = [processes.find("buildctl", self.tools), "--addr", self.address(state), "debug", "workers"]
        with processes.daemon(command, environment, state / "log", lambda: succeeds(ready, environment)) as pid:
            yield pid

    def steps(self, tree, reference, state):
        output = f"type=image,name={reference},push=true,registry.insecure=true"
        if self.compression:
            output += f",compression={self.compression},oci-mediatypes=true"
        command = ["buildctl", "--addr", self.address(state), "build", "--progress=plain", "--frontend=dockerfile.v0"]
        return [[[*command, "--local", f"context={tree}", "--local", f"dockerfile={state}", "--output", output]]]


class Crane(Peer):
    """tar into `crane append`: it only makes a layer of a directory, which is the least that a tool can do."""

    programs = ("crane", "tar")
    needs_root = False

    def __init__(self, tools):
        super().__init__("crane", "tar | crane append", tools)

    def version(self):
        return f"crane {processes.ask([processes.find('crane', self.tools), 'version'])}"

    def steps(self, tree, reference, state):
        archive = ["tar", "-C", tree.parent, "--sort=name", "-c", tree.name]
        return [[archive, ["crane", "append", "--oci-empty-base", "--insecure", "-f", "-", "-t", reference]]]


class Buildah(Peer):
    programs = ("buildah",)

    def __init__(self, tools):
        super().__init__("buildah", "buildah", tools)

    def steps(self, tree, reference, state):
        tool = ["buildah", "--root", state / "root", "--runroot", state / "run", "--storage-driver=overlay"]
        build = [*tool, "build", "--layers", "--quiet", "--file", state / "Dockerfile", "--tag", reference, tree]
        return [[build], [[*tool, "push", "--quiet", "--tls-verify=false", reference]]]


class Podman(Peer):
    programs = ("podman",)

    def __init__(self, tools):
        super().__init__("podman", "podman", tools)

    def steps(self, tree, reference, state):
        tool = ["podman", "--root", state / "root", "--runroot", state / "run", "--storage-driver=overlay"]
        tool += ["--tmpdir", state / "run/libpod", "--events-backend=file", "--cgroup-manager=cgroupfs"]
        build = [*tool, "build", "--quiet", "--file", state / "Dockerfile", "--tag", reference, tree]
        return [[build], [[*tool, "push", "--quiet", "--tls-verify=false", reference]]]


class Docker(Peer):
    """dockerd with its classic builder; BuildKit has a row of its own."""

    programs = ("dockerd", "docker", "containerd")

    def __init__(self, tools):
        super().__init__("docker", "docker (classic builder)", tools)

    @contextlib.contextmanager
    def daemon(self, state, environment):
        configuration = state / "daemon.json"
        configuration.write_text("{}")
        address = f"unix://{state}/socket"
        command = [processes.find("dockerd", self.tools), "--config-file", configuration, "--host", address]
        command += ["--data-root", state / "root", "--exec-root", state / "run", "--pidfile", state / "pid"]
        command += ["--bridge=none", "--iptables=false", "--storage-driver=overlay2"]
        environment |= {"DOCKER_HOST": address, "DOCKER_BUILDKIT": "0", "DOCKER_CONFIG": str(state / "home")}
        ready = [processes.find("docker", self.tools), "version"]
        with processes.daemon(command, environment, state / "log", lambda: succeeds(ready, environment)) as pid:
            yield pid

    def steps(self, tree, reference, state):
        build = ["docker", "build", "--quiet", "--file", state / "Dockerfile", "--tag", reference, tree]
        return [[build], [["docker", "push", "--quiet", reference]]]


class Kaniko(Peer):
    """Never takes part: it deletes files of the root file system that it runs in, and is only safe in a container."""

    def __init__(self, tools):
        super().__init__("kaniko", "kaniko", tools)

    def missing(self):
        return "left out: outside a container of its own it deletes files of the machine"


def succeeds(command, environment):
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


def all_peers(binary, tools):
    """Everything that is compared, in the order of the tables."""
    return [
        Consign("consign", tools, binary),
        Consign("consign, `--cache-dir` kept", tools, binary, cache=True),
        Consign("consign, zstd", tools, binary, "--compression", "zstd"),
        BuildKit("BuildKit", tools),
        BuildKit("BuildKit, zstd", tools, "zstd"),
        Crane(tools),
        Buildah(tools),
        Podman(tools),
        Docker(tools),
        Kaniko(tools),
    ]
