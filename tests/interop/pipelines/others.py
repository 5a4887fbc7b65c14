"""Runs a pipeline of Bitbucket, CircleCI or Buildkite on this machine: the commands as they stand in the file.

    others.py CI FILE PROJECT [NAME=VALUE…]

Knows of these files what the examples use: steps in their order, each in a directory of its own with a copy of PROJECT
where the CI would check it out, shells with the CI's own flags, and what is handed from step to step. What is not known
is an error. NAME=VALUE are variables of the project. The token that the CI would give is in $JOB_TOKEN.

Prints the output of each step between lines with its name. Ends with the code of the first step that fails.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

TOKEN = os.environ.pop("JOB_TOKEN")


class Unknown(Exception):
    """The file has something that this does not know."""


def only(mapping, *known):
    """Fails if there is more in it than this knows to run."""
    if unknown := set(mapping) - set(known):
        raise Unknown(f"{sorted(unknown)} in {sorted(mapping)}")


class Runner:
    """The surroundings of all steps."""

    def __init__(self, project, variables):
        self.project = Path(project)
        self.variables = variables
        self.work = Path(tempfile.mkdtemp())
        self.kept = self.work / "kept"
        self.kept.mkdir()

    def folder(self, name, checkout):
        """A step's own directory."""
        folder = self.work / re.sub(r"\W", "-", name)
        if checkout:
            shutil.copytree(self.project, folder)
        else:
            folder.mkdir()
        return folder

    def run(self, name, shell, script, folder, variables):
        """Runs a script with the shell of the CI."""
        print(f"--- {name}", flush=True)
        environment = {**os.environ, **variables}
        code = subprocess.run([*shell, script], cwd=folder, env=environment, check=False).returncode
        if code:
            sys.exit(code)


def bitbucket(document, runner):
    """https://support.atlassian.com/bitbucket-cloud/docs/bitbucket-pipelines-configuration-reference/"""
    only(document, "image", "pipelines")
    only(document["pipelines"], "branches")
    for entry in document["pipelines"]["branches"]["main"]:
        only(entry, "step")
        step = entry["step"]
        only(step, "name", "oidc", "script", "artifacts")
        variables = {"BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_COMMIT": "8f5b1c1f6d0a"} | runner.variables
        if step.get("oidc"):
            variables["BITBUCKET_STEP_OIDC_TOKEN"] = TOKEN
        folder = runner.folder(step["name"], checkout=True)
        shutil.copytree(runner.kept, folder, dirs_exist_ok=True)
        # One script, which ends at the first command that fails.
        runner.run(step["name"], ["bash", "-e", "-c"], "\n".join(step["script"]), folder, variables)
        for pattern in step.get("artifacts", []):
            for path in folder.glob(pattern):
                shutil.copy(path, runner.kept)


def circleci(document, runner):
    """https://circleci.com/docs/reference/configuration-reference/"""
    only(document, "version", "jobs", "workflows")
    ((_, workflow),) = document["workflows"].items()
    finished = set()
    for entry in workflow["jobs"]:
        ((name, settings),) = entry.items()
        only(settings, "context", "requires", "filters")
        assert finished.issuperset(settings.get("requires", [])), f"{name} comes too early"
        job = document["jobs"][name]
        only(job, "docker", "steps")
        variables = {"CIRCLECI": "true", "CIRCLE_SHA1": "8f5b1c1f6d0a", "CIRCLE_OIDC_TOKEN_V2": TOKEN}
        if "context" in settings:
            variables |= runner.variables
        folder = runner.folder(name, checkout="checkout" in job["steps"])
        for step in job["steps"]:
            if step == "checkout":
                continue
            ((kind, value),) = step.items()
            if kind == "run":
                value = {"command": value} if isinstance(value, str) else value
                only(value, "name", "command")
                assert "<<" not in value["command"], "what CircleCI pastes is not known here"
                runner.run(name, ["bash", "-eo", "pipefail", "-c"], value["command"], folder, variables)
            elif kind == "persist_to_workspace":
                only(value, "root", "paths")
                for path in value["paths"]:
                    shutil.copy(folder / value["root"] / path, runner.kept)
            elif kind == "attach_workspace":
                only(value, "at")
                shutil.copytree(runner.kept, folder / value["at"], dirs_exist_ok=True)
            else:
                raise Unknown(kind)
        finished.add(name)


AGENT = r"""#!/bin/bash
# Stands in for the agent's program, which speaks to Buildkite.
set -euo pipefail
case "$*" in
  "oidc request-token --audience sts.amazonaws.com") printf '%s\n' "$FAKE_AGENT_TOKEN" ;;
  "meta-data set image") cat >"$FAKE_AGENT_STATE/image" ;;
  "meta-data get image") cat "$FAKE_AGENT_STATE/image" ;;
  *) echo "buildkite-agent does not know: $*" >&2; exit 1 ;;
esac
"""


def buildkite(document, runner):
    """https://buildkite.com/docs/pipelines/configure/defining-steps"""
    only(document, "env", "steps")
    tools = runner.work / "tools"
    tools.mkdir()
    agent = tools / "buildkite-agent"
    agent.write_text(AGENT, encoding="utf-8")
    agent.chmod(0o755)
    upload = {"BUILDKITE": "true", "BUILDKITE_COMMIT": "8f5b1c1f6d0a"} | runner.variables

    def interpolated(text):
        # When a pipeline is uploaded, `$NAME` is filled in and `$$` becomes `$`.
        fill = lambda found: "$" if found[0] == "$$" else upload.get(found[1] or found[2], "")
        return re.sub(r"\$\$|\$(\w+)|\$\{(\w+)\}", fill, text)

    finished = set()
    for step in document["steps"]:
        only(step, "label", "key", "command", "depends_on")
        assert step.get("depends_on") in finished | {None}, f"{step['label']} comes too early"
        variables = upload | {name: interpolated(str(value)) for name, value in document["env"].items()}
        variables |= {
            "BUILDKITE_AGENT_ACCESS_TOKEN": "of the agent",
            "FAKE_AGENT_TOKEN": TOKEN,
            "FAKE_AGENT_STATE": str(runner.kept),
            "PATH": f"{tools}:{os.environ['PATH']}",
        }
        commands = step["command"] if isinstance(step["command"], list) else [step["command"]]
        script = "\n".join(interpolated(command) for command in commands)
        folder = runner.folder(step["label"], checkout=True)
        runner.run(step["label"], ["bash", "-e", "-c"], script, folder, variables)
        finished.add(step.get("key"))


def main():
    ci, path, project, *variables = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    runner = Runner(project, dict(variable.split("=", 1) for variable in variables))
    try:
        {"bitbucket": bitbucket, "circleci": circleci, "buildkite": buildkite}[ci](document, runner)
    finally:
        shutil.rmtree(runner.work)


main()
