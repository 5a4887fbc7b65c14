"""Reads images as an engine does: an OCI layout, as a folder or a tar, becomes manifests, configs and file systems.

Layers are applied by own code, after the specification (https://github.com/opencontainers/image-spec/blob/main/layer.md)
and, where that leaves something open, as containerd applies them: parents are followed through symbolic links, what is
in the way is removed unless both are directories, parents that no layer has are made.
"""

import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile

OPAQUE = ".wh..wh..opq"
KINDS = {tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "link",
         tarfile.CHRTYPE: "character device", tarfile.BLKTYPE: "block device", tarfile.FIFOTYPE: "pipe"}


class Layout:
    """The blobs of a layout. Each is held against its digest when it is read."""

    def __init__(self, path):
        path = pathlib.Path(path)
        self.files = {}
        if path.is_dir():
            self.read = lambda name: (path / name).read_bytes()
        else:
            with tarfile.open(path) as tar:
                self.files = {m.name.removeprefix("./"): tar.extractfile(m).read() for m in tar if m.isfile()}
            self.read = self.files.__getitem__

    def blob(self, descriptor):
        data = self.read("blobs/" + descriptor["digest"].replace(":", "/"))
        found = "sha256:" + hashlib.sha256(data).hexdigest()
        assert found == descriptor["digest"], (found, descriptor)
        assert len(data) == descriptor["size"], descriptor
        return data

    def document(self, descriptor):
        return json.loads(self.blob(descriptor))

    def images(self):
        """The platforms of the layout's one image, each with its descriptor, manifest and config."""
        (top,) = json.loads(self.read("index.json"))["manifests"]
        found = {}
        below = [top] if "index" not in top["mediaType"] else self.document(top)["manifests"]
        for descriptor in below:
            manifest = self.document(descriptor)
            config = self.document(manifest["config"])
            names = [config.get(name) for name in ("os", "architecture", "variant")]
            platform = "/".join(name for name in names if name)
            assert platform not in found, platform
            found[platform] = (descriptor, manifest, config)
        return found, "index" in top["mediaType"]


def unpacked(data):
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


class Node:
    """A file of any kind. Names that are one file share one of these."""

    def __init__(self, kind, mode=0o755, uid=0, gid=0, size=0, content="", target="", device="", xattrs=()):
        self.kind, self.mode, self.uid, self.gid, self.size = kind, mode, uid, gid, size
        self.content, self.target, self.device, self.xattrs = content, target, device, xattrs

    def facts(self):
        facts = {"kind": self.kind, "owner": f"{self.uid}:{self.gid}"}
        if self.kind == "link":
            return facts | {"target": self.target}
        facts["mode"] = f"{self.mode:04o}"
        if self.kind == "file":
            facts |= {"size": self.size, "content": self.content[:12]}
        if self.device:
            facts["device"] = self.device
        return facts | {f"xattr {name}": value for name, value in self.xattrs}


PARSED = {}


def entries(data, key):
    """What a layer's tar says, in its order: (name, node, target of a hard link)."""
    if key not in PARSED:
        found = []
        with tarfile.open(fileobj=io.BytesIO(unpacked(data)), encoding="utf-8") as tar:
            for member in tar:
                parts = [part for part in member.name.split("/") if part not in ("", ".")]
                assert ".." not in parts, member.name
                if member.islnk():
                    found.append((parts, None, member.linkname))
                    continue
                content = ""
                if member.isfile():
                    content = hashlib.sha256(tar.extractfile(member).read()).hexdigest()
                prefix = "SCHILY.xattr."
                xattrs = {name.removeprefix(prefix): value.encode("utf-8", "surrogateescape").hex()
                          for name, value in member.pax_headers.items() if name.startswith(prefix)}
                device = f"{member.devmajor},{member.devminor}" if member.ischr() or member.isblk() else ""
                node = Node(KINDS[member.type], member.mode & 0o7777, member.uid, member.gid, member.size, content,
                            member.linkname if member.issym() else "", device, tuple(sorted(xattrs.items())))
                found.append((parts, node, None))
        PARSED[key] = found
    return PARSED[key]


class FileSystem:
    def __init__(self):
        self.nodes = {"": Node("directory")}

    def followed(self, parts, depth=0):
        """The path that a path leads to when each link on the way is followed."""
        assert depth < 100, "links in a circle"
        path = ""
        for index, part in enumerate(parts):
            if part in ("", "."):
                continue
            if part == "..":
                path = path.rpartition("/")[0]
                continue
            path = f"{path}/{part}"
            node = self.nodes.get(path)
            if node and node.kind == "link":
                start = [] if node.target.startswith("/") else path.rpartition("/")[0].split("/")
                return self.followed(start + node.target.split("/") + parts[index + 1:], depth + 1)
        return path

    def remove(self, path, itself=True, but=()):
        below = [other for other in self.nodes if other.startswith(path + "/") and other not in but]
        for other in below + ([path] if itself else []):
            self.nodes.pop(other, None)

    def apply(self, layer):
        made = set()
        for parts, node, linked in layer:
            if not parts:
                self.nodes[""] = node
                continue
            folder, name = self.followed(parts[:-1]), parts[-1]
            if name == OPAQUE:
                self.remove(folder, itself=False, but=made)
                continue
            if name.startswith(".wh."):
                self.remove(f"{folder}/{name.removeprefix('.wh.')}")
                continue
            steps = folder.split("/")
            for length in range(2, len(steps) + 1):
                above = "/".join(steps[:length])
                if above not in self.nodes:
                    self.nodes[above] = Node("directory")
                    made.add(above)
            path = f"{folder}/{name}"
            there = self.nodes.get(path)
            if linked is not None:
                parts = [part for part in linked.split("/") if part not in ("", ".")]
                node = self.nodes[f"{self.followed(parts[:-1])}/{parts[-1]}"]
            if there and not (there.kind == node.kind == "directory"):
                self.remove(path)
            self.nodes[path] = node
            made.add(path)

    def facts(self):
        """Each path with what is to be compared."""
        names = {}
        for path, node in self.nodes.items():
            names.setdefault(id(node), []).append(path)
        found = {}
        for path, node in self.nodes.items():
            found[path or "/"] = node.facts()
            if len(names[id(node)]) > 1:
                found[path]["one file"] = sorted(names[id(node)])
        return found
