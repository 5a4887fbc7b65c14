#!/usr/bin/env python3
"""The commands of docs/emulator.md work: each is run as the page has it, under an emulator.

    tests/interop/emulator-docs.py CONSIGN

Blocks that need a tool besides consign, the AWS CLI and curl are named after it, and left out without it. Files that
the page shows (their names stand behind the language) are written before anything is run.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import check, finish, under_emulator

under_emulator()
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "emulator.md"
# What has to succeed before a tool is of use: a daemon has to run, a provider has to be there.
PROBES = {"docker": ["docker", "info"], "terraform": ["terraform", "init", "-input=false"]}
BLOCKS = re.findall(r"^```([^\n]*)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)

with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "dist").mkdir()
    pathlib.Path(folder, "dist", "server.js").write_text("console.log('hello')\n")
    for info, text in BLOCKS:
        language, _, name = info.partition(" ")
        if name and language != "console":
            pathlib.Path(folder, name).write_text(text)
    for info, text in BLOCKS:
        language, _, tool = info.partition(" ")
        if language != "console":
            continue
        usable = not tool or shutil.which(tool)
        if usable and tool in PROBES:
            probe = subprocess.run(PROBES[tool], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)
            usable = probe.returncode == 0
        for line in text.splitlines():
            command = line.removeprefix("$ ")
            if not usable:
                print(f"skipped docs: {command}: {tool} cannot be used here")
                continue

            def run(command=command):
                done = subprocess.run(
                    ["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
                )
                assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"

            run.__doc__ = f"docs: {command}"
            check(run)

finish()
