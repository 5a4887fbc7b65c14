"""Installs the peers: Debian's packages with apt, by name; the others with Go, by name and version.

Debian starts the services of some packages (docker.io, docker-registry); the benchmark does not use them.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from . import processes

CRANE = ("github.com/google/go-containerregistry", "v0.22.1", ["./cmd/crane"])
BUILDKIT = ("github.com/moby/buildkit", "v0.34.2", ["./cmd/buildkitd", "./cmd/buildctl"])
# The program that shows whether the package is there, and the package.
PACKAGES = {
    "docker-registry": "docker-registry",
    "runc": "runc",
    "buildah": "buildah",
    "podman": "podman",
    "dockerd": "docker.io",
    "npm": "npm",
    "zstd": "zstd",
}


def install(tools):
    """Installs what is missing; what is there already stays as it is."""
    packages = [package for program, package in PACKAGES.items() if not processes.find(program, tools)]
    if packages:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", *packages]):
            processes.call(command, env=environment)
    for module, version, commands in (CRANE, BUILDKIT):
        names = [pathlib.PurePath(command).name for command in commands]
        if not all(processes.find(name, tools) for name in names):
            build(module, version, commands, tools)


def build(module, version, commands, tools):
    """Builds programs of a Go module.

    `go install MODULE@VERSION` refuses modules whose go.mod replaces or excludes others, as BuildKit's does. So the
    module is downloaded, which checks it against Go's checksum database, and built from a copy.
    """
    go = processes.find("go", tools)
    if go is None:
        raise processes.Failure("Go is needed to build crane and BuildKit")
    environment = os.environ | {"CGO_ENABLED": "0"}
    tools.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tools) as folder:
        done = subprocess.run(
            [go, "mod", "download", "-json", f"{module}@{version}"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise processes.Failure(f"{module}@{version}: {done.stderr or done.stdout}")
        source = pathlib.Path(folder, "source")
        shutil.copytree(json.loads(done.stdout)["Dir"], source, copy_function=shutil.copyfile)
        for place, _, _ in os.walk(source):
            os.chmod(place, 0o755)
        # Each has its own variable for what `--version` says; Go ignores the one that is not there.
        names = ("version.Version", "cmd/crane/cmd.Version")
        variables = " ".join(f"-X {module}/{name}={version}" for name in names)
        flags = ["-trimpath", "-buildvcs=false", f"-ldflags={variables}"]
        processes.call([go, "build", *flags, "-o", f"{tools}/", *commands], cwd=source, env=environment)
