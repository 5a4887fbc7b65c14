"""An image with everything that layers can hold, and comparisons of what tools make of it.

    rootfs.py make LAYOUT              writes the image as an OCI layout with the tag 1
    rootfs.py compare LAYOUT FOLDER    whether FOLDER holds the image, as own code applies its layers
    rootfs.py same FOLDER FOLDER       whether both hold the same
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import stat
import sys
import tarfile

from image_files import FileSystem, Layout, entries

CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, settings in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            member.mode = settings.get("mode", 0o755 if kind == tarfile.DIRTYPE else 0o644)
            member.uid, member.gid = settings.get("owner", (0, 0))
            member.mtime = settings.get("mtime", 1_600_000_000)
            member.linkname = settings.get("link", "")
            member.devmajor, member.devminor = settings.get("device", (0, 0))
            member.pax_headers = {f"SCHILY.xattr.{key}": value.decode("utf-8", "surrogateescape")
                                  for key, value in settings.get("xattrs", {}).items()}
            content = settings.get("content", b"")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def layers():
    file, folder, link, name = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
    long = "/".join(["long" * 20] * 4)
    yield [
        ("usr", folder, {}),
        ("usr/bin", folder, {}),
        ("usr/bin/tool", file, {"content": b"#!tool", "mode": 0o755}),
        ("usr/lib", folder, {"mode": 0o2775, "owner": (0, 50)}),
        ("bin", link, {"link": "usr/bin"}),
        ("lib", link, {"link": "/usr/lib"}),
        ("usr/bin/passwd", file, {"content": b"#!passwd", "mode": 0o4755}),
        ("tmp", folder, {"mode": 0o1777}),
        ("home", folder, {}),
        ("home/app", folder, {"owner": (1000, 1001), "mode": 0o700}),
        ("home/app/data", file, {"owner": (1000, 1001), "mode": 0o600, "content": os.urandom(300_000)}),
        ("dev", folder, {}),
        ("dev/null", tarfile.CHRTYPE, {"device": (1, 3), "mode": 0o666}),
        ("run", folder, {}),
        ("run/pipe", tarfile.FIFOTYPE, {"mode": 0o620}),
        ("one", file, {"content": b"one file"}),
        ("two", name, {"link": "one"}),
        ("opaque", folder, {}),
        ("opaque/below", folder, {}),
        ("opaque/below/x", file, {"content": b"x"}),
        ("gone", folder, {}),
        ("gone/x", file, {"content": b"x"}),
        ("kind", folder, {}),
        ("kind/x", file, {"content": b"x"}),
        ("dangling", link, {"link": "/nowhere/../../etc"}),
        (long, file, {"content": b"long"}),
        ("näme with space\n", file, {"content": b"name"}),
        ("empty", file, {}),
    ]
    yield [
        ("usr/bin/ping", file, {"content": b"#!ping", "mode": 0o755, "xattrs": {"security.capability": CAPABILITY}}),
        ("lib/library.so", file, {"content": b"elf"}),
        ("bin/more", file, {"content": b"#!more", "mode": 0o755}),
        (".wh.gone", file, {}),
        ("opaque", folder, {"mode": 0o750}),
        ("opaque/.wh..wh..opq", file, {}),
        ("opaque/new", file, {"content": b"new"}),
        ("kind", file, {"content": b"a file now"}),
        ("three", name, {"link": "two"}),
        ("home/app", folder, {"owner": (1000, 1000), "mode": 0o711, "mtime": 1_700_000_000}),
    ]
    yield [
        ("one", file, {"content": b"another file"}),
        ("gone", link, {"link": "back"}),
        ("home/.wh.nobody", file, {}),
    ]


def make(path):
    blobs = path / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": "sha256:" + digest, "size": len(data)}

    tars = [tar(members) for members in layers()]
    diff_ids = ["sha256:" + hashlib.sha256(data).hexdigest() for data in tars]
    config = {"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": put(json.dumps(config).encode(), "config.v1+json"),
        "layers": [put(gzip.compress(data, mtime=0), "layer.v1.tar+gzip") for data in tars],
    }
    top = put(json.dumps(manifest).encode(), "manifest.v1+json")
    top["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def on_disk(folder, times):
    """Each path below a folder with the facts that `FileSystem.facts` gives."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe",
             stat.S_IFCHR: "character device", stat.S_IFBLK: "block device"}
    found, names = {}, {}
    for above, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(above, name)
            status = os.lstat(path)
            shown = path.removeprefix(str(folder))
            kind = kinds[stat.S_IFMT(status.st_mode)]
            facts = {"kind": kind, "owner": f"{status.st_uid}:{status.st_gid}"}
            if kind == "link":
                facts["target"] = os.readlink(path)
            else:
                facts["mode"] = f"{stat.S_IMODE(status.st_mode):04o}"
            if kind == "file":
                content = pathlib.Path(path).read_bytes()
                facts |= {"size": len(content), "content": hashlib.sha256(content).hexdigest()[:12]}
            if kind.endswith("device"):
                facts["device"] = f"{os.major(status.st_rdev)},{os.minor(status.st_rdev)}"
            if kind != "link":
                for key in os.listxattr(path, follow_symlinks=False):
                    facts[f"xattr {key}"] = os.getxattr(path, key, follow_symlinks=False).hex()
            if times:
                facts["time"] = int(status.st_mtime)
            found[shown] = facts
            if kind != "directory" and status.st_nlink > 1:
                names.setdefault(status.st_ino, []).append(shown)
    for paths in names.values():
        for path in paths:
            found[path]["one file"] = sorted(paths)
    return found


def compare(expected, found):
    differences = [f"{path!r}: expected {expected.get(path)}, found {found.get(path)}"
                   for path in sorted(expected.keys() | found.keys()) if expected.get(path) != found.get(path)]
    print("\n".join(differences) or f"{len(found)} paths are the same")
    return 1 if differences or len(found) < 30 else 0


def main():
    command, first, *rest = sys.argv[1:]
    first = pathlib.Path(first)
    if command == "make":
        return make(first)
    if command == "same":
        return compare(on_disk(first, times=False), on_disk(pathlib.Path(rest[0]), times=False))
    layout = Layout(first)
    ((_, manifest, _),) = layout.images()[0].values()
    system = FileSystem()
    for layer in manifest["layers"]:
        system.apply(entries(layout.blob(layer), layer["digest"]))
    expected = system.facts()
    expected.pop("/")
    return compare(expected, on_disk(pathlib.Path(rest[0]), times=False))


sys.exit(main())
