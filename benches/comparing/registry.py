"""A registry on loopback: Distribution, as Debian packages it (`docker-registry`) or as the project calls it."""

import contextlib
import json
import pathlib
import urllib.error
import urllib.request

from . import processes

# Nothing is cached or checked in the background. The name of the repository is the same for every tool.
CONFIGURATION = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {storage}}}
  cache: {{blobdescriptor: inmemory}}
http: {{addr: "127.0.0.1:{port}"}}
"""
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


def program(tools):
    """The registry's program, or None."""
    return processes.find("docker-registry", tools) or processes.find("registry", tools)


def version(tools):
    name, _, number = processes.ask([program(tools), "--version"]).rpartition(" ")
    return f"{pathlib.PurePath(name).name} {number}"


class Registry:
    """A registry that runs, with counters of what it got."""

    def __init__(self, port, pid, storage):
        self.host = f"127.0.0.1:{port}"
        self.pid = pid
        self.storage = storage

    def received(self):
        """Bytes that the registry's process has read: what its clients sent, HTTP included.

        The kernel counts them (`rchar` of /proc/PID/io). Unlike the growth of the storage they tell of a blob that is
        sent although the registry holds it. What else the registry reads is a few hundred bytes for each request.
        """
        for line in pathlib.Path(f"/proc/{self.pid}/io").read_text().splitlines():
            if line.startswith("rchar:"):
                return int(line.split()[1])
        raise processes.Failure("the kernel does not count what processes read")

    def stored(self):
        """Bytes of all blobs in the storage: layers, configs and manifests."""
        return sum(path.stat().st_size for path in self.storage.glob("docker/registry/v2/blobs/*/*/*/data"))

    def open(self, path):
        request = urllib.request.Request(f"http://{self.host}/v2/{path}", headers={"Accept": ", ".join(MANIFESTS)})
        try:
            return urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            raise processes.Failure(f"/v2/{path}: {error}") from error

    def manifest(self, repository, tag):
        """The image's manifest; of an index that of its first platform."""
        with self.open(f"{repository}/manifests/{tag}") as answer:
            manifest = json.load(answer)
        if "manifests" in manifest:
            return self.manifest(repository, manifest["manifests"][0]["digest"])
        return manifest


@contextlib.contextmanager
def registry(folder, tools):
    """An empty registry, with its storage in `folder`."""
    storage = folder / "storage"
    storage.mkdir(parents=True)
    port = processes.free_port()
    configuration = folder / "config.yml"
    configuration.write_text(CONFIGURATION.format(storage=storage, port=port))
    command = [program(tools), "serve", configuration]
    environment = processes.clean_environment(folder, tools)
    with processes.daemon(command, environment, folder / "log", lambda: processes.answers(port)) as pid:
        yield Registry(port, pid, storage)
