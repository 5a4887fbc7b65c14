"""consign's emulator, in a process of its own."""

import contextlib
import re
import subprocess

from . import processes


@contextlib.contextmanager
def emulator(binary, folder, environment, *faults):
    """An emulator that keeps its state in `folder`/registry; gives the variables that lead to it."""
    command = [binary, "emulator", "--state", folder / "registry"]
    for fault in faults:
        command += ["--fault", fault]
    variables = {}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            list(map(str, command)),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            preexec_fn=processes.die_with_parent,
        )
    try:
        for line in process.stdout:
            if variable := re.fullmatch(r"export (\w+)=(.*)\n", line):
                variables[variable[1]] = variable[2].strip("'\"")
                if variable[1] == "CONSIGN_REGISTRY_ENDPOINT":
                    break
        else:
            raise processes.Failure(f"the emulator does not start:\n{(folder / 'log').read_text()}")
        yield variables
    finally:
        process.terminate()
        process.wait(processes.STOP_SECONDS)
        process.stdout.close()
