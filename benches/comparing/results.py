"""What is written down: progress, the machine, and the figures as JSON."""

import datetime
import json
import os
import pathlib
import platform
import re
import sys


def say(text):
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def circumstances(arguments):
    """When and on what the figures were taken, for the head of the results."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "storage": arguments.storage,
        "rounds": arguments.rounds,
    }


def machine():
    processor = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": processor[1] if processor else platform.machine(),
        "memory": round(int(memory) / (1 << 20), 1),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "load": round(os.getloadavg()[0], 2),
    }


def dump(data, path):
    """Writes figures as JSON; those of one run are on one line."""
    text = json.dumps(data, indent=1, ensure_ascii=False)
    text = re.sub(r"\{\s+(\"seconds\"[^{}]*?)\s+\}", lambda found: "{" + re.sub(r"\s*\n\s*", " ", found[1]) + "}", text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
