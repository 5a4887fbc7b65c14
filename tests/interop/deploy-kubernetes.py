"""Compares manifests with what `consign deploy kubernetes` makes of them, as libyaml reads both.

    deploy-kubernetes.py CONSIGN MANIFESTS FOLDER

What should come out is worked out here on the data, with anchors, aliases and merge keys written out, by rules that are
written down a second time: every container's image of the repository, `images:` of kustomizations. Cases with options
of their own may differ in values that name the image, and in nothing else. Then thousands of manifests that differ from
these in what Kubernetes does not see: indentation, quotes, comments, blank lines.
"""

import random
import re
import subprocess
import sys
from pathlib import Path

import yaml

DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
REPOSITORY = "registry.example/shop/api"
PINNED = f"{REPOSITORY}@{DIGEST}"
LISTS = ("containers", "initContainers", "ephemeralContainers", "sidecars", "steps")
IMAGE_KEYS = ("image", "reference", "newTag", "digest", "tag", "repository", "registry")


def data(node):
    """A node as lists, tuples and strings: what is not of interest here, such as tags, is left out."""
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [data(item) for item in node.value]
    own = [(data(key), data(value)) for key, value in node.value]
    entries = [entry for entry in own if entry[0] != "<<"]
    known = {repr(key) for key, _ in entries}
    for _, merged in (entry for entry in own if entry[0] == "<<"):
        for mapping in merged if isinstance(merged, list) else [merged]:
            for key, value in mapping:
                if repr(key) not in known:
                    known.add(repr(key))
                    entries.append((key, value))
    return tuple(entries)


def documents(text):
    roots = [root for root in yaml.compose_all(text.encode(), Loader=yaml.CSafeLoader) if root is not None]
    # What only holds anchors is seen where they are used.
    return [without_holders(data(root)) for root in roots]


def without_holders(value):
    if not isinstance(value, tuple):
        return value
    return tuple(entry for entry in value if not (isinstance(entry[0], str) and re.match(r"x-|[._]", entry[0])))


def get(mapping, key):
    return next((value for name, value in mapping if name == key), None) if isinstance(mapping, tuple) else None


def pinned(value):
    if not isinstance(value, str):
        return value
    name = re.fullmatch(re.escape(REPOSITORY) + r"(:[\w.-]+)?(@sha256:[0-9a-f]{64})?", value.strip())
    if not name or name[2] == "@" + DIGEST:
        return value
    return value.replace(value.strip(), PINNED)


def container(value):
    if not isinstance(value, tuple):
        return value
    return tuple((key, pinned(inner) if key == "image" else inner) for key, inner in value)


def volume(value):
    if not isinstance(value, tuple):
        return value
    inside = lambda image: tuple((key, pinned(inner) if key == "reference" else inner) for key, inner in image)
    return tuple(
        (key, inside(inner) if key == "image" and isinstance(inner, tuple) else inner) for key, inner in value
    )


def kustomized(entry, known):
    """An entry of `images:`."""
    name = get(entry, "newName") or get(entry, "name")
    keys = [key for key, _ in entry] if isinstance(entry, tuple) else []
    if name != REPOSITORY or not (known or {"newName", "newTag", "digest"} & set(keys)):
        return entry
    if "digest" in keys:
        return tuple((key, DIGEST if key == "digest" else value) for key, value in entry)
    if "newTag" in keys:
        return tuple(("digest", DIGEST) if key == "newTag" else (key, value) for key, value in entry)
    beside = "newName" if "newName" in keys else "name"
    new = []
    for key, value in entry:
        new.append((key, value))
        if key == beside:
            new.append(("digest", DIGEST))
    return tuple(new)


def expected(value, file):
    """The data as they should be."""
    if isinstance(value, list):
        return [expected(item, file) for item in value]
    if not isinstance(value, tuple):
        return value
    kind = get(value, "kind")
    known = kind in ("Kustomization", "Component") or (kind is None and Path(file).name.startswith("kustomization."))
    new = []
    for key, inner in value:
        inner = expected(inner, file)
        if key in LISTS and isinstance(inner, list):
            inner = [container(item) for item in inner]
        elif key in ("container", "script"):
            inner = container(inner)
        elif key == "volumes" and isinstance(inner, list):
            inner = [volume(item) for item in inner]
        elif key == "images" and isinstance(inner, list):
            inner = [kustomized(item, known) for item in inner]
        new.append((expected(key, file), inner))
    return tuple(new)


def differences(one, other, path=()):
    if type(one) is not type(other):
        yield path, one, other
    elif isinstance(one, str):
        if one != other:
            yield path, one, other
    elif len(one) != len(other):
        yield path, one, other
    elif isinstance(one, list):
        for index, (left, right) in enumerate(zip(one, other)):
            yield from differences(left, right, (*path, index))
    else:
        for (key, left), (name, right) in zip(one, other):
            yield from differences(key, name, (*path, "key"))
            yield from differences(left, right, (*path, key))


