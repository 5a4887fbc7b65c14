#!/usr/bin/env python3
"""Runs the commands of a page, in order, in a folder that holds what the page speaks of.

    tests/interop/docs.py PAGE

Blocks of `console` hold a command a line, behind `$ `; blocks of `sh` are scripts. Other blocks whose language is followed
by a name are files, which are written when their turn comes. A block that can't be run has a comment in front of it,
`<!-- not run: WHY -->`; without one, a block that fails is a page that is wrong.

The environment says where the emulator, moto and Docker are. The private registry that the pages name is the emulator's
here.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import docs_samples

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMED = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
BLOCK = re.compile(r"(?:<!-- not run: (?P<why>[^\n]*) -->\n+)?^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.M | re.S)


def run(folder, script, shell):
    done = subprocess.run(
        [*shell, script.replace(NAMED, os.environ["DOCS_REGISTRY"])],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode} of\n{script}\n{done.stdout}{done.stderr}")


def main():
    page = pathlib.Path(sys.argv[1]).resolve()
    name = str(page.relative_to(ROOT)).removeprefix("docs/")
    blocks = [found.groupdict() for found in BLOCK.finditer(page.read_text())]
    count = 0
    with tempfile.TemporaryDirectory() as outer:
        outer = pathlib.Path(outer)
        sample = docs_samples.Sample(outer, name, [(block["info"], block["text"]) for block in blocks])
        for position, block in enumerate(blocks):
            language, _, file = block["info"].partition(" ")
            if block["why"]:
                print(f"not run: {block['text'].splitlines()[0]}: {block['why']}")
                continue
            if language not in ("console", "sh"):
                if file and "/" not in file:
                    text = block["text"].replace(NAMED, os.environ["DOCS_REGISTRY"])
                    (sample.folder(position) / file).write_text(text)
                continue
            folder = sample.folder(position)
            if language == "sh":
                print(block["text"], end="")
                run(folder, block["text"], ["bash", "-euo", "pipefail", "-c"])
                count += 1
                continue
            for line in block["text"].splitlines():
                if line.startswith("$ "):
                    print(line)
                    run(folder, line.removeprefix("$ "), ["sh", "-e", "-c"])
                    count += 1
        if hasattr(sample, "checks"):
            sample.checks()
    print(f"{name}: {count} run")


if __name__ == "__main__":
    if shutil.which("bash") is None:
        sys.exit("needs bash")
    main()
