#!/usr/bin/env python3
"""Runs the commands of a page, in order, in a folder that holds what the page speaks of.

    tests/interop/docs.py PAGE

Blocks of `console` hold a command a line, behind `$ `; blocks of `sh` are scripts. Other blocks whose language is followed
by a name are files, which are written when their turn comes. A block that can't be run has a comment in front of it,
`<!-- not run: WHY -->`; without one, a block that fails is a page that is wrong.

In the cookbook, the two kinds of blocks do the same with other tools. They are run in two worlds, each with a registry of
its own, and after each section both registries hold the same.

The environment says where the emulators, moto and Docker are. The private registry that the pages name is the
emulator's here.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import docs_samples
import docs_state

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMED = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
BLOCK = re.compile(
    r"^(?P<heading>\#\# [^\n]*)$|"
    r"(?:^<!-- not run: (?P<why>[^\n]*) -->\n)?^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$",
    re.M | re.S,
)


class World:
    """A folder, a registry, and the environment that leads to it."""

    def __init__(self, environment):
        self.environment = environment
        self.registry = environment["CONSIGN_REGISTRY_ENDPOINT"].removeprefix("http://")
        self.count = 0

    def text(self, text):
        return text.replace(NAMED, self.registry)

    def run(self, folder, language, text):
        """Runs a block, and prints it first."""
        if language == "sh":
            print(text, end="")
            self.command(folder, text, ["bash", "-euo", "pipefail", "-c"])
            return
        for line in text.splitlines():
            if line.startswith("$ "):
                print(line, flush=True)
                self.command(folder, line.removeprefix("$ "), ["sh", "-e", "-c"])

    def command(self, folder, script, shell):
        done = subprocess.run(
            [*shell, self.text(script)],
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )
        self.count += 1
        if done.returncode != 0:
            sys.exit(f"exit code {done.returncode} of\n{script}\n{done.stdout}{done.stderr}")


def world_of(language):
    """The world for blocks of that kind."""
    script = 'set -a; source "$0"; env -0'
    file = os.environ["DOCS_WORLDS"].format(language)
    shown = subprocess.run(["bash", "-c", script, file], check=True, capture_output=True).stdout
    return World(dict(line.split("=", 1) for line in shown.decode().split("\0") if "=" in line))


def plain(page, name, outer):
    """Each block, in order."""
    blocks = [found.groupdict() for found in BLOCK.finditer(page) if found["info"] is not None]
    sample = docs_samples.Sample(outer, name, [(block["info"], block["text"]) for block in blocks])
    world = World(dict(os.environ))
    for position, block in enumerate(blocks):
        language, _, file = block["info"].partition(" ")
        if block["why"]:
            print(f"not run: {block['text'].splitlines()[0]}: {block['why']}")
        elif language in ("console", "sh"):
            world.run(sample.folder(position), language, block["text"])
        elif file:
            (sample.folder(position) / file).write_text(world.text(block["text"]))
    return world.count


def twice(page, name, outer):
    """Each section in two worlds; their registries are the same after it."""
    worlds = {language: world_of(language) for language in ("sh", "console")}
    folders = {}
    for language in worlds:
        (outer / language).mkdir()
        folders[language] = docs_samples.Sample(outer / language, name, []).shared
        worlds[language].environment["DOCKER_CONFIG"] = str(folders[language] / ".docker")
    section, sections = "the beginning", 0

    def compare():
        found = {language: docs_state.state(world.environment) for language, world in worlds.items()}
        if found["sh"] != found["console"]:
            sys.exit(f"{section}: the registries differ:\n{docs_state.difference(found['sh'], found['console'])}")

    for found in BLOCK.finditer(page):
        if found["heading"]:
            compare()
            section, sections = found["heading"], sections + 1
        elif found["info"] in worlds:
            worlds[found["info"]].run(folders[found["info"]], found["info"], found["text"])
    compare()
    print(f"{sections} sections, with the same effect on both sides")
    return sum(world.count for world in worlds.values())


def main():
    page = pathlib.Path(sys.argv[1]).resolve()
    name = str(page.relative_to(ROOT)).removeprefix("docs/")
    with tempfile.TemporaryDirectory() as outer:
        kind = twice if name == "cookbook.md" else plain
        count = kind(page.read_text(), name, pathlib.Path(outer))
    print(f"{name}: {count} run")


if __name__ == "__main__":
    main()
