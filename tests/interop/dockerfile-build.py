#!/usr/bin/env python3
"""BuildKit and consign build the same Dockerfiles, and what they build is compared.

    dockerfile-build.py BUILDER CONSIGN WORK REGISTRY [--only NAME] [--update] [--control] [--random N --seed N]

BUILDER is BuildKit (dockerfile-judge/builder), WORK a folder that dockerfile_bases.py has filled. Each file of
tests/dockerfiles/build must be built by both, each of tests/dockerfiles/refused be refused by both. Comments in a file
say with which options: `# target: …`, `# platform: …`, `# build-arg: …`, `# build-context: …`; and `# ignore: …` is a
line of its .dockerignore, `# own-ignore: …` one of NAME.dockerignore.

What consign says of what it refuses stands beside the Dockerfile, in NAME.stderr; `--update` writes it. `--control`
changes images of BuildKit in one place each, and wants exactly that to be found. `--random` puts N Dockerfiles together
from pieces, in place of those that are there. The last line is `N compared, N differ`.
"""

import argparse
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tarfile
import threading

from image_files import FileSystem, Layout, entries

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "dockerfiles"

# What is not compared. These texts, and those of the two tables below, are those of docs/dockerfile.md, which tells why.
NOT_COMPARED = ["time stamps", "the comment in the history"]

# Where the two may differ: which difference is meant. One is (case, place, subject, what, BuildKit's, consign's).
EXPLAINED = [
    ("the history of a directory that is built on",
     lambda name, place, subject, what, judge, consign: name == "context-directory-as-base" and what == "history"),
    ("extended attributes of images and archives",
     lambda name, place, subject, what, judge, consign: what.startswith("xattr user.") and judge is None),
    ("a directory that is made in one with the setgid bit",
     lambda name, place, subject, what, judge, consign: (subject, what, judge) == ("/work/sub", "owner", "0:8")),
    ("`--chown` of directories that an archive does not list",
     lambda name, place, subject, what, judge, consign: name == "add-archive-owner" and what == "owner"
     and subject in ("/owned/deep", "/owned/deep/without")),
]

# Of one Dockerfile.
MOST_SHOWN = 12

# Errors about options and ignore files, which are in no line of the Dockerfile.
NO_PLACE = {"context-missing", "ignore-bad-pattern"}


# --- a server --------------------------------------------------------------------------------------------------------

class Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/deep/path/file.txt")
            self.end_headers()
            return
        data = self.server.files.get(path)
        self.send_response(200 if data is not None else 404)
        data = data or b"there is nothing of that name\n"
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", "Sun, 13 Sep 2020 12:26:40 GMT")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def server(work):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    said = b"a file of a server\n"
    server.files = {"/file.txt": said, "/deep/path/file.txt": b"deep\n", "/tool": b"#!/bin/sh\n", "/": b"index\n",
                    "/files.tar.gz": (work / "files.tar.gz").read_bytes()}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


# --- cases -----------------------------------------------------------------------------------------------------------

