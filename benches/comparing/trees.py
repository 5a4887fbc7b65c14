"""The directories that images are made of: a Node application, a Python application, and a tiny one."""

import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import sys

from . import processes

SOURCE = pathlib.Path(__file__).parent / "trees"
MODULES = 60
# What pip is asked for does not depend on the Python that the benchmark runs on.
PIP = "install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --no-compile --require-hashes"
WHEELS = "--only-binary=:all: --implementation=cp --python-version=3.11 --abi=cp311"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_24_x86_64", "manylinux2014_x86_64")


class Tree:
    """A directory named `app`, and the source file in it that a developer changes."""

    def __init__(self, name, root, changed):
        self.name = name
        self.root = root
        self.changed = root / changed

    def size(self):
        """Number and bytes of files. Reading them all also brings them into the kernel's cache."""
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(self.root) for name in names]
        files = [path for path in paths if not os.path.islink(path)]
        return len(paths), sum(len(pathlib.Path(path).read_bytes()) for path in files)

    @contextlib.contextmanager
    def one_change(self, line):
        """Appends a line to the source file, and takes it back in the end."""
        content, status = self.changed.read_bytes(), self.changed.stat()
        try:
            with open(self.changed, "ab") as file:
                file.write(f"{line}\n".encode())
            yield
        finally:
            self.changed.write_bytes(content)
            os.utime(self.changed, ns=(status.st_atime_ns, status.st_mtime_ns))


def make(name, work):
    """The tree `name` below `work`; it is made once for each content of its lock file."""
    install, lock, changed = KINDS[name]
    key = hashlib.sha256((SOURCE / name / lock).read_bytes() if lock else b"1").hexdigest()[:12]
    folder = work / "trees" / f"{name}-{key}"
    if not folder.exists():
        unfinished = folder.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        (unfinished / "app").mkdir(parents=True)
        install(unfinished / "app")
        unfinished.rename(folder)
    return Tree(name, folder / "app", changed)


def install_node(root):
    """npm's packages as the lock file has them, without their scripts, and modules of an application."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(SOURCE / "node" / name, root / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    processes.call(command, cwd=root)
    (root / "node_modules/.package-lock.json").unlink(missing_ok=True)
    write_modules(
        root / "src", "server", ".js", "export function handler{0}(order) {{\n  return {{ ...order, step: {0} }};\n}}\n"
    )


def install_python(root):
    """PyPI's wheels as the requirements have them, and modules of an application."""
    shutil.copyfile(SOURCE / "python/requirements.txt", root / "requirements.txt")
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    command = [sys.executable, "-m", "pip", *PIP.split(), *WHEELS.split(), *platforms]
    processes.call([*command, "--target", root / "site-packages", "-r", root / "requirements.txt"])
    write_modules(root / "src", "server", ".py", "def handler{0}(order):\n    return {{**order, 'step': {0}}}\n\n")


def write_modules(folder, first, suffix, function):
    """Source files with functions: `first`, and modules beside it."""
    folder.mkdir()
    names = [first, *(f"module{number:02}" for number in range(1, MODULES))]
    for number, name in enumerate(names):
        text = "".join(function.format(number * 100 + count) for count in range(40))
        (folder / f"{name}{suffix}").write_text(text)


def install_smoke(root):
    """A few hundred small files: text, random, empty, executable, and a symbolic link."""
    chance = random.Random(1)
    write_modules(root / "src", "server", ".js", "export const value{0} = {0};\n")
    for number in range(400):
        folder = root / "node_modules" / f"package-{number // 20:02}"
        folder.mkdir(parents=True, exist_ok=True)
        data = (
            b"const word = 1;\n" * chance.randrange(200) if number % 2 else chance.randbytes(chance.randrange(20_000))
        )
        (folder / f"file-{number:03}").write_bytes(data)
    (root / "src/empty").touch()
    (root / "src/run").write_text("#!/usr/bin/env node\n")
    (root / "src/run").chmod(0o755)
    (root / "src/start").symlink_to("run")


KINDS = {
    "node": (install_node, "package-lock.json", "src/server.js"),
    "python": (install_python, "requirements.txt", "src/server.py"),
    "smoke": (install_smoke, None, "src/server.js"),
}
