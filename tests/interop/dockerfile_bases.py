#!/usr/bin/env python3
"""Makes images to build on, and folders to build from.

    dockerfile_bases.py FOLDER REGISTRY

FOLDER/layout gets an OCI layout with all of them, FOLDER/shop and FOLDER/other get folders; a registry on loopback gets
the images. The files are of Debian's packages and of this script; nothing here is consign's.
"""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import urllib.request

# As an image of somebody else has them.
MOMENT, WHEN = 1_600_000_000, "2020-09-13T12:26:40Z"
OCI = {"manifest": "application/vnd.oci.image.manifest.v1+json", "config": "application/vnd.oci.image.config.v1+json",
       "index": "application/vnd.oci.image.index.v1+json", "layer": "application/vnd.oci.image.layer.v1.tar",
       "gzip": "+gzip", "zstd": "+zstd", "none": ""}
DOCKER = {"manifest": "application/vnd.docker.distribution.manifest.v2+json",
          "config": "application/vnd.docker.container.image.v1+json",
          "index": "application/vnd.docker.distribution.manifest.list.v2+json",
          "layer": "application/vnd.docker.image.rootfs.diff.tar", "gzip": ".gzip"}


# --- tars ------------------------------------------------------------------------------------------------------------

def entry(name, kind, mode, owner=(0, 0), content=b"", target="", **more):
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime, member.linkname = kind, mode, MOMENT, target
    member.uid, member.gid = owner
    member.size = len(content)
    member.pax_headers = more.get("pax", {})
    return member, content


def folder(name, mode=0o755, owner=(0, 0)):
    return entry(name, tarfile.DIRTYPE, mode, owner)


def file(name, content, mode=0o644, owner=(0, 0), **more):
    content = content if isinstance(content, bytes) else content.encode()
    return entry(name, tarfile.REGTYPE, mode, owner, content, **more)


def link(name, target, owner=(0, 0)):
    return entry(name, tarfile.SYMTYPE, 0o777, owner, target=target)


def hard(name, target, mode, owner):
    return entry(name, tarfile.LNKTYPE, mode, owner, target=target)


def gone(name):
    above, _, last = name.rpartition("/")
    return file(f"{above}/.wh.{last}", "")