class Case:
    """A Dockerfile with its options. `refused` is none if nobody knows whether it can be built."""

    def __init__(self, path, work, registry, url, refused, text):
        self.name, self.path, self.refused = path.stem, path, refused
        self.at = work / "cases" / path.parent.name / path.stem
        found = re.findall(r"^# (target|platform|build-arg|build-context|ignore|own-ignore|base-digest): ?(.*)$", text, re.M)
        self.words = {}
        for key, value in found:
            self.words.setdefault(key, []).append(value)
        arguments = dict(argument.partition("=")[::2] for argument in self.words.get("build-arg", []))
        for name, value in (("REGISTRY", registry), ("URL", url)):
            if re.search(rf"^ARG {name}=", text, re.M):
                arguments[name] = value
        for base in self.words.get("base-digest", []):
            arguments["DIGEST"] = json.loads((work / "layout/digests.json").read_text())[base.replace(":", "-")]
        self.arguments = arguments
        self.contexts = {}
        for context in self.words.get("build-context", []):
            name, _, value = context.partition("=")
            value = value.replace("@REGISTRY@", registry).replace("@LAYOUT@", str(work / "layout"))
            self.contexts[name] = value if "://" in value else str(work / value)
        self.make(text, work, registry)

    def make(self, text, work, registry):
        """The context is the shop's folder; with rules of its own it is a copy, of hard links."""
        self.at.mkdir(parents=True)
        (self.at / "Dockerfile").write_text(text.replace("localhost:5000", registry))
        self.context = work / "shop"
        if "ignore" in self.words:
            self.context = self.at / "shop"
            subprocess.run(["cp", "-a", work / "shop", self.context], check=True)
            (self.context / ".dockerignore").write_text("\n".join(self.words["ignore"]) + "\n")
        if "own-ignore" in self.words:
            (self.at / "Dockerfile.dockerignore").write_text("\n".join(self.words["own-ignore"]) + "\n")

    def question(self):
        """For BuildKit, as `docker buildx build` would put it."""
        options = {f"build-arg:{name}": value for name, value in self.arguments.items()}
        for name in ("target", "platform"):
            if name in self.words:
                options[name] = self.words[name][0]
        question = {"folder": str(self.at), "file": "Dockerfile", "context": str(self.context), "locals": {},
                    "layouts": {}, "options": options, "output": str(self.at / "buildkit.tar")}
        for name, value in self.contexts.items():
            if value.startswith("oci-layout://"):
                folder, _, tag = value.removeprefix("oci-layout://").rpartition(":")
                digest = json.loads(pathlib.Path(folder, "digests.json").read_text())[tag]
                question["layouts"]["store"] = folder
                value = f"oci-layout://store@{digest}"
            elif "://" not in value:
                question["locals"][f"local-{name}"] = value
                value = f"local:local-{name}"
            options[f"context:{name}"] = value
        return question

    def command(self, consign):
        command = [consign, "build", self.context, "--file", self.at / "Dockerfile",
                   "--output", f"type=oci,dest={self.at / 'consign.tar'}"]
        for name in ("target", "platform"):
            if name in self.words:
                command += [f"--{name}", self.words[name][0]]
        for name, value in self.arguments.items():
            command += ["--build-arg", f"{name}={value}"]
        for name, value in self.contexts.items():
            command += ["--build-context", f"{name}={value}"]
        return command


SOURCES = ["a.txt", "b.txt", "run.sh", "suid", "dir", "dir/", "dir/.", "dir/sub", "dir/sub/", "dir/one.txt", "closed",
           "sticky", "empty", "links/rel", "links/dir", "links", "hard", "hard/a", "*.txt", "dir/*", "d*", "**/*.md",
           "dir/*/*.txt", "?.txt", "./dir", "dir/./sub", "owned", "special", "*.nothing",
           "archives/files.tar.gz", "archives/over.tar", "node_modules", "*", "dir/sub/deep/four.md"]
TARGETS = ["/", ".", "./", "/x", "/x/", "/x/y", "/x/y/", "y", "y/", "/opt", "/opt/there", "/opt/there/", "/opt/link",
           "/opt/link/", "/opt/link/z", "/opt/there/file", "/opt/file-link", "/opt/absolute/q", "/opt/becomes-file",
           "/opt/gone", "/opt/opaque/", "/etc/motd", "/etc", "/tmp/a/b", "/x/dir", "../up", "/x/./z/../w", "/opt/loop",
           "/opt/outside", "/home/app/", "/x/a.txt", "/bin", "/x/y/."]
FLAGS = ["--chown=1:2", "--chown=app", "--chown=app:staff", "--chown=7", "--chmod=600", "--chmod=4755", "--chmod=u=rwX,go=rX",
         "--chmod=a+x", "--chmod=go-w,u+s", "--chmod=g=u,o=", "--link", "--parents", "--exclude=*.md", "--exclude=**/*.txt",
         "--exclude=sub", "--exclude=dir/sub"]


def generated(count, rng):
    """Dockerfiles of odd pieces: a stage to copy from, then one that is compared."""

    def copies(most, base, above):
        for _ in range(rng.randint(1, most)):
            is_add = rng.random() < 0.15
            flags = rng.sample(FLAGS, rng.choice([0, 0, 1, 1, 2, 3]))
            # These are refused for their words alone.
            named = any("app" in flag for flag in flags)
            if (named and ("scratch" in base or "--link" in flags)) or (is_add and "--parents" in flags):
                flags = []
            sources = rng.sample(SOURCES, rng.choice([1, 1, 1, 2]))
            if above and not is_add and rng.random() < 0.5:
                flags.append("--from=0")
                sources = [rng.choice(["/", "/*", *above, *above])]
            yield " ".join(["ADD" if is_add else "COPY", *flags, *sources, rng.choice(TARGETS)])
            if rng.random() < 0.15:
                yield rng.choice(["WORKDIR /x", "WORKDIR y", "WORKDIR /opt/link/w", "WORKDIR /", "USER 5:6"])

    bases = ["FROM scratch", "FROM localhost:5000/busybox:1"]
    for number in range(count):
        first, second = rng.choice(bases), rng.choice(bases)
        above = [first, *copies(2, first, None)] if rng.random() < 0.5 else []
        targets = [line.split()[-1] for line in above if line[0] in "CA"]
        lines = [*above, second, *copies(3, second, targets)]
        yield f"random-{number}", "\n".join(lines) + "\n"