def cases(folder):
    found = []
    for line in (folder / "cases.txt").read_text().replace("DIGEST", DIGEST).splitlines():
        if line and not line.startswith(("#", " ")):
            found.append((line, []))
        elif line.startswith("  options "):
            found[-1][1].extend(line.removeprefix("  options ").split(" "))
    return found


def render(consign, file, options):
    image = [] if "--image" in options else ["--image", PINNED]
    ran = subprocess.run(
        [consign, "--quiet", "deploy", "kubernetes", str(file), *options, *image], capture_output=True, check=False
    )
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


def corpus(consign, folder):
    judged, left = 0, []
    for name, options in cases(folder):
        file = folder / name
        text = file.read_bytes().decode()
        code, rendered, said = render(consign, file, options)
        assert code == 0, f"{name}: {said}"
        try:
            before = documents(text)
        except (yaml.YAMLError, RecursionError) as error:
            left.append(f"{name}: {str(error).splitlines()[0]}")
            continue
        after = documents(rendered)
        if options:
            for path, old, new in differences(before, after):
                assert path[-1] in IMAGE_KEYS, f"{name}: {path}: {old} -> {new}"
        else:
            wanted = [expected(document, name) for document in before]
            assert list(differences(wanted, after)) == [], f"{name}: {list(differences(wanted, after))[:3]}"
        judged += 1
    print(f"{judged} manifests judged, {len(left)} that libyaml does not read:", *left, sep="\n  ")
    assert judged >= 55


def scrambled(generator):
    """A manifest, and how many of its images are to change."""
    count, lines = 0, []
    for _ in range(generator.randint(1, 3)):
        step = generator.choice([2, 3, 4])
        pad = " " * generator.choice([0, step])
        lines += ["---", "# ä 数 \U0001f433" if generator.random() < 0.5 else "", "kind: Pod", "spec:"]
        lines.append(" " * step + generator.choice(["containers", '"initContainers"', "'ephemeralContainers'"]) + ":")
        for number in range(generator.randint(1, 4)):
            mine = generator.random() < 0.7
            image = REPOSITORY + generator.choice(["", ":1.3", ":latest", f"@sha256:{'0' * 64}"]) if mine else "nginx:1"
            count += mine
            before = " " * step + pad
            name = generator.choice(['"ü"', "api", "'a b'"])
            comment = generator.choice(["", "  # image: " + REPOSITORY, " #"])
            value = generator.choice([image, f'"{image}"', f"'{image}'", f"!!str {image}", f"&a{number} {image}"]) + comment
            if generator.random() < 0.2:
                lines.append(f"{before}- {{name: {name}, image: {image}, tty: true}}")
                continue
            entries = [f"name: {name}", f"image: {value}", f"env: [{{name: X, value: '{REPOSITORY}:1'}}]"]
            if generator.random() < 0.3:
                entries[1] = f"image: {generator.choice('|>')}-{comment}\n{before}      {image}"
            if generator.random() < 0.3:
                entries[2] = f"args:\n{before}  - |\n{before}    image: {REPOSITORY}:1\n"
            generator.shuffle(entries)
            lines += [f"{before}{'- ' if not index else '  '}{entry}" for index, entry in enumerate(entries)]
    text = "\n".join(lines) + generator.choice(["", "\n", "\n\n# end"])
    return (text.replace("\n", "\r\n") if generator.random() < 0.3 else text), count


def generated(consign, folder, number):
    generator = random.Random(7)
    for start in range(0, number, 50):
        files = []
        for index in range(start, start + 50):
            text, count = scrambled(generator)
            if count:
                file = folder / f"{index}.yaml"
                file.write_bytes(text.encode())
                files.append((file, text))
        names = [str(file) for file, _ in files]
        subprocess.run([consign, "--quiet", "deploy", "kubernetes", *names, "--image", PINNED, "--in-place"], check=True, stdout=subprocess.DEVNULL)
        for file, text in files:
            after = file.read_bytes().decode()
            wanted = [expected(document, file.name) for document in documents(text)]
            assert list(differences(wanted, documents(after))) == [], f"{text}\n{after}"
            # In every line that is not the same, the name of the image is.
            for old, new in zip(text.split("\n"), after.split("\n"), strict=True):
                assert old == new or (REPOSITORY in old and PINNED in new), f"{old!r} -> {new!r}"
    print(f"{number} manifests generated and judged")


if __name__ == "__main__":
    program, manifests, work = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    sys.setrecursionlimit(20_000)
    corpus(program, manifests)
    (work / "generated").mkdir(exist_ok=True)
    generated(program, work / "generated", 2000)