def tar(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def compressed(data, how):
    if how == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


# --- images ----------------------------------------------------------------------------------------------------------

class Images:
    def __init__(self, layout, registry):
        self.layout, self.registry, self.names = layout, registry, []
        (layout / "blobs/sha256").mkdir(parents=True)
        (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data, media_type):
        name = hashlib.sha256(data).hexdigest()
        (self.layout / "blobs/sha256" / name).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(data)}

    def image(self, layers, config, compression="gzip", types=None, platform=("linux", "amd64")):
        types = types or OCI
        descriptors = [self.blob(compressed(layer, compression), types["layer"] + types[compression]) for layer in layers]
        history = [{"created": WHEN, "created_by": f"layer {number}"} for number in range(len(layers))]
        history.insert(1, {"created": WHEN, "created_by": "a setting", "comment": "by hand", "empty_layer": True})
        document = dict(zip(("os", "architecture", "variant"), platform)) | {
            "created": WHEN, "author": "the maker of the base", "config": config, "history": history,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}}
        return self.manifest({"config": self.blob(json.dumps(document).encode(), types["config"]),
                              "layers": descriptors}, types["manifest"])

    def index(self, children, types):
        manifests = []
        for platform, child in children.items():
            names = dict(zip(("os", "architecture", "variant"), platform))
            manifests.append(child | {"platform": names})
        return self.manifest({"manifests": manifests}, types["index"])

    def manifest(self, document, media_type):
        return self.blob(json.dumps({"schemaVersion": 2, "mediaType": media_type} | document).encode(), media_type)

    def ask(self, method, url, data=None, kind="application/octet-stream"):
        request = urllib.request.Request(url, data, {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(request) as response:
            return response.headers

    def push(self, repository, tag, descriptor):
        """Sends an image by way of the distribution specification, and names it in the layout."""
        base = f"http://{self.registry}/v2/{repository}"
        data = (self.layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
        document = json.loads(data)
        for child in document.get("manifests", []):
            self.push(repository, child["digest"], child)
        for blob in [document["config"], *document["layers"]] if "config" in document else []:
            place = self.ask("POST", f"{base}/blobs/uploads/", b"")["Location"]
            content = (self.layout / "blobs" / blob["digest"].replace(":", "/")).read_bytes()
            self.ask("PUT", f"{place}{'&' if '?' in place else '?'}digest={blob['digest']}", content)
        self.ask("PUT", f"{base}/manifests/{tag}", data, descriptor["mediaType"])
        if not tag.startswith("sha256:"):
            named = {"org.opencontainers.image.ref.name": f"{repository}-{tag}"}
            self.names.append(descriptor | {"annotations": named})

    def finish(self):
        index = {"schemaVersion": 2, "mediaType": OCI["index"], "manifests": self.names}
        (self.layout / "index.json").write_text(json.dumps(index))
        digests = {d["annotations"]["org.opencontainers.image.ref.name"]: d["digest"] for d in self.names}
        (self.layout / "digests.json").write_text(json.dumps(digests))


PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1001:1002:the application:/home/app:/bin/sh\n"
GROUP = "root:x:0:\nstaff:x:50:app\napp:x:1002:\n"


def busybox_layers():
    """Three layers: files; what they lose and what is put in their place; users that come late."""
    busybox = pathlib.Path("/bin/busybox").read_bytes()
    commands = ("cat", "echo", "id", "ls", "readlink", "sh", "stat", "test", "true")
    first = tar(
        folder("bin"), file("bin/busybox", busybox, 0o755), *(link(f"bin/{name}", "busybox") for name in commands),
        folder("etc"), file("etc/passwd", PASSWD), file("etc/group", GROUP), file("etc/motd", "welcome\n", 0o604, (3, 4)),
        folder("tmp", 0o1777), folder("root", 0o700), folder("home"), folder("home/app", 0o750, (1001, 1002)),
        folder("work", 0o2770, (7, 8)), folder("opt"),
        folder("opt/there", 0o711, (5, 6)), file("opt/there/file", "old\n", 0o4755, (5, 6)),
        folder("opt/there/deeper", 0o1700, (9, 9)), file("opt/there/deeper/x", "x\n"),
        hard("opt/there/twin", "opt/there/file", 0o4755, (5, 6)),
        folder("opt/gone"), file("opt/gone/a", "a\n"), folder("opt/opaque", 0o700), file("opt/opaque/old", "old\n"),
        folder("opt/opaque/below"), file("opt/opaque/below/old", "old\n"),
        file("opt/becomes-directory", "a file\n"), folder("opt/becomes-file"), file("opt/becomes-file/x", "x\n"),
        folder("opt/target", 0o755, (11, 12)), file("opt/target/inside", "inside\n"),
        link("opt/link", "target"), link("opt/absolute", "/opt/target"), link("opt/loop", "loop"),
        link("opt/file-link", "there/deeper/x", (13, 14)), link("opt/outside", "../../../../etc/motd"),
        file("opt/capable", "cap\n", 0o755, pax={"SCHILY.xattr.user.note": "of the base"}),
    )
    second = tar(
        gone("opt/gone"), folder("opt/opaque", 0o711, (2, 2)), file("opt/opaque/.wh..wh..opq", ""),
        file("opt/opaque/new", "new\n"), folder("opt/becomes-directory"), file("opt/becomes-directory/x", "x\n"),
        file("opt/becomes-file", "now a file\n"), gone("opt/there/deeper/nothing"),
    )
    late = "late:x:2001:2002::/:/bin/sh\n"
    third = tar(file("etc/passwd", PASSWD + late), file("etc/group", GROUP + "late:x:2002:\n"))
    return [first, second, third]


def debian_layers(work):
    """A few packages of Debian, with `bin`, `lib` and the like as links to `usr`, as its installer makes them."""
    root = work / "root"
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    packages = work / "packages"
    packages.mkdir()
    subprocess.run(["apt-get", "-qq", "download", "base-files", "dash", "libc6"], cwd=packages, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for package in sorted(packages.glob("*.deb")):
        files = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "--same-owner", "-p", "-C", root], input=files, check=True)
    for unused in ("usr/share/doc", "usr/share/lintian", "usr/lib/x86_64-linux-gnu/gconv"):
        shutil.rmtree(root / unused, ignore_errors=True)
    if not (root / "var/run").exists():
        (root / "var/run").symlink_to("/run")
    command = ["tar", "-c", "--sort=name", "--numeric-owner", f"--mtime=@{MOMENT}", "--format=pax",
               "--pax-option=delete=atime,delete=ctime", "-C", root, "."]
    packed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    shutil.rmtree(root)
    shutil.rmtree(packages)
    users = tar(folder("etc"), file("etc/passwd", PASSWD), file("etc/group", GROUP))
    return [packed, users]


def make_images(work, registry):
    images = Images(work / "layout", registry)
    settings = {"Env": ["PATH=/bin:/usr/bin", "WORD=of the base"], "Cmd": ["sh"], "Labels": {"from": "base"}}
    layers = busybox_layers()
    images.push("busybox", "1", images.image(layers, settings))
    images.push("busybox", "zstd", images.image(layers, settings, "zstd"))
    images.push("busybox", "none", images.image(layers, settings, "none"))
    images.push("busybox", "schema2", images.image(layers, settings, types=DOCKER))
    images.push("debian", "1", images.image(debian_layers(work), {"Env": ["PATH=/usr/bin:/bin"]}, types=DOCKER))
    more = {"Env": ["PATH=/bin", "WORD=of the base"], "Entrypoint": ["/old", "entry"], "Cmd": ["old", "command"],
            "WorkingDir": "/home/app", "User": "app", "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}},
            "Labels": {"a": "1", "b": "1"}, "StopSignal": "SIGINT", "Shell": ["/bin/sh", "-x", "-c"],
            "Healthcheck": {"Test": ["CMD", "old"], "Interval": 3_000_000_000, "Retries": 2}}
    images.push("settings", "1", images.image(layers, more))
    triggers = {"Env": ["PATH=/bin"], "WorkingDir": "/start", "OnBuild": [
        "WORKDIR /onbuild", "COPY app.txt ./", "ENV TRIGGERED=yes", "LABEL by=$TRIGGERED"]}
    images.push("onbuild", "1", images.image(layers, triggers))
    for tag, types in (("1", OCI), ("list", DOCKER)):
        children = {}
        for platform in (("linux", "amd64"), ("linux", "arm64", "v8"), ("linux", "arm", "v6"), ("linux", "arm", "v7")):
            name = "/".join(platform)
            layer = tar(file("arch", name + "\n"), folder("etc"), file("etc/passwd", PASSWD))
            config = {"Env": ["PATH=/bin", f"OF={name}"]}
            children[platform] = images.image([layer], config, types=types, platform=platform)
        images.push("multi", tag, images.index(children, types))
    images.finish()


# --- folders ---------------------------------------------------------------------------------------------------------

def archives(at):
    at.mkdir()
    files = tar(
        folder("folder", 0o711, (1, 2)), file("folder/file", "in a tar\n", 0o640, (3, 4)), link("folder/link", "file"),
        hard("folder/twin", "folder/file", 0o640, (3, 4)), file("suid", "s\n", 0o4755), file("deep/without/parents", "deep\n"),
        folder("sticky", 0o1777), file("./dotted", "dot\n"), file("/absolute", "absolute\n"),
        file("noted", "n\n", pax={"SCHILY.xattr.user.note": "of a tar"}),
    )
    (at / "files.tar").write_bytes(files)
    (at / "files.tar.gz").write_bytes(gzip.compress(files, mtime=0))
    (at / "files.tgz").write_bytes(gzip.compress(files, mtime=0))
    (at / "files.tar.bz2").write_bytes(bz2.compress(files))
    (at / "files.tar.xz").write_bytes(lzma.compress(files))
    (at / "files.tar.zst").write_bytes(compressed(files, "zstd"))
    (at / "files.dat").write_bytes(gzip.compress(files, mtime=0))
    (at / "text.tar").write_text("this is no archive\n")
    (at / "only.gz").write_bytes(gzip.compress(b"text that is compressed\n", mtime=0))
    (at / "empty.tar").write_bytes(tar())
    (at / "over.tar").write_bytes(tar(folder("opt/there", 0o700, (20, 21)), file("opt/there/file", "of a tar\n", 0o600),
                                      file("opt/link/through", "through\n"), file("etc/motd", "changed\n")))
    (at / "usr.tar").write_bytes(tar(file("bin/tool", "tool\n", 0o755), file("lib/tool/data", "data\n"),
                                     file("usr/lib/tool/more", "more\n")))
    (at / "broken.tar.gz").write_bytes(gzip.compress(files, mtime=0)[:-100])
    return gzip.compress(files, mtime=0)


def make_shop(at):
    """One of everything that may lie in a folder that somebody builds from."""
    for path in ("dir/sub/deep", "closed", "sticky", "empty", "links", "hard", "node_modules/x", "special", "owned",
                 "attributes", "linked"):
        (at / path).mkdir(parents=True)
    texts = ["a.txt", "b.txt", "app.txt", ".hidden", "with space.txt", "ünïcode.txt", "[bracket].txt", "star*",
             "notes.md", "dir/one.txt", "dir/two.md", "dir/sub/three.txt", "dir/sub/deep/four.md",
             "dir/sub/deep/five.txt", "closed/x", "sticky/x", "node_modules/x/index.js", "hard/other", "owned/file",
             "attributes/note", "attributes/capable"]
    for name in texts:
        (at / name).write_text(f"this is {name}\n")
    (at / "passwd").write_text(PASSWD + "fresh:x:3001:3002::/:/bin/sh\n")
    for name, mode in (("run.sh", 0o755), ("private", 0o600), ("suid", 0o4755), ("sgid", 0o2755)):
        (at / name).write_text("#!/bin/sh\necho \"run as $(id -u) with $*\"\n")
        (at / name).chmod(mode)
    (at / "big.bin").write_bytes(hashlib.shake_256(b"big").digest(3_000_001))
    (at / "closed").chmod(0o700)
    (at / "sticky").chmod(0o1777)
    (at / "dir/sub").chmod(0o750)
    (at / "dir/one.txt").chmod(0o664)
    for name, target in (("rel", "../a.txt"), ("abs", "/etc/passwd"), ("dangling", "nowhere"), ("dir", "../dir"),
                         ("loop", "loop"), ("up", "../../../../a.txt")):
        (at / "links" / name).symlink_to(target)
    (at / "linked/passwd").symlink_to("../real/passwd")
    for name in ("a", "b"):
        os.link(at / "hard/other", at / "hard" / name)
    os.mkfifo(at / "special/pipe")
    (at / "special/x").write_text("x\n")
    os.chown(at / "owned", 1234, 5678)
    os.chown(at / "owned/file", 1234, 5678)
    os.setxattr(at / "attributes/note", "user.note", b"of the context")
    # cap_net_bind_service=ep, of version 2.
    os.setxattr(at / "attributes/capable", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    return archives(at / "archives")


def main():
    work, registry = pathlib.Path(sys.argv[1]), sys.argv[2]
    work.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    make_images(work, registry)
    (work / "files.tar.gz").write_bytes(make_shop(work / "shop"))
    (work / "other/in").mkdir(parents=True)
    (work / "other/said.txt").write_text("of another context\n")
    (work / "other/in/deep.md").write_text("deep\n")
    (work / "outside.txt").write_text("outside of every context\n")


if __name__ == "__main__":
    main()