# --- comparing -------------------------------------------------------------------------------------------------------

def full(value):
    """Without what is empty: whether a list is left out or empty has no meaning."""
    if isinstance(value, dict):
        return {name: full(inner) for name, inner in value.items() if inner not in (None, "", [], {}, False)}
    return value


def settings(config):
    facts = {f"config.{name}": value for name, value in full(config.get("config") or {}).items()}
    for name, value in config.items():
        if name not in ("config", "created", "history", "rootfs"):
            facts[name] = value
    history = [{name: value for name, value in full(entry).items() if name not in ("created", "comment")}
               for entry in config.get("history") or []]
    return facts | {"history": history}


def facts(layout):
    """Everything of an image that is compared: {(place, subject): {what: value}}."""
    layout = Layout(layout)
    images, several = layout.images()
    found = {("image", "platforms"): {"names": sorted(images), "an index": several}}
    for platform, (descriptor, manifest, config) in images.items():
        found[platform, "manifest"] = {"type": manifest.get("mediaType"), "config": manifest["config"]["mediaType"],
                                       "platform": descriptor.get("platform") if several else None}
        found[platform, "config"] = settings(config)
        # Of an image without any, BuildKit writes `null`.
        layers, diffs = manifest["layers"] or [], config["rootfs"]["diff_ids"] or []
        found[platform, "layers"] = {"number": len(layers), "diff_ids": len(diffs)}
        files = FileSystem()
        for number, (layer, diff) in enumerate(zip(layers, diffs)):
            files.apply(entries(layout.blob(layer), layer["digest"]))
            for path, node in files.facts().items():
                found[f"{platform} after layer {number}", path] = node
    return found


def differences(name, judge, consign):
    """One for each thing of a file or a config that differs; of a file, where it differs first."""
    found, seen = [], set()
    for place, subject in sorted(judge.keys() | consign.keys(), key=lambda key: (key[0].partition(" ")[0], key)):
        one, other = judge.get((place, subject)), consign.get((place, subject))
        if one == other:
            continue
        if one is None or other is None:
            kinds = [facts["kind"] if facts and "kind" in facts else facts for facts in (one, other)]
            one, other = {"presence": kinds[0]}, {"presence": kinds[1]}
        for what in sorted(one.keys() | other.keys()):
            key = (place.partition(" ")[0], subject, what)
            if one.get(what) != other.get(what) and key not in seen:
                seen.add(key)
                found.append((name, place, subject, what, one.get(what), other.get(what)))
    return found


# --- controls --------------------------------------------------------------------------------------------------------

def rewritten(source, target, change_config=None, change_entry=None):
    """A copy of an image in which one config or one entry of the last layer is another."""
    layout = Layout(source)
    (descriptor, manifest, config), = layout.images()[0].values()
    members = io.BytesIO()
    blob = gzip.decompress(layout.blob(manifest["layers"][-1]))
    with tarfile.open(fileobj=io.BytesIO(blob)) as old, tarfile.open(fileobj=members, mode="w") as new:
        for member in old:
            content = old.extractfile(member).read() if member.isfile() else b""
            if change_entry:
                content = change_entry(member, content)
            if content is not None:
                new.addfile(member, io.BytesIO(content))
    if change_config:
        change_config(config)
    shutil.rmtree(target, ignore_errors=True)
    (target / "blobs/sha256").mkdir(parents=True)

    def put(data, like):
        digest = hashlib.sha256(data).hexdigest()
        (target / "blobs/sha256" / digest).write_bytes(data)
        return like | {"digest": f"sha256:{digest}", "size": len(data)}

    for layer in manifest["layers"][:-1]:
        put(layout.blob(layer), layer)
    config["rootfs"]["diff_ids"][-1] = "sha256:" + hashlib.sha256(members.getvalue()).hexdigest()
    manifest["layers"][-1] = put(gzip.compress(members.getvalue()), manifest["layers"][-1])
    manifest["config"] = put(json.dumps(config).encode(), manifest["config"])
    top = put(json.dumps(manifest).encode(), descriptor)
    (target / "index.json").write_text(json.dumps({"manifests": [top]}))


