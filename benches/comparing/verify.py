"""Compares the image that a tool pushed with the tree: so no tool wins by leaving something out.

The image is pulled with this module's own code, not with one of the tools that are compared.
"""

import contextlib
import gzip
import hashlib
import os
import pathlib
import subprocess
import tarfile
import threading

from .processes import Failure

SHOWN = 5


def entries_of_tree(root):
    """What is in a directory, by its path below it: kind, and content, whether executable, or where a link leads."""
    entries = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = pathlib.Path(folder, name)
            entries[str(path.relative_to(root))] = entry_of_file(path)
    return entries


def entry_of_file(path):
    if path.is_symlink():
        return ("link", os.readlink(path))
    if path.is_dir():
        return ("directory",)
    with open(path, "rb") as file:
        return ("file", hashlib.file_digest(file, "sha256").hexdigest(), bool(path.stat().st_mode & 0o100))


def entries_of_image(registry, repository, tag):
    """The same of an image, below /app: its layers are applied one after the other."""
    entries = {}
    for layer in registry.manifest(repository, tag)["layers"]:
        with (
            registry.open(f"{repository}/blobs/{layer['digest']}") as blob,
            decompressed(blob, layer["mediaType"]) as plain,
            tarfile.open(fileobj=plain, mode="r|") as archive,
        ):
            apply_layer(archive, entries)
    return {path.removeprefix("app/"): entry for path, entry in entries.items() if path.startswith("app/")}


@contextlib.contextmanager
def decompressed(blob, media_type):
    """A stream of what was compressed. Python 3.11 knows no zstd, so the program `zstd` does that."""
    if not media_type.endswith("zstd"):
        yield gzip.GzipFile(fileobj=blob) if media_type.endswith("gzip") else blob
        return
    try:
        process = subprocess.Popen(["zstd", "-dcq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    except FileNotFoundError as error:
        raise Failure("the program `zstd` is needed to check an image compressed with zstd") from error
    with process:
        feeder = threading.Thread(target=copy, args=(blob, process.stdin))
        feeder.start()
        try:
            yield process.stdout
        finally:
            process.stdout.close()  # Ends zstd, and with it the feeder, should there be something left.
            feeder.join()


def copy(source, sink):
    with contextlib.suppress(BrokenPipeError), sink:
        while piece := source.read(1 << 20):
            sink.write(piece)


def apply_layer(archive, entries):
    for member in archive:
        path = os.path.normpath(member.name).lstrip("/")
        folder, name = os.path.split(path)
        if name.startswith(".wh."):
            remove(entries, os.path.join(folder, name.removeprefix(".wh.")))
        elif member.isdir():
            entries[path] = ("directory",)
        elif member.issym():
            entries[path] = ("link", member.linkname)
        elif member.islnk():
            entries[path] = entries[os.path.normpath(member.linkname).lstrip("/")]
        elif member.isreg():
            digest = hashlib.file_digest(archive.extractfile(member), "sha256")
            entries[path] = ("file", digest.hexdigest(), bool(member.mode & 0o100))


def remove(entries, path):
    for key in [key for key in entries if key == path or key.startswith(f"{path}/")]:
        del entries[key]


def compare(expected, found):
    """Raises Failure if the image does not hold what the tree holds; the message names the first differences."""
    paths = sorted(expected.keys() | found.keys())
    different = [path for path in paths if expected.get(path) != found.get(path)]
    if different:
        lines = [
            f"{path}: {expected.get(path)} in the tree, {found.get(path)} in the image" for path in different[:SHOWN]
        ]
        raise Failure(f"{len(different)} of {len(paths)} entries differ:\n" + "\n".join(lines))
