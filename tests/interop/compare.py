#!/usr/bin/env python3
"""Compares an unpacked image with the directory that it was made of, entry by entry.

    compare.py SOURCE UNPACKED [--at-least N] [--without xattrs,symlink-times]

What consign normalises is normalised here too, by itself: owner 0:0, mode 0755 for directories and for files that
their owner may execute, 0644 for other files, time 0. Sockets and devices are left out. Everything else has to be
as in the source: names, kinds, contents, sizes, the targets of links, which names are one file, and capabilities.
Ends with 0 if all is alike, with 1 if something differs, with 2 if it could not compare.
"""

import argparse
import hashlib
import os
import stat
import sys

CAPABILITY = "security.capability"


def content(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def capability(path):
    try:
        return os.getxattr(path, CAPABILITY, follow_symlinks=False).hex()
    except OSError:
        return ""


def kind(mode):
    for name in ("REG", "DIR", "LNK", "FIFO", "SOCK", "CHR", "BLK"):
        if getattr(stat, "S_IS" + name)(mode):
            return name
    raise ValueError(f"mode {mode:o} is of no kind")


def walk(top):
    """Yields the path below `top` and the status of each entry, `top` itself too."""
    pending = [b""]
    yield b".", os.lstat(top)
    while pending:
        directory = pending.pop()
        with os.scandir(os.path.join(top, directory)) as entries:
            for entry in entries:
                path = os.path.join(directory, entry.name)
                status = entry.stat(follow_symlinks=False)
                yield path, status
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)


def survey(top, expected):
    """What is below `top`; if `expected`, what an image of it should have."""
    found, names = {}, {}
    for path, status in walk(top):
        entry = {"kind": kind(status.st_mode)}
        if expected and entry["kind"] in ("SOCK", "CHR", "BLK"):
            continue
        full = os.path.join(top, path)
        mode = stat.S_IMODE(status.st_mode)
        if entry["kind"] == "LNK":
            entry["target"] = os.readlink(full)
        elif expected:
            executable = entry["kind"] == "REG" and mode & 0o100
            mode = 0o755 if entry["kind"] == "DIR" or executable else 0o644
        if entry["kind"] != "LNK":
            entry["mode"] = f"{mode:04o}"
            entry["capability"] = capability(full)
        if entry["kind"] == "REG":
            entry["size"] = status.st_size
            entry["content"] = content(full)
        if entry["kind"] != "DIR" and status.st_nlink > 1:
            names.setdefault((status.st_dev, status.st_ino), []).append(path)
        entry["owner"] = "0:0" if expected else f"{status.st_uid}:{status.st_gid}"
        entry["time"] = 0 if expected else status.st_mtime
        found[path] = entry
    for group in names.values():
        # Names outside of the tree do not count.
        for path in group:
            found[path]["one file"] = sorted(group) if len(group) > 1 else None
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=os.fsencode)
    parser.add_argument("unpacked", type=os.fsencode)
    parser.add_argument("--at-least", type=int, default=1)
    parser.add_argument("--without", default="")
    arguments = parser.parse_args()
    without = set(filter(None, arguments.without.split(",")))
    if unknown := without - {"xattrs", "symlink-times"}:
        parser.error(f"--without: {unknown}")

    source = survey(arguments.source, True)
    unpacked = survey(arguments.unpacked, False)
    if len(source) < arguments.at_least:
        print(f"the source has {len(source)} entries, fewer than {arguments.at_least}")
        return 2
    differences = 0
    for path in sorted(source.keys() | unpacked.keys()):
        left, right = source.get(path), unpacked.get(path)
        if left is None or right is None:
            differences += 1
            print(f"{path!r}: {'is not in the source' if left is None else 'is missing'}")
            continue
        for name in sorted(left.keys() | right.keys()):
            skipped = (name == "capability" and "xattrs" in without) or (
                name == "time" and left["kind"] == "LNK" and "symlink-times" in without
            )
            if not skipped and left.get(name) != right.get(name):
                differences += 1
                print(f"{path!r}: {name}: expected {left.get(name)!r}, found {right.get(name)!r}")
    size = sum(entry.get("size", 0) for entry in source.values())
    print(f"{len(source)} entries, {size} bytes, {differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        print(error)
        sys.exit(2)