def entry_change(name, **attributes):
    def change(member, content):
        if member.name.rstrip("/") == name:
            for attribute, value in attributes.items():
                if attribute == "content":
                    content = value
                elif attribute == "xattr":
                    member.pax_headers["SCHILY.xattr.user.more"] = value
                else:
                    setattr(member, attribute, value)
        return content
    return change


def config_change(**changes):
    return lambda config: config["config"].update(changes)


def pair_split(member, content):
    """The second name of a file becomes a file of its own."""
    if member.name == "opt/kept/b":
        assert member.islnk(), member.name
        member.type, content = tarfile.REGTYPE, b"this is hard/other\n"
        member.size = len(content)
    return content


# What is changed, and the one thing that has to be found: (subject, what).
CONTROLS = [
    ("a mode", dict(change_entry=entry_change("opt/kept/run.sh", mode=0o700)), ("/opt/kept/run.sh", "mode")),
    ("a directory's mode", dict(change_entry=entry_change("opt/kept", mode=0o700)), ("/opt/kept", "mode")),
    ("an owner", dict(change_entry=entry_change("opt/kept/run.sh", uid=7)), ("/opt/kept/run.sh", "owner")),
    ("a group", dict(change_entry=entry_change("opt/kept/rel", gid=7)), ("/opt/kept/rel", "owner")),
    ("content", dict(change_entry=lambda member, content: content[::-1] if member.name == "opt/kept/run.sh" else content),
     ("/opt/kept/run.sh", "content")),
    ("a target", dict(change_entry=entry_change("opt/kept/rel", linkname="../b.txt")), ("/opt/kept/rel", "target")),
    ("an attribute", dict(change_entry=entry_change("opt/kept/run.sh", xattr="x")), ("/opt/kept/run.sh", "xattr user.more")),
    ("a missing file", dict(change_entry=entry_change("opt/kept/rel", content=None)), ("/opt/kept/rel", "presence")),
    ("a hard link copied", dict(change_entry=pair_split), ("/opt/kept/a", "one file")),
    ("a variable", dict(change_config=config_change(Env=["A=2"])), ("config", "config.Env")),
    ("a label", dict(change_config=config_change(Labels={"x": "y"})), ("config", "config.Labels")),
    ("a user", dict(change_config=config_change(User="1")), ("config", "config.User")),
    ("the history", dict(change_config=lambda config: config["history"][-1].update(created_by="x")), ("config", "history")),
    ("an architecture", dict(change_config=lambda config: config.update(variant="v9")), ("platforms", "names")),
]
CONTROL = ("FROM scratch\nENV A=1\nCOPY --exclude=other hard run.sh links /opt/kept/\n")


def control(ask, work):
    at = work / "control"
    at.mkdir()
    (at / "Dockerfile").write_text(CONTROL)
    answer, = ask([{"folder": str(at), "file": "Dockerfile", "context": str(work / "shop"), "options": {},
                    "output": str(at / "buildkit.tar")}])
    assert "error" not in answer, answer
    good = facts(at / "buildkit.tar")
    rewritten(at / "buildkit.tar", at / "same")
    assert not differences("control", good, facts(at / "same")), "the copy differs before it was changed"
    missed = 0
    for name, change, expected in CONTROLS:
        rewritten(at / "buildkit.tar", at / "changed", **change)
        found = {(subject, what) for _, _, subject, what, _, _ in differences("control", good, facts(at / "changed"))}
        print(f"control: {name}: {'found' if expected in found else f'MISSED, found {found}'}")
        missed += expected not in found
    print(f"{len(CONTROLS)} changes, {missed} missed")
    return missed


# --- all of it -------------------------------------------------------------------------------------------------------

def refusal(case, run, normal, update):
    """What is wrong with how consign refuses a case."""
    # What is read before the error, with sizes and digests, is of no interest.
    said = normal(run.stderr)
    said = said[max(said.find("error:"), 0):]
    beside = case.path.with_suffix(".stderr")
    if update:
        beside.write_text(said)
    wrong = []
    if run.returncode not in (2, 3, 4, 5):
        wrong.append(f"the exit code is {run.returncode}")
    if not re.search(r"^hint: ", said, re.M):
        wrong.append("there is no hint")
    if case.name not in NO_PLACE and not re.search(r"Dockerfile:\d+:\d+: .*\n +\|\n *\d+ \| .*\n +\| +\^", said):
        wrong.append("no line with a caret")
    if not beside.exists() or beside.read_text() != said:
        wrong.append(f"{beside.name} says something else")
    return [(case.name, "stderr", what, "", "", said) for what in wrong]


def main():
    parser = argparse.ArgumentParser()
    for name in ("builder", "consign", "work", "registry"):
        parser.add_argument(name)
    parser.add_argument("--only")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--random", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    work = pathlib.Path(options.work).resolve()
    state = work / "buildkit"
    for folder in (state, work / "cases", work / "control"):
        shutil.rmtree(folder, ignore_errors=True)
    state.mkdir()

    def ask(questions):
        lines = "".join(json.dumps(question) + "\n" for question in questions)
        done = subprocess.run([options.builder, state], input=lines.encode(), stdout=subprocess.PIPE, check=True)
        (state / "socket").unlink(missing_ok=True)
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    if options.control:
        sys.exit(1 if control(ask, work) else 0)
    with server(work) as url:
        cases = []
        if options.random:
            for name, text in generated(options.random, random.Random(options.seed)):
                cases.append(Case(pathlib.Path("random", name), work, options.registry, url, None, text))
        else:
            for folder in ("build", "refused"):
                for path in sorted((FOLDER / folder).glob("*.Dockerfile")):
                    cases.append(Case(path, work, options.registry, url, folder == "refused", path.read_text()))
        cases = [case for case in cases if options.only in (None, case.name)]
        answers = ask([case.question() for case in cases])
        assert len(answers) == len(cases), (len(answers), len(cases))

        def normal(text):
            for value, name in ((str(case.at), "HERE"), (str(work), "WORK"), (options.registry, "REGISTRY"), (url, "URL")):
                text = text.replace(value, name)
            return text

        found, built, refused = [], 0, 0
        environment = {"PATH": os.environ["PATH"], "HOME": str(work), "NO_COLOR": "1", "RUST_BACKTRACE": "1"}
        for case, answer in zip(cases, answers):
            run = subprocess.run(case.command(options.consign), capture_output=True, text=True, env=environment, check=False)
            outcome = (answer.get("error", "built"), "built" if run.returncode == 0 else run.stderr)
            fails = ("error" in answer, run.returncode != 0)
            if fails[0] != fails[1] or case.refused not in (None, fails[0]):
                found.append((case.name, "outcome", (case.at / "Dockerfile").read_text() if case.refused is None else "", "", *outcome))
            elif fails[0]:
                refused += 1
                if case.refused:
                    found += refusal(case, run, normal, options.update)
            else:
                built += 1
                found += differences(case.name, facts(case.at / "buildkit.tar"), facts(case.at / "consign.tar"))
            for image in ("buildkit.tar", "consign.tar", "shop"):
                if image == "shop":
                    shutil.rmtree(case.at / image, ignore_errors=True)
                elif options.only is None:
                    (case.at / image).unlink(missing_ok=True)
    report(found, built, refused, options.only is None and not options.random)


def report(found, built, refused, every):
    explained, left = {}, []
    page = (FOLDER.parent.parent / "docs/dockerfile.md").read_text()
    for text in [*NOT_COMPARED, *(why for why, _ in EXPLAINED)]:
        if f"| {text} |" not in page:
            left.append(("docs/dockerfile.md", "says nothing of", text, "", "", ""))
    for difference in found:
        why = next((why for why, applies in EXPLAINED if applies(*difference)), None)
        if why:
            explained.setdefault(why, set()).add(difference[0])
        else:
            left.append(difference)
    shown = {}
    for name, place, subject, what, judge, consign in left:
        shown[name] = shown.get(name, 0) + 1
        if shown[name] <= MOST_SHOWN:
            print(f"{name}: {place} {subject} {what}\n  BuildKit: {str(judge).strip()}\n  consign:  {str(consign).strip()}")
    for name, count in shown.items():
        if count > MOST_SHOWN:
            print(f"{name}: {count - MOST_SHOWN} more")
    for why, names in explained.items():
        print(f"explained: {why}: in {len(names)} ({', '.join(sorted(names)[:5])})")
    for why, _ in EXPLAINED:
        # An excuse that nothing needs hides what comes later.
        if why not in explained and every:
            left.append(why)
            print(f"not needed: {why}")
    print(f"{built} built by both, {refused} refused by both")
    print(f"{built + refused} compared, {len(left)} differ")
    sys.exit(1 if left else 0)


main()
